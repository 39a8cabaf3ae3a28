"""Append plain objects to a signed PDF, byte for byte the same in any version of any library.

What is appended after the last signature is judged years later by writing it again and comparing (``long_term_read``): so this
writer is small and its own. It knows only files that ``pades`` made: tables of references without streams.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from hocbaso.errors import IntegrityFault

_FAULT = "Tệp PDF không phải học bạ do hệ thống lập, hoặc đã bị hỏng."
_MAX_REVISIONS = 200


def _tables(pdf: bytes) -> tuple[dict[int, int], bytes]:
    """Where each object stands (the newest), and the newest trailer. Raises ``errors.IntegrityFault``."""
    where: dict[int, int] = {}
    newest = b""
    found = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", pdf[-64:])
    at = int(found[1]) if found else -1
    for _ in range(_MAX_REVISIONS):
        if not 0 <= at < len(pdf) or pdf[at : at + 4] != b"xref":
            break
        end = pdf.find(b"startxref", at)
        table, _, trailer = pdf[at:end].partition(b"trailer")
        newest = newest or trailer
        lines = table.split(b"\n")[1:]
        row = 0
        while row < len(lines) and (head := re.fullmatch(rb"(\d+) (\d+) ?", lines[row].rstrip(b"\r"))):
            first, count = int(head[1]), int(head[2])
            for number, line in enumerate(lines[row + 1 : row + 1 + count], first):
                if line[17:18] == b"n":
                    where.setdefault(number, int(line[:10]))
            row += 1 + count
        previous = re.search(rb"/Prev (\d+)", trailer)
        if previous is None:
            return where, newest
        at = int(previous[1])
    raise IntegrityFault(_FAULT)


@dataclass
class Increment:
    """Objects to append to ``pdf``. ``finish`` gives the appended bytes; nothing of ``pdf`` changes."""

    pdf: bytes
    _where: dict[int, int] = field(init=False)
    _trailer: bytes = field(init=False)
    _written: dict[int, bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self._where, self._trailer = _tables(self.pdf)
        except ValueError as error:
            raise IntegrityFault(_FAULT) from error
        self._next = int(self._one(rb"/Size (\d+)", self._trailer))

    @staticmethod
    def _one(pattern: bytes, text: bytes) -> bytes:
        found = re.search(pattern, text)
        if found is None:
            raise IntegrityFault(_FAULT)
        return found[1]

    @property
    def root(self) -> int:
        """Number of the catalogue."""
        return int(self._one(rb"/Root (\d+) 0 R", self._trailer))

    def raw(self, number: int) -> bytes:
        """The body of an object, without ``obj`` and ``endobj``."""
        if number in self._written:
            return self._written[number]
        at = self._where.get(number, -1)
        head = b"%d 0 obj\n" % number
        end = self.pdf.find(b"\nendobj", at)
        if at < 0 or end < 0 or not self.pdf.startswith(head, at):
            raise IntegrityFault(_FAULT)
        return self.pdf[at + len(head) : end]

    def reference(self, number: int, key: bytes) -> int:
        """The object that a dictionary's ``key`` refers to."""
        return int(self._one(re.escape(key) + rb" (\d+) 0 R", self.raw(number)))

    def references(self, number: int, key: bytes) -> list[int]:
        """The objects that a dictionary's array under ``key`` refers to."""
        listed = self._one(re.escape(key) + rb" \[([\d R]*)\]", self.raw(number))
        return [int(one) for one in re.findall(rb"(\d+) 0 R", listed)]

    def stream(self, number: int) -> bytes:
        """The bytes of a stream that ``add_stream`` wrote."""
        body = self.raw(number) if number in self._written else self._stream_body(number)
        size = int(self._one(rb"\A<< /Length (\d+) >>\nstream\n", body))
        start = body.index(b"stream\n") + 7
        return body[start : start + size]

    def _stream_body(self, number: int) -> bytes:
        at = self._where.get(number, -1)
        head = b"%d 0 obj\n" % number
        if at < 0 or not self.pdf.startswith(head, at):
            raise IntegrityFault(_FAULT)
        at += len(head)
        size = int(self._one(rb"\A<< /Length (\d{1,8}) >>\nstream\n", self.pdf[at : at + 64]))
        return self.pdf[at : at + size + 64]

    def put(self, number: int, body: bytes) -> None:
        """Write an object anew."""
        self._written[number] = body

    def add(self, body: bytes) -> int:
        """Write a further object; its number."""
        number, self._next = self._next, self._next + 1
        self._written[number] = body
        return number

    def add_stream(self, data: bytes) -> int:
        """Write a stream without a filter: packing is not the same in each version of a library."""
        return self.add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data))

    def insert(self, number: int, pattern: bytes, replacement: bytes) -> None:
        """Change an object at the one place where ``pattern`` stands."""
        body, n_changes = re.subn(pattern, lambda found: found.expand(replacement), self.raw(number))
        if n_changes != 1:
            raise IntegrityFault(_FAULT)
        self.put(number, body)

    def finish(self, mark: bytes) -> bytes:
        """The bytes to append. ``mark`` goes into the identifier of the revision."""
        start = len(self.pdf)
        out = bytearray(b"\n")
        places = {}
        for number in sorted(self._written):
            places[number] = start + len(out)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, self._written[number])
        table = start + len(out)
        out += b"xref\n0 1\n0000000000 65535 f \n"
        for number, place in places.items():
            out += b"%d 1\n%010d 00000 n \n" % (number, place)
        first = self._one(rb"/ID \[ ?(<[0-9a-f]+>)", self._trailer)
        second = hashlib.sha256(self.pdf + mark).hexdigest()[:32].encode()
        previous = self._one(rb"startxref\s+(\d+)", self.pdf[-64:])
        info = re.search(rb"/Info \d+ 0 R", self._trailer)
        out += b"trailer\n<< /Size %d /Root %d 0 R %s/Prev %s /ID [ %s <%s> ] >>\nstartxref\n%d\n%%%%EOF\n" % (
            self._next,
            self.root,
            info[0] + b" " if info else b"",
            previous,
            first,
            second,
            table,
        )
        return bytes(out)
