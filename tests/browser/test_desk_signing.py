"""A token at the signer's own computer, in Chromium on another machine than the server: two network namespaces joined by a cable.

The server stands at 192.168.77.1 with the school's own authority; the browser, the helper and the SoftHSM2 token at 192.168.77.2. So the
page is one of a local network that asks for this computer's loopback address, and the browser's local-network rules apply as in a school.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from werkzeug.serving import make_server

from hocbaso import clock
from hocbaso.db import db
from hocbaso.documents import lan_authority
from hocbaso.factory import create_app
from hocbaso.services import audit_verify, document_pool, instance_keys, stored_documents, test_school_keys, trust_roots
from hocbaso_ky import PORT
from tests.axe import findings
from tests.browser import batch_page
from tests.browser.test_signing import enter
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.helper_process import HelperProcess, running
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records
from tests.soft_token import PIN, SoftToken, make_token

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

PRINCIPAL = "Đoàn Thị Hải Yến"
SERVER, SAFE, PLAIN, OTHER = "192.168.77.1", 8443, 8080, 9443
CLONE_NEWNET = 0x40000000


def picture(page: Any, name: str) -> None:
    """A screenshot, where somebody asked for one by HOCBASO_SCREENSHOTS."""
    if folder := os.environ.get("HOCBASO_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclasses.dataclass(frozen=True)
class Cable:
    """The names of the two network namespaces."""

    server: str
    clerk: str

    def inside(self, act: Callable[[], Any]) -> Any:
        """Run something in a thread that stands in the server's network; sockets made there stay there."""
        box: list[Any] = []

        def body() -> None:
            with open(f"/run/netns/{self.server}") as handle:
                assert ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) == 0
            box.append(act())

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        return box[0]

    def at_the_clerks(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.clerk)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    found = Cable(f"hbs{os.getpid()}", f"hbc{os.getpid()}")
    ends = f"vs{os.getpid()}"[:15], f"vc{os.getpid()}"[:15]
    try:
        ip("netns", "add", found.server)
        ip("netns", "add", found.clerk)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in ((found.server, ends[0], SERVER), (found.clerk, ends[1], "192.168.77.2")):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield found
    finally:
        for name in (found.server, found.clerk):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The school's authority and the server's certificate, and a home whose browser trusts that authority."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.now(UTC)
    names = lan_authority.LanNames.parse((SERVER,))
    root_key, key = lan_authority.new_key(), lan_authority.new_key()
    root = lan_authority.create_authority(root_key, names, "Trường THCS Đồng Sen", now)
    leaf = lan_authority.issue_leaf(root, root_key, key, names, now)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.public_bytes(pem))
    (folder / "cert.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "print").write_text(" ".join(lan_authority.in_groups(lan_authority.fingerprint(leaf))))
    store = folder / "home" / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True)
    trusted = [*certutil, "-A", "-t", "C,,", "-n", "truong", "-i", str(folder / "ca.pem")]
    subprocess.run(trusted, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def launch(cable: Cable, tls: Path) -> Iterator[Callable[..., Any]]:
    """Chromium at the clerk's computer, steered over a pipe: no port of it is needed in the other network."""
    script = tls / "chromium-at-the-clerks"
    script.write_text(f'#!/bin/sh\nexec {" ".join(cable.at_the_clerks())} /usr/bin/chromium "$@"\n')
    script.chmod(0o755)
    with playwright.sync_playwright() as driver, contextlib.ExitStack() as stack:

        def start(*arguments: str) -> Any:
            found = driver.chromium.launch(
                executable_path=str(script),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", *arguments],
                env={**os.environ, "HOME": str(tls / "home")},
            )
            stack.callback(found.close)
            return found

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Any:
    return launch()


@dataclasses.dataclass
class School:
    """The server, and what its pages are called."""

    app: Any
    cast: Cast
    base: str
    plain: str
    token: SoftToken


@pytest.fixture
def school_site(
    cable: Cable,
    tls: Path,
    built_template: Path,
    school_template: tuple[Path, Cast],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[School]:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=8))
    shutil.copytree(built_template, tmp_path / "site")
    plain_app = make_app(tmp_path / "site")
    app = create_app(config=dataclasses.replace(plain_app.config["HOCBASO"], https=True))
    pair = (str(tls / "cert.pem"), str(tls / "key.pem"))
    servers = [
        cable.inside(lambda: make_server(SERVER, SAFE, app, threaded=True, ssl_context=pair)),
        cable.inside(lambda: make_server(SERVER, PLAIN, plain_app, threaded=True)),
    ]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    token = make_token(tmp_path / "hsm", monkeypatch, bad=True)
    token.wish("")
    yield School(app, school_template[1], f"https://{SERVER}:{SAFE}", f"http://{SERVER}:{PLAIN}", token)
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join(5)
        server.server_close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def helper_at_the_clerks(cable: Cable, school: School, tmp_path: Path) -> Iterator[HelperProcess]:
    with running(tmp_path / "ky", school.token.driver, prefix=cable.at_the_clerks()) as found:
        found.replies["pin"] = PIN
        yield found


def new_key(school: School, kind: str) -> None:
    with school.app.app_context():
        school.token.new_key(kind, test_school_keys._authority(NOW), PRINCIPAL, now=NOW)
        db.session.remove()


def state(page: Any, wanted: str, seconds: int = 20) -> None:
    page.wait_for_selector(f'[data-desk][data-now="{wanted}"]', timeout=seconds * 1000)


def issuing(school: School) -> dict[str, Any]:
    with school.app.app_context():
        pem = test_school_keys._authority(NOW).dump()["issuing.pem"]
        db.session.remove()
    return {"name": "trung-gian.pem", "mimeType": "application/x-pem-file", "buffer": pem}


def register(page: Any, school: School, helper: HelperProcess | None = None) -> None:
    page.goto(f"{school.base}/chung-thu-so/o-may")
    state(page, "unpaired")
    if helper is not None:  # whoever compares needs a moment: the page shows the words as long as the helper asks
        helper.replies["co"] = None
    page.click("[data-do=pair] >> visible=true")
    if helper is not None:
        helper.wait_for("Gõ “co”")
        state(page, "pairing")
        assert page_words(school) in page.inner_text("[data-state=pairing]") and findings(page) == []
        picture(page, "desk-pairing")
        page.set_viewport_size({"width": 390, "height": 844})
        picture(page, "desk-pairing-phone")
        page.set_viewport_size({"width": 1180, "height": 820})
        helper.replies["co"] = "co"
        helper.type("co")
    state(page, "ready")
    assert page.text_content("[data-words]") == page_words(school), "beside the same words at the helper"
    page.set_input_files("[name=intermediates]", issuing(school))
    page.click("#may-form button[type=submit]")
    page.wait_for_selector("text=Đã đăng ký chứng thư trên thiết bị ở máy này", timeout=30_000)


def homeroom_signs(school: School) -> None:
    from hocbaso.services import signing

    with school.app.app_context():
        later = NOW + timedelta(hours=7)
        cast = school.cast
        signing.sign_class(cast.actor("math"), cast.classes["9A"], "homeroom", test_school_keys.DEMO_PIN, later)
        db.session.remove()


def class_page(school: School) -> str:
    return f"{school.base}/hoc-ba/lop/{school.cast.classes['9A']}"


@pytest.mark.parametrize("kind", ["ec", pytest.param("rsa", marks=pytest.mark.slow)])
def test_the_principal_signs_a_class_from_another_computer(
    browser: Any, cable: Cable, school_site: School, tls: Path, tmp_path: Path, kind: str
) -> None:
    school = school_site
    new_key(school, kind)
    homeroom_signs(school)
    page = enter(browser, school.base, "principal", viewport={"width": 1180, "height": 820})
    policy: list[str] = []
    page.on("console", lambda message: policy.append(message.text) if "Content Security" in message.text else None)
    page.goto(f"{school.base}/chung-thu-so/o-may")
    state(page, "off")
    assert page.evaluate("isSecureContext") and findings(page) == []
    picture(page, f"desk-off-{kind}")
    with helper_at_the_clerks(cable, school, tmp_path) as helper:
        state(page, "unpaired")  # the page finds out by itself
        assert findings(page) == []
        picture(page, f"desk-unpaired-{kind}")
        register(page, school, helper)
        assert (tls / "print").read_text() in helper.screen, "the certificate that the server itself shows"
        words = page_words(school)
        picture(page, f"desk-index-{kind}")
        (school.token.folder / "wish.calls").unlink()
        page.goto(class_page(school))
        state(page, "ready")
        assert page.locator("#pin").count() == 0 and findings(page) == []
        picture(page, f"desk-class-{kind}")
        helper.replies["pin"] = "00011122"
        page.click("#ky button[type=submit]")
        page.wait_for_url("**/viec/*")
        state(page, "pin")
        assert findings(page) == []
        picture(page, f"desk-pin-{kind}")
        helper.replies["pin"] = PIN
        page.click("[data-do=again] >> visible=true")
        batch_page.done(page, 3)
        state(page, "done")
        assert findings(page) == []
        picture(page, f"desk-done-{kind}")
        assert school.token.calls("sign") == 6, "one operation of the key a signature"
        assert school.token.calls("login") == 2, "the wrong PIN and the right one"
        assert helper.screen.count("Học bạ lớp 9A: 3 học bạ (6 chữ ký)") == 2
        # The list comes from the server, signed by its own key; page and helper showed the same words for that key.
        shown = " ".join(helper.screen.split())
        assert f"Mã khoá của máy chủ: {words}" in shown and len(words) == 19
        assert "Bảng kê của máy chủ: Lớp 9A, 3 học bạ: " in shown
        assert all(name in shown.partition("Bảng kê của máy chủ")[2] for name in first_names(school))
    assert policy == []
    page.context.close()
    check_the_chain(school)


def page_words(school: School) -> str:
    """The machine's key as the page of the certificates names it."""
    with school.app.app_context():
        (view,) = instance_keys.views()
        db.session.remove()
    return view.words


def first_names(school: School) -> list[str]:
    with school.app.app_context():
        names = [row.enrollment.student.full_name.split()[-1] for row in records()]
        db.session.remove()
    return names


def check_the_chain(school: School) -> None:
    from hocbaso.services import signing

    with school.app.app_context():
        cast, later = school.cast, NOW + timedelta(hours=9)
        signing.sign_class(cast.actor("clerk"), cast.classes["9A"], "seal", test_school_keys.DEMO_PIN, later)
        roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
        for row in records():
            assert row.state == "PUBLISHED"
            for digest in (row.pdf_digest, row.xml_digest):
                report = document_pool.verify(
                    stored_documents.read(digest), roots, crls, NOW + timedelta(days=1), timeout=60
                )
                assert report.ok, report.reasons
                names = [signature.signer_name for signature in report.signatures]
                assert names == ["Trịnh Thu Hà", PRINCIPAL, "Trường THCS Đồng Sen"]
        assert audit_verify.verify().ok
        db.session.remove()


@pytest.mark.slow
def test_lost_answers_and_a_closed_helper_cost_nothing(
    browser: Any, cable: Cable, school_site: School, tmp_path: Path
) -> None:
    school = school_site
    new_key(school, "ec")
    homeroom_signs(school)
    page = enter(browser, school.base, "principal", viewport={"width": 390, "height": 844})
    with helper_at_the_clerks(cable, school, tmp_path):
        register(page, school)
        page.goto(class_page(school))
        state(page, "ready")
    # Closed between the look and the click: the batch waits, and goes on when the helper is open again.
    (school.token.folder / "wish.calls").unlink()
    page.click("#ky button[type=submit]")
    page.wait_for_url("**/viec/*")
    state(page, "off")
    assert findings(page) == []
    picture(page, "desk-batch-off")
    lost = {"n": 0}

    def lose(route: Any) -> None:
        if route.request.method == "POST" and lost["n"] < 2:
            lost["n"] += 1
            route.abort()
        else:
            route.continue_()

    page.route("**/o-may", lose)
    inner = school.app.wsgi_app

    def losing(environ: dict[str, Any], start: Any) -> Any:
        """The third time the server has it, and its answer is lost on the way."""
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/o-may") and lost["n"] == 2:
            lost["n"] += 1
            told: list[str] = []
            list(inner(environ, lambda status, *_: told.append(status)))
            assert told == ["204 NO CONTENT"]
            start("502 Bad Gateway", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start)

    school.app.wsgi_app = losing
    with helper_at_the_clerks(cable, school, tmp_path) as helper:
        helper.replies["co"] = None
        state(page, "ask")  # found by itself, and the person is sent to the helper's own question
        helper.wait_for("Gõ “co”")
        helper.type("co")
        batch_page.done(page, 3)
        state(page, "done")
    assert lost["n"] == 3 and (school.token.calls("sign"), school.token.calls("login")) == (6, 1)
    page.context.close()
    check_the_chain(school)


@pytest.mark.slow
def test_refusing_at_the_helper_stops_the_batch_and_the_rest_is_signed_later(
    browser: Any, cable: Cable, school_site: School, tmp_path: Path
) -> None:
    school = school_site
    new_key(school, "ec")
    homeroom_signs(school)
    page = enter(browser, school.base, "principal", viewport={"width": 820, "height": 1180})
    with helper_at_the_clerks(cable, school, tmp_path) as helper:
        register(page, school)
        helper.replies["co"] = ""
        older = {"hocbaso_ky": 1, "version": "0.1.0", "paired": True}
        page.route(
            f"{HELPER}/trang-thai",
            lambda route: route.fulfill(json=older, headers={"Access-Control-Allow-Origin": school.base}),
        )
        page.goto(class_page(school))
        state(page, "old")
        picture(page, "desk-old")
        assert "Máy này có bản 0.1.0" in page.inner_text("[data-desk]")
        page.click("#ky button[type=submit]")
        assert page.url == class_page(school) and helper.questions("Ký học bạ bằng") == 0, "nothing is sent"
        page.unroute(f"{HELPER}/trang-thai")
        state(page, "ready")
        page.click("#ky button[type=submit]")
        state(page, "no")
        picture(page, "desk-no")
        page.click("[data-do=stop] >> visible=true")
        state(page, "stopped")
        page.wait_for_selector("#batch:has-text('từ chối ở trình ký')", timeout=30_000)
        helper.replies["co"] = "co"
        page.goto(class_page(school))
        state(page, "ready")
        page.click("#ky button[type=submit]")
        batch_page.done(page, 3)
    page.context.close()


HELPER = f"http://127.0.0.1:{PORT}"
ASK = """async (address) => {
  const told = {};
  const look = async (name, act) => { try { const a = await act(); told[name] = a.status; } catch { told[name] = "blocked"; } };
  const headers = { "X-Hocbaso-Ky": "1", "Content-Type": "application/json" };
  await look("status", () => fetch(address + "/trang-thai", { headers: { "X-Hocbaso-Ky": "1" } }));
  await look("sign", () => fetch(address + "/ky", { method: "POST", headers, body: "{}" }));
  await look("plain", () => fetch(address + "/ky", { method: "POST", mode: "no-cors", body: "{}" }));
  for (const name of ["loopback-network", "local-network-access"]) {
    try { told[name] = (await navigator.permissions.query({ name })).state; } catch { told[name] = "unknown"; }
  }
  return told;
}"""


def test_other_pages_of_the_browser_get_nothing_out_of_the_helper(
    browser: Any, launch: Callable[..., Any], cable: Cable, school_site: School, tls: Path, tmp_path: Path
) -> None:
    from werkzeug.wrappers import Response

    school = school_site
    new_key(school, "ec")
    bare = Response("<!doctype html><title>khác</title>", mimetype="text/html")
    pair = (str(tls / "cert.pem"), str(tls / "key.pem"))
    other = cable.inside(lambda: make_server(SERVER, OTHER, bare, threaded=True, ssl_context=pair))
    threading.Thread(target=other.serve_forever, daemon=True).start()
    rebound = launch("--host-resolver-rules=MAP evil.example 127.0.0.1")
    with helper_at_the_clerks(cable, school, tmp_path) as helper:
        page = enter(browser, school.base, "principal")
        register(page, school)
        asked = helper.screen.count("Ghép trình ký")
        stranger = browser.new_context().new_page()
        stranger.goto(f"https://{SERVER}:{OTHER}/")
        # It may learn that a helper is here, no more; what a browser sends without asking is not even read.
        told = stranger.evaluate(ASK, HELPER)
        assert (told["status"], told["sign"]) == (200, "blocked")
        evil = rebound.new_context().new_page()
        assert evil.goto(f"http://evil.example:{PORT}/trang-thai").status == 421
        assert evil.evaluate(ASK, f"http://evil.example:{PORT}")["sign"] == 421
        window = browser.new_context().new_page()
        assert window.goto(f"{HELPER}/trang-thai").status == 403
        assert helper.screen.count("Ghép trình ký") == asked and "Ký học bạ bằng" not in helper.screen
    other.shutdown()
    other.server_close()


@pytest.mark.slow
def test_what_this_browser_lets_a_page_of_the_school_do(
    launch: Callable[..., Any], browser: Any, cable: Cable, school_site: School, tmp_path: Path
) -> None:
    """Measured, so that a browser that changes its mind is noticed: docs/signing-keys.md tells what schools meet."""
    school = school_site
    new_key(school, "ec")
    rules = f"--ip-address-space-overrides={SERVER}:{SAFE}=public,{SERVER}:{PLAIN}=public"
    outside = launch(rules)
    measured: dict[str, Any] = {}
    with helper_at_the_clerks(cable, school, tmp_path):
        for name, which, base, granted in (
            ("local, https", browser, school.base, None),
            ("local, http", browser, school.plain, None),
            ("public, https", outside, school.base, None),
            ("public, https, granted", outside, school.base, "granted"),
            ("public, https, denied", outside, school.base, "denied"),
            ("public, http", outside, school.plain, None),
        ):
            page = enter(which, base, "principal")
            if granted == "granted":
                page.context.grant_permissions(["local-network-access"])
            elif granted == "denied":
                session = page.context.new_cdp_session(page)
                for permission in ("local-network-access", "loopback-network"):
                    session.send(
                        "Browser.setPermission",
                        {"permission": {"name": permission}, "setting": "denied", "origin": base},
                    )
            page.goto(f"{base}/chung-thu-so/o-may")
            page.wait_for_selector("[data-desk][data-now]:not([data-now=look])", timeout=20_000)
            measured[name] = page.get_attribute("[data-desk]", "data-now")
            picture(page, "desk-rules-" + name.replace(", ", "-"))
            page.context.close()
    print(json.dumps(measured))
    assert measured == {
        "local, https": "unpaired",
        "local, http": "http",
        "public, https": "blocked",
        "public, https, granted": "unpaired",
        "public, https, denied": "blocked",
        "public, http": "off",
    }
