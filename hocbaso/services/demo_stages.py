"""Bringing a class of the sample school to a stage, as its teachers, the principal and the clerk would."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.terms import ScoreOrigin, SubjectKind
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import (
    anomaly_questions,
    audit,
    class_approval,
    class_moves,
    class_seal,
    demo_people,
    results,
    reviews,
    roster,
    score_entry,
    signing,
    test_school_keys,
    transcript_building,
)
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.demo_enrolment import Built
from hocbaso.services.score_grid import REMARK, CellRecord, columns_of

STAGES = ("empty", "entry", "review", "approval", "signing", "issued")

ASKED_SUBJECT = "ICT"
"""Whose sheet of semester I is asked about at handing in: open where the class is being typed, answered further on."""

STAGE_WORDS = {
    "empty": "chưa có điểm",
    "entry": "đang nhập điểm",
    "review": "chờ tổ trưởng soát",
    "approval": "chờ Hiệu trưởng duyệt",
    "signing": "chờ lập và ký học bạ",
    "issued": "học bạ đã phát hành",
}


def bring_to(built: Built, year: m.SchoolYear, name: str, stage: str, now: datetime, *, asked: bool = False) -> None:
    """Do everything that leads a class from empty to ``stage``; ``asked``: with something to ask about at handing in."""
    class_group = roster.class_by_name(name, year)
    reached = STAGES.index(stage)
    if reached >= STAGES.index("entry"):
        _type_scores(built, class_group, now, half=stage == "entry")
        if asked:
            _make_slips(built, class_group, now, typing=stage == "entry")
    if reached >= STAGES.index("review"):
        _move_sheets(built, class_group, SheetVerb.SUBMIT, now)
    if reached >= STAGES.index("approval"):
        for verb in (SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.LOCK):
            _move_sheets(built, class_group, verb, now)
        _keep_class(built, class_group, now)
        class_moves.finalise(
            _homeroom_actor(built, class_group, now),
            class_group.id,
            expected_version=_version(class_group),
            seen=_seal(class_group, now),
            now=now,
        )
    if reached >= STAGES.index("signing"):
        class_approval.approve_class(
            _actor(built, built.principal, now),
            class_group.id,
            expected_version=_version(class_group),
            seen=_seal(class_group, now),
            now=now,
        )
    if reached >= STAGES.index("issued"):
        _issue(built, class_group, now)


def _seal(class_group: m.ClassGroup, now: datetime) -> str:
    return class_seal.seal(results.compute_class(class_group.id, clock.local_date(now)))


def _version(class_group: m.ClassGroup) -> int:
    db.session.expire(class_group)
    return class_group.version


def _actor(built: Built, person_id: int, now: datetime) -> Actor:
    return load_actor(built.accounts[person_id], clock.local_date(now))


def _homeroom_actor(built: Built, class_group: m.ClassGroup, now: datetime) -> Actor:
    person_id = db.session.scalars(
        select(m.HomeroomAssignment.person_id).where(m.HomeroomAssignment.class_group_id == class_group.id)
    ).one()
    return _actor(built, person_id, now)


def _sheets_of(class_group: m.ClassGroup) -> list[m.ScoreSheet]:
    return list(
        db.session.scalars(
            select(m.ScoreSheet)
            .join(m.ClassSubject, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
            .where(m.ClassSubject.class_group_id == class_group.id)
            .order_by(m.ScoreSheet.semester, m.ScoreSheet.id)
            .execution_options(populate_existing=True)
        )
    )


def _teacher_of(sheet: m.ScoreSheet) -> int:
    return db.session.scalars(
        select(m.TeachingAssignment.person_id).where(m.TeachingAssignment.class_subject_id == sheet.class_subject_id)
    ).one()


def _type_scores(built: Built, class_group: m.ClassGroup, now: datetime, *, half: bool) -> None:
    """Type every sheet as its teacher; ``half`` leaves the second half of the columns empty."""
    rng = built.rng
    enrollments = list(
        db.session.execute(
            select(m.Enrollment.id, m.Enrollment.student_id)
            .join(m.Student, m.Enrollment.student_id == m.Student.id)
            .where(m.Enrollment.class_group_id == class_group.id)
            .order_by(m.Student.sort_key)
        )
    )
    for sheet in _sheets_of(class_group):
        actor = _actor(built, _teacher_of(sheet), now)
        if half and sheet.semester == 2:
            continue
        head = score_entry.sheet_head(actor, sheet.id, Permission.SHEET_ENTER, now)
        keys = [column.key for column in columns_of(head)]
        if half:
            keys = keys[:-1]
        shift = rng.randrange(-4, 5)
        cells: list[tuple[int, str, CellRecord, int | None]] = []
        for enrollment_id, student_id in enrollments:
            of = built.talents[student_id]
            for key in keys:
                if half and rng.random() < 0.06:
                    continue
                cells.append((enrollment_id, key, _cell(rng, of, shift, key, head.kind), None))
            if sheet.semester == 2 and rng.random() < 0.6:
                cells.append(
                    (
                        enrollment_id,
                        REMARK,
                        CellRecord(
                            remark=demo_people.remark_for(rng, of.level + shift), origin=ScoreOrigin.ENTERED.value
                        ),
                        None,
                    )
                )
        with write_transaction() as session:
            score_entry.write_cells(session, SYSTEM, head, cells, source="demo", now=now)


def _make_slips(built: Built, class_group: m.ClassGroup, now: datetime, *, typing: bool) -> None:
    """Something to ask about in one complete sheet: a remark that names another pupil, and 0,9 for 9 while ``typing``."""
    sheet = db.session.scalars(
        select(m.ScoreSheet)
        .join(m.ClassSubject, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
        .join(m.Subject, m.ClassSubject.subject_id == m.Subject.id)
        .where(
            m.ClassSubject.class_group_id == class_group.id, m.Subject.code == ASKED_SUBJECT, m.ScoreSheet.semester == 1
        )
    ).one()
    pupils = db.session.execute(
        select(m.Enrollment.id, m.Enrollment.student_id, m.Student.full_name)
        .join(m.Student, m.Enrollment.student_id == m.Student.id)
        .where(m.Enrollment.class_group_id == class_group.id)
        .order_by(m.Student.sort_key)
    ).all()
    head = score_entry.sheet_head(_actor(built, _teacher_of(sheet), now), sheet.id, Permission.SHEET_ENTER, now)
    chance = random.Random(class_group.name)  # a stream of its own: the other classes stay as they were
    typed = set(
        db.session.execute(
            select(m.ScoreCell.enrollment_id, m.ScoreCell.column_key).where(m.ScoreCell.score_sheet_id == sheet.id)
        ).tuples()
    )
    cells: list[tuple[int, str, CellRecord, int | None]] = [
        (pupil.id, column.key, _cell(chance, built.talents[pupil.student_id], 0, column.key, head.kind), None)
        for pupil in pupils
        for column in columns_of(head)
        if (pupil.id, column.key) not in typed
    ]
    if typing:
        best = max(pupils, key=lambda pupil: built.talents[pupil.student_id].level)
        cells = [cell for cell in cells if cell[:2] != (best.id, "CK")]
        cells.append((best.id, "CK", CellRecord(tenths=9, origin=ScoreOrigin.ENTERED.value), None))
    for above, below in pairwise(pupils):
        given = above.full_name.split()[-1]
        if given not in below.full_name.split():
            words = f"{'Em' if typing else 'Cùng bạn'} {given} làm bài thực hành nhanh, trình bày gọn."
            cells.append((below.id, REMARK, CellRecord(remark=words, origin=ScoreOrigin.ENTERED.value), None))
            break
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, cells, source="demo", now=now)


def _cell(rng: random.Random, of: demo_people.Talent, shift: int, key: str, kind: SubjectKind) -> CellRecord:
    if kind is SubjectKind.COMMENT:
        return CellRecord(mark="Đ", origin=ScoreOrigin.ENTERED.value)
    score = demo_people.regular_score if key.startswith("TX") else demo_people.periodic_score
    return CellRecord(tenths=score(rng, of, shift), origin=ScoreOrigin.ENTERED.value)


def _move_sheets(built: Built, class_group: m.ClassGroup, verb: SheetVerb, now: datetime) -> None:
    for sheet in _sheets_of(class_group):
        teacher = _teacher_of(sheet)
        person = {SheetVerb.SUBMIT: teacher, SheetVerb.REVIEW: built.heads.get(built.group_of[teacher], 0)}.get(
            verb, built.principal
        )
        if verb is SheetVerb.REVIEW and person == teacher:
            person = built.vice_principal
        actor = _actor(built, person, now)
        try:
            reviews.move(actor, sheet.id, verb, expected_version=sheet.version, now=now)
        except Incomplete as asked:  # what a teacher who holds the papers would do
            for question in asked.gaps:
                assert isinstance(question, anomaly_questions.Question)
                anomaly_questions.answer(
                    actor,
                    sheet.id,
                    question.id,
                    reason=question.offered[0],
                    expected_version=question.version,
                    now=now,
                )
            reviews.move(actor, sheet.id, verb, expected_version=sheet.version, now=now)
    assert all(SheetState(sheet.state) is not SheetState.DRAFT for sheet in _sheets_of(class_group))


def _keep_class(built: Built, class_group: m.ClassGroup, now: datetime) -> None:
    """Conduct, absences and remarks of every student, as the homeroom teacher."""
    rng = built.rng
    actor = _homeroom_actor(built, class_group, now)
    rows = []
    for enrollment_id, student_id in db.session.execute(
        select(m.Enrollment.id, m.Enrollment.student_id).where(m.Enrollment.class_group_id == class_group.id)
    ):
        level = built.talents[student_id].level
        conduct = "T" if level >= 60 or rng.random() < 0.7 else "K"
        rows.append(
            m.HomeroomRecord(
                enrollment_id=enrollment_id,
                conduct_1=conduct,
                conduct_2="T" if rng.random() < 0.85 else conduct,
                absences_excused_1=rng.randrange(0, 4),
                absences_unexcused_1=0,
                absences_excused_2=rng.randrange(0, 3),
                absences_unexcused_2=1 if rng.random() < 0.1 else 0,
                remark=rng.choice(demo_people.HOMEROOM_REMARKS),
                competitions="Giải Ba thi vẽ tranh cấp xã" if rng.random() < 0.06 else None,
                updated_at=now,
                updated_by=actor.account_id,
            )
        )
    with write_transaction() as session:
        session.add_all(rows)
        session.flush()
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("homeroom_record", rows),
        )


def _issue(built: Built, class_group: m.ClassGroup, now: datetime) -> None:
    """Build and sign as the three would, one after the other, all before ``now``: no signature may lie ahead."""
    pins = test_school_keys.read_demo_pins()
    homeroom_actor = _homeroom_actor(built, class_group, now)
    transcript_building.build_class(homeroom_actor, class_group.id, now - timedelta(minutes=40))
    for minutes, role, person_id, pin_of in (
        (30, SignatureRole.HOMEROOM, homeroom_actor.person_id, None),
        (20, SignatureRole.PRINCIPAL, built.principal, None),
        (10, SignatureRole.SEAL, built.clerk, test_school_keys.SEAL),
    ):
        assert person_id is not None
        person = db.session.get(m.Person, person_id)
        assert person is not None
        batch = signing.sign_class(
            _actor(built, person_id, now),
            class_group.id,
            role,
            pins[pin_of or person.staff_code],
            now - timedelta(minutes=minutes),
        )
        failed = [item for item in batch.items if item.outcome == "failed"]
        if failed:
            raise WrongState(f"Trường mẫu: không ký được lớp {class_group.name}: {failed[0].reason}")
