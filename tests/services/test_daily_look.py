"""What is new since the last look: sittings, marks, and a page that can't write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Unavailable
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import daily_look, dashboard
from hocbaso.services.daily_look import Looks, Since, next_looks
from tests.cast import NOW, Cast
from tests.services.full_class import fill_scores, move_sheets
from tests.services.test_dashboard import return_and_hand_in_again

A, B = {"a": "1"}, {"a": "1", "b": "1"}


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_sitting_keeps_what_it_began_with_and_the_next_begins_with_its_end() -> None:
    looks = next_looks(None, A, NOW)
    assert looks == Looks(NOW, A)
    looks = next_looks(looks, B, after(29))
    assert (looks.earlier, looks.seen_at) == (None, after(29))
    looks = next_looks(looks, A, after(59))  # exactly half an hour is the same sitting
    assert looks.earlier is None
    looks = next_looks(looks, B, after(90))
    assert (looks.earlier, looks.earlier_at, looks.seen) == (A, after(59), B)
    assert next_looks(looks, A, after(91)).earlier_at == after(59)
    assert next_looks(looks, A, after(30)).earlier_at == after(59)  # the clock was set back


def see(school: Cast, minutes: float, who: str = "principal") -> Since:
    actor, now = school.actor(who), after(minutes)
    last = daily_look.last_looks(actor)
    view = dashboard.daily(
        actor, now, since=daily_look.began_at(last, now), kind="class"
    )  # a filter hides nothing from it
    return daily_look.look(actor, last, view.waiting, view.lines, now)


def rows() -> int:
    return db.session.scalar(select(func.count()).select_from(m.DailyLook)) or 0


def test_new_changed_and_gone_are_told_and_a_reload_keeps_them(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "FL1"))
    first = see(school, 0)
    assert (first.at, first.marks) == (None, {})
    return_and_hand_in_again(school, "FL1")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("LIT",))
    move_sheets(school, "6A", SheetVerb.APPROVE, codes=("MATH",))
    again = see(school, 60)
    assert again.at == NOW and (again.n_new, again.n_changed, again.n_gone) == (2, 1, 2)
    assert sorted(again.marks.values()) == [daily_look.CHANGED, daily_look.NEW, daily_look.NEW]
    assert see(school, 61) == see(school, 80) == again  # the same sitting
    later = see(school, 120)
    assert (later.at, later.marks, later.n_gone) == (after(80), {}, 0)
    assert rows() == 1


def test_each_person_has_the_own_look(school: Cast):
    see(school, 0)
    see(school, 0, "vice_principal")
    assert rows() == 2


def test_a_look_with_nothing_new_is_written_once_a_minute(school: Cast):
    see(school, 0)
    see(school, 0.5)
    assert db.session.scalar(select(m.DailyLook.seen_at)) == NOW
    see(school, 1)
    assert db.session.scalar(select(m.DailyLook.seen_at)) == after(1)


def test_a_page_that_cannot_write_shows_all_the_same(school: Cast, monkeypatch: pytest.MonkeyPatch):
    see(school, 0)

    @contextmanager
    def full() -> Iterator[None]:
        raise Unavailable("đầy")
        yield

    monkeypatch.setattr(daily_look, "write_transaction", full)
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("LIT",))
    assert see(school, 60).n_new == 2
