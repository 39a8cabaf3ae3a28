"""The lock: whole, with digests, from no named place, and above the versions with known holes."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
import source
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS = {"requirements.in": "requirements.txt", "requirements-dev.in": "requirements-dev.txt"}

# The lowest versions without a known hole, each with what it closes. No vulnerability database can be asked on the
# school's network, so these bounds are held here and moved by hand.
MINIMA = {
    "weasyprint": "70.0",  # CVE-2026-55073, CVE-2026-49452, CVE-2025-68616: the fetcher can be passed by
    "werkzeug": "3.1.6",  # CVE-2026-27199, CVE-2026-21860, CVE-2025-66221: safe_join and device names
    "flask": "3.1.3",  # CVE-2026-27205: answers without Vary: Cookie
    "jinja2": "3.1.6",  # sandbox escapes of 2024-12 and 2025-03
    "cryptography": "50.0",  # CVE-2026-69247: PKCS#7 padding oracle
    "pypdf": "6.21.4",  # the newest endesive works with: many denials of service before it
    "lxml": "6.1",
    "pillow": "13.0",
    "urllib3": "2.8",  # CVE-2026-44432
    "requests": "2.34",
    "paramiko": "5.0",
}
SQLITE_WITHOUT_WAL_RESET = (3, 51, 3)


def read_lock(name: str) -> dict[str, tuple[Version, int]]:
    """Name to version and number of digests."""
    text = (source.ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, tuple[Version, int]] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.match(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)", line)
        assert match, f"{name}: not an exact version: {line[:80]}"
        found[canonicalize_name(match["name"])] = (Version(match["version"]), line.count("--hash=sha256:"))
    return found


def read_direct(name: str) -> list[tuple[Requirement, str]]:
    """The direct dependencies with their comments."""
    found = []
    for line in (source.ROOT / name).read_text(encoding="utf-8").splitlines():
        wanted, _, comment = line.partition("#")
        if wanted.strip() and not wanted.startswith("-c"):
            found.append((Requirement(wanted.strip()), comment.strip()))
    return found


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_locked_package_has_digests(lock: str):
    packages = read_lock(lock)
    assert len(packages) > 20
    assert [name for name, (_, n_digests) in packages.items() if n_digests == 0] == []


@pytest.mark.parametrize("name", [*LOCKS, *LOCKS.values()])
def test_no_file_names_a_place_to_download_from(name: str):
    text = (source.ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize(("direct", "lock"), LOCKS.items())
def test_the_lock_answers_every_direct_dependency(direct: str, lock: str):
    locked = read_lock(lock)
    for requirement, _ in read_direct(direct):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not locked: make lock"
        assert requirement.specifier.contains(locked[name][0]), f"{requirement} is locked at {locked[name][0]}"


def test_both_locks_agree_where_they_overlap():
    application, tools = (read_lock(lock) for lock in LOCKS.values())
    assert {name: tools[name][0] for name in tools.keys() & application.keys()} == {
        name: application[name][0] for name in tools.keys() & application.keys()
    }


def test_each_direct_dependency_says_why_it_is_bound():
    assert [str(requirement) for requirement, comment in read_direct("requirements.in") if len(comment) < 10] == []


@pytest.mark.parametrize(("name", "lowest"), MINIMA.items())
def test_versions_with_known_holes_are_neither_locked_nor_installed(name: str, lowest: str):
    assert read_lock("requirements.txt")[name][0] >= Version(lowest)
    assert Version(version(name)) >= Version(lowest)


def test_endesive_gets_a_pypdf_it_can_write_with():
    assert read_lock("requirements.txt")["pypdf"][0] < Version("7")


def test_sqlite_has_no_wal_reset_bug():
    from pysqlite3 import dbapi2

    assert dbapi2.sqlite_version_info >= SQLITE_WITHOUT_WAL_RESET
