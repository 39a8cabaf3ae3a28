"""Class 9A of the cast, typed, locked, approved and frozen, with demonstration keys: where transcripts begin.

Three of its five students stay; the other two have left, so that a whole class is three renderings. Châu is re-rated by clause 3.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.averages import regular_count
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, frozen_results, results, signing, test_school_keys, transcript_building, untouched
from hocbaso.services.access import SYSTEM
from tests import databases
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.kept_work import made_once

STAY = ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi")
LOW_SUBJECT = "LIT"


def approve_9a(cast: Cast) -> None:
    """Marks in every cell, sheets locked, homeroom part filled, class approved, results frozen, keys made."""
    class_id = cast.classes["9A"]
    with write_transaction() as session:
        leavers = [
            session.get(m.Enrollment, row)
            for (name, student), row in cast.enrollments.items()
            if name == "9A" and student not in STAY
        ]
        for row in leavers:
            row.status, row.left_on = "left", NOW.date()
        session.flush()
        for row in leavers:
            audit.record(
                AuditTag.ENROLLMENT_CHANGED,
                SYSTEM,
                NOW,
                target_kind="enrollment",
                target_id=row.id,
                state=audit.states("enrollment", [row]),
            )
        for (name, code, _semester), sheet_id in cast.sheets.items():
            if name == "9A":
                _fill(session, cast, code, sheet_id)
        records = []
        for student in STAY:
            record = m.HomeroomRecord(
                enrollment_id=cast.enrollments["9A", student],
                conduct_1="T",
                conduct_2="T",
                absences_excused_1=1,
                absences_unexcused_1=0,
                absences_excused_2=0,
                absences_unexcused_2=1,
                remark="Chăm chỉ, lễ phép, có tiến bộ.",
                updated_at=NOW,
            )
            session.add(record)
            records.append(record)
        class_group = session.get(m.ClassGroup, class_id)
        class_group.state = "APPROVED"
        session.flush()
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            SYSTEM,
            NOW,
            target_kind="class_group",
            target_id=class_id,
            state=audit.merge_states(
                audit.states("homeroom_record", records), audit.states("class_group", [class_group])
            ),
        )
    computed = results.compute_class(class_id, NOW.date(), fresh=True)
    untouched.require_untouched(class_id)
    with write_transaction() as session:
        frozen_results.freeze_class(session, SYSTEM, computed, NOW, principal_remark="Đồng ý.")
    test_school_keys.make_demo_keys(SYSTEM, NOW)


def _fill(session, cast: Cast, code: str, sheet_id: int) -> None:
    subject = session.scalar(select(m.Subject).where(m.Subject.code == code))
    sheet = session.get(m.ScoreSheet, sheet_id)
    cells = []
    offered = session.get(m.ClassSubject, sheet.class_subject_id)
    columns = [
        *(f"TX{i + 1}" for i in range(regular_count(offered.lessons_per_year, SubjectKind(subject.kind)))),
        "GK",
        "CK",
    ]
    for place, student in enumerate(STAY):
        for offset, column in enumerate(columns):
            scored = subject.kind == "scored"
            tenths = 82 + 3 * place + offset if scored else None
            if student == "Nguyễn Bảo Châu" and code == LOW_SUBJECT and scored:
                tenths = 45 + offset
            cell = m.ScoreCell(
                score_sheet_id=sheet_id,
                enrollment_id=cast.enrollments["9A", student],
                column_key=column,
                tenths=tenths,
                mark=None if scored else "Đ",
                origin="entered",
                version=1,
                updated_at=NOW,
            )
            session.add(cell)
            cells.append(cell)
    sheet.state = "LOCKED"
    session.flush()
    seq = audit.record(
        AuditTag.CELLS_IMPORTED,
        SYSTEM,
        NOW,
        target_kind="score_sheet",
        target_id=sheet_id,
        state=audit.merge_states(audit.states("score_cell", cells), audit.states("score_sheet", [sheet])),
    )
    for cell in cells:
        value = {name: getattr(cell, name) for name in ("tenths", "mark", "origin", "version")}
        session.add(m.ScoreCellVersion(score_cell_id=cell.id, **value, source="typed", at=NOW, audit_seq=seq))


def checkpoint() -> None:
    """Bring everything into the one database file, so that the instance may be copied."""
    databases.settle()


@pytest.fixture(scope="session", name="approved_template")
def approved_template_fixture(school_template: tuple[Path, Cast], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance in which 9A is approved."""

    def make(place: Path) -> None:
        with copy_of(school_template[0], place).app_context():
            approve_9a(school_template[1])
            checkpoint()

    return made_once("approved", tmp_path_factory, make)


@pytest.fixture(scope="session", name="built_template")
def built_template_fixture(
    school_template: tuple[Path, Cast], approved_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An instance in which the records of 9A are built and nobody has signed."""

    def make(place: Path) -> None:
        with copy_of(approved_template, place).app_context():
            batch = transcript_building.build_class(SYSTEM, school_template[1].classes["9A"], NOW)
            assert [item.outcome for item in batch.items] == ["done"] * 3, [item.reason for item in batch.items]
            checkpoint()

    return made_once("built", tmp_path_factory, make)


@pytest.fixture(scope="session", name="issued_template")
def issued_template_fixture(
    school_template: tuple[Path, Cast], built_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An instance in which 9A is signed three times and published by the seal, as the principal ordered."""
    cast = school_template[1]

    def make(place: Path) -> None:
        with copy_of(built_template, place).app_context():
            for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
                at = NOW + timedelta(hours=index + 1)
                pin = test_school_keys.DEMO_PIN
                batch = signing.sign_class(cast.actor(key), cast.classes["9A"], role, pin, at)
                assert [item.outcome for item in batch.items] == ["done"] * 3, [item.reason for item in batch.items]
            checkpoint()

    return made_once("issued", tmp_path_factory, make)


@pytest.fixture(name="approved")
def approved_fixture(school_template: tuple[Path, Cast], approved_template: Path, tmp_path: Path) -> Iterator[Cast]:
    """The cast, in a fresh copy of the approved class, with its application context."""
    yield from opened(school_template[1], approved_template, tmp_path)


@pytest.fixture(name="built")
def built_fixture(school_template: tuple[Path, Cast], built_template: Path, tmp_path: Path) -> Iterator[Cast]:
    """The cast, in a fresh copy of the built class."""
    yield from opened(school_template[1], built_template, tmp_path)


@pytest.fixture(name="issued")
def issued_fixture(school_template: tuple[Path, Cast], issued_template: Path, tmp_path: Path) -> Iterator[Cast]:
    """The cast, in a fresh copy of the issued class."""
    yield from opened(school_template[1], issued_template, tmp_path)


def opened(cast: Cast, template: Path, tmp_path: Path) -> Iterator[Cast]:
    app = copy_of(template, tmp_path / "instance")
    with app.app_context():
        yield cast
        db.session.remove()
        db.engine.dispose()


def copy_of(template: Path, place: Path) -> Flask:
    """An application on a copy of an instance."""
    shutil.copytree(template, place)
    return make_app(place)
