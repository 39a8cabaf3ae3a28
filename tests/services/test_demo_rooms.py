"""The sample school's other rooms: filled by the people who may, the log whole, the same school from the same seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hocbaso import clock
from hocbaso.db import db
from hocbaso.regulations.data_quality import Measure
from hocbaso.regulations.help_flow import HelpState
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.school_plan import Standing
from hocbaso.services import (
    announcements,
    audit_verify,
    board_tasks,
    certificate_reminders,
    data_quality,
    demo_rooms,
    demo_school,
    help_requests,
    inventory,
    test_school_keys,
    training,
)
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.demo_enrolment import Built, create_school, create_year, fill_classes, hire_staff
from tests.conftest import make_app

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
NAMES = ["6A", "7A", "8A", "9A"]


def load(place: Path) -> Any:
    """The mixture without its past year, scores and signatures, which take minutes."""
    place.mkdir(exist_ok=True)
    app = make_app(place)
    with app.app_context():
        db.create_all()
        built, today = Built(random.Random(22)), clock.local_date(NOW)
        opened = demo_school._opened("2026-2027", NOW)
        create_school(NOW - timedelta(days=400), "http://127.0.0.1:5000")
        hire_staff(built, NAMES, NOW - timedelta(days=400), "x" * 16)
        year = create_year("2026-2027", today, opened)
        fill_classes(built, year, NAMES, 6, opened, past=True)
        demo_rooms.days_of_quality(built, year, NAMES, opened, NOW)
        test_school_keys.make_demo_keys(SYSTEM, NOW)
        demo_rooms.fill(built, NOW)
        db.session.remove()
    return app, built


def test_every_room_of_the_sample_school_has_something_in_it(tmp_path: Path) -> None:
    app, built = load(tmp_path / "one")
    with app.app_context():

        def actor(person_id: int) -> Actor:
            return load_actor(built.accounts[person_id], clock.local_date(NOW))

        principal, officer = actor(built.principal), actor(demo_rooms._holder(Role.IT_OFFICER))
        board = board_tasks.page(principal, NOW)
        assert len(board.members) == 4 and not board.n_unplanned
        assert len(board.of(Standing.DONE)) == 2 and all(task.evidence for task in board.of(Standing.DONE))
        assert all(task.holder for task in board.tasks) and board.of(Standing.LATE) and board.of(Standing.SOON)
        assert 0 < training.page(principal, NOW).figure.percent < 100  # type: ignore[operator]
        assert inventory.page(officer, NOW).n_short >= 2
        assert [one.title for one in announcements.public_ones(NOW)] == ["Tra cứu học bạ số của học sinh"]
        assert len(announcements.unread(officer, NOW)) == 2
        states = sorted(one.state for one in help_requests.threads(officer))
        assert states == [HelpState.ANSWERED, HelpState.OPEN]
        quality = data_quality.school(principal, NOW)
        complete = [day.figure.percent for day in quality.days[Measure.COMPLETE]]
        assert len(complete) == demo_rooms.DAYS_OF_QUALITY and complete[0] < complete[-1]  # type: ignore[operator]
        assert quality.figures[Measure.CORRECT].n_faulty and quality.figures[Measure.COMPLETE].n_faulty
        assert certificate_reminders.warn(SYSTEM, NOW) == 2  # the vice-principal and the IT officer
        assert audit_verify.verify().faults == []


def test_nothing_is_measured_before_the_year_began() -> None:
    first = datetime(2026, 9, 5, 3, tzinfo=UTC)
    for days in (0, 1, 3, 40):
        now = first + timedelta(days=days)
        opened = demo_school._opened("2026-2027", now)
        assert now - timedelta(days=demo_rooms.DAYS_OF_QUALITY) <= opened <= now
        assert clock.local_date(opened) >= clock.local_date(first)
