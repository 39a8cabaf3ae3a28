"""A request to sign one record, light enough to be made in the web process: plain values only, nothing heavy imported.

``issuing.sign_step`` wants objects of modules that load endesive and pyHanko; here they are put together in the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from hocbaso.documents.proof_plan import ProofPlan
from hocbaso.documents.signers import KeyEnvelope

if TYPE_CHECKING:
    from hocbaso.documents.issuing import SignedStep


@dataclass(frozen=True, slots=True)
class SignRequest:
    """Both files, the role and everything ``issuing.sign_step`` needs. ``chain``, ``roots``, ``crls`` are DER (leaf first).

    ``expected``: (role, certificate fingerprint) of this and all earlier signatures. ``demo_mark`` draws the sample hand or seal
    of a demonstration school.
    """

    pdf: bytes
    xml: bytes
    role: str
    envelope: KeyEnvelope
    chain: tuple[bytes, ...]
    pin: str
    server_secret: bytes
    at: datetime
    signer_name: str
    place: str
    roots: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    expected: tuple[tuple[str, str], ...]
    plan: ProofPlan = field(default_factory=ProofPlan)
    demo_mark: bool = False

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"SignRequest(role={self.role!r}, owner={self.envelope.owner!r})"


_IMAGES = {"homeroom": "sign-homeroom", "principal": "sign-principal", "seal": "seal"}


def sign(request: SignRequest) -> SignedStep:
    """``issuing.sign_step`` of a request; raises what it raises."""
    from hocbaso.documents import issuing
    from hocbaso.documents.pades import Mark
    from hocbaso.documents.test_authority import demo_image

    image = demo_image(_IMAGES[request.role]) if request.demo_mark else None
    return issuing.sign_step(
        request.pdf,
        request.xml,
        request.role,
        issuing.SealedKey(request.envelope, request.chain, request.pin, request.server_secret),
        at=request.at,
        mark=Mark(request.signer_name, request.place, image),
        roots=request.roots,
        crls=request.crls,
        expected={role: (fingerprint,) for role, fingerprint in request.expected},
        plan=request.plan,
    )
