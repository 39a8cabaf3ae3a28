"""Student profiles: who may see and change which field, what looks odd about a number, and search without marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.data_quality import PARENTS, IdentityStanding, missing_fields
from hocbaso.regulations.drawn_letters import why_not_a_name
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.identifiers import check_moet_code, check_personal_id, check_register_no
from hocbaso.regulations.permissions import ROLE_PERMISSIONS, Permission, Role
from hocbaso.regulations.terms import Sex
from hocbaso.regulations.vietnamese_names import normalise_name, search_key, sort_key
from hocbaso.services import audit, civil_status, identity_checks
from hocbaso.services.access import Actor, class_for, reaches_class, roles_reaching
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.student_fields import FIELD_WORDS, FIELDS, HOMEROOM_FIELDS, REQUIRED

_NUMBERS = {"height_cm": (60, 230), "weight_kg": (10, 200)}


@dataclass(frozen=True, slots=True)
class Place:
    """A class the student is or was in."""

    enrollment_id: int
    class_group_id: int
    class_name: str
    year_label: str
    status: str
    opens_results: bool = False
    """Whether the actor may open what the student reached there."""
    opens_summary: bool = False
    """Whether the actor may take it home as PDF."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A student's profile as this person sees it. ``editable``: the fields this person may change."""

    student_id: int
    version: int
    values: Mapping[str, Any]
    editable: frozenset[str]
    warnings: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    """(field, words) of what the transcript still needs."""
    places: tuple[Place, ...]
    identity: IdentityStanding
    identity_check: m.IdentityCheck | None
    """The authority's newest answer; about other values than the present ones when ``identity`` is outdated."""
    touched_at: datetime

    @property
    def full_name(self) -> str:
        """The student's name."""
        return str(self.values["full_name"])


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: ``kind`` student, class or record, where it opens, and a line about it."""

    kind: str
    title: str
    detail: str
    link: str


def _reach(actor: Actor, student: m.Student, permission: Permission) -> list[m.Enrollment]:
    """The student's enrolments through which the actor reaches the present profile with a power.

    A homeroom teacher does through the year in which the student now learns: whoever kept an earlier class keeps its results
    (``/lop``), not what families have told since.
    """
    rows = list(
        db.session.scalars(
            select(m.Enrollment).where(m.Enrollment.student_id == student.id).order_by(m.Enrollment.id.desc())
        )
    )
    found = [row for row in rows if reaches_class(actor, row.class_group_id, permission)]
    if not found or any(_by_role(actor, row.class_group, permission) for row in found):
        return found
    now_in = _present_enrollment(student.id)
    if now_in is None:
        return []
    return [
        row
        for row in found
        if row.class_group.school_year_id == now_in.class_group.school_year_id
        and (row.status != EnrollmentStatus.MOVED.value or row.id == now_in.id)  # put into another class of the year
    ]


def _by_role(actor: Actor, class_group: m.ClassGroup, permission: Permission) -> bool:
    """Whether a role and not only keeping the class reaches it."""
    return actor.is_system or (
        permission in actor.permissions
        and any(permission in ROLE_PERMISSIONS[role] for role in roles_reaching(actor, class_group))
    )


def open_profiles(actor: Actor, class_group: m.ClassGroup) -> frozenset[int]:
    """The students of a class within the actor's reach whose present profile the actor may read, by id (:func:`_reach`)."""
    members = select(m.Enrollment.student_id).where(m.Enrollment.class_group_id == class_group.id)
    found = frozenset(db.session.scalars(members))
    if _by_role(actor, class_group, Permission.STUDENT_READ):
        return found
    if class_group.school_year.state != "OPEN":
        return frozenset()
    gone_on = (
        select(m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id.in_(members),
            m.SchoolYear.state == "OPEN",
            m.SchoolYear.starts_on > class_group.school_year.starts_on,
        )
    )
    here = aliased(m.Enrollment)
    moved_on = (
        select(m.Enrollment.student_id)
        .join(here, here.student_id == m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == here.class_group_id)
        .where(
            m.Enrollment.class_group_id == class_group.id,
            m.Enrollment.status == EnrollmentStatus.MOVED.value,
            here.status.in_(ACTIVE),
            m.ClassGroup.school_year_id == class_group.school_year_id,
        )
    )
    return found - frozenset(db.session.scalars(gone_on)) - frozenset(db.session.scalars(moved_on))


def opens_profile(actor: Actor, student_id: int) -> bool:
    """Whether :func:`profile` would show it."""
    student = db.session.get(m.Student, student_id)
    return student is not None and bool(_reach(actor, student, Permission.STUDENT_READ))


def _load(actor: Actor, student_id: int) -> m.Student:
    student = db.session.get(m.Student, student_id, populate_existing=True)
    if student is None or not _reach(actor, student, Permission.STUDENT_READ):
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    return student


def editable_fields(actor: Actor, student: m.Student) -> frozenset[str]:
    """The office changes every field; the homeroom teacher of the class in which the student now learns the fields of
    ``student_fields.HOMEROOM_FIELDS``: whoever kept an earlier class may still hold it, without a last day."""
    if actor.is_system:
        return frozenset(FIELDS)
    if not actor.may(Permission.STUDENT_EDIT):
        return frozenset()
    reached = _reach(actor, student, Permission.STUDENT_EDIT)
    if actor.has_role(Role.CLERK) and reached:
        return frozenset(FIELDS)
    now_in = _present_enrollment(student.id)
    if now_in is None or now_in.status not in ACTIVE or now_in not in reached:
        return frozenset()
    return HOMEROOM_FIELDS if now_in.class_group_id in actor.homeroom else frozenset()


def _present_enrollment(student_id: int) -> m.Enrollment | None:
    """The enrolment of the newest open year in which the student has one: the place of today over one that was left, then the newest."""
    found: m.Enrollment | None = db.session.scalar(
        select(m.Enrollment)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.Enrollment.student_id == student_id, m.SchoolYear.state == "OPEN")
        .order_by(
            m.SchoolYear.starts_on.desc(), m.Enrollment.status.in_(ACTIVE).desc(), m.Enrollment.id.desc()
        )  # who was put back into a class has the older row
        .limit(1)
    )
    return found


def warnings_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What looks odd about a profile's numbers; nothing here is an error."""
    found: list[str] = []
    number = values.get("personal_id_number")
    if number:
        try:
            sex = Sex(values["sex"]) if values.get("sex") else None
            found += [one.sentence for one in check_personal_id(number, born_on=values.get("birth_on"), sex=sex)]
        except Invalid as wrong:
            found.append(wrong.message)
    code = values.get("moet_code")
    if code:
        try:
            found += [one.sentence for one in check_moet_code(code)]
        except Invalid as wrong:
            found.append(wrong.message)
    return tuple(found)


def profile(actor: Actor, student_id: int) -> Profile:
    """The profile; NotFound outside the actor's reach."""
    student = _load(actor, student_id)
    values = {name: getattr(student, name) for name in FIELDS}
    missing = tuple(
        (name, "Họ và tên cha, mẹ hoặc người giám hộ" if name in PARENTS else FIELD_WORDS[name])
        for name in missing_fields(values)
    )
    check = identity_checks.latest([student_id]).get(student_id)
    places = db.session.execute(
        select(m.Enrollment.id, m.Enrollment.class_group_id, m.ClassGroup.name, m.SchoolYear.label, m.Enrollment.status)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.Enrollment.student_id == student_id)
        .order_by(m.SchoolYear.starts_on.desc(), m.Enrollment.id.desc())
    )
    return Profile(
        student.id,
        student.version,
        values,
        editable_fields(actor, student),
        warnings_of(values),
        missing,
        tuple(
            Place(
                *row,
                reaches_class(actor, row.class_group_id, Permission.CLASS_READ),
                reaches_class(actor, row.class_group_id, Permission.TRANSCRIPT_READ),
            )
            for row in places
        ),
        identity_checks.standing_of(student, check),
        check,
        student.touched_at,
    )


def read_value(field: str, raw: str) -> Any:
    """What was typed as the stored value; None when empty. Raises Invalid naming the field."""
    text = " ".join((nfc(raw) or "").split())
    words = FIELD_WORDS[field]
    if field == "inclusive_disability":
        return text.lower() in ("1", "on", "true", "y", "có")
    if not text:
        if field in REQUIRED:
            raise Invalid(f"{words}: không được để trống.", field=field)
        return None
    if field == "birth_on":
        return read_date(text)
    if field == "sex":
        try:
            return Sex(text.capitalize()).value
        except ValueError:
            raise Invalid("Giới tính ghi Nam hoặc Nữ.", field=field) from None
    if field == "personal_id_number":
        check_personal_id(text)
        return text
    if field == "moet_code":
        check_moet_code(text)
        return text
    if field == "register_no":
        return check_register_no(text)
    if field in _NUMBERS:
        low, high = _NUMBERS[field]
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise Invalid(f"{words}: số nguyên từ {low} đến {high}.", field=field)
        return int(text)
    limit = m.Student.__table__.c[field].type.length  # type: ignore[attr-defined]
    if len(text) > limit:
        raise Invalid(f"{words}: nhiều nhất {limit} chữ.", field=field)
    reason = why_not_printed(text)
    if reason:
        raise Invalid(f"{words} {reason}", field=field)
    if not field.endswith("_name"):
        return text
    if why := why_not_a_name(text):
        raise Invalid(f"{words} {why}", field=field)
    return normalise_name(text)


def read_date(text: str, field: str = "birth_on", words: str = "Ngày sinh") -> date:
    """A day as people write it (19/05/2012, also with - or .) or as a date field sends it. Raises Invalid naming the field.

    The year in full: 19/05/12 is a day of the year 12, which every page and paper would go on showing as 19/05/12.
    """
    try:
        if text[:4].isdigit() and text[4:5] == "-":
            return date.fromisoformat(text)
        day, month, year = text.replace("-", "/").replace(".", "/").split("/")
        if len(year.strip()) < 4:
            raise ValueError
        return date(int(year), int(month), int(day))
    except ValueError:
        raise Invalid(f"{words} ghi như 19/05/2012.", field=field) from None


_OLDEST = date(1900, 1, 1)


def require_born(birth_on: date | None, now: datetime) -> None:
    """Raise Invalid where the day of birth is after today, or of a year that nobody at school was born in."""
    if birth_on is not None and birth_on > clock.local_date(now):
        raise Invalid("Ngày sinh: sau hôm nay, xin xem lại năm.", field="birth_on")
    if birth_on is not None and birth_on < _OLDEST:
        raise Invalid("Ngày sinh: trước năm 1900, xin xem lại năm.", field="birth_on")


def update_profile(
    actor: Actor,
    student_id: int,
    raw: Mapping[str, str],
    *,
    expected_version: int,
    now: datetime,
    confirmed: bool = False,
) -> Profile:
    """Change the given fields. The version is the one the person saw.

    Raises NotFound, NotAllowed (a field that is not this person's), Invalid (per field; a number already used; an odd
    personal id that was not ``confirmed``: ``details`` say what is odd), Stale.
    """
    with write_transaction() as session:
        student = _load(actor, student_id)
        editable = editable_fields(actor, student)
        unknown = set(raw) - set(FIELDS)
        if unknown:
            raise Invalid("Có mục không thuộc hồ sơ học sinh.", field=sorted(unknown)[0])
        foreign = set(raw) - editable
        if foreign:
            raise NotAllowed(
                f"{FIELD_WORDS[sorted(foreign)[0]]}: mục này do văn thư giữ theo giấy tờ. Chưa có gì thay đổi."
            )
        values = {name: read_value(name, text) for name, text in raw.items()}
        changed = {name: value for name, value in values.items() if getattr(student, name) != value}
        if not changed:
            return profile(actor, student_id)
        require_born(changed.get("birth_on"), now)
        if expected_version != student.version:
            raise Stale("Hồ sơ vừa được người khác sửa. Chưa ghi đè; xin xem lại rồi lưu.", current=student.version)
        civil_status.require_not_printed(student, changed)
        after = {**{name: getattr(student, name) for name in FIELDS}, **changed}
        if not confirmed and {"personal_id_number", "birth_on", "sex", "moet_code"} & changed.keys():
            odd = warnings_of(after)
            if odd:
                raise Invalid(
                    "Số định danh hoặc mã học sinh có chỗ cần đối chiếu. Nếu đúng theo giấy tờ, xin đánh dấu "
                    "đã đối chiếu rồi lưu lại.",
                    field="confirmed",
                    details=odd,
                )
        before = {name: getattr(student, name) for name in changed}
        if "full_name" in changed:
            changed["sort_key"] = sort_key(changed["full_name"])
            changed["search_key"] = search_key(changed["full_name"])
        try:
            done = session.execute(
                update(m.Student)
                .where(m.Student.id == student_id, m.Student.version == expected_version)
                .values(**changed, version=m.Student.version + 1, touched_at=now)
                .execution_options(synchronize_session=False)
            )
        except IntegrityError:
            raise Invalid(
                "Số định danh, mã học sinh hoặc số đăng bộ này đã thuộc về học sinh khác. Chưa ghi gì.",
                field=next(
                    (name for name in ("personal_id_number", "moet_code", "register_no") if name in changed), None
                ),
            ) from None
        if done.rowcount != 1:  # type: ignore[attr-defined]
            raise Stale("Hồ sơ vừa được người khác sửa. Chưa ghi đè; xin xem lại rồi lưu.")
        session.refresh(student)
        audit.record(
            AuditTag.STUDENT_CHANGED,
            actor,
            now,
            target_kind="student",
            target_id=student_id,
            state=audit.states("student", [student], columns=changed),
            before=before,
            facts={"student": student.full_name, "fields": [FIELD_WORDS[name] for name in before]},
        )
        return profile(actor, student_id)


def look_through(actor: Actor, student_id: int, *, expected_version: int, now: datetime) -> None:
    """Say that the profile was looked through and nothing in it is to be changed: it counts as alive from now on.

    Raises NotFound, NotAllowed for whoever may change nothing in it, Stale when it was changed meanwhile.
    """
    with write_transaction():
        student = _load(actor, student_id)
        if not editable_fields(actor, student):
            raise NotAllowed("Hồ sơ này do giáo viên chủ nhiệm và văn thư xem lại.")
        if expected_version != student.version:
            raise Stale("Hồ sơ vừa được người khác sửa. Xin đọc lại rồi xác nhận.", current=student.version)
        student.touched_at = now
        audit.record(
            AuditTag.PROFILE_REVIEWED,
            actor,
            now,
            target_kind="student",
            target_id=student_id,
            facts={"student": student.full_name, "version": student.version},
        )


def class_roster(actor: Actor, class_group_id: int) -> list[tuple[m.Enrollment, m.Student]]:
    """The students of a class in register order, those who left last; NotFound outside the actor's reach."""
    class_for(actor, class_group_id, Permission.STUDENT_READ)
    rows = db.session.execute(
        select(m.Enrollment, m.Student)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.Enrollment.class_group_id == class_group_id)
        .order_by(m.Student.sort_key, m.Enrollment.id)
    ).all()
    return sorted(((row[0], row[1]) for row in rows), key=lambda pair: pair[0].status not in ACTIVE)


def search(actor: Actor, query: str, *, limit: int = 40) -> list[Hit]:
    """Students by name without marks or by a code, classes by name, a transcript by its code: what the actor may open."""
    words = search_key(query)
    if len(words) < 2:
        return []
    hits: list[Hit] = []
    if actor.may(Permission.CLASS_READ) or actor.may(Permission.STUDENT_READ):
        hits += _found_classes(actor, words)
    if actor.may(Permission.TRANSCRIPT_READ):
        hits += _found_record(actor, query.strip().lower())
    if actor.may(Permission.STUDENT_READ):
        hits += _found_students(actor, words, query.strip(), limit)
    return hits[:limit]


def _found_classes(actor: Actor, words: str) -> list[Hit]:
    name = words.removeprefix("lop ").upper()
    rows = db.session.execute(
        select(m.ClassGroup.id, m.ClassGroup.name, m.SchoolYear.label)
        .join(m.SchoolYear)
        .where(m.ClassGroup.name == name)
        .order_by(m.SchoolYear.starts_on.desc())
    )
    hits = []
    for row in rows:
        if reaches_class(actor, row.id, Permission.CLASS_READ):
            hits.append(Hit("class", f"Lớp {row.name}", f"năm học {row.label.replace('-', '–')}", f"/lop/{row.id}"))
        elif reaches_class(actor, row.id, Permission.STUDENT_READ):
            hits.append(
                Hit(
                    "class",
                    f"Lớp {row.name}",
                    f"hồ sơ học sinh, năm học {row.label.replace('-', '–')}",
                    f"/hoc-sinh/lop/{row.id}",
                )
            )
    return hits


def _found_record(actor: Actor, code: str) -> list[Hit]:
    if len(code) != 36:
        return []
    row = db.session.execute(
        select(m.TranscriptRecord.uuid, m.Enrollment.class_group_id, m.Student.full_name)
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.TranscriptRecord.uuid == code)
    ).first()
    if row is None or not reaches_class(actor, row.class_group_id, Permission.TRANSCRIPT_READ):
        return []
    return [Hit("record", row.full_name, f"học bạ {code}", f"/hoc-ba/{code}")]


def _found_students(actor: Actor, words: str, code: str, limit: int) -> list[Hit]:
    def like(word: str) -> str:
        return "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"

    by_name = and_(*(m.Student.search_key.like(like(word), escape="\\") for word in words.split()))
    by_code = or_(m.Student.moet_code == code, m.Student.register_no == code, m.Student.personal_id_number == code)
    statement = (
        select(
            m.Student.id,
            m.Student.full_name,
            m.Student.search_key,
            m.Student.birth_on,
            m.ClassGroup.name,
            m.Enrollment.id.label("enrollment_id"),
            m.Enrollment.class_group_id,
            m.SchoolYear.label,
        )
        .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(or_(by_name, by_code))
        .order_by(m.SchoolYear.starts_on.desc(), m.Student.sort_key)
    )
    whole = {row.role for row in actor.grants} & {Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK}
    if not actor.is_system and not whole:
        statement = statement.where(m.Enrollment.class_group_id.in_(sorted(actor.homeroom)))
    hits: dict[int, Hit] = {}
    for row in db.session.execute(statement.limit(limit * 4)):
        if row.id in hits or not reaches_class(actor, row.class_group_id, Permission.STUDENT_READ):
            continue
        if whole or actor.is_system or _reach(actor, db.session.get_one(m.Student, row.id), Permission.STUDENT_READ):
            link = f"/hoc-sinh/{row.id}"
        elif all(word in row.search_key for word in words.split()):
            link = f"/lop/{row.class_group_id}/hoc-sinh/{row.enrollment_id}"
        else:
            continue  # found by a number that only the present profile tells
        hits[row.id] = Hit(
            "student",
            row.full_name,
            f"lớp {row.name}, năm học {row.label.replace('-', '–')}, sinh {row.birth_on:%d/%m/%Y}",
            link,
        )
        if len(hits) == limit:
            break
    return list(hits.values())
