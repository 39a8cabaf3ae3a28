"""``flask user`` and ``flask role``: accounts and roles from the server's own keyboard.

Accounts are no learning data: whoever sits at the server may open, reset and shut them, and the audit log says that
the system did. Roles give powers over learning data, so they are granted by an account that may (``--actor``), except
while the instance is in set-up or is a demo.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.errors import NotFound
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import accounts, credentials, first_passwords, role_grants, staff
from hocbaso.services.access import SYSTEM, Actor

user_group = AppGroup("user", help="Tài khoản: thêm, cấp lại mật khẩu, danh sách, khoá.")
role_group = AppGroup("role", help="Vai trò: giao, kết thúc, danh sách.")

actor_option = click.option(
    "--actor",
    "actor_name",
    metavar="TÊN",
    help="Làm với tư cách tài khoản này (mật khẩu: hỏi trên màn hình, hoặc HOCBASO_PASSWORD).",
)


def force_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--force --reason``: at the server's keyboard, also for the last principal or IT officer."""
    command = click.option("--reason", metavar="LÍ DO", help="Lí do của --force, ghi vào nhật ký.")(command)
    return click.option(
        "--force", is_flag=True, help="Làm cả khi đó là Hiệu trưởng hay người phụ trách CNTT duy nhất (cần --reason)."
    )(command)


def _forced(force: bool, reason: str | None) -> str | None:
    """The reason of a forced act, None for an ordinary one; wrong use when only one of the two is given."""
    if force != (reason is not None):
        raise click.UsageError("--force và --reason đi cùng nhau.")
    return reason


DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


def acting(actor_name: str | None) -> Actor:
    """The account named by ``--actor`` after its password, or the system actor where that may act."""
    if actor_name is None:
        return accounts.resolve_cli_actor(None, None, now=clock.now())
    password = os.environ.get("HOCBASO_PASSWORD") or click.prompt(
        f"Mật khẩu của {actor_name}", hide_input=True, err=True
    )
    return accounts.resolve_cli_actor(actor_name, password, now=clock.now())


def _keeper(actor_name: str | None) -> Actor:
    return acting(actor_name) if actor_name else SYSTEM


def _slips(slips: list[accounts.FirstPassword]) -> str:
    return "\n".join(
        f"{slip.name}: tên đăng nhập {slip.username}, mật khẩu lần đầu {slip.password} "
        f"(dùng được đến {clock.local(slip.expires_at):%H:%M %d/%m/%Y})"
        for slip in slips
    )


@user_group.command("add")
@click.argument("codes", nargs=-1, required=True, metavar="MÃ…")
@click.option("--name", help="Họ tên, khi người này chưa có trong danh sách (chỉ cho một mã).")
@click.option("--username", help="Tên đăng nhập (mặc định: mã viết thường; chỉ cho một mã).")
@actor_option
@json_option
@refusals
def add_command(
    codes: tuple[str, ...], name: str | None, username: str | None, actor_name: str | None, as_json: bool
) -> None:
    """Mở tài khoản cho cán bộ, giáo viên theo mã.

    Ở bàn phím máy chủ (không kèm --actor) in mật khẩu dùng một lần; với --actor thì phiếu do văn thư hoặc Ban Giám hiệu in.
    """
    if (name or username) and len(codes) > 1:
        raise click.UsageError("--name và --username chỉ dùng với một mã.")
    actor, now = _keeper(actor_name), clock.now()
    slips, opened = [], []
    for code in codes:
        person_id = staff.person_by_code(code)
        if person_id is None:
            if not name:
                raise NotFound(f'Không có người mang mã {code}. Người mới thì thêm --name "Họ và tên".')
            person_id = staff.add_person(actor, {"staff_code": code, "full_name": name}, now).id
        if actor.is_system:
            slips.append(accounts.create_account(actor, person_id, now, username=username))
        else:
            opened += first_passwords.open_accounts(actor, [person_id], now, username=username)
    emit(
        [asdict(slip) for slip in slips]
        + [
            {"account_id": row.id, "username": row.username, "name": row.person.full_name, "password": None}
            for row in opened
        ],
        as_json=as_json,
        words=_slips(slips)
        or "\n".join(
            f"{row.person.full_name}: tên đăng nhập {row.username}; văn thư hoặc Ban Giám hiệu in phiếu mật khẩu."
            for row in opened
        ),
    )


@user_group.command("passwd")
@click.argument("username", metavar="TÊN")
@actor_option
@json_option
@refusals
def passwd_command(username: str, actor_name: str | None, as_json: bool) -> None:
    """Cấp lại mật khẩu dùng một lần; mọi máy đang dùng tài khoản ấy bị thoát."""
    account_id = accounts.account_id_of(username)
    slip = credentials.reset_password(_keeper(actor_name), account_id, clock.now())
    emit(slip, as_json=as_json, words=_slips([slip]))


@user_group.command("list")
@json_option
@refusals
def list_command(as_json: bool) -> None:
    """Danh sách tài khoản."""
    rows = accounts.list_accounts(SYSTEM, clock.now(), include_people_without=False)
    words = (
        "\n".join(
            f"{row.username:<20} {row.name:<30} "
            f"{'đã khoá' if row.disabled_at else 'chờ lần đầu' if row.waits_first_sign_in else 'đang dùng':<12} "
            f"{', '.join(role.value for role in row.roles)}"
            for row in rows
        )
        or "Chưa có tài khoản nào."
    )
    emit([asdict(row) for row in rows], as_json=as_json, words=words)


@user_group.command("disable")
@click.argument("username", metavar="TÊN")
@click.option("--enable", is_flag=True, help="Mở lại thay vì khoá.")
@force_options
@actor_option
@json_option
@refusals
def disable_command(
    username: str, enable: bool, force: bool, reason: str | None, actor_name: str | None, as_json: bool
) -> None:
    """Khoá (hoặc mở lại) một tài khoản; phiên đang mở kết thúc ngay."""
    account_id, forced = accounts.account_id_of(username), _forced(force, reason)
    if enable:
        accounts.enable(_keeper(actor_name), account_id, clock.now())
    else:
        accounts.disable(_keeper(actor_name), account_id, clock.now(), forced=forced)
    emit(
        {"account_id": account_id, "username": username.strip().casefold(), "disabled": not enable},
        as_json=as_json,
        words="Đã mở lại." if enable else "Đã khoá.",
    )


def _scope(text: str | None) -> tuple[GrantScope | None, int | None]:
    """``school``, ``grade:9``, ``class:9A`` or ``group:Tổ Tự nhiên`` as kind and id."""
    if text is None or text == "school":
        return (GrantScope.SCHOOL if text else None), None
    kind, _, value = text.partition(":")
    kinds = {"grade": GrantScope.GRADE_LEVEL, "class": GrantScope.CLASS_GROUP, "group": GrantScope.SUBJECT_GROUP}
    if kind not in kinds or not value:
        raise click.UsageError('--scope viết: school, grade:9, class:9A, group:"Tổ Tự nhiên".')
    return kinds[kind], staff.scope_id(kinds[kind], value)


@role_group.command("grant")
@click.argument("code", metavar="MÃ")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option("--name", help="Họ tên, khi đang thiết lập và người này chưa có trong danh sách.")
@click.option("--scope", help='school, grade:9, class:9A, group:"Tổ Tự nhiên".')
@click.option("--from", "starts_on", type=DAY, help="Từ ngày (mặc định hôm nay).")
@click.option("--to", "ends_on", type=DAY, help="Đến hết ngày.")
@click.option("--document", help="Số văn bản giao việc, uỷ quyền.")
@click.option("--hand-over", is_flag=True, help="Hiệu trưởng mới: vai trò của Hiệu trưởng cũ kết thúc ngày hôm trước.")
@actor_option
@json_option
@refusals
def grant_command(
    code: str,
    role: str,
    name: str | None,
    scope: str | None,
    starts_on: datetime | None,
    ends_on: datetime | None,
    document: str | None,
    hand_over: bool,
    actor_name: str | None,
    as_json: bool,
) -> None:
    """Giao vai trò cho người mang mã này."""
    actor, now = acting(actor_name), clock.now()
    person_id = staff.person_by_code(code)
    if person_id is None:
        if not name:
            raise NotFound(f"Không có người mang mã {code}.")
        person_id = staff.add_person(actor, {"staff_code": code, "full_name": name}, now).id
    kind, scope_id = _scope(scope)
    grant = role_grants.grant_role(
        actor,
        person_id,
        Role(role),
        now,
        scope_kind=kind,
        scope_id=scope_id,
        starts_on=starts_on.date() if starts_on else None,
        ends_on=ends_on.date() if ends_on else None,
        document=document,
        hand_over=hand_over,
    )
    emit(
        {"id": grant.id, "role": role, "person": code},
        as_json=as_json,
        words=f"Đã giao {role} cho {code} (số {grant.id}).",
    )


@role_group.command("end")
@click.argument("grant_id", type=int, metavar="SỐ")
@click.option("--to", "ends_on", type=DAY, help="Đến hết ngày; bỏ trống: kết thúc ngay.")
@force_options
@actor_option
@json_option
@refusals
def end_command(
    grant_id: int, ends_on: datetime | None, force: bool, reason: str | None, actor_name: str | None, as_json: bool
) -> None:
    """Kết thúc một vai trò (số lấy từ `flask role list`).

    Với --force, ở bàn phím máy chủ, hệ thống làm và lí do nằm trong nhật ký.
    """
    forced = _forced(force, reason)
    actor = SYSTEM if forced is not None and actor_name is None else acting(actor_name)
    role_grants.end_role(actor, grant_id, clock.now(), ends_on=ends_on.date() if ends_on else None, forced=forced)
    emit({"id": grant_id, "ended": True}, as_json=as_json, words="Đã kết thúc.")


@role_group.command("list")
@click.option("--past", is_flag=True, help="Cả vai trò đã kết thúc.")
@json_option
@refusals
def roles_command(past: bool, as_json: bool) -> None:
    """Ai đang giữ vai trò nào."""
    rows = role_grants.list_grants(SYSTEM, clock.now(), include_past=past)

    def line(row: Any) -> str:
        until = f" đến {row.ends_on:%d/%m/%Y}" if row.ends_on else ""
        return f"{row.grant_id:>4}  {row.role.value:<15} {row.name:<30} {row.scope}, từ {row.starts_on:%d/%m/%Y}{until}"

    emit([asdict(row) for row in rows], as_json=as_json, words="\n".join(map(line, rows)) or "Chưa giao vai trò nào.")


COMMANDS = [user_group, role_group]

__all__ = ["COMMANDS", "acting", "actor_option"]
