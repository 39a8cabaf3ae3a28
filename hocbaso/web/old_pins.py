"""PINs from before they had to have eight characters still open their keys; whoever signs with one is asked for a better one."""

from __future__ import annotations

from flask import url_for
from markupsafe import Markup

from hocbaso import clock
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services.certificates import is_good_pin
from hocbaso.services.signing_view import signer_panel
from hocbaso.web.security import current_actor, note


def ask_for_better(pin: str, role: str) -> None:
    """After ``pin`` has opened a key on this machine in a role: a word about it when it could not be chosen today."""
    if is_good_pin(pin):
        return
    panel = signer_panel(current_actor(), SignatureRole(role), 1, clock.now())
    if panel is not None and panel.certificate is not None and panel.certificate.key_kind == "software":
        where = url_for("certificates.record", certificate_id=panel.certificate.id, _anchor="doi-pin")
        note(Markup('Mã PIN vừa dùng ngắn hoặc dễ đoán. <a href="{}">Đổi mã PIN</a>').format(where), "late")
