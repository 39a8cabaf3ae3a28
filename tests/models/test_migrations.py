"""A database made by the migrations is the database that the models describe, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.factory import create_app
from hocbaso.services import audit_verify, schema
from tests import cast, databases
from tests.conftest import make_app


def differences(app: Flask) -> list[object]:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [change for change in compare_metadata(context, db.metadata) if "alembic_version" not in str(change)]


def constraints(app: Flask) -> dict[str, str]:
    """CREATE TABLE of each table with blanks made equal: autogenerate does not compare CHECKs."""
    with app.app_context():
        found = db.session.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type='table' AND name <> 'alembic_version'")
        )
        return {
            name: " ".join(
                sorted(
                    line.strip().rstrip(",")
                    for line in sql.splitlines()
                    if "CHECK" in line or "UNIQUE" in line or "FOREIGN" in line
                )
            )
            for name, sql in found
        }


@pytest.mark.sqlite("reads CREATE TABLE from sqlite_master; the PostgreSQL one stands below")
def test_migrations_make_the_models_schema_on_sqlite(tmp_path: Path, app: Flask) -> None:
    migrated = make_app(tmp_path / "migrated")
    with migrated.app_context():
        schema.upgrade()
        assert not schema.migrations_pending() and schema.current_revision() == schema.head_revision()
        schema.upgrade()  # again changes nothing
        schema.make_new()
    assert differences(migrated) == []
    assert constraints(migrated) == constraints(app), "checks, keys and uniqueness as well"


def test_a_migrated_database_carries_a_school(tmp_path: Path) -> None:
    app = make_app(tmp_path / "i")
    with app.app_context():
        schema.upgrade()
        cast.build()
        assert audit_verify.verify().ok
        db.session.remove()


def test_there_is_one_newest_revision() -> None:
    assert schema.head_revision() is not None
    assert schema.knows(schema.head_revision()) and schema.knows(None) and not schema.knows("9999")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of an empty database on a cluster of its own."""
    with databases.scratch_server() as socket:
        yield databases.url_in(socket, "postgres")


@pytest.mark.postgresql
def test_migrations_make_the_models_schema_on_postgresql_and_carry_a_school(postgresql: str, tmp_path: Path) -> None:
    for folder in ("documents", "keys", "checkpoints"):
        (tmp_path / folder).mkdir()
    app = create_app(
        config=Config(instance=tmp_path, database_url=postgresql, secret_key="only-for-tests", workers=1, testing=True)
    )
    with app.app_context():
        schema.make_new()
        assert not schema.migrations_pending()
    assert differences(app) == []
    with app.app_context():
        school = cast.build()
        report = audit_verify.verify()
        assert report.faults == [] and report.n_entries > 50
        with write_transaction() as session:
            session.execute(
                text("UPDATE student SET full_name = 'Người Khác' WHERE id = (SELECT min(id) FROM student)")
            )
        assert [fault.table for fault in audit_verify.verify().faults] == ["student"]
        assert db.session.get(m.SchoolYear, school.year_id) is not None
        db.session.remove()
        db.engine.dispose()


def test_a_backup_made_before_a_migration_is_brought_up_after_the_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version N-1 is the program without an invented newest revision; its backup is restored by version N."""
    from hocbaso.services import backups
    from hocbaso.services.access import SYSTEM

    old = make_app(tmp_path / "old")
    with old.app_context():
        schema.upgrade()
        cast.build()
        archive = backups.create(SYSTEM, cast.NOW)
        before = audit_verify.verify()
        db.session.remove()
        db.engine.dispose()

    newer = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, newer)
    head = schema.head_revision()
    (newer / "versions" / "9999_invented.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9999'\ndown_revision = {head!r}\nbranch_labels = depends_on = None\n"
        "def upgrade():\n    op.create_table('invented', sa.Column('id', sa.Integer, primary_key=True))\n"
        "def downgrade():\n    op.drop_table('invented')\n"
    )
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    schema._revisions.cache_clear()
    try:
        place = tmp_path / "new"
        backups.restore_into(place, archive)
        app = make_app(place)
        app.extensions["migrate"].directory = str(newer)
        with app.app_context():
            assert schema.migrations_pending() and schema.current_revision() == head
            schema.upgrade()
            assert schema.current_revision() == "9999"
            assert db.session.execute(text("SELECT count(*) FROM invented")).scalar() == 0
            after = audit_verify.verify()
            assert after.ok and after.n_values == before.n_values
            db.session.remove()
            db.engine.dispose()
    finally:
        monkeypatch.undo()
        schema._revisions.cache_clear()
    assert schema.head_revision() == head


@pytest.mark.sqlite("moves a file up and down")
def test_an_empty_database_goes_down_and_up_again(tmp_path: Path, app: Flask) -> None:
    import flask_migrate

    migrated = make_app(tmp_path / "down")
    with migrated.app_context():
        schema.upgrade()
        flask_migrate.downgrade(directory=str(schema.MIGRATIONS), revision="0001")
        schema.upgrade()
    assert differences(migrated) == []


@pytest.mark.sqlite("moves a file up and down")
@pytest.mark.parametrize(
    ("statement", "table", "below"),
    [
        (
            "INSERT INTO anomaly_question (score_sheet_id, kind, key, words, cells, asked_at, version)"
            " SELECT min(id), 'x', 'k', 'w', 'c', '2027-05-12 00:00:00', 1 FROM score_sheet",
            "anomaly_question",
            "0001",
        ),
        (
            "INSERT INTO sheet_read_back (score_sheet_id, reader_id, listener_id, reader_name, listener_name, column_keys,"
            " n_cells, content_version, at) SELECT min(id), 1, 2, 'a', 'b', 'TX1', 1, 1, '2027-05-12 00:00:00' FROM score_sheet",
            "sheet_read_back",
            "0002",
        ),
        (
            "INSERT INTO reset_request (account_id, kind, state, asked_by, asker_name, asked_at, expires_at)"
            " VALUES (1, 'password', 'OPEN', 2, 'a', '2027-05-12 00:00:00', '2027-05-15 00:00:00')",
            "reset_request",
            "0004",
        ),
        (
            "INSERT INTO certificate (purpose, key_kind, key_place, bound_roles, approval, subject_name, issuer_name,"
            " serial_number, not_before, not_after, fingerprint, certificate_pem, chain_pem, n_wrong_pins, is_test,"
            " registered_at) VALUES ('seal', 'desk', '{}', 'seal', 'unsent', 's', 'i', '1', '2026-01-01', '2028-01-01',"
            " 'f', '', '', 0, 0, '2026-01-01 00:00:00')",
            "certificate",
            "0014",
        ),
        ("UPDATE school SET version = version", "audit_entry", "base"),
    ],
)
def test_no_migration_goes_down_over_what_somebody_wrote(
    tmp_path: Path, statement: str, table: str, below: str
) -> None:
    import flask_migrate

    app = make_app(tmp_path / "kept")
    with app.app_context():
        schema.upgrade()
        cast.build()
        with write_transaction() as session:
            session.execute(text(statement))
        n_rows = db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar()
        db.session.rollback()
        with pytest.raises(SystemExit):
            flask_migrate.downgrade(directory=str(schema.MIGRATIONS), revision=below)
        assert db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() == n_rows > 0
        db.session.remove()
        db.engine.dispose()


@pytest.mark.sqlite("remakes a table that other rows point at")
def test_a_table_that_rows_point_at_is_changed_without_losing_them(tmp_path: Path) -> None:
    """A school that has signed: its signatures point at certificates, which revision 0010 makes anew."""
    app = make_app(tmp_path / "signed")
    with app.app_context():
        schema.upgrade("0009")
        with write_transaction() as session:
            session.execute(
                text(
                    "INSERT INTO certificate (purpose, key_kind, subject_name, issuer_name, serial_number, not_before,"
                    " not_after, fingerprint, certificate_pem, chain_pem, n_wrong_pins, is_test, registered_at) VALUES ('seal',"
                    " 'none', 's', 'i', '1', '2026-01-01', '2028-01-01', 'f', '', '', 0, 0, '2026-01-01 00:00:00')"
                )
            )
            session.execute(text("CREATE TABLE pointer (certificate_id INTEGER NOT NULL REFERENCES certificate (id))"))
            session.execute(text("INSERT INTO pointer SELECT id FROM certificate"))
        schema.upgrade()
        found = text("SELECT count(*) FROM pointer JOIN certificate ON certificate.id = certificate_id")
        assert db.session.execute(found).scalar() == 1
        db.session.rollback()
        with pytest.raises(IntegrityError), write_transaction() as session:
            session.execute(text("DELETE FROM certificate"))  # keys are watched again
        db.session.remove()
        db.engine.dispose()
