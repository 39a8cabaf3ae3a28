"""The bank of phrases for remarks: one per teacher, by subject (or for the homeroom) and level. Only its owner sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, or_, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.anomalies.remark_words import name_within
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.remark_levels import ANY, levels_of
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.remark_starters import Starter, starters_for

LONGEST = 300
MOST_IN_LEVEL = 20
"""Phrases of one level: what a person still finds at a glance, and within the keys that insert one."""

_LEVEL_ORDER = (*(level.value for level in levels_of(None)), ANY)

HOMEROOM_NAME = "Chủ nhiệm"


@dataclass(frozen=True, slots=True)
class Area:
    """What a bank is for. ``subject_id`` None: the homeroom teacher's remark of the year."""

    subject_id: int | None
    name: str
    code: str | None = None
    kind: SubjectKind | None = None
    n_phrases: int = 0

    @property
    def levels(self) -> tuple[str, ...]:
        """Stored levels in the order of the page, the one for everybody last."""
        return (*(level.value for level in levels_of(self.kind)), ANY)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase as its owner sees it."""

    id: int
    level: str
    text: str
    version: int


def areas(actor: Actor) -> tuple[Area, ...]:
    """The banks of this person: the subjects taught today, the homeroom, and whatever still holds phrases."""
    if actor.person_id is None:
        return ()
    counts = {
        row.subject_id: row.n
        for row in db.session.execute(
            select(m.RemarkPhrase.subject_id, func.count().label("n"))
            .where(m.RemarkPhrase.person_id == actor.person_id)
            .group_by(m.RemarkPhrase.subject_id)
        )
    }
    taught = select(m.ClassSubject.subject_id).where(m.ClassSubject.id.in_(actor.teaching))
    subjects = db.session.scalars(
        select(m.Subject)
        .where(or_(m.Subject.id.in_(taught), m.Subject.id.in_([one for one in counts if one is not None])))
        .order_by(m.Subject.transcript_order, m.Subject.id)
    )
    found = [Area(one.id, one.name, one.code, SubjectKind(one.kind), counts.get(one.id, 0)) for one in subjects]
    if actor.homeroom or None in counts:
        found.append(Area(None, HOMEROOM_NAME, n_phrases=counts.get(None, 0)))
    return tuple(found)


def area_of(actor: Actor, subject_id: int | None) -> Area:
    """One bank; NotFound when this person has no such bank."""
    for area in areas(actor):
        if area.subject_id == subject_id:
            return area
    raise NotFound("Thầy, cô không có ngân hàng câu của môn này.")


def bank(actor: Actor, subject_id: int | None) -> tuple[Phrase, ...]:
    """The person's phrases of a subject, level by level in their order; nothing for somebody without any."""
    if actor.person_id is None:
        return ()
    found = db.session.connection().execute(_BANK, {"person_id": actor.person_id, "subject_id": subject_id})
    rows = sorted(found, key=lambda row: _LEVEL_ORDER.index(row.level))  # stable: keeps the positions
    return tuple(Phrase(row.id, row.level, row.text, row.version) for row in rows)


def offered(actor: Actor, subject_id: int | None) -> tuple[Starter, ...]:
    """What of the starting set does not stand in the person's bank yet."""
    area = area_of(actor, subject_id)
    own = {(phrase.level, phrase.text) for phrase in bank(actor, subject_id)}
    return tuple(one for one in starters_for(area.code, area.kind) if (one.level, one.text) not in own)


def add(actor: Actor, subject_id: int | None, *, level: str, text: str, now: datetime) -> Phrase:
    """Put a phrase at the end of its level; the same again writes nothing.

    Raises NotFound for a bank that is not this person's; Invalid for a level the bank has not, a text that is empty, too
    long, not printable or names a pupil, and for a full level.
    """
    with write_transaction():
        area = area_of(actor, subject_id)
        words = _read(actor, area, level, text)
        found = [row for row in _rows(actor, subject_id) if row.level == level]
        for row in found:
            if row.text == words:
                return Phrase(row.id, row.level, row.text, row.version)
        row = _put(actor, area, level, words, found, now)
        _record(actor, area, now, act="added", level=level, texts=[words])
        return Phrase(row.id, row.level, row.text, row.version)


def copy_in(actor: Actor, subject_id: int | None, keys: Sequence[str], now: datetime) -> int:
    """Copy phrases of the starting set, named by their keys, into the bank; how many were new.

    Unknown keys and phrases that stand there already are passed over. Raises NotFound like :func:`add`, Invalid when a
    level would hold too many.
    """
    with write_transaction():
        area = area_of(actor, subject_id)
        wanted = [one for one in offered(actor, subject_id) if one.key in set(keys)]
        rows = _rows(actor, subject_id)
        for one in wanted:
            rows.append(_put(actor, area, one.level, one.text, [row for row in rows if row.level == one.level], now))
        if wanted:
            _record(actor, area, now, act="copied", level="", texts=[one.text for one in wanted])
        return len(wanted)


def change(actor: Actor, phrase_id: int, *, level: str, text: str, expected_version: int, now: datetime) -> Phrase:
    """Other words or another level; the same again writes nothing. Raises like :func:`add`, and Stale."""
    with write_transaction():
        row = _own(actor, phrase_id)
        area = area_of(actor, row.subject_id)
        words = _read(actor, area, level, text)
        if (row.level, row.text) == (level, words):
            return Phrase(row.id, row.level, row.text, row.version)
        if row.version != expected_version:
            raise Stale("Câu này vừa được sửa ở một cửa sổ khác. Xin xem lại; chưa có gì thay đổi.")
        before = {"level": row.level, "text": row.text}
        values = {"level": level, "text": words, "version": row.version + 1, "updated_at": now}
        if level != row.level:
            there = [one for one in _rows(actor, row.subject_id) if one.level == level]
            _guard_room(there)
            values["position"] = max((one.position for one in there), default=0) + 1
        done = db.session.execute(
            update(m.RemarkPhrase)
            .where(m.RemarkPhrase.id == row.id, m.RemarkPhrase.version == expected_version)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        if done.rowcount == 0:  # type: ignore[attr-defined]
            raise Stale("Câu này vừa được sửa ở một cửa sổ khác. Xin xem lại; chưa có gì thay đổi.")
        db.session.refresh(row)
        _record(actor, area, now, act="changed", level=level, texts=[words], before=before)
        return Phrase(row.id, row.level, row.text, row.version)


def remove(actor: Actor, phrase_id: int, now: datetime) -> bool:
    """Take a phrase out of the bank. False when the person has no such phrase (the second click): nothing is written."""
    with write_transaction() as session:
        row = session.get(m.RemarkPhrase, phrase_id, populate_existing=True)
        if row is None or row.person_id != actor.person_id:
            return False
        area = area_of(actor, row.subject_id)
        before = {"level": row.level, "text": row.text}
        session.delete(row)
        session.flush()
        _record(actor, area, now, act="removed", level=row.level, texts=[], before=before)
        return True


def move(actor: Actor, phrase_id: int, *, up: bool, now: datetime) -> bool:
    """Exchange a phrase with the one before or after it in its level; False at the end of the row. NotFound for another's."""
    with write_transaction():
        row = _own(actor, phrase_id)
        area = area_of(actor, row.subject_id)
        there = [one for one in _rows(actor, row.subject_id) if one.level == row.level]
        at = [one.id for one in there].index(row.id)
        to = at - 1 if up else at + 1
        if not 0 <= to < len(there):
            return False
        there[at], there[to] = there[to], there[at]
        for place, one in enumerate(there, start=1):
            if one.position != place:
                one.position, one.updated_at = place, now
        db.session.flush()
        _record(actor, area, now, act="moved_up" if up else "moved_down", level=row.level, texts=[row.text])
        return True


# Built once: the page of every sheet and of every class runs it.
_BANK = (
    select(m.RemarkPhrase.id, m.RemarkPhrase.level, m.RemarkPhrase.text, m.RemarkPhrase.version)
    .where(
        m.RemarkPhrase.person_id == bindparam("person_id"),
        m.RemarkPhrase.subject_id.is_not_distinct_from(bindparam("subject_id")),
    )
    .order_by(m.RemarkPhrase.position, m.RemarkPhrase.id)
)


def _rows(actor: Actor, subject_id: int | None) -> list[m.RemarkPhrase]:
    of_area = m.RemarkPhrase.subject_id.is_(None) if subject_id is None else m.RemarkPhrase.subject_id == subject_id
    return list(
        db.session.scalars(
            select(m.RemarkPhrase)
            .where(m.RemarkPhrase.person_id == actor.person_id, of_area)
            .order_by(m.RemarkPhrase.position, m.RemarkPhrase.id)
            .execution_options(populate_existing=True)
        )
    )


def _own(actor: Actor, phrase_id: int) -> m.RemarkPhrase:
    row = db.session.get(m.RemarkPhrase, phrase_id, populate_existing=True)
    if row is None or row.person_id != actor.person_id:
        raise NotFound("Không có câu này trong ngân hàng của thầy, cô.")
    return row


def _read(actor: Actor, area: Area, level: str, text: str) -> str:
    if level not in area.levels:
        raise Invalid("Xin chọn mức của câu.", field="level")
    words = " ".join((nfc(text) or "").split())
    if not words:
        raise Invalid("Câu còn trống. Xin ghi ít nhất vài chữ.", field="text")
    if len(words) > LONGEST:
        raise Invalid(f"Câu dài {len(words)} chữ, tối đa {LONGEST}. Xin rút gọn.", field="text")
    reason = why_not_printed(words)
    if reason:
        raise Invalid(f"Câu {reason} Xin sửa lại.", field="text")
    name = name_within(words, "", _pupils(actor, area))
    if name:
        raise Invalid(
            f"Câu có tên học sinh “{name}”. Câu mẫu dùng cho nhiều em nên không ghi tên; xin thay bằng “em”.",
            field="text",
        )
    return words


def _pupils(actor: Actor, area: Area) -> list[str]:
    """Full names of everybody this bank may be used for."""
    if area.subject_id is None:
        of_mine = m.Enrollment.class_group_id.in_(actor.homeroom)
    else:
        of_mine = m.Enrollment.class_group_id.in_(
            select(m.ClassSubject.class_group_id).where(
                m.ClassSubject.id.in_(actor.teaching), m.ClassSubject.subject_id == area.subject_id
            )
        )
    return list(
        db.session.scalars(
            select(m.Student.full_name).join(m.Enrollment, m.Enrollment.student_id == m.Student.id).where(of_mine)
        )
    )


def _guard_room(there: Sequence[m.RemarkPhrase]) -> None:
    if len(there) >= MOST_IN_LEVEL:
        raise Invalid(f"Mức này đã có {MOST_IN_LEVEL} câu. Xin bỏ bớt câu ít dùng trước khi thêm.", field="level")


def _put(
    actor: Actor, area: Area, level: str, text: str, there: Sequence[m.RemarkPhrase], now: datetime
) -> m.RemarkPhrase:
    _guard_room(there)
    row = m.RemarkPhrase(
        person_id=actor.person_id,
        subject_id=area.subject_id,
        level=level,
        position=max((one.position for one in there), default=0) + 1,
        text=text,
        updated_at=now,
    )
    db.session.add(row)
    db.session.flush()
    return row


def _record(
    actor: Actor,
    area: Area,
    now: datetime,
    *,
    act: str,
    level: str,
    texts: Sequence[str],
    before: dict[str, str] | None = None,
) -> None:
    audit.record(
        AuditTag.PHRASES_CHANGED,
        actor,
        now,
        target_kind="person",
        target_id=actor.person_id,
        before=before,
        facts={"act": act, "for": area.name, "level": level, "texts": list(texts)},
    )
