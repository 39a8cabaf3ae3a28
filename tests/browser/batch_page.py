"""Waiting for a batch on its page; what the page says stands in the failure."""

from __future__ import annotations

from typing import Any

SECONDS = 150
"""Two cold document workers beside a whole test suite; how long a batch takes is measured in ``bench/``."""


def done(page: Any, n: int) -> None:
    """Wait until the batch shown on ``page`` has finished with ``n`` records."""
    try:
        page.wait_for_selector(f"#batch:has-text('Xong {n} bản')", timeout=SECONDS * 1000)
    except Exception as error:
        raise AssertionError(f"the batch is not done: {page.inner_text('main')}") from error
