"""Importing a workbook: one path for the dry run, the page's preview and the act.

The workbook is read outside any transaction. The plan that is applied is made inside the transaction that writes it,
from what stands there at that moment; where a preview came first, the two plans must be equal or nothing happens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.exchange.profiles import DEFAULT_PROFILE, PROFILES
from hocbaso.exchange.rows import CellProblem
from hocbaso.exchange.workbook_process import read_apart, write_apart
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.vietnamese_names import normalise_name
from hocbaso.services import audit, roster, school_setup_from_files
from hocbaso.services.access import Actor
from hocbaso.services.import_plans import (
    KINDS,
    CountLine,
    FieldChange,
    Findings,
    ImportPlan,
    NewClass,
    PlanContext,
    PlannedItem,
    SamePerson,
)
from hocbaso.services.roster import UNNAMED_SCHOOL

PREVIEW_LIVES = timedelta(days=2)
"""After this the bytes of a preview nobody applied are dropped."""

SHOWN_ITEMS = 400
"""How much of a plan a page shows; a roster of a whole school fits, the cells of a class are counted."""

SHOWN_PROBLEMS = 300


@dataclass(frozen=True)
class _Steps:
    plan: Callable[..., ImportPlan]
    apply: Callable[..., None]


def _steps_of(kind: str) -> _Steps:
    """The planner and writer of a kind, loaded with the first file of it."""
    match kind:
        case "students":
            from hocbaso.services.import_students import apply_students, plan_students

            return _Steps(plan_students, apply_students)
        case "teachers":
            from hocbaso.services.import_staff import apply_teachers, plan_teachers

            return _Steps(plan_teachers, apply_teachers)
        case "assignments":
            from hocbaso.services.import_assignments import apply_assignments, plan_assignments

            return _Steps(plan_assignments, apply_assignments)
        case _:
            from hocbaso.services.import_scores import apply_scores, plan_scores

            return _Steps(plan_scores, apply_scores)


@dataclass(frozen=True)
class ImportReport(Findings):
    """What an import would do (``applied`` False) or did. ``n_items`` and ``n_problems`` count what a page may cut short."""

    kind: str
    title: str
    file_name: str
    year_label: str
    applied: bool
    fingerprint: str
    counts: tuple[CountLine, ...]
    items: tuple[PlannedItem, ...]
    problems: tuple[CellProblem, ...]
    notes: tuple[str, ...]
    n_items: int
    n_errors: int
    n_warnings: int
    batch_id: int | None = None
    n_undated: int = 0
    asks: tuple[SamePerson, ...] = ()
    new_classes: tuple[NewClass, ...] = ()
    joined_on: str = ""
    """The day given for new pupils whose row does not say, as ``2027-03-15``."""
    takes_back: bool = False
    """Scores: what was written may be taken back (``import_undo``)."""
    undone_at: str = ""
    n_back: int = 0
    left: tuple[str, ...] = ()
    """Cells that kept their value when it was taken back, and sheets that take nothing now, each with its reason."""

    @property
    def asks_day(self) -> bool:
        """Whether the page offers a day for the new pupils of a year that runs."""
        return not self.applied and bool(self.n_undated or self.joined_on)

    @property
    def can_undo(self) -> bool:
        """Whether what was written may be taken back as a whole."""
        return self.applied and self.takes_back and not self.undone_at

    @property
    def can_apply(self) -> bool:
        """Whether there is something to write and nothing in the way."""
        return not self.applied and not self.n_errors and not self.is_unanswered and bool(self.n_changes)


def kinds_for(actor: Actor) -> tuple[str, ...]:
    """The kinds of files this person may import, in the order of a new school."""
    return tuple(name for name, kind in KINDS.items() if all(actor.may(power) for power in kind.permissions))


def run_import(
    actor: Actor,
    kind: str,
    data: bytes,
    now: datetime,
    *,
    profile: str = DEFAULT_PROFILE,
    file_name: str = "",
    apply: bool = False,
    year_label: str | None = None,
    school_name: str | None = None,
    fingerprint: str | None = None,
    batch_id: int | None = None,
    joined_on: date | None = None,
    answers: Mapping[str, str] | None = None,
) -> ImportReport:
    """Read a workbook and plan it; with ``apply`` write exactly that plan in one transaction.

    ``answers``: see :attr:`PlanContext.answers`. A plan with an error or an open question is returned and never applied (``applied`` False). In an instance without a school the system
    actor's import creates it (``school_name``) and the year (``year_label``, default the one containing today).
    ``joined_on``: students, the day the new ones came whose row does not say. ``fingerprint``: of the plan that was previewed; Stale when the database has changed so that the plan would differ.
    Raises NotAllowed, NotFound for the year, Invalid when the file cannot be read as this kind at all.
    """
    steps = _require(actor, kind)
    table = read_apart(kind, data, profile)
    if not apply:
        context = _context(actor, now, year_label, school_name, joined_on, answers)
        return _report(steps.plan(table, context), file_name, applied=False, joined_on=joined_on)
    with write_transaction() as session:
        context = _context(actor, now, year_label, school_name, joined_on, answers)
        plan = steps.plan(table, context)
        if plan.errors or plan.is_unanswered:
            return _report(plan, file_name, applied=False, joined_on=joined_on)
        if fingerprint is not None and plan.fingerprint != fingerprint:
            raise Stale("Dữ liệu của trường đã thay đổi sau lần xem trước nên chưa ghi gì. Hãy xem trước lại.")
        if batch_id is None and not plan.n_changes:
            return _report(plan, file_name, applied=True, joined_on=joined_on)
        if context.school_name is not None:
            school_setup_from_files.make_school(actor, context.school_name, now)
        year = context.year or school_setup_from_files.make_year(actor, context.year_label, now)
        batch = session.get(m.ImportBatch, batch_id) if batch_id is not None else None
        if batch is None:
            batch = _new_batch(actor, kind, profile, data, file_name, now)
            session.add(batch)
            session.flush()
        steps.apply(plan.work, replace(context, batch_id=batch.id), year)
        report = _report(plan, file_name, applied=True, joined_on=joined_on)
        report = replace(report, takes_back=kind == "scores" and not actor.is_system)
        batch.state, batch.applied_at, batch.summary = "APPLIED", now, _pack(report)
        session.flush()
        audit.record(
            AuditTag.IMPORT_APPLIED,
            actor,
            now,
            target_kind="import_batch",
            target_id=batch.id,
            facts={
                "kind": kind,
                "file": batch.file_name,
                "file_digest": batch.file_digest,
                "profile": profile,
                "year": year.label,
                "plan": plan.fingerprint,
                "counts": {line.noun: [line.n_created, line.n_changed, line.n_unchanged] for line in plan.counts},
            },
        )
        return _with_batch(report, batch.id)


def preview(
    actor: Actor,
    kind: str,
    data: bytes,
    file_name: str,
    now: datetime,
    *,
    profile: str = DEFAULT_PROFILE,
    year_label: str | None = None,
    joined_on: date | None = None,
    answers: Mapping[str, str] | None = None,
) -> int:
    """Plan a workbook and keep its bytes with what was found; the id of the batch. Raises like :func:`run_import`."""
    report = run_import(
        actor,
        kind,
        data,
        now,
        profile=profile,
        file_name=file_name,
        year_label=year_label,
        joined_on=joined_on,
        answers=answers,
    )
    with write_transaction() as session:
        session.execute(
            update(m.ImportBatch)
            .where(m.ImportBatch.state == "PREVIEW", m.ImportBatch.created_at < now - PREVIEW_LIVES)
            .values(state="DROPPED", file_bytes=None)
        )
        batch = _new_batch(actor, kind, profile, data, file_name, now)
        batch.summary = _pack(report)
        session.add(batch)
        session.flush()
        return batch.id


def open_batch(actor: Actor, batch_id: int) -> ImportReport:
    """What a batch of this person would do or did; NotFound for anybody else's."""
    batch = _batch_for(actor, batch_id)
    return _with_batch(_unpack(batch), batch.id)


def apply_batch(actor: Actor, batch_id: int, fingerprint: str, now: datetime) -> ImportReport:
    """Apply exactly the bytes and exactly the plan of a preview.

    Raises WrongState when it was applied or dropped before, Stale when the plan would be another one by now.
    """
    batch = _batch_for(actor, batch_id)
    if batch.state != "PREVIEW" or batch.file_bytes is None:
        raise WrongState(
            "Tệp này đã được ghi."
            if batch.state == "APPLIED"
            else "Lần xem trước này đã quá hai ngày. Hãy chọn tệp và xem trước lại."
        )
    if hashlib.sha256(batch.file_bytes).hexdigest() != batch.file_digest:
        raise Stale("Tệp đã lưu không còn nguyên vẹn. Hãy chọn lại tệp.")
    summary = _unpack(batch)
    return run_import(
        actor,
        batch.kind,
        batch.file_bytes,
        now,
        profile=batch.profile,
        file_name=batch.file_name,
        apply=True,
        year_label=summary.year_label,
        fingerprint=fingerprint,
        batch_id=batch.id,
        joined_on=_day(summary),
        answers=_answers(summary),
    )


def _day(report: ImportReport) -> date | None:
    return date.fromisoformat(report.joined_on) if report.joined_on else None


def _answers(report: ImportReport) -> dict[str, str]:
    told = {ask.code.upper(): ask.answer for ask in report.asks if ask.answer}
    return told | {one.name.upper(): "open" for one in report.new_classes if one.is_agreed}


def preview_with_answers(actor: Actor, batch_id: int, answers: Mapping[str, str], now: datetime) -> int:
    """A fresh preview of the same staff list with who is who; ``answers``: code -> "same" or "other".

    Raises NotFound, Invalid (an answer to what was not asked, or none to what was), WrongState (dropped).
    """
    report = open_batch(actor, batch_id)
    given = {code.upper(): answer for code, answer in answers.items()}
    asked = {ask.code.upper() for ask in report.asks}
    if not asked or set(given) != asked or not set(given.values()) <= {"same", "other"}:
        raise Invalid("Xin chọn cho từng người: cùng một người, hay hai người khác nhau.")
    return preview_again(actor, batch_id, now, answers=given)


def preview_with_classes(actor: Actor, batch_id: int, names: Collection[str], now: datetime) -> int:
    """A fresh preview of the same list of students with the new classes that a person agrees to open.

    Raises NotFound, Invalid (none, or one that was not asked about), WrongState (dropped).
    """
    asked = {one.name for one in open_batch(actor, batch_id).new_classes}
    if not names or not set(names) <= asked:
        raise Invalid("Xin đánh dấu lớp cần mở. Lớp gõ nhầm thì sửa trong tệp rồi chọn lại tệp.")
    return preview_again(actor, batch_id, now, answers={name.upper(): "open" for name in names})


def preview_with_day(actor: Actor, batch_id: int, joined_on: date | None, now: datetime) -> int:
    """A fresh preview of the same list of students with a day for the new ones whose row does not say; None for none.

    Raises NotFound, Invalid (not students, or a day outside the school year so far), WrongState (dropped).
    """
    report = open_batch(actor, batch_id)
    if report.kind != "students":
        raise Invalid("Chỉ danh sách học sinh có ngày vào lớp.", field="joined_on")
    if joined_on is not None:
        year = roster.year_by_label(report.year_label)
        if not year.starts_on <= joined_on <= min(year.ends_on, clock.local_date(now)):
            raise Invalid(
                f"Ngày vào lớp phải từ {year.starts_on:%d/%m/%Y} đến hôm nay, trong năm học.", field="joined_on"
            )
    return preview_again(actor, batch_id, now, day=(joined_on,))


def preview_again(
    actor: Actor,
    batch_id: int,
    now: datetime,
    *,
    day: tuple[date | None] | None = None,
    answers: Mapping[str, str] | None = None,
) -> int:
    """A fresh preview of the same bytes, after the database has changed, or with another ``day`` for new pupils."""
    batch = _batch_for(actor, batch_id)
    if batch.file_bytes is None:
        raise WrongState("Lần xem trước này đã quá hai ngày. Hãy chọn tệp và xem trước lại.")
    return preview(
        actor,
        batch.kind,
        batch.file_bytes,
        batch.file_name,
        now,
        profile=batch.profile,
        year_label=_unpack(batch).year_label,
        joined_on=_day(_unpack(batch)) if day is None else day[0],
        answers=_answers(_unpack(batch)) if answers is None else answers,
    )


@dataclass(frozen=True, slots=True)
class PastImport:
    """One applied file in the list of the page."""

    id: int
    title: str
    file_name: str
    applied_at: datetime
    n_changes: int


def recent_imports(actor: Actor, limit: int = 10) -> list[PastImport]:
    """The last files this person applied."""
    rows = db.session.scalars(
        select(m.ImportBatch)
        .where(
            m.ImportBatch.created_by == actor.account_id,
            m.ImportBatch.state == "APPLIED",
            m.ImportBatch.kind.in_(KINDS),  # files of one score sheet are listed with their sheet
        )
        .order_by(m.ImportBatch.id.desc())
        .limit(limit)
    )
    return [
        PastImport(
            row.id, KINDS[row.kind].title, row.file_name, row.applied_at or row.created_at, _unpack(row).n_changes
        )
        for row in rows
    ]


def keep_undone(actor: Actor, batch_id: int, now: datetime, *, n_back: int, left: tuple[str, ...], whole: bool) -> None:
    """Write down what became of taking an import back. ``whole``: no sheet refused, so there is nothing to try again."""
    with write_transaction():
        batch = _batch_for(actor, batch_id)
        summary = json.loads(batch.summary)
        summary |= {"n_back": n_back, "left": list(left), "undone_at": now.isoformat() if whole else ""}
        batch.summary = json.dumps(summary, ensure_ascii=False)


def _require(actor: Actor, kind: str) -> _Steps:
    if kind not in KINDS:
        raise Invalid(f"Không có loại tệp “{kind}”. Các loại: {', '.join(KINDS)}.", field="kind")
    if kind not in kinds_for(actor):
        raise NotAllowed(f"Thầy, cô không được giao việc nhập {KINDS[kind].title.lower()}.")
    return _steps_of(kind)


def _context(
    actor: Actor,
    now: datetime,
    year_label: str | None,
    school_name: str | None,
    joined_on: date | None = None,
    answers: Mapping[str, str] | None = None,
) -> PlanContext:
    if not school_setup_from_files.is_unconfigured():
        year = roster.year_by_label(year_label)
        if year.state != "OPEN":
            raise WrongState(f"Năm học {year.label} đã đóng, không nhập thêm được.")
        return PlanContext(actor, now, year, year.label, joined_on=joined_on, answers=dict(answers or {}))
    if not actor.is_system:
        raise NotAllowed("Trường chưa được khai báo. Hãy hoàn thành thiết lập ban đầu trước.")
    context = PlanContext(actor, now, None, "", normalise_name(school_name or "") or UNNAMED_SCHOOL)
    label = year_label or school_setup_from_files.label_containing(context.today)
    first = roster.parse_year_label(label)
    return PlanContext(actor, now, None, f"{first}-{first + 1}", context.school_name)


def _new_batch(actor: Actor, kind: str, profile: str, data: bytes, file_name: str, now: datetime) -> m.ImportBatch:
    return m.ImportBatch(
        kind=kind,
        profile=profile,
        file_name=file_name[-200:] or "(không tên)",
        file_digest=hashlib.sha256(data).hexdigest(),
        file_bytes=data,
        state="PREVIEW",
        summary="{}",
        created_at=now,
        created_by=actor.account_id,
    )


def _batch_for(actor: Actor, batch_id: int) -> m.ImportBatch:
    batch = db.session.get(m.ImportBatch, batch_id)
    if (
        batch is None
        or (batch.created_by != actor.account_id and not actor.is_system)
        or batch.kind not in kinds_for(actor)
    ):
        raise NotFound("Không có lần nhập này trong phần việc của thầy, cô.")
    return batch


def _report(plan: ImportPlan, file_name: str, *, applied: bool, joined_on: date | None = None) -> ImportReport:
    return ImportReport(
        kind=plan.kind,
        title=KINDS[plan.kind].title,
        file_name=file_name,
        year_label=plan.year_label,
        applied=applied,
        fingerprint=plan.fingerprint,
        counts=plan.counts,
        items=plan.items,
        problems=plan.problems,
        notes=plan.notes,
        n_items=len(plan.items),
        n_errors=len(plan.errors),
        n_warnings=len(plan.warnings),
        n_undated=plan.n_undated,
        asks=plan.asks,
        new_classes=plan.new_classes,
        joined_on=joined_on.isoformat() if joined_on else "",
    )


def _with_batch(report: ImportReport, batch_id: int) -> ImportReport:
    return ImportReport(
        **{**{name: getattr(report, name) for name in report.__dataclass_fields__}, "batch_id": batch_id}
    )


def _pack(report: ImportReport) -> str:
    """The report as JSON. What overwrites a value comes first, because that is what a person must see before agreeing."""
    items = sorted(report.items, key=lambda item: item.action != "change")[:SHOWN_ITEMS]
    problems = sorted(report.problems, key=lambda problem: problem.severity != "error")[:SHOWN_PROBLEMS]
    plain = {
        **{name: getattr(report, name) for name in report.__dataclass_fields__},
        "counts": [asdict(line) for line in report.counts],
        "items": [asdict(item) for item in items],
        "problems": [asdict(problem) for problem in problems],
        "asks": [asdict(ask) for ask in report.asks],
        "new_classes": [asdict(one) for one in report.new_classes],
    }
    return json.dumps(plain, ensure_ascii=False)


def _unpack(batch: m.ImportBatch) -> ImportReport:
    plain = json.loads(batch.summary)
    plain["counts"] = tuple(CountLine(**line) for line in plain["counts"])
    plain["items"] = tuple(
        PlannedItem(**{**item, "changes": tuple(FieldChange(**change) for change in item["changes"])})
        for item in plain["items"]
    )
    plain["problems"] = tuple(CellProblem(**problem) for problem in plain["problems"])
    plain["asks"] = tuple(SamePerson(**ask) for ask in plain.get("asks", ()))
    plain["new_classes"] = tuple(
        NewClass(**{**one, "beside": tuple(one["beside"])}) for one in plain.get("new_classes", ())
    )
    plain["notes"] = tuple(plain["notes"])
    plain["left"] = tuple(plain.get("left", ()))
    plain["applied"] = batch.state == "APPLIED"
    return ImportReport(**plain)


BLANK_NAMES = {"students": "mau-hoc-sinh.xlsx", "teachers": "mau-can-bo.xlsx", "assignments": "mau-phan-cong.xlsx"}
"""Tables that a person may take home empty. A score sheet is taken home from its own page, with the pupils in it."""


def blank_table(actor: Actor, kind: str) -> tuple[bytes, str]:
    """An empty workbook of a kind to fill in, and its file name. NotFound for a kind that is not this person's."""
    if kind not in BLANK_NAMES or kind not in kinds_for(actor):
        raise NotFound("Không có tệp mẫu này trong phần việc của thầy, cô.")
    return write_apart("blank_table", kind), BLANK_NAMES[kind]


def profile_choices() -> list[tuple[str, str]]:
    """The families of files that can be read: (name, title)."""
    return [(profile.name, profile.title) for profile in PROFILES.values()]
