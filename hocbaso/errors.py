"""What can go wrong in the school's own words. Pure: nothing here knows of HTTP, SQL or files.

Every error carries a Vietnamese sentence for the person in front of the screen (``str(error)``). One file in each
edge maps the classes to what that edge speaks: ``web/errors.py`` to status codes, ``cli/errors.py`` to exit codes.
"""

from __future__ import annotations


class DomainError(Exception):
    """Base of all refusals. ``message`` is a whole Vietnamese sentence; ``details`` are further lines."""

    def __init__(self, message: str, *, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFound(DomainError):
    """The thing does not exist, or this person may not know that it does (HTTP 404)."""


class NotAllowed(DomainError):
    """The person is known and the thing is visible, but the act is not theirs (HTTP 403)."""


class Invalid(DomainError):
    """The input has the wrong shape or value (HTTP 422). ``field`` names the input where there is one."""

    def __init__(self, message: str, *, field: str | None = None, details: tuple[str, ...] = ()) -> None:
        super().__init__(message, details=details)
        self.field = field


class WrongState(DomainError):
    """The act is not possible in the present state: locked, not yet reviewed, already signed (HTTP 409)."""


class Stale(DomainError):
    """Somebody else changed the value first (HTTP 409). ``current`` holds what stands now, for the person to choose."""

    def __init__(self, message: str, *, current: object = None) -> None:
        super().__init__(message)
        self.current = current


class Incomplete(WrongState):
    """Something must be filled in first (HTTP 409). ``gaps`` lists what, in a form the caller can link to."""

    def __init__(self, message: str, *, gaps: tuple[object, ...] = (), details: tuple[str, ...] = ()) -> None:
        super().__init__(message, details=details)
        self.gaps = gaps


class IntegrityFault(DomainError):
    """A stored thing is not what it was when it was stored: digest, chain or signature (HTTP 500, exit 1)."""


class Unavailable(DomainError):
    """A part outside the process does not answer: token, time-stamping authority, mail (HTTP 503)."""
