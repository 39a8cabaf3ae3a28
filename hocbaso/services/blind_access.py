"""Đối chiếu bài gốc through the eyes of who asks: who types from the papers, who names them, what stands open.

The second person is the sheet's reviewer (workflow.md, ``sheet_hands``), or a teacher of the same group whom the reviewer or
the principal names; never anybody who teaches the sheet, has a value standing in it, ever typed a midterm or final result of
it, or handed it in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import bindparam, select, union

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.blind_check import COLUMNS, OPEN, UNSEEN, CheckState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState, SheetVerb
from hocbaso.services.access import Actor
from hocbaso.services.score_lines import read_lines
from hocbaso.services.sheet_access import SheetHead, connection, is_own, read_head, sheet_for, table_of

_cell = table_of(m.ScoreCell)
_version = table_of(m.ScoreCellVersion)
_step = table_of(m.SheetStep)
_year = table_of(m.SchoolYear)
_check = table_of(m.BlindCheck)
_sheet = table_of(m.ScoreSheet)
_class_subject = table_of(m.ClassSubject)
_checker = table_of(m.BlindChecker)
_person = table_of(m.Person)

_PERCENT = select(_year.c.spot_check_percent).where(_year.c.id == bindparam("school_year_id"))
_NAMED = (
    select(_checker.c.person_id, _person.c.full_name)
    .join(_person, _person.c.id == _checker.c.person_id)
    .where(_checker.c.score_sheet_id == bindparam("sheet_id"))
)
_WRITERS = union(
    select(_version.c.by_account_id)
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .where(_cell.c.score_sheet_id == bindparam("sheet_id"), _cell.c.column_key.in_(COLUMNS)),
    select(_step.c.by_account_id).where(
        _step.c.score_sheet_id == bindparam("sheet_id"), _step.c.verb == SheetVerb.SUBMIT.value
    ),
)
_UNSEEN_OF = select(_check.c.enrollment_id).where(
    _check.c.score_sheet_id == bindparam("sheet_id"), _check.c.state.in_([state.value for state in UNSEEN])
)


SEEN = frozenset({SheetState.REVIEWED, SheetState.APPROVED, SheetState.LOCKED})
"""States in which the check of a sheet is over."""
_OF_CLASS = (
    select(_sheet.c.id)
    .distinct()
    .join(_check, _check.c.score_sheet_id == _sheet.c.id)
    .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
    .where(
        _class_subject.c.class_group_id == bindparam("class_group_id"),
        _check.c.state.in_([state.value for state in UNSEEN]),
    )
)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom somebody named to type from the papers of a sheet."""

    person_id: int
    name: str


@dataclass(frozen=True, slots=True)
class CheckHead:
    """A sheet with the actor's part in its check. ``head.parties`` is empty for a named person without other relation."""

    head: SheetHead
    named: Named | None
    may_type: bool
    may_name: bool
    may_settle: bool


def percent_of(head: SheetHead) -> int:
    """The share of midterm and final results that the school year wants checked; 0 is none."""
    return int(connection().execute(_PERCENT, {"school_year_id": head.school_year_id}).scalar_one())


def named_for(sheet_id: int) -> Named | None:
    """Whom somebody named for a sheet."""
    row = connection().execute(_NAMED, {"sheet_id": sheet_id}).first()
    return Named(row.person_id, row.full_name) if row is not None else None


def writers_of(sheet_id: int) -> frozenset[int]:
    """Accounts that ever wrote a midterm or final result of the sheet or handed it in: they know the first values."""
    rows = connection().execute(_WRITERS, {"sheet_id": sheet_id})
    return frozenset(row.by_account_id for row in rows if row.by_account_id is not None)


def check_for(actor: Actor, sheet_id: int, today: date) -> CheckHead:
    """The check of a sheet for whoever types, names or settles.

    Raises NotFound for whoever may not know of the sheet (the IT officer always), NotAllowed for its other readers.
    """
    named = named_for(sheet_id)
    is_named = named is not None and named.person_id == actor.person_id and Permission.SHEET_READ in actor.permissions
    try:
        head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
    except NotFound:
        if not is_named:
            raise
        head = replace(read_head(sheet_id), parties=frozenset())
    reviews = SheetParty.REVIEWER in head.parties
    second = not actor.is_system and not is_own(actor, head) and actor.account_id not in writers_of(sheet_id)
    found = CheckHead(
        head=head,
        named=named,
        may_type=second and (is_named if named is not None else reviews),
        may_name=not actor.is_system and (reviews or SheetParty.PRINCIPAL in head.parties),
        may_settle=second and (is_named or reviews),
    )
    if not (found.may_type or found.may_name or found.may_settle):
        why = head.kept_out or "Đối chiếu bài gốc do tổ trưởng, hoặc người trong tổ được giao, làm."
        raise NotAllowed(f"{why} Chưa có gì thay đổi.")
    return found


def drawn_of(sheet_id: int) -> list[m.BlindCheck]:
    """Every drawn result of a sheet, void ones too, in the order they were asked."""
    return list(
        db.session.scalars(
            select(m.BlindCheck)
            .where(m.BlindCheck.score_sheet_id == sheet_id)
            .order_by(m.BlindCheck.id)
            .execution_options(populate_existing=True)
        )
    )


def counting(head: SheetHead, rows: Iterable[m.BlindCheck]) -> list[m.BlindCheck]:
    """Those that are asked for today: not void, and of a pupil who is in the class and not exempt."""
    lines = read_lines(head)
    return [row for row in rows if row.state != CheckState.VOID and lines.get(row.enrollment_id) == ""]


def is_open(row: m.BlindCheck) -> bool:
    """Whether this result holds its sheet back."""
    return CheckState(row.state) in OPEN


def is_unseen(row: m.BlindCheck) -> bool:
    """Whether the second person still has to be kept from the first value."""
    return CheckState(row.state) in UNSEEN


def hides_from(actor: Actor, head: SheetHead) -> bool:
    """Whether the midterm, the final and what follows from them are kept from this reader of the sheet.

    So for its reviewers and for the named person, from handing in until every drawn result was typed and compared, and while
    the sheet is back with its teacher in between. ``head`` was loaded through the actor. Costs nothing for reviewed sheets.
    """
    if head.state in SEEN or actor.is_system or SheetParty.AUTHOR in head.parties:
        return False
    if SheetParty.REVIEWER not in head.parties:
        named = named_for(head.id)
        if named is None or named.person_id != actor.person_id:
            return False
    waiting = {row.enrollment_id for row in connection().execute(_UNSEEN_OF, {"sheet_id": head.id})}
    if not waiting or not percent_of(head):
        return False
    lines = read_lines(head)
    return any(lines.get(enrollment_id) == "" for enrollment_id in waiting)


def hidden_in_class(actor: Actor, class_group_id: int, today: date) -> frozenset[tuple[int, int]]:
    """(class subject id, semester) of the sheets of a class from which :func:`hides_from` keeps this reader."""
    found = set()
    for row in connection().execute(_OF_CLASS, {"class_group_id": class_group_id}).all():
        try:
            head = sheet_for(actor, row.id, Permission.SHEET_READ, today)
        except NotFound:
            continue
        if hides_from(actor, head):
            found.add((head.class_subject_id, head.semester))
    return frozenset(found)
