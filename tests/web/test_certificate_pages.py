"""The pages of keys on devices and of a certificate's standing, as people meet them."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.services import certificate_register, certificate_standing, certificates, trust_roots
from tests.cast import NOW, Cast
from tests.csc_server import running
from tests.services.test_certificates import PASSWORD, p12
from tests.services.test_certificates import PIN as FILE_PIN
from tests.services.test_remote_signing import BACK, browse
from tests.soft_token import PIN, SoftToken, make_token

NAME = "Đoàn Thị Hải Yến"
ClientOf = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def authority(school: Cast) -> TestAuthority:
    made = TestAuthority.create(NOW)
    trust_roots.add_trust_root(school.actor("it_officer"), made.root_pem, NOW)
    return made


@pytest.fixture
def token(school: Cast, school_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    made = make_token(tmp_path / "hsm", monkeypatch, bad=True)
    made.wish("")
    school_app.config["HOCBASO"] = dataclasses.replace(
        school_app.config["HOCBASO"], extra={"pkcs11": {"vgca": {"module": made.driver, "words": "Token Ban Cơ yếu"}}}
    )
    return made


def sent(token: SoftToken, authority: TestAuthority, **more: object) -> dict[str, object]:
    return {
        "device": f"vgca/{token.serial}/{token.label}",
        "pin": PIN,
        "intermediates": (io.BytesIO(authority.dump()["issuing.pem"]), "trung-gian.pem"),
        **more,
    }


def test_a_machine_without_drivers_says_so(school: Cast, client_of: ClientOf) -> None:
    page = client_of("principal").get("/chung-thu-so/thiet-bi").text
    assert "Máy chủ chưa dùng được thiết bị ký" in page
    assert "Đăng ký từ thiết bị" not in client_of("principal").get("/chung-thu-so/").text


def test_a_person_registers_from_the_token_that_is_plugged_in(
    school: Cast, client_of: ClientOf, token: SoftToken, authority: TestAuthority
) -> None:
    token.new_key("ec", authority, NAME, now=NOW)
    client = client_of("principal")
    assert "Token Ban Cơ yếu" in client.get("/chung-thu-so/").text
    page = client.get("/chung-thu-so/thiet-bi").text
    assert token.label in page and token.serial in page and PIN not in page
    answer = client.post("/chung-thu-so/thiet-bi", data=sent(token, authority, pin="000111"))
    assert answer.status_code == 403 and "Mã PIN của thiết bị không đúng" in answer.text and "000111" not in answer.text
    answer = client.post("/chung-thu-so/thiet-bi", data=sent(token, authority))
    assert answer.status_code in (302, 303)
    page = client.get("/chung-thu-so/").text
    assert "Thiết bị" in page and token.label in page and "Đã đăng ký chứng thư trên thiết bị" in page
    other = client_of("math").post("/chung-thu-so/thiet-bi", data=sent(token, authority))
    assert other.status_code == 422 and "chưa thử mã PIN" in other.text


def test_the_last_try_is_asked_for_only_where_it_stands(
    school: Cast, client_of: ClientOf, token: SoftToken, authority: TestAuthority
) -> None:
    token.new_key("ec", authority, NAME, now=NOW)
    client = client_of("principal")
    assert "lần thử cuối" not in client.get("/chung-thu-so/thiet-bi").text
    token.wish("final")
    assert "còn một lần thử" in client.get("/chung-thu-so/thiet-bi").text
    (token.folder / "wish.calls").unlink()
    answer = client.post("/chung-thu-so/thiet-bi", data=sent(token, authority))
    assert answer.status_code == 403 and "chỉ còn một lần thử" in answer.text and token.calls("login") == 0
    answer = client.post("/chung-thu-so/thiet-bi", data=sent(token, authority, last_try="y"))
    assert answer.status_code in (302, 303)


@pytest.mark.parametrize("value", ["", "vgca", "../../etc/passwd/1/2", "vgca/1/2", "<script>/1/2"])
def test_a_forged_device_is_refused_in_words(
    school: Cast, client_of: ClientOf, token: SoftToken, authority: TestAuthority, value: str
) -> None:
    answer = client_of("principal").post("/chung-thu-so/thiet-bi", data=sent(token, authority, device=value))
    assert answer.status_code == 409 and "<script>/1" not in answer.text


def test_the_officer_keeps_the_register_and_the_owner_reads_it(
    school: Cast, client_of: ClientOf, authority: TestAuthority
) -> None:
    row = certificate_register.register_pkcs12(school.actor("principal"), p12(authority, NAME), PASSWORD, FILE_PIN, NOW)
    officer, owner = client_of("it_officer"), client_of("principal")
    page = f"/chung-thu-so/{row}"
    assert "Trả lời của cơ quan quản lý" in officer.get(page).text
    text = owner.get(page).text
    assert "Trả lời của cơ quan quản lý" not in text and "giáo viên chủ nhiệm, Hiệu trưởng hoặc ký thay" in text
    for stranger in ("math", "clerk"):
        assert client_of(stranger).get(page).status_code == 404
    refused = officer.post(f"{page}/phe-duyet", data={"answer": "approved", "note": ""})
    assert refused.status_code == 422 and "Ghi số văn bản" in refused.text
    assert officer.post(f"{page}/phe-duyet", data={"answer": "approved", "note": "CV 9"}).status_code in (302, 303)
    assert officer.post(f"{page}/vai-tro", data={"roles": ["principal"]}).status_code in (302, 303)
    assert officer.post(f"{page}/vai-tro", data={}).status_code == 422
    assert owner.post(f"{page}/gia-han", data={"renewal_note": "Phiếu 7"}).status_code in (302, 303)
    text = owner.get(page).text
    assert "Sở đã phê duyệt" in text and "CV 9" in text and "đã đề nghị ngày" in text
    assert re.search(r"<dt>Được ký</dt><dd>Hiệu trưởng hoặc ký thay</dd>", text)
    assert owner.post(f"{page}/thu-hoi", data={"reason": ""}).status_code == 422
    assert owner.post(f"{page}/thu-hoi", data={"reason": "Mất thẻ"}).status_code in (302, 303)
    assert certificates.current_certificate(school.people["principal"]) is None
    assert "đã thu hồi" in owner.get("/chung-thu-so/").text


def test_a_signer_is_sent_to_the_provider_and_back(
    school: Cast, school_app: Flask, client_of: ClientOf, tmp_path: Path
) -> None:
    with running(tmp_path / "csc", "v2") as csc:
        settings = {**csc.settings(), "redirect_uri": BACK}
        settings["authorize_url"] = f"{settings['url']}/oauth2/authorize"
        school_app.config["HOCBASO"] = dataclasses.replace(
            school_app.config["HOCBASO"], extra={"csc": {"mysign": settings}}
        )
        client = client_of("principal")
        page = client.get("/chung-thu-so/tu-xa").text
        assert "Đăng nhập Nơi cấp thử" in page and 'name="user"' not in page
        away = client.get("/chung-thu-so/tu-xa/dang-nhap/mysign")
        assert away.status_code == 303 and away.location.startswith(settings["authorize_url"])
        assert csc.secret not in away.location
        forged = client.get("/chung-thu-so/tu-xa/ve?state=x&code=y")
        assert forged.status_code == 422 and "không còn hiệu lực" in forged.text
        back = browse(csc, client.get("/chung-thu-so/tu-xa/dang-nhap/mysign").location)
        assert client.get("/chung-thu-so/tu-xa/ve", query_string=back).status_code == 303
        assert "Đã đăng nhập Nơi cấp thử" in client.get("/chung-thu-so/tu-xa").text
        answer = client.post("/chung-thu-so/tu-xa", data={"provider": "mysign"})
        assert answer.status_code == 422 and "chưa có khoá nào" in answer.text


@pytest.mark.parametrize("name", ["khac", "..", "https:%2f%2fevil.example"])
def test_nobody_is_sent_to_an_address_that_is_not_configured(school: Cast, client_of: ClientOf, name: str) -> None:
    answer = client_of("principal").get(f"/chung-thu-so/tu-xa/dang-nhap/{name}")
    assert answer.status_code in (404, 409) and not answer.location


def test_another_person_lifts_what_the_it_officer_wrote_down(
    school: Cast, client_of: ClientOf, authority: TestAuthority
) -> None:
    mine = certificate_register.register_pkcs12(
        school.actor("principal"), p12(authority, NAME), PASSWORD, FILE_PIN, NOW
    )
    certificate_standing.revoke(school.actor("it_officer"), mine, "Mất điện thoại <b>", NOW)
    owner, deputy = client_of("principal"), client_of("vice_principal")
    page = owner.get(f"/chung-thu-so/{mine}").text
    assert "Dùng lại chứng thư này" not in page and "đồng ý gỡ" in page
    assert "go-thu-hoi" not in owner.get("/chung-thu-so/").text
    assert owner.post(f"/chung-thu-so/{mine}/dung-lai").status_code == 409
    assert owner.post(f"/chung-thu-so/{mine}/go-thu-hoi", data={"note": "Nhầm"}).status_code == 403
    page = deputy.get("/chung-thu-so/").text
    assert "Mất điện thoại &lt;b&gt;" in page and f"/chung-thu-so/{mine}/go-thu-hoi" in page
    assert "Xin ghi lí do gỡ" in deputy.post(f"/chung-thu-so/{mine}/go-thu-hoi", data={"note": " "}).text
    assert deputy.post(f"/chung-thu-so/{mine}/go-thu-hoi", data={"note": "Đã tìm thấy"}).status_code == 303
    page = owner.get(f"/chung-thu-so/{mine}").text
    assert "Dùng lại chứng thư này" in page and "Đã tìm thấy" in page and "Mất điện thoại &lt;b&gt;" in page
    assert owner.post(f"/chung-thu-so/{mine}/dung-lai").status_code == 303
    assert certificates.current_certificate(school.people["principal"]).id == mine
