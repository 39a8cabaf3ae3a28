"""What the signing helper at a signer's desk is told in writing, signed by the instance's P-256 key (decision 0044).

Two texts, each a format's name, a line end and canonical JSON (``instance_keys.message``):

* the *agreement*: who asks to sign which papers, in which role, with which certificate; the signer reads it at the helper and says yes once;
* the *list* of one round: each digest to be signed, of which pupil, of which form, and of which of the papers agreed to.

The page between carries both and can make neither. The helper keeps the key from its pairing (``signing_helper/hocbaso_ky/manifest.py``
reads what is written here).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hocbaso.documents import instance_keys as ik

AGREEMENT = "hocbaso-signing-agreement-1"
LIST = "hocbaso-signing-list-1"
LIST_FOR = timedelta(minutes=16)
"""A little more than the longest wait for one round."""
AGREEMENT_FOR = timedelta(minutes=35)
A_PAPER_FOR = timedelta(seconds=3)
"""An agreement is good for the wait for a yes, for the longest signing the helper allows, and for each paper so much more."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What is signed, as it stands before this signature. ``digests``: SHA-256 (hex) of the file behind each form, in the forms' order.

    ``code`` is the pupil's (or a list's number), ``name`` the pupil's given name and ``group`` the class, both empty for what is no pupil's.
    """

    code: str
    digests: tuple[str, ...]
    name: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text and, in Base64, the r‖s of the instance's key over its UTF-8."""

    text: str
    signature: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hex."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Errand:
    """Who asks, in which role (a ``SignatureRole``), for what in words (``lớp 9A``)."""

    role: str
    scope: str
    who: str


class Clerk:
    """Writes and signs both texts. ``key`` is ``instance_keys.key_to_bytes``, ``now`` tells the server's time."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._key, self.now = ik.key_from_bytes(key), now
        self._key_id = ik.key_id_of(ik.spki(self._key.public_key()))

    def __repr__(self) -> str:  # never the key
        return f"Clerk({self._key_id!r})"

    def _sign(self, document: dict[str, object], lasts: timedelta) -> SignedText:
        at = self.now()
        document |= {"key_id": self._key_id, "issued_at": ik.instant(at), "expires_at": ik.instant(at + lasts)}
        signed = ik.sign_json(document, self._key)
        return SignedText(ik.message(signed).decode("utf-8"), signed["signature"])

    def agreement(
        self, request: str, document: str, errand: Errand, certificate: str, papers: Sequence[Paper]
    ) -> tuple[SignedText, datetime]:
        """The text of one agreement, and when it ends. ``certificate``: SHA-256 of the signer's (hex); ``request`` names the agreement."""
        lasts = AGREEMENT_FOR + len(papers) * A_PAPER_FOR
        text = self._sign(
            {
                "format": AGREEMENT,
                "request": request,
                "document": document,
                "role": errand.role,
                "scope": errand.scope,
                "who": errand.who,
                "certificate": certificate,
                "papers": [[paper.code, paper.name, paper.group, *paper.digests] for paper in papers],
            },
            lasts,
        )
        return text, self.now() + lasts

    def listing(
        self, agreement: SignedText, request: str, number: int, items: Sequence[tuple[Paper, str, bytes, str]]
    ) -> SignedText:
        """The text of one round. ``items``: (paper, form, SHA-256 to sign, SHA-256 of the paper in hex)."""
        return self._sign(
            {
                "format": LIST,
                "request": request,
                "round": number,
                "agreement": agreement.digest,
                "items": [[paper.code, form, digest.hex(), file] for paper, form, digest, file in items],
            },
            LIST_FOR,
        )
