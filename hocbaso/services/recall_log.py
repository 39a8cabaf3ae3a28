"""What the log says of recalls against what the tables say: a recall that was forged, and one that was undone, by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.recall_flow import OPEN_STATES, RecallState
from hocbaso.regulations.transcript_flow import RecordState


@dataclass(frozen=True, slots=True)
class RecallFault:
    """One recall that log and tables tell differently. ``words`` name the record by its code, never the pupil."""

    words: str
    table: str
    row_id: str
    seq: int | None = None


def recall_faults() -> Iterator[RecallFault]:
    """The faults, by record."""
    recalled = _last_entries(AuditTag.TRANSCRIPT_RECALLED)
    approved = {
        str(facts.get("request")): seq for seq, facts in _facts_of(AuditTag.RECALL_APPROVED) if facts.get("request")
    }
    requests: dict[int, list[Any]] = {}
    for row in db.session.execute(
        select(m.RecallRequest.id, m.RecallRequest.transcript_record_id, m.RecallRequest.state).order_by(
            m.RecallRequest.id
        )
    ):
        requests.setdefault(row.transcript_record_id, []).append(row)
        if row.state in (RecallState.APPROVED, RecallState.RECALLED) and str(row.id) not in approved:
            yield RecallFault(
                f"Đề nghị thu hồi số {row.id} mang dấu đã duyệt mà nhật ký không ghi lần duyệt nào: lần duyệt bị làm giả.",
                "recall_request",
                str(row.id),
            )
    records = db.session.execute(
        select(m.TranscriptRecord.id, m.TranscriptRecord.uuid, m.TranscriptRecord.state).order_by(m.TranscriptRecord.id)
    )
    for record in records:
        seq = recalled.get(str(record.id))
        of_record = requests.get(record.id, [])
        words = None
        if record.state == RecordState.RECALLED and seq is None:
            words = "mang dấu đã thu hồi mà nhật ký không ghi lần thu hồi nào: lần thu hồi bị làm giả"
        elif record.state != RecordState.RECALLED and seq is not None:
            words = f"đã thu hồi theo nhật ký dòng {seq} mà cơ sở dữ liệu lại ghi còn hiệu lực: lần thu hồi bị xoá dấu"
        elif (record.state == RecordState.RECALL_REQUESTED) != any(row.state in OPEN_STATES for row in of_record):
            words = "và đề nghị thu hồi của nó không khớp nhau"
        elif any(row.state == RecallState.RECALLED for row in of_record) and record.state != RecordState.RECALLED:
            words = "có đề nghị thu hồi đã xong mà vẫn ghi còn hiệu lực"
        if words is not None:
            yield RecallFault(f"Học bạ {record.uuid} {words}.", "transcript_record", str(record.id), seq)


def _last_entries(tag: AuditTag) -> dict[str, int]:
    rows = db.session.execute(
        select(m.AuditEntry.target_id, m.AuditEntry.seq).where(m.AuditEntry.tag == tag.value).order_by(m.AuditEntry.seq)
    )
    return {row.target_id: row.seq for row in rows}


def _facts_of(tag: AuditTag) -> Iterator[tuple[int, dict[str, Any]]]:
    for row in db.session.execute(
        select(m.AuditEntry.seq, m.AuditEntry.payload).where(m.AuditEntry.tag == tag.value).order_by(m.AuditEntry.seq)
    ):
        try:
            yield row.seq, dict(json.loads(row.payload).get("facts") or {})
        except (ValueError, TypeError, AttributeError):
            continue  # a spoilt entry is told by the chain
