"""Signatures from the signer's own computer that are no batch: a recall list, the seal's word on the machine's key.

In memory only, as the batches' (:mod:`hocbaso.services.desk_signing`): after a restart of the server nothing was written, and the
signer begins again from the page of the list or of the certificates.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hocbaso import clock
from hocbaso.documents.desk_signer import DeskSigner
from hocbaso.documents.signing_manifest import Errand
from hocbaso.errors import DomainError, NotFound, WrongState
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import desk_signing, document_pool
from hocbaso.services.access import Actor, load_actor
from hocbaso.services.certificates import OpenKey

log = logging.getLogger(__name__)

MOST_KEPT = 50
"""So many tasks are remembered, for the page that asks how one ended."""
BROKEN = "Việc ký bị dừng giữa chừng, chưa ghi gì. Hãy làm lại."
NOT_YOURS = "Không có việc ký nào của thầy, cô đang chờ ở máy này."


@dataclass(frozen=True, slots=True)
class DeskTask:
    """One such act. ``outcome`` is ``waiting``, ``done`` or ``failed``; ``message`` what is said of it then; ``back`` an address."""

    id: str
    account_id: int | None
    session: str
    role: SignatureRole
    scope: str
    who: str
    back: str
    outcome: str = "waiting"
    message: str = ""


_LOCK = threading.Lock()
_TASKS: dict[tuple[str, str], tuple[DeskTask, DeskSigner]] = {}


def _key(task_id: str) -> tuple[str, str]:
    return str(document_pool.config().instance), task_id


def start(
    actor: Actor,
    session: str,
    key: OpenKey,
    document: str,
    role: SignatureRole,
    scope: str,
    work: Callable[[], object],
    *,
    machine_key: bytes,
    back: str,
    done: str,
) -> str:
    """Run ``work``, which signs with ``key``, in the background; the id of the task whose page carries the signatures.

    ``document`` is a name of ``desk_signer.FORMS``, ``scope`` what the signer reads, ``done`` what is said in the end. ``machine_key``
    says to the signer's helper what it is. The key is closed when the work has ended. Raises WrongState where the key is not at a desk.
    """
    signer = key.elsewhere
    if not isinstance(signer, DeskSigner):
        key.close()
        raise WrongState("Khoá này không ở máy của người ký.")
    signer.document = document
    desk_signing.introduce(signer, machine_key, Errand(role.value, scope, actor.name))
    task = DeskTask(secrets.token_urlsafe(18), actor.account_id, session, role, scope, actor.name, back)
    place = _key(task.id)
    with _LOCK:
        over = [name for name, (each, _) in _TASKS.items() if each.outcome != "waiting"]
        for name in over[: max(0, len(_TASKS) + 1 - MOST_KEPT)]:
            del _TASKS[name]
        _TASKS[place] = task, signer

    def run() -> None:
        outcome, message = "failed", BROKEN
        try:
            work()
            outcome, message = "done", done
        except DomainError as refusal:
            message = " ".join([refusal.message, *refusal.details])
        except Exception:
            log.exception("task at a desk: %s", scope)
        finally:
            key.close()
            with _LOCK:
                _TASKS[place] = replace(task, outcome=outcome, message=message), signer

    document_pool.run_in_background(f"desk-{task.id}", run)
    return task.id


def present(actor: Actor, now: datetime) -> Actor:
    """The actor with the powers that stand now: while a token was looked for, somebody may have lost them. NotFound (account closed)."""
    if actor.account_id is None:
        return actor
    return load_actor(actor.account_id, clock.local_date(now))


def _find(actor: Actor, task_id: str, session: str) -> tuple[DeskTask, DeskSigner]:
    with _LOCK:
        found = _TASKS.get(_key(task_id))
    if found is None or found[0].account_id != actor.account_id or found[0].session != session:
        raise NotFound(NOT_YOURS)
    return found


def task_for(actor: Actor, task_id: str, session: str) -> DeskTask:
    """How a task stands, for the browser session that began it; NotFound for everybody else."""
    return _find(actor, task_id, session)[0]


def errand(actor: Actor, task_id: str, session: str) -> desk_signing.Errand | None:
    """What waits for the signer's computer; None for a task that is over."""
    task, signer = _find(actor, task_id, session)
    if task.outcome != "waiting":
        return None
    return desk_signing.errand_of(signer, session)


def bring(actor: Actor, task_id: str, session: str, job: str, number: int, signatures: Sequence[bytes]) -> None:
    """Take the signatures. Raises NotFound, WrongState (over, replayed), Invalid (not over what was prepared)."""
    _find(actor, task_id, session)[1].bring(session, job, number, signatures)


def stop(actor: Actor, task_id: str, session: str, why: str) -> None:
    """The signer stops; nothing was written. Raises NotFound, Invalid."""
    _find(actor, task_id, session)[1].stop(session, why)
