"""The sample school through the command line into an empty instance, every value read again by other means."""

from __future__ import annotations

import io
import json
import shutil
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import audit_verify, roster
from hocbaso.services.access import SYSTEM
from tests import databases
from tests.conftest import make_app
from tests.exchange import messy_workbooks as mw
from tests.services.test_imports import STUDENT_HEAD, book

SAMPLES = mw.SAMPLES
CLASSES = ("6A", "7A", "8A", "9A")
FILES = [
    ("students", "hoc-sinh.xlsx"),
    ("teachers", "giao-vien.xlsx"),
    ("assignments", "phan-cong.xlsx"),
    *(("scores", f"diem-{name}.xlsx") for name in CLASSES),
]


def run(app: Flask, *args: str | Path) -> Result:
    return app.test_cli_runner().invoke(args=[str(arg) for arg in args])


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def as_json(result: Result) -> dict[str, Any]:
    return json.loads(next(line for line in result.output.splitlines() if line.startswith("{")))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance into which the seven files went, in order, through the command line."""
    folder = tmp_path_factory.mktemp("imported")
    app = make_app(folder)
    for kind, name in FILES:
        if kind == "scores" and not (folder.parent / "staffed").exists():
            close(app)
            shutil.copytree(folder, folder.parent / "staffed")
            close(make_app(folder.parent / "staffed"))  # its database is copied now, not when a test opens it
            app = make_app(folder)
        report = as_json(done(run(app, "import", kind, SAMPLES / name, "--apply", "--year", "2025-2026", "--json")))
        assert report["applied"] and report["n_errors"] == 0 and report["n_warnings"] == 0, report["problems"]
    close(app)
    return folder


def close(app: Flask) -> None:
    with app.app_context():
        databases.settle()


@pytest.fixture
def school_app(imported: Path, tmp_path: Path) -> Iterator[Flask]:
    """A fresh copy of the imported school."""
    shutil.copytree(imported, tmp_path / "copy")
    app = make_app(tmp_path / "copy")
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def staffed_app(imported: Path, tmp_path: Path) -> Iterator[Flask]:
    """A fresh copy of the school as it was before any score."""
    shutil.copytree(imported.parent / "staffed", tmp_path / "staffed")
    app = make_app(tmp_path / "staffed")
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def sheet_rows(name: str) -> list[dict[str, Any]]:
    """The rows of a flat file, read here by openpyxl alone."""
    sheet = openpyxl.load_workbook(SAMPLES / name).active
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def score_pages(name: str) -> Iterator[tuple[str, str, int, list[dict[str, Any]]]]:
    """(class, subject, semester, rows) of each page of a score file, read here by openpyxl alone."""
    for sheet in openpyxl.load_workbook(SAMPLES / name).worksheets:
        rows = list(sheet.iter_rows(values_only=True))
        yield rows[0][1], rows[0][4], rows[0][7], [dict(zip(rows[2], row, strict=True)) for row in rows[3:]]


def day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()


def test_students_stand_as_in_the_file(school_app):
    said = sheet_rows("hoc-sinh.xlsx")
    with school_app.app_context():
        found = {
            student.moet_code: (class_name, student)
            for class_name, student in db.session.execute(
                select(m.ClassGroup.name, m.Student)
                .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassGroup.id)
                .join(m.Student, m.Student.id == m.Enrollment.student_id)
            )
        }
        assert len(said) == len(found) == 160
        for row in said:
            class_name, student = found[row["Mã định danh Bộ GD&ĐT"]]
            assert class_name == row["Lớp"]
            assert student.birth_on == day(row["Ngày sinh"])
            columns = {
                "Số sổ đăng bộ": "register_no",
                "Họ và tên": "full_name",
                "Giới tính": "sex",
                "Nơi sinh": "birth_place",
                "Dân tộc": "ethnicity",
                "Quốc tịch": "nationality",
                "Số định danh cá nhân": "personal_id_number",
                "Chỗ ở hiện nay": "address",
                "Đối tượng chính sách": "policy_category",
                "Họ tên cha": "father_name",
                "Nghề nghiệp cha": "father_job",
                "Họ tên mẹ": "mother_name",
                "Nghề nghiệp mẹ": "mother_job",
                "Họ tên người giám hộ": "guardian_name",
                "Điện thoại": "phone",
                "Quê quán": "home_town",
                "Chiều cao (cm)": "height_cm",
                "Cân nặng (kg)": "weight_kg",
            }
            for header, column in columns.items():
                assert getattr(student, column) == row[header], (row["Họ và tên"], header)
        school = db.session.get(m.School, 1)
        assert school is not None and school.name == "Trường chưa đặt tên"
        assert db.session.scalars(select(m.SchoolYear.label)).all() == ["2025-2026"]


def test_staff_positions_and_groups_stand_as_in_the_file(school_app):
    said = sheet_rows("giao-vien.xlsx")
    with school_app.app_context():
        people = {row.staff_code: row for row in db.session.scalars(select(m.Person))}
        assert len(said) == len(people) == 18
        for row in said:
            person = people[row["Mã giáo viên"]]
            assert (person.full_name, person.birth_on, person.sex, person.personal_id_number) == (
                row["Họ và tên"],
                day(row["Ngày sinh"]),
                row["Giới tính"],
                row["Số định danh cá nhân"],
            )
            assert (person.subject_group.name if person.subject_group else None) == row["Tổ chuyên môn"]
            assert (person.position_title, person.qualification, person.phone, person.email) == (
                row["Chức vụ"],
                row["Trình độ"],
                row["Điện thoại"],
                row["Email"],
            )
        roles = {
            "Hiệu trưởng": "principal",
            "Phó Hiệu trưởng": "vice_principal",
            "Văn thư": "clerk",
            "Giáo viên phụ trách CNTT": "it_officer",
            "Tổ trưởng": "group_head",
        }
        wanted = {(row["Mã giáo viên"], roles[row["Chức vụ"]]) for row in said if row["Chức vụ"] in roles}
        given = set(
            db.session.execute(
                select(m.Person.staff_code, m.RoleGrant.role).join(m.RoleGrant, m.RoleGrant.person_id == m.Person.id)
            ).all()
        )
        assert given == wanted
        for grant in db.session.scalars(select(m.RoleGrant).where(m.RoleGrant.role == "group_head")):
            assert (grant.scope_kind, grant.scope_id) == ("subject_group", grant.person.subject_group_id)


def test_assignments_stand_as_in_the_file(school_app):
    said = sheet_rows("phan-cong.xlsx")
    with school_app.app_context():
        taught = set(
            db.session.execute(
                select(m.ClassGroup.name, m.Subject.name, m.ClassSubject.lessons_per_year, m.Person.staff_code)
                .join(m.ClassSubject, m.ClassSubject.class_group_id == m.ClassGroup.id)
                .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
                .join(m.TeachingAssignment, m.TeachingAssignment.class_subject_id == m.ClassSubject.id)
                .join(m.Person, m.Person.id == m.TeachingAssignment.person_id)
            ).all()
        )
        assert taught == {(row["Lớp"], row["Môn học"], row["Số tiết/năm"], row["Mã giáo viên"]) for row in said}
        kept = set(
            db.session.execute(
                select(m.ClassGroup.name, m.Person.staff_code)
                .join(m.HomeroomAssignment, m.HomeroomAssignment.class_group_id == m.ClassGroup.id)
                .join(m.Person, m.Person.id == m.HomeroomAssignment.person_id)
            ).all()
        )
        assert kept == {(row["Lớp"], row["Mã giáo viên"]) for row in said if row["Chủ nhiệm"] == "x"}
        assert db.session.scalar(select(func.count()).select_from(m.ScoreSheet)) == 2 * len(said)


def said_cell(value: Any) -> tuple[int | None, str | None]:
    if isinstance(value, str):
        return None, value
    return int(Decimal(str(value)) * 10), None


def test_every_score_and_remark_stands_as_in_the_files(school_app):
    stored: dict[tuple[str, str, int, str, str], Any] = {}
    with school_app.app_context():
        for row in db.session.execute(
            select(
                m.ClassGroup.name.label("class_name"),
                m.Subject.name.label("subject"),
                m.ScoreSheet.semester,
                m.Student.moet_code,
                m.ScoreCell.column_key,
                m.ScoreCell.tenths,
                m.ScoreCell.mark,
                m.ScoreCell.remark,
                m.ScoreCell.origin,
            )
            .join(m.ScoreSheet, m.ScoreSheet.id == m.ScoreCell.score_sheet_id)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .join(m.Enrollment, m.Enrollment.id == m.ScoreCell.enrollment_id)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
        ):
            stored[row.class_name, row.subject, row.semester, row.moet_code, row.column_key] = row
    n_said = 0
    for class_name in CLASSES:
        for name, subject, semester, rows in score_pages(f"diem-{class_name}.xlsx"):
            for row in rows:
                for header, value in row.items():
                    key = {"ĐĐGgk": "GK", "ĐĐGck": "CK", "Nhận xét": "NX"}.get(header) or (
                        f"TX{header[5:]}" if header.startswith("ĐĐGtx") else None
                    )
                    if key is None or value is None:
                        continue
                    n_said += 1
                    cell = stored[name, subject, semester, row["Mã định danh Bộ GD&ĐT"], key]
                    assert cell.origin == "entered"
                    if key == "NX":
                        assert (cell.remark, cell.tenths, cell.mark) == (
                            unicodedata.normalize("NFC", value),
                            None,
                            None,
                        )
                    else:
                        assert (cell.tenths, cell.mark) == said_cell(value), (name, subject, semester, row, header)
    assert n_said == len(stored) > 20_000


def test_the_audit_log_knows_every_imported_value(school_app):
    with school_app.app_context():
        report = audit_verify.verify()
        assert report.ok, report.faults
        tags = list(db.session.scalars(select(m.AuditEntry.tag)))
        assert tags.count("import:batch:applied") == len(FILES)
        assert tags.count("score:cells:imported") == 4 * 24
        assert tags.count("student:record:created") == 1


def test_importing_again_changes_nothing(school_app):
    with school_app.app_context():
        head = db.session.scalar(select(func.max(m.AuditEntry.seq)))
    for kind, name in FILES:
        report = as_json(done(run(school_app, "import", kind, SAMPLES / name, "--apply", "--json")))
        assert report["items"] == [] and report["n_errors"] == 0
        assert all(line["n_created"] == line["n_changed"] == 0 for line in report["counts"])
        assert sum(line["n_unchanged"] for line in report["counts"]) > 0
    with school_app.app_context():
        assert db.session.scalar(select(func.max(m.AuditEntry.seq))) == head


def test_without_apply_nothing_is_saved(tmp_path):
    app = make_app(tmp_path / "empty")
    result = done(run(app, "import", "students", SAMPLES / "hoc-sinh.xlsx", "--school", "THCS Đồng Sen"))
    assert "Học sinh: 160 mới" in result.output and "chưa ghi gì" in result.output
    with app.app_context():
        for table in (m.School, m.SchoolYear, m.ClassGroup, m.Student, m.ImportBatch, m.AuditEntry):
            assert db.session.scalar(select(func.count()).select_from(table)) == 0
    done(
        run(
            app,
            "import",
            "students",
            SAMPLES / "hoc-sinh.xlsx",
            "--school",
            "THCS Đồng Sen",
            "--year",
            "2025-2026",
            "--apply",
        )
    )
    with app.app_context():
        assert db.session.get(m.School, 1).name == "THCS Đồng Sen"


# --- messy files give the same database -------------------------------------------------------------------------------

ROSTER_MESS = mw.everything(
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
)
SCORE_MESS = mw.everything(
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
)


def contents(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the files tell, told by natural keys."""
    with app.app_context():
        students = [column for column in m.Student.__table__.c if column.name not in ("id", "touched_at", "version")]
        people = [column for column in m.Person.__table__.c if column.name not in ("id", "version", "subject_group_id")]
        return {
            "students": sorted(map(tuple, db.session.execute(select(*students))), key=repr),
            "places": sorted(
                map(
                    tuple,
                    db.session.execute(
                        select(m.ClassGroup.name, m.Student.moet_code)
                        .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassGroup.id)
                        .join(m.Student, m.Student.id == m.Enrollment.student_id)
                    ),
                )
            ),
            "people": sorted(map(tuple, db.session.execute(select(*people))), key=repr),
            "scores": sorted(
                map(
                    tuple,
                    db.session.execute(
                        select(
                            m.ClassGroup.name,
                            m.Subject.code,
                            m.ScoreSheet.semester,
                            m.Student.moet_code,
                            m.ScoreCell.column_key,
                            m.ScoreCell.tenths,
                            m.ScoreCell.mark,
                            m.ScoreCell.remark,
                            m.ScoreCell.origin,
                        )
                        .join(m.ScoreSheet, m.ScoreSheet.id == m.ScoreCell.score_sheet_id)
                        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
                        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
                        .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
                        .join(m.Enrollment, m.Enrollment.id == m.ScoreCell.enrollment_id)
                        .join(m.Student, m.Student.id == m.Enrollment.student_id)
                    ),
                ),
                key=repr,
            ),
        }


def test_messy_files_give_the_same_school(school_app, tmp_path):
    app = make_app(tmp_path / "messy")
    for kind, name in FILES[:4]:
        path = tmp_path / name
        path.write_bytes(
            mw.messy(
                name,
                SCORE_MESS
                if kind == "scores"
                else ROSTER_MESS
                if kind == "students"
                else mw.everything(mw.decomposed, mw.blanks_everywhere, mw.title_rows, mw.empty_rows),
            )
        )
        done(run(app, "import", kind, path, "--apply", "--year", "2025-2026"))
    clean, messy = contents(school_app), contents(app)
    assert messy["students"] == clean["students"]
    assert messy["places"] == clean["places"]
    assert messy["people"] == clean["people"]
    assert messy["scores"] == [row for row in clean["scores"] if row[0] == "6A"]


# --- one bad cell, nothing saved --------------------------------------------------------------------------------------


def bad_file(tmp_path: Path, name: str, *messes: mw.Mess) -> Path:
    path = tmp_path / f"hong-{name}"
    path.write_bytes(mw.messy(name, *messes))
    return path


@pytest.mark.parametrize(
    ("kind", "name", "mess", "address", "words"),
    [
        (
            "students",
            "hoc-sinh.xlsx",
            mw.with_cell(0, 41, "Ngày sinh", "31/02/2013"),
            "Danh sách học sinh!F43",
            "Ngày sinh",
        ),
        (
            "students",
            "hoc-sinh.xlsx",
            mw.with_cell(0, 3, "Số sổ đăng bộ", "0024/THCS"),
            "Danh sách học sinh!D5",
            "trùng với",
        ),
        (
            "assignments",
            "phan-cong.xlsx",
            mw.with_cell(0, 2, "Giáo viên", "Dương Mai Hoa"),
            "Phân công!F4",
            "mã GV011 là của Hoàng Bảo Ân",
        ),
        (
            "assignments",
            "phan-cong.xlsx",
            mw.with_cell(0, 2, "Mã giáo viên", "GV099"),
            "Phân công!E4",
            "chưa có cán bộ nào",
        ),
        ("scores", "diem-6A.xlsx", mw.with_cell(2, 4, "ĐĐGgk", 11), "Toán HK1!", "điểm phải từ 0 đến 10"),
        (
            "scores",
            "diem-6A.xlsx",
            mw.with_cell(2, 4, "Họ và tên", "Nguyễn Văn Lạ"),
            "Toán HK1!C8",
            "mã và tên không khớp",
        ),
        ("scores", "diem-6A.xlsx", mw.with_cell(2, 4, "ĐĐGck", "Miễn"), "Toán HK1!", "miễn học"),
    ],
)
def test_one_bad_cell_saves_nothing_and_is_named(staffed_app, tmp_path, kind, name, mess, address, words):
    app = staffed_app
    with app.app_context():
        tables = (m.Student, m.Person, m.ClassSubject, m.TeachingAssignment, m.ScoreCell, m.ImportBatch, m.AuditEntry)
        before = [db.session.scalar(select(func.count()).select_from(table)) for table in tables]
        db.session.remove()
    result = run(app, "import", kind, bad_file(tmp_path, name, mess), "--apply", "--year", "2025-2026")
    assert result.exit_code == 1
    line = next(line for line in result.output.splitlines() if address in line and "LỖI" in line)
    assert words in line
    assert "Chưa ghi gì" in result.output
    with app.app_context():
        assert [db.session.scalar(select(func.count()).select_from(table)) for table in tables] == before


def test_more_regular_marks_than_the_rule_asks_is_refused(school_app, tmp_path):
    book = openpyxl.load_workbook(SAMPLES / "diem-9A.xlsx")
    sheet = book["GDCD HK1"]  # 35 lessons a year: two regular marks
    sheet.insert_cols(7)
    sheet.cell(3, 7, "ĐĐGtx3")
    sheet.cell(6, 7, 8)
    path = tmp_path / "thua.xlsx"
    book.save(path)
    result = run(school_app, "import", "scores", path, "--apply")
    assert result.exit_code == 1
    assert "GDCD HK1!G6" in result.output and "có 2 điểm thường xuyên" in result.output


def test_a_changed_value_is_shown_old_and_new_and_a_blank_erases_nothing(school_app, tmp_path):
    path = bad_file(tmp_path, "diem-6A.xlsx", mw.with_cell(0, 0, "ĐĐGgk", 9.7), mw.with_cell(0, 1, "ĐĐGck", None))
    dry = as_json(done(run(school_app, "import", "scores", path, "--json")))
    assert [item["changes"] for item in dry["items"]] == [
        [{"field": "giữa kì", "before": "4,6", "after": "9,7", "address": "Ngữ văn HK1!I4"}]
    ]
    assert not dry["applied"]
    done(run(school_app, "import", "scores", path, "--apply"))
    before = contents(school_app)["scores"]
    assert ("6A", "LIT", 1, "3610000088", "GK", 97, None, None, "entered") in before
    assert ("6A", "LIT", 1, "3610000092", "CK", 42, None, None, "entered") in before
    with school_app.app_context():
        versions = db.session.scalars(
            select(m.ScoreCellVersion.tenths)
            .join(m.ScoreCell, m.ScoreCell.id == m.ScoreCellVersion.score_cell_id)
            .where(m.ScoreCellVersion.version == 2)
        ).all()
        assert versions == [97]


def test_a_student_is_found_by_personal_id_or_name_when_the_code_is_missing(school_app, tmp_path):
    path = bad_file(
        tmp_path,
        "hoc-sinh.xlsx",
        mw.with_cell(0, 0, "Mã định danh Bộ GD&ĐT", None),
        mw.with_cell(0, 1, "Mã định danh Bộ GD&ĐT", None),
        mw.with_cell(0, 1, "Số định danh cá nhân", None),
        mw.with_cell(0, 0, "Điện thoại", "0912345678"),
    )
    report = as_json(done(run(school_app, "import", "students", path, "--apply", "--json")))
    assert [(item["label"], item["changes"][0]["before"], item["changes"][0]["after"]) for item in report["items"]] == [
        ("Lê Thùy Anh, lớp 6A", "0946930219", "0912345678")
    ]
    with school_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(m.Student)) == 160
        assert audit_verify.verify().ok


def test_a_student_with_scores_does_not_change_class_by_a_file(school_app, tmp_path):
    result = run(
        school_app,
        "import",
        "students",
        bad_file(tmp_path, "hoc-sinh.xlsx", mw.with_cell(0, 0, "Lớp", "7A")),
        "--apply",
    )
    assert result.exit_code == 1
    assert "Danh sách học sinh!B2" in result.output and "đang học lớp 6A; đã có điểm" in result.output
    assert "Chuyển lớp" not in result.output, "another grade level is no change of class"
    with school_app.app_context():
        roster.create_class(SYSTEM, roster.open_year(), "6B", clock.now())
    other = bad_file(tmp_path, "hoc-sinh.xlsx", mw.with_cell(0, 0, "Lớp", "6B"))
    assert "bấm “Chuyển lớp” để mang điểm theo" in run(school_app, "import", "students", other, "--apply").output


def test_a_student_without_scores_moves(staffed_app, tmp_path):
    app = staffed_app
    report = as_json(
        done(
            run(
                app,
                "import",
                "students",
                bad_file(tmp_path, "hoc-sinh.xlsx", mw.with_cell(0, 0, "Lớp", "7A")),
                "--apply",
                "--json",
            )
        )
    )
    assert report["items"][0]["changes"] == [
        {"field": "Lớp", "before": "6A", "after": "7A", "address": "Danh sách học sinh!B2"}
    ]
    with app.app_context():
        assert db.session.scalars(
            select(m.ClassGroup.name)
            .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassGroup.id)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(m.Student.moet_code == "3610000088")
        ).all() == ["7A"]
        assert audit_verify.verify().ok


def test_a_new_teacher_takes_over_and_the_old_assignment_ends(school_app, tmp_path):
    path = bad_file(
        tmp_path,
        "phan-cong.xlsx",
        mw.with_cell(0, 1, "Mã giáo viên", "GV008"),
        mw.with_cell(0, 1, "Giáo viên", "Nguyễn Thành Toàn"),
    )
    report = as_json(done(run(school_app, "import", "assignments", path, "--apply", "--json")))
    assert [(item["action"], item["label"]) for item in report["items"]] == [("change", "Toán 6A")]
    with school_app.app_context():
        rows = db.session.execute(
            select(m.Person.staff_code, m.TeachingAssignment.ends_on)
            .join(m.TeachingAssignment, m.TeachingAssignment.person_id == m.Person.id)
            .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(m.ClassGroup.name == "6A", m.Subject.code == "MATH")
            .order_by(m.TeachingAssignment.id)
        ).all()
        assert [row.staff_code for row in rows] == ["GV006", "GV008"]
        assert rows[0].ends_on is not None and rows[1].ends_on is None
        assert audit_verify.verify().ok


def test_scores_before_their_class_are_refused_in_words(tmp_path):
    app = make_app(tmp_path / "early")
    result = run(app, "import", "scores", SAMPLES / "diem-6A.xlsx", "--apply", "--year", "2025-2026")
    assert result.exit_code == 1 and "hãy nhập danh sách học sinh trước" in result.output
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(m.School)) == 0


def test_a_file_of_another_kind_is_refused(tmp_path):
    app = make_app(tmp_path / "other")
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"khong phai excel")
    result = run(app, "import", "students", path)
    assert result.exit_code == 1 and "không phải là sổ Excel" in result.output
    assert run(app, "import", "students", tmp_path / "khong-co.xlsx").exit_code == 2


def test_an_exported_workbook_imports_without_a_change(school_app, tmp_path):
    for what, kind in (("students", "students"), ("scores", "scores")):
        path = tmp_path / f"{what}.xlsx"
        extra = ["--class", "9A"] if what == "scores" else []
        done(run(school_app, "export", what, *extra, "--out", path))
        report = as_json(done(run(school_app, "import", kind, path, "--profile", "hocbaso", "--json")))
        assert report["items"] == [] and report["n_errors"] == 0
        assert openpyxl.load_workbook(io.BytesIO(path.read_bytes())).sheetnames


def test_a_class_beside_others_of_its_grade_level_is_asked_about(staffed_app, tmp_path):
    path = tmp_path / "hs.xlsx"
    path.write_bytes(book([STUDENT_HEAD, [1, "6X", "3660009999", "Lại Ngọc Diệp", "01/03/2014", "Nữ", None]]))
    command = ("import", "students", path, "--profile", "csdl-nganh", "--apply")

    def n_classes() -> int | None:
        with staffed_app.app_context():
            return db.session.scalar(select(func.count()).where(m.ClassGroup.name == "6X"))

    asked = run(staffed_app, *command)
    assert asked.exit_code == 1 and "--open-class 6X" in asked.output and "Chưa ghi gì" in asked.output
    assert n_classes() == 0
    done(run(staffed_app, *command, "--open-class", "6x"))
    assert n_classes() == 1
