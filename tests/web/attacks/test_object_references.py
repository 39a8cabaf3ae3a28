"""Ids by hand: whoever asks for what is not theirs learns nothing, not even whether it exists."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hocbaso import clock
from hocbaso.web.security import access_of
from tests.cast import Cast
from tests.web.attacks.surface import UNKNOWN_UUID, addresses
from tests.web.test_transcripts import Site

NOWHERE = 2_000_000_000
"""An id that no row has."""

IMPORTED = re.compile(r'(name="csrf[^>]*|content="[^"]{30,}"|/static/[^"]*|\d{2}:\d{2})')


def seen(answer: TestResponse) -> tuple[int, str, str]:
    """What an answer tells: status, where it leads, its words without what changes with each request."""
    words = IMPORTED.sub("", answer.text) if answer.mimetype == "text/html" else ""
    return answer.status_code, answer.headers.get("HX-Trigger", "") + answer.headers.get("Location", ""), words


def twin(path: str) -> str:
    """The same address with ids that nothing has."""
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", UNKNOWN_UUID, path)
    return re.sub(r"/\d+(?=/|$)", f"/{NOWHERE}", path)


def last_twin(path: str) -> str:
    """The same address with nothing but its last id changed: a pupil of another class under the address of one's own."""
    return re.sub(r"/\d+(?=(/[^\d/]+)*$)", f"/{NOWHERE}", path)


@pytest.mark.parametrize("person", ["clerk", "it_officer", "math", "head_society", "outsider"])
def test_not_yours_and_not_there_read_the_same(person: str, hostile: Site) -> None:
    """As fragments, which hold the words and nothing of the frame, by those whose reach has an end."""
    client, told, asked = hostile(person), [], 0

    def ask(path: str, method: str) -> tuple[int, str, str]:
        return seen(client.open(path, method=method, headers={"HX-Request": "true"}))

    for method in ("GET", "POST"):
        for endpoint, path in addresses(hostile.app, method, per_argument=2):
            if twin(path) == path or endpoint.startswith(("setup.", "verification.")):
                continue
            real = ask(path, method)
            if real[0] not in (403, 404) or real in (ask(twin(path), method), ask(last_twin(path), method)):
                asked += real[0] in (403, 404)
                continue
            # Every task stands on the one page of the plan; elsewhere a thing's own page begins its address.
            parent = "/ke-hoach/" if path.startswith("/ke-hoach/viec/") else "/".join(path.split("/")[:3])
            if client.get(parent).status_code == 200:
                continue  # somebody who reads the page is told why the act is not theirs, or what is not there
            told.append((method, path, real[0]))
    assert told == []
    assert asked > 10


def test_a_stranger_learns_of_no_id(hostile: Site) -> None:
    client = hostile(None)
    for method in ("GET", "POST"):
        for endpoint, path in addresses(hostile.app, method, per_argument=1):
            rule = access_of(hostile.app.view_functions[endpoint])
            if twin(path) != path and rule is not None and rule.kind in ("permission", "signed_in"):
                real, none = client.open(path, method=method), client.open(twin(path), method=method)
                assert (real.status_code, none.status_code) == (303, 303)
                assert real.location.split("?")[0] == none.location.split("?")[0] == "/dang-nhap"


def test_ids_of_two_parents_do_not_mix(
    client_of: Callable[[str], FlaskClient], school_app: Flask, school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pupil of 6A under the address of 9A does not exist there, for its teacher or for the principal."""
    monkeypatch.setattr(clock, "now", lambda: school.now)
    foreign, own = school.enrollments["6A", "Nguyễn Hoài An"], school.classes["9A"]
    sheet = school.sheets["9A", "MATH", 2]
    for person in ("math", "principal"):
        client = client_of(person)
        assert client.get(f"/lop/{own}/hoc-sinh/{foreign}").status_code == 404
        assert client.get(f"/bang-diem/{sheet}/o/{foreign}/GK/lich-su").status_code == 404
    teacher = client_of("math")
    save = {"field": "conduct_1", "value": "T", "version": "0", "op": "op-12345678"}
    assert teacher.post(f"/lop/{own}/o/{foreign}", data=save).status_code == 404
    assert teacher.post(f"/bang-diem/{sheet}/o/{foreign}/GK", data={"value": "8", "version": "0"}).status_code == 404
    assert teacher.post(
        f"/lop/{own}/hoc-sinh/{foreign}/mien-hoc", data={"subject_id": "1", "reason": "x"}
    ).status_code in (404, 422)
    other = school.class_subjects["6A", "MATH"]
    moved = client_of("principal").post(
        f"/nguoi-dung/phan-cong/{own}/{other}", data={"person_id": school.people["other"]}
    )
    assert moved.status_code in (404, 409, 422)
