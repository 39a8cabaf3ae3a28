"""``flask transcript``: build, sign, publish, recall, export and verify the transcripts of a class.

``verify`` needs neither database nor network nor an instance; the others act as an account (``--actor``) or, while the instance is in
set-up or a demonstration, as the system actor (docs/commands.md).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from flask.cli import AppGroup, with_appcontext

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.cli.transcript_verify import make_verify_command
from hocbaso.errors import NotFound
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.transcript_flow import SignatureRole

F = TypeVar("F", bound=Callable[..., Any])

transcript_group = AppGroup("transcript", help="Học bạ: lập, ký, công bố, xuất, kiểm tra.")

ROLES = [role.value for role in SignatureRole]


def _comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def class_options(command: F) -> F:
    """``--class`` and ``--year``."""
    command = click.option("--year", help="Năm học, ví dụ 2025-2026 (mặc định: năm đang mở).")(command)
    return click.option("--class", "class_name", required=True, help="Tên lớp, ví dụ 9A.")(command)


def scope_options(command: F) -> F:
    """``--class``, or ``--grade-level``, or ``--whole-school``; and ``--year``. One of the three is wanted."""
    command = click.option("--year", help="Năm học, ví dụ 2025-2026 (mặc định: năm đang mở).")(command)
    command = click.option("--whole-school", is_flag=True, help="Mọi lớp của năm đang mở, trong một lượt.")(command)
    command = click.option("--grade-level", type=click.IntRange(6, 9), help="Cả khối của năm đang mở.")(command)
    return click.option("--class", "class_name", help="Tên lớp, ví dụ 9A.")(command)


def classes_meant(class_name: str | None, grade_level: int | None, whole_school: bool, year: str | None) -> list[int]:
    """Ids of the classes that the options of ``scope_options`` name. Wrong use without exactly one of the three."""
    from hocbaso.services import roster

    if (class_name is not None) + (grade_level is not None) + whole_school != 1:
        raise click.UsageError("Cho đúng một trong ba: --class, --grade-level, --whole-school.")
    if class_name is not None:
        return [class_id_of(class_name, year)]
    wanted = roster.year_by_label(year)
    if wanted.id != roster.open_year().id:
        raise click.UsageError("Cả khối hoặc toàn trường chỉ làm được trong năm học đang mở.")
    found = [row.id for row in roster.classes_of_year(wanted) if grade_level in (None, row.grade_level)]
    if not found:
        raise NotFound("Năm học này không có lớp nào của khối đã chọn.")
    return found


def actor_option(command: F) -> F:
    """``--actor``: the account that acts."""
    return click.option("--actor", "actor_name", help="Tên đăng nhập của người làm.")(command)


def acting(actor_name: str | None) -> Any:
    """The actor; the password comes from ``HOCBASO_PASSWORD`` or the prompt."""
    from hocbaso.services import accounts

    password = None
    if actor_name is not None:
        password = os.environ.get("HOCBASO_PASSWORD") or click.prompt("Mật khẩu", hide_input=True, err=True)
    return accounts.resolve_cli_actor(actor_name, password, now=clock.now())


def class_id_of(name: str, year: str | None) -> int:
    """The id of a class by its name in a year."""
    from hocbaso.services import roster

    return roster.class_by_name(name, roster.year_by_label(year)).id


class Bar:
    """A line on stderr that tells how far a batch is, once it has taken two seconds. Silent where stderr is a file."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.began, self.drawn = total, 0, time.monotonic(), False

    def __call__(self) -> None:
        self.done += 1
        spent = time.monotonic() - self.began
        if spent < 2 or not sys.stderr.isatty():
            return
        rate = self.done / spent
        filled = 30 * self.done // max(1, self.total)
        left = (self.total - self.done) / rate
        click.echo(
            f"\r  [{'#' * filled}{'.' * (30 - filled)}] {self.done}/{self.total}, {rate:.1f} bản/giây, còn {left:.0f} giây ",
            nl=False,
            err=True,
        )
        self.drawn = True

    def close(self) -> None:
        """End the line."""
        if self.drawn:
            click.echo("", err=True)


def _report(batch_id: int, actor: Any, seconds: float, as_json: bool, verb: str) -> None:
    """Print a batch's outcome and end with 1 when an item failed or was left."""
    from hocbaso.services import batch_view

    progress = batch_view.batch_progress(actor, batch_id, clock.now())
    rate = progress.n_done / seconds if seconds > 0 else 0
    plain = {
        "batch": progress.id,
        "step": progress.step,
        "class": progress.scope.name.removeprefix("lớp ") if progress.class_group_id is not None else None,
        "scope": progress.scope.name,
        "count": progress.n_done,
        "skipped": progress.n_skipped,
        "failed": progress.n_failed,
        "waiting": progress.n_waiting,
        "rate": f"{rate:.2f}",
        "seconds": f"{seconds:.2f}",
        "items": [{"name": item.name, "outcome": item.outcome, "reason": item.reason} for item in progress.items],
    }
    words = [
        f"{verb}: {progress.n_done} học bạ {progress.scope.name}, {_comma(rate)} bản/giây, {_comma(seconds)} giây."
    ]
    if progress.n_skipped:
        words.append(f"  Đã có từ trước, bỏ qua: {progress.n_skipped}")
    words += [f"  Chưa được: {item.name}: {item.reason}" for item in progress.failures]
    emit(plain, as_json=as_json, words="\n".join(words))
    if progress.n_failed or progress.n_waiting:
        sys.exit(1)


@transcript_group.command("build")
@scope_options
@click.option("--student", help="Chỉ lập cho học sinh mang mã này (cùng --class).")
@actor_option
@json_option
@refusals
def build_command(
    class_name: str | None,
    grade_level: int | None,
    whole_school: bool,
    year: str | None,
    student: str | None,
    actor_name: str | None,
    as_json: bool,
) -> None:
    """Lập học bạ (bản ghi, XML, PDF) của một lớp, một khối hoặc toàn trường đã duyệt."""
    from hocbaso.services import transcript_building, wide_batches

    if student and class_name is None:
        raise click.UsageError("--student đi cùng --class.")
    actor = acting(actor_name)
    class_ids = classes_meant(class_name, grade_level, whole_school, year)
    bar = Bar(1 if student else _n_students(class_ids))
    began = time.monotonic()
    if class_name is not None:
        batch = transcript_building.build_class(actor, class_ids[0], clock.now(), student, on_item=bar)
    else:
        batch = wide_batches.build_classes(actor, class_ids, clock.now(), on_item=bar)
    bar.close()
    _report(batch.id, actor, time.monotonic() - began, as_json, "Đã lập")


def _n_students(class_ids: list[int]) -> int:
    from hocbaso.services import transcripts

    return sum(len(transcripts.students_of(class_id)) for class_id in class_ids)


@transcript_group.command("sign")
@click.option("--as", "role", type=click.Choice(ROLES), required=True, help="Ký với tư cách nào.")
@scope_options
@click.option(
    "--student", "students", multiple=True, help="Chỉ ký cho học sinh mang mã này (cùng --class); dùng được nhiều lần."
)
@click.option(
    "--publish/--no-publish",
    default=True,
    help="Hiệu trưởng: phát hành ngay khi văn thư đóng dấu (mặc định), hoặc chờ Hiệu trưởng công bố.",
)
@actor_option
@json_option
@refusals
def sign_command(
    role: str,
    class_name: str | None,
    grade_level: int | None,
    whole_school: bool,
    year: str | None,
    students: tuple[str, ...],
    publish: bool,
    actor_name: str | None,
    as_json: bool,
) -> None:
    """Ký cả lớp, cả khối hoặc toàn trường bằng một lần nhập PIN."""
    from hocbaso.services import signing, wide_batches

    if students and class_name is None:
        raise click.UsageError("--student đi cùng --class.")
    actor = acting(actor_name)
    class_ids = classes_meant(class_name, grade_level, whole_school, year)
    pin = os.environ.get("HOCBASO_PIN") or _demo_pin(actor, class_ids[0], role)
    if pin is None:
        pin = click.prompt("Mã PIN của khoá ký", hide_input=True, err=True)
    bar = Bar(len(students) or _n_students(class_ids))
    began = time.monotonic()
    if class_name is not None:
        batch = signing.sign_class(
            actor, class_ids[0], role, pin, clock.now(), list(students) or None, publish_on_seal=publish, on_item=bar
        )
    else:
        batch = wide_batches.sign_classes(
            actor, role, class_ids, pin, clock.now(), publish_on_seal=publish, on_item=bar
        )
    bar.close()
    _report(batch.id, actor, time.monotonic() - began, as_json, "Đã ký")


def _demo_pin(actor: Any, class_id: int, role: str) -> str | None:
    """The stored PIN of a demonstration key, for the system actor only."""
    from hocbaso.services import test_school_keys

    return test_school_keys.demo_pin_for(actor, class_id, role, clock.now())


@transcript_group.command("publish")
@class_options
@actor_option
@json_option
@refusals
def publish_command(class_name: str, year: str | None, actor_name: str | None, as_json: bool) -> None:
    """Công bố các học bạ đã đóng dấu mà Hiệu trưởng chưa cho phát hành sẵn (Hiệu trưởng hoặc người được uỷ quyền)."""
    from hocbaso.services import transcript_moves

    actor = acting(actor_name)
    class_id = class_id_of(class_name, year)
    n_before = transcript_moves.publishing_of(class_id).n_published
    outcomes = transcript_moves.publish_class(actor, class_id, clock.now())
    n_done = sum(outcome.ok for outcome in outcomes)
    words = [f"Đã công bố: {n_done} học bạ lớp {class_name}."]
    if n_before:
        words.append(f"  Đã công bố từ trước: {n_before}")
    words += [f"  Chưa được: {outcome.name}: {outcome.reason}" for outcome in outcomes if not outcome.ok]
    emit(
        {
            "count": n_done,
            "already": n_before,
            "items": [{"name": o.name, "ok": o.ok, "reason": o.reason} for o in outcomes],
        },
        as_json=as_json,
        words="\n".join(words),
    )
    if n_done < len(outcomes):
        sys.exit(1)


@transcript_group.command("recall")
@click.argument("uuid")
@click.option("--reason", required=True, help="Lí do thu hồi; ghi vào nhật ký.")
@click.option("--paper", default="", help="Quyết định, giấy tờ kèm theo.")
@click.option(
    "--ask", "only_ask", is_flag=True, help="Chỉ đề nghị (văn thư, giáo viên chủ nhiệm); Hiệu trưởng quyết định."
)
@actor_option
@json_option
@refusals
def recall_command(uuid: str, reason: str, paper: str, only_ask: bool, actor_name: str | None, as_json: bool) -> None:
    """Thu hồi một học bạ (Hiệu trưởng), hoặc đề nghị thu hồi (--ask); lập lại sẽ có mã mới."""
    from hocbaso.services import recall_requests

    act = recall_requests.ask if only_ask else recall_requests.recall
    request = act(acting(actor_name), uuid, reason, clock.now(), paper=paper)
    state = "RECALLED" if request is None or request.state == "RECALLED" else "RECALL_REQUESTED"
    if only_ask:
        words = f"Đã ghi đề nghị thu hồi học bạ {uuid}, chờ Hiệu trưởng quyết định."
    elif state == "RECALLED":
        words = f"Đã thu hồi học bạ {uuid}. Lập lại để có bản thay."
    else:
        words = f"Đã duyệt thu hồi học bạ {uuid}; chờ cấp trên đồng ý theo danh sách thu hồi rồi mới hết hiệu lực."
    emit({"uuid": uuid, "state": state, "request": request.id if request else None}, as_json=as_json, words=words)


@transcript_group.command("recall-list")
@click.option("--year", help="Năm học, ví dụ 2025-2026 (mặc định: năm đang mở).")
@click.option("--make", is_flag=True, help="Lập danh sách mới từ các đề nghị đã duyệt chưa nằm trong danh sách nào.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Thư mục nhận bản PDF và XML mới nhất.")
@actor_option
@json_option
@refusals
def recall_list_command(year: str | None, make: bool, out: Path | None, actor_name: str | None, as_json: bool) -> None:
    """Danh sách học bạ thu hồi gửi cấp trên: lập, xem, chép ra; ký và đóng dấu ở trang Thu hồi."""
    from hocbaso.services import recall_lists, recall_view, roster

    actor = acting(actor_name)
    recall_lists.require_keeper(actor)
    wanted = roster.year_by_label(year)
    if make:
        recall_lists.make(actor, wanted.id, clock.now())
    lists = [row for row in recall_view.overview(actor).lists if row.school_year == wanted.label]
    files: list[str] = []
    if out is not None:
        if not lists:
            raise NotFound(f"Năm học {wanted.label} chưa có danh sách thu hồi nào.")
        out.mkdir(parents=True, exist_ok=True)
        for face in ("pdf", "xml"):
            file = recall_lists.open_file(actor, lists[0].id, face, clock.now())
            (out / file.name).write_bytes(file.data)
            files.append(file.name)
    words = [f"Danh sách số {row.number}: {row.n_records} học bạ, {row.state}" for row in lists]
    words += [f"Đã chép {', '.join(files)} vào {out}"] if files else []
    emit(
        {
            "lists": [{"number": row.number, "state": row.state, "n": row.n_records} for row in lists],
            "files": files,
        },
        as_json=as_json,
        words="\n".join(words) or f"Năm học {wanted.label} chưa có danh sách thu hồi nào.",
    )


@transcript_group.command("rehearse")
@click.option("--year", help="Năm học, ví dụ 2025-2026 (mặc định: năm đang mở).")
@click.option("--papers", type=click.IntRange(1, 50), default=3, show_default=True, help="Số bản thử mỗi lớp.")
@actor_option
@json_option
@refusals
def rehearse_command(year: str | None, papers: int, actor_name: str | None, as_json: bool) -> None:
    """Diễn tập ký: kiểm tra từng người ký, đo thời gian từng lớp bằng bản thử, in việc của mỗi người."""
    from hocbaso.services import rehearsal, roster

    actor = acting(actor_name)
    bar = Bar(len(roster.classes_of_year(roster.year_by_label(year))))
    rehearsal_id = rehearsal.start(actor, clock.now(), year_label=year, n_papers=papers, on_class=bar)
    bar.close()
    view = rehearsal.view(actor, rehearsal_id, clock.now())
    words = [
        f"Diễn tập ký năm học {view.school_year}: {len(view.todos)} việc, {view.n_blocking} việc phải xong trước hạn ký."
    ]
    words += [
        f"  Lớp {row.name}: {row.problem or f'{row.n_students} học sinh, {row.per_paper_ms} ms một bản, cả lớp {row.seconds} giây'}"
        for row in view.classes
    ]
    for person in view.people:
        words.append(f"{person.name}")
        words += [f"  [ ] {one.words} (hạn {Deadline(one.before).last_good_day:%d/%m/%Y})" for one in person.todos]
    emit(
        {
            "year": view.school_year,
            "blocking": view.n_blocking,
            "classes": [
                {
                    "class": row.name,
                    "students": row.n_students,
                    "ms_per_paper": row.per_paper_ms,
                    "seconds": row.seconds,
                    "problem": row.problem,
                }
                for row in view.classes
            ],
            "people": [
                {
                    "name": person.name,
                    "todos": [
                        {"words": one.words, "before": one.before.isoformat(), "blocks": one.blocks}
                        for one in person.todos
                    ],
                }
                for person in view.people
            ],
        },
        as_json=as_json,
        words="\n".join(words),
    )
    if view.n_blocking or any(row.problem for row in view.classes):
        sys.exit(1)


@transcript_group.command("export")
@class_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Thư mục nhận tệp.")
@actor_option
@json_option
@refusals
def export_command(class_name: str, year: str | None, out: Path, actor_name: str | None, as_json: bool) -> None:
    """Chép tệp hiện hành của cả lớp: <mã học sinh>.pdf và .xml."""
    from hocbaso.services import transcript_files

    files = transcript_files.export_class(acting(actor_name), class_id_of(class_name, year), clock.now())
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        (out / file.name).write_bytes(file.data)
    emit(
        {"out": str(out), "files": [file.name for file in files]},
        as_json=as_json,
        words=f"Đã chép {len(files)} tệp của lớp {class_name} vào {out}",
    )


def _instance_trust() -> tuple[Iterable[bytes], Iterable[bytes], Iterable[Any]]:
    """Roots, lists and statements on keys of this machine's instance; raises when there is none (the verifier then trusts nothing)."""
    from flask import current_app, has_app_context

    from hocbaso.services import instance_keys, trust_roots

    if not has_app_context():
        raise NotFound("Không có trường nào trên máy này.")
    settings = current_app.config["HOCBASO"]
    if settings.database_url.startswith("sqlite") and not settings.database_file.is_file():
        raise NotFound("Không có trường nào trên máy này.")
    return trust_roots.trusted_roots(), trust_roots.trusted_crls(), instance_keys.public_documents()


verify_command = make_verify_command(_instance_trust)
if verify_command.callback is not None:
    verify_command.callback = with_appcontext(verify_command.callback)
transcript_group.add_command(verify_command)

COMMANDS = [transcript_group]
