"""Class 9A approved with two pupils for the summer: Chi to be re-assessed in three subjects, Bình to train conduct."""

from __future__ import annotations

from datetime import UTC, datetime

from hocbaso.services import class_approval, summer_approval, summer_results, summer_view
from hocbaso.services.summer_results import Registration, Typed
from tests.cast import NOW, Cast
from tests.services.full_class import finalised, keeper_of, seen_of

CHI, BINH = "Trần Khánh Chi", "Hoàng Thanh Bình"
JULY = datetime(2027, 7, 20, 2, 0, tzinfo=UTC)
AGAIN = ("LIT", "MATH", "HISTGEO")
TASK = "Lao động vệ sinh, bản kiểm điểm hằng tuần"
REPORT = "Báo cáo 15/7, mẹ ký"


def summer_9a(cast: Cast) -> int:
    """The class approved on the cast's day; its id. Chi has five subjects from 5,0: Chưa đạt."""
    class_group = finalised(cast, "9A", {(CHI, code): 40 for code in AGAIN}, {BINH: {"conduct_2": "CĐ"}})
    class_approval.approve_class(
        cast.actor("principal"),
        class_group.id,
        expected_version=class_group.version,
        seen=seen_of(class_group.id),
        now=NOW,
    )
    return class_group.id


def keys(cast: Cast, class_id: int, key: str = "principal") -> dict[tuple[str, str], tuple[str, int]]:
    """(pupil, subject) -> key and version of the entry, as a person sees them."""
    page = summer_view.page(cast.actor(key), class_id, JULY)
    return {
        (case.case.full_name, line.entry.name): (line.entry.key, line.entry.version)
        for case in page.pupils
        for line in case.lines
    }


def register_all(cast: Cast, class_id: int, but: tuple[str, ...] = ()) -> None:
    """Everybody takes part in everything, but for subjects named."""
    summer_results.register(
        cast.actor(keeper_of("9A")),
        class_id,
        {
            key: Registration(name not in but, version, TASK if name.startswith("Rèn luyện") else "")
            for (_, name), (key, version) in keys(cast, class_id).items()
        },
        JULY,
    )


def type_one(
    cast: Cast, who: str, class_id: int, pupil: str, name: str, text: str, *, absent: bool = False, paper: str = REPORT
) -> int:
    """One result typed by a person of the cast."""
    key, version = keys(cast, class_id)[pupil, name]
    return summer_results.type_results(
        cast.actor(who), class_id, {key: Typed(text, version, absent, "" if absent else "15/07/2027", paper)}, JULY
    )


def seals(cast: Cast, class_id: int, key: str = "principal") -> dict[int, str]:
    """What the principal's page says of the pupils that may be approved."""
    page = summer_view.page(cast.actor(key), class_id, JULY)
    return {one.case.enrollment_id: one.seal for one in page.to_approve if one.seal}


def approve_ready(cast: Cast, class_id: int, key: str = "principal") -> int:
    """Approve all that may be."""
    return summer_approval.approve(cast.actor(key), class_id, seals(cast, class_id, key), JULY)
