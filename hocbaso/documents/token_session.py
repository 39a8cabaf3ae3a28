"""A USB token or HSM behind PKCS#11, driven from here and loaded in a process of its own.

A vendor's driver is a foreign shared library: it may crash, hang or write over memory. So it is loaded only in a child
process (:mod:`hocbaso.documents.token_child`), one a batch, which logs in once and holds one session; when it dies or stays
silent the batch hears a sentence and the server goes on. Nothing of PKCS#11 is imported here.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import DomainError, NotAllowed, Unavailable

CRASHED = "Phần mềm điều khiển của thiết bị ký đã dừng đột ngột. Hãy rút thiết bị, cắm lại rồi ký tiếp phần còn lại."
SILENT = "Thiết bị ký không trả lời. Hãy xem thiết bị còn cắm không, rồi ký tiếp phần còn lại."

START_SECONDS = 60.0
"""Longest wait for the process and the driver to come up (a loaded machine, a slow reader)."""
ANSWER_SECONDS = 30.0
"""Longest wait for one answer; signing adds :data:`SIGN_SECONDS` a signature."""
SIGN_SECONDS = 5.0


class LastTry(NotAllowed):
    """The token has one PIN try left: it is used only by somebody who was told and says so."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token in a reader as it shows itself without a PIN. ``certificates``: (CKA_ID in hex, DER) as far as it shows them."""

    label: str
    serial: str
    model: str
    maker: str
    is_locked: bool
    is_last_try: bool
    is_low: bool
    certificates: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key on a token that has its certificate beside it. ``chain`` is DER, leaf first, without the root."""

    key_id: str
    chain: tuple[bytes, ...]


class TokenSession:
    """One child process with one driver. Thread-safe; a context manager. Errors of the device are ``errors`` in words.

    Raises ``errors.Unavailable`` when the driver crashes or does not answer in time: the child is then ended.
    """

    def __init__(self, module: str) -> None:
        from hocbaso.documents.token_child import serve

        self._lock = threading.Lock()
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other,), daemon=True, name="token")
        self._process.start()
        other.close()
        try:
            self._ask("load", START_SECONDS, module)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TokenSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TokenSession(pid={self._process.pid})"

    @property
    def pid(self) -> int | None:
        """Process id of the child."""
        return self._process.pid

    def _ask(self, verb: str, seconds: float, *args: Any) -> Any:
        with self._lock:
            try:
                self._pipe.send((verb, args))
                if not self._pipe.poll(seconds):
                    self._end()
                    raise Unavailable(SILENT)
                ok, answer = self._pipe.recv()
            except (EOFError, OSError) as error:
                self._end()
                raise Unavailable(CRASHED) from error
        if ok:
            return answer
        if isinstance(answer, DomainError):
            raise answer
        raise Unavailable("Phần mềm điều khiển của thiết bị ký gặp lỗi không rõ.", details=(str(answer),))

    def tokens(self) -> list[TokenFacts]:
        """The tokens present now, without any PIN."""
        return self._ask("tokens", ANSWER_SECONDS)

    def log_in(self, serial: str, label: str, pin: str, *, last_try: bool = False) -> None:
        """Log in once for all that follows.

        Raises WrongState (not present, locked, PIN never set), LastTry (one try left and not ``last_try``: nothing was
        tried), NotAllowed (wrong PIN; the message says what the token tells of tries left).
        """
        self._ask("log_in", ANSWER_SECONDS, serial, label, pin, last_try)

    def certified_keys(self) -> list[TokenKey]:
        """After the login: private keys (RSA, P-256) with the certificate that has the same CKA_ID and the same public key."""
        return self._ask("certified_keys", ANSWER_SECONDS)

    def sign(self, key_id: str, leaf: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """Raw SHA-256 signatures (PKCS#1 v1.5, or DER ``Ecdsa-Sig-Value``), one private-key operation each, in order."""
        return self._ask("sign", ANSWER_SECONDS + SIGN_SECONDS * len(messages), key_id, leaf, tuple(messages))

    def generate(self, kind: str, label: str) -> str:
        """Make a key pair (``rsa``, 3072 bits, or ``ec``, P-256) on the token, never to leave it; its CKA_ID in hex."""
        return self._ask("generate", 180.0, kind, label)

    def request(self, key_id: str, subject: bytes) -> bytes:
        """A certificate request (PKCS#10, DER) for a key on the token; ``subject`` is a DER name."""
        return self._ask("request", ANSWER_SECONDS, key_id, subject)

    def put_certificate(self, certificate: bytes) -> str:
        """Write a certificate (DER) beside its key; the key's CKA_ID in hex. Raises Invalid when no key here is its own."""
        return self._ask("put_certificate", ANSWER_SECONDS, certificate)

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)

    def close(self) -> None:
        """Log out and end the child. Twice is once."""
        with self._lock:
            if self._pipe.closed:
                return
            with contextlib.suppress(OSError, EOFError):
                self._pipe.send(("close", ()))
                self._pipe.poll(2)
            self._end()


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A key of a logged-in session, for one batch (``signers.BatchSigner``). ``leaf`` is the certificate's DER."""

    session: TokenSession
    key_id: str
    leaf: bytes
    n_at_once: int = 8
    """A real token takes a tenth of a second a signature: eight documents keep the progress bar moving."""

    def begin(self, n_messages: int, papers: Sequence[Paper] = ()) -> None:
        """See ``BatchSigner``: one login is enough for any number."""

    def sign_messages(self, messages: Sequence[bytes], papers: Sequence[Paper] = ()) -> list[bytes]:
        """See ``BatchSigner``."""
        return self.session.sign(self.key_id, self.leaf, messages)

    def close(self) -> None:
        """Log out and end the driver's process."""
        self.session.close()
