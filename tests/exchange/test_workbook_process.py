"""Reading a workbook in its own process: same rows, same refusals, and limits that hold."""

from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest
from openpyxl import Workbook

from hocbaso.errors import Invalid, Unavailable
from hocbaso.exchange.people_tables import read_teachers
from hocbaso.exchange.profiles import DEFAULT_PROFILE
from hocbaso.exchange.workbook_process import AT_A_TIME, READERS, read_apart, write_apart


def workbook(n_rows: int = 3, n_more: int = 0) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.append(["STT", "Mã giáo viên", "Họ và tên", "Ngày sinh", "Giới tính"])
    for number in range(1, n_rows + 1):
        sheet.append([number, f"GV{number:03d}", "Nguyễn Thị Hà", "01/02/1980", "Nữ", *range(n_more)])
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


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on work there")
def test_a_file_that_takes_too_much_work_is_refused():
    with pytest.raises(Invalid, match="thời gian"):
        read_apart("teachers", workbook(4900, 20), DEFAULT_PROFILE, max_cpu_seconds=1)


def test_a_machine_that_is_too_busy_does_not_blame_the_file():
    with pytest.raises(Unavailable, match="đang bận"):
        read_apart("teachers", workbook(), DEFAULT_PROFILE, max_wait_seconds=0.02)


def test_waiting_is_no_work_of_the_file(monkeypatch: pytest.MonkeyPatch):
    """A process that stands still for three seconds on a limit of two is a machine that is busy elsewhere."""
    run = subprocess.run

    def stopped(command, **options):
        waits = "import runpy, sys, time; time.sleep(3); del sys.argv[0]; runpy.run_module(sys.argv[0], run_name='__main__')"
        return run([command[0], "-c", waits, *command[2:]], **options)

    monkeypatch.setattr(subprocess, "run", stopped)
    assert len(read_apart("teachers", workbook(), DEFAULT_PROFILE, max_cpu_seconds=2).rows) == 3


def test_files_that_arrive_together_take_turns(monkeypatch: pytest.MonkeyPatch):
    at_once: list[int] = []
    inside = 0
    guard = threading.Lock()
    run = subprocess.run

    def counted(*arguments, **options):
        nonlocal inside
        with guard:
            inside += 1
            at_once.append(inside)
        try:
            return run(*arguments, **options)
        finally:
            with guard:
                inside -= 1

    monkeypatch.setattr(subprocess, "run", counted)
    data = workbook()
    threads = [threading.Thread(target=read_apart, args=("teachers", data, DEFAULT_PROFILE)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(at_once) == 5 and max(at_once) <= AT_A_TIME


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on memory there")
def test_a_file_that_takes_too_much_memory_is_refused():
    data = workbook(4000)
    assert len(read_apart("teachers", data, DEFAULT_PROFILE).rows) == 4000
    with pytest.raises(Invalid, match="bộ nhớ"):
        read_apart("teachers", data, DEFAULT_PROFILE, max_memory_bytes=48 * 1024 * 1024)


def test_only_the_listed_readers_and_writers_can_be_called():
    with pytest.raises(ValueError, match="no reader"):
        read_apart("os:system", b"", DEFAULT_PROFILE)
    with pytest.raises(ValueError, match="no writer"):
        write_apart("students", ())


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
