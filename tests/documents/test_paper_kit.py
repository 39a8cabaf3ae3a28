"""A class sheet as PDF: pages, running head, what is hostile in a name, two kits as one."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime

import pikepdf
import pytest

from hocbaso.documents import paper_kit
from hocbaso.documents.paper_content import PaperRow, PaperSheet
from hocbaso.regulations.paper_codes import row_codes, sheet_code


def sheet(n_rows: int, name: str = "Nguyễn Thị Ngọc", number: int = 123) -> PaperSheet:
    codes = row_codes(number, {500 + place: place for place in range(n_rows)})
    columns = (("TX1", "1"), ("TX2", "2"), ("TX3", "3"), ("TX4", "4"), ("GK", "Giữa kì"), ("CK", "Cuối kì"))
    rows = tuple(
        PaperRow(place, name, "Ánh", code, "Miễn" if place == 2 else "", ("8,5", "", "vk", "vp", "", "10"))
        for place, code in enumerate(codes.values(), start=1)
    )
    address = f"https://192.168.1.20:8443/bang-diem/giay/{sheet_code(number)}"
    return PaperSheet(
        "Trường THCS Đồng Sen", "2026-2027", "Toán", "6A", 1, "Vũ Minh Ái", True, sheet_code(number), address,
        columns, rows, datetime(2026, 11, 28, 9, 5), True,
    )  # fmt: skip


def pages(data: bytes) -> list[str]:
    """The text of each page, by the system's reader."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("no pdftotext")
    text = subprocess.run([tool, "-layout", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()
    return text.split("\f")[:-1]


def test_each_page_says_which_sheet_it_is_and_no_line_is_lost():
    one = sheet(45)
    found = pages(paper_kit.render((one,)))
    assert len(found) == 2
    assert all("Toán 6A, học kì I · Phiếu 123-20" in page for page in found)
    assert all("Mã" in page and "Giữa kì" in page for page in found)
    whole = "\n".join(found)
    for row in one.rows:
        assert any(line.split()[:1] == [str(row.number)] and row.code in line.split() for line in whole.splitlines())


def test_a_sheet_without_an_address_has_no_code_and_says_the_way_without():
    with_code, without = sheet(5), replace(sheet(5), address="")
    files = [paper_kit.render((one,)) for one in (with_code, without)]
    said = [" ".join(pages(data)[0].split()) for data in files]
    assert ["quét mã bên" in page for page in said] == [True, False]
    assert ["bấm Từ giấy" in page for page in said] == [False, True]
    assert len(files[1]) < len(files[0])


def test_sheets_begin_on_pages_of_their_own():
    assert len(pages(paper_kit.render((sheet(5), sheet(5, number=124), sheet(45, number=125))))) == 4


def test_a_class_of_97_with_the_longest_names_is_printed():
    data = paper_kit.render((sheet(97, name="Nguyễn Hoàng Thị Phương Khánh " * 4),))
    assert 4 <= len(pages(data)) <= 12


def test_nothing_in_a_name_is_markup():
    evil = '<img src="http://example.com/a.png"><script>1</script>'
    text = "".join(pages(paper_kit.render((replace(sheet(3, name=evil), teachers=evil),))))
    assert "<img" in text or "<script>" in text


def test_parts_are_joined_in_order():
    whole = paper_kit.join((paper_kit.render((sheet(45),)), paper_kit.render((sheet(5, number=124),))))
    assert ["123-20" in page for page in pages(whole)] == [True, True, False]
    with pikepdf.open(io.BytesIO(whole)) as pdf:
        assert str(pdf.Root.Lang) == "vi"
