"""What is remembered between requests, and when it is worked out again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, dashboard
from hocbaso.services.access import SYSTEM
from hocbaso.services.kept_answers import KeptAnswers, log_head
from tests.cast import NOW, Cast


def test_an_answer_is_made_once_a_key_and_the_oldest_goes_first(school: Cast) -> None:
    kept: KeptAnswers[int] = KeptAnswers(2)
    made: list[int] = []

    def ask(key: int) -> int:
        return kept.of((key,), lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    assert [ask(1), ask(2), ask(1)] == [1, 2, 1] and made == [1, 2]
    ask(3)  # 2 was asked for longest ago
    ask(1)
    assert made == [1, 2, 3]
    ask(2)
    assert made == [1, 2, 3, 2]


def test_of_those_who_ask_together_one_works_and_a_failure_is_nobody_elses(school_app: Flask) -> None:
    kept: KeptAnswers[int] = KeptAnswers(4)
    made: list[int] = []
    begun, go_on = Event(), Event()

    def slow() -> int:
        made.append(1)
        begun.set()
        assert go_on.wait(5)
        return 7

    def ask() -> int:
        with school_app.app_context():
            return kept.of(("same",), slow)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(ask)
        assert begun.wait(5)
        others = [threads.submit(ask) for _ in range(3)]
        go_on.set()
        assert [one.result(5) for one in (first, *others)] == [7, 7, 7, 7]
    assert made == [1]
    with school_app.app_context():
        with pytest.raises(ZeroDivisionError):
            kept.of(("bad",), lambda: 1 // 0)
        assert kept.of(("bad",), lambda: 3) == 3


def test_what_is_not_committed_is_not_kept(school: Cast) -> None:
    kept: KeptAnswers[str] = KeptAnswers(2)
    with pytest.raises(ZeroDivisionError), write_transaction():
        assert kept.of(("a",), lambda: "before") == "before"
        raise ZeroDivisionError
    assert kept.of(("a",), lambda: "after") == "after"


def test_the_day_is_read_again_after_any_logged_change_and_never_for_somebody_else(
    school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int | None] = []
    whole = dashboard._daily

    def counted(actor, *rest):
        read.append(actor.account_id)
        return whole(actor, *rest)

    monkeypatch.setattr(dashboard, "_daily", counted)
    principal, head = school.actor("principal"), school.actor("math")
    first = dashboard.daily(principal, NOW)
    assert dashboard.daily(principal, NOW) is first and len(read) == 1
    dashboard.daily(head, NOW)
    assert read == [principal.account_id, head.account_id]
    before = log_head()
    with write_transaction():
        audit.record(AuditTag.JOB_FINISHED, SYSTEM, NOW, target_kind="job", target_id=0)
    assert log_head() == before + 1
    dashboard.daily(principal, NOW)
    assert read == [principal.account_id, head.account_id, principal.account_id]
    dashboard.daily(principal, NOW, kind="sheet")
    assert len(read) == 4


def test_the_kept_day_is_not_what_this_session_read_before_others_wrote(school: Cast, school_app: Flask) -> None:
    held = db.session.scalars(select(m.SchoolYear)).one()
    moved = held.data_complete_before + timedelta(days=3)

    def put_off() -> None:
        with school_app.app_context(), write_transaction() as session:
            year = session.scalars(select(m.SchoolYear)).one()
            year.data_complete_before = moved
            audit.record(AuditTag.JOB_FINISHED, SYSTEM, NOW, target_kind="job", target_id=0)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(put_off).result(10)
    with write_transaction():
        audit.record(AuditTag.JOB_FINISHED, SYSTEM, NOW, target_kind="job", target_id=0)
    assert dashboard.daily(school.actor("principal"), NOW).calendar[0][1] == moved
    assert held.data_complete_before == moved
