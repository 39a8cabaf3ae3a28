"""Who holds a class up at its earliest unfinished step, and since when, as the board says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import case, func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import class_waits, principal_decisions, sheet_hands, sheet_holders
from hocbaso.services.class_waits import ClassWaits
from hocbaso.services.in_force import delegates, in_force, people_with
from hocbaso.services.principal_decisions import Undecided
from hocbaso.services.progress import SheetLine
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.sheet_holders import SheetAct, SheetHolder

NO_PRINCIPAL, NO_KEEPER, NO_CLERK = "Hiệu trưởng", "chưa có giáo viên chủ nhiệm", "văn thư"

_ACTS = {
    SheetAct.CHECK: "đối chiếu bài gốc",
    SheetAct.REVIEW: "soát",
    SheetAct.NAME_REVIEWER: "giao người soát",
    SheetAct.APPROVE: "duyệt",
    SheetAct.LOCK: "khoá",
}
_TURNS = {"heads": " (tổ trưởng)", "deputies": " (Phó Hiệu trưởng)"}
_OPEN_STATES = (
    (SheetState.DRAFT, SheetState.RETURNED),
    (SheetState.SUBMITTED,),
    (SheetState.REVIEWED,),
    (SheetState.APPROVED,),
)


def address(full_name: str, sex: str | None) -> str:
    """``cô Yến``, ``thầy Phát``: as the staff room speaks of a person."""
    return f"{'cô' if sex == 'Nữ' else 'thầy' if sex == 'Nam' else 'thầy, cô'} {full_name.rpartition(' ')[2]}"


def since_of(line: SheetLine) -> date:
    """Since when a sheet stands with its holder; nobody could type before its window opened."""
    return max(clock.local_date(line.state_at), line.opens_on)


@dataclass(frozen=True, slots=True)
class Ready:
    """Records of a class. Since when the oldest waits for each signature (None: none waits), and when the last was sealed or recalled."""

    homeroom: date | None = None
    principal: date | None = None
    seal: date | None = None
    sealed: date | None = None
    recalled: date | None = None
    n_built: int = 0


@dataclass(frozen=True, slots=True)
class SchoolNow:
    """What is read once for all classes. Person ids to names; sheet ids to their holders; class ids to what waits there."""

    called: Mapping[int, str]
    keepers: Mapping[int, int]
    principals: tuple[int, ...]
    clerks: tuple[int, ...]
    delegations: Sequence[m.RoleGrant]
    sheets: Mapping[int, SheetHolder]
    waits: Mapping[int, ClassWaits]
    undecided: Mapping[int, tuple[Undecided, ...]]
    moved: Mapping[int, datetime]
    ready: Mapping[int, Ready]

    def names(self, person_ids: Iterable[int]) -> str:
        """``cô Yến hoặc thầy Bình``: any one of them does it. "" for nobody."""
        return " hoặc ".join(dict.fromkeys(self.called[one] for one in person_ids))

    @property
    def principal(self) -> str:
        """The principal of today, as the staff room speaks of them."""
        return self.names(self.principals[-1:]) or NO_PRINCIPAL

    @property
    def clerk(self) -> str:
        """Who seals."""
        return f"{self.names(self.clerks)} (văn thư)" if self.clerks else NO_CLERK

    def keeper(self, class_group_id: int) -> str:
        """The homeroom teacher."""
        return self.names([self.keepers[class_group_id]]) if class_group_id in self.keepers else NO_KEEPER

    def who(self, holder: SheetHolder) -> str:
        """The holder of a sheet with the office in which they hold it: ``cô Mận (tổ trưởng)``."""
        names = self.names(holder.person_ids) or self.principal
        return names + _TURNS.get(holder.turn, "")

    def approvers(self, row: m.ClassGroup) -> str:
        """Who approves a class: the principal, or a delegate who does not keep it."""
        others = sheet_holders.delegated(
            self.delegations, row.id, row.grade_level, but=[self.keepers[row.id]] if row.id in self.keepers else []
        )
        return self.names((*self.principals[-1:], *others)) or NO_PRINCIPAL

    def waits_since(self, class_group_id: int) -> tuple[date | None, ...]:
        """Since when records of a class wait: to be built, for the homeroom teacher, for the principal, for the seal."""
        ready, approved = self.ready.get(class_group_id, Ready()), self.moved.get(class_group_id)
        to_build = clock.local_date(approved) if approved else None
        if ready.recalled is not None and (to_build is None or ready.recalled > to_build):
            to_build = ready.recalled
        return to_build, ready.homeroom, ready.principal, ready.seal


def read(year_id: int, lines: Sequence[SheetLine], today: date) -> SchoolNow:
    """Everything of today for the classes of a year; ``lines``: their sheets that have opened."""
    above = [line for line in lines if line.state in (SheetState.SUBMITTED, SheetState.REVIEWED)]
    people = db.session.execute(select(m.Person.id, m.Person.full_name, m.Person.sex))
    keepers = db.session.execute(
        select(m.HomeroomAssignment.class_group_id, m.HomeroomAssignment.person_id)
        .where(in_force(m.HomeroomAssignment, today))
        .order_by(m.HomeroomAssignment.id)
    )
    moved = db.session.execute(
        select(m.ClassStep.class_group_id, func.max(m.ClassStep.at)).group_by(m.ClassStep.class_group_id)
    )
    return SchoolNow(
        {row.id: address(row.full_name, row.sex) for row in people},
        dict(keepers.all()),
        people_with(Role.PRINCIPAL, today),
        people_with(Role.CLERK, today),
        list(db.session.scalars(delegates(today))),
        sheet_holders.holders_of(lines, sheet_hands.reviews_of(above, today), today),
        class_waits.of_year(year_id, today),
        principal_decisions.undecided(today),
        dict(moved.all()),
        _ready(year_id),
    )


def _ready(year_id: int) -> dict[int, Ready]:
    state = m.TranscriptRecord.state
    before = case(
        (state == RecordState.HOMEROOM_SIGNED.value, "homeroom"),
        (state == RecordState.PRINCIPAL_SIGNED.value, "principal"),
        else_="seal",
    )
    at = func.coalesce(m.TranscriptSignature.signed_at, m.TranscriptRecord.built_at)
    found: dict[int, Ready] = {}
    for row in db.session.execute(
        select(
            m.Enrollment.class_group_id,
            state.label("state"),
            func.min(at).label("first"),
            func.max(at).label("last"),
            func.max(m.TranscriptRecord.recalled_at).label("recalled"),
            func.count().label("n"),
        )
        .select_from(m.TranscriptRecord)
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .outerjoin(
            m.TranscriptSignature,
            (m.TranscriptSignature.transcript_record_id == m.TranscriptRecord.id)
            & (m.TranscriptSignature.role == before),
        )
        .where(m.ClassGroup.school_year_id == year_id, m.Enrollment.status.in_(ACTIVE))
        .group_by(m.Enrollment.class_group_id, state)
    ):
        one = found.get(row.class_group_id, Ready())
        first = clock.local_date(row.first)
        match row.state:
            case RecordState.RECALLED.value:
                found[row.class_group_id] = replace(one, recalled=clock.local_date(row.recalled or row.last))
                continue
            case RecordState.CREATED.value:
                one = replace(one, homeroom=first)
            case RecordState.HOMEROOM_SIGNED.value:
                one = replace(one, principal=first)
            case RecordState.PRINCIPAL_SIGNED.value:
                one = replace(one, seal=first)
            case _:
                last = clock.local_date(row.last)
                one = replace(one, sealed=max(one.sealed or last, last))
        found[row.class_group_id] = replace(one, n_built=one.n_built + row.n)
    return found


def holder_of(
    now: SchoolNow,
    row: m.ClassGroup,
    lines: Sequence[SheetLine],
    signing: Sequence[tuple[int, int]],
    opens: date | None = None,
) -> tuple[str, date | None]:
    """Who holds the class, in words, and since when. ``signing``: (signed, of all) of each of the three signing steps; ``opens``: when
    the next of its sheets opens that has not yet."""
    state = ClassState(row.state)
    if state is ClassState.OPEN:
        for states in _OPEN_STATES:
            if held := [line for line in lines if line.state in states]:
                return _typing(now, held) if states is _OPEN_STATES[0] else _above(now, held)
        return _summing(now, row, lines, opens)
    moved = now.moved.get(row.id)
    day = clock.local_date(moved) if moved else None
    if state is ClassState.FINALISED:
        return f"{now.approvers(row)}, duyệt tổng kết", day
    to_build, *waits = now.waits_since(row.id)
    n_built = now.ready.get(row.id, Ready()).n_built
    doers = ((now.keeper(row.id), "ký"), (now.principal, "ký"), (now.clerk, "đóng dấu"))
    for (n_done, n_total), (who, act), since in zip(signing, doers, waits, strict=True):
        if not n_total or n_done < n_total:
            # What is not built yet waits since the class was approved, or the last one was recalled: for the homeroom
            # teacher, who is first in line.
            n_unbuilt = max(0, n_total - n_built)
            days = [one for one in (since, to_build if n_unbuilt else None) if one is not None]
            acts = [f"{verb} {n} bản" for verb, n in (("lập", n_unbuilt), (act, n_total - n_done - n_unbuilt)) if n]
            return ", ".join((who, *acts)), min(days, default=day)
    return "đã phát hành", now.ready.get(row.id, Ready()).sealed or day


def _typing(now: SchoolNow, held: Sequence[SheetLine]) -> tuple[str, date]:
    by_teacher: dict[int, list[SheetLine]] = {}
    for line in held:
        for person_id in sorted(line.teacher_ids) or (0,):
            by_teacher.setdefault(person_id, []).append(line)
    person_id, most = max(by_teacher.items(), key=lambda pair: len(pair[1]))
    name = now.called[person_id] if person_id else "chưa phân công"
    others = f", và {len(by_teacher) - 1} người nữa" if len(by_teacher) > 1 else ""
    return f"{name}, {len(most)} bảng điểm{others}", min(since_of(line) for line in most)


def _above(now: SchoolNow, held: Sequence[SheetLine]) -> tuple[str, date]:
    """Of sheets that wait for somebody above their teachers: whoever holds most of them, with the day of the oldest of those."""
    of = Counter(now.sheets[line.sheet_id] for line in held)
    holder, n = of.most_common(1)[0]
    n_others = len({one.person_ids for one in of}) - 1
    others = f", và {n_others} người nữa" if n_others else ""
    since = min(since_of(line) for line in held if now.sheets[line.sheet_id] == holder)
    return f"{now.who(holder)}, {_ACTS[holder.act]} {n} bảng điểm{others}", since


def _summing(
    now: SchoolNow, row: m.ClassGroup, lines: Sequence[SheetLine], opens: date | None
) -> tuple[str, date | None]:
    """Every sheet that has opened is locked: nobody until the next opens; else the homeroom teacher, unless nothing but decisions of
    others is missing."""
    moved = now.moved.get(row.id)
    days = [*(clock.local_date(line.state_at) for line in lines), *([clock.local_date(moved)] if moved else [])]
    since = max(days, default=None)
    waits, undecided = now.waits.get(row.id, ClassWaits()), now.undecided.get(row.id, ())
    n = len(waits.asks) + len(undecided)
    if opens is not None and not n:
        return f"chưa tới ngày nhập điểm {opens:%d/%m/%Y}", None
    if opens is None and (not n or waits.n_fields or waits.n_uncopied):
        return f"{now.keeper(row.id)}, tổng kết lớp", since
    asked = [clock.local_date(one.at) for one in waits.asks]
    return f"{deciders_words(now, waits.asks, bool(undecided))}, quyết định {n} việc", min(asked, default=since)


def deciders_words(now: SchoolNow, asks: Collection[class_waits.Ask], by_principal: bool) -> str:
    """Who decides: the deciders of these proposals, and the principal where ``by_principal``."""
    found = list(dict.fromkeys(now.names(one.holders) for one in asks if one.holders))
    if by_principal or not found:
        found = list(dict.fromkeys([now.principal, *found]))
    return ", ".join(found)
