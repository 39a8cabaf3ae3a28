"""The page for offline checks in a real Chromium, from a file, without network: what it believes, and what a forger gets out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hocbaso.documents import (
    certificate_owner,
    cms,
    machine_signed,
    offline_page,
    qr_summary,
    verdict_words,
    xml_record,
    xml_signature,
)
from hocbaso.documents import instance_keys as ik
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import VerificationReport
from tests.axe import findings
from tests.browser.grid_site import CHROMIUM, CHROMIUM_ARGS
from tests.documents.conftest import NOW, World, make_signers
from tests.documents.conftest import world as world  # the session's signed record
from tests.documents.machine_keys import Machine, machine_of, seal_of, stated, withdrawn
from tests.documents.odd_certificates import PRINCIPALS, PURPOSES, SEALS, signer_of
from tests.documents.samples import SCHOOL, content, qr_text, replace, unsigned
from tests.documents.test_signature_twins import twin_of_xml

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

CODES = ("MATH", "HISTGEO", "SCI", "ICT", "LIT", "FL1", "CIVICS", "TECH", "PE", "ART", "FL2", "LOCAL", "EXP")
CHILD = content(
    subjects=tuple(replace(row, code=code) for row, code in zip(content().subjects, CODES, strict=True)), demo=False
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield found
        found.close()


@pytest.fixture
def machine(world: World) -> Machine:
    return machine_of(world)


class Kept:
    """The page as somebody keeps it: a file on a disk, the network off."""

    def __init__(self, chromium: Any, folder: Path, data: bytes) -> None:
        self.folder, self.said = folder, []  # type: ignore[var-annotated]
        self.context = chromium.new_context(offline=True, viewport={"width": 1180, "height": 820})
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.clock.set_fixed_time(NOW)
        path = folder / "kiem-tra-hoc-ba.html"
        path.write_bytes(data)
        self.page.goto(path.as_uri())

    def ready(self) -> Kept:
        self.page.wait_for_selector("#trang:not([hidden])")
        return self

    def _answer(self, act: Callable[[], Any]) -> dict[str, Any]:
        self.page.evaluate("document.getElementById('ket-luan').hidden = true")
        act()
        self.page.wait_for_selector("#ket-luan:not([hidden])")
        return {
            "tone": re.search(r"verdict--(\w+)", self.page.get_attribute("#ket-luan", "class"))[1],  # type: ignore[index]
            "heading": self.page.inner_text("#ket-luan h2"),
            "text": self.page.inner_text("#ket-luan"),
        }

    def text(self, text: str) -> dict[str, Any]:
        self.page.evaluate("text => { document.getElementById('chu').value = text }", text)
        return self._answer(lambda: self.page.click("#dan button"))

    def file(self, data: bytes, field: str = "#tep", name: str = "tep.xml") -> dict[str, Any]:
        path = self.folder / name
        path.write_bytes(data)
        return self._answer(lambda: self.page.set_input_files(field, str(path)))


@pytest.fixture
def kept(chromium: Any, machine: Machine, tmp_path: Path) -> Iterator[Kept]:
    found = Kept(chromium, tmp_path, machine.page()).ready()
    yield found
    # Chromium styles its own note on XML that does not parse, and complains of that to itself.
    assert [text for text in found.said if not text.startswith("Applying inline style")] == []
    assert [url for url in found.asked if not url.startswith(("file:", "blob:"))] == []
    found.context.close()


def judged(data: bytes, roots: list[bytes], lists: tuple[bytes, ...] = ()) -> VerificationReport:
    """The server's verdict. In a thread: pyHanko starts an event loop, of which the browser's driver has one here already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(verify_file, data, roots, lists, NOW).result()


def record(value: Any, signers: Any) -> bytes:
    xml = xml_record.assemble(xml_record.build_data_zone(value))
    for role, signer in signers.items():
        xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
    return xml


# --- what is true -----------------------------------------------------------------------------------------------------


def test_it_has_the_browser_s_cryptography_and_reads_the_summary(kept: Kept) -> None:
    assert kept.page.evaluate("isSecureContext && !!crypto.subtle")
    said = kept.text(qr_text(CHILD))
    assert (said["tone"], said["heading"]) == ("done", "Mã QR thật")
    for words in ("Nguyễn Bảo Châu", "14/08/2011", "2025–2026", SCHOOL.name, "So họ tên và từng con số"):
        assert words in said["text"]
    rows = kept.page.eval_on_selector_all(
        ".results tr", "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    assert rows[0] == ["Toán", "8,2"] and rows[4] == ["Ngữ văn", "7,9"] and rows[8] == ["Giáo dục thể chất", "Đ"]
    assert [row[1] for row in rows] == [(row.year or "trống").replace(".", ",") for row in CHILD.subjects]


@pytest.mark.parametrize("dpi", [150, 300])
def test_the_printed_sheet_is_read_at_the_size_of_its_qr(kept: Kept, dpi: int, tmp_path: Path) -> None:
    """Both QRs of the paper, from the whole page as a scanner gives it."""
    (tmp_path / "u.pdf").write_bytes(unsigned(CHILD))
    for page in (1, 5):
        run = ["pdftoppm", "-r", str(dpi), "-png", "-singlefile", "-f", str(page), "-l", str(page), "u.pdf", f"p{page}"]
        subprocess.run(run, cwd=tmp_path, check=True)
        said = kept.file((tmp_path / f"p{page}.png").read_bytes(), "#anh", f"anh-{page}.png")
        assert said["heading"] == "Mã QR thật", said
        assert "Nguyễn Bảo Châu" in said["text"]


def test_the_xml_s_three_signatures_are_told_one_by_one(kept: Kept, world: World) -> None:
    """RSA and P-256 alike: the principal of the tests signs by RSA."""
    said = kept.file(record(CHILD, world.signers))
    assert (said["tone"], said["heading"]) == ("done", "Học bạ thật")
    assert said["text"].count("Chữ ký đúng, ký lúc 09:30 ngày 13/05/2026") == 3
    assert "Toán học" in said["text"] and "Hiệu trưởng: Đoàn Thị Hải Yến" in said["text"]


def test_both_judges_say_the_same_of_a_record(kept: Kept, world: World) -> None:
    for value in (CHILD, content(), content(homeroom_remark='Ngoan & "chăm" <3 \n dòng hai', completion=None)):
        xml = record(value, world.signers)
        assert judged(xml, world.roots).ok and kept.file(xml)["text"].count("Chữ ký đúng") == 3


def test_a_report_and_a_list_of_keys_are_read(kept: Kept, machine: Machine) -> None:
    found = judged(machine.world.xml, machine.world.roots, machine.lists)
    report = machine_signed.make_report(
        verdict_words.described(found), file_sha256="ab" * 32, file_bytes=9, standing="in_force", match="current",
        school=(SCHOOL.name, SCHOOL.code), statements=[machine.statement], key=machine.key, at=NOW,
    )  # fmt: skip
    said = kept.file(report, name="bao-cao.json")
    assert said["heading"] == "Báo cáo thật" and "Học bạ thật. Cả 3 chữ ký số" in said["text"]
    forged = kept.file(report.replace(b"in_force", b"recalled"), name="bao-cao.json")
    assert forged["tone"] == "wrong" and "bị sửa" in forged["text"]
    other = "Trường THCS Hoa Lư"
    key = ik.new_key()
    theirs = stated(key, seal_of(machine.world.authority, other), other, "36491999")
    assert kept.file(ik.key_list([theirs]), name="khoa.json")["heading"] == "Đã nạp khoá"


def test_pages_are_clean_for_a_screen_reader_at_both_sizes(kept: Kept) -> None:
    kept.text(qr_text(CHILD))
    for size in ({"width": 1180, "height": 820}, {"width": 390, "height": 844}):
        kept.page.set_viewport_size(size)
        wide = kept.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
    source = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text("utf-8")
    # The page's own policy forbids a foreign script, as it should: the same markup is looked at without it.
    markup = re.sub(r"<meta http-equiv[^>]*>|<script>.*</script>", "", kept.page.content(), flags=re.S)
    bare = kept.context.new_page()
    bare.set_content(markup)
    bare.evaluate(source)
    assert findings(bare) == []


# --- what a forger tries ----------------------------------------------------------------------------------------------


def test_a_summary_of_another_pupil_or_with_better_marks_is_refused(kept: Kept) -> None:
    other = replace(
        CHILD, record_uuid="11111111-2222-4333-8444-555555555555", student=replace(CHILD.student, full_name="Lê Minh")
    )
    digits = qr_text(other).partition("#")[2]
    assert "bị sửa, hoặc thuộc một học bạ khác" in kept.text(f"{CHILD.lookup_address}#{digits}")["text"]
    number = int(qr_text(CHILD).partition("#")[2])
    data = bytearray(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    data[data.index(bytes((82, 81, 85)))] = 98
    better = kept.text(f"{CHILD.lookup_address}#{int.from_bytes(data, 'big')}")
    assert better["tone"] == "wrong" and "9,8" not in better["text"] and "Nguyễn Bảo Châu" not in better["text"]


def test_a_key_of_another_school_is_told_as_that_school_s(chromium: Any, machine: Machine, tmp_path: Path) -> None:
    other, strange = "Trường THCS Hoa Lư", ik.new_key()
    theirs = stated(strange, seal_of(machine.world.authority, other), other, "36491999")
    as_ours = stated(strange, seal_of(machine.world.authority, other))
    teacher = stated(strange, machine.world.signers["homeroom"])  # type: ignore[arg-type]
    home_made = stated(strange, seal_of(TestAuthority.create(NOW), SCHOOL.name))
    summary, _, _ = qr_summary.read_text(qr_text(CHILD))
    key_id = ik.key_id_of(ik.spki(strange.public_key()))
    text = qr_summary.make_text(replace(summary, key_id=key_id[:8]), CHILD.lookup_address, strange)
    for number, (documents, tone, words) in enumerate(
        (
            ([machine.statement], "wrong", "Chưa có xác nhận của nhà trường cho khoá đã ký"),
            ([machine.statement, theirs], "late", "học bạ do trường khác lập"),
            ([machine.statement, as_ours], "wrong", "Chưa có xác nhận"),
            ([machine.statement, teacher], "wrong", "Chưa có xác nhận"),
            ([machine.statement, home_made], "wrong", "Chưa có xác nhận"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        kept = Kept(chromium, folder, machine.page(documents)).ready()
        said = kept.text(text)
        assert said["tone"] == tone and words in said["text"], said
        assert kept.text(qr_text(CHILD))["tone"] == "done"
        kept.context.close()


def test_a_withdrawn_key_is_believed_no_more(chromium: Any, machine: Machine, tmp_path: Path) -> None:
    documents = [machine.statement, withdrawn(machine.key, machine.world.signers["seal"])]  # type: ignore[arg-type]
    kept = Kept(chromium, tmp_path, machine.page(documents)).ready()
    said = kept.text(qr_text(CHILD))
    assert said["tone"] == "wrong" and "đã thu hồi khoá này ngày 13/05/2026: Mất ổ đĩa sao lưu" in said["text"]
    kept.context.close()


def _wrapped(xml: bytes) -> dict[str, bytes]:
    zone = xml[xml.index(b"<DU_LIEU") : xml.index(b"</DU_LIEU_HOC_BA>") + 17]
    better = zone.replace(b"<CA_NAM>8.2</CA_NAM>", b"<CA_NAM>9.8</CA_NAM>")
    assert better != zone
    signing = xml[xml.index(b"<DANH_SACH_THONG_TIN_KY>") :]
    first = signing[signing.index(b"<GVCN>") : signing.index(b"</GVCN>") + 7]
    return {
        "a mark changed": xml.replace(zone, better),
        "the signed zone moved into a corner": xml.replace(zone, better).replace(b"<Object>", b"<Object>" + zone, 1),
        "a second zone before": xml.replace(zone, better + zone),
        "a second zone after": xml.replace(zone, zone + better),
        "another id on the forged zone": xml.replace(zone, better.replace(b"duLieuHocBa", b"khac") + zone),
        "the digest put right": xml.replace(zone, better).replace(
            base64.b64encode(hashlib.sha256(zone).digest()),
            base64.b64encode(hashlib.sha256(better).digest()),
        ),
        "a signer's time changed": xml.replace(b"2026-05-13T02:30:00Z", b"2026-05-12T02:30:00Z", 1),
        "all times changed": xml.replace(b"2026-05-13T02:30:00Z", b"2026-05-12T02:30:00Z"),
        "a signer's number changed": xml.replace(
            b"<SO_CCCD>036184001234</SO_CCCD>", b"<SO_CCCD>036184001235</SO_CCCD>"
        ),
        "a signature twice": xml.replace(first, first + first),
        "a signature gone": xml.replace(first, b""),
        "nodes in another order": xml.replace(first, b"").replace(
            b"</DANH_SACH_THONG_TIN_KY>", first + b"</DANH_SACH_THONG_TIN_KY>"
        ),
        "a comment": xml.replace(b"<GVCN>", b"<!-- x --><GVCN>"),
        "an entity": b'<!DOCTYPE HOC_BA [<!ENTITY x "9.8">]>' + xml,
        "a declaration": b'<?xml version="1.0"?>' + xml,
        "a byte order mark": b"\xef\xbb\xbf" + xml,
        "blanks between": xml.replace(b"</GVCN>", b"</GVCN>\n"),
        "another root id": xml.replace(b'<HOC_BA id="7c', b'<HOC_BA id="8c'),
        "another algorithm": xml.replace(b"rsa-sha256", b"rsa-sha1", 1),
        "another transform": xml.replace(b"xml-exc-c14n#", b"xml-exc-c14n#WithComments", 1),
        "the reference elsewhere": xml.replace(b'URI="#duLieuHocBa"', b'URI=""', 1),
        "the other form of a signature": twin_of_xml(xml, "KY_PHAT_HANH"),
        "cut off": xml[:-20],
        "more after it": xml + b"<x/>",
    }


def test_wrapped_and_altered_xml_is_refused_by_both_judges(kept: Kept, world: World) -> None:
    whole = record(CHILD, world.signers)
    assert judged(whole, world.roots).ok
    for name, forged in _wrapped(whole).items():
        assert forged != whole, name
        assert not judged(forged, world.roots).ok, name
        said = kept.file(forged)
        assert said["tone"] == "wrong" and "9,8" not in said["text"], (name, said)


def test_signers_who_are_not_who_they_should_be_are_refused(kept: Kept, world: World) -> None:
    own = make_signers(TestAuthority.create(NOW))
    strange = kept.file(record(CHILD, own))
    assert strange["heading"] == "Không phải chữ ký của nhà trường"
    home, head, seal = world.signers.values()
    swapped = kept.file(record(CHILD, {"homeroom": head, "principal": home, "seal": seal}))
    assert swapped["text"].count("như ghi trên học bạ") >= 2
    other = seal_of(world.authority, "Trường THCS Hoa Lư")
    assert (
        "mang tên “Trường THCS Hoa Lư”"
        in kept.file(record(CHILD, {"homeroom": home, "principal": head, "seal": other}))["text"]
    )
    by_teacher = kept.file(record(CHILD, {"homeroom": home, "principal": head, "seal": home}))
    assert by_teacher["tone"] == "wrong" and "không phải con dấu của Trường THCS Đồng Sen" in by_teacher["text"]


def test_without_a_list_that_has_not_run_out_it_does_not_say_that_nothing_was_revoked(kept: Kept, world: World) -> None:
    assert kept.file(record(CHILD, world.signers))["tone"] == "done"
    kept.page.clock.set_fixed_time(NOW + timedelta(days=31))
    said = kept.file(record(CHILD, world.signers))
    assert said["tone"] == "late" and said["heading"] == "Chữ ký đúng, chưa xem được thu hồi"


def test_signing_times_that_cannot_be_are_refused(kept: Kept, world: World) -> None:
    zone = xml_record.assemble(xml_record.build_data_zone(CHILD))
    for times, words in (
        ([-730 * 24] * 3, "sớm hơn lúc lập"),
        ([-2] * 3, "sớm hơn ngày chứng thư"),
        ([0, 0, -0.5], "không theo thứ tự"),
    ):
        xml = zone
        for (role, signer), hours in zip(world.signers.items(), times, strict=True):
            xml = xml_signature.sign_xml(xml, role, signer, at=NOW + timedelta(hours=hours))
        said = kept.file(xml)
        assert said["tone"] == "wrong" and words in said["text"]


def test_revoked_and_expired_certificates_are_refused(chromium: Any, machine: Machine, tmp_path: Path) -> None:
    authority = TestAuthority.create(NOW)
    signers = make_signers(authority)
    authority.revoke(signers["principal"].chain[0], NOW)
    mine = Machine(
        World(authority, signers, CHILD, b"", [], []),
        machine.key,
        stated(machine.key, signers["seal"]),
        authority.crls(NOW),
    )  # type: ignore[arg-type]
    kept = Kept(chromium, tmp_path, mine.page()).ready()
    assert "Chứng thư của người ký đã bị thu hồi" in kept.file(record(CHILD, signers))["text"]
    kept.page.clock.set_fixed_time(NOW.replace(year=2033))
    late = kept.file(record(CHILD, signers))
    assert late["tone"] == "wrong" and "đã hết hạn" in late["text"]
    kept.context.close()


def test_random_bytes_changed_in_a_record_are_refused(kept: Kept, world: World) -> None:
    xml = record(CHILD, world.signers)
    verdicts = kept.page.evaluate(
        """async ([text, places]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), bad = [];
            for (const place of places) {
              const copy = bytes.slice();
              copy[place] ^= 1 << (place % 7);
              if ((await checkFile(copy)).ok) bad.push(place);
            }
            return bad;
        }""",
        [base64.b64encode(xml).decode(), list(range(0, len(xml), max(1, len(xml) // 400)))],
    )
    assert verdicts == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 5000, b"%PDF-1.7 x", b"<HOC_BA>", b"<" * 100_000, b"{" * 50_000, b"{}", b"[]", b"http://x", b"\xff\xfe" * 999, b"PK\x03\x04",
     b'<HOC_BA id="">' + b"<a>" * 60_000, b" " * 2_000_001 + b"<x/>"],
)  # fmt: skip
def test_rubbish_gets_an_answer(kept: Kept, data: bytes) -> None:
    said = kept.file(data)
    assert said["tone"] in ("wrong", "late") and said["heading"]


def test_an_oversized_file_and_a_picture_without_qr_get_an_answer(kept: Kept, tmp_path: Path) -> None:
    assert "quá lớn" in kept.file(b"<" + b"x" * 21_000_000)["text"]
    assert kept.file(b"GIF89a rubbish", "#anh", "x.gif")["heading"] == "Không mở được ảnh"
    blank = kept.page.screenshot(clip={"x": 0, "y": 0, "width": 300, "height": 60})
    assert kept.file(blank, "#anh", "trang.png")["heading"] == "Không thấy mã QR trong ảnh"
    assert "không mang bản tóm tắt" in kept.text("9" * 5000)["text"]


def test_names_in_a_record_are_shown_as_text(chromium: Any, machine: Machine, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    value = replace(CHILD, student=replace(CHILD.student, full_name=name))
    kept = Kept(chromium, tmp_path, machine.page()).ready()
    assert name in kept.text(qr_text(value))["text"]
    assert kept.page.locator("img").count() == 0 and kept.said == []
    kept.context.close()


def test_a_page_in_which_something_was_changed_says_nothing_good(
    chromium: Any, machine: Machine, tmp_path: Path
) -> None:
    """A careless forger: the browser runs no script but the one that the page was made with."""
    page = machine.page()
    forger = TestAuthority.create(NOW)
    root = base64.b64encode(offline_page.der_of(forger.root_pem.decode()))
    ours = re.search(rb'"der":"([^"]+)"', page)[1]  # type: ignore[index]
    for number, changed in enumerate(
        (
            page.replace(ours, root),
            page.replace("Bản tóm tắt trong mã QR đã bị sửa".encode(), "Mã QR thật".encode()),
            page.replace(b"const reasons = [], now", b"return []; const reasons = [], now"),
            page.replace(
                b"</body>",
                b"<script>document.body.textContent = 'H\xe1\xbb\x8dc b\xe1\xba\xa1 th\xe1\xba\xadt'</script></body>",
            ),
        )
    ):
        assert changed != page
        folder = tmp_path / str(number)
        folder.mkdir()
        kept = Kept(chromium, folder, changed)
        kept.page.wait_for_timeout(300)
        if number < 3:
            assert kept.page.is_visible("#chua-chay") and kept.page.is_hidden("#trang")
        assert "Học bạ thật" not in kept.page.inner_text("body")
        assert any("Content Security Policy" in text for text in kept.said)
        kept.context.close()


def test_the_page_is_the_same_to_the_byte_and_asks_for_nothing(machine: Machine) -> None:
    page = machine.page()
    assert page == machine.page()
    assert len(page) < 400_000
    markup = re.sub(rb"<script>.*?</script>|<style>.*?</style>", b"", page, flags=re.S)
    assert not re.search(rb"(?:src|href)\s*=", markup) and b"http" not in markup.replace(b"http-equiv", b"")
    assert (
        b"fetch(" not in page and b"XMLHttpRequest" not in page and b"import(" not in page and b"sendBeacon" not in page
    )
    assert json.loads(re.search(rb"const TRUST = (.*);\n", page)[1])["school"]["name"] == SCHOOL.name  # type: ignore[index]


def test_whose_certificate_it_is_is_judged_as_the_server_does(kept: Kept, world: World) -> None:
    """The page's copy of ``documents/certificate_owner``, in the same words."""
    seals = [(signer_of(world.authority, names).chain[0], school, where) for names, school, where, _ in SEALS.values()]
    asked = [[ik.b64(der), school, where] for der, school, where in seals]
    told = kept.page.evaluate(
        "all => all.map(([der, school, where]) => whyNotSeal(readCertificate(fromB64(der)), school, where))", asked
    )
    assert told == [certificate_owner.why_not_seal(*one) for one in seals]
    pairs = [(one, other) for one, *_ in seals[:6] for other, *_ in seals[:6]]
    same = kept.page.evaluate(
        "all => all.map((pair) => isSameUnit(...pair.map((der) => readCertificate(fromB64(der)))))",
        [[ik.b64(der) for der in pair] for pair in pairs],
    )
    assert same == [certificate_owner.is_same_unit(*pair) for pair in pairs]


@pytest.mark.parametrize("kind", ["principals", "purposes"])
def test_namesakes_and_other_purposes_are_judged_as_the_server_does(kept: Kept, world: World, kind: str) -> None:
    signers = (
        [signer_of(world.authority, names) for names, _ in PRINCIPALS.values()]
        if kind == "principals"
        else [signer_of(world.authority, PRINCIPALS["her number"][0], (of, must)) for of, must, _ in PURPOSES.values()]
    )
    for signer in signers:
        data = record(CHILD, {**world.signers, "principal": signer})
        said, by_server = kept.file(data), judged(data, world.roots)
        assert (said["tone"] != "wrong") is by_server.ok, (said, by_server.reasons)
        assert all(reason in said["text"] for reason in by_server.reasons)
        assert (certificate_owner.NO_NUMBER in said["text"]) is (
            certificate_owner.NO_NUMBER in by_server.signatures[1].notes
        )


def _signed_zone(zone: bytes, uuid: str, world: World) -> bytes:
    """A record file around any zone, with three true signatures of it: what three thieves could make."""
    nodes = []
    for role, signer in world.signers.items():
        digest = hashlib.sha256(xml_signature.signed_info(role, NOW, signer.chain, zone)).digest()
        number = {"homeroom": CHILD.homeroom.personal_id, "principal": CHILD.principal.personal_id}.get(role)
        value = cms.lower(signer.chain, signer.sign_digest(digest))
        node = xml_signature.SignerNode(role, NOW, number, signer.chain, value)
        nodes.append(xml_signature.write_node(node, zone))
    return b'<HOC_BA id="%s">%s<DANH_SACH_THONG_TIN_KY>%s</DANH_SACH_THONG_TIN_KY></HOC_BA>' % (
        uuid.encode(),
        zone,
        b"".join(nodes),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<CA_NAM>8.2</CA_NAM>", b"<CA_NAM>9.9</CA_NAM><CA_NAM>8.2</CA_NAM>"),
        (b"<BANG_DIEM>", b"<BANG_DIEM><MON_HOC><TEN_MON_HOC>X</TEN_MON_HOC><CA_NAM>10.0</CA_NAM></MON_HOC></BANG_DIEM><BANG_DIEM>"),
        (b"<BANG_DIEM>", b"<BANG_DIEM> "),
        (b"<CA_NAM>8.2</CA_NAM>", b"<CA_NAM>&#56;.2</CA_NAM>"),
        (b"<CA_NAM>8.2</CA_NAM>", b'<CA_NAM x="9.9">8.2</CA_NAM>'),
        (b"<TONG_KET>", b"<LA>9.9</LA><TONG_KET>"),
    ],
    ids=["a score twice", "two tables", "a blank", "a letter by its number", "an attribute", "an unknown tag"],
)  # fmt: skip
def test_a_zone_that_is_not_of_the_form_is_refused_though_signed_thrice(
    kept: Kept, world: World, old: bytes, new: bytes
) -> None:
    zone = xml_record.build_data_zone(CHILD)
    assert zone.count(old) >= 1 and kept.file(_signed_zone(zone, CHILD.record_uuid, world))["tone"] == "done"
    forged = _signed_zone(zone.replace(old, new, 1), CHILD.record_uuid, world)
    said = kept.file(forged)
    assert said["tone"] == "wrong" and not judged(forged, world.roots).ok and "9,9" not in said["text"]


def test_a_record_of_another_school_says_so(kept: Kept, world: World) -> None:
    other = content(demo=False, school=replace(SCHOOL, name="Trường THCS Cầu Mới"))
    seal = seal_of(world.authority, "Trường THCS Cầu Mới")
    said = kept.file(record(other, {**world.signers, "seal": seal}))
    assert said["tone"] == "late" and "Trang kiểm tra này là của Trường THCS Đồng Sen" in said["text"]


def test_a_namesake_s_list_withdraws_nothing(kept: Kept, machine: Machine) -> None:
    namesake = signer_of(machine.world.authority, SEALS["same name in another province"][0])
    said = kept.file(ik.key_list([withdrawn(machine.key, namesake)]), name="khoa-may.json")
    assert said["tone"] == "wrong" and "nơi khác cùng tên" in said["text"]
    assert kept.text(qr_text(CHILD))["heading"] == "Mã QR thật"
