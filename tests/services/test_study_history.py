"""Years at other schools: entered by the office, printed on the page of schooling so far, watched like everything printed."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import audit_verify, study_history, transcript_contents, untouched
from tests.cast import NOW, Cast
from tests.databases import Outside

PAPERS = {"year_label": "2024–2025", "class_name": "7A2", "school_name": "THCS Sông Bồ", "arrived_on": "05/09/2025"}


def pupil(school: Cast) -> int:
    found = db.session.scalar(
        select(m.Enrollment.student_id).where(m.Enrollment.id == school.enrollments["9A", "Nguyễn Bảo Châu"])
    )
    assert found is not None
    return found


def printed(school: Cast) -> list[tuple[str, str, str]]:
    year = db.session.get(m.SchoolYear, school.year_id)
    school_row = db.session.get(m.School, 1)
    assert year is not None
    rows = transcript_contents.study_history(pupil(school), year, transcript_contents.school_block(school_row))
    return [(row.school_year, row.class_name, row.school_name) for row in rows]


def test_a_year_elsewhere_is_entered_printed_and_struck_out(school: Cast) -> None:
    row = study_history.enter(school.actor("clerk"), pupil(school), PAPERS, NOW)
    assert study_history.past_years(school.actor("math"), pupil(school)) == [
        study_history.PastYear(row, "2024-2025", "7A2", "THCS Sông Bồ", date(2025, 9, 5))
    ]
    assert printed(school)[0] == ("2024-2025", "7A2", "THCS Sông Bồ")
    study_history.strike(school.actor("clerk"), pupil(school), row, NOW)
    assert study_history.past_years(school.actor("clerk"), pupil(school)) == []
    assert all(name != "THCS Sông Bồ" for _, _, name in printed(school))
    assert audit_verify.verify().ok
    with pytest.raises(NotFound):
        study_history.strike(school.actor("clerk"), pupil(school), row, NOW)


@pytest.mark.parametrize(
    ("who", "error"),
    [("math", NotAllowed), ("principal", NotAllowed), ("it_officer", NotFound), ("outsider", NotFound)],
)
def test_only_the_office_writes_it(school: Cast, who: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        study_history.enter(school.actor(who), pupil(school), PAPERS, NOW)
    assert db.session.scalar(select(func.count()).select_from(m.StudyHistory)) == 0


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("year_label", "2024"),
        ("year_label", "2024-2026"),
        ("year_label", "2031-2032"),
        ("year_label", "1999-2000"),
        ("class_name", ""),
        ("class_name", "7" * 21),
        ("school_name", "   "),
        ("school_name", "THCS \u202egnôS"),
        ("school_name", "a" * 201),
        ("arrived_on", "31/02/2025"),
    ],
)
def test_what_cannot_stand_on_the_paper_is_refused_at_its_field(school: Cast, field: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        study_history.enter(school.actor("clerk"), pupil(school), {**PAPERS, field: text}, NOW)
    assert refusal.value.field == field


def test_the_same_year_twice_and_too_many_are_refused(school: Cast) -> None:
    clerk = school.actor("clerk")
    study_history.enter(clerk, pupil(school), PAPERS, NOW)
    with pytest.raises(Invalid, match="đã có"):
        study_history.enter(clerk, pupil(school), {**PAPERS, "year_label": "2024-2025"}, NOW)
    for first in range(2013, 2024):
        study_history.enter(clerk, pupil(school), {**PAPERS, "year_label": f"{first}-{first + 1}"}, NOW)
    with pytest.raises(WrongState):
        study_history.enter(clerk, pupil(school), {**PAPERS, "year_label": "2023-2024", "class_name": "6B"}, NOW)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE study_history SET school_name = 'THCS Khác'", "trường"),
        ("UPDATE study_history SET struck_at = NULL", "lúc gạch bỏ"),
        ("DELETE FROM study_history", "Quá trình học tập"),
        (
            "INSERT INTO study_history (student_id, year_label, class_name, school_name) VALUES (7,'2023-2024','6','X')",
            "Quá trình học tập",
        ),
    ],
)
def test_a_year_that_another_program_wrote_stops_the_transcript(school: Cast, statement: str, told: str) -> None:
    row = study_history.enter(school.actor("clerk"), pupil(school), PAPERS, NOW)
    if "struck_at" in statement:
        study_history.strike(school.actor("clerk"), pupil(school), row, NOW)
    untouched.require_untouched(school.classes["9A"])
    with Outside() as outside:
        outside.execute(statement)
    db.session.remove()
    with pytest.raises(IntegrityFault) as refusal:
        untouched.require_untouched(school.classes["9A"])
    assert any(told in line for line in refusal.value.details)
    if "school_name =" in statement:
        with pytest.raises(IntegrityFault):
            study_history.strike(school.actor("clerk"), pupil(school), row, NOW)


def test_a_year_spent_here_from_the_start_is_no_year_elsewhere(school: Cast) -> None:
    here = {**PAPERS, "year_label": "2026-2027"}
    with pytest.raises(Invalid, match="9A"):
        study_history.enter(school.actor("clerk"), pupil(school), here, NOW)
    with write_transaction() as session:
        session.execute(
            update(m.Enrollment)
            .where(m.Enrollment.id == school.enrollments["9A", "Nguyễn Bảo Châu"])
            .values(status="transferred_in")
        )
    study_history.enter(school.actor("clerk"), pupil(school), here, NOW)
