"""Every grade has the eight scored and four comment subjects of the curriculum (regulations.md 1.1)."""

from __future__ import annotations

import pytest

from hocbaso.exchange.subjects import SUBJECT_CATALOGUE
from hocbaso.regulations.compulsory_subjects import COMMENT, SCORED, missing_subjects
from hocbaso.regulations.terms import SubjectKind


@pytest.mark.parametrize("grade_level", [6, 7, 8, 9])
def test_what_a_class_lacks(grade_level: int):
    assert len(missing_subjects(grade_level, ())) == 12
    assert missing_subjects(grade_level, [*SCORED, *COMMENT, "FL2"]) == ()
    assert missing_subjects(grade_level, {*SCORED, *COMMENT} - {"TECH", "LOCAL"}) == ("TECH", "LOCAL")


def test_the_catalogue_offers_the_same_subjects():
    compulsory = {one.code: one.kind for one in SUBJECT_CATALOGUE if not one.optional}
    assert compulsory == {**dict.fromkeys(SCORED, SubjectKind.SCORED), **dict.fromkeys(COMMENT, SubjectKind.COMMENT)}
