"""A class of the cast brought to any stage through the services, by the people whose work it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import wraps
from typing import Any, TypeVar

from flask import current_app
from pysqlite3 import dbapi2
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.averages import regular_count
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import class_moves, class_seal, homeroom, results, reviews, score_entry
from hocbaso.services.access import SYSTEM
from hocbaso.services.score_grid import CellRecord
from hocbaso.services.sheet_access import sheet_for
from tests import databases
from tests.cast import LESSONS, NOW, STUDENTS, Cast

Made = TypeVar("Made")

TEACHERS = {
    ("6A", "MATH"): "head_science",
    ("6A", "LIT"): "head_society",
    ("9A", "LIT"): "head_society",
    ("9A", "MATH"): "math",
    ("9A", "SCI"): "math",
}
COMMENT = {"PE", "ART", "EXP", "LOCAL"}


def teacher_of(class_name: str, code: str) -> str:
    """The key of whoever teaches the subject in the class."""
    return TEACHERS.get((class_name, code), "other")


def keeper_of(class_name: str) -> str:
    """The key of the homeroom teacher."""
    return "math" if class_name == "9A" else "head_society"


_INTO_THE_FILE = "PRAGMA wal_checkpoint(TRUNCATE)"
_KEPT: dict[tuple[object, ...], tuple[Any, Any]] = {}
"""(digest of the database before, what was asked for) -> the database after it, in memory, and the answer."""


def kept(build: Callable[..., Made]) -> Callable[..., Made]:
    """Bring a class that far once a worker process; a test that asks for the same on the same untouched school gets a copy.

    The answer must hold no row. Whoever has written anything before (a session is enough) gets the real work.
    """

    @wraps(build)
    def found(cast: Cast, *args: object, **options: object) -> Made:
        file = current_app.config["HOCBASO"].instance / "hocbaso.sqlite"
        log = file.with_name(file.name + "-wal")
        db.session.commit()
        if databases.ON_POSTGRESQL or not file.exists() or (log.exists() and log.stat().st_size):
            return build(cast, *args, **options)
        key = (hashlib.sha256(file.read_bytes()).digest(), build.__name__, repr(args), repr(options))
        if key in _KEPT:
            copy, answer = _KEPT[key]
            db.session.remove()
            with closing(dbapi2.connect(str(file))) as live:
                copy.backup(live)
                live.execute(_INTO_THE_FILE)
            return answer
        answer = build(cast, *args, **options)
        db.session.commit()
        copy = dbapi2.connect(":memory:", check_same_thread=False)
        with closing(dbapi2.connect(str(file))) as live:
            live.backup(copy)
            live.execute(_INTO_THE_FILE)
        _KEPT[key] = copy, answer
        return answer

    return found


@kept
def fill_scores(
    cast: Cast,
    class_name: str,
    levels: Mapping[tuple[str, str], int | str] | None = None,
    skip: tuple[tuple[str, str, int], ...] = (),
) -> None:
    """Every cell of the class: 8,5 and Đ, or what ``levels`` says for (student, subject code)."""
    levels = levels or {}
    for code, lessons in LESSONS.items():
        kind = SubjectKind.COMMENT if code in COMMENT else SubjectKind.SCORED
        keys = [*(f"TX{n}" for n in range(1, regular_count(lessons, kind) + 1)), "GK", "CK"]
        for semester in (1, 2):
            if (class_name, code, semester) in skip:
                continue
            with write_transaction() as session:
                head = sheet_for(SYSTEM, cast.sheets[class_name, code, semester], Permission.SHEET_ENTER, NOW.date())
                cells = []
                for student in STUDENTS[class_name]:
                    value = levels.get((student, code), 85 if kind is SubjectKind.SCORED else "Đ")
                    record = (
                        CellRecord(tenths=value, origin="entered")
                        if isinstance(value, int)
                        else CellRecord(mark=value, origin="entered")
                    )
                    cells += [(cast.enrollments[class_name, student], key, record, None) for key in keys]
                cells.append(
                    (
                        cast.enrollments[class_name, STUDENTS[class_name][0]],
                        "NX",
                        CellRecord(remark=f"Tiến bộ đều, học kì {semester}.", origin="entered"),
                        None,
                    )
                )
                outcomes = score_entry.write_cells(session, SYSTEM, head, cells, source="demo", now=NOW)
                assert {one.outcome for one in outcomes} == {"written"}


@kept
def move_sheets(cast: Cast, class_name: str, *verbs: SheetVerb, codes: tuple[str, ...] = tuple(LESSONS)) -> None:
    """Move the sheets of the class on, each act by the person whose act it is."""
    for verb in verbs:
        for code in codes:
            for semester in (1, 2):
                author = teacher_of(class_name, code)
                if verb is SheetVerb.SUBMIT:
                    who = author
                elif verb is SheetVerb.REVIEW:
                    group = "science" if author in ("head_science", "math") else "society"
                    who = f"head_{group}" if author != f"head_{group}" else "vice_principal"
                else:
                    who = "principal"
                sheet = db.session.get(m.ScoreSheet, cast.sheets[class_name, code, semester], populate_existing=True)
                reviews.move(cast.actor(who), sheet.id, verb, expected_version=sheet.version, now=NOW)


def fill_homeroom(cast: Cast, class_name: str, changes: Mapping[str, Mapping[str, object]] | None = None) -> None:
    """What the homeroom teacher records of each student, by that teacher."""
    plain = {
        "conduct_1": "T",
        "conduct_2": "T",
        "absences_excused_1": 1,
        "absences_unexcused_1": 0,
        "absences_excused_2": 2,
        "absences_unexcused_2": 0,
        "remark": "Chăm chỉ, lễ phép.",
    }
    homeroom.save_class(
        cast.actor(keeper_of(class_name)),
        cast.classes[class_name],
        {
            cast.enrollments[class_name, name]: {**plain, **(changes or {}).get(name, {})}
            for name in STUDENTS[class_name]
        },
        now=NOW,
    )


def lock_class(cast: Cast, class_name: str) -> None:
    """All sheets from DRAFT to LOCKED."""
    move_sheets(cast, class_name, SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.LOCK)


def seen_of(class_group_id: int) -> str:
    """What whoever opens the class's page now has seen of it."""
    return class_seal.seal(results.compute_class(class_group_id, NOW.date()))


def finalised(
    cast: Cast,
    class_name: str = "9A",
    levels: Mapping[tuple[str, str], int | str] | None = None,
    changes: Mapping[str, Mapping[str, object]] | None = None,
) -> m.ClassGroup:
    """The class filled, locked and finalised."""
    _finalise(cast, class_name, levels, changes)
    return class_row(cast, class_name)


@kept
def _finalise(
    cast: Cast,
    class_name: str,
    levels: Mapping[tuple[str, str], int | str] | None,
    changes: Mapping[str, Mapping[str, object]] | None,
) -> None:
    fill_scores(cast, class_name, levels)
    lock_class(cast, class_name)
    fill_homeroom(cast, class_name, changes)
    class_moves.finalise(
        cast.actor(keeper_of(class_name)),
        cast.classes[class_name],
        seen=seen_of(cast.classes[class_name]),
        expected_version=1,
        now=NOW,
    )


def class_row(cast: Cast, class_name: str) -> m.ClassGroup:
    """The class as it stands now."""
    row = db.session.get(m.ClassGroup, cast.classes[class_name], populate_existing=True)
    assert row is not None
    return row


def last_entry(tag: str) -> m.AuditEntry:
    """The newest audit entry with a tag."""
    row = db.session.scalars(
        select(m.AuditEntry).where(m.AuditEntry.tag == tag).order_by(m.AuditEntry.seq.desc())
    ).first()
    assert row is not None, tag
    return row
