"""A request to sign one record, light enough to be made in the web process: plain values only, nothing heavy imported.

``issuing.sign_step`` wants objects of modules that load endesive and pyHanko; here they are put together in the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from hocbaso.documents.proof_plan import ProofPlan
from hocbaso.documents.signers import ImportedKey, KeyEnvelope

if TYPE_CHECKING:
    from hocbaso.documents.issuing import PreparedStep, SignedStep
    from hocbaso.documents.pades import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRequest:
    """Both files, the role and everything ``issuing`` needs. ``chain``, ``roots``, ``crls`` are DER (leaf first).

    ``expected``: (role, certificate fingerprint) of this and all earlier signatures. ``demo_mark`` draws the sample hand or seal
    of a demonstration school, ``image`` (``signature_image.remake``) the signer's own, which goes first. ``envelope``, ``pin`` and ``server_secret`` open a key in software; for a key that lives
    elsewhere they stay empty, and the step is done in two halves, :func:`prepare` and :func:`embed`.
    """

    pdf: bytes
    xml: bytes
    role: str
    chain: tuple[bytes, ...]
    at: datetime
    signer_name: str
    place: str
    roots: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    expected: tuple[tuple[str, str], ...]
    plan: ProofPlan = field(default_factory=ProofPlan)
    demo_mark: bool = False
    image: bytes | None = None
    envelope: KeyEnvelope | None = None
    pin: str = ""
    server_secret: bytes = b""

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"SignRequest(role={self.role!r}, signer_name={self.signer_name!r})"


_IMAGES = {"homeroom": "sign-homeroom", "principal": "sign-principal", "seal": "seal"}


def _mark(request: SignRequest) -> Mark:
    from hocbaso.documents.pades import Mark
    from hocbaso.documents.test_authority import demo_image

    image = request.image or (demo_image(_IMAGES[request.role]) if request.demo_mark else None)
    return Mark(request.signer_name, request.place, image)


def sign(request: SignRequest) -> SignedStep:
    """``issuing.sign_step`` of a request with an envelope; raises what it raises."""
    from hocbaso.documents import issuing

    if request.envelope is None:
        raise ValueError("a request without a key in software is signed by prepare and embed")
    return issuing.sign_step(
        request.pdf,
        request.xml,
        request.role,
        issuing.SealedKey(request.envelope, request.chain, request.pin, request.server_secret),
        at=request.at,
        mark=_mark(request),
        roots=request.roots,
        crls=request.crls,
        expected=_expected(request),
        plan=request.plan,
    )


def _expected(request: SignRequest) -> dict[str, tuple[str, ...]]:
    return {role: (fingerprint,) for role, fingerprint in request.expected}


def sign_messages(
    messages: tuple[bytes, ...], envelope: KeyEnvelope, chain: tuple[bytes, ...], pin: str, server_secret: bytes
) -> tuple[bytes, ...]:
    """Raw signatures over messages that are no documents, by a key in software. Raises NotAllowed (wrong PIN)."""
    import hashlib

    from hocbaso.documents.signers import SoftwareKeySigner

    signer = SoftwareKeySigner.from_envelope(envelope, chain, pin, server_secret)
    return tuple(signer.sign_digest(hashlib.sha256(message).digest()) for message in messages)


def take_over(data: bytes, password: str, owner: str, pin: str, server_secret: bytes, now: datetime) -> ImportedKey:
    """``signers.import_pkcs12`` for a worker: a private key is in the clear in these processes only. Raises what it raises."""
    from hocbaso.documents import signers

    return signers.import_pkcs12(data, password, owner=owner, pin=pin, server_secret=server_secret, now=now)


def try_pin(envelope: KeyEnvelope, chain: tuple[bytes, ...], pin: str, server_secret: bytes) -> None:
    """Open a key and forget it. Raises NotAllowed (wrong PIN)."""
    from hocbaso.documents.signers import SoftwareKeySigner

    SoftwareKeySigner.from_envelope(envelope, chain, pin, server_secret)


def prepare(request: SignRequest) -> PreparedStep:
    """``issuing.prepare_step`` of a request; raises what it raises."""
    from hocbaso.documents import issuing

    return issuing.prepare_step(
        request.pdf,
        request.xml,
        request.role,
        request.chain,
        at=request.at,
        mark=_mark(request),
        plan=request.plan,
    )


def embed(request: SignRequest, prepared: PreparedStep, signatures: tuple[bytes, ...]) -> SignedStep:
    """``issuing.embed_step`` of a request that was prepared; raises what it raises."""
    from hocbaso.documents import issuing

    return issuing.embed_step(
        request.pdf,
        request.xml,
        request.role,
        request.chain,
        prepared,
        signatures,
        at=request.at,
        roots=request.roots,
        crls=request.crls,
        expected=_expected(request),
        plan=request.plan,
    )
