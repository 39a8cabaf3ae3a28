"""The quick walk through the revisions of a file answers as pyHanko's own, or leaves the question to it."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from hocbaso.documents import revisions
from hocbaso.documents.revisions import RevisionReader, _read_plain, _Unusual

from .conftest import World


def both(pdf: bytes, revision: int) -> tuple[Any, Any]:
    theirs = PdfFileReader(io.BytesIO(pdf), strict=True).get_historical_resolver(revision)
    ours = RevisionReader(pdf).get_historical_resolver(revision)
    theirs._load_reverse_xref_cache()
    ours._load_reverse_xref_cache()
    return theirs, ours


def changed(pdf: bytes, change: Any) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)
        out = io.BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


def same_answers(pdf: bytes, revision: int, *, quick: bool = True) -> int:
    theirs, ours = both(pdf, revision)
    cache = theirs._indirect_object_access_cache
    assert (ours._ways is not None) is quick
    if quick:
        assert {(ref.idnum, ref.generation) for ref in cache} == set(ours._ways)
    for ref, paths in cache.items():
        assert ours._get_usages_of_ref(ref) == paths, ref
    return sum(map(len, cache.values()))


def test_every_way_to_every_object_of_every_revision(world: World) -> None:
    n_ways = [same_answers(world.pdf, revision) for revision in range(4)]
    assert n_ways[0] > 1000 and n_ways == sorted(n_ways)


def test_an_object_that_is_used_in_a_hidden_place_too_is_found_there(world: World) -> None:
    def hide(pdf: pikepdf.Pdf) -> None:
        field = pdf.Root.AcroForm.Fields[1]
        pdf.pages[0].obj.PieceInfo = Dictionary(App=Dictionary(Private=Array([String("(a) 1 0 R"), field])))
        pdf.pages[1].obj.Extra = pdf.make_indirect(Array([Array([field]), Dictionary(Parent=field, P=field, Q=field)]))
        pdf.docinfo.More = String("tên \\ (không (cân) R")

    data = changed(world.unsigned, hide)
    same_answers(data, 0)
    reader = RevisionReader(data)
    ref = reader.root["/AcroForm"]["/Fields"].raw_get(1).reference
    revision = reader.get_historical_resolver(0)
    revision._load_reverse_xref_cache()
    told = {str(path) for path in map(tuple, revision._get_usages_of_ref(ref))}
    assert sum("/PieceInfo" in path for path in told) == 1
    assert sum("/Extra" in path for path in told) == 3  # /Parent leads nowhere, for pyHanko as for us


def test_a_name_written_otherwise_is_read_by_pyhanko(world: World) -> None:
    data = world.unsigned.replace(b"<< /Marked true >>", b"<</#4darked true>>", 1)
    assert data != world.unsigned
    same_answers(data, 0)


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_not_usual_is_walked_by_pyhanko_itself(world: World, packed: bool) -> None:
    if packed:  # objects inside a stream: each is read by pyHanko, the walk is ours
        with pikepdf.open(io.BytesIO(world.unsigned)) as opened:
            out = io.BytesIO()
            opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        same_answers(out.getvalue(), 0)
    else:
        data = changed(world.unsigned, lambda pdf: pdf.Root.__setattr__("Odd", pdf.make_indirect(pdf.Root.AcroForm)))
        same_answers(data, 0)
        direct = changed(world.unsigned, _direct_page)
        same_answers(direct, 0, quick=False)


def _direct_page(pdf: pikepdf.Pdf) -> None:
    pdf.pages[1].obj.Type = pdf.make_indirect(Name.Page)


def _page_twice(pdf: pikepdf.Pdf) -> None:
    pdf.Root.Pages.Kids.append(pdf.Root.Pages.Kids[0])


def _element_twice(pdf: pikepdf.Pdf) -> None:
    top = pdf.Root.StructTreeRoot.K[0]
    top.K.append(top.K[0])


def test_a_tree_with_a_loop_is_refused_as_pyhanko_refuses_it(world: World) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as opened:
        _element_twice(opened)
        out = io.BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    for make in (PdfFileReader, None):
        reader = RevisionReader(out.getvalue()) if make is None else make(io.BytesIO(out.getvalue()), strict=True)
        with pytest.raises(PdfReadError, match="structure tree"):
            reader.get_historical_resolver(0)._load_reverse_xref_cache()
    found: dict[tuple[int, int], Any] = {
        (1, 0): {"/Type": "/Pages", "/Kids": [(2, 0), (2, 0)]},
        (2, 0): {"/Type": "/Page"},
    }
    with pytest.raises(PdfReadError, match="page tree"):
        revisions._page_ways((1, 0), lambda value: found[value])


def test_an_object_is_read_quickly_only_where_it_reads_in_one_way() -> None:
    def read(body: bytes) -> Any:
        return _read_plain(b"7 0 obj\n" + body + b"\nendobj\n", 0, (7, 0))

    assert read(b"<< /A [ 1 0 R 2 /B ] /C << /D (x\\) 3 0 R) >> /E 4 5 R /F true /G -1.5 /H <0aFF> >>") == {
        "/A": [(1, 0), None, "/B"], "/C": {"/D": None}, "/E": (4, 5), "/F": None, "/G": None, "/H": None,
    }  # fmt: skip
    assert read(b"[ 3 4 0 R ]") == [None, (4, 0)]
    for odd in (
        b"<< /A 1 0 R % 2 0 R\n >>", b"<< /A 1  0 R >>", b"<< /A 1 0 R1 >>", b"<< /A (a(b)c) >>", b"<< /A /B#41 >>", b"<< /A >>",
        b"<< /A 1 /A 2 >>", b"<< 1 /A >>", b"<< /A [ 1 >> ]", b"<< /A 1", b"<< /A <0> >>", b"1 0 R", b"<< /A nul >>", b"[ 1 ] [ 2 ]",
        b"[" * 30 + b"]" * 30, b"<< /Length 3 >>\nstream\nabc\nendstream", b"<< /A 12345678 0 R >>", b"<< /A 1 0\nR >>", b"",
    ):  # fmt: skip
        with pytest.raises(_Unusual):
            read(odd)
    with pytest.raises(_Unusual):
        _read_plain(b"8 0 obj\n<< >>\nendobj\n", 0, (7, 0))
