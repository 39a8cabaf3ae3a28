"""Reading a workbook in its own process: same rows, same refusals, and limits that hold."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from openpyxl import Workbook

from hocbaso.errors import Invalid
from hocbaso.exchange.people_tables import read_teachers
from hocbaso.exchange.profiles import DEFAULT_PROFILE
from hocbaso.exchange.workbook_process import READERS, read_apart


def workbook(n_rows: int = 3) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.append(["STT", "Mã giáo viên", "Họ và tên", "Ngày sinh", "Giới tính"])
    for number in range(1, n_rows + 1):
        sheet.append([number, f"GV{number:03d}", "Nguyễn Thị Hà", "01/02/1980", "Nữ"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_the_rows_are_those_of_the_reader():
    data = workbook()
    table = read_apart("teachers", data, DEFAULT_PROFILE)
    assert table == read_teachers(data, DEFAULT_PROFILE)
    assert len(table.rows) == 3


def test_a_refusal_travels_with_its_words_and_field():
    with pytest.raises(Invalid) as direct:
        read_teachers(b"PK\x03\x04 not a zip", DEFAULT_PROFILE)
    with pytest.raises(Invalid) as apart:
        read_apart("teachers", b"PK\x03\x04 not a zip", DEFAULT_PROFILE)
    assert (apart.value.message, apart.value.field) == (direct.value.message, direct.value.field)


def test_a_file_that_takes_too_long_is_refused():
    with pytest.raises(Invalid, match="thời gian"):
        read_apart("teachers", workbook(), DEFAULT_PROFILE, max_seconds=0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on memory there")
def test_a_file_that_takes_too_much_memory_is_refused():
    data = workbook(4000)
    assert len(read_apart("teachers", data, DEFAULT_PROFILE).rows) == 4000
    with pytest.raises(Invalid, match="bộ nhớ"):
        read_apart("teachers", data, DEFAULT_PROFILE, max_memory_bytes=48 * 1024 * 1024)


def test_only_the_four_readers_can_be_called():
    with pytest.raises(ValueError, match="no reader"):
        read_apart("os:system", b"", DEFAULT_PROFILE)


def test_a_fault_of_the_reader_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(READERS, "unknown to the child", ("", ""))
    with pytest.raises(RuntimeError, match="KeyError"):
        read_apart("unknown to the child", workbook(), DEFAULT_PROFILE)


def test_the_calling_process_never_loads_openpyxl():
    script = (
        "import sys; from hocbaso.exchange.workbook_process import read_apart\n"
        f"read_apart('teachers', sys.stdin.buffer.read(), {DEFAULT_PROFILE!r}); print('openpyxl' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], input=workbook(), capture_output=True, timeout=60)
    assert (run.returncode, run.stdout.strip()) == (0, b"False"), run.stderr
