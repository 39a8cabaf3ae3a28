"""What a filled-in file would change in its sheet, cell by cell, before anything is changed.

Three values meet in a cell: what stood there when the file was downloaded (known by its version), what the file says, and
what stands there now. A cell that the person left as it came says nothing, whatever has become of it since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import DomainError, Invalid
from hocbaso.exchange.score_files import EXEMPT_TEXT, FoundCell, FoundFile, FoundLine, FoundSheet
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.vietnamese_text import fold_key, name_key
from hocbaso.regulations.terms import ScoreOrigin
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words, columns_of, says_nothing_new
from hocbaso.services.score_file_download import file_text, lines_of, subject_code_of
from hocbaso.services.score_lines import closed_word, read_standing
from hocbaso.services.score_reading import read_value
from hocbaso.services.score_versions import values_of_versions
from hocbaso.services.sheet_access import SheetHead, connection, table_of

_cell = table_of(m.ScoreCell)
_account = table_of(m.Account)
_person = table_of(m.Person)


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell that the file would change. ``raw`` is what a person would type; ``version``: what stood when this was shown.

    ``since``: who changed it after the download, and when, for a conflict.
    """

    enrollment_id: int
    column_key: str
    student: str
    column: str
    before: str
    after: str
    raw: str
    version: int
    address: str
    note: str = ""
    since: str = ""

    @property
    def place(self) -> str:
        """``<enrollment id>-<column>``, as the page names cells."""
        return f"{self.enrollment_id}-{self.column_key}"


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """What is not taken from the file, and why."""

    address: str
    student: str
    column: str
    raw: str
    reason: str


@dataclass(frozen=True)
class FilePlan:
    """All that a file would do. ``clears``: cells blank in the file and filled in the sheet; ``conflicts``: cells that were
    changed in the sheet after the download. Both are left alone unless a person says otherwise.

    ``unsure``: what the file does not say of itself, in words; then a person confirms that it is the right one.
    """

    template: str
    writes: tuple[PlannedCell, ...] = ()
    conflicts: tuple[PlannedCell, ...] = ()
    clears: tuple[PlannedCell, ...] = ()
    refused: tuple[RefusedCell, ...] = ()
    notes: tuple[str, ...] = ()
    n_same: int = 0
    n_newer: int = 0
    unsure: str = ""


@dataclass(frozen=True, slots=True)
class _Pupil:
    id: int
    full_name: str
    code: str | None
    born_on: date | None
    closed: str


@dataclass
class _Work:
    head: SheetHead
    today: date
    standing: Mapping[tuple[int, str], CellRecord]
    earlier: Mapping[tuple[int, str, int], CellRecord]
    versions: Mapping[int, Mapping[str, int]] | None
    writes: list[PlannedCell] = field(default_factory=list)
    conflicts: list[PlannedCell] = field(default_factory=list)
    clears: list[PlannedCell] = field(default_factory=list)
    refused: list[RefusedCell] = field(default_factory=list)
    n_same: int = 0
    n_newer: int = 0


def plan_file(head: SheetHead, found: FoundFile, today: date) -> FilePlan:
    """Compare a file with the sheet.

    Raises Invalid, with the addresses as details, when the file is of another sheet, when its headings are not clear, or
    when names and codes were moved against each other: then no line of it can be trusted.
    """
    sheet, unsure, notes = _the_sheet(head, found)
    errors = [problem for problem in sheet.problems if problem.severity == "error"]
    if errors:
        raise Invalid(
            "Tiêu đề hoặc dòng tên bảng trong tệp chưa rõ nên chưa đọc gì. Hãy sửa trong Excel rồi nộp lại.",
            details=tuple(str(problem) for problem in errors[:20]),
        )
    pupils = [
        _Pupil(row.id, row.full_name, row.moet_code, row.birth_on, closed_word(row.status, bool(row.exempt)))
        for row in lines_of(head)
    ]
    _refuse_mixed_lines(sheet, pupils)
    work = _Work(
        head, today, read_standing(head), values_of_versions(head), found.mark.versions if found.mark else None
    )
    matched = _match(sheet, pupils, head.class_name, work.refused)
    for line, pupil in matched:
        for key, cell in line.cells.items():
            _plan_cell(work, pupil, key, cell)
    notes += [str(problem) for problem in sheet.problems]
    n_absent = sum(1 for pupil in pupils if not pupil.closed and all(one is not pupil for _, one in matched))
    if n_absent:
        notes.append(f"{n_absent} học sinh của lớp không đọc được từ tệp; điểm của các em giữ nguyên.")
    if found.mark is None and any(cell.before for cell in (*work.writes, *work.clears)):
        notes.append(
            "Phần mã ẩn của tệp đã mất nên không biết số trong bảng điểm có được sửa sau khi tải tệp hay không. "
            "Xin xem kĩ các ô đổi số."
        )
    return FilePlan(
        template=sheet.template or "",
        writes=tuple(work.writes),
        conflicts=_with_writers(head, work.conflicts),
        clears=tuple(work.clears),
        refused=tuple(work.refused),
        notes=tuple(notes),
        n_same=work.n_same,
        n_newer=work.n_newer,
        unsure=unsure,
    )


# --- is it the file of this sheet? -------------------------------------------------------------------------------------


def _the_sheet(head: SheetHead, found: FoundFile) -> tuple[FoundSheet, str, list[str]]:
    school = db.session.get(m.School, 1)
    school_name, school_code = (school.name, school.code or "") if school else ("", "")
    own = f"{head.label}, năm học {head.year_label.replace('-', '–')}"
    mark = found.mark
    if mark is not None:
        if mark.school_code != school_code or (not school_code and not _same_school(mark.school_name, school_name)):
            raise Invalid(
                f"Tệp này tải về từ {mark.school_name or 'trường khác'}, không phải {school_name}. Chưa đọc gì."
            )
        if mark.sheet_id != head.id:
            raise Invalid(f"Tệp này tải về từ bảng điểm {mark.label}. Trang này là {own}. Chưa đọc gì.")
    code = subject_code_of(head)
    fitting: list[FoundSheet] = []
    others: list[str] = []
    for sheet in found.sheets:
        differing = _differences(sheet, head, code, school_name)
        if differing:
            others.append(f"Trang “{sheet.title}” {', '.join(differing)}")
        else:
            fitting.append(sheet)
    if not fitting:
        raise Invalid(f"Tệp không phải của {own}. {'; '.join(others[:3])}. Chưa đọc gì.")
    if len(fitting) > 1:
        titles = ", ".join(f"“{sheet.title}”" for sheet in fitting)
        raise Invalid(
            f"Tệp có {len(fitting)} trang có thể là {head.label}: {titles}. Hãy chỉ giữ một trang rồi nộp lại."
        )
    sheet = fitting[0]
    notes = [f"{words}, được bỏ qua." for words in others]
    notes += [f"Trang “{title}” không có bảng điểm, được bỏ qua." for title in found.passed_by]
    silent = [
        words
        for words, said in (
            ("lớp", sheet.class_name or _one_class(sheet)),
            ("môn", sheet.subject_code),
            ("học kì", sheet.semester),
        )
        if said is None
    ]
    unsure = ""
    if mark is None and silent:
        unsure = f"Tệp không ghi {', '.join(silent)}."
    return sheet, unsure, notes


def _one_class(sheet: FoundSheet) -> str | None:
    names = {line.class_name for line in sheet.lines}
    return names.pop() if len(names) == 1 else None


def _differences(sheet: FoundSheet, head: SheetHead, code: str, school_name: str) -> list[str]:
    """In words, what the sheet says of itself that is not so here."""
    subject = SUBJECT_BY_CODE[sheet.subject_code].name if sheet.subject_code else ""
    told: list[tuple[bool, str]] = [
        (sheet.class_name not in (None, head.class_name), f"ghi lớp {sheet.class_name}"),
        (sheet.subject_code not in (None, code), f"ghi môn {subject}"),
        (sheet.semester not in (None, head.semester), f"ghi học kì {'I' * (sheet.semester or 0)}"),
        (
            sheet.school_year not in (None, head.year_label),
            f"ghi năm học {(sheet.school_year or '').replace('-', '–')}",
        ),
        (
            sheet.school_name is not None and not _same_school(sheet.school_name, school_name),
            f"ghi “{sheet.school_name}”",
        ),
    ]
    return [words for differs, words in told if differs]


def _same_school(said: str, own: str) -> bool:
    """Whether two names may be of one school: offices leave out words ("THCS Đồng Sen") or add the place."""
    keys = [fold_key(name).removeprefix("ten").removeprefix("truong").removeprefix("thcs") for name in (said, own)]
    return keys[0] in keys[1] or keys[1] in keys[0]


# --- whose line is it? -------------------------------------------------------------------------------------------------


def _refuse_mixed_lines(sheet: FoundSheet, pupils: list[_Pupil]) -> None:
    """A name beside another pupil's code: part of the table was sorted without the rest, and every line may be wrong."""
    by_id = {pupil.id: pupil for pupil in pupils}
    by_code = {pupil.code: pupil for pupil in pupils if pupil.code}
    names = {name_key(pupil.full_name): pupil for pupil in pupils}
    mixed = []
    for line in sheet.lines:
        said = [by_id.get(line.enrollment_id or 0), by_code.get(line.code or "")]
        if line.full_name and (named := names.get(name_key(line.full_name))):
            same_name = {pupil.id for pupil in pupils if name_key(pupil.full_name) == name_key(named.full_name)}
            said.append(next((pupil for pupil in said if pupil and pupil.id in same_name), named))
        people = {pupil.id for pupil in said if pupil is not None}
        if len(people) > 1:
            mixed.append(f"{line.who_address}: {line.full_name or line.code}")
    if mixed:
        raise Invalid(
            f"{len(mixed)} dòng trong tệp có tên và mã của hai học sinh khác nhau, như khi chỉ sắp xếp một phần bảng. "
            "Không dòng nào chắc là đúng nên chưa đọc gì. Hãy tải lại tệp, chép các số vào, hoặc dùng Dán từ Excel.",
            details=tuple(mixed[:10]),
        )


def _match(
    sheet: FoundSheet, pupils: list[_Pupil], class_name: str, refused: list[RefusedCell]
) -> list[tuple[FoundLine, _Pupil]]:
    """Each filled line with its pupil. Two lines of one pupil are both refused: nobody knows which is right."""
    found: list[tuple[FoundLine, _Pupil]] = []
    for line in sheet.lines:
        pupil, reason = _find(line, pupils, class_name)
        if pupil is None:
            if line.is_filled:
                refused.append(_refused_line(line, reason))
            continue
        found.append((line, pupil))
    lines_of_pupil: dict[int, list[FoundLine]] = {}
    for line, pupil in found:
        lines_of_pupil.setdefault(pupil.id, []).append(line)
    single = []
    for line, pupil in found:
        own = lines_of_pupil[pupil.id]
        if len(own) == 1:
            single.append((line, pupil))
            continue
        others = ", ".join(other.who_address for other in own if other is not line)
        refused.append(_refused_line(line, f"{pupil.full_name} có {len(own)} dòng trong tệp (cả {others})."))
    return single


def _refused_line(line: FoundLine, reason: str) -> RefusedCell:
    return RefusedCell(line.who_address, line.full_name or line.code or "", "cả dòng", "", reason)


def _find(line: FoundLine, pupils: list[_Pupil], class_name: str) -> tuple[_Pupil | None, str]:
    """By the line's code, by the pupil's code, by name and birth date, by a name that only one has; else why not."""
    if line.refusal:
        return None, line.refusal
    if line.class_name not in (None, class_name):
        return None, f"dòng ghi lớp {line.class_name}, bảng điểm này của lớp {class_name}."
    candidates = pupils
    if line.enrollment_id is not None:
        candidates = [pupil for pupil in pupils if pupil.id == line.enrollment_id]
        if not candidates:
            return None, "mã dòng không phải của học sinh nào trong bảng điểm này."
    elif line.code is not None:
        candidates = [pupil for pupil in pupils if pupil.code == line.code]
        if not candidates:
            return None, f"mã {line.code} không có trong bảng điểm này."
    if line.full_name is None:
        if line.code is None:
            return None, "dòng không có họ tên và mã định danh."
    else:
        named = [pupil for pupil in candidates if name_key(pupil.full_name) == name_key(line.full_name)]
        if not named and candidates is not pupils:
            return None, f"mã là của {candidates[0].full_name}; mã và tên không khớp nhau."
        if not named:
            return None, "không có học sinh tên này trong bảng điểm."
        candidates = named
    if line.enrollment_id is not None and line.code is not None and candidates[0].code != line.code:
        return None, f"mã {line.code} không phải của {candidates[0].full_name}."
    if line.enrollment_id is None and line.code is None and line.born_on is not None:
        born = [pupil for pupil in candidates if pupil.born_on == line.born_on]
        if not born:
            return None, f"ngày sinh {line.born_on:%d/%m/%Y} khác hồ sơ của {candidates[0].full_name}."
        candidates = born
    if len(candidates) > 1:
        return None, (
            f"bảng điểm có {len(candidates)} học sinh tên {line.full_name}; hãy ghi thêm mã định danh"
            f"{'' if line.born_on else ' hoặc ngày sinh'}."
        )
    return candidates[0], ""


# --- what becomes of a cell? -------------------------------------------------------------------------------------------


def _plan_cell(work: _Work, pupil: _Pupil, key: str, cell: FoundCell) -> None:
    head = work.head
    if key != REMARK and key not in {column.key for column in columns_of(head)}:
        if cell.text:
            n_regular = sum(1 for column in columns_of(head) if column.weight == 1)
            _refuse(
                work,
                pupil,
                key,
                cell,
                f"{head.subject_name} có {n_regular} điểm thường xuyên mỗi học kì (Điều 6 Thông tư 22/2021); thừa điểm này.",
            )
        return
    old = work.standing.get((pupil.id, key), NOTHING)
    shown = EXEMPT_TEXT if pupil.closed == EXEMPT_TEXT and key != REMARK else file_text(head, old)
    seen = work.versions.get(pupil.id, {}).get(key) if work.versions is not None else None
    if cell.refusal and not cell.text:  # the lower part of a merged block: somebody may have meant it filled
        _refuse(work, pupil, key, cell, cell.refusal)
        return
    if cell.text == shown or (pupil.closed and not cell.text):
        work.n_same += 1
        return
    if seen is not None and seen != old.version:
        base = work.earlier.get((pupil.id, key, seen), NOTHING if seen == 0 else None)
        if base is not None and cell.text == file_text(head, base):
            work.n_newer += 1  # left as it came: the newer value stands
            return
    if cell.refusal:
        _refuse(work, pupil, key, cell, cell.refusal)
        return
    if pupil.closed:
        words = "được miễn học môn này" if pupil.closed == EXEMPT_TEXT else pupil.closed.lower()
        _refuse(work, pupil, key, cell, f"{pupil.full_name} {words} nên dòng này đã khoá.")
        return
    if cell.text == EXEMPT_TEXT and key != REMARK:
        _refuse(work, pupil, key, cell, "chưa có quyết định miễn học của Hiệu trưởng.")
        return
    try:
        value = read_value(head, key, cell.text, old, work.today)
    except DomainError as refusal:
        _refuse(work, pupil, key, cell, refusal.message)
        return
    if says_nothing_new(value, old):
        work.n_same += 1
        return
    planned = PlannedCell(
        enrollment_id=pupil.id,
        column_key=key,
        student=pupil.full_name,
        column=column_words(head, key),
        before=value_words(old),
        after=value_words(value),
        raw=cell.text,
        version=old.version,
        address=cell.address,
        note=cell.note,
    )
    newer = seen is not None and seen != old.version
    if not cell.text:
        work.clears.append(replace(planned, note="số này ghi vào sau khi tải tệp" if newer else ""))
    elif newer:
        work.conflicts.append(planned)
    else:
        work.writes.append(planned)


def _refuse(work: _Work, pupil: _Pupil, key: str, cell: FoundCell, reason: str) -> None:
    column = "nhận xét" if key == REMARK else _column(key)
    raw = cell.text if len(cell.text) <= 60 else cell.text[:59] + "…"
    work.refused.append(RefusedCell(cell.address, pupil.full_name, column, raw, reason))


def _column(key: str) -> str:
    return {"GK": "giữa kì", "CK": "cuối kì"}.get(key, f"thường xuyên {key.removeprefix('TX')}")


def value_words(record: CellRecord) -> str:
    """A value in words for the page: ``8,5``, ``0,0 (vắng không phép)``, ``vắng có phép, bù 20/12/2026``."""
    if record.origin == ScoreOrigin.MISSED_UNEXCUSED.value:
        return f"{record.text} (vắng không phép)"
    if record.origin == ScoreOrigin.MISSED_EXCUSED.value:
        due = record.makeup_due_on
        return f"vắng có phép, bù đến {due:%d/%m/%Y}" if due else "vắng có phép"
    if record.origin == ScoreOrigin.MAKEUP.value:
        return f"{record.text} (kiểm tra bù)"
    return record.text


def _with_writers(head: SheetHead, conflicts: list[PlannedCell]) -> tuple[PlannedCell, ...]:
    """The conflicts with who wrote what stands, and when."""
    if not conflicts:
        return ()
    rows: dict[tuple[int, str], Any] = {
        (row.enrollment_id, row.column_key): row
        for row in connection().execute(
            select(_cell.c.enrollment_id, _cell.c.column_key, _cell.c.updated_at, _person.c.full_name)
            .outerjoin(_account, _account.c.id == _cell.c.updated_by)
            .outerjoin(_person, _person.c.id == _account.c.person_id)
            .where(_cell.c.score_sheet_id == head.id)
        )
    }
    return tuple(replace(cell, since=_since(rows.get((cell.enrollment_id, cell.column_key)))) for cell in conflicts)


def _since(row: Any) -> str:
    if row is None:
        return ""
    at: datetime = row.updated_at
    return f"{row.full_name or 'Hệ thống'}, {clock.local(at):%H:%M %d/%m/%Y}"
