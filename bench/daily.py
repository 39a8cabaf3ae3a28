"""The principal's day on a school of 640 with 200 sheets waiting: one person, then ten at once, in a closed loop.

The real server on a temporary instance (loopback only). Alone: ``python -m bench.daily [--seconds 4]`` prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.served import ROOT, in_child, served
from bench.server_load import add_typing_classes, measure, signed_in

CLASSES = 16
WAITING = 200
CODES = ("LIT", "MATH", "FL1", "HISTGEO", "SCI", "CIVICS", "TECH")
BOSSES = 10
GOALS = {"1": ("median_ms", 150.0), "10": ("p95_ms", 400.0)}


def run(seconds: float = 4.0) -> dict[str, Any]:
    """Milliseconds (median, p95, worst) of the daily page at one and at ten clients, bytes of the answer."""
    with served(_build) as school:
        in_child(measure, school.port, school.made, 1, 1.0, "open")  # warm up
        result: dict[str, Any] = {"n_students": CLASSES * 40, "n_waiting": WAITING}
        for n in (1, BOSSES):
            result[str(n)] = in_child(measure, school.port, school.made, n, seconds, "open")
    result["goals"] = [
        {
            "what": f"daily page, {n} at once: {key}",
            "limit": limit,
            "measured": result[n][key],
            "met": result[n][key] <= limit,
        }
        for n, (key, limit) in GOALS.items()
    ]
    return result


def _build(instance: str) -> list[dict[str, Any]]:
    """Sixteen classes of forty, 200 of their sheets reviewed; ten principals' browsers (one office, many tablets)."""
    sys.path.insert(0, str(ROOT))
    from flask_migrate import upgrade
    from sqlalchemy import select, update

    from hocbaso import clock
    from hocbaso import models as m
    from hocbaso.config import load_config
    from hocbaso.db import db, write_transaction
    from hocbaso.factory import create_app
    from hocbaso.regulations.permissions import Role
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
        names = [f"{grade}{letter}" for grade in (6, 7, 8, 9) for letter in "ABCD"]
        add_typing_classes(app, year, names, now, CODES)
        bosses = []
        for place in range(BOSSES):
            person = roster.create_person(
                SYSTEM, {"staff_code": f"HT{place:02d}", "full_name": f"Hiệu trưởng Số {place}"}, now
            )
            roster.grant_role(SYSTEM, person.id, Role.PRINCIPAL, now, starts_on=year.starts_on)
            bosses.append({**signed_in(app, person.id, 9000 + place, now), "sheet": "/hom-nay"})
        with write_transaction() as session:
            chosen = session.scalars(select(m.ScoreSheet.id).order_by(m.ScoreSheet.id).limit(WAITING)).all()
            session.execute(
                update(m.ScoreSheet).where(m.ScoreSheet.id.in_(chosen)).values(state="REVIEWED", state_at=now)
            )
        db.session.remove()
        db.engine.dispose()
    return bosses


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=4.0)
    print(
        json.dumps(
            {"at": datetime.now(UTC).isoformat(timespec="seconds"), **run(options.parse_args().seconds)}, indent=1
        )
    )
