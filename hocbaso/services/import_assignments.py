"""Importing who teaches what: subjects of classes with their sheets, teaching and homeroom assignments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.exchange.rows import AssignmentRow, ImportTable
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.vietnamese_text import name_key
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.averages import regular_count
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, duties, roster
from hocbaso.services.import_plans import (
    FieldChange,
    ImportPlan,
    PlanBuilder,
    PlanContext,
    PlannedItem,
    classes_of,
    plan_class,
)
from hocbaso.services.in_force import has_left, last_day, not_over


@dataclass(slots=True)
class AssignmentWork:
    """What applying will write; classes and subjects are named because the same import may make them."""

    classes: list[str] = field(default_factory=list)
    offers: list[tuple[str, str, int]] = field(default_factory=list)
    """(class, subject code, lessons a year)"""
    lessons: list[tuple[int, int]] = field(default_factory=list)
    """(class subject id, lessons a year)"""
    teaching: list[tuple[str, str, int]] = field(default_factory=list)
    """(class, subject code, person id)"""
    homeroom: list[tuple[str, int]] = field(default_factory=list)


class _Staff:
    """The people of the school by code and by name."""

    def __init__(self, begins: date) -> None:
        people = list(db.session.scalars(select(m.Person)))
        self.begins = begins
        """The day from which an assignment that takes over counts."""
        self.by_code = {row.staff_code.upper(): row for row in people}
        self.by_name: dict[str, list[m.Person]] = {}
        for row in people:
            self.by_name.setdefault(name_key(row.full_name), []).append(row)

    def find(self, row: AssignmentRow, builder: PlanBuilder) -> m.Person | None:
        """The teacher of a row, or None with the reason reported. Code and name must tell of one person."""
        if row.teacher_code is not None:
            person = self.by_code.get(row.teacher_code.upper())
            if person is None:
                builder.error(
                    row.at("teacher_code"),
                    "Mã giáo viên",
                    row.teacher_code,
                    "chưa có cán bộ nào mang mã này; hãy nhập danh sách cán bộ trước.",
                )
                return None
            if row.teacher_name is not None and name_key(row.teacher_name) != name_key(person.full_name):
                builder.error(
                    row.at("teacher_name"),
                    "Giáo viên",
                    row.teacher_name,
                    f"mã {row.teacher_code} là của {person.full_name}; mã và tên không khớp nhau.",
                )
                return None
        else:
            named = self.by_name.get(name_key(row.teacher_name or ""), [])
            if len(named) != 1:
                builder.error(
                    row.at("teacher_name"),
                    "Giáo viên",
                    row.teacher_name,
                    f"có {len(named)} người cùng tên; hãy ghi mã giáo viên."
                    if named
                    else "không có trong danh sách cán bộ.",
                )
                return None
            person = named[0]
        if has_left(person, self.begins):
            builder.error(
                row.at("teacher_code" if row.teacher_code else "teacher_name"),
                "Giáo viên",
                person.full_name,
                f"làm việc ở trường đến hết {person.left_on:%d/%m/%Y}.",
            )
            return None
        return person


def plan_assignments(table: ImportTable[AssignmentRow], context: PlanContext) -> ImportPlan:
    """Compare the assignments with the database. Whoever is assigned and not in the file keeps the assignment."""
    builder = PlanBuilder("assignments", table.profile, context, table.problems)
    work, classes, staff = AssignmentWork(), classes_of(context.year), _Staff(_begins(context))
    offered = _offered(context.year)
    teaching = _assigned(m.TeachingAssignment, "class_subject_id", context)
    homeroom = _assigned(m.HomeroomAssignment, "class_group_id", context)
    for row in table.rows:
        if row.class_name[0] not in "6789":
            builder.error(
                row.at("class_name"), "Lớp", row.class_name, "không phải lớp của trường trung học cơ sở (6 đến 9)."
            )
            continue
        person = staff.find(row, builder)
        plan_class(builder, row.class_name, row.at("class_name"), classes, work.classes)
        if row.subject_code is not None:
            standing = offered.get((row.class_name, row.subject_code))
            if _plan_subject(row, standing, classes, work, builder) and person is not None:
                _plan_teacher(row, person, teaching.get(standing.id, []) if standing else [], work, builder)
        if row.is_homeroom and person is not None:
            known = classes.get(row.class_name)
            _plan_homeroom(row, person, homeroom.get(known.id, []) if known else [], work, builder)
    return builder.build(work)


def _begins(context: PlanContext) -> date:
    return max(context.today, context.year.starts_on) if context.year is not None else context.today


def _offered(year: m.SchoolYear | None) -> dict[tuple[str, str], m.ClassSubject]:
    if year is None:
        return {}
    rows = db.session.execute(
        select(m.ClassGroup.name, m.Subject.code, m.ClassSubject)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
        .where(m.ClassGroup.school_year_id == year.id)
    )
    return {(class_name, code): row for class_name, code, row in rows}


def _assigned(model: Any, place: str, context: PlanContext) -> dict[int, list[m.Person]]:
    """People assigned from today or later on, by class subject or class."""
    found: dict[int, list[m.Person]] = {}
    rows = db.session.execute(
        select(getattr(model, place), m.Person)
        .join(m.Person, m.Person.id == model.person_id)
        .where(not_over(model, context.today))
    )
    for place_id, person in rows:
        found.setdefault(place_id, []).append(person)
    return found


def _plan_subject(
    row: AssignmentRow,
    standing: m.ClassSubject | None,
    classes: dict[str, m.ClassGroup],
    work: AssignmentWork,
    builder: PlanBuilder,
) -> bool:
    """Plan the class subject; False when the row is refused."""
    code = row.subject_code or ""
    subject = SUBJECT_BY_CODE[code]
    label = f"{subject.name} {row.class_name}"
    if standing is None:
        if row.lessons_per_year is None:
            builder.error(
                row.at("lessons_per_year"),
                "Số tiết/năm",
                None,
                f"{label} chưa có số tiết; số tiết quyết định số lần kiểm tra thường xuyên.",
            )
            return False
        if row.class_name in classes and classes[row.class_name].state != ClassState.OPEN.value:
            builder.error(row.at("class_name"), "Lớp", row.class_name, "lớp đã chốt nên không thêm môn được.")
            return False
        work.offers.append((row.class_name, code, row.lessons_per_year))
        builder.add(
            PlannedItem(
                "create", "Môn của lớp", f"{label}, {row.lessons_per_year} tiết, hai bảng điểm", row.at("subject")
            )
        )
        return True
    if row.lessons_per_year is None or row.lessons_per_year == standing.lessons_per_year:
        builder.count("Môn của lớp", "same")
        return True
    if not _may_change_lessons(row, standing, subject.kind, label, builder):
        return False
    work.lessons.append((standing.id, row.lessons_per_year))
    builder.add(
        PlannedItem(
            "change",
            "Môn của lớp",
            label,
            row.at("subject"),
            (
                FieldChange(
                    "Số tiết/năm", str(standing.lessons_per_year), str(row.lessons_per_year), row.at("lessons_per_year")
                ),
            ),
        )
    )
    return True


def _may_change_lessons(
    row: AssignmentRow, standing: m.ClassSubject, kind: SubjectKind, label: str, builder: PlanBuilder
) -> bool:
    """Fewer assessments than are already written, or a sheet that was handed in, forbid another number of lessons."""
    lessons = row.lessons_per_year or 0
    if regular_count(lessons, kind) == regular_count(standing.lessons_per_year, kind):
        return True
    sheets = list(db.session.scalars(select(m.ScoreSheet).where(m.ScoreSheet.class_subject_id == standing.id)))
    reason = ""
    if any(sheet.state not in (SheetState.DRAFT.value, SheetState.RETURNED.value) for sheet in sheets):
        reason = "bảng điểm đã nộp nên không đổi số đầu điểm được"
    else:
        beyond = [f"TX{number}" for number in range(regular_count(lessons, kind) + 1, 5)]
        n_beyond = db.session.scalar(
            select(func.count())
            .select_from(m.ScoreCell)
            .where(
                m.ScoreCell.score_sheet_id.in_([sheet.id for sheet in sheets]),
                m.ScoreCell.column_key.in_(beyond),
                m.ScoreCell.origin != "empty",
            )
        )
        if n_beyond:
            reason = f"đã có {n_beyond} điểm thường xuyên nằm ngoài số lần mới"
    if reason:
        builder.error(
            row.at("lessons_per_year"),
            "Số tiết/năm",
            row.lessons_per_year,
            f"{label} đang là {standing.lessons_per_year} tiết; {reason}.",
        )
    return not reason


def _may_be_given(row: AssignmentRow, person: m.Person, builder: PlanBuilder) -> bool:
    why_not = duties.why_not(builder.context.actor, person.id, builder.context.today)
    if why_not:
        builder.error(row.at("teacher_code"), "Giáo viên", person.staff_code, why_not)
    return not why_not


def _plan_teacher(
    row: AssignmentRow, person: m.Person, standing: list[m.Person], work: AssignmentWork, builder: PlanBuilder
) -> None:
    if any(other.id == person.id for other in standing):
        builder.count("Phân công giảng dạy", "same")
        return
    if not _may_be_given(row, person, builder):
        return
    label = f"{SUBJECT_BY_CODE[row.subject_code or ''].name} {row.class_name}"
    work.teaching.append((row.class_name, row.subject_code or "", person.id))
    builder.add(_assignment_item("Phân công giảng dạy", label, "Giáo viên", person, standing, row.at("teacher_code")))


def _plan_homeroom(
    row: AssignmentRow, person: m.Person, standing: list[m.Person], work: AssignmentWork, builder: PlanBuilder
) -> None:
    if any(name == row.class_name for name, _ in work.homeroom):
        return  # the mark on several rows of one teacher; two teachers were refused on reading
    if any(other.id == person.id for other in standing):
        builder.count("Chủ nhiệm", "same")
        return
    if not _may_be_given(row, person, builder):
        return
    work.homeroom.append((row.class_name, person.id))
    builder.add(
        _assignment_item("Chủ nhiệm", f"Lớp {row.class_name}", "Chủ nhiệm", person, standing, row.at("homeroom"))
    )


def _assignment_item(
    noun: str, label: str, words: str, person: m.Person, standing: list[m.Person], address: str
) -> PlannedItem:
    before = ", ".join(f"{other.full_name} ({other.staff_code})" for other in standing)
    change = FieldChange(words, before, f"{person.full_name} ({person.staff_code})", address)
    return PlannedItem("change" if standing else "create", noun, label, address, (change,))


def apply_assignments(work: AssignmentWork, context: PlanContext, year: m.SchoolYear) -> None:
    """Write the plan inside the caller's transaction: one entry for the class subjects, one for the assignments."""
    actor, now, session = context.actor, context.now, db.session
    classes = classes_of(year)
    for name in work.classes:
        classes[name] = roster.create_class(actor, year, name, now)
    subjects = {row.code: row.id for row in session.scalars(select(m.Subject))}
    if work.offers:
        offered_now, state = roster.open_sheets(
            ((classes[name].id, subjects[code], lessons) for name, code, lessons in work.offers), now
        )
        audit.record(
            AuditTag.SHEET_CREATED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=state,
            facts={"n_class_subjects": len(offered_now), "source": "imported"},
        )
    if work.lessons:
        wanted = dict(work.lessons)
        rows = list(
            session.scalars(select(m.ClassSubject).where(m.ClassSubject.id.in_(wanted)).order_by(m.ClassSubject.id))
        )
        before = {f"{row.id}-lessons_per_year": row.lessons_per_year for row in rows}
        for row in rows:
            row.lessons_per_year = wanted[row.id]
        session.flush()
        audit.record(
            AuditTag.CLASS_SUBJECT_CHANGED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("class_subject", rows),
            before=before,
            facts={"source": "imported"},
        )
    offered = {key: row.id for key, row in _offered(year).items()}
    _assign(
        context,
        year,
        "teaching_assignment",
        m.TeachingAssignment,
        "class_subject_id",
        [(offered[name, code], person_id) for name, code, person_id in work.teaching],
    )
    _assign(
        context,
        year,
        "homeroom_assignment",
        m.HomeroomAssignment,
        "class_group_id",
        [(classes[name].id, person_id) for name, person_id in work.homeroom],
    )


def _assign(
    context: PlanContext, year: m.SchoolYear, kind: str, model: Any, place: str, wanted: list[tuple[int, int]]
) -> None:
    """First assignments begin with the year; one that takes over from another begins today."""
    if not wanted:
        return
    session, actor, now = db.session, context.actor, context.now
    handover = max(context.today, year.starts_on)
    people = {
        row.id: row
        for row in session.scalars(select(m.Person).where(m.Person.id.in_({person_id for _, person_id in wanted})))
    }
    ended, made = [], []
    for place_id, person_id in wanted:
        standing = list(
            session.scalars(select(model).where(getattr(model, place) == place_id, not_over(model, handover)))
        )
        for old in standing:
            old.ends_on = handover - timedelta(days=1)
            roster.renew_powers(old.person_id)
        ended += standing
        made.append(
            model(
                person_id=person_id,
                starts_on=handover if standing else year.starts_on,
                ends_on=last_day(people[person_id], None),
                **{place: place_id},
            )
        )
    session.add_all(made)
    session.flush()
    for person_id in dict.fromkeys(person_id for _, person_id in wanted):
        roster.renew_powers(person_id)
    if ended:
        audit.record(
            AuditTag.ASSIGNMENT_ENDED,
            actor,
            now,
            target_kind=kind,
            target_id=year.id,
            state=audit.states(kind, ended),
            facts={"source": "imported"},
        )
    audit.record(
        AuditTag.ASSIGNMENT_CREATED,
        actor,
        now,
        target_kind=kind,
        target_id=year.id,
        state=audit.states(kind, made),
        facts={"n_assignments": len(made), "source": "imported"},
    )
