"""Who holds a sheet that is not locked, and what is asked of them: what the board, its cells and the reminders all say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import blind_view
from hocbaso.services.in_force import delegates, people_with
from hocbaso.services.progress import SheetLine
from hocbaso.services.sheet_hands import Review


class SheetAct(StrEnum):
    """What a sheet waits for."""

    TYPE = "type"
    MEND = "mend"
    CHECK = "check"
    """Its drawn results have to be typed from the papers (đối chiếu bài gốc) before anybody reviews it."""
    REVIEW = "review"
    NAME_REVIEWER = "name_reviewer"
    APPROVE = "approve"
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class SheetHolder:
    """What a sheet waits for and of whom (person ids; any one of them does it).

    ``turn``: whose turn a review is (``ReviewOrder.step``), "" for other acts and for a person who was named by name.
    """

    act: SheetAct
    person_ids: tuple[int, ...]
    turn: str = ""


def delegated(
    delegations: Collection[m.RoleGrant], class_group_id: int, grade_level: int, *, but: Collection[int]
) -> tuple[int, ...]:
    """Who may approve something of a class in the principal's place; never ``but``, whose own work it is."""
    reach = {
        GrantScope.SCHOOL.value: None,
        GrantScope.GRADE_LEVEL.value: grade_level,
        GrantScope.CLASS_GROUP.value: class_group_id,
    }
    return tuple(
        grant.person_id
        for grant in delegations
        if grant.person_id not in but and grant.scope_kind in reach and grant.scope_id == reach[grant.scope_kind]
    )


def holders_of(lines: Sequence[SheetLine], reviews: Mapping[int, Review], today: date) -> dict[int, SheetHolder]:
    """The holder of each sheet that is not locked, by sheet id.

    ``reviews`` (``sheet_hands.reviews_of``) must have every sheet that is handed in or reviewed. A sheet that nobody teaches is the
    principals', who give it to somebody.
    """
    principals = people_with(Role.PRINCIPAL, today)
    delegations = list(db.session.scalars(delegates(today)))
    checks = blind_view.standing_of([line.sheet_id for line in lines if line.state is SheetState.SUBMITTED])
    found = {}
    for line in lines:
        match line.state:
            case SheetState.DRAFT | SheetState.RETURNED:
                act = SheetAct.TYPE if line.state is SheetState.DRAFT else SheetAct.MEND
                found[line.sheet_id] = SheetHolder(act, tuple(sorted(line.teacher_ids)) or principals)
            case SheetState.SUBMITTED:
                review, check = reviews[line.sheet_id], checks.get(line.sheet_id)
                reviewers = tuple(sorted(review.reviewers))
                if check is not None and check.n_typing and check.named_id:
                    found[line.sheet_id] = SheetHolder(SheetAct.CHECK, (check.named_id,))
                elif check is not None and check.n_typing:
                    found[line.sheet_id] = SheetHolder(SheetAct.CHECK, reviewers or principals, review.turn)
                elif reviewers:
                    found[line.sheet_id] = SheetHolder(SheetAct.REVIEW, reviewers, review.turn)
                else:
                    found[line.sheet_id] = SheetHolder(SheetAct.NAME_REVIEWER, principals)
            case SheetState.REVIEWED:
                own = reviews[line.sheet_id].own
                others = delegated(delegations, line.class_group_id, line.grade_level, but=own)
                found[line.sheet_id] = SheetHolder(SheetAct.APPROVE, principals + others)
            case SheetState.APPROVED:
                found[line.sheet_id] = SheetHolder(SheetAct.LOCK, principals)
    return found
