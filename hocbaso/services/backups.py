"""Backups: one archive holding a consistent copy of the database, every stored document, and what restores need.

Layout of an archive (``.tar``): ``manifest.json`` first (format, time, schema revision, SHA-256 and size of every
member), then ``hocbaso.sqlite``, ``documents/<sha256>``, ``checkpoints/*``, ``keys/*``, ``secret_key``. The machine's
secret travels with the archive because sealed keys can't be opened without it; so an archive is as secret as the
instance itself and is written 0600.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from flask import current_app
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import text

from hocbaso import clock
from hocbaso.config import PROJECT_ROOT, Config
from hocbaso.db import db, is_sqlite, write_transaction
from hocbaso.errors import IntegrityFault, Invalid, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import Actor

FORMAT = "hocbaso-backup/1"
KEEP_DAILY = 14


@dataclass(frozen=True, slots=True)
class BackupInfo:
    """An archive in the backup folder."""

    name: str
    path: str
    taken_at: str
    n_bytes: int
    n_documents: int


@dataclass
class BackupCheck:
    """Outcome of a verification in a scratch place."""

    name: str
    n_members: int = 0
    n_documents: int = 0
    n_entries: int = 0
    n_signatures: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Restorable, and everything in it is what it was."""
        return not self.problems


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def daily_name(now: datetime) -> str:
    """File name of the day's archive."""
    return f"hocbaso-{clock.local_date(now).isoformat()}-hang-ngay.tar"


def daily_archive(actor: Actor, now: datetime) -> Path:
    """The day's archive, made when missing; archives of more than two weeks ago are dropped (daily ones only)."""
    path = _settings().backups / daily_name(now)
    if not path.exists():
        path = create(actor, now, name=path.name)
    for old in sorted(_settings().backups.glob("hocbaso-*-hang-ngay.tar"))[:-KEEP_DAILY]:
        old.unlink()
    return path


def create(actor: Actor, now: datetime, *, out: Path | None = None, name: str | None = None) -> Path:
    """Make an archive while the school works on; returns its path.

    WrongState on PostgreSQL, where ``pg_dump`` with a copy of the instance folder is the way.
    """
    settings = _settings()
    if not is_sqlite():
        raise WrongState("Cơ sở dữ liệu PostgreSQL được sao lưu bằng pg_dump; xem docs/operations.md.")
    folder = out or settings.backups
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (name or f"hocbaso-{clock.local(now):%Y-%m-%d-%H%M%S}.tar")
    if target.exists():
        raise WrongState(f"Đã có tệp {target.name}; không ghi đè bản sao lưu.")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tam-") as scratch:
        copy = Path(scratch) / "hocbaso.sqlite"
        with contextlib.closing(bundled.connect(str(settings.database_file))) as source:
            source.execute("PRAGMA busy_timeout=10000")
            source.execute("VACUUM INTO ?", (str(copy),))  # a consistent copy of a live WAL database
        unfinished = Path(scratch) / "archive.tar"
        n_documents = _write_archive(unfinished, copy, settings, now)
        os.chmod(unfinished, 0o600)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(folder)
    digest = _file_digest(target)
    with write_transaction():
        audit.record(AuditTag.BACKUP_CREATED, actor, now, target_kind="backup", target_id=target.name[:40],
                     facts={"file": target.name, "sha256": digest, "n_documents": n_documents,
                            "n_bytes": target.stat().st_size})
    return target


def _members(copy: Path, settings: Config) -> Iterator[tuple[str, Path]]:
    yield "hocbaso.sqlite", copy
    # Documents are never deleted, and rows are written after files: what the copied database names is there.
    for folder in ("documents", "checkpoints", "keys"):
        for path in sorted((settings.instance / folder).rglob("*")):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".tmp":
                yield path.relative_to(settings.instance).as_posix(), path
    for extra in ("secret_key", "config.toml"):
        if (settings.instance / extra).is_file():
            yield extra, settings.instance / extra


def _write_archive(target: Path, copy: Path, settings: Config, now: datetime) -> int:
    members = list(_members(copy, settings))
    listing = {name: {"sha256": _file_digest(path), "n_bytes": path.stat().st_size} for name, path in members}
    revision = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar() if _has_alembic() else None
    manifest = {"format": FORMAT, "taken_at": now.isoformat(timespec="seconds"), "revision": revision,
                "members": listing}
    with tarfile.open(target, "w") as archive:
        data = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size, info.mode, info.mtime = len(data), 0o600, int(now.timestamp())
        archive.addfile(info, io.BytesIO(data))
        for name, path in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = path.stat().st_size, 0o600, int(now.timestamp())
            with path.open("rb") as handle:
                archive.addfile(info, handle)
    return sum(name.startswith("documents/") for name in listing)


def _has_alembic() -> bool:
    return bool(db.session.execute(
        text("SELECT 1 FROM sqlite_master WHERE type='table' AND name='alembic_version'")).scalar())


def listing() -> list[BackupInfo]:
    """The archives of the backup folder, newest first; files that are no archives are left out."""
    found = []
    for path in sorted(_settings().backups.glob("*.tar"), key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            manifest = read_manifest(path)
        except (Invalid, IntegrityFault):
            continue
        n_documents = sum(name.startswith("documents/") for name in manifest["members"])
        found.append(BackupInfo(path.name, str(path), manifest["taken_at"], path.stat().st_size, n_documents))
    return found


def find(name_or_path: str) -> Path:
    """An archive by path or by its name in the backup folder; NotFound otherwise."""
    for candidate in (Path(name_or_path), _settings().backups / Path(name_or_path).name):
        if candidate.is_file():
            return candidate
    raise NotFound(f"Không có bản sao lưu {name_or_path}.")


def read_manifest(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    """The manifest; Invalid when the file is no backup of ours."""
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
            handle = archive.extractfile(first) if first is not None and first.name == "manifest.json" else None
            manifest = json.loads(handle.read()) if handle is not None else None
    except (tarfile.TarError, ValueError, OSError) as problem:
        raise Invalid(f"{path.name} không phải bản sao lưu của phần mềm này.") from problem
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Invalid(f"{path.name} không phải bản sao lưu của phần mềm này.")
    return manifest


def extract(path: Path, into: Path) -> list[str]:
    """Unpack an archive into an empty folder, checking every member; returns what is wrong (nothing: all good).

    Only names listed in the manifest are written, each below ``into``.
    """
    manifest = read_manifest(path)
    expected = dict(manifest["members"])
    problems = []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name == "manifest.json":
                continue
            facts = expected.pop(member.name, None)
            safe = not member.name.startswith("/") and ".." not in Path(member.name).parts
            if facts is None or not safe or not member.isfile():
                problems.append(f"Tệp lạ trong bản sao: {member.name}.")
                continue
            handle = archive.extractfile(member)
            assert handle is not None
            target = into / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with target.open("wb") as out:
                for chunk in iter(lambda h=handle: h.read(1 << 20), b""):  # type: ignore[misc]
                    digest.update(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            target.chmod(0o600)
            if digest.hexdigest() != facts["sha256"]:
                problems.append(f"Tệp {member.name} không còn như lúc sao lưu.")
            if member.name.startswith("documents/") and Path(member.name).name != digest.hexdigest():
                problems.append(f"Tài liệu {member.name} không khớp mã của chính nó.")
    problems.extend(f"Thiếu tệp {name}." for name in expected)
    return problems


def check_database(path: Path) -> list[str]:
    """SQLite's own integrity and foreign-key checks on a copy."""
    with contextlib.closing(bundled.connect(str(path))) as connection:
        try:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        except (bundled.DatabaseError, sqlite3.DatabaseError) as problem:
            return [f"Cơ sở dữ liệu trong bản sao hỏng: {problem}."]
    problems = [] if verdict == "ok" else [f"Cơ sở dữ liệu trong bản sao hỏng: {verdict}."]
    if broken:
        problems.append(f"{len(broken)} dòng trỏ tới dữ liệu không có.")
    return problems


def restore_into(instance: Path, archive: Path) -> list[str]:
    """Restore into an empty instance folder; all or nothing. Returns the names restored.

    WrongState when the folder already holds a database; IntegrityFault when the archive is damaged.
    """
    if (instance / "hocbaso.sqlite").exists():
        with contextlib.closing(bundled.connect(str(instance / "hocbaso.sqlite"))) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if "account" in tables and connection.execute("SELECT count(*) FROM account").fetchone()[0]:
                raise WrongState("Nơi này đã có dữ liệu; chỉ phục hồi vào một nơi trống.")
    instance.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=instance, prefix=".phuc-hoi-") as scratch:
        unpacked = Path(scratch)
        problems = extract(archive, unpacked) or check_database(unpacked / "hocbaso.sqlite")
        if problems:
            raise IntegrityFault("Bản sao lưu bị hỏng, chưa phục hồi gì.", details=tuple(problems[:20]))
        # A stale write-ahead log would be replayed onto the restored file.
        for stale in ("hocbaso.sqlite-wal", "hocbaso.sqlite-shm"):
            (instance / stale).unlink(missing_ok=True)
        names = []
        for path in sorted(unpacked.rglob("*")):
            if path.is_file() and path.name != "hocbaso.sqlite":
                name = path.relative_to(unpacked)
                (instance / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(str(path), str(instance / name))
                names.append(name.as_posix())
        (unpacked / "hocbaso.sqlite").replace(instance / "hocbaso.sqlite")  # last: its presence means "restored"
        names.append("hocbaso.sqlite")
        for folder in ("keys",):
            (instance / folder).mkdir(exist_ok=True)
            (instance / folder).chmod(0o700)
        _sync(instance)
    return names


def as_json(info: BackupInfo) -> dict[str, object]:
    """For ``--json``."""
    return asdict(info)


def _file_digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def verify(path: Path) -> BackupCheck:
    """Restore an archive into a scratch place and check everything there: digests, database, log, signatures.

    The scratch instance is opened by a process of its own, exactly as a restored school would be.
    """
    check = BackupCheck(name=path.name)
    manifest = read_manifest(path)
    check.n_members = len(manifest["members"])
    with tempfile.TemporaryDirectory(prefix="hocbaso-thu-") as scratch:
        instance = Path(scratch) / "instance"
        try:
            restore_into(instance, path)
        except IntegrityFault as fault:
            check.problems.extend(fault.details or (fault.message,))
            return check
        environment = {**os.environ, "HOCBASO_INSTANCE": str(instance)}
        environment.pop("DATABASE_URL", None)
        environment.pop("SECRET_KEY", None)
        run = subprocess.run([sys.executable, "-m", "flask", "--app", str(PROJECT_ROOT / "app.py"), "check-instance",
                              "--json"], capture_output=True, text=True, env=environment, timeout=3600, check=False)
        try:
            found = json.loads(run.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            check.problems.append(f"Không mở được bản phục hồi: {run.stderr.strip()[-500:]}")
            return check
        check.n_documents, check.n_entries = found["n_documents"], found["n_entries"]
        check.n_signatures = found["n_signatures"]
        check.problems.extend(found["problems"])
    return check
