"""The page that checks papers without network, made of what this school trusts and of its keys; and what proves that a file is that page."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import instance_keys as ik
from hocbaso.documents import offline_page
from hocbaso.errors import WrongState
from hocbaso.services import instance_keys, trust_roots

FILE_NAME = "kiem-tra-hoc-ba.html"


@dataclass(frozen=True, slots=True)
class OfflinePage:
    """The page's bytes and their SHA-256 (hex)."""

    data: bytes
    digest: str

    @property
    def digest_words(self) -> str:
        """The digest in groups of four, to be compared with a printed one."""
        return " ".join(self.digest.upper()[i : i + 4] for i in range(0, 64, 4))


_LOCK = threading.Lock()
_KEPT: dict[bytes, OfflinePage] = {}


def page() -> OfflinePage:
    """The page of today: the same bytes until roots, lists or keys change. Raises WrongState before the school is declared."""
    school = db.session.get(m.School, 1)
    if school is None:
        raise WrongState("Trường chưa được khai báo.")
    documents = instance_keys.public_documents()
    roots = [
        (root.added_at, offline_page.PageRoot(offline_page.der_of(root.pem), root.is_test))
        for root in trust_roots.list_roots()
    ]
    lists = trust_roots.trusted_crls()
    known = [at for at, _ in roots] + [ik.read_instant(document["signed_at"]) for document in documents]
    known += [x509.load_der_x509_crl(der).last_update_utc for der in lists]
    as_of = max(known, default=school_began())
    parts = (school.name, school.code, school.lookup_url, documents, lists, [root.der for _, root in roots], as_of)
    name = hashlib.sha256(repr(parts).encode()).digest()
    with _LOCK:
        found = _KEPT.get(name)
    if found is None:
        data = offline_page.build_page(
            school=(school.name, school.code or ""),
            lookup_url=school.lookup_url or "",
            roots=[root for _, root in roots],
            lists=lists,
            documents=documents,
            as_of=as_of,
        )
        found = OfflinePage(data, hashlib.sha256(data).hexdigest())
        with _LOCK:
            _KEPT.clear()
            _KEPT[name] = found
    return found


def school_began() -> datetime:
    """When the school was declared: how far a page without roots and keys knows."""
    first = db.session.query(m.AuditEntry.at).order_by(m.AuditEntry.seq).limit(1).scalar()
    return datetime.fromisoformat(first)
