"""Everything that happened to one pupil's record of a year, in the order of time and in plain words: results, corrections, decisions, files,
signatures, recalls. Read from the rows that say it; what the log holds beyond them is the log's own page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.correction_flow import CorrectionKind, CorrectionVerb
from hocbaso.regulations.correction_impact import Change, SubjectName, impact
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.recall_flow import RecallState
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.terms import Promotion, SubjectKind
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import conclusion_asks, correction_view, frozen_results, printed_facts, transcripts
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.decisions import TERM_WORDS
from hocbaso.services.results import level_words

_STEPS = {
    CorrectionVerb.ASK: "Đề nghị sửa chữa",
    CorrectionVerb.RESEND: "Gửi lại đề nghị sửa chữa",
    CorrectionVerb.CONFIRM: "Xác nhận đề nghị sửa chữa",
    CorrectionVerb.RETURN: "Trả lại đề nghị sửa chữa",
    CorrectionVerb.REFUSE: "Không duyệt đề nghị sửa chữa",
    CorrectionVerb.WITHDRAW: "Rút đề nghị sửa chữa",
    CorrectionVerb.APPROVE: "Duyệt đề nghị sửa chữa, đã sửa",
}
_SIGNED = {"homeroom": "Giáo viên chủ nhiệm ký", "principal": "Hiệu trưởng ký", "seal": "Đóng dấu nhà trường"}
_ANSWERS = {
    RecallState.APPROVED.value: "Duyệt thu hồi, chờ cấp trên đồng ý",
    RecallState.RECALLED.value: "Duyệt thu hồi",
    RecallState.REFUSED.value: "Không duyệt thu hồi",
    RecallState.WITHDRAWN.value: "Rút đề nghị thu hồi",
}
_CHOICES = {
    "summer": "cho kiểm tra, rèn luyện muộn",
    "move": "xếp lại lớp theo kết luận mới",
    "stay": "ở lại lớp đang học",
    "gone": "em không còn học ở trường",
    "keep": "không tổ chức muộn, giữ kết luận",
}


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One thing that happened. ``words``: more about it; ``changes``: values of the year that became others; ``uuid``: the file it is about."""

    at: datetime
    kind: str
    """result, correction, decision, file, signature or recall"""
    title: str
    by: str
    words: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    link: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class RecordChain:
    """The history of a pupil's year. ``in_force``: the code of the record that holds today, "" for none."""

    student_name: str
    class_name: str
    class_group_id: int
    enrollment_id: int
    school_year: str
    asked_uuid: str
    in_force: str
    n_records: int
    n_corrections: int
    n_recalled: int
    events: tuple[ChainEvent, ...]


def chain_of(actor: Actor, record_uuid: str) -> RecordChain:
    """The history of the year that a record is of. NotFound for whoever does not read both the transcripts and the class."""
    record = transcripts.record_for(actor, record_uuid)
    enrollment = record.enrollment
    if not reaches_class(actor, enrollment.class_group_id, Permission.CLASS_READ):
        raise NotFound("Không có học bạ này trong phần việc của thầy, cô.")
    records = list(
        db.session.scalars(
            select(m.TranscriptRecord)
            .where(m.TranscriptRecord.enrollment_id == enrollment.id)
            .order_by(m.TranscriptRecord.id)
            .execution_options(populate_existing=True)
        )
    )
    requests = _requests(enrollment)
    events = [
        *_results(enrollment),
        *_corrections(requests),
        *_decisions(enrollment),
        *_cases(enrollment),
        *_recalls(records),
        *_files(records),
    ]
    order = {kind: at for at, kind in enumerate(("correction", "result", "decision", "recall", "signature", "file"))}
    events.sort(key=lambda event: (event.at, order[event.kind]))
    standing = [one.uuid for one in records if one.state != RecordState.RECALLED.value]
    return RecordChain(
        enrollment.student.full_name,
        enrollment.class_group.name,
        enrollment.class_group_id,
        enrollment.id,
        enrollment.class_group.school_year.label,
        record.uuid,
        standing[-1] if standing else "",
        len(records),
        sum(one.state == "APPLIED" for one in requests),
        len(records) - len(standing),
        tuple(events),
    )


def _name(account_id: int | None) -> str:
    if account_id is None:
        return "Hệ thống"
    found = db.session.scalar(
        select(m.Person.full_name).join(m.Account, m.Account.person_id == m.Person.id).where(m.Account.id == account_id)
    )
    return found or ""


def _results(enrollment: m.Enrollment) -> Iterator[ChainEvent]:
    """Each freeze, with what it changed of the one before it."""
    rows = db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id == enrollment.id)
        .order_by(m.FrozenResult.frozen_at, m.FrozenResult.id)
    ).all()
    approvals = [row.id for row in rows if frozen_results.is_by_approval(row)]
    is_approved = enrollment.class_group.state == ClassState.APPROVED.value
    former: m.FrozenResult | None = None
    for row in rows:
        content = frozen_results.parsed(row)
        conclusion = f"Kết luận: {conclusion_asks.OUTCOME_WORDS[_outcome(content)]}."
        if row.id in approvals and (row.id != approvals[-1] or not is_approved):
            title = "Duyệt tổng kết, người duyệt hoàn tác ngay sau đó: bản chốt này không dùng"
        elif row.id in approvals:
            title = "Duyệt tổng kết: kết quả cả năm được chốt"
        elif row.revision == 1:
            title = "Duyệt kết quả trong hè: chốt lần hai, kết quả cả năm vẫn giữ"
        else:
            title = f"Kết quả chốt lại sau sửa chữa, bản {row.revision}{' của kết quả trong hè' if row.freeze == 'summer' else ''}"
        changes: tuple[Change, ...] = ()
        if former is not None:
            subjects = {one["code"]: SubjectName(one["name"], SubjectKind(one["kind"])) for one in content["subjects"]}
            changes = impact(
                printed_facts.facts_of_frozen(frozen_results.parsed(former)),
                printed_facts.facts_of_frozen(content),
                subjects,
                regulation_named(row.regulation_version).articles,
            )
        yield ChainEvent(row.frozen_at, "result", title, _name(row.frozen_by), (conclusion,), changes)
        former = row


def _outcome(content: dict[str, object]) -> Promotion:
    promotion = content["promotion"]
    assert isinstance(promotion, dict)
    return Promotion(promotion["outcome"])


def _requests(enrollment: m.Enrollment) -> list[m.CorrectionRequest]:
    """The corrections of this year, and the civil-status ones of the pupil that took one of its records out of force."""
    uuids = set(
        db.session.scalars(select(m.TranscriptRecord.uuid).where(m.TranscriptRecord.enrollment_id == enrollment.id))
    )
    rows = db.session.scalars(
        select(m.CorrectionRequest)
        .join(m.Enrollment, m.Enrollment.id == m.CorrectionRequest.enrollment_id)
        .where(
            or_(
                m.CorrectionRequest.enrollment_id == enrollment.id,
                and_(
                    m.Enrollment.student_id == enrollment.student_id,
                    m.CorrectionRequest.kind == CorrectionKind.CIVIL_STATUS.value,
                    m.CorrectionRequest.state == "APPLIED",
                ),
            )
        )
        .order_by(m.CorrectionRequest.id)
    )
    return [
        row
        for row in rows
        if row.enrollment_id == enrollment.id
        or uuids & {one["uuid"] for one in json.loads(row.outcome or "{}").get("voided", [])}
    ]


def _corrections(requests: list[m.CorrectionRequest]) -> Iterator[ChainEvent]:
    for request in requests:
        what = correction_view.what_words(request)
        for step in request.steps:
            verb = CorrectionVerb(step.verb)
            words = [what] if verb in (CorrectionVerb.ASK, CorrectionVerb.APPROVE) else []
            if verb is CorrectionVerb.ASK:
                words.append(f"Lí do: {request.reason}")
                words += [f"Căn cứ: {request.paper}"] if request.paper else []
                if n := len(request.evidence):
                    words.append(f"Kèm {n} minh chứng.")
            elif step.note:
                words.append(step.note)
            yield ChainEvent(
                step.at,
                "correction",
                f"{_STEPS[verb]} số {request.id}",
                step.by_name,
                tuple(words),
                link=f"/sua-chua/{request.id}",
            )


def _decisions(enrollment: m.Enrollment) -> Iterator[ChainEvent]:
    for row in db.session.scalars(
        select(m.PrincipalDecision).where(m.PrincipalDecision.enrollment_id == enrollment.id)
    ):
        if row.kind == "promotion":
            said = conclusion_asks.OUTCOME_WORDS[Promotion(row.outcome)]
            title = f"Hiệu trưởng quyết định kết luận cả năm: {said}"
        else:
            title = f"Hiệu trưởng quyết định học tập {TERM_WORDS[row.term]}: {level_words(row.outcome)}"
        words = (row.reason, *([f"Căn cứ: {row.document}"] if row.document else []))
        yield ChainEvent(row.decided_at, "decision", title, _name(row.decided_by), words)


def _cases(enrollment: m.Enrollment) -> Iterator[ChainEvent]:
    for row in db.session.scalars(
        select(m.ConclusionCase).where(m.ConclusionCase.enrollment_id == enrollment.id).order_by(m.ConclusionCase.id)
    ):
        yield ChainEvent(
            row.decided_at,
            "decision",
            f"Sau khi kết luận đổi: {_CHOICES[row.choice]}",
            row.decider_name,
            (f"Căn cứ: {row.paper}",),
            link="/sua-chua/ket-luan",
        )
        if row.state == CaseState.SETTLED.value and row.settled_at is not None and row.settled_at != row.decided_at:
            yield ChainEvent(
                row.settled_at,
                "decision",
                "Việc sau khi kết luận đổi đã xong",
                row.settler_name or "",
                (row.settled_note,) if row.settled_note else (),
            )


def _files(records: list[m.TranscriptRecord]) -> Iterator[ChainEvent]:
    by_id = {one.id: one for one in records}
    for record in records:
        former = by_id.get(record.replaces_id or 0)
        words = (f"Thay cho bản {former.uuid}.",) if former is not None else ()
        yield ChainEvent(
            record.built_at, "file", "Lập học bạ" if former is None else "Lập bản thay", _name(record.built_by), words, uuid=record.uuid
        )  # fmt: skip
        for signature in record.signatures:
            yield ChainEvent(
                signature.signed_at, "signature", _SIGNED[signature.role], signature.signer_name, uuid=record.uuid
            )
        if record.published_at is not None:
            yield ChainEvent(record.published_at, "file", "Công bố", "", uuid=record.uuid)
        if record.recalled_at is not None:
            yield ChainEvent(
                record.recalled_at,
                "recall",
                "Bản này hết hiệu lực" if record.signatures else "Thu lại bản chưa ký",
                "",
                ("Tệp cũ vẫn mở được; trang kiểm tra nói là không còn hiệu lực.",) if record.signatures else (),
                uuid=record.uuid,
            )


def _recalls(records: list[m.TranscriptRecord]) -> Iterator[ChainEvent]:
    uuids = {one.id: one.uuid for one in records}
    for row in db.session.scalars(
        select(m.RecallRequest)
        .where(m.RecallRequest.transcript_record_id.in_(list(uuids)))
        .order_by(m.RecallRequest.id)
    ):
        uuid = uuids[row.transcript_record_id]
        reason = (f"Lí do: {row.reason}", *([f"Căn cứ: {row.paper}"] if row.paper else []))
        yield ChainEvent(row.asked_at, "recall", "Đề nghị thu hồi", row.asker_name, reason, uuid=uuid)
        if row.decided_at is not None and row.state in _ANSWERS:
            note = (row.decision_note,) if row.decision_note else ()
            yield ChainEvent(row.decided_at, "recall", _ANSWERS[row.state], row.decider_name or "", note, uuid=uuid)
        sent = db.session.get(m.RecallList, row.recall_list_id) if row.recall_list_id else None
        if sent is not None and sent.sent_at is not None:
            yield ChainEvent(
                sent.sent_at, "recall", f"Gửi danh sách thu hồi số {sent.number} lên cấp trên", "", uuid=uuid
            )
        if sent is not None and sent.answered_at is not None:
            yield ChainEvent(
                sent.answered_at, "recall", "Cấp trên trả lời", "", (sent.answer_note,) if sent.answer_note else (), uuid=uuid
            )  # fmt: skip
