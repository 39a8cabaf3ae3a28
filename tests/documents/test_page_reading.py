"""The quick reading of a page gives what pikepdf gives, or nothing."""

from __future__ import annotations

import io

import pikepdf
import pytest

from hocbaso.documents import page_reading, proof
from hocbaso.errors import IntegrityFault

from .conftest import World
from .samples import content


def without_states(found: list[page_reading.Step]) -> list[page_reading.Step]:
    return [("gs", None) if name == "gs" else (name, operands) for name, operands in found]


def test_each_page_is_read_quickly_and_as_pikepdf_reads_it(world: World) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        for page in pdf.pages:
            quick = page_reading.read_lines(page.obj.Contents.read_bytes())
            assert quick is not None
            assert without_states(quick) == without_states(page_reading.read_any(page))
            assert quick == page_reading.steps(page)
        figures = [step for step in page_reading.steps(pdf.pages[0]) if step[0] == "d"]
        assert len(figures) > 20


@pytest.mark.parametrize(
    "odd",
    [b"% EMC\n", b"(a\nEMC\nb) Tj\n", b"BT  ET\n", b"/X Do\n", b"BI /W 1 ID x EI\n", b"1 0 0 1 0 0 cm q\n", b"<4 1> Tj\n", b"[<414>] TJ\n", b"/Span << /MCID 1 >> BDC\n", b"/Span /P1 BDC\nEMC\n"],
)  # fmt: skip
def test_anything_else_on_a_page_is_left_to_pikepdf(world: World, odd: bytes) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        data = pdf.pages[1].obj.Contents.read_bytes()
        middle = data.index(b"/Span\n")
        for changed in (odd + data, data[:middle] + odd + data[middle:], data + b"\n" + odd):
            assert page_reading.read_lines(changed) is None, changed[:80]


@pytest.mark.parametrize(
    "writing", [b"BT /F 9 Tf [<0041>] TJ ET\n", b"BT\n/%s 12 Tf\n[<0037>] TJ\nET\n", b"BT\n/%s 12 Tf\n(\x007) Tj\nET\n"]
)
def test_a_text_slipped_in_is_seen_however_it_is_written(world: World, writing: bytes) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        page = pdf.pages[3].obj
        data = page.Contents.read_bytes()
        name = next(iter(page.Resources.Font.keys())).encode()[1:]
        page.Contents = pdf.make_stream(data.replace(b"EMC\n", b"EMC\n" + writing.replace(b"%s", name), 1))
        out = io.BytesIO()
        pdf.save(out)
    with pytest.raises(IntegrityFault):
        proof.prove_equal(out.getvalue(), content())
