"""``flask doctor``: is this machine fit to keep children's results?"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from hocbaso import clock
from hocbaso.cli.output import any_schema, emit, json_option, refusals, working
from hocbaso.services import health, schema

_SIGN = {"ok": "✓", "warn": "!", "bad": "✗"}


@click.command("doctor")
@json_option
@with_appcontext
@refusals
@any_schema
def doctor_command(as_json: bool) -> None:
    """Kiểm tra máy chủ này: cơ sở dữ liệu, đĩa, giờ, phông chữ, ký thử, chứng thư, sao lưu, nhật ký."""
    schema.make_new(allow_behind=True)
    with working("Đang kiểm tra máy"):
        findings = health.examine(clock.now())
    emit(
        [asdict(finding) for finding in findings],
        as_json=as_json,
        words="\n".join(f"{_SIGN[f.level]} {f.check}: {f.message}" for f in findings),
    )
    sys.exit(1 if any(finding.level == "bad" for finding in findings) else 0)


COMMANDS = [doctor_command]
