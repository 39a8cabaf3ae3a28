"""The classes that wait for a person: the own one to finalise, finalised ones to approve; and exemptions to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.taking_back import standing
from hocbaso.services import (
    class_gaps,
    class_moves,
    class_seal,
    correction_view,
    exemption_revocations,
    exemptions,
    inherited_results,
    principal_decisions,
    results,
)
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, Oddity, class_item, day_words, some_names
from hocbaso.services.evaluation import decision_counts
from hocbaso.services.results import ClassResults, comma, level_words


def open_classes() -> list[m.ClassGroup]:
    """The classes of open years, by grade level and name, read afresh."""
    return list(
        db.session.scalars(
            select(m.ClassGroup)
            .join(m.SchoolYear)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
            .execution_options(populate_existing=True)
        )
    )


def class_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """Classes for this person to finalise (the own one) or to approve."""
    if not actor.may(Permission.CLASS_READ):
        return []
    items = []
    for row in open_classes():
        parties = class_moves.parties_of(actor, row)
        waits = row.state == ClassState.FINALISED.value and ClassParty.APPROVER in parties
        own = row.id in actor.homeroom and row.state == ClassState.OPEN.value
        if not waits and not own:
            continue
        computed = results.compute_class(row.id, today)
        steps = standing(
            db.session.scalars(select(m.ClassStep).where(m.ClassStep.class_group_id == row.id).order_by(m.ClassStep.id))
        )
        returned = [step for step in steps if step.verb == ClassVerb.RETURN.value]
        if waits:
            before = year.sign_before(row.grade_level)
            last = steps[-1] if steps else None
            who = f"{last.by_name} gửi {day_words(last.at)}" if last is not None else computed.homeroom_name or ""
            oddities = class_oddities(computed, who)
            if returned:
                oddities.append(
                    Oddity(
                        "Đã từng trả lại",
                        "undo-2",
                        f"{returned[-1].by_name}, {day_words(returned[-1].at)}",
                        f"Lí do lần trước: {returned[-1].note}",
                    )
                )
            if last is not None and clock.local_date(last.at) >= year.data_complete_before:
                oddities.append(
                    Oddity(
                        "Chốt muộn",
                        "clock",
                        who,
                        f"Hạn cuối của dữ liệu: hết ngày {Deadline(year.data_complete_before).last_good_day:%d/%m/%Y}.",
                    )
                )
            made = class_item(
                row,
                "approve",
                f"Tổng kết lớp {row.name}",
                who,
                f"{len(computed.students)} học sinh",
                before,
                today,
                oddities,
            )
            items.append(replace(made, seen=class_seal.seal(computed, today)))
        else:
            gaps = class_gaps.list_gaps(computed)
            oddities = []
            if steps and steps[-1].verb == ClassVerb.RETURN.value:
                oddities.append(
                    Oddity(
                        "Bị trả lại", "undo-2", f"{steps[-1].by_name}, {day_words(steps[-1].at)}", steps[-1].note or ""
                    )
                )
            items.append(
                class_item(
                    row,
                    "finalise",
                    f"Tổng kết lớp {row.name}",
                    "lớp chủ nhiệm",
                    left_words(gaps) or "chốt được",
                    year.data_complete_before,
                    today,
                    oddities,
                )
            )
    return items


def left_words(gaps: Sequence[class_gaps.ClassGap]) -> str:
    """What keeps a class open, in the units of the class's own page: fields, sheets, other matters; "" for nothing."""
    n_fields, n_sheets = (sum(gap.kind == kind for gap in gaps) for kind in ("field", "sheet"))
    parts = ((n_fields, "ô"), (n_sheets, "bảng điểm"), (len(gaps) - n_fields - n_sheets, "việc khác"))
    said = ", ".join(f"{n} {unit}" for n, unit in parts if n)
    return f"còn {said}" if said else ""


def class_oddities(computed: ClassResults, who: str) -> list[Oddity]:
    """What in a class differs from a plain year: adjusted, reviewed, decided, exempt, re-assessed."""
    found: list[Oddity] = []
    terms = ("học kì I", "học kì II", "cả năm", "sau kiểm tra, đánh giá lại")
    exempt: list[str] = []
    for row in computed.students:
        given, result = row.given, row.result
        names = {line.subject.code: line.subject.name for line in given.subjects}
        for at, term in enumerate(terms):
            code = result.adjusted_by[at] if at < len(result.adjusted_by) else None
            if code is not None and result.adjusted[at]:
                subject = result.subjects[code]
                value = (subject.semester_1, subject.semester_2, subject.year)[at]
                found.append(
                    Oddity(
                        "Nâng mức theo khoản 3",
                        "scale",
                        who,
                        f"{given.full_name}: chỉ {names[code]} {comma(value)} kéo xuống từ hai mức trở lên.",
                        f"{given.full_name}, học tập {term}",
                        level_words(result.base[at]),
                        level_words(result.learning[at]),
                    )
                )
            if result.needs_review[at]:
                found.append(
                    Oddity(
                        "Cần Hội đồng xem xét",
                        "scale",
                        who,
                        f"{given.full_name}: hai cách hiểu Điều 9 khoản 3 cho kết quả khác nhau {term}.",
                    )
                )
        for one in given.decisions:
            counts = decision_counts(result, one.kind, one.term)
            kind = "Có quyết định riêng" if counts else "Quyết định không còn áp dụng"
            found.append(Oddity(kind, "scale", who, f"{given.full_name}: {one.reason}"))
        if any(line.reassessed is not None for line in given.subjects) or given.conduct_after_summer:
            found.append(Oddity("Kiểm tra lại, rèn luyện hè", "redo-2", who, f"{given.full_name} có kết quả sau hè."))
        if any(any(line.exempt) for line in given.subjects):
            exempt.append(given.full_name)
    bare = [one.words for one in class_gaps.bare_remarks(computed)]
    if bare:
        more = f"; và {len(bare) - 5} em nữa" if len(bare) > 5 else ""
        found.append(Oddity("Nhận xét quá ngắn", "circle-help", who, f"{'; '.join(bare[:5])}{more}."))
    for full_name, what, by_name in correction_view.applied_in_class(computed.class_group_id):
        found.append(Oddity("Sửa sau khi khoá", "pen-line", who, f"{full_name}, {what} ({by_name} duyệt)."))
    if exempt:
        found.append(Oddity("Có học sinh được miễn", "user-x", who, f"{some_names(exempt)} được miễn học."))
    return found


def exemption_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """Proposed exemptions for this person to decide."""
    items = []
    for line in exemptions.waiting(actor):
        row = db.session.get(m.ClassGroup, line.class_group_id)
        assert row is not None
        made = class_item(
            row,
            "decide",
            f"{line.words}: {line.student_name}",
            f"đề nghị {day_words(line.proposed_at)}",
            f"lớp {row.name}",
            year.data_complete_before,
            today,
            [
                Oddity(
                    "Đề nghị miễn học",
                    "user-x",
                    f"lớp {row.name}, đề nghị {day_words(line.proposed_at)}",
                    f"Lí do: {line.reason}",
                )
            ],
        )
        items.append(
            replace(
                made,
                kind="exemption",
                key=f"exemption-{line.id}-1",
                link=f"/lop/{row.id}/hoc-sinh/{line.enrollment_id}",
                exemption=line,
            )
        )
    return items + [_revocation_item(line, year, today) for line in exemption_revocations.waiting(actor)]


def _revocation_item(line: exemption_revocations.RevocationLine, year: m.SchoolYear, today: date) -> DailyItem:
    row = db.session.get_one(m.ClassGroup, line.exemption.class_group_id)
    asked = f"lớp {row.name}, đề nghị {day_words(line.proposed_at)}"
    made = class_item(
        row,
        "decide",
        f"Thu hồi: {line.exemption.words}, {line.exemption.student_name}",
        f"đề nghị {day_words(line.proposed_at)}",
        f"lớp {row.name}",
        year.data_complete_before,
        today,
        [Oddity("Thu hồi miễn học", "user-x", asked, f"Lí do: {line.reason}")],
    )
    return replace(
        made,
        kind="exemption",
        key=f"revocation-{line.id}-1",
        link=f"/lop/{row.id}/hoc-sinh/{line.exemption.enrollment_id}#mien-hoc",
    )


def decision_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """Pupils about whom this principal decides: the class cannot be finalised, or approved, before."""
    items = []
    for row, one in principal_decisions.waiting(actor, today):
        made = class_item(
            row,
            "decide",
            f"Quyết định: {one.student_name}",
            f"lớp {row.name}",
            f"{len(one.words)} việc",
            year.data_complete_before,
            today,
            [Oddity("Chờ quyết định", "scale", f"lớp {row.name}", f"{'; '.join(one.words)}.")],
        )
        items.append(
            replace(
                made,
                kind="decision",
                key=f"decision-{one.enrollment_id}-1",
                link=f"/lop/{row.id}/hoc-sinh/{one.enrollment_id}",
            )
        )
    return items


def inherited_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """Results of old schools for this principal to accept."""
    items = []
    for class_group_id, enrollment_id, name, proposed_at in inherited_results.waiting(actor):
        row = db.session.get(m.ClassGroup, class_group_id)
        assert row is not None
        asked = f"lớp {row.name}, ghi {day_words(proposed_at)}"
        why = "Giáo viên chủ nhiệm đã ghi kết quả học kì I của trường cũ. Đối chiếu với bảng tổng hợp rồi nhận."
        made = class_item(
            row,
            "decide",
            f"Kết quả nơi chuyển đến: {name}",
            asked,
            f"lớp {row.name}",
            year.data_complete_before,
            today,
            [Oddity("Nơi chuyển đến", "file-text", asked, why)],
        )
        items.append(
            replace(
                made,
                kind="inherited",
                key=f"inherited-{enrollment_id}-1",
                link=f"/lop/{row.id}/hoc-sinh/{enrollment_id}#noi-chuyen-den",
            )
        )
    return items
