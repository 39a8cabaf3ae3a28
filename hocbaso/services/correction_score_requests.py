"""Asking for other values in cells of locked sheets: by who teaches them, several cells of one pupil in one request.

A cell is pinned to the version that stood on the page; an empty one may be filled, none is emptied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState
from hocbaso.services import correction_access, correction_requests
from hocbaso.services.access import NO_PUPIL, Actor
from hocbaso.services.correction_items import cell_words
from hocbaso.services.correction_requests import ChangedCell
from hocbaso.services.log_replay import audit_faults_of_sheets
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words, columns_of, says_nothing_new
from hocbaso.services.score_lines import read_row
from hocbaso.services.score_reading import as_typed, read_value
from hocbaso.services.sheet_access import SheetHead, sheet_for
from hocbaso.services.uploaded_papers import Upload

Cell = tuple[int, str]
"""Sheet id and column key."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed for a cell, and the version that stood on the page (0: empty)."""

    raw: str
    seen_version: int


@dataclass(frozen=True, slots=True)
class CellChoice:
    """One cell of a locked sheet on the form: what stands there, and its version. ``closed_by``: an open request that holds it."""

    key: str
    words: str
    present: str
    typed: str
    version: int
    closed_by: int | None


@dataclass(frozen=True, slots=True)
class SheetChoice:
    """A locked sheet of the pupil's class whose corrections this person may ask for."""

    head: SheetHead
    cells: tuple[CellChoice, ...]
    n_empty: int


@dataclass(frozen=True, slots=True)
class ScoreForm:
    """The form of one pupil."""

    enrollment_id: int
    full_name: str
    class_name: str
    class_group_id: int
    year_label: str
    sheets: tuple[SheetChoice, ...]


def require_asks_scores(actor: Actor, sheet_id: int, today: date) -> SheetHead:
    """A locked sheet, for who teaches it today; where nobody does any more, for the principal (R30: attests).

    Raises NotFound, NotAllowed, WrongState (not locked: the sheet is simply mended).
    """
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
    if not may_ask_scores(actor, head):
        raise NotAllowed(
            "Đề nghị sửa điểm do giáo viên dạy môn này ở lớp này lập; không còn ai dạy thì do Hiệu trưởng lập."
        )
    if head.state is not SheetState.LOCKED:
        raise WrongState(f"Bảng điểm {head.label} chưa khoá nên sửa thẳng trên bảng, không cần đề nghị.")
    return head


def may_ask_scores(actor: Actor, head: SheetHead) -> bool:
    """Whether corrections of this sheet are this person's to ask for."""
    if Permission.CORRECTION_ASK not in actor.permissions:
        return False
    return SheetParty.AUTHOR in head.parties or (head.is_orphan and SheetParty.PRINCIPAL in head.parties)


def may_ask_about(actor: Actor, sheet_id: int, enrollment_id: int, column_key: str, now: datetime) -> bool:
    """Whether the page of a cell offers to ask for its correction: a locked sheet, a line that is open, no request under way."""
    try:
        head = require_asks_scores(actor, sheet_id, clock.local_date(now))
    except DomainError:
        return False
    return not read_row(head, enrollment_id)[1] and (sheet_id, column_key) not in held_cells(enrollment_id)


def asks_about(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether :func:`score_form` has anything to offer."""
    try:
        return bool(score_form(actor, enrollment_id, now).sheets)
    except NotFound:
        return False


def score_form(actor: Actor, enrollment_id: int, now: datetime) -> ScoreForm:
    """The locked sheets of a pupil that this person may ask about. Raises NotFound where there is none."""
    today = clock.local_date(now)
    enrollment = db.session.get(m.Enrollment, enrollment_id)
    sheet_ids = (
        db.session.scalars(
            select(m.ScoreSheet.id)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(
                m.ClassSubject.class_group_id == enrollment.class_group_id,
                m.ScoreSheet.state == SheetState.LOCKED.value,
            )
            .order_by(m.Subject.sheet_order, m.ScoreSheet.semester)
        ).all()
        if enrollment is not None
        else []
    )
    found: list[SheetHead] = []
    for sheet_id in sheet_ids:
        try:
            head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
        except NotFound:
            continue
        if may_ask_scores(actor, head):
            found.append(head)
    if enrollment is None or not found:
        raise NotFound("Không có bảng điểm đã khoá nào của học sinh này mà thầy, cô được đề nghị sửa.")
    held = held_cells(enrollment_id)
    return ScoreForm(
        enrollment_id,
        enrollment.student.full_name,
        enrollment.class_group.name,
        enrollment.class_group_id,
        enrollment.class_group.school_year.label,
        tuple(sheet_choice(head, enrollment_id, held) for head in found if not read_row(head, enrollment_id)[1]),
    )


def sheet_choice(head: SheetHead, enrollment_id: int, held: Mapping[Cell, int]) -> SheetChoice:
    """The cells of a pupil in a sheet as a form shows them."""
    cells = read_row(head, enrollment_id)[2]
    keys = [*((column.key, column.words) for column in columns_of(head)), (REMARK, "nhận xét")]
    choices = []
    for key, said in keys:
        present = cells.get(key, NOTHING)
        choices.append(
            CellChoice(key, said, present.text, as_typed(present), present.version, held.get((head.id, key)))
        )
    return SheetChoice(head, tuple(choices), sum(not one.present for one in choices if one.key != REMARK))


def held_cells(enrollment_id: int) -> dict[Cell, int]:
    """The cells of a pupil that stand in an open request, and its number."""
    rows = db.session.execute(
        select(m.CorrectionItem.score_sheet_id, m.CorrectionItem.column_key, m.CorrectionRequest.id)
        .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
        .where(
            m.CorrectionRequest.enrollment_id == enrollment_id,
            correction_access.IS_OPEN,
            m.CorrectionItem.score_sheet_id.is_not(None),
        )
    )
    return {(row.score_sheet_id, row.column_key): row.id for row in rows}


def ask_scores(
    actor: Actor,
    enrollment_id: int,
    cells: Mapping[Cell, Wanted],
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other values in cells of locked sheets of one pupil; an empty cell may be filled, none is emptied.

    Raises NotFound, NotAllowed, WrongState (a sheet is not locked, the line is closed, the cell stands in an open request),
    Invalid (``field``: ``reason``, ``files`` or ``<sheet>-<column>``), Stale (``current``: tuple of :class:`ChangedCell`),
    IntegrityFault.
    """
    today = clock.local_date(now)
    why = correction_requests.grounds(reason, files)
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
        if enrollment is None:
            raise NotFound(NO_PUPIL)
        heads = {sheet_id: require_asks_scores(actor, sheet_id, today) for sheet_id in {key[0] for key in cells}}
        items = _items(heads, enrollment_id, cells, today)
        require_as_told(heads)
        guard_open_cells(enrollment_id, items)
        return correction_requests.send(actor, CorrectionKind.SCORE, enrollment, items, why, now)


def _items(
    heads: Mapping[int, SheetHead], enrollment_id: int, cells: Mapping[Cell, Wanted], today: date
) -> list[m.CorrectionItem]:
    items: list[m.CorrectionItem] = []
    moved: list[ChangedCell] = []
    for (sheet_id, key), wanted in cells.items():
        head = heads[sheet_id]
        label = f"{head.label}, {column_words(head, key)}"
        full_name, closed, standing_cells = read_row(head, enrollment_id)
        if closed:
            raise WrongState(f"{full_name} {closed.lower()} ở {head.label} nên không sửa điểm được.")
        present = standing_cells.get(key, NOTHING)
        new = wanted_value(head, key, wanted.raw, present, today)
        if wanted.seen_version != present.version:
            moved.append(ChangedCell(label, cell_words(present), cell_words(new)))
        elif differs(new, present):
            items.append(cell_item(sheet_id, key, present, new))
    refuse_moved(moved)
    if not items:
        raise Invalid("Chưa có ô nào đổi: xin ghi vào ít nhất một ô giá trị khác với giá trị đang có.", field="cells")
    return items


def refuse_moved(moved: Sequence[ChangedCell]) -> None:
    """Refuse a form whose cells are no longer what it showed (Stale)."""
    if moved:
        raise Stale(
            "Có ô đã đổi sau khi thầy, cô mở trang. Chưa gửi gì; xin xem giá trị mới rồi gửi lại.", current=tuple(moved)
        )


def require_as_told(sheet_ids: Collection[int]) -> None:
    """Refuse sheets that are not what the log tells of them (IntegrityFault): what follows would make a value look lawful that
    somebody put there behind the log's back."""
    if audit_faults_of_sheets(sheet_ids):
        raise IntegrityFault(
            "Bảng điểm đã bị sửa ngoài phần mềm nên chưa nhận đề nghị. Xin báo Hiệu trưởng và người phụ trách CNTT."
        )


def differs(new: CellRecord, present: CellRecord) -> bool:
    """Whether a request asks for something else. Here a plain 0 does: that an assessment was not missed but earned its 0 (Art. 7)
    is said by nothing else once the sheet is locked."""
    return not says_nothing_new(new, present) or (new.remark is None and new.origin != present.origin)


def wanted_value(head: SheetHead, key: str, raw: str, present: CellRecord, today: date) -> CellRecord:
    """What was typed for a cell of a locked sheet. Raises Invalid (``<sheet>-<column>``)."""
    try:
        new = read_value(head, key, raw, present, today, shorthand=False)
    except Invalid as refusal:
        raise Invalid(refusal.message, field=f"{head.id}-{key}") from None
    if not (new.is_filled or new.remark):
        raise Invalid(
            "Bảng đã khoá thì không để trống một ô: ghi điểm, Đ, CĐ, hoặc vk nếu vắng không phép.",
            field=f"{head.id}-{key}",
        )
    return new


def cell_item(sheet_id: int, key: str, present: CellRecord, new: CellRecord) -> m.CorrectionItem:
    """The item of one cell, pinned to what stands in it."""
    return m.CorrectionItem(
        score_sheet_id=sheet_id,
        column_key=key,
        seen_version=present.version,
        old_tenths=present.tenths,
        old_mark=present.mark,
        old_remark=present.remark,
        old_origin=present.origin,
        new_tenths=new.tenths,
        new_mark=new.mark,
        new_remark=new.remark,
        new_origin=new.origin,
    )


def guard_open_cells(enrollment_id: int, items: Sequence[m.CorrectionItem]) -> None:
    """A cell stands in one open request: two would each be pinned to the value that the other replaces."""
    held = held_cells(enrollment_id)
    for item in items:
        if item.score_sheet_id is None or item.column_key is None:  # names a field
            continue
        if (number := held.get((item.score_sheet_id, item.column_key))) is not None:
            raise WrongState(f"Một ô đã có trong đề nghị số {number} đang chờ. Xin chờ kết quả hoặc rút đề nghị ấy.")
