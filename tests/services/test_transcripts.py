"""Building, publishing, recalling and exporting transcript records."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.xml_record import take_apart
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import (
    audit_verify,
    document_pool,
    recall_requests,
    signing_view,
    students,
    transcript_building,
    transcript_files,
    transcript_moves,
)
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)


def records() -> list[m.TranscriptRecord]:
    return list(
        db.session.scalars(
            select(m.TranscriptRecord)
            .order_by(m.TranscriptRecord.enrollment_id, m.TranscriptRecord.id)
            .execution_options(populate_existing=True)
        )
    )


def tamper(statement: str, **values: object) -> None:
    """Change the database behind the application's back."""
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.mark.parametrize("days", [-1, 367])
def test_a_day_of_issue_in_the_past_or_in_another_age_is_refused(days: int, approved: Cast) -> None:
    with pytest.raises(Invalid):
        transcript_building.build_class(
            approved.actor("clerk"), approved.classes["9A"], NOW, issue_on=NOW.date() + timedelta(days=days)
        )
    assert not records()


def test_builds_a_record_a_student_with_both_faces_in_the_store(built: Cast) -> None:
    found = records()
    assert [row.enrollment.student.full_name for row in found] == list(STAY)
    for row in found:
        content = tc.from_canonical_json(row.content.encode())
        assert row.state == "CREATED" and content.record_uuid == row.uuid and content.demo
        assert content.homeroom.name == "Trịnh Thu Hà" and content.principal.name == "Đoàn Thị Hải Yến"
        assert content.issue_on == NOW.date()
        store = document_pool.document_store()
        zone = store.get(row.data_zone_digest)
        assert take_apart(store.get(row.xml_digest)).data_zone == zone
        assert store.get(row.pdf_digest).startswith(b"%PDF-")
        assert hashlib.sha256(row.content.encode()).hexdigest() == row.content_digest
    assert audit_verify.verify().ok


def test_the_paper_says_what_the_sheets_said(built: Cast) -> None:
    chau = tc.from_canonical_json(records()[1].content.encode())
    marks = {row.code: row for row in chau.subjects}
    # TX 4.5 4.6 4.7 4.8, GK 4.9, CK 5.0: (18.6 + 2*4.9 + 3*5.0) / 9 = 4.82
    assert marks["LIT"].semester_1 == marks["LIT"].year == "4.8"
    assert marks["PE"].year == "Đ"
    assert chau.absences.year == tc.Absence(excused=1, unexcused=1)
    assert chau.homeroom_remark == "Chăm chỉ, lễ phép, có tiến bộ."


def test_a_second_build_skips_what_is_there(built: Cast) -> None:
    before = [row.uuid for row in records()]
    batch = transcript_building.build_class(built.actor("clerk"), built.classes["9A"], NOW + timedelta(minutes=5))
    assert [item.outcome for item in batch.items] == ["skipped"] * 3
    assert [row.uuid for row in records()] == before


def test_one_student_by_code(approved: Cast) -> None:
    code = db.session.get(m.Enrollment, approved.enrollments["9A", STAY[1]]).student.moet_code
    batch = transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW, code)
    assert [(item.enrollment.student.full_name, item.outcome) for item in batch.items] == [(STAY[1], "done")]
    with pytest.raises(NotFound):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW, "khong-co")


def test_rebuilt_in_another_place_the_unsigned_pdf_is_the_same_byte_for_byte(built: Cast) -> None:
    row = records()[0]
    assert row.qr_text is not None
    made = document_pool.call("hocbaso.documents.issuing:rebuild_faces", row.content.encode(), row.qr_text)
    assert hashlib.sha256(made.pdf).hexdigest() == row.unsigned_pdf_digest
    assert hashlib.sha256(made.data_zone).hexdigest() == row.data_zone_digest


def test_a_class_that_is_not_approved_is_refused(approved: Cast) -> None:
    with pytest.raises(WrongState, match="chưa được duyệt"):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["6A"], NOW)


@pytest.mark.parametrize("person", ["it_officer", "outsider", "other", "head_society", "board"])
def test_the_wrong_person_does_not_see_the_class(approved: Cast, person: str) -> None:
    with pytest.raises(NotFound):
        transcript_building.build_class(approved.actor(person), approved.classes["9A"], NOW)


def test_a_score_changed_behind_the_back_is_refused_in_words(approved: Cast) -> None:
    tamper(
        "UPDATE score_cell SET tenths = 100 WHERE id = (SELECT c.id FROM score_cell c JOIN enrollment e "
        "ON e.id = c.enrollment_id WHERE c.tenths = 45 AND e.id = :who LIMIT 1)",
        who=approved.enrollments["9A", STAY[1]],
    )
    with pytest.raises(IntegrityFault) as refused:
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    assert (
        "Nguyễn Bảo Châu" in refused.value.message
        and "4,5" in refused.value.message
        and "đang có 10" in refused.value.message
    )
    assert records() == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE student SET full_name = 'Kẻ Khác' WHERE full_name = 'Nguyễn Bảo Châu'", "Nguyễn Bảo Châu"),
        ("UPDATE student SET birth_on = '2001-01-01' WHERE full_name = 'Nguyễn Bảo Châu'", "2001-01-01"),
        ("UPDATE person SET full_name = 'Kẻ Khác' WHERE full_name = 'Đoàn Thị Hải Yến'", "Đoàn Thị Hải Yến"),
        ("UPDATE school SET lookup_url = 'https://noi-khac.example'", "noi-khac.example"),
    ],
)
def test_what_else_stands_on_the_paper_is_compared_with_the_log(approved: Cast, statement: str, words: str) -> None:
    tamper(statement)
    with pytest.raises(IntegrityFault) as refused:
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    assert words in refused.value.message and "nhật ký ghi" in refused.value.message
    assert records() == []


def test_a_frozen_result_changed_behind_the_back_fails_that_student_alone(approved: Cast) -> None:
    who = approved.enrollments["9A", STAY[0]]
    content = db.session.scalar(select(m.FrozenResult.content).where(m.FrozenResult.enrollment_id == who))
    forged = content.replace('"year":"T"', '"year":"K"').replace("Chăm chỉ", "Xuất sắc")
    tamper(
        "UPDATE frozen_result SET content = :content, content_digest = :digest WHERE enrollment_id = :who",
        content=forged,
        digest=hashlib.sha256(forged.encode()).hexdigest(),
        who=who,
    )
    batch = transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    assert [item.outcome for item in batch.items] == ["failed", "done", "done"]
    assert "ngoài" in batch.items[0].reason


def test_a_killed_worker_is_survived(approved: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    pid = document_pool.call("hocbaso.documents.workers:warm")
    killed = []

    def kill_once() -> None:
        if not killed:
            killed.append(os.kill(pid, signal.SIGKILL))

    batch = transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW, on_item=kill_once)
    if any(item.outcome == "failed" for item in batch.items):
        batch = transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    assert {row.state for row in records()} == {"CREATED"} and len(records()) == 3


def test_stopped_in_the_middle_the_next_start_goes_on(approved: Cast) -> None:
    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW, on_item=cut)
    built_already = {row.uuid for row in records()}
    assert 0 < len(built_already) < 3
    again = transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW + timedelta(minutes=2))
    assert again.state == "DONE" and {item.outcome for item in again.items} == {"done"}
    assert len(records()) == 3 and built_already <= {row.uuid for row in records()}
    assert db.session.query(m.SigningBatch).count() == 1
    assert audit_verify.verify().ok


def test_publishing_wants_the_seal_first(built: Cast) -> None:
    outcomes = transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], NOW)
    assert [outcome.ok for outcome in outcomes] == [False] * 3 and "chưa đóng dấu" in outcomes[0].reason


def test_recalled_a_record_is_replaced_by_another_uuid_that_names_it(issued: Cast) -> None:
    first = records()[0]
    later = NOW + timedelta(days=1)
    with pytest.raises(NotAllowed):
        recall_requests.recall(issued.actor("clerk"), first.uuid, "Sai nơi sinh", later)
    with pytest.raises(Invalid):
        recall_requests.recall(issued.actor("principal"), first.uuid, "  ", later)
    recall_requests.recall(issued.actor("principal"), first.uuid, "Sai nơi sinh theo giấy khai sinh", later)
    with pytest.raises(WrongState):
        recall_requests.recall(issued.actor("principal"), first.uuid, "lần nữa", later)
    student = first.enrollment.student
    students.update_profile(
        issued.actor("clerk"), student.id, {"birth_place": "Nam Định"}, expected_version=student.version, now=later
    )
    batch = transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], later)
    assert sorted(item.outcome for item in batch.items) == ["done", "skipped", "skipped"]
    new = max(records(), key=lambda row: row.id)
    assert new.replaces_id == first.id and new.uuid != first.uuid
    assert tc.from_canonical_json(new.content.encode()).replaces_uuid == first.uuid
    seen = signing_view.class_view(issued.actor("math"), issued.classes["9A"], later)
    assert seen.odd[0].name == STAY[0]
    assert [(change.label, change.before, change.after) for change in seen.odd[0].changes][:1] == [
        ("Nơi sinh", "Ninh Bình", "Nam Định")
    ]


def test_a_signer_sees_first_what_is_out_of_the_ordinary_and_what_is_new(built: Cast) -> None:
    view = signing_view.class_view(built.actor("math"), built.classes["9A"], NOW)
    assert [row.name for row in view.odd] == [STAY[1]] and "khoản 3" in view.odd[0].flags[0]
    assert [row.name for row in view.plain] == [STAY[0], STAY[2]]
    assert view.looked_at is None and view.panel is not None and view.panel.n_due == 3 and view.panel.problem is None
    signing_view.mark_looked(built.actor("math"), built.classes["9A"], NOW + timedelta(minutes=1))
    uuid = view.plain[0].uuid
    recall_requests.recall(built.actor("principal"), uuid, "Thử", NOW + timedelta(minutes=2))
    transcript_building.build_class(built.actor("clerk"), built.classes["9A"], NOW + timedelta(minutes=3))
    again = signing_view.class_view(built.actor("math"), built.classes["9A"], NOW + timedelta(minutes=4))
    assert again.n_changed == 1 and [row.name for row in again.rows if row.is_new] == [STAY[0]]


def test_export_gives_the_current_files_named_by_student_code(issued: Cast) -> None:
    files = transcript_files.export_class(issued.actor("clerk"), issued.classes["9A"], NOW)
    assert len(files) == 6 and files[0].name == records()[0].enrollment.student.moet_code + ".pdf"
    assert {file.digest for file in files} == {d for row in records() for d in (row.pdf_digest, row.xml_digest)}


def test_opening_a_file_is_written_into_the_log_and_a_spoilt_file_is_refused(issued: Cast) -> None:
    row = records()[0]
    opened = transcript_files.open_file(issued.actor("math"), row.uuid, "pdf", NOW, download=True)
    assert hashlib.sha256(opened.data).hexdigest() == row.pdf_digest
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    assert entry.tag == "transcript:file:read" and entry.target_id == row.uuid
    path = document_pool.document_store().path(row.pdf_digest)
    spoilt = bytearray(path.read_bytes())
    spoilt[1000] ^= 1
    path.chmod(0o600)
    path.write_bytes(spoilt)
    with pytest.raises(IntegrityFault):
        transcript_files.open_file(issued.actor("math"), row.uuid, "pdf", NOW, download=True)
    with pytest.raises(NotFound):
        transcript_files.open_file(issued.actor("it_officer"), row.uuid, "pdf", NOW, download=True)


@pytest.mark.parametrize("column", ["pdf_digest", "xml_digest"])
def test_files_of_two_students_changed_over_are_handed_to_nobody(issued: Cast, column: str) -> None:
    first, second = records()[:2]
    name, uuid = first.enrollment.student.full_name, first.uuid
    tamper(f"UPDATE transcript_record SET {column} = :other WHERE id = :id", other=getattr(second, column), id=first.id)
    with pytest.raises(IntegrityFault, match=name):
        transcript_files.export_class(issued.actor("clerk"), issued.classes["9A"], NOW)
    with pytest.raises(IntegrityFault, match=name):
        transcript_files.open_file(issued.actor("clerk"), uuid, column[:3], NOW, download=True)


def test_a_record_whose_file_was_changed_is_not_published_and_says_so(built: Cast) -> None:
    first = records()[0]
    place = next(document_pool.document_store().folder.rglob(f"{first.pdf_digest}*"))
    place.chmod(0o600)
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    outcomes = transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], NOW)
    assert [outcome.ok for outcome in outcomes] == [False] * 3
    assert "đã bị thay đổi" in outcomes[0].reason and "chưa đóng dấu" in outcomes[1].reason
