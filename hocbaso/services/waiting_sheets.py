"""The score sheets that wait for a person: to type, to review, to approve, to lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.taking_back import standing
from hocbaso.services import anomaly_questions, blind_view, progress
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, Oddity, day_words, some_names
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.waiting_checks import check_item


def sheet_items(
    actor: Actor, now: datetime, today: date, *, school: Sequence[progress.SheetLine] | None = None
) -> list[DailyItem]:
    """The sheets this person is to type, review, approve or lock now, each with what is odd about it.
    ``school``: every line of the open years, where the caller has read them already.

    Approved ones that cannot be locked yet come too, with the verb ``hold`` and what is missing.
    """
    listed = [item for item in progress.my_sheets(actor, now, school=school) if item.waits or item.n_before]
    ids = [item.line.sheet_id for item in listed if item.task != "type"]
    steps = _steps_of([item.line.sheet_id for item in listed])
    exempt, missed = _exempt_names(ids), _missed_names(ids)
    answered = anomaly_questions.answered_of(ids)
    checks = blind_view.standing_of(ids)
    group_names = {row.id: row.name for row in db.session.scalars(select(m.SubjectGroup))}
    n_students = dict(
        db.session.execute(
            select(m.Enrollment.class_group_id, func.count())
            .where(m.Enrollment.status.in_(ACTIVE))
            .group_by(m.Enrollment.class_group_id)
        ).all()
    )
    items = []
    for found in listed:
        line = found.line
        check = checks.get(line.sheet_id) if found.task in ("review", "approve") else None
        group = group_names.get(line.subject_group_id or 0, "")
        if (
            found.task == "review"
            and check is not None
            and check.holds_back
            and (check.named_id in (None, actor.person_id) or not check.n_typing)
        ):
            items.append(check_item(line, check, today, group))
            continue
        before = line.closes_on + timedelta(days=1)
        history = steps.get(line.sheet_id, [])
        oddities: list[Oddity] = []
        who = ", ".join(line.teachers) or "chưa có người dạy"
        if found.task in ("review", "approve"):
            oddities = _sheet_oddities(line, history, exempt.get(line.sheet_id, []), missed.get(line.sheet_id, []), who)
            # Their words carry scores: not for a reviewer who is kept from them.
            told = () if check is not None and check.n_typing else answered.get(line.sheet_id, ())
            oddities += [
                Oddity("Đã hỏi trước khi nộp", "circle-help", by_name, f"{asked} Trả lời: {reason}")
                for asked, reason, by_name in told
            ]
            oddities += _check_oddities(check)
        elif line.state is SheetState.RETURNED:
            note = next((step for step in reversed(history) if step.verb == SheetVerb.RETURN.value), None)
            if note is not None:
                oddities = [Oddity("Bị trả lại", "undo-2", f"{note.by_name}, {day_words(note.at)}", note.note or "")]
        last = history[-1] if history else None
        did = {
            SheetVerb.SUBMIT.value: "nộp",
            SheetVerb.REVIEW.value: "soát",
            SheetVerb.APPROVE.value: "duyệt",
            SheetVerb.RETURN.value: "trả lại",
            SheetVerb.RECALL.value: "rút lại",
        }
        meta = f"{last.by_name} {did.get(last.verb, '')} {day_words(last.at)}" if last is not None else who
        items.append(
            DailyItem(
                kind="sheet",
                key=f"sheet-{line.sheet_id}-{line.version}",
                verb="hold" if found.n_before else found.task,
                title=line.label,
                link=f"/bang-diem/{line.sheet_id}",
                meta=f"{group}, {meta}" if group else meta,
                say=f"lớp {line.class_name} còn {found.n_before} bảng điểm chưa duyệt, hạn nhập đến hết {line.closes_on:%d/%m/%Y}"
                if found.n_before
                else f"còn {line.n_gaps} ô"
                if found.task == "type" and line.n_gaps
                else "đủ điểm, nộp được"
                if found.task == "type"
                else f"{n_students.get(line.class_group_id, 0)} học sinh",
                due_before=before,
                days_left=Deadline(before).days_left(today),
                grade_level=line.grade_level,
                class_name=line.class_name,
                class_group_id=line.class_group_id,
                subject_group_id=line.subject_group_id,
                oddities=tuple(oddities),
            )
        )
    return items


def _check_oddities(check: blind_view.Standing | None) -> list[Oddity]:
    """Of đối chiếu bài gốc: that somebody else still types, and what was misread."""
    if check is None:
        return []
    if check.holds_back:
        return [
            Oddity("Chờ đối chiếu bài gốc", "list-checks", check.named, f"Soát được khi đối chiếu xong, {check.say}.")
        ]
    return [Oddity("Đối chiếu bài gốc", "list-checks", by_name, words) for words, by_name in check.misread]


def _steps_of(sheet_ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    if sheet_ids:
        for row in db.session.execute(
            select(m.SheetStep.score_sheet_id, m.SheetStep.verb, m.SheetStep.at, m.SheetStep.by_name, m.SheetStep.note)
            .where(m.SheetStep.score_sheet_id.in_(sheet_ids))
            .order_by(m.SheetStep.id)
        ):
            found.setdefault(row.score_sheet_id, []).append(row)
    return {sheet_id: standing(steps) for sheet_id, steps in found.items()}


def _exempt_names(sheet_ids: Sequence[int]) -> dict[int, list[str]]:
    if not sheet_ids:
        return {}
    rows = db.session.execute(
        select(m.ScoreSheet.id, m.Student.full_name)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassSubject.class_group_id)
        .join(
            m.Exemption,
            and_(m.Exemption.enrollment_id == m.Enrollment.id, m.Exemption.subject_id == m.ClassSubject.subject_id),
        )
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.ScoreSheet.id.in_(sheet_ids),
            m.Exemption.state == "GRANTED",
            m.Enrollment.status.in_(ACTIVE),
            or_(m.Exemption.semester.is_(None), m.Exemption.semester == m.ScoreSheet.semester),
        )
        .order_by(m.Student.sort_key)
    )
    found: dict[int, list[str]] = {}
    for sheet_id, name in rows:
        found.setdefault(sheet_id, []).append(name)
    return found


def _missed_names(sheet_ids: Sequence[int]) -> dict[int, list[str]]:
    if not sheet_ids:
        return {}
    rows = db.session.execute(
        select(m.ScoreCell.score_sheet_id, m.Student.full_name)
        .distinct()
        .join(m.Enrollment, m.Enrollment.id == m.ScoreCell.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            m.ScoreCell.score_sheet_id.in_(sheet_ids),
            m.ScoreCell.origin == "missed_unexcused",
            m.Enrollment.status.in_(ACTIVE),
        )
    )
    found: dict[int, list[str]] = {}
    for sheet_id, name in rows:
        found.setdefault(sheet_id, []).append(name)
    return found


def _sheet_oddities(
    line: progress.SheetLine, history: Sequence[Any], exempt: list[str], missed: list[str], who: str
) -> list[Oddity]:
    found = []
    returned = [step for step in history if step.verb == SheetVerb.RETURN.value]
    if returned:
        found.append(
            Oddity(
                "Đã từng trả lại",
                "undo-2",
                f"{returned[-1].by_name}, {day_words(returned[-1].at)}",
                f"Lí do lần trước: {returned[-1].note}" if returned[-1].note else "",
            )
        )
    handed_in = next((step for step in reversed(history) if step.verb == SheetVerb.SUBMIT.value), None)
    if handed_in is not None and clock.local_date(handed_in.at) > line.closes_on:
        found.append(
            Oddity(
                "Nộp muộn",
                "clock",
                f"{handed_in.by_name} nộp {day_words(handed_in.at)}",
                f"Hạn nhập điểm đến hết {line.closes_on:%d/%m/%Y}.",
            )
        )
    if exempt:
        found.append(Oddity("Có học sinh được miễn", "user-x", who, f"{some_names(exempt)} được miễn học môn này."))
    if missed:
        found.append(
            Oddity("Vắng không phép", "user-x", who, f"{some_names(missed)} có lần kiểm tra tính 0 điểm hoặc Chưa đạt.")
        )
    return found
