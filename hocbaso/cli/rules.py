"""``flask rules evaluate``: the rule engine on JSON lines, without database and without an instance."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import click

from hocbaso.errors import Invalid
from hocbaso.regulations.registry import TT22_2021, Regulation, regulation_named
from hocbaso.regulations.student_year import evaluate
from hocbaso.regulations.student_year_json import from_json, to_json

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False, default=str
).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False, default=str).encode


class _NotANumber:
    """NaN or Infinity, which JSON does not have: kept apart, so that the line is refused at its place and with its id."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name


def _no_constant(name: str) -> None:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_NotANumber).decode
_decode_strictly = json.JSONDecoder(parse_constant=_no_constant).decode


@click.group(name="rules")
def rules_group() -> None:
    """Bộ quy tắc đánh giá học sinh theo Thông tư 22/2021/TT-BGDĐT."""


@rules_group.command("evaluate")
@click.option("--regulation", "version", default=TT22_2021.version, show_default=True, help="Phiên bản quy định.")
def evaluate_command(version: str) -> None:
    """Đọc mỗi dòng một năm học của một học sinh (JSON) từ đầu vào chuẩn, in kết quả từng dòng.

    Dòng sai cho {"id": …, "error": "…"} và mã thoát 1; các dòng khác vẫn có kết quả.
    """
    try:
        regulation = regulation_named(version)
    except Invalid as refusal:
        raise click.BadParameter(refusal.message, param_hint="--regulation") from None
    n_refused = evaluate_stream(sys.stdin.buffer, sys.stdout.buffer, regulation)
    if n_refused:
        click.echo(f"Có {n_refused} dòng sai, xem trường error.", err=True)
        sys.exit(1)


def evaluate_stream(lines: Iterable[bytes], out: BinaryIO, regulation: Regulation = TT22_2021) -> int:
    """Answer every line that is not blank, in order; returns the number of lines refused."""
    n_refused = 0
    for answer, refused in answers(lines, regulation):
        n_refused += refused
        out.write(answer)
        out.flush()  # whoever talks to us line by line waits for it
    return n_refused


def answers(lines: Iterable[bytes], regulation: Regulation) -> Iterator[tuple[bytes, bool]]:
    """(answer line, refused) for every line that is not blank."""
    first = True
    for line in lines:
        if first:
            line, first = line.removeprefix(b"\xef\xbb\xbf"), False
        if line.isspace() or not line:
            continue
        answer, refused = _answer(line, regulation)
        try:
            text = _encode(answer).encode()
        except UnicodeEncodeError:  # half of a surrogate pair in the id or a code: only an escape can carry it
            text = _encode_ascii(answer).encode()
        except ValueError:  # a number in the id beyond what JSON can write back
            text, refused = _encode({"id": None, "error": "id phải là số hoặc chuỗi hợp lệ trong JSON."}).encode(), True
        yield text + b"\n", refused


def _answer(line: bytes, regulation: Regulation) -> tuple[dict[str, Any], bool]:
    try:
        item = _decode(line.decode().strip())
    except UnicodeDecodeError:
        return {"id": None, "error": "Dòng không phải là chữ mã hoá UTF-8."}, True
    except (ValueError, RecursionError):
        return {"id": None, "error": "Dòng không phải là JSON hợp lệ."}, True
    try:
        answer = to_json(evaluate(from_json(item), regulation))
    except Invalid as refusal:
        return {"id": _id_of(item), "error": refusal.message}, True
    if (b"NaN" in line or b"Infinity" in line) and not _is_strict_json(line):  # it stands where no rule looks
        return {"id": _id_of(item), "error": "NaN và Infinity không có trong JSON."}, True
    return answer, False


def _id_of(item: object) -> object:
    found = item.get("id") if isinstance(item, dict) else None
    return None if isinstance(found, _NotANumber) else found


def _is_strict_json(line: bytes) -> bool:
    try:
        _decode_strictly(line.decode().strip())
    except ValueError:
        return False
    return True


COMMANDS = [rules_group]

if __name__ == "__main__":
    rules_group()
