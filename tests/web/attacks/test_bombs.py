"""Files made to choke the server, sent to the two pages that take files: refused soon, in words, at no cost to who types scores."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.services import document_pool
from tests.cast import Cast
from tests.exchange.test_workbook_guard import HEAD, LAUGHS, SHEET, bomb, many_tiny_cells, original, repacked
from tests.web.attacks.pdf_bombs import PDF_BOMBS, XML_BOMBS, transcript_shell

MOST_SECONDS, MOST_MEMORY = 3.0, 100 * 1024 * 1024
"""Seconds of the processor, several times what a quiet machine needs: a busy one counts more for the same work. A bomb that goes off takes minutes."""


class Cost:
    """What a stretch of work cost: ``seconds`` of the processor, here and in the processes that this one started; and the highest memory in
    this one above the beginning."""

    def __enter__(self) -> Cost:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        self._before, self._start = self._memory("VmRSS"), self._processor()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._processor() - self._start
        self.memory = self._memory("VmHWM") - self._before

    @staticmethod
    def _memory(name: str) -> int:
        return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

    @staticmethod
    def _processor() -> float:
        ended = os.times()
        total, waiting = time.process_time() + ended.children_user + ended.children_system, [os.getpid()]
        while waiting:
            for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
                with contextlib.suppress(OSError):  # it ended meanwhile, and counts among the ended
                    for child in task.read_text().split():
                        waiting.append(int(child))
                        used = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
                        total += sum(map(int, used)) / os.sysconf("SC_CLK_TCK")
        return total


# --- workbooks --------------------------------------------------------------------------------------------------------------


def million_rows() -> bytes:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(1, 120_000))
    return repacked({SHEET: (HEAD + f"<sheetData>{rows}</sheetData></worksheet>").encode()})


def million_rows_declared() -> bytes:
    return repacked({SHEET: original(SHEET).replace(b'ref="A1:G49"', b'ref="A1:G1048576"')})


def nested_zip() -> bytes:
    data = bytes(5_000_000)
    for depth in range(4):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"xl/{depth}.zip", data)
        data = out.getvalue()
    return data


def lying_sizes() -> bytes:
    """A bomb whose directory says that it unpacks to 100 bytes."""
    data = bytearray(bomb())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        size = archive.getinfo(SHEET).file_size
    return bytes(data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))


WORKBOOKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb of 41 kB": (bomb, "bung ra"),
    "bomb that lies": (lying_sizes, "hỏng|bung ra|quá nhiều"),
    "millions of cells": (many_tiny_cells, "quá nhiều ô"),
    "120 000 rows": (million_rows, "dòng 119999|quá nhiều thời gian"),
    "a million rows declared": (million_rows_declared, "1.048.576 dòng"),
    "billion laughs": (lambda: repacked({SHEET: LAUGHS}), "DOCTYPE"),
    "external entity": (
        lambda: repacked({SHEET: b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + original(SHEET)}),
        "DOCTYPE",
    ),
    "zip in zip": (nested_zip, "không phải là sổ Excel"),
    "macro": (lambda: repacked({"xl/vbaProject.bin": b"\xd0\xcf"}), "macro"),
    "deep elements": (
        lambda: repacked({SHEET: (HEAD + "<a>" * 400_000 + "</a>" * 400_000 + "</worksheet>").encode()}),
        "bung ra|hỏng|quá",
    ),
    "many parts": (lambda: repacked({f"xl/media/{n}.png": b"" for n in range(3000)}), "3.*phần bên trong"),
    "2,5 MB": (lambda: b"PK\x03\x04" + bytes(2_600_000), "vượt giới hạn 2,0 MB"),
}


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_hostile_workbook_is_refused_at_its_field(
    name: str, school: Cast, client_of: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: school.now)
    make, words = WORKBOOKS[name]
    client, data = client_of("clerk"), make()
    with Cost() as cost:
        answer = client.post(
            "/nhap-du-lieu/",
            data={"kind": "students", "profile": "csdl-nganh", "file": (io.BytesIO(data), "hs.xlsx")},
            content_type="multipart/form-data",
        )
    assert answer.status_code == 422
    assert re.search(words, answer.text), re.findall(r'class="[^"]*error[^"]*"[^>]*>([^<]+)', answer.text)
    # Only the rows are counted by a process of its own, which has to start first.
    assert cost.seconds < (MOST_SECONDS if name != "120 000 rows" else 15), vars(cost)
    assert cost.memory < MOST_MEMORY, vars(cost)


@pytest.mark.parametrize("path", ["/nhap-du-lieu/", "/xac-thuc"])
def test_an_upload_over_the_limit_is_refused_before_it_is_read(
    path: str, school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    client = client_of("clerk")
    with Cost() as cost:
        answer = client.post(
            path,
            data={"kind": "students", "file": (io.BytesIO(bytes(9 << 20)), "a.xlsx"), "tep": (io.BytesIO(b"x"), "b")},
            content_type="multipart/form-data",
        )
    assert answer.status_code == 413 and "Cỡ lớn nhất ghi ở chỗ chọn tệp" in answer.text
    assert cost.seconds < MOST_SECONDS and cost.memory < MOST_MEMORY, vars(cost)


def test_a_form_of_too_many_fields_is_refused(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    client = client_of("clerk")
    with Cost() as cost:
        parts = client.post(
            "/nhap-du-lieu/",
            data={f"a{n}": "1" for n in range(5000)} | {"file": (io.BytesIO(b"x"), "x")},
            content_type="multipart/form-data",
        )
        plain = client.post("/hom-nay", data="&".join(f"a{n}=1" for n in range(400_000)))
    assert parts.status_code == 413
    assert plain.status_code in (303, 400, 413, 422)
    assert cost.seconds < MOST_SECONDS and cost.memory < MOST_MEMORY, vars(cost)


# --- the public check --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge() -> Callable[[str], tuple[float, int, str]]:
    """Judge a file in a process of its own as a worker does: (seconds, highest memory above the start, words)."""
    code = (
        "import sys,time,re,pathlib;from datetime import datetime,UTC;from tests.web.attacks.pdf_bombs import PDF_BOMBS,XML_BOMBS;"
        "from hocbaso.documents.issuing import verify_upload;"
        "memory=lambda name:int(re.search(name+r':\\s+(\\d+) kB',pathlib.Path('/proc/self/status').read_text())[1])*1024\n"
        "verify_upload(b'<a/>',(),(),datetime.now(UTC))\n"
        "for name in sys.argv[1:]:\n"
        "    data={**PDF_BOMBS,**XML_BOMBS}[name]();pathlib.Path('/proc/self/clear_refs').write_text('5');held=memory('VmRSS');start=time.process_time()\n"
        "    found=verify_upload(data,(),(),datetime.now(UTC));assert not found['ok']\n"
        "    print(name,time.process_time()-start,memory('VmHWM')-held,' '.join(found['problems']),sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *PDF_BOMBS, *XML_BOMBS], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}
    return lambda name: (float(found[name][0]), int(found[name][1]), found[name][2])


@pytest.mark.parametrize("name", [*PDF_BOMBS, *XML_BOMBS])
def test_a_hostile_document_costs_the_worker_little(name: str, judge: Callable[[str], tuple[float, int, str]]) -> None:
    seconds, memory, words = judge(name)
    assert seconds < MOST_SECONDS
    assert memory < 450 * 1024 * 1024
    assert words and "root:" not in words


@pytest.mark.parametrize("name", ["flate", "no table", "billion laughs", "external entity"])
def test_a_hostile_document_is_refused_on_the_public_page(name: str, school_app, school: Cast) -> None:  # type: ignore[no-untyped-def]
    document_pool.verify(b"<a/>", (), (), school.now, timeout=60)  # the process for strangers has started
    data = {**PDF_BOMBS, **XML_BOMBS}[name]()
    with Cost() as cost:
        answer = school_app.test_client().post(
            "/xac-thuc", data={"tep": (io.BytesIO(data), "hoc-ba.pdf")}, content_type="multipart/form-data"
        )
    assert answer.status_code == 422 and "Đừng dùng tệp này" in answer.text and "root:" not in answer.text
    assert cost.seconds < MOST_SECONDS and cost.memory < MOST_MEMORY, vars(cost)


def test_the_bomb_goes_off_where_nothing_bounds_it() -> None:
    """The files above are what they claim: an unbounded reader gets a hundred times what was sent."""
    data = PDF_BOMBS["flate"]()
    stream = data[data.index(b"stream\n") + 7 :]
    assert len(data) < 5_000_000
    assert len(zlib.decompressobj().decompress(stream, 300_000_000)) == 300_000_000
    assert transcript_shell(b"x").startswith(b"%PDF-1.7\n")
