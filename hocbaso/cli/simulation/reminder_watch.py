"""Who has to hear of what on a day: worked out from the tables alone, apart from the program's own way, and held against it.

The calendar of workflow.md: the holder of a piece of work 14, 7, 3 and 1 days before its deadline and each day after; the head of
the holder's group from 3 days on; the principal of what is late. A day on which the server was off is made up for on the next.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hocbaso.cli.simulation.world import World

TOLD_AT = (14, 7, 3, 1)
WORKING_DAYS = 5


@dataclass(frozen=True)
class Work:
    """One thing that waits."""

    what: tuple[Any, ...]
    holders: frozenset[int]
    heads: frozenset[int]
    before: date


def expected(world: World, today: date, since: date) -> dict[int, int]:
    """How many lines each person has to read today; ``since``: the last day on which reminders went out."""
    lines: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    for work in _waiting(world, today):
        if not any(_tells(work.before, since + timedelta(days=n)) for n in range(1, (today - since).days + 1)):
            continue
        left = (work.before - today).days
        told = set(work.holders)
        if left <= 3:
            told |= work.heads
        if left <= 0:
            told.add(world.principal)
        for person in told:
            lines[person].add(work.what)
    return {person: len(found) for person, found in lines.items()}


def _tells(before: date, day: date) -> bool:
    left = (before - day).days
    return left in TOLD_AT or left <= 0


def _waiting(world: World, today: date) -> Iterable[Work]:
    (year,) = world.rows(
        "SELECT id, data_complete_before, sign_grade9_before, sign_others_before FROM school_year WHERE state = 'OPEN'"
    )
    complete = date.fromisoformat(year[1])
    sign = {9: date.fromisoformat(year[2])}
    sign |= {grade: date.fromisoformat(year[3]) for grade in (6, 7, 8)}
    principal, deputy = frozenset({world.principal}), frozenset({world.vice_principal})
    windows: dict[tuple[int, int | None], tuple[date, date]] = {
        (semester, grade): (date.fromisoformat(opens), date.fromisoformat(closes))
        for semester, grade, opens, closes in world.rows(
            "SELECT semester, grade_level, opens_on, closes_on FROM semester_window WHERE school_year_id = ?", year[0]
        )
    }
    unready = {
        tuple(row)
        for row in world.rows(
            "SELECT DISTINCT cs.class_group_id, s.semester FROM score_sheet s JOIN class_subject cs ON cs.id = s.class_subject_id "
            "WHERE s.state NOT IN ('APPROVED', 'LOCKED')"
        )
    }
    n_unlocked: dict[int, int] = defaultdict(int)
    for sheet, state, semester, class_id, grade, teacher, group in world.rows(
        "SELECT s.id, s.state, s.semester, c.id, c.grade_level, t.person_id, p.subject_group_id FROM score_sheet s "
        "JOIN class_subject cs ON cs.id = s.class_subject_id JOIN class_group c ON c.id = cs.class_group_id "
        "JOIN teaching_assignment t ON t.class_subject_id = cs.id JOIN person p ON p.id = t.person_id"
    ):
        if state == "LOCKED":
            continue
        n_unlocked[class_id] += 1
        if today < windows[semester, None][0]:
            continue
        closes = windows.get((semester, grade), windows[semester, None])[1]
        if state == "APPROVED" and today <= closes and (class_id, semester) in unready:
            continue  # until the window has closed, a class is locked when all its sheets are approved
        heads = frozenset({world.heads[group]}) - {teacher}
        holders = {
            "DRAFT": frozenset({teacher}),
            "RETURNED": frozenset({teacher}),
            "SUBMITTED": heads or deputy,
            "REVIEWED": principal,
            "APPROVED": principal,
        }[state]
        yield Work(("sheet", sheet), holders, heads, closes + timedelta(days=1))
    for class_id, (_, grade) in world.classes.items():
        ((state,),) = world.rows("SELECT state FROM class_group WHERE id = ?", class_id)
        keeper = frozenset({world.homeroom_of(class_id).id})
        others = False
        for work in _of_others(world, class_id, state, complete, whole=not n_unlocked[class_id]):
            others = True
            yield work
        if state == "OPEN":
            yield from _of_keeper(world, class_id, keeper, complete, opened=today >= windows[2, None][0])
        if state == "OPEN" and not n_unlocked[class_id] and not others:
            yield Work(("class", class_id), keeper, frozenset(), complete)
        elif state == "FINALISED":
            yield Work(("class", class_id), principal, frozenset(), sign[grade])
        elif state == "APPROVED":
            for (step,) in world.rows(
                "SELECT DISTINCT r.state FROM enrollment e LEFT JOIN transcript_record r ON r.enrollment_id = e.id "
                "AND r.state != 'RECALLED' WHERE e.class_group_id = ? AND e.left_on IS NULL",
                class_id,
            ):
                turn = {
                    None: keeper,
                    "CREATED": keeper,
                    "HOMEROOM_SIGNED": principal,
                    "PRINCIPAL_SIGNED": frozenset({world.clerk}),
                }.get(step)
                if turn:
                    yield Work(("transcript", class_id, step), turn, frozenset(), sign[grade])
    yield from _turning(world, year[0], today)
    for request, state, asker, asked_at, class_id in world.rows(
        "SELECT q.id, q.state, a.person_id, q.asked_at, e.class_group_id FROM correction_request q "
        "JOIN account a ON a.id = q.asked_by JOIN enrollment e ON e.id = q.enrollment_id "
        "WHERE q.state IN ('ASKED', 'CONFIRMED', 'RETURNED')"
    ):
        keeper = frozenset({world.homeroom_of(class_id).id}) - {asker}
        holders = {"ASKED": keeper or principal, "CONFIRMED": principal, "RETURNED": frozenset({asker})}[state]
        yield Work(("correction", request), holders, frozenset(), _answer_before(asked_at))

    yield from _recalls(world, principal)


def _recalls(world: World, principal: frozenset[int]) -> Iterable[Work]:
    """Steps of recalls to the authority, and papers in force that say something else than was frozen last."""
    clerk = frozenset({world.clerk})
    for year, since in world.rows(
        "SELECT c.school_year_id, min(q.decided_at) FROM recall_request q JOIN transcript_record r ON r.id = q.transcript_record_id "
        "JOIN enrollment e ON e.id = r.enrollment_id JOIN class_group c ON c.id = e.class_group_id "
        "WHERE q.state = 'APPROVED' AND q.recall_list_id IS NULL GROUP BY c.school_year_id"
    ):
        yield Work(("unlisted", year), clerk, frozenset(), _answer_before(since))
    for row, state, since, n_waiting in world.rows(
        "SELECT l.id, l.state, coalesce(l.sent_at, l.sealed_at, l.principal_signed_at, l.made_at), "
        "(SELECT count(*) FROM recall_request q WHERE q.recall_list_id = l.id AND q.state = 'APPROVED') "
        "FROM recall_list l WHERE l.state != 'ANSWERED'"
    ):
        if state != "SENT" or n_waiting:
            holders = principal if state == "MADE" else clerk
            yield Work(("recall list", row, state), holders, frozenset(), _answer_before(since))
    for record, printed, held, since, refused in world.rows(
        "SELECT r.id, old.content, new.content, new.frozen_at, "
        "(SELECT max(coalesce(l.answered_at, q.decided_at)) FROM recall_request q LEFT JOIN recall_list l ON l.id = q.recall_list_id "
        "WHERE q.transcript_record_id = r.id AND q.state = 'REFUSED') "
        "FROM transcript_record r JOIN frozen_result old ON old.id = r.frozen_result_id JOIN frozen_result new ON new.id = "
        "(SELECT f.id FROM frozen_result f WHERE f.enrollment_id = r.enrollment_id ORDER BY f.freeze = 'summer' DESC, f.revision DESC LIMIT 1) "
        "WHERE new.id != old.id AND r.state IN ('ISSUED', 'PUBLISHED', 'SUBMITTED', 'ACCEPTED', 'REJECTED')"
    ):
        if _results(printed) != _results(held):
            yield Work(
                ("wrong paper", record), principal | clerk, frozenset(), _answer_before(max(since, refused or since))
            )


_RESULTS = ("conduct", "learning", "absences", "promotion", "award", "awards", "competitions", "certificates")


def _results(content: str) -> list[Any]:
    """What a record prints of a frozen year."""
    year = json.loads(content)
    terms = ("code", "semester_1", "semester_2", "year", "after_reassessment", "remark")
    rows = [[row[term] for term in terms] for row in year["subjects"]]
    return [rows, *(year[name] for name in _RESULTS), year["homeroom_remark"]]


_FIELDS = """
    SELECT s.inclusive_disability, e.id, h.remark, h.conduct_1, h.conduct_2, h.absences_excused_1, h.absences_unexcused_1,
           h.absences_excused_2, h.absences_unexcused_2
    FROM enrollment e JOIN student s ON s.id = e.student_id LEFT JOIN homeroom_record h ON h.enrollment_id = e.id
    WHERE e.class_group_id = ? AND e.left_on IS NULL"""
_ASKED = (
    (
        "exemption",
        "SELECT DISTINCT a.person_id FROM exemption t JOIN enrollment e ON e.id = t.enrollment_id "
        "JOIN account a ON a.id = t.proposed_by WHERE t.state = 'PROPOSED' AND e.class_group_id = ? AND e.left_on IS NULL",
    ),
    (
        "exemption",
        "SELECT DISTINCT a.person_id FROM exemption_revocation t JOIN enrollment e ON e.id = t.enrollment_id "
        "JOIN account a ON a.id = t.proposed_by WHERE t.state = 'PROPOSED' AND e.class_group_id = ? AND e.left_on IS NULL",
    ),
    (
        "inherited",
        "SELECT DISTINCT a.person_id FROM inherited_result t JOIN enrollment e ON e.id = t.enrollment_id "
        "JOIN account a ON a.id = t.proposed_by WHERE t.state = 'PROPOSED' AND e.class_group_id = ? AND e.left_on IS NULL",
    ),
)


def _of_keeper(world: World, class_id: int, keeper: frozenset[int], complete: date, *, opened: bool) -> Iterable[Work]:
    """What the homeroom teacher writes: asked for the year, once its second window has opened; the old school's results at any time."""
    bare = any(not remark or None in values for _, _, remark, *values in world.rows(_FIELDS, class_id))
    if bare and opened:
        yield Work(("fields", class_id), keeper, frozenset(), complete)
    subjects = {one for (one,) in world.rows("SELECT subject_id FROM class_subject WHERE class_group_id = ?", class_id)}
    for (enrollment,) in world.rows(
        "SELECT id FROM enrollment WHERE class_group_id = ? AND left_on IS NULL AND first_semester = 2", class_id
    ):
        copies = world.rows("SELECT subject_id, state FROM inherited_result WHERE enrollment_id = ?", enrollment)
        spared = world.rows(
            "SELECT subject_id FROM exemption WHERE enrollment_id = ? AND state = 'GRANTED' AND coalesce(semester, 1) = 1",
            enrollment,
        )
        there = {subject for subject, state in copies if state == "ACCEPTED"} | {one for (one,) in spared}
        if subjects - there and not any(state == "PROPOSED" for _, state in copies):
            yield Work(("copy", class_id), keeper, frozenset(), complete)
            return


def _of_others(world: World, class_id: int, state: str, complete: date, *, whole: bool) -> Iterable[Work]:
    """What is decided in the office: proposals, and the year of a pupil with a disability once everything it rests on stands.

    The council's cases of Article 9.3 and a term with too few subjects are not judged here: the simulated school has none.
    """
    for kind, question in _ASKED:
        asked = world.rows(question, class_id)
        if asked and (kind != "inherited" or state == "OPEN"):
            # Nobody decides what they proposed themselves.
            own = (world.principal,) in [tuple(one) for one in asked]
            decider = world.vice_principal if own else world.principal
            yield Work((kind, class_id), frozenset({decider}), frozenset(), complete)
    if not whole or state == "APPROVED":
        return
    for disabled, enrollment, _, *values in world.rows(_FIELDS, class_id):
        decided = world.rows(
            "SELECT id FROM principal_decision WHERE enrollment_id = ? AND kind = 'promotion'", enrollment
        )
        if disabled and not decided and None not in values:
            yield Work(("decision", class_id), frozenset({world.principal}), frozenset(), complete)
            return


def _turning(world: World, year_id: int, today: date) -> Iterable[Work]:
    """The plan of the next year: the office writes it from the summer's freeze on, the principal approves what was sent."""
    ((label, freeze),) = world.rows("SELECT label, summer_freeze_on FROM school_year WHERE id = ?", year_id)
    states = [state for (state,) in world.rows("SELECT state FROM year_turn WHERE from_year_id = ?", year_id)]
    if "SENT" in states:
        holder = world.principal
    elif "RETURNED" in states or today >= date.fromisoformat(freeze):
        holder = world.clerk
    else:
        return
    yield Work(("turn", year_id), frozenset({holder}), frozenset(), date(int(label[5:9]), 9, 1))


def _answer_before(asked_at: str) -> date:
    day = (datetime.fromisoformat(asked_at) + timedelta(hours=7)).date()
    left = WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day + timedelta(days=1)


def written(world: World, day: date) -> dict[int, list[int]]:
    """What the program wrote that day: person -> how many lines each of the messages has."""
    found: dict[int, list[int]] = defaultdict(list)
    for person, title in world.rows(
        "SELECT person_id, title FROM notice WHERE kind = 'reminder' AND day = ?", day.isoformat()
    ):
        found[person].append(int(title.split()[0]))
    return dict(found)


def faults(wanted: dict[int, int], found: dict[int, list[int]], day: date, names: dict[int, str]) -> list[str]:
    """In what the written reminders of a day differ from the wanted ones, one line a person."""
    told = []
    for person in sorted({*wanted, *found}):
        lines = found.get(person, [])
        if lines != ([wanted[person]] if person in wanted else []):
            told.append(
                f"{day:%d/%m/%Y}: {names.get(person, person)} phải có {wanted.get(person, 0)} việc trong một lời nhắc, có {lines}"
            )
    return told
