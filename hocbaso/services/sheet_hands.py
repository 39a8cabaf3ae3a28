"""Whose work a sheet is and who reviews it: the one place where lists, pages, reminders and acts read this.

The rule is ``regulations/two_hands``; what it needs is read here for one sheet or for many, in the same statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from sqlalchemy import bindparam, false, or_, select, true, union_all

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.regulations.two_hands import Hands, ReviewOrder
from hocbaso.services.access import Grant
from hocbaso.services.in_force import in_force

_cell: Any = m.ScoreCell.__table__
_version: Any = m.ScoreCellVersion.__table__
_step: Any = m.SheetStep.__table__
_account: Any = m.Account.__table__
_grant: Any = m.RoleGrant.__table__
_person: Any = m.Person.__table__

NO_HANDS = Hands()

# A version counts while its value is the one that stands, whoever wrote the newest: undoing somebody's change puts one's own
# number back under another's name.
_TYPED = (
    select(_cell.c.score_sheet_id, _version.c.by_account_id, true().label("typed"))
    .join(_version, _version.c.score_cell_id == _cell.c.id)
    .where(
        _cell.c.score_sheet_id.in_(bindparam("sheet_ids", expanding=True)),
        or_(_cell.c.origin != "empty", _cell.c.remark.is_not(None)),
        _version.c.by_account_id.is_not(None),
        _version.c.tenths.is_not_distinct_from(_cell.c.tenths),
        _version.c.mark.is_not_distinct_from(_cell.c.mark),
        _version.c.remark.is_not_distinct_from(_cell.c.remark),
        # an excused absence holds no value: the word itself is what stands
        or_(
            _cell.c.tenths.is_not(None),
            _cell.c.mark.is_not(None),
            _cell.c.remark.is_not(None),
            _version.c.origin == _cell.c.origin,
        ),
    )
    .distinct()
)
_HANDED_IN = (
    select(_step.c.score_sheet_id, _step.c.by_account_id, false().label("typed"))
    .where(
        _step.c.score_sheet_id.in_(bindparam("sheet_ids", expanding=True)),
        _step.c.verb == SheetVerb.SUBMIT.value,
        _step.c.by_account_id.is_not(None),
    )
    .distinct()
)
_work = union_all(_TYPED, _HANDED_IN).subquery()
_HANDS = select(_work.c.score_sheet_id, _work.c.typed, _account.c.person_id).join(
    _account, _account.c.id == _work.c.by_account_id
)


class Place(Protocol):
    """What says who reviews a sheet: ``sheet_access.SheetHead`` and ``progress.SheetLine``."""

    @property
    def sheet_id(self) -> int:
        """The sheet."""

    @property
    def class_group_id(self) -> int:
        """Its class."""

    @property
    def grade_level(self) -> int:
        """6 to 9."""

    @property
    def subject_group_id(self) -> int | None:
        """The group of whoever teaches, or last taught it (:func:`authors_first`)."""

    @property
    def teacher_ids(self) -> frozenset[int]:
        """Persons who teach it today."""


@dataclass(frozen=True, slots=True)
class Review:
    """Who may review a sheet today, and who may not."""

    order: ReviewOrder
    hands: Hands
    teacher_ids: frozenset[int]

    @property
    def own(self) -> frozenset[int]:
        """Everybody whose own work the sheet is: persons who teach it, typed in it, handed it in."""
        return self.teacher_ids | self.hands.all

    @property
    def reviewers(self) -> frozenset[int]:
        """Persons who may review it."""
        return self.order.reviewers(self.own)

    @property
    def turn(self) -> str:
        """Whose turn that is (``ReviewOrder.step``)."""
        return self.order.step(self.own)

    def keeps_out(self, person_id: int | None) -> bool:
        """Whether only what this person did in the sheet, without teaching it today, keeps them from reviewing it."""
        return (
            person_id is not None
            and person_id not in self.teacher_ids
            and person_id in self.hands.all
            and self.order.kept_from(person_id, self.own)
        )


def reaches(grant: Grant, place: Place) -> bool:
    """Whether a role reaches a sheet: by its class, or by the group of its teacher. A head never reaches the whole school."""
    match grant.scope_kind:
        case GrantScope.SCHOOL:
            return grant.role is not Role.GROUP_HEAD
        case GrantScope.GRADE_LEVEL:
            return grant.scope_id == place.grade_level
        case GrantScope.CLASS_GROUP:
            return grant.scope_id == place.class_group_id
        case GrantScope.SUBJECT_GROUP:
            return place.subject_group_id is not None and grant.scope_id == place.subject_group_id


def authors_first(assignments: Iterable[Any], today: date) -> list[Any]:
    """Teaching assignments of one class subject that have begun: those in force first, then the latest.

    The first one's group is the sheet's. Rows with ``id``, ``starts_on`` and ``ends_on``.
    """
    return sorted(
        assignments,
        key=lambda row: (row.ends_on is not None and row.ends_on < today, -row.starts_on.toordinal(), -row.id),
    )


def hands_of(sheet_ids: Collection[int]) -> dict[int, Hands]:
    """Who typed what stands in these sheets and who handed them in, ever; sheets without any are left out. One statement.

    The system (imports of the set-up, demo) has no account and no hand.
    """
    if not sheet_ids:
        return {}
    found: dict[int, tuple[set[int], set[int]]] = {}
    for row in db.session.connection().execute(_HANDS, {"sheet_ids": list(sheet_ids)}):
        typed, handed_in = found.setdefault(row.score_sheet_id, (set(), set()))
        (typed if row.typed else handed_in).add(row.person_id)
    return {sheet_id: Hands(frozenset(typed), frozenset(handed_in)) for sheet_id, (typed, handed_in) in found.items()}


def reviews_of(places: Sequence[Place], today: date) -> dict[int, Review]:
    """Who reviews each of these sheets today, by sheet id. Two statements, however many sheets."""
    if not places:
        return {}
    hands = hands_of([place.sheet_id for place in places])
    roles = [
        (row.person_id, Grant(Role(row.role), GrantScope(row.scope_kind), row.scope_id))
        for row in db.session.connection().execute(
            select(_grant.c.person_id, _grant.c.role, _grant.c.scope_kind, _grant.c.scope_id).where(
                _grant.c.role.in_([role.value for role in _REVIEWING]), in_force(_grant.c, today)
            )
        )
    ]
    return {
        place.sheet_id: Review(
            ReviewOrder(*(_holders(roles, role, place) for role in _REVIEWING)),
            hands.get(place.sheet_id, NO_HANDS),
            place.teacher_ids,
        )
        for place in places
    }


_REVIEWING = (Role.GROUP_HEAD, Role.VICE_PRINCIPAL, Role.PRINCIPAL)
"""In the order of ``ReviewOrder``."""


def _holders(roles: Iterable[tuple[int, Grant]], role: Role, place: Place) -> frozenset[int]:
    # A head's power is over a group and nothing else: a head's grant with another scope reaches no sheet.
    return frozenset(
        person_id
        for person_id, grant in roles
        if grant.role is role
        and reaches(grant, place)
        and (role is not Role.GROUP_HEAD or grant.scope_kind is GrantScope.SUBJECT_GROUP)
    )


def names_of(person_ids: Collection[int]) -> tuple[str, ...]:
    """Names of these persons in the order of a staff list; no statement for nobody."""
    if not person_ids:
        return ()
    return tuple(
        db.session.connection().scalars(
            select(_person.c.full_name).where(_person.c.id.in_(list(person_ids))).order_by(_person.c.sort_key)
        )
    )
