"""``/bang-diem/<sheet>/excel``: a score sheet as a file to fill in at home, and that file handed in again."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from string import ascii_uppercase
from urllib.parse import quote

from flask import Blueprint, Flask, Response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import score_file_download, score_file_import
from hocbaso.services.score_file_plan import PlannedCell
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.forms.scores import FileForm
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, note, requires

files = Blueprint("score_files", __name__, url_prefix="/bang-diem")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@files.get("/<int:sheet_id>/excel")
@requires(P.EXPORT_SCORES)
def page(sheet_id: int) -> str:
    """Take the sheet home, hand a file in, and the files of before."""
    return _page(sheet_id, FileForm(formdata=None))


@files.get("/<int:sheet_id>/excel/tai")
@requires(P.EXPORT_SCORES)
def download(sheet_id: int) -> Response:
    """The workbook; ``mau`` names the official form."""
    wanted = request.args.get("mau") or score_file_download.DEFAULT_TEMPLATE
    made = score_file_download.download(current_actor(), sheet_id, clock.now(), wanted)
    response = Response(made.data, mimetype=XLSX)
    # A header carries Vietnamese letters only in the second form (RFC 6266).
    plain = unicodedata.normalize("NFKD", made.name.replace("Đ", "D").replace("đ", "d"))
    response.headers.set(
        "Content-Disposition",
        "attachment",
        **{
            "filename": plain.encode("ascii", "ignore").decode("ascii"),
            "filename*": "UTF-8''" + quote(made.name, safe=""),
        },
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@files.post("/<int:sheet_id>/excel")
@requires(P.IMPORT_SCORES)
def upload(sheet_id: int) -> BaseResponse | tuple[str, int]:
    """Read the file and go to what it would change; nothing of it is written yet."""
    score_file_import.require_author(current_actor(), sheet_id, clock.now())
    form = FileForm()
    if not form.validate_on_submit():
        return _page(sheet_id, form), 422
    sent = form.file.data
    name = PurePosixPath((sent.filename or "").replace("\\", "/")).name
    try:
        batch_id = score_file_import.preview(current_actor(), sheet_id, sent.read(), name, clock.now())
    except (Invalid, WrongState) as refusal:
        form.file.errors = [refusal.message]
        return _page(sheet_id, form, refusal.details), status_of(refusal)
    return go(url_for("score_files.show", sheet_id=sheet_id, batch_id=batch_id))


@files.get("/<int:sheet_id>/excel/<int:batch_id>")
@requires(P.IMPORT_SCORES)
def show(sheet_id: int, batch_id: int) -> str:
    """What the file would change, or has changed."""
    return _shown(sheet_id, batch_id)


@files.post("/<int:sheet_id>/excel/<int:batch_id>/ghi")
@requires(P.IMPORT_SCORES)
def apply(sheet_id: int, batch_id: int) -> BaseResponse | tuple[str, int]:
    """Write what was shown, and the cells that were ticked."""
    chosen = request.form.getlist("chon")
    try:
        done = score_file_import.apply_file(
            current_actor(), sheet_id, batch_id, chosen, clock.now(), confirmed="dung-tep" in request.form
        )
    except (Invalid, Stale, WrongState) as refusal:
        return _shown(sheet_id, batch_id, refusal.message, chosen), status_of(refusal)
    note(f"Đã ghi {len(done.written)} ô từ tệp.", "late" if done.left else "done")
    return go(url_for("score_files.show", sheet_id=sheet_id, batch_id=batch_id))


@files.post("/<int:sheet_id>/excel/<int:batch_id>/hoan-tac")
@requires(P.IMPORT_SCORES)
def undo(sheet_id: int, batch_id: int) -> BaseResponse | tuple[str, int]:
    """Take the whole file back; cells with something newer on them stay."""
    try:
        done = score_file_import.undo_file(current_actor(), sheet_id, batch_id, clock.now())
    except (Invalid, Stale, WrongState) as refusal:
        return _shown(sheet_id, batch_id, refusal.message), status_of(refusal)
    note(f"Đã hoàn tác {done.n_back} ô.", "late" if done.left else "done")
    return go(url_for("score_files.show", sheet_id=sheet_id, batch_id=batch_id))


def _page(sheet_id: int, form: FileForm, details: tuple[str, ...] = ()) -> str:
    found = score_file_import.page_of(current_actor(), sheet_id, clock.now())
    return render_template(
        "score_files/_upload_form.html" if is_fragment() else "score_files/page.html",
        page=found,
        head=found.head,
        form=form,
        details=details,
        templates=score_file_download.template_choices(),
    )


def _shown(sheet_id: int, batch_id: int, message: str = "", chosen: list[str] | None = None) -> str:
    found = score_file_import.open_file(current_actor(), sheet_id, batch_id, clock.now())
    return render_template(
        "score_files/file.html",
        file=found,
        plan=found.plan,
        head=found.head,
        message=message,
        chosen=chosen or [],
        written=set(found.written),
        lines=_by_pupil(found.plan.writes),
        keys=[key for key in labels.COLUMNS if any(cell.column_key == key for cell in found.plan.writes)],
    )


@dataclass(frozen=True)
class ChangedLine:
    """The changed cells of one pupil by column; ``row``: where the line stands in the file."""

    student: str
    row: str
    cells: dict[str, PlannedCell] = field(default_factory=dict)


def _by_pupil(cells: tuple[PlannedCell, ...]) -> list[ChangedLine]:
    lines: dict[int, ChangedLine] = {}
    for cell in cells:
        row = cell.address.rpartition("!")[2].lstrip(ascii_uppercase)
        line = lines.setdefault(cell.enrollment_id, ChangedLine(cell.student, row))
        line.cells[cell.column_key] = cell
    return list(lines.values())


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(files)
