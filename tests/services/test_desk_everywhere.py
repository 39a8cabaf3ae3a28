"""A key at the signer's own desk does all that other keys do: rehearsal, the machine's key, the recall list, and more than a helper's hundred."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import desk_signer
from hocbaso.documents import instance_keys as machine_keys
from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.documents.desk_signer import DeskSigner
from hocbaso.documents.signing_manifest import Clerk, Errand, Paper
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.services import (
    audit_verify,
    desk_tasks,
    document_pool,
    instance_keys,
    recall_lists,
    recall_requests,
    rehearsal,
    rehearsal_checks,
    stored_documents,
    test_school_keys,
)
from hocbaso_ky import manifest, messages
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_desk_signing import HERE, Computer, begin, bring, ended, homeroom_signs, told, waiting
from tests.services.test_transcripts import records
from tests.soft_token import make_token

SCHOOL = "Trường THCS Đồng Sen"
LATER = NOW + timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Computer]]:
    made: list[Computer] = []

    def make(name: str | None = None, **more: object) -> Computer:
        token = made[0].token if made else make_token(tmp_path / "hsm", monkeypatch)
        made.append(Computer(token, "ec", *([name] if name else []), **more))
        return made[-1]

    yield make
    for each in made:
        each.session.close()


def carried(cast: Cast, person: str, task: str, computer: Computer) -> desk_tasks.DeskTask:
    """What page and helper do: the helper looks at each message, signs it, and the page brings it."""
    for _ in range(600):
        found = desk_tasks.errand(cast.actor(person), task, HERE)
        if found is None:
            break
        if found.round is not None:
            agreement, listing = told(cast, found)
            assert agreement.n_signatures == len(found.round.messages)
            assert agreement.certificate == certificate_fingerprint(computer.chain[0])
            for entry, message in zip(listing.entries, found.round.messages, strict=True):
                messages.check_item(messages.Item(entry.form, entry.digest, message), computer.chain[0], "ec")
            with pytest.raises(Invalid):
                bad = [b"x"] * len(found.round.messages)
                desk_tasks.bring(cast.actor(person), task, HERE, found.round.job, found.round.number, bad)
            for session in ("18", ""):
                with pytest.raises(NotFound):
                    desk_tasks.errand(cast.actor(person), task, session)
            with pytest.raises(NotFound):
                desk_tasks.task_for(cast.actor("math"), task, HERE)
            good = computer.sign(*found.round.messages)
            desk_tasks.bring(cast.actor(person), task, HERE, found.round.job, found.round.number, good)
        time.sleep(0.05)
    document_pool.wait_for(f"desk-{task}", 30)
    db.session.rollback()
    return desk_tasks.task_for(cast.actor(person), task, HERE)


def test_the_rehearsal_knows_a_token_at_a_desk(built: Cast, desk: Callable[..., Computer]) -> None:
    desk().register(built)
    year = db.session.get(m.SchoolYear, built.year_id)
    todos = [one for one in rehearsal_checks.check(year, NOW, ()) if "Mở trình ký" in one.words]
    assert len(todos) == 1 and not todos[0].blocks
    assert todos[0].person_ids == (built.people["principal"],)
    rehearsal.look(NOW)
    rehearsal.start(built.actor("principal"), NOW, background=False)
    assert rehearsal.newest(built.actor("principal"), NOW) is not None


def test_the_seal_at_the_clerks_desk_speaks_for_the_machines_key(issued: Cast, desk: Callable[..., Computer]) -> None:
    computer = desk(SCHOOL, organisation=SCHOOL)
    computer.register(issued, "clerk", purpose="seal", replace=True)
    assert [view.is_certified for view in instance_keys.views()] == [False]
    with pytest.raises(WrongState, match="trình duyệt trên máy đó"):
        instance_keys.certify(issued.actor("clerk"), "", LATER)
    task = instance_keys.certify_at_desk(issued.actor("clerk"), HERE, "/chung-thu-so/", LATER)
    done = carried(issued, "clerk", task, computer)
    assert (done.outcome, done.back) == ("done", "/chung-thu-so/"), done.message
    assert [view.is_certified for view in instance_keys.views()] == [True]
    with pytest.raises(WrongState, match="từ trước"):
        instance_keys.certify_at_desk(issued.actor("clerk"), HERE, "/", LATER)
    # Stopped at the helper: nothing is written, and it can be begun again.
    (key,) = instance_keys.views()
    instance_keys.withdraw(issued.actor("clerk"), key.key_id, "máy bị lấy cắp", LATER)
    task = instance_keys.certify_at_desk(issued.actor("clerk"), HERE, "/", LATER)
    while desk_tasks.errand(issued.actor("clerk"), task, HERE).round is None:
        time.sleep(0.05)
    desk_tasks.stop(issued.actor("clerk"), task, HERE, "no")
    document_pool.wait_for(f"desk-{task}", 30)
    db.session.rollback()
    stopped = desk_tasks.task_for(issued.actor("clerk"), task, HERE)
    assert stopped.outcome == "failed" and "từ chối" in stopped.message
    assert all(not view.is_certified for view in instance_keys.views())
    task = instance_keys.certify_at_desk(issued.actor("clerk"), HERE, "/", LATER)
    assert carried(issued, "clerk", task, computer).outcome == "done"
    assert {document["format"] for document in instance_keys.public_documents()} >= {
        "hocbaso-instance-key-1",
        "hocbaso-instance-key-withdrawal-1",
    }
    assert audit_verify.verify().ok


def test_a_recall_list_is_signed_and_sealed_at_two_desks(issued: Cast, desk: Callable[..., Computer]) -> None:
    principal, seal = desk(), desk(SCHOOL, organisation=SCHOOL)
    principal.register(issued)
    seal.register(issued, "clerk", purpose="seal", replace=True)
    recall_requests.recall(issued.actor("principal"), records()[0].uuid, "Sai nơi sinh", LATER)
    row = recall_lists.make(issued.actor("clerk"), issued.year_id, LATER).id
    for person, computer, state in (("principal", principal, "PRINCIPAL_SIGNED"), ("clerk", seal, "SEALED")):
        with pytest.raises(WrongState, match="trình duyệt trên máy đó"):
            recall_lists.sign(issued.actor(person), row, "", LATER)
        task = recall_lists.sign_at_desk(issued.actor(person), row, HERE, "/thu-hoi/", LATER)
        done = carried(issued, person, task, computer)
        assert done.outcome == "done", done.message
        assert recall_lists.list_for(issued.actor(person), row).state == state
    content = recall_lists.list_for(issued.actor("clerk"), row).xml_digest
    roots = test_school_keys._authority(NOW).root_pem
    report = document_pool.call(
        "hocbaso.documents.recall_list:verify", stored_documents.read(content), None, (roots,), (), LATER
    )
    assert report["ok"], report
    assert audit_verify.verify().ok


def test_a_school_of_640_is_asked_for_in_signings_that_the_helper_takes() -> None:
    chain = TestAuthority.create(NOW).issue(SCHOOL, now=NOW)[1]
    signer = DeskSigner(chain[0], HERE)
    machine = machine_keys.new_key()
    signer.introduce(Clerk(machine_keys.key_to_bytes(machine), lambda: NOW), Errand("seal", "toàn trường", "x"))
    papers = [Paper(f"HS{n:04}", (f"{n:064x}", f"{n + 5000:064x}"), "An", f"9{n // 40}") for n in range(640)]
    signer.begin(2 * 640, papers)
    key = machine_keys.spki(machine.public_key())
    signer._check = lambda waits, given: None  # type: ignore[method-assign]
    asked: dict[str, int] = {}
    scopes: set[str] = set()

    def page() -> None:
        while not signer._closed:
            waits = signer.waiting(HERE)
            if waits is None:
                time.sleep(0.001)
                continue
            agreement = manifest.read_agreement(dataclasses.asdict(waits.agreement), key, NOW)
            listing = manifest.read_list(dataclasses.asdict(waits.listing), agreement, key, NOW)
            assert len(listing.entries) == len(waits.messages) and agreement.n == waits.n == 640
            assert (waits.number == 0) == (waits.job not in asked)
            asked[waits.job] = asked.get(waits.job, 0) + len(waits.messages)
            assert asked[waits.job] <= 2 * waits.n, "never more than was said"
            scopes.add(agreement.scope)
            signer.bring(HERE, waits.job, waits.number, [b"s"] * len(waits.messages))

    thread = threading.Thread(target=page, daemon=True)
    thread.start()
    for at in range(0, 640, 12):
        size = 2 * min(12, 640 - at)
        messages = [b"%d" % n for n in range(size)]
        assert len(signer.sign_messages(messages, papers[at : at + size // 2])) == size
    signer.close()
    thread.join(5)
    assert list(asked.values()) == [1280], "one agreement, one PIN"
    assert scopes == {"toàn trường"}


def test_a_class_wider_than_one_agreement_is_signed_in_two(
    built: Cast, desk: Callable[..., Computer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(desk_signer.MOST, "hoc-ba", 2)
    computer = desk()
    computer.register(built)
    homeroom_signs(built)
    batch_id = begin(built)
    first = waiting(built, batch_id)
    asked = told(built, first)[0]
    assert (asked.n, asked.scope, len(first.round.messages)) == (2, "lớp 9A, phần 1/2", 4)
    bring(built, batch_id, first, computer.sign(*first.round.messages))
    second = waiting(built, batch_id)
    asked = told(built, second)[0]
    assert (asked.n, asked.scope, len(second.round.messages)) == (1, "lớp 9A, phần 2/2", 2)
    assert second.round.job != first.round.job and second.round.number == 0
    with pytest.raises(WrongState):
        bring(built, batch_id, second, computer.sign(*second.round.messages), job=first.round.job)
    bring(built, batch_id, second, computer.sign(*second.round.messages))
    assert ended(batch_id) == [("done", None)] * 3
