"""A pupil's photo in the profile: set by who keeps the profile, seen by who reads it, gone from the store when it is taken away.

The digital transcript has no place for it (regulations 2.1, P3): it is for knowing the pupil, and counted in the measure "đủ".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists, select

from hocbaso import models as m
from hocbaso.db import Base, db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, document_pool, stored_documents, students
from hocbaso.services.access import Actor

KIND = "student_photo"
SECONDS = 20.0
"""What judging one photo may take."""


def having() -> frozenset[int]:
    """The pupils of whom there is a photo, by id."""
    return frozenset(db.session.scalars(select(m.StudentPhoto.student_id).where(m.StudentPhoto.digest.is_not(None))))


def of(student_id: int) -> m.StudentPhoto | None:
    """The photo's row of a pupil whose profile the caller has opened; None when there is no photo."""
    row = db.session.scalar(
        select(m.StudentPhoto).where(m.StudentPhoto.student_id == student_id).execution_options(populate_existing=True)
    )
    return row if row is not None and row.digest is not None else None


def remade(data: bytes) -> bytes:
    """The picture as it is kept, made in a process apart with bounded time and memory. Raises Invalid, Unavailable."""
    if not data:
        raise Invalid("Xin chọn ảnh.", field="photo")
    made: bytes = document_pool.apart("hocbaso.documents.portrait:remake", data, timeout=SECONDS)
    return made


def set_photo(actor: Actor, student_id: int, data: bytes, now: datetime) -> None:
    """Keep a pupil's photo in place of the one before. Raises NotFound, NotAllowed, Invalid, Unavailable."""
    _keeper_of(actor, student_id)
    picture = remade(data)
    keep(actor, {student_id: picture}, now, target=("student", student_id))


def remove_photo(actor: Actor, student_id: int, now: datetime) -> None:
    """Take the photo away, its file too. Raises NotFound (also when there is none), NotAllowed."""
    student = _keeper_of(actor, student_id)
    with write_transaction():
        row = of(student_id)
        if row is None or row.digest is None:
            raise NotFound("Hồ sơ này chưa có ảnh.")
        old, row.digest, row.set_at, row.setter_name = row.digest, None, now, actor.name
        _record(actor, now, ("student", student_id), [row], [student.full_name])
        _let_go(old)
    _clear([old])


def keep(actor: Actor, pictures: dict[int, bytes], now: datetime, *, target: tuple[str, int]) -> int:
    """Write pictures (as :func:`remade` makes them) by student id, all in one transaction. Returns how many are new.

    ``target``: what the log says they were sent to. Raises NotFound, NotAllowed; then nothing is written.
    """
    replaced: list[str] = []
    with write_transaction() as session:
        rows, names = [], []
        for student_id, picture in sorted(pictures.items()):
            student = _keeper_of(actor, student_id)
            row = session.scalar(
                select(m.StudentPhoto)
                .where(m.StudentPhoto.student_id == student_id)
                .execution_options(populate_existing=True)
            )
            digest = hashlib.sha256(picture).hexdigest()
            if row is not None and row.digest == digest:
                continue
            kept = stored_documents.keep(picture, KIND, "image/jpeg", now)
            if row is None:
                row = m.StudentPhoto(student_id=student_id)
                session.add(row)
            elif row.digest is not None:
                replaced.append(row.digest)
            row.digest, row.set_at, row.setter_name = kept, now, actor.name
            rows.append(row)
            names.append(student.full_name)
        session.flush()
        if rows:
            _record(actor, now, target, rows, names)
        for old in replaced:
            _let_go(old)
    _clear(replaced)
    return len(rows)


def picture_for(actor: Actor, student_id: int) -> bytes:
    """The kept JPEG, for whoever reads the profile. NotFound for others and when there is none, IntegrityFault."""
    row = of(student_id) if students.opens_profile(actor, student_id) else None
    if row is None or row.digest is None:
        raise NotFound("Không có ảnh này trong phần việc của thầy, cô.")
    return stored_documents.read(row.digest)


def _keeper_of(actor: Actor, student_id: int) -> m.Student:
    student = db.session.get(m.Student, student_id, populate_existing=True)
    if student is None or not students.opens_profile(actor, student_id):
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    if not students.editable_fields(actor, student):
        raise NotAllowed("Ảnh do giáo viên chủ nhiệm và văn thư giữ.")
    return student


def _record(
    actor: Actor, now: datetime, target: tuple[str, int], rows: Iterable[m.StudentPhoto], names: list[str]
) -> None:
    audit.record(
        AuditTag.STUDENT_PHOTO_CHANGED,
        actor,
        now,
        target_kind=target[0],
        target_id=target[1],
        state=audit.states("student_photo", rows),
        facts={"students": names},
    )


def _let_go(digest: str) -> None:
    """Forget the row of a photo that nothing has any more: no pupil, and no paper as which somebody sent the same file. Nothing of another
    kind is ever forgotten."""
    db.session.flush()
    stored = db.session.get(m.StoredDocument, digest)
    if stored is not None and stored.kind == KIND and not _is_used(digest):
        db.session.delete(stored)
        db.session.flush()


def _is_used(digest: str) -> bool:
    """Whether any row of any table names the file."""
    wanted = m.StoredDocument.__table__.c.digest
    columns = (column for table in Base.metadata.tables.values() for column in table.columns)
    named = [column for column in columns if any(key.column is wanted for key in column.foreign_keys)]
    return any(db.session.scalar(select(exists().where(column == digest))) for column in named)


def forget_left() -> int:
    """Take away pictures in the store that no row names: of a photo whose row went just before the machine stopped. How many.

    In a transaction of its own, as :func:`_clear`: whoever keeps a picture writes file and row in one.
    """
    n_gone, store = 0, document_pool.document_store()
    with write_transaction() as session:
        named = set(session.scalars(select(m.StoredDocument.digest)))
        for digest in store.digests():
            if digest not in named:
                with store.path(digest).open("rb") as opened:
                    is_picture = opened.read(3) == b"\xff\xd8\xff"
                if is_picture:
                    store.path(digest).unlink()
                    n_gone += 1
    return n_gone


def _clear(digests: Iterable[str]) -> None:
    """Take the files of forgotten rows away: a picture of a child stays no longer than somebody wants it.

    After the transaction, so that no row is ever without its file; in one of its own, so that nobody keeps the same picture meanwhile.
    """
    for digest in digests:
        with write_transaction():
            if db.session.get(m.StoredDocument, digest, populate_existing=True) is None:
                document_pool.document_store().path(digest).unlink(missing_ok=True)
