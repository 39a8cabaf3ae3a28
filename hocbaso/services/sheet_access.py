"""Score sheets through the eyes of the person who asks: the loader, the relation to the sheet, the window.

A sheet outside one's assignments does not exist (NotFound); a sheet one may read but not act upon raises NotAllowed.
Statements are built once, over plain tables: this is the path of every saved cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from sqlalchemy import Connection, Table, and_, bindparam, or_, select

from hocbaso import models as m
from hocbaso.db import Base, db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.score_sheet_flow import EDITABLE, MOVES, SheetParty, SheetState, SheetVerb
from hocbaso.regulations.terms import SubjectKind
from hocbaso.regulations.two_hands import may_stand_for_principal
from hocbaso.services.access import Actor, Grant


def table_of(model: type[Base]) -> Table:
    """The table of a model: statements over it skip the mapping, which the path of every saved cell does not need."""
    return cast(Table, model.__table__)


_sheet = table_of(m.ScoreSheet)
_class_subject = table_of(m.ClassSubject)
_class_group = table_of(m.ClassGroup)
_year = table_of(m.SchoolYear)
_subject = table_of(m.Subject)
_own_window = table_of(m.SemesterWindow).alias("own_window")
_any_window = table_of(m.SemesterWindow).alias("any_window")
_assignment = table_of(m.TeachingAssignment)
_person = table_of(m.Person)
_grant = table_of(m.RoleGrant)
_step = table_of(m.SheetStep)


@dataclass(frozen=True, slots=True)
class Window:
    """When the scores of a sheet may be typed, both days included."""

    opens_on: date
    closes_on: date

    def is_open(self, today: date) -> bool:
        """Whether typing is possible on this day."""
        return self.opens_on <= today <= self.closes_on

    def has_closed(self, today: date) -> bool:
        """Whether the last day has passed."""
        return today > self.closes_on


@dataclass(frozen=True, slots=True)
class Author:
    """Whoever holds, or last held, the teaching assignment of a sheet."""

    person_id: int
    name: str
    sex: str | None
    subject_group_id: int | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class SheetHead:
    """A sheet with all that its head line needs, and the actor's relation to it."""

    id: int
    class_subject_id: int
    class_group_id: int
    school_year_id: int
    subject_id: int
    semester: int
    state: SheetState
    version: int
    content_version: int
    subject_name: str
    kind: SubjectKind
    lessons_per_year: int
    class_name: str
    grade_level: int
    year_label: str
    regulation_version: str
    window: Window
    parties: frozenset[SheetParty] = frozenset()
    authors: tuple[Author, ...] = ()

    @property
    def label(self) -> str:
        """``Toán 9A, học kì I``."""
        return f"{self.subject_name} {self.class_name}, học kì {'I' if self.semester == 1 else 'II'}"

    @property
    def is_orphan(self) -> bool:
        """Whether nobody holds the teaching assignment (the principal then attests)."""
        return not any(author.in_force for author in self.authors)

    def may_type(self, today: date) -> bool:
        """Whether this actor may write a cell today."""
        return SheetParty.AUTHOR in self.parties and self.state in EDITABLE and self.window.is_open(today)


_HEAD = (
    select(
        _sheet.c.id,
        _sheet.c.class_subject_id,
        _sheet.c.semester,
        _sheet.c.state,
        _sheet.c.version,
        _sheet.c.content_version,
        _class_subject.c.class_group_id,
        _class_subject.c.subject_id,
        _class_subject.c.lessons_per_year,
        _class_group.c.school_year_id,
        _class_group.c.name.label("class_name"),
        _class_group.c.grade_level,
        _subject.c.name.label("subject_name"),
        _subject.c.kind,
        _year.c.label.label("year_label"),
        _year.c.regulation_version,
        _year.c.starts_on,
        _year.c.ends_on,
        _own_window.c.opens_on.label("own_opens_on"),
        _own_window.c.closes_on.label("own_closes_on"),
        _any_window.c.opens_on.label("any_opens_on"),
        _any_window.c.closes_on.label("any_closes_on"),
    )
    .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
    .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
    .join(_subject, _subject.c.id == _class_subject.c.subject_id)
    .join(_year, _year.c.id == _class_group.c.school_year_id)
    .outerjoin(
        _own_window,
        and_(
            _own_window.c.school_year_id == _year.c.id,
            _own_window.c.semester == _sheet.c.semester,
            _own_window.c.grade_level == _class_group.c.grade_level,
        ),
    )
    .outerjoin(
        _any_window,
        and_(
            _any_window.c.school_year_id == _year.c.id,
            _any_window.c.semester == _sheet.c.semester,
            _any_window.c.grade_level.is_(None),
        ),
    )
    .where(_sheet.c.id == bindparam("sheet_id"))
)

_AUTHORS = (
    select(
        _person.c.id,
        _person.c.full_name,
        _person.c.sex,
        _person.c.subject_group_id,
        _assignment.c.starts_on,
        _assignment.c.ends_on,
    )
    .join(_assignment, _assignment.c.person_id == _person.c.id)
    .where(
        _assignment.c.class_subject_id == bindparam("class_subject_id"), _assignment.c.starts_on <= bindparam("today")
    )
    .order_by(_assignment.c.starts_on.desc(), _assignment.c.id.desc())
)

_HEADS_AND_DEPUTIES = select(_grant.c.person_id, _grant.c.role, _grant.c.scope_kind, _grant.c.scope_id).where(
    _grant.c.role.in_([Role.GROUP_HEAD.value, Role.VICE_PRINCIPAL.value]),
    _grant.c.starts_on <= bindparam("today"),
    or_(_grant.c.ends_on.is_(None), _grant.c.ends_on >= bindparam("today")),
)

_LAST_SUBMIT = (
    select(_step.c.by_account_id)
    .where(_step.c.score_sheet_id == bindparam("sheet_id"), _step.c.verb == SheetVerb.SUBMIT.value)
    .order_by(_step.c.id.desc())
    .limit(1)
)


def connection() -> Connection:
    """The connection of the present transaction; plain statements on it cost half of what the ORM session takes."""
    return db.session.connection()


def read_head(sheet_id: int) -> SheetHead:
    """The sheet without any relation; NotFound when there is none. Not scoped: callers check the actor."""
    # A regular tuple unpacking of the driver row would tie this to the order of columns; names are safer.
    row = connection().execute(_HEAD, {"sheet_id": sheet_id}).first()
    if row is None:
        raise _not_found()
    opens_on = row.own_opens_on or row.any_opens_on or row.starts_on
    closes_on = row.own_closes_on or row.any_closes_on or row.ends_on
    return SheetHead(
        id=row.id,
        class_subject_id=row.class_subject_id,
        class_group_id=row.class_group_id,
        school_year_id=row.school_year_id,
        subject_id=row.subject_id,
        semester=row.semester,
        state=SheetState(row.state),
        version=row.version,
        content_version=row.content_version,
        subject_name=row.subject_name,
        kind=SubjectKind(row.kind),
        lessons_per_year=row.lessons_per_year,
        class_name=row.class_name,
        grade_level=row.grade_level,
        year_label=row.year_label,
        regulation_version=row.regulation_version,
        window=Window(opens_on, closes_on),
    )


def head_for_typing(actor: Actor, sheet_id: int, today: date) -> SheetHead:
    """The sheet, for its author of today. NotFound for a stranger, NotAllowed for somebody who may only read it."""
    head = read_head(sheet_id)
    if actor.is_system or (head.class_subject_id in actor.teaching and actor.may(Permission.SHEET_ENTER)):
        return replace(head, parties=frozenset({SheetParty.AUTHOR}))
    return sheet_for(actor, sheet_id, Permission.SHEET_ENTER, today)


def sheet_for(actor: Actor, sheet_id: int, permission: Permission, today: date) -> SheetHead:
    """The sheet with the actor's relations to it, when the actor holds ``permission`` over it.

    Raises NotFound when the actor may not even read it (the IT officer always), NotAllowed when it is readable but
    this act belongs to somebody else.
    """
    head = read_head(sheet_id)
    authors = _authors(head.class_subject_id, today)
    parties, may_read = relations(actor, head, authors, today)
    if not may_read:
        raise _not_found()
    head = replace(head, parties=parties, authors=authors)
    if permission is not Permission.SHEET_READ and not _covers(head, permission):
        raise NotAllowed("Thầy, cô xem được bảng điểm này nhưng việc này do người khác làm.")
    return head


def relations(
    actor: Actor, head: SheetHead, authors: tuple[Author, ...], today: date
) -> tuple[frozenset[SheetParty], bool]:
    """The actor's relations to a sheet and whether the actor may read it."""
    if actor.is_system:
        return frozenset(SheetParty) - {SheetParty.CORRECTION}, True
    if actor.person_id is None or Permission.SHEET_READ not in actor.permissions:
        return frozenset(), False
    parties: set[SheetParty] = set()
    may_read = head.class_group_id in actor.homeroom
    group_id = _group_of(authors)
    is_author = head.class_subject_id in actor.teaching
    if is_author:
        parties.add(SheetParty.AUTHOR)
    for grant in actor.grants:
        if not _reaches(grant, head, group_id):
            continue
        if grant.role is Role.PRINCIPAL:
            parties |= {SheetParty.PRINCIPAL, SheetParty.APPROVER}
        elif grant.role is Role.DELEGATE:
            may_read = True
            # KT. never stands under one's own sheet, nor under one that this person handed in before it was given away
            if may_stand_for_principal(is_principal=False, is_delegate=True, did_the_work=is_own(actor, head)):
                parties.add(SheetParty.APPROVER)
        elif grant.role in (Role.VICE_PRINCIPAL, Role.GROUP_HEAD):
            may_read = True
    if not is_author and actor.person_id in _reviewers(actor, group_id, authors, today, head):
        parties.add(SheetParty.REVIEWER)
    return frozenset(parties), may_read or bool(parties)


def is_own(actor: Actor, head: SheetHead) -> bool:
    """Whether the actor teaches the sheet today or was the last to hand it in: nobody reviews their own sheet."""
    if actor.is_system:
        return False
    if head.class_subject_id in actor.teaching:
        return True
    last = connection().execute(_LAST_SUBMIT, {"sheet_id": head.id}).first()
    return last is not None and last.by_account_id == actor.account_id


def open_verbs(actor: Actor, head: SheetHead) -> tuple[SheetVerb, ...]:
    """What the actor may do with the sheet in its present state, in the order of the table."""
    found = []
    for move in MOVES:
        if move.from_state is not head.state:
            continue
        attests = move.verb is SheetVerb.SUBMIT and head.is_orphan and SheetParty.PRINCIPAL in head.parties
        if move.party not in head.parties and not attests:
            continue
        if move.party is SheetParty.REVIEWER and is_own(actor, head):
            continue
        found.append(move.verb)
    return tuple(found)


def _covers(head: SheetHead, permission: Permission) -> bool:
    parties = head.parties
    match permission:
        case Permission.SHEET_ENTER | Permission.IMPORT_SCORES:
            return SheetParty.AUTHOR in parties
        case Permission.SHEET_SUBMIT:
            return SheetParty.AUTHOR in parties or (head.is_orphan and SheetParty.PRINCIPAL in parties)
        case Permission.SHEET_REVIEW:
            return SheetParty.REVIEWER in parties
        case Permission.SHEET_APPROVE:
            return SheetParty.APPROVER in parties
        case Permission.SHEET_LOCK:
            return SheetParty.PRINCIPAL in parties
        case Permission.EXPORT_SCORES:
            return bool(parties)
    return False


def _authors(class_subject_id: int, today: date) -> tuple[Author, ...]:
    """Everyone who holds or held the assignment, those in force first, then the latest."""
    rows = connection().execute(_AUTHORS, {"class_subject_id": class_subject_id, "today": today}).all()
    found = [
        Author(row.id, row.full_name, row.sex, row.subject_group_id, row.ends_on is None or row.ends_on >= today)
        for row in rows
    ]
    found.sort(key=lambda author: not author.in_force)
    return tuple(found)


def _group_of(authors: tuple[Author, ...]) -> int | None:
    return authors[0].subject_group_id if authors else None


def _reaches(grant: Grant, head: SheetHead, group_id: int | None) -> bool:
    match grant.scope_kind:
        case GrantScope.SCHOOL:
            return grant.role is not Role.GROUP_HEAD
        case GrantScope.GRADE_LEVEL:
            return grant.scope_id == head.grade_level
        case GrantScope.CLASS_GROUP:
            return grant.scope_id == head.class_group_id
        case GrantScope.SUBJECT_GROUP:
            return group_id is not None and grant.scope_id == group_id


def _reviewers(
    actor: Actor, group_id: int | None, authors: tuple[Author, ...], today: date, head: SheetHead
) -> frozenset[int]:
    """Persons who review: heads of the author's group; else the vice-principals; else the principal.

    The last step keeps a school without a vice-principal, or whose only one teaches the sheet, from standing still.
    """
    if not any(g.role in (Role.GROUP_HEAD, Role.VICE_PRINCIPAL, Role.PRINCIPAL) for g in actor.grants):
        return frozenset()
    teaching = {author.person_id for author in authors if author.in_force}
    rows = connection().execute(_HEADS_AND_DEPUTIES, {"today": today}).all()
    heads = {
        row.person_id
        for row in rows
        if row.role == Role.GROUP_HEAD.value
        and row.scope_kind == GrantScope.SUBJECT_GROUP.value
        and group_id is not None
        and row.scope_id == group_id
    } - teaching
    if heads:
        return frozenset(heads)
    deputies = {
        row.person_id
        for row in rows
        if row.role == Role.VICE_PRINCIPAL.value
        and _reaches(Grant(Role.VICE_PRINCIPAL, GrantScope(row.scope_kind), row.scope_id), head, group_id)
    } - teaching
    if deputies:
        return frozenset(deputies)
    if actor.has_role(Role.PRINCIPAL) and actor.person_id is not None:
        return frozenset({actor.person_id})
    return frozenset()


def _not_found() -> NotFound:
    return NotFound("Không có bảng điểm này trong phần việc của thầy, cô.")
