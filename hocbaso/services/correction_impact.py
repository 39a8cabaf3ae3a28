"""What a correction would change, to the last value: results with their articles, signatures, issued files, decisions to make.

The same reading stands on the preview, in the pin that the decider approves, and in the outcome that is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import NotFound
from hocbaso.regulations.averages import SEMESTER_NAMES
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_fields import (
    EXEMPT_VALUE,
    YearFieldKind,
    read_month_field,
    read_year_field,
)
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS, Change, Place, SubjectName, impact, new_steps
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.recall_flow import needs_authority
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.summer_flow import SummerState
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import (
    civil_status,
    conclusion_asks,
    corrected_places,
    correction_month_fields,
    frozen_results,
    homeroom,
    paper_preview,
    results,
    study_history,
    summer_fields,
    transcripts,
)
from hocbaso.services.civil_status import PAST_YEARS
from hocbaso.services.conclusion_asks import NO_CASE, CaseAsk
from hocbaso.services.decisions import TERM_WORDS, TERMS, promotion_outcomes
from hocbaso.services.evaluation import Evaluated, evaluate_student
from hocbaso.services.paper_preview import Paper, PaperChange
from hocbaso.services.printed_facts import PRINTED_TERMS, facts_of_frozen, printed_words
from hocbaso.services.results import ClassResults, StudentResult
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words
from hocbaso.services.score_lines import read_row
from hocbaso.services.sheet_access import read_head
from hocbaso.services.student_fields import FIELD_WORDS
from hocbaso.services.student_inputs import Mark, StudentInput, SubjectInput
from hocbaso.services.students import read_value as read_field


@dataclass(frozen=True, slots=True)
class ItemView:
    """One value of a request. ``present``: what stands now; differs from ``before`` when somebody was quicker (``is_stale``)."""

    label: str
    before: str
    after: str
    present: str
    is_stale: bool
    sheet_id: int | None = None
    column_key: str | None = None
    field: str | None = None
    note: str = ""
    """What else whoever decides has to know of it."""


@dataclass(frozen=True, slots=True)
class VoidRecord:
    """A record that goes out of force. ``how``: taken_back (never sealed), recalled, or waits (the authority has to agree).

    ``signatures``: (role, name, signed at); each covers the old bytes and counts for nothing on the new record.
    """

    uuid: str
    school_year: str
    class_name: str
    state: str
    how: str
    signatures: tuple[tuple[str, str, str], ...]
    paper: tuple[PaperChange, ...] = ()
    """Every value that the paper built in its place would print otherwise, also what the request does not ask for."""
    paper_problem: str = ""
    """Why no paper could be built in its place today."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision the circular leaves to people, to be made with the approval: ``kind`` and ``term`` as of ``PrincipalDecision``."""

    kind: str
    term: str
    words: str
    choices: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names its field in a form."""
        return f"{self.kind}-{self.term}"


@dataclass(frozen=True, slots=True)
class Impact:
    """What follows from a request today. ``digest`` pins all of it: the approval names the one it saw."""

    items: tuple[ItemView, ...]
    changes: tuple[Change, ...]
    steps: tuple[str, ...]
    voided: tuple[VoidRecord, ...]
    rulings: tuple[Ruling, ...]
    refreezes: bool
    """Whether a new revision of the frozen result is written."""
    moved_on_to: str
    """The class of the next year the pupil is in already, where the conclusion of this year changes; "" otherwise."""
    digest: str
    case: CaseAsk = NO_CASE
    """What it means for the class of today and for the summer, and what the principal has to choose with the approval."""
    paper: str = ""
    """What becomes of a record in force that the year agrees with again; "" where that is not so."""
    needs_place: bool = False
    """Whether the changed conclusion keeps the pupil in school while the next year has no place for them: it was turned already."""

    @property
    def stale(self) -> tuple[ItemView, ...]:
        """The values that changed since the request was made."""
        return tuple(item for item in self.items if item.is_stale)

    @property
    def voids_sealed(self) -> bool:
        """Whether a record that families hold goes out of force."""
        return any(one.how != "taken_back" for one in self.voided)


def of_request(request: m.CorrectionRequest, today: date) -> Impact:
    """What the request would change today. Not scoped: callers check the actor."""
    if request.kind == CorrectionKind.CIVIL_STATUS:
        return _of_civil_status(request, today)
    return _of_year(request, today)


def field_words(field: str) -> str:
    """The words for a field of the profile, of the homeroom record, of a month, of the summer or of the year."""
    if summer_fields.is_summer(field):
        return summer_fields.field_words(field)
    month = read_month_field(field)
    if month is not None:
        return correction_month_fields.field_words(month)
    if field == PAST_YEARS:
        return study_history.WORDS
    place = read_year_field(field)
    if place is None:
        return HOMEROOM_WORDS.get(field) or FIELD_WORDS[field]
    name = db.session.get_one(m.Subject, place.subject_id).name
    if place.kind is YearFieldKind.INHERITED:
        return f"{name}, {SEMESTER_NAMES[0]} ở trường cũ"
    return f"Miễn học {name}, {SEMESTER_NAMES[place.semester - 1]}"


def field_text(field: str, stored: str | None) -> str:
    """A field's value of a request as people read it."""
    if summer_fields.is_summer(field):
        return summer_fields.field_text(field, stored)
    if field in homeroom.CONDUCT_FIELDS:
        return results.level_words(stored) or "trống"
    place = read_year_field(field)
    if place is None:
        return stored or "trống"
    if place.kind is YearFieldKind.INHERITED:
        return results.comma(stored) or "trống"
    return "được miễn" if stored else "không miễn"


def homeroom_text(given: StudentInput | m.HomeroomRecord | None, field: str) -> str:
    """What stands in a field of the homeroom record, as the request keeps it: "" for nothing."""
    if given is None:
        return ""
    value = given.homeroom.get(field) if isinstance(given, StudentInput) else getattr(given, field)
    return "" if value is None else str(value)


def present_text(given: StudentInput, field: str) -> str:
    """What stands in a field of the pupil's year, as the request keeps it: "" for nothing."""
    month = read_month_field(field)
    if month is not None:
        return correction_month_fields.text_of(correction_month_fields.stored(given.enrollment_id), month)
    place = read_year_field(field)
    if place is None:
        return homeroom_text(given, field)
    for line in given.subjects:
        if line.subject.subject_id == place.subject_id:
            if place.kind is YearFieldKind.INHERITED:
                return line.inherited or ""
            return EXEMPT_VALUE if line.exempt[place.semester - 1] else ""
    return ""


# --- scores -----------------------------------------------------------------------------------------------------------


def value_of_item(item: m.CorrectionItem, which: str) -> CellRecord:
    """The ``old`` or ``new`` value of a cell; ``old`` carries the version that was seen."""
    return CellRecord(
        getattr(item, f"{which}_tenths"),
        getattr(item, f"{which}_mark"),
        getattr(item, f"{which}_remark"),
        getattr(item, f"{which}_origin") or "empty",
        None,
        item.seen_version if which == "old" else 0,
    )


def cell_words(value: CellRecord) -> str:
    """A value as people read it, with the origin that its number does not tell."""
    said = value.text or "trống"
    return f"{said} (vắng không phép)" if value.origin == "missed_unexcused" else said


def score_items(request: m.CorrectionRequest) -> tuple[ItemView, ...]:
    """The cells of a request beside what stands in them now, also of a line that an exemption closes."""
    found = []
    heads = {item.score_sheet_id: read_head(item.score_sheet_id) for item in request.items if item.score_sheet_id}
    cells = {sheet_id: read_row(head, request.enrollment_id)[2] for sheet_id, head in heads.items()}
    for item in request.items:
        if item.score_sheet_id is None or item.column_key is None:
            continue
        head = heads[item.score_sheet_id]
        present = cells[head.id].get(item.column_key, NOTHING)
        found.append(
            ItemView(
                f"{head.subject_name}, {SEMESTER_NAMES[head.semester - 1]}, {column_words(head, item.column_key)}",
                cell_words(value_of_item(item, "old")),
                cell_words(value_of_item(item, "new")),
                cell_words(present),
                present.version != item.seen_version,
                head.id,
                item.column_key,
            )
        )
    return tuple(found)


def field_items(request: m.CorrectionRequest, given: StudentInput) -> tuple[ItemView, ...]:
    """The fields of a request about a pupil's year beside what stands in them now."""
    found = []
    for item in request.items:
        if item.field is None:
            continue
        present = present_text(given, item.field)
        found.append(
            ItemView(
                field_words(item.field),
                field_text(item.field, item.old_text),
                field_text(item.field, item.new_text),
                field_text(item.field, present),
                present != (item.old_text or ""),
                field=item.field,
                note=correction_month_fields.parting_words(request.enrollment_id, item.field, item.new_text),
            )
        )
    return tuple(found)


def summer_items(request: m.CorrectionRequest) -> tuple[ItemView, ...]:
    """The results of the summer of a request beside what stands in their rows now."""
    found = []
    rows = summer_fields.rows_of(request)
    for item in request.items:
        assert item.field is not None
        subject_id, part = summer_fields.named(item.field)
        row = rows.get(subject_id)
        present = summer_fields.text_of(row, part) if row is not None else ""
        found.append(
            ItemView(
                field_words(item.field),
                field_text(item.field, item.old_text),
                field_text(item.field, item.new_text),
                field_text(item.field, present),
                present != (item.old_text or "") or row is None or row.state != SummerState.APPROVED,
                field=item.field,
            )
        )
    return tuple(found)


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


_STANDS = "Kết quả chốt trở lại đúng như học bạ đang có hiệu lực đã in."
_STANDS_ASKED = f"{_STANDS} Đề nghị thu hồi bản ấy vẫn đang chờ: khi quyết định hoặc ghi trả lời của cấp trên, xin để bản ấy còn hiệu lực."


def _of_year(request: m.CorrectionRequest, today: date) -> Impact:
    computed = results.compute_class(request.enrollment.class_group_id, today)
    former = (
        frozen_results.newest_frozen(request.enrollment_id) if computed.state == ClassState.APPROVED.value else None
    )
    freeze = former.freeze if former is not None else None
    given = as_frozen(find_student(computed, request.enrollment_id), freeze)
    after = evaluated(computed, as_frozen(corrected(given, request), freeze))
    changes, steps = changes_from(computed, given, former, after)
    refreezes = former is not None and bool(changes)
    rulings = _rulings(computed, evaluated(computed, given), after)
    voided: tuple[VoidRecord, ...] = ()
    paper = ""
    concludes = any(one.place == ("promotion",) for one in changes)
    records = transcripts.records_in_force([request.enrollment_id]) if refreezes else {}
    if former is not None and (record := records.get(request.enrollment_id)):
        changes, steps = changes_from(computed, given, record.frozen_result, after)
        # A decision that is still to be made may say something else than the paper.
        if changes or rulings:
            voided = (_void(record, today, _paper_of_year(record, request, computed, after, former, today)),)
        else:
            paper = _STANDS if record.state != RecordState.RECALL_REQUESTED.value else _STANDS_ASKED
    if request.kind == CorrectionKind.SUMMER:
        items = summer_items(request)
    else:
        items = field_items(request, given) + score_items(request)
    moved_on_to = _moved_on_to(request.enrollment) if concludes else ""
    stays = after.result.promotion in (Promotion.RETAINED, Promotion.PROMOTED)
    closed = request.enrollment.class_group.school_year.state != "OPEN"
    case = NO_CASE
    if former is not None and refreezes:
        alone = evaluated(computed, as_frozen(after.given, "main"))
        outcomes = [Promotion(value) for one in rulings if one.kind == "promotion" for value in one.choices]
        case = conclusion_asks.ask(
            request.enrollment, former, after, alone, outcomes, computed.regulation_version, today
        )
    pinned = _pinned(
        items=items,
        changes=changes,
        steps=steps,
        voided=voided,
        rulings=rulings,
        refreezes=refreezes,
        moved_on_to=moved_on_to,
        request=request,
        case=case,
    )
    return replace(pinned, paper=paper, needs_place=concludes and stays and closed and not moved_on_to)


def _paper_of_year(
    record: m.TranscriptRecord,
    request: m.CorrectionRequest,
    computed: ClassResults,
    after: StudentResult,
    former: m.FrozenResult,
    today: date,
) -> Paper:
    places = corrected_places.of_page(request)
    corrected_year = frozen_results.corrected_content(
        computed, after, former, approved_by="", approved_at=former.frozen_at,
        n_places=places.n_places, subject_names=places.subject_names,
    )  # fmt: skip
    return paper_preview.of_record(record, today, corrected=corrected_year)


def _rulings(computed: ClassResults, before: StudentResult, after: StudentResult) -> tuple[Ruling, ...]:
    """What has to be decided with the approval: the class is approved and nobody can decide later, or a decision that stands was
    made about another choice, or about other results."""
    found = []
    is_approved = computed.state == ClassState.APPROVED.value
    for at, term in enumerate(TERMS):
        choices = after.result.review_levels[at]
        ruled = after.given.decision("learning_level", term)
        asks = is_approved if ruled is None else before.result.review_levels[at] != choices
        # A decision counts for the results it was made on. Of an approved class nobody could make it anew afterwards.
        asks = asks or (is_approved and after.result.outdated[at])
        if choices and asks:
            found.append(Ruling("learning_level", term, f"Học tập {TERM_WORDS[term]}", choices))
    if is_approved and after.result.promotion is Promotion.DECISION_NEEDED:
        left = SUMMER_ROUTES if after.given.summer_over else ()
        outcomes = tuple(one.value for one in promotion_outcomes(computed.grade_level) if one not in left)
        found.append(Ruling("promotion", "year", "Kết luận cả năm", outcomes))
    return tuple(found)


def _moved_on_to(enrollment: m.Enrollment) -> str:
    later: str | None = db.session.scalar(
        select(m.ClassGroup.name)
        .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassGroup.id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id == enrollment.student_id,
            m.SchoolYear.starts_on > enrollment.class_group.school_year.starts_on,
        )
        .order_by(m.SchoolYear.starts_on)
        .limit(1)
    )
    return later or ""


# --- civil status -----------------------------------------------------------------------------------------------------


def shown_field(field: str, value: Any) -> str:
    """A value of the profile as the request keeps it: dates as 19/05/2012, "" for none."""
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return "" if value is None else str(value)


def new_values(request: m.CorrectionRequest) -> dict[str, Any]:
    """The profile's columns as a civil-status request makes them. Raises Invalid for what the profile does not take."""
    return {
        item.field: read_field(item.field, item.new_text or "")
        for item in request.items
        if item.field and item.field != PAST_YEARS
    }


def new_years(request: m.CorrectionRequest, today: date, *, fits: bool = True) -> list[study_history.PastYear] | None:
    """The years elsewhere as a civil-status request makes them, None where it leaves them. Raises Invalid."""
    for item in request.items:
        if item.field == PAST_YEARS:
            return study_history.read_text(item.new_text or "", request.enrollment.student_id, today, fits=fits)
    return None


def profile_text(student: m.Student, field: str) -> str:
    """What stands in a field that a civil-status request may ask about, as the request keeps it: "" for nothing."""
    if field == PAST_YEARS:
        return study_history.text_of(study_history.standing(student.id))
    return shown_field(field, getattr(student, field))


def _of_civil_status(request: m.CorrectionRequest, today: date) -> Impact:
    student = request.enrollment.student
    items = []
    for item in request.items:
        assert item.field is not None
        present = profile_text(student, item.field)
        items.append(
            ItemView(
                field_words(item.field),
                item.old_text or "trống",
                item.new_text or "trống",
                present or "trống",
                present != (item.old_text or ""),
                field=item.field,
            )
        )
    new, stands = new_values(request), study_history.standing(student.id)
    stale = any(one.is_stale for one in items)
    # A table that moved meanwhile is not read: its lines are no longer what was asked about.
    years = None if stale else new_years(request, today, fits=False)
    records = civil_status.printing_otherwise(student, new)
    if years is not None:
        known = {record.id for record in records}
        others = civil_status.printing_other_years(student.id, stands, years)
        records = sorted(
            [*records, *(record for record in others if record.id not in known)],
            key=lambda record: record.enrollment_id,
        )
    changed = civil_status.as_changed(student, new)
    voided = tuple(
        _void(record, today, paper_preview.of_record(record, today, student=changed, elsewhere=years))
        for record in records
    )
    return _pinned(tuple(items), (), (), voided, (), False, "", request)


# --- both -------------------------------------------------------------------------------------------------------------


def _void(record: m.TranscriptRecord, today: date, paper: Paper) -> VoidRecord:
    state = RecordState(record.state)
    year = record.enrollment.class_group.school_year
    if state not in SIGNED_STATES:
        how = "taken_back"
    elif _waits(record, state, year.summer_freeze_on, today):
        how = "waits"
    else:
        how = "recalled"
    return VoidRecord(
        record.uuid,
        year.label,
        tc.from_canonical_json(record.content.encode("utf-8")).class_name,
        state.value,
        how,
        tuple((one.role, one.signer_name, one.signed_at.isoformat()) for one in record.signatures),
        paper.changes,
        paper.problem,
    )


def _waits(record: m.TranscriptRecord, state: RecordState, closes_on: date, today: date) -> bool:
    if state is RecordState.RECALL_REQUESTED:
        asked = db.session.scalar(
            select(m.RecallRequest.needs_authority)
            .where(m.RecallRequest.transcript_record_id == record.id)
            .order_by(m.RecallRequest.id.desc())
            .limit(1)
        )
        return bool(asked)
    return needs_authority(state, closes_on, today)


def _pinned(
    items: tuple[ItemView, ...],
    changes: tuple[Change, ...],
    steps: Sequence[str],
    voided: tuple[VoidRecord, ...],
    rulings: tuple[Ruling, ...],
    refreezes: bool,
    moved_on_to: str,
    request: m.CorrectionRequest,
    case: CaseAsk = NO_CASE,
) -> Impact:
    seen = {
        "request": request.id,
        "version": request.version,
        "items": [asdict(one) for one in items],
        "changes": [[list(one.place), one.before, one.after] for one in changes],
        "voided": [asdict(one) for one in voided],
        "rulings": [one.key for one in rulings],
        "case": [list(case.words), [[outcome, list(found)] for outcome, found in case.by_outcome], list(case.classes)],
    }
    digest = hashlib.sha256(canonical_json(seen).encode("utf-8")).hexdigest()
    return Impact(items, changes, tuple(steps), voided, rulings, refreezes, moved_on_to, digest, case)
