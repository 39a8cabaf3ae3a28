"""Remote signing by the standard, against a provider that is strict about it: both versions, faults, and no way elsewhere."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hocbaso.documents import cms
from hocbaso.documents.csc_client import CscClient, Provider
from hocbaso.documents.csc_signer import CscSigner
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import DomainError, NotAllowed, Unavailable, WrongState
from tests.csc_server import CODE, PIN, Csc, running

from .conftest import NOW

USER = "036180000001"
MESSAGES = [f"hồ sơ {n}".encode() for n in range(10)]


@pytest.fixture(params=["v1", "v2"])
def csc(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Csc]:
    with running(tmp_path / "csc", request.param) as state:
        yield state


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


def client_of(csc: Csc, **more: object) -> tuple[CscClient, list[float]]:
    pauses: list[float] = []
    return CscClient(csc.provider(**more), sleep=pauses.append), pauses


def signer_of(csc: Csc, authority: TestAuthority, kind: str = "ec", pin: str = PIN, code: str = "", **more: object):  # type: ignore[no-untyped-def]
    key, chain = authority.issue("Trịnh Thu Hà", now=NOW, kind=kind)
    csc.add(key, chain, **more)
    client, _ = client_of(csc)
    (credential_id,) = client.credentials(USER)
    return CscSigner(client, client.credential(credential_id), pin=pin, code=code), key


def all_hold(key: object, signatures: list[bytes]) -> bool:
    return all(
        cms.verify_digest(key.public_key(), hashlib.sha256(message).digest(), signature)  # type: ignore[attr-defined]
        for message, signature in zip(MESSAGES, signatures, strict=True)
    )


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_one_authorisation_signs_many_hashes_in_one_call(csc: Csc, authority: TestAuthority, kind: str) -> None:
    signer, key = signer_of(csc, authority, kind)
    assert all_hold(key, signer.sign_messages(MESSAGES))
    assert (csc.authorised, csc.signed) == ([10], [10])


def test_r_and_s_side_by_side_are_read_too(csc: Csc, authority: TestAuthority) -> None:
    signer, key = signer_of(csc, authority, side_by_side=True)
    assert all_hold(key, signer.sign_messages(MESSAGES))


def test_an_authorisation_without_hashes_serves_the_whole_batch(csc: Csc, authority: TestAuthority) -> None:
    signer, key = signer_of(csc, authority, scal="1")
    signer.begin(10)
    signatures = signer.sign_messages(MESSAGES[:4]) + signer.sign_messages(MESSAGES[4:])
    assert all_hold(key, signatures)
    assert (csc.authorised, csc.signed) == ([10], [4, 6])


def test_a_provider_that_allows_few_is_asked_again_for_each_part(csc: Csc, authority: TestAuthority) -> None:
    signer, key = signer_of(csc, authority, many=4)
    assert signer.n_at_once == 2
    assert all_hold(key, signer.sign_messages(MESSAGES))
    assert csc.authorised == [4, 4, 2]


def test_a_one_time_code_serves_one_authorisation(csc: Csc, authority: TestAuthority) -> None:
    signer, _ = signer_of(csc, authority, code=CODE, many=4)
    csc.keys[next(iter(csc.keys))].code = True
    signer._credential = dataclasses.replace(signer._credential, asks_code=True)
    signer.sign_messages(MESSAGES[:4])
    with pytest.raises(WrongState, match="chỉ ký được 2 học bạ"):
        signer.sign_messages(MESSAGES[4:8])
    assert csc.authorised == [4]


@pytest.mark.parametrize(
    ("pin", "code", "words"), [("000000", CODE, "Mã PIN không đúng"), (PIN, "000000", "Mã xác nhận không đúng")]
)
def test_wrong_pin_and_wrong_code_are_told_apart_and_never_tried_again(
    csc: Csc, authority: TestAuthority, pin: str, code: str, words: str
) -> None:
    key, chain = authority.issue("Trịnh Thu Hà", now=NOW)
    csc.add(key, chain, code=True)
    client, pauses = client_of(csc)
    credential = client.credential(client.credentials(USER)[0])
    assert (credential.asks_pin, credential.asks_code, credential.binds_hashes) == (True, True, True)
    with pytest.raises(NotAllowed, match=words):
        CscSigner(client, credential, pin=pin, code=code).sign_messages(MESSAGES)
    assert csc.log.count("credentials/authorize") == 1 and not pauses and "signatures/signHash" not in csc.log


def test_the_signer_who_declines_on_the_telephone_is_told(csc: Csc, authority: TestAuthority) -> None:
    signer, key = signer_of(csc, authority, pin="", mode="implicit")
    csc.refuse_on_phone = True
    with pytest.raises(NotAllowed, match="từ chối trên điện thoại"):
        signer.sign_messages(MESSAGES)
    csc.refuse_on_phone = False
    assert all_hold(key, signer.sign_messages(MESSAGES))


def test_a_list_goes_over_pages(csc: Csc, authority: TestAuthority) -> None:
    key, chain = authority.issue("Trịnh Thu Hà", now=NOW)
    ids = [csc.add(key, chain) for _ in range(5)]
    csc.add(key, chain, user="khac")
    assert client_of(csc)[0].credentials(USER) == ids


def test_an_ended_access_token_is_renewed_once(csc: Csc, authority: TestAuthority) -> None:
    signer, key = signer_of(csc, authority)
    csc.faults = ["expire"]
    assert all_hold(key, signer.sign_messages(MESSAGES))
    assert csc.log.count("oauth2/token") == 2


def test_a_wrong_application_secret_is_told_without_the_secret(csc: Csc) -> None:
    with pytest.raises(WrongState, match="Không đăng nhập được") as refusal:
        client_of(csc, client_secret="sai-bi-mat")[0].credentials(USER)
    assert "sai-bi-mat" not in repr(refusal.value.details) and "sai-bi-mat" not in repr(
        csc.provider(client_secret="sai-bi-mat")
    )


def test_a_busy_provider_is_asked_again_after_a_pause(csc: Csc, authority: TestAuthority) -> None:
    key, chain = authority.issue("Trịnh Thu Hà", now=NOW)
    csc.add(key, chain)
    client, pauses = client_of(csc)
    csc.faults = [(503, "busy"), (429, "slow_down")]
    assert len(client.credentials(USER)) == 1 and pauses == [0.5, 1.0]
    csc.faults = [(503, "busy")] * 4
    with pytest.raises(Unavailable, match="đang bận"):
        client.credentials(USER)


@pytest.mark.parametrize("fault", ["drop", "hang", (502, "bad_gateway"), (503, "busy")])
def test_signing_is_never_sent_twice_when_its_fate_is_unknown(
    csc: Csc, authority: TestAuthority, fault: object
) -> None:
    signer, _ = signer_of(csc, authority)
    signer._client.provider = dataclasses.replace(signer._client.provider, timeout=1.0)
    csc.faults = [None, fault]  # the authorisation passes, the signing does not
    with pytest.raises(Unavailable):
        signer.sign_messages(MESSAGES[:1])
    assert csc.log.count("signatures/signHash") == 1 and csc.log.count("credentials/authorize") == 1


def test_a_key_that_wants_a_code_for_each_hash_is_refused_before_anybody_registers_it(
    csc: Csc, authority: TestAuthority
) -> None:
    signer, key = signer_of(csc, authority, many=1)  # with a PIN alone each hash gets its own authorisation
    wanting = csc.add(*authority.issue("Trịnh Thu Hà", now=NOW), many=1, code=True)
    with pytest.raises(WrongState, match="một học bạ cần hai"):
        client_of(csc)[0].credential(wanting)
    assert all_hold(key, signer.sign_messages(MESSAGES))


@pytest.mark.parametrize(
    ("fault", "words"), [("redirect", "không đi theo"), ("huge", "quá dài"), ("nonsense", "không đúng chuẩn")]
)
def test_a_strange_answer_is_a_sentence(csc: Csc, fault: str, words: str) -> None:
    client, _ = client_of(csc)
    csc.faults = [fault] * 4
    with pytest.raises(Unavailable, match=words):
        client.credentials(USER)


@pytest.mark.parametrize("more", [{"enabled": False}, {"mode": "oauth2code"}])
def test_a_key_that_cannot_be_used_here_is_told(csc: Csc, authority: TestAuthority, more: dict[str, object]) -> None:
    with pytest.raises(WrongState):
        signer_of(csc, authority, **more)


def test_a_server_nobody_vouches_for_gets_nothing(csc: Csc) -> None:
    client, pauses = client_of(csc, ca_file=None)
    with pytest.raises(Unavailable, match="không đáng tin; không gửi gì"):
        client.credentials(USER)
    assert csc.log == [] and pauses == []


def test_a_server_of_another_name_gets_nothing(csc: Csc) -> None:
    url = f"https://127.0.0.2:{csc.port}/csc/{csc.version}"
    with pytest.raises(DomainError):
        client_of(csc, url=url, token_url=f"{url}/oauth2/token")[0].credentials(USER)
    assert csc.log == []


@pytest.mark.parametrize(
    "url",
    ["http://localhost/csc/v1", "https://a:b@localhost/csc", "file:///etc/passwd", "https:///csc", "https://h/?x=1"],
)
def test_only_a_plain_https_address_is_a_configuration(url: str) -> None:
    with pytest.raises(WrongState):
        CscClient(Provider("x", "Nơi cấp", "v1", url, "https://localhost/t", "a", "b"))


def test_no_proxy_is_taken_from_the_environment(
    csc: Csc, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    key, chain = authority.issue("Trịnh Thu Hà", now=NOW)
    csc.add(key, chain)
    assert len(client_of(csc)[0].credentials(USER)) == 1


def test_a_provider_that_is_down_is_told_after_four_tries(tmp_path: Path) -> None:
    with running(tmp_path / "csc", "v1") as state:
        provider = state.provider()
    pauses: list[float] = []
    with pytest.raises(Unavailable, match="Không nối được"):
        CscClient(provider, sleep=pauses.append).credentials(USER)
    assert pauses == [0.5, 1.0, 2.0]
