"""Batches whose signatures come from the signer's own computer: which one waits, and what the page takes there and brings back.

In memory only, like the threads that wait: after a restart of the server the batch is one that was interrupted, and is taken up again
from the class's page.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hocbaso import clock
from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.documents.desk_signer import DeskSigner, Round
from hocbaso.documents.signing_manifest import Clerk
from hocbaso.documents.signing_manifest import Errand as Asked
from hocbaso.errors import WrongState
from hocbaso.services import batches, document_pool
from hocbaso.services.access import Actor

_LOCK = threading.Lock()
_OPEN: dict[tuple[str, int], DeskSigner] = {}


@dataclass(frozen=True, slots=True)
class Errand:
    """What a page carries to the helper. What is signed, by whom and as what stands in the round's texts, which the page cannot write.

    ``certificate`` is the SHA-256 of the signer's (hex); ``round`` is None while the server works on what was brought.
    """

    certificate: str
    round: Round | None


def _key(batch_id: int) -> tuple[str, int]:
    return str(document_pool.config().instance), batch_id


def introduce(signer: DeskSigner, machine_key: bytes, asked: Asked) -> None:
    """Let the machine's key (``instance_keys.signing_key``) say to the signer's helper what a batch or task is."""
    signer.introduce(Clerk(machine_key, clock.now), asked)


def announce(batch_id: int, signer: DeskSigner) -> None:
    """Let the page of a batch find its signer, until :func:`forget`."""
    with _LOCK:
        _OPEN[_key(batch_id)] = signer


def forget(batch_id: int) -> None:
    """The batch has ended."""
    with _LOCK:
        _OPEN.pop(_key(batch_id), None)


def is_waiting(batch_id: int) -> bool:
    """Whether a batch takes its signatures from a page."""
    with _LOCK:
        return _key(batch_id) in _OPEN


def _signer(batch_id: int) -> DeskSigner:
    with _LOCK:
        signer = _OPEN.get(_key(batch_id))
    if signer is None:
        raise WrongState("Lượt ký này không còn chờ chữ ký; không ghi gì.")
    return signer


def errand(actor: Actor, batch_id: int, session: str, now: datetime) -> Errand | None:
    """What waits for the signer's computer; None for a batch that is over. NotFound where another browser session began it."""
    batches.batch_for(actor, batch_id)
    if not is_waiting(batch_id):
        return None
    return errand_of(_signer(batch_id), session)


def errand_of(signer: DeskSigner, session: str) -> Errand:
    """What waits at a signer. Raises NotFound (another session)."""
    return Errand(certificate_fingerprint(signer.leaf), signer.waiting(session))


def bring(
    actor: Actor, batch_id: int, session: str, job: str, number: int, signatures: Sequence[bytes], now: datetime
) -> None:
    """Take the signatures of a round. Raises NotFound, WrongState (over, replayed), Invalid (not over what was prepared)."""
    batches.batch_for(actor, batch_id)
    _signer(batch_id).bring(session, job, number, signatures)


def stop(actor: Actor, batch_id: int, session: str, why: str, now: datetime) -> None:
    """The signer stops the batch: what is left fails with the reason and can be signed later. Raises NotFound, Invalid."""
    batches.batch_for(actor, batch_id)
    _signer(batch_id).stop(session, why)
