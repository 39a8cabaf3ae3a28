"""The transcripts that wait for a person: to build, to sign, to seal, counted by class; recalls to decide, one by one, and their steps to the
authority; papers in force that the school holds to be wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.recall_flow import RecallState
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import overtaken_records, recall_steps
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.daily_items import DailyItem, Oddity, class_item, school_item
from hocbaso.services.transcript_counts import due_days, first_records_by_state, replacing, replacing_name

_TURN = (
    (RecordState.CREATED, Permission.TRANSCRIPT_SIGN_HOMEROOM, "Ký {n} học bạ lớp {name}"),
    (RecordState.HOMEROOM_SIGNED, Permission.TRANSCRIPT_SIGN_PRINCIPAL, "Ký {n} học bạ lớp {name}"),
    (RecordState.PRINCIPAL_SIGNED, Permission.TRANSCRIPT_SEAL, "Đóng dấu {n} học bạ lớp {name}"),
)


def transcript_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """One item a class and act: transcripts for this person to build, sign, seal or publish."""
    if actor.is_system or not actor.may(Permission.TRANSCRIPT_READ):
        return []
    later = due_days(year)
    found = []
    for class_id, by_state in first_records_by_state(year.id).items():
        row = db.session.get(m.ClassGroup, class_id)
        assert row is not None
        found.append((row, row.name, by_state, max(year.sign_before(row.grade_level), later.get(class_id, date.min))))
    return _items(actor, found, today)


def replacing_items(actor: Actor, today: date) -> list[DailyItem]:
    """The same of records that were recalled and have to be made anew: a family is without one, so they are looked at first."""
    if actor.is_system or not actor.may(Permission.TRANSCRIPT_READ):
        return []
    items: list[DailyItem] = []
    for one in replacing():
        row = db.session.get(m.ClassGroup, one.class_group_id)
        assert row is not None
        names = ", ".join(one.names[:3]) + (" và em khác" if one.names[3:] else "")
        oddity = Oddity("Thay bản đã thu hồi", "undo-2", names, "Bản cũ đã thu hồi, gia đình chưa có bản thay.")
        made = _items(actor, [(row, replacing_name(row.name, one), one.by_state, one.before)], today)
        items += [replace(item, key=f"anew-{item.key}", oddities=(oddity,)) for item in made]
    return items


def _items(
    actor: Actor, classes: list[tuple[m.ClassGroup, str, dict[RecordState | None, int], date]], today: date
) -> list[DailyItem]:
    items = []
    for row, name, by_state, before in classes:
        class_id = row.id

        def item(
            verb: str, n: int, words: str, row: m.ClassGroup = row, name: str = name, before: date = before
        ) -> DailyItem:
            made = class_item(row, verb, words.format(n=n, name=name), f"lớp {name}", f"{n} học bạ", before, today, ())
            return replace(made, kind="transcript", key=f"transcript-{row.id}-{n}", link=f"/hoc-ba/lop/{row.id}")

        if (
            by_state.get(None)
            and (class_id in actor.homeroom or actor.has_role(Role.CLERK))
            and reaches_class(actor, class_id, Permission.TRANSCRIPT_BUILD)
        ):
            items.append(item("build", by_state[None], "Lập {n} học bạ lớp {name}"))
        for state, permission, words in _TURN:
            if by_state.get(state) and reaches_class(actor, class_id, permission):
                items.append(item("sign", by_state[state], words))
        if by_state.get(RecordState.ISSUED) and reaches_class(actor, class_id, Permission.TRANSCRIPT_PUBLISH):
            items.append(item("publish", by_state[RecordState.ISSUED], "Công bố {n} học bạ lớp {name}"))
    return items


def recall_items(actor: Actor, today: date) -> list[DailyItem]:
    """One item a request to recall an issued record that waits for this person's decision, of whatever year."""
    if actor.is_system or Permission.TRANSCRIPT_RECALL not in actor.permissions:
        return []
    items = []
    for request in db.session.scalars(
        select(m.RecallRequest).where(m.RecallRequest.state == RecallState.ASKED.value).order_by(m.RecallRequest.id)
    ):
        enrollment = request.record.enrollment
        row = enrollment.class_group
        if not reaches_class(actor, row.id, Permission.TRANSCRIPT_RECALL):
            continue
        who = f"{enrollment.student.full_name}, lớp {row.name}"
        oddity = Oddity("Thu hồi học bạ", "undo-2", who, f"{request.asker_name} đề nghị: {request.reason}")
        # A family holds the paper: the next day is late.
        made = class_item(
            row, "decide", f"Thu hồi học bạ của {who}", who, "", today + timedelta(days=1), today, (oddity,)
        )
        items.append(
            replace(made, kind="transcript", key=f"recall-{request.id}-{request.version}", link="/thu-hoi/#quyet-dinh")
        )
    return items


def recall_step_items(actor: Actor, today: date) -> list[DailyItem]:
    """What an approved recall still needs of this person: one item a year to list, one a list under way."""
    if actor.is_system:
        return []
    return [
        school_item("transcript", f"recall-{one.key}", "do", one.what, one.meta, one.link, one.before, today)
        for one in recall_steps.steps()
        if actor.has_role(one.role)
    ]


def overtaken_items(actor: Actor, today: date) -> list[DailyItem]:
    """One item a paper in force that says something else than is held to be true, for the principal and the office."""
    if actor.is_system or not (actor.has_role(Role.PRINCIPAL) or actor.has_role(Role.CLERK)):
        return []
    found = overtaken_records.overtaken()
    if not found:  # nearly always
        return []
    wanted = {one.class_group_id for one in found}
    classes = {row.id: row for row in db.session.scalars(select(m.ClassGroup).where(m.ClassGroup.id.in_(wanted)))}
    items = []
    for one in found:
        why = f"{one.refusal}. " if one.refusal else ""
        oddity = Oddity(
            "Học bạ sai còn hiệu lực",
            "triangle-alert",
            one.student_name,
            f"{why}Đề nghị cấp trên lần nữa, hoặc sửa lại cho đúng như học bạ.",
        )
        title = f"Học bạ đang có hiệu lực khác {one.against}: {one.who}"
        made = class_item(classes[one.class_group_id], "do", title, one.who, "", one.before, today, (oddity,))
        items.append(
            replace(
                made, kind="transcript", key=f"overtaken-{one.record_uuid}", link=f"/thu-hoi/#sai-{one.record_uuid}"
            )
        )
    return items
