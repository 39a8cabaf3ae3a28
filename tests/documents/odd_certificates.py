"""Certificates as a trusted issuer may give them to others than the school: namesakes, persons of the school, other purposes."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hocbaso.documents import certificate_parts as parts
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority

from .conftest import NOW

CN, O, UID = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.USER_ID  # noqa: E741
ST, NUMBER = NameOID.STATE_OR_PROVINCE_NAME, NameOID.SERIAL_NUMBER
SCHOOL_NAME, PRINCIPAL, TEACHER = "Trường THCS Đồng Sen", "Đoàn Thị Hải Yến", "Mai Thị Thắm"
LONG_NAME = "Trường Phổ thông dân tộc bán trú Trung học cơ sở Nguyễn Thị Minh Khai xã Mường Lống"

Names = list[tuple[x509.ObjectIdentifier, str]]

#: What is asked (school, its province) and whether the certificate is its seal.
SEALS: dict[str, tuple[Names, str, str, bool]] = {
    "organisation and name": ([(O, SCHOOL_NAME), (CN, SCHOOL_NAME)], SCHOOL_NAME, "Ninh Bình", True),
    "the whole name alone": ([(CN, SCHOOL_NAME)], SCHOOL_NAME, "Ninh Bình", True),
    "tax number and name": ([(CN, "TRƯỜNG THCS ĐỒNG SEN"), (UID, "MST:2700123456")], SCHOOL_NAME, "Ninh Bình", True),
    "budget number, name without its first word": ([(CN, "THCS Đồng Sen"), (UID, "MNS:1095123")], SCHOOL_NAME, "Ninh Bình", True),
    "number in serialNumber": ([(CN, SCHOOL_NAME), (NUMBER, "MST:2700123456")], SCHOOL_NAME, "Ninh Bình", True),
    "department, school as organisation, number": ([(O, SCHOOL_NAME), (CN, "Văn thư"), (UID, "MST:2700123456")], SCHOOL_NAME, "Ninh Bình", True),
    "province of before the joining": ([(CN, SCHOOL_NAME), (UID, "MST:2700123456"), (ST, "Tỉnh Nam Định")], SCHOOL_NAME, "Ninh Bình", True),
    "a place that is no province": ([(CN, SCHOOL_NAME), (UID, "MST:2700123456"), (ST, "Huyện Hoa Lư")], SCHOOL_NAME, "Ninh Bình", True),
    "a name cut after 64 letters": ([(O, LONG_NAME[:64]), (CN, LONG_NAME[:64])], LONG_NAME, "Nghệ An", True),
    "a long name of another school": ([(O, LONG_NAME[:63]), (CN, LONG_NAME[:63])], LONG_NAME, "Nghệ An", False),
    "same name in another province": ([(CN, SCHOOL_NAME), (UID, "MST:9999999999"), (ST, "Hà Nội")], SCHOOL_NAME, "Tỉnh Ninh Bình", False),
    "somebody named like the school": ([(CN, "THCS Đồng Sen")], SCHOOL_NAME, "Ninh Bình", False),
    "somebody named like it, with her number": ([(O, SCHOOL_NAME), (CN, SCHOOL_NAME), (UID, "CCCD:036184009999")], SCHOOL_NAME, "Ninh Bình", False),
    "a teacher": ([(O, SCHOOL_NAME), (CN, TEACHER), (UID, "CCCD:036184009999")], SCHOOL_NAME, "Ninh Bình", False),
    "a teacher, the school's number first": ([(O, SCHOOL_NAME), (CN, TEACHER), (UID, "MST:0101234567"), (UID, "CCCD:036184009999")], SCHOOL_NAME, "Ninh Bình", False),
    "a teacher without a number": ([(O, SCHOOL_NAME), (CN, TEACHER)], SCHOOL_NAME, "Ninh Bình", False),
    "two names": ([(O, SCHOOL_NAME), (CN, SCHOOL_NAME), (CN, TEACHER)], SCHOOL_NAME, "Ninh Bình", False),
}  # fmt: skip

OWN_NUMBER = "036175004321"
#: Whether it may sign as the principal of the sample record (name, number ``OWN_NUMBER``).
PRINCIPALS: dict[str, tuple[Names, bool]] = {
    "her number": ([(CN, PRINCIPAL), (UID, f"CCCD:{OWN_NUMBER}")], True),
    "her number, bare": ([(CN, PRINCIPAL), (UID, OWN_NUMBER)], True),
    "no number": ([(CN, PRINCIPAL)], True),
    "an old number of nine digits": ([(CN, PRINCIPAL), (UID, "CMND:161234567")], True),
    "a customer's number of the issuer": ([(CN, PRINCIPAL), (NUMBER, "100000012345")], True),
    "another's number": ([(CN, PRINCIPAL), (UID, "CCCD:036175009999")], False),
    "another's number, otherwise named": ([(CN, PRINCIPAL), (UID, "CMND:036175009999")], False),
    "another's number, second": ([(CN, PRINCIPAL), (UID, "MST:0101234567"), (UID, "CCCD:036175009999")], False),
    "another's number in serialNumber": ([(CN, PRINCIPAL), (NUMBER, "CCCD:036175009999")], False),
    "a second name": ([(CN, PRINCIPAL), (CN, "Kẻ Gian")], False),
}  # fmt: skip

MAIL, CLIENT = ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH
#: Extended purposes and whether documents may be signed with them.
PURPOSES: dict[str, tuple[list[x509.ObjectIdentifier], bool, bool]] = {
    "mail": ([MAIL], False, True),
    "mail and client": ([MAIL, CLIENT], False, True),
    "client": ([CLIENT], False, True),
    "documents": ([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")], True, True),
    "a server": ([ExtendedKeyUsageOID.SERVER_AUTH], False, False),
    "a server and client": ([ExtendedKeyUsageOID.SERVER_AUTH, CLIENT], False, False),
    "programs": ([ExtendedKeyUsageOID.CODE_SIGNING], True, False),
}


def signer_of(
    authority: TestAuthority, names: Names, purposes: tuple[list[x509.ObjectIdentifier], bool] | None = None
) -> SoftwareKeySigner:
    """A key with such a certificate under the authority. ``purposes``: extended key usages and whether critical."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([parts.named(oid, text) for oid, text in names])
    start, end = NOW - timedelta(hours=1), NOW + timedelta(days=1000)
    builder = parts.begin(subject, authority.issuing.subject, key, authority.issuing_key, start, end)
    builder = builder.add_extension(parts.usage(is_ca=False, commits=True), critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes[0]), critical=purposes[1])
    der = serialization.Encoding.DER
    leaf = builder.sign(authority.issuing_key, hashes.SHA256())
    return SoftwareKeySigner(key, (leaf.public_bytes(der), authority.issuing.public_bytes(der)))
