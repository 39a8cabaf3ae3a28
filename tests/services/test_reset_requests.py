"""Resetting the account of whoever holds the school's keys: asked by one person, consented to by another."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotAllowed, NotFound, WrongState
from hocbaso.services import audit_verify, credentials, reset_requests, second_factor, sessions, wrong_tries
from hocbaso.services.access import SYSTEM
from hocbaso.services.reset_requests import ResetKind
from tests.cast import NOW, PASSWORD, Cast
from tests.databases import Outside

HOLDERS = ("principal", "vice_principal", "clerk")
LATER = NOW + timedelta(hours=1)


def ask(school: Cast, owner: str, kind: ResetKind = ResetKind.PASSWORD, now=NOW) -> int:
    return reset_requests.ask(school.actor("it_officer"), school.accounts[owner], kind, now).id


def bind_telephone(school: Cast, owner: str) -> None:
    secret = second_factor.new_secret()
    import pyotp

    second_factor.enrol(school.actor(owner), secret, pyotp.TOTP(secret).at(NOW), "machine", now=NOW)


def last_tags(n: int) -> list[str]:
    rows = db.session.scalars(select(m.AuditEntry.tag).order_by(m.AuditEntry.seq.desc()).limit(n))
    return list(rows)[::-1]


@pytest.mark.parametrize("owner", HOLDERS)
def test_the_it_officer_alone_resets_no_key_holder(school: Cast, owner: str):
    for act in (credentials.reset_password, credentials.reset_second_factor):
        if act is credentials.reset_second_factor:
            bind_telephone(school, owner)
        with pytest.raises(NotAllowed, match="người thứ hai"):
            act(school.actor("it_officer"), school.accounts[owner], NOW)
    assert sessions.sign_in(school.username(owner), PASSWORD, address="a", now=NOW)


@pytest.mark.parametrize("owner", HOLDERS)
@pytest.mark.parametrize(
    "second", ["principal", "vice_principal", "clerk", "it_officer", "math", "board", "head_science"]
)
def test_who_may_consent(school: Cast, owner: str, second: str):
    request = ask(school, owner)
    may = second in HOLDERS and second != owner
    assert bool(reset_requests.to_decide(school.actor(second), LATER)) is may
    if may:
        slip = reset_requests.consent(school.actor(second), request, LATER)
        assert slip is not None and slip.username == school.username(owner)
        with pytest.raises(wrong_tries.SignInRefused):
            sessions.sign_in(slip.username, PASSWORD, address="a", now=LATER)
        assert sessions.sign_in(slip.username, slip.password, address="b", now=LATER + timedelta(minutes=5))
        assert last_tags(5)[:2] == ["account:reset:requested", "account:reset:consented"]
    else:
        for act in (reset_requests.consent, reset_requests.refuse):
            with pytest.raises(NotFound):
                act(school.actor(second), request, LATER)
        assert sessions.sign_in(school.username(owner), PASSWORD, address="a", now=LATER)
    assert audit_verify.verify().ok


def test_a_telephone_is_unbound_only_with_consent(school: Cast):
    bind_telephone(school, "principal")
    request = ask(school, "principal", ResetKind.SECOND_FACTOR)
    account = db.session.get(m.Account, school.accounts["principal"])
    assert account.totp_secret is not None
    assert reset_requests.consent(school.actor("clerk"), request, LATER) is None
    db.session.expire_all()
    assert account.totp_secret is None and audit_verify.verify().ok


@pytest.mark.parametrize("owner", ["math", "outsider", "board", "head_science"])
def test_the_it_officer_alone_comes_to_no_password_of_anybody(school: Cast, owner: str):
    with pytest.raises(NotAllowed, match="người thứ hai"):
        credentials.reset_password(school.actor("it_officer"), school.accounts[owner], NOW)
    request = ask(school, owner)
    assert sessions.sign_in(school.username(owner), PASSWORD, address="a", now=NOW)
    for who in ("it_officer", "math", "board"):
        with pytest.raises(NotFound):
            reset_requests.consent(school.actor(who), request, LATER)
    slip = reset_requests.consent(school.actor("clerk"), request, LATER)
    assert slip is not None and sessions.sign_in(slip.username, slip.password, address="b", now=LATER)


def test_a_teacher_s_lost_telephone_needs_no_request(school: Cast):
    bind_telephone(school, "math")
    with pytest.raises(WrongState, match="không cần"):
        ask(school, "math", ResetKind.SECOND_FACTOR)
    credentials.reset_second_factor(school.actor("it_officer"), school.accounts["math"], NOW)
    db.session.expire_all()
    assert db.session.get(m.Account, school.accounts["math"]).totp_secret is None


def test_a_request_ends_after_72_hours_and_may_be_asked_again(school: Cast):
    request = ask(school, "clerk")
    with pytest.raises(WrongState, match="Đã có yêu cầu"):
        ask(school, "clerk", now=NOW + timedelta(hours=71))
    late = NOW + timedelta(hours=72)
    assert reset_requests.to_decide(school.actor("principal"), late) == []
    with pytest.raises(WrongState, match="72 giờ"):
        reset_requests.consent(school.actor("principal"), request, late)
    again = ask(school, "clerk", now=late)
    assert reset_requests.consent(school.actor("principal"), again, late) is not None
    assert audit_verify.verify().ok


def test_a_refusal_changes_nothing_and_is_final(school: Cast):
    request = ask(school, "vice_principal")
    reset_requests.refuse(school.actor("clerk"), request, LATER)
    with pytest.raises(WrongState, match="đã được giải quyết"):
        reset_requests.consent(school.actor("principal"), request, LATER)
    assert sessions.sign_in(school.username("vice_principal"), PASSWORD, address="a", now=LATER)


def test_owner_and_principal_are_told_and_the_log_never_holds_the_password(school: Cast):
    request = ask(school, "vice_principal")
    told = set(db.session.scalars(select(m.Notice.person_id).where(m.Notice.kind == "reset_asked")))
    assert told == {school.people["vice_principal"]}, "the others have the request itself on their day's page"
    assert all(reset_requests.to_decide(school.actor(key), LATER) for key in ("principal", "clerk"))
    slip = reset_requests.consent(school.actor("clerk"), request, LATER)
    done = dict(
        db.session.execute(select(m.Notice.person_id, m.Notice.body).where(m.Notice.kind == "account_reset")).all()
    )
    assert set(done) == {school.people["vice_principal"], school.people["principal"]}
    assert "Ngô Văn Quý xin, Lương Thị Thoa đồng ý" in done[school.people["principal"]]
    everything = "".join(db.session.scalars(select(m.AuditEntry.payload))) + "".join(
        db.session.scalars(select(m.Notice.body))
    )
    assert slip.password not in everything
    entry = db.session.scalar(
        select(m.AuditEntry).where(m.AuditEntry.tag == "account:password:reset").order_by(m.AuditEntry.seq.desc())
    )
    assert entry.actor_name == "Lương Thị Thoa" and json.loads(entry.payload)["facts"] == {"asked_by": "Ngô Văn Quý"}


def test_the_database_refuses_an_asker_who_consents(school: Cast):
    request = ask(school, "clerk")
    with pytest.raises(IntegrityError), write_transaction() as session:
        row = session.get(m.ResetRequest, request)
        row.state, row.decided_by, row.decided_at = "CONSENTED", row.asked_by, LATER


def test_a_request_written_into_the_database_is_not_consented_to(school: Cast):
    request = ask(school, "clerk")
    db.session.remove()
    outside = Outside()
    outside.execute("UPDATE reset_request SET account_id = ?", [school.accounts["vice_principal"]])
    outside.close()
    with pytest.raises(IntegrityFault):
        reset_requests.consent(school.actor("principal"), request, LATER)
    assert [fault.table for fault in audit_verify.verify().faults] == ["reset_request"]


def test_the_server_s_keyboard_needs_nobody(school: Cast):
    slip = credentials.reset_password(SYSTEM, school.accounts["principal"], NOW)
    assert slip.password and db.session.scalar(select(func.count()).select_from(m.ResetRequest)) == 0
    entry = db.session.scalar(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1))
    assert (entry.tag, entry.actor_id) == ("account:password:reset", None)


def test_without_anybody_to_consent_the_request_says_where_to_turn(school: Cast):
    with write_transaction() as session:
        for key in ("vice_principal", "clerk"):
            session.get(m.Account, school.accounts[key]).disabled_at = NOW
    with pytest.raises(WrongState, match="máy chủ"):
        ask(school, "principal")


@pytest.mark.parametrize("lost", ["role", "account"])
def test_a_request_is_worth_nothing_once_its_asker_no_longer_manages_accounts(school: Cast, lost: str):
    request = ask(school, "vice_principal")
    if lost == "role":
        grant = db.session.scalars(
            select(m.RoleGrant).where(m.RoleGrant.person_id == school.people["it_officer"])
        ).one()
        with write_transaction():
            grant.ends_on = NOW.date() - timedelta(days=1)
    else:
        with write_transaction():
            db.session.get(m.Account, school.accounts["it_officer"]).disabled_at = NOW
    with pytest.raises(WrongState, match="không còn phụ trách tài khoản"):
        reset_requests.consent(school.actor("clerk"), request, LATER)
    assert sessions.sign_in(school.username("vice_principal"), PASSWORD, address="a", now=LATER)
    reset_requests.refuse(school.actor("clerk"), request, LATER)
    assert db.session.get(m.ResetRequest, request).state == "REFUSED"
