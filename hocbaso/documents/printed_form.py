"""What maker and judge of the printed face share: its marks, the embedded data zone, the QR. Light: draws nothing."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import pikepdf
import segno

from hocbaso.documents.page_reading import Step
from hocbaso.documents.transcript_content import TranscriptContent
from hocbaso.documents.xml_record import ATTACHMENT_NAME
from hocbaso.errors import IntegrityFault

DEMO_MARK = "BẢN THỬ NGHIỆM"
OLD_DEMO_MARK = "MẪU – TRƯỜNG THỬ NGHIỆM"
"""The mark of forms 1.0 and 1.1."""
QR_WORDS = "Mã QR mở trang kiểm tra học bạ"
QR_BORDER = 2


def demo_mark(content: TranscriptContent) -> str:
    """The mark of a sample as the record's form prints it; empty for a real record."""
    if not content.demo:
        return ""
    return DEMO_MARK if content.has_written_signatures else OLD_DEMO_MARK


@lru_cache(maxsize=16)  # the choice of its mask takes 9 ms, and drawing, measuring and judging each ask for the same
def qr_code(text: str) -> Any:
    """The QR of a text (error level M): an address alone, or an address and the digits of a summary, which are packed as digits."""
    address, mark, digits = text.partition("#")
    parts: Any = [f"{address}#", digits] if mark else text
    return segno.make(parts, error="m", micro=False)


def embedded_data_zone(pdf: pikepdf.Pdf) -> bytes:
    """The attached data zone's bytes. Raises ``errors.IntegrityFault`` unless there is exactly one attachment, ours."""
    try:
        names = list(pdf.Root.Names.EmbeddedFiles.Names)
        associated = list(pdf.Root.AF)
        if len(names) != 2 or len(associated) != 1 or str(names[1].UF) != ATTACHMENT_NAME:
            raise IntegrityFault("Tệp PDF không mang đúng một vùng dữ liệu XML của học bạ.")
        if names[1].objgen != associated[0].objgen:
            raise IntegrityFault("Tệp PDF chỉ tới hai vùng dữ liệu XML khác nhau.")
        return names[1].EF.F.read_bytes()
    except (AttributeError, KeyError, TypeError, pikepdf.PdfError) as error:
        raise IntegrityFault("Tệp PDF không mang vùng dữ liệu XML của học bạ.") from error


def printed_text(pdf: pikepdf.Pdf) -> str:
    """The QR's text as the document says it of itself (``/Keywords``), so that nobody needs a camera to read it."""
    return str(pdf.docinfo.get("/Keywords", ""))


def _rows(text: str) -> list[tuple[int, list[tuple[int, int]]]]:
    """(row, dark runs as from and to) of a QR, in modules, its quiet zone counted."""
    rows = []
    for y, row in enumerate(qr_code(text).matrix_iter(border=QR_BORDER)):
        dark = [x for x, module in enumerate(row) if module]
        held = set(dark)  # a list would be searched from its beginning for each module of the code
        starts = [x for x in dark if x - 1 not in held]
        ends = [x + 1 for x in dark if x + 1 not in held]
        if dark:
            rows.append((y, list(zip(starts, ends, strict=True))))
    return rows


def qr_drawing(text: str) -> str:
    """A QR as inline SVG: a row is one line, its runs the line's dashes. Drawn run by run it would cost 6 kB more in each paper."""
    size = len(qr_code(text).matrix) + 2 * QR_BORDER
    lines = []
    for y, runs in _rows(text):
        edges = [edge for run in runs for edge in run]
        dashes = [after - before for before, after in itertools.pairwise(edges)]
        lines.append(
            f'<path d="M{edges[0]} {y}.5H{edges[-1]}" stroke-dasharray="{" ".join(map(str, [*dashes, size]))}"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" stroke="#000"><title>{QR_WORDS}</title>'
        f"{''.join(lines)}</svg>"
    )


def _runs(text: str) -> list[tuple[float, float, float]]:
    return [(y + 0.5, float(start), float(end)) for y, runs in _rows(text) for start, end in runs]


def _dashed(start: float, end: float, dashes: list[float]) -> list[tuple[float, float]]:
    """The dark parts of a line from ``start`` to ``end``."""
    if not dashes or len(dashes) % 2 or min(dashes) <= 0:
        return [(start, end)]
    parts, at = [], start
    while at < end:
        for index, length in enumerate(dashes):
            if index % 2 == 0 and at < end:
                parts.append((at, min(at + length, end)))
            at += length
    return parts


_DRAWING = {"q", "Q", "gs", "cm", "rg", "RG", "w", "d", "J", "j", "M", "m", "l", "B", "S"}


def drawn_figures(pages: list[list[Step]]) -> list[tuple[int, list[tuple[float, float, float]]]]:
    """(page index, runs) of every figure of the pages' steps. Raises ``errors.IntegrityFault`` for one that is more than dark runs."""
    figures: list[tuple[int, list[tuple[float, float, float]]]] = []
    for number, found in enumerate(pages):
        runs: list[tuple[float, float, float]] = []
        depth, at = 0, (0.0, 0.0)
        dashes: list[float] = []
        for name, operands in found:
            if name in ("BDC", "BMC"):
                if depth or (name == "BDC" and operands[0] == "/Figure"):
                    depth += 1
            elif not depth:
                continue
            elif name == "EMC":
                depth -= 1
                if not depth:
                    figures.append((number, runs))
                    runs, dashes = [], []
            elif name not in _DRAWING or depth > 1:
                raise IntegrityFault("Trang in có hình lạ.")
            elif name == "d":
                dashes = [float(length) for length in operands[0]]
                if float(operands[1]):
                    raise IntegrityFault("Trang in có hình lạ.")
            elif name == "m":
                at = (float(operands[0]), float(operands[1]))
            elif name == "l":
                to = (float(operands[0]), float(operands[1]))
                if to[1] != at[1]:
                    raise IntegrityFault("Trang in có hình lạ.")
                runs += [(at[1], start, end) for start, end in _dashed(at[0], to[0], dashes)]
                at = to
    return figures


def require_drawn(pages: list[list[Step]], text: str) -> None:
    """Raise ``errors.IntegrityFault`` unless the pages' steps show exactly two figures, each the QR of ``text``."""
    figures, wanted = drawn_figures(pages), _runs(text)
    if len(figures) != 2 or figures[0][0] != 0 or any(runs != wanted for _, runs in figures):
        raise IntegrityFault("Mã QR in trên học bạ không phải mã QR của dữ liệu trong tệp.")
