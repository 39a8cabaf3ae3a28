"""What the README promises a newcomer: a class built, signed, sealed and published by clicking, checked by a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo_site import CHROMIUM, CHROMIUM_ARGS, N_STUDENTS, Site, Visitor, served

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    instance = tmp_path_factory.mktemp("newcomer") / "instance"
    with served(instance, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield found
        found.close()


def sign(visitor: Visitor) -> None:
    """Sign what is ticked on the class page with one PIN, and stay until the machine says how many are done."""
    visitor.page.fill("#pin", visitor.account["pin"])
    visitor.page.click("#ky button[type=submit]")
    visitor.page.wait_for_selector(f"#batch:has-text('Xong {N_STUDENTS} bản')", timeout=60_000)
    assert visitor.trouble == []


def check_file(visitor: Visitor, data: bytes, name: str) -> str:
    """Upload a file on the public page; the text of the answer."""
    visitor.page.goto(f"{visitor.site.base}/xac-thuc")
    visitor.page.set_input_files("#tep", {"name": name, "mimeType": "application/pdf", "buffer": data})
    visitor.page.click(
        "button:has-text('Kiểm tra tệp')", timeout=60_000
    )  # a process for documents may have to start first
    visitor.page.wait_for_selector("text=Kết quả kiểm tra")
    return str(visitor.page.inner_text("main"))


def test_a_newcomer_signs_a_class_and_a_stranger_believes_only_the_true_file(
    browser: Any, site: Site, tmp_path: Path
) -> None:
    homeroom = Visitor(browser, site, "Giáo viên chủ nhiệm 9A")
    homeroom.open("/hom-nay")
    homeroom.page.click(f"main a:has-text('Lập {N_STUDENTS} học bạ lớp 9A')")
    class_page = homeroom.page.url
    homeroom.page.click("button:has-text('Lập học bạ')")
    homeroom.page.wait_for_selector(f"#batch:has-text('Xong {N_STUDENTS} bản')", timeout=60_000)
    homeroom.page.click("text=Về trang lớp 9A")
    assert homeroom.page.url == class_page
    sign(homeroom)

    principal = Visitor(browser, site, "Hiệu trưởng")
    principal.open("/hom-nay")
    principal.page.click(f"main a:has-text('Ký {N_STUDENTS} học bạ lớp 9A')")
    sign(principal)

    clerk = Visitor(browser, site, "Văn thư")
    clerk.open("/hom-nay")
    clerk.page.click(f"main a:has-text('Đóng dấu {N_STUDENTS} học bạ lớp 9A')")
    assert "chờ đóng dấu" in clerk.page.inner_text("main").lower()
    assert f"cho công bố {N_STUDENTS} bản ngay khi đóng dấu" in clerk.page.inner_text("main")
    sign(clerk)
    clerk.page.click("text=Về trang lớp 9A")
    assert clerk.page.locator(".tr-row:has-text('Đã công bố')").count() == N_STUDENTS
    assert clerk.page.locator("button:has-text('Công bố')").count() == 0
    assert clerk.trouble == []

    exported = site.flask("transcript", "export", "--class", "9A", "--out", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    papers = sorted((tmp_path / "out").glob("*.pdf"))
    assert len(papers) == N_STUDENTS and len(list((tmp_path / "out").glob("*.xml"))) == N_STUDENTS
    paper = papers[0].read_bytes()

    stranger = Visitor(browser, site)
    stranger.open("/dang-nhap")
    stranger.page.click("a:has-text('Kiểm tra học bạ')")  # who has no account finds the public page from the front door
    stranger.page.wait_for_url("**/xac-thuc")
    answer = check_file(stranger, paper, papers[0].name)
    assert "Học bạ thật, còn hiệu lực" in answer and answer.count("nội dung không đổi từ đó") == 3
    assert stranger.trouble == []
    code = next(word for word in answer.split() if word.count("-") == 4 and len(word) == 36)
    stranger.open(f"/xac-thuc/{code}")
    assert "Mã thật, học bạ còn hiệu lực" in stranger.page.inner_text("main")

    flipped = bytearray(paper)
    flipped[len(flipped) // 2] ^= 1
    answer = check_file(stranger, bytes(flipped), papers[0].name)
    assert "Học bạ thật" not in answer and "thay đổi sau khi ký" in answer
    verdict = tmp_path / "flipped.pdf"
    verdict.write_bytes(bytes(flipped))
    assert site.flask("transcript", "verify", str(verdict)).returncode == 1
    assert site.flask("transcript", "verify", str(papers[0])).returncode == 0

    chain = site.flask("audit", "verify")
    assert chain.returncode == 0, chain.stdout + chain.stderr
