"""An approval taken back within ten seconds: everything stands where it stood, and nothing that somebody built on it is pulled away."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.services import (
    audit,
    audit_verify,
    bulk_acts,
    class_approval,
    class_moves,
    dashboard,
    frozen_results,
    readiness,
    record_chain,
    reviews,
    signing_view,
    taking_back,
    transcripts,
)
from hocbaso.services.access import Actor
from hocbaso.services.sheet_access import read_head
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_scores, finalised, last_entry, move_sheets, seen_of
from tests.services.test_dashboard import sheet_key, state_of

AT = NOW + timedelta(minutes=1)
SOON = AT + timedelta(seconds=9)


def waiting_of(actor: Actor) -> list[dict[str, object]]:
    """Everything on the person's day but the versions in the keys and what the log told meanwhile."""
    view = dashboard.daily(actor, NOW + timedelta(minutes=5))
    return [
        {name: value for name, value in asdict(item).items() if name not in ("key", "seen")}
        for item in (*view.odd, *view.plain, *view.locks, *view.held)
    ] + [{"n": view.n_waiting, "rail": dashboard.count_waiting(actor, NOW), "strip": view.strip}]


def approve(school: Cast, *keys: str, at: datetime = AT) -> None:
    outcomes = bulk_acts.act(school.actor("principal"), "approve", keys, now=at)
    assert all(one.done for one in outcomes), outcomes


def class_key(row: m.ClassGroup) -> str:
    return f"class-{row.id}-{row.version}-{seen_of(row.id)}"


def board(school: Cast) -> object:
    return readiness.board_rows(clock.local_date(NOW))


def test_sheets_and_a_class_of_one_act_come_back_to_where_they_stood(school: Cast):
    row = finalised(school)
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    keys = [sheet_key(school, "6A", code, 2) for code in ("MATH", "LIT")]
    people = [school.actor(who) for who in ("principal", "clerk", "math", "head_science")]
    before = [waiting_of(actor) for actor in people], board(school)
    stood = db.session.scalars(select(m.ScoreSheet.state_at).order_by(m.ScoreSheet.id)).all()
    approve(school, *keys, class_key(row))
    assert [waiting_of(actor) for actor in people] != before[0]
    done = taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    assert [one.done for one in done] == [True] * 3
    assert ([waiting_of(actor) for actor in people], board(school)) == before
    assert db.session.scalars(select(m.ScoreSheet.state_at).order_by(m.ScoreSheet.id)).all() == stood
    assert (state_of(school, "6A", "MATH", 2), class_row(school, "9A").state) == ("REVIEWED", "FINALISED")
    assert audit_verify.verify().faults == []
    # and can be approved again, by what is on the screen now
    approve(school, sheet_key(school, "6A", "MATH", 2), class_key(class_row(school, "9A")), at=NOW + timedelta(hours=1))
    assert class_row(school, "9A").state == "APPROVED" and audit_verify.verify().faults == []


def test_what_was_frozen_is_read_by_nobody_until_the_class_is_approved_again(school: Cast):
    row = finalised(school)
    pupils = [one.id for one in transcripts.students_of(row.id)]
    approve(school, class_key(row))
    first = transcripts.latest_frozen(pupils)
    taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    assert len(first) == 5 and transcripts.latest_frozen(pupils) == {}
    assert frozen_results.newest_frozen(pupils[0]) is None
    with pytest.raises(NotFound):
        frozen_results.read_frozen(pupils[0])
    view = signing_view.class_view(school.actor("principal"), row.id, SOON)
    assert all(not one.changes for one in view.rows)
    told = [one.title for one in record_chain._results(db.session.get(m.Enrollment, pupils[0]))]  # type: ignore[arg-type]
    assert told == ["Duyệt tổng kết, người duyệt hoàn tác ngay sau đó: bản chốt này không dùng"]
    approve(school, class_key(class_row(school, "9A")), at=NOW + timedelta(days=1))
    again = transcripts.latest_frozen(pupils)
    assert {one.revision for one in again.values()} == {2} and len(again) == 5
    told = [one.title for one in record_chain._results(db.session.get(m.Enrollment, pupils[0]))]  # type: ignore[arg-type]
    assert told[1] == "Duyệt tổng kết: kết quả cả năm được chốt" and len(told) == 2


@pytest.mark.parametrize("late", [timedelta(seconds=10, microseconds=1), timedelta(seconds=-1), timedelta(hours=1)])
def test_after_ten_seconds_nothing_changes(school: Cast, late: timedelta):
    row = finalised(school)
    approve(school, class_key(row))
    n = last_entry("class:state:moved").seq
    with pytest.raises(WrongState, match="10 giây"):
        taking_back.take_back(school.actor("principal"), AT, AT, now=AT + late)
    assert class_row(school, "9A").state == "APPROVED" and last_entry("class:state:moved").seq == n
    assert taking_back.offer(school.actor("principal"), AT, AT, AT + late) is None


@pytest.mark.parametrize("who", ["vice_principal", "math", "it_officer", "clerk"])
def test_nobody_takes_back_what_another_approved(school: Cast, who: str):
    row = finalised(school)
    approve(school, class_key(row))
    with pytest.raises(WrongState, match="Không có lần duyệt"):
        taking_back.take_back(school.actor(who), AT, AT, now=SOON)
    assert class_row(school, "9A").state == "APPROVED"


def test_a_locked_sheet_stays_and_the_others_come_back(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    sheets = db.session.scalars(
        select(m.ScoreSheet).where(m.ScoreSheet.state == SheetState.REVIEWED.value).order_by(m.ScoreSheet.id)
    ).all()
    approve(school, *[f"sheet-{one.id}-{one.version}" for one in sheets])
    locked = sheets[0].id
    reviews.lock(school.actor("principal"), locked, expected_version=read_head(locked).version, now=SOON)
    done = taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    refused = [one for one in done if not one.done]
    assert [one.key for one in refused] == [f"sheet-{locked}"] and "đã khoá" in refused[0].message
    assert read_head(locked).state is SheetState.LOCKED
    assert {read_head(one.id).state for one in sheets[1:]} == {SheetState.REVIEWED}


def test_twice_is_once(school: Cast):
    row = finalised(school)
    approve(school, class_key(row))
    assert taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)[0].done
    again = taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    assert not again[0].done and class_row(school, "9A").state == "FINALISED"


def test_a_later_approval_of_the_same_class_is_not_taken_back_by_the_first_act(school: Cast):
    row = finalised(school)
    approve(school, class_key(row))
    taking_back.take_back(school.actor("principal"), AT, AT, now=AT)
    approve(school, class_key(class_row(school, "9A")), at=AT + timedelta(seconds=3))
    again = taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    assert not again[0].done and "bước khác" in again[0].message and class_row(school, "9A").state == "APPROVED"


def test_a_class_that_somebody_built_on_stays_approved(school: Cast):
    row = finalised(school)
    approve(school, class_key(row))
    # any entry about the class: an arrival, a decision, a batch of records
    with write_transaction():
        audit.record(
            AuditTag.HOMEROOM_CHANGED, school.actor("clerk"), SOON, target_kind="class_group", target_id=row.id
        )
    done = taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    assert not done[0].done and "dựa vào kết quả" in done[0].message and class_row(school, "9A").state == "APPROVED"


def test_a_batch_that_builds_the_records_keeps_the_approval(school: Cast):
    row = finalised(school)
    approve(school, class_key(row))
    pupil = transcripts.students_of(row.id)[0].id
    with write_transaction() as session:
        batch = m.SigningBatch(
            school_year_id=row.school_year_id,
            scope_kind="school",
            step="build",
            started_at=AT + timedelta(seconds=1),
            actor_name="Văn thư",
        )
        batch.items = [m.SigningBatchItem(enrollment_id=pupil, position=1)]
        session.add(batch)
    assert not taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)[0].done


def test_the_log_tells_it_in_words(school: Cast):
    row = finalised(school)
    approve(school, class_key(row))
    taking_back.take_back(school.actor("principal"), AT, AT, now=SOON)
    entry = audit.payload_of(last_entry("class:state:moved"))
    assert entry["facts"]["verb"] == ClassVerb.TAKE_BACK.value and entry["before"] == {"state": "APPROVED"}
    told = dashboard.daily(school.actor("principal"), NOW + timedelta(minutes=5)).happenings
    assert any("hoàn tác việc duyệt tổng kết lớp 9A" in one.words for one in told)


def test_by_no_other_way(school: Cast):
    """The general acts of sheets and classes offer it to nobody, a moment after the approval either."""
    row = finalised(school)
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    approve(school, sheet_key(school, "6A", "MATH", 2), class_key(row))
    sheet_id = int(sheet_key(school, "6A", "MATH", 2).split("-")[1])
    with pytest.raises(Exception, match="người vừa duyệt"):
        reviews.move(
            school.actor("principal"),
            sheet_id,
            SheetVerb.TAKE_BACK,
            expected_version=read_head(sheet_id).version,
            now=NOW,
        )
    with pytest.raises(Exception, match="người vừa duyệt"):
        class_moves.guard_move(school.actor("principal"), row, ClassVerb.TAKE_BACK, row.version)
    assert (
        class_approval.bulk(
            school.actor("principal"), ClassVerb.RETURN, [(row.id, row.version, "")], now=NOW, note="x"
        )[0].done
        is False
    )
