"""The school's own authority: what it may vouch for, and what other programs make of its certificates."""

from __future__ import annotations

import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hocbaso.documents import lan_authority
from hocbaso.documents.certificate_parts import begin, usage
from hocbaso.documents.lan_authority import LanNames
from hocbaso.errors import Invalid

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = LanNames.parse(("hocba.truong.lan", "192.168.1.20"))
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def root() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = lan_authority.new_key()
    return key, lan_authority.create_authority(key, NAMES, "Trường THCS Đồng Sen", NOW)


def forged(root: tuple[ec.EllipticCurvePrivateKey, x509.Certificate], *names: x509.GeneralName) -> x509.Certificate:
    """What a thief of the root's key would sign."""
    key = lan_authority.new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    return (
        begin(subject, root[1].subject, key, root[0], NOW - timedelta(hours=1), NOW + timedelta(days=90))
        .add_extension(usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(root[0], hashes.SHA256())
    )


def openssl(folder: Path, root: x509.Certificate, leaf: x509.Certificate, *more: str) -> str:
    """What `openssl verify` says of a leaf under this root: "OK" or its complaint."""
    (folder / "root.pem").write_bytes(root.public_bytes(PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.pem", *more, "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "OK" if done.returncode == 0 else done.stdout + done.stderr


def test_the_root_vouches_for_the_schools_names_only_and_has_no_authority_below_it(root):  # type: ignore[no-untyped-def]
    found = root[1].extensions
    constraints = found.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees] == ["hocba.truong.lan", "192.168.1.20/32"]
    assert [str(name.value) for name in constraints.value.excluded_subtrees] == ["::/0"]
    basic = found.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert root[1].not_valid_after_utc - root[1].not_valid_before_utc == timedelta(days=5 * 365 + 1)
    assert lan_authority.names_of_authority(root[1]) == NAMES


def test_the_leaf_has_all_that_chrome_on_android_asks_for(root):  # type: ignore[no-untyped-def]
    leaf = lan_authority.issue_leaf(root[1], root[0], lan_authority.new_key(), NAMES, NOW)
    found = leaf.extensions
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=397)
    assert leaf.not_valid_before_utc <= NOW - timedelta(hours=23)
    assert lan_authority.names_of_leaf(leaf) == NAMES
    key_usage = found.get_extension_for_class(x509.KeyUsage)
    assert key_usage.critical and key_usage.value.digital_signature and not key_usage.value.key_cert_sign
    assert list(found.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert (
        found.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        == root[1].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey) and leaf.public_key().curve.name == "secp256r1"
    assert lan_authority.issued_by(leaf, root[1])
    other = lan_authority.create_authority(lan_authority.new_key(), NAMES, "", NOW)
    assert not lan_authority.issued_by(leaf, other)


def test_openssl_accepts_the_leaf_under_its_names_and_no_other(root, tmp_path: Path):  # type: ignore[no-untyped-def]
    leaf = lan_authority.issue_leaf(root[1], root[0], lan_authority.new_key(), NAMES, NOW)
    assert openssl(tmp_path, root[1], leaf, "-verify_hostname", "hocba.truong.lan") == "OK"
    assert openssl(tmp_path, root[1], leaf, "-verify_ip", "192.168.1.20") == "OK"
    assert "hostname mismatch" in openssl(tmp_path, root[1], leaf, "-verify_hostname", "khac.truong.lan")


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("nganhang.vn"),
        x509.DNSName("truong.lan"),
        x509.DNSName("xhocba.truong.lan"),
        x509.IPAddress(ipaddress.ip_address("192.168.1.21")),
        x509.IPAddress(ipaddress.ip_address("fd00::1")),
    ],
    ids=lambda name: str(name.value),
)
def test_openssl_refuses_what_a_thief_of_the_root_would_sign(root, name: x509.GeneralName, tmp_path: Path):  # type: ignore[no-untyped-def]
    said = openssl(tmp_path, root[1], forged(root, name))
    assert "subtree violation" in said, said


def test_a_root_for_addresses_alone_vouches_for_no_name_and_the_other_way_round(tmp_path: Path):
    for given, name in (("10.0.0.5", x509.DNSName("nganhang.vn")), ("hocba.lan2", x509.IPAddress(NAMES.addresses[0]))):
        key = lan_authority.new_key()
        root = lan_authority.create_authority(key, LanNames.parse((given,)), "", NOW)
        assert "subtree violation" in openssl(tmp_path, root, forged((key, root), name))


def test_a_leaf_outside_the_root_is_not_issued_and_none_outlives_it(root):  # type: ignore[no-untyped-def]
    with pytest.raises(Invalid):
        lan_authority.issue_leaf(root[1], root[0], lan_authority.new_key(), LanNames.parse(("khac.lan2",)), NOW)
    late = NOW + timedelta(days=5 * 365 - 100)
    leaf = lan_authority.issue_leaf(root[1], root[0], lan_authority.new_key(), NAMES, late)
    assert leaf.not_valid_after_utc == root[1].not_valid_after_utc


@pytest.mark.parametrize(
    "given", ["vn", "edu.vn", "8.8.8.8", "0.0.0.0", "*.truong.lan", "trường.lan", "a b", "", "hocba..lan", "1.2.3"]
)
def test_a_name_of_everybody_is_refused(given: str):
    with pytest.raises(Invalid):
        LanNames.parse((given,))


def test_names_are_read_as_typed_and_twice_is_once():
    names = LanNames.parse(("Hocba.Truong.LAN.", "hocba.truong.lan", "[fd00::1]", "10.0.0.5"))
    assert names.words == ("hocba.truong.lan", "fd00::1", "10.0.0.5")
    assert names.covers(LanNames.parse(("sub.hocba.truong.lan",))) and not names.covers(LanNames.parse(("truong.lan",)))


def test_the_fingerprint_is_what_others_compute(root, tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "root.pem").write_bytes(root[1].public_bytes(PEM))
    said = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "root.pem", "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    digest = lan_authority.fingerprint(root[1])
    assert said.split("=")[1].strip().replace(":", "") == digest
    assert "".join(lan_authority.in_groups(digest)) == digest and len(lan_authority.in_groups(digest)) == 16
