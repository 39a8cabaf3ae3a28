"""Does a paper show what its text says? What may be drawn on a page of the form, and nothing else.

``proof`` reads the text of a page as a machine does; an eye sees colours, lines, boxes and letters' shapes. So everything that the layout
never makes is refused here: other operators, light colours, text under a clip, pictures, layers, other annotations, boxes of a
signature over text, another page size, glyphs that are not the shipped font's, cells that do not stand where their row and column are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf

from hocbaso.documents.embedded_fonts import require_shipped
from hocbaso.documents.proof import letters_of_font
from hocbaso.documents.signed_pdf import FIELD_OF
from hocbaso.errors import IntegrityFault

OTHER_DRAWING = "Trang in có phần vẽ mà mẫu học bạ không có: thứ mắt thấy có thể khác chữ mà máy đọc."
OTHER_PART = "Tệp PDF có phần mà học bạ của trường không có (hình, lớp ẩn, chú thích hoặc lệnh tự chạy)."
MOVED = "Chữ trên trang in không đứng đúng ô của nó: số có thể nằm ở dòng khác."
COVERED = "Ô chữ ký che lên chữ của học bạ."

_CATALOGUE = frozenset(
    {"/Type", "/Pages", "/Names", "/StructTreeRoot", "/AF", "/AcroForm", "/Outlines", "/Metadata", "/Lang", "/MarkInfo",
     "/ViewerPreferences", "/Perms", "/OutputIntents", "/DSS", "/Extensions", "/Version"}
)  # fmt: skip
_PAGE = frozenset(
    {
        "/Type",
        "/Parent",
        "/Contents",
        "/MediaBox",
        "/BleedBox",
        "/TrimBox",
        "/Resources",
        "/StructParents",
        "/Tabs",
        "/Annots",
    }
)
_RESOURCES = frozenset({"/ColorSpace", "/ExtGState", "/Font", "/Pattern", "/Shading", "/XObject"})
_WIDTH, _HEIGHT = 595.275591, 841.889764
_DARK = 0.4
"""Greatest lightness of ink (0 black, 1 white). The form prints black, greys up to a third, and its mark of a sample in dark red."""
_TURN, _SCALE = b"1 0 0 -1 0 841.889764 cm", b"0.75 0 0 0.75 0 0 cm"
_SIZES = (6.0, 60.0)
#: Signatures' boxes in points: two of persons, one of the seal.
_BOXES = {"homeroom": (113.386, 53.858), "principal": (113.386, 53.858), "seal": (102.047, 102.047)}
_SEAL_OFFSET = (-63.78, -21.26)
_STRIP = 14.173
"""Height of the strip below the seal, since form 1.2."""

Places = dict[int, list[tuple[float, float]]]
"""Where the texts of each marked content begin, in units of the layout from the top left."""


def prove_plain(pdf_bytes: bytes) -> None:
    """:func:`require_plain` of a file. Raises ``errors.IntegrityFault``."""
    try:
        with pikepdf.open(io.BytesIO(pdf_bytes), attempt_recovery=False) as pdf:
            require_plain(pdf)
    except (pikepdf.PdfError, ValueError, RuntimeError) as error:
        raise IntegrityFault(OTHER_PART) from error


def require_plain(pdf: pikepdf.Pdf) -> None:
    """Raise ``errors.IntegrityFault`` when the pages could show something else than their text."""
    try:
        if not set(pdf.Root.keys()) <= _CATALOGUE or set(pdf.Root.Names.keys()) != {"/EmbeddedFiles"}:
            raise IntegrityFault(OTHER_PART)
        fonts: set[tuple[int, int]] = set()
        places: list[Places] = []
        for page in pdf.pages:
            _require_page(page)
            places.append(read_places(page.obj.Contents.read_bytes()))
            for font in page.obj.Resources.Font.values():
                if font.objgen not in fonts:
                    fonts.add(font.objgen)
                    require_shipped(font, letters_of_font(font))
        _require_boxes(pdf, places)
        _require_own_letters(pdf, fonts)
        _require_rows(pdf, places)
        _require_flow(pdf, places)
    except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise IntegrityFault(OTHER_PART) from error


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values]


def _require_page(page: pikepdf.Page) -> None:
    if not set(page.obj.keys()) <= _PAGE:
        raise IntegrityFault(OTHER_PART)
    for name in ("/MediaBox", "/BleedBox", "/TrimBox"):
        box = _numbers(page.obj.get(name, [0, 0, _WIDTH, _HEIGHT]))
        if any(abs(a - b) > 0.01 for a, b in zip(box, (0, 0, _WIDTH, _HEIGHT), strict=True)):
            raise IntegrityFault(OTHER_PART)
    resources: Any = page.obj.Resources
    if not set(resources.keys()) <= _RESOURCES:
        raise IntegrityFault(OTHER_PART)
    if any(len(resources.get(name, {}).keys()) for name in ("/XObject", "/Pattern", "/Shading")):
        raise IntegrityFault(OTHER_PART)
    for state in resources.get("/ExtGState", {}).values():
        if not set(state.keys()) <= {"/CA", "/ca", "/Type"} or any(
            float(state.get(key, 1)) != 1 for key in ("/CA", "/ca")
        ):
            raise IntegrityFault(OTHER_PART)


def read_places(data: bytes) -> Places:
    """Where text stands on a page whose content is written as the layout writes it, an operator a line.

    Raises ``errors.IntegrityFault`` for any other operator, colour, frame, line or size, and for text under a clip.
    """
    places: Places = {}
    fault = IntegrityFault(OTHER_DRAWING)
    lines = iter(data.split(b"\n"))
    if next(lines) != _TURN or next(lines) != b"q" or next(lines) != _SCALE:
        raise fault
    clips, clipped = [False], False
    marked: list[int | None] = []
    figure = 0
    boxes: list[list[float]] = []
    path: list[tuple[float, float]] = []
    rules: list[Rule] = []
    line_width = 1.0
    at = (0.0, 0.0)
    tag = b""
    for line in lines:
        operands, _, operator = line.rpartition(b" ")
        if operator == b"TJ":
            if clipped or figure or not marked:
                raise fault
            inside = next((item for item in reversed(marked) if item is not None), None)
            if inside is None:
                raise fault
            places.setdefault(inside, []).append(at)
        elif operator == b"Tm":
            a, b, c, d, x, y = map(float, operands.split())
            if (a, b, c, d) != (1, 0, 0, -1) or not (0 <= x <= _WIDTH / 0.75 and 0 <= y <= _HEIGHT / 0.75):
                raise fault
            at = (x, y)
        elif operator == b"Tf":
            if not _SIZES[0] <= float(operands.split()[-1]) <= _SIZES[1]:
                raise fault
        elif operator in (b"rg", b"RG"):
            red, green, blue = map(float, operands.split())
            if min(red, green, blue) < 0 or 0.299 * red + 0.587 * green + 0.114 * blue > _DARK:
                raise fault
        elif operator == b"q":
            clips.append(clipped)
        elif operator == b"Q":
            clipped = clips.pop()
            boxes, path = [], []
        elif operator in (b"BT", b"ET", b"gs", b"J", b"j", b"M", b"d", b"n", b""):
            if operator == b"n":
                boxes, path = [], []
        elif operator == b"w":
            line_width = float(operands)
        elif operator in (b"m", b"l"):
            x, y = map(float, operands.split())
            path = [(x, y)] if operator == b"m" and not clipped else [*path, (x, y)]
        elif operator == b"S":
            if not figure:
                if not _is_rule(path, line_width):
                    raise fault
                rules.append((path[0], path[1]))
            path = []
        elif operator == b"B":
            if not figure:
                raise fault
            path = []
        elif operator == b"re":
            boxes.append([float(value) for value in operands.split()])
        elif operator == b"f*":
            if len(boxes) != 2 or not _is_frame(*boxes):
                raise fault
            boxes = []
        elif operator in (b"W", b"W*"):
            clipped = True
        elif operator == b"cm":
            if not figure:
                raise fault
        elif line.startswith(b"/") and b" " not in line:
            tag = line
        elif line.startswith(b"<</MCID "):
            marked.append(int(line[8:-2]))
        elif line == b"BMC":
            marked.append(None)
            figure += bool(figure)
        elif line == b"BDC":
            figure += bool(figure or tag == b"/Figure")
        elif line == b"EMC":
            marked.pop()
            figure -= bool(figure)
        else:
            raise fault
    long = [rule for rule in rules if _length(rule) >= _LONG]
    if not all(_joins(rule, long) for rule in rules if _length(rule) < _LONG):
        raise fault
    return places


Rule = tuple[tuple[float, float], tuple[float, float]]
_LONG = 14.0
"""Longer than any stroke of a digit on the form; a shorter rule is the side of a low cell."""


def _is_rule(path: list[tuple[float, float]], width: float) -> bool:
    """A line of a table or to write on: level or upright, and thin."""
    return len(path) == 2 and width <= 2 and min(abs(path[0][0] - path[1][0]), abs(path[0][1] - path[1][1])) < 0.01


def _length(rule: Rule) -> float:
    return max(abs(rule[0][0] - rule[1][0]), abs(rule[0][1] - rule[1][1]))


def _joins(rule: Rule, others: list[Rule]) -> bool:
    """Whether both ends of a rule lie on long ones, as the sides of a cell do and a stroke drawn into a cell does not."""
    return all(
        any(
            min(x1, x2) - 1.5 <= x <= max(x1, x2) + 1.5 and min(y1, y2) - 1.5 <= y <= max(y1, y2) + 1.5
            for (x1, y1), (x2, y2) in others
        )
        for x, y in rule
    )


def _is_frame(outer: list[float], inner: list[float]) -> bool:
    """Two rectangles between which a thin frame is filled (even-odd), large enough to be one around a part of the page."""
    left, top, width, height = outer
    if width * height < inner[2] * inner[3]:
        (left, top, width, height), inner = inner, outer
    margins = (inner[0] - left, inner[1] - top, left + width - inner[0] - inner[2], top + height - inner[1] - inner[3])
    return all(0 <= margin <= 6 for margin in margins) and min(width, height) >= 60


def _require_own_letters(pdf: pikepdf.Pdf, fonts: set[tuple[int, int]]) -> None:
    """What a signature writes is written in the pages' fonts, whose letters have been looked at."""
    named: list[Any] = [pdf.Root.AcroForm.get("/DR", {}).get("/Font", {})]  # type: ignore[call-overload]
    for field in pdf.Root.AcroForm.Fields:
        resources: Any = field.AP.N.get("/Resources", {}) if "/AP" in field else {}
        named.append(resources.get("/Font", {}))
    if any(font.objgen not in fonts for each in named for font in each.values()):
        raise IntegrityFault(OTHER_PART)


def _require_boxes(pdf: pikepdf.Pdf, places: list[Places]) -> None:
    """The only annotations are the fields of the form; the signatures' boxes have their size and lie over no text but blanks."""
    fields = [field.objgen for field in pdf.Root.AcroForm.Fields]
    annotations = [(number, item) for number, page in enumerate(pdf.pages) for item in page.obj.get("/Annots", [])]
    if any(item.objgen not in fields or str(item.Subtype) != "/Widget" for _, item in annotations):
        raise IntegrityFault(OTHER_PART)
    boxes: dict[str, tuple[int, list[float]]] = {}
    strip = _STRIP if "/DR" in pdf.Root.AcroForm else 0.0
    for number, item in annotations:
        role = next((role for role, name in FIELD_OF.items() if name == str(item.T)), None)
        box = _numbers(item.Rect)
        left, bottom, right, top = box
        if role is None:  # a document time stamp
            if right != left or top != bottom:
                raise IntegrityFault(COVERED)
            continue
        size = _BOXES[role]
        if (
            role in boxes
            or abs(right - left - size[0]) > 0.1
            or abs(top - bottom - size[1] - strip * (role == "seal")) > 0.1
        ):
            raise IntegrityFault(COVERED)
        boxes[role] = number, box
    if set(boxes) != set(_BOXES):
        raise IntegrityFault(OTHER_PART)
    for role in ("homeroom", "principal"):
        number, (left, bottom, right, top) = boxes[role]
        for x, y in (at for texts in places[number].values() for at in texts):
            if left < x * 0.75 < right and bottom < _HEIGHT - y * 0.75 < top - 1:
                raise IntegrityFault(COVERED)
    # The seal lies over the left third of the principal's signature, and over nothing else than that makes it lie.
    (page, person), (seal_page, seal) = boxes["principal"], boxes["seal"]
    offset = _SEAL_OFFSET[0], _SEAL_OFFSET[1] - strip
    if page != seal_page or any(abs(seal[i] - person[i] - offset[i]) > 0.1 for i in (0, 1)):
        raise IntegrityFault(COVERED)


# --- rows and columns -------------------------------------------------------------------------------------------------


def _kids(element: Any) -> list[Any]:
    found = element.get("/K")
    return list(found) if isinstance(found, pikepdf.Array) else [] if found is None else [found]


def _elements(element: Any) -> list[Any]:
    """The structure elements right below one; marks of content and of annotations have no ``/S``."""
    return [kid for kid in _kids(element) if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]


def _require_rows(pdf: pikepdf.Pdf, places: list[Places]) -> None:
    """In each table the texts of a cell stand right of the cell before, and those of a row below the row before."""
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}

    def page_of(element: Any, page: int) -> int:
        return numbers[element.Pg.objgen] if "/Pg" in element else page

    def texts(element: Any, page: int) -> Iterator[tuple[int, float, float]]:
        page = page_of(element, page)
        for kid in _kids(element):
            if isinstance(kid, pikepdf.Dictionary):
                if "/S" in kid:
                    yield from texts(kid, page)
            else:
                yield from ((page, x, y) for x, y in places[page].get(int(kid), ()))

    def check(rows: list[Any], page: int) -> None:
        before: dict[int, float] = {}
        for row in rows:
            reach: dict[int, float] = {}
            lowest: dict[int, float] = {}
            for cell in _elements(row):
                found = list(texts(cell, page_of(row, page)))
                for number in {item[0] for item in found}:
                    xs = [x for n, x, _ in found if n == number]
                    ys = [y for n, _, y in found if n == number]
                    if number in reach and min(xs) <= reach[number]:
                        raise IntegrityFault(MOVED)
                    reach[number] = max(xs)
                    if _spans(cell):
                        continue
                    if number in before and min(ys) <= before[number]:
                        raise IntegrityFault(MOVED)
                    lowest[number] = max(lowest.get(number, 0.0), *ys)
            before |= lowest

    def walk(element: Any, page: int) -> None:
        page, below = page_of(element, page), _elements(element)
        check([kid for kid in below if str(kid.S) == "/TR"], page)
        for kid in below:
            if str(kid.S) != "/TR":
                walk(kid, page)

    for top in _elements(pdf.Root.StructTreeRoot):
        walk(top, 0)


_LEAVES = frozenset({"/P", "/H1", "/H2", "/H3", "/Lbl", "/LBody", "/Table", "/Figure"})
Text = tuple[int, float, float]
"""Page, and where a text begins."""


def _require_flow(pdf: pikepdf.Pdf, places: list[Places]) -> None:
    """Outside the tables each part of a page stands below the part before it, and in a row of the form right of it.

    So a text can be printed only between those that come before and after it.
    """
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}

    def texts(element: Any, page: int) -> list[Text]:
        found: list[Text] = []
        page = numbers[element.Pg.objgen] if "/Pg" in element else page
        for kid in _kids(element):
            if not isinstance(kid, pikepdf.Dictionary):
                found += [(page, x, y) for x, y in places[page].get(int(kid), ())]
            elif "/S" in kid:
                found += texts(kid, page)
        return found

    def flow(element: Any, page: int) -> list[Text]:
        kind, below = str(element.S), _elements(element)
        if kind in _LEAVES or not below:
            return texts(element, page)
        page = numbers[element.Pg.objgen] if "/Pg" in element else page
        if _is_grid(element):
            parts = []
            for row in (row for body in below for row in _elements(body)):
                cells = [flow(cell, page) for cell in _elements(row)]
                if not _are_after(cells, 1):
                    raise IntegrityFault(MOVED)
                parts.append([text for cell in cells for text in cell])
        else:
            parts = [flow(kid, page) for kid in below]
        # The rest of a line's row on a further page stands in no table of its own.
        in_row = kind == "/LI" or (len(below) in (2, 4) and all(str(kid.S) == "/P" for kid in below))
        if not _are_after(parts, 2) and not (in_row and _are_after(parts, 1)):
            raise IntegrityFault(MOVED)
        return [text for part in parts for text in part]

    for top in _elements(pdf.Root.StructTreeRoot):
        flow(top, 0)


def _are_after(parts: list[list[Text]], axis: int) -> bool:
    """Whether each part begins after where the last one began, page by page: to the right (``axis`` 1) or further down (2)."""
    reached: dict[int, float] = {}
    for part in parts:
        for number in {text[0] for text in part}:
            along = [text[axis] for text in part if text[0] == number]
            if number in reached and min(along) <= reached[number]:
                return False
            reached[number] = max(along)
    return True


def _is_grid(element: Any) -> bool:
    """Whether an element is a table of the layout that is none of data: the form's lines of two or four cells."""
    bodies = _elements(element)
    rows = [row for body in bodies for row in _elements(body)]
    return bool(rows) and all(str(each.S) == "/Div" for each in (element, *bodies, *rows))


def _spans(cell: Any) -> bool:
    """Whether a cell reaches over several rows, where its text stands in their middle."""
    found = cell.get("/A")
    attributes = found if isinstance(found, pikepdf.Array) else [] if found is None else [found]
    return any(int(item.get("/RowSpan", 1)) > 1 for item in attributes if isinstance(item, pikepdf.Dictionary))
