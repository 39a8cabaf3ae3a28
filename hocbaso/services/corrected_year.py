"""A pupil's year as a request would make it, judged by the year's regulation and compared with the year as it was frozen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hocbaso import models as m
from hocbaso.errors import NotFound
from hocbaso.regulations.correction_fields import YearFieldKind, read_month_field, read_year_field
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS, Change, Place, SubjectName, impact, new_steps
from hocbaso.regulations.registry import regulation_named
from hocbaso.services import correction_month_fields, frozen_results, homeroom, summer_fields
from hocbaso.services.correction_items import homeroom_text, value_of_item
from hocbaso.services.evaluation import Evaluated, evaluate_student
from hocbaso.services.printed_facts import PRINTED_TERMS, facts_of_frozen, printed_words
from hocbaso.services.results import ClassResults, StudentResult
from hocbaso.services.score_cells import REMARK, CellRecord
from hocbaso.services.student_inputs import Mark, StudentInput, SubjectInput


def find_student(computed: ClassResults, enrollment_id: int) -> StudentInput:
    """A pupil of the class, also one who has left; NotFound otherwise."""
    found = computed.by_id.get(enrollment_id)
    if found is not None:
        return found.given
    for given in computed.left:
        if given.enrollment_id == enrollment_id:
            return given
    raise NotFound("Không có học sinh này trong lớp.")


def corrected(given: StudentInput, request: m.CorrectionRequest) -> StudentInput:
    """The pupil with the values of the request in their cells."""
    if request.kind == CorrectionKind.SUMMER:
        return summer_fields.corrected(given, request)
    new: dict[int, dict[str, CellRecord]] = {}
    for item in request.items:
        if item.score_sheet_id is not None and item.column_key is not None:
            new.setdefault(item.score_sheet_id, {})[item.column_key] = value_of_item(item, "new")
    lines = []
    for line in given.subjects:
        marks, remarks = list(line.marks), list(line.remarks)
        for at, sheet in enumerate(line.subject.sheets):
            for key, value in new.get(sheet.id if sheet is not None else 0, {}).items():
                if key == REMARK:
                    remarks[at] = value.remark
                else:
                    marks[at] = {**marks[at], key: Mark(value.tenths, value.mark, value.origin)}
        lines.append(_with_fields(replace(line, marks=(marks[0], marks[1]), remarks=(remarks[0], remarks[1])), request))
    kept = {
        item.field: homeroom.read_value(item.field, item.new_text or "")
        for item in request.items
        if item.field and read_year_field(item.field) is None and read_month_field(item.field) is None
    }
    follow = {name: total for name, total in correction_month_fields.totals(request).items() if total is not None}
    return replace(given, subjects=tuple(lines), homeroom={**given.homeroom, **kept, **follow})


def _with_fields(line: SubjectInput, request: m.CorrectionRequest) -> SubjectInput:
    """The subject with what the request says of it beside its cells."""
    for item in request.items:
        place = read_year_field(item.field or "")
        if place is None or place.subject_id != line.subject.subject_id:
            continue
        if place.kind is YearFieldKind.INHERITED:
            line = replace(line, inherited=item.new_text)
            continue
        exempt = list(line.exempt)
        exempt[place.semester - 1] = bool(item.new_text)
        line = replace(line, exempt=(exempt[0], exempt[1]))
    return line


def as_frozen(given: StudentInput, freeze: str | None) -> StudentInput:
    """The pupil as a freeze sees them: the main one stands before the summer, whatever was typed since."""
    if freeze == "summer":
        return replace(given, summer_over=True)
    if freeze != "main":
        return given
    lines = tuple(replace(line, reassessed=None) for line in given.subjects)
    return replace(given, subjects=lines, conduct_after_summer=None, summer_over=False)


def facts_of(given: StudentInput, result: Evaluated) -> dict[Place, str]:
    """The year as the impact compares it."""
    facts: dict[Place, Any] = {}
    for line in given.subjects:
        code, found = line.subject.code, result.subjects[line.subject.code]
        for term in PRINTED_TERMS:
            facts["subject", code, term] = getattr(found, term)
        facts["subject", code, "after"] = found.after_reassessment
        facts["subject", code, "remark"] = line.remarks[1] or line.remarks[0]
    for at, term in enumerate(PRINTED_TERMS):
        facts["learning", term] = result.learning[at]
        facts["learning", f"adjusted_{term}"] = "1" if result.adjusted[at] else None
        facts["learning", f"review_{term}"] = "1" if result.needs_review[at] else None
    facts["learning", "after"] = result.learning_after
    for name in HOMEROOM_WORDS:
        facts["homeroom", name] = printed_words(name, homeroom_text(given, name))
    if not given.homeroom["certificates"]:
        facts.pop(("homeroom", "certificates_grade"), None)
    facts["conduct", "year"] = result.conduct_year.value if result.conduct_year else None
    facts["conduct", "after"] = result.conduct_after.value if result.conduct_after else None
    facts["promotion",] = result.promotion.value
    facts["award",] = result.award
    return {place: value for place, value in facts.items() if value is not None}


def subject_names(given: StudentInput) -> dict[str, SubjectName]:
    """The pupil's subjects by code, in the order of the class."""
    return {line.subject.code: SubjectName(line.subject.name, line.subject.kind) for line in given.subjects}


def changes_from(
    computed: ClassResults, given: StudentInput, former: m.FrozenResult | None, after: StudentResult
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """What differs between a year as it was frozen (``former``), or as the sheets stand, and the corrected one, and the new sentences."""
    articles = regulation_named(computed.regulation_version).articles
    if former is not None:
        frozen = frozen_results.read_frozen(former)
        before, steps = facts_of_frozen(frozen), frozen["steps"]
    else:
        result = evaluate_student(given, computed.grade_level, computed.regulation_version)
        before, steps = facts_of(given, result), result.steps
    changes = impact(before, facts_of(after.given, after.result), subject_names(given), articles)
    return changes, new_steps(steps, after.result.steps)


def evaluated(computed: ClassResults, given: StudentInput) -> StudentResult:
    """The pupil with what the year's regulation concludes."""
    return StudentResult(given, evaluate_student(given, computed.grade_level, computed.regulation_version))
