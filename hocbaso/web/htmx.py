"""htmx in one place: the extension that reads its headers, and answers that carry them.

The views ask :func:`is_fragment` and answer with :func:`answer`; nothing else of the project names an ``HX-`` header.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, make_response, redirect, request
from htmx_flask import Htmx
from werkzeug.wrappers import Response as BaseResponse

htmx = Htmx()


def init_app(app: Flask) -> None:
    """Make ``request.htmx`` available."""
    htmx.init_app(app)


def is_fragment() -> bool:
    """Whether only a part of the page is asked for (not a boosted link, not a page restored from history)."""
    marks = request.htmx  # type: ignore[attr-defined]
    return bool(marks) and not marks.boosted and not marks.history_restore_request


def answer(
    body: Any = "",
    status: int = 200,
    *,
    trigger: str | dict[str, Any] | None = None,
    retarget: str | None = None,
    reswap: str | None = None,
    push_url: str | None = None,
) -> Response:
    """A fragment with htmx's headers.

    The library's own ``make_response`` refuses ``beforebegin``, ``afterbegin`` and every modifier, so headers are set
    here.
    """
    response = make_response(body, status)
    if trigger is not None:
        response.headers["HX-Trigger"] = trigger if isinstance(trigger, str) else json.dumps(trigger)
    if retarget is not None:
        response.headers["HX-Retarget"] = retarget
    if reswap is not None:
        response.headers["HX-Reswap"] = reswap
    if push_url is not None:
        response.headers["HX-Push-Url"] = push_url
    return response


def go(url: str) -> BaseResponse:
    """Send the browser to another page: 303 for a form, ``HX-Redirect`` for htmx."""
    if is_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = url
        return response
    return redirect(url, 303)
