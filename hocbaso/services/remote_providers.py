"""The remote signing providers this machine may speak to: tables ``[csc.<name>]`` of ``config.toml``, and nothing else.

``version`` (v1 or v2), ``url`` (up to and with ``/csc/v1``), ``client_id``, ``client_secret`` or ``client_secret_file``; optional
``words``, ``token_url`` (default ``url`` + ``/oauth2/token``), ``ca_file``, ``timeout``, ``confirm_seconds``,
and where each signer signs in at the provider ``authorize_url`` with ``redirect_uri`` (this server's ``/chung-thu-so/tu-xa/ve``). A page only ever names a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hocbaso.documents.csc_client import CscClient, Provider
from hocbaso.errors import WrongState
from hocbaso.services import document_pool


def _tables() -> dict[str, dict[str, Any]]:
    tables = document_pool.config().extra.get("csc")
    if not isinstance(tables, dict):
        return {}
    return {str(name): table for name, table in tables.items() if isinstance(table, dict) and table.get("url")}


def provider_names() -> list[tuple[str, str]]:
    """(name, words) of each configured provider, in the order of the file."""
    return [(name, str(table.get("words") or name)) for name, table in _tables().items()]


def wants_sign_in() -> list[str]:
    """Names of the providers at which each signer signs in first."""
    return [name for name, table in _tables().items() if table.get("authorize_url")]


def provider(name: str) -> Provider:
    """The provider of that name, its secret read now. WrongState when it is not configured or not usable."""
    table = _tables().get(name)
    if table is None:
        raise WrongState(f"Máy chủ chưa được cấu hình dịch vụ ký từ xa “{name}”. Nhờ cán bộ CNTT xem tệp config.toml.")
    words = str(table.get("words") or name)
    secret = str(table.get("client_secret") or "")
    if table.get("client_secret_file"):
        try:
            secret = Path(str(table["client_secret_file"])).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongState(f"Không đọc được tệp client_secret_file của {words}.") from error
    url = str(table["url"]).rstrip("/")
    try:
        found = Provider(
            name=name,
            words=words,
            version=str(table.get("version") or "v1"),
            url=url,
            token_url=str(table.get("token_url") or f"{url}/oauth2/token"),
            client_id=str(table.get("client_id") or ""),
            client_secret=secret,
            ca_file=str(table["ca_file"]) if table.get("ca_file") else None,
            timeout=float(table.get("timeout") or 20),
            confirm_seconds=float(table.get("confirm_seconds") or 180),
            authorize_url=str(table["authorize_url"]) if table.get("authorize_url") else None,
            redirect_uri=str(table["redirect_uri"]) if table.get("redirect_uri") else None,
        )
    except ValueError as error:
        raise WrongState(f"Thời hạn chờ của {words} trong config.toml phải là số giây.") from error
    found.check()
    return found


def client(name: str) -> CscClient:
    """A client of the provider of that name. WrongState."""
    return CscClient(provider(name))
