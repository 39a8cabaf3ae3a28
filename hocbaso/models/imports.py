"""Imports that were applied, or wait as a previewed dry run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class ImportBatch(Base):
    """A workbook that was read: kept so that the preview and what is applied are the same bytes.

    ``score_sheet_id``: of a file that belongs to one sheet; its ``summary`` holds the plan itself, and no bytes are kept.
    """

    __tablename__ = "import_batch"
    __table_args__ = (CheckConstraint("state IN ('PREVIEW','APPLIED','DROPPED')", name="known_state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    score_sheet_id: Mapped[int | None] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    profile: Mapped[str] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(200))
    file_digest: Mapped[str] = mapped_column(String(64))
    file_bytes: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default="PREVIEW")
    summary: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
