"""PDF/A-3u, PDF/A-3a and PDF/UA-1 by a validator that knows nothing of this project: before and after each signature.

Files with proof of long duration are asked about in ``test_long_proof``, those with uploaded images in ``test_uploaded_images``.
"""

from __future__ import annotations

import io

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

    for change in (no_intent, no_tags, no_letters, no_relation):
        assert deviations(_changed(world.unsigned, change)) - conformance.EVER, change.__name__
