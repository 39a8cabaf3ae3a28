"""Score sheets out of an Excel file: one sheet a class, subject and semester."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from hocbaso.errors import Invalid
from hocbaso.exchange.file_kinds import refuse_other_kind
from hocbaso.exchange.header_finder import Header, find_header
from hocbaso.exchange.people_tables import SECTOR_CODE_DIGITS
from hocbaso.exchange.profiles import DEFAULT_PROFILE, ColumnMap, column_map
from hocbaso.exchange.rows import EMPTY_SCORE, CellProblem, ImportTable, ScoreCell, ScoreRow, ScoreSheetHead
from hocbaso.exchange.score_files import MARK_KIND
from hocbaso.exchange.sheet_heads import sheet_claims
from hocbaso.exchange.sheet_reader import Sheet, read_workbook
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.table_reading import RowReader, data_rows, drop_repeats, hidden_marks, name_key
from hocbaso.exchange.values import (
    Reading,
    UnclearValue,
    is_exempt_mark,
    read_absence,
    read_class_name,
    read_code,
    read_pass_fail,
    read_tenths,
    read_text,
    shown,
)
from hocbaso.exchange.workbook_guard import DEFAULT_LIMITS, WorkbookLimits
from hocbaso.regulations.averages import semester_average
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind

_EXEMPT = object()
_SAME_FOR_ALL = ("class_name",)
"""One sheet, one class: a block that names it beside all its rows says nothing unclear."""


def read_scores(
    data: bytes, profile: str = DEFAULT_PROFILE, limits: WorkbookLimits = DEFAULT_LIMITS
) -> ImportTable[ScoreRow]:
    """All score sheets of a file. Class, subject and semester come from the title rows and the sheet's name.

    Raises ``Invalid`` when the file cannot be opened or holds no score sheet; everything else is a problem with its cell.
    """
    columns = column_map("scores", profile)
    problems: list[CellProblem] = []
    rows: list[ScoreRow] = []
    heads: list[ScoreSheetHead] = []
    n_tables = 0
    sheets = list(read_workbook(data, limits))
    _refuse_taken_home(sheets)
    refuse_other_kind(sheets, "scores", profile)
    for sheet in sheets:
        header = find_header(sheet, columns)
        if header is None:
            _pass_by(sheet, problems)
            continue
        n_tables += 1
        problems.extend(header.problems)
        read = _read_sheet(sheet, header, columns, problems)
        for head, sheet_rows in read:
            earlier = next((other for other in heads if _key(other) == _key(head)), None)
            if earlier is not None:
                problems.append(
                    CellProblem(
                        sheet.address(1, 1),
                        "Trang tính",
                        sheet.title,
                        f"cùng lớp, môn và học kì với trang “{earlier.title}”; không rõ trang nào đúng.",
                        "error",
                    )
                )
            heads.append(head)
            rows.extend(sheet_rows)
    if not n_tables:
        raise Invalid(
            "Không tìm thấy bảng điểm nào trong tệp. Cần dòng tiêu đề có “Mã định danh Bộ GD&ĐT” hoặc “Họ và tên”, "
            "và các cột “ĐĐGtx1”…, “ĐĐGgk”, “ĐĐGck”."
        )
    return ImportTable(tuple(rows), tuple(problems), profile, tuple(heads))


def _refuse_taken_home(sheets: Sequence[Sheet]) -> None:
    """Send a file that was taken home from one sheet back there: only that page knows what was typed since."""
    for sheet in sheets:
        if sheet.value(1, 1) == MARK_KIND:
            said = {str(row[0]): shown(row[1]) for row in sheet.rows if len(row) > 1 and row[0] is not None}
            raise Invalid(
                f"Đây là tệp tải về từ bảng điểm {said.get('label', '')}. Xin mở bảng điểm ấy, bấm Excel và nộp tệp ở đó: trang ấy "
                "biết ô nào đã có số mới hơn sau khi tải nên không ghi đè, và hoàn tác được cả tệp. Chưa ghi gì."
            )


def _key(head: ScoreSheetHead) -> tuple[str, str, int]:
    return head.class_name, head.subject_code, head.semester


def _pass_by(sheet: Sheet, problems: list[CellProblem]) -> None:
    """A sheet without a header: harmless instructions, or a score sheet we failed to understand, which must not be lost."""
    ignored: list[CellProblem] = []
    claims = sheet_claims(sheet, min(len(sheet.rows), 10), ignored)
    looks_like_scores = claims.subject_code is not None and claims.semester is not None
    problems.append(
        CellProblem(
            sheet.address(1, 1),
            "",
            "",
            "trang này ghi môn và học kì nhưng không có dòng tiêu đề đọc được; không rõ cột nào là điểm."
            if looks_like_scores
            else "trang này không có bảng điểm, được bỏ qua.",
            "error" if looks_like_scores else "warning",
        )
    )


def _read_sheet(
    sheet: Sheet, header: Header, columns: ColumnMap, problems: list[CellProblem]
) -> list[tuple[ScoreSheetHead, list[ScoreRow]]]:
    n_before = sum(1 for problem in problems if problem.severity == "error")
    claims = sheet_claims(sheet, header.last_row, problems)
    class_name = claims.class_name or _class_of_column(sheet, header, columns)
    for value, label in ((class_name, "Lớp"), (claims.subject_code, "Môn học"), (claims.semester, "Học kì")):
        if value is None and sum(1 for problem in problems if problem.severity == "error") == n_before:
            problems.append(
                CellProblem(
                    sheet.address(1, 1),
                    label,
                    "",
                    f"không rõ {label.lower()}: dòng tên bảng và tên trang đều không ghi.",
                    "error",
                )
            )
    if class_name is None or claims.subject_code is None or claims.semester is None:
        return []
    kind = SUBJECT_BY_CODE[claims.subject_code].kind
    ordinals = header.regular
    if ordinals != tuple(range(1, len(ordinals) + 1)):
        problems.append(
            CellProblem(
                sheet.address(header.first_row, 1), "ĐĐGtx", "", "các cột ĐĐGtx không đánh số liên tục từ 1.", "error"
            )
        )
        return []
    marks = [name for name in header.columns if name.startswith("regular") or name in ("midterm", "final", "remark")]
    problems.extend(hidden_marks(sheet, header, columns, marks))
    rows = []
    for reader in data_rows(sheet, header, columns, problems, apart=_SAME_FOR_ALL):
        row = _score_row(reader, header, class_name, claims.subject_code, claims.semester, kind)
        if row is not None:
            rows.append(row)
    rows = _trim_regular(rows)
    rows = drop_repeats(
        rows, lambda row: row.student_code, lambda row: row.full_name or "", "student_code", "Mã định danh", problems
    )
    rows = drop_repeats(
        rows,
        lambda row: (name_key(row.full_name or ""), row.born_on) if row.student_code is None else None,
        lambda row: row.full_name or "",
        "full_name",
        "Họ và tên",
        problems,
    )
    n_regular = max((len(row.regular) for row in rows), default=0)
    head = ScoreSheetHead(
        sheet.title, class_name, claims.subject_code, claims.semester, claims.school_year, n_regular, len(rows)
    )
    return [(head, rows)]


def _class_of_column(sheet: Sheet, header: Header, columns: ColumnMap) -> str | None:
    """The class when the title is silent and the column Lớp names one class throughout."""
    if "class_name" not in header.columns:
        return None
    names = set()
    for reader in data_rows(sheet, header, columns, [], apart=_SAME_FOR_ALL):
        raw = reader.raw("class_name")
        if raw is not None:
            try:
                names.add(read_class_name(raw).value)
            except UnclearValue:
                return None
    return names.pop() if len(names) == 1 else None


def _score_row(
    reader: RowReader, header: Header, class_name: str, subject_code: str, semester: int, kind: SubjectKind
) -> ScoreRow | None:
    code = reader.read("student_code", partial(read_code, digits=SECTOR_CODE_DIGITS))
    has_name = bool({"full_name", "family_name", "given_name"} & header.columns.keys())
    full_name = reader.full_name() if has_name else None
    born_on = reader.day("born_on")
    own_class = reader.read("class_name", read_class_name)
    if own_class is not None and own_class != class_name:
        reader.problem("class_name", f"trang này là của lớp {class_name}.")
    if code is None and born_on is None and not reader.failed:
        reader.problem("student_code", "không có mã và ngày sinh nên không rõ là học sinh nào.")
    values: dict[str, ScoreCell | object] = {}
    for name in [f"regular_{ordinal}" for ordinal in header.regular] + ["midterm", "final"]:
        values[name] = _score_cell(reader, name, kind)
    remark = reader.read("remark", read_text)
    average = _average(reader, kind)
    if reader.failed:
        return None
    exempt = any(value is _EXEMPT for value in values.values())
    if exempt:
        entered = next(
            (name for name, value in values.items() if isinstance(value, ScoreCell) and not value.is_empty), None
        )
        if entered is not None:
            reader.problem(entered, "vừa ghi miễn học vừa có điểm; không rõ học sinh có được miễn không.")
            return None
        values = dict.fromkeys(values, EMPTY_SCORE)
    cells: dict[str, ScoreCell] = {name: value for name, value in values.items() if isinstance(value, ScoreCell)}
    regular = tuple(cells[f"regular_{ordinal}"] for ordinal in header.regular)
    row = ScoreRow(
        address=reader.address,
        cells=reader.addresses(),
        class_name=class_name,
        subject_code=subject_code,
        semester=semester,
        student_code=code,
        full_name=full_name,
        born_on=born_on,
        regular=regular,
        midterm=cells["midterm"],
        final=cells["final"],
        remark=remark,
        exempt=exempt,
        average=average,
    )
    _compare_average(reader, row)
    return row


def _score_cell(reader: RowReader, name: str, kind: SubjectKind) -> ScoreCell | object:
    raw = reader.raw(name)
    if raw is None:
        return EMPTY_SCORE
    if is_exempt_mark(raw):
        return _EXEMPT
    value = reader.read(name, partial(_assessment, kind=kind))
    return value if value is not None else EMPTY_SCORE


def _assessment(raw: object, kind: SubjectKind) -> Reading[ScoreCell]:
    absence = read_absence(raw)
    if absence is not None:
        return Reading(ScoreCell(None, absence))
    reading: Reading[PassFail] | Reading[int]
    if kind is SubjectKind.COMMENT:
        reading = read_pass_fail(raw)
    else:
        try:
            reading = read_tenths(raw)
        except UnclearValue as fault:
            if isinstance(raw, str) and raw.upper() in {"Đ", "CĐ", "ĐẠT", "CHƯA ĐẠT"}:
                raise UnclearValue("môn này đánh giá bằng điểm số, không ghi Đ hoặc CĐ.") from fault
            raise
    return Reading(ScoreCell(reading.value, ScoreOrigin.ENTERED), reading.note)


def _average(reader: RowReader, kind: SubjectKind) -> int | PassFail | None:
    """The file's average is only compared, so an unreadable one is a warning."""
    raw = reader.raw("average")
    if raw is None:
        return None
    try:
        return read_pass_fail(raw).value if kind is SubjectKind.COMMENT else read_tenths(raw).value
    except UnclearValue as fault:
        reader.problem("average", f"không so sánh được: {fault.message}", severity="warning")
        return None


def _compare_average(reader: RowReader, row: ScoreRow) -> None:
    """Say where the file's average is not that of Art. 9.1b over the marks the file has; rows with gaps have no average."""
    cells = (*row.regular, row.midterm, row.final)
    if not isinstance(row.average, int) or any(isinstance(cell.value, PassFail) for cell in cells):
        return
    marks = [cell.value if isinstance(cell.value, int) else None for cell in cells]
    computed = semester_average(
        [mark for mark, cell in zip(marks, row.regular, strict=False) if not cell.is_empty], marks[-2], marks[-1]
    )
    if computed is None:
        return
    if computed != row.average:
        reader.problem(
            "average",
            f"tệp ghi {format_score(row.average)}, tính theo các điểm thành phần được {format_score(computed)}.",
            severity="warning",
        )


def _trim_regular(rows: list[ScoreRow]) -> list[ScoreRow]:
    """Leave out regular columns at the end that nobody uses: forms have five, most subjects need two to four."""
    used = max((ordinal for row in rows for ordinal, cell in enumerate(row.regular, 1) if not cell.is_empty), default=0)
    return [replace(row, regular=row.regular[:used]) if len(row.regular) > used else row for row in rows]
