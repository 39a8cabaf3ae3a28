"""The Cloud Signature Consortium API, versions 1.0.4.0 and 2.0: a signing key at a provider, asked over HTTPS.

Addresses come from the machine's configuration only. One connection a call to exactly that host: the certificate is verified,
no proxy is taken from the environment, no redirect is followed, an answer is bounded. What the provider refuses is told in
words with its own error code beside it. Nothing is asked twice that might have had an effect (authorising, signing).
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from hocbaso.errors import DomainError, Invalid, NotAllowed, Unavailable, WrongState

SHA256_OID = "2.16.840.1.101.3.4.2.1"
_RSA_SHA256, _RSA, _ECDSA_SHA256 = "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1", "1.2.840.10045.4.3.2"

MAX_ANSWER = 4_000_000
"""Bytes of an answer that are read; a thousand signatures take a tenth."""
RETRY_AFTER = (0.5, 1.0, 2.0)
"""Seconds between tries of a call that had no effect, unless the provider says how long to wait (ten at most)."""
HASHES_A_PAPER = 2
"""The PDF's and the XML's: one signature act of one person is both or neither."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as configured. ``version`` is ``v1`` or ``v2``; ``url`` ends before ``/credentials``; all addresses are https.

    ``ca_file``: PEM of authorities that vouch for the provider's server in place of the machine's own list.
    ``confirm_seconds``: how long a signer may take to confirm on the telephone. Without ``authorize_url`` the application itself
    signs in (OAuth 2 client credentials); with it each signer does, in the browser, and comes back to ``redirect_uri``
    (authorisation code with PKCE).
    """

    name: str
    words: str
    version: str
    url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: str | None = None
    timeout: float = 20.0
    confirm_seconds: float = 180.0
    authorize_url: str | None = None
    redirect_uri: str | None = None

    def check(self) -> None:
        """Raise ``errors.WrongState`` when the configuration is not usable."""
        if (self.authorize_url is None) != (self.redirect_uri is None):
            raise WrongState(
                f"{self.words} trong config.toml phải có cả authorize_url và redirect_uri, hoặc không có cả hai."
            )
        more = [address for address in (self.authorize_url, self.redirect_uri) if address is not None]
        for address in (self.url, self.token_url, *more):
            parts = urlsplit(address)
            if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
                raise WrongState(
                    f"Địa chỉ của {self.words} trong config.toml phải là https://… không kèm tên đăng nhập."
                )
        if self.version not in ("v1", "v2"):
            raise WrongState(f"Phiên bản của {self.words} trong config.toml là v1 hoặc v2.")


@dataclass(frozen=True, slots=True)
class Credential:
    """A key at the provider. ``chain`` is DER, leaf first; ``n_at_once`` is how many hashes one authorisation may cover.

    ``mode``: ``implicit`` (the provider asks the signer itself, on the telephone) or ``explicit`` (PIN, one-time code);
    ``binds_hashes``: an authorisation holds for the very hashes it was given for (SCAL 2).
    """

    id: str
    chain: tuple[bytes, ...]
    algorithms: tuple[str, ...]
    mode: str
    asks_pin: bool
    asks_code: bool
    binds_hashes: bool
    n_at_once: int


@dataclass(slots=True)
class Login:
    """What a signer's own sign-in at a provider gave; renewed in place."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)


class NotSignedIn(WrongState):
    """The provider wants the signer to sign in there, in the browser, first."""


class CscClient:
    """Calls of one provider, with one access token that is renewed when it is refused. Thread-confined.

    ``login``: of the signer, for a provider with ``authorize_url``; without one its calls raise NotSignedIn.
    """

    def __init__(
        self, provider: Provider, *, login: Login | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        provider.check()
        self.provider = provider
        self._sleep = sleep
        self._login = login
        self._token: str | None = login.access if login is not None else None
        try:
            self._tls = ssl.create_default_context(cafile=provider.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise WrongState(f"Không đọc được tệp ca_file của {provider.words} trong config.toml.") from error
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def __repr__(self) -> str:
        return f"CscClient({self.provider.name!r})"

    # --- one call ------------------------------------------------------------------------------------------------------

    def _send(
        self, address: str, body: bytes, headers: dict[str, str], seconds: float
    ) -> tuple[int, Any, float | None]:
        """(status, decoded JSON, seconds to wait). Raises _NotSent when nothing left this machine, Unavailable otherwise."""
        parts = urlsplit(address)
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port or 443, timeout=self.provider.timeout, context=self._tls
        )
        try:
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                raise _Settled(
                    f"Chứng thư máy chủ của {self.provider.words} không đáng tin; không gửi gì.",
                    details=(str(error.verify_message),),
                ) from error
            except OSError as error:
                raise _NotSent from error
            if connection.sock is not None:
                connection.sock.settimeout(seconds)
            connection.request("POST", parts.path or "/", body, {"Accept": "application/json", **headers})
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"{self.provider.words} không trả lời kịp. Không rõ bên đó đã xử lí chưa; hãy đợi một phút rồi ký tiếp.",
                details=(type(error).__name__,),
            ) from error
        finally:
            connection.close()
        if len(data) > MAX_ANSWER:
            raise _Settled(f"{self.provider.words} trả lời quá dài; không dùng.")
        if 300 <= answer.status < 400:
            raise _Settled(f"{self.provider.words} chuyển sang địa chỉ khác địa chỉ đã cấu hình; không đi theo.")
        wait = answer.getheader("Retry-After") or ""
        return answer.status, _decoded(data), min(10.0, float(wait)) if wait.isdigit() else None

    def _try(
        self, address: str, body: bytes, headers: dict[str, str], *, repeatable: bool, seconds: float
    ) -> tuple[int, Any]:
        """One call; again after a pause while nothing was done: not connected, 429, and if repeatable 502, 503, 504, silence.

        A 503 may come from a machine between, of an answer that was given.
        """
        for pause in (*RETRY_AFTER, None):
            wait: float | None = None
            try:
                status, answer, wait = self._send(address, body, headers, seconds)
                if status not in ((429, 502, 503, 504) if repeatable else (429,)) or pause is None:
                    return status, answer
            except _NotSent as error:
                if pause is None:
                    raise Unavailable(
                        f"Không nối được tới {self.provider.words}. Hãy xem máy chủ có ra được mạng ngoài không."
                    ) from error
            except _Settled:
                raise
            except Unavailable:
                if pause is None or not repeatable:
                    raise
            self._sleep(wait if wait is not None else pause)
        raise AssertionError("unreachable")

    def _access_token(self) -> str:
        if self._token is None:
            if self.provider.authorize_url is None:
                self._token = self._ask_token({"grant_type": "client_credentials", "scope": "service"}).access
            else:
                self._token = self._renewed().access
        return self._token

    def _renewed(self) -> Login:
        again = NotSignedIn(f"Hãy đăng nhập vào {self.provider.words} ở trang Chứng thư số rồi làm lại.")
        if self._login is None or self._login.refresh is None:
            raise again
        try:
            new = self._ask_token({"grant_type": "refresh_token", "refresh_token": self._login.refresh})
        except WrongState:
            raise again from None
        self._login.access, self._login.refresh = new.access, new.refresh or self._login.refresh
        return self._login

    def exchange(self, code: str, verifier: str) -> Login:
        """The login behind the ``code`` that the signer's browser brought back; ``verifier`` is what PKCE began with (RFC 7636)."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return self._ask_token({**form, "redirect_uri": self.provider.redirect_uri or ""})

    def _ask_token(self, form: dict[str, str]) -> Login:
        form = {**form, "client_id": self.provider.client_id, "client_secret": self.provider.client_secret}
        status, answer = self._try(
            self.provider.token_url,
            urlencode(form).encode("ascii"),
            {"Content-Type": "application/x-www-form-urlencoded"},
            repeatable=form["grant_type"] == "client_credentials",
            seconds=self.provider.timeout,
        )
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise self._refusal(
                status, answer, "Không đăng nhập được vào dịch vụ: mã ứng dụng không đúng hoặc đã hết hạn"
            )
        refresh = answer.get("refresh_token")
        return Login(token, refresh if isinstance(refresh, str) else None)

    def call(
        self, method: str, body: dict[str, Any], *, repeatable: bool, seconds: float | None = None
    ) -> dict[str, Any]:
        """POST ``method`` with a JSON body; the answer's object. A refused access token is renewed once.

        Raises Unavailable, NotAllowed (wrong PIN or code), WrongState, Invalid: what the provider said, in words.
        """
        data = json.dumps(body).encode("utf-8")
        for again in (True, False):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._access_token()}"}
            status, answer = self._try(
                f"{self.provider.url.rstrip('/')}/{method}",
                data,
                headers,
                repeatable=repeatable,
                seconds=seconds or self.provider.timeout,
            )
            if status == 401 and again:
                self._token = None
                continue
            break
        if status != 200:
            raise self._refusal(status, answer, "Dịch vụ không nhận yêu cầu")
        if not isinstance(answer, dict):
            raise Unavailable(f"{self.provider.words} trả lời không đúng chuẩn; không dùng.")
        return answer

    def _refusal(self, status: int, answer: Any, otherwise: str) -> DomainError:
        code = str(answer.get("error") or "") if isinstance(answer, dict) else ""
        text = str(answer.get("error_description") or "") if isinstance(answer, dict) else ""
        told = (" ".join(f"{self.provider.words}: {status} {code} {text}".split())[:300],)
        low = f"{code} {text}".lower()
        if code == "invalid_pin" or ("pin" in low.split() and "invalid" in low and "locked" not in low):
            return NotAllowed("Mã PIN không đúng. Chưa ký bản nào ở lượt này.", details=told)
        if code == "invalid_otp" or ("otp" in low.split() and "invalid" in low and "locked" not in low):
            return NotAllowed("Mã xác nhận không đúng hoặc đã hết hạn. Chưa ký bản nào ở lượt này.", details=told)
        if "locked" in low:
            return WrongState("Nơi cấp đã khoá khoá ký này vì nhập sai nhiều lần. Nơi cấp mới mở được.", details=told)
        if code == "authorization_denied" or "rejected" in low or "declined" in low:
            return NotAllowed("Người ký đã từ chối trên điện thoại. Chưa ký bản nào ở lượt này.", details=told)
        if "timeout" in low or code in ("expired_request", "authorization_timeout"):
            return Unavailable("Người ký chưa xác nhận kịp trên điện thoại. Hãy ký tiếp phần còn lại.", details=told)
        if "sad" in low.split() or code in ("invalid_sad", "expired_sad"):
            return Unavailable("Lượt uỷ quyền ký đã hết hạn. Hãy ký tiếp phần còn lại.", details=told)
        if status in (429, 500, 502, 503, 504):
            return Unavailable("Dịch vụ ký từ xa đang bận hoặc gặp sự cố. Hãy thử lại sau ít phút.", details=told)
        return WrongState(f"{otherwise}.", details=told)

    # --- the methods used ----------------------------------------------------------------------------------------------

    def credentials(self, user: str) -> list[str]:
        """Ids of the credentials of a user as the provider knows them (``credentials/list``), 200 at most.

        Where the signer has signed in there, the list is theirs and ``user`` is not sent (CSC 1.0.4, 11.4).
        """
        found: list[str] = []
        body: dict[str, Any] = {"maxResults": 50}
        if self.provider.authorize_url is None:
            body["userID"] = user
        for _ in range(4):
            answer = self.call("credentials/list", body, repeatable=True)
            ids = answer.get("credentialIDs")
            if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
                raise Unavailable(f"{self.provider.words} trả lời không đúng chuẩn; không dùng.")
            found += ids
            page = answer.get("nextPageToken")
            if not page:
                break
            body = {**body, "pageToken": page}
        return found

    def credential(self, credential_id: str) -> Credential:
        """Certificate chain and way of authorising (``credentials/info``). Raises WrongState when the key is not usable here."""
        body = {"credentialID": credential_id, "certificates": "chain", "certInfo": True, "authInfo": True}
        answer = self.call("credentials/info", body, repeatable=True)
        try:
            key, cert = answer["key"], answer["cert"]
            chain = tuple(base64.b64decode(text, validate=True) for text in cert["certificates"])
            algorithms = tuple(str(one) for one in key["algo"])
            if self.provider.version == "v2":
                auth = answer["auth"]
                mode = auth["mode"]
                ids = {str(one.get("id", "")).upper() for one in auth.get("objects", [])}
                pin, code, online = "PIN" in ids, "OTP" in ids, False
            else:
                mode = answer["authMode"]
                pin = _presence(answer.get("PIN"))
                code = _presence(answer.get("OTP"))
                online = code and answer["OTP"].get("type") == "online"
            enabled = key["status"] == "enabled" and cert.get("status", "valid") == "valid"
            many = int(answer.get("multisign") or 1)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"{self.provider.words} trả lời không đúng chuẩn; không dùng.") from error
        if not chain:
            raise WrongState(f"{self.provider.words} không đưa chứng thư của khoá {credential_id}.")
        if not enabled:
            raise WrongState(
                "Nơi cấp báo khoá hoặc chứng thư này không còn dùng được (hết hạn, tạm dừng hoặc thu hồi)."
            )
        if mode not in ("implicit", "explicit") or online:
            raise WrongState(
                "Khoá này phải được uỷ quyền qua trình duyệt hoặc tin nhắn của nơi cấp; phần mềm chỉ dùng được mã PIN, "
                "mã xác nhận trên ứng dụng, hoặc xác nhận trên điện thoại."
            )
        if mode == "explicit" and code and many < HASHES_A_PAPER:
            raise WrongState(
                "Khoá này hỏi một mã xác nhận cho từng chữ ký, mà một học bạ cần hai (PDF và XML) trong một lần xác nhận. "
                "Xin nơi cấp cho ký nhiều chữ ký mỗi lần, rồi đăng ký lại."
            )
        return Credential(
            id=credential_id,
            chain=chain,
            algorithms=algorithms,
            mode=mode,
            asks_pin=mode == "explicit" and pin,
            asks_code=mode == "explicit" and code,
            binds_hashes=str(answer.get("SCAL", "1")) == "2",
            n_at_once=max(1, many),
        )

    def authorize(
        self, credential: Credential, n_signatures: int, hashes: Sequence[bytes], *, pin: str, code: str, words: str
    ) -> str:
        """Signature activation data for ``n_signatures`` (``credentials/authorize``); the signer may be asked on the telephone.

        Never asked twice: it may ring a telephone, and spends a one-time code.
        """
        body: dict[str, Any] = {"credentialID": credential.id, "numSignatures": n_signatures, "description": words}
        if credential.binds_hashes:
            body |= self._hashes(hashes)
        secrets = [("PIN", pin)] * credential.asks_pin + [("OTP", code)] * credential.asks_code
        if self.provider.version == "v2":
            body["authData"] = [{"id": name, "value": value} for name, value in secrets]
        else:
            body |= dict(secrets)
        answer = self.call("credentials/authorize", body, repeatable=False, seconds=self.provider.confirm_seconds)
        sad = answer.get("SAD")
        if not isinstance(sad, str) or not sad:
            raise Unavailable(f"{self.provider.words} trả lời không đúng chuẩn; không dùng.")
        return sad

    def _hashes(self, hashes: Sequence[bytes]) -> dict[str, Any]:
        encoded = [base64.b64encode(one).decode("ascii") for one in hashes]
        if self.provider.version == "v2":
            return {"hashes": encoded, "hashAlgorithmOID": SHA256_OID}
        return {"hash": encoded, "hashAlgo": SHA256_OID}

    def sign_hashes(self, credential: Credential, sad: str, hashes: Sequence[bytes]) -> list[bytes]:
        """``signatures/signHash`` for all of them in one call, in order; as the provider encodes them. Never asked twice."""
        body = {"credentialID": credential.id, "SAD": sad, "signAlgo": _algorithm(credential), **self._hashes(hashes)}
        if self.provider.version == "v2":
            body["operationMode"] = "S"
        answer = self.call(
            "signatures/signHash", body, repeatable=False, seconds=self.provider.timeout + 0.5 * len(hashes)
        )
        try:
            signatures = [base64.b64decode(text, validate=True) for text in answer["signatures"]]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{self.provider.words} trả lời không đúng chuẩn; không dùng.") from error
        if len(signatures) != len(hashes):
            raise Unavailable(f"{self.provider.words} trả về thiếu chữ ký; không dùng.")
        return signatures


class _NotSent(Exception):
    """Nothing reached the provider."""


class _Settled(Unavailable):
    """Another try would end the same."""


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _presence(part: Any) -> bool:
    return isinstance(part, dict) and str(part.get("presence", "false")).lower() == "true"


def _algorithm(credential: Credential) -> str:
    for wanted in (_RSA_SHA256, _ECDSA_SHA256, _RSA):
        if wanted in credential.algorithms:
            return wanted
    raise Invalid("Khoá ở nơi cấp không ký được SHA-256 với RSA hoặc ECDSA.")
