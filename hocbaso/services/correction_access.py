"""A correction request through the eyes of who asks: who reads it, whose turn it is, in what relation somebody stands to it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.correction_fields import read_year_field
from hocbaso.regulations.correction_flow import (
    OPEN_STATES,
    CorrectionKind,
    CorrectionParty,
    CorrectionState,
    may_decide,
    standing_of,
)
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.transcript_flow import SIGNED_STATES
from hocbaso.services import sheet_access, summer_fields
from hocbaso.services.access import NO_PUPIL, Actor, class_of_pupil, keeps_class, load_actor, roles_reaching
from hocbaso.services.in_force import delegates, in_force
from hocbaso.services.log_reading import aimed_at, require_rows_told

_NEVER_DELEGATED = frozenset({CorrectionKind.EXEMPTION.value, CorrectionKind.INHERITED.value})
"""What is the principal's own decision before the lock is so after it (docs/decisions/0033)."""
_HEADS = frozenset({Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.DELEGATE})
IS_OPEN = m.CorrectionRequest.state.in_([state.value for state in OPEN_STATES])
"""Of a request in a query: it is not over."""


def request_for(actor: Actor, request_id: int) -> m.CorrectionRequest:
    """The request, read afresh; NotFound for whom it does not concern (the IT officer always)."""
    request = db.session.get(m.CorrectionRequest, request_id, populate_existing=True)
    if request is not None and reads(actor, request):
        return request
    raise NotFound("Không có đề nghị sửa chữa này trong phần việc của thầy, cô.")


def reads(actor: Actor, request: m.CorrectionRequest) -> bool:
    """Whether a request concerns this person: who asked, the homeroom teacher, the heads of the school; of scores also who
    teaches them, of civil status also the clerk (who sees no score)."""
    if actor.is_system:
        return True
    if Permission.CORRECTION_READ not in actor.permissions:
        return False
    class_group = request.enrollment.class_group
    if request.asked_by == actor.account_id or class_group.id in actor.homeroom:
        return True
    if _HEADS & roles_reaching(actor, class_group):
        return True
    if request.kind == CorrectionKind.CIVIL_STATUS:
        return actor.has_role(Role.CLERK)
    return bool(class_subjects_of(request) & actor.teaching)


def class_subjects_of(request: m.CorrectionRequest) -> frozenset[int]:
    """The ``class_subject`` ids that a request concerns: of its sheets, of the subjects that were re-assessed; of an exemption also
    where it writes no cell."""
    if request.kind == CorrectionKind.SUMMER:
        return summer_fields.class_subjects(request)
    sheets = {item.score_sheet_id for item in request.items if item.score_sheet_id is not None}
    found = set(db.session.scalars(select(m.ScoreSheet.class_subject_id).where(m.ScoreSheet.id.in_(sheets))))
    if request.kind == CorrectionKind.EXEMPTION:
        fields = [field for item in request.items if (field := read_year_field(item.field or "")) is not None]
        found |= set(
            db.session.scalars(
                select(m.ClassSubject.id).where(
                    m.ClassSubject.class_group_id == request.enrollment.class_group_id,
                    m.ClassSubject.subject_id.in_({field.subject_id for field in fields}),
                )
            )
        )
    return frozenset(found)


def person_of(account_id: int | None) -> int | None:
    """Whose account it is."""
    if account_id is None:
        return None
    found: int | None = db.session.scalar(select(m.Account.person_id).where(m.Account.id == account_id))
    return found


def confirmers(request: m.CorrectionRequest, today: date) -> tuple[int, ...]:
    """Person ids of the homeroom teachers of today who did not ask."""
    asker = person_of(request.asked_by)
    return tuple(person for person in keepers(request.enrollment.class_group_id, today) if person != asker)


def keepers(class_group_id: int, today: date) -> tuple[int, ...]:
    """Person ids of whoever keeps a class today."""
    return tuple(
        db.session.scalars(
            select(m.HomeroomAssignment.person_id)
            .where(m.HomeroomAssignment.class_group_id == class_group_id, in_force(m.HomeroomAssignment, today))
            .order_by(m.HomeroomAssignment.id)
        )
    )


def pupil_of_keeper(actor: Actor, enrollment_id: int, today: date, refusal: str) -> m.Enrollment:
    """A pupil, for who keeps the class today; where nobody keeps it any more, for the principal. The class is read anew.

    Raises NotFound, NotAllowed (with ``refusal``).
    """
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound(NO_PUPIL)
    class_group = class_of_pupil(actor, enrollment.class_group_id, Permission.CLASS_READ)
    orphan = not keepers(class_group.id, today)
    keeps = keeps_class(actor, class_group) or (orphan and Role.PRINCIPAL in roles_reaching(actor, class_group))
    if not (keeps and actor.may(Permission.CORRECTION_ASK)):
        raise NotAllowed(refusal)
    db.session.refresh(class_group)
    return enrollment


def standing(request: m.CorrectionRequest, today: date) -> CorrectionState:
    """The state that counts (``correction_flow.standing_of``)."""
    return standing_of(CorrectionState(request.state), somebody_confirms=bool(confirmers(request, today)))


def holders(request: m.CorrectionRequest, today: date) -> tuple[int, ...]:
    """Person ids of whoever has to act next; empty for what is over."""
    match standing(request, today):
        case CorrectionState.ASKED:
            return confirmers(request, today)
        case CorrectionState.CONFIRMED:
            role = Role.VICE_PRINCIPAL if request.asked_by_principal else Role.PRINCIPAL
            rows = select(m.RoleGrant.person_id).where(m.RoleGrant.role == role.value, in_force(m.RoleGrant, today))
            asker = person_of(request.asked_by)
            heads = [person for person in db.session.scalars(rows.order_by(m.RoleGrant.id)) if person != asker]
            return tuple(dict.fromkeys([*heads, *_stand_ins(request, today)]))
        case CorrectionState.RETURNED:
            asker = person_of(request.asked_by)
            return (asker,) if asker is not None else ()
    return ()


def held_by(actor: Actor, today: date) -> list[int]:
    """Ids of the open requests on which this person has to act next, oldest first: :func:`holders` for all of them in two statements,
    and a few more a confirmed request for a delegate."""
    if actor.is_system or actor.person_id is None or Permission.CORRECTION_READ not in actor.permissions:
        return []
    rows = db.session.execute(
        select(
            m.CorrectionRequest.id,
            m.CorrectionRequest.state,
            m.CorrectionRequest.asked_by_principal,
            m.Enrollment.class_group_id,
            m.Account.person_id.label("asker"),
        )
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .outerjoin(m.Account, m.Account.id == m.CorrectionRequest.asked_by)
        .where(IS_OPEN)
        .order_by(m.CorrectionRequest.id)
    ).all()
    if not rows:
        return []
    kept: dict[int, set[int]] = {}
    for class_group_id, person_id in db.session.execute(
        select(m.HomeroomAssignment.class_group_id, m.HomeroomAssignment.person_id).where(
            m.HomeroomAssignment.class_group_id.in_({row.class_group_id for row in rows}),
            in_force(m.HomeroomAssignment, today),
        )
    ):
        kept.setdefault(class_group_id, set()).add(person_id)
    found = []
    for row in rows:
        confirm = kept.get(row.class_group_id, set()) - {row.asker}
        match standing_of(CorrectionState(row.state), somebody_confirms=bool(confirm)):
            case CorrectionState.ASKED:
                is_mine = actor.person_id in confirm
            case CorrectionState.CONFIRMED:
                role = Role.VICE_PRINCIPAL if row.asked_by_principal else Role.PRINCIPAL
                is_mine = actor.has_role(role) and actor.person_id != row.asker
                if not is_mine and actor.has_role(Role.DELEGATE):
                    request = db.session.get(m.CorrectionRequest, row.id)
                    is_mine = request is not None and _stands_in(actor, request)
            case _:
                is_mine = actor.person_id == row.asker
        if is_mine:
            found.append(row.id)
    return found


def _stand_ins(request: m.CorrectionRequest, today: date) -> list[int]:
    """Person ids of the delegates of today who may decide a confirmed request in the principal's place."""
    found = []
    for grant in db.session.scalars(delegates(today)).all():
        account_id = db.session.scalar(select(m.Account.id).where(m.Account.person_id == grant.person_id))
        try:
            actor = load_actor(account_id, today) if account_id is not None else None
        except NotFound:  # a shut account, or somebody who left
            continue
        if actor is not None and _stands_in(actor, request):
            found.append(grant.person_id)
    return found


def _stands_in(actor: Actor, request: m.CorrectionRequest) -> bool:
    """Whether a confirmed request waits for a delegate too.

    Not where a sealed record of the pupil might go out of force: whether it does takes the whole impact, which no page's
    rail can wait for, and recalling is the principal's own act.
    """
    asked = request.asked_by == actor.account_id or actor.person_id == person_of(request.asked_by)
    reaching = roles_reaching(actor, request.enrollment.class_group)
    return (
        Permission.CORRECTION_DECIDE in actor.permissions
        and Role.DELEGATE in reaching
        and request.kind not in _NEVER_DELEGATED
        and may_decide(
            is_asker=asked,
            is_principal=False,
            is_vice_principal=Role.VICE_PRINCIPAL in reaching,
            is_delegate=True,
            asked_by_principal=request.asked_by_principal,
            did_the_work=_did_the_work(actor, request),
            voids_sealed=_has_sealed(request),
        )
    )


def _has_sealed(request: m.CorrectionRequest) -> bool:
    """Whether the pupil has a sealed record of the year, of civil status of any year."""
    rows = select(m.TranscriptRecord.id).where(m.TranscriptRecord.state.in_([state.value for state in SIGNED_STATES]))
    if request.kind == CorrectionKind.CIVIL_STATUS:
        rows = rows.join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id).where(
            m.Enrollment.student_id == request.enrollment.student_id
        )
    else:
        rows = rows.where(m.TranscriptRecord.enrollment_id == request.enrollment_id)
    return db.session.scalar(rows.limit(1)) is not None


def parties_of(actor: Actor, request: m.CorrectionRequest, *, voids_sealed: bool = False) -> frozenset[CorrectionParty]:
    """The actor's relations to a request. ``voids_sealed``: whether approving takes a sealed record out of force."""
    if actor.is_system:
        return frozenset()
    parties: set[CorrectionParty] = set()
    asked = request.asked_by == actor.account_id or (
        actor.person_id is not None and actor.person_id == person_of(request.asked_by)
    )
    class_group = request.enrollment.class_group
    if asked:
        parties.add(CorrectionParty.ASKER)
    elif class_group.id in actor.homeroom and Permission.CORRECTION_CONFIRM in actor.permissions:
        parties.add(CorrectionParty.HOMEROOM)
    reaching = roles_reaching(actor, class_group)
    if Permission.CORRECTION_DECIDE in actor.permissions and may_decide(
        is_asker=asked,
        is_principal=Role.PRINCIPAL in reaching,
        is_vice_principal=Role.VICE_PRINCIPAL in reaching,
        is_delegate=Role.DELEGATE in reaching and request.kind not in _NEVER_DELEGATED,
        asked_by_principal=request.asked_by_principal,
        did_the_work=_did_the_work(actor, request),
        voids_sealed=voids_sealed,
    ):
        parties.add(CorrectionParty.DECIDER)
    return frozenset(parties)


def _did_the_work(actor: Actor, request: m.CorrectionRequest) -> bool:
    """Whether the sheets, the class or the confirmation are this person's own (``regulations/two_hands``)."""
    if request.enrollment.class_group_id in actor.homeroom or request.confirmed_by == actor.account_id:
        return True
    if request.kind == CorrectionKind.SUMMER:
        typed = any(row.typed_by == actor.account_id for row in summer_fields.rows_of(request).values())
        return typed or bool(summer_fields.class_subjects(request) & actor.teaching)
    sheets = {item.score_sheet_id for item in request.items if item.score_sheet_id is not None}
    return any(sheet_access.is_own(actor, sheet_access.read_head(sheet_id)) for sheet_id in sheets)


def require_untouched(request: m.CorrectionRequest) -> None:
    """Refuse a request that is not, whole, what the log tells of it (IntegrityFault): nobody asks or confirms by editing a table."""
    require_rows_told(
        aimed_at({"correction_request": [request.id]}),
        {
            "correction_request": [request],
            "correction_item": request.items,
            "correction_evidence": request.evidence,
            "correction_step": request.steps,
        },
        f"Đề nghị sửa chữa số {request.id} trong cơ sở dữ liệu",
    )
