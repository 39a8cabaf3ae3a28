"""Exports of the sample school, compared with an independent reading of the files it was imported from."""

from __future__ import annotations

import json
import stat
from decimal import Decimal
from typing import Any

import openpyxl
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from tests.cli.test_imports import done, imported, run, school_app, score_pages, sheet_rows

__all__ = ["imported", "school_app"]


def lines(path: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(Decimal(str(value)).quantize(Decimal("0.1")))


def test_scores_as_jsonl_equal_the_files(school_app, tmp_path):
    done(run(school_app, "export", "scores", "--format", "jsonl", "--out", tmp_path / "all.jsonl"))
    found = {
        (row["class"], row["subject"], row["semester"], row["student"]): row for row in lines(tmp_path / "all.jsonl")
    }
    lessons = {(row["Lớp"], row["Môn học"]): row["Số tiết/năm"] for row in sheet_rows("phan-cong.xlsx")}
    comments = {
        "Giáo dục thể chất",
        "Nghệ thuật",
        "Hoạt động trải nghiệm, hướng nghiệp",
        "Nội dung giáo dục của địa phương",
    }
    n = 0
    for class_name in ("6A", "7A", "8A", "9A"):
        for name, subject, semester, rows in score_pages(f"diem-{class_name}.xlsx"):
            for row in rows:
                n += 1
                line = found[name, subject, semester, row["Mã định danh Bộ GD&ĐT"]]
                n_lessons = lessons[name, subject]
                n_regular = 2 if subject in comments or n_lessons <= 35 else 3 if n_lessons <= 70 else 4
                assert list(line) == [
                    "student",
                    "class",
                    "subject",
                    "semester",
                    "regular",
                    "midterm",
                    "final",
                    "remark",
                ]
                assert line["regular"] == [said(row.get(f"ĐĐGtx{number}")) for number in range(1, n_regular + 1)]
                assert (line["midterm"], line["final"]) == (said(row["ĐĐGgk"]), said(row["ĐĐGck"]))
                assert line["remark"] == row["Nhận xét"]
    assert n == len(found) == 4 * 24 * 40


def test_one_class_only(school_app, tmp_path):
    done(run(school_app, "export", "scores", "--class", "9A", "--out", tmp_path / "9a.jsonl"))
    rows = lines(tmp_path / "9a.jsonl")
    assert len(rows) == 24 * 40 and {row["class"] for row in rows} == {"9A"}
    assert stat.S_IMODE((tmp_path / "9a.jsonl").stat().st_mode) == 0o600
    result = run(school_app, "export", "scores", "--class", "9Z", "--out", tmp_path / "9z.jsonl")
    assert result.exit_code == 1 and not (tmp_path / "9z.jsonl").exists()


def test_missing_missed_and_exempt_are_told_apart(school_app, tmp_path):
    with school_app.app_context(), write_transaction() as session:
        cells = list(
            session.scalars(
                select(m.ScoreCell)
                .join(m.ScoreSheet, m.ScoreSheet.id == m.ScoreCell.score_sheet_id)
                .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
                .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
                .join(m.Enrollment, m.Enrollment.id == m.ScoreCell.enrollment_id)
                .join(m.Student, m.Student.id == m.Enrollment.student_id)
                .where(
                    m.Student.moet_code == "3610000525",
                    m.Subject.code == "MATH",
                    m.ScoreSheet.semester == 1,
                    m.ScoreCell.column_key.in_(("TX1", "TX2", "TX3")),
                )
                .order_by(m.ScoreCell.column_key)
            )
        )
        cells[0].tenths, cells[0].origin = 0, "missed_unexcused"
        cells[1].tenths, cells[1].origin = None, "missed_excused"
        cells[2].tenths, cells[2].origin = None, "empty"
    done(run(school_app, "export", "scores", "--class", "9A", "--out", tmp_path / "9a.jsonl"))
    line = next(
        row
        for row in lines(tmp_path / "9a.jsonl")
        if (row["student"], row["subject"], row["semester"]) == ("3610000525", "Toán", 1)
    )
    assert line["regular"][:3] == ["0.0", None, None]
    assert line["origins"] == {"regular_1": "missed_unexcused", "regular_2": "missed_excused"}


def test_students_as_jsonl_equal_the_file(school_app, tmp_path):
    done(run(school_app, "export", "students", "--format", "jsonl", "--out", tmp_path / "hs.jsonl"))
    found = {row["student"]: row for row in lines(tmp_path / "hs.jsonl")}
    rows = sheet_rows("hoc-sinh.xlsx")
    assert len(found) == len(rows)
    for row in rows:
        line = found[row["Mã định danh Bộ GD&ĐT"]]
        assert line["class"] == row["Lớp"]
        assert "/".join(reversed(line["born_on"].split("-"))) == row["Ngày sinh"]
        for header, name in (
            ("Họ và tên", "full_name"),
            ("Giới tính", "sex"),
            ("Số định danh cá nhân", "personal_id"),
            ("Chỗ ở hiện nay", "residence"),
            ("Họ tên mẹ", "mother_name"),
            ("Điện thoại", "phone"),
            ("Đối tượng chính sách", "policy_category"),
            ("Số sổ đăng bộ", "register_number"),
        ):
            assert line[name] == row[header]
        assert (line["height_cm"], line["weight_kg"]) == (str(row["Chiều cao (cm)"]), str(row["Cân nặng (kg)"]))


def test_statistics_count_and_name_nobody(school_app, tmp_path):
    done(run(school_app, "export", "statistics", "--out", tmp_path / "tk.xlsx"))
    rows = sheet_rows("hoc-sinh.xlsx")
    book = openpyxl.load_workbook(tmp_path / "tk.xlsx")
    by_class = {row[0]: row[1:] for row in book["Theo lớp"].iter_rows(min_row=5, values_only=True)}
    for class_name in ("6A", "7A", "8A", "9A"):
        here = [row for row in rows if row["Lớp"] == class_name]
        minority = [row for row in here if row["Dân tộc"] != "Kinh"]
        assert by_class[class_name] == (
            len(here),
            sum(row["Giới tính"] == "Nữ" for row in here),
            len(minority),
            sum(row["Giới tính"] == "Nữ" for row in minority),
            sum(bool(row["Đối tượng chính sách"]) for row in here),
            0,
        )
    texts = {
        str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None
    }
    assert not texts & {row["Họ và tên"] for row in rows}
    assert not any("hạng" in text.lower() or "thứ tự" in text.lower() for text in texts)


def test_each_export_is_in_the_audit_log(school_app, tmp_path):
    done(run(school_app, "export", "students", "--class", "8A", "--out", tmp_path / "hs.xlsx"))
    with school_app.app_context():
        entry = db.session.scalar(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()))
        assert entry is not None and entry.tag == "export:file:made"
        assert json.loads(entry.payload)["facts"] == {"what": "students", "format": "xlsx", "class": "8A", "n_rows": 40}


def test_nothing_sealed_means_no_list_for_the_ministry(school_app, tmp_path):
    result = run(school_app, "export", "ministry", "--out", tmp_path / "bo.xml")
    assert result.exit_code == 1 and not (tmp_path / "bo.xml").exists()
    assert run(school_app, "export", "ministry", "--format", "xlsx", "--out", tmp_path / "bo.xlsx").exit_code == 2
