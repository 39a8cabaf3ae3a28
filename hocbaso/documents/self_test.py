"""A whole transcript made, signed three times and judged, with a throw-away test authority: does this machine still do it?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fontTools.ttLib import TTFont

from hocbaso.documents import instance_keys, issuing
from hocbaso.documents.pades import Mark
from hocbaso.documents.signers import imported
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.transcript_content import (
    School,
    SignerNote,
    Student,
    SubjectRow,
    TranscriptContent,
    to_canonical_json,
)
from hocbaso.documents.verification import verify_file
from hocbaso.errors import DomainError
from hocbaso.regulations.terms import Sex, SubjectKind

_FONTS = Path(__file__).resolve().parent.parent.parent / "static" / "fonts" / "pdf"
LETTERS = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
_PIN, _SECRET = "10203040", b"chi dung de thu may nay, khong giu"


def run(now: datetime) -> list[tuple[str, str, str]]:
    """(check, level, Vietnamese message) of the fonts and of a trial transcript; level is ``ok`` or ``bad``."""
    return [_fonts(), _trial(now.astimezone(UTC).replace(microsecond=0))]


def _fonts() -> tuple[str, str, str]:
    check = "Phông chữ của học bạ"
    files = sorted(_FONTS.glob("*.ttf"))
    missing = {
        letter
        for path in files
        for letter in LETTERS + LETTERS.upper()
        if ord(letter) not in TTFont(path).getBestCmap()
    }
    if not files or missing:
        return check, "bad", f"Thiếu chữ {''.join(sorted(missing)) or 'và phông'}; cài lại phần mềm."
    return check, "ok", f"{len(files)} phông, đủ chữ tiếng Việt."


def _trial(now: datetime) -> tuple[str, str, str]:
    check = "Lập, ký và kiểm tra thử"
    try:
        authority = TestAuthority.create(now - timedelta(hours=1))
        faces = issuing.build_faces(
            to_canonical_json(_content(now)), instance_keys.key_to_bytes(instance_keys.new_key())
        )
        pdf, xml = faces.pdf, issuing.unsigned_record(faces.data_zone)
        crls = authority.crls(now - timedelta(minutes=30))
        roots = (authority.root_pem,)
        for role, name in (("homeroom", "Trần Thử"), ("principal", "Lê Thử"), ("seal", "Trường thử")):
            key, chain = authority.issue(name, now=now, organisation="Trường thử")
            sealed = imported(key, chain, owner=role, pin=_PIN, server_secret=_SECRET)
            step = issuing.sign_step(
                pdf,
                xml,
                role,
                issuing.SealedKey(sealed.envelope, chain, _PIN, _SECRET),
                at=now,
                mark=Mark(name=name, place="Nơi thử"),
                roots=roots,
                crls=crls,
            )
            pdf, xml = step.pdf, step.xml
        reports = [verify_file(data, list(roots), list(crls), now) for data in (pdf, xml)]
    except DomainError as problem:
        return check, "bad", problem.message
    finally:
        issuing.forget_keys()
    bad = [reason for report in reports if not report.ok for reason in report.reasons]
    if bad:
        return check, "bad", " ".join(bad[:3])
    return check, "ok", "Ba chữ ký PAdES và ba chữ ký XML, đều được chấp nhận."


def _content(now: datetime) -> TranscriptContent:
    return TranscriptContent(
        record_uuid="00000000-0000-4000-8000-000000000000",
        school=School(
            name="Trường thử",
            code="00000000",
            department_code="00",
            department_name="Nơi thử",
            commune="Xã thử",
            province="Tỉnh thử",
            place_name="Nơi thử",
            lookup_url="http://127.0.0.1/xac-thuc",
        ),
        school_year="2025-2026",
        class_name="9A",
        grade_level=9,
        student=Student(
            full_name="Nguyễn Thử",
            sex=Sex.MALE,
            born_on=date(2011, 1, 1),
            birth_place="Nơi thử",
            ethnicity="Kinh",
            home_town="Nơi thử",
            address="Nơi thử",
            personal_id="036211000000",
        ),
        subjects=(
            SubjectRow(
                code="MATH",
                name="Toán học",
                kind=SubjectKind.SCORED,
                semester_1="8.0",
                semester_2="8.0",
                year="8.0",
                remark=None,
                teacher_name="Trần Thử",
            ),
        ),
        homeroom=SignerNote(name="Trần Thử", title="GIÁO VIÊN CHỦ NHIỆM", personal_id="036180000000"),
        principal=SignerNote(name="Lê Thử", title="HIỆU TRƯỞNG", personal_id="036170000000"),
        issue_on=now.date(),
        issue_place="Nơi thử",
        built_at=now,
        demo=True,
    )
