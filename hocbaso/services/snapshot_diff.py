"""What changed between two snapshots: each value as it was and as it became, by whom and why.

The two signed exports are held against each other too (``snapshot_exports``): what they say and the log does not is named. The log is
read once from its beginning and held against both snapshots on the way: a difference told from a log that is not the
one that was signed would be worth nothing. ``hocbaso/services/log_words.py`` has the words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.checkpoints import Checkpoint
from hocbaso.errors import IntegrityFault, Invalid, NotFound
from hocbaso.regulations.hash_chain import GENESIS, ChainReader, MerkleFrontier
from hocbaso.services import log_words, snapshot_exports, snapshots
from hocbaso.services.kept_answers import KeptAnswers
from hocbaso.services.log_names import KIND_WORDS, Names
from hocbaso.services.log_shown import SHOWN
from hocbaso.services.log_words import Change
from hocbaso.services.snapshot_exports import Unlogged

_ENTRY = m.AuditEntry.__table__
_COLUMNS = ("seq", "at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "prev_hash", "hash")
_MANY_ACTS = 5

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """A snapshot as people choose it."""

    id: int
    day: date
    taken_at: datetime
    n_entries: int
    late: bool
    head_hash: str
    root: str
    occasion: str = ""
    data: tuple[int, str, str] | None = None
    """Lines, root and digest of the export of results and states."""
    as_signed: bool = True
    """What stands here is what the machine's key signed."""

    @property
    def words(self) -> str:
        """``số 12, ngày 20/05/2027, chụp 00:05 20/05/2027, hết hạn nhập dữ liệu 2026-2027``."""
        said = f", {self.occasion}" if self.occasion else ""
        return f"số {self.id}, ngày {self.day:%d/%m/%Y}, chụp {clock.local(self.taken_at):%H:%M %d/%m/%Y}{said}"


@dataclass(frozen=True, slots=True)
class Act:
    """One entry that had a part in a change."""

    seq: int
    at: datetime
    who: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that is not what it was. ``acts`` oldest first; ``n_acts`` counts those left out in the middle too."""

    kind: str
    row_id: str
    about: str
    changes: tuple[Change, ...]
    acts: tuple[Act, ...]
    n_acts: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything between two snapshots, ``first`` the earlier one. ``by_tag``: how often each act happened."""

    first: SnapshotLine
    second: SnapshotLine
    n_entries: int
    rows: tuple[RowChange, ...]
    by_tag: tuple[tuple[str, int], ...]
    by_kind: tuple[tuple[str, str, int], ...] = ()
    """(kind, words, rows) in the order of ``rows``."""
    unlogged: tuple[Unlogged, ...] = ()
    """What the two signed exports differ in and no entry between them says."""
    not_compared: str = ""
    """Why the two exports could not be held against each other, in words."""


@dataclass(slots=True)
class _Touched:
    """A row on its way: as the first snapshot left it, and as the second found it."""

    before: Told | None
    after: Told = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    n_acts: int = 0


def listed() -> list[SnapshotLine]:
    """All snapshots as they were signed, the newest first: the columns beside the signed body decide nothing."""
    return [_line(number, read) for number, read in snapshots.signed_lines()]


def _line(number: int, read: Checkpoint) -> SnapshotLine:
    if not read.signature_ok:
        return SnapshotLine(number, date.min, datetime.min.replace(tzinfo=UTC), 0, False, "", "", as_signed=False)
    taken = datetime.fromisoformat(read.taken_at)
    late = read.day < clock.local_date(taken)
    return SnapshotLine(
        number, read.day, taken, read.n_entries, late, read.head_hash, read.root, read.occasion, read.data
    )


def find(wanted: str, today: date) -> SnapshotLine:
    """A snapshot by its number, or the last one up to the end of a day (``20/5``, ``20/5/2027``, ``2027-05-20``).

    The day on which a deadline has passed means the state in which it began, as the deadline's own snapshot has it: what was
    changed on that day came after. A day without its year is the last such day up to today. Raises NotFound, Invalid for what is
    neither, and IntegrityFault where a snapshot in question is not as it was signed.
    """
    text = wanted.strip()
    known = listed()
    if text.isascii() and text.isdigit():
        for line in known:
            if line.id == int(text):
                _require_signed(line)
                return line
        raise NotFound(f"Không có ảnh chụp số {text[:12]}.")
    day = _day_of(text, today)
    for line in known:
        _require_signed(line)
    of_limit = [line for line in known if line.occasion and line.day == day]
    at_once = [line for line in of_limit if clock.local_date(line.taken_at) == day]
    if at_once:
        return min(at_once, key=lambda line: (line.n_entries, line.id))
    # A snapshot for a day that the server slept through is taken later and tells of a later state: its true time counts.
    on_time = [line for line in known if clock.local_date(line.taken_at) <= day]
    before = [line for line in on_time if clock.local_date(line.taken_at) < day] if of_limit else []
    if not on_time:
        raise NotFound(f"Chưa có ảnh chụp nào đến hết ngày {day:%d/%m/%Y}.")
    return max(before or on_time, key=lambda line: (line.n_entries, line.id))


def _require_signed(line: SnapshotLine) -> None:
    if not line.as_signed:
        raise IntegrityFault(
            f"Ảnh chụp số {line.id} bị hỏng hoặc không do khoá của máy này ký nên không so sánh theo nó, theo ngày được. "
            "Xin chạy: flask audit verify"
        )


def _day_of(text: str, today: date) -> date:
    try:
        if "-" in text:
            return date.fromisoformat(text)
        parts = [int(part) for part in text.split("/")]
        if len(parts) == 3:
            return date(parts[2], parts[1], parts[0])
        if len(parts) == 2:
            day = date(today.year, parts[1], parts[0])
            return day if day <= today else date(today.year - 1, parts[1], parts[0])
    except ValueError:
        pass
    raise Invalid(f"“{text[:40]}” không phải số của ảnh chụp, cũng không phải ngày (ghi như 20/5 hay 20/5/2027).")


_KEPT: KeptAnswers[Difference] = KeptAnswers(4)
"""Two signed snapshots never differ in another way."""


def difference(first: SnapshotLine, second: SnapshotLine, *, keep: bool = False) -> Difference:
    """What changed from one to the other, in either order.

    ``keep``: hand out what was read a moment ago (pages of one answer). Raises IntegrityFault when the log is not the one
    that either snapshot signed.
    """
    low, high = sorted((first, second), key=lambda line: (line.n_entries, line.id))
    if not keep:
        return _read(low, high)
    return _KEPT.of((low.id, low.root, high.id, high.root), lambda: _read(low, high))


def _read(low: SnapshotLine, high: SnapshotLine) -> Difference:
    standing: dict[tuple[str, str], Told] = {}
    touched: dict[tuple[str, str], _Touched] = {}
    tags: Counter[str] = Counter()
    told: dict[tuple[str, str], Told] = {}
    chain, tree, n_faults = ChainReader(), MerkleFrontier(), 0
    wanted = {low.n_entries: low, high.n_entries: high}
    if low.n_entries == 0:
        _require_same(low, GENESIS, tree.root())
    rows = db.session.connection().execute(
        select(*(_ENTRY.c[name] for name in _COLUMNS))
        .where(_ENTRY.c.seq <= high.n_entries)
        .order_by(_ENTRY.c.seq)
        .execution_options(yield_per=2000)
    )
    for row in rows.mappings():
        n_faults += sum(1 for _ in chain.read(**row))
        if n_faults:
            raise IntegrityFault(
                f"Nhật ký dòng {row['seq']} đã bị sửa ngoài phần mềm nên không so sánh được. Xin chạy: flask audit verify"
            )
        tree.append(row["hash"])
        payload = json.loads(row["payload"])
        if row["seq"] <= low.n_entries:
            _remember(standing, payload)
        else:
            tags[row["tag"]] += 1
            _touch(touched, standing, dict(row), payload)
            for kind, written in (payload.get("state") or {}).items():
                for row_id, values in written.items():
                    told.setdefault((kind, row_id), {}).update(values)
        if tree.n_leaves in wanted:
            _require_same(wanted[tree.n_leaves], row["hash"], tree.root())
    if tree.n_leaves != high.n_entries:
        raise IntegrityFault(
            f"Nhật ký chỉ còn {tree.n_leaves} dòng, ảnh chụp {high.words} đã thấy {high.n_entries} dòng: đã bị cắt bớt."
        )
    changed = _changed(touched)
    unlogged, not_compared = snapshot_exports.held_against((low.id, low.data), (high.id, high.data), told)
    kinds = Counter(row.kind for row in changed)
    return Difference(
        low,
        high,
        high.n_entries - low.n_entries,
        tuple(changed),
        tuple(tags.most_common()),
        tuple((kind, KIND_WORDS.get(kind, kind), kinds[kind]) for kind in SHOWN if kind in kinds),
        unlogged,
        not_compared,
    )


def _require_same(line: SnapshotLine, head: str, root: str) -> None:
    if (line.head_hash, line.root) != (head, root):
        raise IntegrityFault(
            f"{line.n_entries} dòng đầu của nhật ký không còn như ảnh chụp {line.words}: đã bị viết lại. "
            "Xin chạy: flask audit verify"
        )


def _remember(standing: dict[tuple[str, str], Told], payload: Mapping[str, Any]) -> None:
    for kind, rows in (payload.get("state") or {}).items():
        if kind in SHOWN:
            for row_id, values in rows.items():
                known = standing.get((kind, row_id))
                standing[kind, row_id] = values if known is None else {**known, **values}


def _touch(
    touched: dict[tuple[str, str], _Touched],
    standing: Mapping[tuple[str, str], Told],
    row: Mapping[str, Any],
    payload: Mapping[str, Any],
) -> None:
    act: Act | None = None
    for kind, rows in (payload.get("state") or {}).items():
        if kind not in SHOWN:
            continue
        for row_id, values in rows.items():
            one = touched.get((kind, row_id))
            if one is None:
                one = touched[kind, row_id] = _Touched(standing.get((kind, row_id)))
            act = act or Act(
                row["seq"],
                datetime.fromisoformat(row["at"]),
                row["actor_name"],
                log_words.act_words(row["tag"], payload),
                log_words.reason_of(payload),
            )
            one.after.update(values)
            one.n_acts += 1
            if len(one.acts) == _MANY_ACTS:
                del one.acts[1]  # the first and the last ones tell most
            one.acts.append(act)


def _changed(touched: Mapping[tuple[str, str], _Touched]) -> list[RowChange]:
    names = Names()
    order = {kind: at for at, kind in enumerate(SHOWN)}
    found = []
    for (kind, row_id), one in touched.items():
        changes = log_words.changes_of_row(names, kind, row_id, one.before, one.after)
        if changes:
            found.append(RowChange(kind, row_id, changes[0].about, tuple(changes), tuple(one.acts), one.n_acts))
    found.sort(key=lambda row: (order[row.kind], row.about, int(row.row_id) if row.row_id.isdigit() else 0))
    return found
