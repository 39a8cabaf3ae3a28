"""What a paired page may ask for: who is here, which certificates, a proof that a key is here, and the signatures of one class.

The user says yes once a signing, to a number of transcripts; the same signing may bring its signatures in several rounds, never more
than was said, never one digest twice. A round that is asked for again gets the same signatures again: an answer lost on the way costs no
second operation of the key.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hocbaso_ky import PROTOCOL, VERSION, messages
from hocbaso_ky.asking import Answer, Asker, Question, plain
from hocbaso_ky.messages import Item
from hocbaso_ky.refusals import Refused
from hocbaso_ky.schools import Schools, look_at
from hocbaso_ky.token_process import TokenFacts, TokenProcess, key_kind

log = logging.getLogger("hocbaso_ky")

MAX_PUPILS = 1000
"""Transcripts of one signing: a school; a wider batch asks again."""
MAX_ROUND = 100
"""Documents of one round: a signing comes in parts, and the user can stop between them."""
WIDE = 100
"""More documents than a class has; the question says so, and the signing may take longer."""
SESSION_SECONDS = 30 * 60.0
SIGNING_SECONDS = 15 * 60.0
SECONDS_A_DOCUMENT = 3.0
"""What each document beyond :data:`WIDE` adds: two signatures of a slow token, and the server's work on them."""
IDLE_SECONDS = 3 * 60.0
"""A signing in which nothing happens is over: the token is logged out."""
BUSY_SECONDS = 2.0
QUIET_SECONDS = 10 * 60.0
"""A page that was told no so often may not ask again for so long."""
MAX_NO = 3
MAX_STRANGERS = 5


@dataclass(frozen=True, slots=True)
class Document:
    """What may be signed: the forms of the signatures one takes, how many at once, and the words of the question."""

    forms: tuple[str, ...]
    most: int
    title: str
    noun: str


DOCUMENTS = {
    "hoc-ba": Document(("pades", "xmldsig"), MAX_PUPILS, "Ký học bạ bằng thiết bị cắm ở máy này", "học bạ"),
    "danh-sach-thu-hoi": Document(("xmldsig",), 1, "Ký danh sách thu hồi bằng thiết bị cắm ở máy này", "danh sách"),
    "khoa-may": Document(("statement",), 10, "Đóng dấu xác nhận khoá của máy chủ bằng thiết bị này", "bản xác nhận"),
}
ROLES = {"homeroom": "giáo viên chủ nhiệm", "principal": "Hiệu trưởng", "seal": "con dấu nhà trường"}
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Summary:
    """What the page says is signed; the user sees it, and it may not change within a signing."""

    document: str
    role: str
    n: int
    scope: str
    who: str
    certificate: str

    @property
    def kind(self) -> Document:
        """The kind of document."""
        return DOCUMENTS[self.document]

    @property
    def n_signatures(self) -> int:
        """How many signatures ``n`` documents take."""
        return self.n * len(self.kind.forms)

    @property
    def seconds(self) -> float:
        """Longest time from the user's yes to the last signature."""
        return SIGNING_SECONDS + max(0, self.n - WIDE) * SECONDS_A_DOCUMENT


@dataclass(slots=True)
class Signing:
    """One yes of the user."""

    summary: Summary
    key_id: str
    leaf: bytes
    process: TokenProcess | None
    n_left: int
    began_at: float
    used_at: float
    rounds: dict[int, tuple[bytes, list[bytes]]] = field(default_factory=dict)
    signed: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def log_out(self) -> None:
        """End the driver's process; what was signed can still be fetched again."""
        if self.process is not None:
            self.process.close()
            self.process = None


class Desk:
    """The helper's memory. ``modules`` are the PKCS#11 drivers of this computer; plain HTTP only where ``allow_http``."""

    def __init__(self, schools: Schools, asker: Asker, modules: Sequence[str], *, allow_http: bool = False) -> None:
        self._schools, self._asker, self._modules, self._allow_http = schools, asker, tuple(modules), allow_http
        self._lock, self._device = threading.Lock(), threading.Lock()
        self._sessions: dict[bytes, tuple[str, float]] = {}
        self._signings: dict[tuple[str, str], Signing] = {}
        self._noes: dict[str, list[float]] = {}
        self._strangers: list[float] = []

    # --- who is here ---

    def is_paired(self, origin: str) -> bool:
        """Whether the user has let this school in."""
        return self._schools.get(origin) is not None

    def status(self, origin: str) -> dict[str, Any]:
        """That the helper is here, and whether it knows this school; nothing else to a stranger."""
        told: dict[str, Any] = {"hocbaso_ky": PROTOCOL, "version": VERSION, "paired": self.is_paired(origin)}
        if origin.startswith("http://") and not self._allow_http:
            told["problem"] = "http"
        return told

    def pair(self, origin: str) -> dict[str, Any]:
        """Let a school in, if the user says so. Refused: ``http``, ``quiet``, ``school``, ``no``, ``busy``, ``no_answer``."""
        if origin.startswith("http://") and not self._allow_http:
            raise Refused(403, "http", "Trang của trường chưa dùng HTTPS nên không ghép được.")
        self._require_patience(origin)
        now = time.monotonic()
        with self._lock:
            self._strangers = [at for at in self._strangers if now - at < QUIET_SECONDS]
            if len(self._strangers) >= MAX_STRANGERS:
                raise Refused(429, "quiet", "Quá nhiều trang xin ghép. Hãy thử lại sau mười phút.")
            self._strangers.append(now)
        shown, before = look_at(origin), self._schools.get(origin)
        if before is not None and before.key == shown.key:
            return self.status(origin)
        warning = "Chỉ đồng ý khi chính thầy, cô vừa bấm “Ghép” trên trang học bạ của trường."
        if before is not None:
            warning = (
                "MÁY CHỦ NÀY TRƯỚC ĐÂY DÙNG KHOÁ KHÁC. Hỏi phụ trách CNTT trước khi đồng ý: có thể ai đó đang giả làm "
                "máy chủ của trường."
            )
        elif not shown.key:
            warning += " TRANG NÀY KHÔNG DÙNG HTTPS: ai trong mạng cũng có thể sửa nội dung. Chỉ dùng để thử."
        facts = [("Địa chỉ", origin)]
        if shown.certificate:
            facts.append(("Vân tay SHA-256", in_groups(shown.certificate)))
        answer = self._ask(
            origin, Question("Ghép trình ký này với học bạ số của trường", facts, "Ghép", warning=warning)
        )
        if not answer.ok:
            raise Refused(403, "no", "Người dùng không đồng ý ghép.")
        self._schools.add(origin, shown)
        log.info("paired %s certificate %s", origin, shown.certificate[:16])
        return self.status(origin)

    def open_session(self, origin: str) -> dict[str, Any]:
        """A token for one page of a paired school, after looking at the school's key again. Refused: ``unpaired``, ``changed``."""
        school = self._paired(origin)
        if look_at(origin).key != school.key:
            raise Refused(
                409, "changed", "Máy chủ của trường dùng khoá khác lúc ghép. Hỏi phụ trách CNTT, rồi ghép lại."
            )
        token, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._sessions = {key: kept for key, kept in self._sessions.items() if now - kept[1] < SESSION_SECONDS}
            if len(self._sessions) >= 50:
                raise Refused(429, "quiet", "Quá nhiều trang đang mở.")
            self._sessions[_mark(token)] = (origin, now)
        return {"session": token}

    def require_session(self, origin: str, token: str) -> None:
        """Refused (401, ``session``) unless the token was given to this very origin lately."""
        self._paired(origin)
        with self._lock:
            kept = self._sessions.get(_mark(token))
            if kept is None or kept[0] != origin or time.monotonic() - kept[1] > SESSION_SECONDS:
                raise Refused(401, "session", "Phiên của trang đã hết.")
            self._sessions[_mark(token)] = (origin, time.monotonic())

    def _paired(self, origin: str) -> Any:
        school = self._schools.get(origin)
        if school is None:
            raise Refused(403, "unpaired", "Trang này chưa được ghép với trình ký.")
        return school

    # --- asking ---

    def _require_patience(self, origin: str) -> None:
        now = time.monotonic()
        with self._lock:
            noes = [at for at in self._noes.get(origin, []) if now - at < QUIET_SECONDS]
            self._noes[origin] = noes
            # A stranger is told once; a school whose user changed their mind may ask again.
            if len(noes) >= (MAX_NO if self._schools.get(origin) else 1):
                raise Refused(429, "quiet", "Người dùng đã từ chối. Hãy thử lại sau mười phút.")

    def _ask(self, origin: str, question: Question) -> Answer:
        answer = self._asker.ask(question)
        if not answer.ok:
            with self._lock:
                self._noes.setdefault(origin, []).append(time.monotonic())
            log.info("refused by the user: %s", origin)
        return answer

    # --- certificates ---

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """The token is one, and so is the user. Refused: ``busy``."""
        if not self._device.acquire(timeout=BUSY_SECONDS):
            raise Refused(409, "busy", "Trình ký đang làm một việc khác.")
        try:
            yield
        finally:
            self._device.release()

    def _tokens(self) -> list[tuple[str, TokenFacts]]:
        found: list[tuple[str, TokenFacts]] = []
        for module in self._modules:
            with TokenProcess(module) as process:
                found += [(module, facts) for facts in process.tokens()]
        return found

    def tokens(self, _origin: str) -> dict[str, Any]:
        """Tokens plugged in now, and the certificates they show without a PIN."""
        if not self._modules:
            raise Refused(503, "driver", "Trình ký chưa được chỉ phần mềm điều khiển của thiết bị.")
        with self._one_at_a_time():
            return {
                "tokens": [
                    {
                        "label": facts.label,
                        "serial": facts.serial,
                        "model": facts.model,
                        "locked": facts.is_locked,
                        "certificates": [
                            {
                                "key_id": key_id,
                                "der": _b64(der),
                                "sha256": hashlib.sha256(der).hexdigest(),
                                "signs": key_kind(der) is not None and not _is_issuer(der),
                                "words": [value for _, value in _certificate_facts(der)],
                            }
                            for key_id, der in facts.certificates
                        ],
                    }
                    for _, facts in self._tokens()
                ]
            }

    def _find(self, fingerprint: str) -> tuple[str, TokenFacts, str, bytes, str]:
        """(driver, token, key id, certificate, kind of key) of a certificate. Refused: ``absent``, ``locked``, ``key``."""
        for module, facts in self._tokens():
            for key_id, der in facts.certificates:
                if hashlib.sha256(der).hexdigest() == fingerprint:
                    if facts.is_locked:
                        raise Refused(409, "locked", "Thiết bị ký đã khoá; nơi cấp thiết bị mới mở được.")
                    kind = key_kind(der)
                    if kind is None:
                        raise Refused(409, "key", "Loại khoá của chứng thư này không dùng được.")
                    return module, facts, key_id, der, kind
        raise Refused(409, "absent", "Không thấy thiết bị mang chứng thư này.")

    def _logged_in(self, origin: str, module: str, facts: TokenFacts, question: Question) -> TokenProcess:
        """Ask, and log in with what was typed. Refused: ``no``, ``pin``, ``locked``, ``absent``."""
        question.asks_pin, question.is_last_try = True, facts.is_last_try
        if facts.is_last_try:
            tries = "Thiết bị chỉ còn một lần thử mã PIN: sai nữa là khoá."
        else:
            tries = "Thiết bị báo đã có lần nhập sai mã PIN, còn ít lần thử." if facts.is_low else ""
        question.warning = " ".join(filter(None, (tries, question.warning)))
        answer = self._ask(origin, question)
        if not answer.ok:
            raise Refused(403, "no", "Người dùng không đồng ý.")
        process = TokenProcess(module)
        try:
            process.log_in(facts.serial, facts.label, answer.pin, last_try=answer.last_try)
        except BaseException:
            process.close()
            raise
        return process

    def prove(self, origin: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sign the school's challenge with the key of a certificate, so that the certificate may be registered there."""
        fingerprint, nonce = _text(body, "certificate", _HEX64), _text(body, "nonce", _ID)
        self._require_patience(origin)
        message = messages.proof_message(origin, nonce, fingerprint)
        with self._one_at_a_time():
            module, facts, key_id, leaf, _kind = self._find(fingerprint)
            question = Question(
                "Đăng ký chứng thư trên thiết bị với trường",
                [("Trường", origin), ("Thiết bị", plain(facts.label)), *_certificate_facts(leaf)],
                "Đăng ký",
            )
            with self._logged_in(origin, module, facts, question) as process:
                (signature,) = process.sign(key_id, leaf, [message])
        log.info("proved %s for %s", fingerprint[:16], origin)
        return {"signature": _b64(signature), "serial": facts.serial, "label": facts.label, "key_id": key_id}

    # --- signing ---

    def sign(self, origin: str, body: dict[str, Any]) -> dict[str, Any]:
        """The signatures of one round. The first round of a signing asks the user.

        Refused: ``shape``, ``limit``, ``digest``, ``form``, ``replay``, ``changed``, and what asking and the token refuse.
        """
        job, number, summary = _text(body, "job", _ID), _whole(body, "round", 0, 1000), _summary(body)
        items = _items(body, summary)
        asked = hashlib.sha256(repr((summary, items)).encode()).digest()
        with self._one_at_a_time():
            self._reap()
            signing = self._signings.get((origin, job))
            if signing is not None:
                if signing.summary != summary:
                    raise Refused(409, "changed", "Trang đổi nội dung giữa một lượt ký.")
                if number in signing.rounds:
                    before, signatures = signing.rounds[number]
                    if before != asked:
                        raise Refused(409, "replay", "Vòng này đã ký nội dung khác.")
                    return {"signatures": [_b64(one) for one in signatures]}
            n_left = signing.n_left if signing is not None else summary.n_signatures
            if len(items) > n_left:
                raise Refused(409, "limit", "Trang xin nhiều chữ ký hơn số người dùng đã đồng ý.")
            digests = [item.digest for item in items]
            if len(set(digests)) != len(digests) or (signing is not None and signing.signed & set(digests)):
                raise Refused(409, "replay", "Nội dung này đã được ký trong lượt này.")
            if signing is None or signing.process is None:
                signing = self._begin(origin, job, summary, items, signing, n_left)
            else:
                self._check(items, signing.leaf)
            process = signing.process
            assert process is not None
            try:
                signatures = process.sign(signing.key_id, signing.leaf, [item.message for item in items])
            except Refused:
                signing.log_out()
                raise
            signing.n_left -= len(items)
            signing.signed |= set(digests)
            signing.rounds[number] = (asked, signatures)
            signing.used_at = time.monotonic()
            if signing.n_left == 0:
                signing.log_out()
            log.info("signed %d for %s, job %s round %d, %d left", len(items), origin, job[:6], number, signing.n_left)
            self._asker.face.say(f"  Đã ký {len(items)} chữ ký cho {origin}, còn {signing.n_left} trong lượt này.")
            return {"signatures": [_b64(one) for one in signatures]}

    def _begin(
        self, origin: str, job: str, summary: Summary, items: list[Item], before: Signing | None, n_left: int
    ) -> Signing:
        self._require_patience(origin)
        module, facts, key_id, leaf, _kind = self._find(summary.certificate)
        self._check(items, leaf)
        kind = summary.kind
        count = f"{summary.n} {kind.noun} ({summary.n_signatures} chữ ký)"
        if before is not None:
            count = f"phần còn lại: {n_left} chữ ký của {summary.n} {kind.noun}"
        warning = ""
        if summary.n > WIDE:
            warning = (
                f"MỘT LẦN ĐỒNG Ý CHO CẢ {summary.n} {kind.noun.upper()}. So số này với trang đang ký. Muốn dừng giữa chừng thì rút thiết bị hoặc "
                "đóng trình ký: bản chưa ký vẫn nguyên."
            )
        of = "Học bạ " if summary.document == "hoc-ba" else ""
        question = Question(
            kind.title,
            [
                ("Trường", origin),
                ("Nội dung", f"{of}{summary.scope}: {count}"),
                *(
                    fact
                    for item in items
                    if item.form == "statement"
                    for fact in messages.statement_facts(item.message)
                ),
                ("Tư cách", ROLES[summary.role]),
                ("Người yêu cầu", summary.who),
                ("Thiết bị", plain(facts.label)),
                *_certificate_facts(leaf),
            ],
            "Ký",
            warning=warning,
        )
        process = self._logged_in(origin, module, facts, question)
        now = time.monotonic()
        signing = before or Signing(summary, key_id, leaf, None, n_left, now, now)
        signing.process, signing.key_id, signing.began_at, signing.used_at = process, key_id, now, now
        with self._lock:
            self._signings[origin, job] = signing
        return signing

    def _check(self, items: list[Item], leaf: bytes) -> None:
        kind = key_kind(leaf)
        for item in items:
            messages.check_item(item, leaf, kind or "")

    def _reap(self) -> None:
        """Log out of what is over, and forget it."""
        now = time.monotonic()
        with self._lock:
            over = [
                key
                for key, one in self._signings.items()
                if now - one.used_at > IDLE_SECONDS or now - one.began_at > one.summary.seconds
            ]
            ended = [self._signings.pop(key) for key in over]
        for one in ended:
            one.log_out()

    def keep_tidy(self, stop: threading.Event) -> None:
        """End idle signings until told to stop; then all of them."""
        while not stop.wait(5):
            if self._device.acquire(timeout=1):
                try:
                    self._reap()
                finally:
                    self._device.release()
        for one in list(self._signings.values()):
            one.log_out()


def in_groups(fingerprint: str) -> str:
    """A SHA-256 as people compare it: groups of four capitals."""
    big = fingerprint.upper()
    return " ".join(big[i : i + 4] for i in range(0, len(big), 4))


def _certificate_facts(leaf: bytes) -> list[tuple[str, str]]:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_der_x509_certificate(leaf)

    def name(of: x509.Name) -> str:
        found = of.get_attributes_for_oid(NameOID.COMMON_NAME) or of.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return plain(found[0].value) if found else "không rõ tên"

    return [
        ("Chứng thư", f"{name(certificate.subject)}, số {certificate.serial_number:X}"[:120]),
        ("Nơi cấp", name(certificate.issuer)),
        ("Còn hạn đến", f"{certificate.not_valid_after_utc:%d/%m/%Y}"),
    ]


def _is_issuer(der: bytes) -> bool:
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _mark(token: str) -> bytes:
    return hmac.digest(b"session", token.encode("utf-8", "replace"), "sha256")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# --- reading what a page sends ---


def _shape(what: str) -> Refused:
    return Refused(422, "shape", f"Yêu cầu của trang không đúng dạng ({what}).")


def _text(body: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _shape(name)
    return value


def _words(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise _shape(name)
    return plain(value)


def _whole(body: dict[str, Any], name: str, least: int, most: int) -> int:
    value = body.get(name)
    if type(value) is not int or not least <= value <= most:
        raise _shape(name)
    return value


def _summary(body: dict[str, Any]) -> Summary:
    number, name, role = body.get("n"), body.get("document"), body.get("role")
    if not isinstance(name, str) or name not in DOCUMENTS or role not in ROLES:
        raise _shape("document, role")
    kind = DOCUMENTS[name]
    if type(number) is int and number > kind.most:
        raise Refused(422, "limit", f"Một lượt ký tối đa {kind.most} {kind.noun}.")
    return Summary(
        name,
        str(role),
        _whole(body, "n", 1, kind.most),
        _words(body, "class"),
        _words(body, "who"),
        _text(body, "certificate", _HEX64),
    )


def _items(body: dict[str, Any], summary: Summary) -> list[Item]:
    """The signatures of whole documents, of a transcript the PDF's and the XML's; no more than was named."""
    forms = summary.kind.forms
    raw = body.get("items")
    if not isinstance(raw, list) or not raw:
        raise _shape("items")
    if len(raw) > min(summary.n_signatures, MAX_ROUND * len(forms)):
        raise Refused(422, "limit", "Trang xin nhiều chữ ký hơn số đã nêu.")
    items = []
    for position, entry in enumerate(raw):
        if not isinstance(entry, dict) or entry.get("form") != forms[position % len(forms)]:
            raise _shape("form")
        try:
            digest = bytes.fromhex(entry["digest"])
            message = base64.b64decode(entry["message"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise _shape("digest, message") from error
        items.append(Item(entry["form"], digest, message))
    if len(items) % len(forms):
        raise _shape("items")
    return items
