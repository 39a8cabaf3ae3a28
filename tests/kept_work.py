"""What tests would work out anew though it is the same for all of them: addresses, templates, statements, schools.

A school has one application for months; here there are thousands, and 60 % of a page's test went into compiling.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import create_engine, event
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from hocbaso.db import db

_ADDRESSES: dict[tuple[object, ...], tuple[list[Any], list[Any], dict[str, Any], set[str], Any, Any]] = {}
_compile = Rule.compile


def _compile_once(rule: Rule) -> None:
    defaults = tuple((rule.defaults or {}).items())
    key = (rule.rule, rule.subdomain, rule.host, defaults, rule.merge_slashes, rule.map.host_matching)
    if key not in _ADDRESSES:
        _compile(rule)
        _ADDRESSES[key] = (
            rule._parts,
            rule._trace,
            rule._converters,
            rule.arguments,
            rule._build.__func__,  # type: ignore[attr-defined]
            rule._build_unknown.__func__,  # type: ignore[attr-defined]
        )
        return
    parts, trace, converters, arguments, build, build_unknown = _ADDRESSES[key]
    rule._parts, rule._trace, rule._converters = list(parts), list(trace), dict(converters)
    rule.arguments = set(arguments)
    rule._build, rule._build_unknown = build.__get__(rule, None), build_unknown.__get__(rule, None)


class _Templates(BytecodeCache):
    """Compiled templates by name and source."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


_TEMPLATES = _Templates()
_STATEMENTS: LRUCache[Any, Any] = LRUCache(4000)
_DIALECTS: list[Any] = []


def keep_addresses() -> None:
    """From here on an address is compiled once a process."""
    Rule.compile = _compile_once  # type: ignore[method-assign]


def share(app: Flask, *, durable: bool) -> None:
    """Give an application the templates and statements that others before it have compiled; unless ``durable``, its writes do
    not wait for the disk: nobody cuts the power here but the tests of faults."""
    app.jinja_env.bytecode_cache = _TEMPLATES
    with app.app_context():
        engine: Any = db.engine
    if engine.dialect.name != "sqlite":
        return
    if not durable:
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    # A compiled statement is found by its dialect; the first engine's does for all, each still connects by its own.
    if not _DIALECTS:
        # Its own engine may never connect, and only a connection tells a dialect what the database can do.
        with create_engine("sqlite://", module=engine.dialect.dbapi).connect() as connection:
            engine.dialect.initialize(connection)
        _DIALECTS.append(engine.dialect)
    engine.dialect, engine._compiled_cache = _DIALECTS[0], _STATEMENTS


BEGAN = "HOCBASO_TEST_RUN_BEGAN"
"""The variable with the moment at which the run began, for schools that live today: all workers must mean the same."""


def made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    """The instance folder ``name``, made once a run: of two workers that want it the second waits for the first.

    A fixture of the session alone does not: every module that imports it has one of its own.
    """
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    place, done = shared / f"made-{name}" / "instance", shared / f"made-{name}" / "done"
    place.parent.mkdir(exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)  # of one that was begun and failed
            make(place)
            done.touch()
    return place
