"""The closed set of questions, the answers that are offered for each, and what one finding carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hocbaso.regulations.anomalies.sheet_data import NOTHING, REMARK, Line


class AnomalyKind(StrEnum):
    """What looks unusual. Stored with each question, so the names live for ever."""

    SWAPPED_COLUMNS = "swapped_columns"
    SHIFTED_COLUMN = "shifted_column"
    EQUAL_COLUMNS = "equal_columns"
    UNIFORM_COLUMN = "uniform_column"
    NEIGHBOUR_COPY = "neighbour_copy"
    JUMP = "jump"
    DIGIT_SLIP = "digit_slip"
    MANY_ZEROS = "many_zeros"
    FOREIGN_NAME = "foreign_name"
    CONTRARY_REMARK = "contrary_remark"


_CHECKED = "Đã đối chiếu với bài kiểm tra, điểm đúng"

OFFERED_REASONS: dict[AnomalyKind, tuple[str, ...]] = {
    AnomalyKind.SWAPPED_COLUMNS: (
        "Đã đối chiếu với bài, hai cột đúng chỗ",
        "Đề lần này khó, dễ khác học kì trước",
    ),
    AnomalyKind.SHIFTED_COLUMN: ("Đã dò từng em với bài, không lệch dòng", "Bài lần này khác hẳn các lần trước"),
    AnomalyKind.EQUAL_COLUMNS: ("Đã đối chiếu với bài, hai lần điểm giống nhau thật", "Một bài tính cho cả hai lần"),
    AnomalyKind.UNIFORM_COLUMN: ("Bài làm theo nhóm, cả lớp cùng điểm", "Bài thực hành, cả lớp đều hoàn thành"),
    AnomalyKind.NEIGHBOUR_COPY: ("Đã đối chiếu với bài của lớp này, điểm đúng", "Hai lớp giống nhau là ngẫu nhiên"),
    AnomalyKind.JUMP: (_CHECKED, "Em ốm hoặc có chuyện gia đình lúc kiểm tra", "Em tiến bộ rõ, bài làm tốt thật"),
    AnomalyKind.DIGIT_SLIP: (_CHECKED, "Em không làm được bài lần này"),
    AnomalyKind.MANY_ZEROS: (
        "Đã báo vắng không phép từng em, không em nào kiểm tra bù",
        "Các em không nộp bài sau hai lần nhắc",
    ),
    AnomalyKind.FOREIGN_NAME: (
        "Nhận xét đúng em này, có nhắc tên bạn cùng nhóm",
        "Từ trong câu không phải tên học sinh",
    ),
    AnomalyKind.CONTRARY_REMARK: (
        "Nhận xét nói về thái độ học, không nói về điểm",
        "Nhận xét đúng với cả học kì của em",
    ),
}
"""One tap answers with one of these."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One question. ``cells``: (enrolment id, column) it rests on; ``key`` is equal while those cells are."""

    kind: AnomalyKind
    cells: tuple[tuple[int, str], ...]
    words: str
    key: str


def make_anomaly(kind: AnomalyKind, places: Iterable[tuple[Line, str]], words: str, *, beside: str = "") -> Anomaly:
    """A finding whose key is made of its cells with their values, and of ``beside`` (another class, a direction)."""
    unique = {(line.enrollment_id, column): line for line, column in places}
    cells = tuple(sorted(unique, key=lambda cell: (unique[cell].number, cell)))
    values = sorted(
        [enrollment_id, column, line.remark if column == REMARK else line.marks.get(column, NOTHING).text]
        for (enrollment_id, column), line in unique.items()
    )
    told = json.dumps([kind.value, beside, values], ensure_ascii=False, separators=(",", ":"))
    return Anomaly(kind, cells, words, hashlib.sha256(told.encode()).hexdigest()[:40])
