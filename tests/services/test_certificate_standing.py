"""A registered certificate's life: approval, roles, renewal, revocation, and the warnings before its end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import (
    audit_verify,
    certificate_register,
    certificate_reminders,
    certificate_standing,
    certificates,
    shown_notices,
    trust_roots,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.test_certificates import PASSWORD, PIN, p12

NAME = "Đoàn Thị Hải Yến"


@pytest.fixture
def authority(school: Cast) -> TestAuthority:
    made = TestAuthority.create(NOW)
    trust_roots.add_trust_root(school.actor("it_officer"), made.root_pem, NOW)
    return made


@pytest.fixture
def mine(school: Cast, authority: TestAuthority) -> int:
    return certificate_register.register_pkcs12(
        school.actor("principal"), p12(authority, NAME, days=200), PASSWORD, PIN, NOW
    )


@pytest.fixture
def seal(school: Cast, authority: TestAuthority) -> int:
    data = p12(authority, "Trường THCS Đồng Sen", organisation="Trường THCS Đồng Sen")
    return certificate_register.register_pkcs12(school.actor("clerk"), data, PASSWORD, PIN, NOW, purpose="seal")


def key(cast: Cast, role: SignatureRole) -> object:
    seal = role is SignatureRole.SEAL
    who = cast.actor("clerk" if seal else "principal")
    return certificates.open_key(who, None if seal else cast.people["principal"], PIN, NOW, role=role)


def test_a_certificate_signs_only_in_the_roles_it_is_bound_to(school: Cast, mine: int) -> None:
    assert key(school, SignatureRole.HOMEROOM) and key(school, SignatureRole.PRINCIPAL)
    with pytest.raises(NotAllowed, match="không được gắn"):
        certificates.open_key(school.actor("principal"), school.people["principal"], PIN, NOW, role=SignatureRole.SEAL)
    certificate_standing.bind_roles(school.actor("it_officer"), mine, ["principal"], NOW)
    assert key(school, SignatureRole.PRINCIPAL)
    with pytest.raises(NotAllowed, match="giáo viên chủ nhiệm"):
        key(school, SignatureRole.HOMEROOM)
    assert certificates.current_certificate(school.people["principal"]).n_wrong_pins == 0
    n = db.session.query(m.AuditEntry).count()
    certificate_standing.bind_roles(school.actor("it_officer"), mine, ["principal"], NOW)
    assert db.session.query(m.AuditEntry).count() == n, "the same again writes nothing"
    assert audit_verify.verify().ok


@pytest.mark.parametrize("roles", [[], ["seal"], ["principal", "seal"], ["hieu-truong"]])
def test_only_the_two_signatures_of_a_person_can_be_bound(school: Cast, mine: int, roles: list[str]) -> None:
    with pytest.raises(Invalid):
        certificate_standing.bind_roles(school.actor("it_officer"), mine, roles, NOW)


def test_the_seal_waits_for_the_authority(school: Cast, seal: int) -> None:
    officer = school.actor("it_officer")
    with pytest.raises(WrongState, match="chưa được Sở phê duyệt"):
        key(school, SignatureRole.SEAL)
    certificate_standing.set_approval(officer, seal, "sent", NOW)
    with pytest.raises(WrongState, match="chưa được Sở phê duyệt"):
        key(school, SignatureRole.SEAL)
    with pytest.raises(Invalid, match="số văn bản"):
        certificate_standing.set_approval(officer, seal, "approved", NOW, note="  ")
    certificate_standing.set_approval(officer, seal, "approved", NOW, note="CV 12/SGDĐT-VP")
    assert key(school, SignatureRole.SEAL)
    certificate_standing.set_approval(officer, seal, "refused", NOW, note="CV 15/SGDĐT-VP")
    with pytest.raises(WrongState, match="không chấp nhận"):
        key(school, SignatureRole.SEAL)
    (view,) = certificate_register.own_certificates(school.actor("clerk"), NOW)
    assert (view.state, view.approval_note) == ("refused", "CV 15/SGDĐT-VP")
    with pytest.raises(WrongState, match="chỉ dùng để đóng dấu"):
        certificate_standing.bind_roles(officer, seal, ["principal"], NOW)
    with pytest.raises(Invalid):
        certificate_standing.set_approval(officer, seal, "unsent", NOW)
    assert audit_verify.verify().ok


def test_a_revoked_certificate_never_comes_back(school: Cast, authority: TestAuthority) -> None:
    actor, data = school.actor("principal"), p12(authority, NAME)
    first = certificate_register.register_pkcs12(actor, data, PASSWORD, PIN, NOW)
    with pytest.raises(Invalid, match="lí do"):
        certificate_standing.revoke(actor, first, " ", NOW)
    certificate_standing.revoke(actor, first, "Mất máy có tệp khoá", NOW)
    with pytest.raises(WrongState, match="Chưa có chứng thư"):
        key(school, SignatureRole.PRINCIPAL)
    row = db.session.get(m.Certificate, first)
    assert row.key_envelope is None
    with pytest.raises(WrongState, match="đã bị thu hồi"):
        certificate_register.register_pkcs12(actor, data, PASSWORD, PIN, NOW)
    with pytest.raises(WrongState):
        certificate_standing.revoke(actor, first, "lần nữa", NOW)
    (view,) = certificate_register.own_certificates(actor, NOW)
    assert view.state == "revoked" and audit_verify.verify().ok


@pytest.mark.parametrize("who", ["math", "clerk", "vice_principal"])
def test_another_persons_certificate_does_not_exist(school: Cast, mine: int, who: str) -> None:
    actor = school.actor(who)
    for act in (
        lambda: certificate_standing.revoke(actor, mine, "x", NOW),
        lambda: certificate_standing.ask_renewal(actor, mine, NOW),
    ):
        with pytest.raises(NotFound):
            act()
    for act in (
        lambda: certificate_standing.set_approval(actor, mine, "sent", NOW),
        lambda: certificate_standing.bind_roles(actor, mine, ["principal"], NOW),
    ):
        with pytest.raises(NotAllowed):
            act()


def told(person: int) -> list[str]:
    rows = select(m.Notice.body).where(m.Notice.person_id == person, m.Notice.kind == "certificate")
    return list(db.session.scalars(rows.order_by(m.Notice.day)))


def test_it_warns_at_90_30_and_7_days_once_each_and_after_a_day_off(school: Cast, mine: int) -> None:
    owner, officer = school.people["principal"], school.people["it_officer"]
    end = db.session.get(m.Certificate, mine).not_after
    for left in range(130, -3, -1):
        if left in (91, 31, 8):
            continue  # the server was off on the very day
        certificate_reminders.warn(SYSTEM, end - timedelta(days=left) + timedelta(hours=1))
    mine_words, officer_words = told(owner), told(officer)
    for body, days in zip(mine_words, (90, 30, 7), strict=True):
        assert f"còn {days} ngày" in body, "by the calendar, as people count to the day that is written beside it"
        assert not re.search(r"[0-9A-F]{9}", body), "nobody reads forty digits"
    assert len(mine_words) == 3 and len(officer_words) == 2
    assert all("Hãy đề nghị nơi cấp gia hạn" in body for body in mine_words)


def test_a_warning_is_known_by_what_it_is_about(school: Cast, mine: int) -> None:
    """Not by its words: the owner's name was mended in between, and the warning was told again."""
    now = db.session.get_one(m.Certificate, mine).not_after - timedelta(days=20)
    assert certificate_reminders.warn(SYSTEM, now) == 2
    with write_transaction() as session:
        session.get_one(m.Person, school.people["principal"]).full_name = "Đoàn Thị Hải Yên"
    assert certificate_reminders.warn(SYSTEM, now) == 0


@pytest.mark.parametrize("which", ["{0.serial_words}… của {0.owner} hết hạn ngày", "{0.serial_number} của {0.owner}"])
def test_a_warning_from_before_keys_were_kept_is_known_by_its_words(school: Cast, mine: int, which: str) -> None:
    row = db.session.get_one(m.Certificate, mine)
    now = row.not_after - timedelta(days=20)
    certificate_reminders.warn(SYSTEM, now)
    words = "Chứng thư số " + which.format(certificates.view_of(row, now))
    with write_transaction() as session:
        for notice in session.scalars(select(m.Notice)):
            notice.about, notice.body = None, f"{words} {clock.local_date(row.not_after):%d/%m/%Y}"
    assert certificate_reminders.warn(SYSTEM, now) == 0


def test_a_warning_goes_with_its_certificate(school: Cast, mine: int) -> None:
    now = db.session.get_one(m.Certificate, mine).not_after - timedelta(days=20)
    certificate_reminders.warn(SYSTEM, now)
    actor = school.actor("principal")
    assert [one.title for one in shown_notices.shown(actor, now)] == [certificate_reminders.TITLE]
    certificate_register.retire(actor, mine, now)
    assert shown_notices.shown(actor, now) == []


def test_a_renewal_that_was_asked_is_told_in_the_warning(school: Cast, mine: int) -> None:
    certificate_standing.ask_renewal(school.actor("principal"), mine, NOW, note="Phiếu 07")
    end = db.session.get(m.Certificate, mine).not_after
    assert certificate_reminders.warn(SYSTEM, end - timedelta(days=20)) == 2
    assert certificate_reminders.warn(SYSTEM, end - timedelta(days=20)) == 0
    assert "Đã đề nghị gia hạn" in told(school.people["principal"])[0]
    assert audit_verify.verify().ok
