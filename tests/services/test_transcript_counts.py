"""How many transcripts are due: of those who still study here, whatever asks."""

from __future__ import annotations

import pytest

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, dashboard, held_work, roster
from hocbaso.services.access import SYSTEM
from hocbaso.services.transcript_counts import records_by_state
from tests.cast import Cast


@pytest.fixture(name="approved_9a")
def approved_9a_fixture(school: Cast) -> Cast:
    """Class 9A approved, no record built yet."""
    with write_transaction() as session:
        class_group = session.get_one(m.ClassGroup, school.classes["9A"])
        class_group.state = "APPROVED"
        session.flush()
        audit.record(
            AuditTag.CLASS_MOVED,
            SYSTEM,
            school.now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("class_group", [class_group]),
        )
    return school


def mark(school: Cast, status: str, *, gone: bool) -> None:
    """Give one student of 9A a status, with or without a day of leaving."""
    with write_transaction() as session:
        name = next(student for class_name, student in school.enrollments if class_name == "9A")
        row = session.get_one(m.Enrollment, school.enrollments["9A", name])
        row.status, row.left_on = status, school.now.date() if gone else None
        session.flush()
        audit.record(
            AuditTag.ENROLLMENT_CHANGED,
            SYSTEM,
            school.now,
            target_kind="enrollment",
            target_id=row.id,
            state=audit.states("enrollment", [row]),
        )


@pytest.mark.parametrize(
    ("status", "gone", "n_due"),
    [
        ("studying", False, 5),
        ("transferred_in", False, 5),
        ("transferred_out", True, 4),
        ("left", True, 4),
        ("transferred_out", False, 4),
        ("left", False, 4),
        ("studying", True, 4),
    ],
)
def test_no_record_is_due_of_a_student_who_left_and_the_reminder_says_the_same_as_today(
    approved_9a: Cast, status: str, gone: bool, n_due: int
) -> None:
    mark(approved_9a, status, gone=gone)
    class_id = approved_9a.classes["9A"]
    assert records_by_state(roster.open_year().id) == {class_id: {None: n_due}}
    words = f"Lập {n_due} học bạ lớp 9A"
    keeper = approved_9a.actor("math")
    assert words in [item.title for item in dashboard.daily(keeper, approved_9a.now).plain]
    assert words in [work.what for work in held_work.unfinished(approved_9a.now)]


def test_a_class_that_is_not_approved_has_no_record_due(school: Cast) -> None:
    assert records_by_state(roster.open_year().id) == {}
