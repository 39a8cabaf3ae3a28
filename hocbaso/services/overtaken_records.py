"""Sealed records in force that say something else than the school holds to be true: whose recall was refused, by the authority or the principal.

The correction that overtook such a record stands; the paper does too. Nothing settles it but asking again, or correcting back
(docs/decisions/0045). What is asked for is no open piece of work here: it is on its way (``recall_steps``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.correction_impact import Change, SubjectName, impact
from hocbaso.regulations.recall_flow import RECALLABLE, RecallState
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.terms import SubjectKind
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import civil_status, frozen_results, printed_facts, study_history, transcripts
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.student_fields import FIELD_WORDS
from hocbaso.services.transcript_contents import YearElsewhere, years_elsewhere


@dataclass(frozen=True, slots=True)
class Overtaken:
    """One paper. ``changes``: what it prints and what is held to be true instead; ``fields``: what of civil status, and years elsewhere, the profile says otherwise.

    ``refusal``: who said no and what was written down, "" where nobody was asked. ``before``: the day before which somebody has to act.
    """

    record_uuid: str
    enrollment_id: int
    class_group_id: int
    class_name: str
    school_year: str
    student_name: str
    state: str
    changes: tuple[Change, ...]
    fields: tuple[str, ...]
    refusal: str
    reason: str
    is_here: bool
    """Whether the pupil is still in the class of the record, and so counted among it."""
    before: date

    @property
    def who(self) -> str:
        """Name, class and year in words."""
        return f"{self.student_name}, lớp {self.class_name} năm học {self.school_year.replace('-', '–')}"

    @property
    def against(self) -> str:
        """What the paper differs from, in words."""
        return "kết quả đã chốt" if self.changes or not self.fields else "hồ sơ"


def prints_otherwise(record: m.TranscriptRecord, frozen: m.FrozenResult) -> bool:
    """Whether a record does not print a frozen result; one that was changed behind the application's back is no ground to trust the paper."""
    try:
        return not printed_facts.prints_same(record, frozen)
    except IntegrityFault:
        return True


def overtaken() -> list[Overtaken]:
    """All of them, the oldest year first. Not scoped: callers check the actor."""
    return _read()


def by_class(school_year_id: int) -> dict[int, list[Overtaken]]:
    """Those of a year by class, of pupils who are still there."""
    found: dict[int, list[Overtaken]] = {}
    for one in _read(m.ClassGroup.school_year_id == school_year_id):
        if one.is_here:
            found.setdefault(one.class_group_id, []).append(one)
    return found


def of_class(class_group_id: int) -> list[Overtaken]:
    """Those of a class, of pupils who are still there."""
    return [one for one in _read(m.ClassGroup.id == class_group_id) if one.is_here]


def against_words(wrong: Iterable[Overtaken]) -> str:
    """What these papers differ from: ``kết quả đã chốt``, ``hồ sơ`` or both."""
    return " và ".join(sorted({one.against for one in wrong}, reverse=True))


def notices() -> list[str]:
    """A line a class for whoever checks the instance: nothing is damaged, and still somebody has to act."""
    found = Counter((one.class_name, one.school_year.replace("-", "–"), one.against) for one in overtaken())
    return [
        f"{n} học bạ lớp {name} năm học {year} đang có hiệu lực khác {against}: đề nghị thu hồi lại, hoặc sửa lại cho đúng."
        for (name, year, against), n in found.items()
    ]


def _read(*within: ColumnElement[bool]) -> list[Overtaken]:
    """Four statements, however many papers there are: the records with all that is said of them, what is frozen now, what was asked, the
    years elsewhere."""
    newer, refused = aliased(m.FrozenResult), aliased(m.RecallRequest)
    record, enrollment, class_group = m.TranscriptRecord, m.Enrollment, m.ClassGroup
    records = db.session.scalars(
        select(record)
        .join(record.enrollment)
        .join(enrollment.class_group)
        .join(class_group.school_year)
        .options(
            contains_eager(record.enrollment).options(
                joinedload(enrollment.student, innerjoin=True),
                contains_eager(enrollment.class_group).contains_eager(class_group.school_year),
            ),
            joinedload(record.frozen_result, innerjoin=True),
        )
        .where(
            record.state.in_([state.value for state in RECALLABLE]),
            or_(
                select(newer.id)
                .where(newer.enrollment_id == record.enrollment_id, newer.id > record.frozen_result_id)
                .exists(),
                select(refused.id)
                .where(refused.transcript_record_id == record.id, refused.state == RecallState.REFUSED.value)
                .exists(),
            ),
            *within,
        )
        .order_by(m.SchoolYear.starts_on, class_group.name, record.id)
        .execution_options(populate_existing=True)
    ).all()
    if not records:
        return []
    newest = transcripts.latest_frozen(row.enrollment_id for row in records)
    asked = _last_asked([row.id for row in records])
    years = years_elsewhere(row.enrollment.student_id for row in records)
    found = (
        _judged(row, newest.get(row.enrollment_id), asked.get(row.id), years.get(row.enrollment.student_id, ()))
        for row in records
    )
    return [one for one in found if one is not None]


def _last_asked(record_ids: Sequence[int]) -> dict[int, m.RecallRequest]:
    """The last recall request of each record, with its list."""
    rows = db.session.scalars(
        select(m.RecallRequest)
        .options(joinedload(m.RecallRequest.recall_list))
        .where(m.RecallRequest.transcript_record_id.in_(record_ids))
        .order_by(m.RecallRequest.id)
        .execution_options(populate_existing=True)
    )
    return {row.transcript_record_id: row for row in rows}


def _judged(
    record: m.TranscriptRecord,
    newest: m.FrozenResult | None,
    asked: m.RecallRequest | None,
    years: Iterable[YearElsewhere],
) -> Overtaken | None:
    other = newest is not None and prints_otherwise(record, newest)
    fields = civil_status.printed_otherwise(record, years) if asked is not None else ()
    if not other and not fields:
        return None
    since = [newest.frozen_at] if newest is not None and other else []
    refusal, answered = _refusal(asked)
    since += [answered] if answered is not None else []
    enrollment = record.enrollment
    class_group = enrollment.class_group
    return Overtaken(
        record.uuid,
        enrollment.id,
        class_group.id,
        class_group.name,
        class_group.school_year.label,
        enrollment.student.full_name,
        RecordState(record.state).value,
        _changes(record, newest) if newest is not None and other else (),
        tuple(study_history.WORDS if name == civil_status.PAST_YEARS else FIELD_WORDS[name] for name in fields),
        refusal,
        asked.reason if asked is not None else "",
        enrollment.status in ACTIVE and enrollment.left_on is None,
        due_before(clock.local_date(max(since))) if since else due_before(clock.local_date(record.built_at)),
    )


def _refusal(asked: m.RecallRequest | None) -> tuple[str, datetime | None]:
    """Who refused the last request and the words of it, and when."""
    if asked is None or asked.state != RecallState.REFUSED.value:
        return "", None
    of_list = asked.recall_list
    if of_list is not None and of_list.answered_at is not None:
        return f"Cấp trên không đồng ý thu hồi ({of_list.answer_note})", of_list.answered_at
    return f"{asked.decider_name} không duyệt thu hồi ({asked.decision_note})", asked.decided_at


def _changes(record: m.TranscriptRecord, newest: m.FrozenResult) -> tuple[Change, ...]:
    try:
        printed, held = (frozen_results.parsed(row) for row in (record.frozen_result, newest))
    except IntegrityFault:
        return ()
    subjects = {one["code"]: SubjectName(one["name"], SubjectKind(one["kind"])) for one in held["subjects"]}
    return impact(
        printed_facts.facts_of_frozen(printed),
        printed_facts.facts_of_frozen(held),
        subjects,
        regulation_named(newest.regulation_version).articles,
    )
