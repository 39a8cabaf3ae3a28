"""The two books as pages link to them and as the browser gets them."""

from __future__ import annotations

from tests.cast import Cast
from tests.documents.test_paper_kit import pages
from tests.web.test_comings_goings import Clients


def test_a_teacher_opens_the_own_book_from_the_list_of_sheets(school: Cast, client_of: Clients) -> None:
    client = client_of("math")
    assert 'href="/bang-diem/so-theo-doi"' in client.get("/bang-diem/").get_data(as_text=True)
    answer = client.get("/bang-diem/so-theo-doi")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'inline; filename="so-theo-doi-gv007-2026-2027.pdf"'
    assert "Trịnh Thu Hà" in " ".join(pages(answer.data))
    # Who reads sheets and teaches none has no book to open.
    assert "so-theo-doi" not in client_of("principal").get("/bang-diem/").get_data(as_text=True)


def test_the_class_book_is_opened_from_the_class(school: Cast, client_of: Clients) -> None:
    client, page = client_of("math"), f"/lop/{school.classes['9A']}"
    for path in (page, f"{page}/danh-sach"):
        assert f'href="{page}/so-theo-doi"' in client.get(path).get_data(as_text=True)
    answer = client.get(f"{page}/so-theo-doi")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert "lớp 9A" in " ".join(pages(answer.data))
