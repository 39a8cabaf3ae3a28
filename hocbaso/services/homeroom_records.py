"""The row of a pupil's homeroom part: read anew, and written field by field under its next version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

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


def write(
    record: m.HomeroomRecord | None,
    enrollment_id: int,
    values: Mapping[str, Any],
    by: int | None,
    now: datetime,
    *,
    op_id: str | None = None,
) -> m.HomeroomRecord:
    """Give fields their stored values under the next version of the row, in the name of the account ``by``; the row, a new one where
    there was none.

    Each field remembers the version and the operation that wrote it last. Not flushed; the entry is the caller's.
    """
    if record is None:
        record = m.HomeroomRecord(enrollment_id=enrollment_id, version=0, field_versions="{}")
        db.session.add(record)
    record.version += 1
    written_by: dict[str, list[Any]] = json.loads(record.field_versions)
    for field, value in values.items():
        setattr(record, field, value)
        written_by[field] = [record.version, op_id]
    record.field_versions = json.dumps(written_by, sort_keys=True)
    record.updated_at, record.updated_by = now, by
    return record
