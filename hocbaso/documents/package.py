"""A record on its way: PDF, XML and a manifest in one ZIP whose every byte follows from its parts.

Stored without compression, fixed dates, fixed order: a package that is not byte for byte what ``build_package`` would write from
its own members is refused, so nothing can hide between them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass

from hocbaso.errors import Invalid

PDF_NAME, XML_NAME, MANIFEST_NAME = "hoc-ba.pdf", "hoc-ba.xml", "manifest.json"
_MAX = 20_000_000


@dataclass(frozen=True, slots=True)
class Package:
    """The members of a package."""

    pdf: bytes
    xml: bytes
    record_uuid: str


def build_package(pdf: bytes, xml: bytes, record_uuid: str) -> bytes:
    """One ZIP with PDF, XML and their SHA-256."""
    manifest = {
        "format": "hocbaso-package-1",
        "record_uuid": record_uuid,
        "files": {PDF_NAME: hashlib.sha256(pdf).hexdigest(), XML_NAME: hashlib.sha256(xml).hexdigest()},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            (MANIFEST_NAME, json.dumps(manifest, sort_keys=True, indent=1).encode("utf-8")),
            (PDF_NAME, pdf),
            (XML_NAME, xml),
        ):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, data)
    return out.getvalue()


def open_package(data: bytes) -> Package:
    """Read a package. Raises ``errors.Invalid`` unless it is exactly what its members make."""
    fault = Invalid("Gói học bạ bị hỏng hoặc đã bị sửa.")
    if len(data) > _MAX:
        raise Invalid("Gói học bạ quá lớn.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if [info.filename for info in infos] != [MANIFEST_NAME, PDF_NAME, XML_NAME]:
                raise fault
            if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > _MAX for info in infos):
                raise fault
            manifest, pdf, xml = (archive.read(info) for info in infos)
        uuid = json.loads(manifest)["record_uuid"]
        if not isinstance(uuid, str) or build_package(pdf, xml, uuid) != data:
            raise fault
    except Invalid:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged input
        raise fault from error
    return Package(pdf, xml, uuid)
