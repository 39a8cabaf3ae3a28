"""Typing the drawn results from the papers, holding them against the sheet, and settling what differs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations import blind_check
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.blind_check import CheckState, Reading
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.score_values import parse_pass_fail, parse_score
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import CheckHead, check_for, counting, drawn_of, is_unseen
from hocbaso.services.score_cells import NOTHING
from hocbaso.services.score_lines import read_standing
from hocbaso.services.sheet_access import SheetHead

_MOST = 200


@dataclass(frozen=True, slots=True)
class TypedResult:
    """What a form says about one drawn result: the text, or that the paper was not found; the version it showed."""

    check_id: int
    raw: str
    no_paper: bool
    seen: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a form. Both by check id: why a text was not kept, and how ``85`` was read (``8,5``)."""

    troubles: dict[int, str]
    read_as: dict[int, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome of holding what was typed against the sheet."""

    label: str
    n_same: int
    n_different: int


def type_results(actor: Actor, sheet_id: int, typed: Sequence[TypedResult], *, now: datetime) -> Kept:
    """Keep what was typed; nothing is compared yet, so a value can still be changed. An empty text takes it back.

    A text that cannot be read is refused alone; the others are kept. Raises NotFound and NotAllowed by
    scope, WrongState when the sheet does not wait for its review, NotFound for a result that is not asked for.
    """
    troubles: dict[int, str] = {}
    read_as: dict[int, str] = {}
    with write_transaction() as session:
        found = _typist(actor, sheet_id, now)
        rows = {row.id: row for row in counting(found.head, drawn_of(sheet_id)) if is_unseen(row)}
        written = []
        for one in typed[:_MOST]:
            row = rows.get(one.check_id)
            if row is None:
                raise NotFound("Ô này không chờ đối chiếu nữa. Xin tải lại trang; chưa ghi gì.")
            try:
                value, shown = _read(found.head, one)
            except DomainError as refusal:
                troubles[row.id] = refusal.message
                continue
            if shown:
                read_as[row.id] = shown
            if value == _second(row):
                continue
            if row.version != one.seen:
                troubles[row.id] = "Có người vừa gõ ô này. Xin xem lại rồi gõ tiếp."
                continue
            row.second_tenths, row.second_mark, row.no_paper = value.tenths, value.mark, value.no_paper
            row.state = (CheckState.TYPED if value.is_given else CheckState.WAITING).value
            row.typed_at, row.typed_by, row.typed_name = now, actor.account_id, actor.name
            row.version += 1
            written.append(row)
        session.flush()
        if written:
            audit.record(
                AuditTag.BLIND_TYPED,
                actor,
                now,
                target_kind="score_sheet",
                target_id=sheet_id,
                state=audit.states("blind_check", written),
                facts={"sheet": found.head.label, "n_typed": len(written)},
            )
    return Kept(troubles, read_as)


def compare(actor: Actor, sheet_id: int, *, now: datetime) -> Compared:
    """Hold everything typed against the sheet, all at once: only from here on does anybody here see a first value.

    The second click finds nothing to compare and answers alike. Raises WrongState while a result is not typed, Stale
    when a cell changed meanwhile.
    """
    with write_transaction() as session:
        found = _typist(actor, sheet_id, now)
        rows = counting(found.head, drawn_of(sheet_id))
        n_missing = sum(row.state == CheckState.WAITING for row in rows)
        if n_missing:
            raise WrongState(f"Còn {n_missing} ô chưa gõ. Gõ hết các ô rồi mới so với bảng điểm được.")
        standing = read_standing(found.head)
        fresh = [row for row in rows if row.state == CheckState.TYPED]
        for row in fresh:
            cell = standing.get((row.enrollment_id, row.column_key), NOTHING)
            if cell.version != row.cell_version:
                raise Stale("Bảng điểm đã đổi sau khi rút thăm. Xin báo tổ trưởng trả lại để giáo viên nộp lại.")
            row.state = blind_check.compare(Reading(cell.tenths, cell.mark), _second(row)).value
            row.version += 1
        if fresh:
            _tell_named(sheet_id)
            session.flush()
            audit.record(
                AuditTag.BLIND_COMPARED,
                actor,
                now,
                target_kind="score_sheet",
                target_id=sheet_id,
                state=audit.states("blind_check", fresh),
                facts={
                    "sheet": found.head.label,
                    "n_same": sum(row.state == CheckState.SAME for row in fresh),
                    "n_different": sum(row.state == CheckState.DIFFERENT for row in fresh),
                },
            )
        return Compared(
            found.head.label,
            sum(row.state == CheckState.SAME for row in rows),
            sum(row.state == CheckState.DIFFERENT for row in rows),
        )


def settle_misread(
    actor: Actor, sheet_id: int, check_id: int, *, reason: str, expected_version: int, now: datetime
) -> None:
    """The sheet is right and the second person misread: the typed value stays in the record, with this reason.

    (Where the paper is right, the reviewer returns the sheet and its teacher corrects the cell.) Raises Invalid for a
    reason that says too little, WrongState while results are still being typed, NotFound for another sheet's result,
    Stale when it was settled meanwhile.
    """
    words = " ".join(unicodedata.normalize("NFC", reason).split())
    with write_transaction() as session:
        found = check_for(actor, sheet_id, clock.local_date(now))
        if not found.may_settle:
            raise NotAllowed("Chỗ lệch do tổ trưởng hoặc người đối chiếu giải quyết. Chưa có gì thay đổi.")
        _guard_state(found.head)
        rows = counting(found.head, drawn_of(sheet_id))
        row = next((one for one in rows if one.id == check_id), None)
        if row is None:
            raise NotFound("Bảng điểm này không có ô đối chiếu đó.")
        if any(is_unseen(one) for one in rows):
            raise WrongState("Còn ô chưa gõ hoặc chưa so với bảng điểm. Làm xong rồi mới giải quyết chỗ lệch.")
        blind_check.guard_reason(words)
        if row.state == CheckState.MISREAD and row.reason == words:  # the second click
            return
        if row.state != CheckState.DIFFERENT or row.version != expected_version:
            raise Stale("Chỗ lệch này vừa có người giải quyết. Xin xem lại; chưa có gì thay đổi.", current=row)
        row.state, row.reason, row.version = CheckState.MISREAD.value, words, row.version + 1
        row.settled_at, row.settled_name = now, actor.name
        _tell_named(sheet_id)
        session.flush()
        audit.record(
            AuditTag.BLIND_SETTLED,
            actor,
            now,
            target_kind="score_sheet",
            target_id=sheet_id,
            state=audit.states("blind_check", [row]),
            before={"state": CheckState.DIFFERENT},
            note=words,
            facts={"sheet": found.head.label},
        )


def _typist(actor: Actor, sheet_id: int, now: datetime) -> CheckHead:
    found = check_for(actor, sheet_id, clock.local_date(now))
    if not found.may_type:
        who = f"{found.named.name} được giao" if found.named is not None else "người khác"
        raise NotAllowed(f"Phần gõ lại từ bài gốc của bảng này do {who} làm. Chưa có gì thay đổi.")
    _guard_state(found.head)
    return found


def _guard_state(head: SheetHead) -> None:
    if head.state is not SheetState.SUBMITTED:
        raise WrongState("Bảng điểm không ở bước chờ soát nên không đối chiếu được. Chưa có gì thay đổi.")


def _read(head: SheetHead, one: TypedResult) -> tuple[Reading, str]:
    """The value, and how a shorthand such as ``85`` was read ("" otherwise)."""
    text = one.raw.strip()
    if one.no_paper or not text:
        return Reading(no_paper=one.no_paper), ""
    if head.kind is SubjectKind.COMMENT:
        return Reading(mark=parse_pass_fail(text).value), ""
    parsed = parse_score(text)
    return Reading(tenths=parsed.tenths), parsed.shown_as if parsed.shorthand else ""


def _second(row: m.BlindCheck) -> Reading:
    return Reading(row.second_tenths, row.second_mark, row.no_paper)


def _tell_named(sheet_id: int) -> None:
    """The number on the named person's rail is counted again when this version grows (services/dashboard.py)."""
    named = db.session.scalar(select(m.BlindChecker).where(m.BlindChecker.score_sheet_id == sheet_id))
    if named is not None:
        named.version += 1
