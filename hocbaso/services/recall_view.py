"""What the page of recalls shows the clerk, the principal and the homeroom teacher: papers in force that are wrong, to decide, waiting,
to build anew, the lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.recall_flow import ListState, RecallState
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import overtaken_records, recall_lists, recall_requests, transcripts
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.overtaken_records import Overtaken


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request with what stands on the paper."""

    id: int
    record_uuid: str
    student_name: str
    class_name: str
    class_group_id: int
    enrollment_id: int
    school_year: str
    state: str
    reason: str
    paper: str | None
    needs_authority: bool
    asker_name: str
    asked_at: datetime
    decider_name: str | None
    decided_at: datetime | None
    decision_note: str | None
    recalled_at: datetime | None
    list_id: int | None
    list_number: int | None
    may_decide: bool
    may_withdraw: bool
    may_build: bool
    """Recalled, nothing in its place yet, and the actor builds transcripts of the class."""


@dataclass(frozen=True, slots=True)
class ListView:
    """One list. ``turn``: what is to be done with it next (``principal``, ``seal``, ``send``, ``answer``) or None."""

    id: int
    number: int
    school_year: str
    state: str
    n_records: int
    made_at: datetime
    maker_name: str
    principal_name: str
    principal_signed_at: datetime | None
    sealed_at: datetime | None
    sent_at: datetime | None
    sent_note: str | None
    answered_at: datetime | None
    answer_note: str | None
    turn: str | None
    requests: tuple[RequestView, ...]


@dataclass(frozen=True, slots=True)
class RecallsView:
    """The page. ``unlisted``: (year id, label, how many approved requests stand on no list yet)."""

    to_decide: tuple[RequestView, ...]
    waiting: tuple[RequestView, ...]
    to_build: tuple[RequestView, ...]
    closed: tuple[RequestView, ...]
    unlisted: tuple[tuple[int, str, int], ...]
    lists: tuple[ListView, ...]
    keeps_lists: bool
    wrong: tuple[tuple[Overtaken, bool], ...]
    """Papers in force that say something else than is held to be true, and whether the actor may ask for their recall."""


_TURN = {
    ListState.MADE.value: "principal",
    ListState.PRINCIPAL_SIGNED.value: "seal",
    ListState.SEALED.value: "send",
    ListState.SENT.value: "answer",
}
_SHOWN_CLOSED = 30


def overview(actor: Actor) -> RecallsView:
    """Every request of a class within the actor's reach, and for clerk and principal the lists."""
    rows = [_request(actor, row) for row in _requests() if _reads(actor, row)]
    keeps = actor.is_system or actor.has_role(Role.CLERK) or actor.has_role(Role.PRINCIPAL)
    unlisted = []
    lists: list[ListView] = []
    if keeps:
        for year in db.session.scalars(select(m.SchoolYear).order_by(m.SchoolYear.starts_on.desc())):
            n = len(recall_lists.unlisted(year.id))
            if n:
                unlisted.append((year.id, year.label, n))
        for row in db.session.scalars(select(m.RecallList).order_by(m.RecallList.id.desc())):
            lists.append(_list(row, ()))
    return RecallsView(
        to_decide=tuple(row for row in rows if row.state == RecallState.ASKED),
        waiting=tuple(row for row in rows if row.state == RecallState.APPROVED),
        to_build=tuple(row for row in rows if row.may_build),
        closed=tuple(
            row
            for row in reversed(rows)
            if row.state in (RecallState.RECALLED, RecallState.REFUSED, RecallState.WITHDRAWN) and not row.may_build
        )[:_SHOWN_CLOSED],
        unlisted=tuple(unlisted),
        lists=tuple(lists),
        keeps_lists=keeps,
        wrong=tuple(
            (one, _may_ask(actor, one.class_group_id))
            for one in overtaken_records.overtaken()
            if reaches_class(actor, one.class_group_id, Permission.TRANSCRIPT_READ)
        ),
    )


def _may_ask(actor: Actor, class_group_id: int) -> bool:
    asking = (Permission.TRANSCRIPT_RECALL, Permission.TRANSCRIPT_ASK_RECALL)
    return any(reaches_class(actor, class_group_id, one) for one in asking)


def list_view(actor: Actor, list_id: int) -> ListView:
    """One list with its records. Raises as ``recall_lists.list_for``."""
    row = recall_lists.list_for(actor, list_id)
    return _list(row, tuple(_request(actor, request) for request in row.requests))


def n_waiting(actor: Actor) -> int:
    """How many requests wait for this person's decision: for the rail and the day's page."""
    if actor.is_system or Permission.TRANSCRIPT_RECALL not in actor.permissions:
        return 0
    rows = db.session.scalars(select(m.RecallRequest).where(m.RecallRequest.state == RecallState.ASKED.value))
    return sum(reaches_class(actor, row.record.enrollment.class_group_id, Permission.TRANSCRIPT_RECALL) for row in rows)


def _requests() -> list[m.RecallRequest]:
    return list(
        db.session.scalars(
            select(m.RecallRequest).order_by(m.RecallRequest.id).execution_options(populate_existing=True)
        )
    )


def _reads(actor: Actor, row: m.RecallRequest) -> bool:
    return reaches_class(actor, row.record.enrollment.class_group_id, Permission.TRANSCRIPT_READ)


def _request(actor: Actor, row: m.RecallRequest) -> RequestView:
    record = row.record
    enrollment = record.enrollment
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    class_id = enrollment.class_group_id
    asked = row.state == RecallState.ASKED
    rebuilt = bool(transcripts.records_in_force([enrollment.id]))
    return RequestView(
        row.id,
        record.uuid,
        content.student.full_name,
        content.class_name,
        class_id,
        enrollment.id,
        content.school_year,
        row.state,
        row.reason,
        row.paper,
        row.needs_authority,
        row.asker_name,
        row.asked_at,
        row.decider_name,
        row.decided_at,
        row.decision_note,
        row.recalled_at,
        row.recall_list_id,
        row.recall_list.number if row.recall_list is not None else None,
        asked and reaches_class(actor, class_id, Permission.TRANSCRIPT_RECALL),
        asked and row.asked_by == actor.account_id,
        row.state == RecallState.RECALLED
        and record.state == RecordState.RECALLED
        and not rebuilt
        and enrollment.status in ("studying", "transferred_in")
        and reaches_class(actor, class_id, Permission.TRANSCRIPT_BUILD),
    )


def _list(row: m.RecallList, requests: tuple[RequestView, ...]) -> ListView:
    year = db.session.get(m.SchoolYear, row.school_year_id)
    assert year is not None
    return ListView(
        row.id,
        row.number,
        year.label,
        row.state,
        len(row.requests),
        row.made_at,
        row.maker_name,
        row.principal_name,
        row.principal_signed_at,
        row.sealed_at,
        row.sent_at,
        row.sent_note,
        row.answered_at,
        row.answer_note,
        _TURN.get(row.state),
        requests,
    )


def request_of_record(actor: Actor, record_uuid: str) -> RequestView | None:
    """The open request of a record, for its own page."""
    record = transcripts.record_for(actor, record_uuid)
    row = recall_requests.open_request_of(record.id)
    return _request(actor, row) if row is not None else None
