"""The history of one record: every correction, result, file, signature and recall of the year, once each, in the order of time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hocbaso.errors import NotFound
from hocbaso.services import recall_requests, record_chain, transcript_building
from tests.cast import Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_corrections import BINH, CHAU, LATER, WHY, approve, ask, civil, confirm
from tests.services.test_transcripts import records


def of(cast: Cast, pupil: str = BINH) -> list:
    return [row for row in records() if row.enrollment_id == cast.enrollments["9A", pupil]]


def test_the_whole_way_of_a_record_that_was_corrected_recalled_and_made_anew(issued: Cast) -> None:
    [old] = of(issued)
    plain = record_chain.chain_of(issued.actor("principal"), old.uuid)
    assert [event.title for event in plain.events] == [
        "Duyệt tổng kết: kết quả cả năm được chốt",
        "Lập học bạ",
        "Giáo viên chủ nhiệm ký",
        "Hiệu trưởng ký",
        "Đóng dấu nhà trường",
        "Công bố",
    ]
    assert (plain.n_records, plain.n_recalled, plain.n_corrections, plain.in_force) == (1, 0, 0, old.uuid)
    request = confirm(issued, ask(issued, {("LIT", 2, "CK"): "1"}))
    approve(issued, request)
    transcript_building.build_class(
        issued.actor("clerk"), issued.classes["9A"], LATER + timedelta(hours=1), f"#{issued.enrollments['9A', BINH]}"
    )
    new = next(row for row in of(issued) if row.uuid != old.uuid)
    for uuid in (old.uuid, new.uuid):  # the same history from either file
        chain = record_chain.chain_of(issued.actor("math"), uuid)
        n = f"số {request.id}"
        assert [event.title for event in chain.events][6:] == [
            f"Đề nghị sửa chữa {n}",
            f"Xác nhận đề nghị sửa chữa {n}",
            f"Duyệt đề nghị sửa chữa, đã sửa {n}",
            "Kết quả chốt lại sau sửa chữa, bản 2",
            "Đề nghị thu hồi",
            "Duyệt thu hồi",
            "Bản này hết hiệu lực",
            "Lập bản thay",
        ]
        assert (chain.n_records, chain.n_recalled, chain.n_corrections, chain.in_force) == (2, 1, 1, new.uuid)
        assert [event.at for event in chain.events] == sorted(event.at for event in chain.events)
    asked, *_ = [event for event in chain.events if event.kind == "correction"]
    assert asked.words[1:] == (f"Lí do: {WHY}", "Kèm 1 minh chứng.") and "→ 1,0" in asked.words[0]
    again = next(event for event in chain.events if "bản 2" in event.title)
    told = {(change.place, change.before, change.after) for change in again.changes}
    kept = {tuple(one["place"]): (one["before"], one["after"]) for one in json.loads(request.outcome or "")["changes"]}
    assert told == {(place, before, after) for place, (before, after) in kept.items()}, "what the approval said"
    assert any(place[:2] == ("subject", "LIT") for place, _, _ in told)
    # Nothing of another pupil.
    [other] = of(issued, CHAU)
    assert len(record_chain.chain_of(issued.actor("principal"), other.uuid).events) == 6


def test_who_reads_it(issued: Cast) -> None:
    [record] = of(issued)
    for who in ("principal", "vice_principal", "math"):
        assert record_chain.chain_of(issued.actor(who), record.uuid).events
    for who in ("clerk", "it_officer", "head_society", "head_science", "other", "outsider", "board"):
        with pytest.raises(NotFound):
            record_chain.chain_of(issued.actor(who), record.uuid)


def test_a_recall_that_was_refused_and_a_change_of_name_stand_in_it(issued: Cast) -> None:
    [record] = of(issued)
    asked = recall_requests.ask(issued.actor("math"), record.uuid, "Nghi sai ngày sinh", LATER)
    assert asked is not None
    recall_requests.refuse(issued.actor("principal"), asked.id, "Đúng giấy khai sinh", LATER + timedelta(hours=1))
    request = civil(issued, {"full_name": "Hoàng Thanh Bình An"})
    if request.state == "ASKED":
        request = confirm(issued, request)
    approve(issued, request)
    titles = {event.title: event for event in record_chain.chain_of(issued.actor("principal"), record.uuid).events}
    assert titles["Không duyệt thu hồi"].words == ("Đúng giấy khai sinh",)
    assert f"Duyệt đề nghị sửa chữa, đã sửa số {request.id}" in titles
