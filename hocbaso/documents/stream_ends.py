"""Where a stream ends, said so that no reader can take its last byte for part of the line's end.

A stream's data may end in CR. The LF that a writer puts before ``endstream`` then reads as CR LF, and the data as one byte shorter than
``/Length`` says (ISO 19005-3, 6.1.7.1): one stream in 256. Another CR before the LF ends the doubt and changes no data.
"""

from __future__ import annotations

import bisect
import re

_DOUBTFUL = re.compile(rb"\r\nendstream\nendobj\n")
_ENTRY = re.compile(rb"(?<=\n)(\d{10})(?= \d{5} n)")
_START = re.compile(rb"(startxref\n)(\d+)(\n%%EOF\n?)\Z")


def clear_ends(revision: bytes, before: int = 0) -> bytes:
    """One revision of a file, of which ``before`` bytes come first, with a table of references that fits again."""
    table = revision.rindex(b"\nxref\n") + 1
    places = [found.start() for found in _DOUBTFUL.finditer(revision, 0, table)]
    if not places:
        return revision
    parts, last = [], 0
    for place in places:
        parts.append(revision[last : place + 1])
        last = place + 1
    parts.append(revision[last:table])
    body = b"\r".join(parts)

    def moved(at: int) -> int:
        return at + bisect.bisect_left(places, at - before) if at >= before else at

    entries = _ENTRY.sub(lambda found: b"%010d" % moved(int(found[1])), revision[table:])
    return body + _START.sub(lambda found: found[1] + b"%d" % moved(int(found[2])) + found[3], entries)
