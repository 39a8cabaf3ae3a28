"""The photos of a whole class in one ZIP: each file is named by the pupil's code. Looked at first, written when somebody agrees."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from hocbaso import models as m
from hocbaso.documents.portrait import MAX_UPLOAD
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.regulations.permissions import Permission
from hocbaso.services import document_pool, student_photos, students
from hocbaso.services.access import Actor, class_for
from hocbaso.services.score_grid import ACTIVE

MAX_ZIP = 8 * 1024 * 1024
MAX_ENTRIES = 200
_KEPT = timedelta(hours=12)
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Line:
    """A file of the ZIP: where it goes (``student_id``), or why nowhere. ``state``: new, replaces, same, wrong."""

    file_name: str
    student_id: int | None
    who: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What agreeing would do. ``token``: names the looked-at pictures; ``left``: who would still be without a photo."""

    token: str
    lines: tuple[Line, ...]
    left: tuple[str, ...]

    @property
    def n_new(self) -> int:
        """Photos that agreeing would write."""
        return sum(line.state in ("new", "replaces") for line in self.lines)


@dataclass(frozen=True, slots=True)
class ClassPhotos:
    """The class as it stands: how many have a photo, and who has none."""

    class_group_id: int
    name: str
    n_students: int
    without: tuple[tuple[int, str, str], ...]
    """(id, name, code): what the file has to be called; "" for who has no code yet."""


def page(actor: Actor, class_group_id: int) -> ClassPhotos:
    """The class, for who keeps its profiles. NotFound outside the actor's reach, NotAllowed for who only reads."""
    class_group, rows = _kept(actor, class_group_id)
    having = student_photos.having()
    return ClassPhotos(
        class_group.id,
        class_group.name,
        len(rows),
        tuple((row.id, row.full_name, row.moet_code or "") for row in rows if row.id not in having),
    )


def preview(actor: Actor, class_group_id: int, data: bytes, now: datetime) -> Plan:
    """Read the ZIP, make each picture anew, say what goes where; nothing is written into any profile.

    Raises NotFound, NotAllowed, Invalid (no ZIP, too large, too many files), Unavailable.
    """
    class_group, rows = _kept(actor, class_group_id)
    by_code = {row.moet_code.upper(): row for row in rows if row.moet_code}
    standing = {row.id: photo.digest for row in rows if (photo := student_photos.of(row.id)) is not None}
    lines: list[Line] = []
    pictures: dict[int, bytes] = {}
    for name, content in _files(data, by_code):
        student = by_code.get(_code(name))
        if student is None:
            lines.append(Line(name, None, "", "wrong", "tên tệp không phải mã học sinh của lớp này"))
            continue
        if student.id in pictures:
            lines.append(Line(name, None, student.full_name, "wrong", "em này đã có tệp khác trong gói"))
            continue
        if content is None:
            lines.append(Line(name, None, student.full_name, "wrong", "ảnh lớn quá 4 MB"))
            continue
        try:
            picture = student_photos.remade(content)
        except Invalid as refusal:
            lines.append(Line(name, None, student.full_name, "wrong", refusal.message))
            continue
        pictures[student.id] = picture
        before = standing.get(student.id)
        same = before == hashlib.sha256(picture).hexdigest()
        state = "same" if same else "replaces" if before else "new"
        lines.append(Line(name, student.id, student.full_name, state))
    if not lines:
        raise Invalid("Gói ZIP không có tệp ảnh nào.", field="zip")
    left = tuple(row.full_name for row in rows if row.id not in standing and row.id not in pictures)
    return Plan(_put_aside(actor, class_group.id, pictures, now), tuple(lines), left)


def apply(actor: Actor, class_group_id: int, token: str, now: datetime) -> int:
    """Write the pictures that :func:`preview` made. Returns how many were new. NotFound, NotAllowed, Invalid (gone since)."""
    _kept(actor, class_group_id)
    path = _path(actor, class_group_id, token)
    try:
        with zipfile.ZipFile(path) as archive:
            pictures = {int(name): archive.read(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile) as gone:
        raise Invalid("Gói ảnh này không còn trên máy. Xin chọn lại tệp ZIP.", field="zip") from gone
    n_new = student_photos.keep(actor, pictures, now, target=("class_group", class_group_id))
    path.unlink(missing_ok=True)
    return n_new


def picture(actor: Actor, class_group_id: int, token: str, student_id: int) -> bytes:
    """One looked-at picture, for who sent it. NotFound."""
    _kept(actor, class_group_id)
    try:
        with zipfile.ZipFile(_path(actor, class_group_id, token)) as archive:
            return archive.read(str(student_id))
    except (OSError, KeyError, zipfile.BadZipFile) as gone:
        raise NotFound("Không có ảnh này.") from gone


def _kept(actor: Actor, class_group_id: int) -> tuple[m.ClassGroup, list[m.Student]]:
    class_group = class_for(actor, class_group_id, Permission.STUDENT_EDIT)
    rows = [
        student for enrollment, student in students.class_roster(actor, class_group_id) if enrollment.status in ACTIVE
    ]
    kept = [row for row in rows if students.editable_fields(actor, row)]
    if class_group.school_year.state != "OPEN":
        raise NotFound("Năm học của lớp này đã đóng; ảnh gửi ở lớp của năm học đang mở.")
    if rows and not kept:
        raise NotAllowed("Ảnh của lớp do giáo viên chủ nhiệm năm nay và văn thư giữ.")
    return class_group, kept


def _files(data: bytes, codes: Container[str]) -> Iterator[tuple[str, bytes | None]]:
    """(name, bytes or None when too large) of the files in the ZIP, by name; folders and what a Mac adds are passed over.

    One file is held at a time, and what is no pupil's is not unpacked (empty bytes): eight megabytes can unpack to eight hundred and more.
    """
    if not data:
        raise Invalid("Xin chọn tệp ZIP.", field="zip")
    if len(data) > MAX_ZIP:
        raise Invalid("Tệp ZIP lớn quá 8 MB. Xin chia lớp thành hai gói, hoặc chọn cỡ ảnh nhỏ hơn.", field="zip")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            named = []
            if len(archive.infolist()) > MAX_ENTRIES:
                raise Invalid(f"Gói ZIP có quá {MAX_ENTRIES} tệp.", field="zip")
            for entry in archive.infolist():
                name = PurePosixPath(entry.filename.replace("\\", "/"))
                if entry.is_dir() or name.name.startswith(".") or "__MACOSX" in name.parts:
                    continue
                if entry.flag_bits & 1:
                    raise Invalid("Gói ZIP có mật khẩu. Xin nén lại không đặt mật khẩu.", field="zip")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise Invalid("Gói ZIP nén theo cách lạ. Xin nén lại kiểu thường.", field="zip")
                named.append((name.name[-120:], entry))
            for shown, entry in sorted(named, key=lambda one: one[0]):
                if _code(shown) not in codes:
                    yield shown, b""
                    continue
                with archive.open(entry) as opened:
                    content = opened.read(MAX_UPLOAD + 1)  # never more, whatever the directory says
                yield shown, content if len(content) <= MAX_UPLOAD else None
    except Invalid:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError) as fault:
        raise Invalid("Không mở được tệp ZIP: tệp hỏng hoặc không phải ZIP.", field="zip") from fault


def _code(name: str) -> str:
    return PurePosixPath(name).stem.strip().upper()


def forget_old(now: datetime) -> int:
    """Take away the pictures that nobody agreed to within some hours; how many parcels. Each day, and whenever a ZIP is sent."""
    n_gone = 0
    for old in _folder().glob("*.zip"):
        with contextlib.suppress(OSError):
            if now.timestamp() - old.stat().st_mtime > _KEPT.total_seconds():
                old.unlink()
                n_gone += 1
    return n_gone


def _folder() -> Path:
    return document_pool.config().instance / "photo-previews"


def _path(actor: Actor, class_group_id: int, token: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise NotFound("Không có ảnh này.")
    return _folder() / f"{actor.account_id}-{class_group_id}-{token}.zip"


def _put_aside(actor: Actor, class_group_id: int, pictures: dict[int, bytes], now: datetime) -> str:
    """Keep the pictures for some hours, outside the store and every backup; older ones go, and this person's of the class."""
    folder, token = _folder(), secrets.token_hex(16)
    folder.mkdir(mode=0o700, exist_ok=True)
    forget_old(now)
    for mine in folder.glob(f"{actor.account_id}-{class_group_id}-*.zip"):
        mine.unlink(missing_ok=True)
    path = _path(actor, class_group_id, token)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        path.chmod(0o600)
        for student_id, made in pictures.items():
            archive.writestr(str(student_id), made)
    os.utime(path, (now.timestamp(), now.timestamp()))  # the school's clock, by which it grows old
    return token
