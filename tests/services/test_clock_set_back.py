"""The clock of the school's machine ran ahead and is set right: nobody stays out for days and no session lives on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import sessions, wrong_tries
from tests.cast import NOW, PASSWORD, Cast

AHEAD = NOW + timedelta(days=3)
WRONG = "sai-mat-khau-roi-nhe"


def wrong_try(school: Cast, at, *, address: str = "10.0.0.7", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(sessions.SignInRefused):
            sessions.sign_in(school.username("math"), WRONG, address=address, now=at)


def resumed(token: str, at) -> sessions.SignedIn | None:
    return sessions.resume(token, sessions.SessionCache(), at)


def test_wrong_tries_noted_by_a_clock_ahead_keep_nobody_out(school: Cast) -> None:
    wrong_try(school, AHEAD, times=8)
    assert sessions.sign_in(school.username("math"), PASSWORD, address="10.0.0.8", now=NOW).token


def test_the_next_wrong_try_by_the_right_clock_delays_as_ever(school: Cast) -> None:
    wrong_try(school, AHEAD, times=8)
    wrong_try(school, NOW)
    with pytest.raises(sessions.SignInRefused) as refused:
        sessions.sign_in(school.username("math"), PASSWORD, address="10.0.0.8", now=NOW + timedelta(seconds=1))
    assert 0 < refused.value.wait_seconds <= wrong_tries.delay_after(9)


def test_no_delay_is_ever_longer_than_the_longest(school: Cast) -> None:
    account = db.session.get(m.Account, school.accounts["math"])
    assert account is not None
    for seconds in (-100, -90, -30, -1, 0, 1, 30, 89, 90, 91, 300, 86400):
        for n_failed in (1, 5, 8, 50):
            account.n_failed, account.failed_at = n_failed, NOW + timedelta(seconds=seconds)
            assert 0 <= wrong_tries.delay_left(account, NOW) <= wrong_tries.LONGEST_DELAY
    db.session.rollback()


@pytest.mark.parametrize(
    ("opened", "alive"), [(timedelta(minutes=5), True), (timedelta(minutes=6), False), (timedelta(days=3), False)]
)
def test_a_session_opened_ahead_of_now_is_not_alive(school: Cast, opened: timedelta, alive: bool) -> None:
    token = sessions.sign_in(school.username("other"), PASSWORD, address="10.0.0.9", now=NOW + opened).token
    assert (resumed(token, NOW) is not None) is alive
    assert resumed(token, NOW + opened + timedelta(minutes=1)) is not None


def test_a_session_used_ahead_of_now_is_not_alive(school: Cast) -> None:
    token = sessions.sign_in(school.username("other"), PASSWORD, address="10.0.0.9", now=NOW).token
    cache = sessions.SessionCache()
    signed = sessions.resume(token, cache, NOW)
    assert signed is not None
    cache.seen[signed.session_id] = AHEAD
    assert sessions.resume(token, cache, NOW + timedelta(minutes=1)) is None
    with write_transaction() as session:
        session.execute(update(m.UserSession).values(last_seen_at=AHEAD))
    assert resumed(token, NOW + timedelta(minutes=1)) is None


def test_no_session_outlives_twelve_hours_whatever_its_row_says(school: Cast) -> None:
    token = sessions.sign_in(school.username("other"), PASSWORD, address="10.0.0.9", now=NOW).token
    late = NOW + timedelta(hours=12)
    with write_transaction() as session:
        session.execute(
            update(m.UserSession).values(expires_at=late + timedelta(days=1), last_seen_at=late - timedelta(minutes=1))
        )
    assert resumed(token, late - timedelta(seconds=1)) is not None
    assert resumed(token, late) is None


def test_a_password_given_ahead_of_now_does_not_open_a_grave_act(school: Cast) -> None:
    token = sessions.sign_in(
        school.username("other"), PASSWORD, address="10.0.0.9", now=NOW + timedelta(minutes=4)
    ).token
    signed = resumed(token, NOW)
    assert signed is not None
    assert not sessions.is_recent(signed, NOW)
    assert sessions.is_recent(signed, NOW + timedelta(minutes=14))
    assert not sessions.is_recent(signed, NOW + timedelta(minutes=15))
