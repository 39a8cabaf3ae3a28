"""What closing a year and opening the next would do, worked out anew from the year as it stands: the dry run and the act share it.

The office's choices are kept (``YearTurn.choices``); classes, pupils, assignments and dates follow from them and from frozen results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date

from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations import year_turn as rules
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.registry import REGULATIONS, regulation_for
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.transcript_flow import SIGNED_STATES
from hocbaso.regulations.year_calendar import EntryWindow, YearDates
from hocbaso.services import conclusion_cases, frozen_results, roster, summer_cases, summer_view, year_calendar
from hocbaso.services.in_force import has_left, in_force
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.transcript_counts import records_by_state

STAY_WITH_GRADE, GO_UP_WITH_CLASS = "grade", "class"
GONE = "-"
"""Chosen for a pupil who does not come back."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the office chose. ``pupils``: enrolment id -> class of next year or :data:`GONE`, only where not the proposal."""

    regulation: str = ""
    first_classes: tuple[str, ...] = ()
    assignments: str = STAY_WITH_GRADE
    pupils: Mapping[int, str] = field(default_factory=dict)
    more_classes: tuple[str, ...] = ()
    """Classes of grades 7 to 9 beside those that go up: a class is divided."""

    def to_json(self) -> str:
        """Canonical JSON, as it is kept."""
        return canonical_json(
            {
                "regulation": self.regulation,
                "first_classes": list(self.first_classes),
                "assignments": self.assignments,
                "pupils": {str(key): value for key, value in self.pupils.items()},
                "more_classes": list(self.more_classes),
            }
        )

    @staticmethod
    def from_json(text: str) -> Choices:
        """What :meth:`to_json` wrote."""
        found = json.loads(text)
        return Choices(
            found["regulation"],
            tuple(found["first_classes"]),
            found["assignments"],
            {int(key): value for key, value in found["pupils"].items()},
            tuple(found.get("more_classes", ())),  # plans from before have none
        )


@dataclass(frozen=True, slots=True)
class Block:
    """What keeps the year from being closed, and where to go."""

    words: str
    link: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A subject of a new class: lessons a year, and who teaches it (person ids and names)."""

    subject_id: int
    name: str
    lessons: int
    teachers: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class NewClass:
    """A class of next year. ``source``: the class whose subjects and lessons it takes over; ``homeroom``: (person id, name)."""

    name: str
    grade_level: int
    source: str
    offers: tuple[Offer, ...]
    homeroom: tuple[int, str] | None
    n_pupils: int

    @property
    def n_untaught(self) -> int:
        """Subjects that nobody teaches yet."""
        return sum(not one.teachers for one in self.offers)


@dataclass(frozen=True, slots=True)
class Pupil:
    """A pupil of the year that ends. ``to_class``: "" for grade 9's leavers, :data:`GONE` for who does not come back."""

    enrollment_id: int
    student_id: int
    full_name: str
    sort_key: str
    from_class_id: int
    from_class: str
    outcome: Promotion
    to_class: str
    proposal: str
    choices: tuple[str, ...]

    @property
    def is_edited(self) -> bool:
        """Whether the office chose something else than the proposal."""
        return self.to_class != self.proposal


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would happen. ``blocks`` must be empty; ``warnings`` are to be known."""

    from_year_id: int
    from_label: str
    to_label: str
    dates: YearDates
    ends_on: date
    windows: tuple[EntryWindow, ...]
    regulation: str
    regulations: tuple[str, ...]
    assignments: str
    first_classes: tuple[str, ...]
    more_classes: tuple[str, ...]
    classes: tuple[NewClass, ...]
    pupils: tuple[Pupil, ...]
    blocks: tuple[Block, ...]
    warnings: tuple[str, ...]

    def count(self, kind: str) -> int:
        """How many pupils go ``up``, ``stay``, have ``finished`` or are ``gone``."""
        return len(self.of(kind))

    def of(self, kind: str) -> tuple[Pupil, ...]:
        """The pupils of a kind, in the order of classes and names."""
        return tuple(one for one in self.pupils if _kind(one) == kind)

    def seal(self) -> str:
        """What a form carries of the plan that was on the screen (hex)."""
        plain = json.dumps(asdict(self), default=str, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(plain.encode()).hexdigest()[:32]


def _kind(pupil: Pupil) -> str:
    if pupil.to_class == GONE:
        return "gone"
    if not pupil.to_class:
        return "finished"
    return "stay" if pupil.outcome is Promotion.RETAINED else "up"


def make(year: m.SchoolYear, choices: Choices, today: date) -> Plan:
    """The plan for an open year. Nothing is written; not scoped: callers check the actor."""
    classes = roster.classes_of_year(year)
    blocks, settled = _blocks(year, classes, today)
    to_label = rules.next_label(year.label)
    last_dates, last_windows = year_calendar.standing(year)
    dates = rules.proposed_dates(last_dates, roster.parse_year_label(to_label) + 1)
    known = tuple(one.version for one in REGULATIONS if one.holds(int(to_label[:4]), None))
    regulation = choices.regulation if choices.regulation in known else regulation_for(to_label).version
    first = choices.first_classes or tuple(row.name for row in classes if row.grade_level == 6)
    names = {rules.next_class_name(row.name, row.grade_level) for row in classes if row.grade_level < 9}
    names |= {*first, *choices.more_classes}
    pupils, names = _pupils(classes, settled, names, choices.pupils)
    to_come = {rules.next_class_name(row.name, row.grade_level) for row in classes if row.id not in settled}
    wanted = {pupil.to_class for pupil in pupils} | {*first, *choices.more_classes} | to_come
    new_classes, warnings = _classes(classes, names & wanted, pupils, choices.assignments, dates.starts_on, today)
    if left_out := sorted(names - wanted):
        warnings.append(f"Không mở lớp {', '.join(left_out)}: không em nào vào lớp ấy.")
    return Plan(
        year.id,
        year.label,
        to_label,
        dates,
        roster.year_defaults(to_label)["ends_on"],
        rules.proposed_windows(last_windows, dates),
        regulation,
        known,
        choices.assignments,
        first,
        choices.more_classes,
        new_classes,
        pupils,
        tuple(blocks),
        tuple(warnings),
    )


def _blocks(
    year: m.SchoolYear, classes: list[m.ClassGroup], today: date
) -> tuple[list[Block], dict[int, list[tuple[m.FrozenResult, m.Enrollment, m.Student]]]]:
    """What is not finished, and the frozen result in force of each pupil, by class."""
    blocks = []
    if today < year.ends_on:
        blocks.append(
            Block(
                f"Năm học {year.label.replace('-', '–')} kết thúc ngày {year.ends_on:%d/%m/%Y}: chuyển từ ngày ấy.",
                "/nam-hoc",
            )
        )
    to_label = rules.next_label(year.label)
    if db.session.scalar(select(m.SchoolYear.id).where(m.SchoolYear.label == to_label)) is not None:
        blocks.append(Block(f"Năm học {to_label} đã có trong phần mềm.", "/nam-hoc"))
    if not classes:
        blocks.append(Block("Năm học chưa có lớp nào.", "/nhap-du-lieu/"))
    n = len(conclusion_cases.unsettled(today))
    if n:
        words = f"{n} em có kết luận năm trước đổi mà chưa xếp chỗ học hoặc chưa có kết quả muộn."
        blocks.append(Block(words, "/sua-chua/ket-luan"))
    concerned = {row.id for row in summer_view.classes_concerned()}
    records = records_by_state(year.id)
    settled: dict[int, list[tuple[m.FrozenResult, m.Enrollment, m.Student]]] = {}
    for row in classes:
        if row.state != ClassState.APPROVED.value:
            n_there = db.session.scalar(
                select(func.count()).where(
                    m.Enrollment.class_group_id == row.id, m.Enrollment.status.in_(sorted(ACTIVE))
                )
            )
            if n_there:
                blocks.append(Block(f"Lớp {row.name} chưa được duyệt tổng kết.", f"/lop/{row.id}"))
            continue
        if row.id in concerned:
            n = sum(not case.is_done for case in summer_cases.cases_of(row))
            if n:
                blocks.append(Block(f"Lớp {row.name}: {n} em chưa xong kết quả trong hè.", f"/he/{row.id}"))
        n = sum(n for state, n in records.get(row.id, {}).items() if state not in SIGNED_STATES)
        if n:
            blocks.append(Block(f"Lớp {row.name}: {n} học bạ chưa đóng dấu.", f"/hoc-ba/lop/{row.id}"))
    newest: dict[int, tuple[m.FrozenResult, m.Enrollment, m.Student]] = {}
    for frozen, enrollment, student in db.session.execute(
        select(m.FrozenResult, m.Enrollment, m.Student)
        .join(m.Enrollment, m.Enrollment.id == m.FrozenResult.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.Enrollment.class_group_id.in_([row.id for row in classes if row.state == ClassState.APPROVED.value]),
            m.Enrollment.status.in_(sorted(ACTIVE)),
        )
        .order_by(m.Student.sort_key, m.Enrollment.id, m.FrozenResult.freeze == "summer", m.FrozenResult.revision)
        .execution_options(populate_existing=True)
    ):
        newest[enrollment.id] = (frozen, enrollment, student)
    for found in newest.values():
        settled.setdefault(found[1].class_group_id, []).append(found)
    return blocks, settled


def _pupils(
    classes: list[m.ClassGroup],
    settled: Mapping[int, list[tuple[m.FrozenResult, m.Enrollment, m.Student]]],
    names: set[str],
    chosen: Mapping[int, str],
) -> tuple[tuple[Pupil, ...], set[str]]:
    """Each pupil's place, and the names of all classes that are needed for it."""
    wanted = []
    for row in classes:
        for frozen, enrollment, student in settled.get(row.id, []):
            outcome = Promotion(frozen_results.parsed(frozen)["promotion"]["outcome"])
            goes = rules.destination(outcome, row.grade_level)
            proposal = ""
            if goes.grade_level == row.grade_level:
                proposal = row.name
            elif goes.grade_level is not None:
                proposal = rules.next_class_name(row.name, row.grade_level)
            if proposal:
                names = names | {proposal}
            wanted.append((row, enrollment, student, outcome, goes, proposal))
    pupils = []
    for row, enrollment, student, outcome, goes, proposal in wanted:
        offered = tuple(sorted(name for name in names if goes.grade_level and name[0] == str(goes.grade_level)))
        to_class = chosen.get(enrollment.id, proposal)
        if to_class not in (*offered, GONE):
            to_class = proposal
        if goes.grade_level is None:
            to_class, offered = "", ()
        pupils.append(
            Pupil(
                enrollment.id,
                student.id,
                student.full_name,
                student.sort_key,
                row.id,
                row.name,
                outcome,
                to_class,
                proposal,
                offered,
            )
        )
    return tuple(pupils), names


def _classes(
    classes: list[m.ClassGroup],
    names: set[str],
    pupils: tuple[Pupil, ...],
    assignments: str,
    starts_on: date,
    today: date,
) -> tuple[tuple[NewClass, ...], list[str]]:
    """The classes of next year with what is copied from this one."""
    offers, homerooms, leaving = _standing(classes, starts_on, today)
    by_name = {row.name: row for row in classes}
    by_grade: dict[int, m.ClassGroup] = {}
    for row in classes:
        by_grade.setdefault(row.grade_level, row)
    came_from = {rules.next_class_name(row.name, row.grade_level): row for row in classes if row.grade_level < 9}
    n_in: dict[str, int] = {}
    for pupil in pupils:
        n_in[pupil.to_class] = n_in.get(pupil.to_class, 0) + 1
    warnings = [f"{name} nghỉ trước ngày {starts_on:%d/%m/%Y}: không phân công lại." for name in leaving]
    found = []
    for name in sorted(names):
        grade = int(name[0])
        source = by_name.get(name) or by_grade.get(grade) or came_from.get(name) or by_grade.get(grade - 1)
        if source is None:
            warnings.append(f"Lớp {name}: năm nay không có lớp nào của khối {grade} nên môn học và số tiết phải nhập.")
        elif source.grade_level != grade:
            warnings.append(f"Lớp {name}: lấy môn và số tiết của lớp {source.name}, xin xem lại số tiết từng môn.")
        people = came_from.get(name) if assignments == GO_UP_WITH_CLASS else by_name.get(name)
        taught = {one.subject_id: one.teachers for one in offers.get(people.id, ())} if people is not None else {}
        found.append(
            NewClass(
                name,
                grade,
                source.name if source is not None else "",
                tuple(
                    Offer(one.subject_id, one.name, one.lessons, taught.get(one.subject_id, ()))
                    for one in (offers.get(source.id, ()) if source is not None else ())
                ),
                homerooms.get(people.id) if people is not None else None,
                n_in.get(name, 0),
            )
        )
    return tuple(found), warnings


def _standing(
    classes: list[m.ClassGroup], starts_on: date, today: date
) -> tuple[dict[int, tuple[Offer, ...]], dict[int, tuple[int, str]], list[str]]:
    """This year's subjects with who teaches them now, and homeroom teachers, by class; names of who will have left."""
    ids = [row.id for row in classes]
    people = {row.id: row for row in db.session.scalars(select(m.Person))}
    leaving: dict[str, None] = {}

    def stays(person_id: int) -> bool:
        if not has_left(people[person_id], starts_on):
            return True
        leaving[people[person_id].full_name] = None
        return False

    taught: dict[int, list[tuple[int, str]]] = {}
    for person_id, class_subject_id in db.session.execute(
        select(m.TeachingAssignment.person_id, m.TeachingAssignment.class_subject_id)
        .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
        .where(m.ClassSubject.class_group_id.in_(ids), in_force(m.TeachingAssignment, today))
        .order_by(m.TeachingAssignment.id)
    ):
        if stays(person_id):
            taught.setdefault(class_subject_id, []).append((person_id, people[person_id].full_name))
    offers: dict[int, list[Offer]] = {}
    for row, subject in db.session.execute(
        select(m.ClassSubject, m.Subject)
        .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
        .where(m.ClassSubject.class_group_id.in_(ids))
        .order_by(m.Subject.sheet_order, m.ClassSubject.id)
    ):
        offers.setdefault(row.class_group_id, []).append(
            Offer(subject.id, subject.name, row.lessons_per_year, tuple(taught.get(row.id, ())))
        )
    homerooms: dict[int, tuple[int, str]] = {}
    for person_id, class_group_id in db.session.execute(
        select(m.HomeroomAssignment.person_id, m.HomeroomAssignment.class_group_id)
        .where(m.HomeroomAssignment.class_group_id.in_(ids), in_force(m.HomeroomAssignment, today))
        .order_by(m.HomeroomAssignment.id)
    ):
        if stays(person_id):
            homerooms[class_group_id] = (person_id, people[person_id].full_name)
    return {key: tuple(rows) for key, rows in offers.items()}, homerooms, list(leaving)
