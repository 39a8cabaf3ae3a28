"""The script of a simulated year: who comes to work on which day, when the power goes, when the clock goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from hocbaso.cli.simulation import reminder_watch
from hocbaso.cli.simulation.ledger import written
from hocbaso.cli.simulation.machine import Machine
from hocbaso.cli.simulation.roles import School
from hocbaso.cli.simulation.world import FIRST_DAY, LAST_DAY, Person, World, at

Act = Callable[[], None]

BUSY = ((date(2027, 1, 4), date(2027, 1, 20)), (date(2027, 5, 3), LAST_DAY))
"""When the computer runs each working day. Outside it is on on Mondays and when somebody comes; otherwise it sleeps."""

AWAY = (date(2027, 1, 30), date(2027, 2, 7))
"""Tết: off for good."""

TICK_LEASE = timedelta(minutes=11)
"""After a tick that was cut off: until the next one may take its work over (``job_ledger.LEASE``)."""


class Year:
    """Days one after the other: the morning's tick, what people do, the evening's tick."""

    def __init__(
        self, world: World, machine: Machine, school: School, seed: int, n_cuts: int, say: Callable[[date], None]
    ) -> None:
        self.world, self.machine, self.school, self.say = world, machine, school, say
        self.chance = random.Random(f"{seed}-nam")
        self.clock = machine.clock
        self.reminder_faults: list[str] = []
        self.n_reminded = 0
        self.clock_faults: list[str] = []
        self._reminded_on = FIRST_DAY - timedelta(days=1)
        self._plan: dict[date, list[tuple[int, int, Act]]] = {}
        self._cuts_at_work = n_cuts
        self._tick_cuts: set[date] = set()
        self._write_script()

    # --- running --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """From the first day of school to the last."""
        for n in range((LAST_DAY - FIRST_DAY).days + 1):
            day = FIRST_DAY + timedelta(days=n)
            self.say(day)
            if self._is_on(day):
                self._live(day)
            elif AWAY[0] <= day <= AWAY[1]:
                self.machine.switch_off()
        self.machine.settle()
        self.machine.switch_off()

    def _is_on(self, day: date) -> bool:
        if AWAY[0] <= day <= AWAY[1] or day.weekday() == 6:
            return False
        return (
            day.weekday() == 0
            or day == FIRST_DAY
            or day in self._plan
            or any(first <= day <= last for first, last in BUSY)
        )

    def _live(self, day: date) -> None:
        self.clock.leap_to(at(day, 6, 45) + timedelta(minutes=self.chance.randrange(60)))
        wanted = reminder_watch.expected(self.world, day, self._reminded_on)
        self.machine.switch_on()
        self._tick(day in self._tick_cuts)
        found = reminder_watch.written(self.world, day)
        names = {one.id: one.name for one in self.world.people.values()}
        self.reminder_faults += reminder_watch.faults(wanted, found, day, names)
        self.n_reminded += len(found)
        self._reminded_on = day
        acts = self._plan.get(day, [])
        while acts:  # whoever works may give others something to do the same day
            acts.sort(key=lambda one: one[:2])
            hour, _, act = acts.pop(0)
            self._set(at(day, hour))
            act()
            self.machine.settle()
            self.machine.switch_on()
        self._set(at(day, 16, 50))
        self._tick(day + timedelta(days=1) in self._tick_cuts)

    def _set(self, when: datetime) -> None:
        if when > self.clock.now():
            self.clock.leap_to(when + timedelta(minutes=self.chance.randrange(5)))

    def _tick(self, cut: bool) -> None:
        if cut:
            self.machine.cut_soon(0.4)
        whole = self.machine.tick()
        self.machine.settle()
        while not whole or not self.machine.is_on:
            self.clock.leap_to(self.clock.now() + TICK_LEASE)
            self.machine.switch_on()
            whole = self.machine.tick()

    # --- the script -----------------------------------------------------------------------------------------------------

    def _on(self, day: date, hour: int, act: Act) -> None:
        acts = self._plan.setdefault(day, [])
        acts.append((hour, len(acts) + self.chance.randrange(1000) * 1000, act))

    def _workday(self, first: date, last: date) -> date:
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return self.chance.choice([day for day in days if day.weekday() != 6])

    def _write_script(self) -> None:
        d = date
        teachers = [
            self.world.people[one] for (one,) in self.world.rows("SELECT DISTINCT person_id FROM teaching_assignment")
        ]
        late = {one.id for one in self.chance.sample(teachers, max(1, len(teachers) // 10))}
        for one in teachers:
            for first, last, semester, whole, grades in (
                (d(2026, 10, 19), d(2026, 10, 31), 1, False, (6, 7, 8, 9)),
                (d(2027, 1, 4), d(2027, 1, 13), 1, True, (6, 7, 8, 9)),
                (d(2027, 3, 15), d(2027, 3, 27), 2, False, (6, 7, 8, 9)),
                (d(2027, 5, 3), d(2027, 5, 7), 2, True, (9,)),
                (d(2027, 5, 6), d(2027, 5, 13), 2, True, (6, 7, 8)),
            ):
                if whole and one.id in late:
                    continue  # the sweeps find them, after their reminders
                day = self._workday(first, last)
                self._on(day, 8 + self.chance.randrange(8), self._typing(one, semester, whole, grades))
        for days, semester, grades, returns in (
            ((d(2027, 1, 14), d(2027, 1, 15), d(2027, 1, 16), d(2027, 1, 18)), 1, (6, 7, 8, 9), 2),
            ((d(2027, 5, 8), d(2027, 5, 10), d(2027, 5, 11), d(2027, 5, 12)), 2, (9,), 1),
            ((d(2027, 5, 14), d(2027, 5, 15), d(2027, 5, 17), d(2027, 5, 18)), 2, (6, 7, 8, 9), 2),
        ):
            for index, day in enumerate(days):
                if index:
                    self._on(day, 8, self._catch_up(semester, grades))
                self._on(day, 11, self._reviewing(max(0, returns - index)))
                self._on(day, 14, self._approving(1 if index == 0 else 0))
        self._on(d(2027, 1, 19), 9, self._approving(0))
        self._on(d(2027, 5, 19), 9, self._approving(0))
        self._script_classes()
        self._script_papers()
        self._script_moves()
        self._on(d(2027, 3, 3), 10, self._clock_goes_wrong)
        self._script_cuts()

    def _script_classes(self) -> None:
        d = date
        for class_id, (_, grade) in self.world.classes.items():
            keeper = self.world.homeroom_of(class_id)
            first, last = (d(2027, 5, 10), d(2027, 5, 12)) if grade == 9 else (d(2027, 5, 10), d(2027, 5, 17))
            self._on(self._workday(first, last), 15, self._keeping(keeper, class_id))
            days = (d(2027, 5, 13), d(2027, 5, 14)) if grade == 9 else (d(2027, 5, 19), d(2027, 5, 20), d(2027, 5, 21))
            begins = self.chance.randrange(len(days))
            for day in days[begins:]:
                self._on(day, 10, self._finalising(keeper, class_id))
        for day in (d(2027, 5, 13), d(2027, 5, 14), d(2027, 5, 19), d(2027, 5, 20), d(2027, 5, 21)):
            self._on(day, 15, self._approving(0))

    def _script_papers(self) -> None:
        d = date
        cut = 2.0 if self._cuts_at_work >= 4 else None
        for grades, build, signing, end, correct in (
            ((9,), d(2027, 5, 15), (d(2027, 5, 15), d(2027, 5, 17)), d(2027, 5, 18), d(2027, 5, 19)),
            ((6, 7, 8), d(2027, 5, 22), (d(2027, 5, 24), d(2027, 5, 25)), d(2027, 5, 26), d(2027, 5, 27)),
        ):
            grade = 9 if grades == (9,) else None
            self._on(build, 8, self._batch(self.world.clerk, "build", grade, cut if grade else None))
            for index, (class_id, (_, level)) in enumerate(self.world.classes.items()):
                if level in grades:
                    keeper = self.world.homeroom_of(class_id)
                    self._on(self._workday(*signing), 14, self._signing(keeper, class_id, cut if index == 0 else None))
            self._on(end, 9, self._batch(self.world.principal, "principal", grade, cut))
            self._on(end, 14, self._batch(self.world.clerk, "seal", grade, cut if not grade else None))
            self._on(correct, 8, self._correcting(grades, 2, reissue=correct + timedelta(days=1)))
        self._on(d(2027, 3, 9), 8, self._correcting((6, 7, 8, 9), 1, reissue=None))

    def _script_moves(self) -> None:
        classes = sorted(self.world.classes, key=lambda one: (self.world.classes[one][1] != 7, one))
        to_class, from_class = classes[0], classes[-1]
        students = self.world.rows("SELECT student_id FROM enrollment WHERE class_group_id = ? ORDER BY id", from_class)
        if len(students) > 1:
            self._on(date(2026, 11, 20), 9, self._leaving(int(students[-1][0])))
        self._on(date(2027, 2, 8), 9, self._arriving(to_class))
        keeper = self.world.homeroom_of(to_class)
        self._on(date(2027, 2, 10), 9, lambda: self._inherited(keeper, to_class, copy=True))
        principal = self.world.people[self.world.principal]
        self._on(date(2027, 2, 11), 9, lambda: self._inherited(principal, to_class, copy=False))

    def _script_cuts(self) -> None:
        """Power cuts while people type, and while the scheduler is at work."""
        for _ in range(max(1, self._cuts_at_work // 3)):
            day = self._workday(date(2026, 10, 19), date(2026, 10, 31))
            self._on(day, 8 + self.chance.randrange(8), lambda: self.machine.cut_at_work(1.5))
            self._on(self._workday(date(2027, 5, 6), date(2027, 5, 13)), 9, lambda: self.machine.cut_at_work(1.5))
        self._tick_cuts = {
            self._workday(date(2027, 1, 11), date(2027, 1, 19)),
            self._workday(date(2027, 5, 5), date(2027, 5, 20)),
        }

    # --- acts -------------------------------------------------------------------------------------------------------------

    def _sheets(
        self, person: Person, semester: int, grades: Iterable[int], states: tuple[str, ...] = ("DRAFT", "RETURNED")
    ) -> set[int]:
        return {
            sheet
            for sheet, grade, state in self.world.rows(
                "SELECT s.id, c.grade_level, s.state FROM score_sheet s JOIN class_subject cs ON cs.id = s.class_subject_id "
                "JOIN class_group c ON c.id = cs.class_group_id JOIN teaching_assignment t ON t.class_subject_id = cs.id "
                "WHERE t.person_id = ? AND s.semester = ?",
                person.id,
                semester,
            )
            if grade in grades and state in states
        }

    def _waits(self, table: str, *states: str) -> bool:
        """Whether anything is in one of these states: nobody comes to work for nothing."""
        question = {
            "score_sheet": "SELECT DISTINCT state FROM score_sheet",
            "class_group": "SELECT DISTINCT state FROM class_group",
        }[table]
        return any(state in states for (state,) in self.world.rows(question))

    def _typing(self, person: Person, semester: int, whole: bool, grades: tuple[int, ...]) -> Act:
        def act() -> None:
            mine = self._sheets(person, semester, grades)
            if not mine:
                return
            with self.school.visit(person) as browser:
                for sheet in self.school.own_sheets(browser, semester):
                    if sheet not in mine:
                        continue
                    if not whole and self.chance.random() < 0.1:
                        self.school.miss_one(browser, sheet, "vp")
                    page = self.school.type_sheet(browser, sheet, last=whole)
                    if whole:
                        self.school.hand_in(browser, sheet, page)

        return act

    def _catch_up(self, semester: int, grades: tuple[int, ...]) -> Act:
        """Those with something left: late, or sent back."""

        def act() -> None:
            for person in list(self.world.people.values()):
                back = self._sheets(person, semester, (6, 7, 8, 9), ("RETURNED",))
                mine = self._sheets(person, semester, grades) | back
                if not mine:
                    continue
                with self.school.visit(person) as browser:
                    for sheet in self.school.own_sheets(browser, semester):
                        if sheet in mine:
                            if sheet in back:
                                self.school.change_one(browser, sheet)
                            page = self.school.type_sheet(browser, sheet, last=True)
                            self.school.hand_in(browser, sheet, page)

        return act

    def _reviewing(self, returns: int) -> Act:
        def act() -> None:
            if not self._waits("score_sheet", "SUBMITTED"):
                return
            for person in (*self.world.heads.values(), self.world.vice_principal):
                with self.school.visit(self.world.people[person]) as browser:
                    self.school.work_off(browser, "review", returns=returns, chance=self.chance)

        return act

    def _approving(self, returns: int) -> Act:
        def act() -> None:
            if not self._waits("score_sheet", "REVIEWED", "APPROVED") and not self._waits("class_group", "FINALISED"):
                return
            with self.school.visit(self.world.people[self.world.principal]) as browser:
                self.school.work_off(browser, "approve", returns=returns, chance=self.chance)
                self.school.work_off(browser, "lock")

        return act

    def _keeping(self, keeper: Person, class_id: int) -> Act:
        def act() -> None:
            with self.school.visit(keeper) as browser:
                self.school.keep_class(browser, class_id)

        return act

    def _finalising(self, keeper: Person, class_id: int) -> Act:
        def act() -> None:
            if self.world.rows("SELECT 1 FROM class_group WHERE id = ? AND state = 'OPEN'", class_id):
                with self.school.visit(keeper) as browser:
                    self.school.finalise(browser, class_id)

        return act

    def _batch(self, person: int, step: str, grade: int | None, cut: float | None) -> Act:
        def act() -> None:
            with self.school.visit(self.world.people[person]) as browser:
                self.school.batch(browser, step, grade, cut)

        return act

    def _signing(self, keeper: Person, class_id: int, cut: float | None) -> Act:
        def act() -> None:
            with self.school.visit(keeper) as browser:
                self.school.sign_class(browser, class_id, cut)

        return act

    def _correcting(self, grades: tuple[int, ...], semester: int, reissue: date | None) -> Act:
        """A teacher finds an error in a locked sheet: asked, confirmed, approved; a sealed record is issued again."""

        def act() -> None:
            found = self.world.rows(
                "SELECT s.score_sheet_id, s.enrollment_id, s.tenths, t.person_id, e.class_group_id, g.grade_level "
                "FROM score_cell s JOIN score_sheet sh ON sh.id = s.score_sheet_id "
                "JOIN class_subject c ON c.id = sh.class_subject_id JOIN class_group g ON g.id = c.class_group_id "
                "JOIN teaching_assignment t ON t.class_subject_id = c.id JOIN enrollment e ON e.id = s.enrollment_id "
                "WHERE sh.semester = ? AND s.column_key = 'CK' AND sh.state = 'LOCKED' AND e.left_on IS NULL "
                "AND s.tenths >= 10 ORDER BY s.id",
                semester,
            )
            sheet, enrollment, tenths, teacher, class_id, _ = self.chance.choice(
                [one for one in found if one[-1] in grades]
            )
            text = written(tenths + 5 if tenths <= 95 else tenths - 5)
            with self.school.visit(self.world.people[teacher]) as browser:
                request = self.school.ask_correction(browser, enrollment, sheet, "CK", text)
            assert request is not None
            day = self.clock.now().date()
            keeper, principal = self.world.homeroom_of(class_id), self.world.people[self.world.principal]
            if keeper.id != teacher:
                self._on(day, 10, lambda: self._decide(keeper, request, "xac-nhan"))

            def approve() -> None:
                self._decide(principal, request, "duyet")
                self.school.ledger.wrote_cell(sheet, enrollment, "CK", text)

            self._on(day, 15, approve)
            if reissue is not None:
                self._on(reissue, 8, self._batch(self.world.clerk, "build", None, None))
                self._on(reissue, 10, self._signing(keeper, class_id, None))
                self._on(reissue, 14, self._batch(self.world.principal, "principal", None, None))
                self._on(reissue, 15, self._batch(self.world.clerk, "seal", None, None))

        return act

    def _decide(self, person: Person, request: int, verb: str) -> None:
        with self.school.visit(person) as browser:
            self.school.decide_correction(browser, request, verb)

    def _leaving(self, student_id: int) -> Act:
        def act() -> None:
            with self.school.visit(self.world.people[self.world.clerk]) as browser:
                self.school.let_go(browser, student_id, "20/11/2026")

        return act

    def _arriving(self, class_id: int) -> Act:
        def act() -> None:
            with self.school.visit(self.world.people[self.world.clerk]) as browser:
                self.school.take_in(browser, class_id, "08/02/2027")

        return act

    def _inherited(self, person: Person, class_id: int, *, copy: bool) -> None:
        ((enrollment,),) = self.world.rows(
            "SELECT id FROM enrollment WHERE class_group_id = ? AND first_semester = 2", class_id
        )
        with self.school.visit(person) as browser:
            if copy:
                self.school.copy_old_results(browser, class_id, enrollment)
            else:
                self.school.accept_old_results(browser, class_id, enrollment)

    def _clock_goes_wrong(self) -> None:
        """A hand sets the clock forty days ahead and back: daily work has to wait, and goes on afterwards."""
        right = self.clock.now()
        before: Any = self.world.rows("SELECT count(*) FROM job_run")
        self.clock.leap_to(right + timedelta(days=40), set_wrong=True)
        self.machine.tick()
        if self.world.rows("SELECT count(*) FROM job_run") != before:
            self.clock_faults.append("đồng hồ chạy sai 40 ngày mà việc định kì vẫn chạy")
        if not self.world.rows("SELECT 1 FROM machine_state WHERE key = 'clock_alarm'"):
            self.clock_faults.append("đồng hồ chạy sai 40 ngày mà không có cảnh báo")
        self.clock.leap_to(right + timedelta(minutes=5), set_wrong=True)
        self.machine.tick()
        if self.world.rows("SELECT 1 FROM machine_state WHERE key = 'clock_alarm'"):
            self.clock_faults.append("giờ đã đúng lại mà cảnh báo còn đó")
