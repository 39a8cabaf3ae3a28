"""Sổ theo dõi và đánh giá học sinh (của giáo viên): the sheets a teacher teaches today, as a printable view.

A view of what stands, not the record: each page says where its sheet stands. Each print leaves an audit entry.
"""

from __future__ import annotations

from datetime import datetime

from hocbaso import clock
from hocbaso.documents.gradebook_content import TeacherGradebook
from hocbaso.errors import NotFound
from hocbaso.regulations.permissions import Permission
from hocbaso.services import results
from hocbaso.services.access import Actor
from hocbaso.services.gradebook_sheets import BookFile, cover, printed, sheet_page
from hocbaso.services.progress import SheetLine, sheet_lines


def make(actor: Actor, now: datetime) -> BookFile:
    """The actor's own book as PDF.

    Raises NotAllowed for who enters no scores, NotFound for who has no sheet in an open year, Unavailable when the workers do not finish.
    """
    book, lines = read(actor, now)
    facts = {"what": "teacher_gradebook", "sheets": [line.sheet_id for line in lines]}
    data = printed(actor, book, ("person", actor.person_id), facts, now)
    return BookFile(data, f"so-theo-doi-{actor.username}-{book.cover.year}.pdf")


def read(actor: Actor, now: datetime) -> tuple[TeacherGradebook, list[SheetLine]]:
    """The content and the sheets in it, by subject, class and semester. Raises as :func:`make`."""
    actor.require(Permission.SHEET_ENTER)
    today = clock.local_date(now)
    lines = sheet_lines(today, class_subject_ids=actor.teaching) if actor.teaching else []
    if not lines:
        raise NotFound("Thầy, cô chưa có bảng điểm nào để in sổ.")
    lines.sort(key=lambda line: (line.subject_order, line.grade_level, line.class_name, line.semester))
    classes = {line.class_group_id: results.compute_class(line.class_group_id, today) for line in lines}
    subjects = {one.class_subject_id: one for computed in classes.values() for one in computed.subjects}
    taught: dict[str, list[str]] = {}
    for line in lines:
        names = taught.setdefault(line.subject_name, [])
        if line.class_name not in names:
            names.append(line.class_name)
    page = cover(
        classes[lines[0].class_group_id].year_label,
        (("Họ và tên giáo viên", actor.name), ("Môn học", ", ".join(taught))),
        ((name, ", ".join(found)) for name, found in taught.items()),
        now,
    )
    sheets = tuple(
        sheet_page(actor, subjects[line.class_subject_id], line.semester, classes[line.class_group_id], now)
        for line in lines
    )
    return TeacherGradebook(page, actor.name, sheets), lines
