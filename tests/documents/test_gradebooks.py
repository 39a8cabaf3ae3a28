"""The two books as PDF: a class of 45 with long names over pages whose heads are repeated, and every value to be read on them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime

import pikepdf

from hocbaso.documents import gradebooks
from hocbaso.documents.gradebook_content import (
    BookCell,
    BookCount,
    BookLine,
    BookSheet,
    BookTable,
    ClassGradebook,
    Cover,
    ProfileLine,
    TeacherGradebook,
)
from tests.documents.page_geometry import inside, pieces
from tests.documents.test_paper_kit import pages

LONG = "Nguyễn Hoàng Thị Phương Khánh Ngọc Diễm"
EVIL = '<img src="http://example.com/a.png"><script>1</script>'
SUBJECTS = ("GDTC", "Nghệ thuật", "HĐTN-HN", "NDGDĐP", "Ngữ văn", "Toán", "Ngoại ngữ 1", "GDCD", "LS-ĐL", "KHTN", "Công nghệ", "Tin học")  # fmt: skip


def cover(*facts: tuple[str, str], demo: bool = True) -> Cover:
    taught = (("Giáo dục thể chất", "Tô Vĩnh Phát"), ("Hoạt động trải nghiệm, hướng nghiệp", "Tô Vĩnh Phát, Cao Xuân Nghĩa"))  # fmt: skip
    return Cover(
        "Trường THCS Đồng Sen",
        "Xã Đồng Sen",
        "Tỉnh Ninh Bình",
        "Đồng Sen",
        "2026-2027",
        facts,
        taught,
        demo,
        datetime(2027, 5, 12, 9),
    )


def line(number: int, name: str = LONG, **changed: object) -> BookLine:
    cells = tuple(BookCell(text) for text in ("8,5", "7", "10", "", "6,5", "9,3"))
    remark = (
        "Tiến bộ đều ở phần đại số; cần trình bày bài rõ ràng hơn và tự tin hơn khi trả lời." if number % 3 == 0 else ""
    )
    plain = BookLine(number, name, f"36900{number:04d}", "02/03/2012", cells, "", "", "8,1", "8,2", "", remark)
    return replace(plain, **changed)


def sheet(n_lines: int = 45, semester: int = 2, name: str = LONG, *, scored: bool = True) -> BookSheet:
    lines = [line(number, name) for number in range(1, n_lines + 1)]
    if n_lines > 4:
        lines[0] = line(
            1,
            name,
            cells=(*(BookCell("0,0" if scored else "CĐ", "VK"), BookCell("", "VP")), *lines[0].cells[2:]),
            average="",
        )
        lines[1] = line(2, name, cells=(BookCell(),) * 6, word="Miễn", average="Miễn", year="Miễn")
        lines[2] = line(3, name, gone="Đã chuyển đi", average="", year="")
        lines[3] = line(4, name, again="5,5")
    counts = (BookCount("Học kì II", 43, 40, "93,0%", 3, "7,0%"), BookCount("Cả năm", 43, 42, "97,7%", 1, "2,3%"))
    words = "Toán" if scored else "Hoạt động trải nghiệm, hướng nghiệp"
    return BookSheet(words, "9A", semester, scored, "Trịnh Thu Hà", "đã khoá", True, tuple(lines), "dưới 5,0", counts[:semester])  # fmt: skip


def table(
    title: str, heads: tuple[tuple[str, tuple[str, ...]], ...], texts: str, n: int = 45, name: str = LONG
) -> BookTable:
    empty = BookTable(title, heads, ())
    lines = [(number, name, (texts,) * empty.n_columns, "") for number in range(1, n + 1)]
    lines[1] = (2, name, (), "Đã chuyển đi")
    return replace(empty, lines=tuple(lines))


def class_book(n: int = 45, name: str = LONG) -> ClassGradebook:
    three = ("P", "K", "TS")
    months = (
        *((f"Th. {month}", ("P", "K")) for month in (9, 10, 11, 12, 1)), ("Học kì I", three),
        *((f"Th. {month}", ("P", "K")) for month in (1, 2, 3, 4, 5)), ("Học kì II", three), ("Cả năm", three),
    )  # fmt: skip
    of_subjects = (*((one, ()) for one in SUBJECTS), ("Kết quả học tập", ()), ("Kết quả rèn luyện", ()))
    pair = ("Rèn luyện", "Học tập")
    year = (
        ("Mức đánh giá cả năm", pair), ("Sau rèn luyện trong hè; kiểm tra, đánh giá lại", pair), ("Tổng số buổi nghỉ học", ()),
        ("Chưa hoàn thành chương trình THCS", ()), ("Hoàn thành chương trình THCS", ()), ("Khen thưởng", ()), ("Ghi chú", ()),
    )  # fmt: skip
    profile = ProfileLine(
        1, name, "02/03/2012", "Bệnh viện Phụ sản tỉnh Ninh Bình", "Nữ", "Kinh", "Con thương binh", "Xóm 12, xã Đồng Sen, tỉnh Ninh Bình",
        ("Cha: Nguyễn Quang Thiệp (Thợ mộc)", "Mẹ: Lương Thị Thoa (Làm ruộng)"), "0912 000 000",
        ("Từ THCS Sông Bồ, Thừa Thiên Huế đến, học từ ngày 02/03/2027",),
    )  # fmt: skip
    return ClassGradebook(
        cover(("Lớp", "9A"), ("Giáo viên chủ nhiệm", "Trịnh Thu Hà")), "9A", "Lớp đã được duyệt tổng kết", True, "Trịnh Thu Hà",
        tuple(replace(profile, number=number) for number in range(1, n + 1)),
        table("Theo dõi số buổi nghỉ học theo tháng", months, "12", n, name),
        (sheet(n, 1, name), sheet(n, 2, name), sheet(n, 2, name, scored=False)),
        (table("Tổng hợp kết quả đánh giá học kì I", of_subjects, "8,5", n, name),),
        table("Kết quả đánh giá cả năm", year, "Chưa đạt", n, name),
        (("Tổng số học sinh", "44"), ("Học tập", "Tốt 12, Khá 20, Đạt 11, Chưa đạt 1")), ("9/2026", "10/2026"),
    )  # fmt: skip


def book_of(*sheets: BookSheet, name: str = "Trịnh Thu Hà") -> TeacherGradebook:
    return TeacherGradebook(cover(("Họ và tên giáo viên", name)), name, sheets)


def sides(data: bytes) -> list[tuple[int, int]]:
    """Width and height of each page, in points."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return [(round(float(page.mediabox[2])), round(float(page.mediabox[3]))) for page in pdf.pages]


def overflowing(book: TeacherGradebook | ClassGradebook) -> list[str]:
    """Texts that leave their table cell, or their page's side margins (12 mm)."""
    document = gradebooks.lay_out(book)
    margin = 12 * 96 / 25.4
    found = []
    for piece in pieces(document):
        page = document.pages[piece.page]
        sheet = (margin, 0, page.width - margin, page.height)
        if not inside(piece.box, sheet) or (piece.cell and not inside(piece.box, piece.cell)):
            found.append(piece.text)
    return found


def test_a_sheet_of_45_goes_over_pages_with_repeated_heads_and_says_what_it_is():
    book = book_of(sheet(45, 1), sheet(45, 2))
    data = gradebooks.render(book)
    found = pages(data)
    assert set(sides(data)) == {(842, 595)} and overflowing(book) == []
    of_two = [page for page in found if "Toán, lớp 9A, học kì II" in page]
    assert len(of_two) == 3 and all("Mã học sinh" in page and "ĐTBmcn" in page for page in of_two)
    assert all("ĐTBmcn" not in page for page in found if page not in of_two)
    text = "\n".join(of_two)
    assert all(f"36900{number:04d}" in text for number in range(1, 46))
    assert "Bảng điểm đã khoá." in text and "Miễn" in text and "Đã chuyển đi" in text
    assert "đạt 42 (97,7%), chưa đạt 1 (2,3%)" in " ".join(text.split())
    assert "GIÁO VIÊN BỘ MÔN" in of_two[-1] and "45" in of_two[-1], "nobody signs a page without a pupil"


def test_an_open_sheet_is_not_taken_for_a_final_one():
    one = replace(sheet(5), standing="đang ở Trịnh Thu Hà, chưa nộp", is_locked=False)
    text = " ".join(" ".join(pages(gradebooks.render(book_of(one)))).split())
    assert "Bảng điểm đang ở Trịnh Thu Hà, chưa nộp; số liệu còn có thể thay đổi." in text


def test_the_class_book_fits_its_pages_with_the_longest_names():
    data = gradebooks.render(class_book())
    assert overflowing(class_book()) == []
    assert set(sides(data)) == {(842, 595), (595, 842)}
    found = pages(data)
    for title, head in (
        ("Sơ yếu lí lịch học sinh", "Đối tượng"), ("Theo dõi số buổi nghỉ học theo tháng", "Th. 9"),
        ("Tổng hợp kết quả đánh giá học kì I", "NDGDĐP"), ("Kết quả đánh giá cả năm", "Khen thưởng"),
    ):  # fmt: skip
        of_part = [page for page in found if title in page and "Tổng hợp chung" not in page]
        assert len(of_part) > 1 and all(head in page for page in of_part), title
    text = " ".join(" ".join(found).split())
    assert "Tốt 12, Khá 20, Đạt 11, Chưa đạt 1" in text and "GIÁO VIÊN CHỦ NHIỆM" in text and "Kí tên, đóng dấu" in text


def test_a_sheet_of_45_is_one_page_of_the_class_book():
    found = pages(gradebooks.render(class_book(45, "Hoàng Thị Thanh Bình")))
    assert sum("Toán, học kì II" in page for page in found) == 1
    [page] = [page for page in found if "Toán, học kì II" in page]
    assert "GIÁO VIÊN BỘ MÔN" in page and page.count("Hoàng Thị Thanh Bình") == 45


def test_nothing_in_a_name_is_markup():
    text = "".join(pages(gradebooks.render(book_of(sheet(3, name=EVIL), name=EVIL))))
    assert "<img" in text or "<script>" in text
    assert "<img" in "".join(pages(gradebooks.render(class_book(5, EVIL))))
