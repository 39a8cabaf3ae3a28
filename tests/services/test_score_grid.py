"""Reading a sheet: who sees it, what stands in it, and that remembered lines are never old or another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotFound
from hocbaso.services import progress, score_entry, score_grid, score_lines
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast

BINH = ("9A", "Hoàng Thanh Bình")


def open_math(school: Cast, who: str = "math") -> score_grid.SheetView:
    return score_grid.open_sheet(school.actor(who), school.sheets["9A", "MATH", 2], NOW)


def type_in(school: Cast, raw: str, version: int = 0, column: str = "TX1") -> None:
    score_entry.save_cell(
        school.actor("math"),
        school.sheets["9A", "MATH", 2],
        school.enrollments[BINH],
        column,
        raw,
        expected_version=version,
        op_id=None,
        now=NOW,
    )


def test_rows_stand_in_vietnamese_order_of_given_names(school: Cast) -> None:
    assert [row.full_name for row in open_math(school).rows] == [
        "Hoàng Thanh Bình",
        "Nguyễn Bảo Châu",
        "Trần Khánh Chi",
        "Đỗ Mạnh Cường",
        "Đinh Công Thành",
    ]


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("MATH", ["TX1", "TX2", "TX3", "TX4", "GK", "CK"]),
        ("TECH", ["TX1", "TX2", "TX3", "GK", "CK"]),
        ("CIVICS", ["TX1", "TX2", "GK", "CK"]),
        ("EXP", ["TX1", "TX2", "GK", "CK"]),
    ],
)
def test_columns_follow_the_lessons_of_the_year(school: Cast, code: str, keys: list[str]) -> None:
    view = score_grid.open_sheet(school.actor("principal"), school.sheets["9A", code, 1], NOW)
    assert [column.key for column in view.columns] == keys


@pytest.mark.parametrize("who", ["math", "head_science", "principal", "vice_principal"])
def test_these_may_read_it_and_only_the_author_may_type(school: Cast, who: str) -> None:
    view = open_math(school, who)
    assert view.can_edit is (who == "math")
    assert {cell.can_edit for row in view.rows for cell in row.cells} == {who == "math"}


def test_the_homeroom_teacher_reads_each_subject_of_the_class(school: Cast) -> None:
    view = score_grid.open_sheet(school.actor("math"), school.sheets["9A", "LIT", 2], NOW)
    assert (view.can_edit, view.verbs) == (False, ())


@pytest.mark.parametrize("who", ["outsider", "it_officer", "clerk", "board", "other", "head_society"])
def test_for_the_others_it_does_not_exist(school: Cast, who: str) -> None:
    with pytest.raises(NotFound):
        open_math(school, who)


def test_the_it_officer_sees_no_sheet_even_with_another_role_beside_it(school: Cast) -> None:
    from hocbaso.regulations.permissions import Role
    from hocbaso.services import roster

    roster.grant_role(SYSTEM, school.people["it_officer"], Role.PRINCIPAL, NOW, starts_on=date(2026, 9, 5))
    with pytest.raises(NotFound):
        open_math(school, "it_officer")
    assert progress.my_sheets(school.actor("it_officer"), NOW) == []


def test_an_unknown_sheet_and_a_foreign_one_are_refused_with_the_same_words(school: Cast) -> None:
    words = set()
    for sheet_id in (school.sheets["9A", "MATH", 2], 999_999):
        with pytest.raises(NotFound) as refused:
            score_grid.open_sheet(school.actor("outsider"), sheet_id, NOW)
        words.add(str(refused.value))
    assert len(words) == 1


def test_remembered_lines_follow_each_write(school: Cast) -> None:
    for number, raw in enumerate(("7", "8,5", "")):
        type_in(school, raw, number)
        assert open_math(school).rows[0].cells[0].text == {"7": "7,0"}.get(raw, raw)


def test_remembered_lines_follow_a_write_of_another_process(school: Cast) -> None:
    open_math(school)
    type_in(school, "7")
    # Another process knows nothing of this one's memory: it changes the row and the version in the base.
    with write_transaction() as session:
        session.execute(update(m.ScoreCell).values(tenths=90))
        session.execute(
            update(m.ScoreSheet)
            .where(m.ScoreSheet.id == school.sheets["9A", "MATH", 2])
            .values(content_version=m.ScoreSheet.content_version + 1)
        )
    assert open_math(school).rows[0].cells[0].text == "9,0"


def test_remembered_lines_do_not_carry_the_power_to_type_to_a_reader(school: Cast) -> None:
    author, reader = open_math(school, "math"), open_math(school, "principal")
    assert author.rows_key != reader.rows_key
    assert not any(cell.can_edit for row in reader.rows for cell in row.cells)


def test_remembered_lines_follow_names_places_and_exemptions(school: Cast) -> None:
    open_math(school)
    with write_transaction() as session:
        session.execute(
            update(m.Student).where(m.Student.full_name == "Hoàng Thanh Bình").values(full_name="Hoàng Thanh Bằng")
        )
    assert open_math(school).rows[0].full_name == "Hoàng Thanh Bằng"
    with write_transaction() as session:
        session.execute(
            update(m.Enrollment)
            .where(m.Enrollment.id == school.enrollments[BINH])
            .values(status="transferred_out", left_on=date(2027, 3, 1))
        )
    row = open_math(school).rows[0]
    assert (row.closed, {cell.can_edit for cell in row.cells}) == ("Đã chuyển đi", {False})


def test_an_exempt_line_says_so_and_asks_for_nothing(school: Cast) -> None:
    before = open_math(school).progress.n_expected
    with write_transaction() as session:
        offered = session.get(m.ClassSubject, school.class_subjects["9A", "MATH"])
        assert offered is not None
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments[BINH],
                subject_id=offered.subject_id,
                state="GRANTED",
                reason="QĐ 12",
                proposed_by=school.accounts["math"],
                proposed_at=NOW,
            )
        )
    view = open_math(school)
    assert {cell.text for cell in view.rows[0].cells} == {"Miễn"}
    assert view.progress.n_expected == before - 6


def test_a_proposed_exemption_changes_nothing_yet(school: Cast) -> None:
    with write_transaction() as session:
        offered = session.get(m.ClassSubject, school.class_subjects["9A", "MATH"])
        assert offered is not None
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments[BINH],
                subject_id=offered.subject_id,
                state="PROPOSED",
                reason="Đề nghị",
                proposed_by=school.accounts["math"],
                proposed_at=NOW,
            )
        )
    assert open_math(school).rows[0].closed == ""


def test_what_is_not_committed_is_not_remembered(school: Cast) -> None:
    with pytest.raises(ZeroDivisionError), write_transaction() as session:
        head = score_entry.read_head(school.sheets["9A", "MATH", 2])
        score_entry.write_cells(
            session,
            SYSTEM,
            head,
            [(school.enrollments[BINH], "TX1", score_entry.CellValue(tenths=90, origin="entered"), None)],
            source="typed",
            now=NOW,
        )
        assert open_math(school).rows[0].cells[0].text == "9,0"
        raise ZeroDivisionError
    type_in(school, "4")  # the content version is now the one the undone write had
    assert open_math(school).rows[0].cells[0].text == "4,0"


def test_counts_of_page_list_and_save_agree(school: Cast) -> None:
    for column, raw in (("TX1", "8"), ("TX2", "vp"), ("GK", "vk"), ("NX", "Chăm học")):
        type_in(school, raw, column=column)
    view = open_math(school)
    (line,) = [
        item.line for item in progress.my_sheets(school.actor("math"), NOW) if item.line.sheet_id == view.head.id
    ]
    assert (view.progress.n_entered, view.progress.n_expected) == (2, 30)
    assert (line.n_entered, line.n_expected) == (2, 30)
    assert score_lines.count_progress(view.head) == view.progress


def test_after_the_window_the_author_reads_only(school: Cast) -> None:
    view = score_grid.open_sheet(school.actor("math"), school.sheets["9A", "MATH", 2], NOW + timedelta(days=1))
    assert (view.can_edit, view.days_left) == (False, -1)


@pytest.mark.parametrize(
    ("who", "waiting"),
    [("math", {"Toán 9A", "Khoa học tự nhiên 9A"}), ("principal", set()), ("outsider", set()), ("it_officer", set())],
)
def test_the_list_shows_what_waits_for_this_person(school: Cast, who: str, waiting: set[str]) -> None:
    listed = progress.my_sheets(school.actor(who), NOW)
    assert {
        f"{item.line.subject_name} {item.line.class_name}" for item in listed if item.waits and item.line.semester == 2
    } == waiting


def test_a_handed_in_sheet_waits_for_the_head_and_then_for_the_principal(school: Cast) -> None:
    def waits(who: str) -> bool:
        return any(
            item.waits and item.line.sheet_id == school.sheets["9A", "MATH", 2]
            for item in progress.my_sheets(school.actor(who), NOW)
        )

    expected = {"SUBMITTED": "head_science", "REVIEWED": "principal", "RETURNED": "math"}
    for state, holder in expected.items():
        with write_transaction() as session:
            session.execute(
                update(m.ScoreSheet).where(m.ScoreSheet.id == school.sheets["9A", "MATH", 2]).values(state=state)
            )
        assert {who for who in ("math", "head_science", "principal", "vice_principal") if waits(who)} == {holder}


def test_every_listed_sheet_opens_and_no_other_does(school: Cast) -> None:
    for who in school.accounts:
        actor = school.actor(who)
        listed = {item.line.sheet_id for item in progress.my_sheets(actor, NOW)}
        opened = set()
        for sheet_id in school.sheets.values():
            try:
                score_grid.open_sheet(actor, sheet_id, NOW)
            except NotFound:
                continue
            opened.add(sheet_id)
        assert listed == opened, who


def test_opening_a_remembered_sheet_takes_few_statements(school: Cast) -> None:
    actor = school.actor("math")
    score_grid.open_sheet(actor, school.sheets["9A", "MATH", 2], NOW)
    seen: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    score_grid.open_sheet(actor, school.sheets["9A", "MATH", 2], NOW)
    assert len(seen) <= 5, seen


def test_progress_of_a_class_counts_its_sheets_by_state(school: Cast) -> None:
    found = {(item.class_name, item.semester): item for item in progress.class_progress(date(2027, 5, 12))}
    assert dict(found["9A", 2].sheets_by_state) == {"DRAFT": 12}
    assert found["9A", 2].n_expected == 5 * (4 * 6 + 1 * 6 + 1 * 5 + 2 * 4 + 4 * 4)


def test_a_view_is_plain_data(school: Cast) -> None:
    view = open_math(school)
    assert replace(view, can_edit=False).rows is view.rows
