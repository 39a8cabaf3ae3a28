"""What people typed, on paper and in workbooks: the printer opens no address and no file, a workbook holds no live formula."""

from __future__ import annotations

import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pikepdf
import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import pdf_render
from hocbaso.documents.issuing import build_faces
from hocbaso.documents.transcript_content import to_canonical_json
from hocbaso.services import exports, stored_documents
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.documents.samples import KEY, content, replace
from tests.web.test_transcripts import Site

SECRET = "mật-khẩu-trong-tệp-của-máy-chủ"


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine, and what came knocking."""
    knocks: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    line, _ = server.accept()
                except TimeoutError:
                    continue
                with line:
                    knocks.append(line.recv(200))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], knocks
        stop.set()
        thread.join(5)


VECTORS = (
    "<img src={url}>",
    "<img src={file}>",
    "<link rel=stylesheet href={url}>",
    "<link rel=attachment href={file}>",
    "<a rel=attachment href={file}>tệp</a>",
    "<style>@import url({url});</style>",
    "<style>@font-face{{font-family:a;src:url({url})}}body{{font-family:a}}</style>",
    "<div style='background:url({url})'>x</div>",
    "<p style='list-style-image:url({file})'>x</p>",
    "<object data={file}></object>",
    "<embed src={url}>",
    "<iframe src={file}></iframe>",
    "<svg><image href={url} /><use href='{url}#a'/></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg'><image xlink:href={file} /></svg>",
    "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}'/></svg>\">",
    "<base href={url}><img src=x>",
    "<meta http-equiv=refresh content='0;url={url}'>",
    "]]></HO_TEN><!DOCTYPE a [<!ENTITY e SYSTEM '{file}'>]><a>&e;</a>",
    "&#x3c;img src={url}&#x3e;&e;",
    "{{{{ cycler.__init__.__globals__.os.popen('cat {file}').read() }}}}{{% include '{file}' %}}",
    "\\url{{{url}}}%PDF-1.7 /URI ({url}) >> endobj",
)


def test_the_printer_opens_no_address_and_no_file(listener: tuple[int, list[bytes]], tmp_path: Path) -> None:
    port, knocks = listener
    (tmp_path / "bi-mat").write_text(SECRET, "utf-8")
    typed = [
        item.format(url=f"http://127.0.0.1:{port}/{place}", file=f"file://{tmp_path}/bi-mat")
        for place, item in enumerate(VECTORS)
    ]
    base = content()
    rows = tuple(replace(row, remark=typed[place % len(typed)][:600]) for place, row in enumerate(base.subjects))
    attached = set()
    for half in (typed[: len(typed) // 2], typed[len(typed) // 2 :]):
        value = replace(
            base,
            subjects=rows,
            homeroom_remark=" ".join(half)[:2000],
            principal_remark=half[-1][:900],
            student=replace(base.student, full_name=half[0][:120], address=half[1][:300], birth_place=half[2][:200]),
        )
        made = build_faces(to_canonical_json(value), KEY)  # proves that each printed word is the typed one
        data, zone = made.pdf, made.data_zone
        assert SECRET.encode() not in data + zone
        with pikepdf.open(io.BytesIO(data)) as pdf:
            attached |= {str(name) for name in list(pdf.Root.Names.EmbeddedFiles.Names)[::2]}
            for page in pdf.pages:
                assert "/Annots" not in page or all(str(item.Subtype) == "/Widget" for item in page.Annots)
            assert not [item for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/URI" in item]
    assert attached == {pdf_render.ATTACHMENT_NAME}
    assert knocks == []


def test_the_listener_hears_a_knock(listener: tuple[int, list[bytes]]) -> None:
    with socket.create_connection(("127.0.0.1", listener[0])) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        line.recv(1)
    assert listener[1] == [b"GET / HTTP/1.0\r\n\r\n"]


def test_the_transcripts_of_the_hostile_school_print_their_markup(hostile: Site) -> None:
    with hostile.app.app_context():
        for record in db.session.scalars(select(m.TranscriptRecord)):
            with pikepdf.open(io.BytesIO(stored_documents.read(record.pdf_digest))) as pdf:
                assert len(pdf.pages) >= 5
                assert {str(name) for name in list(pdf.Root.Names.EmbeddedFiles.Names)[::2]} == {
                    pdf_render.ATTACHMENT_NAME
                }
            assert "<xq" not in stored_documents.read(record.xml_digest).decode()
            assert "<xq" in record.content


def live_formulas(data: bytes) -> list[str]:
    """Cells a spreadsheet would calculate, and addresses it would open."""
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                found += re.findall(
                    r"<f[ >][^<]*|externalLink\w*|TargetMode=\"External\"|ddeLink", archive.read(name).decode()
                )
    for sheet in openpyxl.load_workbook(io.BytesIO(data)).worksheets:
        found += [
            cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f" or cell.hyperlink
        ]
    return found


STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t=",
    "\r=",
    "=cmd|' /C calc'!A",
    '=HYPERLINK("http://x";"a")',
    '=WEBSERVICE("http://x")',
)


@pytest.mark.parametrize("what", ["scores", "students", "statistics"])
def test_no_export_of_names_that_are_formulas_calculates(what: str, school: Cast) -> None:
    with write_transaction() as session:
        for place, row in enumerate(session.scalars(select(m.Student))):
            for name in ("full_name", "address", "father_name", "birth_place", "policy_category"):
                setattr(row, name, f"{STARTS[place % len(STARTS)]}1+1"[:110])
        for row in session.scalars(select(m.ClassGroup)):
            row.name = f"={row.name}+1"
        for row in session.scalars(select(m.Person)):
            row.full_name = "=1+1"
        session.get(m.School, 1).name = "@SUM(A1)"
        session.add(
            m.ScoreCell(
                score_sheet_id=school.sheets["9A", "MATH", 1], enrollment_id=school.enrollments["9A", "Nguyễn Bảo Châu"],
                column_key="NX", remark="=1+1", origin="entered", version=1, updated_at=NOW,
            )
        )  # fmt: skip
    made = exports.export(SYSTEM, what, NOW)
    assert live_formulas(made.data) == []
    assert made.n_rows
