"""Numbers and codes of people and schools: their shape (hard) and what looks odd about them (soft, with override).

Personal identification number: Decree 137/2015, now 70/2024 (``regulations.md`` 3.6). No check digit exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from hocbaso.errors import Invalid
from hocbaso.regulations.terms import Sex

PROVINCE_CODES = frozenset(
    "001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 030 031 033 034 035 036 037 038 040 042 044"
    " 045 046 048 049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 089 091"
    " 092 093 094 095 096".split()
)
"""The 63 provinces of the time of issue; the codes stay valid after the merger into 34."""

_PERSONAL_ID = re.compile(r"[0-9]{12}")
_MOET_CODE = re.compile(r"[0-9A-Z]{6,20}")
_REGISTER_NO = re.compile(r"[0-9A-ZĐ](?:[0-9A-ZĐ./ -]{0,28}[0-9A-ZĐ])?", re.IGNORECASE)
_CLASS_NAME = re.compile(r"(LỚP ?:? ?)?([6-9])( ?)([./-]?)( ?)([A-ZĐ0-9]{1,4})")
_SCHOOL_CODE = re.compile(r"[0-9A-Z][0-9A-Z._-]{1,19}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class IdentifierWarning:
    """Something to check before the value is kept. ``about``: province, abroad, sex, century, year or length."""

    about: str
    sentence: str


def check_personal_id(
    text: str, *, born_on: date | None = None, sex: Sex | None = None
) -> tuple[IdentifierWarning, ...]:
    """Check a personal identification number, kept as text because of its leading zeros.

    Raises Invalid unless it is twelve ASCII digits; returns what contradicts the birth date and sex, where known.
    """
    if not _PERSONAL_ID.fullmatch(text):
        raise Invalid("Số định danh cá nhân phải gồm đúng 12 chữ số, viết liền.", field="personal_id_number")
    warnings: list[IdentifierWarning] = []
    place, century_and_sex, year = text[:3], int(text[3]), int(text[4:6])
    if place not in PROVINCE_CODES:
        if place < "100":
            warnings.append(IdentifierWarning("province", f"Ba số đầu {place} không phải là mã tỉnh, thành phố nào."))
        else:
            warnings.append(
                IdentifierWarning(
                    "abroad",
                    f"Ba số đầu {place} không phải là mã tỉnh, thành phố; chỉ đúng nếu khai sinh ở nước ngoài.",
                )
            )
    if sex is not None and (century_and_sex % 2 == 0) != (sex is Sex.MALE):
        coded = Sex.FEMALE if century_and_sex % 2 else Sex.MALE
        warnings.append(
            IdentifierWarning("sex", f"Chữ số thứ tư ({century_and_sex}) là của {coded.value}, hồ sơ ghi {sex.value}.")
        )
    if born_on is not None:
        if 19 + century_and_sex // 2 != born_on.year // 100:
            warnings.append(
                IdentifierWarning(
                    "century",
                    f"Chữ số thứ tư ({century_and_sex}) chỉ người sinh từ năm {19 + century_and_sex // 2}00, "
                    f"hồ sơ ghi năm sinh {born_on.year}.",
                )
            )
        if year != born_on.year % 100:
            warnings.append(
                IdentifierWarning(
                    "year",
                    f"Hai số cuối của năm sinh trong số định danh là {year:02d}, hồ sơ ghi năm sinh {born_on.year}.",
                )
            )
    return tuple(warnings)


def check_moet_code(text: str) -> tuple[IdentifierWarning, ...]:
    """Check a student's code of the sector database (Circular 42/2021). It is never made up locally.

    Raises Invalid unless it is 6 to 20 digits or capital letters; warns where it is not the usual ten digits.
    """
    if not _MOET_CODE.fullmatch(text):
        raise Invalid(
            "Mã học sinh chỉ gồm chữ số và chữ cái hoa không dấu, viết liền, từ 6 đến 20 kí tự.", field="moet_code"
        )
    if len(text) != 10 or not text.isdigit():
        return (
            IdentifierWarning("length", f"Mã học sinh của cơ sở dữ liệu ngành thường gồm 10 chữ số; ở đây là {text}."),
        )
    return ()


def check_register_no(text: str) -> str:
    """A number of the enrolment register (Sổ đăng bộ): letters, digits and ``. / -``, at most 30; blanks tidied.

    Raises Invalid otherwise.
    """
    tidy = " ".join(text.split())
    if not _REGISTER_NO.fullmatch(tidy):
        raise Invalid("Số đăng bộ chỉ gồm chữ, số và các dấu . / -, nhiều nhất 30 kí tự.", field="register_no")
    return tidy


def check_school_code(text: str) -> str:
    """A school's code: 2 to 20 digits, letters and ``. _ -``, no blanks.

    Raises Invalid otherwise.
    """
    tidy = text.strip()
    if not _SCHOOL_CODE.fullmatch(tidy):
        raise Invalid("Mã trường gồm từ 2 đến 20 kí tự: chữ số, chữ cái không dấu, viết liền.", field="school_code")
    return tidy


def class_name(text: str) -> str | None:
    """The name of a class of grades 6 to 9 (6A, 6A1, 6/1, 6.1) in capitals, without blanks and the word Lớp; None for anything else."""
    found = _CLASS_NAME.fullmatch(text.upper())
    return None if found is None else found[2] + found[4] + found[6]
