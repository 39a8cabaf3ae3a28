"""Configuration of a machine: environment first, then ``instance/config.toml``, then defaults.

Configuration of a school (deadlines, windows, policies) is data with an audit trail, not here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hocbaso.documents.proof_plan import LEVELS, ProofPlan
from hocbaso.errors import Unavailable

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Config:
    """Everything the factory needs to know about this machine."""

    instance: Path
    database_url: str
    secret_key: str
    workers: int
    proof: ProofPlan = field(default_factory=ProofPlan)
    """The level of signatures that the school's policy asks for, and whom to ask for time stamps and revocation answers."""
    smtp_url: str | None = None
    checkpoint_copy: Path | None = None
    """A second place for signed snapshots: a stick, a shared folder of another machine."""
    https: bool = False
    tls_off: bool = False
    """Plain HTTP although a certificate lies there, or on a network address: said aloud with ``HOCBASO_TLS=off``."""
    listen: str = "127.0.0.1"
    """The address the server listens on (``flask serve`` says it); slips print no other machine's way in than one it answers."""
    port: int = 5000
    """Where the server listens; pages print it in addresses."""
    plain_port: int | None = None
    """Where untaught tablets find the page that teaches them, over plain HTTP; None: nowhere."""
    testing: bool = False
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def documents(self) -> Path:
        """Folder of the content-addressed document store."""
        return self.instance / "documents"

    @property
    def keys(self) -> Path:
        """Folder of sealed signing keys and the snapshot key (0700)."""
        return self.instance / "keys"

    @property
    def backups(self) -> Path:
        """Default folder of backups."""
        return self.instance / "backups"

    @property
    def tls(self) -> Path:
        """Folder of the server's certificate and its authority (0700)."""
        return self.instance / "tls"

    @property
    def checkpoints(self) -> Path:
        """Folder of signed audit snapshots."""
        return self.instance / "checkpoints"

    @property
    def database_file(self) -> Path:
        """The SQLite file (meaningless on PostgreSQL)."""
        return self.instance / "hocbaso.sqlite"


def load_config(*, instance: Path | None = None, testing: bool = False) -> Config:
    """Read the machine's configuration. Writes nothing: commands without a database need no instance."""
    root = instance or Path(os.environ.get("HOCBASO_INSTANCE") or PROJECT_ROOT / "instance")
    root = root if root.is_absolute() else Path.cwd() / root
    file_values: dict[str, object] = {}
    toml = root / "config.toml"
    if toml.is_file():
        file_values = tomllib.loads(toml.read_text(encoding="utf-8"))

    def value(name: str) -> str | None:
        found = os.environ.get(name) or file_values.get(name) or file_values.get(name.lower())
        return str(found) if found not in (None, "") else None

    return Config(
        instance=root,
        database_url=value("DATABASE_URL") or f"sqlite+pysqlite:///{root / 'hocbaso.sqlite'}",
        secret_key=value("SECRET_KEY") or _stored_secret(root / "secret_key"),
        workers=int(value("HOCBASO_WORKERS") or os.cpu_count() or 1),
        proof=_proof_plan(value, file_values),
        smtp_url=value("SMTP_URL"),
        checkpoint_copy=Path(copy).expanduser() if (copy := value("HOCBASO_CHECKPOINT_COPY")) else None,
        https=(value("HOCBASO_HTTPS") or "").lower() in {"1", "true", "yes"},
        tls_off=(value("HOCBASO_TLS") or "").lower() in {"off", "0", "false", "no"},
        listen=value("HOCBASO_LISTEN") or "127.0.0.1",
        port=_number(value("PORT")) or 5000,
        plain_port=_number(value("HOCBASO_PLAIN_PORT")),
        testing=testing,
        extra=file_values,
    )


_OURS = ("secret_key", "config.toml", "hocbaso.sqlite")
"""What tells an instance folder from any other."""


def prepare_instance(config: Config) -> None:
    """Make the instance folder (0700), its folders, and keep the secret (0600); called before the first connection.

    Raises Unavailable where this user may not write.
    """
    root = config.instance
    try:
        # A mistyped path may be somebody's home: only a folder that is new, empty or already the school's gets its mode.
        ours = not root.exists() or not any(root.iterdir()) or any((root / name).exists() for name in _OURS)
        for folder in (root, config.documents, config.keys, config.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        if ours:
            root.chmod(0o700)
        config.keys.chmod(0o700)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(root / "secret_key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(config.secret_key)
    except OSError as problem:
        raise Unavailable(f"Không ghi được vào thư mục dữ liệu {root}: {problem.strerror}.") from problem


def _proof_plan(value: Callable[[str], str | None], file_values: dict[str, object]) -> ProofPlan:
    """From ``HOCBASO_TSA_URL``, ``HOCBASO_SIGNATURE_LEVEL`` (without it: B-T where an authority is named), ``HOCBASO_OCSP_URLS``
    (blanks between, or a list in the file), ``HOCBASO_TSA_TIMEOUT`` and ``HOCBASO_TSA_TRIES``. Raises Unavailable."""
    tsa_url = value("HOCBASO_TSA_URL")
    listed = file_values.get("HOCBASO_OCSP_URLS") or file_values.get("hocbaso_ocsp_urls")
    in_file = tuple(str(one) for one in listed) if isinstance(listed, list) else ()
    ocsp_urls = (
        tuple((os.environ.get("HOCBASO_OCSP_URLS") or "").split()) or in_file or tuple(str(listed or "").split())
    )
    for url in (*ocsp_urls, *([tsa_url] if tsa_url else [])):
        if not url.startswith(("http://", "https://")):
            raise Unavailable(f"Địa chỉ {url} trong cấu hình phải bắt đầu bằng http:// hoặc https://.")
    level = (value("HOCBASO_SIGNATURE_LEVEL") or (LEVELS[1] if tsa_url else LEVELS[0])).upper()
    if level not in LEVELS:
        raise Unavailable(f"HOCBASO_SIGNATURE_LEVEL phải là một trong {', '.join(LEVELS)}, không phải {level}.")
    seconds, tries = _number(value("HOCBASO_TSA_TIMEOUT")) or 10, _number(value("HOCBASO_TSA_TRIES")) or 3
    return ProofPlan(level, tsa_url, ocsp_urls, float(min(seconds, 60)), min(tries, 5))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else None


def _stored_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return secrets.token_urlsafe(48)
