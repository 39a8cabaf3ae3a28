"""Asking for a correction of what stands beside the sheets: semester I as an old school concluded it.

Asked by who keeps the class (who copied it, docs/decisions/0022), decided by the principal, carried out as every correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Invalid, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_fields import YearField, YearFieldKind
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import (
    corrected_year,
    correction_access,
    correction_requests,
    inherited_results,
    results,
)
from hocbaso.services.access import Actor
from hocbaso.services.correction_requests import AskedField
from hocbaso.services.score_lines import ACTIVE
from hocbaso.services.student_inputs import SubjectInput
from hocbaso.services.uploaded_papers import Upload

LIMITS = (500, 200)
"""As of ``correction_requests.LIMITS``: what becomes the reason and the document of a decision."""


@dataclass(frozen=True, slots=True)
class InheritedChoice:
    """One subject on the form: its field, what stands there as it is typed (8,5 or Đ)."""

    field: str
    subject_name: str
    scored: bool
    present: str


def require_keeper(actor: Actor, enrollment_id: int, today: date, whose: str) -> m.Enrollment:
    """A pupil for who keeps the class today; where nobody keeps it any more, for the principal. Raises NotFound, NotAllowed."""
    enrollment = correction_access.pupil_of_keeper(
        actor, enrollment_id, today, f"{whose} do giáo viên chủ nhiệm của lớp lập. Chưa có gì thay đổi."
    )
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
    return tuple(inherited_choice(line) for line in subject_lines(enrollment, today) if not line.exempt[0])


def subject_lines(enrollment: m.Enrollment, today: date) -> tuple[SubjectInput, ...]:
    """What the pupil has in each subject of the class today."""
    computed = results.compute_class(enrollment.class_group_id, today)
    return corrected_year.find_student(computed, enrollment.id).subjects


def inherited_choice(line: SubjectInput) -> InheritedChoice:
    """Semester I of one subject as a form shows it."""
    return InheritedChoice(
        YearField(YearFieldKind.INHERITED, line.subject.subject_id, 1).name,
        line.subject.name,
        line.subject.kind is SubjectKind.SCORED,
        results.comma(line.inherited),
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
    why = correction_requests.grounds(reason, files, paper=paper, limits=LIMITS)
    today = clock.local_date(now)
    with write_transaction():
        enrollment = require_asks_inherited(actor, enrollment_id, today)
        asked = []
        choices = {choice.field: choice for choice in _inherited_choices(enrollment, today)}
        if unknown := sorted(set(raw) - set(choices)):
            raise Invalid("Môn này không có kết quả nơi chuyển đến để sửa.", field=unknown[0])
        for field, text in raw.items():
            choice = choices[field]
            new = inherited_results.read_result(choice.subject_name, choice.scored, text, field)
            asked.append(
                AskedField(field, choice.present.replace(",", "."), new, seen.get(field, "") == choice.present)
            )
        items = correction_requests.changed_fields(
            asked, "Kết quả", "Chưa có môn nào đổi: xin ghi vào ít nhất một môn kết quả khác với kết quả đang có."
        )
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        return correction_requests.send(actor, CorrectionKind.INHERITED, enrollment, items, why, now)
