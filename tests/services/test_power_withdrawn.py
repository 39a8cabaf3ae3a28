"""A batch lasts minutes: whoever loses the power or the certificate meanwhile signs nothing more, and nothing is half done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    accounts,
    audit_verify,
    certificate_standing,
    certificates,
    role_grants,
    roster,
    signing,
    test_school_keys,
    transcript_building,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_signing import outcomes
from tests.services.test_transcripts import records

LATER = NOW + timedelta(hours=2)


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Does it after the first item, then nothing."""
    todo = [act]

    def after_item() -> None:
        if todo:
            todo.pop()()

    return after_item


def disable(cast: Cast) -> None:
    accounts.disable(cast.actor("it_officer"), cast.accounts["math"], LATER)


def give_away(cast: Cast) -> None:
    roster.assign_homeroom(SYSTEM, cast.classes["9A"], cast.people["outsider"], NOW, starts_on=NOW.date())


def revoke(cast: Cast) -> None:
    row = certificates.current_certificate(cast.people["math"])
    assert row is not None
    certificate_standing.revoke(cast.actor("math"), row.id, "Mất máy", LATER)


def unbind(cast: Cast) -> None:
    row = certificates.current_certificate(cast.people["math"])
    assert row is not None
    certificate_standing.bind_roles(cast.actor("it_officer"), row.id, ["principal"], LATER)


def leave(cast: Cast) -> None:
    """As another program would: the last day is over and every row stands."""
    with write_transaction() as session:
        person = session.get(m.Person, cast.people["math"])
        assert person is not None
        person.left_on = date(2027, 5, 11)


@pytest.mark.parametrize(
    ("withdraw", "words"),
    [
        (disable, "không còn quyền"),
        (give_away, "không còn quyền"),
        (leave, "không còn quyền"),
        (revoke, "đã bị thu hồi"),
        (unbind, "không được gắn"),
    ],
)
def test_the_rest_of_a_batch_fails_once_power_or_certificate_is_gone(
    built: Cast, withdraw: Callable[[Cast], None], words: str
) -> None:
    before = {row.id: (row.pdf_digest, row.xml_digest, row.version) for row in records()}
    batch = signing.sign_class(
        built.actor("math"),
        built.classes["9A"],
        "homeroom",
        test_school_keys.DEMO_PIN,
        LATER,
        on_item=once(lambda: withdraw(built)),
    )
    assert sorted(outcomes(batch)) == ["done", "failed", "failed"], [item.reason for item in batch.items]
    assert all(words in (item.reason or "") for item in batch.items if item.outcome == "failed")
    assert batch.state == "DONE"
    signed = set(db.session.scalars(select(m.TranscriptSignature.transcript_record_id)))
    assert len(signed) == 1
    for row in records():
        if row.id in signed:
            assert row.state == "HOMEROOM_SIGNED"
        else:
            assert row.state == "CREATED"
            assert (row.pdf_digest, row.xml_digest, row.version) == before[row.id]
    assert db.session.query(m.StoredDocument).where(m.StoredDocument.kind == "signed_pdf_homeroom").count() == 1
    if withdraw is not leave:
        assert audit_verify.verify().faults == []


def test_a_delegation_that_ends_while_its_holder_signs_ends_the_batch(approved: Cast) -> None:
    principal, deputy = approved.actor("principal"), approved.people["vice_principal"]
    grant = role_grants.grant_role(
        principal, deputy, Role.DELEGATE, NOW, ends_on=date(2027, 6, 30), document="12/GUQ-THCS"
    )
    class_id, pin = approved.classes["9A"], test_school_keys.DEMO_PIN
    transcript_building.build_class(approved.actor("clerk"), class_id, NOW, deputy_person_id=deputy)
    signing.sign_class(approved.actor("math"), class_id, "homeroom", pin, NOW + timedelta(hours=1))
    batch = signing.sign_class(
        approved.actor("vice_principal"),
        class_id,
        "principal",
        pin,
        LATER,
        on_item=once(lambda: role_grants.end_role(principal, grant.id, LATER)),
    )
    assert sorted(outcomes(batch)) == ["done", "failed", "failed"], [item.reason for item in batch.items]
    assert sorted(row.state for row in records()) == ["HOMEROOM_SIGNED", "HOMEROOM_SIGNED", "PRINCIPAL_SIGNED"]


def test_building_stops_too_for_whoever_may_no_longer_build(approved: Cast) -> None:
    clerk = approved.actor("clerk")
    grant = db.session.scalars(select(m.RoleGrant.id).where(m.RoleGrant.person_id == approved.people["clerk"])).one()
    batch = transcript_building.build_class(
        clerk,
        approved.classes["9A"],
        NOW,
        on_item=once(lambda: role_grants.end_role(approved.actor("principal"), grant, NOW)),
    )
    assert sorted(outcomes(batch)) == ["done", "failed", "failed"], [item.reason for item in batch.items]
    assert len(records()) == 1
