"""Files by digest; work in other processes; the web process stays light."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hocbaso.documents.store import DocumentStore
from hocbaso.documents.transcript_content import to_canonical_json
from hocbaso.documents.workers import DocumentWorkers, resolve
from hocbaso.errors import IntegrityFault, Invalid, NotFound

from .samples import KEY, content

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path / "documents")
    digest = store.put(b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert store.put(b"abc") == digest and store.get(digest) == b"abc" and store.has(digest)
    assert list(store.digests()) == [digest]
    assert not list((tmp_path / "documents").glob(".tmp-*"))
    assert (tmp_path / "documents" / digest).stat().st_mode & 0o222 == 0


def test_a_changed_file_is_a_fault_and_put_repairs_it(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    digest = store.put(b"abc")
    os.chmod(tmp_path / digest, 0o600)
    (tmp_path / digest).write_bytes(b"abd")
    with pytest.raises(IntegrityFault):
        store.get(digest)
    store.put(b"abc")
    assert store.get(digest) == b"abc"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n", "/" + "a" * 63, None])
def test_a_name_that_is_not_a_digest_finds_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        DocumentStore(tmp_path).get(name)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        DocumentStore(tmp_path).get("a" * 64)


def test_only_document_functions_run() -> None:
    for name in ("os:system", "hocbaso.documents.workers:_run", "hocbaso.services.x:y", "hocbaso.documents.store"):
        with pytest.raises(ValueError):
            resolve(name)


def test_pool_builds_survives_a_killed_worker_and_passes_errors_on() -> None:
    pool = DocumentWorkers(1)
    try:
        first = pool.call("hocbaso.documents.workers:warm")
        assert first != os.getpid()
        os.kill(first, signal.SIGKILL)
        made = pool.call("hocbaso.documents.issuing:build_faces", to_canonical_json(content()), KEY)
        pdf, zone = made.pdf, made.data_zone
        assert pdf.startswith(b"%PDF-1.7") and zone.startswith(b"<DU_LIEU_HOC_BA")
        with pytest.raises(Invalid):
            pool.call("hocbaso.documents.issuing:build_faces", b"{}")
        report = pool.call("hocbaso.documents.issuing:verify_upload", pdf, (), (), datetime(2026, 5, 12, tzinfo=UTC))
        assert report["ok"] is False and report["record_uuid"] == content().record_uuid
    finally:
        pool.close()


def test_the_web_process_never_loads_the_heavy_libraries() -> None:
    code = (
        "import sys\n"
        "from hocbaso.documents import transcript_content, store, workers, signers, test_authority, verification_report, package\n"
        "import hocbaso.cli.transcript_verify\n"
        "workers.DocumentWorkers(1)\n"
        "bad = {'weasyprint', 'endesive', 'pyhanko', 'pypdf', 'pikepdf', 'lxml', 'fontTools', 'PIL'} & set(sys.modules)\n"
        "print(sorted(bad)); sys.exit(bool(bad))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert out.returncode == 0, out.stdout + out.stderr


def test_workers_of_a_killed_process_end_too() -> None:
    """Otherwise each kill -9 of the server would leave its workers, with whatever key they had opened, for ever."""
    code = (
        "import os, time\nfrom hocbaso.documents.workers import DocumentWorkers\n"
        "if __name__ == '__main__':\n"
        "    pool = DocumentWorkers(2)\n"
        "    futures = [pool.submit('hocbaso.documents.workers:warm') for _ in range(6)]\n"
        "    print(*{future.result() for future in futures}, flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert pids and all(Path(f"/proc/{pid}").exists() for pid in pids)
    process.kill()
    process.wait(10)
    until = time.monotonic() + 10
    while time.monotonic() < until and any(is_alive(pid) for pid in pids):
        time.sleep(0.05)
    assert not [pid for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
