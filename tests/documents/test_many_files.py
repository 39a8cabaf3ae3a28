"""Many files instead of chosen ones: no good one is refused, no changed one is accepted (short; whole: ``make test-fuzz``)."""

from __future__ import annotations

import random
import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from hocbaso.documents import package, pades, xml_record, xml_signature
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.transcript_content import LevelTrack, SignerNote, TranscriptContent
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification import verify_file
from hocbaso.regulations.terms import Level, Sex, SubjectKind

from .conftest import NOW, PEOPLE, World, make_signers
from .extreme_cases import CASES, words
from .samples import content, history, replace, unsigned

FAMILY = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Ksor Y Giàng Thạch Sùng".split()
MIDDLE = "Thị Văn Đức Hữu Ngọc Quỳnh Bảo Phương Thuỵ Ỷ Ẵng Khuê Nhật Gia".split()
GIVEN = "An Ánh Bình Châu Đạt Hằng Hiền Khoẻ Lẫm Mỹ Nghĩa Oanh Phúc Quý Sửu Tuệ Uyên Vỹ Xuân Ý".split()
SPLIT = 10


def random_content(dice: random.Random) -> TranscriptContent:
    """A record that a school might issue: any grade, any scores, texts of any length that the paper takes."""

    def score() -> str:
        return f"{dice.randrange(101) / 10:.1f}" if dice.random() < 0.97 else "Miễn"

    def rows() -> Any:
        for row in base.subjects:
            scored = row.kind is SubjectKind.SCORED
            values = [score() if scored else dice.choice(("Đ", "CĐ")) for _ in range(3)]
            yield replace(
                row,
                semester_1=values[0],
                semester_2=values[1],
                year=values[2],
                remark=words(dice.choice((12, 40, 90, 200))) if dice.random() < 0.9 else None,
                teacher_name=person(),
            )

    def person() -> str:
        return " ".join((dice.choice(FAMILY), *dice.sample(MIDDLE, dice.randrange(3)), dice.choice(GIVEN)))

    def levels() -> LevelTrack:
        first, second, year = (dice.choice(list(Level)) for _ in range(3))
        return LevelTrack(semester_1=first, semester_2=second, year=year)

    if dice.random() < 0.25:
        base = CASES[dice.choice(sorted(CASES))]
    else:
        base = content(conduct=levels(), learning=levels(), study_history=history(dice.randrange(1, 5)))
        base = replace(base, subjects=tuple(rows()), homeroom_remark=words(dice.choice((30, 300, 900, 1900))))
    student = replace(
        base.student,
        full_name=person(),
        sex=dice.choice(list(Sex)),
        born_on=date(2010, 1, 1) + timedelta(days=dice.randrange(1800)),
    )
    return replace(
        base,
        record_uuid=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        school=content().school,  # whose seal signs here; an extreme case has a school of its own
        student=student,
        homeroom=SignerNote(name=PEOPLE["homeroom"][0], title="GIÁO VIÊN CHỦ NHIỆM", personal_id=PEOPLE["homeroom"][1]),
        principal=SignerNote(name=PEOPLE["principal"][0], title="HIỆU TRƯỞNG", personal_id=PEOPLE["principal"][1]),
    )


@pytest.mark.parametrize(
    ("seed", "n_files"),
    [pytest.param(0, 2, id="short")]
    + [pytest.param(seed, 1000 // SPLIT, id=f"whole-{seed}", marks=pytest.mark.fuzz) for seed in range(1, SPLIT + 1)],
)
def test_no_good_file_is_refused(world: World, seed: int, n_files: int) -> None:
    dice = random.Random(seed)
    crls = world.authority.crls(NOW)
    signers = make_signers(world.authority)
    for number in range(n_files):
        value = random_content(dice)
        pdf, xml = unsigned(value), xml_record.assemble(xml_record.build_data_zone(value))
        pdf = world.sign_all(pdf, signers)
        for role, signer in signers.items():
            xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
        for data, n_signatures in ((pdf, 3), (xml, 3), (package.build_package(pdf, xml, value.record_uuid), 6)):
            report = verify_file(data, world.roots, crls, NOW)
            assert report.ok, (seed, number, report.reasons)
            assert report.record_uuid == value.record_uuid and report.student_name == value.student.full_name
            assert sum(item.ok for item in report.signatures) == n_signatures


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(4))
def test_no_byte_of_a_signed_file_can_be_changed(world: World, seed: int) -> None:
    """2,000 places of the whole file, drawn evenly; every value that is not the one that stood there may come."""
    dice, data = random.Random(seed), world.pdf
    trust = Trust.of(world.roots, world.authority.crls(NOW), NOW)
    assert verify_pdf(data, trust, prove=False).ok
    assert len(pades.signature_spans(data)) == 3
    for place in dice.sample(range(len(data)), 500):
        changed = bytearray(data)
        changed[place] = (changed[place] + dice.randrange(1, 256)) % 256
        report = verify_pdf(bytes(changed), trust, prove=False)
        assert not report.ok, (place, data[place], changed[place])
        assert report.reasons
