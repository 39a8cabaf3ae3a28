"""Who is asking, and whether this route is theirs. Every view carries exactly one of the marks of this module.

``@requires(P.X, P.Y)`` any of the powers; ``@signed_in`` an account, whatever its powers; ``@public`` anybody;
``@half_signed_in(...)`` the pages between password and open session; ``@while_unconfigured`` the first-run wizard.
A route without a mark answers with an error, in tests and in life.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, flash, g, make_response, redirect, request, session, url_for
from flask_login import UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import NotAllowed, WrongState
from hocbaso.extensions import login_manager
from hocbaso.regulations.permissions import Permission
from hocbaso.services import sessions
from hocbaso.services.access import Actor
from hocbaso.services.sessions import SessionCache, SignedIn
from hocbaso.web.htmx import is_fragment

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class AccessRule:
    """What a route asks of the person: ``kind`` is public, signed_in, permission, half or setup."""

    kind: str
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    stages: frozenset[str] = field(default_factory=frozenset)

    def allows(self, actor: Actor | None) -> bool:
        """Whether the route may be shown to the actor as a way to go."""
        if self.kind == "public":
            return True
        if actor is None or self.kind in ("half", "setup"):
            return False
        return self.kind == "signed_in" or bool(self.permissions & actor.permissions)


class BrowserUser(UserMixin):
    """What Flask-Login keeps of a request: the living session behind the browser's token."""

    def __init__(self, token: str, signed_in: SignedIn) -> None:
        self.token = token
        self.signed_in = signed_in

    def get_id(self) -> str:
        """The token itself: the session of the browser holds this and nothing about the person."""
        return self.token

    @property
    def actor(self) -> Actor:
        """The account with today's powers."""
        return self.signed_in.actor


def cache() -> SessionCache:
    """What this application remembers of sessions between requests."""
    found: SessionCache = current_app.extensions["hocbaso_sessions"]
    return found


def current_session() -> SignedIn | None:
    """The living session, complete or not; None for a stranger."""
    # Asked a dozen times a page: the proxy looks the user up anew for each attribute.
    user = g.get("_login_user") or current_user._get_current_object()
    return user.signed_in if user.is_authenticated else None


def actor_or_none() -> Actor | None:
    """The actor of a complete session, or None."""
    signed = current_session()
    return signed.actor if signed is not None and signed.stage == "open" else None


def browser_session() -> str:
    """Names the living session to services that hold something for this browser only; nothing that opens it."""
    signed = current_session()
    return str(signed.session_id) if signed is not None else ""


def current_actor() -> Actor:
    """The actor of a view marked ``@requires`` or ``@signed_in``; 401 elsewhere."""
    actor = actor_or_none()
    if actor is None:
        abort(401)
    return actor


# --- marks ------------------------------------------------------------------------------------------------------------


def access_of(view: Any) -> AccessRule | None:
    """The mark of a view function."""
    rule: AccessRule | None = getattr(view, "access", None)
    return rule


def _marked(view: View, rule: AccessRule, guard: Callable[[], Any]) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refusal = guard()
        return view(*args, **kwargs) if refusal is None else refusal

    guarded.access = rule  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def public(view: View) -> View:
    """Open to anybody."""
    return _marked(view, AccessRule("public"), lambda: None)


def signed_in(view: View) -> View:
    """Open to each account; what it shows depends on the actor's powers."""
    return _marked(view, AccessRule("signed_in"), _refuse_stranger)


def requires(*permissions: Permission) -> Callable[[View], View]:
    """Open to accounts that hold at least one of the powers somewhere; the service checks where."""
    if not permissions:
        raise ValueError("name at least one permission")
    rule = AccessRule("permission", frozenset(permissions))

    def guard() -> Any:
        refusal = _refuse_stranger()
        if refusal is None and not rule.permissions & current_actor().permissions:
            raise NotAllowed("Phần này không nằm trong việc được giao cho thầy, cô.")
        return refusal

    return lambda view: _marked(view, rule, guard)


def half_signed_in(*stages: str) -> Callable[[View], View]:
    """Open only in these stages of signing in (see ``SignedIn.stage``)."""
    rule = AccessRule("half", stages=frozenset(stages))

    def guard() -> Any:
        signed = current_session()
        if signed is None:
            return _to_sign_in()
        return None if signed.stage in rule.stages else redirect(_page_of_stage(signed.stage), 303)

    return lambda view: _marked(view, rule, guard)


def while_unconfigured(is_open: Callable[[], bool]) -> Callable[[View], View]:
    """Open only while ``is_open()`` (no account exists); 404 afterwards, as if it had never been there."""

    def guard() -> Any:
        return None if is_open() else abort(404)

    return lambda view: _marked(view, AccessRule("setup"), guard)


# --- refusing ---------------------------------------------------------------------------------------------------------


def _refuse_stranger() -> Any:
    signed = current_session()
    if signed is None:
        return _to_sign_in()
    if signed.stage != "open":
        target = _page_of_stage(signed.stage)
        if is_fragment():
            return make_response("", 401, {"HX-Redirect": target})
        return redirect(target, 303)
    return None


def _page_of_stage(stage: str) -> str:
    return url_for(
        {"code": "auth.second_factor", "enrol": "auth.enrol", "password": "auth.first_password", "open": "pages.start"}[
            stage
        ]
    )


def _to_sign_in() -> BaseResponse:
    if is_fragment() or request.headers.get("X-Requested-With") == "fetch":
        return make_response("", 401, {"HX-Trigger": "signin"})
    if request.method == "GET" and request.path != "/":
        return redirect(url_for("auth.sign_in", next=request.full_path.rstrip("?")), 303)
    return redirect(url_for("auth.sign_in"), 303)


def safe_next(target: str | None) -> str | None:
    """A local address to return to after signing in, or None: never another host."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc or any(ord(letter) < 32 for letter in target) else target


class ConfirmationNeeded(Exception):
    """A grave act needs the password once more; ``web/errors.py`` answers with the page that asks for it."""


def confirm_recent(actor: Actor) -> None:
    """Let a grave act pass only when the password was given within ten minutes; otherwise ask for it."""
    signed = current_session()
    if signed is None or signed.actor.account_id != actor.account_id or not sessions.is_recent(signed, clock.now()):
        raise ConfirmationNeeded


def require_own_page(account: str | None) -> None:
    """Refuse a whole form whose page was drawn for another account than the one signed in now (WrongState).

    On a shared tablet the page of a colleague may still stand behind a fresh sign-in: its numbers are not this person's.
    """
    if account is not None and account != str(current_actor().account_id):
        raise WrongState(
            f"Trang này do người khác mở, còn máy đang đăng nhập là {current_actor().name}. Chưa ghi gì. Người đã gõ xin đăng "
            "nhập lại rồi bấm lưu; hoặc mở lại trang để làm việc của mình."
        )


# --- beginning and ending ---------------------------------------------------------------------------------------------


def begin(opened: sessions.Opened) -> None:
    """Put a fresh token into a fresh browser session: nothing of the old one survives, its CSRF token neither."""
    session.clear()
    g.pop("csrf_token", None)
    signed = sessions.resume(opened.token, cache(), clock.now())
    if signed is None:
        abort(401)
    login_user(BrowserUser(opened.token, signed))
    g.renewed_session = True


def finish() -> None:
    """End the present session on the server and in the browser."""
    if current_user.is_authenticated:
        sessions.sign_out(current_user.token, now=clock.now())
        cache().seen.pop(current_user.signed_in.session_id, None)
    logout_user()
    session.clear()
    g.pop("csrf_token", None)


def _load_user(token: str) -> BrowserUser | None:
    signed = sessions.resume(token, cache(), clock.now())
    return BrowserUser(token, signed) if signed is not None else None


def _forget() -> None:
    """Begin each request knowing nobody, even inside an application context that has answered one before (tests)."""
    for name in ("_login_user", "renewed_session", "csrf_token"):
        g.pop(name, None)


def _check_mark_and_origin() -> Any:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is not None and access_of(view) is None:
        raise RuntimeError(f"route {request.endpoint} declares no access")
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        # A second layer behind the CSRF token. Sec-Fetch-Site is absent over plain HTTP, Origin is sent there too.
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site is not None and site not in ("same-origin", "none"):
            abort(403)
        if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
            abort(403)
    return None


def _touch(response: Response) -> Response:
    if request.endpoint == "static" or "X-Poll" in request.headers or not session:
        return response
    signed = current_session()
    if signed is not None and response.status_code < 500 and not g.get("renewed_session"):
        sessions.touch(signed, cache(), clock.now())
    return response


def init_app(app: Flask) -> None:
    """Bind Flask-Login to the server-side sessions and guard every route."""
    app.extensions["hocbaso_sessions"] = SessionCache()
    login_manager.user_loader(_load_user)
    login_manager.session_protection = None  # the server-side row decides; addresses change on school Wi-Fi
    login_manager.unauthorized_handler(_to_sign_in)
    app.view_functions["static"] = public(app.view_functions["static"])
    app.before_request_funcs.setdefault(None, []).insert(0, _forget)
    app.before_request(_check_mark_and_origin)
    app.after_request(_touch)

    @app.context_processor
    def _people() -> dict[str, Any]:
        return {"actor": actor_or_none(), "signed_session": current_session()}


def note(message: str, kind: str = "done") -> None:
    """Say something on the next page: ``done``, ``late`` or ``wrong``."""
    flash(message, kind)
