"""A duty brings the power over its scores: nobody takes one, and whoever never touches scores is given none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hocbaso import clock
from hocbaso.db import db
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import role_grants, teaching_plan
from hocbaso.services.access import load_actor
from tests.cast import NOW, Cast

TODAY = clock.local_date(NOW)


def give(school: Cast, giver: str, person: str, code: str | None = "LIT") -> None:
    class_group_id = school.classes["9A"]
    offered = school.class_subjects["9A", code] if code else None
    teaching_plan.hand_over(school.actor(giver), class_group_id, offered, school.people[person], TODAY, NOW)


@pytest.mark.parametrize("code", ["LIT", None], ids=["a subject", "the class"])
@pytest.mark.parametrize("giver", ["clerk", "principal"])
def test_nobody_gives_a_duty_to_themselves(school: Cast, giver: str, code: str | None) -> None:
    with pytest.raises(Invalid, match="tự phân công"):
        give(school, giver, giver, code)
    assert not school.actor(giver).teaching and not school.actor(giver).homeroom


@pytest.mark.parametrize(("person", "words"), [("clerk", "Văn thư"), ("it_officer", "CNTT")])
@pytest.mark.parametrize("code", ["LIT", None], ids=["a subject", "the class"])
def test_whoever_never_touches_scores_is_given_no_duty(school: Cast, person: str, words: str, code: str | None) -> None:
    with pytest.raises(Invalid, match=words):
        give(school, "principal", person, code)


def test_the_principal_teaches_when_another_gives_the_class(school: Cast) -> None:
    give(school, "clerk", "principal")
    actor = school.actor("principal")
    assert actor.teaching and Permission.SHEET_ENTER in actor.permissions


def test_a_teacher_becomes_clerk_only_without_classes(school: Cast) -> None:
    with pytest.raises(WrongState, match="giao các lớp ấy"):
        role_grants.grant_role(school.actor("principal"), school.people["math"], Role.CLERK, NOW)
    role_grants.grant_role(school.actor("principal"), school.people["outsider"], Role.CLERK, NOW)
    db.session.expire_all()
    assert school.actor("outsider").has_role(Role.CLERK)


@pytest.mark.parametrize("role", [Role.CLERK, Role.IT_OFFICER])
@pytest.mark.parametrize("code", ["LIT", None], ids=["a subject", "the class"])
def test_a_role_that_begins_later_stands_against_a_duty_of_today(school: Cast, role: Role, code: str | None) -> None:
    """Otherwise the duty given today and the role of the day after tomorrow meet in one person."""
    begins = TODAY + timedelta(days=2)
    role_grants.grant_role(school.actor("principal"), school.people["outsider"], role, NOW, starts_on=begins)
    with pytest.raises(Invalid, match="không được phân công dạy hoặc chủ nhiệm"):
        give(school, "clerk", "outsider", code)
    then = load_actor(school.accounts["outsider"], begins)
    assert not then.teaching and not then.homeroom and not then.may(Permission.SHEET_ENTER)
