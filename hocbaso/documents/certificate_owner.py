"""Whose certificate is this: the one rule by which a seal, a principal, a teacher are told apart (decision 0030). Light.

Registering a certificate, judging a signature, believing a statement on a machine's key and the page for offline checks
(``static/offline/check.js``, held against this module by a test) all ask here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hocbaso.documents.certificate_parts import NAME_MAX
from hocbaso.documents.provinces import province_key, provinces

UNIT_PREFIXES = ("MST", "MNS", "MSNS", "MSDN")
"""How a certificate of an organisation numbers it: tax, budget or enterprise number."""
_NUMBERED = re.compile(r"([A-ZĐ]+)[:\-](.+)\Z")
_PERSON_PREFIXES = ("CCCD", "CMND", "CMT", "HC")
NOT_FOR_SIGNING = "Chứng thư này không được cấp để ký văn bản."
NO_NUMBER = "Chứng thư không ghi số định danh cá nhân nên chỉ đối chiếu được họ tên."

#: Purposes of a certificate for documents: mail, documents (RFC 9336, Microsoft, Adobe), any.
_DOCUMENT_PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
        "1.3.6.1.5.5.7.3.36",
        "1.3.6.1.4.1.311.10.3.12",
        "1.2.840.113583.1.1.5",
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
    }
)
#: Of persons' tokens; alone they say that the certificate is for a person and not for a server or a program.
_PERSONS_PURPOSES = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string, "1.3.6.1.4.1.311.20.2.2"})


def fold(text: str) -> str:
    """A name as it is compared: NFC, without case, single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a certificate names: all values of each attribute, not only the first. Numbers without their prefix."""

    names: tuple[str, ...]
    organisations: tuple[str, ...]
    unit_numbers: tuple[str, ...]
    personal_numbers: tuple[str, ...]
    provinces: tuple[str, ...]
    localities: tuple[str, ...]

    @property
    def name(self) -> str:
        """The common name, or how several read together."""
        return " / ".join(self.names)

    @property
    def place(self) -> str:
        """Province, failing it the locality."""
        return next(iter((*self.provinces, *self.localities)), "")


@functools.lru_cache(maxsize=256)
def holder_of(der: bytes) -> Holder:
    """Read the subject of a certificate (DER). ValueError when it is none."""
    subject = x509.load_der_x509_certificate(der).subject

    def of(oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(item.value) for item in subject.get_attributes_for_oid(oid))

    def is_personal(prefix: str, number: str) -> bool:
        return prefix in _PERSON_PREFIXES or bool(re.fullmatch(r"\d{12}" if prefix else r"\d{9}|\d{12}", number))

    unit, personal = [], []
    for value in (*of(NameOID.USER_ID), *of(NameOID.SERIAL_NUMBER)):
        text = "".join(value.upper().split())
        found = _NUMBERED.match(text)
        prefix, number = (found[1], found[2]) if found else ("", text)
        if prefix in UNIT_PREFIXES:
            unit.append(number)
        # A serialNumber without a prefix is the authority's own count of its customers.
        elif (prefix or value in of(NameOID.USER_ID)) and is_personal(prefix, number):
            personal.append(number)
    return Holder(
        of(NameOID.COMMON_NAME),
        of(NameOID.ORGANIZATION_NAME),
        tuple(unit),
        tuple(personal),
        of(NameOID.STATE_OR_PROVINCE_NAME),
        of(NameOID.LOCALITY_NAME),
    )


def _is_named(value: str, wanted: str) -> bool:
    # A certificate's names end after 64 characters, a school's need not.
    return fold(value) in (fold(wanted), fold(wanted[:NAME_MAX]))


def _is_school(value: str, school_name: str) -> bool:
    bare = school_name[7:] if school_name.casefold().startswith("trường ") else school_name
    return _is_named(value, school_name) or _is_named(value, bare)


def why_not_seal(der: bytes, school_name: str, province: str | None = None) -> str | None:
    """Why a certificate (DER) is not the seal of this school; None when it is.

    The seal's is an organisation's: no personal number anywhere, one common name, which is the school's (a short one with an
    organisation or its number beside it) or stands beside the school as organisation and its number. Where it names a province and ``province`` is
    given, they are the same, the joining of 2025 considered.
    """
    who = holder_of(der)
    if who.personal_numbers:
        return f"Chứng thư cấp cho cá nhân “{who.name}”, không phải con dấu của {school_name}."
    named = len(who.names) == 1 and _is_school(who.name, school_name)
    housed = any(_is_named(value, school_name) for value in who.organisations)
    if not named and not (len(who.names) == 1 and housed and who.unit_numbers):
        return f"Chứng thư con dấu mang tên “{who.name}”, không phải {school_name}."
    # No person is called "Trường …"; of a shorter name something else has to say that it is an organisation's.
    if not (who.unit_numbers or who.organisations or fold(who.name).startswith("trường ")):
        return f"Chứng thư mang tên “{who.name}” không ghi tổ chức hay mã số tổ chức nên không phải con dấu của trường."
    known = provinces()
    ours = known.get(province_key(province)) if province else None
    theirs = {known[key] for key in map(province_key, who.provinces) if key in known}
    if ours and theirs and ours not in theirs:
        return f"Con dấu là của một trường cùng tên ở {who.place}, không phải {school_name} ở {province}."
    return None


def is_same_unit(one: bytes, other: bytes) -> bool:
    """Whether two seals' certificates (DER) are of one organisation: one number in common, or, without any, one name and place."""
    left, right = holder_of(one), holder_of(other)
    if left.unit_numbers or right.unit_numbers:
        return not set(left.unit_numbers).isdisjoint(right.unit_numbers)
    facts = [
        [sorted(map(fold, values)) for values in (who.names, who.organisations, who.provinces, who.localities)]
        for who in (left, right)
    ]
    return facts[0] == facts[1]


def why_not_person(der: bytes, full_name: str, personal_id: str | None) -> str | None:
    """Why a certificate (DER) is not of this person; None when nothing speaks against it.

    One common name and no other; each number of twelve digits, wherever and however it is written, is hers.
    """
    who = holder_of(der)
    if len(who.names) != 1 or not _is_named(who.name, full_name):
        return f"Người ký là “{who.name}”, không phải {full_name} như ghi trên học bạ."
    if personal_id and any(len(number) == 12 and number != personal_id for number in who.personal_numbers):
        return "Số định danh trong chứng thư không phải của người ghi trên học bạ."
    return None


def lacks_number(der: bytes, personal_id: str | None) -> bool:
    """Whether nothing but a name ties a person's certificate to her: it lacks the number of the record."""
    return bool(personal_id) and personal_id not in holder_of(der).personal_numbers


def purpose_reason(der: bytes) -> str | None:
    """A sentence when the certificate's extended purposes leave no signing of documents: a server's, a program's."""
    try:
        usages = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    purposes = {item.dotted_string for item in usages}
    if not purposes.isdisjoint(_DOCUMENT_PURPOSES) or purposes <= _PERSONS_PURPOSES:
        return None
    return NOT_FOR_SIGNING
