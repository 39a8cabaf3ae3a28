"""The stand-alone verifier: one file, run by a Python without a single library, without network, in an empty folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hocbaso.documents import checkpoints, log_file
from hocbaso.documents import instance_keys as ik
from hocbaso.regulations.hash_chain import GENESIS, merkle_root, row_hash
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


def test_it_judges_a_log_by_a_checkpoint_kept_elsewhere(packed: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = checkpoints.public_key_text(key.public_key())
    rows: list[dict[str, object]] = []
    for seq in range(1, 41):
        row: dict[str, object] = {
            "seq": seq, "at": "2027-05-12T02:00:00.000000+00:00", "tag": "score:cell:changed", "actor_id": 7,
            "actor_name": "Trịnh Thu Hà", "target_kind": "score_sheet", "target_id": "3", "payload": f'{{"n":{seq}}}',
            "prev_hash": rows[-1]["hash"] if rows else GENESIS,
        }  # fmt: skip
        rows.append({**row, "hash": row_hash(**row)})  # type: ignore[arg-type]
    seen = [str(row["hash"]) for row in rows[:30]]
    moment = datetime(2027, 5, 12, 9, tzinfo=UTC)
    body = checkpoints.body_text(moment.date(), 30, seen[-1], merkle_root(seen), moment, public)
    kept = checkpoints.file_text(body, checkpoints.signature_of(body, key))
    (tmp_path / "kept.txt").write_text(kept, encoding="utf-8")
    edited = [{**row, "actor_name": "Ai Đó"} if row["seq"] == 12 else row for row in rows]
    for name, log, status, words in (
        ("good.jsonl.gz", rows, 0, "40 dòng nối nhau, 30 dòng đầu đúng như ảnh chụp"),
        ("cut.jsonl", rows[:25], 1, "Tệp chỉ có 25 dòng"),
        ("edited.jsonl", edited, 1, "Dòng 12"),
    ):
        with log_file.opened(tmp_path / name, "w") as lines:
            lines.writelines(log_file.line_of(row) + "\n" for row in log)
        answer = run(packed, tmp_path, "nhat-ky", name, "--checkpoint", "kept.txt", "--key", public)
        assert (answer.returncode, words in answer.stdout) == (status, True), (name, answer.stdout, answer.stderr)
