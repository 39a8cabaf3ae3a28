"""Moving a class from state to state: finalising, reopening, and the guards every move passes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, Invalid, NotAllowed, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb, find_move
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.two_hands import BOTH_HANDS, may_stand_for_principal
from hocbaso.services import audit, class_seal, results
from hocbaso.services.access import Actor, class_for, keeps_class, roles_reaching
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.class_gaps import bare_remarks, list_gaps
from hocbaso.services.log_reading import require_told


@dataclass(frozen=True, slots=True)
class ClassMoved:
    """A class after an act."""

    class_group_id: int
    name: str
    state: ClassState
    version: int


def finalise(
    actor: Actor,
    class_group_id: int,
    *,
    expected_version: int,
    seen: str,
    now: datetime,
    kept_remarks: frozenset[int] = frozenset(),
) -> ClassMoved:
    """Close the homeroom teacher's work: OPEN -> FINALISED.

    ``seen``: :func:`class_seal.seal` of what was on the screen; what the teacher wrote there since is theirs.
    ``kept_remarks``: enrolments whose remark says next to nothing and is meant so. Raises Incomplete (``gaps``: tuple of :class:`ClassGap`) while a sheet is unlocked, a field is empty or a decision
    is due, or such a remark was not answered for (kind "remark"); NotFound, NotAllowed, WrongState, Stale.
    """
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        guard_move(actor, class_group, ClassVerb.FINALISE, expected_version)
        computed = results.compute_class(class_group_id, clock.local_date(now), fresh=True)
        if not computed.students:
            raise WrongState(f"Lớp {class_group.name} chưa có học sinh nào.")
        gaps = list_gaps(computed)
        if gaps:
            kept = {
                class_subject_id
                for class_subject_id, _ in hidden_in_class(actor, class_group_id, clock.local_date(now))
            }
            codes = frozenset(subject.code for subject in computed.subjects if subject.class_subject_id in kept)
            gaps = list_gaps(computed, untold=codes)
            raise Incomplete(
                f"Chưa chốt được lớp {class_group.name}: còn {len(gaps)} việc. Những gì đã ghi vẫn còn nguyên.",
                gaps=gaps,
                details=tuple(gap.words for gap in gaps),
            )
        class_seal.require_seen(seen, computed, own_writing=True)
        asked = tuple(one for one in bare_remarks(computed) if one.enrollment_id not in kept_remarks)
        if asked:
            raise Incomplete(
                f"Trước khi chốt lớp {class_group.name}, xin xem lại {len(asked)} nhận xét quá ngắn. Lớp chưa chốt.",
                gaps=asked,
                details=tuple(one.words for one in asked),
            )
        return move(actor, class_group, ClassVerb.FINALISE, None, now)


def reopen(
    actor: Actor, class_group_id: int, *, expected_version: int, now: datetime, note: str | None = None
) -> ClassMoved:
    """Take a finalised class back before it is approved."""
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        guard_move(actor, class_group, ClassVerb.REOPEN, expected_version)
        return move(actor, class_group, ClassVerb.REOPEN, clean_note(note), now)


def parties_of(actor: Actor, class_group: m.ClassGroup) -> frozenset[ClassParty]:
    """The actor's relations to a class. Nobody approves by delegation the class they keep, or have themselves finalised."""
    if actor.is_system:
        return frozenset(ClassParty)
    parties: set[ClassParty] = set()
    if keeps_class(actor, class_group):
        parties.add(ClassParty.HOMEROOM)
    reaching = roles_reaching(actor, class_group)
    is_principal = Role.PRINCIPAL in reaching
    if (is_principal or Role.DELEGATE in reaching) and may_stand_for_principal(
        is_principal=is_principal,
        is_delegate=Role.DELEGATE in reaching,
        # Asked of a delegate only: one statement a class, and the principal's day looks at all of them.
        did_the_work=not is_principal and (ClassParty.HOMEROOM in parties or _finalised_by(actor, class_group)),
    ):
        parties.add(ClassParty.APPROVER)
    return frozenset(parties)


def _finalised_by(actor: Actor, class_group: m.ClassGroup) -> bool:
    """Whether this account was the last to finalise the class, whoever keeps it today."""
    last = db.session.scalar(
        select(m.ClassStep.by_account_id)
        .where(m.ClassStep.class_group_id == class_group.id, m.ClassStep.verb == ClassVerb.FINALISE.value)
        .order_by(m.ClassStep.id.desc())
        .limit(1)
    )
    return last is not None and last == actor.account_id


_WHOSE = {
    ClassParty.HOMEROOM: "giáo viên chủ nhiệm của lớp",
    ClassParty.APPROVER: "Hiệu trưởng hoặc người được uỷ quyền",
    ClassParty.SAME_HAND: "người vừa duyệt, ngay sau khi duyệt",
}


def guard_move(actor: Actor, class_group: m.ClassGroup, verb: ClassVerb, expected_version: int) -> None:
    """Read the class afresh and refuse: wrong state, wrong person, an older look at it. Inside the transaction."""
    db.session.refresh(class_group)
    row = find_move(ClassState(class_group.state), verb)
    if row.party not in parties_of(actor, class_group):
        if row.party is ClassParty.APPROVER and Role.DELEGATE in roles_reaching(actor, class_group):
            raise NotAllowed(BOTH_HANDS)
        raise NotAllowed(f"Việc này của {_WHOSE[row.party]}. Chưa có gì thay đổi.")
    if expected_version != class_group.version:
        raise Stale(
            "Lớp đã đổi sau khi thầy, cô mở trang. Xin xem lại rồi làm tiếp; chưa có gì thay đổi.",
            current=class_group.version,
        )


def clean_note(note: str | None) -> str | None:
    """A note of one paragraph; Invalid above 1000 characters."""
    words = " ".join(unicodedata.normalize("NFC", note or "").split()) or None
    if words and len(words) > 1000:
        raise Invalid("Ghi chú dài quá 1000 chữ. Chưa có gì thay đổi.", field="note")
    return words


def move(actor: Actor, class_group: m.ClassGroup, verb: ClassVerb, note: str | None, now: datetime) -> ClassMoved:
    """Write the move, its step and its entry; the guards have passed. Inside the caller's transaction."""
    session = db.session
    row = find_move(ClassState(class_group.state), verb)
    done = session.execute(
        update(m.ClassGroup)
        .where(
            m.ClassGroup.id == class_group.id,
            m.ClassGroup.version == class_group.version,
            m.ClassGroup.state == row.from_state.value,
        )
        .values(state=row.to_state.value, version=m.ClassGroup.version + 1)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Có người vừa chuyển lớp này. Xin mở lại trang; chưa có gì thay đổi.")
    require_told("class_group", class_group.id, {"state": row.from_state}, f"Lớp {class_group.name}")
    session.refresh(class_group)
    step = m.ClassStep(
        class_group_id=class_group.id,
        verb=verb.value,
        from_state=row.from_state.value,
        to_state=row.to_state.value,
        note=note,
        at=now,
        by_account_id=actor.account_id,
        by_name=actor.name,
    )
    session.add(step)
    session.flush()
    audit.record(
        AuditTag.CLASS_MOVED,
        actor,
        now,
        target_kind="class_group",
        target_id=class_group.id,
        state=audit.merge_states(
            audit.states("class_group", [class_group], columns=("state",)), audit.states("class_step", [step])
        ),
        before={"state": row.from_state},
        note=note,
        facts={"class": class_group.name, "verb": verb.value},
    )
    return ClassMoved(class_group.id, class_group.name, row.to_state, class_group.version)
