"""Names of fields that stand in several rows are read back whole, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from hocbaso.regulations.correction_fields import YearField, YearFieldKind, read_year_field


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
