"""Who holds which work now, and its deadline: everything that is unfinished, in the words of reminders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.correction_flow import CorrectionState, due_before
from hocbaso.regulations.deadlines import Deadline, days_left_text
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import (
    board_tasks,
    class_waits,
    conclusion_cases,
    correction_access,
    overtaken_records,
    principal_decisions,
    progress,
    recall_steps,
    roster,
    sheet_hands,
    sheet_holders,
    summer_view,
    waiting_summer,
    waiting_year,
)
from hocbaso.services.in_force import delegates, has_left, in_force, people_with
from hocbaso.services.sheet_holders import SheetAct, delegated
from hocbaso.services.transcript_counts import due_days, first_records_by_state, replacing, replacing_name


@dataclass(frozen=True, slots=True)
class HeldWork:
    """A piece of work, who holds it now (person ids), and its deadline.

    ``key`` is its own as long as it is the same piece, whatever becomes of its count, its words and its deadline.
    """

    key: str
    what: str
    link: str
    holders: tuple[int, ...]
    deadline: Deadline
    group_heads: tuple[int, ...] = ()


def unfinished(now: datetime) -> list[HeldWork]:
    """Everything unfinished of the open year with its holder of today; corrections and what they left to be made anew, of whatever year."""
    today = clock.local_date(now)
    corrections = _correction_work(today) + _replacing_work(today) + _conclusion_work(today) + _summer_work(today)
    corrections += _recall_work(today)
    try:
        year = roster.open_year()
    except NotFound:
        return corrections
    found = _sheet_work(year, today) + _class_work(year, today) + _transcript_work(year, today)
    return found + _board_work(year, today) + _turn_work(year, today) + corrections


def _window_end(year: m.SchoolYear, windows: list[m.SemesterWindow], semester: int, grade_level: int) -> date:
    best = None
    for window in windows:
        if window.semester == semester and (
            window.grade_level == grade_level or (window.grade_level is None and best is None)
        ):
            best = window
    return best.closes_on if best is not None else year.data_complete_before - timedelta(days=1)


def _sheet_work(year: m.SchoolYear, today: date) -> list[HeldWork]:
    windows = list(
        db.session.scalars(
            select(m.SemesterWindow)
            .where(m.SemesterWindow.school_year_id == year.id)
            .order_by(m.SemesterWindow.grade_level.is_not(None))
        )
    )
    lines = [
        line
        for line in progress.sheet_lines(today, school_year_id=year.id)
        if line.state is not SheetState.LOCKED
        and today >= next((w.opens_on for w in windows if w.semester == line.semester), year.starts_on)
    ]
    reviews = sheet_hands.reviews_of(lines, today)
    held = sheet_holders.holders_of(lines, reviews, today)
    too_early = progress.too_early_to_lock([line for line in lines if line.state is SheetState.APPROVED], today)
    work = []
    for line in lines:
        if line.sheet_id in too_early:
            continue
        review, holder = reviews[line.sheet_id], held[line.sheet_id]
        # The head of the holder's group hears of it too, unless it is the head's own work that waits for somebody else.
        own = review.own if line.state is SheetState.SUBMITTED else review.teacher_ids
        before = _window_end(year, windows, line.semester, line.grade_level) + timedelta(days=1)
        work.append(
            HeldWork(
                f"sheet-{line.sheet_id}-{holder.act}",
                f"{_SHEET_WORDS[holder.act]} bảng điểm {line.label}",
                f"/bang-diem/{line.sheet_id}" + ("/doi-chieu" if holder.act is SheetAct.CHECK else ""),
                holder.person_ids,
                Deadline(before),
                tuple(sorted(review.order.heads - own)),
            )
        )
    return work


_SHEET_WORDS = {
    SheetAct.TYPE: "Nhập và nộp",
    SheetAct.MEND: "Sửa và nộp lại",
    SheetAct.CHECK: "Đối chiếu bài gốc",
    SheetAct.REVIEW: "Soát",
    SheetAct.NAME_REVIEWER: "Giao người soát",
    SheetAct.APPROVE: "Duyệt",
    SheetAct.LOCK: "Khoá",
}


def _homeroom_of(class_group_id: int, today: date) -> tuple[int, ...]:
    return tuple(
        db.session.scalars(
            select(m.HomeroomAssignment.person_id).where(
                m.HomeroomAssignment.class_group_id == class_group_id,
                in_force(m.HomeroomAssignment, today),
            )
        )
    )


def _class_work(year: m.SchoolYear, today: date) -> list[HeldWork]:
    unlocked = (
        select(func.count(m.ScoreSheet.id))
        .join(m.ClassSubject, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
        .where(m.ClassSubject.class_group_id == m.ClassGroup.id, m.ScoreSheet.state != SheetState.LOCKED.value)
        .correlate(m.ClassGroup)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            m.ClassGroup.id,
            m.ClassGroup.name,
            m.ClassGroup.grade_level,
            m.ClassGroup.state,
            unlocked.label("n_unlocked"),
        )
        .where(m.ClassGroup.school_year_id == year.id)
        .order_by(m.ClassGroup.name)
    ).all()
    principals = people_with(Role.PRINCIPAL, today)
    delegations = list(db.session.scalars(delegates(today)))
    waits, undecided = class_waits.of_year(year.id, today), principal_decisions.undecided(today)
    # Before semester II has opened nobody could fill what is asked for the year.
    fills = today >= _opens(year, 2)
    complete = Deadline(year.data_complete_before)
    work = []
    for row in rows:
        here, decided_on, keeper = waits[row.id], undecided.get(row.id, ()), _homeroom_of(row.id, today)
        page, key = f"/lop/{row.id}", f"class-{row.id}"
        if here.n_fields and fills:
            what = f"Ghi {here.n_fields} ô rèn luyện, chuyên cần, nhận xét lớp {row.name}"
            work.append(HeldWork(f"{key}-fields", what, page, keeper or principals, complete))
        if here.n_uncopied:
            what = f"Ghi kết quả ở trường cũ của {here.n_uncopied} học sinh lớp {row.name}"
            work.append(HeldWork(f"{key}-old-results", what, page, keeper or principals, complete))
        for (kind, holders), n in Counter((one.kind, one.holders) for one in here.asks).items():
            work.append(
                HeldWork(f"{key}-{kind}", _ASKED[kind].format(n=n, name=row.name), "/hom-nay", holders, complete)
            )
        if decided_on:
            what = f"Quyết định về {len(decided_on)} học sinh lớp {row.name}"
            work.append(HeldWork(f"{key}-decisions", what, "/hom-nay", principals, complete))
        if row.state == ClassState.OPEN.value and row.n_unlocked == 0 and not here.asks and not decided_on:
            # With a decision of somebody else missing, the homeroom teacher cannot do it.
            work.append(HeldWork(f"{key}-finalise", f"Tổng kết và chốt lớp {row.name}", page, keeper, complete))
        elif row.state == ClassState.FINALISED.value:
            work.append(
                HeldWork(
                    f"{key}-approve",
                    f"Duyệt tổng kết lớp {row.name}",
                    "/hom-nay",
                    principals + delegated(delegations, row.id, row.grade_level, but=keeper),
                    Deadline(year.sign_before(row.grade_level)),
                )
            )
    return work


_ASKED = {
    "exemption": "Quyết định {n} đề nghị về miễn học lớp {name}",
    "inherited": "Nhận kết quả ở trường cũ của {n} học sinh lớp {name}",
}


def _opens(year: m.SchoolYear, semester: int) -> date:
    """The first day of a semester's window of entry, of whatever grade."""
    first = db.session.scalar(
        select(func.min(m.SemesterWindow.opens_on)).where(
            m.SemesterWindow.school_year_id == year.id, m.SemesterWindow.semester == semester
        )
    )
    return first or year.starts_on


def _turn_work(year: m.SchoolYear, today: date) -> list[HeldWork]:
    """The turn of the year: the office's plan, the principal's approval of it, the new pupils of grade 6."""
    principals, clerks = people_with(Role.PRINCIPAL, today), people_with(Role.CLERK, today)
    return [
        HeldWork(
            f"turn-{year.id}-{one.key}",
            one.title,
            one.link,
            principals if one.decides else clerks,
            Deadline(one.before),
        )
        for one in waiting_year.turn_work(year, today)
    ]


def _transcript_work(year: m.SchoolYear, today: date) -> list[HeldWork]:
    later = due_days(year)
    found: list[_Records] = []
    for class_id, by_state in first_records_by_state(year.id).items():
        row = db.session.get(m.ClassGroup, class_id)
        assert row is not None
        found.append(
            ("records", row, row.name, by_state, max(year.sign_before(row.grade_level), later.get(class_id, date.min)))
        )
    return _of_records(found, today)


def _replacing_work(today: date) -> list[HeldWork]:
    """Records that were recalled and have to be made anew."""
    found: list[_Records] = []
    for one in replacing():
        row = db.session.get(m.ClassGroup, one.class_group_id)
        assert row is not None
        found.append(("replacing", row, replacing_name(row.name, one), one.by_state, one.before))
    return _of_records(found, today)


_Records = tuple[str, m.ClassGroup, str, dict[RecordState | None, int], date]
"""What the key begins with, the class, what it is called, how many records stand where, and the deadline."""


def _of_records(classes: list[_Records], today: date) -> list[HeldWork]:
    principals, clerks = people_with(Role.PRINCIPAL, today), people_with(Role.CLERK, today)
    work = []
    for kind, row, name, by_state, before in classes:
        class_id = row.id
        homeroom = _homeroom_of(class_id, today)
        for state, holders, words in (
            (None, homeroom or clerks, "Lập {n} học bạ lớp {name}"),
            (RecordState.CREATED, homeroom, "Ký {n} học bạ lớp {name} (giáo viên chủ nhiệm)"),
            (RecordState.HOMEROOM_SIGNED, principals, "Ký {n} học bạ lớp {name} (Hiệu trưởng)"),
            (RecordState.PRINCIPAL_SIGNED, clerks, "Đóng dấu {n} học bạ lớp {name}"),
        ):
            if by_state.get(state):
                work.append(
                    HeldWork(
                        f"{kind}-{class_id}-{state or 'build'}",
                        words.format(n=by_state[state], name=name),
                        f"/hoc-ba/lop/{class_id}",
                        holders,
                        Deadline(before),
                    )
                )
    return work


_SUMMER_WORDS = {
    summer_view.REGISTER: "Ghi đăng ký trong hè của {n} mục, lớp {name}",
    summer_view.TYPE: "Ghi {what} của {n} học sinh, lớp {name}",
    summer_view.APPROVE: "Duyệt kết quả trong hè của {n} học sinh, lớp {name}",
}


def _summer_work(today: date) -> list[HeldWork]:
    """Re-assessment and conduct training; the day of the summer's freeze is the last good one."""
    principals = people_with(Role.PRINCIPAL, today)
    delegations = list(db.session.scalars(delegates(today)))
    found = []
    late = conclusion_cases.late_enrollments()
    for row in summer_view.classes_concerned():
        homeroom = _homeroom_of(row.id, today)
        for work in summer_view.work_of(row, summer_view.cases_at_work(row)):
            if work.kind == summer_view.APPROVE:
                holders = principals + delegated(delegations, row.id, row.grade_level, but=homeroom)
            elif work.class_subject_id is not None:
                holders = _teachers_of(work.class_subject_id, today) or principals
            else:
                holders = homeroom or principals
            found.append(
                HeldWork(
                    f"summer-{row.id}-{work.kind}-{work.subject_id}",
                    _SUMMER_WORDS[work.kind].format(what=work.what, n=work.n, name=work.class_name),
                    f"/he/{row.id}",
                    holders,
                    Deadline(waiting_summer.due_before(row, late)),
                )
            )
    return found


def _teachers_of(class_subject_id: int, today: date) -> tuple[int, ...]:
    return tuple(
        db.session.scalars(
            select(m.TeachingAssignment.person_id).where(
                m.TeachingAssignment.class_subject_id == class_subject_id, in_force(m.TeachingAssignment, today)
            )
        )
    )


def _board_work(year: m.SchoolYear, today: date) -> list[HeldWork]:
    """Tasks of the Ban quản lý Học bạ số; one that nobody has, or somebody who has left, waits for whoever gives it."""
    principals = people_with(Role.PRINCIPAL, today)
    rows = db.session.scalars(
        select(m.BoardTask)
        .where(m.BoardTask.school_year_id == year.id, m.BoardTask.state == "OPEN")
        .order_by(m.BoardTask.due_on, m.BoardTask.id)
    )
    work = []
    for row in rows:
        holder = row.person if row.person is not None and not has_left(row.person, today) else None
        work.append(
            HeldWork(
                board_tasks.task_key(row.id) + ("" if holder else "-give"),
                row.title if holder else f"Giao việc “{row.title}”",
                f"/ke-hoach/#viec-{row.id}",
                (holder.id,) if holder else principals,
                Deadline(row.due_on + timedelta(days=1)),
            )
        )
    return work


_CORRECTION_WORDS = {
    CorrectionState.ASKED: "Xác nhận đề nghị sửa số {n} của {who}",
    CorrectionState.CONFIRMED: "Quyết định đề nghị sửa số {n} của {who}",
    CorrectionState.RETURNED: "Trả lời đề nghị sửa số {n} của {who} đã bị trả lại",
}


def _correction_work(today: date) -> list[HeldWork]:
    rows = db.session.scalars(
        select(m.CorrectionRequest).where(correction_access.IS_OPEN).order_by(m.CorrectionRequest.id)
    )
    work = []
    for row in rows:
        enrollment = row.enrollment
        who = f"{enrollment.student.full_name}, lớp {enrollment.class_group.name}"
        state = correction_access.standing(row, today)
        work.append(
            HeldWork(
                f"correction-{row.id}-{state}",
                _CORRECTION_WORDS[state].format(n=row.id, who=who),
                f"/sua-chua/{row.id}",
                correction_access.holders(row, today),
                Deadline(due_before(clock.local_date(row.asked_at))),
            )
        )
    return work


_CASE_WORDS = {
    CaseState.PLACE: "Quyết định nơi học của {who} sau khi kết luận đổi",
    CaseState.MOVE: "Xếp lại lớp cho {who} theo quyết định của Hiệu trưởng",
    CaseState.SUMMER: "Kiểm tra, rèn luyện muộn của {who} đã quá hạn",
}


def _conclusion_work(today: date) -> list[HeldWork]:
    """What a corrected conclusion left to do; a late summer is its teachers' work until its day has passed."""
    work = []
    for row, _place, before in conclusion_cases.unsettled(today):
        state = CaseState(row.state)
        if state is CaseState.SUMMER and today < before:
            continue
        enrollment = row.enrollment
        who = f"{enrollment.student.full_name}, lớp {enrollment.class_group.name} năm học {enrollment.class_group.school_year.label.replace('-', '–')}"
        work.append(
            HeldWork(
                f"conclusion-{row.id}-{state}",
                _CASE_WORDS[state].format(who=who),
                f"/sua-chua/ket-luan#viec-{row.id}",
                people_with(conclusion_cases.holders_role(row), today),
                Deadline(before),
            )
        )
    return work


def _recall_work(today: date) -> list[HeldWork]:
    """Steps of recalls to the authority, and papers in force that the school holds to be wrong."""
    principals, clerks = people_with(Role.PRINCIPAL, today), people_with(Role.CLERK, today)
    work = [
        HeldWork(
            f"recall-{one.work_key}",
            one.what,
            one.link,
            principals if one.role is Role.PRINCIPAL else clerks or principals,
            Deadline(one.before),
        )
        for one in recall_steps.steps()
    ]
    for wrong in overtaken_records.overtaken():
        work.append(
            HeldWork(
                f"overtaken-{wrong.record_uuid}",
                f"Học bạ đang có hiệu lực khác {wrong.against}: {wrong.who}",
                f"/thu-hoi/#sai-{wrong.record_uuid}",
                tuple(dict.fromkeys(principals + clerks)),
                Deadline(wrong.before),
            )
        )
    return work


def work_line(work: HeldWork, today: date) -> str:
    """``Ký 3 học bạ lớp 9A: còn 2 ngày (hạn cuối: hết ngày 27/05/2027)``."""
    left, last = days_left_text(work.deadline.days_left(today)), work.deadline.last_good_day
    return f"{work.what}: {left} (hạn cuối: hết ngày {last:%d/%m/%Y})"


def holder_words(work: HeldWork) -> str:
    """The names of whoever holds the work."""
    return ", ".join(_names(work.holders)) or "chưa có ai"


def _names(person_ids: tuple[int, ...]) -> list[str]:
    if not person_ids:
        return []
    return list(
        db.session.scalars(select(m.Person.full_name).where(m.Person.id.in_(person_ids)).order_by(m.Person.sort_key))
    )
