"""Looking things up in the log, for whoever answers for the school: principal, vice-principal, an inspector beside them.

The IT officer has no way in (``AUDIT_READ``): the log holds every score that ever was. Who still has to type from the papers
(đối chiếu bài gốc) is kept from the values of that sheet here as everywhere.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, false, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.blind_check import UNSEEN
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.vietnamese_names import search_key
from hocbaso.services import audit, log_words, summer_fields
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import hides_from
from hocbaso.services.log_names import Names
from hocbaso.services.log_words import GROUPS, Change
from hocbaso.services.sheet_access import sheet_for
from hocbaso.services.snapshot_diff import Difference

PAGE = 50
MOST_IN_A_FILE = 20_000
"""Rows of one exported file; a longer search is narrowed by its dates."""

_ENTRY = m.AuditEntry
_IN_BULK = ("homeroom_record", "month_absence", "summer_result")
"""Written for a whole class in one entry, which tells of a row only what changed: not whose it is."""

_OF_ENROLLMENT: dict[str, Any] = {
    "homeroom_record": m.HomeroomRecord,
    "month_absence": m.MonthAbsence,
    "exemption": m.Exemption,
    "principal_decision": m.PrincipalDecision,
    "frozen_result": m.FrozenResult,
    "transcript_record": m.TranscriptRecord,
    "correction_request": m.CorrectionRequest,
    "inherited_result": m.InheritedResult,
    "summer_result": m.SummerResult,
    "movement": m.Movement,
}
"""Kinds of targets that belong to one pupil's year."""

HIDDEN = "(ẩn đến khi đối chiếu bài gốc xong)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for; None and "" mean everything. ``until`` is included; ``pupil`` is part of a name, or a code."""

    person_id: int | None = None
    pupil: str = ""
    class_group_id: int | None = None
    subject_id: int | None = None
    group: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is asked for."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry for people. ``changes`` may be long: an imported sheet has hundreds."""

    seq: int
    at: datetime
    who: str
    what: str
    about: str
    changes: tuple[Change, ...]
    why: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of what was found, newest first. ``older``: the number to go on before; ``n_found`` over all pages."""

    lines: tuple[LogLine, ...]
    n_found: int
    older: int | None
    pupils: tuple[str, ...] = ()
    """Whom a search by name was taken to mean."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer: (id, words)."""

    people: tuple[tuple[int, str], ...]
    classes: tuple[tuple[int, str], ...]
    subjects: tuple[tuple[int, str], ...]


def choices(actor: Actor) -> Choices:
    """People with an account, classes newest year first, subjects. Raises NotAllowed without the power."""
    actor.require(Permission.AUDIT_READ)
    people = db.session.execute(
        select(m.Person.id, m.Person.full_name)
        .join(m.Account, m.Account.person_id == m.Person.id)
        .order_by(m.Person.sort_key, m.Person.id)
    )
    classes = db.session.execute(
        select(m.ClassGroup.id, m.ClassGroup.name, m.SchoolYear.label)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    subjects = db.session.execute(select(m.Subject.id, m.Subject.name).order_by(m.Subject.sheet_order))
    return Choices(
        tuple((row[0], row[1]) for row in people),
        tuple((row[0], f"{row[1]}, {row[2]}") for row in classes),
        tuple((row[0], row[1]) for row in subjects),
    )


def search(actor: Actor, wanted: Wanted, today: date, *, before: int | None = None) -> LogPage:
    """The newest entries that fit, below number ``before`` where given.

    Raises NotAllowed without the power, Invalid for a kind of act that is none.
    """
    actor.require(Permission.AUDIT_READ)
    aimed, pupils = _aimed(wanted)
    n_found = db.session.scalar(select(func.count()).select_from(_ENTRY).where(aimed)) or 0
    bound = _ENTRY.seq < before if before is not None else _ENTRY.seq > 0
    rows = list(db.session.scalars(select(_ENTRY).where(aimed, bound).order_by(_ENTRY.seq.desc()).limit(PAGE + 1)))
    lines = tuple(_lines(actor, rows[:PAGE], today, pupils))
    return LogPage(lines, n_found, rows[PAGE - 1].seq if len(rows) > PAGE else None, pupils)


def one(actor: Actor, seq: int, today: date) -> LogLine:
    """One entry with all it changed; NotFound for none."""
    actor.require(Permission.AUDIT_READ)
    row = db.session.get(_ENTRY, seq)
    if row is None:
        raise NotFound("Nhật ký không có dòng này.")
    return next(_lines(actor, [row], today))


HEADERS = ("Dòng", "Lúc", "Người làm", "Việc", "Của, ở đâu", "Mục", "Trước", "Sau", "Lí do, căn cứ")


def export(actor: Actor, wanted: Wanted, form: str, now: datetime) -> tuple[bytes, str]:
    """Everything that fits as ``xlsx`` or ``csv``, a row for each value that changed, oldest first; and the file's name.

    Leaves an entry of its own. Raises Invalid for another form and for more than :data:`MOST_IN_A_FILE` entries.
    """
    from hocbaso.exchange.sheets import StatisticsTable, write_statistics

    actor.require(Permission.AUDIT_READ)
    if form not in ("xlsx", "csv"):
        raise Invalid("Nhật ký xuất được ra Excel hoặc CSV.", field="form")
    today = clock.local_date(now)
    aimed, _pupils = _aimed(wanted)
    n_found = db.session.scalar(select(func.count()).select_from(_ENTRY).where(aimed)) or 0
    if n_found > MOST_IN_A_FILE:
        raise Invalid(
            f"Có {n_found} dòng, nhiều hơn {MOST_IN_A_FILE} dòng một tệp chứa được. Hãy thu hẹp ngày hoặc chọn thêm điều kiện."
        )
    entries = db.session.scalars(select(_ENTRY).where(aimed).order_by(_ENTRY.seq))
    rows = [row for line in _lines(actor, entries, today) for row in _file_rows(line)]
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="machine",
            target_id="audit",
            facts={"what": "audit", "format": form, "n_rows": n_found},
        )
    name = f"nhat-ky-{today:%Y-%m-%d}.{form}"
    if form == "xlsx":
        return write_statistics("Nhật ký học bạ số", [StatisticsTable("Nhật ký", HEADERS, tuple(rows))]), name
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return "\ufeff".encode() + out.getvalue().encode(), name


def _file_rows(line: LogLine) -> Iterator[tuple[str | int, ...]]:
    head = (line.seq, f"{clock.local(line.at):%d/%m/%Y %H:%M:%S}", line.who, line.what)
    for change in line.changes:
        yield (*head, change.about, change.what, change.before or "", change.after, line.why)
    if not line.changes:
        yield (*head, line.about, "", "", "", line.why)


def _harmless(value: str | int) -> str | int:
    # What begins like a formula is one to whoever opens the file.
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


# --- what is looked for -----------------------------------------------------------------------------------------------


def _aimed(wanted: Wanted) -> tuple[ColumnElement[bool], tuple[str, ...]]:
    """The condition, and the pupils that a name was taken to mean."""
    parts: list[ColumnElement[bool]] = [_ENTRY.seq > 0]
    pupils: tuple[str, ...] = ()
    if wanted.person_id is not None:
        accounts = select(m.Account.id).where(m.Account.person_id == wanted.person_id)
        parts.append(_ENTRY.actor_id.in_(accounts))
    if wanted.group:
        if wanted.group not in GROUPS:
            raise Invalid("Không có loại việc này.", field="viec")
        parts.append(or_(*(_ENTRY.tag.startswith(start, autoescape=True) for start in GROUPS[wanted.group][1])))
    if wanted.since is not None:
        parts.append(_ENTRY.at >= _instant(wanted.since))
    if wanted.until is not None:
        parts.append(_ENTRY.at < _instant(wanted.until + timedelta(days=1)))
    if wanted.class_group_id is not None or wanted.subject_id is not None:
        parts.append(_of_class(wanted.class_group_id, wanted.subject_id))
    if wanted.pupil.strip():
        condition, pupils = _of_pupils(wanted.pupil)
        parts.append(condition)
    return and_(*parts), pupils


def _instant(day: date) -> str:
    """The beginning of a day in Vietnam as the log writes instants."""
    return datetime.combine(day, time(0), tzinfo=clock.SCHOOL_ZONE).astimezone(UTC).isoformat(timespec="microseconds")


def _text_ids(statement: Any) -> Any:
    column = statement.selected_columns[0]
    return statement.with_only_columns(cast(column, String))


def _target(kind: str, ids: Any) -> ColumnElement[bool]:
    return and_(_ENTRY.target_kind == kind, _ENTRY.target_id.in_(ids))


def _of_class(class_group_id: int | None, subject_id: int | None) -> ColumnElement[bool]:
    """Entries aimed at the class, its sheets and its pupils' things; with a subject only at sheets and exemptions of it."""
    lines = select(m.ClassSubject.id)
    if class_group_id is not None:
        lines = lines.where(m.ClassSubject.class_group_id == class_group_id)
    if subject_id is not None:
        lines = lines.where(m.ClassSubject.subject_id == subject_id)
    parts = [
        _target("score_sheet", _text_ids(select(m.ScoreSheet.id).where(m.ScoreSheet.class_subject_id.in_(lines)))),
        _target("class_subject", _text_ids(lines)),
    ]
    places = select(m.Enrollment.id)
    if class_group_id is not None:
        places = places.where(m.Enrollment.class_group_id == class_group_id)
    if subject_id is not None:
        for kind, model in (("exemption", m.Exemption), ("inherited_result", m.InheritedResult)):
            parts.append(
                _target(
                    kind,
                    _text_ids(select(model.id).where(model.subject_id == subject_id, model.enrollment_id.in_(places))),
                )
            )
        corrected = (
            select(m.CorrectionItem.correction_request_id)
            .join(m.ScoreSheet, m.ScoreSheet.id == m.CorrectionItem.score_sheet_id)
            .where(m.ScoreSheet.class_subject_id.in_(lines))
        )
        fields = [f"inherited-{subject_id}", f"exempt-{subject_id}-1", f"exempt-{subject_id}-2"]
        fields += [summer_fields.field_of(subject_id, part) for part in summer_fields.PARTS]
        beside = (
            select(m.CorrectionItem.correction_request_id)
            .join(m.CorrectionRequest, m.CorrectionRequest.id == m.CorrectionItem.correction_request_id)
            .where(m.CorrectionItem.field.in_(fields), m.CorrectionRequest.enrollment_id.in_(places))
        )
        if class_group_id is not None:  # of the whole school they would be looked for in every entry of every class
            summer = select(m.SummerResult.id).where(
                m.SummerResult.subject_id == subject_id, m.SummerResult.enrollment_id.in_(places)
            )
            parts += [_tells("summer_result", str(row_id)) for row_id in db.session.scalars(summer)]
        parts += [_target("correction_request", _text_ids(one)) for one in (corrected, beside)]
        return or_(*parts)
    pupils = select(m.Enrollment.student_id).where(m.Enrollment.class_group_id == class_group_id)
    parts += [
        and_(_ENTRY.target_kind == "class_group", _ENTRY.target_id == str(class_group_id)),
        _target("enrollment", _text_ids(places)),
        _target("student", _text_ids(pupils)),
    ]
    parts += [
        _target(kind, _text_ids(select(model.id).where(model.enrollment_id.in_(places))))
        for kind, model in _OF_ENROLLMENT.items()
    ]
    return or_(*parts)


_MOST_PUPILS = 12


def _of_pupils(text: str) -> tuple[ColumnElement[bool], tuple[str, ...]]:
    """Entries that tell of pupils with this code or with these words in their name (marks need not be typed)."""
    plain = search_key(text)
    found = db.session.execute(
        select(m.Student.id, m.Student.full_name)
        .where(or_(m.Student.moet_code == text.strip(), m.Student.search_key.contains(plain, autoescape=True)))
        .order_by(m.Student.sort_key, m.Student.id)
        .limit(_MOST_PUPILS + 1)
    ).all()
    if not found:
        return false(), ()
    if len(found) > _MOST_PUPILS:
        raise Invalid(
            f"Có hơn {_MOST_PUPILS} học sinh có tên như vậy. Hãy gõ thêm chữ, hoặc gõ mã học sinh.", field="hoc-sinh"
        )
    students = [row.id for row in found]
    places = list(db.session.scalars(select(m.Enrollment.id).where(m.Enrollment.student_id.in_(students))))
    parts: list[ColumnElement[bool]] = [
        _target("student", [str(row_id) for row_id in students]),
        _target("enrollment", [str(row_id) for row_id in places]),
    ]
    for kind, model in _OF_ENROLLMENT.items():
        ids = [str(one) for one in db.session.scalars(select(model.id).where(model.enrollment_id.in_(places)))]
        parts.append(_target(kind, ids))
        parts += [_tells(kind, row_id) for row_id in ids] if kind in _IN_BULK else []
    for place in places:
        # What tells of many pupils at once names each by its place in the class.
        parts += [_ENTRY.payload.contains(f'"enrollment_id":{place}{end}') for end in (",", "}")]
        parts.append(_ENTRY.payload.contains(f'"{place}-', autoescape=True) & (_ENTRY.target_kind == "score_sheet"))
        parts.append(_tells("enrollment", str(place)))
    for row_id in students:
        parts.append(_tells("student", str(row_id)))
        # What the authority answered is told of the school: a row of its own for each pupil.
        parts += [
            (_ENTRY.target_kind == "school") & _ENTRY.payload.contains(f'"student_id":{row_id}{end}')
            for end in (",", "}")
        ]
    return or_(*parts), tuple(row.full_name for row in found)


def _tells(kind: str, row_id: str) -> ColumnElement[bool]:
    return and_(
        _ENTRY.target_kind.in_(("class_group", "school_year", "school", "import_batch")),
        _ENTRY.payload.contains(f'"{kind}":{{', autoescape=True),
        _ENTRY.payload.contains(f'"{row_id}":{{', autoescape=True),
    )


# --- telling ----------------------------------------------------------------------------------------------------------


def _lines(actor: Actor, entries: Any, today: date, pupils: tuple[str, ...] = ()) -> Iterator[LogLine]:
    """``pupils``: whose values stand first where an entry tells of many."""
    names = Names()
    hidden = _hidden_sheets(actor, today)
    for entry in entries:
        try:
            payload = json.loads(entry.payload)
            facts = payload.get("facts") or {}
            changes = tuple(
                sorted(
                    log_words.changes_of_entry(names, entry.target_kind, payload),
                    key=lambda change: not any(name in change.about for name in pupils),
                )
            )
            what, why = log_words.act_words(entry.tag, payload), log_words.reason_of(payload)
        except (ValueError, TypeError, AttributeError, KeyError):  # forged: shown, and told by the check of the log
            facts, changes, what, why = {}, (), f"{entry.tag} (nội dung không đọc được)", ""
        about = facts.get("sheet") or ", ".join(str(facts[key]) for key in ("student", "class") if facts.get(key))
        line = LogLine(
            entry.seq,
            datetime.fromisoformat(entry.at),
            entry.actor_name,
            what,
            str(about or names.of(entry.target_kind, entry.target_id)),
            changes,
            why,
        )
        yield _covered(line) if entry.target_kind == "score_sheet" and entry.target_id in hidden else line


def _covered(line: LogLine) -> LogLine:
    return replace(line, changes=tuple(replace(one, before=None, after=HIDDEN) for one in line.changes))


def _hidden_sheets(actor: Actor, today: date) -> frozenset[str]:
    """Sheets whose values this reader still has to type from the papers, or review against them."""
    if actor.is_system:
        return frozenset()
    waiting = db.session.scalars(
        select(m.BlindCheck.score_sheet_id).distinct().where(m.BlindCheck.state.in_([state.value for state in UNSEEN]))
    )
    found = set()
    for sheet_id in waiting.all():
        try:
            head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
        except NotFound:
            continue
        if hides_from(actor, head):
            found.add(str(sheet_id))
    return frozenset(found)


def covered(actor: Actor, found: Difference, today: date) -> Difference:
    """A difference between snapshots without what is kept from this reader. Raises NotAllowed without the power."""
    actor.require(Permission.AUDIT_READ)
    names = Names()
    labels = tuple(names.of("score_sheet", sheet_id) for sheet_id in _hidden_sheets(actor, today))
    if not labels:
        return found
    rows = [
        replace(row, changes=tuple(replace(one, before=None, after=HIDDEN) for one in row.changes))
        if row.kind in ("score_cell", "blind_check") and row.about.startswith(labels)
        else row
        for row in found.rows
    ]
    return replace(found, rows=tuple(rows))
