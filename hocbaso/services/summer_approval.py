"""The principal's part of the summer: sending an entry back, and approving pupils, which is the second freeze.

Approving freezes the year of a pupil anew with the summer in it (Arts. 13, 14); the main freeze stays. A record that was made from the
main one says less than is true now: what was not sealed is taken back, what was sealed is recalled and built anew under another
UUID that names it (docs/decisions/0024). Nobody edits the old file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Incomplete, Invalid, NotAllowed, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.summer_flow import SummerParty, SummerState, SummerVerb, find_move
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.regulations.two_hands import BOTH_HANDS
from hocbaso.services import (
    audit,
    conclusion_cases,
    frozen_results,
    recall_requests,
    results,
    summer_cases,
    summer_results,
    transcripts,
    untouched,
)
from hocbaso.services.access import Actor, class_for, reaches_class
from hocbaso.services.results import ClassResults, level_words
from hocbaso.services.summer_cases import Case, Foreseen

_NOTE = 500
_NO_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def seal(computed: ClassResults, case: Case, seen: Foreseen) -> str:
    """What a form carries of a pupil as the page showed them: all that would be frozen, and the rows it rests on (hex)."""
    content = frozen_results.frozen_content(
        computed, seen.row, freeze="summer", principal_remark=None, approved_by="", approved_at=_NO_DAY
    )
    rests_on = [f"{one.key}:{one.version}" for one in case.entries] + [str(case.former.id)]
    return hashlib.sha256(canonical_json({"content": content, "rows": rests_on}).encode()).hexdigest()[:32]


def send_back(actor: Actor, class_group_id: int, key: str, note: str, *, expected_version: int, now: datetime) -> None:
    """Send one entry back with a reason; after the day of the freeze also one that nobody has registered: it may be answered then.

    Raises NotFound, NotAllowed, WrongState (approved: that changes by a request, ``summer_corrections``), Stale, Invalid (no reason).
    """
    words = " ".join((nfc(note) or "").split())
    with write_transaction():
        class_group = _class(actor, class_group_id)
        cases = summer_cases.cases_of(class_group, checked=True)
        case, entry = summer_cases.entry_named(cases, key)
        if SummerParty.APPROVER not in summer_cases.parties_of(actor, class_group, entry):
            raise NotAllowed("Kết quả trong hè do Hiệu trưởng hoặc người được uỷ quyền duyệt. Chưa có gì thay đổi.")
        summer_cases.require_writable(class_group, entry)
        find_move(entry.state, SummerVerb.RETURN)
        if entry.state is None and clock.local_date(now) <= class_group.school_year.summer_freeze_on:
            raise WrongState("Mục này chưa ai đăng ký và vẫn còn hạn. Chưa có gì thay đổi.")
        if not words or len(words) > _NOTE:
            raise Invalid(f"Xin ghi lí do trả lại, nhiều nhất {_NOTE} chữ.", field="note")
        row = summer_results.row_seen(entry, expected_version, case)
        row.state, row.note = SummerState.RETURNED.value, words
        row.decided_at, row.decided_by, row.decider_name = now, actor.account_id, actor.name
        row.version += 1
        row.updated_at, row.updated_by = now, actor.account_id
        db.session.flush()
        audit.record(
            AuditTag.SUMMER_RETURNED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("summer_result", [row]),
            note=words,
            facts={"class": class_group.name, "entries": [f"{case.full_name}: {entry.name}"]},
        )


def approve(actor: Actor, class_group_id: int, seen: Mapping[int, str], now: datetime) -> int:
    """Approve these pupils' summer (enrolment id -> :func:`seal` of the page) and freeze their year anew, all or none; how many.

    Raises NotFound, NotAllowed (not the approver; a delegate who typed; a delegate where a sealed record goes out of force),
    WrongState, Stale, Incomplete (a decision is due first), IntegrityFault.
    """
    if not seen:
        raise Invalid("Xin đánh dấu ít nhất một học sinh. Chưa có gì thay đổi.")
    today = clock.local_date(now)
    class_for(actor, class_group_id, Permission.CLASS_READ)
    untouched.require_untouched(
        class_group_id
    )  # replaying the log is slow: before the write lock, proven by the fingerprint
    before = results.compute_class(class_group_id, today, fresh=True)
    with write_transaction() as session:
        class_group = _class(actor, class_group_id)
        if SummerParty.APPROVER not in summer_cases.parties_of(actor, class_group):
            raise NotAllowed("Kết quả trong hè do Hiệu trưởng hoặc người được uỷ quyền duyệt. Chưa có gì thay đổi.")
        if results.fingerprint(class_group_id) != before.fingerprint:
            raise Stale("Lớp vừa được sửa trong lúc duyệt. Xin xem lại; chưa có gì thay đổi.")
        cases = {case.enrollment_id: case for case in summer_cases.cases_of(class_group, checked=True)}
        chosen = []
        for enrollment_id, shown in seen.items():
            case = cases.get(enrollment_id)
            if case is None or enrollment_id not in before.by_id:
                summer_cases.find_entry((), 0, 0)
            assert case is not None
            summer_cases.require_writable(class_group, *case.entries)
            if not case.is_ready:
                raise WrongState(f"{case.full_name} chưa đủ kết quả trong hè, hoặc đã duyệt. Chưa có gì thay đổi.")
            found = summer_cases.foreseen(before, case)
            if seal(before, case, found) != shown:
                raise Stale(f"{case.full_name}: kết quả đã thay đổi sau khi thầy, cô mở trang. Xin xem lại.")
            if found.waits:
                words = tuple(f"{case.full_name}: {one}" for one in found.waits)
                raise Incomplete(f"Chưa duyệt được: {words[0]}.", details=words)
            chosen.append((case, found))
        asked = {
            one.key for case, _ in chosen for one in case.entries
        }  # a subject may have left the list by a correction
        rows = {key: row for key, row in _rows(class_group_id, set(seen)).items() if key in asked}
        _require_other_hand(actor, class_group, rows)
        written = []
        for row in rows.values():
            if row.state in (SummerState.TYPED.value, SummerState.DECLINED.value):
                row.state, row.note = SummerState.APPROVED.value, None
                row.decided_at, row.decided_by, row.decider_name = now, actor.account_id, actor.name
                row.version += 1
                row.updated_at, row.updated_by = now, actor.account_id
                written.append(row)
        session.flush()
        audit.record(
            AuditTag.SUMMER_APPROVED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("summer_result", written),
            facts={
                "class": class_group.name,
                "students": [
                    f"{case.full_name}: {found.row.result.promotion.value}"
                    f"{' (' + level_words(found.row.result.learning_after) + ')' if found.row.result.learning_after else ''}"
                    for case, found in chosen
                ],
            },
        )
        computed = results.compute_class(class_group_id, today, fresh=True)
        pupils = [(computed.by_id[case.enrollment_id], case.former) for case, _ in chosen]
        for (pupil, _), (case, found) in zip(pupils, chosen, strict=True):
            if pupil.result != found.row.result:
                raise Stale(f"{case.full_name}: kết quả sau khi duyệt khác với kết quả đã xem. Chưa có gì thay đổi.")
        frozen_results.freeze_summer(session, actor, computed, pupils, now)
        conclusion_cases.after_summer(actor, {row.given.enrollment_id: row.result.promotion for row, _ in pupils}, now)
        _void(actor, class_group, [case for case, _ in chosen], now)
        return len(chosen)


def _void(actor: Actor, class_group: m.ClassGroup, cases: list[Case], now: datetime) -> None:
    """Take the records made from the year alone out of force; new ones become due."""
    records = transcripts.records_in_force(case.enrollment_id for case in cases)
    for case in cases:
        record = records.get(case.enrollment_id)
        if record is None:
            continue
        transcripts.require_untouched(record)
        sealed = RecordState(record.state) in SIGNED_STATES
        if sealed and not reaches_class(actor, class_group.id, Permission.TRANSCRIPT_RECALL):
            raise NotAllowed(
                f"Học bạ của {case.full_name} đã đóng dấu; duyệt kết quả trong hè sẽ thay bản ấy nên chỉ Hiệu trưởng duyệt được. "
                "Chưa có gì thay đổi."
            )
        reason = (
            f"Lập bản bổ sung kết quả trong hè năm học {class_group.school_year.label.replace('-', '–')} "
            "(Thông tư 22/2021, Điều 13, 14)."
        )
        recall_requests.recall_by_correction(actor, record, reason, now, paper=None)


def _require_other_hand(actor: Actor, class_group: m.ClassGroup, rows: Mapping[str, m.SummerResult]) -> None:
    """A delegate does not stand for the principal under what they typed themselves."""
    if actor.is_system or reaches_class(actor, class_group.id, Permission.DECISION_RECORD):
        return
    if any(row.typed_by == actor.account_id for row in rows.values()):
        raise NotAllowed(BOTH_HANDS)


def _class(actor: Actor, class_group_id: int) -> m.ClassGroup:
    class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
    db.session.refresh(class_group)
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(f"Lớp {class_group.name} chưa được duyệt tổng kết. Chưa có gì thay đổi.")
    summer_results.require_as_told(class_group)
    return class_group


def _rows(class_group_id: int, enrollment_ids: set[int]) -> dict[str, m.SummerResult]:
    return {
        f"{row.enrollment_id}-{row.subject_id or 0}": row
        for row in summer_cases.rows_of(class_group_id)
        if row.enrollment_id in enrollment_ids
    }
