"""A key at a remote provider, for one batch: one authorisation covers as many signatures as the provider allows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hocbaso.documents.csc_client import HASHES_A_PAPER, Credential, CscClient
from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import WrongState

_MOST = 400
"""Hashes of one authorisation, whatever a provider allows: two hundred documents made ready are some 15 MB."""


class CscSigner:
    """``signers.BatchSigner`` over :class:`CscClient`. The signer's PIN and one-time code live here for the batch only.

    Where an authorisation does not bind hashes (SCAL 1) one is asked for the whole batch and used until it is spent; where it
    does (SCAL 2), one a group. A one-time code serves one authorisation: what is over then waits for the next code.
    """

    def __init__(
        self, client: CscClient, credential: Credential, *, pin: str = "", code: str = "", words: str = ""
    ) -> None:
        self._client = client
        self._credential = credential
        self._pin, self._code, self._words = pin, code, words
        self._code_is_spent = False
        self._n_expected = 0
        self._sad: str | None = None
        self._n_left = 0
        key = x509.load_der_x509_certificate(credential.chain[0]).public_key()
        self._is_ec = isinstance(key, ec.EllipticCurvePublicKey)

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"CscSigner({self._client!r}, {self._credential.id!r})"

    @property
    def n_at_once(self) -> int:
        """Documents a group: each has two hashes, and one authorisation should cover them all."""
        return max(1, min(self._credential.n_at_once, _MOST) // HASHES_A_PAPER)

    def begin(self, n_messages: int, papers: Sequence[Paper] = ()) -> None:
        """See ``BatchSigner``."""
        self._n_expected = n_messages

    def sign_messages(self, messages: Sequence[bytes], papers: Sequence[Paper] = ()) -> list[bytes]:
        """See ``BatchSigner``. Where the provider signs one hash an authorisation, each is authorised."""
        hashes = [hashlib.sha256(message).digest() for message in messages]
        size = min(self._credential.n_at_once, _MOST)
        signatures: list[bytes] = []
        for start in range(0, len(hashes), size):
            part = hashes[start : start + size]
            sad = self._authorised(part)
            signatures += self._client.sign_hashes(self._credential, sad, part)
        self._n_expected -= len(messages)
        return [self._normal(one) for one in signatures]

    def _authorised(self, hashes: list[bytes]) -> str:
        if self._sad is not None and self._n_left >= len(hashes):
            self._n_left -= len(hashes)
            return self._sad
        if self._code_is_spent:
            raise WrongState(
                f"Mỗi mã xác nhận của nơi cấp chỉ ký được {self.n_at_once} học bạ. Hãy ký tiếp phần còn lại bằng mã mới."
            )
        n = len(hashes)
        if not self._credential.binds_hashes:
            n = max(n, min(self._credential.n_at_once, self._n_expected))
        sad = self._client.authorize(self._credential, n, hashes, pin=self._pin, code=self._code, words=self._words)
        self._code_is_spent = self._credential.asks_code
        self._sad, self._n_left = (sad, n - len(hashes)) if not self._credential.binds_hashes else (None, 0)
        return sad

    def _normal(self, signature: bytes) -> bytes:
        """ECDSA comes as a DER pair from most providers, as r and s side by side from others."""
        if not self._is_ec or len(signature) != 64:
            return signature
        try:
            utils.decode_dss_signature(signature)
        except ValueError:
            r, s = signature[:32], signature[32:]
            return utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        return signature

    def close(self) -> None:
        """Forget what the signer gave."""
        self._pin = self._code = ""
        self._sad = None
