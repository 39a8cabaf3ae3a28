"""Why a value is not written, in words: the state, the window, a closed line, or somebody who was first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select

from hocbaso import models as m
from hocbaso.errors import Stale, WrongState
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetState
from hocbaso.services.score_cells import CellRecord, CellView, view_cell
from hocbaso.services.score_lines import ELSEWHERE_WORD
from hocbaso.services.score_reading import one_line
from hocbaso.services.sheet_access import SheetHead, table_of

_cell = table_of(m.ScoreCell)
_account = table_of(m.Account)
_person = table_of(m.Person)

_LAST_WRITER = (
    select(_cell.c.updated_at, _person.c.full_name, _person.c.sex)
    .outerjoin(_account, _account.c.id == _cell.c.updated_by)
    .outerjoin(_person, _person.c.id == _account.c.person_id)
    .where(_cell.c.id == bindparam("cell_id"))
)


@dataclass(frozen=True, slots=True)
class StandingValue:
    """What stands in a cell that somebody else changed first: carried by :class:`Stale` for the person to choose."""

    cell: CellView
    by_name: str
    at: datetime | None
    student_name: str
    column_words: str
    yours: str
    unattended_at: datetime | None = None
    """When the value was typed, where nobody was signed in: nobody was first, but whose it is has to be asked."""


def guard_typing(head: SheetHead, today: date) -> None:
    """Raise WrongState when the sheet's state or its semester's window takes no values."""
    if head.state not in EDITABLE:
        raise WrongState(state_sentence(head))
    if not head.window.is_open(today):
        opens, closes = (f"{day:%d/%m/%Y}" for day in (head.window.opens_on, head.window.closes_on))
        raise WrongState(
            f"Học kì {'I' if head.semester == 1 else 'II'} của khối {head.grade_level} nhập điểm từ {opens} đến hết "
            f"{closes}. Hôm nay là {today:%d/%m/%Y} nên chưa ghi gì. Nếu cần gia hạn, xin hỏi Hiệu trưởng."
        )


def stale(
    link: Any,
    standing: CellRecord,
    column_key: str,
    student_name: str,
    words: str,
    raw: str,
    unattended_at: datetime | None = None,
) -> Stale:
    """The error for a cell that somebody else changed first or that was typed unattended, carrying both values."""
    row = link.execute(_LAST_WRITER, {"cell_id": standing.id}).first() if standing.id else None
    current = StandingValue(
        cell=view_cell(column_key, standing, "", True),
        by_name=(row.full_name if row else None) or "Hệ thống",
        at=row.updated_at if row else None,
        student_name=student_name,
        column_words=words,
        yours=one_line(raw),
        unattended_at=unattended_at,
    )
    return Stale(
        f"{current.by_name} vừa ghi {standing.text or 'ô trống'} vào ô này. Chưa số nào bị mất, xin chọn một.",
        current=current,
    )


def closed_sentence(student_name: str, closed: str) -> str:
    """Why nothing is written on a closed line."""
    if closed == "Miễn":
        return f"{student_name} được miễn học môn này nên không ghi điểm. Chưa có gì thay đổi."
    if closed == ELSEWHERE_WORD:
        return f"Học kì này {student_name} học ở trường cũ: kết quả lấy theo nơi chuyển đến, không ghi ở đây. Chưa có gì thay đổi."
    return f"{student_name} {closed.lower()} nên dòng này đã đóng. Chưa có gì thay đổi."


def state_sentence(head: SheetHead) -> str:
    """Why a sheet in this state takes no values."""
    words = {
        SheetState.SUBMITTED: "đã nộp, chờ tổ trưởng soát; thầy, cô có thể rút về để sửa",
        SheetState.REVIEWED: "đã được tổ trưởng soát, chờ duyệt",
        SheetState.APPROVED: "đã được duyệt",
        SheetState.LOCKED: "đã khoá; muốn sửa, xin làm đề nghị sửa điểm",
    }
    return f"Bảng điểm {words.get(head.state, 'không nhận thêm điểm')}. Chưa ghi gì."
