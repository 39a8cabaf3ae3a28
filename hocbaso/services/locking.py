"""When a sheet may be locked: its window has closed, or every sheet of the class is approved ("khoá sớm")."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import and_, bindparam, func, or_, select

from hocbaso import models as m
from hocbaso.errors import WrongState
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services.sheet_access import SheetHead, connection, table_of

_sheet = table_of(m.ScoreSheet)
_class_subject = table_of(m.ClassSubject)

# Counted from the subjects, not from the sheets: a subject whose sheet is missing is not approved either.
_NOT_APPROVED = (
    select(func.count())
    .select_from(
        _class_subject.outerjoin(
            _sheet, and_(_sheet.c.class_subject_id == _class_subject.c.id, _sheet.c.semester == bindparam("semester"))
        )
    )
    .where(
        _class_subject.c.class_group_id == bindparam("class_group_id"),
        or_(_sheet.c.id.is_(None), _sheet.c.state.not_in([SheetState.APPROVED.value, SheetState.LOCKED.value])),
    )
)


def count_not_approved(head: SheetHead) -> int:
    """Subjects of the sheet's class and semester whose sheet is not yet approved."""
    return int(
        connection()
        .execute(_NOT_APPROVED, {"class_group_id": head.class_group_id, "semester": head.semester})
        .scalar_one()
    )


def not_approved(class_group_ids: Iterable[int], semester: int) -> dict[int, int]:
    """Subjects whose sheet of the semester is not yet approved, by class; a class without any is not in it."""
    rows = connection().execute(
        select(_class_subject.c.class_group_id, func.count())
        .select_from(
            _class_subject.outerjoin(
                _sheet, and_(_sheet.c.class_subject_id == _class_subject.c.id, _sheet.c.semester == semester)
            )
        )
        .where(
            _class_subject.c.class_group_id.in_(sorted(set(class_group_ids))),
            or_(_sheet.c.id.is_(None), _sheet.c.state.not_in([SheetState.APPROVED.value, SheetState.LOCKED.value])),
        )
        .group_by(_class_subject.c.class_group_id)
    )
    return {class_group_id: int(n) for class_group_id, n in rows}


def guard_lock(head: SheetHead, today: date) -> None:
    """Raise WrongState while the window is open and a sheet of the class is still to be approved."""
    if head.window.has_closed(today):
        return
    missing = count_not_approved(head)
    if missing:
        raise WrongState(
            f"Chưa khoá được: học kì còn nhập đến hết {head.window.closes_on:%d/%m/%Y} và lớp {head.class_name} còn "
            f"{missing} bảng điểm chưa duyệt. Khoá được khi hết hạn nhập, hoặc khi mọi bảng điểm của lớp đã duyệt."
        )
