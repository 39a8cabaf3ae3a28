"""The Vietnamese words for stored values. Templates use them as filters: ``{{ sheet.state|sheet_state_name }}``."""

from __future__ import annotations

from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_flow import CorrectionState
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.recall_flow import ListState, RecallState
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion, ScoreOrigin
from hocbaso.regulations.transcript_flow import RecordState, SignatureRole

LEVELS = {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}
MARKS = {PassFail.PASS: "Đạt", PassFail.FAIL: "Chưa đạt"}
SHEET_STATES = {
    SheetState.DRAFT: "Đang nhập",
    SheetState.SUBMITTED: "Đã nộp",
    SheetState.RETURNED: "Trả lại",
    SheetState.REVIEWED: "Đã soát",
    SheetState.APPROVED: "Đã duyệt",
    SheetState.LOCKED: "Đã khoá",
}
SHEET_STATE_ICONS = {
    SheetState.DRAFT: "pencil",
    SheetState.SUBMITTED: "send",
    SheetState.RETURNED: "undo-2",
    SheetState.REVIEWED: "list-checks",
    SheetState.APPROVED: "check",
    SheetState.LOCKED: "lock",
}
SHEET_STATE_BADGES = {
    SheetState.DRAFT: "ink",
    SheetState.SUBMITTED: "",
    SheetState.RETURNED: "late",
    SheetState.REVIEWED: "",
    SheetState.APPROVED: "done",
    SheetState.LOCKED: "",
}
SHEET_VERBS = {
    SheetVerb.SUBMIT: "Nộp bảng điểm",
    SheetVerb.RECALL: "Rút lại",
    SheetVerb.RETURN: "Trả lại",
    SheetVerb.REVIEW: "Soát xong",
    SheetVerb.APPROVE: "Duyệt",
    SheetVerb.LOCK: "Khoá",
    SheetVerb.REOPEN: "Mở lại",
    SheetVerb.RELOCK: "Khoá lại",
    SheetVerb.TAKE_BACK: "Hoàn tác duyệt",
}
CLASS_STATES = {ClassState.OPEN: "Chưa chốt", ClassState.FINALISED: "Đã chốt", ClassState.APPROVED: "Đã duyệt"}
RECORD_STATES = {
    RecordState.CREATED: "Chờ giáo viên chủ nhiệm ký",
    RecordState.HOMEROOM_SIGNED: "Chờ Hiệu trưởng ký",
    RecordState.PRINCIPAL_SIGNED: "Chờ đóng dấu",
    RecordState.ISSUED: "Đã đóng dấu",
    RecordState.PUBLISHED: "Đã công bố",
    RecordState.SUBMITTED: "Đã gửi cấp trên",
    RecordState.ACCEPTED: "Cấp trên đã nhận",
    RecordState.REJECTED: "Cấp trên trả lại",
    RecordState.RECALL_REQUESTED: "Chờ thu hồi",
    RecordState.RECALLED: "Đã thu hồi",
}
RECALL_STATES = {
    RecallState.ASKED: "Chờ Hiệu trưởng quyết định",
    RecallState.APPROVED: "Chờ cấp trên đồng ý",
    RecallState.RECALLED: "Đã thu hồi",
    RecallState.REFUSED: "Không thu hồi",
    RecallState.WITHDRAWN: "Đã rút đề nghị",
}
RECALL_LIST_STATES = {
    ListState.MADE: "Chờ Hiệu trưởng ký",
    ListState.PRINCIPAL_SIGNED: "Chờ đóng dấu",
    ListState.SEALED: "Chờ gửi",
    ListState.SENT: "Đã gửi, chờ trả lời",
    ListState.ANSWERED: "Đã có trả lời",
}
CORRECTION_STATES = {
    CorrectionState.ASKED: "Chờ giáo viên chủ nhiệm xác nhận",
    CorrectionState.CONFIRMED: "Chờ Hiệu trưởng quyết định",
    CorrectionState.RETURNED: "Đã trả lại",
    CorrectionState.APPLIED: "Đã sửa",
    CorrectionState.REFUSED: "Không duyệt",
    CorrectionState.WITHDRAWN: "Đã rút",
}
CORRECTION_BADGES = {
    CorrectionState.ASKED: "late",
    CorrectionState.CONFIRMED: "late",
    CorrectionState.RETURNED: "wrong",
    CorrectionState.APPLIED: "done",
    CorrectionState.REFUSED: "",
    CorrectionState.WITHDRAWN: "",
}
SIGNATURE_ROLES = {
    SignatureRole.HOMEROOM: "Giáo viên chủ nhiệm",
    SignatureRole.PRINCIPAL: "Hiệu trưởng",
    SignatureRole.SEAL: "Con dấu nhà trường",
}
ROLES = {
    Role.PRINCIPAL: "Hiệu trưởng",
    Role.VICE_PRINCIPAL: "Phó Hiệu trưởng",
    Role.CLERK: "Văn thư",
    Role.IT_OFFICER: "Phụ trách CNTT",
    Role.GROUP_HEAD: "Tổ trưởng chuyên môn",
    Role.BOARD_MEMBER: "Ban quản lý Học bạ số",
    Role.DELEGATE: "Được Hiệu trưởng uỷ quyền",
}
SCOPES = {
    GrantScope.SCHOOL: "Toàn trường",
    GrantScope.SUBJECT_GROUP: "Tổ chuyên môn",
    GrantScope.GRADE_LEVEL: "Khối",
    GrantScope.CLASS_GROUP: "Lớp",
}
ORIGINS = {
    ScoreOrigin.EMPTY: "chưa có",
    ScoreOrigin.ENTERED: "đã ghi",
    ScoreOrigin.MAKEUP: "kiểm tra bù",
    ScoreOrigin.MISSED_EXCUSED: "vắng có phép, chờ bù",
    ScoreOrigin.MISSED_UNEXCUSED: "vắng không phép, tính 0",
}
SOURCES = {
    "typed": "gõ vào ô",
    "pasted": "dán từ bảng tính",
    "undone": "hoàn tác một lần ghi",
    "redone": "làm lại lần ghi đã hoàn tác",
    "imported": "nhập từ tệp",
    "corrected": "sửa theo đề nghị đã được duyệt",
    "settled": "chốt sau khi đối chiếu bài gốc",
    "demo": "dữ liệu mẫu",
    "carried": "mang theo khi chuyển lớp",
}
"""How a version of a cell came in, in words of the staff room."""
PROMOTIONS = {
    Promotion.PROMOTED: "Được lên lớp",
    Promotion.COMPLETED: "Hoàn thành chương trình THCS",
    Promotion.REASSESS: "Kiểm tra, đánh giá lại trong hè",
    Promotion.SUMMER_TRAINING: "Rèn luyện trong hè",
    Promotion.RETAINED: "Không được lên lớp",
    Promotion.DECISION_NEEDED: "Chờ Hiệu trưởng quyết định",
    Promotion.INCOMPLETE: "Chưa đủ dữ liệu",
}
AWARDS = {Award.EXCELLENT_STUDENT: "Học sinh Xuất sắc", Award.GOOD_STUDENT: "Học sinh Giỏi"}
COLUMNS = {
    "TX1": "Thường xuyên 1",
    "TX2": "Thường xuyên 2",
    "TX3": "Thường xuyên 3",
    "TX4": "Thường xuyên 4",
    "GK": "Giữa kì",
    "CK": "Cuối kì",
    "NX": "Nhận xét",
}
SEMESTERS = {"1": "Học kì I", "2": "Học kì II", "year": "Cả năm"}

TABLES: dict[str, dict[str, str]] = {
    name: {str(key): text for key, text in table.items()}
    for name, table in (
        ("level_name", LEVELS),
        ("mark_name", MARKS),
        ("sheet_state_name", SHEET_STATES),
        ("sheet_state_icon", SHEET_STATE_ICONS),
        ("sheet_state_badge", SHEET_STATE_BADGES),
        ("sheet_verb_name", SHEET_VERBS),
        ("class_state_name", CLASS_STATES),
        ("record_state_name", RECORD_STATES),
        ("recall_state_name", RECALL_STATES),
        ("recall_list_state_name", RECALL_LIST_STATES),
        ("correction_state_name", CORRECTION_STATES),
        ("correction_state_badge", CORRECTION_BADGES),
        ("signature_role_name", SIGNATURE_ROLES),
        ("role_name", ROLES),
        ("scope_name", SCOPES),
        ("origin_name", ORIGINS),
        ("source_name", SOURCES),
        ("promotion_name", PROMOTIONS),
        ("award_name", AWARDS),
        ("column_name", COLUMNS),
        ("semester_name", SEMESTERS),
    )
}
"""Filter name -> stored value -> words."""
