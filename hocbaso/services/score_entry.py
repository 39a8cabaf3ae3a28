"""Writing cells: one as it is left, or many from a paste or a workbook. Each write is one act with one audit entry."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import DomainError, Invalid, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetState
from hocbaso.regulations.score_values import parse_pass_fail, parse_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.score_grid import (
    NOTHING,
    REMARK,
    CellRecord,
    CellView,
    Progress,
    average_text,
    column_words,
    columns_of,
    count_progress,
    read_lines,
    read_row,
    view_cell,
)
from hocbaso.services.sheet_access import SheetHead, connection, head_for_typing, read_head, sheet_for, table_of

CellValue = CellRecord
"""What a caller wants a cell to hold; ``version`` and ``id`` are ignored there."""

_sheet = table_of(m.ScoreSheet)
_cell = table_of(m.ScoreCell)
_version = table_of(m.ScoreCellVersion)
_account = table_of(m.Account)
_person = table_of(m.Person)

_OP_ID = re.compile(r"[0-9A-Za-z-]{8,36}")
_EXCUSED = re.compile(r"vp(?: ([0-9]{1,2})[/.-]([0-9]{1,2})(?:[/.-]([0-9]{4}))?)?")
_REMARK_MAX = 1000

_TOUCH_SHEET = (
    update(_sheet)
    .where(_sheet.c.id == bindparam("sheet_id"), _sheet.c.state.in_([state.value for state in EDITABLE]))
    .values(content_version=_sheet.c.content_version + 1)
)
_TOUCH_ANY = (
    update(_sheet).where(_sheet.c.id == bindparam("sheet_id")).values(content_version=_sheet.c.content_version + 1)
)
_SET_CELL = (
    update(_cell)
    .where(_cell.c.id == bindparam("cell_id"), _cell.c.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in ("tenths", "mark", "remark", "origin", "makeup_due_on", "version", "updated_at", "updated_by")
        }
    )
)
_NEW_CELL = insert(_cell)
_NEW_VERSION = insert(_version)
_BY_OP = (
    select(_version, _cell.c.score_sheet_id, _cell.c.enrollment_id, _cell.c.column_key)
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .where(_version.c.op_id == bindparam("op"))
)
_LAST_WRITER = (
    select(_cell.c.updated_at, _person.c.full_name, _person.c.sex)
    .outerjoin(_account, _account.c.id == _cell.c.updated_by)
    .outerjoin(_person, _person.c.id == _account.c.person_id)
    .where(_cell.c.id == bindparam("cell_id"))
)


@dataclass(frozen=True, slots=True)
class SavedCell:
    """The outcome of one save: the cell, its line's average and the sheet's progress after it.

    ``written`` is False when the value already stood there; ``repeated`` when this operation had been done before.
    """

    head: SheetHead
    enrollment_id: int
    cell: CellView
    average: str
    progress: Progress
    written: bool
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class StandingValue:
    """What stands in a cell that somebody else changed first: carried by :class:`Stale` for the person to choose."""

    cell: CellView
    by_name: str
    at: datetime | None
    student_name: str
    column_words: str
    yours: str


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """What became of one cell of a bulk write: ``written``, ``same``, ``stale`` or ``refused`` with its reason."""

    enrollment_id: int
    column_key: str
    outcome: str
    reason: str = ""
    version: int = 0


def read_value(head: SheetHead, column_key: str, raw: str, standing: CellRecord, today: date) -> CellValue:
    """What a person typed, as the value of a cell.

    ``8,5`` ``8.5`` ``85`` ``10``, ``đ`` ``cđ``; ``vp`` or ``vp 20/12`` for missed with leave (a make-up is due, by
    default on the last day of the window: Art. 7 keeps it inside the semester); ``vk`` for missed without leave
    (0 or CĐ with its origin); nothing clears. Raises Invalid with what is accepted.
    """
    text = " ".join(unicodedata.normalize("NFC", raw).split())
    if column_key == REMARK:
        return _read_remark(raw)
    if not text:
        return CellRecord()
    word = text.casefold()
    excused = _EXCUSED.fullmatch(word)
    if excused:
        return CellRecord(origin=ScoreOrigin.MISSED_EXCUSED.value, makeup_due_on=_makeup_day(head, excused, today))
    scored = head.kind is SubjectKind.SCORED
    if word == "vk":
        return CellRecord(
            tenths=0 if scored else None,
            mark=None if scored else PassFail.FAIL.value,
            origin=ScoreOrigin.MISSED_UNEXCUSED.value,
        )
    if word in ("v", "vắng"):
        raise Invalid(
            "Vắng có hai loại: gõ vp nếu có phép (chờ kiểm tra bù), vk nếu không phép (tính 0 điểm hoặc CĐ).",
            field="value",
        )
    made_up = standing.origin in (ScoreOrigin.MISSED_EXCUSED.value, ScoreOrigin.MAKEUP.value)
    origin = (ScoreOrigin.MAKEUP if made_up else ScoreOrigin.ENTERED).value
    if scored:
        return CellRecord(tenths=parse_score(text).tenths, origin=origin)
    return CellRecord(mark=_mark(parse_pass_fail(text)), origin=origin)


def save_cell(
    actor: Actor,
    sheet_id: int,
    enrollment_id: int,
    column_key: str,
    raw: str,
    *,
    expected_version: int,
    op_id: str | None,
    source: str = "typed",
    now: datetime,
) -> SavedCell:
    """Write one cell, once.

    ``expected_version`` is the version the person saw (0: empty cell). The same ``op_id`` with the same request
    returns what was written then. Raises NotFound and NotAllowed by scope, WrongState when the sheet or its window
    does not take values, Invalid for the text or a reused ``op_id``, Stale (``current``: :class:`StandingValue`)
    when somebody else was first.
    """
    if op_id is not None and not _OP_ID.fullmatch(op_id):
        raise Invalid("Mã lần lưu không hợp lệ. Hãy tải lại trang; số đã gõ vẫn còn trong ô.", field="op")
    request_digest = hashlib.sha256(
        f"{sheet_id}\n{enrollment_id}\n{column_key}\n{expected_version}\n{raw}".encode()
    ).hexdigest()
    for attempt in (1, 2):
        try:
            return _save_once(
                actor, sheet_id, enrollment_id, column_key, raw, expected_version, op_id, request_digest, source, now
            )
        except IntegrityError:
            # Two first values, or one operation sent twice, at the same instant (PostgreSQL): the second look sees
            # the winner and answers as it should.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _save_once(
    actor: Actor,
    sheet_id: int,
    enrollment_id: int,
    column_key: str,
    raw: str,
    expected_version: int,
    op_id: str | None,
    request_digest: str,
    source: str,
    now: datetime,
) -> SavedCell:
    today = clock.local_date(now)
    with write_transaction():
        head = head_for_typing(actor, sheet_id, today)
        words = column_words(head, column_key)
        student_name, closed, cells = read_row(head, enrollment_id)
        standing = cells.get(column_key, NOTHING)
        link = connection()
        if op_id is not None:
            done = link.execute(_BY_OP, {"op": op_id}).first()
            if done is not None:
                if done.request_digest != request_digest or done.by_account_id != actor.account_id:
                    raise Invalid(
                        "Mã lần lưu này đã dùng cho một giá trị khác. Hãy tải lại trang rồi gõ lại ô này.", field="op"
                    )
                stored = CellRecord(done.tenths, done.mark, done.remark, done.origin, done.makeup_due_on, done.version)
                return _saved(head, enrollment_id, column_key, stored, cells, closed, written=False, repeated=True)
        guard_typing(head, today)
        if closed:
            raise WrongState(_closed_sentence(student_name, closed))
        value = read_value(head, column_key, raw, standing, today)
        if value.same_value(standing):
            return _saved(head, enrollment_id, column_key, standing, cells, closed, written=False)
        if expected_version != standing.version:
            raise _stale(link, standing, column_key, student_name, words, raw)
        if link.execute(_TOUCH_SHEET, {"sheet_id": head.id}).rowcount == 0:
            raise WrongState("Bảng điểm vừa được nộp hoặc khoá nên không ghi thêm được. Số đã gõ chưa mất.")
        written = _put(link, actor, head, enrollment_id, column_key, value, standing, now)
        if written is None:
            fresh = read_row(head, enrollment_id)[2].get(column_key, NOTHING)
            raise _stale(link, fresh, column_key, student_name, words, raw)
        seq = audit.record(
            AuditTag.CELL_CHANGED,
            actor,
            now,
            target_kind="score_sheet",
            target_id=head.id,
            state={"score_cell": {str(written.id): _state(head, enrollment_id, column_key, written)}},
            before=_before(standing),
            facts={"sheet": head.label, "student": student_name, "column": words, "source": source},
        )
        link.execute(_NEW_VERSION, _version_values(written, actor, now, source, seq, op_id, request_digest))
        cells[column_key] = written
        return _saved(head, enrollment_id, column_key, written, cells, closed, written=True)


def write_cells(
    session: Session,
    actor: Actor,
    sheet: SheetHead,
    cells: Sequence[tuple[int, str, CellValue, int | None]],
    *,
    source: str,
    now: datetime,
) -> list[CellOutcome]:
    """Write many cells of one sheet inside the caller's transaction: one outcome each, one audit entry for all.

    A cell is (enrollment id, column key, value, version seen or None: whatever stands may be replaced). Used by
    imports and the sample school; the caller has loaded ``sheet`` with the permission it needs. Raises WrongState
    when the sheet takes no values now (the system actor is not bound by the window).
    """
    today = clock.local_date(now)
    if actor.is_system:
        if sheet.state not in EDITABLE:
            raise WrongState(_state_sentence(sheet))
    else:
        guard_typing(sheet, today)
    link = session.connection()
    known = {column.key for column in columns_of(sheet)} | {REMARK}
    standing = {
        (row.enrollment_id, row.column_key): CellRecord(
            row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version, row.id
        )
        for row in link.execute(select(_cell).where(_cell.c.score_sheet_id == sheet.id))
    }
    open_lines = read_lines(sheet)
    outcomes: list[CellOutcome] = []
    fresh: list[tuple[int, str, CellRecord]] = []
    changed: list[tuple[int, str, CellRecord, CellRecord]] = []
    seen: set[tuple[int, str]] = set()
    for enrollment_id, key, value, expected in cells:
        old = standing.get((enrollment_id, key), NOTHING)
        reason = ""
        if key not in known:
            reason = "Bảng điểm này không có cột đó."
        elif enrollment_id not in open_lines:
            reason = "Học sinh không có trong bảng điểm."
        elif open_lines[enrollment_id]:
            reason = f"Không ghi được: {open_lines[enrollment_id].lower()}."
        elif (enrollment_id, key) in seen:
            reason = "Ô này có hai giá trị trong cùng một lần ghi."
        if reason:
            outcomes.append(CellOutcome(enrollment_id, key, "refused", reason, old.version))
            continue
        seen.add((enrollment_id, key))
        if value.same_value(old):
            outcomes.append(CellOutcome(enrollment_id, key, "same", version=old.version))
        elif expected is not None and expected != old.version:
            outcomes.append(CellOutcome(enrollment_id, key, "stale", f"Ô đang là {old.text or 'trống'}.", old.version))
        else:
            after = replace(value, version=old.version + 1, id=old.id)
            outcomes.append(CellOutcome(enrollment_id, key, "written", version=after.version))
            if old.version:
                changed.append((enrollment_id, key, after, old))
            else:
                fresh.append((enrollment_id, key, after))
    if not fresh and not changed:
        return outcomes
    # The guard again, in the statement that takes the sheet: on PostgreSQL it may have moved since it was read.
    touched = link.execute(_TOUCH_SHEET if not actor.is_system else _TOUCH_ANY, {"sheet_id": sheet.id})
    if touched.rowcount == 0:
        raise WrongState(_state_sentence(sheet))
    written: list[tuple[int, str, CellRecord]] = []
    if fresh:
        ids = link.execute(
            insert(_cell).returning(_cell.c.id, sort_by_parameter_order=True),
            [
                {
                    "score_sheet_id": sheet.id,
                    "enrollment_id": enrollment_id,
                    "column_key": key,
                    **_values(value, actor, now),
                }
                for enrollment_id, key, value in fresh
            ],
        ).scalars()
        written += [
            (enrollment_id, key, replace(value, id=cell_id))
            for (enrollment_id, key, value), cell_id in zip(fresh, ids, strict=True)
        ]
    for enrollment_id, key, value, old in changed:
        done = link.execute(_SET_CELL, {"cell_id": value.id, "seen": old.version, **_values(value, actor, now)})
        if done.rowcount == 0:
            raise Stale("Có người vừa sửa một ô trong lúc ghi. Chưa ghi gì; xin làm lại.")
        written.append((enrollment_id, key, value))
    seq = audit.record(
        AuditTag.CELLS_IMPORTED,
        actor,
        now,
        target_kind="score_sheet",
        target_id=sheet.id,
        state={
            "score_cell": {
                str(value.id): _state(sheet, enrollment_id, key, value) for enrollment_id, key, value in written
            }
        },
        before={f"{enrollment_id}-{key}": old.text for enrollment_id, key, _, old in changed},
        facts={"sheet": sheet.label, "source": source, "n_cells": len(written)},
    )
    link.execute(_NEW_VERSION, [_version_values(value, actor, now, source, seq) for _, _, value in written])
    return outcomes


def save_many(
    actor: Actor, sheet_id: int, cells: Sequence[tuple[int, str, str, int]], *, source: str, now: datetime
) -> list[CellOutcome]:
    """Write typed texts, a form or a pasted block: (enrollment id, column key, text, version seen) each.

    One transaction; each cell has its own outcome, and a text that cannot be read is refused alone. A cell whose text
    equals what the person had been shown is ``same`` even when somebody changed it since: it was not touched here.
    Raises like :func:`save_cell` for the sheet as a whole.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        head = head_for_typing(actor, sheet_id, today)
        guard_typing(head, today)
        shown = _shown_texts(head, cells)
        outcomes: dict[int, CellOutcome] = {}
        wanted: list[tuple[int, str, CellValue, int | None]] = []
        places: list[int] = []
        standing = _standing(head)
        for place, (enrollment_id, key, raw, seen) in enumerate(cells):
            old = standing.get((enrollment_id, key), NOTHING)
            text = raw if key == REMARK else " ".join(unicodedata.normalize("NFC", raw).split())
            if text.strip() == shown.get((enrollment_id, key, seen), old.text if old.version == seen else ""):
                outcomes[place] = CellOutcome(enrollment_id, key, "same", version=old.version)
                continue
            try:
                wanted.append((enrollment_id, key, read_value(head, key, raw, old, today), seen))
                places.append(place)
            except DomainError as refusal:
                outcomes[place] = CellOutcome(enrollment_id, key, "refused", refusal.message, old.version)
        outcomes.update(zip(places, write_cells(session, actor, head, wanted, source=source, now=now), strict=True))
    return [outcomes[place] for place in range(len(cells))]


def sheet_head(actor: Actor, sheet_id: int, permission: Permission, now: datetime) -> SheetHead:
    """The sheet for callers outside this module that go on to :func:`write_cells`."""
    if actor.is_system:
        return read_head(sheet_id)
    return sheet_for(actor, sheet_id, permission, clock.local_date(now))


def guard_typing(head: SheetHead, today: date) -> None:
    """Raise WrongState when the sheet's state or its semester's window takes no values."""
    if head.state not in EDITABLE:
        raise WrongState(_state_sentence(head))
    if not head.window.is_open(today):
        opens, closes = (f"{day:%d/%m/%Y}" for day in (head.window.opens_on, head.window.closes_on))
        raise WrongState(
            f"Học kì {'I' if head.semester == 1 else 'II'} của khối {head.grade_level} nhập điểm từ {opens} đến hết "
            f"{closes}. Hôm nay là {today:%d/%m/%Y} nên chưa ghi gì. Nếu cần gia hạn, xin hỏi Hiệu trưởng."
        )


def _read_remark(raw: str) -> CellValue:
    text = nfc(raw) or ""
    text = "".join(letter for letter in text if letter == "\n" or unicodedata.category(letter)[0] != "C")
    if not text:
        return CellRecord()
    if len(text) > _REMARK_MAX:
        raise Invalid(f"Nhận xét dài {len(text)} chữ, tối đa {_REMARK_MAX}. Chưa ghi; xin rút ngắn.", field="value")
    reason = why_not_printed(text)
    if reason:
        raise Invalid(f"Nhận xét {reason} Chưa ghi; xin sửa lại.", field="value")
    return CellRecord(remark=text, origin=ScoreOrigin.ENTERED.value)


def _makeup_day(head: SheetHead, found: re.Match[str], today: date) -> date:
    if not found.group(1):
        return head.window.closes_on
    year = int(found.group(3)) if found.group(3) else today.year
    try:
        day = date(year, int(found.group(2)), int(found.group(1)))
    except ValueError:
        raise Invalid("Ngày kiểm tra bù không có trong lịch. Ví dụ đúng: vp 20/12.", field="value") from None
    if not found.group(3) and day < today:
        try:
            day = day.replace(year=year + 1)  # in December, "vp 5/1" means the January ahead
        except ValueError:
            raise Invalid("Ngày kiểm tra bù không có trong lịch. Ví dụ đúng: vp 20/12.", field="value") from None
    if not head.window.is_open(day):
        raise Invalid(f"Kiểm tra bù phải trong cùng học kì, đến hết {head.window.closes_on:%d/%m/%Y}.", field="value")
    return day


def _mark(parsed: Any) -> str:
    return parsed.value if isinstance(parsed, PassFail) else str(parsed)


def _values(value: CellRecord, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "tenths": value.tenths,
        "mark": value.mark,
        "remark": value.remark,
        "origin": value.origin,
        "makeup_due_on": value.makeup_due_on,
        "version": value.version,
        "updated_at": now,
        "updated_by": actor.account_id,
    }


def _version_values(
    value: CellRecord,
    actor: Actor,
    now: datetime,
    source: str,
    seq: int,
    op_id: str | None = None,
    request_digest: str | None = None,
) -> dict[str, Any]:
    return {
        "score_cell_id": value.id,
        "version": value.version,
        "tenths": value.tenths,
        "mark": value.mark,
        "remark": value.remark,
        "origin": value.origin,
        "makeup_due_on": value.makeup_due_on,
        "source": source,
        "op_id": op_id,
        "request_digest": request_digest,
        "at": now,
        "by_account_id": actor.account_id,
        "audit_seq": seq,
    }


def _put(
    link: Any,
    actor: Actor,
    head: SheetHead,
    enrollment_id: int,
    column_key: str,
    value: CellRecord,
    standing: CellRecord,
    now: datetime,
) -> CellRecord | None:
    """The stored record, or None when the version had moved on."""
    after = replace(value, version=standing.version + 1, id=standing.id)
    if standing.version:
        done = link.execute(_SET_CELL, {"cell_id": standing.id, "seen": standing.version, **_values(after, actor, now)})
        return after if done.rowcount == 1 else None
    result = link.execute(
        _NEW_CELL,
        {
            "score_sheet_id": head.id,
            "enrollment_id": enrollment_id,
            "column_key": column_key,
            **_values(after, actor, now),
        },
    )
    return replace(after, id=result.inserted_primary_key[0])


def _state(head: SheetHead, enrollment_id: int, column_key: str, value: CellRecord) -> dict[str, Any]:
    return audit.state_of(
        "score_cell",
        {
            "score_sheet_id": head.id,
            "enrollment_id": enrollment_id,
            "column_key": column_key,
            "tenths": value.tenths,
            "mark": value.mark,
            "remark": value.remark,
            "origin": value.origin,
            "makeup_due_on": value.makeup_due_on,
            "version": value.version,
        },
    )


def _before(standing: CellRecord) -> dict[str, Any] | None:
    if not standing.version:
        return None
    return {
        "tenths": standing.tenths,
        "mark": standing.mark,
        "remark": standing.remark,
        "origin": standing.origin,
        "makeup_due_on": standing.makeup_due_on,
        "version": standing.version,
    }


def _saved(
    head: SheetHead,
    enrollment_id: int,
    column_key: str,
    record: CellRecord,
    cells: dict[str, CellRecord],
    closed: str,
    *,
    written: bool,
    repeated: bool = False,
) -> SavedCell:
    return SavedCell(
        head=head,
        enrollment_id=enrollment_id,
        cell=view_cell(column_key, record, closed, head.state in EDITABLE and not closed),
        average=average_text(head, columns_of(head), cells),
        progress=count_progress(head),
        written=written,
        repeated=repeated,
    )


def _stale(link: Any, standing: CellRecord, column_key: str, student_name: str, words: str, raw: str) -> Stale:
    row = link.execute(_LAST_WRITER, {"cell_id": standing.id}).first() if standing.id else None
    current = StandingValue(
        cell=view_cell(column_key, standing, "", True),
        by_name=(row.full_name if row else None) or "Hệ thống",
        at=row.updated_at if row else None,
        student_name=student_name,
        column_words=words,
        yours=" ".join(unicodedata.normalize("NFC", raw).split()),
    )
    return Stale(
        f"{current.by_name} vừa ghi {standing.text or 'ô trống'} vào ô này. Chưa số nào bị mất, xin chọn một.",
        current=current,
    )


def _standing(head: SheetHead) -> dict[tuple[int, str], CellRecord]:
    return {
        (row.enrollment_id, row.column_key): CellRecord(
            row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version, row.id
        )
        for row in connection().execute(select(_cell).where(_cell.c.score_sheet_id == head.id))
    }


def _shown_texts(head: SheetHead, cells: Sequence[tuple[int, str, str, int]]) -> dict[tuple[int, str, int], str]:
    """What each cell showed at the version the person saw."""
    rows = connection().execute(
        select(
            _cell.c.enrollment_id,
            _cell.c.column_key,
            _version.c.version,
            _version.c.tenths,
            _version.c.mark,
            _version.c.remark,
            _version.c.origin,
            _version.c.makeup_due_on,
        )
        .join(_version, _version.c.score_cell_id == _cell.c.id)
        .where(_cell.c.score_sheet_id == head.id)
    )
    return {
        (row.enrollment_id, row.column_key, row.version): CellRecord(
            row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version
        ).text
        for row in rows
    }


def _closed_sentence(student_name: str, closed: str) -> str:
    if closed == "Miễn":
        return f"{student_name} được miễn học môn này nên không ghi điểm. Chưa có gì thay đổi."
    return f"{student_name} {closed.lower()} nên dòng này đã đóng. Chưa có gì thay đổi."


def _state_sentence(head: SheetHead) -> str:
    words = {
        SheetState.SUBMITTED: "đã nộp, chờ tổ trưởng soát; thầy, cô có thể rút về để sửa",
        SheetState.REVIEWED: "đã được tổ trưởng soát, chờ duyệt",
        SheetState.APPROVED: "đã được duyệt",
        SheetState.LOCKED: "đã khoá; muốn sửa, xin làm đề nghị sửa điểm",
    }
    return f"Bảng điểm {words.get(head.state, 'không nhận thêm điểm')}. Chưa ghi gì."
