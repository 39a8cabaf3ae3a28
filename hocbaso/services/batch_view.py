"""How far a batch is, for whoever may see all of it: counts, rate, time left, each item's outcome, and what can be done now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import batches
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.batch_scope import BatchScope, classes_of, scope_of


@dataclass(frozen=True, slots=True)
class ItemView:
    """One student of a batch for the page."""

    enrollment_id: int
    name: str
    class_name: str
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is. ``rate`` is items a second as a decimal text (``"2.6"``); None while there is nothing to tell."""

    id: int
    scope: BatchScope
    step: str
    title: str
    state: str
    """``running``, ``pausing`` (finishing what is under way), ``paused`` (its key still open), ``interrupted`` (the process
    died), ``left`` (paused for so long that the key was closed) or ``done``."""
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
    may_pause: bool
    may_go_on: bool
    """The viewer started it and its key is still open: no PIN is asked again."""
    may_sign_rest: bool
    """Something is left, nobody works on it, and the viewer holds the power that the step needs over all of it."""

    @property
    def n_settled(self) -> int:
        """Items that have an outcome."""
        return self.n_total - self.n_waiting

    @property
    def n_left(self) -> int:
        """Items without a good outcome."""
        return self.n_waiting + self.n_failed

    @property
    def failures(self) -> tuple[ItemView, ...]:
        """Items that failed, with their reason."""
        return tuple(item for item in self.items if item.outcome == "failed")

    @property
    def class_group_id(self) -> int | None:
        """The class, of a batch over one."""
        return self.scope.class_group_id


def batch_progress(actor: Actor, batch_id: int, now: datetime) -> BatchProgress:
    """How far a batch is. NotFound where any of its classes is outside the actor's reach."""
    batch = batches.batch_for(actor, batch_id)
    scope = scope_of(batch)
    rows = db.session.execute(
        select(
            m.SigningBatchItem.enrollment_id,
            m.SigningBatchItem.outcome,
            m.SigningBatchItem.reason,
            m.SigningBatchItem.done_at,
            m.Student.full_name,
            m.ClassGroup.name.label("class_name"),
        )
        .join(m.Enrollment, m.Enrollment.id == m.SigningBatchItem.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.SigningBatchItem.signing_batch_id == batch_id)
        .order_by(m.SigningBatchItem.position)
    ).all()
    count = {
        outcome: sum(row.outcome == outcome for row in rows) for outcome in ("done", "skipped", "failed", "waiting")
    }
    alive = batches.is_alive(batch, now)
    state = _STATES[batch.state, alive]
    since = batch.resumed_at or batch.started_at
    done_at = sorted(row.done_at for row in rows if row.outcome == "done" and row.done_at is not None)
    rate, seconds_left = _rate([each for each in done_at if each >= since], since, count["waiting"])
    ended = batch.ended_at or (done_at[-1] if done_at else batch.started_at)
    return BatchProgress(
        id=batch.id,
        scope=scope,
        step=batch.step,
        title=batches.STEPS[batch.step],
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
        items=tuple(
            ItemView(row.enrollment_id, row.full_name, row.class_name, row.outcome, row.reason) for row in rows
        ),
        may_pause=state == "running" and batches.may_steer(actor, batch),
        may_go_on=state in ("paused", "pausing") and (actor.is_system or batch.account_id == actor.account_id),
        may_sign_rest=state in ("paused", "interrupted", "left", "done")
        and bool(count["waiting"] or count["failed"])
        and all(reaches_class(actor, row.id, batches.POWER_OF_STEP[batch.step]) for row in classes_of(scope)),
    )


_STATES = {
    ("RUNNING", True): "running",
    ("RUNNING", False): "interrupted",
    ("PAUSING", True): "pausing",
    ("PAUSING", False): "interrupted",
    ("PAUSED", True): "paused",
    ("PAUSED", False): "left",
    ("DONE", True): "done",
    ("DONE", False): "done",
}


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
