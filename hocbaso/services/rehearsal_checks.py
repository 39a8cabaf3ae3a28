"""What each person still has to do before signing begins: certificates at the deadline, roles, names, drivers, accounts.

Reads only; asks no key for anything. Each finding has one person who can put it right, or the holders of a role. Nothing of a pupil
stands in it: the IT officer reads it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.errors import DomainError, Incomplete
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import (
    certificates,
    document_pool,
    key_devices,
    remote_providers,
    roster,
    trust_roots,
)
from hocbaso.services.in_force import people_with
from hocbaso.services.transcript_contents import deputies, homeroom_person, principal_person, school_block


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do. ``person_ids``: who can do it. ``blocks``: without it this signature cannot be given at the deadline.

    ``before``: the day by which it is needed.
    """

    person_ids: tuple[int, ...]
    words: str
    about: str
    before: date
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A signature that will be needed: who gives it in which role, for which classes, until when. ``person`` None: the seal."""

    role: SignatureRole
    person: m.Person | None
    class_names: tuple[str, ...]
    before: date


@dataclass(frozen=True, slots=True)
class DriverState:
    """A token driver of this machine: whether the library answers, and how many tokens are plugged in."""

    name: str
    words: str
    problem: str | None
    n_tokens: int
    fingerprints: frozenset[str]


NO_ROOT = "Nạp chứng thư gốc của nơi cấp ở trang Chứng thư số, trước mọi việc khác: chưa có thì không ai đăng ký được chứng thư."


def drivers() -> tuple[DriverState, ...]:
    """Each configured driver, loaded in a child of its own for as long as it takes to look (a second each)."""
    found = []
    for driver in key_devices.drivers():
        if not Path(driver.module).is_file():
            found.append(
                DriverState(driver.name, driver.words, f"không có tệp thư viện {driver.module}", 0, frozenset())
            )
            continue
        try:
            with key_devices.open_session(driver.name) as session:
                tokens = session.tokens()
        except DomainError as refusal:
            found.append(DriverState(driver.name, driver.words, refusal.message, 0, frozenset()))
            continue
        prints = frozenset(certificate_fingerprint(der) for token in tokens for _, der in token.certificates)
        found.append(DriverState(driver.name, driver.words, None, len(tokens), prints))
    return tuple(found)


def places(year: m.SchoolYear, today: date) -> tuple[list[Place], list[Todo]]:
    """The signatures a year needs, the earliest deadline of each, and what is missing before there is anybody to give them."""
    todos: list[Todo] = []
    homeroom: dict[int, list[m.ClassGroup]] = {}
    people: dict[int, m.Person] = {}
    rows = roster.classes_of_year(year)
    principal = principal_person(today)
    leaders: dict[int, list[m.ClassGroup]] = {}
    for row in rows:
        try:
            person = homeroom_person(row.id, today)
        except Incomplete:
            todos.append(
                Todo(
                    _holders(Role.PRINCIPAL, Role.CLERK, today=today),
                    f"Phân công giáo viên chủ nhiệm lớp {row.name}: lớp chưa có người ký học bạ.",
                    f"lớp {row.name}",
                    year.sign_before(row.grade_level),
                )
            )
        else:
            homeroom.setdefault(person.id, []).append(row)
            people[person.id] = person
        for deputy in deputies(row, today):
            leaders.setdefault(deputy.id, []).append(row)
            people[deputy.id] = deputy
    if principal is None and not leaders:
        todos.append(
            Todo(
                _holders(Role.IT_OFFICER, Role.CLERK, today=today),
                "Giao vai Hiệu trưởng: chưa có ai ký phần Hiệu trưởng.",
                "Hiệu trưởng",
                _earliest(year, rows),
            )
        )
    found = [
        Place(SignatureRole.HOMEROOM, people[each], tuple(row.name for row in kept), _earliest(year, kept))
        for each, kept in homeroom.items()
    ]
    if principal is not None:
        leaders.setdefault(principal.id, rows)
        people[principal.id] = principal
    found += [
        Place(
            SignatureRole.PRINCIPAL,
            people[each],
            () if len(kept) == len(rows) else tuple(row.name for row in kept),
            _earliest(year, kept),
        )
        for each, kept in leaders.items()
    ]
    if rows:
        found.append(Place(SignatureRole.SEAL, None, (), _earliest(year, rows)))
    return found, todos


def _instant(day: date, hour: time) -> datetime:
    """An hour of the school's clock."""
    return datetime.combine(day, hour, tzinfo=clock.SCHOOL_ZONE)


def _earliest(year: m.SchoolYear, rows: Sequence[m.ClassGroup]) -> date:
    return min((year.sign_before(row.grade_level) for row in rows), default=year.sign_others_before)


def _holders(*roles: Role, today: date) -> tuple[int, ...]:
    found: list[int] = []
    for role in roles:
        found += people_with(role, today)
    return tuple(dict.fromkeys(found))


def check(year: m.SchoolYear, now: datetime, machine: Sequence[DriverState]) -> list[Todo]:
    """Everything that is to be done for the year's signatures, the earliest first. ``machine``: of ``drivers``."""
    today = clock.local_date(now)
    wanted, todos = places(year, today)
    for place in wanted:
        todos += _of_place(place, now, machine)
    todos += _of_school(year, now, wanted)
    return sorted(
        dict.fromkeys(todos), key=lambda one: (one.words != NO_ROOT, one.before, not one.blocks, one.about, one.words)
    )


def _of_place(place: Place, now: datetime, machine: Sequence[DriverState]) -> list[Todo]:
    today = clock.local_date(now)
    it = _holders(Role.IT_OFFICER, today=today)
    clerks = _holders(Role.CLERK, today=today)
    owners = (place.person.id,) if place.person is not None else clerks
    whose = place.person.full_name if place.person is not None else "con dấu nhà trường"
    role = certificates.ROLE_WORDS[place.role]
    of = f"{role} {', '.join(place.class_names)}".strip() if place.person is not None else role
    found: list[Todo] = []

    def todo(people: Iterable[int], words: str, *, blocks: bool = True) -> None:
        found.append(
            Todo(tuple(people), words, f"{whose}, {of}" if place.person is not None else whose, place.before, blocks)
        )

    if place.person is not None:
        found += _of_account(place, it)
        if not place.person.personal_id_number:
            todo(clerks, f"Ghi số định danh cá nhân của {whose} vào hồ sơ: học bạ ghi số này cạnh tên người ký.")
    row = certificates.current_certificate(place.person.id if place.person is not None else None)
    if row is None:
        todo(owners, f"Đăng ký chứng thư số để ký với tư cách {of}." if place.person else "Đăng ký chứng thư con dấu.")
        return found
    view = certificates.view_of(row, now)
    last = _instant(Deadline(place.before).last_good_day + timedelta(days=1), time(0))
    if row.not_after < last:
        asked = (
            f" Đã đề nghị gia hạn ngày {clock.local_date(row.renewal_asked_at):%d/%m/%Y}: hỏi lại nơi cấp."
            if row.renewal_asked_at
            else " Đề nghị nơi cấp gia hạn rồi đăng ký chứng thư mới."
        )
        todo(
            owners, f"Chứng thư số của {whose} hết hạn {clock.local_date(row.not_after):%d/%m/%Y}, trước hạn ký.{asked}"
        )
    if row.not_before > now:
        todo(owners, f"Chứng thư số của {whose} chỉ có hiệu lực từ {clock.local_date(row.not_before):%d/%m/%Y}.")
    if view.state == "closed":
        todo(owners, f"Khoá ký của {whose} đã đóng vì nhập sai mã PIN năm lần: đăng ký lại chứng thư.")
    if view.state == "cancelled":
        todo(owners, f"Nơi cấp đã thu hồi chứng thư của {whose}: đăng ký chứng thư khác.")
    if view.state == "untrusted":
        todo(it, f"Thêm chứng thư gốc của nơi cấp {view.issuer_name}: máy chưa tin chứng thư của {whose}.")
    try:
        certificates.require_bound(row, place.role)
    except DomainError as refusal:
        todo(it, f"{whose}: {refusal.message}")
    school = roster.the_school()
    if row.is_test and (school is None or not school.is_demo):
        todo(owners, f"{whose} đang dùng chứng thư thử nghiệm, không có giá trị: đăng ký chứng thư thật.")
    leaf = certificates.chain_of(row)[0]
    try:
        certificates.require_owner(leaf, place.person)
    except DomainError as refusal:
        todo((*owners, *it), f"{refusal.message} Sửa hồ sơ nếu hồ sơ sai, hoặc đổi chứng thư.")
    if place.person is not None and not _names_a_number(leaf):
        todo(
            it,
            f"Chứng thư của {whose} không ghi số định danh cá nhân: đối chiếu bằng mắt với hồ sơ nơi cấp.",
            blocks=False,
        )
    found += _of_key(row, whose, place, it, owners, machine)
    return found


def _names_a_number(leaf: bytes) -> bool:
    subject = x509.load_der_x509_certificate(leaf).subject
    return any(str(one.value).startswith("CCCD:") for one in subject.get_attributes_for_oid(NameOID.USER_ID))


def _of_key(
    row: m.Certificate,
    whose: str,
    place: Place,
    it: tuple[int, ...],
    owners: tuple[int, ...],
    machine: Sequence[DriverState],
) -> list[Todo]:
    """Whether the key can be reached: its envelope, the driver of its token, or its provider."""
    about = whose

    def todo(people: tuple[int, ...], words: str, *, blocks: bool = True) -> list[Todo]:
        return [Todo(people, words, about, place.before, blocks)]

    if row.key_kind == "software":
        return (
            []
            if row.key_envelope is not None
            else todo(owners, f"Khoá ký của {whose} không còn trên máy: đăng ký lại.")
        )
    if row.key_place is None:
        return todo(owners, f"Chứng thư của {whose} không có khoá ký trên máy này: đăng ký lại.")
    where = json.loads(row.key_place)
    if row.key_kind == "remote":
        if where["provider"] in dict(remote_providers.provider_names()):
            return []
        return todo(it, f"Khai báo lại nơi ký từ xa “{where['provider']}” của {whose} trong config.toml.")
    if row.key_kind == "desk":
        return todo(  # the server never sees this token: only its owner can try it
            owners,
            f"Mở trình ký và cắm thiết bị “{where['label']}” ở máy của {whose}, rồi mở trang Học bạ của một lớp: trang phải báo “Thiết bị sẵn sàng”.",
            blocks=False,
        )
    driver = next((one for one in machine if one.name == where["driver"]), None)
    if driver is None:
        return todo(it, f"Cài trình điều khiển thiết bị “{where['driver']}” của {whose} và khai báo trong config.toml.")
    if driver.problem is not None:
        return todo(it, f"Trình điều khiển “{driver.words}” của {whose} không chạy: {driver.problem}.")
    if row.fingerprint not in driver.fingerprints:
        return todo(
            owners,
            f"Cắm thử thiết bị “{where['label']}” của {whose} vào máy chủ: lúc diễn tập máy chưa thấy.",
            blocks=False,
        )
    return []


def _of_account(place: Place, it: tuple[int, ...]) -> list[Todo]:
    assert place.person is not None
    name = place.person.full_name
    account = db.session.scalar(select(m.Account).where(m.Account.person_id == place.person.id))

    def todo(people: tuple[int, ...], words: str) -> list[Todo]:
        return [Todo(people, words, name, place.before)]

    if account is None:
        return todo(it, f"Mở tài khoản cho {name}: chưa có nên chưa ký được.")
    if account.disabled_at is not None:
        return todo(it, f"Tài khoản của {name} đang tắt: mở lại.")
    if account.must_change_password:
        return todo((place.person.id,), "Đăng nhập lần đầu và đặt mật khẩu riêng.")
    return []


def _of_school(year: m.SchoolYear, now: datetime, wanted: Sequence[Place]) -> list[Todo]:
    today = clock.local_date(now)
    it, clerks = _holders(Role.IT_OFFICER, today=today), _holders(Role.CLERK, today=today)
    before = min((place.before for place in wanted), default=year.sign_others_before)
    found = []
    try:
        school_block(roster.the_school())
    except DomainError as refusal:
        found.append(Todo(clerks, refusal.message, "nhà trường", before))
    try:
        document_pool.config().proof.require_means()
    except DomainError as refusal:
        found.append(Todo(it, refusal.message, "máy chủ", before))
    if not trust_roots.trusted_roots():
        found.append(Todo(it, NO_ROOT, "máy chủ", before))
    stale = [
        x509.load_der_x509_crl(der)
        for der in trust_roots.trusted_crls()
        if (ends := x509.load_der_x509_crl(der).next_update_utc) is not None and ends < _instant(before, time(0))
    ]
    if stale:
        found.append(
            Todo(
                it,
                f"{len(stale)} danh sách thu hồi chứng thư hết hạn trước ngày {before:%d/%m/%Y}: tải danh sách mới của nơi cấp.",
                "máy chủ",
                before,
                blocks=False,
            )
        )
    return found
