"""The summary of a year that is not over, as PDF for the receiving school. Heavy imports: only document workers load this module."""

from __future__ import annotations

from hocbaso.documents.page_layout import plain_layout
from hocbaso.documents.partial_content import PartialResults


def render(content: PartialResults) -> bytes:
    """One pupil's summary, to be signed by hand."""
    layout = plain_layout("partial_results")
    made: bytes = layout.lay_out(layout.template.render(c=content)).write_pdf()
    return made
