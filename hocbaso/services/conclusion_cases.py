"""A pupil whose conclusion was corrected after the summer or the turn of the year: what the principal chose, until it is settled.

Opened inside the approval of the correction; closed by the late summer's approval, by the principal's decision about the place, or by
the office that puts the pupil there. Nothing moves by itself (docs/decisions/0037).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations import conclusion_cases as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseChoice, CaseState
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.enrollment_flow import DEPARTURES, EnrollmentStatus, require_open
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.terms import Promotion
from hocbaso.services import audit, conclusion_asks, correction_civil_requests, departures, roster
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.conclusion_asks import CaseAsk
from hocbaso.services.log_reading import require_told
from hocbaso.services.student_classes import place_of

PAPER, NOTE, LONGEST = 300, 500, timedelta(days=92)
_NOT_YOURS = "Không có việc này trong phần việc của thầy, cô."
_WATCHED = (
    "correction_request_id", "enrollment_id", "before_outcome", "outcome", "state", "choice", "paper", "until_on", "to_class_group_id"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """What came with the principal's form. ``until``: 30/10/2027; ``to_class``: the id of a class."""

    choice: str = ""
    paper: str = ""
    until: str = ""
    to_class: str = ""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case as this person sees it. ``verb``: ``place`` (the principal chooses), ``move`` (the office puts the pupil there) or ""."""

    id: int
    request_id: int
    enrollment_id: int
    class_group_id: int
    student_id: int
    student_name: str
    class_name: str
    school_year: str
    before: Promotion
    outcome: Promotion
    state: CaseState
    choice: CaseChoice
    paper: str
    until_on: date | None
    to_class: str
    leaves: bool
    """Whether deciding to move means to take the pupil out of the class of today."""
    place: str
    place_class_id: int | None
    decider_name: str
    decided_at: datetime
    due_before: date
    days_left: int
    settled_note: str
    version: int
    verb: str
    choices: tuple[CaseChoice, ...]
    classes: tuple[tuple[int, str], ...]


def open_lines(actor: Actor, now: datetime) -> list[CaseLine]:
    """The cases that are not settled, as far as they concern this person, the most urgent first."""
    today = clock.local_date(now)
    found = [_line(actor, row, today) for row in _open_rows() if reads(actor, row)]
    return sorted(found, key=lambda line: (line.due_before, line.id))


def settled_lines(actor: Actor, now: datetime, *, limit: int = 30) -> list[CaseLine]:
    """The newest of those that are over, as far as they concern this person."""
    today = clock.local_date(now)
    rows = db.session.scalars(
        select(m.ConclusionCase)
        .where(m.ConclusionCase.state == CaseState.SETTLED.value)
        .order_by(m.ConclusionCase.settled_at.desc(), m.ConclusionCase.id.desc())
        .limit(limit)
    )
    return [_line(actor, row, today) for row in rows if reads(actor, row)]


def of_request(request_id: int, actor: Actor, now: datetime) -> CaseLine | None:
    """The case that a correction opened, for whoever reads the correction."""
    row = db.session.scalar(select(m.ConclusionCase).where(m.ConclusionCase.correction_request_id == request_id))
    return _line(actor, row, clock.local_date(now)) if row is not None else None


def waiting(actor: Actor, today: date) -> list[CaseLine]:
    """The cases on which this person has to act next."""
    if actor.is_system or not (_decides(actor) or departures.is_office(actor)):
        return []
    found = [_line(actor, row, today) for row in _open_rows() if reads(actor, row)]
    return [line for line in found if line.verb]


def unsettled(today: date) -> list[tuple[m.ConclusionCase, m.Enrollment | None, date]]:
    """(case, the pupil's place of today, due before which day) of every open case. Not scoped: callers show numbers or check the actor."""
    return [(row, place_of(row.enrollment.student_id), _due(row)) for row in _open_rows()]


def holders_role(row: m.ConclusionCase) -> Role:
    """Who has to act: the office puts pupils into classes, everything else comes back to the principal."""
    return Role.CLERK if row.state == CaseState.MOVE.value else Role.PRINCIPAL


def late_enrollments() -> dict[int, date]:
    """Enrolment -> last day of the late summer, of every pupil for whom one is held."""
    rows = db.session.execute(
        select(m.ConclusionCase.enrollment_id, m.ConclusionCase.until_on).where(
            m.ConclusionCase.state == CaseState.SUMMER.value
        )
    )
    return {row.enrollment_id: row.until_on for row in rows}


def reads(actor: Actor, row: m.ConclusionCase) -> bool:
    """Whether a case concerns this person: the heads, the office, who keeps the old class or the class of today."""
    if actor.is_system:
        return True
    class_id = row.enrollment.class_group_id
    if reaches_class(actor, class_id, Permission.CLASS_READ) and Permission.CORRECTION_READ in actor.permissions:
        return True
    return departures.is_office(actor) and reaches_class(actor, class_id, Permission.STUDENT_READ)


# --- opened with the approval of a correction -----------------------------------------------------------------------------


def open_from(
    actor: Actor, request: m.CorrectionRequest, ask: CaseAsk, chosen: Chosen, before: Promotion, outcome: Promotion,
    now: datetime,
) -> m.ConclusionCase | None:  # fmt: skip
    """Keep what the principal chose with the approval, in its transaction; None where there was nothing to choose.

    A case that is open for the pupil ends: this conclusion takes its place. Raises Invalid (``case``, ``case_paper``, ``case_until``, ``case_class``).
    """
    if before is not outcome or ask.of(outcome):
        for row in _open_rows():
            if row.enrollment_id == request.enrollment_id:
                _settle(actor, row, f"Thay bằng đề nghị sửa chữa số {request.id}.", now)
    choices = ask.of(outcome)
    if not choices:
        return None
    choice, paper, until, to_class = _read(chosen, choices, ask.classes, clock.local_date(now))
    state = rules.STATE_AFTER[choice]
    row = m.ConclusionCase(
        correction_request_id=request.id,
        enrollment_id=request.enrollment_id,
        before_outcome=before.value,
        outcome=outcome.value,
        state=state.value,
        choice=choice.value,
        paper=paper,
        until_on=until,
        to_class_group_id=to_class,
        decided_at=now,
        decided_by=actor.account_id,
        decider_name=actor.name,
        since_at=now,
    )
    if state is CaseState.SETTLED:
        row.settled_at, row.settled_by, row.settler_name, row.settled_note = now, actor.account_id, actor.name, paper
    db.session.add(row)
    db.session.flush()
    _tell(AuditTag.CASE_DECIDED, actor, row, now, note=paper)
    return row


def _read(
    chosen: Chosen, choices: Sequence[CaseChoice], classes: Sequence[tuple[int, str]], today: date
) -> tuple[CaseChoice, str, date | None, int | None]:
    choice = next((one for one in choices if one.value == chosen.choice), None)
    if choice is None:
        raise Invalid("Xin chọn việc làm với em sau khi kết luận đổi. Chưa có gì thay đổi.", field="case")
    paper = _text(chosen.paper, PAPER, "case_paper", "căn cứ (quyết định, biên bản Hội đồng)")
    until = to_class = None
    if choice is CaseChoice.SUMMER:
        until = _until(chosen.until, today)
    if choice is CaseChoice.MOVE and classes:
        named = {str(class_id): class_id for class_id, _ in classes}
        if chosen.to_class not in named:
            raise Invalid("Xin chọn lớp.", field="case_class")
        to_class = named[chosen.to_class]
    return choice, paper, until, to_class


def _until(typed: str, today: date) -> date:
    try:
        until = datetime.strptime(typed.strip(), "%d/%m/%Y").date()  # noqa: DTZ007 (a day, not an instant)
    except ValueError:
        raise Invalid("Xin ghi hạn xong như 30/10/2027. Chưa có gì thay đổi.", field="case_until") from None
    if not today <= until <= today + LONGEST:
        raise Invalid("Hạn xong phải từ hôm nay và không quá ba tháng. Chưa có gì thay đổi.", field="case_until")
    return until


# --- afterwards -----------------------------------------------------------------------------------------------------------


def after_summer(actor: Actor, outcomes: Mapping[int, Promotion], now: datetime) -> None:
    """The late summer of these pupils (enrolment -> conclusion) was approved: settled where they sit right, the principal's otherwise.

    In the caller's transaction.
    """
    today = clock.local_date(now)
    for row in _open_rows():
        if row.enrollment_id not in outcomes or row.state != CaseState.SUMMER.value:
            continue
        _require_as_told(row)
        outcome = outcomes[row.enrollment_id]
        row.outcome = outcome.value
        standing = conclusion_asks.standing_of(row.enrollment, "summer", today)
        if not standing.is_closed or rules.fits(outcome, standing):
            _settle(actor, row, f"Kết quả muộn đã duyệt: {conclusion_asks.OUTCOME_WORDS[outcome]}.", now)
            continue
        row.state, row.since_at = CaseState.PLACE.value, now
        row.version += 1
        db.session.flush()
        _tell(AuditTag.CASE_DECIDED, actor, row, now)


def decide_place(actor: Actor, case_id: int, chosen: Chosen, now: datetime, *, expected_version: int) -> None:
    """The principal chooses where the pupil sits after a late summer, or otherwise than before where the office has not moved the pupil yet:
    the pupil left meanwhile, or a class takes nobody any more.

    Raises NotFound, NotAllowed, WrongState, Stale, Invalid (as :func:`open_from`), IntegrityFault.
    """
    with write_transaction():
        row = _load(actor, case_id, expected_version)
        if not _decides(actor):
            raise NotAllowed("Nơi học của em do Hiệu trưởng quyết định. Chưa có gì thay đổi.")
        rules.require_state(CaseState(row.state), (CaseState.PLACE, CaseState.MOVE))
        outcome = Promotion(row.outcome)
        standing = conclusion_asks.standing_of(row.enrollment, "summer", clock.local_date(now))
        choices = conclusion_asks.place_choices(outcome, standing)
        if not choices:
            _settle(actor, row, "Em đang học đúng khối theo kết luận.", now)
            return
        choice, paper, _, to_class = _read(
            chosen, choices, conclusion_asks.classes_for(outcome, standing), clock.local_date(now)
        )
        row.choice, row.paper, row.to_class_group_id = choice.value, paper, to_class
        row.decided_at, row.decided_by, row.decider_name = now, actor.account_id, actor.name
        if rules.STATE_AFTER[choice] is CaseState.SETTLED:
            _settle(actor, row, paper, now, tag=AuditTag.CASE_DECIDED)
            return
        row.state, row.since_at = rules.STATE_AFTER[choice].value, now
        row.version += 1
        db.session.flush()
        _tell(AuditTag.CASE_DECIDED, actor, row, now, note=paper)


def extend(actor: Actor, case_id: int, until: str, now: datetime, *, expected_version: int) -> None:
    """The principal gives a late summer another last day. Raises as :func:`decide_place`, Invalid (``case_until``)."""
    with write_transaction():
        row = _load(actor, case_id, expected_version)
        if not _decides(actor):
            raise NotAllowed("Hạn của việc này do Hiệu trưởng đặt. Chưa có gì thay đổi.")
        rules.require_state(CaseState(row.state), (CaseState.SUMMER,))
        row.until_on = _until(until, clock.local_date(now))
        row.version += 1
        db.session.flush()
        _tell(AuditTag.CASE_DECIDED, actor, row, now)


def move(actor: Actor, case_id: int, now: datetime, *, expected_version: int) -> None:
    """The office puts the pupil where the principal decided, from today on: the place of today closes, its marks stay in their sheets.

    Raises NotFound, NotAllowed, WrongState (not decided; a class is finalised), Stale (the pupil sits elsewhere meanwhile), IntegrityFault.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        row = _load(actor, case_id, expected_version)
        if not departures.is_office(actor):
            raise NotAllowed("Xếp lại lớp do văn phòng làm theo quyết định của Hiệu trưởng. Chưa có gì thay đổi.")
        rules.require_state(CaseState(row.state), (CaseState.MOVE,))
        present = place_of(row.enrollment.student_id)
        if present is None and _left_since(row):
            raise WrongState("Em đã rời trường sau quyết định này: Hiệu trưởng quyết định lại. Chưa có gì thay đổi.")
        written = []
        before: dict[str, object] = {}
        if present is not None and present.class_group_id != row.to_class_group_id:
            _require_open(present.class_group)
            _require_place_told(present)
            before = {"status": present.status, "class": present.class_group.name}
            present.status, present.left_on = EnrollmentStatus.MOVED.value, today
            written.append(present)
        target = session.get(m.ClassGroup, row.to_class_group_id) if row.to_class_group_id is not None else None
        if target is not None and (present is None or present in written):
            _require_open(target)
            if target.school_year.state != "OPEN":
                raise WrongState("Lớp ấy là của năm học đã đóng. Chưa có gì thay đổi.")
            seat = _seat(row.enrollment.student_id, target, today)
            if present is not None:
                correction_civil_requests.follow(actor, present, seat, now)
            written.append(seat)
        session.flush()
        where = target.name if target is not None else ""
        if written:
            aim = target if target is not None else written[0].class_group
            audit.record(
                AuditTag.PLACE_MOVED,
                actor,
                now,
                target_kind="class_group",
                target_id=aim.id,
                state=audit.states("enrollment", written),
                before=before or None,
                note=row.paper,
                facts={
                    "student": row.enrollment.student.full_name,
                    "class": where or aim.name,
                    "from": before.get("class", ""),
                    "request": row.correction_request_id,
                },
            )
        _settle(actor, row, f"Đã xếp vào lớp {where}." if where else "Em đã rời lớp đang học.", now)


def _left_since(row: m.ConclusionCase) -> bool:
    """Whether the pupil left the school after the principal decided to move the pupil."""
    return (
        db.session.scalar(
            select(m.Movement.id)
            .join(m.Enrollment, m.Enrollment.id == m.Movement.enrollment_id)
            .where(
                m.Enrollment.student_id == row.enrollment.student_id,
                m.Movement.kind.in_(DEPARTURES),
                m.Movement.taken_back_at.is_(None),
                m.Movement.recorded_at >= row.decided_at,
            )
            .limit(1)
        )
        is not None
    )


def _seat(student_id: int, target: m.ClassGroup, today: date) -> m.Enrollment:
    """A place in the class; one that was left by such a move stands again."""
    known: m.Enrollment | None = db.session.scalar(
        select(m.Enrollment).where(m.Enrollment.student_id == student_id, m.Enrollment.class_group_id == target.id)
    )
    if known is not None:
        if known.status != EnrollmentStatus.MOVED.value:
            raise WrongState(f"Em đã có tên ở lớp {target.name} rồi rời lớp ấy: văn phòng mở hồ sơ để tiếp nhận lại.")
        _require_place_told(known)
        known.status, known.left_on = EnrollmentStatus.STUDYING.value, None
        return known
    made = m.Enrollment(
        student_id=student_id, class_group_id=target.id, joined_on=today, status=EnrollmentStatus.STUDYING.value
    )
    db.session.add(made)
    db.session.flush()
    roster.seat([made])
    return made


# --- inside ---------------------------------------------------------------------------------------------------------------


def _open_rows() -> list[m.ConclusionCase]:
    return list(
        db.session.scalars(
            select(m.ConclusionCase)
            .where(m.ConclusionCase.state != CaseState.SETTLED.value)
            .order_by(m.ConclusionCase.id)
            .execution_options(populate_existing=True)
        )
    )


def _decides(actor: Actor) -> bool:
    return actor.is_system or actor.may(Permission.YEAR_EDIT)


def _load(actor: Actor, case_id: int, expected_version: int) -> m.ConclusionCase:
    row = db.session.get(m.ConclusionCase, case_id, populate_existing=True)
    if row is None or not reads(actor, row):
        raise NotFound(_NOT_YOURS)
    if row.version != expected_version:
        raise Stale("Việc này vừa được người khác làm. Xin xem lại; chưa có gì thay đổi.", current=row.version)
    _require_as_told(row)
    return row


def _require_as_told(row: m.ConclusionCase) -> None:
    require_told(
        "conclusion_case", row.id, {name: getattr(row, name) for name in _WATCHED}, "Việc sau khi kết luận đổi"
    )


def _require_place_told(enrollment: m.Enrollment) -> None:
    names = ("student_id", "class_group_id", "status", "joined_on", "left_on")
    require_told(
        "enrollment",
        enrollment.id,
        {name: getattr(enrollment, name) for name in names},
        "Việc học trong lớp của em này",
    )


def _require_open(class_group: m.ClassGroup) -> None:
    db.session.refresh(class_group)
    require_open(ClassState(class_group.state), class_group.name)


def _settle(
    actor: Actor, row: m.ConclusionCase, note: str, now: datetime, *, tag: AuditTag = AuditTag.CASE_SETTLED
) -> None:
    row.state, row.since_at = CaseState.SETTLED.value, now
    row.settled_at, row.settled_by, row.settler_name, row.settled_note = now, actor.account_id, actor.name, note[:NOTE]
    row.version += 1
    db.session.flush()
    _tell(tag, actor, row, now, note=note[:NOTE])


def _tell(tag: AuditTag, actor: Actor, row: m.ConclusionCase, now: datetime, *, note: str | None = None) -> None:
    enrollment = row.enrollment
    audit.record(
        tag,
        actor,
        now,
        target_kind="conclusion_case",
        target_id=row.id,
        state=audit.states("conclusion_case", [row]),
        note=note,
        facts={
            "student": enrollment.student.full_name,
            "class": enrollment.class_group.name,
            "school_year": enrollment.class_group.school_year.label,
            "outcome": row.outcome,
            "request": row.correction_request_id,
        },
    )


def _text(typed: str, limit: int, field: str, what: str) -> str:
    text = " ".join((nfc(typed) or "").split())
    if not text or len(text) > limit:
        raise Invalid(f"Xin ghi {what}, nhiều nhất {limit} kí tự.", field=field)
    if why := why_not_printed(text):
        raise Invalid(f"{what[:1].upper()}{what[1:]} {why}", field=field)
    return text


def _due(row: m.ConclusionCase) -> date:
    if row.state == CaseState.SUMMER.value and row.until_on is not None:
        return row.until_on + timedelta(days=1)
    return due_before(clock.local_date(row.since_at))


def _line(actor: Actor, row: m.ConclusionCase, today: date) -> CaseLine:
    enrollment = row.enrollment
    state, outcome = CaseState(row.state), Promotion(row.outcome)
    place = place_of(enrollment.student_id)
    due = _due(row)
    choices: tuple[CaseChoice, ...] = ()
    classes: tuple[tuple[int, str], ...] = ()
    verb = ""
    if state is CaseState.PLACE or (state is CaseState.MOVE and _decides(actor)):
        standing = conclusion_asks.standing_of(enrollment, "summer", today)
        choices = conclusion_asks.place_choices(outcome, standing)
        classes = conclusion_asks.classes_for(outcome, standing)
        verb = "place" if state is CaseState.PLACE and _decides(actor) else ""
    if state is CaseState.MOVE:
        verb = "move" if departures.is_office(actor) else ""
    elif state is CaseState.SUMMER and today >= due and _decides(actor):
        verb = "late"
    return CaseLine(
        row.id,
        row.correction_request_id,
        enrollment.id,
        enrollment.class_group_id,
        enrollment.student_id,
        enrollment.student.full_name,
        enrollment.class_group.name,
        enrollment.class_group.school_year.label,
        Promotion(row.before_outcome),
        outcome,
        state,
        CaseChoice(row.choice),
        row.paper,
        row.until_on,
        row.to_class.name if row.to_class is not None else "",
        row.to_class_group_id is None and not classes,
        place.class_group.name if place is not None else "",
        place.class_group_id if place is not None else None,
        row.decider_name,
        row.decided_at,
        due,
        Deadline(due).days_left(today),
        row.settled_note or "",
        row.version,
        verb,
        choices,
        classes,
    )
