"""Many classes at once: building and signing a grade level or the school in one batch with one authentication, and going on
with what a batch left.

Each class is judged when its turn comes (that nothing was changed behind the application's back), so one spoilt class fails alone
and says why. A homeroom teacher signs class by class: nobody keeps a whole grade level.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, Invalid, NotFound, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import RecordState, SignatureRole, step_for
from hocbaso.services import (
    batch_scope,
    batches,
    document_pool,
    roster,
    signing,
    transcript_building,
    transcripts,
    untouched,
)
from hocbaso.services.access import Actor
from hocbaso.services.transcript_contents import Signers, signers_of

WIDE_STEPS = {
    "build": Permission.TRANSCRIPT_BUILD,
    SignatureRole.PRINCIPAL.value: Permission.TRANSCRIPT_SIGN_PRINCIPAL,
    SignatureRole.SEAL.value: Permission.TRANSCRIPT_SEAL,
}
"""What is done over many classes at once, and the power over each that it needs."""


@dataclass(frozen=True, slots=True)
class DueClass:
    """A class with something to do in a step. ``looked_at``: when the signer last looked it through, if ever."""

    class_group_id: int
    name: str
    grade_level: int
    n_due: int
    looked_at: datetime | None


def due_classes(actor: Actor, step: str) -> list[DueClass]:
    """The classes of the open year in which the actor could do a step now, by name; empty without the power."""
    if actor.is_system or WIDE_STEPS[step] not in actor.permissions:
        return []
    try:
        rows = batch_scope.classes_reached(actor, roster.open_year().id, WIDE_STEPS[step])
    except NotFound:  # no class of the open year, or no open year
        return []
    looks = {
        look.class_group_id: look.looked_at
        for look in db.session.scalars(select(m.SignerLook).where(m.SignerLook.account_id == actor.account_id))
    }
    found = []
    for row in rows:
        due = _due_of(actor, row, step)
        if due:
            found.append(DueClass(row.id, row.name, row.grade_level, len(due), looks.get(row.id)))
    return found


def _due_of(actor: Actor, row: m.ClassGroup, step: str, signer_name: str | None = None) -> list[int]:
    """Enrolments of a class that a step is due for: no record yet, or a record whose turn it is and that names this signer."""
    if step == "build" and row.state != ClassState.APPROVED.value:
        return []
    enrollments = transcripts.students_of(row.id)
    records = transcripts.records_in_force(each.id for each in enrollments)
    if step == "build":
        return [each.id for each in enrollments if each.id not in records]
    role = SignatureRole(step)
    if role is SignatureRole.PRINCIPAL and not actor.is_system:
        person = db.session.get(m.Person, actor.person_id)
        signer_name = person.full_name if person is not None else ""
    wanted = step_for(role).from_state
    return [
        each.id
        for each in enrollments
        if each.id in records
        and RecordState(records[each.id].state) is wanted
        and (role is not SignatureRole.PRINCIPAL or _names(records[each.id], signer_name))
    ]


def _names(record: m.TranscriptRecord, name: str | None) -> bool:
    """Whether the record names this person as the principal's hand (a record built for a deputy is the deputy's to sign)."""
    return name is None or bool(json.loads(record.content)["principal"]["name"] == tc.nfc(name))


@dataclass
class _Gate:
    """Asks once a class, when its first student comes: None, or the refusal that each of its students then gets."""

    judge: Callable[[int], Any]
    known: dict[int, Any] = field(default_factory=dict)

    def __call__(self, enrollment_id: int) -> Any:
        class_id = db.session.scalar(select(m.Enrollment.class_group_id).where(m.Enrollment.id == enrollment_id))
        if class_id is None:
            raise NotFound("Không còn học sinh này trong lớp.")
        if class_id not in self.known:
            try:
                self.known[class_id] = self.judge(class_id)
            except DomainError as refusal:
                self.known[class_id] = refusal
        found = self.known[class_id]
        if isinstance(found, DomainError):
            raise found
        return found


def sign_classes(
    actor: Actor,
    role: SignatureRole | str,
    class_ids: Sequence[int] | None,
    pin: str,
    now: datetime,
    *,
    publish_on_seal: bool = True,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Sign whatever waits for this signer in many classes of the open year (None: all within reach), with one authentication.

    As ``signing.sign_class`` for one class, which this hands one class to. Raises Invalid for a homeroom teacher's signature.
    """
    role = SignatureRole(role)
    if role is SignatureRole.HOMEROOM:
        raise Invalid("Giáo viên chủ nhiệm ký theo từng lớp.")
    year = roster.open_year()
    rows = batch_scope.classes_reached(actor, year.id, signing.PERMISSION[role], class_ids=class_ids)
    if class_ids is not None and len(rows) == 1:
        return signing.sign_class(
            actor,
            rows[0].id,
            role,
            pin,
            now,
            publish_on_seal=publish_on_seal,
            code=code,
            last_try=last_try,
            desk=desk,
            background=background,
            on_item=on_item,
        )
    name = _principal_name(rows) if actor.is_system and role is SignatureRole.PRINCIPAL else None
    due = {row.id: _due_of(actor, row, role.value, name) for row in rows}
    rows = [row for row in rows if due[row.id]]
    if not rows:
        raise WrongState(f"Không có học bạ nào chờ bước {batches.STEPS[role.value].lower()} trong các lớp đã chọn.")
    return _sign(
        actor,
        batch_scope.scope_over(rows),
        rows,
        role,
        [each for row in rows for each in due[row.id]],
        pin,
        now,
        publish_on_seal=publish_on_seal,
        code=code,
        last_try=last_try,
        desk=desk,
        background=background,
        on_item=on_item,
    )


def _principal_name(rows: Sequence[m.ClassGroup]) -> str | None:
    """Whom the first record that waits for the principal names: the system actor of a demonstration signs as that person."""
    content = db.session.scalar(
        select(m.TranscriptRecord.content)
        .join(m.Enrollment)
        .where(
            m.Enrollment.class_group_id.in_([row.id for row in rows]),
            m.TranscriptRecord.state == RecordState.HOMEROOM_SIGNED.value,
        )
        .order_by(m.TranscriptRecord.id)
        .limit(1)
    )
    return str(json.loads(content)["principal"]["name"]) if content else None


def _sign(
    actor: Actor,
    scope: batch_scope.BatchScope,
    rows: Sequence[m.ClassGroup],
    role: SignatureRole,
    due: Sequence[int],
    pin: str,
    now: datetime,
    **more: Any,
) -> m.SigningBatch:
    document_pool.config().proof.require_means()
    name = _principal_name(rows) if actor.is_system else None
    people = [signing.person_of_role(actor, row, role, now, name) for row in rows]
    return signing.start(actor, scope, role, people[0], due, pin, now, gate=_Gate(untouched.require_untouched), **more)


def build_classes(
    actor: Actor,
    class_ids: Sequence[int] | None,
    now: datetime,
    *,
    issue_on: date | None = None,
    deputy_person_id: int | None = None,
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Build what is missing in the approved classes of the open year (None: all within reach), as ``transcript_building.build_class``."""
    issue_on = transcript_building.require_issue_day(issue_on, now)
    rows = batch_scope.classes_reached(actor, roster.open_year().id, Permission.TRANSCRIPT_BUILD, class_ids=class_ids)
    due = {row.id: _due_of(actor, row, "build") for row in rows}
    rows = [row for row in rows if due[row.id]]
    if not rows:
        raise WrongState("Không có học bạ nào để lập: lớp chưa được duyệt tổng kết, hoặc đã lập đủ.")
    return transcript_building.start_build(
        actor,
        batch_scope.scope_over(rows),
        [each for row in rows for each in due[row.id]],
        now,
        _build_gate(now, deputy_person_id),
        batches.Choices(issue_on=issue_on, deputy_person_id=deputy_person_id),
        background=background,
        on_item=on_item,
    )


def _build_gate(now: datetime, deputy_person_id: int | None) -> Callable[[int], Signers]:
    today = clock.local_date(now)

    def judge(class_id: int) -> Signers:
        untouched.require_untouched(class_id)
        class_group = db.session.get(m.ClassGroup, class_id, populate_existing=True)
        if class_group is None or class_group.state != ClassState.APPROVED.value:
            raise WrongState("Lớp chưa được duyệt tổng kết nên chưa lập học bạ được.")
        return signers_of(class_group, today, deputy_person_id)

    return _Gate(judge)


def do_rest(
    actor: Actor,
    batch_id: int,
    pin: str,
    now: datetime,
    *,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Go on with what a batch left, waiting or failed, as whoever started it chose; the key is opened again.

    Raises NotFound, WrongState (nothing left, or at work), and what the step raises.
    """
    batch = batches.batch_for(actor, batch_id)
    scope = batch_scope.scope_of(batch)
    present = {each.id for row in batch_scope.classes_of(scope) for each in transcripts.students_of(row.id)}
    left = [
        item.enrollment_id
        for item in batches.batch_row(batch_id).items
        if item.outcome in ("waiting", "failed") and item.enrollment_id in present
    ]
    if not left:
        raise WrongState("Lượt này không còn bản nào phải làm tiếp.")
    power = batches.POWER_OF_STEP[batch.step]
    of_left = db.session.scalars(select(m.Enrollment.class_group_id).where(m.Enrollment.id.in_(left)).distinct()).all()
    rows = batch_scope.classes_reached(actor, scope.school_year_id, power, class_ids=of_left)
    if batch.step == "build":
        today = clock.local_date(now)
        issue_on = max(today, batch.issue_on or today)
        return transcript_building.start_build(
            actor,
            scope,
            left,
            now,
            _build_gate(now, batch.deputy_person_id),
            batches.Choices(issue_on=issue_on, deputy_person_id=batch.deputy_person_id),
            background=background,
            on_item=on_item,
        )
    role = SignatureRole(batch.step)
    more: dict[str, Any] = {
        "publish_on_seal": batch.publish_on_seal,
        "code": code,
        "last_try": last_try,
        "desk": desk,
        "background": background,
        "on_item": on_item,
    }
    if scope.class_group_id is not None:
        students = [f"#{each}" for each in left]
        return signing.sign_class(actor, scope.class_group_id, role, pin, now, students, **more)
    return _sign(actor, scope, rows, role, left, pin, now, **more)
