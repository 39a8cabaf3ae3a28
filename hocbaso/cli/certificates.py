"""``flask certificates``: what this instance trusts, and who signs with what."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.cli.transcripts import acting, actor_option
from hocbaso.services import certificate_register, trust_roots

certificates_group = AppGroup("certificates", help="Chứng thư số và chứng thư gốc.")

STATES = {
    "good": "dùng được",
    "ending": "sắp hết hạn",
    "expired": "hết hạn",
    "early": "chưa đến hạn",
    "retired": "ngừng dùng",
    "revoked": "đã thu hồi",
    "refused": "Sở từ chối",
    "closed": "khoá vì sai PIN",
    "untrusted": "không rõ nơi cấp",
}


@certificates_group.command("trust")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Thư mục nhận các tệp PEM.")
@click.option(
    "--add", "pem", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Tin cậy thêm chứng thư gốc này."
)
@actor_option
@json_option
@refusals
def trust_command(out: Path | None, pem: Path | None, actor_name: str | None, as_json: bool) -> None:
    """Chứng thư gốc mà trường tin cậy."""
    if pem is not None:
        trust_roots.add_trust_root(acting(actor_name), pem.read_bytes(), clock.now())
    roots = trust_roots.list_roots()
    files = []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for root in roots:
            path = out / f"goc-{root.fingerprint[:16]}.pem"
            path.write_text(root.pem, encoding="ascii")
            files.append(str(path))
    words = "\n".join(
        f"{root.subject_name}{' (THỬ NGHIỆM)' if root.is_test else ''}\n  SHA-256 {root.fingerprint_words}"
        for root in roots
    )
    emit(
        [
            {
                "subject": root.subject_name,
                "sha256": root.fingerprint,
                "is_test": root.is_test,
                "file": files[index] if files else None,
            }
            for index, root in enumerate(roots)
        ],
        as_json=as_json,
        words=words or "Trường chưa tin cậy chứng thư gốc nào.",
    )


@certificates_group.command("list")
@actor_option
@json_option
@refusals
def list_command(actor_name: str | None, as_json: bool) -> None:
    """Chứng thư đã đăng ký và hạn dùng."""
    rows = certificate_register.list_certificates(acting(actor_name), clock.now())
    emit(
        [
            {
                "owner": row.owner,
                "purpose": row.purpose,
                "serial": row.serial_number,
                "sha256": row.fingerprint,
                "not_after": row.not_after.isoformat(),
                "days_left": row.days_left,
                "state": row.state,
                "is_test": row.is_test,
            }
            for row in rows
        ],
        as_json=as_json,
        words="\n".join(
            f"{row.owner:<40} {'con dấu' if row.purpose == 'seal' else 'cá nhân':<8} "
            f"đến {row.not_after:%d/%m/%Y}  {STATES[row.state]}"
            for row in rows
        )
        or "Chưa có chứng thư nào.",
    )


@certificates_group.command("register")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seal", is_flag=True, help="Đây là chứng thư con dấu của trường (văn thư).")
@actor_option
@json_option
@refusals
def register_command(file: Path, seal: bool, actor_name: str | None, as_json: bool) -> None:
    """Đăng ký tệp .p12 của chính người làm."""
    actor = acting(actor_name)
    password = click.prompt("Mật khẩu của tệp", hide_input=True, err=True)
    pin = os.environ.get("HOCBASO_PIN") or click.prompt(
        "Mã PIN mới", hide_input=True, confirmation_prompt=True, err=True
    )
    found = certificate_register.register_pkcs12(
        actor, file.read_bytes(), password, pin, clock.now(), purpose="seal" if seal else "personal"
    )
    emit({"certificate": found}, as_json=as_json, words="Đã đăng ký chứng thư số.")


COMMANDS = [certificates_group]
