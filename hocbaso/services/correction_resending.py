"""Sending a returned request again: with an answer, pinned anew to what stands now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import WrongState
from hocbaso.regulations.correction_fields import read_month_field
from hocbaso.regulations.correction_flow import CorrectionKind, CorrectionState, CorrectionVerb, standing_of
from hocbaso.services import (
    corrected_year,
    correction_access,
    correction_evidence,
    correction_items,
    correction_month_fields,
    correction_requests,
    correction_score_requests,
    correction_steps,
    homeroom_records,
    results,
    summer_fields,
)
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import NOTHING
from hocbaso.services.score_lines import read_row
from hocbaso.services.uploaded_papers import Upload


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
    said = correction_steps.words(note, "note", correction_requests.LIMITS[0], required=True)
    with write_transaction():
        request = correction_access.request_for(actor, request_id)
        correction_steps.guard(actor, request, CorrectionVerb.RESEND, expected_version, now)
        kept = correction_evidence.look(files, n_standing=len(request.evidence))
        if request.kind == CorrectionKind.SCORE:
            differs = _pin_cells(actor, request, today)
        elif request.kind in (CorrectionKind.EXEMPTION, CorrectionKind.INHERITED):
            differs = _pin_year(actor, request, today)
        else:
            differs = _pin_fields(request)
        if not differs:
            raise WrongState("Các giá trị đề nghị đã đúng như đang có. Xin rút đề nghị này.")
        correction_month_fields.require_told(request)
        evidence = correction_evidence.keep(actor, request, kept, now)
        request.confirmed_at = request.confirmed_by = request.confirmer_name = None
        next_state = standing_of(
            CorrectionState.ASKED, somebody_confirms=bool(correction_access.confirmers(request, today))
        )
        correction_steps.write(
            actor, request, CorrectionVerb.RESEND, next_state, said, now, evidence=evidence, new_items=True
        )
    return request


def _pin_cells(actor: Actor, request: m.CorrectionRequest, today: date) -> bool:
    """Pin the cells to what stands in them now; whether the request still changes one."""
    differs = False
    for item in request.items:
        if item.score_sheet_id is None or item.column_key is None:
            continue
        head = correction_score_requests.require_asks_scores(actor, item.score_sheet_id, today)
        present = read_row(head, request.enrollment_id)[2].get(item.column_key, NOTHING)
        item.seen_version = present.version
        item.old_tenths, item.old_mark, item.old_remark = present.tenths, present.mark, present.remark
        item.old_origin = present.origin
        new = correction_items.value_of_item(item, "new")
        differs = correction_score_requests.differs(new, present) or differs
    return differs


def _pin_year(actor: Actor, request: m.CorrectionRequest, today: date) -> bool:
    """The same for fields that stand in several rows, and the cells that go with them."""
    computed = results.compute_class(request.enrollment.class_group_id, today)
    given = corrected_year.find_student(computed, request.enrollment_id)
    differs = _pin_cells(actor, request, today)
    for item in request.items:
        if item.field is not None:
            item.old_text = correction_items.present_text(given, item.field) or None
            differs = differs or item.old_text != item.new_text
    return differs


def _pin_fields(request: m.CorrectionRequest) -> bool:
    """The same for fields of one row each: the homeroom part, months, the summer, the profile."""
    student = request.enrollment.student
    db.session.refresh(student)
    record = homeroom_records.record_of(request.enrollment_id)
    summer = summer_fields.rows_of(request) if request.kind == CorrectionKind.SUMMER else {}
    months = correction_month_fields.stored(request.enrollment_id)
    differs = False
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
        differs = differs or item.old_text != item.new_text
    return differs
