"""Asking for a correction: cells by who teaches them, the homeroom part by who keeps the class, civil status also by the office.

A request is pinned to the values it was made against; it holds several cells of one pupil, or several fields. What came back is
sent again with an answer, pinned anew; whoever asked takes it back as long as it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_fields import read_month_field
from hocbaso.regulations.correction_flow import (
    OPEN_STATES,
    CorrectionKind,
    CorrectionState,
    CorrectionVerb,
    standing_of,
)
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState
from hocbaso.services import (
    corrected_year,
    correction_access,
    correction_evidence,
    correction_items,
    correction_month_fields,
    correction_steps,
    homeroom,
    results,
    students,
    study_history,
    summer_fields,
)
from hocbaso.services.access import NO_PUPIL, Actor, class_of_pupil, keeps_class, roles_reaching
from hocbaso.services.civil_status import CIVIL_FIELDS, PAST_YEARS
from hocbaso.services.correction_items import cell_words, shown_field
from hocbaso.services.log_replay import audit_faults_of_sheets
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words, columns_of, says_nothing_new
from hocbaso.services.score_lines import ACTIVE, read_row
from hocbaso.services.score_reading import as_typed, read_value
from hocbaso.services.sheet_access import SheetHead, sheet_for
from hocbaso.services.uploaded_papers import Paper, Upload

_REASON, _PAPER = 1000, 300
_OPEN = tuple(state.value for state in OPEN_STATES)

Cell = tuple[int, str]
"""Sheet id and column key."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed for a cell, and the version that stood on the page (0: empty)."""

    raw: str
    seen_version: int


@dataclass(frozen=True, slots=True)
class ChangedCell:
    """A cell that somebody changed while the request was being written: both values, and the new one."""

    label: str
    present: str
    wanted: str


def require_asks_scores(actor: Actor, sheet_id: int, today: date) -> SheetHead:
    """A locked sheet, for who teaches it today; where nobody does any more, for the principal (R30: attests).

    Raises NotFound, NotAllowed, WrongState (not locked: the sheet is simply mended).
    """
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
    if not may_ask_scores(actor, head):
        raise NotAllowed(
            "Đề nghị sửa điểm do giáo viên dạy môn này ở lớp này lập; không còn ai dạy thì do Hiệu trưởng lập."
        )
    if head.state is not SheetState.LOCKED:
        raise WrongState(f"Bảng điểm {head.label} chưa khoá nên sửa thẳng trên bảng, không cần đề nghị.")
    return head


def may_ask_scores(actor: Actor, head: SheetHead) -> bool:
    """Whether corrections of this sheet are this person's to ask for."""
    if Permission.CORRECTION_ASK not in actor.permissions:
        return False
    return SheetParty.AUTHOR in head.parties or (head.is_orphan and SheetParty.PRINCIPAL in head.parties)


def may_ask_about(actor: Actor, sheet_id: int, enrollment_id: int, column_key: str, now: datetime) -> bool:
    """Whether the page of a cell offers to ask for its correction: a locked sheet, a line that is open, no request under way."""
    try:
        head = require_asks_scores(actor, sheet_id, clock.local_date(now))
    except DomainError:
        return False
    return not read_row(head, enrollment_id)[1] and (sheet_id, column_key) not in held_cells(enrollment_id)


def ask_scores(
    actor: Actor,
    enrollment_id: int,
    cells: Mapping[Cell, Wanted],
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other values in cells of locked sheets of one pupil; an empty cell may be filled, none is emptied.

    Raises NotFound, NotAllowed, WrongState (a sheet is not locked, the line is closed, the cell stands in an open request),
    Invalid (``field``: ``reason``, ``files`` or ``<sheet>-<column>``), Stale (``current``: tuple of :class:`ChangedCell`),
    IntegrityFault.
    """
    today = clock.local_date(now)
    said = correction_steps.words(reason, "reason", _REASON, required=True)
    kept = correction_evidence.look(files)
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
        if enrollment is None:
            raise NotFound(NO_PUPIL)
        heads = {sheet_id: require_asks_scores(actor, sheet_id, today) for sheet_id in {key[0] for key in cells}}
        items = _items(heads, enrollment_id, cells, today)
        if audit_faults_of_sheets(heads):
            # What follows would make a value look lawful that somebody put there behind the log's back.
            raise IntegrityFault(
                "Bảng điểm đã bị sửa ngoài phần mềm nên chưa nhận đề nghị. Xin báo Hiệu trưởng và giáo viên CNTT."
            )
        guard_open_cells(enrollment_id, items)
        request = new_request(actor, CorrectionKind.SCORE, enrollment, said or "", None, now)
        return send(actor, request, items, kept, now)


def _items(
    heads: Mapping[int, SheetHead], enrollment_id: int, cells: Mapping[Cell, Wanted], today: date
) -> list[m.CorrectionItem]:
    items: list[m.CorrectionItem] = []
    moved: list[ChangedCell] = []
    for (sheet_id, key), wanted in cells.items():
        head = heads[sheet_id]
        label = f"{head.label}, {column_words(head, key)}"
        full_name, closed, standing_cells = read_row(head, enrollment_id)
        if closed:
            raise WrongState(f"{full_name} {closed.lower()} ở {head.label} nên không sửa điểm được.")
        present = standing_cells.get(key, NOTHING)
        new = wanted_value(head, key, wanted.raw, present, today)
        if wanted.seen_version != present.version:
            moved.append(ChangedCell(label, cell_words(present), cell_words(new)))
        elif differs(new, present):
            items.append(cell_item(sheet_id, key, present, new))
    if moved:
        raise Stale(
            "Có ô đã đổi sau khi thầy, cô mở trang. Chưa gửi gì; xin xem giá trị mới rồi gửi lại.", current=tuple(moved)
        )
    if not items:
        raise Invalid("Chưa có ô nào đổi: xin ghi vào ít nhất một ô giá trị khác với giá trị đang có.", field="cells")
    return items


def differs(new: CellRecord, present: CellRecord) -> bool:
    """Whether a request asks for something else. Here a plain 0 does: that an assessment was not missed but earned its 0 (Art. 7)
    is said by nothing else once the sheet is locked."""
    return not says_nothing_new(new, present) or (new.remark is None and new.origin != present.origin)


def wanted_value(head: SheetHead, key: str, raw: str, present: CellRecord, today: date) -> CellRecord:
    """What was typed for a cell of a locked sheet. Raises Invalid (``<sheet>-<column>``)."""
    try:
        new = read_value(head, key, raw, present, today, shorthand=False)
    except Invalid as refusal:
        raise Invalid(refusal.message, field=f"{head.id}-{key}") from None
    if not (new.is_filled or new.remark):
        raise Invalid(
            "Bảng đã khoá thì không để trống một ô: ghi điểm, Đ, CĐ, hoặc vk nếu vắng không phép.",
            field=f"{head.id}-{key}",
        )
    return new


def cell_item(sheet_id: int, key: str, present: CellRecord, new: CellRecord) -> m.CorrectionItem:
    """The item of one cell, pinned to what stands in it."""
    return m.CorrectionItem(
        score_sheet_id=sheet_id,
        column_key=key,
        seen_version=present.version,
        old_tenths=present.tenths,
        old_mark=present.mark,
        old_remark=present.remark,
        old_origin=present.origin,
        new_tenths=new.tenths,
        new_mark=new.mark,
        new_remark=new.remark,
        new_origin=new.origin,
    )


def guard_open_cells(enrollment_id: int, items: Sequence[m.CorrectionItem]) -> None:
    """A cell stands in one open request: two would each be pinned to the value that the other replaces."""
    wanted = {(item.score_sheet_id, item.column_key) for item in items}
    for row in db.session.execute(
        select(m.CorrectionItem.score_sheet_id, m.CorrectionItem.column_key, m.CorrectionRequest.id)
        .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
        .where(m.CorrectionRequest.enrollment_id == enrollment_id, m.CorrectionRequest.state.in_(_OPEN))
    ):
        if (row.score_sheet_id, row.column_key) in wanted:
            raise WrongState(f"Một ô đã có trong đề nghị số {row.id} đang chờ. Xin chờ kết quả hoặc rút đề nghị ấy.")


# --- the homeroom teacher's part ----------------------------------------------------------------------------------------


def require_asks_homeroom(actor: Actor, enrollment_id: int, today: date) -> m.Enrollment:
    """A pupil of an approved class, for its homeroom teacher of today; where nobody keeps it any more, for the principal.

    Raises NotFound, NotAllowed, WrongState (not approved: the class is simply opened again; the pupil has left).
    """
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound(NO_PUPIL)
    class_group = class_of_pupil(actor, enrollment.class_group_id, Permission.CLASS_READ)
    orphan = not correction_access.keepers(class_group.id, today)
    if not (
        (keeps_class(actor, class_group) or (orphan and Role.PRINCIPAL in roles_reaching(actor, class_group)))
        and actor.may(Permission.CORRECTION_ASK)
    ):
        raise NotAllowed("Đề nghị sửa phần chủ nhiệm do giáo viên chủ nhiệm của lớp lập.")
    db.session.refresh(class_group)
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(f"Lớp {class_group.name} chưa được duyệt: mở lại lớp rồi sửa thẳng, không cần đề nghị.")
    if enrollment.status not in ACTIVE:
        raise WrongState("Học sinh không còn học ở lớp này.")
    return enrollment


def asks_homeroom(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`ask_homeroom`."""
    try:
        require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
    except DomainError:
        return False
    return True


def homeroom_form(actor: Actor, enrollment_id: int, now: datetime) -> tuple[m.Enrollment, dict[str, str]]:
    """The pupil and what stands in each field. Raises as :func:`require_asks_homeroom`."""
    enrollment = require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
    record = homeroom_record(enrollment_id)
    return enrollment, {name: correction_items.homeroom_text(record, name) for name in homeroom.FIELDS}


def homeroom_record(enrollment_id: int) -> m.HomeroomRecord | None:
    """The homeroom part of a pupil, read anew."""
    found: m.HomeroomRecord | None = db.session.scalar(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == enrollment_id)
        .execution_options(populate_existing=True)
    )
    return found


def ask_homeroom(
    actor: Actor,
    enrollment_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other values in the homeroom part of an approved class: conduct, absences, remark, awards.

    ``raw`` and ``seen`` as of :func:`ask_civil_status`. Raises NotFound, NotAllowed, WrongState, Invalid, Stale.
    """
    said = correction_steps.words(reason, "reason", _REASON, required=True)
    kept = correction_evidence.look(files)
    with write_transaction():
        enrollment = require_asks_homeroom(actor, enrollment_id, clock.local_date(now))
        record = homeroom_record(enrollment_id)
        items, moved = [], []
        for field, text in raw.items():
            value = homeroom.read_value(field, text)
            if value is None and field in homeroom.REQUIRED:
                raise Invalid(f"{correction_items.field_words(field)}: không được để trống.", field=field)
            new, present = "" if value is None else str(value), correction_items.homeroom_text(record, field)
            if seen.get(field, "") != present:
                label, shown = correction_items.field_words(field), correction_items.field_text
                moved.append(ChangedCell(label, shown(field, present), shown(field, new)))
            elif new != present:
                items.append(m.CorrectionItem(field=field, old_text=present or None, new_text=new or None))
        if moved:
            raise Stale("Phần chủ nhiệm đã đổi sau khi thầy, cô mở trang. Chưa gửi gì.", current=tuple(moved))
        if not items:
            raise Invalid(
                "Chưa có mục nào đổi: xin ghi vào ít nhất một mục giá trị khác với giá trị đang có.", field="fields"
            )
        guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        request = new_request(actor, CorrectionKind.HOMEROOM, enrollment, said or "", None, now)
        return send(actor, request, items, kept, now)


# --- civil status -----------------------------------------------------------------------------------------------------


def ask_civil_status(
    actor: Actor,
    student_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    paper: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other civil-status data of a pupil, or other years elsewhere (``PAST_YEARS``, the whole table), with the decision it
    rests on (clerk, or homeroom teacher of today).

    ``raw``: field -> new value as typed, ``seen``: as it stood on the page. Raises NotFound, NotAllowed, Invalid (per field,
    ``reason``, ``paper``, ``files``), WrongState (a field stands in an open request), Stale.
    """
    said = correction_steps.words(reason, "reason", _REASON, required=True)
    document = correction_steps.words(paper, "paper", _PAPER, required=True)
    kept = correction_evidence.look(files)
    with write_transaction() as session:
        students.profile(actor, student_id)  # NotFound outside the actor's reach
        student = session.get(m.Student, student_id, populate_existing=True)
        assert student is not None
        if not students.editable_fields(actor, student):
            raise NotAllowed("Đề nghị sửa hộ tịch do văn thư hoặc giáo viên chủ nhiệm của lớp lập.")
        unknown = sorted(set(raw) - CIVIL_FIELDS - {PAST_YEARS})
        if unknown:
            raise Invalid("Mục này không phải dữ liệu hộ tịch in trên học bạ.", field=unknown[0])
        items, moved = [], []
        for field, text in raw.items():
            present = correction_items.profile_text(student, field)
            if field == PAST_YEARS:
                new = study_history.text_of(study_history.read_text(text, student_id, clock.local_date(now)))
            else:
                new = shown_field(field, students.read_value(field, text))
            if seen.get(field, "") != present:
                label = correction_items.field_words(field)
                moved.append(ChangedCell(label, present or "trống", new or "trống"))
            elif new != present:
                items.append(m.CorrectionItem(field=field, old_text=present or None, new_text=new or None))
        if moved:
            raise Stale("Hồ sơ đã đổi sau khi thầy, cô mở trang. Chưa gửi gì.", current=tuple(moved))
        if not items:
            raise Invalid(
                "Chưa có mục nào đổi: xin ghi vào ít nhất một mục giá trị khác với giá trị đang có.", field="fields"
            )
        _guard_free_numbers(student_id, items)
        enrollment = _latest_enrollment(student_id)
        guard_open_fields(student_id, items)
        request = new_request(actor, CorrectionKind.CIVIL_STATUS, enrollment, said or "", document, now)
        return send(actor, request, items, kept, now)


def _latest_enrollment(student_id: int) -> m.Enrollment:
    found = db.session.scalar(
        select(m.Enrollment).where(m.Enrollment.student_id == student_id).order_by(m.Enrollment.id.desc()).limit(1)
    )
    if found is None:
        raise WrongState("Học sinh chưa thuộc lớp nào nên hồ sơ sửa thẳng được.")
    return found


def _guard_free_numbers(student_id: int, items: Sequence[m.CorrectionItem]) -> None:
    for item in items:
        if item.field in ("personal_id_number", "moet_code", "register_no") and item.new_text:
            column = getattr(m.Student, item.field)
            if db.session.scalar(select(m.Student.id).where(column == item.new_text, m.Student.id != student_id)):
                raise Invalid("Số này đã thuộc về học sinh khác.", field=item.field)


def guard_open_fields(student_id: int, items: Sequence[m.CorrectionItem], *, enrollment_id: int | None = None) -> None:
    """A field stands in one open request; ``enrollment_id``: of this year, for what each year has its own of."""
    wanted = {name for item in items for name in _moving(item.field or "")}
    years = () if enrollment_id is None else (m.CorrectionRequest.enrollment_id == enrollment_id,)
    for row in db.session.execute(
        select(m.CorrectionItem.field, m.CorrectionRequest.id)
        .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .where(m.Enrollment.student_id == student_id, m.CorrectionRequest.state.in_(_OPEN), *years)
    ):
        if row.field and not wanted.isdisjoint(_moving(row.field)):
            raise WrongState(f"{correction_items.field_words(row.field)} đã có trong đề nghị số {row.id} đang chờ.")


def _moving(field: str) -> set[str]:
    """The field and, of a month, the total that moves with it: two requests would each be pinned beside what the other changes."""
    return {field, correction_month_fields.total_field(field) or field}


# --- both -------------------------------------------------------------------------------------------------------------


def new_request(
    actor: Actor, kind: CorrectionKind, enrollment: m.Enrollment, reason: str, paper: str | None, now: datetime
) -> m.CorrectionRequest:
    """A request of this person about a pupil's year, not yet in the session."""
    return m.CorrectionRequest(
        kind=kind.value,
        enrollment_id=enrollment.id,
        enrollment=enrollment,
        reason=reason,
        paper=paper,
        asked_at=now,
        asked_by=actor.account_id,
        asker_name=actor.name,
        asked_by_principal=actor.has_role(Role.PRINCIPAL),
    )


def send(
    actor: Actor,
    request: m.CorrectionRequest,
    items: Sequence[m.CorrectionItem],
    files: Sequence[Paper],
    now: datetime,
) -> m.CorrectionRequest:
    """Write a new request with its values and evidence, inside the caller's transaction, and hand it to whoever acts next."""
    request.items.extend(items)
    db.session.add(request)
    db.session.flush()
    evidence = correction_evidence.keep(actor, request, files, now)
    first = standing_of(
        CorrectionState.ASKED,
        somebody_confirms=bool(correction_access.confirmers(request, clock.local_date(now))),
    )
    correction_steps.write(
        actor, request, CorrectionVerb.ASK, first, request.reason, now, evidence=evidence, new_items=True
    )
    return request


def resend(
    actor: Actor,
    request_id: int,
    note: str,
    files: Sequence[Upload],
    *,
    expected_version: int,
    now: datetime,
) -> m.CorrectionRequest:
    """Send a returned request again with an answer and, where wanted, more evidence; it is pinned to what stands now.

    Raises NotFound, NotAllowed, WrongState (not returned; a sheet was opened; the values stand there already), Invalid, Stale.
    """
    today = clock.local_date(now)
    correction_access.request_for(actor, request_id)
    said = correction_steps.words(note, "note", _REASON, required=True)
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        correction_steps.guard(actor, request, CorrectionVerb.RESEND, expected_version, now)
        kept = correction_evidence.look(files, n_standing=len(request.evidence))
        if request.kind == CorrectionKind.SCORE:
            _pin_cells_again(actor, request, today)
        elif request.kind in (CorrectionKind.EXEMPTION, CorrectionKind.INHERITED):
            _pin_year_again(actor, request, today)
        else:
            _pin_fields_again(request)
        evidence = correction_evidence.keep(actor, request, kept, now)
        request.confirmed_at = request.confirmed_by = request.confirmer_name = None
        next_state = standing_of(
            CorrectionState.ASKED, somebody_confirms=bool(correction_access.confirmers(request, today))
        )
        correction_steps.write(
            actor, request, CorrectionVerb.RESEND, next_state, said, now, evidence=evidence, new_items=True
        )
    return request


_DONE_ALREADY = "Các giá trị đề nghị đã đúng như đang có. Xin rút đề nghị này."


def _pin_cells_again(actor: Actor, request: m.CorrectionRequest, today: date) -> None:
    fresh = [
        _pin_cell(actor, request, item, today) for item in request.items
    ]  # each is pinned, whatever the first says
    if not any(fresh):
        raise WrongState(_DONE_ALREADY)


def _pin_cell(actor: Actor, request: m.CorrectionRequest, item: m.CorrectionItem, today: date) -> bool:
    """Pin one cell to what stands now; whether the request still changes it."""
    assert item.score_sheet_id is not None and item.column_key is not None
    head = require_asks_scores(actor, item.score_sheet_id, today)
    present = read_row(head, request.enrollment_id)[2].get(item.column_key, NOTHING)
    item.seen_version = present.version
    item.old_tenths, item.old_mark, item.old_remark = present.tenths, present.mark, present.remark
    item.old_origin = present.origin
    return differs(correction_items.value_of_item(item, "new"), present)


def _pin_year_again(actor: Actor, request: m.CorrectionRequest, today: date) -> None:
    """Fields that stand in several rows, and the cells that go with them."""
    computed = results.compute_class(request.enrollment.class_group_id, today)
    given = corrected_year.find_student(computed, request.enrollment_id)
    fresh = False
    for item in request.items:
        if item.field is None:
            fresh = _pin_cell(actor, request, item, today) or fresh
            continue
        item.old_text = correction_items.present_text(given, item.field) or None
        fresh = fresh or item.old_text != item.new_text
    if not fresh:
        raise WrongState(_DONE_ALREADY)


def _pin_fields_again(request: m.CorrectionRequest) -> None:
    student = request.enrollment.student
    db.session.refresh(student)
    record = homeroom_record(request.enrollment_id)
    summer = summer_fields.rows_of(request) if request.kind == CorrectionKind.SUMMER else {}
    months = correction_month_fields.stored(request.enrollment_id)
    fresh = False
    for item in request.items:
        assert item.field is not None
        if request.kind == CorrectionKind.SUMMER:
            subject_id, part = summer_fields.named(item.field)
            item.old_text = summer_fields.text_of(summer[subject_id], part) or None
        elif (month := read_month_field(item.field)) is not None:
            item.old_text = correction_month_fields.text_of(months, month) or None
        elif request.kind == CorrectionKind.HOMEROOM:
            item.old_text = correction_items.homeroom_text(record, item.field) or None
        else:
            item.old_text = correction_items.profile_text(student, item.field) or None
        fresh = fresh or item.old_text != item.new_text
    if not fresh:
        raise WrongState(_DONE_ALREADY)
    correction_month_fields.require_told(request)


def withdraw(actor: Actor, request_id: int, *, expected_version: int, now: datetime) -> m.CorrectionRequest:
    """Whoever asked takes it back before it is decided. Raises NotFound, NotAllowed, WrongState, Stale."""
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        row = correction_steps.guard(actor, request, CorrectionVerb.WITHDRAW, expected_version, now)
        correction_steps.write(actor, request, CorrectionVerb.WITHDRAW, row.to_state, None, now)
    return request


# --- the form ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellChoice:
    """One cell of a locked sheet on the form: what stands there, and its version. ``closed_by``: an open request that holds it."""

    key: str
    words: str
    present: str
    typed: str
    version: int
    closed_by: int | None


@dataclass(frozen=True, slots=True)
class SheetChoice:
    """A locked sheet of the pupil's class whose corrections this person may ask for."""

    head: SheetHead
    cells: tuple[CellChoice, ...]
    n_empty: int


@dataclass(frozen=True, slots=True)
class ScoreForm:
    """The form of one pupil."""

    enrollment_id: int
    full_name: str
    class_name: str
    class_group_id: int
    year_label: str
    sheets: tuple[SheetChoice, ...]


def score_form(actor: Actor, enrollment_id: int, now: datetime) -> ScoreForm:
    """The locked sheets of a pupil that this person may ask about. Raises NotFound where there is none."""
    today = clock.local_date(now)
    enrollment = db.session.get(m.Enrollment, enrollment_id)
    sheet_ids = (
        db.session.scalars(
            select(m.ScoreSheet.id)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(
                m.ClassSubject.class_group_id == enrollment.class_group_id,
                m.ScoreSheet.state == SheetState.LOCKED.value,
            )
            .order_by(m.Subject.sheet_order, m.ScoreSheet.semester)
        ).all()
        if enrollment is not None
        else []
    )
    found: list[SheetHead] = []
    for sheet_id in sheet_ids:
        try:
            head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
        except NotFound:
            continue
        if may_ask_scores(actor, head):
            found.append(head)
    if enrollment is None or not found:
        raise NotFound("Không có bảng điểm đã khoá nào của học sinh này mà thầy, cô được đề nghị sửa.")
    held = held_cells(enrollment_id)
    return ScoreForm(
        enrollment_id,
        enrollment.student.full_name,
        enrollment.class_group.name,
        enrollment.class_group_id,
        enrollment.class_group.school_year.label,
        tuple(sheet_choice(head, enrollment_id, held) for head in found if not read_row(head, enrollment_id)[1]),
    )


def asks_about(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether :func:`score_form` has anything to offer."""
    try:
        return bool(score_form(actor, enrollment_id, now).sheets)
    except NotFound:
        return False


def held_cells(enrollment_id: int) -> dict[Cell, int]:
    """The cells of a pupil that stand in an open request, and its number."""
    rows = db.session.execute(
        select(m.CorrectionItem.score_sheet_id, m.CorrectionItem.column_key, m.CorrectionRequest.id)
        .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
        .where(
            m.CorrectionRequest.enrollment_id == enrollment_id,
            m.CorrectionRequest.state.in_(_OPEN),
            m.CorrectionItem.score_sheet_id.is_not(None),
        )
    )
    return {(row.score_sheet_id, row.column_key): row.id for row in rows}


def sheet_choice(head: SheetHead, enrollment_id: int, held: Mapping[Cell, int]) -> SheetChoice:
    """The cells of a pupil in a sheet as a form shows them."""
    cells = read_row(head, enrollment_id)[2]
    keys = [*((column.key, column.words) for column in columns_of(head)), (REMARK, "nhận xét")]
    choices = []
    for key, said in keys:
        present = cells.get(key, NOTHING)
        choices.append(
            CellChoice(key, said, present.text, as_typed(present), present.version, held.get((head.id, key)))
        )
    return SheetChoice(head, tuple(choices), sum(not one.present for one in choices if one.key != REMARK))
