"""Running the school's plan: announcements, training, tasks of the board, inventory of readiness."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.people import Person


class Announcement(Base):
    """Thông báo. Never edited: withdrawn, and posted anew."""

    __tablename__ = "announcement"
    __table_args__ = (
        CheckConstraint("audience IN ('inside','public')", name="known_audience"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_after_it_starts"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawer_name IS NULL)", name="withdrawn_by_somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(150))
    body: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(String(10))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    posted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    posted_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    poster_name: Mapped[str] = mapped_column(String(120))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawer_name: Mapped[str | None] = mapped_column(String(120))


class AnnouncementRead(Base):
    """Who has put an announcement aside."""

    __tablename__ = "announcement_read"

    announcement_id: Mapped[int] = mapped_column(ForeignKey("announcement.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AnnouncementMail(Base):
    """To whom an announcement went by mail: once, whatever happens."""

    __tablename__ = "announcement_mail"

    announcement_id: Mapped[int] = mapped_column(ForeignKey("announcement.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    mailed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TrainingSession(Base):
    """A training day (tập huấn)."""

    __tablename__ = "training_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    held_on: Mapped[date]
    organiser: Mapped[str] = mapped_column(String(200))
    place: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int] = mapped_column(default=1)

    attendance: Mapped[list[TrainingAttendance]] = relationship()


class TrainingAttendance(Base):
    """Whether somebody was at a training day. Rows are never deleted."""

    __tablename__ = "training_attendance"
    __table_args__ = (UniqueConstraint("training_session_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    training_session_id: Mapped[int] = mapped_column(ForeignKey("training_session.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    attended: Mapped[bool]


class BoardTask(Base):
    """A task of the Ban quản lý Học bạ số: whose it is, by when, and what shows that it is done."""

    __tablename__ = "board_task"
    __table_args__ = (
        CheckConstraint("state IN ('OPEN','DONE','DROPPED')", name="known_state"),
        CheckConstraint("state <> 'DONE' OR evidence IS NOT NULL", name="done_with_evidence"),
        Index("ix_board_task_year", "school_year_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"))
    title: Mapped[str] = mapped_column(String(200))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    due_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="OPEN")
    evidence: Mapped[str | None] = mapped_column(String(500))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_name: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)

    person: Mapped[Person | None] = relationship()
    files: Mapped[list[BoardTaskFile]] = relationship(order_by="BoardTaskFile.id")

    @property
    def shown_files(self) -> tuple[BoardTaskFile, ...]:
        """Those that nobody has taken out."""
        return tuple(file for file in self.files if file.removed_at is None)


class BoardTaskFile(Base):
    """A photo, scan or PDF that shows that a task is done; the file lies in the store under its digest.

    A wrong one is taken out of sight and stays: who, when and why stand in the row. ``added_by`` NULL: from before that was kept.
    """

    __tablename__ = "board_task_file"
    __table_args__ = (
        CheckConstraint(
            "(removed_at IS NULL) = (remover_name IS NULL) AND (removed_at IS NULL) = (removed_reason IS NULL)",
            name="removed_by_somebody_for_a_reason",
        ),
        Index(
            "uq_board_task_file_shown",
            "board_task_id",
            "digest",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_task_id: Mapped[int] = mapped_column(ForeignKey("board_task.id"))
    digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    file_name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    n_bytes: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    adder_name: Mapped[str] = mapped_column(String(120))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remover_name: Mapped[str | None] = mapped_column(String(120))
    removed_reason: Mapped[str | None] = mapped_column(String(300))


class InventoryItem(Base):
    """One line of the inventory of readiness: a device, a line, a kind of account or certificate, a gift."""

    __tablename__ = "inventory_item"
    __table_args__ = (
        CheckConstraint("kind IN ('device','line','software','certificate','gift')", name="known_kind"),
        CheckConstraint("n_ready BETWEEN 0 AND n_needed", name="ready_of_needed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(15))
    name: Mapped[str] = mapped_column(String(200))
    n_needed: Mapped[int]
    n_ready: Mapped[int]
    note: Mapped[str | None] = mapped_column(String(300))
    checked_on: Mapped[date]
    checker_name: Mapped[str] = mapped_column(String(120))
    dropped: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
