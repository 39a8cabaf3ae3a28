"""Drawing what is typed again from the papers: at handing in, by a recorded seed, each value of a cell once.

A cell that was drawn stays drawn: when its value changes, what was typed is void and it is asked again. A cell that was
not drawn and has changed stands in the next draw. Handing in the same values twice draws nothing.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations import blind_check
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.blind_check import CheckState, Place, Reading
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import counting, drawn_of, is_open, named_for, percent_of
from hocbaso.services.log_reading import aimed_at, require_rows_told, require_told
from hocbaso.services.score_cells import NOTHING
from hocbaso.services.score_lines import read_lines, read_standing
from hocbaso.services.sheet_access import SheetHead


def renew(actor: Actor, head: SheetHead, now: datetime) -> bool:
    """Void what was typed for values that changed, ask again, and draw from what no draw has seen. True: something is asked.

    Part of handing in and of reviewing: runs in the caller's write transaction. Without a policy nothing happens.
    """
    percent = percent_of(head)
    if not percent:
        return False
    standing, lines = read_standing(head), read_lines(head)
    rows = drawn_of(head.id)
    void = [
        row
        for row in rows
        if row.state != CheckState.VOID
        and row.cell_version != standing.get((row.enrollment_id, row.column_key), NOTHING).version
    ]
    for row in void:
        row.state, row.version = CheckState.VOID.value, row.version + 1
    draws = db.session.scalars(select(m.BlindDraw).where(m.BlindDraw.score_sheet_id == head.id)).all()
    seen = {token for one in draws for token in one.cells.split()}
    seen |= {_token((row.enrollment_id, row.column_key), row.cell_version) for row in rows}
    fresh: dict[Place, int] = {
        place: record.version
        for place, record in standing.items()
        if lines.get(place[0]) == ""
        and blind_check.has_paper(place[1], record.origin, Reading(record.tenths, record.mark))
        and _token(place, record.version) not in seen
    }
    drawn_before = {(row.enrollment_id, row.column_key): row.blind_draw_id for row in rows}
    asked = [
        _put(head, drawn_before[place], place, version) for place, version in fresh.items() if place in drawn_before
    ]
    never = sorted(place for place in fresh if place not in drawn_before)
    made = None
    if never:
        made = m.BlindDraw(
            score_sheet_id=head.id,
            seed=secrets.token_hex(16),
            percent=percent,
            cells=" ".join(_token(place, fresh[place]) for place in never),
            at=now,
        )
        db.session.add(made)
        db.session.flush()
        asked += [_put(head, made.id, place, fresh[place]) for place in blind_check.draw(made.seed, never, percent)]
    if not asked and not void and made is None:
        return False
    db.session.flush()
    audit.record(
        AuditTag.BLIND_DRAWN,
        actor,
        now,
        target_kind="score_sheet",
        target_id=head.id,
        state=audit.merge_states(
            audit.states("blind_draw", [made] if made else []), audit.states("blind_check", [*void, *asked])
        ),
        facts={
            "sheet": head.label,
            "n_drawn": len(asked),
            "n_void": len(void),
            **({"draw": blind_check.DRAW_VERSION, "n_cells": len(never)} if made else {}),
        },
    )
    return bool(asked)


def what_waits(actor: Actor, head: SheetHead, now: datetime) -> str:
    """Why the sheet cannot be reviewed yet, in words; "" when its check is complete or the school year asks for none.

    A sheet that was handed in before the policy is drawn from now: the caller commits, then refuses.
    """
    _require_untouched(head)
    if not percent_of(head):
        return ""
    renew(actor, head, now)
    rows = [row for row in counting(head, drawn_of(head.id)) if is_open(row)]
    if not rows:
        return ""
    n_typed = sum(row.state != CheckState.DIFFERENT for row in rows)
    named = named_for(head.id)
    whose = f" {named.name} được giao việc này." if named is not None else ""
    if n_typed:
        return f"Chưa soát được: còn {n_typed} ô chờ đối chiếu bài gốc.{whose} Chưa có gì thay đổi."
    return (
        f"Chưa soát được: {len(rows)} ô lệch với bài gốc chưa giải quyết. Mở phần đối chiếu để ghi lí do đọc nhầm, "
        "hoặc trả lại để giáo viên sửa. Chưa có gì thay đổi."
    )


def _require_untouched(head: SheetHead) -> None:
    """The policy, the draws, what was typed and who was named are what the log says. Raises IntegrityFault."""
    require_told(
        "school_year",
        head.school_year_id,
        {"spot_check_percent": percent_of(head)},
        "Tỉ lệ đối chiếu bài gốc",
        under={},
    )
    kinds: dict[str, Any] = {"blind_draw": m.BlindDraw, "blind_check": m.BlindCheck, "blind_checker": m.BlindChecker}
    rows = {
        kind: db.session.scalars(
            select(model).where(model.score_sheet_id == head.id).execution_options(populate_existing=True)
        ).all()
        for kind, model in kinds.items()
    }
    require_rows_told(aimed_at({"score_sheet": (head.id,)}), rows, f"Phần đối chiếu bài gốc của {head.label}")


def _token(place: Place, version: int) -> str:
    return f"{place[0]}-{place[1]}:{version}"


def _put(head: SheetHead, draw_id: int, place: Place, version: int) -> m.BlindCheck:
    row = m.BlindCheck(
        blind_draw_id=draw_id,
        score_sheet_id=head.id,
        enrollment_id=place[0],
        column_key=place[1],
        cell_version=version,
        state=CheckState.WAITING.value,
        no_paper=False,
        version=1,
    )
    db.session.add(row)
    return row
