"""A question to the IT officer: who moves it from where to where. Nothing in it is learning data (workflow.md, "Also in the plan")."""

from __future__ import annotations

from enum import StrEnum

from hocbaso.errors import WrongState


class HelpState(StrEnum):
    """Where a question stands."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    CLOSED = "CLOSED"


class HelpVerb(StrEnum):
    """What is done with it."""

    ANSWER = "answer"
    ASK_AGAIN = "ask_again"
    CLOSE = "close"


class HelpParty(StrEnum):
    """Who does it."""

    ASKER = "asker"
    OFFICER = "officer"


HELP_FLOW: dict[tuple[HelpState, HelpVerb], tuple[HelpState, HelpParty]] = {
    (HelpState.OPEN, HelpVerb.ANSWER): (HelpState.ANSWERED, HelpParty.OFFICER),
    (HelpState.ANSWERED, HelpVerb.ANSWER): (HelpState.ANSWERED, HelpParty.OFFICER),
    (HelpState.ANSWERED, HelpVerb.ASK_AGAIN): (HelpState.OPEN, HelpParty.ASKER),
    (HelpState.OPEN, HelpVerb.CLOSE): (HelpState.CLOSED, HelpParty.ASKER),
    (HelpState.ANSWERED, HelpVerb.CLOSE): (HelpState.CLOSED, HelpParty.ASKER),
}
"""(from, verb) -> (to, who). What does not stand here is refused."""


def help_moves(state: HelpState, parties: frozenset[HelpParty]) -> tuple[HelpVerb, ...]:
    """What these parties may do now."""
    return tuple(verb for (start, verb), (_to, who) in HELP_FLOW.items() if start is state and who in parties)


def help_moved(state: HelpState, verb: HelpVerb, parties: frozenset[HelpParty]) -> HelpState:
    """The state after; WrongState when these parties can't do this now."""
    if verb not in help_moves(state, parties):
        raise WrongState("Câu hỏi này không còn ở bước ấy; xin tải lại trang.")
    return HELP_FLOW[state, verb][0]
