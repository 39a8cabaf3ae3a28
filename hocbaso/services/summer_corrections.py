"""Asking for another result of the summer once the principal has approved it: the second freeze changes as the first does.

Who typed it asks, with evidence; the homeroom teacher confirms and the principal approves (R30; ``services/correction_requests``). The
frozen result gets its next revision, the former one stays; this is so also when the year is closed (docs/decisions/0032).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.summer_flow import SummerOutcome, SummerParty, SummerState
from hocbaso.services import correction_access, correction_requests, summer_cases, summer_results
from hocbaso.services.access import NO_PUPIL, Actor, roles_reaching
from hocbaso.services.in_force import in_force
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.summer_cases import Entry
from hocbaso.services.summer_fields import DAY, PAPER, PARTS, VALUE, SummerValue, field_of, text_of
from hocbaso.services.summer_results import Typed
from hocbaso.services.uploaded_papers import Upload


@dataclass(frozen=True, slots=True)
class SummerForm:
    """An approved entry with what may be asked for. ``present``: the texts of :data:`~hocbaso.services.summer_fields.PARTS`."""

    enrollment: m.Enrollment
    entry: Entry
    present: dict[str, str]


def may_ask(actor: Actor, class_group: m.ClassGroup, entry: Entry, now: datetime) -> bool:
    """Whether this person asks for another result: who types it today; where nobody does any more, the principal."""
    if entry.state is not SummerState.APPROVED or actor.is_system or not actor.may(Permission.CORRECTION_ASK):
        return False
    if SummerParty.EXAMINER in summer_cases.parties_of(actor, class_group, entry):
        return True
    if Role.PRINCIPAL not in roles_reaching(actor, class_group):
        return False
    today = clock.local_date(now)
    if entry.subject_id is None:
        return not correction_access.keepers(class_group.id, today)
    taught = select(func.count()).where(
        m.TeachingAssignment.class_subject_id == entry.class_subject_id, in_force(m.TeachingAssignment, today)
    )
    return not db.session.scalar(taught)


def form(actor: Actor, enrollment_id: int, subject_id: int | None, now: datetime) -> SummerForm:
    """The entry, for whoever may ask about it. Raises NotFound, NotAllowed, WrongState (not approved; the pupil has left)."""
    return _asked(actor, enrollment_id, subject_id, now)[0]


def _asked(
    actor: Actor, enrollment_id: int, subject_id: int | None, now: datetime
) -> tuple[SummerForm, m.SummerResult, summer_cases.Case]:
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound(NO_PUPIL)
    class_group = summer_cases.class_in_reach(actor, enrollment.class_group_id)
    case, entry = summer_cases.find_entry(summer_cases.cases_of(class_group, checked=True), enrollment_id, subject_id)
    if not summer_cases.sees(actor, class_group, entry):
        raise NotFound(NO_PUPIL)
    if entry.state is not SummerState.APPROVED:
        raise WrongState("Kết quả này chưa được duyệt nên sửa thẳng ở trang Trong hè, không cần đề nghị.")
    if enrollment.status not in ACTIVE:
        raise WrongState("Học sinh không còn học ở lớp này.")
    if not may_ask(actor, class_group, entry, now):
        who = "giáo viên chủ nhiệm" if subject_id is None else f"giáo viên dạy {entry.name} ở lớp"
        raise NotAllowed(f"Đề nghị sửa kết quả này do {who} lập; không còn ai thì do Hiệu trưởng lập.")
    row = next(row for row in summer_cases.rows_of(class_group.id) if _key(row) == (enrollment_id, subject_id))
    return SummerForm(enrollment, entry, {part: text_of(row, part) for part in PARTS}), row, case


def _key(row: m.SummerResult) -> tuple[int, int | None]:
    return row.enrollment_id, row.subject_id


def ask(
    actor: Actor,
    enrollment_id: int,
    subject_id: int | None,
    said: Typed,
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for another value, day or paper of an approved entry; ``said.version`` is that of the page.

    Raises NotFound, NotAllowed, WrongState (not approved, or it stands in an open request), Stale, IntegrityFault, Invalid (``field``:
    ``value``, ``reason`` or ``files``).
    """
    why = correction_requests.grounds(reason, files)
    with write_transaction():
        found, row, case = _asked(actor, enrollment_id, subject_id, now)
        enrollment, entry = found.enrollment, found.entry
        summer_results.require_as_told(enrollment.class_group)
        if said.version != row.version:
            raise Stale("Kết quả này vừa đổi sau khi thầy, cô mở trang. Chưa gửi gì; xin xem lại.")
        try:
            new = summer_results.read_typed(entry, said, case, clock.local_date(now))
        except Invalid as refusal:
            raise Invalid(refusal.message[:1].upper() + refusal.message[1:], field="value") from None
        if new.outcome != SummerOutcome.RESULT.value and found.present[VALUE] == SummerOutcome.DECLINED.value:
            raise Invalid("Em đã ghi là không tham gia: xin ghi kết quả có trên giấy.", field="value")
        items = _items(subject_id, found.present, new, row.version)
        if not items:
            raise Invalid("Chưa có gì đổi: xin ghi giá trị khác với giá trị đang có.", field="value")
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        return correction_requests.send(actor, CorrectionKind.SUMMER, enrollment, items, why, now)


def _items(subject_id: int | None, present: dict[str, str], new: SummerValue, version: int) -> list[m.CorrectionItem]:
    return [
        m.CorrectionItem(
            field=field_of(subject_id, part),
            seen_version=version,
            old_text=present[part] or None,
            new_text=text_of(new, part) or None,
        )
        for part in (VALUE, DAY, PAPER)
        if text_of(new, part) != present[part]
    ]
