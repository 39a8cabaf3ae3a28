"""Words of a remark that belong to somebody else, or that say the opposite of the results beside them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from hocbaso.regulations.anomalies.kinds import Anomaly, AnomalyKind, make_anomaly
from hocbaso.regulations.anomalies.sheet_data import REMARK, Line, SheetData
from hocbaso.regulations.anomalies.thresholds import Thresholds
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"[.!?;:\n(\"“]\s*$|^\s*$")

CALLED = frozenset({"em", "bạn", "con", "cháu", "trò"})
"""What stands before a given name when a pupil is spoken of."""

AFTER_A_NAME = frozenset(
    "chăm chịu có cần còn rất đã đang là ngoan tích hăng nắm tiếp hiểu làm biết chưa nên luôn hay học thường tỏ đạt "
    "viết đọc trình vận tự giỏi khá hoàn ghi nhanh được phải vẫn".split()
)
"""Words that go on after a name at the beginning of a sentence: “Lan chăm học”, but not “Hoa văn đẹp”."""

NO_NAMES = frozenset(
    "anh văn toán tin sử địa lí lý hóa hoá sinh nhạc họa hoạ đạt khá tốt giỏi nhất nhì ba tư việt nam hà nội thể".split()
)
"""Capitalised in the middle of a sentence without being a pupil: subjects, levels, prizes, places."""

COMPOUNDS = frozenset(
    {
        ("hiếu", "học"), ("chí", "tiến"), ("thông", "hiểu"), ("am", "hiểu"), ("bình", "thường"), ("ham", "học"),
        ("thành", "thạo"), ("minh", "họa"), ("tâm", "đắc"), ("tiến", "bộ"), ("tài", "giỏi"), ("khánh", "thành"),
        ("chi", "tiết"), ("thảo", "luận"), ("an", "toàn"), ("hải", "đảo"), ("phong", "phú"), ("công", "thức"),
    }
)  # fmt: skip
"""Ordinary words whose first syllable is also a given name."""

BLAME = (
    "yếu", "kém", "hổng kiến thức", "mất gốc", "chưa đạt yêu cầu", "không đạt yêu cầu", "lười học", "chưa hiểu bài",
    "chưa nắm được", "không nắm được", "kết quả thấp",
)  # fmt: skip
FAILING = ("chưa đạt yêu cầu", "không đạt yêu cầu", "chưa hoàn thành", "kết quả thấp")
"""Blame beside Đ: in a comment subject a pupil may well be weak in something and pass."""
PRAISE = (
    "xuất sắc", "học giỏi", "rất giỏi", "nắm vững", "nắm chắc", "rất tốt", "thành thạo", "kết quả cao", "hoàn thành tốt",
)  # fmt: skip
SOFTENED = (
    "không còn",
    "khắc phục",
    "bớt",
    "đỡ",
    "chưa",
    "không",
    "cần",
    "để",
    "giúp",
    "hết",
    "sẽ",
    "cố gắng",
    "phấn đấu",
)
"""Before such a phrase these turn or weaken it: “đã khắc phục điểm yếu”, “cần nắm vững hơn”."""


def foreign_names(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Remarks that name another pupil of the class."""
    names = {*sheet.classmates, *(line.name for line in lines)}
    everybody = [parts for name in names if (parts := _syllables(name))]
    hits = []
    for line in lines:
        name = _named(line.remark, line.name, everybody) if line.remark else ""
        if name:
            hits.append((line, f"Nhận xét của {line.name} có tên “{name}”"))
    return _ask(AnomalyKind.FOREIGN_NAME, hits, "Có ghi nhầm dòng không?", limits)


def name_within(text: str, own_name: str, names: Iterable[str]) -> str:
    """The name of somebody else of ``names`` (full names) in a text about ``own_name`` ("": about nobody), as it stands
    there; "" when there is none. The rule behind :func:`foreign_names`, for texts that are still being written."""
    return _named(text, own_name, [parts for name in names if (parts := _syllables(name))])


def says_nothing(text: str, limits: Thresholds) -> bool:
    """Whether a remark that was written has too few letters to be one: “0”, “1”, “ok”."""
    return (
        bool(text.strip())
        and sum(letter.isalpha() for letter in unicodedata.normalize("NFC", text)) < limits.fewest_letters
    )


def contrary_remarks(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Praise beside a failing result, blame beside a high one."""
    hits = []
    for line in lines:
        if not line.remark:
            continue
        text = _plain(line.remark)
        low = line.result is PassFail.FAIL or (line.average is not None and line.average < limits.praise_below)
        high = line.average is not None and line.average >= limits.blame_from
        against = PRAISE if low else BLAME if high else FAILING if line.result is PassFail.PASS else ()
        phrase = _said(text, against)
        if phrase:
            stands = (
                f"trung bình môn {format_score(line.average)}" if line.average is not None else f"kết quả {line.result}"
            )
            hits.append((line, f"{line.name}: {stands} mà nhận xét ghi “{phrase}”"))
    return _ask(AnomalyKind.CONTRARY_REMARK, hits, "Nhận xét có đúng của em không?", limits)


def _ask(kind: AnomalyKind, hits: Sequence[tuple[Line, str]], question: str, limits: Thresholds) -> list[Anomaly]:
    groups = [[hit] for hit in hits] if len(hits) <= limits.few_together else [list(hits)]
    return [
        make_anomaly(
            kind,
            [
                place
                for line, _ in group
                for place in [(line, REMARK), *((line, key) for key in _resting_on(kind, line))]
            ],
            f"{'; '.join(words for _, words in group)}. {question}",
        )
        for group in groups
        if group
    ]


def _resting_on(kind: AnomalyKind, line: Line) -> Sequence[str]:
    """A contradiction rests on the scores as well; a name only on the words."""
    return tuple(line.marks) if kind is AnomalyKind.CONTRARY_REMARK else ()


def _named(remark: str, own_name: str, everybody: Sequence[tuple[str, ...]]) -> str:
    """The name of another pupil in a remark, as it is written there. ``everybody``: the syllables of each name."""
    text = unicodedata.normalize("NFC", remark)
    own = _syllables(own_name)
    given = {parts[-1] for parts in everybody} - set(own)
    pairs = {parts[-2:] for parts in everybody if len(parts) > 1}
    pairs -= {own[i : i + 2] for i in range(len(own))}
    words = [(found[0], found.start()) for found in _WORD.finditer(text)]
    for place, (word, start) in enumerate(words):
        lower = word.lower()
        follows = words[place + 1][0] if place + 1 < len(words) else ""
        if not word[0].isupper():
            continue
        if follows[:1].isupper() and (lower, follows.lower()) in pairs:
            return f"{word} {follows}"
        if lower not in given or (lower, follows.lower()) in COMPOUNDS:
            continue
        before = words[place - 1][0].lower() if place else ""
        first = bool(_SENTENCE_END.search(text[:start]))
        if before in CALLED or (not first and lower not in NO_NAMES) or (first and follows in AFTER_A_NAME):
            return word
    return ""


def _said(text: str, phrases: Sequence[str]) -> str:
    """The first of the phrases that stands in the text and is not turned by the words before it."""
    for phrase in phrases:
        for found in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", text):
            clause = re.split(r"[,.;!?]| nhưng | song ", text[: found.start()])[-1]
            if not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", clause) for word in SOFTENED):
                return phrase
    return ""


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def _syllables(name: str) -> tuple[str, ...]:
    return tuple(_plain(name).split())
