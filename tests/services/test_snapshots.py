"""Snapshots: the results and states they hold, the deadlines they mark, the second place, and a log that refuses to be changed."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import current_app
from sqlalchemy import text

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import checkpoints
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.hash_chain import GENESIS, leaf_hash, merkle_root
from hocbaso.services import audit, audit_verify, job_ledger, score_entry, snapshot_diff, snapshots, state_export
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_table import JOBS
from hocbaso.services.watched_kinds import WATCHED
from tests.cast import NOW, Cast
from tests.databases import ON_POSTGRESQL

DEADLINE = next(job for job in JOBS if job.name == "deadline_snapshot")


def folder() -> Path:
    found: Path = current_app.config["HOCBASO"].checkpoints
    return found


def test_an_export_holds_every_watched_row_once_and_the_same_state_gives_the_same_bytes(school: Cast) -> None:
    taken = snapshots.take(SYSTEM, NOW)
    packed = (folder() / f"{taken.data_digest}.jsonl.gz").read_bytes()
    assert hashlib.sha256(packed).hexdigest() == taken.data_digest
    lines = gzip.decompress(packed).decode().splitlines()
    assert (len(lines), merkle_root([leaf_hash(line.encode()) for line in lines])) == (taken.n_lines, taken.data_root)
    rows = [json.loads(line) for line in lines[1:]]
    for kind, (model, names) in WATCHED.items():
        if kind in state_export.LEFT_OUT:
            continue
        told = {row["id"]: row["values"] for row in rows if row["kind"] == kind}
        stand = {str(row.id): audit.state_of(kind, row) for row in db.session.query(model)}
        assert told.keys() == stand.keys() and all(set(names) <= values.keys() for values in told.values())
    assert "password" not in gzip.decompress(packed).decode()
    assert state_export.export().digest == taken.data_digest

    score_entry.save_cell(
        school.actor("math"), school.sheets["9A", "MATH", 2], school.enrollments["9A", "Hoàng Thanh Bình"], "TX1",
        "8,5", expected_version=0, op_id=None, now=NOW,
    )  # fmt: skip
    assert state_export.export().root != taken.data_root


def test_the_signed_body_names_the_export_and_a_changed_or_lost_one_is_found(school: Cast) -> None:
    taken = snapshots.take(SYSTEM, NOW, occasion="hết hạn nhập dữ liệu 2026-2027")
    assert f"data {taken.n_lines} {taken.data_root} {taken.data_digest}\n" in taken.body
    assert "occasion hết hạn nhập dữ liệu 2026-2027\n" in taken.body
    assert audit_verify.verify().ok
    path = folder() / f"{taken.data_digest}.jsonl.gz"
    good = path.read_bytes()
    path.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    assert ["đã bị sửa" in fault.message for fault in audit_verify.verify().faults] == [True]
    path.unlink()
    assert ["đã mất" in fault.message for fault in audit_verify.verify().faults] == [True]
    path.write_bytes(good)
    db.session.remove()
    with write_transaction() as session:
        session.execute(text("UPDATE audit_snapshot SET data_root = :other"), {"other": "0" * 64})
    assert {fault.kind for fault in audit_verify.verify().faults} == {"snapshot"}


def test_the_signature_is_a_signed_note_and_files_from_before_are_still_good() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = checkpoints.public_key_text(key.public_key())
    body = checkpoints.body_text(NOW.date(), 0, GENESIS, merkle_root([]), NOW, public)
    signature = base64.b64decode(checkpoints.signature_of(body, key))
    named = hashlib.sha256(b"hocbaso/nhat-ky/v1\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]
    assert signature[:4] == named and len(signature) == 68
    key.public_key().verify(signature[4:], body.encode())

    def judged(raw: bytes) -> bool:
        written = checkpoints.file_text(body, base64.b64encode(raw).decode())
        return checkpoints.parse(written, "x", public).signature_ok

    assert judged(signature) and judged(signature[4:]), "with the key's name, and as files were before"
    assert not judged(b"\x00" + signature[1:]) and not judged(named + other.sign(body.encode()))


def test_every_deadline_gets_its_snapshot_when_it_has_passed_even_if_the_server_slept(school: Cast) -> None:
    year = db.session.get(m.SchoolYear, school.year_id)
    assert (year.data_complete_before, year.summer_freeze_on) == (date(2027, 5, 20), date(2027, 8, 15))
    assert snapshots.deadline_on(date(2027, 5, 19)) == ""
    morning = datetime(2027, 5, 19, 1, 0, tzinfo=UTC)
    job_ledger.catch_up((DEADLINE,), morning)
    job_ledger.catch_up((DEADLINE,), morning + timedelta(days=3))  # off from the 19th to the 22nd
    job_ledger.catch_up((DEADLINE,), morning + timedelta(days=3, hours=2))
    rows = db.session.query(m.AuditSnapshot).order_by(m.AuditSnapshot.id).all()
    assert [(row.day, row.taken_late) for row in rows] == [(date(2027, 5, 20), True), (date(2027, 5, 21), True)]
    assert [row.occasion for row in rows] == ["hết hạn nhập dữ liệu 2026-2027", "hết hạn ký khối 9 2026-2027"]
    assert snapshots.deadline_on(date(2027, 8, 16)) == "hết hạn kết quả hè 2026-2027"


def test_old_nightly_exports_go_and_those_of_deadlines_stay(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEEP_NIGHTLY", 1)
    taken = []
    for number, occasion in enumerate(("", "hết hạn", "", "")):
        with write_transaction() as session:
            session.get(m.School, 1).place_name = f"Nơi {number}"  # another state each time
        taken.append(snapshots.take(SYSTEM, NOW, occasion=occasion))
    assert snapshots.forget_exports() == 2
    here = {path.name.partition(".")[0] for path in folder().glob("*.gz")}
    assert here == {taken[1].data_digest, taken[3].data_digest}
    assert snapshots.export_faults() == []


def test_a_second_place_gets_what_it_lacks_and_is_read_when_the_log_is_checked(
    school: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "thẻ nhớ"
    settings = dataclasses.replace(current_app.config["HOCBASO"], checkpoint_copy=stick)
    monkeypatch.setitem(current_app.config, "HOCBASO", settings)
    snapshots.take(SYSTEM, NOW)
    assert "không có thư mục này" in snapshots.copy_elsewhere()
    stick.mkdir()
    snapshots.take(SYSTEM, NOW + timedelta(days=1))
    assert len(list(stick.glob("*.txt"))) == 2, "the one from before the stick was there came along"
    assert {path.name for path in stick.iterdir()} == {path.name for path in folder().iterdir()}
    report = audit_verify.verify()
    assert report.ok and report.n_snapshots == 6
    first = min(stick.glob("*.txt"))
    first.write_text(first.read_text().replace("day 2027", "day 2028", 1))
    assert snapshots.copy_elsewhere().startswith("đã chép 0 tệp"), "what lies there is never written again"
    assert any("bản chép" in fault.message for fault in audit_verify.verify().faults)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor_name = 'Ai Đó' WHERE seq = 3",
        "DELETE FROM audit_entry WHERE seq = 3",
        "DELETE FROM audit_entry",
        *(["TRUNCATE audit_entry"] if ON_POSTGRESQL else []),
    ],
)
def test_the_database_itself_refuses_to_change_the_log(school: Cast, statement: str) -> None:
    with pytest.raises(Exception, match="append-only"), write_transaction() as session:
        session.execute(text(statement))
    assert audit_verify.verify().ok


def test_a_line_for_the_paper_of_the_day(school: Cast) -> None:
    taken = snapshots.take(SYSTEM, NOW)
    line = snapshots.printed_line(taken)
    assert line.startswith(f"Nhật ký 12/05/2027: {taken.n_entries} dòng, gốc {taken.root[:8]} ")
    assert line.rpartition("gốc ")[2].replace(" ", "") == taken.root


def behind_the_back(statement: str, **values: object) -> None:
    db.session.remove()
    with write_transaction() as session:
        session.execute(text(statement), values)
    db.session.remove()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_snapshot SET taken_at = (SELECT min(taken_at) FROM audit_snapshot) WHERE occasion IS NULL",
        "UPDATE audit_snapshot SET occasion = NULL",
        "UPDATE audit_snapshot SET occasion = 'hết hạn khác' WHERE occasion IS NOT NULL",
        "UPDATE audit_snapshot SET taken_late = TRUE WHERE occasion IS NULL",
        "UPDATE audit_snapshot SET day = '2027-05-11' WHERE occasion IS NULL",
    ],
)
def test_every_column_of_a_snapshot_is_held_against_what_was_signed(school: Cast, change: str) -> None:
    snapshots.take(SYSTEM, NOW, occasion="hết hạn nhập dữ liệu 2026-2027")
    snapshots.take(SYSTEM, NOW + timedelta(days=3, hours=1))
    assert audit_verify.verify().ok
    behind_the_back(change)
    assert {fault.kind for fault in audit_verify.verify().faults} == {"snapshot"}


def test_a_snapshots_time_and_occasion_are_read_from_what_was_signed(school: Cast, monkeypatch) -> None:
    first = snapshots.take(SYSTEM, NOW, occasion="hết hạn nhập dữ liệu 2026-2027")
    kept, first_id = folder() / f"{first.data_digest}.jsonl.gz", first.id
    second_id = snapshots.take(SYSTEM, NOW + timedelta(days=3)).id
    behind_the_back(
        "UPDATE audit_snapshot SET occasion = NULL, taken_late = FALSE, taken_at = :at", at="2027-05-12 02:00:00"
    )
    today = date(2027, 5, 31)
    found = [snapshot_diff.find(wanted, today) for wanted in ("12/5", "31/5")]
    assert [line.id for line in found] == [first_id, second_id]
    assert found[0].occasion == "hết hạn nhập dữ liệu 2026-2027"

    monkeypatch.setattr(snapshots, "KEEP_NIGHTLY", 1)
    score_entry.save_cell(
        school.actor("math"), school.sheets["9A", "MATH", 2], school.enrollments["9A", "Hoàng Thanh Bình"], "TX1",
        "8,5", expected_version=0, op_id=None, now=NOW,
    )  # fmt: skip
    snapshots.take(SYSTEM, NOW + timedelta(days=4))
    snapshots.forget_exports()
    assert kept.is_file()
    kept.unlink()
    assert [fault.message for fault in audit_verify.verify().faults if "đã mất" in fault.message]


def test_a_snapshot_whose_signed_words_were_changed_chooses_nothing_and_loses_no_export(
    school: Cast, monkeypatch
) -> None:
    first = snapshots.take(SYSTEM, NOW, occasion="hết hạn nhập dữ liệu 2026-2027")
    kept, first_id = folder() / f"{first.data_digest}.jsonl.gz", str(first.id)
    snapshots.take(SYSTEM, NOW + timedelta(days=3))
    behind_the_back("UPDATE audit_snapshot SET occasion = NULL, body = replace(body, 'occasion', 'Occasion')")
    for wanted in (first_id, "31/5"):
        with pytest.raises(IntegrityFault):
            snapshot_diff.find(wanted, date(2027, 5, 31))
    monkeypatch.setattr(snapshots, "KEEP_NIGHTLY", 0)
    snapshots.forget_exports()
    assert kept.is_file()
