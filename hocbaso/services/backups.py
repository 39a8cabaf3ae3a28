"""Backups: one archive holding a consistent copy of the database, every stored document, and what restores need.

The copy is a SQLite file whichever database the school runs on (:mod:`hocbaso.services.database_copy`).

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
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from flask import current_app
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import inspect, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import PROJECT_ROOT, Config
from hocbaso.db import db, is_sqlite, write_transaction
from hocbaso.errors import IntegrityFault, Invalid, NotFound, Unavailable, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, database_copy, schema, student_photos
from hocbaso.services.access import Actor

FORMAT = "hocbaso-backup/1"
KEEP_DAILY = 14
_TRIES = 3
DATABASE = "hocbaso.sqlite"
OLD_SETTINGS = "config.toml.cu"
"""Name of an archive's ``config.toml`` where it does not become the settings of the restored place."""
MAX_MANIFEST = 64 * 1024 * 1024

# What an archive may hold. Anything else (a stale write-ahead log above all) would come to life beside the database.
_NAMES = re.compile(
    r"hocbaso\.sqlite|secret_key|config\.toml|documents/[0-9a-f]{64}|checkpoints/[\w.-]+|keys/(?:[\w-][\w.-]*/)*[\w-][\w.-]*"
)


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
    """The day's archive, made when missing; of daily archives the newest fourteen stay, other files are never touched."""
    path = _settings().backups / daily_name(now)
    if not path.exists():
        path = create(actor, now, name=path.name)
    for old in sorted(_settings().backups.glob("hocbaso-????-??-??-hang-ngay.tar"))[:-KEEP_DAILY]:
        old.unlink()
    return path


def create(actor: Actor, now: datetime, *, out: Path | None = None, name: str | None = None) -> Path:
    """Make an archive while the school works on; returns its path.

    WrongState when the file is there already; Unavailable when the disk is full or can't be written (then nothing is
    left behind).
    """
    actor.require(Permission.BACKUP_MANAGE)
    folder = out or _settings().backups
    target = folder / (name or f"hocbaso-{clock.local(now):%Y-%m-%d-%H%M%S}.tar")
    if target.exists():
        raise WrongState(f"Đã có tệp {target.name}; không ghi đè bản sao lưu.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _drop_abandoned(folder, now)
        n_documents = _make(target, now)
    except (OSError, bundled.Error) as problem:
        raise Unavailable(f"Không ghi được bản sao lưu vào {folder}: {problem}.") from problem
    digest = _file_digest(target)
    with write_transaction():
        audit.record(
            AuditTag.BACKUP_CREATED,
            actor,
            now,
            target_kind="backup",
            target_id=target.name[:40],
            facts={
                "file": target.name,
                "sha256": digest,
                "n_documents": n_documents,
                "n_bytes": target.stat().st_size,
                **({"folder": str(folder.resolve())} if out else {}),
            },
        )
    return target


def _make(target: Path, now: datetime) -> int:
    settings = _settings()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tam-") as scratch:
        # The secret in use, from the environment or the file: sealed keys open with no other.
        secret = Path(scratch) / "secret_key"
        secret.write_text(settings.secret_key, encoding="utf-8")
        unfinished = Path(scratch) / "archive.tar"
        for left in range(_TRIES - 1, -1, -1):
            copy = Path(scratch) / f"{left}-{DATABASE}"
            # Before the copy: a checkpoint signed while it is made covers entries that the copy has not, and would tell of a log
            # that was cut.
            checkpoints = _files("checkpoints", settings)
            database_copy.copy_out(copy)
            try:
                n_documents = _write_archive(unfinished, copy, secret, checkpoints, settings, now)
                break
            except FileNotFoundError:  # a pupil's photo that was taken away meanwhile: the only file that ever goes
                if not left:
                    raise
        with contextlib.suppress(OSError):  # a stick's file system knows no modes
            os.chmod(unfinished, 0o600)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    return n_documents


def _drop_abandoned(folder: Path, now: datetime) -> None:
    """Half-made copies of a process that was killed: each as large as the school. A day old: nobody works on it."""
    for path in folder.glob(".tam-*"):
        if path.is_dir() and path.stat().st_mtime < now.timestamp() - 86400:
            shutil.rmtree(path, ignore_errors=True)


def _files(folder: str, settings: Config) -> list[tuple[str, Path]]:
    """(name in the archive, path) of every file of an instance's folder that an archive may hold."""
    found = [
        (path.relative_to(settings.instance).as_posix(), path)
        for path in sorted((settings.instance / folder).rglob("*"))
        # Half-written ones begin with a dot, and are gone a moment later.
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return [(name, path) for name, path in found if _NAMES.fullmatch(name)]


def _members(
    copy: Path, secret: Path, checkpoints: list[tuple[str, Path]], settings: Config
) -> Iterator[tuple[str, Path]]:
    yield DATABASE, copy
    yield "secret_key", secret
    # Rows are written after files, and only photos are ever taken away: what the copied database names is there, or the copy is made again.
    documents = _files("documents", settings)
    there = {path.name for _, path in documents}
    with contextlib.closing(bundled.connect(str(copy))) as connection:
        for (digest,) in connection.execute(
            "SELECT digest FROM stored_document WHERE kind = ?", (student_photos.KIND,)
        ):
            if digest not in there:
                raise FileNotFoundError(digest)
    yield from documents
    yield from checkpoints
    yield from _files("keys", settings)
    if (settings.instance / "config.toml").is_file():
        yield "config.toml", settings.instance / "config.toml"


def _write_archive(
    target: Path, copy: Path, secret: Path, checkpoints: list[tuple[str, Path]], settings: Config, now: datetime
) -> int:
    members = list(_members(copy, secret, checkpoints, settings))
    listing = {name: {"sha256": _file_digest(path), "n_bytes": path.stat().st_size} for name, path in members}
    manifest = {
        "format": FORMAT,
        "taken_at": now.isoformat(timespec="seconds"),
        "revision": schema.revision_of(copy),
        "members": listing,
    }
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


def last_elsewhere() -> BackupInfo | None:
    """The newest archive that the log says was made into another folder (a stick, a second disk), there or not; None: none was."""
    home = str(_settings().backups.resolve())
    if not inspect(db.engine).has_table(m.AuditEntry.__tablename__):  # a place that is still to be set up or restored
        return None
    rows = db.session.scalars(
        select(m.AuditEntry)
        .where(m.AuditEntry.target_kind == "backup", m.AuditEntry.tag == AuditTag.BACKUP_CREATED.value)
        .order_by(m.AuditEntry.seq.desc())
        .limit(200)
    )
    for row in rows:
        facts = audit.payload_of(row).get("facts") or {}
        if facts.get("folder") not in (None, home):
            path = Path(facts["folder"]) / facts["file"]
            return BackupInfo(facts["file"], str(path), str(row.at), int(facts["n_bytes"]), int(facts["n_documents"]))
    return None


def find(name_or_path: str) -> Path:
    """An archive by path or by its name in the backup folder; NotFound otherwise."""
    for candidate in (Path(name_or_path), _settings().backups / Path(name_or_path).name):
        if candidate.is_file():
            return candidate
    raise NotFound(f"Không có bản sao lưu {name_or_path}.")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest; Invalid when the file is no backup of ours."""
    refusal = Invalid(f"{path.name} không phải bản sao lưu của phần mềm này.")
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
            if first is None or first.name != "manifest.json" or first.size > MAX_MANIFEST:
                raise refusal
            handle = archive.extractfile(first)
            manifest = json.loads(handle.read()) if handle is not None else None
    except (tarfile.TarError, ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, RecursionError) as problem:
        raise refusal from problem
    if not isinstance(manifest, dict):
        raise refusal
    members = manifest.get("members")
    if (
        not isinstance(members, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("taken_at"), str)
    ):
        raise refusal
    if not all(isinstance(facts, dict) and isinstance(facts.get("sha256"), str) for facts in members.values()):
        raise refusal
    return manifest


def extract(path: Path, into: Path) -> list[str]:
    """Unpack an archive into an empty folder, checking every member; returns what is wrong (nothing: all good).

    Only names that an archive of ours may hold and that its manifest lists are written, each below ``into``.
    """
    manifest = read_manifest(path)
    expected = dict(manifest["members"])
    problems = []
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name == "manifest.json":
                    continue
                facts = expected.pop(member.name, None)
                if facts is None or _NAMES.fullmatch(member.name) is None or not member.isreg():
                    problems.append(f"Tệp lạ trong bản sao: {member.name}.")
                    continue
                handle = archive.extractfile(member)
                assert handle is not None
                problems += _unpack(handle, into / member.name, member.name, str(facts["sha256"]))
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as problem:
        problems.append(f"Bản sao bị cắt cụt hoặc hỏng: {problem}.")
    problems.extend(f"Thiếu tệp {name}." for name in expected)
    problems.extend(f"Bản sao không có {name}." for name in (DATABASE, "secret_key") if name not in manifest["members"])
    return problems


def _unpack(source: IO[bytes], target: Path, name: str, expected: str) -> list[str]:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    target.chmod(0o440 if name.startswith("documents/") else 0o600)
    if digest.hexdigest() != expected:
        return [f"Tệp {name} không còn như lúc sao lưu."]
    if name.startswith("documents/") and target.name != expected:
        return [f"Tài liệu {name} không khớp mã của chính nó."]
    return []


def check_database(path: Path) -> list[str]:
    """SQLite's own integrity and foreign-key checks on a copy."""
    with contextlib.closing(bundled.connect(str(path))) as connection:
        try:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        except bundled.DatabaseError as problem:
            return [f"Cơ sở dữ liệu trong bản sao hỏng: {problem}."]
    problems = [] if verdict == "ok" else [f"Cơ sở dữ liệu trong bản sao hỏng: {verdict}."]
    if broken:
        problems.append(f"{len(broken)} dòng trỏ tới dữ liệu không có.")
    return problems


def _require_empty(instance: Path) -> None:
    """WrongState unless the place holds no account and no other process works in it."""
    database = instance / DATABASE
    if not database.exists():
        return
    try:
        with contextlib.closing(bundled.connect(str(database), timeout=0)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if "account" in tables and connection.execute("SELECT count(*) FROM account").fetchone()[0]:
                raise WrongState("Nơi này đã có dữ liệu; chỉ phục hồi vào một nơi trống.")
            # Leaving WAL needs the file alone: any other open connection makes it fail.
            connection.execute("PRAGMA journal_mode=DELETE")
    except bundled.OperationalError as problem:
        raise WrongState("Phần mềm đang chạy ở nơi này. Dừng máy chủ rồi phục hồi.") from problem
    except bundled.DatabaseError as problem:
        raise WrongState(f"{database.name} ở nơi này không đọc được; cất tệp đó đi nơi khác rồi phục hồi.") from problem


def restore_into(instance: Path, archive: Path) -> list[str]:
    """Restore into an empty instance folder; all or nothing. Returns the names restored.

    WrongState when the folder holds data already, when a server works in it, or when the archive comes of a newer
    version of the program; IntegrityFault when the archive is damaged. The schema may still have to be brought up
    (:func:`hocbaso.services.schema.upgrade`).
    """
    manifest = _manifest_we_know(archive)
    _require_empty(instance)
    with _unpacked(instance, archive) as unpacked:
        # A stale write-ahead log would be replayed onto the restored file.
        for stale in ("hocbaso.sqlite-wal", "hocbaso.sqlite-shm"):
            (instance / stale).unlink(missing_ok=True)
        names = _place_files(unpacked, instance, manifest)
        (unpacked / DATABASE).replace(instance / DATABASE)  # last: its presence means "restored"
        _sync(instance)
    return [DATABASE, *names]


def restore_here(archive: Path) -> list[str]:
    """Restore into this application's own empty place, also when its database is PostgreSQL; the names restored.

    Raises as :func:`restore_into`. On PostgreSQL the database comes last and in one transaction: whatever fails before,
    the place is still empty and may be restored into again. The caller brings the schema up and takes over the secret.
    """
    instance = _settings().instance
    db.session.remove()
    db.engine.dispose()
    if is_sqlite():
        return restore_into(instance, archive)
    manifest = _manifest_we_know(archive)
    database_copy.require_empty()
    with _unpacked(instance, archive) as unpacked:
        names = _place_files(unpacked, instance, manifest)
        _sync(instance)
        database_copy.copy_in(unpacked / DATABASE)
    return [DATABASE, *names]


def _manifest_we_know(archive: Path) -> dict[str, Any]:
    manifest = read_manifest(archive)
    if not schema.knows(manifest.get("revision")):
        raise WrongState("Bản sao được tạo bởi phiên bản mới hơn của phần mềm. Cập nhật phần mềm rồi phục hồi.")
    return manifest


@contextlib.contextmanager
def _unpacked(instance: Path, archive: Path) -> Iterator[Path]:
    """The archive in a scratch folder of the instance, every member checked (IntegrityFault)."""
    instance.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=instance, prefix=".phuc-hoi-") as scratch:
        unpacked = Path(scratch)
        problems = extract(archive, unpacked) or check_database(unpacked / DATABASE)
        if problems:
            raise IntegrityFault("Bản sao lưu bị hỏng, chưa phục hồi gì.", details=tuple(problems[:20]))
        yield unpacked


def _place_files(unpacked: Path, instance: Path, manifest: dict[str, Any]) -> list[str]:
    """Everything but the database from the scratch folder into the instance; the names."""
    placed = {name: name for name in manifest["members"] if name != DATABASE}
    # Settings that name a database would lead this place back to the old machine's; its own are never overwritten.
    if "config.toml" in placed and (
        (instance / "config.toml").exists() or b"database_url" in (unpacked / "config.toml").read_bytes().lower()
    ):
        placed["config.toml"] = OLD_SETTINGS
    for name, target in placed.items():
        (instance / target).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (unpacked / name).replace(instance / target)
    for folder in {(instance / target).parent for target in placed.values()}:
        _sync(folder)
    if (instance / "keys").is_dir():
        (instance / "keys").chmod(0o700)
    return sorted(placed.values())


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
    """Restore an archive into a scratch place and check everything there: digests, database, log, secrets, signatures.

    The scratch instance is opened by a process of its own, exactly as a restored school would be.
    """
    check = BackupCheck(name=path.name)
    manifest = read_manifest(path)
    check.n_members = len(manifest["members"])
    with tempfile.TemporaryDirectory(prefix="hocbaso-thu-") as scratch:
        instance = Path(scratch) / "instance"
        try:
            restore_into(instance, path)
        except (IntegrityFault, WrongState) as fault:
            check.problems.extend(fault.details or (fault.message,))
            return check
        # Named here, so that a config.toml in the archive can't lead the check to another database or secret.
        environment = {
            **os.environ,
            "HOCBASO_INSTANCE": str(instance),
            "DATABASE_URL": f"sqlite+pysqlite:///{instance / 'hocbaso.sqlite'}",
            "SECRET_KEY": (instance / "secret_key").read_text(encoding="utf-8").strip(),
        }
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "flask",
                "--app",
                str(PROJECT_ROOT / "app.py"),
                "check-instance",
                "--upgrade",
                "--json",
            ],
            capture_output=True,
            text=True,
            env=environment,
            timeout=3600,
            check=False,
            cwd=PROJECT_ROOT,
        )
        try:
            found = json.loads(run.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            check.problems.append(f"Không mở được bản phục hồi: {run.stderr.strip()[-500:]}")
            return check
        check.n_documents, check.n_entries = found["n_documents"], found["n_entries"]
        check.n_signatures = found["n_signatures"]
        check.problems.extend(found["problems"])
    return check
