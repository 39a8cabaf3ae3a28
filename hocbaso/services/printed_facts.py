"""A pupil's year place by place as a record prints it, and whether a record in force prints what is frozen now.

A record prints the frozen result it was built from, which may not be the newest: a recall that the authority refused leaves it in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hocbaso import models as m
from hocbaso.regulations.correction_impact import Place
from hocbaso.services import frozen_results

PRINTED_TERMS = ("semester_1", "semester_2", "year")


def printed_words(name: str, text: str) -> str | None:
    """A homeroom field as the record prints it: awards and competitions line by line, without empty ones."""
    if name in ("award_extra", "competitions"):
        text = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    return text or None


def _homeroom_of_frozen(frozen: Mapping[str, Any]) -> dict[str, str]:
    awards = frozen["awards"][1:] if frozen["award"] else frozen["awards"]
    certificate = frozen["certificates"][0] if frozen["certificates"] else {"name": None, "grade": None}
    found = {
        "remark": frozen["homeroom_remark"],
        "award_extra": "\n".join(awards),
        "competitions": "\n".join(frozen["competitions"]),
        "certificates": certificate["name"],
        "certificates_grade": certificate["grade"],
    }
    for n in (1, 2):
        found[f"conduct_{n}"] = frozen["conduct"][f"semester_{n}"]
        for name in ("excused", "unexcused"):
            found[f"absences_{name}_{n}"] = frozen["absences"][f"semester_{n}"][name]
    return {name: "" if value is None else str(value) for name, value in found.items()}


def facts_of_frozen(frozen: Mapping[str, Any]) -> dict[Place, str]:
    """The same of a frozen result, which is what was printed."""
    facts: dict[Place, Any] = {}
    for row in frozen["subjects"]:
        for term in PRINTED_TERMS:
            facts["subject", row["code"], term] = row[term]
        facts["subject", row["code"], "after"] = row["after_reassessment"]
        facts["subject", row["code"], "remark"] = row["remark"]
    for term in PRINTED_TERMS:
        facts["learning", term] = frozen["learning"][term]
        facts["learning", f"adjusted_{term}"] = "1" if frozen["learning"][f"{term}_adjusted"] else None
        facts["learning", f"review_{term}"] = "1" if frozen["learning"][f"{term}_review"] else None
    facts["learning", "after"] = frozen["learning"]["after"]
    for name, text in _homeroom_of_frozen(frozen).items():
        facts["homeroom", name] = printed_words(name, text)
    for term in ("year", "after"):
        facts["conduct", term] = frozen["conduct"][term]
    facts["promotion",] = frozen["promotion"]["outcome"]
    facts["award",] = frozen["award"]
    return {place: value for place, value in facts.items() if value is not None}


def prints_same(record: m.TranscriptRecord, frozen: m.FrozenResult) -> bool:
    """Whether the record prints the results of ``frozen``; marks, explanations and the foot's count of corrections are no results.

    Raises IntegrityFault when a frozen text is not what its digest says.
    """
    if record.frozen_result_id == frozen.id:
        return True
    return facts_of_frozen(frozen_results.parsed(record.frozen_result)) == facts_of_frozen(
        frozen_results.parsed(frozen)
    )
