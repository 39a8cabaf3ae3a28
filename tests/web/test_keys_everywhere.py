"""Pages of the mended keys: the seal on the clerk's token and the machine's key, the image of a hand, replacing a seal, changing a PIN."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import time
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.db import db
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.services import (
    audit_verify,
    certificate_images,
    certificate_register,
    certificate_standing,
    certificates,
    instance_keys,
    trust_roots,
)
from hocbaso_ky import manifest
from tests.cast import NOW, Cast
from tests.documents.test_uploaded_images import BLUE, RED, hand, png, seal
from tests.services.test_certificates import PASSWORD, PIN, p12

SCHOOL, NAME = "Trường THCS Đồng Sen", "Đoàn Thị Hải Yến"
ClientOf = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def authority(school: Cast) -> TestAuthority:
    made = TestAuthority.create(NOW)
    trust_roots.add_trust_root(school.actor("it_officer"), made.root_pem, NOW)
    return made


def upload(client: FlaskClient, row: int, data: bytes):
    return client.post(
        f"/chung-thu-so/{row}/hinh",
        data={"image": (io.BytesIO(data), "hinh.png")},
        content_type="multipart/form-data",
    )


def test_the_seal_on_the_clerks_token_confirms_the_machines_key(
    school: Cast, authority: TestAuthority, client_of: ClientOf
) -> None:
    key, chain = authority.issue(SCHOOL, now=NOW, organisation=SCHOOL)
    place = {"serial": "S", "label": "L", "key_id": "01"}
    row = certificate_register.store(school.actor("clerk"), chain, None, NOW, key_kind="desk", place=place)
    certificate_standing.set_approval(school.actor("it_officer"), row, "approved", NOW, note="CV 1")
    clerk = client_of("clerk")
    page = clerk.get("/chung-thu-so/")
    assert 'data-desk="sign"' in page.text and "127.0.0.1:18617" in page.headers["Content-Security-Policy"]
    assert "Mã PIN của con dấu" not in page.text
    sent = clerk.post("/chung-thu-so/khoa-may")
    assert sent.status_code == 303 and sent.location.startswith("/o-may/"), sent.text
    task = sent.location
    page = clerk.get(task)
    assert f'data-then="{task}"' in page.text and "127.0.0.1:18617" in page.headers["Content-Security-Policy"]
    for person in ("principal", "math", "it_officer"):
        assert client_of(person).get(f"{task}/viec").status_code in (403, 404)
    signer = SoftwareKeySigner(key, chain)
    for _ in range(400):
        told = clerk.get(f"{task}/viec")
        if told.status_code == 204:
            break
        errand = told.json
        if errand["waiting"]:
            helper = client_of("clerk").application.test_client().get("/trinh-ky/khoa").json
            machine = base64.b64decode(helper["public_key"])
            agreement = manifest.read_agreement(errand["agreement"], machine, NOW)
            listing = manifest.read_list(errand["list"], agreement, machine, NOW)
            assert (agreement.document, agreement.role, agreement.n) == ("khoa-may", "seal", 1)
            assert "agreement" not in clerk.get(f"{task}/viec?biet={errand['job']}").json
            assert manifest.words_of(machine) == clerk.post("/chung-thu-so/o-may/ghep").json["words"]
            (text,), (item,) = errand["messages"], listing.entries
            message = base64.b64decode(text)
            assert item.form == "statement" and hashlib.sha256(message).digest() == item.digest
            signature = base64.b64encode(signer.sign_digest(item.digest)).decode()
            fields = {"job": errand["job"], "round": str(errand["round"])}
            assert clerk.post(f"{task}/viec", data={**fields, "signatures": "[]"}).status_code == 422
            brought = clerk.post(f"{task}/viec", data={**fields, "signatures": f'["{signature}"]'})
            assert brought.status_code == 204, brought.text
        time.sleep(0.05)
    done = clerk.get(task)
    assert done.status_code == 303 and done.location == "/chung-thu-so/", done.text
    assert "Con dấu đã xác nhận khoá của máy" in clerk.get("/chung-thu-so/").text
    db.session.rollback()
    assert [view.is_certified for view in instance_keys.views()] == [True]


def test_a_hand_is_uploaded_seen_by_its_owner_and_kept_at_renewal(
    school: Cast, authority: TestAuthority, client_of: ClientOf
) -> None:
    principal = school.actor("principal")
    row = certificate_register.register_pkcs12(principal, p12(authority, NAME), PASSWORD, PIN, NOW)
    client = client_of("principal")
    assert "Chữ ký màu xanh" in client.get(f"/chung-thu-so/{row}").text
    for data, words in ((png(hand(RED)), "màu xanh"), (b"%PDF-1.7", "chỉ nhận tệp PNG"), (png(seal()), "màu xanh")):
        answer = upload(client, row, data)
        assert answer.status_code == 422 and words in answer.text
    assert client.post(f"/chung-thu-so/{row}/hinh").status_code == 422
    assert client.get(f"/chung-thu-so/{row}/hinh").status_code == 404
    for person in ("math", "clerk", "it_officer"):
        assert upload(client_of(person), row, png(hand())).status_code in (403, 404)
    assert upload(client, row, png(hand())).status_code == 303
    page = client.get(f"/chung-thu-so/{row}").text
    assert 'alt="Chữ ký đã tải lên"' in page and "Thay hình" in page
    image = client.get(f"/chung-thu-so/{row}/hinh")
    assert image.mimetype == "image/png" and image.data == certificate_images.image_of(row)
    for person in ("math", "clerk", "it_officer", "vice_principal"):
        assert client_of(person).get(f"/chung-thu-so/{row}/hinh").status_code in (403, 404), person
    db.session.rollback()
    renewed = certificate_register.register_pkcs12(principal, p12(authority, NAME), PASSWORD, PIN, NOW)
    assert certificate_images.image_of(renewed) == image.data
    assert client.post(f"/chung-thu-so/{renewed}/hinh/bo").status_code == 303
    db.session.rollback()
    assert certificate_images.image_of(renewed) is None and audit_verify.verify().ok
    assert client.post(f"/chung-thu-so/{renewed}/hinh/bo").status_code == 409


def test_a_seal_in_use_is_replaced_only_with_a_tick_and_can_be_taken_back(
    school: Cast, authority: TestAuthority, client_of: ClientOf
) -> None:
    client = client_of("clerk")

    def register(**more: str):
        data = p12(authority, SCHOOL, organisation=SCHOOL)
        fields = {"password": PASSWORD, "pin": PIN, "again": PIN, "purpose": "seal", **more}
        return client.post(
            "/chung-thu-so/dang-ky",
            data={**fields, "file": (io.BytesIO(data), "dau.p12")},
            content_type="multipart/form-data",
        )

    assert register().status_code == 303
    db.session.rollback()
    first = certificates.current_certificate(None).id
    refused = register()
    assert refused.status_code == 409 and "Trường đang dùng con dấu số" in refused.text
    db.session.rollback()
    assert certificates.current_certificate(None).id == first
    assert register(replace="y").status_code == 303
    page = client.get(f"/chung-thu-so/{first}").text
    assert (
        "Khoá còn niêm phong" in page and "phải xin nơi cấp chứng thư mới" in page and "Dùng lại chứng thư này" in page
    )
    it_page = client_of("it_officer").get(f"/chung-thu-so/{first}").text
    assert "Xoá hẳn khoá" not in it_page and "Dùng lại chứng thư này" not in it_page
    assert "Chỉ chủ chứng thư" in it_page
    assert client.post(f"/chung-thu-so/{first}/xoa-khoa", data={"old_pin": ""}).status_code == 422
    wrong = client.post(f"/chung-thu-so/{first}/xoa-khoa", data={"old_pin": "11223344"})
    assert wrong.status_code == 403 and "Chưa xoá gì" in wrong.text
    assert client_of("it_officer").post(f"/chung-thu-so/{first}/xoa-khoa", data={"old_pin": PIN}).status_code == 403
    assert client.post(f"/chung-thu-so/{first}/dung-lai").status_code == 303
    db.session.rollback()
    assert certificates.current_certificate(None).id == first and audit_verify.verify().ok


def test_a_pin_is_changed_on_the_certificates_page(school: Cast, authority: TestAuthority, client_of: ClientOf) -> None:
    principal = school.actor("principal")
    row = certificate_register.register_pkcs12(principal, p12(authority, NAME), PASSWORD, PIN, NOW)
    client = client_of("principal")
    assert "Đổi mã PIN" in client.get(f"/chung-thu-so/{row}").text

    def change(pin: str, new: str, again: str = ""):
        return client.post(f"/chung-thu-so/{row}/doi-pin", data={"pin": pin, "new_pin": new, "again": again or new})

    for given, status, words in (
        ((PIN, "15081975"), 422, "ngày tháng"),
        ((PIN, "4815162"), 422, "ít nhất 8"),
        ((PIN, "48151623", "48151624"), 422, "chưa giống nhau"),
        (("90817264", "48151623"), 403, "Còn 4 lần"),
    ):
        answer = change(*given)
        assert answer.status_code == status and words in answer.text, given
        assert not re.search(r'value="(48151623|90817263|90817264|15081975)"', answer.text)
    assert change(PIN, "48151623").status_code == 303
    db.session.rollback()
    certificates.open_key(principal, school.people["principal"], "48151623", NOW).close()


def test_the_seals_image_is_red_and_the_clerks_to_see(
    school: Cast, authority: TestAuthority, client_of: ClientOf
) -> None:
    data = p12(authority, SCHOOL, organisation=SCHOOL)
    row = certificate_register.register_pkcs12(school.actor("clerk"), data, PASSWORD, PIN, NOW, purpose="seal")
    client = client_of("clerk")
    assert upload(client, row, png(seal(BLUE))).status_code == 422
    assert upload(client, row, png(seal())).status_code == 303
    assert 'alt="Con dấu đã tải lên"' in client.get(f"/chung-thu-so/{row}").text
    assert client_of("principal").get(f"/chung-thu-so/{row}/hinh").status_code == 404
