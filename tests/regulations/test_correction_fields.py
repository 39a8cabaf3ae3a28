"""Names of fields that stand in several rows are read back whole, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from hocbaso.regulations.correction_fields import (
    MonthField,
    YearField,
    YearFieldKind,
    read_month_field,
    read_year_field,
)


@pytest.mark.parametrize(
    "field",
    [
        YearField(YearFieldKind.EXEMPT, 7, 1),
        YearField(YearFieldKind.EXEMPT, 123, 2),
        YearField(YearFieldKind.INHERITED, 12, 1),
    ],
)
def test_a_name_is_read_back(field: YearField) -> None:
    assert read_year_field(field.name) == field and len(field.name) <= 30


@pytest.mark.parametrize(
    "name",
    [
        "",
        "remark",
        "conduct_1",
        "exempt-7",
        "exempt-7-3",
        "exempt-0-1",
        "inherited-",
        "inherited-7-1",
        "exempt-७-1",
        "exempt-7-1\n",
    ],
)
def test_what_is_none_is_none(name: str) -> None:
    assert read_year_field(name) is None


@pytest.mark.parametrize("field", [MonthField(1, "2026-09", "excused"), MonthField(2, "2027-05", "unexcused")])
def test_a_month_is_read_back_and_is_no_field_of_a_subject(field: MonthField) -> None:
    assert read_month_field(field.name) == field and len(field.name) <= 30
    assert read_year_field(field.name) is None and field.column_key == field.name[6:15]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "absences_excused_1",
        "month-3-2026-09-excused",
        "month-1-2026-13-excused",
        "month-1-2026-00-excused",
        "month-1-2026-9-excused",
        "month-1-2026-09-late",
        "month-1-२०२६-09-excused",
        "month-1-2026-09-excused\n",
        "inherited-12",
    ],
)
def test_what_is_no_month_is_none(name: str) -> None:
    assert read_month_field(name) is None
