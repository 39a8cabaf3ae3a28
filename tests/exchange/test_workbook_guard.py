"""Hostile files are refused before anything opens them, fast and in little memory."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import time
import zipfile

import openpyxl
import pytest

from hocbaso.errors import Invalid
from hocbaso.exchange.sheet_reader import read_workbook
from hocbaso.exchange.tables import read_scores, read_students
from hocbaso.exchange.workbook_guard import WorkbookLimits, check_workbook
from tests.exchange import messy_workbooks as mw

SHEET = "xl/worksheets/sheet1.xml"
HEAD = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def repacked(changes: dict[str, bytes | None], *, name: str = "phan-cong.xlsx") -> bytes:
    """The sample with parts replaced, added or (None) left out."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(mw.clean_bytes(name))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.namelist():
            if part not in changes:
                target.writestr(part, source.read(part))
        for part, content in changes.items():
            if content is not None:
                target.writestr(part, content)
    return out.getvalue()


def original(part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(mw.clean_bytes("phan-cong.xlsx"))) as source:
        return source.read(part)


def bomb() -> bytes:
    row = "".join(f'<c r="{letter}1" t="inlineStr"><is><t>x</t></is></c>' for letter in "ABCDEFGH")
    return repacked(
        {SHEET: (HEAD + "<sheetData>" + f"<row>{row}</row>" * 33_000 + "</sheetData></worksheet>").encode()}
    )


def many_tiny_cells() -> bytes:
    """Under every size limit, but a parser would build two million cells; junk keeps the ratio low."""
    import random

    junk = random.Random(1).randbytes(150_000)
    body = (HEAD + '<sheetData><row r="1">' + "<c/>" * 2_000_000 + "</row></sheetData></worksheet>").encode()
    return repacked({SHEET: body, "xl/media/image1.bin": junk})


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    + HEAD[21:].encode()
    + b"&b;</worksheet>"
)

HOSTILE = {
    "bomb": (bomb, "bung ra"),
    "many tiny cells": (many_tiny_cells, "quá nhiều ô"),
    "billion laughs": (lambda: repacked({SHEET: LAUGHS}), "DOCTYPE"),
    "laughs in UTF-16": (lambda: repacked({SHEET: LAUGHS.decode().encode("utf-16")}), "DOCTYPE"),
    "laughs in EBCDIC": (lambda: repacked({SHEET: LAUGHS.decode().encode("cp037")}), "không phải là XML"),
    "laughs in the strings": (lambda: repacked({"xl/sharedStrings.xml": LAUGHS}), "DOCTYPE"),
    "slip": (lambda: repacked({"../../etc/cron.d/x": b"x"}), "trỏ ra ngoài"),
    "slip with backslashes": (lambda: repacked({"..\\..\\x": b"x"}), "trỏ ra ngoài"),
    "absolute path": (lambda: repacked({"/etc/x": b"x"}), "trỏ ra ngoài"),
    "macro": (lambda: repacked({"xl/vbaProject.bin": b"\xd0\xcf"}), "macro"),
    "macro by type": (
        lambda: repacked(
            {
                "[Content_Types].xml": original("[Content_Types].xml").replace(
                    b"spreadsheetml.sheet.main", b"sheet.macroEnabled.main"
                )
            }
        ),
        "macro",
    ),
    "Excel 4 macro": (lambda: repacked({"xl/macrosheets/sheet1.xml": b"<x/>"}), "macro"),
    "external link": (lambda: repacked({"xl/externalLinks/externalLink1.xml": b"<x/>"}), "liên kết sang sổ Excel khác"),
    "encrypted": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "mật khẩu",
    ),
    "old xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "Workbook".encode("utf-16-le"), "kiểu cũ"),
    "million rows declared": (
        lambda: repacked({SHEET: original(SHEET).replace(b'ref="A1:G49"', b'ref="A1:G1048576"')}),
        "1.048.576 dòng",
    ),
    "row a million": (
        lambda: repacked(
            {
                SHEET: original(SHEET).replace(
                    b"</sheetData>", b'<row r="1000000"><c r="A1000000"><v>1</v></c></row></sheetData>'
                )
            }
        ),
        "dòng 1000000",
    ),
    "csv": (lambda: "STT;Họ và tên\n1;A".encode(), "không phải là sổ Excel"),
    "html named xlsx": (lambda: b"<html><table></table></html>", "không phải là sổ Excel"),
    "another zip": (lambda: repacked({"xl/workbook.xml": None}), "không phải là sổ Excel"),
    "empty": (lambda: b"", "rỗng"),
    "cut short": (lambda: mw.clean_bytes("diem-6A.xlsx")[:40_000], "hỏng"),
    "part broken": (lambda: repacked({"xl/workbook.xml": b"<workbook"}), "hỏng"),
    "too heavy": (lambda: b"PK\x03\x04" + b"\0" * (2 * 1024 * 1024), "vượt giới hạn"),
    "too many parts": (lambda: repacked({f"xl/x{number}.xml": b"<x/>" for number in range(250)}), "phần bên trong"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words_and_in_time(name):
    build, reason = HOSTILE[name]
    data = build()
    started = time.process_time()
    with pytest.raises(Invalid, match=reason):
        read_workbook(data)
    assert time.process_time() - started < 1


def test_the_bomb_is_what_it_claims_to_be():
    data = bomb()
    assert len(data) < 120_000
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.getinfo(SHEET).file_size > 12_000_000


@pytest.mark.parametrize("name", ["bomb", "billion laughs", "many tiny cells", "million rows declared"])
def test_a_hostile_file_takes_little_memory(name, tmp_path):
    path = tmp_path / "x.xlsx"
    path.write_bytes(HOSTILE[name][0]())
    script = (
        "import resource, sys\n"
        "from hocbaso.errors import Invalid\n"
        "from hocbaso.exchange.sheet_reader import read_workbook\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_workbook(data)\nexcept Invalid:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100 * 1024


def test_all_samples_pass():
    for name in ("hoc-sinh.xlsx", "giao-vien.xlsx", "phan-cong.xlsx", "diem-6A.xlsx"):
        check_workbook(mw.clean_bytes(name))


def test_mail_links_in_the_staff_list_are_harmless():
    book = openpyxl.load_workbook(mw.SAMPLES / "hoc-sinh.xlsx")
    book.active["S2"].hyperlink = "mailto:a@thcs.example"
    out = io.BytesIO()
    book.save(out)
    assert len(read_students(out.getvalue()).rows) == 160


def test_limits_are_arguments():
    with pytest.raises(Invalid, match="vượt giới hạn"):
        check_workbook(mw.clean_bytes("diem-6A.xlsx"), WorkbookLimits(max_bytes=10_000))


def test_a_wrong_declared_dimension_hides_no_rows():
    data = repacked({SHEET: original(SHEET).replace(b'ref="A1:G49"', b'ref="A1"')})
    (sheet,) = read_workbook(data)
    assert len(sheet.rows) == 49


def test_a_calculated_formula_is_its_value_and_an_uncalculated_one_is_not_blank():
    cell = b'<c r="D2" t="n"><v>140</v></c>'
    assert cell in original(SHEET)
    calculated = repacked({SHEET: original(SHEET).replace(cell, b'<c r="D2"><f>70+70</f><v>140</v></c>')})
    assert read_workbook(calculated)[0].value(2, 4) == 140
    waiting = repacked({SHEET: original(SHEET).replace(cell, b'<c r="D2"><f>70+70</f><v></v></c>')})
    assert "công thức" in str(read_workbook(waiting)[0].value(2, 4))


def test_memory_of_the_honest_file_stays_small():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_scores(mw.clean_bytes("diem-9A.xlsx"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
