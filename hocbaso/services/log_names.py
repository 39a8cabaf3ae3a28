"""What the rows that the log tells of are called: pupils with their class, sheets, people. Read from the present tables.

An entry names rows by number; a number whose row is gone is called by its number, which is itself worth seeing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db

KIND_WORDS: dict[str, str] = {
    "school": "trường",
    "school_year": "năm học",
    "semester_window": "cửa nhập điểm",
    "subject": "môn học",
    "class_group": "lớp",
    "class_step": "bước của lớp",
    "class_subject": "môn của lớp",
    "person": "cán bộ, giáo viên",
    "subject_group": "tổ chuyên môn",
    "teaching_assignment": "phân công dạy",
    "homeroom_assignment": "phân công chủ nhiệm",
    "role_grant": "vai trò",
    "account": "tài khoản",
    "reset_request": "yêu cầu đặt lại",
    "student": "học sinh",
    "enrollment": "xếp lớp",
    "movement": "chuyển đi, chuyển đến",
    "inherited_result": "kết quả nơi chuyển đến",
    "study_history": "năm học trước",
    "exemption": "miễn học",
    "exemption_revocation": "thu hồi miễn học",
    "score_sheet": "bảng điểm",
    "sheet_step": "bước của bảng điểm",
    "score_cell": "ô điểm",
    "anomaly_question": "điểm bất thường",
    "blind_draw": "mẫu đối chiếu bài gốc",
    "blind_check": "đối chiếu bài gốc",
    "blind_checker": "người đối chiếu",
    "sheet_read_back": "lần đọc dò",
    "homeroom_record": "phần chủ nhiệm",
    "month_absence": "nghỉ theo tháng",
    "summer_result": "kết quả hè",
    "principal_decision": "quyết định",
    "frozen_result": "kết quả đã chốt",
    "transcript_record": "học bạ",
    "recall_request": "đề nghị thu hồi",
    "recall_list": "danh sách thu hồi",
    "correction_request": "đề nghị sửa chữa",
    "correction_item": "mục sửa chữa",
    "correction_evidence": "minh chứng",
    "correction_step": "bước của đề nghị sửa chữa",
    "conclusion_case": "việc sau khi kết luận đổi",
    "transcript_signature": "chữ ký",
    "document_proof": "dấu thời gian",
    "certificate": "chứng thư số",
    "trust_root": "chứng thư gốc",
    "instance_key": "khoá của máy",
    "instance_key_statement": "xác nhận khoá của máy",
    "year_turn": "kế hoạch chuyển năm học",
    "identity_check": "đối chiếu định danh",
    "distinct_pair": "hai hồ sơ giống nhau",
    "announcement": "thông báo",
    "training_session": "buổi tập huấn",
    "training_attendance": "người dự tập huấn",
    "board_task": "việc của Ban quản lý",
    "inventory_item": "mục hạ tầng",
    "board_task_file": "tệp minh chứng của việc",
    "student_photo": "ảnh học sinh",
}
"""Watched kinds in words."""

_ABSENCE_KINDS = {"excused": "có phép", "unexcused": "không phép"}

_OTHER_TARGETS = {
    "audit_snapshot": "ảnh chụp số {}",
    "signing_batch": "lượt số {}",
    "import_batch": "lần nhập số {}",
    "machine": "máy chủ",
    "backup": "{}",
    "token": "thiết bị ký {}",
    "transcript_file": "tệp học bạ {}",
    "tls_certificate": "chứng thư máy chủ",
    "tls_authority": "chứng thư gốc của máy chủ",
    "request": "{}",
    "help_request": "câu hỏi số {}",
}
"""What an entry may be aimed at beside watched rows."""


class Names:
    """Names for one page: each table is read once, when the first row of it is asked for."""

    @cached_property
    def pupils(self) -> dict[int, str]:
        """Enrolment -> ``Nguyễn Hoài An, 6A``."""
        rows = db.session.execute(
            select(m.Enrollment.id, m.Student.full_name, m.ClassGroup.name)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        )
        return {row.id: f"{row.full_name}, {row.name}" for row in rows}

    @cached_property
    def papers(self) -> dict[str, str]:
        """The name of a transcript's file -> whose it is."""
        rows = db.session.execute(select(m.TranscriptRecord.uuid, m.TranscriptRecord.enrollment_id))
        return {row.uuid: self.pupils[row.enrollment_id] for row in rows if row.enrollment_id in self.pupils}

    @cached_property
    def sheets(self) -> dict[int, str]:
        """Sheet -> ``Toán 9A, học kì I``."""
        rows = db.session.execute(
            select(m.ScoreSheet.id, m.ScoreSheet.semester, m.Subject.name, m.ClassGroup.name.label("class_name"))
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        )
        return {row.id: f"{row.name} {row.class_name}, học kì {'I' * row.semester}" for row in rows}

    @cached_property
    def _named(self) -> dict[str, Callable[[], dict[int, str]]]:
        def of(model: Any, column: Any, pattern: str = "{}") -> Callable[[], dict[int, str]]:
            return lambda: {row[0]: pattern.format(row[1]) for row in db.session.execute(select(model.id, column))}

        return {
            "student": of(m.Student, m.Student.full_name),
            "person": of(m.Person, m.Person.full_name),
            "class_group": of(m.ClassGroup, m.ClassGroup.name, "lớp {}"),
            "subject": of(m.Subject, m.Subject.name),
            "school_year": lambda: {
                row[0]: f"năm học {row[1].replace('-', '–')}"
                for row in db.session.execute(select(m.SchoolYear.id, m.SchoolYear.label))
            },
            "subject_group": of(m.SubjectGroup, m.SubjectGroup.name),
            "certificate": of(m.Certificate, m.Certificate.subject_name, "chứng thư của {}"),
            "trust_root": of(m.TrustRoot, m.TrustRoot.subject_name, "chứng thư gốc {}"),
            "account": lambda: {
                row[0]: row[1]
                for row in db.session.execute(
                    select(m.Account.id, m.Person.full_name).join(m.Person, m.Person.id == m.Account.person_id)
                )
            },
            "class_subject": lambda: {
                row[0]: f"{row[1]} {row[2]}"
                for row in db.session.execute(
                    select(m.ClassSubject.id, m.Subject.name, m.ClassGroup.name)
                    .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
                    .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
                )
            },
            "month_absence": self._months,
            **{
                kind: self._of_enrollments(model)
                for kind, model in {
                    "homeroom_record": m.HomeroomRecord,
                    "exemption": m.Exemption,
                    "exemption_revocation": m.ExemptionRevocation,
                    "summer_result": m.SummerResult,
                    "principal_decision": m.PrincipalDecision,
                    "frozen_result": m.FrozenResult,
                    "transcript_record": m.TranscriptRecord,
                    "correction_request": m.CorrectionRequest,
                    "conclusion_case": m.ConclusionCase,
                    "inherited_result": m.InheritedResult,
                    "movement": m.Movement,
                }.items()
            },
        }

    def _of_enrollments(self, model: Any) -> Callable[[], dict[int, str]]:
        return lambda: {
            row[0]: self.pupils.get(row[1], "") for row in db.session.execute(select(model.id, model.enrollment_id))
        }

    def _months(self) -> dict[int, str]:
        row = m.MonthAbsence
        return {
            one.id: f"{self.pupils.get(one.enrollment_id, '')}, nghỉ {_ABSENCE_KINDS.get(one.kind, one.kind)} tháng {one.month[5:].lstrip('0')}"
            f", học kì {'I' * one.semester}"
            for one in db.session.execute(select(row.id, row.enrollment_id, row.semester, row.month, row.kind))
        }

    @cached_property
    def _read(self) -> dict[str, dict[int, str]]:
        return {}

    def _table(self, kind: str) -> dict[int, str]:
        if kind not in self._read:
            found = self._named.get(kind)
            self._read[kind] = found() if found is not None else {}
        return self._read[kind]

    def of(self, kind: str, row_id: str, values: Mapping[str, Any] | None = None) -> str:
        """Whose or which row it is; ``values`` as the log tells them help where they name a pupil, a sheet or a person."""
        if kind == "transcript_file" and row_id in self.papers:
            return self.papers[row_id]
        if kind in _OTHER_TARGETS:
            return _OTHER_TARGETS[kind].format(row_id)
        told = values or {}
        sheet = self.sheets.get(told.get("score_sheet_id") or 0, "")
        pupil = self.pupils.get(told.get("enrollment_id") or 0, "")
        if kind in ("score_cell", "blind_check", "anomaly_question") and (sheet or pupil):
            name = pupil.rpartition(", ")[0]
            return ": ".join(part for part in (sheet, name) if part)
        if kind in ("score_sheet", "sheet_step"):
            return sheet or self.sheets.get(_number(row_id), f"bảng điểm số {row_id}")
        if kind == "enrollment":
            return self.pupils.get(_number(row_id), f"lần xếp lớp số {row_id}")
        if kind in ("teaching_assignment", "homeroom_assignment", "role_grant", "account") and told.get("person_id"):
            whose = self._table("person").get(told["person_id"], "")
            what = self._table("class_subject").get(told.get("class_subject_id") or 0, "") or self._table(
                "class_group"
            ).get(told.get("class_group_id") or 0, "")
            return ", ".join(part for part in (whose, what) if part) or f"số {row_id}"
        found = pupil or self._table(kind).get(_number(row_id), "")
        if not found and told.get("student_id"):
            found = self._table("student").get(told["student_id"], "")
        if not found and told.get("transcript_record_id"):
            found = self._table("transcript_record").get(told["transcript_record_id"], "")
        words = KIND_WORDS.get(kind, kind)
        if not found:
            return words if kind == "school" else f"{words} số {row_id}"
        return f"{found}: {words}" if kind in _SAID else found


_SAID = frozenset(
    {
        "exemption",
        "exemption_revocation",
        "summer_result",
        "principal_decision",
        "frozen_result",
        "transcript_record",
        "correction_request",
        "conclusion_case",
        "inherited_result",
        "movement",
        "study_history",
        "student_photo",
        "transcript_signature",
        "document_proof",
        "recall_request",
    }
)
"""Kinds that are said beside the pupil's name: it alone would not tell which of the pupil's things this is."""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
