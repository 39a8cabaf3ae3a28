"""Photos of pupils: who sets and who sees them, one and a class from a ZIP, counted, logged, gone when taken away."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import tarfile
import tracemalloc
import zipfile
from datetime import timedelta

import pytest
from flask_migrate import stamp
from PIL import Image
from sqlalchemy import func, inspect, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid
from hocbaso.regulations.data_quality import Measure
from hocbaso.services import (
    audit_verify,
    backups,
    board_files,
    board_tasks,
    class_photos,
    data_quality,
    database_copy,
    document_pool,
    instance_check,
    student_photos,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_table import JOBS
from hocbaso.services.uploaded_papers import Upload
from tests.cast import NOW, Cast
from tests.services.test_audit_verify import try_kinds


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def picture(colour: str = "red", size: tuple[int, int] = (300, 400), kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def packed(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def pupils(school: Cast, class_name: str = "9A") -> list[m.Student]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(m.Student)
            .join(m.Enrollment)
            .where(m.Enrollment.class_group_id == school.classes[class_name])
            .order_by(m.Student.sort_key, m.Student.id)
        )
    )


def put(client, student_id: int, data: bytes):
    return client.post(f"/hoc-sinh/{student_id}/anh", data={"photo": (io.BytesIO(data), "a.jpg")})


def n_files() -> int:
    db.session.rollback()
    n_rows = db.session.scalar(select(func.count()).select_from(m.StoredDocument))
    assert n_rows == len(list(document_pool.document_store().digests()))
    return n_rows or 0


def test_a_photo_is_set_seen_replaced_and_taken_away(client_of, school: Cast):
    homeroom, clerk = client_of("math"), client_of("clerk")
    one = pupils(school)[0]
    address = f"/hoc-sinh/{one.id}/anh"
    assert clerk.get(address).status_code == 404
    refused = put(homeroom, one.id, b"<script>alert(1)</script>")
    assert refused.status_code == 303 and n_files() == 0
    assert "chỉ nhận tệp JPEG hoặc PNG" in homeroom.get(f"/hoc-sinh/{one.id}").get_data(as_text=True)
    assert put(homeroom, one.id, picture("red")).status_code == 303
    seen = client_of("principal").get(address)
    assert seen.mimetype == "image/jpeg" and Image.open(io.BytesIO(seen.data)).size == (300, 400)
    assert "no-store" in seen.headers["Cache-Control"]
    assert f'src="{address}?v=' in clerk.get(f"/hoc-sinh/{one.id}").get_data(as_text=True)
    for who in ("other", "it_officer", "head_society", "board"):
        assert client_of(who).get(address).status_code in (403, 404), who
        assert put(client_of(who), one.id, picture()).status_code in (403, 404), who
    assert put(client_of("principal"), one.id, picture()).status_code in (403, 404), "leaders read"

    assert put(clerk, one.id, picture("blue")).status_code == 303
    assert n_files() == 1, "the picture before is gone from the store"
    assert clerk.get(address).data != seen.data
    db.session.remove()
    assert try_kinds(["student_photo"]) == {"student_photo"}
    db.session.remove()
    assert homeroom.post(f"{address}/bo").status_code == 303
    assert n_files() == 0 and clerk.get(address).status_code == 404
    assert homeroom.post(f"{address}/bo").status_code == 404
    db.session.remove()
    assert audit_verify.verify().ok and instance_check.check(NOW).problems == []
    told = db.session.scalars(select(m.AuditEntry.actor_name).where(m.AuditEntry.tag == "student:photo:changed")).all()
    assert len(told) == 3


def test_one_picture_of_two_pupils_stays_while_one_has_it(client_of, school: Cast):
    clerk = client_of("clerk")
    first, second = pupils(school)[:2]
    for one in (first, second):
        assert put(clerk, one.id, picture("green")).status_code == 303
    assert n_files() == 1
    assert clerk.post(f"/hoc-sinh/{first.id}/anh/bo").status_code == 303
    assert n_files() == 1 and clerk.get(f"/hoc-sinh/{second.id}/anh").status_code == 200


def test_a_photo_that_was_sent_as_a_paper_too_stays_as_that_paper(client_of, school: Cast):
    """The same bytes have one row in the store: taking the photo away neither fails nor takes the paper with it."""
    clerk, principal = client_of("clerk"), school.actor("principal")
    one = pupils(school)[0]
    assert put(clerk, one.id, picture("green")).status_code == 303
    kept = clerk.get(f"/hoc-sinh/{one.id}/anh").data
    task = board_tasks.give(principal, "Chụp ảnh", None, NOW.date(), NOW)
    assert board_files.attach(principal, task, [Upload("a.jpg", kept)], NOW) == 1
    assert clerk.post(f"/hoc-sinh/{one.id}/anh/bo").status_code == 303
    db.session.rollback()
    [row] = db.session.scalars(select(m.BoardTaskFile))
    assert board_files.open_file(principal, task, row.id).data == kept and n_files() == 1
    assert clerk.get(f"/hoc-sinh/{one.id}/anh").status_code == 404
    assert instance_check.check(NOW).problems == []


def test_a_backup_in_which_a_photo_goes_is_whole(client_of, school: Cast, monkeypatch, tmp_path):
    """Documents were never deleted; photos are: what the copied database names has to be in the archive all the same."""
    if not inspect(db.engine).has_table("alembic_version"):  # the fixtures make tables without their revision
        stamp()
    clerk = client_of("clerk")
    one, other = pupils(school)[:2]
    for pupil, colour in ((one, "green"), (other, "blue")):
        assert put(clerk, pupil.id, picture(colour)).status_code == 303
    copy_out, gone = database_copy.copy_out, []

    def copy(target):
        copy_out(target)
        if not gone:
            gone.append(clerk.post(f"/hoc-sinh/{one.id}/anh/bo").status_code)

    monkeypatch.setattr(database_copy, "copy_out", copy)
    archive = backups.create(SYSTEM, NOW)
    assert gone == [303]
    with tarfile.open(archive) as members:
        names = {name for name in members.getnames() if name.startswith("documents/")}
        members.extract(backups.DATABASE, tmp_path, filter="data")
    with contextlib.closing(sqlite3.connect(tmp_path / backups.DATABASE)) as kept:
        digests = {row[0] for row in kept.execute("SELECT digest FROM stored_document")}
    assert names == {f"documents/{digest}" for digest in digests} and len(digests) == 1


def test_the_photos_of_a_class_are_looked_at_first(client_of, school: Cast):
    homeroom = client_of("math")
    rows = pupils(school)
    other = pupils(school, "6A")[0]
    assert rows[0].moet_code and rows[1].moet_code and other.moet_code, "the cast has codes"
    address = f"/hoc-sinh/lop/{school.classes['9A']}/anh"
    data = packed(
        (f"anh/{rows[0].moet_code}.JPG", picture("red")),
        (f"{rows[1].moet_code}.png", picture("blue", kind="PNG")),
        (f"lai/{rows[1].moet_code}.jpg", picture("green")),
        (f"{other.moet_code}.jpg", picture("black")),
        ("IMG_0012.jpg", picture("white")),
        ("__MACOSX/._a.jpg", b"x"),
        (".DS_Store", b"x"),
    )
    page = homeroom.post(address, data={"zip": (io.BytesIO(data), "9A.zip")}).get_data(as_text=True)
    assert (
        "Ghi 2 ảnh" in page and page.count("không phải mã học sinh của lớp này") == 2 and "tệp khác trong gói" in page
    )
    assert "IMG_0012.jpg" in page and ".DS_Store" not in page
    assert student_photos.having() == frozenset() and n_files() == 0, "nothing is written before somebody agrees"
    token = re.search(r'name="token" value="([0-9a-f]{32})"', page)
    assert token is not None
    looked = f"{address}/{token[1]}/{rows[0].id}"
    assert homeroom.get(looked).mimetype == "image/jpeg"
    assert client_of("clerk").get(looked).status_code == 404, "another person's ZIP"
    assert client_of("clerk").post(address, data={"token": token[1]}).status_code == 422
    assert client_of("head_society").post(address, data={"token": token[1]}).status_code in (403, 404)
    assert homeroom.post(address, data={"token": "../../secret_key"}).status_code == 404
    assert homeroom.post(address, data={"token": token[1]}).status_code == 303
    db.session.rollback()
    assert student_photos.having() == {rows[0].id, rows[1].id}
    assert homeroom.post(address, data={"token": token[1]}).status_code == 422, "the second click"
    assert list((document_pool.config().instance / "photo-previews").iterdir()) == []
    again = homeroom.post(address, data={"zip": (io.BytesIO(data), "9A.zip")}).get_data(as_text=True)
    assert "giống ảnh đang có" in again and "Không có ảnh nào để ghi" in again


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "chọn tệp ZIP"),
        (b"not a zip", "Không mở được"),
        (packed(), "không có tệp ảnh"),
        (packed(*((f"{n}.jpg", b"") for n in range(201))), "quá 200"),
        (packed(("bomb.jpg", bytes(50_000_000))), "không phải mã"),
    ],
)
def test_a_zip_that_is_none_is_refused(client_of, school: Cast, data: bytes, words: str):
    address = f"/hoc-sinh/lop/{school.classes['9A']}/anh"
    answer = client_of("clerk").post(address, data={"zip": (io.BytesIO(data), "a.zip")})
    assert words in answer.get_data(as_text=True) and n_files() == 0


def test_pictures_that_nobody_agreed_to_and_those_a_crash_left_go_with_the_day_s_tidying(client_of, school: Cast):
    clerk, one = client_of("clerk"), pupils(school)[0]
    data = packed((f"{one.moet_code}.jpg", picture("red")))
    clerk.post(f"/hoc-sinh/lop/{school.classes['9A']}/anh", data={"zip": (io.BytesIO(data), "9A.zip")})
    [parcel] = (document_pool.config().instance / "photo-previews").iterdir()
    # The row went, the machine stopped, the file stayed; another file without a row is somebody's work that has not come to its row.
    store = document_pool.document_store()
    left, other = store.put(picture("yellow")), store.put(b"%PDF-1.7 half a batch")
    assert put(clerk, one.id, picture("green")).status_code == 303
    [job] = [job for job in JOBS if job.name == "tidy"]
    assert job.prepare is not None
    assert job.prepare(NOW.date(), NOW) == 1 and parcel.exists()
    assert job.prepare(NOW.date(), NOW + timedelta(hours=13)) == 1 and not parcel.exists()
    assert not store.has(left) and store.has(other)
    assert clerk.get(f"/hoc-sinh/{one.id}/anh").status_code == 200


def lzma_packed(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(name, bytes(range(256)) * 400)
    data = bytearray(out.getvalue())
    start = data.index(name.encode()) + len(name) + 20
    data[start : start + 40] = bytes(byte ^ 0xFF for byte in data[start : start + 40])
    return bytes(data)


def test_one_file_of_a_zip_is_held_at_a_time_and_what_is_nobodys_is_not_unpacked() -> None:
    """800 kB that unpack to 800 MB: a web process that holds all of it is the end of a school's small machine."""
    data = packed(*((f"{n:03}.jpg", bytes(4 * 1024 * 1024)) for n in range(60)))
    tracemalloc.start()
    try:
        sizes = [len(content or b"") for _, content in class_photos._files(data, {"007", "008"})]
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert sizes.count(0) == 58 and sum(sizes) == 2 * 4 * 1024 * 1024


def test_a_zip_packed_another_way_is_refused_in_words() -> None:
    for data in (lzma_packed("A.jpg"), packed(("A.jpg", b"x" * 99))[:-30] + b"junk" * 9):
        with pytest.raises(Invalid) as refused:
            list(class_photos._files(data, {"A"}))
        assert refused.value.field == "zip"


def test_photos_are_counted_once_the_school_has_one(client_of, school: Cast):
    rows = pupils(school)

    def figures() -> tuple[int, list[str]]:
        db.session.rollback()
        lists = data_quality.class_lists(school.actor("math"), school.classes["9A"], NOW)
        lines = [line for line in lists.of(Measure.COMPLETE) if line.link.endswith("#photo")]
        assert all(line.mine for line in lines)
        return lists.quality.n_needed, [line.link for line in lines]

    before, lines = figures()
    assert lines == []
    assert put(client_of("math"), rows[0].id, picture()).status_code == 303
    after, lines = figures()
    assert after == before + len(rows) and lines == [f"/hoc-sinh/{row.id}#photo" for row in rows[1:]]
    assert 'id="photo"' in client_of("math").get(f"/hoc-sinh/{rows[1].id}").get_data(as_text=True)
    quality = data_quality.school(school.actor("principal"), NOW)
    assert quality.n_photos == 1
    for who, reads in (("math", True), ("clerk", True), ("principal", False)):
        for path in (f"/hoc-sinh/lop/{school.classes['9A']}", f"/chat-luong/lop/{school.classes['9A']}"):
            assert (
                f"/hoc-sinh/lop/{school.classes['9A']}/anh" in client_of(who).get(path).get_data(as_text=True)
            ) is reads
    page = class_photos.page(school.actor("math"), school.classes["9A"])
    assert list(page.without) == [(row.id, row.full_name, row.moet_code) for row in rows[1:]]
