"""What keeps a class from being finalised: sheets that are not locked, empty fields, matters nobody decided yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hocbaso import clock
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.regulations.anomalies.remark_words import says_nothing
from hocbaso.regulations.anomalies.thresholds import DEFAULT
from hocbaso.regulations.averages import SEMESTER_NAMES, column_name
from hocbaso.regulations.compulsory_subjects import CURRICULUM, missing_subjects
from hocbaso.regulations.ratings import MIN_SCORED_SUBJECTS
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import Promotion
from hocbaso.services.evaluation import TERMS, basis_for
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
    """What keeps a class from being finalised. ``kind``: subject, sheet, score, inherited, field, decision or exemption;
    ``link``: where to go."""

    kind: str
    words: str
    link: str
    enrollment_id: int | None = None
    field: str | None = None


def list_gaps(computed: ClassResults, *, untold: frozenset[str] = frozenset()) -> tuple[ClassGap, ...]:
    """Everything that keeps the class from being finalised: unlocked sheets, empty fields, undecided matters.

    ``untold``: codes of subjects kept from the reader until a check from the papers is compared; what a level of theirs
    waits for is left out (the sheet itself stands in the list).
    """
    gaps: list[ClassGap] = []
    page = f"/lop/{computed.class_group_id}"
    for code in missing_subjects(computed.grade_level, [subject.code for subject in computed.subjects]):
        gaps.append(
            ClassGap(
                "subject",
                f"{SUBJECT_BY_CODE[code].name}: môn bắt buộc mà lớp chưa có, văn thư nhập ở tệp phân công ({CURRICULUM})",
                page,
            )
        )
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
        given = row.given
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
        brought = [gap for gap in row.result.gaps if gap.missing == "inherited"]
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
                    f"{given.full_name}: đề nghị về miễn học đang chờ quyết định",
                    f"{page}/hoc-sinh/{given.enrollment_id}",
                    given.enrollment_id,
                )
            )
        if not untold:
            gaps += [
                ClassGap("decision", words, f"{page}/hoc-sinh/{given.enrollment_id}", given.enrollment_id)
                for _, words in undecided(row)
            ]
    return tuple(gaps)


def bare_remarks(computed: ClassResults) -> tuple[ClassGap, ...]:
    """Remarks that say nothing ("0", "1"): no gaps, but asked about before the class is finalised (kind: remark)."""
    return tuple(
        ClassGap(
            "remark",
            f"{row.given.full_name}: “{remark}”",
            f"/lop/{computed.class_group_id}#o-{row.given.enrollment_id}-remark",
            row.given.enrollment_id,
            "remark",
        )
        for row in computed.students
        if says_nothing(remark := row.given.homeroom.get("remark") or "", DEFAULT)
    )


_TERM_WORDS = ("học kì I", "học kì II", "cả năm", "sau kiểm tra, đánh giá lại")


def undecided(row: StudentResult) -> list[tuple[int, str]]:
    """What waits for the council or the principal: (place in ``evaluation.TERMS``, a sentence) each."""
    given, result = row.given, row.result
    found = []
    for at, term in enumerate(_TERM_WORDS):
        if not result.needs_review[at]:
            continue
        rated = at > 1 or result.base[at] is not None
        if rated:
            words = f"{given.full_name}: học tập {term} cần Hội đồng xem xét theo Điều 9 khoản 3"
        else:
            words = f"{given.full_name}: học tập {term} không đủ {MIN_SCORED_SUBJECTS} môn tính điểm, Hiệu trưởng quyết định mức"
        found.append((at, words + (_why_again(row, "learning_level", TERMS[at]) if result.outdated[at] else "")))
    if result.promotion is Promotion.DECISION_NEEDED:
        again = ""
        if result.promotion_outdated:
            again = _why_again(row, "promotion", "year")
        elif result.outdated[2]:
            again = _why_again(row, "learning_level", "year")
        found.append((2, f"{given.full_name}: kết luận cả năm chờ quyết định của Hiệu trưởng{again}"))
    return found


def _why_again(row: StudentResult, kind: str, term: str) -> str:
    """Why a recorded decision does not count: what changed since, in words."""
    decision = row.given.decision(kind, term)
    if decision is None:
        return ""
    day = f"{clock.local_date(decision.decided_at):%d/%m/%Y}"
    if decision.basis is None:
        return f"; quyết định ngày {day} ghi khi phần mềm chưa giữ kết quả làm căn cứ, xin ghi lại"
    names = {line.subject.code: line.subject.name for line in row.given.subjects}
    before = _results_in(decision.basis)
    now = _results_in(basis_for(row.result, kind, term) or "")
    changed = [
        f"{names.get(code, code)} {before.get(code, 'không có')} → {now.get(code, 'không có')}"
        for code in sorted(before.keys() | now.keys(), key=lambda code: names.get(code, code))
        if before.get(code) != now.get(code)
    ]
    what = f" ({'; '.join(changed)})" if changed else ""
    return f"; kết quả đã thay đổi từ quyết định ngày {day}{what}, xin xem xét lại"


def _results_in(basis: str) -> dict[str, str]:
    """Results named in the basis of a decision, by subject code, as people read them."""
    pairs = [part.split("=", 1) for part in basis.split(" after: ")[0].split() if "=" in part]
    return {code: format_score(int(value)) if value.isdigit() else value for code, value in pairs}


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
