"""A month's absences corrected after lock: asked, previewed, approved, and the year's totals with it; no total beside its months unsaid."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import (
    audit,
    audit_verify,
    correction_decisions,
    correction_impact,
    correction_month_requests,
    correction_requests,
    correction_resending,
    frozen_results,
    log_replay,
    transcript_building,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.month_absence_page import month_page
from hocbaso.services.month_totals import cells_of
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_corrections import BINH, LATER, SCAN, approve, ask_kept

MONTHS = {
    1: ("2026-09", "2026-10", "2026-11", "2026-12", "2027-01"),
    2: ("2027-01", "2027-02", "2027-03", "2027-04", "2027-05"),
}
SEPT, OCT, NOV = (f"month-1-{month}-excused" for month in MONTHS[1][:3])


def typed_by_month(cast: Cast, counts: tuple[int, ...] = (1, 0, 0, 0, 0), kind: str = "excused") -> None:
    """Months behind a total of semester I of Bình's year, as they were typed before the class was finalised: excused come to 1."""
    with write_transaction() as session:
        rows = [
            m.MonthAbsence(
                enrollment_id=cast.enrollments["9A", BINH],
                semester=1,
                month=month,
                kind=kind,
                sessions=sessions,
                updated_at=NOW,
            )
            for month, sessions in zip(MONTHS[1], counts, strict=True)
        ]
        session.add_all(rows)
        session.flush()
        audit.record(
            AuditTag.MONTH_ABSENCES_CHANGED,
            SYSTEM,
            NOW,
            target_kind="class_group",
            target_id=cast.classes["9A"],
            state=audit.states("month_absence", rows),
        )


def ask_months(
    cast: Cast, raw: dict[str, str], who: str = "math", seen: dict[str, str] | None = None
) -> m.CorrectionRequest:
    enrollment_id = cast.enrollments["9A", BINH]
    page = correction_month_requests.form(cast.actor(who), enrollment_id, LATER)
    standing = {name: one.present for name, one in page.fields.items()} | (seen or {})
    return correction_month_requests.ask(cast.actor(who), enrollment_id, raw, standing, "Ghi nhầm dòng", [SCAN], LATER)


def sessions(cast: Cast) -> dict[str, int | None]:
    cells = cells_of([cast.enrollments["9A", BINH]])[cast.enrollments["9A", BINH]]
    return {f"month-{key}-{kind}": row.sessions for (key, kind), row in cells.items()}


def totals(cast: Cast) -> tuple[int, int]:
    record = db.session.scalars(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == cast.enrollments["9A", BINH])
        .execution_options(populate_existing=True)
    ).one()
    return record.absences_excused_1, record.absences_unexcused_1


def is_sound(cast: Cast) -> bool:
    return not audit_verify.verify().faults and not log_replay.audit_faults_of_class(cast.classes["9A"])


def test_a_month_is_corrected_and_the_years_totals_on_the_paper_follow(issued: Cast) -> None:
    typed_by_month(issued)
    enrollment_id = issued.enrollments["9A", BINH]
    request = ask_months(issued, {SEPT: "1", OCT: "26", NOV: "20"})
    assert request.state == "CONFIRMED", "the homeroom teacher asks, so nobody but the principal is left"
    found = correction_impact.of_request(request, LATER.date())
    assert [(one.label, one.before, one.after, one.note) for one in found.items] == [
        ("Nghỉ có phép tháng 10 (học kì I)", "0", "26", ""),
        ("Nghỉ có phép tháng 11 (học kì I)", "0", "20", ""),
    ]
    said = {change.label: (change.before, change.after) for change in found.changes}
    assert said == {
        "Nghỉ có phép học kì I": ("1", "47"),
        "Kết luận cả năm": ("COMPLETED", "RETAINED"),
    }
    assert [one.how for one in found.voided] == ["recalled"] and totals(issued) == (1, 0)
    with pytest.raises(NotAllowed):
        approve(issued, request, "math")
    approve(issued, request)
    assert (sessions(issued)[OCT], sessions(issued)[NOV], totals(issued)) == (26, 20, (47, 0))
    assert frozen_results.read_frozen(enrollment_id)["absences"]["year"] == {"excused": 47, "unexcused": 1}
    entry = db.session.scalars(
        select(m.AuditEntry).where(m.AuditEntry.tag == "homeroom:month:changed").order_by(m.AuditEntry.seq.desc())
    ).first()
    assert entry is not None
    payload = json.loads(entry.payload)
    assert payload["before"] == {
        "Nghỉ có phép tháng 10 (học kì I)": "0",
        "Nghỉ có phép tháng 11 (học kì I)": "0",
        "Tổng nghỉ có phép học kì I": "1",
    }
    assert payload["facts"]["asked_by"] == "Trịnh Thu Hà" and len(payload["state"]["month_absence"]) == 2
    page = month_page(issued.actor("math"), issued.classes["9A"], LATER, term=1)
    assert page.differing == () and [(row.full_name, row.year) for row in page.near] == [(BINH, 48)]
    transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], LATER, f"#{enrollment_id}")
    assert is_sound(issued)


def test_the_form_shows_what_was_typed_by_month_and_who_keeps_the_class_asks(approved: Cast) -> None:
    enrollment_id = approved.enrollments["9A", BINH]
    with pytest.raises(WrongState, match="không ghi theo tháng"):
        ask_months(approved, {OCT: "1"})
    typed_by_month(approved)
    page = correction_month_requests.form(approved.actor("math"), enrollment_id, LATER)
    assert [one.present for one in page.fields.values()] == ["1", "0", "0", "0", "0"]
    assert [(one.stands, one.typed, one.is_apart) for one in page.totals][:2] == [(1, 1, False), (0, None, False)]
    for who in ("head_society", "principal", "clerk", "other"):
        assert not correction_month_requests.asks_months(approved.actor(who), enrollment_id, LATER)
        with pytest.raises((NotFound, NotAllowed)):
            ask_months(approved, {OCT: "1"}, who)
    assert correction_month_requests.asks_months(approved.actor("math"), enrollment_id, LATER)


def test_what_a_month_does_not_take_is_refused_at_its_place(approved: Cast) -> None:
    typed_by_month(approved)
    typed_by_month(approved, (0, 0, 0, 0, 0), "unexcused")
    unexcused = OCT.replace("excused", "unexcused")
    for raw, field in (
        ({OCT: "nhiều"}, OCT),
        ({OCT: ""}, OCT),
        ({OCT: "28"}, OCT),
        ({OCT: "20", unexcused: "8"}, OCT),
        ({OCT: "0"}, "fields"),
    ):
        with pytest.raises(Invalid) as refused:
            ask_months(approved, raw)
        assert refused.value.field == field, raw
    for name in ("month-1-2026-07-excused", "month-2-2027-02-excused", "conduct_1", "month-1-2026-10-late"):
        with pytest.raises(NotFound):
            ask_months(approved, {name: "1"})
    with pytest.raises(Stale) as stale:
        ask_months(approved, {OCT: "3"}, seen={OCT: "2"})
    assert isinstance(stale.value.current, tuple)
    assert [(one.present, one.wanted) for one in stale.value.current] == [("0", "3")]
    assert db.session.scalar(select(m.CorrectionRequest.id)) is None
    assert ask_months(approved, {OCT: "19", unexcused: "8"}).items[0].new_text == "19"


def test_a_month_and_its_total_do_not_stand_in_two_open_requests(approved: Cast) -> None:
    typed_by_month(approved)
    first = ask_months(approved, {OCT: "2"})
    with pytest.raises(WrongState, match="tháng 10"):
        ask_kept(approved, {"absences_excused_1": "9"})
    with pytest.raises(WrongState, match="tháng 10"):
        ask_months(approved, {NOV: "2"})
    ask_kept(approved, {"absences_unexcused_1": "3"})
    correction_requests.withdraw(approved.actor("math"), first.id, expected_version=first.version, now=LATER)
    ask_kept(approved, {"absences_excused_1": "9"})
    with pytest.raises(WrongState, match="Nghỉ có phép học kì I"):
        ask_months(approved, {OCT: "2"})


def test_both_kinds_of_a_month_stand_in_one_open_request(approved: Cast) -> None:
    """20 and 20 of the 27 sessions of October would each be right beside the 0 that stands."""
    typed_by_month(approved)
    typed_by_month(approved, (0, 0, 0, 0, 0), "unexcused")
    unexcused = OCT.replace("excused", "unexcused")
    first = ask_months(approved, {OCT: "20"})
    with pytest.raises(WrongState, match="tháng 10"):
        ask_months(approved, {unexcused: "20"})
    approve(approved, ask_months(approved, {NOV.replace("excused", "unexcused"): "1"}))
    approve(approved, first)
    with pytest.raises(Invalid, match="40 buổi, quá 27"):
        ask_months(approved, {unexcused: "20"})


def test_a_total_corrected_beside_its_months_says_so_and_months_may_come_to_it_again(approved: Cast) -> None:
    typed_by_month(approved)
    request = ask_kept(approved, {"absences_excused_1": "4", "absences_unexcused_1": "2"})
    noted = [one.note for one in correction_impact.of_request(request, LATER.date()).items]
    assert noted[0].startswith("Các tháng cộng 1") and noted[1] == "", "only the total that months stand behind"
    approve(approved, request)
    page = month_page(approved.actor("math"), approved.classes["9A"], LATER, term=1)
    assert [(row.full_name, row.totals[0].stands, row.totals[0].typed) for row in page.differing] == [(BINH, 4, 1)]
    with pytest.raises(Invalid, match="cộng 3") as refused:
        ask_months(approved, {OCT: "2"})
    assert refused.value.field == OCT
    again = ask_months(approved, {OCT: "2", NOV: "1"})
    found = correction_impact.of_request(again, LATER.date())
    assert found.changes == () and not found.refreezes, "nothing that is printed changes, so nothing is recalled"
    approve(approved, again)
    assert totals(approved) == (4, 2) and sum(value or 0 for value in sessions(approved).values()) == 4
    assert month_page(approved.actor("math"), approved.classes["9A"], LATER, term=1).differing == ()
    assert is_sound(approved)


def test_a_month_that_changed_meanwhile_holds_the_request_until_it_is_sent_again(approved: Cast) -> None:
    typed_by_month(approved)
    request = ask_months(approved, {OCT: "2"})
    with write_transaction() as session:  # what no page does: the pin has to hold all the same
        row = session.scalars(select(m.MonthAbsence).where(m.MonthAbsence.month == "2026-10")).one()
        record = session.scalars(
            select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id == approved.enrollments["9A", BINH])
        ).one()
        row.sessions, record.absences_excused_1 = 1, 2
        audit.record(
            AuditTag.MONTH_ABSENCES_CHANGED,
            SYSTEM,
            NOW,
            target_kind="class_group",
            target_id=approved.classes["9A"],
            state=audit.merge_states(audit.states("month_absence", [row]), audit.states("homeroom_record", [record])),
        )
    with pytest.raises(Stale, match="đã đổi"):
        approve(approved, request)
    assert sessions(approved)[OCT] == 1
    back = correction_decisions.send_back(
        approved.actor("principal"), request.id, "Xin xem lại", expected_version=request.version, now=LATER
    )
    sent = correction_resending.resend(
        approved.actor("math"), back.id, "Đã xem sổ", [], expected_version=back.version, now=LATER
    )
    assert [(item.old_text, item.new_text) for item in sent.items] == [("1", "2")]
    approve(approved, sent)
    assert (sessions(approved)[OCT], totals(approved)) == (2, (3, 0)) and is_sound(approved)
