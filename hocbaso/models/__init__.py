"""All tables. Import from here so that the metadata is complete."""

from hocbaso.models.accounts import Account, AddressAttempts, ResetRequest, UserSession
from hocbaso.models.anomaly_questions import AnomalyQuestion
from hocbaso.models.audit import AuditEntry, AuditSnapshot, JobRun, MachineState
from hocbaso.models.blind_checks import BlindCheck, BlindChecker, BlindDraw
from hocbaso.models.certificates import Certificate, InstanceKey, InstanceKeyStatement, TrustRoot
from hocbaso.models.corrections import (
    ConclusionCase,
    CorrectionEvidence,
    CorrectionItem,
    CorrectionRequest,
    CorrectionStep,
)
from hocbaso.models.data_quality import DistinctPair, IdentityCheck, QualityFigure
from hocbaso.models.help_requests import HelpMessage, HelpRequest, TourSeen
from hocbaso.models.imports import ImportBatch
from hocbaso.models.notices import DailyLook, Notice
from hocbaso.models.people import HomeroomAssignment, Person, RoleGrant, TeachingAssignment
from hocbaso.models.recalls import RecallList, RecallRequest
from hocbaso.models.remark_phrases import RemarkPhrase
from hocbaso.models.results import (
    ClassStep,
    FrozenResult,
    HomeroomRecord,
    MonthAbsence,
    PrincipalDecision,
    SummerResult,
)
from hocbaso.models.school import (
    ClassGroup,
    ClassSubject,
    School,
    SchoolYear,
    SemesterWindow,
    Subject,
    SubjectGroup,
    YearTurn,
)
from hocbaso.models.school_plan import (
    Announcement,
    AnnouncementMail,
    AnnouncementRead,
    BoardTask,
    BoardTaskFile,
    InventoryItem,
    TrainingAttendance,
    TrainingSession,
)
from hocbaso.models.scores import ScoreCell, ScoreCellVersion, ScoreSheet, SheetReadBack, SheetStep
from hocbaso.models.students import (
    Enrollment,
    Exemption,
    ExemptionRevocation,
    InheritedResult,
    Movement,
    Student,
    StudentPhoto,
    StudyHistory,
)
from hocbaso.models.transcripts import (
    DocumentProof,
    Rehearsal,
    SignerLook,
    SigningBatch,
    SigningBatchItem,
    StoredDocument,
    TranscriptRecord,
    TranscriptSignature,
)

__all__ = [
    "Account",
    "AddressAttempts",
    "Announcement",
    "AnnouncementMail",
    "AnnouncementRead",
    "AnomalyQuestion",
    "AuditEntry",
    "AuditSnapshot",
    "BlindCheck",
    "BlindChecker",
    "BlindDraw",
    "BoardTask",
    "BoardTaskFile",
    "Certificate",
    "ClassGroup",
    "ClassStep",
    "ClassSubject",
    "ConclusionCase",
    "CorrectionEvidence",
    "CorrectionItem",
    "CorrectionRequest",
    "CorrectionStep",
    "DailyLook",
    "DistinctPair",
    "DocumentProof",
    "Enrollment",
    "Exemption",
    "ExemptionRevocation",
    "FrozenResult",
    "HelpMessage",
    "HelpRequest",
    "HomeroomAssignment",
    "HomeroomRecord",
    "IdentityCheck",
    "ImportBatch",
    "InheritedResult",
    "InstanceKey",
    "InstanceKeyStatement",
    "InventoryItem",
    "JobRun",
    "MachineState",
    "MonthAbsence",
    "Movement",
    "Notice",
    "Person",
    "PrincipalDecision",
    "QualityFigure",
    "RecallList",
    "RecallRequest",
    "Rehearsal",
    "RemarkPhrase",
    "ResetRequest",
    "RoleGrant",
    "School",
    "SchoolYear",
    "ScoreCell",
    "ScoreCellVersion",
    "ScoreSheet",
    "SemesterWindow",
    "SheetReadBack",
    "SheetStep",
    "SignerLook",
    "SigningBatch",
    "SigningBatchItem",
    "StoredDocument",
    "Student",
    "StudentPhoto",
    "StudyHistory",
    "Subject",
    "SubjectGroup",
    "SummerResult",
    "TeachingAssignment",
    "TourSeen",
    "TrainingAttendance",
    "TrainingSession",
    "TranscriptRecord",
    "TranscriptSignature",
    "TrustRoot",
    "UserSession",
    "YearTurn",
]
