"""A whole class through the services: build, then homeroom teacher, principal and seal, as the commands do it.

Makes a sample school of its own (classes approved and frozen, nothing built) in a scratch folder. Wall seconds, with as
many document workers as the machine has cores. Alone: ``python -m bench.batch [--students 40]`` prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

STUDENTS = 40
ROLES = ("homeroom", "principal", "seal")


def run(students: int = STUDENTS) -> dict[str, Any]:
    """Seconds of building and of each signature for one class, and milliseconds a student for all of it."""
    from hocbaso import clock
    from hocbaso.config import load_config
    from hocbaso.db import db
    from hocbaso.factory import create_app
    from hocbaso.services import (
        audit_verify,
        demo_school,
        document_pool,
        roster,
        schema,
        signing,
        test_school_keys,
        transcript_building,
    )
    from hocbaso.services.access import SYSTEM
    from hocbaso.services.transcript_contents import homeroom_person, principal_person

    with tempfile.TemporaryDirectory(prefix="hocbaso-bench-") as folder:
        app = create_app(config=load_config(instance=Path(folder) / "instance"))
        with app.app_context():
            schema.upgrade()
            started = time.perf_counter()
            demo_school.load(clock.now(), n_classes=4, n_students=students, stage="signing", say=lambda _line: None)
            result: dict[str, Any] = {
                "students": students,
                "workers": document_pool.n_workers(),
                "demo_load_s": round(time.perf_counter() - started, 2),
            }
            year = roster.open_year()
            class_group = roster.class_by_name("9A", year)
            # The workers start at the first need (a second each): warm them as a running school's are.
            for future in [
                document_pool.submit("hocbaso.documents.workers:warm") for _ in range(document_pool.n_workers())
            ]:
                future.result()
            total = 0.0
            try:
                started = time.perf_counter()
                transcript_building.build_class(SYSTEM, class_group.id, clock.now())
                result["build_s"] = round(time.perf_counter() - started, 2)
                total += time.perf_counter() - started
                pins = test_school_keys.read_demo_pins()
                today = clock.local_date(clock.now())
                people = {"homeroom": homeroom_person(class_group.id, today), "principal": principal_person(today)}
                for role in ROLES:
                    person = people.get(role)
                    pin = pins[person.staff_code if person is not None else test_school_keys.SEAL]
                    started = time.perf_counter()
                    batch = signing.sign_class(SYSTEM, class_group.id, role, pin, clock.now())
                    result[f"sign_{role}_s"] = round(time.perf_counter() - started, 2)
                    total += time.perf_counter() - started
                    failed = [item.reason for item in batch.items if item.outcome != "done"]
                    if failed or len(batch.items) != students:
                        raise RuntimeError(f"{role}: {len(batch.items)} items, {failed[:1]}")
                started = time.perf_counter()
                report = audit_verify.verify()
                result["audit_verify_s"] = round(time.perf_counter() - started, 2)
                result["audit_entries"] = report.n_entries
                if not report.ok:
                    raise RuntimeError(report.faults[0].message)
            finally:
                document_pool.close()
                db.session.remove()
                db.engine.dispose()
            result |= {"total_s": round(total, 2), "ms_per_student": round(total * 1000 / students)}
            return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=STUDENTS)
    print(json.dumps(run(parser.parse_args().students), indent=1))


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    main()
