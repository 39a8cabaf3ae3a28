"""Archives: consistent while the school works, complete when restored, refused when anything is wrong with them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.store import DocumentStore
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, Unavailable, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import (
    audit,
    audit_verify,
    backups,
    database_copy,
    schema,
    second_factor,
    snapshots,
    stored_documents,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.databases import Outside


def migrated(school: Cast) -> None:
    """The cast's database is made from the models; say that it stands at the newest revision."""
    connection = Outside()
    connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.execute("DELETE FROM alembic_version")
    connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.head_revision(),))
    connection.close()


@pytest.fixture
def archive(school: Cast) -> Path:
    migrated(school)
    with write_transaction():
        stored_documents.keep(b"%PDF-1.7 mot", "other", "application/pdf", NOW)
        stored_documents.keep(b"%PDF-1.7 hai", "other", "application/pdf", NOW)
    snapshots.take(SYSTEM, NOW)
    return backups.create(SYSTEM, NOW)


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def rebuilt(path: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an archive with its members changed by hand."""
    content = members(path)
    change(content)
    with tarfile.open(target, "w") as tar:
        for name in sorted(content, key=lambda name: name != "manifest.json"):
            info = tarfile.TarInfo(name)
            info.size = len(content[name])
            tar.addfile(info, io.BytesIO(content[name]))
    return target


def with_manifest(content: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads(content["manifest.json"])
    change(manifest)
    content["manifest.json"] = json.dumps(manifest).encode()


def test_an_archive_holds_database_documents_keys_snapshots_and_the_secret(archive: Path) -> None:
    content = members(archive)
    assert "hocbaso.sqlite" in content and content["secret_key"] == b"only-for-tests"
    assert sum(name.startswith("documents/") for name in content) == 2
    assert "keys/snapshot-ed25519.pem" in content
    assert sum(name.startswith("checkpoints/") for name in content) == 2  # signature and export
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [info.name for info in backups.listing()] == [archive.name]
    assert not list(archive.parent.glob(".tam-*"))
    manifest = json.loads(content["manifest.json"])
    assert manifest["revision"] == schema.head_revision() and set(manifest["members"]) == set(content) - {
        "manifest.json"
    }


def test_a_restored_place_has_every_byte_and_its_log_verifies(archive: Path, school: Cast, tmp_path: Path) -> None:
    before = audit_verify.verify()
    new = tmp_path / "máy mới"
    names = backups.restore_into(new, archive)
    assert set(names) == set(members(archive)) - {"manifest.json"}
    assert (new / "keys").stat().st_mode & 0o777 == 0o700 and (new / "secret_key").stat().st_mode & 0o777 == 0o600
    for digest in db.session.scalars(select(m.StoredDocument.digest)):
        assert DocumentStore(new / "documents").get(digest)
    restored = make_app(new)
    with restored.app_context():
        report = audit_verify.verify()
        # The entry of the backup itself is written after the copy.
        assert report.ok and report.n_entries == before.n_entries - 1 and report.n_values == before.n_values
        db.session.remove()
        db.engine.dispose()


def test_a_place_restored_through_its_own_database_goes_on_numbering(
    archive: Path, school: Cast, tmp_path: Path
) -> None:
    """Also on PostgreSQL: the same values, the same schema, and the next row takes the next number."""
    before = audit_verify.verify()
    place = make_app(tmp_path / "nơi mới")
    with place.app_context():
        assert "hocbaso.sqlite" in backups.restore_here(archive)
        report = audit_verify.verify()
        assert report.ok and report.n_values == before.n_values
        newest = db.session.scalar(select(func.max(m.Student.id)))
        with write_transaction() as session:
            student = m.Student(
                moet_code="3699999999",
                full_name="Lò Văn Mới",
                sort_key="x",
                search_key="x",
                touched_at=NOW,
                birth_on=NOW.date(),
                sex="Nam",
            )
            session.add(student)
            session.flush()
            assert student.id == newest + 1
        with pytest.raises(WrongState):
            backups.restore_here(archive)
        db.session.remove()
        db.engine.dispose()


def test_backing_up_while_teachers_type_gives_a_consistent_copy(
    archive: Path, school: Cast, school_app: Flask, tmp_path: Path
) -> None:
    """A writer saves a cell and its version in one transaction, over and over; no copy may hold one without the other."""
    stop, n_written = threading.Event(), [0]
    sheet, enrollment = school.sheets["9A", "MATH", 1], school.enrollments["9A", "Nguyễn Bảo Châu"]
    failures: list[BaseException] = []

    def type_scores() -> None:
        try:
            with school_app.app_context():
                with write_transaction() as session:
                    cell = m.ScoreCell(
                        score_sheet_id=sheet,
                        enrollment_id=enrollment,
                        column_key="TX1",
                        tenths=0,
                        origin="entered",
                        version=1,
                        updated_at=NOW,
                    )
                    session.add(cell)
                    session.flush()
                    cell_id = cell.id
                while not stop.is_set():
                    with write_transaction() as session:
                        cell = session.get(m.ScoreCell, cell_id)
                        assert cell is not None
                        cell.version += 1
                        cell.tenths = cell.version % 101
                        session.add(
                            m.ScoreCellVersion(
                                score_cell_id=cell_id,
                                version=cell.version,
                                tenths=cell.tenths,
                                origin="entered",
                                source="typed",
                                at=NOW,
                            )
                        )
                    n_written[0] += 1
                db.session.remove()
        except BaseException as problem:
            failures.append(problem)

    thread = threading.Thread(target=type_scores)
    thread.start()
    try:
        made = []
        for index in range(6):
            seen = n_written[0]
            while n_written[0] < seen + 5 and not failures:
                stop.wait(0.01)
            made.append(backups.create(SYSTEM, NOW, name=f"trong-luc-go-{index}.tar"))
    finally:
        stop.set()
        thread.join(30)
    assert not failures, failures
    versions = []
    for index, path in enumerate(made):
        place = tmp_path / str(index)
        assert backups.extract(path, place) == [] and backups.check_database(place / "hocbaso.sqlite") == []
        with contextlib.closing(bundled.connect(str(place / "hocbaso.sqlite"))) as copy:
            ((version, n),) = copy.execute(
                "SELECT c.version, (SELECT count(*) FROM score_cell_version v WHERE v.score_cell_id = c.id) FROM score_cell c"
            )
        assert n == version - 1
        versions.append(version)
    assert versions == sorted(versions) and versions[-1] > versions[0], "the writer really wrote meanwhile"


def test_a_snapshot_taken_while_the_copy_is_made_tells_of_no_cut_log(
    archive: Path, school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_out = database_copy.copy_out

    def busy(target: Path) -> None:
        copy_out(target)
        with write_transaction():
            audit.record(AuditTag.EXPORT_MADE, SYSTEM, NOW, target_kind="school_year", target_id=school.year_id)
        snapshots.take(SYSTEM, NOW + timedelta(days=1))

    monkeypatch.setattr(database_copy, "copy_out", busy)
    made = backups.create(SYSTEM, NOW, name="dang-chup-anh.tar")
    assert backups.verify(made).problems == []


def test_verify_restores_into_a_scratch_place_and_checks_everything_there(archive: Path) -> None:
    check = backups.verify(archive)
    assert check.problems == []
    assert check.n_documents == 2 and check.n_entries > 50 and check.n_members == len(members(archive)) - 1


def test_verify_finds_a_score_that_was_changed_before_the_backup(archive: Path, school: Cast) -> None:
    connection = Outside()
    connection.execute("UPDATE student SET full_name = 'Người Khác' WHERE id = 1")
    connection.close()
    changed = backups.create(SYSTEM, NOW, name="bi-sua.tar")
    check = backups.verify(changed)
    assert not check.ok and any("student" in problem for problem in check.problems)


def test_verify_carries_what_the_check_of_the_restored_place_finds(archive: Path, school: Cast) -> None:
    """The code of a telephone, sealed with the secret of another machine."""
    with write_transaction() as session:
        account = session.get(m.Account, school.accounts["principal"])
        assert account is not None
        account.totp_secret = second_factor.seal(second_factor.new_secret(), account.id, "bí-mật-của-máy-khác")
    check = backups.verify(backups.create(SYSTEM, NOW, name="may-khac.tar"))
    assert any("xác nhận hai lớp của: gv001" in problem for problem in check.problems)


def test_a_config_file_in_the_archive_cannot_lead_the_check_elsewhere(archive: Path, school: Cast) -> None:
    instance = current_app.config["HOCBASO"].instance
    (instance / "config.toml").write_text('DATABASE_URL = "sqlite+pysqlite:////khong-co/o-day.sqlite"\n')
    check = backups.verify(backups.create(SYSTEM, NOW, name="co-cau-hinh.tar"))
    assert check.problems == [] and check.n_entries > 50


@pytest.mark.parametrize("part", ["hocbaso.sqlite", "documents/", "checkpoints/", "keys/", "secret_key"])
def test_one_flipped_byte_in_any_member_is_refused_and_named(archive: Path, tmp_path: Path, part: str) -> None:
    def flip(content: dict[str, bytes]) -> None:
        name = next(name for name in content if name.startswith(part))
        at = len(content[name]) // 2
        content[name] = content[name][:at] + bytes([content[name][at] ^ 1]) + content[name][at + 1 :]

    bad = rebuilt(archive, tmp_path / "bad.tar", flip)
    place = tmp_path / "new"
    with pytest.raises(IntegrityFault) as refusal:
        backups.restore_into(place, bad)
    assert any(part in line for line in refusal.value.details)
    assert list(place.iterdir()) == [], "nothing is left of a refused restore"
    assert not backups.verify(bad).ok


@pytest.mark.parametrize("part", ["hocbaso.sqlite", "documents/", "checkpoints/", "secret_key"])
def test_a_missing_member_is_refused_and_named(archive: Path, tmp_path: Path, part: str) -> None:
    bad = rebuilt(
        archive,
        tmp_path / "bad.tar",
        lambda content: content.pop(next(name for name in content if name.startswith(part))) and None,
    )
    with pytest.raises(IntegrityFault) as refusal:
        backups.restore_into(tmp_path / "new", bad)
    assert any(part in line for line in refusal.value.details)


def test_an_archive_whose_manifest_forgets_the_database_is_refused(archive: Path, tmp_path: Path) -> None:
    def forget(content: dict[str, bytes]) -> None:
        content.pop("hocbaso.sqlite")
        with_manifest(content, lambda manifest: manifest["members"].pop("hocbaso.sqlite"))

    with pytest.raises(IntegrityFault):
        backups.restore_into(tmp_path / "new", rebuilt(archive, tmp_path / "bad.tar", forget))


@pytest.mark.parametrize(
    "name",
    [
        "../ra-ngoai",
        "/tmp/ra-ngoai",
        "documents/../../ra-ngoai",
        "hocbaso.sqlite-wal",
        "documents/ten-khac",
        "keys/../x",
        "app.py",
        "checkpoints/a/b",
    ],
)
def test_names_that_no_archive_of_ours_holds_are_never_written(archive: Path, tmp_path: Path, name: str) -> None:
    def add(content: dict[str, bytes]) -> None:
        content[name] = b"x"
        with_manifest(
            content,
            lambda manifest: manifest["members"].update(
                {name: {"sha256": hashlib.sha256(b"x").hexdigest(), "n_bytes": 1}}
            ),
        )

    bad = rebuilt(archive, tmp_path / "bad.tar", add)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(IntegrityFault) as refusal:
        backups.restore_into(tmp_path / "new", bad)
    assert any(name in line for line in refusal.value.details)
    assert {path.name for path in tmp_path.iterdir()} - before <= {"new"}
    assert list((tmp_path / "new").iterdir()) == [] and not Path("/tmp/ra-ngoai").exists()


def test_a_link_in_the_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    content = members(archive)
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        for name in sorted(content, key=lambda name: name != "manifest.json"):
            info = tarfile.TarInfo(name)
            if name == "secret_key":
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
            else:
                info.size = len(content[name])
                tar.addfile(info, io.BytesIO(content[name]))
    with pytest.raises(IntegrityFault):
        backups.restore_into(tmp_path / "new", bad)


def test_an_archive_cut_short_anywhere_is_refused(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    for part in (0, 100, 1500, len(whole) // 3, len(whole) // 2, len(whole) - 12_000):
        bad = tmp_path / "cut.tar"
        bad.write_bytes(whole[:part])
        with pytest.raises((IntegrityFault, Invalid)):
            backups.restore_into(tmp_path / "new", bad)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x1f\x8b\x08\x00abc"])
def test_other_files_are_no_archives(app: Flask, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(Invalid):
        backups.read_manifest(path)


@pytest.mark.sqlite("the file in a folder; tests/cli/test_machine_commands.py asks the same of any database")
def test_a_place_with_data_is_never_overwritten(archive: Path, school: Cast) -> None:
    instance = current_app.config["HOCBASO"].instance
    before = (instance / "hocbaso.sqlite").read_bytes()
    with pytest.raises(WrongState):
        backups.restore_into(instance, archive)
    assert (instance / "hocbaso.sqlite").read_bytes() == before


def test_a_place_with_an_unreadable_database_is_not_overwritten(archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    (place / "hocbaso.sqlite").write_bytes(b"SQLite format 3\x00" + b"rubbish" * 500)
    with pytest.raises(WrongState):
        backups.restore_into(place, archive)


def test_a_place_where_a_server_runs_is_refused(archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    running = bundled.connect(str(place / "hocbaso.sqlite"), isolation_level=None)
    running.execute("PRAGMA journal_mode=WAL")
    running.execute("CREATE TABLE account (id INTEGER)")
    running.execute("SELECT * FROM account").fetchall()
    with pytest.raises(WrongState, match="đang chạy"):
        backups.restore_into(place, archive)
    running.close()
    backups.restore_into(place, archive)


@pytest.mark.sqlite("the write-ahead log")
def test_a_stale_write_ahead_log_is_not_replayed_onto_the_restored_file(
    archive: Path, school: Cast, tmp_path: Path
) -> None:
    """The log of another state of the very same file lies about: SQLite would take it for its own."""
    place = tmp_path / "new"
    place.mkdir()
    shutil.copy(db.engine.url.database, tmp_path / "other.sqlite")  # type: ignore[arg-type]
    other = bundled.connect(str(tmp_path / "other.sqlite"), isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("UPDATE student SET full_name = 'Ma Xó'")
    shutil.copy(tmp_path / "other.sqlite-wal", place / "hocbaso.sqlite-wal")
    assert (place / "hocbaso.sqlite-wal").stat().st_size > 0
    other.close()
    backups.restore_into(place, archive)
    assert not (place / "hocbaso.sqlite-wal").exists()
    with contextlib.closing(bundled.connect(str(place / "hocbaso.sqlite"))) as restored:
        assert restored.execute("SELECT count(*) FROM student WHERE full_name = 'Ma Xó'").fetchone() == (0,)
        assert restored.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_archive_of_a_newer_version_is_refused(archive: Path, tmp_path: Path) -> None:
    newer = rebuilt(
        archive,
        tmp_path / "newer.tar",
        lambda content: with_manifest(content, lambda manifest: manifest.update(revision="9999_tuong_lai")),
    )
    with pytest.raises(WrongState, match="mới hơn"):
        backups.restore_into(tmp_path / "new", newer)


def test_daily_archives_keep_two_weeks_and_touch_nothing_else(archive: Path) -> None:
    folder = archive.parent
    (folder / "của thầy Quý.tar").write_bytes(b"x")
    for offset in range(20):
        made = backups.daily_archive(SYSTEM, NOW + timedelta(days=offset))
        assert backups.daily_archive(SYSTEM, NOW + timedelta(days=offset)) == made, "once a day"
    daily = sorted(path.name for path in folder.glob("*hang-ngay*"))
    assert len(daily) == backups.KEEP_DAILY and daily[-1] == "hocbaso-2027-05-31-hang-ngay.tar"
    assert archive.exists() and (folder / "của thầy Quý.tar").exists()
    names = [info.name for info in backups.listing()]
    assert "của thầy Quý.tar" not in names and len(names) == backups.KEEP_DAILY + 1


def test_an_archive_is_never_overwritten(archive: Path) -> None:
    with pytest.raises(WrongState):
        backups.create(SYSTEM, NOW, name=archive.name)


def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    n_entries = audit_verify.verify().n_entries
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(Unavailable, match="Không ghi được"):
        backups.create(SYSTEM, NOW, out=tmp_path / "ổ rời")
    assert list((tmp_path / "ổ rời").iterdir()) == []
    monkeypatch.undo()
    assert audit_verify.verify().n_entries == n_entries, "no entry tells of a backup that is not there"
    assert backups.create(SYSTEM, NOW, out=tmp_path / "ổ rời").exists(), "works again without a restart"


def test_leftovers_of_a_killed_process_go_with_the_next_backup(archive: Path) -> None:
    old, fresh = archive.parent / ".tam-cu", archive.parent / ".tam-moi"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "hocbaso.sqlite").write_bytes(b"x")
        stamp = (NOW - timedelta(days=2 if folder is old else 0)).timestamp()
        os.utime(folder, (stamp, stamp))
    backups.create(SYSTEM, NOW, name="moi.tar")
    assert not old.exists() and fresh.exists()


def test_only_who_may_makes_backups(archive: Path, school: Cast) -> None:
    with pytest.raises(NotAllowed):
        backups.create(school.actor("principal"), NOW)
    assert backups.create(school.actor("it_officer"), NOW + timedelta(hours=1)).exists()


def test_an_unknown_archive_is_not_found(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFound):
        backups.find("khong-co.tar")
