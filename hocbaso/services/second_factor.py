"""Codes from a telephone (TOTP, RFC 6238): set up once, asked at each sign-in of those who hold the school's keys.

The secret lies in the table sealed with the machine's secret and bound to its account, so a copied database alone
yields no code. A time step is accepted once.
"""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import or_, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import Actor

STEP = 30
ISSUER = "Học bạ số"


def _key(machine_secret: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"hocbaso second factor v1").derive(
        machine_secret.encode()
    )


def seal(secret: str, account_id: int, machine_secret: str) -> str:
    """The secret as it lies in the table."""
    nonce = os.urandom(12)
    sealed = AESGCM(_key(machine_secret)).encrypt(nonce, secret.encode(), b"account:%d" % account_id)
    return base64.b64encode(nonce + sealed).decode()


def unseal(stored: str, account_id: int, machine_secret: str) -> str:
    """The secret of an account; IntegrityFault when the machine's secret changed or the row was tampered with."""
    raw = base64.b64decode(stored)
    try:
        return AESGCM(_key(machine_secret)).decrypt(raw[:12], raw[12:], b"account:%d" % account_id).decode()
    except InvalidTag:
        raise IntegrityFault(
            "Không mở được khoá xác nhận hai lớp của tài khoản này. Xin nhờ người phụ trách CNTT đặt lại."
        ) from None


def new_secret() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def address(secret: str, username: str, school_name: str | None) -> str:
    """The ``otpauth:`` address for the picture."""
    return pyotp.TOTP(secret).provisioning_uri(
        name=f"{username} · {school_name}" if school_name else username, issuer_name=ISSUER
    )


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code was typed (this one or a neighbour), or None."""
    digits = "".join(letter for letter in code if letter.isdigit())
    if len(digits) != 6:
        return None
    present = int(now.timestamp()) // STEP
    generator = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(generator.at(step * STEP), digits):
            return step
    return None


WRONG_CODE = "Mã chưa đúng hoặc đã dùng rồi. Xin đợi mã mới trên điện thoại; giờ của điện thoại cần đúng."


def enrol(actor: Actor, secret: str, code: str, machine_secret: str, *, now: datetime) -> None:
    """Bind a telephone to the actor's account, proven by one code. Invalid for a wrong code."""
    step = matching_step(secret, code, now)
    if step is None:
        raise Invalid(WRONG_CODE, field="code")
    with write_transaction() as session:
        account = session.get(m.Account, actor.account_id, populate_existing=True)
        if account is None:
            raise NotFound("Tài khoản không còn hoạt động.")
        account.totp_secret = seal(secret, account.id, machine_secret)
        account.totp_last_step = step
        audit.record(
            AuditTag.SECOND_FACTOR_SET,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account], secrets=("second_factor_digest",)),
        )


def check(account_id: int, code: str, machine_secret: str, *, now: datetime) -> None:
    """Accept a code of the account once. Invalid for a wrong or used one; wrong codes count as wrong passwords."""
    account = db.session.get(m.Account, account_id, populate_existing=True)
    if account is None or account.totp_secret is None:
        raise NotFound("Tài khoản này chưa đặt xác nhận hai lớp.")
    step = matching_step(unseal(account.totp_secret, account_id, machine_secret), code, now)
    with write_transaction() as session:
        used = step is not None and session.scalar(
            update(m.Account)
            .where(m.Account.id == account_id, or_(m.Account.totp_last_step.is_(None), m.Account.totp_last_step < step))
            .values(totp_last_step=step, n_failed=0, failed_at=None)
            .returning(m.Account.id)
        )
        if not used:
            session.execute(
                update(m.Account)
                .where(m.Account.id == account_id)
                .values(n_failed=m.Account.n_failed + 1, failed_at=now)
            )
    if not used:
        raise Invalid(WRONG_CODE, field="code")


def forget(actor: Actor, account: m.Account, *, now: datetime) -> None:
    """Unbind the telephone (lost or changed); the next sign-in asks for a new one. Joins the caller's transaction."""
    with write_transaction():
        account.totp_secret = None
        account.totp_last_step = None
        audit.record(
            AuditTag.SECOND_FACTOR_SET,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account], secrets=("second_factor_digest",)),
            facts={"forgotten": True},
        )
