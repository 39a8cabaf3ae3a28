"""Answers that cost much, remembered for as long as their key says the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.orm import SessionTransaction

from hocbaso import models as m
from hocbaso.db import db, in_write_transaction

T = TypeVar("T")

WAIT_SECONDS = 2.0
"""How long somebody waits for another who works out the same answer."""

_HEAD = select(func.max(m.AuditEntry.seq))
_HEADS: WeakKeyDictionary[SessionTransaction, int] = WeakKeyDictionary()
"""The head that a reading transaction has seen: it reads from one snapshot, so that it would see the same one again."""


class KeptAnswers(Generic[T]):
    """The last answers of this process, bounded. The key must name everything that the answer depends on; the base it was read
    from is added here. What is kept is shared: it must not be changed by whoever gets it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Hashable, ...], T] = OrderedDict()
        self._at_work: dict[tuple[Hashable, ...], Event] = {}
        self._mutex = Lock()

    def of(self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """The answer of this key: kept, or made now, by one of those who ask for it together. Inside a write transaction it is not
        kept: what is not committed may still be taken back."""
        place = (str(db.engine.url), *key)
        with self._mutex:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
            at_work = self._at_work.get(place)
            if at_work is None:
                self._at_work[place] = done = Event()
        if at_work is not None:
            # Ten who ask in one instant would all do the same work. Not for ever: whoever works may fail, or wait for us.
            at_work.wait(WAIT_SECONDS)
            with self._mutex:
                if place in self._kept:
                    return self._kept[place]
            return make()
        try:
            made = make()
            if not in_write_transaction():
                with self._mutex:
                    self._kept[place] = made
                    while len(self._kept) > self._limit:
                        self._kept.popitem(last=False)
            return made
        finally:
            with self._mutex:
                del self._at_work[place]
            done.set()


def log_head() -> int:
    """The number of the newest entry of the log: as no change goes without its entry, nothing that is logged has changed while this
    stands. Read it before what it is to vouch for."""
    session = db.session()
    link, here = session.connection(), session.get_transaction()
    if here is None or in_write_transaction():
        return link.execute(_HEAD).scalar() or 0
    if here not in _HEADS:
        _HEADS[here] = link.execute(_HEAD).scalar() or 0
    return _HEADS[here]
