"""The school's plan for the digital transcript: duties with their days, who counts as trained, where a task stands.

Source: the plan of the school (Kế hoạch triển khai thực hiện Học bạ số), sections I.2, II and III; day counts are proposals that the
principal changes, the last three come from the deadlines of the year.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

TRAINED_TARGET = 100
"""Per cent of managers and teachers (section II.2)."""

SOON = 7
"""Days before its day on which a task is told as due soon."""


LISTED = 14
"""Days before its day from which a task stands in its holder's list of today: as far ahead as reminders go."""


class Standing(StrEnum):
    """Where a task stands on a day."""

    DONE = "done"
    LATE = "late"
    SOON = "soon"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Duty:
    """A task that the plan names. ``due_on``: the last good day."""

    title: str
    due_on: date


@dataclass(frozen=True, slots=True)
class Trained:
    """How many of the staff at work have been at a training session of the year."""

    n_people: int
    n_trained: int

    @property
    def percent(self) -> int | None:
        """0..100, rounded down so that 100 means all; None without staff."""
        return 100 * self.n_trained // self.n_people if self.n_people else None

    @property
    def n_left(self) -> int:
        """Who has not been yet."""
        return self.n_people - self.n_trained


def trained(at_work: Collection[int], attended: Collection[int]) -> Trained:
    """``at_work``: person ids; ``attended``: ids of who was at one session of the year or more, also people who left since."""
    return Trained(len(set(at_work)), len(set(at_work) & set(attended)))


def standing(due_on: date, is_done: bool, today: date) -> Standing:
    """Where a task stands; its day itself is not late yet."""
    if is_done:
        return Standing.DONE
    if today > due_on:
        return Standing.LATE
    return Standing.SOON if (due_on - today).days <= SOON else Standing.OPEN


def duties(starts_on: date, data_complete_before: date, grade9_before: date, others_before: date) -> tuple[Duty, ...]:
    """What the plan asks of the board in a year that begins on ``starts_on``."""
    one_day = timedelta(days=1)
    return tuple(
        Duty(title, day)
        for title, day in (
            ("Thành lập Ban quản lý Học bạ số, phân công từng thành viên", starts_on + timedelta(days=21)),
            ("Chuẩn bị hạ tầng, phần mềm, tài khoản", starts_on + timedelta(days=45)),
            ("Tập huấn cho 100 % cán bộ, giáo viên", starts_on + timedelta(days=75)),
            ("Xây dựng quy trình quản lý, sử dụng học bạ số và thủ tục hành chính", starts_on + timedelta(days=90)),
            ("Cấp, rà soát chứng thư số và chữ ký số", starts_on + timedelta(days=120)),
            ("Rà soát hồ sơ học sinh, trích ngang giáo viên: đúng, đủ, sạch, sống", starts_on + timedelta(days=135)),
            ("Tuyên truyền tới phụ huynh, học sinh, người dân; huy động hỗ trợ", starts_on + timedelta(days=150)),
            ("Hoàn thành nhập dữ liệu học bạ", data_complete_before - one_day),
            ("Hoàn thành ký số học bạ khối 9", grade9_before - one_day),
            ("Hoàn thành ký số học bạ các khối khác", others_before - one_day),
            ("Báo cáo kết quả, khó khăn, đề xuất với cấp trên", others_before + timedelta(days=14)),
        )
    )
