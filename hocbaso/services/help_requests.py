"""Questions to the IT officer: asked from any page, answered, asked again, closed. Both sides are told the same day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import selectinload

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.help_flow import HelpParty, HelpState, HelpVerb, help_moved, help_moves
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit, notices
from hocbaso.services.access import Actor
from hocbaso.services.in_force import people_with

LONGEST = 2000
MOST_OPEN = 10
"""Questions of one person that may wait at a time."""


@dataclass(frozen=True, slots=True)
class HelpThread:
    """A question as this person sees it."""

    id: int
    state: HelpState
    screen: str
    asker_name: str
    is_mine: bool
    moves: tuple[HelpVerb, ...]
    messages: tuple[m.HelpMessage, ...]
    moved_at: datetime
    version: int

    @property
    def page(self) -> str:
        """Where it was asked, as its reader calls it."""
        return page_words(self.screen)


def _parties(actor: Actor, row: m.HelpRequest) -> frozenset[HelpParty]:
    found = set()
    if row.asked_by == actor.account_id:
        found.add(HelpParty.ASKER)
    if actor.may(Permission.HELP_ANSWER):
        found.add(HelpParty.OFFICER)
    return frozenset(found)


def threads(actor: Actor) -> list[HelpThread]:
    """One's own questions and, for who answers, everybody's: what waits for this person first, the latest first after it."""
    wanted = select(m.HelpRequest).options(selectinload(m.HelpRequest.messages))
    if not actor.may(Permission.HELP_ANSWER):
        wanted = wanted.where(m.HelpRequest.asked_by == actor.account_id)
    rows = db.session.scalars(
        wanted.order_by(m.HelpRequest.moved_at.desc()).limit(200).execution_options(populate_existing=True)
    )
    found = [_thread(actor, row) for row in rows]
    return sorted(found, key=lambda one: (not _waits(one, actor), one.state is HelpState.CLOSED))


def _thread(actor: Actor, row: m.HelpRequest) -> HelpThread:
    state, parties = HelpState(row.state), _parties(actor, row)
    return HelpThread(
        row.id,
        state,
        row.screen,
        row.messages[0].by_name,
        HelpParty.ASKER in parties,
        help_moves(state, parties),
        tuple(row.messages),
        row.moved_at,
        row.version,
    )


def _waits(thread: HelpThread, actor: Actor) -> bool:
    if thread.state is HelpState.OPEN:
        return actor.may(Permission.HELP_ANSWER)
    return thread.state is HelpState.ANSWERED and thread.is_mine


def n_waiting(actor: Actor) -> int:
    """Questions to answer, and own ones that were answered."""
    statement = _DUE if actor.may(Permission.HELP_ANSWER) else _MINE
    return db.session.connection().execute(statement, {"account": actor.account_id}).scalar_one()


# Asked on every page: built once, and read without the mapper.
_own = (m.HelpRequest.asked_by == bindparam("account")) & (m.HelpRequest.state == HelpState.ANSWERED.value)
_MINE = select(func.count(m.HelpRequest.id)).where(_own)
_DUE = select(func.count(m.HelpRequest.id)).where(or_(_own, m.HelpRequest.state == HelpState.OPEN.value))


def ask(actor: Actor, text: str, screen: str, now: datetime) -> int:
    """Ask. Raises Invalid: nothing written, too long, or too many open questions of this person."""
    text = _text(text)
    with write_transaction() as session:
        n_open = session.scalar(
            select(func.count(m.HelpRequest.id)).where(
                m.HelpRequest.asked_by == actor.account_id, m.HelpRequest.state == HelpState.OPEN.value
            )
        )
        if (n_open or 0) >= MOST_OPEN:
            raise Invalid(f"Thầy, cô đang có {n_open} câu chưa được trả lời; xin đợi, hoặc gọi người phụ trách.")
        standing = session.scalar(
            select(m.HelpRequest.id)
            .join(m.HelpRequest.messages)
            .where(
                m.HelpRequest.asked_by == actor.account_id,
                m.HelpRequest.state == HelpState.OPEN.value,
                m.HelpMessage.text == text,
            )
        )
        if standing is not None:  # the second click: the officer is told once
            return standing
        row = m.HelpRequest(screen=_screen(screen), asked_at=now, asked_by=actor.account_id, moved_at=now)
        row.messages.append(_message(actor, text, now, is_answer=False))
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.HELP_ASKED, actor, now, target_kind="help_request", target_id=row.id, facts={"screen": row.screen}
        )
        notices.tell(
            people_with(Role.IT_OFFICER, clock.local_date(now)),
            "help",
            "Có thầy, cô cần giúp",
            f"{actor.name} hỏi về {page_words(row.screen)}.",
            now,
            about=question_key(row.id),
        )
        return row.id


def question_key(request_id: int) -> str:
    """What a message about an open question is known by."""
    return f"question-{request_id}"


def move(actor: Actor, request_id: int, verb: HelpVerb, text: str, expected_version: int, now: datetime) -> None:
    """Answer, ask again or close. Raises NotFound, WrongState, Stale, Invalid (no text where one is needed)."""
    with write_transaction() as session:
        row = session.get(m.HelpRequest, request_id, populate_existing=True)
        if row is None or not _parties(actor, row):
            raise NotFound("Không có câu hỏi này trong phần việc của thầy, cô.")
        after = help_moved(HelpState(row.state), verb, _parties(actor, row))
        if row.version != expected_version:
            raise Stale("Câu hỏi vừa có thêm lời; xin đọc rồi làm lại.", current=row.version)
        if verb is not HelpVerb.CLOSE:
            row.messages.append(_message(actor, _text(text), now, is_answer=verb is HelpVerb.ANSWER))
        row.state, row.moved_at, row.version = after.value, now, row.version + 1
        session.flush()
        audit.record(
            AuditTag.HELP_MOVED, actor, now, target_kind="help_request", target_id=row.id, facts={"verb": verb.value}
        )
        if verb is HelpVerb.ANSWER:
            notices.tell(
                [row.asker.person_id],
                "help",
                "Có lời trả lời",
                f"{actor.name} trả lời câu hỏi về {page_words(row.screen)}.",
                now,
            )
        elif verb is HelpVerb.ASK_AGAIN:
            officers = people_with(Role.IT_OFFICER, clock.local_date(now))
            notices.tell(
                officers,
                "help",
                "Có thầy, cô cần giúp",
                f"{actor.name} hỏi tiếp về {page_words(row.screen)}.",
                now,
                about=question_key(row.id),
            )


_PAGES = {
    "bang-diem": "Bảng điểm",
    "chat-luong": "Chất lượng",
    "chung-thu-so": "Chứng thư số",
    "dien-tap": "Diễn tập ký",
    "doi-chieu": "Đối chiếu bài gốc",
    "he": "Trong hè",
    "hoc-ba": "Học bạ",
    "hoc-sinh": "Học sinh",
    "hom-nay": "Hôm nay",
    "huong-dan": "Hướng dẫn",
    "ke-hoach": "Kế hoạch",
    "loi-nhac": "Lời nhắc",
    "lop": "Lớp chủ nhiệm",
    "may-chu": "Máy chủ",
    "nam-hoc": "Năm học",
    "nguoi-dung": "Người dùng",
    "nhan-xet": "Nhận xét",
    "nhap-du-lieu": "Nhập dữ liệu",
    "nhat-ky": "Nhật ký",
    "phieu-giay": "Phiếu giấy",
    "sua-chua": "Sửa chữa",
    "tai-khoan": "Tài khoản",
    "thong-bao": "Thông báo",
    "thu-hoi": "Thu hồi",
    "tien-do": "Tiến độ",
    "tro-giup": "Trợ giúp",
    "xac-thuc": "Kiểm tra học bạ",
}


def page_words(screen: str) -> str:
    """``trang Bảng điểm`` for the address of a page, as its reader calls it."""
    name = _PAGES.get(screen.strip("/").partition("/")[0])
    return f"trang {name}" if name else "một trang của phần mềm"


def _message(actor: Actor, text: str, now: datetime, *, is_answer: bool) -> m.HelpMessage:
    return m.HelpMessage(text=text, is_answer=is_answer, at=now, by_account_id=actor.account_id, by_name=actor.name)


def _text(text: str) -> str:
    text = (nfc(text) or "").replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("Xin viết điều thầy, cô muốn hỏi hoặc trả lời.", field="text")
    if len(text) > LONGEST:
        raise Invalid(f"Xin viết ngắn hơn {LONGEST} chữ.", field="text")
    return text


def _screen(path: str) -> str:
    # The IT officer must not learn from an address which pupil or sheet somebody had open.
    path = path.partition("?")[0].partition("#")[0]
    if not path.startswith("/") or path.startswith("//"):
        return "/"
    return re.sub(r"/(?:[0-9]+|[0-9a-fA-F-]{32,36})(?=/|$)", "/…", path)[:200]


# --- the tour ---------------------------------------------------------------------------------------------------------


def has_seen_tour(actor: Actor) -> bool:
    """Whether this account has seen the first-visit tour."""
    return db.session.get(m.TourSeen, actor.account_id) is not None


def set_tour(actor: Actor, *, seen: bool, now: datetime) -> None:
    """Remember that the tour was seen, or show it again."""
    with write_transaction() as session:
        row = session.get(m.TourSeen, actor.account_id, populate_existing=True)
        if seen and row is None:
            session.add(m.TourSeen(account_id=actor.account_id, seen_at=now))
        elif not seen and row is not None:
            session.delete(row)
