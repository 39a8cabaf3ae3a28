"""A key on a token at the signer's own computer, for one batch: the signer's page carries hashes there and signatures back.

The batch's thread lays a round of messages out, with what the machine's key says of them (:mod:`hocbaso.documents.signing_manifest`), and
waits; the page fetches it, lets the signing helper of that computer sign, and brings the signatures. A signature is checked with the registered certificate the moment it arrives: a wrong one is refused and the round goes on
waiting, so nobody can end a batch by bringing rubbish. Only the browser session that began the batch may fetch or bring.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.documents.signing_manifest import Clerk, Errand, Paper, SignedText
from hocbaso.errors import IntegrityFault, Invalid, NotFound, Unavailable, WrongState

ABSENT_SECONDS = 90.0
"""Longest silence of the page before the batch gives up (a laptop that sleeps, a page that was closed)."""
ROUND_SECONDS = 15 * 60.0
"""Longest wait for one round, however often the page asks."""
FORMS = {"hoc-ba": ("pades", "xmldsig"), "danh-sach-thu-hoi": ("xmldsig",), "khoa-may": ("statement",)}
"""What the helper signs, and the forms of the signatures that one of each takes, in order."""
MOST = {"hoc-ba": 1000, "danh-sach-thu-hoi": 1, "khoa-may": 10}
"""So many of each the helper lets its user agree to at once; what is more is asked for again."""

GONE = "Trang ký ở máy của thầy, cô đã đóng hoặc mất mạng. Hãy ký tiếp phần còn lại."
TOO_LONG = "Chờ ký quá lâu nên đã dừng. Hãy ký tiếp phần còn lại."
_NOT_YOURS = "Không có lượt ký nào của thầy, cô đang chờ ở máy này."
_GIVEN_UP = {
    "no": "Thầy, cô đã từ chối ở trình ký.",
    "pin": "Mã PIN của thiết bị không đúng.",
    "locked": "Thiết bị ký đã khoá vì nhập sai mã PIN nhiều lần. Nơi cấp thiết bị mới mở khoá được.",
    "absent": "Không thấy thiết bị ký ở máy của thầy, cô.",
    "stopped": "Thầy, cô đã dừng lượt ký này.",
}
"""Why a page stops a batch. Its own words are never kept."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a page carries to the helper: ``messages`` in the order of :data:`FORMS`, for transcripts the PDF's, then the XML's.

    ``job`` is one agreement of the signer, to ``n`` documents, ``agreement`` its text and ``listing`` what is to be signed in this round.
    """

    number: int
    job: str
    messages: tuple[bytes, ...]
    n: int
    agreement: SignedText
    listing: SignedText

    @property
    def digests(self) -> tuple[bytes, ...]:
        """SHA-256 of each message: what the key signs."""
        return tuple(hashlib.sha256(message).digest() for message in self.messages)


class DeskSigner:
    """``signers.BatchSigner`` whose signatures come by the page. Thread-safe. ``session`` names the browser session that may bring them."""

    n_at_once = 12
    """Documents a round: a real token takes a tenth of a second a signature, so that a round is there in some three seconds."""

    def __init__(self, leaf: bytes, session: str) -> None:
        self.leaf, self._session = leaf, session
        self.document = "hoc-ba"
        self.job = ""
        self.errand = Errand("", "", "")
        self._clerk: Clerk | None = None
        self._parts: list[list[Paper]] = []
        self._part_of: dict[Paper, int] = {}
        self._taken: set[Paper] = set()
        self._part = -1
        self._agreement: SignedText | None = None
        self._agreement_ends = datetime.min.replace(tzinfo=UTC)
        self._n_of_job = 0
        self._key = x509.load_der_x509_certificate(leaf).public_key()
        self._change = threading.Condition()
        self._number = -1
        self._round: Round | None = None
        self._answer: tuple[bytes, ...] | None = None
        self._last: tuple[str, int, tuple[bytes, ...]] | None = None
        self._why = ""
        self._closed = False
        self._seen_at = 0.0

    def __repr__(self) -> str:
        return f"DeskSigner({self.job[:6]!r})"

    # --- for the batch ---

    def introduce(self, clerk: Clerk, errand: Errand) -> None:
        """Who asks and for what, and who writes it down for the helper; before :meth:`begin`."""
        self._clerk, self.errand = clerk, errand

    def begin(self, n_messages: int, papers: Sequence[Paper] = ()) -> None:
        """See ``BatchSigner``: what the signer is asked to agree to, once; more than one agreement takes is cut into parts.

        Raises IntegrityFault where the papers are not those of ``n_messages``: nothing is signed that is not named.
        """
        if len(papers) * self._n_forms != n_messages or len(set(papers)) != len(papers):
            raise IntegrityFault("Số học bạ và số chữ ký của lượt này không khớp nhau; chưa ký gì.")
        most = MOST[self.document]
        with self._change:
            self._parts = [list(papers[at : at + most]) for at in range(0, len(papers), most)]
            self._part_of = {paper: part for part, some in enumerate(self._parts) for paper in some}

    @property
    def _n_forms(self) -> int:
        return len(FORMS[self.document])

    def sign_messages(self, messages: Sequence[bytes], papers: Sequence[Paper] = ()) -> list[bytes]:
        """See ``BatchSigner``: wait until the page has brought them all. What goes beyond one agreement begins another.

        Raises Unavailable (the page is gone, nothing came in time), WrongState (the signer stopped), IntegrityFault (papers that
        :meth:`begin` was not told of).
        """
        each = self._n_forms
        if len(messages) != each * len(papers) or any(paper not in self._part_of for paper in papers):
            raise IntegrityFault("Học bạ cần ký không có trong lượt đã hỏi người ký; chưa ký gì.")
        signed: list[bytes] = []
        at = 0
        while at < len(papers):
            part = self._part_of[papers[at]]
            end = at
            while end < len(papers) and self._part_of[papers[end]] == part:
                end += 1
            self._agree(part)
            signed += self._sign_round(messages[at * each : end * each], papers[at:end])
            at = end
        return signed

    def _agree(self, part: int) -> None:
        """Go on with the agreement to a part, or begin one: for another part, or where the old one would end within the round."""
        with self._change:
            clerk = self._clerk
            if clerk is None:
                raise IntegrityFault("Lượt ký này không có khoá của máy đứng tên; chưa ký gì.")
            round_ends = clerk.now() + timedelta(seconds=ROUND_SECONDS)
            if part == self._part and self._agreement_ends > round_ends:
                return
            self._part, self._number, self.job = part, -1, secrets.token_urlsafe(18)
            rest = [paper for paper in self._parts[part] if paper not in self._taken]
            scope = self.errand.scope
            if len(self._parts) > 1:
                scope = f"{scope}, phần {part + 1}/{len(self._parts)}"
            self._n_of_job = len(rest)
            self._agreement, self._agreement_ends = clerk.agreement(
                self.job,
                self.document,
                Errand(self.errand.role, scope, self.errand.who),
                certificate_fingerprint(self.leaf),
                rest,
            )

    def _sign_round(self, messages: Sequence[bytes], papers: Sequence[Paper]) -> list[bytes]:
        forms = FORMS[self.document]
        with self._change:
            self._number += 1
            self._taken.update(papers)
            assert self._clerk is not None and self._agreement is not None
            entries = [(paper, form, file) for paper in papers for form, file in zip(forms, paper.digests, strict=True)]
            listing = self._clerk.listing(
                self._agreement,
                self.job,
                self._number,
                [
                    (paper, form, hashlib.sha256(message).digest(), file)
                    for (paper, form, file), message in zip(entries, messages, strict=True)
                ],
            )
            self._round, self._answer = (
                Round(self._number, self.job, tuple(messages), self._n_of_job, self._agreement, listing),
                None,
            )
            began = self._seen_at = time.monotonic()
            try:
                while self._answer is None:
                    if self._why:
                        raise WrongState(f"{_GIVEN_UP[self._why]} Phần còn lại ký tiếp được.")
                    now = time.monotonic()
                    if self._closed or now - self._seen_at > ABSENT_SECONDS:
                        raise Unavailable(GONE)
                    if now - began > ROUND_SECONDS:
                        raise Unavailable(TOO_LONG)
                    self._change.wait(1.0)
                self._last = (self.job, self._number, self._answer)
                return list(self._answer)
            finally:
                self._round = None

    def close(self) -> None:
        """See ``BatchSigner``."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    # --- for the page ---

    def _require(self, session: str) -> None:
        if not hmac.compare_digest(session.encode(), self._session.encode()):
            raise NotFound(_NOT_YOURS)

    def waiting(self, session: str) -> Round | None:
        """The round that waits now, or None while the server is busy with the last one. Raises NotFound (another session)."""
        self._require(session)
        with self._change:
            self._seen_at = time.monotonic()
            return self._round

    def bring(self, session: str, job: str, number: int, signatures: Sequence[bytes]) -> None:
        """Take the signatures of a round. The same ones again are welcome: an answer may be lost on the way.

        Raises NotFound (another session), WrongState (a round that is over, or another batch's), Invalid (not signatures of
        this certificate over what was prepared: the round goes on waiting).
        """
        self._require(session)
        given = tuple(signatures)
        with self._change:
            self._seen_at = time.monotonic()
            if self._last == (job, number, given):
                return
            waits = self._round
            if waits is None or (job, number) != (self.job, waits.number):
                raise WrongState("Lượt ký này không còn chờ chữ ký; không ghi gì.")
            self._check(waits, given)
            self._answer = given
            self._round = None
            self._last = (job, number, given)
            self._change.notify_all()

    def _check(self, waits: Round, given: tuple[bytes, ...]) -> None:
        from hocbaso.documents import cms

        good = len(given) == len(waits.messages) and all(
            cms.verify_digest(self._key, digest, signature)
            for digest, signature in zip(waits.digests, given, strict=False)
        )
        if not good:
            raise Invalid("Chữ ký gửi về không phải của chứng thư đã đăng ký cho đúng nội dung này; không ghi gì.")

    def stop(self, session: str, why: str) -> None:
        """The signer ends the batch. Raises NotFound, Invalid (``why`` is not one of the known words)."""
        self._require(session)
        if why not in _GIVEN_UP:
            raise Invalid("Không rõ vì sao dừng.")
        with self._change:
            if self._round is not None:
                self._why = why
            self._change.notify_all()
