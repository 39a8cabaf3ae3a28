"""A school whose seal has stated the instance's key, and forgers of every kind, for the tests of what the machine signs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from hocbaso.documents import instance_keys as ik
from hocbaso.documents import offline_page
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.trust import Trust

from .conftest import NOW, World
from .samples import KEY, SCHOOL

YEAR = timedelta(days=365)


def seal_of(authority: TestAuthority, school: str, **options: Any) -> SoftwareKeySigner:
    """A seal's key of a school under an authority."""
    return SoftwareKeySigner(*authority.issue(school, now=NOW, organisation=school, **options))


def signed(draft: dict[str, Any], seal: SoftwareKeySigner) -> dict[str, Any]:
    """A statement or withdrawal with a seal's signature."""
    raw = seal.sign_digest(hashlib.sha256(ik.message(draft)).digest())
    return {**draft, "signature": ik.b64(raw)}


def stated(
    key: ec.EllipticCurvePrivateKey,
    seal: SoftwareKeySigner,
    school: str = SCHOOL.name,
    code: str = SCHOOL.code,
    since: datetime = NOW - timedelta(days=30),
) -> dict[str, Any]:
    """A seal's statement on a key."""
    public = ik.spki(key.public_key())
    return signed(ik.statement(public, school, code, since, since + 2 * YEAR, seal.chain, NOW), seal)


def withdrawn(
    key: ec.EllipticCurvePrivateKey, seal: SoftwareKeySigner, school: str = SCHOOL.name, code: str = SCHOOL.code
) -> dict[str, Any]:
    """A seal's withdrawal of a key."""
    key_id = ik.key_id_of(ik.spki(key.public_key()))
    return signed(ik.withdrawal(key_id, school, code, "Mất ổ đĩa sao lưu", NOW, seal.chain, NOW), seal)


@dataclass(frozen=True)
class Machine:
    """The school of ``World`` with its key, stated by its seal."""

    world: World
    key: ec.EllipticCurvePrivateKey
    statement: dict[str, Any]
    lists: tuple[bytes, ...]

    @property
    def trust(self) -> Trust:
        """Roots and lists of the school, on the day."""
        return Trust.of(self.world.roots, self.lists, NOW)

    def page(self, documents: list[dict[str, Any]] | None = None) -> bytes:
        """The page for offline checks."""
        return offline_page.build_page(
            school=(SCHOOL.name, SCHOOL.code),
            lookup_url=SCHOOL.lookup_url,
            roots=[offline_page.PageRoot(offline_page.der_of(self.world.authority.root_pem.decode()), True)],
            lists=self.lists,
            documents=[self.statement] if documents is None else documents,
            as_of=NOW,
        )


def machine_of(world: World) -> Machine:
    """The machine of the tests' school."""
    key = ik.key_from_bytes(KEY)
    return Machine(world, key, stated(key, world.signers["seal"]), world.authority.crls(NOW))  # type: ignore[arg-type]
