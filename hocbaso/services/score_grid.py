"""A score sheet as it is read: columns by the rule, rows by name, each cell with what may be done to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from threading import Lock
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, in_write_transaction
from hocbaso.errors import NotFound
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState, SheetVerb
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services.access import Actor
from hocbaso.services.sheet_access import SheetHead, connection, open_verbs, sheet_for, table_of

__all__ = [
    "CellRecord",
    "CellView",
    "Column",
    "HistoryLine",
    "Progress",
    "RowView",
    "SheetView",
    "StepLine",
    "cell_history",
    "columns_of",
    "open_sheet",
    "sheet_for",
]

ACTIVE = ("studying", "transferred_in")
"""States of an enrolment whose cells are asked for."""

REMARK = "NX"

_cell = table_of(m.ScoreCell)
_enrollment = table_of(m.Enrollment)
_student = table_of(m.Student)
_exemption = table_of(m.Exemption)
_version = table_of(m.ScoreCellVersion)
_account = table_of(m.Account)
_person = table_of(m.Person)
_step = table_of(m.SheetStep)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sheet. ``weight`` 1, 2 or 3 as in Art. 9.1; 0 for the remark."""

    key: str
    head: str
    words: str
    weight: int


@dataclass(frozen=True, slots=True)
class CellRecord:
    """The stored values of a cell; ``version`` 0 means that no row exists."""

    tenths: int | None = None
    mark: str | None = None
    remark: str | None = None
    origin: str = ScoreOrigin.EMPTY.value
    makeup_due_on: date | None = None
    version: int = 0
    id: int | None = None

    @property
    def text(self) -> str:
        """As it stands in the sheet: ``8,5``, ``Đ``, ``V`` (to be made up), a remark, or nothing."""
        if self.tenths is not None:
            return format_score(self.tenths)
        if self.origin == ScoreOrigin.MISSED_EXCUSED.value:
            return "V"
        return self.mark or self.remark or ""

    @property
    def is_filled(self) -> bool:
        """Whether an assessment has its result (a make-up that is due has not)."""
        return self.tenths is not None or self.mark is not None

    def same_value(self, other: CellRecord) -> bool:
        """Whether both hold the same, versions aside."""
        return (self.tenths, self.mark, self.remark, self.origin, self.makeup_due_on) == (
            other.tenths,
            other.mark,
            other.remark,
            other.origin,
            other.makeup_due_on,
        )


NOTHING = CellRecord()


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell on the page. ``state``: value, gap, missed, makeup, exempt or closed; ``can_edit`` decides alone."""

    key: str
    text: str
    version: int
    state: str
    can_edit: bool
    makeup_due_on: date | None = None


@dataclass(frozen=True, slots=True)
class RowView:
    """A student's line. ``average`` is the text of ĐTBmhk (``Đ``/``CĐ`` for a comment subject), "" while undefined."""

    number: int
    enrollment_id: int
    family_name: str
    given_name: str
    closed: str
    """Why nothing is asked of this line: "" | "Miễn" | "Đã chuyển đi" | "Đã thôi học"."""
    cells: tuple[CellView, ...]
    remark: CellView
    average: str

    @property
    def full_name(self) -> str:
        """Family and given name as written."""
        return f"{self.family_name} {self.given_name}".strip()


@dataclass(frozen=True, slots=True)
class Progress:
    """Assessments of a sheet: how many are asked for and how many have their result."""

    n_entered: int
    n_expected: int

    @property
    def n_gaps(self) -> int:
        """Still missing."""
        return self.n_expected - self.n_entered


@dataclass(frozen=True, slots=True)
class StepLine:
    """One act in the life of a sheet."""

    verb: SheetVerb
    to_state: SheetState
    note: str | None
    at: datetime
    by_name: str


@dataclass(frozen=True, slots=True)
class SheetView:
    """Everything the page of a sheet shows to one person at one moment."""

    head: SheetHead
    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    rows_key: tuple[Any, ...]
    """Equal keys have equal ``rows``, in whichever process and for whomever they were built."""
    progress: Progress
    first_gap: str
    """``<enrollment id>-<column>`` of the first gap from the top, "" when there is none."""
    can_edit: bool
    verbs: tuple[SheetVerb, ...]
    attests: bool
    """The actor would hand in for a teacher who left (needs a note)."""
    steps: tuple[StepLine, ...]
    today: date
    n_students: int

    @property
    def days_left(self) -> int:
        """Days until the window closes; negative afterwards."""
        return (self.head.window.closes_on - self.today).days

    @property
    def returned_note(self) -> StepLine | None:
        """The last return while the sheet waits to be handed in again."""
        if self.head.state is SheetState.RETURNED and self.steps and self.steps[-1].verb is SheetVerb.RETURN:
            return self.steps[-1]
        return None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One version of a cell, for people."""

    version: int
    text: str
    state: str
    at: datetime
    by_name: str
    source: str


@lru_cache(maxsize=64)
def _columns(version: str, kind: SubjectKind, lessons_per_year: int) -> tuple[Column, ...]:
    n_regular = regulation_named(version).regular_count(lessons_per_year, kind)
    regular = [Column(f"TX{n}", str(n), f"thường xuyên {n}", 1) for n in range(1, n_regular + 1)]
    return (*regular, Column("GK", "Giữa kì", "giữa kì", 2), Column("CK", "Cuối kì", "cuối kì", 3))


def columns_of(head: SheetHead) -> tuple[Column, ...]:
    """The assessments of a sheet (Art. 6.2, 7): regular ones by lessons a year, midterm, final. Without the remark."""
    return _columns(head.regulation_version, head.kind, head.lessons_per_year)


_IS_EXEMPT = exists().where(
    _exemption.c.enrollment_id == _enrollment.c.id,
    _exemption.c.subject_id == bindparam("subject_id"),
    _exemption.c.state == "GRANTED",
    or_(_exemption.c.semester.is_(None), _exemption.c.semester == bindparam("semester")),
)

_ROSTER = (
    select(_enrollment.c.id, _student.c.full_name, _enrollment.c.status, _IS_EXEMPT.label("exempt"))
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_group_id"))
    .order_by(_student.c.sort_key, _enrollment.c.id)
)

_ONE_OF_ROSTER = (
    select(_enrollment.c.id, _student.c.full_name, _enrollment.c.status, _IS_EXEMPT.label("exempt"))
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_group_id"), _enrollment.c.id == bindparam("enrollment_id"))
)

_CELL_COLUMNS = (
    _cell.c.id,
    _cell.c.enrollment_id,
    _cell.c.column_key,
    _cell.c.tenths,
    _cell.c.mark,
    _cell.c.remark,
    _cell.c.origin,
    _cell.c.makeup_due_on,
    _cell.c.version,
)
_CELLS = select(*_CELL_COLUMNS).where(_cell.c.score_sheet_id == bindparam("sheet_id"))
_CELLS_OF_ROW = _CELLS.where(_cell.c.enrollment_id == bindparam("enrollment_id"))

_ASKED = and_(
    _enrollment.c.class_group_id == bindparam("class_group_id"), _enrollment.c.status.in_(ACTIVE), ~_IS_EXEMPT
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

_STEPS = (
    select(_step.c.verb, _step.c.to_state, _step.c.note, _step.c.at, _step.c.by_name)
    .where(_step.c.score_sheet_id == bindparam("sheet_id"))
    .order_by(_step.c.id)
)

_HISTORY = (
    select(
        _version.c.version,
        _version.c.tenths,
        _version.c.mark,
        _version.c.remark,
        _version.c.origin,
        _version.c.makeup_due_on,
        _version.c.at,
        _version.c.source,
        _person.c.full_name,
    )
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .outerjoin(_account, _account.c.id == _version.c.by_account_id)
    .outerjoin(_person, _person.c.id == _account.c.person_id)
    .where(
        _cell.c.score_sheet_id == bindparam("sheet_id"),
        _cell.c.enrollment_id == bindparam("enrollment_id"),
        _cell.c.column_key == bindparam("column_key"),
    )
    .order_by(_version.c.version.desc())
)


def open_sheet(actor: Actor, sheet_id: int, now: datetime) -> SheetView:
    """The sheet as this person sees it now; NotFound outside what the person may read."""
    today = clock.local_date(now)
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
    columns = columns_of(head)
    can_edit = head.may_type(today)
    roster = tuple(
        tuple(row)
        for row in connection().execute(
            _ROSTER,
            {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester},
        )
    )
    # Everything the lines depend on: which base, which sheet at which content, who is enrolled, and whether to type.
    key = (str(db.engine.url), head.id, head.content_version, columns, can_edit, roster)
    body = _BODIES.get(key)
    if body is None:
        body = _build(head, columns, roster, can_edit)
        if not in_write_transaction():  # what is not committed may still be taken back
            _BODIES.put(key, body)
    steps = tuple(
        StepLine(SheetVerb(row.verb), SheetState(row.to_state), row.note, row.at, row.by_name)
        for row in connection().execute(_STEPS, {"sheet_id": head.id})
    )
    verbs = open_verbs(actor, head)
    return SheetView(
        head=head,
        columns=columns,
        rows=body.rows,
        rows_key=key,
        progress=body.progress,
        first_gap=body.first_gap,
        can_edit=can_edit,
        verbs=verbs,
        attests=SheetVerb.SUBMIT in verbs and SheetParty.AUTHOR not in head.parties,
        steps=steps,
        today=today,
        n_students=body.n_students,
    )


@dataclass(frozen=True, slots=True)
class _Body:
    rows: tuple[RowView, ...]
    progress: Progress
    first_gap: str
    n_students: int


class _Bodies:
    """The last lines built, one body a sheet, bounded; nothing in them depends on a person beyond ``can_edit``."""

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], _Body]] = OrderedDict()
        self._mutex = Lock()

    def get(self, key: tuple[Any, ...]) -> _Body | None:
        slot = (*key[:2], key[4])
        with self._mutex:
            found = self._kept.get(slot)
            if found is None or found[0] != key:
                return None
            self._kept.move_to_end(slot)
            return found[1]

    def put(self, key: tuple[Any, ...], body: _Body) -> None:
        slot = (*key[:2], key[4])
        with self._mutex:
            self._kept[slot] = (key, body)
            self._kept.move_to_end(slot)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)


_BODIES = _Bodies()


def _build(head: SheetHead, columns: tuple[Column, ...], roster: Iterable[tuple[Any, ...]], can_edit: bool) -> _Body:
    stored: dict[int, dict[str, CellRecord]] = {}
    for row in connection().execute(_CELLS, {"sheet_id": head.id}):
        stored.setdefault(row.enrollment_id, {})[row.column_key] = record_of(row)
    rows: list[RowView] = []
    n_entered = n_expected = 0
    first_gap = ""
    for number, (enrollment_id, full_name, status, exempt) in enumerate(roster, start=1):
        cells = stored.get(enrollment_id, {})
        closed = closed_word(status, bool(exempt))
        row_view = build_row(head, columns, number, enrollment_id, full_name, closed, cells, can_edit)
        rows.append(row_view)
        if not closed:
            n_expected += len(columns)
            for cell in row_view.cells:
                if cell.state in ("gap", "makeup"):
                    first_gap = first_gap or f"{enrollment_id}-{cell.key}"
                else:
                    n_entered += 1
    n_students = sum(1 for row_view in rows if row_view.closed in ("", "Miễn"))
    return _Body(tuple(rows), Progress(n_entered, n_expected), first_gap, n_students)


def record_of(row: Any) -> CellRecord:
    """The values of a row of the cell table."""
    return CellRecord(row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version, row.id)


def closed_word(status: str, exempt: bool) -> str:
    """Why a line is closed, in one word; "" when it is open."""
    if status not in ACTIVE:
        return "Đã chuyển đi" if status == "transferred_out" else "Đã thôi học"
    return "Miễn" if exempt else ""


def build_row(
    head: SheetHead,
    columns: tuple[Column, ...],
    number: int,
    enrollment_id: int,
    full_name: str,
    closed: str,
    cells: Mapping[str, CellRecord],
    can_edit: bool,
) -> RowView:
    """One student's line from stored cells."""
    family, _, given = full_name.rpartition(" ")
    may_type = can_edit and not closed
    views = tuple(view_cell(column.key, cells.get(column.key, NOTHING), closed, may_type) for column in columns)
    remark = view_cell(REMARK, cells.get(REMARK, NOTHING), closed, may_type)
    average = "" if closed == "Miễn" else average_text(head, columns, cells)
    return RowView(number, enrollment_id, family, given, closed, views, remark, average)


def view_cell(key: str, record: CellRecord, closed: str, may_type: bool) -> CellView:
    """A cell as the page shows it; the value typed before an exemption stays in the history and is not shown."""
    if closed == "Miễn":
        return CellView(key, "Miễn" if key != REMARK else record.text, record.version, "exempt", False)
    if record.origin == ScoreOrigin.MISSED_EXCUSED.value:
        state = "makeup"
    elif record.origin == ScoreOrigin.MISSED_UNEXCUSED.value:
        state = "missed"
    elif record.is_filled or key == REMARK:
        state = "value"
    else:
        state = "closed" if closed else "gap"
    return CellView(key, record.text, record.version, state, may_type, record.makeup_due_on)


def average_text(head: SheetHead, columns: tuple[Column, ...], cells: Mapping[str, CellRecord]) -> str:
    """ĐTBmhk of a line (Art. 9.1): ``8,1`` or ``Đ``/``CĐ``; "" until every assessment has its result."""
    found = [cells.get(column.key, NOTHING) for column in columns]
    if not all(record.is_filled for record in found):
        return ""
    rules = regulation_named(head.regulation_version)
    if head.kind is SubjectKind.COMMENT:
        marks = [PassFail(record.mark) for record in found if record.mark is not None]
        result = rules.comment_semester(marks[:-2], marks[-2], marks[-1])
        return result.value if result is not None else ""
    tenths = [record.tenths for record in found if record.tenths is not None]
    average = rules.semester_average(tenths[:-2], tenths[-2], tenths[-1])
    return format_score(average) if average is not None else ""


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
        _ROSTER, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
    )
    return {row.id: closed_word(row.status, bool(row.exempt)) for row in rows}


def cell_history(
    actor: Actor, sheet_id: int, enrollment_id: int, column_key: str, now: datetime
) -> tuple[str, str, tuple[HistoryLine, ...]]:
    """Student's name, the column in words, and every value the cell has had, newest first; NotFound out of scope."""
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, clock.local_date(now))
    words = column_words(head, column_key)
    full_name, _, _ = read_row(head, enrollment_id)
    lines = []
    for row in connection().execute(
        _HISTORY, {"sheet_id": head.id, "enrollment_id": enrollment_id, "column_key": column_key}
    ):
        record = CellRecord(row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version)
        state = view_cell(column_key, record, "", False).state
        lines.append(HistoryLine(row.version, record.text, state, row.at, row.full_name or "Hệ thống", row.source))
    return full_name, words, tuple(lines)


def column_words(head: SheetHead, column_key: str) -> str:
    """``thường xuyên 2``, ``giữa kì``, ``nhận xét``; NotFound for a column the sheet does not have."""
    if column_key == REMARK:
        return "nhận xét"
    for column in columns_of(head):
        if column.key == column_key:
            return column.words
    raise NotFound("Bảng điểm này không có cột đó.")


def list_gaps(head: SheetHead) -> tuple[tuple[int, str, str], ...]:
    """The missing results as (enrollment id, column key, words), in the order of the sheet."""
    columns = columns_of(head)
    roster = (
        connection()
        .execute(
            _ROSTER, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
        )
        .all()
    )
    filled = {
        (row.enrollment_id, row.column_key)
        for row in connection().execute(_CELLS, {"sheet_id": head.id})
        if row.tenths is not None or row.mark is not None
    }
    return tuple(
        (row.id, column.key, f"{row.full_name}, {column.words}")
        for row in roster
        if not closed_word(row.status, bool(row.exempt))
        for column in columns
        if (row.id, column.key) not in filled
    )
