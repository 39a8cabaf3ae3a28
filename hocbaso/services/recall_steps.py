"""The next step of each recall that needs the authority: listed, signed, sealed, sent, answered; whose it is, and by when.

One piece of work a year that has to be listed, one a list under way: what today and the reminders tell of.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.recall_flow import ListState, RecallState


@dataclass(frozen=True, slots=True)
class RecallStep:
    """One step. ``key`` changes with anything of it, ``work_key`` when something else is to be done; ``meta``: what it is about."""

    key: str
    work_key: str
    role: Role
    what: str
    meta: str
    link: str
    before: date


_NEXT = {
    ListState.MADE: (Role.PRINCIPAL, "Ký danh sách thu hồi số {n} năm học {year}"),
    ListState.PRINCIPAL_SIGNED: (Role.CLERK, "Đóng dấu danh sách thu hồi số {n} năm học {year}"),
    ListState.SEALED: (Role.CLERK, "Gửi cấp trên danh sách thu hồi số {n} năm học {year}"),
    ListState.SENT: (Role.CLERK, "Ghi trả lời của cấp trên về danh sách thu hồi số {n} năm học {year}"),
}


def steps() -> list[RecallStep]:
    """Every step that waits, the oldest list first. Not scoped: callers look at ``role``."""
    found = []
    for row in db.session.scalars(
        select(m.RecallList)
        .where(m.RecallList.state != ListState.ANSWERED.value)
        .order_by(m.RecallList.id)
        .execution_options(populate_existing=True)
    ):
        asks = any(request.state == RecallState.APPROVED.value for request in row.requests)
        state = ListState(row.state)
        if state is ListState.SENT and not asks:
            continue  # told to the authority, and nothing asked of it
        role, words = _NEXT[state]
        since = max(at for at in (row.made_at, row.principal_signed_at, row.sealed_at, row.sent_at) if at is not None)
        found.append(
            RecallStep(
                f"list-{row.id}-{row.version}",
                f"list-{row.id}-{state}",
                role,
                words.format(n=row.number, year=_label(row.school_year_id)),
                f"{len(row.requests)} học bạ",
                f"/thu-hoi/danh-sach/{row.id}",
                _due(since),
            )
        )
    return found + _unlisted()


def _unlisted() -> list[RecallStep]:
    """Years with requests that the principal approved and that are on no list to the authority yet."""
    waiting: dict[int, list[datetime]] = defaultdict(list)
    for year_id, decided_at in db.session.execute(
        select(m.ClassGroup.school_year_id, m.RecallRequest.decided_at)
        .join(m.TranscriptRecord, m.TranscriptRecord.id == m.RecallRequest.transcript_record_id)
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.RecallRequest.state == RecallState.APPROVED.value, m.RecallRequest.recall_list_id.is_(None))
        .order_by(m.RecallRequest.id)
    ):
        assert decided_at is not None  # approved
        waiting[year_id].append(decided_at)
    return [
        RecallStep(
            f"unlisted-{year_id}-{len(days)}",
            f"unlisted-{year_id}",
            Role.CLERK,
            f"Lập danh sách thu hồi gửi cấp trên, năm học {_label(year_id)}",
            f"{len(days)} học bạ",
            "/thu-hoi/#danh-sach",
            _due(min(days)),
        )
        for year_id, days in waiting.items()
    ]


def _label(year_id: int) -> str:
    return db.session.get_one(m.SchoolYear, year_id).label.replace("-", "–")


def _due(since: datetime) -> date:
    return due_before(clock.local_date(since))
