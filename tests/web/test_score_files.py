"""The pages of a sheet's files: take home, hand in, look, write, take back; and files that mean no good."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid
from hocbaso.exchange.workbook_guard import check_workbook
from hocbaso.exchange.workbook_process import LIMITS, read_apart
from tests.cast import Cast
from tests.exchange.test_workbook_guard import bomb, many_tiny_cells, repacked
from tests.services.test_score_files import NAMES, edited, put, stripped

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture(autouse=True)
def school_day(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cast's present day, inside grade 9's window."""
    monkeypatch.setattr(clock, "now", lambda: school.now)


@pytest.fixture
def here(school: Cast) -> str:
    return f"/bang-diem/{school.sheets['9A', 'MATH', 2]}/excel"


def send(client: Any, here: str, data: bytes, name: str = "toan.xlsx", **headers: str) -> Any:
    return client.post(
        here, data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data", headers=headers
    )


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def n_cells() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(m.ScoreCell)) or 0


def test_the_whole_way_on_the_pages(school: Cast, client_of: Any, here: str) -> None:
    client = client_of("math")
    grid = text(client.get(here.removesuffix("/excel")))
    assert f'href="{here}/tai"' in grid and f'href="{here}"' in grid
    assert "Mẫu LMS-VN" in text(client.get(here))
    got = client.get(f"{here}/tai")
    assert (got.mimetype, got.headers["Cache-Control"]) == (XLSX, "no-store")
    assert (
        "Toan%20HK2" not in got.headers["Content-Disposition"]
        and "To%C3%A1n%20HK2%209A" in got.headers["Content-Disposition"]
    )
    shown = send(client, here, edited(got.data, put("ĐĐGtx1", NAMES[0], 9), put("ĐĐGgk", NAMES[1], 85)))
    assert shown.status_code == 303
    page = text(client.get(shown.location))
    assert "Ghi 1 ô" in page and "<ins>9,0</ins>" in page and "J9" in page and "từ 0 đến 10" in page
    assert n_cells() == 0
    assert client.post(f"{shown.location}/ghi").status_code == 303
    assert n_cells() == 1
    done = text(client.get(shown.location))
    assert "Đã ghi 1 ô" in done and "Hoàn tác cả lần nộp này" in done and "/ghi" in done
    assert "toan.xlsx" in text(client.get(here))
    assert client.post(f"{shown.location}/hoan-tac").status_code == 303
    assert "Đã hoàn tác 1 ô" in text(client.get(shown.location))
    history = text(client.get(f"{here.removesuffix('/excel')}/o/{school.enrollments['9A', NAMES[0]]}/TX1/lich-su"))
    assert "nhập từ tệp" in history and "hoàn tác" in history


def test_a_blank_and_a_conflict_wait_for_a_tick(school: Cast, client_of: Any, here: str) -> None:
    client = client_of("math")
    sheet = here.removesuffix("/excel")
    first, second = (school.enrollments["9A", name] for name in NAMES[:2])
    for pupil in (first, second):
        client.post(f"{sheet}/o/{pupil}/TX1", data={"value": "8", "version": "0"})
    data = edited(client.get(f"{here}/tai").data, put("ĐĐGtx1", NAMES[0], None), put("ĐĐGtx1", NAMES[1], 5))
    client.post(f"{sheet}/o/{second}/TX1", data={"value": "6", "version": "1"})
    where = send(client, here, data).location
    page = text(client.get(where))
    assert "Xoá số này" in page and "Lấy số trong tệp" in page and " checked" not in page
    assert re.search(r"số trong sổ: Trịnh Thu Hà", page)
    nothing = client.post(f"{where}/ghi")
    assert nothing.status_code == 422 and "Chưa chọn ô nào" in text(nothing)
    forged = client.post(f"{where}/ghi", data={"chon": f"{first}-GK"})
    assert forged.status_code == 422
    assert client.post(f"{where}/ghi", data={"chon": [f"{first}-TX1", f"{second}-TX1"]}).status_code == 303
    db.session.rollback()
    stored = dict(
        db.session.execute(select(m.ScoreCell.enrollment_id, m.ScoreCell.tenths).where(m.ScoreCell.column_key == "TX1"))
        .tuples()
        .all()
    )
    assert stored == {first: None, second: 50}


def test_a_refusal_is_told_on_the_form_in_place(client_of: Any, here: str) -> None:
    client = client_of("math")
    for headers in ({}, {"HX-Request": "true"}):
        answer = send(client, here, b"khong phai excel", "diem.csv", **headers)
        page = text(answer)
        assert answer.status_code == 422 and "không phải là sổ Excel" in page and 'id="upload_form"' in page
        assert ("<html" in page) is not headers
    empty = client.post(here, data={}, content_type="multipart/form-data")
    assert empty.status_code == 422 and "Xin chọn tệp" in text(empty)


def test_what_stands_in_a_file_is_text_on_the_page(client_of: Any, here: str) -> None:
    client = client_of("math")
    nasty = '<script>alert("x")</script>'
    data = edited(client.get(f"{here}/tai").data, put("ĐĐGtx1", NAMES[0], nasty), put("Nhận xét", NAMES[1], nasty))
    page = text(client.get(send(client, here, data, f"{nasty}.xlsx").location))
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_a_file_that_does_not_say_what_it_is_asks_first(client_of: Any, here: str) -> None:
    client = client_of("math")

    def silent(sheet: Any) -> None:
        for row in range(1, 4):
            sheet.cell(row, 1).value = None
        sheet.title = "Bảng"
        sheet.delete_cols(2)  # Lớp

    data = stripped(edited(client.get(f"{here}/tai").data), put("ĐĐGtx1", NAMES[0], 9), silent)
    where = send(client, here, data).location
    assert 'name="dung-tep"' in text(client.get(where))
    assert client.post(f"{where}/ghi").status_code == 422
    assert client.post(f"{where}/ghi", data={"dung-tep": "1"}).status_code == 303
    assert n_cells() == 1


def test_a_locked_sheet_offers_no_upload(school: Cast, client_of: Any, here: str) -> None:
    client = client_of("math")
    other = here.replace(str(school.sheets["9A", "MATH", 2]), str(school.sheets["9A", "MATH", 1]))
    page = text(client.get(other))
    assert "nhập điểm từ" in page and 'type="file"' not in page
    answer = send(client, other, client.get(f"{other}/tai").data)
    assert answer.status_code == 409


# --- files that mean no good ---------------------------------------------------------------------------------------------


def sheet_part(body: str) -> bytes:
    head = '<?xml version="1.0"?>{}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    doctype, _, rest = body.partition("|")
    return (head.format(doctype) + rest + "</worksheet>").encode()


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
ENTITY = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def ten_thousand_rows() -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Toán HK2")
    sheet.append(["STT", "Họ và tên", "ĐĐGtx1"])
    for number in range(10_000):
        sheet.append([number, NAMES[number % 5], 5])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def many_cells_in_35_kb() -> bytes:
    """Under every limit of the guard: 3.5 MB unpacked, 98 times its size. A parser would work on it for two seconds."""
    filled = '<c t="inlineStr"><is><t>x</t></is></c>' * 60
    rows = "".join(f"<row>{filled}<c><v>{number * 7919 % 100003 / 100003}</v></c></row>" for number in range(1500))
    return repacked({SHEET: sheet_part(f"|<sheetData>{rows}</sheetData>")})


HOSTILE = {
    "many cells in 35 kB": many_cells_in_35_kb,
    "bomb": bomb,
    "many tiny cells": many_tiny_cells,
    "billion laughs": lambda: repacked({SHEET: sheet_part(LAUGHS + "|<sheetData/>")}),
    "external entity": lambda: repacked({SHEET: sheet_part(ENTITY + "|<sheetData/>")}),
    "huge dimension": lambda: repacked({SHEET: sheet_part('|<dimension ref="A1:XFD1048576"/><sheetData/>')}),
    "last cell of all": lambda: repacked(
        {SHEET: sheet_part('|<sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')}
    ),
    "ten thousand rows": ten_thousand_rows,
    "macro": lambda: repacked({"xl/vbaProject.bin": b"x"}),
    "external link": lambda: repacked({"xl/externalLinks/externalLink1.xml": b"<x/>"}),
    "encrypted": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
    "old xls": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "csv": lambda: "STT,Họ và tên,ĐĐGtx1\n1,Hoàng Thanh Bình,8".encode(),
    "pdf": lambda: b"%PDF-1.7\n",
    "empty": lambda: b"",
    "broken": lambda: bomb()[:2000],
    "only a picture": lambda: repacked({SHEET: None}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words(name: str, client_of: Any, here: str) -> None:
    answer = send(client_of("math"), here, HOSTILE[name]())
    page = text(answer)
    assert answer.status_code == 422 and ("Chưa đọc được tệp" in page), page[-2000:]
    assert "Traceback" not in page and n_cells() == 0


def test_a_file_named_wrongly_is_read_for_what_it_is(client_of: Any, here: str) -> None:
    client = client_of("math")
    assert send(client, here, client.get(f"{here}/tai").data, "../../etc/diem.txt").status_code == 303


def test_the_process_that_answers_never_loads_openpyxl(tmp_path: Path) -> None:
    script = (
        "import sys, hocbaso.factory, pkgutil, importlib, hocbaso.web as web\n"
        "[importlib.import_module('hocbaso.web.' + one.name) for one in pkgutil.iter_modules(web.__path__)]\n"
        "import hocbaso.services.import_scores\n"
        "print('openpyxl' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (run.returncode, run.stdout.strip()) == (0, b"False"), run.stderr[-2000:]


def test_a_bomb_of_41_kb_costs_neither_time_nor_memory() -> None:
    """In a process of its own, that starts no other: seconds, and bytes on top of what it held before."""
    data = bomb()
    assert 30_000 < len(data) < 60_000
    script = (
        "import resource, sys, time\n"
        "from hocbaso.errors import Invalid\n"
        "from hocbaso.exchange.workbook_process import read_apart\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "started = time.process_time()\n"
        "try:\n    read_apart('score_file', data, 'scored')\nexcept Invalid: pass\n"
        "print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,"
        " resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, timeout=60)
    seconds, kib, children = (float(one) for one in run.stdout.split())
    print(f"bomb of {len(data)} bytes: {seconds:.3f} s of work, {kib / 1024:.1f} MB more")
    assert seconds < 1 and kib < 100 * 1024 and children == 0


def test_a_file_that_only_just_passes_the_guard_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    data = many_cells_in_35_kb()
    assert len(data) < 60_000
    check_workbook(data)  # the guard by itself lets it in

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(Invalid, match="quá nhiều ô"):
        read_apart("score_file", data, "scored")


def test_the_sheets_of_a_whole_school_in_one_workbook_pass() -> None:
    book = openpyxl.Workbook(write_only=True)
    for number in range(24):
        sheet = book.create_sheet(f"Lớp {number}")
        for _ in range(50):
            sheet.append(["Nguyễn Thị Hà"] + [8.5] * 15)
    out = io.BytesIO()
    book.save(out)
    check_workbook(out.getvalue(), LIMITS["score_file"])


def test_a_class_of_45_is_quick(school: Cast, client_of: Any, here: str) -> None:
    """Generous by the clock, for a loaded machine; the figures are printed."""
    from tests.browser.grid_site import grow

    grow(school, 45)
    client = client_of("math")
    started = time.perf_counter()
    got = client.get(f"{here}/tai")
    taken = time.perf_counter() - started

    def fill(sheet: Any) -> None:
        for row in range(8, 53):
            for place in range(6, 12):
                sheet.cell(row, place).value = 8.5
            sheet.cell(row, 12).value = "Có nhiều cố gắng trong học kì."

    data = edited(got.data, fill)
    started = time.perf_counter()
    where = send(client, here, data).location
    page = client.get(where)
    looked = time.perf_counter() - started
    started = time.perf_counter()
    assert client.post(f"{where}/ghi").status_code == 303
    written = time.perf_counter() - started
    print(f"45 x 7: download {taken:.2f} s ({len(got.data)} bytes), dry run {looked:.2f} s, write {written:.2f} s")
    assert "Ghi 315 ô" in text(page) and n_cells() == 315
    assert taken < 15 and looked < 15


def test_parts_of_a_file_are_small(client_of: Any, here: str) -> None:
    with zipfile.ZipFile(io.BytesIO(client_of("math").get(f"{here}/tai").data)) as parts:
        assert sum(entry.file_size for entry in parts.infolist()) < 200_000
