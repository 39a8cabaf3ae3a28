"""What the page of a sheet has to say beside its numbers: one calm line, the rest on a tap.

Three banners after handing in took four pupils' lines from the grid. Each of them is a note here, the most telling first;
the template shows the first one and counts the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import get_flashed_messages, url_for

from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services.anomaly_questions import QuestionList
from hocbaso.services.blind_view import CheckRecord
from hocbaso.services.score_grid import SheetView
from hocbaso.web.filters import vn_datetime

HOW_TO_ASK = "Chọn ô cần sửa, bấm nút đồng hồ (lịch sử của ô) ở thanh dưới bảng, rồi bấm “Đề nghị sửa ô này”."
ICONS = {"done": "check", "late": "clock", "wrong": "circle-alert"}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to say. ``kind``: as of a toast. ``href`` leads on, ``panel`` opens that place beside the grid, in the words
    of ``way``. ``short`` is what must be read where there is room for one line; the words themselves if it is empty.
    """

    words: str
    kind: str = ""
    icon: str = "info"
    href: str = ""
    panel: str = ""
    way: str = ""
    short: str = ""


def notes_of(
    view: SheetView, check: CheckRecord, questions: QuestionList, *, why_closed: str, told: bool
) -> list[Note]:
    """The notes of this sheet for this person. Takes the messages of the last request: call it once a page."""
    messages = cast("list[tuple[str, str]]", get_flashed_messages(with_categories=True))
    found = [Note(message, kind, ICONS.get(kind, "info")) for kind, message in messages]
    if back := view.returned_note:
        words = f"{back.by_name} trả lại {vn_datetime(back.at)}: {back.note}"
        found.append(Note(words, "late", "undo-2", short=f"Trả lại: {back.note}"))
    if questions.open:
        words = f"{len(questions.open)} câu hỏi chờ thầy, cô trả lời trước khi nộp"
        found.append(Note(words, "late", "circle-help", panel="questions", way="Trả lời"))
    if view.head.kept_out:
        short = f"Người khác {'soát' if view.head.state is SheetState.SUBMITTED else 'duyệt'} bảng này"
        found.append(Note(view.head.kept_out, icon="user-x", short=short))
    found += _of_check(view, check, told=told)
    if why_closed:
        how = f" {HOW_TO_ASK}" if view.head.state is SheetState.LOCKED else ""
        found.append(Note(why_closed + how, icon="lock", short=why_closed))
    if check.lines:
        n_telling = len(check.telling)
        said = f"{n_telling} ô cần để ý" if n_telling else "khớp hết"
        words = f"Đối chiếu bài gốc: {len(check.lines)} ô, {said}"
        found.append(Note(words, "late" if n_telling else "", "list-checks", panel="papers", way="Xem từng ô"))
    if questions.answered:
        words = f"{len(questions.answered)} câu hỏi trước khi nộp đã có trả lời"
        found.append(Note(words, icon="circle-help", panel="questions", way="Xem câu trả lời"))
    return found


def _of_check(view: SheetView, check: CheckRecord, *, told: bool) -> list[Note]:
    to_check = url_for("blind_checks.show", sheet_id=view.head.id)
    if view.is_blind:
        words = "Cột giữa kì, cuối kì và trung bình hiện ra sau khi đối chiếu bài gốc xong."
        return [Note(words, icon="eye", href=to_check, way="Đối chiếu bài gốc")]
    if check.phase == "typing":
        who = check.named or "tổ trưởng"
        words = f"Đang đối chiếu bài gốc: {check.n_asked} ô được rút thăm, chờ {who} gõ lại từ bài."
        return [Note(words, icon="list-checks")]
    if check.phase != "settling":
        return []
    if not check.n_different:
        return [Note("Đối chiếu bài gốc: đã gõ xong, chờ tổ trưởng.", "late", "circle-alert")]
    if told:
        words = f"Đối chiếu bài gốc: {check.n_different} ô lệch, giải quyết trước khi soát."
        return [Note(words, "late", "circle-alert", href=to_check, way="Giải quyết")]
    return [Note(f"Đối chiếu bài gốc: {check.n_different} ô lệch, chờ tổ trưởng giải quyết.", "late", "circle-alert")]


def open_panel(
    view: SheetView, check: CheckRecord, questions: QuestionList, *, troubled: bool, asked: bool, told: bool
) -> str:
    """Which place beside the grid stands open when the page comes; "" for none."""
    if troubled:
        return "errors"
    if asked and (questions.open or questions.answered):
        return "questions"
    is_author = any(party.value == "author" for party in view.head.parties)
    at_work = view.head.state in (SheetState.RETURNED, SheetState.SUBMITTED, SheetState.REVIEWED)
    if check.telling and (told or is_author) and at_work:
        return "papers"
    return "questions" if told and questions.answered else ""
