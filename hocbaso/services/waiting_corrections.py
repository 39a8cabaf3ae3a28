"""The corrections that wait for a person: to confirm, to decide, or sent back to who asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.correction_flow import CorrectionState
from hocbaso.services import correction_view
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, Oddity, class_item, day_words

_TITLES = {
    CorrectionState.ASKED: "Xác nhận đề nghị sửa",
    CorrectionState.CONFIRMED: "Quyết định đề nghị sửa",
    CorrectionState.RETURNED: "Đề nghị sửa bị trả lại",
}


KIND_WORDS = {
    "score": "Sửa điểm đã khoá",
    "homeroom": "Sửa phần chủ nhiệm",
    "summer": "Sửa kết quả trong hè",
    "exemption": "Sửa miễn học",
    "inherited": "Sửa kết quả nơi chuyển đến",
    "civil_status": "Sửa hộ tịch",
}


def correction_items(actor: Actor, today: date) -> list[DailyItem]:
    """One item a request on which this person has to act next, of whatever year."""
    items = []
    for line in correction_view.waiting(actor, today):
        row = db.session.get(m.ClassGroup, line.class_group_id)
        assert row is not None
        who = f"{line.student_name}, lớp {line.class_name}"
        oddity = Oddity(
            KIND_WORDS[line.kind],
            "pen-line",
            who,
            f"{line.asker_name} đề nghị {day_words(line.asked_at)}: {line.reason}",
        )
        made = class_item(
            row, "decide", f"{_TITLES[line.state]}: {who}", who, line.what, line.due_before, today, (oddity,)
        )
        items.append(
            replace(made, kind="correction", key=f"correction-{line.id}-{line.version}", link=f"/sua-chua/{line.id}")
        )
    return items
