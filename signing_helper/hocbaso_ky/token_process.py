"""The PKCS#11 driver in a process of its own: a vendor's library that crashes or hangs ends one signing, not the helper.

One process a signing: it logs in once and ends with the signing. The PIN is handed to the driver and kept only where a key asks for
it at each signature (CKA_ALWAYS_AUTHENTICATE).
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from hocbaso_ky.refusals import Refused

START_SECONDS, ANSWER_SECONDS, SIGN_SECONDS = 60.0, 30.0, 5.0
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo for SHA-256 up to the digest (RFC 8017, 9.2 note 1)."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token as it shows itself without a PIN. ``certificates``: (CKA_ID in hex, DER)."""

    label: str
    serial: str
    model: str
    is_locked: bool
    is_last_try: bool
    is_low: bool
    certificates: tuple[tuple[str, bytes], ...]


def key_kind(leaf: bytes) -> str | None:
    """``rsa`` (2048 bits and more), ``ec`` (P-256), or None for a certificate that signs no transcript."""
    key = x509.load_der_x509_certificate(leaf).public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return "rsa"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return "ec"
    return None


class TokenProcess:
    """One child process with one driver; a context manager. Errors of the device are ``Refused``."""

    def __init__(self, module: str) -> None:
        self._lock = threading.Lock()
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True, name="token")
        self._process.start()
        other.close()
        try:
            self._ask("load", START_SECONDS, module)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TokenProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, verb: str, seconds: float, *args: Any) -> Any:
        with self._lock:
            try:
                self._pipe.send((verb, args))
                if not self._pipe.poll(seconds):
                    self._end()
                    raise Refused(503, "device", "Thiết bị ký không trả lời.")
                ok, answer = self._pipe.recv()
            except (EOFError, OSError) as error:
                self._end()
                raise Refused(503, "device", "Phần mềm điều khiển của thiết bị đã dừng đột ngột.") from error
        if ok:
            return answer
        raise Refused(*answer)

    def tokens(self) -> list[TokenFacts]:
        """The tokens plugged in now."""
        return self._ask("tokens", ANSWER_SECONDS)

    def log_in(self, serial: str, label: str, pin: str, *, last_try: bool) -> None:
        """Log in. Refused: ``absent``, ``locked``, ``last_try`` (nothing was tried), ``pin``."""
        self._ask("log_in", ANSWER_SECONDS, serial, label, pin, last_try)

    def sign(self, key_id: str, leaf: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """SHA-256 signatures (PKCS#1 v1.5 block, or DER pair), one private-key operation each, each checked with ``leaf``."""
        signatures = self._ask("sign", ANSWER_SECONDS + SIGN_SECONDS * len(messages), key_id, leaf, tuple(messages))
        key = x509.load_der_x509_certificate(leaf).public_key()
        for message, signature in zip(messages, signatures, strict=True):
            if not answers(key, hashlib.sha256(message).digest(), signature):
                raise Refused(409, "key", "Khoá trên thiết bị không phải của chứng thư này.")
        return signatures

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)

    def close(self) -> None:
        """Log out and end the process. Twice is once."""
        with self._lock:
            if self._pipe.closed:
                return
            with contextlib.suppress(OSError, EOFError):
                self._pipe.send(("close", ()))
                self._pipe.poll(2)
            self._end()


def answers(key: Any, digest: bytes, signature: bytes) -> bool:
    """Whether a raw signature over a SHA-256 digest is this public key's."""
    prehashed = utils.Prehashed(hashes.SHA256())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), prehashed)
        else:
            key.verify(signature, digest, ec.ECDSA(prehashed))
    except InvalidSignature:
        return False
    return True


# --- the child --------------------------------------------------------------------------------------------------------


class _Device:
    def __init__(self) -> None:
        self.lib: Any = None
        self.session: Any = None
        self.slot: Any = None
        self.pin: str | None = None

    def load(self, module: str) -> None:
        import pkcs11

        if not os.path.isabs(module) or not os.path.isfile(module):
            raise Refused(503, "driver", f"Không có phần mềm điều khiển của thiết bị tại {module}.")
        try:
            self.lib = pkcs11.lib(module)
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise Refused(503, "driver", "Không nạp được phần mềm điều khiển của thiết bị.") from error
        with contextlib.suppress(AttributeError):
            self.lib.initialize()

    def _present(self) -> Iterator[Any]:
        import pkcs11

        for slot in self.lib.get_slots(token_present=True):
            with contextlib.suppress(pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised, pkcs11.DeviceRemoved):
                token = slot.get_token()
                if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
                    yield token

    def tokens(self) -> list[TokenFacts]:
        import pkcs11
        from pkcs11 import TokenFlag

        found = []
        for token in self._present():
            shown: tuple[tuple[str, bytes], ...] = ()
            with contextlib.suppress(pkcs11.PKCS11Error), token.open() as session:
                shown = tuple(_certificates(session))
            found.append(
                TokenFacts(
                    token.label,
                    _text(token.serial),
                    _text(token.model),
                    bool(token.flags & TokenFlag.USER_PIN_LOCKED),
                    bool(token.flags & TokenFlag.USER_PIN_FINAL_TRY),
                    bool(token.flags & TokenFlag.USER_PIN_COUNT_LOW),
                    shown,
                )
            )
        return found

    def log_in(self, serial: str, label: str, pin: str, last_try: bool) -> None:
        import pkcs11
        from pkcs11 import Attribute, ObjectClass, TokenFlag

        token = next((one for one in self._present() if (_text(one.serial), one.label) == (serial, label)), None)
        if token is None:
            raise Refused(409, "absent", "Không thấy thiết bị ký. Hãy cắm đúng thiết bị.")
        if token.flags & TokenFlag.USER_PIN_LOCKED:
            raise Refused(409, "locked", "Thiết bị ký đã khoá; nơi cấp thiết bị mới mở được.")
        if token.flags & TokenFlag.USER_PIN_FINAL_TRY and not last_try:
            raise Refused(409, "last_try", "Thiết bị chỉ còn một lần thử mã PIN.")
        try:
            self.session = token.open(user_pin=pin)
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
            raise Refused(409, "pin", "Mã PIN không đúng. Chưa ký gì.") from error
        except pkcs11.PinLocked as error:
            raise Refused(409, "locked", "Thiết bị ký đã khoá; nơi cấp thiết bị mới mở được.") from error
        except (pkcs11.PinExpired, pkcs11.UserPinNotInitialized) as error:
            raise Refused(409, "pin_unset", "Mã PIN của thiết bị đã hết hạn hoặc chưa đặt.") from error
        self.slot = token.slot
        if any(_asks(key) for key in self.session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})):
            self.pin = pin

    def sign(self, key_id: str, leaf: bytes, messages: tuple[bytes, ...]) -> list[bytes]:
        import pkcs11
        from pkcs11 import Mechanism

        try:
            private = self.session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=bytes.fromhex(key_id))
        except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
            raise Refused(409, "key", "Thiết bị không còn khoá của chứng thư này.") from error
        again = {} if self.pin is None or not _asks(private) else {"pin": self.pin}
        digests = [hashlib.sha256(message).digest() for message in messages]
        if key_kind(leaf) == "ec":
            return [_der_pair(private.sign(digest, mechanism=Mechanism.ECDSA, **again)) for digest in digests]
        # Some tokens insist on hashing themselves: they get the message, the others the digest.
        if Mechanism.RSA_PKCS in self.slot.get_mechanisms():
            return [private.sign(_DIGEST_INFO + digest, mechanism=Mechanism.RSA_PKCS, **again) for digest in digests]
        return [private.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS, **again) for message in messages]

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None


def _asks(private: Any) -> bool:
    from pkcs11 import Attribute

    try:
        return bool(private[Attribute.ALWAYS_AUTHENTICATE])
    except Exception:  # a driver says no in many ways
        return False


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _certificates(session: Any) -> Iterator[tuple[str, bytes]]:
    from pkcs11 import Attribute, ObjectClass

    for item in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        with contextlib.suppress(Exception):  # a token may hold what is no X.509 certificate; it is not ours then
            der = item[Attribute.VALUE]
            x509.load_der_x509_certificate(der)
            yield item[Attribute.ID].hex(), der


def _der_pair(raw: bytes) -> bytes:
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _refusal(error: Exception) -> tuple[int, str, str]:
    import pkcs11

    if isinstance(error, Refused):
        return error.status, error.code, error.words
    if isinstance(error, pkcs11.DeviceRemoved | pkcs11.TokenNotPresent | pkcs11.SessionHandleInvalid):
        return 409, "absent", "Thiết bị ký đã bị rút ra."
    return 503, "device", f"Thiết bị ký báo lỗi ({type(error).__name__})."


def _serve(pipe: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the helper, which ends its children itself
    device = _Device()
    while True:
        try:
            verb, args = pipe.recv()
        except (EOFError, OSError):
            break
        if verb not in ("load", "tokens", "log_in", "sign"):
            break
        try:
            answer: tuple[bool, Any] = (True, getattr(device, verb)(*args))
        except Exception as error:
            answer = (False, _refusal(error))
        try:
            pipe.send(answer)
        except OSError:
            break
    with contextlib.suppress(Exception):
        device.close()
    with contextlib.suppress(OSError):
        pipe.close()
    # Not the interpreter's way out: a driver's exit handlers may hang on a reader that is gone.
    os._exit(0)
