"""A whole instance checked: a lost secret is named."""

from __future__ import annotations

import os
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.services import instance_check, instance_keys, second_factor
from hocbaso.services.access import SYSTEM
from hocbaso.services.signing_secret import server_secret
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
    workers_end,
)

LATER = NOW + timedelta(hours=5)
OWNERS = ("Trịnh Thu Hà", "Đoàn Thị Hải Yến", "Trường THCS Đồng Sen")


def keys():
    return current_app.config["HOCBASO"].keys


def test_what_a_school_issued_stands(issued: Cast) -> None:
    found = instance_check.check(LATER)
    assert found.problems == [] and found.n_signatures == 18


def test_a_lost_signing_secret_is_told_with_whose_keys_it_closes(issued: Cast) -> None:
    (keys() / "signing_secret").unlink()
    (problem,) = instance_check.check(LATER).problems
    assert problem.startswith("Thiếu tệp keys/signing_secret")
    assert all(name in problem for name in OWNERS)
    assert not (keys() / "signing_secret").exists(), "who looks makes no new secret"


def test_a_signing_secret_of_another_machine_is_told_without_any_pin(issued: Cast) -> None:
    assert len(server_secret()) == 32
    (keys() / "signing_secret").write_bytes(os.urandom(32))
    (problem,) = instance_check.check(LATER).problems
    assert "không phải tệp đã niêm phong" in problem and all(name in problem for name in OWNERS)


def test_a_cut_signing_secret_is_told(issued: Cast) -> None:
    (keys() / "signing_secret").write_bytes(server_secret()[:31])
    assert any("signing_secret bị hỏng" in problem for problem in instance_check.check(LATER).problems)


def test_a_damaged_envelope_is_told_with_its_owner(issued: Cast) -> None:
    with write_transaction() as session:
        row = session.scalar(select(m.Certificate).where(m.Certificate.person_id == issued.people["math"]))
        assert row is not None
        row.key_envelope = row.key_envelope[: len(row.key_envelope) // 2]
    assert any(problem.startswith("Trịnh Thu Hà: ") for problem in instance_check.check(LATER).problems)


def test_codes_sealed_by_another_machine_are_told_with_their_accounts(issued: Cast) -> None:
    config = current_app.config["HOCBASO"]
    with write_transaction() as session:
        for key, secret in (("principal", config.secret_key), ("clerk", "của máy khác")):
            account = session.get(m.Account, issued.accounts[key])
            assert account is not None
            account.totp_secret = second_factor.seal(second_factor.new_secret(), account.id, secret)
    told = [one for one in instance_check.check(LATER).problems if "xác nhận hai lớp" in one]
    assert len(told) == 1 and "của: gv003." in told[0]


def test_a_lost_key_of_the_machine_is_told(issued: Cast) -> None:
    instance_keys.signing_key(SYSTEM, LATER)
    for path in keys().glob("instance-*.pem"):
        path.unlink()
    assert any("Không còn tệp khoá của máy" in problem for problem in instance_check.check(LATER).problems)
