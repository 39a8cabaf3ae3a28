"""The form: complete, deterministic, faithful to the XML, closed to the outside, and able to grow."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import unicodedata

import pikepdf
import pytest
from fontTools.ttLib import TTFont
from weasyprint.urls import FatalURLFetchingError

from hocbaso.documents import page_layout, pdf_render, printed_form, proof, xml_record
from hocbaso.documents.issuing import build_faces
from hocbaso.documents.transcript_content import (
    FORMAT_1_0,
    FORMAT_1_1,
    FORMAT_1_2,
    FORMAT_VERSION,
    CertificateNote,
    CorrectionNote,
    PromotionNote,
    to_canonical_json,
)
from hocbaso.errors import IntegrityFault, WrongState
from hocbaso.regulations.terms import Level, Promotion

from .conftest import World
from .samples import KEY, content, history, qr_text, replace, unsigned

FORMS = {
    FORMAT_1_0: "a0c92f56a3bd3ee7e51235a70ed718b92d0b1c2a9c2270d2714d8cee5d55d58b",
    FORMAT_1_1: "abf3aa133661ff1bc51f5a4214e4578c442c2374d90483ffbf6a04c45e1de851",
    FORMAT_1_2: "2c956717ccb1d776a2b5ef2de630dfbcfbe5608276cdc171d06c28c25bfdeb55",
}
PAGE_1_0 = "83e8ebcb52b7504e8f905f83539d4d689543254bd520edd259f184db5a134efd"
PAGE_1_1 = "62e1aa7b8d821eca1e6cf2fcd945cf6398a7671e2468b6f41bdb4865672af84e"
RULES_1_1 = "9734b1685b90ecd2fd1a940d18e691a88485c9e5c52e5e3235908125eeb83063"
RULES_1_0 = "220c0e92ff8af60354e892029242e572f13044bfb990114ff6a045188845ff60"
SUMMARY_1 = "https://hocba.dongsen.example/xac-thuc/7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4#" + "1234567890" * 37
MATRIX_1 = "37df15cb9eb8adf58411e6c25975485f411fa4d40909ee188edfaa01459e9635"
LONG = "Em có nhiều tiến bộ trong học tập, biết giúp đỡ bạn bè, cần rèn thêm tính cẩn thận khi làm bài kiểm tra. "


def pages(data: bytes) -> int:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return len(pdf.pages)


def rendered(value: object) -> bytes:
    made = build_faces(to_canonical_json(value), KEY)  # type: ignore[arg-type]
    assert xml_record.parse_data_zone(made.data_zone) == value
    return made.pdf


def test_same_content_same_bytes_in_another_process(world: World) -> None:
    code = (
        "import hashlib; from tests.documents.samples import content, unsigned;"
        "print(hashlib.sha256(unsigned(content())).hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "5", "TZ": "America/Lima", "PYTHONPATH": str(page_layout.ROOT)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert out.stdout.strip() == hashlib.sha256(world.unsigned).hexdigest()


def test_five_pages_with_fields_over_the_spots_of_the_last(world: World) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        assert len(pdf.pages) == 5
        assert [str(field.T) for field in pdf.Root.AcroForm.Fields] == ["GVCN", "HIEU_TRUONG", "NHA_TRUONG"]
        assert all(field.P.objgen == pdf.pages[4].obj.objgen for field in pdf.Root.AcroForm.Fields)
        boxes = {str(field.T): [float(value) for value in field.Rect] for field in pdf.Root.AcroForm.Fields}
        seal, hand = boxes["NHA_TRUONG"], boxes["HIEU_TRUONG"]
        mm = 72 / 25.4
        assert abs(seal[2] - seal[0] - 36 * mm) < 0.1 and abs(seal[3] - seal[1] - 41 * mm) < 0.1, "and its strip"
        assert abs((seal[2] - hand[0]) / (hand[2] - hand[0]) - 1 / 3) < 0.02, "the seal covers the left third"
        assert len(pdf.Root.AF) == 1 and str(pdf.Root.AF[0].AFRelationship) == "/Source"
        assert "/Type" not in pdf.trailer, "no xref stream"
        assert pdf.Root.MarkInfo.Marked and str(pdf.Root.Lang) == "vi"
        assert b"pdfaid:part" in pdf.Root.Metadata.read_raw_bytes()


def test_every_vietnamese_letter_is_in_the_shipped_fonts() -> None:
    letters = {
        unicodedata.normalize("NFC", base + mark + tone)
        for base in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
        for mark in ("",)
        for tone in ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    } | set("đĐ–…“”0123456789,.;:()/")
    assert all(len(letter) == 1 for letter in letters)
    for name in page_layout.FONT_FILES:
        cmap = TTFont(page_layout.FONTS / name, lazy=True).getBestCmap()
        assert not [letter for letter in letters if ord(letter) not in cmap], name


def test_nothing_but_the_shipped_fonts_is_ever_opened() -> None:
    fetcher = page_layout.ShippedFontsOnly()
    for url in (
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "font:../x",
        "data:text/css,a",
        "font:/etc/passwd",
        "ftp://a/b",
    ):
        with pytest.raises(FatalURLFetchingError):
            fetcher.fetch(url)


def test_text_that_looks_like_markup_is_only_text() -> None:
    evil = (
        '<img src="http://127.0.0.1:9/x"><link rel=attachment href="file:///etc/passwd"><style>*{display:none}</style>'
    )
    value = content(
        homeroom_remark=evil, student=replace(content().student, address=evil[:150], full_name="<b>An</b> {{ 7*7 }}")
    )
    with pikepdf.open(io.BytesIO(rendered(value))) as pdf:
        assert len(pdf.Root.Names.EmbeddedFiles.Names) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"class_name": "9B"},
        {"issue_place": "Nam Định"},
        {"homeroom_remark": "Khác."},
        {"awards": ()},
        {"completion": "Không hoàn thành"},
        {"principal": replace(content().principal, name="Mai Thị Thắm")},
        {"student": replace(content().student, personal_id="036311004128")},
        {"absences": replace(content().absences, semester_1=None)},
        {"learning": replace(content().learning, semester_1=Level.TOT)},
        {"conduct": replace(content().conduct, year=Level.KHA)},
        {"study_history": history(3)},
        {"corrections": CorrectionNote(n_places=1, subject_names=("Tin học",))},
    ],
)
def test_a_page_that_shows_something_else_than_the_xml_is_named(change: dict) -> None:
    truth = content()
    zone = xml_record.build_data_zone(truth)
    lying = pdf_render._render(replace(truth, **change), zone, qr_text(truth))
    with pytest.raises(IntegrityFault, match="Trang in"):
        proof.prove_equal(lying, truth)


def test_each_subject_cell_is_compared() -> None:
    truth = content()
    zone = xml_record.build_data_zone(truth)
    for index, name, wrong in (
        (0, "semester_1", "7.8"),
        (5, "semester_2", "5.7"),
        (8, "year", "CĐ"),
        (12, "teacher_name", "Mai Thị Thắm"),
    ):
        rows = list(truth.subjects)
        rows[index] = replace(rows[index], **{name: wrong})
        lying = pdf_render._render(replace(truth, subjects=tuple(rows)), zone, qr_text(truth))
        with pytest.raises(IntegrityFault) as caught:
            proof.prove_equal(lying, truth)
        field = "remark" if name == "teacher_name" else name
        assert caught.value.details == (f"subjects[{truth.subjects[index].code}].{field}",)
        assert f"môn {truth.subjects[index].name}" in caught.value.message


def test_an_xml_that_says_something_else_than_the_record_is_named() -> None:
    truth = content()
    other = replace(truth, learning=replace(truth.learning, year=Level.KHA))
    lying = pdf_render._render(truth, xml_record.build_data_zone(other), qr_text(truth))
    with pytest.raises(IntegrityFault, match="kết quả học tập, cả năm"):
        proof.prove_equal(lying, truth)


def test_long_remarks_stay_on_their_pages_in_smaller_type() -> None:
    rows = tuple(replace(row, remark=(LONG * 2)[:190].strip()) for row in content().subjects)
    value = content(subjects=rows, homeroom_remark=(LONG * 6).strip(), principal_remark=(LONG * 3).strip())
    assert pages(rendered(value)) == 5


def test_remarks_too_long_for_a_page_go_on_to_the_next_and_the_fields_follow() -> None:
    rows = tuple(replace(row, remark=(LONG * 6)[:600].strip()) for row in content().subjects)
    data = rendered(content(subjects=rows, homeroom_remark=(LONG * 18).strip(), principal_remark=(LONG * 10).strip()))
    assert pages(data) > 5
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for field in pdf.Root.AcroForm.Fields:
            low, high = float(field.Rect[1]), float(field.Rect[3])
            assert 0 < low < high < 842
        assert pdf.Root.AcroForm.Fields[1].P.objgen == pdf.pages[-1].obj.objgen


def test_long_names_and_many_schools() -> None:
    name = "Công Tằng Tôn Nữ Nguyễn Phúc Hoàng Thiên Bảo Ngọc Quỳnh Anh Phương Thảo"
    value = content(
        student=replace(
            content().student,
            full_name=name,
            address=(LONG[:180]).strip(),
            mother=replace(content().student.mother, name=name),
        ),
        study_history=history(14),
        class_name="9 Chất lượng cao A",
    )
    assert pages(rendered(value)) in (5, 6)


def test_a_student_who_is_exempt_reassessed_or_stays() -> None:
    rows = list(content().subjects)
    rows[8] = replace(rows[8], semester_1="Miễn", semester_2="Miễn", year="Miễn")
    rows[0] = replace(rows[0], year="3.2", after_reassessment="5.0")
    base = content(grade_level=7, class_name="7A", completion=None, subjects=tuple(rows), awards=(), competitions=())
    for promotion in (
        PromotionNote(outcome=Promotion.PROMOTED, promoted="Lên lớp 8"),
        PromotionNote(outcome=Promotion.PROMOTED, promoted_after="Lên lớp 8"),
        PromotionNote(outcome=Promotion.RETAINED, retained="Ở lại lớp 7"),
    ):
        value = replace(base, promotion=promotion, learning=replace(base.learning, after=Level.DAT))
        assert pages(rendered(value)) == 5


def test_a_bare_record_prints_too() -> None:
    value = content(demo=False)
    student = replace(
        value.student, birth_place=None, ethnicity=None, home_town=None, address=None, personal_id=None, moet_code=None,
        register_no=None, father=None, mother=None,
    )  # fmt: skip
    rows = tuple(
        replace(row, semester_1=None, semester_2=None, year=None, remark=None, teacher_name=None)
        for row in value.subjects
    )
    bare = replace(
        value, student=student, subjects=rows, study_history=(), homeroom_remark=None, principal_remark=None, competitions=(),
        awards=(), completion=None, certificates=(CertificateNote(name="Nghề phổ thông", grade="Giỏi"), CertificateNote(name="Bơi")),
        absences=replace(value.absences, semester_1=None, semester_2=None, year=None),
        principal=replace(value.principal, title="KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG"),
    )  # fmt: skip
    data = rendered(bare)
    assert pages(data) == 5
    with pikepdf.open(io.BytesIO(data)) as pdf:
        body, margins = proof.read_blocks(pdf)
    text = " ".join(block.text for block in body + margins)
    assert "THỬ NGHIỆM" not in text and "PHÓ HIỆU TRƯỞNG" in text


@pytest.mark.parametrize("version", [FORMAT_1_0, FORMAT_1_1, FORMAT_1_2])
def test_the_form_of_a_version_never_changes_in_silence(version: str) -> None:
    """Issued files are proven with this description for ever: a changed form needs a new version and one of its own."""
    form = "\n".join(f"{field}={text}" for field, text in proof.expected_blocks(content(format_version=version)))
    seen = hashlib.sha256(f"{form}\n{proof.INSTRUCTIONS_DIGESTS[version]}".encode()).hexdigest()
    assert seen == FORMS[version]
    assert FORMAT_VERSION == FORMAT_1_2


def test_a_paper_of_form_1_0_is_still_drawn_by_the_same_page_and_rules() -> None:
    """Its PDF is rebuilt byte for byte; the bytes depend on the machine's layout library, what goes into it does not."""
    page = pdf_render.render_html(content(format_version=FORMAT_1_0))
    assert hashlib.sha256(page.encode()).hexdigest() == PAGE_1_0
    rules = (page_layout.TEMPLATES / "transcript.css").read_text("utf-8").partition("\n/* form 1.1:")
    assert rules[1] and hashlib.sha256(rules[0].encode()).hexdigest() == RULES_1_0
    assert " full" not in page and "keywords" not in page
    old = unsigned(content(format_version=FORMAT_1_0))
    proof.prove_equal(old, content(format_version=FORMAT_1_0))


def test_a_paper_of_form_1_1_is_still_drawn_by_the_same_page_and_rules() -> None:
    value = content(format_version=FORMAT_1_1)
    page = pdf_render.render_html(value, qr_text="https://hocba.dongsen.example/xac-thuc/x#1234567890")
    assert hashlib.sha256(page.encode()).hexdigest() == PAGE_1_1
    rules = (page_layout.TEMPLATES / "transcript.css").read_text("utf-8").partition("\n/* form 1.2:")
    assert rules[1] and hashlib.sha256(rules[0].encode()).hexdigest() == RULES_1_1
    assert "written" not in page and "BẢN THỬ NGHIỆM" not in page
    proof.prove_equal(unsigned(value), value)


def test_a_form_and_its_qr_belong_together() -> None:
    with pytest.raises(IntegrityFault, match="không khớp"):
        pdf_render.render_html(content())
    with pytest.raises(IntegrityFault, match="không khớp"):
        pdf_render.render_html(content(format_version=FORMAT_1_0), qr_text=qr_text(content()))
    with pytest.raises(WrongState, match="khoá của máy"):
        build_faces(to_canonical_json(content()))


def test_another_record_s_summary_is_not_printed() -> None:
    other = content(student=replace(content().student, full_name="Nguyễn Bảo Châm"))
    for text in (qr_text(other), qr_text(content()).replace("7c1e4b0a", "7c1e4b0b")):
        with pytest.raises(IntegrityFault, match="tóm tắt"):
            proof.prove_equal(pdf_render.render_unsigned_pdf(content(), text), content())


def test_a_qr_that_is_drawn_otherwise_than_it_says_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    other = content(record_uuid="11111111-2222-4333-8444-555555555555").lookup_address
    drawn = printed_form.qr_drawing(qr_text(content()))
    for wrong in (
        printed_form.qr_drawing(other),
        drawn.replace('stroke-dasharray="7 ', 'stroke-dasharray="6 ', 1),
        drawn.replace("</svg>", '<path d="M10 10H20"/></svg>'),
        drawn.replace("</svg>", '<rect x="10" y="10" width="5" height="5"/></svg>'),
        drawn.replace("M2 2.5", "M3 2.5", 1),
        "",
    ):
        assert wrong != drawn
        monkeypatch.setattr(pdf_render, "qr_drawing", lambda text, wrong=wrong: wrong)
        with pytest.raises(IntegrityFault, match=r"QR|hình lạ"):
            proof.prove_equal(unsigned(content()), content())


def test_the_qr_of_a_text_is_drawn_as_it_always_was() -> None:
    """Issued files are held against this drawing for ever: a library that chooses another mask or version is noticed here."""
    rows = "\n".join("".join(map(str, row)) for row in printed_form.qr_code(SUMMARY_1).matrix)
    assert hashlib.sha256(rows.encode()).hexdigest() == MATRIX_1


@pytest.mark.parametrize(
    "old,new",
    [
        # columns changed over: values under the wrong heading, headings over the wrong values
        ("{{ row.semester_1|score }}", "{{ row.semester_2|score }}"),
        ('<th scope="col">Học kì I</th><th scope="col">Học kì II</th>', '<th scope="col">Học kì II</th><th scope="col">Học kì I</th>'),
        ('<th scope="col">Kết quả rèn luyện</th><th scope="col">Kết quả học tập</th>', '<th scope="col">Kết quả học tập</th><th scope="col">Kết quả rèn luyện</th>'),
        ('<th scope="row">Học kì I</th>', '<th scope="row">Học kì II</th>'),
        # a line of its own, seen only by a reader
        ("</ol>", "</ol><p>Điểm thật: 9,9</p>"),
        ("ghi Đ (Đạt) hoặc CĐ (Chưa đạt)", "ghi Đ (Chưa đạt) hoặc CĐ (Đạt)"),
        ('<p class="fix">', '<p>Đã sửa.</p><p class="fix">'),
        # the record that it replaces, and whose it is
        ("<p>Ngày hiệu lực:", "<p>Bản thay thế</p><p>Ngày hiệu lực:"),
        ('data-who="{{ c.student.full_name }}"', 'data-who="{{ c.homeroom.name }}"'),
    ],
)  # fmt: skip
def test_an_altered_template_is_caught_before_anything_is_signed(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (page_layout.TEMPLATES / "transcript.html").read_text("utf-8")
    assert old in source
    template = pdf_render.layout().template.environment.from_string(source.replace(old, new))
    monkeypatch.setattr(pdf_render.layout(), "template", template)
    with pytest.raises(IntegrityFault):
        build_faces(to_canonical_json(content()), KEY)


def test_a_letter_from_another_font_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pdf_render, "_DENSITIES", ('" style="font-family: serif', "dense", "dense closer", "dense denser")
    )
    environment = pdf_render.layout().template.environment
    source = (
        (page_layout.TEMPLATES / "transcript.html")
        .read_text("utf-8")
        .replace("{{ density_1 }}", "{{ density_1|safe }}")
    )
    monkeypatch.setattr(pdf_render.layout(), "template", environment.from_string(source))
    with pytest.raises(IntegrityFault, match="phông"):
        build_faces(to_canonical_json(content()), KEY)


def test_a_replacement_names_what_it_replaces_on_both_faces() -> None:
    old = "11111111-2222-4333-8444-555555555555"
    made = build_faces(to_canonical_json(content(replaces_uuid=old)), KEY)
    data, zone = made.pdf, made.data_zone
    assert f"<MA_TRA_CUU_UUID_THAY_THE>{old}<".encode() in zone
    with pikepdf.open(io.BytesIO(data)) as pdf:
        said = [
            block.page
            for block in proof.read_blocks(pdf)[0]
            if "".join(f"Thay thế bản có mã tra cứu: {old}".split()) in "".join(block.text.split())
        ]
    assert said == [0, 4]


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/Lima", "LANG": "tr_TR.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
    ],
)
def test_a_stored_record_is_rebuilt_byte_for_byte_on_another_day_and_machine(environment: dict[str, str]) -> None:
    value = content(replaces_uuid="11111111-2222-4333-8444-555555555555")
    stored = to_canonical_json(value)
    first = build_faces(stored, KEY)
    code = (
        "import sys, time, hashlib; late = time.time() + 9.5e7; time.time = lambda: late;"
        "from hocbaso.documents.issuing import rebuild_faces; faces = rebuild_faces(sys.stdin.buffer.read(), sys.argv[1]);"
        "print(*(hashlib.sha256(face).hexdigest() for face in (faces.pdf, faces.data_zone)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, first.qr_text], input=stored, capture_output=True, check=True, cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(page_layout.ROOT), **environment},
    )  # fmt: skip
    assert out.stdout.decode().split() == [hashlib.sha256(face).hexdigest() for face in (first.pdf, first.data_zone)]
