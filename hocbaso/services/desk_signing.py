"""Batches whose signatures come from the signer's own computer: which one waits, and what the page takes there and brings back.

In memory only, like the threads that wait: after a restart of the server the batch is one that was interrupted, and is taken up again
from the class's page.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.documents.desk_signer import FORMS, DeskSigner, Round
from hocbaso.errors import WrongState
from hocbaso.services import batch_view, batches, document_pool
from hocbaso.services.access import Actor

_LOCK = threading.Lock()
_OPEN: dict[tuple[str, int], DeskSigner] = {}


@dataclass(frozen=True, slots=True)
class Errand:
    """What a page shows the helper. ``role`` is a ``SignatureRole``; ``n`` counts the documents of one agreement of the signer.

    ``round`` is None while the server works on what was brought.
    """

    document: str
    """A name of ``desk_signer.FORMS``."""
    job: str
    role: str
    scope: str
    """``lớp 9A``, ``khối 9``"""
    n: int
    who: str
    certificate: str
    round: Round | None

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of the signatures that one document takes, in the order of the round's messages."""
        return FORMS[self.document]


def _key(batch_id: int) -> tuple[str, int]:
    return str(document_pool.config().instance), batch_id


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
    progress = batch_view.batch_progress(actor, batch_id, now)
    if not is_waiting(batch_id):
        return None
    return errand_of(_signer(batch_id), session, progress.step, progress.scope.name, progress.actor_name)


def errand_of(signer: DeskSigner, session: str, role: str, scope: str, who: str) -> Errand:
    """What waits at a signer. Raises NotFound (another session)."""
    waits = signer.waiting(session)
    if waits is not None and waits.n_parts > 1:
        scope = f"{scope}, phần {waits.part}/{waits.n_parts}"
    return Errand(
        document=signer.document,
        job=waits.job if waits is not None else signer.job,
        role=role,
        scope=scope,
        n=waits.n if waits is not None else 0,
        who=who,
        certificate=certificate_fingerprint(signer.leaf),
        round=waits,
    )


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
