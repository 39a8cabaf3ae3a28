"""What a correction writes beside cells and the homeroom record: the results of an old school.

Inside the transaction of the approval (``services/correction_apply``); the row that was wrong stays, out of force.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_fields import YearFieldKind, read_year_field
from hocbaso.regulations.score_values import from_point
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import Actor

_QUICKER = "Một mục vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại."


def write_inherited(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """The old school's results that the request asks for: copied by who asked, accepted by who approves."""
    wanted = {
        field.subject_id: item
        for item in request.items
        if (field := read_year_field(item.field or "")) is not None and field.kind is YearFieldKind.INHERITED
    }
    if not wanted:
        return
    former = {
        row.subject_id: row
        for row in db.session.scalars(
            select(m.InheritedResult)
            .where(
                m.InheritedResult.enrollment_id == request.enrollment_id,
                m.InheritedResult.state == "ACCEPTED",
                m.InheritedResult.subject_id.in_(wanted),
            )
            .execution_options(populate_existing=True)
        )
    }
    for subject_id, item in wanted.items():
        if (item.old_text is None) != (subject_id not in former):
            raise Stale(_QUICKER)
    for row in former.values():
        row.state = "REPLACED"
    db.session.flush()  # the accepted ones leave the index before their successors come in
    new = []
    for subject_id, item in wanted.items():
        subject = db.session.get_one(m.Subject, subject_id)
        text = item.new_text or ""
        scored = subject.kind == SubjectKind.SCORED
        new.append(
            m.InheritedResult(
                enrollment_id=request.enrollment_id,
                subject_id=subject_id,
                semester=1,
                tenths=from_point(text) if scored else None,
                mark=None if scored else text,
                state="ACCEPTED",
                document=request.paper or "",
                proposed_at=request.asked_at,
                proposed_by=request.asked_by,
                proposer_name=request.asker_name,
                decided_at=now,
                decided_by=actor.account_id,
                decider_name=actor.name,
                decision_note=f"Đề nghị sửa chữa số {request.id}",
            )
        )
    db.session.add_all(new)
    db.session.flush()
    audit.record(
        AuditTag.INHERITED_DECIDED,
        actor,
        now,
        target_kind="class_group",
        target_id=request.enrollment.class_group_id,
        state=audit.states("inherited_result", [*former.values(), *new]),
        note=request.reason,
        facts={
            "student": request.enrollment.student.full_name,
            "class": request.enrollment.class_group.name,
            "paper": request.paper,
            "outcome": "ACCEPTED",
            "source": "corrected",
            "request": request.id,
            "asked_by": request.asker_name,
            "confirmed_by": request.confirmer_name,
        },
    )
