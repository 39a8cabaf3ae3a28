"""The whole log as a file, for those who check it elsewhere (``documents/log_file.py``)."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import log_file
from hocbaso.errors import Unavailable
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import Actor

_ENTRY = m.AuditEntry.__table__


def write(actor: Actor, out: Path, now: datetime) -> int:
    """Write every entry, this taking among them, and return how many. The file is readable by its owner alone.

    Raises Unavailable where it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=out.suffix, dir=out.resolve().parent)  # 0600
    except OSError as problem:
        raise Unavailable(f"Không ghi được vào {out.parent}: {problem.strerror}.") from problem
    os.close(handle)
    temporary = Path(name)
    try:
        with write_transaction():
            audit.record(
                AuditTag.EXPORT_MADE, actor, now, target_kind="machine", target_id="audit", facts={"what": "audit"}
            )
        n_entries = 0
        columns = [_ENTRY.c[name] for name in log_file.COLUMNS]
        rows = db.session.connection().execute(
            select(*columns).order_by(_ENTRY.c.seq).execution_options(yield_per=2000)
        )
        with log_file.opened(temporary, "w") as lines:
            for row in rows.mappings():
                lines.write(log_file.line_of(dict(row)) + "\n")
                n_entries += 1
        temporary.replace(out)
    except OSError as problem:
        raise Unavailable(f"Không ghi được {out}: {problem.strerror}.") from problem
    finally:
        temporary.unlink(missing_ok=True)
    return n_entries
