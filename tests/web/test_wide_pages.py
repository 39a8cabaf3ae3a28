"""Many classes on one page: tick, one PIN, progress, pause, the rest."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import batches, document_pool, sessions, test_school_keys
from tests.conftest import make_app
from tests.services.many_classes import (  # noqa: F401 (fixtures)
    NOW,
    Many,
    many_signed_template_fixture,
    many_template_fixture,
)

PIN = test_school_keys.DEMO_PIN


class Site:
    """The sample school with signed-in browsers by user name."""

    def __init__(self, app: Flask) -> None:
        self.app, self._clients = app, {}

    def __call__(self, username: str) -> FlaskClient:
        if username not in self._clients:
            client = self.app.test_client()
            with self.app.app_context():
                account_id = db.session.scalar(select(m.Account.id).where(m.Account.username == username))
                opened = sessions.open_session(account_id, address="127.0.0.1", now=NOW)
                db.session.remove()
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = opened.token, True
            self._clients[username] = client
        return self._clients[username]


@pytest.fixture
def site_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Site]]:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    apps: list[Flask] = []

    def open_(template: Path) -> Site:
        shutil.copytree(template, tmp_path / "site")
        apps.append(make_app(tmp_path / "site"))
        return Site(apps[-1])

    yield open_
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def site(site_on: Callable[[Path], Site], many_signed_template: Path) -> Site:
    return site_on(many_signed_template)


def wait(site: Site, location: str) -> None:
    with site.app.app_context():
        document_pool.wait_for(int(location.rsplit("/", 1)[1]))


def ids_on(page: str) -> list[str]:
    return re.findall(r'name="lop" value="(\d+)"', page)


@pytest.mark.slow
def test_the_clerk_builds_the_school_in_one_batch(site_on: Callable[[Path], Site], many_template: Path) -> None:
    site = site_on(many_template)
    page = site("vanthu").get("/hoc-ba/nhieu-lop").text
    assert "Khối 6" in page and "Khối 9" in page and len(ids_on(page)) == 4
    assert re.search(r"Lập <span[^>]*data-chosen>8</span>", page)
    answer = site("vanthu").post("/hoc-ba/nhieu-lop/lap", data={"lop": ids_on(page), "issue_on": ""})
    assert answer.status_code == 303, answer.text
    wait(site, answer.location)
    done = site("vanthu").get(answer.location).text
    assert "Lập học bạ, toàn trường" in done and "Xong 8 bản" in done
    with site.app.app_context():
        keeper = Many().homeroom_of("6A").username
        db.session.remove()
    assert site(keeper).get(answer.location).status_code == 404, "other classes' pupils stand in it"
    assert "Không có lớp nào đang chờ" in site("vanthu").get("/hoc-ba/nhieu-lop").text


def test_the_principal_ticks_grade_nine_or_the_school_and_signs_with_one_pin(site: Site) -> None:
    principal = site("hieutruong")
    nine = principal.get("/hoc-ba/nhieu-lop?viec=principal&khoi=9").text
    assert len(re.findall(r"checked data-choose", nine)) == 1 and "Thầy, cô chưa xem lớp này" in nine
    everything = principal.get("/hoc-ba/nhieu-lop").text
    chosen = ids_on(everything)
    assert len(re.findall(r"checked data-choose", everything)) == len(chosen) == 4
    nothing = principal.post("/hoc-ba/nhieu-lop/ky", data={"role": "principal", "pin": PIN})
    assert nothing.status_code == 422 and "Chọn ít nhất một lớp" in nothing.text
    wrong = principal.post("/hoc-ba/nhieu-lop/ky", data={"role": "principal", "pin": "00000000", "lop": chosen[:2]})
    assert wrong.status_code == 403 and "Còn 4 lần thử" in wrong.text and "00000000" not in wrong.text
    assert len(re.findall(r"checked data-choose", wrong.text)) == 2, "the ticks stay"
    for role in ("seal", "homeroom", ""):
        refused = principal.post("/hoc-ba/nhieu-lop/ky", data={"role": role, "pin": PIN, "lop": chosen})
        assert refused.status_code in (404, 422), role
    answer = principal.post(
        "/hoc-ba/nhieu-lop/ky", data={"role": "principal", "pin": PIN, "lop": chosen, "publish": "y"}
    )
    assert answer.status_code == 303
    wait(site, answer.location)
    assert "Hiệu trưởng ký, toàn trường" in principal.get(answer.location).text
    assert "Đóng dấu" in site("vanthu").get("/hoc-ba/nhieu-lop").text


def test_pause_go_on_and_the_rest_on_the_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    principal = site("hieutruong")
    monkeypatch.setattr(batches, "HOLD_SECONDS", 0.2)
    waited: list[int] = []
    wait_before, real = batches.may_go_on, batches.may_go_on

    def pause_first(batch_id: int, runner: str, *drain: object) -> bool:
        if not waited:
            waited.append(batch_id)
            answer = principal.post(f"/viec/{batch_id}/tam-dung")
            assert answer.status_code == 303
        return real(batch_id, runner, *drain)

    monkeypatch.setattr(batches, "may_go_on", pause_first)
    chosen = ids_on(principal.get("/hoc-ba/nhieu-lop").text)
    answer = principal.post("/hoc-ba/nhieu-lop/ky", data={"role": "principal", "pin": PIN, "lop": chosen})
    wait(site, answer.location)
    monkeypatch.setattr(batches, "may_go_on", wait_before)
    page = principal.get(answer.location).text
    assert "Tạm dừng, còn 8 bản" in page and "Khoá ký đã đóng" in page and 'id="pin"' in page
    assert 'id="pin"' not in site("vanthu").get(answer.location).text
    fragment = principal.get(answer.location, headers={"HX-Request": "true"}).text
    assert "Ký tiếp phần còn lại" in fragment and 'id="pin"' not in fragment, "what polls holds no PIN"
    closed = principal.post(answer.location + "/tiep")
    assert closed.status_code == 409 and "Nhập lại mã PIN" in closed.text
    assert principal.post(answer.location + "/phan-con-lai", data={"role": "principal", "pin": ""}).status_code == 422
    assert (
        site("vanthu").post(answer.location + "/phan-con-lai", data={"role": "principal", "pin": PIN}).status_code
        == 404
    )
    again = principal.post(answer.location + "/phan-con-lai", data={"role": "principal", "pin": PIN})
    assert again.location == answer.location
    wait(site, answer.location)
    assert "Xong 8 bản" in principal.get(answer.location).text
    late = principal.post(answer.location + "/tam-dung")
    assert late.status_code == 409 and "không còn đang chạy" in late.text


def test_the_principal_signs_the_batch_from_the_daily_page_and_stays_there(site: Site) -> None:
    principal = site("hieutruong")
    plain = principal.get("/hom-nay").text
    assert "4</span> lớp có học bạ chờ ký" in plain and 'id="pin"' not in plain
    page = principal.get("/hom-nay?ky=1").text
    chosen = ids_on(page)
    assert len(chosen) == 4 and 'id="pin"' in page and 'action="/hom-nay/ky"' in page
    nine = principal.get("/hom-nay?ky=principal&khoi_ky=9").text
    assert len(re.findall(r"checked data-choose", nine)) == 1, "a grade level"
    wrong = principal.post("/hom-nay/ky", data={"role": "principal", "pin": "00000000", "lop": chosen[:1]})
    assert wrong.status_code == 403 and "Còn 4 lần thử" in wrong.text and "Việc hôm nay" in wrong.text
    assert len(re.findall(r"checked data-choose", wrong.text)) == 1 and "00000000" not in wrong.text
    answer = principal.post("/hom-nay/ky", data={"role": "principal", "pin": PIN, "lop": chosen[:1]})
    assert answer.status_code == 303 and answer.location.startswith("/hom-nay?luot=")
    batch_id = int(re.search(r"luot=(\d+)", answer.location)[1])  # type: ignore[index]
    with site.app.app_context():
        document_pool.wait_for(batch_id)
    done = principal.get(answer.location).text
    assert "Xong 2 bản" in done and "Việc hôm nay" in done and "Ký lượt khác" in done
    assert "3</span> lớp có học bạ chờ ký" in principal.get("/hom-nay").text
    assert "Xong 2 bản" not in site("vanthu").get("/hom-nay?luot=999999").text
    # what waits for the seal is the clerk's, on the clerk's own page
    seal = site("vanthu").get("/hom-nay?ky=1").text
    assert len(ids_on(seal)) == 1 and 'name="role" value="seal"' in seal
    teacher = site("gv006")
    assert 'action="/hom-nay/ky"' not in teacher.get("/hom-nay?ky=1").text
    assert teacher.post("/hom-nay/ky", data={"role": "principal", "pin": PIN, "lop": chosen}).status_code == 403
