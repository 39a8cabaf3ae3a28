"""What is out of the ordinary in a transcript, and what changed against the one it replaces, in words for its signers.

Exceptions come first (workflow.md, Transcript record): re-assessed, exempt, decided by the principal, corrected, adjusted by clause 3
of Article 9. Everything is read from the record that will be signed, never from a live sheet.
"""

from __future__ import annotations

from typing import Any

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.content_changes import Change as Change
from hocbaso.documents.content_changes import changes_between as changes_between
from hocbaso.regulations.transcript_flow import SignatureRole

_TERMS = {"semester_1": "học kì I", "semester_2": "học kì II", "year": "cả năm"}


def flags_of(content: tc.TranscriptContent, frozen: dict[str, Any]) -> tuple[str, ...]:
    """Why a signer should look closely at a record."""
    found = []
    again = [row.name for row in content.subjects if row.after_reassessment]
    if again:
        found.append("Đánh giá lại: " + ", ".join(again))
    if content.conduct.after:
        found.append("Rèn luyện lại trong hè: " + tc.LEVEL_WORDS[content.conduct.after])
    exempt = [row.name for row in content.subjects if tc.EXEMPT in (row.semester_1, row.semester_2, row.year)]
    if exempt:
        found.append("Miễn học: " + ", ".join(exempt))
    adjusted = [words for term, words in _TERMS.items() if getattr(content.learning, f"{term}_adjusted")]
    if adjusted:
        found.append("Học tập nâng mức theo khoản 3 Điều 9: " + ", ".join(adjusted))
    if any(row.get("inherited") for row in frozen.get("subjects", ())):
        found.append("Học kì I theo điểm nơi chuyển đến")
    decisions = frozen.get("decisions") or []
    if any(one.get("counts", True) for one in decisions):
        found.append("Có quyết định của Hiệu trưởng")
    elif decisions:
        found.append("Có quyết định của Hiệu trưởng không còn áp dụng")
    if content.corrections.n_places:
        found.append(f"Sửa chữa {content.corrections.n_places} chỗ: " + ", ".join(content.corrections.subject_names))
    if content.replaces_uuid:
        found.append("Bản thay cho bản đã thu hồi")
    if content.promotion.retained:
        found.append("Không được lên lớp")
    return tuple(found)


def changes_of(record: m.TranscriptRecord, content: tc.TranscriptContent) -> tuple[Change, ...]:
    """Every value that differs from the paper this one replaces: the last sealed one, which families hold; where none was sealed,
    the one built before. Nothing where it replaces none."""
    former = db.session.get(m.TranscriptRecord, record.replaces_id) if record.replaces_id is not None else None
    if former is None:
        return ()
    sealed: m.TranscriptRecord | None = former
    while sealed is not None and not _is_sealed(sealed):
        sealed = db.session.get(m.TranscriptRecord, sealed.replaces_id) if sealed.replaces_id is not None else None
    held = sealed or former
    return changes_between(tc.from_canonical_json(held.content.encode("utf-8")), content)


def _is_sealed(record: m.TranscriptRecord) -> bool:
    return any(one.role == SignatureRole.SEAL.value for one in record.signatures)
