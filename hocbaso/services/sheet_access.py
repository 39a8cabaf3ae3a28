"""Score sheets through the eyes of the person who asks: the loader, the relation to the sheet, the window.

A sheet outside one's assignments does not exist (NotFound); a sheet one may read but not act upon raises NotAllowed.
Statements are built once, over plain tables: this is the path of every saved cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from sqlalchemy import Connection, Table, and_, bindparam, select

from hocbaso import models as m
from hocbaso.db import Base, db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_sheet_flow import EDITABLE, MOVES, SheetParty, SheetState, SheetVerb
from hocbaso.regulations.terms import SubjectKind
from hocbaso.regulations.two_hands import WHY_NOT_FOR_PRINCIPAL, may_stand_for_principal, own_sheet_words
from hocbaso.services.access import Actor
from hocbaso.services.in_force import ever_began
from hocbaso.services.sheet_hands import NO_HANDS, authors_first, hands_of, names_of, reaches, reviews_of


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
    kept_out: str = ""
    """Why the actor does not act next, though the role would let them: their own work stands in the sheet."""

    @property
    def label(self) -> str:
        """``Toán 9A, học kì I``."""
        return f"{self.subject_name} {self.class_name}, học kì {'I' if self.semester == 1 else 'II'}"

    @property
    def is_orphan(self) -> bool:
        """Whether nobody holds the teaching assignment (the principal then attests)."""
        return not any(author.in_force for author in self.authors)

    @property
    def sheet_id(self) -> int:
        """The sheet's own id, by the name that it has in lists."""
        return self.id

    @property
    def subject_group_id(self) -> int | None:
        """The group to which the sheet belongs: that of who teaches, or last taught it."""
        return self.authors[0].subject_group_id if self.authors else None

    @property
    def teacher_ids(self) -> frozenset[int]:
        """Persons who teach it today."""
        return frozenset(author.person_id for author in self.authors if author.in_force)

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
        _person.c.id.label("person_id"),
        _person.c.full_name,
        _person.c.sex,
        _person.c.subject_group_id,
        _assignment.c.id,
        _assignment.c.starts_on,
        _assignment.c.ends_on,
    )
    .join(_assignment, _assignment.c.person_id == _person.c.id)
    .where(
        _assignment.c.class_subject_id == bindparam("class_subject_id"),
        _assignment.c.starts_on <= bindparam("today"),
        ever_began(_assignment.c),
    )
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
    head, may_read = _related(actor, replace(head, authors=authors), today)
    if not may_read:
        raise _not_found()
    if permission is not Permission.SHEET_READ and not _covers(head, permission):
        raise NotAllowed(head.kept_out or "Thầy, cô xem được bảng điểm này nhưng việc này do người khác làm.")
    return head


def _related(actor: Actor, head: SheetHead, today: date) -> tuple[SheetHead, bool]:
    """The sheet, its authors known, with the actor's relations to it; and whether the actor may read it."""
    if actor.is_system:
        return replace(head, parties=frozenset(SheetParty) - {SheetParty.CORRECTION}), True
    if actor.person_id is None or Permission.SHEET_READ not in actor.permissions:
        return head, False
    roles = {grant.role for grant in actor.grants if reaches(grant, head)}
    may_read = head.class_group_id in actor.homeroom or not roles.isdisjoint(_READERS)
    parties = {SheetParty.PRINCIPAL, SheetParty.APPROVER} if Role.PRINCIPAL in roles else set()
    if head.class_subject_id in actor.teaching:
        # Nobody reviews, nor approves by delegation, what they teach: their own page costs no statement more.
        return replace(head, parties=frozenset(parties | {SheetParty.AUTHOR})), True
    kept_out = ""
    review = reviews_of([head], today)[head.id] if any(actor.has_role(role) for role in _REVIEWERS) else None
    if review is not None and actor.person_id in review.reviewers:
        parties.add(SheetParty.REVIEWER)
    elif review is not None and head.state is SheetState.SUBMITTED and review.keeps_out(actor.person_id):
        kept_out = own_sheet_words(review.hands.say(actor.person_id), names_of(review.reviewers))
    if Role.DELEGATE in roles and SheetParty.APPROVER not in parties:
        # KT. never stands under one's own sheet, nor under what one typed or handed in before it was given away
        own = actor.person_id in review.own if review is not None else is_own(actor, head)
        if may_stand_for_principal(is_principal=False, is_delegate=True, did_the_work=own):
            parties.add(SheetParty.APPROVER)
        elif head.state is SheetState.REVIEWED:
            kept_out = WHY_NOT_FOR_PRINCIPAL
    return replace(head, parties=frozenset(parties), kept_out=kept_out), may_read or bool(parties)


_READERS = frozenset({Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.DELEGATE, Role.GROUP_HEAD})
_REVIEWERS = (Role.GROUP_HEAD, Role.VICE_PRINCIPAL, Role.PRINCIPAL)


def is_own(actor: Actor, head: SheetHead) -> bool:
    """Whether the actor teaches the sheet today, typed a value that stands in it, or ever handed it in."""
    if actor.is_system:
        return False
    if head.class_subject_id in actor.teaching:
        return True
    return actor.person_id in hands_of([head.id]).get(head.id, NO_HANDS).all


def reviewer_names(sheet_id: int, today: date) -> tuple[str, ...]:
    """Who may review the sheet today, by name; nobody where everyone in line has work in it. Not scoped: callers check."""
    head = read_head(sheet_id)
    head = replace(head, authors=_authors(head.class_subject_id, today))
    return names_of(reviews_of([head], today)[sheet_id].reviewers)


def open_verbs(actor: Actor, head: SheetHead) -> tuple[SheetVerb, ...]:
    """What the actor may do with the sheet in its present state, in the order of the table."""
    found = []
    for move in MOVES:
        if move.from_state is not head.state:
            continue
        attests = move.verb is SheetVerb.SUBMIT and head.is_orphan and SheetParty.PRINCIPAL in head.parties
        if move.party in head.parties or attests:
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
    return tuple(
        Author(row.person_id, row.full_name, row.sex, row.subject_group_id, row.ends_on is None or row.ends_on >= today)
        for row in authors_first(rows, today)
    )


def _not_found() -> NotFound:
    return NotFound("Không có bảng điểm này trong phần việc của thầy, cô.")
