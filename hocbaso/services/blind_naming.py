"""Naming who types from the papers in the group head's place: a teacher of the same group, never who knows the values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import CheckHead, check_for, counting, drawn_of, is_unseen, writers_of
from hocbaso.services.in_force import in_force
from hocbaso.services.sheet_hands import NO_HANDS, hands_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can be named."""

    person_id: int
    name: str


def candidates(actor: Actor, found: CheckHead, today: date) -> tuple[Candidate, ...]:
    """Teachers of the sheet's group who may be named, by name; where the group has nobody, the vice-principals.

    Left out: who teaches, typed or handed in the sheet, who keeps the class (a homeroom teacher reads its results), and
    the IT officer. A reviewer who named somebody stands among them, to take the check back.
    """
    if not found.may_name or not found.head.authors:
        return ()
    head = found.head
    teaching = select(m.TeachingAssignment.person_id).where(in_force(m.TeachingAssignment, today))
    of_sheet = teaching.where(m.TeachingAssignment.class_subject_id == head.class_subject_id)
    keeps = select(m.HomeroomAssignment.person_id).where(
        m.HomeroomAssignment.class_group_id == head.class_group_id, in_force(m.HomeroomAssignment, today)
    )
    holders = select(m.RoleGrant.person_id).where(in_force(m.RoleGrant, today))
    able = (
        select(m.Person.id, m.Person.full_name)
        .join(m.Account, m.Account.person_id == m.Person.id)
        .where(
            m.Account.disabled_at.is_(None),
            m.Account.id.not_in(writers_of(head.id)),
            m.Person.id.not_in(hands_of([head.id]).get(head.id, NO_HANDS).all),
            or_(m.Person.left_on.is_(None), m.Person.left_on >= today),
            m.Person.id.not_in(of_sheet),
            m.Person.id.not_in(keeps),
            m.Person.id.not_in(holders.where(m.RoleGrant.role == Role.IT_OFFICER.value)),
        )
        .order_by(m.Person.sort_key)
    )
    group_id = head.authors[0].subject_group_id
    rows = (
        db.session.execute(able.where(m.Person.subject_group_id == group_id, m.Person.id.in_(teaching))).all()
        if group_id is not None
        else []
    )
    others = [row for row in rows if row.id != actor.person_id]
    if not others:
        deputies = holders.where(m.RoleGrant.role == Role.VICE_PRINCIPAL.value)
        rows = db.session.execute(able.where(m.Person.id.in_(deputies))).all()
        others = [row for row in rows if row.id != actor.person_id]
    listed = [Candidate(row.id, row.full_name) for row in others if not found.named or row.id != found.named.person_id]
    takes_back = found.named is not None and found.named.person_id != actor.person_id and found.may_settle
    if takes_back and actor.person_id is not None and SheetParty.REVIEWER in head.parties:
        listed.insert(0, Candidate(actor.person_id, actor.name))
    return tuple(listed)


def name_checker(actor: Actor, sheet_id: int, person_id: int, *, now: datetime) -> str:
    """Let this person type from the papers, or somebody else than before; returns the name.

    Raises NotFound and NotAllowed by scope, WrongState when nothing waits to be typed, Invalid for who cannot be named.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        found = check_for(actor, sheet_id, today)
        if not found.may_name:
            raise NotAllowed("Tổ trưởng hoặc Hiệu trưởng mới giao việc đối chiếu. Chưa có gì thay đổi.")
        if found.named is not None and found.named.person_id == person_id:  # the second click
            return found.named.name
        if found.head.state is not SheetState.SUBMITTED or not any(
            is_unseen(row) for row in counting(found.head, drawn_of(sheet_id))
        ):
            raise WrongState("Bảng điểm này không còn ô nào chờ gõ từ bài gốc. Chưa có gì thay đổi.")
        chosen = next((one for one in candidates(actor, found, today) if one.person_id == person_id), None)
        if chosen is None:
            raise Invalid("Xin chọn một người trong tổ không dạy và không nhập bảng điểm này.", field="person_id")
        row = session.scalar(select(m.BlindChecker).where(m.BlindChecker.score_sheet_id == sheet_id))
        if row is None:
            row = m.BlindChecker(score_sheet_id=sheet_id, version=0)
            session.add(row)
        row.person_id, row.named_at, row.named_by, row.named_by_name = person_id, now, actor.account_id, actor.name
        row.version += 1
        session.flush()
        audit.record(
            AuditTag.BLIND_CHECKER_NAMED,
            actor,
            now,
            target_kind="score_sheet",
            target_id=sheet_id,
            state=audit.states("blind_checker", [row]),
            before={"person": found.named.name} if found.named is not None else None,
            facts={"sheet": found.head.label, "person": chosen.name},
        )
        return chosen.name
