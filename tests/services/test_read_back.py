"""Two people check a sheet together: both are named, nobody signs for others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.services import audit, audit_verify, read_back, score_entry
from tests.cast import NOW, Cast


def filled(school: Cast) -> None:
    for name in ("Hoàng Thanh Bình", "Nguyễn Bảo Châu"):
        score_entry.save_cell(
            school.actor("math"),
            school.sheets["9A", "MATH", 2],
            school.enrollments["9A", name],
            "GK",
            "8",
            expected_version=0,
            op_id=None,
            now=NOW,
        )


def record(
    school: Cast, *, who: str = "math", partner: str = "head_science", keys: tuple[str, ...] = ("GK",), n: int = 2
) -> read_back.ReadBackLine:
    return read_back.record_read_back(
        school.actor(who),
        school.sheets["9A", "MATH", 2],
        partner_id=school.people[partner],
        actor_reads=False,
        column_keys=keys,
        n_read=n,
        now=NOW,
    )


def test_both_names_the_columns_and_the_number_of_marks_are_kept(school: Cast) -> None:
    filled(school)
    line = record(school, n=40)
    assert (line.reader_name, line.listener_name, line.columns, line.n_cells) == (
        "Vũ Đình Lâm",
        "Trịnh Thu Hà",
        "giữa kì",
        2,
    )
    head = score_entry.read_head(school.sheets["9A", "MATH", 2])
    assert read_back.read_backs_of(head, school.actor("math"), told=True) == (line,)


def test_the_log_tells_of_it_and_watches_the_row(school: Cast) -> None:
    filled(school)
    record(school)
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    assert entry.tag == "score:sheet:read_back"
    assert audit.payload_of(entry)["facts"]["reader"] == "Vũ Đình Lâm"
    assert audit_verify.verify().ok


@pytest.mark.parametrize(
    ("partner", "keys", "n"), [("math", ("GK",), 2), ("head_science", (), 2), ("head_science", ("TX1",), 2)]
)
def test_alone_without_a_column_or_without_a_mark_nothing_is_written(
    school: Cast, partner: str, keys: tuple[str, ...], n: int
) -> None:
    filled(school)
    with pytest.raises(Invalid):
        record(school, partner=partner, keys=keys, n=n)
    assert db.session.scalars(select(m.SheetReadBack)).all() == []


@pytest.mark.parametrize(("who", "error"), [("outsider", NotFound), ("principal", NotAllowed)])
def test_only_the_author_writes_it_down(school: Cast, who: str, error: type[Exception]) -> None:
    filled(school)
    with pytest.raises(error):
        record(school, who=who)


def test_names_are_for_who_is_told_and_for_the_two_themselves(school: Cast) -> None:
    filled(school)
    line = record(school)
    head = score_entry.read_head(school.sheets["9A", "MATH", 2])
    (unnamed,) = read_back.read_backs_of(head, school.actor("vice_principal"), told=False)
    assert unnamed == replace(line, reader_name="", listener_name="")
    for who in ("math", "head_science"):
        assert read_back.read_backs_of(head, school.actor(who), told=False) == (line,)
