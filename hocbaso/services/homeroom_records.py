"""The row of a pupil's homeroom part: read anew, and written field by field under its next version."""

from __future__ import annotations

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db


def record_of(enrollment_id: int) -> m.HomeroomRecord | None:
    """The homeroom part of a pupil, read anew."""
    found: m.HomeroomRecord | None = db.session.scalar(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == enrollment_id)
        .execution_options(populate_existing=True)
    )
    return found
