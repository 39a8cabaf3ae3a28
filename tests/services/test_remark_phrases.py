"""The bank of phrases belongs to one teacher, names no pupil, keeps its order, and leaves its entries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale
from hocbaso.services import remark_hints, remark_phrases
from tests.cast import NOW, Cast

GOOD = "Em hiểu bài và biết trình bày."


@pytest.fixture
def maths(school: Cast) -> Iterator[int]:
    subject = db.session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH"))
    assert subject is not None
    yield subject


def texts(school: Cast, subject_id: int | None, level: str = "T", who: str = "math") -> list[str]:
    return [one.text for one in remark_phrases.bank(school.actor(who), subject_id) if one.level == level]


def entries() -> list[m.AuditEntry]:
    return list(
        db.session.scalars(
            select(m.AuditEntry).where(m.AuditEntry.tag == "remark:phrases:changed").order_by(m.AuditEntry.seq)
        )
    )


def add(school: Cast, subject_id: int | None, text: str, level: str = "T", who: str = "math") -> remark_phrases.Phrase:
    return remark_phrases.add(school.actor(who), subject_id, level=level, text=text, now=NOW)


def test_a_phrase_is_added_once_and_leaves_one_entry(school: Cast, maths: int):
    first, second = add(school, maths, f"  {GOOD} "), add(school, maths, GOOD)
    assert first == second and texts(school, maths) == [GOOD]
    assert len(entries()) == 1


def test_the_bank_is_its_owners_alone(school: Cast, maths: int):
    phrase = add(school, maths, GOOD)
    assert remark_phrases.bank(school.actor("head_science"), maths) == ()
    with pytest.raises(NotFound):
        remark_phrases.change(
            school.actor("head_science"), phrase.id, level="T", text="Em khá.", expected_version=1, now=NOW
        )
    with pytest.raises(NotFound):
        remark_phrases.move(school.actor("head_science"), phrase.id, up=True, now=NOW)
    assert remark_phrases.remove(school.actor("head_science"), phrase.id, NOW) is False
    assert texts(school, maths) == [GOOD] and len(entries()) == 1


@pytest.mark.parametrize("who", ["principal", "clerk", "it_officer", "outsider"])
def test_who_teaches_nothing_has_no_bank(school: Cast, maths: int, who: str):
    for subject in (maths, None):
        with pytest.raises(NotFound):
            add(school, subject, GOOD, who=who)
    assert remark_phrases.areas(school.actor(who)) == ()


def test_areas_are_the_subjects_taught_and_the_homeroom(school: Cast, maths: int):
    found = remark_phrases.areas(school.actor("math"))
    assert [area.code for area in found] == ["MATH", "SCI", None]
    assert found[-1].name == "Chủ nhiệm" and found[0].levels == ("T", "K", "Đ", "CĐ", "ANY")
    art = db.session.scalar(select(m.Subject.id).where(m.Subject.code == "ART"))
    assert remark_phrases.area_of(school.actor("other"), art).levels == ("Đ", "CĐ", "ANY")


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        ("", "T", "còn trống"),
        (" \n\t ", "T", "còn trống"),
        ("a" * 301, "T", "tối đa 300"),
        ("Em Chi chăm học.", "T", "tên học sinh “Chi”"),
        ("Em và bạn Bảo Châu học nhóm.", "T", "tên học sinh"),
        ("Em giỏi \U0001f600", "T", "không in được"),
        (GOOD, "X", "chọn mức"),
        (GOOD, "", "chọn mức"),
    ],
)
def test_what_a_phrase_may_not_be(school: Cast, maths: int, text: str, level: str, words: str):
    with pytest.raises(Invalid, match=words):
        add(school, maths, text, level)
    assert entries() == []


def test_a_name_from_a_class_not_taught_is_no_name_here(school: Cast, maths: int):
    add(school, maths, "Em biết ơn thầy Đức Anh.")  # 6A's pupil, 9A's teacher


def test_a_level_has_an_end(school: Cast, maths: int):
    for n in range(remark_phrases.MOST_IN_LEVEL):
        add(school, maths, f"Em làm được bài {n}.")
    with pytest.raises(Invalid, match="đã có 20 câu"):
        add(school, maths, GOOD)
    other = add(school, maths, GOOD, "K")
    with pytest.raises(Invalid, match="đã có 20 câu"):
        remark_phrases.change(school.actor("math"), other.id, level="T", text=GOOD, expected_version=1, now=NOW)


def test_changing_is_compare_and_set_and_tells_the_old_words(school: Cast, maths: int):
    phrase = add(school, maths, GOOD)
    args = {"level": "K", "text": "Em hiểu bài.", "now": NOW}
    changed = remark_phrases.change(school.actor("math"), phrase.id, expected_version=1, **args)
    assert (changed.level, changed.version) == ("K", 2)
    again = remark_phrases.change(school.actor("math"), phrase.id, expected_version=1, **args)
    assert again == changed and len(entries()) == 2
    with pytest.raises(Stale):
        remark_phrases.change(school.actor("math"), phrase.id, level="K", text="Khác.", expected_version=1, now=NOW)
    assert GOOD in entries()[-1].payload and "Em hiểu bài." in entries()[-1].payload


def test_order_and_deletion(school: Cast, maths: int):
    one, two, three = (add(school, maths, f"Em làm tốt {n}.") for n in "abc")
    actor = school.actor("math")
    assert remark_phrases.move(actor, three.id, up=True, now=NOW)
    assert remark_phrases.move(actor, one.id, up=False, now=NOW)
    assert texts(school, maths) == [three.text, one.text, two.text]
    assert not remark_phrases.move(actor, three.id, up=True, now=NOW)
    assert remark_phrases.remove(actor, one.id, NOW) and not remark_phrases.remove(actor, one.id, NOW)
    assert texts(school, maths) == [three.text, two.text]
    assert len(entries()) == 3 + 2 + 1


def test_the_starting_set_is_copied_once(school: Cast, maths: int):
    actor = school.actor("math")
    keys = [one.key for one in remark_phrases.offered(actor, maths)]
    assert remark_phrases.copy_in(actor, maths, [keys[0], keys[1], "không có"], NOW) == 2
    assert remark_phrases.copy_in(actor, maths, keys[:2], NOW) == 0
    assert remark_phrases.copy_in(actor, maths, keys, NOW) == len(keys) - 2
    assert remark_phrases.offered(actor, maths) == () and len(entries()) == 2
    assert remark_phrases.copy_in(actor, None, [one.key for one in remark_phrases.offered(actor, None)], NOW) >= 12


def test_hints_of_a_sheet(school: Cast):
    sheet, pupil = school.sheets["9A", "MATH", 2], school.enrollments["9A", "Hoàng Thanh Bình"]

    def told(text: str, who: str = "math") -> tuple[str, ...]:
        return remark_hints.of_sheet(school.actor(who), sheet, pupil, text, NOW)

    assert told("Em chăm học.") == () == told("")
    assert "có tên “Chi”" in told("Em Chi chăm học.")[0]
    with pytest.raises(NotFound):
        told("Em Chi chăm học.", "clerk")
    with pytest.raises(NotAllowed):
        told("Em Chi chăm học.", "principal")
    with pytest.raises(NotFound):
        remark_hints.of_sheet(
            school.actor("math"), sheet, school.enrollments["6A", "Nguyễn Hoài An"], "Em An chăm học.", NOW
        )


def test_hints_of_the_homeroom(school: Cast):
    class_id, pupil = school.classes["9A"], school.enrollments["9A", "Hoàng Thanh Bình"]
    assert "“Chi”" in remark_hints.of_class(school.actor("math"), class_id, pupil, "Em Chi chăm học.")[0]
    assert remark_hints.of_class(school.actor("math"), class_id, pupil, "Em Bình chăm học.") == ()
    with pytest.raises(NotFound):
        remark_hints.of_class(school.actor("other"), class_id, pupil, "Em Chi chăm học.")
    stranger = school.enrollments["6A", "Nguyễn Hoài An"]
    assert remark_hints.of_class(school.actor("math"), class_id, stranger, "Em Chi chăm học.") == ()
