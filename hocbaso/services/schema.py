"""The database schema brought to the program's revision, at start and before loading."""

from __future__ import annotations

import logging
from pathlib import Path

import flask_migrate

from hocbaso.config import PROJECT_ROOT


def upgrade() -> None:
    """Apply pending migrations; a new database gets the whole schema."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    flask_migrate.upgrade(directory=str(Path(PROJECT_ROOT) / "migrations"))
