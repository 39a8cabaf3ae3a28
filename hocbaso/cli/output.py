"""What all commands share: JSON or words on stdout, refusals on stderr, exit 0 done, 1 refused, 2 wrong use."""

from __future__ import annotations

import errno
import functools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar

import click
from flask import has_app_context

from hocbaso.errors import DomainError
from hocbaso.services import schema

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="In kết quả dạng JSON.")


def any_schema(command: F) -> F:
    """Let a command run on a database that is behind the program: what one needs before bringing it up."""
    command.any_schema = True  # type: ignore[attr-defined]
    return command


_READING = frozenset(
    {
        "audit verify", "audit key", "audit diff", "audit export", "check-instance", "export", "reconcile", "jobs list", "certificates list", "demo accounts", "user list", "role list", "transcript export",
        "transcript rehearse",
    }
)  # fmt: skip
_WHY = {
    errno.EACCES: "không có quyền",
    errno.EPERM: "không có quyền",
    errno.EROFS: "ổ đĩa chỉ đọc",
    errno.ENOENT: "không có tệp hoặc thư mục này",
    errno.ENOTDIR: "có phần của đường dẫn không phải thư mục",
    errno.EISDIR: "đây là thư mục",
    errno.EEXIST: "đã có tệp tên này",
    errno.ENOSPC: "ổ đĩa đầy",
    errno.ENAMETOOLONG: "tên quá dài",
}


def _only_reads() -> bool:
    names: list[str] = []
    context = click.get_current_context(silent=True)
    while context is not None:
        names.insert(0, context.info_name or "")
        context = context.parent
    return bool(names) and (names[-1] in _READING or " ".join(names[-2:]) in _READING)


def refusals(command: F) -> F:
    """Turn a DomainError into its sentence on stderr and exit status 1.

    A database without tables gets its schema first; one behind the program is refused unless :func:`any_schema`. A command that
    only reads makes none: a mistyped ``HOCBASO_INSTANCE`` is said. A file that cannot be read or written is named.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            if has_app_context() and _only_reads():
                schema.require_there()
            if has_app_context() and not getattr(command, "any_schema", False):
                schema.make_new()
            return command(*args, **kwargs)
        except DomainError as refusal:
            click.echo(f"Không làm được: {refusal.message}", err=True)
            for line in refusal.details:
                click.echo(f"  {line}", err=True)
            sys.exit(1)
        except OSError as problem:
            if problem.filename is None:
                raise
            why = _WHY.get(problem.errno or 0, problem.strerror)
            click.echo(f"Không làm được: không đọc hoặc ghi được {problem.filename}: {why}.", err=True)
            sys.exit(1)

    return wrapped  # type: ignore[return-value]


SILENT_SECONDS = 2.0
"""What is done sooner says nothing while it runs."""


@contextmanager
def working(words: str) -> Iterator[None]:
    """A line on stderr that counts the seconds of a job whose length nobody knows. Silent where stderr is no screen."""
    done = threading.Event()

    def tell() -> None:
        began, wait, drawn = time.monotonic(), SILENT_SECONDS, False
        while not done.wait(wait):
            wait, drawn = 1.0, True
            click.echo(f"\r  {words}, {time.monotonic() - began:.0f} giây ", nl=False, err=True)
        if drawn:
            click.echo("", err=True)

    if not sys.stderr.isatty():
        yield
        return
    teller = threading.Thread(target=tell, name="working", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def emit(value: Any, *, as_json: bool, words: str) -> None:
    """Print ``value`` as JSON, or ``words``."""
    if as_json:
        click.echo(
            json.dumps(
                asdict(value) if is_dataclass(value) and not isinstance(value, type) else value,
                ensure_ascii=False,
                default=str,
            )
        )
    elif words:
        click.echo(words)
