"""What the people around a class's transcripts see: where each stands, what is out of the ordinary, what changed since the last look.

Exceptions come first (workflow.md, Transcript record): re-assessed, exempt, decided by the principal, corrected, adjusted by clause 3
of Article 9. Everything shown is read from the record that will be signed, never from a live sheet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Incomplete, NotFound
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.terms import Level, PassFail
from hocbaso.regulations.transcript_flow import SIGNED_STATES, SIGNING_ORDER, RecordState, SignatureRole
from hocbaso.services import batches, certificates, signing, transcripts
from hocbaso.services.access import Actor, class_for
from hocbaso.services.transcript_contents import deputies, homeroom_person, principal_person, signers_of


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs from what the signer saw last."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One student of the class."""

    enrollment_id: int
    name: str
    code: str
    uuid: str | None
    state: str | None
    learning: str | None
    conduct: str | None
    promotion: str | None
    award: str | None
    flags: tuple[str, ...]
    """Why a signer should look closely, in words; empty for an ordinary record."""
    is_new: bool
    """Built since the signer's last look."""
    changes: tuple[Change, ...]
    """Against the record this one replaces."""
    my_turn: bool


@dataclass(frozen=True, slots=True)
class SigningPanel:
    """What stands in the panel before signing. ``problem`` says why signing is not possible now."""

    role: SignatureRole
    signer_name: str
    certificate: certificates.CertificateView | None
    n_due: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Where the transcripts of a class stand."""

    class_group_id: int
    name: str
    year_label: str
    class_state: str
    homeroom_name: str | None
    n_students: int
    n_built: int
    n_homeroom: int
    n_principal: int
    n_sealed: int
    n_published: int
    sign_before: str
    waits_for: str


@dataclass(frozen=True, slots=True)
class ClassView:
    """The page of a class. ``rows``: what a person should look at first, then the rest in register order."""

    row: ClassRow
    looked_at: datetime | None
    n_changed: int
    odd: tuple[RecordRow, ...]
    plain: tuple[RecordRow, ...]
    panel: SigningPanel | None
    may_build: bool
    build_problem: str | None
    principal_choices: tuple[tuple[int, str], ...]
    """(person id, name) of deputies who may sign for the principal; the principal's own name is id 0."""
    may_publish: bool
    may_recall: bool
    batch_ids: tuple[int, ...]

    @property
    def rows(self) -> tuple[RecordRow, ...]:
        """Everybody, the odd ones first."""
        return self.odd + self.plain


@dataclass(frozen=True, slots=True)
class SignatureView:
    """One signature of a record."""

    role: str
    signer_name: str
    signed_at: datetime
    certificate: certificates.CertificateView
    level: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """The page of one student's transcript."""

    uuid: str
    state: str
    content: tc.TranscriptContent
    class_group_id: int
    code: str
    flags: tuple[str, ...]
    changes: tuple[Change, ...]
    signatures: tuple[SignatureView, ...]
    missing_roles: tuple[str, ...]
    replaces_uuid: str | None
    replaced_by_uuid: str | None
    recalled_at: datetime | None
    published_at: datetime | None
    may_recall: bool


# --- what is out of the ordinary ----------------------------------------------------------------------------------------

_TERMS = {"semester_1": "học kì I", "semester_2": "học kì II", "year": "cả năm"}


def flags_of(content: tc.TranscriptContent, frozen: dict[str, Any]) -> tuple[str, ...]:
    """Why a signer should look closely at a record."""
    found = []
    again = [row.name for row in content.subjects if row.after_reassessment]
    if again:
        found.append("Đánh giá lại: " + ", ".join(again))
    if content.conduct.after:
        found.append("Rèn luyện lại trong hè: " + tc.LEVEL_WORDS[content.conduct.after])
    exempt = [row.name for row in content.subjects if tc.EXEMPT in (row.semester_1, row.semester_2, row.year)]
    if exempt:
        found.append("Miễn học: " + ", ".join(exempt))
    adjusted = [words for term, words in _TERMS.items() if getattr(content.learning, f"{term}_adjusted")]
    if adjusted:
        found.append("Học tập nâng mức theo khoản 3 Điều 9: " + ", ".join(adjusted))
    if frozen.get("decisions"):
        found.append("Có quyết định của Hiệu trưởng")
    if content.corrections.n_places:
        found.append(f"Sửa chữa {content.corrections.n_places} chỗ: " + ", ".join(content.corrections.subject_names))
    if content.replaces_uuid:
        found.append("Bản thay cho bản đã thu hồi")
    if content.promotion.retained:
        found.append("Không được lên lớp")
    return tuple(found)


_LABELS = {
    "student.full_name": "Họ và tên",
    "student.born_on": "Ngày sinh",
    "student.sex": "Giới tính",
    "student.birth_place": "Nơi sinh",
    "student.ethnicity": "Dân tộc",
    "student.address": "Chỗ ở",
    "student.personal_id": "Số định danh",
    "student.home_town": "Quê quán",
    "class_name": "Lớp",
    "issue_on": "Ngày phát hành",
    "homeroom.name": "Giáo viên chủ nhiệm",
    "principal.name": "Người ký (Hiệu trưởng)",
    "homeroom_remark": "Nhận xét của GVCN",
    "principal_remark": "Nhận xét của Hiệu trưởng",
    "completion": "Hoàn thành chương trình",
    "promotion.promoted": "Được lên lớp",
    "promotion.retained": "Không được lên lớp",
    "promotion.promoted_after": "Lên lớp sau đánh giá lại",
}
for _track, _words in (("learning", "Học tập"), ("conduct", "Rèn luyện")):
    for _term, _term_words in (*_TERMS.items(), ("after", "sau hè")):
        _LABELS[f"{_track}.{_term}"] = f"{_words} {_term_words}"
_SUBJECT_FIELDS = {
    "semester_1": "học kì I",
    "semester_2": "học kì II",
    "year": "cả năm",
    "after_reassessment": "đánh giá lại",
    "remark": "nhận xét",
}


def changes_between(old: tc.TranscriptContent, new: tc.TranscriptContent) -> tuple[Change, ...]:
    """Every printed value that differs, with words for where it stands."""
    found = []
    before, after = tc.to_plain(old), tc.to_plain(new)
    for path, label in _LABELS.items():
        left, right = _at(before, path), _at(after, path)
        if left != right:
            found.append(Change(label, _say(left, path), _say(right, path)))
    former = {row.code: row for row in old.subjects}
    for row in new.subjects:
        past = former.get(row.code)
        for name, words in _SUBJECT_FIELDS.items():
            left, right = (getattr(past, name) if past else None), getattr(row, name)
            if left != right:
                found.append(Change(f"{row.name}, {words}", _say(left), _say(right)))
    return tuple(found)


def _at(plain: Any, path: str) -> Any:
    for name in path.split("."):
        if plain is None:
            return None
        plain = plain[name]
    return plain


def _say(value: Any, path: str = "") -> str:
    if value is None:
        return "(trống)"
    if path.startswith(("learning.", "conduct.")):
        return tc.LEVEL_WORDS[Level(value)]
    text = str(value)
    if path in ("student.born_on", "issue_on"):
        return "/".join(reversed(text.split("-")))
    if text.replace(".", "", 1).isdigit():
        return text.replace(".", ",")
    return {PassFail.PASS.value: "Đạt", PassFail.FAIL.value: "Chưa đạt"}.get(text, text)


# --- classes ------------------------------------------------------------------------------------------------------------


def classes(actor: Actor, year_id: int | None = None) -> list[ClassRow]:
    """The classes within the actor's reach and where their transcripts stand, by year (newest first) and name."""
    actor.require(Permission.TRANSCRIPT_READ)
    statement = select(m.ClassGroup).join(m.SchoolYear).order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.name)
    if year_id is not None:
        statement = statement.where(m.ClassGroup.school_year_id == year_id)
    found = []
    for class_group in db.session.scalars(statement):
        try:
            class_for(actor, class_group.id, Permission.TRANSCRIPT_READ)
        except NotFound:
            continue
        found.append(_class_row(class_group))
    return found


_REACHED = {
    state: step
    for step, state in enumerate(
        (
            RecordState.CREATED,
            RecordState.HOMEROOM_SIGNED,
            RecordState.PRINCIPAL_SIGNED,
            RecordState.ISSUED,
            RecordState.PUBLISHED,
        )
    )
}


def _class_row(class_group: m.ClassGroup) -> ClassRow:
    n_students = (
        db.session.scalar(
            select(func.count())
            .select_from(m.Enrollment)
            .where(
                m.Enrollment.class_group_id == class_group.id, m.Enrollment.status.in_(("studying", "transferred_in"))
            )
        )
        or 0
    )
    counts: dict[int, int] = {}
    for state, count in db.session.execute(
        select(m.TranscriptRecord.state, func.count())
        .join(m.Enrollment)
        .where(
            m.Enrollment.class_group_id == class_group.id,
            m.Enrollment.status.in_(("studying", "transferred_in")),
            m.TranscriptRecord.state != RecordState.RECALLED.value,
        )
        .group_by(m.TranscriptRecord.state)
    ):
        step = _REACHED.get(RecordState(state), 4)
        counts[step] = counts.get(step, 0) + count
    at_least = [sum(count for step, count in counts.items() if step >= least) for least in range(5)]
    person = db.session.scalar(
        select(m.Person.full_name)
        .join(m.HomeroomAssignment, m.HomeroomAssignment.person_id == m.Person.id)
        .where(m.HomeroomAssignment.class_group_id == class_group.id)
        .order_by(m.HomeroomAssignment.starts_on.desc(), m.HomeroomAssignment.id.desc())
        .limit(1)
    )
    year = class_group.school_year
    before = year.sign_before(class_group.grade_level)
    built, homeroom, principal, sealed, published = at_least
    return ClassRow(
        class_group.id,
        class_group.name,
        year.label,
        class_group.state,
        person,
        n_students,
        built,
        homeroom,
        principal,
        sealed,
        published,
        before.strftime("%d/%m/%Y"),
        _waits_for(class_group, n_students, at_least),
    )


def _waits_for(class_group: m.ClassGroup, n_students: int, at_least: list[int]) -> str:
    if class_group.state != ClassState.APPROVED.value:
        return "Chờ duyệt tổng kết lớp"
    built, homeroom, principal, sealed, published = at_least
    if built < n_students:
        return "Chờ lập học bạ"
    if homeroom < built:
        return "Chờ giáo viên chủ nhiệm ký"
    if principal < built:
        return "Chờ Hiệu trưởng ký"
    if sealed < built:
        return "Chờ đóng dấu"
    return "Chờ công bố" if published < built else "Xong"


def class_view(actor: Actor, class_group_id: int, now: datetime) -> ClassView:
    """Everything a signer, the clerk or the principal sees of a class. NotFound outside one's reach."""
    class_group = class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    enrollments = transcripts.students_of(class_group_id)
    records = transcripts.records_in_force(row.id for row in enrollments)
    frozen = transcripts.latest_frozen(row.id for row in enrollments)
    looked_at = _looked_at(actor, class_group_id)
    role = _role_of(actor, class_group)
    rows = [
        _row(enrollment, records.get(enrollment.id), frozen.get(enrollment.id), looked_at, role)
        for enrollment in enrollments
    ]
    odd = tuple(row for row in rows if row.flags or row.changes or (row.is_new and looked_at is not None))
    plain = tuple(row for row in rows if row not in odd)
    today = clock.local_date(now)
    chosen_principal = principal_person(today)
    choices = ([(0, chosen_principal.full_name)] if chosen_principal else []) + [
        (person.id, f"KT. Hiệu trưởng: {person.full_name}") for person in deputies(class_group, today)
    ]
    may_build = _may(actor, class_group_id, Permission.TRANSCRIPT_BUILD) and len(records) < len(enrollments)
    return ClassView(
        row=_class_row(class_group),
        looked_at=looked_at,
        n_changed=sum(1 for row in rows if row.is_new) if looked_at is not None else 0,
        odd=odd,
        plain=plain,
        panel=_panel(actor, class_group, role, rows, now),
        may_build=may_build,
        build_problem=_build_problem(class_group, now) if may_build else None,
        principal_choices=tuple(choices),
        may_publish=_may(actor, class_group_id, Permission.TRANSCRIPT_PUBLISH)
        and any(row.state == RecordState.ISSUED.value for row in rows),
        may_recall=_may(actor, class_group_id, Permission.TRANSCRIPT_RECALL),
        batch_ids=tuple(batches.batches_of_class(class_group_id)),
    )


def _may(actor: Actor, class_group_id: int, permission: Permission) -> bool:
    try:
        class_for(actor, class_group_id, permission)
    except NotFound:
        return False
    return True


def _role_of(actor: Actor, class_group: m.ClassGroup) -> SignatureRole | None:
    """In which role this person signs this class; the homeroom teacher's own class first."""
    if actor.is_system:
        return None
    for step in SIGNING_ORDER:
        if _may(actor, class_group.id, signing.PERMISSION[step.role]):
            return step.role
    return None


def _build_problem(class_group: m.ClassGroup, now: datetime) -> str | None:
    if class_group.state != ClassState.APPROVED.value:
        return "Lớp chưa được duyệt tổng kết nên chưa lập học bạ được."
    try:
        signers_of(class_group, clock.local_date(now))
    except Incomplete as error:
        return error.message
    return None


def _row(
    enrollment: m.Enrollment,
    record: m.TranscriptRecord | None,
    frozen: m.FrozenResult | None,
    looked_at: datetime | None,
    role: SignatureRole | None,
) -> RecordRow:
    student = enrollment.student
    if record is None:
        return RecordRow(
            enrollment.id,
            student.full_name,
            transcripts.student_code(student),
            None,
            None,
            None,
            None,
            None,
            None,
            (),
            False,
            (),
            False,
        )
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    flags = flags_of(content, json.loads(frozen.content) if frozen else {})
    if frozen is not None and frozen.id != record.frozen_result_id:
        flags = ("Kết quả đã có bản mới: thu hồi và lập lại trước khi ký", *flags)
    step = next((step for step in SIGNING_ORDER if step.role is role), None)
    return RecordRow(
        enrollment.id,
        content.student.full_name,
        transcripts.student_code(student),
        record.uuid,
        record.state,
        content.learning.year.value if content.learning.year else None,
        content.conduct.year.value if content.conduct.year else None,
        content.promotion.outcome.value if content.promotion.outcome else None,
        "; ".join(content.awards) or None,
        flags,
        looked_at is not None and record.built_at > looked_at,
        _changes_of(record, content),
        step is not None and record.state == step.from_state.value,
    )


def _changes_of(record: m.TranscriptRecord, content: tc.TranscriptContent) -> tuple[Change, ...]:
    if record.replaces_id is None:
        return ()
    former = db.session.get(m.TranscriptRecord, record.replaces_id)
    if former is None:
        return ()
    return changes_between(tc.from_canonical_json(former.content.encode("utf-8")), content)


def _panel(
    actor: Actor, class_group: m.ClassGroup, role: SignatureRole | None, rows: list[RecordRow], now: datetime
) -> SigningPanel | None:
    n_due = sum(row.my_turn for row in rows)
    if role is None or n_due == 0:
        return None
    person = None if role is SignatureRole.SEAL else db.session.get(m.Person, actor.person_id)
    row = certificates.current_certificate(person.id if person else None)
    view = certificates.view_of(row, now) if row is not None else None
    problem = None
    if view is None:
        problem = (
            "Trường chưa có chứng thư con dấu." if role is SignatureRole.SEAL else "Thầy, cô chưa đăng ký chứng thư số."
        )
    elif view.state not in ("good", "ending"):
        problem = {
            "expired": "Chứng thư số đã hết hạn.",
            "early": "Chứng thư số chưa đến ngày có hiệu lực.",
            "closed": "Khoá ký đã đóng vì nhập sai mã PIN năm lần; xin đăng ký lại.",
            "untrusted": "Chứng thư số không do nơi cấp mà trường tin cậy.",
        }.get(view.state, "Chứng thư số đã ngừng dùng.")
    return SigningPanel(role, certificates.owner_of(person), view, n_due, problem)


def _looked_at(actor: Actor, class_group_id: int) -> datetime | None:
    if actor.account_id is None:
        return None
    found: datetime | None = db.session.scalar(
        select(m.SignerLook.looked_at).where(
            m.SignerLook.account_id == actor.account_id, m.SignerLook.class_group_id == class_group_id
        )
    )
    return found


def mark_looked(actor: Actor, class_group_id: int, now: datetime) -> None:
    """Remember that the actor has looked the class through; the next look begins with what is newer."""
    class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    if actor.account_id is None:
        return
    with write_transaction() as session:
        row = session.scalar(
            select(m.SignerLook).where(
                m.SignerLook.account_id == actor.account_id, m.SignerLook.class_group_id == class_group_id
            )
        )
        if row is None:
            session.add(m.SignerLook(account_id=actor.account_id, class_group_id=class_group_id, looked_at=now))
        else:
            row.looked_at = now


def waiting_for(actor: Actor) -> int:
    """How many transcripts wait for this person's signature."""
    conditions = []
    for step in SIGNING_ORDER:
        if actor.is_system or signing.PERMISSION[step.role] not in actor.permissions:
            continue
        conditions.append((step.from_state.value, step.role))
    if not conditions:
        return 0
    total = 0
    rows = db.session.execute(
        select(m.Enrollment.class_group_id, m.TranscriptRecord.state, func.count())
        .join(m.TranscriptRecord)
        .where(m.TranscriptRecord.state.in_([state for state, _ in conditions]))
        .group_by(m.Enrollment.class_group_id, m.TranscriptRecord.state)
    )
    for class_group_id, state, count in rows:
        role = next(role for wanted, role in conditions if wanted == state)
        if _may(actor, class_group_id, signing.PERMISSION[role]):
            total += count
    return total


# --- one student --------------------------------------------------------------------------------------------------------


def record_view(actor: Actor, record_uuid: str, now: datetime) -> RecordView:
    """One student's transcript with its signatures. NotFound outside one's reach."""
    record = transcripts.record_for(actor, record_uuid)
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    frozen = db.session.get(m.FrozenResult, record.frozen_result_id)
    made = []
    for row in db.session.scalars(
        select(m.TranscriptSignature)
        .where(m.TranscriptSignature.transcript_record_id == record.id)
        .order_by(m.TranscriptSignature.id)
    ):
        certificate = db.session.get(m.Certificate, row.certificate_id)
        assert certificate is not None
        made.append(
            SignatureView(row.role, row.signer_name, row.signed_at, certificates.view_of(certificate, now), row.level)
        )
    present = {row.role for row in made}
    replaced = db.session.get(m.TranscriptRecord, record.replaces_id) if record.replaces_id else None
    successor = db.session.scalar(select(m.TranscriptRecord.uuid).where(m.TranscriptRecord.replaces_id == record.id))
    return RecordView(
        record.uuid,
        record.state,
        content,
        record.enrollment.class_group_id,
        transcripts.student_code(record.enrollment.student),
        flags_of(content, json.loads(frozen.content) if frozen else {}),
        _changes_of(record, content),
        tuple(made),
        tuple(step.role.value for step in SIGNING_ORDER if step.role.value not in present),
        replaced.uuid if replaced else None,
        successor,
        record.recalled_at,
        record.published_at,
        record.state != RecordState.RECALLED.value
        and _may(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_RECALL),
    )


SEALED_STATES = tuple(state.value for state in SIGNED_STATES)
"""States that a holder of the file may rely on."""

__all__ = [
    "Change",
    "ClassRow",
    "ClassView",
    "RecordRow",
    "RecordView",
    "SigningPanel",
    "changes_between",
    "class_view",
    "classes",
    "flags_of",
    "homeroom_person",
    "mark_looked",
    "record_view",
    "waiting_for",
]
