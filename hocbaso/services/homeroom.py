"""The homeroom teacher's class: the year's matrix, what this teacher records, and finalising the class.

Each field is saved alone, as a cell of a sheet is. The row has one version; ``field_versions`` remembers which version
wrote a field last, so that a conflict is one field changed by two people and never two fields of one pupil.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb, find_move
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.terms import Award, Level, Promotion
from hocbaso.services import audit, results
from hocbaso.services.access import Actor, class_for, roles_reaching
from hocbaso.services.results import ClassResults, StudentResult, SubjectFacts, comma, level_words
from hocbaso.services.score_grid import ACTIVE

CONDUCT_FIELDS = ("conduct_1", "conduct_2")
ABSENCE_FIELDS = ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2")
TEXT_LIMITS = {"remark": 2000, "award_extra": 500, "competitions": 500, "certificates": 500, "certificates_grade": 100}
FIELDS = (*CONDUCT_FIELDS, *ABSENCE_FIELDS, *TEXT_LIMITS)
REQUIRED = (*CONDUCT_FIELDS, *ABSENCE_FIELDS, "remark")
"""What must stand in each row before the class is finalised."""

FIELD_WORDS = {
    "conduct_1": "rèn luyện học kì I",
    "conduct_2": "rèn luyện học kì II",
    "absences_excused_1": "nghỉ có phép học kì I",
    "absences_unexcused_1": "nghỉ không phép học kì I",
    "absences_excused_2": "nghỉ có phép học kì II",
    "absences_unexcused_2": "nghỉ không phép học kì II",
    "remark": "nhận xét",
    "award_extra": "khen thưởng khác",
    "competitions": "các cuộc thi",
    "certificates": "chứng chỉ",
    "certificates_grade": "loại chứng chỉ",
}
MAX_SESSIONS = 400
"""More half-days than any school year has: an absence above it is a slip of the finger."""

_OP_ID = re.compile(r"[0-9A-Za-z-]{8,36}")
_LEVELS = {
    "t": Level.TOT,
    "tot": Level.TOT,
    "tốt": Level.TOT,
    "k": Level.KHA,
    "kha": Level.KHA,
    "khá": Level.KHA,
    "đ": Level.DAT,
    "d": Level.DAT,
    "đạt": Level.DAT,
    "dat": Level.DAT,
    "cđ": Level.CHUA_DAT,
    "cd": Level.CHUA_DAT,
    "c": Level.CHUA_DAT,
    "chưa đạt": Level.CHUA_DAT,
    "chua dat": Level.CHUA_DAT,
}
HOLDERS = {
    SheetState.DRAFT: "đang ở {who}, chưa nộp",
    SheetState.RETURNED: "đang ở {who}, được trả lại để sửa",
    SheetState.SUBMITTED: "đã nộp, đang chờ tổ trưởng soát",
    SheetState.REVIEWED: "đã soát, đang chờ Hiệu trưởng duyệt",
    SheetState.APPROVED: "đã duyệt, đang chờ Hiệu trưởng khoá",
    SheetState.LOCKED: "đã khoá",
}


@dataclass(frozen=True, slots=True)
class ClassGap:
    """What keeps a class from being finalised. ``kind``: sheet, field, decision or exemption; ``link``: where to go."""

    kind: str
    words: str
    link: str
    enrollment_id: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of the homeroom teacher. ``version`` goes back with the value that replaces it."""

    name: str
    value: str | int | None
    text: str
    version: int
    is_gap: bool


@dataclass(frozen=True, slots=True)
class SubjectCell:
    """A subject's result in the matrix. ``state``: value, gap (not complete), or exempt."""

    code: str
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One student's line."""

    number: int
    enrollment_id: int
    student_id: int
    full_name: str
    cells: tuple[SubjectCell, ...]
    fields: Mapping[str, FieldView]
    learning: str
    adjusted: bool
    needs_review: bool
    decided: bool
    conduct_year: str
    promotion: Promotion
    award: Award | None
    steps: tuple[str, ...]
    after_reassessment: str

    @property
    def n_done(self) -> int:
        """Subjects with a result (exempt ones included)."""
        return sum(cell.state != "gap" for cell in self.cells)

    @property
    def n_absences(self) -> int | None:
        """Absences of the year, None while one of the four counts is missing."""
        found = [self.fields[name].value for name in ABSENCE_FIELDS]
        counted = [int(value) for value in found if value is not None]
        return sum(counted) if len(counted) == len(found) else None


@dataclass(frozen=True, slots=True)
class SummerLine:
    """A student with the subjects to be assessed again (Art. 14), or none for conduct training (Art. 13)."""

    row: ClassRow
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepLine:
    """One act upon the class."""

    verb: ClassVerb
    note: str | None
    at: datetime
    by_name: str


@dataclass(frozen=True, slots=True)
class ClassPage:
    """Everything the homeroom page shows. ``term``: 1, 2 or 0 for the year."""

    results: ClassResults
    term: int
    rows: tuple[ClassRow, ...]
    gaps: tuple[ClassGap, ...]
    promoted: tuple[ClassRow, ...]
    retained: tuple[ClassRow, ...]
    to_reassess: tuple[SummerLine, ...]
    to_train: tuple[SummerLine, ...]
    to_decide: tuple[ClassRow, ...]
    to_review: tuple[ClassRow, ...]
    left: tuple[str, ...]
    steps: tuple[StepLine, ...]
    can_edit: bool
    can_finalise: bool
    can_reopen: bool
    can_decide: bool
    due_before: date
    today: date

    @property
    def subjects(self) -> tuple[SubjectFacts, ...]:
        """The columns of the matrix."""
        return self.results.subjects

    @property
    def state(self) -> ClassState:
        """Where the class stands."""
        return ClassState(self.results.state)

    @property
    def n_open_subjects(self) -> int:
        """Subjects with a sheet that is not locked."""
        return sum(not subject.is_locked for subject in self.subjects)

    def gaps_of(self, *kinds: str) -> tuple[ClassGap, ...]:
        """The gaps of some kinds."""
        return tuple(gap for gap in self.gaps if gap.kind in kinds)

    @property
    def returned_note(self) -> StepLine | None:
        """The last return while the class is open again."""
        if self.state is ClassState.OPEN and self.steps and self.steps[-1].verb is ClassVerb.RETURN:
            return self.steps[-1]
        return None


@dataclass(frozen=True, slots=True)
class SavedField:
    """What a save left behind. ``written`` is False when the value stood there already."""

    enrollment_id: int
    student_name: str
    field: FieldView
    conduct_year: str
    n_gaps: int
    written: bool


@dataclass(frozen=True, slots=True)
class StandingField:
    """Both values of a conflict, for the person to choose: carried by :class:`Stale`."""

    enrollment_id: int
    student_name: str
    field: FieldView
    yours: str
    by_name: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ClassMoved:
    """A class after an act."""

    class_group_id: int
    name: str
    state: ClassState
    version: int


# --- reading ----------------------------------------------------------------------------------------------------------


def my_classes(actor: Actor) -> list[m.ClassGroup]:
    """The classes whose page this person may open, own ones first, of open years."""
    if not actor.may(Permission.CLASS_READ):
        return []
    rows = db.session.scalars(
        select(m.ClassGroup)
        .join(m.SchoolYear)
        .where(m.SchoolYear.state == "OPEN")
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    found = [row for row in rows if _may_read(actor, row)]
    return sorted(found, key=lambda row: row.id not in actor.homeroom)


def _may_read(actor: Actor, class_group: m.ClassGroup) -> bool:
    try:
        class_for(actor, class_group.id, Permission.CLASS_READ)
    except NotFound:
        return False
    return True


def class_page(actor: Actor, class_group_id: int, now: datetime, *, term: int = 0) -> ClassPage:
    """The class as this person sees it; NotFound outside the actor's classes. ``term`` 1, 2, or 0 for the year."""
    class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
    today = clock.local_date(now)
    computed = results.compute_class(class_group_id, today)
    year = class_group.school_year
    rows = tuple(_row(number, row, term) for number, row in enumerate(computed.students, start=1))
    gaps = list_gaps(computed)
    keeps = keeps_class(actor, class_group)
    is_open = computed.state == ClassState.OPEN.value
    steps = tuple(
        StepLine(ClassVerb(step.verb), step.note, step.at, step.by_name)
        for step in db.session.scalars(
            select(m.ClassStep).where(m.ClassStep.class_group_id == class_group_id).order_by(m.ClassStep.id)
        )
    )
    by_promotion: dict[Promotion, list[ClassRow]] = {}
    for row in rows:
        by_promotion.setdefault(row.promotion, []).append(row)
    return ClassPage(
        results=computed,
        term=term,
        rows=rows,
        gaps=gaps,
        promoted=tuple(by_promotion.get(Promotion.PROMOTED, []) + by_promotion.get(Promotion.COMPLETED, [])),
        retained=tuple(by_promotion.get(Promotion.RETAINED, [])),
        to_reassess=tuple(
            SummerLine(row, _reassessable(computed, row.enrollment_id))
            for row in by_promotion.get(Promotion.REASSESS, [])
        ),
        to_train=tuple(SummerLine(row) for row in by_promotion.get(Promotion.SUMMER_TRAINING, [])),
        to_decide=tuple(by_promotion.get(Promotion.DECISION_NEEDED, [])),
        to_review=tuple(row for row in rows if row.needs_review),
        left=tuple(row.full_name for row in computed.left),
        steps=steps,
        can_edit=keeps and is_open and year.state == "OPEN",
        can_finalise=keeps and is_open,
        can_reopen=keeps and computed.state == ClassState.FINALISED.value,
        can_decide=actor.may(Permission.DECISION_RECORD)
        and computed.state != ClassState.APPROVED.value
        and Role.PRINCIPAL in roles_reaching(actor, class_group),
        due_before=year.data_complete_before,
        today=today,
    )


def keeps_class(actor: Actor, class_group: m.ClassGroup) -> bool:
    """Whether this person is the class's homeroom teacher today (or the system)."""
    return actor.is_system or (class_group.id in actor.homeroom and Permission.CLASS_KEEP in actor.permissions)


def _row(number: int, found: StudentResult, term: int) -> ClassRow:
    given, result = found.given, found.result
    cells = []
    for line in given.subjects:
        subject = result.subjects[line.subject.code]
        text = (subject.year, subject.semester_1, subject.semester_2)[term]
        exempt = all(line.exempt) if term == 0 else line.exempt[term - 1]
        state = "exempt" if exempt else "value" if text is not None else "gap"
        cells.append(SubjectCell(line.subject.code, "Miễn" if exempt else comma(text), state))
    at = {0: 2, 1: 0, 2: 1}[term]
    fields = {name: _field(name, given.homeroom.get(name), given.homeroom_version) for name in FIELDS}
    return ClassRow(
        number=number,
        enrollment_id=given.enrollment_id,
        student_id=given.student_id,
        full_name=given.full_name,
        cells=tuple(cells),
        fields=fields,
        learning=level_words(result.learning[at]),
        adjusted=result.adjusted[at],
        needs_review=any(result.needs_review),
        decided=bool(given.decisions),
        conduct_year=level_words(result.conduct_year),
        promotion=result.promotion,
        award=Award(result.award) if result.award else None,
        steps=result.steps,
        after_reassessment=level_words(result.learning_after),
    )


def _field(name: str, value: Any, version: int) -> FieldView:
    if name in CONDUCT_FIELDS:
        text = level_words(value)
    else:
        text = "" if value is None else str(value)
    return FieldView(name, value, text, version, name in REQUIRED and value in (None, ""))


def _reassessable(computed: ClassResults, enrollment_id: int) -> tuple[str, ...]:
    regulation = regulation_named(computed.regulation_version)
    row = computed.by_id[enrollment_id]
    names = []
    for line in row.given.subjects:
        year = row.result.subjects[line.subject.code].year
        if year is None or year == "Miễn":
            continue
        if regulation.may_reassess(results.value_of(year)):
            names.append(line.subject.name)
    return tuple(names)


def list_gaps(computed: ClassResults) -> tuple[ClassGap, ...]:
    """Everything that keeps the class from being finalised: unlocked sheets, empty fields, undecided matters."""
    gaps: list[ClassGap] = []
    page = f"/lop/{computed.class_group_id}"
    for subject in computed.subjects:
        for index, sheet in enumerate(subject.sheets):
            semester = "I" * (index + 1)
            if sheet is None:
                gaps.append(ClassGap("sheet", f"{subject.name} học kì {semester}: chưa có bảng điểm", page))
            elif sheet.state != SheetState.LOCKED.value:
                who = ", ".join(subject.teachers) or "chưa ai được phân công"
                gaps.append(
                    ClassGap(
                        "sheet",
                        f"{subject.name} học kì {semester}: {HOLDERS[SheetState(sheet.state)].format(who=who)}",
                        f"/bang-diem/{sheet.id}",
                    )
                )
    for row in computed.students:
        given, result = row.given, row.result
        for name in REQUIRED:
            if given.homeroom.get(name) in (None, ""):
                gaps.append(
                    ClassGap(
                        "field",
                        f"{given.full_name}: thiếu {FIELD_WORDS[name]}",
                        f"{page}#o-{given.enrollment_id}-{name}",
                        given.enrollment_id,
                        name,
                    )
                )
        if given.pending_exemptions:
            gaps.append(
                ClassGap(
                    "exemption",
                    f"{given.full_name}: đề nghị miễn học đang chờ Hiệu trưởng quyết định",
                    f"{page}/hoc-sinh/{given.enrollment_id}",
                    given.enrollment_id,
                )
            )
        for term, needed in zip(("học kì I", "học kì II", "cả năm"), result.needs_review, strict=True):
            if needed:
                gaps.append(
                    ClassGap(
                        "decision",
                        f"{given.full_name}: học tập {term} cần Hội đồng xem xét theo Điều 9 khoản 3",
                        f"{page}/hoc-sinh/{given.enrollment_id}",
                        given.enrollment_id,
                    )
                )
        if result.promotion is Promotion.DECISION_NEEDED:
            gaps.append(
                ClassGap(
                    "decision",
                    f"{given.full_name}: kết luận cả năm chờ quyết định của Hiệu trưởng",
                    f"{page}/hoc-sinh/{given.enrollment_id}",
                    given.enrollment_id,
                )
            )
    return tuple(gaps)


# --- writing ----------------------------------------------------------------------------------------------------------


def read_value(field: str, raw: str) -> str | int | None:
    """What a person typed or chose, as the stored value; "" clears. Invalid with what is accepted."""
    if field not in FIELDS:
        raise NotFound("Không có mục này.")
    text = unicodedata.normalize("NFC", raw).replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return None
    if field in CONDUCT_FIELDS:
        level = _LEVELS.get(" ".join(text.lower().split()))
        if level is None:
            raise Invalid("Rèn luyện chọn một trong bốn mức: Tốt, Khá, Đạt, Chưa đạt.", field=field)
        return level.value
    if field in ABSENCE_FIELDS:
        if not (text.isascii() and text.isdigit()) or int(text) > MAX_SESSIONS:
            raise Invalid(f"Số buổi nghỉ là số nguyên từ 0 đến {MAX_SESSIONS}.", field=field)
        return int(text)
    if len(text) > TEXT_LIMITS[field]:
        raise Invalid(f"Dài {len(text)} chữ, nhiều nhất {TEXT_LIMITS[field]} chữ. Xin viết gọn lại.", field=field)
    if any(unicodedata.category(letter) == "Cc" and letter != "\n" for letter in text):
        raise Invalid("Trong chữ có ký tự lạ không in được. Xin gõ lại.", field=field)
    return text


def _kept_enrollment(actor: Actor, enrollment_id: int) -> m.Enrollment:
    """The enrolment, for its homeroom teacher; NotFound out of scope, NotAllowed for one who may only look."""
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    class_group = class_for(actor, enrollment.class_group_id, Permission.CLASS_READ)
    if not keeps_class(actor, class_group):
        raise NotAllowed("Phần này do giáo viên chủ nhiệm của lớp ghi. Chưa có gì thay đổi.")
    return enrollment


def _guard_open(class_group: m.ClassGroup) -> None:
    if class_group.school_year.state != "OPEN":
        raise WrongState("Năm học đã đóng nên không ghi thêm được. Chưa có gì thay đổi.")
    if class_group.state != ClassState.OPEN.value:
        raise WrongState("Lớp đã chốt tổng kết nên không ghi thêm được. Muốn sửa, xin mở lại lớp trước khi được duyệt.")


def save_field(
    actor: Actor, enrollment_id: int, field: str, raw: str, *, expected_version: int, op_id: str | None, now: datetime
) -> SavedField:
    """Write one field, once.

    ``expected_version`` is the version the person saw (0: no row yet). The same value again writes nothing; the same
    ``op_id`` again answers with what stands. Raises NotFound, NotAllowed, WrongState (class finalised), Invalid, and
    Stale (``current``: :class:`StandingField`) when the field was changed by another since.
    """
    if field not in FIELDS:
        raise NotFound("Không có mục này.")
    if op_id is not None and not _OP_ID.fullmatch(op_id):
        raise Invalid("Mã lần lưu không hợp lệ. Hãy tải lại trang; chữ đã gõ vẫn còn trong ô.", field="op")
    with write_transaction() as session:
        enrollment = _kept_enrollment(actor, enrollment_id)
        class_group = session.get(m.ClassGroup, enrollment.class_group_id, populate_existing=True)
        assert class_group is not None
        record = session.scalar(
            select(m.HomeroomRecord)
            .where(m.HomeroomRecord.enrollment_id == enrollment_id)
            .execution_options(populate_existing=True)
        )
        name = enrollment.student.full_name
        standing = getattr(record, field) if record is not None else None
        version = record.version if record is not None else 0
        written_by: dict[str, list[Any]] = json.loads(record.field_versions) if record is not None else {}
        last_version, last_op = written_by.get(field, [0, None])
        if op_id is not None and last_op == op_id:
            return _saved(class_group, enrollment, name, field, record, written=False)
        _guard_open(class_group)
        if enrollment.status not in ACTIVE:
            raise WrongState(f"{name} không còn học ở lớp này nên không ghi thêm được.")
        value = read_value(field, raw)
        if value == standing:
            return _saved(class_group, enrollment, name, field, record, written=False)
        if expected_version < last_version or expected_version > version:
            raise Stale(
                f"{FIELD_WORDS[field][:1].upper()}{FIELD_WORDS[field][1:]} của {name} vừa được sửa ở nơi khác. Chưa ghi đè; xin chọn một.",
                current=_standing(record, enrollment, name, field, raw),
            )
        if record is None:
            record = m.HomeroomRecord(enrollment_id=enrollment_id, version=0, updated_at=now)
            session.add(record)
        before = {field: standing}
        setattr(record, field, value)
        record.version += 1
        written_by[field] = [record.version, op_id]
        record.field_versions = json.dumps(written_by, sort_keys=True)
        record.updated_at, record.updated_by = now, actor.account_id
        session.flush()
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            actor,
            now,
            target_kind="homeroom_record",
            target_id=record.id,
            state=audit.states("homeroom_record", [record]),
            before=before,
            facts={"student": name, "class": class_group.name, "field": FIELD_WORDS[field]},
        )
        return _saved(class_group, enrollment, name, field, record, written=True)


def save_class(actor: Actor, class_group_id: int, values: Mapping[int, Mapping[str, Any]], *, now: datetime) -> int:
    """Write stored values of many students at once (``field`` -> value), one transaction and one entry.

    For imports and the sample school. Returns the rows written. Raises like :func:`save_field`.
    """
    with write_transaction() as session:
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        if not keeps_class(actor, class_group):
            raise NotAllowed("Phần này do giáo viên chủ nhiệm của lớp ghi. Chưa có gì thay đổi.")
        session.refresh(class_group)
        _guard_open(class_group)
        members = {
            row.id
            for row in session.scalars(
                select(m.Enrollment).where(
                    m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE)
                )
            )
        }
        standing = {
            row.enrollment_id: row
            for row in session.scalars(select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id.in_(members)))
        }
        touched = []
        for enrollment_id, wanted in values.items():
            if enrollment_id not in members:
                raise NotFound("Có học sinh không còn trong lớp. Chưa ghi gì.")
            checked = {field: read_value(field, "" if value is None else str(value)) for field, value in wanted.items()}
            record = standing.get(enrollment_id)
            if record is not None and all(getattr(record, field) == value for field, value in checked.items()):
                continue
            if record is None:
                record = m.HomeroomRecord(enrollment_id=enrollment_id, version=0, field_versions="{}")
                session.add(record)
            record.version += 1
            written_by = json.loads(record.field_versions)
            for field, value in checked.items():
                if getattr(record, field) != value:
                    setattr(record, field, value)
                    written_by[field] = [record.version, None]
            record.field_versions = json.dumps(written_by, sort_keys=True)
            record.updated_at, record.updated_by = now, actor.account_id
            touched.append(record)
        session.flush()
        if touched:
            audit.record(
                AuditTag.HOMEROOM_CHANGED,
                actor,
                now,
                target_kind="class_group",
                target_id=class_group_id,
                state=audit.states("homeroom_record", touched),
                facts={"class": class_group.name, "n_students": len(touched)},
            )
        return len(touched)


def _saved(
    class_group: m.ClassGroup,
    enrollment: m.Enrollment,
    name: str,
    field: str,
    record: m.HomeroomRecord | None,
    *,
    written: bool,
) -> SavedField:
    year = class_group.school_year
    levels = [
        Level(value) if value else None
        for value in ((record.conduct_1, record.conduct_2) if record is not None else (None, None))
    ]
    conduct = regulation_named(year.regulation_version).conduct_year(*levels)
    return SavedField(
        enrollment.id,
        name,
        _field(
            field, getattr(record, field) if record is not None else None, record.version if record is not None else 0
        ),
        level_words(conduct),
        _count_field_gaps(class_group.id),
        written,
    )


def _count_field_gaps(class_group_id: int) -> int:
    filled = sum(
        (func.count(getattr(m.HomeroomRecord, name)) for name in REQUIRED[1:]),
        start=func.count(getattr(m.HomeroomRecord, REQUIRED[0])),
    )
    n_students, n_filled = db.session.execute(
        select(func.count(m.Enrollment.id), filled)
        .outerjoin(m.HomeroomRecord, m.HomeroomRecord.enrollment_id == m.Enrollment.id)
        .where(m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE))
    ).one()
    return n_students * len(REQUIRED) - n_filled


def _standing(
    record: m.HomeroomRecord | None, enrollment: m.Enrollment, name: str, field: str, raw: str
) -> StandingField:
    account = db.session.get(m.Account, record.updated_by) if record is not None and record.updated_by else None
    return StandingField(
        enrollment.id,
        name,
        _field(
            field, getattr(record, field) if record is not None else None, record.version if record is not None else 0
        ),
        raw.strip(),
        account.person.full_name if account is not None else "Hệ thống",
        record.updated_at if record is not None else None,
    )


# --- finalising -------------------------------------------------------------------------------------------------------


def finalise(actor: Actor, class_group_id: int, *, expected_version: int, now: datetime) -> ClassMoved:
    """Close the homeroom teacher's work: OPEN -> FINALISED.

    Raises Incomplete (``gaps``: tuple of :class:`ClassGap`) while a sheet is unlocked, a field is empty or a decision
    is due; NotFound, NotAllowed, WrongState, Stale.
    """
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        guard_move(actor, class_group, ClassVerb.FINALISE, expected_version)
        computed = results.compute_class(class_group_id, clock.local_date(now), fresh=True)
        if not computed.students:
            raise WrongState(f"Lớp {class_group.name} chưa có học sinh nào.")
        gaps = list_gaps(computed)
        if gaps:
            raise Incomplete(
                f"Chưa chốt được lớp {class_group.name}: còn {len(gaps)} việc. Những gì đã ghi vẫn còn nguyên.",
                gaps=gaps,
                details=tuple(gap.words for gap in gaps),
            )
        return move(actor, class_group, ClassVerb.FINALISE, None, now)


def reopen(
    actor: Actor, class_group_id: int, *, expected_version: int, now: datetime, note: str | None = None
) -> ClassMoved:
    """Take a finalised class back before it is approved."""
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        guard_move(actor, class_group, ClassVerb.REOPEN, expected_version)
        return move(actor, class_group, ClassVerb.REOPEN, clean_note(note), now)


def parties_of(actor: Actor, class_group: m.ClassGroup) -> frozenset[ClassParty]:
    """The actor's relations to a class. Nobody approves the class they keep by delegation."""
    if actor.is_system:
        return frozenset(ClassParty)
    parties: set[ClassParty] = set()
    if keeps_class(actor, class_group):
        parties.add(ClassParty.HOMEROOM)
    reaching = roles_reaching(actor, class_group)
    if Role.PRINCIPAL in reaching or (Role.DELEGATE in reaching and ClassParty.HOMEROOM not in parties):
        parties.add(ClassParty.APPROVER)
    return frozenset(parties)


_WHOSE = {
    ClassParty.HOMEROOM: "giáo viên chủ nhiệm của lớp",
    ClassParty.APPROVER: "Hiệu trưởng hoặc người được ủy quyền",
}


def guard_move(actor: Actor, class_group: m.ClassGroup, verb: ClassVerb, expected_version: int) -> None:
    """Read the class afresh and refuse: wrong state, wrong person, an older look at it. Inside the transaction."""
    db.session.refresh(class_group)
    row = find_move(ClassState(class_group.state), verb)
    if row.party not in parties_of(actor, class_group):
        raise NotAllowed(f"Việc này của {_WHOSE[row.party]}. Chưa có gì thay đổi.")
    if expected_version != class_group.version:
        raise Stale(
            "Lớp đã đổi sau khi thầy, cô mở trang. Xin xem lại rồi làm tiếp; chưa có gì thay đổi.",
            current=class_group.version,
        )


def clean_note(note: str | None) -> str | None:
    """A note of one paragraph; Invalid above 1000 characters."""
    words = " ".join(unicodedata.normalize("NFC", note or "").split()) or None
    if words and len(words) > 1000:
        raise Invalid("Ghi chú dài quá 1000 chữ. Chưa có gì thay đổi.", field="note")
    return words


def move(actor: Actor, class_group: m.ClassGroup, verb: ClassVerb, note: str | None, now: datetime) -> ClassMoved:
    """Write the move, its step and its entry; the guards have passed. Inside the caller's transaction."""
    session = db.session
    row = find_move(ClassState(class_group.state), verb)
    done = session.execute(
        update(m.ClassGroup)
        .where(
            m.ClassGroup.id == class_group.id,
            m.ClassGroup.version == class_group.version,
            m.ClassGroup.state == row.from_state.value,
        )
        .values(state=row.to_state.value, version=m.ClassGroup.version + 1)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Có người vừa chuyển lớp này. Xin mở lại trang; chưa có gì thay đổi.")
    session.refresh(class_group)
    session.add(
        m.ClassStep(
            class_group_id=class_group.id,
            verb=verb.value,
            from_state=row.from_state.value,
            to_state=row.to_state.value,
            note=note,
            at=now,
            by_account_id=actor.account_id,
            by_name=actor.name,
        )
    )
    session.flush()
    audit.record(
        AuditTag.CLASS_MOVED,
        actor,
        now,
        target_kind="class_group",
        target_id=class_group.id,
        state=audit.states("class_group", [class_group]),
        before={"state": row.from_state},
        note=note,
        facts={"class": class_group.name, "verb": verb.value},
    )
    return ClassMoved(class_group.id, class_group.name, row.to_state, class_group.version)
