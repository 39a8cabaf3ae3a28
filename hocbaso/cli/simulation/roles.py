"""What people of the school do with a browser in the hand. Each act begins with reading the page, so that it can be begun again."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hocbaso.cli.simulation.browser import Browser, ConnectionLost, Form, Page, Refused
from hocbaso.cli.simulation.ledger import Ledger, written
from hocbaso.cli.simulation.machine import Machine
from hocbaso.cli.simulation.world import Person, World
from hocbaso.services import demo_people

T = TypeVar("T")
TRIES = 8
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fea735817d0000000049454e"
    "44ae426082"
)
"""A photograph of an exam paper, as small as they get."""


class Stuck(Exception):
    """Somebody could not do what the plan promises they can."""


class School:
    """The people at work: one browser a visit, a memory of what the server acknowledged."""

    def __init__(self, world: World, machine: Machine, ledger: Ledger, seed: int) -> None:
        self.world, self.machine, self.ledger, self.seed = world, machine, ledger, seed
        self.n_requests = self.n_lost = self.n_visits = self.n_returns = self.n_answers = 0

    @contextmanager
    def visit(self, person: Person) -> Iterator[Browser]:
        """Sign in, work, sign out."""
        browser = Browser(self.machine)
        self.n_visits += 1
        self.machine.work_begins()
        try:
            self.persist(lambda: self._sign_in(browser, person))
            yield browser
        finally:
            self.n_requests += browser.n_requests
            self.n_lost += browser.n_lost
            browser.close()

    def _sign_in(self, browser: Browser, person: Person) -> None:
        form = browser.get("/dang-nhap").form("/dang-nhap")
        if form is not None:
            browser.send(form.put(username=person.username, password=self.world.password))

    def persist(self, act: Callable[[], T]) -> T:
        """Begin an act again as long as its answer is lost or somebody was quicker. Raises the last refusal."""
        for left in reversed(range(TRIES)):
            try:
                return act()
            except ConnectionLost:
                self.machine.come_back()
            except Refused as refusal:
                if not left or refusal.page.status not in (409, 419, 503):
                    raise
        raise Stuck("Mất điện mãi, không làm xong một việc.")

    # --- teachers -----------------------------------------------------------------------------------------------------

    def own_sheets(self, browser: Browser, semester: int) -> list[int]:
        """The person's own list: sheets of the semester, as the page has them."""
        page = browser.get(f"/bang-diem/?hoc-ky={semester}")
        found = [re.match(r"/bang-diem/(\d+)", link) for link in page.links("/bang-diem/")]
        return list(dict.fromkeys(int(one[1]) for one in found if one))

    def type_sheet(self, browser: Browser, sheet_id: int, *, last: bool) -> Page:
        """Type what is empty: the regular marks, with ``last`` everything. Most by pasting a block, some cell by cell.

        Returns the page that lies open.
        """
        page = browser.get(f"/bang-diem/{sheet_id}")
        chance = random.Random(f"{self.seed}-{sheet_id}-{last}")
        grid = page.find('//*[@id="sheet"]')[0]
        kind, subject = grid.get("data-kind"), page.find("//h1")[0].text_content()
        wanted = []
        for row in page.find('//*[@id="sheet"]//tr[@data-e]'):
            enrollment = int(row.get("data-e"))
            for cell in row.xpath(".//td[@data-v]"):
                inner = cell.xpath("./input|./textarea")[0]
                key, present = inner.get("name").partition("-")[2], (inner.get("value") or inner.text or "").strip()
                owed = last and "cell--makeup" in cell.get("class")
                if (present and not owed) or (not last and not key.startswith("TX")):
                    continue
                if key == "NX":
                    if "II" not in subject or chance.random() < 0.5:
                        continue
                    text = demo_people.remark_for(chance, self._talent(enrollment).level)
                else:
                    text = self._score(chance, enrollment, key, kind)
                wanted.append((enrollment, key, text, int(cell.get("data-v"))))
        alone = wanted[:2] if chance.random() < 0.3 else []
        for enrollment, key, text, version in alone:
            browser.write_cell(page, sheet_id, (enrollment, key), text, version)
            self.ledger.wrote_cell(sheet_id, enrollment, key, text)
        block = wanted[len(alone) :]
        if block:
            self._paste(browser, page, sheet_id, block)
        return page

    def _paste(self, browser: Browser, page: Page, sheet_id: int, block: list[tuple[int, str, str, int]]) -> None:
        answer = browser.write_block(page, sheet_id, block)
        outcomes = {
            one.get("data-cell"): (one.get("data-outcome"), one.text_content())
            for one in answer.find('//*[@id="outcomes"]/li')
        }
        for enrollment, key, text, _ in block:
            outcome, reason = outcomes.get(f"{enrollment}-{key}", ("không có trả lời", ""))
            if outcome not in ("written", "same"):
                raise Stuck(f"Bảng {sheet_id}, ô {enrollment}-{key}, {text!r}: {outcome} {reason}")
            self.ledger.wrote_cell(sheet_id, enrollment, key, text)

    def _talent(self, enrollment: int) -> demo_people.Talent:
        return demo_people.talent(random.Random(f"{self.seed}-em-{enrollment}"), 56)

    def _score(self, chance: random.Random, enrollment: int, key: str, kind: str) -> str:
        if kind != "scored":
            return "Đ"
        draw = demo_people.regular_score if key.startswith("TX") else demo_people.periodic_score
        return written(draw(chance, self._talent(enrollment), 0))

    def miss_one(self, browser: Browser, sheet_id: int, text: str) -> None:
        """Note in the first empty cell that a pupil missed the assessment."""
        page = browser.get(f"/bang-diem/{sheet_id}")
        for cell in page.find('//*[@id="sheet"]//td[@data-v][input]'):
            inner = cell.xpath("./input")[0]
            if not inner.get("value"):
                enrollment, _, key = inner.get("name").partition("-")
                browser.write_cell(page, sheet_id, (int(enrollment), key), text, int(cell.get("data-v")))
                return

    def change_one(self, browser: Browser, sheet_id: int) -> None:
        """After a return: look at the note and mend one regular mark."""
        page = browser.get(f"/bang-diem/{sheet_id}")
        chance = random.Random(f"{self.seed}-sua-{sheet_id}")
        cells = page.find('//*[@id="sheet"]//td[@data-v][input]')
        if not cells or page.find('//*[@id="sheet"]')[0].get("data-kind") != "scored":
            return
        cell = chance.choice(cells)
        enrollment, _, key = cell.xpath("./input")[0].get("name").partition("-")
        text = written(max(50, demo_people.regular_score(chance, self._talent(int(enrollment)), 0)))
        browser.write_cell(page, sheet_id, (int(enrollment), key), text, int(cell.get("data-v")))
        self.ledger.wrote_cell(sheet_id, int(enrollment), key, text)

    def hand_in(self, browser: Browser, sheet_id: int, opened: Page) -> None:
        """Hand the sheet in from the page that lies open; what is asked is answered first."""
        before: Page | None = opened

        def act() -> None:
            nonlocal before
            for _ in range(40):
                page, before = before or browser.get(f"/bang-diem/{sheet_id}"), None
                form = page.form("/nop")
                if form is None:
                    return
                try:
                    browser.send(form)
                    return
                except Refused as refusal:
                    if not self._answer(browser, refusal.page):
                        raise
            raise Stuck(f"Bảng {sheet_id} hỏi mãi không hết.")

        self.persist(act)

    def _answer(self, browser: Browser, page: Page) -> bool:
        for form in page.forms(""):
            offered = form.node.xpath('.//button[@name="offered"]/@value')
            if "/cau-hoi/" in form.action and offered:
                browser.send(form.put(reason=None), button=("offered", offered[0]))
                self.n_answers += 1
                return True
        return False

    # --- heads and the principal ----------------------------------------------------------------------------------------

    def work_off(self, browser: Browser, verb: str, *, returns: int = 0, chance: random.Random | None = None) -> int:
        """Do one verb to everything on the day page, odd ones first; up to ``returns`` go back with a note. How many were done."""
        n_done = 0
        opened: Page | None = None  # an act leads back to the page, which then says what is left
        for _ in range(400):

            def act() -> int:
                nonlocal returns, opened
                page, opened = opened or browser.get("/hom-nay"), None
                forms = [
                    (form, form.values("chon"))
                    for form in page.forms("/hom-nay")
                    if form.node.xpath(f'.//button[@name="verb"][@value="{verb}"]')
                ]
                forms = [(form, ticked) for form, ticked in forms if ticked]
                if not forms:
                    return 0
                form, ticked = forms[0]
                sheets = [one for one in ticked if one.startswith("sheet-")]
                if returns and chance is not None and sheets and verb != "lock":
                    returns -= 1
                    self.n_returns += 1
                    back = chance.choice(sheets)
                    form.put(chon=back, note="Xin đối chiếu lại với sổ điểm giấy rồi nộp lại.")
                    opened = browser.send(form, button=("verb", "return"))
                    return 1
                opened = browser.send(form, button=("verb", verb))
                return len(ticked)

            n = self.persist(act)
            if not n:
                return n_done
            n_done += n
        raise Stuck(f"Trang việc hôm nay còn mãi việc {verb}.")

    # --- homeroom -------------------------------------------------------------------------------------------------------

    def keep_class(self, browser: Browser, class_id: int) -> None:
        """Fill in what is empty of conduct, absences and remarks, as one form."""

        def act() -> list[tuple[int, str, str]]:
            page = browser.get(f"/lop/{class_id}")
            form = page.form("/luu")
            assert form is not None
            said = []
            for name, value in list(form.fields):
                left, _, field = name.partition("-")
                if left.isdigit() and not value:
                    text = self._homeroom_value(int(left), field)
                    if text:
                        form.put(**{name: text})
                        said.append((int(left), field, text))
            if said:
                browser.send(form)
            return said

        for enrollment, field, text in self.persist(act):
            self.ledger.wrote_field(enrollment, field, text)

    def _homeroom_value(self, enrollment: int, field: str) -> str:
        chance = random.Random(f"{self.seed}-cn-{enrollment}-{field}")
        if field.startswith("conduct"):
            return "T" if chance.random() < 0.85 else "K"
        if field.startswith("absences"):
            return str(chance.randrange(0, 4) if "_excused" in field else chance.randrange(0, 2))
        return chance.choice(demo_people.HOMEROOM_REMARKS) if field == "remark" else ""

    def finalise(self, browser: Browser, class_id: int) -> bool:
        """Close the class's year; False while something of others is missing."""

        def act() -> bool:
            page = browser.get(f"/lop/{class_id}/danh-sach")
            forms = page.forms("/chot")
            if not forms:
                return bool(page.forms("/mo-lai")) or "đã duyệt" in page.tree.text_content().lower()
            browser.send(next((form for form in forms if form.has("giu")), forms[0]))
            return True

        return self.persist(act)

    # --- transcripts ----------------------------------------------------------------------------------------------------

    def wait_for_batch(self, browser: Browser, page: Page) -> None:
        """Stay with a batch until all of it is done; after an interruption go on with what is left."""
        place = page.path
        for _ in range(4000):
            page = browser.get(place)
            box = page.find('//*[@id="batch"]')[0]
            said = " ".join(box.text_content().split())
            rest, again = page.form("/phan-con-lai"), page.form("/tiep")
            if "Đang" not in said and rest is not None and rest.has("pin"):
                place = self._go_on(browser, rest.put(pin=self.world.pin), place)
            elif again is not None:
                place = self._go_on(browser, again, place)
            elif "Xong" in said:
                if page.find('//*[contains(@class,"job__failures")]'):
                    raise Stuck(f"Lượt {place} có học bạ hỏng: {said[:300]}")
                return
            else:
                time.sleep(0.5)
        raise Stuck(f"Lượt {place} không xong.")

    def _go_on(self, browser: Browser, form: Form, place: str) -> str:
        try:
            return browser.send(form).path
        except ConnectionLost:
            self.machine.come_back()
        except Refused:
            time.sleep(0.2)
        return place

    def batch(self, browser: Browser, step: str, grade: int | None = None, cut: float | None = None) -> bool:
        """Build, sign (principal) or seal everything that waits, of one grade level or the school. False when nothing waited."""

        def act() -> Page | None:
            page = browser.get(f"/hoc-ba/nhieu-lop?viec={step}" + (f"&khoi={grade}" if grade else ""))
            form = page.form("/lap" if step == "build" else "/ky")
            if form is None or not form.values("lop") or (step != "build" and form.values("role") != [step]):
                return None
            if step != "build":
                form.put(pin=self.world.pin)
            return browser.send(form)

        began = False
        while (page := self.persist(act)) is not None:
            if cut is not None and not began:
                self.machine.cut_soon(cut)
            self.wait_for_batch(browser, page)
            began = True
        return began

    def sign_class(self, browser: Browser, class_id: int, cut: float | None = None) -> None:
        """The homeroom teacher signs what waits."""

        def act() -> Page | None:
            form = browser.get(f"/hoc-ba/lop/{class_id}").form("/ky")
            if form is None or not form.values("chosen") or not form.has("pin"):
                return None
            return browser.send(form.put(pin=self.world.pin))

        while (page := self.persist(act)) is not None:
            if cut is not None:
                self.machine.cut_soon(cut)
                cut = None
            self.wait_for_batch(browser, page)

    # --- corrections ----------------------------------------------------------------------------------------------------

    def ask_correction(self, browser: Browser, enrollment: int, sheet_id: int, key: str, text: str) -> int | None:
        """Ask for one locked mark to be changed, with a photograph. The request's number; None where it stood there already."""

        def act() -> int | None:
            page = browser.get(f"/sua-chua/diem/{enrollment}?bang={sheet_id}")
            form = page.form(f"/sua-chua/diem/{enrollment}")
            assert form is not None
            standing = page.find(f'//*[@id="h-{sheet_id}-{key}"]//a/@href')
            if standing:
                return int(standing[0].rsplit("/", 1)[1])
            form.put(**{f"c-{sheet_id}-{key}": text, "reason": "Đối chiếu bài kiểm tra: cộng sót điểm thành phần."})
            sent = browser.send(form, files={"files": ("bai.png", "image/png", _PIXEL)})
            return int(sent.path.rstrip("/").rsplit("/", 1)[1])

        return self.persist(act)

    def decide_correction(self, browser: Browser, request: int, verb: str) -> None:
        """Confirm (``xac-nhan``) or approve (``duyet``) what the day page leads to."""

        def act() -> None:
            page = browser.get(f"/sua-chua/{request}")
            form = page.form(f"/{verb}")
            if form is None:
                return
            names = dict.fromkeys(one.get("name") for one in form.node.xpath('.//input[@type="radio"]'))
            for name in names:
                form.put(**{name: form.node.xpath(f'.//input[@name="{name}"]/@value')[0]})
            browser.send(form)

        self.persist(act)

    # --- comings and goings -----------------------------------------------------------------------------------------------

    def let_go(self, browser: Browser, student_id: int, day: str) -> None:
        """The office writes down that a pupil moves to another school."""

        def act() -> None:
            try:
                form = browser.get(f"/hoc-sinh/{student_id}/roi-truong").form("/roi-truong")
            except Refused as refusal:
                if refusal.page.status == 409:
                    return
                raise
            assert form is not None
            kinds: list[Any] = form.node.xpath('.//select[@name="kind"]/option')
            moved = next(one.get("value") for one in kinds if "chuyển" in one.text_content().lower())
            browser.send(
                form.put(
                    kind=moved,
                    happened_on=day,
                    school_name="THCS Sông Bồ, phường Hoa Lư, tỉnh Ninh Bình",
                    paper_no="12/GTN",
                    paper_on=day,
                    reason="Chuyển nơi ở theo gia đình.",
                )
            )

        self.persist(act)

    def take_in(self, browser: Browser, class_id: int, day: str) -> None:
        """The office takes a pupil in who comes after semester I."""
        values = demo_people.student_values(random.Random(f"{self.seed}-den"), 2014, 9001, set(), "Đồng Sen")

        def act() -> None:
            if browser.get(f"/hoc-sinh/lop/{class_id}").find(f'//*[contains(text(), "{values["full_name"]}")]'):
                return
            form = browser.get(f"/hoc-sinh/tiep-nhan?lop={class_id}").form("/tiep-nhan")
            assert form is not None
            form.put(
                class_group_id=str(class_id),
                happened_on=day,
                school_name="THCS Cầu Ngói, xã Kim Sơn, tỉnh Ninh Bình",
                old_class="6B",
                semester_1_done="y",
                paper_no="03/GGT",
                paper_on=day,
                reason="Theo gia đình chuyển đến.",
                full_name=values["full_name"],
                birth_on=f"{values['birth_on']:%d/%m/%Y}",
                sex=values["sex"],
                birth_place="Ninh Bình",
                ethnicity="Kinh",
                nationality="Việt Nam",
                confirmed="y",
            )
            browser.send(form)

        self.persist(act)

    def copy_old_results(self, browser: Browser, class_id: int, enrollment: int) -> None:
        """The homeroom teacher copies semester I from the old school's paper."""

        def act() -> None:
            page = browser.get(f"/lop/{class_id}/hoc-sinh/{enrollment}")
            form = page.form("/noi-chuyen-den")
            assert form is not None
            for one in form.node.xpath('.//input[starts-with(@name,"mon-")]'):
                form.put(**{one.get("name"): "7,5" if one.get("inputmode") == "decimal" else "Đ"})
            browser.send(form.put(document="Bảng tổng hợp số 5 ngày 20/01/2027"))

        self.persist(act)

    def accept_old_results(self, browser: Browser, class_id: int, enrollment: int) -> None:
        """The principal holds the copy against the paper."""

        def act() -> None:
            form = browser.get(f"/lop/{class_id}/hoc-sinh/{enrollment}").form("/nhan")
            if form is not None:
                browser.send(form, button=("outcome", "1"))

        self.persist(act)
