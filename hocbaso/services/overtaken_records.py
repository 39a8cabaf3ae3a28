"""Sealed records in force that say something else than the school holds to be true: whose recall was refused, by the authority or the principal.

The correction that overtook such a record stands; the paper does too. Nothing settles it but asking again, or correcting back
(docs/decisions/0045). What is asked for is no open piece of work here: it is on its way (``recall_steps``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

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
from hocbaso.services import civil_status, frozen_results, printed_facts, transcripts
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.student_fields import FIELD_WORDS


@dataclass(frozen=True, slots=True)
class Overtaken:
    """One paper. ``changes``: what it prints and what is held to be true instead; ``fields``: civil-status fields that the profile says otherwise.

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


def overtaken(school_year_id: int | None = None) -> list[Overtaken]:
    """All of them, of one year or of every year, the oldest year first. Not scoped: callers check the actor."""
    newer, refused = aliased(m.FrozenResult), aliased(m.RecallRequest)
    statement = (
        select(m.TranscriptRecord)
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.TranscriptRecord.state.in_([state.value for state in RECALLABLE]),
            or_(
                select(newer.id)
                .where(
                    newer.enrollment_id == m.TranscriptRecord.enrollment_id,
                    newer.id > m.TranscriptRecord.frozen_result_id,
                )
                .exists(),
                select(refused.id)
                .where(
                    refused.transcript_record_id == m.TranscriptRecord.id,
                    refused.state == RecallState.REFUSED.value,
                )
                .exists(),
            ),
        )
        .order_by(m.SchoolYear.starts_on, m.ClassGroup.name, m.TranscriptRecord.id)
        .execution_options(populate_existing=True)
    )
    if school_year_id is not None:
        statement = statement.where(m.ClassGroup.school_year_id == school_year_id)
    records = list(db.session.scalars(statement))
    newest = transcripts.latest_frozen(record.enrollment_id for record in records) if records else {}
    found = [_judged(record, newest.get(record.enrollment_id)) for record in records]
    return [one for one in found if one is not None]


def by_class(school_year_id: int) -> dict[int, list[Overtaken]]:
    """Those of a year by class, of pupils who are still there."""
    found: dict[int, list[Overtaken]] = {}
    for one in filter(lambda one: one.is_here, overtaken(school_year_id)):
        found.setdefault(one.class_group_id, []).append(one)
    return found


def of_class(class_group_id: int) -> list[Overtaken]:
    """Those of a class."""
    year_id = db.session.get_one(m.ClassGroup, class_group_id).school_year_id
    return by_class(year_id).get(class_group_id, [])


def notices() -> list[str]:
    """A line a class for whoever checks the instance: nothing is damaged, and still somebody has to act."""
    found = Counter((one.class_name, one.school_year.replace("-", "–"), one.against) for one in overtaken())
    return [
        f"{n} học bạ lớp {name} năm học {year} đang có hiệu lực khác {against}: đề nghị thu hồi lại, hoặc sửa lại cho đúng."
        for (name, year, against), n in found.items()
    ]


def _judged(record: m.TranscriptRecord, newest: m.FrozenResult | None) -> Overtaken | None:
    other = newest is not None and prints_otherwise(record, newest)
    asked = db.session.scalar(
        select(m.RecallRequest)
        .where(m.RecallRequest.transcript_record_id == record.id)
        .order_by(m.RecallRequest.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    fields = civil_status.printed_otherwise(record) if asked is not None else ()
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
        tuple(FIELD_WORDS[name] for name in fields),
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
        printed, held = (frozen_results.parsed(row) for row in (printed_facts.frozen_of(record), newest))
    except IntegrityFault:
        return ()
    subjects = {one["code"]: SubjectName(one["name"], SubjectKind(one["kind"])) for one in held["subjects"]}
    return impact(
        printed_facts.facts_of_frozen(printed),
        printed_facts.facts_of_frozen(held),
        subjects,
        regulation_named(newest.regulation_version).articles,
    )
