"""A class brought to its end in bulk, with the log telling of it: marks, locks, homeroom part, approval, freeze, sealed records.

What each step does is tested elsewhere; here years have to pass.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.averages import regular_count
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, frozen_results, results
from hocbaso.services.access import SYSTEM

ABSENT_TOO_OFTEN = 50


def finish_class(class_id: int, now: datetime, *, retained: Collection[str] = (), sealed: bool = True) -> None:
    """Everybody is promoted or completes but for ``retained`` (full names), who were absent too often."""
    with write_transaction() as session:
        pupils = session.execute(
            select(m.Enrollment, m.Student.full_name)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(m.Enrollment.class_group_id == class_id)
        ).all()
        rows: list[m.ScoreSheet | m.ScoreCell] = []
        for sheet, offered, subject in session.execute(
            select(m.ScoreSheet, m.ClassSubject, m.Subject)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(m.ClassSubject.class_group_id == class_id)
        ):
            sheet.state = "LOCKED"
            n = regular_count(offered.lessons_per_year, SubjectKind(subject.kind))
            for column in (*(f"TX{i + 1}" for i in range(n)), "GK", "CK"):
                rows += [
                    m.ScoreCell(
                        score_sheet_id=sheet.id,
                        enrollment_id=enrollment.id,
                        column_key=column,
                        tenths=85 if subject.kind == "scored" else None,
                        mark=None if subject.kind == "scored" else "Đ",
                        origin="entered",
                        version=1,
                        updated_at=now,
                    )
                    for enrollment, _ in pupils
                ]
            rows.append(sheet)
        kept = [
            m.HomeroomRecord(
                enrollment_id=enrollment.id,
                conduct_1="T",
                conduct_2="T",
                absences_excused_1=ABSENT_TOO_OFTEN if name in retained else 1,
                absences_unexcused_1=0,
                absences_excused_2=0,
                absences_unexcused_2=0,
                remark="Chăm chỉ, lễ phép.",
                updated_at=now,
            )
            for enrollment, name in pupils
        ]
        class_group = session.get(m.ClassGroup, class_id)
        class_group.state = "APPROVED"
        class_group.version += 1
        session.add_all([*rows, *kept])
        session.flush()
        cells = [row for row in rows if isinstance(row, m.ScoreCell)]
        sheets = [row for row in rows if isinstance(row, m.ScoreSheet)]
        seq = audit.record(
            AuditTag.CELLS_IMPORTED,
            SYSTEM,
            now,
            target_kind="class_group",
            target_id=class_id,
            state=audit.merge_states(
                audit.states("score_cell", cells),
                audit.states("score_sheet", sheets),
                audit.states("homeroom_record", kept),
                audit.states("class_group", [class_group]),
            ),
        )
        session.add_all(
            m.ScoreCellVersion(
                score_cell_id=cell.id,
                tenths=cell.tenths,
                mark=cell.mark,
                origin="entered",
                version=1,
                source="typed",
                at=now,
                audit_seq=seq,
            )
            for cell in cells
        )
    computed = results.compute_class(class_id, now.date(), fresh=True)
    with write_transaction() as session:
        frozen = frozen_results.freeze_class(session, SYSTEM, computed, now, principal_remark="Đồng ý.")
    if sealed:
        seal_class([row.id for row in frozen], now)


def seal_class(frozen_ids: list[int], now: datetime) -> None:
    """Records in force of these frozen results, as far as lists ask of them: a state, and no file behind it."""
    with write_transaction() as session:
        nothing = hashlib.sha256(b"").hexdigest()
        if session.get(m.StoredDocument, nothing) is None:
            session.add(
                m.StoredDocument(digest=nothing, kind="test", media_type="text/plain", n_bytes=0, stored_at=now)
            )
            session.flush()
        records = []
        for frozen_id in frozen_ids:
            frozen = session.get(m.FrozenResult, frozen_id)
            records.append(
                m.TranscriptRecord(
                    uuid=str(uuid.uuid4()),
                    enrollment_id=frozen.enrollment_id,
                    frozen_result_id=frozen_id,
                    state="ISSUED",
                    content=frozen.content,
                    content_digest=frozen.content_digest,
                    data_zone_digest=nothing,
                    unsigned_pdf_digest=nothing,
                    pdf_digest=nothing,
                    xml_digest=nothing,
                    issue_on=now.date(),
                    built_at=now,
                )
            )
        session.add_all(records)
        session.flush()
        for record in records:
            audit.record(
                AuditTag.TRANSCRIPT_ISSUED,
                SYSTEM,
                now,
                target_kind="transcript_record",
                target_id=record.id,
                state=audit.states("transcript_record", [record]),
            )


def class_named(name: str, label: str) -> m.ClassGroup:
    """The class of a year."""
    row = db.session.scalar(
        select(m.ClassGroup)
        .join(m.SchoolYear)
        .where(m.ClassGroup.name == name, m.SchoolYear.label == label)
        .execution_options(populate_existing=True)
    )
    assert row is not None, (name, label)
    return row


def pupils_in(name: str, label: str) -> set[str]:
    """Full names of a class of a year."""
    return set(
        db.session.scalars(
            select(m.Student.full_name)
            .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
            .where(m.Enrollment.class_group_id == class_named(name, label).id)
        )
    )
