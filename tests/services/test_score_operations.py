"""A pasted block, taking an act back and doing it again: once each, never over somebody else's value."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import audit_verify, score_entry, score_history, score_operations
from hocbaso.services.access import Actor
from hocbaso.services.score_operations import TypedCell
from tests.cast import NOW, Cast

NAMES = ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành")
OP = "a1b2c3d4-0001"


def line(school: Cast, place: int = 0) -> int:
    return school.enrollments["9A", NAMES[place]]


def by_another_hand(school: Cast) -> Actor:
    """Somebody else with the same sheet."""
    return dataclasses.replace(school.actor("math"), account_id=school.accounts["other"])


def paste(
    school: Cast, *cells: tuple[int, str, str, int], op: str = OP, who: str = "math", actor: Actor | None = None
) -> list[str]:
    block = [TypedCell(line(school, place), key, raw, version) for place, key, raw, version in cells]
    found = score_operations.paste(actor or school.actor(who), school.sheets["9A", "MATH", 2], block, op_id=op, now=NOW)
    return [outcome.outcome for outcome in found]


def back(
    school: Cast, *places: tuple[int, str], of: str = OP, op: str = "a1b2c3d4-0002", again: bool = False
) -> list[score_operations.CellOutcome]:
    return score_operations.take_back(
        school.actor("math"),
        school.sheets["9A", "MATH", 2],
        [(line(school, place), key) for place, key in places],
        of=of,
        op_id=op,
        again=again,
        now=NOW,
    )


def type_in(
    school: Cast,
    raw: str,
    version: int,
    key: str = "TX1",
    place: int = 0,
    op: str | None = None,
    actor: Actor | None = None,
) -> None:
    score_entry.save_cell(
        actor or school.actor("math"),
        school.sheets["9A", "MATH", 2],
        line(school, place),
        key,
        raw,
        expected_version=version,
        op_id=op,
        now=NOW,
    )


def values(school: Cast, key: str = "TX1") -> list[tuple[int | None, str, int] | None]:
    db.session.commit()
    rows = {
        row.enrollment_id: (row.tenths, row.origin, row.version)
        for row in db.session.execute(
            select(m.ScoreCell.enrollment_id, m.ScoreCell.tenths, m.ScoreCell.origin, m.ScoreCell.version).where(
                m.ScoreCell.column_key == key
            )
        )
    }
    return [rows.get(line(school, place)) for place in range(5)]


def sources() -> list[str]:
    return list(db.session.scalars(select(m.ScoreCellVersion.source).order_by(m.ScoreCellVersion.id)))


def n_entries() -> int:
    return db.session.scalar(select(func.count()).select_from(m.AuditEntry)) or 0


def test_a_block_writes_what_can_be_read_and_says_why_not_for_the_rest(school: Cast) -> None:
    type_in(school, "6", 0, place=3)
    entries = n_entries()
    found = paste(
        school, (0, "TX1", "8,5", 0), (1, "TX1", "8,75", 0), (2, "TX1", "", 0), (3, "TX1", "7", 0), (4, "TX9", "7", 0)
    )
    assert found == ["written", "refused", "same", "stale", "refused"]
    assert values(school)[:4] == [(85, "entered", 1), None, None, (60, "entered", 1)]
    assert n_entries() == entries + 1
    assert audit_verify.verify().ok


def test_a_repeated_block_writes_nothing_twice(school: Cast) -> None:
    cells = [(place, key, "7,5", 0) for place in range(5) for key in ("TX1", "GK")]
    assert paste(school, *cells) == ["written"] * 10
    entries = n_entries()
    assert paste(school, *cells) == ["written"] * 10
    assert (sources(), n_entries()) == (["pasted"] * 10, entries)


def test_a_repeated_block_does_not_write_what_it_did_not_write_the_first_time(school: Cast) -> None:
    type_in(school, "6", 0, place=1)
    cells = ((0, "TX1", "8", 0), (1, "TX1", "9", 0))
    assert paste(school, *cells) == ["written", "stale"]
    type_in(school, "5", 1, place=0)
    assert paste(school, *cells) == ["written", "stale"]
    assert values(school)[:2] == [(50, "entered", 2), (60, "entered", 1)]


def test_a_key_serves_one_block_only(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    with pytest.raises(Invalid):
        paste(school, (0, "TX1", "9", 1))
    assert values(school)[0] == (80, "entered", 1)


def test_a_key_of_another_sheet_of_the_class_is_refused_in_words(school: Cast) -> None:
    paste(school, (0, "TX1", "8,5", 0))
    block = [TypedCell(line(school), "TX1", "7", 0)]
    with pytest.raises(Invalid, match="đã dùng cho việc khác"):
        score_operations.paste(
            school.actor("math"), school.sheets["9A", "MATH", 1], block, op_id=OP, now=NOW - timedelta(days=160)
        )


def test_an_empty_block_and_an_endless_one_are_refused(school: Cast) -> None:
    for cells in ([], [(0, "TX1", "8", 0)] * 2001):
        with pytest.raises(Invalid):
            paste(school, *cells)


@pytest.mark.parametrize(("who", "error"), [("outsider", NotFound), ("principal", NotAllowed)])
def test_a_block_is_the_authors(school: Cast, who: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        paste(school, (0, "TX1", "8", 0), who=who)


def test_a_plain_zero_over_a_missed_one_changes_nothing(school: Cast) -> None:
    type_in(school, "vk", 0)
    assert paste(school, (0, "TX1", "0", 1)) == ["same"]
    assert values(school)[0] == (0, "missed_unexcused", 1)


def test_taking_a_block_back_puts_every_earlier_value_back_as_a_new_version(school: Cast) -> None:
    type_in(school, "vp 12/5", 0)
    paste(school, (0, "TX1", "8", 1), (1, "TX1", "9", 0))
    found = back(school, (0, "TX1"), (1, "TX1"))
    assert [outcome.outcome for outcome in found] == ["written"] * 2
    assert values(school)[:2] == [(None, "missed_excused", 3), (None, "empty", 2)]
    assert sources() == ["typed", "pasted", "pasted", "undone", "undone"]
    assert audit_verify.verify().ok


def test_an_act_taken_back_can_be_done_again_and_taken_back_again(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    back(school, (0, "TX1"), of=OP, op="undo-0001")
    back(school, (0, "TX1"), of="undo-0001", op="redo-0001", again=True)
    assert values(school)[0] == (80, "entered", 3)
    back(school, (0, "TX1"), of="redo-0001", op="undo-0002")
    assert values(school)[0] == (None, "empty", 4)
    assert sources() == ["pasted", "undone", "redone", "undone"]


def test_a_single_typed_cell_can_be_taken_back(school: Cast) -> None:
    type_in(school, "7", 0)
    type_in(school, "8", 1, op="typed-0002")
    assert back(school, (0, "TX1"), of="typed-0002")[0].outcome == "written"
    assert values(school)[0] == (70, "entered", 3)


def test_taking_back_twice_under_one_key_writes_once(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    assert back(school, (0, "TX1"))[0].outcome == "written"
    assert back(school, (0, "TX1"))[0].outcome == "written"
    assert values(school)[0] == (None, "empty", 2)


def test_nothing_is_taken_back_under_a_newer_value(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0), (1, "TX1", "9", 0))
    type_in(school, "6", 1)
    found = back(school, (0, "TX1"), (1, "TX1"))
    assert [(item.outcome, item.raw) for item in found] == [("stale", ""), ("written", "")]
    assert values(school)[:2] == [(60, "entered", 2), (None, "empty", 2)]


def test_acts_on_one_cell_are_taken_back_one_after_another(school: Cast) -> None:
    for version, raw in enumerate(("5", "6", "7")):
        type_in(school, raw, version, op=f"typed-000{version}")
    for number in (2, 1, 0):
        assert back(school, (0, "TX1"), of=f"typed-000{number}", op=f"undo-0000{number}")[0].outcome == "written"
    assert values(school)[0] == (None, "empty", 6)
    assert audit_verify.verify().ok


def test_the_same_number_typed_by_hand_since_is_a_newer_one(school: Cast) -> None:
    type_in(school, "8", 0)
    paste(school, (0, "TX1", "9", 1))
    type_in(school, "7", 2, op="typed-0003")
    type_in(school, "9", 3, op="typed-0004")
    assert back(school, (0, "TX1"))[0].outcome == "stale"
    assert values(school)[0] == (90, "entered", 4)
    # Taken back by hand down to the block, the block is what stands, and can go as well, and come back.
    assert back(school, (0, "TX1"), of="typed-0004", op="undo-00004")[0].outcome == "written"
    assert back(school, (0, "TX1"))[0].outcome == "stale"
    assert back(school, (0, "TX1"), of="typed-0003", op="undo-00003")[0].outcome == "written"
    assert back(school, (0, "TX1"), op="undo-00002")[0].outcome == "written"
    assert values(school)[0] == (80, "entered", 7)
    assert back(school, (0, "TX1"), of="undo-00002", op="redo-00002", again=True)[0].outcome == "written"
    assert back(school, (0, "TX1"), op="undo-00005")[0].outcome == "written"
    assert values(school)[0] == (80, "entered", 9)


def test_the_same_value_by_another_hand_is_not_ones_own(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    type_in(school, "6", 1, actor=by_another_hand(school))
    type_in(school, "8", 2, actor=by_another_hand(school))
    assert back(school, (0, "TX1"))[0].outcome == "stale"
    assert values(school)[0] == (80, "entered", 3)


def test_nobody_takes_back_what_another_wrote(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0), actor=by_another_hand(school))
    assert back(school, (0, "TX1"))[0].outcome == "same"
    assert values(school)[0] == (80, "entered", 1)


def test_after_the_window_nothing_is_taken_back(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    with pytest.raises(WrongState):
        score_operations.take_back(
            school.actor("math"),
            school.sheets["9A", "MATH", 2],
            [(line(school), "TX1")],
            of=OP,
            op_id="a1b2c3d4-0002",
            now=NOW + timedelta(days=1),
        )


def test_the_past_of_a_cell_tells_pasting_and_taking_back_apart(school: Cast) -> None:
    paste(school, (0, "TX1", "8", 0))
    back(school, (0, "TX1"))
    _, _, lines = score_history.cell_history(
        school.actor("math"), school.sheets["9A", "MATH", 2], line(school), "TX1", NOW
    )
    assert [(item.text, item.source) for item in lines] == [("", "undone"), ("8,0", "pasted")]
