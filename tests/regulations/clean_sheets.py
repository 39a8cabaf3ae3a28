"""Score sheets as a careful school makes them, and the ways in which a hand slips: for measuring the questions.

Clean sheets keep the habits of real ones: talents that go together, papers that are harder than others and shared by a
grade level, teachers who mark in halves, easy marking with only 9 and 10, tiny classes, a bad day now and then, comment
subjects where everybody is Đ. Invented names only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hocbaso.regulations.anomalies.kinds import AnomalyKind
from hocbaso.regulations.anomalies.sheet_data import (
    FINAL,
    MIDTERM,
    Line,
    Mark,
    NeighbourClass,
    PastSemester,
    SheetData,
)
from hocbaso.regulations.averages import comment_semester, semester_average
from hocbaso.regulations.terms import PassFail, SubjectKind

FAMILY = "Nguyễn Trần Lê Phạm Hoàng Vũ Đặng Bùi Đỗ Ngô Dương Đinh Mai".split()
MIDDLE = "Thị Văn Bảo Ngọc Thu Minh Khánh Đức Quang Gia Hữu Tuấn Hoài Hải".split()
GIVEN = (
    "An Anh Ánh Bình Châu Chi Dung Dương Đạt Giang Hà Hải Hân Hiếu Hoa Hoàng Hùng Hương Khánh Kiên Lan Linh Long Ly Mai "
    "Minh My Nam Nga Nghĩa Nhi Phong Phúc Phương Quân Sơn Tài Tâm Thành Thảo Thắng Thư Tiến Trang Trung Tùng Uyên Vân Vy"
).split()

GOOD = (
    "Nắm vững kiến thức, trình bày gọn.",
    "Tích cực phát biểu, tiến bộ rõ.",
    "Em {given} tư duy tốt, nên đọc thêm sách.",
    "{given} chăm học, làm bài đầy đủ.",
    "Thành thạo tính toán, đạt giải Nhất cấp trường môn Toán.",
    "Tiếng Anh tốt, phát âm chuẩn. Cần để ý chính tả.",
    "Hiểu bài nhanh, không còn điểm yếu nào đáng lo.",
)
FAIR = (
    "Có tiến bộ, cần cẩn thận khi trình bày.",
    "Cần luyện tập đều đặn hơn để nắm vững kiến thức.",
    "Hiểu bài, nên mạnh dạn hơn. Tiến bộ rõ ở học kì này.",
    "An toàn trong giờ thực hành, chi tiết còn thiếu.",
    "Đã khắc phục điểm yếu về hình học.",
    "Thảo luận nhóm tốt, bài viết Ngữ văn còn ngắn.",
)
WEAK = (
    "Cần chăm làm bài tập hơn.",
    "Còn yếu phần đọc hiểu, cần ôn lại.",
    "Cần ôn lại kiến thức cơ bản, chưa nắm vững bảng cửu chương.",
    "Em {given} cần tập trung hơn trong giờ học.",
)


@dataclass(frozen=True)
class Habits:
    """How one teacher marks one subject in one semester."""

    easy: bool
    regular_step: int
    midterm_step: int
    final_step: int
    regular_bonus: int
    midterm_paper: int
    final_paper: int


def habits(chance: random.Random) -> Habits:
    """A teacher, drawn at random."""
    return Habits(
        easy=chance.random() < 0.15,
        regular_step=chance.choice((5, 5, 5, 5, 10, 1)),
        midterm_step=chance.choice((5, 5, 5, 1)),
        final_step=chance.choice((5, 1, 1)),
        regular_bonus=chance.randrange(0, 8),
        midterm_paper=round(chance.gauss(0, 5)),
        final_paper=round(chance.gauss(-5, 5)),
    )


def next_semester(chance: random.Random, one: Habits) -> Habits:
    """The same teacher half a year later: other papers, the same habits."""
    return replace(
        one,
        midterm_paper=one.midterm_paper // 2 + round(chance.gauss(0, 4)),
        final_paper=one.final_paper // 2 + round(chance.gauss(-2, 4)),
    )


def rounded(value: int, step: int) -> int:
    """In steps of a tenth, a half or a whole point, within 0 and 10."""
    return max(0, min(100, round(value / step) * step))


def row_of(chance: random.Random, level: int, spread: int, of: Habits, n_regular: int) -> dict[str, int]:
    """One pupil's semester in tenths."""
    if of.easy:
        pick = lambda: chance.choice((90, 95, 95, 100, 100) if level >= 70 else (80, 85, 90, 90, 95))  # noqa: E731
        return {key: pick() for key in (*regular_keys(n_regular), MIDTERM, FINAL)}
    row = {}
    for key in regular_keys(n_regular):
        off = chance.gauss(of.regular_bonus, spread + 1)
        if chance.random() < 0.03:  # did not know the lesson that day
            off -= chance.randrange(20, 60)
        row[key] = rounded(round(level + off), of.regular_step)
    for key, paper, step in ((MIDTERM, of.midterm_paper, of.midterm_step), (FINAL, of.final_paper, of.final_step)):
        off = chance.gauss(paper, spread)
        if chance.random() < 0.006:  # ill, or a paper that went wrong
            off += chance.choice((-1, -1, 1)) * chance.randrange(15, 40)
        row[key] = rounded(round(level + off), step)
    return row


def regular_keys(n_regular: int) -> tuple[str, ...]:
    """``TX1`` …"""
    return tuple(f"TX{number}" for number in range(1, n_regular + 1))


def average_of(row: Mapping[str, int | None], n_regular: int) -> int | None:
    """By the circular."""
    return semester_average([row.get(key) for key in regular_keys(n_regular)], row.get(MIDTERM), row.get(FINAL))


def class_size(chance: random.Random) -> int:
    """Mostly 28 to 45, some tiny."""
    return chance.randrange(5, 14) if chance.random() < 0.1 else chance.randrange(24, 46)


def clean_sheet(chance: random.Random, *, comment: bool = False) -> SheetData:
    """One sheet without a slip."""
    n, n_regular = class_size(chance), 2 if comment else chance.choice((2, 3, 4, 4))
    now = habits(chance)
    before = next_semester(chance, now) if chance.random() < 0.7 else habits(chance)
    names = [" ".join((chance.choice(FAMILY), chance.choice(MIDDLE), chance.choice(GIVEN))) for _ in range(n)]
    names.sort(key=lambda name: name.split()[-1])
    knows_past = chance.random() < 0.8
    with_remarks = chance.random() < 0.6
    lines = []
    for number, name in enumerate(names, 1):
        level, spread = max(38, min(96, round(chance.gauss(74, 11)))), chance.randrange(3, 9)
        remark = ""
        if with_remarks and chance.random() < 0.7:
            remark = chance.choice(GOOD if level >= 78 else FAIR if level >= 58 else WEAK)
            remark = remark.format(given=name.split()[-1])
        if comment:
            marks = {
                key: Mark(mark=PassFail.FAIL if level < 45 and chance.random() < 0.1 else PassFail.PASS)
                for key in (*regular_keys(n_regular), MIDTERM, FINAL)
            }
            lines.append(closed(Line(number, 100 + number, name, marks, remark), n_regular))
            continue
        row = row_of(chance, level, spread, now, n_regular)
        marks = {key: Mark(tenths=value) for key, value in row.items()}
        for key in marks:
            if chance.random() < 0.002:
                marks[key] = Mark(tenths=0, missed=True)
        earlier = row_of(chance, max(35, min(97, round(level + chance.gauss(-1, 4)))), spread, before, n_regular)
        past = (PastSemester(average_of(earlier, n_regular), earlier[MIDTERM], earlier[FINAL]),) if knows_past else ()
        lines.append(closed(Line(number, 100 + number, name, marks, remark, past=past), n_regular))
    keys = (*regular_keys(n_regular), MIDTERM, FINAL)
    neighbours = tuple(neighbour(chance, name, now, n_regular) for name in ("6B", "6C")[: chance.randrange(3)])
    return SheetData(
        SubjectKind.COMMENT if comment else SubjectKind.SCORED,
        {key: words_of(key) for key in keys},
        tuple(lines),
        () if comment else neighbours,
        tuple(names),
    )


def neighbour(chance: random.Random, name: str, of: Habits, n_regular: int) -> NeighbourClass:
    """A class of the same teacher that wrote the same papers."""
    rows = [
        row_of(chance, max(38, min(96, round(chance.gauss(74, 11)))), chance.randrange(3, 9), of, n_regular)
        for _ in range(class_size(chance))
    ]
    return NeighbourClass(name, True, True, {key: tuple(row[key] for row in rows) for key in rows[0]})


def words_of(key: str) -> str:
    """As a sheet says it."""
    return {"GK": "giữa kì", "CK": "cuối kì"}.get(key) or f"thường xuyên {key[2:]}"


def closed(line: Line, n_regular: int) -> Line:
    """The line with its average or result."""
    marks = [line.marks.get(key, Mark()) for key in (*regular_keys(n_regular), MIDTERM, FINAL)]
    if any(one.mark for one in marks):
        found = [one.mark for one in marks]
        return replace(line, result=comment_semester(found[:-2], found[-2], found[-1]))
    tenths = [one.tenths for one in marks]
    return replace(line, average=semester_average(tenths[:-2], tenths[-2], tenths[-1]))


# --- slips of the hand ------------------------------------------------------------------------------------------------


def with_columns(sheet: SheetData, changes: Mapping[str, Mapping[int, int | None]]) -> SheetData:
    """The sheet with other scores: column -> place from the top -> tenths."""
    lines = []
    for place, line in enumerate(sheet.in_order()):
        marks = dict(line.marks)
        for key, values in changes.items():
            if values.get(place) is not None:
                marks[key] = Mark(tenths=values[place])
        lines.append(closed(replace(line, marks=marks), len(sheet.columns) - 2))
    return replace(sheet, lines=tuple(lines))


def column(sheet: SheetData, key: str) -> list[int | None]:
    """From the top downwards."""
    return [line.tenths(key) for line in sheet.in_order()]


def _swapped(chance: random.Random, sheet: SheetData) -> SheetData:
    return with_columns(
        sheet, {MIDTERM: dict(enumerate(column(sheet, FINAL))), FINAL: dict(enumerate(column(sheet, MIDTERM)))}
    )


def _shifted(chance: random.Random, sheet: SheetData) -> SheetData | None:
    """One pupil skipped, or typed twice, somewhere in the upper half; everything below is one line off."""
    key = chance.choice(list(sheet.columns))
    old = column(sheet, key)
    if len(old) < 10:
        return None
    start = chance.randrange(0, len(old) // 2)
    moved = [*old[:start], *old[start + 1 :], old[-1]] if chance.random() < 0.5 else [*old[: start + 1], *old[start:-1]]
    return with_columns(sheet, {key: dict(enumerate(moved))})


def _equal(chance: random.Random, sheet: SheetData) -> SheetData:
    source, target = chance.sample(list(sheet.columns), 2)
    return with_columns(sheet, {target: dict(enumerate(column(sheet, source)))})


def _uniform(chance: random.Random, sheet: SheetData) -> SheetData:
    value = chance.choice((70, 80, 90, 100))
    return with_columns(sheet, {chance.choice(list(sheet.columns)): dict.fromkeys(range(len(sheet.lines)), value)})


def _neighbours(chance: random.Random, sheet: SheetData) -> SheetData | None:
    if not sheet.neighbours:
        return None
    key, beside = chance.choice(list(sheet.columns)), chance.choice(sheet.neighbours)
    return with_columns(sheet, {key: dict(enumerate(beside.columns[key]))})


def _jump(chance: random.Random, sheet: SheetData) -> SheetData | None:
    """A midterm or final typed for somebody else, or a whole line lifted."""
    place = chance.randrange(len(sheet.lines))
    line = sheet.in_order()[place]
    if chance.random() < 0.5:
        key = chance.choice((MIDTERM, FINAL))
        old = line.tenths(key)
        by = chance.randrange(40, 60)
        new = old - by if old is not None and old >= by else (old or 0) + by
        return with_columns(sheet, {key: {place: new}}) if new <= 100 else None
    if not line.past or (line.average or 100) > 62:
        return None
    lift = chance.randrange(30, 40)
    return with_columns(
        sheet, {key: {place: min(100, (line.tenths(key) or 0) + lift)} for key in sheet.columns if line.tenths(key)}
    )


def _slip(chance: random.Random, sheet: SheetData) -> SheetData | None:
    """A comma too far left, 1 for 10, or exchanged digits, of which the scores have to differ by two points."""
    places = [
        (place, key, value)
        for place, line in enumerate(sheet.in_order())
        for key in sheet.columns
        if (value := line.tenths(key)) and value >= 60
    ]
    if not places:
        return None
    place, key, value = chance.choice(places)
    slips = [value // 10] if value % 10 == 0 else []
    turned = value % 10 * 10 + value // 10
    if value < 100 and abs(turned - value) >= 20:
        slips.append(turned)
    return with_columns(sheet, {key: {place: chance.choice(slips)}}) if slips else None


def _zeros(chance: random.Random, sheet: SheetData) -> SheetData | None:
    n = max(3, -(-len(sheet.lines) * 12 // 100))
    key, places = chance.choice(list(sheet.columns)), set(chance.sample(range(len(sheet.lines)), n))
    lines = [
        replace(line, marks={**line.marks, key: Mark(tenths=0, missed=True)}) if place in places else line
        for place, line in enumerate(sheet.in_order())
    ]
    return replace(sheet, lines=tuple(closed(line, len(sheet.columns) - 2) for line in lines))


def _name(chance: random.Random, sheet: SheetData) -> SheetData | None:
    line, other = chance.sample(sheet.in_order(), 2)
    given = other.name.split()[-1]
    if given in line.name.split():
        return None
    phrase = chance.choice(
        (
            "Em {g} chăm học, cần giữ vững.",
            "{g} có tiến bộ rõ.",
            "Bạn {g} hăng hái phát biểu.",
            "{p} học tốt, viết đẹp.",
        )
    ).format(g=given, p=" ".join(other.name.split()[-2:]))
    return _with_remark(sheet, line, phrase)


def _contrary(chance: random.Random, sheet: SheetData) -> SheetData | None:
    low = [line for line in sheet.lines if line.average is not None and line.average < 50]
    high = [line for line in sheet.lines if line.average is not None and line.average >= 80]
    if low and (chance.random() < 0.5 or not high):
        return _with_remark(
            sheet, chance.choice(low), chance.choice(("Nắm vững kiến thức.", "Học giỏi, làm bài rất tốt."))
        )
    if high:
        words = chance.choice(("Học còn yếu, hay quên bài.", "Hổng kiến thức, lười học bài cũ.", "Chưa nắm được bài."))
        return _with_remark(sheet, chance.choice(high), words)
    return None


def _with_remark(sheet: SheetData, line: Line, words: str) -> SheetData:
    return replace(
        sheet,
        lines=tuple(
            replace(one, remark=words) if one.enrollment_id == line.enrollment_id else one for one in sheet.lines
        ),
    )


Fault = Callable[[random.Random, SheetData], SheetData | None]

FAULTS: dict[AnomalyKind, Fault] = {
    AnomalyKind.SWAPPED_COLUMNS: _swapped,
    AnomalyKind.SHIFTED_COLUMN: _shifted,
    AnomalyKind.EQUAL_COLUMNS: _equal,
    AnomalyKind.UNIFORM_COLUMN: _uniform,
    AnomalyKind.NEIGHBOUR_COPY: _neighbours,
    AnomalyKind.JUMP: _jump,
    AnomalyKind.DIGIT_SLIP: _slip,
    AnomalyKind.MANY_ZEROS: _zeros,
    AnomalyKind.FOREIGN_NAME: _name,
    AnomalyKind.CONTRARY_REMARK: _contrary,
}

TAKEN_FOR = {
    AnomalyKind.DIGIT_SLIP: {AnomalyKind.DIGIT_SLIP, AnomalyKind.JUMP},
    AnomalyKind.JUMP: {AnomalyKind.JUMP, AnomalyKind.DIGIT_SLIP},
}
"""Two names for one thing: either question makes the teacher look at the cell."""
