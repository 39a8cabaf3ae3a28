"""The parts of ``flask demo simulate``: its clock, its browser through a lost connection, its memory, what it judges by."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from hocbaso.cli.simulation import reminder_watch, run
from hocbaso.cli.simulation.browser import Browser, ConnectionLost, Page, Refused
from hocbaso.cli.simulation.judgement import Promise
from hocbaso.cli.simulation.ledger import Ledger, reading, written
from hocbaso.cli.simulation.virtual_clock import VirtualClock, VirtualStopwatch
from hocbaso.errors import WrongState

FORM = """<meta name="csrf-token" content="dau"><main><a href="/bang-diem/4">4</a><a href="/khac">x</a>
<form id="f" method="post" action="/lam?lop=9A"><input type="hidden" name="version" value="3">
<input type="checkbox" name="chon" value="a" checked><input type="checkbox" name="chon" value="b">
<input type="checkbox" name="chon" value="c" checked><select name="cap"><option value="T">Tốt<option value="K" selected>Khá</select>
<textarea name="loi">
Hai dòng</textarea><input type="file" name="tep"><button name="verb" value="duyet">Duyệt</button></form>
<input name="ngoai" value="có" form="f"><input name="cua-form-khac" value="x" form="g"></main>"""


def test_a_form_sends_what_a_browser_would() -> None:
    page = Page("/", 200, FORM.encode())
    form = page.form("/lam")
    assert form is not None and page.token == "dau" and page.links("/bang-diem/") == ["/bang-diem/4"]
    assert form.fields == [
        ("version", "3"), ("chon", "a"), ("chon", "c"), ("cap", "K"), ("loi", "Hai dòng"), ("ngoai", "có"),
    ]  # fmt: skip
    form.put(chon=["b"], loi=None, ghi="mới")
    assert form.values("chon") == ["b"] and not form.values("loi") and form.values("ghi") == ["mới"]
    assert form.has("tep") and page.form("/khong-co") is None


class Patient:
    """The line to a server that somebody switches on again."""

    def __init__(self, port: int) -> None:
        self.port, self.n_back = port, 0

    def come_back(self) -> None:
        self.n_back += 1


@contextmanager
def deaf_for(n_lost: int) -> Iterator[tuple[Patient, list[tuple[str, str]]]]:
    """A server that does what is asked and dies before it answers, ``n_lost`` times; what arrived."""
    heard: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _hear(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            heard.append((f"{self.command} {self.path}", body))
            if len(heard) <= n_lost:
                self.close_connection = True
                return
            self.send_response(409 if self.path == "/sai" else 200)
            self.end_headers()
            self.wfile.write(b"<p role=alert>xong</p>")

        do_GET = do_POST = _hear

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Patient(server.server_address[1]), heard
    finally:
        server.shutdown()
        server.server_close()


SHEET = Page("/bang-diem/7", 200, b'<form id="sheet-form"><input name="account" value="5"></form>')


def test_a_block_without_an_answer_is_sent_again_as_the_same_act() -> None:
    with deaf_for(2) as (line, heard):
        answer = Browser(line).write_block(SHEET, 7, [(1, "CK", "8,5", 0)])
    assert answer.status == 200 and line.n_back == 2
    sent = [json.loads(parse_qs(body)["block"][0]) for _, body in heard]
    assert len(sent) == 3 and sent[0] == sent[1] == sent[2], "a new op id would be a second act"
    assert sent[0]["cells"] == [[1, "CK", "8,5", 0]] and len(sent[0]["op"]) == 32


def test_a_page_is_asked_for_again_and_an_act_is_left_to_the_person() -> None:
    with deaf_for(1) as (line, heard):
        assert Browser(line).get("/hom-nay").status == 200
        assert line.n_back == 1 and len(heard) == 2
    with deaf_for(1) as (line, heard):
        with pytest.raises(ConnectionLost):
            Browser(line).post("/duyet", [("a", "b")])
        assert len(heard) == 1 and line.n_back == 0, "nobody knows whether it was done: who works looks first"
    with deaf_for(0) as (line, _), pytest.raises(Refused, match="xong"):
        Browser(line).post("/sai", [])


def test_the_memory_finds_what_was_acknowledged_and_is_gone() -> None:
    ledger = Ledger()
    ledger.wrote_cell(1, 2, "CK", "8,5")
    ledger.wrote_cell(1, 2, "CK", "9")
    ledger.wrote_cell(1, 3, "NX", "10 điểm, chăm chỉ.")
    ledger.wrote_cell(1, 4, "TX1", "Đ")
    ledger.wrote_field(2, "absences_excused_1", "0")
    good = {(1, 2, "CK"): 90, (1, 3, "NX"): "10 điểm, chăm chỉ.", (1, 4, "TX1"): "Đ"}
    assert ledger.lost_cells(good) == [] and ledger.lost_fields({(2, "absences_excused_1"): 0}) == []
    assert len(ledger.lost_cells({**good, (1, 2, "CK"): 85})) == 1
    assert len(ledger.lost_cells({})) == 3 and len(ledger.lost_fields({})) == 1
    assert [reading("TX1", written(tenths)) for tenths in range(101)] == list(range(101))


def test_a_reminder_counts_once_with_all_its_lines() -> None:
    day, names = date(2027, 5, 13), {1: "Lan"}
    assert reminder_watch.faults({1: 3, 2: 1}, {1: [3], 2: [1]}, day, names) == []
    for found in ({2: [1]}, {1: [2], 2: [1]}, {1: [3, 3], 2: [1]}, {1: [3], 2: [1], 3: [1]}):
        assert len(reminder_watch.faults({1: 3, 2: 1}, found, day, names)) == 1, found


def test_a_promise_names_what_speaks_against_it() -> None:
    assert Promise("đúng hạn").lines() == ["GIỮ  đúng hạn"] and Promise("đúng hạn").kept
    broken = Promise("đúng hạn", [f"em {n}" for n in range(7)])
    assert not broken.kept and broken.lines()[0] == "HỎNG  đúng hạn"
    assert broken.lines()[1:] == ["    em 0", "    em 1", "    em 2", "    em 3", "    em 4", "    và 2 lỗi nữa"]


def test_the_clock_flows_leaps_and_tells_a_nap_from_a_wrong_hand(tmp_path: Path) -> None:
    begin = datetime(2026, 9, 5, 1, tzinfo=UTC)
    clock = VirtualClock.create(tmp_path / "clock", begin)
    seen = VirtualClock(tmp_path / "clock")  # the server's side of the same file
    stopwatch = VirtualStopwatch(seen)
    second = timedelta(seconds=1)
    assert begin <= seen.now() < begin + 30 * second and stopwatch.leapt(seen.now()) == timedelta(0)
    clock.leap_to(begin + timedelta(days=9))
    assert timedelta(0) <= seen.now() - begin - timedelta(days=9) < 30 * second
    assert abs(stopwatch.leapt(seen.now())) < second, "it slept: its own stopwatch went on"
    clock.leap_to(begin + timedelta(days=49), set_wrong=True)
    assert abs(stopwatch.leapt(seen.now()) - timedelta(days=40)) < 30 * second
    clock.leap_to(begin + timedelta(days=9, hours=1), set_wrong=True)
    assert stopwatch.leapt(seen.now()) < timedelta(days=-39)
    wish = clock.ask_for_tick()
    assert seen.asked() == wish and clock.ticked() < wish
    seen.say_ticked(wish)
    assert clock.ticked() == wish


def test_there_is_no_virtual_clock_in_a_folder_that_the_simulator_did_not_make(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        VirtualClock(tmp_path / "simulated-clock")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cua-truong").write_text("đừng đụng vào")
    with pytest.raises(WrongState, match="không trống"):
        run.simulate(4, 2, 7, lambda _day: None, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["cua-truong"]
