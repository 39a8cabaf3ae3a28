"""Confirming, approving, returning and refusing a correction; approving carries it out in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, Stale
from hocbaso.regulations.correction_flow import CorrectionKind, CorrectionState, CorrectionVerb
from hocbaso.services import (
    correction_access,
    correction_apply,
    correction_impact,
    correction_steps,
    results,
    untouched,
)
from hocbaso.services.access import Actor
from hocbaso.services.conclusion_cases import Chosen
from hocbaso.services.correction_impact import Impact

_NOTE = 1000


def confirm(
    actor: Actor, request_id: int, *, expected_version: int, now: datetime, note: str = ""
) -> m.CorrectionRequest:
    """The homeroom teacher agrees: ASKED -> CONFIRMED.

    Raises NotFound, NotAllowed, WrongState, Stale (the request, or with ``current`` a tuple of
    :class:`~hocbaso.services.correction_items.ItemView` a value, changed meanwhile), IntegrityFault.
    """
    said = correction_steps.words(note, "note", _NOTE, required=False)
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        row = correction_steps.guard(actor, request, CorrectionVerb.CONFIRM, expected_version, now)
        require_as_asked(correction_impact.of_request(request, clock.local_date(now)))
        request.confirmed_at, request.confirmed_by, request.confirmer_name = now, actor.account_id, actor.name
        correction_steps.write(actor, request, CorrectionVerb.CONFIRM, row.to_state, said, now)
    return request


def send_back(actor: Actor, request_id: int, note: str, *, expected_version: int, now: datetime) -> m.CorrectionRequest:
    """Return it to who asked, with what is missing. Raises as :func:`confirm`, Invalid without words."""
    return _close(actor, request_id, CorrectionVerb.RETURN, note, expected_version, now)


def refuse(actor: Actor, request_id: int, note: str, *, expected_version: int, now: datetime) -> m.CorrectionRequest:
    """Refuse it for good, with the reason. Raises as :func:`send_back`."""
    return _close(actor, request_id, CorrectionVerb.REFUSE, note, expected_version, now)


def _close(
    actor: Actor, request_id: int, verb: CorrectionVerb, note: str, expected_version: int, now: datetime
) -> m.CorrectionRequest:
    said = correction_steps.words(note, "note", _NOTE, required=True)
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        row = correction_steps.guard(actor, request, verb, expected_version, now)
        if row.to_state is CorrectionState.REFUSED:
            request.decided_at, request.decided_by, request.decider_name = now, actor.account_id, actor.name
        correction_steps.write(actor, request, verb, row.to_state, said, now)
    return request


def approve(
    actor: Actor,
    request_id: int,
    *,
    expected_version: int,
    seen_digest: str,
    now: datetime,
    note: str = "",
    rulings: Mapping[str, str] | None = None,
    chosen: Chosen | None = None,
) -> m.CorrectionRequest:
    """Approve and carry out: the values, the locks, the results, the records, all or nothing.

    ``seen_digest``: the impact that the decider had on the screen (``Impact.digest``). ``rulings``: ``Ruling.key`` -> outcome, with
    the reason in ``note``, where the circular leaves a conclusion to people. ``chosen``: what becomes of the pupil where ``Impact.case`` asks for it. Raises NotFound, NotAllowed, WrongState, Stale
    (the request, a value or what follows from it is not what was seen), Invalid (a ruling is missing or none of the choices),
    IntegrityFault (something was changed behind the application's back: then nothing happens).
    """
    said = correction_steps.words(note, "note", _NOTE, required=False)
    today = clock.local_date(now)
    request = correction_access.request_for(actor, request_id)
    class_group_id = request.enrollment.class_group_id
    # Replaying the log takes longest, so it is done before the write lock is taken; the fingerprint shows inside the
    # transaction that what was checked still stands.
    prints = results.fingerprint(class_group_id)
    untouched.require_untouched(class_group_id)
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        found = correction_impact.of_request(request, today)
        row = correction_steps.guard(
            actor, request, CorrectionVerb.APPROVE, expected_version, now, voids_sealed=found.voids_sealed
        )
        require_as_asked(found)
        if found.digest != seen_digest or results.fingerprint(class_group_id) != prints:
            raise Stale(
                "Tác động của đề nghị đã khác với lúc thầy, cô xem. Xin xem lại rồi duyệt; chưa có gì thay đổi.",
                current=found,
            )
        if request.kind != CorrectionKind.CIVIL_STATUS:
            outcome = correction_apply.apply_year(
                actor, request, found, _ruled(found, rulings or {}, said), now, chosen=chosen
            )
        else:
            outcome = correction_apply.apply_civil_status(actor, request, found, now)
        request.decided_at, request.decided_by, request.decider_name = now, actor.account_id, actor.name
        request.outcome = outcome
        correction_steps.write(
            actor,
            request,
            CorrectionVerb.APPROVE,
            row.to_state,
            said,
            now,
            facts={
                "asked_by": request.asker_name,
                "confirmed_by": request.confirmer_name,
                "voided": [one.uuid for one in found.voided],
            },
        )
    db.session.refresh(request)
    return request


def require_as_asked(found: Impact) -> None:
    """Refuse where a value is no longer the one that the request was made against (Stale; ``current``: both values of each)."""
    if found.stale:
        raise Stale(
            "Có giá trị đã đổi sau khi đề nghị được lập. Xin trả lại để người đề nghị xem lại; chưa có gì thay đổi.",
            current=found.stale,
        )


def _ruled(found: Impact, rulings: Mapping[str, str], reason: str | None) -> tuple[tuple[str, str, str, str], ...]:
    """(kind, term, outcome, reason) of each decision that goes with the approval."""
    made = []
    for one in found.rulings:
        outcome = rulings.get(one.key, "")
        if outcome not in one.choices:
            raise Invalid(f"{one.words}: quy định không tự kết luận, xin chọn kết luận.", field=one.key)
        if reason is None:
            raise Invalid("Xin ghi căn cứ của kết luận.", field="note")
        made.append((one.kind, one.term, outcome, reason))
    return tuple(made)
