"""What the foot of a page says of its corrections: how many places, and in which subjects."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.correction_fields import read_year_field
from hocbaso.regulations.correction_flow import CorrectionKind, CorrectionState

_OF_SUBJECTS = (CorrectionKind.SCORE.value, CorrectionKind.EXEMPTION.value, CorrectionKind.INHERITED.value)
"""Kinds that correct places of subjects on the page."""


@dataclass(frozen=True, slots=True)
class CorrectedPlaces:
    """``subject_names``: each once, in the order of the page."""

    n_places: int
    subject_names: tuple[str, ...]


def of_page(request: m.CorrectionRequest) -> CorrectedPlaces:
    """The places of this page that were corrected after it was frozen, this request's among them."""
    earlier = select(m.CorrectionRequest.id).where(
        m.CorrectionRequest.enrollment_id == request.enrollment_id,
        m.CorrectionRequest.kind.in_(_OF_SUBJECTS),
        m.CorrectionRequest.state == CorrectionState.APPLIED.value,
        m.CorrectionRequest.frozen_result_id.is_not(None),
    )
    items = db.session.scalars(
        select(m.CorrectionItem)
        .where(
            (m.CorrectionItem.correction_request_id == request.id) | m.CorrectionItem.correction_request_id.in_(earlier)
        )
        .order_by(m.CorrectionItem.id)
    ).all()
    by_sheet = {
        row.id: row.subject_id
        for row in db.session.execute(
            select(m.ScoreSheet.id, m.ClassSubject.subject_id)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .where(m.ScoreSheet.id.in_({item.score_sheet_id for item in items if item.score_sheet_id is not None}))
        )
    }
    places: dict[tuple[object, ...], int] = {}
    for item in items:
        if item.score_sheet_id is not None:
            places[item.score_sheet_id, item.column_key] = by_sheet[item.score_sheet_id]
        elif (field := read_year_field(item.field or "")) is not None:
            places[(item.field,)] = field.subject_id
    subjects = db.session.scalars(select(m.Subject).where(m.Subject.id.in_(set(places.values())))).all()
    order = {row.id: (row.transcript_order, row.transcript_name) for row in subjects}
    found = [order[subject_id][1] for subject_id in sorted(places.values(), key=lambda one: order[one])]
    return CorrectedPlaces(len(found), tuple(dict.fromkeys(found)))
