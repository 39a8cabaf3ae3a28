"""Semester I from the old school: taken as it is, never computed again, and told in every sentence that rests on it."""

from __future__ import annotations

import pytest

from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import DEPARTURES, HERE, EnrollmentStatus, come_back, leave, require_open
from hocbaso.regulations.student_year import BY_OLD_SCHOOL, SemesterMarks, StudentYear, SubjectYear, evaluate
from hocbaso.regulations.terms import Level, PassFail, Promotion, SubjectKind

FULL = SemesterMarks((80, 80), 80, 80)
PASSED = SemesterMarks((PassFail.PASS, PassFail.PASS), PassFail.PASS, PassFail.PASS)


def scored(code: str, brought: int | None, **changes: object) -> SubjectYear:
    values: dict[str, object] = {"elsewhere": (True, False), "inherited": (brought, None), **changes}
    return SubjectYear(code, SubjectKind.SCORED, 35, (SemesterMarks(), FULL), **values)  # type: ignore[arg-type]


def year(*subjects: SubjectYear) -> StudentYear:
    return StudentYear(8, subjects, conduct=(Level.TOT, Level.TOT), absences=0)


def eight(brought: int | None) -> tuple[SubjectYear, ...]:
    return tuple(scored(f"S{n}", brought) for n in range(8))


@pytest.mark.parametrize(("brought", "expected"), [(50, 70), (65, 75), (64, 75), (63, 74), (100, 87), (0, 53)])
def test_the_year_rests_on_the_old_schools_average(brought: int, expected: int) -> None:
    found = evaluate(year(*eight(brought))).subject("S0")
    assert found.semesters == (brought, 80) and found.year == expected, "(first + 2 x second) / 3, half up"


def test_every_sentence_that_rests_on_it_says_so() -> None:
    found = evaluate(year(*eight(75)))
    assert found.promotion is Promotion.PROMOTED
    assert found.learning.levels[0] is Level.KHA, "semester I is rated from what was brought"
    assert any(step.startswith(f"S0, học kì I: 7,5 {BY_OLD_SCHOOL}") for step in found.steps)
    assert any(step.startswith("S0, cả năm: (7,5 + 2 × 8,0) ÷ 3") and BY_OLD_SCHOOL in step for step in found.steps)
    assert found.steps[-1].startswith("Kết luận: ") and BY_OLD_SCHOOL in found.steps[-1]


def test_what_is_awaited_is_one_gap_a_subject_and_never_a_zero() -> None:
    found = evaluate(year(*eight(75)[:7], scored("S7", None)))
    assert [(gap.subject, gap.semester, gap.missing) for gap in found.gaps] == [("S7", 1, "inherited")]
    assert found.gaps[0].words("Tin học") == "Tin học, học kì I: thiếu kết quả nơi chuyển đến"
    assert found.subject("S7").year is None and found.learning.levels[0] is None and found.award is None
    assert found.promotion is Promotion.INCOMPLETE and BY_OLD_SCHOOL not in found.steps[-1]


def test_marks_of_that_semester_here_do_not_count_and_a_full_year_here_says_nothing() -> None:
    with_marks = SubjectYear("S0", SubjectKind.SCORED, 35, (FULL, FULL), elsewhere=(True, False), inherited=(40, None))
    assert evaluate(year(with_marks)).subject("S0").semesters[0] == 40
    plain = evaluate(year(*(SubjectYear(f"S{n}", SubjectKind.SCORED, 35, (FULL, FULL)) for n in range(8))))
    assert not any(BY_OLD_SCHOOL in step for step in plain.steps)


def test_a_comment_subject_brings_passed_or_failed_and_the_year_is_that_of_semester_two() -> None:
    art = SubjectYear(
        "ART",
        SubjectKind.COMMENT,
        70,
        (SemesterMarks(), PASSED),
        elsewhere=(True, False),
        inherited=(PassFail.FAIL, None),
    )
    found = evaluate(year(*eight(80), art))
    assert found.subject("ART").semesters == (PassFail.FAIL, PassFail.PASS)
    assert found.subject("ART").year is PassFail.PASS
    assert found.learning.levels[0] is not Level.TOT, "semester I itself counts what was brought"


@pytest.mark.parametrize(("kind", "value"), [(SubjectKind.SCORED, PassFail.PASS), (SubjectKind.COMMENT, 80)])
def test_a_result_of_the_other_kind_is_refused(kind: SubjectKind, value: object) -> None:
    wrong = SubjectYear("X", kind, 35, elsewhere=(True, False), inherited=(value, None))  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="không đúng loại"):
        evaluate(year(wrong))


def test_an_exemption_of_semester_one_asks_for_nothing() -> None:
    found = evaluate(year(*eight(80), scored("NEW", None, exempt=(True, False))))
    assert not found.gaps and found.subject("NEW").year == 80


@pytest.mark.parametrize("to", DEPARTURES)
@pytest.mark.parametrize("now", list(EnrollmentStatus))
def test_who_may_leave(now: EnrollmentStatus, to: EnrollmentStatus) -> None:
    if now in HERE:
        assert leave(now, to, ClassState.OPEN, "9A") is to
        assert come_back(to, now, ClassState.OPEN, "9A") is now
    else:
        with pytest.raises(WrongState, match="không còn học"):
            leave(now, to, ClassState.OPEN, "9A")
        with pytest.raises(WrongState):
            come_back(to, now, ClassState.OPEN, "9A")


@pytest.mark.parametrize(("state", "words"), [(ClassState.FINALISED, "Mở lại"), (ClassState.APPROVED, "đóng băng")])
def test_a_class_that_is_closed_says_what_to_do(state: ClassState, words: str) -> None:
    for act in (
        lambda: leave(EnrollmentStatus.STUDYING, EnrollmentStatus.LEFT, state, "9A"),
        lambda: come_back(EnrollmentStatus.LEFT, EnrollmentStatus.STUDYING, state, "9A"),
        lambda: require_open(state, "9A"),
    ):
        with pytest.raises(WrongState, match=words):
            act()


def test_staying_is_no_departure() -> None:
    with pytest.raises(ValueError, match="no departure"):
        leave(EnrollmentStatus.STUDYING, EnrollmentStatus.TRANSFERRED_IN, ClassState.OPEN, "9A")
