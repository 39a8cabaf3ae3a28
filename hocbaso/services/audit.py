"""Writing the audit log: one entry per act, in the same transaction as the change it tells of.

The payload's ``state`` holds, for each watched row the act touched, its values after the act. The verifier replays
them and so finds a value that was changed behind the application's back (``services/audit_verify.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import advisory_chain_lock, db, in_write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, canonical_json, row_hash
from hocbaso.services.access import Actor
from hocbaso.services.student_fields import FIELDS

WATCHED: dict[str, tuple[type, tuple[str, ...]]] = {
    "school": (
        m.School,
        (
            "name",
            "code",
            "department_code",
            "department_name",
            "commune",
            "commune_kind",
            "province",
            "province_kind",
            "place_name",
            "lookup_url",
            "is_demo",
            "require_second_factor",
        ),
    ),
    "subject": (m.Subject, ("code", "name", "transcript_name", "kind", "transcript_order")),
    "school_year": (
        m.SchoolYear,
        (
            "label",
            "regulation_version",
            "state",
            "data_complete_before",
            "sign_grade9_before",
            "sign_others_before",
            "summer_freeze_on",
            "spot_check_percent",
            "class_sheet_signature",
        ),
    ),
    "class_group": (m.ClassGroup, ("school_year_id", "name", "grade_level", "state")),
    "class_subject": (m.ClassSubject, ("class_group_id", "subject_id", "lessons_per_year")),
    "person": (
        m.Person,
        ("staff_code", "full_name", "birth_on", "personal_id_number", "subject_group_id", "position_title", "left_on"),
    ),
    "teaching_assignment": (m.TeachingAssignment, ("person_id", "class_subject_id", "starts_on", "ends_on")),
    "homeroom_assignment": (m.HomeroomAssignment, ("person_id", "class_group_id", "starts_on", "ends_on")),
    "role_grant": (m.RoleGrant, ("person_id", "role", "scope_kind", "scope_id", "starts_on", "ends_on")),
    "account": (m.Account, ("person_id", "username", "disabled_at")),
    "student": (m.Student, FIELDS),
    "enrollment": (m.Enrollment, ("student_id", "class_group_id", "status", "joined_on", "left_on")),
    "exemption": (m.Exemption, ("enrollment_id", "subject_id", "semester", "state")),
    "score_sheet": (m.ScoreSheet, ("class_subject_id", "semester", "state")),
    "score_cell": (
        m.ScoreCell,
        (
            "score_sheet_id",
            "enrollment_id",
            "column_key",
            "tenths",
            "mark",
            "remark",
            "origin",
            "makeup_due_on",
            "version",
        ),
    ),
    "homeroom_record": (
        m.HomeroomRecord,
        (
            "enrollment_id",
            "conduct_1",
            "conduct_2",
            "absences_excused_1",
            "absences_unexcused_1",
            "absences_excused_2",
            "absences_unexcused_2",
            "remark",
            "award_extra",
            "competitions",
            "certificates",
            "certificates_grade",
        ),
    ),
    "summer_result": (m.SummerResult, ("enrollment_id", "subject_id", "tenths", "mark", "conduct")),
    "principal_decision": (m.PrincipalDecision, ("enrollment_id", "kind", "term", "outcome")),
    "frozen_result": (m.FrozenResult, ("enrollment_id", "freeze", "revision", "content_digest")),
    "transcript_record": (
        m.TranscriptRecord,
        (
            "uuid",
            "enrollment_id",
            "frozen_result_id",
            "state",
            "content_digest",
            "data_zone_digest",
            "unsigned_pdf_digest",
            "pdf_digest",
            "xml_digest",
            "issue_on",
        ),
    ),
    "transcript_signature": (
        m.TranscriptSignature,
        ("transcript_record_id", "role", "certificate_id", "pdf_digest", "xml_digest"),
    ),
    "certificate": (m.Certificate, ("purpose", "person_id", "fingerprint", "retired_at")),
    "trust_root": (m.TrustRoot, ("fingerprint", "removed_at")),
}
"""Rows whose present values must equal what their last entry says: kind -> (model, columns)."""


def plain(value: Any) -> Any:
    """A column value as it stands in a payload: dates and instants as ISO text, enums as their value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def state_of(kind: str, row: Any) -> dict[str, Any]:
    """The watched values of a row or mapping, ready for a payload."""
    columns = WATCHED[kind][1]
    if isinstance(row, Mapping):
        return {column: plain(row[column]) for column in columns}
    return {column: plain(getattr(row, column)) for column in columns}


def states(kind: str, rows: Iterable[Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """``{kind: {id: values}}`` of ORM rows that have been flushed, for :func:`record`'s ``state``."""
    return {kind: {str(row.id): state_of(kind, row) for row in rows}}


def merge_states(*parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Several ``state`` mappings as one."""
    merged: dict[str, dict[str, Any]] = {}
    for part in parts:
        for kind, rows in part.items():
            merged.setdefault(kind, {}).update(rows)
    return merged


def record(
    tag: AuditTag,
    actor: Actor,
    now: datetime,
    *,
    target_kind: str,
    target_id: object,
    state: dict[str, dict[str, Any]] | None = None,
    before: dict[str, Any] | None = None,
    note: str | None = None,
    facts: dict[str, Any] | None = None,
) -> int:
    """Append one entry to the chain and return its ``seq``.

    ``state``: values after the act per watched kind and id (see :func:`states`); ``before``: the values that
    changed, as they were; ``note``: what the person wrote; ``facts``: anything else an inspector should read.
    Raises RuntimeError outside :func:`hocbaso.db.write_transaction`: an entry must stand or fall with its change.
    """
    if not in_write_transaction():
        raise RuntimeError("an audit entry outside write_transaction()")
    session: Session = db.session()
    session.flush()
    advisory_chain_lock(session)
    last = session.execute(
        select(m.AuditEntry.seq, m.AuditEntry.hash).order_by(m.AuditEntry.seq.desc()).limit(1)
    ).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    payload: dict[str, Any] = {}
    if state:
        payload["state"] = state
    if before:
        payload["before"] = {key: plain(value) for key, value in before.items()}
    if note:
        payload["note"] = note
    if facts:
        payload["facts"] = facts
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    text = canonical_json(payload)
    values = {
        "seq": seq,
        "at": at,
        "tag": tag.value,
        "actor_id": actor.account_id,
        "actor_name": actor.name,
        "target_kind": target_kind,
        "target_id": str(target_id),
        "payload": text,
        "prev_hash": prev_hash,
    }
    values["hash"] = row_hash(**values)  # type: ignore[arg-type]
    session.execute(insert(m.AuditEntry), [values])
    return seq


def payload_of(entry: m.AuditEntry) -> dict[str, Any]:
    """The payload of an entry as a mapping."""
    loaded: dict[str, Any] = json.loads(entry.payload)
    return loaded
