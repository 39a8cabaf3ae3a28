"""Approving a finalised class freezes its results; returning it sends the homeroom teacher a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hocbaso import clock
from hocbaso.db import write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import DomainError, Incomplete, Invalid, Stale
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.permissions import Permission
from hocbaso.services import class_moves, class_seal, frozen_results, results, untouched
from hocbaso.services.access import Actor, class_for
from hocbaso.services.class_gaps import list_gaps
from hocbaso.services.class_moves import ClassMoved

DEFAULT_REMARK = "Đồng ý với kết quả đánh giá và đề nghị của giáo viên chủ nhiệm."
"""What stands under NHẬN XÉT, PHÊ DUYỆT CỦA HIỆU TRƯỞNG unless the principal writes otherwise."""

_REMARK_MAX = 2000


@dataclass(frozen=True, slots=True)
class ClassOutcome:
    """What became of one class of a bulk act; ``message`` is the reason when it did not move."""

    class_group_id: int
    label: str
    done: bool
    message: str = ""


def approve_class(
    actor: Actor, class_group_id: int, *, expected_version: int, seen: str, now: datetime, remark: str | None = None
) -> ClassMoved:
    """Approve a finalised class and freeze the results of all its students, both or neither.

    ``seen``: :func:`class_seal.seal` of the results that were on the screen; nothing else is frozen. ``remark``: the
    principal's text on each transcript (default :data:`DEFAULT_REMARK`). Raises NotFound, NotAllowed, WrongState,
    Stale (the class or its results changed since), Incomplete (something was opened again), Invalid, and IntegrityFault when a value was changed
    behind the application's back: then nothing is frozen.
    """
    words = nfc(remark) or DEFAULT_REMARK
    if len(words) > _REMARK_MAX:
        raise Invalid(f"Nhận xét dài quá {_REMARK_MAX} chữ. Chưa có gì thay đổi.", field="remark")
    reason = why_not_printed(words)
    if reason:
        raise Invalid(f"Nhận xét {reason} Chưa có gì thay đổi.", field="remark")
    class_for(actor, class_group_id, Permission.CLASS_READ)
    # Replaying the log takes longer than anything else here, so it is done before the write lock is taken; the
    # fingerprint shows inside the transaction that what was checked still stands.
    today = clock.local_date(now)
    computed = results.compute_class(class_group_id, today, fresh=True)
    untouched.require_untouched(class_group_id)
    with write_transaction() as session:
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        class_moves.guard_move(actor, class_group, ClassVerb.APPROVE, expected_version)
        if results.fingerprint(class_group_id) != computed.fingerprint:
            raise Stale("Lớp vừa được sửa trong lúc duyệt. Xin xem lại; chưa có gì thay đổi.")
        gaps = list_gaps(computed)
        if gaps:
            raise Incomplete(
                f"Chưa duyệt được lớp {class_group.name}: còn {len(gaps)} việc chưa xong.",
                gaps=gaps,
                details=tuple(gap.words for gap in gaps),
            )
        class_seal.require_seen(seen, computed)
        frozen_results.freeze_class(session, actor, computed, now, principal_remark=words)
        return class_moves.move(actor, class_group, ClassVerb.APPROVE, None, now)


def return_class(actor: Actor, class_group_id: int, note: str, *, expected_version: int, now: datetime) -> ClassMoved:
    """Send a finalised class back with a reason: FINALISED -> OPEN. Invalid without a reason."""
    words = class_moves.clean_note(note)
    with write_transaction():
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        class_moves.guard_move(actor, class_group, ClassVerb.RETURN, expected_version)
        if not words:
            raise Invalid("Xin ghi lí do để giáo viên chủ nhiệm biết cần làm gì.", field="note")
        return class_moves.move(actor, class_group, ClassVerb.RETURN, words, now)


def bulk(
    actor: Actor,
    verb: ClassVerb,
    items: Iterable[tuple[int, int, str]],
    *,
    now: datetime,
    note: str | None = None,
    remark: str | None = None,
) -> list[ClassOutcome]:
    """Approve or return many classes, (class id, version seen, seal seen) each: one transaction and one outcome a class."""
    outcomes = []
    for class_group_id, version, seen in items:
        label = ""
        try:
            label = f"Tổng kết lớp {class_for(actor, class_group_id, Permission.CLASS_READ).name}"
            if verb is ClassVerb.APPROVE:
                approve_class(actor, class_group_id, expected_version=version, seen=seen, now=now, remark=remark)
            else:
                return_class(actor, class_group_id, note or "", expected_version=version, now=now)
            outcomes.append(ClassOutcome(class_group_id, label, True))
        except DomainError as refusal:
            outcomes.append(ClassOutcome(class_group_id, label, False, refusal.message))
    return outcomes
