"""How long an office waits for its files: the sample school, dry run and act, through the services."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.db import db
from hocbaso.factory import create_app
from hocbaso.services import exports, imports
from hocbaso.services.access import SYSTEM

SAMPLES = Path(__file__).parent.parent / "tests" / "data" / "truong-mau"
YEAR = "2025-2026"
LIMIT_SECONDS = 3.0
"""One class's 24 sheets, read, compared and written, must take less."""


@contextlib.contextmanager
def _empty_instance() -> Iterator[Flask]:
    with tempfile.TemporaryDirectory(prefix="hocbaso-bench-") as name:
        folder = Path(name)
        for part in ("documents", "keys", "checkpoints"):
            (folder / part).mkdir()
        app = create_app(
            config=Config(
                instance=folder,
                database_url=f"sqlite+pysqlite:///{folder / 'hocbaso.sqlite'}",
                secret_key="only-for-the-benchmark",
                workers=1,
                testing=True,
            )
        )
        with app.app_context():
            db.create_all()
            yield app
            db.session.remove()
            db.engine.dispose()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    db.session.remove()
    return round(time.perf_counter() - began, 3), found


def _import(kind: str, name: str, *, apply: bool) -> tuple[float, imports.ImportReport]:
    data = (SAMPLES / name).read_bytes()
    seconds, report = _timed(
        lambda: imports.run_import(SYSTEM, kind, data, clock.now(), file_name=name, apply=apply, year_label=YEAR)
    )
    if report.n_errors:
        raise RuntimeError(f"{name}: {report.errors[0]}")
    return seconds, report


def run() -> dict[str, Any]:
    """Seconds for each step; ``ok`` when one class of 24 score sheets stays under the limit."""
    with _empty_instance():
        result: dict[str, Any] = {}
        for kind, name in (
            ("students", "hoc-sinh.xlsx"),
            ("teachers", "giao-vien.xlsx"),
            ("assignments", "phan-cong.xlsx"),
        ):
            result[f"{kind}_apply_s"] = _import(kind, name, apply=True)[0]
        dry, applied, again = [], [], []
        n_cells = 0
        for class_name in ("6A", "7A", "8A", "9A"):
            name = f"diem-{class_name}.xlsx"
            dry.append(_import("scores", name, apply=False)[0])
            seconds, report = _import("scores", name, apply=True)
            applied.append(seconds)
            n_cells += report.n_changes
            again.append(_import("scores", name, apply=True)[0])
        result |= {
            "class_scores_dry_run_s": max(dry),
            "class_scores_apply_s": max(applied),
            "class_scores_again_s": max(again),
            "n_cells": n_cells,
            "cells_per_s": int(n_cells / sum(applied)),
            "export_scores_jsonl_s": _timed(lambda: exports.export(SYSTEM, "scores", clock.now(), form="jsonl"))[0],
            "export_class_xlsx_s": _timed(lambda: exports.export(SYSTEM, "scores", clock.now(), class_name="9A"))[0],
            "limit_s": LIMIT_SECONDS,
            "ok": max(applied) < LIMIT_SECONDS,
        }
        return result


if __name__ == "__main__":
    import json

    print(json.dumps(run(), ensure_ascii=False, indent=1))
