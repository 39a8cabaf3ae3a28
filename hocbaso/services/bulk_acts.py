"""Acting upon many ticked items of "today": the same functions as the single act, one outcome an item."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    class_approval,
    class_seal,
    reviews,
)
from hocbaso.services.access import Actor

MANY = 50
"""A bulk act on more items than this asks for the password again (workflow: re-authentication for grave acts)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a bulk act."""

    key: str
    label: str
    done: bool
    message: str = ""


def act(
    actor: Actor, verb: str, keys: Iterable[str], *, now: datetime, note: str | None = None, remark: str | None = None
) -> list[Outcome]:
    """Approve, review, return or lock what was ticked: one transaction and one outcome an item.

    Each key carries the version that was seen, a class's also the seal of its results; what changed meanwhile is skipped and
    says so. Raises Invalid for an
    unknown act, a return without a reason, or nothing ticked.
    """
    wanted = _parsed(keys)
    if not wanted:
        raise Invalid("Chưa chọn việc nào.", field="chon")
    if verb not in ("approve", "review", "return", "lock"):
        raise Invalid("Việc này không làm hàng loạt được.", field="verb")
    if verb == "return" and not (note or "").strip():
        raise Invalid("Xin ghi lí do để người nhận biết cần làm gì.", field="note")
    outcomes: list[Outcome] = []
    sheets = [(item_id, version) for kind, item_id, version, _ in wanted if kind == "sheet"]
    classes = [(item_id, version, seen) for kind, item_id, version, seen in wanted if kind == "class"]
    versions = dict(sheets)
    for done in reviews.move_many(actor, SheetVerb(verb), sheets, now=now, note=note if verb == "return" else None):
        outcomes.append(
            Outcome(
                f"sheet-{done.sheet_id}-{versions[done.sheet_id]}", done.label or "Bảng điểm", done.done, done.message
            )
        )
    if verb in ("approve", "return"):
        of_class = {item_id: version for item_id, version, _ in classes}
        for moved in class_approval.bulk(actor, ClassVerb(verb), classes, now=now, note=note, remark=remark):
            outcomes.append(
                Outcome(
                    f"class-{moved.class_group_id}-{of_class[moved.class_group_id]}",
                    moved.label or "Lớp",
                    moved.done,
                    moved.message,
                )
            )
    else:
        outcomes += [
            Outcome(f"class-{item_id}-{version}", "Tổng kết lớp", False, "Việc này chỉ dành cho bảng điểm.")
            for item_id, version, _ in classes
        ]
    return outcomes


_KEY = re.compile(r"(sheet|class)-([0-9]{1,11})-([0-9]{1,11})(?:-([0-9a-f_]+))?")


def _parsed(keys: Iterable[str]) -> list[tuple[str, int, int, str]]:
    """(kind, id, version, seal) of each key once; a key without a seal has seen no results."""
    found: dict[tuple[str, int], tuple[int, str]] = {}
    for key in keys:
        parts = _KEY.fullmatch(key) if len(key) <= class_seal.LONGEST + 40 else None
        if parts is None:
            raise Invalid("Danh sách chọn không đọc được. Xin tải lại trang.", field="chon")
        found[parts[1], int(parts[2])] = (int(parts[3]), parts[4] or "")
    return [(kind, item_id, version, seen) for (kind, item_id), (version, seen) in found.items()]


def recent_reasons(actor: Actor, limit: int = 5) -> tuple[str, ...]:
    """The reasons this person gave last when returning something, newest first."""
    if actor.account_id is None:
        return ()
    found: list[tuple[datetime, str]] = []
    for model in (m.SheetStep, m.ClassStep):
        rows = db.session.execute(
            select(model.at, model.note)
            .where(model.by_account_id == actor.account_id, model.verb == "return", model.note.is_not(None))
            .order_by(model.id.desc())
            .limit(limit * 4)
        )
        found += [(row.at, row.note) for row in rows]
    ordered = [note for _, note in sorted(found, reverse=True)]
    return tuple(dict.fromkeys(ordered))[:limit]
