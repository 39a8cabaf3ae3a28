"""``flask certificates``: what this instance trusts, and who signs with what."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.cli.transcripts import acting, actor_option
from hocbaso.services import (
    certificate_register,
    instance_keys,
    key_devices,
    test_school_keys,
    token_register,
    token_requests,
    trust_roots,
)

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
    "cancelled": "nơi cấp đã thu hồi",
}


@certificates_group.command("trust")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Thư mục nhận các tệp PEM.")
@click.option(
    "--add",
    "pem",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tin cậy thêm các chứng thư gốc trong tệp này (PEM, nhiều gốc và danh sách thu hồi cũng được; hoặc DER).",
)
@click.option(
    "--kind",
    type=click.Choice(["national", "government", "other"]),
    default="other",
    help="Gốc quốc gia, gốc chuyên dùng công vụ, hay nơi cấp khác.",
)
@actor_option
@json_option
@refusals
def trust_command(out: Path | None, pem: Path | None, kind: str, actor_name: str | None, as_json: bool) -> None:
    """Chứng thư gốc mà trường tin cậy."""
    left_out: tuple[str, ...] = ()
    if pem is not None:
        left_out = trust_roots.add_trust_list(acting(actor_name), pem.read_bytes(), clock.now(), kind=kind)[1].left_out
    roots = trust_roots.list_roots()
    files = []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for root in roots:
            path = out / f"goc-{root.fingerprint[:16]}.pem"
            path.write_text(root.pem, encoding="ascii")
            files.append(str(path))
    words = "\n".join(
        f"{root.subject_name}{' (THỬ NGHIỆM)' if root.is_test else ''}\n"
        f"  {trust_roots.KINDS[root.kind]}\n  SHA-256 {root.fingerprint_words}"
        for root in roots
    )
    if left_out:
        words += "\nKhông nạp:\n" + "\n".join(f"  {each}" for each in left_out)
    emit(
        [
            {
                "subject": root.subject_name,
                "sha256": root.fingerprint,
                "is_test": root.is_test,
                "kind": root.kind,
                "file": files[index] if files else None,
            }
            for index, root in enumerate(roots)
        ],
        as_json=as_json,
        words=words or "Trường chưa tin cậy chứng thư gốc nào.",
    )


@certificates_group.command("instance-key")
@click.option("--certify", is_flag=True, help="Con dấu xác nhận các khoá còn chờ (văn thư, mã PIN con dấu).")
@click.option("--withdraw", "key_id", help="Thu hồi khoá mang số này; máy tạo khoá mới khi lập học bạ lần sau.")
@click.option("--reason", default="", help="Lí do thu hồi; ghi vào nhật ký và vào bản thu hồi.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Ghi danh sách khoá công khai ra tệp này.")
@actor_option
@json_option
@refusals
def instance_key_command(
    certify: bool, key_id: str | None, reason: str, out: Path | None, actor_name: str | None, as_json: bool
) -> None:
    """Khoá của máy: ký mã QR trên học bạ và báo cáo kiểm tra."""
    if key_id is not None:
        instance_keys.withdraw(acting(actor_name), key_id.replace(" ", "").lower(), reason, clock.now())
    if certify:
        actor = acting(actor_name)
        pin = os.environ.get("HOCBASO_PIN") or test_school_keys.demo_seal_pin(actor)
        pin = pin or click.prompt("Mã PIN của con dấu", hide_input=True, err=True)
        instance_keys.certify(actor, pin, clock.now())
    if out is not None:
        out.write_bytes(instance_keys.key_list())
    rows = instance_keys.views()
    emit(
        [
            {
                "key_id": row.key_id,
                "valid_from": row.valid_from.isoformat(),
                "valid_until": row.valid_until.isoformat(),
                "in_use": row.retired_at is None,
                "withdrawn": row.withdraw_reason,
                "certified": row.is_certified,
            }
            for row in rows
        ],
        as_json=as_json,
        words="\n".join(
            f"{row.words}  {row.valid_from:%d/%m/%Y}–{row.valid_until:%d/%m/%Y}  "
            + ("đang dùng" if row.retired_at is None else "đã thu hồi" if row.withdrawn_at else "ngừng dùng")
            + ("" if row.is_certified else ", chờ con dấu xác nhận")
            for row in rows
        )
        or "Chưa có khoá nào: máy tạo khi lập học bạ lần đầu.",
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


def _device_pin() -> str:
    return os.environ.get("HOCBASO_PIN") or click.prompt("Mã PIN của thiết bị", hide_input=True, err=True)


device_argument = click.argument("device")
seal_option = click.option("--seal", is_flag=True, help="Cho con dấu của trường (văn thư).")
last_try_option = click.option("--last-try", is_flag=True, help="Dùng lần thử mã PIN cuối cùng của thiết bị.")


@certificates_group.command("devices")
@json_option
@refusals
def devices_command(as_json: bool) -> None:
    """Thiết bị ký (USB token, HSM) đang cắm ở máy này."""
    seen, problems = key_devices.plugged_in()
    emit(
        {
            "devices": [
                {
                    "device": each.value,
                    "model": each.token.model,
                    "locked": each.token.is_locked,
                    "last_try": each.token.is_last_try,
                    "n_certificates": len(each.token.certificates),
                }
                for each in seen
            ],
            "problems": problems,
        },
        as_json=as_json,
        words="\n".join(
            [f"{each.value}  ({each.driver.words}, {len(each.token.certificates)} chứng thư)" for each in seen]
            + problems
        )
        or "Không thấy thiết bị ký nào. Xem bảng [pkcs11.*] trong config.toml.",
    )


@certificates_group.command("request")
@device_argument
@click.option("--kind", type=click.Choice(token_requests.KINDS), default="rsa", help="Loại khoá.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Tệp yêu cầu gửi nơi cấp.")
@seal_option
@last_try_option
@actor_option
@json_option
@refusals
def request_command(
    device: str, kind: str, out: Path, seal: bool, last_try: bool, actor_name: str | None, as_json: bool
) -> None:
    """Tạo khoá mới trên thiết bị, ghi tệp yêu cầu cấp chứng thư (PKCS#10)."""
    pem = token_requests.make_request(
        acting(actor_name),
        device,
        _device_pin(),
        kind,
        clock.now(),
        purpose="seal" if seal else "personal",
        last_try=last_try,
    )
    out.write_bytes(pem)
    emit({"file": str(out)}, as_json=as_json, words=f"Khoá đã tạo trên thiết bị. Gửi {out} cho nơi cấp chứng thư.")


@certificates_group.command("put")
@device_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@last_try_option
@actor_option
@json_option
@refusals
def put_command(device: str, file: Path, last_try: bool, actor_name: str | None, as_json: bool) -> None:
    """Ghi chứng thư nơi cấp giao lên thiết bị, cạnh khoá của nó."""
    key_id = token_requests.put_certificate(
        acting(actor_name), device, _device_pin(), file.read_bytes(), last_try=last_try
    )
    emit({"key": key_id}, as_json=as_json, words="Đã ghi chứng thư lên thiết bị. Bước sau: flask certificates use.")


@certificates_group.command("use")
@device_argument
@click.option(
    "--intermediates",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Chứng thư trung gian của nơi cấp, khi thiết bị không chứa sẵn.",
)
@seal_option
@click.option("--replace", is_flag=True, help="Thay con dấu đang dùng (chỉ cùng --seal).")
@last_try_option
@actor_option
@json_option
@refusals
def use_command(
    device: str,
    intermediates: Path | None,
    seal: bool,
    replace: bool,
    last_try: bool,
    actor_name: str | None,
    as_json: bool,
) -> None:
    """Đăng ký chứng thư trên thiết bị để ký học bạ."""
    found = token_register.register_token(
        acting(actor_name),
        device,
        _device_pin(),
        clock.now(),
        purpose="seal" if seal else "personal",
        intermediates=intermediates.read_bytes() if intermediates else b"",
        last_try=last_try,
        replace=replace,
    )
    emit({"certificate": found}, as_json=as_json, words="Đã đăng ký chứng thư trên thiết bị.")


COMMANDS = [certificates_group]
