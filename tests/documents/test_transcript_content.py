"""One record, one canonical byte form, no value that the form cannot print."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

import pytest

from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Invalid

from .samples import content, replace


def test_canonical_json_reads_back_equal() -> None:
    value = content()
    data = tc.to_canonical_json(value)
    assert tc.from_canonical_json(data) == value
    assert tc.to_canonical_json(tc.from_canonical_json(data)) == data
    assert len(tc.content_digest(value)) == 64


def test_any_changed_value_changes_the_digest() -> None:
    value = content()
    rows = list(value.subjects)
    rows[0] = replace(rows[0], semester_1="7.8")
    assert tc.content_digest(replace(value, subjects=tuple(rows))) != tc.content_digest(value)


@pytest.mark.parametrize("score", ["8,5", "8", "8.55", "10.1", "11.0", "-1.0", "Đ", 8.5, "٨.٥"])
def test_a_score_that_is_not_a_tenth_is_refused(score: object) -> None:
    row = content().subjects[0]
    with pytest.raises(Invalid):
        replace(row, semester_1=score)


def test_a_comment_subject_takes_no_score() -> None:
    row = next(row for row in content().subjects if row.kind == "comment")
    with pytest.raises(Invalid):
        replace(row, year="8.0")
    assert replace(row, year="Miễn").year == "Miễn"


@pytest.mark.parametrize(
    "name", ["Nguyễn\u202eBảo", unicodedata.normalize("NFD", "Nguyễn"), " An", "", "An\x00", "An\nBình"]
)
def test_a_name_that_would_not_print_as_stored_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        replace(content().student, full_name=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"record_uuid": "7c1e4b0a-52d8-1f19-9e36-b8a07d2f61c4"},
        {"record_uuid": "7C1E4B0A-52D8-4F19-9E36-B8A07D2F61C4"},
        {"replaces_uuid": "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4"},
        {"school_year": "2025-2027"},
        {"grade_level": 5},
        {"grade_level": 8},
        {"built_at": datetime(2026, 5, 12)},
        {"built_at": datetime(2026, 5, 12, 1, 2, 3, 4, tzinfo=UTC)},
        {"subjects": ()},
        {"format_version": "2"},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(changes: dict) -> None:
    with pytest.raises(Invalid):
        content(**changes)


def test_json_with_an_unknown_or_missing_field_is_refused() -> None:
    plain = json.loads(tc.to_canonical_json(content()))
    for change in ({"extra": 1}, {"class_name": 9}, {"built_at": "now"}):
        with pytest.raises(Invalid):
            tc.from_plain(plain | change)
    del plain["class_name"]
    with pytest.raises(Invalid):
        tc.from_plain(plain)


def test_json_that_is_not_canonical_is_refused() -> None:
    data = tc.to_canonical_json(content())
    for odd in (data + b" ", data.replace(b'"9A"', b'"9\\u0041"'), b"[", b"\xff"):
        with pytest.raises(Invalid):
            tc.from_canonical_json(odd)


def test_nfc_prepares_free_text() -> None:
    assert tc.nfc("  " + unicodedata.normalize("NFD", "Tiến bộ") + "\r\n") == "Tiến bộ"
    assert tc.nfc("  ") is None and tc.nfc(None) is None
