"""Property: a file handed in as it came says nothing, and random edits arrive exactly; with hidden parts and without."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hocbaso.exchange.score_file_reader import read_score_file
from hocbaso.exchange.score_file_writer import write_score_file
from hocbaso.exchange.score_files import FileCell, FileLine, FoundFile, ScoreFile
from hocbaso.exchange.score_templates import FIELD_OF_KEY, REGULAR, TEMPLATES, template_like, template_named
from hocbaso.exchange.vietnamese_text import clean_text
from hocbaso.exchange.workbook_process import read_apart, write_apart
from hocbaso.regulations.score_values import format_score

KEYS = ("TX1", "TX2", "TX3", "GK", "CK")
DAYS = st.dates(date(2026, 9, 5), date(2027, 5, 31)).map(lambda day: f"VP {day:%d/%m/%Y}")
MISSED = st.one_of(st.sampled_from(["VP", "VK"]), DAYS)
SCORED = st.one_of(st.just(""), st.integers(0, 100).map(format_score), MISSED)
COMMENT = st.one_of(st.just(""), st.sampled_from(["Đ", "CĐ"]), MISSED)
REMARKS = st.one_of(
    st.just(""),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp")), max_size=60),
    st.sampled_from(["=1+1", "+84 912", "-", "@x", "#N/A", "8,5", "1/2", "Miễn", "VP", "TRUE", "'chăm"]),
).map(clean_text)


@st.composite
def forms(draw: st.DrawFn, templates: tuple[str, ...] = tuple(TEMPLATES)) -> ScoreFile:
    kind = draw(st.sampled_from(["scored", "comment"]))
    marks = SCORED if kind == "scored" else COMMENT
    lines = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        closed = draw(st.sampled_from(["", "", "", "Miễn", "Đã chuyển đi"]))
        cells = {key: FileCell(draw(marks), draw(st.integers(0, 9)), not closed) for key in KEYS}
        cells["NX"] = FileCell(draw(REMARKS), draw(st.integers(0, 9)), not closed)
        lines.append(
            FileLine(
                number,
                100 + number,
                draw(st.sampled_from([None, f"360000{number:04d}"])),
                f"Lò Văn {'Bình Châu Chi Cường Thành Yên'.split()[number - 1]}",
                date(2012, 1, 1) + timedelta(days=number),
                closed,
                cells,
            )
        )
    return ScoreFile(
        sheet_id=7,
        school_code="36000001",
        school_name="Trường THCS Đồng Sen",
        class_name="9A",
        subject_name="Toán" if kind == "scored" else "Nghệ thuật",
        tab="Toán HK2" if kind == "scored" else "Nghệ thuật HK2",
        kind=kind,
        semester=2,
        year_label="2026-2027",
        told=("Chỉ điền vào các ô trắng.", "Hạn nộp 12/05/2027."),
        template=draw(st.sampled_from(templates)),
        keys=KEYS,
        lines=tuple(lines),
    )


def keys_in(form: ScoreFile) -> set[str]:
    fields = {column.field for column in template_named(form.template).columns}
    return {key for key in (*KEYS, "NX") if FIELD_OF_KEY[key] in fields or (key.startswith("TX") and REGULAR in fields)}


def expected(form: ScoreFile) -> dict[int, dict[str, str]]:
    return {
        line.enrollment_id: {
            key: "Miễn" if line.closed == "Miễn" and key != "NX" else line.cells[key].text for key in keys_in(form)
        }
        for line in form.lines
    }


def found(file: FoundFile) -> dict[int, dict[str, str]]:
    assert len(file.sheets) == 1
    assert not [problem for problem in file.sheets[0].problems if problem.severity == "error"]
    assert not [cell for line in file.sheets[0].lines for cell in line.cells.values() if cell.refusal]
    return {
        line.enrollment_id or 0: {key: cell.text for key, cell in line.cells.items()} for line in file.sheets[0].lines
    }


def saved_again(data: bytes, edit: Any = None) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    if edit:
        edit(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(forms())
def test_what_is_written_is_what_is_read(form: ScoreFile) -> None:
    data = write_score_file(form)
    for again in (data, saved_again(data)):
        file = read_score_file(again, form.kind)
        assert found(file) == expected(form)
        mark = file.mark
        assert mark is not None and (mark.sheet_id, mark.school_code) == (7, "36000001")
        assert {line.enrollment_id: {key: cell.version for key, cell in line.cells.items()} for line in form.lines} == {
            line: dict(versions) for line, versions in mark.versions.items()
        }
        sheet = file.sheets[0]
        assert (sheet.class_name, sheet.semester, sheet.school_year) == ("9A", 2, "2026-2027")
        assert sheet.subject_code == ("MATH" if form.kind == "scored" else "ART")
        assert sheet.template == template_named(form.template).title


@FEW
@given(forms(("csdl-mau-1", "csdl-mau-2", "lms-vn")), st.data())
def test_random_edits_arrive_exactly(form: ScoreFile, data: st.DataObject) -> None:
    wanted = expected(form)
    edits: dict[tuple[int, str], str] = {}
    open_lines = [line for line in form.lines if not line.closed]
    if open_lines:
        places = st.tuples(st.sampled_from([line.enrollment_id for line in open_lines]), st.sampled_from(KEYS))
        marks = SCORED if form.kind == "scored" else COMMENT
        edits = data.draw(st.dictionaries(places, marks, max_size=8))

    def edit(book: Any) -> None:
        sheet = book.worksheets[0]
        key_row = next(row for row in range(1, 12) if str(sheet.cell(row, 1).value).startswith("hocbaso:"))
        columns = {str(cell.value).removeprefix("hocbaso:"): cell.column for cell in sheet[key_row]}
        lines = {sheet.cell(row, columns["line_code"]).value: row for row in range(key_row + 2, sheet.max_row + 1)}
        for (line, key), text in edits.items():
            number = form.kind == "scored" and text[:1].isdigit() and data.draw(st.booleans())
            value = float(text.replace(",", ".")) if number else text
            sheet.cell(lines[f"hs-{line}"], columns[key]).value = value or None if not number else value

    for (line, key), text in edits.items():
        wanted[line][key] = text
    again = saved_again(write_score_file(form), edit)
    assert found(read_score_file(again, form.kind)) == wanted


@settings(max_examples=2, deadline=None)
@given(forms())
def test_a_process_apart_writes_and_reads_the_same(form: ScoreFile) -> None:
    data = write_apart("score_file", form)
    assert read_apart("score_file", data, form.kind) == read_score_file(data, form.kind)


def test_each_form_is_known_by_its_headings() -> None:
    for template in TEMPLATES.values():
        headings = [column.heading.format(n=1) for column in template.columns]
        assert template_like(headings) is template
    assert template_like(["Tổ", "Chức vụ", "Họ và tên"]) is None
