"""The whole surface of the application as an attacker meets it: each route with real ids, and a school full of markup.

``addresses`` fills every rule of the URL map from what stands in the database, so that a route added tomorrow is walked
tomorrow. The hostile school is the cast's, with markup in each text a person can store; its class 9A is approved and its
transcripts are built from that very text.
"""

from __future__ import annotations

import hashlib
import itertools
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from sqlalchemy import String, Text, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.paper_codes import sheet_code
from hocbaso.services import audit
from hocbaso.services.access import SYSTEM
from hocbaso.services.watched_kinds import WATCHED
from tests.cast import NOW, PEOPLE, Cast

UNKNOWN_UUID = "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4"
BOOKKEEPING = {"user_session", "address_attempts"}
"""Tables that may change when a page is read: last-seen times and counters of wrong passwords."""

# --- every address ------------------------------------------------------------------------------------------------------

_TABLE_OF = {
    "sheet_id": m.ScoreSheet.id,
    "class_group_id": m.ClassGroup.id,
    "enrollment_id": m.Enrollment.id,
    "student_id": m.Student.id,
    "person_id": m.Person.id,
    "account_id": m.Account.id,
    "class_subject_id": m.ClassSubject.id,
    "exemption_id": m.Exemption.id,
    "certificate_id": m.Certificate.id,
    "root_id": m.TrustRoot.id,
    "notice_id": m.Notice.id,
    "grant_id": m.RoleGrant.id,
}
_BATCHES = {
    "imports": m.ImportBatch.id,
    "score_files": m.ImportBatch.id,
    "batches": m.SigningBatch.id,
    "desk": m.SigningBatch.id,
}
_WORDS = {
    "column_key": ("GK",),
    "name": ("evening_snapshot",),
    "filename": ("css/app.css",),
    "sheet_code": (sheet_code(1),),
}


def values_of(rule: Any, name: str, per_argument: int) -> list[Any]:
    """Real values of one argument of a rule, first and last of the table first; call in an application context."""
    if name in _WORDS:
        return list(_WORDS[name])
    converter = rule._converters[name]
    kind = type(converter).__name__
    if kind == "AnyConverter":
        return sorted(converter.items)
    if kind == "UUIDConverter":
        return list(db.session.scalars(select(m.TranscriptRecord.uuid)))[:per_argument] or [UNKNOWN_UUID]
    column = _BATCHES[rule.endpoint.split(".")[0]] if name == "batch_id" else _TABLE_OF.get(name, m.ClassGroup.id)
    found = list(db.session.scalars(select(column).order_by(column)))
    spread = [*found[-1:], *found]
    return sorted(set(spread[:per_argument])) or [1]


def addresses(app: Flask, method: str, *, per_argument: int = 2) -> list[tuple[str, str]]:
    """(endpoint, path) of each rule that takes the method, with up to ``per_argument`` real values an argument."""
    found: list[tuple[str, str]] = []
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in sorted(app.url_map.iter_rules(), key=str):
            if method not in (rule.methods or ()):
                continue
            names = sorted(rule.arguments)
            for values in itertools.product(*(values_of(rule, name, per_argument) for name in names)):
                found.append((rule.endpoint, adapter.build(rule.endpoint, dict(zip(names, values, strict=True)))))
        db.session.remove()
    return list(dict.fromkeys(found))


def dump(*, without: set[str] = BOOKKEEPING) -> dict[str, str]:
    """A digest of each table's rows: two equal dumps mean that nothing was written."""
    db.session.rollback()
    digests = {}
    for table in m.Account.metadata.sorted_tables:
        if table.name not in without:
            rows = db.session.execute(select(table).order_by(*table.primary_key.columns)).all()
            digests[table.name] = hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
    db.session.rollback()
    return digests


# --- markup in every text -----------------------------------------------------------------------------------------------

TAG = "xq"


def payload(length: int | None, mark: int) -> str:
    """Markup that breaks out of text, attributes, textareas and scripts, as long as the column allows."""
    full = (
        f"""'"></textarea></title></script><{TAG} onpointerenter=pwn({mark})><img src=x onerror=pwn({mark})>"""
        f"""<svg onload=pwn({mark})><a href=javascript:pwn({mark}) hx-get=/thoat>{{{{7*7}}}}"""
    )
    for candidate in (full, f"""'"><{TAG}><img src=x onerror=pwn({mark})>""", f"'\"><{TAG} x={mark}>", f'"><{TAG}>'):
        if length is None or len(candidate) <= length:
            return candidate
    return "<"


_POISONED = {
    m.Person: ("full_name", "position_title", "qualification", "major", "phone", "email"),
    m.Student: (
        "full_name", "birth_place", "ethnicity", "nationality", "address", "home_town", "policy_category", "father_name",
        "father_job", "mother_name", "mother_job", "guardian_name", "guardian_job", "phone",
    ),
    m.School: ("name", "department_name", "commune", "province", "place_name"),
    m.SubjectGroup: ("name",),
    m.RoleGrant: ("document",),
    m.Subject: ("name", "short_name", "transcript_name"),
    m.ClassGroup: ("name",),
}  # fmt: skip
_IN_CERTIFICATES = {"name", "full_name"}


def poison(cast: Cast) -> list[str]:
    """Put markup behind what stands in each text column of a person's hand; the columns, each by its mark."""
    marks: list[str] = []
    with write_transaction() as session:
        for model, names in _POISONED.items():
            for name in names:
                column = model.__table__.c[name]
                length = column.type.length if isinstance(column.type, String | Text) else None
                for row in session.scalars(select(model)):
                    before = (getattr(row, name) or "").strip()
                    if name in _IN_CERTIFICATES:  # X.520 gives a name 64 bytes
                        length = min(length or 64, 64 - len(before.encode()) + len(before))
                    room = (length or 4000) - len(before) - 1
                    setattr(row, name, f"{before} {payload(room, len(marks))}".strip())
                marks.append(f"{model.__tablename__}.{name}")
        session.flush()
        # Entered as people enter things, with the log knowing it: nothing is built from what was changed behind its back.
        audit.record(
            AuditTag.SCHOOL_CHANGED,
            SYSTEM,
            NOW,
            target_kind="school",
            target_id=1,
            state=audit.merge_states(
                *(
                    audit.states(model.__tablename__, session.scalars(select(model)))
                    for model in _POISONED
                    if model.__tablename__ in WATCHED
                )
            ),
        )
    return marks


def fill_in_words(cast: Cast) -> None:
    """The texts that come with acts: notes of returns, remarks, exemptions, notices, an import, certificates, batches."""
    evil, by, an = payload(None, 500), cast.accounts["math"], cast.enrollments["6A", "Nguyễn Hoài An"]
    with write_transaction() as session:
        done = {"by_account_id": by, "by_name": payload(120, 501), "at": NOW, "note": payload(1000, 500)}
        for sheet in session.scalars(select(m.ScoreSheet)):
            step = m.SheetStep(
                score_sheet_id=sheet.id, verb="return", from_state="SUBMITTED", to_state="RETURNED", content_version=0, **done
            )  # fmt: skip
            session.add(step)
            if sheet.id == cast.sheets["6A", "MATH", 1]:
                sheet.state = "RETURNED"
        for class_id in cast.classes.values():
            session.add(
                m.ClassStep(class_group_id=class_id, verb="return", from_state="FINALISED", to_state="OPEN", **done)
            )
        session.add(m.HomeroomRecord(enrollment_id=an, conduct_1="T", updated_at=NOW))
        session.flush()
        for number, model in enumerate((m.HomeroomRecord, m.ScoreCell, m.Certificate, m.TrustRoot, m.SigningBatchItem)):
            for name in ("remark", "award_extra", "competitions", "certificates", "certificates_grade", "subject_name",
                         "issuer_name", "reason"):  # fmt: skip
                if name in model.__table__.c:
                    session.execute(
                        update(model).values({name: payload(model.__table__.c[name].type.length, 510 + number)})
                    )
        subject = session.scalar(select(m.Subject.id).where(m.Subject.code == "PE"))
        for place, row in enumerate(session.scalars(select(m.Enrollment))):
            session.add(
                m.Exemption(
                    enrollment_id=row.id, subject_id=subject, state=("PROPOSED", "REFUSED")[place % 2], proposed_by=by,
                    reason=payload(500, 520), document=payload(200, 521), proposed_at=NOW,
                )
            )  # fmt: skip
            session.add(
                m.StudyHistory(
                    student_id=row.student_id, year_label="2025-2026", class_name=payload(20, 522),
                    school_name=payload(200, 523),
                )
            )  # fmt: skip
        for number, audience in enumerate(("inside", "public")):
            session.add(
                m.Announcement(
                    title=payload(150, 530 + number), body=evil, audience=audience, starts_on=NOW.date(), posted_at=NOW,
                    poster_name=payload(120, 532),
                )
            )  # fmt: skip
        asked = m.HelpRequest(screen=payload(200, 533), asked_at=NOW, asked_by=by, moved_at=NOW)
        asked.messages.append(m.HelpMessage(text=evil, at=NOW, by_account_id=by, by_name=payload(120, 534)))
        session.add(asked)
        session.add(
            m.BoardTask(
                school_year_id=cast.year_id, title=payload(200, 535), due_on=NOW.date(), state="DONE", done_at=NOW,
                evidence=payload(500, 536), done_name=payload(120, 537),
            )
        )  # fmt: skip
        session.add(
            m.TrainingSession(
                title=payload(200, 538), held_on=NOW.date(), organiser=payload(200, 539), place=payload(200, 540)
            )
        )
        session.add(
            m.InventoryItem(
                kind="gift", name=payload(200, 541), n_needed=1, n_ready=0, note=payload(300, 542), checked_on=NOW.date(),
                checker_name=payload(120, 543),
            )
        )  # fmt: skip
        for person_id in cast.people.values():
            session.add(
                m.Notice(
                    person_id=person_id, day=NOW.date(), kind="reminder", title=payload(200, 524), body=evil, created_at=NOW
                )
            )  # fmt: skip


class _Foreign(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        for name, value in attrs:
            if name in ("href", "src", "action", "formaction") and (value or "").strip().lower().startswith(
                ("javascript:", "data:text", "vbscript:")
            ):
                self.found.append(f"<{tag} {name}={value[:60]}>")
        if tag.startswith(TAG) or any(name.startswith("on") for name in names):
            self.found.append(f"<{tag} {sorted(names)}>")


def foreign_markup(html: str) -> list[str]:
    """What of the stored markup has become elements, handlers or addresses of a page."""
    reader = _Foreign()
    reader.feed(html)
    reader.close()
    return reader.found


EVERYBODY = (*PEOPLE, None)
"""The keys of the cast, and None for a stranger."""
