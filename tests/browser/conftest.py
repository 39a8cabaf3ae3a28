"""The bed of the grid's tests: one browser a module, one school a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from hocbaso import clock
from tests.browser.grid_site import CHROMIUM, CHROMIUM_ARGS, Site, served
from tests.cast import NOW, Cast


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a page that is looked at in several sizes and both themes, ``make test`` sees the first in light and ``make test-slow``
    the others."""
    looks: dict[str, list[pytest.Item]] = {}
    for item in items:
        name, _, which = item.nodeid.partition("[")
        if which.endswith(("light]", "dark]")):
            looks.setdefault(name, []).append(item)
    for shown in looks.values():
        kept = next((item for item in shown if item.nodeid.endswith("light]")), shown[0])
        for item in shown:
            if item is not kept:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(driver: Any) -> Iterator[Any]:
    found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
    yield found
    found.close()


@pytest.fixture
def plain_browser(driver: Any) -> Iterator[Any]:
    """A browser for which the server has a name of its own: no secure context, as over plain HTTP in a school."""
    found = driver.chromium.launch(
        executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, "--host-resolver-rules=MAP truong.example 127.0.0.1"]
    )
    yield found
    found.close()


@pytest.fixture
def site(school: Cast, school_app: Flask, browser: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with served(school, school_app, browser) as found:
        yield found
