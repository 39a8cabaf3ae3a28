"""Whether an account's password and second factor are those that the log last told of.

The log keeps digests of the stored values (``audit.WATCHED``), so a hash put into the table by another program is found, and it
opens nothing. An account entered before digests were kept has none until its password or telephone is next changed: until then
there is nothing to compare.
"""

from __future__ import annotations

import json

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import audit

ALTERED = (
    "Tài khoản này đã bị sửa ngoài phần mềm nên không dùng được. Xin báo Hiệu trưởng; người phụ trách máy chủ "
    "xem bằng lệnh flask audit verify rồi cấp lại mật khẩu."
)


def is_as_written(account: m.Account) -> bool:
    """Whether each stored secret is what the last entry about it says; True where no entry tells of it."""
    present = audit.state_of("account", account)
    return all(
        written is None or written[name] == present[name]
        for name in ("password_digest", "second_factor_digest")
        for written in (_last_told(account, name),)
    )


def _last_told(account: m.Account, name: str) -> dict[str, str | None] | None:
    entry = m.AuditEntry
    payload = db.session.scalar(
        select(entry.payload)
        .where(
            entry.target_kind == "account",
            entry.target_id == str(account.id),
            entry.payload.contains(f'"{name}"', autoescape=True),
        )
        .order_by(entry.seq.desc())
        .limit(1)
    )
    if payload is None:
        return None
    told: dict[str, str | None] = json.loads(payload)["state"]["account"][str(account.id)]
    return told
