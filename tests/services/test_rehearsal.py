"""The rehearsal: what each signer still has to do, papers that are thrown away, and the reminder two weeks before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import NotAllowed, WrongState
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import (
    audit_verify,
    batch_runner,
    certificate_register,
    certificate_standing,
    certificates,
    document_pool,
    job_table,
    rehearsal,
    rehearsal_checks,
    roster,
    signing_secret,
    test_school_keys,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
)
from tests.services.test_transcripts import tamper

NO_DRIVERS: tuple[rehearsal_checks.DriverState, ...] = ()


def todos(cast: Cast, now: datetime = NOW, machine: tuple[rehearsal_checks.DriverState, ...] = NO_DRIVERS):
    return rehearsal_checks.check(db.session.get(m.SchoolYear, cast.year_id), now, machine)


def of(cast: Cast, person: str, **more: object) -> list[str]:
    return [one.words for one in todos(cast, **more) if cast.people[person] in one.person_ids]


def register(cast: Cast, person: str | None, name: str, personal_id: str | None, **more: object) -> m.Certificate:
    """Another certificate of the instance's test authority for somebody, whatever it says."""
    folder = document_pool.config().keys / "test-authority"
    authority = TestAuthority.load({path.name: path.read_bytes() for path in folder.iterdir()})
    key, chain = authority.issue(name, now=NOW, organisation="Trường THCS Đồng Sen", personal_id=personal_id, **more)
    owner = db.session.get(m.Person, cast.people[person]) if person else None
    imported = certificates.signers.imported(
        key,
        chain,
        owner=certificates.owner_key(owner.id if owner else None),
        pin=test_school_keys.DEMO_PIN,
        server_secret=signing_secret.server_secret(),
    )
    certificate_register.store_key(SYSTEM, imported, owner, NOW, is_test=True, replace=True)
    return certificates.current_certificate(owner.id if owner else None)


def test_a_signer_who_is_ready_has_nothing_to_do(approved: Cast) -> None:
    words = [one for one in of(approved, "math") if "lần đầu" not in one]
    assert words == []


def test_a_certificate_that_ends_before_the_deadline_is_the_owners_to_renew(approved: Cast) -> None:
    deadline = db.session.get(m.SchoolYear, approved.year_id).sign_grade9_before
    days = (deadline - NOW.date()).days
    person = db.session.get(m.Person, approved.people["math"])
    register(approved, "math", person.full_name, person.personal_id_number, days=days - 2)
    (words,) = [one for one in of(approved, "math") if "hết hạn" in one]
    assert "trước hạn ký" in words and "gia hạn" in words
    row = certificates.current_certificate(person.id)
    certificate_standing.ask_renewal(approved.actor("math"), row.id, NOW)
    assert any("Đã đề nghị gia hạn" in one for one in of(approved, "math"))
    register(approved, "math", person.full_name, person.personal_id_number, days=days + 20)
    assert not [one for one in of(approved, "math") if "hết hạn" in one]


def test_no_certificate_at_all(approved: Cast) -> None:
    row = certificates.current_certificate(approved.people["math"])
    certificate_register.retire(approved.actor("math"), row.id, NOW)
    assert any(one.startswith("Đăng ký chứng thư số") and "9A" in one for one in of(approved, "math"))


def test_a_role_that_is_not_bound_is_the_it_officers_to_mend(approved: Cast) -> None:
    row = certificates.current_certificate(approved.people["math"])
    certificate_standing.bind_roles(approved.actor("it_officer"), row.id, ["principal"], NOW)
    found = [one for one in todos(approved) if "gắn" in one.words]
    assert found and all(approved.people["it_officer"] in one.person_ids and one.blocks for one in found)


def test_the_seal_waits_for_the_authority(approved: Cast) -> None:
    tamper("UPDATE school SET is_demo = 0")
    tamper("UPDATE certificate SET is_test = 0 WHERE purpose = 'seal'")
    assert any("con dấu" in one.words and "phê duyệt" in one.words for one in todos(approved))


def test_test_certificates_count_for_nothing_in_a_real_school(approved: Cast) -> None:
    tamper("UPDATE school SET is_demo = 0")
    assert any("thử nghiệm" in one for one in of(approved, "math"))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE person SET full_name = 'Trịnh Thu Hoà' WHERE full_name = 'Trịnh Thu Hà'",
            "không phải “Trịnh Thu Hoà”",
        ),
        (
            "UPDATE person SET personal_id_number = '036180009999' WHERE full_name = 'Trịnh Thu Hà'",
            "Số định danh cá nhân",
        ),
    ],
)
def test_the_name_and_number_of_the_profile_are_held_against_the_certificate(
    approved: Cast, statement: str, words: str
) -> None:
    tamper(statement)
    found = [one for one in todos(approved) if words in one.words]
    assert (
        found
        and approved.people["math"] in found[0].person_ids
        and approved.people["it_officer"] in found[0].person_ids
    )


def test_a_missing_number_is_the_clerks_to_enter(approved: Cast) -> None:
    tamper("UPDATE person SET personal_id_number = NULL WHERE full_name = 'Trịnh Thu Hà'")
    assert any("Ghi số định danh cá nhân của Trịnh Thu Hà" in one for one in of(approved, "clerk"))


def test_a_closed_key_an_absent_root_and_a_disabled_account(approved: Cast) -> None:
    tamper("UPDATE certificate SET n_wrong_pins = 5 WHERE person_id = :id", id=approved.people["math"])
    tamper("UPDATE account SET disabled_at = '2027-05-01 00:00:00' WHERE person_id = :id", id=approved.people["math"])
    assert any("năm lần" in one for one in of(approved, "math"))
    assert any("Tài khoản của Trịnh Thu Hà đang tắt" in one for one in of(approved, "it_officer"))
    tamper("UPDATE trust_root SET removed_at = '2027-05-01 00:00:00'")
    assert any("Thêm chứng thư gốc" in one for one in of(approved, "it_officer"))


def on_token(cast: Cast) -> str:
    tamper(
        "UPDATE certificate SET key_kind = 'pkcs11', key_envelope = NULL, key_place = :place WHERE person_id = :id",
        id=cast.people["math"],
        place='{"driver": "bit4id", "key_id": "01", "label": "Ha", "serial": "77"}',
    )
    return certificates.current_certificate(cast.people["math"]).fingerprint


def test_the_driver_of_a_token_has_to_be_there_and_run(approved: Cast) -> None:
    fingerprint = on_token(approved)
    assert any("Cài trình điều khiển" in one for one in of(approved, "it_officer"))
    broken = rehearsal_checks.DriverState("bit4id", "USB ký số", "không có tệp thư viện /x.so", 0, frozenset())
    assert any("không chạy" in one for one in of(approved, "it_officer", machine=(broken,)))
    absent = rehearsal_checks.DriverState("bit4id", "USB ký số", None, 0, frozenset())
    (one,) = [each for each in todos(approved, machine=(absent,)) if "Cắm thử" in each.words]
    assert not one.blocks and one.person_ids == (approved.people["math"],)
    seen = rehearsal_checks.DriverState("bit4id", "USB ký số", None, 1, frozenset({fingerprint}))
    assert not [each for each in todos(approved, machine=(seen,)) if "thiết bị" in each.words]


def test_a_driver_that_is_configured_but_not_installed_is_found_by_looking(
    approved: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config: Config = current_app.config["HOCBASO"]
    monkeypatch.setitem(config.extra, "pkcs11", {"usb": {"module": str(tmp_path / "khong-co.so"), "words": "USB"}})
    (found,) = rehearsal_checks.drivers()
    assert found.problem is not None and "khong-co.so" in found.problem


def test_the_places_name_who_signs_what_until_when(approved: Cast) -> None:
    year = db.session.get(m.SchoolYear, approved.year_id)
    found, _missing = rehearsal_checks.places(year, NOW.date())
    homeroom = {place.person.full_name: place for place in found if place.role is SignatureRole.HOMEROOM}
    assert homeroom["Trịnh Thu Hà"].class_names == ("9A",)
    assert homeroom["Trịnh Thu Hà"].before == year.sign_grade9_before
    assert [place.before for place in found if place.role is SignatureRole.SEAL] == [year.sign_grade9_before]


def counted() -> tuple[int, ...]:
    return tuple(
        db.session.scalar(select(func.count()).select_from(model)) or 0
        for model in (m.TranscriptRecord, m.TranscriptSignature, m.StoredDocument, m.Certificate, m.TrustRoot)
    )


def test_papers_are_really_signed_and_nothing_of_them_stays(approved: Cast) -> None:
    before, files = counted(), set(document_pool.document_store().digests())
    done: list[int] = []
    found = rehearsal.view(
        approved.actor("clerk"),
        rehearsal.start(approved.actor("clerk"), NOW, n_papers=1, on_class=lambda: done.append(1)),
        NOW,
    )
    assert found.state == "done" and len(done) == found.n_classes == found.n_done
    row = next(each for each in found.classes if each.name == "9A")
    assert row.problem is None and row.n_students == 3 and 20 < row.per_paper_ms < 60_000 and row.seconds >= 1
    assert counted() == before and set(document_pool.document_store().digests()) == files
    assert audit_verify.verify().ok
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    assert entry.tag == "signing:rehearsal:ended"
    everything = db.session.scalar(select(m.Rehearsal.result))
    assert "Bảo Châu" not in everything and "Diễn Tập" not in everything, (
        "no pupil, real or invented, stands in the result"
    )


def test_a_paper_without_the_watermark_is_never_made(approved: Cast) -> None:
    import dataclasses

    from hocbaso.documents import transcript_content as tc

    year, row = db.session.get(m.SchoolYear, approved.year_id), db.session.get(m.ClassGroup, approved.classes["9A"])
    content = dataclasses.replace(rehearsal._content(year, row, NOW, NOW.date()), demo=False)
    with pytest.raises(ValueError, match="watermarked"):
        document_pool.call("hocbaso.documents.rehearsal:papers", tc.to_canonical_json(content), 1, NOW)


@pytest.mark.parametrize("person", ["math", "head_society", "board", "outsider"])
def test_the_wrong_person_rehearses_nothing(approved: Cast, person: str) -> None:
    with pytest.raises(NotAllowed):
        rehearsal.start(approved.actor(person), NOW)
    with pytest.raises(NotAllowed):
        rehearsal.newest(approved.actor(person), NOW)


def test_only_one_rehearsal_runs_and_a_dead_one_does_not_stop_the_next(approved: Cast) -> None:
    runner = batch_runner.take()
    with write_transaction() as session:
        session.add(
            m.Rehearsal(
                school_year_id=approved.year_id,
                state="RUNNING",
                started_at=NOW,
                actor_name="Ai đó",
                runner=runner,
                n_classes=1,
                n_done=0,
            )
        )
    with pytest.raises(WrongState, match="Đang có một lần diễn tập"):
        rehearsal.start(approved.actor("clerk"), NOW)
    batch_runner.release(runner)
    assert rehearsal.newest(approved.actor("clerk"), NOW).state == "interrupted"
    assert rehearsal.start(approved.actor("clerk"), NOW, n_papers=1)


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 0, 0, tzinfo=UTC) + timedelta(hours=2)


def notices(cast: Cast, person: str) -> list[str]:
    return list(
        db.session.scalars(
            select(m.Notice.body).where(m.Notice.kind == "rehearsal", m.Notice.person_id == cast.people[person])
        )
    )


def test_two_weeks_before_everybody_hears_what_is_theirs_once(approved: Cast) -> None:
    year = roster.open_year()
    row = certificates.current_certificate(approved.people["math"])
    certificate_register.retire(approved.actor("math"), row.id, NOW)
    early = year.sign_grade9_before - timedelta(days=15)
    assert rehearsal.look(at(early)) is None
    day = year.sign_grade9_before - timedelta(days=14)
    n = rehearsal.remind(SYSTEM, rehearsal.look(at(day)), at(day))
    assert n >= 4
    assert any("Đăng ký chứng thư số" in body for body in notices(approved, "math"))
    for person in ("principal", "clerk", "it_officer"):
        assert any("Hãy diễn tập" in body for body in notices(approved, person)), person
    assert notices(approved, "outsider") == []
    later = day + timedelta(days=1)
    assert rehearsal.look(at(later)) is None and rehearsal.remind(SYSTEM, None, at(later)) == 0
    second = year.sign_others_before - timedelta(days=14)
    assert rehearsal.look(at(second)) is not None, "the other grades' deadline has its own"


def test_a_server_that_was_off_tells_on_the_next_day(approved: Cast) -> None:
    day = roster.open_year().sign_grade9_before - timedelta(days=11)
    assert rehearsal.look(at(day)) is not None
    job = next(one for one in job_table.JOBS if one.name == "rehearsal")
    past, present = day - timedelta(days=3), at(day)
    assert job.prepare is not None and job.prepare(past, present) is None, "a day that has passed tells nobody"
    assert "nhắc" in job.effect(day, present, job.prepare(day, present))
