"""Each messy file that a person would read with certainty reads to exactly the rows of the clean file."""

from __future__ import annotations

import time

import pytest

from hocbaso.exchange.rows import ScoreRow, StudentRow
from hocbaso.exchange.tables import read_assignments, read_scores, read_students, read_teachers
from hocbaso.regulations.terms import PassFail, ScoreOrigin
from tests.exchange import messy_workbooks as mw

PEOPLE_MESSES = {
    "decomposed": mw.decomposed,
    "blanks": mw.blanks_everywhere,
    "eth": mw.eth_for_d,
    "excel dates": mw.excel_dates,
    "dashes": mw.dates_with_dashes,
    "short dates": mw.short_dates,
    "iso dates": mw.iso_dates,
    "ids as numbers": mw.ids_as_numbers,
    "ids as floats": mw.ids_as_floats,
    "decomposed headers": mw.decomposed_headers,
    "upper headers": mw.upper_headers,
    "title rows": mw.title_rows,
    "empty rows": mw.empty_rows,
    "footer": mw.footer,
    "column numbers": mw.column_numbers,
    "header on each page": mw.header_on_each_page,
    "other order": mw.other_order,
    "split names": mw.split_names,
    "merged name block": mw.merged_name_block,
}
STUDENT_MESSES = PEOPLE_MESSES | {
    "hidden codes": mw.hidden_codes,
    "repeated rows": mw.repeated_rows,
    "parents in blocks": mw.parents_in_blocks,
    "ticks for girls": mw.ticks_for_girls,
    "a sheet a class": mw.a_sheet_a_class,
    "all at once": mw.everything(
        mw.repeated_rows,
        mw.hidden_codes,
        mw.other_order,
        mw.decomposed,
        mw.blanks_everywhere,
        mw.ids_as_numbers,
        mw.empty_rows,
        mw.title_rows,
        mw.footer,
        mw.decomposed_headers,
    ),
    "all at once, other": mw.everything(
        mw.excel_dates, mw.ids_as_floats, mw.parents_in_blocks, mw.title_rows, mw.empty_rows, mw.eth_for_d
    ),
}
SCORE_MESSES = {
    **{name: PEOPLE_MESSES[name] for name in PEOPLE_MESSES if name != "footer"},
    "footer": mw.footer,
    "hidden codes": mw.hidden_codes,
    "repeated rows": mw.repeated_rows,
    "decimal commas": mw.decimal_commas,
    "float noise": mw.float_noise,
    "words for marks": mw.words_for_marks,
    "lower marks": mw.lower_marks,
    "two-row header": mw.two_row_header,
    "unmerged": mw.two_row_header_unmerged,
    "three-row header": mw.three_row_header,
    "merged regular": mw.merged_regular_only,
    "other headers": mw.other_score_headers,
    "fifth regular": mw.fifth_regular_blank,
    "tight titles": mw.tight_title_rows,
    "tight titles, two rows": mw.everything(mw.tight_title_rows, mw.two_row_header),
    "tight titles, three rows": mw.everything(mw.tight_title_rows, mw.three_row_header),
    "one line title": mw.one_line_title,
    "only tab names": mw.only_tab_names,
    "all at once": mw.everything(
        mw.decimal_commas,
        mw.excel_dates,
        mw.ids_as_numbers,
        mw.repeated_rows,
        mw.decomposed,
        mw.blanks_everywhere,
        mw.empty_rows,
        mw.one_line_title,
        mw.two_row_header,
        mw.footer,
        mw.decomposed_headers,
    ),
    "all at once, other": mw.everything(
        mw.other_order,
        mw.hidden_codes,
        mw.other_score_headers,
        mw.float_noise,
        mw.ids_as_floats,
        mw.title_rows,
        mw.empty_rows,
    ),
}


@pytest.fixture(scope="module")
def clean_students() -> tuple[StudentRow, ...]:
    table = read_students(mw.clean_bytes("hoc-sinh.xlsx"))
    assert table.problems == ()
    return table.rows


@pytest.fixture(scope="module")
def clean_scores() -> tuple[ScoreRow, ...]:
    table = read_scores(mw.clean_bytes("diem-6A.xlsx"))
    assert table.problems == ()
    return table.rows


def test_clean_students_are_read_cell_for_cell(clean_students):
    draft = mw.take_apart("hoc-sinh.xlsx")[0]
    assert len(clean_students) == len(draft.rows) == 160
    for row, cells in zip(clean_students, draft.rows, strict=True):
        said = dict(zip(draft.headers[0], cells, strict=True))
        assert (row.class_name, row.code, row.full_name, row.personal_id, row.phone) == (
            said["Lớp"],
            said["Mã định danh Bộ GD&ĐT"],
            said["Họ và tên"],
            said["Số định danh cá nhân"],
            said["Điện thoại"],
        )
        assert f"{row.born_on:%d/%m/%Y}" == said["Ngày sinh"]
        assert (row.sex.value, row.register_number, row.residence) == (
            said["Giới tính"],
            said["Số sổ đăng bộ"],
            said["Chỗ ở hiện nay"],
        )
        assert (row.father_name, row.father_job, row.mother_name, row.mother_job) == (
            said["Họ tên cha"],
            said["Nghề nghiệp cha"],
            said["Họ tên mẹ"],
            said["Nghề nghiệp mẹ"],
        )
        assert (row.height_cm, row.weight_kg) == (said["Chiều cao (cm)"], said["Cân nặng (kg)"])
        assert (row.policy_category, row.home_town, row.ethnicity) == (
            said["Đối tượng chính sách"],
            said["Quê quán"],
            said["Dân tộc"],
        )


@pytest.mark.parametrize("name", ["diem-6A.xlsx", "diem-7A.xlsx", "diem-8A.xlsx", "diem-9A.xlsx"])
def test_clean_scores_are_read_cell_for_cell(name):
    table = read_scores(mw.clean_bytes(name))
    rows = iter(table.rows)
    n_cells = 0
    for draft in mw.take_apart(name):
        for cells in draft.rows:
            row = next(rows)
            said = dict(zip(draft.headers[0], cells, strict=True))
            assert (row.student_code, row.full_name, row.remark) == (
                said["Mã định danh Bộ GD&ĐT"],
                said["Họ và tên"],
                said["Nhận xét"],
            )
            assert (row.class_name, row.semester) == (draft.above[0][1], draft.above[0][7])
            marks = [said[header] for header in said if header.startswith("ĐĐGtx")] + [said["ĐĐGgk"], said["ĐĐGck"]]
            for cell, mark in zip((*row.regular, row.midterm, row.final), marks, strict=True):
                assert cell.origin is ScoreOrigin.ENTERED
                assert cell.value == (PassFail(mark) if isinstance(mark, str) else round(mark * 10))
                n_cells += 1
    assert next(rows, None) is None
    assert n_cells > 4500
    assert table.problems == ()


@pytest.mark.parametrize("name", STUDENT_MESSES)
def test_messy_students_read_as_the_clean_ones(name, clean_students):
    table = read_students(mw.messy("hoc-sinh.xlsx", STUDENT_MESSES[name]))
    assert [str(problem) for problem in table.errors] == []
    assert table.rows == clean_students


@pytest.mark.parametrize("name", SCORE_MESSES)
def test_messy_scores_read_as_the_clean_ones(name, clean_scores):
    table = read_scores(mw.messy("diem-6A.xlsx", SCORE_MESSES[name]))
    assert [str(problem) for problem in table.errors] == []
    assert table.rows == clean_scores


@pytest.mark.parametrize("name", PEOPLE_MESSES)
def test_messy_staff_reads_as_the_clean_one(name):
    clean = read_teachers(mw.clean_bytes("giao-vien.xlsx"))
    table = read_teachers(mw.messy("giao-vien.xlsx", PEOPLE_MESSES[name]))
    assert [str(problem) for problem in table.errors] == []
    assert table.rows == clean.rows
    assert len(clean.rows) == 18


@pytest.mark.parametrize(
    "name",
    [
        "decomposed",
        "blanks",
        "title rows",
        "empty rows",
        "footer",
        "column numbers",
        "other order",
        "upper headers",
        "header on each page",
    ],
)
def test_messy_assignments_read_as_the_clean_ones(name):
    clean = read_assignments(mw.clean_bytes("phan-cong.xlsx"))
    table = read_assignments(mw.messy("phan-cong.xlsx", PEOPLE_MESSES[name]))
    assert [str(problem) for problem in table.errors] == []
    assert table.rows == clean.rows
    assert {row.class_name: row.teacher_code for row in clean.rows if row.is_homeroom} == {
        "6A": "GV005",
        "7A": "GV006",
        "8A": "GV011",
        "9A": "GV007",
    }
    assert len(clean.rows) == 48


def test_a_repaired_id_says_so(clean_students):
    table = read_students(mw.messy("hoc-sinh.xlsx", mw.ids_as_numbers))
    notes = [problem for problem in table.warnings if problem.field == "Số định danh cá nhân"]
    assert len(notes) == 160
    assert notes[0].address == "Danh sách học sinh!K2"
    assert "036314473937" in notes[0].message_vi


def test_a_repeated_row_names_both_addresses():
    table = read_students(mw.messy("hoc-sinh.xlsx", mw.repeated_rows))
    notes = [problem for problem in table.warnings if "lặp lại" in problem.message_vi]
    assert [note.address for note in notes] == ["Danh sách học sinh!C162", "Danh sách học sinh!C163"]
    assert "Danh sách học sinh!C4" in notes[0].message_vi


def test_one_class_of_24_sheets_is_read_in_time():
    data = mw.clean_bytes("diem-6A.xlsx")
    started = time.process_time()
    read_scores(data)
    assert time.process_time() - started < 3


def test_namesakes_without_code_are_kept_apart_by_birth_date():
    data = mw.messy(
        "hoc-sinh.xlsx", mw.each_cell(lambda header, value: None if header.startswith("Mã định danh") else value)
    )
    table = read_students(data)
    assert len(table.rows) == 160
    assert table.errors == ()
