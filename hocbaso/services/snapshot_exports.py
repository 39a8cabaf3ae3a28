"""Two signed exports held against each other and against the log between them: what the one says and the log does not.

The difference between two snapshots is told from the log (:mod:`hocbaso.services.snapshot_diff`). A value changed behind the
application's back is in no entry; but the exports that both snapshots signed have it.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hocbaso.errors import IntegrityFault
from hocbaso.services import log_words, snapshots
from hocbaso.services.audit import differing, same
from hocbaso.services.log_names import KIND_WORDS, Names
from hocbaso.services.state_export import LEFT_OUT
from hocbaso.services.watched_kinds import WATCHED

Key = tuple[str, str]
_KEY = re.compile(rb'\{"id":"(\d+)","kind":"(\w+)",')


@dataclass(frozen=True, slots=True)
class Unlogged:
    """A row that the two exports have otherwise than the log tells. ``what``: ``changed``, ``gone`` or ``new``.

    It names columns and no value, so that it may stand before whoever is kept from the values.
    """

    kind: str
    row_id: str
    about: str
    columns: tuple[str, ...]
    what: str

    @property
    def words(self) -> str:
        """``ô điểm số 15, Toán 9A, học kì II: Hoàng Thanh Bình: điểm (score_cell 15, cột tenths)``."""
        said = {"gone": "đã mất", "new": "thêm vào"}.get(self.what) or ", ".join(
            log_words.words_of_column(self.kind, name) for name in self.columns
        )
        place = f"{self.kind} {self.row_id}" + (f", cột {', '.join(self.columns)}" if self.columns else "")
        name = KIND_WORDS.get(self.kind, self.kind)
        about = "" if self.about in (name, f"{name} số {self.row_id}") else f", {self.about}"
        return f"{name} số {self.row_id}{about}: {said} ({place})"


def held_against(
    first: tuple[int, tuple[int, str, str] | None],
    second: tuple[int, tuple[int, str, str] | None],
    told: Mapping[Key, Mapping[str, Any]],
) -> tuple[tuple[Unlogged, ...], str]:
    """(what the exports of two snapshots differ in without the log saying so, why they could not be compared or "").

    ``first``, ``second``: number of a snapshot and what it signed of its export; ``told``: what the entries between them wrote, by kind
    and id.
    """
    packed: list[bytes] = []
    for number, data in (first, second):
        if data is None:
            return (), f"Ảnh chụp số {number} có từ trước khi có bản trích, nên chỉ so được theo nhật ký."
        try:
            found = snapshots.read_export(data[2])
        except IntegrityFault as wrong:
            return (), wrong.message
        if found is None:
            return (), f"Máy không còn giữ bản trích của ảnh chụp số {number}, nên chỉ so được theo nhật ký."
        packed.append(found)
    if packed[0] == packed[1] and not told:
        return (), ""
    return tuple(_compared(packed[0], packed[1], told)), ""


def _compared(old: bytes, new: bytes, told: Mapping[Key, Mapping[str, Any]]) -> Iterator[Unlogged]:
    before = dict(_lines(old))
    after = dict(_lines(new))
    old_kinds, new_kinds = _kinds(before), _kinds(after)
    names = Names()
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} | set(told)
    order = {kind: at for at, kind in enumerate(WATCHED)}
    for key in sorted(keys, key=lambda one: (order.get(one[0], len(order)), int(one[1]) if one[1].isdigit() else 0)):
        kind, row_id = key
        if kind not in WATCHED or kind in LEFT_OUT or kind not in new_kinds:
            continue
        was, now = _values(before.get(key)), _values(after.get(key))
        if now is None:
            if was is not None or key in told:
                yield Unlogged(kind, row_id, names.of(kind, row_id, was or told[key]), (), "gone")
            continue
        # A kind that the earlier export does not know came with a later version of this program.
        wrong = _unsaid(kind, was, now, told.get(key), known=kind in old_kinds)
        if wrong:
            unborn = was is None and key not in told
            yield Unlogged(kind, row_id, names.of(kind, row_id, now), wrong, "new" if unborn else "changed")


def _unsaid(
    kind: str, was: Mapping[str, Any] | None, now: Mapping[str, Any], told: Mapping[str, Any] | None, *, known: bool
) -> tuple[str, ...]:
    said = told or {}
    if was is None and known:
        watched = {name: now[name] for name in WATCHED[kind][1] if name in now}
        return tuple(watched) if told is None else tuple(differing(kind, watched, told))
    earlier = was or {}
    return tuple(
        name
        for name, value in now.items()
        if (not same(value, said[name]) if name in said else name in earlier and earlier[name] != value)
    )


def _lines(packed: bytes) -> Iterator[tuple[Key, bytes]]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as lines:
        for line in lines:
            found = _KEY.match(line)
            yield ((found[2].decode(), found[1].decode()) if found else ("", "")), line


def _kinds(lines: dict[Key, bytes]) -> frozenset[str]:
    return frozenset(json.loads(lines.pop(("", "")))["kinds"])


def _values(line: bytes | None) -> dict[str, Any] | None:
    if line is None:
        return None
    values: dict[str, Any] = json.loads(line)["values"]
    return values
