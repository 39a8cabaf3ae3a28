"""Pupils whose conclusion was corrected after the summer or the turn: the principal's to decide, the office's to put into a class."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import conclusion_cases
from hocbaso.services.access import Actor
from hocbaso.services.conclusion_asks import OUTCOME_WORDS
from hocbaso.services.daily_items import DailyItem, Oddity, class_item

LINK = "/sua-chua/ket-luan"
_TITLES = {
    "place": "Quyết định nơi học của {who}",
    "move": "Xếp lại lớp cho {who}",
    "late": "Kiểm tra, rèn luyện muộn quá hạn: {who}",
}


def conclusion_items(actor: Actor, today: date) -> list[DailyItem]:
    """One item a case on which this person has to act next, of whatever year."""
    items = []
    for line in conclusion_cases.waiting(actor, today):
        row = db.session.get(m.ClassGroup, line.class_group_id)
        assert row is not None
        who = f"{line.student_name}, lớp {line.class_name} năm học {line.school_year.replace('-', '–')}"
        now = f"đang học lớp {line.place}" if line.place else "không có tên ở lớp nào"
        what = {
            "place": "Em ngồi ở khối khác với kết luận; không gì tự chuyển.",
            "move": f"{line.decider_name} quyết định: {f'vào lớp {line.to_class}' if line.to_class else 'rời lớp đang học'} ({line.paper}).",
            "late": "Chưa có kết quả: gia hạn, hoặc nhắc giáo viên.",
        }[line.verb]
        oddity = Oddity(
            "Kết luận đổi",
            "triangle-alert",
            line.student_name,
            f"{now[:1].upper()}{now[1:]}. {what}",
            "Kết luận",
            OUTCOME_WORDS[line.before],
            OUTCOME_WORDS[line.outcome],
        )
        made = class_item(row, "decide", _TITLES[line.verb].format(who=who), now, "", line.due_before, today, (oddity,))
        items.append(
            replace(made, kind="correction", key=f"conclusion-{line.id}-{line.version}", link=f"{LINK}#viec-{line.id}")
        )
    return items
