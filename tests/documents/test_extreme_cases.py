"""Each kind of record prints whole: every word of the record on the page, none outside its page or its cell, none over another."""

from __future__ import annotations

import io
import itertools
import unicodedata

import pikepdf
import pypdf
import pytest
import weasyprint
from fontTools.ttLib import TTFont

from hocbaso.documents import page_layout, pdf_render, printed_face, proof
from hocbaso.documents.transcript_content import from_canonical_json, nfc, to_canonical_json
from hocbaso.errors import Invalid
from hocbaso.regulations import drawn_letters

from . import conformance
from .extreme_cases import CASES, words
from .page_geometry import Piece, inside, overlap, pieces
from .samples import content, replace, unsigned

#: Pages of those cases that need more than the five of an ordinary year.
PAGES = {
    "homeroom remark of 2000": 6,
    "both remarks of 2000": 6,
    "remark in 30 short lines": 7,
    "both remarks in 30 lines": 7,
    "every subject remark of 1000": 11,
    "many awards": 6,
    "everything at its longest": 20,
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_record_prints_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = CASES[name]
    laid_out: list[weasyprint.Document] = []
    lay_out = pdf_render._lay_out
    monkeypatch.setattr(pdf_render, "_lay_out", lambda c, text: laid_out.append(lay_out(c, text)) or laid_out[-1])
    data = unsigned(from_canonical_json(to_canonical_json(value)))
    proof.prove_equal(data, value)
    printed_face.prove_plain(data)
    assert conformance.deviations(data) == conformance.UNSIGNED
    pages = laid_out[-1].pages
    assert len(pages) == PAGES.get(name, 5)
    found = list(pieces(laid_out[-1]))
    for piece in found:
        page = pages[piece.page]
        assert inside(piece.box, (0, 0, page.width, page.height)), f"off the page: {piece}"
        assert piece.cell is None or inside(piece.box, piece.cell), f"out of its cell: {piece}"
    for number in range(len(pages)):
        lines = [piece for piece in found if piece.page == number]
        assert not [(a, b) for a, b in itertools.combinations(lines, 2) if overlap(a, b)]
    with pikepdf.open(io.BytesIO(data)) as pdf:
        body, _ = proof.read_blocks(pdf)
        assert all("HB-Serif" in str(font.BaseFont) for font in fonts(pdf)), "a letter came from a font of the machine"
    text = "".join(block.text for block in body)
    assert unicodedata.is_normalized("NFC", text)
    # A second reader that knows nothing of tags finds the words that matter.
    plain = "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split())
    assert unicodedata.is_normalized("NFC", plain)
    for said in (value.student.full_name.upper(), value.homeroom.name, value.principal.name, value.record_uuid):
        assert "".join(said.split()) in plain


def fonts(pdf: pikepdf.Pdf) -> list[pikepdf.Object]:
    return [font for page in pdf.pages for font in page.obj.Resources.get("/Font", {}).values()]  # type: ignore[union-attr]


def test_the_geometry_sees_what_runs_over() -> None:
    a, b = Piece(0, "a", (0, 0, 10, 10), None), Piece(0, "b", (9, 0, 19, 10), None)
    assert overlap(a, b) and not overlap(a, Piece(1, "b", b.box, None)) and not inside(b.box, (0, 0, 18, 10))


def test_every_letter_that_a_record_takes_is_in_all_four_faces() -> None:
    taken = {low + n for low, high in drawn_letters.DRAWN for n in range(high - low + 1)}
    taken = {code for code in taken if not drawn_letters.undrawable(chr(code))}
    for name in page_layout.FONT_FILES:
        cmap = TTFont(page_layout.FONTS / name, lazy=True).getBestCmap()
        assert not [hex(code) for code in taken if code not in cmap], name


@pytest.mark.parametrize("text", ["Giỏi 😀", "✓ Tốt", "中文", "Tốt\u202e", "Tốt\x07", "\u200f"])
def test_a_remark_that_the_paper_cannot_show_is_refused_with_its_letter(text: str) -> None:
    with pytest.raises(Invalid, match=r"nhận xét của giáo viên chủ nhiệm.*U\+"):
        content(homeroom_remark=text)


def test_what_word_processors_leave_behind_is_made_plain() -> None:
    assert (
        nfc("\ufeffEm\u00a0chăm\tngoan,\u200b lễ\u00adphép\x0bVui\u2011vẻ\r\n\n\n\nTốt ")
        == "Em chăm ngoan, lễphép\nVui-vẻ\n\nTốt"
    )


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
def test_a_name_comes_out_composed_whatever_came_in(form: str) -> None:
    name = "H’Ƀlưm Ơ\u0306ng Nguyễn Thị Ường"
    assert nfc(unicodedata.normalize(form, name)) == name


@pytest.mark.parametrize(
    "changes,field,said",
    [
        ({"homeroom_remark": words(2001)}, "homeroom_remark", "nhận xét của giáo viên chủ nhiệm dài 2001 kí tự"),
        ({"homeroom_remark": "a\n" * 30 + "a"}, "homeroom_remark", "xuống dòng 30 lần"),
        ({"awards": ("Giỏi\nKhá",)}, "awards", "khen thưởng không được xuống dòng"),
    ],
)
def test_what_is_too_long_is_refused_in_words(changes: dict, field: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        content(**changes)
    assert caught.value.field == field


def test_a_subject_remark_too_long_names_its_subject() -> None:
    with pytest.raises(Invalid, match=r"nhận xét môn học \(toan\) dài 1001 kí tự"):
        replace(content().subjects[0], remark=words(1001))
