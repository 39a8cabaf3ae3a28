"""The teacher's bank of phrases, and the quiet look at a remark while it is written."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.remark_levels import ANY, LEAST
from hocbaso.regulations.terms import PassFail, SubjectKind
from hocbaso.services import remark_hints, remark_phrases
from hocbaso.services.access import Actor
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.htmx import go
from hocbaso.web.security import current_actor, requires

phrases = Blueprint("remark_phrases", __name__, url_prefix="/nhan-xet")
looks = Blueprint("remark_hints", __name__)

HOMEROOM = "chu-nhiem"
"""How the homeroom's bank is named in addresses; a subject is named by its number."""

LEVEL_WORDS = {**{level.value: words for level, words in labels.LEVELS.items()}, ANY: "Mọi mức"}


def address_of(subject_id: int | None) -> str:
    """The page of a bank."""
    return url_for("remark_phrases.index", mon=HOMEROOM if subject_id is None else subject_id)


def borders(kind: SubjectKind | None) -> str:
    """What the page needs to put the phrases of a pupil's level first: ``T:80 K:65 …`` in tenths, or ``Đ:Đ CĐ:CĐ``."""
    if kind is SubjectKind.COMMENT:
        return f"Đ:{PassFail.PASS} CĐ:{PassFail.FAIL}"
    return " ".join(f"{level}:{least}" for level, least in LEAST)


def picker(actor: Actor, subject_id: int | None, kind: SubjectKind | None) -> dict[str, Any]:
    """What ``remark_phrases/_picker.html`` needs, on a page that has a remark to write."""
    return {
        "phrases": remark_phrases.bank(actor, subject_id),
        "bank_address": address_of(subject_id),
        "borders": borders(kind),
    }


@phrases.get("/")
@requires(P.SHEET_ENTER, P.CLASS_KEEP)
def index() -> str:
    """The bank of one subject; the first one where none is asked for."""
    actor = current_actor()
    wanted = request.args.get("mon")
    return _page(actor, _subject(wanted) if wanted else _first(actor))


@phrases.post("/them")
@requires(P.SHEET_ENTER, P.CLASS_KEEP)
def add() -> BaseResponse | tuple[str, int]:
    """Put a phrase of one's own into the bank."""
    actor, subject_id = current_actor(), _subject(request.form.get("mon"))
    level, text = request.form.get("level", ""), request.form.get("text", "")
    try:
        remark_phrases.add(actor, subject_id, level=level, text=text, now=clock.now())
    except Invalid as refusal:
        return _page(actor, subject_id, trouble=(0, refusal.message, level, text)), status_of(refusal)
    flash("Đã thêm câu vào ngân hàng.", "done")
    return go(address_of(subject_id))


@phrases.post("/bo-mau")
@requires(P.SHEET_ENTER, P.CLASS_KEEP)
def copy_in() -> BaseResponse | tuple[str, int]:
    """Copy ticked phrases of the starting set."""
    actor, subject_id = current_actor(), _subject(request.form.get("mon"))
    try:
        n_new = remark_phrases.copy_in(actor, subject_id, request.form.getlist("chon")[:200], clock.now())
    except Invalid as refusal:
        flash(refusal.message, "wrong")
    else:
        if n_new:
            flash(f"Đã chép {n_new} câu. Thầy, cô sửa lại theo cách nói của mình được.", "done")
        else:
            flash("Chưa chọn câu mới nào để chép.", "late")
    return go(address_of(subject_id))


@phrases.post("/<int:phrase_id>/<any('sua','xoa','len','xuong'):act>")
@requires(P.SHEET_ENTER, P.CLASS_KEEP)
def change(phrase_id: int, act: str) -> BaseResponse | tuple[str, int]:
    """Reword, delete, or move a phrase by one place."""
    actor, subject_id, now = current_actor(), _subject(request.form.get("mon")), clock.now()
    if act == "xoa":
        done = remark_phrases.remove(actor, phrase_id, now)
        flash("Đã xoá câu." if done else "Câu này không còn trong ngân hàng.", "done" if done else "late")
    elif act in ("len", "xuong"):
        remark_phrases.move(actor, phrase_id, up=act == "len", now=now)
    else:
        level, text, seen = (request.form.get(name, "") for name in ("level", "text", "version"))
        try:
            remark_phrases.change(
                actor,
                phrase_id,
                level=level,
                text=text,
                expected_version=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 9 else 0,
                now=now,
            )
        except (Invalid, Stale) as refusal:
            return _page(actor, subject_id, trouble=(phrase_id, refusal.message, level, text)), status_of(refusal)
        flash("Đã sửa câu.", "done")
    return go(address_of(subject_id))


@looks.post("/bang-diem/<int:sheet_id>/nhan-xet/<int:enrollment_id>")
@requires(P.SHEET_ENTER)
def of_sheet(sheet_id: int, enrollment_id: int) -> str:
    """What handing in would ask about these words; the grid shows it while they are typed."""
    found = remark_hints.of_sheet(current_actor(), sheet_id, enrollment_id, request.form.get("text", ""), clock.now())
    return render_template("remark_phrases/_hint.html", hints=found)


@looks.post("/lop/<int:class_group_id>/nhan-xet/<int:enrollment_id>")
@requires(P.CLASS_KEEP)
def of_class(class_group_id: int, enrollment_id: int) -> str:
    """The same for the homeroom teacher's remark."""
    found = remark_hints.of_class(current_actor(), class_group_id, enrollment_id, request.form.get("text", ""))
    return render_template("remark_phrases/_hint.html", hints=found)


def _subject(named: str | None) -> int | None:
    if named == HOMEROOM:
        return None
    if named and named.isascii() and named.isdigit() and len(named) < 10:
        return int(named)
    raise NotFound("Thầy, cô không có ngân hàng câu của môn này.")


def _first(actor: Actor) -> int | None:
    found = remark_phrases.areas(actor)
    if not found:
        raise NotFound("Thầy, cô chưa được phân công môn nào nên chưa có ngân hàng câu.")
    return found[0].subject_id


def _page(actor: Actor, subject_id: int | None, trouble: tuple[int, str, str, str] = (-1, "", "", "")) -> str:
    area = remark_phrases.area_of(actor, subject_id)
    own = remark_phrases.bank(actor, subject_id)
    starters = remark_phrases.offered(actor, subject_id)
    return render_template(
        "remark_phrases/index.html",
        area=area,
        areas=[(one, address_of(one.subject_id)) for one in remark_phrases.areas(actor)],
        named=HOMEROOM if subject_id is None else subject_id,
        own={level: [phrase for phrase in own if phrase.level == level] for level in area.levels},
        n_own=len(own),
        starters={level: [one for one in starters if one.level == level] for level in area.levels},
        n_starters=len(starters),
        level_words=LEVEL_WORDS,
        longest=remark_phrases.LONGEST,
        trouble=trouble,
    )


def init_app(app: Flask) -> None:
    """Register the pages, and give every template the bank's words."""
    app.register_blueprint(phrases)
    app.register_blueprint(looks)
    app.jinja_env.globals["phrase_level_words"] = LEVEL_WORDS
