"""PDF/A-3u, PDF/A-3a and PDF/UA-1 by a validator that knows nothing of this project: before and after each signature.

Files with proof of long duration are asked about in ``test_long_proof``, those with uploaded images in ``test_uploaded_images``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pikepdf
import pytest

from hocbaso.documents.transcript_content import FORMAT_VERSIONS

from . import conformance
from .conformance import deviations
from .conftest import World
from .samples import content, unsigned


def test_the_deviations_are_those_that_the_documentation_tells() -> None:
    assert conformance.told() == conformance.EVER


def test_a_paper_conforms_before_and_after_each_signature(world: World) -> None:
    assert world.content.demo, "with the mark of a sample"
    assert deviations(world.unsigned) == conformance.UNSIGNED
    once, twice, thrice = world.steps
    assert deviations(once) == conformance.ONCE_SIGNED
    assert deviations(twice) == deviations(thrice) == conformance.SIGNED


@pytest.mark.parametrize("version", FORMAT_VERSIONS)
def test_a_real_school_s_paper_of_each_form_conforms(version: str) -> None:
    assert deviations(unsigned(content(demo=False, format_version=version))) == conformance.UNSIGNED


def _changed(pdf: bytes, change: object) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)  # type: ignore[operator]
        out = io.BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    return out.getvalue()


def _no_font_file(pdf: pikepdf.Pdf) -> None:
    for font in pdf.pages[0].obj.Resources.Font.values():  # type: ignore[union-attr]
        del font.DescendantFonts[0].FontDescriptor.FontFile2


def test_the_validator_sees_what_is_broken(world: World) -> None:
    """A judge who says yes to everything proves nothing."""

    def no_intent(pdf: pikepdf.Pdf) -> None:
        del pdf.Root.OutputIntents

    def no_tags(pdf: pikepdf.Pdf) -> None:
        del pdf.Root.MarkInfo

    def no_letters(pdf: pikepdf.Pdf) -> None:
        for font in pdf.pages[0].obj.Resources.Font.values():  # type: ignore[union-attr]
            del font.ToUnicode

    def no_relation(pdf: pikepdf.Pdf) -> None:
        del pdf.Root.AF[0].AFRelationship

    for change in (no_intent, _no_font_file, no_tags, no_letters, no_relation):
        assert deviations(_changed(world.unsigned, change)) - conformance.EVER, change.__name__


def _bare(data: bytes, change: Callable[[pikepdf.Pdf], None] = lambda pdf: None) -> bytes:
    """A copy without what ``pikepdf[pdfa]`` knows nothing of: fields, attachments, permissions, described XMP, level A."""

    def strip(pdf: pikepdf.Pdf) -> None:
        for name in ("/AcroForm", "/Perms", "/AF", "/Names"):
            if name in pdf.Root:
                del pdf.Root[name]
        for page in pdf.pages:
            if "/Annots" in page.obj:
                del page.obj.Annots
        packet = pdf.Root.Metadata.read_bytes()
        head, _, _ = packet.partition(
            b'<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:pdfuaid'
        )
        packet = head + packet[packet.rindex(b"</rdf:RDF>") :]
        packet, n = re.subn(rb"(pdfaid:conformance[>=\"]+)A", rb"\1B", packet)
        assert n == 1
        pdf.Root.Metadata = pdf.make_stream(packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
        change(pdf)

    return _changed(data, strip)


def test_an_allowlist_of_pdf_a_approves_all_of_a_paper_that_it_knows(world: World) -> None:
    """Fonts, colours, pages, tags and streams: its approval is never wrong, and it denies whatever it does not know."""
    pytest.importorskip("jsonschema", reason="make setup-test installs pikepdf[pdfa]")
    from pikepdf import pdfa

    def findings(data: bytes) -> set[str]:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            return {one.rule for one in pdfa.check(pdf, "3b").findings}

    assert findings(_bare(world.unsigned)) == set()
    assert findings(_bare(world.unsigned, _no_font_file)) and findings(world.unsigned)
