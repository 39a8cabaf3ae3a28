"""What the authority answered about pupils' identities: looked at, recorded with the values it was asked about, read back.

This program asks nobody. A state other than "not checked" comes from a paper or file of the authority, named in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid
from hocbaso.exchange.identity_results import IdentityRow, read_identity_results
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.data_quality import CHECKED_BY_AUTHORITY, IdentityStanding, identity_standing
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.vietnamese_names import search_key
from hocbaso.services import audit
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class IdentityLine:
    """A line of the answer that will be recorded: whose it is and what it says."""

    line: int
    student_id: int
    full_name: str
    matched: bool
    fields: tuple[str, ...]
    repeats: bool
    """Whether the same answer about the same values is recorded already; it is not recorded again."""


@dataclass(frozen=True, slots=True)
class IdentityPreview:
    """What recording would do, and (line, sentence) of the lines left out."""

    lines: tuple[IdentityLine, ...]
    problems: tuple[tuple[int, str], ...]

    @property
    def n_new(self) -> int:
        """Lines to record."""
        return sum(not one.repeats for one in self.lines)


def latest(student_ids: Sequence[int] | None = None) -> dict[int, m.IdentityCheck]:
    """The newest answer on each of these pupils (None: of everybody), by student id."""
    newest = select(func.max(m.IdentityCheck.id)).group_by(m.IdentityCheck.student_id)
    if student_ids is not None:
        newest = newest.where(m.IdentityCheck.student_id.in_(student_ids))
    rows = db.session.scalars(
        select(m.IdentityCheck).where(m.IdentityCheck.id.in_(newest)).execution_options(populate_existing=True)
    )
    return {row.student_id: row for row in rows}


def standing_of(student: m.Student, check: m.IdentityCheck | None) -> IdentityStanding:
    """Where checking this pupil stands, the profile being as it is now."""
    if check is None:
        return IdentityStanding.NOT_CHECKED
    now, then = ({name: getattr(row, name) for name in CHECKED_BY_AUTHORITY} for row in (student, check))
    return identity_standing(now, then, matched=check.result == "matched")


def preview(actor: Actor, text: str) -> IdentityPreview:
    """What the pasted answer says, line by line, written nowhere. Raises NotAllowed, Invalid."""
    actor.require(Permission.IMPORT_ROSTER)
    table = read_identity_results(text)
    problems = list(table.problems)
    numbers = {row.number for row in table.rows if row.number}
    codes = {row.code for row in table.rows if row.code}
    by_number = {
        row.personal_id_number: row
        for row in db.session.scalars(select(m.Student).where(m.Student.personal_id_number.in_(numbers)))
    }
    by_code = {
        row.moet_code: row for row in db.session.scalars(select(m.Student).where(m.Student.moet_code.in_(codes)))
    }
    checks = latest()
    lines: list[IdentityLine] = []
    seen: dict[int, int] = {}
    for row in table.rows:
        student = by_number.get(row.number) or by_code.get(row.code)
        why = _why_not(row, student, seen)
        if why or student is None:
            problems.append((row.line, why))
            continue
        seen[student.id] = row.line
        check = checks.get(student.id)
        result, fields = ("matched" if row.matched else "mismatch"), ",".join(row.fields)
        repeats = (
            check is not None
            and (check.result, check.fields) == (result, fields)
            and standing_of(student, check) is not IdentityStanding.OUTDATED
        )
        lines.append(IdentityLine(row.line, student.id, student.full_name, row.matched, row.fields, repeats))
    return IdentityPreview(tuple(lines), tuple(sorted(problems)))


def _why_not(row: IdentityRow, student: m.Student | None, seen: dict[int, int]) -> str:
    if student is None:
        return f"không có học sinh nào mang {'số định danh ' + row.number if row.number else 'mã ' + row.code}"
    if row.number and student.personal_id_number not in (None, row.number) and "personal_id_number" not in row.fields:
        return f"mã học sinh là của {student.full_name} nhưng số định danh khác"
    if student.personal_id_number is None and row.matched:
        return f"hồ sơ của {student.full_name} chưa ghi số định danh nên không thể coi là khớp"
    if row.name and search_key(row.name) != search_key(student.full_name) and "full_name" not in row.fields:
        return f"số này là của {student.full_name}, bảng ghi {row.name}"
    if student.id in seen:
        return f"{student.full_name} đã có ở dòng {seen[student.id]}"
    return ""


def record(actor: Actor, text: str, source: str, checked_on: date | None, now: datetime) -> int:
    """Keep what the answer says; lines with problems and repeated ones are left out. Returns how many were kept.

    Raises NotAllowed, Invalid (``source`` or ``checked_on`` missing or in the future, nothing to record).
    """
    actor.require(Permission.IMPORT_ROSTER)
    source = " ".join(source.split())
    if not source or len(source) > 200:
        raise Invalid("Xin ghi văn bản hoặc tệp kết quả của cơ quan, nhiều nhất 200 chữ.", field="source")
    if checked_on is None or checked_on > clock.local_date(now):
        raise Invalid("Xin ghi ngày cơ quan trả kết quả, không sau hôm nay.", field="checked_on")
    with write_transaction() as session:
        lines = [one for one in preview(actor, text).lines if not one.repeats]
        if not lines:
            raise Invalid("Không có dòng nào mới để ghi.", field="text")
        students = {
            row.id: row
            for row in session.scalars(
                select(m.Student)
                .where(m.Student.id.in_([one.student_id for one in lines]))
                .execution_options(populate_existing=True)
            )
        }
        rows = []
        for one in lines:
            student = students[one.student_id]
            row = m.IdentityCheck(
                student_id=student.id,
                result="matched" if one.matched else "mismatch",
                fields=",".join(one.fields),
                source=source,
                checked_on=checked_on,
                recorded_at=now,
                recorded_by=actor.account_id,
                recorder_name=actor.name,
                **{name: getattr(student, name) for name in CHECKED_BY_AUTHORITY},
            )
            session.add(row)
            rows.append(row)
        session.flush()
        audit.record(
            AuditTag.IDENTITY_CHECKED,
            actor,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("identity_check", rows),
            facts={"source": source, "results": dict(Counter(row.result for row in rows))},
        )
    return len(rows)
