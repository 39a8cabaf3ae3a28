"""A granted exemption is taken back: asked with a reason, decided by somebody else, and the marks count again."""

from __future__ import annotations

import json

import pytest

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import (
    audit,
    audit_verify,
    class_page,
    dashboard,
    exemption_revocations,
    exemptions,
    log_replay,
    results,
    roster,
    score_entry,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.exemption_revocations import RevocationLine
from tests.cast import NOW, Cast, put_sheets
from tests.databases import Outside
from tests.services.full_class import fill_scores, last_entry
from tests.services.test_exemptions_and_decisions import BINH, propose

WHY = "Ghi nhầm học sinh cùng tên"


def granted(school: Cast, code: str = "PE", semester: int | None = None) -> int:
    line = propose(school, code=code, semester=semester)
    exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)
    return line.id


def ask(school: Cast, exemption_id: int, who: str = "math", reason: str = WHY) -> RevocationLine:
    return exemption_revocations.propose(school.actor(who), exemption_id, reason, now=NOW)


def decide(school: Cast, asked: RevocationLine, revoked: bool = True, who: str = "principal", note: str = ""):
    return exemption_revocations.decide(school.actor(who), asked.id, revoked, note=note, now=NOW)


def type_one(school: Cast, code: str = "PE", value: str = "Đ"):
    return score_entry.save_cell(
        school.actor("other"),
        school.sheets["9A", code, 2],
        school.enrollments["9A", BINH],
        "TX1",
        value,
        expected_version=0,
        op_id=None,
        now=NOW,
    )


def result(school: Cast, code: str) -> str | None:
    row = results.compute_class(school.classes["9A"], NOW.date()).by_id[school.enrollments["9A", BINH]]
    return row.result.subjects[code].year


def test_taken_back_the_marks_count_again_and_what_is_missing_is_typed(school: Cast) -> None:
    fill_scores(school, "9A", skip=(("9A", "PE", 2),))
    assert type_one(school).written, "one mark stands before the exemption"
    exemption = granted(school)
    assert result(school, "PE") == "Miễn"
    asked = ask(school, exemption)
    assert (asked.state, result(school, "PE")) == ("PROPOSED", "Miễn"), "asking changes nothing"
    done = decide(school, asked)
    assert done.state == "REVOKED"
    assert result(school, "PE") is None, "semester II has gaps again"
    row = results.compute_class(school.classes["9A"], NOW.date()).by_id[school.enrollments["9A", BINH]]
    assert row.result.subjects["PE"].semester_1 == "Đ"
    with pytest.raises(DomainError):
        type_one(school, value="CĐ")  # the mark of before stands there again: version 1
    second = score_entry.save_cell(
        school.actor("other"),
        school.sheets["9A", "PE", 2],
        school.enrollments["9A", BINH],
        "GK",
        "Đ",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    assert second.written
    payload = json.loads(last_entry("exemption:revocation:decided").payload)
    assert payload["state"]["exemption"][str(exemption)]["state"] == "REVOKED"
    assert (payload["before"], payload["facts"]["asked_by"]) == ({"state": "GRANTED"}, "Trịnh Thu Hà")
    assert audit_verify.verify().faults == [] and log_replay.audit_faults_of_class(school.classes["9A"]) == []
    past = exemption_revocations.of_enrollment(school.actor("math"), school.enrollments["9A", BINH])
    assert [(one.exemption.state, one.exemption.document, one.revocations[0].reason) for one in past] == [
        ("REVOKED", "12/QĐ", WHY)
    ]
    assert propose(school).state == "PROPOSED", "the right one may be proposed after the wrong one"


def test_left_with_a_reason_and_asked_again(school: Cast) -> None:
    exemption = granted(school)
    asked = ask(school, exemption)
    with pytest.raises(WrongState, match="đang chờ"):
        ask(school, exemption, "clerk")
    with pytest.raises(Invalid):
        decide(school, asked, False)
    assert decide(school, asked, False, note="Quyết định đúng người").state == "REFUSED"
    assert result(school, "PE") == "Miễn"
    with pytest.raises(WrongState, match="đã có quyết định"):
        decide(school, asked)
    again = ask(school, exemption, "clerk", "Có xác nhận của bệnh viện")
    assert decide(school, again).state == "REVOKED"
    past = exemption_revocations.of_student(school.actor("clerk"), _student(school))[0]
    assert [one.state for one in past.revocations] == ["REFUSED", "REVOKED"] and not past.may_ask
    with pytest.raises(WrongState, match="đã được thu hồi"):
        ask(school, exemption)


def _student(school: Cast) -> int:
    return db.session.get_one(m.Enrollment, school.enrollments["9A", BINH]).student_id


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("principal", NotAllowed),
        ("vice_principal", NotAllowed),
        ("other", NotFound),
        ("head_society", NotFound),
        ("it_officer", NotFound),
        ("outsider", NotFound),
    ],
)
def test_the_homeroom_teacher_and_the_office_ask(school: Cast, who: str, error: type[DomainError]) -> None:
    exemption = granted(school)
    with pytest.raises(error):
        ask(school, exemption, who)


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("math", NotAllowed),
        ("vice_principal", NotAllowed),
        ("clerk", NotFound),
        ("it_officer", NotFound),
        ("head_society", NotFound),
    ],
)
def test_the_principal_decides(school: Cast, who: str, error: type[DomainError]) -> None:
    asked = ask(school, granted(school))
    with pytest.raises(error):
        decide(school, asked, who=who)


def test_a_principal_who_keeps_the_class_asks_and_a_vice_principal_decides(school: Cast) -> None:
    exemption = granted(school)
    roster.assign_homeroom(SYSTEM, school.classes["9A"], school.people["principal"], NOW, starts_on=NOW.date())
    asked = ask(school, exemption, "principal")
    with pytest.raises(NotAllowed, match="Phó Hiệu trưởng"):
        decide(school, asked)
    assert exemption_revocations.waiting(school.actor("principal")) == []
    assert [one.id for one in exemption_revocations.waiting(school.actor("vice_principal"))] == [asked.id]
    assert decide(school, asked, who="vice_principal").state == "REVOKED"


def test_it_waits_for_the_principal_and_holds_the_class(school: Cast) -> None:
    principal = school.actor("principal")
    exemption = granted(school)
    before = dashboard.count_waiting(principal, NOW)
    ask(school, exemption)
    assert dashboard.count_waiting(principal, NOW) == before + 1
    items = [one for one in dashboard.daily(principal, NOW).odd if one.kind == "exemption"]
    assert [one.title for one in items] == [f"Thu hồi: Miễn Giáo dục thể chất, cả năm, {BINH}"]
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert len(page.gaps_of("exemption")) == 1


@pytest.mark.parametrize(
    ("state", "asks"), [("SUBMITTED", True), ("REVIEWED", True), ("APPROVED", False), ("LOCKED", False)]
)
def test_nothing_is_put_into_a_sheet_that_was_read_as_it_stood(school: Cast, state: str, asks: bool) -> None:
    exemption = granted(school, semester=1)
    asked = ask(school, exemption) if asks else None
    put_sheets([school.sheets["9A", "PE", 1]], state)
    with pytest.raises(WrongState, match="Giáo dục thể chất 9A, học kì I đã"):
        decide(school, asked) if asked else ask(school, exemption)
    db.session.expire_all()
    assert db.session.get_one(m.Exemption, exemption).state == "GRANTED"
    put_sheets([school.sheets["9A", "PE", 1]], "RETURNED")
    assert decide(school, asked or ask(school, exemption)).state == "REVOKED"


def put_class(school: Cast, state: str) -> None:
    """Stand 9A in a state, with the log telling of it, whatever the flow would say."""
    with write_transaction() as session:
        row = session.get_one(m.ClassGroup, school.classes["9A"], populate_existing=True)
        row.state = state
        audit.record(
            AuditTag.CLASS_MOVED,
            SYSTEM,
            NOW,
            target_kind="class_group",
            target_id=row.id,
            state=audit.states("class_group", [row]),
        )


def test_a_finalised_class_is_opened_first(school: Cast) -> None:
    exemption = granted(school)
    put_class(school, "FINALISED")
    with pytest.raises(WrongState, match="Mở lại để sửa"):
        ask(school, exemption)


def test_one_semester_opens_that_semester(school: Cast) -> None:
    first, second = granted(school, semester=1), granted(school, semester=2)
    decide(school, ask(school, second))
    assert db.session.get_one(m.Exemption, first).state == "GRANTED"
    assert type_one(school).written


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE exemption_revocation SET reason = 'khác'",
        "UPDATE exemption_revocation SET proposed_by = NULL",
        "UPDATE exemption_revocation SET state = 'REVOKED', decided_at = proposed_at",
        "DELETE FROM exemption_revocation",
        "UPDATE exemption SET state = 'REVOKED'",
    ],
)
def test_what_another_program_wrote_is_found(school: Cast, statement: str) -> None:
    asked = ask(school, granted(school))
    db.session.remove()
    with Outside() as link:
        link.execute(statement)
    assert audit_verify.verify().faults != []
    assert log_replay.audit_faults_of_class(school.classes["9A"]) != []
    with pytest.raises((IntegrityFault, WrongState, NotFound)):
        decide(school, asked)
