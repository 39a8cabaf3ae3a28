"""Passwords: how they are hashed, which are too easy, and the passphrases the machine hands out.

Argon2id with 46 MiB and one pass (measured: about 0.13 s on the school's kind of machine). A semaphore of two keeps
forty sign-ins at seven in the morning from taking two gigabytes and from starving the teachers who are saving.
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from hocbaso.errors import Invalid

MIN_LENGTH = 12
MAX_LENGTH = 256
N_WORDS = 4

_HERE = Path(__file__).resolve().parent
_COMMON_FILE = _HERE / "common_passwords.txt"
_HASHER = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1, hash_len=32, salt_len=16)
_TWO_AT_A_TIME = threading.Semaphore(2)


def set_cost(*, memory_kib: int, passes: int = 1) -> None:
    """Replace the cost of new hashes (the parameters stand in each hash, so old ones stay readable)."""
    global _HASHER
    _HASHER = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16)
    _dummy_hash.cache_clear()


def _prepared(password: str) -> str:
    """The same letters give the same bytes on every keyboard: NFC, and no more than a page of text."""
    return unicodedata.normalize("NFC", password)[: MAX_LENGTH * 4]


def hash_password(password: str) -> str:
    """The argon2id hash. Slow on purpose: never call it inside a write transaction."""
    with _TWO_AT_A_TIME:
        return _HASHER.hash(_prepared(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. ``None`` (no such account) takes as long and answers False."""
    with _TWO_AT_A_TIME:
        try:
            matches = _HASHER.verify(stored or _dummy_hash(), _prepared(password))
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with another cost than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe(16))


def unknown_hash() -> str:
    """The hash of a password that was drawn and forgotten: nobody signs in with it. Quick: one for all such accounts."""
    return _dummy_hash()


# --- too easy ---------------------------------------------------------------------------------------------------------

_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_RUNS = (
    "01234567890123456789",
    "09876543210987654321",
    "qwertyuiopasdfghjklzxcvbnm",
    "mnbvcxzlkjhgfdsapoiuytrewq",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1qaz2wsx3edc4rfv5tgb6yhn",
)


def _bare(text: str) -> str:
    """Lower case without diacritics."""
    decomposed = unicodedata.normalize("NFD", text.casefold()).replace("đ", "d")
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@cache
def _common() -> frozenset[str]:
    lines = _COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(_bare(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


def _left_over(text: str, words: Iterable[str]) -> str:
    """What remains of a password when everything that can be guessed is taken away."""
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= 4:
            text = text.replace(word, "")
    for run in _RUNS:
        for length in range(min(len(run), len(text)), 3, -1):
            for start in range(len(run) - length + 1):
                text = text.replace(run[start : start + length], "")
    text = re.sub(r"(19|20)\d\d|\d{1,2}/\d{1,2}", "", text)
    text = re.sub(r"(.)\1{2,}", r"\1", text)
    return re.sub(r"[^a-z]", "", text)


def check(password: str, *, personal: Iterable[str] = (), field: str = "password") -> None:
    """Raise Invalid, with the reason, for a password that is too short, common, or made of the person's own names.

    ``personal``: user name, full name, staff code, name of the school. No rules on kinds of letters, none on age.
    """
    password = unicodedata.normalize("NFC", password)
    if len(password) < MIN_LENGTH:
        raise Invalid(
            f"Mật khẩu cần ít nhất {MIN_LENGTH} kí tự. Bốn từ quen nối bằng dấu gạch là dễ nhớ nhất.", field=field
        )
    if len(password) > MAX_LENGTH:
        raise Invalid(f"Mật khẩu dài quá {MAX_LENGTH} kí tự.", field=field)
    bare = _bare(password)
    if len(set(bare)) < 5:
        raise Invalid("Mật khẩu lặp lại quá ít kí tự, rất dễ đoán.", field=field)
    own = {re.sub(r"[^a-z0-9]", "", _bare(text)) for text in personal if text}
    own |= {
        re.sub(r"[^a-z0-9]", "", re.sub(r"\b(truong|thcs|trung hoc co so)\b", "", _bare(text)))
        for text in personal
        if text
    }
    words = _common() | own
    squeezed = re.sub(r"[^a-z0-9@$!]", "", bare)
    shortest = min(len(_left_over(squeezed, words)), len(_left_over(squeezed.translate(_LEET), words)))
    if squeezed in words or shortest < 4:
        raise Invalid(
            "Mật khẩu này nằm trong số những mật khẩu dễ đoán. Xin chọn bốn từ không liên quan nhau.", field=field
        )


# --- passphrases ------------------------------------------------------------------------------------------------------

# Vietnamese syllables as typed without diacritics: first letters, then the rimes that occur with them. Typing them
# needs no input method, which a borrowed tablet may not have.
_SYLLABLES = {
    "b": "a ac ach ai am an ang anh ao ap at au ay ba be ben beo bep bi bia bich bien biet binh bo boc boi bon bong bot "
    "bua buc bui bun bung buoc buom buon buong buot but buu",
    "c": "a ac ach ai am an ang anh ao ap at au ay o oc oi om on ong op ot u ua uc ui um un ung uoc uoi uom uon uong up",
    "ch": "a ac ach ai am an ang anh ao ap at au ay e en eo ep et i ia ich iec iem ien ieng iep iet ieu im in inh ip it "
    "iu o oc oi om on ong op ot u ua uc ui um un ung uoc uoi uom uon uong uot up ut uyen",
    "d": "a ac ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iem ien iep iet ieu im in inh ip o oa oan oanh oc "
    "oi om on ong op ot u ua uc ui um un ung uoc uoi uong uot up ut uyen uyet",
    "g": "a ac ach ai am an ang anh ao ap at au ay o oc oi om on ong op ot u uc ui un ung uoc uom uong uot",
    "gh": "e em en ep et i ia ich iem ien im inh",
    "gi": "a ac ai am an ang anh ao ap at au ay eng eo ep et o oc oi on ong ot u ua uc un uong up",
    "h": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iem ien iep iet ieu im in inh ip it o oa oac "
    "oai oan oang oanh oat oc oe oi om on ong op ot u ua uan uc ue ui um un ung uong up ut uy uyen uyet uynh",
    "k": "e em en eo ep et i ia ich iem ien ieng iep iet ieu im in inh ip it",
    "kh": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia iem ien ieng iep iet ieu im in inh it o oa oac "
    "oai oan oang oanh oc oe oi om on ong u ua uan uay uc uech ui um un ung uoc uon uong uot uu uy uyen uyet",
    "l": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iem ien ieng iep iet ieu im in inh it o oa "
    "oai oan oang oat oc oe oi om ong op ot u ua uan uat uc ui um un ung uoc uoi uom uon uong uot up ut uu uy "
    "uyen",
    "m": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich ien ieng iet ieu im in inh it o oc oi om on "
    "ong op ot u ua uc ui um un ung uoi uon uong uop uu",
    "n": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia iem ien iep iet ieu im in inh it o oc oi om on ong "
    "op ot u ua uc ui um un ung uoc uoi uong uot up ut",
    "ng": "a ac ach ai am an ang anh ao ap at au ay o oai oan oc oi om on ong op ot u ua uc ui um un ung uoc uoi uon uong "
    "uoc uot uyen uyet",
    "ngh": "e en eo et i ia ich iem ien iep iet ieu im inh it",
    "nh": "a ac ach ai am an ang anh ao ap at au ay e em en eo et i ich iem ien iep iet ieu im in inh ip o oc oi om on ong "
    "op ot u ua uc ui um un ung uoc uom uong ut",
    "ph": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep i ia ich ien iet ieu im in inh o oc oi om on ong op ot u "
    "ua uc ui um un ung uoc uon uong ut",
    "qu": "a ac ach ai an ang anh ao ap at au ay e en eo et i ich inh it y yen yet ynh",
    "r": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et ieng ieu im in inh it o oc oi om on ong op ot u ua uc "
    "ui um un ung uoc uoi uom uon uong uot up ut",
    "s": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich ieng ieu im in inh it o oan oat oc oi om on "
    "ong op ot u ua uc ui um un ung uoi uon uong uot up ut uu uy uyen",
    "t": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iec iem ien ieng iep iet ieu im in inh it o "
    "oa oan oang oat oc oe oi om on ong op ot u ua uan uat uc ue ui um un ung uoc uoi uom uon uong uot up ut uu uy "
    "uyen uyet",
    "th": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iem ien ieng iep iet ieu im in inh it o oa "
    "oai oang oat oc oi om on ong op ot u ua uan uat uc ue ui um un ung uoc uoi uon uong up ut uy uyen uyet",
    "tr": "a ac ach ai am an ang anh ao ap at au ay e em en eo et i ia ich ien ieng iet ieu im in inh it o oc oi om on ong "
    "op ot u ua uc ui um un ung uoc uoi uon uong uot up ut uu uyen",
    "v": "a ac ach ai am an ang anh ao ap at au ay e em en eo et i ia ich iec ien iet ieu im in inh it o oc oi om on ong op "
    "ot u ua uc ui un ung uoi uon uong uot uu",
    "x": "a ac ach ai am an ang anh ao ap at au ay e em en eo ep et i ia ich iec iem ien ieng iet ieu im in inh it o oa "
    "oan oay oc oi om on ong op ot u ua uan uat uc ui um un ung uoc uoi uong up uyen",
}
_LEFT_OUT = frozenset(
    "bac buoi buom cac cu cuc cut chet chich chim choc cho cho deo deu di dien dit diu dom du dua duc dui duong dung em gai "
    "giet gay hiep lon lol khon ngu ngoc nguc nung nut nong rat ruc ruot suc thui thien xac xao cho vu vut bop beo bung "
    "khung khung dien hang dam dan dang".split()
)


@cache
def words() -> tuple[str, ...]:
    """The syllables a passphrase is drawn from, sorted; at least 1024, so four of them carry 40 bits or more."""
    found: set[str] = set()
    for first, rimes in _SYLLABLES.items():
        for rime in rimes.split():
            syllable = rime if first == "b" and rime.startswith("b") else first + rime
            if len(syllable) > 1 and syllable not in _LEFT_OUT:
                found.add(syllable)
    return tuple(sorted(found))


def generate() -> str:
    """A fresh passphrase such as ``lua-chim-dong-lang``: four syllables drawn from the machine's randomness."""
    while True:
        phrase = "-".join(secrets.choice(words()) for _ in range(N_WORDS))
        try:
            check(phrase)
        except Invalid:
            continue
        return phrase
