"""Requests for sheets go one after the other, and never wait long for one that is stuck."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from hocbaso.web.turns import PATHS, PATIENCE_SECONDS, Turns


class Answering:
    """An application that notes how many requests are inside it at once, and holds each until told."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.go = threading.Event()
        self._mutex = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._mutex:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.go.wait(5)
        with self._mutex:
            self.inside -= 1
        if environ.get("fails"):
            raise ValueError("as asked")
        return [environ["PATH_INFO"].encode()]


def _ask(turns: Turns, *paths: str) -> list[threading.Thread]:
    threads = [threading.Thread(target=turns, args=({"PATH_INFO": path}, None)) for path in paths]
    for thread in threads:
        thread.start()
    return threads


def _finish(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_quick_requests_go_one_after_the_other() -> None:
    app = Answering()
    app.go.set()
    _finish(_ask(Turns(app, patience=5), *[f"{PATHS}{number}" for number in range(30)]))
    assert app.most == 1


def test_behind_a_stuck_request_the_others_go_on_beside_it() -> None:
    app = Answering()
    threads = _ask(Turns(app), f"{PATHS}1", f"{PATHS}2/o/3/TX1")
    until = time.monotonic() + 5
    while app.inside < 2 and time.monotonic() < until:
        time.sleep(PATIENCE_SECONDS / 5)
    assert app.inside == 2
    app.go.set()
    _finish(threads)


def test_other_pages_do_not_queue() -> None:
    app = Answering()
    threads = _ask(Turns(app), "/hom-nay", "/hoc-ba/1", "/hom-nay")
    until = time.monotonic() + 5
    while app.inside < 3 and time.monotonic() < until:
        time.sleep(0.001)
    assert app.inside == 3
    app.go.set()
    _finish(threads)


def test_a_request_that_fails_gives_its_turn_back() -> None:
    app = Answering()
    app.go.set()
    turns = Turns(app, patience=5)
    with pytest.raises(ValueError, match="as asked"):
        turns({"PATH_INFO": f"{PATHS}1", "fails": True}, None)
    began = time.monotonic()
    assert turns({"PATH_INFO": f"{PATHS}2"}, None) == [f"{PATHS}2".encode()]
    assert time.monotonic() - began < 5
