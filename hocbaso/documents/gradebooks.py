"""The two books of scores as PDF: A4 across, the class's sheets upright. Heavy imports: only document workers load this module."""

from __future__ import annotations

import weasyprint

from hocbaso.documents.gradebook_content import ClassGradebook, TeacherGradebook
from hocbaso.documents.page_layout import plain_layout


def lay_out(book: TeacherGradebook | ClassGradebook) -> weasyprint.Document:
    """The pages, each sheet beginning on one of its own."""
    name = "teacher_gradebook" if isinstance(book, TeacherGradebook) else "class_gradebook"
    layout = plain_layout(name, style="gradebook")
    return layout.lay_out(layout.template.render(book=book))


def render(book: TeacherGradebook | ClassGradebook) -> bytes:
    """The whole book as PDF."""
    made: bytes = lay_out(book).write_pdf()
    return made
