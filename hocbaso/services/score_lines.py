"""The lines of a sheet: whose they are, which are closed, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, case, exists, func, literal, or_, select

from hocbaso import models as m
from hocbaso.errors import NotFound
from hocbaso.services.score_cells import CellRecord, columns_of, record_of
from hocbaso.services.sheet_access import SheetHead, connection, table_of

ACTIVE = ("studying", "transferred_in")
"""States of an enrolment whose cells are asked for."""

ELSEWHERE = "elsewhere"
"""In place of the state: the pupil is here and was at another school in this semester (``Enrollment.first_semester``)."""
ELSEWHERE_WORD = "Ở trường cũ"

_cell = table_of(m.ScoreCell)
_enrollment = table_of(m.Enrollment)
_student = table_of(m.Student)
_exemption = table_of(m.Exemption)

_IS_EXEMPT = exists().where(
    _exemption.c.enrollment_id == _enrollment.c.id,
    _exemption.c.subject_id == bindparam("subject_id"),
    _exemption.c.state == "GRANTED",
    or_(_exemption.c.semester.is_(None), _exemption.c.semester == bindparam("semester")),
)

_STATUS = case(
    (
        and_(_enrollment.c.status.in_(ACTIVE), _enrollment.c.first_semester > bindparam("semester")),
        literal(ELSEWHERE),
    ),
    else_=_enrollment.c.status,
).label("status")

ROSTER = (
    select(
        _enrollment.c.id,
        _student.c.full_name,
        _STATUS,
        _IS_EXEMPT.label("exempt"),
        _enrollment.c.class_place,
    )
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_group_id"))
    .order_by(_student.c.sort_key, _enrollment.c.id)
)

_ONE_OF_ROSTER = (
    select(
        _enrollment.c.id,
        _student.c.full_name,
        _STATUS,
        _IS_EXEMPT.label("exempt"),
        _enrollment.c.class_place,
    )
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_group_id"), _enrollment.c.id == bindparam("enrollment_id"))
)

_CELL_COLUMNS = (  # in the order of CellRecord after the first two: score_cells.record_of
    _cell.c.enrollment_id,
    _cell.c.column_key,
    _cell.c.tenths,
    _cell.c.mark,
    _cell.c.remark,
    _cell.c.origin,
    _cell.c.makeup_due_on,
    _cell.c.version,
    _cell.c.id,
)
CELLS = select(*_CELL_COLUMNS).where(_cell.c.score_sheet_id == bindparam("sheet_id"))
_CELLS_OF_ROW = CELLS.where(_cell.c.enrollment_id == bindparam("enrollment_id"))

_ASKED = and_(
    _enrollment.c.class_group_id == bindparam("class_group_id"),
    _enrollment.c.status.in_(ACTIVE),
    _enrollment.c.first_semester <= bindparam("semester"),
    ~_IS_EXEMPT,
)
_COUNTS = select(
    select(func.count()).select_from(_enrollment).where(_ASKED).scalar_subquery().label("n_students"),
    select(func.count())
    .select_from(_cell.join(_enrollment, _enrollment.c.id == _cell.c.enrollment_id))
    .where(
        _cell.c.score_sheet_id == bindparam("sheet_id"),
        _cell.c.column_key.in_(bindparam("keys", expanding=True)),
        or_(_cell.c.tenths.is_not(None), _cell.c.mark.is_not(None)),
        _ASKED,
    )
    .scalar_subquery()
    .label("n_entered"),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Assessments of a sheet: how many are asked for and how many have their result."""

    n_entered: int
    n_expected: int

    @property
    def n_gaps(self) -> int:
        """Still missing."""
        return self.n_expected - self.n_entered


def closed_word(status: str, exempt: bool) -> str:
    """Why a line is closed, in one word; "" when it is open."""
    if status == ELSEWHERE:
        return ELSEWHERE_WORD
    if status not in ACTIVE:
        return {"transferred_out": "Đã chuyển đi", "moved": "Đã xếp lại lớp"}.get(status, "Đã thôi học")
    return "Miễn" if exempt else ""


def count_progress(head: SheetHead) -> Progress:
    """Results entered and asked for, counted in the base."""
    keys = [column.key for column in columns_of(head)]
    row = (
        connection()
        .execute(
            _COUNTS,
            {
                "sheet_id": head.id,
                "class_group_id": head.class_group_id,
                "subject_id": head.subject_id,
                "semester": head.semester,
                "keys": keys,
            },
        )
        .one()
    )
    return Progress(row.n_entered, row.n_students * len(keys))


def read_row(head: SheetHead, enrollment_id: int) -> tuple[str, str, dict[str, CellRecord]]:
    """Full name, why the line is closed ("" when open), and the stored cells by column; NotFound outside the class."""
    link = connection()
    row = link.execute(
        _ONE_OF_ROSTER,
        {
            "class_group_id": head.class_group_id,
            "subject_id": head.subject_id,
            "semester": head.semester,
            "enrollment_id": enrollment_id,
        },
    ).first()
    if row is None:
        raise NotFound("Học sinh này không có trong bảng điểm.")
    cells = {
        found.column_key: record_of(found)
        for found in link.execute(_CELLS_OF_ROW, {"sheet_id": head.id, "enrollment_id": enrollment_id})
    }
    return row.full_name, closed_word(row.status, bool(row.exempt)), cells


def read_lines(head: SheetHead) -> dict[int, str]:
    """Why each line of the sheet is closed, by enrolment id; "" for an open one."""
    rows = connection().execute(
        ROSTER, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
    )
    return {row.id: closed_word(row.status, bool(row.exempt)) for row in rows}


def read_standing(head: SheetHead) -> dict[tuple[int, str], CellRecord]:
    """Every stored cell of the sheet by (enrolment id, column key)."""
    return {
        (row.enrollment_id, row.column_key): record_of(row)
        for row in connection().execute(CELLS, {"sheet_id": head.id})
    }


def list_gaps(head: SheetHead) -> tuple[tuple[int, str, str], ...]:
    """The missing results as (enrollment id, column key, words), in the order of the sheet."""
    columns = columns_of(head)
    roster = (
        connection()
        .execute(
            ROSTER, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
        )
        .all()
    )
    filled = {
        (row.enrollment_id, row.column_key)
        for row in connection().execute(CELLS, {"sheet_id": head.id})
        if row.tenths is not None or row.mark is not None
    }
    return tuple(
        (row.id, column.key, f"{row.full_name}, {column.words}")
        for row in roster
        if not closed_word(row.status, bool(row.exempt))
        for column in columns
        if (row.id, column.key) not in filled
    )
