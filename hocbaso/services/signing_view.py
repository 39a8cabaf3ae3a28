"""One class's transcripts as a signer, the clerk or the principal sees them: the odd ones first, what is new since the
last look, and the panel that stands before signing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, Incomplete
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.recall_flow import RECALLABLE
from hocbaso.regulations.transcript_flow import SIGNING_ORDER, RecordState, SignatureRole
from hocbaso.services import certificates, civil_status, overtaken_records, signing, transcripts
from hocbaso.services.access import Actor, class_for, reaches_class
from hocbaso.services.batch_scope import batches_of_class
from hocbaso.services.record_oddities import Change, changes_of, flags_of
from hocbaso.services.transcript_contents import YearElsewhere, deputies, principal_person, signers_of, years_elsewhere
from hocbaso.services.transcript_counts import recalled_days
from hocbaso.services.transcript_overview import ClassRow, class_row


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One student of the class."""

    enrollment_id: int
    name: str
    code: str
    uuid: str | None
    state: str | None
    learning: str | None
    conduct: str | None
    promotion: str | None
    award: str | None
    flags: tuple[str, ...]
    """Why a signer should look closely, in words; empty for an ordinary record."""
    is_new: bool
    """Built since the signer's last look."""
    changes: tuple[Change, ...]
    """Against the record this one replaces."""
    my_turn: bool
    recalled_on: date | None = None
    """Nothing built since the one before was recalled on this day."""


@dataclass(frozen=True, slots=True)
class SigningPanel:
    """What stands in the panel before signing. ``problem`` says why signing is not possible now."""

    role: SignatureRole
    signer_name: str
    certificate: certificates.CertificateView | None
    n_due: int
    problem: str | None

    @property
    def is_at_desk(self) -> bool:
        """Whether the key is on a token at the signer's own computer, which the page reaches itself."""
        return self.certificate is not None and self.certificate.key_kind == "desk"


@dataclass(frozen=True, slots=True)
class ClassView:
    """The page of a class. ``rows``: what a person should look at first, then the rest in register order."""

    row: ClassRow
    looked_at: datetime | None
    n_changed: int
    odd: tuple[RecordRow, ...]
    plain: tuple[RecordRow, ...]
    panel: SigningPanel | None
    may_build: bool
    build_problem: str | None
    principal_choices: tuple[tuple[int, str], ...]
    """(person id, name) of deputies who may sign for the principal; the principal's own name is id 0."""
    may_publish: bool
    may_recall: bool
    batch_ids: tuple[int, ...]

    @property
    def rows(self) -> tuple[RecordRow, ...]:
        """Everybody, the odd ones first."""
        return self.odd + self.plain


def class_view(actor: Actor, class_group_id: int, now: datetime) -> ClassView:
    """Everything a signer, the clerk or the principal sees of a class. NotFound outside one's reach."""
    class_group = class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    enrollments = transcripts.students_of(class_group_id)
    records = transcripts.records_in_force(row.id for row in enrollments)
    frozen = transcripts.latest_frozen(row.id for row in enrollments)
    gone = recalled_days(row.id for row in enrollments)
    years = years_elsewhere(row.student_id for row in enrollments)
    looked_at = _looked_at(actor, class_group_id)
    role = _role_of(actor, class_group)
    rows = [
        _row(
            enrollment,
            records.get(enrollment.id),
            frozen.get(enrollment.id),
            looked_at,
            role,
            gone.get(enrollment.id),
            years.get(enrollment.student_id, ()),
        )
        for enrollment in enrollments
    ]
    odd = tuple(row for row in rows if row.flags or row.changes or (row.is_new and looked_at is not None))
    plain = tuple(row for row in rows if row not in odd)
    today = clock.local_date(now)
    chosen_principal = principal_person(today)
    choices = ([(0, chosen_principal.full_name)] if chosen_principal else []) + [
        (person.id, f"KT. Hiệu trưởng: {person.full_name}") for person in deputies(class_group, today)
    ]
    may_build = reaches_class(actor, class_group_id, Permission.TRANSCRIPT_BUILD) and len(records) < len(enrollments)
    return ClassView(
        row=class_row(class_group),
        looked_at=looked_at,
        n_changed=sum(1 for row in rows if row.is_new) if looked_at is not None else 0,
        odd=odd,
        plain=plain,
        panel=signer_panel(actor, role, sum(row.my_turn for row in rows), now),
        may_build=may_build,
        build_problem=_build_problem(class_group, now) if may_build else None,
        principal_choices=tuple(choices),
        may_publish=reaches_class(actor, class_group_id, Permission.TRANSCRIPT_PUBLISH)
        and any(row.state == RecordState.ISSUED.value for row in rows),
        may_recall=reaches_class(actor, class_group_id, Permission.TRANSCRIPT_RECALL),
        batch_ids=tuple(batches_of_class(actor, class_group)),
    )


def _role_of(actor: Actor, class_group: m.ClassGroup) -> SignatureRole | None:
    """In which role this person signs this class; the homeroom teacher's own class first."""
    if actor.is_system:
        return None
    for step in SIGNING_ORDER:
        if reaches_class(actor, class_group.id, signing.PERMISSION[step.role]):
            return step.role
    return None


def _build_problem(class_group: m.ClassGroup, now: datetime) -> str | None:
    if class_group.state != ClassState.APPROVED.value:
        return "Lớp chưa được duyệt tổng kết nên chưa lập học bạ được."
    try:
        signers_of(class_group, clock.local_date(now))
    except Incomplete as error:
        return error.message
    return None


def _row(
    enrollment: m.Enrollment,
    record: m.TranscriptRecord | None,
    frozen: m.FrozenResult | None,
    looked_at: datetime | None,
    role: SignatureRole | None,
    recalled_on: date | None,
    years: Iterable[YearElsewhere],
) -> RecordRow:
    student = enrollment.student
    if record is None:
        return RecordRow(
            enrollment.id,
            student.full_name,
            transcripts.student_code(student),
            None,
            None,
            None,
            None,
            None,
            None,
            (),
            False,
            (),
            False,
            recalled_on,
        )
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    flags = flags_of(content, json.loads(frozen.content) if frozen else {})
    flags = (*_overtaken(record, frozen, years), *flags)
    step = next((step for step in SIGNING_ORDER if step.role is role), None)
    return RecordRow(
        enrollment.id,
        content.student.full_name,
        transcripts.student_code(student),
        record.uuid,
        record.state,
        content.learning.year.value if content.learning.year else None,
        content.conduct.year.value if content.conduct.year else None,
        content.promotion.outcome.value if content.promotion.outcome else None,
        "; ".join(content.awards) or None,
        flags,
        looked_at is not None and record.built_at > looked_at,
        changes_of(record, content),
        step is not None and record.state == step.from_state.value,
    )


def _overtaken(
    record: m.TranscriptRecord, frozen: m.FrozenResult | None, years: Iterable[YearElsewhere]
) -> tuple[str, ...]:
    """What a record says otherwise than the school holds to be true, with what to do; nothing of one that is being recalled."""
    state = RecordState(record.state)
    if state is RecordState.RECALL_REQUESTED:
        return ()
    found = []
    if frozen is not None and frozen.id != record.frozen_result_id:
        if state not in RECALLABLE:
            found.append("Kết quả đã có bản mới: thu hồi và lập lại trước khi ký")
        elif overtaken_records.prints_otherwise(record, frozen):
            found.append("Khác kết quả đã chốt: đề nghị thu hồi lại hoặc sửa lại kết quả")
    if civil_status.printed_otherwise(record, years):
        what = "đề nghị thu hồi" if state in RECALLABLE else "thu hồi và lập lại trước khi ký"
        found.append(f"Hồ sơ đã đổi sau khi lập: {what}")
    return tuple(found)


def signer_panel(actor: Actor, role: SignatureRole | None, n_due: int, now: datetime) -> SigningPanel | None:
    """What stands before ``n_due`` signatures of the actor in a role; None where there is nothing to sign."""
    if role is None or n_due == 0:
        return None
    person = None if role is SignatureRole.SEAL else db.session.get(m.Person, actor.person_id)
    row = certificates.current_certificate(person.id if person else None)
    view = certificates.view_of(row, now) if row is not None else None
    problem = None
    if view is None:
        problem = (
            "Trường chưa có chứng thư con dấu." if role is SignatureRole.SEAL else "Thầy, cô chưa đăng ký chứng thư số."
        )
    elif view.state not in ("good", "ending"):
        problem = {
            "expired": "Chứng thư số đã hết hạn.",
            "early": "Chứng thư số chưa đến ngày có hiệu lực.",
            "closed": "Khoá ký đã đóng vì nhập sai mã PIN năm lần; xin đăng ký lại.",
            "cancelled": "Nơi cấp đã thu hồi chứng thư số này; xin đăng ký chứng thư khác.",
            "untrusted": "Chứng thư số không do nơi cấp mà trường tin cậy.",
        }.get(view.state, "Chứng thư số đã ngừng dùng.")
    if row is not None and problem is None:
        try:
            certificates.require_bound(row, role)
        except DomainError as refusal:
            problem = refusal.message
    return SigningPanel(role, certificates.owner_of(person), view, n_due, problem)


def _looked_at(actor: Actor, class_group_id: int) -> datetime | None:
    if actor.account_id is None:
        return None
    found: datetime | None = db.session.scalar(
        select(m.SignerLook.looked_at).where(
            m.SignerLook.account_id == actor.account_id, m.SignerLook.class_group_id == class_group_id
        )
    )
    return found


def mark_looked(actor: Actor, class_group_id: int, now: datetime) -> None:
    """Remember that the actor has looked the class through; the next look begins with what is newer."""
    class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    if actor.account_id is None:
        return
    with write_transaction() as session:
        row = session.scalar(
            select(m.SignerLook).where(
                m.SignerLook.account_id == actor.account_id, m.SignerLook.class_group_id == class_group_id
            )
        )
        if row is None:
            session.add(m.SignerLook(account_id=actor.account_id, class_group_id=class_group_id, looked_at=now))
        else:
            row.looked_at = now
