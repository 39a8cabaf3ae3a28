"""Transcript records: which is in force, of whom and within whose reach, and whether it is what the application wrote.

A record is one student and one school year under a UUID of its own. It is never edited: a correction recalls it and builds
another, which names the one it replaces (CV 2088/BGDĐT-GDTH annex 1; workflow.md, Transcript record). Building is
``transcript_building``, publishing and taking back ``transcript_moves``, signing ``signing``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import IntegrityFault, NotFound, Stale
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import audit, civil_status, frozen_results, printed_facts
from hocbaso.services.access import Actor, class_for
from hocbaso.services.log_reading import told_of

SEALED = tuple(state.value for state in SIGNED_STATES)
"""States in which a record is sealed and in force."""


def students_of(class_group_id: int) -> list[m.Enrollment]:
    """Enrolments of a class that are still there, in register order."""
    return list(
        db.session.scalars(
            select(m.Enrollment)
            .join(m.Student)
            .where(
                m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(("studying", "transferred_in"))
            )
            .order_by(m.Student.sort_key, m.Enrollment.id)
        )
    )


def student_code(student: m.Student) -> str:
    """The code that names a student's files: the sector database's, else the register number, else the row."""
    return student.moet_code or (student.register_no or "").replace("/", "-") or f"HS{student.id:06d}"


def records_in_force(enrollment_ids: Iterable[int]) -> dict[int, m.TranscriptRecord]:
    """The record in force of each enrolment that has one, read afresh."""
    ids = list(enrollment_ids)
    rows = db.session.scalars(
        select(m.TranscriptRecord)
        .where(m.TranscriptRecord.enrollment_id.in_(ids), m.TranscriptRecord.state != RecordState.RECALLED.value)
        .execution_options(populate_existing=True)
    )
    return {row.enrollment_id: row for row in rows}


def latest_frozen(enrollment_ids: Iterable[int]) -> dict[int, m.FrozenResult]:
    """The frozen result in force of each enrolment: of an approved class, the summer freeze over the main one, the higher revision over the lower."""
    newest: dict[int, m.FrozenResult] = {}
    rows = db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id.in_(list(enrollment_ids)), frozen_results.IN_FORCE)
        .execution_options(populate_existing=True)
    )
    for row in sorted(rows, key=lambda row: (row.freeze == "summer", row.revision, row.id)):
        newest[row.enrollment_id] = row
    return newest


def select_students(class_group_id: int, students: Sequence[str] | None) -> list[m.Enrollment]:
    """The enrolments of a class, all or those whose student code, register number or record UUID is named.

    Raises NotFound for a name that is not in the class.
    """
    everyone = students_of(class_group_id)
    if students is None:
        return everyone
    by_uuid = {
        record.uuid: enrollment_id for enrollment_id, record in records_in_force(row.id for row in everyone).items()
    }
    chosen: list[m.Enrollment] = []
    for wanted in students:
        found = [
            row
            for row in everyone
            if wanted in (row.student.moet_code, row.student.register_no, student_code(row.student), f"#{row.id}")
            or by_uuid.get(wanted) == row.id
        ]
        if not found:
            raise NotFound(f"Lớp không có học sinh mang mã {wanted}.")
        chosen.extend(row for row in found if row not in chosen)
    return chosen


def record_for(actor: Actor, record_uuid: str) -> m.TranscriptRecord:
    """The record, when its class is within the actor's reach; NotFound otherwise."""
    record = db.session.scalar(
        select(m.TranscriptRecord)
        .where(m.TranscriptRecord.uuid == record_uuid)
        .execution_options(populate_existing=True)
    )
    try:
        if record is not None:
            class_for(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_READ)
            return record
    except NotFound:
        pass  # another's record reads like none
    raise NotFound("Không có học bạ này trong phần việc của thầy, cô.")


def require_untouched(record: m.TranscriptRecord) -> tc.TranscriptContent:
    """The record's content, when the record is what the application wrote.

    Raises IntegrityFault when content, digests or state differ from what was recorded when they were written.
    """
    name = record.enrollment.student.full_name
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    if tc.content_digest(content) != record.content_digest or content.record_uuid != record.uuid:
        raise IntegrityFault(
            f"Nội dung học bạ của {name} trong cơ sở dữ liệu không còn như khi lập: đã bị sửa ngoài phần mềm. "
            "Không ký và không phát hành bản này."
        )
    told = told_of("transcript_record", record.id, under={})
    if told is None or audit.differing("transcript_record", audit.state_of("transcript_record", record), told):
        raise IntegrityFault(
            f"Học bạ của {name} trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm. "
            "Không ký và không phát hành bản này."
        )
    return content


OVERTAKEN = (
    "Học bạ này in khác kết quả đã chốt. Xin đề nghị cấp trên đồng ý thu hồi lại ở trang Thu hồi, hoặc sửa lại kết quả cho đúng "
    "như học bạ; trước đó không đi tiếp được."
)


def require_newest(record: m.TranscriptRecord) -> None:
    """Refuse a record that a newer frozen result or a changed profile has overtaken (Stale); a sealed one may rest on an older result that
    prints the same."""
    civil_status.require_printed(record)
    newest = latest_frozen([record.enrollment_id]).get(record.enrollment_id)
    sealed = RecordState(record.state) in SIGNED_STATES
    if newest is None or newest.id != record.frozen_result_id:
        if not sealed:
            raise Stale(
                "Kết quả của học sinh này đã có bản mới sau khi lập học bạ. Hãy thu hồi và lập lại trước khi đi tiếp."
            )
        if newest is None or not printed_facts.prints_same(record, newest):
            raise Stale(OVERTAKEN)
    frozen_results.read_frozen(newest)  # hashes it again and compares it with the log
