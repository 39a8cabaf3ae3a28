"""A score sheet as an Excel file, to be filled in away from the network and handed in again (``score_file_import``)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, NotAllowed
from hocbaso.exchange.score_files import EXEMPT_TEXT, FileCell, FileLine, ScoreFile
from hocbaso.exchange.score_templates import DEFAULT_TEMPLATE, TEMPLATES, template_named
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.vietnamese_text import clean_text
from hocbaso.exchange.workbook_process import write_apart
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.terms import ScoreOrigin
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import hides_from
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, average_text, columns_of
from hocbaso.services.score_lines import ROSTER, closed_word, read_standing
from hocbaso.services.score_refusals import guard_typing
from hocbaso.services.sheet_access import SheetHead, connection, sheet_for, table_of

_student = table_of(m.Student)
_LINES = ROSTER.add_columns(_student.c.moet_code, _student.c.birth_on)


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A finished workbook and the name it is kept under."""

    data: bytes
    name: str


def template_choices() -> list[tuple[str, str, str]]:
    """The official forms: (name, title, what is special), the default first."""
    return [(one.name, one.title, one.hint) for one in TEMPLATES.values()]


def download(actor: Actor, sheet_id: int, now: datetime, template: str = DEFAULT_TEMPLATE) -> DownloadedFile:
    """The sheet as it stands, in an official form. What the actor may not type now is locked in it.

    Leaves an audit entry: names and marks go out of the house. Raises NotFound and NotAllowed by scope, Invalid for an
    unknown form, Unavailable when the machine is too busy.
    """
    template_named(template)
    head = sheet_for(actor, sheet_id, Permission.EXPORT_SCORES, clock.local_date(now))
    if hides_from(actor, head):
        raise NotAllowed("Bảng điểm này đang chờ đối chiếu bài gốc: thầy, cô nhập lại từ bài xong mới tải tệp được.")
    content = content_of(head, now, template)
    db.session.commit()  # a second passes while the workbook is made; no snapshot is held meanwhile
    data = write_apart("score_file", content)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="score_sheet",
            target_id=head.id,
            facts={
                "what": "score_file",
                "format": "xlsx",
                "template": template,
                "sheet": head.label,
                "n_rows": len(content.lines),
                "content_version": head.content_version,
                "file_digest": hashlib.sha256(data).hexdigest(),
            },
        )
    return DownloadedFile(data, f"{content.tab} {head.class_name} {head.year_label}.xlsx")


def content_of(head: SheetHead, now: datetime, template: str) -> ScoreFile:
    """What the file of a sheet holds; ``head`` decides by its parties what is open."""
    today = clock.local_date(now)
    school = db.session.get(m.School, 1)
    code = subject_code_of(head)
    may_type = head.may_type(today)
    columns = columns_of(head)
    standing = read_standing(head)
    lines = []
    for number, row in enumerate(lines_of(head), 1):
        closed = closed_word(row.status, bool(row.exempt))
        own = {key: standing.get((row.id, key), NOTHING) for key in (*(column.key for column in columns), REMARK)}
        lines.append(
            FileLine(
                number=number,
                enrollment_id=row.id,
                code=row.moet_code,
                full_name=row.full_name,
                born_on=row.birth_on,
                closed=closed,
                cells={
                    key: FileCell(file_text(head, record), record.version, may_type and not closed)
                    for key, record in own.items()
                },
                average="" if closed == EXEMPT_TEXT else average_text(head, columns, own),
            )
        )
    short = SUBJECT_BY_CODE[code].short_name if code in SUBJECT_BY_CODE else head.subject_name
    return ScoreFile(
        sheet_id=head.id,
        school_code=(school.code if school else None) or "",
        school_name=school.name if school else "",
        class_name=head.class_name,
        subject_name=head.subject_name,
        tab=f"{short} HK{head.semester}",
        kind=head.kind.value,
        semester=head.semester,
        year_label=head.year_label,
        told=_told(head, now, may_type),
        template=template,
        keys=tuple(column.key for column in columns),
        lines=tuple(lines),
    )


def lines_of(head: SheetHead) -> list[Row[tuple[object, ...]]]:
    """The lines in the order of the sheet: id, full_name, status, exempt, moet_code, birth_on."""
    return list(
        connection().execute(
            _LINES, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
        )
    )


def subject_code_of(head: SheetHead) -> str:
    """The catalogue code of the sheet's subject."""
    return db.session.scalar(select(m.Subject.code).where(m.Subject.id == head.subject_id)) or ""


def file_text(head: SheetHead, record: CellRecord) -> str:
    """A value as it stands in a file, and as it is read back: ``8,5`` ``Đ`` ``VK`` ``VP`` ``VP 20/12/2026``, a remark."""
    if record.origin == ScoreOrigin.MISSED_UNEXCUSED.value:
        return "VK"
    if record.origin == ScoreOrigin.MISSED_EXCUSED.value:
        due = record.makeup_due_on
        return "VP" if due is None or due == head.window.closes_on else f"VP {due:%d/%m/%Y}"
    return clean_text(record.text)


def _told(head: SheetHead, now: datetime, may_type: bool) -> tuple[str, ...]:
    if may_type:
        marks = "0 điểm" if head.kind.value == "scored" else "CĐ"
        how = f"Chỉ điền vào các ô trắng. VP: vắng có phép, chờ kiểm tra bù. VK: vắng không phép, tính {marks}."
        where = f"Điền xong, mở lại bảng điểm này trong hocbaso, chọn Nhận lại tệp Excel. Hạn nộp {head.window.closes_on:%d/%m/%Y}."
    else:
        how, where = "Tệp chỉ để xem: các ô đều khoá.", ""
        try:
            guard_typing(head, clock.local_date(now))
        except DomainError as refusal:
            where = refusal.message.removesuffix(" Chưa ghi gì.")
    return how, f"{where} Tải về lúc {clock.local(now):%H:%M ngày %d/%m/%Y}.".strip()
