"""Long work on a class, a grade level or the school: one outcome a student, paused and taken up, and a second start that goes on.

A batch is opened with its items ``waiting``; each item is settled in the transaction that writes its effect. A process
that dies leaves the rest waiting, and the next start of the same step for the same scope takes the batch up again.
Nothing is done twice: the effect of an item is guarded where it is written (state and unique keys), not here.
How far it is, for a page: ``services/batch_view.py``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, batch_runner, document_pool
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.batch_scope import BatchScope, classes_of, may_see, scope_of

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=45)
"""A running batch of a machine that cannot be asked, without a sign of life for so long, has been interrupted."""

STEPS = {"build": "Lập học bạ", "homeroom": "Giáo viên chủ nhiệm ký", "principal": "Hiệu trưởng ký", "seal": "Đóng dấu"}
"""What a batch does, in words."""

POWER_OF_STEP = {
    "build": Permission.TRANSCRIPT_BUILD,
    "homeroom": Permission.TRANSCRIPT_SIGN_HOMEROOM,
    "principal": Permission.TRANSCRIPT_SIGN_PRINCIPAL,
    "seal": Permission.TRANSCRIPT_SEAL,
}
"""The power over each class that a step needs."""


@dataclass(frozen=True, slots=True)
class Job:
    """One item made ready: what a worker is to do, and what ``finish`` needs afterwards."""

    call: str
    args: tuple[Any, ...]
    context: Any


def running_clock(now: datetime) -> Callable[[], datetime]:
    """A clock that goes on from ``now``: services take the time as an argument, but a batch lasts minutes."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever started a batch chose for all of it."""

    issue_on: date | None = None
    deputy_person_id: int | None = None
    publish_on_seal: bool = False


def open_batch(
    actor: Actor,
    scope: BatchScope,
    step: str,
    enrollment_ids: Sequence[int],
    now: datetime,
    choices: Choices = Choices(),
) -> tuple[int, str | None]:
    """The id of the batch for these students and the name of the run that is to work on it now (None: it already runs here).

    A batch of the same step and scope that was interrupted or paused is taken up again for the students who are asked for now:
    waiting and failed items and any student new to it. What waited and is not asked for is settled as skipped: nobody signs
    what was not chosen. The caller hands the name to ``run``, or to ``batch_runner.release`` when it comes to nothing.
    Raises WrongState when another process works on it, or another batch of the step on some of these students.
    """
    if not enrollment_ids:
        raise WrongState("Không có học sinh nào để làm ở bước này.")
    with write_transaction() as session:
        old: m.SigningBatch | None = None
        for row in session.scalars(
            select(m.SigningBatch)
            .where(
                m.SigningBatch.school_year_id == scope.school_year_id,
                m.SigningBatch.step == step,
                m.SigningBatch.state != "DONE",
            )
            .order_by(m.SigningBatch.id)
            .execution_options(populate_existing=True)
        ):
            if _same_scope(row, scope):
                old = row
            elif is_alive(row, now) and set(waiting_items(row.id)) & set(enrollment_ids):
                raise WrongState(
                    f"{STEPS[step]} đang chạy cho {scope_of(row).name}, trong đó có các học sinh này. Xin đợi lượt ấy xong."
                )
        if old is not None:
            if old.state != "PAUSED" and is_alive(old, now):
                if old.state == "RUNNING" and document_pool.is_running(old.id):
                    return old.id, None
                raise WrongState("Việc này đang chạy ở nơi khác. Xin đợi một phút rồi bấm lại.")
            return old.id, _take_up(old, actor, enrollment_ids, now, choices)
        runner = batch_runner.take()
        batch = m.SigningBatch(
            school_year_id=scope.school_year_id,
            scope_kind=scope.kind,
            class_group_id=scope.class_group_id,
            grade_level=scope.grade_level,
            step=step,
            state="RUNNING",
            started_at=now,
            account_id=actor.account_id,
            actor_name=actor.name,
            runner=runner,
            issue_on=choices.issue_on,
            deputy_person_id=choices.deputy_person_id,
            publish_on_seal=choices.publish_on_seal,
        )
        session.add(batch)
        session.flush()
        _add_items(batch.id, enrollment_ids)
        audit.record(
            AuditTag.BATCH_STARTED,
            actor,
            now,
            target_kind="signing_batch",
            target_id=batch.id,
            facts={"scope": scope.name, "step": step, "n": len(enrollment_ids)},
        )
        return batch.id, runner


def _same_scope(row: m.SigningBatch, scope: BatchScope) -> bool:
    return (row.scope_kind, row.class_group_id, row.grade_level) == (
        scope.kind,
        scope.class_group_id,
        scope.grade_level,
    )


def _take_up(old: m.SigningBatch, actor: Actor, enrollment_ids: Sequence[int], now: datetime, choices: Choices) -> str:
    """Go on with a batch for these students; in the caller's transaction. A run that holds it paused finds itself overtaken."""
    known = {item.enrollment_id: item for item in old.items}
    for item in known.values():
        if item.outcome == "failed" and item.enrollment_id in enrollment_ids:
            item.outcome, item.reason, item.done_at = "waiting", None, None
        elif item.outcome == "waiting" and item.enrollment_id not in enrollment_ids:
            item.outcome, item.reason, item.done_at = "skipped", "Không chọn trong lần làm tiếp này.", now
    _add_items(old.id, [each for each in enrollment_ids if each not in known], start=len(known))
    runner = batch_runner.take()
    old.state, old.resumed_at = "RUNNING", now
    old.account_id, old.actor_name, old.runner = actor.account_id, actor.name, runner
    old.issue_on, old.deputy_person_id = choices.issue_on, choices.deputy_person_id
    old.publish_on_seal = choices.publish_on_seal
    _record_resumed(old, actor, now)
    return runner


def _record_resumed(batch: m.SigningBatch, actor: Actor, now: datetime) -> None:
    n_left = sum(item.outcome == "waiting" for item in batch.items)
    audit.record(
        AuditTag.BATCH_RESUMED,
        actor,
        now,
        target_kind="signing_batch",
        target_id=batch.id,
        facts={"step": batch.step, "n_left": n_left},
    )


def _add_items(batch_id: int, enrollment_ids: Sequence[int], start: int = 0) -> None:
    db.session.add_all(
        m.SigningBatchItem(signing_batch_id=batch_id, enrollment_id=enrollment_id, position=position)
        for position, enrollment_id in enumerate(enrollment_ids, start)
    )
    db.session.flush()


# --- pause ------------------------------------------------------------------------------------------------------------

HOLD_SECONDS = 300.0
"""So long a paused batch keeps its key open: within it going on needs no second PIN, after it the PIN is asked again."""


def pause(actor: Actor, batch_id: int, now: datetime) -> None:
    """Start no further item; those under way are finished. Whoever started it, or holds the same power over all of it.

    Raises NotFound, NotAllowed, WrongState (not running).
    """
    batch = batch_for(actor, batch_id)
    _require_may_steer(actor, batch)
    with write_transaction() as session:
        session.refresh(batch)
        if batch.state != "RUNNING" or not is_alive(batch, now):
            raise WrongState("Việc này không còn đang chạy.")
        batch.state = "PAUSING"
        audit.record(
            AuditTag.BATCH_PAUSED,
            actor,
            now,
            target_kind="signing_batch",
            target_id=batch.id,
            facts={"step": batch.step},
        )


def go_on(actor: Actor, batch_id: int, now: datetime) -> bool:
    """Go on with a paused batch whose key is still open; False when it has been closed and the batch must be started again.

    Only for whoever started it: the key is theirs. Raises NotFound, NotAllowed.
    """
    batch = batch_for(actor, batch_id)
    if batch.account_id != actor.account_id and not actor.is_system:
        raise NotAllowed(f"Lượt này do {batch.actor_name} mở bằng khoá ký của mình; chỉ người ấy bấm làm tiếp.")
    with write_transaction() as session:
        session.refresh(batch)
        if not is_alive(batch, now):
            return False
        if batch.state == "RUNNING":
            return True
        batch.state, batch.resumed_at = "RUNNING", now
        _record_resumed(batch, actor, now)
    return True


def batch_for(actor: Actor, batch_id: int) -> m.SigningBatch:
    """The batch, read afresh, when the actor may see all of it; NotFound otherwise, in the same words for none at all."""
    batch = db.session.get(m.SigningBatch, batch_id, populate_existing=True)
    if batch is None or not may_see(actor, batch):  # ids are numbered, and whether one exists is nobody else's business
        raise NotFound("Không có việc này trong phần việc của thầy, cô.")
    return batch


def may_steer(actor: Actor, batch: m.SigningBatch) -> bool:
    """Whether the actor may pause a batch: the one who started it, or who could have."""
    if actor.is_system or batch.account_id == actor.account_id:
        return True
    return all(reaches_class(actor, row.id, POWER_OF_STEP[batch.step]) for row in classes_of(scope_of(batch)))


def _require_may_steer(actor: Actor, batch: m.SigningBatch) -> None:
    if not may_steer(actor, batch):
        raise NotAllowed(f"Lượt này do {batch.actor_name} mở; chỉ người ấy hoặc người cùng việc được tạm dừng.")


def is_alive(batch: m.SigningBatch, now: datetime) -> bool:
    """Whether some process works on a batch, or holds it paused."""
    if batch.state == "DONE":
        return False
    lives = batch_runner.is_alive(batch.runner)
    if lives is not None:
        return lives
    latest = db.session.scalar(
        select(func.max(m.SigningBatchItem.done_at)).where(m.SigningBatchItem.signing_batch_id == batch.id)
    )
    seen = max(each for each in (latest, batch.started_at, batch.resumed_at) if each is not None)
    return seen <= now and now - seen < STALE_AFTER


def may_go_on(batch_id: int, runner: str, drain: Callable[[], None] = lambda: None) -> bool:
    """Asked before each item: True to go on. While the batch is paused, ``drain`` finishes what is under way, then this waits
    for as long as the key is held open; False when nobody went on within it, or another run has taken the batch over."""
    until = None
    while True:
        state, present = _standing(batch_id)
        if present != runner or state == "DONE":
            drain()
            return False
        if state == "RUNNING":
            return True
        if until is None:
            drain()
            until = time.monotonic() + HOLD_SECONDS
        if state == "PAUSING":
            with write_transaction() as session:
                session.execute(
                    update(m.SigningBatch)
                    .where(
                        m.SigningBatch.id == batch_id,
                        m.SigningBatch.state == "PAUSING",
                        m.SigningBatch.runner == runner,
                    )
                    .values(state="PAUSED")
                )
        elif time.monotonic() > until:
            return False
        else:
            time.sleep(0.2)


def _standing(batch_id: int) -> tuple[str, str | None]:
    db.session.commit()  # a new look: the old one reads what stood when it began
    row = db.session.execute(
        select(m.SigningBatch.state, m.SigningBatch.runner).where(m.SigningBatch.id == batch_id)
    ).one()
    return row.state, row.runner


# --- the work ---------------------------------------------------------------------------------------------------------


def run(
    batch_id: int,
    runner: str,
    actor: Actor,
    tick: Callable[[], datetime],
    prepare: Callable[[int], Job | None],
    finish: Callable[[int, Any, Any, datetime], None],
    *,
    on_item: Callable[[], None] | None = None,
) -> None:
    """Work through the waiting items of a batch, a few at a time.

    ``prepare(enrollment_id)`` reads and checks: a Job, None when the effect is already there, a DomainError when it cannot
    be. ``finish(enrollment_id, context, result, at)`` writes the effect; it runs in the transaction that settles the item.
    A DomainError fails the item and the others go on. Anything that ends the process leaves the rest waiting.
    """
    with batch_runner.working(runner):
        pending: dict[Future[Any], tuple[int, Any]] = {}
        window = document_pool.n_workers() + 1  # one more than workers, so that none idles while a result is written

        def drain() -> None:
            while pending:
                _collect(batch_id, pending, tick, finish, on_item)

        seen: set[int] = set()
        goes_on = True
        while goes_on and (fresh := [each for each in waiting_items(batch_id) if each not in seen]):
            for enrollment_id in fresh:
                goes_on = may_go_on(batch_id, runner, drain)
                if not goes_on:
                    break
                seen.add(enrollment_id)
                if not still_waits(batch_id, enrollment_id):
                    continue  # left out by a start in the meantime
                try:
                    job = prepare(enrollment_id)
                except DomainError as error:
                    settle(batch_id, enrollment_id, "failed", tick(), words_of(error), on_item)
                    continue
                if job is None:
                    settle(batch_id, enrollment_id, "skipped", tick(), None, on_item)
                    continue
                pending[document_pool.submit(job.call, *job.args)] = (enrollment_id, job.context)
                if len(pending) >= window:
                    _collect(batch_id, pending, tick, finish, on_item)
            drain()
        close_batch(batch_id, actor, tick())


def batch_row(batch_id: int) -> m.SigningBatch:
    """The batch as it stands now, its items with it."""
    batch = db.session.get(m.SigningBatch, batch_id, populate_existing=True)
    assert batch is not None
    db.session.refresh(batch, ["items"])
    for item in batch.items:
        db.session.refresh(item)
    return batch


def waiting_items(batch_id: int) -> list[int]:
    """Enrollments without an outcome, in order."""
    return list(
        db.session.scalars(
            select(m.SigningBatchItem.enrollment_id)
            .where(m.SigningBatchItem.signing_batch_id == batch_id, m.SigningBatchItem.outcome == "waiting")
            .order_by(m.SigningBatchItem.position)
        )
    )


def still_waits(batch_id: int, enrollment_id: int) -> bool:
    """Whether an item has no outcome yet."""
    return (
        db.session.scalar(
            select(m.SigningBatchItem.id).where(
                m.SigningBatchItem.signing_batch_id == batch_id,
                m.SigningBatchItem.enrollment_id == enrollment_id,
                m.SigningBatchItem.outcome == "waiting",
            )
        )
        is not None
    )


def _collect(
    batch_id: int,
    pending: dict[Future[Any], tuple[int, Any]],
    tick: Callable[[], datetime],
    finish: Callable[[int, Any, Any, datetime], None],
    on_item: Callable[[], None] | None,
) -> None:
    ready, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in ready:
        enrollment_id, context = pending.pop(future)
        conclude(batch_id, enrollment_id, context, future, tick(), finish)
        if on_item is not None:
            on_item()


def conclude(
    batch_id: int,
    enrollment_id: int,
    context: Any,
    future: Future[Any],
    at: datetime,
    finish: Callable[[int, Any, Any, datetime], None],
) -> None:
    """Wait for a worker's result and settle its item: the effect and ``done`` in one transaction, or ``failed`` with the reason."""
    try:
        result = future.result()
        with write_transaction():
            finish(enrollment_id, context, result, at)
            settle(batch_id, enrollment_id, "done", at, None, None)
    except DomainError as error:
        settle(batch_id, enrollment_id, "failed", at, words_of(error), None)
    except Exception:
        log.exception("batch %s, enrollment %s", batch_id, enrollment_id)
        settle(batch_id, enrollment_id, "failed", at, BROKEN_OFF, None)


BROKEN_OFF = "Máy làm hồ sơ dừng giữa chừng ở bản này; chưa có gì được ghi. Bấm làm tiếp để thử lại."
"""Said of an item whose worker broke off."""


def words_of(error: DomainError) -> str:
    """A refusal as an item keeps it."""
    return " ".join([error.message, *error.details])[:1000]


def settle(
    batch_id: int,
    enrollment_id: int,
    outcome: str,
    at: datetime,
    reason: str | None,
    on_item: Callable[[], None] | None,
) -> None:
    """Give an item its outcome."""
    with write_transaction() as session:
        session.execute(
            update(m.SigningBatchItem)
            .where(m.SigningBatchItem.signing_batch_id == batch_id, m.SigningBatchItem.enrollment_id == enrollment_id)
            .values(outcome=outcome, reason=reason, done_at=at)
        )
    if on_item is not None:
        on_item()


def close_batch(batch_id: int, actor: Actor, at: datetime) -> None:
    """End a batch in which nothing waits any more; otherwise do nothing."""
    with write_transaction() as session:
        outcomes = list(
            session.execute(
                select(m.SigningBatchItem.enrollment_id, m.SigningBatchItem.outcome, m.SigningBatchItem.reason).where(
                    m.SigningBatchItem.signing_batch_id == batch_id
                )
            )
        )
        if any(row.outcome == "waiting" for row in outcomes):
            return
        batch = session.get(m.SigningBatch, batch_id, populate_existing=True)
        assert batch is not None
        if batch.state == "DONE":
            return
        batch.state, batch.ended_at = "DONE", at
        counts: dict[str, int] = {}
        for row in outcomes:
            counts[row.outcome] = counts.get(row.outcome, 0) + 1
        audit.record(
            AuditTag.BATCH_ENDED,
            actor,
            at,
            target_kind="signing_batch",
            target_id=batch_id,
            facts={
                "step": batch.step,
                **counts,
                "failures": {str(row.enrollment_id): row.reason for row in outcomes if row.outcome == "failed"},
            },
        )
