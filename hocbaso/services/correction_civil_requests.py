"""Asking for other civil-status data of a pupil, or other years elsewhere: by the office or who keeps the class, with the decision it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.services import (
    audit,
    correction_access,
    correction_items,
    correction_requests,
    correction_steps,
    students,
    study_history,
)
from hocbaso.services.access import Actor
from hocbaso.services.civil_status import CIVIL_FIELDS, PAST_YEARS
from hocbaso.services.correction_items import shown_field
from hocbaso.services.correction_requests import AskedField
from hocbaso.services.uploaded_papers import Upload


def ask_civil_status(
    actor: Actor,
    student_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    paper: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other civil-status data of a pupil, or other years elsewhere (``PAST_YEARS``, the whole table), with the decision it
    rests on (clerk, or homeroom teacher of today).

    ``raw``: field -> new value as typed, ``seen``: as it stood on the page. Raises NotFound, NotAllowed, Invalid (per field,
    ``reason``, ``paper``, ``files``), WrongState (a field stands in an open request), Stale.
    """
    why = correction_requests.grounds(reason, files, paper=paper)
    with write_transaction() as session:
        students.profile(actor, student_id)  # NotFound outside the actor's reach
        student = session.get(m.Student, student_id, populate_existing=True)
        assert student is not None
        if not students.editable_fields(actor, student):
            raise NotAllowed("Đề nghị sửa hộ tịch do văn thư hoặc giáo viên chủ nhiệm của lớp lập.")
        unknown = sorted(set(raw) - CIVIL_FIELDS - {PAST_YEARS})
        if unknown:
            raise Invalid("Mục này không phải dữ liệu hộ tịch in trên học bạ.", field=unknown[0])
        asked = []
        for field, text in raw.items():
            present = correction_items.profile_text(student, field)
            if field == PAST_YEARS:
                new = study_history.text_of(study_history.read_text(text, student_id, clock.local_date(now)))
            else:
                new = shown_field(field, students.read_value(field, text))
            asked.append(AskedField(field, present, new, seen.get(field, "") == present))
        items = correction_requests.changed_fields(asked, "Hồ sơ")
        _guard_free_numbers(student_id, items)
        enrollment = _latest_enrollment(student_id)
        correction_requests.guard_open_fields(student_id, items)
        return correction_requests.send(actor, CorrectionKind.CIVIL_STATUS, enrollment, items, why, now)


def follow(actor: Actor, old: m.Enrollment, new: m.Enrollment, now: datetime) -> None:
    """Let the open requests about a pupil's civil status go along into another class of the year: who keeps that one confirms. In the
    caller's transaction. Raises IntegrityFault (a request is not what the log tells of it)."""
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .where(
            m.CorrectionRequest.enrollment_id == old.id,
            m.CorrectionRequest.kind == CorrectionKind.CIVIL_STATUS.value,
            correction_access.IS_OPEN,
        )
        .order_by(m.CorrectionRequest.id)
        .execution_options(populate_existing=True)
    )
    for request in rows.all():
        correction_access.require_untouched(request)
        request.enrollment_id = new.id  # the column itself: the entry tells of columns that were set
        request.version += 1
        db.session.flush()
        db.session.expire(request, ["enrollment"])
        audit.record(
            AuditTag.CORRECTION_FOLLOWED,
            actor,
            now,
            target_kind="correction_request",
            target_id=request.id,
            state=audit.states("correction_request", [request]),
            before={"class": old.class_group.name},
            facts=correction_steps.pupil_facts(request),
        )


def _latest_enrollment(student_id: int) -> m.Enrollment:
    found = db.session.scalar(
        select(m.Enrollment)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.Enrollment.student_id == student_id)
        # who went to another class of the year and came back has the older row
        .order_by(
            m.SchoolYear.starts_on.desc(), m.Enrollment.status == EnrollmentStatus.MOVED.value, m.Enrollment.id.desc()
        )
        .limit(1)
    )
    if found is None:
        raise WrongState("Học sinh chưa thuộc lớp nào nên hồ sơ sửa thẳng được.")
    return found


def _guard_free_numbers(student_id: int, items: Sequence[m.CorrectionItem]) -> None:
    for item in items:
        if item.field in ("personal_id_number", "moet_code", "register_no") and item.new_text:
            column = getattr(m.Student, item.field)
            if db.session.scalar(select(m.Student.id).where(column == item.new_text, m.Student.id != student_id)):
                raise Invalid("Số này đã thuộc về học sinh khác.", field=item.field)
