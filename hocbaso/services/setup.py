"""The first run: a school that does not exist yet, from an empty database to its first accounts.

Everything here acts as the recorded system actor, and only while no account exists. A one-time code, printed on the
server's console, keeps a stranger on the same network from taking the school.
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.content_rules import is_lookup_url
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.drawn_letters import why_not_a_name
from hocbaso.regulations.identifiers import check_school_code
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.vietnamese_names import normalise_name
from hocbaso.services import accounts, audit, role_grants, roster
from hocbaso.services.access import SYSTEM

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_FILE = "setup_code"

SCHOOL_COLUMNS = (
    "name",
    "code",
    "department_code",
    "department_name",
    "commune",
    "commune_kind",
    "province",
    "province_kind",
    "place_name",
    "lookup_url",
)


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """Somebody who gets an account and a role on the first day."""

    role: Role
    full_name: str
    staff_code: str
    username: str | None = None


# --- the code on the console ------------------------------------------------------------------------------------------


def ensure_code(instance: Path) -> str | None:
    """The set-up code of an instance without accounts (made on first use, 0600); None, and no file, once accounts exist."""
    path = instance / _CODE_FILE
    if not accounts.no_account_yet():
        path.unlink(missing_ok=True)
        return None
    if not path.exists():
        drawn = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(drawn)
    drawn = path.read_text(encoding="ascii").strip()
    return "-".join(drawn[start : start + 4] for start in range(0, len(drawn), 4))


def code_matches(instance: Path, typed: str) -> bool:
    """Whether the typed code is the one on the console (blanks, dashes and case do not matter)."""
    path = instance / _CODE_FILE
    if not path.exists():
        return False
    bare = "".join(letter for letter in typed.upper() if letter.isalnum())
    return hmac.compare_digest(bare.encode(), path.read_text(encoding="ascii").strip().encode())


def close(instance: Path) -> None:
    """End set-up: the code is worth nothing any more."""
    (instance / _CODE_FILE).unlink(missing_ok=True)


def is_open(instance: Path) -> bool:
    """Whether the wizard may be shown: no account yet, or its last page (certificates) not yet left."""
    return accounts.no_account_yet() or (instance / _CODE_FILE).exists()


def _only_in_setup() -> None:
    if not accounts.no_account_yet():
        raise WrongState("Trường đã hoạt động, không thiết lập lại được ở đây.")


# --- steps ------------------------------------------------------------------------------------------------------------


def school_values() -> dict[str, Any]:
    """What is known of the school so far (an import may have named it)."""
    school = roster.the_school()
    return {name: getattr(school, name) for name in SCHOOL_COLUMNS} if school else {}


def save_school(values: dict[str, Any], now: datetime) -> None:
    """Enter the school, or correct what was entered or imported before. WrongState once accounts exist."""
    _only_in_setup()
    cleaned = {
        name: (" ".join(str(values[name]).split()) or None) if values.get(name) else None
        for name in SCHOOL_COLUMNS
        if name in values
    }
    if not cleaned.get("name"):
        raise Invalid("Xin ghi tên trường.", field="name")
    if code := cleaned.get("code"):
        try:
            cleaned["code"] = check_school_code(code)
        except Invalid as wrong:
            raise Invalid(wrong.message, field="code") from None
    if (url := cleaned.get("lookup_url")) and not is_lookup_url(url):
        host = url.split("://")[-1].strip("/").split("/")[0]
        proposed = f"https://{host}/xac-thuc"
        example = proposed if is_lookup_url(proposed) else "https://hocba.thcsdongsen.edu.vn/xac-thuc"
        raise Invalid(
            f"Địa chỉ này đi vào mã QR của mọi học bạ nên phải đủ http:// hoặc https:// và tên máy, ví dụ: {example}",
            field="lookup_url",
        )
    for name in ("commune_kind", "province_kind"):
        if cleaned.get(name) is None:
            cleaned.pop(name, None)
    school = roster.the_school()
    if school is None:
        roster.create_school(SYSTEM, cleaned, now)
        return
    with write_transaction() as session:
        session.refresh(school)
        before = {name: getattr(school, name) for name, value in cleaned.items() if getattr(school, name) != value}
        if not before:
            return
        for name in before:
            setattr(school, name, cleaned[name])
        school.version += 1
        session.flush()
        audit.record(
            AuditTag.SCHOOL_CHANGED,
            SYSTEM,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("school", [school]),
            before=before,
        )


def proposed_year(today: date) -> dict[str, Any]:
    """The calendar's defaults for the school year of a day (June still belongs to the year that ended)."""
    first = today.year if today.month >= 7 else today.year - 1
    return roster.year_defaults(f"{first}-{first + 1}")


def save_year(label: str, dates: dict[str, date], now: datetime) -> None:
    """Open the first school year with these dates. Nothing happens for a year that is there; Invalid for a wrong order."""
    _only_in_setup()
    if db.session.scalar(select(m.SchoolYear.id).where(m.SchoolYear.label == label.replace("–", "-").strip())):
        return
    values = {**roster.year_defaults(label), **dates}
    if (
        not values["starts_on"]
        < values["data_complete_before"]
        <= values["sign_grade9_before"]
        <= values["sign_others_before"]
    ):
        raise Invalid(
            "Các hạn cần theo thứ tự: khai giảng, xong dữ liệu, ký khối 9, ký các khối khác.",
            field="data_complete_before",
        )
    if values["ends_on"] <= values["starts_on"]:
        raise Invalid("Ngày kết thúc năm học phải sau ngày bắt đầu.", field="ends_on")
    label = values.pop("label")
    roster.create_year(SYSTEM, label, now, **values)


def has_year() -> bool:
    """Whether a school year is open."""
    return db.session.scalar(select(m.SchoolYear.id).limit(1)) is not None


REQUIRED = (Role.PRINCIPAL, Role.IT_OFFICER)


def first_accounts(people: list[FirstPerson], now: datetime) -> list[accounts.FirstPassword]:
    """Enter the first people with their roles and accounts; the one-time passwords, each shown once.

    A staff code that was imported before takes the imported person. Invalid when the principal or the IT officer is
    missing or a code stands twice; WrongState once accounts exist. All or nothing.
    """
    _only_in_setup()
    if roster.the_school() is None or not has_year():
        raise WrongState("Xin khai báo trường và năm học trước.")
    for role in REQUIRED:
        if not any(person.role is role for person in people):
            raise Invalid("Cần ít nhất Hiệu trưởng và người phụ trách CNTT.", field=role.value)
    codes = [person.staff_code.strip().upper() for person in people]
    if len(set(codes)) != len(codes):
        raise Invalid("Mỗi người cần một mã riêng.", field="staff_code")
    # Hashing four passwords takes half a second; during set-up nobody else waits for the write lock.
    with write_transaction() as session:
        opened = []
        for person, code in zip(people, codes, strict=True):
            if not person.full_name.strip() or not code:
                raise Invalid("Xin ghi đủ họ tên và mã của từng người.", field=person.role.value)
            if why := why_not_a_name(normalise_name(person.full_name)):
                raise Invalid(f"Họ và tên {why}", field=person.role.value)
            row = session.scalar(select(m.Person).where(m.Person.staff_code == code))
            if row is None:
                row = roster.create_person(
                    SYSTEM, {"staff_code": code, "full_name": normalise_name(person.full_name), "joined_on": None}, now
                )
            role_grants.grant_role(SYSTEM, row.id, person.role, now, starts_on=clock.local_date(now))
            opened.append(accounts.create_account(SYSTEM, row.id, now, username=person.username))
    return opened


def restore(instance: Path, archive: Path) -> list[str]:
    """Put a backup into this empty instance; the names restored. The caller takes over the restored secret key.

    WrongState once accounts exist; IntegrityFault for a damaged archive (then nothing has changed).
    """
    _only_in_setup()
    from hocbaso.services import backups

    names = backups.restore_here(archive)
    close(instance)
    return names


__all__ = [
    "REQUIRED",
    "FirstPerson",
    "close",
    "code_matches",
    "ensure_code",
    "first_accounts",
    "has_year",
    "is_open",
    "proposed_year",
    "restore",
    "save_school",
    "save_year",
    "school_values",
]
