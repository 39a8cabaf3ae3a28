"""A disk that loses power: what SQLite wrote since a file's last sync has not reached it, or has only in part.

Works inside the very SQLite library that the application uses: a VFS whose files are those of the ordinary one, with
xWrite, xTruncate and xSync listened to. Each file keeps what was done to it since its last xSync; an image of the disk
after a cut is the synced state plus none, or a random part, of that. Shared memory is no file and dies with the power.
"""

from __future__ import annotations

import ctypes
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pysqlite3 import _sqlite3

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_OPEN = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _POINTER, _INT, _POINTER)
_WRITE = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _POINTER, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(_INT, _POINTER, _INT)


class _Vfs(ctypes.Structure):
    """sqlite3_vfs (sqlite.org/c3ref/vfs.html); only the fields up to xOpen are touched, the rest is copied."""

    _fields_ = [
        ("iVersion", _INT),
        ("szOsFile", _INT),
        ("mxPathname", _INT),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        ("xOpen", _POINTER),
        ("rest", _POINTER * 15),
    ]


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3 (sqlite.org/c3ref/io_methods.html)."""

    _fields_ = [
        ("iVersion", _INT),
        *((name, _POINTER) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync")),
        ("rest", _POINTER * 13),
    ]


@dataclass
class _File:
    """One file: an own descriptor (never closed meanwhile: that would drop SQLite's locks) and what is not synced."""

    descriptor: int
    undo: list[tuple[int, bytes, int]] = field(default_factory=list)
    """(offset, bytes before, size before)"""
    redo: list[tuple[int, bytes]] = field(default_factory=list)
    """(offset, bytes written); a truncation is (size, b"")"""

    def before(self, offset: int, length: int, new: bytes) -> None:
        size = os.fstat(self.descriptor).st_size
        self.undo.append((offset, os.pread(self.descriptor, length, offset), size))
        self.redo.append((offset, new))

    def after_a_cut(self, chance: float, rng: random.Random) -> bytes:
        content = bytearray(os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0))
        for offset, old, size in reversed(self.undo):
            content[offset : offset + len(old)] = old
            del content[size:]
        for offset, new in self.redo:
            if rng.random() < chance:
                if not new:
                    del content[offset:]
                    continue
                content.extend(b"\0" * max(0, offset + len(new) - len(content)))
                content[offset : offset + len(new)] = new
        return bytes(content)


class Disk:
    """The files under one folder, as they are and as a cut would leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_syncs = 0
        self._mutex = threading.RLock()
        self._files: dict[str, _File] = {}
        self._of: dict[int, _File] = {}
        self._kept: list[Any] = []

    def cut(self, target: Path, chance: float, rng: random.Random) -> None:
        """Write into ``target`` what a power cut at this instant leaves; each unsynced write is there by ``chance``."""
        with self._mutex:
            images = {path: file.after_a_cut(chance, rng) for path, file in self._files.items()}
        for path, content in images.items():
            (target / Path(path).name).write_bytes(content)

    def _opened(self, file: int, path: str) -> None:
        with self._mutex:
            known = self._files.get(path)
            if known is None or os.fstat(known.descriptor).st_ino != os.stat(path).st_ino:
                known = self._files[path] = _File(os.open(path, os.O_RDWR))
            self._of[file] = known

    def install(self) -> None:
        """Become the library's default VFS."""
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = _POINTER
        library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        library.sqlite3_vfs_register.argtypes = [_POINTER, _INT]
        self._library, self._base = library, library.sqlite3_vfs_find(None)
        vfs = _Vfs.from_buffer_copy(_Vfs.from_address(self._base))
        base_open = _OPEN(vfs.xOpen)
        tables: dict[int, _Methods] = {}

        def opened(vfs_pointer: int, name: int | None, file: int, flags: int, out: int | None) -> int:
            code: int = base_open(vfs_pointer, name, file, flags, out)  # the pointer itself: the library keeps it
            path = os.fsdecode(ctypes.string_at(name)) if name else ""
            if code == 0 and path.startswith(str(self.folder)):
                slot = ctypes.c_void_p.from_address(file)  # sqlite3_file begins with its table of methods
                base = int(slot.value or 0)
                if base not in tables:
                    tables[base] = self._listening(base)
                slot.value = ctypes.addressof(tables[base])
                self._opened(file, path)
            return code

        callback = _OPEN(opened)
        vfs.xOpen = ctypes.cast(callback, _POINTER).value
        vfs.zName = b"powercut"
        self._kept += [vfs, callback, tables]
        assert library.sqlite3_vfs_register(ctypes.addressof(vfs), 1) == 0

    def _listening(self, base: int) -> _Methods:
        methods = _Methods.from_buffer_copy(_Methods.from_address(base))
        base_write, base_truncate, base_sync = (
            _WRITE(methods.xWrite),
            _TRUNCATE(methods.xTruncate),
            _SYNC(methods.xSync),
        )

        def write(file: int, data: int, length: int, offset: int) -> int:
            with self._mutex:
                self._of[file].before(offset, length, ctypes.string_at(data, length))
                return int(base_write(file, data, length, offset))

        def truncate(file: int, size: int) -> int:
            with self._mutex:
                known = self._of[file]
                known.before(size, max(0, os.fstat(known.descriptor).st_size - size), b"")
                return int(base_truncate(file, size))

        def sync(file: int, flags: int) -> int:
            with self._mutex:
                code = int(base_sync(file, flags))
                if code == 0:
                    self._of[file].undo.clear()
                    self._of[file].redo.clear()
                    self.n_syncs += 1
                return code

        for name, kind, function in (
            ("xWrite", _WRITE, write),
            ("xTruncate", _TRUNCATE, truncate),
            ("xSync", _SYNC, sync),
        ):
            callback = kind(function)
            self._kept.append(callback)
            setattr(methods, name, ctypes.cast(callback, _POINTER).value)
        return methods

    def uninstall(self) -> None:
        """Give the library its own VFS back; every connection through this one is closed by then."""
        self._library.sqlite3_vfs_unregister(ctypes.c_void_p(ctypes.addressof(self._kept[0])))
        self._library.sqlite3_vfs_register(self._base, 1)
        for file in self._files.values():
            os.close(file.descriptor)


@contextmanager
def losable(folder: Path) -> Iterator[Disk]:
    """Databases opened meanwhile in this folder lie on a disk whose power may be cut."""
    disk = Disk(folder)
    disk.install()
    try:
        yield disk
    finally:
        disk.uninstall()
