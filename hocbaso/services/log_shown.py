"""Which watched columns people are shown where a change is told, and why the others are not.

Held whole by a test: a new watched column stands in one of the three tables, or the test fails.
"""

from __future__ import annotations

from hocbaso.services import homeroom, student_fields
from hocbaso.services.watched_kinds import WATCHED

SHOWN: dict[str, tuple[str, ...]] = {
    "school": (
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
        "require_second_factor",
        "is_demo",
    ),
    "subject": ("name", "transcript_name", "transcript_order", "kind", "short_name", "sheet_order"),
    "school_year": (
        "label",
        "regulation_version",
        "data_complete_before",
        "sign_grade9_before",
        "sign_others_before",
        "summer_freeze_on",
        "spot_check_percent",
        "class_sheet_signature",
        "starts_on",
        "ends_on",
        "state",
    ),
    "year_turn": ("state", "to_year_id", "note"),
    "semester_window": ("opens_on", "closes_on"),
    "class_group": ("name", "grade_level", "state"),
    "class_subject": ("lessons_per_year",),
    "person": (
        "full_name",
        "staff_code",
        "birth_on",
        "sex",
        "personal_id_number",
        "position_title",
        "subject_group_id",
        "qualification",
        "major",
        "phone",
        "email",
        "joined_on",
        "left_on",
    ),
    "subject_group": ("name",),
    "teaching_assignment": ("starts_on", "ends_on"),
    "homeroom_assignment": ("starts_on", "ends_on"),
    "role_grant": ("role", "scope_kind", "scope_id", "starts_on", "ends_on", "document"),
    "account": ("username", "disabled_at", "mail_declined_at"),
    "board_task_file": ("file_name", "removed_reason"),
    "student": tuple(student_fields.FIELD_WORDS),
    "student_photo": ("digest",),
    "enrollment": ("status", "joined_on", "left_on", "class_place", "first_semester"),
    "movement": (
        "kind",
        "happened_on",
        "school_name",
        "paper_no",
        "paper_on",
        "reason",
        "taken_back_at",
        "taken_back_reason",
    ),
    "inherited_result": ("tenths", "mark", "state", "document", "decision_note"),
    "study_history": ("year_label", "class_name", "school_name", "arrived_on", "struck_at"),
    "exemption": ("state", "reason", "document"),
    "exemption_revocation": ("state", "reason", "decision_note"),
    "score_sheet": ("state",),
    "score_cell": ("value",),
    "blind_check": ("second_tenths", "second_mark", "no_paper", "reason"),
    "homeroom_record": tuple(homeroom.FIELD_WORDS),
    "month_absence": ("sessions",),
    "summer_result": ("tenths", "mark", "conduct", "state", "outcome", "assessed_on", "task", "document", "note"),
    "principal_decision": ("kind", "term", "outcome", "reason", "document"),
    "frozen_result": ("freeze", "revision", "content_digest", "regulation_version"),
    "transcript_record": ("state", "issue_on", "published_at", "recalled_at", "content_digest", "replaces_id"),
    "transcript_signature": ("role", "signer_name", "certificate_id", "signed_at", "level"),
    "document_proof": ("level", "stamped_at", "ends_at"),
    "recall_request": ("state", "reason", "paper", "needs_authority", "decision_note"),
    "recall_list": (
        "number",
        "state",
        "sent_at",
        "sent_note",
        "answered_at",
        "answer_note",
        "principal_certificate_id",
        "seal_certificate_id",
    ),
    "correction_request": ("state", "reason", "paper"),
    "conclusion_case": (
        "state",
        "before_outcome",
        "outcome",
        "choice",
        "paper",
        "until_on",
        "to_class_group_id",
        "settled_note",
    ),
    "certificate": (
        "purpose",
        "approval",
        "bound_roles",
        "retired_at",
        "revoked_at",
        "revoke_reason",
        "person_id",
        "subject_name",
        "issuer_name",
        "serial_number",
        "fingerprint",
        "not_before",
        "not_after",
        "key_kind",
        "is_test",
        "approval_note",
        "renewal_asked_at",
        "renewal_note",
        "image_digest",
    ),
    "trust_root": ("subject_name", "kind", "crl_digest", "removed_at", "fingerprint", "is_test"),
    "instance_key": ("key_id", "valid_from", "valid_until", "retired_at", "withdrawn_at", "withdraw_reason"),
}
"""What people are shown of each watched kind, the weightiest first."""

IDENTITY: dict[str, tuple[str, ...]] = {
    "subject": ("code",),
    "year_turn": ("from_year_id",),
    "semester_window": ("school_year_id", "semester", "grade_level"),
    "class_group": ("school_year_id",),
    "class_subject": ("class_group_id", "subject_id"),
    "teaching_assignment": ("person_id", "class_subject_id"),
    "homeroom_assignment": ("person_id", "class_group_id"),
    "role_grant": ("person_id",),
    "account": ("person_id",),
    "board_task_file": ("board_task_id",),
    "student_photo": ("student_id",),
    "enrollment": ("student_id", "class_group_id"),
    "movement": ("enrollment_id",),
    "inherited_result": ("enrollment_id", "subject_id", "semester"),
    "study_history": ("student_id",),
    "exemption": ("enrollment_id", "subject_id", "semester"),
    "exemption_revocation": ("exemption_id", "enrollment_id"),
    "score_sheet": ("class_subject_id", "semester"),
    "blind_check": ("score_sheet_id", "enrollment_id", "column_key"),
    "homeroom_record": ("enrollment_id",),
    "month_absence": ("enrollment_id", "semester", "month", "kind"),
    "summer_result": ("enrollment_id", "subject_id"),
    "principal_decision": ("enrollment_id",),
    "frozen_result": ("enrollment_id",),
    "transcript_record": ("uuid", "enrollment_id", "frozen_result_id"),
    "transcript_signature": ("transcript_record_id",),
    "document_proof": ("transcript_record_id",),
    "recall_request": ("transcript_record_id", "recall_list_id"),
    "recall_list": ("school_year_id",),
    "correction_request": ("kind", "enrollment_id", "frozen_result_id"),
    "conclusion_case": ("correction_request_id", "enrollment_id"),
}
"""Which row it is. The name above a change says it already, so these are shown only where they became another."""

_ENTRY = "who and when: the entry of the act says it"
_PAPER = "follows from content and signatures, which are shown"
_SECRET = "of a secret: that it was set is told by its act"
_STEP = "a step is written once, and its entry is itself counted and told as an act"
_PLAN = "of the plan of the school, of no result and no power; told by its act"


def _all(kind: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(WATCHED[kind][1], reason)


def _some(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_SHOWN: dict[str, dict[str, str]] = {
    "year_turn": {
        "choices": "where each pupil goes: shown as the enrolments that it makes",
        **_some(_ENTRY, "preparer_name", "decided_by", "decider_name", "prepared_at", "prepared_by", "decided_at"),
    },
    "class_step": _all("class_step", _STEP),
    "sheet_step": _all("sheet_step", _STEP),
    "correction_step": _all("correction_step", _STEP),
    "role_grant": _some(_ENTRY, "granted_by", "granted_at"),
    "account": _some(_SECRET, "password_digest", "second_factor_digest"),
    "reset_request": _all("reset_request", _SECRET),
    "movement": {
        "from_status": "the enrolment's former status, which the enrolment shows",
        **_some(_ENTRY, "recorder_name", "recorded_at", "recorded_by", "taken_back_name", "taken_back_by"),
    },
    "student_photo": _some(_ENTRY, "set_at", "setter_name"),
    "inherited_result": _some(
        _ENTRY, "proposed_by", "proposer_name", "proposed_at", "decided_by", "decider_name", "decided_at"
    ),
    "exemption": _some(_ENTRY, "proposed_by", "proposed_at", "decided_by", "decided_at"),
    "exemption_revocation": _some(
        _ENTRY, "proposed_by", "proposed_at", "proposer_name", "decided_by", "decider_name", "decided_at"
    ),
    "identity_check": _all(
        "identity_check", "what a register elsewhere said of a pupil; what is taken over is the pupil's"
    ),
    "distinct_pair": _all("distinct_pair", "that two profiles are two pupils; changes neither, told by its act"),
    "anomaly_question": _all("anomaly_question", "a question of the machine and its answer, told by their acts"),
    "blind_draw": _all("blind_draw", "a drawn sample, told by its act; what was typed from it is shown"),
    "blind_checker": _all("blind_checker", "who is to type, told by its act; what was typed is shown"),
    "sheet_read_back": _all("sheet_read_back", "that a sheet was read aloud, told by its act; changes no value"),
    "blind_check": {
        "blind_draw_id": "the draw that the cell came from",
        "cell_version": "the cell's version when it was drawn",
        "state": "follows from the two values",
        **_some(_ENTRY, "typed_by", "typed_at", "typed_name", "settled_at", "settled_name"),
    },
    "homeroom_record": _some(_ENTRY, "updated_at", "updated_by"),
    "month_absence": _some(_ENTRY, "updated_at", "updated_by"),
    "summer_result": _some(
        _ENTRY,
        "registrar_name",
        "typed_by",
        "typist_name",
        "decided_by",
        "decider_name",
        "decided_at",
        "updated_at",
        "updated_by",
    ),
    "conclusion_case": _some(
        _ENTRY,
        "decided_at",
        "decided_by",
        "decider_name",
        "since_at",
        "settled_at",
        "settled_by",
        "settler_name",
    ),
    "principal_decision": {
        "basis": "the figures it was decided on, which are shown where they change",
        **_some(_ENTRY, "decided_by", "decided_at"),
    },
    "frozen_result": _some(_ENTRY, "frozen_at", "frozen_by"),
    "transcript_record": {
        **_some(_PAPER, "qr_text", "data_zone_digest", "unsigned_pdf_digest", "pdf_digest", "xml_digest"),
        **_some(_ENTRY, "built_at", "built_by"),
    },
    "transcript_signature": {
        "account_id": _ENTRY,
        **_some(_PAPER, "pdf_digest", "xml_digest"),
        "publish_on_seal": "what the sealing does with the paper: its publication is shown",
    },
    "document_proof": _some(_PAPER, "pdf_digest"),
    "recall_request": {
        "from_state": "the paper's former state, which the paper shows",
        **_some(
            _ENTRY,
            "asked_at",
            "asked_by",
            "asker_name",
            "decided_at",
            "decided_by",
            "decider_name",
            "recalled_at",
        ),
    },
    "recall_list": {
        **_some(_PAPER, "content_digest", "xml_digest", "pdf_digest"),
        **_some(_ENTRY, "made_at", "made_by", "maker_name", "principal_signed_at", "principal_name", "sealed_at"),
    },
    "correction_request": {
        "outcome": "what the correction changed: each value is a row of its own",
        **_some(
            _ENTRY,
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
        ),
    },
    "correction_item": _all("correction_item", "what was asked for; what came of it is the value's own row"),
    "correction_evidence": _all("correction_evidence", "papers put to a request, told by its act"),
    "certificate": {
        "key_place": "where a device or provider keeps the key; its kind is shown",
        **_some(_ENTRY, "registered_at", "registered_by", "approval_at"),
    },
    "trust_root": _some(_ENTRY, "added_at"),
    "instance_key": {"public_key": "the key's id is made from it, and is shown"},
    "instance_key_statement": _all("instance_key_statement", "what the seal said of a key, told by its act"),
    "announcement": _all("announcement", _PLAN),
    "training_session": _all("training_session", _PLAN),
    "training_attendance": _all("training_attendance", _PLAN),
    "board_task": _all("board_task", _PLAN),
    "board_task_file": _some(
        _PLAN, "digest", "media_type", "n_bytes", "added_at", "added_by", "adder_name", "removed_at", "remover_name"
    ),
    "inventory_item": _all("inventory_item", _PLAN),
}
"""Watched columns that a comparison leaves out, and why."""
