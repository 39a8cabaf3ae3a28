"""The closed sets of words of Circular 22/2021/TT-BGDĐT. Stored names live for ever: never rename a value."""

from __future__ import annotations

from enum import StrEnum


class SubjectKind(StrEnum):
    """How a subject is assessed (Art. 5.3): by comment only, or by comment together with scores."""

    SCORED = "scored"
    COMMENT = "comment"


class PassFail(StrEnum):
    """Result of a comment-assessed subject or assessment (Art. 5.3a): Đạt, Chưa đạt."""

    PASS = "Đ"
    FAIL = "CĐ"


class Level(StrEnum):
    """Conduct and learning levels (Arts. 8 and 9), best first: Tốt, Khá, Đạt, Chưa đạt."""

    TOT = "T"
    KHA = "K"
    DAT = "Đ"
    CHUA_DAT = "CĐ"

    @property
    def rank(self) -> int:
        """3 for Tốt down to 0 for Chưa đạt."""
        return _RANK[self]

    @classmethod
    def of_rank(cls, rank: int) -> Level:
        """The level of a rank 0..3."""
        return _BY_RANK[rank]


_BY_RANK = (Level.CHUA_DAT, Level.DAT, Level.KHA, Level.TOT)
_RANK = {level: rank for rank, level in enumerate(_BY_RANK)}


class ScoreOrigin(StrEnum):
    """Where the value of a cell comes from (Art. 7). ``None`` in the value together with ENTERED never occurs."""

    EMPTY = "empty"
    ENTERED = "entered"
    MAKEUP = "makeup"
    MISSED_EXCUSED = "missed_excused"
    MISSED_UNEXCUSED = "missed_unexcused"


class Promotion(StrEnum):
    """Conclusion of the school year (Art. 12)."""

    PROMOTED = "PROMOTED"
    COMPLETED = "COMPLETED"
    REASSESS = "REASSESS"
    SUMMER_TRAINING = "SUMMER_TRAINING"
    RETAINED = "RETAINED"
    DECISION_NEEDED = "DECISION_NEEDED"
    INCOMPLETE = "INCOMPLETE"


class Award(StrEnum):
    """Year-end titles (Art. 15.1a)."""

    EXCELLENT_STUDENT = "XUAT_SAC"
    GOOD_STUDENT = "GIOI"


class Sex(StrEnum):
    """As the personal identification number encodes it."""

    MALE = "Nam"
    FEMALE = "Nữ"
