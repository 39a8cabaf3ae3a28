"""How strong the proof of a signature has to be, and whom to ask for it. Plain values: the web process makes them."""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.errors import WrongState

LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")
"""Weakest first (ETSI EN 319 142-1): signature, with a time stamp, with evidence of validity, stamped as a whole."""


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """The level that policy asks for; addresses that may be called, seconds to wait for an answer, calls when none comes."""

    level: str = "B-B"
    tsa_url: str | None = None
    ocsp_urls: tuple[str, ...] = ()
    timeout: float = 10.0
    tries: int = 3

    def require_means(self) -> None:
        """Raise ``errors.WrongState`` when policy asks for a time stamp and nobody is named who gives it."""
        if self.level != LEVELS[0] and not self.tsa_url:
            raise WrongState(
                f"Quy định của trường đòi chữ ký mức {self.level}, cần dấu thời gian, nhưng chưa khai báo máy chủ cấp dấu thời "
                "gian (HOCBASO_TSA_URL). Chưa ký tài liệu nào; hãy báo cán bộ CNTT."
            )


def is_weaker(level: str | None, wanted: str) -> bool:
    """Whether a file's level is below the wanted one. An unknown level is the weakest."""
    return _rank(level) < _rank(wanted)


def _rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else -1
