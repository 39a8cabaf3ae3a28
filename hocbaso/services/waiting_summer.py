"""The work of the summer that waits for a person on the page of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import conclusion_cases, summer_cases, summer_view
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, Oddity, class_item, some_names

TITLES = {
    summer_view.REGISTER: "Ghi đăng ký trong hè lớp {name}",
    summer_view.TYPE: "Ghi {what} lớp {name}",
    summer_view.APPROVE: "Duyệt kết quả trong hè lớp {name}",
}
UNITS = {summer_view.REGISTER: "mục", summer_view.TYPE: "học sinh", summer_view.APPROVE: "học sinh"}


def due_before(row: m.ClassGroup, late: Mapping[int, date]) -> date:
    """The day after the summer's freeze; of a class in which it is held late for a pupil the day after the first such day."""
    days = [day for enrollment_id, day in late.items() if enrollment_id in summer_cases.late_of(row.id)]
    return min(days, default=row.school_year.summer_freeze_on) + timedelta(days=1)


def summer_items(actor: Actor, today: date) -> list[DailyItem]:
    """One item a class and kind of work on which this person has to act next; the day of the freeze is the last good one."""
    items = []
    late = conclusion_cases.late_enrollments()
    for work in summer_view.my_work(actor):
        row = db.session.get(m.ClassGroup, work.class_group_id)
        assert row is not None
        names = some_names(work.names)
        oddities = [Oddity("Bị trả lại", "undo-2", names, work.note)] if work.note else []
        if work.kind == summer_view.APPROVE:
            oddities = [Oddity("Kiểm tra lại, rèn luyện hè", "redo-2", f"lớp {row.name}", f"Chờ duyệt: {names}.")]
        made = class_item(
            row,
            "decide",
            TITLES[work.kind].format(what=work.what, name=work.class_name),
            names,
            f"{work.n} {UNITS[work.kind]}",
            due_before(row, late),
            today,
            oddities,
        )
        items.append(
            replace(
                made,
                kind="summer",
                key=f"summer-{row.id}{work.kind[0]}{work.subject_id or 0}-1",
                link=f"/he/{row.id}",
            )
        )
    return items
