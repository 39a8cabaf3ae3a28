"""Prove that the printed face says what the record says: every printed word, number and level, in order, and nothing else.

The PDF is tagged, so its text can be read back block by block: paragraphs, headings, table cells, empty cells included. What must
stand there is written down a second time in this module, from the content and without the template's own filters; a template that
prints a value in the wrong cell, or a page that shows another number than the XML, differs at a named field.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pikepdf

from hocbaso.documents import qr_summary
from hocbaso.documents.field_words import where
from hocbaso.documents.page_reading import Step, steps
from hocbaso.documents.printed_form import demo_mark, embedded_data_zone, printed_text, require_drawn
from hocbaso.documents.transcript_content import FORMAT_1_0, FORMAT_1_1, FORMAT_1_2, Scope, TranscriptContent
from hocbaso.documents.xml_record import build_data_zone, parse_data_zone
from hocbaso.errors import DomainError, IntegrityFault, Invalid
from hocbaso.regulations.terms import Level

_BLOCKS = {"/P", "/H1", "/H2", "/H3", "/TD", "/TH", "/LBody", "/LI"}
_LEVELS = {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt", None: ""}
_DOTS = "………"
_ELSEWHERE = "(đã ký số ở trang cuối)"
#: Fields that stand in cells of a real table, where an empty cell is a statement.
_CELLS = ("subjects[", "study_history", "conduct.", "learning.", "absences.", "promotion.")
#: The headings of the three tables, rows from the top; a table that goes on to another page repeats them.
HEADINGS = (
    ("Năm học", "Lớp", "Tên trường, xã, tỉnh"),
    (
        "Môn học/Hoạt động giáo dục",
        "Điểm trung bình môn học hoặc mức đánh giá",
        "ĐTBmcn hoặc mức đánh giá sau đánh giá lại (nếu có)",
        "Nhận xét sự tiến bộ, ưu điểm nổi bật, hạn chế chủ yếu (nếu có) và chữ kí của giáo viên môn học",
        "Học kì I",
        "Học kì II",
        "Cả năm",
    ),
    (
        "Học kì",
        "Mức đánh giá",
        "Tổng số buổi nghỉ học",
        "Mức đánh giá sau đánh giá lại môn học hoặc rèn luyện trong kì nghỉ hè",
        "Kết luận cuối năm học",
        "Kết quả rèn luyện",
        "Kết quả học tập",
        "Rèn luyện",
        "Học tập",
    ),
)
_ROWS = {"semester_1": "Học kì I", "semester_2": "Học kì II", "year": "Cả năm"}
#: SHA-256 of the text of the page of instructions, blanks left out, by form.
INSTRUCTIONS_DIGESTS = {
    FORMAT_1_0: "bb53896816d06458ecb2a87ac96c091e17ca4fb7439f857be9740ffc4c544864",
    FORMAT_1_1: "ded90c446e98bb4770ea8d9e501941808ef79cd0df149bac3adc11298bda66eb",
    FORMAT_1_2: "2fc2fb27b0a434357d36434fe4e9f595345f067844b60c183b07c5886c143d5f",
}
_HEX_PAIR = re.compile(rb"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>")
_RANGE = re.compile(rb"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>")
_SECTION_WORD = re.compile(rb"(begin|end)(bfchar|bfrange)")
_MAX_TO_UNICODE = 256 * 1024
"""Bytes of a font's table of letters, unpacked; a subset of the form takes some thousand."""
_MAX_LETTERS = 0x10000


@dataclass(frozen=True, slots=True)
class Block:
    """One read-back block: structure type (``TD``, ``P``, …), page index from 0, text."""

    kind: str
    page: int
    text: str


def _squeeze(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


# --- reading --------------------------------------------------------------------------------------------------------


def _sections(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of each section, read once from front to back: a stranger wrote these bytes."""
    kind, start = b"", 0
    for word in _SECTION_WORD.finditer(table):
        if word[1] == b"begin" and not kind:
            kind, start = word[2], word.end()
        elif word[1] == b"end" and word[2] == kind:
            yield kind, table[start : word.start()]
            kind = b""
        else:
            raise IntegrityFault(_BAD_LETTERS)
    if kind:
        raise IntegrityFault(_BAD_LETTERS)


_BAD_LETTERS = "Bảng chữ của phông trong tệp bị hỏng hoặc đã bị sửa."


def _to_unicode(font: pikepdf.Object) -> dict[int, str]:
    packed: Any = font.ToUnicode
    if len(packed.read_raw_bytes()) > _MAX_TO_UNICODE or len(unpacked := packed.read_bytes()) > _MAX_TO_UNICODE:
        raise IntegrityFault(_BAD_LETTERS)
    table: dict[int, str] = {}
    n_letters = 0
    for kind, body in _sections(unpacked):
        if kind == b"bfchar":
            for code, value in _HEX_PAIR.findall(body):
                table[int(code, 16)] = bytes.fromhex(value.decode()).decode("utf-16-be")
        else:
            for low, high, value in _RANGE.findall(body):
                n_letters += max(0, int(high, 16) - int(low, 16) + 1)
                if n_letters > _MAX_LETTERS:
                    raise IntegrityFault(_BAD_LETTERS)
                start = int.from_bytes(bytes.fromhex(value.decode()), "big")
                for offset in range(int(high, 16) - int(low, 16) + 1):
                    table[int(low, 16) + offset] = chr(start + offset)
    return table


def _page_texts(page: pikepdf.Page, found: list[Step], cache: dict[tuple[int, int], dict[int, str]]) -> dict[int, str]:
    """Text by marked-content id. Raises ``errors.IntegrityFault`` for text outside any marked content."""
    fonts: Any = page.obj.get("/Resources", {}).get("/Font", {})  # type: ignore[call-overload]
    tables: dict[str, dict[int, str]] = {}
    table: dict[int, str] = {}
    texts: dict[int, list[str]] = {}
    stack: list[int | None] = []
    for operator, operand in found:
        if operator == "text":
            codes = array("H", operand if len(operand) % 2 == 0 else operand[:-1] + b"\0" + operand[-1:])
            if sys.byteorder == "little":
                codes.byteswap()
            text = "".join([table.get(code, "\ufffd") for code in codes])
            inside = next((item for item in reversed(stack) if item is not None), None)
            if inside is None:
                raise IntegrityFault(f"Trang in có chữ ngoài cấu trúc của mẫu: “{text[:40]}”.")
            texts.setdefault(inside, []).append(text)
        elif operator == "BDC":
            stack.append(operand[1])
        elif operator == "BMC":
            stack.append(None)
        elif operator == "EMC":
            stack.pop()
        elif operator == "Tf":
            if operand not in tables:
                font = fonts[operand]
                if font.objgen not in cache:
                    if not str(font.BaseFont).partition("+")[2].startswith("HB-Serif"):
                        raise IntegrityFault("Trang in có chữ lấy từ phông của máy, không phải phông của mẫu.")
                    cache[font.objgen] = _to_unicode(font)
                tables[operand] = cache[font.objgen]
            table = tables[operand]
        elif operator == "Do":
            form = page.obj.Resources.XObject[operand]
            if form.get("/Subtype") == "/Form":
                raise IntegrityFault("Trang in có phần chèn lạ.")
    return {mcid: "".join(parts) for mcid, parts in texts.items()}


def read_blocks(pdf: pikepdf.Pdf, pages: list[list[Step]] | None = None) -> tuple[list[Block], list[Block]]:
    """(blocks of the body in reading order, texts of the page margins). ``pages`` are the steps of the pages, where they are known."""
    cache: dict[tuple[int, int], dict[int, str]] = {}
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}
    found = pages or [steps(page) for page in pdf.pages]
    texts = [_page_texts(page, told, cache) for page, told in zip(pdf.pages, found, strict=True)]
    used: set[tuple[int, int]] = set()
    blocks: list[list[object]] = []

    def walk(element: pikepdf.Object, page: int, block: list[object] | None) -> None:
        kind = str(element.S)
        if Name_Pg in element:
            page = numbers[element.Pg.objgen]
        own: list[object] | None = None
        if kind in _BLOCKS:
            own = block = [kind, page, "", False]
            blocks.append(own)
        kids = element.get("/K")
        for kid in kids if isinstance(kids, pikepdf.Array) else [] if kids is None else [kids]:
            if isinstance(kid, int) or (
                not isinstance(kid, (pikepdf.Dictionary, pikepdf.Array)) and not hasattr(kid, "keys")
            ):
                mcid = int(kid)
                used.add((page, mcid))
                text = texts[page].get(mcid, "")
                if text:
                    if block is None:
                        raise IntegrityFault(f"Trang in có chữ ngoài các ô của mẫu: “{text[:40]}”.")
                    block[2] = str(block[2]) + text
            elif "/S" in kid:
                if str(kid.S) in _BLOCKS and own is not None:
                    own[3] = True
                walk(kid, page, block)

    Name_Pg = "/Pg"
    for top in pdf.Root.StructTreeRoot.K[0].K:
        walk(top, 0, None)
    body = [Block(str(k)[1:], int(p), str(t)) for k, p, t, parent in blocks if t or not parent]  # type: ignore[call-overload]
    margins = [
        Block("margin", number, text)
        for number, page in enumerate(texts)
        for mcid, text in page.items()
        if (number, mcid) not in used
    ]
    return body, margins


# --- what must stand there ------------------------------------------------------------------------------------------


def _comma(value: str | None) -> str:
    return ",".join(value.split(".")) if value else ""


def _year(value: str) -> str:
    first, second = value.split("-")
    return f"{first}–{second}"


def _digits(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _split_place(place: str) -> tuple[str, str]:
    for kind in ("Xã ", "Phường ", "Đặc khu ", "Tỉnh ", "Thành phố ", "Thị trấn "):
        if place.lower().startswith(kind.lower()):
            return kind.strip(), place[len(kind) :]
    return "Địa bàn", place


def _pair(
    field: str, label: str, value: str | None, field2: str, label2: str, value2: str | None
) -> Iterator[tuple[str, str]]:
    yield f"{field}:nhãn", label
    yield field, value or ""
    yield f"{field2}:nhãn", label2
    yield field2, value2 or ""


def _titles(content: TranscriptContent) -> Iterator[tuple[str, str]]:
    for part in content.principal.title.split(" / "):
        yield "principal.title", part


def _place_date(content: TranscriptContent) -> str:
    day = content.issue_on
    month = str(day.month) if day.month > 2 else f"0{day.month}"
    return f"{content.issue_place}, ngày {day.strftime('%d')} tháng {month} năm {day.year}"


def _headings(table: int) -> Iterator[tuple[str, str]]:
    for text in HEADINGS[table]:
        yield "heading", text


def _heads(c: TranscriptContent) -> Iterator[tuple[str, str]]:
    yield "student.full_name", f"Họ và tên: {c.student.full_name}"
    yield "class_name", f"Lớp: {c.class_name}"
    yield "school_year", f"Năm học: {_year(c.school_year)}"
    if c.scope is Scope.TRANSFER:
        yield "scope", "Kết quả tính đến khi học sinh chuyển trường, chưa phải kết quả cả năm học."


def expected_blocks(c: TranscriptContent) -> Iterator[tuple[str, str]]:
    """(field, text) of every block, in reading order; the instructions under their title are known by their digest.

    These are the forms of ``FORMAT_VERSIONS`` (1.1 differs by its page of instructions and its QR, 1.2 by its instructions, the mark of a
    sample and the school's name beside the last QR), and files issued under them are
    proven with it for ever: a changed form is another version with a description of its own beside this one.
    """
    s = c.student
    host = c.school.lookup_url.partition("//")[2].rstrip("/")
    if c.demo:
        yield "demo", demo_mark(c)
    name = c.school.name
    yield "school.name", f"TRƯỜNG: {(name[7:] if name.lower().startswith('trường ') else name).upper()}"
    for field, place in (("school.commune", c.school.commune), ("school.province", c.school.province)):
        kind, bare = _split_place(place)
        yield field, f"{kind}: {bare}"
    yield "title", "HỌC BẠ"
    yield "title", "TRUNG HỌC CƠ SỞ"
    yield "student.full_name", f"Họ và tên học sinh: {s.full_name.upper()}"
    yield "student.register_no", f"Số sổ đăng bộ PCGD: {s.register_no or '……'}/THCS"
    yield "school.lookup_url", f"Kiểm tra tại {host}"
    yield "record_uuid", f"Mã tra cứu: {c.record_uuid}"
    if c.replaces_uuid:
        yield "replaces_uuid", f"Thay thế bản có mã tra cứu: {c.replaces_uuid}"
    yield "instructions", "HƯỚNG DẪN SỬ DỤNG HỌC BẠ"
    yield "title", "HỌC BẠ TRUNG HỌC CƠ SỞ"
    born = f"{s.born_on.strftime('%d')} tháng {s.born_on.month} năm {s.born_on.year}"
    yield from _pair("student.full_name", "Họ và tên:", s.full_name.upper(), "student.sex", "Giới tính:", s.sex.value)
    yield from _pair("student.born_on", "Ngày sinh:", born, "student.ethnicity", "Dân tộc:", s.ethnicity)
    yield from _pair(
        "student.birth_place", "Nơi sinh:", s.birth_place, "student.nationality", "Quốc tịch:", s.nationality
    )
    yield from _pair(
        "student.personal_id",
        "Mã số định danh cá nhân:",
        s.personal_id,
        "student.moet_code",
        "Mã học sinh:",
        s.moet_code,
    )
    for field, label, value in (
        ("student.home_town", "Quê quán:", s.home_town),
        ("student.policy_category", "Đối tượng (con liệt sĩ, con thương binh, …):", s.policy_category),
        ("student.address", "Chỗ ở hiện tại:", s.address),
    ):
        yield f"{field}:nhãn", label
        yield field, value or ""
    for field, word, person in (
        ("father", "cha", s.father),
        ("mother", "mẹ", s.mother),
        ("guardian", "người giám hộ", s.guardian),
    ):
        yield from _pair(
            f"student.{field}.name", f"Họ và tên {word}:", person.name if person else None,
            f"student.{field}.occupation", "Nghề nghiệp:", person.occupation if person else None,
        )  # fmt: skip
    yield "blank", ""
    yield "issue_on", _place_date(c)
    yield from _titles(c)
    yield "how", "(Kí, ghi rõ họ tên và đóng dấu)"
    yield "elsewhere", _ELSEWHERE
    yield "principal.name", c.principal.name
    yield "title", "QUÁ TRÌNH HỌC TẬP"
    yield from _headings(0)
    for index, row in enumerate(c.study_history):
        yield f"study_history[{index}].school_year", _year(row.school_year)
        yield f"study_history[{index}].class_name", row.class_name
        moved = f" (chuyển đến ngày {_digits(row.moved_in_on)})" if row.moved_in_on else ""
        yield f"study_history[{index}].school_name", ", ".join(filter(None, (row.school_name, row.place))) + moved
    if not c.study_history:
        yield from (("study_history", ""),) * 3
    yield from _heads(c)
    yield from _headings(1)
    for subject in c.subjects:
        at = f"subjects[{subject.code}]"
        yield f"{at}.name", subject.name
        yield f"{at}.semester_1", _comma(subject.semester_1)
        yield f"{at}.semester_2", _comma(subject.semester_2)
        yield f"{at}.year", _comma(subject.year)
        yield f"{at}.after_reassessment", _comma(subject.after_reassessment)
        yield f"{at}.remark", (subject.remark or "") + (subject.teacher_name or "")
    names = ", ".join(c.corrections.subject_names) or "……………………"
    yield (
        "corrections",
        f"Trong trang này có sửa chữa ở: {c.corrections.n_places} chỗ, thuộc môn học, hoạt động giáo dục: {names}",
    )
    for who, how, person_name, field in (
        ("Giáo viên chủ nhiệm", "(Kí và ghi rõ họ tên)", c.homeroom.name, "homeroom.name"),
        ("Hiệu trưởng", "(Kí, ghi rõ họ tên và đóng dấu)", c.principal.name, "principal.name"),
    ):
        yield "role", f"Xác nhận của {who}"
        yield "how", how
        yield "elsewhere", _ELSEWHERE
        yield field, person_name
    yield from _heads(c)
    yield from _headings(2)
    p = c.promotion
    for part, row_head in _ROWS.items():
        yield "heading", row_head
        yield f"conduct.{part}", _LEVELS[getattr(c.conduct, part)]
        yield f"learning.{part}", _LEVELS[getattr(c.learning, part)]
        absence = getattr(c.absences, part)
        yield f"absences.{part}", str(absence.excused + absence.unexcused) if absence else ""
        yield "conduct.after", _LEVELS[c.conduct.after] if part == "year" else ""
        yield "learning.after", _LEVELS[c.learning.after] if part == "year" else ""
        if part == "semester_1":
            yield "promotion.promoted", f"- Được lên lớp: {p.promoted or _DOTS}"
            summer = "- Được lên lớp sau đánh giá lại môn học hoặc rèn luyện trong kì nghỉ hè:"
            yield "promotion.promoted_after", f"{summer} {p.promoted_after or _DOTS}"
            yield "promotion.retained", f"- Không được lên lớp: {p.retained or _DOTS}"
    last = "Nếu là lớp cuối cấp thì ghi Hoàn thành hay không hoàn thành chương trình trung học cơ sở:"
    yield "completion", f"{last} {c.completion or _DOTS}"
    for item in c.certificates or (None,):
        yield from _pair(
            "certificates.name", "- Chứng chỉ (nếu có):", item.name if item else None,
            "certificates.grade", "Loại:", item.grade if item else None,
        )  # fmt: skip
    yield "competitions:nhãn", "- Kết quả tham gia các cuộc thi (nếu có):"
    yield "competitions", "; ".join(c.competitions)
    yield "awards:nhãn", "- Khen thưởng (nếu có):"
    yield "awards", "; ".join(c.awards)
    yield "title", "NHẬN XÉT CỦA GIÁO VIÊN CHỦ NHIỆM"
    yield (
        "how",
        "(Ghi nhận xét về kết quả rèn luyện và học tập, những vấn đề cần quan tâm giúp đỡ thêm trong quá trình rèn luyện và học tập)",
    )
    if c.homeroom_remark:
        yield "homeroom_remark", c.homeroom_remark
    yield "blank", ""
    yield "homeroom.title", c.homeroom.title
    yield "how", "(Kí và ghi rõ họ tên)"
    yield "homeroom.name", c.homeroom.name
    yield "title", "NHẬN XÉT, PHÊ DUYỆT CỦA HIỆU TRƯỞNG"
    if c.principal_remark:
        yield "principal_remark", c.principal_remark
    yield "school.lookup_url", f"Kiểm tra tại {host}"
    if c.has_written_signatures:
        yield "school.name", f"Nơi phát hành: {c.school.name}"
    yield "issue_on", f"Ngày hiệu lực: {_digits(c.issue_on)}"
    if c.replaces_uuid:
        yield "replaces_uuid", f"Thay thế bản có mã tra cứu: {c.replaces_uuid}"
    yield "issue_on", _place_date(c)
    yield from _titles(c)
    yield "how", "(Kí, ghi rõ họ tên và đóng dấu)"
    yield "principal.name", c.principal.name


def prove_equal(pdf_bytes: bytes, content: TranscriptContent, *, data_zone: bytes | None = None) -> None:
    """Raise ``errors.IntegrityFault`` naming the first field where PDF, embedded XML and ``content`` differ.

    ``data_zone`` is the XML that must be embedded; by default the one ``content`` gives.
    """
    try:
        with pikepdf.open(io.BytesIO(pdf_bytes)) as pdf:
            zone = embedded_data_zone(pdf)
            if zone != (data_zone if data_zone is not None else build_data_zone(content)):
                field = _first_difference(zone, content)
                place = where(field, content.subjects)
                raise IntegrityFault(f"XML trong tệp PDF khác dữ liệu học bạ ở {place}.", details=(field,))
            if parse_data_zone(zone) != content:
                raise IntegrityFault("XML trong tệp PDF khác dữ liệu học bạ.")
            pages = [steps(page) for page in pdf.pages]
            summary_fault = _summary_fault(pdf, pages, content, zone) if content.has_summary else None
            body, margins = read_blocks(pdf, pages)
            n_pages = len(pdf.pages)
    except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise IntegrityFault("Không đọc lại được các trang in của học bạ.") from error
    printed = _without_repeated_headings(_without_instructions(body, content.format_version))
    # An empty paragraph prints nothing; an empty cell says that there is no value.
    printed = [block for block in printed if block.kind == "TD" or _squeeze(block.text)]
    wanted = [(field, text) for field, text in expected_blocks(content) if text or field.startswith(_CELLS)]
    for index, (field, text) in enumerate(wanted):
        found = printed[index].text if index < len(printed) else None
        if found is None or _squeeze(found) != _squeeze(text):
            told = f"in “{found or ''}”, dữ liệu “{text}”"
            place = where(field, content.subjects)
            raise IntegrityFault(f"Trang in khác dữ liệu học bạ ở {place}: {told}.", details=(field,))
    if len(printed) != len(wanted):
        raise IntegrityFault(f"Trang in có nội dung thừa: “{printed[len(wanted)].text}”.")
    corner = demo_mark(content)
    for page in range(n_pages):
        found = "".join(block.text for block in margins if block.page == page)
        text = f"{corner}{content.student.full_name}Mã tra cứu: {content.record_uuid}Trang {page + 1}/{n_pages}"
        if _squeeze(found) != _squeeze(text if page else ""):
            raise IntegrityFault(f"Lề trang in có nội dung lạ: “{found}”.")
    if summary_fault is not None:
        raise IntegrityFault(summary_fault)


def _summary_fault(pdf: pikepdf.Pdf, pages: list[list[Step]], content: TranscriptContent, zone: bytes) -> str | None:
    """Why the QR does not say what the data say, or is not what is drawn. Whose key signed it is another question."""
    text = printed_text(pdf)
    try:
        summary, _, _ = qr_summary.read_text(text)
    except Invalid:
        return "Mã QR của học bạ thiếu bản tóm tắt."
    wanted = qr_summary.summary_of(content, hashlib.sha256(zone).hexdigest(), summary.key_id)
    if summary != wanted or not text.startswith(f"{content.lookup_address}#"):
        return "Bản tóm tắt trong mã QR khác dữ liệu học bạ."
    try:
        require_drawn(pages, text)
    except IntegrityFault as error:
        return error.message
    return None


def _without_instructions(body: list[Block], version: str) -> list[Block]:
    """The blocks without those of the page of instructions but its title; IntegrityFault unless they are word for word ours."""
    pages = {block.page for block in body if _squeeze(block.text) == _squeeze("HƯỚNG DẪN SỬ DỤNG HỌC BẠ")}
    ours = [block for block in body if block.page in pages and not block.kind.startswith("H")]
    told = hashlib.sha256("\n".join(_squeeze(block.text) for block in ours).encode()).hexdigest()
    if told != INSTRUCTIONS_DIGESTS[version]:
        raise IntegrityFault("Trang hướng dẫn sử dụng học bạ không còn như mẫu.")
    return [block for block in body if block not in ours]


def _without_repeated_headings(body: list[Block]) -> list[Block]:
    heads = [[_squeeze(text) for text in texts] for texts in HEADINGS]
    told = [_squeeze(block.text) for block in body]
    kept: list[Block] = []
    at, last = 0, None
    while at < len(body):
        size = len(last or ())
        is_head = body[at].kind == "TH"
        if is_head and kept and body[at].page > kept[-1].page and last == told[at : at + size]:
            at += size
            continue
        last = next((head for head in heads if head == told[at : at + len(head)]), last)
        kept.append(body[at])
        at += 1
    return kept


def _first_difference(zone: bytes, content: TranscriptContent) -> str:
    from hocbaso.documents.transcript_content import to_plain

    def differs(left: object, right: object, path: str) -> str | None:
        if isinstance(left, dict) and isinstance(right, dict):
            return next(
                (found for key in left if (found := differs(left[key], right[key], f"{path}.{key}".lstrip(".")))), None
            )
        if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
            return next(
                (
                    found
                    for i, (a, b) in enumerate(zip(left, right, strict=True))
                    if (found := differs(a, b, f"{path}[{i}]"))
                ),
                None,
            )
        return None if left == right else path

    try:
        return differs(to_plain(parse_data_zone(zone)), to_plain(content), "") or "cấu trúc"
    except DomainError:
        return "cấu trúc"


letters_of_font = _to_unicode
"""What a font's ``/ToUnicode`` says of each code."""
