"""A result of the summer as a request to correct it names it: value, day and paper, told in words, tried out and written.

A field is ``summer-<subject id, 0: conduct>`` for the value, with ``-on`` for the day and ``-paper`` for the paper. A value is kept as it
is typed (``5,5``, ``Đ``, a level), or says ``absent`` or ``declined``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.score_values import format_score, parse_score
from hocbaso.regulations.summer_flow import SummerOutcome
from hocbaso.services.results import level_words
from hocbaso.services.student_inputs import Mark, StudentInput

VALUE, DAY, PAPER = "", "on", "paper"
PARTS = (VALUE, DAY, PAPER)
_PREFIX = "summer-"
_DAY = "%d/%m/%Y"
_NOTHING = {SummerOutcome.ABSENT.value: "không dự", SummerOutcome.DECLINED.value: "không tham gia"}
_WORDS = {
    False: {VALUE: "kết quả đánh giá lại", DAY: "ngày đánh giá lại", PAPER: "biên bản đánh giá lại"},
    True: {VALUE: "rèn luyện sau hè", DAY: "ngày đánh giá rèn luyện", PAPER: "báo cáo rèn luyện"},
}


@dataclass(frozen=True, slots=True)
class SummerValue:
    """What a row of the summer says, as its columns hold it."""

    outcome: str
    tenths: int | None
    mark: str | None
    conduct: str | None
    assessed_on: date | None
    document: str | None


def is_summer(field: str) -> bool:
    """Whether a field of a request is one of the summer's."""
    return field.startswith(_PREFIX)


def field_of(subject_id: int | None, part: str = VALUE) -> str:
    """The name of a field."""
    return f"{_PREFIX}{subject_id or 0}" + (f"-{part}" if part else "")


def named(field: str) -> tuple[int | None, str]:
    """(subject id or None for conduct, part) of a field."""
    number, _, part = field.removeprefix(_PREFIX).partition("-")
    return int(number) or None, part


def field_words(field: str) -> str:
    """``Ngữ văn, kết quả đánh giá lại``; of conduct ``Rèn luyện sau hè``."""
    subject_id, part = named(field)
    words = _WORDS[subject_id is None][part]
    if subject_id is None:
        return words[:1].upper() + words[1:]
    name: str | None = db.session.scalar(select(m.Subject.name).where(m.Subject.id == subject_id))
    return f"{name}, {words}"


def field_text(field: str, stored: str | None) -> str:
    """A value of a field as people read it."""
    subject_id, part = named(field)
    if not stored:
        return "trống"
    if part != VALUE:
        return stored
    if stored in _NOTHING:
        return _NOTHING[stored]
    return level_words(stored) if subject_id is None else stored


def text_of(row: m.SummerResult | SummerValue, part: str) -> str:
    """What stands in a part of a row, as a request keeps it; "" for nothing."""
    if part == DAY:
        return f"{row.assessed_on:%d/%m/%Y}" if row.assessed_on else ""
    if part == PAPER:
        return row.document or ""
    if row.outcome != SummerOutcome.RESULT.value:
        return row.outcome or ""
    return format_score(row.tenths) if row.tenths is not None else row.mark or row.conduct or ""


def read(subject_id: int | None, parts: Mapping[str, str]) -> SummerValue:
    """The columns behind texts that a request keeps; they were looked at when it was made."""
    value, day = parts[VALUE], parts[DAY]
    assessed_on = datetime.strptime(day, _DAY).date() if day else None  # noqa: DTZ007 (a day, not an instant)
    if value in _NOTHING:
        return SummerValue(value, None, None, None, assessed_on, parts[PAPER] or None)
    tenths = mark = conduct = None
    if subject_id is None:
        conduct = value
    elif value in ("Đ", "CĐ"):
        mark = value
    else:
        tenths = parse_score(value).tenths
    return SummerValue(SummerOutcome.RESULT.value, tenths, mark, conduct, assessed_on, parts[PAPER] or None)


def rows_of(request: m.CorrectionRequest) -> dict[int | None, m.SummerResult]:
    """The rows that a request is about, read afresh, by subject."""
    wanted = {named(item.field)[0] for item in request.items if item.field}
    rows = db.session.scalars(
        select(m.SummerResult)
        .where(m.SummerResult.enrollment_id == request.enrollment_id)
        .execution_options(populate_existing=True)
    )
    return {row.subject_id: row for row in rows if row.subject_id in wanted}


def wanted(request: m.CorrectionRequest, row: m.SummerResult) -> SummerValue:
    """What a row says once the request is carried out: what is not asked about stays."""
    parts = {part: text_of(row, part) for part in PARTS}
    for item in request.items:
        if item.field and named(item.field)[0] == row.subject_id:
            parts[named(item.field)[1]] = item.new_text or ""
    return read(row.subject_id, parts)


def corrected(given: StudentInput, request: m.CorrectionRequest) -> StudentInput:
    """The pupil with the results of the request: as the rules take them."""
    for subject_id, row in rows_of(request).items():
        value = wanted(request, row)
        if subject_id is None:
            given = replace(given, conduct_after_summer=value.conduct)
            continue
        text = Mark(value.tenths, value.mark, "entered").text
        lines = tuple(
            replace(line, reassessed=text) if line.subject.subject_id == subject_id else line for line in given.subjects
        )
        given = replace(given, subjects=lines)
    return given


def class_subjects(request: m.CorrectionRequest) -> frozenset[int]:
    """The ``class_subject`` ids of the subjects that a request is about."""
    ids = {named(item.field)[0] for item in request.items if item.field and is_summer(item.field)} - {None}
    if not ids:
        return frozenset()
    return frozenset(
        db.session.scalars(
            select(m.ClassSubject.id).where(
                m.ClassSubject.class_group_id == request.enrollment.class_group_id, m.ClassSubject.subject_id.in_(ids)
            )
        )
    )
