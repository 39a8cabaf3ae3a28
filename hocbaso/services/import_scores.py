"""Importing score sheets: each cell compared, what may be written planned, and written through the grid's own path."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.printable_text import why_not_printed
from hocbaso.errors import DomainError, Stale
from hocbaso.exchange.rows import ImportTable, ScoreCell, ScoreRow, ScoreSheetHead
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.vietnamese_text import name_key
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services.import_plans import (
    FieldChange,
    ImportPlan,
    PlanBuilder,
    PlanContext,
    PlannedItem,
    shown,
)
from hocbaso.services.score_blocks import OperationKey
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words, columns_of, says_nothing_new
from hocbaso.services.score_entry import CellValue, guard_typing, sheet_head, write_cells
from hocbaso.services.score_lines import read_lines, read_standing
from hocbaso.services.sheet_access import SheetHead

_REMARK_MAX = 1000
_MISSED = (ScoreOrigin.MISSED_EXCUSED.value, ScoreOrigin.MAKEUP.value)

Cell = tuple[int, str, CellValue, int | None]
_Page = tuple[ScoreSheetHead, str]
"""A page that is left alone, and why."""


@dataclass(slots=True)
class ScoreWork:
    """The cells to write, by sheet."""

    sheets: list[tuple[SheetHead, list[Cell]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pupil:
    """A line of the class."""

    enrollment_id: int
    full_name: str
    code: str | None
    born_on: Any


class _Class:
    """The students of a class, to be found by code or by name and birth date."""

    def __init__(self, class_group_id: int) -> None:
        rows = db.session.execute(
            select(m.Enrollment.id, m.Student.full_name, m.Student.moet_code, m.Student.birth_on)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(m.Enrollment.class_group_id == class_group_id)
            .order_by(m.Student.sort_key, m.Enrollment.id)
        )
        self.pupils = [_Pupil(*row) for row in rows]
        self.by_code = {pupil.code: pupil for pupil in self.pupils if pupil.code}
        self.by_name: dict[tuple[str, Any], list[_Pupil]] = {}
        for pupil in self.pupils:
            self.by_name.setdefault((name_key(pupil.full_name), pupil.born_on), []).append(pupil)

    def find(self, row: ScoreRow, builder: PlanBuilder) -> _Pupil | None:
        """Whose row this is; None with the reason reported. A code that tells of another person than the name is refused."""
        if row.student_code is None:
            found = self.by_name.get((name_key(row.full_name or ""), row.born_on), [])
            if len(found) != 1:
                builder.error(
                    row.at("full_name"),
                    "Họ và tên",
                    row.full_name,
                    f"lớp {row.class_name} có {len(found)} học sinh cùng họ tên và ngày sinh; hãy ghi mã định danh."
                    if found
                    else f"không có trong lớp {row.class_name}.",
                )
                return None
            return found[0]
        pupil = self.by_code.get(row.student_code)
        if pupil is None:
            builder.error(
                row.at("student_code"), "Mã định danh", row.student_code, f"không có trong lớp {row.class_name}."
            )
            return None
        if row.full_name is not None and name_key(row.full_name) != name_key(pupil.full_name):
            builder.error(
                row.at("full_name"),
                "Họ và tên",
                row.full_name,
                f"mã {row.student_code} là của {pupil.full_name}; mã và tên không khớp nhau.",
            )
            return None
        if row.born_on is not None and row.born_on != pupil.born_on:
            builder.warn(row.at("born_on"), "Ngày sinh", shown(row.born_on), f"hồ sơ ghi {shown(pupil.born_on)}.")
        return pupil


def plan_scores(table: ImportTable[ScoreRow], context: PlanContext) -> ImportPlan:
    """Compare every cell with the sheets. Blank cells keep what stands; nothing is ever erased.

    A file may hold the whole class: pages outside the actor's assignments are passed by and listed, and what is wrong in
    them is not this person's matter. Where no page at all is the actor's, each is an error; so are a state or time that
    takes no values, more regular marks than the rule asks (Art. 6.2), an exemption without its decision.
    """
    builder = PlanBuilder("scores", table.profile, context, table.problems)
    work = ScoreWork()
    sheet_ids, class_ids = _sheets_of(context.year)
    classes: dict[str, _Class] = {}
    rows_of: dict[tuple[str, str, int], list[ScoreRow]] = {}
    for row in table.rows:
        rows_of.setdefault((row.class_name, row.subject_code, row.semester), []).append(row)
    not_theirs: list[_Page] = []
    closed: list[_Page] = []
    n_own = 0
    for said in table.sheets:
        key = (said.class_name, said.subject_code, said.semester)
        head = _open_head(said, sheet_ids, class_ids, context, builder, not_theirs)
        if head is None:
            continue
        n_own += 1
        if said.class_name not in classes:
            classes[said.class_name] = _Class(head.class_group_id)
        _plan_sheet(said, head, rows_of.get(key, []), classes[said.class_name], context, work, builder, closed)
    _pass_by(not_theirs, n_own, builder)
    _leave_closed(closed, work, context, builder)
    return builder.build(work)


def _pass_by(not_theirs: list[_Page], n_own: int, builder: PlanBuilder) -> None:
    """Say which pages are left alone because they are others' work; refuse them where nothing else is in the file."""
    if not not_theirs:
        return
    if not n_own:
        for said, reason in not_theirs:
            builder.error(f"{said.title}!A1", "Bảng điểm", _page_label(said), reason)
        return
    _forget_problems(not_theirs, builder)
    builder.notes.append(
        f"Bỏ qua {len(not_theirs)} trang không thuộc phần việc của thầy, cô: "
        + "; ".join(_page_names([said for said, _ in not_theirs]))
        + "."
    )


def _leave_closed(closed: list[_Page], work: ScoreWork, context: PlanContext, builder: PlanBuilder) -> None:
    """Own pages whose sheet takes no values now: left out and said, where the file has others that may be written.

    A file of the whole year is then of use in its first semester. Set-up passes nothing by.
    """
    if not work.sheets or context.actor.is_system:
        for said, reason in closed:
            builder.error(f"{said.title}!A1", "Bảng điểm", _page_label(said), reason)
        return
    _forget_problems(closed, builder)
    builder.notes += [f"Không ghi trang {_page_label(said)}. {reason}" for said, reason in closed]


def _forget_problems(pages: list[_Page], builder: PlanBuilder) -> None:
    """What is wrong in a page that is not written stands in nobody's way."""
    titles = {said.title for said, _ in pages}
    builder.problems[:] = [found for found in builder.problems if found.address.rpartition("!")[0] not in titles]


def _page_names(pages: list[ScoreSheetHead]) -> list[str]:
    """The pages in words, both semesters of a subject as one."""
    semesters: dict[tuple[str, str], set[int]] = {}
    for said in pages:
        semesters.setdefault((said.class_name, said.subject_code), set()).add(said.semester)
    names = (
        f"{SUBJECT_BY_CODE[said.subject_code].name} {said.class_name}, hai học kì"
        if len(semesters[said.class_name, said.subject_code]) == 2
        else _page_label(said)
        for said in pages
    )
    return list(dict.fromkeys(names))


def _page_label(said: ScoreSheetHead) -> str:
    """``Toán 9A, học kì I``, as the page says of itself."""
    return f"{SUBJECT_BY_CODE[said.subject_code].name} {said.class_name}, học kì {'I' if said.semester == 1 else 'II'}"


def _sheets_of(year: m.SchoolYear | None) -> tuple[dict[tuple[str, str, int], int], dict[str, int]]:
    if year is None:
        return {}, {}
    rows = db.session.execute(
        select(m.ClassGroup.name, m.Subject.code, m.ScoreSheet.semester, m.ScoreSheet.id)
        .join(m.ClassSubject, m.ClassSubject.class_group_id == m.ClassGroup.id)
        .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
        .join(m.ScoreSheet, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
        .where(m.ClassGroup.school_year_id == year.id)
    )
    sheets = {(name, code, semester): sheet_id for name, code, semester, sheet_id in rows}
    classes = db.session.execute(
        select(m.ClassGroup.name, m.ClassGroup.id).where(m.ClassGroup.school_year_id == year.id)
    )
    return sheets, {row.name: row.id for row in classes}


def _open_head(
    said: ScoreSheetHead,
    sheet_ids: dict[tuple[str, str, int], int],
    class_ids: dict[str, int],
    context: PlanContext,
    builder: PlanBuilder,
    not_theirs: list[_Page],
) -> SheetHead | None:
    """The sheet, when this actor may import into it; None otherwise.

    The reason is an error at the page's first cell, or stands with the page in ``not_theirs``.
    """
    where = f"{said.title}!A1"
    label = f"{SUBJECT_BY_CODE[said.subject_code].name} {said.class_name}"
    if said.school_year is not None and said.school_year != context.year_label:
        builder.error(
            where, "Năm học", said.school_year, f"đang nhập vào năm học {context.year_label.replace('-', '–')}."
        )
        return None
    sheet_id = sheet_ids.get((said.class_name, said.subject_code, said.semester))
    # A stranger to the class must not learn from the wording whether it exists.
    if sheet_id is not None:
        try:
            return sheet_head(context.actor, sheet_id, Permission.IMPORT_SCORES, context.now)
        except DomainError as refusal:
            not_theirs.append((said, refusal.message))
            return None
    if not context.actor.is_system:
        not_theirs.append((said, "Không có bảng điểm này trong phần việc của thầy, cô."))
    elif said.class_name not in class_ids:
        builder.error(
            where,
            "Lớp",
            said.class_name,
            f"năm học {context.year_label.replace('-', '–')} chưa có lớp này; hãy nhập danh sách học sinh trước.",
        )
    else:
        builder.error(where, "Môn học", label, "lớp chưa được phân công môn này; hãy nhập bảng phân công trước.")
    return None


def _plan_sheet(
    said: ScoreSheetHead,
    head: SheetHead,
    rows: list[ScoreRow],
    pupils: _Class,
    context: PlanContext,
    work: ScoreWork,
    builder: PlanBuilder,
    closed: list[_Page],
) -> None:
    lines = read_lines(head)
    standing = read_standing(head)
    before = builder.mark()
    cells: list[Cell] = []
    taken: dict[int, ScoreRow] = {}
    for row in rows:
        pupil = pupils.find(row, builder)
        if pupil is None:
            continue
        if pupil.enrollment_id in taken:
            builder.error(
                row.at("full_name"),
                "Họ và tên",
                row.full_name or row.student_code,
                f"cùng là một học sinh với {taken[pupil.enrollment_id].at('full_name')}.",
            )
            continue
        taken[pupil.enrollment_id] = row
        _plan_row(row, pupil, head, lines.get(pupil.enrollment_id, ""), standing, cells, builder)
    n_absent = sum(
        1 for pupil in pupils.pupils if pupil.enrollment_id not in taken and not lines.get(pupil.enrollment_id)
    )
    if n_absent:
        builder.warn(
            f"{said.title}!A1",
            "",
            "",
            f"{n_absent} học sinh của lớp {head.class_name} không có trong trang này; điểm của các em giữ nguyên.",
        )
    if not cells:
        return
    refusal = _refusal(head, context)
    if refusal:
        builder.go_back(before)
        closed.append((said, refusal))
        return
    work.sheets.append((head, cells))


def _refusal(head: SheetHead, context: PlanContext) -> str:
    """Why the sheet takes no values now, "" when it does. Only set-up and the sample school write outside the window."""
    try:
        if not context.actor.is_system or head.state not in EDITABLE:
            guard_typing(head, context.today)
    except DomainError as refusal:
        return refusal.message
    return ""


def _plan_row(
    row: ScoreRow,
    pupil: _Pupil,
    head: SheetHead,
    closed: str,
    standing: dict[tuple[int, str], CellRecord],
    cells: list[Cell],
    builder: PlanBuilder,
) -> None:
    if row.exempt:
        if closed != "Miễn":
            builder.error(
                row.at("midterm"),
                "Miễn học",
                row.full_name or row.student_code,
                f"{pupil.full_name} chưa có quyết định miễn học môn {head.subject_name} của Hiệu trưởng.",
            )
        elif row.remark:
            builder.warn(row.at("remark"), "Nhận xét", row.remark, "học sinh được miễn môn này, nhận xét được bỏ qua.")
        return
    wanted = _wanted(row, head, builder)
    changes: list[FieldChange] = []
    planned: list[Cell] = []
    for key, (cell, name) in wanted.items():
        old = standing.get((pupil.enrollment_id, key), NOTHING)
        new = _value(cell, key, old, head)
        if says_nothing_new(new, old):
            builder.count("Ô", "same")
            continue
        if closed:
            builder.error(
                row.at(name),
                column_words(head, key),
                _text(new),
                f"{pupil.full_name} {'được miễn môn này' if closed == 'Miễn' else closed.lower()} nên không ghi điểm.",
            )
            return
        changes.append(FieldChange(column_words(head, key), _text(old), _text(new), row.at(name)))
        planned.append((pupil.enrollment_id, key, new, old.version))
        builder.count("Ô", "change" if old.version and _text(old) else "create")
    if planned:
        cells.extend(planned)
        action = "change" if any(change.before for change in changes) else "create"
        builder.items.append(
            PlannedItem(action, "Học sinh", pupil.full_name, row.at("full_name"), tuple(changes), head.label)
        )


def _wanted(row: ScoreRow, head: SheetHead, builder: PlanBuilder) -> dict[str, tuple[ScoreCell | str, str]]:
    """The filled cells of a row: column key -> (what the file says, its field)."""
    n_regular = sum(1 for column in columns_of(head) if column.weight == 1)
    wanted: dict[str, tuple[ScoreCell | str, str]] = {}
    for number, cell in enumerate(row.regular, 1):
        name = f"regular_{number}"
        if cell.is_empty:
            continue
        if number > n_regular:
            builder.error(
                row.at(name),
                f"ĐĐGtx{number}",
                _said(cell),
                f"{head.subject_name} có {n_regular} điểm thường xuyên mỗi học kì ({head.lessons_per_year} tiết/năm, "
                "Điều 6 Thông tư 22/2021); thừa điểm này.",
            )
            continue
        wanted[f"TX{number}"] = (cell, name)
    for key, cell, name in (("GK", row.midterm, "midterm"), ("CK", row.final, "final")):
        if not cell.is_empty:
            wanted[key] = (cell, name)
    if row.remark:
        if len(row.remark) > _REMARK_MAX:
            builder.error(
                row.at("remark"), "Nhận xét", row.remark[:60] + "…", f"dài {len(row.remark)} chữ, tối đa {_REMARK_MAX}."
            )
        elif reason := why_not_printed(row.remark):
            builder.error(row.at("remark"), "Nhận xét", row.remark[:60] + "…", reason)
        else:
            wanted[REMARK] = (row.remark, "remark")
    return wanted


def _value(cell: ScoreCell | str, key: str, old: CellRecord, head: SheetHead) -> CellRecord:
    if isinstance(cell, str):
        return CellRecord(remark=cell, origin=ScoreOrigin.ENTERED.value)
    if cell.origin is ScoreOrigin.MISSED_EXCUSED:
        due = old.makeup_due_on if old.origin == cell.origin.value else head.window.closes_on
        return CellRecord(origin=cell.origin.value, makeup_due_on=due)
    if cell.origin is ScoreOrigin.MISSED_UNEXCUSED:
        scored = head.kind is SubjectKind.SCORED
        return CellRecord(
            tenths=0 if scored else None, mark=None if scored else PassFail.FAIL.value, origin=cell.origin.value
        )
    # A mark for an assessment that had been missed with leave is its make-up (Art. 7).
    origin = ScoreOrigin.MAKEUP.value if old.origin in _MISSED else ScoreOrigin.ENTERED.value
    if isinstance(cell.value, PassFail):
        return CellRecord(mark=cell.value.value, origin=origin)
    return CellRecord(tenths=cell.value, origin=origin)


def _text(record: CellRecord) -> str:
    if record.origin == ScoreOrigin.MISSED_UNEXCUSED.value:
        return f"{record.text} (vắng không phép)"
    if record.origin == ScoreOrigin.MISSED_EXCUSED.value:
        return "vắng có phép"
    return record.text


def _said(cell: ScoreCell) -> str:
    if isinstance(cell.value, PassFail):
        return cell.value.value
    return f"{cell.value // 10},{cell.value % 10}" if cell.value is not None else "vắng"


def op_of(batch_id: int, sheet_id: int) -> str:
    """The key of what an import wrote into a sheet: taking it back asks by it. A file of a class has many sheets."""
    return f"nhap-{batch_id}-{sheet_id}"


def _digest(cells: Sequence[Cell]) -> str:
    """SHA-256 of what is written, in hex."""
    said = "\n".join(f"{enrollment_id}-{key}:{seen}:{value}" for enrollment_id, key, value, seen in cells)
    return hashlib.sha256(said.encode()).hexdigest()


def apply_scores(work: ScoreWork, context: PlanContext, _year: m.SchoolYear) -> None:
    """Write the cells inside the caller's transaction: one entry a sheet, with every cell's state."""
    session = db.session()
    for head, cells in work.sheets:
        assert context.batch_id is not None
        outcomes = write_cells(
            session,
            context.actor,
            head,
            cells,
            source="imported",
            now=context.now,
            operation=OperationKey(op_of(context.batch_id, head.id), _digest(cells)),
            facts={"import_batch": context.batch_id},
        )
        refused = [outcome for outcome in outcomes if outcome.outcome in ("refused", "stale")]
        if refused:
            raise Stale(f"{head.label}: {refused[0].reason} Chưa ghi gì; xin xem trước lại.")
