"""What a check found, as plain values: one verdict a signature and one for the whole. Light: pages and commands import it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

UNKNOWN_ISSUER = "Không biết nơi cấp chứng thư: chưa có chứng thư gốc tin cậy để đối chiếu."
STRANGER = (
    "Không rõ nơi cấp chữ ký: khoá này không nằm trong số khoá mà trường tin cậy. Ai cũng tự làm được một chữ ký mang "
    "đúng tên như thế, nên chưa thể tin tệp này."
)
ALTERED = "Nội dung tệp đã bị thay đổi sau khi ký."
TWIN = (
    "Giá trị chữ ký bị đổi sang một dạng khác mà trường không bao giờ ghi: đây không phải tệp gốc. Nội dung chưa chắc bị sửa; hãy xin lại tệp của "
    "nhà trường."
)
EXPIRED = "Chứng thư của người ký đã hết hạn."
STATUS_UNKNOWN = "Ở đây không có danh sách thu hồi còn hạn của nơi cấp nên chưa biết chứng thư này có bị thu hồi không."
EXCEL = "Đây là tệp Excel, không phải học bạ."
PICTURE = "Đây là ảnh, không phải tệp học bạ: ảnh không mang chữ ký số."
UNREADABLE = "Tệp bị hỏng hoặc không phải học bạ số."


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """One signature. ``role`` is ``homeroom``, ``principal`` or ``seal``; ``reasons`` are Vietnamese sentences why not.

    ``notes`` speak neither for nor against: what could not be compared here. ``signer_number`` and ``signer_place`` are an organisation's: by them people tell two schools of one name apart.
    """

    role: str
    ok: bool
    signer_name: str = ""
    signer_organisation: str = ""
    signed_at: datetime | None = None
    issuer: str = ""
    serial: str = ""
    fingerprint: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    level: str = "B-B"
    stamped_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    signer_number: str = ""
    signer_place: str = ""

    @property
    def signer(self) -> str:
        """The signer's name, with an organisation's number and place."""
        more = ", ".join(filter(None, (self.signer_number and f"mã số {self.signer_number}", self.signer_place)))
        return f"{self.signer_name} ({more})" if more else self.signer_name


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The whole file. ``kind`` is ``pdf``, ``xml``, ``package``, ``qr``, ``report``, ``keys`` or ``unknown``; ``problems`` concern the file as a whole.

    The facts of the record (``record_uuid`` to ``school_name``) are given only when the data zone could be read; they are
    proven only when ``ok``. ``level`` is the lowest of a PDF's signatures, ``stamped_at`` its document time stamps, oldest first;
    ``proof_ends_at`` is when the certificate behind the newest of them ends.
    """

    ok: bool
    kind: str
    signatures: tuple[SignatureVerdict, ...] = ()
    record_uuid: str | None = None
    replaces_uuid: str | None = None
    student_name: str | None = None
    born_on: str | None = None
    class_name: str | None = None
    school_year: str | None = None
    school_name: str | None = None
    demo: bool = False
    content_digest: str | None = None
    level: str | None = None
    stamped_at: tuple[datetime, ...] = ()
    proof_ends_at: datetime | None = None
    problems: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    """SHA-256 (hex) of the files in a package."""
    details: dict[str, Any] | None = None
    """What a QR's summary or a signed report says beside the facts of the record."""

    @property
    def is_altered(self) -> bool:
        """Some signature's own arithmetic says that other bytes were signed: before every other finding, which may only follow from it.

        Not so when a stranger's signature does hold: then the file is as that stranger made it.
        """
        changed = [ALTERED in item.reasons for item in self.signatures]
        made = any(STRANGER in item.reasons and ALTERED not in item.reasons for item in self.signatures)
        return any(changed) and not made

    @property
    def is_by_stranger(self) -> bool:
        """Somebody signed with a key of an issuer that is not trusted here, whatever else is wrong; not a file that was changed since."""
        return not self.is_altered and not {STRANGER, UNKNOWN_ISSUER}.isdisjoint(self.reasons)

    @property
    def is_undecided(self) -> bool:
        """Every signature holds and nothing speaks against the file but that no root of the issuer is trusted here: neither good nor forged."""
        told = [item.reasons for item in self.signatures if not item.ok]
        return not self.ok and not self.problems and bool(told) and all(one == (UNKNOWN_ISSUER,) for one in told)

    @property
    def lacks_status(self) -> bool:
        """Of some signer nobody here can say whether the certificate was revoked."""
        return any(STATUS_UNKNOWN in item.notes for item in self.signatures)

    @property
    def reasons(self) -> tuple[str, ...]:
        """All sentences that speak against the file, without repetition; that it was changed comes first."""
        first = (ALTERED,) if self.is_altered else ()
        return tuple(
            dict.fromkeys([*first, *self.problems, *(line for item in self.signatures for line in item.reasons)])
        )

    def to_plain(self) -> dict[str, Any]:
        """JSON-ready dictionary; instants in ISO 8601 UTC."""

        def plain(value: Any) -> Any:
            if isinstance(value, datetime):
                return value.isoformat().replace("+00:00", "Z")
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items()}
            if isinstance(value, (list, tuple)):
                return [plain(item) for item in value]
            return value

        return plain(dataclasses.asdict(self))


def altered_first(reasons: Iterable[str]) -> tuple[str, ...]:
    """One signature's sentences without repetition, that the file was changed before all others."""
    return tuple(sorted(dict.fromkeys(reasons), key=lambda line: line != ALTERED))


def report_from_plain(data: dict[str, Any]) -> VerificationReport:
    """Read back ``VerificationReport.to_plain`` (what a worker or a stored result gives)."""

    def when(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    times = ("signed_at", "valid_from", "valid_until", "stamped_at")
    verdicts = tuple(
        SignatureVerdict(
            **{
                **item,
                **{name: when(item[name]) for name in times},
                "reasons": tuple(item["reasons"]),
                "notes": tuple(item.get("notes", ())),
            }
        )
        for item in data["signatures"]
    )
    stamped_at = tuple(datetime.fromisoformat(text) for text in data["stamped_at"])
    return VerificationReport(
        **{
            **data,
            "signatures": verdicts,
            "problems": tuple(data["problems"]),
            "parts": tuple(data.get("parts", ())),
            "stamped_at": stamped_at,
            "proof_ends_at": when(data["proof_ends_at"]),
        }
    )
