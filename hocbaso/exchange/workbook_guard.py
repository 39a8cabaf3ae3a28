"""Looks at an uploaded workbook before anything opens it: a hostile file is refused by its outside.

Only the zip directory and one streaming pass over the parts are needed, so a bomb costs neither time nor memory
(a 41 kB file can unpack to 12.8 MB of cells and take openpyxl 5 to 19 seconds and 210 MB).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from hocbaso.errors import Invalid

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UTF8_BOM = b"\xef\xbb\xbf"
_DOCTYPE = re.compile(rb"<!DOCTYPE|<!ENTITY|<\x00!\x00D\x00O\x00C|\x00<\x00!\x00D\x00O\x00C")
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension\b[^>]*?\bref="([A-Z]{1,3})?(\d+)?(?::([A-Z]{1,3})(\d+))?"')
_MACRO_TYPE = re.compile(rb"macroEnabled|vbaProject", re.IGNORECASE)
_EXTERNAL_LINK = re.compile(rb"relationships/(?:externalLink|externalLinkPath|attachedTemplate|oleObject)\b")
_CHUNK = 64 * 1024
_OVERLAP = 256


@dataclass(frozen=True, slots=True)
class WorkbookLimits:
    """What a school's file may weigh. Sizes in bytes, ``max_ratio`` unpacked over packed size.

    200 entries, not 60: 24 sheets saved by Excel carry a relationship and a printer part each (about 85 entries).
    ``max_tags`` bounds the cells a parser would have to build, whatever the file declares.
    """

    max_bytes: int = 2 * 1024 * 1024
    max_entries: int = 200
    max_unpacked_bytes: int = 10 * 1024 * 1024
    max_ratio: int = 100
    max_tags: int = 1_000_000
    max_rows: int = 5_000


DEFAULT_LIMITS = WorkbookLimits()


def check_workbook(data: bytes, limits: WorkbookLimits = DEFAULT_LIMITS) -> None:
    """Return quietly when ``data`` may be opened as an .xlsx workbook.

    Raises ``Invalid`` (Vietnamese reason) for: too large, not a zip, old .xls, encrypted, macros, external links, DOCTYPE,
    paths leading out, duplicate entries, too many entries, unpacked size, ratio or tags, a declared area of too many rows.
    """
    if not data:
        raise Invalid("Tệp rỗng.")
    if len(data) > limits.max_bytes:
        raise Invalid(f"Tệp nặng {_mb(len(data))}, vượt giới hạn {_mb(limits.max_bytes)}.")
    if data.startswith(_OLE_MAGIC):
        _refuse_ole(data)
    if not data.startswith(b"PK\x03\x04"):
        raise Invalid(
            "Tệp không phải là sổ Excel .xlsx. Hãy mở bằng Excel và lưu lại với kiểu “Excel Workbook (*.xlsx)”."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_directory(archive.infolist(), len(data), limits)
            _check_parts(archive, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, OSError) as fault:
        raise Invalid("Tệp .xlsx bị hỏng, không mở được. Hãy lưu lại tệp từ Excel rồi thử lại.") from fault


def _refuse_ole(data: bytes) -> None:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Invalid("Tệp Excel được đặt mật khẩu mở tệp. Hãy bỏ mật khẩu rồi nhập lại.")
    raise Invalid("Tệp là Excel kiểu cũ (.xls). Hãy mở bằng Excel và lưu lại với kiểu “Excel Workbook (*.xlsx)”.")


def _check_directory(entries: list[zipfile.ZipInfo], packed: int, limits: WorkbookLimits) -> None:
    if len(entries) > limits.max_entries:
        raise Invalid(f"Tệp có {len(entries)} phần bên trong, vượt giới hạn {limits.max_entries}.")
    names = [entry.filename for entry in entries]
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise Invalid("Tệp có đường dẫn bên trong trỏ ra ngoài; từ chối vì không an toàn.")
        if entry.flag_bits & 0x1:
            raise Invalid("Tệp Excel được đặt mật khẩu. Hãy bỏ mật khẩu rồi nhập lại.")
    lowered = [name.lower() for name in names]
    if len(set(lowered)) != len(lowered):
        raise Invalid("Tệp có hai phần bên trong trùng tên; từ chối vì không an toàn.")
    if any("vbaproject" in name or name.startswith("xl/macrosheets/") or "/activex/" in name for name in lowered):
        raise Invalid("Tệp có chứa macro. Hãy lưu lại với kiểu “Excel Workbook (*.xlsx)” không có macro.")
    if any(name.startswith("xl/externallinks/") for name in lowered):
        raise Invalid("Tệp có liên kết sang sổ Excel khác. Hãy ngắt liên kết (Dữ liệu > Sửa liên kết) rồi nhập lại.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.max_unpacked_bytes:
        raise Invalid(
            f"Tệp bung ra {_mb(unpacked)}, vượt giới hạn {_mb(limits.max_unpacked_bytes)}; "
            "từ chối vì có thể làm treo máy chủ."
        )
    if unpacked > limits.max_ratio * packed:
        raise Invalid(f"Tệp bung ra gấp {unpacked // packed} lần dung lượng nén; từ chối vì có thể làm treo máy chủ.")
    if "[content_types].xml" not in lowered or "xl/workbook.xml" not in lowered:
        raise Invalid("Tệp nén này không phải là sổ Excel .xlsx.")


def _check_parts(archive: zipfile.ZipFile, limits: WorkbookLimits) -> None:
    tags = 0
    for entry in archive.infolist():
        name = entry.filename.lower()
        is_xml = name.endswith((".xml", ".rels", ".vml"))
        is_sheet = name.startswith("xl/worksheets/") and name.endswith(".xml")
        tail = b""
        first = True
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                window = tail + chunk
                if _DOCTYPE.search(window):
                    raise Invalid("Tệp có khai báo DOCTYPE trong XML; từ chối vì không an toàn.")
                if is_xml:
                    if first and not _starts_as_xml(window):
                        raise Invalid(
                            f"Phần {entry.filename} bên trong tệp không phải là XML; tệp hỏng hoặc không an toàn."
                        )
                    tags += chunk.count(b"<")
                    if tags > limits.max_tags:
                        raise Invalid("Tệp có quá nhiều ô; hãy xoá các dòng, cột thừa rồi nhập lại.")
                    if name == "[content_types].xml" and _MACRO_TYPE.search(window):
                        raise Invalid(
                            "Tệp có chứa macro. Hãy lưu lại với kiểu “Excel Workbook (*.xlsx)” không có macro."
                        )
                    if name.endswith(".rels") and _EXTERNAL_LINK.search(window):
                        raise Invalid("Tệp có liên kết ngoài hoặc đối tượng nhúng. Hãy bỏ liên kết rồi nhập lại.")
                if first and is_sheet:
                    _check_dimension(window, limits)
                first = False
                tail = window[-_OVERLAP:]


def _starts_as_xml(head: bytes) -> bool:
    # Python's XML parser also takes EBCDIC and the like, in which the search for DOCTYPE above would see nothing.
    if head.startswith((b"\xff\xfe<\x00", b"\xfe\xff\x00<")):
        return True
    return head.removeprefix(_UTF8_BOM).lstrip(b" \t\r\n").startswith(b"<")


def _check_dimension(head: bytes, limits: WorkbookLimits) -> None:
    found = _DIMENSION.search(head)
    if found is None:
        return
    rows = int(found.group(4) or found.group(2) or 0)
    if rows > limits.max_rows:
        raise Invalid(
            f"Một trang tính khai báo {rows:,} dòng, vượt giới hạn {limits.max_rows:,} dòng. ".replace(",", ".")
            + "Hãy xoá các dòng thừa phía dưới danh sách rồi lưu lại."
        )


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB".replace(".", ",")
