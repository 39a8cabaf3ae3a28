"""After somebody's last working day nobody acts in their name, whatever duties and roles still stand in the tables."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from openpyxl import Workbook
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.permissions import Role
from hocbaso.services import accounts, imports, role_grants, roster, sessions, staff, teaching_plan, wrong_tries
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, PASSWORD, Cast

LAST = date(2027, 5, 14)
AFTER = datetime(2027, 5, 15, 2, tzinfo=UTC)


def leaves(school: Cast, who: str, day: date | None, now: datetime = NOW) -> None:
    person = db.session.get(m.Person, school.people[who], populate_existing=True)
    assert person is not None
    values = {name: getattr(person, name) for name in staff.PROFILE_COLUMNS} | {"left_on": day}
    staff.save_profile(school.actor("clerk"), person.id, values, person.version, now)


def open_duty(school: Cast, who: str) -> None:
    """A duty without a last day beside a last working day, as an older version left them."""
    with write_transaction() as session:
        session.add(
            m.TeachingAssignment(
                person_id=school.people[who],
                class_subject_id=school.class_subjects["6A", "SCI"],
                starts_on=date(2027, 5, 1),
            )
        )


def duties_of(school: Cast, who: str) -> list[date | None]:
    rows = select(m.TeachingAssignment.ends_on).where(m.TeachingAssignment.person_id == school.people[who])
    return list(db.session.scalars(rows))


def test_from_the_day_after_nobody_acts(school: Cast) -> None:
    leaves(school, "outsider", LAST)
    open_duty(school, "outsider")
    account_id = school.accounts["outsider"]
    assert load_actor(account_id, LAST).teaching
    with pytest.raises(NotFound, match="không còn hoạt động"):
        load_actor(account_id, LAST + timedelta(days=1))


def test_a_session_ends_with_the_last_working_day_and_no_new_one_opens(school: Cast) -> None:
    leaves(school, "outsider", LAST)
    late = datetime(2027, 5, 14, 16, 50, tzinfo=UTC)  # ten to midnight at the school
    cache = sessions.SessionCache()
    token = sessions.sign_in("gv009", PASSWORD, address="10.0.0.1", now=late).token
    assert sessions.resume(token, cache, late + timedelta(minutes=5)) is not None
    assert sessions.resume(token, cache, late + timedelta(minutes=15)) is None
    with pytest.raises(wrong_tries.SignInRefused, match="chưa đúng"):
        sessions.sign_in("gv009", PASSWORD, address="10.0.0.1", now=AFTER)
    with pytest.raises(wrong_tries.SignInRefused):
        sessions.open_session(school.accounts["outsider"], address="10.0.0.1", now=AFTER)
    with pytest.raises(wrong_tries.SignInRefused):
        accounts.resolve_cli_actor("gv009", PASSWORD, now=AFTER)


def test_an_account_is_not_opened_again_while_its_owner_is_gone(school: Cast) -> None:
    officer, account_id = school.actor("it_officer"), school.accounts["outsider"]
    leaves(school, "outsider", date(2027, 5, 11))
    with pytest.raises(WrongState, match="thôi làm việc"):
        accounts.enable(officer, account_id, NOW)
    leaves(school, "outsider", None)
    accounts.enable(officer, account_id, NOW)
    assert school.actor("outsider").account_id == account_id


@pytest.mark.parametrize("code", ["SCI", None], ids=["a subject", "the class"])
def test_a_duty_given_after_the_last_day_was_entered_ends_with_it(school: Cast, code: str | None) -> None:
    leaves(school, "outsider", LAST)
    place = school.class_subjects["6A", code] if code else None
    give = (school.actor("clerk"), school.classes["6A"], place, school.people["outsider"])
    with pytest.raises(Invalid, match="đang làm việc"):
        teaching_plan.hand_over(*give, LAST + timedelta(days=1), NOW)
    teaching_plan.hand_over(*give, NOW.date(), NOW)
    model = m.TeachingAssignment if code else m.HomeroomAssignment
    assert list(db.session.scalars(select(model.ends_on).where(model.person_id == school.people["outsider"]))) == [LAST]


def test_nothing_is_written_for_somebody_who_has_left_by_whatever_way(school: Cast) -> None:
    leaves(school, "outsider", LAST)
    gone, person_id = LAST + timedelta(days=1), school.people["outsider"]
    with pytest.raises(Invalid, match=r"đến hết 14/05/2027"):
        roster.assign_teacher(SYSTEM, school.class_subjects["6A", "SCI"], person_id, NOW, starts_on=gone)
    with pytest.raises(Invalid, match=r"đến hết 14/05/2027"):
        roster.assign_homeroom(SYSTEM, school.classes["6A"], person_id, NOW, starts_on=gone)
    with pytest.raises(Invalid, match=r"đến hết 14/05/2027"):
        role_grants.grant_role(school.actor("principal"), person_id, Role.BOARD_MEMBER, NOW, starts_on=gone)
    assert duties_of(school, "outsider") == []


def test_a_role_ends_with_the_last_working_day(school: Cast) -> None:
    leaves(school, "outsider", LAST)
    grant = role_grants.grant_role(school.actor("principal"), school.people["outsider"], Role.BOARD_MEMBER, NOW)
    assert grant.ends_on == LAST


def plan_of(code: str) -> bytes:
    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    sheet.append(["Lớp", "Môn", "Số tiết cả năm", "Mã giáo viên"])
    sheet.append(["6A", "Khoa học tự nhiên", 140, code])
    book.save(out)
    return out.getvalue()


def test_an_imported_duty_ends_with_the_last_working_day(school: Cast) -> None:
    leaves(school, "outsider", LAST)
    report = imports.run_import(school.actor("clerk"), "assignments", plan_of("GV009"), NOW, apply=True)
    assert report.applied, report.problems
    assert duties_of(school, "outsider") == [LAST]


def test_no_duty_is_imported_for_somebody_gone_before_the_year_begins(school: Cast) -> None:
    """The list for a year that begins after the last working day: the teacher is here today and will not be then."""
    before = datetime(2026, 8, 20, 2, tzinfo=UTC)
    leaves(school, "outsider", date(2026, 8, 31), before)
    clerk = load_actor(school.accounts["clerk"], date(2027, 5, 12))
    report = imports.run_import(clerk, "assignments", plan_of("GV009"), before, apply=True)
    assert not report.applied and any("đến hết 31/08/2026" in str(problem) for problem in report.problems)
    assert duties_of(school, "outsider") == []


# --- whose last day the office enters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["vice_principal", "it_officer", "head_science", "board", "clerk"])
@pytest.mark.parametrize("day", [date(2027, 5, 11), date(2027, 5, 31)], ids=["yesterday", "later"])
def test_the_office_cuts_no_role_short_by_a_last_day(school: Cast, who: str, day: date) -> None:
    with pytest.raises(WrongState, match="Xin Hiệu trưởng kết thúc vai trò ấy"):
        leaves(school, who, day)
    db.session.expire_all()
    assert school.actor(who).grants
    assert db.session.scalar(select(m.Person.left_on).where(m.Person.id == school.people[who])) is None


def test_a_role_that_begins_later_is_not_cut_off_either(school: Cast) -> None:
    principal, begins = school.actor("principal"), date(2027, 8, 1)
    role_grants.grant_role(principal, school.people["outsider"], Role.VICE_PRINCIPAL, NOW, starts_on=begins)
    with pytest.raises(WrongState, match="còn giữ vai trò"):
        leaves(school, "outsider", LAST)


def test_once_the_principal_has_ended_the_role_the_office_enters_the_last_day(school: Cast) -> None:
    grant = db.session.scalars(
        select(m.RoleGrant.id).where(m.RoleGrant.person_id == school.people["vice_principal"])
    ).one()
    role_grants.end_role(school.actor("principal"), grant, NOW, ends_on=LAST)
    with pytest.raises(WrongState):
        leaves(school, "vice_principal", LAST - timedelta(days=1))
    leaves(school, "vice_principal", LAST)
    assert load_actor(school.accounts["vice_principal"], LAST).has_role(Role.VICE_PRINCIPAL)
    with pytest.raises(NotFound):
        load_actor(school.accounts["vice_principal"], LAST + timedelta(days=1))


def test_a_last_day_long_past_is_entered_once_the_role_has_ended_and_leaves_that_end(school: Cast) -> None:
    grant = db.session.scalars(select(m.RoleGrant).where(m.RoleGrant.person_id == school.people["head_science"])).one()
    role_grants.end_role(school.actor("principal"), grant.id, NOW)
    leaves(school, "head_science", date(2027, 4, 30))
    db.session.refresh(grant)
    assert grant.ends_on == date(2027, 5, 11)
    assert duties_of(school, "head_science") == [date(2027, 4, 30)]


@pytest.mark.parametrize("actor", ["clerk", "system"])
def test_a_successor_of_august_does_not_let_the_principal_go_in_may(school: Cast, actor: str) -> None:
    role_grants.grant_role(
        school.actor("principal"),
        school.people["math"],
        Role.PRINCIPAL,
        NOW,
        starts_on=date(2027, 8, 1),
        hand_over=True,
    )
    person = db.session.get(m.Person, school.people["principal"], populate_existing=True)
    assert person is not None
    who = SYSTEM if actor == "system" else school.actor("clerk")
    values = {name: getattr(person, name) for name in staff.PROFILE_COLUMNS}
    for day in (date(2027, 5, 11), date(2027, 7, 30)):
        with pytest.raises(WrongState, match="Trường luôn cần một Hiệu trưởng"):
            staff.save_profile(who, person.id, values | {"left_on": day}, person.version, NOW)
        db.session.refresh(person)
    assert school.actor("principal").has_role(Role.PRINCIPAL)
    staff.save_profile(who, person.id, values | {"left_on": date(2027, 7, 31)}, person.version, NOW)
