"""Phrases that a teacher keeps for writing remarks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class RemarkPhrase(Base):
    """One phrase of one teacher. ``subject_id`` None: for the homeroom teacher's remark of the year.

    ``level``: the value of a level, or ``ANY``; ``position`` orders the phrases of one level. It names no pupil.
    """

    __tablename__ = "remark_phrase"
    __table_args__ = (
        CheckConstraint("level IN ('T','K','Đ','CĐ','ANY')", name="known_level"),
        CheckConstraint("text <> ''", name="says_something"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    level: Mapped[str] = mapped_column(String(3))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(String(300))
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
