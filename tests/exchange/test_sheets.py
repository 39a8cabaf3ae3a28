"""What we write: text stays text, our own files read back the same, JSON lines as promised."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from decimal import Decimal

import openpyxl
import pytest

from hocbaso.errors import Invalid
from hocbaso.exchange.rows import ScoreCell
from hocbaso.exchange.sheets import (
    StatisticsTable,
    scores_jsonl,
    students_jsonl,
    write_scores,
    write_statistics,
    write_students,
)
from hocbaso.exchange.tables import read_scores, read_students
from hocbaso.regulations.terms import ScoreOrigin
from tests.exchange import messy_workbooks as mw

HOSTILE_TEXTS = [
    "=1+1",
    '=HYPERLINK("http://x")',
    "+84",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "=cmd|' /C calc'!A0",
    "a\x00b\x07",
    "#N/A",
]


def formulas(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(
            len(re.findall(rb"<f[ >/]", archive.read(part))) for part in archive.namelist() if "worksheets" in part
        )


@pytest.mark.parametrize("name", ["diem-6A.xlsx", "diem-9A.xlsx"])
def test_scores_go_out_and_come_back(name):
    rows = read_scores(mw.clean_bytes(name)).rows
    for profile in ("csdl-nganh", "hocbaso"):
        table = read_scores(write_scores(rows), profile)
        assert table.rows == rows
        assert table.problems == ()


def test_absence_exemption_and_gaps_come_back():
    rows = list(read_scores(mw.clean_bytes("diem-6A.xlsx")).rows[:4])
    empty = ScoreCell()
    rows[0] = replace(
        rows[0],
        midterm=ScoreCell(None, ScoreOrigin.MISSED_EXCUSED),
        final=ScoreCell(None, ScoreOrigin.MISSED_UNEXCUSED),
    )
    rows[1] = replace(rows[1], regular=(empty,) * 4, midterm=empty, final=empty, exempt=True)
    rows[2] = replace(rows[2], regular=(rows[2].regular[0], empty, empty, empty))
    table = read_scores(write_scores(rows))
    assert table.problems == ()
    assert list(table.rows) == rows


def test_two_classes_in_one_file_keep_their_own_sheets():
    rows = read_scores(mw.clean_bytes("diem-6A.xlsx")).rows[:80] + read_scores(mw.clean_bytes("diem-7A.xlsx")).rows[:80]
    table = read_scores(write_scores(rows))
    assert table.rows == rows
    assert [head.title for head in table.sheets][:2] == ["6A Ngữ văn HK1", "6A Ngữ văn HK2"]


def test_students_go_out_and_come_back():
    rows = read_students(mw.clean_bytes("hoc-sinh.xlsx")).rows
    table = read_students(write_students(rows), "hocbaso")
    assert table.rows == rows
    assert table.problems == ()


def test_the_own_profile_knows_only_our_headers():
    data = mw.messy("diem-6A.xlsx", mw.other_score_headers, sheets=1)
    assert len(read_scores(data).rows) == 40
    with pytest.raises(Invalid, match="dòng tiêu đề"):
        read_scores(data, "hocbaso")


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_no_text_becomes_a_formula(text):
    students = [
        replace(row, full_name=text, residence=text) for row in read_students(mw.clean_bytes("hoc-sinh.xlsx")).rows[:2]
    ]
    scores = [replace(row, remark=text, full_name=text) for row in read_scores(mw.clean_bytes("diem-6A.xlsx")).rows[:2]]
    report = write_statistics(text, [StatisticsTable(text, (text, "Số"), ((text, 3), (text, Decimal("7.5"))))])
    for data in (write_students(students), write_scores(scores), report):
        assert formulas(data) == 0
        sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
        assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


def test_the_look_of_a_sheet():
    data = write_scores(read_scores(mw.clean_bytes("diem-6A.xlsx")).rows[:40])
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert sheet.title == "Ngữ văn HK1"
    assert sheet.freeze_panes == "A4"
    assert [cell.value for cell in sheet[3]][:5] == ["STT", "Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "ĐĐGtx1"]
    assert sheet["D4"].number_format == "dd/mm/yyyy"
    assert sheet["E4"].number_format == "0.0"
    assert sheet.column_dimensions["C"].width > 15
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"<v>4.5</v>" in archive.read("xl/worksheets/sheet1.xml")


def test_statistics_sheets_have_legal_unique_names():
    table = StatisticsTable("Kết quả học tập: khối 6/7 [cả năm] theo từng lớp", ("Lớp", "Tốt"), (("6A", 12),))
    book = openpyxl.load_workbook(io.BytesIO(write_statistics("Báo cáo", [table, table])))
    assert len(set(book.sheetnames)) == 2
    assert all(len(name) <= 31 for name in book.sheetnames)
    assert book.worksheets[0]["B5"].value == 12


def test_score_lines_are_as_promised():
    rows = list(read_scores(mw.clean_bytes("diem-6A.xlsx")).rows)
    lines = [json.loads(line) for line in scores_jsonl(rows)]
    assert lines[0] == {
        "student": "3610000088",
        "class": "6A",
        "subject": "Ngữ văn",
        "semester": 1,
        "regular": ["4.5", "5.5", "2.5", "5.0"],
        "midterm": "4.6",
        "final": "6.1",
        "remark": "Cần chăm làm bài tập hơn.",
    }
    comment = next(line for line in lines if line["subject"] == "Giáo dục thể chất")
    assert set(comment["regular"]) <= {"Đ", "CĐ"}
    rows[0] = replace(rows[0], midterm=ScoreCell(None, ScoreOrigin.MISSED_EXCUSED), final=ScoreCell(), exempt=False)
    line = json.loads(next(scores_jsonl(rows)))
    assert (line["midterm"], line["final"], line["origins"]) == (None, None, {"midterm": "missed_excused"})


def test_student_lines_carry_the_personal_fields():
    rows = read_students(mw.clean_bytes("hoc-sinh.xlsx")).rows
    line = json.loads(next(students_jsonl(rows)))
    assert (line["student"], line["class"], line["full_name"], line["born_on"], line["sex"], line["personal_id"]) == (
        "3610000088",
        "6A",
        "Lê Thùy Anh",
        "2014-03-22",
        "Nữ",
        "036314473937",
    )
    assert line["height_cm"] == "162"
    assert "register_number" in line and "mother_job" in line
