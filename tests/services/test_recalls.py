"""Recalling and re-issuing: asked, decided, listed, signed, sent, answered; and what a forged or undone recall looks like."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pikepdf
import pytest
from lxml import etree
from signxml import SignatureConfiguration, SignatureMethod, XMLVerifier
from sqlalchemy import select, text

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations import recall_flow
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.recall_flow import ListState, RecallState, RecallVerb
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import (
    audit,
    audit_verify,
    dashboard,
    document_pool,
    held_work,
    log_search,
    readiness,
    recall_lists,
    recall_requests,
    recall_view,
    signing,
    signing_view,
    stored_documents,
    students,
    test_school_keys,
    transcript_building,
    trust_roots,
    verification,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.watched_kinds import WATCHED
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_transcripts import records, tamper

PIN = test_school_keys.DEMO_PIN
LATER = NOW + timedelta(days=3)
AFTER_SUMMER = datetime(2027, 8, 20, 3, tzinfo=UTC)
WHY = "Nơi sinh ghi sai theo giấy khai sinh"


def ask(cast: Cast, person: str = "clerk", place: int = 0, now: datetime = LATER) -> m.RecallRequest:
    return recall_requests.ask(
        cast.actor(person), records()[place].uuid, WHY, now, paper="Trích lục khai sinh số 12/2027"
    )


def state_of(place: int = 0) -> str:
    return records()[place].state


def standing(uuid: str) -> str:
    return verification.by_code(uuid).standing


@pytest.mark.parametrize("state", list(RecallState))
@pytest.mark.parametrize("verb", list(RecallVerb))
def test_the_table_of_requests_allows_what_it_says_and_nothing_else(state: RecallState, verb: RecallVerb) -> None:
    allowed = {
        ("ASKED", "approve"): "APPROVED",
        ("ASKED", "refuse"): "REFUSED",
        ("ASKED", "withdraw"): "WITHDRAWN",
        ("APPROVED", "authority_agrees"): "RECALLED",
        ("APPROVED", "authority_refuses"): "REFUSED",
    }
    if (state.value, verb.value) in allowed:
        assert recall_flow.find_move(state, verb).to_state.value == allowed[state.value, verb.value]
    else:
        with pytest.raises(WrongState):
            recall_flow.find_move(state, verb)


@pytest.mark.parametrize("state", list(ListState))
@pytest.mark.parametrize("act", ["principal", "seal", "send", "answer"])
def test_a_list_goes_one_way(state: ListState, act: str) -> None:
    order = ["MADE", "PRINCIPAL_SIGNED", "SEALED", "SENT", "ANSWERED"]
    acts = ["principal", "seal", "send", "answer"]
    if order.index(state.value) == acts.index(act):
        assert recall_flow.next_list_state(state, act).value == order[order.index(state.value) + 1]
    else:
        with pytest.raises(WrongState):
            recall_flow.next_list_state(state, act)


def test_asked_approved_recalled_built_anew_and_the_old_file_says_so(issued: Cast) -> None:
    old = records()[0]
    data = stored_documents.read(old.pdf_digest)
    request = ask(issued)
    assert (request.state, request.from_state, request.needs_authority) == ("ASKED", "PUBLISHED", False)
    assert state_of() == "RECALL_REQUESTED" and standing(old.uuid) == "in_force", "in force until it is decided"
    assert verification.by_file(data, LATER).standing == "in_force"
    done = recall_requests.approve(issued.actor("principal"), request.id, LATER, note="Đã xem giấy khai sinh")
    assert (done.state, done.decider_name, done.decision_note) == (
        "RECALLED",
        "Đoàn Thị Hải Yến",
        "Đã xem giấy khai sinh",
    )
    assert standing(old.uuid) == "recalled"
    found = verification.by_file(data, LATER)
    assert found.report.ok and found.standing == "recalled", "the file still opens and its signatures hold"
    student = old.enrollment.student
    students.update_profile(
        issued.actor("clerk"), student.id, {"birth_place": "Nam Định"}, expected_version=student.version, now=LATER
    )
    (to_build,) = recall_view.overview(issued.actor("clerk")).to_build
    assert to_build.student_name == STAY[0] and to_build.reason == WHY
    transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], LATER, f"#{old.enrollment_id}")
    assert recall_view.overview(issued.actor("clerk")).to_build == ()
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        at = LATER + timedelta(hours=index + 1)
        batch = signing.sign_class(issued.actor(key), issued.classes["9A"], role, PIN, at)
        assert "failed" not in {item.outcome for item in batch.items}
    new = max(records(), key=lambda row: row.id)
    assert new.uuid != old.uuid and new.replaces_id == old.id and new.state == "PUBLISHED"
    assert tc.from_canonical_json(new.content.encode()).replaces_uuid == old.uuid
    assert standing(new.uuid) == "in_force" and standing(old.uuid) == "replaced"
    at = LATER + timedelta(days=1)
    assert verification.by_file(data, at).standing == "replaced"
    assert verification.by_file(stored_documents.read(new.pdf_digest), at).standing == "in_force"
    report = audit_verify.verify()
    assert report.ok, report.faults


def test_refused_or_withdrawn_the_record_is_what_it_was(issued: Cast) -> None:
    request = ask(issued, "math")
    with pytest.raises(Invalid):
        recall_requests.refuse(issued.actor("principal"), request.id, "  ", LATER)
    recall_requests.refuse(issued.actor("principal"), request.id, "Giấy khai sinh ghi đúng như học bạ", LATER)
    assert state_of() == "PUBLISHED" and records()[0].recalled_at is None
    with pytest.raises(WrongState, match="từ chối"):
        recall_requests.approve(issued.actor("principal"), request.id, LATER)
    again = ask(issued, "clerk")
    with pytest.raises(NotAllowed, match="chỉ người ấy"):
        recall_requests.withdraw(issued.actor("math"), again.id, LATER)
    recall_requests.withdraw(issued.actor("clerk"), again.id, LATER)
    assert state_of() == "PUBLISHED" and audit_verify.verify().ok
    assert [row.state for row in recall_view.overview(issued.actor("clerk")).closed] == ["WITHDRAWN", "REFUSED"]


@pytest.mark.parametrize(
    ("person", "refusal"),
    [
        ("vice_principal", NotAllowed),
        ("it_officer", NotFound),
        ("other", NotFound),
        ("head_society", NotFound),
        ("outsider", NotFound),
        ("board", NotFound),
    ],
)
def test_the_wrong_person_asks_and_decides_nothing(issued: Cast, person: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        ask(issued, person)
    assert state_of() == "PUBLISHED"
    request = ask(issued)
    for act in (
        lambda: recall_requests.approve(issued.actor(person), request.id, LATER),
        lambda: recall_requests.refuse(issued.actor(person), request.id, "Không", LATER),
    ):
        with pytest.raises(refusal):
            act()
    with pytest.raises(NotAllowed):
        recall_lists.make(issued.actor(person), issued.year_id, LATER)
    assert state_of() == "RECALL_REQUESTED"


def test_the_clerk_and_the_homeroom_teacher_ask_but_do_not_decide(issued: Cast) -> None:
    request = ask(issued)
    for person in ("clerk", "math"):
        with pytest.raises(NotAllowed, match="Hiệu trưởng"):
            recall_requests.approve(issued.actor(person), request.id, LATER)
        with pytest.raises(NotAllowed):
            recall_requests.recall(issued.actor(person), records()[1].uuid, WHY, LATER)
    with pytest.raises(WrongState, match="đang chờ quyết định"):
        ask(issued, "math")


def test_what_is_not_sealed_is_taken_back_without_a_request(built: Cast) -> None:
    first = records()[0]
    with pytest.raises(WrongState, match="chưa phát hành"):
        recall_requests.ask(built.actor("clerk"), first.uuid, WHY, LATER)
    assert recall_requests.recall(built.actor("principal"), first.uuid, WHY, LATER) is None
    assert records()[0].state == "RECALLED" and db.session.query(m.RecallRequest).count() == 0
    with pytest.raises(WrongState):
        recall_requests.recall(built.actor("principal"), first.uuid, WHY, LATER)
    assert audit_verify.verify().ok


def signed_list(cast: Cast, now: datetime = AFTER_SUMMER) -> m.RecallList:
    row = recall_lists.make(cast.actor("clerk"), cast.year_id, now)
    recall_lists.sign(cast.actor("principal"), row.id, PIN, now + timedelta(minutes=1))
    return recall_lists.sign(cast.actor("clerk"), row.id, PIN, now + timedelta(minutes=2))


def test_after_the_year_is_closed_the_authority_agrees_first(issued: Cast) -> None:
    agreed = recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, AFTER_SUMMER)
    other = ask(issued, "clerk", 1, AFTER_SUMMER)
    assert agreed is not None and (agreed.state, agreed.needs_authority) == ("APPROVED", True)
    recall_requests.approve(issued.actor("principal"), other.id, AFTER_SUMMER)
    assert [state_of(0), state_of(1)] == ["RECALL_REQUESTED"] * 2
    assert standing(records()[0].uuid) == "in_force"
    row = signed_list(issued)
    with pytest.raises(WrongState):
        recall_lists.answer(issued.actor("clerk"), row.id, [agreed.id], "CV 99/SGDĐT", AFTER_SUMMER)
    recall_lists.mark_sent(issued.actor("clerk"), row.id, "Qua trục liên thông", AFTER_SUMMER + timedelta(hours=1))
    with pytest.raises(Invalid):
        recall_lists.answer(issued.actor("clerk"), row.id, [agreed.id], " ", AFTER_SUMMER)
    n = recall_lists.answer(issued.actor("clerk"), row.id, [agreed.id], "CV 99/SGDĐT", AFTER_SUMMER + timedelta(days=2))
    assert n == 1 and [state_of(0), state_of(1)] == ["RECALLED", "PUBLISHED"]
    db.session.rollback()
    assert db.session.get(m.RecallRequest, other.id).state == "REFUSED"
    report = audit_verify.verify()
    assert report.ok, report.faults
    with pytest.raises(WrongState, match="Không có học bạ thu hồi nào"):
        recall_lists.make(issued.actor("clerk"), issued.year_id, AFTER_SUMMER)


def test_the_principal_may_ask_the_authority_even_before(issued: Cast) -> None:
    request = ask(issued)
    recall_requests.approve(issued.actor("principal"), request.id, LATER, wait=True)
    assert state_of() == "RECALL_REQUESTED"


def test_the_list_is_signed_in_order_and_checked_by_another_library(issued: Cast) -> None:
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, LATER, paper="Trích lục 12/2027")
    row = recall_lists.make(issued.actor("clerk"), issued.year_id, LATER)
    with pytest.raises(NotAllowed, match="Hiệu trưởng ký"):
        recall_lists.sign(issued.actor("clerk"), row.id, PIN, LATER)
    with pytest.raises(NotAllowed, match="PIN"):
        recall_lists.sign(issued.actor("principal"), row.id, "00000000", LATER)
    recall_lists.sign(issued.actor("principal"), row.id, PIN, LATER)
    with pytest.raises(NotAllowed, match="văn thư"):
        recall_lists.sign(issued.actor("principal"), row.id, PIN, LATER)
    row = recall_lists.sign(issued.actor("clerk"), row.id, PIN, LATER)
    assert row.state == "SEALED"
    with pytest.raises(WrongState):
        recall_lists.sign(issued.actor("clerk"), row.id, PIN, LATER)
    xml = recall_lists.open_file(issued.actor("clerk"), row.id, "xml", LATER)
    assert xml.name == "danh-sach-thu-hoi-2026-2027-1.xml"
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())
    told = document_pool.call("hocbaso.documents.recall_list:verify", xml.data, None, roots, crls, LATER)
    assert told["ok"], told
    assert [(one["role"], one["signer_name"]) for one in told["signatures"]] == [
        ("principal", "Đoàn Thị Hải Yến"),
        ("seal", "Trường THCS Đồng Sen"),
    ]
    root = etree.fromstring(xml.data)
    ds = "{http://www.w3.org/2000/09/xmldsig#}"
    for node in ("CBQL", "KY_PHAT_HANH"):
        signature = root.find(f".//{node}/{ds}Signature")
        leaf = signature.find(f".//{ds}X509Certificate").text
        pem = f"-----BEGIN CERTIFICATE-----\n{leaf}\n-----END CERTIFICATE-----\n"
        found = XMLVerifier().verify(
            root,
            x509_cert=pem,
            expect_config=SignatureConfiguration(
                location=f".//{node}/",
                expect_references=3,
                require_x509=True,
                verification_time=LATER,
                signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
            ),
        )
        assert found
    pdf = recall_lists.open_file(issued.actor("principal"), row.id, "pdf", LATER)
    with pikepdf.open(io.BytesIO(pdf.data)) as made:
        (attached,) = made.attachments.values()
        assert attached.get_file().read_bytes() == xml.data


def test_a_changed_list_is_refused(issued: Cast) -> None:
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, LATER)
    row = signed_list(issued, LATER)
    xml = recall_lists.open_file(issued.actor("clerk"), row.id, "xml", LATER).data
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())

    def holds(data: bytes) -> bool:
        told = document_pool.call(
            "hocbaso.documents.recall_list:verify", data, None, roots, crls, LATER + timedelta(hours=1)
        )
        return bool(told["ok"])

    changes = {
        "a name": xml.replace("Hoàng".encode(), b"Hoang", 1),
        "a reason": xml.replace(b"</LY_DO>", b"!</LY_DO>", 1),
        "the authority asked": xml.replace(b"<XIN_Y_KIEN>0", b"<XIN_Y_KIEN>1", 1),
        "without the seal": xml[: xml.index(b"<KY_PHAT_HANH>")] + xml[xml.index(b"</KY_PHAT_HANH>") + 15 :],
        "a line behind": xml + b"\n",
        "another document": b"<x/>",
        "cut off": xml[:-40],
    }
    assert holds(xml)
    assert [what for what, changed in changes.items() if changed != xml and holds(changed)] == []
    assert xml not in changes.values()


def kinds_of_faults() -> list[tuple[str, str]]:
    db.session.rollback()
    return [(fault.kind, fault.message) for fault in audit_verify.verify().faults]


def test_an_undone_recall_is_named(issued: Cast) -> None:
    uuid = records()[0].uuid
    recall_requests.recall(issued.actor("principal"), uuid, WHY, LATER)
    tamper("UPDATE transcript_record SET state = 'PUBLISHED', recalled_at = NULL WHERE uuid = :uuid", uuid=uuid)
    named = [message for kind, message in kinds_of_faults() if kind == "recall"]
    assert named and uuid in named[0] and "xoá dấu" in named[0] and STAY[0] not in named[0]
    with pytest.raises(IntegrityFault):
        verification.by_code(uuid)


def test_a_forged_recall_is_named(issued: Cast) -> None:
    uuid = records()[0].uuid
    tamper("UPDATE transcript_record SET state = 'RECALLED' WHERE uuid = :uuid", uuid=uuid)
    named = [message for kind, message in kinds_of_faults() if kind == "recall"]
    assert named and uuid in named[0] and "làm giả" in named[0]


def test_a_forged_approval_recalls_nothing_and_is_named(issued: Cast) -> None:
    request = ask(issued, now=AFTER_SUMMER)
    tamper(
        "UPDATE recall_request SET state = 'APPROVED', decided_at = '2027-08-20 03:00:00', decider_name = 'Kẻ Khác' "
        "WHERE id = :id",
        id=request.id,
    )
    assert any("lần duyệt bị làm giả" in message for _, message in kinds_of_faults())
    with pytest.raises(IntegrityFault, match="Đề nghị thu hồi số"):
        recall_lists.make(issued.actor("clerk"), issued.year_id, AFTER_SUMMER)
    with pytest.raises(IntegrityFault):
        recall_requests.approve(issued.actor("principal"), request.id, AFTER_SUMMER)
    assert state_of() == "RECALL_REQUESTED"


def test_a_changed_list_row_is_refused(issued: Cast) -> None:
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, LATER)
    row = signed_list(issued, LATER)
    tamper("UPDATE recall_list SET content = replace(content, 'Nơi sinh', 'Tên cha') WHERE id = :id", id=row.id)
    with pytest.raises(IntegrityFault):
        recall_lists.open_file(issued.actor("clerk"), row.id, "pdf", LATER)


def test_two_who_ask_at_once_make_one_request(issued: Cast) -> None:
    import threading

    from flask import current_app

    app = current_app._get_current_object()
    actors, uuid, refused, gate = (
        [issued.actor("clerk"), issued.actor("math")],
        records()[0].uuid,
        [],
        threading.Barrier(2),
    )

    def click(actor: object) -> None:
        with app.app_context():
            gate.wait()
            try:
                recall_requests.ask(actor, uuid, WHY, LATER)
            except DomainError as refusal:
                refused.append(refusal.message)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=click, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert db.session.query(m.RecallRequest).count() == 1 and len(refused) == 1
    assert records()[0].state == RecordState.RECALL_REQUESTED and audit_verify.verify().ok


def test_the_log_keeps_reason_paper_and_approval_in_words(issued: Cast) -> None:
    request = ask(issued)
    recall_requests.approve(issued.actor("principal"), request.id, LATER, note="Đồng ý")
    entries = list(
        db.session.scalars(
            select(m.AuditEntry)
            .where(
                m.AuditEntry.tag.in_(["recall:request:asked", "recall:request:approved", "transcript:record:recalled"])
            )
            .order_by(m.AuditEntry.seq)
        )
    )
    assert len(entries) == 3 and [entry.actor_name for entry in entries][1:] == ["Đoàn Thị Hải Yến"] * 2
    assert WHY in entries[0].payload and "12/2027" in entries[0].payload and "Đồng ý" in entries[1].payload
    assert db.session.execute(text("SELECT count(*) FROM recall_request")).scalar() == 1


def test_a_request_waits_on_the_principals_day_and_on_nobody_elses(issued: Cast) -> None:
    principal = issued.actor("principal")
    before = dashboard.count_waiting(principal, LATER)
    request = ask(issued)
    assert dashboard.count_waiting(principal, LATER) == before + 1
    (item,) = [one for one in dashboard.daily(principal, LATER).odd if one.verb == "decide"]
    assert item.link == "/thu-hoi/#quyet-dinh" and WHY in item.oddities[0].why and STAY[0] in item.title
    assert not [one for one in dashboard.daily(issued.actor("clerk"), LATER).odd if one.verb == "decide"]
    recall_requests.approve(principal, request.id, LATER)
    assert [one for one in dashboard.daily(principal, LATER).odd if one.title == item.title] == []


def test_each_watched_value_of_a_recall_changed_in_the_file_is_named(issued: Cast) -> None:
    """The request, the list, and the days and the successor that a record tells of itself."""
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, LATER)
    signed_list(issued, LATER)
    assert audit_verify.verify().ok
    for kind in ("recall_request", "recall_list", "transcript_record"):
        table = WATCHED[kind][0].__table__
        row = db.session.execute(text(f"SELECT * FROM {kind} ORDER BY id LIMIT 1")).mappings().one()
        for name, column, _written in audit.watched_columns(kind):
            if kind == "transcript_record" and name not in ("state", "published_at", "recalled_at", "replaces_id"):
                continue
            sql_type = str(table.c[column].type).upper()
            if table.c[column].foreign_keys or "INT" in sql_type:
                new: object = 9999
            else:
                new = (
                    not row[column]
                    if "BOOL" in sql_type
                    else "2031-01-01 00:00:00.000000"
                    if "DATE" in sql_type
                    else "Giá trị lạ"
                )
            connection = Outside(unchecked=True)
            db.session.remove()
            connection.execute(f"UPDATE {kind} SET {column} = ? WHERE id = ?", (new, row["id"]))
            faults = [one for one in audit_verify.verify().faults if one.kind == "value"]
            assert [(one.table, one.row_id) for one in faults] == [(kind, str(row["id"]))], (kind, column)
            assert name in faults[0].message
            connection.execute(f"UPDATE {kind} SET {column} = ? WHERE id = ?", (row[column], row["id"]))
            connection.close()
    db.session.remove()
    assert audit_verify.verify().ok


def test_the_log_tells_the_state_of_a_paper_and_of_its_request_apart(issued: Cast) -> None:
    request = ask(issued)
    recall_requests.approve(issued.actor("principal"), request.id, LATER, note="Đồng ý")
    lines = log_search.search(issued.actor("principal"), log_search.Wanted(), LATER.date()).lines
    told = {
        (line.what, change.before, change.after)
        for line in lines
        if line.what in ("đề nghị thu hồi học bạ", "thu hồi học bạ")
        for change in line.changes
        if change.what == "tình trạng"
    }
    assert told == {
        ("đề nghị thu hồi học bạ", None, "chờ Hiệu trưởng quyết định"),
        ("đề nghị thu hồi học bạ", "đã công bố", "chờ thu hồi"),
        ("thu hồi học bạ", None, "đã thu hồi"),
        ("thu hồi học bạ", "chờ thu hồi", "đã thu hồi"),
    }


def test_a_paper_to_make_anew_in_the_open_year_is_looked_at_first_and_due_soon(issued: Cast) -> None:
    math = issued.actor("math")
    assert not [one for one in dashboard.daily(math, LATER).odd if one.kind == "transcript"]
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, WHY, LATER)
    words = "Lập 1 học bạ lớp 9A, thay bản đã thu hồi"
    day = dashboard.daily(math, LATER)
    [item] = [one for one in day.odd if one.kind == "transcript"]
    assert item.title == words and item.oddities[0].who == STAY[0]
    assert item.due_before == due_before(clock.local_date(LATER))
    row = next(one for one in readiness.board(SYSTEM, LATER).rows if one.name == "9A")
    assert (row.due_before, row.holder) == (item.due_before, "cô Hà, lập 1 bản"), "the board says what the day says"
    assert not [one for one in day.plain if one.kind == "transcript"], "not told twice"
    assert dashboard.count_waiting(math, LATER) == day.n_waiting
    assert [one.what for one in held_work.unfinished(LATER) if "học bạ lớp 9A" in one.what] == [words]
    view = signing_view.class_view(math, issued.classes["9A"], LATER)
    assert {row.name: row.recalled_on for row in view.rows} == {
        name: clock.local_date(LATER) if name == STAY[0] else None for name in STAY
    }


def test_what_was_taken_back_unsigned_is_a_first_record_still(built: Cast) -> None:
    recall_requests.recall(built.actor("principal"), records()[0].uuid, WHY, LATER)
    assert "Lập 1 học bạ lớp 9A" in [one.title for one in dashboard.daily(built.actor("math"), LATER).plain]
    view = signing_view.class_view(built.actor("math"), built.classes["9A"], LATER)
    assert {row.recalled_on for row in view.rows} == {None}
