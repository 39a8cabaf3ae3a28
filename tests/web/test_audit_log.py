"""Nhật ký: found by person, pupil, class, subject, kind and day, with the value before and after; never for the IT officer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, homeroom, log_search, score_entry, score_operations, snapshots
from hocbaso.services.access import SYSTEM
from hocbaso.services.log_search import Wanted
from hocbaso.services.score_operations import TypedCell
from tests.cast import NOW, Cast
from tests.databases import Outside

Clients = Callable[[str], FlaskClient]
PUPIL, OTHER = "Hoàng Thanh Bình", "Nguyễn Bảo Châu"


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=5))


@pytest.fixture
def busy(school: Cast) -> Cast:
    """Two values of one pupil, a block of another's, conduct, and a hostile reason."""
    math, sheet = school.actor("math"), school.sheets["9A", "MATH", 2]
    mine, other = school.enrollments["9A", PUPIL], school.enrollments["9A", OTHER]
    for raw, version in (("6,5", 0), ("8", 1)):
        score_entry.save_cell(math, sheet, mine, "TX1", raw, expected_version=version, op_id=None, now=NOW)
    score_operations.paste(
        math,
        sheet,
        [TypedCell(other, key, raw, 0) for key, raw in (("TX1", "7"), ("TX2", "9,5"))],
        op_id="00000000-0000-4000-8000-000000000001",
        now=NOW + timedelta(hours=1),
    )
    homeroom.save_field(math, mine, "conduct_1", "Tốt", expected_version=0, op_id=None, now=NOW + timedelta(hours=2))
    with write_transaction():
        audit.record(
            AuditTag.SHEET_MOVED,
            school.actor("principal"),
            NOW + timedelta(hours=3),
            target_kind="score_sheet",
            target_id=school.sheets["6A", "LIT", 1],
            note='=cmd|"/c calc"!A1',
            facts={"verb": "return", "sheet": "Ngữ văn 6A, học kì I"},
        )
    return school


def told(page: str) -> str:
    return " ".join(page.split())


def test_the_newest_stand_first_with_what_was_and_what_became(busy: Cast, client_of: Clients) -> None:
    page = told(client_of("principal").get("/nhat-ky?viec=diem").get_data(as_text=True))
    assert "<b>Trịnh Thu Hà</b> ghi một ô điểm" in page
    assert "<del>6,5</del>" in page and "<ins>8,0</ins>" in page
    assert page.index("ghi nhiều ô điểm") < page.index("ghi một ô điểm")
    assert "dán từ bảng tính" in page and "đăng nhập" not in page.partition('<ol class="log">')[2].partition("</ol>")[0]


@pytest.mark.parametrize(
    ("wanted", "n"),
    [
        ({"pupil": "thanh binh"}, 4),  # two cells, conduct, and the list that brought the pupil here
        ({"pupil": PUPIL, "group": "lop"}, 1),
        ({"pupil": OTHER, "group": "diem"}, 1),  # the pasted block names the pupil among others
        ({"pupil": "không có ai"}, 0),
        ({"subject": "MATH", "group": "diem"}, 3),
        ({"subject": "LIT", "group": "diem"}, 0),
        ({"class": "9A", "group": "diem"}, 3),
        ({"class": "6A", "group": "diem"}, 0),
        ({"class": "6A", "subject": "LIT", "group": "buoc"}, 2),  # both sheets made at once, one of them sent back
        ({"person": "math"}, 4),
        ({"person": "other"}, 0),
    ],
)
def test_each_filter_finds_what_it_says(busy: Cast, wanted: dict[str, str], n: int) -> None:
    subject = db.session.scalar(select(m.Subject.id).where(m.Subject.code == wanted.get("subject", "")))
    found = log_search.search(
        busy.actor("principal"),
        Wanted(
            person_id=busy.people.get(wanted.get("person", "")),
            pupil=wanted.get("pupil", ""),
            class_group_id=busy.classes.get(wanted.get("class", "")),
            subject_id=subject,
            group=wanted.get("group", ""),
            since=NOW.date() if "pupil" in wanted else None,
        ),
        NOW.date(),
    )
    assert found.n_found == len(found.lines) == n, [(line.what, line.about) for line in found.lines]


def test_days_are_days_in_vietnam(busy: Cast) -> None:
    actor = busy.actor("principal")
    late = NOW.replace(hour=17, minute=30)  # 00:30 of the next day there
    with write_transaction():
        audit.record(AuditTag.BACKUP_CREATED, SYSTEM, late, target_kind="backup", target_id="x")
    day = NOW.date()
    for first, last, n in ((day, day, 0), (day + timedelta(1), day + timedelta(1), 1), (day, day + timedelta(1), 1)):
        assert log_search.search(actor, Wanted(group="may", since=first, until=last), day).n_found == n


def test_older_pages_go_on_where_the_last_one_ended(busy: Cast, client_of: Clients) -> None:
    actor, seen, before = busy.actor("principal"), [], None
    while True:
        page = log_search.search(actor, Wanted(), NOW.date(), before=before)
        seen += [line.seq for line in page.lines]
        before = page.older
        if before is None:
            break
    n = db.session.query(m.AuditEntry).count()
    assert seen == list(range(n, 0, -1)) and page.n_found == n
    assert client_of("principal").get("/nhat-ky?truoc=60").status_code == 200


def test_a_file_holds_each_value_and_no_live_formula_and_its_taking_is_written_down(
    busy: Cast, client_of: Clients
) -> None:
    client = client_of("vice_principal")
    for form in ("xlsx", "csv"):
        answer = client.post("/nhat-ky/tep", data={"dang": form, "tu": "12/05/2027"})
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
        if form == "csv":
            rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        else:
            sheet = load_workbook(io.BytesIO(answer.data)).active
            assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
            rows = [["" if v is None else str(v) for v in row] for row in sheet.iter_rows(min_row=3, values_only=True)]
        assert ["thường xuyên 1", "6,5", "8,0"] in [row[5:8] for row in rows]
        assert not [value for row in rows for value in row if form == "csv" and value.startswith("=")]
    last = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    assert last.tag == AuditTag.EXPORT_MADE and json.loads(last.payload)["facts"]["what"] == "audit"


def test_a_wrong_day_and_a_name_of_too_many_are_told_and_nothing_is_lost(busy: Cast, client_of: Clients) -> None:
    answer = client_of("principal").get("/nhat-ky?tu=31/2/2027&hoc-sinh=Bình")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "31/2/2027” không phải ngày" in page and 'value="Bình"' in page
    assert client_of("principal").get("/nhat-ky?viec=gi-do").status_code == 422


def test_the_second_person_of_a_blind_check_reads_no_value_of_that_sheet(busy: Cast) -> None:
    sheet = busy.sheets["9A", "MATH", 2]
    with write_transaction() as session:
        session.get(m.SchoolYear, busy.year_id).spot_check_percent = 10
        draw = m.BlindDraw(score_sheet_id=sheet, seed="0" * 64, percent=10, cells="[]", at=NOW)
        session.add(draw)
        session.flush()
        session.add(
            m.BlindCheck(
                blind_draw_id=draw.id,
                score_sheet_id=sheet,
                enrollment_id=busy.enrollments["9A", PUPIL],
                column_key="GK",
                cell_version=0,
                state="WAITING",
            )
        )
        session.add(
            m.BlindChecker(
                score_sheet_id=sheet,
                person_id=busy.people["vice_principal"],
                named_at=NOW,
                named_by_name="Trần Quốc Bình",
            )
        )
    wanted = Wanted(group="diem", subject_id=db.session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH")))
    kept = log_search.search(busy.actor("vice_principal"), wanted, NOW.date())
    assert {change.after for line in kept.lines for change in line.changes} == {log_search.HIDDEN}
    assert all(change.before is None for line in kept.lines for change in line.changes)
    seen = log_search.search(busy.actor("principal"), wanted, NOW.date())
    assert {change.after for line in seen.lines for change in line.changes} >= {"8,0", "9,5"}


def test_two_snapshots_are_compared_on_a_page(busy: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    assert "Chưa có đủ hai ảnh chụp" in client.get("/nhat-ky/so-sanh").get_data(as_text=True)
    first = snapshots.take(SYSTEM, NOW)
    math, sheet = busy.actor("math"), busy.sheets["9A", "MATH", 2]
    score_entry.save_cell(
        math, sheet, busy.enrollments["9A", PUPIL], "TX1", "9", expected_version=2, op_id=None, now=NOW
    )
    second = snapshots.take(SYSTEM, NOW)
    page = told(client.get(f"/nhat-ky/so-sanh?tu={first.id}&den={second.id}").get_data(as_text=True))
    assert "<del>8,0</del>" in page and "<ins>9,0</ins>" in page and "Trịnh Thu Hà ghi một ô điểm" in page
    assert "khớp chữ ký của cả hai ảnh chụp" in page
    assert client.get(f"/nhat-ky/so-sanh?tu={first.id}&den=999").status_code == 404


def test_the_days_paper_carries_the_line_of_the_last_snapshot(school: Cast, client_of: Clients) -> None:
    client = client_of("clerk")
    assert "paper-line" not in client.get("/hom-nay").get_data(as_text=True)
    snapshots.take(SYSTEM, NOW)
    newest = snapshots.take(SYSTEM, NOW + timedelta(hours=1))
    page = client.get("/hom-nay").get_data(as_text=True)
    assert f'<p class="paper-line num">{snapshots.printed_line(newest)}</p>' in page


def test_what_only_the_exports_know_stands_on_the_page(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    first = snapshots.take(SYSTEM, NOW).id
    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE subject_group SET name = 'Tổ <lạ>' WHERE id = 1")
    second = snapshots.take(SYSTEM, NOW + timedelta(minutes=1)).id
    page = client_of("principal").get(f"/nhat-ky/so-sanh?tu={first}&den={second}").text
    assert "Bản chụp khác nhau 1 dòng mà nhật ký không nói đến" in page
    assert "(subject_group 1, cột name)" in page and "Tổ &lt;lạ&gt;" in page
