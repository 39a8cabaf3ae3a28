"""Measures over a school: figures and lists agree, mending empties the list, the authority's answer belongs to its values."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale
from hocbaso.regulations.data_quality import IdentityStanding, Measure
from hocbaso.services import (
    alive_things,
    audit_verify,
    data_quality,
    departures,
    exemptions,
    help_requests,
    identity_checks,
    job_ledger,
    log_search,
    students,
)
from hocbaso.services.job_table import JOBS
from hocbaso.services.log_search import Wanted
from tests.cast import NOW, Cast
from tests.services.test_audit_verify import try_kinds
from tests.services.test_departures import LEFT

NAME = "Hoàng Thanh Bình"


def test_nobody_without_a_number_is_called_matched(school: Cast) -> None:
    clerk, student = school.actor("clerk"), student_of(school)
    change(school, {"personal_id_number": ""})
    text = "\n".join(("Mã học sinh\tHọ và tên\tKết quả", f"{student.moet_code}\t{NAME}\tKhớp"))
    seen = identity_checks.preview(clerk, text)
    assert (seen.lines, len(seen.problems)) == ((), 1) and "chưa ghi số định danh" in seen.problems[0][1]
    wrong = text.replace("Kết quả", "Kết quả\tMục lệch").replace("Khớp", "Lệch\tNgày sinh")
    assert identity_checks.preview(clerk, wrong).n_new == 1, "a mismatch is told all the same"


def student_subject(code: str) -> int:
    return db.session.scalars(select(m.Subject.id).where(m.Subject.code == code)).one()


def student_of(school: Cast, name: str = NAME, class_name: str = "9A") -> m.Student:
    found = db.session.scalar(
        select(m.Student)
        .join(m.Enrollment)
        .where(m.Enrollment.id == school.enrollments[class_name, name])
        .execution_options(populate_existing=True)
    )
    assert found is not None
    return found


def change(school: Cast, values: dict[str, str], name: str = NAME, *, actor: str = "clerk") -> None:
    student = student_of(school, name)
    students.update_profile(
        school.actor(actor), student.id, values, expected_version=student.version, now=NOW, confirmed=True
    )


def lines(school: Cast, measure: Measure, name: str = NAME) -> list[str]:
    lists = data_quality.class_lists(school.actor("clerk"), school.classes["9A"], NOW)
    return [line.link.partition("#")[2] for line in lists.of(measure) if line.who == name]


def test_lists_open_on_the_faulty_field_and_mending_empties_them(school: Cast) -> None:
    before = data_quality.school(school.actor("principal"), NOW).figures
    change(school, {"phone": "09", "address": ""})
    assert lines(school, Measure.CORRECT) == ["phone"]
    assert "address" in lines(school, Measure.COMPLETE)
    worse = data_quality.school(school.actor("principal"), NOW).figures
    assert worse[Measure.CORRECT].n_sound == before[Measure.CORRECT].n_sound - 1
    change(school, {"phone": "0912345678"})
    assert lines(school, Measure.CORRECT) == []
    assert data_quality.school(school.actor("principal"), NOW).figures[Measure.CORRECT] == before[Measure.CORRECT]


def test_the_homeroom_teacher_is_led_to_what_is_theirs(school: Cast) -> None:
    lists = data_quality.class_lists(school.actor("math"), school.classes["9A"], NOW)
    mine = [line for line in lists.lines if line.mine and line.student_id]
    fields = {line.link.partition("#")[2] for line in mine}
    assert fields <= {"address", "father_name", "phone", "ho-so"}
    if mine:
        assert lists.next_mine in {line.link for line in mine}
    with pytest.raises(NotFound):
        data_quality.class_lists(school.actor("math"), school.classes["6A"], NOW)
    with pytest.raises(NotFound):
        data_quality.class_lists(school.actor("board"), school.classes["9A"], NOW)


def test_figures_go_to_the_board_without_names(school: Cast) -> None:
    found = data_quality.school(school.actor("board"), NOW)
    assert found.n_students == 10 and len(found.classes) == 2
    assert not any(row.opens for row in found.classes)
    for key in ("math", "outsider", "it_officer"):
        with pytest.raises(NotAllowed):
            data_quality.school(school.actor(key), NOW)


def test_a_sheet_past_its_window_with_empty_cells_is_not_complete(school: Cast) -> None:
    figure = data_quality.school(school.actor("principal"), NOW).figures[Measure.COMPLETE]
    assert figure.n_checked == 10 + 24, "the profiles, and the sheets of semester I whose window is over"
    words = [
        line.words for line in data_quality.class_lists(school.actor("principal"), school.classes["9A"], NOW).lines
    ]
    assert any("Đã hết hạn nhập" in one for one in words)


def test_looking_through_makes_a_profile_alive_and_is_written_down(school: Cast) -> None:
    with write_transaction():
        student_of(school).touched_at = NOW - timedelta(days=400)
    assert lines(school, Measure.ALIVE) == ["ho-so"]
    student = student_of(school)
    with pytest.raises(Stale):
        students.look_through(school.actor("math"), student.id, expected_version=student.version + 1, now=NOW)
    with pytest.raises(NotAllowed):
        students.look_through(school.actor("principal"), student.id, expected_version=student.version, now=NOW)
    students.look_through(school.actor("math"), student.id, expected_version=student.version, now=NOW)
    assert lines(school, Measure.ALIVE) == []
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc())).first()
    assert entry is not None and (entry.tag, entry.target_id) == ("student:profile:reviewed", str(student.id))


def test_namesakes_are_asked_for_until_somebody_says_that_they_are_two(school: Cast) -> None:
    twin = student_of(school)
    other = student_of(school, "Nguyễn Bảo Châu")
    change(
        school,
        {"full_name": NAME, "birth_on": f"{twin.birth_on:%d/%m/%Y}", "sex": twin.sex},
        "Nguyễn Bảo Châu",
    )
    clerk = school.actor("clerk")
    assert [pair.key for pair in data_quality.pairs(clerk, NOW)] == [tuple(sorted((twin.id, other.id)))]
    assert data_quality.school(clerk, NOW).figures[Measure.CLEAN].n_faulty == 2
    with pytest.raises(Invalid):
        data_quality.settle_pair(clerk, twin.id, other.id, " ", NOW)
    with pytest.raises(NotAllowed):
        data_quality.settle_pair(school.actor("math"), twin.id, other.id, "Hai em", NOW)
    with pytest.raises(NotFound):
        data_quality.settle_pair(clerk, twin.id, student_of(school, "Trần Khánh Chi").id, "Hai em", NOW)
    data_quality.settle_pair(clerk, other.id, twin.id, "Hai anh em họ, khác cha mẹ", NOW)
    data_quality.settle_pair(clerk, other.id, twin.id, "Bấm lần nữa", NOW)
    assert data_quality.pairs(clerk, NOW) == ()
    assert data_quality.school(clerk, NOW).figures[Measure.CLEAN].n_faulty == 0
    assert try_kinds(["distinct_pair"]) == {"distinct_pair"}


def table(*rows: tuple[str, str, str, str]) -> str:
    return "\n".join("\t".join(row) for row in (("Số định danh", "Họ và tên", "Kết quả", "Mục lệch"), *rows))


def test_an_answer_of_the_authority_holds_until_what_it_was_about_changes(school: Cast) -> None:
    clerk = school.actor("clerk")
    change(school, {"personal_id_number": "036212000017"})
    change(school, {"personal_id_number": "036212000018"}, "Nguyễn Bảo Châu")
    text = table(
        ("036212000017", NAME, "Khớp", ""),
        ("036212000018", "Nguyễn Bảo Châu", "Lệch", "Ngày sinh"),
        ("036212000019", "Không Có Ai", "Khớp", ""),
        ("036212000017", NAME, "Khớp", ""),
    )
    seen = identity_checks.preview(clerk, text)
    assert (seen.n_new, [line for line, _words in seen.problems]) == (2, [4, 5])
    assert db.session.scalars(select(m.IdentityCheck)).all() == [], "looking writes nothing"
    for source, day, field in (("", date(2027, 5, 1), "source"), ("CV 12", date(2027, 5, 13), "checked_on")):
        with pytest.raises(Invalid) as refusal:
            identity_checks.record(clerk, text, source, day, NOW)
        assert refusal.value.field == field
    assert identity_checks.record(clerk, text, "CV 12/CA", date(2027, 5, 1), NOW) == 2
    with pytest.raises(Invalid):  # the same answer again is nothing new
        identity_checks.record(clerk, text, "CV 12/CA", date(2027, 5, 1), NOW)

    def standing(name: str = NAME) -> IdentityStanding:
        return students.profile(clerk, student_of(school, name).id).identity

    for name, n in ((NAME, 1), ("Nguyễn Bảo Châu", 1), ("Trần Khánh Chi", 0)):
        found = log_search.search(school.actor("principal"), Wanted(pupil=name), NOW.date()).lines
        assert sum(line.what == "ghi kết quả đối chiếu định danh" for line in found) == n, name
    assert standing() is IdentityStanding.MATCHED
    assert standing("Nguyễn Bảo Châu") is IdentityStanding.MISMATCH
    assert "birth_on" in lines(school, Measure.CORRECT, "Nguyễn Bảo Châu")
    change(school, {"address": "Nơi khác"})
    assert standing() is IdentityStanding.MATCHED
    change(school, {"full_name": "Hoàng Thanh Bình An"})
    assert standing() is IdentityStanding.OUTDATED
    counted = data_quality.school(clerk, NOW).identity
    assert (counted[IdentityStanding.OUTDATED], counted[IdentityStanding.MISMATCH]) == (1, 1)
    with pytest.raises(NotAllowed):
        identity_checks.record(school.actor("principal"), text, "CV 12", date(2027, 5, 1), NOW)
    assert try_kinds(["identity_check"]) == {"identity_check"}
    db.session.remove()
    assert audit_verify.verify().ok


def test_the_day_is_kept_once_by_the_job_and_never_for_a_day_that_passed(school: Cast) -> None:
    job = next(one for one in JOBS if one.name == "quality")
    first = NOW.replace(hour=3)
    job_ledger.catch_up((job,), first)  # the machine knows its first day
    for now in (NOW.replace(hour=5), NOW.replace(hour=6), NOW + timedelta(days=2, hours=6)):
        for outcome in job_ledger.catch_up((job,), now):
            assert outcome.state == "done", outcome
    days = db.session.execute(
        select(m.QualityFigure.day, m.QualityFigure.class_group_id).where(m.QualityFigure.measure == "correct")
    ).all()
    assert sorted({row.day for row in days}) == [date(2027, 5, 12), date(2027, 5, 14)]
    assert len(days) == 2 * 3, "the school and two classes, once a day"
    shown = data_quality.school(school.actor("principal"), NOW + timedelta(days=3)).days[Measure.CORRECT]
    assert [one.day for one in shown] == [date(2027, 5, 12), date(2027, 5, 14)]
    assert shown[0].figure.n_checked == 10


def test_a_proposal_for_who_left_waits_for_nobody(school: Cast) -> None:
    """No list shows it to who decides, and nobody may decide: in "sống" it would be late for ever."""
    principal, place = school.actor("principal"), school.enrollments["9A", NAME]
    exemptions.propose(school.actor("math"), place, student_subject("PE"), None, "Ốm dài ngày", now=NOW)
    assert data_quality.school(principal, NOW).n_unanswered == 1
    departures.record(school.actor("clerk"), place, LEFT, NOW)
    shown = data_quality.school(principal, NOW + timedelta(days=20))
    assert (shown.n_unanswered, shown.n_late) == (0, 0)


def test_what_nobody_answered_is_listed_counted_and_late_after_five_working_days(school: Cast) -> None:
    """A proposed exemption and a question to the IT officer: in the measure, in the list of who may hear, red from the sixth day on."""
    class_id, principal = school.classes["9A"], school.actor("principal")
    before = data_quality.school(principal, NOW).figures[Measure.ALIVE]
    exemptions.propose(
        school.actor("math"), school.enrollments["9A", NAME], student_subject("PE"), None, "Ốm dài ngày", now=NOW
    )
    help_requests.ask(school.actor("other"), "Không thấy lớp của tôi", "/bang-diem/", NOW)
    on_time = data_quality.school(principal, NOW)
    assert on_time.figures[Measure.ALIVE] == before.plus(2, 2) and (on_time.n_unanswered, on_time.n_late) == (2, 0)
    late = NOW + timedelta(days=8)
    shown = data_quality.school(principal, late)
    assert (shown.n_unanswered, shown.n_late) == (2, 2)
    of_class = data_quality.class_lists(school.actor("clerk"), class_id, late).of(Measure.ALIVE)
    assert [line.link for line in of_class if "miễn học" in line.words] == [
        f"/lop/{class_id}/hoc-sinh/{school.enrollments['9A', NAME]}"
    ]
    for who, told, hidden in (
        ("principal", {"Đề nghị miễn học", "Yêu cầu hỗ trợ chưa trả lời"}, 0),
        ("clerk", {"Đề nghị miễn học", "Yêu cầu hỗ trợ chưa trả lời"}, 0),
        ("it_officer", {"Yêu cầu hỗ trợ chưa trả lời"}, 1),
        ("board", set(), 2),
    ):
        found = alive_things.lists(school.actor(who), late)
        assert ({one.what for one in found.unanswered}, found.n_hidden) == (told, hidden), who
        assert (found.n_unanswered, found.n_late) == (2, 2)
    for who in ("math", "outsider"):
        with pytest.raises(NotAllowed):
            alive_things.lists(school.actor(who), late)
    # The day keeps them as the page shows them.
    with write_transaction():
        data_quality.keep_day(late.date(), late)
    [kept] = data_quality.school(principal, late).days[Measure.ALIVE]
    assert kept.figure == shown.figures[Measure.ALIVE]


def test_idle_accounts_are_a_list_by_name_for_who_keeps_them(school: Cast) -> None:
    later = NOW + timedelta(days=130)
    n_accounts, idle = alive_things.idle_accounts(later.date())
    assert len(idle) == n_accounts and {one.last_used_on for one in idle} == {None}, "nobody of the cast has signed in"
    with write_transaction() as session:
        account_id = school.actor("math").account_id
        session.add(
            m.UserSession(
                token_digest="0" * 64, account_id=account_id, created_at=NOW, last_seen_at=NOW + timedelta(days=40),
                expires_at=later, confirmed_at=NOW,
            )
        )  # fmt: skip
    one = next(one for one in alive_things.idle_accounts(later.date())[1] if one.account_id == account_id)
    assert (one.last_used_on, one.n_months) == ((NOW + timedelta(days=40)).date(), 2)
    assert account_id not in {
        one.account_id for one in alive_things.idle_accounts((NOW + timedelta(days=99)).date())[1]
    }
    for who, hears in (("principal", True), ("clerk", True), ("it_officer", True), ("board", False)):
        found = alive_things.lists(school.actor(who), later)
        assert (found.idle is not None) is hears and found.n_idle == len(idle), who
    figure = data_quality.school(school.actor("principal"), later)
    assert (figure.n_idle, figure.n_accounts) == (len(idle), n_accounts)
