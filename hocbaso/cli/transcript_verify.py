"""``flask transcript verify FILE``: judge a record without database and network. Exit 0 valid, 1 refused or undecided, 2 wrong use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid

if TYPE_CHECKING:
    from hocbaso.documents.verification_report import SignatureVerdict, VerificationReport

#: (roots, revocation lists, statements on keys) of this machine's instance; given by the caller where there is one.
InstanceTrust = Callable[[], tuple[Iterable[bytes], Iterable[bytes], Iterable[Any]]]

ROLE_LABELS = {
    "homeroom": "Giáo viên chủ nhiệm",
    "principal": "Hiệu trưởng",
    "seal": "Con dấu nhà trường",
    "instance": "Máy của nhà trường",
}
KIND_LABELS = {
    "pdf": "PDF",
    "xml": "XML",
    "package": "Gói PDF và XML",
    "qr": "Bản tóm tắt trong mã QR",
    "report": "Báo cáo kiểm tra",
    "keys": "Danh sách khoá của trường",
    "unknown": "Không rõ loại",
}
LEVEL_LABELS = {"T": "Tốt", "K": "Khá", "Đ": "Đạt", "CĐ": "Chưa đạt"}


def _when(value: object) -> str:
    from hocbaso.clock import local

    return local(value).strftime("%d/%m/%Y %H:%M:%S") if value else "không rõ"  # type: ignore[arg-type]


def _signature_lines(item: SignatureVerdict) -> list[str]:
    from hocbaso.documents.verification_report import UNKNOWN_ISSUER

    undecided = item.reasons == (UNKNOWN_ISSUER,)
    head = "HỢP LỆ" if item.ok else "CHƯA KẾT LUẬN ĐƯỢC" if undecided else "KHÔNG HỢP LỆ"
    label = ROLE_LABELS.get(item.role, item.role)
    lines = [f"  [{head}] {label}: {item.signer or 'không đọc được người ký'}"]
    if item.fingerprint:
        organisation = f" – {item.signer_organisation}" if item.signer_organisation else ""
        signed = f"Ký lúc {_when(item.signed_at)} (giờ Việt Nam)" if item.signed_at else "Không đọc được giờ ký"
        lines.append(f"      {signed}{organisation}")
        lines.append(f"      Nơi cấp: {item.issuer}; số hiệu {item.serial}; hiệu lực đến {_when(item.valid_until)}")
    return lines + [f"      - {reason}" for reason in (*item.reasons, *item.notes)]


def _summary_lines(details: dict[str, Any]) -> list[str]:
    """What a QR's summary claims, to be held against the sheet of paper."""
    from hocbaso.documents.qr_summary import SUBJECT_WORDS

    lines = [f"Ngày phát hành: {datetime.fromisoformat(details['issue_on']):%d/%m/%Y}"]
    for name, words in (("conduct", "Rèn luyện"), ("learning", "Học tập")):
        year, after = (LEVEL_LABELS.get(level, "") for level in details[name])
        lines.append(f"{words} cả năm: {year or 'không có'}{f'; sau hè: {after}' if after else ''}")
    lines.append("Kết quả cả năm, theo thứ tự in trong bảng điểm:")
    for number, (code, result) in enumerate(details["results"], 1):
        shown = (result or "trống").replace(".", ",")
        lines.append(f"  {number:>2}. {SUBJECT_WORDS.get(code, 'Môn ở dòng này'):<40} {shown}")
    return lines


def report_lines(name: str, report: VerificationReport) -> list[str]:
    """The report as people read it: file, record, one verdict a signature, reasons, one verdict for the whole."""
    from hocbaso.documents.verdict_words import of_report

    lines = [f"Tệp: {name} ({KIND_LABELS[report.kind]})"]
    if report.record_uuid:
        lines.append(f"Mã tra cứu: {report.record_uuid}")
    if report.record_uuid and report.class_name:
        lines.append(
            f"Học sinh: {report.student_name}, lớp {report.class_name}, năm học {report.school_year}, {report.school_name}"
        )
        if report.demo:
            lines.append("Lưu ý: đây là dữ liệu MẪU của trường thử nghiệm.")
    lines.append("Chữ ký:" if report.signatures else "Không có chữ ký nào đọc được.")
    for item in report.signatures:
        lines += _signature_lines(item)
    if report.level:
        lines.append(f"Mức bằng chứng của cả tệp: {report.level}")
    lines += [f"Dấu thời gian cả tệp: {_when(at)} (giờ Việt Nam)" for at in report.stamped_at]
    lines += [f"  - {problem}" for problem in report.problems]
    if report.kind == "qr" and report.details:
        lines += _summary_lines(report.details)
    if report.kind == "report" and report.details:
        said = report.details["said"] or {}
        lines.append(f"Báo cáo kết luận về tệp có SHA-256 {report.details['file_sha256']}:")
        lines.append(f"  {said.get('heading', '')}. {said.get('sentence', '')}")
    words = of_report(report)
    if report.kind in ("pdf", "xml", "package", "unknown"):
        good = f"KẾT LUẬN: {words.heading.upper()}." if report.lacks_status else "KẾT LUẬN: HỌC BẠ HỢP LỆ."
        bad = f"KẾT LUẬN: {words.heading.upper()}." if report.is_undecided else "KẾT LUẬN: HỌC BẠ KHÔNG HỢP LỆ."
        lines.append(good if report.ok else bad)
        if report.is_altered:
            lines.append(f"{words.heading}.")
    else:
        lines.append(f"KẾT LUẬN: {words.heading.upper()}.")
    lines.append(f"{words.sentence} {words.next_step}".strip())
    if report.is_undecided:
        lines.append(
            "Bằng dòng lệnh: thêm --trust và tệp chứng thư gốc, hoặc đặt HOCBASO_INSTANCE là thư mục dữ liệu của trường."
        )
    return lines


def make_verify_command(load_instance_roots: InstanceTrust | None = None) -> click.Command:
    """The command. ``load_instance_roots`` is asked only when no ``--trust`` is given; failing it, nothing is trusted."""

    @click.command(
        "verify",
        help="Kiểm tra học bạ (PDF, XML hoặc gói), chữ trong mã QR, báo cáo kiểm tra; không cần cơ sở dữ liệu và mạng.",
    )
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--trust", "trust", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="Chứng thư gốc tin cậy (PEM hoặc DER); dùng được nhiều lần.")  # fmt: skip
    @click.option("--crl", "crl", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="Danh sách chứng thư bị thu hồi (CRL).")  # fmt: skip
    @click.option("--keys", "keys", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="Danh sách khoá của trường (khoa-may.json), để kiểm tra mã QR.")  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="In kết quả dạng JSON.")
    def verify_command(
        file: Path, trust: tuple[Path, ...], crl: tuple[Path, ...], keys: tuple[Path, ...], as_json: bool
    ) -> None:
        from hocbaso.documents.instance_keys import read_key_list
        from hocbaso.documents.memory_limit import VERIFY_MEMORY, at_most
        from hocbaso.documents.verdict_words import described
        from hocbaso.documents.verification import verify_file

        roots: list[bytes] = [path.read_bytes() for path in trust]
        lists: list[bytes] = [path.read_bytes() for path in crl]
        try:
            known = [document for path in keys for document in read_key_list(path.read_bytes())]
        except Invalid as error:
            raise click.UsageError(error.message) from error
        if not roots and load_instance_roots is not None:
            try:
                found, revoked, own = load_instance_roots()
                roots, lists, known = list(found), lists + list(revoked), known + list(own)
            except Exception:  # no instance on this machine is a normal case: then nothing is trusted, and said so
                roots = []
        try:
            with at_most(VERIFY_MEMORY):
                report = verify_file(file.read_bytes(), roots, lists, clock.now(), keys=known)
        except DomainError as error:
            raise click.UsageError(error.message) from error
        if as_json:
            click.echo(json.dumps({"file": file.name, **described(report)}, ensure_ascii=False, indent=2))
        else:
            click.echo("\n".join(report_lines(file.name, report)))
        click.get_current_context().exit(0 if report.ok else 1)

    return verify_command


verify_command = make_verify_command()
