"""Decisions of the principal where the circular gives no automatic conclusion: each with its reason, none edited.

``promotion``: a pupil with an inclusive education plan, or fewer than six scored subjects (regulations.md R22, R23).
``learning_level``: the two readings of Art. 9.3 differ and the council has looked at it (R20), or a term has too few
scored subjects. A decision keeps the results it was made on and counts for no others: when they change, it is asked again.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.terms import Level, Promotion
from hocbaso.services import audit, results, summer_cases
from hocbaso.services.access import Actor, class_for, roles_reaching
from hocbaso.services.evaluation import TERMS, basis_for
from hocbaso.services.score_grid import ACTIVE

TERM_WORDS = {"1": "học kì I", "2": "học kì II", "year": "cả năm", "redo": "sau kiểm tra, đánh giá lại"}


def promotion_outcomes(grade_level: int) -> tuple[Promotion, ...]:
    """What the principal may conclude in a grade level."""
    done = Promotion.COMPLETED if grade_level == 9 else Promotion.PROMOTED
    return done, Promotion.REASSESS, Promotion.SUMMER_TRAINING, Promotion.RETAINED


_AFTER_SUMMER = {("learning_level", "redo"), ("promotion", "year")}


def summer_case(class_group: m.ClassGroup, enrollment_id: int) -> summer_cases.Case | None:
    """The pupil on the summer's list: what is decided then rests on the results of the summer, typed and not approved yet."""
    cases = summer_cases.cases_of(class_group)
    return next((case for case in cases if case.enrollment_id == enrollment_id), None)


def seal(basis: str | None) -> str:
    """What a form carries of the results its reader saw (hex)."""
    return hashlib.sha256((basis or "").encode()).hexdigest()[:32]


def record_decision(
    actor: Actor,
    enrollment_id: int,
    kind: str,
    outcome: str,
    reason: str,
    *,
    now: datetime,
    term: str = "year",
    document: str | None = None,
    seen: str | None = None,
) -> int:
    """Record a decision; the id of its row. The newest of a kind and term is in force, the older ones stay.

    ``seen``: :func:`seal` of the results that were on the screen; a decision about others is refused (Stale). Raises
    NotFound, NotAllowed, WrongState (class approved; or the rule itself concludes, so that there is nothing to decide),
    Invalid (outcome, reason).
    """
    words = " ".join(unicodedata.normalize("NFC", reason or "").split())
    paper = " ".join(unicodedata.normalize("NFC", document or "").split()) or None
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
        if enrollment is None:
            raise NotFound("Không có học sinh này.")
        class_group = class_for(actor, enrollment.class_group_id, Permission.CLASS_READ)
        may = actor.is_system or (
            actor.may(Permission.DECISION_RECORD) and Role.PRINCIPAL in roles_reaching(actor, class_group)
        )
        if not may:
            raise NotAllowed("Quyết định này của Hiệu trưởng.")
        session.refresh(class_group)
        case = summer_case(class_group, enrollment_id)
        if class_group.state == ClassState.APPROVED.value and (
            case is None or not case.is_ready or (kind, term) not in _AFTER_SUMMER
        ):
            raise WrongState("Lớp đã được duyệt, kết quả đã đóng băng nên không đổi được nữa.")
        if enrollment.status not in ACTIVE:
            raise WrongState("Học sinh không còn học ở lớp này.")
        if not words:
            raise Invalid("Xin ghi căn cứ của quyết định.", field="reason")
        if len(words) > 1000 or (paper and len(paper) > 200):
            raise Invalid("Căn cứ nhiều nhất 1000 chữ, số văn bản nhiều nhất 200 chữ.", field="reason")
        computed = results.compute_class(class_group.id, clock.local_date(now))
        row = computed.by_id[enrollment_id] if case is None else summer_cases.foreseen(computed, case).row
        standing = row.given.decision(kind, term)
        if kind == "promotion":
            if case is not None and outcome in {one.value for one in SUMMER_ROUTES}:
                raise Invalid(
                    "Kì nghỉ hè đã qua: chỉ còn được lên lớp, hoàn thành hoặc không được lên lớp.", field="outcome"
                )
            if term != "year" or outcome not in {one.value for one in promotion_outcomes(class_group.grade_level)}:
                raise Invalid("Kết luận không hợp lệ.", field="outcome")
            if not row.result.may_decide:
                raise WrongState("Thông tư đã cho kết luận với học sinh này nên không cần quyết định riêng.")
        elif kind == "learning_level":
            if term not in TERMS or outcome not in {level.value for level in Level}:
                raise Invalid("Mức học tập không hợp lệ.", field="outcome")
            at = TERMS.index(term)
            if not row.result.review_levels[at]:
                raise WrongState("Học tập của học sinh này không thuộc trường hợp cần Hội đồng xem xét.")
            allowed = row.result.review_levels[at]
            if outcome not in allowed:
                raise Invalid("Hội đồng chỉ chọn giữa giữ nguyên mức và nâng lên mức liền kề.", field="outcome")
        else:
            raise Invalid("Loại quyết định không hợp lệ.", field="kind")
        basis = basis_for(row.result, kind, term)
        if seen is not None and seen != seal(basis):
            raise Stale(
                f"Kết quả của {row.given.full_name} đã thay đổi sau khi thầy, cô mở trang. Xin xem lại rồi quyết định; "
                "chưa ghi gì."
            )
        decision = m.PrincipalDecision(
            enrollment_id=enrollment_id,
            kind=kind,
            term=term,
            outcome=outcome,
            reason=words,
            document=paper,
            basis=basis,
            decided_by=actor.account_id,
            decided_at=now,
        )
        session.add(decision)
        session.flush()
        audit.record(
            AuditTag.DECISION_RECORDED,
            actor,
            now,
            target_kind="principal_decision",
            target_id=decision.id,
            state=audit.states("principal_decision", [decision]),
            before={"outcome": standing.outcome} if standing else None,
            note=words,
            facts={
                "student": row.given.full_name,
                "class": class_group.name,
                "kind": kind,
                "term": term,
                "document": paper,
            },
        )
        return decision.id


def decisions_of(enrollment_id: int) -> list[m.PrincipalDecision]:
    """Every decision about a student of a class, oldest first. Not scoped: callers check the actor."""
    return list(
        db.session.query(m.PrincipalDecision).filter_by(enrollment_id=enrollment_id).order_by(m.PrincipalDecision.id)
    )
