"""One student's school year: everything entered in, every conclusion out, each with its sentence and article.

The service layer, the command ``rules evaluate`` and the transcript all come through :func:`evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hocbaso.errors import Invalid
from hocbaso.regulations import averages, awards, promotion, ratings
from hocbaso.regulations.averages import SEMESTER_NAMES, column_name, explain_average
from hocbaso.regulations.citations import INHERITED
from hocbaso.regulations.completeness import Gap, Value, marks_missing
from hocbaso.regulations.ratings import LEVEL_WORDS, MIN_SCORED_SUBJECTS, LearningRating
from hocbaso.regulations.registry import TT22_2021, Regulation
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion, ScoreOrigin, SubjectKind

__all__ = [
    "ConductResult",
    "DecidedLevel",
    "DecidedPromotion",
    "LearningResult",
    "SemesterMarks",
    "StudentYear",
    "StudentYearResult",
    "SubjectResult",
    "SubjectYear",
    "evaluate",
    "explain_average",
]

_TERMS = (*SEMESTER_NAMES, "cả năm", "sau kiểm tra, đánh giá lại")
_N_GAPS_NAMED = 5
BY_OLD_SCHOOL = "theo điểm nơi chuyển đến"
"""How every sentence names a result that the old school gave."""


@dataclass(frozen=True, slots=True)
class SemesterMarks:
    """Results of one subject and semester: tenths or Đ/CĐ; None is not entered (or to be made up), never 0.

    ``origins``: pairs of place (``regular_1``…, ``midterm``, ``final``) and origin; only for what was not simply entered.
    """

    regular: tuple[Value | None, ...] = ()
    midterm: Value | None = None
    final: Value | None = None
    origins: tuple[tuple[str, ScoreOrigin], ...] = ()


_NO_MARKS = SemesterMarks()


@dataclass(frozen=True, slots=True)
class SubjectYear:
    """One subject of one student. ``exempt`` stands for the two semesters; marks of an exempt semester do not count.

    ``elsewhere``: the semester was over when the pupil came from another school. Its result is that school's (``inherited``: the
    semester's average or Đ/CĐ as its paper says, None while it is awaited); marks of such a semester do not count.
    """

    code: str
    kind: SubjectKind
    lessons_per_year: int
    semesters: tuple[SemesterMarks, SemesterMarks] = (_NO_MARKS, _NO_MARKS)
    exempt: tuple[bool, bool] = (False, False)
    reassessed: Value | None = None
    name: str | None = None
    elsewhere: tuple[bool, bool] = (False, False)
    inherited: tuple[Value | None, Value | None] = (None, None)


@dataclass(frozen=True, slots=True)
class DecidedLevel:
    """The principal's recorded level. ``basis``: the results it was made on, :attr:`LearningResult.bases` of that day."""

    level: Level
    basis: str | None


@dataclass(frozen=True, slots=True)
class DecidedPromotion:
    """The principal's recorded conclusion of the year. ``basis``: :attr:`StudentYearResult.promotion_basis` of that day."""

    outcome: Promotion
    basis: str | None


@dataclass(frozen=True, slots=True)
class StudentYear:
    """All that the circular asks about a student's year. ``absences``: sessions, excused and unexcused together.

    ``decided_levels`` (semester I, II, year, after re-assessment) and ``decided_promotion`` are the principal's recorded
    decisions; they count only where the circular leaves the matter open (clause 3 in doubt, fewer than six scored
    subjects, disability), and only for the results they were made on: :func:`level_counts`.
    """

    grade_level: int
    subjects: tuple[SubjectYear, ...]
    conduct: tuple[Level | None, Level | None] = (None, None)
    conduct_after_summer: Level | None = None
    absences: int | None = None
    inclusive_disability: bool = False
    decided_levels: tuple[DecidedLevel | None, ...] = (None, None, None, None)
    decided_promotion: DecidedPromotion | None = None
    summer_over: bool = False
    """Whatever was to be re-assessed or trained has been: who took no part in it has no other way to be promoted."""
    id: object = None


@dataclass(frozen=True, slots=True)
class SubjectResult:
    """Results of a subject: tenths or Đ/CĐ, None where undefined. ``year`` is never overwritten by a re-assessment."""

    code: str
    kind: SubjectKind
    semesters: tuple[Value | None, Value | None]
    year: Value | None
    after_reassessment: Value | None
    exempt: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class LearningResult:
    """Learning of semester I, II, the year, and the year after re-assessment.

    The levels are the official ones (after clause 3 and recorded decisions); the ratings tell how they came about.
    ``bases``, ``decided`` and ``outdated`` have a fourth place for the level after re-assessment: the results that count
    there where people must decide (:func:`~hocbaso.regulations.ratings.basis_of`; None where the rule alone decides or a
    result is missing), whether a recorded decision made the level, and whether one was recorded on other results.
    """

    levels: tuple[Level | None, Level | None, Level | None]
    ratings: tuple[LearningRating | None, LearningRating | None, LearningRating | None]
    after_reassessment: Level | None
    rating_after: LearningRating | None
    bases: tuple[str | None, ...] = (None, None, None, None)
    decided: tuple[bool, ...] = (False, False, False, False)
    outdated: tuple[bool, ...] = (False, False, False, False)

    @property
    def year(self) -> Level | None:
        """The level of the year before re-assessment."""
        return self.levels[2]

    @property
    def adjusted(self) -> tuple[bool, bool, bool]:
        """Where clause 3 raised the level: semester I, II, year."""
        first, second, year = [rating is not None and rating.adjusted for rating in self.ratings]
        return first, second, year

    @property
    def in_doubt(self) -> tuple[bool, bool, bool, bool]:
        """Where the two readings of clause 3 differ: semester I, II, year, after re-assessment (the clause applies again)."""
        all_four = (*self.ratings, self.rating_after)
        first, second, year, after = [rating is not None and rating.needs_council_review for rating in all_four]
        return first, second, year, after

    @property
    def needs_council_review(self) -> tuple[bool, bool, bool]:
        """As :attr:`in_doubt`, the year before or after re-assessment in one: people must look at the year either way."""
        first, second, year, after = self.in_doubt
        return first, second, year or after


@dataclass(frozen=True, slots=True)
class ConductResult:
    """Conduct of the year, and the level after summer training where the year was Chưa đạt."""

    year: Level | None
    after_summer: Level | None


@dataclass(frozen=True, slots=True)
class StudentYearResult:
    """Every conclusion about a student's year. ``steps``: one Vietnamese sentence with its article per conclusion."""

    id: object
    regulation_version: str
    subjects: tuple[SubjectResult, ...]
    learning: LearningResult
    conduct: ConductResult
    promotion: Promotion
    award: Award | None
    gaps: tuple[Gap, ...] = ()
    steps: tuple[str, ...] = field(default=(), repr=False)
    promotion_basis: str | None = None
    """What a decision about the conclusion is made on; None where the rule concludes, or a gap keeps it from asking."""
    promotion_decided: bool = False
    """Whether the recorded decision is the conclusion."""
    promotion_outdated: bool = False
    """Whether a decision was recorded on something else and therefore does not count."""

    def subject(self, code: str) -> SubjectResult:
        """The subject with this code; KeyError when the student does not have it."""
        for result in self.subjects:
            if result.code == code:
                return result
        raise KeyError(code)


@dataclass(slots=True)
class _Counted:
    """Results that count for one rating, in the order of the subjects."""

    scored: list[tuple[str, int]] = field(default_factory=list)
    comment: list[tuple[str, PassFail]] = field(default_factory=list)
    complete: bool = True

    def add(self, subject: SubjectYear, value: Value | None) -> None:
        if value is None:
            self.complete = False
        elif isinstance(value, PassFail):
            self.comment.append((subject.code, value))
        else:
            self.scored.append((subject.code, value))


def evaluate(student_year: StudentYear, regulation: Regulation = TT22_2021) -> StudentYearResult:
    """Draw every conclusion that the circular allows from what is there; what is missing becomes gaps, not errors.

    Raises Invalid for contradictions: more regular marks than the rule asks, a subject twice, a value of the other kind.
    """
    steps: list[str] = []
    gaps: list[Gap] = []
    terms = (_Counted(), _Counted(), _Counted())
    after = _Counted()
    any_reassessed = False
    names: dict[str, str] = {}
    results = []
    for subject in student_year.subjects:
        if subject.code in names:
            raise Invalid(f"Môn {subject.code} xuất hiện hai lần. Mỗi môn chỉ ghi một lần.", field="subjects")
        names[subject.code] = subject.name or subject.code
        result = _evaluate_subject(subject, regulation, terms, gaps, steps)
        results.append(result)
        if not (subject.exempt[0] and subject.exempt[1]):
            if result.after_reassessment is not None:
                any_reassessed = True
                after.add(subject, result.after_reassessment)
            else:
                after.add(subject, result.year)

    learning = _evaluate_learning(student_year, regulation, terms, after if any_reassessed else None, names, steps)
    conduct = _evaluate_conduct(student_year, regulation, gaps, steps)
    if student_year.absences is None:
        gaps.append(Gap(None, None, "absences"))

    year_tenths = [tenths for _, tenths in terms[2].scored]
    award = None
    if not gaps and not student_year.inclusive_disability:
        award = regulation.award_of(conduct.year, learning.year, year_tenths)
        if award is not None:
            steps.append(awards.explain_award(award, year_tenths, regulation.articles))
    promotion_basis = None
    if not gaps and (student_year.inclusive_disability or learning.year is None):
        again = after if any_reassessed else None
        promotion_basis = _promotion_basis(student_year, learning, conduct, terms[2], again)
    decided = student_year.decided_promotion
    counts = decided is not None and promotion_basis is not None and decided.basis == promotion_basis
    outcome = _conclude(student_year, regulation, learning, conduct, gaps, names, steps, decision_counts=counts)
    brought = [one for one in student_year.subjects if any(one.elsewhere) and not all(one.exempt)]
    if brought and not gaps:
        steps[-1] += f"; {SEMESTER_NAMES[0]} {BY_OLD_SCHOOL} ({INHERITED})"
    return StudentYearResult(
        id=student_year.id,
        regulation_version=regulation.version,
        subjects=tuple(results),
        learning=learning,
        conduct=conduct,
        promotion=outcome,
        award=award,
        gaps=tuple(gaps),
        steps=tuple(steps),
        promotion_basis=promotion_basis,
        promotion_decided=counts,
        promotion_outdated=decided is not None and promotion_basis is not None and not counts,
    )


def level_counts(decided: DecidedLevel, basis: str | None, rating: LearningRating | None) -> bool:
    """Whether a recorded level is the official one of the results that ``basis`` names (Art. 9.3; 9.2 below six subjects).

    A decision settles the doubt about the results it was made on and no other. Where the rule gives a level, it may
    keep that one or take the next (clause 3: "điều chỉnh lên mức liền kề"), and only where the rule itself is in doubt.
    """
    if basis is None or decided.basis != basis:
        return False
    if rating is None:
        return True
    return rating.needs_council_review and decided.level.rank - rating.base_level.rank in (0, 1)


def _promotion_basis(
    student_year: StudentYear, learning: LearningResult, conduct: ConductResult, year: _Counted, after: _Counted | None
) -> str:
    """What Art. 12 looks at, as one text, where a person concludes: why, conduct, absences against the limit, results."""
    why = "disability" if student_year.inclusive_disability else "few"
    absent = "over" if (student_year.absences or 0) > promotion.MAX_ABSENCES else "within"
    words = f"{why} absent:{absent} conduct:{_or_dash(conduct.year)}/{_or_dash(conduct.after_summer)}"
    words += f" learning:{_or_dash(learning.year)} year: {ratings.basis_of(year.scored, year.comment)}"
    return words if after is None else f"{words} after: {ratings.basis_of(after.scored, after.comment)}"


def _or_dash(level: Level | None) -> str:
    return level.value if level is not None else "-"


def _evaluate_subject(
    subject: SubjectYear,
    regulation: Regulation,
    terms: tuple[_Counted, _Counted, _Counted],
    gaps: list[Gap],
    steps: list[str],
) -> SubjectResult:
    articles = regulation.articles
    name, scored, exempt = subject.name or subject.code, subject.kind is SubjectKind.SCORED, subject.exempt
    n_regular = regulation.regular_count(subject.lessons_per_year, subject.kind)
    value_type: type = int if scored else PassFail
    found: list[Value | None] = [None, None]
    for index in (0, 1):
        marks = subject.semesters[index]
        regular, midterm, final = marks.regular, marks.midterm, marks.final
        if len(regular) > n_regular:
            raise Invalid(
                f"{name}, {SEMESTER_NAMES[index]}: có {len(regular)} điểm thường xuyên, nhiều hơn {n_regular} lần "
                f"mà {articles.regular_count} yêu cầu. Hãy bớt các điểm thừa.",
                field=subject.code,
            )
        for value in (*regular, midterm, final):
            if value is not None and type(value) is not value_type:
                raise Invalid(
                    f"{name}, {SEMESTER_NAMES[index]}: kết quả không đúng loại; "
                    f"{'môn tính điểm cần điểm số' if scored else 'môn nhận xét chỉ ghi Đ hoặc CĐ'}.",
                    field=subject.code,
                )
        if exempt[index]:
            continue
        if subject.elsewhere[index]:
            brought = subject.inherited[index]
            if brought is not None and type(brought) is not value_type:
                raise Invalid(
                    f"{name}, {SEMESTER_NAMES[index]}: kết quả nơi chuyển đến không đúng loại của môn học.",
                    field=subject.code,
                )
            if brought is None:
                terms[index].complete = False
                gaps.append(Gap(subject.code, index + 1, "inherited"))
            else:
                found[index] = brought
                steps.append(f"{name}, {SEMESTER_NAMES[index]}: {_value_words(brought)} {BY_OLD_SCHOOL} ({INHERITED})")
                terms[index].add(subject, brought)
            continue
        if midterm is None or final is None or len(regular) < n_regular or None in regular:
            terms[index].complete = False
            gaps += [
                Gap(subject.code, index + 1, missing) for missing in marks_missing(regular, midterm, final, n_regular)
            ]
        elif scored:
            found[index] = regulation.semester_average(regular, midterm, final)  # type: ignore[arg-type]
            words = explain_average(regular, midterm, final)  # type: ignore[arg-type]
            steps.append(f"{name}, {SEMESTER_NAMES[index]}: {words} ({articles.subject_average})")
            terms[index].add(subject, found[index])
        else:
            found[index] = regulation.comment_semester(regular, midterm, final)  # type: ignore[arg-type]
            words = averages.explain_comment_semester(regular, midterm, final)  # type: ignore[arg-type]
            steps.append(f"{name}, {SEMESTER_NAMES[index]}: {words} ({articles.comment_result})")
            terms[index].add(subject, found[index])
        for column, origin in marks.origins:
            if origin is ScoreOrigin.MISSED_UNEXCUSED:
                counts = "0 điểm" if scored else "Chưa đạt"
                steps.append(
                    f"{name}, {SEMESTER_NAMES[index]}: {column_name(column)} vắng không phép hoặc không dự kiểm tra "
                    f"bù, tính {counts} ({articles.missed})"
                )

    first, second = found
    if exempt[0] and exempt[1]:
        steps.append(
            f"{name}: được miễn học cả năm theo quyết định của Hiệu trưởng, không tính vào kết quả học tập "
            f"({articles.learning_level})"
        )
        return SubjectResult(subject.code, subject.kind, (None, None), None, None, exempt)
    year: Value | None
    if exempt[0] or exempt[1]:
        taken, left_out = (1, 0) if exempt[0] else (0, 1)
        year = found[taken]
        if year is not None:
            article = articles.subject_average if scored else articles.comment_result
            steps.append(
                f"{name}, cả năm: miễn học {SEMESTER_NAMES[left_out]} theo quyết định của Hiệu trưởng, lấy kết quả "
                f"{SEMESTER_NAMES[taken]} → {_value_words(year)} ({article})"
            )
    elif scored:
        year = regulation.year_average(first, second)  # type: ignore[arg-type]
        if first is not None and second is not None:
            words = averages.explain_year_average(first, second)  # type: ignore[arg-type]
            brought_in = f", {SEMESTER_NAMES[0]} {BY_OLD_SCHOOL}" if subject.elsewhere[0] else ""
            steps.append(f"{name}, cả năm: {words}{brought_in} ({articles.subject_average})")
    else:
        year = regulation.comment_year(first, second)  # type: ignore[arg-type]
        if year is not None:
            steps.append(f"{name}, cả năm: lấy kết quả học kì II → {_value_words(year)} ({articles.comment_result})")
    terms[2].add(subject, year)

    after = None
    if subject.reassessed is not None:
        if type(subject.reassessed) is not value_type:
            raise Invalid(f"{name}: kết quả kiểm tra, đánh giá lại không đúng loại của môn học.", field=subject.code)
        if regulation.may_reassess(year):
            after = subject.reassessed
            steps.append(
                f"{name}: kiểm tra, đánh giá lại được {_value_words(after)}, thay cho {_value_words(year)} khi xét lên "
                f"lớp; kết quả cả năm giữ nguyên ({articles.reassessment})"
            )
        elif year is not None:
            steps.append(
                f"{name}: kết quả cả năm {_value_words(year)} không thuộc diện kiểm tra, đánh giá lại, nên kết quả "
                f"{_value_words(subject.reassessed)} không được dùng ({articles.reassessment})"
            )
    return SubjectResult(subject.code, subject.kind, (first, second), year, after, exempt)


def _value_words(value: Value | None) -> str:
    if value is None:
        return "chưa có"
    if isinstance(value, PassFail):
        return "Đạt" if value is PassFail.PASS else "Chưa đạt"
    return format_score(value)


def _evaluate_learning(
    student_year: StudentYear,
    regulation: Regulation,
    terms: tuple[_Counted, _Counted, _Counted],
    after: _Counted | None,
    names: dict[str, str],
    steps: list[str],
) -> LearningResult:
    found: list[LearningRating | None] = []
    levels: list[Level | None] = []
    bases: list[str | None] = []
    counted_decisions: list[bool] = []
    outdated: list[bool] = []
    decisions = (*student_year.decided_levels, *[None] * (len(_TERMS) - len(student_year.decided_levels)))
    for term, counted, decided in zip(_TERMS, (*terms, after), decisions, strict=True):
        rating = _rate(term, counted, regulation, names, steps) if counted is not None else None
        level = rating.final_level if rating is not None else None
        article = regulation.articles.learning_level if rating is None else regulation.articles.adjustment
        basis = None
        if counted is not None and counted.complete and (rating is None or rating.needs_council_review):
            basis = ratings.basis_of(counted.scored, counted.comment)
        counts = decided is not None and level_counts(decided, basis, rating)
        if decided is not None and counts:
            level = decided.level
            steps.append(f"Học tập {term}: mức {LEVEL_WORDS[level]} theo quyết định đã ghi của Hiệu trưởng ({article})")
        elif decided is not None and basis is not None:
            steps.append(
                f"Học tập {term}: quyết định đã ghi của Hiệu trưởng (mức {LEVEL_WORDS[decided.level]}) dựa trên kết quả "
                f"khác với kết quả bây giờ nên không dùng; cần xem xét lại ({article})"
            )
        found.append(rating)
        levels.append(level)
        bases.append(basis)
        counted_decisions.append(counts)
        outdated.append(decided is not None and basis is not None and not counts)
    return LearningResult(
        levels=(levels[0], levels[1], levels[2]),
        ratings=(found[0], found[1], found[2]),
        after_reassessment=levels[3],
        rating_after=found[3],
        bases=tuple(bases),
        decided=tuple(counted_decisions),
        outdated=tuple(outdated),
    )


def _rate(
    term: str, counted: _Counted, regulation: Regulation, names: dict[str, str], steps: list[str]
) -> LearningRating | None:
    if not counted.complete:
        return None
    rating = regulation.rate_learning(counted.scored, counted.comment)
    if rating is None:
        steps.append(
            f"Học tập {term}: chỉ còn {len(counted.scored)} môn tính điểm, dưới {MIN_SCORED_SUBJECTS} môn nên quy "
            f"định không có cách xếp mức; cần quyết định của Hiệu trưởng ({regulation.articles.learning_level})"
        )
    else:
        steps += ratings.explain_learning(term, rating, counted.scored, counted.comment, names, regulation.articles)
    return rating


def _evaluate_conduct(
    student_year: StudentYear, regulation: Regulation, gaps: list[Gap], steps: list[str]
) -> ConductResult:
    first, second = student_year.conduct
    gaps += [Gap(None, number, f"conduct_{number}") for number, level in ((1, first), (2, second)) if level is None]
    year = regulation.conduct_year(first, second)
    if first is not None and second is not None and year is not None:
        steps.append(ratings.explain_conduct_year(first, second, year, regulation.articles))
    after = student_year.conduct_after_summer
    if after is not None and year is not None:
        if year is Level.CHUA_DAT:
            steps.append(
                f"Rèn luyện: đánh giá lại sau rèn luyện hè → {LEVEL_WORDS[after]}, thay cho Chưa đạt khi xét lên lớp; "
                f"kết quả cả năm giữ nguyên ({regulation.articles.summer_training})"
            )
            return ConductResult(year, after)
        steps.append(
            f"Rèn luyện: cả năm {LEVEL_WORDS[year]} nên không thuộc diện rèn luyện hè; mức {LEVEL_WORDS[after]} không "
            f"được dùng ({regulation.articles.summer_training})"
        )
    return ConductResult(year, None)


def _conclude(
    student_year: StudentYear,
    regulation: Regulation,
    learning: LearningResult,
    conduct: ConductResult,
    gaps: list[Gap],
    names: dict[str, str],
    steps: list[str],
    *,
    decision_counts: bool,
) -> Promotion:
    articles = regulation.articles
    if gaps:
        named = "; ".join(gap.words(names.get(gap.subject or "")) for gap in gaps[:_N_GAPS_NAMED])
        more = f"; và {len(gaps) - _N_GAPS_NAMED} mục nữa" if len(gaps) > _N_GAPS_NAMED else ""
        steps.append(f"Kết luận: chưa xét được vì chưa đủ dữ liệu. {named}{more} ({articles.promotion})")
        return Promotion.INCOMPLETE
    level, absences = learning.year, student_year.absences
    if student_year.inclusive_disability or level is None or conduct.year is None or absences is None:
        if student_year.inclusive_disability:
            why = f"học sinh khuyết tật hòa nhập được đánh giá theo kế hoạch giáo dục cá nhân ({articles.disability})"
        else:
            why = f"không đủ {MIN_SCORED_SUBJECTS} môn tính điểm để xếp mức học tập ({articles.learning_level})"
        if student_year.decided_promotion is not None and decision_counts:
            steps.append(f"Kết luận: theo quyết định đã ghi của Hiệu trưởng, vì {why}")
            return student_year.decided_promotion.outcome
        steps.append(f"Kết luận: phần mềm không tự kết luận, cần quyết định của Hiệu trưởng: {why}")
        return Promotion.DECISION_NEEDED
    after = learning.after_reassessment
    if after is not None and level is not Level.CHUA_DAT:
        steps.append(
            f"Học tập cả năm đã từ mức Đạt, nên kết quả kiểm tra, đánh giá lại không dùng để xét lên lớp "
            f"({articles.reassessment})"
        )
    outcome = regulation.conclude(
        student_year.grade_level,
        conduct.year,
        level,
        absences,
        conduct_after_summer=conduct.after_summer,
        learning_after_reassessment=after,
    )
    steps.append(
        promotion.explain_promotion(
            outcome,
            student_year.grade_level,
            conduct.year,
            level,
            absences,
            conduct_after_summer=conduct.after_summer,
            learning_after_reassessment=after,
            articles=articles,
        )
    )
    if student_year.summer_over and outcome in promotion.SUMMER_ROUTES:
        steps.append(promotion.explain_summer_not_taken(outcome, student_year.grade_level, articles))
        return Promotion.RETAINED
    return outcome
