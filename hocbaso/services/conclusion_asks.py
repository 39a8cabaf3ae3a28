"""What a correction means for the pupil beyond the year it corrects: the class of today and the summer, in plain sentences, and what the
principal has to choose (``regulations/conclusion_cases``, docs/decisions/0037)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations import conclusion_cases as rules
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseChoice, Standing
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.summer_flow import SummerState
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.year_turn import destination, next_label
from hocbaso.services import frozen_results
from hocbaso.services.evaluation import value_of
from hocbaso.services.results import StudentResult
from hocbaso.services.student_classes import place_of

OUTCOME_WORDS = {
    Promotion.PROMOTED: "được lên lớp",
    Promotion.COMPLETED: "hoàn thành chương trình trung học cơ sở",
    Promotion.REASSESS: "phải kiểm tra, đánh giá lại trong hè",
    Promotion.SUMMER_TRAINING: "phải rèn luyện trong hè",
    Promotion.RETAINED: "không được lên lớp",
    Promotion.DECISION_NEEDED: "chờ quyết định",
    Promotion.INCOMPLETE: "chưa đủ kết quả",
}


@dataclass(frozen=True, slots=True)
class CaseAsk:
    """``words``: what it means, one sentence each. ``by_outcome``: the choices for each conclusion that the approval may come to.

    ``classes``: (id, name) of the classes that the pupil may be put into, by outcome; none where the pupil leaves the class of today.
    """

    words: tuple[str, ...] = ()
    by_outcome: tuple[tuple[str, tuple[CaseChoice, ...]], ...] = ()
    classes: tuple[tuple[int, str], ...] = ()
    place: str = ""

    @property
    def choices(self) -> tuple[CaseChoice, ...]:
        """All that may have to be chosen from, in the order of the enumeration."""
        wanted = {choice for _, choices in self.by_outcome for choice in choices}
        return tuple(choice for choice in CaseChoice if choice in wanted)

    def of(self, outcome: Promotion) -> tuple[CaseChoice, ...]:
        """What there is to choose from when this is the conclusion."""
        return dict(self.by_outcome).get(outcome.value, ())


NO_CASE = CaseAsk()
"""A correction that means nothing beyond its year."""


def standing_of(enrollment: m.Enrollment, freeze: str | None, today: date) -> Standing:
    """The pupil as the rules look at them. ``freeze``: of the frozen result in force."""
    year = enrollment.class_group.school_year
    is_closed = year.state != "OPEN"
    present = place_of(enrollment.student_id) if is_closed else None
    open_label = db.session.scalar(
        select(m.SchoolYear.label).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    return Standing(
        enrollment.class_group.grade_level,
        is_closed,
        is_closed or freeze == "summer" or today > year.summer_freeze_on,
        present.class_group.grade_level if present is not None else None,
        is_closed and open_label == next_label(year.label),
    )


def classes_for(outcome: Promotion, standing: Standing) -> tuple[tuple[int, str], ...]:
    """(id, name) of the classes of the open year that a conclusion leads to and that still take pupils."""
    goes = destination(outcome, standing.grade_level)
    if goes.grade_level is None:
        return ()
    rows = db.session.execute(
        select(m.ClassGroup.id, m.ClassGroup.name)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.SchoolYear.state == "OPEN",
            m.ClassGroup.grade_level == goes.grade_level,
            m.ClassGroup.state == ClassState.OPEN.value,
        )
        .order_by(m.ClassGroup.name)
    )
    return tuple((row.id, row.name) for row in rows)


def place_choices(outcome: Promotion, standing: Standing) -> tuple[CaseChoice, ...]:
    """The choices of the place, without a class to move to where there is none."""
    return _possible(rules.place_choices(outcome, standing), outcome, standing)


def _possible(found: Iterable[CaseChoice], outcome: Promotion, standing: Standing) -> tuple[CaseChoice, ...]:
    leaves = destination(outcome, standing.grade_level).grade_level is None
    may_move = leaves or bool(classes_for(outcome, standing))
    return tuple(choice for choice in found if choice is not CaseChoice.MOVE or may_move)


def unasked(enrollment_id: int, alone: StudentResult, regulation_version: str) -> tuple[str, ...]:
    """What of Arts. 13 and 14 the year alone would open and nobody asked the pupil about, in words.

    ``alone``: the corrected year without its summer.
    """
    if alone.result.promotion not in SUMMER_ROUTES:
        return ()
    asked = set(
        db.session.scalars(
            select(m.SummerResult.subject_id).where(
                m.SummerResult.enrollment_id == enrollment_id, m.SummerResult.state == SummerState.APPROVED.value
            )
        )
    )
    if alone.result.promotion is Promotion.SUMMER_TRAINING:
        return () if None in asked else ("rèn luyện trong hè",)
    regulation = regulation_named(regulation_version)
    found = []
    for line in alone.given.subjects:
        year = alone.result.subjects[line.subject.code].year
        if year in (None, frozen_results.EXEMPT_WORD) or line.subject.subject_id in asked:
            continue
        if regulation.may_reassess(value_of(year)):
            found.append(line.subject.name)
    return tuple(found)


def ask(
    enrollment: m.Enrollment,
    former: m.FrozenResult,
    after: StudentResult,
    alone: StudentResult,
    outcomes: Iterable[Promotion],
    regulation_version: str,
    today: date,
) -> CaseAsk:
    """What the correction means, and what is to be chosen.

    ``after``: the corrected year; ``alone``: it without the summer; ``outcomes``: what the principal may conclude with the approval where the
    circular leaves the conclusion to people.
    """
    content = frozen_results.parsed(former)
    before = Promotion(content["promotion"]["outcome"])
    now = after.result.promotion
    possible = tuple(outcomes) if now is Promotion.DECISION_NEEDED else (now,)
    standing = standing_of(enrollment, former.freeze, today)
    new = unasked(enrollment.id, alone, regulation_version) if former.freeze == "summer" else ()
    by_outcome = []
    classes: dict[int, str] = {}
    for outcome in possible:
        found = _possible(rules.choices(before, outcome, standing, may_reassess=bool(new)), outcome, standing)
        by_outcome.append((outcome.value, found))
        if CaseChoice.MOVE in found:
            classes |= dict(classes_for(outcome, standing))
    present = place_of(enrollment.student_id) if standing.is_closed else None
    place = present.class_group.name if present is not None else ""
    words = _summer_words(enrollment, content, before, now, standing, new, former, after)
    if before is not now or any(found for _, found in by_outcome):
        words = (*_place_words(enrollment, before, now, standing, place), *words)
    return CaseAsk(words, tuple(by_outcome), tuple(classes.items()), place)


def _place_words(
    enrollment: m.Enrollment, before: Promotion, now: Promotion, standing: Standing, place: str
) -> tuple[str, ...]:
    label = enrollment.class_group.school_year.label.replace("-", "–")
    found = []
    if before is not now:
        found.append(f"Kết luận của năm học {label}: {OUTCOME_WORDS[before]}, nay là {OUTCOME_WORDS[now]}.")
    goes = destination(now, standing.grade_level)
    if standing.is_closed and place and rules.fits(now, standing):
        found.append(f"Em đang học lớp {place}, đúng khối theo kết luận mới: chỗ học không đổi.")
    elif standing.is_closed and place:
        found.append(f"Em đang học lớp {place} của năm học mới. Duyệt xong em vẫn ở lớp ấy; không gì tự chuyển.")
    elif standing.is_closed and goes.is_settled and goes.grade_level is None:
        found.append("Em không còn ở lớp nào của năm học đang mở: không phải xếp lại.")
    elif standing.is_closed:
        found.append("Em không có tên ở lớp nào của năm học đang mở.")
    elif before is not now and standing.is_late and now not in SUMMER_ROUTES:
        found.append("Năm học chưa chuyển: kế hoạch chuyển năm học sẽ theo kết luận mới.")
    return tuple(found)


def _summer_words(
    enrollment: m.Enrollment,
    content: dict[str, Any],
    before: Promotion,
    now: Promotion,
    standing: Standing,
    new: tuple[str, ...],
    former: m.FrozenResult,
    after: StudentResult,
) -> tuple[str, ...]:
    found = []
    if now in SUMMER_ROUTES and before is not now:
        if standing.is_late:
            found.append(
                f"Kết quả trong hè chốt ngày {enrollment.class_group.school_year.summer_freeze_on:%d/%m/%Y}: chỉ mở lại cho riêng em "
                "khi Hiệu trưởng quyết định, có hạn và có căn cứ."
            )
        else:
            found.append("Em vào danh sách trong hè; giáo viên chủ nhiệm ghi đăng ký như các em khác.")
    if before in SUMMER_ROUTES and now not in SUMMER_ROUTES:
        found.append("Em không còn trong danh sách trong hè; những gì đã ghi ở đó không còn tính.")
    if former.freeze == "summer":
        enough = after.result.learning_after is None and after.result.conduct_after is None
        if frozen_results.is_by_summer(content) and enough and now in (Promotion.PROMOTED, Promotion.COMPLETED):
            found.append(
                "Cả năm đã đủ nên không cần đến kết quả trong hè: kết quả ấy vẫn giữ, học bạ lập lại không ghi “sau hè”."
            )
        if new:
            found.append(f"Nay em được dự thêm trong hè mà chưa ai hỏi em: {', '.join(new)}.")
    return tuple(found)
