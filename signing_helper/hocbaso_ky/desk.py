"""What a paired page may ask for: who is here, which certificates, a proof that a key is here, and the signatures of one class.

The user says yes once a signing, to the papers that the school's server names in a text signed by its own key; the same signing may bring
its signatures in several rounds, each with such a text of its own (:mod:`hocbaso_ky.manifest`), never for another paper, never one digest
twice. A round that is asked for again gets the same signatures again: an answer lost on the way costs no second operation of the key.
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
from datetime import datetime, timedelta
from typing import Any

from hocbaso_ky import PROTOCOL, VERSION, manifest, messages
from hocbaso_ky.asking import Answer, Asker, Question, plain
from hocbaso_ky.manifest import ROLES, Agreement, Listing
from hocbaso_ky.messages import Item
from hocbaso_ky.refusals import Refused
from hocbaso_ky.schools import School, Schools, Used, look_at
from hocbaso_ky.token_process import TokenFacts, TokenProcess, key_kind

log = logging.getLogger("hocbaso_ky")

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


_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class Signing:
    """One yes of the user."""

    agreement: Agreement
    key_id: str
    leaf: bytes
    process: TokenProcess | None
    n_left: int
    began_at: float
    used_at: float
    rounds: dict[int, tuple[str, list[bytes]]] = field(default_factory=dict)
    signed: set[object] = field(default_factory=set)
    """The digests, and the (form, pupil's code) pairs: neither is signed twice."""

    @property
    def seconds(self) -> float:
        """Longest time from the user's yes to the last signature."""
        return SIGNING_SECONDS + max(0, self.agreement.n - WIDE) * SECONDS_A_DOCUMENT

    def log_out(self) -> None:
        """End the driver's process; what was signed can still be fetched again."""
        if self.process is not None:
            self.process.close()
            self.process = None


class Desk:
    """The helper's memory. ``modules`` are the PKCS#11 drivers of this computer; plain HTTP only where ``allow_http``."""

    def __init__(
        self, schools: Schools, used: Used, asker: Asker, modules: Sequence[str], *, allow_http: bool = False
    ) -> None:
        self._schools, self._asker, self._modules, self._allow_http = schools, asker, tuple(modules), allow_http
        self._used = used
        self._clocks: dict[str, tuple[datetime, float, float]] = {}
        self._lock, self._device = threading.Lock(), threading.Lock()
        self._sessions: dict[bytes, tuple[str, float]] = {}
        self._signings: dict[tuple[str, str], Signing] = {}
        self._noes: dict[str, list[float]] = {}
        self._strangers: list[float] = []

    # --- who is here ---

    def is_paired(self, origin: str) -> bool:
        """Whether the user has let this school in, and this helper knows the key that signs what the school tells."""
        school = self._schools.get(origin)
        return school is not None and bool(school.signing_key)

    def status(self, origin: str) -> dict[str, Any]:
        """That the helper is here, and whether it knows this school; nothing else to a stranger."""
        told: dict[str, Any] = {"hocbaso_ky": PROTOCOL, "version": VERSION, "paired": self.is_paired(origin)}
        if origin.startswith("http://") and not self._allow_http:
            told["problem"] = "http"
        return told

    def pair(self, origin: str) -> dict[str, Any]:
        """Let a school in, if the user says so. Refused: ``http``, ``quiet``, ``school``, ``server_old``, ``no``, ``busy``,
        ``no_answer``."""
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
        if not shown.signing_key:
            raise Refused(503, "school", "Máy chủ của trường chưa có khoá để ký bảng kê. Hãy bấm Ghép lại.")
        if before is not None and (before.key, before.signing_der) == (shown.key, shown.signing_key):
            return self.status(origin)
        warning = "Chỉ đồng ý khi chính thầy, cô vừa bấm “Ghép” trên trang học bạ của trường, và trang đó hiện đúng mã khoá này."
        if before is not None and before.key != shown.key:
            warning = (
                "MÁY CHỦ NÀY TRƯỚC ĐÂY DÙNG KHOÁ KHÁC. Hỏi phụ trách CNTT trước khi đồng ý: có thể ai đó đang giả làm "
                "máy chủ của trường."
            )
        elif before is not None and before.signing_key:
            warning = (
                "KHOÁ KÝ BẢNG KÊ CỦA MÁY CHỦ ĐÃ ĐỔI. Máy chủ đổi khoá này hai năm một lần, hoặc khi khoá bị thu hồi: hỏi phụ "
                "trách CNTT trước khi đồng ý."
            )
        elif not shown.key:
            warning += " TRANG NÀY KHÔNG DÙNG HTTPS: ai trong mạng cũng có thể sửa nội dung. Chỉ dùng để thử."
        facts = [("Địa chỉ", origin)]
        if shown.certificate:
            facts.append(("Vân tay SHA-256", in_groups(shown.certificate)))
        facts.append(("Mã khoá của máy chủ", manifest.words_of(shown.signing_key)))
        answer = self._ask(
            origin, Question("Ghép trình ký này với học bạ số của trường", facts, "Ghép", warning=warning)
        )
        if not answer.ok:
            raise Refused(403, "no", "Người dùng không đồng ý ghép.")
        self._schools.add(origin, shown)
        key_id = manifest.key_id_of(shown.signing_key)
        log.info("paired %s certificate %s key %s", origin, shown.certificate[:16], key_id)
        return self.status(origin)

    def open_session(self, origin: str) -> dict[str, Any]:
        """A token for one page of a paired school, after looking at the school's keys again. Refused: ``unpaired``, ``changed``."""
        school = self._paired(origin)
        shown = look_at(origin)
        if (shown.key, shown.signing_key) != (school.key, school.signing_der):
            raise Refused(
                409, "changed", "Máy chủ của trường dùng khoá khác lúc ghép. Hỏi phụ trách CNTT, rồi ghép lại."
            )
        token, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._sessions = {key: kept for key, kept in self._sessions.items() if now - kept[1] < SESSION_SECONDS}
            if len(self._sessions) >= 50:
                raise Refused(429, "quiet", "Quá nhiều trang đang mở.")
            self._sessions[_mark(token)] = (origin, now)
            self._clocks[origin] = (shown.now, now, time.time())
        return {"session": token}

    def _time_at(self, origin: str) -> datetime:
        """The school's time: told over the pinned line when a session began, and gone on since. This computer's own clock may be wrong;
        of its two ways to count the longer one counts, so a nap of the computer does not lengthen anything."""
        with self._lock:
            told, steady, wall = self._clocks[origin]
        return told + timedelta(seconds=max(time.monotonic() - steady, time.time() - wall, 0.0))

    def require_session(self, origin: str, token: str) -> None:
        """Refused (401, ``session``) unless the token was given to this very origin lately."""
        self._paired(origin)
        with self._lock:
            kept = self._sessions.get(_mark(token))
            if kept is None or kept[0] != origin or time.monotonic() - kept[1] > SESSION_SECONDS:
                raise Refused(401, "session", "Phiên của trang đã hết.")
            self._sessions[_mark(token)] = (origin, time.monotonic())

    def _paired(self, origin: str) -> School:
        school = self._schools.get(origin)
        if school is None or not school.signing_key:
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
        """The signatures of one round: ``agreement`` and ``list`` as the server signed them, ``messages`` in the list's order.

        The first round of an agreement asks the user. Refused: what ``manifest`` refuses, ``shape``, ``limit``, ``digest``, ``form``,
        ``replay``, and what asking and the token refuse.
        """
        key, now = self._paired(origin).signing_der, self._time_at(origin)
        agreement = manifest.read_agreement(body.get("agreement"), key, now)
        listing = manifest.read_list(body.get("list"), agreement, key, now)
        if len(listing.entries) > MAX_ROUND * len(agreement.kind.forms):
            raise Refused(422, "limit", "Bảng kê của một vòng quá dài.")
        items = _items(body, listing)
        place = origin, agreement.request
        with self._one_at_a_time():
            self._reap()
            signing = self._signings.get(place)
            if signing is not None:
                if signing.agreement.digest != agreement.digest:
                    raise Refused(409, "changed", "Bảng kê đổi nội dung giữa một lượt ký.")
                if listing.number in signing.rounds:
                    before, signatures = signing.rounds[listing.number]
                    if before != listing.digest:
                        raise Refused(409, "replay", "Vòng này đã ký nội dung khác.")
                    return {"signatures": [_b64(one) for one in signatures]}
            if listing.digest in self._used:
                raise Refused(409, "replay", "Bảng kê này đã dùng để ký rồi.")
            n_left = signing.n_left if signing is not None else agreement.n_signatures
            if len(items) > n_left:
                raise Refused(409, "limit", "Trang xin nhiều chữ ký hơn số người dùng đã đồng ý.")
            marks: list[object] = [entry.digest for entry in listing.entries]
            marks += [(entry.form, entry.paper.code) for entry in listing.entries]
            if len(set(marks)) != len(marks) or (signing is not None and signing.signed & set(marks)):
                raise Refused(409, "replay", "Nội dung này đã được ký trong lượt này.")
            if signing is None or signing.process is None:
                signing = self._begin(origin, agreement, items, signing, n_left)
            else:
                self._check(items, signing.leaf)
            process = signing.process
            assert process is not None
            try:
                signatures = process.sign(signing.key_id, signing.leaf, [item.message for item in items])
            except Refused:
                signing.log_out()
                raise
            # After the key was used and before anybody hears of it: what fails may be tried again, what is out is not signed twice.
            self._used.add(listing.digest)
            signing.n_left -= len(items)
            signing.signed |= set(marks)
            signing.rounds[listing.number] = (listing.digest, signatures)
            signing.used_at = time.monotonic()
            if signing.n_left == 0:
                signing.log_out()
            round_ = f"{agreement.request[:6]} round {listing.number}"
            log.info("signed %d for %s, job %s, %d left", len(items), origin, round_, signing.n_left)
            self._asker.face.say(f"  Đã ký {len(items)} chữ ký cho {origin}, còn {signing.n_left} trong lượt này.")
            return {"signatures": [_b64(one) for one in signatures]}

    def _begin(
        self, origin: str, agreement: Agreement, items: list[Item], before: Signing | None, n_left: int
    ) -> Signing:
        self._require_patience(origin)
        module, facts, key_id, leaf, _kind = self._find(agreement.certificate)
        self._check(items, leaf)
        kind = agreement.kind
        count = f"{agreement.n} {kind.noun} ({agreement.n_signatures} chữ ký)"
        if before is not None:
            count = f"phần còn lại: {n_left} chữ ký của {agreement.n} {kind.noun}"
        warning = ""
        if agreement.n > WIDE:
            warning = (
                f"MỘT LẦN ĐỒNG Ý CHO CẢ {agreement.n} {kind.noun.upper()}. So số này với trang đang ký. Muốn dừng giữa chừng thì rút thiết bị "
                "hoặc đóng trình ký: bản chưa ký vẫn nguyên."
            )
        of = "Học bạ " if agreement.document == "hoc-ba" else ""
        question = Question(
            kind.title,
            [
                ("Trường", origin),
                ("Nội dung", f"{of}{agreement.scope}: {count}"),
                *(
                    fact
                    for item in items
                    if item.form == "statement"
                    for fact in messages.statement_facts(item.message)
                ),
                ("Tư cách", ROLES[agreement.role]),
                ("Người yêu cầu", agreement.who),
                ("Thiết bị", plain(facts.label)),
                *_certificate_facts(leaf),
            ],
            "Ký",
            warning=warning,
            contents=[(f"Lớp {group}", names) for group, names in agreement.groups()],
        )
        process = self._logged_in(origin, module, facts, question)
        now = time.monotonic()
        signing = before or Signing(agreement, key_id, leaf, None, n_left, now, now)
        signing.process, signing.key_id, signing.began_at, signing.used_at = process, key_id, now, now
        with self._lock:
            self._signings[origin, agreement.request] = signing
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
                if now - one.used_at > IDLE_SECONDS or now - one.began_at > one.seconds
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


def _items(body: dict[str, Any], listing: Listing) -> list[Item]:
    """What the page brings, each with the form and the digest that the school's list gives it."""
    raw = body.get("messages")
    if not isinstance(raw, list) or len(raw) != len(listing.entries):
        raise _shape("messages")
    items = []
    for text, entry in zip(raw, listing.entries, strict=True):
        try:
            items.append(Item(entry.form, entry.digest, base64.b64decode(text, validate=True)))
        except (TypeError, ValueError, binascii.Error) as error:
            raise _shape("messages") from error
    return items
