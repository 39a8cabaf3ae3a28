"""What stands on a transcript besides the marks, compared with the log: school, year, class, subjects, duties, roles, people.

Marks come from the sheets and from frozen results (``log_replay``, ``frozen_results``). Whose names stand under a record, who
taught what, for how many lessons, and where the student belongs comes from the rows checked here: each must be what its last
entry says, must be told of in the log, and must not have vanished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.permissions import Role
from hocbaso.services import audit
from hocbaso.services.log_reading import Told, aimed_at, replay
from hocbaso.services.log_replay import ValueFault, audit_faults_of_class
from hocbaso.services.student_fields import FIELD_WORDS
from hocbaso.services.watched_kinds import WATCHED

_Row = Mapping[str, Any]
_Rows = dict[str, _Row]

_SIGNING_ROLES = (Role.PRINCIPAL.value, Role.VICE_PRINCIPAL.value, Role.DELEGATE.value, Role.CLERK.value)
"""Whose grants decide what is printed under a record or who may put it in force."""

_COLUMN_WORDS = {
    **FIELD_WORDS,
    "name": "tên",
    "code": "mã",
    "label": "tên năm học",
    "state": "trạng thái",
    "lessons_per_year": "số tiết cả năm",
    "person_id": "người được giao",
    "class_group_id": "lớp",
    "class_subject_id": "môn của lớp",
    "subject_id": "môn học",
    "student_id": "học sinh",
    "status": "tình trạng",
    "joined_on": "ngày vào lớp",
    "left_on": "ngày rời lớp",
    "first_semester": "học kì đầu tiên ở trường",
    "happened_on": "ngày đến, ngày đi",
    "starts_on": "ngày bắt đầu",
    "ends_on": "ngày kết thúc",
    "role": "vai trò",
    "scope_kind": "phạm vi",
    "scope_id": "nơi của phạm vi",
    "regulation_version": "phiên bản quy định",
    "lookup_url": "địa chỉ tra cứu",
    "year_label": "năm học",
    "class_name": "lớp",
    "school_name": "trường",
    "arrived_on": "ngày chuyển đến",
    "struck_at": "lúc gạch bỏ",
    "password_digest": "mật khẩu",
    "second_factor_digest": "xác nhận hai lớp",
    "fingerprint": "vân tay chứng thư",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One table of the frame: its words, and which rows (as the table or as the log has them) concern a class."""

    words: str
    concerns: Callable[[_Row], bool]


def require_untouched(class_group_id: int) -> None:
    """Refuse to go on with a class in which anything a transcript is made from is not what the log says.

    Raises IntegrityFault naming row, column and both values.
    """
    faults = [*audit_faults_of_class(class_group_id), *frame_faults(class_group_id)]
    _refuse(faults, "Có dữ liệu của lớp đã bị sửa ngoài phần mềm nên chưa làm gì cả. ")


def require_signer_untouched(account_id: int | None, certificate_id: int) -> None:
    """The same for what says that a key is this person's: the account that acts and the registered certificate."""
    wanted = {"certificate": {str(certificate_id)}}
    if account_id is not None:
        wanted["account"] = {str(account_id)}
    found = _read({kind: _ids(kind, ids) for kind, ids in wanted.items()})
    written = _replay(wanted, wanted)
    words = {"certificate": "Chứng thư số", "account": "Tài khoản"}
    faults = [
        fault
        for kind, ids in wanted.items()
        for row_id in ids
        for fault in _differences(
            kind, f"{words[kind]}, dòng {row_id}", found[kind].get(row_id), written[kind].get(row_id)
        )
    ]
    _refuse(faults, "Người ký hoặc chứng thư đã bị sửa ngoài phần mềm nên chưa ký. ")


def _refuse(faults: list[ValueFault], lead: str) -> None:
    if faults:
        raise IntegrityFault(lead + str(faults[0]), details=tuple(str(fault) for fault in faults))


def frame_faults(class_group_id: int) -> list[ValueFault]:
    """What differs between the log and the rows of the frame that concern a class; an empty list when nothing does."""
    members = select(m.Enrollment.student_id).where(m.Enrollment.class_group_id == class_group_id)
    # The page of schooling so far is printed too: the classes and years that these pupils were in before.
    places = select(m.Enrollment.class_group_id).where(m.Enrollment.student_id.in_(members))
    years = select(m.ClassGroup.school_year_id).where(m.ClassGroup.id.in_(places))
    present = _read(
        {
            "school": select(m.School),
            "subject": select(m.Subject),
            "school_year": select(m.SchoolYear).where(m.SchoolYear.id.in_(years)),
            "class_group": select(m.ClassGroup).where(m.ClassGroup.id.in_(places)),
            "class_subject": select(m.ClassSubject).where(m.ClassSubject.class_group_id == class_group_id),
            "teaching_assignment": select(m.TeachingAssignment)
            .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
            .where(m.ClassSubject.class_group_id == class_group_id),
            "homeroom_assignment": select(m.HomeroomAssignment).where(
                m.HomeroomAssignment.class_group_id == class_group_id
            ),
            "role_grant": select(m.RoleGrant).where(m.RoleGrant.role.in_(_SIGNING_ROLES)),
            "enrollment": select(m.Enrollment).where(m.Enrollment.student_id.in_(members)),
            "movement": select(m.Movement)
            .join(m.Enrollment, m.Enrollment.id == m.Movement.enrollment_id)
            .where(m.Enrollment.student_id.in_(members)),
            "study_history": select(m.StudyHistory).where(m.StudyHistory.student_id.in_(members)),
            "student": select(m.Student).where(m.Student.id.in_(members)),
        }
    )
    offered = set(present["class_subject"])
    pupils = {str(row["student_id"]) for row in present["enrollment"].values()}
    written = _replay(
        present,
        {"student": pupils, "class_group": set(present["class_group"]), "enrollment": set(present["enrollment"])},
    )
    offered |= {
        row_id for row_id, row in written["class_subject"].items() if row.get("class_group_id") == class_group_id
    }
    staff = {
        str(row["person_id"])
        for kind in ("teaching_assignment", "homeroom_assignment", "role_grant")
        for row in present[kind].values()
    }
    present |= _read({"person": _ids("person", staff)})
    written |= _replay(["person"], {})
    named = {row_id: str(row["full_name"]) for row_id, row in present["person"].items()}
    kinds = {
        "school": _Kind("Thông tin của trường", lambda row: True),
        "subject": _Kind("Môn học", lambda row: True),
        "school_year": _Kind("Năm học", lambda row: False),
        "class_group": _Kind("Lớp", lambda row: False),
        "class_subject": _Kind("Môn của lớp", lambda row: row.get("class_group_id") == class_group_id),
        "teaching_assignment": _Kind("Phân công giảng dạy", lambda row: str(row.get("class_subject_id")) in offered),
        "homeroom_assignment": _Kind("Phân công chủ nhiệm", lambda row: row.get("class_group_id") == class_group_id),
        "role_grant": _Kind("Vai trò được giao", lambda row: row.get("role") in _SIGNING_ROLES),
        "enrollment": _Kind(
            "Việc học trong lớp",
            lambda row: row.get("class_group_id") == class_group_id or str(row.get("student_id")) in pupils,
        ),
        "movement": _Kind(
            "Việc chuyển đến, rời trường", lambda row: str(row.get("enrollment_id")) in present["enrollment"]
        ),
        "study_history": _Kind("Quá trình học tập", lambda row: str(row.get("student_id")) in pupils),
        "student": _Kind("Hồ sơ học sinh", lambda row: False),
        "person": _Kind("Hồ sơ cán bộ", lambda row: False),
    }
    faults: list[ValueFault] = []
    for kind, about in kinds.items():
        told = written[kind]
        for row_id, row in present[kind].items():
            faults += _differences(kind, _place(kind, about.words, row_id, row, named), row, told.get(row_id))
        for row_id, expected in told.items():
            if row_id not in present[kind] and about.concerns(expected):
                elsewhere = _read({kind: _ids(kind, {row_id})})[kind].get(row_id)
                faults += _differences(kind, _place(kind, about.words, row_id, expected, named), elsewhere, expected)
    return faults


def _place(kind: str, words: str, row_id: str, row: _Row, named: Mapping[str, str]) -> str:
    """Where a row stands, for people: what it is, whose, and its number in the table."""
    whose = row.get("full_name") or row.get("name") or row.get("label") or named.get(str(row.get("person_id")))
    if kind == "school":
        return words
    return f"{words}{f' ({whose})' if whose else ''}, dòng {row_id} của bảng {kind}"


def _differences(kind: str, place: str, present: _Row | None, expected: _Row | None) -> list[ValueFault]:
    if expected is None:
        return [ValueFault(place, "không có gì", "một dòng")]
    if present is None:
        return [ValueFault(place, "một dòng", "không có gì")]
    return [
        ValueFault(
            f"{place}, {_COLUMN_WORDS.get(name, name).lower()}", _shown(expected.get(name)), _shown(present[name])
        )
        for name in audit.differing(kind, present, expected)
    ]


def _shown(value: Any) -> str:
    return "để trống" if value is None else str(value)


def _ids(kind: str, ids: Iterable[str]) -> Any:
    model: Any = WATCHED[kind][0]
    return select(model).where(model.id.in_([int(row_id) for row_id in ids]))


def _read(statements: Mapping[str, Any]) -> dict[str, _Rows]:
    """Watched values of the rows that each statement finds, read afresh, by id."""
    return {
        kind: {
            str(row.id): audit.state_of(kind, row)
            for row in db.session.scalars(statement.execution_options(populate_existing=True))
        }
        for kind, statement in statements.items()
    }


def _replay(kinds: Iterable[str], only: Mapping[str, Iterable[str]]) -> Told:
    """The last values of rows of these kinds as the log tells them, the later over the earlier.

    Rosters are entered with one entry aimed at the school, the year or the class, single rows with one aimed at the row, and
    an assignment that ends with one aimed at its place; an entry about a person may end duties. ``only`` narrows a kind whose
    entries are many to those aimed at these ids.
    """
    kinds = list(kinds)
    picked: dict[str, list[str] | None] = {kind: list(only[kind]) if kind in only else None for kind in kinds}
    if "enrollment" in picked:
        picked["class_group"] = None  # a pupil who was moved here was entered with the class of before
    return replay(aimed_at({"school": None, "school_year": None, "person": None, **picked}), kinds)
