"""The process in which a PKCS#11 driver lives: reads (verb, arguments) from a pipe and answers. It ends with its parent.

What the device says is turned into sentences here. A PIN comes once, is handed to the driver, and is kept only for keys
that ask for it at each signature (CKA_ALWAYS_AUTHENTICATE).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from hocbaso.documents.parent_watch import end_with_parent
from hocbaso.documents.signers import check_key, order_chain
from hocbaso.documents.token_session import LastTry, TokenFacts, TokenKey
from hocbaso.errors import DomainError, Invalid, NotAllowed, Unavailable, WrongState

_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo for SHA-256 up to the digest (RFC 8017, 9.2 note 1)."""

ABSENT = "Không thấy thiết bị ký “{label}”. Hãy cắm đúng thiết bị vào máy chủ rồi làm lại."
LOCKED = "Thiết bị ký “{label}” đã khoá vì nhập sai mã PIN nhiều lần. Nơi cấp thiết bị mới mở khoá được."
ONE_LEFT = (
    "Thiết bị ký “{label}” chỉ còn một lần thử mã PIN; sai nữa là khoá. Máy chưa thử lần nào. "
    "Chỉ đánh dấu “dùng lần thử cuối” khi chắc chắn mã PIN đúng."
)
WRONG = "Mã PIN của thiết bị không đúng. Chưa ký bản nào."
WORDS_LOW = "Thiết bị báo còn ít lần thử trước khi khoá."
WORDS_LAST = "Thiết bị báo chỉ còn một lần thử: sai lần nữa thì thiết bị khoá."


def login_guard(flags: int, label: str, last_try: bool) -> None:
    """Refuse a login that the token would not survive. ``flags`` are the CKF bits of C_GetTokenInfo.

    Raises WrongState (locked, PIN not set), LastTry.
    """
    from pkcs11 import TokenFlag

    if flags & TokenFlag.USER_PIN_LOCKED:
        raise WrongState(LOCKED.format(label=label))
    if not flags & TokenFlag.USER_PIN_INITIALIZED:
        raise WrongState(f"Thiết bị ký “{label}” chưa được đặt mã PIN của người dùng.")
    if flags & TokenFlag.USER_PIN_FINAL_TRY and not last_try:
        raise LastTry(ONE_LEFT.format(label=label))


class _Device:
    """The driver, and after the login its one session."""

    def __init__(self) -> None:
        self.lib: Any = None
        self.session: Any = None
        self.label = ""
        self.pin: str | None = None

    def load(self, module: str) -> None:
        import pkcs11

        if not os.path.isabs(module) or not os.path.isfile(module):
            raise Unavailable(f"Máy chủ không có phần mềm điều khiển của thiết bị ký tại {module}.")
        try:
            self.lib = pkcs11.lib(module)
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise Unavailable(
                f"Không nạp được phần mềm điều khiển của thiết bị ký tại {module}.", details=(str(error),)
            ) from error
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
                    label=token.label,
                    serial=_text(token.serial),
                    model=_text(token.model),
                    maker=_text(token.manufacturer_id),
                    is_locked=bool(token.flags & TokenFlag.USER_PIN_LOCKED),
                    is_last_try=bool(token.flags & TokenFlag.USER_PIN_FINAL_TRY),
                    is_low=bool(token.flags & TokenFlag.USER_PIN_COUNT_LOW),
                    certificates=shown,
                )
            )
        return found

    def _find(self, serial: str, label: str) -> Any:
        for token in self._present():
            if _text(token.serial) == serial and token.label == label:
                return token
        raise WrongState(ABSENT.format(label=label))

    def log_in(self, serial: str, label: str, pin: str, last_try: bool) -> None:
        import pkcs11

        if self.session is not None:
            raise WrongState("Phiên ký này đã đăng nhập thiết bị.")
        token = self._find(serial, label)
        login_guard(int(token.flags), label, last_try)
        self.label = label
        try:
            self.session = token.open(rw=True, user_pin=pin)
        except pkcs11.TokenWriteProtected:
            self.session = token.open(user_pin=pin)
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
            raise NotAllowed(" ".join([WRONG, *self._tries_left(serial, label)])) from error
        except pkcs11.PinLocked as error:
            raise WrongState(LOCKED.format(label=label)) from error
        except pkcs11.UserPinNotInitialized as error:
            raise WrongState(f"Thiết bị ký “{label}” chưa được đặt mã PIN của người dùng.") from error
        except pkcs11.PinExpired as error:
            raise WrongState(
                f"Mã PIN của thiết bị ký “{label}” đã quá hạn; hãy đổi bằng phần mềm của nơi cấp."
            ) from error
        if self._asks_each_time():
            self.pin = pin

    def _asks_each_time(self) -> bool:
        from pkcs11 import Attribute, ObjectClass

        return any(_asks(key) for key in self._open().get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))

    def _tries_left(self, serial: str, label: str) -> list[str]:
        """What the token tells after a wrong PIN: the flags are read again from it."""
        from pkcs11 import TokenFlag

        flags = self._find(serial, label).flags
        if flags & TokenFlag.USER_PIN_LOCKED:
            return [LOCKED.format(label=label)]
        if flags & TokenFlag.USER_PIN_FINAL_TRY:
            return [WORDS_LAST]
        return [WORDS_LOW] if flags & TokenFlag.USER_PIN_COUNT_LOW else []

    def _open(self) -> Any:
        if self.session is None:
            raise WrongState("Chưa đăng nhập thiết bị ký.")
        return self.session

    def _private(self, key_id: str) -> Any:
        import pkcs11

        try:
            return self._open().get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=bytes.fromhex(key_id))
        except pkcs11.NoSuchKey as error:
            raise WrongState(f"Thiết bị ký “{self.label}” không còn khoá của chứng thư đã đăng ký.") from error
        except pkcs11.MultipleObjectsReturned as error:
            raise WrongState(f"Thiết bị ký “{self.label}” có hai khoá cùng số hiệu, không rõ khoá nào.") from error

    def certified_keys(self) -> list[TokenKey]:
        import pkcs11

        session = self._open()
        owned = {
            key[pkcs11.Attribute.ID].hex()
            for key in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        }
        shown = [(key_id, x509.load_der_x509_certificate(der)) for key_id, der in _certificates(session)]
        everything = [certificate for _, certificate in shown]
        found = []
        for key_id, leaf in shown:
            if key_id in owned and _fits(leaf):
                chain = order_chain(leaf, [other for other in everything if other is not leaf])
                nonce = secrets.token_bytes(32)
                if _answers(leaf, nonce, self.sign(key_id, chain[0], (nonce,))[0]):
                    found.append(TokenKey(key_id, chain))
        return found

    def sign(self, key_id: str, leaf: bytes, messages: tuple[bytes, ...]) -> list[bytes]:
        from pkcs11 import Mechanism

        private = self._private(key_id)
        again = {} if self.pin is None or not _asks(private) else {"pin": self.pin}
        public = x509.load_der_x509_certificate(leaf).public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            return [
                _der_pair(private.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA, **again))
                for message in messages
            ]
        if Mechanism.RSA_PKCS in self._open().token.slot.get_mechanisms():
            return [
                private.sign(_DIGEST_INFO + hashlib.sha256(message).digest(), mechanism=Mechanism.RSA_PKCS, **again)
                for message in messages
            ]
        return [private.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS, **again) for message in messages]

    def generate(self, kind: str, label: str) -> str:
        from pkcs11 import Attribute, KeyType
        from pkcs11.util.ec import encode_named_curve_parameters

        session, key_id = self._open(), secrets.token_bytes(16)
        closed = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True}
        more: dict[str, Any] = {"id": key_id, "label": label, "store": True, "private_template": closed}
        if kind == "rsa":
            session.generate_keypair(KeyType.RSA, 3072, **more)
        elif kind == "ec":
            curve = session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
            )
            curve.generate_keypair(**more)
        else:
            raise Invalid("Loại khoá là rsa hoặc ec.")
        return key_id.hex()

    def _public(self, key_id: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        import pkcs11
        from pkcs11.util.ec import encode_ec_public_key
        from pkcs11.util.rsa import encode_rsa_public_key

        stored = self._open().get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, id=bytes.fromhex(key_id))
        if stored.key_type == pkcs11.KeyType.EC:
            return serialization.load_der_public_key(encode_ec_public_key(stored))  # type: ignore[return-value]
        from asn1crypto import keys

        info = keys.PublicKeyInfo.wrap(keys.RSAPublicKey.load(encode_rsa_public_key(stored)), "rsa")
        return serialization.load_der_public_key(info.dump())  # type: ignore[return-value]

    def request(self, key_id: str, subject: bytes) -> bytes:
        from asn1crypto import csr, keys
        from asn1crypto import x509 as asn1_x509

        public = self._public(key_id)
        spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        info = csr.CertificationRequestInfo(
            {
                "version": "v1",
                "subject": asn1_x509.Name.load(subject),
                "subject_pk_info": keys.PublicKeyInfo.load(spki),
                "attributes": [],
            }
        )
        kind = "sha256_ecdsa" if isinstance(public, ec.EllipticCurvePublicKey) else "sha256_rsa"
        signature = self._sign_as(public, key_id, info.dump())
        return csr.CertificationRequest(
            {
                "certification_request_info": info,
                "signature_algorithm": {"algorithm": kind},
                "signature": signature,
            }
        ).dump()

    def _sign_as(self, public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, key_id: str, message: bytes) -> bytes:
        from pkcs11 import Mechanism

        private = self._private(key_id)
        digest = hashlib.sha256(message).digest()
        if isinstance(public, ec.EllipticCurvePublicKey):
            return _der_pair(private.sign(digest, mechanism=Mechanism.ECDSA))
        return private.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS)

    def put_certificate(self, certificate: bytes) -> str:
        from pkcs11 import Attribute, CertificateType, ObjectClass

        leaf = x509.load_der_x509_certificate(certificate)
        spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        wanted = leaf.public_key().public_bytes(*spki)
        stored = self._open().get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})
        ids = [item[Attribute.ID].hex() for item in stored]
        key_id = next((one for one in ids if self._public(one).public_bytes(*spki) == wanted), None)
        if key_id is None:
            raise Invalid("Chứng thư này không phải của khoá nào trên thiết bị.")
        self._open().create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.PRIVATE: False,
                Attribute.ID: bytes.fromhex(key_id),
                Attribute.LABEL: f"chung-thu-{leaf.serial_number:x}"[:32],
                Attribute.SUBJECT: leaf.subject.public_bytes(),
                Attribute.ISSUER: leaf.issuer.public_bytes(),
                Attribute.VALUE: certificate,
            }
        )
        return key_id

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None


def _asks(private: Any) -> bool:
    """Whether a key wants the PIN at each signature (CKA_ALWAYS_AUTHENTICATE; drivers may not know the attribute)."""
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


def _fits(leaf: x509.Certificate) -> bool:
    try:
        check_key(leaf)
    except Invalid:
        return False
    return True


def _answers(leaf: x509.Certificate, message: bytes, signature: bytes) -> bool:
    """Whether the key really is the certificate's: the same CKA_ID is only a label that anybody may write."""
    from hocbaso.documents import cms

    return cms.verify_digest(leaf.public_key(), hashlib.sha256(message).digest(), signature)


def _der_pair(raw: bytes) -> bytes:
    """PKCS#11 gives r and s side by side, everybody else wants DER."""
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


_VERBS = ("load", "tokens", "log_in", "certified_keys", "sign", "generate", "request", "put_certificate")


def _words(error: Exception, label: str) -> DomainError:
    """A device error in words. The class's name goes along: a vendor asks for it."""
    import pkcs11

    name = (type(error).__name__,)
    if isinstance(error, pkcs11.DeviceRemoved | pkcs11.TokenNotPresent | pkcs11.SessionHandleInvalid):
        return Unavailable("Thiết bị ký đã bị rút ra. Hãy cắm lại rồi ký tiếp phần còn lại.", details=name)
    if isinstance(error, pkcs11.UserNotLoggedIn | pkcs11.SessionClosed):
        return Unavailable("Thiết bị ký đã tự đăng xuất. Hãy ký tiếp phần còn lại và nhập lại mã PIN.", details=name)
    if isinstance(error, pkcs11.MechanismInvalid | pkcs11.FunctionNotSupported | pkcs11.KeyTypeInconsistent):
        return WrongState(f"Thiết bị ký “{label}” không ký được loại chữ ký mà học bạ cần.", details=name)
    if isinstance(error, pkcs11.PinLocked):
        return WrongState(LOCKED.format(label=label), details=name)
    return Unavailable("Thiết bị ký báo lỗi. Hãy rút thiết bị, cắm lại rồi ký tiếp phần còn lại.", details=name)


def serve(pipe: Any) -> None:
    """The loop of the child."""
    end_with_parent()  # a driver that waits for its reader never comes to see the end of the pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which ends its children itself
    device = _Device()
    while True:
        try:
            verb, args = pipe.recv()
        except (EOFError, OSError):
            break
        if verb == "close":
            break
        answer: tuple[bool, Any]
        try:
            if verb not in _VERBS:
                raise ValueError(verb)
            act: Callable[..., Any] = getattr(device, verb)
            answer = (True, act(*args))
        except DomainError as refusal:
            answer = (False, refusal)
        except Exception as error:
            from pkcs11 import PKCS11Error

            answer = (False, _words(error, device.label) if isinstance(error, PKCS11Error) else type(error).__name__)
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
