"""Who puts sealed records before the public: the principal, by an order given with the signature or by hand."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import audit_verify, dashboard, roster, signing, test_school_keys, transcript_moves
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)

SIGNERS = {"homeroom": "math", "principal": "principal", "seal": "clerk"}


def sign(cast: Cast, *roles: str, order: bool = True) -> list[m.SigningBatchItem]:
    items: list[m.SigningBatchItem] = []
    for role in roles:
        at = NOW + timedelta(hours=list(SIGNERS).index(role) + 1)
        batch = signing.sign_class(
            cast.actor(SIGNERS[role]),
            cast.classes["9A"],
            role,
            test_school_keys.DEMO_PIN,
            at,
            publish_on_seal=order,
        )
        items = batch.items
    return items


def states() -> list[str]:
    return list(db.session.scalars(select(m.TranscriptRecord.state)))


def log_of(record_id: int) -> list[m.AuditEntry]:
    return list(
        db.session.scalars(
            select(m.AuditEntry)
            .where(m.AuditEntry.target_kind == "transcript_record", m.AuditEntry.target_id == str(record_id))
            .order_by(m.AuditEntry.seq)
        )
    )


def titles(cast: Cast, person: str) -> list[str]:
    view = dashboard.daily(cast.actor(person), NOW)
    return [item.title for item in (*view.odd, *view.plain)]


def test_with_the_order_the_seal_publishes_as_a_step_and_an_entry_of_its_own(built: Cast) -> None:
    sign(built, "homeroom", "principal", "seal")
    assert states() == ["PUBLISHED"] * 3
    record = db.session.scalars(select(m.TranscriptRecord)).first()
    sealed, published = log_of(record.id)[-2:]
    assert (sealed.tag, published.tag) == ("transcript:record:issued", "transcript:record:published")
    assert published.seq == sealed.seq + 1 and published.actor_name == "Lương Thị Thoa"
    assert json.loads(sealed.payload)["state"]["transcript_record"][str(record.id)]["state"] == "ISSUED"
    note = json.loads(published.payload)["note"]
    assert note == "Theo lệnh của Hiệu trưởng Đoàn Thị Hải Yến, cho khi ký lúc 11:00 12/05/2027."
    assert record.published_at is not None and audit_verify.verify().ok


def test_without_the_order_sealed_records_wait_on_the_principal_s_day_and_not_on_the_clerk_s(built: Cast) -> None:
    sign(built, "homeroom", "principal", "seal", order=False)
    assert states() == ["ISSUED"] * 3
    assert "Công bố 3 học bạ lớp 9A" in titles(built, "principal")
    assert not any("Công bố" in title for title in titles(built, "clerk"))
    before = dashboard.count_waiting(built.actor("principal"), NOW)
    outcomes = transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], NOW + timedelta(hours=5))
    assert [one.ok for one in outcomes] == [True] * 3 and states() == ["PUBLISHED"] * 3
    assert dashboard.count_waiting(built.actor("principal"), NOW) == before - 1
    assert audit_verify.verify().ok


@pytest.mark.parametrize("person", ["clerk", "vice_principal", "math", "it_officer", "board"])
def test_nobody_but_the_principal_publishes(built: Cast, person: str) -> None:
    with pytest.raises(NotFound):
        transcript_moves.publish_class(built.actor(person), built.classes["9A"], NOW)


def test_a_delegate_publishes_within_the_scope_and_dates_alone(built: Cast) -> None:
    sign(built, "homeroom", "principal", "seal", order=False)
    for scope in ("6A", "9A"):
        with pytest.raises(NotFound):
            transcript_moves.publish_class(built.actor("vice_principal"), built.classes["9A"], NOW)
        roster.grant_role(
            SYSTEM,
            built.people["vice_principal"],
            Role.DELEGATE,
            NOW,
            scope_kind=GrantScope.CLASS_GROUP,
            scope_id=built.classes[scope],
            starts_on=date(2027, 5, 12),
            ends_on=date(2027, 5, 13),
            document="12/QĐ",
        )
    late = load_actor(built.accounts["vice_principal"], date(2027, 5, 14))
    with pytest.raises(NotFound):
        transcript_moves.publish_class(late, built.classes["9A"], NOW + timedelta(days=2))
    transcript_moves.publish_class(built.actor("vice_principal"), built.classes["9A"], NOW + timedelta(hours=5))
    assert states() == ["PUBLISHED"] * 3


def test_an_order_written_into_the_database_is_refused_before_the_seal(built: Cast) -> None:
    sign(built, "homeroom", "principal", order=False)
    db.session.remove()
    outside = Outside()
    outside.execute("UPDATE transcript_signature SET publish_on_seal = TRUE WHERE role = 'principal'")
    outside.close()
    items = sign(built, "seal")
    assert [item.outcome for item in items] == ["failed"] * 3
    assert "Chữ ký của Hiệu trưởng" in items[0].reason and "nhật ký" in items[0].reason
    assert states() == ["PRINCIPAL_SIGNED"] * 3


def test_only_the_principal_s_signature_can_carry_the_order(built: Cast) -> None:
    sign(built, "homeroom", order=True)
    assert not any(db.session.scalars(select(m.TranscriptSignature.publish_on_seal)))
