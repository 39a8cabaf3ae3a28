"""What happened since yesterday, read from the log for whoever may know it, in words without a score."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Role
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened since yesterday, in words without a score."""

    at: datetime
    words: str


@dataclass(slots=True)
class _Group:
    """Alike acts of one person that belong together; ``at`` is the newest of them."""

    at: datetime
    name: str
    tag: str
    verb: str
    said: list[str] = field(default_factory=list)
    n: int = 0


_MACHINE = frozenset({"backup:file:created", "backup:file:restored", "audit:snapshot:taken", "machine:clock:alarmed"})

_SHEETS = frozenset(
    {
        "score:sheet:moved",
        "score:sheet:read_back",
        "score:cells:imported",
        "score:cells:changed",
        "score:cell:changed",
        "score:cells:corrected",
    }
)

_CLASSES = frozenset(
    {
        "class:state:moved",
        "homeroom:record:changed",
        "exemption:record:proposed",
        "exemption:record:decided",
        "exemption:revocation:proposed",
        "exemption:revocation:decided",
        "decision:record:made",
        "correction:request:asked",
        "correction:request:applied",
        "correction:request:refused",
    }
)

_PUPILS = frozenset(
    {
        "enrollment:arrival:recorded",
        "enrollment:departure:recorded",
        "enrollment:departure:taken_back",
        "enrollment:class:changed",
    }
)
"""Who came and who left: of a class, like what is in ``_CLASSES``, and the office hears of them too."""

_PAPERS = frozenset(
    {
        "transcript:record:built",
        "transcript:record:signed",
        "transcript:record:issued",
        "transcript:record:published",
        "transcript:record:recalled",
    }
)

_BY_VERB = {
    "score:sheet:moved": {
        "submit": "nộp {what}",
        "recall": "rút lại {what}",
        "return": "trả lại {what}",
        "review": "soát xong {what}",
        "approve": "duyệt {what}",
        "lock": "khoá {what}",
        "reopen": "mở lại {what}",
        "relock": "khoá lại {what}",
        "take_back": "hoàn tác việc duyệt {what}",
    },
    "class:state:moved": {
        "finalise": "chốt tổng kết {what}",
        "reopen": "mở lại {what}",
        "return": "trả lại {what}",
        "approve": "duyệt tổng kết {what}",
        "take_back": "hoàn tác việc duyệt tổng kết {what}",
    },
}

_WORDS = {
    "score:cell:changed": "ghi {n} ô ở {what}",
    "score:cells:imported": "nhập nhiều ô vào {what}",
    "score:cells:changed": "ghi nhiều ô ở {what}",
    "score:sheet:read_back": "đọc dò {what}",
    "homeroom:record:changed": "ghi {n} mục chủ nhiệm {what}",
    "exemption:record:proposed": "đề nghị miễn học {what}",
    "exemption:record:decided": "quyết định miễn học {what}",
    "exemption:revocation:proposed": "đề nghị thu hồi miễn học {what}",
    "exemption:revocation:decided": "quyết định về thu hồi miễn học {what}",
    "decision:record:made": "ghi quyết định {what}",
    "score:cells:corrected": "sửa {what} theo đề nghị đã duyệt",
    "correction:request:asked": "đề nghị sửa chữa {what}",
    "correction:request:applied": "duyệt đề nghị sửa chữa {what}",
    "correction:request:refused": "không duyệt đề nghị sửa chữa {what}",
    "enrollment:arrival:recorded": "tiếp nhận {n} học sinh vào {what}",
    "enrollment:departure:recorded": "ghi {n} học sinh rời {what}",
    "enrollment:departure:taken_back": "lấy lại {n} lần ghi rời {what}",
    "enrollment:class:changed": "chuyển {n} học sinh sang {what}",
    "transcript:record:built": "lập {n} học bạ",
    "transcript:record:signed": "ký {n} học bạ",
    "transcript:record:issued": "đóng dấu {n} học bạ",
    "transcript:record:published": "công bố {n} học bạ",
    "transcript:record:recalled": "thu hồi {n} học bạ",
    "backup:file:created": "sao lưu xong",
    "backup:file:restored": "khôi phục từ bản sao lưu",
    "audit:snapshot:taken": "chụp ảnh nhật ký",
    "machine:clock:alarmed": "báo đồng hồ máy chủ chạy sai",
}

_TOGETHER = timedelta(minutes=5)
"""Alike acts of one person within this time are one line; what was done hours apart is told apart."""

_NEWEST = 3000

_HEAD = 3000


_FARTHEST = timedelta(days=14)


def since_yesterday(
    actor: Actor, now: datetime, limit: int = 12, *, since: datetime | None = None
) -> tuple[Happening, ...]:
    """What others and this person did since noon of yesterday (since ``since``, where that is longer ago), newest first; alike acts of a few minutes as one line.

    Only what the person may know: the whole school for its heads, one's sheets and class for teachers, the machine for
    the IT officer. Never a score.
    """
    tags, sheets, classes = _may_hear(actor)
    if not tags:
        return ()
    noon = datetime.combine(clock.local_date(now) - timedelta(days=1), time(12), tzinfo=clock.SCHOOL_ZONE)
    since = noon if since is None else max(min(since, noon), now - _FARTHEST)
    newest = (
        select(
            m.AuditEntry.at,
            m.AuditEntry.tag,
            m.AuditEntry.actor_id,
            m.AuditEntry.actor_name,
            m.AuditEntry.target_id,
            func.substr(m.AuditEntry.payload, 1, _HEAD).label("head"),
        )
        .order_by(m.AuditEntry.seq.desc())
        .limit(_NEWEST)
    )
    groups: list[_Group] = []
    open_groups: dict[tuple[int | None, str, str, str], _Group] = {}
    for entry in db.session.execute(newest):
        at = datetime.fromisoformat(entry.at)
        if at < since:
            break
        if entry.tag not in tags or at > now:
            continue
        if entry.tag in _SHEETS and sheets is not None and entry.target_id not in sheets:
            continue
        facts = _facts(entry.head)
        if entry.tag in _CLASSES | _PUPILS and classes is not None and facts.get("class") not in classes:
            continue
        if entry.tag in _PAPERS and classes is not None and facts.get("class") not in classes | {None}:
            continue
        key = (entry.actor_id, entry.actor_name, entry.tag, str(facts.get("verb", "")))
        what = facts.get("sheet") or (f"lớp {facts['class']}" if facts.get("class") else "")
        group = open_groups.get(key)
        if group is None or group.at - at > _TOGETHER:
            group = open_groups[key] = _Group(at, *key[1:])
            groups.append(group)
        if what and what not in group.said:
            group.said.append(what)
        group.n += 1
    lines = []
    for group in groups:
        tag, said = group.tag, group.said
        pattern = _BY_VERB[tag].get(group.verb, "{what}") if tag in _BY_VERB else _WORDS[tag]
        shown = said[0] if said else ""
        if len(said) > 1:
            shown += f" và {len(said) - 1} {'lớp' if tag in _CLASSES | _PUPILS else 'bảng điểm'} nữa"
        lines.append(Happening(group.at, f"{group.name} {pattern.format(n=group.n, what=shown)}".strip()))
    lines.sort(key=lambda line: line.at, reverse=True)
    return tuple(lines[:limit])


def _may_hear(actor: Actor) -> tuple[frozenset[str], frozenset[str] | None, frozenset[str] | None]:
    """Tags, sheet ids (None: all) and class names (None: all) that this person may hear of."""
    if actor.is_system or actor.has_role(Role.PRINCIPAL) or actor.has_role(Role.VICE_PRINCIPAL):
        return _SHEETS | _CLASSES | _PUPILS | _PAPERS | _MACHINE, None, None
    if actor.has_role(Role.IT_OFFICER):
        return _MACHINE, frozenset(), frozenset()
    if actor.has_role(Role.CLERK):
        return _PAPERS | _PUPILS | _MACHINE, frozenset(), None
    tags: set[str] = set()
    sheets: set[str] = set()
    classes: set[str] = set()
    if actor.teaching:
        tags |= _SHEETS
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id).where(m.ScoreSheet.class_subject_id.in_(actor.teaching))
            )
        }
    if actor.has_role(Role.GROUP_HEAD):
        tags |= {"score:sheet:moved"}
        groups = [grant.scope_id for grant in actor.grants if grant.role is Role.GROUP_HEAD]
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id)
                .join(m.TeachingAssignment, m.TeachingAssignment.class_subject_id == m.ScoreSheet.class_subject_id)
                .join(m.Person, m.Person.id == m.TeachingAssignment.person_id)
                .where(m.Person.subject_group_id.in_(groups))
            )
        }
    if actor.homeroom:
        tags |= _SHEETS | _CLASSES | _PUPILS | _PAPERS
        classes |= set(db.session.scalars(select(m.ClassGroup.name).where(m.ClassGroup.id.in_(actor.homeroom))))
        sheets |= {
            str(row)
            for row in db.session.scalars(
                select(m.ScoreSheet.id)
                .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
                .where(m.ClassSubject.class_group_id.in_(actor.homeroom))
            )
        }
    return frozenset(tags), frozenset(sheets), frozenset(classes)


def _facts(head: str) -> dict[str, Any]:
    """The facts of a payload from its beginning: keys are sorted, so they stand before the long ``state``."""
    at = head.find('"facts":{')
    if at < 0:
        return {}
    try:
        facts: dict[str, Any] = json.JSONDecoder().raw_decode(head, at + len('"facts":'))[0]
    except ValueError:  # cut off in the middle
        return {}
    return facts
