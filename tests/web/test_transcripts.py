"""The pages of transcripts, batches, certificates and the public check, as people meet them."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.db import db
from hocbaso.services import document_pool, stored_documents, test_school_keys
from tests.cast import NOW, PASSWORD, PEOPLE, Cast
from tests.conftest import make_app
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_template_fixture,
    built_template_fixture,
    issued_template_fixture,
)
from tests.services.test_overtaken_records import AUTUMN, refused
from tests.services.test_transcripts import records

AT = NOW + timedelta(hours=8)


class Site:
    """An application on a copy of an instance, and signed-in browsers of the cast."""

    def __init__(self, app: Flask, cast: Cast) -> None:
        self.app, self.cast = app, cast
        self.class_page = f"/hoc-ba/lop/{cast.classes['9A']}"
        self._clients: dict[str, FlaskClient] = {}

    def __call__(self, person: str | None) -> FlaskClient:
        if person is None:
            return self.app.test_client()
        if person not in self._clients:
            client = self.app.test_client()
            answer = client.post("/dang-nhap", data={"username": PEOPLE[person][0].lower(), "password": PASSWORD})
            assert answer.status_code in (302, 303)
            self._clients[person] = client
        return self._clients[person]

    def uuids(self) -> list[str]:
        with self.app.app_context():
            return [row.uuid for row in records()]


@pytest.fixture
def site_on(
    school_template: tuple[Path, Cast], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], Site]]:
    monkeypatch.setattr(clock, "now", lambda: AT)
    apps: list[Flask] = []

    def open_(template: Path) -> Site:
        shutil.copytree(template, tmp_path / "site")
        apps.append(make_app(tmp_path / "site"))
        return Site(apps[-1], school_template[1])

    yield open_
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def built_site(site_on: Callable[[Path], Site], built_template: Path) -> Site:
    return site_on(built_template)


@pytest.fixture
def issued_site(site_on: Callable[[Path], Site], issued_template: Path) -> Site:
    return site_on(issued_template)


def test_building_a_class_on_the_page(site_on: Callable[[Path], Site], approved_template: Path) -> None:
    site = site_on(approved_template)
    assert "Lập 3 học bạ" in site("clerk").get(site.class_page).text
    listed = site("math").get("/hoc-ba/").text
    assert "Lập 3 học bạ lớp 9A" in listed and "Nhiều lớp một lần" not in listed
    assert "Lập 3 học bạ" not in site("vice_principal").get("/hoc-ba/").text
    answer = site("clerk").post(site.class_page + "/lap", data={"issue_on": "2027-05-13", "deputy": "0"})
    assert answer.status_code == 303 and "/viec/" in answer.location
    with site.app.app_context():
        document_pool.wait_for(int(answer.location.rsplit("/", 1)[1]))
    page = site("clerk").get(answer.location).text
    assert "Xong 3 bản" in page and page.count("hx-trigger") == 1 and "Tiếp theo: giáo viên chủ nhiệm ký" in page
    page = site("math").get(answer.location).text
    assert "Ký 3 học bạ" in page and "Tiếp theo" not in page, "whoever signs next is led there"
    fragment = site("math").get(answer.location, headers={"HX-Request": "true"})
    assert fragment.headers["HX-Refresh"] == "true", "the rail counts anew with the last item"
    assert len(site.uuids()) == 3


def test_the_signer_finds_the_odd_one_first_and_signs_with_one_pin(built_site: Site) -> None:
    page = built_site("math").get(built_site.class_page).text
    assert page.index("Cần xem kĩ") < page.index("Nguyễn Bảo <b>Châu</b>") < page.index("Hoàng Thanh <b>Bình</b>")
    assert "Trịnh Thu Hà, giáo viên chủ nhiệm" in page and "thử nghiệm, không có giá trị pháp lý" in page
    wrong = built_site("math").post(
        built_site.class_page + "/ky", data={"role": "homeroom", "pin": "00000000", "chosen": built_site.uuids()}
    )
    assert wrong.status_code == 403 and "Còn 4 lần thử" in wrong.text and "00000000" not in wrong.text
    answer = built_site("math").post(
        built_site.class_page + "/ky",
        data={"role": "homeroom", "pin": test_school_keys.DEMO_PIN, "chosen": built_site.uuids()[:2]},
    )
    assert answer.status_code == 303
    with built_site.app.app_context():
        document_pool.wait_for(int(answer.location.rsplit("/", 1)[1]))
        assert [row.state for row in records()] == ["HOMEROOM_SIGNED", "HOMEROOM_SIGNED", "CREATED"]
    fragment = built_site("math").get(answer.location, headers={"HX-Request": "true"}).text
    assert fragment.strip().startswith('<div class="job" id="batch"') and "Xong 2 bản" in fragment


def test_the_panel_shows_only_at_ones_turn(built_site: Site) -> None:
    assert "Mã PIN" in built_site("math").get(built_site.class_page).text
    for person in ("principal", "clerk", "vice_principal"):
        page = built_site(person).get(built_site.class_page)
        assert page.status_code == 200 and "Mã PIN" not in page.text


@pytest.mark.parametrize(
    ("person", "status"), [("it_officer", 403), ("outsider", 403), ("board", 403), ("head_society", 404)]
)
def test_the_wrong_person_sees_no_class_no_record_no_file_no_batch(issued_site: Site, person: str, status: int) -> None:
    uuid = issued_site.uuids()[0]
    for path in (
        issued_site.class_page,
        f"/hoc-ba/{uuid}",
        f"/hoc-ba/{uuid}/pdf",
        f"/hoc-ba/{uuid}/tai-xml",
        "/viec/1",
    ):
        assert issued_site(person).get(path).status_code == status, path
    assert issued_site(None).get(f"/hoc-ba/{uuid}/pdf").status_code in (302, 303)


def test_a_record_shows_its_signatures_and_gives_its_files(issued_site: Site) -> None:
    uuid = issued_site.uuids()[0]
    page = issued_site("math").get(f"/hoc-ba/{uuid}").text
    assert page.count("chứng thư số") >= 3 and "Đoàn Thị Hải Yến" in page and "chưa ký" not in page
    shown = issued_site("math").get(f"/hoc-ba/{uuid}/pdf")
    assert shown.mimetype == "application/pdf" and shown.data.startswith(b"%PDF")
    assert shown.headers["Content-Disposition"].startswith("inline") and "no-store" in shown.headers["Cache-Control"]
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    saved = issued_site("math").get(f"/hoc-ba/{uuid}/tai-xml")
    assert saved.headers["Content-Disposition"].startswith("attachment") and saved.data.startswith(b"<HOC_BA")


def test_the_history_of_a_record_is_one_page_for_who_reads_the_class(issued_site: Site) -> None:
    uuid = issued_site.uuids()[0]
    assert f'href="/hoc-ba/{uuid}/lich-su"' in issued_site("math").get(f"/hoc-ba/{uuid}").text
    for person in ("math", "principal"):
        page = issued_site(person).get(f"/hoc-ba/{uuid}/lich-su")
        assert page.status_code == 200
        places = [
            page.text.index(words) for words in ("được chốt", "Lập học bạ", "Hiệu trưởng ký", "Đóng dấu nhà trường")
        ]
        assert places == sorted(places) and "1 bản, 0 hết hiệu lực" in page.text
    assert "lich-su" not in issued_site("clerk").get(f"/hoc-ba/{uuid}").text
    assert issued_site("clerk").get(f"/hoc-ba/{uuid}/lich-su").status_code == 404
    assert issued_site("head_society").get(f"/hoc-ba/{uuid}/lich-su").status_code == 404


def test_the_paper_of_the_first_pupil_who_needs_something_is_open(built_site: Site) -> None:
    page = built_site("math").get(built_site.class_page).text
    listed = list(dict.fromkeys(re.findall(r"xem=([0-9a-f-]{36})", page)))
    assert len(listed) == 3
    paper = re.findall(r'<iframe[^>]*src="/hoc-ba/([0-9a-f-]{36})/pdf#', page)
    assert paper == listed[:1]
    asked = built_site("math").get(built_site.class_page, query_string={"xem": listed[2]}).text
    assert re.findall(r'<iframe[^>]*src="/hoc-ba/([0-9a-f-]{36})/pdf#', asked) == [listed[2]]
    fragment = (
        built_site("math")
        .get(built_site.class_page, query_string={"xem": listed[1]}, headers={"HX-Request": "true"})
        .text
    )
    assert f"/hoc-ba/{listed[1]}/pdf" in fragment and "<html" not in fragment


def test_only_the_principal_recalls_and_a_reason_is_needed(issued_site: Site) -> None:
    path = f"/hoc-ba/{issued_site.uuids()[0]}/thu-hoi"
    assert issued_site("vice_principal").post(path, data={"reason": "x"}).status_code == 403
    assert issued_site("principal").post(path, data={"reason": ""}).status_code == 422
    assert issued_site("principal").post(path, data={"reason": "Sai nơi sinh"}).status_code == 303
    public = issued_site(None).get(f"/xac-thuc/{issued_site.uuids()[0]}").text
    assert "Học bạ đã thu hồi" in public and "Sai nơi sinh" not in public


def test_the_clerk_asks_and_the_record_stays_in_force_until_the_principal_decides(issued_site: Site) -> None:
    uuid = issued_site.uuids()[0]
    page = issued_site("clerk").get(f"/hoc-ba/{uuid}").text
    assert "Đề nghị thu hồi học bạ này" in page
    answer = issued_site("clerk").post(f"/hoc-ba/{uuid}/thu-hoi", data={"reason": "Sai nơi sinh", "paper": "TL 12"})
    assert answer.status_code == 303
    assert "Học bạ đã thu hồi" not in issued_site(None).get(f"/xac-thuc/{uuid}").text
    again = issued_site("math").post(f"/hoc-ba/{uuid}/thu-hoi", data={"reason": "Sai nơi sinh"})
    assert again.status_code == 409 and "đang chờ quyết định" in again.text
    assert "Duyệt thu hồi" not in issued_site("clerk").get("/thu-hoi/").text
    page = issued_site("principal").get("/thu-hoi/").text
    number = re.search(r"/thu-hoi/(\d+)/duyet", page)
    assert number is not None and "Sai nơi sinh" in page and "TL 12" in page
    refused = issued_site("principal").post(f"/thu-hoi/{number[1]}/khong-duyet", data={"note": ""})
    assert refused.status_code == 422 and "Xin ghi lí do" in refused.text
    assert issued_site("principal").post(f"/thu-hoi/{number[1]}/duyet", data={}).status_code == 303
    assert "Học bạ đã thu hồi" in issued_site(None).get(f"/xac-thuc/{uuid}").text
    assert "Lập lại học bạ" in issued_site("clerk").get("/thu-hoi/").text
    assert issued_site("principal").post(f"/thu-hoi/{number[1]}/duyet", data={}).status_code == 409


def test_a_paper_that_is_wrong_and_in_force_stands_first_and_is_asked_for_again(
    issued_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = AUTUMN + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: now)
    with issued_site.app.app_context():
        uuid = refused(issued_site.cast).uuid
        db.session.remove()
    for person in ("principal", "clerk"):
        page = issued_site(person).get("/thu-hoi/").text
        assert f'id="sai-{uuid}"' in page and "CV 12" in page and "Đề nghị thu hồi lại" in page
        assert page.index("khác kết quả đã chốt") < page.index("Danh sách gửi cấp trên")
        assert "Học bạ đang có hiệu lực khác kết quả đã chốt" in issued_site(person).get("/hom-nay").text
    assert "Khác kết quả đã chốt" in issued_site("clerk").get(f"/hoc-ba/{uuid}").text
    assert "Khác kết quả đã chốt: đề nghị thu hồi lại" in issued_site("math").get(issued_site.class_page).text
    assert f'id="sai-{uuid}"' not in issued_site("other").get("/thu-hoi/").text
    answer = issued_site("principal").post(f"/hoc-ba/{uuid}/thu-hoi", data={"reason": "Gửi thêm minh chứng"})
    assert answer.status_code == 303
    assert f'id="sai-{uuid}"' not in issued_site("principal").get("/thu-hoi/").text
    assert "Lập danh sách thu hồi gửi cấp trên, năm học 2026–2027" in issued_site("clerk").get("/hom-nay").text


def test_signing_after_a_break_is_offered_again(built_site: Site) -> None:
    from hocbaso.services import signing

    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    with built_site.app.app_context(), pytest.raises(PowerCut):
        signing.sign_class(
            built_site.cast.actor("math"),
            built_site.cast.classes["9A"],
            "homeroom",
            test_school_keys.DEMO_PIN,
            AT,
            on_item=cut,
        )
    page = built_site("math").get(built_site.class_page).text
    assert "Bị ngắt giữa chừng" in page and "Ký tiếp phần còn lại" in page and "Mã PIN" in page


def test_certificates_page_for_each(issued_site: Site) -> None:
    assert "con dấu nhà trường" in issued_site("clerk").get("/chung-thu-so/").text
    officer = issued_site("it_officer").get("/chung-thu-so/").text
    assert "Trịnh Thu Hà" in officer and "Khoá trong tệp .p12" not in officer
    assert issued_site("board").get("/chung-thu-so/").status_code == 403


# --- the public page ----------------------------------------------------------------------------------------------------


def upload(site: Site, data: bytes, name: str = "hoc-ba.pdf"):  # type: ignore[no-untyped-def]
    return site(None).post("/xac-thuc", data={"tep": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def test_a_stranger_checks_a_code(issued_site: Site) -> None:
    uuid = issued_site.uuids()[1]
    typed = issued_site(None).get("/xac-thuc", query_string={"ma": uuid.upper().replace("-", " ")})
    assert typed.status_code == 303 and typed.location.endswith(uuid)
    page = issued_site(None).get(f"/xac-thuc/{uuid}").text
    assert "Mã thật, học bạ còn hiệu lực" in page and "N. B. C." in page
    assert "Châu" not in page and "14/03" not in page and not re.search(r"Tốt|8,", page)
    assert "mới có 31" in issued_site(None).get("/xac-thuc", query_string={"ma": uuid[:-1]}).text
    unknown = issued_site(None).get("/xac-thuc/7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4")
    assert unknown.status_code == 404 and "Không tìm thấy mã này" in unknown.text


def test_a_stranger_checks_files(issued_site: Site) -> None:
    with issued_site.app.app_context():
        row = records()[1]
        pdf, xml = (stored_documents.read(digest) for digest in (row.pdf_digest, row.xml_digest))
    for data in (pdf, xml):
        good = upload(issued_site, data)
        assert (
            good.status_code == 200
            and "Học bạ thật, còn hiệu lực" in good.text
            and good.text.count("nội dung không đổi từ đó") == 3
        )
    bad = bytearray(pdf)
    bad[30_000] ^= 1
    spoilt = upload(issued_site, bytes(bad))
    # Which of the two it is depends on what the byte belonged to: a part all three signed, or one that nothing can read.
    assert spoilt.status_code == 422 and "Đừng dùng tệp này" in spoilt.text and "Học bạ thật" not in spoilt.text
    assert upload(issued_site, b"hello").status_code == 422
    assert "Chọn tệp học bạ" in upload(issued_site, b"").text


def test_a_file_signed_with_a_home_made_key_is_told_so_and_not_called_altered(issued_site: Site) -> None:
    from hocbaso.documents import pades
    from hocbaso.documents.signers import SoftwareKeySigner
    from hocbaso.documents.test_authority import TestAuthority, demo_image

    with issued_site.app.app_context():
        pdf = stored_documents.read(records()[1].unsigned_pdf_digest)
    home_made = TestAuthority.create(NOW)
    for role, name in (
        ("homeroom", "Trịnh Thu Hà"),
        ("principal", "Đoàn Thị Hải Yến"),
        ("seal", "Trường THCS Đồng Sen"),
    ):
        signer = SoftwareKeySigner(*home_made.issue(name, now=NOW))
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=pades.Mark(name, "Đồng Sen", demo_image("seal")))
    answer = upload(issued_site, pdf)
    assert answer.status_code == 422 and "Không phải chữ ký của nhà trường" in answer.text
    assert answer.text.count("không nằm trong số khoá mà trường tin cậy") == 3
    assert "bị sửa" not in answer.text and "thay đổi sau khi ký" not in answer.text


# --- publishing ---------------------------------------------------------------------------------------------------------


def sign_on_the_page(site: Site, person: str, role: str, **more: str) -> None:
    answer = site(person).post(
        site.class_page + "/ky",
        data={"role": role, "pin": test_school_keys.DEMO_PIN, "chosen": site.uuids(), **more},
    )
    assert answer.status_code == 303
    with site.app.app_context():
        document_pool.wait_for(int(answer.location.rsplit("/", 1)[1]))


def test_the_principal_s_choice_decides_what_the_clerk_s_seal_does(built_site: Site) -> None:
    sign_on_the_page(built_site, "math", "homeroom")
    page = built_site("principal").get(built_site.class_page).text
    assert re.search(r'name="publish" value="y" checked', page) and "Công bố ngay khi văn thư đóng dấu" in page
    assert 'name="publish"' not in built_site("math").get(built_site.class_page).text
    sign_on_the_page(built_site, "principal", "principal")  # the box is not ticked
    clerk = built_site("clerk").get(built_site.class_page).text
    assert "3</span> bản đóng dấu xong sẽ chờ Hiệu trưởng công bố" in clerk and 'name="publish"' not in clerk
    sign_on_the_page(built_site, "clerk", "seal", publish="y")  # only the principal's form counts
    clerk = built_site("clerk").get(built_site.class_page).text
    assert "chờ Hiệu trưởng hoặc người được uỷ quyền công bố" in clerk and "/cong-bo" not in clerk
    assert built_site("clerk").post(built_site.class_page + "/cong-bo").status_code == 403
    day = built_site("principal").get("/hom-nay").text
    assert "Công bố 3 học bạ lớp 9A" in day and f'formaction="{built_site.class_page}/cong-bo"' in day
    done = built_site("principal").post(built_site.class_page + "/cong-bo", data={"ve": "hom-nay"})
    assert done.status_code == 303 and done.location.endswith("/hom-nay")
    with built_site.app.app_context():
        assert {row.state for row in records()} == {"PUBLISHED"}


def test_with_the_order_the_clerk_reads_that_the_seal_publishes(built_site: Site) -> None:
    sign_on_the_page(built_site, "math", "homeroom")
    sign_on_the_page(built_site, "principal", "principal", publish="y")
    assert (
        'cho công bố <span class="num">3</span> bản ngay khi đóng dấu'
        in built_site("clerk").get(built_site.class_page).text
    )
    sign_on_the_page(built_site, "clerk", "seal")
    with built_site.app.app_context():
        assert {row.state for row in records()} == {"PUBLISHED"}


def test_an_address_that_asks_too_often_is_told_to_wait(issued_site: Site) -> None:
    statuses = [issued_site(None).get("/xac-thuc/7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4").status_code for _ in range(31)]
    assert statuses[29] == 404 and statuses[30] == 429
    assert issued_site(None).get("/xac-thuc").status_code == 200
