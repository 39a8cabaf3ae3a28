"""The printed face of a record: the Ministry's form as PDF/A-3a, tagged, with the XML data zone embedded and three empty fields.

The bytes depend on the content alone: same content, same bytes, in any process. Nothing is fetched from anywhere but the
shipped fonts. Heavy imports (1 s, 150 MB): only document workers import this module.

Steps: template -> WeasyPrint layout (tried again with smaller type when a long remark would break a page) -> PDF/A-3a with
``du-lieu-hoc-ba.xml`` and mended tags (``tag_structure``) -> normalised by pikepdf: no xref streams (the signing library cannot extend them), /AF without
duplicates, plain XMP, empty signature fields ``GVCN``, ``HIEU_TRUONG``, ``NHA_TRUONG`` where the layout put their spots.
"""

from __future__ import annotations

import functools
import gc
import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pikepdf
import weasyprint
from markupsafe import Markup
from pikepdf import Array, Dictionary, Name, String

from hocbaso.documents import stream_ends, tag_structure
from hocbaso.documents.page_layout import PageLayout
from hocbaso.documents.printed_form import QR_BORDER, QR_WORDS, demo_mark, qr_code, qr_drawing
from hocbaso.documents.signed_pdf import LETTER_FONTS
from hocbaso.documents.transcript_content import LEVEL_WORDS, TITLE_DEPUTY, TranscriptContent
from hocbaso.documents.xml_record import ATTACHMENT_NAME, build_data_zone
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.terms import Level

#: Signature fields in signing order, with what a screen reader says.
FIELDS = {
    "GVCN": "Chữ ký số của giáo viên chủ nhiệm",
    "HIEU_TRUONG": "Chữ ký số của Hiệu trưởng",
    "NHA_TRUONG": "Con dấu số của nhà trường",
}
_DENSITIES = ("", "dense", "dense closer", "dense denser")
_READABLE = (0, 1)
_MAX_PAGES = 40
_LONGEST_WORD = 12
_PX_TO_PT = 0.75


@functools.cache
def layout() -> PageLayout:
    """The form's layout, made once a process."""
    made = PageLayout("transcript", _FILTERS, {"unbroken": _is_unbroken})
    # WeasyPrint makes many short-lived cycles; the default threshold costs a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return made


def _kind(place: str) -> str:
    for kind in ("Xã", "Phường", "Đặc khu", "Tỉnh", "Thành phố", "Thị trấn"):
        if place.casefold().startswith(kind.casefold() + " "):
            return kind
    return "Địa bàn"


def _bare(place: str) -> str:
    kind = _kind(place)
    return place[len(kind) + 1 :] if kind != "Địa bàn" else place


def _is_unbroken(value: str | None) -> bool:
    """Does a word stand in the text that may be wider than the line that is left for it?"""
    return any(len(word) > _LONGEST_WORD for word in (value or "").split())


def _score(value: str | None) -> str:
    return "" if value is None else value.replace(".", ",")


def _date_line(day: date) -> str:
    # Decree 30/2020, annex I: a leading zero for days below 10 and for the months 1 and 2.
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


_FILTERS: dict[str, Callable[[Any], str]] = {
    "dash": lambda year: year.replace("-", "–"),
    "kind": _kind,
    "bare": _bare,
    "bare_school": lambda name: name[7:] if name.casefold().startswith("trường ") else name,
    "score": _score,
    "level": lambda level: "" if level is None else LEVEL_WORDS[Level(level)],
    "long_date": lambda day: f"{day.day:02d} tháng {day.month} năm {day.year}",
    "short_date": lambda day: f"{day.day:02d}/{day.month:02d}/{day.year}",
    "date_line": _date_line,
}


def _address_qr(address: str) -> Markup:
    """Inline SVG of the QR of form 1.0, quiet zone of two modules: its drawing is kept to the byte."""
    drawn = qr_code(address).svg_inline(border=QR_BORDER, omitsize=True)
    return Markup(drawn.replace("<path", f"<title>{QR_WORDS}</title><path", 1))


def render_html(content: TranscriptContent, densities: tuple[int, int] = (0, 0), qr_text: str | None = None) -> str:
    """The form as HTML, everything from the record escaped. ``densities`` choose the type size of both year pages.

    ``qr_text`` is the QR's text of a record whose form has a summary in it; before form 1.1 the QR held the lookup address alone.
    """
    if content.has_summary != (qr_text is not None):
        raise IntegrityFault("Mẫu học bạ này và mã QR của nó không khớp nhau.")
    return layout().template.render(
        c=content,
        mark=demo_mark(content),
        stamp=content.built_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        qr=Markup(qr_drawing(qr_text)) if qr_text is not None else _address_qr(content.lookup_address),
        qr_text=qr_text,
        host=content.school.lookup_url.split("//", 1)[1].rstrip("/"),
        density_1=_DENSITIES[densities[0]],
        density_2=_DENSITIES[densities[1]],
    )


def _lay_out(content: TranscriptContent, qr_text: str | None) -> weasyprint.Document:
    """Lay out with the largest type that keeps each year page on one sheet.

    What fits on no single sheet goes on to further ones, in the readable type that needs the fewest; the smallest is only for a page
    that it saves.
    """
    chosen = [0, 0]
    sheets: tuple[dict[int, int], dict[int, int]] = ({}, {})
    while True:
        document = _try(content, (chosen[0], chosen[1]), qr_text)
        for index, name in enumerate(("year-1", "year-2")):
            sheets[index][chosen[index]] = _n_sheets(document, name)
        wanted = [_next_density(tried) for tried in sheets]
        if wanted == chosen:
            return document
        chosen = wanted


def _try(content: TranscriptContent, densities: tuple[int, int], qr_text: str | None) -> weasyprint.Document:
    document = layout().lay_out(
        render_html(content, densities, qr_text),
        pdf_variant="pdf/a-3a",
        pdf_tags=True,
        uncompressed_pdf=False,
    )
    if len(document.pages) > _MAX_PAGES:
        raise IntegrityFault("Nội dung học bạ quá dài để in.")
    return document


def _n_sheets(document: weasyprint.Document, name: str) -> int:
    first = next(number for number, page in enumerate(document.pages) if name in page.anchors)
    last = next(number for number, page in enumerate(document.pages) if f"{name}-end" in page.anchors)
    return last - first + 1


def _next_density(tried: dict[int, int]) -> int:
    """The type size to take, or to try next, after these sizes needed so many sheets."""
    for density in range(len(_DENSITIES)):
        if tried.get(density, 1) == 1:
            return density
    return min(_READABLE, key=lambda density: (tried[density], density))


def render_unsigned_pdf(content: TranscriptContent, qr_text: str | None = None) -> bytes:
    """The unsigned PDF of ``content`` (and ``qr_text``, see ``render_html``): same content, same bytes.

    Raises ``errors.IntegrityFault`` when it cannot be laid out.
    """
    return _render(content, build_data_zone(content), qr_text)


def _render(content: TranscriptContent, data_zone: bytes, qr_text: str | None) -> bytes:
    document = _lay_out(content, qr_text)
    document.metadata.attachments.append(
        weasyprint.Attachment(
            string=data_zone,
            name=ATTACHMENT_NAME,
            description="Vùng dữ liệu XML của học bạ số",
            relationship="Source",
            created=content.built_at,
            modified=content.built_at,
        )
    )
    spots = {}
    for number, page in enumerate(document.pages):
        for name in FIELDS:
            box = page.anchors.get(f"field-{name}")
            if box is not None and name not in spots:
                x1, y1, x2, y2 = (value * _PX_TO_PT for value in box)
                height = page.height * _PX_TO_PT
                spots[name] = (number, (x1, height - y2, x2, height - y1))
    if set(spots) != set(FIELDS):
        raise IntegrityFault("Mẫu in thiếu vị trí chữ ký.")
    words = dict(FIELDS)
    if content.has_written_signatures and content.principal.title == TITLE_DEPUTY:
        words["HIEU_TRUONG"] = "Chữ ký số của Phó Hiệu trưởng ký thay"
    made = _normalise(tag_structure.write_pdf(document), spots, words, letters=content.has_written_signatures)
    # Older forms are rebuilt to the byte.
    return stream_ends.clear_ends(made) if content.has_written_signatures else made


def _normalise(
    raw: bytes,
    spots: dict[str, tuple[int, tuple[float, float, float, float]]],
    words: dict[str, str],
    *,
    letters: bool,
) -> bytes:
    with pikepdf.open(io.BytesIO(raw)) as pdf:
        root = pdf.Root
        unique: dict[tuple[int, int], pikepdf.Object] = {}
        for item in root.AF:
            unique.setdefault(item.objgen, item)
        root.AF = Array(list(unique.values()))
        _label_attachment(pdf)
        # Marks for our own layout: no link leads to them, and each signature writes the catalogue again.
        del root.Names.Dests
        # The XMP packet has to be readable without decoding (PDF/A-3, 6.6.2.1).
        packet = _declare_ua(root.Metadata.read_bytes())
        root.Metadata = pdf.make_stream(packet, Type=Name.Metadata, Subtype=Name.XML)
        fields = []
        parents = root.StructTreeRoot.ParentTree
        next_key = int(parents.Nums[len(parents.Nums) - 2]) + 1
        structure = root.StructTreeRoot.K[0]
        for name, (number, box) in spots.items():
            page = pdf.pages[number]
            width, height = box[2] - box[0], box[3] - box[1]
            empty = pdf.make_stream(
                b"",
                Type=Name.XObject,
                Subtype=Name.Form,
                BBox=[0, 0, _num(width), _num(height)],
                Resources=Dictionary(),
            )
            widget = pdf.make_indirect(
                Dictionary(
                    Type=Name.Annot,
                    Subtype=Name.Widget,
                    FT=Name.Sig,
                    F=132,
                    T=String(name),
                    TU=String(words[name]),
                    Contents=String(words[name]),
                    Rect=[_num(value) for value in box],
                    P=page.obj,
                    AP=Dictionary(N=empty),
                    StructParent=next_key,
                )
            )
            element = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Form, P=structure, Pg=page.obj))
            element.Alt = String(words[name])
            element.K = Dictionary(Type=Name.OBJR, Obj=widget, Pg=page.obj)
            structure.K.append(element)
            parents.Nums.append(next_key)
            parents.Nums.append(element)
            next_key += 1
            if Name.Annots not in page.obj:
                page.obj.Annots = Array()
            page.obj.Annots.append(widget)
            fields.append(widget)
        root.StructTreeRoot.ParentTreeNextKey = next_key
        for page in pdf.pages:
            page.obj.Tabs = Name.S
        root.AcroForm = pdf.make_indirect(Dictionary(Fields=Array(fields), SigFlags=3))
        if letters:
            root.AcroForm.DR = Dictionary(Font=_letter_fonts(pdf))
            for page in pdf.pages:
                resources: Any = page.obj.Resources
                for name in ("/Pattern", "/Shading"):  # empty: an allowlist of PDF/A takes their names for patterns
                    if name in resources and not len(resources[name].keys()):
                        del resources[name]
        out = io.BytesIO()
        pdf.save(
            out,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            compress_streams=False,
            deterministic_id=True,
            linearize=False,
        )
    return out.getvalue()


def _letter_fonts(pdf: pikepdf.Pdf) -> Dictionary:
    """The pages' own fonts for what a signature writes later: no font is embedded again, and its letters are in them by the form."""
    found: dict[str, Any] = {}
    for page in pdf.pages:
        for font in page.obj.Resources.Font.values():
            found.setdefault(str(font.BaseFont).partition("+")[2], font)
    return Dictionary({f"/{name}": found[face] for name, face in LETTER_FONTS.items()})


_UA_SCHEMA = b"""<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" \
xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" rdf:about="" pdfuaid:part="1"/>\
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about="" \
xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" \
xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>\
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">\
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>\
<pdfaProperty:category>internal</pdfaProperty:category>\
<pdfaProperty:description>PDF/UA version identifier</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property>\
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""


def _declare_ua(packet: bytes) -> bytes:
    """Add PDF/UA-1 to the XMP; PDF/A wants the foreign schema described beside it."""
    end = packet.rindex(b"</rdf:RDF>")
    return packet[:end] + _UA_SCHEMA + packet[end:]


def _label_attachment(pdf: pikepdf.Pdf) -> None:
    for item in pdf.Root.AF:
        item.UF = String(ATTACHMENT_NAME)
        item.F = String(ATTACHMENT_NAME)
        item.EF.F.Subtype = Name("/text/xml")


def _num(value: float) -> Any:
    # Two decimals of a point are 0.004 mm; more digits would only make bytes depend on floating point noise.
    from decimal import Decimal

    return Decimal(str(round(value, 2)))
