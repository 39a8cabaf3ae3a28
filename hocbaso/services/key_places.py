"""Where keys outside this machine's memory live: a token on the server or a provider, and opening one for a batch."""

from __future__ import annotations

import json

from hocbaso.documents import signers
from hocbaso.documents.token_session import TokenSigner
from hocbaso.errors import WrongState
from hocbaso.services import key_devices


def open_signer(kind: str, place: str, leaf: bytes, pin: str, *, last_try: bool = False) -> signers.BatchSigner:
    """The key of a certificate's ``key_place`` (JSON), opened with its PIN for one batch; the caller closes it.

    Raises WrongState (device absent, locked, not configured), LastTry, NotAllowed (wrong PIN), Unavailable.
    """
    where = json.loads(place)
    if kind != "pkcs11":
        raise WrongState("Nơi giữ khoá của chứng thư này không được hỗ trợ ở phiên bản này.")
    session = key_devices.open_session(where["driver"])
    try:
        session.log_in(where["serial"], where["label"], pin, last_try=last_try)
    except BaseException:
        session.close()
        raise
    return TokenSigner(session, where["key_id"], leaf)


def words_of(kind: str, place: str | None) -> str:
    """Where a key lives, for a page."""
    if place is None:
        return "tệp .p12 đã mã hoá trên máy chủ" if kind == "software" else "không có khoá trên máy"
    where = json.loads(place)
    return f"thiết bị “{where['label']}”, số {where['serial']}"
