"""Exports that live on issued transcripts: the Ministry's list, and statistics of frozen results."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from lxml import etree
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.services import exports, stored_documents, transcripts
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)


def test_the_ministrys_list_holds_each_sealed_record_byte_for_byte(issued: Cast) -> None:
    made = exports.export(issued.actor("principal"), "ministry", NOW, class_name="9A")
    root = etree.fromstring(made.data)
    records = list(db.session.scalars(select(m.TranscriptRecord)))
    sealed = [record for record in records if record.state in transcripts.SEALED and record.xml_digest]
    assert sealed and made.n_rows == len(sealed) == len(root)
    assert (root.tag, root.get("id")) == ("DANH_SACH_HOC_BA", "dataDanhSach")
    assert {child.get("id") for child in root} == {record.uuid for record in sealed}
    for record in sealed:
        assert stored_documents.read(record.xml_digest) in made.data


def test_the_ministrys_list_is_for_those_who_read_transcripts(issued: Cast) -> None:
    with pytest.raises(NotAllowed):
        exports.export(issued.actor("it_officer"), "ministry", NOW)
    with pytest.raises(NotFound):
        exports.export(issued.actor("head_society"), "ministry", NOW, class_name="9A")


def test_statistics_spread_the_frozen_results(issued: Cast) -> None:
    frozen = [json.loads(row.content) for row in db.session.scalars(select(m.FrozenResult))]
    rows = [
        json.loads(line)
        for line in exports.export(SYSTEM, "statistics", NOW, form="jsonl", class_name="9A").data.decode().splitlines()
    ]
    learning = next(row for row in rows if row["table"] == "Học tập theo lớp")
    said = Counter({"T": learning["Tốt"], "K": learning["Khá"], "Đ": learning["Đạt"], "CĐ": learning["Chưa đạt"]})
    assert +said == Counter(one["learning"]["after"] or one["learning"]["year"] for one in frozen)
    assert learning["Đã có kết quả"] == len(frozen) > 0
    subjects = {row["Môn học"]: row for row in rows if row["table"] == "Theo môn học"}
    assert len(subjects) == 12
    for name, row in subjects.items():
        assert row["Số học sinh"] == len(frozen)
        assert sum(
            value for key, value in row.items() if key not in ("table", "Khối", "Môn học", "Số học sinh")
        ) == len(frozen), name
