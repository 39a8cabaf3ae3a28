"""Why something is refused: a code that the page turns into its own words, a status, and a sentence for the log and the terminal."""

from __future__ import annotations


class Refused(Exception):
    """An answer other than yes. ``code`` is one of the words of the protocol; ``words`` is Vietnamese and holds no secret."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words
