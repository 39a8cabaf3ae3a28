"""Render, prove, sign and verify one record; prints JSON. Milliseconds of CPU time, medians.

python -m bench.documents [--n 10] [--class-size 20] [--workers 2]
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

from hocbaso.documents import instance_keys
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.signers import imported
from hocbaso.documents.test_authority import TestAuthority, demo_image
from hocbaso.documents.workers import DocumentWorkers
from hocbaso.regulations.terms import Level, Sex, SubjectKind

KEY = instance_keys.key_to_bytes(instance_keys.new_key())

SCHOOL = "Trường THCS Mẫu"
PEOPLE = {
    "homeroom": ("Lê Văn Mẫu", "sign-homeroom"),
    "principal": ("Trần Thị Mẫu", "sign-principal"),
    "seal": (SCHOOL, "seal"),
}
SECRET, PIN = b"0" * 32, "20481793"
NAMES = (
    "Toán học", "Lịch sử và Địa lí", "Khoa học tự nhiên", "Tin học", "Ngữ văn", "Ngoại ngữ 1 (Tiếng Anh)", "Giáo dục công dân",
    "Công nghệ", "Giáo dục thể chất", "Nghệ thuật", "Nội dung giáo dục của địa phương", "Hoạt động trải nghiệm, hướng nghiệp",
)  # fmt: skip


def sample(number: int, now: datetime) -> tc.TranscriptContent:
    """An invented student of an invented school."""
    rows = tuple(
        tc.SubjectRow(
            code=f"m{i}", name=name, kind=SubjectKind.SCORED, semester_1=f"{5 + (number + i) % 5}.{i % 10}",
            semester_2=f"{5 + (number + 2 * i) % 5}.{number % 10}", year=f"{5 + i % 5}.{(number + i) % 10}",
            remark="Có nhiều cố gắng, cần đọc thêm.", teacher_name="Nguyễn Văn Thầy",
        )
        for i, name in enumerate(NAMES)
    )  # fmt: skip
    levels = tc.LevelTrack(semester_1=Level.KHA, semester_2=Level.TOT, year=Level.TOT)
    return tc.TranscriptContent(
        record_uuid=str(uuid.uuid4()), school_year="2025-2026", class_name="9A", grade_level=9, subjects=rows,
        school=tc.School(
            name=SCHOOL, code="36000001", department_code="36", department_name="Sở Giáo dục và Đào tạo Mẫu", commune="Xã Mẫu",
            province="Tỉnh Mẫu", place_name="Mẫu", lookup_url="https://hocba.example/xac-thuc",
        ),
        student=tc.Student(full_name=f"Nguyễn Thị Số {number}", sex=Sex.FEMALE, born_on=date(2011, 8, 14), register_no=str(number)),
        homeroom=tc.SignerNote(name=PEOPLE["homeroom"][0], title="GIÁO VIÊN CHỦ NHIỆM"),
        principal=tc.SignerNote(name=PEOPLE["principal"][0], title=tc.TITLE_PRINCIPAL),
        issue_on=now.date(), issue_place="Mẫu", built_at=now, conduct=levels, learning=levels, completion=tc.COMPLETED,
        homeroom_remark="Ngoan, chăm học, hòa đồng với bạn bè.", principal_remark="Đồng ý.", demo=True,
    )  # fmt: skip


def median_ms(n: int, work: Callable[[], Any]) -> float:
    """Median CPU milliseconds of ``n`` runs after one to warm up."""
    work()
    times = []
    for _ in range(n):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return round(statistics.median(times), 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--class-size", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    from hocbaso.documents import issuing, pdf_render, proof, verification

    now = datetime.now(UTC).replace(microsecond=0)
    authority = TestAuthority.create(now)
    roots, crls = (authority.root_pem,), authority.crls(now)
    keys, marks = {}, {}
    for role, (name, image) in PEOPLE.items():
        from hocbaso.documents.pades import Mark

        key, chain = authority.issue(name, now=now, organisation=SCHOOL)
        keys[role] = issuing.SealedKey(
            imported(key, chain, owner=role, pin=PIN, server_secret=SECRET).envelope, chain, PIN, SECRET
        )
        marks[role] = Mark(name, "Mẫu", demo_image(image))
    content = sample(1, now)
    faces = issuing.build_faces(tc.to_canonical_json(content), KEY)
    pdf, record = faces.pdf, issuing.unsigned_record(faces.data_zone)
    out: dict[str, Any] = {
        "render_cpu_ms": median_ms(options.n, lambda: pdf_render.render_unsigned_pdf(content, faces.qr_text)),
        "proof_cpu_ms": median_ms(options.n, lambda: proof.prove_equal(pdf, content)),
        "unsigned_bytes": len(pdf),
    }
    step_pdf, step_xml = pdf, record
    for role in PEOPLE:
        before_pdf, before_xml = step_pdf, step_xml

        def step(role: str = role, a: bytes = before_pdf, b: bytes = before_xml) -> issuing.SignedStep:
            return issuing.sign_step(a, b, role, keys[role], at=now, mark=marks[role], roots=roots, crls=crls)

        from hocbaso.documents.pades import sign_pdf
        from hocbaso.documents.signers import SoftwareKeySigner

        signer = SoftwareKeySigner.from_envelope(keys[role].envelope, keys[role].chain, PIN, SECRET)
        out[f"sign_pdf_{role}_cpu_ms"] = median_ms(
            options.n, lambda s=signer, r=role, a=before_pdf: sign_pdf(a, r, s, at=now, mark=marks[r])
        )
        out[f"sign_and_check_{role}_cpu_ms"] = median_ms(options.n, step)
        done = step()
        step_pdf, step_xml = done.pdf, done.xml
    out["verify_pdf_cpu_ms"] = median_ms(options.n, lambda: verification.verify_file(step_pdf, roots, crls, now))
    out["verify_xml_cpu_ms"] = median_ms(options.n, lambda: verification.verify_file(step_xml, roots, crls, now))
    out["signed_bytes"] = len(step_pdf)
    out["long_proof"] = long_proof(options.n, authority, pdf, now, marks, roots)
    out["compared"] = compared(options.n, authority, content, faces.qr_text, pdf, now)
    out["year"] = year(options.class_size, options.workers, now, keys, marks, roots, crls)
    out["class"] = batch(options.class_size, options.workers, now, keys, marks, roots, crls)
    print(json.dumps(out, indent=1))


def long_proof(
    n: int,
    authority: TestAuthority,
    unsigned: bytes,
    now: datetime,
    marks: Any,
    roots: Any,
) -> dict[str, Any]:
    """Time stamps and long-term proof with an authority and a responder in another thread of this process: medians of wall time in
    milliseconds, their work included, and sizes in bytes. ``extend`` is store and document time stamp on three signatures."""
    from hocbaso.documents import long_term, verification
    from hocbaso.documents.pades import sign_pdf
    from hocbaso.documents.revocation import StatusSources, forget_answers
    from hocbaso.documents.time_stamps import TimeAuthority
    from hocbaso.documents.trust import Trust
    from tests.documents.time_services import time_services

    crls = authority.crls(now)
    trust = Trust.of(roots, crls, now)

    def wall_ms(work: Callable[[], Any]) -> float:
        work()
        times = []
        for _ in range(n):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1000)
        return round(statistics.median(times), 1)

    with time_services(authority, now) as services:
        signers = {role: services.signer(name, None, SCHOOL, "ec") for role, (name, _image) in PEOPLE.items()}
        asked = TimeAuthority(f"{services.url}/tsa")
        sources = StatusSources((f"{services.url}/ocsp",), trust.crls)

        def sign() -> bytes:
            signed = unsigned
            for role, signer in signers.items():
                signed = sign_pdf(signed, role, signer, at=now, mark=marks[role], authority=asked)
            return signed

        def extend(*, cold: bool = False) -> bytes:
            if cold:
                forget_answers()
            return long_term.extend(stamped, long_term.Level.BLTA, asked, trust.roots, sources, now)

        stamped = sign()
        proven = extend()
        report = verification.verify_file(proven, roots, crls, now)
        assert report.ok and report.level == "B-LTA", report.reasons
        return {
            "three_signatures_b_t_wall_ms": wall_ms(sign),
            "extend_to_b_lta_wall_ms": wall_ms(extend),
            "extend_to_b_lta_first_of_a_class_wall_ms": wall_ms(lambda: extend(cold=True)),
            "renew_wall_ms": wall_ms(lambda: long_term.renew(proven, asked, trust.roots, sources, now)),
            "verify_b_lta_cpu_ms": median_ms(n, lambda: verification.verify_file(proven, roots, crls, now)),
            "b_t_bytes": len(stamped),
            "b_lta_bytes": len(proven),
        }


def compared(
    n: int, authority: TestAuthority, content: tc.TranscriptContent, qr_text: str, unsigned: bytes, now: datetime
) -> dict[str, float]:
    """The same page by WeasyPrint as its manual begins (own style sheet and fonts read each time, full browser style sheet, no
    tuning of the collector), and the same three fields signed by pyHanko alone (PAdES, its own stamp): CPU milliseconds, medians."""
    import gc

    import weasyprint
    from pyhanko import stamp
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    from hocbaso.documents import pdf_render
    from hocbaso.documents.page_layout import TEMPLATES, ShippedFontsOnly

    html, style = pdf_render.render_html(content, (0, 0), qr_text), (TEMPLATES / "transcript.css").read_text("utf-8")

    def naive() -> bytes:
        fetcher = ShippedFontsOnly()
        made: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf(
            stylesheets=[weasyprint.CSS(string=style, url_fetcher=fetcher)], pdf_variant="pdf/a-3a", pdf_tags=True
        )
        return made

    tuned = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    try:
        naive_ms = median_ms(n, naive)
    finally:
        gc.set_threshold(*tuned)
        gc.freeze()
    people = {}
    for role, field in (("homeroom", "GVCN"), ("principal", "HIEU_TRUONG"), ("seal", "NHA_TRUONG")):
        key, chain = authority.issue(PEOPLE[role][0], now=now, organisation=SCHOOL)
        people[field] = _pyhanko_signer(signers, SimpleCertificateStore, key, chain)
    fields_of = {
        field: signers.PdfSignatureMetadata(field_name=field, subfilter=fields.SigSeedSubFilter.PADES)
        for field in people
    }

    def by_pyhanko() -> bytes:
        signed = unsigned
        for field, signer in people.items():
            out = signers.PdfSigner(fields_of[field], signer, stamp_style=stamp.TextStampStyle()).sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(signed)), existing_fields_only=True
            )
            signed = out.getvalue()
        return signed

    return {"weasyprint_naive_cpu_ms": naive_ms, "pyhanko_three_signatures_cpu_ms": median_ms(n, by_pyhanko)}


def _pyhanko_signer(signers: Any, store: Any, key: Any, chain: Any) -> Any:
    from asn1crypto import keys as asn1_keys
    from asn1crypto import x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    if isinstance(key, bytes):
        key = load_pem_private_key(key, None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    certificates = [
        x509.Certificate.load(item if isinstance(item, bytes) else item.public_bytes(Encoding.DER)) for item in chain
    ]
    registry = store()
    registry.register_multiple(certificates[1:])
    return signers.SimpleSigner(
        signing_cert=certificates[0], signing_key=asn1_keys.PrivateKeyInfo.load(der), cert_registry=registry
    )


_READY: dict[str, Any] = {}


def _get_ready(keys: Any, marks: Any, now: datetime, roots: Any, crls: Any) -> None:
    """Once a process: fonts, styles, opened keys (opening takes Argon2's second)."""
    from hocbaso.documents import pdf_render
    from hocbaso.documents.signers import SoftwareKeySigner

    pdf_render.layout()
    signers = {
        role: SoftwareKeySigner.from_envelope(key.envelope, key.chain, PIN, SECRET) for role, key in keys.items()
    }
    _READY.update(signers=signers, marks=marks, now=now, roots=roots, crls=crls)
    one_year(tc.to_canonical_json(sample(0, now)))


def one_year(content: str) -> bool:
    """One student-year drawn, signed three times with its picture, and judged whole, as a stranger's file is."""
    from hocbaso.documents import issuing, verification
    from hocbaso.documents.pades import sign_pdf

    pdf = issuing.build_faces(content, KEY).pdf
    for role, signer in _READY["signers"].items():
        pdf = sign_pdf(pdf, role, signer, at=_READY["now"], mark=_READY["marks"][role])
    return verification.verify_file(pdf, _READY["roots"], _READY["crls"], _READY["now"]).ok


def year(size: int, workers: int, now: datetime, keys: Any, marks: Any, roots: Any, crls: Any) -> dict[str, Any]:
    """Render, three visible signatures and full validation of each student-year, wall milliseconds a student-year."""
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _get_ready, (keys, marks, now, roots, crls)
    ) as pool:
        contents = [tc.to_canonical_json(sample(number, now)) for number in range(size)]
        assert all(pool.map(one_year, contents[: workers * 2]))  # until every process is ready
        start = time.perf_counter()
        assert all(pool.map(one_year, contents))
        return {"students": size, "wall_ms_per_student": round((time.perf_counter() - start) * 1000 / size, 1)}


def batch(size: int, workers: int, now: datetime, keys: Any, marks: Any, roots: Any, crls: Any) -> dict[str, Any]:
    """A class through the pool: build, then three signatures each, as the application does it."""
    pool = DocumentWorkers(workers)
    try:
        for future in [pool.submit("hocbaso.documents.workers:warm") for _ in range(workers)]:
            future.result()
        contents = [tc.to_canonical_json(sample(number, now)) for number in range(size)]
        start = time.perf_counter()
        built: list[Future[Any]] = [
            pool.submit("hocbaso.documents.issuing:build_faces", data, KEY) for data in contents
        ]
        files = [future.result() for future in built]
        build_s = time.perf_counter() - start
        records = [(made.pdf, pool.call("hocbaso.documents.issuing:unsigned_record", made.data_zone)) for made in files]
        start = time.perf_counter()
        for role in PEOPLE:
            steps = [
                pool.submit(
                    "hocbaso.documents.issuing:sign_step",
                    pdf,
                    xml,
                    role,
                    keys[role],
                    at=now,
                    mark=marks[role],
                    roots=roots,
                    crls=crls,
                )
                for pdf, xml in records
            ]
            records = [(step.pdf, step.xml) for step in (future.result() for future in steps)]
        sign_s = time.perf_counter() - start
    finally:
        pool.close()
    return {
        "students": size,
        "workers": workers,
        "build_wall_s": round(build_s, 2),
        "sign_wall_s": round(sign_s, 2),
        "wall_ms_per_student": round((build_s + sign_s) * 1000 / size),
    }


if __name__ == "__main__":
    main()
