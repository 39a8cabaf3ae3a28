"""The slow places of the layout library, answered from what it answered before. The bytes of a paper stay the same to the last one.

Papers of a class share most of their words: labels, headings, instructions, names of subjects and teachers, marks. The library shapes
each of them anew in each paper (a fifth of its time), asks each box for a hundred properties that nobody has set (a tenth), and draws the sixty lines of a QR through a general SVG
engine (a fourteenth). Here a shaped text is kept by text and style, a
style begins with what is not set, and a QR's line is written down as the engine would.

Everything is a replacement of one function or class of WeasyPrint 70.0, and holds for that version alone: with another one nothing
is replaced. ``plainly`` puts all of it aside; a test compares the bytes of both ways.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pydyf
import weasyprint
import weasyprint.css as css
import weasyprint.draw as draw
import weasyprint.images as images
import weasyprint.layout.inline as inline
import weasyprint.layout.preferred as preferred
from weasyprint.css.computed_values import PHYSICAL_FUNCTIONS
from weasyprint.css.functions import check_math
from weasyprint.css.properties import INHERITED, INITIAL_NOT_COMPUTED, INITIAL_VALUES
from weasyprint.matrix import Matrix
from weasyprint.svg import SVG, Node
from weasyprint.text.ffi import FROM_UNITS, ffi, pango
from weasyprint.text.fonts import get_pango_font_key
from weasyprint.text.line_break import Layout

MADE_FOR = ("70.0", "0.13.0")
"""Versions of WeasyPrint and pydyf."""

_MOST_TEXTS = 6000
_TEXT_STYLE = (
    "direction", "font_family", "font_feature_settings", "font_kerning", "font_language_override", "font_size", "font_stretch",
    "font_style", "font_variant_alternates", "font_variant_caps", "font_variant_east_asian", "font_variant_ligatures",
    "font_variant_numeric", "font_variant_position", "font_variation_settings", "font_weight", "hyphenate_character",
    "hyphenate_limit_chars", "hyphenate_limit_zone", "hyphens", "lang", "letter_spacing", "line_height", "overflow_wrap", "tab_size",
    "text_decoration_line", "white_space", "word_break", "word_spacing",
)  # fmt: skip
"""Every property that ``weasyprint.text.line_break`` and ``.fonts`` look at."""

_split_first_line, _draw_text = inline.split_first_line, draw.draw_text
_Computed: Any = css.ComputedStyle
_Anonymous: Any = css.AnonymousStyle


# --- text -----------------------------------------------------------------------------------------------------------


class _Kept:
    """What is known of the texts in the fonts of one layout; texts of pupils go with the rest when there are too many."""

    def __init__(self) -> None:
        self.lines: dict[Any, tuple[dict[str, Any], tuple[Any, ...]]] = {}
        self.drawings: dict[Any, list[_Showing] | None] = {}
        #: A font by key and size, and a layout that keeps it alive.
        self.fonts: dict[tuple[Any, float], tuple[Any, Any]] = {}


def _kept(style: Any) -> _Kept:
    config = style.font_config
    found = config.__dict__.get("hocbaso_kept")
    if found is None:
        found = config.hocbaso_kept = _Kept()
    return found


def _style_key(style: Any) -> tuple[Any, ...]:
    return tuple([style[name] for name in _TEXT_STYLE])


def split_first_line(
    text: str,
    style: Any,
    context: Any,
    max_width: float | None,
    justification_spacing: float,
    is_line_start: bool = True,
    minimum: bool = False,
) -> Any:
    """WeasyPrint's, remembered. Its answer is a layout without anything of Pango's, and numbers."""
    lines = _kept(style).lines
    key = (text, max_width, justification_spacing, is_line_start, minimum, _style_key(style))
    try:
        state, numbers = lines[key]
    except KeyError:
        answer = _split_first_line(text, style, context, max_width, justification_spacing, is_line_start, minimum)
        if len(lines) >= _MOST_TEXTS:
            lines.clear()
        lines[key] = dict(answer[0].__dict__), answer[1:]
        return answer
    except TypeError:  # a value that cannot be a key
        return _split_first_line(text, style, context, max_width, justification_spacing, is_line_start, minimum)
    layout = Layout.__new__(Layout)
    layout.__dict__.update(state)
    return (layout, *numbers)


_Showing = tuple[tuple[Any, float], str, list[tuple[int, str, int]]]
"""Font's key and size, what is shown with it, and glyph, text and width of each glyph in it."""


def draw_text(stream: Any, textbox: Any, offset_x: float, text_overflow: str, block_ellipsis: Any) -> None:
    """WeasyPrint's, with the glyphs remembered. A text with anything but plain glyphs on it is drawn by WeasyPrint."""
    style = textbox.style
    if (
        text_overflow == "ellipsis"
        or block_ellipsis != "none"
        or style["visibility"] != "visible"
        or style["text_decoration_line"] != "none"
        or style["font_size"] < 1e-6
        or not textbox.text.strip()
    ):
        _draw_text(stream, textbox, offset_x, text_overflow, block_ellipsis)
        return
    kept, layout = _kept(style), textbox.pango_layout
    key = (layout.text, layout.justification_spacing, _style_key(style))
    try:
        drawing = kept.drawings[key]
    except KeyError:
        if len(kept.drawings) >= _MOST_TEXTS:
            kept.drawings.clear()
        layout.reactivate(style)
        drawing = kept.drawings[key] = _shape(kept, stream, layout)
        layout.deactivate()
    if drawing is None:
        _draw_text(stream, textbox, offset_x, text_overflow, block_ellipsis)
        return
    stream.set_color(style["color"])
    stream.begin_text()
    stream.set_text_matrix(*Matrix(d=-1, e=textbox.position_x, f=textbox.position_y + textbox.baseline).values)
    for (font_key, size), shown, glyphs in drawing:
        font = stream._fonts.get(font_key)
        if font is None:
            font, _ = stream.add_font(kept.fonts[font_key, size][0])
        stream.set_font_size(font.hash, size)
        to_unicode, widths = font.to_unicode, font.widths
        for glyph, text, width in glyphs:
            if glyph not in to_unicode:
                to_unicode[glyph] = text
            if glyph not in widths:
                widths[glyph] = width
        stream.show_text(shown)
    stream.end_text()


def _shape(kept: _Kept, stream: Any, layout: Any) -> list[_Showing] | None:
    """The glyphs of a line as ``weasyprint.draw.text.draw_first_line`` writes them; None when there is more to them."""
    pango.pango_layout_set_single_paragraph_mode(layout.layout, True)
    first_line, _ = layout.get_first_line()
    drawing: list[_Showing] = []
    previous = None
    shown, text_bytes = "", layout.text.encode()
    glyphs: list[tuple[int, str, int]] = []
    font_key: Any = None
    size = 0.0
    run = first_line.runs[0]
    while run != ffi.NULL:
        item, run = run.data, run.next
        if item.item.analysis.level % 2:
            return None
        count, clusters = item.glyphs.num_glyphs, item.glyphs.log_clusters
        pango_font = item.item.analysis.font
        if pango_font != previous:
            previous = pango_font
            if glyphs:
                if not shown:
                    return None
                drawing.append(((font_key, size), shown, glyphs))
            font_key, _, size = get_pango_font_key(pango_font)
            font, _ = stream.add_font(pango_font)
            if font.bitmap or font.svg or font.png or font.colr or pango.pango_version() < 14802:
                return None
            kept.fonts.setdefault((font_key, size), (pango_font, layout.layout))
            shown, glyphs = "", []
        shown += "<"
        for number, info in enumerate(item.glyphs.glyphs[0:count]):
            glyph, width = info.glyph, info.geometry.width
            if glyph & pango.PANGO_GLYPH_UNKNOWN_FLAG and glyph != pango.PANGO_GLYPH_EMPTY:
                return None
            if glyph == pango.PANGO_GLYPH_EMPTY:
                shown += f">{-width / size}<"
                continue
            if info.geometry.y_offset:
                return None
            begin = item.item.offset + clusters[number]
            end = item.item.offset + (item.item.length if number == count - 1 else clusters[number + 1])
            offset = info.geometry.x_offset / size
            if offset:
                shown += f">{-offset}<"
            shown += f"{glyph:04x}"
            pango.pango_font_get_glyph_extents(pango_font, glyph, stream.ink_rect, stream.logical_rect)
            logical = round(stream.logical_rect.width * 1000 * FROM_UNITS / size)
            glyphs.append((glyph, text_bytes[begin:end].decode(), logical))
            kerning = logical + offset - width * 1000 * FROM_UNITS / size
            if kerning:
                shown += f">{int(kerning)}<"
        shown = shown[:-1] if shown[-1] == "<" else shown + ">"
    if not shown or not glyphs:
        return None
    drawing.append(((font_key, size), shown, glyphs))
    return drawing


# --- styles ---------------------------------------------------------------------------------------------------------


_OWN_RULES = ("page", "position", "float", "display")
_NOT_SET = {
    name: value
    for name, value in INITIAL_VALUES.items()
    if name not in INHERITED and name not in INITIAL_NOT_COMPUTED and name not in _OWN_RULES
    and name[:2] != "__" and name[:16] != "text_decoration_"
}  # fmt: skip
"""Properties whose value is the initial one where no rule sets them."""
_NOT_SET_ANYHOW = {name: value for name, value in _NOT_SET.items() if name not in PHYSICAL_FUNCTIONS}
"""Those of them that no ``-inline-`` or ``-block-`` property can set under another name."""


_FROM_PARENT = frozenset(
    name
    for name in INHERITED
    if name not in PHYSICAL_FUNCTIONS and name not in _OWN_RULES and name[:16] != "text_decoration_"
)
"""Properties whose value is the parent's where no rule sets them."""


class ComputedStyle(_Computed):
    """WeasyPrint's, which would find each of these values by a walk through twenty questions."""

    def __init__(self, parent_style: Any, cascaded: Any, *others: Any) -> None:
        super().__init__(parent_style, cascaded, *others)
        logical = any(part in name for name in cascaded for part in ("inline", "block", "start", "end"))
        self.update(_NOT_SET_ANYHOW if logical else _NOT_SET)
        for name in cascaded:
            self.pop(name, None)

    def __missing__(self, key: str) -> Any:
        if key in _FROM_PARENT and self.parent_style is not None and key not in self.cascaded:
            value = self.parent_style[key]
            if not check_math(value):
                self[key] = value
                return value
        return super().__missing__(key)


class AnonymousStyle(_Anonymous):
    """As ``ComputedStyle``, of a box without an element."""

    def __init__(self, parent_style: Any) -> None:
        self.update(_NOT_SET)
        super().__init__(parent_style)


# --- the QR ---------------------------------------------------------------------------------------------------------


_LINE = re.compile(r"M(0|[1-9][0-9]*) (0|[1-9][0-9]*)\.5H(0|[1-9][0-9]*)")
_DASHES = re.compile(r"[1-9][0-9]*(?: [1-9][0-9]*)+")
_SVG = "{http://www.w3.org/2000/svg}"


class _Rows:
    """Takes the place of the lines of a QR after its first."""

    tag = "path"
    attrib: dict[str, str] = {}

    def __init__(self, rows: list[str]) -> None:
        self.content = "\n".join(rows).encode("ascii")


class QuickSvg(SVG):
    """WeasyPrint's drawing of an SVG; of a QR as ``printed_form.qr_drawing`` writes it, only title and first line go through it."""

    def __init__(self, tree: Any, *others: Any) -> None:
        super().__init__(tree, *others)
        title, *lines = list(tree) or [None]
        rows = [row for row in map(_row, lines[1:]) if row is not None]
        ours = (
            {"viewBox", "stroke"} <= set(tree.attrib) <= {"viewBox", "stroke", "{http://www.w3.org/2000/xmlns/}xmlns"}
        )
        if not ours or tree.get("stroke") != "#000" or title is None or title.tag != f"{_SVG}title" or not rows:
            return
        if len(rows) != len(lines) - 1 or _row(lines[0]) is None:
            return
        wrappers = iter(self.tree._wrapper)
        first = [Node(next(wrappers), self.tree._style) for _ in range(2)]
        for node in first:
            self.tree.cascade(node)
        self.tree._children = [*first, _Rows(rows)]

    def draw_node(self, node: Any, font_size: Any, fill_stroke: bool = True, context: Any = None) -> None:
        """As WeasyPrint's; after the first line each is known, and the state of the stream is as a line leaves it."""
        if isinstance(node, _Rows):
            self.stream.stream.append(node.content)
        else:
            super().draw_node(node, font_size, fill_stroke, context)


def _row(element: Any) -> str | None:
    """A line of a QR in the operators of a page; None for any other element."""
    if element.tag != f"{_SVG}path" or set(element.attrib) != {"d", "stroke-dasharray"} or len(element) or element.text:
        return None
    line, dashes = _LINE.fullmatch(element.get("d")), element.get("stroke-dasharray")
    if line is None or _DASHES.fullmatch(dashes) is None:
        return None
    start, y, end = line.groups()
    return f"q\n/a1.0 gs\n0 0 0 rg\n/A1.0 gs\n0 0 0 RG\n1 w\n[{dashes}] 0 d\n0 J\n0 j\n4 M\n0 0 m\n{start} {y}.5 m\n{end} {y}.5 l\nB\nQ"


# --- in their places ------------------------------------------------------------------------------------------------


_PLACES: tuple[tuple[Any, str, Any], ...] = (
    (inline, "split_first_line", split_first_line),
    (preferred, "split_first_line", split_first_line),
    (draw, "draw_text", draw_text),
    (css, "ComputedStyle", ComputedStyle),
    (css, "AnonymousStyle", AnonymousStyle),
    (images, "SVG", QuickSvg),
)
_PLAIN = tuple((module, name, getattr(module, name)) for module, name, _ in _PLACES)


def install() -> bool:
    """Put the replacements in their places; False, and nothing done, for versions that they were not made for."""
    if (weasyprint.VERSION, pydyf.VERSION) != MADE_FOR:
        return False
    for module, name, ours in _PLACES:
        setattr(module, name, ours)
    return True


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Let the library do everything itself for a while."""
    for module, name, theirs in _PLAIN:
        setattr(module, name, theirs)
    try:
        yield
    finally:
        install()
