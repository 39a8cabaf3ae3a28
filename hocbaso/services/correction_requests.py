"""A request to correct something: begun, made of what differs, sent, and taken back as long as it is open.

What may be asked of each kind, and by whom, stands in ``correction_score_requests``, ``correction_homeroom_requests``,
``correction_month_requests``, ``correction_year_requests``, ``correction_exemptions``, ``correction_civil_requests`` and
``summer_corrections``. A request is pinned to the values it was made against; it holds several cells of one pupil, or several fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.correction_fields import read_month_field
from hocbaso.regulations.correction_flow import (
    CorrectionKind,
    CorrectionState,
    CorrectionVerb,
    standing_of,
)
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    correction_access,
    correction_evidence,
    correction_items,
    correction_month_fields,
    correction_steps,
)
from hocbaso.services.access import Actor
from hocbaso.services.uploaded_papers import Paper, Upload

LIMITS = (1000, 300)
"""Letters of a reason and of a paper's number and day."""


@dataclass(frozen=True, slots=True)
class ChangedCell:
    """A cell or field that somebody changed while the request was being written: both values, and the new one."""

    label: str
    present: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why something is asked for: the reason, the paper it rests on where its kind has one, the evidence as it was judged."""

    reason: str
    paper: str | None
    files: Sequence[Paper]


def grounds(
    reason: str, files: Sequence[Upload], *, paper: str | None = None, limits: tuple[int, int] = LIMITS
) -> Grounds:
    """What every request begins with, before its transaction. ``paper`` None: its kind has none; ``limits``: letters of both.

    Raises Invalid (``reason``, ``paper``, ``files``).
    """
    said = correction_steps.words(reason, "reason", limits[0], required=True)
    document = None if paper is None else correction_steps.words(paper, "paper", limits[1], required=True)
    return Grounds(said or "", document, correction_evidence.look(files))


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field on a form that was sent: what stands in it and what should, as a request keeps both ("" for nothing).

    ``was_shown``: whether the page had what stands there now.
    """

    name: str
    present: str
    new: str
    was_shown: bool


def changed_fields(
    asked: Iterable[AskedField],
    what: str,
    nothing: str = "Chưa có mục nào đổi: xin ghi vào ít nhất một mục giá trị khác với giá trị đang có.",
) -> list[m.CorrectionItem]:
    """The items of the fields that should become another.

    Raises Stale (``what``: the words for what changed meanwhile; ``current``: tuple of :class:`ChangedCell`), Invalid (``fields``,
    with ``nothing``).
    """
    items, moved = [], []
    for one in asked:
        if not one.was_shown:
            shown = (correction_items.field_text(one.name, text) for text in (one.present, one.new))
            moved.append(ChangedCell(correction_items.field_words(one.name), *shown))
        elif one.new != one.present:
            items.append(m.CorrectionItem(field=one.name, old_text=one.present or None, new_text=one.new or None))
    if moved:
        raise Stale(f"{what} đã đổi sau khi thầy, cô mở trang. Chưa gửi gì.", current=tuple(moved))
    if not items:
        raise Invalid(nothing, field="fields")
    return items


def guard_open_fields(student_id: int, items: Sequence[m.CorrectionItem], *, enrollment_id: int | None = None) -> None:
    """A field stands in one open request; ``enrollment_id``: of this year, for what each year has its own of."""
    wanted = {name for item in items for name in _moving(item.field or "")}
    years = () if enrollment_id is None else (m.CorrectionRequest.enrollment_id == enrollment_id,)
    for row in db.session.execute(
        select(m.CorrectionItem.field, m.CorrectionRequest.id)
        .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .where(m.Enrollment.student_id == student_id, correction_access.IS_OPEN, *years)
    ):
        if row.field and not wanted.isdisjoint(_moving(row.field)):
            raise WrongState(f"{correction_items.field_words(row.field)} đã có trong đề nghị số {row.id} đang chờ.")


def _moving(field: str) -> set[str]:
    """The field and, of a month, the total that moves with it and the sessions that both kinds share: two requests would each be held
    against what the other changes."""
    month = read_month_field(field)
    if month is None:
        return {field}
    return {field, month.column_key, correction_month_fields.total_field(field) or field}


def send(
    actor: Actor,
    kind: CorrectionKind,
    enrollment: m.Enrollment,
    items: Sequence[m.CorrectionItem],
    why: Grounds,
    now: datetime,
) -> m.CorrectionRequest:
    """Write a new request of this person with its values and evidence, inside the caller's transaction, and hand it to whoever acts next."""
    request = m.CorrectionRequest(
        kind=kind.value,
        enrollment_id=enrollment.id,
        enrollment=enrollment,
        reason=why.reason,
        paper=why.paper,
        asked_at=now,
        asked_by=actor.account_id,
        asker_name=actor.name,
        asked_by_principal=actor.has_role(Role.PRINCIPAL),
    )
    request.items.extend(items)
    db.session.add(request)
    db.session.flush()
    evidence = correction_evidence.keep(actor, request, why.files, now)
    first = standing_of(
        CorrectionState.ASKED,
        somebody_confirms=bool(correction_access.confirmers(request, clock.local_date(now))),
    )
    correction_steps.write(
        actor, request, CorrectionVerb.ASK, first, request.reason, now, evidence=evidence, new_items=True
    )
    return request


def withdraw(actor: Actor, request_id: int, *, expected_version: int, now: datetime) -> m.CorrectionRequest:
    """Whoever asked takes it back before it is decided. Raises NotFound, NotAllowed, WrongState, Stale."""
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        row = correction_steps.guard(actor, request, CorrectionVerb.WITHDRAW, expected_version, now)
        correction_steps.write(actor, request, CorrectionVerb.WITHDRAW, row.to_state, None, now)
    return request
