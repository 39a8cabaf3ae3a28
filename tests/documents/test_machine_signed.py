"""What the machine signs, attacked as a forger would: summaries of QRs, statements on keys, reports."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from hocbaso.documents import instance_keys as ik
from hocbaso.documents import machine_signed, qr_summary, verdict_words
from hocbaso.documents.machine_signed import SUMMARY_ALTERED, UNKNOWN_KEY
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import VerificationReport
from hocbaso.documents.xml_record import build_data_zone
from hocbaso.errors import Invalid
from hocbaso.regulations.terms import Level, Promotion

from .conftest import NOW, World
from .machine_keys import Machine, machine_of, seal_of, signed, stated, withdrawn
from .samples import SCHOOL, content, qr_text, replace


@pytest.fixture
def machine(world: World) -> Machine:
    return machine_of(world)


def judged(machine: Machine, text: str, *documents: Any) -> VerificationReport:
    return verify_file(
        text.encode(),
        machine.world.roots,
        machine.world.authority.crls(NOW),
        NOW,
        keys=documents or [machine.statement],
    )


def with_number(text: str, change: Any) -> str:
    address, _, digits = text.partition("#")
    number = int(digits)
    data = bytearray(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    change(data)
    return f"{address}#{int.from_bytes(data, 'big')}"


# --- the summary ------------------------------------------------------------------------------------------------------


def test_a_summary_says_what_the_record_says(machine: Machine) -> None:
    value = content()
    report = judged(machine, qr_text(value))
    assert report.ok and report.kind == "qr" and report.school_name == SCHOOL.name
    assert (report.student_name, report.born_on, report.class_name, report.school_year) == (
        "Nguyễn Bảo Châu", "2011-08-14", "9A", "2025-2026",
    )  # fmt: skip
    details = report.details or {}
    assert details["data_digest"] == hashlib.sha256(build_data_zone(value)).hexdigest()
    assert [result for _, result in details["results"]] == [row.year for row in value.subjects]
    assert (details["conduct"], details["learning"]) == ([Level.TOT, None], [Level.TOT, None])
    assert (details["promotion"], details["completion"]) == (Promotion.COMPLETED, "Hoàn thành")
    assert verdict_words.of_report(report).tone == "done"


def test_results_after_the_summer_count_and_codes_of_the_programme_are_named() -> None:
    rows = list(content().subjects)
    rows[0] = replace(rows[0], code="MATH", year="4.8", after_reassessment="5.6")
    rows[1] = replace(rows[1], code="HISTGEO", year="10.0")
    rows[2] = replace(rows[2], year="Miễn")
    summary, _, _ = qr_summary.read_text(qr_text(content(subjects=tuple(rows))))
    assert summary.results[:3] == (("MATH", "5.6"), ("HISTGEO", "10.0"), ("", "Miễn"))


def test_the_same_record_has_the_same_qr_and_a_longest_name_still_has_one() -> None:
    assert qr_text(content()) == qr_text(content())
    longest = content(student=replace(content().student, full_name=("Nguyễn Thị " * 11)[:119].strip()))
    summary, _, _ = qr_summary.read_text(qr_text(longest))
    assert summary.full_name.endswith("…") and longest.student.full_name.startswith(summary.full_name[:-1])


@pytest.mark.parametrize("position", [1, 5, 20, 37, 38, 40, 42, 44, 45, 47, 60, 80, -65, -64, -1])
def test_a_summary_with_one_byte_changed_is_refused(machine: Machine, position: int) -> None:
    def change(data: bytearray) -> None:
        data[position] ^= 1

    report = judged(machine, with_number(qr_text(content()), change))
    assert not report.ok and report.student_name is None


def test_changed_ratings_under_the_old_signature_are_refused(machine: Machine) -> None:
    text = qr_text(content())

    def better(data: bytearray) -> None:
        place = data.index(bytes((82, 81, 85)))  # the first three results, tenths
        data[place] = 98

    forged = judged(machine, with_number(text, better))
    assert not forged.ok and forged.problems == (SUMMARY_ALTERED,)


def test_a_summary_of_another_pupil_under_this_record_s_address_is_refused(machine: Machine) -> None:
    other = content(
        record_uuid="11111111-2222-4333-8444-555555555555", student=replace(content().student, full_name="Lê Minh")
    )
    digits = qr_text(other).partition("#")[2]
    moved = judged(machine, f"{content().lookup_address}#{digits}")
    assert not moved.ok and moved.problems == (SUMMARY_ALTERED,)
    # Copied whole on another's paper it is good, and says whose it is.
    assert judged(machine, qr_text(other)).student_name == "Lê Minh"


@pytest.mark.parametrize(
    "text",
    [
        "", "http", "https://x", "https://x/y#1", f"{content().lookup_address}#" + "0" + "1" * 300,
        f"{content().lookup_address}#" + "9" * 1501, f"{content().lookup_address}#" + "9" * 1499,
        f"{content().lookup_address}#" + "1" * 300, f"{content().lookup_address}#-" + "1" * 300, "x" * 100_000,
        f"{content().lookup_address}?x=1#" + "1" * 300, "https://hocba/" + "é" * 9000,
    ],
)  # fmt: skip
def test_rubbish_is_no_summary(machine: Machine, text: str) -> None:
    with pytest.raises(Invalid):
        qr_summary.read_text(text)
    assert not machine_signed.judge_text(text, []).ok


def test_digits_that_say_the_same_in_another_way_are_refused(machine: Machine) -> None:
    text = qr_text(content())
    for forged in (text.replace("#", "#0"), text.upper(), with_number(text, lambda data: data.insert(-64, 0))):
        assert not judged(machine, forged).ok
    spaced = text.replace("#", "#\n")[:300] + "\r\n " + text.replace("#", "#\n")[300:]
    assert judged(machine, spaced).ok, "blanks of a pasted text do not matter"


# --- whose key --------------------------------------------------------------------------------------------------------


def test_without_a_statement_nobody_knows_the_key(machine: Machine) -> None:
    assert judged(machine, qr_text(content()), {}).problems[0].startswith("Không đọc được")
    assert machine_signed.judge_text(qr_text(content()), []).problems == (UNKNOWN_KEY,)


def test_a_key_stated_by_another_school_is_that_school_s(machine: Machine) -> None:
    """The summary holds, but as the other school's: it cannot be passed off as this one's."""
    other = seal_of(machine.world.authority, "Trường THCS Hoa Lư")
    report = judged(machine, qr_text(content()), stated(machine.key, other, "Trường THCS Hoa Lư", "36491999"))
    assert report.ok and report.school_name == "Trường THCS Hoa Lư"
    claimed = judged(machine, qr_text(content()), stated(machine.key, other))
    assert not claimed.ok and "mang con dấu của “Trường THCS Hoa Lư”" in claimed.problems[0]


def test_two_schools_do_not_share_a_key(machine: Machine) -> None:
    other = stated(machine.key, seal_of(machine.world.authority, "Trường THCS Hoa Lư"), "Trường THCS Hoa Lư", "1")
    keys, refused = ik.known_keys([machine.statement, other], machine.trust)
    assert [key.school_name for key in keys] == [SCHOOL.name] and "Hai trường" in refused[0]


def test_a_teacher_is_not_the_seal_though_her_certificate_names_the_school(machine: Machine) -> None:
    for role in ("homeroom", "principal"):
        forged = judged(machine, qr_text(content()), stated(machine.key, machine.world.signers[role]))  # type: ignore[arg-type]
        assert not forged.ok and "mang con dấu của" in forged.problems[0]


def test_a_home_made_seal_is_nobody_s(machine: Machine) -> None:
    own = TestAuthority.create(NOW)
    forged = judged(machine, qr_text(content()), stated(machine.key, seal_of(own, SCHOOL.name)))
    assert not forged.ok and "không tin được" in forged.problems[0] and "Không rõ nơi cấp" in forged.problems[0]


def test_an_expired_or_revoked_seal_vouches_for_nothing(machine: Machine, world: World) -> None:
    authority = TestAuthority.create(NOW)
    seal = seal_of(authority, SCHOOL.name, days=10)
    document = stated(machine.key, seal)
    late = Trust.of([authority.root_pem], [], NOW + timedelta(days=20))
    assert "hết hạn" in ik.known_keys([document], late)[1][0]
    authority.revoke(seal.chain[0], NOW)
    now = Trust.of([authority.root_pem], authority.crls(NOW), NOW)
    assert "thu hồi" in ik.known_keys([document], now)[1][0]
    # A new seal states the same key again: the papers outlive the first one's certificate.
    again = stated(machine.key, seal_of(authority, SCHOOL.name))
    keys, _ = ik.known_keys([document, again], now)
    assert machine_signed.judge_text(qr_text(content()), keys).ok


def test_a_withdrawn_key_is_believed_no_more_and_only_its_school_withdraws(machine: Machine) -> None:
    seal = machine.world.signers["seal"]
    report = judged(machine, qr_text(content()), machine.statement, withdrawn(machine.key, seal))  # type: ignore[arg-type]
    assert not report.ok and "đã thu hồi khoá này ngày 13/05/2026: Mất ổ đĩa sao lưu" in report.signatures[0].reasons[0]
    other = withdrawn(machine.key, seal_of(machine.world.authority, "Trường THCS Hoa Lư"), "Trường THCS Hoa Lư", "1")
    assert judged(machine, qr_text(content()), machine.statement, other).ok


@pytest.mark.parametrize(
    "field", ["school_name", "school_code", "key_id", "public_key", "valid_from", "valid_until", "signed_at"]
)
def test_a_statement_with_one_field_changed_is_refused(machine: Machine, field: str) -> None:
    other = ik.spki(ik.new_key().public_key())
    value = {"key_id": "0" * 16, "public_key": ik.b64(other)}.get(field, "2031-01-01T00:00:00Z")
    changed = {**machine.statement, field: value}
    if field == "public_key":
        changed["key_id"] = ik.key_id_of(other)
    keys, refused = ik.known_keys([changed], machine.trust)
    assert keys == [] and refused


@pytest.mark.parametrize(
    "document",
    [None, 3, "x", [], {}, {"format": "x"}, {"format": ik.STATEMENT}, {"format": ik.WITHDRAWAL, "certificates": []}],
)
def test_rubbish_states_nothing(machine: Machine, document: Any) -> None:
    keys, refused = ik.known_keys([document], machine.trust)
    assert keys == [] and len(refused) == 1


def test_a_statement_with_a_field_more_or_a_foreign_certificate_is_refused(machine: Machine) -> None:
    seal = machine.world.signers["seal"]
    stranger = TestAuthority.create(NOW).issue("X", now=NOW)[1]
    for changed in (
        {**machine.statement, "note": "x"},
        signed({**machine.statement, "certificates": [ik.b64(d) for d in (*seal.chain, stranger[0])]}, seal),  # type: ignore[arg-type]
        signed({**machine.statement, "certificates": [ik.b64(seal.chain[0])] * 5}, seal),  # type: ignore[arg-type]
    ):
        assert ik.known_keys([changed], machine.trust)[0] == []


def test_a_summary_dated_outside_the_key_s_days_is_refused(machine: Machine) -> None:
    late = stated(machine.key, machine.world.signers["seal"], since=NOW + timedelta(days=3))  # type: ignore[arg-type]
    report = judged(machine, qr_text(content()), late)
    assert not report.ok and "ngoài thời gian dùng của khoá" in report.signatures[0].reasons[0]


# --- reports ----------------------------------------------------------------------------------------------------------


def report_on(machine: Machine, **changes: Any) -> bytes:
    found = verify_file(machine.world.xml, machine.world.roots, machine.world.authority.crls(NOW), NOW)
    values: dict[str, Any] = {
        "file_sha256": hashlib.sha256(machine.world.xml).hexdigest(), "file_bytes": len(machine.world.xml),
        "standing": "in_force", "match": "current", "school": (SCHOOL.name, SCHOOL.code), "statements": [machine.statement],
        "key": machine.key, "at": NOW,
    }  # fmt: skip
    return machine_signed.make_report(verdict_words.described(found), **{**values, **changes})


def read(machine: Machine, data: bytes, *documents: Any) -> VerificationReport:
    return verify_file(data, machine.world.roots, machine.world.authority.crls(NOW), NOW, keys=documents)


def test_a_report_is_believed_by_the_root_alone(machine: Machine) -> None:
    data = report_on(machine)
    told = json.loads(data)
    assert told["result"]["verdict"]["heading"] == "Học bạ thật" and told["standing"] == "in_force"
    assert [one["verdict"]["next_step"] for one in told["result"]["signatures"]] == ["", "", ""]
    found = read(machine, data)
    assert found.ok and found.kind == "report" and found.school_name == SCHOOL.name
    assert found.details and found.details["file_sha256"] == hashlib.sha256(machine.world.xml).hexdigest()


@pytest.mark.parametrize(
    "old,new",
    [
        (b'"standing": "in_force"', b'"standing": "recalled"'), (b'"match": "current"', b'"match": null'),
        ("Học bạ thật".encode(), "Học bạ giả".encode()), ("Nguyễn Bảo Châu".encode(), "Lê Minh".encode()),
        (b'"made_at": "2026', b'"made_at": "2025'), (b'"file_bytes": ', b'"file_bytes": 1'),
    ],
)  # fmt: skip
def test_a_report_with_a_word_changed_is_refused(machine: Machine, old: bytes, new: bytes) -> None:
    data = report_on(machine)
    assert old in data
    assert not read(machine, data.replace(old, new, 1)).ok


def test_a_report_of_a_withdrawn_or_foreign_key_is_refused(machine: Machine) -> None:
    seal = machine.world.signers["seal"]
    assert not read(machine, report_on(machine), withdrawn(machine.key, seal)).ok  # type: ignore[arg-type]
    strange = ik.new_key()
    assert not read(machine, report_on(machine, key=strange)).ok
    other = "Trường THCS Hoa Lư"
    theirs = stated(strange, seal_of(machine.world.authority, other), other, "1")
    as_ours = read(machine, report_on(machine, key=strange, statements=[theirs]))
    assert not as_ours.ok and "là của Trường THCS Hoa Lư" in as_ours.signatures[0].reasons[0]


def test_a_summary_s_signature_is_no_report_s(machine: Machine) -> None:
    """One key, two uses: what was signed as one thing is never read as another."""
    document = {**json.loads(report_on(machine))}
    _, _, signature = qr_summary.read_text(qr_text(content()))
    assert not read(machine, json.dumps({**document, "signature": ik.b64(signature)}).encode()).ok


@pytest.mark.parametrize(
    "data",
    [b"{}", b"{", b'{"format":"hocbaso-report-1"}', b'{"format": 3}', b'{"a":' * 5000, b"{" + b" " * 10**6 + b"}"],
)
def test_rubbish_is_no_report_and_no_list(machine: Machine, data: bytes) -> None:
    assert not read(machine, data).ok


def test_a_list_of_keys_says_what_is_vouched_for(machine: Machine) -> None:
    found = read(machine, ik.key_list([machine.statement]))
    assert found.ok and found.kind == "keys" and found.school_name == SCHOOL.name
    assert not read(machine, ik.key_list([{**machine.statement, "school_name": "Trường khác"}])).ok
    assert not read(machine, ik.key_list([])).ok
