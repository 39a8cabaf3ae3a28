"""Who has what to do in the summer, from the frozen results; what came of it; and what the year would be with it.

The list is the main freeze's: pupils whose conclusion is REASSESS (Art. 14) or SUMMER_TRAINING (Art. 13). Live sheets are not asked
who belongs to it. What the rows of ``summer_result`` say counts for a class's results only once it is approved; :func:`foreseen`
evaluates a pupil as if it were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound, WrongState
from hocbaso.regulations.citations import TT22
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.summer_flow import SETTLED, SummerOutcome, SummerParty, SummerState
from hocbaso.regulations.terms import Level, Promotion, SubjectKind
from hocbaso.services import class_moves, frozen_results
from hocbaso.services.access import Actor, keeps_class, reaches_class
from hocbaso.services.class_moves import ClassParty
from hocbaso.services.evaluation import evaluate_student, value_of
from hocbaso.services.results import ClassResults, StudentResult, comma, level_words
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.student_inputs import Mark

CONDUCT_NAME = "Rèn luyện trong kì nghỉ hè"
ARTICLES = {Promotion.REASSESS: TT22.reassessment, Promotion.SUMMER_TRAINING: TT22.summer_training}
MARKED = or_(*(m.FrozenResult.content.contains(f'"promotion":{{"outcome":"{one.value}"}}') for one in SUMMER_ROUTES))
"""Cheaper than reading every frozen year of the school; what it finds is read whole, the newest revision decides."""
NO_CLASS = "Không có lớp này trong phần việc của thầy, cô."


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject to re-assess, or conduct to train (``subject_id`` None). ``original``: the year's result, which stays.

    ``value``: 5,5, Đ, CĐ or a level in words; "" while there is none. ``text``: the same as it is typed. ``version`` 0: nobody has touched it.
    """

    enrollment_id: int
    subject_id: int | None
    class_subject_id: int | None
    name: str
    scored: bool
    original: str
    state: SummerState | None
    outcome: SummerOutcome | None
    value: str
    text: str
    task: str
    document: str
    assessed_on: date | None
    typist_name: str
    decider_name: str
    note: str
    version: int
    is_late: bool = False
    """Whether the principal holds the summer late for this pupil, by a case that is open (``conclusion_cases``)."""
    late_until: date | None = None
    """Its last day: after it nobody takes part any more unless the principal gives another."""

    @property
    def is_settled(self) -> bool:
        """Whether the teachers have done their part."""
        return self.state in SETTLED

    @property
    def is_opened(self) -> bool:
        """Whether the principal sent it back and has not had the answer: it may be registered and typed after the day of the freeze."""
        return (
            self.is_late
            or self.state is SummerState.RETURNED
            or (self.state is SummerState.REGISTERED and bool(self.note))
        )

    def is_over_late(self, today: date) -> bool:
        """Whether the day of a summer that is held late has passed."""
        return self.late_until is not None and today > self.late_until

    @property
    def key(self) -> str:
        """``12-3``, ``12-0`` for conduct: how forms name it."""
        return f"{self.enrollment_id}-{self.subject_id or 0}"


@dataclass(frozen=True, slots=True)
class Case:
    """One pupil of the list with everything that is asked. ``settled_as``: the conclusion of the newest summer freeze."""

    enrollment_id: int
    student_id: int
    full_name: str
    sort_key: str
    route: Promotion
    entries: tuple[Entry, ...]
    main: m.FrozenResult
    former: m.FrozenResult
    settled_as: Promotion | None
    since: date
    """The first day of what the summer asks: the year was frozen, or is over where the class was frozen later than that."""
    is_late: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether the principal may decide: the teachers are through, and something is not approved yet."""
        return all(one.is_settled for one in self.entries) and not self.is_done

    @property
    def is_done(self) -> bool:
        """Whether all is approved and frozen."""
        return self.settled_as is not None and all(one.state is SummerState.APPROVED for one in self.entries)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the year would be with what was typed. ``waits``: why it cannot be approved, one sentence each."""

    row: StudentResult
    waits: tuple[str, ...]


def rows_of(class_group_id: int) -> list[m.SummerResult]:
    """All rows of a class, read afresh, oldest first."""
    return list(
        db.session.scalars(
            select(m.SummerResult)
            .join(m.Enrollment, m.Enrollment.id == m.SummerResult.enrollment_id)
            .where(m.Enrollment.class_group_id == class_group_id)
            .order_by(m.SummerResult.id)
            .execution_options(populate_existing=True)
        )
    )


def cases_of(class_group: m.ClassGroup, *, checked: bool = False) -> tuple[Case, ...]:
    """The list of an approved class in register order; empty before. Not scoped: callers check the actor.

    ``checked``: each frozen text is hashed again and compared with the log (IntegrityFault); pages may leave that to the act.
    """
    if class_group.state != ClassState.APPROVED.value:
        return ()
    frozen: dict[int, dict[str, m.FrozenResult]] = {}
    of_class = select(m.Enrollment.id).where(m.Enrollment.class_group_id == class_group.id)
    marked = select(m.FrozenResult.enrollment_id).where(
        m.FrozenResult.enrollment_id.in_(of_class), m.FrozenResult.freeze == "main", MARKED
    )
    found = db.session.execute(
        select(m.FrozenResult, m.Enrollment.student_id, m.Student.full_name, m.Student.sort_key)
        .join(m.Enrollment, m.Enrollment.id == m.FrozenResult.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.Enrollment.class_group_id == class_group.id,
            m.Enrollment.status.in_(sorted(ACTIVE)),
            m.Enrollment.id.in_(marked),
        )
        .order_by(m.Student.sort_key, m.Enrollment.id, m.FrozenResult.revision)
        .execution_options(populate_existing=True)
    ).all()
    people = {}
    since: dict[int, date] = {}
    for row, student_id, full_name, sort_key in found:
        if frozen_results.is_by_approval(row):  # of two the later: the first one was taken back
            since[row.enrollment_id] = clock.local_date(row.frozen_at)
        frozen.setdefault(row.enrollment_id, {})[row.freeze] = row  # the highest revision comes last
        people[row.enrollment_id] = (student_id, full_name, sort_key)
    typed: dict[tuple[int, int | None], m.SummerResult] | None = None
    subjects: dict[str, tuple[m.Subject, int]] = {}
    late = _late_until(class_group.id)
    cases = []
    for enrollment_id, by_freeze in frozen.items():
        main = by_freeze.get("main")
        if main is None:
            continue
        former = by_freeze.get("summer", main)
        content = _content(main, checked)
        route = Promotion(content["promotion"]["outcome"])
        if route not in SUMMER_ROUTES:
            continue
        is_late = enrollment_id in late
        if typed is None:
            typed = {(row.enrollment_id, row.subject_id): row for row in rows_of(class_group.id)}
            subjects = _subjects(class_group.id)
        asked = _asked(content, route, subjects)
        if is_late and former is not main:
            # What a correction after the summer's freeze opened stands in the newer text; what was asked before stays on the list.
            newer = _content(former, checked)
            again = _asked(newer, _route_alone(newer, route), subjects)
            asked = [*again, *(one for one in asked if one[0] not in {named[0] for named in again})]
        student_id, full_name, sort_key = people[enrollment_id]
        cases.append(
            Case(
                enrollment_id,
                student_id,
                full_name,
                sort_key,
                route,
                tuple(
                    replace(
                        _entry(
                            enrollment_id, subject, class_subject_id, original, typed.get((enrollment_id, subject_id))
                        ),
                        is_late=is_late,
                        late_until=late.get(enrollment_id),
                    )
                    for subject_id, subject, class_subject_id, original in asked
                ),
                main,
                former,
                Promotion(_content(former, checked)["promotion"]["outcome"]) if former is not main else None,
                min(since[enrollment_id], class_group.school_year.ends_on),
                is_late,
            )
        )
    return tuple(cases)


def late_of(class_group_id: int) -> frozenset[int]:
    """Enrolments of a class for which the principal holds the summer late."""
    return frozenset(_late_until(class_group_id))


def _late_until(class_group_id: int) -> dict[int, date | None]:
    rows = db.session.execute(
        select(m.ConclusionCase.enrollment_id, m.ConclusionCase.until_on)
        .join(m.Enrollment, m.Enrollment.id == m.ConclusionCase.enrollment_id)
        .where(m.Enrollment.class_group_id == class_group_id, m.ConclusionCase.state == CaseState.SUMMER.value)
    )
    return {row.enrollment_id: row.until_on for row in rows}


def require_writable(class_group: m.ClassGroup, *named: Entry) -> None:
    """Refuse to write into the summer of a closed year, but for those for whom the principal holds it late (WrongState)."""
    if class_group.school_year.state != "OPEN" and not (named and all(one.is_late for one in named)):
        raise WrongState("Năm học đã đóng. Chưa có gì thay đổi.")


def require_in_late_time(entry: Entry, today: date) -> None:
    """Refuse to take part, or to write a result, after the last day of a summer that is held late (WrongState)."""
    if entry.is_over_late(today):
        raise WrongState(
            f"Hạn làm muộn của em đã qua ngày {entry.late_until:%d/%m/%Y}: Hiệu trưởng gia hạn trước. Chưa có gì thay đổi."
        )


def _route_alone(content: dict[str, Any], route: Promotion) -> Promotion:
    """Which way of the summer the year alone, as it was corrected, would open."""
    conduct, learning = (content[part]["year"] == Level.CHUA_DAT for part in ("conduct", "learning"))
    if conduct is learning:
        return route
    return Promotion.SUMMER_TRAINING if conduct else Promotion.REASSESS


def _content(row: m.FrozenResult, checked: bool) -> dict[str, Any]:
    return frozen_results.read_frozen(row) if checked else frozen_results.parsed(row)


def _subjects(class_group_id: int) -> dict[str, tuple[m.Subject, int]]:
    return {
        subject.code: (subject, class_subject_id)
        for subject, class_subject_id in db.session.execute(
            select(m.Subject, m.ClassSubject.id)
            .join(m.ClassSubject, m.ClassSubject.subject_id == m.Subject.id)
            .where(m.ClassSubject.class_group_id == class_group_id)
            .order_by(m.Subject.sheet_order)
        )
    }


def _asked(
    content: dict[str, Any], route: Promotion, subjects: dict[str, tuple[m.Subject, int]]
) -> list[tuple[int | None, m.Subject | None, int | None, str]]:
    """What the pupil may register: the subjects that Art. 14 names, or conduct."""
    if route is Promotion.SUMMER_TRAINING:
        return [(None, None, None, level_words(content["conduct"]["year"]))]
    regulation = regulation_named(content["regulation_version"])
    by_code = {row["code"]: row for row in content["subjects"]}
    asked: list[tuple[int | None, m.Subject | None, int | None, str]] = []
    for code, (subject, class_subject_id) in subjects.items():
        year = by_code.get(code, {}).get("year")
        if year in (None, frozen_results.EXEMPT_WORD) or not regulation.may_reassess(value_of(year)):
            continue
        asked.append((subject.id, subject, class_subject_id, comma(year)))
    return asked


def _entry(
    enrollment_id: int,
    subject: m.Subject | None,
    class_subject_id: int | None,
    original: str,
    row: m.SummerResult | None,
) -> Entry:
    text = ""
    if row is not None:
        text = format_score(row.tenths) if row.tenths is not None else row.mark or row.conduct or ""
    return Entry(
        enrollment_id,
        subject.id if subject is not None else None,
        class_subject_id,
        subject.name if subject is not None else CONDUCT_NAME,
        subject is not None and subject.kind == SubjectKind.SCORED.value,
        original,
        SummerState(row.state) if row is not None else None,
        SummerOutcome(row.outcome) if row is not None and row.outcome else None,
        level_words(row.conduct) if row is not None and row.conduct else text,
        text,
        (row.task or "") if row is not None else "",
        (row.document or "") if row is not None else "",
        row.assessed_on if row is not None else None,
        (row.typist_name or "") if row is not None else "",
        (row.decider_name or "") if row is not None else "",
        (row.note or "") if row is not None else "",
        row.version if row is not None else 0,
    )


# --- who may what -----------------------------------------------------------------------------------------------------


def parties_of(actor: Actor, class_group: m.ClassGroup, entry: Entry | None = None) -> frozenset[SummerParty]:
    """The actor's relations to the summer of a class, or to one entry of it.

    A delegate (KT.) never approves what they typed; of the principal the sheets' rule holds (``regulations/two_hands``).
    """
    found: set[SummerParty] = set()
    keeps = keeps_class(actor, class_group) and actor.may(Permission.CLASS_KEEP)
    if keeps:
        found.add(SummerParty.HOMEROOM)
    if entry is not None:
        teaches = entry.class_subject_id in actor.teaching and actor.may(Permission.SHEET_ENTER)
        if actor.is_system or (keeps if entry.subject_id is None else teaches):
            found.add(SummerParty.EXAMINER)
    if ClassParty.APPROVER in class_moves.parties_of(actor, class_group):
        found.add(SummerParty.APPROVER)
    return frozenset(found)


def sees(actor: Actor, class_group: m.ClassGroup, entry: Entry) -> bool:
    """Whether this person may see an entry: whoever reads the class, and of a subject whoever teaches it there."""
    if reaches_class(actor, class_group.id, Permission.CLASS_READ):
        return True
    return entry.class_subject_id in actor.teaching and actor.may(Permission.SHEET_READ)


def class_in_reach(actor: Actor, class_group_id: int) -> m.ClassGroup:
    """The class, for who reads it or teaches in it; NotFound otherwise."""
    row = db.session.get(m.ClassGroup, class_group_id, populate_existing=True)
    if row is not None:
        if reaches_class(actor, class_group_id, Permission.CLASS_READ):
            return row
        taught = select(m.ClassSubject.id).where(m.ClassSubject.class_group_id == class_group_id)
        if actor.may(Permission.SHEET_READ) and actor.teaching & set(db.session.scalars(taught)):
            return row
    raise NotFound(NO_CLASS)


def entry_named(cases: Iterable[Case], key: str) -> tuple[Case, Entry]:
    """The entry of an :attr:`Entry.key` that came with a form; NotFound for what names none."""
    enrollment_id, _, subject_id = key.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 12 for part in (enrollment_id, subject_id)):
        cases, enrollment_id, subject_id = (), "0", "0"
    return find_entry(cases, int(enrollment_id), int(subject_id) or None)


def find_entry(cases: Iterable[Case], enrollment_id: int, subject_id: int | None) -> tuple[Case, Entry]:
    """The entry; NotFound when the pupil or the subject is not on the list."""
    for case in cases:
        for entry in case.entries:
            if (entry.enrollment_id, entry.subject_id) == (enrollment_id, subject_id):
                return case, entry
    raise NotFound("Học sinh hoặc môn này không có trong danh sách của lớp.")


# --- with what was typed ----------------------------------------------------------------------------------------------


def foreseen(computed: ClassResults, case: Case) -> Foreseen:
    """The pupil evaluated as if all that was typed were approved and the summer over."""
    given = computed.by_id[case.enrollment_id].given
    values = {one.subject_id: one for one in case.entries if one.outcome is SummerOutcome.RESULT}
    lines = tuple(
        replace(line, reassessed=_point(values[line.subject.subject_id]))
        if line.subject.subject_id in values
        else replace(line, reassessed=None)
        for line in given.subjects
    )
    trained = values.get(None)
    given = replace(
        given, subjects=lines, conduct_after_summer=trained.text if trained is not None else None, summer_over=True
    )
    row = StudentResult(given, evaluate_student(given, computed.grade_level, computed.regulation_version))
    return Foreseen(row, tuple(_waits(row)))


def _point(entry: Entry) -> str | None:
    """The typed value as the rules take it."""
    text = entry.text.replace(",", ".")
    return text if entry.scored or not text else Mark(None, text, "entered").text


def _waits(row: StudentResult) -> list[str]:
    found = []
    if row.result.needs_review[3]:
        found.append("học tập sau kiểm tra, đánh giá lại cần Hội đồng xem xét theo Điều 9 khoản 3")
    if row.result.promotion in (Promotion.DECISION_NEEDED, *SUMMER_ROUTES):
        found.append("kết luận sau hè chờ quyết định của Hiệu trưởng")
    if row.result.promotion is Promotion.INCOMPLETE:
        found.append("kết quả cả năm đang thiếu; có đề nghị sửa chưa xong")
    return found


LEVEL_CHOICES: Sequence[tuple[str, str]] = tuple((level.value, level_words(level)) for level in Level)
