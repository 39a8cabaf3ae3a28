"""The public pages of checking: sentences with what to do, JSON, reports, the page to keep; nothing kept, nothing listed."""

from __future__ import annotations

import base64
import io
import json
import re
from datetime import timedelta

import pytest
from flask import current_app

from hocbaso import clock
from hocbaso.services import offline_page, stored_documents, verification
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_transcripts import records

JSON = {"Accept": "application/json"}


def token_of(client: object) -> str:
    page = client.get("/xac-thuc").text  # type: ignore[attr-defined]
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]  # type: ignore[index]


@pytest.fixture
def stranger(issued: Cast, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
    current_app.extensions["hocbaso_verification"] = tuple(
        verification.Throttle(1000, one.span) for one in current_app.extensions["hocbaso_verification"]
    )
    return current_app.test_client()


def send(client: object, data: bytes, name: str = "a.pdf", headers: dict[str, str] | None = None) -> object:
    form = {"tep": (io.BytesIO(data), name), "csrf_token": token_of(client)}
    return client.post("/xac-thuc", data=form, headers=headers or {}, content_type="multipart/form-data")  # type: ignore[attr-defined]


def test_a_file_gets_sentences_and_a_report_to_take_away(stranger: object) -> None:
    answer = send(stranger, stored_documents.read(records()[0].pdf_digest))
    assert answer.status_code == 200 and "Học bạ thật, còn hiệu lực" in answer.text  # type: ignore[attr-defined]
    assert answer.text.count("nội dung không đổi từ đó") == 3  # type: ignore[attr-defined]
    packed = re.search(r'href="data:application/json;base64,([^"]+)"', answer.text)[1]  # type: ignore[attr-defined,index]
    report = base64.b64decode(packed)
    assert json.loads(report)["standing"] == "in_force"
    read = send(stranger, report, "bao-cao.json")
    assert read.status_code == 200 and "Báo cáo thật" in read.text  # type: ignore[attr-defined]
    assert "data:application/json" not in read.text, "no report on a report"  # type: ignore[attr-defined]


def test_an_altered_file_is_refused_with_what_to_do(stranger: object) -> None:
    data = stored_documents.read(records()[1].xml_digest).replace(b"<CA_NAM>4.8</CA_NAM>", b"<CA_NAM>9.8</CA_NAM>")
    answer = send(stranger, data, "a.xml")
    assert answer.status_code == 422 and "Hãy xin lại tệp gốc ở văn thư nhà trường" in answer.text  # type: ignore[attr-defined]
    assert "9,8" not in answer.text and "Nguyễn Bảo Châu" not in answer.text  # type: ignore[attr-defined]


def test_the_same_as_json(stranger: object) -> None:
    record = records()[0]
    found = send(stranger, stored_documents.read(record.pdf_digest), headers=JSON)
    assert found.status_code == 200 and found.json["ok"] and found.json["verdict"]["tone"] == "done"  # type: ignore[attr-defined]
    assert [one["verdict"]["tone"] for one in found.json["signatures"]] == ["done"] * 3  # type: ignore[attr-defined]
    code = stranger.get(f"/xac-thuc/{record.uuid}", headers=JSON)  # type: ignore[attr-defined]
    assert code.json["standing"] == "in_force" and "Hoàng" not in code.text and code.json["initials"] == "H. T. B."
    assert stranger.get("/xac-thuc/7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4", headers=JSON).status_code == 404  # type: ignore[attr-defined]
    form = {"qr": record.qr_text, "csrf_token": token_of(stranger)}
    text = stranger.post("/xac-thuc/ma-qr", data=form, headers=JSON)  # type: ignore[attr-defined]
    assert text.status_code == 200 and text.json["details"]["data_digest"] == record.data_zone_digest
    refused = send(stranger, b"", headers=JSON)
    assert refused.status_code == 422 and refused.json["error"]  # type: ignore[attr-defined]


def test_a_qr_s_text_is_answered_and_a_changed_one_tells_nothing(stranger: object) -> None:
    record = records()[1]
    token = token_of(stranger)
    answer = stranger.post("/xac-thuc/ma-qr", data={"qr": record.qr_text, "csrf_token": token})  # type: ignore[attr-defined]
    assert answer.status_code == 200 and "Nguyễn Bảo Châu" in answer.text and "4,8" in answer.text
    forged = (record.qr_text or "")[:-9] + "123456789"
    answer = stranger.post("/xac-thuc/ma-qr", data={"qr": forged, "csrf_token": token})  # type: ignore[attr-defined]
    assert answer.status_code == 422 and "Nguyễn" not in answer.text and "bị sửa" in answer.text
    for text in ("", "x", "9" * 9000):
        assert stranger.post("/xac-thuc/ma-qr", data={"qr": text, "csrf_token": token}).status_code == 422  # type: ignore[attr-defined]


def test_the_page_to_keep_and_the_keys_are_files(stranger: object) -> None:
    kept = stranger.get("/xac-thuc/kiem-tra-hoc-ba.html")  # type: ignore[attr-defined]
    assert kept.data == offline_page.page().data and "attachment" in kept.headers["Content-Disposition"]
    assert offline_page.page().digest_words in stranger.get("/xac-thuc/trang-luu-san").text  # type: ignore[attr-defined]
    keys = stranger.get("/xac-thuc/khoa-may.json")  # type: ignore[attr-defined]
    assert keys.json["format"] == "hocbaso-key-list-1" and len(keys.json["documents"]) == 1
    assert "Đúng trang kiểm tra của trường" in send(stranger, kept.data, "a.html").text  # type: ignore[attr-defined]
