"""pyHanko's reader of a signed PDF, whose question "by which ways is an object reached?" costs a tenth of the time.

Before pyHanko's policy accepts that a later revision writes an object again, it asks for every way from the trailer to that object
in the signed revision. The library answers by reading each object of the file into its own classes, copying it for each
revision and walking the copies: 60 % of judging a record with three signatures. Here the same walk, with the same exceptions from it
(``HistoricalResolver._load_reverse_xref_cache`` of pyHanko 0.38), goes over plain dictionaries and lists, which are read once a file.

Nothing is decided here. Only what can be read in one way alone is read by :func:`_read_plain`; any other object is read by pyHanko
itself, and a file whose trees are not of the usual kind is walked by pyHanko itself. A test holds both answers against each other.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath

_END = rb"(?=[ \t\r\n/<>\[\]])"
_TOKEN = re.compile(
    rb"[ \t\r\n]*(?:(/[A-Za-z0-9_.+:,-]+)" + _END + rb"|(\d{1,7}) (\d{1,5}) R" + _END + rb"|(<<|>>|\[|\])"
    rb"|(-?\d{1,12}(?:\.\d{1,12})?"
    + _END
    + rb"|\((?:[^()\\\r]|\\[^\r\n])*\)|<(?:[0-9a-fA-F]{2})*>|(?:true|false|null)"
    + _END
    + rb")"
    rb"|(endobj)" + _END + rb")"
)
_DEEPEST = 20
_LEAF = None
"""Stands for a number, a text, a truth value: nothing is reached through it. A name is its own text, a reference a pair."""


Way = tuple[tuple[str | int, ...], str | int]
"""Keys and indices from the trailer on, the last one apart."""


Plain = tuple[Any, list[Any] | None]
"""A plain value and what leads on from it (:func:`_links`)."""


class _Unusual(Exception):
    """Leave it to pyHanko."""


def _read_plain(data: bytes, at: int, ref: tuple[int, int]) -> Any:
    """The object ``ref`` that begins at ``at``, as plain values. Raises ``_Unusual`` for what might be read in two ways."""
    head = b"%d %d obj\n" % ref
    if not data.startswith(head, at):
        raise _Unusual
    open_ones: list[tuple[bool, list[Any]]] = []
    held: list[Any] = []
    is_dict = False
    match = _TOKEN.scanner(data, at + len(head)).match  # type: ignore[attr-defined]
    while (found := match()) is not None:
        kind = found.lastindex
        if kind == 1:
            held.append(found[1].decode("ascii"))
        elif kind == 3:
            held.append((int(found[2]), int(found[3])))
        elif kind == 5:
            held.append(_LEAF)
        elif kind == 4:
            sign = found[4]
            if sign in (b"<<", b"["):
                open_ones.append((is_dict, held))
                held, is_dict = [], sign == b"<<"
                if len(open_ones) > _DEEPEST:
                    raise _Unusual
                continue
            if not open_ones or is_dict != (sign == b">>"):
                raise _Unusual
            made: Any = held
            if is_dict:
                keys = held[::2]
                made = dict(zip(keys, held[1::2], strict=False)) if all(type(key) is str for key in keys) else {}
                if 2 * len(made) != len(held):
                    raise _Unusual
            is_dict, held = open_ones.pop()
            held.append(made)
        else:
            if open_ones or len(held) != 1 or type(held[0]) is tuple:
                raise _Unusual
            return held[0]
    raise _Unusual


def _plain(value: Any) -> Any:
    """What pyHanko has read, as the same plain values."""
    if isinstance(value, generic.IndirectObject):
        return (value.idnum, value.generation)
    if isinstance(value, generic.DictionaryObject):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, generic.ArrayObject):
        return [_plain(item) for item in value]
    if isinstance(value, generic.NameObject):
        return str(value)
    if isinstance(value, generic.DecryptedObjectProxy):
        raise _Unusual
    return _LEAF


def _links(value: Any) -> list[Any] | None:
    """(key or index, reference or further such list) of what leads on from a plain value; None where nothing does."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return None
    found: list[Any] = []
    for key, item in value.items() if kind is dict else enumerate(value):
        if type(item) is tuple:
            found.append((key, item))
        elif (further := _links(item)) is not None:
            found.append((key, further))
    return found or None


class RevisionReader(PdfFileReader):
    """Reads ``pdf`` strictly. Raises what pyHanko raises."""

    def __init__(self, pdf: bytes) -> None:
        self.data = pdf
        #: Plain objects by where they begin, with their links: revisions share what none of them has written again.
        self.plain: dict[int, Plain] = {}
        super().__init__(io.BytesIO(pdf), strict=True)

    def get_historical_resolver(self, revision: int) -> HistoricalResolver:
        """pyHanko's view of the file as it was at ``revision``."""
        known = self._historical_resolver_cache
        if revision not in known:
            known[revision] = _Revision(self, revision)
        return known[revision]


class _Revision(HistoricalResolver):
    reader: RevisionReader
    _ways: dict[tuple[int, int], list[Way]] | None = None

    def _load_reverse_xref_cache(self) -> None:
        if self._ways is not None or self._indirect_object_access_cache is not None:
            return
        try:
            if self.reader.encrypted:
                raise _Unusual
            self._ways = self._find_ways()
        except _Unusual:
            super()._load_reverse_xref_cache()

    def _get_usages_of_ref(self, ref: generic.Reference) -> set[RawPdfPath]:
        if self._ways is None:
            return super()._get_usages_of_ref(ref)
        return {RawPdfPath(*way, last) for way, last in self._ways.get((ref.idnum, ref.generation), ())}

    def _find_ways(self) -> dict[tuple[int, int], list[Way]]:
        """Every way from the trailer to each object, but those that pyHanko leaves out: through ``/Parent``, into a page or an
        element of the structure from anywhere but its own tree."""
        known: dict[tuple[int, int], Plain] = {}
        trailer = _plain(self.trailer_view)

        def load(ref: tuple[int, int]) -> Plain:
            try:
                return known[ref]
            except KeyError:
                known[ref] = value = self._load(ref)
                return value

        def follow(value: Any) -> Any:
            return load(value)[0] if type(value) is tuple else value

        root = follow(trailer.get("/Root"))
        if type(root) is not dict or type(root.get("/Pages")) is not tuple:
            raise _Unusual
        pages = _page_ways(root["/Pages"], follow)
        elements: set[tuple[int, int]] = set()
        if "/StructTreeRoot" in root:
            _collect_elements(follow(root["/StructTreeRoot"]), follow, elements)

        ways: dict[tuple[int, int], list[Way]] = defaultdict(list)
        on_the_way: set[tuple[int, int]] = set()

        def walk(inside: list[Any], way: tuple[str | int, ...], in_structure: bool) -> None:
            for key, item in inside:
                if key == "/Parent" or (in_structure and key == "/P"):
                    continue
                if type(item) is tuple:
                    if item in on_the_way:
                        continue
                    ways[item].append((way, key))
                    if pages.get(item, (way, key)) != (way, key) or (not in_structure and item in elements):
                        continue
                    if (below := load(item)[1]) is not None:
                        on_the_way.add(item)
                        enters = key == "/K" and way == ("/Root", "/StructTreeRoot")
                        walk(below, (*way, key), in_structure or enters)
                        on_the_way.remove(item)
                else:
                    walk(item, (*way, key), in_structure or (key == "/K" and way == ("/Root", "/StructTreeRoot")))

        walk(_links(trailer) or [], (), False)
        return ways

    def _load(self, ref: tuple[int, int]) -> Plain:
        reference = generic.Reference(*ref, self)
        at = self.reader.xrefs.get_historical_ref(reference, self.revision)
        plain = self.reader.plain
        if type(at) is int:
            if at in plain:
                return plain[at]
            try:
                value = _read_plain(self.reader.data, at, ref)
                plain[at] = both = (value, _links(value))
                return both
            except _Unusual:
                pass
        value = _plain(self.get_object(reference))
        if type(value) is tuple:
            raise _Unusual
        return value, _links(value)


def _page_ways(top: tuple[int, int], follow: Any) -> dict[tuple[int, int], Way]:
    """The one way to each page and branch of the page tree that counts. Raises ``PdfReadError`` for a tree that bites its tail."""
    found: dict[tuple[int, int], Way] = {top: (("/Root",), "/Pages")}

    def collect(branch: Any, way: tuple[str | int, ...]) -> None:
        if type(branch) is not dict or type(branch.get("/Kids")) is not list:
            raise _Unusual
        for index, kid in enumerate(branch["/Kids"]):
            if type(kid) is not tuple:
                raise _Unusual
            if kid in found:
                raise misc.PdfReadError("Circular reference in page tree in mapping stage")
            found[kid] = ((*way, "/Kids"), index)
            page = follow(kid)
            if type(page) is not dict or type(page.get("/Type")) is not str:
                raise _Unusual
            if page["/Type"] == "/Pages":
                collect(page, (*way, "/Kids", index))

    collect(follow(top), ("/Root", "/Pages"))
    return found


def _collect_elements(element: Any, follow: Any, found: set[tuple[int, int]]) -> None:
    """Add the elements of the structure below ``element``. Raises ``PdfReadError`` for one that stands there twice."""
    if type(element) is not dict:
        raise _Unusual
    kids = follow(element.get("/K"))
    for kid in kids if type(kids) is list else (kids,):
        below = follow(kid)
        if type(below) is not dict:
            continue
        if type(below.get("/Type", "")) is not str:
            raise _Unusual
        if below.get("/Type", "/StructElem") != "/StructElem":
            continue
        if type(kid) is tuple:
            if kid in found:
                raise misc.PdfReadError("Circular reference in structure tree in mapping stage")
            found.add(kid)
        _collect_elements(below, follow, found)
