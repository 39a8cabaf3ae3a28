"""What the server has said it wrote: the simulated school's own memory, held against the database at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ledger:
    """Acknowledged values. A later acknowledgement of the same place takes the former one's."""

    cells: dict[tuple[int, int, str], str] = field(default_factory=dict)
    """(sheet, enrollment, column) -> what was typed"""
    fields: dict[tuple[int, str], str] = field(default_factory=dict)
    """(enrollment, field of the homeroom record) -> what was typed"""
    n_acknowledged: int = 0

    def wrote_cell(self, sheet_id: int, enrollment_id: int, column: str, text: str) -> None:
        """The server acknowledged a cell."""
        self.cells[sheet_id, enrollment_id, column] = text
        self.n_acknowledged += 1

    def wrote_field(self, enrollment_id: int, name: str, text: str) -> None:
        """The server acknowledged a field of the homeroom teacher."""
        self.fields[enrollment_id, name] = text
        self.n_acknowledged += 1

    def lost_cells(self, stored: dict[tuple[int, int, str], Any]) -> list[str]:
        """Acknowledged cells that do not stand in ``stored`` (place -> tenths, mark or remark), one line each."""
        return [
            f"bảng {sheet}, ghi danh {enrollment}, cột {column}: đã nhận {text!r}, còn {stored.get(place)!r}"
            for place, text in sorted(self.cells.items())
            for sheet, enrollment, column in [place]
            if stored.get(place) != reading(column, text)
        ]

    def lost_fields(self, stored: dict[tuple[int, str], Any]) -> list[str]:
        """The same of the homeroom teachers' fields."""
        return [
            f"ghi danh {place[0]}, mục {place[1]}: đã nhận {text!r}, còn {stored.get(place)!r}"
            for place, text in sorted(self.fields.items())
            if str(stored.get(place)) != text
        ]


def reading(column: str, text: str) -> int | str:
    """A typed value as the database holds it: tenths of a score, else the words themselves. ``8,5`` is 85."""
    whole, _, part = text.partition(",")
    if column != "NX" and whole.isdigit():
        return int(whole) * 10 + int(part or 0)
    return text


def written(tenths: int) -> str:
    """Tenths as a teacher types them: ``8,5``, ``10``."""
    return "10" if tenths == 100 else f"{tenths // 10},{tenths % 10}"
