"""The token drivers this machine may load, and what is plugged in.

Which library is loaded is a matter of the machine, written in ``config.toml`` by whoever has root there; a page only ever
names a driver of that list. ``[pkcs11.<name>]`` has ``module`` (absolute path) and ``words`` (what people call the device).
"""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.documents.token_session import TokenFacts, TokenSession
from hocbaso.errors import DomainError, WrongState
from hocbaso.services import document_pool


@dataclass(frozen=True, slots=True)
class Driver:
    """A PKCS#11 library as configured."""

    name: str
    words: str
    module: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A token in the machine: its driver, and what it shows without a PIN. ``value`` names it in a form."""

    driver: Driver
    token: TokenFacts

    @property
    def value(self) -> str:
        """Driver, serial and label in one text; read back by :func:`find`."""
        return f"{self.driver.name}/{self.token.serial}/{self.token.label}"


def drivers() -> list[Driver]:
    """The configured drivers, in the order of the file; tables without a module are left out."""
    tables = document_pool.config().extra.get("pkcs11")
    if not isinstance(tables, dict):
        return []
    return [
        Driver(str(name), str(table.get("words") or name), str(table["module"]))
        for name, table in tables.items()
        if isinstance(table, dict) and table.get("module")
    ]


def driver(name: str) -> Driver:
    """The driver of that name. WrongState when this machine is not set up for it (any more)."""
    for found in drivers():
        if found.name == name:
            return found
    raise WrongState(f"Máy chủ chưa được cấu hình thiết bị ký “{name}”. Nhờ cán bộ CNTT xem tệp config.toml.")


def open_session(name: str) -> TokenSession:
    """A child process with the driver of that name. WrongState, Unavailable."""
    return TokenSession(driver(name).module)


def plugged_in() -> tuple[list[Seen], list[str]]:
    """Every token in the machine now, and in words which driver did not answer. Takes about a second a driver."""
    seen: list[Seen] = []
    problems: list[str] = []
    for each in drivers():
        try:
            with open_session(each.name) as session:
                seen += [Seen(each, token) for token in session.tokens()]
        except DomainError as refusal:
            problems.append(f"{each.words}: {refusal.message}")
    return seen, problems


def split_value(value: str) -> tuple[str, str, str]:
    """(driver, serial, label) of a form's value. WrongState for anything else."""
    parts = value.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise WrongState("Chọn thiết bị ký đang cắm vào máy chủ.")
    driver(parts[0])
    return parts[0], parts[1], parts[2]
