"""What keeps a class from being finalised: sheets that are not locked, empty fields, matters nobody decided yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hocbaso.regulations.averages import SEMESTER_NAMES, column_name
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.terms import Promotion
from hocbaso.services.homeroom import FIELD_WORDS, REQUIRED
from hocbaso.services.results import ClassResults, StudentResult

HOLDERS = {
    SheetState.DRAFT: "đang ở {who}, chưa nộp",
    SheetState.RETURNED: "đang ở {who}, được trả lại để sửa",
    SheetState.SUBMITTED: "đã nộp, đang chờ tổ trưởng soát",
    SheetState.REVIEWED: "đã soát, đang chờ Hiệu trưởng duyệt",
    SheetState.APPROVED: "đã duyệt, đang chờ Hiệu trưởng khoá",
    SheetState.LOCKED: "đã khoá",
}


@dataclass(frozen=True, slots=True)
class ClassGap:
    """What keeps a class from being finalised. ``kind``: sheet, score, inherited, field, decision or exemption; ``link``: where to go."""

    kind: str
    words: str
    link: str
    enrollment_id: int | None = None
    field: str | None = None


def list_gaps(computed: ClassResults) -> tuple[ClassGap, ...]:
    """Everything that keeps the class from being finalised: unlocked sheets, empty fields, undecided matters."""
    gaps: list[ClassGap] = []
    page = f"/lop/{computed.class_group_id}"
    for subject in computed.subjects:
        for index, sheet in enumerate(subject.sheets):
            semester = "I" * (index + 1)
            if sheet is None:
                gaps.append(ClassGap("sheet", f"{subject.name} học kì {semester}: chưa có bảng điểm", page))
            elif sheet.state != SheetState.LOCKED.value:
                who = ", ".join(subject.teachers) or "chưa ai được phân công"
                gaps.append(
                    ClassGap(
                        "sheet",
                        f"{subject.name} học kì {semester}: {HOLDERS[SheetState(sheet.state)].format(who=who)}",
                        f"/bang-diem/{sheet.id}",
                    )
                )
    # Of a sheet that is not locked the sheet itself is told, and handing it in asks for each cell.
    locked = {
        (subject.code, index + 1): sheet.id
        for subject in computed.subjects
        for index, sheet in enumerate(subject.sheets)
        if sheet is not None and sheet.state == SheetState.LOCKED.value
    }
    names = {subject.code: subject.name for subject in computed.subjects}
    for row in computed.students:
        given, result = row.given, row.result
        for name in REQUIRED:
            if given.homeroom.get(name) in (None, ""):
                gaps.append(
                    ClassGap(
                        "field",
                        f"{given.full_name}: thiếu {FIELD_WORDS[name]}",
                        f"{page}#o-{given.enrollment_id}-{name}",
                        given.enrollment_id,
                        name,
                    )
                )
        gaps += _missing_scores(row, locked, names)
        brought = [gap for gap in result.gaps if gap.missing == "inherited"]
        if brought:
            gaps.append(
                ClassGap(
                    "inherited",
                    f"{given.full_name}: kết quả học kì I của trường cũ "
                    + (
                        "đang chờ Hiệu trưởng nhận"
                        if given.has_pending_inherited
                        else f"chưa ghi, còn {len(brought)} môn"
                    ),
                    f"{page}/hoc-sinh/{given.enrollment_id}#noi-chuyen-den",
                    given.enrollment_id,
                )
            )
        if given.pending_exemptions:
            gaps.append(
                ClassGap(
                    "exemption",
                    f"{given.full_name}: đề nghị miễn học đang chờ Hiệu trưởng quyết định",
                    f"{page}/hoc-sinh/{given.enrollment_id}",
                    given.enrollment_id,
                )
            )
        for term, needed in zip(("học kì I", "học kì II", "cả năm"), result.needs_review, strict=True):
            if needed:
                gaps.append(
                    ClassGap(
                        "decision",
                        f"{given.full_name}: học tập {term} cần Hội đồng xem xét theo Điều 9 khoản 3",
                        f"{page}/hoc-sinh/{given.enrollment_id}",
                        given.enrollment_id,
                    )
                )
        if result.promotion is Promotion.DECISION_NEEDED:
            gaps.append(
                ClassGap(
                    "decision",
                    f"{given.full_name}: kết luận cả năm chờ quyết định của Hiệu trưởng",
                    f"{page}/hoc-sinh/{given.enrollment_id}",
                    given.enrollment_id,
                )
            )
    return tuple(gaps)


def _missing_scores(
    row: StudentResult, locked: Mapping[tuple[str, int], int], names: Mapping[str, str]
) -> list[ClassGap]:
    """Results that locked sheets do not have: of a pupil who came after the sheet was handed in."""
    found: dict[tuple[str, int], list[str]] = {}
    for gap in row.result.gaps:
        if gap.missing == "inherited":
            continue
        if gap.subject is not None and gap.semester is not None and (gap.subject, gap.semester) in locked:
            found.setdefault((gap.subject, gap.semester), []).append(column_name(gap.missing))
    return [
        ClassGap(
            "score",
            f"{row.given.full_name}: {names[code]} {SEMESTER_NAMES[semester - 1]} thiếu {', '.join(missing)}; bảng điểm đã khoá",
            f"/bang-diem/{locked[code, semester]}#r-{row.given.enrollment_id}",
            row.given.enrollment_id,
        )
        for (code, semester), missing in found.items()
    ]
