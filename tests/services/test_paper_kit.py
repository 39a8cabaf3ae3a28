"""Sheets on paper: who may print what, what stands on them, and the entry each print leaves. Real workers render."""

from __future__ import annotations

import io
import json

import pikepdf
import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.paper_codes import row_codes, sheet_code
from hocbaso.services import audit, audit_verify, imports, paper_kit, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from hocbaso.services.sheet_access import read_head
from tests.cast import NOW, Cast
from tests.services.test_imports import book

BASE = "https://192.168.1.20:8443"


def make(school: Cast, who: str, what: str | int, **options: object) -> paper_kit.KitFile:
    wanted = {"semester": 2, "base_address": BASE, "now": NOW, **options}
    return paper_kit.make(school.actor(who), what, **wanted)  # type: ignore[arg-type]


def entries() -> list[dict[str, object]]:
    rows = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "export:file:made"))
    return [json.loads(row.payload)["facts"] for row in rows]


def sheet_of(school: Cast, with_values: bool) -> paper_kit.PaperSheet:
    today = NOW.date()
    line = next(
        line
        for line in paper_kit.sheet_lines(today, class_subject_ids={school.class_subjects["9A", "MATH"]})
        if line.sheet_id == school.sheets["9A", "MATH", 2]
    )
    return paper_kit._sheet(school.actor("math"), line, "Trường THCS Đồng Sen", with_values, BASE, NOW)


def test_a_sheet_is_printed_with_an_entry(school: Cast):
    sheet = school.sheets["9A", "MATH", 2]
    kit = make(school, "math", sheet)
    with pikepdf.open(io.BytesIO(kit.data)) as pdf:
        assert len(pdf.pages) == 1
        assert [round(float(side)) for side in pdf.pages[0].mediabox[2:]] == [595, 842]
    assert (kit.name, kit.n_sheets) == (f"phieu-{sheet_code(sheet)}.pdf", 1)
    assert entries() == [{"what": "paper_kit", "format": "pdf", "sheets": [sheet], "n_sheets": 1, "with_values": False}]


def test_what_stands_on_a_sheet(school: Cast):
    sheet = school.sheets["9A", "MATH", 2]
    for name, text in (("Hoàng Thanh Bình", "8,5"), ("Nguyễn Bảo Châu", "vk"), ("Trần Khánh Chi", "vp")):
        score_entry.save_cell(
            school.actor("math"), sheet, school.enrollments["9A", name], "GK", text,
            expected_version=0, op_id=None, now=NOW,
        )  # fmt: skip
    blank, full = sheet_of(school, False), sheet_of(school, True)
    assert (blank.code, blank.address) == (sheet_code(sheet), f"{BASE}/bang-diem/giay/{sheet_code(sheet)}")
    assert [key for key, _ in blank.columns] == ["TX1", "TX2", "TX3", "TX4", "GK", "CK"]
    assert all(value == "" for row in blank.rows for value in row.values)
    assert [row.values[4] for row in full.rows][:3] == ["8,5", "vk", "vp"]
    places = {id: db.session.get_one(m.Enrollment, id).class_place for _, id in _class(school)}
    codes = row_codes(sheet, places)
    assert [row.code for row in full.rows] == list(codes.values())
    assert paper_kit.codes_of(read_head(sheet), places) == codes


def test_a_pupil_who_moves_into_the_class_shifts_no_number_that_is_printed(school: Cast):
    """Who has the smallest id of the school comes into 9A: by id alone the numbers of others would have moved on."""
    sheet = school.sheets["9A", "MATH", 2]
    moving = db.session.get_one(
        m.Student, db.session.get_one(m.Enrollment, min(school.enrollments.values())).student_id
    )
    # The place that the one who comes would ask for is taken.
    with write_transaction() as session:
        neighbour = session.get_one(m.Enrollment, _class(school)[0][1])
        neighbour.class_place = min(school.enrollments.values()) % 97
        session.flush()
        state = audit.states("enrollment", [neighbour])
        audit.record(AuditTag.ENROLLMENT_CHANGED, SYSTEM, NOW, target_kind="school_year", target_id=1, state=state)
    before = paper_kit.codes_of(read_head(sheet), _places(sheet, school))
    head = ["Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "Giới tính", "Lớp"]
    line = [moving.moet_code, moving.full_name, moving.birth_on.strftime("%d/%m/%Y"), moving.sex, "9A"]
    report = imports.run_import(school.actor("clerk"), "students", book([head, line]), NOW, apply=True)
    assert report.applied, report.problems
    after = paper_kit.codes_of(read_head(sheet), _places(sheet, school))
    assert len(after) == len(before) + 1 and {one: after[one] for one in before} == before
    assert not audit_verify.verify().faults


def _places(sheet: int, school: Cast) -> dict[int, int | None]:
    view = score_grid.open_sheet(school.actor("math"), sheet, NOW)
    return {row.enrollment_id: row.class_place for row in view.rows}


def _class(school: Cast) -> list[tuple[str, int]]:
    return [(name, id) for (group, name), id in school.enrollments.items() if group == "9A"]


def test_a_pupil_who_left_keeps_the_line_and_the_number(school: Cast):
    before = [row.code for row in sheet_of(school, False).rows]
    with write_transaction() as session:
        row = session.get(m.Enrollment, school.enrollments["9A", "Nguyễn Bảo Châu"])
        assert row is not None
        row.status = "transferred_out"
    after = sheet_of(school, False).rows
    assert [row.code for row in after] == before and after[1].closed == "Đã chuyển đi"


def test_all_of_a_teacher_and_all_of_the_school(school: Cast):
    assert make(school, "math", paper_kit.MINE).n_sheets == 2
    whole = make(school, "clerk", paper_kit.SCHOOL)
    assert whole.n_sheets == 24 and whole.name == "phieu-giay-ca-truong-hk2.pdf"
    with pikepdf.open(io.BytesIO(whole.data)) as pdf:
        assert len(pdf.pages) == 24
    one = make(school, "principal", paper_kit.SCHOOL, class_group_id=school.classes["6A"], with_values=True)
    assert (one.n_sheets, one.name) == (12, "phieu-giay-6A-hk2.pdf")


@pytest.mark.parametrize(
    ("who", "what", "error"),
    [
        ("other", "9A", NotFound),
        ("outsider", "9A", NotFound),
        ("it_officer", "9A", NotFound),
        ("clerk", "9A", NotFound),
        ("board", paper_kit.SCHOOL, NotFound),
        ("math", paper_kit.SCHOOL, NotFound),
        ("head_science", paper_kit.SCHOOL, NotFound),
        ("it_officer", paper_kit.SCHOOL, NotFound),
        ("principal", paper_kit.MINE, NotFound),
        ("clerk", paper_kit.MINE, NotFound),
        ("math", "anything", NotFound),
    ],
)
def test_who_may_not_print(school: Cast, who: str, what: str, error: type[Exception]):
    with pytest.raises(error):
        make(school, who, school.sheets["9A", "MATH", 2] if what == "9A" else what)
    assert entries() == []


def test_the_clerk_prints_names_and_never_scores(school: Cast):
    with pytest.raises(NotAllowed, match="phiếu trống"):
        make(school, "clerk", paper_kit.SCHOOL, with_values=True)
    assert entries() == []


def test_nothing_to_print_is_said(school: Cast):
    with pytest.raises(Invalid, match="Không có bảng điểm nào"):
        make(school, "principal", paper_kit.SCHOOL, class_group_id=999999)
    with pytest.raises(Invalid, match="học kì"):
        make(school, "math", paper_kit.MINE, semester=3)


def test_choices(school: Cast):
    found = paper_kit.choices(school.actor("math"), NOW)
    assert len(found.mine) == 4 and found.classes == () and found.with_values and found.semester == 2
    clerk = paper_kit.choices(school.actor("clerk"), NOW)
    assert clerk.mine == () and [name for _, name in clerk.classes] == ["6A", "9A"] and not clerk.with_values


def test_a_code_opens_only_what_one_may_read(school: Cast):
    sheet = school.sheets["9A", "MATH", 2]
    assert paper_kit.find_by_code(school.actor("math"), sheet_code(sheet), NOW).id == sheet
    for who in ("other", "clerk", "it_officer"):
        with pytest.raises(NotFound):
            paper_kit.find_by_code(school.actor(who), sheet_code(sheet), NOW)
    with pytest.raises(Invalid):
        paper_kit.find_by_code(school.actor("math"), f"{sheet}-00", NOW)


def test_a_class_too_large_has_no_numbers_and_still_opens(school: Cast):
    assert paper_kit.codes_of(read_head(school.sheets["9A", "MATH", 2]), {1: 5, 2: None}) == {}
