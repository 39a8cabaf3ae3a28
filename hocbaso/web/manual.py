"""The manual ``/huong-dan/``: chapters kept in ``templates/manual``, searched without marks, opened from the "?" of each screen."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from flask import Blueprint, Flask, abort, current_app, render_template, request
from markupsafe import Markup, escape

from hocbaso.regulations.vietnamese_names import search_key
from hocbaso.services.access import Actor
from hocbaso.web.navigation import may_open
from hocbaso.web.security import current_actor, signed_in

manual = Blueprint("manual", __name__, url_prefix="/huong-dan")


@dataclass(frozen=True)
class Chapter:
    """One chapter: ``path`` decides whose screens it is about, None for everybody's."""

    key: str
    title: str
    path: str | None


CHAPTERS = (
    Chapter("bat-dau", "Bắt đầu", None),
    Chapter("bang-diem", "Bảng điểm", "/bang-diem/"),
    Chapter("nhan-xet", "Nhận xét và câu mẫu", "/nhan-xet/"),
    Chapter("lop-chu-nhiem", "Lớp chủ nhiệm", "/lop/"),
    Chapter("hom-nay", "Soát, duyệt, khoá", "/hom-nay"),
    Chapter("hoc-ba", "Học bạ: lập, ký, đóng dấu", "/hoc-ba/"),
    Chapter("sua-chua", "Sửa chữa", "/sua-chua/"),
    Chapter("hoc-sinh", "Hồ sơ học sinh", "/hoc-sinh/"),
    Chapter("chat-luong", "Chất lượng dữ liệu", "/chat-luong/"),
    Chapter("nhap-du-lieu", "Nhập dữ liệu từ Excel", "/nhap-du-lieu/"),
    Chapter("chung-thu-so", "Chứng thư số, diễn tập ký", "/chung-thu-so/"),
    Chapter("nguoi-dung", "Người dùng, phân công, vai trò", "/nguoi-dung/"),
    Chapter("nam-hoc", "Lịch năm học, tiến độ, lời nhắc", "/tien-do"),
    Chapter("mua-he", "Mùa hè: kiểm tra lại, rèn luyện", "/he"),
    Chapter("chuyen-nam", "Chuyển năm học", "/nam-hoc/chuyen"),
    Chapter("ke-hoach", "Kế hoạch, tập huấn, thông báo", None),
    Chapter("nhat-ky", "Nhật ký, so sánh, ảnh chụp", "/nhat-ky"),
    Chapter("may-chu", "Máy chủ và hỗ trợ", "/may-chu"),
)

HERE = {
    "announcements": "ke-hoach#thong-bao",
    "audit_log": "nhat-ky#tim",
    "auth": "bat-dau#quen-mat-khau",
    "batches": "hoc-ba#ky",
    "blind_checks": "hom-nay#doi-chieu-bai",
    "certificates": "chung-thu-so#dang-ky",
    "corrections": "sua-chua",
    "corrections.ask_scores": "sua-chua#diem",
    "corrections.ask_homeroom": "sua-chua#chu-nhiem",
    "corrections.ask_months": "sua-chua#nghi-thang",
    "corrections.ask_civil_status": "sua-chua#ho-tich",
    "corrections.ask_summer": "sua-chua#trong-he",
    "corrections.ask_exemption": "sua-chua#mien-hoc",
    "corrections.ask_revocation": "sua-chua#mien-hoc",
    "corrections.ask_inherited": "sua-chua#noi-chuyen-den",
    "daily": "hom-nay",
    "desk": "chung-thu-so#dang-ky",
    "first_passwords": "nguoi-dung#tai-khoan",
    "health": "may-chu",
    "help": "bat-dau",
    "help_requests": "bat-dau#hoi-ai",
    "homeroom": "lop-chu-nhiem",
    "homeroom.lists": "lop-chu-nhiem#danh-sach",
    "homeroom.months": "lop-chu-nhiem#nghi-theo-thang",
    "imports": "nhap-du-lieu",
    "imports.batch": "nhap-du-lieu#xem-truoc",
    "manual": "bat-dau",
    "paper_kit": "bang-diem#phieu-giay",
    "people": "nguoi-dung",
    "people.roles": "nguoi-dung#vai-tro",
    "people.grant_role": "nguoi-dung#vai-tro",
    "people.assignments": "nguoi-dung#phan-cong",
    "people.account_list": "nguoi-dung#tai-khoan",
    "progress_board": "nam-hoc#tien-do",
    "quality": "chat-luong",
    "quality.pairs": "chat-luong#trung",
    "quality.identity": "chat-luong#dan-cu",
    "recalls": "hoc-ba#thu-hoi",
    "rehearsal": "chung-thu-so#dien-tap",
    "remark_hints": "nhan-xet#chen",
    "remark_phrases": "nhan-xet",
    "reset_requests": "bat-dau#quen-mat-khau",
    "school_plan": "ke-hoach#viec",
    "school_plan.training_days": "ke-hoach#tap-huan",
    "school_plan.readiness": "ke-hoach#ha-tang",
    "score_files": "bang-diem#tep-excel",
    "score_questions": "bang-diem#nop",
    "score_sheets": "bang-diem",
    "score_sheets.explain": "bang-diem#vi-sao",
    "score_sheets.history": "bang-diem#vi-sao",
    "score_sheets.read_back_form": "bang-diem#doc-do",
    "students": "hoc-sinh",
    "photos": "hoc-sinh#anh",
    "students.find": "bat-dau#tim",
    "students.arriving": "hoc-sinh#chuyen-den",
    "students.leaving": "hoc-sinh#roi-truong",
    "transcripts": "hoc-ba",
    "verification": "hoc-ba#kiem-tra",
    "rule_trial": "lop-chu-nhiem#thu-quy-dinh",
    "summer": "mua-he#danh-sach",
    "wide_batches": "hoc-ba#nhieu-lop",
    "year_turn": "chuyen-nam#ke-hoach",
    "year_calendar": "nam-hoc#thoi-gian-nhap",
    "conclusion_cases": "sua-chua#ket-luan",
    "notices": "nam-hoc#loi-nhac",
    "transcripts.chain": "hoc-ba#lich-su",
    "quality.alive": "chat-luong#song",
    "students.changing_class": "hoc-sinh#chuyen-lop",
}
"""Blueprint, or endpoint where it has a section of its own -> chapter#section. A page without an entry fails its test."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a chapter as the search knows it."""

    chapter: Chapter
    anchor: str
    heading: str
    text: str
    key: str
    """Heading, chapter and text, lower case without marks."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A section found: the words around the first place, what was looked for marked."""

    section: Section
    snippet: Markup


_SCREEN = re.compile(r'\{\{ screen\("[^"]+", "([^"]+)"\) \}\}')


def screen(path: str, words: str) -> Markup:
    """A way to a screen inside a chapter, for those who can open it; the words alone for the others."""
    if not may_open(path, current_actor()):
        return escape(words)
    return Markup('<a href="{}">{}</a>').format(path, words)


class _Reader(HTMLParser):
    """Splits a chapter into its sections."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[list[str]] = []
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.sections.append([dict(attrs)["id"] or "", "", ""])
        elif tag == "h2":
            self._in_heading = True
        elif tag in ("p", "li") and self.sections:
            self.sections[-1][2] += " "

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self.sections:
            self.sections[-1][1 if self._in_heading else 2] += data


def sections_of(app: Flask) -> tuple[Section, ...]:
    """All sections in the order of the manual, read once a process."""
    if "hocbaso_manual" not in app.extensions:
        found = []
        for chapter in CHAPTERS:
            reader = _Reader()
            source = Path(app.root_path, app.template_folder or "", "manual", f"{chapter.key}.html")
            reader.feed(_SCREEN.sub(r"\1", source.read_text(encoding="utf-8")))
            for anchor, heading, text in reader.sections:
                plain = unicodedata.normalize("NFC", " ".join(text.split()))
                found.append(Section(chapter, anchor, heading, plain, search_key(f"{heading} {chapter.title} {plain}")))
        app.extensions["hocbaso_manual"] = tuple(found)
    sections: tuple[Section, ...] = app.extensions["hocbaso_manual"]
    return sections


def find(query: str, sections: tuple[Section, ...]) -> list[Hit]:
    """Sections that hold every word of the query, marks aside; those with the words in their heading first."""
    words = re.findall(r"[^\W_]+", search_key(query))[:8]
    if not words:
        return []
    phrase = " ".join(words)
    hits = []
    for index, section in enumerate(sections):
        if not all(re.search(rf"\b{re.escape(word)}", section.key) for word in words):
            continue
        heading = search_key(f"{section.heading} {section.chapter.title}")
        in_heading = sum(bool(re.search(rf"\b{re.escape(word)}", heading)) for word in words)
        hits.append((-(phrase in section.key), -in_heading, index, section))
    return [Hit(section, _snippet(section.text, words)) for *_rank, section in sorted(hits, key=lambda hit: hit[:3])]


def _snippet(text: str, words: list[str], width: int = 160) -> Markup:
    # search_key keeps one letter for one letter of NFC text, so that places in it are places in the text.
    key = search_key(text)
    if len(key) != len(text):
        return escape(text[:width])
    spots = [
        spot.span()
        for word in words
        for spot in re.finditer(rf"\b{re.escape(word)}\w*", key)
        if spot.end() > spot.start()
    ]
    start = max(0, min((first for first, _last in spots), default=0) - width // 3)
    start = text.rfind(" ", 0, start) + 1 if start else 0
    end = len(text) if start + width >= len(text) else text.rfind(" ", start, start + width)
    pieces, place = [Markup("…") if start else Markup("")], start
    for first, last in sorted(set(spots)):
        if first < place or last > end:
            continue
        pieces += [escape(text[place:first]), Markup("<mark>{}</mark>").format(text[first:last])]
        place = last
    return Markup("").join([*pieces, escape(text[place:end]), Markup("") if end == len(text) else Markup("…")])


def address_of(endpoint: str | None) -> str:
    """Where the "?" of a page leads."""
    found = HERE.get(endpoint or "") or HERE.get((endpoint or "").partition(".")[0])
    return f"/huong-dan/{found}" if found else "/huong-dan/"


def _chapters(actor: Actor) -> list[Chapter]:
    return [chapter for chapter in CHAPTERS if chapter.path is None or may_open(chapter.path, actor)]


@manual.get("/")
@signed_in
def index() -> str:
    """The table of contents of this person's screens, and the search."""
    actor = current_actor()
    chapters = _chapters(actor)
    query = request.args.get("q", "")[:100]
    sections = tuple(one for one in sections_of(current_app) if one.chapter in chapters)
    return render_template(
        "manual/index.html",
        chapters=[(chapter, [one for one in sections if one.chapter is chapter]) for chapter in chapters],
        query=query,
        hits=find(query, sections),
    )


@manual.get("/<key>")
@signed_in
def chapter(key: str) -> str:
    """One chapter, whoever reads: how a step works before and after one's own is no secret."""
    found = next((one for one in CHAPTERS if one.key == key), None)
    if found is None:
        abort(404)
    chapters = _chapters(current_actor())
    place = chapters.index(found) if found in chapters else -1
    return render_template(
        "manual/chapter.html",
        chapter=found,
        sections=[one for one in sections_of(current_app) if one.chapter is found],
        chapters=chapters,
        following=chapters[place + 1] if 0 <= place < len(chapters) - 1 else None,
    )


def init_app(app: Flask) -> None:
    """Register the pages and give every template the address behind its "?"."""
    app.register_blueprint(manual)
    app.jinja_env.globals["screen"] = screen
    app.jinja_env.globals["help_here"] = lambda: address_of(request.endpoint)
