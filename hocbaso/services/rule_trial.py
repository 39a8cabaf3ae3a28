"""A class under other rules: who would have another result if a draft applied. Nothing is stored, nothing becomes official.

For those who conclude about a class anyway (its homeroom teacher, the heads of the school), from the same inputs that the class's own
results are drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hocbaso.errors import WrongState
from hocbaso.regulations.drafts import Draft, regulation_of
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.registry import Regulation, regulation_named
from hocbaso.regulations.terms import Award, Promotion
from hocbaso.services import results
from hocbaso.services.access import Actor, class_for
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.evaluation import EXEMPT, Evaluated, evaluate_by
from hocbaso.services.results import StudentResult, level_words

PROMOTION_WORDS = {
    Promotion.PROMOTED: "được lên lớp",
    Promotion.COMPLETED: "hoàn thành chương trình",
    Promotion.REASSESS: "kiểm tra, đánh giá lại",
    Promotion.SUMMER_TRAINING: "rèn luyện trong hè",
    Promotion.RETAINED: "không được lên lớp",
    Promotion.DECISION_NEEDED: "cần quyết định của Hiệu trưởng",
    Promotion.INCOMPLETE: "chưa đủ dữ liệu",
}
AWARD_WORDS = {Award.EXCELLENT_STUDENT: "Học sinh Xuất sắc", Award.GOOD_STUDENT: "Học sinh Giỏi"}
_NONE = "không"


@dataclass(frozen=True, slots=True)
class Difference:
    """One result of a pupil, by the law in force and by the draft, in words."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A pupil whose results would be others. ``steps``: how the law in force comes to its own, with articles."""

    enrollment_id: int
    full_name: str
    differences: tuple[Difference, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A class tried under a draft. ``n_incomplete``: pupils whom neither can conclude about yet."""

    class_group_id: int
    class_name: str
    year_label: str
    title: str
    n_students: int
    n_incomplete: int
    lines: tuple[TrialLine, ...]


def try_class(actor: Actor, class_group_id: int, draft: Draft, today: date) -> Trial:
    """Recompute a class by the draft and list who would change, in register order.

    Raises NotFound outside the actor's classes, WrongState while results are kept from this reader (đối chiếu bài gốc).
    """
    class_for(actor, class_group_id, Permission.CLASS_READ)
    if hidden_in_class(actor, class_group_id, today):
        raise WrongState(
            "Lớp có bảng điểm đang đối chiếu bài gốc mà thầy, cô chưa được xem. Đối chiếu xong thì thử được."
        )
    computed = results.compute_class(class_group_id, today)
    law = regulation_named(computed.regulation_version)
    tried = regulation_of(draft, law)
    lines = []
    for row in computed.students:
        other = evaluate_by(row.given, computed.grade_level, tried)
        differences = _differences(row, other, law, tried)
        if differences:
            lines.append(TrialLine(row.given.enrollment_id, row.given.full_name, differences, row.result.steps))
    return Trial(
        class_group_id,
        computed.class_name,
        computed.year_label,
        law.title,
        len(computed.students),
        sum(row.result.promotion is Promotion.INCOMPLETE for row in computed.students),
        tuple(lines),
    )


def _differences(row: StudentResult, other: Evaluated, law: Regulation, tried: Regulation) -> tuple[Difference, ...]:
    now = row.result
    pairs = [
        (f"Học tập {term}", level_words(now.learning[at]), level_words(other.learning[at]))
        for at, term in enumerate(("học kì I", "học kì II", "cả năm"))
    ]
    pairs += [
        ("Học tập sau kiểm tra lại", level_words(now.learning_after), level_words(other.learning_after)),
        ("Rèn luyện cả năm", level_words(now.conduct_year), level_words(other.conduct_year)),
        ("Môn được kiểm tra lại", _again(row, now, law), _again(row, other, tried)),
        ("Kết luận", PROMOTION_WORDS[now.promotion], PROMOTION_WORDS[other.promotion]),
        ("Khen thưởng", _award(now), _award(other)),
    ]
    return tuple(Difference(what, before or _NONE, after or _NONE) for what, before, after in pairs if before != after)


def _award(result: Evaluated) -> str:
    return AWARD_WORDS[Award(result.award)] if result.award else _NONE


def _again(row: StudentResult, result: Evaluated, rules: Regulation) -> str:
    """The subjects that may be re-assessed, for whoever is to be: the article opens that way to nobody else."""
    if result.promotion is not Promotion.REASSESS:
        return _NONE
    names = []
    for line in row.given.subjects:
        year = result.subjects[line.subject.code].year
        if year is not None and year != EXEMPT and rules.may_reassess(results.value_of(year)):
            names.append(line.subject.name)
    return ", ".join(names) or _NONE
