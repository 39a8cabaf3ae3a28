"""Who opens an account and who prints its slip are two people; a password once set is not replaced this way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotAllowed, NotFound, WrongState
from hocbaso.services import (
    accounts,
    audit_verify,
    credentials,
    first_passwords,
    notices,
    passwords,
    roster,
    sessions,
    wrong_tries,
)
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, Cast

LATER = NOW + timedelta(hours=1)


def opened(school: Cast, code: str = "GV050", name: str = "Lò Thị Mai") -> m.Account:
    person = roster.create_person(SYSTEM, {"staff_code": code, "full_name": name}, NOW)
    [account] = first_passwords.open_accounts(school.actor("it_officer"), [person.id], NOW)
    return account


def waiting(school: Cast, who: str = "clerk", now=LATER) -> list[str]:
    return [row.username for row in first_passwords.waiting(school.actor(who), now)]


@pytest.mark.parametrize("printer", ["clerk", "principal", "vice_principal"])
def test_the_slip_opens_the_account_once_and_leaves_the_list_when_the_owner_has_set_a_password(
    school: Cast, printer: str
) -> None:
    account = opened(school)
    assert waiting(school) == ["gv050"]
    [slip] = first_passwords.issue(school.actor(printer), [account.id], LATER)
    assert sessions.sign_in(slip.username, slip.password, address="a", now=LATER)
    assert waiting(school) == ["gv050"]
    credentials.set_first_password(load_actor(account.id, LATER.date()), passwords.generate(), LATER)
    assert waiting(school) == []
    with pytest.raises(WrongState, match="đã đặt mật khẩu riêng"):
        first_passwords.issue(school.actor(printer), [account.id], LATER)
    tags = [
        row.tag for row in db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.target_id == str(account.id)))
    ]
    assert {"account:record:created", "account:password:issued", "account:password:changed"} <= set(tags)
    assert audit_verify.verify().ok


@pytest.mark.parametrize("who", ["it_officer", "math", "board", "head_science"])
def test_nobody_else_prints(school: Cast, who: str) -> None:
    account = opened(school)
    with pytest.raises(NotAllowed):
        first_passwords.issue(school.actor(who), [account.id], LATER)
    with pytest.raises(NotAllowed):
        first_passwords.waiting(school.actor(who), LATER)


def test_the_it_officer_opens_no_account_with_a_password(school: Cast) -> None:
    person = roster.create_person(SYSTEM, {"staff_code": "GV051", "full_name": "Lò Thị Mai"}, NOW)
    with pytest.raises(NotAllowed, match="in phiếu"):
        accounts.create_account(school.actor("it_officer"), person.id, NOW)


def test_a_password_that_was_reset_by_consent_is_no_first_password(school: Cast) -> None:
    """Otherwise whoever prints could come to the password of somebody who has used the account for years."""
    new = passwords.generate()
    credentials.reset_password(SYSTEM, school.accounts["math"], NOW)
    credentials.set_first_password(load_actor(school.accounts["math"], NOW.date()), new, NOW)
    credentials.reset_password(SYSTEM, school.accounts["math"], NOW)
    assert waiting(school) == []
    with pytest.raises(WrongState):
        first_passwords.issue(school.actor("clerk"), [school.accounts["math"]], LATER)


def test_an_account_in_use_gets_no_slip(school: Cast) -> None:
    with pytest.raises(WrongState):
        first_passwords.issue(school.actor("clerk"), [school.accounts["outsider"]], LATER)
    with pytest.raises(NotAllowed):
        first_passwords.issue(school.actor("clerk"), [school.accounts["clerk"]], LATER)
    with pytest.raises(NotFound):
        first_passwords.issue(school.actor("clerk"), [99999], LATER)


def test_a_second_slip_ends_the_first_and_all_of_a_list_stand_or_fall_together(school: Cast) -> None:
    account = opened(school)
    [old] = first_passwords.issue(school.actor("clerk"), [account.id], LATER)
    with pytest.raises(WrongState):
        first_passwords.issue(school.actor("clerk"), [account.id, school.accounts["math"]], LATER)
    assert sessions.sign_in(old.username, old.password, address="a", now=LATER)
    [new] = first_passwords.issue(school.actor("clerk"), [account.id, account.id], LATER)
    with pytest.raises(wrong_tries.SignInRefused):
        sessions.sign_in(old.username, old.password, address="a", now=LATER)
    assert sessions.sign_in(new.username, new.password, address="b", now=LATER + timedelta(minutes=5))


def test_a_hash_put_into_the_table_is_not_made_good_by_a_slip(school: Cast) -> None:
    account = opened(school)
    with write_transaction() as session:
        session.execute(text("UPDATE account SET password_hash = 'x' WHERE username = 'gv050'"))
    with pytest.raises(IntegrityFault):
        first_passwords.issue(school.actor("clerk"), [account.id], LATER)


def test_a_whole_staff_is_opened_at_once_and_told_once(school: Cast) -> None:
    people = [
        roster.create_person(SYSTEM, {"staff_code": f"GV1{index:02d}", "full_name": "Lò Thị Mai"}, NOW).id
        for index in range(3)
    ]
    it_officer = school.actor("it_officer")
    assert accounts.people_without(it_officer, NOW) == people
    assert len(first_passwords.open_accounts(it_officer, people, NOW)) == 3
    notices = db.session.scalars(select(m.Notice).where(m.Notice.kind == "first_passwords")).all()
    assert {row.person_id for row in notices} == {
        school.people[key] for key in ("principal", "vice_principal", "clerk")
    }
    assert all("mở 3 tài khoản" in row.body for row in notices)
    slips = first_passwords.issue(
        school.actor("clerk"), [row.account_id for row in first_passwords.waiting(school.actor("clerk"), LATER)], LATER
    )
    assert len({slip.password for slip in slips}) == 3


def test_the_reminder_stands_until_the_last_slip_is_printed(school: Cast) -> None:
    first, second = opened(school, "GV061"), opened(school, "GV062", "Lò Văn Pá")

    def reminded() -> bool:
        return any(note.kind == "first_passwords" for note in notices.waiting(school.people["principal"]))

    assert reminded()
    first_passwords.issue(school.actor("clerk"), [first.id], LATER)
    assert reminded()
    first_passwords.issue(school.actor("clerk"), [second.id], LATER)
    assert not reminded()
    opened(school, "GV063", "Lò Văn Tâm")
    assert reminded()
