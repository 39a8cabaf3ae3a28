"""kill -9 while a school is signed: of the process that runs the batch, and of a worker. Nothing is signed twice, no file is half.

Each use of the private key is counted at the key itself (``counted_keys``): every signature that is kept was made by exactly one use.
A use whose result died with its process is no signature of anything that is kept, and there are at most as many as were under way.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import utils
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db
from hocbaso.services import audit_verify, batch_view, document_pool, stored_documents, trust_roots
from tests.conftest import make_app
from tests.services.many_classes import (  # noqa: F401 (fixtures)
    Many,
    many_signed_template_fixture,
    many_template_fixture,
)

N_RECORDS = 8
N_AT_ONCE = 3
"""Two workers and one more item handed out: so many records can be under way when somebody pulls the plug."""


@contextmanager
def signing_process(instance: Path, verb: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ended at the latest here."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{PROJECT_ROOT / 'tests' / 'faults' / 'counted_keys'}:{PROJECT_ROOT}",
        "KEY_USES": str(instance.parent / "key-uses"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.signing_process", str(instance), verb],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    guard = threading.Timer(180, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def read_items(process: subprocess.Popen[bytes], n: int) -> int:
    """Wait for so many settled items, or the end of the process; how many there were."""
    assert process.stdout is not None
    seen = 0
    while seen < n and process.stdout.readline():
        seen += 1
    return seen


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    _out, told = process.communicate(timeout=170)
    assert process.returncode == 0, told.decode()[-1500:]


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def workers_of(pid: int) -> list[int]:
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def a_worker_of(pid: int) -> int:
    """One that is there, or that takes the place of one just killed."""
    until = time.monotonic() + 30
    while not (found := workers_of(pid)):
        assert time.monotonic() < until, "no worker comes"
        time.sleep(0.01)
    return found[0]


def wait_gone(pids: list[int]) -> None:
    until = time.monotonic() + 15
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until, "workers outlive their killed parent"
        time.sleep(0.05)


def raw_signatures(record: m.TranscriptRecord) -> list[bytes]:
    """The principal's raw signatures in the two files (DER)."""
    pdf = PdfFileReader(io.BytesIO(stored_documents.read(record.pdf_digest)))
    in_pdf = pdf.embedded_signatures[1].signer_info["signature"].native
    ds = "{http://www.w3.org/2000/09/xmldsig#}"
    xml = etree.fromstring(stored_documents.read(record.xml_digest))
    (value,) = xml.iterfind(f".//CBQL//{ds}SignatureValue")
    raw = base64.b64decode(value.text or "")
    in_xml = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return [in_pdf, in_xml]


def check(instance: Path, n_lost_at_most: int) -> tuple[int, int]:
    """All is signed once, whole and good; (uses of the key, signatures kept)."""
    app = make_app(instance, durable=True)
    with app.app_context():
        records = list(
            db.session.scalars(
                select(m.TranscriptRecord)
                .join(m.Enrollment)
                .join(m.ClassGroup)
                .join(m.SchoolYear)
                .where(m.SchoolYear.state == "OPEN")
            )
        )
        batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1)) or 0
        progress = batch_view.batch_progress(Many().actor("hieutruong"), batch_id, clock.now())
        # Of the newest batch only: where a task met two deaths, that one signed the rest. How many: the records say.
        assert (progress.state, progress.n_failed) == ("done", 0), [item.reason for item in progress.failures]
        assert {record.state for record in records} == {"PRINCIPAL_SIGNED"} and len(records) == N_RECORDS
        for record in records:
            assert [row.role for row in record.signatures] == ["homeroom", "principal"]
        report = audit_verify.verify()
        assert report.ok, [fault.message for fault in report.faults]
        uses = (instance.parent / "key-uses").read_text().splitlines()
        made = Counter(line.split()[1] for line in uses)
        kept = [f"{utils.decode_dss_signature(raw)[0]:x}" for record in records for raw in raw_signatures(record)]
        assert [made[one] for one in kept] == [1] * (2 * N_RECORDS)
        assert len(uses) - len(kept) <= n_lost_at_most
        roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
        for record in records[:: N_RECORDS // 2]:
            file = stored_documents.read(record.pdf_digest)
            verdicts = document_pool.verify(file, roots, crls, clock.now(), timeout=120).signatures
            assert [(one.role, one.ok) for one in verdicts] == [("homeroom", True), ("principal", True)]
        db.session.remove()
        db.engine.dispose()
    return len(uses), len(kept)


def whole_files(instance: Path) -> None:
    """Every file of the store is what its name says; nothing else lies there but what a writer had not yet named."""
    named = 0
    for path in (instance / "documents").rglob("*"):
        if path.is_file() and len(path.name) == 64:
            named += 1
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, path
    assert named


@pytest.fixture
def instance(many_signed_template: Path, tmp_path: Path) -> Path:
    shutil.copytree(many_signed_template, tmp_path / "instance")
    return tmp_path / "instance"


def state_of_newest(instance: Path) -> str:
    app = make_app(instance, durable=True)
    with app.app_context():
        batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1)) or 0
        state = batch_view.batch_progress(Many().actor("hieutruong"), batch_id, clock.now()).state
        db.session.remove()
        db.engine.dispose()
    return state


@pytest.mark.slow
@pytest.mark.sqlite("the instance is copied and opened by another process")
def test_left_alone_each_signature_is_one_use_of_the_key(instance: Path) -> None:
    with signing_process(instance, "start") as process:
        finish(process)
    assert check(instance, n_lost_at_most=0) == (2 * N_RECORDS, 2 * N_RECORDS)


@pytest.mark.faults
@pytest.mark.sqlite("the instance is copied and opened by another process")
def test_the_process_killed_again_and_again_the_rest_is_signed_once(instance: Path) -> None:
    chance = random.Random(22)
    n_kills = 0
    verb = "start"
    for n_items in (1, 2, 1):
        with signing_process(instance, verb) as process:
            if read_items(process, n_items) < n_items:
                break  # it came to its end
            time.sleep(chance.random() * 0.08)
            workers = workers_of(process.pid)
            process.kill()
            process.wait(10)
            n_kills += 1
            wait_gone(workers)
        whole_files(instance)
        assert state_of_newest(instance) == "interrupted", "known at once, not after a while"
        verb = "rest"
    assert n_kills == 3
    with signing_process(instance, "rest") as process:
        finish(process)
    n_uses, n_kept = check(instance, n_lost_at_most=2 * N_AT_ONCE * n_kills)
    whole_files(instance)
    print(f"{n_kills} kills: {n_kept} signatures kept, {n_uses - n_kept} uses of the key lost with their process")


@pytest.mark.faults
@pytest.mark.sqlite("the instance is copied and opened by another process")
def test_a_killed_worker_costs_at_most_what_was_in_its_hands(instance: Path) -> None:
    with signing_process(instance, "start") as process:
        for _ in range(2):
            assert read_items(process, 1) == 1
            os.kill(a_worker_of(process.pid), signal.SIGKILL)
        assert process.stdout is not None
        finish(process)
    if state_of_newest(instance) == "done":
        app = make_app(instance, durable=True)
        with app.app_context():
            batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1)) or 0
            n_failed = batch_view.batch_progress(Many().actor("hieutruong"), batch_id, clock.now()).n_failed
            db.session.remove()
            db.engine.dispose()
        if n_failed:  # a task that met two deaths says so and is left for the next start
            with signing_process(instance, "rest") as process:
                finish(process)
    check(instance, n_lost_at_most=2 * N_AT_ONCE * 2)
    whole_files(instance)
