"""The rule engine's JSON (``docs/commands.md``): objects in, objects out. Reading is strict and says where it stops."""

from __future__ import annotations

import unicodedata
from typing import Any

from hocbaso.errors import Invalid
from hocbaso.regulations.averages import SEMESTER_NAMES
from hocbaso.regulations.completeness import Value
from hocbaso.regulations.score_values import to_point
from hocbaso.regulations.student_year import SemesterMarks, StudentYear, StudentYearResult, SubjectYear
from hocbaso.regulations.terms import Level, PassFail, SubjectKind

_MAX_COUNT = 10_000

# Every way a score may be written in a file; 85 for 8,5 is a habit of typing and is refused here.
_SCORES: dict[str, int] = {}
for _tenths in range(101):
    _SCORES[f"{_tenths // 10}.{_tenths % 10}"] = _tenths
    _SCORES[f"{_tenths // 10},{_tenths % 10}"] = _tenths
    if _tenths % 10 == 0:
        _SCORES[str(_tenths // 10)] = _tenths

_MARKS = {unicodedata.normalize(form, mark.value): mark for mark in PassFail for form in ("NFC", "NFD")}
_LEVELS = {unicodedata.normalize(form, level.value): level for level in Level for form in ("NFC", "NFD")}
_KINDS = {kind.value: kind for kind in SubjectKind}
_EXEMPT = {True: (True, True), False: (False, False)}
_EMPTY = SemesterMarks()


def from_json(item: object) -> StudentYear:
    """Read one student-year; unknown keys are ignored, absent values are not entered yet.

    Raises Invalid with a Vietnamese sentence that names the place.
    """
    if not isinstance(item, dict):
        raise Invalid("Mỗi dòng phải là một đối tượng JSON {…} của một học sinh.")
    grade_level = item.get("grade_level")
    if type(grade_level) is not int or not 6 <= grade_level <= 9:
        raise Invalid(f"grade_level phải là số nguyên từ 6 đến 9; ở đây là {_shown(grade_level)}.")
    subjects = item.get("subjects")
    if type(subjects) is not list:
        raise Invalid("subjects phải là danh sách các môn học.")
    read = tuple([_subject(subject) for subject in subjects])
    if len({subject.code for subject in read}) != len(read):
        codes = [subject.code for subject in read]
        twice = next(code for code in codes if codes.count(code) > 1)
        raise Invalid(f"Môn {twice} xuất hiện hai lần. Mỗi môn chỉ ghi một lần.")
    conduct = item.get("conduct")
    if conduct is None:
        conduct = [None, None]
    if type(conduct) is not list or len(conduct) != 2:
        raise Invalid('conduct phải gồm mức rèn luyện của hai học kì, ví dụ ["T", "K"]; chưa có thì ghi null.')
    disability = item.get("inclusive_disability")
    if disability is None:
        disability = False
    if type(disability) is not bool:
        raise Invalid("inclusive_disability chỉ nhận true hoặc false.")
    absences = item.get("absences")
    if absences is not None and (type(absences) is not int or not 0 <= absences <= _MAX_COUNT):
        raise Invalid(f"absences phải là số buổi nghỉ, số nguyên từ 0; ở đây là {_shown(absences)}.")
    return StudentYear(
        grade_level=grade_level,
        subjects=read,
        conduct=(_level(conduct[0], "conduct"), _level(conduct[1], "conduct")),
        conduct_after_summer=_level(item.get("conduct_after_summer"), "conduct_after_summer"),
        absences=absences,
        inclusive_disability=disability,
        id=item.get("id"),
    )


def _shown(value: object) -> str:
    text = {None: "null", True: "true", False: "false"}.get(value) if value is None or type(value) is bool else None
    text = text or (f"“{value}”" if isinstance(value, str) else str(value))
    return text if len(text) <= 40 else text[:39] + "…"


def _level(raw: object, where: str) -> Level | None:
    if raw is None:
        return None
    level = _LEVELS.get(raw) if type(raw) is str else None
    if level is None:
        raise Invalid(f"{where}: không có mức {_shown(raw)}. Các mức là T, K, Đ, CĐ.")
    return level


def _subject(raw: object) -> SubjectYear:
    if type(raw) is not dict:
        raise Invalid("Mỗi môn trong subjects phải là một đối tượng JSON {…}.")
    code = raw.get("code")
    if type(code) is not str or not code.strip():
        raise Invalid(f"Môn học phải có code là chuỗi; ở đây là {_shown(code)}.")
    raw_kind = raw.get("kind")
    kind = _KINDS.get(raw_kind) if type(raw_kind) is str else None
    if kind is None:
        raise Invalid(f"Môn {code}: kind phải là scored hoặc comment; ở đây là {_shown(raw_kind)}.")
    lessons = raw.get("lessons_per_year")
    if lessons is None and kind is SubjectKind.COMMENT:
        lessons = 1  # the number of assessments of a comment subject does not depend on it
    if type(lessons) is not int or not 0 < lessons <= _MAX_COUNT:
        raise Invalid(
            f"Môn {code}: lessons_per_year phải là số tiết cả năm, số nguyên lớn hơn 0; ở đây là {_shown(lessons)}."
        )
    raw_exempt = raw.get("exempt")
    if raw_exempt is None:
        exempt = (False, False)
    elif type(raw_exempt) is bool:
        exempt = _EXEMPT[raw_exempt]
    elif type(raw_exempt) is list and len(raw_exempt) == 2 and all(type(one) is bool for one in raw_exempt):
        exempt = (raw_exempt[0], raw_exempt[1])
    else:
        raise Invalid(f"Môn {code}: exempt chỉ nhận true, false hoặc một cặp cho hai học kì, ví dụ [true, false].")
    raw_semesters = raw.get("semesters")
    if raw_semesters is None:
        raw_semesters = []
    if type(raw_semesters) is not list or len(raw_semesters) > 2:
        raise Invalid(f"Môn {code}: semesters phải là danh sách của hai học kì.")
    scored = kind is SubjectKind.SCORED
    marks = [_semester(one, scored, code, index) for index, one in enumerate(raw_semesters)]
    while len(marks) < 2:
        marks.append(_EMPTY)
    name = raw.get("name")
    if name is not None and type(name) is not str:
        raise Invalid(f"Môn {code}: name phải là chuỗi.")
    reassessed = raw.get("reassessed")
    return SubjectYear(
        code=code,
        kind=kind,
        lessons_per_year=lessons,
        semesters=(marks[0], marks[1]),
        exempt=exempt,
        reassessed=None if reassessed is None else _value(reassessed, scored, code, "kiểm tra, đánh giá lại"),
        name=name,
    )


def _semester(raw: object, scored: bool, code: str, index: int) -> SemesterMarks:
    if raw is None:
        return _EMPTY
    if type(raw) is not dict:
        raise Invalid(f"Môn {code}, {SEMESTER_NAMES[index]}: phải là một đối tượng có regular, midterm, final.")
    regular = raw.get("regular")
    if regular is None:
        regular = []
    if type(regular) is not list:
        raise Invalid(f"Môn {code}, {SEMESTER_NAMES[index]}: regular phải là danh sách.")
    while regular and regular[-1] is None:
        regular = regular[:-1]  # empty places of the printed form are no marks
    known = _SCORES if scored else _MARKS
    midterm, final = raw.get("midterm"), raw.get("final")
    try:
        return SemesterMarks(
            tuple([None if one is None else known[one] for one in regular]),
            None if midterm is None else known[midterm],
            None if final is None else known[final],
        )
    except (KeyError, TypeError):
        values = [*enumerate(regular, 1), ("giữa kì", midterm), ("cuối kì", final)]
        for place, one in values:
            words = place if type(place) is str else f"thường xuyên {place}"
            if one is not None:
                _value(one, scored, code, f"{SEMESTER_NAMES[index]}, {words}")
        raise


def _value(raw: object, scored: bool, code: str, where: str) -> Value:
    if type(raw) is not str:
        raise Invalid(
            f"Môn {code}, {where}: kết quả phải là chuỗi trong dấu nháy, ví dụ {'“8.5”' if scored else '“Đ”'}; "
            f"ở đây là {_shown(raw)}."
        )
    value: Value | None = _SCORES.get(raw) if scored else _MARKS.get(raw)
    if value is None:
        if scored:
            raise Invalid(
                f"Môn {code}, {where}: {_shown(raw)} không phải là điểm từ 0 đến 10 với nhiều nhất một chữ số thập phân."
            )
        raise Invalid(f"Môn {code}, {where}: {_shown(raw)} không phải là Đ hoặc CĐ.")
    return value


def _out(value: Value | None) -> str | None:
    if value is None:
        return None
    return value.value if isinstance(value, PassFail) else to_point(value)


def to_json(result: StudentYearResult) -> dict[str, Any]:
    """The answer line of one student-year, ready for ``json.dumps``."""
    learning, conduct = result.learning, result.conduct
    return {
        "id": result.id,
        "subjects": {
            subject.code: {
                "semesters": [_out(subject.semesters[0]), _out(subject.semesters[1])],
                "year": _out(subject.year),
                "after_reassessment": _out(subject.after_reassessment),
            }
            for subject in result.subjects
        },
        "learning": {
            "semesters": list(learning.levels[:2]),
            "year": learning.levels[2],
            "adjusted": list(learning.adjusted),
            "needs_council_review": list(learning.needs_council_review),
            "after_reassessment": learning.after_reassessment,
        },
        "conduct": {"year": conduct.year, "after_summer": conduct.after_summer},
        "promotion": result.promotion,
        "award": result.award,
        "gaps": [{"subject": gap.subject, "semester": gap.semester, "missing": gap.missing} for gap in result.gaps],
        "steps": list(result.steps),
    }
