"""What the layout library is spared changes no byte of a paper."""

from __future__ import annotations

import io
import random
from xml.etree import ElementTree

import pytest
import tinyhtml5

from hocbaso.documents import page_layout, pdf_render, printed_form, quick_layout
from hocbaso.documents.transcript_content import FORMAT_1_0, TranscriptContent

from .extreme_cases import CASES
from .samples import content, qr_text
from .test_many_files import random_content

PAPERS: dict[str, TranscriptContent] = {
    "usual": content(),
    "form 1.0": content(format_version=FORMAT_1_0),
    "replacement": content(replaces_uuid="11111111-2222-4333-8444-555555555555", demo=False),
    "random": random_content(random.Random(77)),
}
FEW = sorted(CASES)[::12]


def summary(value: TranscriptContent) -> str | None:
    return qr_text(value) if value.has_summary else None


def compare(value: TranscriptContent) -> None:
    text = summary(value)
    quick = pdf_render.render_unsigned_pdf(value, text)
    again = pdf_render.render_unsigned_pdf(value, text)
    with quick_layout.plainly():
        plain = pdf_render.render_unsigned_pdf(value, text)
    assert quick == again == plain


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_the_bytes_of_a_paper_are_the_library_s_own(name: str) -> None:
    compare(PAPERS[name])


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in sorted(CASES)]
)
def test_the_bytes_of_an_extreme_paper_are_the_library_s_own(name: str) -> None:
    compare(CASES[name])


def test_texts_are_kept_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pdf_render.render_unsigned_pdf(content(), qr_text(content()))
    kept = pdf_render.layout()._fonts.hocbaso_kept
    assert len(kept.lines) > 100 and len(kept.drawings) > 100
    monkeypatch.setattr(quick_layout, "_MOST_TEXTS", 50)
    compare(random_content(random.Random(78)))
    assert len(kept.lines) <= 50 and len(kept.drawings) <= 50


def test_another_version_of_the_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with quick_layout.plainly():
        monkeypatch.setattr(quick_layout, "MADE_FOR", ("70.1", "0.13.0"))
        assert not quick_layout.install()
        assert quick_layout.inline.split_first_line is quick_layout._split_first_line
        monkeypatch.undo()
    assert quick_layout.inline.split_first_line is quick_layout.split_first_line


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_both_parsers_read_the_same_tree(name: str) -> None:
    value = PAPERS[name]
    page = pdf_render.render_html(value, (0, 1), summary(value))
    root = page_layout._parse_xml(page)
    if name == "form 1.0":  # its QR names no namespace
        assert root is None
        return
    assert root is not None
    theirs = tinyhtml5.parse(io.StringIO(page), namespace_html_elements=False)
    for element in theirs.iter():
        element.attrib.pop("{http://www.w3.org/2000/xmlns/}xmlns", None)
    assert ElementTree.tostring(root) == ElementTree.tostring(theirs)


@pytest.mark.parametrize(
    "odd",
    [
        "<p>a&nbsp;b</p>",
        "<p>\x0c</p>",
        '<p title="a\nb">c</p>',
        "<p>a",
        "<svg><path/></svg>",
        "<p a=b c>d</p>",
        "</body><body><p>x</p>",
    ],
)
def test_a_page_for_the_other_parser_goes_there(odd: str) -> None:
    page = f'<!doctype html>\n<html lang="vi">\n<head>\n<title>x</title></head>\n<body>\n{odd}\n</body>\n</html>'
    assert page_layout._parse_xml(page) is None
    assert page_layout._parse_xml(page.replace(odd, "<p>a</p>")) is not None


def test_a_drawing_that_is_no_qr_of_ours_is_drawn_by_the_library() -> None:
    drawn = printed_form.qr_drawing(qr_text(content()))
    tree = ElementTree.fromstring(drawn)
    assert isinstance(quick_layout.QuickSvg(tree, None, None).tree._children[-1], quick_layout._Rows)
    for odd in (
        drawn.replace('stroke="#000"', 'stroke="#111"', 1), drawn.replace("<path d=", '<path fill="red" d=', 1),
        drawn.replace("</svg>", "<g/></svg>"), drawn.replace(".5H", ".25H", 1), drawn.replace('stroke-dasharray="7 ', 'stroke-dasharray="-7 ', 1),
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" stroke="#000"/>',
    ):  # fmt: skip
        assert odd != drawn
        children = quick_layout.QuickSvg(ElementTree.fromstring(odd), None, None).tree._children
        assert not any(isinstance(child, quick_layout._Rows) for child in children or ())
