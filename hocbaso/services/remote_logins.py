"""Signing in at a remote provider in one's own browser, where the provider wants the signer and not the school (OAuth 2 code).

What comes of it stays in this process's memory, bound to the account: nothing of it is at rest, and after a restart of the
server one signs in there again. The way back is bound to the account by a random ``state`` and to this server by PKCE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from hocbaso.documents.csc_client import CscClient, Login
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import document_pool, remote_providers
from hocbaso.services.access import Actor

BEGUN_FOR = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=12)
"""A login is forgotten after a working day, whatever the provider allows."""


@dataclass(frozen=True, slots=True)
class _Begun:
    state: str
    provider: str
    verifier: str
    at: datetime


_LOCK = threading.Lock()
_BEGUN: dict[tuple[str, int], _Begun] = {}
_LOGINS: dict[tuple[str, int, str], tuple[Login, datetime]] = {}


def _account(actor: Actor) -> tuple[str, int]:
    if actor.account_id is None:
        raise WrongState("Chỉ người có tài khoản mới đăng nhập ở nơi cấp được.")
    return str(document_pool.config().instance), actor.account_id


def begin(actor: Actor, name: str, now: datetime) -> str:
    """The provider's address to which the signer's browser goes; good for ten minutes, one at a time an account.

    Raises NotAllowed, WrongState (not configured, or the provider wants no sign-in).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    provider = remote_providers.provider(name)
    if provider.authorize_url is None:
        raise WrongState(f"{provider.words} không cần đăng nhập trước.")
    begun = _Begun(secrets.token_urlsafe(32), name, secrets.token_urlsafe(48), now)
    with _LOCK:
        _BEGUN[_account(actor)] = begun
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri,
        "scope": "service",
        "state": begun.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{provider.authorize_url}?{urlencode(query)}"


def finish(actor: Actor, state: str, code: str, now: datetime) -> str:
    """Take the code that the browser brought back; the words of the provider. A way back serves once.

    Raises Invalid (not begun by this account, too late, no code: the signer declined), Unavailable, WrongState.
    """
    actor.require(Permission.CERTIFICATE_OWN)
    account = _account(actor)
    with _LOCK:
        begun = _BEGUN.pop(account, None)
    fits = begun is not None and hmac.compare_digest(begun.state.encode(), state.encode())
    if begun is None or not fits or now - begun.at > BEGUN_FOR:
        raise Invalid("Lần đăng nhập ở nơi cấp này không còn hiệu lực. Hãy bấm đăng nhập lại từ trang này.")
    if not code or len(code) > 4000:
        raise Invalid("Nơi cấp không xác nhận đăng nhập. Hãy thử lại.")
    client = remote_providers.client(begun.provider)
    login = client.exchange(code, begun.verifier)
    with _LOCK:
        _LOGINS[(*account, begun.provider)] = (login, now)
    return client.provider.words


def client_for(actor: Actor, name: str, now: datetime) -> CscClient:
    """A client of a provider that speaks for the actor where the provider wants that. Its calls may raise NotSignedIn."""
    provider = remote_providers.provider(name)
    if provider.authorize_url is None:
        return CscClient(provider)
    return CscClient(provider, login=_kept(actor, name, now))


def _kept(actor: Actor, name: str, now: datetime) -> Login | None:
    key = (*_account(actor), name)
    with _LOCK:
        found = _LOGINS.get(key)
        if found is not None and now - found[1] > KEPT_FOR:
            del _LOGINS[key]
            found = None
    return found[0] if found is not None else None


def is_signed_in(actor: Actor, name: str, now: datetime) -> bool:
    """Whether the actor has signed in at the provider lately, or need not."""
    return remote_providers.provider(name).authorize_url is None or _kept(actor, name, now) is not None
