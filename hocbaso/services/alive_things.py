"""What "sống" counts beside the profiles: questions that wait for an answer, and accounts that nobody uses.

Figures go to all who follow progress. Pupils' names go to who reads the pupils of the class, names of idle accounts to who keeps staff or accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations import data_quality as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.enrollment_flow import HERE
from hocbaso.regulations.help_flow import HelpState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.recall_flow import RecallState
from hocbaso.services import conclusion_cases, correction_access
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.in_force import has_left


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Something that somebody asked for and nobody has answered. ``class_group_id`` None: of no class of an open year.

    ``before``: the answer is late from that day on. ``needs``: what one has to be allowed to read to hear whose it is, None for everybody who
    keeps the list.
    """

    what: str
    who: str
    link: str
    class_group_id: int | None
    since: date
    before: date
    needs: Permission | None = Permission.STUDENT_READ

    def is_late(self, today: date) -> bool:
        """Whether its answer is late."""
        return today >= self.before


@dataclass(frozen=True, slots=True)
class IdleAccount:
    """An account of somebody at work that lies idle. ``last_used_on`` None: never; ``n_months``: whole months since, or since it was opened."""

    account_id: int
    full_name: str
    username: str
    created_on: date
    last_used_on: date | None
    n_months: int


@dataclass(frozen=True, slots=True)
class AliveLists:
    """The page. ``idle`` None where this person does not hear names of accounts."""

    today: date
    unanswered: tuple[Unanswered, ...]
    n_unanswered: int
    n_late: int
    n_hidden: int
    """Unanswered things whose names are not for this person."""
    idle: tuple[IdleAccount, ...] | None
    n_idle: int
    n_accounts: int


def unanswered(today: date) -> tuple[Unanswered, ...]:
    """Everything asked and not answered, the oldest first. Not scoped: callers count, or ask :func:`may_hear`."""
    found = [*_corrections(), *_conclusions(today), *_proposals(), *_recalls(), *_questions()]
    return tuple(sorted(found, key=lambda one: (one.before, one.since, one.link)))


def may_hear(actor: Actor, one: Unanswered) -> bool:
    """Whether this person may hear whose matter it is."""
    if one.needs is None:
        return actor.may(Permission.ACCOUNT_MANAGE) or actor.may(Permission.STAFF_READ)
    return one.class_group_id is not None and reaches_class(actor, one.class_group_id, one.needs)


def lists(actor: Actor, now: datetime) -> AliveLists:
    """What waits and what lies idle, as far as this person hears of it. Raises NotAllowed for who neither follows progress nor keeps accounts."""
    if not actor.may(Permission.ACCOUNT_MANAGE):
        actor.require(Permission.PROGRESS_READ)
    today = clock.local_date(now)
    asked = unanswered(today)
    told = tuple(one for one in asked if may_hear(actor, one))
    names = actor.may(Permission.ACCOUNT_MANAGE) or actor.may(Permission.STAFF_READ)
    n_accounts, idle = idle_accounts(today)
    return AliveLists(
        today,
        told,
        len(asked),
        sum(one.is_late(today) for one in asked),
        len(asked) - len(told),
        idle if names else None,
        len(idle),
        n_accounts,
    )


def idle_accounts(today: date) -> tuple[int, tuple[IdleAccount, ...]]:
    """(accounts of people at work, those that lie idle, the longest first). Not scoped."""
    last = {
        row[0]: row[1]
        for row in db.session.execute(
            select(m.UserSession.account_id, func.max(m.UserSession.last_seen_at)).group_by(m.UserSession.account_id)
        )
    }
    signed_in = {
        row[0]: row[1]
        for row in db.session.execute(
            select(m.AuditEntry.actor_id, func.max(m.AuditEntry.at))
            .where(m.AuditEntry.tag == AuditTag.SIGNED_IN.value)
            .group_by(m.AuditEntry.actor_id)
        )
    }
    n_accounts, idle = 0, []
    for account, person in db.session.execute(
        select(m.Account, m.Person).join(m.Person).where(m.Account.disabled_at.is_(None))
    ):
        if has_left(person, today):
            continue
        n_accounts += 1
        used = [clock.local_date(last[account.id])] if last.get(account.id) else []
        if signed_in.get(account.id):  # sessions are forgotten after a month, the log is not
            used.append(clock.local_date(datetime.fromisoformat(signed_in[account.id])))
        created_on, used_on = clock.local_date(account.created_at), max(used, default=None)
        if rules.is_idle(created_on, used_on, today):
            months = rules.whole_months(used_on or created_on, today)
            idle.append(IdleAccount(account.id, person.full_name, account.username, created_on, used_on, months))
    return n_accounts, tuple(
        sorted(idle, key=lambda one: (-one.n_months, one.last_used_on or one.created_on, one.account_id))
    )


# --- what waits, by kind --------------------------------------------------------------------------------------------------


def _pupil(enrollment: m.Enrollment) -> tuple[str, int]:
    return f"{enrollment.student.full_name}, lớp {enrollment.class_group.name}", enrollment.class_group_id


def _corrections() -> Iterator[Unanswered]:
    for row in db.session.scalars(select(m.CorrectionRequest).where(correction_access.IS_OPEN)):
        who, class_group_id = _pupil(row.enrollment)
        asked_on = clock.local_date(row.asked_at)
        yield Unanswered(
            f"Đề nghị sửa số {row.id}", who, f"/sua-chua/{row.id}", class_group_id, asked_on, due_before(asked_on)
        )


def _conclusions(today: date) -> Iterator[Unanswered]:
    for row, place, before in conclusion_cases.unsettled(today):
        who, of_year = _pupil(row.enrollment)
        yield Unanswered(
            "Kết luận năm trước đổi, chưa xếp xong chỗ học hoặc kết quả muộn",
            who,
            f"/sua-chua/ket-luan#viec-{row.id}",
            place.class_group_id if place is not None else of_year,
            clock.local_date(row.since_at),
            before,
        )


def _proposals() -> Iterator[Unanswered]:
    """What the homeroom teacher proposed of a pupil and nobody decided."""
    kinds: tuple[tuple[Any, str], ...] = (
        (m.Exemption, "Đề nghị miễn học"),
        (m.ExemptionRevocation, "Đề nghị thu hồi miễn học"),
        (m.InheritedResult, "Kết quả nơi chuyển đến chờ chấp nhận"),
    )
    for model, what in kinds:
        seen: set[int] = set()
        waiting = (
            select(model)
            .join(m.Enrollment, m.Enrollment.id == model.enrollment_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
            # Of who is there no more nobody is asked, and nobody could answer.
            .where(model.state == "PROPOSED", m.Enrollment.status.in_(sorted(HERE)), m.SchoolYear.state == "OPEN")
            .order_by(model.proposed_at)
        )
        for row in db.session.scalars(waiting):
            if row.enrollment_id in seen and model is m.InheritedResult:
                continue  # a table of the old school is one thing to answer, however many subjects stand in it
            seen.add(row.enrollment_id)
            who, class_group_id = _pupil(db.session.get_one(m.Enrollment, row.enrollment_id))
            link = f"/lop/{class_group_id}/hoc-sinh/{row.enrollment_id}"
            asked_on = clock.local_date(row.proposed_at)
            yield Unanswered(what, who, link, class_group_id, asked_on, due_before(asked_on))


def _recalls() -> Iterator[Unanswered]:
    for row in db.session.scalars(select(m.RecallRequest).where(m.RecallRequest.state == RecallState.ASKED.value)):
        who, class_group_id = _pupil(row.record.enrollment)
        asked_on = clock.local_date(row.asked_at)
        yield Unanswered("Đề nghị thu hồi học bạ", who, "/thu-hoi/", class_group_id, asked_on, due_before(asked_on))


def _questions() -> Iterator[Unanswered]:
    for row in db.session.scalars(select(m.HelpRequest).where(m.HelpRequest.state == HelpState.OPEN.value)):
        name = db.session.scalar(
            select(m.Person.full_name)
            .join(m.Account, m.Account.person_id == m.Person.id)
            .where(m.Account.id == row.asked_by)
        )
        moved_on = clock.local_date(row.moved_at)
        yield Unanswered(
            "Yêu cầu hỗ trợ chưa trả lời", name or "", "/ho-tro/", None, moved_on, due_before(moved_on), None
        )
