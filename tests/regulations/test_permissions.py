"""Powers: what each role may never hold (workflow.md, "People and powers")."""

from __future__ import annotations

import re

import pytest

from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import (
    HOMEROOM_PERMISSIONS,
    LEARNING_DATA,
    ROLE_PERMISSIONS,
    SECOND_FACTOR_ROLES,
    TEACHING_PERMISSIONS,
    Permission,
    Role,
)

P = Permission
ALL = {
    **{role.value: held for role, held in ROLE_PERMISSIONS.items()},
    "teacher": TEACHING_PERMISSIONS,
    "homeroom": HOMEROOM_PERMISSIONS,
}


def holders(permission: Permission) -> set[str]:
    return {name for name, held in ALL.items() if permission in held}


def test_every_role_has_its_powers_and_every_power_a_holder() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert [permission for permission in Permission if not holders(permission)] == []


@pytest.mark.parametrize(
    ("permission", "who"),
    [
        (P.SHEET_ENTER, {"teacher"}),
        (P.SHEET_SUBMIT, {"teacher"}),
        (P.SHEET_APPROVE, {"principal", "delegate"}),
        (P.SHEET_LOCK, {"principal"}),
        (P.SHEET_REVIEW, {"group_head", "vice_principal"}),
        (P.CLASS_FINALISE, {"homeroom"}),
        (P.CLASS_APPROVE, {"principal", "delegate"}),
        (P.TRANSCRIPT_SIGN_HOMEROOM, {"homeroom"}),
        (P.TRANSCRIPT_SIGN_PRINCIPAL, {"principal", "delegate"}),
        (P.TRANSCRIPT_SEAL, {"clerk"}),
        (P.TRANSCRIPT_RECALL, {"principal"}),
        (P.CORRECTION_ASK, {"teacher", "homeroom", "clerk", "principal"}),
        (P.CORRECTION_CONFIRM, {"homeroom"}),
        (P.CORRECTION_DECIDE, {"principal", "vice_principal", "delegate"}),
        (P.BACKUP_MANAGE, {"it_officer"}),
        (P.JOB_RUN, {"it_officer"}),
        (P.ACCOUNT_MANAGE, {"it_officer"}),
        (P.IMPORT_SCORES, {"teacher"}),
    ],
)
def test_grave_powers_have_exactly_these_holders(permission: Permission, who: set[str]) -> None:
    assert holders(permission) == who


def test_who_types_never_reviews_approves_locks_or_signs_by_the_same_assignment() -> None:
    assert not TEACHING_PERMISSIONS & {
        P.SHEET_REVIEW,
        P.SHEET_APPROVE,
        P.SHEET_LOCK,
        P.TRANSCRIPT_SIGN_HOMEROOM,
        P.TRANSCRIPT_SIGN_PRINCIPAL,
        P.TRANSCRIPT_SEAL,
    }
    for role in (Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.GROUP_HEAD, Role.CLERK, Role.DELEGATE, Role.BOARD_MEMBER):
        assert P.SHEET_ENTER not in ROLE_PERMISSIONS[role], role


def test_the_it_officer_holds_nothing_over_learning_data() -> None:
    assert not ROLE_PERMISSIONS[Role.IT_OFFICER] & LEARNING_DATA
    words = (
        "sheet:",
        "class:",
        "transcript:",
        "exemption:",
        "decision:",
        "correction:",
        "import:scores",
        "export:scores",
        "student:edit",
    )
    assert {permission for permission in Permission if permission.value.startswith(words)} <= LEARNING_DATA


def test_the_clerk_seals_and_sees_no_score() -> None:
    assert not ROLE_PERMISSIONS[Role.CLERK] & {
        P.SHEET_READ,
        P.SHEET_ENTER,
        P.EXPORT_SCORES,
        P.IMPORT_SCORES,
        P.TRANSCRIPT_SIGN_HOMEROOM,
        P.TRANSCRIPT_SIGN_PRINCIPAL,
    }


def test_membership_of_the_board_gives_progress_only() -> None:
    assert ROLE_PERMISSIONS[Role.BOARD_MEMBER] == {P.PROGRESS_READ}


def test_who_can_do_harm_signs_in_with_a_second_factor() -> None:
    assert {Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK, Role.IT_OFFICER} == SECOND_FACTOR_ROLES


def test_stored_names_keep_their_grammar_and_stand_once() -> None:
    assert all(re.fullmatch(r"[a-z]+:[a-z_]+", permission.value) for permission in Permission)
    assert all(re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z_]+", tag.value) for tag in AuditTag)
    assert len({tag.value for tag in AuditTag}) == len(list(AuditTag))
