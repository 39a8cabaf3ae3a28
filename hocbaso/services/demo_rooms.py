"""The sample school's other rooms: the plan's tasks, training, readiness, announcements, questions, a certificate that ends soon,
and some days of data quality. Everything by the people who may, through the services that their pages call.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.help_flow import HelpVerb
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    announcements,
    board_tasks,
    data_quality,
    help_requests,
    inventory,
    roster,
    students,
    test_school_keys,
    training,
)
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.demo_enrolment import COMMUNE, Built

DAYS_OF_QUALITY = 7
"""How long before the load the year was opened, and so how many days the measures have."""

_EVIDENCE = (
    "Quyết định số 12/QĐ-THCS (mẫu) kèm bảng phân công từng thành viên",
    "Biên bản kiểm kê hạ tầng (mẫu), lưu tại văn phòng",
)
_ENDS_IN = 26
"""Days: inside the warning of 30 days that the owner and the IT officer hear of."""


def days_of_quality(built: Built, year: m.SchoolYear, names: list[str], opened: datetime, now: datetime) -> None:
    """Keep the measures of each day from ``opened`` to yesterday, while the homeroom teachers mend and look through profiles."""
    n_days = (clock.local_date(now) - clock.local_date(opened)).days
    for index in range(n_days):
        at = opened + timedelta(days=index)
        if index in (2, 4):
            _mend_one(built, year, names[0], at)
        elif index in (3, 5):
            for name in names[-1:] if index == 3 else names[1:2]:
                _look_through(built, year, name, at)
        with write_transaction():
            data_quality.keep_day(clock.local_date(at), at)


def _mend_one(built: Built, year: m.SchoolYear, name: str, at: datetime) -> None:
    """The homeroom teacher fills in where the first profile that lacks it lives, or whose child it is."""
    class_group = roster.class_by_name(name, year)
    actor = _homeroom_actor(built, class_group, at)
    for _enrollment, student in students.class_roster(actor, class_group.id):
        gaps = {field for field, _words in students.profile(actor, student.id).missing}
        if "father_name" in gaps:
            family = student.full_name.split()[0]
            raw = {"father_name": f"{family} Văn Bình", "mother_name": "Trần Thị Lan"}
        elif "address" in gaps:
            raw = {"address": f"Xóm 3, xã {COMMUNE}, tỉnh Ninh Bình"}
        else:
            continue
        students.update_profile(actor, student.id, raw, expected_version=student.version, now=at)
        return


def _look_through(built: Built, year: m.SchoolYear, name: str, at: datetime) -> None:
    class_group = roster.class_by_name(name, year)
    actor = _homeroom_actor(built, class_group, at)
    for _enrollment, student in students.class_roster(actor, class_group.id):
        students.look_through(actor, student.id, expected_version=student.version, now=at)


def fill(built: Built, now: datetime) -> None:
    """Everything but the days of quality; ``now`` is the day of the load."""
    _certificate_that_ends(built, now)
    _board(built, now)
    _training(built, now)
    _inventory(built, now)
    _announce(built, now)
    _ask_for_help(built, now)


def _actor(built: Built, person_id: int, now: datetime) -> Actor:
    return load_actor(built.accounts[person_id], clock.local_date(now))


def _homeroom_actor(built: Built, class_group: m.ClassGroup, now: datetime) -> Actor:
    person_id = db.session.scalars(
        select(m.HomeroomAssignment.person_id).where(m.HomeroomAssignment.class_group_id == class_group.id)
    ).one()
    return _actor(built, person_id, now)


def _holder(role: Role) -> int:
    first = select(m.RoleGrant.person_id).where(m.RoleGrant.role == role.value).order_by(m.RoleGrant.id).limit(1)
    return db.session.scalars(first).one()


def _certificate_that_ends(built: Built, now: datetime) -> None:
    test_school_keys.replace_with_short_one(SYSTEM, built.vice_principal, _ENDS_IN, now)


def _board(built: Built, now: datetime) -> None:
    """The vice-principal and the heads of two groups join the board; the plan's duties are given out, two of them are done."""
    it_officer, accountant = _holder(Role.IT_OFFICER), _holder(Role.BOARD_MEMBER)
    heads = list(built.heads.values())
    for person_id in (built.vice_principal, *heads[:2]):
        roster.grant_role(SYSTEM, person_id, Role.BOARD_MEMBER, now, starts_on=clock.local_date(now))
    principal = _actor(built, built.principal, now)
    board_tasks.take_from_plan(principal, now)
    holders = [built.vice_principal, it_officer, built.vice_principal, built.clerk, it_officer, built.clerk, accountant]
    holders += [heads[0], built.clerk, built.vice_principal, accountant]
    for task, person_id in zip(board_tasks.page(principal, now).tasks, holders, strict=False):
        board_tasks.give(
            principal, task.title, person_id, task.due_on, now, task_id=task.id, expected_version=task.version
        )
    for task, evidence in zip(board_tasks.page(principal, now).tasks, _EVIDENCE, strict=False):
        assert task.holder_id is not None
        board_tasks.finish(_actor(built, task.holder_id, now), task.id, evidence, task.version, now)
    today = clock.local_date(now)
    board_tasks.give(
        principal, "Thử quy trình ký trên một lớp, ghi lại chỗ vướng", heads[0], today + timedelta(days=5), now
    )
    board_tasks.give(principal, "Gửi danh mục thiết bị còn thiếu cho phòng văn hoá xã", accountant, today - timedelta(days=2), now)  # fmt: skip


def _training(built: Built, now: datetime) -> None:
    """Two days that are over and one to come; the youngest teachers and whoever was away are still to be trained."""
    clerk = _actor(built, built.clerk, now)
    today = clock.local_date(now)
    first = training.earliest_day() or today
    people = sorted(built.accounts)
    absent = set(people[-3:]) | {built.by_subject["ART"][0]}
    for days, title, organiser, place, present in (
        (-6, "Nhập điểm, nhận xét và nộp bảng điểm", "Tổ Tin học của trường", "Phòng máy", set(people[::2]) - absent),
        (-3, "Ký số học bạ và giữ chứng thư số", "Nơi cấp chứng thư số", "Hội trường", set(people[1::2]) - absent),
        (9, "Sửa chữa sau khi khoá và thu hồi học bạ", "Ban quản lý Học bạ số", "Hội trường", set()),
    ):
        held_on = max(first, today + timedelta(days=days))
        session_id = training.add(clerk, title, held_on, organiser, place, now)
        if present:
            version = next(one.version for one in training.page(clerk, now).sessions if one.id == session_id)
            training.mark(clerk, session_id, present, version, now)


def _inventory(built: Built, now: datetime) -> None:
    clerk, it_officer = _actor(built, built.clerk, now), _actor(built, _holder(Role.IT_OFFICER), now)
    for actor, kind, name, n_needed, n_ready, note in (
        (it_officer, "device", "Máy tính cho giáo viên nhập điểm", 12, 9, "Ba máy phòng tổ đang chờ thay ổ cứng"),
        (it_officer, "device", "Máy chủ của phần mềm", 1, 1, "Đặt ở phòng văn thư, có lưu điện"),
        (it_officer, "line", "Đường truyền Internet", 2, 1, "Đường dự phòng chưa lắp"),
        (it_officer, "line", "Điểm phát Wi-Fi trong trường", 6, 6, ""),
        (clerk, "certificate", "Thiết bị ký của con dấu nhà trường", 1, 1, ""),
        (clerk, "gift", "Máy in do Hội khuyến học xã tặng", 1, 1, "Biên bản tặng ngày khai giảng"),
    ):
        inventory.save(actor, None, kind, name, n_needed, n_ready, note, 0, now)


def _announce(built: Built, now: datetime) -> None:
    today = clock.local_date(now)
    announcements.post(
        _actor(built, built.principal, now),
        "Tra cứu học bạ số của học sinh",
        "Nhà trường phát hành học bạ số có chữ ký số. Mã nằm dưới ô vuông QR trên học bạ; phụ huynh nhập mã ấy ở trang tra cứu "
        "để xem học bạ còn nguyên vẹn hay không. Cần bản giấy có xác nhận, xin gặp văn thư trong giờ hành chính.",
        announcements.PUBLIC,
        today,
        None,
        now,
    )
    announcements.post(
        _actor(built, built.clerk, now),
        "Rà soát hồ sơ học sinh trước khi nhập điểm cuối kì",
        "Thầy, cô chủ nhiệm mở trang Chất lượng dữ liệu của lớp, điền nơi ở, điện thoại, cha mẹ cho những em còn thiếu.",
        announcements.INSIDE,
        today,
        today + timedelta(days=14),
        now,
    )


def _ask_for_help(built: Built, now: datetime) -> None:
    """One question answered, one open."""
    officer = _actor(built, _holder(Role.IT_OFFICER), now)
    asker, other = built.by_subject["LIT"][0], built.by_subject["SCI"][0]
    asked = help_requests.ask(
        _actor(built, asker, now),
        "Tôi dán cả cột điểm từ tệp Excel thì được, nhưng cột nhận xét lại không nhận. Làm thế nào ạ?",
        "/bang-diem/",
        now - timedelta(hours=5),
    )
    version = next(one.version for one in help_requests.threads(officer) if one.id == asked)
    help_requests.move(
        officer,
        asked,
        HelpVerb.ANSWER,
        "Thầy, cô bấm vào ô nhận xét đầu tiên rồi dán; mỗi dòng của tệp vào một em. Nếu vẫn chưa được, xin nhắn lại.",
        version,
        now - timedelta(hours=3),
    )
    help_requests.ask(
        _actor(built, other, now),
        "Máy tính ở phòng tổ báo chứng thư HTTPS chưa được tin cậy. Có phải cài thêm gì không ạ?",
        "/hom-nay",
        now - timedelta(hours=2),
    )
