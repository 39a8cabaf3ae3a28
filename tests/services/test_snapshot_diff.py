"""What changed between two snapshots: values as they were and became, by whom, why; and only from the log that was signed."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text

from hocbaso import models as m
from hocbaso.clock import SCHOOL_ZONE
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, homeroom, log_shown, log_words, reviews, score_entry, snapshot_diff, snapshots
from hocbaso.services.access import SYSTEM
from hocbaso.services.log_names import KIND_WORDS, Names
from hocbaso.services.watched_kinds import WATCHED
from tests.cast import NOW, Cast
from tests.databases import Outside

PUPIL = "Hoàng Thanh Bình"


def type_score(school: Cast, raw: str, version: int, column: str = "TX1", hours: int = 0) -> None:
    score_entry.save_cell(
        school.actor("math"),
        school.sheets["9A", "MATH", 2],
        school.enrollments["9A", PUPIL],
        column,
        raw,
        expected_version=version,
        op_id=None,
        now=NOW + timedelta(hours=hours),
    )


def line(number: int) -> snapshot_diff.SnapshotLine:
    return snapshot_diff.find(str(number), NOW.date())


def test_a_score_typed_before_and_changed_after_tells_both_values_and_everybody(school: Cast) -> None:
    type_score(school, "6,5", 0)
    first = snapshots.take(SYSTEM, NOW)
    type_score(school, "7", 1, hours=1)
    type_score(school, "8,5", 2, hours=2)
    type_score(school, "9", 0, "TX2", hours=2)
    second = snapshots.take(SYSTEM, NOW + timedelta(days=1))

    found = snapshot_diff.difference(line(second.id), line(first.id))  # either order
    assert (found.first.id, found.second.id) == (first.id, second.id)
    assert found.n_entries == 4 == sum(n for _, n in found.by_tag)  # three cells and the first snapshot's own entry
    old, new = found.rows
    assert old.about == f"Toán 9A, học kì II: {PUPIL}"
    assert [(one.what, one.before, one.after) for one in old.changes] == [("thường xuyên 1", "6,5", "8,5")]
    assert [(act.who, act.what) for act in old.acts] == [("Trịnh Thu Hà", "ghi một ô điểm")] * 2
    assert [(one.what, one.before, one.after) for one in new.changes] == [("thường xuyên 2", None, "9,0")]


def test_a_value_that_was_put_back_is_no_change_though_its_acts_are_counted(school: Cast) -> None:
    type_score(school, "6,5", 0)
    first = snapshots.take(SYSTEM, NOW)
    type_score(school, "9", 1)
    type_score(school, "6,5", 2)
    second = snapshots.take(SYSTEM, NOW)
    found = snapshot_diff.difference(line(first.id), line(second.id))
    assert found.rows == () and dict(found.by_tag)[AuditTag.CELL_CHANGED] == 2


def test_why_is_what_the_person_wrote(school: Cast) -> None:
    first = snapshots.take(SYSTEM, NOW)
    enrollment = school.enrollments["9A", PUPIL]
    homeroom.save_field(school.actor("math"), enrollment, "conduct_1", "Tốt", expected_version=0, op_id=None, now=NOW)
    with write_transaction():
        audit.record(
            AuditTag.SHEET_MOVED,
            school.actor("principal"),
            NOW,
            target_kind="score_sheet",
            target_id=school.sheets["9A", "MATH", 2],
            state={"score_sheet": {str(school.sheets["9A", "MATH", 2]): {"state": "RETURNED"}}},
            note="Cột cuối kì lệch bài gốc",
            facts={"verb": reviews.SheetVerb.RETURN.value},
        )
    second = snapshots.take(SYSTEM, NOW)
    rows = {row.kind: row for row in snapshot_diff.difference(line(first.id), line(second.id)).rows}
    moved = rows["score_sheet"]
    assert [(one.what, one.before, one.after) for one in moved.changes] == [("tình trạng", "đang nhập", "trả lại")]
    assert moved.acts[0].why == "Cột cuối kì lệch bài gốc" and moved.acts[0].what.endswith(": trả lại")
    conduct = rows["homeroom_record"]
    assert conduct.about == f"{PUPIL}, 9A"
    assert [(one.what, one.after) for one in conduct.changes] == [("rèn luyện học kì I", "Tốt")]


def test_a_log_that_is_not_the_signed_one_tells_nothing(school: Cast) -> None:
    first = snapshots.take(SYSTEM, NOW)
    type_score(school, "6,5", 0)
    second = snapshots.take(SYSTEM, NOW)
    lines = line(first.id), line(second.id)
    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE audit_entry SET actor_name = 'Ai Đó' WHERE seq = 5")
    with pytest.raises(IntegrityFault, match="dòng 5"):
        snapshot_diff.difference(*lines)
    with Outside() as outside:
        outside.execute("DELETE FROM audit_entry WHERE seq > ?", (first.n_entries,))
    db.session.remove()
    with pytest.raises(IntegrityFault):
        snapshot_diff.difference(*lines)


def test_a_snapshot_is_found_by_number_and_by_day(school: Cast) -> None:
    first = snapshots.take(SYSTEM, NOW)  # 12/05/2027
    second = snapshots.take(SYSTEM, NOW + timedelta(days=3))
    late = snapshots.take(SYSTEM, NOW + timedelta(days=9), day=(NOW + timedelta(days=4)).date())
    today = date(2027, 5, 31)
    for wanted, number in (
        (str(first.id), first.id),
        ("12/5", first.id),
        ("14/05/2027", first.id),
        ("2027-05-15", second.id),
        ("20/5", second.id),  # the late one for 16/5 was taken on the 21st
        ("31/5", late.id),
    ):
        assert snapshot_diff.find(wanted, today).id == number, wanted
    for wanted, refusal in (("99", NotFound), ("1/5/2027", NotFound), ("hôm qua", Invalid), ("32/5", Invalid)):
        with pytest.raises(refusal):
            snapshot_diff.find(wanted, today)


def test_every_act_and_every_watched_column_has_its_words() -> None:
    assert set(log_words.ACTS) == set(AuditTag)
    begins = [start for _, starts in log_words.GROUPS.values() for start in starts]
    assert [tag for tag in AuditTag if not tag.value.startswith(tuple(begins))] == []
    assert set(KIND_WORDS) == set(WATCHED)
    assert Names().of("help_request", "2") == "câu hỏi số 2"
    for kind in WATCHED:
        columns = (*log_shown.SHOWN.get(kind, ()), *log_shown.IDENTITY.get(kind, ()))
        watched = set(WATCHED[kind][1])
        assert kind == "score_cell" or set(columns) <= watched, (kind, set(columns) - watched)
        if kind != "score_cell":
            assert [name for name in columns if log_words.words_of_column(kind, name) == name] == [], kind


def test_every_entry_of_the_casts_log_can_be_told(school: Cast) -> None:
    names = Names()
    for row in db.session.execute(text("SELECT tag, target_kind, payload FROM audit_entry")):
        payload = json.loads(row.payload)
        assert log_words.act_words(row.tag, payload) != row.tag
        for change in log_words.changes_of_entry(names, row.target_kind, payload):
            assert change.about and change.what and change.after
            if change.what != "tên ngắn":  # GDCD
                assert not re.fullmatch(r"[a-z]+(_[a-z]+)+|[A-Z_]{4,}", change.after), change


def test_a_deadlines_day_means_the_state_in_which_it_began(school: Cast) -> None:
    """What is typed on the day of the deadline belongs to what came after it."""
    evening = snapshots.take(SYSTEM, datetime(2027, 5, 19, 16, 45, tzinfo=SCHOOL_ZONE))
    limit = snapshots.take(
        SYSTEM, datetime(2027, 5, 20, 0, 5, tzinfo=SCHOOL_ZONE), occasion="hết hạn nhập dữ liệu 2026-2027"
    )
    type_score(school, "6,5", 0)
    snapshots.take(SYSTEM, datetime(2027, 5, 20, 16, 45, tzinfo=SCHOOL_ZONE))
    # The server slept through the deadline of the 25th: what it saw on the 26th is no state of that morning.
    late = datetime(2027, 5, 26, 8, 0, tzinfo=SCHOOL_ZONE)
    asleep = snapshots.take(SYSTEM, late, day=date(2027, 5, 25), occasion="hết hạn ký khối 9 2026-2027")
    last = snapshots.take(SYSTEM, datetime(2027, 5, 31, 16, 45, tzinfo=SCHOOL_ZONE))
    today = date(2027, 6, 1)
    found = {day: snapshot_diff.find(day, today).id for day in ("19/5", "20/5", "21/5", "25/5", "26/5", "31/5")}
    assert found == {
        "19/5": evening.id, "20/5": limit.id, "21/5": limit.id + 1, "25/5": limit.id + 1, "26/5": asleep.id,
        "31/5": last.id,
    }  # fmt: skip
    rows = snapshot_diff.difference(snapshot_diff.find("20/5", today), snapshot_diff.find("31/5", today)).rows
    assert [row.kind for row in rows] == ["score_cell"]


def test_what_the_two_exports_say_and_the_log_does_not_is_named(school: Cast) -> None:
    type_score(school, "6,5", 0)
    type_score(school, "7", 0, "TX2")
    first = snapshots.take(SYSTEM, NOW).id
    type_score(school, "8", 1, "TX2")
    honest = snapshots.take(SYSTEM, NOW + timedelta(minutes=1)).id
    found = snapshot_diff.difference(line(first), line(honest))
    assert (len(found.rows), found.unlogged, found.not_compared) == (1, (), "")

    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE score_cell SET tenths = 100 WHERE column_key = 'TX1'")
        outside.execute("DELETE FROM teaching_assignment WHERE id = (SELECT max(id) FROM teaching_assignment)")
        outside.execute("INSERT INTO subject_group (name) VALUES ('Tổ lạ')")
    second = snapshots.take(SYSTEM, NOW + timedelta(minutes=2)).id
    found = snapshot_diff.difference(line(first), line(second))
    assert {(row.kind, row.columns) for row in found.unlogged} == {
        ("teaching_assignment", ()), ("subject_group", ("name",)), ("score_cell", ("tenths",)),
    }  # fmt: skip
    cell = next(row for row in found.unlogged if row.kind == "score_cell")
    assert PUPIL in cell.about and cell.row_id.isdigit() and "điểm" in cell.words

    # A value that the log says was written, and the second snapshot does not have.
    type_score(school, "9", 2, "TX2")
    with Outside() as outside:
        outside.execute("UPDATE score_cell SET tenths = 80, version = 2 WHERE column_key = 'TX2'")
    db.session.remove()
    third = snapshots.take(SYSTEM, NOW + timedelta(minutes=3)).id
    found = snapshot_diff.difference(line(second), line(third))
    assert [(row.kind, row.columns) for row in found.unlogged] == [("score_cell", ("tenths", "version"))]


def test_exports_that_are_gone_or_changed_are_not_passed_over_in_silence(school: Cast) -> None:
    first, second = (snapshots.take(SYSTEM, NOW + timedelta(minutes=n)) for n in (0, 1))
    lines = line(first.id), line(second.id)
    path = snapshots._export_file(first.data_digest)
    good = path.read_bytes()
    path.unlink()
    assert f"số {first.id}" in snapshot_diff.difference(*lines).not_compared
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "đã bị sửa" in snapshot_diff.difference(*lines).not_compared


def test_every_watched_column_is_shown_or_says_why_not() -> None:
    for kind, (_model, columns) in WATCHED.items():
        shown = {*log_shown.SHOWN.get(kind, ()), *log_shown.IDENTITY.get(kind, ())}
        hidden = log_shown.NOT_SHOWN.get(kind, {})
        if kind == "score_cell":
            continue  # its columns are one value, of which `cell_words` tells
        assert not shown & set(hidden), kind
        assert set(columns) == shown | set(hidden), (kind, set(columns) ^ (shown | set(hidden)))
        assert all(reason for reason in hidden.values()), kind


def test_a_teacher_moved_to_another_group_is_a_row(school: Cast) -> None:
    first = snapshots.take(SYSTEM, NOW)
    person = db.session.get(m.Person, school.people["math"])
    group = next(one for one in db.session.query(m.SubjectGroup) if one.id != person.subject_group_id)
    with write_transaction():
        person.subject_group_id, person.sex = group.id, "Nam" if person.sex != "Nam" else "Nữ"
        audit.record(
            AuditTag.PERSON_CHANGED, SYSTEM, NOW, target_kind="person", target_id=person.id,
            state=audit.states("person", [person]),
        )  # fmt: skip
    name = group.name
    second = snapshots.take(SYSTEM, NOW)
    (row,) = snapshot_diff.difference(line(first.id), line(second.id)).rows
    assert {change.what for change in row.changes} == {"tổ chuyên môn", "giới tính"}
    assert name in {change.after for change in row.changes}
