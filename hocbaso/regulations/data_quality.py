"""Data quality by the school's plan, "đúng, đủ, sạch, sống": four measures as functions of what stands written.

Each measure is a share of things that have nothing against them: ``n_sound`` of ``n_checked``. A thing with three faults
counts once. Nothing here compares pupils, teachers or classes, and nothing says that a value is true: only that no rule speaks
against it. Whether the national population database agrees is a finding of that authority (:func:`identity_standing`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from hocbaso.errors import Invalid
from hocbaso.regulations.drawn_letters import why_not_a_name
from hocbaso.regulations.identifiers import check_moet_code, check_personal_id, check_register_no
from hocbaso.regulations.terms import Sex
from hocbaso.regulations.vietnamese_names import search_key


class Measure(StrEnum):
    """The four words of the plan (section II.1)."""

    CORRECT = "correct"
    COMPLETE = "complete"
    CLEAN = "clean"
    ALIVE = "alive"


NEEDED = (
    "birth_place",
    "ethnicity",
    "personal_id_number",
    "moet_code",
    "register_no",
    "address",
)
"""What a profile has to say beside name, birth date and sex, which no profile lacks (the personal page of the transcript)."""

PARENTS = ("father_name", "mother_name", "guardian_name")
"""One of these has to be there."""

CHECKED_BY_AUTHORITY = ("personal_id_number", "full_name", "birth_on", "sex")
"""What the population database is asked about."""

IDLE_AFTER = timedelta(days=60)
"""An account that nobody used for longer is idle."""

NEVER_USED_AFTER = timedelta(days=14)
"""A new account that was never used counts as idle from here on."""

AGE_AT_ENTRY = range(10, 15)
"""Full years, counted by calendar year, that a pupil turns in the year of entering grade 6: eleven by the rule, a year early or up
to three years late by its exceptions (Circular 32/2020, Art. 33)."""

_PHONE = re.compile(r"(?:\+84|0)[0-9]{8,10}")


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """A pupil's profile as the measures need it. ``values``: the stored fields; ``touched_on``: last changed or looked through."""

    student_id: int
    class_group_id: int
    class_name: str
    grade_level: int
    values: Mapping[str, Any]
    touched_on: date

    @property
    def full_name(self) -> str:
        """The pupil's name."""
        return str(self.values["full_name"])


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a profile. ``field``: where it is mended, None for the profile as a whole."""

    measure: Measure
    student_id: int
    field: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure: ``n_sound`` of ``n_checked`` things have nothing against them."""

    n_checked: int
    n_sound: int

    @property
    def n_faulty(self) -> int:
        """Things with something against them."""
        return self.n_checked - self.n_sound

    @property
    def percent(self) -> int | None:
        """0..100, rounded down so that 100 means all; None while there is nothing to check."""
        return 100 * self.n_sound // self.n_checked if self.n_checked else None

    def plus(self, n_checked: int, n_sound: int) -> Figure:
        """With more things."""
        return Figure(self.n_checked + n_checked, self.n_sound + n_sound)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two profiles that may be one pupil, the lower id first. ``why``: what they share."""

    first: ProfileFacts
    second: ProfileFacts
    why: str

    @property
    def key(self) -> tuple[int, int]:
        """The two ids."""
        return self.first.student_id, self.second.student_id


def figure_of(profiles: Iterable[ProfileFacts], faults: Iterable[Fault], measure: Measure) -> Figure:
    """The measure over these profiles."""
    ids = {one.student_id for one in profiles}
    faulty = {fault.student_id for fault in faults if fault.measure is measure} & ids
    return Figure(len(ids), len(ids) - len(faulty))


# --- đúng -------------------------------------------------------------------------------------------------------------


def incorrect(profile: ProfileFacts, year_starts_on: date) -> tuple[Fault, ...]:
    """Values of a wrong shape, or that contradict each other: numbers, name, age, telephone."""
    values, found = profile.values, []

    def wrong(field: str, words: str) -> None:
        found.append(Fault(Measure.CORRECT, profile.student_id, field, words))

    number = values.get("personal_id_number")
    if number:
        try:
            odd = check_personal_id(number, born_on=values["birth_on"], sex=Sex(values["sex"]))
        except Invalid as refusal:
            wrong("personal_id_number", refusal.message)
        else:
            for one in odd:
                wrong("personal_id_number", one.sentence)
    for field, check in (("moet_code", check_moet_code), ("register_no", check_register_no)):
        if values.get(field):
            try:
                check(values[field])
            except Invalid as refusal:
                wrong(field, refusal.message)
    why = why_not_a_name(profile.full_name)
    if why:
        wrong("full_name", f"Họ và tên {why}")
    elif len(profile.full_name.split()) < 2:
        wrong("full_name", f"Họ và tên chỉ có một chữ: {profile.full_name}.")
    age = year_starts_on.year - values["birth_on"].year - (profile.grade_level - 6)
    if age not in AGE_AT_ENTRY:
        wrong(
            "birth_on",
            f"Sinh năm {values['birth_on'].year} thì năm vào lớp 6 được {age} tuổi; tuổi vào lớp 6 là 11, "
            f"sớm nhất {AGE_AT_ENTRY.start}, muộn nhất {AGE_AT_ENTRY.stop - 1}.",
        )
    phone = values.get("phone")
    if phone and not _PHONE.fullmatch(re.sub(r"[ .()-]", "", phone)):
        wrong("phone", f"Số điện thoại {phone} không đủ số.")
    return tuple(found)


# --- đủ ---------------------------------------------------------------------------------------------------------------


def missing_fields(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Needed fields that are empty; ``father_name`` stands for parents and guardian of whom none is named."""
    missing = [name for name in NEEDED if not values.get(name)]
    if not any(values.get(name) for name in PARENTS):
        missing.append("father_name")
    return tuple(missing)


N_NEEDED = len(NEEDED) + 1
"""Things a profile has to say, parents and guardian being one."""


def incomplete(profile: ProfileFacts, words: Mapping[str, str]) -> tuple[Fault, ...]:
    """What a profile does not say yet. ``words``: field -> its name on screen."""
    return tuple(
        Fault(
            Measure.COMPLETE,
            profile.student_id,
            name,
            "Chưa ghi cha, mẹ hoặc người giám hộ." if name in PARENTS else f"Chưa ghi {_lower(words[name])}.",
        )
        for name in missing_fields(profile.values)
    )


def without_photo(profile: ProfileFacts, having: Collection[int]) -> tuple[Fault, ...]:
    """What a profile lacks when nobody in ``having`` (student ids) is this pupil; nothing before the school has its first photo.

    No article asks for one and the digital form has no place for it: a school that keeps none is not told 0 % for it.
    """
    if not having or profile.student_id in having:
        return ()
    return (Fault(Measure.COMPLETE, profile.student_id, PHOTO, "Chưa có ảnh."),)


PHOTO = "photo"
"""The place of the photo on a profile's page; no stored field."""


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


# --- sạch -------------------------------------------------------------------------------------------------------------


def duplicates(profiles: Iterable[ProfileFacts], distinct: Iterable[tuple[int, int]] = ()) -> tuple[Pair, ...]:
    """Profiles that may be one pupil: the same name and birth date, or the same name with a birth date one slip away.

    A slip: day and month exchanged, or two of day, month and year alike. ``distinct``: pairs that somebody has looked at
    and found to be two pupils. Numbers need no look: the tables hold each of them once.
    """
    by_name: dict[str, list[ProfileFacts]] = defaultdict(list)
    for one in {profile.student_id: profile for profile in profiles}.values():
        by_name[search_key(one.full_name)].append(one)
    settled, found = set(distinct), []
    for namesakes in by_name.values():
        namesakes.sort(key=lambda one: one.student_id)
        for index, first in enumerate(namesakes):
            for second in namesakes[index + 1 :]:
                why = _why_one_pupil(first, second)
                if why and (first.student_id, second.student_id) not in settled:
                    found.append(Pair(first, second, why))
    return tuple(sorted(found, key=lambda pair: pair.key))


def _why_one_pupil(first: ProfileFacts, second: ProfileFacts) -> str:
    one, other = first.values["birth_on"], second.values["birth_on"]
    if one == other:
        return "cùng tên, cùng ngày sinh"
    if one.year == other.year and (one.day, one.month) == (other.month, other.day):
        return "cùng tên, ngày và tháng sinh đổi chỗ cho nhau"
    n_alike = (one.day == other.day) + (one.month == other.month) + (one.year == other.year)
    if n_alike == 2 and first.values["sex"] == second.values["sex"]:
        return "cùng tên, ngày sinh chỉ khác một chỗ"
    return ""


def unclean(
    profiles: Iterable[ProfileFacts], pairs: Iterable[Pair], places: Mapping[int, tuple[str, ...]]
) -> tuple[Fault, ...]:
    """Possible duplicates, and pupils in more than one class at once. ``places``: student id -> classes of open years."""
    found = []
    for pair in pairs:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            found.append(
                Fault(
                    Measure.CLEAN,
                    one.student_id,
                    "full_name",
                    f"Có thể trùng với {other.full_name} lớp {other.class_name}: {pair.why}.",
                )
            )
    for profile in {one.student_id: one for one in profiles}.values():
        classes = places.get(profile.student_id, ())
        if len(classes) > 1:
            found.append(
                Fault(Measure.CLEAN, profile.student_id, None, f"Đang có tên ở hai lớp: {' và '.join(classes)}.")
            )
    return tuple(found)


# --- sống -------------------------------------------------------------------------------------------------------------


def stale(profile: ProfileFacts, year_starts_on: date) -> tuple[Fault, ...]:
    """A profile that nobody has changed or looked through since the school year began."""
    if profile.touched_on >= year_starts_on:
        return ()
    return (
        Fault(
            Measure.ALIVE,
            profile.student_id,
            None,
            f"Chưa ai xem lại từ đầu năm học; lần cuối ngày {profile.touched_on:%d/%m/%Y}.",
        ),
    )


def is_idle(created_on: date, last_used_on: date | None, today: date) -> bool:
    """Whether an account lies idle: unused for ``IDLE_AFTER``, or never used ``NEVER_USED_AFTER`` it was opened."""
    if last_used_on is None:
        return today - created_on > NEVER_USED_AFTER
    return today - last_used_on > IDLE_AFTER


def whole_months(since: date, today: date) -> int:
    """Whole calendar months from a day to today: 15/1 to 14/3 is one, to 15/3 two; the last day of a shorter month completes one."""
    months = (today.year - since.year) * 12 + today.month - since.month
    is_last_day = (today + timedelta(days=1)).day == 1
    return months - (today.day < since.day and not is_last_day)


# --- what the authority found -----------------------------------------------------------------------------------------


class IdentityStanding(StrEnum):
    """Where checking a pupil against the national population database stands."""

    NOT_CHECKED = "not_checked"
    OUTDATED = "outdated"
    MATCHED = "matched"
    MISMATCH = "mismatch"


def identity_standing(
    values: Mapping[str, Any], checked: Mapping[str, Any] | None, *, matched: bool
) -> IdentityStanding:
    """What the authority's last result says of the profile as it is now.

    ``checked``: the four values as they stood when that result came, None when none ever came. A result about other values
    says nothing about these: the software never claims a check that was not made.
    """
    if checked is None:
        return IdentityStanding.NOT_CHECKED
    if any(values[name] != checked[name] for name in CHECKED_BY_AUTHORITY):
        return IdentityStanding.OUTDATED
    return IdentityStanding.MATCHED if matched else IdentityStanding.MISMATCH


def mismatches(student_id: int, fields: Iterable[str], words: Mapping[str, str]) -> tuple[Fault, ...]:
    """What the authority found to differ, as faults of "đúng"; the whole profile when it named no field."""
    named = tuple(fields)
    return tuple(
        Fault(
            Measure.CORRECT,
            student_id,
            name,
            f"{words[name]} lệch với cơ sở dữ liệu quốc gia về dân cư (kết quả cơ quan gửi về).",
        )
        for name in named
    ) or (
        Fault(
            Measure.CORRECT,
            student_id,
            "personal_id_number",
            "Lệch với cơ sở dữ liệu quốc gia về dân cư, kết quả gửi về không ghi rõ mục nào.",
        ),
    )
