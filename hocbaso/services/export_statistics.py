"""The office's statistics: counts of students, and how frozen results spread. Never a list of names, never a ranking."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.exchange.sheets import StatisticsTable, Value
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion, Sex
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.transcripts import latest_frozen

_MAJORITY = "Kinh"
_LEVELS = ((Level.TOT, "Tốt"), (Level.KHA, "Khá"), (Level.DAT, "Đạt"), (Level.CHUA_DAT, "Chưa đạt"))
_PROMOTIONS = (
    (Promotion.PROMOTED, "Lên lớp"),
    (Promotion.COMPLETED, "Hoàn thành THCS"),
    (Promotion.REASSESS, "Đánh giá lại"),
    (Promotion.SUMMER_TRAINING, "Rèn luyện trong hè"),
    (Promotion.RETAINED, "Ở lại lớp"),
    (Promotion.DECISION_NEEDED, "Chờ quyết định"),
    (Promotion.INCOMPLETE, "Chưa đủ kết quả"),
)
_AWARDS = ((Award.EXCELLENT_STUDENT, "Học sinh Xuất sắc"), (Award.GOOD_STUDENT, "Học sinh Giỏi"))
_BANDS = ((80, "8,0 trở lên"), (65, "6,5 đến 7,9"), (50, "5,0 đến 6,4"), (35, "3,5 đến 4,9"), (0, "Dưới 3,5"))
_UNKNOWN = "(chưa ghi)"


class _Pupil:
    """What is counted of one student."""

    def __init__(self, class_group: m.ClassGroup, student: m.Student, frozen: dict[str, Any] | None) -> None:
        self.class_name, self.grade_level, self.student, self.frozen = (
            class_group.name,
            class_group.grade_level,
            student,
            frozen,
        )

    def level(self, track: str) -> str | None:
        """The year's level of ``learning`` or ``conduct``: after the summer where there was one."""
        if self.frozen is None:
            return None
        found: dict[str, Any] = self.frozen[track]
        return found.get("after") or found["year"]


def statistics_tables(classes: Sequence[m.ClassGroup]) -> tuple[StatisticsTable, ...]:
    """Counts by class, grade level, sex, ethnicity and policy group; levels, outcomes, awards and subjects where frozen."""
    pupils = [pupil for class_group in classes for pupil in _pupils(class_group)]
    by_class: Callable[[_Pupil], str] = lambda pupil: pupil.class_name  # noqa: E731
    by_grade: Callable[[_Pupil], str] = lambda pupil: f"Khối {pupil.grade_level}"  # noqa: E731
    tables = [
        _people("Theo lớp", "Lớp", pupils, by_class, [row.name for row in classes]),
        _people(
            "Theo khối", "Khối", pupils, by_grade, [f"Khối {n}" for n in sorted({row.grade_level for row in classes})]
        ),
        _simple("Theo giới tính", "Giới tính", pupils, lambda pupil: pupil.student.sex),
        _simple("Theo dân tộc", "Dân tộc", pupils, lambda pupil: pupil.student.ethnicity or _UNKNOWN),
        _simple(
            "Theo đối tượng chính sách", "Đối tượng", pupils, lambda pupil: pupil.student.policy_category or "Không"
        ),
    ]
    groups: tuple[tuple[str, Callable[[_Pupil], str]], ...] = (
        ("Lớp", by_class),
        ("Khối", by_grade),
        ("Giới tính", lambda pupil: pupil.student.sex),
        ("Dân tộc", lambda pupil: pupil.student.ethnicity or _UNKNOWN),
        ("Đối tượng", lambda pupil: pupil.student.policy_category or "Không"),
    )
    for track, words in (("learning", "Học tập"), ("conduct", "Rèn luyện")):
        for head, key in groups:
            tables.append(
                _spread(f"{words} theo {head.lower()}", head, pupils, key, _LEVELS, partial(_Pupil.level, track=track))
            )
    tables.append(
        _spread(
            "Kết quả cuối năm theo lớp",
            "Lớp",
            pupils,
            by_class,
            _PROMOTIONS,
            lambda pupil: pupil.frozen["promotion"]["outcome"] if pupil.frozen else None,
        )
    )
    tables.append(
        _spread(
            "Khen thưởng theo lớp",
            "Lớp",
            pupils,
            by_class,
            _AWARDS,
            lambda pupil: pupil.frozen["award"] if pupil.frozen else None,
        )
    )
    tables.append(_subjects(pupils))
    return tuple(tables)


def statistics_jsonl(tables: Sequence[StatisticsTable]) -> Iterator[str]:
    """One JSON object a row: ``table`` and the row's values by their headers."""
    for table in tables:
        for row in table.rows:
            yield json.dumps({"table": table.title, **dict(zip(table.headers, row, strict=True))}, ensure_ascii=False)


def _pupils(class_group: m.ClassGroup) -> list[_Pupil]:
    rows = db.session.execute(
        select(m.Enrollment.id, m.Student)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.Enrollment.class_group_id == class_group.id, m.Enrollment.status.in_(ACTIVE))
    ).all()
    frozen = latest_frozen(row.id for row in rows)
    return [
        _Pupil(class_group, row.Student, json.loads(frozen[row.id].content) if row.id in frozen else None)
        for row in rows
    ]


def _people(
    title: str, head: str, pupils: list[_Pupil], key: Callable[[_Pupil], str], order: list[str]
) -> StatisticsTable:
    rows: list[tuple[Value, ...]] = []
    for name in order:
        here = [pupil.student for pupil in pupils if key(pupil) == name]
        rows.append((name, *_counts(here)))
    rows.append(("Tổng", *_counts([pupil.student for pupil in pupils])))
    return StatisticsTable(
        title,
        (
            head,
            "Sĩ số",
            "Nữ",
            "Dân tộc thiểu số",
            "Nữ dân tộc thiểu số",
            "Đối tượng chính sách",
            "Khuyết tật học hoà nhập",
        ),
        tuple(rows),
    )


def _counts(students: list[m.Student]) -> tuple[int, ...]:
    girls = [row for row in students if row.sex == Sex.FEMALE.value]
    minority = [row for row in students if row.ethnicity is not None and row.ethnicity != _MAJORITY]
    return (
        len(students),
        len(girls),
        len(minority),
        sum(1 for row in minority if row.sex == Sex.FEMALE.value),
        sum(1 for row in students if row.policy_category),
        sum(1 for row in students if row.inclusive_disability),
    )


def _simple(title: str, head: str, pupils: list[_Pupil], key: Callable[[_Pupil], str]) -> StatisticsTable:
    found = Counter(key(pupil) for pupil in pupils)
    rows = tuple((name, found[name]) for name in sorted(found))
    return StatisticsTable(title, (head, "Số học sinh"), rows)


def _spread(
    title: str,
    head: str,
    pupils: list[_Pupil],
    key: Callable[[_Pupil], str],
    values: Sequence[tuple[Any, str]],
    value_of: Callable[[_Pupil], str | None],
) -> StatisticsTable:
    """How many of each value among the students whose results are frozen."""
    groups: dict[str, list[_Pupil]] = {}
    for pupil in pupils:
        groups.setdefault(key(pupil), []).append(pupil)
    rows: list[tuple[Value, ...]] = []
    for name in sorted(groups):
        frozen = [pupil for pupil in groups[name] if pupil.frozen is not None]
        found = Counter(value_of(pupil) for pupil in frozen)
        rows.append((name, len(groups[name]), len(frozen), *(found[value.value] for value, _ in values)))
    return StatisticsTable(title, (head, "Sĩ số", "Đã có kết quả", *(words for _, words in values)), tuple(rows))


def _subjects(pupils: list[_Pupil]) -> StatisticsTable:
    """Year results by subject: bands of scores for scored subjects, Đ and CĐ for comment subjects."""
    found: dict[tuple[int, str], Counter[str]] = {}
    for pupil in pupils:
        for line in pupil.frozen["subjects"] if pupil.frozen else ():
            result = line["after_reassessment"] or line["year"]
            counted = found.setdefault((pupil.grade_level, line["name"]), Counter())
            counted["n"] += 1
            if result in (PassFail.PASS.value, PassFail.FAIL.value):
                counted[result] += 1
            elif result is None or not result[0].isdigit():
                counted[result or _UNKNOWN] += 1
            else:
                tenths = int(result.replace(".", ""))
                counted[next(words for floor, words in _BANDS if tenths >= floor)] += 1
    words = [words for _, words in _BANDS]
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            f"Khối {grade_level}",
            name,
            counted["n"],
            *(counted[word] for word in words),
            counted["Đ"],
            counted["CĐ"],
            counted["Miễn"],
        )
        for (grade_level, name), counted in sorted(found.items())
    )
    return StatisticsTable("Theo môn học", ("Khối", "Môn học", "Số học sinh", *words, "Đạt", "Chưa đạt", "Miễn"), rows)
