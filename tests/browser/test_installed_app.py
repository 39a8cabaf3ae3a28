"""The school over HTTPS in a browser that trusts its root: no warning, installable, sheets without network, and gone with the person."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hocbaso import clock
from hocbaso.documents import lan_authority
from hocbaso.documents.certificate_parts import begin, usage
from tests.axe import findings
from tests.demo_site import CHROMIUM, CHROMIUM_ARGS, ROOT, Site, Visitor, environment, load_sample, run_flask

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

NAME = "hocba.truong.test"
BELOW = f"khac.{NAME}"
FOREIGN = "nganhang.test"
MOST = 16
KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys()) if (name.startsWith("hocbaso-pages-"))
    for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
  return found.sort();
}"""


@dataclass
class School:
    """A sample school on HTTPS that can be switched off and on again."""

    site: Site
    port: int
    plain_port: int
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve, and wait until the health check answers over trusted TLS."""
        variables = environment(self.site.instance, self.port) | {"HOCBASO_PLAIN_PORT": str(self.plain_port)}
        with (self.site.instance / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "flask", "serve"], cwd=ROOT, env=variables, stdout=log, stderr=log
            )
        trusting = ssl.create_default_context(cafile=str(self.site.instance / "tls" / "ca.pem"))
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"https://127.0.0.1:{self.port}/healthz", timeout=2, context=trusting):
                    return
            except (urllib.error.URLError, OSError):
                assert self.server.poll() is None, (self.site.instance / "server.log").read_text("utf-8", "replace")
                time.sleep(0.2)
        raise AssertionError((self.site.instance / "server.log").read_text("utf-8", "replace"))

    def stop(self) -> None:
        """End the server; what browsers still ask finds nobody."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait(5)
        self.server = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    instance = tmp_path_factory.mktemp("https") / "instance"
    load_sample(instance, "entry", tmp_path_factory)
    made = run_flask(instance, "tls", "init", "--host", NAME, "--host", "127.0.0.1")
    assert made.returncode == 0, made.stderr

    accounts = json.loads(run_flask(instance, "demo", "accounts", "--json").stdout)
    port = free_port()
    found = School(Site(f"https://{NAME}:{port}", instance, accounts), port, free_port())
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, school: School) -> Path:
    """A home folder whose NSS database trusts the school's root: what Chromium on Linux reads."""
    folder = tmp_path_factory.mktemp("home")
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True)
    root = school.site.instance / "tls" / "ca.pem"
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "truong", "-i", str(root)], check=True, capture_output=True)
    return folder


ARGS = [*CHROMIUM_ARGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1,MAP {BELOW} 127.0.0.1,MAP {FOREIGN} 127.0.0.1"]


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with playwright.sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(driver: Any, home: Path) -> Iterator[Any]:
    found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS, env={**os.environ, "HOME": str(home)})
    yield found
    found.close()


def wait_for_kept(page: Any, enough: Any) -> list[str]:
    """The kept pages, once ``enough`` says yes of their addresses (or after ten seconds)."""
    kept: list[str] = []
    for _ in range(50):
        kept = page.evaluate(KEPT)
        if enough(kept):
            break
        page.wait_for_timeout(200)
    return kept


def first_sheet(visitor: Visitor) -> str:
    """Open the first sheet of the list, and its address."""
    visitor.open("/bang-diem/")
    visitor.page.click(".sheets__name >> nth=0")
    visitor.page.wait_for_load_state("load")
    return str(visitor.page.evaluate("location.pathname"))


def test_a_browser_that_trusts_the_root_opens_the_school_without_a_warning(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    answer = visitor.page.goto(school.site.base + "/bang-diem/")
    assert answer.status == 200 and answer.security_details()["protocol"] in ("TLS 1.3", "TLS 1.2")
    assert "max-age=31536000" in answer.headers["strict-transport-security"]
    (cookie,) = visitor.context.cookies()
    assert cookie["name"] == "__Host-hocbaso" and cookie["secure"] and cookie["httpOnly"] and cookie["path"] == "/"
    assert visitor.trouble == []
    visitor.context.close()


def test_a_browser_that_does_not_trust_it_is_stopped(driver: Any, school: School, tmp_path: Path) -> None:
    other = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS, env={**os.environ, "HOME": str(tmp_path)})
    page = other.new_page()
    with pytest.raises(playwright.Error, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(school.site.base + "/tin-cay")
    other.close()


def served_by_a_thief(school: School, name: str, folder: Path) -> http.server.HTTPServer:
    """A server with a certificate for ``name`` signed with the stolen key of the school's root."""
    root = x509.load_pem_x509_certificate((school.site.instance / "tls" / "ca.pem").read_bytes())
    root_key: Any = serialization.load_pem_private_key((school.site.instance / "tls" / "ca-key.pem").read_bytes(), None)
    key, now = lan_authority.new_key(), clock.now()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = (
        begin(subject, root.subject, key, root_key, now - timedelta(hours=1), now + timedelta(days=30))
        .add_extension(usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    pair = folder / f"{name}.pem"
    pair.write_bytes(leaf.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.slow
def test_the_roots_key_cannot_play_another_site(browser: Any, school: School, tmp_path: Path) -> None:
    page = browser.new_page()
    inside = served_by_a_thief(school, BELOW, tmp_path)
    assert page.goto(f"https://{BELOW}:{inside.server_port}/").ok, "the same certificate under the school's name passes"
    outside = served_by_a_thief(school, FOREIGN, tmp_path)
    with pytest.raises(playwright.Error, match="ERR_CERT_"):
        page.goto(f"https://{FOREIGN}:{outside.server_port}/")
    page.close()
    inside.shutdown()
    outside.shutdown()


def test_the_plain_port_teaches_and_does_nothing_else(browser: Any, school: School) -> None:
    plain = f"http://127.0.0.1:{school.plain_port}"

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_arguments: Any) -> None:
            return None

    def ask(path: str, data: bytes | None = None) -> Any:
        try:
            return urllib.request.build_opener(Stay).open(urllib.request.Request(plain + path, data), timeout=10)
        except urllib.error.HTTPError as answer:
            return answer

    root = ask("/ca.crt")
    assert root.headers["Content-Type"] == "application/x-x509-ca-cert"
    digest = lan_authority.fingerprint(x509.load_der_x509_certificate(root.read()))
    page = ask("/tin-cay")
    text = page.read().decode()
    assert page.status == 200 and "Set-Cookie" not in page.headers
    assert all(f"<span>{group}</span>" in text for group in lan_authority.in_groups(digest))
    assert f"https://{NAME}:{school.port}" in text
    for path in ("/", "/dang-nhap", "/bang-diem/", "/healthz", "/metrics", "/sw.js"):
        led = ask(path)
        assert (led.status, led.headers["Location"]) == (302, "/tin-cay"), path
    assert ask("/dang-nhap", b"username=a&password=b").status == 404
    visitor = Visitor(browser, Site(plain, school.site.instance, []))
    visitor.open("/tin-cay")
    assert visitor.axe() == [] and visitor.trouble == []
    visitor.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_the_page_of_trust_is_accessible_and_fits(browser: Any, school: School, scheme: str, width: int) -> None:
    visitor = Visitor(browser, school.site, viewport={"width": width, "height": 900}, color_scheme=scheme)
    visitor.open("/tin-cay")
    assert visitor.axe() == [] and visitor.trouble == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    pictures = visitor.page.locator("svg.screen")
    assert pictures.count() >= 12
    assert all(pictures.nth(one).get_attribute("aria-label") for one in range(pictures.count()))
    visitor.context.close()


def test_the_school_can_be_installed(driver: Any, home: Path, school: School, tmp_path: Path) -> None:
    # Incognito contexts, as all others here are, can't install anything: this one is a profile on the disk.
    context = driver.chromium.launch_persistent_context(
        str(tmp_path), executable_path=CHROMIUM, args=ARGS, env={**os.environ, "HOME": str(home)}, locale="vi-VN"
    )
    page = context.new_page()
    page.goto(school.site.base + "/dang-nhap")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    session = context.new_cdp_session(page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == [] and "Học bạ số" in manifest["data"]
    context.close()


def test_a_sheet_opens_after_a_cold_start_without_the_server(
    driver: Any, home: Path, school: School, tmp_path: Path
) -> None:
    def start() -> Any:
        return driver.chromium.launch_persistent_context(
            str(tmp_path), executable_path=CHROMIUM, args=ARGS, env={**os.environ, "HOME": str(home)}, locale="vi-VN"
        )

    account = school.site.account("Giáo viên Toán 6A")
    context = start()
    page = context.new_page()
    page.goto(school.site.base + "/dang-nhap")
    page.fill('input[name="username"]', account["username"])
    page.fill('input[name="password"]', account["password"])
    page.press('input[name="password"]', "Enter")
    page.wait_for_url(lambda url: "dang-nhap" not in url)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto(school.site.base + "/bang-diem/")
    listed = page.eval_on_selector_all(
        'main a[data-own][href^="/bang-diem/"]', "links => links.map(link => link.getAttribute('href'))"
    )
    sheets = list(dict.fromkeys(path for path in listed if path.removeprefix("/bang-diem/").isdigit()))
    kept = wait_for_kept(page, lambda found: len(found) > min(MOST, len(sheets)))
    assert set(kept) == {*sheets[:MOST], "/bang-diem/"}, (
        "the list, and the first of one's own sheets on it though none was opened"
    )
    sheet = sheets[0]
    names = page.evaluate("path => fetch(path).then(answer => answer.text())", sheet)
    context.close()
    school.stop()
    try:
        context = start()
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(school.site.base + sheet)
        page.wait_for_selector(".kept")
        said = page.inner_text(".kept")
        assert "Bản lưu lúc" in said and "chưa có mạng" in said
        old = "fetch('/static/js/grid@0123456789abcdef/main.js').then(answer => answer.text())"
        assert "IndexedDB" in page.evaluate(old), "a page from before an update finds the modules under their new name"
        cell = page.locator("td.cell input").first
        assert cell.evaluate("box => getComputedStyle(box).fontFamily").startswith(('"Hocbaso Figures"', "Hocbaso"))
        assert page.locator("th.name b, td.name b").first.inner_text() in names
        assert findings(page) == []
        page.goto(school.site.base + "/")
        assert page.locator(".sheets__name").count() > 0, "the start page is the list of sheets"
        page.goto(school.site.base + "/hoc-ba/")
        assert "Chưa có mạng" in page.inner_text("h1")
        assert account["username"] not in page.content()
        assert trouble == []
        page.goto(school.site.base + sheet)
        page.wait_for_selector(".kept")
        school.start()
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_selector(".kept a:has-text('Mở bản mới'), dialog[open]", timeout=30_000)
    finally:
        if school.server is None:
            school.start()
        context.close()


def test_the_kept_copy_follows_what_was_typed(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    sheet = first_sheet(visitor)
    assert sheet in wait_for_kept(visitor.page, lambda found: sheet in found)
    cell = visitor.page.locator("td.cell input").first
    cell.fill("3,1" if cell.input_value() != "3,1" else "3,2")
    typed = cell.input_value()
    with visitor.page.expect_response(lambda answer: "/o/" in answer.url and answer.status == 200):
        cell.press("Enter")
    visitor.page.evaluate(
        """Object.defineProperty(document, 'visibilityState', {value: 'hidden'});
        document.dispatchEvent(new Event('visibilitychange'))"""
    )
    for _ in range(50):
        copy = visitor.page.evaluate(
            """async path => {
              for (const name of await caches.keys()) if (name.startsWith("hocbaso-pages-"))
                return (await (await caches.open(name)).match(path)).text();
            }""",
            sheet,
        )
        if f'value="{typed}"' in copy:
            break
        visitor.page.wait_for_timeout(200)
    assert f'value="{typed}"' in copy
    visitor.context.close()


def test_what_was_kept_goes_with_sign_out_and_with_the_end_of_the_session(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    sheet = first_sheet(visitor)
    assert sheet in wait_for_kept(visitor.page, lambda found: sheet in found)
    visitor.page.click("form.topbar__out button")
    visitor.page.wait_for_url("**/dang-nhap")
    assert visitor.page.evaluate(KEPT) == []
    # and when the server, not the person, ended it
    visitor.page.fill('input[name="username"]', visitor.account["username"])
    visitor.page.fill('input[name="password"]', visitor.account["password"])
    visitor.page.press('input[name="password"]', "Enter")
    visitor.page.wait_for_url(lambda url: "dang-nhap" not in url)
    sheet = first_sheet(visitor)
    assert sheet in wait_for_kept(visitor.page, lambda found: sheet in found)
    visitor.context.clear_cookies()
    visitor.page.goto(school.site.base + sheet)
    assert "/dang-nhap" in visitor.page.url
    assert wait_for_kept(visitor.page, lambda found: found == []) == []
    visitor.context.close()


def test_another_account_on_the_same_tablet_finds_nothing(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    sheet = first_sheet(visitor)
    assert sheet in wait_for_kept(visitor.page, lambda found: sheet in found)
    other = Visitor(browser, school.site, "Phụ trách CNTT")
    # the other person's cookie without any sign-out or sign-in page seen by this browser
    visitor.context.clear_cookies()
    visitor.context.add_cookies(other.context.cookies())
    visitor.page.goto(school.site.base + "/tai-khoan")
    assert wait_for_kept(visitor.page, lambda found: found == []) == []
    visitor.context.close()
    other.context.close()


@pytest.mark.slow
def test_only_sheets_of_somebody_who_types_are_kept(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Hiệu trưởng")
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    for path in ("/hom-nay", "/bang-diem/", "/lop/", "/hoc-ba/", "/nguoi-dung/danh-sach", "/tai-khoan", "/may-chu"):
        visitor.open(path)
    first_sheet(visitor)
    visitor.page.wait_for_timeout(2500)
    assert visitor.page.evaluate(KEPT) == []
    visitor.context.close()
    teacher = Visitor(browser, school.site, "Giáo viên chủ nhiệm 9A")
    teacher.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    for path in ("/lop/", "/hoc-ba/", "/tai-khoan", "/bang-diem/?lop=9A", "/xac-thuc", "/hom-nay"):
        teacher.open(path)
    teacher.page.wait_for_timeout(2500)
    kept = teacher.page.evaluate(KEPT)
    assert all(path.startswith("/bang-diem/") for path in kept), kept
    teacher.context.close()


@pytest.mark.slow
def test_a_page_in_use_survives_a_new_worker(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    first_sheet(visitor)
    cell = visitor.page.locator("td.cell input").first
    cell.evaluate("box => { box.value = '7,5'; window.stillHere = true; }")
    visitor.page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.getRegistration();
          await registration.unregister();
          await navigator.serviceWorker.register('/sw.js?moi=1', {scope: '/'});
          await new Promise(done => setTimeout(done, 1500));
        }"""
    )
    assert cell.input_value() == "7,5" and visitor.page.evaluate("window.stillHere") is True
    visitor.context.close()


@pytest.mark.slow
def test_the_printed_sheet_has_all_its_borders(browser: Any, school: School, tmp_path: Path) -> None:
    """Two pages of A4; at one dot a point, where a border outside the sheet by a fraction is lost, both sides are drawn."""
    from PIL import Image

    visitor = Visitor(browser, school.site)
    visitor.open("/tin-cay")
    visitor.page.pdf(path=str(tmp_path / "trust.pdf"), prefer_css_page_size=True)
    visitor.context.close()
    subprocess.run(["pdftoppm", "-r", "72", "-gray", tmp_path / "trust.pdf", tmp_path / "sheet"], check=True)
    pages = sorted(tmp_path.glob("sheet-*.pgm"))
    assert len(pages) == 2
    for page in pages:
        image = Image.open(page)
        band = image.crop((0, image.height // 7, image.width, image.height // 5))
        columns = [sum(255 - band.getpixel((x, y)) for y in range(band.height)) for x in range(band.width)]
        lines = [x for x, ink in enumerate(columns) if ink > 60 * band.height]
        assert lines and lines[0] < image.width // 10 and lines[-1] > image.width * 9 // 10, page.name


@pytest.mark.slow
def test_nothing_is_asked_of_another_host(browser: Any, school: School) -> None:
    visitor = Visitor(browser, school.site, "Giáo viên Toán 6A")
    asked: set[str] = set()
    visitor.context.on("request", lambda request: asked.add(request.url.split("/")[2]))
    for path in ("/tin-cay", "/bang-diem/", "/tai-khoan", "/chua-co-mang"):
        visitor.open(path)
    visitor.page.wait_for_timeout(2000)
    assert asked == {f"{NAME}:{school.port}"} and visitor.trouble == []
    visitor.context.close()


def test_over_plain_http_there_is_no_worker_and_no_error(browser: Any, school: School) -> None:
    visitor = Visitor(browser, Site(f"http://127.0.0.1:{school.plain_port}", school.site.instance, []))
    visitor.open("/tin-cay")
    visitor.page.wait_for_timeout(500)
    assert visitor.page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0
    assert visitor.trouble == []
    visitor.context.close()


@pytest.mark.slow
def test_a_renewed_certificate_is_taken_up_without_losing_a_request(school: School) -> None:
    trusting = ssl.create_default_context(cafile=str(school.site.instance / "tls" / "ca.pem"))

    def shown() -> int:
        pem = ssl.get_server_certificate(("127.0.0.1", school.port))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    before = shown()
    assert school.site.flask("tls", "init").returncode == 0
    renewed = x509.load_pem_x509_certificate((school.site.instance / "tls" / "cert.pem").read_bytes()).serial_number
    assert shown() == before != renewed, "the server does not look by itself in the middle of work"
    assert school.server is not None
    school.server.send_signal(signal.SIGHUP)  # what jobs/certificate_watch.py sends to its parent
    for _ in range(300):
        with urllib.request.urlopen(f"https://127.0.0.1:{school.port}/healthz", timeout=10, context=trusting) as answer:
            assert answer.status == 200
        # Both serve for a while, then the old one is gone; a short run of answers may be the new one's by luck alone.
        if all(shown() == renewed for _ in range(30)):
            break
        time.sleep(0.2)
    else:
        pytest.fail("the old certificate is still shown")
    for _ in range(60):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{school.plain_port}/ca.crt", timeout=5):
                break
        except OSError:
            time.sleep(0.5)
    else:
        raise AssertionError("the new worker did not take over the plain port")
