"""What both books "Sổ theo dõi và đánh giá học sinh" are made of: the cover and the page of a score sheet, as its own page shows it.

The books are for staff: results go to the individual pupil and the parents only (Circular 15/2026, Art. 22.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.gradebook_content import (
    BookCell,
    BookCount,
    BookLine,
    BookSheet,
    ClassGradebook,
    Cover,
    TeacherGradebook,
)
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.promotion import REASSESS_BELOW
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, document_pool, results, score_grid
from hocbaso.services.access import Actor
from hocbaso.services.class_gaps import HOLDERS
from hocbaso.services.evaluation import EXEMPT
from hocbaso.services.results import ClassResults, comma
from hocbaso.services.score_grid import CellView, RowView
from hocbaso.services.score_lines import ELSEWHERE_WORD
from hocbaso.services.student_inputs import StudentInput, SubjectFacts
from hocbaso.services.transcript_contents import with_kind

_LONGEST = 300.0
"""Seconds a book may take: the pages of 24 sheets on the slowest machine we know."""
_N_REGULAR = 4
"""Regular assessments that the form has room for; those a subject does not have stay blank."""


@dataclass(frozen=True, slots=True)
class BookFile:
    """The PDF and its name."""

    data: bytes
    name: str


def printed(
    actor: Actor,
    book: ClassGradebook | TeacherGradebook,
    target: tuple[str, int | None],
    facts: Mapping[str, Any],
    now: datetime,
) -> bytes:
    """The PDF of a book, with the entry that tells who took it. ``target``: kind and id. Raises Unavailable when the workers do not finish."""
    db.session.commit()  # no read transaction while the pages are laid out
    data: bytes = document_pool.call("hocbaso.documents.gradebooks:render", book, timeout=_LONGEST)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind=target[0],
            target_id=target[1],
            facts={**facts, "format": "pdf"},
        )
    return data


def cover(year: str, facts: Iterable[tuple[str, str]], taught: Iterable[tuple[str, str]], now: datetime) -> Cover:
    """The first pages."""
    school = db.session.get(m.School, 1)
    commune = with_kind(school.commune_kind, school.commune) if school and school.commune else ""
    province = with_kind(school.province_kind, school.province) if school and school.province else ""
    return Cover(
        school=school.name if school else "",
        commune=commune,
        province=province,
        place=(school.place_name if school else None) or "................",
        year=year,
        facts=tuple(facts),
        taught=tuple(taught),
        demo=bool(school and school.is_demo),
        made_at=clock.local(now),
    )


def everybody(computed: ClassResults) -> list[StudentInput]:
    """Who is in the class and who was, in the order of the sheets."""
    return sorted(
        (*(row.given for row in computed.students), *computed.left), key=lambda one: (one.sort_key, one.enrollment_id)
    )


def born_on(given: StudentInput) -> str:
    """``02/03/2012``"""
    year, month, day = given.facts["birth_on"].split("-")
    return f"{day}/{month}/{year}"


def sheet_page(actor: Actor, subject: SubjectFacts, semester: int, computed: ClassResults, now: datetime) -> BookSheet:
    """The page of a sheet, as this person sees the sheet. Raises NotFound for one that this person may not read."""
    sheet = subject.sheets[semester - 1]
    assert sheet is not None, "asked for sheets that are there"
    view = score_grid.open_sheet(actor, sheet.id, now)
    known = {given.enrollment_id: given for given in everybody(computed)}
    teachers = ", ".join(subject.teachers)
    state = view.head.state
    return BookSheet(
        subject=subject.name,
        class_name=computed.class_name,
        semester=semester,
        is_scored=subject.kind is SubjectKind.SCORED,
        teachers=teachers,
        standing=HOLDERS[state].format(who=teachers or "chưa ai được phân công"),
        is_locked=state is SheetState.LOCKED,
        lines=tuple(_line(row, subject, semester, known[row.enrollment_id], computed) for row in view.rows),
        fails=f"dưới {format_score(REASSESS_BELOW)}" if subject.kind is SubjectKind.SCORED else "CĐ",
        counts=_counts(subject, semester, computed),
    )


def _line(row: RowView, subject: SubjectFacts, semester: int, given: StudentInput, computed: ClassResults) -> BookLine:
    cells = [_cell(cell) for cell in row.cells]
    cells[-2:-2] = [BookCell()] * (_N_REGULAR + 2 - len(cells))
    is_bare = all(cell == BookCell() for cell in cells)
    standing = computed.by_id.get(row.enrollment_id)
    found = standing.result.subjects[subject.code] if standing is not None else None
    average = row.average
    if row.closed == EXEMPT:
        average = EXEMPT
    elif row.closed == ELSEWHERE_WORD and found is not None:
        average = comma(found.semester_1)
    kept = next(line for line in given.subjects if line.subject.code == subject.code)
    return BookLine(
        number=row.number,
        full_name=row.full_name,
        moet_code=given.facts["moet_code"] or "",
        born_on=born_on(given),
        cells=tuple(cells),
        word=row.closed if is_bare else "",
        gone="" if is_bare else row.closed,
        average=average,
        year=comma(found.year) if found is not None and semester == 2 else "",
        again=comma(kept.reassessed) if semester == 2 else "",
        remark=row.remark.text,
    )


def _cell(cell: CellView) -> BookCell:
    if cell.state == "exempt":
        return BookCell()
    if cell.state == "makeup":
        return BookCell(missed="VP")
    return BookCell(cell.text, "VK" if cell.state == "missed" else "")


def _counts(subject: SubjectFacts, semester: int, computed: ClassResults) -> tuple[BookCount, ...]:
    """Of the semester, and under semester II of the year too. Chưa đạt is what Art. 14 would have re-assessed."""
    fails = regulation_named(computed.regulation_version).may_reassess
    found = [row.result.subjects[subject.code] for row in computed.students]
    terms = [("Học kì I", [one.semester_1 for one in found])]
    if semester == 2:
        terms = [("Học kì II", [one.semester_2 for one in found]), ("Cả năm", [one.year for one in found])]
    counts = []
    for words, texts in terms:
        values = [results.value_of(text) for text in texts if text not in (None, EXEMPT)]
        n_fail = sum(fails(value) for value in values)
        n, n_pass = len(values), len(values) - n_fail
        counts.append(BookCount(words, n, n_pass, _percent(n_pass, n), n_fail, _percent(n_fail, n)))
    return tuple(counts)


def _percent(part: int, whole: int) -> str:
    """``66,7%``, half upwards; "" of nobody."""
    if not whole:
        return ""
    tenths = (2000 * part + whole) // (2 * whole)
    return f"{tenths // 10},{tenths % 10}%"
