"""Asking for other values in the homeroom part of an approved class: by who keeps the class, one pupil at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Invalid, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.services import correction_access, correction_items, correction_requests, homeroom, homeroom_records
from hocbaso.services.access import Actor
from hocbaso.services.correction_requests import AskedField
from hocbaso.services.score_lines import ACTIVE
from hocbaso.services.uploaded_papers import Upload


def require_asks_homeroom(actor: Actor, enrollment_id: int, today: date) -> m.Enrollment:
    """A pupil of an approved class, for its homeroom teacher of today; where nobody keeps it any more, for the principal.

    Raises NotFound, NotAllowed, WrongState (not approved: the class is simply opened again; the pupil has left).
    """
    enrollment = correction_access.pupil_of_keeper(
        actor, enrollment_id, today, "Đề nghị sửa phần chủ nhiệm do giáo viên chủ nhiệm của lớp lập."
    )
    class_group = enrollment.class_group
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(f"Lớp {class_group.name} chưa được duyệt: mở lại lớp rồi sửa thẳng, không cần đề nghị.")
    if enrollment.status not in ACTIVE:
        raise WrongState("Học sinh không còn học ở lớp này.")
    return enrollment


def asks_homeroom(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`ask_homeroom`."""
    try:
        require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
    except DomainError:
        return False
    return True


def homeroom_form(actor: Actor, enrollment_id: int, now: datetime) -> tuple[m.Enrollment, dict[str, str]]:
    """The pupil and what stands in each field. Raises as :func:`require_asks_homeroom`."""
    enrollment = require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
    record = homeroom_records.record_of(enrollment_id)
    return enrollment, {name: correction_items.homeroom_text(record, name) for name in homeroom.FIELDS}


def ask_homeroom(
    actor: Actor,
    enrollment_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other values in the homeroom part of an approved class: conduct, absences, remark, awards.

    ``raw`` and ``seen`` as of ``correction_civil_requests.ask_civil_status``. Raises NotFound, NotAllowed, WrongState, Invalid, Stale.
    """
    why = correction_requests.grounds(reason, files)
    with write_transaction():
        enrollment = require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
        record = homeroom_records.record_of(enrollment_id)
        asked = []
        for field, text in raw.items():
            value = homeroom.read_value(field, text)
            if value is None and field in homeroom.REQUIRED:
                raise Invalid(f"{correction_items.field_words(field)}: không được để trống.", field=field)
            new, present = "" if value is None else str(value), correction_items.homeroom_text(record, field)
            asked.append(AskedField(field, present, new, seen.get(field, "") == present))
        items = correction_requests.changed_fields(asked, "Phần chủ nhiệm")
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        return correction_requests.send(actor, CorrectionKind.HOMEROOM, enrollment, items, why, now)
