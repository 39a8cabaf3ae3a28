"""The round trip of one score sheet: download, fill in, hand in, look, write, take back. Nothing is guessed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import column_index_from_string
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.exchange.score_file_reader import read_score_file
from hocbaso.exchange.score_file_writer import write_score_file
from hocbaso.services import (
    audit_verify,
    imports,
    score_entry,
    score_file_download,
    score_file_import,
    score_history,
)
from hocbaso.services.score_file_import import ShownFile
from tests.cast import NOW, Cast

NAMES = ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành")
Edit = Callable[[Any], object]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes a test are two seconds; that they do the same is for tests/exchange and for the page's own test."""

    def read(kind: str, data: bytes, profile: str) -> Any:
        return read_score_file(data, profile)

    monkeypatch.setattr(score_file_import, "read_apart", read)
    monkeypatch.setattr(score_file_download, "write_apart", lambda kind, content: write_score_file(content))


def sheet_id(school: Cast, code: str = "MATH", semester: int = 2, class_name: str = "9A") -> int:
    return school.sheets[class_name, code, semester]


def download(school: Cast, template: str = "csdl-mau-1", who: str = "math", code: str = "MATH") -> bytes:
    return score_file_download.download(school.actor(who), sheet_id(school, code), NOW, template).data


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def edited(data: bytes, *edits: Edit) -> bytes:
    """The file saved again by another program, with edits of its first sheet."""
    book = opened(data)
    for edit in edits:
        edit(book.worksheets[0])
    return saved(book)


def header_row(sheet: Any) -> int:
    for row in sheet.iter_rows():
        for cell in row:
            if cell.value == "Họ và tên":
                return int(cell.row)
    raise AssertionError("no heading")


def column(sheet: Any, heading: str) -> int:
    row = header_row(sheet)
    for lower in (row, row + 1):
        for cell in sheet[lower]:
            if cell.value == heading:
                return int(cell.column)
    raise AssertionError(f"no column {heading}")


def cell(sheet: Any, heading: str, name: str) -> Any:
    names = column(sheet, "Họ và tên")
    for row in range(header_row(sheet) + 1, sheet.max_row + 1):
        if sheet.cell(row, names).value == name:
            return sheet.cell(row, column(sheet, heading))
    raise AssertionError(f"no line of {name}")


def put(heading: str, name: str, value: Any) -> Edit:
    def edit(sheet: Any) -> None:
        cell(sheet, heading, name).value = value

    return edit


def hand_in(school: Cast, data: bytes, who: str = "math", code: str = "MATH") -> ShownFile:
    batch = score_file_import.preview(school.actor(who), sheet_id(school, code), data, "toan.xlsx", NOW)
    return score_file_import.open_file(school.actor(who), sheet_id(school, code), batch, NOW)


def write(school: Cast, shown: ShownFile, *chosen: str, confirmed: bool = False, who: str = "math") -> ShownFile:
    return score_file_import.apply_file(
        school.actor(who), shown.head.id, shown.batch_id, chosen, NOW, confirmed=confirmed
    )


def type_in(
    school: Cast, raw: str, name: str = NAMES[0], key: str = "TX1", who: str = "math", code: str = "MATH"
) -> None:
    db.session.commit()
    seen = db.session.scalar(
        select(m.ScoreCell.version).where(
            m.ScoreCell.score_sheet_id == sheet_id(school, code),
            m.ScoreCell.enrollment_id == school.enrollments["9A", name],
            m.ScoreCell.column_key == key,
        )
    )
    score_entry.save_cell(
        school.actor(who),
        sheet_id(school, code),
        school.enrollments["9A", name],
        key,
        raw,
        expected_version=seen or 0,
        op_id=None,
        now=NOW,
    )


def stored(school: Cast, name: str, key: str, code: str = "MATH") -> tuple[Any, ...] | None:
    db.session.commit()
    db.session.expire_all()
    row = db.session.scalar(
        select(m.ScoreCell).where(
            m.ScoreCell.score_sheet_id == sheet_id(school, code),
            m.ScoreCell.enrollment_id == school.enrollments["9A", name],
            m.ScoreCell.column_key == key,
        )
    )
    return None if row is None else (row.tenths if row.mark is None else row.mark, row.origin, row.version)


def planned(cells: Any) -> list[tuple[str, str, str, str]]:
    return [(one.student, one.column, one.before, one.after) for one in cells]


def fill_a_little(school: Cast) -> None:
    """One value of each kind that a scored sheet can hold."""
    for name, key, raw in (
        (NAMES[0], "TX1", "8,5"),
        (NAMES[0], "TX2", "10"),
        (NAMES[1], "TX1", "vk"),
        (NAMES[2], "TX1", "vp"),
        (NAMES[3], "GK", "0"),
        (NAMES[3], "NX", "=1+1 cố gắng\nhơn nữa"),
        (NAMES[4], "CK", "7"),
    ):
        type_in(school, raw, name, key)


def exempt(school: Cast, name: str) -> None:
    with write_transaction() as session:
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments["9A", name],
                subject_id=session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH")),
                semester=None,
                state="GRANTED",
                reason="Giấy xác nhận",
                proposed_by=school.accounts["math"],
                proposed_at=NOW,
            )
        )


# --- unchanged ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["csdl-mau-1", "csdl-mau-2", "csdl-nhan-xet", "lms-vn"])
def test_a_file_handed_in_as_it_came_changes_nothing(school: Cast, template: str) -> None:
    fill_a_little(school)
    shown = hand_in(school, download(school, template))
    plan = shown.plan
    assert (plan.writes, plan.conflicts, plan.clears, plan.refused, plan.notes) == ((), (), (), (), ())
    assert plan.n_same > 0 and not shown.can_apply


def test_another_program_that_saves_the_file_changes_nothing(school: Cast) -> None:
    fill_a_little(school)
    exempt(school, NAMES[1])

    def unhide(sheet: Any) -> None:
        for place in list(sheet.column_dimensions):
            sheet.column_dimensions[place].hidden = False
        for row in list(sheet.row_dimensions):
            sheet.row_dimensions[row].hidden = False

    plan = hand_in(school, edited(download(school), unhide)).plan
    assert (plan.writes, plan.clears, plan.refused) == ((), (), ())


def test_without_any_hidden_part_it_is_read_by_headings_and_names(school: Cast) -> None:
    fill_a_little(school)
    plan = hand_in(school, stripped(download(school), put("ĐĐGgk", NAMES[0], 6.5))).plan
    assert planned(plan.writes) == [(NAMES[0], "giữa kì", "", "6,5")]
    assert (plan.clears, plan.refused, plan.unsure) == ((), (), "")


def stripped(data: bytes, *edits: Edit, codes: bool = False) -> bytes:
    """Without hidden sheet, row and column, as a program may leave it that copies what it shows; ``codes``: nor pupils' codes."""

    def strip(sheet: Any) -> None:
        for edit in edits:
            edit(sheet)
        unmerge(sheet)
        row = header_row(sheet)
        sheet.delete_cols(column(sheet, "Mã dòng"))
        if codes:
            sheet.delete_cols(column(sheet, "Mã định danh Bộ GD&ĐT"))
        sheet.delete_rows(row - 1)

    book = opened(data)
    strip(book.worksheets[0])
    del book["hocbaso"]
    book.security = None
    return saved(book)


# --- what it looks like ------------------------------------------------------------------------------------------------


def test_the_file_has_the_official_headings_and_opens_only_what_may_be_typed(school: Cast) -> None:
    exempt(school, NAMES[1])
    with write_transaction() as session:
        session.get(m.Enrollment, school.enrollments["9A", NAMES[2]]).status = "transferred_out"  # type: ignore[union-attr]
    book = opened(download(school))
    sheet = book.worksheets[0]
    row = header_row(sheet)
    headings = [cell.value for cell in sheet[row]]
    assert headings == [
        "STT",
        "Lớp",
        "Mã định danh Bộ GD&ĐT",
        "Họ và tên",
        "Ngày sinh",
        "ĐĐGtx1",
        "ĐĐGtx2",
        "ĐĐGtx3",
        "ĐĐGtx4",
        "ĐĐGgk",
        "ĐĐGck",
        "Nhận xét",
        "Mã dòng",
    ]
    assert sheet.protection.sheet and book.security.lockStructure
    open_cells = {cell.coordinate for line in sheet.iter_rows() for cell in line if not cell.protection.locked}
    expected = {
        cell(sheet, heading, name).coordinate for name in (NAMES[0], NAMES[3], NAMES[4]) for heading in headings[5:12]
    }
    assert open_cells == expected
    assert cell(sheet, "ĐĐGgk", NAMES[1]).value == "Miễn"
    assert sheet.freeze_panes == f"E{row + 1}"
    assert sheet.column_dimensions["M"].hidden and sheet.row_dimensions[row - 1].hidden
    assert (sheet.page_setup.paperSize, sheet.page_setup.orientation, sheet.page_setup.fitToWidth) == (
        9,
        "landscape",
        1,
    )
    assert book["hocbaso"].sheet_state == "veryHidden"
    rules = {str(rule.sqref).split(":")[0][0]: rule for rule in sheet.data_validations.dataValidation}
    assert rules["F"].type == "custom" and f"F{row + 1}<=10" in rules["F"].formula1 and "VK" in rules["F"].error
    assert rules["L"].type == "textLength" and all(rule.showErrorMessage for rule in rules.values())


def test_a_comment_subject_offers_its_marks_in_a_list(school: Cast) -> None:
    sheet = opened(download(school, who="other", code="PE")).worksheets[0]
    assert {rule.formula1 for rule in sheet.data_validations.dataValidation if rule.type == "list"} == {'"Đ,CĐ,VP,VK"'}


def test_texts_are_never_formulas_and_nothing_points_outside(school: Cast) -> None:
    type_in(school, '=HYPERLINK("http://x.example";"bấm")', key="NX")
    data = download(school)
    remark = cell(opened(data).worksheets[0], "Nhận xét", NAMES[0])
    assert (remark.data_type, remark.value[0], remark.quotePrefix) == ("s", "=", True)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        assert not [name for name in names if "external" in name.lower() or "vba" in name.lower()]
        assert not any(b"<f>" in parts.read(name) for name in names if name.startswith("xl/worksheets/"))


@pytest.mark.parametrize("state", ["SUBMITTED", "LOCKED"])
def test_a_sheet_that_takes_nothing_is_locked_throughout_and_takes_no_file(school: Cast, state: str) -> None:
    before = download(school)
    with write_transaction() as session:
        session.get(m.ScoreSheet, sheet_id(school)).state = state  # type: ignore[union-attr]
    sheet = opened(download(school)).worksheets[0]
    assert all(cell.protection.locked for line in sheet.iter_rows() for cell in line)
    with pytest.raises(WrongState):
        hand_in(school, before)


def test_outside_the_window_nothing_is_open_and_no_file_is_taken(school: Cast) -> None:
    late = NOW + timedelta(days=30)
    data = score_file_download.download(school.actor("math"), sheet_id(school), late).data
    assert all(cell.protection.locked for line in opened(data).worksheets[0].iter_rows() for cell in line)
    with pytest.raises(WrongState, match="nhập điểm từ"):
        score_file_import.preview(school.actor("math"), sheet_id(school), data, "a.xlsx", late)


def test_each_download_is_written_down(school: Cast) -> None:
    download(school)
    entry = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "export:file:made")).one()
    assert (entry.target_kind, entry.target_id) == ("score_sheet", str(sheet_id(school)))
    assert audit_verify.verify().ok


# --- changes -----------------------------------------------------------------------------------------------------------


def test_edits_arrive_exactly_and_as_one_act(school: Cast) -> None:
    fill_a_little(school)
    shown = hand_in(
        school,
        edited(
            download(school),
            put("ĐĐGtx1", NAMES[0], 9),
            put("ĐĐGtx3", NAMES[0], "8,5"),
            put("ĐĐGtx1", NAMES[2], 7.5),
            put("ĐĐGgk", NAMES[4], "vk"),
            put("ĐĐGck", NAMES[4], "vp 12/05/2027"),
            put("Nhận xét", NAMES[1], "Có tiến bộ"),
        ),
    )
    assert planned(shown.plan.writes) == [
        (NAMES[0], "thường xuyên 1", "8,5", "9,0"),
        (NAMES[0], "thường xuyên 3", "", "8,5"),
        (NAMES[1], "nhận xét", "", "Có tiến bộ"),
        (NAMES[2], "thường xuyên 1", "vắng có phép, bù đến 12/05/2027", "7,5 (kiểm tra bù)"),
        (NAMES[4], "giữa kì", "", "0,0 (vắng không phép)"),
        (NAMES[4], "cuối kì", "7,0", "vắng có phép, bù đến 12/05/2027"),
    ]
    n_entries = db.session.scalar(select(func.count()).select_from(m.AuditEntry))
    done = write(school, shown)
    assert (done.state, len(done.written), done.left) == ("APPLIED", 6, ())
    assert stored(school, NAMES[0], "TX1") == (90, "entered", 2)
    assert stored(school, NAMES[2], "TX1") == (75, "makeup", 2)
    assert stored(school, NAMES[4], "GK") == (0, "missed_unexcused", 1)
    assert db.session.scalar(select(func.count()).select_from(m.AuditEntry)) == (n_entries or 0) + 1
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    facts = json.loads(entry.payload)["facts"]
    assert entry.tag == "score:cells:imported"
    assert facts["file"] == "toan.xlsx" and len(facts["file_digest"]) == 64 and facts["source"] == "imported"
    assert audit_verify.verify().ok
    lines = score_history.cell_history(
        school.actor("math"), sheet_id(school), school.enrollments["9A", NAMES[0]], "TX1", NOW
    )[2]
    assert [line.source for line in lines][:1] == ["imported"] or [line.source for line in lines][-1:] == ["imported"]


def test_a_second_click_changes_nothing(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    write(school, shown)
    again = write(school, shown)
    assert again.written == (f"{school.enrollments['9A', NAMES[0]]}-TX1",)
    assert stored(school, NAMES[0], "TX1") == (90, "entered", 1)


def test_a_blank_cell_erases_nothing_unless_it_is_ticked(school: Cast) -> None:
    fill_a_little(school)
    data = edited(
        download(school), put("ĐĐGtx1", NAMES[0], None), put("ĐĐGtx2", NAMES[0], None), put("ĐĐGgk", NAMES[0], 5)
    )
    shown = hand_in(school, data)
    assert planned(shown.plan.clears) == [
        (NAMES[0], "thường xuyên 1", "8,5", ""),
        (NAMES[0], "thường xuyên 2", "10", ""),
    ]
    write(school, shown, f"{school.enrollments['9A', NAMES[0]]}-TX2")
    assert stored(school, NAMES[0], "TX1") == (85, "entered", 1)
    assert stored(school, NAMES[0], "TX2") == (None, "empty", 2)


def test_only_a_tick_on_nothing_else_is_no_act(school: Cast) -> None:
    fill_a_little(school)
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], None)))
    with pytest.raises(Invalid, match="Chưa chọn ô nào"):
        write(school, shown)
    with pytest.raises(Invalid, match="không thuộc tệp này"):
        write(school, shown, f"{school.enrollments['9A', NAMES[1]]}-TX1")
    assert stored(school, NAMES[0], "TX1") == (85, "entered", 1)


def test_a_value_that_is_newer_than_the_file_is_a_conflict(school: Cast) -> None:
    fill_a_little(school)
    data = edited(download(school), put("ĐĐGtx1", NAMES[0], 9), put("ĐĐGtx2", NAMES[0], 9))
    type_in(school, "6", NAMES[0], "TX1")
    shown = hand_in(school, data)
    assert planned(shown.plan.writes) == [(NAMES[0], "thường xuyên 2", "10", "9,0")]
    assert planned(shown.plan.conflicts) == [(NAMES[0], "thường xuyên 1", "6,0", "9,0")]
    assert "Trịnh Thu Hà, 09:00 12/05/2027" in shown.plan.conflicts[0].since
    write(school, shown)
    assert stored(school, NAMES[0], "TX1") == (60, "entered", 2)
    chosen = hand_in(school, data)
    write(school, chosen, chosen.plan.conflicts[0].place)
    assert stored(school, NAMES[0], "TX1") == (90, "entered", 3)


def test_a_cell_left_as_it_came_does_not_touch_what_is_newer(school: Cast) -> None:
    fill_a_little(school)
    data = download(school)
    type_in(school, "6", NAMES[0], "TX1")
    type_in(school, "7", NAMES[1], "GK")
    plan = hand_in(school, data).plan
    assert (plan.writes, plan.conflicts, plan.clears, plan.n_newer) == ((), (), (), 2)


def test_what_changes_between_looking_and_writing_is_left_and_named(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9), put("ĐĐGtx1", NAMES[1], 9)))
    type_in(school, "6", NAMES[0], "TX1")
    done = write(school, shown)
    assert [(one.student, one.column, one.reason) for one in done.left] == [
        (NAMES[0], "thường xuyên 1", "Ô đang là 6,0.")
    ]
    assert stored(school, NAMES[0], "TX1") == (60, "entered", 1) and stored(school, NAMES[1], "TX1") == (
        90,
        "entered",
        1,
    )


def test_a_sheet_handed_in_between_looking_and_writing_takes_nothing(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    with write_transaction() as session:
        session.get(m.ScoreSheet, shown.head.id).state = "SUBMITTED"  # type: ignore[union-attr]
    with pytest.raises(WrongState, match="đã nộp"):
        write(school, shown)
    assert stored(school, NAMES[0], "TX1") is None


def test_a_whole_file_is_taken_back(school: Cast) -> None:
    fill_a_little(school)
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9), put("ĐĐGgk", NAMES[1], 5)))
    write(school, shown)
    back = score_file_import.undo_file(school.actor("math"), shown.head.id, shown.batch_id, NOW)
    assert (back.n_back, back.left, back.can_undo) == (2, (), False)
    assert stored(school, NAMES[0], "TX1") == (85, "entered", 3)
    assert stored(school, NAMES[1], "GK") == (None, "empty", 2)
    assert score_file_import.undo_file(school.actor("math"), shown.head.id, shown.batch_id, NOW).n_back == 2
    assert stored(school, NAMES[0], "TX1") == (85, "entered", 3)
    assert audit_verify.verify().ok
    past = score_file_import.page_of(school.actor("math"), shown.head.id, NOW).past
    assert [(one.n_written, one.is_undone) for one in past] == [(2, True)]


def test_taking_back_leaves_what_is_newer_and_names_it(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9), put("ĐĐGgk", NAMES[1], 5)))
    write(school, shown)
    type_in(school, "7", NAMES[1], "GK")
    back = score_file_import.undo_file(school.actor("math"), shown.head.id, shown.batch_id, NOW)
    assert back.n_back == 1 and [one.student for one in back.left] == [NAMES[1]]
    assert stored(school, NAMES[1], "GK") == (70, "entered", 2)


def test_nothing_written_is_nothing_to_take_back(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    with pytest.raises(WrongState, match="chưa ghi ô nào"):
        score_file_import.undo_file(school.actor("math"), shown.head.id, shown.batch_id, NOW)


# --- what cannot be read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2027, 5, 8), "ngày tháng"),
        (85, "từ 0 đến 10"),
        ("85", "không chắc"),
        (8.25, "một chữ số thập phân"),
        ("8.25", "một chữ số"),
        (11, "từ 0 đến 10"),
        (-1, "từ 0 đến 10"),
        ("V", "có phép hay không phép"),
        ("tám", "Không đọc được"),
        ("Đ", "đánh giá bằng điểm số"),
        (True, "không phải là số"),
        ("=1/0", "chưa được tính"),
        ("Miễn", "chưa có quyết định miễn"),
        ("vp 01/09/2027", "trong cùng học kì"),
    ],
)
def test_what_is_not_surely_a_mark_is_refused_at_its_cell(school: Cast, value: Any, words: str) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx2", NAMES[1], value), put("ĐĐGtx1", NAMES[0], 7)))
    assert [(one.address, one.student) for one in shown.plan.refused] == [("Toán HK2!G9", NAMES[1])]
    assert words in shown.plan.refused[0].reason
    assert len(write(school, shown).written) == 1 and stored(school, NAMES[1], "TX2") is None


@pytest.mark.parametrize("share", [0.5, 1, 0.85])
def test_a_percentage_is_not_read_as_it_is_kept(school: Cast, share: float) -> None:
    def percent(sheet: Any) -> None:
        found = cell(sheet, "ĐĐGtx2", NAMES[1])
        found.value, found.number_format = share, "0%"

    plan = hand_in(school, edited(download(school), percent)).plan
    assert not plan.writes and "phần trăm" in plan.refused[0].reason


@pytest.mark.parametrize(
    ("value", "after"), [("8,5", "8,5"), ("8.5", "8,5"), (" 8,50 ", "8,5"), ("10,0", "10"), (0, "0,0")]
)
def test_a_text_that_is_surely_a_mark_is_read(school: Cast, value: Any, after: str) -> None:
    plan = hand_in(school, edited(download(school), put("ĐĐGtx2", NAMES[1], value))).plan
    assert planned(plan.writes) == [(NAMES[1], "thường xuyên 2", "", after)]


def test_the_result_of_a_formula_is_read_and_told(school: Cast) -> None:
    data = edited(download(school), put("ĐĐGtx2", NAMES[1], "=8+0.5"))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            target.writestr(
                name,
                part.replace(b"<f>8+0.5</f><v></v>", b"<f>8+0.5</f><v>8.5</v>")
                .replace(b"<f>8+0.5</f><v />", b"<f>8+0.5</f><v>8.5</v>")
                .replace(b"<f>8+0.5</f><v/>", b"<f>8+0.5</f><v>8.5</v>"),
            )
    plan = hand_in(school, out.getvalue()).plan
    assert planned(plan.writes) == [(NAMES[1], "thường xuyên 2", "", "8,5")] and "công thức" in plan.writes[0].note


def test_merged_cells_are_refused(school: Cast) -> None:
    def merge(sheet: Any) -> None:
        top, below = cell(sheet, "ĐĐGtx2", NAMES[0]), cell(sheet, "ĐĐGtx2", NAMES[1])
        top.value = 9
        sheet.merge_cells(f"{top.coordinate}:{below.coordinate}")

    plan = hand_in(school, edited(download(school), merge)).plan
    assert not plan.writes and [one.student for one in plan.refused] == [NAMES[0], NAMES[1]]
    assert "khối gộp G8:G9" in plan.refused[0].reason


def test_a_closed_line_takes_nothing(school: Cast) -> None:
    exempt(school, NAMES[1])
    with write_transaction() as session:
        session.get(m.Enrollment, school.enrollments["9A", NAMES[2]]).status = "left"  # type: ignore[union-attr]
    plan = hand_in(
        school,
        edited(download(school), put("ĐĐGtx2", NAMES[1], 8), put("ĐĐGtx2", NAMES[2], 8), put("ĐĐGtx2", NAMES[3], 8)),
    ).plan
    assert [one.student for one in plan.writes] == [NAMES[3]]
    assert "được miễn" in plan.refused[0].reason and "đã thôi học" in plan.refused[1].reason


def test_a_mark_that_the_subject_does_not_have_is_refused(school: Cast) -> None:
    def fifth(sheet: Any) -> None:
        place = column(sheet, "ĐĐGgk")
        sheet.insert_cols(place)
        for letter, look in list(
            sheet.column_dimensions.items()
        ):  # they stay where they were: a hidden one would now hold marks
            if look.hidden and column_index_from_string(letter) >= place:
                look.hidden = False
        row = header_row(sheet)
        sheet.cell(row, place).value = "ĐĐGtx5"
        sheet.cell(row + 1, place).value = 9

    plan = hand_in(school, stripped(edited(download(school), unmerge, fifth))).plan
    assert not plan.writes and "Điều 6" in plan.refused[0].reason


def unmerge(sheet: Any) -> None:
    for merged in list(sheet.merged_cells.ranges):
        sheet.unmerge_cells(str(merged))


# --- whose line? -------------------------------------------------------------------------------------------------------


def move_rows(sheet: Any, columns: slice) -> None:
    """Turn the lines of these columns upside down."""
    first = header_row(sheet) + 1
    places = list(range(1, sheet.max_column + 1))[columns]
    values = [[sheet.cell(row, place).value for place in places] for row in range(first, sheet.max_row + 1)]
    for row, line in enumerate(reversed(values), first):
        for place, value in zip(places, line, strict=True):
            sheet.cell(row, place).value = value


def test_a_sorted_table_is_the_same_table(school: Cast) -> None:
    fill_a_little(school)
    data = edited(download(school), put("ĐĐGtx3", NAMES[0], 9), lambda sheet: move_rows(sheet, slice(None)))
    assert planned(hand_in(school, data).plan.writes) == [(NAMES[0], "thường xuyên 3", "", "9,0")]


def test_a_table_sorted_in_part_is_refused_whole(school: Cast) -> None:
    fill_a_little(school)
    data = edited(download(school), lambda sheet: move_rows(sheet, slice(0, 5)))
    with pytest.raises(Invalid, match="tên và mã của hai học sinh khác nhau") as refusal:
        hand_in(school, data)
    assert refusal.value.details[0].startswith("Toán HK2!D8: ")


def test_columns_may_go_come_and_change_places(school: Cast) -> None:
    fill_a_little(school)

    def rebuild(sheet: Any) -> None:
        unmerge(sheet)
        sheet.delete_cols(column(sheet, "ĐĐGtx2"))
        sheet.insert_cols(1)
        sheet.cell(header_row(sheet), 1).value = "Tổ"
        put("ĐĐGtx3", NAMES[0], 9)(sheet)

    plan = hand_in(school, edited(download(school), rebuild)).plan
    assert planned(plan.writes) == [(NAMES[0], "thường xuyên 3", "", "9,0")] and plan.clears == ()
    assert any("Tổ" in note and "bỏ qua" in note for note in plan.notes)


def test_a_heading_that_no_longer_fits_its_hidden_column_is_refused(school: Cast) -> None:
    def swap(sheet: Any) -> None:
        row = header_row(sheet)
        midterm, final = (sheet.cell(row, column(sheet, heading)) for heading in ("ĐĐGgk", "ĐĐGck"))
        midterm.value, final.value = "ĐĐGck", "ĐĐGgk"

    with pytest.raises(Invalid, match="chưa rõ") as refusal:
        hand_in(school, edited(download(school), swap))
    assert any("Toán HK2!J7" in line and "khi tải về cột này là ĐĐGgk" in line for line in refusal.value.details)


def test_two_columns_of_one_meaning_are_refused(school: Cast) -> None:
    def double(sheet: Any) -> None:
        unmerge(sheet)
        sheet.insert_cols(6)
        sheet.cell(header_row(sheet), 6).value = "ĐĐGtx1"

    with pytest.raises(Invalid) as refusal:
        hand_in(school, edited(download(school), double))
    assert any("hai cột cùng nghĩa" in line for line in refusal.value.details)


def namesakes(school: Cast, born_apart: bool) -> None:
    """Chi and Cường get Châu's name; on the same day when not ``born_apart``."""
    with write_transaction() as session:
        for number, name in enumerate((NAMES[1], NAMES[2])):
            enrollment = session.get(m.Enrollment, school.enrollments["9A", name])
            student = session.get(m.Student, enrollment.student_id)  # type: ignore[union-attr]
            student.full_name = "Nguyễn Bảo Châu"  # type: ignore[union-attr]
            student.birth_on = date(2012, 3, 1 + number * born_apart)  # type: ignore[union-attr]


def marks_of_namesakes(sheet: Any) -> None:
    names, marks = column(sheet, "Họ và tên"), column(sheet, "ĐĐGtx1")
    value = 5
    for row in range(header_row(sheet) + 1, sheet.max_row + 1):
        if sheet.cell(row, names).value == "Nguyễn Bảo Châu":
            sheet.cell(row, marks).value = value
            value += 1


def test_namesakes_are_told_apart_by_code_then_by_birth_date(school: Cast) -> None:
    namesakes(school, born_apart=True)
    expected = [(f"hs-{school.enrollments['9A', NAMES[1]]}", 5), (f"hs-{school.enrollments['9A', NAMES[2]]}", 6)]
    for data in (
        edited(download(school), marks_of_namesakes),
        stripped(download(school), marks_of_namesakes),
        stripped(download(school), marks_of_namesakes, codes=True),
    ):
        plan = hand_in(school, data).plan
        assert [(f"hs-{one.enrollment_id}", int(one.after[0])) for one in plan.writes] == expected


def test_namesakes_that_nothing_tells_apart_are_refused(school: Cast) -> None:
    namesakes(school, born_apart=False)
    plan = hand_in(school, stripped(download(school), marks_of_namesakes, put("ĐĐGtx1", NAMES[0], 8), codes=True)).plan
    assert [one.student for one in plan.writes] == [NAMES[0]]
    assert [one.student for one in plan.refused] == ["Nguyễn Bảo Châu"] * 2
    assert "2 học sinh tên" in plan.refused[0].reason and plan.refused[0].address == "Toán HK2!C8"


def without_birth_dates(sheet: Any) -> None:
    sheet.delete_cols(column(sheet, "Ngày sinh"))


def test_a_name_alone_is_enough_when_only_one_has_it(school: Cast) -> None:
    namesakes(school, born_apart=True)
    data = edited(
        stripped(download(school), marks_of_namesakes, put("ĐĐGtx1", NAMES[0], 8), codes=True), without_birth_dates
    )
    plan = hand_in(school, data).plan
    assert [one.student for one in plan.writes] == [NAMES[0]] and len(plan.refused) == 2


def test_a_line_twice_is_refused_twice(school: Cast) -> None:
    def double(sheet: Any) -> None:
        row, last = cell(sheet, "Họ và tên", NAMES[0]).row, sheet.max_row + 1
        for place in range(1, sheet.max_column + 1):
            sheet.cell(last, place).value = sheet.cell(row, place).value
        sheet.cell(row, column(sheet, "ĐĐGtx1")).value = 5
        sheet.cell(last, column(sheet, "ĐĐGtx1")).value = 9

    plan = hand_in(school, edited(download(school), double)).plan
    assert not plan.writes and len(plan.refused) == 2 and "2 dòng trong tệp" in plan.refused[0].reason


def test_another_birth_date_or_a_stranger_is_refused(school: Cast) -> None:
    data = stripped(
        download(school),
        put("Ngày sinh", NAMES[0], date(2011, 1, 1)),
        put("ĐĐGtx1", NAMES[0], 8),
        put("ĐĐGtx1", NAMES[1], 8),
        put("Họ và tên", NAMES[1], "Người Lạ Mặt"),
        codes=True,
    )
    plan = hand_in(school, data).plan
    assert not plan.writes
    assert "khác hồ sơ" in plan.refused[0].reason and "không có học sinh tên này" in plan.refused[1].reason


# --- which sheet? ------------------------------------------------------------------------------------------------------


def test_a_file_of_another_sheet_is_refused_in_words(school: Cast) -> None:
    science = download(school, code="SCI")
    with pytest.raises(Invalid, match=r"Khoa học tự nhiên 9A, học kì II, năm học 2026–2027.*Toán 9A, học kì II"):
        hand_in(school, science)
    with pytest.raises(Invalid, match="ghi môn Khoa học tự nhiên"):
        hand_in(school, stripped(science))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("9A", "9B", "ghi lớp 9B"),
        ("học kì II", "học kì I", "ghi học kì I"),
        ("2026-2027", "2025-2026", "năm học 2025–2026"),
        ("Trường THCS Đồng Sen", "Trường THCS Đồng Lúa", "Đồng Lúa"),
    ],
)
def test_titles_that_say_something_else_are_refused(school: Cast, before: str, after: str, words: str) -> None:
    def rewrite(sheet: Any) -> None:
        for row in (1, 3):
            sheet.cell(row, 1).value = sheet.cell(row, 1).value.replace(before, after)
        sheet.title = "Bảng"

    for data in (edited(download(school), rewrite), stripped(edited(download(school), rewrite))):
        with pytest.raises(Invalid, match=words):
            hand_in(school, data)


def test_a_file_of_another_school_is_refused(school: Cast) -> None:
    data = download(school)
    with write_transaction() as session:
        session.get(m.School, 1).code = "36000099"  # type: ignore[union-attr]
    with pytest.raises(Invalid, match="Trường THCS Đồng Sen"):
        hand_in(school, data)


def test_a_file_that_does_not_say_what_it_is_must_be_confirmed(school: Cast) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["STT", "Mã HS", "Họ và tên", "TX1", "TX2", "GK", "CK", "ĐTBmhk", "Ghi chú"])
    sheet.append([1, None, NAMES[0], "8,5", None, 7, None, None, "đi học muộn"])
    shown = hand_in(school, saved(book))
    assert shown.plan.unsure == "Tệp không ghi lớp, môn, học kì." and shown.plan.template == "Mẫu LMS-VN"
    with pytest.raises(Invalid, match="xác nhận"):
        write(school, shown)
    assert len(write(school, shown, confirmed=True).written) == 2


def test_of_several_tables_the_one_that_fits_is_read(school: Cast) -> None:
    book = opened(stripped(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    other = book.copy_worksheet(book.worksheets[0])
    other.title = "KHTN HK2"
    other.cell(3, 1).value = other.cell(3, 1).value.replace("Toán", "Khoa học tự nhiên")
    plan = hand_in(school, saved(book)).plan
    assert len(plan.writes) == 1 and any("KHTN HK2" in note and "bỏ qua" in note for note in plan.notes)
    third = book.copy_worksheet(book.worksheets[0])
    third.title = "Toán HK2 (sửa)"
    with pytest.raises(Invalid, match="2 trang có thể là"):
        hand_in(school, saved(book))


def test_a_hidden_part_that_was_edited_is_refused(school: Cast) -> None:
    book = opened(download(school))
    book["hocbaso"].cell(2, 2).value = "khác"
    with pytest.raises(Invalid, match="mã ẩn"):
        hand_in(school, saved(book))


# --- whose file? -------------------------------------------------------------------------------------------------------


def test_only_the_teacher_of_the_sheet_hands_a_file_in(school: Cast) -> None:
    data = download(school)
    shown = hand_in(school, edited(data, put("ĐĐGtx1", NAMES[0], 9)))
    for who in ("principal", "vice_principal", "head_science"):
        with pytest.raises(NotAllowed):
            hand_in(school, data, who=who)
    for who in ("other", "outsider", "it_officer", "clerk", "board"):
        with pytest.raises(NotFound):
            hand_in(school, data, who=who)
        with pytest.raises(NotFound):
            download(school, who=who)
    with pytest.raises(NotFound):
        score_file_import.open_file(school.actor("math"), sheet_id(school, "SCI"), shown.batch_id, NOW)


def test_a_colleague_on_the_same_sheet_has_files_of_their_own(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    with write_transaction() as session:
        session.add(
            m.TeachingAssignment(
                person_id=school.people["other"],
                class_subject_id=school.class_subjects["9A", "MATH"],
                starts_on=date(2026, 9, 5),
            )
        )
    with pytest.raises(NotFound):
        write(school, shown, who="other")


def test_a_reader_takes_home_a_file_that_is_locked(school: Cast) -> None:
    sheet = opened(download(school, who="principal")).worksheets[0]
    assert all(cell.protection.locked for line in sheet.iter_rows() for cell in line)


def test_an_old_preview_is_dropped_with_its_names(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    later = NOW + timedelta(days=3)
    with write_transaction() as session:
        for window in session.scalars(select(m.SemesterWindow).where(m.SemesterWindow.semester == 2)):
            window.closes_on = date(2027, 5, 30)
    score_file_import.preview(school.actor("math"), shown.head.id, download(school), "b.xlsx", later)
    db.session.expire_all()
    assert NAMES[0] not in db.session.get(m.ImportBatch, shown.batch_id).summary  # type: ignore[union-attr]
    with pytest.raises(NotFound, match="quá hai ngày"):
        score_file_import.open_file(school.actor("math"), shown.head.id, shown.batch_id, later)


def test_files_of_one_sheet_stay_out_of_the_office_list(school: Cast) -> None:
    shown = hand_in(school, edited(download(school), put("ĐĐGtx1", NAMES[0], 9)))
    write(school, shown)
    assert imports.recent_imports(school.actor("math")) == []
    with pytest.raises(NotFound):
        imports.open_batch(school.actor("math"), shown.batch_id)


def test_the_office_import_sends_the_file_back_to_its_sheet(school: Cast) -> None:
    with pytest.raises(Invalid, match="Đây là tệp tải về từ bảng điểm Toán 9A, học kì II"):
        imports.run_import(school.actor("math"), "scores", edited(download(school), put("ĐĐGtx1", NAMES[0], 9)), NOW)


def test_a_hidden_line_or_struck_mark_of_the_sheets_own_file_is_told_and_not_taken(school: Cast) -> None:
    data = download(school)

    def hide(sheet: Any) -> None:
        row = header_row(sheet) + 2
        sheet.row_dimensions[row].hidden = True

    with pytest.raises(Invalid) as refused:
        score_file_import.preview(school.actor("math"), sheet_id(school), edited(data, hide), "diem.xlsx", NOW)
    assert any("đang bị ẩn" in line for line in refused.value.details), refused.value.details
