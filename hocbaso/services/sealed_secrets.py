"""Whether what lies sealed in the database can still be opened with the secrets that lie beside it: told without any PIN.

A school that restores a backup finds out here, and not when somebody signs, that a secret was lost: without
``keys/signing_secret`` no signing key opens, without the machine's own secret no code of a telephone is right, without
``keys/instance-*.pem`` no record can be built.
"""

from __future__ import annotations

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import signers
from hocbaso.errors import IntegrityFault
from hocbaso.services import document_pool, instance_keys, second_factor
from hocbaso.services.certificates import owner_of
from hocbaso.services.signing_secret import stored_secret

_HELP = "Lấy lại tệp ấy từ một bản sao lưu khác; nếu không còn, những người này đăng ký lại chứng thư số."


def problems() -> list[str]:
    """One sentence a secret that is missing or is not the one that sealed, with whose; empty when nothing speaks against any."""
    return [*_signing_keys(), *_second_factors(), *instance_keys.file_faults()]


def _signing_keys() -> list[str]:
    rows = list(
        db.session.scalars(
            select(m.Certificate).where(m.Certificate.key_envelope.is_not(None)).order_by(m.Certificate.id)
        )
    )
    if not rows:
        return []
    everybody = ", ".join(dict.fromkeys(owner_of(row.person) for row in rows))
    secret = stored_secret()
    if secret is None:
        return [f"Thiếu tệp keys/signing_secret nên không mở được khoá ký của: {everybody}. {_HELP}"]
    if len(secret) != 32:
        return [f"Tệp keys/signing_secret bị hỏng nên không mở được khoá ký của: {everybody}. {_HELP}"]
    found: list[str] = []
    strange: list[str] = []
    for row in rows:
        try:
            if signers.is_sealed_with(row.key_envelope or b"", secret) is False:
                strange.append(owner_of(row.person))
        except IntegrityFault as fault:
            found.append(f"{owner_of(row.person)}: {fault.message}")
    if strange:
        names = ", ".join(dict.fromkeys(strange))
        found.append(f"Tệp keys/signing_secret không phải tệp đã niêm phong khoá ký của: {names}. {_HELP}")
    return found


def _second_factors() -> list[str]:
    secret = document_pool.config().secret_key
    closed = []
    for account in db.session.scalars(
        select(m.Account).where(m.Account.totp_secret.is_not(None)).order_by(m.Account.id)
    ):
        try:
            second_factor.unseal(account.totp_secret or "", account.id, secret)
        except (IntegrityFault, ValueError):
            closed.append(account.username)
    if not closed:
        return []
    return [
        f"Không mở được khoá xác nhận hai lớp của: {', '.join(closed)}. Bí mật của máy (secret_key) không phải bí mật đã niêm "
        "phong chúng: lấy lại tệp ấy từ một bản sao lưu khác, hoặc đặt lại xác nhận hai lớp cho những người này."
    ]
