"""Registering for the summer and typing what came of it: the homeroom teacher and the subject teacher of that subject.

Nothing here touches a sheet or a homeroom record: the results of the year stay what they are (R24, R25; docs/decisions/0024).
Every act is one transaction and one entry aimed at the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.score_values import parse_pass_fail, parse_score
from hocbaso.regulations.summer_flow import (
    SummerOutcome,
    SummerParty,
    SummerState,
    SummerVerb,
    find_move,
    require_in_time,
)
from hocbaso.regulations.terms import Level
from hocbaso.services import audit, summer_cases
from hocbaso.services.access import Actor
from hocbaso.services.log_reading import aimed_at, require_rows_told
from hocbaso.services.summer_cases import Case, Entry
from hocbaso.services.summer_fields import SummerValue

_TASK, _PAPER = 500, 200
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the homeroom teacher says of one entry. ``version``: that of the page; ``task``: of conduct, what the pupil has to do."""

    takes_part: bool
    version: int
    task: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What came of one entry, as it was typed. ``assessed_on``: 12/07/2027."""

    text: str
    version: int
    is_absent: bool = False
    assessed_on: str = ""
    document: str = ""


class RowsRefused(Invalid):
    """Several rows were refused; nothing was written. ``rows``: a sentence by the key of each entry."""

    def __init__(self, rows: Mapping[str, str]) -> None:
        self.rows = dict(rows)
        super().__init__(f"Chưa ghi được, còn {len(rows)} dòng. Chưa có gì thay đổi.", details=tuple(rows.values()))


def register(actor: Actor, class_group_id: int, wanted: Mapping[str, Registration], now: datetime) -> int:
    """Say who takes part in what (keys: ``Entry.key``); how many entries changed.

    Raises NotFound, NotAllowed (not the homeroom teacher), WrongState (class not approved, too late, typed already), Stale,
    RowsRefused (conduct without a task).
    """
    with write_transaction():
        class_group, cases = _open(actor, class_group_id)
        if not wanted:
            summer_cases.require_writable(class_group)
        if SummerParty.HOMEROOM not in summer_cases.parties_of(actor, class_group):
            raise NotAllowed("Danh sách đăng ký trong hè do giáo viên chủ nhiệm ghi. Chưa có gì thay đổi.")
        wrong: dict[str, str] = {}
        written = []
        for case, entry, said in _named(cases, wanted):
            verb = SummerVerb.REGISTER if said.takes_part else SummerVerb.DECLINE
            task = _text(said.task) if said.takes_part and entry.subject_id is None else ""
            to_state = find_to_state(verb)
            if entry.state is to_state and entry.task == task:
                continue
            if said.takes_part and entry.subject_id is None:
                if not task or len(task) > _TASK:
                    wrong[entry.key] = f"{case.full_name}: xin ghi nhiệm vụ rèn luyện đã giao, nhiều nhất {_TASK} chữ."
                    continue
                if why := why_not_printed(task):
                    wrong[entry.key] = f"{case.full_name}: nhiệm vụ {why}"
                    continue
            if entry.state is not to_state:
                find_move(entry.state, verb)
            if said.takes_part:
                summer_cases.require_in_late_time(entry, clock.local_date(now))
            require_in_time(
                verb, class_group.school_year.summer_freeze_on, clock.local_date(now), is_opened=entry.is_opened
            )
            row = row_seen(entry, said.version, case)
            row.state, row.outcome = to_state.value, None if said.takes_part else SummerOutcome.DECLINED.value
            row.tenths = row.mark = row.conduct = row.assessed_on = row.document = row.typed_by = row.typist_name = None
            row.task, row.registrar_name = task or None, actor.name
            _touch(row, actor, now, keeps_note=said.takes_part and entry.is_opened)
            written.append((case, entry, row))
        if wrong:
            raise RowsRefused(wrong)
        _tell(AuditTag.SUMMER_REGISTERED, actor, class_group, written, now)
        return len(written)


def type_results(actor: Actor, class_group_id: int, typed: Mapping[str, Typed], now: datetime) -> int:
    """Type what came of registered entries; how many changed. All or nothing.

    A subject by whoever teaches it in the class today, conduct by the homeroom teacher. Raises NotFound, NotAllowed, WrongState (not
    registered, approved, too late), Stale, RowsRefused (no value, no day, conduct without the report).
    """
    with write_transaction():
        class_group, cases = _open(actor, class_group_id)
        today = clock.local_date(now)
        wrong: dict[str, str] = {}
        written = []
        for case, entry, said in _named(cases, typed):
            if SummerParty.EXAMINER not in summer_cases.parties_of(actor, class_group, entry):
                who = "giáo viên chủ nhiệm" if entry.subject_id is None else f"giáo viên dạy {entry.name} ở lớp"
                raise NotAllowed(f"Kết quả này do {who} ghi. Chưa có gì thay đổi.")
            try:
                read = read_typed(entry, said, case, today)
            except Invalid as refusal:
                wrong[entry.key] = f"{case.full_name}, {entry.name}: {refusal.message}"
                continue
            find_move(entry.state, SummerVerb.TYPE)
            row = row_seen(entry, said.version, case)
            new = (SummerState.TYPED.value, *astuple(read))
            if new == (row.state, row.outcome, row.tenths, row.mark, row.conduct, row.assessed_on, row.document):
                continue
            summer_cases.require_in_late_time(entry, today)
            require_in_time(SummerVerb.TYPE, class_group.school_year.summer_freeze_on, today, is_opened=entry.is_opened)
            row.state, row.outcome, row.tenths, row.mark, row.conduct, row.assessed_on, row.document = new
            row.typed_by, row.typist_name = actor.account_id, actor.name
            _touch(row, actor, now)
            written.append((case, entry, row))
        if wrong:
            raise RowsRefused(wrong)
        _tell(AuditTag.SUMMER_RESULT_CHANGED, actor, class_group, written, now)
        return len(written)


def read_typed(entry: Entry, said: Typed, case: Case, today: date) -> SummerValue:
    """What was typed of an entry as its row holds it; Invalid with what is missing or wrong, to follow the pupil's name."""
    paper = _text(said.document)
    tenths, mark, conduct = (None, None, None) if said.is_absent else _value(entry, said.text)
    day = None if said.is_absent else _day(said.assessed_on, case.since, today)
    _require_paper(entry, paper, said.is_absent)
    outcome = SummerOutcome.ABSENT if said.is_absent else SummerOutcome.RESULT
    return SummerValue(outcome.value, tenths, mark, conduct, day, paper or None)


def find_to_state(verb: SummerVerb) -> SummerState:
    """Where an act leads."""
    return {SummerVerb.REGISTER: SummerState.REGISTERED, SummerVerb.DECLINE: SummerState.DECLINED}[verb]


def require_as_told(class_group: m.ClassGroup) -> None:
    """Refuse to go on when a row of the class is not what the log says (IntegrityFault)."""
    require_rows_told(
        aimed_at({"class_group": (class_group.id,)}),
        {"summer_result": summer_cases.rows_of(class_group.id)},
        f"Kết quả trong hè của lớp {class_group.name}",
    )


def _open(actor: Actor, class_group_id: int) -> tuple[m.ClassGroup, tuple[Case, ...]]:
    """The class and its list, inside the transaction; WrongState while there can be none."""
    class_group = summer_cases.class_in_reach(actor, class_group_id)
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(f"Lớp {class_group.name} chưa được duyệt tổng kết nên chưa có danh sách trong hè.")
    require_as_told(class_group)
    return class_group, summer_cases.cases_of(class_group, checked=True)


def _named(cases: tuple[Case, ...], by_key: Mapping[str, _Said]) -> list[tuple[Case, Entry, _Said]]:
    """The entries that are named; NotFound for one that is not on the list."""
    found = []
    for key, said in by_key.items():
        case, entry = summer_cases.entry_named(cases, key)
        summer_cases.require_writable(case.main.enrollment.class_group, entry)
        found.append((case, entry, said))
    return found


def row_seen(entry: Entry, seen: int, case: Case) -> m.SummerResult:
    """The row to write, when it is still the one that was on the screen; Stale otherwise."""
    if seen != entry.version:
        raise Stale(
            f"{case.full_name}, {entry.name}: vừa có người ghi sau khi thầy, cô mở trang. Xin xem lại; chưa có gì thay đổi."
        )
    if entry.version:
        return next(
            row
            for row in summer_cases.rows_of(case.former.enrollment.class_group_id)
            if (row.enrollment_id, row.subject_id) == (entry.enrollment_id, entry.subject_id)
        )
    row = m.SummerResult(enrollment_id=entry.enrollment_id, subject_id=entry.subject_id, version=0)
    db.session.add(row)
    return row


def _touch(row: m.SummerResult, actor: Actor, now: datetime, *, keeps_note: bool = False) -> None:
    if not keeps_note:  # what the principal asked for is asked until somebody types it
        row.decided_at = row.decided_by = row.decider_name = row.note = None
    row.version += 1
    row.updated_at, row.updated_by = now, actor.account_id


def _tell(
    tag: AuditTag,
    actor: Actor,
    class_group: m.ClassGroup,
    written: list[tuple[Case, Entry, m.SummerResult]],
    now: datetime,
) -> None:
    if not written:
        return
    try:
        db.session.flush()
    except IntegrityError as error:  # two people began with the same entry
        raise Stale("Vừa có người ghi cùng mục này. Xin xem lại; chưa có gì thay đổi.") from error
    audit.record(
        tag,
        actor,
        now,
        target_kind="class_group",
        target_id=class_group.id,
        state=audit.states("summer_result", [row for _, _, row in written]),
        before={entry.key: entry.value for _, entry, _ in written if entry.value} or None,
        facts={
            "class": class_group.name,
            "entries": [f"{case.full_name}: {entry.name}" for case, entry, _ in written],
            "n_entries": len(written),
        },
    )


def _value(entry: Entry, typed: str) -> tuple[int | None, str | None, str | None]:
    """(tenths, mark, conduct), one of them; Invalid otherwise."""
    if not typed.strip():
        raise Invalid("xin ghi kết quả, hoặc chọn “Không dự”.")
    if entry.subject_id is None:
        if typed not in {level.value for level in Level}:
            raise Invalid("xin chọn mức Tốt, Khá, Đạt hoặc Chưa đạt.")
        return None, None, typed
    if not entry.scored:
        return None, parse_pass_fail(typed).value, None
    found = parse_score(typed)
    if found.shorthand:
        raise Invalid(f"xin ghi đủ dấu phẩy, ví dụ {found.shown_as}.")
    return found.tenths, None, None


def _day(typed: str, since: date, today: date) -> date:
    try:
        day = datetime.strptime(typed.strip(), "%d/%m/%Y").date()  # noqa: DTZ007 (a day, not an instant)
    except ValueError:
        raise Invalid("xin ghi ngày kiểm tra hoặc ngày đánh giá như 12/07/2027.") from None
    if not since <= day <= today:
        raise Invalid(f"ngày này phải từ {since:%d/%m/%Y}, khi có kết quả cả năm, và không ở sau hôm nay.")
    return day


def _require_paper(entry: Entry, paper: str, is_absent: bool) -> None:
    if entry.subject_id is None and not paper and not is_absent:
        raise Invalid("xin ghi báo cáo rèn luyện có chữ ký của cha mẹ học sinh (Điều 13).")
    if len(paper) > _PAPER:
        raise Invalid(f"căn cứ nhiều nhất {_PAPER} chữ.")
    if paper and (why := why_not_printed(paper)):
        raise Invalid(f"căn cứ {why}")


def _text(typed: str) -> str:
    return " ".join((nfc(typed) or "").split())
