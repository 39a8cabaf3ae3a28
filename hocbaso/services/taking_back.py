"""Taking back one's own approval within seconds: sheets and classes of one act, each back to where it stood.

An act on the daily page writes every step with one moment; that moment and the account name what was approved, so that nothing has to
be kept for it and nothing else can be taken back by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import aliased

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, NotAllowed, WrongState
from hocbaso.regulations import class_flow, score_sheet_flow
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetVerb
from hocbaso.regulations.taking_back import TOO_LATE, WINDOW, LastStep, is_open, why_not
from hocbaso.services import class_moves, reviews
from hocbaso.services.access import Actor, class_for
from hocbaso.services.bulk_acts import Outcome
from hocbaso.services.sheet_access import sheet_for

_BUILT_ON = "Sau lần duyệt ấy đã có việc khác dựa vào kết quả của lớp nên không hoàn tác được nữa."


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that may still be taken back: how much of it stands on top, and for how long, by the server's clock."""

    approved_at: datetime
    words: str
    """What was approved: ``12 lớp và 3 bảng điểm``, one thing by its name."""
    seconds_left: float


def offer(actor: Actor, approved_at: datetime, done_at: datetime, now: datetime) -> Offer | None:
    """The act of that moment, while this person may take it back; None when the time is over or nothing of it is left on top."""
    if not is_open(approved_at, done_at, now):
        return None
    sheets, classes = _on_top(actor, m.SheetStep, approved_at), _on_top(actor, m.ClassStep, approved_at)
    if not sheets and not classes:
        return None
    words = " và ".join(f"{len(some)} {what}" for some, what in ((classes, "lớp"), (sheets, "bảng điểm")) if some)
    if len(sheets) + len(classes) == 1:
        words = _sheet_label(actor, sheets[0].score_sheet_id, now) if sheets else _class_label(actor, classes[0])
    return Offer(approved_at, words, (done_at + WINDOW - now).total_seconds())


def take_back(actor: Actor, approved_at: datetime, done_at: datetime, *, now: datetime) -> list[Outcome]:
    """Take back what this person approved in the act of ``approved_at``: one transaction and one outcome an item.

    ``done_at``: when that act had been answered; the window runs from there, for a long list takes its time. Raises WrongState when the
    time is over or there is nothing to take back. An item with something newer on top is skipped and says so.
    """
    if not is_open(approved_at, done_at, now):
        raise WrongState(TOO_LATE)
    sheets = _steps(actor, m.SheetStep, approved_at)
    classes = _steps(actor, m.ClassStep, approved_at)
    if not sheets and not classes:
        raise WrongState("Không có lần duyệt nào của thầy, cô để hoàn tác. Chưa có gì thay đổi.")
    outcomes = []
    for sheet_id in [step.score_sheet_id for step in sheets]:
        label = _sheet_label(actor, sheet_id, now)
        try:
            _take_back_sheet(actor, sheet_id, approved_at, now)
            outcomes.append(Outcome(f"sheet-{sheet_id}", label, True))
        except DomainError as refusal:
            outcomes.append(Outcome(f"sheet-{sheet_id}", label, False, refusal.message))
    for class_group_id, label in [(step.class_group_id, _class_label(actor, step)) for step in classes]:
        try:
            _take_back_class(actor, class_group_id, approved_at, now)
            outcomes.append(Outcome(f"class-{class_group_id}", label, True))
        except DomainError as refusal:
            outcomes.append(Outcome(f"class-{class_group_id}", label, False, refusal.message))
    return outcomes


def _sheet_label(actor: Actor, sheet_id: int, now: datetime) -> str:
    return sheet_for(actor, sheet_id, Permission.SHEET_READ, clock.local_date(now)).label


def _class_label(actor: Actor, step: m.ClassStep) -> str:
    return f"Tổng kết lớp {class_for(actor, step.class_group_id, Permission.CLASS_READ).name}"


def _steps(actor: Actor, model: Any, approved_at: datetime) -> Sequence[Any]:
    """This account's approvals of that moment."""
    if actor.account_id is None:
        return ()
    return db.session.scalars(
        select(model)
        .where(model.by_account_id == actor.account_id, model.at == approved_at, model.verb == "approve")
        .order_by(model.id)
    ).all()


def _on_top(actor: Actor, model: Any, approved_at: datetime) -> list[Any]:
    """Those of them with no later step of the same sheet or class."""
    steps = _steps(actor, model, approved_at)
    if not steps:
        return []
    later = aliased(model)
    same = (
        later.score_sheet_id == model.score_sheet_id
        if model is m.SheetStep
        else later.class_group_id == model.class_group_id
    )
    passed = set(
        db.session.scalars(
            select(model.id).where(model.id.in_([step.id for step in steps]), exists().where(same, later.id > model.id))
        )
    )
    return [step for step in steps if step.id not in passed]


def _last_two(model: Any, aimed: Any) -> Sequence[Any]:
    return db.session.scalars(
        select(model).where(aimed).order_by(model.id.desc()).limit(2).execution_options(populate_existing=True)
    ).all()


def _refuse(steps: Sequence[Any], actor: Actor, approved_at: datetime) -> None:
    last = LastStep(steps[0].verb, steps[0].by_account_id, steps[0].at) if steps else None
    reason = why_not(last, account_id=actor.account_id, approved_at=approved_at)
    if reason:
        raise WrongState(f"{reason} Chưa có gì thay đổi.")


def _take_back_sheet(actor: Actor, sheet_id: int, approved_at: datetime, now: datetime) -> None:
    """APPROVED -> REVIEWED, standing there since when it had been reviewed."""
    with write_transaction():
        head = sheet_for(actor, sheet_id, Permission.SHEET_READ, clock.local_date(now))
        row = score_sheet_flow.find_move(head.state, SheetVerb.TAKE_BACK)
        steps = _last_two(m.SheetStep, m.SheetStep.score_sheet_id == sheet_id)
        _refuse(steps, actor, approved_at)
        if SheetParty.APPROVER not in head.parties:
            raise NotAllowed("Thầy, cô không còn quyền duyệt bảng điểm này. Chưa có gì thay đổi.")
        if steps[0].content_version != head.content_version:
            raise WrongState("Bảng điểm đã đổi sau khi duyệt. Chưa có gì thay đổi.")
        reviewed_at = steps[1].at if len(steps) > 1 else now
        reviews.carry_out(actor, head, row, None, now, state_at=reviewed_at)


def _take_back_class(actor: Actor, class_group_id: int, approved_at: datetime, now: datetime) -> None:
    """APPROVED -> FINALISED. What was frozen stays for the record and is read by nobody (``frozen_results.IN_FORCE``)."""
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        db.session.refresh(class_group)
        class_flow.find_move(ClassState(class_group.state), ClassVerb.TAKE_BACK)
        _refuse(_last_two(m.ClassStep, m.ClassStep.class_group_id == class_group_id), actor, approved_at)
        if ClassParty.APPROVER not in class_moves.parties_of(actor, class_group):
            raise NotAllowed("Thầy, cô không còn quyền duyệt lớp này. Chưa có gì thay đổi.")
        if _is_built_on(class_group_id, approved_at):
            raise WrongState(f"{_BUILT_ON} Chưa có gì thay đổi.")
        class_moves.move(actor, class_group, ClassVerb.TAKE_BACK, None, now)


def _is_built_on(class_group_id: int, approved_at: datetime) -> bool:
    """Whether anything rests on this approval: a record or a batch that makes one, a later freeze, a correction, the summer, or any other
    entry of the log about the class."""
    pupils = select(m.Enrollment.id).where(m.Enrollment.class_group_id == class_group_id)
    entry, moved = m.AuditEntry, aliased(m.AuditEntry)
    of_class = (entry.target_kind == "class_group", entry.target_id == str(class_group_id))
    approval = (
        select(moved.seq)
        .where(
            moved.target_kind == "class_group",
            moved.target_id == str(class_group_id),
            moved.tag == AuditTag.CLASS_MOVED.value,
        )
        .order_by(moved.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    return bool(
        db.session.scalar(
            select(
                or_(
                    exists().where(*of_class, entry.seq > approval),
                    exists().where(m.FrozenResult.enrollment_id.in_(pupils), m.FrozenResult.frozen_at > approved_at),
                    exists().where(
                        m.TranscriptRecord.enrollment_id.in_(pupils), m.TranscriptRecord.built_at >= approved_at
                    ),
                    exists().where(
                        m.SigningBatchItem.enrollment_id.in_(pupils),
                        m.SigningBatchItem.signing_batch_id == m.SigningBatch.id,
                        m.SigningBatch.started_at >= approved_at,
                    ),
                    exists().where(
                        m.CorrectionRequest.enrollment_id.in_(pupils), m.CorrectionRequest.asked_at >= approved_at
                    ),
                    exists().where(m.SummerResult.enrollment_id.in_(pupils), m.SummerResult.updated_at >= approved_at),
                )
            )
        )
    )
