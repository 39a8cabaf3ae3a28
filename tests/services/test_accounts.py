"""Passwords, accounts and roles: what is refused, what is written, and what an entry of the log says."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.services import (
    accounts,
    audit_verify,
    credentials,
    passwords,
    role_grants,
    roster,
    second_factor,
    sessions,
    setup,
    wrong_tries,
)
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, PASSWORD, Cast
from tests.databases import Outside


def test_a_passphrase_carries_forty_bits_and_passes_its_own_check():
    drawn = [passwords.generate() for _ in range(300)]
    assert len(set(drawn)) == 300
    assert all(len(phrase.split("-")) == 4 and len(phrase) >= passwords.MIN_LENGTH for phrase in drawn)
    assert len(passwords.words()) >= 1024
    n_refused = 0
    for first in passwords.words():
        try:
            passwords.check(f"{first}-nghiem-suong-trau")
        except Invalid:
            n_refused += 1
    kept = 1 - n_refused / len(passwords.words())
    assert 4 * math.log2(len(passwords.words())) + math.log2(kept) >= 40


@pytest.mark.parametrize(
    "easy",
    [
        "ngan-qua",
        "123456789012",
        "matkhau123456",
        "MatKhau@2026",
        "P@ssw0rd2026!!",
        "aaaaaaaaaaaab",
        "abababababab",
        "qwertyuiop123",
        "Đồng Sen 2026 !",
        "truongthcsdongsen",
        "nguyenvana1990",
        "hocsinhgioi2027",
        "gv007gv007gv007",
        "trinhthuha1980",
    ],
)
def test_an_easy_password_is_refused(easy: str):
    with pytest.raises(Invalid):
        passwords.check(easy, personal=("gv007", "Trịnh Thu Hà", "Trường THCS Đồng Sen"))


@pytest.mark.parametrize(
    "good", ["chan-leo-chuoc-trui", "lúa chín đồng làng 2027", "correct horse battery", "x" * 8 + "Kz9-qpWm"]
)
def test_a_long_one_of_any_letters_is_good(good: str):
    passwords.check(good)


def test_the_same_letters_typed_otherwise_are_the_same_password():
    stored = passwords.hash_password("lúa-chín-đồng")
    assert passwords.verify(stored, "lu\u0301a-chi\u0301n-đô\u0300ng")
    assert not passwords.verify(stored, "lua-chin-dong")
    assert not passwords.verify(None, "lúa-chín-đồng")


def test_an_old_cheap_hash_is_renewed_at_sign_in(school: Cast):
    passwords.set_cost(memory_kib=16)
    try:
        sessions.sign_in("gv007", PASSWORD, address="10.0.0.1", now=NOW)
        stored = db.session.scalar(select(m.Account.password_hash).where(m.Account.username == "gv007"))
        assert "m=16," in stored
        assert audit_verify.verify().ok
    finally:
        passwords.set_cost(memory_kib=8)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET password_hash = (SELECT password_hash FROM account WHERE username = 'gv009') "
        "WHERE username = 'gv001'",
        "UPDATE account SET totp_secret = 'x' WHERE username = 'gv001'",
    ],
)
def test_a_password_or_telephone_put_into_the_database_by_hand_opens_nothing(school: Cast, statement: str):
    db.session.remove()
    outside = Outside()
    outside.execute(
        "UPDATE account SET password_hash = ? WHERE username = 'gv009'", [passwords.hash_password("bốn-từ-của-kẻ-gian")]
    )
    outside.execute(statement)
    outside.close()
    word = "bốn-từ-của-kẻ-gian" if "password" in statement else PASSWORD
    with pytest.raises(wrong_tries.SignInRefused, match="sửa ngoài phần mềm"):
        sessions.sign_in("gv001", word, address="10.0.0.1", now=NOW)
    with pytest.raises(wrong_tries.SignInRefused, match="sửa ngoài phần mềm"):
        accounts.resolve_cli_actor("gv001", word, now=NOW)


def test_real_hashes_cost_what_was_decided():
    from argon2 import extract_parameters

    passwords.set_cost(memory_kib=47104)
    try:
        cost = extract_parameters(passwords.hash_password("x"))
        assert (cost.memory_cost, cost.time_cost, cost.parallelism, cost.type.name) == (47104, 1, 1, "ID")
    finally:
        passwords.set_cost(memory_kib=8)


# --- accounts ---------------------------------------------------------------------------------------------------------


def newcomer(name: str = "Lò Thị Mai", code: str = "GV050") -> int:
    return roster.create_person(SYSTEM, {"staff_code": code, "full_name": name}, NOW).id


def test_an_account_is_opened_with_a_one_time_password(school: Cast):
    slip = accounts.create_account(SYSTEM, newcomer(), NOW)
    account = db.session.get(m.Account, slip.account_id)
    assert (account.username, account.must_change_password) == ("gv050", True)
    assert account.first_password_expires_at == NOW + timedelta(hours=72)
    assert slip.password not in account.password_hash
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc())).first()
    assert (entry.tag, entry.actor_id) == ("account:record:created", None)
    assert slip.password not in entry.payload and "argon2" not in entry.payload


@pytest.mark.parametrize("bad", ["ab", "Ngô Quý", "-dau", "a" * 41, "a b c", "admin'--", "gv001"])
def test_a_bad_or_taken_user_name_is_refused(bad: str, school: Cast):
    with pytest.raises(Invalid):
        accounts.open_account(school.actor("it_officer"), newcomer(), NOW, username=bad)


def test_a_person_has_one_account(school: Cast):
    with pytest.raises(WrongState):
        accounts.open_account(school.actor("it_officer"), school.people["math"], NOW, username="lan-hai")


@pytest.mark.parametrize("person", ["principal", "clerk", "math", "board"])
def test_only_the_it_officer_keeps_accounts(person: str, school: Cast):
    actor = school.actor(person)
    with pytest.raises(NotAllowed):
        accounts.open_account(actor, newcomer(), NOW)
    with pytest.raises(NotFound):
        credentials.reset_password(actor, school.accounts["other"], NOW)
    with pytest.raises(NotFound):
        accounts.disable(actor, school.accounts["other"], NOW)
    with pytest.raises(NotAllowed):
        accounts.list_accounts(actor, NOW)


def test_nobody_resets_or_shuts_the_own_account(school: Cast):
    actor = school.actor("it_officer")
    with pytest.raises(NotAllowed):
        credentials.reset_password(actor, school.accounts["it_officer"], NOW)
    with pytest.raises(NotAllowed):
        accounts.disable(actor, school.accounts["it_officer"], NOW)


def test_a_disabled_account_cannot_sign_in_until_it_is_opened_again(school: Cast):
    actor = school.actor("it_officer")
    accounts.disable(actor, school.accounts["math"], NOW)
    with pytest.raises(WrongState):
        accounts.disable(actor, school.accounts["math"], NOW)
    with pytest.raises(wrong_tries.SignInRefused):
        sessions.sign_in("gv007", PASSWORD, address="10.0.0.1", now=NOW)
    accounts.enable(actor, school.accounts["math"], NOW)
    sessions.sign_in("gv007", PASSWORD, address="10.0.0.1", now=NOW + timedelta(minutes=2))


def test_the_second_factor_is_bound_to_its_account_and_machine():
    sealed = second_factor.seal("JBSWY3DPEHPK3PXP", 7, "machine")
    assert second_factor.unseal(sealed, 7, "machine") == "JBSWY3DPEHPK3PXP"
    for account_id, secret in ((8, "machine"), (7, "other machine")):
        with pytest.raises(Exception, match="xác nhận hai lớp"):
            second_factor.unseal(sealed, account_id, secret)


# --- roles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["vice_principal", "clerk", "it_officer", "head_science", "math", "board"])
def test_only_the_principal_gives_roles(person: str, school: Cast):
    with pytest.raises(NotAllowed):
        role_grants.grant_role(school.actor(person), school.people["outsider"], Role.BOARD_MEMBER, NOW)


def test_nobody_gives_a_role_to_themselves(school: Cast):
    with pytest.raises(NotAllowed):
        role_grants.grant_role(school.actor("principal"), school.people["principal"], Role.CLERK, NOW)


def test_it_and_every_other_role_exclude_each_other(school: Cast):
    principal = school.actor("principal")
    with pytest.raises(WrongState):
        role_grants.grant_role(principal, school.people["it_officer"], Role.CLERK, NOW)
    with pytest.raises(WrongState):
        role_grants.grant_role(principal, school.people["clerk"], Role.IT_OFFICER, NOW)


def test_a_delegation_has_scope_paper_and_last_day(school: Cast):
    principal, vice = school.actor("principal"), school.people["vice_principal"]
    last = date(2027, 5, 31)
    for person, changes, error in (
        (vice, {"ends_on": None, "document": "12/GUQ"}, Invalid),
        (vice, {"ends_on": last, "document": None}, Invalid),
        (vice, {"ends_on": date(2027, 5, 1), "document": "12/GUQ"}, Invalid),
        (school.people["math"], {"ends_on": last, "document": "12/GUQ"}, WrongState),
        (vice, {"ends_on": last, "document": "12/GUQ", "scope_kind": GrantScope.GRADE_LEVEL, "scope_id": 5}, Invalid),
        (vice, {"ends_on": last, "document": "12/GUQ", "scope_kind": GrantScope.SUBJECT_GROUP, "scope_id": 1}, Invalid),
    ):
        with pytest.raises(error):
            role_grants.grant_role(principal, person, Role.DELEGATE, NOW, **changes)
    role_grants.grant_role(
        principal,
        vice,
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=9,
        ends_on=last,
        document="12/GUQ-THCS",
    )
    account_id = school.accounts["vice_principal"]
    assert load_actor(account_id, date(2027, 5, 12)).may(Permission.SHEET_APPROVE)
    assert load_actor(account_id, last).may(Permission.SHEET_APPROVE)
    assert not load_actor(account_id, last + timedelta(days=1)).may(Permission.SHEET_APPROVE)
    assert not load_actor(account_id, date(2027, 5, 11)).may(Permission.SHEET_APPROVE)


def test_a_role_stands_once_and_ends_at_once(school: Cast):
    principal, board = school.actor("principal"), school.people["board"]
    with pytest.raises(WrongState):
        role_grants.grant_role(principal, board, Role.BOARD_MEMBER, NOW)
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == board))
    role_grants.end_role(principal, grant, NOW)
    assert not school.actor("board").grants
    with pytest.raises(WrongState):
        role_grants.end_role(principal, grant, NOW)


def test_a_school_always_has_a_principal(school: Cast):
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.role == "principal"))
    with pytest.raises(WrongState):
        role_grants.end_role(SYSTEM, grant, NOW)
    with pytest.raises(WrongState, match="Đoàn Thị Hải Yến là Hiệu trưởng từ 05/09/2026"):
        role_grants.grant_role(SYSTEM, school.people["outsider"], Role.PRINCIPAL, NOW)
    first = date(2027, 6, 1)
    role_grants.grant_role(
        school.actor("principal"), school.people["outsider"], Role.PRINCIPAL, NOW, starts_on=first, hand_over=True
    )
    old, new = school.accounts["principal"], school.accounts["outsider"]
    assert load_actor(old, date(2027, 5, 31)).has_role(Role.PRINCIPAL) and not load_actor(old, first).grants
    assert load_actor(new, first).has_role(Role.PRINCIPAL) and not load_actor(new, date(2027, 5, 31)).grants
    tags = db.session.scalars(select(m.AuditEntry.tag).order_by(m.AuditEntry.seq.desc()).limit(2)).all()
    assert tags == ["role:grant:given", "role:grant:ended"] and audit_verify.verify().ok
    with pytest.raises(WrongState):  # nor a third one before the second begins
        role_grants.grant_role(
            SYSTEM, school.people["other"], Role.PRINCIPAL, NOW, starts_on=date(2027, 5, 20), hand_over=True
        )


@pytest.mark.parametrize("person", ["principal", "it_officer"])
def test_the_only_principal_or_it_officer_is_not_shut_out(school: Cast, person: str):
    actor = school.actor("it_officer") if person == "principal" else SYSTEM
    with pytest.raises(WrongState, match="duy nhất"):
        accounts.disable(actor, school.accounts[person], NOW)
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == school.people[person]))
    with pytest.raises(WrongState):
        role_grants.end_role(SYSTEM, grant, NOW)
    with pytest.raises(NotAllowed, match="bàn phím"):
        accounts.disable(school.actor("it_officer"), school.accounts["principal"], NOW, forced="Mất máy, mất liên lạc")
    with pytest.raises(Invalid):
        accounts.disable(SYSTEM, school.accounts[person], NOW, forced="mất")
    accounts.disable(SYSTEM, school.accounts[person], NOW, forced="Mất máy, mất liên lạc")
    role_grants.end_role(SYSTEM, grant, NOW, forced="Đã chuyển công tác, chưa có người thay")
    notes = db.session.scalars(select(m.AuditEntry.payload).order_by(m.AuditEntry.seq.desc()).limit(2)).all()
    assert "chưa có người thay" in notes[0] and "mất liên lạc" in notes[1]


def test_with_a_second_it_officer_the_first_may_go(school: Cast):
    role_grants.grant_role(SYSTEM, school.people["outsider"], Role.IT_OFFICER, NOW)
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == school.people["it_officer"]))
    accounts.disable(SYSTEM, school.accounts["outsider"], NOW)
    with pytest.raises(WrongState):  # the second one cannot sign in
        role_grants.end_role(SYSTEM, grant, NOW)
    accounts.enable(SYSTEM, school.accounts["outsider"], NOW)
    role_grants.end_role(school.actor("principal"), grant, NOW)


# --- commands ---------------------------------------------------------------------------------------------------------


def test_who_acts_in_a_command(school: Cast):
    assert accounts.resolve_cli_actor(None, None, now=NOW) is SYSTEM, "the cast's school is a demo"
    with write_transaction() as session:
        session.get(m.School, 1).is_demo = False
    with pytest.raises(NotAllowed):
        accounts.resolve_cli_actor(None, None, now=NOW)
    with pytest.raises(wrong_tries.SignInRefused):
        accounts.resolve_cli_actor("gv001", "sai", now=NOW)
    actor = accounts.resolve_cli_actor("GV001", PASSWORD, now=NOW)
    assert actor.may(Permission.ROLE_GRANT) and not actor.is_system


def test_in_set_up_the_system_acts(app):
    with app.app_context():
        assert accounts.no_account_yet()
        assert accounts.resolve_cli_actor(None, None, now=NOW) is SYSTEM


def test_first_accounts_come_all_or_not_at_all(app):
    with app.app_context():
        setup.save_school({"name": "Trường THCS Bản Mới"}, NOW)
        setup.save_year("2026-2027", {}, NOW)
        principal = setup.FirstPerson(Role.PRINCIPAL, "Lường Văn Páo", "BGH01")
        it_officer = setup.FirstPerson(Role.IT_OFFICER, "Quàng Thị Mơ", "CNTT01")
        for people in (
            [principal],
            [it_officer],
            [principal, setup.FirstPerson(Role.IT_OFFICER, "Quàng Thị Mơ", "bgh01")],
            [principal, setup.FirstPerson(Role.IT_OFFICER, " ", "CNTT01")],
        ):
            with pytest.raises(Invalid):
                setup.first_accounts(people, NOW)
            assert accounts.no_account_yet()
            assert db.session.scalar(select(m.Person.id)) is None
        slips = setup.first_accounts([principal, it_officer], NOW)
        assert [slip.username for slip in slips] == ["bgh01", "cntt01"]
        with pytest.raises(WrongState):
            setup.first_accounts([principal, it_officer], NOW)
        today = clock.local_date(NOW)
        assert load_actor(slips[0].account_id, today).has_role(Role.PRINCIPAL)
        assert load_actor(slips[1].account_id, today).has_role(Role.IT_OFFICER)
