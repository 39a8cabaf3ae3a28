"""Keys of a demonstration school: a test authority made on the fly and a certificate for everybody who signs.

Everything made here is marked ``is_test`` and says so in the certificates themselves; nothing of it has legal value. The PINs lie
in ``keys/demo-pins.json`` (0600), so that the commands of a demonstration instance can sign without asking.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import signers
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import WrongState
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    certificate_register,
    certificates,
    document_pool,
    instance_keys,
    signing_secret,
    trust_roots,
)
from hocbaso.services.access import Actor
from hocbaso.services.in_force import in_force
from hocbaso.services.transcript_contents import homeroom_person, principal_person

DEMO_PIN = "27182818"
"""The PIN of every key of a demonstration school."""

SEAL = "seal"


def make_demo_keys(actor: Actor, now: datetime) -> dict[str, str]:
    """Make what is missing: authority, trusted root, and a key for the principal, the deputies, all homeroom teachers and the seal.

    Returns ``{staff code or "seal": PIN}``, the same as the file. A second call makes keys only for new signers.
    Raises WrongState outside a demonstration school.
    """
    school = db.session.get(m.School, 1)
    if school is None or not school.is_demo:
        raise WrongState("Chỉ trường mẫu mới được tạo chứng thư thử nghiệm.")
    authority = _authority(now)
    trust_roots.add_trust_root(actor, authority.root_pem, now, is_test=True, crls=authority.crls(now, days=3650))
    pins = read_demo_pins()
    secret = signing_secret.server_secret()
    for person in _people_who_sign(now):
        if person.staff_code in pins and certificates.current_certificate(person.id) is not None:
            continue
        _issue(actor, authority, person, school.name, secret, now)
        pins[person.staff_code] = DEMO_PIN
    if SEAL not in pins or certificates.current_certificate(None) is None:
        _issue(actor, authority, None, school.name, secret, now)
        pins[SEAL] = DEMO_PIN
    _write_private(_pin_file(), json.dumps(pins, ensure_ascii=False, indent=1, sort_keys=True).encode())
    instance_keys.certify(actor, DEMO_PIN, now)
    return pins


def _people_who_sign(now: datetime) -> list[m.Person]:
    """Everybody who is principal, vice-principal or delegate today, and every homeroom teacher of any year."""
    roles = [role.value for role in (Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.DELEGATE)]
    leaders = select(m.RoleGrant.person_id).where(
        m.RoleGrant.role.in_(roles), in_force(m.RoleGrant, clock.local_date(now))
    )
    homeroom = select(m.HomeroomAssignment.person_id)
    return list(
        db.session.scalars(select(m.Person).where(m.Person.id.in_(leaders.union(homeroom))).order_by(m.Person.id))
    )


def replace_with_short_one(actor: Actor, person_id: int, days: int, now: datetime) -> None:
    """Give somebody who has a key of the demonstration school a new one that ends in ``days``: what warnings are about.

    Raises WrongState outside a demonstration school.
    """
    school, person = db.session.get(m.School, 1), db.session.get_one(m.Person, person_id)
    if school is None or not school.is_demo or person.staff_code not in read_demo_pins():
        raise WrongState("Chỉ trường mẫu mới được tạo chứng thư thử nghiệm.")
    _issue(actor, _authority(now), person, school.name, signing_secret.server_secret(), now, days=days)


def _issue(
    actor: Actor,
    authority: TestAuthority,
    person: m.Person | None,
    school_name: str,
    secret: bytes,
    now: datetime,
    *,
    days: int = 1825,
) -> None:
    key, chain = authority.issue(
        person.full_name if person else school_name,
        now=now,
        organisation=school_name,
        personal_id=person.personal_id_number if person else None,
        days=days,
    )
    owner = certificates.owner_key(person.id if person else None)
    imported = signers.imported(key, chain, owner=owner, pin=DEMO_PIN, server_secret=secret)
    certificate_register.store_key(actor, imported, person, now, is_test=True, replace=True)


def read_demo_pins() -> dict[str, str]:
    """The PINs of a demonstration instance by staff code and ``"seal"``; empty elsewhere."""
    path = _pin_file()
    if not path.is_file():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _pin_file() -> Path:
    return document_pool.config().keys / "demo-pins.json"


def _authority(now: datetime) -> TestAuthority:
    """The instance's test authority, made once; its keys lie in ``keys/test-authority/`` (0600)."""
    folder = document_pool.config().keys / "test-authority"
    if (folder / "root.key").is_file():
        return TestAuthority.load({path.name: path.read_bytes() for path in folder.iterdir()})
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = TestAuthority.create(now)
    for name, data in sorted(authority.dump().items()):
        _write_private(folder / name, data)
    return authority


def _write_private(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
    os.replace(scratch, path)


def demo_seal_pin(actor: Actor) -> str | None:
    """The seal's PIN of a demonstration instance, for the system actor; None for everybody else."""
    return read_demo_pins().get(SEAL) if actor.is_system else None


def demo_pin_for(actor: Actor, class_group_id: int, role: str, now: datetime) -> str | None:
    """The PIN with which the system actor signs a class of a demonstration instance; None for everybody else."""
    pins = read_demo_pins() if actor.is_system else {}
    if not pins:
        return None
    if role == SEAL:
        return pins.get(SEAL)
    if role == "homeroom":
        return pins.get(homeroom_person(class_group_id, clock.local_date(now)).staff_code)
    principal = principal_person(clock.local_date(now))
    return pins.get(principal.staff_code) if principal else None
