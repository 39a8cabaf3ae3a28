"""The rail on the left, where each person begins, and the frame every page stands in.

An item shows when its address exists and the view behind it would let the person in, so the rail never needs a table
of its own. What waits is counted by functions that the modules owning the work add with :func:`count`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import ROLE_PERMISSIONS, Permission, Role
from hocbaso.services import school_frame
from hocbaso.services.access import Actor
from hocbaso.services.kept_answers import KeptAnswers, log_head
from hocbaso.web import labels
from hocbaso.web.htmx import go
from hocbaso.web.security import access_of, actor_or_none, current_actor, signed_in

Counter = Callable[[Actor], int]


@dataclass(frozen=True)
class NavItem:
    """One place of the rail. ``only_if``: a further condition beside the power the view asks for."""

    key: str
    label: str
    icon: str
    path: str
    order: int
    only_if: Callable[[Actor], bool] = lambda actor: True


@dataclass(frozen=True)
class Shown:
    """An item as the template draws it."""

    label: str
    icon: str
    path: str
    waiting: int
    is_here: bool


def _works_on_people(actor: Actor) -> bool:
    return bool({Permission.STAFF_READ, Permission.ACCOUNT_MANAGE, Permission.ROLE_GRANT} & actor.permissions)


def _reads_students_by_role(actor: Actor) -> bool:
    """A homeroom teacher's way to the own class is the class itself."""
    return any(Permission.STUDENT_READ in ROLE_PERMISSIONS[grant.role] for grant in actor.grants)


DEFAULTS = (
    NavItem("today", "Hôm nay", "inbox", "/hom-nay", 10),
    NavItem("sheets", "Bảng điểm", "notebook-pen", "/bang-diem/", 20),
    NavItem("homeroom", "Lớp chủ nhiệm", "users", "/lop/", 30),
    NavItem("transcripts", "Học bạ", "book-open-check", "/hoc-ba/", 40),
    NavItem("students", "Học sinh", "folder-open", "/hoc-sinh/", 45, _reads_students_by_role),
    NavItem("imports", "Nhập dữ liệu", "file-up", "/nhap-du-lieu/", 50),
    NavItem("rehearsal", "Diễn tập ký", "list-checks", "/dien-tap/", 55),
    NavItem("people", "Người dùng", "id-card", "/nguoi-dung/", 60, _works_on_people),
    NavItem("machine", "Máy chủ", "server", "/may-chu", 70),
    NavItem("help", "Trợ giúp", "circle-help", "/tro-giup", 90),
)


def _waits(actor: Actor, key: str) -> bool:
    return any(counter(actor) for counter in current_app.extensions["hocbaso_nav_counts"].get(key, ()))


FIRST: tuple[tuple[Callable[[Actor], bool], tuple[str, ...]], ...] = (
    (lambda actor: actor.has_role(Role.IT_OFFICER) and _waits(actor, "today"), ("today",)),
    (lambda actor: actor.has_role(Role.IT_OFFICER), ("people", "machine")),
    (
        lambda actor: (
            actor.has_role(Role.PRINCIPAL) or actor.has_role(Role.VICE_PRINCIPAL) or actor.has_role(Role.DELEGATE)
        ),
        ("today",),
    ),
    (lambda actor: actor.has_role(Role.CLERK), ("today", "transcripts", "imports", "people")),
    (lambda actor: bool(actor.homeroom) and _waits(actor, "today"), ("today",)),
    (lambda actor: bool(actor.teaching), ("sheets",)),
    (lambda actor: bool(actor.homeroom), ("homeroom",)),
    (lambda actor: True, ("today", "sheets", "help")),
)

pages = Blueprint("pages", __name__)


def register(app: Flask, item: NavItem) -> None:
    """Add a place to the rail (replaces the one with the same key)."""
    _items(app)[item.key] = item


def count(app: Flask, key: str, counter: Counter) -> None:
    """Say how much waits behind an item; several counters of one key are added up. Keep each to one cheap query."""
    app.extensions.setdefault("hocbaso_nav_counts", {}).setdefault(key, []).append(counter)


def _items(app: Flask) -> dict[str, NavItem]:
    """The places by key; other modules may add theirs before this one is set up."""
    items: dict[str, NavItem] = app.extensions.setdefault("hocbaso_nav", {item.key: item for item in DEFAULTS})
    return items


def may_open(path: str, actor: Actor | None) -> bool:
    """Whether an address exists and its view would let the actor in."""
    view = _view_of(path)
    rule = access_of(view) if view is not None else None
    return rule is not None and rule.allows(actor)


def _view_of(path: str) -> Any:
    cache: dict[str, Any] = current_app.extensions["hocbaso_nav_views"]
    if path not in cache:
        adapter = current_app.url_map.bind("", url_scheme="http")
        endpoint = None
        for spelling in (path, path.rstrip("/") or "/"):  # with and without the slash at the end
            try:
                endpoint = endpoint or adapter.match(spelling)[0]
            except HTTPException:
                continue
        cache[path] = current_app.view_functions.get(endpoint) if endpoint else None
    return cache[path]


def _visible(actor: Actor) -> list[NavItem]:
    items = sorted(current_app.extensions["hocbaso_nav"].values(), key=lambda item: item.order)
    return [item for item in items if item.only_if(actor) and may_open(item.path, actor)]


_COUNTED: KeptAnswers[tuple[tuple[NavItem, int], ...]] = KeptAnswers(200)


def _counted(actor: Actor) -> tuple[tuple[NavItem, int], ...]:
    counters = current_app.extensions["hocbaso_nav_counts"]
    return tuple((item, sum(count_of(actor) for count_of in counters.get(item.key, ()))) for item in _visible(actor))


def rail(actor: Actor) -> list[Shown]:
    """The items this person sees, with what waits. Looked at again when anything was logged, and each minute for what time alone
    brings: it stands on every page, and took an eighth of opening a sheet."""
    minute = clock.now().replace(second=0, microsecond=0)
    items = _COUNTED.of((log_head(), actor, minute), lambda: _counted(actor))
    here = max(
        (item.path for item, _ in items if request.path.startswith(item.path.rstrip("/"))), key=len, default=None
    )
    return [Shown(item.label, item.icon, item.path, waiting, item.path == here) for item, waiting in items]


def start_path(actor: Actor) -> str:
    """Where this person's day begins."""
    visible = {item.key: item.path for item in _visible(actor)}
    for applies, keys in FIRST:
        if applies(actor):
            for key in keys:
                if key in visible:
                    return visible[key]
    return visible.get("help", "/tro-giup")


def is_start(actor: Actor) -> bool:
    """Whether the page asked for is the one where this person's day begins. Most pages are nobody's: they cost no look at the rail."""
    known = current_app.extensions["hocbaso_nav"]
    may_be = any(known[key].path == request.path for key in _START_KEYS if key in known)
    return may_be and request.method == "GET" and request.path == start_path(actor)


_START_KEYS = frozenset(key for _, keys in FIRST for key in keys) | {"help"}


def role_words(actor: Actor) -> str:
    """The person's place in the school, in the fewest words: the first role, or what the assignments make of them."""
    for role in Role:
        if actor.has_role(role):
            return labels.ROLES[role]
    return "Giáo viên chủ nhiệm" if actor.homeroom else "Giáo viên"


@pages.get("/")
@signed_in
def start() -> BaseResponse:
    """To where this person's day begins."""
    return go(start_path(current_actor()))


def init_app(app: Flask) -> None:
    """Give every template the rail and the frame (name of the school, open year)."""
    _items(app)
    app.extensions.setdefault("hocbaso_nav_counts", {})
    app.extensions["hocbaso_nav_views"] = {}
    app.extensions["hocbaso_frame"] = school_frame.FrameCache()
    app.register_blueprint(pages)

    @app.context_processor
    def _frame() -> dict[str, Any]:
        return {
            "rail": lambda: rail(actor) if (actor := actor_or_none()) is not None else [],
            "frame": lambda: school_frame.frame(app.extensions["hocbaso_frame"], clock.now()),
            "role_words": role_words,
            "may_open": lambda path: may_open(path, actor_or_none()),
        }
