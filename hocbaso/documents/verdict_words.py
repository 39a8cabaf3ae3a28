"""A report in sentences that a parent understands: one for the whole, one a signature, and what to do next. Light.

Pages, commands, the JSON and the signed report all take their words from here, so that nobody is told two things.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from hocbaso.documents.verification_report import (
    ALTERED,
    EXCEL,
    PICTURE,
    STRANGER,
    UNKNOWN_ISSUER,
    SignatureVerdict,
    VerificationReport,
)

VIETNAM = timezone(timedelta(hours=7))
ROLE_NAMES = {
    "homeroom": "giáo viên chủ nhiệm",
    "principal": "Hiệu trưởng",
    "seal": "con dấu nhà trường",
    "instance": "máy của nhà trường",
}

ASK_OFFICE = "Hãy hỏi văn thư nhà trường, mang theo mã tra cứu."
ASK_ORIGINAL = "Đừng dùng tệp này. Hãy xin lại tệp gốc ở văn thư nhà trường."
ASK_STANDING = "Muốn biết học bạ còn hiệu lực hay đã có bản thay, hãy mở trang kiểm tra của trường và gõ mã tra cứu."

TRUST_FIRST = "Nạp chứng thư gốc của nơi cấp (hỏi phụ trách CNTT của trường) rồi kiểm tra lại."


@dataclass(frozen=True, slots=True)
class Words:
    """``tone``: ``done`` (good), ``late`` (good, but), ``wrong``. ``next_step`` is empty when nothing is to be done."""

    tone: str
    heading: str
    sentence: str
    next_step: str


def _when(value: datetime) -> str:
    return value.astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y")


#: (part of a reason, what to do); the first that is found counts.
_NEXT_STEPS = (
    (EXCEL, "Chọn tệp học bạ PDF hoặc XML do nhà trường cấp."),
    (
        PICTURE,
        "Ở trang kiểm tra của trường, gõ mã dưới ô vuông QR trên học bạ hoặc quét mã QR ấy; hoặc chọn tệp học bạ PDF, XML.",
    ),
    (UNKNOWN_ISSUER, TRUST_FIRST),
    (STRANGER, "Đừng tin tệp này. Gọi cho văn thư theo số điện thoại quen biết của trường để hỏi."),
    ("thu hồi", "Hỏi văn thư nhà trường vì sao và xin bản học bạ đang dùng."),
    (
        "hết hạn",
        "Đưa tệp này vào trang kiểm tra của trường, nơi có sổ ghi chứng thư còn hạn khi ký; hoặc hỏi văn thư nhà trường.",
    ),
    ("chưa có hiệu lực", "Xem lại ngày giờ của máy này; nếu đúng, hỏi văn thư nhà trường."),
    ("ở tương lai", "Xem lại ngày giờ của máy này; nếu đúng, đừng dùng tệp."),
    ("bị thay đổi", ASK_ORIGINAL),
    ("bị sửa", ASK_ORIGINAL),
    ("thêm nội dung", ASK_ORIGINAL),
    ("còn thiếu", "Học bạ chưa cấp xong. Hãy chờ nhà trường ký đủ rồi xin lại tệp."),
    ("Người ký là", "Đừng dùng tệp này: người ký không phải người ghi trên học bạ. " + ASK_OFFICE),
    ("không phải", "Đừng dùng tệp này. " + ASK_OFFICE),
)


def next_step_for(reason: str) -> str:
    """What somebody does who reads this reason."""
    return next((step for part, step in _NEXT_STEPS if part in reason), f"Đừng dùng tệp này. {ASK_OFFICE}")


def of_signature(item: SignatureVerdict) -> Words:
    """One signature."""
    who = ROLE_NAMES.get(item.role, "một nơi lạ")
    name = item.signer or "không rõ tên"
    if item.ok:
        signed = f", ký lúc {_when(item.signed_at)}" if item.signed_at else ""
        if item.role == "instance":
            return Words("done", "Đúng", f"Chữ ký của {who} ({name}) đúng{signed}; nội dung không đổi từ đó.", "")
        return Words("done", "Đúng", f"Chữ ký của {who} đúng: {name}{signed}; nội dung không đổi từ đó.", "")
    if item.reasons == (UNKNOWN_ISSUER,):
        return Words(
            "wrong",
            "Chưa kết luận được",
            f"Chữ ký mang tên {name} ({who}) khớp với nội dung, nhưng chưa biết ai ký: ở đây chưa tin chứng thư gốc nào của nơi cấp.",
            TRUST_FIRST,
        )
    reason = item.reasons[0] if item.reasons else "Không kiểm tra được chữ ký này."
    whose = f"{who} ({item.signer_name})" if item.signer_name else who
    return Words("wrong", "Không đúng", f"Chữ ký của {whose}: {reason}", next_step_for(reason))


def of_report(report: VerificationReport) -> Words:
    """The whole file, by itself: nothing is known of what the school did since."""
    if report.ok and report.kind == "report":
        return Words(
            "done",
            "Báo cáo thật",
            f"Báo cáo này do {report.school_name} lập và không bị sửa.",
            "Kết luận trong báo cáo đúng vào lúc lập; muốn biết hôm nay thì kiểm tra lại chính tệp học bạ.",
        )
    if report.ok and report.kind == "keys":
        return Words(
            "done", "Danh sách khoá thật", f"Danh sách này được con dấu của {report.school_name} xác nhận.", ""
        )
    if report.kind == "page":
        if report.ok:
            return Words(
                "done", "Đúng trang kiểm tra của trường", "Tệp này đúng từng chữ với bản nhà trường đang phát.", ""
            )
        return Words("wrong", "Không phải trang kiểm tra của trường", report.problems[0], "")
    if report.ok and report.kind == "qr":
        return Words(
            "done",
            "Mã QR thật",
            f"Bản tóm tắt trong mã QR do {report.school_name} lập và không bị sửa.",
            "So từng con số ở đây với bản in. Khác một con số thì bản in đã bị sửa. " + ASK_STANDING,
        )
    n = len({item.role for item in report.signatures})
    if report.ok and report.lacks_status:
        return Words(
            "late",
            "Chữ ký đúng, chưa xem được thu hồi",
            f"Cả {n} chữ ký số đều đúng và nội dung không bị sửa từ khi ký. Nhưng ở đây không có danh sách thu hồi còn hạn của nơi "
            "cấp, nên chưa biết có chứng thư nào đã bị thu hồi trước khi ký không.",
            ASK_STANDING,
        )
    if report.ok:
        return Words(
            "done",
            "Học bạ thật",
            f"Cả {n} chữ ký số đều đúng và nội dung không bị sửa từ khi ký.",
            ASK_STANDING,
        )
    if report.is_altered:
        whose = list(
            dict.fromkeys(ROLE_NAMES.get(item.role, item.role) for item in report.signatures if ALTERED in item.reasons)
        )
        names = f"{', '.join(whose[:-1])} và {whose[-1]}" if whose[1:] else whose[0]
        return Words("wrong", ALTERED.rstrip("."), f"Tệp không còn khớp với chữ ký của {names}.", ASK_ORIGINAL)
    if report.is_undecided:
        return Words(
            "wrong",
            "Chưa kết luận được: chưa rõ ai đã ký",
            "Nội dung khớp với chữ ký, nhưng máy này chưa tin chứng thư gốc nào của nơi cấp. Tệp có thể là thật, cũng có thể do người "
            "khác tự ký: chưa dùng làm bằng chứng.",
            TRUST_FIRST,
        )
    if report.is_by_stranger:
        unknown = UNKNOWN_ISSUER in report.reasons
        return Words(
            "wrong",
            "Chưa rõ ai đã ký" if unknown else "Không phải chữ ký của nhà trường",
            "Chưa có chứng thư gốc để biết chữ ký là của ai." if unknown else "Chữ ký trên tệp do một khoá lạ tạo ra.",
            next_step_for(UNKNOWN_ISSUER if unknown else STRANGER),
        )
    reason = report.reasons[0] if report.reasons else "Không kiểm tra được tệp này."
    if report.kind == "qr":
        return Words("wrong", "Mã QR không đúng", reason, next_step_for(reason))
    if report.problems or not report.signatures or any(item.ok for item in report.signatures):
        return Words("wrong", "Tệp không dùng được", reason, next_step_for(reason))
    return Words("wrong", "Chữ ký không hợp lệ", reason, next_step_for(reason))


def of_answer(
    report: VerificationReport,
    standing: str,
    match: str | None,
    *,
    is_issued: bool = False,
    ended_since: tuple[str, ...] = (),
) -> Words:
    """A file held against this school's books; the arguments are those of ``services/verification.FileAnswer``."""
    if not report.ok:
        words = of_report(report)
        if is_issued and "còn thiếu" in words.sentence:
            # It was sealed once: waiting would bring nothing.
            return replace(words, next_step=ASK_ORIGINAL)
        return words
    if standing == "in_force" and match == "current":
        told = "Tệp đúng từng chữ với bản nhà trường đang giữ."
        if ended_since:
            who = ", ".join(ROLE_NAMES[role] for role in ended_since)
            told += f" Chứng thư của {who} nay đã hết hạn, nhưng khi ký thì còn hạn: sổ của trường ghi như thế."
        return Words("done", "Học bạ thật, còn hiệu lực", told, "")
    if standing == "in_force":
        return Words(
            "late",
            "Chữ ký đúng, nhưng không phải tệp trường đang giữ",
            "Nội dung là của nhà trường, nhưng tệp này không phải bản đang dùng.",
            "Xin lại tệp hiện hành ở văn thư nhà trường.",
        )
    if standing in ("replaced", "recalled"):
        replaced = standing == "replaced"
        return Words(
            "late",
            "Bản cũ, đã có bản thay" if replaced else "Học bạ đã thu hồi",
            "Tệp không bị sửa, nhưng bản này không còn dùng được nữa.",
            "Xin bản đang dùng ở gia đình học sinh hoặc văn thư nhà trường."
            if replaced
            else "Nhà trường chưa cấp bản thay. Hãy hỏi văn thư nhà trường.",
        )
    if standing == "not_issued":
        return Words(
            "late",
            "Học bạ chưa cấp",
            "Chữ ký đúng, nhưng nhà trường chưa cấp học bạ này.",
            "Hãy chờ nhà trường cấp, hoặc hỏi văn thư.",
        )
    return Words(
        "late",
        "Chữ ký đúng, trường này không có học bạ đó",
        "Có thể học bạ do trường khác cấp.",
        f"Mở trang kiểm tra của {report.school_name or 'trường ghi trên học bạ'} để biết còn hiệu lực không.",
    )


def described(report: VerificationReport, words: Words | None = None) -> dict[str, Any]:
    """``VerificationReport.to_plain`` with its words: ``verdict`` for the whole and in each signature."""
    plain = report.to_plain()
    plain["verdict"] = asdict(words or of_report(report))
    for told, item in zip(plain["signatures"], report.signatures, strict=True):
        told["verdict"] = asdict(of_signature(item))
    return plain
