"""Asking for an exemption after lock, or for taking one back with the marks that then have to stand in the locked sheets.

An exemption is the homeroom teacher's to ask for, as before the lock. Taking one back opens a line in a locked sheet, and no
cell of it may stay empty: it is asked for by who teaches the subject, who writes the marks into the same request (docs/decisions/0033).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_fields import EXEMPT_VALUE, YearField, YearFieldKind
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.exemption_flow import ExemptionState, require_granted, require_sheet_open
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import (
    correction_requests,
    correction_score_requests,
    correction_year_requests,
    exemption_revocations,
    exemptions,
    inherited_results,
    results,
)
from hocbaso.services.access import Actor
from hocbaso.services.correction_items import cell_words
from hocbaso.services.correction_requests import ChangedCell
from hocbaso.services.correction_score_requests import Cell, SheetChoice, Wanted
from hocbaso.services.correction_year_requests import LIMITS, InheritedChoice, require_keeper
from hocbaso.services.exemptions import ExemptionLine
from hocbaso.services.score_cells import NOTHING, REMARK, column_words, columns_of, says_nothing_new
from hocbaso.services.score_lines import ACTIVE, read_row
from hocbaso.services.sheet_access import SheetHead, sheet_for
from hocbaso.services.student_inputs import SubjectInput
from hocbaso.services.uploaded_papers import Upload

_NOTHING_CHANGED = "Chưa có gì thay đổi."
_NOT_YOURS = "Không có quyết định miễn học này trong phần việc của thầy, cô."


def _states(
    enrollment: m.Enrollment, subject_ids: Iterable[int] | None = None
) -> dict[tuple[int, int], tuple[int, str]]:
    """(subject id, semester) -> sheet id and state, of the semesters that the pupil was here."""
    rows = select(m.ClassSubject.subject_id, m.ScoreSheet.semester, m.ScoreSheet.id, m.ScoreSheet.state).join(
        m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id
    )
    rows = rows.where(
        m.ClassSubject.class_group_id == enrollment.class_group_id, m.ScoreSheet.semester >= enrollment.first_semester
    )
    if subject_ids is not None:
        rows = rows.where(m.ClassSubject.subject_id.in_(set(subject_ids)))
    return {(row.subject_id, row.semester): (row.id, row.state) for row in db.session.execute(rows)}


def _line(enrollment: m.Enrollment, subject_id: int, today: date) -> SubjectInput:
    lines = correction_year_requests.subject_lines(enrollment, today)
    return next(one for one in lines if one.subject.subject_id == subject_id)


def _is_approved(enrollment: m.Enrollment) -> bool:
    return enrollment.class_group.state == ClassState.APPROVED.value


# --- an exemption --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExemptionForm:
    """The form of one pupil: the subjects (id, name) in which something is locked."""

    enrollment: m.Enrollment
    subjects: tuple[tuple[int, str], ...]


def exemption_form(actor: Actor, enrollment_id: int, now: datetime) -> ExemptionForm:
    """A pupil for who keeps the class, once a sheet is locked. Raises NotFound, NotAllowed, WrongState (nothing is locked)."""
    enrollment = require_keeper(actor, enrollment_id, clock.local_date(now), "Đề nghị miễn học sau khi khoá")
    locked = {at[0] for at, (_, state) in _states(enrollment).items() if state == SheetState.LOCKED.value}
    rows = db.session.execute(
        select(m.Subject.id, m.Subject.name)
        .join(m.ClassSubject, m.ClassSubject.subject_id == m.Subject.id)
        .where(m.ClassSubject.class_group_id == enrollment.class_group_id)
        .order_by(m.Subject.sheet_order, m.Subject.id)
    )
    found = tuple((row.id, row.name) for row in rows if row.id in locked or _is_approved(enrollment))
    if not found:
        raise WrongState(
            f"Lớp {enrollment.class_group.name} chưa có bảng điểm nào khoá: đề nghị miễn học ở trang của học sinh, không cần đề "
            "nghị sửa chữa."
        )
    return ExemptionForm(enrollment, found)


def asks_exemption(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`ask_exemption`."""
    try:
        exemption_form(actor, enrollment_id, now)
    except DomainError:
        return False
    return True


def ask_exemption(
    actor: Actor,
    enrollment_id: int,
    subject_id: int,
    semester: int | None,
    reason: str,
    paper: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask that a subject whose sheet is locked be closed for a pupil; ``semester`` None: the whole year.

    Raises NotFound, NotAllowed, WrongState (nothing of it is locked, exempt already, asked for already), Invalid (``subject``,
    ``semester``, ``reason``, ``paper``, ``files``).
    """
    why = correction_requests.grounds(reason, files, paper=paper, limits=LIMITS)
    today = clock.local_date(now)
    if semester not in (None, 1, 2):
        raise Invalid("Học kì không hợp lệ.", field="semester")
    with write_transaction():
        form = exemption_form(actor, enrollment_id, now)
        enrollment, name = form.enrollment, dict(form.subjects).get(subject_id)
        if name is None:
            raise Invalid("Môn này chưa có bảng điểm nào khoá: đề nghị miễn học ở trang của học sinh.", field="subject")
        wanted = (1, 2) if semester is None else (semester,)
        states = _states(enrollment, [subject_id])
        if not _is_approved(enrollment) and not any(
            states.get((subject_id, at), (0, ""))[1] == SheetState.LOCKED.value for at in wanted
        ):
            raise WrongState(
                f"Bảng điểm {name} của học kì này chưa khoá: đề nghị miễn học ở trang của học sinh, không cần đề nghị sửa chữa."
            )
        line = _line(enrollment, subject_id, today)
        items = [
            m.CorrectionItem(
                field=YearField(YearFieldKind.EXEMPT, subject_id, at).name, old_text=None, new_text=EXEMPT_VALUE
            )
            for at in wanted
            if not line.exempt[at - 1]
        ]
        if not items:
            raise WrongState(f"Em đã được miễn {name}. {_NOTHING_CHANGED}")
        if exemptions.is_proposed(enrollment_id, subject_id):
            raise WrongState(
                f"Môn này còn một đề nghị miễn học chờ quyết định. Xin để Hiệu trưởng trả lời đề nghị ấy trước. {_NOTHING_CHANGED}"
            )
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        return correction_requests.send(actor, CorrectionKind.EXEMPTION, enrollment, items, why, now)


# --- taking one back -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevocationForm:
    """The form of one exemption. ``sheets``: the locked ones, each cell with what stands in it; ``inherited``: semester I of the old
    school, where the exemption closes that."""

    exemption: ExemptionLine
    enrollment: m.Enrollment
    sheets: tuple[SheetChoice, ...]
    inherited: InheritedChoice | None


def _heads(actor: Actor, row: m.Exemption, today: date) -> list[SheetHead]:
    """The locked sheets that the exemption closes, for who teaches them; none where only another school's semester is closed.

    Raises NotFound (in the same words whether it is there or not), WrongState (not granted, asked for already, nothing locked, a sheet between hands).
    """
    enrollment = row.enrollment
    semesters = (1, 2) if row.semester is None else (row.semester,)
    states = _states(enrollment, [row.subject_id])
    sheets = [(states[at], at[1]) for n in semesters if (at := (row.subject_id, n)) in states]
    locked = [sheet_id for (sheet_id, state), _ in sheets if state == SheetState.LOCKED.value]
    try:
        heads = [sheet_for(actor, sheet_id, Permission.SHEET_READ, today) for sheet_id in locked]
        if not heads:
            require_keeper(actor, enrollment.id, today, "Đề nghị thu hồi miễn học của học kì ở trường cũ")
    except (NotFound, NotAllowed):
        raise NotFound(_NOT_YOURS) from None
    # Whoever teaches the subject there, with the pupil's marks; the principal where nobody teaches it any more.
    if not all(correction_score_requests.may_ask_scores(actor, head) for head in heads):
        raise NotFound(_NOT_YOURS)
    if not heads and not _is_approved(enrollment):
        raise WrongState(
            "Bảng điểm của môn này chưa khoá: đề nghị thu hồi ở trang của học sinh, mục Miễn học, không cần đề nghị sửa chữa. "
            f"{_NOTHING_CHANGED}"
        )
    require_granted(ExemptionState(row.state))
    if enrollment.status not in ACTIVE:
        raise WrongState(f"Học sinh không còn học ở lớp này. {_NOTHING_CHANGED}")
    if exemption_revocations.is_asked(row.id):
        raise WrongState(
            f"Đã có đề nghị thu hồi chờ Hiệu trưởng quyết định. Xin để Hiệu trưởng trả lời đề nghị ấy trước. {_NOTHING_CHANGED}"
        )
    for (_, state), n in sheets:
        if state != SheetState.LOCKED.value:
            label = f"{row.subject.name} {enrollment.class_group.name}, học kì {'I' * n}"
            require_sheet_open(SheetState(state), label)
    return heads


def revocation_form(actor: Actor, exemption_id: int, now: datetime) -> RevocationForm:
    """What has to be written for an exemption to be taken back. Raises NotFound, NotAllowed, WrongState as :func:`ask_revocation`."""
    today = clock.local_date(now)
    row = _exemption(exemption_id)
    heads = _heads(actor, row, today)
    held = correction_score_requests.held_cells(row.enrollment_id)
    sheets = tuple(correction_score_requests.sheet_choice(head, row.enrollment_id, held) for head in heads)
    return RevocationForm(exemptions.line_of(row), row.enrollment, sheets, _inherited(row, today))


def _exemption(exemption_id: int) -> m.Exemption:
    row = db.session.get(m.Exemption, exemption_id, populate_existing=True)
    if row is None:
        raise NotFound(_NOT_YOURS)
    return row


def _inherited(row: m.Exemption, today: date) -> InheritedChoice | None:
    if row.enrollment.first_semester == 1 or row.semester == 2:
        return None
    return correction_year_requests.inherited_choice(_line(row.enrollment, row.subject_id, today))


def asks_revocation(actor: Actor, exemption_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`ask_revocation`."""
    try:
        _heads(actor, _exemption(exemption_id), clock.local_date(now))
    except DomainError:
        return False
    return True


def of_locked_line(actor: Actor, sheet_id: int, enrollment_id: int, now: datetime) -> int | None:
    """The exemption that closes a line of a locked sheet and that this person may ask to take back."""
    rows = db.session.scalars(
        select(m.Exemption.id)
        .join(m.ClassSubject, m.ClassSubject.subject_id == m.Exemption.subject_id)
        .join(m.ScoreSheet, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
        .where(
            m.ScoreSheet.id == sheet_id,
            m.ScoreSheet.state == SheetState.LOCKED.value,
            m.Exemption.enrollment_id == enrollment_id,
            m.Exemption.state == ExemptionState.GRANTED.value,
            (m.Exemption.semester.is_(None)) | (m.Exemption.semester == m.ScoreSheet.semester),
        )
    )
    return next((one for one in rows if asks_revocation(actor, one, now)), None)


def ask_revocation(
    actor: Actor,
    exemption_id: int,
    cells: Mapping[Cell, Wanted],
    old_school: str,
    reason: str,
    paper: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask that an exemption be taken back, with a value for each cell of the locked sheets that is empty.

    ``old_school``: the result of semester I as typed, where the exemption closes a semester at another school. Raises NotFound,
    NotAllowed, WrongState, Invalid (``reason``, ``paper``, ``files``, ``<sheet>-<column>``, ``inherited-<subject>``), Stale
    (``current``: tuple of ``ChangedCell``), IntegrityFault.
    """
    why = correction_requests.grounds(reason, files, paper=paper, limits=LIMITS)
    today = clock.local_date(now)
    with write_transaction():
        row = _exemption(exemption_id)
        heads = {head.id: head for head in _heads(actor, row, today)}
        if not {sheet_id for sheet_id, _ in cells} <= set(heads):
            raise Invalid("Có ô không thuộc bảng điểm mà quyết định này đóng lại.", field="cells")
        semesters = (1, 2) if row.semester is None else (row.semester,)
        items = [
            m.CorrectionItem(
                field=YearField(YearFieldKind.EXEMPT, row.subject_id, at).name, old_text=EXEMPT_VALUE, new_text=None
            )
            for at in semesters
        ]
        choice = _inherited(row, today)
        if choice is not None:
            new = inherited_results.read_result(choice.subject_name, choice.scored, old_school, choice.field)
            if results.comma(new) != choice.present:
                old = choice.present.replace(",", ".") or None
                items.append(m.CorrectionItem(field=choice.field, old_text=old, new_text=new))
        items += _cells(heads.values(), row.enrollment_id, cells, today)
        correction_score_requests.require_as_told(heads)
        correction_score_requests.guard_open_cells(row.enrollment_id, items)
        correction_requests.guard_open_fields(row.enrollment.student_id, items, enrollment_id=row.enrollment_id)
        return correction_requests.send(actor, CorrectionKind.EXEMPTION, row.enrollment, items, why, now)


def _cells(
    heads: Iterable[SheetHead], enrollment_id: int, cells: Mapping[Cell, Wanted], today: date
) -> list[m.CorrectionItem]:
    """The cells that become another; what was typed before the exemption counts again and may be left as it is."""
    items: list[m.CorrectionItem] = []
    moved: list[ChangedCell] = []
    for head in heads:
        standing = read_row(head, enrollment_id)[2]
        for key in [*(column.key for column in columns_of(head)), REMARK]:
            present, wanted = standing.get(key, NOTHING), cells.get((head.id, key))
            if wanted is None or not wanted.raw.strip():
                if key != REMARK and not present.is_filled:
                    raise Invalid(
                        f"{head.label}, {column_words(head, key)}: xin ghi điểm của em. Bảng đã khoá thì không để trống một ô.",
                        field=f"{head.id}-{key}",
                    )
                continue
            new = correction_score_requests.wanted_value(head, key, wanted.raw, present, today)
            if wanted.seen_version != present.version:
                moved.append(
                    ChangedCell(f"{head.label}, {column_words(head, key)}", cell_words(present), cell_words(new))
                )
            elif not says_nothing_new(new, present):
                items.append(correction_score_requests.cell_item(head.id, key, present, new))
    correction_score_requests.refuse_moved(moved)
    return items
