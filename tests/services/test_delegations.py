"""A delegation is the vice-principal's: it is given within the days of that role, ends with it and counts only beside it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import audit_verify, log_reading, reviews, role_grants, roster, transcript_contents
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, Cast
from tests.services.full_class import fill_scores, move_sheets

TODAY = date(2027, 5, 12)
LAST = date(2027, 6, 30)


def grant_of(school: Cast, role: Role) -> m.RoleGrant:
    return db.session.scalars(
        select(m.RoleGrant)
        .where(m.RoleGrant.person_id == school.people["vice_principal"], m.RoleGrant.role == role.value)
        .execution_options(populate_existing=True)
    ).one()


def delegate(school: Cast, starts_on: date = TODAY, ends_on: date = LAST) -> m.RoleGrant:
    return role_grants.grant_role(
        school.actor("principal"),
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        starts_on=starts_on,
        ends_on=ends_on,
        document="12/GUQ-THCS",
    )


def test_a_delegation_ends_with_the_role_it_rests_on(school: Cast) -> None:
    delegate(school)
    fill_scores(school, "9A")
    move_sheets(school, "9A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    role_grants.end_role(school.actor("principal"), grant_of(school, Role.VICE_PRINCIPAL).id, NOW)
    ended = grant_of(school, Role.DELEGATE)
    assert ended.ends_on == TODAY - timedelta(days=1)
    told = log_reading.told_of("role_grant", ended.id)
    assert told is not None and date.fromisoformat(told["ends_on"]) == ended.ends_on
    assert audit_verify.verify().faults == []
    former = school.actor("vice_principal")
    assert not former.grants and not former.permissions
    with pytest.raises(NotFound):
        reviews.approve(former, school.sheets["9A", "SCI", 2], expected_version=3, now=NOW)


def test_a_role_that_ends_later_takes_the_delegation_along_on_that_day(school: Cast) -> None:
    delegate(school)
    day = TODAY + timedelta(days=10)
    role_grants.end_role(school.actor("principal"), grant_of(school, Role.VICE_PRINCIPAL).id, NOW, ends_on=day)
    assert grant_of(school, Role.DELEGATE).ends_on == day
    account_id = school.accounts["vice_principal"]
    assert load_actor(account_id, day).may(Permission.SHEET_APPROVE)
    assert not load_actor(account_id, day + timedelta(days=1)).permissions


def test_a_delegation_that_ends_sooner_keeps_its_own_last_day(school: Cast) -> None:
    delegate(school, ends_on=TODAY + timedelta(days=3))
    role_grants.end_role(
        school.actor("principal"),
        grant_of(school, Role.VICE_PRINCIPAL).id,
        NOW,
        ends_on=TODAY + timedelta(days=10),
    )
    assert grant_of(school, Role.DELEGATE).ends_on == TODAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [(date(2027, 6, 1), date(2027, 6, 11)), (date(2027, 6, 11), date(2027, 6, 12))],
    ids=["beyond the role", "after the role"],
)
def test_a_delegation_lies_within_the_days_of_the_role(school: Cast, starts_on: date, ends_on: date) -> None:
    role_grants.end_role(
        school.actor("principal"), grant_of(school, Role.VICE_PRINCIPAL).id, NOW, ends_on=date(2027, 6, 10)
    )
    with pytest.raises((Invalid, WrongState), match="Phó Hiệu trưởng"):
        delegate(school, starts_on, ends_on)
    delegate(school, date(2027, 6, 1), date(2027, 6, 10))


def test_a_delegation_before_the_role_begins_is_refused(school: Cast) -> None:
    person = school.people["outsider"]
    begins = TODAY + timedelta(days=5)
    role_grants.grant_role(school.actor("principal"), person, Role.VICE_PRINCIPAL, NOW, starts_on=begins)
    more = {"ends_on": LAST, "document": "12/GUQ-THCS"}
    with pytest.raises(Invalid, match="Phó Hiệu trưởng"):
        role_grants.grant_role(school.actor("principal"), person, Role.DELEGATE, NOW, **more)
    role_grants.grant_role(school.actor("principal"), person, Role.DELEGATE, NOW, starts_on=begins, **more)


def test_a_row_that_outlived_the_role_counts_for_nothing(school: Cast) -> None:
    """As an older version left them: the delegation stands, its holder is vice-principal no longer."""
    roster.grant_role(SYSTEM, school.people["outsider"], Role.DELEGATE, NOW, starts_on=TODAY, ends_on=LAST)
    assert not school.actor("outsider").grants and not school.actor("outsider").permissions
    class_group = db.session.get(m.ClassGroup, school.classes["9A"])
    assert class_group is not None and transcript_contents.deputies(class_group, TODAY) == []
    roster.grant_role(SYSTEM, school.people["vice_principal"], Role.DELEGATE, NOW, starts_on=TODAY, ends_on=LAST)
    assert [person.id for person in transcript_contents.deputies(class_group, TODAY)] == [
        school.people["vice_principal"]
    ]


def test_a_role_is_given_until_the_last_working_day_at_the_latest(school: Cast) -> None:
    person = db.session.get(m.Person, school.people["outsider"])
    assert person is not None
    with write_transaction():
        person.left_on = date(2027, 5, 31)
    give = (school.actor("principal"), person.id, Role.VICE_PRINCIPAL, NOW)
    with pytest.raises(Invalid, match=r"đến hết 31/05/2027"):
        role_grants.grant_role(*give, ends_on=date(2027, 6, 1))
    assert role_grants.grant_role(*give).ends_on == date(2027, 5, 31)


def test_a_role_ends_neither_in_the_past_nor_after_its_own_last_day(school: Cast) -> None:
    grant = delegate(school)
    for day in (TODAY - timedelta(days=2), LAST + timedelta(days=1)):
        with pytest.raises(Invalid):
            role_grants.end_role(school.actor("principal"), grant.id, NOW, ends_on=day)
    assert grant_of(school, Role.DELEGATE).ends_on == LAST
