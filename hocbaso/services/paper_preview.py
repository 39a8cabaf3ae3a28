"""The paper as it would be built today beside the record in force: every value that a new one would print otherwise.

A new record is made from the profile, the study history, the school and the signers of its own day. Whoever agrees to one value
agrees to all of that, so all of it is shown, and what the request itself does not ask for is told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hocbaso import models as m
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.content_changes import changes_between
from hocbaso.errors import Incomplete, Invalid
from hocbaso.services import frozen_results, transcripts
from hocbaso.services.transcript_contents import Signers, YearElsewhere, content_from_frozen, signers_of


@dataclass(frozen=True, slots=True)
class PaperChange:
    """One printed value. ``apart``: it does not follow from the request; it changed since the record was built."""

    label: str
    before: str
    after: str
    path: str
    apart: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """What the new paper says otherwise; ``problem``: why it could not be built today, in words, "" where it could."""

    changes: tuple[PaperChange, ...] = ()
    problem: str = ""


def of_record(
    record: m.TranscriptRecord,
    today: date,
    *,
    corrected: Mapping[str, Any] | None = None,
    student: m.Student | None = None,
    elsewhere: Iterable[YearElsewhere] | None = None,
    apart: Collection[str] | None = None,
) -> Paper:
    """The paper with what a request brings: another frozen result, profile or years elsewhere; the standing ones by default.

    ``apart``: the paths that do not follow from the request, where they were found before it was carried out. The day of issue is
    left as it is, it is chosen when the record is built; the signers are those that a build takes by itself.
    """
    held = tc.from_canonical_json(record.content.encode("utf-8"))
    newest = transcripts.latest_frozen([record.enrollment_id]).get(record.enrollment_id)
    if newest is None:
        return Paper(problem="Lớp chưa có kết quả đã duyệt để lập lại học bạ.")
    frozen = frozen_results.parsed(newest)
    signers = _signers(record, held, today)

    def build(result: Mapping[str, Any], **more: Any) -> tc.TranscriptContent:
        return content_from_frozen(
            result, record.enrollment, signers,
            record_uuid=held.record_uuid, issue_on=held.issue_on, built_at=held.built_at, **more,
        )  # fmt: skip

    try:
        comes = build(corrected or frozen, student=student, elsewhere=elsewhere)
        found = changes_between(held, comes)
        if apart is None:
            asked = {one.path for one in changes_between(build(frozen), comes)}
            apart = {one.path for one in found} - asked
    except (Incomplete, Invalid) as refusal:
        return Paper(problem=refusal.message)
    return Paper(tuple(PaperChange(one.label, one.before, one.after, one.path, one.path in apart) for one in found))


def _signers(record: m.TranscriptRecord, held: tc.TranscriptContent, today: date) -> Signers:
    try:
        return signers_of(record.enrollment.class_group, today)
    except Incomplete:
        return Signers(held.homeroom, held.principal)
