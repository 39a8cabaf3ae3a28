"""PAdES signatures as incremental updates: homeroom teacher, then principal, then the school's seal.

endesive writes the increment; what it does not do right is done here: the PAdES
sub-filter, ECDSA's algorithm name, one token operation a signature, a failing authority that is said aloud, and an appearance
that keeps PDF/A. The first signature certifies the document with P=2: from then on only the two remaining fields may be
filled. Levels: B-B, or B-T when an ``authority`` is given.
"""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hocbaso.documents import cms, stream_ends, time_stamps
from hocbaso.documents.appearance import VIETNAM, RasterImage, Words, decode_image, draw
from hocbaso.documents.endesive_compat import endesive_pdf, pypdf
from hocbaso.documents.signed_pdf import FIELD_OF as FIELD_OF
from hocbaso.documents.signed_pdf import LETTER_FONTS, ROLE_WORDS, read_contents, signature_spans
from hocbaso.documents.signers import Signer
from hocbaso.documents.time_stamps import TimeAuthority
from hocbaso.errors import IntegrityFault, Invalid, WrongState

po = pypdf.generic
_CODE = re.compile(rb"<([0-9a-fA-F]{4})> <[0-9a-fA-F]+>\s*\n")

REASONS = {
    "homeroom": "Giáo viên chủ nhiệm xác nhận kết quả rèn luyện và học tập",
    "principal": "Hiệu trưởng phê duyệt học bạ",
    "seal": "Nhà trường phát hành học bạ số",
}
#: Bytes kept for a time stamp, which is known only after it has been asked for once and may not be asked for twice.
_TOKEN_ROOM = 8192


@dataclass(frozen=True, slots=True)
class Mark:
    """What is drawn and written with a signature: the signer's name, the place, and the image (PNG bytes) if there is one."""

    name: str
    place: str = ""
    image: bytes | None = None


_NO_RECORD = "Tệp PDF không phải học bạ do hệ thống lập, hoặc đã bị hỏng."


class _Increment(endesive_pdf.SignedData):
    """endesive's writer with the sub-filter of PAdES and our appearance."""

    role: str
    mark: Mark
    at: datetime
    fonts: dict[str, Any] | None
    """The paper's own fonts by name, as references, where its form offers them."""

    def _make_signature(self, Contents: Any = None, Type: Any = None, SubFilter: Any = None) -> Any:
        return super()._make_signature(Contents=Contents, Type=Type, SubFilter=po.NameObject("/ETSI.CAdES.detached"))

    def _addAnnotation(
        self, cert: Any, udct: Any, box: Any, page: Any, widget: Any, widget_ref: Any, is_new: bool
    ) -> None:
        width, height = box[2] - box[0], box[3] - box[1]
        own = self.fonts is not None
        strip = height - width if own and self.role == "seal" else 0
        image = decode_image(self.mark.image, width, height - strip) if self.mark.image else None
        office = str(widget.get("/TU", "")).removeprefix("Chữ ký số của ")
        words = Words(self.mark.name, office, self.at)
        form = _stream(draw(self.role, words, width, height, image, self._letters() if own else None))
        form.update(
            {
                po.NameObject("/Type"): po.NameObject("/XObject"),
                po.NameObject("/Subtype"): po.NameObject("/Form"),
                po.NameObject("/BBox"): po.ArrayObject([po.FloatObject(round(v, 2)) for v in (0, 0, width, height)]),
                po.NameObject("/Resources"): self._resources(image),
            }
        )
        # The widget stands on its page already; the page itself is left alone.
        widget.update({po.NameObject("/AP"): po.DictionaryObject({po.NameObject("/N"): self._add_object(form)})})

    def _letters(self) -> dict[str, frozenset[int]]:
        """Glyph numbers in each of the paper's fonts."""
        styles = {"HBR": "Regular", "HBB": "Bold"}
        found = {}
        for name, font in (self.fonts or {}).items():
            table = font.get_object()["/ToUnicode"].get_data()
            found[styles[name]] = frozenset(int(code, 16) for code in _CODE.findall(table))
        return found

    def _resources(self, image: RasterImage | None) -> Any:
        resources = po.DictionaryObject()
        if self.fonts is not None:
            named = {po.NameObject(f"/{name}"): font for name, font in self.fonts.items()}
            resources[po.NameObject("/Font")] = po.DictionaryObject(named)
        if image is None:
            return resources
        mask = self._image(image.alpha, image.width, image.height, po.NameObject("/DeviceGray"), bits=4)
        if image.rows:
            last = po.NumberObject(len(image.palette) // 3 - 1)
            table = po.ByteStringObject(image.palette)
            space = po.ArrayObject([po.NameObject("/Indexed"), po.NameObject("/DeviceRGB"), last, table])
            picture = self._image(image.rows, image.width, image.height, space, bits=4)
        else:  # one ink: a single dot of it under the mask that has the shape
            picture = self._image(zlib.compress(image.palette, 9), 1, 1, po.NameObject("/DeviceRGB"), bits=8)
        picture[po.NameObject("/SMask")] = self._add_object(mask)
        drawn = po.DictionaryObject({po.NameObject("/Im0"): self._add_object(picture)})
        resources[po.NameObject("/XObject")] = drawn
        return resources

    @staticmethod
    def _image(data: bytes, width: int, height: int, space: Any, *, bits: int) -> Any:
        stream = _stream(data, packed=True)
        stream.update(
            {
                po.NameObject("/Type"): po.NameObject("/XObject"),
                po.NameObject("/Subtype"): po.NameObject("/Image"),
                po.NameObject("/Width"): po.NumberObject(width),
                po.NameObject("/Height"): po.NumberObject(height),
                po.NameObject("/BitsPerComponent"): po.NumberObject(bits),
                po.NameObject("/ColorSpace"): space,
            }
        )
        return stream

    def extend(self, pdf: bytes, reader: Any, details: dict[str, Any], room: int) -> tuple[bytes, int, int]:
        """The increment with a zero placeholder; positions of ``<`` and just past ``>`` in the whole file. ``reader`` has read ``pdf``."""
        zeros = b"00" * room
        root: Any = reader.trailer.raw_get("/Root")
        form = root.get_object().raw_get("/AcroForm")
        offered = form.get_object().get("/DR", {}).get("/Font")
        self.fonts = None if offered is None else {name: offered.raw_get(f"/{name}") for name in LETTER_FONTS}
        named = (root, form)
        known = {ref.idnum: _bytes_of(ref.get_object()) for ref in named if isinstance(ref, po.IndirectObject)}
        self._makepdf(reader, details, "sha256", zeros, None, (), None, None, mode="sign", use_signingdate=True)
        for number, before in known.items():
            # endesive writes catalogue and form again each time; only the first signature changes one of them.
            if _bytes_of(self._objects[number - 1]) == before:
                self._objects[number - 1] = None
        for item in self._objects:
            # ISO 19005-3, 6.4.3: a DocMDP reference carries no digest entries.
            if isinstance(item, po.DictionaryObject) and item.get("/TransformMethod") == "/DocMDP":
                item.pop("/DigestMethod", None)
        first = reader.trailer["/ID"].get_object()[0].original_bytes
        second = hashlib.sha256(pdf + self.role.encode()).digest()[:16]
        self._ID = po.ArrayObject([po.ByteStringObject(first), po.ByteStringObject(second)])
        out = io.BytesIO()
        self._write(out, reader, len(pdf))
        data = out.getvalue()
        # endesive ends an xref subsection header with a blank; strict readers then rebuild the table and lose the trailer.
        table = data.rindex(b"\nxref\n")
        data = data[:table] + re.sub(rb"(\n\d+ \d+) \n", rb"\1\n", data[table:])
        data = stream_ends.clear_ends(data, len(pdf))
        start = data.index(b"<" + zeros + b">")
        end = start + len(zeros) + 2
        blank = (b"[ " + b" ".join([endesive_pdf._WNumberObject.Format] * 4) + b" ]") % (0, 0, 0, 0)
        value = b"[%d %d %d %d]" % (0, len(pdf) + start, len(pdf) + end, len(data) - end)
        if data.count(blank) != 1 or len(value) > len(blank):
            raise IntegrityFault("Không đặt được vùng ký vào tệp PDF.")
        return data.replace(blank, value.ljust(len(blank)), 1), start, end


def _bytes_of(item: Any) -> bytes:
    out = io.BytesIO()
    item.write_to_stream(out)
    return out.getvalue()


def _stream(data: bytes, *, packed: bool = False) -> Any:
    stream = po.StreamObject()
    stream._data = data
    if packed:
        stream[po.NameObject("/Filter")] = po.NameObject("/FlateDecode")
        return stream
    return stream.flate_encode()


def _read(pdf: bytes) -> Any:
    """A reader of the file. Reading its table is half of a signature's work: one does for all that asks."""
    try:
        return pypdf.PdfReader(io.BytesIO(pdf))
    except Exception as error:  # any parser failure means the same to the caller
        raise IntegrityFault(_NO_RECORD) from error


def _offers_letters(reader: Any) -> bool:
    """Whether a paper is of a form since 1.2 (``TranscriptContent.refuses_twins``), told without its data."""
    return "/DR" in reader.trailer["/Root"]["/AcroForm"]


def _filled_roles(reader: Any) -> tuple[str, ...]:
    """Roles whose field is filled, in order. Raises ``errors.IntegrityFault`` when the file is not an unsigned or signed record."""
    try:
        form = reader.trailer["/Root"]["/AcroForm"]
        fields = {str(item.get_object()["/T"]): "/V" in item.get_object() for item in form["/Fields"]}
    except Exception as error:  # any parser failure means the same to the caller
        raise IntegrityFault(_NO_RECORD) from error
    if list(fields) != list(FIELD_OF.values()):
        raise IntegrityFault("Tệp PDF không có đúng ba vị trí chữ ký của học bạ.")
    return tuple(role for role, field in FIELD_OF.items() if fields[field])


def _check_earlier(pdf: bytes, reader: Any, n_filled: int) -> None:
    """Refuse to sign on top of signatures that no longer hold (mathematics only; trust is judged after signing)."""
    spans = signature_spans(pdf)
    if len(spans) != n_filled:
        raise IntegrityFault("Số chữ ký trong tệp không khớp với các vị trí đã ký.")
    for index, (start, end, stop) in enumerate(spans):
        if stop > len(pdf) or (index == len(spans) - 1 and stop != len(pdf)):
            raise IntegrityFault("Tệp đã bị thêm nội dung sau chữ ký trước đó.")
        digest = hashlib.sha256(pdf[:start] + pdf[end:stop]).digest()
        parts = read_contents(pdf, start, end)
        if not cms.check(parts, digest) or (cms.is_twin(parts.chain, parts.signature) and _offers_letters(reader)):
            raise IntegrityFault("Một chữ ký trước đó trong tệp không còn đúng, không ký tiếp được.")


@dataclass(frozen=True, slots=True)
class PreparedPdf:
    """An increment that waits for its signature: ``tail`` follows the file, ``start`` and ``end`` are where the gap lies in it.

    ``digest`` is the SHA-256 of the file's byte range. Plain values: it travels between processes while a key elsewhere signs.
    """

    tail: bytes
    start: int
    end: int
    digest: bytes

    def message(self, chain: tuple[bytes, ...]) -> bytes:
        """What the key signs: the signed attributes (DER), of which it takes the SHA-256."""
        return cms.signed_attributes(self.digest, chain)


def prepare_pdf(
    pdf: bytes, role: str, chain: tuple[bytes, ...], *, at: datetime, mark: Mark, stamped: bool = False
) -> PreparedPdf:
    """The increment for ``role`` without its signature: room for one by ``chain``, ``stamped`` with a time stamp's too.

    Raises ``errors.WrongState`` out of order or twice, ``errors.IntegrityFault`` when an earlier signature does not hold.
    """
    if role not in FIELD_OF:
        raise Invalid("Vai trò ký không hợp lệ.")
    reader = _read(pdf)
    filled = _filled_roles(reader)
    order = list(FIELD_OF)
    if role in filled:
        raise WrongState(f"Học bạ này đã có chữ ký của {ROLE_WORDS[role]}.")
    if filled != tuple(order[: order.index(role)]):
        missing = next(word for word in order if word not in filled)
        raise WrongState(f"Chưa ký được: cần chữ ký của {ROLE_WORDS[missing]} trước.")
    _check_earlier(pdf, reader, len(filled))
    increment = _Increment()
    increment.role, increment.mark, increment.at = role, mark, at
    local = at.astimezone(VIETNAM)
    details: dict[str, Any] = {
        "sigfield": FIELD_OF[role],
        "signform": True,
        "sigpage": 0,
        "sigandcertify": role == "homeroom",
        "sigflags": 2,
        "signingdate": local.strftime("D:%Y%m%d%H%M%S+07'00'"),
        "reason": REASONS[role],
        "name": mark.name,
        "location": mark.place or None,
        "application": "hocbaso",
    }
    tail, start, end = increment.extend(pdf, reader, details, cms.longest(chain) + (_TOKEN_ROOM if stamped else 0))
    digest = hashlib.sha256(pdf)
    digest.update(tail[:start])
    digest.update(tail[end:])
    return PreparedPdf(tail, start, end, digest.digest())


def embed_pdf(
    pdf: bytes,
    prepared: PreparedPdf,
    chain: tuple[bytes, ...],
    signature: bytes,
    *,
    authority: TimeAuthority | None = None,
) -> bytes:
    """The longer file with ``signature`` (raw, as ``Signer.sign_digest`` gives it) in its gap; ``pdf`` is its unchanged beginning.

    Raises ``errors.Unavailable`` when the time-stamping authority does not answer.
    """
    signature = cms.lower(chain, signature)
    # endesive itself goes on without a time stamp that cannot be had; a record must never be weaker than was asked for.
    token = time_stamps.ask(hashlib.sha256(signature).digest(), authority).token if authority else None
    der = cms.build(prepared.digest, chain, signature, token)
    room = prepared.end - prepared.start - 2
    if len(der) * 2 > room:
        raise IntegrityFault("Chữ ký số dài hơn chỗ dành sẵn trong tệp.")
    gap = der.hex().encode("ascii").ljust(room, b"0")
    return pdf + prepared.tail[: prepared.start + 1] + gap + prepared.tail[prepared.end - 1 :]


def sign_pdf(
    pdf: bytes, role: str, signer: Signer, *, at: datetime, mark: Mark, authority: TimeAuthority | None = None
) -> bytes:
    """``prepare_pdf``, one signature of ``signer``, ``embed_pdf``; raises what they raise."""
    prepared = prepare_pdf(pdf, role, signer.chain, at=at, mark=mark, stamped=authority is not None)
    signature = signer.sign_digest(hashlib.sha256(prepared.message(signer.chain)).digest())
    return embed_pdf(pdf, prepared, signer.chain, signature, authority=authority)
