"""What a refusal looks like: domain errors and HTTP errors as status codes, pages, and fragments for htmx."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, Response, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import (
    DomainError,
    Incomplete,
    IntegrityFault,
    Invalid,
    NotAllowed,
    NotFound,
    Stale,
    Unavailable,
    WrongState,
)
from hocbaso.services import sessions
from hocbaso.web.htmx import answer, is_fragment
from hocbaso.web.security import ConfirmationNeeded, actor_or_none, cache, safe_next

LOG = logging.getLogger("hocbaso.web")

STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Invalid, 422),
    (Stale, 409),
    (Incomplete, 409),
    (WrongState, 409),
    (Unavailable, 503),
    (IntegrityFault, 500),
)

HEADINGS = {
    400: "Yêu cầu chưa đúng dạng",
    401: "Xin đăng nhập lại",
    403: "Phần này chưa được giao cho thầy, cô",
    404: "Không tìm thấy trang này",
    405: "Trang này không nhận việc đó",
    409: "Chưa làm được lúc này",
    413: "Tệp quá lớn",
    419: "Trang đã mở quá lâu",
    422: "Còn chỗ cần sửa",
    429: "Xin đợi một chút",
    500: "Máy chủ gặp lỗi",
    503: "Một phần của máy chưa sẵn sàng",
}
WORDS = {
    400: "Máy chủ không hiểu yêu cầu vừa gửi. Dữ liệu đã lưu vẫn nguyên vẹn.",
    401: "Phiên làm việc đã hết. Dữ liệu đã lưu vẫn nguyên vẹn.",
    403: "Nếu thầy, cô cần làm việc này, xin hỏi Ban Giám hiệu.",
    404: "Có thể địa chỉ đã đổi, hoặc phần này không thuộc việc của thầy, cô. Dữ liệu đã lưu vẫn nguyên vẹn.",
    405: "Xin quay lại trang trước và làm lại bằng nút trên trang.",
    413: "Tệp gửi lên quá lớn. Cỡ lớn nhất ghi ở chỗ chọn tệp; xin giảm bớt rồi gửi lại. Chưa ghi gì.",
    419: "Vì an toàn, biểu mẫu này đã hết hiệu lực và chưa được ghi. Xin tải lại trang rồi làm lại; "
    "những gì đã lưu trước đó vẫn còn.",
    429: "Máy này gửi quá nhiều lần. Xin đợi một phút.",
    500: "Việc vừa làm chưa được ghi, dữ liệu trước đó vẫn nguyên vẹn. Xin thử lại; nếu vẫn lỗi, báo người phụ trách "
    "CNTT mã bên dưới.",
    503: "Xin thử lại sau ít phút. Dữ liệu đã lưu vẫn nguyên vẹn.",
}


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


def refusal(
    status: int, message: str | None = None, *, details: tuple[str, ...] = (), code: str | None = None
) -> Response:
    """A whole page, a notice in the page's corner for htmx, or JSON for scripts that asked for it."""
    heading = HEADINGS.get(status, "Chưa làm được")
    message = message or WORDS.get(status, "Xin thử lại.")
    if is_fragment():
        body = render_template("errors/_notice.html", message=message, details=details, code=code)
        return answer(body, status, retarget="#notices", reswap="beforeend")
    if request.accept_mimetypes.best == "application/json":
        response = jsonify({"message": message, "details": list(details), "code": code})
        response.status_code = status
        return response
    body = render_template(
        "errors/page.html", heading=heading, message=message, details=details, code=code, status=status
    )
    return Response(body, status)


def _audit_refusal() -> None:
    actor = actor_or_none()
    if actor is not None:
        sessions.record_denied(
            actor, f"{request.method} {request.path}", cache(), address=request.remote_addr or "", now=clock.now()
        )


def _domain(error: DomainError) -> Response:
    status = status_of(error)
    if isinstance(error, NotFound | NotAllowed):
        _audit_refusal()
    code = None
    if status >= 500:
        code = secrets.token_hex(4)
        LOG.error("refused %s %s code=%s", request.method, request.path, code, exc_info=error)
    return refusal(status, error.message, details=error.details, code=code)


def _confirmation(_error: ConfirmationNeeded) -> BaseResponse:
    if is_fragment() or request.headers.get("X-Requested-With") == "fetch":
        return answer("", 401, trigger="confirm")
    back = request.full_path.rstrip("?") if request.method == "GET" else _local_referrer()
    flash("Việc này hệ trọng nên cần nhập lại mật khẩu. Xong, xin bấm lại nút vừa rồi.", "late")
    return redirect(url_for("auth.confirm", next=back), 303)


def _local_referrer() -> str | None:
    came_from = request.referrer or ""
    return safe_next(came_from.removeprefix(request.host_url.rstrip("/")))


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    if status == 403:
        _audit_refusal()
    response = refusal(status)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _broken(error: Exception) -> Response:
    code = secrets.token_hex(4)
    LOG.error(
        "failed %s %s code=%s",
        request.method,
        request.path,
        code,
        exc_info=getattr(error, "original_exception", None) or error,
    )
    if is_fragment():
        body = render_template("errors/_notice.html", message=WORDS[500], details=(), code=code)
        return answer(body, 500, retarget="#notices", reswap="beforeend")
    # This page asks nothing of the database: it must come even when the database is what failed.
    return Response(render_template("errors/broken.html", heading=HEADINGS[500], message=WORDS[500], code=code), 500)


def init_app(app: Flask) -> None:
    """Answer every error in the words of the staff room."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(ConfirmationNeeded, _confirmation)
    app.register_error_handler(CSRFError, lambda _error: refusal(419))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(500, _broken)
    app.register_error_handler(TimeoutError, lambda _error: refusal(503))
    # A number too large for a column, in a form or a query: it names nothing that exists.
    app.register_error_handler(OverflowError, lambda _error: refusal(404))


__all__ = ["current_app", "init_app", "refusal", "status_of"]
