"""What the pages of corrections show: what waits for this person, what is under way, one request with its impact and its past."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.correction_flow import (
    MOVES,
    OPEN_STATES,
    CorrectionKind,
    CorrectionState,
    CorrectionVerb,
    due_before,
)
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import correction_access, correction_impact, homeroom
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.civil_status import PAST_YEARS
from hocbaso.services.correction_impact import Impact
from hocbaso.services.correction_items import ItemView, cell_words, field_text, field_words, value_of_item
from hocbaso.services.score_cells import column_words
from hocbaso.services.sheet_access import read_head

_SHOWN_CLOSED = 50


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request in a list. ``state`` is the one that counts; ``waits``: for this person."""

    id: int
    kind: str
    student_name: str
    class_name: str
    class_group_id: int
    school_year: str
    state: CorrectionState
    what: str
    reason: str
    asker_name: str
    asked_at: datetime
    version: int
    due_before: date
    days_left: int
    waits: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The page of requests within this person's reach."""

    mine: tuple[RequestLine, ...]
    others: tuple[RequestLine, ...]
    closed: tuple[RequestLine, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    """One act upon a request."""

    verb: str
    note: str | None
    at: datetime
    by_name: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One file of a request."""

    id: int
    file_name: str
    media_type: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request. ``impact`` while it is open, ``outcome`` (as ``CorrectionRequest.outcome``) once it was applied."""

    line: RequestLine
    enrollment_id: int
    student_id: int
    paper: str | None
    items: tuple[ItemView, ...]
    impact: Impact | None
    outcome: dict[str, Any] | None
    evidence: tuple[EvidenceView, ...]
    steps: tuple[StepView, ...]
    verbs: frozenset[CorrectionVerb]
    is_own: bool
    holder_names: tuple[str, ...]
    reads_scores: bool
    reads_record: bool
    """Whether the transcript is theirs to read: who only teaches the subject does not see what changed in the pupil's profile."""


def overview(actor: Actor, now: datetime) -> Overview:
    """Requests that concern this person, those that wait for them first; of those that are over the newest."""
    today = clock.local_date(now)
    rows = select(m.CorrectionRequest).execution_options(populate_existing=True)
    under_way = db.session.scalars(rows.where(correction_access.IS_OPEN).order_by(m.CorrectionRequest.id))
    found = [_line(actor, row, today) for row in under_way if correction_access.reads(actor, row)]
    over = db.session.scalars(rows.where(~correction_access.IS_OPEN).order_by(m.CorrectionRequest.id.desc()))
    closed = islice((row for row in over if correction_access.reads(actor, row)), _SHOWN_CLOSED)
    return Overview(
        tuple(line for line in found if line.waits),
        tuple(line for line in found if not line.waits),
        tuple(_line(actor, row, today) for row in closed),
    )


def waiting(actor: Actor, today: date) -> list[RequestLine]:
    """The open requests on which this person has to act next, oldest first."""
    mine = correction_access.held_by(actor, today)
    if not mine:
        return []
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .where(m.CorrectionRequest.id.in_(mine))
        .order_by(m.CorrectionRequest.id)
        .execution_options(populate_existing=True)
    )
    return [_line(actor, row, today) for row in rows if correction_access.reads(actor, row)]


def of_cell(actor: Actor, sheet_id: int, enrollment_id: int, column_key: str, today: date) -> list[RequestLine]:
    """The requests about one cell that this person may read, newest first."""
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .join(m.CorrectionItem)
        .where(
            m.CorrectionItem.score_sheet_id == sheet_id,
            m.CorrectionItem.column_key == column_key,
            m.CorrectionRequest.enrollment_id == enrollment_id,
        )
        .order_by(m.CorrectionRequest.id.desc())
    )
    return [_line(actor, row, today) for row in rows if correction_access.reads(actor, row)]


def of_student(actor: Actor, student_id: int, today: date) -> list[RequestLine]:
    """The requests about a pupil, of whatever year, that this person may read, newest first."""
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .where(m.Enrollment.student_id == student_id)
        .order_by(m.CorrectionRequest.id.desc())
    )
    return [_line(actor, row, today) for row in rows if correction_access.reads(actor, row)]


def applied_in_class(class_group_id: int) -> list[tuple[str, str, str]]:
    """(pupil, what, who approved) of each applied correction of a class: whoever approves or signs looks at them."""
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .where(
            m.Enrollment.class_group_id == class_group_id,
            m.CorrectionRequest.kind != CorrectionKind.CIVIL_STATUS.value,
            m.CorrectionRequest.state == CorrectionState.APPLIED.value,
        )
        .order_by(m.CorrectionRequest.id)
    )
    return [(row.enrollment.student.full_name, what_words(row), row.decider_name or "") for row in rows]


def what_words(request: m.CorrectionRequest) -> str:
    """``Toán học kì I, giữa kì: 4,5 → 7,5``; of more than two values their number."""
    said = []
    for item in request.items[:2]:
        if item.field is not None:
            words = field_words(item.field)
            long = item.field in homeroom.TEXT_LIMITS or item.field == PAST_YEARS
            said.append(words if long else f"{words}: {_text(item, 'old')} → {_text(item, 'new')}")
            continue
        assert item.score_sheet_id is not None and item.column_key is not None
        head = read_head(item.score_sheet_id)
        place = f"{head.subject_name} học kì {'I' * head.semester}, {column_words(head, item.column_key)}"
        if item.column_key == "NX":
            said.append(place)
            continue
        said.append(f"{place}: {cell_words(value_of_item(item, 'old'))} → {cell_words(value_of_item(item, 'new'))}")
    more = len(request.items) - len(said)
    return "; ".join(said) + (f"; và {more} chỗ nữa" if more else "")


def page(actor: Actor, request_id: int, now: datetime) -> RequestPage:
    """One request with everything that whoever acts on it needs; NotFound for whom it does not concern."""
    today = clock.local_date(now)
    request = correction_access.request_for(actor, request_id)
    line = _line(actor, request, today)
    is_open = line.state in OPEN_STATES
    impact = correction_impact.of_request(request, today) if is_open else None
    outcome = json.loads(request.outcome) if request.outcome else None
    parties = correction_access.parties_of(
        actor, request, voids_sealed=impact.voids_sealed if impact is not None else False
    )
    return RequestPage(
        line,
        request.enrollment_id,
        request.enrollment.student_id,
        request.paper,
        impact.items if impact is not None else _closed_items(request),
        impact,
        outcome,
        tuple(EvidenceView(one.id, one.file_name, one.media_type, one.n_bytes) for one in request.evidence),
        tuple(StepView(one.verb, one.note, one.at, one.by_name) for one in request.steps),
        frozenset(move.verb for move in MOVES if move.from_state is line.state and move.party in parties),
        request.asked_by == actor.account_id,
        _names(correction_access.holders(request, today)),
        request.kind != CorrectionKind.CIVIL_STATUS,
        actor.is_system or reaches_class(actor, request.enrollment.class_group_id, Permission.TRANSCRIPT_READ),
    )


def _closed_items(request: m.CorrectionRequest) -> tuple[ItemView, ...]:
    """The values of a request that is over, as they were asked for: what stands there today is no longer its matter."""
    found = []
    for item in request.items:
        if item.field is not None:
            before, after = _text(item, "old"), _text(item, "new")
            found.append(ItemView(field_words(item.field), before, after, after, False, field=item.field))
            continue
        assert item.score_sheet_id is not None and item.column_key is not None
        head = read_head(item.score_sheet_id)
        label = f"{head.subject_name}, học kì {'I' * head.semester}, {column_words(head, item.column_key)}"
        before, after = cell_words(value_of_item(item, "old")), cell_words(value_of_item(item, "new"))
        found.append(ItemView(label, before, after, after, False, head.id, item.column_key))
    return tuple(found)


def _text(item: m.CorrectionItem, which: str) -> str:
    return field_text(item.field or "", getattr(item, f"{which}_text"))


def _names(person_ids: Sequence[int]) -> tuple[str, ...]:
    if not person_ids:
        return ()
    rows = select(m.Person.full_name).where(m.Person.id.in_(person_ids)).order_by(m.Person.sort_key)
    return tuple(db.session.scalars(rows))


def _line(actor: Actor, request: m.CorrectionRequest, today: date) -> RequestLine:
    state = correction_access.standing(request, today)
    enrollment = request.enrollment
    before = due_before(clock.local_date(request.asked_at))
    return RequestLine(
        request.id,
        request.kind,
        enrollment.student.full_name,
        enrollment.class_group.name,
        enrollment.class_group_id,
        enrollment.class_group.school_year.label,
        state,
        what_words(request),
        request.reason,
        request.asker_name,
        request.asked_at,
        request.version,
        before,
        Deadline(before).days_left(today),
        actor.person_id is not None and actor.person_id in correction_access.holders(request, today),
    )


def n_waiting(actor: Actor, now: datetime) -> int:
    """How many requests wait for this person, for the rail of every page."""
    return len(correction_access.held_by(actor, clock.local_date(now)))


def is_concerned(actor: Actor) -> bool:
    """Whether corrections are this person's matter: by office, or because there is a request of theirs or of their class."""
    if any(grant.role in (Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK) for grant in actor.grants):
        return True
    own = {"account": actor.account_id, "classes": list(actor.homeroom)}
    return db.session.connection().execute(_OWN, own).first() is not None


# Asked on every page of a teacher: built once, and read without the mapper.
_OWN = (
    select(m.CorrectionRequest.id)
    .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
    .where(
        or_(
            m.CorrectionRequest.asked_by == bindparam("account"),
            m.Enrollment.class_group_id.in_(bindparam("classes", expanding=True)),
        )
    )
    .limit(1)
)
