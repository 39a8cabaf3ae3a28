"""What keeps a class open beside its sheets, by who holds it: empty fields of its homeroom teacher, proposals that wait for a decision.

Counts in a few statements for the whole school; the words for one class are ``services/class_gaps``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import case, exists, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import HERE
from hocbaso.regulations.exemption_flow import RevocationState
from hocbaso.services import deciders
from hocbaso.services.deciders import Proposal
from hocbaso.services.homeroom import REQUIRED
from hocbaso.services.score_grid import ACTIVE


@dataclass(frozen=True, slots=True)
class Ask:
    """Something proposed that waits. ``kind``: ``exemption`` (to grant or to take back) or ``inherited``; ``holders``: person ids."""

    kind: str
    enrollment_id: int
    at: datetime
    holders: tuple[int, ...]


@dataclass(slots=True)
class ClassWaits:
    """Of one class. ``n_fields``: required fields that are empty; ``n_uncopied``: pupils whose semester I elsewhere nobody copied yet."""

    n_fields: int = 0
    n_uncopied: int = 0
    asks: list[Ask] = field(default_factory=list)

    def asked(self, kind: str) -> list[Ask]:
        """The proposals of a kind."""
        return [one for one in self.asks if one.kind == kind]


def of_year(year_id: int, today: date) -> dict[int, ClassWaits]:
    """Class id -> what waits, of every class of a year; fields and copies only of classes that are open."""
    found = {
        class_id: ClassWaits()
        for class_id in db.session.scalars(select(m.ClassGroup.id).where(m.ClassGroup.school_year_id == year_id))
    }
    for class_id, n in db.session.execute(_fields(year_id)):
        found[class_id].n_fields = n
    for class_id, n in db.session.execute(_uncopied(year_id)):
        found[class_id].n_uncopied = n
    for class_id, ask in _asks(year_id, today):
        found[class_id].asks.append(ask)
    return found


def _fields(year_id: int):  # type: ignore[no-untyped-def]
    columns = [getattr(m.HomeroomRecord, name) for name in REQUIRED]
    empty = [
        case((or_(column.is_(None), column == "") if column.key == "remark" else column.is_(None), 1), else_=0)
        for column in columns
    ]
    return (
        select(m.Enrollment.class_group_id, func.sum(sum(empty[1:], empty[0])))
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .outerjoin(m.HomeroomRecord, m.HomeroomRecord.enrollment_id == m.Enrollment.id)
        .where(
            m.ClassGroup.school_year_id == year_id,
            m.ClassGroup.state == ClassState.OPEN.value,
            m.Enrollment.status.in_(ACTIVE),
        )
        .group_by(m.Enrollment.class_group_id)
    )


def _uncopied(year_id: int):  # type: ignore[no-untyped-def]
    """Pupils who came after semester I, with a subject that is neither copied and accepted nor exempt, and with no copy that waits."""
    copied = exists().where(
        m.InheritedResult.enrollment_id == m.Enrollment.id,
        m.InheritedResult.subject_id == m.ClassSubject.subject_id,
        m.InheritedResult.state == "ACCEPTED",
    )
    exempt = exists().where(
        m.Exemption.enrollment_id == m.Enrollment.id,
        m.Exemption.subject_id == m.ClassSubject.subject_id,
        m.Exemption.state == "GRANTED",
        or_(m.Exemption.semester.is_(None), m.Exemption.semester == 1),
    )
    awaited = exists().where(m.InheritedResult.enrollment_id == m.Enrollment.id, m.InheritedResult.state == "PROPOSED")
    return (
        select(m.Enrollment.class_group_id, func.count(m.Enrollment.id.distinct()))
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.ClassSubject, m.ClassSubject.class_group_id == m.ClassGroup.id)
        .where(
            m.ClassGroup.school_year_id == year_id,
            m.ClassGroup.state == ClassState.OPEN.value,
            m.Enrollment.status.in_(ACTIVE),
            m.Enrollment.first_semester > 1,
            ~copied,
            ~exempt,
            ~awaited,
        )
        .group_by(m.Enrollment.class_group_id)
    )


def _asks(year_id: int, today: date) -> list[tuple[int, Ask]]:
    """The same rows as ``exemptions.waiting``, ``exemption_revocations.waiting`` and ``inherited_results.waiting``, for whoever decides them."""
    of_year = m.ClassGroup.school_year_id == year_id
    found = []
    # A homeroom teacher proposes many things on a day, and the same people decide them all.
    known: dict[tuple[int, int | None, date], tuple[int, ...]] = {}
    for kind, model, *where in (
        ("exemption", m.Exemption, m.Exemption.state == "PROPOSED", m.Enrollment.status.in_(ACTIVE)),
        (
            "exemption",
            m.ExemptionRevocation,
            m.ExemptionRevocation.state == RevocationState.PROPOSED.value,
            m.Enrollment.status.in_(ACTIVE),
        ),
        (
            "inherited",
            m.InheritedResult,
            m.InheritedResult.state == "PROPOSED",
            m.ClassGroup.state == ClassState.OPEN.value,
            m.Enrollment.status.in_(sorted(HERE)),
        ),
    ):
        who = m.Enrollment.id.label("enrollment_id")
        columns = (m.Enrollment.class_group_id, who, model.proposed_at, model.proposed_by)
        # A copy of an old school's results is a row a subject and one proposal.
        rows = select(*columns, *([] if kind == "inherited" else [model.id.label("own_id")])).select_from(model)
        for row in db.session.execute(
            rows.distinct()
            .join(m.Enrollment, m.Enrollment.id == model.enrollment_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .where(of_year, *where)
            .order_by(model.proposed_at, who)
        ).all():
            key = row.class_group_id, row.proposed_by, clock.local_date(row.proposed_at)
            if key not in known:
                class_group = db.session.get_one(m.ClassGroup, row.class_group_id)
                known[key] = deciders.holders(Proposal(class_group, row.proposed_by, row.proposed_at), today)
            found.append((row.class_group_id, Ask(kind, row.enrollment_id, row.proposed_at, known[key])))
    return found
