"""Registering a certificate whose key is at a remote signing provider."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from hocbaso.documents import signers
from hocbaso.documents.csc_client import Credential
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import certificate_register, certificates, remote_logins, remote_providers
from hocbaso.services.access import Actor
from hocbaso.services.trust_roots import chain_is_trusted

MAX_USER = 100


def register_remote(
    actor: Actor, name: str, user: str, now: datetime, *, purpose: str = "personal", replace: bool = False
) -> int:
    """Register the actor's own certificate at a provider (the school's, for the clerk); the certificate's id.

    ``user`` is how the provider knows the signer (personal identity number, telephone, account); not asked where the signer has
    signed in there. Only a certificate that names
    the actor is taken, the one valid longest; that its key obeys the signer shows at each signature, which is checked before
    it is kept. Raises NotAllowed, WrongState, Unavailable, Invalid (none fits; each reason in ``details``).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    person = certificate_register.person_for(actor, purpose)
    user = user.strip()
    if name in remote_providers.wants_sign_in():
        user = ""
    elif not user or len(user) > MAX_USER or not user.isprintable():
        raise Invalid("Nhập tài khoản của thầy, cô ở nơi cấp.", field="user")
    client = remote_logins.client_for(actor, name, now)
    fitting: list[tuple[datetime, Credential, tuple[bytes, ...]]] = []
    reasons: list[str] = []
    for credential_id in client.credentials(user):
        try:
            credential = client.credential(credential_id)
            chain = _checked(credential, now)
            certificates.require_owner(chain[0], person)
            if not chain_is_trusted(chain, now):
                raise Invalid("Chứng thư này không do nơi cấp mà trường tin cậy.")
        except (Invalid, WrongState) as refusal:
            reasons.append(refusal.message)
        else:
            fitting.append((x509.load_der_x509_certificate(chain[0]).not_valid_after_utc, credential, chain))
    if not fitting:
        raise Invalid(
            f"{client.provider.words} không có chứng thư nào dùng được cho {certificates.owner_of(person)}.",
            field="user",
            details=tuple(dict.fromkeys(reasons)) or ("Tài khoản này chưa có khoá nào.",),
        )
    _, credential, chain = max(fitting, key=lambda each: each[0])
    asks = " ".join(["pin"] * credential.asks_pin + ["code"] * credential.asks_code)
    place = {"provider": name, "user": user, "credential_id": credential.id, "asks": asks}
    return certificate_register.store(actor, chain, person, now, key_kind="remote", place=place, replace=replace)


def _checked(credential: Credential, now: datetime) -> tuple[bytes, ...]:
    try:
        leaf, *others = [x509.load_der_x509_certificate(der) for der in credential.chain]
    except ValueError as error:
        raise Invalid("Chứng thư nơi cấp đưa ra không đọc được.") from error
    signers.check_certificate(leaf, now)
    return signers.order_chain(leaf, others)
