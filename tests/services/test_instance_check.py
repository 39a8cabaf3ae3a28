"""A whole instance checked: a lost secret is named, damage is never hidden, a certificate that ran out since is one notice."""

from __future__ import annotations

import os
from concurrent.futures import Future
from datetime import datetime, timedelta

import pytest
from flask import current_app
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Unavailable
from hocbaso.services import document_pool, instance_check, instance_keys, second_factor
from hocbaso.services.access import SYSTEM
from hocbaso.services.signing_secret import server_secret
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
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


def after_expiry() -> datetime:
    """A day on which every certificate that signed has run out."""
    ends = db.session.scalars(select(m.Certificate.not_after)).all()
    assert ends
    return max(ends) + timedelta(days=30)


NAME = "Hoàng Thanh Bình".encode()


def records() -> list[m.TranscriptRecord]:
    """Hoàng Thanh Bình's first: workers build a class in any order."""
    rows = db.session.scalars(select(m.TranscriptRecord).order_by(m.TranscriptRecord.id)).all()
    return sorted(rows, key=lambda row: NAME not in document_pool.document_store().path(row.xml_digest).read_bytes())


def flip(digest: str) -> None:
    """One bit of a stored file, as a bad disk does it."""
    path = document_pool.document_store().path(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(data))


def forge(record: m.TranscriptRecord) -> str:
    """Another XML in the record's place, under its own right digest: only its signatures can tell. Returns the record's UUID."""
    uuid = record.uuid
    store = document_pool.document_store()
    data = store.get(record.xml_digest)
    assert NAME in data
    digest = store.put(data.replace(NAME, "Hoàng Thanh Bính".encode()))
    with Outside() as other:
        other.execute(
            "INSERT INTO stored_document (digest, kind, media_type, n_bytes, stored_at)"
            " SELECT ?, kind, media_type, n_bytes, stored_at FROM stored_document WHERE digest = ?",
            (digest, record.xml_digest),
        )
        other.execute("UPDATE transcript_record SET xml_digest = ? WHERE id = ?", (digest, record.id))
    db.session.remove()  # what was open still read the old rows
    return uuid


def test_certificates_that_ran_out_since_are_one_notice_with_the_count(issued: Cast) -> None:
    found = instance_check.check(after_expiry(), max_problems=2)
    assert (found.problems, found.n_problems, found.n_signatures) == ([], 0, 18)
    (notice,) = found.notices
    assert notice.startswith("3 chứng thư đã dùng để ký 3 học bạ (6 tệp) nay đã hết hạn.")
    assert instance_check.check(LATER).notices == []


def test_a_flipped_byte_is_told_among_more_notices_than_are_listed(issued: Cast) -> None:
    flip(records()[2].xml_digest)
    found = instance_check.check(after_expiry(), max_problems=1)
    (problem,) = found.problems
    assert "đã bị thay đổi" in problem and records()[2].xml_digest[:12] in problem
    assert "(5 tệp)" in found.notices[0] and found.n_signatures == 15


def test_a_forged_file_is_damage_on_every_day_and_never_a_notice(issued: Cast) -> None:
    uuid = forge(records()[0])
    for day in (LATER, after_expiry()):
        found = instance_check.check(day, max_problems=3)
        told = [one for one in found.problems if one.startswith(f"Học bạ {uuid} (XML)")]
        assert len(told) == 1, found.problems
    assert "(5 tệp)" in found.notices[0]


def test_a_certificate_that_had_run_out_when_the_log_says_it_signed_is_damage(issued: Cast) -> None:
    at = f"{after_expiry():%Y-%m-%d %H:%M:%S}"
    with Outside() as other:  # somebody's clock: signed after the end of the certificate
        other.execute("UPDATE transcript_signature SET signed_at = ? WHERE role = 'seal'", (at,))
    db.session.remove()  # what was open still read the old rows
    found = instance_check.check(after_expiry(), max_problems=20)
    assert sum("đã hết hạn" in one for one in found.problems) == 6 and found.notices == []


def test_no_kind_of_damage_pushes_another_out_and_the_rest_is_counted(issued: Cast) -> None:
    (keys() / "signing_secret").unlink()
    forged, *others = records()
    for record in others:
        flip(record.pdf_digest)
        flip(record.xml_digest)
    uuid = forge(forged)
    found = instance_check.check(after_expiry(), max_problems=1)
    text = "\n".join(found.problems)
    assert "Thiếu tệp keys/signing_secret" in text and f"Học bạ {uuid} (XML)" in text
    assert text.count("trong kho đã bị thay đổi") == 1 and "… và 3 chỗ khác trong kho tài liệu." in text
    assert found.n_documents == db.session.query(m.StoredDocument).count(), "all were read"
    assert found.n_problems >= 7 and "(1 tệp)" in found.notices[0]


def test_a_file_that_no_worker_gets_through_does_not_hide_the_others(
    issued: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = document_pool.submit
    stuck: list[Future[object]] = []

    def submit(call: str, *args: object) -> Future[object]:
        if stuck:
            return sent(call, *args)
        stuck.append(Future())
        stuck[0].set_exception(Unavailable("Bộ phận lập tài liệu đã dừng."))
        return stuck[0]

    monkeypatch.setattr(document_pool, "submit", submit)
    flip(records()[2].xml_digest)
    found = instance_check.check(LATER)
    assert len(found.problems) == 2 and "Chưa kiểm tra xong được tệp này" in found.problems[1]
    assert found.n_signatures == 12
