"""A short help page for each screen, in the words of the staff room. Other modules add theirs with :func:`add`."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Flask, current_app, render_template
from werkzeug.wrappers import Response as BaseResponse

from hocbaso.web.navigation import may_open
from hocbaso.web.security import current_actor, signed_in

help_pages = Blueprint("help", __name__)


@dataclass(frozen=True)
class Topic:
    """Help about one screen: ``path`` decides who sees it, ``steps`` are whole sentences."""

    key: str
    title: str
    path: str | None
    steps: tuple[str, ...]
    order: int = 50


TOPICS = (
    Topic(
        "tai-khoan",
        "Đăng nhập và mật khẩu",
        None,
        (
            "Mật khẩu nên là bốn từ không liên quan nhau, nối bằng dấu gạch; dài thì an toàn, không cần kí tự lạ.",
            "Nhập sai năm lần thì máy bắt đợi vài giây, lâu nhất một phút; tài khoản không bao giờ bị khoá hẳn vì nhập sai.",
            "Không dùng 30 phút thì máy hỏi lại mật khẩu ngay trên trang đang mở; những gì đang gõ vẫn còn.",
            "Quên mật khẩu: người phụ trách CNTT xin đặt lại, văn thư hoặc Ban Giám hiệu đồng ý và đưa phiếu, dùng được trong 72 giờ.",
            "Mất điện thoại giữ mã xác nhận: người phụ trách CNTT bỏ điện thoại cũ, lần sau đăng nhập sẽ quét mã mới.",
        ),
        10,
    ),
    Topic(
        "bang-diem",
        "Bảng điểm",
        "/bang-diem/",
        (
            "Gõ 8,5 hoặc 85 đều được 8,5; gõ 10 được 10. Môn nhận xét gõ d là Đạt, c là Chưa đạt.",
            "Rời ô là máy lưu; dấu tích hiện rồi tắt nghĩa là đã ghi vào máy chủ.",
            "Mất mạng thì cứ gõ tiếp: ô mang chữ “chờ mạng” được máy giữ và gửi sau.",
            "Trong ô nhận xét gõ / rồi một phím là chèn câu mẫu; câu hợp với kết quả của em đứng trước.",
            "Mất điện: in sẵn phiếu giấy, có điện thì quét mã QR trên phiếu rồi gõ mã dòng và điểm của từng em.",
            "Hai người sửa một ô thì máy hỏi lấy số nào, không ai đè lên ai.",
            "Nộp xong vẫn rút lại được khi tổ trưởng chưa soát.",
        ),
        20,
    ),
    Topic(
        "chuyen-den-di",
        "Chuyển đến, chuyển đi, thôi học",
        "/hoc-sinh/tiep-nhan",
        (
            "Em rời trường: mở hồ sơ của em, bấm Ghi chuyển đi, thôi học. Các bảng điểm đóng dòng của em, điểm đã ghi vẫn còn.",
            "Ghi nhầm thì lấy lại trên hồ sơ khi lớp chưa chốt. Lớp đã chốt thì giáo viên chủ nhiệm mở lại trước.",
            "Em chuyển đến: Học sinh, Tiếp nhận học sinh. Hồ sơ, lớp, trường cũ và văn bản ghi một lần.",
            "Học kì I đã xong ở trường cũ: giáo viên chủ nhiệm chép kết quả theo bảng tổng hợp, Hiệu trưởng nhận.",
            "Trường mới cần kết quả đến nay: in Bảng tổng hợp ở hồ sơ của em, chủ nhiệm và Hiệu trưởng ký.",
        ),
        25,
    ),
    Topic(
        "lop",
        "Lớp chủ nhiệm",
        "/lop/",
        (
            "Rèn luyện, ngày nghỉ, nhận xét và khen thưởng do giáo viên chủ nhiệm ghi; điểm các môn chỉ xem.",
            "Chốt lớp được khi mọi bảng điểm của lớp đã khoá; chỗ còn thiếu hiện thành đường dẫn để tới ngay.",
        ),
        30,
    ),
    Topic(
        "hom-nay",
        "Việc hôm nay",
        "/hom-nay",
        (
            "Việc có điều lạ đứng trước và mở sẵn; việc bình thường gom lại để duyệt một lượt.",
            "Trả lại thì ghi lí do; người nhận thấy đúng lời nhắn đó.",
            "Ký cả lớp chỉ nhập mã PIN một lần; bản nào hỏng đứng lại với lí do, ký tiếp phần còn lại được.",
        ),
        15,
    ),
    Topic(
        "nguoi-dung",
        "Cán bộ, giáo viên và phân công",
        "/nguoi-dung/danh-sach",
        (
            "Quyền của giáo viên là phân công: dạy môn nào ở lớp nào thì thấy đúng bảng điểm ấy.",
            "Đổi người dạy giữa năm: chọn người mới và ngày bắt đầu; người cũ giữ đến hôm trước, điểm đã ghi vẫn mang tên họ.",
            "Người thôi việc: ghi ngày làm việc cuối cùng, mọi phân công và vai trò tự kết thúc vào ngày đó.",
        ),
        60,
    ),
    Topic(
        "vai-tro",
        "Giao vai trò và uỷ quyền",
        "/nguoi-dung/vai-tro",
        (
            "Hiệu trưởng giao vai trò; không ai tự giao cho mình.",
            "Uỷ quyền cho Phó Hiệu trưởng cần số văn bản và ngày cuối; bản in ghi KT. HIỆU TRƯỞNG.",
            "Người phụ trách CNTT không giữ vai trò nào khác.",
        ),
        65,
    ),
    Topic(
        "cap-tai-khoan",
        "Quản lý tài khoản",
        "/nguoi-dung/tai-khoan",
        (
            "Mở tài khoản ở đây; phiếu mật khẩu lần đầu do văn thư hoặc Ban Giám hiệu in và đưa tận tay.",
            "Khoá tài khoản thì mọi máy đang dùng nó bị thoát ngay; lịch sử vẫn giữ nguyên.",
            "Tài khoản phụ trách CNTT không xem, không sửa được điểm, nhận xét hay học bạ.",
        ),
        70,
    ),
)


def add(app: Flask, topic: Topic) -> None:
    """Add help about a screen (replaces the topic of the same key)."""
    _topics(app)[topic.key] = topic


def _topics(app: Flask) -> dict[str, Topic]:
    topics: dict[str, Topic] = app.extensions.setdefault("hocbaso_help", {topic.key: topic for topic in TOPICS})
    return topics


@help_pages.get("/tro-giup")
@signed_in
def index() -> str | BaseResponse:
    """Help about the screens this person can open."""
    actor = current_actor()
    topics = sorted(_topics(current_app).values(), key=lambda topic: topic.order)
    return render_template(
        "help/index.html", topics=[topic for topic in topics if topic.path is None or may_open(topic.path, actor)]
    )


def init_app(app: Flask) -> None:
    """Register the page."""
    _topics(app)
    app.register_blueprint(help_pages)
