"""Trong hè: who is re-assessed or trains, what came of it, the principal's approval, and grade 9's completion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotAllowed, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.summer_flow import STATE_WORDS
from hocbaso.services import decisions, summer_approval, summer_cases, summer_results, summer_view
from hocbaso.services.access import Actor
from hocbaso.services.summer_results import Registration, RowsRefused, Typed
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.navigation import NavItem, register
from hocbaso.web.security import confirm_recent, current_actor, note, requires

summer = Blueprint("summer", __name__, url_prefix="/he")

Answer = str | tuple[str, int] | BaseResponse


@summer.get("")
@requires(P.CLASS_READ, P.SHEET_ENTER, P.TRANSCRIPT_READ)
def index() -> Answer:
    """The classes of this person in which somebody is on the list."""
    actor = current_actor()
    work = summer_view.my_work(actor)
    return render_template(
        "summer/index.html",
        lines=summer_view.overview(actor),
        past=summer_view.past_classes(actor),
        work=work,
        n_waiting=sum(one.n for one in work),
        reads_transcripts=actor.may(P.TRANSCRIPT_READ),
    )


@summer.get("/<int:class_group_id>")
@requires(P.CLASS_READ, P.SHEET_ENTER)
def show(class_group_id: int) -> Answer:
    """One class: lists, forms and what waits."""
    return _page(class_group_id)


def _page(
    class_group_id: int, *, message: str | None = None, wrong: Mapping[str, str] | None = None, status: int = 200
) -> Answer:
    return (
        render_template(
            "summer/page.html",
            page=summer_view.page(current_actor(), class_group_id, clock.now()),
            message=message,
            wrong=wrong or {},
            typed=request.form if request.method == "POST" else {},
            state_words=STATE_WORDS,
            levels=summer_cases.LEVEL_CHOICES,
            articles={route.value: words for route, words in summer_cases.ARTICLES.items()},
            outcome_words={one.value: words for one, words in labels.PROMOTIONS.items()},
        ),
        status,
    )


@summer.get("/<int:class_group_id>/in")
@requires(P.CLASS_READ)
def sheets(class_group_id: int) -> Answer:
    """The lists of a class for the staff room and the minutes."""
    found = summer_view.page(current_actor(), class_group_id, clock.now())
    if not found.reads_class:
        raise NotFound(summer_cases.NO_CLASS)
    return render_template(
        "summer/sheets.html", page=found, state_words=STATE_WORDS, promotions=labels.PROMOTIONS, now=clock.now()
    )


@summer.get("/hoan-thanh")
@requires(P.TRANSCRIPT_READ)
def completion() -> Answer:
    """Grade 9: who completed lower secondary school, who did not, who is still to come."""
    label = request.args.get("nam") or None
    return render_template(
        "summer/completion.html", view=summer_view.completion(current_actor(), label), now=clock.now()
    )


# --- acts -------------------------------------------------------------------------------------------------------------


def _keys(prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in request.form if name.startswith(prefix)]


def _version(key: str) -> int:
    text = request.form.get(f"v-{key}", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _act(class_group_id: int, act: Callable[[Actor], Any], done: Callable[[Any], str]) -> Answer:
    """Do it and go back to the page; a refusal shows the page with what was typed."""
    actor = current_actor()
    try:
        found = act(actor)
    except (NotFound, NotAllowed):
        raise
    except RowsRefused as refusal:
        return _page(class_group_id, message=refusal.message, wrong=refusal.rows, status=422)
    except DomainError as refusal:
        words = " ".join(dict.fromkeys([refusal.message, *refusal.details]))
        return _page(class_group_id, message=words, status=status_of(refusal))
    note(done(found))
    return go(url_for(".show", class_group_id=class_group_id))


@summer.post("/<int:class_group_id>/dang-ky")
@requires(P.CLASS_KEEP)
def enroll(class_group_id: int) -> Answer:
    """Write who takes part; entries left open are not touched."""
    wanted = {
        key: Registration(request.form[f"dk-{key}"] == "1", _version(key), request.form.get(f"viec-{key}", ""))
        for key in _keys("dk-")
        if request.form[f"dk-{key}"] in ("0", "1")
    }
    return _act(
        class_group_id,
        lambda actor: summer_results.register(actor, class_group_id, wanted, clock.now()),
        lambda n: f"Đã ghi đăng ký, {n} mục thay đổi." if n else "Không có gì thay đổi.",
    )


@summer.post("/<int:class_group_id>/ket-qua")
@requires(P.SHEET_ENTER, P.CLASS_KEEP)
def type_results(class_group_id: int) -> Answer:
    """Write what came of it; lines left empty are not touched."""
    typed = {}
    for key in _keys("kq-"):
        absent = request.form.get(f"vang-{key}") == "1"
        text = request.form[f"kq-{key}"]
        if text.strip() or absent:
            typed[key] = Typed(
                text, _version(key), absent, request.form.get(f"ngay-{key}", ""), request.form.get(f"giay-{key}", "")
            )
    return _act(
        class_group_id,
        lambda actor: summer_results.type_results(actor, class_group_id, typed, clock.now()),
        lambda n: f"Đã ghi kết quả, {n} dòng thay đổi. Hiệu trưởng duyệt." if n else "Không có gì thay đổi.",
    )


@summer.post("/<int:class_group_id>/duyet")
@requires(P.CLASS_APPROVE)
def approve(class_group_id: int) -> Answer:
    """Approve the ticked pupils: the second freeze."""
    summer_cases.class_in_reach(current_actor(), class_group_id)
    confirm_recent(current_actor())
    seen = {
        int(name): request.form.get(f"thay-{name}", "")
        for name in request.form.getlist("chon")
        if name.isdecimal() and len(name) < 12
    }
    return _act(
        class_group_id,
        lambda actor: summer_approval.approve(actor, class_group_id, seen, clock.now()),
        lambda n: f"Đã duyệt kết quả trong hè của {n} học sinh. Học bạ của các em cần lập bản mới.",
    )


@summer.post("/<int:class_group_id>/tra-lai")
@requires(P.CLASS_APPROVE)
def send_back(class_group_id: int) -> Answer:
    """Send one entry back with a reason."""
    key = request.form.get("muc", "")
    return _act(
        class_group_id,
        lambda actor: summer_approval.send_back(
            actor,
            class_group_id,
            key,
            request.form.get("note", ""),
            expected_version=_version(key),
            now=clock.now(),
        ),
        lambda _: "Đã trả lại.",
    )


@summer.post("/<int:class_group_id>/quyet-dinh/<int:enrollment_id>")
@requires(P.DECISION_RECORD)
def decide(class_group_id: int, enrollment_id: int) -> Answer:
    """Record the principal's decision that the summer leaves open."""
    actor = current_actor()
    summer_cases.find_entry(
        summer_cases.cases_of(summer_cases.class_in_reach(actor, class_group_id)),
        enrollment_id,
        request.form.get("mon", 0, type=int) or None,
    )
    confirm_recent(actor)
    return _act(
        class_group_id,
        lambda actor: decisions.record_decision(
            actor,
            enrollment_id,
            request.form.get("kind", ""),
            request.form.get("outcome", ""),
            request.form.get("reason", ""),
            now=clock.now(),
            term=request.form.get("term", ""),
            document=request.form.get("document", ""),
            seen=request.form.get("seen", ""),
        ),
        lambda _: "Đã ghi quyết định.",
    )


def init_app(app: Flask) -> None:
    """Register the pages, their place on the rail and their help."""
    app.register_blueprint(summer)
    register(app, NavItem("summer", "Trong hè", "sun", "/he", 35, _has_summer))
    add(
        app,
        Topic(
            "trong-he",
            "Kiểm tra lại, rèn luyện trong hè",
            "/he",
            (
                "Danh sách lấy từ kết quả cả năm đã duyệt: môn dưới 5,0 hoặc Chưa đạt được kiểm tra lại (Điều 14), rèn luyện Chưa đạt "
                "thì rèn luyện trong hè (Điều 13).",
                "Giáo viên chủ nhiệm ghi em nào đăng ký môn nào; việc rèn luyện ghi rõ nhiệm vụ đã giao.",
                "Giáo viên bộ môn ghi kết quả đánh giá lại; giáo viên chủ nhiệm ghi mức rèn luyện theo báo cáo có chữ ký của cha mẹ.",
                "Hiệu trưởng duyệt từng em. Kết quả cả năm giữ nguyên; kết luận và học bạ được lập bản mới.",
                "Kết quả đã duyệt mà sai thì người ghi lập đề nghị sửa, kể cả khi năm học đã đóng.",
                "Không đăng ký hoặc không dự thì em không được lên lớp; máy chỉ kết luận khi Hiệu trưởng duyệt.",
            ),
            35,
        ),
    )


def _has_summer(actor: Actor) -> bool:
    """The rail shows it from the day on which somebody is on the list."""
    return bool(summer_view.classes_concerned())
