"""Errors are named by what happens next.

DeploybridgeError
├─ Refused            the caller must change the request        -> 4xx, exit 2
├─ Unavailable        retry with backoff (``retry_after``)      -> intake waits, 503, exit 3
├─ Stalled            retrying is useless until a human acts    -> health "degraded", the task parks
└─ InvariantBroken    our bug, or a log that was tampered with  -> stop before writing more, exit 70
"""

from __future__ import annotations

from datetime import timedelta


class DeploybridgeError(Exception):
    """Its text is meant for the user: what was tried, on what, and the next step. It never holds a secret."""


class Refused(DeploybridgeError):  # noqa: N818 - named by what happens next
    """The request, file or argument must change. ``field`` names the part at fault, if there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unavailable(DeploybridgeError):  # noqa: N818
    """It may work later: the caller retries with backoff, no sooner than ``retry_after`` where that is known."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Stalled(DeploybridgeError):  # noqa: N818
    """Nothing but a human's act helps: wrong credentials, a missing repository. Retried seldom, shown at once."""


class InvariantBroken(DeploybridgeError):  # noqa: N818
    """A promise of this program does not hold; nothing more is written."""
