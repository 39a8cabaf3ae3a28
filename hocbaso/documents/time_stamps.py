"""Time stamps of RFC 3161: asked for once, read strictly.

Only the configured address is called, no redirection is followed, and a call is repeated only when no answer came. A token is
taken apart so that no bit of it is free: what its signature does not cover has to stand as it must (``read``).
"""

from __future__ import annotations

import hashlib
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, parser, tsp
from asn1crypto import cms as asn1_cms

from hocbaso.errors import IntegrityFault, Unavailable

_MAX_ANSWER = 64 * 1024
_NULL = ("0500", "")
#: DER of the algorithm identifiers that may stand in a token: digests, and signatures over them.
_DIGESTS = {
    bytes.fromhex(f"30{9 + 2 + len(end) // 2:02x}0609608648016503040{kind}{end}"): name
    for kind, name in (("201", "sha256"), ("202", "sha384"), ("203", "sha512"))
    for end in _NULL
}
_SIGNATURES = {
    *(bytes.fromhex(f"300d06092a864886f70d0101{kind}0500") for kind in ("01", "0b", "0c", "0d")),
    *(bytes.fromhex(f"300a06082a8648ce3d0403{kind}") for kind in ("02", "03", "04")),
}


@dataclass(frozen=True, slots=True)
class TimeAuthority:
    """Whom to ask for a time stamp: address, seconds to wait for an answer, calls at most when none comes."""

    url: str
    timeout: float = 10.0
    tries: int = 3


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A strictly read token: when (aware UTC), over which SHA-256 digest, certificates (DER, the authority's own first)."""

    at: datetime
    imprint: bytes
    chain: tuple[bytes, ...]
    token: bytes


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address than the configured one is not called, whoever says so."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


def call(url: str, data: bytes, content_type: str, timeout: float) -> bytes:
    """POST to one address; the answer's bytes, 64 KiB at most. Raises ``OSError`` when no good answer came."""
    # The configuration admits http and https only.
    request = urllib.request.Request(url, data, {"Content-Type": content_type})
    opener = urllib.request.build_opener(NoRedirects)
    with opener.open(request, timeout=timeout) as response:
        answer: bytes = response.read(_MAX_ANSWER + 1)
    if len(answer) > _MAX_ANSWER:
        raise OSError("answer too long")
    return answer


def ask(digest: bytes, authority: TimeAuthority) -> TimeStamp:
    """A time stamp over a SHA-256 ``digest``.

    Raises ``errors.Unavailable`` when the authority does not answer or refuses, ``errors.IntegrityFault`` when it answers another
    question. Nothing is signed without it.
    """
    nonce = secrets.randbits(63) | 1 << 62
    request = tsp.TimeStampReq(
        {
            "version": 1,
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": digest,
            },
            "nonce": nonce,
            "cert_req": True,
        }
    ).dump()
    answer = _answer(request, authority)
    try:
        # By hand: a refusal has no token, which asn1crypto's class for the answer does not foresee.
        status_der, der = _parts(answer)
        granted = tsp.PKIStatusInfo.load(status_der)["status"].native in ("granted", "granted_with_mods")
        given = asn1_cms.ContentInfo.load(der)["content"]["encap_content_info"]["content"].parsed if granted else None
    except Exception as error:  # asn1crypto raises many kinds on a damaged answer; all mean the same here
        raise Unavailable(
            "Máy chủ cấp dấu thời gian trả lời không đọc được; chưa ký tài liệu nào ở bước này."
        ) from error
    if given is None:
        raise Unavailable("Máy chủ cấp dấu thời gian từ chối yêu cầu; chưa ký tài liệu nào ở bước này.")
    stamp = read(der)
    if stamp.imprint != digest or given["nonce"].native != nonce:
        raise IntegrityFault("Dấu thời gian nhận được không phải của tài liệu này; không dùng.")
    return stamp


def _parts(answer: bytes) -> tuple[bytes, bytes]:
    """Status and token (empty in a refusal) of an answer, as DER."""
    tag_class, _method, tag, _header, content, _trailer = parser.parse(answer, strict=True)
    if (tag_class, tag) != (0, 16):
        raise ValueError("not a sequence")
    size = parser.peek(content)
    return content[:size], content[size:]


def _answer(request: bytes, authority: TimeAuthority) -> bytes:
    for attempt in range(max(1, authority.tries)):
        if attempt:
            time.sleep(0.2 * 2 ** (attempt - 1))
        try:
            return call(authority.url, request, "application/timestamp-query", authority.timeout)
        except urllib.error.HTTPError as error:
            if error.code < 500:
                break
        except (OSError, ValueError):
            continue
    raise Unavailable("Máy chủ cấp dấu thời gian không trả lời; chưa ký tài liệu nào ở bước này.")


def read(der: bytes) -> TimeStamp:
    """Take a token apart. Raises ``errors.IntegrityFault`` for anything that its signature neither covers nor has to be so."""
    fault = IntegrityFault("Dấu thời gian không ở dạng chuẩn hoặc đã bị sửa.")
    try:
        outer = asn1_cms.ContentInfo.load(der, strict=True)
        data = outer["content"]
        (info,) = data["signer_infos"]
        (named,) = data["digest_algorithms"]
        encapsulated = data["encap_content_info"]
        content = encapsulated["content"]
        given = content.parsed
        certs = [choice.chosen.dump() for choice in data["certificates"] if choice.name == "certificate"]
        digest_name = _DIGESTS[info["digest_algorithm"].dump()]
        attributes = {item["type"].native: item["values"] for item in info["signed_attrs"]}
        sid = info["sid"].chosen
        own = [cert for cert in data["certificates"] if _names(sid, cert.chosen)]
        at = given["gen_time"].native
        holds = (
            outer["content_type"].native == "signed_data"
            and data["version"].native == "v3"
            and encapsulated["content_type"].native == "tst_info"
            and info["sid"].name == "issuer_and_serial_number"
            and info["version"].native == "v1"
            and named.dump() in _DIGESTS
            and named["algorithm"].native == digest_name
            and info["signature_algorithm"].dump() in _SIGNATURES
            and len(info["unsigned_attrs"] or ()) == 0
            and len(data["crls"] or ()) == 0
            and len(certs) == len(data["certificates"]) == len(set(certs))
            and len(own) == 1
            and not {"signing_certificate", "signing_certificate_v2"}.isdisjoint(attributes)
            and attributes["message_digest"][0].native == hashlib.new(digest_name, content.contents).digest()
            and given["message_imprint"]["hash_algorithm"]["algorithm"].native == "sha256"
        )
        if not holds:
            raise fault
        leaf = own[0].chosen.dump()
        imprint = given["message_imprint"]["hashed_message"].native
    except IntegrityFault:
        raise
    except Exception as error:  # asn1crypto raises many kinds on damaged input; all mean the same here
        raise fault from error
    return TimeStamp(at.astimezone(UTC), imprint, (leaf, *(cert for cert in certs if cert != leaf)), der)


def _names(sid: Any, cert: Any) -> bool:
    plain = cert["tbs_certificate"]
    return bool(
        sid["issuer"].dump() == plain["issuer"].dump() and sid["serial_number"].dump() == plain["serial_number"].dump()
    )
