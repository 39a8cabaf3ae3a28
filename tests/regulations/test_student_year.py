"""A whole year through the engine: exemption, disability, missed assessments, summer, partial years."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hocbaso.errors import Invalid
from hocbaso.regulations.completeness import Gap
from hocbaso.regulations.student_year import (
    DecidedLevel,
    DecidedPromotion,
    SemesterMarks,
    StudentYear,
    SubjectYear,
    evaluate,
)
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion, ScoreOrigin, SubjectKind

P, F = PassFail.PASS, PassFail.FAIL
T, K, D, C = Level.TOT, Level.KHA, Level.DAT, Level.CHUA_DAT


def flat(tenths: int | None) -> SemesterMarks:
    return SemesterMarks((tenths, tenths), tenths, tenths)


def scored(code: str, first: int | None, second: int | None = -1, **more) -> SubjectYear:
    second = first if second == -1 else second
    return SubjectYear(code, SubjectKind.SCORED, 35, (flat(first), flat(second)), **more)


def comment(code: str, first: PassFail | None = P, second: PassFail | None = P, **more) -> SubjectYear:
    return SubjectYear(
        code, SubjectKind.COMMENT, 70, (SemesterMarks((P, P), P, first), SemesterMarks((P, P), P, second)), **more
    )


def year(*tenths: int, grade_level: int = 8, **more) -> StudentYear:
    subjects = more.pop("subjects", None) or tuple(scored(f"S{index}", value) for index, value in enumerate(tenths))
    known = {"conduct": (T, T), "absences": 0} | more
    return StudentYear(grade_level, (*subjects, comment("PE")), **known)


def decide(given: StudentYear, *levels: Level | None) -> StudentYear:
    """The same student-year with levels that the principal records on its results as they stand."""
    bases = evaluate(given).learning.bases
    decisions = [level and DecidedLevel(level, basis) for level, basis in zip(levels, bases, strict=False)]
    return replace(given, decided_levels=tuple(decisions))


def conclude(given: StudentYear, outcome: Promotion) -> StudentYear:
    """The same student-year with a conclusion recorded on it as it stands."""
    return replace(given, decided_promotion=DecidedPromotion(outcome, evaluate(given).promotion_basis))


def test_a_plain_year():
    result = evaluate(year(*[90] * 6, 65, 65))
    assert result.learning.levels == (T, T, T)
    assert (result.promotion, result.award, result.gaps) == (Promotion.PROMOTED, Award.EXCELLENT_STUDENT, ())
    assert result.subject("S7").year == 65
    assert evaluate(year(*[90] * 5, 89, 65, 65)).award is Award.GOOD_STUDENT


def test_every_conclusion_cites_an_article():
    result = evaluate(year(*[80] * 7, 49))
    assert len(result.steps) == 9 * 3 + 6 + 1 + 1  # subjects; three levels with clause 3; conduct; promotion
    assert all(step.endswith("Thông tư 22/2021/TT-BGDĐT)") for step in result.steps)
    assert (
        "S0, học kì I: (8,0 + 8,0 + 2 × 8,0 + 3 × 8,0) ÷ 7 = 8,0 (Điều 9 khoản 1 điểm b Thông tư 22/2021/TT-BGDĐT)"
        in result.steps
    )
    assert (
        "Học tập cả năm: chỉ do môn S7 (4,9) mà mức bị thấp từ Tốt xuống Đạt, nên được điều chỉnh lên mức liền kề → Khá "
        "(Điều 9 khoản 3 Thông tư 22/2021/TT-BGDĐT)"
    ) in result.steps
    assert result.steps[-1] == (
        "Kết luận: rèn luyện Tốt, học tập Khá, nghỉ 0 buổi (không quá 45) → được lên lớp "
        "(Điều 12 khoản 1 Thông tư 22/2021/TT-BGDĐT)"
    )


def test_the_reassessment_example_of_the_specification():
    before = [50] * 5 + [40, 49, 30]

    def summer(**reassessed: int):
        subjects = tuple(scored(f"S{i}", value, reassessed=reassessed.get(f"S{i}")) for i, value in enumerate(before))
        return evaluate(year(subjects=subjects, conduct=(K, K)))

    assert summer().promotion is Promotion.REASSESS
    passed = summer(S5=55, S7=50)
    assert (passed.learning.year, passed.learning.after_reassessment, passed.promotion) == (C, D, Promotion.PROMOTED)
    assert (passed.subject("S5").year, passed.subject("S5").after_reassessment) == (40, 55)
    failed = summer(S7=34)
    assert (failed.learning.after_reassessment, failed.promotion) == (C, Promotion.RETAINED)
    assert summer(S0=100).subject("S0").after_reassessment is None  # 5,0 may not
    assert summer(S0=100).promotion is Promotion.REASSESS


def test_clause_three_applies_again_after_reassessment():
    subjects = tuple(
        scored(f"S{i}", value, reassessed=again)
        for i, (value, again) in enumerate([(65, None)] * 5 + [(49, 65), (49, 50), (34, None)])
    )
    result = evaluate(year(subjects=subjects))
    assert (result.learning.year, result.learning.after_reassessment) == (C, D)
    assert result.learning.rating_after.adjusted_by_subject == "S7"
    assert result.promotion is Promotion.PROMOTED


def test_grade_nine_completes():
    assert evaluate(year(*[50] * 8, grade_level=9)).promotion is Promotion.COMPLETED


def test_summer_training_keeps_the_original():
    result = evaluate(year(*[50] * 8, conduct=(T, C), conduct_after_summer=D))
    assert (result.conduct.year, result.conduct.after_summer, result.promotion) == (C, D, Promotion.PROMOTED)
    unasked = evaluate(year(*[50] * 8, conduct=(T, K), conduct_after_summer=T))
    assert (unasked.conduct.year, unasked.conduct.after_summer) == (K, None)


def test_exempt_all_year_is_left_out():
    subjects = (*(scored(f"S{i}", 80) for i in range(6)), scored("LOW", 10, exempt=(True, True)))
    result = evaluate(year(subjects=subjects))
    assert result.learning.levels == (T, T, T)
    assert result.subject("LOW").semesters == (None, None)
    assert result.subject("LOW").year is None
    assert result.gaps == ()


@pytest.mark.parametrize(("exempt", "expected"), [((True, False), (None, 40, 40)), ((False, True), (90, None, 90))])
def test_exempt_in_one_semester_takes_the_other(exempt: tuple[bool, bool], expected: tuple):
    subjects = (*(scored(f"S{i}", 80) for i in range(7)), scored("X", 90, 40, exempt=exempt))
    result = evaluate(year(subjects=subjects))
    found = result.subject("X")
    assert (*found.semesters, found.year) == expected


def test_a_comment_subject_exempt_in_semester_two_takes_semester_one():
    subjects = (*(scored(f"S{i}", 80) for i in range(8)), comment("ART", F, None, exempt=(False, True)))
    assert evaluate(year(subjects=subjects)).subject("ART").year is F


def test_exemptions_and_decided_levels_cite_an_article():
    subjects = (
        *(scored(f"S{i}", 80) for i in range(4)),
        scored("X", 90, 40, exempt=(True, False)),
        scored("OUT", None, exempt=(True, True)),
        comment("ART", F, None, exempt=(False, True)),
    )
    steps = evaluate(decide(year(subjects=subjects), D, D, D)).steps
    assert all("Điều" in step for step in steps)
    assert (
        "X, cả năm: miễn học học kì I theo quyết định của Hiệu trưởng, lấy kết quả học kì II → 4,0 "
        "(Điều 9 khoản 1 điểm b Thông tư 22/2021/TT-BGDĐT)"
    ) in steps
    assert (
        "ART, cả năm: miễn học học kì II theo quyết định của Hiệu trưởng, lấy kết quả học kì I → Chưa đạt "
        "(Điều 9 khoản 1 điểm a Thông tư 22/2021/TT-BGDĐT)"
    ) in steps
    assert (
        "OUT: được miễn học cả năm theo quyết định của Hiệu trưởng, không tính vào kết quả học tập "
        "(Điều 9 khoản 2 Thông tư 22/2021/TT-BGDĐT)"
    ) in steps
    assert (
        "Học tập cả năm: mức Đạt theo quyết định đã ghi của Hiệu trưởng (Điều 9 khoản 2 Thông tư 22/2021/TT-BGDĐT)"
        in steps
    )
    doubtful = evaluate(decide(year(*[65] * 5, 50, 50, 34), None, None, D)).steps
    assert (
        "Học tập cả năm: mức Đạt theo quyết định đã ghi của Hiệu trưởng (Điều 9 khoản 3 Thông tư 22/2021/TT-BGDĐT)"
        in doubtful
    )


def test_fewer_than_six_subjects_need_a_decision():
    result = evaluate(year(*[90] * 5))
    assert result.learning.levels == (None, None, None)
    assert (result.promotion, result.award) == (Promotion.DECISION_NEEDED, None)
    decided = evaluate(decide(year(*[90] * 5), None, None, D))
    assert (decided.learning.year, decided.promotion) == (D, Promotion.PROMOTED)


def test_no_automatic_conclusion_for_a_pupil_with_a_disability():
    result = evaluate(year(*[95] * 8, inclusive_disability=True))
    assert (result.promotion, result.award, result.learning.year) == (Promotion.DECISION_NEEDED, None, T)
    assert "kế hoạch giáo dục cá nhân" in result.steps[-1]
    decided = evaluate(conclude(year(*[20] * 8, inclusive_disability=True), Promotion.PROMOTED))
    assert decided.promotion is Promotion.PROMOTED


def test_a_decision_counts_only_where_the_circular_is_in_doubt():
    doubtful = year(*[65] * 5, 50, 50, 34)
    assert evaluate(doubtful).promotion is Promotion.REASSESS
    assert evaluate(doubtful).learning.needs_council_review == (True, True, True)
    assert evaluate(decide(doubtful, None, None, D)).promotion is Promotion.PROMOTED
    clear = conclude(decide(year(*[50] * 7, 34), T, T, T), Promotion.PROMOTED)
    assert evaluate(clear).learning.year is C
    assert evaluate(clear).promotion is Promotion.REASSESS


def test_a_council_decision_counts_only_for_the_results_it_was_made_on():
    """The council chose Khá over five 8,0, two 7,0 and a 4,0; with lower scores the base is Chưa đạt and in doubt anew."""
    before = decide(year(*[80] * 5, 70, 70, 40), K, K, K)
    assert evaluate(before).learning.levels == (K, K, K)
    after = replace(year(*[80] * 5, 50, 50, 30), decided_levels=before.decided_levels)
    found = evaluate(after)
    assert found.learning.levels == (C, C, C) and found.promotion is Promotion.REASSESS
    assert found.learning.needs_council_review == (True, True, True)
    assert (found.learning.decided, found.learning.outdated) == ((False,) * 4, (True, True, True, False))
    assert any("dựa trên kết quả khác" in step for step in found.steps)
    # The same base and the same subject in doubt, but another score: the council has not seen it.
    other = evaluate(replace(year(*[80] * 5, 70, 70, 36), decided_levels=before.decided_levels))
    assert other.learning.levels == (D, D, D) and other.learning.outdated[:3] == (True, True, True)
    # With the results as they were it counts again.
    assert evaluate(replace(before, conduct=(K, K))).learning.year is K


@pytest.mark.parametrize(("level", "counts"), [(C, True), (D, True), (K, False), (T, False)])
def test_the_council_keeps_the_level_or_takes_the_next(level: Level, counts: bool):
    """Art. 9.3 raises to the adjacent level, never more: whatever was recorded."""
    found = evaluate(decide(year(*[65] * 5, 50, 50, 34), None, None, level)).learning
    assert found.decided[2] is counts
    assert found.year is (level if counts else C)


def test_a_decision_below_six_subjects_counts_only_for_its_results():
    five = decide(year(*[90] * 5), T, T, T)
    assert evaluate(five).learning.levels == (T, T, T)
    fallen = evaluate(replace(year(*[20] * 5), decided_levels=five.decided_levels))
    assert (fallen.learning.levels, fallen.promotion) == ((None, None, None), Promotion.DECISION_NEEDED)


def test_a_conclusion_counts_only_for_what_it_was_made_on():
    given = conclude(year(*[60] * 8, inclusive_disability=True), Promotion.PROMOTED)
    found = evaluate(given)
    assert (found.promotion, found.promotion_decided, found.promotion_outdated) == (Promotion.PROMOTED, True, False)
    for changed in (
        replace(given, absences=46),
        replace(given, conduct=(T, C)),
        replace(given, subjects=year(*[60] * 7, 20).subjects),
    ):
        found = evaluate(changed)
        assert (found.promotion, found.promotion_outdated) == (Promotion.DECISION_NEEDED, True)
    assert evaluate(replace(given, absences=3)).promotion_decided  # within the limit as before
    plain = evaluate(replace(given, inclusive_disability=False))
    assert (plain.promotion_decided, plain.promotion_outdated, plain.promotion_basis) == (False, False, None)


def test_the_doubt_of_clause_3_comes_back_after_reassessment():
    """Case 24 reached by a re-take: retained by the strict reading, promoted by the other."""
    subjects = (
        *(scored(f"S{i}", 65) for i in range(5)),
        scored("A", 50),
        scored("B", 30, reassessed=50),
        scored("X", 34),
    )
    given = year(subjects=subjects)
    found = evaluate(given)
    assert found.learning.in_doubt == (False, False, False, True)
    assert found.learning.needs_council_review == (False, False, True)
    assert (found.learning.after_reassessment, found.promotion) == (C, Promotion.RETAINED)
    raised = evaluate(decide(given, None, None, None, D))
    assert (raised.learning.year, raised.learning.after_reassessment) == (C, D)
    assert raised.promotion is Promotion.PROMOTED and raised.learning.decided == (False, False, False, True)


def test_a_missed_assessment_is_zero_with_its_origin_and_a_hole_is_not():
    others = tuple(scored(f"S{i}", 80) for i in range(7))
    missed = SemesterMarks((60, 70), 0, 80, origins=(("midterm", ScoreOrigin.MISSED_UNEXCUSED),))
    subject = SubjectYear("X", SubjectKind.SCORED, 35, (missed, flat(80)))
    result = evaluate(year(subjects=(*others, subject)))
    assert result.subject("X").semesters[0] == 53
    assert any("giữa kì vắng không phép" in step for step in result.steps)
    hole = replace(subject, semesters=(SemesterMarks((60, 70), None, 80), flat(80)))
    result = evaluate(year(subjects=(*others, hole)))
    assert result.subject("X").semesters == (None, 80)
    assert result.gaps == (Gap("X", 1, "midterm"),)


def test_a_partial_year_gives_what_is_defined():
    subjects = tuple(scored(f"S{i}", 80, None) for i in range(8))
    result = evaluate(year(subjects=subjects, conduct=(T, None), absences=None))
    assert result.learning.levels == (T, None, None)
    assert (result.conduct.year, result.promotion, result.award) == (None, Promotion.INCOMPLETE, None)
    assert result.gaps[:4] == tuple(Gap("S0", 2, name) for name in ("regular_1", "regular_2", "midterm", "final"))
    assert result.gaps[-2:] == (Gap(None, 2, "conduct_2"), Gap(None, None, "absences"))
    assert "S0, học kì II: thiếu thường xuyên 1" in result.steps[-1]


def test_nothing_entered_is_incomplete_and_no_error():
    result = evaluate(StudentYear(6, ()))
    assert result.promotion is Promotion.INCOMPLETE
    assert [gap.missing for gap in result.gaps] == ["conduct_1", "conduct_2", "absences"]


@pytest.mark.parametrize(
    ("subjects", "words"),
    [
        ((scored("A", 80), scored("A", 80)), "hai lần"),
        ((SubjectYear("A", SubjectKind.SCORED, 35, (SemesterMarks((80, 80, 80), 80, 80), flat(80))),), "nhiều hơn 2"),
        ((SubjectYear("A", SubjectKind.SCORED, 35, (SemesterMarks((P, P), P, P), flat(80))),), "không đúng loại"),
        ((scored("A", 40, reassessed=P),), "không đúng loại"),
    ],
)
def test_contradictions_are_refused(subjects: tuple, words: str):
    with pytest.raises(Invalid, match=words):
        evaluate(StudentYear(8, subjects))
