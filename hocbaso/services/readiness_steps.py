"""One cell of the readiness board opened: what is missing at a step of a class, who holds it and since when. Never a score."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import class_gaps, overtaken_records, progress, readiness, readiness_holders, results
from hocbaso.services.access import Actor
from hocbaso.services.class_waits import ClassWaits
from hocbaso.services.readiness_holders import SchoolNow
from hocbaso.services.sheet_holders import SheetAct, SheetHolder

_NEEDED = (1, 1, 2, 3, 4)
"""How far a sheet must be for each of the first five steps (``readiness.REACHED``)."""

_GAP_WORDS = {
    "subject": "môn bắt buộc lớp chưa có",
    "sheet": "bảng điểm chưa khoá",
    "score": "chỗ thiếu điểm trong bảng đã khoá",
    "inherited": "kết quả ở trường cũ chưa nhập",
    "field": "ô của giáo viên chủ nhiệm còn trống",
    "exemption": "đề nghị về miễn học chờ quyết định",
    "decision": "việc chờ Hiệu trưởng quyết định",
}


@dataclass(frozen=True, slots=True)
class StepLine:
    """One thing that is missing. ``path``: where it is done, for who may open it."""

    what: str
    missing: str
    holder: str
    since: date | None
    path: str


@dataclass(frozen=True, slots=True)
class StepDetail:
    """A cell of the board with what it waits for; no lines when it is done."""

    row: readiness.BoardRow
    cell: readiness.StepCell
    lines: tuple[StepLine, ...]


def step_detail(actor: Actor, class_group_id: int, step: int, now: datetime) -> StepDetail:
    """What a class lacks at step 0..8 of ``readiness.STEPS``.

    Raises NotAllowed for who may not read progress, NotFound for a class that is not on the board.
    """
    actor.require(Permission.PROGRESS_READ)
    today = clock.local_date(now)
    row = next((one for one in readiness.board_rows(today) if one.class_group_id == class_group_id), None)
    if row is None or not 0 <= step < len(readiness.STEPS):
        raise NotFound("Không có lớp này trong năm học đang mở.")
    cell = row.cells[step]
    if cell.is_done:
        return StepDetail(row, cell, ())
    make = _sheets if step < len(_NEEDED) else _summing if step == len(_NEEDED) else _signing
    opened = [line for line in progress.sheet_lines(today, class_group_ids=[class_group_id]) if line.opens_on <= today]
    year_id = db.session.get_one(m.ClassGroup, class_group_id).school_year_id
    lines = make(row, step, today, opened, readiness_holders.read(year_id, opened, today))
    held = Counter(line.holder for line in lines)
    # Whoever holds most comes first, their things together: the list is read to know whom to ask.
    lines.sort(key=lambda line: (-held[line.holder], line.holder))
    return StepDetail(row, cell, tuple(lines))


def _sheets(
    row: readiness.BoardRow, step: int, today: date, opened: list[progress.SheetLine], now: SchoolNow
) -> list[StepLine]:
    lines = [line for line in opened if readiness.REACHED[line.state] < _NEEDED[step] and (step > 0 or line.n_gaps > 0)]
    return [
        StepLine(
            f"{line.subject_name}, học kì {'I' if line.semester == 1 else 'II'}",
            _missing(line, now.sheets.get(line.sheet_id)),
            _holder(line, now),
            readiness_holders.since_of(line),
            f"/bang-diem/{line.sheet_id}",
        )
        for line in lines
    ]


def _missing(line: progress.SheetLine, holder: SheetHolder | None) -> str:
    if line.state in (SheetState.DRAFT, SheetState.RETURNED):
        returned = "được trả lại để sửa" if line.state is SheetState.RETURNED else ""
        gaps = f"còn {line.n_gaps} kết quả chưa nhập" if line.n_gaps > 0 else "đủ điểm, chưa nộp"
        return f"{returned}, {gaps}" if returned else gaps
    if holder is not None and holder.act is SheetAct.CHECK:
        return "đã nộp, chờ đối chiếu bài gốc"
    return {
        SheetState.SUBMITTED: "đã nộp, chờ soát",
        SheetState.REVIEWED: "đã soát, chờ duyệt",
        SheetState.APPROVED: "đã duyệt, chờ khoá",
    }[line.state]


def _holder(line: progress.SheetLine, now: SchoolNow) -> str:
    if line.state in (SheetState.DRAFT, SheetState.RETURNED):
        return ", ".join(line.teachers) or "chưa phân công"
    holder = now.sheets.get(line.sheet_id)
    return now.who(holder) if holder is not None else now.principal


def _summing(
    row: readiness.BoardRow, _step: int, today: date, opened: list[progress.SheetLine], now: SchoolNow
) -> list[StepLine]:
    page = f"/lop/{row.class_group_id}"
    if row.cells[5].n_done:  # finalised: the class waits for one person
        return [StepLine("Tổng kết lớp", "đã chốt, chờ duyệt", row.holder, row.since, page)]
    gaps = class_gaps.list_gaps(results.compute_class(row.class_group_id, today))
    counts = Counter(gap.kind for gap in gaps)
    waits = now.waits.get(row.class_group_id, ClassWaits())
    lines = []
    for kind, n in counts.items():
        holder, missing, since = row.keeper, "", None
        asks = waits.asked(kind)
        if kind == "sheet":
            holder = row.holder
        elif kind == "subject":
            holder = row.clerk
        elif kind == "decision":
            holder = now.principal
            missing = "" if row.class_group_id in now.undecided else "khi các bảng điểm đã khoá"
        elif asks:
            holder = readiness_holders.deciders_words(now, asks, by_principal=False)
            since = min(clock.local_date(one.at) for one in asks)
            if kind == "inherited":
                lines.append(StepLine(f"{len(asks)} kết quả ở trường cũ", "chờ nhận", holder, since, page))
                n, holder, since = n - len(asks), row.keeper, None
        if n > 0:
            lines.append(StepLine(f"{n} {_GAP_WORDS[kind]}", missing, holder, since, page))
    if lines:
        return lines
    return [StepLine("Tổng kết lớp", "đủ, chưa chốt", row.keeper, row.since, page)]


def _signing(
    row: readiness.BoardRow, step: int, today: date, opened: list[progress.SheetLine], now: SchoolNow
) -> list[StepLine]:
    cell = row.cells[step]
    page = f"/hoc-ba/lop/{row.class_group_id}"
    n_built = (
        db.session.scalar(
            select(func.count(m.TranscriptRecord.id.distinct()))
            .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
            .where(
                m.Enrollment.class_group_id == row.class_group_id,
                m.Enrollment.status.in_(readiness.ACTIVE),
                m.TranscriptRecord.state != "RECALLED",
            )
        )
        or 0
    )
    lines = []
    if n_built < cell.n_total:
        lines.append(
            StepLine(
                f"{cell.n_total - n_built} học bạ", "chưa lập", f"{row.keeper}, {row.clerk}", row.waits_since[0], page
            )
        )
    wrong = overtaken_records.of_class(row.class_group_id) if step == 8 else []
    if wrong:
        lines.append(
            StepLine(
                f"{len(wrong)} học bạ",
                f"đang có hiệu lực khác {overtaken_records.against_words(wrong)}",
                f"{row.principal}, văn thư",
                None,
                "/thu-hoi/",
            )
        )
    before = (row.cells[step - 1].n_done if step > 6 else n_built) - len(wrong)
    if before > cell.n_done:
        who = (row.keeper, row.principal, row.clerk)[step - 6]
        what = "chờ đóng dấu" if step == 8 else "chờ ký"
        lines.append(StepLine(f"{before - cell.n_done} học bạ", what, who, row.waits_since[step - 5], page))
    if step > 6 and before + len(wrong) < n_built:
        lines.append(
            StepLine(
                f"{n_built - before - len(wrong)} học bạ",
                f"còn ở bước {readiness.STEPS[step - 1]}",
                row.holder,
                row.since,
                page,
            )
        )
    return lines
