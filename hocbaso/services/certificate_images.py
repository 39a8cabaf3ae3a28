"""The image of a person's hand or of the school's seal, uploaded by the certificate's owner and drawn with each signature."""

from __future__ import annotations

from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, document_pool, stored_documents
from hocbaso.services.access import Actor
from hocbaso.services.certificate_register import is_own


def kind_of(row: m.Certificate) -> str:
    """``seal`` or ``hand``, as ``documents.signature_image`` calls them."""
    return "seal" if row.purpose == "seal" else "hand"


def _own(actor: Actor, certificate_id: int) -> m.Certificate:
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    if row is None or not is_own(actor, certificate_id):
        raise NotFound("Không có chứng thư này.")
    return row


def set_image(actor: Actor, certificate_id: int, data: bytes, now: datetime) -> None:
    """Keep the owner's image (for the seal: the clerk's), judged and made anew in a worker; it is drawn from the next signature on.

    Raises NotFound, WrongState (retired), Invalid (what is wrong with the image, and what to do).
    """
    row = _own(actor, certificate_id)
    if row.retired_at is not None:
        raise WrongState("Chứng thư này đã ngừng dùng.")
    if not data:
        raise Invalid("Chọn tệp ảnh PNG.", field="image")
    if len(data) > 2_000_000:
        raise Invalid("Ảnh lớn quá 2 MB.", field="image")
    made: bytes = document_pool.call("hocbaso.documents.signature_image:remake", data, kind_of(row))
    _write(actor, certificate_id, made, now)


def remove_image(actor: Actor, certificate_id: int, now: datetime) -> None:
    """Draw a neutral text in the image's place again. Raises NotFound, WrongState (there is none)."""
    if _own(actor, certificate_id).image_digest is None:
        raise WrongState("Chứng thư này chưa có hình nào.")
    _write(actor, certificate_id, None, now)


def _write(actor: Actor, certificate_id: int, image: bytes | None, now: datetime) -> None:
    with write_transaction():
        row = _own(actor, certificate_id)
        before = {"image_digest": row.image_digest}
        row.image_digest = stored_documents.keep(image, "signature_image", "image/png", now) if image else None
        if row.image_digest == before["image_digest"]:
            return
        db.session.flush()
        audit.record(
            AuditTag.CERTIFICATE_IMAGE_CHANGED,
            actor,
            now,
            target_kind="certificate",
            target_id=row.id,
            state=audit.states("certificate", [row]),
            before=before,
        )


def image_for_owner(actor: Actor, certificate_id: int) -> bytes:
    """The kept PNG, for nobody but the owner (the clerk for the seal): who has it can put it under anything. NotFound."""
    row = _own(actor, certificate_id)
    if row.image_digest is None:
        raise NotFound("Không có chứng thư này.")  # in the words for one that is not there
    return stored_documents.read(row.image_digest)


def image_of(certificate_id: int) -> bytes | None:
    """What is drawn with the signatures of a certificate; None: a neutral text. IntegrityFault when it is not what was kept."""
    row = db.session.get(m.Certificate, certificate_id)
    return stored_documents.read(row.image_digest) if row is not None and row.image_digest is not None else None
