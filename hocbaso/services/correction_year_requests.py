"""Asking for a correction of what stands beside the sheets: semester I as an old school concluded it.

Asked by who keeps the class (who copied it, docs/decisions/0022), decided by the principal, carried out as every correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_fields import YearField, YearFieldKind
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import (
    corrected_year,
    correction_access,
    correction_evidence,
    correction_items,
    correction_requests,
    correction_steps,
    inherited_results,
    results,
)
from hocbaso.services.access import NO_PUPIL, Actor, class_of_pupil, keeps_class, roles_reaching
from hocbaso.services.correction_requests import ChangedCell
from hocbaso.services.score_lines import ACTIVE
from hocbaso.services.uploaded_papers import Upload

_REASON, _PAPER = 500, 200


@dataclass(frozen=True, slots=True)
class InheritedChoice:
    """One subject on the form: its field, what stands there as it is typed (8,5 or Đ)."""

    field: str
    subject_name: str
    scored: bool
    present: str


def require_keeper(actor: Actor, enrollment_id: int, today: date, whose: str) -> m.Enrollment:
    """A pupil for who keeps the class today; where nobody keeps it any more, for the principal. Raises NotFound, NotAllowed."""
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound(NO_PUPIL)
    class_group = class_of_pupil(actor, enrollment.class_group_id, Permission.CLASS_READ)
    orphan = not correction_access.keepers(class_group.id, today)
    keeps = keeps_class(actor, class_group) or (orphan and Role.PRINCIPAL in roles_reaching(actor, class_group))
    if not (keeps and actor.may(Permission.CORRECTION_ASK)):
        raise NotAllowed(f"{whose} do giáo viên chủ nhiệm của lớp lập. Chưa có gì thay đổi.")
    db.session.refresh(class_group)
    if enrollment.status not in ACTIVE:
        raise WrongState("Học sinh không còn học ở lớp này. Chưa có gì thay đổi.")
    return enrollment


# --- semester I of an old school -----------------------------------------------------------------------------------------


def require_asks_inherited(actor: Actor, enrollment_id: int, today: date) -> m.Enrollment:
    """A pupil of an approved class who brought semester I from elsewhere.

    Raises NotFound, NotAllowed, WrongState (was here in semester I; not approved: copied anew on the pupil's page; has left).
    """
    enrollment = require_keeper(actor, enrollment_id, today, "Đề nghị sửa kết quả nơi chuyển đến")
    class_group = enrollment.class_group
    if enrollment.first_semester == 1:
        raise WrongState("Em học học kì I ở trường này nên không có kết quả nơi chuyển đến. Chưa có gì thay đổi.")
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(
            f"Lớp {class_group.name} chưa được duyệt: mở lại lớp nếu đã chốt, rồi chép lại kết quả ở trang của học sinh, "
            "không cần đề nghị sửa chữa."
        )
    return enrollment


def asks_inherited(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`ask_inherited`."""
    try:
        require_asks_inherited(actor, enrollment_id, clock.local_date(now))
    except DomainError:
        return False
    return True


def inherited_form(actor: Actor, enrollment_id: int, now: datetime) -> tuple[m.Enrollment, tuple[InheritedChoice, ...]]:
    """The pupil and what stands of each subject. Raises as :func:`require_asks_inherited`."""
    enrollment = require_asks_inherited(actor, enrollment_id, clock.local_date(now))
    return enrollment, _inherited_choices(enrollment, clock.local_date(now))


def _inherited_choices(enrollment: m.Enrollment, today: date) -> tuple[InheritedChoice, ...]:
    given = corrected_year.find_student(results.compute_class(enrollment.class_group_id, today), enrollment.id)
    return tuple(
        InheritedChoice(
            YearField(YearFieldKind.INHERITED, line.subject.subject_id, 1).name,
            line.subject.name,
            line.subject.kind is SubjectKind.SCORED,
            results.comma(line.inherited or ""),
        )
        for line in given.subjects
        if not line.exempt[0]
    )


def ask_inherited(
    actor: Actor,
    enrollment_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    paper: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other results of semester I than those that were copied, as the old school's paper has them.

    ``raw``: field -> value as typed, ``seen``: as it stood on the page. Raises NotFound, NotAllowed, WrongState, Invalid (per
    field, ``reason``, ``paper``, ``files``, ``fields``), Stale (``current``: tuple of ``ChangedCell``).
    """
    said = correction_steps.words(reason, "reason", _REASON, required=True)
    document = correction_steps.words(paper, "paper", _PAPER, required=True)
    kept = correction_evidence.look(files)
    today = clock.local_date(now)
    with write_transaction():
        enrollment = require_asks_inherited(actor, enrollment_id, today)
        items, moved = [], []
        choices = {choice.field: choice for choice in _inherited_choices(enrollment, today)}
        if unknown := sorted(set(raw) - set(choices)):
            raise Invalid("Môn này không có kết quả nơi chuyển đến để sửa.", field=unknown[0])
        for field, text in raw.items():
            choice = choices[field]
            new = inherited_results.read_result(choice.subject_name, choice.scored, text, field)
            shown = results.comma(new)
            if seen.get(field, "") != choice.present:
                moved.append(ChangedCell(correction_items.field_words(field), choice.present or "trống", shown))
            elif shown != choice.present:
                old = choice.present.replace(",", ".") or None
                items.append(m.CorrectionItem(field=field, old_text=old, new_text=new))
        if moved:
            raise Stale("Kết quả đã đổi sau khi thầy, cô mở trang. Chưa gửi gì.", current=tuple(moved))
        if not items:
            raise Invalid(
                "Chưa có môn nào đổi: xin ghi vào ít nhất một môn kết quả khác với kết quả đang có.", field="fields"
            )
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        request = correction_requests.new_request(
            actor, CorrectionKind.INHERITED, enrollment, said or "", document, now
        )
        return correction_requests.send(actor, request, items, kept, now)
