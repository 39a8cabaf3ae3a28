"""What is not certain is refused, at its cell, with a reason; nothing of that row is kept."""

from __future__ import annotations

import io
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from hocbaso.errors import Invalid
from hocbaso.exchange.tables import read_assignments, read_scores, read_students, read_teachers
from hocbaso.regulations.terms import ScoreOrigin
from tests.exchange import messy_workbooks as mw

CODE, ID = "Mã định danh Bộ GD&ĐT", "Số định danh cá nhân"

STUDENT_CASES = [
    ("Ngày sinh", "1/2/14", "hai chữ số"),
    ("Ngày sinh", "03/22/2014", "tháng lớn hơn 12"),
    ("Ngày sinh", "30/02/2014", "không có trong lịch"),
    ("Ngày sinh", "2014", "không phải là ngày"),
    ("Ngày sinh", 22032014, "không phải là ngày"),
    ("Ngày sinh", datetime(2014, 3, 22, 7, 30), "giờ phút"),
    ("Ngày sinh", None, "không được để trống"),
    ("Giới tính", "M", "Nam hoặc Nữ"),
    ("Giới tính", 1, "Nam hoặc Nữ"),
    (ID, "36314473937x", "12 chữ số"),
    (ID, 3631447393, "12 chữ số"),
    (ID, "03631447393", "12 chữ số"),
    (ID, 36313473937, "không khớp"),
    (CODE, "3.610000088E9", "lũy thừa"),
    (CODE, 3610000088.5, "chữ số"),
    ("Họ và tên", "NguyÔn V¨n An", "phông chữ"),
    ("Họ và tên", "Nguyễn Văn \u0410n", "U+0410"),
    ("Họ và tên", "Nguyễn Văn 龍", "U+9F8D"),
    ("Họ tên mẹ", "Trần Thị \u041eanh", "La-tinh"),
    ("Nơi sinh", "Ninh Bình 龍", "không in được"),
    ("Họ và tên", None, "không được để trống"),
    ("Lớp", "10A", "khối 6, 7, 8 hoặc 9"),
    ("Lớp", datetime(2026, 1, 6), "ngày tháng"),
    ("Điện thoại", "12345", "số điện thoại"),
    ("Chiều cao (cm)", "1,62", "từ 50 đến 230"),
]
SCORE_CASES = [
    (85, "8,5"),
    (10.5, "từ 0 đến 10"),
    (-1, "từ 0 đến 10"),
    (8.25, "một chữ số thập phân"),
    ("8,25", "nhiều hơn một chữ số"),
    ("85", "không chắc là điểm 8,5"),
    ("11", "không chắc"),
    ("10,5", "từ 0 đến 10"),
    ("8;5", "Không đọc được"),
    ("8 5", "không chắc là điểm 8,5"),
    ("tám", "Không đọc được"),
    ("-", "Không đọc được"),
    ("V", "có phép hay không phép"),
    ("vắng", "có phép hay không phép"),
    ("Đ", "điểm số"),
    (True, "không phải là số"),
    (datetime(2026, 5, 8), "ngày tháng"),
    ("=6+2", "công thức chưa được tính"),
    ("#N/A", "lỗi Excel"),
    ("8.5đ", "Không đọc được"),
]


@pytest.mark.parametrize(("header", "value", "reason"), STUDENT_CASES)
def test_an_unclear_student_cell_is_refused_by_address(header, value, reason):
    data = mw.messy("hoc-sinh.xlsx", mw.with_cell(0, 0, header, value))
    table = read_students(data)
    where = mw.take_apart("hoc-sinh.xlsx")[0].address(0, header)
    assert [(problem.address, problem.field) for problem in table.errors] == [(where, header)]
    assert reason in table.errors[0].message_vi
    assert len(table.rows) == 159


@pytest.mark.parametrize(("value", "reason"), SCORE_CASES)
def test_an_unclear_score_is_refused_by_address(value, reason):
    table = read_scores(mw.messy("diem-6A.xlsx", mw.with_cell(2, 8, "ĐĐGtx2", value), sheets=4))
    assert [(problem.address, problem.field) for problem in table.errors] == [("Toán HK1!F12", "ĐĐGtx2")]
    assert reason in table.errors[0].message_vi
    assert len(table.rows) == 159


@pytest.mark.parametrize("value", [8, "8,5", "KĐ", "đạt rồi"])
def test_a_comment_subject_takes_no_number(value):
    sheet = next(i for i, draft in enumerate(mw.take_apart("diem-6A.xlsx")) if draft.title == "GDTC HK1")
    table = read_scores(mw.messy("diem-6A.xlsx", mw.with_cell(sheet, 0, "ĐĐGgk", value)))
    assert [problem.address for problem in table.errors] == ["GDTC HK1!G4"]
    assert "Đ hoặc CĐ" in table.errors[0].message_vi


@pytest.mark.parametrize(
    ("header", "value"), [("Họ và tên", "Lê Thuỳ Anh Thư"), ("Ngày sinh", "23/03/2014"), ("Lớp", "7A")]
)
def test_one_code_with_two_contents_names_both_rows(header, value):
    def twice(book: mw.Book) -> mw.Book:
        book[0].rows.append(list(book[0].rows[0]))
        return mw.with_cell(0, 160, header, value)(book)

    table = read_students(mw.messy("hoc-sinh.xlsx", twice))
    errors = [problem for problem in table.errors if problem.address == "Danh sách học sinh!C162"]
    assert len(errors) == 1
    assert "Danh sách học sinh!C2" in errors[0].message_vi
    assert len(table.rows) == 159, "neither of the two is taken"


def test_a_pupil_repeated_in_a_score_sheet_with_other_scores_is_refused():
    def twice(book: mw.Book) -> mw.Book:
        book[0].rows.append(list(book[0].rows[3]))
        return mw.with_cell(0, 40, "ĐĐGck", 9.9)(book)

    table = read_scores(mw.messy("diem-6A.xlsx", twice, sheets=1))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK1!B44"]
    assert "Ngữ văn HK1!B7" in table.errors[0].message_vi


def test_without_codes_the_same_name_and_birth_date_twice_is_refused():
    def no_codes(book: mw.Book) -> mw.Book:
        book[0].rows.append(list(book[0].rows[0]))
        for row in book[0].rows:
            row[2] = None
        return mw.with_cell(0, 160, "Nơi sinh", "Hà Nội")(book)

    table = read_students(mw.messy("hoc-sinh.xlsx", no_codes))
    assert "Danh sách học sinh!E162" in [problem.address for problem in table.errors]


def _title(column: int, value: object, *, sheet: int = 2) -> mw.Mess:
    def mess(book: mw.Book) -> mw.Book:
        book[sheet].above[0][column] = value
        return book

    return mess


@pytest.mark.parametrize(
    ("column", "value", "address", "reason"),
    [
        (4, "Ngữ văn", "Toán HK1!A1", "mâu thuẫn"),
        (7, 2, "Toán HK1!A1", "mâu thuẫn"),
        (7, 3, "Toán HK1!H1", "1 hoặc 2"),
        (4, "Âm nhạc", "Toán HK1!E1", "một phần của môn Nghệ thuật"),
        (4, "Tiếng Pháp", "Toán HK1!E1", "Ngoại ngữ 1 hoặc Ngoại ngữ 2"),
        (1, "10A", "Toán HK1!B1", "khối 6, 7, 8 hoặc 9"),
    ],
)
def test_a_title_that_contradicts_or_makes_no_sense_is_refused(column, value, address, reason):
    table = read_scores(mw.messy("diem-6A.xlsx", _title(column, value), sheets=4))
    assert address in [problem.address for problem in table.errors]
    assert any(reason in problem.message_vi for problem in table.errors)


def test_a_class_column_that_contradicts_the_title_is_refused():
    def other_class(book: mw.Book) -> mw.Book:
        book[0].headers[0].append("Lớp")
        for row in book[0].rows:
            row.append("6A")
        book[0].rows[4][-1] = "6B"
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", other_class, sheets=1))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK1!L8"]


def test_nothing_says_the_semester():
    def anonymous(book: mw.Book) -> mw.Book:
        book[0].title, book[0].above[0][6:8] = "Sheet1", [None, None]
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", anonymous, sheets=1))
    assert [problem.field for problem in table.errors] == ["Học kì"]
    assert table.rows == ()


def test_two_sheets_for_one_subject_and_semester_are_refused():
    def copy_sheet(book: mw.Book) -> mw.Book:
        book[1].title, book[1].above[0][7] = "Ngữ văn HK1 (2)", 1
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", copy_sheet, sheets=2))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK1 (2)!A1"]


def test_two_columns_of_one_meaning_are_refused():
    def double(book: mw.Book) -> mw.Book:
        book[0].headers[0][-1] = "Cuối kì"
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", double, sheets=1))
    assert table.errors[0].address == "Ngữ văn HK1!K3"
    assert "Ngữ văn HK1!J3" in table.errors[0].message_vi


def test_a_score_column_without_a_header_is_refused():
    def nameless(book: mw.Book) -> mw.Book:
        book[0].headers[0][6] = None
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", nameless, sheets=1))
    assert any(problem.address == "Ngữ văn HK1!G4" for problem in table.errors)


def test_a_score_sheet_whose_header_is_gone_is_not_silently_passed_by():
    def headless(book: mw.Book) -> mw.Book:
        book[1].headers = []
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", headless, sheets=2))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK2!A1"]


def test_a_missing_column_is_named():
    def no_birth_dates(book: mw.Book) -> mw.Book:
        book[0].headers[0][5] = "Ghi chú"
        return book

    table = read_students(mw.messy("hoc-sinh.xlsx", no_birth_dates))
    assert [problem.message_vi for problem in table.errors] == ["thiếu cột “Ngày sinh”."]
    assert table.rows == ()


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(Invalid, match="Đây là danh sách học sinh, không phải bảng phân công"):
        read_assignments(mw.clean_bytes("hoc-sinh.xlsx"))
    with pytest.raises(Invalid, match="bảng điểm"):
        read_scores(mw.clean_bytes("phan-cong.xlsx"))
    with pytest.raises(Invalid, match="Không có mẫu tệp"):
        read_teachers(mw.clean_bytes("giao-vien.xlsx"), "vnedu")


def test_absence_and_exemption_marks_are_kept_apart_from_blank():
    marks = mw.everything(
        mw.with_cell(0, 0, "ĐĐGtx1", "VP"),
        mw.with_cell(0, 1, "ĐĐGgk", "vắng không phép"),
        mw.with_cell(0, 2, "ĐĐGck", None),
        *(mw.with_cell(0, 3, header, "Miễn") for header in ("ĐĐGtx1", "ĐĐGtx2", "ĐĐGtx3", "ĐĐGtx4", "ĐĐGgk", "ĐĐGck")),
    )
    table = read_scores(mw.messy("diem-6A.xlsx", marks, sheets=1))
    assert table.errors == ()
    rows = table.rows
    assert (rows[0].regular[0].origin, rows[0].regular[0].value) == (ScoreOrigin.MISSED_EXCUSED, None)
    assert rows[1].midterm.origin is ScoreOrigin.MISSED_UNEXCUSED
    assert rows[2].final.is_empty
    assert rows[3].exempt and rows[3].midterm.is_empty


def test_exempt_and_scored_at_once_is_refused():
    table = read_scores(mw.messy("diem-6A.xlsx", mw.with_cell(0, 0, "ĐĐGck", "M"), sheets=1))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK1!E4"]


def test_a_differing_average_is_warned_of_with_both_values():
    def averages(book: mw.Book) -> mw.Book:
        book[0].headers[0].append("ĐTBmhk")
        for row in book[0].rows:
            row.append(None)
        # (4.5 + 5.5 + 2.5 + 5 + 2 x 4.6 + 3 x 6.1) / 9 = 5.0; 10.9 is no score; (27 + 12.4 + 18.9) / 9 = 6.48 is right as 6.5
        book[0].rows[0][-1], book[0].rows[1][-1], book[0].rows[2][-1] = 5.1, 10.9, 6.5
        return book

    table = read_scores(mw.messy("diem-6A.xlsx", averages, sheets=1))
    assert table.errors == ()
    assert [problem.address for problem in table.warnings] == ["Ngữ văn HK1!L4", "Ngữ văn HK1!L5"]
    assert table.warnings[0].message_vi == "tệp ghi 5,1, tính theo các điểm thành phần được 5,0."
    assert "không so sánh được" in table.warnings[1].message_vi


def merged(column: str, first: int, last: int) -> mw.Mess:
    """Data rows ``first`` to ``last`` (from 0) of a column merged into one cell, as Excel does it: the first value stays."""

    def mess(book: mw.Book) -> mw.Book:
        top, bottom = (book[0].address(row, column).rpartition("!")[2] for row in (first, last))
        book[0].merges.append(f"{top}:{bottom}")
        for row in range(first + 1, last + 1):
            book[0].rows[row][book[0].column(column)] = None
        return book

    return mess


@pytest.mark.parametrize(
    ("read", "file", "column"),
    [
        (read_scores, "diem-6A.xlsx", "ĐĐGgk"),
        (read_students, "hoc-sinh.xlsx", "Chỗ ở hiện nay"),
        (read_students, "hoc-sinh.xlsx", "Lớp"),
        (read_teachers, "giao-vien.xlsx", "Tổ chuyên môn"),
        (read_assignments, "phan-cong.xlsx", "Số tiết/năm"),
    ],
)
def test_a_value_merged_over_several_rows_is_refused_for_each_of_them(read, file, column):
    table = read(mw.messy(file, merged(column, 1, 2), sheets=1))
    book = mw.take_apart(file, sheets=1)
    assert [problem.address for problem in table.errors] == [book[0].address(row, column) for row in (1, 2)]
    assert all("khối gộp" in problem.message_vi for problem in table.errors)


def test_a_class_merged_beside_all_its_scores_says_nothing_unclear():
    def with_class(book: mw.Book) -> mw.Book:
        book[0].headers[0].append("Lớp")
        for row in book[0].rows:
            row.append("6A")
        return merged("Lớp", 0, len(book[0].rows) - 1)(book)

    assert read_scores(mw.messy("diem-6A.xlsx", with_class, sheets=1)).errors == ()


def test_a_name_merged_over_columns_of_its_own_row_is_read():
    def wide(book: mw.Book) -> mw.Book:
        place = book[0].column("Họ và tên") + 1
        book[0].headers[0].insert(place, None)
        for number, row in enumerate(book[0].rows):
            row.insert(place, None)
            left = book[0].address(number, "Họ và tên").rpartition("!")[2]
            book[0].merges.append(f"{left}:{chr(ord(left[0]) + 1)}{left[1:]}")
        return book

    clean = read_scores(mw.messy("diem-6A.xlsx", lambda book: book, sheets=1))
    assert read_scores(mw.messy("diem-6A.xlsx", wide, sheets=1)).rows == clean.rows


def written_again(data: bytes, change) -> bytes:
    """The workbook after ``change`` has had it."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_name_of_staff_and_in_assignments_is_of_latin_letters():
    def russian(header: str) -> mw.Mess:
        return mw.with_cell(0, 1, header, "Đinh Khánh \u0421hâu")

    for read, file, header in (
        (read_teachers, "giao-vien.xlsx", "Họ và tên"),
        (read_assignments, "phan-cong.xlsx", "Giáo viên"),
    ):
        (problem,) = read(mw.messy(file, russian(header))).errors
        assert "U+0421" in problem.message_vi


@pytest.mark.parametrize("value", [40000, 41720])
def test_a_day_kept_as_a_bare_number_is_refused_where_days_count_from_1904(value):
    def from_1904(book) -> None:
        book.epoch = CALENDAR_MAC_1904
        book.worksheets[0]["F2"] = value
        book.worksheets[0]["F2"].number_format = "General"

    (problem,) = read_students(written_again(mw.clean_bytes("hoc-sinh.xlsx"), from_1904)).errors
    assert problem.address.endswith("!F2") and "1904" in problem.message_vi


def test_a_real_date_of_a_workbook_from_1904_is_the_day_that_was_typed():
    def from_1904(book) -> None:
        book.epoch = CALENDAR_MAC_1904
        book.worksheets[0]["F2"] = datetime(2014, 3, 22)
        book.worksheets[0]["F2"].number_format = "dd/mm/yyyy"

    table = read_students(written_again(mw.clean_bytes("hoc-sinh.xlsx"), from_1904))
    assert table.errors == () and table.rows[0].born_on == date(2014, 3, 22)


def test_a_mark_whose_format_shows_another_one_is_refused_at_its_cell():
    def comma_in_the_format(book) -> None:
        book.worksheets[0]["I4"] = 8
        book.worksheets[0]["I4"].number_format = '0","0'

    table = read_scores(written_again(mw.messy("diem-6A.xlsx", sheets=1), comma_in_the_format))
    assert [problem.address for problem in table.errors] == ["Ngữ văn HK1!I4"]
    assert len(table.rows) == len(read_scores(mw.messy("diem-6A.xlsx", sheets=1)).rows) - 1


def test_a_class_and_subject_with_two_teachers_is_refused():
    def second_teacher(book: mw.Book) -> mw.Book:
        book[0].rows.append([49, "6A", "Toán", 140, "GV009", "Nguyễn Xuân Vũ", None])
        return book

    table = read_assignments(mw.messy("phan-cong.xlsx", second_teacher))
    assert [problem.address for problem in table.errors] == ["Phân công!C50"]
    assert "Phân công!C3" in table.errors[0].message_vi


def test_two_homeroom_teachers_are_refused():
    table = read_assignments(mw.messy("phan-cong.xlsx", mw.with_cell(0, 1, "Chủ nhiệm", "X")))
    assert [problem.address for problem in table.errors] == ["Phân công!G3"]
