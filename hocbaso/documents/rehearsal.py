"""Papers made, signed three times and checked with throw-away keys, and thrown away: how long does a class take on this machine?

Heavy imports: only document workers load this module. Nothing leaves it but seconds and, where something fails, the reason.
"""

from __future__ import annotations

import hashlib
import time
from datetime import datetime, timedelta
from typing import Any

from hocbaso.documents import instance_keys, issuing, verification
from hocbaso.documents.pades import Mark
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority, demo_image
from hocbaso.documents.transcript_content import TranscriptContent, from_canonical_json, to_canonical_json
from hocbaso.errors import DomainError

_is_warm = False
"""Whether this worker has made a paper before: the first loads fonts and layouts and would tell a class's time wrong."""
_IMAGES = {"homeroom": "sign-homeroom", "principal": "sign-principal", "seal": "seal"}


def papers(content_json: bytes, n: int, at: datetime) -> dict[str, Any]:
    """``n`` papers of one content, each built, signed by all three and checked as strictly as a real one.

    The content must be marked as a sample (ValueError): nothing that could be taken for an issued paper is ever made here.
    Returns ``n``, seconds of ``build``, ``homeroom``, ``principal``, ``seal`` and ``check`` summed over the papers, and
    ``problem`` (None, or why it broke off).
    """
    content = from_canonical_json(content_json)
    if not content.demo:
        raise ValueError("a rehearsal makes watermarked papers only")
    spent = dict.fromkeys(("build", "homeroom", "principal", "seal", "check"), 0.0)
    made = 0
    try:
        authority = TestAuthority.create(at - timedelta(hours=1))
        signers = {role: _signer(authority, role, content, at) for role in _IMAGES}
        global _is_warm
        if not _is_warm:
            _one(content, authority, signers, at, dict(spent))
            _is_warm = True
        for _ in range(n):
            _one(content, authority, signers, at, spent)
            made += 1
    except DomainError as problem:
        return {"n": made, **spent, "problem": problem.message}
    return {"n": made, **spent, "problem": None}


def _signer(authority: TestAuthority, role: str, content: TranscriptContent, at: datetime) -> SoftwareKeySigner:
    note = {"homeroom": content.homeroom, "principal": content.principal}.get(role)
    key, chain = authority.issue(
        _name(role, content),
        now=at,
        organisation=content.school.name,
        personal_id=note.personal_id if note is not None else None,
    )
    return SoftwareKeySigner(key, chain)


def _name(role: str, content: TranscriptContent) -> str:
    """The name that the paper prints for a signature, and that stands under it."""
    return {"homeroom": content.homeroom.name, "principal": content.principal.name}.get(role, content.school.name)


def _one(
    content: TranscriptContent,
    authority: TestAuthority,
    signers: dict[str, SoftwareKeySigner],
    at: datetime,
    spent: dict[str, float],
) -> None:
    def timed(name: str, began: float) -> float:
        now = time.perf_counter()
        spent[name] += now - began
        return now

    began = time.perf_counter()
    # A key for this one paper: what is thrown away carries nothing that the school's own key says.
    faces = issuing.build_faces(to_canonical_json(content), instance_keys.key_to_bytes(instance_keys.new_key()))
    pdf, xml = faces.pdf, issuing.unsigned_record(faces.data_zone)
    began = timed("build", began)
    roots, crls = (authority.root_pem,), authority.crls(at - timedelta(minutes=30))
    for role, signer in signers.items():
        mark = Mark(_name(role, content), content.issue_place, demo_image(_IMAGES[role]))
        prepared = issuing.prepare_step(pdf, xml, role, signer.chain, at=at, mark=mark)
        signatures = tuple(signer.sign_digest(hashlib.sha256(one).digest()) for one in prepared.messages)
        step = issuing.embed_step(pdf, xml, role, signer.chain, prepared, signatures, at=at, roots=roots, crls=crls)
        pdf, xml = step.pdf, step.xml
        began = timed(role, began)
    for data in (pdf, xml):
        report = verification.verify_file(data, list(roots), list(crls), at)
        if not report.ok:
            raise DomainError("Bản thử không qua được kiểm tra: " + " ".join(report.reasons))
    timed("check", began)
