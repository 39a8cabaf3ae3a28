"""Why a line of a sheet has its average: the steps with their articles, from exactly what the reader sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hocbaso.errors import NotFound
from hocbaso.regulations.averages import explain_average, explain_comment_semester
from hocbaso.regulations.citations import INHERITED
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_values import parse_score
from hocbaso.regulations.terms import PassFail, SubjectKind
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import CellView
from hocbaso.services.score_grid import RowView, SheetView, open_sheet
from hocbaso.services.score_lines import ELSEWHERE_WORD

_FILLED = ("value", "missed")


@dataclass(frozen=True, slots=True)
class Why:
    """``result``: ``7,7``, ``Đ`` or "" while there is none; ``steps``: sentences in the order of the reckoning."""

    student: str
    result: str
    steps: tuple[str, ...]


def why(actor: Actor, sheet_id: int, enrollment_id: int, now: datetime) -> Why:
    """How the semester result of one pupil comes about, or what it still lacks (Arts. 6, 7, 9.1).

    Made of the sheet as this person may see it, so it tells nothing that the sheet does not. NotFound out of scope.
    """
    view = open_sheet(actor, sheet_id, now)
    row = next((one for one in view.rows if one.enrollment_id == enrollment_id), None)
    if row is None:
        raise NotFound("Học sinh này không có trong bảng điểm.")
    return Why(row.full_name, row.average, tuple(_steps(view, row)))


def _steps(view: SheetView, row: RowView) -> list[str]:
    head = view.head
    rules = regulation_named(head.regulation_version)
    articles = rules.articles
    scored = head.kind is SubjectKind.SCORED
    if row.closed == "Miễn":
        return ["Em được miễn học môn này trong học kì theo quyết định của Hiệu trưởng, nên không có kết quả học kì."]
    if row.closed == ELSEWHERE_WORD:
        return [f"Học kì này em học ở trường cũ: kết quả lấy theo điểm nơi chuyển đến, không tính ở đây ({INHERITED})."]
    n_regular = len(view.columns) - 2
    lessons = f" {head.lessons_per_year} tiết một năm" if scored else ", đánh giá bằng nhận xét"
    steps = [
        f"{head.subject_name}{lessons}: mỗi học kì {n_regular} lần thường xuyên, một lần giữa kì, một lần cuối kì "
        f"({articles.regular_count.removesuffix(f' {rules.title}')}, {articles.periodic})."
    ]
    words = {column.key: column.words for column in view.columns}
    for cell in row.cells:
        if cell.state == "missed":
            counts = "0 điểm" if scored else "Chưa đạt"
            steps.append(
                f"{words[cell.key].capitalize()}: vắng không phép hoặc không kiểm tra bù, tính {counts} ({articles.missed})."
            )
        elif cell.state == "makeup" and cell.makeup_due_on:
            steps.append(
                f"{words[cell.key].capitalize()}: vắng có phép, chờ kiểm tra bù đến hết {cell.makeup_due_on:%d/%m/%Y}; "
                f"chưa tính ({articles.missed})."
            )
    missing = [words[cell.key] for cell in row.cells if cell.state not in _FILLED]
    if missing:
        steps.append(
            f"Còn thiếu {', '.join(missing)}. Đủ các lần mới có {'ĐTB' if scored else 'kết quả học kì'}; ô trống không "
            f"tính là {'0' if scored else 'Chưa đạt'}."
        )
    elif scored:
        *regular, midterm, final = [_tenths(cell) for cell in row.cells]
        steps.append(
            "Thường xuyên hệ số 1, giữa kì hệ số 2, cuối kì hệ số 3, chia cho tổng hệ số, làm tròn đến một chữ số sau dấu phẩy."
        )
        steps.append(f"{explain_average(regular, midterm, final)} ({articles.subject_average}).")
    else:
        *marks, middle, last = [PassFail(cell.text) for cell in row.cells]
        steps.append(f"{explain_comment_semester(marks, middle, last)} ({articles.comment_result}).")
    return steps


def _tenths(cell: CellView) -> int:
    return parse_score(cell.text).tenths
