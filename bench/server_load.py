"""Opening a sheet and saving a cell on the real server: 1, 10 and 40 people at once, in a closed loop.

Starts the server on a temporary instance (loopback only), drives it from a second process over raw sockets, and
measures what a browser would wait: milliseconds from the request to the last byte of the answer. Alone:
``python -m bench.server_load [--seconds 4]`` prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.served import ROOT, in_child, served

CLASSES = 4
STUDENTS = 40
SUBJECTS = ("LIT", "MATH", "FL1", "HISTGEO", "SCI")
CLIENTS = (1, 10, 40)
GOALS = {
    "open": {1: ("median_ms", 21.0), 40: ("p95_ms", 320.0)},
    "save": {1: ("median_ms", 10.0), 40: ("p95_ms", 200.0)},
}


def run(seconds: float = 4.0) -> dict[str, Any]:
    """Build, start, measure, stop. Figures: median, p95 and worst in ms, requests a second, bytes, memory in MB."""
    with served(_build) as school:
        result: dict[str, Any] = {
            "n_students": STUDENTS,
            "n_columns": 6,
            "clients": list(CLIENTS),
            "first_open": {},
            "open": {},
            "open_after_change": {},
            "save": {},
        }

        def measured(n_clients: int, scenario: str, spent: float = seconds) -> Any:
            return in_child(measure, school.port, school.made, n_clients, spent, scenario)

        measured(4, "open", 1.0)  # warm up
        # Forty sheets that nobody has opened since the server started, all in the same instant; afterwards they are
        # known, so that "open" below is what a school has all day.
        result["first_open"]["40"] = measured(40, "open", 0.0)
        for scenario in ("open", "open_after_change", "save"):
            for n_clients in CLIENTS:
                result[scenario][str(n_clients)] = measured(n_clients, scenario)
        result["memory_mb"] = school.memory_mb()
    result["goals"] = [
        {
            "what": f"{scenario}, {n} at once: {key}",
            "limit": limit,
            "measured": result[scenario][str(n)][key],
            "met": result[scenario][str(n)][key] <= limit,
        }
        for scenario, limits in GOALS.items()
        for n, (key, limit) in limits.items()
    ]
    result["goals"] += [
        {
            "what": "save: bytes of the answer",
            "limit": 4000,
            "measured": result["save"]["1"]["reply_bytes"],
            "met": result["save"]["1"]["reply_bytes"] < 4000,
        },
        {
            "what": "memory of the web process, MB",
            "limit": 120,
            "measured": result["memory_mb"]["web"],
            "met": result["memory_mb"]["web"] < 120,
        },
    ]
    return result


# --- the school -------------------------------------------------------------------------------------------------------


def _build(instance: str) -> list[dict[str, Any]]:
    """Forty teachers with a half-typed sheet each; for each the cookie, the token, the address and the places to type."""
    sys.path.insert(0, str(ROOT))
    from flask_migrate import upgrade

    from hocbaso import clock
    from hocbaso.config import load_config
    from hocbaso.db import db
    from hocbaso.factory import create_app
    from hocbaso.services import roster
    from hocbaso.services.access import SYSTEM

    app = create_app(config=load_config(instance=Path(instance)))
    now = clock.now()
    with app.app_context():
        upgrade()
        roster.create_school(
            SYSTEM, {"name": "Trường THCS Đo Tốc Độ", "is_demo": True, "require_second_factor": False}, now
        )
        today = clock.local_date(now)
        first = today.year if today.month >= 8 else today.year - 1
        year = roster.create_year(SYSTEM, f"{first}-{first + 1}", now)
        people = add_typing_classes(app, year, [f"{6 + index}A" for index in range(CLASSES)], now)
        db.session.remove()
        db.engine.dispose()
    random.Random(22).shuffle(people)
    return people


def add_typing_classes(
    app: Any, year: Any, names: list[str], now: datetime, codes: tuple[str, ...] = SUBJECTS
) -> list[dict[str, Any]]:
    """Classes of forty with five half-typed sheets a semester, each sheet with a teacher of its own who is signed in."""
    from sqlalchemy import select, update

    from hocbaso import models as m
    from hocbaso.db import db, write_transaction
    from hocbaso.services import roster, score_entry
    from hocbaso.services.access import SYSTEM

    chance = random.Random(22)
    people: list[dict[str, Any]] = []
    first = int(year.label[:4])
    with write_transaction() as session:  # the measure must not depend on the day it is taken
        session.execute(update(m.SemesterWindow).values(opens_on=date(first, 8, 1), closes_on=date(first + 1, 8, 31)))
    group = roster.ensure_group(SYSTEM, "Tổ chung", now)
    subjects = {row.code: row for row in db.session.scalars(select(m.Subject))}
    family, middle, given = (
        "Nguyễn Trần Lê Phạm Vũ".split(),
        "Hoài Bảo Đức Minh".split(),
        "An Anh Bình Châu Đạt Hà Lâm".split(),
    )
    number = 0
    for index, name in enumerate(names):
        class_group = roster.create_class(SYSTEM, year, name, now)
        rows = roster.enter_students(
            SYSTEM,
            year,
            [
                roster.NewStudent(
                    class_group.name,
                    {
                        "moet_code": f"99{index:02d}{place:04d}",
                        "birth_on": date(2012, 1, 1 + place % 28),
                        "sex": "Nữ",
                        "full_name": f"{chance.choice(family)} {chance.choice(middle)} {chance.choice(given)}",
                    },
                )
                for place in range(STUDENTS)
            ],
            now,
        )
        for code in codes:
            offered = roster.offer_subject(SYSTEM, class_group, subjects[code], 140, now)
            sheets = db.session.scalars(
                select(m.ScoreSheet).where(m.ScoreSheet.class_subject_id == offered.id).order_by(m.ScoreSheet.semester)
            ).all()
            for sheet in sheets:
                number += 1
                person = roster.create_person(
                    SYSTEM,
                    {
                        "staff_code": f"DO{number:03d}",
                        "subject_group_id": group.id,
                        "full_name": f"Giáo viên Số {number}",
                    },
                    now,
                )
                with write_transaction() as session:
                    # Two teachers share a class subject here, one a semester: forty people need forty sheets.
                    session.add(
                        m.TeachingAssignment(person_id=person.id, class_subject_id=offered.id, starts_on=year.starts_on)
                    )
                head = score_entry.read_head(sheet.id)
                with write_transaction() as session:
                    score_entry.write_cells(
                        session,
                        SYSTEM,
                        head,
                        [
                            (
                                row.id,
                                key,
                                score_entry.CellValue(tenths=chance.randrange(40, 100), origin="entered"),
                                None,
                            )
                            for row in rows
                            for key in ("TX1", "TX2", "TX3", "GK")
                        ],
                        source="demo",
                        now=now,
                    )
                people.append(
                    {
                        **signed_in(app, person.id, number, now),
                        "sheet": f"/bang-diem/{sheet.id}",
                        "lines": [row.id for row in rows],
                    }
                )
    return people


def signed_in(app: Any, person_id: int, number: int, now: datetime) -> dict[str, Any]:
    """An account and an open session of this person: the cookie and the token of a browser. ``number``: one a person."""
    from argon2 import PasswordHasher
    from itsdangerous import URLSafeTimedSerializer

    from hocbaso import models as m
    from hocbaso.db import write_transaction
    from hocbaso.services import sessions

    nobody = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("không ai đăng nhập bằng mật khẩu này")
    with write_transaction() as session:
        account = m.Account(
            person_id=person_id,
            username=f"do{number:03d}",
            created_at=now,
            password_hash=nobody,
            must_change_password=False,
        )
        session.add(account)
        session.flush()
        account_id = account.id
    opened = sessions.open_session(account_id, address="127.0.0.1", now=now)
    raw = f"{number:040x}"
    serializer = app.session_interface.get_signing_serializer(app)
    cookie = serializer.dumps({"_user_id": opened.token, "_fresh": True, "csrf_token": raw})
    return {
        "cookie": f"{app.config['SESSION_COOKIE_NAME']}={cookie}",
        "token": URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw),
    }


# --- the load ---------------------------------------------------------------------------------------------------------


def measure(port: int, people: list[dict[str, Any]], n_clients: int, seconds: float, scenario: str) -> dict[str, Any]:
    """The first ``n_clients`` of the people in a closed loop: median, p95 and worst in ms, requests a second, bytes."""
    return asyncio.run(_drive(port, people[:n_clients], seconds, scenario))


async def _drive(port: int, people: list[dict[str, Any]], seconds: float, scenario: str) -> dict[str, Any]:
    began = time.perf_counter()
    until = began + seconds
    lists = await asyncio.gather(*(_client(port, person, until, scenario) for person in people))
    times = sorted(spent for found in lists for spent, _ in found)
    sizes = sorted(size for found in lists for _, size in found)
    if not times:
        raise RuntimeError(f"no answer at all: {scenario}")
    return {
        "n": len(times),
        "per_second": round(len(times) / (time.perf_counter() - began), 1),
        "median_ms": round(times[len(times) // 2] * 1000, 2),
        "p95_ms": round(times[int(len(times) * 0.95)] * 1000, 2),
        "max_ms": round(times[-1] * 1000, 2),
        "reply_bytes": sizes[-1],
    }


async def _client(port: int, person: dict[str, Any], until: float, scenario: str) -> list[tuple[float, int]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    chance = random.Random()  # not seeded: a run that repeated the operation ids of the last would measure replays
    versions: dict[str, int] = {}
    found = []
    head = f"Host: 127.0.0.1:{port}\r\nCookie: {person['cookie']}\r\nAccept-Encoding: identity\r\n"
    opening = f"GET {person['sheet']} HTTP/1.1\r\n{head}\r\n".encode()
    while not found or time.perf_counter() < until:
        if scenario != "open":
            line, column = chance.choice(person["lines"]), chance.choice(("TX4", "CK"))
            place = f"{line}/{column}"
            # The measured runs follow each other on the same sheets: the first touch learns the version.
            body = urlencode(
                {
                    "value": f"{chance.randrange(10)},{chance.randrange(10)}",
                    "version": versions.get(place, 0),
                    "op": f"{chance.getrandbits(120):032x}",
                }
            ).encode()
            request = (
                f"POST {person['sheet']}/o/{place} HTTP/1.1\r\n{head}X-CSRFToken: {person['token']}\r\nHX-Request: true\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            spent, status, answer = await _exchange(reader, writer, request)
            if status not in (200, 409):
                raise RuntimeError(f"{status}: {answer[:300]!r}")
            at = answer.find(b'data-v="')
            if at >= 0:
                versions[place] = int(answer[at + 8 : answer.index(b'"', at + 8)])
            if scenario == "save":
                if status == 200:
                    found.append((spent, len(answer)))
                continue
        spent, status, answer = await _exchange(reader, writer, opening)
        if status != 200:
            raise RuntimeError(f"{status}: {answer[:300]!r}")
        found.append((spent, len(answer)))
    writer.close()
    return found


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[float, int, bytes]:
    began = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        at = lower.index(b"content-length:") + 15
        body = await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
    return time.perf_counter() - began, int(head[9:12]), body


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=4.0)
    print(
        json.dumps(
            {"at": datetime.now(UTC).isoformat(timespec="seconds"), **run(options.parse_args().seconds)}, indent=1
        )
    )
