"""The XML zone says everything the content says, in one byte form."""

from __future__ import annotations

from datetime import date

import pytest

from hocbaso.documents import xml_record
from hocbaso.documents.transcript_content import CertificateNote, CorrectionNote, PromotionNote
from hocbaso.errors import Invalid

from .samples import content, replace


def test_zone_reads_back_without_loss() -> None:
    value = content()
    full = replace(
        value,
        grade_level=7,
        completion=None,
        replaces_uuid="11111111-2222-4333-8444-555555555555",
        corrections=CorrectionNote(n_places=2, subject_names=("Toán học", "Ngữ văn")),
        certificates=(CertificateNote(name="Tin học cơ bản", grade="Khá"), CertificateNote(name="Bơi")),
        promotion=PromotionNote(promoted_after="Lớp 8"),
        homeroom_remark='Dòng một & "hai" <b>\nDòng ba',
        student=replace(
            value.student, father=None, mother=None, guardian=replace(value.student.mother, occupation=None)
        ),
        conduct=replace(value.conduct, semester_1=None, year_adjusted=True),
        absences=replace(value.absences, semester_2=None),
    )
    for one in (value, full, replace(value, study_history=(), awards=(), competitions=())):
        zone = xml_record.build_data_zone(one)
        assert xml_record.parse_data_zone(zone) == one
        assert xml_record.build_data_zone(one) == zone


def test_tags_follow_the_ministry_and_a_missing_value_omits_its_tag() -> None:
    zone = xml_record.build_data_zone(content()).decode()
    for tag in ("PHIEN_BAN", "MA_TRA_CUU_UUID", "THONG_SO_BUOI_NGHI_KHONG_PHEP", "MA_MON_HOC", "NHAN_XET_GVCN"):
        assert f"<{tag}>" in zone
    assert "HO_VA_TEN_NGUOI_GIAM_HO" not in zone
    assert "<NGAY_SINH>2011-08-14</NGAY_SINH>" in zone


def test_assembled_record_comes_apart_again() -> None:
    value = replace(content(), issue_on=date(2026, 1, 2))
    data = xml_record.assemble(xml_record.build_data_zone(value))
    parts = xml_record.take_apart(data)
    assert parts.content == value and parts.signatures == ()


@pytest.mark.parametrize(
    "old,new",
    [
        (b"<CA_NAM>8.2</CA_NAM>", b"<CA_NAM>8.20</CA_NAM>"),
        (b"<CA_NAM>8.2</CA_NAM>", b"<CA_NAM>8.2</CA_NAM><CA_NAM>9.2</CA_NAM>"),
        (b"<BANG_DIEM>", b"<BANG_DIEM> "),
        (b"<BANG_DIEM>", b"<BANG_DIEM><!-- x -->"),
        (b"<TEN_LOP>9A", b"<TEN_LOP x='1'>9A"),
        (b"<HOC_BA ", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><HOC_BA "),
        (b'<HOC_BA id="7c', b'<HOC_BA id="8c'),
        (b"</HOC_BA>", b"</HOC_BA>\n"),
    ],
)
def test_a_record_that_is_not_exactly_as_written_is_refused(old: bytes, new: bytes) -> None:
    data = xml_record.assemble(xml_record.build_data_zone(content()))
    assert old in data
    with pytest.raises(Invalid):
        xml_record.take_apart(data.replace(old, new, 1))
