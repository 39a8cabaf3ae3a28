"""A paper in force that the school holds to be wrong, because its recall was refused: told until somebody asks again or corrects back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import current_app

from hocbaso import models as m
from hocbaso.cli.simulation import reminder_watch
from hocbaso.db import db, write_transaction
from hocbaso.errors import Stale
from hocbaso.services import (
    audit_verify,
    batches,
    civil_status,
    correction_civil_requests,
    correction_decisions,
    correction_impact,
    correction_score_requests,
    dashboard,
    held_work,
    instance_check,
    notices,
    overtaken_records,
    readiness,
    readiness_steps,
    recall_lists,
    recall_requests,
    recall_steps,
    recall_view,
    reminders,
    signing,
    signing_view,
    students,
    test_school_keys,
    transcript_building,
    transcript_moves,
    verification,
)
from hocbaso.services.access import Actor
from hocbaso.services.correction_impact import Impact
from hocbaso.services.correction_score_requests import Wanted
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_corrections import BINH, PHOTO, SCAN, cell, student_of
from tests.services.test_publishing import sign
from tests.services.test_sheet_hands import statements
from tests.services.test_transcripts import records

PIN = test_school_keys.DEMO_PIN
AUTUMN = datetime(2027, 8, 20, 3, tzinfo=UTC)
WRONG = "Học bạ đang có hiệu lực khác"


def requested(cast: Cast, value: str, now: datetime) -> tuple[m.CorrectionRequest, Impact]:
    """A correction of Bình's last mark in Ngữ văn that waits for the principal, and what it would change."""
    seen = cell(cast, "LIT", 2, "CK").version
    request = correction_score_requests.ask_scores(
        cast.actor("head_society"),
        cast.enrollments["9A", BINH],
        {(cast.sheets["9A", "LIT", 2], "CK"): Wanted(value, seen)},
        "Bài kiểm tra ghi khác",
        [PHOTO],
        now,
    )
    request = correction_decisions.confirm(cast.actor("math"), request.id, expected_version=request.version, now=now)
    return request, correction_impact.of_request(request, now.date())


def corrected(cast: Cast, value: str, now: datetime) -> None:
    request, found = requested(cast, value, now)
    correction_decisions.approve(
        cast.actor("principal"), request.id, expected_version=request.version, seen_digest=found.digest, now=now
    )


def answered(cast: Cast, agreed: list[int], now: datetime) -> m.RecallList:
    """The list goes its whole way."""
    row = recall_lists.make(cast.actor("clerk"), cast.year_id, now)
    recall_lists.sign(cast.actor("principal"), row.id, PIN, now)
    recall_lists.sign(cast.actor("clerk"), row.id, PIN, now)
    recall_lists.mark_sent(cast.actor("clerk"), row.id, "Công văn 1", now)
    recall_lists.answer(cast.actor("clerk"), row.id, agreed, "Sở không đồng ý, CV 12", now)
    db.session.expire_all()
    return row


def refused(cast: Cast) -> m.TranscriptRecord:
    """8,7 became 1,0 after the year was closed, and the authority said no."""
    corrected(cast, "1", AUTUMN)
    answered(cast, [], AUTUMN + timedelta(days=1))
    return paper(cast)


def paper(cast: Cast) -> m.TranscriptRecord:
    [row] = [one for one in records() if one.enrollment_id == cast.enrollments["9A", BINH] and one.state != "RECALLED"]
    return row


def titles(cast: Cast, who: str, now: datetime) -> list[str]:
    day = dashboard.daily(cast.actor(who), now)
    assert dashboard.count_waiting(cast.actor(who), now) == day.n_waiting
    return [item.title for item in (*day.odd, *day.plain)]


def held(now: datetime, words: str = "thu hồi") -> list[tuple[str, tuple[int, ...]]]:
    return [(one.what, one.holders) for one in held_work.unfinished(now) if words in one.what]


@pytest.mark.parametrize("who", ["principal", "clerk"])
def test_a_refused_recall_leaves_work_to_the_principal_and_the_office(issued: Cast, who: str) -> None:
    now = AUTUMN + timedelta(days=2)
    assert not overtaken_records.overtaken()
    row = refused(issued)
    assert row.state == "PUBLISHED" and verification.by_code(row.uuid).standing == "in_force"
    [title] = [one for one in titles(issued, who, now) if WRONG in one]
    assert BINH in title and "9A" in title and "kết quả đã chốt" in title
    assert not [one for one in titles(issued, "math", now) if WRONG in one]
    [(what, holders)] = held(now, WRONG)
    assert BINH in what and set(holders) == {issued.people["principal"], issued.people["clerk"]}
    [(wrong, may_ask)] = recall_view.overview(issued.actor(who)).wrong
    assert may_ask and wrong.record_uuid == row.uuid and "CV 12" in wrong.refusal
    assert ("subject", "LIT", "semester_2") in [change.place for change in wrong.changes]
    [notice] = [one for one in instance_check.check(now).notices if "9A" in one]
    assert "1 học bạ" in notice and "kết quả đã chốt" in notice


def test_the_class_is_not_through_on_the_board(issued: Cast) -> None:
    now = AUTUMN + timedelta(days=2)

    def row() -> readiness.BoardRow:
        return next(one for one in readiness.board_rows(now.date()) if one.name == "9A")

    before = row()
    assert before.is_done and before.holder == "đã phát hành"
    refused(issued)
    after = row()
    assert (after.cells[-1].n_done, after.n_left, after.is_late) == (len(STAY) - 1, 1, False)
    assert "khác kết quả đã chốt" in after.holder
    detail = readiness_steps.step_detail(issued.actor("principal"), issued.classes["9A"], 8, now)
    assert [(one.what, one.missing) for one in detail.lines] == [("1 học bạ", "đang có hiệu lực khác kết quả đã chốt")]


def test_many_papers_cost_no_more_statements_than_one(issued: Cast) -> None:
    refused(issued)

    def looked() -> tuple[int, int, int]:
        db.session.rollback()
        db.session.expunge_all()
        with statements() as seen:
            n = len(overtaken_records.overtaken())
            of_class = overtaken_records.of_class(issued.classes["9A"])
        return n, len(of_class), sum(one.startswith("SELECT") for one in seen)

    assert looked() == (1, 1, 8)
    for row in [one for one in records() if one.enrollment_id != issued.enrollments["9A", BINH]]:
        asked = recall_requests.ask(issued.actor("clerk"), row.uuid, "Sai nơi sinh", AUTUMN)
        recall_requests.refuse(issued.actor("principal"), asked.id, "Chờ họp Hội đồng", AUTUMN)
        with write_transaction() as session:
            session.get_one(m.Enrollment, row.enrollment_id).student.birth_place = "Nam Định"
    assert looked() == (len(STAY), len(STAY), 8)
    with statements() as seen:
        assert overtaken_records.of_class(issued.classes["6A"]) == []
    assert len(seen) == 1


def test_a_year_elsewhere_that_the_paper_lacks_is_told_too(issued: Cast) -> None:
    """The office's request on the table of years was approved, and the authority refused the recall."""

    def asked(text: str, seen: str, now: datetime) -> m.CorrectionRequest:
        years = civil_status.PAST_YEARS
        clerk, student = issued.actor("clerk"), student_of(issued).id
        request = correction_civil_requests.ask_civil_status(
            clerk, student, {years: text}, {years: seen}, "Theo học bạ trường cũ", "Học bạ trường cũ", [SCAN], now
        )
        request = correction_decisions.confirm(
            issued.actor("math"), request.id, expected_version=request.version, now=now
        )
        found = correction_impact.of_request(request, now.date())
        return correction_decisions.approve(
            issued.actor("principal"), request.id, expected_version=request.version, seen_digest=found.digest, now=now
        )

    line = "2024-2025; 6Z; THCS Bịa"
    asked(line, "", AUTUMN)
    answered(issued, [], AUTUMN + timedelta(days=1))
    [wrong] = overtaken_records.overtaken()
    assert (wrong.fields, wrong.changes, wrong.against) == (("Các năm học ở trường khác",), (), "hồ sơ")
    assert "CV 12" in wrong.refusal
    board = next(one for one in readiness.board_rows(AUTUMN.date()) if one.name == "9A")
    assert board.holder.endswith("1 học bạ đang có hiệu lực khác hồ sơ")
    asked("", line, AUTUMN + timedelta(days=2))
    assert overtaken_records.overtaken() == [], "struck again, the paper is right"


def test_correcting_back_recalls_nothing_and_ends_the_work(issued: Cast) -> None:
    now = AUTUMN + timedelta(days=3)
    row = refused(issued)
    request, found = requested(issued, "8,7", now)
    assert (found.changes, found.voided, found.refreezes) == ((), (), True)
    assert "học bạ đang có hiệu lực" in found.paper
    correction_decisions.approve(
        issued.actor("principal"), request.id, expected_version=request.version, seen_digest=found.digest, now=now
    )
    assert paper(issued).uuid == row.uuid and paper(issued).state == "PUBLISHED"
    assert overtaken_records.overtaken() == [] and held(now, WRONG) == []
    assert not [one for one in titles(issued, "clerk", now) if WRONG in one]
    transcript_building.build_class(
        issued.actor("clerk"), issued.classes["9A"], now
    )  # the class may be built again: nothing is wrong
    assert paper(issued).uuid == row.uuid
    assert audit_verify.verify().faults == []


def test_the_before_of_a_preview_is_what_the_paper_prints(issued: Cast) -> None:
    """Half way back: the paper prints 8,5 in the semester, not what was frozen for 1,0."""
    refused(issued)
    printed = next(
        one.before for one in overtaken_records.overtaken()[0].changes if one.place == ("subject", "LIT", "semester_2")
    )
    _, found = requested(issued, "5", AUTUMN + timedelta(days=3))
    [change] = [one for one in found.changes if one.place == ("subject", "LIT", "semester_2")]
    assert change.before == printed and [one.how for one in found.voided] == ["waits"]


def test_back_before_the_answer_the_request_still_waits(issued: Cast) -> None:
    corrected(issued, "1", AUTUMN)
    request, found = requested(issued, "8,7", AUTUMN + timedelta(hours=1))
    assert found.voided == () and "vẫn đang chờ" in found.paper
    correction_decisions.approve(
        issued.actor("principal"), request.id, expected_version=request.version, seen_digest=found.digest, now=AUTUMN
    )
    answered(issued, [], AUTUMN + timedelta(days=1))
    assert paper(issued).state == "PUBLISHED" and overtaken_records.overtaken() == []


def test_asked_again_it_is_no_more_open_and_agreed_it_is_made_anew(issued: Cast) -> None:
    now = AUTUMN + timedelta(days=3)
    row = refused(issued)
    again = recall_requests.ask(issued.actor("clerk"), row.uuid, "Gửi thêm minh chứng", now)
    assert overtaken_records.overtaken() == []
    recall_requests.refuse(issued.actor("principal"), again.id, "Chờ họp Hội đồng", now)
    [wrong] = overtaken_records.overtaken()
    assert "Chờ họp Hội đồng" in wrong.refusal, "the principal's no leaves the paper as wrong as the authority's"
    second = recall_requests.recall(issued.actor("principal"), row.uuid, "Gửi thêm minh chứng", now)
    assert second is not None and second.state == "APPROVED"
    answered(issued, [second.id], now + timedelta(days=1))
    assert db.session.get(m.TranscriptRecord, row.id).state == "RECALLED" and overtaken_records.overtaken() == []


def test_a_name_that_was_corrected_while_the_paper_stays(issued: Cast) -> None:
    student = db.session.get_one(m.Enrollment, issued.enrollments["9A", BINH]).student
    request = correction_civil_requests.ask_civil_status(
        issued.actor("clerk"),
        student.id,
        {"birth_place": "Nam Định"},
        {"birth_place": student.birth_place or ""},
        "Cải chính",
        "QĐ 15/UBND",
        [SCAN],
        AUTUMN,
    )
    request = correction_decisions.confirm(issued.actor("math"), request.id, expected_version=1, now=AUTUMN)
    correction_decisions.approve(
        issued.actor("principal"),
        request.id,
        expected_version=request.version,
        seen_digest=correction_impact.of_request(request, AUTUMN.date()).digest,
        now=AUTUMN,
    )
    answered(issued, [], AUTUMN + timedelta(days=1))
    [wrong] = overtaken_records.overtaken()
    assert (wrong.changes, wrong.fields, wrong.against) == ((), ("Nơi sinh",), "hồ sơ")


def test_each_step_to_the_authority_waits_for_who_has_to_do_it(issued: Cast) -> None:
    corrected(issued, "1", AUTUMN)
    principal, clerk = issued.people["principal"], issued.people["clerk"]
    now = AUTUMN + timedelta(hours=1)

    def waits(who: str, words: str) -> None:
        """One item and one held work, both of this person alone."""
        [(what, holders)] = held(now)
        assert words in what and holders == ({"principal": principal, "clerk": clerk}[who],)
        for one in ("principal", "clerk"):
            assert [words in title for title in titles(issued, one, now) if "thu hồi" in title] == [True] * (one == who)

    waits("clerk", "Lập danh sách thu hồi")
    row = recall_lists.make(issued.actor("clerk"), issued.year_id, now)
    waits("principal", "Ký danh sách thu hồi số 1")
    recall_lists.sign(issued.actor("principal"), row.id, PIN, now)
    waits("clerk", "Đóng dấu danh sách thu hồi số 1")
    recall_lists.sign(issued.actor("clerk"), row.id, PIN, now)
    waits("clerk", "Gửi cấp trên danh sách thu hồi số 1")
    recall_lists.mark_sent(issued.actor("clerk"), row.id, "", now)
    waits("clerk", "Ghi trả lời của cấp trên")
    late = AUTUMN + timedelta(days=9)
    assert reminders.remind(issued.actor("principal"), late)
    [notice] = [one for one in notices.waiting(clerk) if one.day == late.date()]
    assert notice.body.count("Ghi trả lời của cấp trên") == 1
    recall_lists.answer(issued.actor("clerk"), row.id, [row.requests[0].id], "CV 9", now)
    assert recall_steps.steps() == []
    assert [what for what, _holders in held(now)] == ["Lập 1 học bạ lớp 9A, thay bản đã thu hồi"]


def test_a_list_that_asks_nothing_of_the_authority_waits_for_no_answer(issued: Cast) -> None:
    now = AUTUMN - timedelta(days=60)
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, "Sai nơi sinh", now)
    assert recall_steps.steps() == [], "recalled already: whether it is listed now or later is nobody's hurry"
    row = recall_lists.make(issued.actor("clerk"), issued.year_id, now)
    recall_lists.sign(issued.actor("principal"), row.id, PIN, now)
    recall_lists.sign(issued.actor("clerk"), row.id, PIN, now)
    assert [one.what.split(" danh")[0] for one in recall_steps.steps()] == ["Gửi cấp trên"]
    recall_lists.mark_sent(issued.actor("clerk"), row.id, "", now)
    assert recall_steps.steps() == []


def test_what_is_wrong_is_not_published_until_it_is_right(built: Cast) -> None:
    """Sealed and not published when the correction came: after the refusal the words name the way out, and the way out opens."""
    sign(built, "homeroom", "principal", "seal", order=False)
    uuid = refused(built).uuid
    assert paper(built).state == "ISSUED" and [one.record_uuid for one in overtaken_records.overtaken()] == [uuid]
    now = AUTUMN + timedelta(days=3)
    by_name = {
        one.name: one for one in transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], now)
    }
    assert {name for name, one in by_name.items() if one.ok} == {*STAY} - {BINH}, "the others are published"
    assert paper(built).state == "ISSUED"
    reason = by_name[BINH].reason or ""
    assert "trang Thu hồi" in reason and "sửa lại kết quả" in reason
    corrected(built, "8,7", now)
    assert all(one.ok for one in transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], now))
    assert (paper(built).state, paper(built).uuid) == ("PUBLISHED", uuid)


def test_what_the_profile_says_otherwise_is_not_published(built: Cast) -> None:
    """A name was corrected by a decision, and the authority refused the recall of the sealed record."""
    sign(built, "homeroom", "principal", "seal", order=False)
    name = {"full_name": "Hoàng Thanh Bính"}
    request = correction_civil_requests.ask_civil_status(
        built.actor("clerk"), student_of(built).id, name, {"full_name": BINH}, "Cải chính", "QĐ 15", [SCAN], AUTUMN
    )
    request = correction_decisions.confirm(
        built.actor("math"), request.id, expected_version=request.version, now=AUTUMN
    )
    found = correction_impact.of_request(request, AUTUMN.date())
    correction_decisions.approve(
        built.actor("principal"), request.id, expected_version=request.version, seen_digest=found.digest, now=AUTUMN
    )
    answered(built, [], AUTUMN + timedelta(days=1))
    done = transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], AUTUMN + timedelta(days=2))
    [no] = [one for one in done if not one.ok]
    assert no.name == name["full_name"] and "sửa hộ tịch" in (no.reason or "") and paper(built).state == "ISSUED"


def test_a_profile_that_changed_after_the_build_stops_the_signatures(built: Cast) -> None:
    """Nothing is sealed, so the office changes the profile freely: the paper is built again, not sealed with what is no longer true."""
    sign(built, "homeroom", "principal", order=False)
    student, now = student_of(built), NOW
    students.update_profile(
        built.actor("clerk"), student.id, {"birth_place": "Nơi khác"}, expected_version=student.version, now=now
    )
    sign(built, "seal", order=False)
    assert paper(built).state == "PRINCIPAL_SIGNED"
    view = signing_view.class_view(built.actor("clerk"), built.classes["9A"], now)
    assert [row.name for row in view.rows if "Hồ sơ đã đổi" in "".join(row.flags)] == [BINH]
    recall_requests.recall(built.actor("principal"), paper(built).uuid, "Hồ sơ đổi", now)
    transcript_building.build_class(built.actor("clerk"), built.classes["9A"], now)
    sign(built, "homeroom", "principal", "seal", order=False)
    assert paper(built).state == "ISSUED"


@pytest.mark.parametrize("role", ["principal", "seal"])
def test_a_profile_that_changes_while_the_signature_is_made_stops_it_too(
    built: Cast, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token at a desk takes minutes: what was asked before the signature is asked again where its bytes are stored."""
    sign(built, *("homeroom", "principal")[: 1 if role == "principal" else 2])
    before, prepare, app = paper(built), signing._prepare, current_app._get_current_object()
    state, student = before.state, student_of(built)
    clerk = built.actor("clerk")

    def change() -> None:
        with app.app_context():
            students.update_profile(
                clerk, student.id, {"birth_place": "Nơi khác"}, expected_version=student.version, now=NOW
            )
            db.session.remove()

    def prepared(actor: Actor, enrollment_id: int, *more: Any) -> batches.Job | None:
        job = prepare(actor, enrollment_id, *more)
        if enrollment_id == before.enrollment_id:
            office = threading.Thread(target=change)
            office.start()
            office.join()
        return job

    monkeypatch.setattr(signing, "_prepare", prepared)
    [failed] = [item for item in sign(built, role) if item.outcome == "failed"]
    assert (failed.enrollment_id, paper(built).state) == (before.enrollment_id, state)
    assert "Hồ sơ của học sinh này đã đổi sau khi lập học bạ" in (failed.reason or "")
    assert audit_verify.verify().faults == []


def test_an_order_publishes_no_paper_that_differs_from_the_profile(built: Cast) -> None:
    """By hand and by the order the same is asked."""
    sign(built, "homeroom", "principal", "seal", order=False)
    [signature] = [one for one in paper(built).signatures if one.role == "principal"]
    with write_transaction():
        student_of(built).birth_place = "Nơi khác"
    with pytest.raises(Stale, match="in khác hồ sơ"), write_transaction():
        transcript_moves.publish_by_order(built.actor("clerk"), paper(built), signature, NOW)
    assert paper(built).state == "ISSUED"


def test_the_oracle_of_the_simulated_year_finds_the_same_work(issued: Cast) -> None:
    class World:
        principal, clerk = issued.people["principal"], issued.people["clerk"]

        def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
            return [tuple(row) for row in db.session.connection().exec_driver_sql(statement, values)]

    def agrees(now: datetime, n: int) -> None:
        db.session.rollback()
        wanted = [(one.holders, one.before) for one in reminder_watch._recalls(World(), frozenset({World.principal}))]
        found = [
            (frozenset(one.holders), one.deadline.before)
            for one in held_work.unfinished(now)
            if one.link.startswith("/thu-hoi/")
        ]
        assert len(found) == n and sorted(wanted, key=str) == sorted(found, key=str)

    corrected(issued, "1", AUTUMN)
    agrees(AUTUMN, 1)
    row = recall_lists.make(issued.actor("clerk"), issued.year_id, AUTUMN)
    agrees(AUTUMN, 1)
    recall_lists.sign(issued.actor("principal"), row.id, PIN, AUTUMN)
    recall_lists.sign(issued.actor("clerk"), row.id, PIN, AUTUMN + timedelta(days=1))
    recall_lists.mark_sent(issued.actor("clerk"), row.id, "", AUTUMN + timedelta(days=2))
    agrees(AUTUMN, 1)
    recall_lists.answer(issued.actor("clerk"), row.id, [], "CV 9", AUTUMN + timedelta(days=6))
    agrees(AUTUMN, 1)
    corrected(issued, "8,7", AUTUMN + timedelta(days=7))
    agrees(AUTUMN, 0)
