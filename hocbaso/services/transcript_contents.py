"""From a frozen result to the content of the paper: one student, one school year, and whose signatures it expects.

The marks come from the frozen result alone; the personal page from the profile, the study history and the school as they stand
when the record is built. What is built is fixed from then on (``documents.transcript_content``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Incomplete, Invalid
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.terms import Level, Promotion, Sex, SubjectKind
from hocbaso.services import frozen_results
from hocbaso.services.in_force import delegates, in_force


@dataclass(frozen=True, slots=True)
class Signers:
    """Whose signatures a record expects; fixed when it is built."""

    homeroom: tc.SignerNote
    principal: tc.SignerNote


def homeroom_person(class_group_id: int, today: date) -> m.Person:
    """The homeroom teacher of a class on a day; Incomplete when there is none."""
    row = db.session.scalar(
        select(m.HomeroomAssignment)
        .where(m.HomeroomAssignment.class_group_id == class_group_id, in_force(m.HomeroomAssignment, today))
        .order_by(m.HomeroomAssignment.starts_on.desc(), m.HomeroomAssignment.id.desc())
        .limit(1)
    )
    if row is None:
        raise Incomplete("Lớp chưa được phân công giáo viên chủ nhiệm nên chưa có người ký học bạ.")
    return row.person


def principal_person(today: date) -> m.Person | None:
    """Who is principal on a day."""
    row = db.session.scalar(
        select(m.RoleGrant)
        .where(m.RoleGrant.role == Role.PRINCIPAL.value, in_force(m.RoleGrant, today))
        .order_by(m.RoleGrant.starts_on.desc(), m.RoleGrant.id.desc())
        .limit(1)
    )
    return row.person if row is not None else None


def deputies(class_group: m.ClassGroup, today: date) -> list[m.Person]:
    """Who may sign for the principal (KT.) in this class on a day, by a delegation with scope and dates.

    Never its homeroom teacher, who signs first (``regulations/two_hands``).
    """
    keeps = db.session.scalar(
        select(m.HomeroomAssignment.person_id)
        .where(m.HomeroomAssignment.class_group_id == class_group.id, in_force(m.HomeroomAssignment, today))
        .limit(1)
    )
    rows = db.session.scalars(delegates(today))
    reach = {"school": None, "grade_level": class_group.grade_level, "class_group": class_group.id}
    found: dict[int, m.Person] = {}
    for row in rows:
        if (
            row.person_id != keeps
            and row.scope_kind in reach
            and (row.scope_kind == "school" or row.scope_id == reach[row.scope_kind])
        ):
            found[row.person_id] = row.person
    return list(found.values())


def signers_of(class_group: m.ClassGroup, today: date, deputy_person_id: int | None = None) -> Signers:
    """The homeroom teacher of the class, and the principal or the deputy who signs in the principal's place.

    Raises Incomplete when the school has nobody for a place, Invalid for a deputy without a delegation that reaches the class.
    """
    homeroom = homeroom_person(class_group.id, today)
    standing_in = deputies(class_group, today)
    principal = principal_person(today)
    if deputy_person_id is not None:
        chosen = next((person for person in standing_in if person.id == deputy_person_id), None)
        if chosen is None and deputy_person_id == homeroom.id:
            raise Invalid(
                f"{homeroom.full_name} là giáo viên chủ nhiệm của lớp, đã ký phần chủ nhiệm thì không ký thay Hiệu trưởng.",
                field="deputy",
            )
        if chosen is None:
            raise Invalid("Người này không có uỷ quyền ký thay Hiệu trưởng cho lớp này hôm nay.", field="deputy")
        person, title = chosen, tc.TITLE_DEPUTY
    elif principal is not None:
        person, title = principal, tc.TITLE_PRINCIPAL
    elif standing_in:
        person, title = standing_in[0], tc.TITLE_DEPUTY
    else:
        raise Incomplete("Trường chưa khai báo Hiệu trưởng hoặc người được uỷ quyền ký thay.")
    return Signers(
        homeroom=tc.SignerNote(
            name=homeroom.full_name, title="GIÁO VIÊN CHỦ NHIỆM", personal_id=homeroom.personal_id_number
        ),
        principal=tc.SignerNote(name=person.full_name, title=title, personal_id=person.personal_id_number),
    )


def school_block(school: m.School | None) -> tc.School:
    """The school as the paper names it. Incomplete lists what is still to be declared."""
    if school is None:
        raise Incomplete("Trường chưa được khai báo.")
    names = {
        "code": "mã trường",
        "department_code": "mã Sở",
        "department_name": "tên Sở",
        "commune": "xã, phường",
        "province": "tỉnh, thành phố",
        "place_name": "địa danh ghi trên học bạ",
        "lookup_url": "địa chỉ tra cứu học bạ",
    }
    missing = [words for field, words in names.items() if not getattr(school, field)]
    if missing:
        raise Incomplete("Trường còn thiếu thông tin để lập học bạ: " + ", ".join(missing) + ".", gaps=tuple(missing))
    return tc.School(
        name=_text(school.name) or "",
        code=school.code or "",
        department_code=school.department_code or "",
        department_name=_text(school.department_name) or "",
        commune=with_kind(school.commune_kind, _text(school.commune) or ""),
        province=with_kind(school.province_kind, _text(school.province) or ""),
        place_name=_text(school.place_name) or "",
        lookup_url=school.lookup_url or "",
    )


def with_kind(kind: str, name: str) -> str:
    """``Xã Đồng Sen``, whether or not the name was entered with its kind."""
    return name if name.casefold().startswith(kind.casefold() + " ") else f"{kind} {name}"


def _text(value: str | None) -> str | None:
    return tc.nfc(value)


def _family(name: str | None, job: str | None) -> tc.FamilyMember | None:
    name = _text(name)
    return tc.FamilyMember(name=name, occupation=_text(job)) if name else None


def student_block(student: m.Student) -> tc.Student:
    """The personal page, as the profile stands now."""
    return tc.Student(
        full_name=_text(student.full_name) or "",
        sex=Sex(student.sex),
        born_on=student.birth_on,
        birth_place=_text(student.birth_place),
        ethnicity=_text(student.ethnicity),
        nationality=_text(student.nationality) or "Việt Nam",
        home_town=_text(student.home_town),
        address=_text(student.address),
        policy_category=_text(student.policy_category),
        personal_id=student.personal_id_number,
        moet_code=student.moet_code,
        register_no=_text((student.register_no or "").removesuffix("/THCS")),  # the form prints the suffix
        height_cm=str(student.height_cm) if student.height_cm else None,
        weight_kg=str(student.weight_kg) if student.weight_kg else None,
        father=_family(student.father_name, student.father_job),
        mother=_family(student.mother_name, student.mother_job),
        guardian=_family(student.guardian_name, student.guardian_job),
    )


class YearElsewhere(Protocol):
    """A year at another school: a row of ``StudyHistory``, or one that a request would make."""

    @property
    def year_label(self) -> str: ...
    @property
    def class_name(self) -> str: ...
    @property
    def school_name(self) -> str: ...
    @property
    def arrived_on(self) -> date | None: ...


_YearKey = tuple[str, str, str]


def rows_elsewhere(years: Iterable[YearElsewhere], until_label: str) -> dict[_YearKey, tc.StudyHistoryRow]:
    """The lines that years elsewhere make on the record of a school year, by year, class and school."""
    rows: dict[_YearKey, tc.StudyHistoryRow] = {}
    for past in years:
        if past.year_label <= until_label:
            row = tc.StudyHistoryRow(
                school_year=past.year_label,
                class_name=_text(past.class_name) or "",
                school_name=_text(past.school_name) or "",
                moved_in_on=past.arrived_on,
            )
            rows[row.school_year, row.class_name, row.school_name] = row
    return rows


def years_elsewhere(student_ids: Iterable[int]) -> dict[int, list[m.StudyHistory]]:
    """The years elsewhere that stand in these profiles, by pupil; who has none is left out."""
    found: dict[int, list[m.StudyHistory]] = {}
    for row in db.session.scalars(
        select(m.StudyHistory).where(
            m.StudyHistory.student_id.in_(list(student_ids)), m.StudyHistory.struck_at.is_(None)
        )
    ):
        found.setdefault(row.student_id, []).append(row)
    return found


def study_history(
    student_id: int, until: m.SchoolYear, school: tc.School, elsewhere: Iterable[YearElsewhere] | None = None
) -> tuple[tc.StudyHistoryRow, ...]:
    """QUÁ TRÌNH HỌC TẬP up to and with a year: years elsewhere from StudyHistory (or as given), years here from Enrollment."""
    if elsewhere is None:
        elsewhere = years_elsewhere([student_id]).get(student_id, ())
    rows = rows_elsewhere(elsewhere, until.label)
    here = db.session.execute(
        select(
            m.SchoolYear.label, m.SchoolYear.starts_on, m.ClassGroup.name, m.Enrollment.status, m.Enrollment.joined_on
        )
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id == student_id,
            m.SchoolYear.starts_on <= until.starts_on,
            m.Enrollment.status != EnrollmentStatus.MOVED.value,  # the year is told by the class the pupil was put into
        )
    )
    place = f"{school.commune}, {school.province}"
    for label, _starts_on, class_name, status, joined_on in here:
        row = tc.StudyHistoryRow(
            school_year=label,
            class_name=class_name,
            school_name=school.name,
            place=place,
            moved_in_on=joined_on if status == "transferred_in" else None,
        )
        rows[row.school_year, row.class_name, row.school_name] = row
    return tuple(rows[key] for key in sorted(rows))


# --- the whole ----------------------------------------------------------------------------------------------------------


def content_from_frozen(
    frozen: Mapping[str, Any],
    enrollment: m.Enrollment,
    signers: Signers,
    *,
    record_uuid: str,
    issue_on: date,
    built_at: datetime,
    replaces_uuid: str | None = None,
    student: m.Student | None = None,
    elsewhere: Iterable[YearElsewhere] | None = None,
) -> tc.TranscriptContent:
    """The content of a record from a frozen result (``frozen_results.frozen_content``), the student's profile and the signers.

    ``student`` and ``elsewhere``: another profile and other years elsewhere than the standing ones, for a preview.

    Raises Incomplete when the school is not fully declared, Invalid when a value cannot stand on the form.
    """
    school_row = db.session.get(m.School, 1)
    school = school_block(school_row)
    year = enrollment.class_group.school_year
    outcome = Promotion(frozen["promotion"]["outcome"])
    completion = frozen["completion"]
    return tc.TranscriptContent(
        record_uuid=record_uuid,
        replaces_uuid=replaces_uuid,
        school=school,
        school_year=frozen["school_year"],
        class_name=frozen["class_name"],
        grade_level=frozen["grade_level"],
        student=student_block(student or enrollment.student),
        subjects=tuple(_subject(row) for row in frozen["subjects"]),
        homeroom=signers.homeroom,
        principal=signers.principal,
        issue_on=issue_on,
        issue_place=school.place_name,
        built_at=built_at.astimezone(UTC).replace(microsecond=0),
        study_history=study_history(enrollment.student_id, year, school, elsewhere),
        conduct=_levels(frozen["conduct"]),
        learning=_levels(frozen["learning"]),
        absences=_absences(frozen["absences"]),
        promotion=promotion_of(frozen, frozen["grade_level"]),
        completion=None
        if completion is None or outcome in _UNSETTLED
        else (tc.COMPLETED if completion else tc.NOT_COMPLETED),
        certificates=tuple(
            tc.CertificateNote(name=name, grade=_text(row["grade"]))
            for row in frozen["certificates"]
            if (name := _text(row["name"]))
        ),
        competitions=_texts(frozen["competitions"]),
        awards=_texts(frozen["awards"]),
        homeroom_remark=_text(frozen["homeroom_remark"]),
        principal_remark=_text(frozen["principal_remark"]),
        corrections=_corrections(frozen.get("corrections")),
        demo=bool(school_row and school_row.is_demo),
    )


_UNSETTLED = (Promotion.REASSESS, Promotion.SUMMER_TRAINING, Promotion.DECISION_NEEDED, Promotion.INCOMPLETE)
"""Outcomes after which the summer or a decision is still to come: the form's line stays empty."""


def _corrections(row: Mapping[str, Any] | None) -> tc.CorrectionNote:
    if row is None:
        return tc.CorrectionNote()
    return tc.CorrectionNote(n_places=row["n_places"], subject_names=_texts(row["subject_names"]))


def _subject(row: Mapping[str, Any]) -> tc.SubjectRow:
    return tc.SubjectRow(
        code=row["code"],
        name=_text(row["name"]) or "",
        kind=SubjectKind(row["kind"]),
        semester_1=row["semester_1"],
        semester_2=row["semester_2"],
        year=row["year"],
        after_reassessment=row["after_reassessment"],
        remark=_text(row["remark"]),
        teacher_name=_text(row["teacher_name"]),
    )


def _levels(row: Mapping[str, Any]) -> tc.LevelTrack:
    level = {
        name: Level(row[name]) if row.get(name) else None for name in ("semester_1", "semester_2", "year", "after")
    }
    return tc.LevelTrack(
        **level,
        semester_1_adjusted=row.get("semester_1_adjusted", False),
        semester_2_adjusted=row.get("semester_2_adjusted", False),
        year_adjusted=row.get("year_adjusted", False),
    )


def _absences(row: Mapping[str, Any]) -> tc.AbsenceTrack:
    terms = {
        name: tc.Absence(excused=row[name]["excused"], unexcused=row[name]["unexcused"])
        if row[name]["excused"] is not None and row[name]["unexcused"] is not None
        else None
        for name in ("semester_1", "semester_2", "year")
    }
    return tc.AbsenceTrack(**terms)


def _texts(rows: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for row in rows if (text := _text(row)))


def is_decided(frozen: Mapping[str, Any]) -> bool:
    """Whether the conclusion of a frozen year is the principal's decision, and not one that the rule drew beside it."""
    for one in frozen["decisions"]:
        if one["kind"] != "promotion":
            continue
        if "counts" in one:
            return bool(one["counts"])
        # Frozen before decisions said so: it counted only where the circular draws no conclusion.
        is_open = frozen["student"]["inclusive_disability"] or frozen["learning"]["year"] is None
        return bool(is_open and one["outcome"] == frozen["promotion"]["outcome"])
    return False


def promotion_of(frozen: Mapping[str, Any], grade_level: int) -> tc.PromotionNote:
    """The three lines of a frozen year."""
    return promotion_note(
        Promotion(frozen["promotion"]["outcome"]),
        grade_level,
        is_summer=frozen_results.is_by_summer(frozen),
        decided=is_decided(frozen),
    )


def promotion_note(outcome: Promotion, grade_level: int, *, is_summer: bool, decided: bool = False) -> tc.PromotionNote:
    """What is written on the three lines beside the level table (Art. 12). Grade 9 has its own line (completion)."""
    promoted = outcome in (Promotion.PROMOTED, Promotion.COMPLETED)
    words = f"Lên lớp {grade_level + 1}" if grade_level < 9 else None
    if words and decided and promoted:
        words += " theo quyết định của Hiệu trưởng"
    return tc.PromotionNote(
        outcome=outcome,
        promoted=words if promoted and not is_summer else None,
        promoted_after=words if promoted and is_summer else None,
        retained=f"Ở lại lớp {grade_level}" if outcome is Promotion.RETAINED else None,
    )
