"""The audit log as a file, judged without database and network: every row joins the one before, and it begins as the checkpoints say.

One JSON list a line with the ten columns of ``audit_entry``, in the order of ``seq``; packed by gzip where the name ends in ``.gz``.
Values of the school's tables are not in it: that each of them is what its last entry says is for ``flask audit verify`` at the school.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hocbaso.documents.checkpoints import Checkpoint
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.hash_chain import GENESIS, ChainReader, MerkleFrontier, is_hash

COLUMNS = ("seq", "at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "prev_hash", "hash")
MOST_FAULTS = 20
LONGEST_LINE = 64 * 1024 * 1024
"""Characters; the longest entry of a school tells of a whole roster and has some two million."""


@dataclass(frozen=True, slots=True)
class LogFileFault:
    """One thing wrong; ``seq`` is the row concerned, None for a checkpoint that is itself no good."""

    kind: str
    seq: int | None
    message: str


@dataclass(slots=True)
class LogFileReport:
    """Outcome: ``n_vouched`` rows are what the newest good checkpoint saw; later ones only join each other."""

    n_entries: int = 0
    n_vouched: int = 0
    head_hash: str = GENESIS
    faults: list[LogFileFault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.faults


def line_of(row: Mapping[str, Any]) -> str:
    """A row as it stands in the file."""
    return json.dumps([row[name] for name in COLUMNS], ensure_ascii=False, separators=(",", ":"))


@contextmanager
def opened(path: Path, mode: str) -> Iterator[IO[str]]:
    """The file for reading (``r``) or writing (``w``), packed or not by its name."""
    if path.suffix == ".gz":
        with gzip.open(path, f"{mode}t", encoding="utf-8", newline="\n") as packed:
            yield packed  # type: ignore[misc]
    else:
        with path.open(mode, encoding="utf-8", newline="\n") as plain:
            yield plain


def read_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file. IntegrityFault for a line that is none."""
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line) if len(line) < LONGEST_LINE else None
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, list) or len(values) != len(COLUMNS) or type(values[0]) is not int:
            raise IntegrityFault(f"Dòng thứ {number} của tệp không phải một dòng nhật ký.")
        yield dict(zip(COLUMNS, values, strict=True))


def verify(rows: Iterable[Mapping[str, Any]], checkpoints: Sequence[Checkpoint]) -> LogFileReport:
    """Judge the rows by the checkpoints, whose signatures were judged when they were read."""
    report, chain, tree = LogFileReport(), ChainReader(), MerkleFrontier()
    wanted = {checkpoint.n_entries for checkpoint in checkpoints}
    roots = {0: (GENESIS, tree.root())}
    whole = True
    for row in rows:
        for fault in chain.read(**row):
            if len(report.faults) < MOST_FAULTS:
                report.faults.append(LogFileFault(fault.kind, fault.seq, fault.message))
        whole = whole and is_hash(row["hash"])
        if whole:
            tree.append(row["hash"])
            if tree.n_leaves in wanted:
                roots[tree.n_leaves] = (row["hash"], tree.root())
    report.n_entries, report.head_hash = chain.n_rows, chain.head
    for checkpoint in checkpoints:
        n, when = checkpoint.n_entries, f"{checkpoint.day:%d/%m/%Y} ({checkpoint.source})"
        if not checkpoint.signature_ok:
            report.faults.append(LogFileFault("snapshot", None, f"Ảnh chụp ngày {when} không do khoá đã cho ký."))
        elif n > chain.n_rows:
            words = f"Tệp chỉ có {chain.n_rows} dòng, ảnh chụp ngày {when} đã thấy {n} dòng."
            report.faults.append(LogFileFault("truncated", chain.n_rows + 1, words))
        elif roots.get(n) != (checkpoint.head_hash, checkpoint.root):
            words = f"{n} dòng đầu không còn như trong ảnh chụp ngày {when}: đã bị viết lại."
            report.faults.append(LogFileFault("rewritten", n, words))
        else:
            report.n_vouched = max(report.n_vouched, n)
    return report
