"""Whether the promises of the year were kept: looked up in the tables and the log after the last day, server off."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from hocbaso.cli.simulation.ledger import Ledger
from hocbaso.cli.simulation.world import FIRST_DAY, LAST_DAY, World
from hocbaso.services import audit_verify

SHOWN = 5


@dataclass
class Promise:
    """One promise: kept when nothing speaks against it."""

    words: str
    faults: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether it was kept."""
        return not self.faults

    def lines(self) -> list[str]:
        """For the report: the promise, and the first faults."""
        more = [f"    và {len(self.faults) - SHOWN} lỗi nữa"] if len(self.faults) > SHOWN else []
        return [
            f"{'GIỮ' if self.kept else 'HỎNG'}  {self.words}",
            *(f"    {one}" for one in self.faults[:SHOWN]),
            *more,
        ]


def judge(world: World, ledger: Ledger, reminder_faults: list[str], n_reminded: int, n_cuts: int) -> list[Promise]:
    """All promises, in the order of the report."""
    with world.app.app_context():
        report = audit_verify.verify()
    return [
        _issued(world),
        Promise(
            f"nhật ký nguyên vẹn: {report.n_entries} dòng, mọi giá trị đúng với dòng cuối của nó",
            [f"dòng {one.seq}: {one.message}" for one in report.faults],
        ),
        Promise(f"mỗi lời nhắc đúng một lần: {n_reminded} lời", [*reminder_faults, *_told_in_log(world)]),
        Promise("việc định kì: mỗi việc mỗi ngày một lần, không sót ngày nào", _jobs(world)),
        Promise(
            f"không mất số nào: {ledger.n_acknowledged} lần máy chủ báo đã ghi",
            [*ledger.lost_cells(cells(world)), *ledger.lost_fields(_homeroom(world))],
        ),
        Promise("mỗi học bạ có đúng ba chữ ký, không ai ký hai lần", _signatures(world)),
        Promise("không đề nghị nào còn treo; người chuyển đi không có học bạ của trường", _left_over(world)),
        Promise(
            "năm học đủ sự cố: chuyển đi, chuyển đến, trả lại, sửa sau khoá, phát hành lại, mất điện",
            _quiet(world, n_cuts),
        ),
    ]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text) + timedelta(hours=7)


def _issued(world: World) -> Promise:
    (grade9, others) = world.rows(
        "SELECT sign_grade9_before, sign_others_before FROM school_year WHERE state = 'OPEN'"
    )[0]
    faults = []
    n = 0
    for name, class_name, grade, state, sealed in world.rows(
        "SELECT s.full_name, c.name, c.grade_level, r.state, (SELECT max(g.signed_at) FROM transcript_signature g "
        "WHERE g.transcript_record_id = r.id AND g.role = 'seal') FROM enrollment e JOIN student s ON s.id = e.student_id "
        "JOIN class_group c ON c.id = e.class_group_id LEFT JOIN transcript_record r ON r.enrollment_id = e.id "
        "AND r.state != 'RECALLED' WHERE e.left_on IS NULL ORDER BY c.name, s.sort_key"
    ):
        n += 1
        before = date.fromisoformat(grade9 if grade == 9 else others)
        if state != "PUBLISHED" or sealed is None:
            faults.append(f"{class_name}, {name}: học bạ {state or 'chưa lập'}")
        elif _instant(sealed).date() >= before:
            faults.append(
                f"{class_name}, {name}: đóng dấu {_instant(sealed):%d/%m/%Y}, sau hạn trước {before:%d/%m/%Y}"
            )
    return Promise(f"{n} học bạ phát hành đúng hạn (lớp 9 trước 21/5, các lớp khác trước 31/5)", faults)


def _told_in_log(world: World) -> list[str]:
    """The log has one entry for each message of a day, and no message lacks its entry; so for calls to rehearse the signing."""
    zone = timedelta(hours=7)
    logged: Counter[tuple[int, str]] = Counter()
    rehearsals: Counter[str] = Counter()
    for person, at, payload in world.rows(
        "SELECT target_id, at, payload FROM audit_entry WHERE tag = 'reminder:notice:sent'"
    ):
        day, facts = (datetime.fromisoformat(at) + zone).date().isoformat(), json.loads(payload)["facts"]
        if facts.get("kind") == "rehearsal":
            rehearsals[day] += facts["n_people"]
        else:
            logged[int(person), day] += 1
    kept = Counter(
        (person, day) for person, day in world.rows("SELECT person_id, day FROM notice WHERE kind = 'reminder'")
    )
    called = Counter(day for (day,) in world.rows("SELECT day FROM notice WHERE kind = 'rehearsal'"))
    return [
        f"{day}: {world.people[person].name} có {kept[person, day]} lời nhắc, nhật ký ghi {logged[person, day]}"
        for person, day in sorted({*logged, *kept})
        if logged[person, day] != 1 or kept[person, day] != 1
    ] + [
        f"{day}: {called[day]} lời nhắc diễn tập, nhật ký ghi {rehearsals[day]}"
        for day in sorted({*called, *rehearsals})
        if called[day] != rehearsals[day]
    ]


def _jobs(world: World) -> list[str]:
    found: dict[str, dict[str, str]] = {}
    for job, day, state in world.rows("SELECT job, day, state FROM job_run"):
        found.setdefault(job, {})[day] = state
    days = [(FIRST_DAY + timedelta(days=n)).isoformat() for n in range((LAST_DAY - FIRST_DAY).days)]
    return [
        f"{job} ngày {day}: {runs.get(day, 'không chạy')}"
        for job, runs in sorted(found.items())
        for day in days
        if runs.get(day) != "done"
    ]


def cells(world: World) -> dict[tuple[int, int, str], Any]:
    """What stands in the sheets: tenths, a mark or a remark."""
    return {
        (sheet, enrollment, key): remark if key == "NX" else tenths if tenths is not None else mark
        for sheet, enrollment, key, tenths, mark, remark in world.rows(
            "SELECT score_sheet_id, enrollment_id, column_key, tenths, mark, remark FROM score_cell"
        )
    }


def _homeroom(world: World) -> dict[tuple[int, str], Any]:
    rows = world.rows(
        "SELECT enrollment_id, conduct_1, conduct_2, absences_excused_1, absences_unexcused_1, absences_excused_2, "
        "absences_unexcused_2, remark FROM homeroom_record"
    )
    return {(row[0], name): value for row in rows for name, value in zip(_HOMEROOM, row[1:], strict=True)}


_HOMEROOM = (
    "conduct_1",
    "conduct_2",
    "absences_excused_1",
    "absences_unexcused_1",
    "absences_excused_2",
    "absences_unexcused_2",
    "remark",
)


def _left_over(world: World) -> list[str]:
    return [
        *(
            f"đề nghị sửa số {request}: {state}"
            for request, state in world.rows(
                "SELECT id, state FROM correction_request WHERE state IN ('ASKED', 'CONFIRMED', 'RETURNED')"
            )
        ),
        *(
            f"ghi danh {enrollment} đã rời trường mà có học bạ"
            for (enrollment,) in world.rows(
                "SELECT e.id FROM enrollment e JOIN transcript_record r ON r.enrollment_id = e.id WHERE e.left_on IS NOT NULL"
            )
        ),
    ]


def _quiet(world: World, n_cuts: int) -> list[str]:
    """What did not happen: promises kept through a quiet year would prove nothing."""
    counts = {
        "chuyển đi": ("SELECT count(*) FROM movement WHERE kind = 'transferred_out'", 1),
        "chuyển đến": ("SELECT count(*) FROM movement WHERE kind = 'transferred_in'", 1),
        "trả lại": ("SELECT count(*) FROM sheet_step WHERE verb = 'return'", 1),
        "vắng rồi kiểm tra bù": ("SELECT count(*) FROM score_cell WHERE origin = 'makeup'", 1),
        "sửa sau khoá": ("SELECT count(*) FROM correction_request WHERE state = 'APPLIED'", 3),
        "phát hành lại": (
            "SELECT count(*) FROM transcript_record n JOIN transcript_record o ON o.id = n.replaces_id "
            "WHERE o.state = 'RECALLED' AND n.state = 'PUBLISHED'",
            2,
        ),
    }
    found = {words: (world.rows(question)[0][0], least) for words, (question, least) in counts.items()}
    found["mất điện"] = (n_cuts, 3)
    return [f"{words}: {n}, phải có từ {least}" for words, (n, least) in found.items() if n < least]


def _signatures(world: World) -> list[str]:
    found: dict[int, list[str]] = {}
    for record, role in world.rows(
        "SELECT r.id, g.role FROM transcript_record r LEFT JOIN transcript_signature g ON g.transcript_record_id = r.id "
        "WHERE r.state != 'RECALLED'"
    ):
        found.setdefault(record, []).append(role)
    return [
        f"học bạ {record}: {roles}"
        for record, roles in found.items()
        if sorted(map(str, roles)) != ["homeroom", "principal", "seal"]
    ]
