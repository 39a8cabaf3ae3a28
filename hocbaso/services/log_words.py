"""The log in plain Vietnamese: what each act is called, and what an entry changed, from what to what.

Stored names live for ever, so what they are called is kept here as a table, held whole by a test: a new tag or a new watched
column without words does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hocbaso import clock
from hocbaso.regulations import conclusion_cases, summer_flow, year_turn
from hocbaso.regulations.audit_tags import AuditTag as T
from hocbaso.services import homeroom, student_fields
from hocbaso.services.log_names import Names
from hocbaso.services.log_replay import COLUMN_WORDS
from hocbaso.services.log_shown import IDENTITY, SHOWN
from hocbaso.services.score_cells import CellRecord

ACTS: dict[T, str] = {
    T.SCHOOL_CREATED: "lập trường",
    T.SCHOOL_CHANGED: "sửa thông tin trường",
    T.YEAR_CREATED: "lập năm học",
    T.YEAR_CHANGED: "sửa lịch, cài đặt năm học",
    T.SUBJECT_CREATED: "thêm môn học",
    T.GROUP_CREATED: "thêm tổ chuyên môn",
    T.CLASS_CREATED: "lập lớp",
    T.CLASS_MOVED: "chuyển bước tổng kết lớp",
    T.CLASS_SUBJECT_CHANGED: "sửa môn của lớp",
    T.PERSON_CREATED: "thêm cán bộ, giáo viên",
    T.PERSON_CHANGED: "sửa hồ sơ cán bộ, giáo viên",
    T.ASSIGNMENT_CREATED: "phân công",
    T.ASSIGNMENT_ENDED: "kết thúc phân công",
    T.STUDENT_CREATED: "thêm học sinh",
    T.STUDENT_CHANGED: "sửa hồ sơ học sinh",
    T.PAST_YEAR_ENTERED: "ghi năm học trước của học sinh",
    T.PAST_YEAR_STRUCK: "gạch năm học trước của học sinh",
    T.ENROLLMENT_CREATED: "xếp học sinh vào lớp",
    T.ENROLLMENT_CHANGED: "sửa việc xếp lớp",
    T.STUDENT_RECEIVED: "tiếp nhận học sinh chuyển đến",
    T.DEPARTURE_RECORDED: "ghi học sinh rời trường",
    T.DEPARTURE_TAKEN_BACK: "lấy lại việc ghi rời trường",
    T.INHERITED_PROPOSED: "chép kết quả nơi chuyển đến",
    T.INHERITED_DECIDED: "quyết định về kết quả nơi chuyển đến",
    T.EXEMPTION_PROPOSED: "đề nghị miễn học",
    T.EXEMPTION_DECIDED: "quyết định miễn học",
    T.REVOCATION_PROPOSED: "đề nghị thu hồi miễn học",
    T.REVOCATION_DECIDED: "quyết định về thu hồi miễn học",
    T.CASE_DECIDED: "quyết định sau khi kết luận của năm đổi",
    T.CASE_SETTLED: "xong việc sau khi kết luận của năm đổi",
    T.PLACE_MOVED: "xếp lại lớp sau khi kết luận của năm đổi",
    T.MONTH_ABSENCES_CHANGED: "ghi nghỉ học theo tháng",
    T.CLASS_CHANGED: "chuyển lớp cho học sinh",
    T.CELLS_CARRIED: "mang điểm theo học sinh chuyển lớp",
    T.ACCOUNT_CREATED: "mở tài khoản",
    T.ACCOUNT_CHANGED: "sửa tài khoản",
    T.ACCOUNT_DISABLED: "khoá tài khoản",
    T.ACCOUNT_ENABLED: "mở lại tài khoản",
    T.PASSWORD_CHANGED: "đổi mật khẩu",
    T.PASSWORD_RESET: "đặt lại mật khẩu",
    T.FIRST_PASSWORD_ISSUED: "in phiếu mật khẩu lần đầu",
    T.RESET_REQUESTED: "xin đặt lại mật khẩu, mã hai lớp",
    T.RESET_CONSENTED: "đồng ý đặt lại mật khẩu, mã hai lớp",
    T.RESET_REFUSED: "không đồng ý đặt lại mật khẩu, mã hai lớp",
    T.RESET_WITHDRAWN: "rút yêu cầu đặt lại mật khẩu, mã hai lớp",
    T.SECOND_FACTOR_SET: "đặt mã xác thực hai lớp",
    T.SIGNED_IN: "đăng nhập",
    T.SIGN_IN_FAILED: "đăng nhập không được",
    T.SIGNED_OUT: "thoát",
    T.ROLE_GRANTED: "trao vai trò",
    T.ROLE_ENDED: "kết thúc vai trò",
    T.ACCESS_DENIED: "bị từ chối mở trang",
    T.SHEET_CREATED: "lập bảng điểm",
    T.SHEET_MOVED: "chuyển bước bảng điểm",
    T.SHEET_READ_BACK: "đọc dò bảng điểm",
    T.CELL_CHANGED: "ghi một ô điểm",
    T.QUESTION_ASKED: "máy hỏi điểm bất thường",
    T.QUESTION_ANSWERED: "trả lời điểm bất thường",
    T.BLIND_DRAWN: "rút ô đối chiếu bài gốc",
    T.BLIND_CHECKER_NAMED: "giao người đối chiếu bài gốc",
    T.BLIND_TYPED: "nhập lại từ bài gốc",
    T.BLIND_COMPARED: "so kết quả đối chiếu bài gốc",
    T.BLIND_SETTLED: "giải quyết ô lệch khi đối chiếu",
    T.CELLS_CHANGED: "ghi nhiều ô điểm",
    T.CELLS_IMPORTED: "nhập điểm từ tệp",
    T.CELLS_CORRECTED: "sửa điểm sau khoá theo đề nghị đã duyệt",
    T.PHRASES_CHANGED: "sửa câu nhận xét mẫu",
    T.HOMEROOM_CHANGED: "ghi rèn luyện, chuyên cần, nhận xét",
    T.SUMMER_RESULT_CHANGED: "ghi kết quả hè",
    T.DECISION_RECORDED: "ghi quyết định của Hiệu trưởng",
    T.RESULT_FROZEN: "chốt kết quả năm học",
    T.TRANSCRIPT_BUILT: "lập học bạ",
    T.TRANSCRIPT_SIGNED: "ký học bạ",
    T.TRANSCRIPT_ISSUED: "đóng dấu học bạ",
    T.TRANSCRIPT_PUBLISHED: "công bố học bạ",
    T.TRANSCRIPT_PROVEN: "đóng dấu thời gian cho học bạ",
    T.TRANSCRIPT_RECALLED: "thu hồi học bạ",
    T.RECALL_ASKED: "đề nghị thu hồi học bạ",
    T.RECALL_APPROVED: "duyệt thu hồi học bạ",
    T.RECALL_REFUSED: "không duyệt thu hồi học bạ",
    T.RECALL_WITHDRAWN: "rút đề nghị thu hồi học bạ",
    T.RECALL_LIST_MADE: "lập danh sách thu hồi",
    T.RECALL_LIST_SIGNED: "ký danh sách thu hồi",
    T.RECALL_LIST_SENT: "gửi danh sách thu hồi",
    T.RECALL_LIST_ANSWERED: "ghi trả lời về danh sách thu hồi",
    T.CORRECTION_ASKED: "đề nghị sửa chữa sau khoá",
    T.CORRECTION_RESENT: "gửi lại đề nghị sửa chữa",
    T.CORRECTION_CONFIRMED: "xác nhận đề nghị sửa chữa",
    T.CORRECTION_RETURNED: "trả lại đề nghị sửa chữa",
    T.CORRECTION_REFUSED: "không duyệt đề nghị sửa chữa",
    T.CORRECTION_FOLLOWED: "đề nghị sửa chữa theo em sang lớp mới",
    T.CORRECTION_WITHDRAWN: "rút đề nghị sửa chữa",
    T.CORRECTION_APPLIED: "duyệt và thực hiện sửa chữa",
    T.CORRECTION_EVIDENCE_READ: "mở minh chứng sửa chữa",
    T.REHEARSED: "diễn tập ký",
    T.TRANSCRIPT_READ: "mở tệp học bạ",
    T.BATCH_STARTED: "bắt đầu một lượt lập, ký",
    T.BATCH_PAUSED: "tạm dừng lượt lập, ký",
    T.BATCH_RESUMED: "làm tiếp lượt lập, ký",
    T.BATCH_ENDED: "xong lượt lập, ký",
    T.PIN_REFUSED: "nhập sai mã PIN",
    T.CERTIFICATE_REGISTERED: "đăng ký chứng thư số",
    T.CERTIFICATE_RETIRED: "ngừng dùng chứng thư số",
    T.CERTIFICATE_REVOKED: "ghi chứng thư số bị thu hồi",
    T.CERTIFICATE_APPROVAL: "ghi phê duyệt chứng thư số",
    T.CERTIFICATE_BOUND: "gắn tư cách ký cho chứng thư số",
    T.CERTIFICATE_RENEWAL_ASKED: "đề nghị gia hạn chứng thư số",
    T.CERTIFICATE_REINSTATED: "dùng lại chứng thư số đã thay",
    T.CERTIFICATE_REVOCATION_LIFTED: "đồng ý gỡ việc ghi thu hồi chứng thư số",
    T.CERTIFICATE_KEY_DESTROYED: "xoá khoá cũ",
    T.CERTIFICATE_PIN_CHANGED: "đổi mã PIN",
    T.CERTIFICATE_IMAGE_CHANGED: "đổi hình chữ ký, con dấu",
    T.TOKEN_KEY_MADE: "sinh khoá trên thiết bị ký",
    T.INSTANCE_KEY_MADE: "tạo khoá của máy",
    T.INSTANCE_KEY_CERTIFIED: "đóng dấu xác nhận khoá của máy",
    T.INSTANCE_KEY_RETIRED: "ngừng dùng khoá của máy",
    T.INSTANCE_KEY_WITHDRAWN: "huỷ tin cậy khoá của máy",
    T.TRUST_ROOT_ADDED: "thêm chứng thư gốc",
    T.TRUST_ROOT_REMOVED: "bỏ chứng thư gốc",
    T.IMPORT_APPLIED: "nhập dữ liệu từ tệp",
    T.EXPORT_MADE: "xuất dữ liệu ra tệp",
    T.SNAPSHOT_TAKEN: "chụp và ký ảnh nhật ký",
    T.BACKUP_CREATED: "sao lưu",
    T.BACKUP_VERIFIED: "kiểm tra bản sao lưu",
    T.BACKUP_RESTORED: "phục hồi từ bản sao lưu",
    T.JOB_FINISHED: "máy chạy việc theo giờ",
    T.CLOCK_ALARM: "báo đồng hồ máy chủ sai",
    T.CLOCK_ACCEPTED: "xác nhận đồng hồ máy chủ đúng",
    T.TLS_AUTHORITY_CREATED: "tạo chứng thư gốc của máy chủ",
    T.TLS_CERTIFICATE_ISSUED: "cấp chứng thư máy chủ",
    T.TLS_WAIVED: "cho chạy không mã hoá",
    T.REMINDER_SENT: "gửi lời nhắc",
    T.SUMMER_REGISTERED: "ghi danh kiểm tra lại, rèn luyện hè",
    T.SUMMER_RETURNED: "trả lại kết quả hè",
    T.SUMMER_APPROVED: "duyệt kết quả hè",
    T.YEAR_TURN_SAVED: "ghi kế hoạch chuyển năm học",
    T.YEAR_TURN_SENT: "gửi kế hoạch chuyển năm học",
    T.YEAR_TURN_RETURNED: "trả lại kế hoạch chuyển năm học",
    T.YEAR_TURN_DONE: "duyệt và chuyển sang năm học mới",
    T.PROFILE_REVIEWED: "xem lại hồ sơ học sinh, không đổi gì",
    T.IDENTITY_CHECKED: "ghi kết quả đối chiếu định danh",
    T.PAIR_SETTLED: "xác nhận hai hồ sơ là hai em",
    T.HELP_ASKED: "hỏi người phụ trách CNTT",
    T.HELP_MOVED: "chuyển bước yêu cầu hỗ trợ",
    T.ANNOUNCED: "đăng thông báo",
    T.ANNOUNCEMENT_WITHDRAWN: "gỡ thông báo",
    T.TRAINING_PLANNED: "lên lịch tập huấn",
    T.TRAINING_ATTENDED: "ghi người dự tập huấn",
    T.TASK_GIVEN: "giao việc của Ban quản lý",
    T.TASK_MOVED: "ghi việc của Ban quản lý",
    T.STUDENT_PHOTO_CHANGED: "đổi ảnh học sinh",
    T.TASK_FILE_ADDED: "kèm tệp minh chứng vào việc của Ban quản lý",
    T.TASK_FILE_REMOVED: "bỏ tệp minh chứng khỏi việc của Ban quản lý",
    T.MAIL_CHOSEN: "chọn nhận hay không nhận thư nhắc việc",
    T.INVENTORY_CHANGED: "ghi hạ tầng, trang thiết bị",
}
"""What happened, as a verb that follows a person's name."""

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "diem": ("Điểm và nhận xét môn", ("score:cell", "score:cells", "remark:", "summer:")),
    "buoc": ("Nộp, soát, duyệt, khoá bảng điểm", ("score:sheet", "score:question", "score:blind")),
    "lop": ("Tổng kết lớp, rèn luyện, quyết định", ("homeroom:", "class:state", "exemption:", "decision:", "result:")),
    "sua": ("Sửa chữa sau khoá", ("correction:", "conclusion:", "score:cells:corrected")),
    "hoc-ba": ("Học bạ: lập, ký, công bố, thu hồi", ("transcript:", "recall:", "signing:")),
    "hoc-sinh": ("Hồ sơ học sinh, chuyển đi, chuyển đến", ("student:", "enrollment:")),
    "nguoi": ("Cán bộ, phân công, vai trò", ("person:", "assignment:", "role:")),
    "tai-khoan": ("Tài khoản, đăng nhập", ("account:", "access:")),
    "ke-hoach": (
        "Kế hoạch, tập huấn, thông báo, hỗ trợ",
        ("help:", "announcement:", "training:", "board:", "inventory:"),
    ),
    "truong": (
        "Trường, năm học, lớp, môn",
        ("school:", "year:", "subject:", "subject_group:", "class:record", "class_subject:"),
    ),
    "chung-thu": ("Chứng thư số, khoá ký", ("certificate:", "token:", "instance_key:", "trust_root:")),
    "tep": ("Nhập, xuất tệp", ("import:", "export:")),
    "may": ("Máy chủ, sao lưu, ảnh chụp", ("audit:", "backup:", "job:", "machine:", "tls:", "reminder:")),
}
"""Kinds of acts to look for: key of the address -> (words, how the tags begin). Every tag is in one of them at least."""

_STATES: dict[str, dict[str, str]] = {
    "score_sheet": {
        "DRAFT": "đang nhập",
        "SUBMITTED": "đã nộp",
        "RETURNED": "trả lại",
        "REVIEWED": "đã soát",
        "APPROVED": "đã duyệt",
        "LOCKED": "đã khoá",
    },
    "class_group": {"OPEN": "đang tổng kết", "FINALISED": "đã chốt", "APPROVED": "đã duyệt"},
    "transcript_record": {
        "CREATED": "chờ giáo viên chủ nhiệm ký",
        "HOMEROOM_SIGNED": "chờ Hiệu trưởng ký",
        "PRINCIPAL_SIGNED": "chờ đóng dấu",
        "ISSUED": "đã đóng dấu",
        "PUBLISHED": "đã công bố",
        "SUBMITTED": "đã gửi cấp trên",
        "ACCEPTED": "cấp trên đã nhận",
        "REJECTED": "cấp trên trả lại",
        "RECALL_REQUESTED": "chờ thu hồi",
        "RECALLED": "đã thu hồi",
    },
    "correction_request": {
        "ASKED": "chờ giáo viên chủ nhiệm xác nhận",
        "CONFIRMED": "chờ Hiệu trưởng quyết định",
        "RETURNED": "đã trả lại",
        "APPLIED": "đã sửa",
        "REFUSED": "không duyệt",
        "WITHDRAWN": "đã rút",
    },
    "exemption": {
        "PROPOSED": "đề nghị",
        "GRANTED": "được miễn",
        "REFUSED": "không cho miễn",
        "REVOKED": "đã thu hồi",
    },
    "summer_result": {state.value: words for state, words in summer_flow.STATE_WORDS.items() if state is not None},
    "conclusion_case": {state.value: words for state, words in conclusion_cases.STATE_WORDS.items()},
    "year_turn": {state.value: words for state, words in year_turn.STATE_WORDS.items() if state is not None},
    "exemption_revocation": {"PROPOSED": "đề nghị", "REVOKED": "đã thu hồi miễn học", "REFUSED": "không thu hồi"},
    "inherited_result": {"PROPOSED": "chờ nhận", "ACCEPTED": "đã nhận", "REFUSED": "không nhận", "REPLACED": "đã thay"},
    "recall_request": {
        "ASKED": "chờ Hiệu trưởng quyết định",
        "APPROVED": "chờ cấp trên đồng ý",
        "RECALLED": "đã thu hồi",
        "REFUSED": "không thu hồi",
        "WITHDRAWN": "đã rút",
    },
    "school_year": {"OPEN": "đang mở", "CLOSED": "đã đóng"},
    "recall_list": {
        "MADE": "chờ Hiệu trưởng ký",
        "PRINCIPAL_SIGNED": "chờ đóng dấu",
        "SEALED": "chờ gửi",
        "SENT": "đã gửi, chờ trả lời",
        "ANSWERED": "đã có trả lời",
    },
}

_COMMON = {
    "name": "tên",
    "code": "mã",
    "state": "tình trạng",
    "full_name": "họ và tên",
    "birth_on": "ngày sinh",
    "starts_on": "từ ngày",
    "ends_on": "đến ngày",
    "reason": "lí do",
    "note": "ghi chú",
    "outcome": "kết luận",
    "document": "văn bản",
    "tenths": "điểm",
    "mark": "nhận xét đạt",
    "remark": "nhận xét",
    "paper": "giấy tờ",
    "left_on": "nghỉ từ ngày",
    "role": "vai trò",
    "kind": "loại",
    "retired_at": "ngừng dùng lúc",
    "revoked_at": "bị thu hồi lúc",
    "published_at": "công bố lúc",
    "recalled_at": "thu hồi lúc",
    "semester": "học kì",
    "lessons_per_year": "số tiết một năm",
    "sex": "giới tính",
    "person_id": "người",
    "student_id": "học sinh",
    "enrollment_id": "học sinh",
    "class_group_id": "lớp",
    "class_subject_id": "môn của lớp",
    "subject_id": "môn",
    "subject_group_id": "tổ chuyên môn",
    "school_year_id": "năm học",
    "grade_level": "khối",
    "score_sheet_id": "bảng điểm",
    "column_key": "cột điểm",
    "transcript_record_id": "học bạ",
    "frozen_result_id": "kết quả đã chốt",
    "certificate_id": "chứng thư",
    "fingerprint": "vân tay",
    "content_digest": "nội dung",
    "digest": "nội dung",
    "removed_at": "bỏ lúc",
    "is_test": "để thử",
    "subject_name": "chủ thể",
    "decision_note": "ý kiến",
    "level": "mức",
}

_COLUMNS: dict[str, dict[str, str]] = {
    "school": {
        "department_code": "mã Sở",
        "department_name": "tên Sở",
        "commune": "xã, phường",
        "commune_kind": "loại xã, phường",
        "province": "tỉnh, thành phố",
        "province_kind": "loại tỉnh, thành phố",
        "place_name": "địa danh",
        "lookup_url": "địa chỉ xác thực",
        "require_second_factor": "đòi xác thực hai lớp",
        "is_demo": "trường mẫu",
    },
    "subject": {
        "transcript_name": "tên trên học bạ",
        "transcript_order": "thứ tự trên học bạ",
        "kind": "đánh giá bằng",
        "short_name": "tên ngắn",
        "sheet_order": "thứ tự trên sổ",
    },
    "year_turn": {"from_year_id": "từ năm học", "to_year_id": "sang năm học"},
    "school_year": {
        "label": "năm học",
        "regulation_version": "quy định áp dụng",
        "data_complete_before": "nhập xong trước",
        "sign_grade9_before": "ký xong khối 9 trước",
        "sign_others_before": "ký xong các khối khác trước",
        "summer_freeze_on": "chốt kết quả hè",
        "spot_check_percent": "tỉ lệ đối chiếu bài gốc (%)",
        "class_sheet_signature": "giáo viên bộ môn ký bảng điểm",
    },
    "semester_window": {"grade_level": "khối", "opens_on": "mở từ", "closes_on": "đóng sau"},
    "class_group": {"grade_level": "khối"},
    "person": {
        "staff_code": "mã cán bộ",
        "personal_id_number": "số định danh cá nhân",
        "position_title": "chức vụ",
        "qualification": "trình độ",
        "major": "chuyên ngành",
        "phone": "điện thoại",
        "email": "thư điện tử",
        "joined_on": "vào trường ngày",
    },
    "role_grant": {"scope_kind": "phạm vi", "scope_id": "phạm vi cụ thể"},
    "account": {"username": "tên đăng nhập", "disabled_at": "khoá lúc", "mail_declined_at": "không nhận thư từ"},
    "board_task_file": {"file_name": "tệp", "removed_reason": "lí do bỏ"},
    "student": student_fields.FIELD_WORDS,
    "enrollment": {
        "status": "tình trạng học",
        "joined_on": "vào lớp ngày",
        "class_place": "số thứ tự trong lớp",
        "first_semester": "học từ học kì",
    },
    "movement": {
        "happened_on": "ngày",
        "school_name": "trường",
        "paper_no": "số giấy",
        "paper_on": "ngày giấy",
        "taken_back_at": "lấy lại lúc",
        "taken_back_reason": "lí do lấy lại",
    },
    "study_history": {
        "year_label": "năm học",
        "class_name": "lớp",
        "school_name": "trường",
        "arrived_on": "chuyển đến ngày",
        "struck_at": "gạch lúc",
    },
    "homeroom_record": homeroom.FIELD_WORDS,
    "month_absence": {"sessions": "số buổi nghỉ", "month": "tháng"},
    "summer_result": {
        "conduct": "rèn luyện sau hè",
        "assessed_on": "ngày kiểm tra, đánh giá",
        "outcome": "cách có kết quả",
        "task": "nhiệm vụ rèn luyện",
    },
    "frozen_result": {"freeze": "lần chốt", "revision": "bản", "regulation_version": "quy định áp dụng"},
    "principal_decision": {"term": "kì"},
    "transcript_record": {"issue_on": "ngày cấp", "uuid": "mã tra cứu", "replaces_id": "thay cho học bạ"},
    "transcript_signature": {"role": "tư cách ký", "signer_name": "người ký", "signed_at": "ký lúc"},
    "document_proof": {"stamped_at": "đóng dấu lúc", "ends_at": "có giá trị đến"},
    "student_photo": {"digest": "ảnh"},
    "recall_request": {
        "needs_authority": "cần cấp trên đồng ý",
        "recall_list_id": "danh sách thu hồi",
    },
    "recall_list": {
        "number": "số",
        "answer_note": "trả lời",
        "sent_at": "gửi lúc",
        "answered_at": "trả lời lúc",
        "sent_note": "nơi gửi, số văn bản",
        "principal_certificate_id": "chứng thư Hiệu trưởng ký",
        "seal_certificate_id": "chứng thư con dấu",
    },
    "conclusion_case": {
        "choice": "lựa chọn",
        "until_on": "làm đến hết ngày",
        "settled_note": "kết thúc",
        "before_outcome": "kết luận trước",
        "to_class_group_id": "chuyển sang lớp",
        "correction_request_id": "đề nghị sửa chữa",
    },
    "exemption_revocation": {"exemption_id": "miễn học"},
    "instance_key": {
        "key_id": "mã khoá",
        "valid_from": "dùng từ lúc",
        "valid_until": "dùng đến lúc",
        "withdrawn_at": "huỷ tin cậy lúc",
        "withdraw_reason": "lí do huỷ tin cậy",
    },
    "trust_root": {"crl_digest": "danh sách thu hồi"},
    "blind_check": {"second_tenths": "điểm nhập lại", "second_mark": "nhận xét nhập lại", "no_paper": "không có bài"},
    "certificate": {
        "purpose": "dùng để",
        "approval": "phê duyệt",
        "approval_note": "văn bản trả lời",
        "bound_roles": "tư cách ký",
        "key_kind": "khoá ở đâu",
        "issuer_name": "nơi cấp",
        "serial_number": "số chứng thư",
        "not_before": "có hiệu lực từ",
        "not_after": "có hiệu lực đến",
        "renewal_asked_at": "đề nghị gia hạn lúc",
        "renewal_note": "ghi chú gia hạn",
        "revoke_reason": "lí do thu hồi",
        "image_digest": "hình chữ ký, con dấu",
    },
}

_REFERENCES = {
    "person_id": "person",
    "student_id": "student",
    "enrollment_id": "enrollment",
    "class_group_id": "class_group",
    "to_class_group_id": "class_group",
    "class_subject_id": "class_subject",
    "subject_id": "subject",
    "subject_group_id": "subject_group",
    "school_year_id": "school_year",
    "from_year_id": "school_year",
    "to_year_id": "school_year",
    "score_sheet_id": "score_sheet",
    "transcript_record_id": "transcript_record",
    "replaces_id": "transcript_record",
    "certificate_id": "certificate",
    "principal_certificate_id": "certificate",
    "seal_certificate_id": "certificate",
}
"""Columns that hold the number of another row, which is called by its name."""

_INSTANTS = frozenset({"not_before", "not_after", "valid_from", "valid_until"})
_TENTHS = frozenset({"tenths", "second_tenths"})
_PAIR = re.compile(r"(\d+)-([A-Z]+\d*)\Z")
_LEVELS = {"T": "Tốt", "K": "Khá", "Đ": "Đạt", "CĐ": "Chưa đạt"}
_VALUES: dict[tuple[str, str], dict[str, str]] = {
    ("role_grant", "role"): {
        "principal": "Hiệu trưởng",
        "vice_principal": "Phó Hiệu trưởng",
        "clerk": "văn thư",
        "it_officer": "phụ trách CNTT",
        "group_head": "tổ trưởng chuyên môn",
        "board_member": "Ban quản lý Học bạ số",
        "delegate": "được Hiệu trưởng uỷ quyền",
    },
    ("role_grant", "scope_kind"): {
        "school": "toàn trường",
        "subject_group": "một tổ chuyên môn",
        "grade_level": "một khối",
        "class_group": "một lớp",
    },
    ("principal_decision", "kind"): {"promotion": "kết luận cả năm", "learning_level": "mức học tập"},
    ("principal_decision", "term"): {"1": "học kì I", "2": "học kì II", "year": "cả năm", "redo": "sau kiểm tra lại"},
    ("conclusion_case", "choice"): {
        "summer": "kiểm tra, rèn luyện muộn",
        "move": "xếp lại lớp",
        "stay": "ở lại lớp đang học",
        "gone": "không còn học ở trường",
        "keep": "giữ kết luận",
    },
    ("subject", "kind"): {"scored": "điểm số", "comment": "nhận xét"},
    ("summer_result", "outcome"): {"result": "có kết quả", "absent": "không dự", "declined": "không đăng ký"},
    ("frozen_result", "freeze"): {"main": "cuối năm", "summer": "sau hè"},
    ("transcript_signature", "role"): {
        "homeroom": "giáo viên chủ nhiệm",
        "principal": "Hiệu trưởng",
        "seal": "con dấu nhà trường",
    },
    ("correction_request", "kind"): {
        "score": "điểm đã khoá",
        "homeroom": "phần chủ nhiệm",
        "summer": "kết quả trong hè",
        "exemption": "miễn học",
        "inherited": "kết quả nơi chuyển đến",
        "civil_status": "hộ tịch",
    },
    ("month_absence", "kind"): {"excused": "có phép", "unexcused": "không phép"},
    ("certificate", "key_kind"): {
        "software": "tệp trên máy chủ",
        "pkcs11": "thiết bị ở máy chủ",
        "desk": "thiết bị ở máy người ký",
        "remote": "nhà cung cấp ký từ xa",
        "none": "không có trên máy",
    },
    ("certificate", "purpose"): {"personal": "cá nhân", "seal": "con dấu nhà trường"},
    ("certificate", "bound_roles"): {
        "homeroom": "giáo viên chủ nhiệm",
        "principal": "Hiệu trưởng",
        "homeroom principal": "giáo viên chủ nhiệm, Hiệu trưởng",
        "seal": "con dấu nhà trường",
    },
    ("certificate", "approval"): {
        "unsent": "chưa gửi",
        "sent": "đã gửi",
        "approved": "được phê duyệt",
        "refused": "không được phê duyệt",
    },
    ("trust_root", "kind"): {
        "national": "quốc gia",
        "government": "chuyên dùng công vụ",
        "other": "khác",
        "test": "để thử",
    },
    ("school_year", "class_sheet_signature"): {"none": "không", "class_sheet": "ký cả bảng điểm của lớp"},
}
_ENROLLED = {
    "studying": "đang học",
    "transferred_in": "chuyển đến",
    "transferred_out": "chuyển đi",
    "left": "thôi học",
    "moved": "xếp lại lớp",
}
_OUTCOMES = {
    "PROMOTED": "được lên lớp",
    "COMPLETED": "hoàn thành chương trình",
    "RETAINED": "không được lên lớp",
    "REASSESS": "kiểm tra lại",
    "SUMMER_TRAINING": "rèn luyện hè",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One value: whose and which, what it was (None: the entry does not say, or nothing was there) and what it became."""

    about: str
    what: str
    before: str | None
    after: str


def words_of_column(kind: str, name: str) -> str:
    """What a watched column is called."""
    return _COLUMNS.get(kind, {}).get(name) or _COMMON.get(name, name)


def words_of_value(kind: str, name: str, value: Any) -> str:
    """A stored value for people; ``(trống)`` for none."""
    if value is None or value == "":
        return "(trống)"
    if isinstance(value, bool):
        return "có" if value else "không"
    if name in _TENTHS and isinstance(value, int):
        return f"{value // 10},{value % 10}"
    named = _VALUES.get((kind, name))
    if named is not None:
        return named.get(str(value), str(value))
    if name == "state":
        return _STATES.get(kind, {}).get(str(value), str(value))
    if name in ("conduct_1", "conduct_2", "conduct"):
        return _LEVELS.get(str(value), str(value))
    if name == "status" or (kind == "movement" and name == "kind"):
        return _ENROLLED.get(str(value), str(value))
    if name in ("outcome", "before_outcome"):
        return _OUTCOMES.get(str(value)) or _LEVELS.get(str(value), str(value))
    if isinstance(value, str) and (name == "digest" or name.endswith(("_digest", "fingerprint"))):
        return f"mã băm {value[:12]}…"
    if isinstance(value, str) and (name.endswith("_at") or name in _INSTANTS):
        return f"{clock.local(datetime.fromisoformat(value)):%H:%M %d/%m/%Y}"
    if isinstance(value, str) and name.endswith(("_on", "_before")):
        return f"{date.fromisoformat(value):%d/%m/%Y}"
    return str(value)


def cell_words(values: Mapping[str, Any]) -> str:
    """A score cell as it stands in the sheet; an absence that counts says so."""
    due = values.get("makeup_due_on")
    record = CellRecord(values.get("tenths"), values.get("mark"), values.get("remark"), values.get("origin") or "")
    text = record.text
    if record.origin == "missed_excused":
        return f"vắng có phép{f', kiểm tra bù {date.fromisoformat(due):%d/%m/%Y}' if due else ''}"
    if record.origin == "missed_unexcused":
        return f"{text} (vắng không phép)" if text else "vắng không phép"
    return text or "(trống)"


def changes_of_row(
    names: Names, kind: str, row_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> list[Change]:
    """What one watched row's values became; only columns that ``after`` names and that differ from ``before``."""
    about = names.of(kind, row_id, {**(before or {}), **after})
    if kind == "score_cell":
        whole = {**(before or {}), **after}
        old = cell_words(before) if before else None
        new = cell_words(whole)
        key = COLUMN_WORDS.get(str(whole.get("column_key")), "ô")
        return [] if old == new else [Change(about, key, old, new)]
    found = []
    whole = {**(before or {}), **after}
    names_row = IDENTITY.get(kind, ())
    for name in (*SHOWN.get(kind, ()), *names_row):
        known = before is not None and name in before
        if name not in after or (before is not None and name in before and before[name] == after[name]):
            continue
        if name in names_row and not known:
            continue
        old = _named_value(names, kind, name, before[name], before) if before is not None and known else None
        new = _named_value(names, kind, name, after[name], whole)
        if old is None and new == "(trống)":
            continue
        found.append(Change(about, words_of_column(kind, name), old, new))
    return found


def _named_value(names: Names, kind: str, name: str, value: Any, row: Mapping[str, Any]) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if (kind, name) == ("role_grant", "scope_id"):
            where = row.get("scope_kind")
            if where == "grade_level":
                return f"khối {value}"
            return names.of(str(where), str(value)) if where in ("subject_group", "class_group") else f"số {value}"
        if name in _REFERENCES:
            return names.of(_REFERENCES[name], str(value))
        if name.endswith("_id"):
            return f"số {value}"
    return words_of_value(kind, name, value)


def changes_of_entry(names: Names, target_kind: str, payload: Mapping[str, Any]) -> list[Change]:
    """What an entry changed, with the earlier values that it tells itself."""
    state: Mapping[str, Mapping[str, Mapping[str, Any]]] = payload.get("state") or {}
    told: Mapping[str, Any] = payload.get("before") or {}
    cells = {
        f"{match[1]}-{match[2]}": value for key, value in told.items() if (match := _PAIR.match(str(key))) is not None
    }
    own = {name for row in state.get(target_kind, {}).values() for name in row}
    found: list[Change] = []
    for kind, rows in state.items():
        for row_id, after in rows.items():
            if kind == "score_cell":
                found += _cell_change(names, row_id, after, cells, told if len(rows) == 1 else {})
                continue
            # An entry's ``before`` is of its target, or of the only row of that kind.
            mine = told if kind == target_kind or (len(rows) == 1 and kind in SHOWN) else {}
            # What the target's own rows name too is the target's: a paper's state is not its request's.
            before = {name: mine[name] for name in after if name in mine and (kind == target_kind or name not in own)}
            found += changes_of_row(names, kind, row_id, before or None, after)
    return found


def _cell_change(
    names: Names, row_id: str, after: Mapping[str, Any], cells: Mapping[str, Any], told: Mapping[str, Any]
) -> Iterable[Change]:
    key = str(after.get("column_key", ""))
    old = cells.get(f"{after.get('enrollment_id')}-{key}")
    if old is None and "origin" in told:
        old = cell_words(told)
    about = names.of("score_cell", row_id, after)
    new = cell_words(after)
    old_words = (str(old) or "(trống)") if old is not None else None
    return [Change(about, COLUMN_WORDS.get(key, "ô"), old_words, new)]


def reason_of(payload: Mapping[str, Any]) -> str:
    """Why: what the person wrote, and the paper it rests on."""
    facts = payload.get("facts") or {}
    said = [str(payload["note"])] if payload.get("note") else []
    for name, words in (("reason", "{}"), ("document", "theo {}"), ("paper", "theo {}")):
        value = facts.get(name)
        if isinstance(value, str) and value and value not in said:
            said.append(words.format(value))
    if facts.get("request"):
        said.append(f"đề nghị sửa chữa số {facts['request']}")
    if facts.get("from_class"):
        said.append(f"chuyển từ lớp {facts['from_class']}")
    if facts.get("source") in _SOURCES:
        said.append(_SOURCES[facts["source"]])
    return "; ".join(said)


_SOURCES = {
    "pasted": "dán từ bảng tính",
    "imported": "từ tệp Excel",
    "undone": "lấy lại việc vừa làm",
    "redone": "làm lại việc vừa lấy lại",
}

_SHEET_VERBS = {
    "submit": "nộp",
    "recall": "rút lại",
    "return": "trả lại",
    "review": "soát xong",
    "approve": "duyệt",
    "lock": "khoá",
    "reopen": "mở lại",
    "relock": "khoá lại",
    "finalise": "chốt tổng kết",
    "take_back": "hoàn tác duyệt",
}


def act_words(tag: str, payload: Mapping[str, Any]) -> str:
    """What happened, with the step where there is one: ``chuyển bước bảng điểm: duyệt``."""
    try:
        words = ACTS[T(tag)]
    except ValueError:  # of a later version of this program, or forged: shown as it stands
        return tag
    verb = _SHEET_VERBS.get(str((payload.get("facts") or {}).get("verb", "")))
    return f"{words}: {verb}" if verb else words
