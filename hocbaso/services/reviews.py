"""Handing in, reviewing, approving and locking sheets: one table, one function that reads it, bulk as a loop."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Incomplete, IntegrityFault, Invalid, NotAllowed, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import Move, SheetParty, SheetState, SheetVerb, find_move
from hocbaso.services import anomaly_questions, audit, blind_draws
from hocbaso.services.access import Actor
from hocbaso.services.locking import guard_lock
from hocbaso.services.log_reading import require_told
from hocbaso.services.log_replay import audit_faults_of_sheets
from hocbaso.services.score_lines import list_gaps
from hocbaso.services.sheet_access import SheetHead, connection, sheet_for, table_of

_sheet = table_of(m.ScoreSheet)
_NOTE_MAX = 1000

_SET_STATE = (
    update(_sheet)
    .where(
        _sheet.c.id == bindparam("sheet_id"),
        _sheet.c.version == bindparam("seen"),
        _sheet.c.state == bindparam("from_state"),
    )
    .values(state=bindparam("to_state"), version=_sheet.c.version + 1, state_at=bindparam("moved_at"))
)

_WHOSE = {
    SheetParty.AUTHOR: "giáo viên dạy môn này ở lớp này",
    SheetParty.REVIEWER: "tổ trưởng chuyên môn",
    SheetParty.APPROVER: "Hiệu trưởng hoặc người được uỷ quyền",
    SheetParty.PRINCIPAL: "Hiệu trưởng",
    SheetParty.CORRECTION: "một đề nghị sửa điểm đã được duyệt",
    SheetParty.SAME_HAND: "người vừa duyệt, ngay sau khi duyệt",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """A missing result: where it is, and in words."""

    sheet_id: int
    enrollment_id: int
    column_key: str
    words: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A sheet after an act."""

    sheet_id: int
    label: str
    state: SheetState
    version: int


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of one sheet of a bulk act; ``message`` is the reason when it did not move."""

    sheet_id: int
    label: str
    done: bool
    message: str = ""


def submit(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime, note: str | None = None) -> Moved:
    """Hand in. Raises Incomplete while a result is missing (``gaps``: tuple of :class:`Gap`) or a question waits for its
    answer (``gaps``: tuple of :class:`~hocbaso.services.anomaly_questions.Question`).

    Where nobody teaches the subject any more, the principal attests instead, with a note.
    """
    return _move(actor, sheet_id, SheetVerb.SUBMIT, note, expected_version, now)


def recall(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime) -> Moved:
    """Take back what has not been reviewed yet."""
    return _move(actor, sheet_id, SheetVerb.RECALL, None, expected_version, now)


def return_(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime, note: str) -> Moved:
    """Send back with a reason: the group head before review, the principal after it."""
    return _move(actor, sheet_id, SheetVerb.RETURN, note, expected_version, now)


def review(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime, note: str | None = None) -> Moved:
    """Confirm as the one whose turn it is (``sheet_hands``), never one's own sheet. Raises NotAllowed for everybody else,
    WrongState while its check from the papers waits."""
    return _move(actor, sheet_id, SheetVerb.REVIEW, note, expected_version, now)


def approve(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime, note: str | None = None) -> Moved:
    """Approve as principal or delegate. Never locks by itself."""
    return _move(actor, sheet_id, SheetVerb.APPROVE, note, expected_version, now)


def lock(actor: Actor, sheet_id: int, *, expected_version: int, now: datetime) -> Moved:
    """Lock an approved sheet once its window has closed or its class is wholly approved."""
    return _move(actor, sheet_id, SheetVerb.LOCK, None, expected_version, now)


def move(
    actor: Actor, sheet_id: int, verb: SheetVerb, *, expected_version: int, now: datetime, note: str | None = None
) -> Moved:
    """Any act of the table by its name, for forms and bulk."""
    return _move(actor, sheet_id, verb, note, expected_version, now)


def move_many(
    actor: Actor, verb: SheetVerb, items: Iterable[tuple[int, int]], *, now: datetime, note: str | None = None
) -> list[BulkOutcome]:
    """The same act on many sheets, (sheet id, version seen) each: one transaction and one outcome per sheet.

    A sheet that changed since it was shown is skipped and says so; the others go on.
    """
    outcomes = []
    for sheet_id, expected_version in items:
        try:
            done = _move(actor, sheet_id, verb, note, expected_version, now)
            outcomes.append(BulkOutcome(sheet_id, done.label, True))
        except DomainError as refusal:
            outcomes.append(BulkOutcome(sheet_id, _label_for(actor, sheet_id, now), False, refusal.message))
    return outcomes


def _move(
    actor: Actor, sheet_id: int, verb: SheetVerb, note: str | None, expected_version: int, now: datetime
) -> Moved:
    today = clock.local_date(now)
    words = " ".join(unicodedata.normalize("NFC", note or "").split()) or None
    if words and len(words) > _NOTE_MAX:
        raise Invalid(f"Ghi chú dài quá {_NOTE_MAX} chữ. Chưa có gì thay đổi.", field="note")
    questions: tuple[anomaly_questions.Question, ...] = ()
    unchecked = ""
    with write_transaction():
        head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
        row = find_move(head.state, verb)
        attests = verb is SheetVerb.SUBMIT and head.is_orphan and SheetParty.PRINCIPAL in head.parties
        if row.party not in head.parties and not attests:
            raise NotAllowed(f"{head.kept_out or f'Việc này của {_WHOSE[row.party]}.'} Chưa có gì thay đổi.")
        if expected_version != head.version:
            raise Stale(
                "Bảng điểm đã đổi sau khi thầy, cô mở trang. Xin xem lại rồi làm tiếp; chưa có gì thay đổi.",
                current=head,
            )
        if not words and (row.needs_note or (attests and SheetParty.AUTHOR not in head.parties)):
            raise Invalid(
                "Xin ghi lí do để người nhận biết cần làm gì."
                if row.needs_note
                else "Không còn ai dạy môn này: xin ghi rõ căn cứ xác nhận thay.",
                field="note",
            )
        if verb is SheetVerb.SUBMIT:
            _guard_gaps(head, "nộp")
            questions = anomaly_questions.ask(actor, head, now)
        elif verb in (SheetVerb.REVIEW, SheetVerb.APPROVE):
            # What the teacher wrote and answered is what whoever reviews or approves relies on.
            anomaly_questions.require_untouched(head.id)
            if faults := audit_faults_of_sheets([head.id]):
                raise IntegrityFault(
                    f"{head.label} đã bị sửa ngoài phần mềm nên chưa chuyển. Xin báo Hiệu trưởng và người phụ trách CNTT.",
                    # Whoever reviews may have to be kept from the values.
                    details=tuple(str(fault) for fault in faults) if verb is SheetVerb.APPROVE else (),
                )
            # A pupil may have come into the class since the sheet was handed in.
            _guard_gaps(head, "soát" if verb is SheetVerb.REVIEW else "duyệt")
            if verb is SheetVerb.REVIEW:
                unchecked = blind_draws.what_waits(actor, head, now)
        elif verb is SheetVerb.LOCK:
            guard_lock(head, today)
        if not questions and not unchecked:
            if verb is SheetVerb.SUBMIT:
                blind_draws.renew(actor, head, now)
            return carry_out(actor, head, row, words, now, attests=attests)
    # Raised after the block: what was asked or drawn is kept, only the move does not happen.
    if unchecked:
        raise WrongState(unchecked)
    raise Incomplete(
        f"Chưa nộp được: xin trả lời {len(questions)} câu hỏi, hoặc sửa các ô ấy. Điểm đã nhập vẫn còn nguyên.",
        gaps=questions,
        details=tuple(question.words for question in questions),
    )


def carry_out(
    actor: Actor,
    head: SheetHead,
    row: Move,
    words: str | None,
    now: datetime,
    *,
    attests: bool = False,
    state_at: datetime | None = None,
) -> Moved:
    """Move the sheet and write it down; every guard has passed, in this same transaction.

    Also for an approved correction, which reopens and locks again (``services/correction_apply``), and for an approval that is taken
    back: ``state_at`` is then since when the sheet had stood where it returns to.
    """
    link = connection()
    moved = link.execute(
        _SET_STATE,
        {
            "sheet_id": head.id,
            "seen": head.version,
            "from_state": row.from_state.value,
            "to_state": row.to_state.value,
            "moved_at": state_at or now,
        },
    )
    if moved.rowcount == 0:
        raise Stale("Có người vừa chuyển bảng điểm này. Xin mở lại trang; chưa có gì thay đổi.", current=head)
    require_told(
        "score_sheet",
        head.id,
        {"state": row.from_state},
        f"Trạng thái bảng điểm {head.label}",
        under={"class_subject": (head.class_subject_id,), "school_year": None},
    )
    step = {
        "score_sheet_id": head.id,
        "verb": row.verb.value,
        "from_state": row.from_state.value,
        "to_state": row.to_state.value,
        "note": words,
        "content_version": head.content_version,
        "at": now,
        "by_account_id": actor.account_id,
        "by_name": actor.name,
    }
    step_id = link.execute(insert(table_of(m.SheetStep)).returning(table_of(m.SheetStep).c.id), step).scalar_one()
    audit.record(
        AuditTag.SHEET_MOVED,
        actor,
        now,
        target_kind="score_sheet",
        target_id=head.id,
        state={
            "score_sheet": {str(head.id): {"state": row.to_state.value}},
            "sheet_step": {str(step_id): audit.state_of("sheet_step", step)},
        },
        before={"state": row.from_state},
        note=words,
        facts={
            "sheet": head.label,
            "verb": row.verb.value,
            "content_version": head.content_version,
            **(
                {"attested_for": head.authors[0].name if head.authors else "không còn ai"}
                if attests and SheetParty.AUTHOR not in head.parties
                else {}
            ),
        },
    )
    return Moved(head.id, head.label, row.to_state, head.version + 1)


def _guard_gaps(head: SheetHead, act: str) -> None:
    gaps = tuple(Gap(head.id, *gap) for gap in list_gaps(head))
    if gaps:
        raise Incomplete(
            f"Chưa {act} được: còn {len(gaps)} ô trống hoặc chờ kiểm tra bù. Điểm đã nhập vẫn còn nguyên.",
            gaps=gaps,
            details=tuple(gap.words for gap in gaps),
        )


def _label_for(actor: Actor, sheet_id: int, now: datetime) -> str:
    """The name of the sheet, or nothing when this person may not know that it exists."""
    try:
        return sheet_for(actor, sheet_id, Permission.SHEET_READ, clock.local_date(now)).label
    except DomainError:
        return ""
