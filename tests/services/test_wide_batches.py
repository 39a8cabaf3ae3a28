"""A grade level and the school in one batch: one PIN, pausing, going on, what is left, and who sees and steers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import select, text

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import (
    audit_verify,
    batch_runner,
    batch_view,
    batches,
    certificates,
    signing,
    test_school_keys,
    wide_batches,
)
from hocbaso.services.access import SYSTEM
from tests.services.many_classes import (  # noqa: F401 (fixtures)
    CLASSES,
    NOW,
    Many,
    many_fixture,
    many_signed_fixture,
    many_signed_template_fixture,
    many_template_fixture,
)

PIN = test_school_keys.DEMO_PIN


def states() -> dict[str, int]:
    db.session.rollback()
    found: dict[str, int] = {}
    for state in db.session.scalars(
        select(m.TranscriptRecord.state)
        .join(m.Enrollment)
        .join(m.ClassGroup)
        .where(m.ClassGroup.name.in_(CLASSES))
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN")
    ):
        found[state] = found.get(state, 0) + 1
    return found


def outcomes(batch: m.SigningBatch) -> list[str]:
    db.session.rollback()
    return [item.outcome for item in batches.batch_row(batch.id).items]


def build_all(many: Many) -> m.SigningBatch:
    return wide_batches.build_classes(many.actor("vanthu"), None, NOW)


def in_background(work: Callable[[], object]) -> threading.Thread:
    app = current_app._get_current_object()

    def body() -> None:
        with app.app_context():
            try:
                work()
            finally:
                db.session.remove()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_the_whole_school_is_built_signed_and_sealed_with_one_pin_each(
    many_signed: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_key = certificates.open_key

    def counted(*args: object, **more: object) -> certificates.OpenKey:
        opened.append(str(more.get("role")))
        return open_key(*args, **more)

    monkeypatch.setattr(certificates, "open_key", counted)
    assert states() == {"HOMEROOM_SIGNED": 8}
    opened.clear()
    due = wide_batches.due_classes(many_signed.actor("hieutruong"), "principal")
    assert [(row.name, row.grade_level, row.n_due) for row in due] == [(name, int(name[0]), 2) for name in CLASSES]
    batch = wide_batches.sign_classes(many_signed.actor("hieutruong"), "principal", None, PIN, NOW)
    assert (batch.scope_kind, batch.class_group_id, batch.grade_level, batch.state) == ("school", None, None, "DONE")
    assert outcomes(batch) == ["done"] * 8 and len(opened) == 1
    sealed = wide_batches.sign_classes(
        many_signed.actor("vanthu"), "seal", [many_signed.class_id("8A"), many_signed.class_id("9A")], PIN, NOW
    )
    assert outcomes(sealed) == ["done"] * 4 and len(opened) == 2
    assert states() == {"PRINCIPAL_SIGNED": 4, "PUBLISHED": 4}
    report = audit_verify.verify()
    assert report.ok, report.faults


def test_one_grade_level_is_its_own_scope_and_one_class_is_a_class(many: Many) -> None:
    clerk = many.actor("vanthu")
    one = wide_batches.build_classes(clerk, [many.class_id("9A")], NOW)
    assert (one.scope_kind, one.class_group_id) == ("class_group", many.class_id("9A"))
    assert {item.outcome for item in one.items} == {"done"} and states() == {"CREATED": 2}
    view = batch_view.batch_progress(clerk, one.id, NOW)
    assert (view.scope.name, view.n_done, view.state) == ("lớp 9A", 2, "done")
    rest = wide_batches.build_classes(clerk, None, NOW)
    assert rest.scope_kind == "school" and len(rest.items) == 6, "what is built already is not in it"
    with pytest.raises(WrongState, match="đã lập đủ"):
        wide_batches.build_classes(clerk, None, NOW)


def test_a_class_changed_behind_the_back_fails_alone_in_a_wide_batch(many: Many) -> None:
    spoilt = many.class_id("7A")
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE score_cell SET tenths = 100 - tenths WHERE id = (SELECT min(c.id) FROM score_cell c JOIN enrollment e"
                " ON e.id = c.enrollment_id WHERE e.class_group_id = :spoilt AND c.tenths IS NOT NULL AND c.tenths <> 50)"
            ),
            {"spoilt": spoilt},
        )
    batch = build_all(many)
    progress = batch_view.batch_progress(many.actor("vanthu"), batch.id, NOW)
    assert {(item.class_name, item.outcome) for item in progress.items} == {
        ("6A", "done"),
        ("7A", "failed"),
        ("8A", "done"),
        ("9A", "done"),
    }
    assert all("nhật ký" in item.reason for item in progress.failures)
    assert progress.may_sign_rest and progress.n_left == 2


@pytest.mark.parametrize(
    ("username", "role", "refusal"),
    [
        ("vanthu", "principal", NotFound),
        ("hieutruong", "seal", NotFound),
        ("quantri", "seal", NotFound),
        ("gv006", "principal", NotFound),
        ("hieutruong", "homeroom", Invalid),
    ],
)
def test_the_wrong_person_signs_no_school(
    many_signed: Many, username: str, role: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        wide_batches.sign_classes(many_signed.actor(username), role, None, PIN, NOW)
    assert states() == {"HOMEROOM_SIGNED": 8}


def test_a_homeroom_teacher_does_not_see_a_batch_over_other_classes(many_signed: Many) -> None:
    batch_id = db.session.scalar(select(m.SigningBatch.id).where(m.SigningBatch.scope_kind == "school"))
    with pytest.raises(NotFound):
        batch_view.batch_progress(many_signed.homeroom_of("9A"), batch_id, NOW)
    with pytest.raises(NotFound):
        batches.pause(many_signed.homeroom_of("9A"), batch_id, NOW)
    assert batch_view.batch_progress(many_signed.actor("hieutruong"), batch_id, NOW).n_done == 8


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "did not come about"
        time.sleep(0.02)


def paused_after(many: Many, n: int, **more: object) -> tuple[threading.Thread, int]:
    """Signing of the school by the principal, paused by the principal after ``n`` items; its thread and id."""
    principal = many.actor("hieutruong")
    done = []

    def on_item() -> None:
        done.append(1)
        if len(done) == n:
            batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1))
            batches.pause(principal, batch_id, NOW)

    thread = in_background(
        lambda: wide_batches.sign_classes(principal, "principal", None, PIN, NOW, on_item=on_item, **more)
    )

    def settled() -> bool:
        db.session.rollback()
        return db.session.scalar(
            select(m.SigningBatch.state).where(m.SigningBatch.step == "principal").order_by(m.SigningBatch.id.desc())
        ) in ("PAUSED", "DONE")

    wait_until(settled)
    return thread, db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()).limit(1)) or 0


def test_paused_it_finishes_what_is_under_way_and_goes_on_without_a_second_pin(
    many_signed: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, batch_id = paused_after(many_signed, 2)
    view = batch_view.batch_progress(many_signed.actor("hieutruong"), batch_id, NOW)
    assert view.state == "paused" and view.may_go_on and 2 <= view.n_done <= 5 and view.n_waiting == 8 - view.n_done
    time.sleep(0.6)
    again = batch_view.batch_progress(many_signed.actor("hieutruong"), batch_id, NOW)
    assert again.n_done == view.n_done, "nothing is signed while it is paused"
    other = batch_view.batch_progress(many_signed.actor("vanthu"), batch_id, NOW)
    assert not other.may_go_on and not other.may_pause and not other.may_sign_rest
    with pytest.raises(NotAllowed, match="chỉ người ấy"):
        batches.go_on(many_signed.actor("vanthu"), batch_id, NOW)
    monkeypatch.setattr(certificates, "open_key", lambda *_a, **_m: pytest.fail("the PIN is not asked again"))
    assert batches.go_on(many_signed.actor("hieutruong"), batch_id, NOW)
    thread.join(60)
    assert states() == {"PRINCIPAL_SIGNED": 8} and outcomes(batches.batch_row(batch_id)) == ["done"] * 8
    tags = list(db.session.scalars(select(m.AuditEntry.tag).where(m.AuditEntry.tag.like("signing:batch:%"))))
    assert tags[-4:] == [
        "signing:batch:started",
        "signing:batch:paused",
        "signing:batch:resumed",
        "signing:batch:ended",
    ]
    assert audit_verify.verify().ok


def test_left_paused_the_key_is_closed_and_the_rest_wants_the_pin(
    many_signed: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "HOLD_SECONDS", 0.4)
    principal = many_signed.actor("hieutruong")
    thread, batch_id = paused_after(many_signed, 1)
    thread.join(30)
    view = batch_view.batch_progress(principal, batch_id, NOW)
    assert view.state == "left" and not view.may_go_on and view.may_sign_rest
    assert not batches.go_on(principal, batch_id, NOW)
    with pytest.raises(NotAllowed, match="PIN không đúng"):
        wide_batches.do_rest(principal, batch_id, "00000000", NOW)
    with pytest.raises(NotFound):
        wide_batches.do_rest(many_signed.actor("vanthu"), batch_id, PIN, NOW)
    later = NOW + timedelta(minutes=20)
    batch = wide_batches.do_rest(principal, batch_id, PIN, later)
    assert batch.id == batch_id and outcomes(batch) == ["done"] * 8 and states() == {"PRINCIPAL_SIGNED": 8}
    with pytest.raises(WrongState, match="không còn bản nào"):
        wide_batches.do_rest(principal, batch_id, PIN, later)


def test_a_new_start_takes_a_paused_batch_over_and_the_held_run_lets_go(many_signed: Many) -> None:
    principal = many_signed.actor("hieutruong")
    thread, batch_id = paused_after(many_signed, 1)
    chosen = [many_signed.class_id("8A"), many_signed.class_id("9A"), many_signed.class_id("6A")]
    batch = wide_batches.sign_classes(principal, "principal", chosen, PIN, NOW)
    thread.join(30)
    assert not thread.is_alive() and batch.id == batch_id
    db.session.rollback()
    not_chosen = [item for item in batches.batch_row(batch_id).items if item.outcome == "skipped"]
    assert {item.enrollment.class_group.name for item in not_chosen} <= {"7A"}
    n_signed = states().get("PRINCIPAL_SIGNED", 0)
    assert n_signed == 8 - len(not_chosen)
    assert db.session.query(m.TranscriptSignature).filter_by(role="principal").count() == n_signed + _past()


def _past() -> int:
    return (
        db.session.query(m.TranscriptSignature)
        .join(m.TranscriptRecord)
        .join(m.Enrollment)
        .join(m.ClassGroup)
        .join(m.SchoolYear)
        .filter(m.TranscriptSignature.role == "principal", m.SchoolYear.state != "OPEN")
        .count()
    )


def test_the_orders_choice_stays_with_a_batch_that_is_taken_up(
    many_signed: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "HOLD_SECONDS", 0.0)
    thread, batch_id = paused_after(many_signed, 1, publish_on_seal=False)
    thread.join(30)
    wide_batches.do_rest(many_signed.actor("hieutruong"), batch_id, PIN, NOW)
    wide_batches.sign_classes(many_signed.actor("vanthu"), "seal", None, PIN, NOW)
    assert states() == {"ISSUED": 8}, "the principal wanted to publish by hand, before and after the pause"


def test_a_class_is_not_signed_twice_at_once_by_a_wide_and_a_narrow_batch(many_signed: Many) -> None:
    principal = many_signed.actor("hieutruong")
    thread, batch_id = paused_after(many_signed, 1)
    with pytest.raises(WrongState, match="đang chạy cho toàn trường"):
        signing.sign_class(principal, many_signed.class_id("9A"), "principal", PIN, NOW)
    batches.go_on(principal, batch_id, NOW)
    thread.join(60)
    assert states() == {"PRINCIPAL_SIGNED": 8}


def test_the_system_of_a_demonstration_signs_the_school(many_signed: Many) -> None:
    pin = test_school_keys.demo_pin_for(SYSTEM, many_signed.class_id("9A"), "principal", NOW)
    batch = wide_batches.sign_classes(SYSTEM, "principal", None, pin or "", NOW)
    assert outcomes(batch) == ["done"] * 8


def test_the_runner_of_a_batch_is_known_dead_or_alive() -> None:
    import subprocess
    import sys

    mine = batch_runner.take()
    assert batch_runner.is_alive(mine)
    batch_runner.release(mine)
    assert batch_runner.is_alive(mine) is False
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host, boot, _pid, _began, number = mine.split()
    name = f"{host} {boot} {other.pid} {batch_runner._began(other.pid)} {number}"
    assert batch_runner.is_alive(name) is True
    assert batch_runner.is_alive(f"{host} {boot} {other.pid} 1 {number}") is False, "another process with that number"
    assert batch_runner.is_alive(f"{host} ffffffff-0000 {other.pid} 1 {number}") is False, (
        "before the machine started again"
    )
    assert batch_runner.is_alive(f"elsewhere {boot} 1 1 1") is None and batch_runner.is_alive(None) is None
    other.kill()
    other.wait()
    assert batch_runner.is_alive(name) is False
