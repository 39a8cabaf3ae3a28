"""Where keys outside this machine's memory live: a token on the server or at the signer's desk, or a provider; opening one for a batch."""

from __future__ import annotations

import json
from datetime import datetime

from hocbaso.documents import signers
from hocbaso.documents.csc_client import CscClient
from hocbaso.documents.csc_signer import CscSigner
from hocbaso.documents.desk_signer import DeskSigner
from hocbaso.documents.token_session import TokenSigner
from hocbaso.errors import WrongState
from hocbaso.services import key_devices, remote_logins, remote_providers
from hocbaso.services.access import Actor


def open_signer(
    actor: Actor,
    kind: str,
    place: str,
    leaf: bytes,
    pin: str,
    now: datetime,
    *,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
) -> signers.BatchSigner:
    """The key of a certificate's ``key_place`` (JSON), opened with its PIN for one batch; the caller closes it.

    A token tries the PIN now. A provider is asked now whether the key is still the registered one; PIN and one-time ``code`` it
    judges when it is given the hashes. A token at the signer's desk is asked by the helper there: ``desk`` names the browser session whose
    page goes between. Raises WrongState (device absent, locked, not configured, another certificate),
    LastTry, NotAllowed (wrong PIN), Unavailable.
    """
    where = json.loads(place)
    if kind == "remote":
        return _remote(remote_logins.client_for(actor, where["provider"], now), where, leaf, pin, code)
    if kind == "desk":
        if not desk:
            raise WrongState(f"Khoá này ở {words_of(kind, place)}: chỉ ký được từ trình duyệt trên máy đó.")
        return DeskSigner(leaf, desk)
    session = key_devices.open_session(where["driver"])
    try:
        session.log_in(where["serial"], where["label"], pin, last_try=last_try)
    except BaseException:
        session.close()
        raise
    return TokenSigner(session, where["key_id"], leaf)


def _remote(client: CscClient, where: dict[str, str], leaf: bytes, pin: str, code: str) -> CscSigner:
    credential = client.credential(where["credential_id"])
    if credential.chain[0] != leaf:
        raise WrongState("Nơi cấp đã đổi chứng thư của khoá này. Hãy đăng ký lại ở trang Chứng thư số.")
    if credential.asks_pin and not pin:
        raise WrongState("Nơi cấp hỏi mã PIN của khoá ký. Hãy nhập mã PIN.")
    if credential.asks_code and not code:
        raise WrongState("Nơi cấp hỏi mã xác nhận. Hãy nhập mã đang hiện trên ứng dụng của nơi cấp.")
    return CscSigner(client, credential, pin=pin, code=code, words="Ky hoc ba so")


def words_of(kind: str, place: str | None) -> str:
    """Where a key lives, for a page."""
    if place is None:
        return "tệp .p12 đã mã hoá trên máy chủ" if kind == "software" else "không có khoá trên máy"
    where = json.loads(place)
    if kind == "remote":
        words = dict(remote_providers.provider_names()).get(where["provider"], where["provider"])
        return f"{words}, tài khoản {where['user']}" if where["user"] else words
    words = f"thiết bị “{where['label']}”, số {where['serial']}"
    return f"{words}, cắm ở máy của người ký" if kind == "desk" else words


def asks(kind: str, place: str | None) -> tuple[str, ...]:
    """What a signer types for this key: ``pin``, ``code`` (one-time code of the provider's application), or nothing."""
    if kind == "desk":
        return ()  # its PIN is asked by the helper on the signer's computer and never comes here
    if kind != "remote" or place is None:
        return ("pin",)
    return tuple(json.loads(place)["asks"].split())
