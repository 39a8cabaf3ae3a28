"""The provinces that were joined on 1 July 2025 (Resolution 202/2025/QH15), to compare the place in a certificate with a school's.

A certificate of 2024 says Hà Nam where the school's record says Ninh Bình: that is the same place. Light.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_OTHERS = "Hà Nội, Huế, Lai Châu, Điện Biên, Sơn La, Lạng Sơn, Quảng Ninh, Thanh Hóa, Nghệ An, Hà Tĩnh, Cao Bằng"
_JOINED = {
    "Huế": "Thừa Thiên Huế",
    "Tuyên Quang": "Hà Giang",
    "Lào Cai": "Yên Bái",
    "Thái Nguyên": "Bắc Kạn",
    "Phú Thọ": "Vĩnh Phúc, Hòa Bình",
    "Bắc Ninh": "Bắc Giang",
    "Hưng Yên": "Thái Bình",
    "Hải Phòng": "Hải Dương",
    "Ninh Bình": "Hà Nam, Nam Định",
    "Quảng Trị": "Quảng Bình",
    "Đà Nẵng": "Quảng Nam",
    "Quảng Ngãi": "Kon Tum",
    "Gia Lai": "Bình Định",
    "Khánh Hòa": "Ninh Thuận",
    "Lâm Đồng": "Đắk Nông, Bình Thuận",
    "Đắk Lắk": "Phú Yên",
    "Hồ Chí Minh": "Bà Rịa - Vũng Tàu, Bình Dương, HCM, TPHCM",
    "Đồng Nai": "Bình Phước",
    "Tây Ninh": "Long An",
    "Cần Thơ": "Sóc Trăng, Hậu Giang",
    "Vĩnh Long": "Bến Tre, Trà Vinh",
    "Đồng Tháp": "Tiền Giang",
    "Cà Mau": "Bạc Liêu",
    "An Giang": "Kiên Giang",
}


def province_key(name: str) -> str:
    """Letters of a province's name without marks, case and the word for its kind: ``Tỉnh Ninh Bình`` -> ``ninhbinh``."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if not unicodedata.combining(c))
    letters = re.sub(r"[^a-z ]", " ", bare.replace("đ", "d"))
    return "".join(re.sub(r"^\s*(?:tinh|thanh pho|tp)\s+", "", letters).split())


@cache
def provinces() -> dict[str, str]:
    """:func:`province_key` of each name, old and new, to that of today's province."""
    found = {province_key(name): province_key(name) for name in _OTHERS.split(", ")}
    for today, joined in _JOINED.items():
        for name in (today, *joined.split(", ")):
            found[province_key(name)] = province_key(today)
    return found
