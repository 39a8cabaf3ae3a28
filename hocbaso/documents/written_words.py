"""Do the words under each signature say whose it is, as what and when? Since form 1.2 they are drawn again and compared.

A reader of the paper looks at these words and not at the certificate. Who draws them is who signs, with whatever program: so without this a
teacher's own good signature could stand under "Hiệu trưởng" or say another day. The picture of a hand or seal is nobody's proof and is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pikepdf

from hocbaso.documents.appearance import RasterImage, Words, draw
from hocbaso.documents.certificate_owner import fold
from hocbaso.documents.proof import letters_of_font
from hocbaso.documents.signed_pdf import LETTER_FONTS, LETTER_STYLES, OFFICES, ROLE_OF
from hocbaso.documents.transcript_content import TITLE_DEPUTY, TranscriptContent
from hocbaso.errors import IntegrityFault

OTHER_WORDS = "Chữ ghi dưới chữ ký (người ký, tư cách, giờ ký) khác với chính chữ ký đó."
OTHER_FORM = "Ô chữ ký của tệp không theo đúng mẫu của học bạ này."
_AT = re.compile(r"D:(\d{14})\+07'00'?\Z")


def office_of(role: str, content: TranscriptContent) -> str:
    """As what a role signs this record, as its words say it."""
    if role == "principal" and content.principal.title == TITLE_DEPUTY:
        return "Phó Hiệu trưởng ký thay"
    return OFFICES[role]


def require_words(pdf: pikepdf.Pdf, content: TranscriptContent, names: Mapping[str, Iterable[str]]) -> None:
    """Raise ``errors.IntegrityFault`` when the words of a filled field are not those of its signature.

    ``names``: by role what else than the record's own name for the signer may be written: the certificate's.
    """
    try:
        _require(pdf, content, names)
    except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise IntegrityFault(OTHER_FORM) from error


def _require(pdf: pikepdf.Pdf, content: TranscriptContent, names: Mapping[str, Iterable[str]]) -> None:
    form: Any = pdf.Root.AcroForm
    if ("/DR" in form) is not content.has_written_signatures:
        raise IntegrityFault(OTHER_FORM)
    if not content.has_written_signatures:
        return
    offered = {name: form.DR.Font[f"/{name}"] for name in LETTER_FONTS}
    if any(str(font.BaseFont).rpartition("+")[2].lstrip("/") != LETTER_FONTS[name] for name, font in offered.items()):
        raise IntegrityFault(OTHER_FORM)
    letters = {LETTER_STYLES[name]: frozenset(letters_of_font(font)) for name, font in offered.items()}
    printed = {"homeroom": content.homeroom.name, "principal": content.principal.name, "seal": content.school.name}
    for field in form.Fields:
        role = ROLE_OF.get(str(field.T))
        if role is None or "/V" not in field:
            continue
        name, found = str(field.V.Name), _AT.match(str(field.V.M))
        if found is None or fold(name) not in {fold(one) for one in (printed[role], *names.get(role, ()))}:
            raise IntegrityFault(OTHER_WORDS)
        at = datetime.strptime(f"{found[1]}+0700", "%Y%m%d%H%M%S%z")
        words = Words(name, office_of(role, content), at)
        _require_drawn(field, role, words, letters, {name: font.objgen for name, font in offered.items()})


def _require_drawn(
    field: Any, role: str, words: Words, letters: dict[str, frozenset[int]], fonts: dict[str, tuple[int, int]]
) -> None:
    left, bottom, right, top = (float(value) for value in field.Rect)
    width, height = right - left, top - bottom
    drawn = field.AP.N
    named = drawn.Resources.get("/Font", {})
    if (
        set(field.AP.keys()) != {"/N"}
        or "/Matrix" in drawn
        or any(abs(float(a) - b) > 0.01 for a, b in zip(drawn.BBox, (0, 0, width, height), strict=True))
        or {str(name)[1:]: font.objgen for name, font in named.items()} != fonts
    ):
        raise IntegrityFault(OTHER_FORM)
    image = None
    if "/XObject" in drawn.Resources:
        [(name, picture)] = drawn.Resources.XObject.items()
        if str(name) != "/Im0" or str(picture.Subtype) != "/Image":
            raise IntegrityFault(OTHER_FORM)
        image = RasterImage(int(picture.SMask.Width), int(picture.SMask.Height), b"", b"", b"")
    if drawn.read_bytes() != draw(role, words, width, height, image, letters):
        raise IntegrityFault(OTHER_WORDS)
