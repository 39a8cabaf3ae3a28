"""The checks from the papers that wait for a person whom somebody named; the reviewer's own stand with the sheets."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import progress
from hocbaso.services.access import Actor
from hocbaso.services.blind_view import Standing, standing_of
from hocbaso.services.daily_items import DailyItem, Oddity


def named_checks(actor: Actor) -> dict[int, Standing]:
    """The sheets in whose check this person types for somebody else, and how far each is."""
    if actor.person_id is None or Permission.SHEET_READ not in actor.permissions:
        return {}
    sheet_ids = db.session.scalars(
        select(m.BlindChecker.score_sheet_id)
        .join(m.ScoreSheet, m.ScoreSheet.id == m.BlindChecker.score_sheet_id)
        .where(m.BlindChecker.person_id == actor.person_id, m.ScoreSheet.state == SheetState.SUBMITTED.value)
    ).all()
    return {sheet_id: one for sheet_id, one in standing_of(sheet_ids).items() if one.holds_back}


def check_items(actor: Actor, today: date, known: frozenset[str]) -> list[DailyItem]:
    """Their items of "today"; ``known``: links that stand there already (a reviewer who took a check back)."""
    waiting = named_checks(actor)
    if not waiting:
        return []
    of_sheets = select(m.ScoreSheet.class_subject_id).where(m.ScoreSheet.id.in_(waiting))
    lines = progress.sheet_lines(today, class_subject_ids=db.session.scalars(of_sheets).all())
    items = [check_item(line, waiting[line.sheet_id], today) for line in lines if line.sheet_id in waiting]
    return [item for item in items if item.link not in known]


def check_item(line: progress.SheetLine, one: Standing, today: date, group: str = "") -> DailyItem:
    """One check as an item: it opens its own page, never the sheet, and is never ticked in bulk."""
    before = line.closes_on + timedelta(days=1)
    who = ", ".join(line.teachers) or "chưa có người dạy"
    return DailyItem(
        kind="sheet",
        key=f"check-{line.sheet_id}-{line.version}",
        verb="check",
        title=f"Đối chiếu bài gốc {line.label}",
        link=f"/bang-diem/{line.sheet_id}/doi-chieu",
        meta=", ".join(part for part in (group, f"{who} đã nộp") if part),
        say=one.say,
        due_before=before,
        days_left=Deadline(before).days_left(today),
        grade_level=line.grade_level,
        class_name=line.class_name,
        class_group_id=line.class_group_id,
        subject_group_id=line.subject_group_id,
        oddities=(
            Oddity(
                "Lệch với bài gốc",
                "circle-alert",
                one.named or who,
                f"{one.n_different} ô gõ từ bài khác với bảng điểm, cần giải quyết trước khi soát.",
            ),
        )
        if one.n_different and not one.n_typing
        else (),
    )
