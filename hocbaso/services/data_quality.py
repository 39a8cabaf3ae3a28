"""Data quality of the open years: the four measures of the school and of each class, what is behind them, and their days.

Figures go to all who follow the year's progress; names and fields only to whoever reads the pupils of the class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations import data_quality as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.data_quality import Fault, Figure, IdentityStanding, Measure, Pair, ProfileFacts
from hocbaso.regulations.permissions import Permission
from hocbaso.services import alive_things, audit, identity_checks, progress, student_photos
from hocbaso.services.access import Actor, class_for, reaches_class
from hocbaso.services.alive_things import Unanswered
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.student_fields import FIELD_WORDS, FIELDS, HOMEROOM_FIELDS

SCHOOL = 0
"""The ``class_group_id`` of a figure of the whole school."""

SHOWN_DAYS = 120


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One thing to mend: whose it is, what is wrong, and the address that opens on it. ``mine``: this person can mend it."""

    measure: Measure
    who: str
    words: str
    link: str
    mine: bool
    student_id: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """A class: its four figures, and how much of what profiles need is filled in."""

    class_group_id: int
    name: str
    grade_level: int
    figures: Mapping[Measure, Figure]
    n_filled: int
    n_needed: int
    opens: bool
    """Whether this person may see the lists behind the figures."""
    n_students: int
    n_photos: int
    """Pupils with a photo; counted in ``đủ`` once the school has its first one."""

    @property
    def n_faulty(self) -> int:
        """Things of all measures with something against them."""
        return sum(figure.n_faulty for figure in self.figures.values())


@dataclass(frozen=True, slots=True)
class DayFigure:
    """A measure of the school as it was kept on a day."""

    day: date
    figure: Figure


@dataclass(frozen=True, slots=True)
class SchoolQuality:
    """The page of the school."""

    classes: tuple[ClassQuality, ...]
    figures: Mapping[Measure, Figure]
    days: Mapping[Measure, tuple[DayFigure, ...]]
    n_students: int
    n_pairs: int
    n_photos: int
    n_idle: int
    n_accounts: int
    n_unanswered: int
    n_late: int
    """Unanswered things whose answer is late."""
    identity: Mapping[IdentityStanding, int]

    @property
    def n_faulty(self) -> int:
        """Things of all measures with something against them."""
        return sum(figure.n_faulty for figure in self.figures.values())


@dataclass(frozen=True, slots=True)
class ClassLists:
    """The page of a class. ``next_mine``: where this person fills in the next empty field, "" when none is left."""

    quality: ClassQuality
    lines: tuple[FaultLine, ...]
    next_mine: str
    next_name: str
    identity: Mapping[IdentityStanding, int]

    def of(self, measure: Measure) -> tuple[FaultLine, ...]:
        """The lines of one measure."""
        return tuple(line for line in self.lines if line.measure is measure)


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything read once: profiles and their faults, sheets past their window, what was asked and not answered."""

    profiles: tuple[ProfileFacts, ...]
    versions: Mapping[int, int]
    faults: tuple[Fault, ...]
    pairs: tuple[Pair, ...]
    sheets: tuple[progress.SheetLine, ...]
    waits: tuple[Unanswered, ...]
    identity: Mapping[int, IdentityStanding]
    today: date
    having_photo: frozenset[int]

    def of_class(self, class_group_id: int) -> tuple[ProfileFacts, ...]:
        return tuple(one for one in self.profiles if one.class_group_id == class_group_id)


def _find(now: datetime) -> _Found:
    today = clock.local_date(now)
    rows = db.session.execute(
        select(m.Student, m.ClassGroup, m.SchoolYear.starts_on)
        .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN", m.Enrollment.status.in_(ACTIVE))
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name, m.Student.sort_key, m.Student.id)
        .execution_options(populate_existing=True)
    ).all()
    checks = identity_checks.latest()
    having_photo = student_photos.having()
    profiles: list[ProfileFacts] = []
    faults: list[Fault] = []
    identity: dict[int, IdentityStanding] = {}
    places: dict[tuple[int, int], list[str]] = defaultdict(list)  # by year: two years may be open for some days
    for student, class_group, starts_on in rows:
        one = ProfileFacts(
            student.id,
            class_group.id,
            class_group.name,
            class_group.grade_level,
            {name: getattr(student, name) for name in FIELDS},
            clock.local_date(student.touched_at),
        )
        profiles.append(one)
        places[student.id, class_group.school_year_id].append(class_group.name)
        faults += rules.incorrect(one, starts_on)
        faults += rules.incomplete(one, FIELD_WORDS)
        faults += rules.without_photo(one, having_photo)
        faults += rules.stale(one, starts_on)
        check = checks.get(student.id)
        identity[student.id] = identity_checks.standing_of(student, check)
        if check is not None and identity[student.id] is IdentityStanding.MISMATCH:
            faults += rules.mismatches(student.id, filter(None, check.fields.split(",")), FIELD_WORDS)
    distinct = [(row.first_id, row.second_id) for row in db.session.scalars(select(m.DistinctPair))]
    pairs = rules.duplicates(profiles, distinct)
    twice = {student_id: tuple(names) for (student_id, _year), names in places.items() if len(names) > 1}
    faults += rules.unclean(profiles, pairs, twice)
    return _Found(
        tuple(profiles),
        {student.id: student.version for student, _class, _day in rows},
        tuple(dict.fromkeys(faults)),
        pairs,
        tuple(line for line in progress.sheet_lines(today) if line.closes_on < today),
        alive_things.unanswered(today),
        identity,
        today,
        having_photo,
    )


def _figures(
    found: _Found,
    profiles: Iterable[ProfileFacts],
    sheets: Iterable[progress.SheetLine],
    waits: Iterable[Unanswered],
) -> dict[Measure, Figure]:
    profiles, sheets, waits = tuple(profiles), tuple(sheets), tuple(waits)
    figures = {measure: rules.figure_of(profiles, found.faults, measure) for measure in Measure}
    figures[Measure.COMPLETE] = figures[Measure.COMPLETE].plus(len(sheets), sum(not one.n_gaps for one in sheets))
    figures[Measure.ALIVE] = figures[Measure.ALIVE].plus(len(waits), sum(not one.is_late(found.today) for one in waits))
    return figures


def _class_quality(found: _Found, class_group: m.ClassGroup, opens: bool) -> ClassQuality:
    profiles = found.of_class(class_group.id)
    counts_photos = bool(found.having_photo)
    n_photos = sum(one.student_id in found.having_photo for one in profiles)
    return ClassQuality(
        class_group.id,
        class_group.name,
        class_group.grade_level,
        _figures(
            found,
            profiles,
            (line for line in found.sheets if line.class_group_id == class_group.id),
            (one for one in found.waits if one.class_group_id == class_group.id),
        ),
        sum(rules.N_NEEDED - len(rules.missing_fields(one.values)) for one in profiles) + n_photos,
        (rules.N_NEEDED + counts_photos) * len(profiles),
        opens,
        len(profiles),
        n_photos,
    )


def _open_classes() -> list[m.ClassGroup]:
    return list(
        db.session.scalars(
            select(m.ClassGroup)
            .join(m.SchoolYear)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
        )
    )


def _school_figures(found: _Found, n_accounts: int, n_idle: int) -> dict[Measure, Figure]:
    # By pupil and not by class: one in two classes is one profile.
    figures = _figures(found, found.profiles, found.sheets, found.waits)
    figures[Measure.ALIVE] = figures[Measure.ALIVE].plus(n_accounts, n_accounts - n_idle)
    return figures


def _count_identity(found: _Found, ids: Iterable[int]) -> dict[IdentityStanding, int]:
    standings = [found.identity[student_id] for student_id in set(ids)]
    return {one: standings.count(one) for one in IdentityStanding}


def school(actor: Actor, now: datetime) -> SchoolQuality:
    """The measures of the school and its classes, for those who may read progress; NotAllowed for others."""
    actor.require(Permission.PROGRESS_READ)
    found = _find(now)
    n_accounts, idle = alive_things.idle_accounts(found.today)
    n_idle = len(idle)
    days: dict[Measure, list[DayFigure]] = {measure: [] for measure in Measure}
    for row in db.session.scalars(
        select(m.QualityFigure)
        .where(
            m.QualityFigure.class_group_id == SCHOOL,
            m.QualityFigure.day > date.fromordinal(found.today.toordinal() - SHOWN_DAYS),
            m.QualityFigure.day <= found.today,
        )
        .order_by(m.QualityFigure.day)
    ):
        days[Measure(row.measure)].append(DayFigure(row.day, Figure(row.n_checked, row.n_sound)))
    return SchoolQuality(
        tuple(
            _class_quality(found, one, reaches_class(actor, one.id, Permission.STUDENT_READ)) for one in _open_classes()
        ),
        _school_figures(found, n_accounts, n_idle),
        {measure: tuple(figures) for measure, figures in days.items()},
        len({one.student_id for one in found.profiles}),
        len(found.pairs),
        len({one.student_id for one in found.profiles} & found.having_photo),
        n_idle,
        n_accounts,
        len(found.waits),
        sum(one.is_late(found.today) for one in found.waits),
        _count_identity(found, found.identity),
    )


def own_classes(actor: Actor) -> list[tuple[int, str]]:
    """(id, name) of the open years' classes whose pupils this person reads."""
    return [(one.id, one.name) for one in _open_classes() if reaches_class(actor, one.id, Permission.STUDENT_READ)]


def class_lists(actor: Actor, class_group_id: int, now: datetime) -> ClassLists:
    """What is to be mended in a class; NotFound outside the actor's reach or when its year is closed."""
    class_group = class_for(actor, class_group_id, Permission.STUDENT_READ)
    if class_group.school_year.state != "OPEN":
        raise NotFound("Năm học của lớp này đã đóng; chất lượng dữ liệu xem ở năm học đang mở.")
    found = _find(now)
    profiles = found.of_class(class_group_id)
    names = {one.student_id: one.full_name for one in profiles}
    edits = actor.may(Permission.STUDENT_EDIT)
    keeps = class_group_id in actor.homeroom
    lines = [
        FaultLine(
            fault.measure,
            names[fault.student_id],
            fault.words,
            f"/hoc-sinh/{fault.student_id}#{fault.field or 'ho-so'}",
            edits and (not keeps or fault.field in (None, rules.PHOTO) or fault.field in HOMEROOM_FIELDS),
            fault.student_id,
            found.versions[fault.student_id],
        )
        for fault in found.faults
        if fault.student_id in names
    ]
    order = {student_id: index for index, student_id in enumerate(names)}
    lines.sort(key=lambda line: order[line.student_id or 0])
    for sheet in found.sheets:
        if sheet.class_group_id == class_group_id and sheet.n_gaps:
            words = f"Đã hết hạn nhập ngày {sheet.closes_on:%d/%m/%Y}, còn {sheet.n_gaps} ô trống."
            may_read = actor.may(Permission.SHEET_READ)
            lines.append(
                FaultLine(
                    Measure.COMPLETE, sheet.label, words, f"/bang-diem/{sheet.sheet_id}" if may_read else "", False
                )
            )
    for one in found.waits:
        if one.class_group_id == class_group_id and one.is_late(found.today):
            words = f"{one.what}: chờ quá hạn từ ngày {one.before:%d/%m/%Y}."
            lines.append(FaultLine(Measure.ALIVE, one.who, words, one.link, False))
    first = next((line for line in lines if line.mine and line.measure is Measure.COMPLETE), None) or next(
        (line for line in lines if line.mine), None
    )
    return ClassLists(
        _class_quality(found, class_group, True),
        tuple(lines),
        first.link if first else "",
        first.who if first else "",
        _count_identity(found, names),
    )


def pairs(actor: Actor, now: datetime) -> tuple[Pair, ...]:
    """Profiles that may be one pupil, for the office. NotAllowed for whoever does not keep the register."""
    actor.require(Permission.IMPORT_ROSTER)
    return _find(now).pairs


def settle_pair(actor: Actor, first_id: int, second_id: int, reason: str, now: datetime) -> None:
    """Say that two profiles are two pupils. Twice is once. Raises NotAllowed, Invalid, NotFound when they are no such pair."""
    actor.require(Permission.IMPORT_ROSTER)
    reason = " ".join(reason.split())
    if not reason or len(reason) > 300:
        raise Invalid("Xin ghi vì sao biết là hai em, nhiều nhất 300 chữ.", field="reason")
    key = (min(first_id, second_id), max(first_id, second_id))
    session = db.session()
    with write_transaction():
        standing = select(m.DistinctPair).where(m.DistinctPair.first_id == key[0], m.DistinctPair.second_id == key[1])
        if session.scalar(standing) is not None:
            return
        pair = next((one for one in _find(now).pairs if one.key == key), None)
        if pair is None:
            raise NotFound("Hai hồ sơ này không còn giống nhau.")
        row = m.DistinctPair(
            first_id=key[0],
            second_id=key[1],
            reason=reason,
            settled_at=now,
            settled_by=actor.account_id,
            settler_name=actor.name,
        )
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.PAIR_SETTLED,
            actor,
            now,
            target_kind="student",
            target_id=key[0],
            state=audit.states("distinct_pair", [row]),
            note=reason,
            facts={"students": [pair.first.full_name, pair.second.full_name], "why": pair.why},
        )


def keep_day(day: date, now: datetime) -> int:
    """Keep the day's figures, inside the caller's transaction. Returns how many; a day that has them keeps its first ones."""
    session = db.session()
    if session.scalar(select(m.QualityFigure.id).where(m.QualityFigure.day == day).limit(1)) is not None:
        return 0
    classes = _open_classes()
    if not classes:
        return 0
    found = _find(now)
    n_accounts, idle = alive_things.idle_accounts(found.today)
    kept = {SCHOOL: _school_figures(found, n_accounts, len(idle))}
    kept |= {one.id: dict(_class_quality(found, one, False).figures) for one in classes}
    for class_group_id, figures in kept.items():
        for measure, figure in figures.items():
            session.add(
                m.QualityFigure(
                    day=day,
                    class_group_id=class_group_id,
                    measure=measure.value,
                    n_checked=figure.n_checked,
                    n_sound=figure.n_sound,
                )
            )
    session.flush()
    return len(kept) * len(Measure)
