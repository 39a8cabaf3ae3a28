"""A batch whose key is asked for many signatures at once: a few documents are made ready, signed together, and finished.

Three steps a group, so that every kind of key outside the workers takes the same way: workers say what is to be signed,
one call to the key signs it all, workers put the signatures in and judge the result. A key that fails (token pulled
out, provider silent) ends the run: what is left fails with that reason and can be signed in a new run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from hocbaso.documents.signers import BatchSigner
from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import DomainError, Unavailable
from hocbaso.services import batch_runner, batches, document_pool
from hocbaso.services.access import Actor

_PREPARE = "hocbaso.documents.sign_request:prepare"
_EMBED = "hocbaso.documents.sign_request:embed"
CHANGED = "Học bạ này đã đổi từ lúc bắt đầu lượt ký nên chưa ký. Xin xem lại rồi ký tiếp."


def run(
    batch_id: int,
    runner: str,
    actor: Actor,
    tick: Callable[[], datetime],
    prepare: Callable[[int], batches.Job | None],
    signer: BatchSigner,
    papers_of: Callable[[Sequence[int]], dict[int, Paper]],
    finish: Callable[[int, Any, Any, datetime], None],
    *,
    on_item: Callable[[], None] | None = None,
) -> None:
    """``batches.run`` for a key elsewhere. The job that ``prepare`` gives has the ``SignRequest`` as its only argument.

    ``papers_of`` names what the signer agrees to at the beginning; a document that is another by then is not signed.
    """
    with batch_runner.working(runner):
        waiting = batches.waiting_items(batch_id)
        papers = papers_of(waiting)
        agreed = [papers[each] for each in waiting if each in papers]
        signer.begin(2 * len(agreed), agreed)
        seen: set[int] = set()
        while batches.may_go_on(batch_id, runner):
            fresh = [each for each in batches.waiting_items(batch_id) if each not in seen]
            group = fresh[: max(1, signer.n_at_once)]
            if not group:
                break
            seen.update(group)
            ready = _ready(batch_id, group, papers, tick, prepare, on_item)
            if not ready:
                continue
            try:
                messages = [message for _, _, step in ready for message in step.messages]
                signatures = _sign(signer, messages, [papers[each] for each, _, _ in ready])
            except DomainError as refusal:
                for enrollment_id in [*(each for each, _, _ in ready), *fresh[len(group) :]]:
                    batches.settle(batch_id, enrollment_id, "failed", tick(), batches.words_of(refusal), on_item)
                break
            futures = []
            for (enrollment_id, job, step), pair in zip(ready, zip(*[iter(signatures)] * 2, strict=True), strict=True):
                futures.append((enrollment_id, job, document_pool.submit(_EMBED, *job.args, step, pair)))
            for enrollment_id, job, future in futures:
                batches.conclude(batch_id, enrollment_id, job.context, future, tick(), finish)
                if on_item is not None:
                    on_item()
        batches.close_batch(batch_id, actor, tick())


def _ready(
    batch_id: int,
    group: list[int],
    papers: dict[int, Paper],
    tick: Callable[[], datetime],
    prepare: Callable[[int], batches.Job | None],
    on_item: Callable[[], None] | None,
) -> list[tuple[int, batches.Job, Any]]:
    """(enrollment, job, prepared step) of those of a group that can be signed; the others are settled."""
    started: list[tuple[int, batches.Job, Future[Any]]] = []
    for enrollment_id in group:
        try:
            job = prepare(enrollment_id)
        except DomainError as refusal:
            batches.settle(batch_id, enrollment_id, "failed", tick(), batches.words_of(refusal), on_item)
            continue
        if job is None:
            batches.settle(batch_id, enrollment_id, "skipped", tick(), None, on_item)
            continue
        request = job.args[0]
        files = tuple(hashlib.sha256(file).hexdigest() for file in (request.pdf, request.xml))
        if enrollment_id not in papers or papers[enrollment_id].digests != files:
            batches.settle(batch_id, enrollment_id, "failed", tick(), CHANGED, on_item)
            continue
        started.append((enrollment_id, job, document_pool.submit(_PREPARE, *job.args)))
    ready = []
    for enrollment_id, job, future in started:
        try:
            ready.append((enrollment_id, job, future.result()))
        except DomainError as refusal:
            batches.settle(batch_id, enrollment_id, "failed", tick(), batches.words_of(refusal), on_item)
        except Exception:
            batches.log.exception("batch %s, enrollment %s", batch_id, enrollment_id)
            batches.settle(batch_id, enrollment_id, "failed", tick(), batches.BROKEN_OFF, on_item)
    return ready


def _sign(signer: BatchSigner, messages: list[bytes], papers: list[Paper]) -> list[bytes]:
    signatures = signer.sign_messages(messages, papers)
    if len(signatures) != len(messages):
        raise Unavailable("Nơi giữ khoá trả về thiếu chữ ký; chưa ghi gì. Hãy ký tiếp phần còn lại.")
    return signatures
