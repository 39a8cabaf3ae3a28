"""What a remark that is being written would be asked about at handing in, told while it is written. Reads only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.anomalies.remark_words import contrary_remarks, foreign_names, name_within
from hocbaso.regulations.anomalies.sheet_data import Line, SheetData
from hocbaso.regulations.anomalies.thresholds import DEFAULT
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_values import parse_score
from hocbaso.regulations.terms import PassFail, SubjectKind
from hocbaso.services.access import Actor, class_for
from hocbaso.services.score_cells import average_text, columns_of
from hocbaso.services.score_lines import read_row
from hocbaso.services.sheet_access import head_for_typing

LONGEST = 4000
"""Letters that are looked at; a remark holds fewer."""


def of_sheet(actor: Actor, sheet_id: int, enrollment_id: int, text: str, now: datetime) -> tuple[str, ...]:
    """The sentences that handing in would ask about this remark, by the very rules it asks by; none for a clean one.

    Raises NotFound and NotAllowed by scope: it takes the power to type in the sheet.
    """
    head = head_for_typing(actor, sheet_id, clock.local_date(now))
    name, _, cells = read_row(head, enrollment_id)
    columns = columns_of(head)
    average = average_text(head, columns, cells)
    scored = head.kind is SubjectKind.SCORED
    line = Line(
        number=1,
        enrollment_id=enrollment_id,
        name=name,
        marks={},
        remark=text[:LONGEST],
        average=parse_score(average).tenths if average and scored else None,
        result=PassFail(average) if average and not scored else None,
    )
    sheet = SheetData(
        head.kind, {column.key: column.words for column in columns}, (line,), classmates=_names(head.class_group_id)
    )
    return tuple(one.words for rule in (foreign_names, contrary_remarks) for one in rule(sheet, [line], DEFAULT))


def of_class(actor: Actor, class_group_id: int, enrollment_id: int, text: str) -> tuple[str, ...]:
    """The same for the homeroom teacher's remark: another pupil's name. NotFound outside the own class."""
    class_group = class_for(actor, class_group_id, Permission.CLASS_KEEP)
    own = db.session.scalar(
        select(m.Student.full_name)
        .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
        .where(m.Enrollment.id == enrollment_id, m.Enrollment.class_group_id == class_group.id)
    )
    found = name_within(text[:LONGEST], own, _names(class_group.id)) if own else ""
    return (f"Nhận xét của {own} có tên “{found}”. Có ghi nhầm dòng không?",) if found else ()


def _names(class_group_id: int) -> tuple[str, ...]:
    return tuple(
        db.session.scalars(
            select(m.Student.full_name)
            .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
            .where(m.Enrollment.class_group_id == class_group_id)
        )
    )
