"""``flask transcript verify``: exit 0, 1, 2; one verdict a signature and one for the whole, in Vietnamese."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zlib
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from hocbaso import clock
from hocbaso.cli.transcript_verify import make_verify_command, verify_command
from hocbaso.documents import xml_record, xml_signature
from hocbaso.documents.package import build_package
from hocbaso.documents.test_authority import TestAuthority

from .conftest import NOW, World, make_signers


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def files(world: World, tmp_path: Path) -> dict[str, str]:
    broken = bytearray(world.pdf)
    broken[40_000] ^= 4
    out = {}
    for name, data in {
        "ca.pem": world.authority.root_pem, "a.pdf": world.pdf, "a.xml": world.xml, "b.pdf": bytes(broken), "c.pdf": world.steps[1],
        "issuing.crl": world.authority.crls(clock.now())[0], "root.crl": world.authority.crls(clock.now())[1],
        "a.zip": build_package(world.pdf, world.xml, world.content.record_uuid), "d.txt": b"hello",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
        out[name] = str(tmp_path / name)
    return out


@pytest.mark.parametrize("name", ["a.pdf", "a.xml", "a.zip"])
def test_a_good_file_exits_0_with_a_verdict_a_signature(files: dict[str, str], name: str) -> None:
    lists = ["--crl", files["issuing.crl"], "--crl", files["root.crl"]]
    result = CliRunner().invoke(verify_command, [files[name], "--trust", files["ca.pem"], *lists])
    assert result.exit_code == 0, result.output
    assert result.output.count("[HỢP LỆ]") == (6 if name == "a.zip" else 3)
    assert "KẾT LUẬN: HỌC BẠ HỢP LỆ." in result.output and "09:30:00" in result.output


@pytest.mark.parametrize("lists", [[], ["issuing.crl"]], ids=["no list", "not of every issuer"])
def test_without_a_list_the_verdict_does_not_say_that_nothing_was_revoked(
    files: dict[str, str], lists: list[str]
) -> None:
    given = [part for name in lists for part in ("--crl", files[name])]
    result = CliRunner().invoke(verify_command, [files["a.pdf"], "--trust", files["ca.pem"], *given])
    assert result.exit_code == 0 and "KẾT LUẬN: CHỮ KÝ ĐÚNG, CHƯA XEM ĐƯỢC THU HỒI." in result.output
    assert result.output.count("chưa biết chứng thư này có bị thu hồi không") == 3


@pytest.mark.parametrize("name", ["b.pdf", "c.pdf", "d.txt"])
def test_a_bad_file_exits_1_and_says_why(files: dict[str, str], name: str) -> None:
    result = CliRunner().invoke(verify_command, [files[name], "--trust", files["ca.pem"]])
    assert result.exit_code == 1 and "KHÔNG HỢP LỆ." in result.output and "  - " in result.output


def test_a_workbook_and_a_photo_are_told_as_what_they_are(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.save(tmp_path / "diem.xlsx")
    (tmp_path / "anh.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(2000))
    (tmp_path / "anh.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(2000))
    for name, words in (
        ("diem.xlsx", "Đây là tệp Excel, không phải học bạ. Chọn tệp học bạ PDF hoặc XML"),
        ("anh.jpg", "ảnh không mang chữ ký số. Ở trang kiểm tra của trường, gõ mã dưới ô vuông QR"),
        ("anh.heic", "ảnh không mang chữ ký số. Ở trang kiểm tra của trường, gõ mã dưới ô vuông QR"),
    ):
        result = CliRunner().invoke(verify_command, [str(tmp_path / name)])
        assert result.exit_code == 1 and words in result.output and "bị sửa" not in result.output, result.output


def test_a_file_signed_with_a_home_made_key_is_told_as_a_stranger_s(
    files: dict[str, str], world: World, tmp_path: Path
) -> None:
    fakes = make_signers(TestAuthority.create(NOW))
    xml = xml_record.assemble(xml_record.build_data_zone(world.content))
    for role, signer in fakes.items():
        xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
    for name, data in (("f.pdf", world.sign_all(world.unsigned, fakes)), ("f.xml", xml)):
        (tmp_path / name).write_bytes(data)
        result = CliRunner().invoke(verify_command, [str(tmp_path / name), "--trust", files["ca.pem"]])
        assert result.exit_code == 1 and result.output.count("không nằm trong số khoá mà trường tin cậy") == 3
        assert "thay đổi sau khi ký" not in result.output and "bị sửa" not in result.output


def test_json(files: dict[str, str]) -> None:
    result = CliRunner().invoke(verify_command, [files["a.pdf"], "--trust", files["ca.pem"], "--json"])
    data = json.loads(result.output)
    assert (
        result.exit_code == 0
        and data["ok"]
        and [item["role"] for item in data["signatures"]] == ["homeroom", "principal", "seal"]
    )


def test_without_trust_the_instance_is_asked_and_else_nobody_is_known(files: dict[str, str], world: World) -> None:
    result = CliRunner().invoke(verify_command, [files["a.pdf"]])
    assert result.exit_code == 1 and "Không biết nơi cấp chứng thư" in result.output
    asking = make_verify_command(lambda: (world.roots, world.authority.crls(NOW), ()))
    assert CliRunner().invoke(asking, [files["a.pdf"]]).exit_code == 0


@pytest.mark.parametrize("name", ["a.pdf", "a.xml", "a.zip"])
def test_signatures_that_hold_of_an_issuer_not_known_here_are_neither_valid_nor_forged(
    files: dict[str, str], name: str
) -> None:
    result = CliRunner().invoke(verify_command, [files[name]])
    assert result.exit_code == 1 and "HỢP LỆ" not in result.output, result.output
    assert result.output.count("[CHƯA KẾT LUẬN ĐƯỢC]") == (6 if name == "a.zip" else 3)
    assert "KẾT LUẬN: CHƯA KẾT LUẬN ĐƯỢC: CHƯA RÕ AI ĐÃ KÝ." in result.output
    assert "chưa tin chứng thư gốc nào của nơi cấp" in result.output and "--trust" in result.output
    told = json.loads(CliRunner().invoke(verify_command, [files[name], "--json"]).output)
    assert told["ok"] is False and told["verdict"]["heading"].startswith("Chưa kết luận được")


@pytest.mark.parametrize("name", ["b.pdf", "c.pdf", "d.txt"])
def test_a_bad_file_stays_bad_where_no_issuer_is_known(files: dict[str, str], name: str) -> None:
    result = CliRunner().invoke(verify_command, [files[name]])
    assert result.exit_code == 1 and "KẾT LUẬN: HỌC BẠ KHÔNG HỢP LỆ." in result.output
    assert "KẾT LUẬN: CHƯA" not in result.output


def test_wrong_use_exits_2(files: dict[str, str]) -> None:
    assert CliRunner().invoke(verify_command, ["/nowhere.pdf"]).exit_code == 2
    assert CliRunner().invoke(verify_command, []).exit_code == 2
    assert CliRunner().invoke(verify_command, [files["a.pdf"], "--trust", files["d.txt"]]).exit_code == 2


def test_a_signature_that_tells_no_time_is_not_given_one() -> None:
    from hocbaso.cli.transcript_verify import report_lines
    from hocbaso.documents.verification_report import SignatureVerdict, VerificationReport

    silent = SignatureVerdict(role="seal", ok=False, signer_name="Trường", fingerprint="ab", issuer="i", serial="1")
    told = "\n".join(report_lines("a.pdf", VerificationReport(ok=False, kind="pdf", signatures=(silent,))))
    assert "Không đọc được giờ ký" in told and "Ký lúc" not in told


@pytest.mark.parametrize("kind", ["pdf", "xml"])
def test_a_changed_file_is_told_as_one_before_all_that_follows_from_it(
    files: dict[str, str], world: World, tmp_path: Path, kind: str
) -> None:
    whole = bytearray(world.pdf if kind == "pdf" else world.xml)
    if kind == "pdf":
        # A page, the embedded record, the file's first line: readers stumble over each of them otherwise.
        spots = [m.start() + 40 for m in re.finditer(rb"stream\r?\n", whole[: whole.find(b"/ByteRange")])][::6] + [7]
    else:
        spots = [whole.find(b"<DU_LIEU_HOC_BA") + n for n in (1, 40, 300, 1500)]
    for spot in spots:
        changed = bytearray(whole)
        changed[spot] ^= 1
        (tmp_path / "x").write_bytes(changed)
        result = CliRunner().invoke(verify_command, [str(tmp_path / "x"), "--trust", files["ca.pem"]])
        assert result.exit_code == 1, spot
        lines = result.output.splitlines()
        after = lines[lines.index("KẾT LUẬN: HỌC BẠ KHÔNG HỢP LỆ.") + 1 :]
        assert after[0] == "Nội dung tệp đã bị thay đổi sau khi ký.", (spot, result.output)
    if kind == "pdf":
        changed = bytearray(whole)
        changed[spots[0]] ^= 1
        (tmp_path / "x").write_bytes(changed)
        told = json.loads(
            CliRunner().invoke(verify_command, [str(tmp_path / "x"), "--trust", files["ca.pem"], "--json"]).output
        )
        assert told["verdict"]["heading"] == "Nội dung tệp đã bị thay đổi sau khi ký"
        assert all(item["signed_at"] for item in told["signatures"])


@pytest.mark.parametrize("kind", ["openings", "references", "number"])
def test_a_hostile_file_is_answered_at_once_and_in_words(files: dict[str, str], tmp_path: Path, kind: str) -> None:
    node, zone = "GVCN", f'URI="#{xml_record.DATA_ZONE_ID}">'
    head = f"<{xml_record.ROOT} id='x'><y/><{xml_record.SIGNING_ZONE}>"
    data = {
        "openings": head + f"<{node}>" * 60_000,
        "references": head + f"<{node}>" + zone * 20_000 + f"</{node}>",
        "number": "%PDF-1.7\n/ByteRange [0 " + "9" * 5_000 + " 1 1]",
    }[kind]
    (tmp_path / "x").write_text(data)
    begun = time.process_time()
    result = CliRunner().invoke(verify_command, [str(tmp_path / "x"), "--trust", files["ca.pem"]])
    assert time.process_time() - begun < 5
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "KẾT LUẬN: HỌC BẠ KHÔNG HỢP LỆ." in result.output


def test_a_file_that_unpacks_to_a_gigabyte_is_unreadable_and_takes_no_more_than_on_the_page(tmp_path: Path) -> None:
    pack = zlib.compressobj(9)
    zeros = b"".join(pack.compress(bytes(1 << 20)) for _ in range(900)) + pack.flush()
    head = (
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    )
    table = b"3 0 obj\n<</Type/XRef/Size %d/W[1 4 1]/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n" % (
        900 * 174762,
        len(zeros),
    )
    bomb = tmp_path / "bomb.pdf"
    bomb.write_bytes(head + table + zeros + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head))
    code = (
        "import resource, sys; from hocbaso.cli.transcript_verify import verify_command\n"
        "try: verify_command([sys.argv[1]])\n"
        "except SystemExit as end: print('code', end.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(bomb)], capture_output=True, text=True, timeout=120)
    *_, said = run.stdout.splitlines()
    word, status, megabytes = said.split()
    assert (word, status) == ("code", "1") and int(megabytes) < 700 and "Traceback" not in run.stderr, run.stderr
