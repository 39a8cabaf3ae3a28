"""Long work on a class: one outcome a student, progress that can be asked for, and a second start that goes on.

A batch is opened with its items ``waiting``; each item is settled in the transaction that writes its effect. A process
that dies leaves the rest waiting, and the next start of the same step for the same class takes the batch up again.
Nothing is done twice: the effect of an item is guarded where it is written (state and unique keys), not here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, document_pool
from hocbaso.services.access import Actor, class_for

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=45)
"""A running batch without a thread in this process and without a sign of life for so long has been interrupted."""

STEPS = {"build": "Lập học bạ", "homeroom": "Giáo viên chủ nhiệm ký", "principal": "Hiệu trưởng ký", "seal": "Đóng dấu"}
"""What a batch does, in words."""


@dataclass(frozen=True, slots=True)
class Job:
    """One item made ready: what a worker is to do, and what ``finish`` needs afterwards."""

    call: str
    args: tuple[Any, ...]
    context: Any


@dataclass(frozen=True, slots=True)
class ItemView:
    """One student of a batch for the page."""

    enrollment_id: int
    name: str
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is. ``rate`` is items a second as a decimal text (``"2.6"``); None while there is nothing to tell."""

    id: int
    class_group_id: int
    class_name: str
    step: str
    title: str
    state: str
    """``running``, ``interrupted`` or ``done``."""
    n_total: int
    n_done: int
    n_skipped: int
    n_failed: int
    n_waiting: int
    rate: str | None
    seconds_left: int | None
    seconds: str
    actor_name: str
    started_at: datetime
    ended_at: datetime | None
    items: tuple[ItemView, ...]

    @property
    def n_settled(self) -> int:
        """Items that have an outcome."""
        return self.n_total - self.n_waiting

    @property
    def failures(self) -> tuple[ItemView, ...]:
        """Items that failed, with their reason."""
        return tuple(item for item in self.items if item.outcome == "failed")


def running_clock(now: datetime) -> Callable[[], datetime]:
    """A clock that goes on from ``now``: services take the time as an argument, but a batch lasts minutes."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def open_batch(
    actor: Actor, class_group: m.ClassGroup, step: str, enrollment_ids: Sequence[int], now: datetime
) -> tuple[int, bool]:
    """The id of the batch for these students, and whether it is to be run now (False: it already runs).

    An interrupted batch of the same step is taken up again for the students who are asked for now: waiting and failed items
    and any student new to it. What waited and is not asked for is settled as skipped: nobody signs what was not chosen.
    Raises WrongState when another run of the same step of the class is going on in another process.
    """
    if not enrollment_ids:
        raise WrongState("Không có học sinh nào để làm ở bước này.")
    with write_transaction() as session:
        old = session.scalar(
            select(m.SigningBatch)
            .where(
                m.SigningBatch.class_group_id == class_group.id,
                m.SigningBatch.step == step,
                m.SigningBatch.state == "RUNNING",
            )
            .order_by(m.SigningBatch.id.desc())
            .limit(1)
            .execution_options(populate_existing=True)
        )
        if old is not None:
            if document_pool.is_running(old.id):
                return old.id, False
            if (
                now - _last_sign_of_life(old.id, old.started_at) < STALE_AFTER
                and old.started_at <= now
                and not _is_ours_to_resume(old.id)
            ):
                raise WrongState("Việc này đang chạy ở nơi khác. Xin đợi một phút rồi bấm lại.")
            known = {item.enrollment_id: item for item in old.items}
            for item in known.values():
                if item.outcome == "failed" and item.enrollment_id in enrollment_ids:
                    item.outcome, item.reason, item.done_at = "waiting", None, None
                elif item.outcome == "waiting" and item.enrollment_id not in enrollment_ids:
                    item.outcome, item.reason, item.done_at = "skipped", "Không chọn trong lần làm tiếp này.", now
            _add_items(old.id, [each for each in enrollment_ids if each not in known], start=len(known))
            old.account_id, old.actor_name = actor.account_id, actor.name
            return old.id, True
        batch = m.SigningBatch(
            class_group_id=class_group.id,
            step=step,
            state="RUNNING",
            started_at=now,
            account_id=actor.account_id,
            actor_name=actor.name,
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
            facts={"class": class_group.name, "step": step, "n": len(enrollment_ids)},
        )
        return batch.id, True


_RESUMABLE: set[tuple[str, int]] = set()


def _is_ours_to_resume(batch_id: int) -> bool:
    """Whether this very process ran the batch and its thread has ended: no need to wait for signs of life."""
    return (str(document_pool.config().instance), batch_id) in _RESUMABLE


def _add_items(batch_id: int, enrollment_ids: Sequence[int], start: int = 0) -> None:
    db.session.add_all(
        m.SigningBatchItem(signing_batch_id=batch_id, enrollment_id=enrollment_id, position=position)
        for position, enrollment_id in enumerate(enrollment_ids, start)
    )
    db.session.flush()


def _last_sign_of_life(batch_id: int, started_at: datetime) -> datetime:
    latest = db.session.scalar(
        select(m.SigningBatchItem.done_at)
        .where(m.SigningBatchItem.signing_batch_id == batch_id, m.SigningBatchItem.done_at.is_not(None))
        .order_by(m.SigningBatchItem.done_at.desc())
        .limit(1)
    )
    return max(latest, started_at) if latest else started_at


def run(
    batch_id: int,
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
    mark_ours(batch_id)
    waiting = waiting_items(batch_id)
    pending: dict[Future[Any], tuple[int, Any]] = {}
    window = document_pool.n_workers() + 1  # one more than workers, so that none idles while a result is written
    for enrollment_id in waiting:
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
    while pending:
        _collect(batch_id, pending, tick, finish, on_item)
    close_batch(batch_id, actor, tick())


def mark_ours(batch_id: int) -> None:
    """Remember that this process runs the batch: when its thread has ended, it may be taken up at once."""
    _RESUMABLE.add((str(document_pool.config().instance), batch_id))


def batch_row(batch_id: int) -> m.SigningBatch:
    """The batch as it stands now, its items with it."""
    batch = db.session.get(m.SigningBatch, batch_id, populate_existing=True)
    assert batch is not None
    db.session.refresh(batch, ["items"])
    for item in batch.items:
        db.session.refresh(item)
    return batch


def waiting_items(batch_id: int) -> Iterator[int]:
    """Enrollments without an outcome, in order."""
    rows = db.session.scalars(
        select(m.SigningBatchItem.enrollment_id)
        .where(m.SigningBatchItem.signing_batch_id == batch_id, m.SigningBatchItem.outcome == "waiting")
        .order_by(m.SigningBatchItem.position)
    )
    return iter(list(rows))


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


def batch_progress(actor: Actor, batch_id: int, now: datetime) -> BatchProgress:
    """How far a batch is. NotFound for a class outside the actor's reach."""
    batch = db.session.get(m.SigningBatch, batch_id, populate_existing=True)
    try:
        class_group = class_for(actor, batch.class_group_id if batch else 0, Permission.TRANSCRIPT_READ)
    except NotFound:  # in the same words: ids are numbered, and whether one exists is nobody else's business
        class_group = None
    if batch is None or class_group is None:
        raise NotFound("Không có việc này trong phần việc của thầy, cô.")
    rows = db.session.execute(
        select(
            m.SigningBatchItem.enrollment_id,
            m.SigningBatchItem.outcome,
            m.SigningBatchItem.reason,
            m.SigningBatchItem.done_at,
            m.Student.full_name,
        )
        .join(m.Enrollment, m.Enrollment.id == m.SigningBatchItem.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.SigningBatchItem.signing_batch_id == batch_id)
        .order_by(m.SigningBatchItem.position)
    ).all()
    count = {
        outcome: sum(row.outcome == outcome for row in rows) for outcome in ("done", "skipped", "failed", "waiting")
    }
    if batch.state == "RUNNING":
        alive = document_pool.is_running(batch_id) or (
            now - _last_sign_of_life(batch_id, batch.started_at) < STALE_AFTER and not _is_ours_to_resume(batch_id)
        )
        state = "running" if alive else "interrupted"
    else:
        state = "done"
    done_at = sorted(row.done_at for row in rows if row.outcome == "done" and row.done_at is not None)
    rate, seconds_left = _rate(done_at, batch.started_at, count["waiting"])
    ended = batch.ended_at or (done_at[-1] if done_at else batch.started_at)
    return BatchProgress(
        id=batch.id,
        class_group_id=class_group.id,
        class_name=class_group.name,
        step=batch.step,
        title=STEPS[batch.step],
        state=state,
        n_total=len(rows),
        n_done=count["done"],
        n_skipped=count["skipped"],
        n_failed=count["failed"],
        n_waiting=count["waiting"],
        rate=rate,
        seconds_left=seconds_left,
        seconds=_one_decimal(ended - batch.started_at),
        actor_name=batch.actor_name,
        started_at=batch.started_at,
        ended_at=batch.ended_at,
        items=tuple(ItemView(row.enrollment_id, row.full_name, row.outcome, row.reason) for row in rows),
    )


def _rate(done_at: list[datetime], started_at: datetime, n_waiting: int) -> tuple[str | None, int | None]:
    """Items a second over the last twenty, and whole seconds left."""
    if not done_at:
        return None, None
    recent = done_at[-20:]
    since = started_at if len(recent) == len(done_at) else done_at[-len(recent) - 1]
    microseconds = (recent[-1] - since) // timedelta(microseconds=1)
    if microseconds <= 0:
        return None, None
    tenths = len(recent) * 10_000_000 // microseconds
    return f"{tenths // 10}.{tenths % 10}", n_waiting * microseconds // (len(recent) * 1_000_000) + (
        1 if n_waiting else 0
    )


def _one_decimal(span: timedelta) -> str:
    tenths = max(0, span // timedelta(milliseconds=100))
    return f"{tenths // 10}.{tenths % 10}"


def batches_of_class(class_group_id: int, limit: int = 5) -> list[int]:
    """Ids of the newest batches of a class, newest first."""
    return list(
        db.session.scalars(
            select(m.SigningBatch.id)
            .where(m.SigningBatch.class_group_id == class_group_id)
            .order_by(m.SigningBatch.id.desc())
            .limit(limit)
        )
    )
