"""Numbers of assessments and results of a subject: Arts. 6, 7 and 9.1, each with its sentence.

Integers of tenths only: an average is rounded half up by one integer division, so 7,25 is 7,3.
"""

from __future__ import annotations

from collections.abc import Sequence

from hocbaso.errors import Invalid
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail, SubjectKind

FEW_LESSONS = 35
MANY_LESSONS = 70
COMMENT_REGULAR = 2
SEMESTER_NAMES = ("học kì I", "học kì II")
_COLUMN_NAMES = {"midterm": "giữa kì", "final": "cuối kì", "inherited": "kết quả nơi chuyển đến"}


def column_name(missing: str) -> str:
    """``regular_3`` -> ``thường xuyên 3``; ``midterm`` -> ``giữa kì``."""
    return _COLUMN_NAMES.get(missing) or f"thường xuyên {missing.removeprefix('regular_')}"


def regular_count(lessons_per_year: int, kind: SubjectKind) -> int:
    """Regular assessments a student needs in a semester (Art. 6.2): 2 by comment; 2, 3 or 4 by lessons a year.

    To 35 lessons 2, to 70 lessons 3, above 4. Raises Invalid when a scored subject has no lessons.
    """
    if kind is SubjectKind.COMMENT:
        return COMMENT_REGULAR
    if lessons_per_year <= 0:
        raise Invalid("Số tiết cả năm của môn học phải lớn hơn 0.", field="lessons_per_year")
    if lessons_per_year <= FEW_LESSONS:
        return 2
    return 3 if lessons_per_year <= MANY_LESSONS else 4


def half_up(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` to the nearest whole, halves up; both non-negative, denominator positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def semester_average(regular: Sequence[int | None], midterm: int | None, final: int | None) -> int | None:
    """ĐTBmhk in tenths (Art. 9.1b): (sum of regular + 2 midterm + 3 final) / (number of regular + 5).

    ``regular`` holds exactly the required marks; None in any place means the average is not defined yet.
    """
    if midterm is None or final is None or not regular:
        return None
    total = 2 * midterm + 3 * final
    for mark in regular:
        if mark is None:
            return None
        total += mark
    return half_up(total, len(regular) + 5)


def year_average(first: int | None, second: int | None) -> int | None:
    """ĐTBmcn in tenths (Art. 9.1b) from the rounded semester averages: (first + 2 second) / 3."""
    if first is None or second is None:
        return None
    return half_up(first + 2 * second, 3)


def comment_semester(
    regular: Sequence[PassFail | None], midterm: PassFail | None, final: PassFail | None
) -> PassFail | None:
    """Semester result by comment (Art. 9.1a): Đạt when every required assessment is there and Đạt.

    None while one is missing.
    """
    if midterm is None or final is None or not regular or None in regular:
        return None
    failed = midterm is PassFail.FAIL or final is PassFail.FAIL or PassFail.FAIL in regular
    return PassFail.FAIL if failed else PassFail.PASS


def comment_year(first: PassFail | None, second: PassFail | None) -> PassFail | None:
    """Year result by comment (Art. 9.1a): that of semester II; semester I does not count."""
    return second


# --- sentences --------------------------------------------------------------------------------------------------------


def _quotient(total: int, divisor: int, result: int) -> str:
    """``7,94… → 7,9``, ``7,25 → 7,3`` or, where nothing is rounded, ``8,0``. ``total`` in tenths."""
    whole, rest = divmod(total, divisor)
    if rest == 0:
        return format_score(result)
    hundredths, more = divmod(rest * 10, divisor)
    return f"{whole // 10},{whole % 10}{hundredths}{'…' if more else ''} → {format_score(result)}"


def explain_average(regular: Sequence[int | None], midterm: int | None, final: int | None) -> str | None:
    """``(8,0 + 7,5 + 9,0 + 8,5 + 2 × 8,0 + 3 × 7,5) ÷ 9 = 7,94… → 7,9``; None while the average is undefined."""
    average = semester_average(regular, midterm, final)
    if average is None or midterm is None or final is None:
        return None
    values = [tenths for tenths in regular if tenths is not None]
    terms = " + ".join([format_score(tenths) for tenths in values])
    divisor = len(values) + 5
    quotient = _quotient(sum(values) + 2 * midterm + 3 * final, divisor, average)
    return f"({terms} + 2 × {format_score(midterm)} + 3 × {format_score(final)}) ÷ {divisor} = {quotient}"


def explain_year_average(first: int, second: int) -> str:
    """``(7,9 + 2 × 8,1) ÷ 3 = 8,03… → 8,0``."""
    total = first + 2 * second
    return f"({format_score(first)} + 2 × {format_score(second)}) ÷ 3 = {_quotient(total, 3, half_up(total, 3))}"


def explain_comment_semester(
    regular: Sequence[PassFail | None], midterm: PassFail | None, final: PassFail | None
) -> str:
    """``Đạt vì đủ 4 lần đánh giá và lần nào cũng Đạt``, or Chưa đạt with the assessments that were not passed."""
    failed = [f"thường xuyên {number}" for number, mark in enumerate(regular, 1) if mark is PassFail.FAIL]
    if midterm is PassFail.FAIL:
        failed.append("giữa kì")
    if final is PassFail.FAIL:
        failed.append("cuối kì")
    if failed:
        return f"Chưa đạt vì có lần đánh giá Chưa đạt ({', '.join(failed)})"
    return f"Đạt vì đủ {len(regular) + 2} lần đánh giá và lần nào cũng Đạt"
