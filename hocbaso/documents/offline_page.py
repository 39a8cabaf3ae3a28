"""The page that anybody keeps: one HTML file with the school's roots and keys in it, which checks papers without network (decision 0017).

Its bytes follow from its parts alone, so the school can print its SHA-256 and say of a file whether it is the one. The browser is told
the digest of the one script it may run: a file in which a single letter of it was changed does nothing but say so. Light.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from hocbaso.documents.instance_keys import b64, instant
from hocbaso.documents.provinces import provinces

_STATIC = Path(__file__).resolve().parents[2] / "static"
SOURCES = _STATIC / "offline"
QR_READER = _STATIC / "vendor" / "qr-0.7.0"
MAX_LISTS = 400_000
"""Bytes of revocation lists in the page; a national issuer's may be many times that, and the page says which it lacks."""


@dataclass(frozen=True, slots=True)
class PageRoot:
    """A root in the page. ``der``; whether it is a test root."""

    der: bytes
    is_test: bool


def _module(name: str) -> str:
    """A published ES module as the body of a function: its exports are returned, its imports come from ``shared``."""
    text = (QR_READER / name).read_text("utf-8")
    text = re.sub(
        r"^import \{([^}]*)\} from '\./index\.js';$",
        lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = shared;",
        text,
        flags=re.M,
    )
    exported: list[str] = []

    def listed(found: re.Match[str]) -> str:
        for item in filter(None, (part.strip() for part in found[1].split(","))):
            own, _, public = item.partition(" as ")
            exported.append(f"{public or own}: {own}")
        return ""

    def declared(found: re.Match[str]) -> str:
        exported.append(found[2])
        return f"{found[1]}{found[2]}"

    text = re.sub(r"^export \{([^}]*)\};$", listed, text, flags=re.M)
    text = re.sub(r"^export default \w+;$", "", text, flags=re.M)
    text = re.sub(r"^export ((?:async )?(?:function|class|const) )(\w+)", declared, text, flags=re.M)
    if re.search(r"^\s*(?:import|export)\b", text, flags=re.M):
        raise RuntimeError(f"{name} is written otherwise than this bundler knows")
    return f"{text}\nreturn {{ {', '.join(exported)} }};"


def _qr_reader() -> str:
    notice = (QR_READER / "LICENSE-MIT").read_text("utf-8").strip().replace("*/", "* /")
    return (
        f"/* QR reader: npm package qr 0.7.0, MIT.\n{notice} */\n"
        f"const readQr = (() => {{\nconst shared = (() => {{\n{_module('index.js')}\n}})();\n"
        f"return ((shared) => {{\n{_module('decode.js')}\n}})(shared).decodeQR;\n}})();\n"
    )


def _script(data: dict[str, Any]) -> str:
    # "<" would end the script wherever a name carries it.
    trust = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
    trust = trust.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    parts = (
        '"use strict";\n',
        f"const TRUST = {trust};\n",
        _qr_reader(),
        (SOURCES / "check.js").read_text("utf-8"),
        (SOURCES / "screen.js").read_text("utf-8"),
    )
    script = "".join(parts)
    if "</script" in script.lower() or "<!--" in script:
        raise RuntimeError("a script that would end before its end")
    return script


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"


def _name_of(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def build_page(
    *,
    school: tuple[str, str],
    lookup_url: str,
    roots: Sequence[PageRoot],
    lists: Sequence[bytes],
    documents: Sequence[dict[str, Any]],
    as_of: datetime,
) -> bytes:
    """The page. ``school``: name and code; ``lists``: revocation lists, DER; ``documents``: statements on keys; ``as_of``: how far it knows."""
    from hocbaso.documents.xml_record import form  # brings lxml, which the web process needs only here

    kept, left_out, room = [], [], MAX_LISTS
    for der in sorted(lists, key=len):
        if len(der) <= room:
            kept.append(der)
            room -= len(der)
        else:
            left_out.append(_name_of(x509.load_der_x509_crl(der).issuer))
    data = {
        "as_of": instant(as_of),
        "school": {"name": school[0], "code": school[1]},
        "lookup_url": lookup_url,
        "roots": [
            {
                "der": b64(root.der),
                "name": _name_of(x509.load_der_x509_certificate(root.der).subject),
                "sha256": hashlib.sha256(root.der).hexdigest(),
                "is_test": root.is_test,
            }
            for root in roots
        ],
        "lists": [b64(der) for der in kept],
        "lists_left_out": left_out,
        "documents": list(documents),
        "provinces": provinces(),
        "form": form(),
    }
    script, style = _script(data), (SOURCES / "page.css").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src blob: data:; media-src blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = (SOURCES / "page.html").read_text("utf-8")
    values = {"policy": escape(policy), "school": escape(school[0]), "style": style, "script": script}
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], page).encode("utf-8")


def der_of(pem: str) -> bytes:
    """DER of a PEM certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
