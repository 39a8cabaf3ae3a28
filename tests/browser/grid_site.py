"""The cast's school behind a server in this process, and a browser beside it: the bed of the grid's tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import roster, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, PASSWORD, PEOPLE, Cast
from tests.demo_site import CHROMIUM, CHROMIUM_ARGS

__all__ = ["CHROMIUM", "CHROMIUM_ARGS", "NAMES", "Site"]

NAMES = ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành")


@dataclass
class Site:
    """A running server with the cast's school and a browser beside it."""

    address: str
    browser: Any
    cast: Cast

    def sheet(self, code: str = "MATH") -> str:
        return f"{self.address}/bang-diem/{self.cast.sheets['9A', code, 2]}"

    def cell(self, column: str, place: int = 0) -> str:
        return f"#c-{self.cast.enrollments['9A', NAMES[place]]}-{column}"

    def open(self, who: str = "math", code: str = "MATH", context: Any = None, **options: Any) -> Any:
        """A window in which this person has opened the sheet of 9A in that subject."""
        if context is None:
            context = self.browser.new_context(
                **{"viewport": {"width": 1280, "height": 800}, "locale": "vi-VN", **options}
            )
        page = context.new_page()
        if "127.0.0.1" in self.address:
            enter(context, self.address, who)
        else:  # only the browser knows where this name leads
            self.sign_in(page, who)
        page.goto(self.sheet(code))
        return page

    def sign_in(self, page: Any, who: str) -> None:
        """Through the sign-in page."""
        sign_in(page, self.address, who)


def sign_in(page: Any, address: str, who: str) -> None:
    """Through the sign-in page of the school at this address, as this person of the cast."""
    page.goto(f"{address}/dang-nhap")
    page.fill('input[name="username"]', PEOPLE[who][0].lower())
    page.fill('input[name="password"]', PASSWORD)
    page.press('input[name="password"]', "Enter")
    page.wait_for_url(lambda url: "dang-nhap" not in url)


def enter(context: Any, address: str, who: str) -> None:
    """Sign the context in by the requests of the sign-in page alone: a third of a grid test was spent on drawing that page
    and the one behind it."""
    page = context.request.get(f"{address}/dang-nhap").text()
    answer = context.request.post(
        f"{address}/dang-nhap",
        form={
            "csrf_token": page.partition('<meta name="csrf-token" content="')[2].partition('"')[0],
            "username": PEOPLE[who][0].lower(),
            "password": PASSWORD,
        },
        max_redirects=0,
    )
    assert answer.status == 303, answer.text()[:500]


class KeptAlive(WSGIRequestHandler):
    """Forty files a page over six connections, as the real server does it; by default each takes a connection and a thread."""

    protocol_version = "HTTP/1.1"


@contextmanager
def served(cast: Cast, app: Flask, browser: Any) -> Iterator[Site]:
    """The school on a port of its own, with the CSRF check as in life."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=KeptAlive)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", browser, cast)
    finally:
        for context in browser.contexts if browser else []:
            context.close()
        server.shutdown()
        thread.join(5)
        server.server_close()


def values(column: str, cast: Cast) -> list[int | None]:
    db.session.commit()
    found = {
        row.enrollment_id: row.tenths
        for row in db.session.execute(
            select(m.ScoreCell.enrollment_id, m.ScoreCell.tenths).where(
                m.ScoreCell.column_key == column, m.ScoreCell.score_sheet_id == cast.sheets["9A", "MATH", 2]
            )
        )
    }
    return [found.get(cast.enrollments["9A", name]) for name in NAMES]


def n_versions() -> int:
    db.session.commit()
    return len(db.session.scalars(select(m.ScoreCellVersion.id)).all())


def settled(page: Any) -> None:
    page.wait_for_function("() => !document.querySelector('.cell--saving, .cell--wait, .cell--typing')", timeout=15000)


def fill(cast: Cast, *, but: tuple[str, ...] = ()) -> None:
    head = score_entry.read_head(cast.sheets["9A", "MATH", 2])
    with write_transaction() as session:
        score_entry.write_cells(
            session,
            SYSTEM,
            head,
            [
                (cast.enrollments["9A", name], column.key, score_entry.CellValue(tenths=75, origin="entered"), None)
                for name in NAMES
                for column in score_grid.columns_of(head)
                if column.key not in but
            ],
            source="imported",
            now=NOW,
        )


def grow(cast: Cast, n_students: int) -> list[int]:
    """Enrol invented pupils in 9A until it has so many; the enrolment ids in the order of the sheet."""
    year = db.session.get(m.SchoolYear, cast.year_id)
    assert year is not None
    roster.enter_students(
        SYSTEM,
        year,
        [
            roster.NewStudent(
                "9A",
                {
                    "moet_code": f"3699{number:06d}",
                    "full_name": f"Lò Văn Mới {chr(0x61 + number // 26)}{chr(0x61 + number % 26)}",
                    "birth_on": date(2012, 4, 1 + number % 28),
                    "sex": "Nam",
                },
            )
            for number in range(n_students - len(NAMES))
        ],
        NOW,
    )
    view = score_grid.open_sheet(SYSTEM, cast.sheets["9A", "MATH", 2], NOW)
    return [row.enrollment_id for row in view.rows]


def until_sent(page: Any, *, nudge: bool = False, seconds: float = 60) -> None:
    """Wait until the outbox of this page's person holds nothing that is to be sent.

    ``nudge``: tell the page every tenth of a second that the network is back, so that the test need not wait for the
    back-off.
    """
    until = time.monotonic() + seconds
    while not page.evaluate(NOTHING_TO_SEND, nudge):  # wait_for_function takes a promise for a yes
        assert time.monotonic() < until, "the outbox is not empty"
        time.sleep(0.1)


NOTHING_TO_SEND = """async nudge => {
    if (nudge) window.dispatchEvent(new Event('online'));
    const name = [...document.scripts].map(s => s.src).find(s => s.includes('/js/grid@'));
    const {state} = (await import(name)).modules.sender;
    if (state.adding || state.sending) return false;
    return new Promise(done => {
        const asked = indexedDB.open('hocbaso-outbox', 1);
        asked.onsuccess = () => {
            const read = asked.result.transaction('items').objectStore('items').getAll();
            read.onsuccess = () => {
                asked.result.close();
                const mine = read.result.filter(item => item.account === document.body.dataset.account);
                done(!mine.some(item => item.held === '' || item.held === 'done'));
            };
        };
    });
}"""


def teach_together(cast: Cast, who: str = "other") -> None:
    """A second teacher of 9A's mathematics, beside the first: both may type the sheet."""
    with write_transaction() as session:
        session.add(
            m.TeachingAssignment(
                person_id=cast.people[who],
                class_subject_id=cast.class_subjects["9A", "MATH"],
                starts_on=date(2026, 9, 5),
            )
        )
