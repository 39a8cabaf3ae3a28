"""The round trip of one score sheet: download, fill in, hand in, look, write, take back. Nothing is guessed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, WrongState
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
