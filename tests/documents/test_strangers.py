"""A stranger's file cannot hold up building and signing: it is judged apart, linearly, and killed when it is late."""

from __future__ import annotations

import io
import threading
import time

import pikepdf
import pytest

from hocbaso.documents import proof, strangers
from hocbaso.documents.issuing import verify_upload
from hocbaso.documents.strangers import StrangersWorker
from hocbaso.documents.workers import DocumentWorkers
from hocbaso.errors import IntegrityFault, Invalid, Unavailable

from .conftest import NOW, World


def with_letters(pdf: bytes, table: bytes) -> bytes:
    """The file with this ToUnicode table in each of its fonts."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for each in opened.objects:
            if isinstance(each, pikepdf.Dictionary) and each.get("/Type") == pikepdf.Name.Font and "/ToUnicode" in each:
                each.ToUnicode = opened.make_stream(table)
        out = io.BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


@pytest.mark.parametrize(
    "table",
    [
        b"beginbfchar " * 20_000,
        b"1 beginbfrange <0000> <ffffffff> <0041> endbfrange",
        b"1 beginbfrange <ffff> <0000> <0041> <0000> <ffff> <0041> <0000> <ffff> <0041> endbfrange",
        b"beginbfchar endbfrange",
        b"endbfchar",
        b" " * 2_000_000,
    ],
    ids=["begins", "four thousand million", "many ranges", "crossed", "end only", "blanks"],
)
def test_a_table_of_letters_made_to_choke_is_a_fault_at_once(world: World, table: bytes) -> None:
    holder = pikepdf.new()
    font = pikepdf.Dictionary(ToUnicode=holder.make_stream(table))
    start = time.process_time()
    with pytest.raises(IntegrityFault, match="Bảng chữ"):
        proof._to_unicode(font)
    assert time.process_time() - start < 0.5
    report = verify_upload(with_letters(world.unsigned, table), tuple(world.roots), (), NOW)
    assert not report["ok"]
    assert time.process_time() - start < 4.0


def test_a_late_task_is_killed_and_the_next_one_is_served() -> None:
    worker, others = StrangersWorker(), DocumentWorkers(1)
    try:
        with pytest.raises(ValueError, match="not a document task"):
            worker.call("os:system", "true", timeout=30)
        first = worker.pid
        assert first is not None
        start = time.monotonic()
        with pytest.raises(Unavailable, match="chưa kiểm tra xong"):
            worker.call("hocbaso.documents.parent_watch:wait", [], None, timeout=0.5)  # nothing ever comes
        assert time.monotonic() - start < 5 and worker.pid is None
        # Who builds and signs never shared a process with it.
        assert others.call("hocbaso.documents.workers:warm", timeout=60) not in (first, None)
        report = worker.call("hocbaso.documents.issuing:verify_upload", b"<a/>", (), (), NOW, timeout=30)
        assert report["ok"] is False and worker.pid not in (first, None)
        with pytest.raises(Invalid):  # an error of the task arrives as it is, and costs no process
            worker.call("hocbaso.documents.issuing:build_faces", b"{}", timeout=30)
        assert worker.pid is not None
    finally:
        worker.close()
        others.close()
    assert worker.pid is None


def test_who_waits_for_a_turn_waits_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = StrangersWorker()
    try:
        with pytest.raises(ValueError):
            worker.call("os:system", timeout=30)
        told: list[str] = []

        def hang() -> None:
            try:
                worker.call("hocbaso.documents.parent_watch:wait", [], None, timeout=20)
            except Unavailable as error:
                told.append(error.message)

        thread = threading.Thread(target=hang)
        thread.start()
        time.sleep(0.3)
        with pytest.raises(Unavailable, match="tệp của người khác"):
            worker.call("hocbaso.documents.parent_watch:wait", [], 0, timeout=0.2)
        worker.close()  # the end of the server does not wait for a stranger
        thread.join(5)
        assert not thread.is_alive() and told == [strangers.BROKEN]
    finally:
        worker.close()


def test_an_idle_process_ends() -> None:
    worker = StrangersWorker(idle_seconds=0.3)
    try:
        with pytest.raises(ValueError):
            worker.call("os:system", timeout=30)
        assert worker.pid is not None
        for _ in range(100):
            if worker.pid is None:
                break
            time.sleep(0.05)
        assert worker.pid is None
        with pytest.raises(ValueError):
            worker.call("os:system", timeout=30)
    finally:
        worker.close()
