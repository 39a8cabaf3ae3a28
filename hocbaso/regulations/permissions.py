"""What an account may do at all; where it may do it comes from its assignments (``services/access.py``).

Grammar of the stored names: ``<noun>:<verb>``. They are written into audit entries, so they live for ever.
Nothing here gives the IT officer a path to a score, a remark or a transcript (QĐ 1789 Đ.5.3.c; workflow "never").
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One power. The powers of a person are the union over their roles and assignments, read at each request."""

    SHEET_ENTER = "sheet:enter"
    SHEET_SUBMIT = "sheet:submit"
    SHEET_READ = "sheet:read"
    SHEET_REVIEW = "sheet:review"
    SHEET_APPROVE = "sheet:approve"
    SHEET_LOCK = "sheet:lock"
    CLASS_READ = "class:read"
    CLASS_KEEP = "class:keep"
    CLASS_FINALISE = "class:finalise"
    CLASS_APPROVE = "class:approve"
    STUDENT_READ = "student:read"
    STUDENT_EDIT = "student:edit"
    EXEMPTION_PROPOSE = "exemption:propose"
    EXEMPTION_DECIDE = "exemption:decide"
    EXEMPTION_REVOKE = "exemption:revoke"
    INHERITED_DECIDE = "inherited:decide"
    DECISION_RECORD = "decision:record"
    CORRECTION_READ = "correction:read"
    CORRECTION_ASK = "correction:ask"
    CORRECTION_CONFIRM = "correction:confirm"
    CORRECTION_DECIDE = "correction:decide"
    TRANSCRIPT_READ = "transcript:read"
    TRANSCRIPT_BUILD = "transcript:build"
    TRANSCRIPT_SIGN_HOMEROOM = "transcript:sign_homeroom"
    TRANSCRIPT_SIGN_PRINCIPAL = "transcript:sign_principal"
    TRANSCRIPT_SEAL = "transcript:seal"
    TRANSCRIPT_PUBLISH = "transcript:publish"
    TRANSCRIPT_RECALL = "transcript:recall"
    TRANSCRIPT_ASK_RECALL = "transcript:ask_recall"
    IMPORT_ROSTER = "import:roster"
    IMPORT_SCORES = "import:scores"
    EXPORT_SCORES = "export:scores"
    EXPORT_STUDENTS = "export:students"
    STAFF_READ = "staff:read"
    STAFF_EDIT = "staff:edit"
    ASSIGNMENT_EDIT = "assignment:edit"
    ACCOUNT_MANAGE = "account:manage"
    RESET_CONSENT = "account:consent"
    ROLE_GRANT = "role:grant"
    CERTIFICATE_MANAGE = "certificate:manage"
    CERTIFICATE_OWN = "certificate:own"
    JOB_RUN = "job:run"
    BACKUP_MANAGE = "backup:manage"
    HEALTH_READ = "health:read"
    AUDIT_READ = "audit:read"
    YEAR_EDIT = "year:edit"
    PROGRESS_READ = "progress:read"
    REHEARSE = "signing:rehearse"
    HELP_ANSWER = "help:answer"
    ANNOUNCE = "announcement:post"
    ANNOUNCE_PUBLICLY = "announcement:publish"
    TRAINING_KEEP = "training:keep"
    PLAN_ASSIGN = "plan:assign"
    INVENTORY_KEEP = "inventory:keep"


class Role(StrEnum):
    """Roles that are granted by name. Teachers need none: their powers are their assignments."""

    PRINCIPAL = "principal"
    VICE_PRINCIPAL = "vice_principal"
    CLERK = "clerk"
    IT_OFFICER = "it_officer"
    GROUP_HEAD = "group_head"
    BOARD_MEMBER = "board_member"
    DELEGATE = "delegate"


class GrantScope(StrEnum):
    """How far a grant reaches."""

    SCHOOL = "school"
    SUBJECT_GROUP = "subject_group"
    GRADE_LEVEL = "grade_level"
    CLASS_GROUP = "class_group"


_P = Permission

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.PRINCIPAL: frozenset(
        {
            _P.SHEET_READ,
            _P.SHEET_APPROVE,
            _P.SHEET_LOCK,
            _P.CLASS_READ,
            _P.CLASS_APPROVE,
            _P.STUDENT_READ,
            _P.EXEMPTION_DECIDE,
            _P.INHERITED_DECIDE,
            _P.DECISION_RECORD,
            _P.CORRECTION_READ,
            _P.CORRECTION_ASK,
            _P.CORRECTION_DECIDE,
            _P.TRANSCRIPT_READ,
            _P.TRANSCRIPT_BUILD,
            _P.TRANSCRIPT_SIGN_PRINCIPAL,
            _P.TRANSCRIPT_PUBLISH,
            _P.TRANSCRIPT_RECALL,
            _P.TRANSCRIPT_ASK_RECALL,
            _P.EXPORT_SCORES,
            _P.EXPORT_STUDENTS,
            _P.STAFF_READ,
            _P.ASSIGNMENT_EDIT,
            _P.ROLE_GRANT,
            _P.RESET_CONSENT,
            _P.CERTIFICATE_OWN,
            _P.AUDIT_READ,
            _P.YEAR_EDIT,
            _P.PROGRESS_READ,
            _P.HEALTH_READ,
            _P.REHEARSE,
            _P.ANNOUNCE,
            _P.ANNOUNCE_PUBLICLY,
            _P.TRAINING_KEEP,
            _P.PLAN_ASSIGN,
        }
    ),
    # Reads the whole school and reviews where a group has no head; approves only through a DELEGATE grant, and decides the
    # corrections that the principal asks for, and what a principal who keeps a class proposes of it.
    Role.VICE_PRINCIPAL: frozenset(
        {
            _P.SHEET_READ,
            _P.SHEET_REVIEW,
            _P.CLASS_READ,
            _P.EXEMPTION_DECIDE,
            _P.INHERITED_DECIDE,
            _P.CORRECTION_READ,
            _P.CORRECTION_DECIDE,
            _P.STUDENT_READ,
            _P.TRANSCRIPT_READ,
            _P.STAFF_READ,
            _P.EXPORT_SCORES,
            _P.EXPORT_STUDENTS,
            _P.RESET_CONSENT,
            _P.CERTIFICATE_OWN,
            _P.AUDIT_READ,
            _P.PROGRESS_READ,
            _P.REHEARSE,
            _P.ANNOUNCE,
            _P.TRAINING_KEEP,
            _P.PLAN_ASSIGN,
        }
    ),
    Role.DELEGATE: frozenset(
        {
            _P.SHEET_READ,
            _P.SHEET_APPROVE,
            _P.CLASS_READ,
            _P.CLASS_APPROVE,
            _P.CORRECTION_READ,
            _P.CORRECTION_DECIDE,
            _P.TRANSCRIPT_READ,
            _P.TRANSCRIPT_SIGN_PRINCIPAL,
            _P.TRANSCRIPT_PUBLISH,
            _P.CERTIFICATE_OWN,
        }
    ),
    Role.CLERK: frozenset(
        {
            _P.STUDENT_READ,
            _P.STUDENT_EDIT,
            _P.EXEMPTION_REVOKE,
            _P.CORRECTION_READ,
            _P.CORRECTION_ASK,
            _P.TRANSCRIPT_READ,
            _P.TRANSCRIPT_BUILD,
            _P.TRANSCRIPT_SEAL,
            _P.TRANSCRIPT_ASK_RECALL,
            _P.IMPORT_ROSTER,
            _P.EXPORT_STUDENTS,
            _P.STAFF_READ,
            _P.STAFF_EDIT,
            _P.ASSIGNMENT_EDIT,
            _P.RESET_CONSENT,
            _P.CERTIFICATE_OWN,
            _P.PROGRESS_READ,
            _P.REHEARSE,
            _P.ANNOUNCE,
            _P.TRAINING_KEEP,
            _P.INVENTORY_KEEP,
        }
    ),
    Role.IT_OFFICER: frozenset(
        {
            _P.ACCOUNT_MANAGE,
            _P.CERTIFICATE_MANAGE,
            _P.JOB_RUN,
            _P.BACKUP_MANAGE,
            _P.HEALTH_READ,
            _P.REHEARSE,
            _P.HELP_ANSWER,
            _P.INVENTORY_KEEP,
        }
    ),
    Role.GROUP_HEAD: frozenset({_P.SHEET_READ, _P.SHEET_REVIEW, _P.PROGRESS_READ}),
    Role.BOARD_MEMBER: frozenset({_P.PROGRESS_READ}),
}

TEACHING_PERMISSIONS = frozenset(
    {
        _P.SHEET_READ,
        _P.SHEET_ENTER,
        _P.SHEET_SUBMIT,
        _P.CORRECTION_READ,
        _P.CORRECTION_ASK,
        _P.IMPORT_SCORES,
        _P.EXPORT_SCORES,
    }
)
"""Powers over exactly the sheets of one's teaching assignments."""

HOMEROOM_PERMISSIONS = frozenset(
    {
        _P.CLASS_READ,
        _P.CLASS_KEEP,
        _P.CLASS_FINALISE,
        _P.SHEET_READ,
        _P.STUDENT_READ,
        _P.STUDENT_EDIT,
        _P.EXEMPTION_PROPOSE,
        _P.EXEMPTION_REVOKE,
        _P.CORRECTION_READ,
        _P.CORRECTION_ASK,
        _P.CORRECTION_CONFIRM,
        _P.TRANSCRIPT_READ,
        _P.TRANSCRIPT_BUILD,
        _P.TRANSCRIPT_SIGN_HOMEROOM,
        _P.TRANSCRIPT_ASK_RECALL,
        _P.CERTIFICATE_OWN,
        _P.EXPORT_STUDENTS,
    }
)
"""Powers over exactly one's homeroom class."""

LEARNING_DATA = frozenset(
    {
        _P.SHEET_ENTER,
        _P.SHEET_SUBMIT,
        _P.SHEET_READ,
        _P.SHEET_REVIEW,
        _P.SHEET_APPROVE,
        _P.SHEET_LOCK,
        _P.CLASS_READ,
        _P.CLASS_KEEP,
        _P.CLASS_FINALISE,
        _P.CLASS_APPROVE,
        _P.TRANSCRIPT_READ,
        _P.TRANSCRIPT_BUILD,
        _P.TRANSCRIPT_SIGN_HOMEROOM,
        _P.TRANSCRIPT_SIGN_PRINCIPAL,
        _P.TRANSCRIPT_SEAL,
        _P.TRANSCRIPT_PUBLISH,
        _P.TRANSCRIPT_RECALL,
        _P.TRANSCRIPT_ASK_RECALL,
        _P.IMPORT_SCORES,
        _P.EXPORT_SCORES,
        _P.EXEMPTION_PROPOSE,
        _P.EXEMPTION_DECIDE,
        _P.EXEMPTION_REVOKE,
        _P.INHERITED_DECIDE,
        _P.DECISION_RECORD,
        _P.CORRECTION_READ,
        _P.CORRECTION_ASK,
        _P.CORRECTION_CONFIRM,
        _P.CORRECTION_DECIDE,
        _P.STUDENT_EDIT,
    }
)
"""What the IT role must never hold, by any route: an account with the IT role is refused them even when granted."""

KEY_HOLDERS = frozenset({Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK, Role.IT_OFFICER})
"""Whose account opens more than their own work: the IT officer alone does not reset it (docs/decisions/0010)."""

SECOND_FACTOR_ROLES = frozenset({Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK, Role.IT_OFFICER})
"""Who signs in with a second factor (workflow, Accounts)."""
