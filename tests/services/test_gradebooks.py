"""The two books of scores: the values of the sheets and of the class page, who may print which, and the entry each print leaves."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.gradebook_content import BookCell, BookSheet
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    class_gradebook,
    class_page,
    departures,
    month_absences,
    results,
    reviews,
    roster,
    score_entry,
    score_grid,
    teacher_gradebook,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.results import comma
from tests.cast import NOW, STUDENTS, Cast, put_sheets
from tests.documents.test_paper_kit import pages
from tests.services.full_class import fill_homeroom, fill_scores, last_entry
from tests.services.summer_class import BINH, CHI, JULY, approve_ready, register_all, summer_9a, type_one
from tests.services.test_departures import OUT, WHO

CUONG, THANH = "Đỗ Mạnh Cường", "Đinh Công Thành"


def type_cell(cast: Cast, name: str, key: str, text: str, semester: int = 2, version: int = 0) -> None:
    score_entry.save_cell(
        cast.actor("math"), cast.sheets["9A", "MATH", semester], cast.enrollments["9A", name], key, text,
        expected_version=version, op_id=None, now=NOW,
    )  # fmt: skip


def own(cast: Cast, who: str = "math") -> dict[tuple[str, str, int], BookSheet]:
    book, _ = teacher_gradebook.read(cast.actor(who), NOW)
    return {(one.subject, one.class_name, one.semester): one for one in book.sheets}


def of_class(cast: Cast, who: str = "math", class_name: str = "9A", now=NOW):
    return class_gradebook.read(cast.actor(who), cast.classes[class_name], now)


def line_of(sheet: BookSheet, name: str):
    return next(one for one in sheet.lines if one.full_name == name)


def test_a_teachers_book_has_the_own_sheets_by_subject_class_and_semester(school: Cast):
    book, lines = teacher_gradebook.read(school.actor("math"), NOW)
    assert [(one.subject, one.class_name, one.semester) for one in book.sheets] == [
        ("Toán", "9A", 1), ("Toán", "9A", 2), ("Khoa học tự nhiên", "9A", 1), ("Khoa học tự nhiên", "9A", 2),
    ]  # fmt: skip
    assert [line.sheet_id for line in lines] == [
        school.sheets["9A", code, semester] for code in ("MATH", "SCI") for semester in (1, 2)
    ]
    assert book.cover.facts == (("Họ và tên giáo viên", "Trịnh Thu Hà"), ("Môn học", "Toán, Khoa học tự nhiên"))
    assert book.cover.taught == (("Toán", "9A"), ("Khoa học tự nhiên", "9A"))
    assert (book.cover.commune, book.cover.province) == ("Xã Đồng Sen", "Tỉnh Ninh Bình")
    # In both classes: each class after the other, and no sheet of anybody else.
    others, _ = teacher_gradebook.read(school.actor("head_society"), NOW)
    assert [(one.subject, one.class_name) for one in others.sheets] == [("Ngữ văn", "6A")] * 2 + [("Ngữ văn", "9A")] * 2


def test_each_value_is_that_of_the_sheet_and_of_the_class_page(school: Cast):
    fill_scores(school, "9A", {(CHI, "MATH"): 40, (THANH, "PE"): "CĐ"})
    fill_homeroom(school, "9A", {BINH: {"conduct_2": "K"}})
    book = of_class(school)
    mine = own(school)
    computed = results.compute_class(school.classes["9A"], NOW.date())
    for sheet in book.sheets:
        subject = next(one for one in computed.subjects if one.name == sheet.subject)
        shown = score_grid.open_sheet(school.actor("math"), subject.sheets[sheet.semester - 1].id, NOW)
        for row, line in zip(shown.rows, sheet.lines, strict=True):
            assert (row.number, row.full_name, row.average) == (line.number, line.full_name, line.average)
            typed = [cell.text for cell in line.cells if cell.text]
            assert typed == [cell.text for cell in row.cells]
            assert line.cells[-2].text == row.cells[-2].text and len(line.cells) == 6
            found = computed.by_id[row.enrollment_id].result.subjects[subject.code]
            assert line.average == comma((found.semester_1, found.semester_2)[sheet.semester - 1])
            assert line.year == (comma(found.year) if sheet.semester == 2 else "")
    # The two books say the same of a sheet.
    in_class = {(one.subject, one.class_name, one.semester): one for one in book.sheets}
    assert all(in_class[key] == sheet for key, sheet in mine.items())
    # The summaries are the class page, semester by semester and for the year.
    for at, term in enumerate((1, 2, 0)):
        page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW, term=term)
        table = book.terms[at]
        order = [head for head, _ in table.heads[:-2]]
        names = {subject.code: subject.short_name for subject in page.subjects}
        for row, (number, name, cells, closed) in zip(page.rows, table.lines, strict=True):
            assert (row.number, row.full_name, "") == (number, name, closed)
            assert dict(zip(order, cells, strict=False)) == {names[cell.code]: cell.text for cell in row.cells}
            assert cells[-2] == row.learning
        assert table.lines[0][2][-1] == ("Tốt", "Khá", "Khá")[at]
    years = [row.conduct_year for row in class_page.class_page(school.actor("math"), school.classes["9A"], NOW).rows]
    assert [line[2][-1] for line in book.terms[2].lines] == years == [line[2][0] for line in book.conclusions.lines]


def test_the_subjects_stand_in_the_order_of_the_book(school: Cast):
    heads = [words for words, _ in of_class(school).terms[0].heads]
    assert heads == [
        "GDTC", "Nghệ thuật", "HĐTN-HN", "NDGDĐP", "Ngữ văn", "Toán", "Ngoại ngữ 1", "GDCD", "LS-ĐL", "KHTN", "Công nghệ", "Tin học",
        "Kết quả học tập", "Kết quả rèn luyện",
    ]  # fmt: skip
    assert [(one.subject, one.semester) for one in of_class(school).sheets[::11][:3]] == [
        ("Giáo dục thể chất", 1), ("Tin học", 1), ("Công nghệ", 2),
    ]  # fmt: skip


def test_missed_exempt_and_departed_lines_are_as_on_the_sheet(school: Cast):
    type_cell(school, BINH, "TX1", "vk")
    type_cell(school, BINH, "TX2", "vp")
    type_cell(school, WHO, "GK", "7,5")
    with write_transaction() as session:
        maths = session.scalars(select(m.Subject).where(m.Subject.code == "MATH")).one()
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments["9A", CUONG], subject_id=maths.id, semester=2, reason="Theo giấy",
                document="Số 5", state="GRANTED", proposed_at=NOW, proposed_by=school.accounts["math"],
                decided_at=NOW, decided_by=school.accounts["principal"],
            )
        )  # fmt: skip
    departures.record(school.actor("clerk"), school.enrollments["9A", WHO], OUT, NOW)
    sheet = own(school)["Toán", "9A", 2]
    bound = line_of(sheet, BINH)
    assert bound.cells[:2] == (BookCell("0,0", "VK"), BookCell("", "VP"))
    exempt = line_of(sheet, CUONG)
    assert (exempt.word, exempt.average, exempt.gone) == ("Miễn", "Miễn", "")
    gone = line_of(sheet, WHO)
    assert (gone.cells[4].text, gone.word, gone.gone, gone.year) == ("7,5", "", "Đã chuyển đi", "")
    # Nothing was typed of the first semester: the word stands where the marks would.
    assert line_of(own(school)["Toán", "9A", 1], WHO).word == "Đã chuyển đi"
    book = of_class(school)
    assert next(line for line in book.terms[0].lines if line[1] == WHO)[2:] == ((), "Đã chuyển đi")
    said = next(one for one in book.profiles if one.full_name == WHO)
    assert said.changes == ("Chuyển đến THCS Sông Bồ, Thừa Thiên Huế, học đến hết ngày 07/05/2027",)
    assert [line[0] for line in book.terms[0].lines] == [1, 2, 3, 4, 5], "the numbers of the sheet"


def test_semester_one_of_the_old_school_is_its_result_without_marks(school: Cast):
    with write_transaction() as session:
        session.get_one(m.Enrollment, school.enrollments["9A", BINH]).first_semester = 2
        maths = session.scalars(select(m.Subject).where(m.Subject.code == "MATH")).one()
        session.add(
            m.InheritedResult(
                enrollment_id=school.enrollments["9A", BINH], subject_id=maths.id, semester=1, tenths=71, state="ACCEPTED",
                document="Số 45", proposed_at=NOW, proposer_name="Trịnh Thu Hà", decided_at=NOW, decider_name="Đoàn Thị Hải Yến",
            )
        )  # fmt: skip
    came = line_of(own(school)["Toán", "9A", 1], BINH)
    assert (came.word, came.average) == ("Ở trường cũ", "7,1")
    assert line_of(own(school)["Toán", "9A", 2], BINH).word == ""


def test_of_who_went_on_the_book_of_the_old_class_has_the_name_and_the_day_of_birth(
    school: Cast, monkeypatch: pytest.MonkeyPatch
):
    full = of_class(school).profiles[0]
    assert full.family == ("Cha: Nguyễn Quang Thiệp (Thợ mộc)", "Mẹ: Lương Thị Thoa (Làm ruộng)")
    assert (full.born_on, full.sex, full.ethnicity, full.birth_place) == ("01/03/2012", "Nữ", "Kinh", "Ninh Bình")
    monkeypatch.setattr(class_gradebook.students, "open_profiles", lambda *_: frozenset())
    bare = of_class(school).profiles[0]
    assert (bare.full_name, bare.born_on) == (full.full_name, full.born_on)
    assert (bare.sex, bare.ethnicity, bare.address, bare.family, bare.phone) == ("", "", "", (), "")


def test_where_a_sheet_stands_is_said_on_its_page(school: Cast):
    put_sheets([school.sheets["9A", "MATH", 1]], "LOCKED")
    put_sheets([school.sheets["9A", "SCI", 1]], "SUBMITTED")
    found = {key: (one.standing, one.is_locked) for key, one in own(school).items()}
    assert found["Toán", "9A", 1] == ("đã khoá", True)
    assert found["Toán", "9A", 2] == ("đang ở Trịnh Thu Hà, chưa nộp", False)
    assert found["Khoa học tự nhiên", "9A", 1] == ("đã nộp, đang chờ tổ trưởng soát", False)
    assert of_class(school).standing.startswith("Lớp chưa chốt tổng kết") and not of_class(school).is_approved


def test_the_foot_counts_the_class_as_a_whole(school: Cast):
    fill_scores(school, "9A", {(CHI, "MATH"): 49, (THANH, "MATH"): 50})
    first, second = own(school)["Toán", "9A", 1].counts, own(school)["Toán", "9A", 2].counts
    assert [(one.words, one.n, one.n_pass, one.pass_percent, one.n_fail, one.fail_percent) for one in (*first, *second)] == [
        (words, 5, 4, "80,0%", 1, "20,0%") for words in ("Học kì I", "Học kì II", "Cả năm")
    ]  # fmt: skip
    empty = own(school, "head_science")["Toán", "6A", 1].counts[0]
    assert (empty.n, empty.pass_percent, empty.fail_percent) == (0, "", "")


def test_absences_are_the_months_and_the_totals_that_count(school: Cast):
    for key, raw in (("1-2026-09", "2"), ("1-2026-10", "0")):
        month_absences.save_month(
            school.actor("math"), school.enrollments["9A", BINH], key, "excused", raw, expected_version=0, now=NOW
        )  # fmt: skip
    book = of_class(school)
    names = [f"{words} {below}".strip() for words, group in book.absences.heads for below in group or ("",)]
    line = dict(zip(names, next(one[2] for one in book.absences.lines if one[1] == BINH), strict=True))
    assert names[:2] == ["Th. 9 P", "Th. 9 K"] and names[-3:] == ["Cả năm P", "Cả năm K", "Cả năm TS"]
    assert (line["Th. 9 P"], line["Th. 10 P"], line["Th. 9 K"]) == ("2", "0", "")
    assert line["Học kì I P"] == line["Cả năm TS"] == "", "a part of a semester is no total"
    assert book.months[:2] == ("9/2026", "10/2026")


def test_the_totals_of_a_whole_year_are_summed(school: Cast):
    fill_homeroom(school, "9A")
    cells = of_class(school).absences.lines[0][2]
    assert cells[-3:] == ("3", "0", "3")
    assert of_class(school).conclusions.lines[0][2][4] == "3"


def test_the_summer_stands_beside_the_year(school: Cast):
    class_id = summer_9a(school)
    register_all(school, class_id)
    for who, name in (("head_society", "Ngữ văn"), ("math", "Toán"), ("other", "Lịch sử và Địa lí")):
        type_one(school, who, class_id, CHI, name, "5,5")
    before = of_class(school, now=JULY)
    chi = next(line for line in before.conclusions.lines if line[1] == CHI)[2]
    assert chi[3] == "" and chi[5:] == ("", "", "", "Kiểm tra lại trong hè"), "typed is not approved"
    assert approve_ready(school, class_id) == 1
    book = of_class(school, now=JULY)
    sheets = {(one.subject, one.semester): one for one in book.sheets}
    assert line_of(sheets["Toán", 2], CHI).again == "5,5" and line_of(sheets["Toán", 2], CHI).year == "4,0"
    assert line_of(sheets["Toán", 1], CHI).again == "" and line_of(sheets["Khoa học tự nhiên", 2], CHI).again == ""
    chi = next(line for line in book.conclusions.lines if line[1] == CHI)[2]
    assert chi[1] == "Chưa đạt" and chi[3] == "Đạt" and chi[5:7] == ("x", "")
    assert book.is_approved and dict(book.summing)["Tổng số học sinh"] == "5"
    assert dict(book.summing)["Học tập"] == "Tốt 4, Khá 0, Đạt 0, Chưa đạt 1"


def test_each_print_leaves_an_entry(school: Cast):
    made = teacher_gradebook.make(school.actor("math"), NOW)
    assert made.data.startswith(b"%PDF-") and made.name == "so-theo-doi-gv007-2026-2027.pdf"
    entry = last_entry(AuditTag.EXPORT_MADE.value)
    assert (entry.target_kind, json.loads(entry.payload)["facts"]) == (
        "person",
        {
            "what": "teacher_gradebook",
            "format": "pdf",
            "sheets": [school.sheets["9A", code, semester] for code in ("MATH", "SCI") for semester in (1, 2)],
        },
    )
    made = class_gradebook.make(school.actor("principal"), school.classes["9A"], NOW)
    text = " ".join(" ".join(pages(made.data)).split())
    assert "lớp 9A" in text and all(name in text for name in STUDENTS["9A"])
    assert json.loads(last_entry(AuditTag.EXPORT_MADE.value).payload)["facts"] == {
        "what": "class_gradebook", "format": "pdf", "class": "9A",
    }  # fmt: skip


@pytest.mark.parametrize("who", ["it_officer", "clerk", "principal", "vice_principal", "board", "outsider"])
def test_who_teaches_nothing_has_no_book(school: Cast, who: str):
    with pytest.raises(NotAllowed):
        teacher_gradebook.make(school.actor(who), NOW)


def test_a_teacher_with_the_it_role_has_no_book_either(school: Cast):
    """The account that keeps the machines never holds scores, whatever else it was given."""
    roster.assign_teacher(
        SYSTEM, school.class_subjects["6A", "ICT"], school.people["it_officer"], NOW, starts_on=NOW.date()
    )
    roster.assign_homeroom(SYSTEM, school.classes["6A"], school.people["it_officer"], NOW, starts_on=NOW.date())
    with pytest.raises(NotAllowed):
        teacher_gradebook.make(school.actor("it_officer"), NOW)
    with pytest.raises(NotFound):
        class_gradebook.make(school.actor("it_officer"), school.classes["6A"], NOW)


def test_the_class_book_is_for_who_may_see_the_class_page(school: Cast):
    for who in ("math", "principal", "vice_principal"):
        assert of_class(school, who).class_name == "9A"
    for who in ("head_society", "other", "clerk", "it_officer", "board", "outsider"):
        with pytest.raises(NotFound):
            of_class(school, who)


def test_nothing_of_it_is_printed_for_who_is_still_to_check_from_the_papers(school: Cast):
    """The head of Tổ Tự nhiên keeps 9A for the day and reviews its maths."""
    with write_transaction() as session:
        session.get_one(m.SchoolYear, school.year_id).spot_check_percent = 50
        keeper = session.scalars(
            select(m.HomeroomAssignment).where(m.HomeroomAssignment.class_group_id == school.classes["9A"])
        ).one()
        keeper.person_id = school.people["head_science"]
    fill_scores(school, "9A")
    sheet = db.session.get_one(m.ScoreSheet, school.sheets["9A", "MATH", 2])
    reviews.move(school.actor("math"), sheet.id, SheetVerb.SUBMIT, expected_version=sheet.version, now=NOW)
    with pytest.raises(NotAllowed, match="đối chiếu bài gốc"):
        of_class(school, "head_science")
    assert own(school)["Toán", "9A", 2].lines[0].average == "8,5", "the author's own book is whole"
