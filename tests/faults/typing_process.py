"""A process in which six threads save cells as fast as they can; each acknowledged save is a line on stdout.

Arguments: instance, seed. The parent kills it without warning. A line: ``<op_id> <cell key> <version>``.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale
from hocbaso.services import score_entry
from hocbaso.services.access import load_actor
from tests.cast import NOW, PEOPLE
from tests.conftest import make_app


def typists(
    app: Flask, seed: int, acknowledge: Callable[[str], None], stop: threading.Event, n: int = 6
) -> list[threading.Thread]:
    """Start ``n`` threads that save cells of one sheet until ``stop``; each acknowledged save is told as a line."""
    with app.app_context():
        account = db.session.scalar(select(m.Account.id).where(m.Account.username == PEOPLE["math"][0].lower()))
        actor = load_actor(int(account or 0), NOW.date())
        sheet_id = db.session.scalar(
            select(m.ScoreSheet.id)
            .join(m.ClassSubject)
            .join(m.ClassGroup)
            .join(m.Subject)
            .where(m.ClassGroup.name == "9A", m.Subject.code == "MATH", m.ScoreSheet.semester == 2)
        )
        enrollments = list(
            db.session.scalars(select(m.Enrollment.id).join(m.ClassGroup).where(m.ClassGroup.name == "9A"))
        )
        db.session.remove()

    def type_scores(number: int) -> None:
        rng = random.Random(seed * 100 + number)
        with app.app_context():
            while not stop.is_set():
                enrollment, column = rng.choice(enrollments), rng.choice(("TX1", "TX2", "TX3", "GK", "CK"))
                standing = (
                    db.session.scalar(
                        select(m.ScoreCell.version).where(
                            m.ScoreCell.score_sheet_id == sheet_id,
                            m.ScoreCell.enrollment_id == enrollment,
                            m.ScoreCell.column_key == column,
                        )
                    )
                    or 0
                )
                # Another value than the standing one: the same again would write nothing.
                op_id = str(uuid.UUID(int=rng.getrandbits(128)))
                try:
                    saved = score_entry.save_cell(
                        actor,
                        int(sheet_id or 0),
                        enrollment,
                        column,
                        str((standing + 1) % 11),
                        expected_version=standing,
                        op_id=op_id,
                        now=NOW,
                    )
                except Stale:
                    db.session.remove()
                    continue
                if saved.written:  # False: another thread had just put the same value there
                    acknowledge(f"{op_id} {enrollment}:{column} {saved.cell.version}")
                db.session.remove()

    threads = [threading.Thread(target=type_scores, args=(number,), daemon=True) for number in range(n)]
    for thread in threads:
        thread.start()
    return threads


def main() -> None:
    """Type until killed."""
    typists(
        make_app(Path(sys.argv[1]), durable=True),
        int(sys.argv[2]),
        lambda line: os.write(1, f"{line}\n".encode()),
        threading.Event(),
    )
    threading.Event().wait()


if __name__ == "__main__":
    main()
