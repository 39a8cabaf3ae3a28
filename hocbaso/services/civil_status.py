"""What civil-status papers say of a pupil and the records in force that print it: changed by an approved correction only.

Until a record is sealed the office keeps these fields freely. From then on a profile that says something else than the paper
in the family's hands would be a second truth, so the change and the recall are one act (CV 2088 Đ.21.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Stale, WrongState
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services.student_fields import FIELDS
from hocbaso.services.transcript_contents import YearElsewhere, rows_elsewhere, student_block, years_elsewhere

PRINTED = {
    "full_name": "full_name",
    "birth_on": "born_on",
    "sex": "sex",
    "birth_place": "birth_place",
    "ethnicity": "ethnicity",
    "nationality": "nationality",
    "personal_id_number": "personal_id",
    "moet_code": "moet_code",
    "register_no": "register_no",
}
"""Civil-status fields of a profile -> their names on the record."""

CIVIL_FIELDS = frozenset(PRINTED)

PAST_YEARS = "past_years"
"""Name of the one item of a request that says which years elsewhere there are (``services/study_history``): results of another
school, printed like civil status and changed in the same way."""


def records_of(student_id: int) -> list[m.TranscriptRecord]:
    """All records in force of a pupil, the oldest year first, read afresh."""
    return list(
        db.session.scalars(
            select(m.TranscriptRecord)
            .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
            .where(m.Enrollment.student_id == student_id, m.TranscriptRecord.state != RecordState.RECALLED.value)
            .order_by(m.Enrollment.id)
            .execution_options(populate_existing=True)
        )
    )


def printing_otherwise(student: m.Student, new: Mapping[str, Any]) -> list[m.TranscriptRecord]:
    """The records in force whose print of a changed field is not what ``new`` (profile column -> value) makes it."""
    named = {PRINTED[name] for name in new if name in CIVIL_FIELDS}
    if not named:
        return []
    wanted = student_block(as_changed(student, new))
    return [
        record
        for record in records_of(student.id)
        if any(getattr(_printed(record).student, name) != getattr(wanted, name) for name in named)
    ]


def as_changed(student: m.Student, new: Mapping[str, Any]) -> m.Student:
    """The profile's fields as they would be; a plain value that nothing stores."""
    columns = {name: getattr(student, name) for name in FIELDS}
    return cast(m.Student, SimpleNamespace(**{**columns, **new}))


def _printed(record: m.TranscriptRecord) -> tc.TranscriptContent:
    return tc.from_canonical_json(record.content.encode("utf-8"))


def printing_other_years(
    student_id: int, present: Sequence[YearElsewhere], wanted: Sequence[YearElsewhere]
) -> list[m.TranscriptRecord]:
    """The records in force that print years elsewhere, up to their own year, otherwise than ``wanted`` makes them, by this change."""
    found = []
    for record in records_of(student_id):
        until = _printed(record).school_year
        before, after = (rows_elsewhere(years, until) for years in (present, wanted))
        if before != after and _prints_other_years(_printed(record), wanted):
            found.append(record)
    return found


def _prints_other_years(printed: tc.TranscriptContent, wanted: Iterable[YearElsewhere]) -> bool:
    here = {
        (row.school_year, row.class_name, row.school_name) for row in printed.study_history if row.place is not None
    }
    told = [row for row in printed.study_history if row.place is None]
    after = rows_elsewhere(wanted, printed.school_year)
    return [after[key] for key in sorted(after) if key not in here] != told


def sealed_until(student_id: int) -> str:
    """The last school year of which a pupil has a sealed record in force ("2025-2026"), "" for none: up to it years elsewhere are printed."""
    return max(
        (_printed(one).school_year for one in records_of(student_id) if RecordState(one.state) in SIGNED_STATES),
        default="",
    )


def require_years_not_printed(
    student_id: int, present: Sequence[YearElsewhere], wanted: Sequence[YearElsewhere]
) -> None:
    """Raise WrongState when a sealed record in force prints other years elsewhere than ``wanted``: also one that is added.

    Unlike an empty field of the profile, a table without a year says that there was none.
    """
    n = sum(RecordState(one.state) in SIGNED_STATES for one in printing_other_years(student_id, present, wanted))
    if n:
        raise WrongState(
            f"Quá trình học tập này đã in trên {n} học bạ đã phát hành. Xin lập đề nghị sửa hộ tịch, kèm giấy tờ của trường cũ; "
            "được duyệt thì hồ sơ và học bạ cùng đổi. Chưa có gì thay đổi."
        )


def printed_otherwise(record: m.TranscriptRecord, years: Iterable[YearElsewhere] | None = None) -> tuple[str, ...]:
    """The civil-status fields (profile columns, ``PAST_YEARS``) that a record prints and that the profile says otherwise today; a field that
    was not known when it was printed is none. ``years``: those elsewhere, where they were read for many pupils at once."""
    printed = _printed(record)
    student = record.enrollment.student
    wanted = student_block(student)
    found = [
        column
        for column, name in PRINTED.items()
        if getattr(printed.student, name) and getattr(printed.student, name) != getattr(wanted, name)
    ]
    if years is None:
        years = years_elsewhere([student.id]).get(student.id, ())
    if _prints_other_years(printed, years):
        found.append(PAST_YEARS)
    return tuple(found)


def require_printed(record: m.TranscriptRecord) -> None:
    """Raise Stale when a record prints other civil status than the profile says: it is neither signed nor published."""
    db.session.refresh(record.enrollment.student)  # the row at hand may be from before a signature of minutes
    if not printed_otherwise(record):
        return
    if RecordState(record.state) in SIGNED_STATES:
        raise Stale(
            "Học bạ này in khác hồ sơ. Xin đề nghị thu hồi ở trang Thu hồi, hoặc lập đề nghị sửa hộ tịch lại cho đúng như học bạ; trước "
            "đó không đi tiếp được."
        )
    raise Stale(
        "Hồ sơ của học sinh này đã đổi sau khi lập học bạ, học bạ in khác hồ sơ. Hãy thu hồi và lập lại trước khi đi tiếp."
    )


def with_sealed_record(student_ids: Iterable[int]) -> frozenset[int]:
    """Which of these pupils have a sealed record in force."""
    return frozenset(
        db.session.scalars(
            select(m.Enrollment.student_id)
            .distinct()
            .join(m.TranscriptRecord, m.TranscriptRecord.enrollment_id == m.Enrollment.id)
            .where(
                m.Enrollment.student_id.in_(list(student_ids)),
                m.TranscriptRecord.state.in_([state.value for state in SIGNED_STATES]),
            )
        )
    )


def n_sealed(student_id: int) -> int:
    """How many sealed records in force a pupil has."""
    return sum(RecordState(record.state) in SIGNED_STATES for record in records_of(student_id))


def why_not(student: m.Student, new: Mapping[str, Any]) -> str:
    """Why a profile may not simply be changed so; "" when no sealed record in force says otherwise."""
    # What was not known when the record was sealed may be added: nothing that a family was given becomes untrue.
    changed = {name: value for name, value in new.items() if name in CIVIL_FIELDS and getattr(student, name)}
    if not changed or student.id not in with_sealed_record([student.id]):
        return ""
    sealed = [record for record in printing_otherwise(student, changed) if RecordState(record.state) in SIGNED_STATES]
    if not sealed:
        return ""
    n = len(sealed)
    return (
        f"Mục này đã in trên {n} học bạ đã phát hành của {student.full_name}. Xin lập đề nghị sửa hộ tịch, kèm quyết định; "
        "được duyệt thì hồ sơ và học bạ cùng đổi. Chưa có gì thay đổi."
    )


def require_not_printed(student: m.Student, new: Mapping[str, Any]) -> None:
    """Raise WrongState when a sealed record in force prints another value than ``new`` of a civil-status field."""
    if why := why_not(student, new):
        raise WrongState(why)
