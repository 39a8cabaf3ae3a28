"""What an independent validator says against a paper, and what of it stands: each of these is told in ``docs/known-limits.md`` with its reason."""

from __future__ import annotations

import re
from pathlib import Path

import page

KNOWN_LIMITS = Path(__file__).resolve().parents[2] / "docs" / "known-limits.md"
#: PDF/A-3u, PDF/A-3a (all of 3u, and tags) and PDF/UA-1.
PROFILES = ("3u", "3a", "ua1")

_DECLARES_A = frozenset({"PDFA3U-ID-CONFORMANCE-001"})
_RANGES = frozenset({"PDFA3U-SIGNATURE-BYTERANGE-001", "PDFA3A-SIGNATURE-BYTERANGE-001"})
#: Of streams that end in CR: older papers and long-term proof may hold one, and then only.
DOUBTFUL_ENDS = frozenset({"PDFA3U-STREAM-LENGTH-001", "PDFA3A-STREAM-LENGTH-001"})
_STAMP_FIELD = frozenset({"PDFUA1-WIDGET-FORM-TAG-001"})
#: Deviations by what has happened to the file, over all profiles.
UNSIGNED = ONCE_SIGNED = _DECLARES_A
SIGNED = _DECLARES_A | _RANGES
LONG_TERM = SIGNED | _STAMP_FIELD
EVER = UNSIGNED | ONCE_SIGNED | SIGNED | LONG_TERM | DOUBTFUL_ENDS


def deviations(pdf: bytes) -> frozenset[str]:
    """Rules that a file breaks, of :data:`PROFILES`. Asserts that the rules were really asked."""
    found = set()
    for profile in PROFILES:
        report = page.validate_pdf_bytes(pdf, profile=profile)
        assert report.rules.total >= 100 and report.document.page_count >= 5
        found |= {failure.rule_id for failure in report.failures}
        assert report.is_compliant == (not report.failures)
    return frozenset(found)


def told() -> frozenset[str]:
    """The rules that the documentation names in its table of deviations, each with when and why."""
    section = KNOWN_LIMITS.read_text("utf-8").partition("## PDF/A and PDF/UA\n")[2].partition("\n## ")[0]
    rules: set[str] = set()
    for line in section.splitlines():
        if line.startswith("| `"):
            names, when, why = (cell.strip() for cell in line.strip("|").split("|"))
            assert when and len(why) > 40, f"no reason: {line}"
            rules |= set(re.findall(r"PDF(?:A3[UA]|UA1)-[A-Z-]+-\d{3}", names))
    return frozenset(rules)
