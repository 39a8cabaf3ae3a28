"""The power-cut kit: class sheets on paper, with a check number beside each pupil that catches a shifted row later.

Blank sheets hold names alone, so whoever keeps the school's lists may print them; present values are scores and take the
power to export scores. Each print leaves an audit entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.paper_content import PaperRow, PaperSheet
from hocbaso.errors import Invalid, NotAllowed, NotFound, Unavailable
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.paper_codes import read_sheet_code, row_codes, sheet_code
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, document_pool
from hocbaso.services.access import Actor
from hocbaso.services.progress import SheetLine, sheet_lines
from hocbaso.services.score_cells import CellView, columns_of
from hocbaso.services.score_grid import open_sheet
from hocbaso.services.score_lines import ROSTER, closed_word
from hocbaso.services.sheet_access import SheetHead, connection, read_head, sheet_for

MINE, SCHOOL = "mine", "school"
_SCHOOL_ROLES = (Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK)
_LONGEST = 300.0
"""Seconds a whole school may take: some 250 sheets on the slowest machine we know."""


@dataclass(frozen=True, slots=True)
class KitChoice:
    """What a person may print. ``mine``: own sheets; ``classes``: (id, name) of every class when the school's are theirs."""

    mine: tuple[SheetLine, ...]
    classes: tuple[tuple[int, str], ...]
    with_values: bool
    semester: int


@dataclass(frozen=True, slots=True)
class KitFile:
    """A finished kit."""

    data: bytes
    name: str
    n_sheets: int


def choices(actor: Actor, now: datetime) -> KitChoice:
    """What this person may print now; nothing of anything for somebody without sheets or lists."""
    today = clock.local_date(now)
    mine = sheet_lines(today, class_subject_ids=actor.teaching) if actor.teaching else []
    classes: tuple[tuple[int, str], ...] = ()
    if _whole_school(actor):
        rows = db.session.execute(
            select(m.ClassGroup.id, m.ClassGroup.name)
            .join(m.SchoolYear)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
        )
        classes = tuple((row.id, row.name) for row in rows)
    return KitChoice(tuple(mine), classes, actor.may(Permission.EXPORT_SCORES), _semester(today))


def make(
    actor: Actor,
    what: str | int,
    *,
    semester: int,
    class_group_id: int | None = None,
    with_values: bool = False,
    base_address: str,
    now: datetime,
) -> KitFile:
    """Sheets as one PDF: ``what`` is :data:`MINE`, :data:`SCHOOL` (all, or one class of it), or the id of one sheet.

    ``semester`` is not asked for one sheet. ``base_address``: scheme and host that tablets reach this machine by, "" where none
    does: the sheets then have no QR code. Raises
    NotFound and NotAllowed by scope, Invalid for nothing to print, Unavailable when the workers do not finish.
    """
    today = clock.local_date(now)
    if semester not in (1, 2):
        raise Invalid("Xin chọn học kì I hoặc học kì II.", field="semester")
    lines = _lines(actor, what, semester, class_group_id, today)
    if not lines:
        raise Invalid("Không có bảng điểm nào để in trong học kì này.")
    if with_values and not actor.may(Permission.EXPORT_SCORES):
        raise NotAllowed("Thầy, cô in được phiếu trống; phiếu kèm điểm do giáo viên bộ môn hoặc Ban Giám hiệu in.")
    school = db.session.scalar(select(m.School.name).limit(1)) or ""
    sheets = [_sheet(actor, line, school, with_values, base_address, now) for line in lines]
    db.session.commit()  # no read transaction while the pages are laid out
    data = _render(sheets)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="score_sheet",
            target_id=lines[0].sheet_id if len(lines) == 1 else what,
            facts={
                "what": "paper_kit",
                "format": "pdf",
                "sheets": [line.sheet_id for line in lines],
                "n_sheets": len(lines),
                "with_values": with_values,
            },
        )
    return KitFile(data, _file_name(lines, what), len(lines))


def find_by_code(actor: Actor, code: str, now: datetime) -> SheetHead:
    """The sheet that a printed code names. Raises Invalid for a wrong code, NotFound outside what the person may read."""
    return sheet_for(actor, read_sheet_code(code), Permission.SHEET_READ, clock.local_date(now))


def codes_of(head: SheetHead, places: Mapping[int, int | None]) -> dict[int, str]:
    """The check numbers as they were printed, by enrolment id; nothing for a class too large to have them.

    ``places``: the place in the class of every line of the sheet, those who left as well, by enrolment id.
    """
    return row_codes(head.id, places) if None not in places.values() else {}


def _whole_school(actor: Actor) -> bool:
    return any(
        grant.role in _SCHOOL_ROLES and grant.scope_kind is GrantScope.SCHOOL for grant in actor.grants
    ) and bool({Permission.EXPORT_SCORES, Permission.EXPORT_STUDENTS} & actor.permissions)


def _lines(actor: Actor, what: str | int, semester: int, class_group_id: int | None, today: date) -> list[SheetLine]:
    if isinstance(what, int):
        head = sheet_for(actor, what, Permission.EXPORT_SCORES, today)
        return [line for line in sheet_lines(today, class_subject_ids={head.class_subject_id}) if line.sheet_id == what]
    if what == MINE and actor.teaching:
        found = sheet_lines(today, class_subject_ids=actor.teaching)
    elif what == SCHOOL and _whole_school(actor):
        found = sheet_lines(today)
        if class_group_id is not None:
            found = [line for line in found if line.class_group_id == class_group_id]
    else:
        raise NotFound("Thầy, cô không có phiếu nào để in.")
    found = [line for line in found if line.semester == semester]
    return sorted(found, key=lambda line: (line.grade_level, line.class_name, line.sheet_id))


def _sheet(
    actor: Actor, line: SheetLine, school: str, with_values: bool, base_address: str, now: datetime
) -> PaperSheet:
    head = read_head(line.sheet_id)  # the scope was checked in _lines
    columns = columns_of(head)
    roster = (
        connection()
        .execute(
            ROSTER, {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester}
        )
        .all()
    )
    cells: dict[tuple[int, str], str] = {}
    if with_values:  # through the reader's own eyes: what the sheet keeps from this person, the paper keeps too
        cells = {
            (row.enrollment_id, cell.key): _shown(cell)
            for row in open_sheet(actor, head.id, now).rows
            for cell in row.cells
        }
    codes = row_codes(head.id, {row.id: row.class_place for row in roster})
    rows = []
    for number, row in enumerate(roster, start=1):
        family, _, given = row.full_name.rpartition(" ")
        values = tuple(cells.get((row.id, column.key), "") for column in columns)
        rows.append(PaperRow(number, family, given, codes[row.id], closed_word(row.status, bool(row.exempt)), values))
    return PaperSheet(
        school=school,
        year=head.year_label,
        subject=head.subject_name,
        class_name=head.class_name,
        semester=head.semester,
        teachers=", ".join(line.teachers),
        scored=head.kind is SubjectKind.SCORED,
        code=sheet_code(head.id),
        address=f"{base_address}/bang-diem/giay/{sheet_code(head.id)}" if base_address else "",
        columns=tuple((column.key, column.head) for column in columns),
        rows=tuple(rows),
        made_at=clock.local(now),
        with_values=with_values,
    )


def _shown(cell: CellView) -> str:
    """As a pen would write it."""
    return {"makeup": "vp", "missed": "vk"}.get(cell.state, cell.text)


def _render(sheets: list[PaperSheet]) -> bytes:
    """One task a class, so that the workers share a whole school."""
    parts = [
        document_pool.submit("hocbaso.documents.paper_kit:render", tuple(group))
        for _, group in groupby(sheets, key=lambda sheet: sheet.class_name)
    ]
    try:
        made = tuple(part.result(timeout=_LONGEST) for part in parts)
    except FutureTimeout as error:
        for part in parts:
            part.cancel()
        raise Unavailable(
            "Máy đang bận nên chưa làm xong tệp in. Xin in từng lớp, hoặc thử lại sau ít phút."
        ) from error
    data: bytes = made[0] if len(made) == 1 else document_pool.call("hocbaso.documents.paper_kit:join", made)
    return data


def _semester(today: date) -> int:
    """The semester a sheet is printed for by default: the one whose window is open, else the one that comes or was last."""
    closes = db.session.scalar(
        select(m.SemesterWindow.closes_on)
        .join(m.SchoolYear, m.SchoolYear.id == m.SemesterWindow.school_year_id)
        .where(m.SchoolYear.state == "OPEN", m.SemesterWindow.semester == 1)
        .order_by(m.SemesterWindow.closes_on.desc())
        .limit(1)
    )
    return 2 if closes is not None and today > closes else 1


def _file_name(lines: list[SheetLine], what: str | int) -> str:
    if len(lines) == 1:
        return f"phieu-{sheet_code(lines[0].sheet_id)}.pdf"
    classes = {line.class_name for line in lines}
    rest = classes.pop() if len(classes) == 1 else "cua-toi" if what == MINE else "ca-truong"
    return f"phieu-giay-{rest}-hk{lines[0].semester}.pdf"
