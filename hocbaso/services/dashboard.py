"""What waits for a person today: one list, the odd things first and open, the plain ones after them.

Everything here is read through the powers of the person who asks; a bulk act calls the same functions as the single one.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import and_, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import (
    class_approval,
    exemptions,
    homeroom,
    progress,
    readiness,
    results,
    reviews,
)
from hocbaso.services.access import Actor, class_for
from hocbaso.services.exemptions import ExemptionLine
from hocbaso.services.results import ClassResults, comma, level_words
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.transcript_counts import records_by_state

MANY = 50
"""A bulk act on more items than this asks for the password again (workflow: re-authentication for grave acts)."""

KINDS = {"sheet": "Bảng điểm", "class": "Tổng kết lớp", "transcript": "Học bạ chờ ký", "exemption": "Miễn học"}

_MAX_SAID = 3


@dataclass(frozen=True, slots=True)
class Oddity:
    """Why an item deserves a look. ``before`` and ``after`` where something reads as a change."""

    kind: str
    icon: str
    who: str
    why: str
    label: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class DailyItem:
    """One piece of work. ``key`` names it with the version seen (``sheet-12-3``); ``verb`` is what this person does.

    ``verb``: approve, review, lock (acts in bulk here); type, finalise, sign, build, decide (open ``link``).
    """

    kind: str
    key: str
    verb: str
    title: str
    link: str
    meta: str
    say: str
    due_before: date
    days_left: int
    grade_level: int
    class_name: str
    class_group_id: int
    subject_group_id: int | None
    oddities: tuple[Oddity, ...] = ()
    exemption: ExemptionLine | None = None

    @property
    def is_odd(self) -> bool:
        """Whether it stands open above the plain ones."""
        return bool(self.oddities)

    @property
    def acts_here(self) -> bool:
        """Whether it can be ticked on this page."""
        return self.verb in ("approve", "review")

    @property
    def due_kind(self) -> str:
        """How the days left are coloured: wrong, late, or nothing."""
        return "wrong" if self.days_left <= 0 else "late" if self.days_left <= 7 else ""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened since yesterday, in words without a score."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class StripClass:
    """A class of the readiness strip."""

    class_group_id: int
    name: str
    percent: int
    is_late: bool


@dataclass(frozen=True, slots=True)
class Daily:
    """The page of one person on one morning. ``n_waiting`` counts everything, whatever the filters show."""

    today: date
    odd: tuple[DailyItem, ...]
    plain: tuple[DailyItem, ...]
    locks: tuple[DailyItem, ...]
    n_waiting: int
    counts: dict[str, int]
    groups: tuple[tuple[int, str], ...]
    grade_levels: tuple[int, ...]
    classes: tuple[str, ...]
    happenings: tuple[Happening, ...]
    reasons: tuple[str, ...]
    strip: tuple[StripClass, ...]
    calendar: tuple[tuple[str, date, int], ...]
    bulk_verb: str
    """The act that one button does to all ticked items: approve, review, or "" where nothing is ticked."""

    @property
    def n_odd(self) -> int:
        """Items with something odd."""
        return len(self.odd)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a bulk act."""

    key: str
    label: str
    done: bool
    message: str = ""


# --- the page ---------------------------------------------------------------------------------------------------------


def daily(
    actor: Actor,
    now: datetime,
    *,
    group_id: int | None = None,
    grade_level: int | None = None,
    class_name: str | None = None,
    kind: str | None = None,
) -> Daily:
    """What waits for this person, filtered; the IT officer has no learning work and sees only what the machine did."""
    today = clock.local_date(now)
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    items: list[DailyItem] = []
    if year is not None:
        items = _sheet_items(actor, now, today) + _class_items(actor, year, today)
        items += _transcript_items(actor, year, today) + _exemption_items(actor, year, today)
    items.sort(key=lambda item: (item.days_left, item.kind != "class", item.grade_level != 9, item.title))
    locks = tuple(item for item in items if item.verb == "lock")
    waiting = [item for item in items if item.verb != "lock"]
    shown = [
        item
        for item in waiting
        if (group_id is None or item.subject_group_id == group_id)
        and (grade_level is None or item.grade_level == grade_level)
        and (class_name is None or item.class_name == class_name)
        and (kind is None or item.kind == kind)
    ]
    group_ids = {item.subject_group_id for item in waiting if item.subject_group_id is not None}
    groups = [
        (row.id, row.name)
        for row in db.session.scalars(select(m.SubjectGroup).order_by(m.SubjectGroup.name))
        if row.id in group_ids
    ]
    verbs = Counter(item.verb for item in waiting if item.acts_here)
    return Daily(
        today=today,
        odd=tuple(item for item in shown if item.is_odd),
        plain=tuple(item for item in shown if not item.is_odd),
        locks=locks,
        n_waiting=len(waiting) + bool(locks),
        counts=dict(Counter(item.kind for item in waiting)),
        groups=tuple(groups),
        grade_levels=tuple(sorted({item.grade_level for item in waiting})),
        classes=tuple(sorted({item.class_name for item in waiting})),
        happenings=since_yesterday(actor, now),
        reasons=recent_reasons(actor),
        strip=_strip(today) if actor.may(Permission.PROGRESS_READ) else (),
        calendar=_calendar(year, today) if year is not None else (),
        bulk_verb="approve" if verbs["approve"] else "review" if verbs["review"] else "",
    )


_COUNTED: OrderedDict[tuple[Any, ...], int] = OrderedDict()
_COUNTED_LOCK = Lock()
_MARKS = select(
    *(
        select(func.max(column)).scalar_subquery()
        for column in (
            m.SheetStep.id,
            m.ClassStep.id,
            m.Exemption.id,
            m.TranscriptRecord.id,
            m.TranscriptSignature.id,
            m.TeachingAssignment.id,
        )
    ),
    select(func.count()).where(m.Exemption.state == "PROPOSED").scalar_subquery(),
    select(func.count()).where(m.TranscriptRecord.state == RecordState.RECALLED.value).scalar_subquery(),
    select(func.sum(m.ClassGroup.version)).scalar_subquery(),
)
"""One small statement whose answer changes with every move that changes what waits for anybody."""


def count_waiting(actor: Actor, now: datetime) -> int:
    """How much waits, for the rail of every page: counted again only after something moved from one state to another."""
    today = clock.local_date(now)
    marks = tuple(db.session.connection().execute(_MARKS).one())
    key = (str(db.engine.url), actor, today, marks)
    with _COUNTED_LOCK:
        if key in _COUNTED:
            return _COUNTED[key]
    n = _count_waiting(actor, now, today)
    with _COUNTED_LOCK:
        _COUNTED[key] = n
        while len(_COUNTED) > 200:
            _COUNTED.popitem(last=False)
    return n


def _count_waiting(actor: Actor, now: datetime, today: date) -> int:
    sheets = [item for item in progress.my_sheets(actor, now) if item.waits]
    n = sum(item.task != "lock" for item in sheets) + any(item.task == "lock" for item in sheets)
    if actor.may(Permission.CLASS_READ):
        for row in _open_classes():
            parties = homeroom.parties_of(actor, row)
            n += row.state == ClassState.FINALISED.value and ClassParty.APPROVER in parties
            n += row.state == ClassState.OPEN.value and row.id in actor.homeroom
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    if year is not None:
        n += len(_transcript_items(actor, year, today))
    return n + len(exemptions.waiting(actor))


def _open_classes() -> list[m.ClassGroup]:
    return list(
        db.session.scalars(
            select(m.ClassGroup)
            .join(m.SchoolYear)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
            .execution_options(populate_existing=True)
        )
    )


def _calendar(year: m.SchoolYear, today: date) -> tuple[tuple[str, date, int], ...]:
    found = (
        ("Nhập điểm xong", year.data_complete_before),
        ("Khối 9 ký xong", year.sign_grade9_before),
        ("Mọi khối ký xong", year.sign_others_before),
    )
    return tuple((words, before, Deadline(before).days_left(today)) for words, before in found)


def _signing_before(year: m.SchoolYear, grade_level: int) -> date:
    return year.sign_grade9_before if grade_level == 9 else year.sign_others_before


# --- sheets -----------------------------------------------------------------------------------------------------------


def _sheet_items(actor: Actor, now: datetime, today: date) -> list[DailyItem]:
    listed = [item for item in progress.my_sheets(actor, now) if item.waits]
    ids = [item.line.sheet_id for item in listed if item.task != "type"]
    steps = _steps_of([item.line.sheet_id for item in listed])
    exempt, missed = _exempt_names(ids), _missed_names(ids)
    group_names = {row.id: row.name for row in db.session.scalars(select(m.SubjectGroup))}
    n_students = dict(
        db.session.execute(
            select(m.Enrollment.class_group_id, func.count())
            .where(m.Enrollment.status.in_(ACTIVE))
            .group_by(m.Enrollment.class_group_id)
        ).all()
    )
    items = []
    for found in listed:
        line = found.line
        before = line.closes_on + timedelta(days=1)
        history = steps.get(line.sheet_id, [])
        oddities: list[Oddity] = []
        who = ", ".join(line.teachers) or "chưa có người dạy"
        if found.task in ("review", "approve"):
            oddities = _sheet_oddities(line, history, exempt.get(line.sheet_id, []), missed.get(line.sheet_id, []), who)
        elif line.state is SheetState.RETURNED:
            note = next((step for step in reversed(history) if step.verb == SheetVerb.RETURN.value), None)
            if note is not None:
                oddities = [Oddity("Bị trả lại", "undo-2", f"{note.by_name}, {_day(note.at)}", note.note or "")]
        last = history[-1] if history else None
        group = group_names.get(line.subject_group_id or 0, "")
        did = {
            SheetVerb.SUBMIT.value: "nộp",
            SheetVerb.REVIEW.value: "soát",
            SheetVerb.APPROVE.value: "duyệt",
            SheetVerb.RETURN.value: "trả lại",
            SheetVerb.RECALL.value: "rút lại",
        }
        meta = f"{last.by_name} {did.get(last.verb, '')} {_day(last.at)}" if last is not None else who
        items.append(
            DailyItem(
                kind="sheet",
                key=f"sheet-{line.sheet_id}-{line.version}",
                verb=found.task,
                title=line.label,
                link=f"/bang-diem/{line.sheet_id}",
                meta=f"{group}, {meta}" if group else meta,
                say=f"còn {line.n_gaps} ô"
                if found.task == "type" and line.n_gaps
                else f"{n_students.get(line.class_group_id, 0)} học sinh",
                due_before=before,
                days_left=Deadline(before).days_left(today),
                grade_level=line.grade_level,
                class_name=line.class_name,
                class_group_id=line.class_group_id,
                subject_group_id=line.subject_group_id,
                oddities=tuple(oddities),
            )
        )
    return items


def _steps_of(sheet_ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    if sheet_ids:
        for row in db.session.execute(
            select(m.SheetStep.score_sheet_id, m.SheetStep.verb, m.SheetStep.at, m.SheetStep.by_name, m.SheetStep.note)
            .where(m.SheetStep.score_sheet_id.in_(sheet_ids))
            .order_by(m.SheetStep.id)
        ):
            found.setdefault(row.score_sheet_id, []).append(row)
    return found


def _exempt_names(sheet_ids: Sequence[int]) -> dict[int, list[str]]:
    if not sheet_ids:
        return {}
    rows = db.session.execute(
        select(m.ScoreSheet.id, m.Student.full_name)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassSubject.class_group_id)
        .join(
            m.Exemption,
            and_(m.Exemption.enrollment_id == m.Enrollment.id, m.Exemption.subject_id == m.ClassSubject.subject_id),
        )
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.ScoreSheet.id.in_(sheet_ids),
            m.Exemption.state == "GRANTED",
            m.Enrollment.status.in_(ACTIVE),
            or_(m.Exemption.semester.is_(None), m.Exemption.semester == m.ScoreSheet.semester),
        )
        .order_by(m.Student.sort_key)
    )
    found: dict[int, list[str]] = {}
    for sheet_id, name in rows:
        found.setdefault(sheet_id, []).append(name)
    return found


def _missed_names(sheet_ids: Sequence[int]) -> dict[int, list[str]]:
    if not sheet_ids:
        return {}
    rows = db.session.execute(
        select(m.ScoreCell.score_sheet_id, m.Student.full_name)
        .distinct()
        .join(m.Enrollment, m.Enrollment.id == m.ScoreCell.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.ScoreCell.score_sheet_id.in_(sheet_ids),
            m.ScoreCell.origin == "missed_unexcused",
            m.Enrollment.status.in_(ACTIVE),
        )
    )
    found: dict[int, list[str]] = {}
    for sheet_id, name in rows:
        found.setdefault(sheet_id, []).append(name)
    return found


def _sheet_oddities(
    line: progress.SheetLine, history: Sequence[Any], exempt: list[str], missed: list[str], who: str
) -> list[Oddity]:
    found = []
    returned = [step for step in history if step.verb == SheetVerb.RETURN.value]
    if returned:
        found.append(
            Oddity(
                "Đã từng trả lại",
                "undo-2",
                f"{returned[-1].by_name}, {_day(returned[-1].at)}",
                f"Lí do lần trước: {returned[-1].note}" if returned[-1].note else "",
            )
        )
    handed_in = next((step for step in reversed(history) if step.verb == SheetVerb.SUBMIT.value), None)
    if handed_in is not None and clock.local_date(handed_in.at) > line.closes_on:
        found.append(
            Oddity(
                "Nộp muộn",
                "clock",
                f"{handed_in.by_name} nộp {_day(handed_in.at)}",
                f"Hạn nhập điểm đến hết {line.closes_on:%d/%m/%Y}.",
            )
        )
    if exempt:
        found.append(Oddity("Có học sinh được miễn", "user-x", who, f"{_some(exempt)} được miễn học môn này."))
    if missed:
        found.append(
            Oddity("Vắng không phép", "user-x", who, f"{_some(missed)} có lần kiểm tra tính 0 điểm hoặc Chưa đạt.")
        )
    return found


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_SAID])
    return shown if len(names) <= _MAX_SAID else f"{shown} và {len(names) - _MAX_SAID} em nữa"


def _day(instant: datetime) -> str:
    return f"{clock.local_date(instant):%d/%m}"


# --- classes ----------------------------------------------------------------------------------------------------------


def _class_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    if not actor.may(Permission.CLASS_READ):
        return []
    items = []
    for row in _open_classes():
        parties = homeroom.parties_of(actor, row)
        waits = row.state == ClassState.FINALISED.value and ClassParty.APPROVER in parties
        own = row.id in actor.homeroom and row.state == ClassState.OPEN.value
        if not waits and not own:
            continue
        computed = results.compute_class(row.id, today)
        steps = list(
            db.session.scalars(select(m.ClassStep).where(m.ClassStep.class_group_id == row.id).order_by(m.ClassStep.id))
        )
        returned = [step for step in steps if step.verb == ClassVerb.RETURN.value]
        if waits:
            before = _signing_before(year, row.grade_level)
            last = steps[-1] if steps else None
            who = f"{last.by_name} gửi {_day(last.at)}" if last is not None else computed.homeroom_name or ""
            oddities = class_oddities(computed, who)
            if returned:
                oddities.append(
                    Oddity(
                        "Đã từng trả lại",
                        "undo-2",
                        f"{returned[-1].by_name}, {_day(returned[-1].at)}",
                        f"Lí do lần trước: {returned[-1].note}",
                    )
                )
            if last is not None and clock.local_date(last.at) >= year.data_complete_before:
                oddities.append(
                    Oddity("Chốt muộn", "clock", who, f"Dữ liệu cần xong trước {year.data_complete_before:%d/%m/%Y}.")
                )
            items.append(
                _class_item(
                    row,
                    "approve",
                    f"Tổng kết lớp {row.name}",
                    who,
                    f"{len(computed.students)} học sinh",
                    before,
                    today,
                    oddities,
                )
            )
        else:
            n_gaps = len(homeroom.list_gaps(computed))
            oddities = []
            if steps and steps[-1].verb == ClassVerb.RETURN.value:
                oddities.append(
                    Oddity("Bị trả lại", "undo-2", f"{steps[-1].by_name}, {_day(steps[-1].at)}", steps[-1].note or "")
                )
            items.append(
                _class_item(
                    row,
                    "finalise",
                    f"Tổng kết lớp {row.name}",
                    "lớp chủ nhiệm",
                    f"còn {n_gaps} việc" if n_gaps else "chốt được",
                    year.data_complete_before,
                    today,
                    oddities,
                )
            )
    return items


def _class_item(
    row: m.ClassGroup, verb: str, title: str, meta: str, say: str, before: date, today: date, oddities: Sequence[Oddity]
) -> DailyItem:
    return DailyItem(
        kind="class",
        key=f"class-{row.id}-{row.version}",
        verb=verb,
        title=title,
        link=f"/lop/{row.id}",
        meta=meta,
        say=say,
        due_before=before,
        days_left=Deadline(before).days_left(today),
        grade_level=row.grade_level,
        class_name=row.name,
        class_group_id=row.id,
        subject_group_id=None,
        oddities=tuple(oddities),
    )


def class_oddities(computed: ClassResults, who: str) -> list[Oddity]:
    """What in a class differs from a plain year: adjusted, reviewed, decided, exempt, re-assessed."""
    found: list[Oddity] = []
    terms = ("học kì I", "học kì II", "cả năm")
    exempt: list[str] = []
    for row in computed.students:
        given, result = row.given, row.result
        names = {line.subject.code: line.subject.name for line in given.subjects}
        for at, term in enumerate(terms):
            code = result.adjusted_by[at]
            if result.adjusted[at] and code is not None:
                subject = result.subjects[code]
                value = (subject.semester_1, subject.semester_2, subject.year)[at]
                found.append(
                    Oddity(
                        "Nâng mức theo khoản 3",
                        "scale",
                        who,
                        f"{given.full_name}: chỉ {names[code]} {comma(value)} kéo xuống từ hai mức trở lên.",
                        f"{given.full_name}, học tập {term}",
                        level_words(result.base[at]),
                        level_words(result.learning[at]),
                    )
                )
            if result.needs_review[at]:
                found.append(
                    Oddity(
                        "Cần Hội đồng xem xét",
                        "scale",
                        who,
                        f"{given.full_name}: hai cách hiểu Điều 9 khoản 3 cho kết quả khác nhau {term}.",
                    )
                )
        for one in given.decisions:
            found.append(Oddity("Có quyết định riêng", "scale", who, f"{given.full_name}: {one.reason}"))
        if any(line.reassessed is not None for line in given.subjects) or given.conduct_after_summer:
            found.append(Oddity("Kiểm tra lại, rèn luyện hè", "redo-2", who, f"{given.full_name} có kết quả sau hè."))
        if any(any(line.exempt) for line in given.subjects):
            exempt.append(given.full_name)
    if exempt:
        found.append(Oddity("Có học sinh được miễn", "user-x", who, f"{_some(exempt)} được miễn học."))
    return found


# --- transcripts, exemptions ------------------------------------------------------------------------------------------

_TURN = (
    (RecordState.CREATED, Permission.TRANSCRIPT_SIGN_HOMEROOM, "Ký {n} học bạ lớp {name}"),
    (RecordState.HOMEROOM_SIGNED, Permission.TRANSCRIPT_SIGN_PRINCIPAL, "Ký {n} học bạ lớp {name}"),
    (RecordState.PRINCIPAL_SIGNED, Permission.TRANSCRIPT_SEAL, "Đóng dấu {n} học bạ lớp {name}"),
)


def _transcript_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    if actor.is_system or not actor.may(Permission.TRANSCRIPT_READ):
        return []
    items = []
    for class_id, by_state in records_by_state(year.id).items():
        row = db.session.get(m.ClassGroup, class_id)
        assert row is not None
        before = _signing_before(year, row.grade_level)

        def item(verb: str, n: int, words: str, row: m.ClassGroup = row, before: date = before) -> DailyItem:
            made = _class_item(
                row, verb, words.format(n=n, name=row.name), f"lớp {row.name}", f"{n} học bạ", before, today, ()
            )
            return replace(made, kind="transcript", key=f"transcript-{row.id}-{n}", link=f"/hoc-ba/lop/{row.id}")

        if by_state.get(None) and class_id in actor.homeroom and _may(actor, class_id, Permission.TRANSCRIPT_BUILD):
            items.append(item("build", by_state[None], "Lập {n} học bạ lớp {name}"))
        for state, permission, words in _TURN:
            if by_state.get(state) and _may(actor, class_id, permission):
                items.append(item("sign", by_state[state], words))
    return items


def _may(actor: Actor, class_group_id: int, permission: Permission) -> bool:
    try:
        class_for(actor, class_group_id, permission)
    except NotFound:
        return False
    return True


def _exemption_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    items = []
    for line in exemptions.waiting(actor):
        row = db.session.get(m.ClassGroup, line.class_group_id)
        assert row is not None
        made = _class_item(
            row,
            "decide",
            f"{line.words}: {line.student_name}",
            f"đề nghị {_day(line.proposed_at)}",
            f"lớp {row.name}",
            year.data_complete_before,
            today,
            [
                Oddity(
                    "Đề nghị miễn học",
                    "user-x",
                    f"lớp {row.name}, đề nghị {_day(line.proposed_at)}",
                    f"Lí do: {line.reason}",
                )
            ],
        )
        items.append(
            replace(
                made,
                kind="exemption",
                key=f"exemption-{line.id}-1",
                link=f"/lop/{row.id}/hoc-sinh/{line.enrollment_id}",
                exemption=line,
            )
        )
    return items


# --- acting in bulk ---------------------------------------------------------------------------------------------------


def act(
    actor: Actor, verb: str, keys: Iterable[str], *, now: datetime, note: str | None = None, remark: str | None = None
) -> list[Outcome]:
    """Approve, review, return or lock what was ticked: one transaction and one outcome an item.

    Each key carries the version that was seen; what changed meanwhile is skipped and says so. Raises Invalid for an
    unknown act, a return without a reason, or nothing ticked.
    """
    wanted = _parsed(keys)
    if not wanted:
        raise Invalid("Chưa chọn việc nào.", field="chon")
    if verb not in ("approve", "review", "return", "lock"):
        raise Invalid("Việc này không làm hàng loạt được.", field="verb")
    if verb == "return" and not (note or "").strip():
        raise Invalid("Xin ghi lí do để người nhận biết cần làm gì.", field="note")
    outcomes: list[Outcome] = []
    sheets = [(item_id, version) for kind, item_id, version in wanted if kind == "sheet"]
    classes = [(item_id, version) for kind, item_id, version in wanted if kind == "class"]
    versions = dict(sheets)
    for done in reviews.move_many(actor, SheetVerb(verb), sheets, now=now, note=note if verb == "return" else None):
        outcomes.append(
            Outcome(
                f"sheet-{done.sheet_id}-{versions[done.sheet_id]}", done.label or "Bảng điểm", done.done, done.message
            )
        )
    if verb in ("approve", "return"):
        of_class = dict(classes)
        for moved in class_approval.bulk(actor, ClassVerb(verb), classes, now=now, note=note, remark=remark):
            outcomes.append(
                Outcome(
                    f"class-{moved.class_group_id}-{of_class[moved.class_group_id]}",
                    moved.label or "Lớp",
                    moved.done,
                    moved.message,
                )
            )
    else:
        outcomes += [
            Outcome(f"class-{item_id}-{version}", "Tổng kết lớp", False, "Việc này chỉ dành cho bảng điểm.")
            for item_id, version in classes
        ]
    return outcomes


def _parsed(keys: Iterable[str]) -> list[tuple[str, int, int]]:
    found: dict[tuple[str, int], int] = {}
    for key in keys:
        parts = key.split("-")
        if (
            len(parts) != 3
            or parts[0] not in ("sheet", "class")
            or not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts[1:])
        ):
            raise Invalid("Danh sách chọn không đọc được. Xin tải lại trang.", field="chon")
        found[parts[0], int(parts[1])] = int(parts[2])
    return [(kind, item_id, version) for (kind, item_id), version in found.items()]


def recent_reasons(actor: Actor, limit: int = 5) -> tuple[str, ...]:
    """The reasons this person gave last when returning something, newest first."""
    if actor.account_id is None:
        return ()
    found: list[tuple[datetime, str]] = []
    for model in (m.SheetStep, m.ClassStep):
        rows = db.session.execute(
            select(model.at, model.note)
            .where(model.by_account_id == actor.account_id, model.verb == "return", model.note.is_not(None))
            .order_by(model.id.desc())
            .limit(limit * 4)
        )
        found += [(row.at, row.note) for row in rows]
    ordered = [note for _, note in sorted(found, reverse=True)]
    return tuple(dict.fromkeys(ordered))[:limit]


# --- what happened ----------------------------------------------------------------------------------------------------

_MACHINE = frozenset({"backup:file:created", "backup:file:restored", "audit:snapshot:taken", "machine:clock:alarmed"})
_SHEETS = frozenset({"score:sheet:moved", "score:cells:imported", "score:cell:changed"})
_CLASSES = frozenset(
    {
        "class:state:moved",
        "homeroom:record:changed",
        "exemption:record:proposed",
        "exemption:record:decided",
        "decision:record:made",
    }
)
_PAPERS = frozenset(
    {
        "transcript:record:built",
        "transcript:record:signed",
        "transcript:record:issued",
        "transcript:record:published",
        "transcript:record:recalled",
    }
)
_BY_VERB = {
    "score:sheet:moved": {
        "submit": "nộp {what}",
        "recall": "rút lại {what}",
        "return": "trả lại {what}",
        "review": "soát xong {what}",
        "approve": "duyệt {what}",
        "lock": "khoá {what}",
        "reopen": "mở lại {what}",
    },
    "class:state:moved": {
        "finalise": "chốt tổng kết {what}",
        "reopen": "mở lại {what}",
        "return": "trả lại {what}",
        "approve": "duyệt tổng kết {what}",
    },
}
_WORDS = {
    "score:cell:changed": "ghi {n} ô ở {what}",
    "score:cells:imported": "nhập nhiều ô vào {what}",
    "homeroom:record:changed": "ghi {n} mục chủ nhiệm {what}",
    "exemption:record:proposed": "đề nghị miễn học {what}",
    "exemption:record:decided": "quyết định miễn học {what}",
    "decision:record:made": "ghi quyết định {what}",
    "transcript:record:built": "lập {n} học bạ",
    "transcript:record:signed": "ký {n} học bạ",
    "transcript:record:issued": "đóng dấu {n} học bạ",
    "transcript:record:published": "công bố {n} học bạ",
    "transcript:record:recalled": "thu hồi {n} học bạ",
    "backup:file:created": "sao lưu xong",
    "backup:file:restored": "khôi phục từ bản sao lưu",
    "audit:snapshot:taken": "chụp ảnh nhật ký",
    "machine:clock:alarmed": "báo đồng hồ máy chủ chạy sai",
}
_NEWEST = 3000
_HEAD = 3000


def since_yesterday(actor: Actor, now: datetime, limit: int = 12) -> tuple[Happening, ...]:
    """What others and this person did since noon of yesterday, newest first, several alike acts as one line.

    Only what the person may know: the whole school for its heads, one's sheets and class for teachers, the machine for
    the IT officer. Never a score.
    """
    tags, sheets, classes = _may_hear(actor)
    if not tags:
        return ()
    since = datetime.combine(clock.local_date(now) - timedelta(days=1), time(12), tzinfo=clock.SCHOOL_ZONE)
    newest = (
        select(
            m.AuditEntry.at,
            m.AuditEntry.tag,
            m.AuditEntry.actor_name,
            m.AuditEntry.target_id,
            func.substr(m.AuditEntry.payload, 1, _HEAD).label("head"),
        )
        .order_by(m.AuditEntry.seq.desc())
        .limit(_NEWEST)
    )
    grouped: dict[tuple[str, str, str], tuple[datetime, list[str], int]] = {}
    for entry in db.session.execute(newest):
        at = datetime.fromisoformat(entry.at)
        if at < since:
            break
        if entry.tag not in tags or at > now:
            continue
        if entry.tag in _SHEETS and sheets is not None and entry.target_id not in sheets:
            continue
        facts = _facts(entry.head)
        if entry.tag in _CLASSES and classes is not None and facts.get("class") not in classes:
            continue
        if entry.tag in _PAPERS and classes is not None and facts.get("class") not in classes | {None}:
            continue
        key = (entry.actor_name, entry.tag, str(facts.get("verb", "")))
        what = facts.get("sheet") or (f"lớp {facts['class']}" if facts.get("class") else "")
        first, said, n = grouped.get(key, (at, [], 0))
        if what and what not in said:
            said.append(what)
        grouped[key] = (first, said, n + 1)
    lines = []
    for (name, tag, verb), (at, said, n) in grouped.items():
        pattern = _BY_VERB[tag].get(verb, "{what}") if tag in _BY_VERB else _WORDS[tag]
        shown = said[0] if said else ""
        if len(said) > 1:
            shown += f" và {len(said) - 1} {'lớp' if tag in _CLASSES else 'bảng điểm'} nữa"
        lines.append(Happening(at, f"{name} {pattern.format(n=n, what=shown)}".strip()))
    lines.sort(key=lambda line: line.at, reverse=True)
    return tuple(lines[:limit])


def _may_hear(actor: Actor) -> tuple[frozenset[str], frozenset[str] | None, frozenset[str] | None]:
    """Tags, sheet ids (None: all) and class names (None: all) that this person may hear of."""
    if actor.is_system or actor.has_role(Role.PRINCIPAL) or actor.has_role(Role.VICE_PRINCIPAL):
        return _SHEETS | _CLASSES | _PAPERS | _MACHINE, None, None
    if actor.has_role(Role.IT_OFFICER):
        return _MACHINE, frozenset(), frozenset()
    if actor.has_role(Role.CLERK):
        return _PAPERS | _MACHINE, frozenset(), None
    tags: set[str] = set()
    sheets: set[str] = set()
    classes: set[str] = set()
    if actor.teaching:
        tags |= _SHEETS
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id).where(m.ScoreSheet.class_subject_id.in_(actor.teaching))
            )
        }
    if actor.has_role(Role.GROUP_HEAD):
        tags |= {"score:sheet:moved"}
        groups = [grant.scope_id for grant in actor.grants if grant.role is Role.GROUP_HEAD]
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id)
                .join(m.TeachingAssignment, m.TeachingAssignment.class_subject_id == m.ScoreSheet.class_subject_id)
                .join(m.Person, m.Person.id == m.TeachingAssignment.person_id)
                .where(m.Person.subject_group_id.in_(groups))
            )
        }
    if actor.homeroom:
        tags |= _SHEETS | _CLASSES | _PAPERS
        classes |= set(db.session.scalars(select(m.ClassGroup.name).where(m.ClassGroup.id.in_(actor.homeroom))))
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id)
                .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
                .where(m.ClassSubject.class_group_id.in_(actor.homeroom))
            )
        }
    return frozenset(tags), frozenset(sheets), frozenset(classes)


def _facts(head: str) -> dict[str, Any]:
    """The facts of a payload from its beginning: keys are sorted, so they stand before the long ``state``."""
    at = head.find('"facts":{')
    if at < 0:
        return {}
    try:
        facts: dict[str, Any] = json.JSONDecoder().raw_decode(head, at + len('"facts":'))[0]
    except ValueError:  # cut off in the middle
        return {}
    return facts


# --- readiness --------------------------------------------------------------------------------------------------------


def _strip(today: date) -> tuple[StripClass, ...]:
    return tuple(
        StripClass(row.class_group_id, row.name, row.percent, row.is_late) for row in readiness.board_rows(today)
    )
