"""Frozen results: written when a class is approved, read for the transcript, hashed again each time.

A frozen result holds everything that the transcript prints and what it was computed from; a transcript never reads a
live sheet (house.md, Data at rest). Its text is canonical JSON, described in :func:`frozen_content`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.terms import Award, Level, Promotion
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.evaluation import EXEMPT, decision_counts
from hocbaso.services.results import ClassResults, StudentResult

FORMAT = "frozen-result-1"
EXEMPT_WORD = EXEMPT
"""What stands in place of a result that a decision took away."""

AWARD_WORDS = {Award.EXCELLENT_STUDENT: "Học sinh Xuất sắc", Award.GOOD_STUDENT: "Học sinh Giỏi"}
"""Titles as the form writes them (Art. 15.1a)."""

_entry = m.AuditEntry.__table__


def award_lines(row: StudentResult) -> list[str]:
    """The titles of the year (Art. 15), and what the homeroom teacher wrote besides, a text a line."""
    titles = [AWARD_WORDS[Award(row.result.award)]] if row.result.award else []
    return titles + [text for text in (row.given.homeroom["award_extra"] or "").splitlines() if text.strip()]


def frozen_content(
    computed: ClassResults,
    row: StudentResult,
    *,
    freeze: str,
    principal_remark: str | None,
    approved_by: str,
    approved_at: datetime,
) -> dict[str, Any]:
    """Everything that a transcript prints about a year, and what it was computed from; only str, int, bool, None.

    ``subjects``: in the form's order; results ``"8.5"``, ``"Đ"``, ``"CĐ"``, ``"Miễn"`` or None; ``marks``: per semester
    column -> [value, origin]; ``inherited``: the old school's result of semester I. ``conduct`` and ``learning``:
    ``semester_1``, ``semester_2``, ``year``, ``after`` (levels); learning also ``*_adjusted`` (Art. 9.3) and ``*_review``.
    ``decisions``: the principal's, ``counts`` where one is the level or the conclusion (made on these results, in a matter
    the circular leaves open). ``absences``: ``semester_1``, ``semester_2``,
    ``year`` with ``excused`` and ``unexcused``. ``promotion.outcome``: :class:`Promotion`. ``completion``: True or
    False for grade 9, else None. ``awards``: texts. ``certificates``: name and grade. ``steps``: the explanations. After a correction also ``corrections``: ``n_places`` and
    ``subject_names``.
    """
    given, result = row.given, row.result
    kept = given.homeroom
    subjects = []
    for line in sorted(given.subjects, key=lambda line: (line.subject.transcript_order, line.subject.code)):
        found = result.subjects[line.subject.code]
        subjects.append(
            {
                "code": line.subject.code,
                "name": line.subject.transcript_name,
                "kind": line.subject.kind.value,
                "lessons_per_year": line.subject.lessons_per_year,
                "exempt": list(line.exempt),
                "marks": [{column: [mark.text, mark.origin] for column, mark in term.items()} for term in line.marks],
                "semester_1": found.semester_1,
                "semester_2": found.semester_2,
                "year": found.year,
                "after_reassessment": found.after_reassessment,
                "reassessed": line.reassessed,
                "inherited": line.inherited,
                "remark": line.remarks[1] or line.remarks[0],
                "remarks": list(line.remarks),
                "teacher_name": ", ".join(line.subject.teachers) or None,
            }
        )
    return {
        "format": FORMAT,
        "freeze": freeze,
        "regulation_version": computed.regulation_version,
        "school_year": computed.year_label,
        "class_name": computed.class_name,
        "grade_level": computed.grade_level,
        "enrollment_id": given.enrollment_id,
        "student": {
            "id": given.student_id,
            "full_name": given.full_name,
            "inclusive_disability": given.inclusive_disability,
            **given.facts,
        },
        "subjects": subjects,
        "conduct": {
            "semester_1": kept["conduct_1"],
            "semester_2": kept["conduct_2"],
            "year": result.conduct_year,
            "after": result.conduct_after,
        },
        "learning": {
            "semester_1": result.learning[0],
            "semester_2": result.learning[1],
            "year": result.learning[2],
            "after": result.learning_after,
            "semester_1_adjusted": result.adjusted[0],
            "semester_2_adjusted": result.adjusted[1],
            "year_adjusted": result.adjusted[2],
            "semester_1_review": result.needs_review[0],
            "semester_2_review": result.needs_review[1],
            "year_review": result.needs_review[2],
        },
        "absences": _absences(kept),
        "promotion": {"outcome": result.promotion.value},
        "completion": result.promotion is Promotion.COMPLETED if computed.grade_level == 9 else None,
        "award": result.award,
        "awards": award_lines(row),
        "competitions": [text.strip() for text in (kept["competitions"] or "").splitlines() if text.strip()],
        "certificates": [{"name": kept["certificates"], "grade": kept["certificates_grade"]}]
        if kept["certificates"]
        else [],
        "homeroom_remark": kept["remark"],
        "homeroom": {"person_id": computed.homeroom_person_id, "name": computed.homeroom_name},
        "principal_remark": principal_remark,
        "approved_by": approved_by,
        "approved_at": audit.plain(approved_at),
        "decisions": [
            {
                "kind": one.kind,
                "term": one.term,
                "outcome": one.outcome,
                "reason": one.reason,
                "document": one.document,
                "decided_at": audit.plain(one.decided_at),
                "counts": decision_counts(row.result, one.kind, one.term),
            }
            for one in given.decisions
        ],
        "steps": list(result.steps),
    }


def _absences(kept: Mapping[str, Any]) -> dict[str, Any]:
    terms = [{"excused": kept[f"absences_excused_{n}"], "unexcused": kept[f"absences_unexcused_{n}"]} for n in (1, 2)]
    whole = {
        name: None if any(term[name] is None for term in terms) else terms[0][name] + terms[1][name]
        for name in ("excused", "unexcused")
    }
    return {"semester_1": terms[0], "semester_2": terms[1], "year": whole}


def freeze_class(
    session: Session,
    actor: Actor,
    computed: ClassResults,
    now: datetime,
    *,
    freeze: str = "main",
    principal_remark: str | None = None,
) -> list[m.FrozenResult]:
    """Write a frozen result for each student of the class, inside the caller's transaction, with one audit entry.

    ``computed`` must have been checked with ``untouched.require_untouched``. A student frozen before gets the next
    revision.
    """
    contents = {
        row.given.enrollment_id: frozen_content(
            computed, row, freeze=freeze, principal_remark=principal_remark, approved_by=actor.name, approved_at=now
        )
        for row in computed.students
    }
    return _write(session, actor, computed, contents, freeze, now)


def freeze_corrected(
    session: Session,
    actor: Actor,
    computed: ClassResults,
    row: StudentResult,
    former: m.FrozenResult,
    now: datetime,
    *,
    n_places: int,
    subject_names: Sequence[str],
) -> m.FrozenResult:
    """Write the next revision of one student's frozen result after a correction, in the caller's transaction.

    ``row``: the student as corrected, evaluated. What the correction does not touch stays as it was frozen: the principal's
    remark, the names of teachers and homeroom teacher. ``n_places`` and ``subject_names``: what the form's foot says of
    all corrections of this page. Raises IntegrityFault when ``former`` is not what was frozen.
    """
    content = corrected_content(
        computed, row, former, approved_by=actor.name, approved_at=now, n_places=n_places, subject_names=subject_names
    )
    return _write(session, actor, computed, {former.enrollment_id: content}, former.freeze, now)[0]


def corrected_content(
    computed: ClassResults,
    row: StudentResult,
    former: m.FrozenResult,
    *,
    approved_by: str,
    approved_at: datetime,
    n_places: int,
    subject_names: Sequence[str],
) -> dict[str, Any]:
    """What :func:`freeze_corrected` writes, and what a preview shows of it beforehand. Raises as it does."""
    content = _like(read_frozen(former), approved_by, computed, row, former.freeze, approved_at)
    content["corrections"] = {"n_places": n_places, "subject_names": list(subject_names)}
    return content


def freeze_summer(
    session: Session,
    actor: Actor,
    computed: ClassResults,
    pupils: Sequence[tuple[StudentResult, m.FrozenResult]],
    now: datetime,
) -> list[m.FrozenResult]:
    """Write the second freeze of these pupils, each evaluated with the summer (Arts. 13, 14), in the caller's transaction.

    ``pupils``: with the frozen result in force, whose names, remark and corrections stay. Raises IntegrityFault when a result of the
    year itself would come out different from what was frozen: the summer adds a result and never changes one.
    """
    contents = {}
    for row, former in pupils:
        old = read_frozen(former)
        content = _like(old, actor.name, computed, row, "summer", now)
        if "corrections" in old:
            content["corrections"] = old["corrections"]
        changed = [name for name, value in _originals(content).items() if _originals(old)[name] != value]
        if changed:
            raise IntegrityFault(
                f"{row.given.full_name}: kết quả cả năm tính lại khác với kết quả đã đóng băng ({', '.join(changed)}). "
                "Chưa có gì thay đổi."
            )
        contents[former.enrollment_id] = content
    return _write(session, actor, computed, contents, "summer", now)


def _like(
    old: Mapping[str, Any], approved_by: str, computed: ClassResults, row: StudentResult, freeze: str, now: datetime
) -> dict[str, Any]:
    """A pupil's content under a later freeze: the principal's remark and the names of who taught and kept the class stay."""
    content = frozen_content(
        computed,
        row,
        freeze=freeze,
        principal_remark=old["principal_remark"],
        approved_by=approved_by,
        approved_at=now,
    )
    teachers = {one["code"]: one["teacher_name"] for one in old["subjects"]}
    for one in content["subjects"]:
        one["teacher_name"] = teachers.get(one["code"], one["teacher_name"])
    content["homeroom"] = old["homeroom"]
    return content


def _originals(content: Mapping[str, Any]) -> dict[str, Any]:
    """The results of the year itself, by their names: what no summer changes."""
    terms = ("semester_1", "semester_2", "year")
    return {
        **{one["name"]: [one[term] for term in terms] for one in content["subjects"]},
        "rèn luyện": [content["conduct"][term] for term in terms],
        "học tập": [content["learning"][term] for term in terms],
        "ngày nghỉ": content["absences"],
        "khen thưởng": content["awards"],
    }


def is_by_summer(frozen: Mapping[str, Any]) -> bool:
    """Whether the conclusion of a frozen year rests on the summer (Arts. 13, 14).

    A year that was corrected after the summer may be enough by itself: then nothing was concluded "after re-assessment". Where people
    conclude (disability, too few subjects), the summer was part of what they decided on.
    """
    if frozen["freeze"] != "summer":
        return False
    levels = (frozen["conduct"]["year"], frozen["learning"]["year"])
    return frozen["student"]["inclusive_disability"] or Level.CHUA_DAT in levels or None in levels


def _write(
    session: Session,
    actor: Actor,
    computed: ClassResults,
    contents: Mapping[int, dict[str, Any]],
    freeze: str,
    now: datetime,
) -> list[m.FrozenResult]:
    """The next revision of each enrolment's frozen result, with one entry aimed at the class."""
    revisions: dict[int, int] = dict(
        session.execute(
            select(m.FrozenResult.enrollment_id, func.max(m.FrozenResult.revision))
            .where(m.FrozenResult.enrollment_id.in_(list(contents)), m.FrozenResult.freeze == freeze)
            .group_by(m.FrozenResult.enrollment_id)
        ).all()
    )
    frozen = []
    for enrollment_id, plain in contents.items():
        content = canonical_json(plain)
        frozen.append(
            m.FrozenResult(
                enrollment_id=enrollment_id,
                freeze=freeze,
                revision=revisions.get(enrollment_id, 0) + 1,
                regulation_version=computed.regulation_version,
                content=content,
                content_digest=digest_of(content),
                frozen_at=now,
                frozen_by=actor.account_id,
            )
        )
    session.add_all(frozen)
    session.flush()
    audit.record(
        AuditTag.RESULT_FROZEN,
        actor,
        now,
        target_kind="class_group",
        target_id=computed.class_group_id,
        state=audit.states("frozen_result", frozen),
        facts={"class": computed.class_name, "freeze": freeze, "n_students": len(frozen)},
    )
    return frozen


def is_by_approval(row: m.FrozenResult) -> bool:
    """Whether the row was frozen by approving the class, not by a correction or the summer. In canonical JSON no text that somebody typed
    holds this key with bare quotation marks."""
    return row.freeze == "main" and '"corrections":{' not in row.content


def digest_of(content: str) -> str:
    """Hex SHA-256 of a frozen text."""
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


IN_FORCE = m.FrozenResult.enrollment_id.in_(
    select(m.Enrollment.id)
    .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
    .where(m.ClassGroup.state == ClassState.APPROVED.value)
)
"""What was frozen by an approval that was taken back stays for the record and is read by nobody; the next approval writes its successor."""


def newest_frozen(enrollment_id: int) -> m.FrozenResult | None:
    """The frozen result in force: of an approved class, the summer one over the main one, the highest revision."""
    return db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id == enrollment_id, IN_FORCE)
        .order_by((m.FrozenResult.freeze == "summer").desc(), m.FrozenResult.revision.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def read_frozen(of: m.FrozenResult | int) -> dict[str, Any]:
    """The content of a frozen result, or of the one in force of an enrolment id, hashed again.

    Raises NotFound when nothing is frozen, IntegrityFault when the text is not what the log says was frozen.
    """
    row = newest_frozen(of) if isinstance(of, int) else of
    if row is None:
        raise NotFound("Học sinh chưa có kết quả đã duyệt.")
    if digest_of(row.content) != row.content_digest or frozen_digest_in_audit(row) != row.content_digest:
        raise IntegrityFault(
            "Kết quả đã đóng băng của học sinh này không còn như khi được duyệt: đã bị sửa ngoài "
            "phần mềm. Không dùng để lập học bạ."
        )
    content: dict[str, Any] = json.loads(row.content)
    if content.get("enrollment_id") != row.enrollment_id:
        raise IntegrityFault("Kết quả đã đóng băng mang tên học sinh khác: đã bị sửa ngoài phần mềm.")
    return content


def parsed(row: m.FrozenResult) -> dict[str, Any]:
    """The content as it stands, for a list on a page: no act rests on it. IntegrityFault when the text is not what its digest says."""
    if digest_of(row.content) != row.content_digest:
        raise IntegrityFault("Kết quả đã đóng băng của một học sinh đã bị sửa ngoài phần mềm. Xin báo Hiệu trưởng.")
    content: dict[str, Any] = json.loads(row.content)
    return content


def frozen_digest_in_audit(row: m.FrozenResult) -> str | None:
    """The digest that the log wrote when this result was frozen; None when it tells of no such row."""
    class_id = db.session.scalar(select(m.Enrollment.class_group_id).where(m.Enrollment.id == row.enrollment_id))
    payloads = (
        db.session.connection()
        .execute(
            select(_entry.c.payload)
            .where(
                and_(
                    _entry.c.tag == AuditTag.RESULT_FROZEN.value,
                    _entry.c.target_kind == "class_group",
                    _entry.c.target_id == str(class_id),
                )
            )
            .order_by(_entry.c.seq.desc())
        )
        .scalars()
    )
    for payload in payloads:
        values = json.loads(payload).get("state", {}).get("frozen_result", {}).get(str(row.id))
        if values is not None:
            digest: str = values["content_digest"]
            return digest
    return None
