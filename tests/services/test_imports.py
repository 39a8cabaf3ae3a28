"""Who may import what, when, and what happens when the school changes between preview and act."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.exchange import people_tables, score_tables
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    audit_verify,
    exports,
    import_undo,
    imports,
    role_grants,
    score_entry,
    score_file_download,
    staff,
    study_history,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.import_staff import roles_of
from hocbaso.services.school_setup_from_files import label_containing
from tests.cast import NOW, STUDENTS, Cast, put_sheets

YEAR = "2026-2027"
LATER = date(2027, 6, 1)


def book(rows: list[list[Any]], title: str = "Trang") -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def codes(class_name: str) -> dict[str, str]:
    return {name: f"36{class_name[0]}000{index:04d}" for index, name in enumerate(STUDENTS[class_name])}


def scores(class_name: str, subject: str, semester: int, values: dict[str, list[Any]], n_regular: int = 4) -> bytes:
    head = [
        "STT",
        "Mã định danh Bộ GD&ĐT",
        "Họ và tên",
        *(f"ĐĐGtx{n}" for n in range(1, n_regular + 1)),
        "ĐĐGgk",
        "ĐĐGck",
        "Nhận xét",
    ]
    rows = [[number, codes(class_name)[name], name, *line] for number, (name, line) in enumerate(values.items(), 1)]
    return book(
        [["Lớp:", class_name, None, "Môn học:", subject, None, "Học kì:", semester], [], head, *rows],
        f"{subject} HK{semester}",
    )


ONE = {"Hoàng Thanh Bình": [8, 7.5, 9, 8.5, 8, 7.5, "Tiến bộ."]}


def cell(school: Cast, class_name: str, code: str, semester: int, name: str, key: str) -> m.ScoreCell | None:
    db.session.expire_all()
    return db.session.scalar(
        select(m.ScoreCell).where(
            m.ScoreCell.score_sheet_id == school.sheets[class_name, code, semester],
            m.ScoreCell.enrollment_id == school.enrollments[class_name, name],
            m.ScoreCell.column_key == key,
        )
    )


def test_a_teacher_imports_the_own_sheet(school):
    report = imports.run_import(school.actor("math"), "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    assert report.applied and [line.n_created for line in report.counts] == [7]
    written = cell(school, "9A", "MATH", 2, "Hoàng Thanh Bình", "TX2")
    assert written is not None and (written.tenths, written.updated_by) == (75, school.accounts["math"])
    assert audit_verify.verify().ok


@pytest.mark.parametrize("profile", ["hocbaso", "csdl-nganh"])
def test_a_file_taken_home_from_a_sheet_is_sent_back_to_that_sheets_page(school, profile):
    actor, sheet_id = school.actor("math"), school.sheets["9A", "MATH", 2]
    taken = score_file_download.download(actor, sheet_id, NOW).data
    with pytest.raises(Invalid, match=r"tải về từ bảng điểm Toán 9A, học kì II.*không ghi đè.*Chưa ghi gì"):
        imports.run_import(actor, "scores", taken, NOW, profile=profile)
    with pytest.raises(Invalid, match="nộp tệp ở đó"):
        imports.run_import(SYSTEM, "scores", taken, NOW, profile=profile, apply=True)


def test_an_import_is_taken_back_as_a_whole_and_newer_values_stay(school):
    actor, sheet_id = school.actor("math"), school.sheets["9A", "MATH", 2]
    name = "Hoàng Thanh Bình"
    place = (sheet_id, school.enrollments["9A", name])
    score_entry.save_cell(actor, *place, "GK", "4", expected_version=0, op_id=None, now=NOW)
    batch_id = imports.preview(actor, "scores", scores("9A", "Toán", 2, ONE), "diem.xlsx", NOW)
    done = imports.apply_batch(actor, batch_id, imports.open_batch(actor, batch_id).fingerprint, NOW)
    assert done.applied and imports.open_batch(actor, batch_id).can_undo
    score_entry.save_cell(actor, *place, "TX1", "3", expected_version=1, op_id=None, now=NOW)
    with pytest.raises(NotFound):
        import_undo.undo_import(school.actor("head_science"), batch_id, NOW)
    back = import_undo.undo_import(actor, batch_id, NOW)
    assert (back.n_back, back.can_undo) == (6, False)
    assert back.left == ("Hoàng Thanh Bình, Toán 9A, học kì II, thường xuyên 1: Ô đang là 3,0.",)
    assert cell(school, "9A", "MATH", 2, name, "GK").tenths == 40
    assert cell(school, "9A", "MATH", 2, name, "TX1").tenths == 30
    emptied = cell(school, "9A", "MATH", 2, name, "TX2")
    assert (emptied.tenths, emptied.origin) == (None, "empty")
    assert import_undo.undo_import(actor, batch_id, NOW).n_back == 6, "the second click"
    assert audit_verify.verify().ok


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda sheet: sheet.row_dimensions.__getitem__(4).__setattr__("hidden", True), "dòng này đang bị ẩn"),
        (lambda sheet: sheet.column_dimensions.__getitem__("E").__setattr__("hidden", True), "cột điểm này đang bị ẩn"),
        (lambda sheet: sheet["E4"].__setattr__("font", openpyxl.styles.Font(strike=True)), "bị gạch ngang"),
        (lambda sheet: sheet.column_dimensions.__getitem__("B").__setattr__("hidden", True), None),
        (lambda sheet: sheet["J9"].__setattr__("font", openpyxl.styles.Font(strike=True)), None),
    ],
    ids=["row", "marks", "struck", "codes", "struck elsewhere"],
)
def test_what_nobody_sees_or_somebody_struck_out_is_not_imported(school, edit, said):
    made = openpyxl.load_workbook(io.BytesIO(scores("9A", "Toán", 2, ONE)))
    edit(made.active)
    out = io.BytesIO()
    made.save(out)
    report = imports.run_import(school.actor("math"), "scores", out.getvalue(), NOW)
    found = [problem.message_vi for problem in report.problems if problem.severity == "error"]
    assert (found == []) if said is None else (len(found) == 1 and said in found[0]), found


def test_both_sheets_of_a_file_are_taken_back_and_a_closed_sheet_is_tried_again(school):
    actor = school.actor("math")
    data = whole_class(scores("9A", "Toán", 2, ONE), scores("9A", "Khoa học tự nhiên", 2, {"Hoàng Thanh Bình": [5]}))
    batch_id = imports.preview(actor, "scores", data, "diem.xlsx", NOW)
    imports.apply_batch(actor, batch_id, imports.open_batch(actor, batch_id).fingerprint, NOW)
    put_sheets([school.sheets["9A", "SCI", 2]], "SUBMITTED")
    part = import_undo.undo_import(actor, batch_id, NOW)
    assert part.n_back == 7 and part.can_undo and len(part.left) == 1
    put_sheets([school.sheets["9A", "SCI", 2]], "RETURNED")
    assert import_undo.undo_import(actor, batch_id, NOW).n_back == 8


@pytest.mark.parametrize("key", ["head_society", "other", "head_science"])
def test_anothers_sheet_is_refused_as_if_it_were_not_there_or_not_theirs(school, key):
    report = imports.run_import(school.actor(key), "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    assert not report.applied and report.n_errors == 1
    assert db.session.scalar(select(func.count()).select_from(m.ScoreCell)) == 0
    unknown = imports.run_import(school.actor(key), "scores", scores("9A", "Tiếng dân tộc thiểu số", 2, ONE), NOW)
    assert unknown.n_errors == 1


def whole_class(*parts: bytes) -> bytes:
    """One workbook with the page of each."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for part in parts:
        source = openpyxl.load_workbook(io.BytesIO(part)).active
        page = made.create_sheet(source.title)
        for row in source.iter_rows(values_only=True):
            page.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_of_a_whole_classs_file_only_the_own_pages_are_written_and_the_rest_is_listed(school):
    wrong = {"Hoàng Thanh Bình": [99, None, None, None, None, None, None]}
    data = whole_class(
        scores("9A", "Toán", 2, ONE), scores("9A", "Ngữ văn", 2, wrong), scores("9A", "Tiếng dân tộc thiểu số", 2, ONE)
    )
    report = imports.run_import(school.actor("math"), "scores", data, NOW, apply=True)
    assert report.applied and [line.n_created for line in report.counts] == [7]
    assert report.notes == (
        "Bỏ qua 2 trang không thuộc phần việc của thầy, cô: Ngữ văn 9A, học kì II; "
        "Tiếng dân tộc thiểu số 9A, học kì II.",
    )
    sheets = set(db.session.scalars(select(m.ScoreCell.score_sheet_id)))
    assert sheets == {school.sheets["9A", "MATH", 2]}
    assert audit_verify.verify().ok
    mine_wrong = whole_class(scores("9A", "Toán", 2, wrong), scores("9A", "Ngữ văn", 2, ONE))
    refused = imports.run_import(school.actor("math"), "scores", mine_wrong, NOW, apply=True)
    assert not refused.applied and [error.address.split("!")[0] for error in refused.errors] == ["Toán HK2"]


def test_an_own_page_that_is_closed_is_left_out_and_said_where_another_is_open(school):
    data = whole_class(scores("9A", "Toán", 2, ONE), scores("9A", "Toán", 1, ONE), scores("9A", "Ngữ văn", 1, ONE),
                       scores("9A", "Ngữ văn", 2, ONE))  # fmt: skip
    report = imports.run_import(school.actor("math"), "scores", data, NOW, apply=True)
    assert report.applied and [(line.n_created, line.n_unchanged) for line in report.counts] == [(7, 0)]
    assert report.n_items == 1 and "Ngữ văn 9A, hai học kì." in report.notes[0]
    assert report.notes[1].startswith("Không ghi trang Toán 9A, học kì I. ") and "18/01/2027" in report.notes[1]
    assert set(db.session.scalars(select(m.ScoreCell.score_sheet_id))) == {school.sheets["9A", "MATH", 2]}


def test_the_system_passes_nothing_by(school):
    data = whole_class(scores("9A", "Toán", 2, ONE), scores("9A", "Tiếng dân tộc thiểu số", 2, ONE))
    assert not imports.run_import(SYSTEM, "scores", data, NOW, apply=True).applied


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        ("clerk", ("teachers", "students", "assignments")),
        ("math", ("scores",)),
        ("principal", ()),
        ("vice_principal", ()),
        ("it_officer", ()),
        ("outsider", ()),
        ("board", ()),
    ],
)
def test_who_may_import_what(school, key, kinds):
    actor = school.actor(key)
    assert imports.kinds_for(actor) == kinds
    for kind in ("students", "teachers", "assignments", "scores"):
        if kind not in kinds:
            with pytest.raises(NotAllowed):
                imports.run_import(actor, kind, b"never read", NOW)


def test_outside_the_window_the_dates_are_said(school):
    report = imports.run_import(school.actor("math"), "scores", scores("9A", "Toán", 1, ONE), NOW, apply=True)
    assert not report.applied
    assert "05/09/2026" in report.errors[0].message_vi and "18/01/2027" in report.errors[0].message_vi


def test_a_sheet_that_was_handed_in_takes_nothing_but_tells_what_is_the_same(school):
    imports.run_import(SYSTEM, "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    with write_transaction() as session:
        session.get(m.ScoreSheet, school.sheets["9A", "MATH", 2]).state = "SUBMITTED"
    same = imports.run_import(school.actor("math"), "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    assert not same.n_errors and same.n_changes == 0
    other = {"Hoàng Thanh Bình": [8, 7.5, 9, 8.5, 8, 10, None]}
    for actor in (school.actor("math"), SYSTEM):
        refused = imports.run_import(actor, "scores", scores("9A", "Toán", 2, other), NOW, apply=True)
        assert not refused.applied and "đã nộp" in refused.errors[0].message_vi


def test_missed_and_made_up_keep_their_origin(school):
    actor = school.actor("math")
    imports.run_import(
        actor,
        "scores",
        scores("9A", "Toán", 2, {"Hoàng Thanh Bình": ["VP", "VK", 8, None, None, None, None]}),
        NOW,
        apply=True,
    )
    first, second = (cell(school, "9A", "MATH", 2, "Hoàng Thanh Bình", key) for key in ("TX1", "TX2"))
    assert (
        first is not None
        and (first.origin, first.tenths) == ("missed_excused", None)
        and first.makeup_due_on is not None
    )
    assert second is not None and (second.origin, second.tenths) == ("missed_unexcused", 0)
    again = {"Hoàng Thanh Bình": [7, 0, None, None, None, None, None]}
    report = imports.run_import(actor, "scores", scores("9A", "Toán", 2, again), NOW, apply=True)
    assert report.n_changes == 1
    first, second, third = (cell(school, "9A", "MATH", 2, "Hoàng Thanh Bình", key) for key in ("TX1", "TX2", "TX3"))
    assert first is not None and (first.origin, first.tenths) == ("makeup", 70)
    assert second is not None and second.origin == "missed_unexcused"
    assert third is not None and third.tenths == 80


def test_an_exempt_student_takes_no_mark(school):
    with write_transaction() as session:
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments["9A", "Hoàng Thanh Bình"],
                subject_id=session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH")),
                semester=None,
                state="GRANTED",
                reason="Bệnh",
                proposed_by=school.accounts["math"],
                proposed_at=NOW,
            )
        )
    actor = school.actor("math")
    refused = imports.run_import(actor, "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    assert not refused.applied and "miễn" in refused.errors[0].message_vi
    fine = {"Hoàng Thanh Bình": ["M", "M", "M", "M", "M", "M", None], "Nguyễn Bảo Châu": [8, 8, 8, 8, 8, 8, None]}
    assert imports.run_import(actor, "scores", scores("9A", "Toán", 2, fine), NOW, apply=True).applied
    file = exports.export(SYSTEM, "scores", NOW, form="jsonl", class_name="9A").data.decode()
    assert '"exempt": true' in file


def test_apply_does_exactly_what_was_previewed_or_nothing(school):
    actor = school.actor("math")
    data = scores("9A", "Toán", 2, ONE)
    batch_id = imports.preview(actor, "scores", data, "toan.xlsx", NOW)
    shown = imports.open_batch(actor, batch_id)
    assert shown.can_apply and shown.n_changes == 7
    with pytest.raises(NotFound):
        imports.open_batch(school.actor("other"), batch_id)
    other = {"Hoàng Thanh Bình": [5, None, None, None, None, None, None]}
    imports.run_import(actor, "scores", scores("9A", "Toán", 2, other), NOW, apply=True)
    with pytest.raises(Stale):
        imports.apply_batch(actor, batch_id, shown.fingerprint, NOW)
    assert cell(school, "9A", "MATH", 2, "Hoàng Thanh Bình", "TX1").tenths == 50  # type: ignore[union-attr]
    fresh = imports.preview_again(actor, batch_id, NOW)
    plan = imports.open_batch(actor, fresh)
    assert [(c.before, c.after) for c in plan.items[0].changes if c.before] == [("5,0", "8,0")]
    assert imports.apply_batch(actor, fresh, plan.fingerprint, NOW).applied
    with pytest.raises(WrongState):
        imports.apply_batch(actor, fresh, plan.fingerprint, NOW)


STUDENT_HEAD = ["STT", "Lớp", "Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "Giới tính", "Số định danh cá nhân"]


def test_a_code_of_one_and_a_personal_id_of_another_is_refused(school):
    rows = [STUDENT_HEAD, [1, "6A", "3660000000", "Nguyễn Hoài An", "01/03/2015", "Nữ", "036215600001"]]
    report = imports.run_import(school.actor("clerk"), "students", book(rows), NOW, apply=True)
    assert not report.applied and report.errors[0].address == "Trang!G2"


def test_a_code_with_another_name_and_birth_date_is_refused(school):
    rows = [STUDENT_HEAD, [1, "6A", "3660000000", "Phạm Tuấn Kiệt", "09/09/2015", "Nam", None]]
    report = imports.run_import(school.actor("clerk"), "students", book(rows), NOW, apply=True)
    assert not report.applied and "Nguyễn Hoài An" in report.errors[0].message_vi


def test_a_birth_after_today_is_refused(school):
    rows = [STUDENT_HEAD, [1, "6A", None, "Nguyễn Hoài An", "01/03/2090", "Nữ", None]]
    report = imports.run_import(school.actor("clerk"), "students", book(rows), NOW, apply=True)
    assert not report.applied and report.errors[0].address == "Trang!E2"


def test_a_score_file_sent_as_students_is_named_once(school):
    with pytest.raises(Invalid, match=r"^Đây là bảng điểm của lớp 9A, không phải danh sách học sinh\."):
        imports.run_import(school.actor("clerk"), "students", scores("9A", "Toán", 2, ONE), NOW)


SAMPLES = Path(__file__).parent.parent / "data" / "truong-mau"
OWN_FILES = {
    "students": ("hoc-sinh.xlsx", "danh sách học sinh", "Hãy chọn loại “Danh sách học sinh”"),
    "teachers": ("giao-vien.xlsx", "danh sách cán bộ, giáo viên", "Hãy chọn loại “Cán bộ, giáo viên”"),
    "assignments": ("phan-cong.xlsx", "bảng phân công", "Hãy chọn loại “Phân công”"),
    "scores": ("diem-9A.xlsx", "bảng điểm của lớp 9A", "ở loại “Bảng điểm”"),
}


@pytest.mark.parametrize("wanted", OWN_FILES)
@pytest.mark.parametrize("given", OWN_FILES)
def test_a_file_of_another_kind_is_named_once(wanted: str, given: str):
    name, words, hint = OWN_FILES[given]
    data = (SAMPLES / name).read_bytes()
    read = {
        "students": people_tables.read_students,
        "teachers": people_tables.read_teachers,
        "assignments": people_tables.read_assignments,
        "scores": score_tables.read_scores,
    }[wanted]
    if wanted == given:
        assert read(data).rows
        return
    with pytest.raises(Invalid) as refusal:
        read(data)
    assert refusal.value.message.startswith(f"Đây là {words}, không phải ") and hint in refusal.value.message


def test_the_clerk_gives_no_role_by_a_file(school):
    rows = [
        ["Mã giáo viên", "Họ và tên", "Chức vụ", "Tổ chuyên môn"],
        ["GV020", "Lưu Kim Oanh", "Văn thư", None],
        ["GV021", "Mai Thế Vinh", "Tổ trưởng", "Tổ Ngoại ngữ"],
    ]
    before = db.session.scalar(select(func.count()).select_from(m.RoleGrant))
    report = imports.run_import(school.actor("clerk"), "teachers", book(rows), NOW, apply=True)
    assert report.applied and sum("cần Hiệu trưởng giao quyền" in note for note in report.notes) == 2
    assert db.session.scalar(select(func.count()).select_from(m.RoleGrant)) == before
    assert audit_verify.verify().ok


def test_a_list_gives_no_role_that_the_principal_could_not_give(school):
    """Set-up gives the roles that positions call for, by the rules of every other way; the rest of the list goes in."""
    gone = {"staff_code": "GV009", "full_name": "Cao Xuân Nghĩa", "left_on": date(2027, 5, 11)}
    staff.save_profile(school.actor("clerk"), school.people["outsider"], gone, 1, NOW)
    grant = role_grants.grant_role(
        SYSTEM, school.people["board"], Role.GROUP_HEAD, NOW, scope_id=school.groups["Tổ Xã hội"], starts_on=LATER
    )
    rows = [
        ["Mã giáo viên", "Họ và tên", "Chức vụ", "Tổ chuyên môn"],
        ["GV007", "Trịnh Thu Hà", "Giáo viên, Văn thư", "Tổ Tự nhiên"],  # teaches 9A
        ["GV004", "Ngô Văn Quý", "Giáo viên CNTT, Văn thư", "Tổ Tự nhiên"],  # looks after the machines
        ["GV030", "Lưu Kim Oanh", "Văn thư, CNTT", None],  # new, asks for both
        ["GV009", "Cao Xuân Nghĩa", "Phó Hiệu trưởng", "Tổ Xã hội"],  # has left
        ["GV010", "Đỗ Hạnh Dung", "Tổ trưởng", "Tổ Xã hội"],  # is given it already, from June
        ["GV031", "Mai Thế Vinh", "Văn thư", None],
    ]
    report = imports.run_import(SYSTEM, "teachers", book(rows), NOW, apply=True)
    assert report.applied
    held: dict[str, list[str]] = {}
    for code, role in db.session.execute(
        select(m.Person.staff_code, m.RoleGrant.role)
        .join(m.RoleGrant, m.RoleGrant.person_id == m.Person.id)
        .order_by(m.RoleGrant.id)
    ):
        held.setdefault(code, []).append(role)
    assert "GV007" not in held and "GV009" not in held
    assert held["GV004"] == ["it_officer"] and held["GV030"] == ["clerk"] and held["GV031"] == ["clerk"]
    assert held["GV010"] == ["board_member", "group_head"] and grant.starts_on == LATER
    said = " ".join(problem.message_vi for problem in report.problems)
    assert all(words in said for words in ("dạy hoặc chủ nhiệm", "CNTT không giữ vai trò khác", "đến hết 11/05/2027"))
    assert audit_verify.verify().ok


def test_somebody_already_there_under_another_code_is_asked_about_and_becomes_one_person(school):
    person = school.people["principal"]
    db.session.execute(update(m.Person).where(m.Person.id == person).values(birth_on=None, personal_id_number=None))
    db.session.execute(update(m.Person).where(m.Person.id == person).values(staff_code="BGH01"))
    db.session.commit()
    rows = [
        ["Mã giáo viên", "Họ và tên", "Ngày sinh", "Chức vụ"],
        ["GV001", "Đoàn Thị Hải Yến", "12/03/1975", "Hiệu trưởng"],
        ["GV060", "Lưu Kim Oanh", "02/03/1985", "Giáo viên"],
    ]
    clerk, data = school.actor("clerk"), book(rows)
    report = imports.run_import(clerk, "teachers", data, NOW, apply=True)
    assert not report.applied and not report.can_apply and not report.problems
    assert [(one.code, one.known_code, one.person_id) for one in report.open_asks] == [("GV001", "BGH01", person)]
    assert "Hiệu trưởng" in report.open_asks[0].why

    n_people = db.session.scalar(select(func.count()).select_from(m.Person))
    first = imports.preview(clerk, "teachers", data, "can-bo.xlsx", NOW)
    with pytest.raises(Invalid):
        imports.preview_with_answers(clerk, first, {}, NOW)
    second = imports.preview_with_answers(clerk, first, {"GV001": "same"}, NOW)
    shown = imports.open_batch(clerk, second)
    assert shown.can_apply
    assert next((c.before, c.after) for item in shown.items for c in item.changes) == ("BGH01", "GV001")
    assert imports.apply_batch(clerk, second, shown.fingerprint, NOW).applied
    kept = db.session.get(m.Person, person, populate_existing=True)
    assert (kept.staff_code, kept.birth_on) == ("GV001", date(1975, 3, 12))
    assert db.session.scalar(select(func.count()).select_from(m.Person)) == n_people + 1


def test_two_who_only_share_a_name_are_told_apart_by_code(school):
    db.session.execute(
        update(m.Person).where(m.Person.id == school.people["principal"]).values(staff_code="BGH01", birth_on=None)
    )
    db.session.commit()
    rows = [["Mã giáo viên", "Họ và tên", "Chức vụ"], ["GV001", "Đoàn Thị Hải Yến", "Hiệu trưởng"]]
    report = imports.run_import(
        school.actor("clerk"), "teachers", book(rows), NOW, apply=True, answers={"GV001": "other"}
    )
    assert report.applied
    [said] = [problem.message_vi for problem in report.problems]
    assert said == (
        "Đoàn Thị Hải Yến (BGH01) đã được giao vai trò Hiệu trưởng; chưa giao quyền cho Đoàn Thị Hải Yến (GV001)."
    )


def test_a_namesake_born_on_another_day_is_somebody_else(school):
    rows = [["Mã giáo viên", "Họ và tên", "Ngày sinh"], ["GV061", "Đoàn Thị Hải Yến", "12/03/1999"]]
    report = imports.run_import(school.actor("clerk"), "teachers", book(rows), NOW, apply=True)
    assert report.applied and not report.asks


@pytest.mark.parametrize(
    ("position", "roles"),
    [
        ("Hiệu trưởng", ["principal"]),
        ("Phó Hiệu trưởng", ["vice_principal"]),
        ("Giáo viên, Tổ trưởng", ["group_head"]),
        ("Tổ phó", []),
        ("Giáo viên", []),
        ("GV CNTT", ["it_officer"]),
        ("Giáo viên kiêm Văn thư", ["clerk"]),
        (None, []),
        ("Thư ký Hiệu trưởng", []),
    ],
)
def test_positions_call_for_roles(position, roles):
    assert [role.value for role in roles_of(position)] == roles


def test_fewer_lessons_than_marks_already_given_is_refused(school):
    imports.run_import(SYSTEM, "scores", scores("9A", "Toán", 2, ONE), NOW, apply=True)
    rows = [["Lớp", "Môn học", "Số tiết/năm", "Mã giáo viên"], ["9A", "Toán", 35, "GV007"]]
    report = imports.run_import(school.actor("clerk"), "assignments", book(rows), NOW, apply=True)
    assert not report.applied and report.errors[0].address == "Trang!C2"
    rows[1][2] = 105
    assert imports.run_import(school.actor("clerk"), "assignments", book(rows), NOW, apply=True).applied
    assert audit_verify.verify().ok


def test_the_year_that_contains_a_day():
    assert label_containing(datetime(2026, 7, 31, tzinfo=UTC).date()) == "2025-2026"
    assert label_containing(datetime(2026, 8, 1, tzinfo=UTC).date()) == "2026-2027"


def test_exports_stay_in_scope(school):
    teacher = exports.export(school.actor("math"), "scores", NOW, form="jsonl").data.decode()
    assert {line.split('"subject": "')[1].split('"')[0] for line in teacher.splitlines()} == {
        "Toán",
        "Khoa học tự nhiên",
    }
    assert exports.export(school.actor("principal"), "scores", NOW, form="jsonl").n_rows == 2 * 12 * 2 * 5
    with pytest.raises(NotAllowed):
        exports.export(school.actor("it_officer"), "scores", NOW)
    with pytest.raises(NotFound):
        exports.export(school.actor("math"), "scores", NOW, class_name="6A")
    own = exports.export(school.actor("math"), "students", NOW, form="jsonl").data.decode()
    assert own.count('"class": "9A"') == 5 and '"6A"' not in own
    with pytest.raises(NotAllowed):
        exports.export(school.actor("outsider"), "students", NOW)


MARCH = datetime(2027, 3, 15, 2, tzinfo=UTC)
KHOI = [1, "6A", "3699999999", "Phạm Minh Khôi", "02/02/2015", "Nam", None]


def placed(name: str = "Phạm Minh Khôi") -> m.Enrollment:
    return db.session.scalars(select(m.Enrollment).join(m.Student).where(m.Student.full_name == name)).one()


def old_school(school: Cast, student_id: int) -> int:
    year = {"year_label": YEAR, "class_name": "6C", "school_name": "Trường THCS Khác", "arrived_on": "15/03/2027"}
    return study_history.enter(school.actor("clerk"), student_id, year, MARCH)


@pytest.mark.parametrize("header", ["Ngày vào lớp", "Ngày nhập học", "Ngày chuyển đến"])
def test_a_pupil_who_comes_in_the_middle_of_the_year_has_the_day_of_the_file(school: Cast, header: str):
    data = book([[*STUDENT_HEAD, header], [*KHOI, "15/03/2027"]])
    report = imports.run_import(school.actor("clerk"), "students", data, MARCH, apply=True)
    assert report.applied and report.n_undated == 0
    row = placed()
    assert (row.joined_on, row.status) == (date(2027, 3, 15), "transferred_in")
    assert old_school(school, row.student_id)
    assert audit_verify.verify().faults == []


def test_without_a_day_the_preview_says_so_and_takes_one_for_all(school: Cast):
    clerk, data = school.actor("clerk"), book([STUDENT_HEAD, KHOI])
    first = imports.open_batch(clerk, imports.preview(clerk, "students", data, "moi.xlsx", MARCH))
    assert first.n_undated == 1 and first.asks_day
    assert any("được ghi là học ở đây từ đầu năm học (05/09/2026)" in note for note in first.notes)
    with pytest.raises(Invalid):
        imports.preview_with_day(clerk, first.batch_id, date(2027, 3, 16), MARCH)
    again = imports.open_batch(clerk, imports.preview_with_day(clerk, first.batch_id, date(2027, 3, 15), MARCH))
    assert again.n_undated == 0 and again.asks_day and again.fingerprint != first.fingerprint
    assert [change.after for item in again.items for change in item.changes] == ["15/03/2027"]
    with pytest.raises(Stale):  # the day is part of what was agreed to
        imports.apply_batch(clerk, again.batch_id, first.fingerprint, MARCH)
    imports.apply_batch(clerk, again.batch_id, again.fingerprint, MARCH)
    row = placed()
    assert (row.joined_on, row.status) == (date(2027, 3, 15), "transferred_in")
    assert old_school(school, row.student_id)


def test_a_first_list_and_an_early_day_are_there_from_the_start(school: Cast):
    """The first month's list is the year's; and a day of an earlier year is the day of coming into the school."""
    early = datetime(2026, 9, 20, 2, tzinfo=UTC)
    report = imports.run_import(school.actor("clerk"), "students", book([STUDENT_HEAD, KHOI]), early, apply=True)
    assert report.n_undated == 0 and not any("ngày vào lớp" in note for note in report.notes)
    assert (placed().joined_on, placed().status) == (date(2026, 9, 5), "studying")
    other = [2, "9A", "3699999998", "Lý Minh Đăng", "02/02/2012", "Nam", None, "05/09/2023"]
    data = book([[*STUDENT_HEAD, "Ngày nhập học"], other])
    report = imports.run_import(school.actor("clerk"), "students", data, MARCH, apply=True)
    assert report.n_undated == 0
    assert (placed("Lý Minh Đăng").joined_on, placed("Lý Minh Đăng").status) == (date(2026, 9, 5), "studying")
    with pytest.raises(Invalid):
        old_school(school, placed("Lý Minh Đăng").student_id)


@pytest.mark.parametrize("typed", ["16/03/2027", "01/06/2027", "40/03/2027"])
def test_a_day_that_cannot_be_is_named(school: Cast, typed: str):
    data = book([[*STUDENT_HEAD, "Ngày vào lớp"], [*KHOI, typed]])
    report = imports.run_import(school.actor("clerk"), "students", data, MARCH, apply=True)
    assert not report.applied and [problem.field for problem in report.errors] == ["Ngày vào lớp"]


def test_a_day_in_the_middle_of_the_year_survives_export_and_import(school: Cast):
    data = book([[*STUDENT_HEAD, "Ngày vào lớp"], [*KHOI, "15/03/2027"]])
    imports.run_import(school.actor("clerk"), "students", data, MARCH, apply=True)
    made = exports.export(SYSTEM, "students", MARCH, form="xlsx", class_name="6A")
    rows = people_tables.read_students(made.data).rows
    assert {row.full_name: row.joined_on for row in rows if row.joined_on} == {"Phạm Minh Khôi": date(2027, 3, 15)}
