"""Questions about a sheet before it is handed in: asked at handing in, answered by its teacher, read by the group head.

A question is asked when handing in finds something unusual; it is settled by a reason or by changing the cells it rests
on. Both are kept with the sheet for as long as the sheet is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.anomalies.checks import find_anomalies
from hocbaso.regulations.anomalies.kinds import OFFERED_REASONS, Anomaly, AnomalyKind
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetParty
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.anomaly_sources import sheet_data
from hocbaso.services.log_reading import aimed_at, require_rows_told
from hocbaso.services.score_grid import REMARK, columns_of
from hocbaso.services.sheet_access import SheetHead, connection, sheet_for, table_of

REASON_LEAST, REASON_MOST = 10, 500
"""Letters of a reason: “đã xem” tells the group head nothing."""

EXPLAINED, FIXED = "explained", "fixed"

_question = table_of(m.AnomalyQuestion)
_ANY = select(_question.c.id).where(_question.c.score_sheet_id == bindparam("sheet_id")).limit(1)
_WORDS_MOST = 4000


@dataclass(frozen=True, slots=True)
class QuestionCell:
    """A cell that a question rests on, in words: ``Trần Bảo Châu, cuối kì``."""

    enrollment_id: int
    column_key: str
    words: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question for the page. ``answer``: the reason, or that the cells were changed; "" while it is open."""

    id: int
    sheet_id: int
    kind: AnomalyKind
    words: str
    cells: tuple[QuestionCell, ...]
    outcome: str | None
    reason: str
    by_name: str
    answered_at: datetime | None
    version: int

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its answer."""
        return self.outcome is None

    @property
    def answer(self) -> str:
        """What became of it, in words."""
        return self.reason or ("Số liệu đã sửa, khi nộp không còn điều này" if self.outcome == FIXED else "")

    @property
    def offered(self) -> tuple[str, ...]:
        """Common reasons that one tap gives."""
        return OFFERED_REASONS[self.kind]


@dataclass(frozen=True, slots=True)
class QuestionList:
    """The questions of a sheet for one person. ``open`` holds those that stand and that this person may answer."""

    open: tuple[Question, ...]
    answered: tuple[Question, ...]
    may_answer: bool


def ask(actor: Actor, head: SheetHead, now: datetime) -> tuple[Question, ...]:
    """Look through the sheet, keep what is new, settle what was mended, and return the questions still open.

    Part of handing in: runs in the caller's write transaction, whose refusal keeps the questions. IntegrityFault when a
    question or its answer is not what the log says.
    """
    require_untouched(head.id)
    present = {one.key: one for one in find_anomalies(sheet_data(head))}
    stored = {row.key: row for row in _stored(head.id)}
    asked = [_put(head, one, now) for key, one in present.items() if key not in stored]
    for key, row in stored.items():
        if key in present and row.outcome == FIXED:  # what was mended is as it was before
            row.outcome = row.answered_at = row.by_account_id = row.by_name = None
            row.version, row.asked_at = row.version + 1, now
            asked.append(row)
    mended = [row for key, row in stored.items() if row.outcome is None and key not in present]
    for row in mended:
        _settle(row, FIXED, None, actor, now)
    db.session.flush()
    for tag, rows in ((AuditTag.QUESTION_ASKED, asked), (AuditTag.QUESTION_ANSWERED, mended)):
        if rows:
            audit.record(
                tag,
                actor,
                now,
                target_kind="score_sheet",
                target_id=head.id,
                state=audit.states("anomaly_question", rows),
                facts={"sheet": head.label},
            )
    waiting = [row for row in (*stored.values(), *asked) if row.outcome is None and row.key in present]
    return _views(head, {row.id: row for row in waiting}.values())


def answer(
    actor: Actor, sheet_id: int, question_id: int, *, reason: str, expected_version: int, now: datetime
) -> Question:
    """Explain a question in words, once or again while the sheet is the teacher's.

    Raises Invalid for a reason that says too little, WrongState once the sheet is handed in, NotFound for a question of
    another sheet, Stale when the question was answered meanwhile or its cells have changed.
    """
    words = " ".join(unicodedata.normalize("NFC", reason).split())
    with write_transaction():
        head = sheet_for(actor, sheet_id, Permission.SHEET_SUBMIT, clock.local_date(now))
        row = db.session.get(m.AnomalyQuestion, question_id, populate_existing=True)
        if row is None or row.score_sheet_id != head.id:
            raise NotFound("Bảng điểm này không có câu hỏi đó.")
        if head.state not in EDITABLE:
            raise WrongState("Bảng điểm đã nộp nên không trả lời thêm được. Chưa có gì thay đổi.")
        guard_reason(words)
        if row.outcome == EXPLAINED and row.reason == words:  # the second click
            return _views(head, [row])[0]
        if row.version != expected_version or row.outcome == FIXED:
            raise Stale("Câu hỏi này vừa có trả lời khác. Xin xem lại; chưa có gì thay đổi.", current=row)
        if row.key not in {one.key for one in find_anomalies(sheet_data(head))}:
            raise Stale("Các ô của câu hỏi này đã đổi nên không cần trả lời nữa.", current=row)
        before = {"outcome": row.outcome, "reason": row.reason}
        changed = connection().execute(
            update(_question)
            .where(_question.c.id == row.id, _question.c.version == expected_version)
            .values(version=expected_version + 1)
        )
        if changed.rowcount == 0:
            raise Stale("Câu hỏi này vừa có trả lời khác. Xin xem lại; chưa có gì thay đổi.", current=row)
        db.session.refresh(row)
        _settle(row, EXPLAINED, words, actor, now, versioned=True)
        db.session.flush()
        audit.record(
            AuditTag.QUESTION_ANSWERED,
            actor,
            now,
            target_kind="score_sheet",
            target_id=head.id,
            state=audit.states("anomaly_question", [row]),
            before=before,
            note=words,
            facts={"sheet": head.label},
        )
        return _views(head, [row])[0]


def guard_reason(words: str) -> None:
    """Raise Invalid unless the words can tell a group head something."""
    letters = sum(one.isalpha() for one in words)
    if letters < REASON_LEAST or " " not in words:
        raise Invalid("Xin ghi rõ hơn một chút (ít nhất vài chữ) để tổ trưởng hiểu lí do.", field="reason")
    if len(words) > REASON_MOST:
        raise Invalid(f"Lí do dài quá {REASON_MOST} chữ. Chưa có gì thay đổi.", field="reason")


def of_sheet(head: SheetHead) -> QuestionList:
    """What the page of a sheet shows. ``head`` was loaded through the actor.

    Open questions are looked at again, so one whose cells were mended is gone at once; handing in then settles it.
    """
    # Most sheets have none, and each opening asks: a prepared statement costs a tenth of loading nothing.
    if connection().execute(_ANY, {"sheet_id": head.id}).first() is None:
        return QuestionList((), (), False)
    rows = _stored(head.id)
    may_answer = _may_answer(head)
    waiting = [row for row in rows if row.outcome is None]
    if waiting and may_answer:
        present = {one.key for one in find_anomalies(sheet_data(head))}
        waiting = [row for row in waiting if row.key in present]
    views = _views(head, rows)
    standing = {row.id for row in waiting} if may_answer else set()
    return QuestionList(
        tuple(one for one in views if one.id in standing), tuple(one for one in views if not one.is_open), may_answer
    )


def answered_of(sheet_ids: Sequence[int]) -> dict[int, list[tuple[str, str, str]]]:
    """Of many sheets, for whoever reviews them: (question, answer, who answered) by sheet id, answered ones only."""
    found: dict[int, list[tuple[str, str, str]]] = {}
    if sheet_ids:
        for row in db.session.scalars(
            select(m.AnomalyQuestion)
            .where(m.AnomalyQuestion.score_sheet_id.in_(sheet_ids), m.AnomalyQuestion.outcome == EXPLAINED)
            .order_by(m.AnomalyQuestion.id)
        ):
            found.setdefault(row.score_sheet_id, []).append((row.words, row.reason or "", row.by_name or ""))
    return found


def require_untouched(sheet_id: int) -> None:
    """Refuse a sheet whose questions or answers are not what the log last wrote: added, removed or changed without an entry.

    Raises IntegrityFault. An answer written into the table would otherwise open the way that only a reason opens.
    """
    told_of_it = m.AuditEntry.tag.in_([AuditTag.QUESTION_ASKED.value, AuditTag.QUESTION_ANSWERED.value])
    require_rows_told(
        and_(aimed_at({"score_sheet": (sheet_id,)}), told_of_it),
        {"anomaly_question": _stored(sheet_id)},
        "Câu hỏi hoặc câu trả lời trước khi nộp của bảng điểm này",
    )


def _may_answer(head: SheetHead) -> bool:
    attests = head.is_orphan and SheetParty.PRINCIPAL in head.parties
    return head.state in EDITABLE and (SheetParty.AUTHOR in head.parties or attests)


def _stored(sheet_id: int) -> list[m.AnomalyQuestion]:
    return list(
        db.session.scalars(
            select(m.AnomalyQuestion)
            .where(m.AnomalyQuestion.score_sheet_id == sheet_id)
            .order_by(m.AnomalyQuestion.id)
            .execution_options(populate_existing=True)
        )
    )


def _put(head: SheetHead, one: Anomaly, now: datetime) -> m.AnomalyQuestion:
    row = m.AnomalyQuestion(
        score_sheet_id=head.id,
        kind=one.kind.value,
        key=one.key,
        words=one.words if len(one.words) <= _WORDS_MOST else one.words[: _WORDS_MOST - 1] + "…",
        cells=" ".join(f"{enrollment_id}-{column}" for enrollment_id, column in one.cells),
        asked_at=now,
    )
    db.session.add(row)
    return row


def _settle(
    row: m.AnomalyQuestion, outcome: str, reason: str | None, actor: Actor, now: datetime, *, versioned: bool = False
) -> None:
    row.outcome, row.reason, row.answered_at = outcome, reason, now
    row.by_account_id, row.by_name = actor.account_id, actor.name
    if not versioned:
        row.version += 1


def _views(head: SheetHead, rows: Iterable[m.AnomalyQuestion]) -> tuple[Question, ...]:
    rows = list(rows)
    if not rows:
        return ()
    columns = {column.key: column.words for column in columns_of(head)} | {REMARK: "nhận xét"}
    names = _names(head)
    remarks = _remarks(head) if any(f"-{REMARK}" in row.cells for row in rows) else {}
    return tuple(
        Question(
            id=row.id,
            sheet_id=row.score_sheet_id,
            kind=AnomalyKind(row.kind),
            words=row.words,
            cells=tuple(
                QuestionCell(
                    int(pupil),
                    column,
                    f"{names.get(int(pupil), 'Học sinh')}, {columns.get(column, column)}"
                    + (f": “{_cut(remarks[int(pupil)])}”" if column == REMARK and remarks.get(int(pupil)) else ""),
                )
                for cell in row.cells.split()
                for pupil, _, column in [cell.partition("-")]
            ),
            outcome=row.outcome,
            reason=row.reason or "",
            by_name=row.by_name or "",
            answered_at=row.answered_at,
            version=row.version,
        )
        for row in rows
    )


_QUOTED = 120
"""Letters of a remark that stand in a question about it."""


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1].rstrip() + "…"


def _remarks(head: SheetHead) -> dict[int, str]:
    """Remarks of a sheet by enrollment, so that who answers reads what is asked about."""
    rows = db.session.execute(
        select(m.ScoreCell.enrollment_id, m.ScoreCell.remark).where(
            m.ScoreCell.score_sheet_id == head.id, m.ScoreCell.column_key == REMARK, m.ScoreCell.remark.is_not(None)
        )
    )
    return {row.enrollment_id: row.remark for row in rows}


def _names(head: SheetHead) -> dict[int, str]:
    return {
        row.id: row.full_name
        for row in db.session.execute(
            select(m.Enrollment.id, m.Student.full_name)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(m.Enrollment.class_group_id == head.class_group_id)
        )
    }
