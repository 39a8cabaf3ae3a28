"""Guessing: passwords, codes of the telephone, codes of transcripts. The guesser gets little, the owner gets in."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import passwords, second_factor, sessions, wrong_tries
from tests.cast import PASSWORD, Cast
from tests.web.test_auth import Clock
from tests.web.test_transcripts import Site

HOUR = timedelta(hours=1)
OWN, SHARED, ELSEWHERE = "10.0.0.5", "10.0.0.6", "10.0.66.{}"


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Clock:
    watch = Clock(datetime(2027, 3, 1, 1, 0, tzinfo=clock.UTC))
    monkeypatch.setattr(clock, "now", watch)
    return watch


class Counting:
    """Counts how often a password was really looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0) -> None:
        self.n, self._lock, self._seconds = 0, threading.Lock(), seconds
        monkeypatch.setattr(passwords, "verify", self.verify)

    def verify(self, stored: str | None, password: str) -> bool:
        with self._lock:
            self.n += stored is not None
        time.sleep(self._seconds)
        return stored is not None and password == PASSWORD


def attack(start: datetime, n: int, every: timedelta, address: Callable[[int], str]) -> list[datetime]:
    """Try ``n`` wrong passwords on the principal's account; the moments at which one was really looked at."""
    looked = []
    for number in range(n):
        now = start + number * every
        try:
            sessions.sign_in("gv001", f"đoán-{number}", address=address(number), now=now)
        except wrong_tries.SignInRefused as refused:
            if not refused.wait_seconds:
                looked.append(now)
    return looked


def most_in_an_hour(moments: list[datetime]) -> int:
    return max(sum(first <= other < first + HOUR for other in moments) for first in moments)


def known(cast: Cast, at: datetime, *addresses: str) -> None:
    for address in addresses:
        sessions.sign_in("gv001", PASSWORD, address=address, now=at - timedelta(days=1))


FEW = pytest.param(480, timedelta(seconds=10), id="eighty minutes")
MANY = pytest.param(10_000, timedelta(seconds=1), id="ten thousand", marks=pytest.mark.fuzz)


@pytest.mark.parametrize(("n", "every"), [FEW, MANY])
@pytest.mark.parametrize(
    "where", ["one machine", "many machines", "where the owner works", "both"], ids=lambda text: text.replace(" ", "-")
)
def test_an_account_takes_at_most_sixty_guesses_an_hour_and_its_owner_gets_in(
    n: int, every: timedelta, where: str, school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(monkeypatch)
    start = datetime(2027, 3, 1, 1, 0, tzinfo=clock.UTC)
    known(school, start, OWN, SHARED)
    before = counting.n
    places: dict[str, Callable[[int], str]] = {
        "one machine": lambda number: ELSEWHERE.format(1),
        "many machines": lambda number: ELSEWHERE.format(number % 250),
        "where the owner works": lambda number: SHARED,
        "both": lambda number: SHARED if number % 2 else ELSEWHERE.format(number % 250),
    }
    looked = attack(start, n, every, places[where])
    assert counting.n - before == len(looked)
    assert 20 < most_in_an_hour(looked) <= 60
    end = start + n * every
    sessions.sign_in("gv001", PASSWORD, address=OWN, now=end)
    more = attack(end, 20, timedelta(seconds=1), places[where])
    fresh = wrong_tries.PER_KNOWN_ADDRESS if SHARED in (places[where](0), places[where](1)) else 0
    assert len(more) <= fresh + 1, "that the owner signs in elsewhere gives the guesser no fresh tries"


def test_the_owner_gets_in_at_a_strange_machine_once_the_guesser_rests(
    school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    Counting(monkeypatch)
    start = datetime(2027, 3, 1, 1, 0, tzinfo=clock.UTC)
    last = attack(start, 100, timedelta(seconds=5), lambda number: ELSEWHERE.format(1))[-1]
    with pytest.raises(wrong_tries.SignInRefused):
        sessions.sign_in("gv001", PASSWORD, address="10.0.0.9", now=last + timedelta(seconds=1))
    sessions.sign_in("gv001", PASSWORD, address="10.0.0.9", now=last + timedelta(seconds=wrong_tries.LONGEST_DELAY))


def test_guesses_sent_together_count_as_if_sent_one_by_one(
    school_app: Flask,
    school: Cast,
    monkeypatch: pytest.MonkeyPatch,
    virtual: Clock,
) -> None:
    counting = Counting(monkeypatch, seconds=0.02)
    with write_transaction() as session:
        session.execute(
            update(m.Account).where(m.Account.username == "gv001").values(n_failed=9, failed_at=virtual.at - HOUR)
        )
    gate = threading.Barrier(8)
    statuses: Counter[int] = Counter()

    def guess(number: int) -> None:
        client = school_app.test_client()
        gate.wait(10)
        answer = client.post(
            "/dang-nhap", data={"username": "gv001", "password": f"đoán-{number}"},
            environ_overrides={"REMOTE_ADDR": ELSEWHERE.format(number)},
        )  # fmt: skip
        statuses[answer.status_code] += 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == {422: 1, 429: 7}
    assert counting.n == 1


def with_factor(cast: Cast, at: datetime, app: Flask) -> pyotp.TOTP:
    secret = second_factor.new_secret()
    with write_transaction() as session:
        session.execute(update(m.School).values(require_second_factor=True, is_demo=False))
    earlier = at - timedelta(minutes=5)  # the code of that moment is used up by enrolling
    code = pyotp.TOTP(secret).at(earlier)
    second_factor.enrol(cast.actor("principal"), secret, code, app.config["SECRET_KEY"], now=earlier)
    return pyotp.TOTP(secret)


def send(client: FlaskClient, path: str, address: str, **data: str) -> int:
    return client.post(path, data=data, environ_overrides={"REMOTE_ADDR": address}).status_code


def test_whoever_knows_the_password_cannot_try_code_after_code(
    school_app: Flask,
    school: Cast,
    virtual: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signing in again must not give five more codes each time."""
    Counting(monkeypatch)
    with_factor(school, virtual.at, school_app)
    tried: list[str] = []
    real = second_factor.check
    monkeypatch.setattr(second_factor, "check", lambda *args, **more: (tried.append(args[1]), real(*args, **more)))
    for number in range(150):
        virtual.move(seconds=24)
        client = school_app.test_client()
        address = ELSEWHERE.format(number % 250)
        send(client, "/dang-nhap", address, username="gv001", password=PASSWORD)
        for _ in range(2):
            send(client, "/dang-nhap/ma-xac-nhan", address, code="000000")
    assert 20 < len(tried) <= 60


def test_the_owner_passes_the_code_while_somebody_guesses_the_password(
    school_app: Flask,
    school: Cast,
    virtual: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Counting(monkeypatch)
    code = with_factor(school, virtual.at, school_app)
    own = school_app.test_client()
    assert send(own, "/dang-nhap", OWN, username="gv001", password=PASSWORD) == 303
    assert send(own, "/dang-nhap/ma-xac-nhan", OWN, code=code.at(virtual.at)) == 303
    virtual.move(hours=13)
    attack(virtual.at - timedelta(minutes=10), 60, timedelta(seconds=10), lambda number: ELSEWHERE.format(1))
    own = school_app.test_client()
    assert send(own, "/dang-nhap", OWN, username="gv001", password=PASSWORD) == 303
    assert send(own, "/dang-nhap/ma-xac-nhan", OWN, code=code.at(virtual.at)) == 303
    assert own.get("/tai-khoan", environ_overrides={"REMOTE_ADDR": OWN}).status_code == 200
    virtual.move(minutes=11)
    attack(virtual.at - timedelta(minutes=2), 24, timedelta(seconds=5), lambda number: ELSEWHERE.format(1))
    assert send(own, "/xac-nhan", OWN, password=PASSWORD) == 303, "and does the grave acts"


@pytest.mark.parametrize("path", ["/xac-nhan", "/xac-nhan/tai-cho", "/tai-khoan"])
def test_an_unlocked_tablet_is_no_place_to_guess_the_password(
    path: str,
    school_app: Flask,
    school: Cast,
    virtual: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = Counting(monkeypatch)
    client = school_app.test_client()
    send(client, "/dang-nhap", OWN, username="gv001", password=PASSWORD)
    before, new, statuses = counting.n, passwords.generate(), set()
    for number in range(120):
        virtual.move(seconds=30)
        statuses.add(
            send(client, path, OWN, old=f"đoán {number}", password=new if path == "/tai-khoan" else "đoán", again=new)
        )
    assert statuses == {422, 429}
    assert counting.n - before <= 60


# --- codes of transcripts ------------------------------------------------------------------------------------------------


def test_a_code_of_a_transcript_cannot_be_met_by_chance(hostile: Site) -> None:
    codes = [uuid.UUID(code) for code in hostile.uuids()]
    assert all(code.version == 4 and code.variant == uuid.RFC_4122 for code in codes), "122 random bits"
    assert len({code.int >> 96 for code in codes}) == len(codes)
    with hostile.app.app_context():
        assert not db.session.scalar(select(m.TranscriptRecord.id).where(m.TranscriptRecord.uuid == ""))


def test_asking_by_code_is_slow_from_one_address_whatever_it_pretends(hostile: Site) -> None:
    client, statuses = hostile(None), Counter[int]()
    for number in range(60):
        address = {
            "X-Forwarded-For": ELSEWHERE.format(number),
            "X-Real-IP": ELSEWHERE.format(number),
            "Forwarded": f"for=10.1.1.{number}",
        }
        statuses[client.get(f"/xac-thuc/{uuid.uuid4()}", headers=address).status_code] += 1
    assert statuses == {404: 30, 429: 30}


def test_a_part_of_a_code_finds_nothing(hostile: Site) -> None:
    code, client = hostile.uuids()[0], hostile(None)
    for part in (code[:8], code[:-1], code.replace("-", "")[:31], "%", code[:8] + "%", "*", "' OR 1=1 --", "0" * 32):
        answer = client.get("/xac-thuc", query_string={"ma": part}, follow_redirects=True)
        assert answer.status_code in (200, 404, 422)
        assert "2026-2027" not in answer.text.split("<main")[1]


def test_the_answer_to_a_code_is_the_same_for_none_and_for_an_unissued_record(hostile: Site) -> None:
    unissued, unknown = hostile.uuids()[0], str(uuid.uuid4())
    page = hostile(None).get(f"/xac-thuc/{unissued}").text.split("<main")[1]
    assert "<xq" not in page and "9A" not in page and "N. B. C." not in page
    assert hostile(None).get(f"/xac-thuc/{unknown}").status_code == 404
