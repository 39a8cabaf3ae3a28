"""What the verifier finds: hundreds of random forgeries of the log, and each kind of value changed behind its back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, current_app
from sqlalchemy import RowMapping, Table, select, text

from hocbaso import models as m
from hocbaso.db import Base, db, write_transaction
from hocbaso.documents import checkpoints
from hocbaso.errors import IntegrityFault, Invalid
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, canonical_json, merkle_root, row_hash
from hocbaso.services import (
    accounts,
    audit,
    audit_verify,
    correction_score_requests,
    credentials,
    reset_requests,
    roster,
    score_entry,
    sessions,
    snapshots,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.correction_score_requests import Wanted
from hocbaso.services.uploaded_papers import Upload
from hocbaso.services.watched_kinds import WATCHED
from tests import databases
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.locked_class import locked_fixture, locked_template_fixture  # noqa: F401 (fixtures)

COLUMNS = ("seq", "at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "prev_hash", "hash")
Row = dict[str, object]


def read_log() -> list[Row]:
    found = db.session.execute(text(f"SELECT {', '.join(COLUMNS)} FROM audit_entry ORDER BY seq")).mappings()
    return [dict(row) for row in found]


def write_log(rows: list[Row]) -> None:
    """Replace the whole log behind the application's back, on a connection of its own."""
    db.session.remove()
    connection = Outside()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM audit_entry")
    connection.executemany(
        f"INSERT INTO audit_entry ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
        [tuple(row[column] for column in COLUMNS) for row in rows],
    )
    connection.execute("COMMIT")
    connection.close()


def behind_the_back(statement: str, *values: object) -> int:
    db.session.remove()
    with Outside() as connection:
        n = connection.execute(statement, values).rowcount
    assert n >= 1, statement
    return n


def chained(rows: list[Row], start: int = 0) -> list[Row]:
    """The rows with numbers and hashes made anew from ``start``: what a forger with the program's source can do."""
    prev = str(rows[start - 1]["hash"]) if start else GENESIS
    out = [dict(row) for row in rows]
    for index in range(start, len(out)):
        row = out[index]
        row["seq"], row["prev_hash"] = index + 1, prev
        row["hash"] = prev = row_hash(**{key: value for key, value in row.items() if key != "hash"})  # type: ignore[arg-type]
    return out


def test_the_log_of_the_cast_verifies(school: Cast) -> None:
    snapshots.take(SYSTEM, NOW)
    report = audit_verify.verify()
    assert report.faults == []
    assert report.n_entries > 50 and report.n_values > 100
    assert report.n_snapshots == 2  # the row and its file
    assert report.head_hash == read_log()[-1]["hash"]


def test_an_empty_instance_verifies_and_gets_no_key_by_being_checked(app: Flask) -> None:
    with app.app_context():
        assert audit_verify.verify().ok
        assert snapshots.public_key() is None
        snapshots.take(SYSTEM, NOW)
        assert audit_verify.verify().ok


# --- forging the log --------------------------------------------------------------------------------------------------


def edit(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    """One column of one row."""
    at = rng.randrange(len(rows))
    column = rng.choice(
        ("at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "hash", "prev_hash")
    )
    value = {
        "actor_id": rng.randrange(10**6, 10**7),
        "hash": rng.randbytes(32).hex(),
        "prev_hash": rng.randbytes(32).hex(),
        "payload": canonical_json({"x": rng.randrange(10**6)}),
    }.get(column, f"khác {rng.randrange(10**6)}")
    rows[at][column] = value
    return rows, {at + 1}


def edit_and_rehash(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    """One row, its own hash made right again: the next row no longer joins."""
    at = rng.randrange(len(rows) - 1)
    rows[at]["payload"] = canonical_json({"x": rng.randrange(10**6)})
    rows[at]["hash"] = row_hash(**{key: value for key, value in rows[at].items() if key != "hash"})  # type: ignore[arg-type]
    return rows, {at + 2}


def delete(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    at = rng.randrange(len(rows) - 1)
    return rows[:at] + rows[at + 1 :], {at + 2}


def delete_and_renumber(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    at = rng.randrange(len(rows) - 1)
    rows = rows[:at] + rows[at + 1 :]
    for index, row in enumerate(rows):
        row["seq"] = index + 1
    return rows, {at + 1}


def insert(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    """A new row that joins its predecessor; those after it move up by one."""
    at = rng.randrange(1, len(rows))
    new = {**rows[at], "payload": canonical_json({"x": rng.randrange(10**6)}), "prev_hash": rows[at - 1]["hash"]}
    new["hash"] = row_hash(**{key: value for key, value in new.items() if key != "hash"})  # type: ignore[arg-type]
    for row in rows[at:]:
        row["seq"] = int(str(row["seq"])) + 1
    return rows[:at] + [new] + rows[at:], {at + 2}


def reorder(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    at = rng.randrange(len(rows) - 1)
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    rows[at]["seq"], rows[at + 1]["seq"] = at + 1, at + 2
    return rows, {at + 1}


def rewrite_from(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    """Change one entry and make every later hash right: only the snapshot tells."""
    at = rng.randrange(len(rows))
    rows[at]["payload"] = canonical_json({"x": rng.randrange(10**6)})
    return chained(rows, at), set()


def truncate(rows: list[Row], rng: random.Random) -> tuple[list[Row], set[int]]:
    n = rng.randrange(1, len(rows))
    return rows[:-n], {len(rows) - n + 1}


@pytest.mark.parametrize("n", [6, pytest.param(40, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize(
    "forge", [edit, edit_and_rehash, delete, delete_and_renumber, insert, reorder, rewrite_from, truncate]
)
def test_every_random_forgery_is_found(school: Cast, forge: Callable[..., tuple[list[Row], set[int]]], n: int) -> None:
    """Detected always; the first bad row named, where the chain itself shows it."""
    snapshots.take(SYSTEM, NOW)
    # The entry of the snapshot itself lies after what the snapshot covers: leave it out of the forging.
    good = read_log()[:-1]
    rng = random.Random(f"{forge.__name__}-22")
    for _ in range(n):
        forged, first_bad = forge([dict(row) for row in good], rng)
        write_log(forged)
        report = audit_verify.verify()
        assert not report.ok
        chain = [fault for fault in report.faults if fault.kind in ("gap", "row", "chain", "truncated", "rewritten")]
        assert chain, [fault.message for fault in report.faults]
        if first_bad:
            assert chain[0].seq in first_bad, (first_bad, chain[0])
            assert str(chain[0].seq) in chain[0].message or chain[0].kind == "truncated"
    write_log(good)
    # Without the entry that tells of it the snapshot still stands in its table: nothing else is wrong.
    assert audit_verify.verify().ok


def test_a_rewritten_log_is_told_by_the_file_when_the_table_of_snapshots_is_forged_too(school: Cast) -> None:
    snapshots.take(SYSTEM, NOW)
    rows = read_log()
    rows[5]["payload"] = "{}"
    write_log(chained(rows, 5))
    behind_the_back("DELETE FROM audit_snapshot")
    kinds = {fault.kind for fault in audit_verify.verify().faults}
    assert "rewritten" in kinds  # the file
    assert "snapshot" in kinds  # and the entry that tells of a row which is gone


def test_who_holds_a_checkpoint_and_the_key_elsewhere_sees_through_a_forger_with_the_whole_machine(
    school: Cast, tmp_path: Path
) -> None:
    """The forger rewrites the log, makes a new key and signs the snapshots again: this machine finds nothing."""
    snapshots.take(SYSTEM, NOW)
    instance = current_app.config["HOCBASO"]
    kept = tmp_path / "ở nhà.txt"
    kept.write_bytes(next(instance.checkpoints.glob("*.txt")).read_bytes())
    key = snapshots.public_key()
    assert key is not None and snapshots.read_file(kept, key).signature_ok

    rows = read_log()[:-1]
    victim = len(rows) // 2
    told = json.loads(str(rows[victim]["payload"]))
    rows[victim]["payload"] = canonical_json({**told, "note": "chưa từng có"})
    write_log(chained(rows, victim))
    behind_the_back("DELETE FROM audit_snapshot")
    for path in [*instance.checkpoints.glob("*.txt"), instance.keys / "snapshot-ed25519.pem"]:
        path.unlink()
    snapshots.take(SYSTEM, NOW)
    assert audit_verify.verify().ok, "the forged machine agrees with itself"

    report = audit_verify.verify(against=[snapshots.read_file(kept, key)])
    assert [fault.kind for fault in report.faults] == ["rewritten"]
    assert "ở nhà.txt" in report.faults[0].message
    # Without the key from the first day the file is judged by the forger's key, and does not pass for good either.
    assert not audit_verify.verify(against=[snapshots.read_file(kept)]).ok


def test_a_checkpoint_with_one_flipped_character_is_no_checkpoint(school: Cast, tmp_path: Path) -> None:
    snapshots.take(SYSTEM, NOW)
    path = next(current_app.config["HOCBASO"].checkpoints.glob("*.txt"))
    good = path.read_text(encoding="utf-8")
    rng = random.Random(22)
    for n in range(120):
        at = rng.randrange(len(good) - 1)
        letter = rng.choice([c for c in "0aZ9+ \n" if c != good[at]])
        path.write_text(good[:at] + letter + good[at + 1 :], encoding="utf-8")
        try:
            assert not snapshots.read_file(path).signature_ok, (at, letter)
        except IntegrityFault:
            pass
        if n % 6 == 0:  # it reads the file as above, and the whole log beside it
            assert not audit_verify.verify().ok, (at, letter)
    path.write_bytes(b"\xff\xfe")
    assert not audit_verify.verify().ok
    path.write_text(good, encoding="utf-8")
    assert audit_verify.verify().ok
    with pytest.raises(Invalid):
        snapshots.read_file(path, "khoá nào đây")


def test_a_forged_column_of_the_snapshot_table_is_found(school: Cast) -> None:
    snapshots.take(SYSTEM, NOW)
    behind_the_back("UPDATE audit_snapshot SET n_entries = 3")
    assert [fault.kind for fault in audit_verify.verify().faults] == ["snapshot"]


def test_hashes_and_payloads_of_hostile_shape_are_faults_and_no_crash(school: Cast) -> None:
    good = read_log()
    of_another_type: tuple[tuple[str, object], ...] = (
        ("hash", b"\x00\xff"),
        ("payload", b"\xff\xff"),
        ("actor_id", "nhiều"),
        ("actor_id", 1.5),
        ("at", b"\x01"),
        ("tag", 7),
    )
    for column, value in (
        ("hash", "zz"),
        ("payload", "[1,2"),
        ("payload", "[]"),
        ("payload", "7"),
        ("payload", '{"state":[1]}'),
        ("payload", '{"state":{"student":{"1":5}}}'),
        *(() if databases.ON_POSTGRESQL else of_another_type),  # it keeps no value of another type than the column's
    ):
        rows = [dict(row) for row in good]
        rows[7][column] = value
        write_log(rows)
        report = audit_verify.verify()
        assert report.faults and report.faults[0].seq == 8, (column, value)
    with pytest.raises(IntegrityFault):
        write_log([{**row, "hash": "zz"} if row["seq"] == 4 else row for row in good])
        snapshots.take(SYSTEM, NOW)


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_says_what_the_log_was_and_its_file_is_a_tlog_checkpoint(school: Cast) -> None:
    before = [str(row["hash"]) for row in read_log()]
    taken = snapshots.take(SYSTEM, NOW)
    assert (taken.n_entries, taken.head_hash, taken.root) == (len(before), before[-1], merkle_root(before))
    assert not taken.taken_late
    lines = next(current_app.config["HOCBASO"].checkpoints.glob("2027-05-12-*.txt")).read_text("utf-8").split("\n")
    assert lines[0] == "hocbaso/nhat-ky/v1" and lines[1] == str(len(before))
    assert lines[-4] == "" or lines[-3] == ""
    assert f"key {snapshots.public_key()}" in lines
    assert (current_app.config["HOCBASO"].keys / "snapshot-ed25519.pem").stat().st_mode & 0o777 == 0o600


def test_a_late_snapshot_carries_its_true_time(school: Cast) -> None:
    taken = snapshots.take(SYSTEM, NOW + timedelta(days=3), day=NOW.date())
    assert taken.taken_late and taken.day == NOW.date()
    assert "taken 2027-05-15T02:00:00+00:00" in taken.body


def test_a_snapshot_never_covers_what_could_still_be_rolled_back(school: Cast) -> None:
    with pytest.raises(RuntimeError), write_transaction():
        snapshots.take(SYSTEM, NOW)


def test_a_checkpoint_signed_by_another_key_is_refused(school: Cast) -> None:
    other = Ed25519PrivateKey.generate()
    body = checkpoints.body_text(
        NOW.date(), 0, GENESIS, merkle_root([]), NOW, checkpoints.public_key_text(other.public_key())
    )
    text_ = checkpoints.file_text(body, checkpoints.signature_of(body, other))
    snapshots.take(SYSTEM, NOW)
    assert not checkpoints.parse(text_, "x", snapshots.public_key()).signature_ok
    assert checkpoints.parse(text_, "x", checkpoints.public_key_text(other.public_key())).signature_ok


# --- values behind the application's back -----------------------------------------------------------------------------


def filled_school(school: Cast) -> None:
    """One row of every watched kind that the cast does not have."""
    enrollment = school.enrollments["9A", "Nguyễn Bảo Châu"]
    reset_requests.ask(school.actor("it_officer"), school.accounts["clerk"], reset_requests.ResetKind.PASSWORD, NOW)
    score_entry.save_cell(
        school.actor("math"), school.sheets["9A", "MATH", 2], enrollment, "TX1", "8,5",
        expected_version=0, op_id=None, now=NOW,
    )  # fmt: skip
    with write_transaction() as session:
        rows: dict[str, object] = {
            "sheet_step": m.SheetStep(score_sheet_id=school.sheets["9A", "MATH", 1], verb="submit"),
            "class_step": m.ClassStep(class_group_id=school.classes["9A"], verb="finalise"),
            "study_history": m.StudyHistory(student_id=7, year_label="2023-2024"),
            "anomaly_question": m.AnomalyQuestion(score_sheet_id=school.sheets["9A", "MATH", 1], kind="jump"),
            "blind_draw": m.BlindDraw(score_sheet_id=school.sheets["9A", "MATH", 1], percent=10),
            "blind_check": m.BlindCheck(
                blind_draw_id=1,
                score_sheet_id=school.sheets["9A", "MATH", 1],
                enrollment_id=enrollment,
                column_key="GK",
                second_tenths=70,
                typed_by=1,
            ),
            "blind_checker": m.BlindChecker(
                score_sheet_id=school.sheets["9A", "MATH", 1], person_id=school.people["head_society"]
            ),
            "sheet_read_back": m.SheetReadBack(
                score_sheet_id=school.sheets["9A", "MATH", 1],
                reader_id=school.people["math"],
                listener_id=school.people["head_society"],
                column_keys="TX1",
            ),
            "homeroom_record": m.HomeroomRecord(enrollment_id=enrollment, conduct_1="T", remark="Chăm."),
            "month_absence": m.MonthAbsence(
                enrollment_id=enrollment, semester=1, month="2026-10", kind="excused", sessions=3
            ),
            "exemption": m.Exemption(
                enrollment_id=enrollment, subject_id=1, semester=1, state="PROPOSED", reason="ốm", proposed_at=NOW
            ),
            "exemption_revocation": m.ExemptionRevocation(
                exemption_id=1, enrollment_id=enrollment, state="PROPOSED", reason="nhầm", proposed_at=NOW
            ),
            "movement": m.Movement(enrollment_id=enrollment, kind="left", from_status="studying"),
            "inherited_result": m.InheritedResult(
                enrollment_id=enrollment, subject_id=1, semester=1, tenths=60, state="PROPOSED"
            ),
            "summer_result": m.SummerResult(
                enrollment_id=enrollment, subject_id=1, tenths=60, state="TYPED", outcome="result"
            ),
            "year_turn": m.YearTurn(from_year_id=school.year_id, state="DRAFT", choices="{}"),
            "principal_decision": m.PrincipalDecision(
                enrollment_id=enrollment, kind="promotion", term="year", outcome="lift"
            ),
        }
        for kind, row in rows.items():
            for column in type(row).__table__.columns:  # whatever else the table demands
                if (
                    not column.nullable
                    and column.default is None
                    and not column.primary_key
                    and getattr(row, column.name) is None
                ):
                    setattr(row, column.name, _any_value(column))
            session.add(row)
            session.flush()
            audit.record(
                AuditTag.STUDENT_CHANGED,
                SYSTEM,
                NOW,
                target_kind=kind,
                target_id=row.id,  # type: ignore[attr-defined]
                state=audit.states(kind, [row]),
            )


def _any_value(column: object) -> object:
    name = str(column.type).upper()  # type: ignore[attr-defined]
    return NOW if "DATETIME" in name else NOW.date() if "DATE" in name else 1 if "INT" in name else "x"


CORRECTIONS = {"correction_request", "correction_item", "correction_evidence", "correction_step"}


def _another(table: Table, column: str, old: object) -> object:
    """A value that the column takes and that is not ``old``."""
    sql_type = str(table.c[column].type).upper()
    if table.c[column].foreign_keys or "INT" in sql_type:
        return 1 if old in (None, 2) else 2
    if "BOOL" in sql_type:
        return not old
    if "DATETIME" in sql_type:
        return "2031-01-01 00:00:00.000000"
    if "DATE" in sql_type:
        return "2031-01-01"
    return "Giá trị lạ"[: getattr(table.c[column].type, "length", None)]


def try_kinds(kinds: Iterable[str]) -> set[str]:
    """Change each watched column of a row of each kind in the file, and back; the kinds of which there was a row.

    One column of every kind at a time: a log is verified once a column, not once a kind and column.
    """
    tried: dict[str, tuple[Table, RowMapping]] = {}
    for kind in kinds:
        table = cast(Table, WATCHED[kind][0].__table__)  # type: ignore[attr-defined]
        row = db.session.execute(text(f"SELECT * FROM {table.name} ORDER BY id LIMIT 1")).mappings().first()
        if row is not None:
            tried[kind] = table, row
    columns = {kind: [(named, column) for named, column, _ in audit.watched_columns(kind)] for kind in tried}
    for place in range(max(map(len, columns.values()))):
        here = {kind: named[place] for kind, named in columns.items() if place < len(named)}
        connection = Outside(unchecked=True)
        db.session.remove()
        for kind, (_named, column) in here.items():
            table, row = tried[kind]
            change = f"UPDATE {table.name} SET {column} = ? WHERE id = ?"
            try:
                connection.execute(change, (_another(table, column, row[column]), row["id"]))
            except connection.refusals:  # a unique value: any other will do
                connection.execute(change, (9999, row["id"]))
        faults = [one for one in audit_verify.verify(max_faults=1000).faults if one.table != "score_cell_version"]
        told = {(fault.table, fault.row_id): fault for fault in faults}
        assert set(told) == {(kind, str(tried[kind][1]["id"])) for kind in here}, here
        assert len(faults) == len(here), [fault.message for fault in faults]
        for (kind, _row_id), fault in told.items():
            named = here[str(kind)][0]
            assert fault.kind == "value" and kind in fault.message, fault
            assert named in fault.message and "nhật ký dòng" in fault.message and named in fault.detail, fault
        for kind, (_named, column) in here.items():
            table, row = tried[kind]
            connection.execute(f"UPDATE {table.name} SET {column} = ? WHERE id = ?", (row[column], row["id"]))
        connection.close()
    return set(tried)


def test_each_watched_kind_changed_in_the_file_is_named_in_words(school: Cast) -> None:
    filled_school(school)
    assert audit_verify.verify().faults == []
    tried = try_kinds(WATCHED)
    db.session.remove()
    assert audit_verify.verify().ok
    assert set(WATCHED) - tried <= {
        "frozen_result",
        "transcript_record",
        "transcript_signature",
        "certificate",
        "trust_root",
        "document_proof",
        "recall_request",
        "recall_list",
        "instance_key",
        "instance_key_statement",
        "identity_check",
        "distinct_pair",
        "announcement",
        "training_session",
        "training_attendance",
        "board_task",
        "inventory_item",
        "conclusion_case",
        "student_photo",
        "board_task_file",
        *CORRECTIONS,
    }, "kinds of the paper are tried with the paper, those of corrections with a correction"


def test_each_watched_kind_of_a_correction_changed_in_the_file_is_named_too(locked: Cast) -> None:
    form = correction_score_requests.score_form(locked.actor("math"), locked.enrollments["9A", "Hoàng Thanh Bình"], NOW)
    sheet = next(choice for choice in form.sheets if choice.cells)
    wanted = {(sheet.head.id, "CK"): Wanted("3", next(one.version for one in sheet.cells if one.key == "CK"))}
    correction_score_requests.ask_scores(
        locked.actor("math"),
        locked.enrollments["9A", "Hoàng Thanh Bình"],
        wanted,
        "Ghi nhầm dòng",
        [Upload("a.jpg", b"\xff\xd8\xff" + b"0" * 64)],
        NOW,
    )
    assert try_kinds(CORRECTIONS) == CORRECTIONS
    db.session.remove()
    assert audit_verify.verify().ok


def test_a_score_changed_in_the_file_is_told_with_both_values(school: Cast) -> None:
    filled_school(school)
    behind_the_back("UPDATE score_cell SET tenths = 95")
    (fault,) = audit_verify.verify().faults
    assert "85" in fault.detail and "95" in fault.detail
    assert "85" not in fault.message.replace(str(fault.seq), "") and "95" not in fault.message.replace(
        str(fault.seq), ""
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE score_cell_version SET tenths = 90 WHERE version = 1", "khác lần ghi"),
        ("UPDATE score_cell_version SET audit_seq = audit_seq - 1 WHERE version = 2", "khác lần ghi"),
        ("UPDATE score_cell_version SET audit_seq = NULL WHERE version = 1", "không ghi"),
        ("DELETE FROM score_cell_version WHERE version = 1", "không giữ đủ"),
        ("UPDATE score_cell_version SET by_account_id = 1 WHERE version = 1", "có người ghi khác"),
        ("UPDATE score_cell_version SET by_account_id = NULL WHERE version = 1", "có người ghi khác"),
        ("UPDATE score_cell_version SET at = '2026-10-01 01:00:00.000000' WHERE version = 1", "có lúc ghi khác"),
        ("UPDATE score_cell_version SET source = 'imported' WHERE version = 1", "có cách ghi khác"),
        ("UPDATE score_cell SET updated_by = 1", "ô có người ghi"),
        ("UPDATE score_cell SET updated_at = '2026-10-01 01:00:00.000000'", "ô có người ghi"),
    ],
)
def test_an_earlier_value_changed_in_the_file_is_found(school: Cast, statement: str, said: str) -> None:
    for version, raw in enumerate(("5", "6,5")):
        score_entry.save_cell(
            school.actor("math"), school.sheets["9A", "MATH", 2], school.enrollments["9A", "Nguyễn Bảo Châu"], "TX1", raw,
            expected_version=version, op_id=f"0123456789abcde{version}", now=NOW,
        )  # fmt: skip
    assert audit_verify.verify().ok
    behind_the_back(statement)
    (fault,) = audit_verify.verify().faults
    assert fault.table == "score_cell_version" and said in fault.message


HELD_ELSEWHERE = {
    "account": {
        "password_hash": "its digest is watched",
        "totp_secret": "its digest is watched",
        "created_at": "no page and no gate reads it",
    },
    "audit_entry": {"*": "the chain"},
    "audit_snapshot": {"*": "the signed body, which has every column, and the entry of its taking"},
    "certificate": {
        "certificate_pem": "the fingerprint",
        "chain_pem": "every signature is verified against the school's own roots",
        "key_envelope": "opens with the PIN or not at all",
    },
    "frozen_result": {"content": "content_digest"},
    "recall_list": {"content": "content_digest"},
    "score_cell": {"updated_at": "its newest version", "updated_by": "its newest version"},
    "score_cell_version": {
        **dict.fromkeys(
            ("score_cell_id", "version", "tenths", "mark", "remark", "origin", "makeup_due_on", "audit_seq"),
            "version_log: the entry's state",
        ),
        **dict.fromkeys(("at", "by_account_id", "source"), "version_log: when, who and how by the entry"),
        "op_id": "finds one's own act again; whose it is, is held",
        "request_digest": "tells a repeated request; decides nothing that stands",
    },
    "score_sheet": {"state_at": "the time of the last step, for how long a sheet waits"},
    "transcript_record": {"content": "content_digest"},
    "trust_root": {"certificate_pem": "the fingerprint", "crl_pem": "its digest is watched"},
}
"""What the log does not tell of a row, and what holds it instead; ``*`` for a whole table."""
COUNTERS = {
    "version", "content_version", "field_versions", "powers_version", "touched_at", "sort_key", "search_key",
    "must_change_password", "first_password_expires_at", "totp_last_step", "n_failed", "failed_at", "n_wrong_pins",
}  # fmt: skip
"""Change without an act (keys of lists, the guards against overwriting, tries)."""
NO_RECORDS = {
    "address_attempts", "announcement_mail", "announcement_read", "daily_look", "help_message", "help_request", "import_batch", "job_run", "machine_state",
    "notice", "quality_figure", "rehearsal", "remark_phrase", "signer_look", "signing_batch", "signing_batch_item",
    "stored_document", "tour_seen", "user_session",
}  # fmt: skip
"""Notes of the machine and of persons for themselves: no pupil's result rests on them alone. Two of them matter none the less.
``user_session`` says who is signed in: ``_check_sessions`` asks the log for the sign-in of each row. ``machine_state`` says since when
the machine's tasks count: set ahead it silences reminders and snapshots (docs/known-limits.md)."""


def test_every_column_is_held_against_the_log_or_says_what_holds_it_instead() -> None:
    watched = {model.__table__.name: set(columns) for model, columns in WATCHED.values()}  # type: ignore[attr-defined]
    loose = []
    for name, table in Base.metadata.tables.items():
        if name in NO_RECORDS:
            assert name not in watched, name
            continue
        elsewhere = HELD_ELSEWHERE.get(name, {})
        if "*" not in elsewhere:
            free = set(table.columns.keys()) - watched.get(name, set()) - set(elsewhere) - COUNTERS - {"id"}
            loose += [f"{name}.{column}" for column in free]
    assert loose == []


def test_a_renamed_group_is_found(school: Cast) -> None:
    behind_the_back("UPDATE subject_group SET name = 'Tổ lạ' WHERE id = 1")
    (fault,) = audit_verify.verify().faults
    assert (fault.table, fault.row_id) == ("subject_group", "1")


@pytest.mark.sqlite("PostgreSQL keeps no value of another type than the column's")
@pytest.mark.parametrize("value", ["tám rưỡi", 8.5, b"\x00"])
def test_values_of_a_wrong_type_in_the_file_are_found(school: Cast, value: object) -> None:
    filled_school(school)
    connection = Outside(unchecked=True)
    connection.execute("UPDATE score_cell SET tenths = ?", (value,))
    connection.close()
    assert [(fault.kind, fault.table) for fault in audit_verify.verify().faults] == [("value", "score_cell")]


@pytest.mark.sqlite("PostgreSQL keeps no value of another type than the column's")
def test_a_date_that_is_none_names_its_row_and_only_that(school: Cast) -> None:
    ids = [row[0] for row in db.session.execute(text("SELECT id FROM student ORDER BY id"))]
    behind_the_back("UPDATE student SET birth_on = 'hôm qua' WHERE id = ?", ids[4])
    report = audit_verify.verify()
    assert [(fault.kind, fault.row_id) for fault in report.faults] == [("value", str(ids[4]))]


def test_a_row_put_into_the_file_without_an_entry_is_found(school: Cast) -> None:
    behind_the_back(
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, origin, version, updated_at)"
        " VALUES (?, ?, 'CK', 100, 'entered', 1, '2027-05-12 02:00:00')",
        school.sheets["9A", "MATH", 1],
        school.enrollments["9A", "Đinh Công Thành"],
    )
    fault, no_versions = audit_verify.verify().faults
    assert (fault.kind, fault.table) == ("unrecorded", "score_cell")
    assert no_versions.table == "score_cell_version"
    assert "nhật ký không ghi" in fault.message


def test_a_row_taken_out_of_the_file_is_missed(school: Cast) -> None:
    filled_school(school)
    behind_the_back("DELETE FROM score_cell")
    (fault,) = audit_verify.verify().faults
    assert (fault.kind, fault.table) == ("missing", "score_cell")


def test_an_entry_that_names_some_columns_leaves_the_others_as_told_before(school: Cast) -> None:
    person = school.people["math"]
    with write_transaction():
        audit.record(
            AuditTag.PERSON_CHANGED,
            SYSTEM,
            NOW,
            target_kind="person",
            target_id=person,
            state={"person": {str(person): {"left_on": None}}},
        )
    assert audit_verify.verify().ok
    behind_the_back("UPDATE person SET full_name = 'Người Khác' WHERE id = ?", person)
    assert [fault.table for fault in audit_verify.verify().faults] == ["person"]


NEW_HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        (f"UPDATE account SET password_hash = '{NEW_HASH}' WHERE username = 'gv001'", "password_digest"),
        ("UPDATE account SET totp_secret = 'other' WHERE username = 'gv001'", "second_factor_digest"),
    ],
)
def test_a_secret_replaced_behind_the_application_is_found_and_named(school: Cast, statement: str, column: str):
    behind_the_back(statement)
    (fault,) = audit_verify.verify().faults
    assert (fault.table, fault.row_id) == ("account", str(school.accounts["principal"]))
    assert column in fault.message and NEW_HASH not in fault.message + fault.detail


def test_the_log_holds_no_hash(school: Cast):
    credentials.reset_password(SYSTEM, school.accounts["other"], NOW)
    hashes = list(db.session.scalars(select(m.Account.password_hash)))
    payloads = "".join(db.session.scalars(select(m.AuditEntry.payload)))
    assert not any(one in payloads for one in hashes) and "argon2" not in payloads
    assert audit_verify.verify().ok


def test_shutting_and_opening_an_account_does_not_vouch_for_a_hash_put_there_from_outside(school: Cast):
    behind_the_back(f"UPDATE account SET password_hash = '{NEW_HASH}' WHERE username = 'gv008'")
    it_officer = school.actor("it_officer")
    accounts.disable(it_officer, school.accounts["other"], NOW)
    accounts.enable(it_officer, school.accounts["other"], NOW)
    assert [fault.row_id for fault in audit_verify.verify().faults] == [str(school.accounts["other"])]


def test_an_account_whose_entries_are_older_than_the_digests_still_verifies(school: Cast):
    with write_transaction() as session:
        person = roster.create_person(SYSTEM, {"staff_code": "GV099", "full_name": "Lê Cũ"}, NOW)
        account = m.Account(person_id=person.id, username="gv099", password_hash="x", created_at=NOW)
        session.add(account)
        session.flush()
        audit.record(
            AuditTag.ACCOUNT_CREATED,
            SYSTEM,
            NOW,
            target_kind="account",
            target_id=account.id,
            state={"account": {str(account.id): {"person_id": person.id, "username": "gv099", "disabled_at": None}}},
        )
    assert audit_verify.verify().ok
    credentials.reset_password(SYSTEM, account.id, NOW)
    behind_the_back(f"UPDATE account SET password_hash = '{NEW_HASH}' WHERE username = 'gv099'")
    assert not audit_verify.verify().ok


def test_a_session_that_nobody_signed_in_for_is_found(school: Cast) -> None:
    opened = sessions.open_session(school.accounts["math"], address="10.0.0.7", now=NOW)
    assert audit_verify.verify().ok
    put = (
        "INSERT INTO user_session (token_digest, account_id, created_at, last_seen_at, expires_at, second_factor_done)"
        " VALUES (?, ?, ?, ?, ?, TRUE)"
    )
    at = "2027-05-12 02:00:00.000000"
    behind_the_back(put, "0" * 64, school.accounts["principal"], at, at, "2027-05-12 14:00:00.000000")
    (fault,) = audit_verify.verify().faults
    assert (fault.kind, fault.table) == ("session", "user_session") and "đăng nhập" in fault.message
    behind_the_back("DELETE FROM user_session WHERE token_digest = ?", "0" * 64)
    # Another's account put under a session that was opened honestly.
    behind_the_back(
        "UPDATE user_session SET account_id = ? WHERE id = ?", school.accounts["principal"], opened.session_id
    )
    assert [fault.table for fault in audit_verify.verify().faults] == ["user_session"]
    behind_the_back("UPDATE user_session SET account_id = ? WHERE id = ?", school.accounts["math"], opened.session_id)
    assert audit_verify.verify().ok
    # Another's token on a session that was opened honestly.
    behind_the_back("UPDATE user_session SET token_digest = ? WHERE id = ?", "1" * 64, opened.session_id)
    assert [fault.table for fault in audit_verify.verify().faults] == ["user_session"]
