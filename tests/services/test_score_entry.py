"""Writing one cell: what is stored, what is refused, and what the log says of it."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.services import audit, audit_verify, score_entry, score_history
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast

BINH, CHAU = ("9A", "Hoàng Thanh Bình"), ("9A", "Nguyễn Bảo Châu")


def save(
    school: Cast,
    raw: str,
    version: int = 0,
    *,
    column: str = "TX1",
    who: str = "math",
    subject: str = "MATH",
    student: tuple[str, str] = BINH,
    op: str | None = None,
    now: datetime = NOW,
) -> score_entry.SavedCell:
    return score_entry.save_cell(
        school.actor(who),
        school.sheets[student[0], subject, 2],
        school.enrollments[student],
        column,
        raw,
        expected_version=version,
        op_id=op,
        now=now,
    )


def stored(school: Cast, column: str = "TX1", subject: str = "MATH") -> m.ScoreCell:
    return db.session.execute(
        select(m.ScoreCell)
        .where(
            m.ScoreCell.score_sheet_id == school.sheets["9A", subject, 2],
            m.ScoreCell.enrollment_id == school.enrollments[BINH],
            m.ScoreCell.column_key == column,
        )
        .execution_options(populate_existing=True)
    ).scalar_one()


def n_versions() -> int:
    return db.session.scalar(select(func.count()).select_from(m.ScoreCellVersion)) or 0


def last_entry() -> m.AuditEntry:
    return db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()


def exempt(school: Cast, semester: int | None = None) -> None:
    with write_transaction() as session:
        subject = session.scalar(
            select(m.ClassSubject.subject_id).where(m.ClassSubject.id == school.class_subjects["9A", "MATH"])
        )
        assert subject is not None
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments[BINH],
                subject_id=subject,
                semester=semester,
                state="GRANTED",
                reason="Quyết định 12",
                proposed_by=school.accounts["math"],
                proposed_at=NOW,
            )
        )


@pytest.mark.parametrize(("raw", "tenths"), [("8,5", 85), ("8.5", 85), ("85", 85), ("10", 100), ("0", 0), (" 7 ", 70)])
def test_a_score_is_stored_as_whole_tenths(school: Cast, raw: str, tenths: int) -> None:
    saved = save(school, raw)
    assert saved.written
    assert (stored(school).tenths, stored(school).origin, stored(school).version) == (tenths, "entered", 1)


@pytest.mark.parametrize("raw", ["8,25", "10,1", "-1", "8,55", "abc", "v", "1e1", "100", "٥", "8,5;drop"])
def test_what_is_no_score_is_refused_and_nothing_is_written(school: Cast, raw: str) -> None:
    entries = last_entry().seq
    with pytest.raises(Invalid):
        save(school, raw)
    assert n_versions() == 0
    assert last_entry().seq == entries


def test_a_decomposed_mark_is_read_like_a_composed_one(school: Cast) -> None:
    save(school, unicodedata.normalize("NFD", "cđ"), subject="PE", who="other")
    assert stored(school, subject="PE").mark == "CĐ"
    save(school, unicodedata.normalize("NFD", "Học đều, cần đọc kĩ đề"), column="NX")
    assert stored(school, "NX").remark == "Học đều, cần đọc kĩ đề"


def test_each_written_cell_has_its_entry_in_the_same_transaction(school: Cast) -> None:
    before = last_entry().seq
    save(school, "7,5")
    save(school, "8", 1)
    entries = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.seq > before)).all()
    assert [entry.tag for entry in entries] == ["score:cell:changed"] * 2
    payload = audit.payload_of(entries[1])
    assert payload["facts"] == {
        "sheet": "Toán 9A, học kì II",
        "student": "Hoàng Thanh Bình",
        "column": "thường xuyên 1",
        "source": "typed",
    }
    assert payload["before"]["tenths"] == 75
    (values,) = payload["state"]["score_cell"].values()
    assert (values["tenths"], values["version"]) == (80, 2)
    seqs = db.session.scalars(select(m.ScoreCellVersion.audit_seq).order_by(m.ScoreCellVersion.version)).all()
    assert seqs == [entry.seq for entry in entries]


def test_the_chain_and_the_replayed_values_stay_whole(school: Cast) -> None:
    for number, raw in enumerate(("7", "8,5", "vk", "vp", "9", ""), start=0):
        save(school, raw, number)
    report = audit_verify.verify()
    assert report.ok, report


def test_a_failing_entry_takes_the_value_back(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> int:
        raise RuntimeError("disk")

    monkeypatch.setattr(score_entry.audit, "record", broken)
    with pytest.raises(RuntimeError, match="disk"):
        save(school, "7,5")
    assert db.session.scalar(select(func.count()).select_from(m.ScoreCell)) == 0


def test_the_same_value_again_writes_nothing_even_from_an_old_page(school: Cast) -> None:
    save(school, "7,5")
    entry, content = last_entry().seq, db.session.get(m.ScoreSheet, school.sheets["9A", "MATH", 2])
    assert content is not None
    again = save(school, "75", 0)
    assert (again.written, again.cell.version) == (False, 1)
    assert (n_versions(), last_entry().seq) == (1, entry)


def test_an_older_version_is_a_conflict_that_names_the_other_value(school: Cast) -> None:
    save(school, "7,5")
    save(school, "8", 1)
    with pytest.raises(Stale) as refused:
        save(school, "9", 1)
    standing = refused.value.current
    assert isinstance(standing, score_entry.StandingValue)
    assert (standing.cell.text, standing.cell.version, standing.by_name) == ("8,0", 2, "Trịnh Thu Hà")
    assert standing.yours == "9"
    assert stored(school).tenths == 80


def test_a_repeated_operation_returns_what_was_written_then(school: Cast) -> None:
    first = save(school, "7,5", op="a1b2c3d4-0001")
    save(school, "8", 1, op="a1b2c3d4-0002")
    again = save(school, "7,5", op="a1b2c3d4-0001")
    assert again.repeated and not again.written
    assert (again.cell.text, again.cell.version) == (first.cell.text, 1)
    assert n_versions() == 2


def test_an_operation_key_serves_one_request_only(school: Cast) -> None:
    save(school, "7,5", op="a1b2c3d4-0001")
    with pytest.raises(Invalid):
        save(school, "9", 1, op="a1b2c3d4-0001")
    with pytest.raises(Invalid):
        save(school, "7,5", op="a1b2c3d4-0001", student=CHAU)
    assert stored(school).tenths == 75


@pytest.mark.parametrize("op", ["x", "a" * 37, "../../../etc", "a1b2c3d4 0001"])
def test_an_operation_key_of_the_wrong_shape_is_refused(school: Cast, op: str) -> None:
    with pytest.raises(Invalid):
        save(school, "7,5", op=op)


def test_missed_without_leave_is_zero_with_its_origin(school: Cast) -> None:
    saved = save(school, "vk")
    assert (stored(school).tenths, stored(school).origin, saved.cell.state) == (0, "missed_unexcused", "missed")
    save(school, "VK", subject="PE", who="other")
    assert (stored(school, subject="PE").mark, stored(school, subject="PE").origin) == ("CĐ", "missed_unexcused")


def test_an_earned_zero_after_a_missed_one_is_another_value(school: Cast) -> None:
    save(school, "vk")
    assert save(school, "0", 1).written
    assert stored(school).origin == "entered"


def test_missed_with_leave_stays_a_gap_until_it_is_made_up(school: Cast) -> None:
    saved = save(school, "vp")
    cell = stored(school)
    assert (cell.tenths, cell.origin, cell.makeup_due_on) == (None, "missed_excused", date(2027, 5, 12))
    assert (saved.cell.text, saved.cell.state, saved.progress.n_entered) == ("V", "makeup", 0)
    save(school, "6,5", 1)
    assert (stored(school).tenths, stored(school).origin, stored(school).makeup_due_on) == (65, "makeup", None)


def test_a_make_up_day_lies_inside_the_semester(school: Cast) -> None:
    save(school, "vp 12/5")
    for raw in ("vp 30/2", "vp 13/5", "vp 1/6/2028", "vp 11/5/2027", "vp 20/1/2027"):
        with pytest.raises(Invalid):
            save(school, raw, 1)


def test_nothing_typed_clears_the_cell_and_keeps_its_past(school: Cast) -> None:
    save(school, "7,5")
    saved = save(school, "", 1)
    assert (saved.cell.text, saved.cell.state, saved.cell.version) == ("", "gap", 2)
    _, _, lines = score_history.cell_history(
        school.actor("math"), school.sheets["9A", "MATH", 2], school.enrollments[BINH], "TX1", NOW
    )
    assert [(line.version, line.text, line.by_name) for line in lines] == [
        (2, "", "Trịnh Thu Hà"),
        (1, "7,5", "Trịnh Thu Hà"),
    ]


def test_the_average_appears_with_the_last_result(school: Cast) -> None:
    for column, raw in (("TX1", "8"), ("TX2", "7"), ("TX3", "9"), ("TX4", "6"), ("GK", "7,5")):
        assert save(school, raw, column=column).average == ""
    saved = save(school, "8", column="CK")
    assert saved.average == "7,7"
    assert (saved.progress.n_entered, saved.progress.n_expected) == (6, 30)


def test_a_comment_subject_passes_only_when_all_pass(school: Cast) -> None:
    for column in ("TX1", "TX2", "GK"):
        save(school, "d", column=column, subject="PE", who="other")
    assert save(school, "đ", column="CK", subject="PE", who="other").average == "Đ"
    assert save(school, "c", 1, column="TX1", subject="PE", who="other").average == "CĐ"


def test_a_column_the_rule_does_not_give_does_not_exist(school: Cast) -> None:
    with pytest.raises(NotFound):
        save(school, "8", column="TX3", subject="CIVICS", who="other")
    with pytest.raises(NotFound):
        save(school, "8", column="XX")


def test_a_student_of_another_class_does_not_exist_here(school: Cast) -> None:
    with pytest.raises(NotFound):
        score_entry.save_cell(
            school.actor("math"),
            school.sheets["9A", "MATH", 2],
            school.enrollments["6A", "Trần Bảo An"],
            "TX1",
            "8",
            expected_version=0,
            op_id=None,
            now=NOW,
        )


@pytest.mark.parametrize("who", ["outsider", "it_officer", "clerk", "board", "other", "head_society"])
def test_a_stranger_does_not_learn_that_the_sheet_exists(school: Cast, who: str) -> None:
    with pytest.raises(NotFound):
        save(school, "8", who=who)


@pytest.mark.parametrize("who", ["principal", "vice_principal", "head_science"])
def test_a_reader_may_not_write(school: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        save(school, "8", who=who)
    assert n_versions() == 0


def test_outside_the_window_nothing_is_written_and_the_days_are_named(school: Cast) -> None:
    with pytest.raises(WrongState, match=r"19/01/2027.*12/05/2027"):
        save(school, "8", now=NOW + timedelta(days=1))


def test_the_last_day_of_the_window_lasts_until_midnight_of_the_school(school: Cast) -> None:
    last_minute = datetime(2027, 5, 12, 16, 59, tzinfo=NOW.tzinfo)
    assert save(school, "8", now=last_minute).written
    with pytest.raises(WrongState):
        save(school, "9", 1, now=last_minute + timedelta(minutes=1))


@pytest.mark.parametrize("state", ["SUBMITTED", "REVIEWED", "APPROVED", "LOCKED"])
def test_a_sheet_that_was_handed_in_takes_no_value(school: Cast, state: str) -> None:
    with write_transaction() as session:
        session.execute(
            update(m.ScoreSheet).where(m.ScoreSheet.id == school.sheets["9A", "MATH", 2]).values(state=state)
        )
    with pytest.raises(WrongState):
        save(school, "8")


@pytest.mark.parametrize("semester", [None, 2])
def test_an_exempt_student_takes_no_value(school: Cast, semester: int | None) -> None:
    exempt(school, semester)
    with pytest.raises(WrongState, match="miễn học"):
        save(school, "8")


def test_an_exemption_of_the_other_semester_closes_nothing(school: Cast) -> None:
    exempt(school, 1)
    assert save(school, "8").written


def test_a_student_who_left_takes_no_value(school: Cast) -> None:
    with write_transaction() as session:
        session.execute(
            update(m.Enrollment)
            .where(m.Enrollment.id == school.enrollments[BINH])
            .values(status="transferred_out", left_on=date(2027, 3, 1))
        )
    with pytest.raises(WrongState, match="chuyển đi"):
        save(school, "8")


def test_a_long_remark_is_refused(school: Cast) -> None:
    with pytest.raises(Invalid):
        save(school, "á" * 1001, column="NX")
    assert save(school, "á" * 1000, column="NX").written


def test_a_form_writes_what_was_changed_and_nothing_else(school: Cast) -> None:
    save(school, "7,5")
    save(school, "8", 1)  # somebody's later value: the form below was opened before it
    binh, chau = school.enrollments[BINH], school.enrollments[CHAU]
    outcomes = score_entry.save_many(
        school.actor("math"),
        school.sheets["9A", "MATH", 2],
        [
            (binh, "TX1", "7,5", 1),
            (binh, "TX2", "9", 0),
            (chau, "TX1", "65", 0),
            (chau, "TX2", "", 0),
            (chau, "GK", "6", 0),
            (binh, "NX", "Chăm", 0),
        ],
        source="typed",
        now=NOW,
    )
    assert [outcome.outcome for outcome in outcomes] == ["same", "written", "written", "same", "written", "written"]
    assert stored(school).tenths == 80


def test_a_form_reports_a_conflict_and_an_unreadable_text_by_cell(school: Cast) -> None:
    save(school, "7,5")
    save(school, "8", 1)
    binh = school.enrollments[BINH]
    outcomes = score_entry.save_many(
        school.actor("math"),
        school.sheets["9A", "MATH", 2],
        [(binh, "TX1", "9", 1), (binh, "TX2", "8,75", 0), (binh, "TX3", "6", 0), (binh, "TX9", "6", 0)],
        source="typed",
        now=NOW,
    )
    assert [outcome.outcome for outcome in outcomes] == ["stale", "refused", "written", "refused"]
    assert stored(school).tenths == 80


def test_a_bulk_write_is_one_entry_that_the_verifier_can_replay(school: Cast) -> None:
    before = last_entry().seq
    sheet = score_entry.sheet_head(SYSTEM, school.sheets["9A", "MATH", 2], score_entry.Permission.IMPORT_SCORES, NOW)
    value = score_entry.CellValue(tenths=75, origin="entered")
    cells = [
        (enrollment, column, value, None)
        for (name, _), enrollment in school.enrollments.items()
        if name == "9A"
        for column in ("TX1", "TX2", "GK")
    ]
    with write_transaction() as session:
        outcomes = score_entry.write_cells(session, SYSTEM, sheet, cells, source="imported", now=NOW)
    assert {outcome.outcome for outcome in outcomes} == {"written"}
    assert [entry.tag for entry in db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.seq > before))] == [
        "score:cells:imported"
    ]
    with write_transaction() as session:
        again = score_entry.write_cells(
            session,
            SYSTEM,
            sheet,
            cells[:-1] + [(cells[-1][0], "GK", value._replace(tenths=80), 1)],
            source="imported",
            now=NOW,
        )
    assert [outcome.outcome for outcome in again] == ["same"] * (len(cells) - 1) + ["written"]
    assert audit_verify.verify().ok
