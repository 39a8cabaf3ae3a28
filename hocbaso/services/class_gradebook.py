"""Sổ theo dõi và đánh giá học sinh (theo lớp học): profiles, absences, all sheets and the year of a class, as a printable view.

A view of what stands, not the record: each page says where its sheet, or the class, stands. Each print leaves an audit entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.gradebook_content import BookTable, ClassGradebook, ProfileLine
from hocbaso.errors import NotAllowed
from hocbaso.regulations.attendance_months import EXCUSED, UNEXCUSED, MonthColumn
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.terms import Award, Level, Promotion, SubjectKind
from hocbaso.services import departures, month_absence_page, results, student_classes, students
from hocbaso.services.access import Actor, class_for
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.frozen_results import AWARD_WORDS, award_lines
from hocbaso.services.gradebook_sheets import BookFile, born_on, cover, everybody, printed, sheet_page
from hocbaso.services.month_absence_page import MonthRow
from hocbaso.services.results import ClassResults, comma, level_words
from hocbaso.services.score_lines import closed_word
from hocbaso.services.student_inputs import StudentInput, SubjectFacts

_STANDING = {
    ClassState.OPEN: "Lớp chưa chốt tổng kết: số liệu còn có thể thay đổi",
    ClassState.FINALISED: "Lớp đã chốt, chờ Hiệu trưởng duyệt: số liệu còn có thể thay đổi",
    ClassState.APPROVED: "Lớp đã được duyệt tổng kết",
}
_PROMOTED, _RETAINED = (Promotion.PROMOTED, Promotion.COMPLETED), (Promotion.RETAINED,)
_WAITING = {
    Promotion.REASSESS: "Kiểm tra lại trong hè",
    Promotion.SUMMER_TRAINING: "Rèn luyện trong hè",
    Promotion.DECISION_NEEDED: "Chờ quyết định",
}
_YES = "x"


def make(actor: Actor, class_group_id: int, now: datetime) -> BookFile:
    """The book of a class as PDF.

    Raises NotFound outside the reach, NotAllowed for who is still to type marks of the class from the papers, Unavailable when the
    workers do not finish.
    """
    book = read(actor, class_group_id, now)
    facts = {"what": "class_gradebook", "class": book.class_name}
    data = printed(actor, book, ("class_group", class_group_id), facts, now)
    return BookFile(data, f"so-theo-doi-lop-{class_group_id}-{book.cover.year}.pdf")


def read(actor: Actor, class_group_id: int, now: datetime) -> ClassGradebook:
    """The content. Raises as :func:`make`."""
    class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
    today = clock.local_date(now)
    if hidden_in_class(actor, class_group_id, today):
        raise NotAllowed(
            f"Lớp {class_group.name} có bảng điểm đang chờ chính thầy, cô đối chiếu bài gốc: nhập lại từ bài xong mới in được sổ."
        )
    computed = results.compute_class(class_group_id, today)
    months = month_absence_page.month_page(actor, class_group_id, now)
    # The book has the comment subjects first (regulations, form of the book).
    subjects = sorted(computed.subjects, key=lambda one: (one.kind is not SubjectKind.COMMENT, one.sheet_order))
    state = ClassState(computed.state)
    page = cover(
        computed.year_label,
        (("Lớp", computed.class_name), ("Giáo viên chủ nhiệm", computed.homeroom_name or "")),
        ((one.name, ", ".join(one.teachers)) for one in subjects),
        now,
    )
    return ClassGradebook(
        cover=page,
        class_name=computed.class_name,
        standing=_STANDING[state],
        is_approved=state is ClassState.APPROVED,
        homeroom_name=computed.homeroom_name or "",
        profiles=_profiles(actor, class_group, computed),
        absences=_absences(computed, months.columns, {row.enrollment_id: row for row in months.rows}),
        sheets=tuple(
            sheet_page(actor, subject, semester, computed, now)
            for semester in (1, 2)
            for subject in subjects
            if subject.sheets[semester - 1] is not None
        ),
        terms=tuple(_term(computed, subjects, term) for term in (1, 2, 0)),
        conclusions=_conclusions(computed),
        summing=_summing(computed),
        months=tuple(dict.fromkeys(f"{column.number}/{column.month[:4]}" for column in months.columns)),
    )


def _profiles(actor: Actor, class_group: m.ClassGroup, computed: ClassResults) -> tuple[ProfileLine, ...]:
    """What this person may read of the pupils' profiles; of who is in another class since, the name and the day of birth."""
    opened = students.open_profiles(actor, class_group)
    known = {
        row.id: row
        for row in db.session.scalars(
            select(m.Student)
            .where(m.Student.id.in_([one.student_id for one in everybody(computed)]))
            .execution_options(populate_existing=True)
        )
    }
    changes: dict[int, list[str]] = {}
    for _, moved in departures.of_class(actor, class_group.id):
        if moved.stands:
            changes.setdefault(moved.enrollment_id, []).append(moved.words)
    for enrollment_id, name in student_classes.moved_to(class_group.id).items():
        changes.setdefault(enrollment_id, []).append(f"Sang lớp {name}")
    lines = []
    for number, given in enumerate(everybody(computed), start=1):
        row = known[given.student_id] if given.student_id in opened else None
        lines.append(
            ProfileLine(
                number=number,
                full_name=given.full_name,
                born_on=born_on(given),
                birth_place=(row.birth_place if row else None) or "",
                sex=row.sex if row else "",
                ethnicity=(row.ethnicity if row else None) or "",
                policy=(row.policy_category if row else None) or "",
                address=(row.address if row else None) or "",
                family=_family(row) if row else (),
                phone=(row.phone if row else None) or "",
                changes=tuple(changes.get(given.enrollment_id, ())),
            )
        )
    return tuple(lines)


def _family(row: m.Student) -> tuple[str, ...]:
    people = (
        ("Cha", row.father_name, row.father_job),
        ("Mẹ", row.mother_name, row.mother_job),
        ("Giám hộ", row.guardian_name, row.guardian_job),
    )
    return tuple(f"{words}: {name}{f' ({job})' if job else ''}" for words, name, job in people if name)


def _absences(computed: ClassResults, columns: Iterable[MonthColumn], rows: Mapping[int, MonthRow]) -> BookTable:
    """Sessions by month and the totals that count, P with leave, K without; the sum of both where both stand."""
    kinds = (EXCUSED, UNEXCUSED)
    heads: list[tuple[str, tuple[str, ...]]] = []
    by_term: dict[int, list[MonthColumn]] = {1: [], 2: []}
    for column in columns:
        by_term[column.semester].append(column)
    for semester, months in by_term.items():
        heads += [(f"Th. {column.number}", ("P", "K")) for column in months]
        heads.append((f"Học kì {'I' * semester}", ("P", "K", "TS")))
    heads.append(("Cả năm", ("P", "K", "TS")))

    def cells(given: StudentInput) -> tuple[str, ...]:
        row = rows[given.enrollment_id]
        texts: list[str] = []
        year: dict[str, list[int | None]] = {kind: [] for kind in kinds}
        for semester, months in by_term.items():
            texts += [row.cells[f"{column.key}-{kind}"].text for column in months for kind in kinds]
            stands = {total.kind: total.stands for total in row.totals_of(semester)}
            texts += _with_sum([stands[kind] for kind in kinds])
            for kind in kinds:
                year[kind].append(stands[kind])
        return (*texts, *_with_sum([_sum(year[kind]) for kind in kinds]))

    return BookTable("Theo dõi số buổi nghỉ học theo tháng", tuple(heads), _lines(computed, cells))


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _with_sum(counts: list[int | None]) -> list[str]:
    return ["" if count is None else str(count) for count in (*counts, _sum(counts))]


def _term(computed: ClassResults, subjects: list[SubjectFacts], term: int) -> BookTable:
    """The subjects' results with learning and conduct of a semester, or of the year (0), as the class page shows them."""

    def cells(given: StudentInput) -> tuple[str, ...]:
        result = computed.by_id[given.enrollment_id].result
        found = [result.subjects[subject.code] for subject in subjects]
        texts = [comma((one.year, one.semester_1, one.semester_2)[term]) for one in found]
        learning = (result.learning[2], *result.learning[:2])[term]
        conduct = result.conduct_year if term == 0 else given.homeroom[f"conduct_{term}"]
        return (*texts, level_words(learning), level_words(conduct))

    heads = (
        *((subject.short_name, ()) for subject in subjects),
        ("Kết quả học tập", ()),
        ("Kết quả rèn luyện", ()),
    )
    words = "cả năm" if term == 0 else f"học kì {'I' * term}"
    return BookTable(f"Tổng hợp kết quả đánh giá {words}", heads, _lines(computed, cells))


def _conclusions(computed: ClassResults) -> BookTable:
    """The year's evaluation: before and after the summer, absences, what becomes of the pupil, awards."""
    last = computed.grade_level == 9

    def cells(given: StudentInput) -> tuple[str, ...]:
        result = computed.by_id[given.enrollment_id].result
        absences = given.absences()
        return (
            level_words(result.conduct_year),
            level_words(result.learning[2]),
            level_words(result.conduct_after),
            level_words(result.learning_after),
            "" if absences is None else str(absences),
            _YES if result.promotion in _PROMOTED else "",
            _YES if result.promotion in _RETAINED else "",
            "; ".join(award_lines(computed.by_id[given.enrollment_id])),
            _WAITING.get(result.promotion, ""),
        )

    heads = (
        ("Mức đánh giá cả năm", ("Rèn luyện", "Học tập")),
        ("Sau rèn luyện trong hè; kiểm tra, đánh giá lại", ("Rèn luyện", "Học tập")),
        ("Tổng số buổi nghỉ học", ()),
        ("Hoàn thành chương trình THCS" if last else "Được lên lớp", ()),
        ("Chưa hoàn thành chương trình THCS" if last else "Không được lên lớp", ()),
        ("Khen thưởng", ()),
        ("Ghi chú", ()),
    )
    return BookTable("Kết quả đánh giá cả năm", heads, _lines(computed, cells))


def _summing(computed: ClassResults) -> tuple[tuple[str, str], ...]:
    """Tổng hợp chung: counts of the class as a whole, the year as it stands before the summer."""
    found = [row.result for row in computed.students]
    levels = [
        (words, Counter(level_words(level) for level in got))
        for words, got in (
            ("Rèn luyện", [one.conduct_year for one in found]),
            ("Học tập", [one.learning[2] for one in found]),
        )
    ]
    outcomes = Counter(one.promotion for one in found)
    named = Counter(Award(one.award) for one in found if one.award)
    last = computed.grade_level == 9
    return (
        ("Tổng số học sinh", str(len(found))),
        *(
            (words, ", ".join(f"{level_words(level)} {counted[level_words(level)]}" for level in Level))
            for words, counted in levels
        ),
        ("Hoàn thành chương trình THCS" if last else "Được lên lớp", str(sum(outcomes[one] for one in _PROMOTED))),
        (
            "Chưa hoàn thành chương trình THCS" if last else "Không được lên lớp",
            str(sum(outcomes[one] for one in _RETAINED)),
        ),
        ("Khen thưởng", ", ".join(f"{AWARD_WORDS[award]} {named[award]}" for award in Award)),
    )


def _lines(
    computed: ClassResults, cells: Callable[[StudentInput], tuple[str, ...]]
) -> tuple[tuple[int, str, tuple[str, ...], str], ...]:
    return tuple(
        (
            number,
            given.full_name,
            cells(given) if given.is_active else (),
            "" if given.is_active else closed_word(given.status, False),
        )
        for number, given in enumerate(everybody(computed), start=1)
    )
