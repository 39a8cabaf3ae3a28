"""The stand-alone verifier: one file, run by a Python without a single library, without network, in an empty folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hocbaso.documents import instance_keys as ik
from tests.documents.conftest import World
from tests.documents.conftest import world as world  # the session's signed record
from tests.documents.machine_keys import machine_of
from tests.documents.samples import content, qr_text

pytest.importorskip("shiv")
ROOT = Path(__file__).resolve().parents[2]
#: The interpreter behind the virtual environment, which has none of its libraries.
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
UNSHARE = ["unshare", "-rn"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("verifier") / "hocbaso-verify.pyz"
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_verifier.py", out], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return out


def no_network() -> list[str]:
    """How to start a process without network here; nothing where the machine allows it to nobody but root."""
    tried = shutil.which("unshare") and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    return UNSHARE if tried else []


def run(packed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*no_network(), "env", "-i", f"SHIV_ROOT={packed.parent / 'root'}", PYTHON, "-I", str(packed), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_it_judges_every_kind_of_file_by_the_root_alone(packed: Path, world: World, tmp_path: Path) -> None:
    bare = subprocess.run([PYTHON, "-I", "-c", "import lxml"], capture_output=True)
    assert bare.returncode != 0, "the machine's own Python has the libraries: nothing would be proven here"
    machine = machine_of(world)
    cut = bytearray(world.pdf)
    cut[60_000] ^= 1
    for name, data in {
        "ca.pem": world.authority.root_pem, "a.pdf": world.pdf, "a.xml": world.xml, "b.pdf": bytes(cut),
        "qr.txt": qr_text(content()).encode(), "keys.json": ik.key_list([machine.statement]), "x.bin": b"\\0" * 99,
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
    for name, status, words in (
        ("a.pdf", 0, "CHƯA XEM ĐƯỢC THU HỒI"), ("a.xml", 0, "CHƯA XEM ĐƯỢC THU HỒI"), ("b.pdf", 1, "KHÔNG HỢP LỆ"), ("x.bin", 1, "KHÔNG HỢP LỆ"),
        ("qr.txt", 0, "MÃ QR THẬT"), ("keys.json", 0, "DANH SÁCH KHOÁ THẬT"),
    ):  # fmt: skip
        done = run(packed, tmp_path, name, "--trust", "ca.pem", "--keys", "keys.json")
        assert (done.returncode, words in done.stdout) == (status, True), (name, done.stdout, done.stderr)
    told = json.loads(run(packed, tmp_path, "a.pdf", "--trust", "ca.pem", "--json").stdout)
    assert told["ok"] and told["verdict"]["tone"] == "late" and told["signatures"][2]["verdict"]["sentence"]
    unknown = run(packed, tmp_path, "qr.txt", "--trust", "ca.pem")
    assert unknown.returncode == 1 and "Chưa có xác nhận của nhà trường" in unknown.stdout
    assert run(packed, tmp_path, "nowhere.pdf").returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["ca.pem", "a.pdf", "a.xml", "b.pdf", "qr.txt", "keys.json", "x.bin"]
    ), "it leaves nothing behind"


def test_another_python_is_told_so_and_not_shown_a_traceback(packed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, importlib; sys.path.insert(0, sys.argv[1]);import hocbaso.cli.standalone_verify as one; one.main()"
    )
    done = subprocess.run(
        [PYTHON, "-I", "-c", code, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (
        done.returncode == 2 and "đóng gói cho một phiên bản Python" in done.stderr and "Traceback" not in done.stderr
    )
