"""The comparison that approvers and signers read: every place of a transcript, also one that is added later."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from hocbaso.documents import content_changes
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.content_changes import LABELS, OF_EACH_RECORD, SUBJECT_WORDS, changes_between
from tests.documents import samples

Step = str | int


def full() -> tc.TranscriptContent:
    """A content in which no place is empty."""
    base = samples.content()
    row = dataclasses.replace(
        base.subjects[0], semester_1="7.5", semester_2="8.0", year="7.8", after_reassessment="8.1", remark="Tốt", teacher_name="A"
    )  # fmt: skip
    person = tc.FamilyMember(name="Phạm Văn Ba", occupation="Thợ nề")
    return dataclasses.replace(
        base,
        replaces_uuid="1d8f9a52-0c3f-4c1e-9a1b-3a5a4b7f2e10",
        subjects=(row, *base.subjects[1:]),
        student=dataclasses.replace(base.student, policy_category="Con thương binh", guardian=person),
        study_history=(dataclasses.replace(base.study_history[0], moved_in_on=date(2022, 9, 5)), *base.study_history[1:]),
        corrections=tc.CorrectionNote(n_places=1, subject_names=("Toán học",)),
        conduct=dataclasses.replace(base.conduct, after=tc.Level.KHA),
        learning=dataclasses.replace(base.learning, after=tc.Level.KHA),
        promotion=tc.PromotionNote(outcome=tc.Promotion.PROMOTED, promoted="Lên lớp 9"),
        certificates=(tc.CertificateNote(name="Nghề phổ thông", grade="Giỏi"),),
        principal_remark="Đồng ý",
    )  # fmt: skip


def places(kind: Any, path: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    """Every place of a type of the content, the first entry of each list; read from the type itself."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return places(next(one for one in typing.get_args(kind) if one is not type(None)), path)
    if origin is tuple:
        return places(typing.get_args(kind)[0], (*path, 0))
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return [place for one in dataclasses.fields(kind) for place in places(hints[one.name], (*path, one.name))]
    return [path]


PLACES = [place for place in places(tc.TranscriptContent) if place[0] not in OF_EACH_RECORD]


def other(value: Any) -> Any:
    if value is None:
        return "Lên lớp 9"
    if isinstance(value, bool):
        return not value
    if isinstance(value, StrEnum):
        return next(one for one in type(value) if one is not value)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    return value + "1"


def changed(value: Any, path: tuple[Step, ...]) -> Any:
    """The same with another value in one place. The rules between values are left aside: here only the comparison is asked."""
    if not path:
        return other(value)
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return tuple(changed(one, rest) if at == step else one for at, one in enumerate(value))
    made = object.__new__(type(value))
    for one in dataclasses.fields(value):
        inner = getattr(value, one.name)
        object.__setattr__(made, one.name, changed(inner, rest) if one.name == step else inner)
    return made


def test_the_type_is_walked_whole() -> None:
    assert len(PLACES) >= 90 and ("absences", "semester_2", "unexcused") in PLACES
    assert ("student", "guardian", "occupation") in PLACES and ("certificates", 0, "grade") in PLACES


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_every_place_of_the_content_is_compared_and_has_its_words(place: tuple[Step, ...]) -> None:
    old = full()
    found = changes_between(old, changed(old, place))
    assert found, "a value that differs and that nobody is shown"
    for one in found:
        assert one.before != one.after and one.label != one.path
        assert one.label[0].isupper() and "_" not in one.label and "." not in one.label
    named = ".".join(step for step in place if isinstance(step, str))
    head = place[0]
    words = SUBJECT_WORDS.get(str(place[-1])) if head == "subjects" else LABELS.get(named) or LABELS.get(str(head))
    assert words, "a place without words"
    assert head == "study_history" or any(words in one.label for one in found)


def test_a_line_of_the_study_history_shows_each_of_its_columns() -> None:
    told = {one.name for one in dataclasses.fields(tc.StudyHistoryRow)}
    assert told == set(content_changes._YEAR_TOLD), "a new column needs words"


@pytest.mark.parametrize("head", ["study_history", "certificates", "competitions", "awards"])
def test_what_comes_and_what_goes_is_shown_as_nothing_before_or_after(head: str) -> None:
    old = full()
    empty = dataclasses.replace(old, **{head: ()})  # type: ignore[arg-type]
    assert {one.after for one in changes_between(old, empty)} == {content_changes.NOTHING}
    assert {one.before for one in changes_between(empty, old)} == {content_changes.NOTHING}


def test_the_same_paper_under_another_code_says_nothing_new() -> None:
    old = full()
    again = dataclasses.replace(
        old, record_uuid="2b6f0f3e-9c55-4d1e-8d59-0b0c9d8e7f61", replaces_uuid=old.record_uuid, built_at=old.built_at + timedelta(days=9)
    )  # fmt: skip
    assert changes_between(old, again) == ()


def test_values_are_said_as_people_read_them() -> None:
    old = full()
    new = dataclasses.replace(
        old,
        absences=tc.AbsenceTrack(
            semester_1=tc.Absence(excused=4), semester_2=old.absences.semester_2, year=tc.Absence(excused=5, unexcused=1)
        ),
        learning=dataclasses.replace(old.learning, year=tc.Level.DAT),
        student=dataclasses.replace(old.student, born_on=date(2011, 8, 15), height_cm="171", father=None),
        subjects=(dataclasses.replace(old.subjects[0], year="9.1"), *old.subjects[1:]),
        study_history=(
            tc.StudyHistoryRow(school_year="2019-2020", class_name="6Z", school_name="THCS Bịa"),
            *old.study_history,
        ),
        awards=(*old.awards, "Giải Nhất"),
    )  # fmt: skip
    said = {one.label: (one.before, one.after) for one in changes_between(old, new)}
    assert said["Nghỉ có phép học kì I"] == ("1", "4") and said["Nghỉ có phép cả năm"] == ("2", "5")
    assert said["Học tập cả năm"] == ("Tốt", "Đạt") and said["Toán học, cả năm"] == ("7,8", "9,1")
    assert said["Ngày sinh"] == ("14/08/2011", "15/08/2011") and said["Chiều cao (cm)"] == ("152.5", "171")
    assert said["Họ và tên cha"] == ("Nguyễn Quang Thiệp", "(trống)")
    assert said["Khen thưởng"] == ("Học sinh Giỏi", "Học sinh Giỏi; Giải Nhất")
    assert "lớp 6Z, THCS Bịa" in {after for label, (_, after) in said.items() if label.startswith("Quá trình học tập")}
