"""Closing a school year and opening the next: the office writes the plan and sends it, the principal's approval carries it out.

One transaction: the new year with its dates, classes with subjects and sheets, assignments, each pupil's place; the old year is closed.
Nothing of the old year is changed but its state; its duties stay, so that corrections there still find their people (docs/decisions/0025).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Incomplete, Invalid, NotAllowed, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.identifiers import class_name
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.year_turn import TurnState, TurnVerb, next_state
from hocbaso.services import audit, roster, year_turn_plan
from hocbaso.services.access import Actor
from hocbaso.services.in_force import last_day
from hocbaso.services.log_reading import aimed_at, require_rows_told, require_told
from hocbaso.services.year_turn_plan import GO_UP_WITH_CLASS, GONE, STAY_WITH_GRADE, Choices, Plan

_NOTE = 500
_MOST_FIRST = 20


@dataclass(frozen=True, slots=True)
class TurnPage:
    """The plan as this person sees it. ``state`` None: nobody has chosen anything yet."""

    plan: Plan
    state: TurnState | None
    version: int
    preparer_name: str
    prepared_at: datetime | None
    decider_name: str
    note: str
    may_prepare: bool
    may_decide: bool
    seal: str


@dataclass(frozen=True, slots=True)
class Turned:
    """What an approved plan did."""

    to_year_id: int
    label: str
    n_classes: int
    n_pupils: int


def read(actor: Actor, now: datetime) -> TurnPage:
    """The plan for the open year. NotFound for anybody but the office and the principal, and while no year is open."""
    _require_reader(actor)
    year = roster.open_year()
    row = _row(year.id)
    plan = year_turn_plan.make(year, _choices(row), clock.local_date(now))
    state = TurnState(row.state) if row is not None else None
    return TurnPage(
        plan,
        state,
        row.version if row is not None else 0,
        row.preparer_name if row is not None else "",
        row.prepared_at if row is not None else None,
        (row.decider_name or "") if row is not None else "",
        (row.note or "") if row is not None else "",
        _prepares(actor),
        _decides(actor) and state is TurnState.SENT,
        plan.seal(),
    )


def save(
    actor: Actor,
    now: datetime,
    *,
    expected_version: int,
    regulation: str | None = None,
    first_classes: str | None = None,
    more_classes: str | None = None,
    assignments: str | None = None,
    pupils: Mapping[int, str] | None = None,
) -> int:
    """Keep what the office chose; None leaves a choice as it is. The new version.

    ``first_classes``: names of the grade 6 classes as typed, ``6A, 6B``; ``more_classes``: of grades 7 to 9 beside those that go up; ``pupils``: enrolment id -> class or ``-``. A plan that was sent is the
    office's again. Raises NotFound, NotAllowed, WrongState (done), Stale, Invalid (``first_classes``, ``pupils``, ``regulation``, ``assignments``).
    """
    with write_transaction() as session:
        year, row = _open(actor, expected_version)
        if not _prepares(actor):
            raise NotAllowed("Kế hoạch chuyển năm học do văn phòng soạn. Chưa có gì thay đổi.")
        standing = _choices(row)
        plan = year_turn_plan.make(year, standing, clock.local_date(now))
        wanted = standing
        if regulation is not None:
            if regulation not in plan.regulations:
                raise Invalid("Quy định này không áp dụng cho năm học tới.", field="regulation")
            wanted = replace(wanted, regulation=regulation)
        if assignments is not None:
            if assignments not in (STAY_WITH_GRADE, GO_UP_WITH_CLASS):
                raise Invalid("Xin chọn cách phân công.", field="assignments")
            wanted = replace(wanted, assignments=assignments)
        if first_classes is not None:
            wanted = replace(wanted, first_classes=_class_names(first_classes))
        if more_classes is not None:
            wanted = replace(wanted, more_classes=_more_names(more_classes))
        if pupils is not None:
            wanted = replace(wanted, pupils=_places(plan, standing.pupils, pupils))
        state = next_state(TurnState(row.state) if row is not None else None, TurnVerb.SAVE)
        if row is None:
            row = m.YearTurn(from_year_id=year.id, version=0)
            session.add(row)
        row.choices = wanted.to_json()
        _write(actor, row, state, AuditTag.YEAR_TURN_SAVED, now)
        return row.version


def send(actor: Actor, now: datetime, *, expected_version: int) -> None:
    """Ask the principal to approve; also a plan in which nothing was chosen. Raises as :func:`save`, Incomplete while something blocks."""
    with write_transaction() as session:
        year, row = _open(actor, expected_version)
        if not _prepares(actor):
            raise NotAllowed("Kế hoạch chuyển năm học do văn phòng gửi. Chưa có gì thay đổi.")
        _require_unblocked(year_turn_plan.make(year, _choices(row), clock.local_date(now)))
        state = next_state(TurnState(row.state) if row is not None else None, TurnVerb.SEND)
        if row is None:
            row = m.YearTurn(from_year_id=year.id, version=0, choices=Choices().to_json())
            session.add(row)
        _write(actor, row, state, AuditTag.YEAR_TURN_SENT, now)


def send_back(actor: Actor, note: str, now: datetime, *, expected_version: int) -> None:
    """Give the plan back to the office with a reason. Raises NotFound, NotAllowed, WrongState, Stale, Invalid."""
    words = " ".join((nfc(note) or "").split())
    with write_transaction():
        _, row = _open(actor, expected_version)
        if not _decides(actor):
            raise NotAllowed("Kế hoạch chuyển năm học do Hiệu trưởng duyệt. Chưa có gì thay đổi.")
        state = next_state(TurnState(row.state) if row is not None else None, TurnVerb.RETURN)
        assert row is not None
        if not words or len(words) > _NOTE:
            raise Invalid(f"Xin ghi lí do trả lại, nhiều nhất {_NOTE} chữ.", field="note")
        _decide(actor, row, now, words)
        _write(actor, row, state, AuditTag.YEAR_TURN_RETURNED, now, note=words)


def approve(actor: Actor, seen: str, now: datetime, *, expected_version: int) -> Turned:
    """Close the year and open the next, all in one transaction.

    ``seen``: the seal of the plan that was on the screen. Raises NotFound, NotAllowed (not the principal; who prepared it), WrongState,
    Stale (the year or the plan changed since), Incomplete (something blocks), IntegrityFault.
    """
    with write_transaction() as session:
        year, row = _open(actor, expected_version)
        if not _decides(actor):
            raise NotAllowed("Kế hoạch chuyển năm học do Hiệu trưởng duyệt. Chưa có gì thay đổi.")
        state = next_state(TurnState(row.state) if row is not None else None, TurnVerb.APPROVE)
        assert row is not None
        if row.prepared_by == actor.account_id and not actor.is_system:
            raise NotAllowed("Người soạn kế hoạch không tự duyệt. Chưa có gì thay đổi.")
        plan = year_turn_plan.make(year, _choices(row), clock.local_date(now))
        _require_unblocked(plan)
        if plan.seal() != seen:
            raise Stale("Kế hoạch đã thay đổi sau khi thầy, cô mở trang. Xin xem lại; chưa có gì thay đổi.")
        _require_frozen_as_told(year)
        to_year = _new_year(actor, year, plan, now)
        class_ids = _new_classes(actor, to_year, plan, now)
        places: dict[str, list[int]] = {}
        for pupil in plan.pupils:
            if pupil.to_class not in ("", GONE):
                places.setdefault(pupil.to_class, []).append(pupil.student_id)
        for name in sorted(places):
            class_group = session.get(m.ClassGroup, class_ids[name])
            assert class_group is not None
            roster.enrol(actor, places[name], class_group, to_year.starts_on, now)
        require_told("school_year", year.id, {"state": "OPEN"}, f"Năm học {year.label}")
        year.state, year.version = "CLOSED", year.version + 1
        session.flush()
        audit.record(
            AuditTag.YEAR_CHANGED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("school_year", [year]),
            before={"state": "OPEN"},
            facts={"next": to_year.label},
        )
        row.to_year_id = to_year.id
        _decide(actor, row, now, None)
        _write(actor, row, state, AuditTag.YEAR_TURN_DONE, now)
        return Turned(to_year.id, to_year.label, len(class_ids), sum(map(len, places.values())))


# --- inside -----------------------------------------------------------------------------------------------------------


def _prepares(actor: Actor) -> bool:
    return actor.may(Permission.IMPORT_ROSTER)


def _decides(actor: Actor) -> bool:
    return actor.may(Permission.YEAR_EDIT)


def _require_reader(actor: Actor) -> None:
    if not (_prepares(actor) or _decides(actor)):
        raise NotFound("Không có trang này trong phần việc của thầy, cô.")


def _row(year_id: int) -> m.YearTurn | None:
    return db.session.scalar(
        select(m.YearTurn).where(m.YearTurn.from_year_id == year_id).execution_options(populate_existing=True)
    )


def _choices(row: m.YearTurn | None) -> Choices:
    return Choices.from_json(row.choices) if row is not None else Choices()


def _open(actor: Actor, expected_version: int) -> tuple[m.SchoolYear, m.YearTurn | None]:
    """The open year and its plan, read afresh; Stale when it is not the one that was on the screen."""
    _require_reader(actor)
    year = roster.open_year()
    db.session.refresh(year)
    row = _row(year.id)
    if (row.version if row is not None else 0) != expected_version:
        raise Stale("Kế hoạch vừa được người khác sửa. Xin xem lại; chưa có gì thay đổi.")
    if row is not None:
        told = {"state": row.state, "choices": row.choices}
        require_told("year_turn", row.id, told, "Kế hoạch chuyển năm học")
    return year, row


def _require_unblocked(plan: Plan) -> None:
    if plan.blocks:
        raise Incomplete(
            f"Chưa chuyển năm học được: còn {len(plan.blocks)} việc. {plan.blocks[0].words} Chưa có gì thay đổi.",
            details=tuple(block.words for block in plan.blocks),
        )


def _class_names(typed: str) -> tuple[str, ...]:
    names = _split(typed)
    if not names or len(names) > _MOST_FIRST:
        raise Invalid(f"Xin ghi tên các lớp 6 mới như 6A, 6B; nhiều nhất {_MOST_FIRST} lớp.", field="first_classes")
    return tuple(_class_name(name, "6", "6A, 6A1, 6/1", "first_classes") for name in names)


def _more_names(typed: str) -> tuple[str, ...]:
    names = _split(typed)
    if len(names) > _MOST_FIRST:
        raise Invalid(f"Nhiều nhất {_MOST_FIRST} lớp.", field="more_classes")
    return tuple(_class_name(name, "7, 8, 9", "7B, 8A1, 9/2", "more_classes") for name in names)


def _class_name(typed: str, grades: str, such_as: str, field: str) -> str:
    """As an import reads it, so that a plan takes every name that a school's own lists have."""
    name = class_name(typed)
    if name is None or name[0] not in grades:
        raise Invalid(f"“{typed[:20]}” không phải là tên lớp {grades}. Viết như {such_as}.", field=field)
    return name


def _split(typed: str) -> tuple[str, ...]:
    parts = re.split(r"[,;\s]+", (nfc(typed) or "")[:1000])
    return tuple(dict.fromkeys(part.strip().upper() for part in parts if part.strip()))


def _places(plan: Plan, standing: Mapping[int, str], wanted: Mapping[int, str]) -> dict[int, str]:
    """The chosen places that are not the proposal; Invalid for a class that the conclusion does not allow."""
    by_id = {one.enrollment_id: one for one in plan.pupils}
    found = dict(standing)
    for enrollment_id, to_class in wanted.items():
        pupil = by_id.get(enrollment_id)
        if pupil is None:
            raise NotFound("Không có học sinh này trong năm học đang mở.")
        if to_class not in (*pupil.choices, GONE) or not pupil.choices:
            raise Invalid(f"{pupil.full_name}: không xếp vào lớp này được.", field="pupils")
        if to_class == pupil.proposal:
            found.pop(enrollment_id, None)
        else:
            found[enrollment_id] = to_class
    return found


def _require_frozen_as_told(year: m.SchoolYear) -> None:
    """Whoever goes up goes by what was frozen, and by nothing that was written since behind the application's back."""
    rows: dict[int, list[m.FrozenResult]] = {}
    for frozen, class_group_id in db.session.execute(
        select(m.FrozenResult, m.Enrollment.class_group_id)
        .join(m.Enrollment, m.Enrollment.id == m.FrozenResult.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.ClassGroup.school_year_id == year.id)
    ):
        rows.setdefault(class_group_id, []).append(frozen)
    for class_group_id, found in rows.items():
        told = aimed_at({"class_group": (class_group_id,)})
        require_rows_told(told, {"frozen_result": found}, "Kết quả đã đóng băng của một lớp")


def _new_year(actor: Actor, year: m.SchoolYear, plan: Plan, now: datetime) -> m.SchoolYear:
    names = ("data_complete_before", "sign_grade9_before", "sign_others_before", "summer_freeze_on", "starts_on")
    return roster.create_year(
        actor,
        plan.to_label,
        now,
        **{name: getattr(plan.dates, name) for name in names},
        ends_on=plan.ends_on,
        regulation_version=plan.regulation,
        spot_check_percent=year.spot_check_percent,
        class_sheet_signature=year.class_sheet_signature,
        windows=[
            {
                "semester": one.semester,
                "grade_level": one.grade_level,
                "opens_on": one.opens_on,
                "closes_on": one.closes_on,
            }
            for one in plan.windows
        ],
    )


def _new_classes(actor: Actor, to_year: m.SchoolYear, plan: Plan, now: datetime) -> dict[str, int]:
    """Classes with subjects, sheets and assignments; (name -> id). Lists are one entry each, aimed at the new year."""
    session = db.session
    class_ids = {one.name: roster.create_class(actor, to_year, one.name, now).id for one in plan.classes}
    offered, state = roster.open_sheets(
        ((class_ids[one.name], offer.subject_id, offer.lessons) for one in plan.classes for offer in one.offers), now
    )
    if offered:
        audit.record(
            AuditTag.SHEET_CREATED,
            actor,
            now,
            target_kind="school_year",
            target_id=to_year.id,
            state=state,
            facts={"n_class_subjects": len(offered)},
        )
    by_place = {(row.class_group_id, row.subject_id): row.id for row in offered}
    people = {row.id: row for row in session.scalars(select(m.Person))}

    def dated(person_id: int, **where: int) -> dict[str, Any]:
        ends_on = last_day(people[person_id], None)
        return {"person_id": person_id, "starts_on": to_year.starts_on, "ends_on": ends_on, **where}

    teaching = [
        m.TeachingAssignment(**dated(person_id, class_subject_id=by_place[class_ids[one.name], offer.subject_id]))
        for one in plan.classes
        for offer in one.offers
        for person_id, _ in offer.teachers
    ]
    homeroom = [
        m.HomeroomAssignment(**dated(one.homeroom[0], class_group_id=class_ids[one.name]))
        for one in plan.classes
        if one.homeroom is not None
    ]
    made: tuple[tuple[str, list[Any]], ...] = (("teaching_assignment", teaching), ("homeroom_assignment", homeroom))
    for kind, rows in made:
        if rows:
            session.add_all(rows)
            session.flush()
            audit.record(
                AuditTag.ASSIGNMENT_CREATED,
                actor,
                now,
                target_kind=kind,
                target_id=to_year.id,
                state=audit.states(kind, rows),
                facts={"n_assignments": len(rows)},
            )
    for person_id in sorted({row.person_id for _, rows in made for row in rows}):
        roster.renew_powers(person_id)
    return class_ids


def _decide(actor: Actor, row: m.YearTurn, now: datetime, note: str | None) -> None:
    row.decided_at, row.decided_by, row.decider_name, row.note = now, actor.account_id, actor.name, note


def _write(
    actor: Actor, row: m.YearTurn, state: TurnState, tag: AuditTag, now: datetime, *, note: str | None = None
) -> None:
    """The state with its version and entry; the office's acts name who prepared it."""
    row.state = state.value
    row.version += 1
    if state in (TurnState.DRAFT, TurnState.SENT):
        row.prepared_at, row.prepared_by, row.preparer_name = now, actor.account_id, actor.name
        row.decided_at = row.decided_by = row.decider_name = row.note = None
    db.session.flush()
    audit.record(
        tag,
        actor,
        now,
        target_kind="school_year",
        target_id=row.from_year_id,
        state=audit.states("year_turn", [row]),
        note=note,
    )
