"""The made-up school of a simulated year: founded in a temporary folder, then only looked at, never touched from here."""

from __future__ import annotations

import importlib
import random
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.services import demo_enrolment as enrolment
from hocbaso.services import demo_school, document_pool, passwords, roster, schema, test_school_keys
from hocbaso.services.access import SYSTEM

YEAR_LABEL = "2026-2027"
"""Always the same year, so that a seed tells the same story whenever it is told."""


def at(day: date, hour: int = 8, minute: int = 0) -> datetime:
    """A minute of the school's wall clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=clock.SCHOOL_ZONE)


FIRST_DAY = date(2026, 9, 5)
LAST_DAY = date(2027, 5, 31)


@dataclass
class Person:
    """Somebody with an account."""

    id: int
    account_id: int
    username: str
    name: str
    homeroom: list[int] = field(default_factory=list)
    """Classes kept."""


@dataclass
class World:
    """The school and who works in it."""

    app: Any
    settings: Config
    password: str
    pin: str
    people: dict[int, Person] = field(default_factory=dict)
    principal: int = 0
    vice_principal: int = 0
    clerk: int = 0
    heads: dict[int, int] = field(default_factory=dict)
    """Subject group -> person."""
    classes: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Class -> name, grade level."""
    _looking: Any = None

    def homeroom_of(self, class_id: int) -> Person:
        """Who keeps a class."""
        return next(one for one in self.people.values() if class_id in one.homeroom)

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """All rows of one question, over a connection that looks on beside the server and can't write."""
        if self._looking is None:
            self._looking = sqlite.connect(str(self.settings.database_file), timeout=30)
            self._looking.execute("PRAGMA query_only=1")
        found: list[Any] = self._looking.execute(statement, values).fetchall()
        return found

    def close(self) -> None:
        """Look no longer; the next question looks again."""
        if self._looking is not None:
            self._looking.close()
            self._looking = None


def found(instance: Path, port: int, n_classes: int, n_students: int, seed: int) -> World:
    """Make the school as the office would before the first lesson: people, classes, pupils, keys; no score yet."""
    settings = Config(
        instance=instance,
        database_url=f"sqlite+pysqlite:///{instance / 'hocbaso.sqlite'}",
        secret_key=secrets.token_urlsafe(48),
        workers=2,
        port=port,
    )
    app: Any = importlib.import_module("hocbaso.factory").create_app(config=settings)
    password = passwords.generate()
    built = enrolment.Built(random.Random(seed))
    names = demo_school.class_names(n_classes)
    now = at(FIRST_DAY, 7)
    with app.app_context():
        schema.upgrade()
        enrolment.create_school(now, f"http://127.0.0.1:{port}")
        enrolment.hire_staff(built, names, now, password)
        year = roster.create_year(SYSTEM, YEAR_LABEL, now)
        enrolment.fill_classes(built, year, names, n_students, now, past=False)
        test_school_keys.make_demo_keys(SYSTEM, now)
        document_pool.close()
    world = World(app, settings, password, test_school_keys.DEMO_PIN)
    world.principal, world.vice_principal, world.clerk = built.principal, built.vice_principal, built.clerk
    world.heads = dict(built.heads)
    for person, account, username, name in world.rows(
        "SELECT p.id, a.id, a.username, p.full_name FROM person p JOIN account a ON a.person_id = p.id ORDER BY p.id"
    ):
        world.people[person] = Person(person, account, username, name)
    for person, class_id in world.rows("SELECT person_id, class_group_id FROM homeroom_assignment ORDER BY id"):
        world.people[person].homeroom.append(class_id)
    for class_id, name, grade in world.rows("SELECT id, name, grade_level FROM class_group ORDER BY id"):
        world.classes[class_id] = (name, grade)
    return world
