"""What a correction would change, to the last value: results with their articles, signatures, issued files, decisions to make.

The same reading stands on the preview, in the pin that the decider approves, and in the outcome that is kept. The values themselves are
``correction_items``, the year with them is ``corrected_year``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.correction_impact import Change
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.recall_flow import needs_authority
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import (
    civil_status,
    conclusion_asks,
    corrected_places,
    frozen_results,
    paper_preview,
    results,
    study_history,
    transcripts,
)
from hocbaso.services.conclusion_asks import NO_CASE, CaseAsk
from hocbaso.services.corrected_year import as_frozen, changes_from, corrected, evaluated, find_student
from hocbaso.services.correction_items import (
    ItemView,
    field_items,
    new_values,
    new_years,
    profile_items,
    score_items,
    summer_items,
)
from hocbaso.services.decisions import TERM_WORDS, TERMS, promotion_outcomes
from hocbaso.services.paper_preview import Paper, PaperChange
from hocbaso.services.results import ClassResults, StudentResult


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


# --- a year ----------------------------------------------------------------------------------------------------------


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


def _of_civil_status(request: m.CorrectionRequest, today: date) -> Impact:
    student = request.enrollment.student
    items = profile_items(request, student)
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
    return _pinned(items, (), (), voided, (), False, "", request)


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
