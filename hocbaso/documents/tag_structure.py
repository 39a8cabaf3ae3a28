"""Write a laid-out document as PDF/A-3a whose tags say what a reader should hear, and no more of them than needed.

The tags are mended while they are Python objects of the layout library; as objects of a written file each look at one costs ten
times as much. Heavy imports: only document workers import this module.
"""

from __future__ import annotations

import io
from typing import Any

import pydyf
import weasyprint
from weasyprint.pdf import VARIANTS, generate_pdf

_VARIANT = "pdf/a-3a"
_OPTIONS = {**weasyprint.DEFAULT_OPTIONS, "pdf_variant": _VARIANT, "pdf_tags": True}
_OPTIONS |= {name: value for name, value in VARIANTS[_VARIANT][1].items() if _OPTIONS.get(name) is None}
_WRAPPERS = ("/NonStruct", "/Span", "/TBody", "/THead")


class _Written:
    """An object with its bytes, made once: the library makes them for the file and again for its identifier."""

    def __init__(self, made: Any) -> None:
        self.number, self.generation, self.free = made.number, made.generation, made.free
        self.offset, self.compressible = 0, made.compressible
        self.data = b"" if made.free == "f" else made.data

    @property
    def indirect(self) -> bytes:
        return b"%d %d obj\n%s\nendobj" % (self.number, self.generation, self.data)


def write_pdf(document: weasyprint.Document) -> bytes:
    """The document's bytes, tagged. Their identifier is the one that the library gives the document before its tags are mended:
    papers were issued with it."""
    pdf = generate_pdf(document, None, 1, **_OPTIONS)
    made: list[pydyf.Object] = list(pdf.objects)
    written = [_Written(item) for item in made]
    pdf.objects = list(written)
    pdf.write(io.BytesIO(), _OPTIONS["pdf_version"], True, True)
    identifier = pdf.objects[-1].extra["ID"][0].strip(b"()")
    for item in _Tags(made, pdf).mend():
        written[item.number] = _Written(item)
    pdf.objects = written
    out = io.BytesIO()
    pdf.write(out, _OPTIONS["pdf_version"], identifier, False)
    return out.getvalue()


class _Tags:
    """The structure of a document before it is written: dictionaries that name each other by reference."""

    def __init__(self, objects: list[pydyf.Object], pdf: pydyf.PDF) -> None:
        self._objects = objects
        self._root = self._of(pdf.catalog["StructTreeRoot"])
        self._pages = {reference: number for number, reference in enumerate(pdf.page_references)}
        self._changed: dict[int, Any] = {}

    def _of(self, reference: bytes) -> Any:
        return self._objects[int(reference.split()[0])]

    def _kids(self, element: Any) -> list[Any]:
        return [self._of(kid) for kid in element["K"] if isinstance(kid, bytes)]

    def mend(self) -> list[Any]:
        """Mend all of it; the objects that are no longer as they were."""
        top = self._of(self._root["K"][0])
        self._mend_tables(top)
        self._flatten(top)
        return list(self._changed.values())

    def _mend_tables(self, element: Any) -> None:
        """Lines of the form and signature rows are tables for the layout only; a screen reader should hear paragraphs."""
        if element["S"] == "/Table":
            if self._has_header(element):
                self._set_headers(element)
            else:
                self._to_divisions(element)
        for kid in self._kids(element):
            self._mend_tables(kid)

    def _flatten(self, top: Any) -> None:
        """Hang text directly on its paragraph or cell instead of on two or three wrappers without meaning.

        A third of the objects remains; a validator walks all of them for every signature.
        """
        owner: dict[tuple[int, int], bytes] = {}

        def collect(element: Any, holder: Any, page: int, out: list[Any]) -> None:
            for kid in element["K"]:
                if not isinstance(kid, bytes):
                    owner[(page, kid)] = holder.reference
                    out.append(kid)
                    continue
                below = self._of(kid)
                if below["S"] in _WRAPPERS:
                    collect(below, holder, page, out)
                else:
                    below["P"] = holder.reference
                    settle(below)
                    out.append(kid)

        def settle(element: Any) -> None:
            out: list[Any] = []
            collect(element, element, self._pages[element["Pg"]] if "Pg" in element else 0, out)
            element["K"] = pydyf.Array(out)
            element.pop("Type", None)
            self._changed[element.number] = element

        settle(top)
        index = self._of(self._root["ParentTree"])
        numbers = index["Nums"]
        for page, references in zip(numbers[::2], numbers[1::2], strict=True):
            if isinstance(references, pydyf.Array):
                references[:] = [owner.get((page, mcid), known) for mcid, known in enumerate(references)]
        self._changed[index.number] = index

    def _set_headers(self, table: Any) -> None:
        """Name each data cell's headings. WeasyPrint loses count under a heading of two rows."""
        grid: dict[tuple[int, int], Any] = {}
        cells: list[tuple[int, int, Any]] = []
        for number, row in enumerate(self._rows(table)):
            column = 0
            for cell in (kid for kid in self._kids(row) if kid["S"] in ("/TH", "/TD")):
                while (number, column) in grid:
                    column += 1
                attributes = cell.get("A", {})
                wide, high = attributes.get("ColSpan", 1), attributes.get("RowSpan", 1)
                grid |= {(number + down, column + right): cell for down in range(high) for right in range(wide)}
                cells.append((number, column, cell))
                column += wide
        for number, column, cell in cells:
            if cell["S"] == "/TD":
                above = [grid.get((line, column)) for line in range(number)]
                beside = [grid.get((number, before)) for before in range(column)]
                names = {
                    item["ID"].string: item["ID"]
                    for item in (*above, *beside)
                    if item is not None and item["S"] == "/TH" and "ID" in item
                }
                cell["A"]["Headers"] = pydyf.Array(names.values())

    def _rows(self, element: Any) -> list[Any]:
        rows: list[Any] = []
        for kid in self._kids(element):
            rows += [kid] if kid["S"] == "/TR" else self._rows(kid)
        return rows

    def _has_header(self, element: Any) -> bool:
        return any(kid["S"] == "/TH" or self._has_header(kid) for kid in self._kids(element))

    def _to_divisions(self, element: Any) -> None:
        kids = self._kids(element)
        if element["S"] in ("/Table", "/TBody", "/THead", "/TR"):
            element["S"] = "/Div"
        elif element["S"] == "/TD":
            element["S"] = "/Div" if any(self._holds_block(kid) for kid in kids) else "/P"
            element.pop("A", None)
        for kid in kids:
            self._to_divisions(kid)

    def _holds_block(self, element: Any) -> bool:
        return element["S"] in ("/P", "/Div", "/Figure") or any(self._holds_block(kid) for kid in self._kids(element))
