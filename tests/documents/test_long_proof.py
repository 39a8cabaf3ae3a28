"""Time stamps and proof that outlives certificates, against a real authority and responder on the loopback."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.policy_decl import PdfSignatureValidationSpec, SignatureValidationSpec
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from hocbaso.documents import issuing, long_term, pades, revocation, time_stamps, xml_record
from hocbaso.documents.long_term import Level
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.proof_plan import ProofPlan
from hocbaso.documents.revocation import StatusSources
from hocbaso.documents.signers import SoftwareKeySigner, imported
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.time_stamps import TimeAuthority
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import VerificationReport, report_from_plain
from hocbaso.errors import DomainError, IntegrityFault, NotAllowed, Unavailable, WrongState

from . import conformance
from .conftest import NOW, PEOPLE, World
from .time_services import TimeServices, time_services

DAY = timedelta(days=1)
PIN, SECRET = "20481739", b"s" * 32


_LISTS: dict[datetime, tuple[bytes, ...]] = {}


def lists(authority: TestAuthority, at: datetime) -> tuple[bytes, ...]:
    """The lists of a day, the same each time (an ECDSA signature is never twice the same)."""
    return _LISTS.setdefault(at, authority.crls(at))


@dataclass
class Proofs:
    """A record at each level, made once."""

    world: World
    services: TimeServices
    signers: dict[str, SoftwareKeySigner]
    b_t: bytes
    b_lt: bytes
    b_lta: bytes

    @property
    def authority(self) -> TimeAuthority:
        return TimeAuthority(f"{self.services.url}/tsa", timeout=5, tries=2)

    def sources(self, at: datetime = NOW) -> StatusSources:
        return StatusSources((f"{self.services.url}/ocsp",), lists(self.world.authority, at), tries=1)

    @property
    def roots(self) -> tuple[bytes, ...]:
        return Trust.of(self.world.roots, (), NOW).roots

    def sign(self, pdf: bytes, role: str) -> bytes:
        return pades.sign_pdf(
            pdf, role, self.signers[role], at=self.services.now, mark=self.world.mark(role), authority=self.authority
        )

    def sign_all(self) -> bytes:
        pdf = self.world.unsigned
        for role in PEOPLE:
            pdf = self.sign(pdf, role)
        return pdf

    def extend(self, pdf: bytes, level: Level = Level.BLTA, at: datetime = NOW) -> bytes:
        return long_term.extend(pdf, level, self.authority, self.roots, self.sources(at), at)

    def renew(self, pdf: bytes, at: datetime) -> bytes:
        self.services.now = at
        return long_term.renew(pdf, self.authority, self.roots, self.sources(at), at)

    def judge(self, pdf: bytes, at: datetime = NOW, crls: tuple[bytes, ...] | None = None) -> VerificationReport:
        return verify_file(pdf, self.world.roots, lists(self.world.authority, at) if crls is None else crls, at)


@pytest.fixture(scope="module", name="made")
def made_fixture(world: World) -> Iterator[Proofs]:
    with time_services(world.authority, NOW) as services:
        signers = {
            role: services.signer(name, number, "Trường THCS Đồng Sen", kind)
            for role, (name, number, _, kind) in PEOPLE.items()
        }
        proofs = Proofs(world, services, signers, b"", b"", b"")
        proofs.b_t = proofs.sign_all()
        proofs.b_lt = proofs.extend(proofs.b_t, Level.BLT)
        proofs.b_lta = proofs.extend(proofs.b_t)
        yield proofs


@pytest.fixture(name="proofs")
def proofs_fixture(made: Proofs) -> Iterator[Proofs]:
    """The records, with services that are as at the beginning."""
    services = made.services
    kept = {name: getattr(services, name) for name in ("tsa_chain", "tsa_key", "responder", "responder_key")}
    services.now, services.mood, services.revoked = NOW, "ok", {}
    services.calls.clear()
    services.calls |= {"/tsa": 0, "/ocsp": 0}
    revocation.forget_answers()
    yield made
    for name, value in kept.items():
        setattr(services, name, value)


# --- levels -----------------------------------------------------------------------------------------------------------


def test_each_level_is_reached_and_told(proofs: Proofs) -> None:
    for pdf, label, n_stamps in ((proofs.b_t, "B-T", 0), (proofs.b_lt, "B-LT", 0), (proofs.b_lta, "B-LTA", 1)):
        report = proofs.judge(pdf)
        assert report.ok, report.reasons
        assert report.level == label and [item.level for item in report.signatures] == [label] * 3
        assert [item.stamped_at for item in report.signatures] == [NOW] * 3 and len(report.stamped_at) == n_stamps
        assert report_from_plain(report.to_plain()) == report
    assert proofs.judge(proofs.world.pdf).level == "B-B"


def test_what_is_added_only_appends_and_the_first_signature_still_allows_it(proofs: Proofs) -> None:
    assert proofs.b_lt.startswith(proofs.b_t) and proofs.b_lta.startswith(proofs.b_lt)
    reader = PdfFileReader(io.BytesIO(proofs.b_lta), strict=True)
    assert reader.embedded_regular_signatures[0].docmdp_level is MDPPerm.FILL_FORMS
    assert len(reader.embedded_timestamp_signatures) == 1


def test_a_paper_with_long_term_proof_conforms(proofs: Proofs) -> None:
    assert conformance.deviations(proofs.b_t) == conformance.SIGNED
    for pdf, wanted in ((proofs.b_lt, conformance.SIGNED), (proofs.b_lta, conformance.LONG_TERM)):
        kept = long_term.read_store(pdf).evidence
        doubtful = any(der.endswith(b"\r") for der in (*kept.certs, *kept.ocsps, *kept.crls))
        assert conformance.deviations(pdf) == wanted | (conformance.DOUBTFUL_ENDS if doubtful else frozenset())


def test_each_signature_asks_the_authority_once_and_the_key_once(proofs: Proofs) -> None:
    proofs.sign(proofs.world.unsigned, "homeroom")
    assert proofs.services.calls["/tsa"] == 1
    proofs.extend(proofs.b_t)
    assert proofs.services.calls == {"/tsa": 2, "/ocsp": 3}
    proofs.extend(proofs.b_t)
    assert proofs.services.calls == {"/tsa": 3, "/ocsp": 3}, "a class asks about the same certificates once"


def test_the_store_has_what_each_signature_needs_and_nothing_twice(proofs: Proofs) -> None:
    store = long_term.read_store(proofs.b_lta)
    spans = pades.signature_spans(proofs.b_lta)[:3]
    assert [name for name, _ in store.by_signature] == [
        long_term.signature_key(proofs.b_lta, start, end) for start, end, _ in spans
    ]
    for listed in (store.evidence.certs, store.evidence.ocsps, store.evidence.crls):
        assert listed and len(set(listed)) == len(listed)
    assert len(store.evidence.ocsps) == 3 and len(store.evidence.crls) == 2


def _independent(pdf: bytes, root: bytes) -> list[str]:
    """pyHanko's own validation of long-term proof, with no help from ours: only the file and the root."""
    spec = PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build(trust_roots=[asn1_x509.Certificate.load(root)]),
                revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy.from_legacy("soft-fail")),
            )
        )
    )
    out = []
    for item in PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures:
        result = asyncio.run(
            ades.simulate_future_ades_lta_validation(item, spec, NOW + 800 * DAY, NOW + timedelta(minutes=1))
        )
        out.append(str(result.ades_subindic))
    return out


def test_an_independent_validator_accepts_the_proof_after_the_signers_certificates_ended(proofs: Proofs) -> None:
    assert _independent(proofs.b_lta, proofs.roots[0]) == ["AdESPassed.OK"] * 3


def test_proof_holds_when_the_signers_certificates_have_ended_and_plain_signatures_do_not(proofs: Proofs) -> None:
    later = NOW + 800 * DAY
    assert proofs.judge(proofs.b_lta, later).ok
    assert "hết hạn" in " ".join(proofs.judge(_plain(proofs), later).reasons)


def _plain(proofs: Proofs) -> bytes:
    return proofs.world.sign_all(proofs.world.unsigned, proofs.signers)


def test_a_certificate_revoked_later_takes_no_earlier_signature_with_it(proofs: Proofs) -> None:
    ca = TestAuthority(
        proofs.world.authority.root_key, proofs.world.authority.root, proofs.world.authority.issuing_key,
        proofs.world.authority.issuing,
    )  # fmt: skip
    ca.revoke(proofs.signers["principal"].chain[0], NOW + 5 * DAY)
    later = NOW + 10 * DAY
    assert proofs.judge(proofs.b_lta, later, ca.crls(later)).ok
    assert "thu hồi" in " ".join(proofs.judge(_plain(proofs), later, ca.crls(later)).reasons)
    ca.revoke(proofs.signers["principal"].chain[0], NOW - DAY)
    assert "Chứng thư của người ký đã bị thu hồi" in " ".join(proofs.judge(proofs.b_lta, later, ca.crls(later)).reasons)


# --- renewal ----------------------------------------------------------------------------------------------------------


def test_stamped_again_each_year_the_proof_outlives_the_authorities_it_came_from(proofs: Proofs) -> None:
    services = proofs.services
    services.employ(NOW - DAY, NOW + 400 * DAY)
    pdf = proofs.extend(proofs.sign_all())
    assert "nơi cấp dấu thời gian đã hết hạn" in " ".join(proofs.judge(pdf, NOW + 500 * DAY).reasons)
    for year in (1, 2, 3):
        at = NOW + 365 * year * DAY
        longer = proofs.renew(pdf, at)
        assert longer.startswith(pdf)
        services.employ(at - DAY, at + 400 * DAY)
        pdf = longer if year == 3 else proofs.renew(longer, at + DAY)
    report = proofs.judge(pdf, NOW + (365 * 3 + 30) * DAY)
    assert report.ok, report.reasons
    assert len(report.stamped_at) == 6 and list(report.stamped_at) == sorted(report.stamped_at)


def test_only_a_file_with_a_stamp_is_stamped_again_and_only_a_signed_one_extended(proofs: Proofs) -> None:
    for pdf in (proofs.b_t, proofs.b_lt, proofs.world.pdf):
        with pytest.raises(WrongState):
            proofs.renew(pdf, NOW)
    for pdf in (proofs.world.unsigned, proofs.world.pdf, proofs.b_lta):
        with pytest.raises(DomainError):
            proofs.extend(pdf)


# --- what the issue asks to be refused --------------------------------------------------------------------------------


def test_an_authority_that_is_down_or_refuses_is_said_aloud_and_asked_again_only_when_it_was_silent(
    proofs: Proofs,
) -> None:
    for mood, n_calls in (("down", 2), ("nonsense", 1), ("refuses", 1)):
        proofs.services.mood = mood
        proofs.services.calls["/tsa"] = 0
        with pytest.raises(Unavailable, match="dấu thời gian"):
            proofs.sign(proofs.world.unsigned, "homeroom")
        assert proofs.services.calls["/tsa"] == n_calls
    with pytest.raises(Unavailable, match="không trả lời"):
        time_stamps.ask(bytes(32), TimeAuthority("http://127.0.0.1:9/", timeout=1, tries=2))
    proofs.services.mood = "once down"
    proofs.services.calls["/tsa"] = 0
    proofs.sign(proofs.world.unsigned, "homeroom")
    assert proofs.services.calls["/tsa"] == 2


def test_no_other_address_is_called_than_the_configured_one(proofs: Proofs) -> None:
    with pytest.raises(Unavailable):
        time_stamps.ask(bytes(32), TimeAuthority(f"{proofs.services.url}/moved", timeout=5, tries=1))
    assert proofs.services.calls == {"/tsa": 0, "/ocsp": 0, "/moved": 1}
    with pytest.raises(Unavailable, match="chưa khai báo máy chủ OCSP"):
        long_term.extend(proofs.b_t, Level.BLT, None, proofs.roots, StatusSources(("http://127.0.0.1:9/ocsp",)), NOW)
    assert proofs.services.calls["/ocsp"] == 0


@pytest.mark.parametrize("mood", ["another document", "another nonce"])
def test_an_answer_to_another_question_is_not_used(proofs: Proofs, mood: str) -> None:
    proofs.services.mood = mood
    with pytest.raises(IntegrityFault, match="không phải của tài liệu này"):
        proofs.sign(proofs.world.unsigned, "homeroom")


def test_an_unknown_authority_is_refused_by_name(proofs: Proofs) -> None:
    stranger = TestAuthority.create(NOW)
    proofs.services.employ(NOW - DAY, NOW + 900 * DAY, stranger)
    pdf = proofs.sign_all()
    assert "Không biết nơi cấp dấu thời gian" in " ".join(proofs.judge(pdf).reasons)
    with pytest.raises(IntegrityFault, match="máy chủ cấp dấu thời gian do nơi cấp mà trường không tin cậy"):
        proofs.extend(proofs.b_t)


def test_a_signing_certificate_cannot_stamp_time(proofs: Proofs) -> None:
    proofs.services.tsa_key = proofs.signers["principal"]._key
    proofs.services.tsa_chain = proofs.signers["principal"].chain
    pdf = proofs.sign_all()
    assert "nơi cấp dấu thời gian" in " ".join(proofs.judge(pdf).reasons)


def test_a_forged_time_is_refused(proofs: Proofs) -> None:
    for pdf in (proofs.b_t, proofs.b_lta):
        for start, end, _ in pades.signature_spans(pdf):
            gap = pdf[start:end]
            told, forged = b"20260513023000Z".hex().encode(), b"20200513023000Z".hex().encode()
            assert told in gap
            changed = pdf[:start] + gap.replace(told, forged) + pdf[end:]
            assert "Dấu thời gian" in " ".join(proofs.judge(changed).reasons)


def test_a_stamp_of_another_signature_is_refused(proofs: Proofs) -> None:
    """Signature two is put together again with the token of signature one."""
    pdf = proofs.sign(proofs.world.unsigned, "homeroom")
    token = pades.read_contents(pdf, *pades.signature_spans(pdf)[0][:2]).time_stamp_token
    assert token is not None
    signed = pades.sign_pdf(
        pdf,
        "principal",
        proofs.signers["principal"],
        at=NOW,
        mark=proofs.world.mark("principal"),
        authority=proofs.authority,
    )
    start, end, _ = pades.signature_spans(signed)[1]
    from hocbaso.documents import cms

    parts = pades.read_contents(signed, start, end)
    der = cms.build(parts.digest, parts.chain, parts.signature, token)
    changed = signed[: start + 1] + der.hex().encode().ljust(end - start - 2, b"0") + signed[end - 1 :]
    report = verify_pdf(changed, Trust.of(proofs.world.roots, (), NOW), roles=("homeroom", "principal"), prove=False)
    assert "không được cấp cho chữ ký này" in " ".join(report.reasons)


def test_stamps_out_of_order_are_refused(proofs: Proofs) -> None:
    pdf = proofs.world.unsigned
    for role, moved in (
        ("homeroom", timedelta(minutes=5)),
        ("principal", timedelta(0)),
        ("seal", timedelta(minutes=6)),
    ):
        proofs.services.now = NOW + moved
        pdf = pades.sign_pdf(
            pdf, role, proofs.signers[role], at=NOW, mark=proofs.world.mark(role), authority=proofs.authority
        )
    assert "Thứ tự các dấu thời gian" in " ".join(proofs.judge(pdf, NOW + DAY).reasons)
    longer = proofs.renew(proofs.b_lta, NOW - timedelta(minutes=8))
    assert "Thứ tự các dấu thời gian" in " ".join(proofs.judge(longer, NOW + DAY).reasons)


def test_a_stamp_from_the_future_and_an_authority_with_a_wrong_clock_are_refused(proofs: Proofs) -> None:
    assert "tương lai" in " ".join(proofs.judge(proofs.b_lta, NOW - DAY).reasons)
    proofs.services.now = NOW + timedelta(hours=3)
    with pytest.raises(IntegrityFault, match="lệch nhau"):
        long_term._stamp(proofs.b_lt, proofs.authority, proofs.roots, NOW)


def test_a_revoked_signer_gets_no_proof(proofs: Proofs) -> None:
    serial = asn1_x509.Certificate.load(proofs.signers["seal"].chain[0]).serial_number
    proofs.services.revoked[serial] = NOW - timedelta(hours=1)
    with pytest.raises(NotAllowed, match="Trường THCS Đồng Sen đã bị thu hồi"):
        proofs.extend(proofs.b_t)


def test_answers_of_a_responder_that_is_not_to_be_believed_are_refused(proofs: Proofs) -> None:
    proofs.services.appoint(NOW - 30 * DAY, NOW - DAY)
    with pytest.raises(IntegrityFault, match="OCSP đã hết hạn"):
        proofs.extend(proofs.b_t)
    proofs.services.appoint(NOW - DAY, NOW + DAY)
    proofs.services.now = NOW - 5 * DAY
    proofs.services.appoint(NOW - 30 * DAY, NOW + DAY)
    with pytest.raises(IntegrityFault, match="quá hạn"):
        proofs.extend(proofs.b_t)
    proofs.services.now, proofs.services.responder = NOW, proofs.signers["seal"].chain[0]
    proofs.services.responder_key = proofs.signers["seal"]._key
    with pytest.raises(IntegrityFault, match="uỷ quyền"):
        proofs.extend(proofs.b_t)


def test_without_a_list_or_a_responder_there_is_no_silent_downgrade(proofs: Proofs) -> None:
    with pytest.raises(Unavailable, match="chưa có danh sách thu hồi còn hạn"):
        long_term.extend(proofs.b_t, Level.BLT, None, proofs.roots, dataclasses.replace(proofs.sources(), crls=()), NOW)


# --- cutting, adding, changing ----------------------------------------------------------------------------------------


def test_cut_below_its_level_a_file_tells_a_lower_one(proofs: Proofs) -> None:
    """Cut, it is an ordinary good file of the lower level: only the record knows better (services.verification)."""
    report = proofs.judge(proofs.b_lta[: len(proofs.b_t)])
    assert report.ok and report.level == "B-T"
    report = proofs.judge(proofs.b_lta[: len(proofs.b_lt)])
    assert report.ok and report.level == "B-LT"


def test_whatever_is_cut_off_or_put_on_elsewhere_is_refused(proofs: Proofs) -> None:
    for cut in (1, 7, 400, len(proofs.b_lta) - len(proofs.b_lt) - 1, len(proofs.b_lta) - len(proofs.b_t) - 1):
        assert not proofs.judge(proofs.b_lta[:-cut]).ok
    for pdf in (proofs.b_t, proofs.b_lt, proofs.b_lta):
        for junk in (b"\n", b"%junk\n", b"%%EOF\n", pdf[-200:]):
            assert not proofs.judge(pdf + junk).ok


def test_evidence_that_proves_nothing_may_not_travel_along(proofs: Proofs) -> None:
    _, other = TestAuthority.create(NOW).issue("Người Ngoài", now=NOW)
    store = long_term.read_store(proofs.b_lt)
    grown = dataclasses.replace(store.evidence, certs=(*store.evidence.certs, other[0]))
    pdf = proofs.b_t + long_term.write_store(proofs.b_t, dataclasses.replace(store, evidence=grown))
    assert "Kho bằng chứng" in " ".join(proofs.judge(pdf).reasons)


def test_a_store_without_the_answers_is_refused_and_not_taken_for_proof(proofs: Proofs) -> None:
    store = long_term.read_store(proofs.b_lt)
    bare = tuple((name, dataclasses.replace(own, ocsps=(), crls=())) for name, own in store.by_signature)
    everything = dataclasses.replace(store.evidence, ocsps=(), crls=())
    pdf = proofs.b_t + long_term.write_store(proofs.b_t, long_term.Store(everything, bare))
    assert "thiếu bằng chứng" in " ".join(proofs.judge(pdf, crls=()).reasons)


@pytest.mark.parametrize("level", ["b_t", "b_lt", "b_lta"])
def test_no_byte_can_be_changed(proofs: Proofs, level: str) -> None:
    """Random places in what the levels add, and in every signature's own bytes; the whole file is in ``test_verification``."""
    pdf: bytes = getattr(proofs, level)
    draw = random.Random(f"{level} 1")
    spans = pades.signature_spans(pdf)
    trust = Trust.of(proofs.world.roots, (), NOW)
    assert verify_pdf(pdf, trust, prove=False).ok
    tail = range(len(proofs.b_t), len(pdf))
    for number in range(24):
        start, end, _ = draw.choice(spans)
        place = draw.choice(tail) if tail and number % 2 else draw.randrange(start, end)
        changed = bytearray(pdf)
        while changed[place] == pdf[place]:
            changed[place] = draw.choice(b"0123456789abcdef") if draw.random() < 0.7 else draw.randrange(256)
        assert not verify_pdf(bytes(changed), trust, prove=False).ok, (place, pdf[place], changed[place])


def test_content_added_under_a_new_stamp_is_refused(proofs: Proofs) -> None:
    """Anybody can have a file stamped: a stamp makes no change good."""
    from hocbaso.documents.increments import Increment

    out = Increment(proofs.b_lt)
    page = out.reference(out.references(out.reference(out.root, b"/AcroForm"), b"/Fields")[0], b"/P")
    note = out.add(
        b"<< /Type /Annot /Subtype /FreeText /Rect [ 100 400 300 450 ] /Contents (10) /DA (/Helv 12 Tf) /F 4 >>"
    )
    out.insert(page, rb"(/Annots \[[\d R]*)\]", rb"\g<1>%d 0 R ]" % note)
    changed = proofs.b_lt + out.finish(b"x")
    stamped = long_term._stamp(changed, proofs.authority, proofs.roots, NOW)
    assert "Có thay đổi không được phép" in " ".join(proofs.judge(stamped).reasons)


# --- through the worker's step ----------------------------------------------------------------------------------------


def _sealed(signer: SoftwareKeySigner, owner: str) -> issuing.SealedKey:
    key = imported(signer._key, signer.chain, owner=owner, pin=PIN, server_secret=SECRET)
    return issuing.SealedKey(key.envelope, signer.chain, PIN, SECRET)


def _steps(proofs: Proofs, plan: ProofPlan) -> list[issuing.SignedStep]:
    pdf, xml = proofs.world.unsigned, xml_record.assemble(xml_record.build_data_zone(proofs.world.content))
    done = []
    for role in PEOPLE:
        step = issuing.sign_step(
            pdf, xml, role, _sealed(proofs.signers[role], role), at=NOW, mark=proofs.world.mark(role),
            roots=tuple(proofs.world.roots), crls=proofs.world.authority.crls(NOW), plan=plan,
        )  # fmt: skip
        pdf, xml = step.pdf, step.xml
        done.append(step)
    issuing.forget_keys()
    return done


def test_a_class_is_signed_at_the_level_that_policy_asks_for(proofs: Proofs) -> None:
    steps = _steps(proofs, proofs.services.plan("B-LTA"))
    assert [step.pdf_report["level"] for step in steps] == ["B-T", "B-T", "B-LTA"]
    assert proofs.services.calls["/tsa"] == 4
    at = NOW + 300 * DAY
    proofs.services.now = at
    longer, report = issuing.renew_proof(
        steps[-1].pdf, tuple(proofs.world.roots), proofs.world.authority.crls(at), proofs.services.plan("B-LTA"), at
    )
    assert longer.startswith(steps[-1].pdf) and len(report["stamped_at"]) == 2


def test_policy_without_an_authority_signs_nothing(proofs: Proofs) -> None:
    for level in ("B-T", "B-LT", "B-LTA"):
        with pytest.raises(WrongState, match="chưa khai báo máy chủ cấp dấu thời gian"):
            _steps(proofs, ProofPlan(level))
    with pytest.raises(WrongState, match="Chưa khai báo"):
        issuing.renew_proof(proofs.b_lta, proofs.roots, (), ProofPlan("B-LTA"), NOW)


def test_each_signed_byte_range_is_written_as_a_validator_reads_it(proofs: Proofs) -> None:
    for pdf in (proofs.b_t, proofs.b_lta):
        ranges = re.findall(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\]", pdf)
        assert len(ranges) == len(pades.signature_spans(pdf))
        assert int(ranges[-1][1]) + int(ranges[-1][2]) == len(pdf)
