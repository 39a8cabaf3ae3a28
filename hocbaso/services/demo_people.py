"""Invented names and scores for a sample school. No real person: parts are drawn at random from common words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

FAMILY = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Vũ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Ngô",
    "Dương",
    "Lý",
    "Đinh",
    "Mai",
    "Tạ",
    "Lương",
    "Hà",
    "Trịnh",
    "Đoàn",
    "Phan",
)
MIDDLE_F = ("Thị", "Bảo", "Ngọc", "Thu", "Minh", "Khánh", "Phương", "Hoài", "Thùy", "Diệu", "Hải", "Quỳnh")
MIDDLE_M = ("Văn", "Đức", "Minh", "Quang", "Gia", "Hữu", "Đình", "Tuấn", "Mạnh", "Công", "Thành", "Anh")
GIVEN_F = (
    "An",
    "Anh",
    "Ánh",
    "Bích",
    "Châu",
    "Chi",
    "Diệp",
    "Dung",
    "Giang",
    "Hà",
    "Hân",
    "Hiền",
    "Hoa",
    "Huyền",
    "Hương",
    "Lan",
    "Linh",
    "Ly",
    "Mai",
    "My",
    "Nga",
    "Ngân",
    "Nhi",
    "Nhung",
    "Oanh",
    "Phương",
    "Quyên",
    "Tâm",
    "Thảo",
    "Thư",
    "Trang",
    "Trâm",
    "Uyên",
    "Vân",
    "Vy",
    "Yến",
    "Ái",
    "Ân",
    "Đào",
    "Đan",
)
GIVEN_M = (
    "An",
    "Bách",
    "Bảo",
    "Bình",
    "Cường",
    "Duy",
    "Dũng",
    "Dương",
    "Đại",
    "Đạt",
    "Giang",
    "Hải",
    "Hiếu",
    "Hoàng",
    "Huy",
    "Hùng",
    "Hưng",
    "Khang",
    "Khánh",
    "Khoa",
    "Kiên",
    "Lâm",
    "Long",
    "Lộc",
    "Minh",
    "Nam",
    "Nghĩa",
    "Nhật",
    "Phong",
    "Phúc",
    "Quân",
    "Quý",
    "Sơn",
    "Tài",
    "Tâm",
    "Thành",
    "Thắng",
    "Tiến",
    "Trung",
    "Tùng",
    "Việt",
    "Vinh",
)
JOBS = ("Làm ruộng", "Công nhân", "Giáo viên", "Buôn bán", "Thợ mộc", "Lái xe", "Bộ đội", "Y tá", "Thợ may", "Tự do")

REMARKS_GOOD = (
    "Nắm vững kiến thức, trình bày gọn.",
    "Tích cực phát biểu, tiến bộ rõ.",
    "Tư duy tốt, nên đọc thêm sách.",
    "Chăm chỉ, làm bài đầy đủ.",
)
REMARKS_FAIR = ("Có tiến bộ, cần cẩn thận khi trình bày.", "Cần luyện tập đều đặn hơn.", "Hiểu bài, nên mạnh dạn hơn.")
REMARKS_WEAK = ("Cần chăm làm bài tập hơn.", "Cần ôn lại kiến thức cơ bản.", "Cần tập trung hơn trong giờ học.")
HOMEROOM_REMARKS = (
    "Ngoan, lễ phép, hoà đồng với bạn bè. Học đều các môn, có ý thức giúp đỡ bạn.",
    "Trung thực, có trách nhiệm với việc chung. Tiến bộ rõ trong học kì II.",
    "Chấp hành tốt nội quy. Cần mạnh dạn phát biểu và dành thêm thời gian đọc sách.",
    "Nhanh nhẹn, hăng hái tham gia phong trào. Cần giữ nếp học đều ở nhà.",
)


@dataclass(frozen=True, slots=True)
class Talent:
    """How a sample pupil tends to score: a level in tenths and a spread."""

    level: int
    spread: int


def person_name(rng: random.Random, sex: str) -> str:
    """A full name."""
    middle, given = (MIDDLE_F, GIVEN_F) if sex == "Nữ" else (MIDDLE_M, GIVEN_M)
    parts = [rng.choice(FAMILY), rng.choice(middle), rng.choice(given)]
    if rng.random() < 0.12:
        second = rng.choice(middle)
        if second not in parts:
            parts.insert(2, second)
    return " ".join(parts)


def personal_id(rng: random.Random, birth: date, sex: str, taken: set[str]) -> str:
    """A number of the right shape that nobody in ``taken`` has; it is added there."""
    while True:
        century = (2 if birth.year >= 2000 else 0) + (1 if sex == "Nữ" else 0)
        number = f"036{century}{birth.year % 100:02d}{rng.randrange(1_000_000):06d}"
        if number not in taken:
            taken.add(number)
            return number


def student_values(rng: random.Random, birth_year: int, number: int, taken: set[str], commune: str) -> dict[str, Any]:
    """Columns of Student for one pupil; ``number`` makes the codes unique."""
    sex = rng.choice(("Nam", "Nữ"))
    birth = date(birth_year, 1, 1) + timedelta(days=rng.randrange(365))
    father = f"{rng.choice(FAMILY)} {rng.choice(MIDDLE_M)} {rng.choice(GIVEN_M)}"
    mother = person_name(rng, "Nữ")
    name = person_name(rng, sex)
    if rng.random() < 0.8:
        name = " ".join([father.split()[0], *name.split()[1:]])
    return {
        "moet_code": f"36{number:08d}",
        "register_no": f"{number:04d}/THCS",
        "full_name": name,
        "birth_on": birth,
        "sex": sex,
        "birth_place": "Ninh Bình",
        "ethnicity": "Kinh" if rng.random() < 0.95 else "Mường",
        "nationality": "Việt Nam",
        "personal_id_number": personal_id(rng, birth, sex, taken),
        "address": f"Xóm {rng.randrange(1, 20)}, xã {commune}, tỉnh Ninh Bình",
        "home_town": "Ninh Bình",
        "father_name": father,
        "father_job": rng.choice(JOBS),
        "mother_name": mother,
        "mother_job": rng.choice(JOBS),
        "phone": f"09{rng.randrange(100_000_000):08d}",
        "height_cm": rng.randrange(138, 172),
        "weight_kg": rng.randrange(32, 62),
        "policy_category": "Hộ cận nghèo" if rng.random() < 0.04 else None,
    }


FAULTS: dict[int, dict[str, Any]] = {
    0: {"address": None},
    1: {"phone": "09123"},
    2: {"father_name": None, "mother_name": None, "father_job": None, "mother_job": None},
    4: {"address": None},
    7: {"home_town": None, "address": None},
}
"""What is empty or wrong in a list that a school brings along, by the place in it."""


def talent(rng: random.Random, floor: int) -> Talent:
    """A pupil's talent; ``floor`` keeps the whole past year promoted."""
    return Talent(level=max(floor, min(94, round(rng.gauss(76, 11)))), spread=rng.randrange(3, 9))


def regular_score(rng: random.Random, of: Talent, subject_shift: int) -> int:
    """A regular mark in tenths, in halves as teachers give them."""
    return max(0, min(100, round((of.level + subject_shift + rng.gauss(2, of.spread)) / 5) * 5))


def periodic_score(rng: random.Random, of: Talent, subject_shift: int) -> int:
    """A midterm or final mark in tenths."""
    return max(0, min(100, round(of.level + subject_shift + rng.gauss(0, of.spread))))


def remark_for(rng: random.Random, level: int) -> str:
    """A teacher's remark that fits a level in tenths."""
    return rng.choice(REMARKS_GOOD if level >= 80 else REMARKS_FAIR if level >= 60 else REMARKS_WEAK)
