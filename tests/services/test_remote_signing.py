"""Keys at a remote provider: registered, a class signed with one authorisation, and one transcript that mixes three kinds of keys."""

from __future__ import annotations

import dataclasses
import http.client
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import current_app

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, Unavailable, WrongState
from hocbaso.services import (
    audit_verify,
    certificate_register,
    certificates,
    document_pool,
    remote_logins,
    remote_register,
    signing,
    stored_documents,
    test_school_keys,
    trust_roots,
)
from tests.cast import NOW, Cast
from tests.csc_server import CODE, PIN, Csc, running
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_token_signing import authority, outcomes, plug_in
from tests.services.test_token_signing import register as register_token
from tests.services.test_transcripts import records
from tests.soft_token import PIN as TOKEN_PIN

LATER = NOW + timedelta(minutes=30)
USER = "036180000001"


@pytest.fixture(params=["v1", "v2"])
def csc(request: pytest.FixtureRequest, built: Cast, tmp_path: Path) -> Iterator[Csc]:
    with running(tmp_path / "csc", request.param) as state:
        configure(state)
        yield state


def configure(state: Csc) -> None:
    config = current_app.config["HOCBASO"]
    current_app.config["HOCBASO"] = dataclasses.replace(
        config, extra={**config.extra, "csc": {"mysign": state.settings()}}
    )


def add_key(csc: Csc, name: str = "Trịnh Thu Hà", **more: object) -> str:
    key, chain = authority().issue(name, now=NOW, kind=str(more.pop("kind", "rsa")))
    return csc.add(key, chain, **more)


def register(cast: Cast, who: str = "math", user: str = USER, **more: str) -> int:
    return remote_register.register_remote(cast.actor(who), "mysign", user, NOW, **more)


def sign(cast: Cast, person: str = "math", role: str = "homeroom", pin: str = PIN, **more: object) -> m.SigningBatch:
    return signing.sign_class(cast.actor(person), cast.classes["9A"], role, pin, LATER, **more)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_class_is_signed_with_one_authorisation_and_one_call(built: Cast, csc: Csc, kind: str) -> None:
    add_key(csc, kind=kind)
    register(built)
    assert outcomes(sign(built)) == ["done"] * 3
    assert (csc.authorised, csc.signed) == ([6], [6])
    (view,) = [row for row in certificate_register.own_certificates(built.actor("math"), NOW) if not row.retired_at]
    assert (view.key_kind, view.asks, view.state) == ("remote", ("pin",), "good") and "Nơi cấp thử" in view.key_words
    assert audit_verify.verify().ok


def test_one_transcript_mixes_a_provider_a_token_and_a_file(
    built: Cast, csc: Csc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = plug_in(tmp_path, monkeypatch)
    configure(csc)
    token.new_key("ec", authority(), "Đoàn Thị Hải Yến", now=NOW)
    register_token(built, token)
    add_key(csc, mode="implicit", scal="1")
    register(built)
    assert outcomes(sign(built, pin="")) == ["done"] * 3
    assert outcomes(sign(built, "principal", "principal", TOKEN_PIN)) == ["done"] * 3
    assert outcomes(sign(built, "clerk", "seal", test_school_keys.DEMO_PIN)) == ["done"] * 3
    kinds = [db.session.get(m.Certificate, signature.certificate_id).key_kind for signature in records()[0].signatures]
    assert kinds == ["remote", "pkcs11", "software"]
    roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
    for row in records():
        for digest in (row.pdf_digest, row.xml_digest):
            report = document_pool.verify(
                stored_documents.read(digest), roots, crls, NOW + timedelta(days=1), timeout=60
            )
            assert report.ok and len(report.signatures) == 3, report.reasons
    assert audit_verify.verify().ok


@pytest.mark.parametrize(
    ("fault", "words"),
    [((400, "invalid_pin", "The PIN is invalid"), "Mã PIN không đúng"), ((503, "busy"), "đang bận")],
)
def test_a_refusal_signs_nothing_and_the_rest_is_signed_later(
    built: Cast, csc: Csc, fault: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hocbaso.documents.csc_client.RETRY_AFTER", (0.01, 0.01))
    add_key(csc)
    register(built)
    csc.faults = [None, fault, fault, fault]  # the look at the key passes, authorising does not
    batch = sign(built)
    assert outcomes(batch) == ["failed"] * 3 and words in batch.items[0].reason
    assert {row.state for row in records()} == {"CREATED"}
    csc.faults = []
    assert outcomes(sign(built)) == ["done"] * 3


def test_a_provider_that_signs_with_another_key_is_found_out(built: Cast, csc: Csc) -> None:
    credential = add_key(csc)
    register(built)
    csc.keys[credential].key = authority().issue("Người khác", now=NOW, kind="rsa")[0]
    batch = sign(built)
    assert outcomes(batch) == ["failed"] * 3 and "không phải của chứng thư đã đăng ký" in batch.items[0].reason
    assert {row.state for row in records()} == {"CREATED"}


def test_a_certificate_changed_at_the_provider_must_be_registered_again(built: Cast, csc: Csc) -> None:
    credential = add_key(csc)
    register(built)
    csc.keys[credential].key, csc.keys[credential].chain = authority().issue("Trịnh Thu Hà", now=NOW)
    with pytest.raises(WrongState, match="đăng ký lại"):
        sign(built)


def test_a_one_time_code_is_asked_for_and_used_once(built: Cast, csc: Csc) -> None:
    add_key(csc, code=True)
    register(built)
    with pytest.raises(WrongState, match="mã xác nhận"):
        sign(built)
    assert outcomes(sign(built, code=CODE)) == ["done"] * 3


@pytest.mark.parametrize("user", ["", " ", "x" * 101, "a\nb"])
def test_a_strange_account_is_refused_before_anything_is_sent(built: Cast, csc: Csc, user: str) -> None:
    with pytest.raises(Invalid):
        register(built, user=user)
    assert csc.log == []


def test_anothers_account_or_a_strange_issuer_is_refused(built: Cast, csc: Csc) -> None:
    add_key(csc, "Người khác")
    key, chain = TestAuthority.create(NOW).issue("Trịnh Thu Hà", now=NOW)
    csc.add(key, chain)
    with pytest.raises(Invalid, match="không có chứng thư nào dùng được") as refusal:
        register(built)
    assert any("cấp cho" in line for line in refusal.value.details)
    assert any("tin cậy" in line for line in refusal.value.details)


def test_only_a_configured_provider_is_spoken_to(built: Cast, csc: Csc) -> None:
    for name in ("", "khac", f"https://localhost:{csc.port}"):
        with pytest.raises(WrongState, match="chưa được cấu hình"):
            remote_register.register_remote(built.actor("math"), name, USER, NOW)
    config = current_app.config["HOCBASO"]
    settings = {**csc.settings(), "url": f"http://localhost:{csc.port}/csc/{csc.version}"}
    current_app.config["HOCBASO"] = dataclasses.replace(config, extra={"csc": {"mysign": settings}})
    with pytest.raises(WrongState, match="https://"):
        register(built)
    assert csc.log == []


def test_a_provider_that_is_away_counts_no_try(built: Cast, csc: Csc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hocbaso.documents.csc_client.RETRY_AFTER", (0.01,))
    add_key(csc)
    register(built)
    csc.faults = ["redirect"]
    with pytest.raises(Unavailable):
        sign(built)
    assert certificates.current_certificate(built.people["math"]).n_wrong_pins == 0


# --- where each signer signs in at the provider ----------------------------------------------------------------------

BACK = "https://hocba.truong.lan:8443/chung-thu-so/tu-xa/ve"


def wants_sign_in(state: Csc) -> None:
    config = current_app.config["HOCBASO"]
    settings = {**state.settings(), "redirect_uri": BACK}
    settings["authorize_url"] = f"{settings['url']}/oauth2/authorize"
    current_app.config["HOCBASO"] = dataclasses.replace(config, extra={"csc": {"mysign": settings}})


def browse(csc: Csc, address: str) -> dict[str, str]:
    """What a browser brings back from the provider's page."""
    parts = urlsplit(address)
    connection = http.client.HTTPSConnection(
        "localhost", csc.port, context=ssl.create_default_context(cafile=csc.ca_file), timeout=10
    )
    connection.request("GET", f"{parts.path}?{parts.query}")
    back = connection.getresponse().getheader("Location") or ""
    connection.close()
    assert back.startswith(BACK)
    return dict(parse_qsl(urlsplit(back).query))


def sign_in(cast: Cast, csc: Csc, who: str = "math") -> None:
    back = browse(csc, remote_logins.begin(cast.actor(who), "mysign", NOW))
    assert remote_logins.finish(cast.actor(who), back["state"], back["code"], NOW) == "Nơi cấp thử"


def test_a_signer_who_signed_in_there_registers_and_signs(built: Cast, csc: Csc) -> None:
    wants_sign_in(csc)
    add_key(csc)
    with pytest.raises(WrongState, match="Hãy đăng nhập vào Nơi cấp thử"):
        register(built)
    sign_in(built, csc)
    register(built, user="")
    csc.tokens.clear()  # the access token ends; the refresh token brings another
    assert outcomes(sign(built)) == ["done"] * 3
    assert not remote_logins.is_signed_in(built.actor("principal"), "mysign", NOW), "another account is not signed in"
    assert not remote_logins.is_signed_in(built.actor("math"), "mysign", NOW + timedelta(hours=13))


def test_a_login_whose_refresh_is_refused_asks_to_sign_in_again(built: Cast, csc: Csc) -> None:
    wants_sign_in(csc)
    add_key(csc)
    sign_in(built, csc)
    register(built)
    csc.tokens.clear()
    csc.refreshes.clear()
    with pytest.raises(WrongState, match="Hãy đăng nhập"):
        sign(built)
    assert certificates.current_certificate(built.people["math"]).n_wrong_pins == 0


def test_the_way_back_serves_once_in_time_and_only_who_began_it(built: Cast, csc: Csc) -> None:
    wants_sign_in(csc)
    teacher, other = built.actor("math"), built.actor("principal")
    back = browse(csc, remote_logins.begin(teacher, "mysign", NOW))
    for actor, state, code, at in (
        (other, back["state"], back["code"], NOW),
        (teacher, "x", back["code"], NOW),
        (teacher, back["state"], back["code"], NOW),  # a wrong state has used the way back up
    ):
        with pytest.raises(Invalid, match="không còn hiệu lực"):
            remote_logins.finish(actor, state, code, at)
    back = browse(csc, remote_logins.begin(teacher, "mysign", NOW))
    with pytest.raises(Invalid, match="không còn hiệu lực"):
        remote_logins.finish(teacher, back["state"], back["code"], NOW + timedelta(minutes=11))
    stolen = browse(csc, remote_logins.begin(other, "mysign", NOW))
    mine = browse(csc, remote_logins.begin(teacher, "mysign", NOW))
    with pytest.raises(WrongState):  # another's code does not fit this verifier (PKCE)
        remote_logins.finish(teacher, mine["state"], stolen["code"], NOW)
    assert not remote_logins.is_signed_in(teacher, "mysign", NOW)


def test_a_provider_that_wants_no_sign_in_sends_nobody_away(built: Cast, csc: Csc) -> None:
    with pytest.raises(WrongState, match="không cần đăng nhập"):
        remote_logins.begin(built.actor("math"), "mysign", NOW)
