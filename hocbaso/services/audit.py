"""Writing the audit log: one entry per act, in the same transaction as the change it tells of.

The payload's ``state`` holds, for each watched row the act touched, the values it wrote. Replayed, the later over the earlier
(``services/log_reading.py``), they give what each row must be, and so show a value that was changed behind the application's back.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, event, insert, inspect, select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db, in_write_transaction
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
    "subject": (
        m.Subject,
        ("code", "name", "transcript_name", "kind", "transcript_order", "short_name", "sheet_order"),
    ),
    "school_year": (
        m.SchoolYear,
        (
            "label",
            "starts_on",
            "ends_on",
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
    "year_turn": (
        m.YearTurn,
        (
            "from_year_id",
            "to_year_id",
            "state",
            "choices",
            "preparer_name",
            "decided_by",
            "decider_name",
            "note",
            "prepared_at",
            "prepared_by",
            "decided_at",
        ),
    ),
    "semester_window": (m.SemesterWindow, ("school_year_id", "semester", "grade_level", "opens_on", "closes_on")),
    "class_group": (m.ClassGroup, ("school_year_id", "name", "grade_level", "state")),
    "class_step": (
        m.ClassStep,
        ("class_group_id", "verb", "from_state", "to_state", "at", "by_account_id", "by_name", "note"),
    ),
    "class_subject": (m.ClassSubject, ("class_group_id", "subject_id", "lessons_per_year")),
    "person": (
        m.Person,
        (
            "staff_code",
            "full_name",
            "birth_on",
            "personal_id_number",
            "subject_group_id",
            "position_title",
            "left_on",
            "sex",
            "qualification",
            "major",
            "phone",
            "email",
            "joined_on",
        ),
    ),
    "subject_group": (m.SubjectGroup, ("name",)),
    "teaching_assignment": (m.TeachingAssignment, ("person_id", "class_subject_id", "starts_on", "ends_on")),
    "homeroom_assignment": (m.HomeroomAssignment, ("person_id", "class_group_id", "starts_on", "ends_on")),
    "role_grant": (
        m.RoleGrant,
        ("person_id", "role", "scope_kind", "scope_id", "starts_on", "ends_on", "document", "granted_by", "granted_at"),
    ),
    "account": (
        m.Account,
        ("person_id", "username", "disabled_at", "mail_declined_at", "password_digest", "second_factor_digest"),
    ),
    "reset_request": (
        m.ResetRequest,
        ("account_id", "kind", "state", "asked_by", "asker_name", "expires_at", "decided_by", "asked_at", "decided_at"),
    ),
    "student": (m.Student, FIELDS),
    "enrollment": (
        m.Enrollment,
        ("student_id", "class_group_id", "status", "joined_on", "left_on", "class_place", "first_semester"),
    ),
    "movement": (
        m.Movement,
        (
            "enrollment_id",
            "kind",
            "from_status",
            "happened_on",
            "school_name",
            "paper_no",
            "paper_on",
            "reason",
            "recorder_name",
            "taken_back_at",
            "taken_back_name",
            "taken_back_reason",
            "recorded_at",
            "recorded_by",
            "taken_back_by",
        ),
    ),
    "inherited_result": (
        m.InheritedResult,
        (
            "enrollment_id",
            "subject_id",
            "semester",
            "tenths",
            "mark",
            "state",
            "document",
            "proposed_by",
            "proposer_name",
            "decided_by",
            "decider_name",
            "proposed_at",
            "decided_at",
            "decision_note",
        ),
    ),
    "identity_check": (
        m.IdentityCheck,
        (
            "student_id",
            "result",
            "fields",
            "personal_id_number",
            "full_name",
            "birth_on",
            "sex",
            "source",
            "checked_on",
            "recorder_name",
            "recorded_at",
            "recorded_by",
        ),
    ),
    "announcement": (
        m.Announcement,
        (
            "title",
            "body",
            "audience",
            "starts_on",
            "ends_on",
            "poster_name",
            "withdrawn_at",
            "withdrawer_name",
            "posted_at",
            "posted_by",
        ),
    ),
    "training_session": (m.TrainingSession, ("title", "held_on", "organiser", "place")),
    "training_attendance": (m.TrainingAttendance, ("training_session_id", "person_id", "attended")),
    "board_task": (
        m.BoardTask,
        ("school_year_id", "title", "person_id", "due_on", "state", "evidence", "done_at", "done_name"),
    ),
    "student_photo": (m.StudentPhoto, ("student_id", "digest", "set_at", "setter_name")),
    "board_task_file": (
        m.BoardTaskFile,
        (
            "board_task_id",
            "digest",
            "file_name",
            "media_type",
            "n_bytes",
            "added_at",
            "added_by",
            "adder_name",
            "removed_at",
            "remover_name",
            "removed_reason",
        ),
    ),
    "inventory_item": (
        m.InventoryItem,
        ("kind", "name", "n_needed", "n_ready", "note", "checked_on", "checker_name", "dropped"),
    ),
    "distinct_pair": (m.DistinctPair, ("first_id", "second_id", "reason", "settler_name", "settled_at", "settled_by")),
    "study_history": (
        m.StudyHistory,
        ("student_id", "year_label", "class_name", "school_name", "arrived_on", "struck_at"),
    ),
    "exemption": (
        m.Exemption,
        (
            "enrollment_id",
            "subject_id",
            "semester",
            "state",
            "reason",
            "document",
            "proposed_by",
            "proposed_at",
            "decided_by",
            "decided_at",
        ),
    ),
    "exemption_revocation": (
        m.ExemptionRevocation,
        (
            "exemption_id",
            "enrollment_id",
            "state",
            "reason",
            "proposed_by",
            "proposed_at",
            "proposer_name",
            "decided_by",
            "decider_name",
            "decided_at",
            "decision_note",
        ),
    ),
    "score_sheet": (m.ScoreSheet, ("class_subject_id", "semester", "state")),
    "sheet_step": (
        m.SheetStep,
        (
            "score_sheet_id",
            "verb",
            "from_state",
            "to_state",
            "content_version",
            "at",
            "by_account_id",
            "by_name",
            "note",
        ),
    ),
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
    "anomaly_question": (
        m.AnomalyQuestion,
        (
            "score_sheet_id",
            "kind",
            "key",
            "words",
            "outcome",
            "reason",
            "cells",
            "asked_at",
            "answered_at",
            "by_account_id",
            "by_name",
        ),
    ),
    "blind_draw": (m.BlindDraw, ("score_sheet_id", "seed", "percent", "cells", "at")),
    "blind_check": (
        m.BlindCheck,
        (
            "blind_draw_id",
            "score_sheet_id",
            "enrollment_id",
            "column_key",
            "cell_version",
            "state",
            "second_tenths",
            "second_mark",
            "no_paper",
            "reason",
            "typed_by",
            "typed_at",
            "typed_name",
            "settled_at",
            "settled_name",
        ),
    ),
    "blind_checker": (m.BlindChecker, ("score_sheet_id", "person_id", "named_at", "named_by", "named_by_name")),
    "sheet_read_back": (
        m.SheetReadBack,
        (
            "score_sheet_id",
            "reader_id",
            "listener_id",
            "reader_name",
            "listener_name",
            "column_keys",
            "n_cells",
            "content_version",
            "at",
            "by_account_id",
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
            "updated_at",
            "updated_by",
        ),
    ),
    "month_absence": (
        m.MonthAbsence,
        ("enrollment_id", "semester", "month", "kind", "sessions", "updated_at", "updated_by"),
    ),
    "summer_result": (
        m.SummerResult,
        (
            "enrollment_id",
            "subject_id",
            "tenths",
            "mark",
            "conduct",
            "assessed_on",
            "state",
            "outcome",
            "task",
            "document",
            "registrar_name",
            "typed_by",
            "typist_name",
            "decided_by",
            "decider_name",
            "note",
            "updated_at",
            "updated_by",
            "decided_at",
        ),
    ),
    "conclusion_case": (
        m.ConclusionCase,
        (
            "correction_request_id",
            "enrollment_id",
            "before_outcome",
            "outcome",
            "state",
            "choice",
            "paper",
            "until_on",
            "to_class_group_id",
            "decided_at",
            "decided_by",
            "decider_name",
            "since_at",
            "settled_at",
            "settled_by",
            "settler_name",
            "settled_note",
        ),
    ),
    "principal_decision": (
        m.PrincipalDecision,
        ("enrollment_id", "kind", "term", "outcome", "reason", "document", "basis", "decided_by", "decided_at"),
    ),
    "frozen_result": (
        m.FrozenResult,
        ("enrollment_id", "freeze", "revision", "content_digest", "regulation_version", "frozen_at", "frozen_by"),
    ),
    "transcript_record": (
        m.TranscriptRecord,
        (
            "uuid",
            "enrollment_id",
            "frozen_result_id",
            "state",
            "content_digest",
            "qr_text",
            "data_zone_digest",
            "unsigned_pdf_digest",
            "pdf_digest",
            "xml_digest",
            "issue_on",
            "published_at",
            "recalled_at",
            "replaces_id",
            "built_at",
            "built_by",
        ),
    ),
    "recall_request": (
        m.RecallRequest,
        (
            "transcript_record_id",
            "state",
            "from_state",
            "reason",
            "paper",
            "needs_authority",
            "asked_at",
            "asked_by",
            "asker_name",
            "decided_at",
            "decided_by",
            "decider_name",
            "decision_note",
            "recalled_at",
            "recall_list_id",
        ),
    ),
    "recall_list": (
        m.RecallList,
        (
            "school_year_id",
            "number",
            "state",
            "content_digest",
            "xml_digest",
            "pdf_digest",
            "made_at",
            "made_by",
            "principal_certificate_id",
            "principal_signed_at",
            "seal_certificate_id",
            "sealed_at",
            "sent_at",
            "answered_at",
            "answer_note",
            "maker_name",
            "principal_name",
            "sent_note",
        ),
    ),
    "correction_request": (
        m.CorrectionRequest,
        (
            "kind",
            "enrollment_id",
            "state",
            "reason",
            "paper",
            "asked_at",
            "asked_by",
            "asker_name",
            "asked_by_principal",
            "confirmed_at",
            "confirmed_by",
            "confirmer_name",
            "decided_at",
            "decided_by",
            "decider_name",
            "outcome",
            "frozen_result_id",
        ),
    ),
    "correction_item": (
        m.CorrectionItem,
        (
            "correction_request_id",
            "score_sheet_id",
            "column_key",
            "field",
            "seen_version",
            "old_tenths",
            "old_mark",
            "old_remark",
            "old_origin",
            "new_tenths",
            "new_mark",
            "new_remark",
            "new_origin",
            "old_text",
            "new_text",
        ),
    ),
    "correction_evidence": (
        m.CorrectionEvidence,
        ("correction_request_id", "digest", "file_name", "media_type", "n_bytes", "added_by", "added_at"),
    ),
    "correction_step": (
        m.CorrectionStep,
        ("correction_request_id", "verb", "from_state", "to_state", "note", "at", "by_account_id", "by_name"),
    ),
    "transcript_signature": (
        m.TranscriptSignature,
        (
            "transcript_record_id",
            "role",
            "certificate_id",
            "account_id",
            "signer_name",
            "signed_at",
            "level",
            "pdf_digest",
            "xml_digest",
            "publish_on_seal",
        ),
    ),
    "document_proof": (
        m.DocumentProof,
        ("transcript_record_id", "pdf_digest", "level", "stamped_at", "ends_at"),
    ),
    "certificate": (
        m.Certificate,
        (
            "purpose",
            "person_id",
            "fingerprint",
            "retired_at",
            "key_kind",
            "key_place",
            "bound_roles",
            "approval",
            "renewal_asked_at",
            "revoked_at",
            "image_digest",
            "subject_name",
            "issuer_name",
            "serial_number",
            "not_before",
            "not_after",
            "is_test",
            "registered_at",
            "registered_by",
            "approval_at",
            "approval_note",
            "renewal_note",
            "revoke_reason",
        ),
    ),
    "trust_root": (m.TrustRoot, ("fingerprint", "removed_at", "kind", "subject_name", "is_test", "added_at")),
    "instance_key": (
        m.InstanceKey,
        ("key_id", "public_key", "valid_from", "valid_until", "retired_at", "withdrawn_at", "withdraw_reason"),
    ),
    "instance_key_statement": (
        m.InstanceKeyStatement,
        ("instance_key_id", "kind", "certificate_id", "document", "signed_at"),
    ),
}
"""Rows whose present values must equal what their last entry says: kind -> (model, columns). A column that is added to a kind
of which rows stand in schools already belongs into ``ADDED_LATER`` or ``EMPTY_UNTIL_TOLD`` as well.
"""

_DIGESTED = {("account", "password_digest"): "password_hash", ("account", "second_factor_digest"): "totp_secret"}
"""Watched values that are secret: the log keeps the SHA-256 of the stored column in their place, never the column."""


def plain(value: Any) -> Any:
    """A column value as it stands in a payload: dates and instants as ISO text, enums as their value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _digest(stored: Any) -> str | None:
    return None if stored is None else hashlib.sha256(str(stored).encode("utf-8")).hexdigest()


@cache
def watched_columns(kind: str) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    """(watched name, column of the table, how its value is written into a payload) for each watched value of a kind."""
    return tuple(
        (name, secret, _digest) if (secret := _DIGESTED.get((kind, name))) else (name, name, plain)
        for name in WATCHED[kind][1]
    )


def state_of(kind: str, row: Any) -> dict[str, Any]:
    """The watched values of a row or mapping, ready for a payload."""
    if isinstance(row, Mapping):
        return {name: written(row[column]) for name, column, written in watched_columns(kind)}
    return {name: written(getattr(row, column)) for name, column, written in watched_columns(kind)}


def same(present: Any, written: Any) -> bool:
    """Whether a present watched value is the written one (the log keeps texts in NFC)."""
    if isinstance(present, str) and isinstance(written, str) and present != written:
        return unicodedata.normalize("NFC", present) == written
    return bool(present == written)


_NOTED = "hocbaso_changed_columns"


@event.listens_for(Session, "before_flush")
def _note_changes(session: Session, _context: object, _instances: object) -> None:
    noted: dict[Any, set[str] | None] = session.info.setdefault(_NOTED, {})
    for row in session.new:
        noted[row] = None
    for row in session.dirty:
        columns = noted.setdefault(row, set())
        if columns is not None:
            seen = inspect(row)
            columns |= {one.key for one in seen.mapper.column_attrs if seen.attrs[one.key].history.has_changes()}


@event.listens_for(Session, "after_transaction_end")
def _forget_changes(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_NOTED, None)


ADDED_LATER: dict[str, frozenset[str]] = {
    "account": frozenset({"password_digest", "second_factor_digest"}),
    "announcement": frozenset({"posted_at", "posted_by"}),
    "anomaly_question": frozenset({"answered_at", "asked_at", "by_account_id", "by_name", "cells"}),
    "blind_check": frozenset({"settled_at", "settled_name", "typed_at", "typed_name"}),
    "blind_checker": frozenset({"named_at", "named_by", "named_by_name"}),
    "blind_draw": frozenset({"at"}),
    "certificate": frozenset(
        {
            "approval",
            "approval_at",
            "approval_note",
            "bound_roles",
            "image_digest",
            "is_test",
            "issuer_name",
            "key_kind",
            "key_place",
            "not_after",
            "not_before",
            "registered_at",
            "registered_by",
            "renewal_asked_at",
            "renewal_note",
            "revoke_reason",
            "revoked_at",
            "serial_number",
            "subject_name",
        }
    ),
    "class_step": frozenset({"note"}),
    "correction_evidence": frozenset({"added_at"}),
    "distinct_pair": frozenset({"settled_at", "settled_by"}),
    "enrollment": frozenset({"class_place", "first_semester"}),
    "exemption": frozenset({"decided_at", "decided_by", "document", "proposed_at", "proposed_by", "reason"}),
    "frozen_result": frozenset({"frozen_at", "frozen_by", "regulation_version"}),
    "homeroom_record": frozenset({"updated_at", "updated_by"}),
    "identity_check": frozenset({"recorded_at", "recorded_by"}),
    "inherited_result": frozenset({"decided_at", "decision_note", "proposed_at"}),
    "movement": frozenset({"recorded_at", "recorded_by", "taken_back_by"}),
    "person": frozenset({"email", "joined_on", "major", "phone", "qualification", "sex"}),
    "principal_decision": frozenset({"basis", "decided_at", "decided_by"}),
    "recall_list": frozenset({"maker_name", "principal_name", "sent_note"}),
    "reset_request": frozenset({"asked_at", "decided_at"}),
    "role_grant": frozenset({"document", "granted_at", "granted_by"}),
    "sheet_read_back": frozenset({"by_account_id"}),
    "sheet_step": frozenset({"note"}),
    "subject": frozenset({"sheet_order", "short_name"}),
    "summer_result": frozenset({"decided_at", "updated_at", "updated_by"}),
    "transcript_record": frozenset({"built_at", "built_by", "published_at", "qr_text", "recalled_at", "replaces_id"}),
    "transcript_signature": frozenset({"publish_on_seal"}),
    "trust_root": frozenset({"added_at", "is_test", "kind", "subject_name"}),
    "year_turn": frozenset({"decided_at", "prepared_at", "prepared_by"}),
}
"""Columns that came to be watched after rows had been written: an entry that does not name one says nothing about it."""

EMPTY_UNTIL_TOLD: dict[str, frozenset[str]] = {
    "account": frozenset({"mail_declined_at"}),
    "board_task_file": frozenset({"added_by", "removed_at", "remover_name", "removed_reason"}),
}
"""Columns that a migration added without a value and that nothing fills without an entry: an entry that does not name one says it is empty."""


def differing(kind: str, present: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """The watched columns in which a row (as :func:`state_of` has it) is not what the log says.

    A column that no entry tells is one of them: whatever tells of a row's birth tells all of it.
    """
    later, empty = ADDED_LATER.get(kind, frozenset()), EMPTY_UNTIL_TOLD.get(kind, frozenset())
    return [
        name
        for name, value in present.items()
        if (
            not same(value, told[name]) if name in told else (value is not None if name in empty else name not in later)
        )
    ]


def states(
    kind: str, rows: Iterable[Any], *, secrets: Iterable[str] = (), columns: Iterable[str] = ()
) -> dict[str, dict[str, dict[str, Any]]]:
    """``{kind: {id: values}}`` for :func:`record`'s ``state``: of each ORM row what this transaction wrote into it.

    A new row is told whole. Of another only the columns that changed since they were read are told: an entry that told the whole
    row would vouch for whatever another program had put beside them. ``columns`` names those written by an UPDATE
    statement, which the session does not see.

    Digests stand only in the entry of the act that set the secret (``secrets`` names them), for the same reason.
    """
    session: Session = db.session()
    session.flush()
    noted: dict[Any, set[str] | None] = session.info.get(_NOTED, {})
    stated, secret = set(columns), set(secrets)
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        written = noted.get(row, set())
        values = {
            name: value
            for name, value in state_of(kind, row).items()
            if (name in secret if (kind, name) in _DIGESTED else written is None or name in written or name in stated)
        }
        if values:
            told[str(row.id)] = values
    return {kind: told} if told else {}


def merge_states(*parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Several ``state`` mappings as one."""
    merged: dict[str, dict[str, Any]] = {}
    for part in parts:
        for kind, rows in part.items():
            merged.setdefault(kind, {}).update(rows)
    return merged


# On the table and not the class: every saved score waits for these two, and the mapper's share was half of their time.
_ENTRY = cast(Table, m.AuditEntry.__table__)
_LAST = select(_ENTRY.c.seq, _ENTRY.c.hash).order_by(_ENTRY.c.seq.desc()).limit(1)
_APPEND = insert(_ENTRY)


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
    link = session.connection()
    last = link.execute(_LAST).first()
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
    link.execute(_APPEND, values)
    return seq


def payload_of(entry: m.AuditEntry) -> dict[str, Any]:
    """The payload of an entry as a mapping."""
    loaded: dict[str, Any] = json.loads(entry.payload)
    return loaded
