"""Each route and who may pass it. A route without a row fails ``test_permissions.py``; new rows go to the end.

A row: ``Row(endpoint, methods, path, people, answers)``. ``people`` names who gets through the route's own guard:
``EVERYBODY`` (strangers too), ``SIGNED_IN``, or keys of the cast (tests/cast.py). Everybody else of the cast has to get
``refused`` (403, or 404 where the thing does not exist for them), strangers are sent to the sign-in page. ``path`` has
real ids of another class or person where the route takes one: a callable of the cast, or text. ``passes``: what those
who get through may be answered with an empty form (anything but 401, 403, 404 and 5xx by default).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hocbaso.regulations.paper_codes import sheet_code
from tests.cast import PEOPLE, Cast

EVERYBODY = frozenset({*PEOPLE, "stranger"})
SIGNED_IN = frozenset(PEOPLE)
Path = str | Callable[[Cast], str]


@dataclass(frozen=True)
class Row:
    """One route and method."""

    endpoint: str
    method: str
    path: Path
    people: frozenset[str]
    refused: tuple[int, ...] = (403,)
    passes: tuple[int, ...] = (200, 204, 302, 303, 409, 422)
    data: dict[str, str] = field(default_factory=dict)

    def address(self, cast: Cast) -> str:
        """The path with the cast's ids."""
        return self.path if isinstance(self.path, str) else self.path(cast)


def only(*keys: str) -> frozenset[str]:
    """These people of the cast."""
    return frozenset(keys)


BOSSES = only("principal", "vice_principal")
STAFF_READERS = BOSSES | only("clerk")
NOBODY = frozenset[str]()

ROWS: list[Row] = [
    # --- frame, sign-in, own account ---
    Row("static", "GET", "/static/css/app.css", EVERYBODY),
    Row("pages.start", "GET", "/", SIGNED_IN),
    Row("help.index", "GET", "/tro-giup", SIGNED_IN),
    Row("auth.sign_in", "GET", "/dang-nhap", EVERYBODY),
    Row("auth.sign_in_post", "POST", "/dang-nhap", EVERYBODY),
    Row("auth.sign_in_dialog", "GET", "/dang-nhap/tai-cho", EVERYBODY),
    Row("auth.sign_in_in_place", "POST", "/dang-nhap/tai-cho", EVERYBODY),
    Row("auth.own_account", "GET", "/tai-khoan", SIGNED_IN),
    Row("auth.change_password", "POST", "/tai-khoan", SIGNED_IN),
    Row("auth.choose_mail", "POST", "/tai-khoan/thu", SIGNED_IN),
    Row("auth.confirm", "GET", "/xac-nhan", SIGNED_IN),
    Row("auth.confirm_post", "POST", "/xac-nhan", SIGNED_IN),
    Row("auth.confirm_dialog", "GET", "/xac-nhan/tai-cho", SIGNED_IN),
    Row("auth.confirm_in_place", "POST", "/xac-nhan/tai-cho", SIGNED_IN),
    # half signed in: a complete session is sent on to its start page
    Row("auth.second_factor", "GET", "/dang-nhap/ma-xac-nhan", SIGNED_IN),
    Row("auth.second_factor_post", "POST", "/dang-nhap/ma-xac-nhan", SIGNED_IN),
    Row("auth.enrol", "GET", "/dang-nhap/dat-xac-nhan", SIGNED_IN),
    Row("auth.enrol_post", "POST", "/dang-nhap/dat-xac-nhan", SIGNED_IN),
    Row("auth.first_password", "GET", "/dang-nhap/mat-khau-moi", SIGNED_IN),
    Row("auth.first_password_post", "POST", "/dang-nhap/mat-khau-moi", SIGNED_IN),
    # --- people ---
    Row("people.index", "GET", "/nguoi-dung/", STAFF_READERS | only("it_officer")),
    Row("people.staff_list", "GET", "/nguoi-dung/danh-sach", STAFF_READERS),
    Row(
        "people.profile",
        "GET",
        lambda cast: f"/nguoi-dung/{cast.people['other']}",
        STAFF_READERS | only("other"),
        refused=(404,),
    ),
    Row("people.new_person", "GET", "/nguoi-dung/moi", only("clerk")),
    Row("people.add_person", "POST", "/nguoi-dung/moi", only("clerk")),
    Row("people.edit_person", "GET", lambda cast: f"/nguoi-dung/{cast.people['other']}/sua", only("clerk")),
    Row("people.save_person", "POST", lambda cast: f"/nguoi-dung/{cast.people['other']}/sua", only("clerk")),
    Row("people.account_list", "GET", "/nguoi-dung/tai-khoan", only("it_officer")),
    Row(
        "people.open_account",
        "POST",
        lambda cast: f"/nguoi-dung/tai-khoan/{cast.people['other']}/mo",
        only("it_officer"),
    ),
    Row("people.open_all_accounts", "POST", "/nguoi-dung/tai-khoan/mo-het", only("it_officer")),
    Row(
        "people.reset_account",
        "POST",
        lambda cast: f"/nguoi-dung/tai-khoan/{cast.accounts['outsider']}/cap-lai",
        only("it_officer"),
    ),
    Row(
        "people.reset_factor",
        "POST",
        lambda cast: f"/nguoi-dung/tai-khoan/{cast.accounts['outsider']}/dat-lai-ma",
        only("it_officer"),
    ),
    Row(
        "people.disable_account",
        "POST",
        lambda cast: f"/nguoi-dung/tai-khoan/{cast.accounts['outsider']}/khoa",
        only("it_officer"),
    ),
    Row(
        "people.enable_account",
        "POST",
        lambda cast: f"/nguoi-dung/tai-khoan/{cast.accounts['outsider']}/mo-lai",
        only("it_officer"),
    ),
    Row("people.roles", "GET", "/nguoi-dung/vai-tro", only("principal")),
    Row("people.grant_role", "POST", "/nguoi-dung/vai-tro", only("principal")),
    Row("people.end_role", "POST", "/nguoi-dung/vai-tro/2/ket-thuc", only("principal")),
    Row("people.assignments", "GET", "/nguoi-dung/phan-cong", only("principal", "clerk")),
    Row(
        "people.hand_over",
        "POST",
        lambda cast: f"/nguoi-dung/phan-cong/{cast.classes['9A']}/{cast.class_subjects['9A', 'MATH']}",
        only("principal", "clerk"),
    ),
    # --- first run: gone once the school has accounts ---
    Row("setup.guide", "GET", "/thiet-lap/huong-dan", EVERYBODY),
    *(
        Row(f"setup.{name}", method, f"/thiet-lap/{path}", NOBODY, refused=(404,))
        for name, method, path in (
            ("index", "GET", ""),
            ("unlock", "POST", ""),
            ("school", "GET", "truong"),
            ("save_school", "POST", "truong"),
            ("year", "GET", "nam-hoc"),
            ("save_year", "POST", "nam-hoc"),
            ("people", "GET", "nguoi"),
            ("save_people", "POST", "nguoi"),
            ("roots", "GET", "chung-thu"),
            ("add_root", "POST", "chung-thu"),
            ("finish", "POST", "xong"),
            ("restore_page", "GET", "phuc-hoi"),
            ("restore", "POST", "phuc-hoi"),
        )
    ),
    # signing out comes last of these: it ends the session of whoever passes
    Row("auth.sign_out", "POST", "/thoat", EVERYBODY),
]
"""Rows of the other modules follow, each module at the end under its own name."""

# --- imports ---
_IMPORTERS = only("clerk", "head_science", "head_society", "math", "other")
ROWS += [
    Row("imports.index", "GET", "/nhap-du-lieu/", _IMPORTERS),
    Row("imports.upload", "POST", "/nhap-du-lieu/", _IMPORTERS),
    Row("imports.blank", "GET", "/nhap-du-lieu/mau/khong-co", _IMPORTERS, passes=(404,)),
    Row("imports.batch", "GET", "/nhap-du-lieu/999999", _IMPORTERS, passes=(404,)),
    Row("imports.day", "POST", "/nhap-du-lieu/999999/ngay-vao-lop", _IMPORTERS, passes=(404,)),
    Row("imports.new_classes", "POST", "/nhap-du-lieu/999999/lop-moi", _IMPORTERS, passes=(404,)),
    Row("imports.who_is_who", "POST", "/nhap-du-lieu/999999/cung-nguoi", _IMPORTERS, passes=(404,)),
    Row("imports.apply", "POST", "/nhap-du-lieu/999999/ghi", _IMPORTERS, passes=(404, 422)),
    Row("imports.undo", "POST", "/nhap-du-lieu/999999/hoan-tac", _IMPORTERS, passes=(404,)),
]

# --- transcripts, batches, certificates, the public check ---
_HOMEROOM = only("head_society", "math")
_READERS = BOSSES | only("clerk") | _HOMEROOM
_SIGNERS = only("principal", "clerk") | _HOMEROOM
_OF_9A = only("principal", "vice_principal", "clerk", "math")
_NO_RECORD = "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4"
_HIDDEN = (403, 404)


def _photos_of_9a(rest: str = "") -> Callable[[Cast], str]:
    return lambda cast: f"/hoc-sinh/lop/{cast.classes['9A']}/anh{rest}"


def _class_9a(rest: str = "") -> Callable[[Cast], str]:
    return lambda cast: f"/hoc-ba/lop/{cast.classes['9A']}{rest}"


ROWS += [
    Row("transcripts.index", "GET", "/hoc-ba/", _READERS),
    Row("transcripts.class_page", "GET", _class_9a(), _OF_9A, refused=_HIDDEN),
    Row("transcripts.build", "POST", _class_9a("/lap"), only("principal", "clerk", "math"), refused=_HIDDEN),
    Row("transcripts.sign", "POST", _class_9a("/ky"), only("principal", "clerk", "math"), refused=_HIDDEN),
    Row("transcripts.looked", "POST", _class_9a("/da-xem"), _OF_9A, refused=_HIDDEN),
    Row("transcripts.publish", "POST", _class_9a("/cong-bo"), only("principal"), refused=_HIDDEN),
    Row("transcripts.record", "GET", f"/hoc-ba/{_NO_RECORD}", _READERS, passes=(404,)),
    Row("transcripts.recall", "POST", f"/hoc-ba/{_NO_RECORD}/thu-hoi", _SIGNERS, passes=(404,)),
    Row("transcripts.pdf", "GET", f"/hoc-ba/{_NO_RECORD}/pdf", _READERS, passes=(404,)),
    Row("transcripts.download", "GET", f"/hoc-ba/{_NO_RECORD}/tai-xml", _READERS, passes=(404,)),
    Row("batches.page", "GET", "/viec/999999", _READERS, passes=(404,)),
    Row("batches.resume", "POST", "/viec/999999/tiep", _SIGNERS, passes=(404,)),
    Row("desk.errand", "GET", "/viec/999999/o-may", _SIGNERS, passes=(404,)),
    Row("desk.bring", "POST", "/viec/999999/o-may", _SIGNERS, passes=(422,)),
    Row("desk.stop", "POST", "/viec/999999/o-may/dung", _SIGNERS, passes=(404,)),
    Row("certificates.image", "GET", "/chung-thu-so/999999/hinh", _READERS, passes=(404,)),
    Row("certificates.set_image", "POST", "/chung-thu-so/999999/hinh", _READERS, passes=(404,)),
    Row("certificates.remove_image", "POST", "/chung-thu-so/999999/hinh/bo", _READERS, passes=(404,)),
    Row("certificates.change_pin", "POST", "/chung-thu-so/999999/doi-pin", _READERS, passes=(404,)),
    Row("certificates.reinstate", "POST", "/chung-thu-so/999999/dung-lai", _READERS, passes=(404,)),
    Row("certificates.lift_revocation", "POST", "/chung-thu-so/999999/go-thu-hoi", _READERS, passes=(422,)),
    Row("certificates.destroy_key", "POST", "/chung-thu-so/999999/xoa-khoa", _READERS, passes=(404,)),
    Row("desk.task", "GET", "/o-may/khong-co", only("principal", "clerk"), passes=(404,)),
    Row("desk.task_errand", "GET", "/o-may/khong-co/viec", only("principal", "clerk"), passes=(404,)),
    Row("desk.task_bring", "POST", "/o-may/khong-co/viec", only("principal", "clerk"), passes=(422,)),
    Row("desk.task_stop", "POST", "/o-may/khong-co/viec/dung", only("principal", "clerk"), passes=(404,)),
    Row("desk.register_page", "GET", "/chung-thu-so/o-may", _READERS),
    Row("desk.register", "POST", "/chung-thu-so/o-may", _READERS),
    Row("desk.pairing_code", "POST", "/chung-thu-so/o-may/ghep", _READERS),
    Row("batches.pause", "POST", "/viec/999999/tam-dung", _SIGNERS, passes=(404,)),
    Row("batches.sign_rest", "POST", "/viec/999999/phan-con-lai", _SIGNERS, passes=(404,)),
    Row("certificates.index", "GET", "/chung-thu-so/", _READERS | only("it_officer")),
    Row("certificates.register", "POST", "/chung-thu-so/dang-ky", _READERS),
    Row("certificates.retire", "POST", "/chung-thu-so/999999/ngung", _READERS | only("it_officer"), passes=(404,)),
    Row("certificates.trust", "POST", "/chung-thu-so/goc", only("it_officer")),
    Row("certificates.distrust", "POST", "/chung-thu-so/goc/999999/bo", only("it_officer"), passes=(404,)),
    Row("certificates.device", "GET", "/chung-thu-so/thiet-bi", _READERS),
    Row("certificates.register_device", "POST", "/chung-thu-so/thiet-bi", _READERS),
    Row("certificates.remote", "GET", "/chung-thu-so/tu-xa", _READERS),
    Row("certificates.register_remote", "POST", "/chung-thu-so/tu-xa", _READERS),
    Row("certificates.remote_sign_in", "GET", "/chung-thu-so/tu-xa/dang-nhap/khac", _READERS),
    Row("certificates.remote_back", "GET", "/chung-thu-so/tu-xa/ve?state=x&code=y", _READERS),
    Row("certificates.record", "GET", "/chung-thu-so/999999", _READERS | only("it_officer"), passes=(404,)),
    Row("certificates.approval", "POST", "/chung-thu-so/999999/phe-duyet", only("it_officer"), passes=(404, 422)),
    Row("certificates.roles", "POST", "/chung-thu-so/999999/vai-tro", only("it_officer"), passes=(404, 422)),
    Row("certificates.renewal", "POST", "/chung-thu-so/999999/gia-han", _READERS | only("it_officer"), passes=(404,)),
    Row(
        "certificates.revoke", "POST", "/chung-thu-so/999999/thu-hoi", _READERS | only("it_officer"), passes=(404, 422)
    ),
    Row("certificates.certify_machine_key", "POST", "/chung-thu-so/khoa-may", _READERS, passes=(422,)),
    Row(
        "certificates.withdraw_machine_key",
        "POST",
        "/chung-thu-so/khoa-may/0000000000000000/thu-hoi",
        _READERS | only("it_officer"),
        passes=(404, 422),
    ),
    Row("verification.start", "GET", "/xac-thuc", EVERYBODY),
    Row("verification.with_slash", "GET", "/xac-thuc/", EVERYBODY, passes=(301,)),
    Row("verification.by_code", "GET", f"/xac-thuc/{_NO_RECORD}", EVERYBODY, passes=(404,)),
    Row("verification.by_file", "POST", "/xac-thuc", EVERYBODY, passes=(422, 429)),
    Row("verification.by_text", "POST", "/xac-thuc/ma-qr", EVERYBODY, passes=(422, 429)),
    Row("verification.keep", "GET", "/xac-thuc/trang-luu-san", EVERYBODY),
    Row("verification.offline", "GET", "/xac-thuc/kiem-tra-hoc-ba.html", EVERYBODY),
    Row("verification.keys", "GET", "/xac-thuc/khoa-may.json", EVERYBODY),
    Row("desk.helper_key", "GET", "/trinh-ky/khoa", EVERYBODY),
]


# --- sheets, classes, students, the day, the machine ---
_HEADS = only("head_science", "head_society")
_HOMEROOMS = only("head_society", "math")
_OF_9A_CLASS = BOSSES | only("math")
_OF_9A_MATHS = BOSSES | only("math", "head_science")


def _lop(rest: str = "") -> Callable[[Cast], str]:
    return lambda cast: f"/lop/{cast.classes['9A']}{rest}"


def _pupil(rest: str) -> Callable[[Cast], str]:
    return lambda cast: rest.format(class_id=cast.classes["9A"], pupil=cast.enrollments["9A", "Nguyễn Bảo Châu"])


def _sheet(rest: str = "") -> Callable[[Cast], str]:
    return lambda cast: (
        f"/bang-diem/{cast.sheets['9A', 'MATH', 2]}" + rest.format(pupil=cast.enrollments["9A", "Nguyễn Bảo Châu"])
    )


ROWS += [
    Row("daily.show", "GET", "/hom-nay", SIGNED_IN),
    Row("daily.act", "POST", "/hom-nay", SIGNED_IN),
    Row("daily.number", "GET", "/hom-nay/so-viec", SIGNED_IN),
    Row("notices.mark_read", "POST", "/loi-nhac/999999/da-doc", SIGNED_IN, passes=(404,)),
    Row("students.find", "GET", "/tim?q=chau", SIGNED_IN),
    Row("health.healthz", "GET", "/healthz", EVERYBODY, passes=(200, 503)),
    Row("health.metrics", "GET", "/metrics", EVERYBODY),
    Row("health.machine", "GET", "/may-chu", only("it_officer", "principal")),
    Row("health.back_up", "POST", "/may-chu/sao-luu", only("it_officer")),
    Row("health.run_job", "POST", "/may-chu/viec/khong-co", only("it_officer"), passes=(404,)),
    Row("health.check_log", "POST", "/may-chu/nhat-ky", only("it_officer", "principal", "vice_principal")),
    Row("health.take_snapshot", "POST", "/may-chu/anh-chup", only("it_officer", "principal", "vice_principal")),
    Row("progress_board.show", "GET", "/tien-do", BOSSES | _HEADS | only("clerk", "board")),
    Row(
        "progress_board.step",
        "GET",
        lambda cast: f"/tien-do/lop/{cast.classes['9A']}/nop",
        BOSSES | _HEADS | only("clerk", "board"),
    ),
    Row("score_sheets.index", "GET", "/bang-diem/", BOSSES | _HEADS | only("math", "other")),
    Row("score_sheets.show", "GET", _sheet(), _OF_9A_MATHS, refused=_HIDDEN),
    Row("score_sheets.history", "GET", _sheet("/o/{pupil}/GK/lich-su"), _OF_9A_MATHS, refused=_HIDDEN),
    Row(
        "score_sheets.save",
        "POST",
        _sheet("/o/{pupil}/GK"),
        only("math"),
        refused=_HIDDEN,
        data={"value": "8", "version": "0"},
    ),
    Row("score_sheets.save_form", "POST", _sheet("/luu"), only("math"), refused=_HIDDEN),
    Row(
        "score_sheets.write_block",
        "POST",
        _sheet("/khoi"),
        only("math"),
        refused=_HIDDEN,
        data={"block": '{"kind": "pasted", "op": "a1b2c3d4", "cells": [[1, "TX1", "8", 0]]}'},
    ),
    Row("score_sheets.read_back_form", "GET", _sheet("/doc-do"), only("math"), refused=_HIDDEN),
    Row(
        "score_sheets.read_back_post",
        "POST",
        _sheet("/doc-do"),
        only("math"),
        refused=_HIDDEN,
        data={"partner_id": "1", "actor_reads": "1", "n_read": "1", "column_keys": "TX1"},
    ),
    Row("score_sheets.move", "POST", _sheet("/nop"), only("math"), refused=_HIDDEN, data={"version": "1"}),
    Row("score_sheets.move_many", "POST", "/bang-diem/hang-loat", BOSSES | _HEADS),
    Row("homeroom.index", "GET", "/lop/", BOSSES | _HOMEROOMS),
    Row("homeroom.show", "GET", _lop(), _OF_9A_CLASS, refused=_HIDDEN),
    Row("homeroom.lists", "GET", _lop("/danh-sach"), _OF_9A_CLASS, refused=_HIDDEN),
    Row("homeroom.student", "GET", _pupil("/lop/{class_id}/hoc-sinh/{pupil}"), _OF_9A_CLASS, refused=_HIDDEN),
    Row(
        "homeroom.save",
        "POST",
        _pupil("/lop/{class_id}/o/{pupil}"),
        only("math"),
        refused=_HIDDEN,
        data={"field": "conduct_1", "value": "T", "version": "0"},
    ),
    Row("homeroom.save_form", "POST", _lop("/luu"), only("math"), refused=_HIDDEN),
    Row("homeroom.propose", "POST", _pupil("/lop/{class_id}/hoc-sinh/{pupil}/mien-hoc"), only("math"), refused=_HIDDEN),
    Row("homeroom.rule", "POST", _lop("/mien-hoc/999999"), BOSSES, refused=_HIDDEN, passes=(404, 422)),
    Row(
        "homeroom.decide",
        "POST",
        _pupil("/lop/{class_id}/hoc-sinh/{pupil}/quyet-dinh"),
        only("principal"),
        refused=_HIDDEN,
    ),
    Row("homeroom.finalise", "POST", _lop("/chot"), only("math"), refused=_HIDDEN, data={"version": "1"}),
    Row("homeroom.reopen", "POST", _lop("/mo-lai"), only("math"), refused=_HIDDEN, data={"version": "1"}),
    Row("homeroom.approve", "POST", _lop("/duyet"), only("principal"), refused=_HIDDEN, data={"version": "1"}),
    Row(
        "homeroom.send_back",
        "POST",
        _lop("/tra-lai"),
        only("principal"),
        refused=_HIDDEN,
        data={"version": "1", "note": "Xem lại"},
    ),
    Row("students.show", "GET", "/hoc-sinh/7", BOSSES | only("clerk", "math"), refused=_HIDDEN),
    Row("students.save", "POST", "/hoc-sinh/7", only("clerk", "math"), refused=_HIDDEN),
    Row("students.enter_past_year", "POST", "/hoc-sinh/7/qua-trinh", only("clerk"), refused=_HIDDEN),
    Row(
        "students.strike_past_year",
        "POST",
        "/hoc-sinh/7/qua-trinh/999999/gach",
        only("clerk"),
        refused=_HIDDEN,
        passes=(404,),
    ),
    Row("students.classes", "GET", "/hoc-sinh/", BOSSES | only("clerk") | _HOMEROOMS),
    Row(
        "students.roster",
        "GET",
        lambda cast: f"/hoc-sinh/lop/{cast.classes['9A']}",
        BOSSES | only("clerk", "math"),
        refused=_HIDDEN,
    ),
    Row("score_questions.show", "GET", _sheet("/cau-hoi"), _OF_9A_MATHS, refused=_HIDDEN),
    Row(
        "score_questions.answer_question",
        "POST",
        _sheet("/cau-hoi/999999"),
        only("math"),
        refused=_HIDDEN,
        passes=(404,),
        data={"version": "1", "reason": "Đã đối chiếu với bài kiểm tra"},
    ),
]

ROWS += [
    Row("reset_requests.index", "GET", "/nguoi-dung/yeu-cau-dat-lai", STAFF_READERS | only("it_officer")),
    Row("reset_requests.consent", "POST", "/nguoi-dung/yeu-cau-dat-lai/1/dong-y", STAFF_READERS, passes=(303, 404)),
    Row("reset_requests.refuse", "POST", "/nguoi-dung/yeu-cau-dat-lai/1/khong-dong-y", STAFF_READERS, passes=(404,)),
]

ROWS += [
    Row("first_passwords.index", "GET", "/nguoi-dung/phieu-vao-lan-dau", STAFF_READERS),
    Row("first_passwords.issue", "POST", "/nguoi-dung/phieu-vao-lan-dau", STAFF_READERS),
]

# --- trusting this machine, the installed application ---
ROWS += [
    Row("trust.show", "GET", "/tin-cay", EVERYBODY),
    Row("trust.root_file", "GET", "/ca.crt", EVERYBODY, passes=(404,)),
    Row("pwa.manifest", "GET", "/manifest.webmanifest", EVERYBODY),
    Row("pwa.worker", "GET", "/sw.js", EVERYBODY),
    Row("pwa.offline", "GET", "/chua-co-mang", EVERYBODY),
]

# --- the school year's dates ---
ROWS += [
    Row("year_calendar.show", "GET", "/nam-hoc", BOSSES | _HEADS | only("clerk", "board")),
    Row("year_calendar.save", "POST", "/nam-hoc", only("principal")),
]

# --- đối chiếu bài gốc: the reviewer types, the reviewer or the principal names ---
ROWS += [
    Row("blind_checks.show", "GET", _sheet("/doi-chieu"), only("head_science", "principal"), refused=_HIDDEN),
    Row("blind_checks.type_results", "POST", _sheet("/doi-chieu"), only("head_science"), refused=_HIDDEN),
    Row(
        "blind_checks.settle",
        "POST",
        _sheet("/doi-chieu/999999"),
        only("head_science"),
        refused=_HIDDEN,
        data={"version": "1", "reason": "Đọc nhầm số 7 thành số 1"},
    ),
    Row(
        "blind_checks.name_checker",
        "POST",
        _sheet("/doi-chieu/nguoi"),
        only("head_science", "principal"),
        refused=_HIDDEN,
        data={"person_id": "1"},
    ),
]

# --- phrases for remarks ---
_TEACHERS = only("head_science", "head_society", "math", "other")
ROWS += [
    Row("remark_phrases.index", "GET", "/nhan-xet/", _TEACHERS),
    Row("remark_phrases.add", "POST", "/nhan-xet/them", _TEACHERS, passes=(404,)),
    Row("remark_phrases.copy_in", "POST", "/nhan-xet/bo-mau", _TEACHERS, passes=(404,)),
    Row("remark_phrases.change", "POST", "/nhan-xet/999999/sua", _TEACHERS, passes=(404,)),
    Row("remark_hints.of_sheet", "POST", _sheet("/nhan-xet/{pupil}"), only("math"), refused=_HIDDEN),
    Row("remark_hints.of_class", "POST", _pupil("/lop/{class_id}/nhan-xet/{pupil}"), only("math"), refused=_HIDDEN),
]

# --- sheets on paper ---
_PRINTERS = BOSSES | _TEACHERS | only("clerk")
ROWS += [
    Row("paper_kit.index", "GET", "/phieu-giay/", _PRINTERS),
    Row("paper_kit.make", "POST", "/phieu-giay/", _PRINTERS),
    Row(
        "paper_kit.open_by_code",
        "GET",
        lambda cast: f"/bang-diem/giay/{sheet_code(cast.sheets['9A', 'MATH', 2])}",
        _OF_9A_MATHS,
        refused=_HIDDEN,
    ),
]

ROWS += [Row("score_sheets.explain", "GET", _sheet("/o/{pupil}/vi-sao"), _OF_9A_MATHS, refused=_HIDDEN)]
# --- a sheet as a file ---
_TAKES_HOME = only("math", "head_science", "principal")
ROWS += [
    Row("score_files.page", "GET", _sheet("/excel"), _TAKES_HOME, refused=_HIDDEN),
    Row("score_files.download", "GET", _sheet("/excel/tai"), _TAKES_HOME, refused=_HIDDEN),
    Row("score_files.upload", "POST", _sheet("/excel"), only("math"), refused=_HIDDEN),
    Row("score_files.show", "GET", _sheet("/excel/999999"), only("math"), refused=_HIDDEN, passes=(404,)),
    Row("score_files.apply", "POST", _sheet("/excel/999999/ghi"), only("math"), refused=_HIDDEN, passes=(404,)),
    Row("score_files.undo", "POST", _sheet("/excel/999999/hoan-tac"), only("math"), refused=_HIDDEN, passes=(404,)),
]

# --- many classes in one batch ---
ROWS += [
    Row("wide_batches.page", "GET", "/hoc-ba/nhieu-lop", _SIGNERS),
    Row("wide_batches.build", "POST", "/hoc-ba/nhieu-lop/lap", _SIGNERS),
    Row("wide_batches.sign", "POST", "/hoc-ba/nhieu-lop/ky", only("principal", "clerk")),
]

# --- recalls and their lists ---
_KEEPERS = only("principal", "clerk")
ROWS += [
    Row("recalls.index", "GET", "/thu-hoi/", _SIGNERS),
    Row("recalls.decide", "POST", "/thu-hoi/999999/duyet", only("principal"), passes=(404,)),
    Row("recalls.withdraw", "POST", "/thu-hoi/999999/rut", _SIGNERS, passes=(404,)),
    Row("recalls.rebuild", "POST", "/thu-hoi/999999/lap-lai", _SIGNERS, passes=(404,)),
    Row("recalls.make_list", "POST", "/thu-hoi/danh-sach", _KEEPERS, passes=(404,)),
    Row("recalls.list_page", "GET", "/thu-hoi/danh-sach/999999", _KEEPERS, passes=(404,)),
    Row("recalls.sign_list", "POST", "/thu-hoi/danh-sach/999999/ky", _KEEPERS, passes=(404,)),
    Row("recalls.sent", "POST", "/thu-hoi/danh-sach/999999/da-gui", _KEEPERS, passes=(404,)),
    Row("recalls.answered", "POST", "/thu-hoi/danh-sach/999999/tra-loi", _KEEPERS, passes=(404,)),
    Row("recalls.list_file", "GET", "/thu-hoi/danh-sach/999999/tai-pdf", _KEEPERS, passes=(404,)),
]

# --- rehearsing the signing ---
_REHEARSERS = BOSSES | only("clerk", "it_officer")
ROWS += [
    Row("rehearsal.page", "GET", "/dien-tap/", _REHEARSERS),
    Row("rehearsal.run", "POST", "/dien-tap/", _REHEARSERS),
    Row("rehearsal.sheets", "GET", "/dien-tap/999999/phieu", _REHEARSERS, passes=(404,)),
]

# --- corrections: the service knows whose turn it is; a request that is not there tells nobody anything ---
_ASKERS = only("principal", "clerk", "head_science", "head_society", "math", "other")
_CORRECTORS = _ASKERS | only("vice_principal")
_CONFIRMERS = only("head_society", "math")
_DECIDERS = BOSSES
ROWS += [
    Row("corrections.index", "GET", "/sua-chua/", _CORRECTORS),
    Row("corrections.ask_scores", "GET", _pupil("/sua-chua/diem/{pupil}"), _ASKERS, passes=(404,)),
    Row("corrections.send_scores", "POST", _pupil("/sua-chua/diem/{pupil}"), _ASKERS, passes=(404,)),
    Row("corrections.ask_civil_status", "GET", "/sua-chua/ho-so/7", only("clerk", "math"), refused=_HIDDEN),
    Row("corrections.send_civil_status", "POST", "/sua-chua/ho-so/7", only("clerk", "math"), refused=_HIDDEN),
    Row("corrections.ask_homeroom", "GET", _pupil("/sua-chua/chu-nhiem/{pupil}"), only("math"), refused=_HIDDEN),
    Row("corrections.send_homeroom", "POST", _pupil("/sua-chua/chu-nhiem/{pupil}"), only("math"), refused=_HIDDEN),
    Row("corrections.ask_months", "GET", _pupil("/sua-chua/nghi-theo-thang/{pupil}"), only("math"), refused=_HIDDEN),
    Row("corrections.send_months", "POST", _pupil("/sua-chua/nghi-theo-thang/{pupil}"), only("math"), refused=_HIDDEN),
    Row(
        "corrections.ask_summer", "GET", _pupil("/sua-chua/trong-he/{pupil}/0"), _ASKERS, refused=_HIDDEN, passes=(404,)
    ),
    Row(
        "corrections.send_summer",
        "POST",
        _pupil("/sua-chua/trong-he/{pupil}/0"),
        _ASKERS,
        refused=_HIDDEN,
        passes=(404,),
    ),
    Row("corrections.show", "GET", "/sua-chua/999999", _CORRECTORS, passes=(404,)),
    Row("corrections.evidence", "GET", "/sua-chua/999999/minh-chung/1", _CORRECTORS, passes=(404,)),
    Row("corrections.confirm", "POST", "/sua-chua/999999/xac-nhan", _CONFIRMERS, passes=(404,)),
    Row("corrections.approve", "POST", "/sua-chua/999999/duyet", _DECIDERS, passes=(404,)),
    Row("corrections.send_back", "POST", "/sua-chua/999999/tra-lai", _CONFIRMERS | _DECIDERS, passes=(404,)),
    Row("corrections.refuse", "POST", "/sua-chua/999999/khong-duyet", _CONFIRMERS | _DECIDERS, passes=(404,)),
    Row("corrections.resend", "POST", "/sua-chua/999999/gui-lai", _ASKERS, passes=(404,)),
    Row("corrections.withdraw", "POST", "/sua-chua/999999/rut", _ASKERS, passes=(404,)),
]

# --- the last day of a role ---
ROWS += [
    Row("people.end_role_on", "POST", "/nguoi-dung/vai-tro/ket-thuc", only("principal"), passes=(422,)),
]

# --- pupils who come and go ---
ROWS += [
    Row("students.leaving", "GET", "/hoc-sinh/7/roi-truong", only("clerk"), refused=_HIDDEN),
    Row("students.leave", "POST", "/hoc-sinh/7/roi-truong", only("clerk"), refused=_HIDDEN),
    Row(
        "students.take_back_leaving",
        "POST",
        "/hoc-sinh/7/roi-truong/999999/lay-lai",
        only("clerk"),
        refused=_HIDDEN,
        passes=(404,),
    ),
    Row("students.changing_class", "GET", "/hoc-sinh/7/chuyen-lop", only("clerk"), refused=_HIDDEN),
    Row("students.change_class", "POST", "/hoc-sinh/7/chuyen-lop", only("clerk"), refused=_HIDDEN),
    Row("students.arriving", "GET", "/hoc-sinh/tiep-nhan", only("clerk")),
    Row("students.receive", "POST", "/hoc-sinh/tiep-nhan", only("clerk")),
    Row(
        "students.partial",
        "GET",
        "/hoc-sinh/7/tong-hop/1",
        BOSSES | only("clerk") | _HOMEROOMS,
        refused=_HIDDEN,
        passes=(404,),
    ),
    Row(
        "homeroom.copy_inherited",
        "POST",
        _pupil("/lop/{class_id}/hoc-sinh/{pupil}/noi-chuyen-den"),
        only("math"),
        refused=_HIDDEN,
    ),
    Row(
        "homeroom.decide_inherited",
        "POST",
        _pupil("/lop/{class_id}/hoc-sinh/{pupil}/noi-chuyen-den/nhan"),
        only("principal"),  # a vice-principal accepts what the principal copied, and nothing else
        refused=_HIDDEN,
    ),
    Row("audit_log.show", "GET", "/nhat-ky", BOSSES),
    Row("audit_log.file", "POST", "/nhat-ky/tep", BOSSES),
    Row("audit_log.entry", "GET", "/nhat-ky/1", BOSSES),
    Row("audit_log.compare", "GET", "/nhat-ky/so-sanh", BOSSES),
    Row("rule_trial.show", "GET", _lop("/thu-quy-dinh"), _OF_9A_CLASS, refused=_HIDDEN),
]

# --- data quality ---
_QUALITY = only("principal", "vice_principal", "clerk", "head_science", "head_society", "math", "board")
ROWS += [
    Row("quality.show", "GET", "/chat-luong/", _QUALITY),
    Row(
        "quality.of_class",
        "GET",
        lambda cast: f"/chat-luong/lop/{cast.classes['9A']}",
        BOSSES | only("clerk", "math"),
        refused=_HIDDEN,
    ),
    Row("quality.pairs", "GET", "/chat-luong/trung", only("clerk")),
    Row("quality.settle", "POST", "/chat-luong/trung", only("clerk")),
    Row("quality.identity", "GET", "/chat-luong/dinh-danh", only("clerk")),
    Row("quality.take_identity", "POST", "/chat-luong/dinh-danh", only("clerk")),
    Row("students.look_through", "POST", "/hoc-sinh/7/xem-lai", only("clerk", "math"), refused=_HIDDEN),
]

# --- the manual, questions to the IT officer, the tour ---
ROWS += [
    Row("manual.index", "GET", "/huong-dan/", SIGNED_IN),
    Row("manual.chapter", "GET", "/huong-dan/bang-diem", SIGNED_IN),
    Row("help_requests.index", "GET", "/ho-tro/", SIGNED_IN),
    Row("help_requests.ask", "POST", "/ho-tro/", SIGNED_IN),
    Row("help_requests.move", "POST", "/ho-tro/999999/tra-loi", SIGNED_IN, passes=(404,)),
    Row("help_requests.tour", "POST", "/lam-quen/lai", SIGNED_IN),
]

# --- the school's plan, announcements ---
_FOLLOWERS = only("principal", "vice_principal", "clerk", "head_science", "head_society", "board")
_KEEPERS = only("clerk", "it_officer")
ROWS += [
    Row("school_plan.board", "GET", "/ke-hoach/", _FOLLOWERS | only("it_officer")),
    Row("school_plan.take_from_plan", "POST", "/ke-hoach/theo-ke-hoach", BOSSES),
    Row("school_plan.give", "POST", "/ke-hoach/viec", BOSSES),
    Row("school_plan.change", "POST", "/ke-hoach/viec/999999", BOSSES, passes=(404, 422)),
    Row(
        "school_plan.finish",
        "POST",
        "/ke-hoach/viec/999999/xong",
        _FOLLOWERS | only("it_officer"),
        passes=(404, 422),
    ),
    Row("photos.picture", "GET", "/hoc-sinh/7/anh", BOSSES | only("clerk", "math"), refused=_HIDDEN, passes=(404,)),
    Row("photos.set_photo", "POST", "/hoc-sinh/7/anh", only("clerk", "math"), refused=_HIDDEN),
    Row("photos.remove_photo", "POST", "/hoc-sinh/7/anh/bo", only("clerk", "math"), refused=_HIDDEN, passes=(404,)),
    Row("photos.of_class", "GET", _photos_of_9a(), only("clerk", "math"), refused=_HIDDEN),
    Row("photos.send_class", "POST", _photos_of_9a(), only("clerk", "math"), refused=_HIDDEN, passes=(422,)),
    Row(
        "photos.looked_at",
        "GET",
        _photos_of_9a("/" + "0" * 32 + "/7"),
        only("clerk", "math"),
        refused=_HIDDEN,
        passes=(404,),
    ),
    Row(
        "school_plan.attach",
        "POST",
        "/ke-hoach/viec/999999/tep",
        _FOLLOWERS | only("it_officer"),
        passes=(404,),
    ),
    Row(
        "school_plan.evidence_file",
        "GET",
        "/ke-hoach/viec/999999/tep/1",
        _FOLLOWERS | only("it_officer"),
        passes=(404,),
    ),
    Row(
        "school_plan.remove_file",
        "POST",
        "/ke-hoach/viec/999999/tep/1/bo",
        _FOLLOWERS | only("it_officer"),
        passes=(422,),
    ),
    Row("school_plan.undo", "POST", "/ke-hoach/viec/999999/bo", BOSSES, passes=(404,)),
    Row("school_plan.training_days", "GET", "/ke-hoach/tap-huan", _FOLLOWERS),
    Row("school_plan.add_training", "POST", "/ke-hoach/tap-huan", STAFF_READERS),
    Row("school_plan.change_training", "POST", "/ke-hoach/tap-huan/999999", STAFF_READERS, passes=(404, 422)),
    Row("school_plan.mark", "POST", "/ke-hoach/tap-huan/999999/diem-danh", STAFF_READERS, passes=(404,)),
    Row("school_plan.readiness", "GET", "/ke-hoach/ha-tang", _FOLLOWERS | only("it_officer")),
    Row("school_plan.add_item", "POST", "/ke-hoach/ha-tang", _KEEPERS),
    Row("school_plan.save_item", "POST", "/ke-hoach/ha-tang/999999", _KEEPERS, passes=(404, 422)),
    Row("school_plan.drop_item", "POST", "/ke-hoach/ha-tang/999999/bo", _KEEPERS, passes=(404,)),
    Row("announcements.index", "GET", "/thong-bao/", EVERYBODY),
    Row("announcements.post", "POST", "/thong-bao/", STAFF_READERS),
    Row("announcements.withdraw", "POST", "/thong-bao/999999/go", STAFF_READERS, passes=(404,)),
    Row("announcements.put_aside", "POST", "/thong-bao/999999/da-doc", SIGNED_IN, passes=(404,)),
]

# --- the summer ---
_KEEPERS = only("math", "head_society")
_TEACHERS = only("math", "head_society", "head_science", "other")


def _class_9a(path: str) -> Callable[[Cast], str]:
    return lambda cast: path.format(class_id=cast.classes["9A"])


ROWS += [
    Row("summer.index", "GET", "/he", BOSSES | _TEACHERS | only("clerk")),
    Row("summer.completion", "GET", "/he/hoan-thanh", BOSSES | _KEEPERS | only("clerk")),
    Row(
        "summer.show",
        "GET",
        _class_9a("/he/{class_id}"),
        BOSSES | only("math", "head_society", "other"),
        refused=_HIDDEN,
    ),
    Row("summer.sheets", "GET", _class_9a("/he/{class_id}/in"), BOSSES | only("math"), refused=_HIDDEN),
    # The class of the cast is not approved: whoever is let in is told so.
    Row("summer.enroll", "POST", _class_9a("/he/{class_id}/dang-ky"), only("math", "head_society"), refused=_HIDDEN),
    Row(
        "summer.type_results",
        "POST",
        _class_9a("/he/{class_id}/ket-qua"),
        only("math", "head_society", "other"),
        refused=_HIDDEN,
    ),
    Row("summer.approve", "POST", _class_9a("/he/{class_id}/duyet"), only("principal")),
    Row("summer.send_back", "POST", _class_9a("/he/{class_id}/tra-lai"), only("principal")),
    Row(
        "summer.decide",
        "POST",
        _class_9a("/he/{class_id}/quyet-dinh/1"),
        only("principal"),
        passes=(404,),
    ),
]

# --- the turn of the year ---
_OFFICE = only("clerk")
_READS_TURN = only("clerk", "principal")
ROWS += [
    Row("year_turn.show", "GET", "/nam-hoc/chuyen", _READS_TURN),
    Row("year_turn.pupils", "GET", "/nam-hoc/chuyen/lop/1", _READS_TURN, passes=(404,)),
    Row("year_turn.save", "POST", "/nam-hoc/chuyen/luu", _OFFICE),
    Row("year_turn.place", "POST", "/nam-hoc/chuyen/lop/1", _OFFICE, passes=(404,)),
    Row("year_turn.send", "POST", "/nam-hoc/chuyen/gui", _OFFICE),
    Row("year_turn.send_back", "POST", "/nam-hoc/chuyen/tra-lai", only("principal")),
    Row("year_turn.approve", "POST", "/nam-hoc/chuyen/duyet", only("principal")),
]

# --- exemptions that are taken back ---
ROWS += [
    Row(
        "homeroom.ask_revocation",
        "POST",
        _lop("/mien-hoc/999999/thu-hoi"),
        only("clerk", "math", "head_society"),
        passes=(404, 422),
    ),
    Row("homeroom.decide_revocation", "POST", _lop("/mien-hoc/thu-hoi/999999"), BOSSES, passes=(404,)),
]

# --- corrections of what stands beside the sheets ---
ROWS += [
    Row("corrections.ask_inherited", "GET", _pupil("/sua-chua/noi-chuyen-den/{pupil}"), only("math"), refused=_HIDDEN),
    Row(
        "corrections.send_inherited", "POST", _pupil("/sua-chua/noi-chuyen-den/{pupil}"), only("math"), refused=_HIDDEN
    ),
    Row("corrections.ask_exemption", "GET", _pupil("/sua-chua/mien-hoc/{pupil}"), only("math"), refused=_HIDDEN),
    Row("corrections.send_exemption", "POST", _pupil("/sua-chua/mien-hoc/{pupil}"), only("math"), refused=_HIDDEN),
    Row("corrections.ask_revocation", "GET", "/sua-chua/thu-hoi-mien-hoc/999999", _ASKERS, passes=(404,)),
    Row("corrections.send_revocation", "POST", "/sua-chua/thu-hoi-mien-hoc/999999", _ASKERS, passes=(404,)),
]

# --- a conclusion that was corrected after the summer or the turn of the year ---
ROWS += [
    Row("conclusion_cases.show", "GET", "/sua-chua/ket-luan", _CORRECTORS),
    Row("conclusion_cases.place", "POST", "/sua-chua/ket-luan/999999/noi-hoc", only("principal"), passes=(404,)),
    Row("conclusion_cases.extend", "POST", "/sua-chua/ket-luan/999999/gia-han", only("principal"), passes=(404,)),
    Row("conclusion_cases.move", "POST", "/sua-chua/ket-luan/999999/xep-lop", _OFFICE, passes=(404,)),
]

# --- what "sống" counts beside the profiles ---
ROWS += [Row("quality.alive", "GET", "/chat-luong/song", BOSSES | _HEADS | only("clerk", "board", "it_officer"))]

# --- the history of one record: the service asks for the class as well ---
ROWS += [Row("transcripts.chain", "GET", f"/hoc-ba/{_NO_RECORD}/lich-su", _READERS, passes=(404,))]

# --- what everybody holds, as a list to print ---
ROWS += [Row("notices.listed", "GET", "/loi-nhac/danh-sach", STAFF_READERS)]

# --- the bell, and what it opens: one's own messages only ---
ROWS += [Row("notices.own", "GET", "/loi-nhac/", SIGNED_IN), Row("notices.bell", "GET", "/loi-nhac/chuong", SIGNED_IN)]

# --- taking back the own approval of a moment ago: nothing of anybody else's can be named ---
ROWS += [
    Row("daily.take_back", "POST", "/hom-nay/hoan-tac", SIGNED_IN),
    Row("daily.sign", "POST", "/hom-nay/ky", only("principal", "clerk")),
]

# --- absences by month ---
ROWS += [
    Row("homeroom.months", "GET", _lop("/thang"), _OF_9A_CLASS, refused=_HIDDEN),
    Row(
        "homeroom.save_month",
        "POST",
        _pupil("/lop/{class_id}/thang/{pupil}"),
        only("math"),
        refused=_HIDDEN,
        data={"field": "1-2026-10-excused", "value": "1", "version": "0"},
    ),
    Row("homeroom.save_months", "POST", _lop("/thang/luu"), only("math"), refused=_HIDDEN),
    Row("homeroom.fill_month", "POST", _lop("/thang/so-0"), only("math"), refused=_HIDDEN, data={"thang": "1-2026-10"}),
]

# --- the two books of scores ---
ROWS += [
    Row("score_sheets.gradebook", "GET", "/bang-diem/so-theo-doi", _TEACHERS),
    Row("homeroom.gradebook_of_class", "GET", _lop("/so-theo-doi"), _OF_9A_CLASS, refused=_HIDDEN),
]
