"""What an API server refuses, in the words of what happens next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from bridge.errors import Stalled, Unavailable

_FUTURE = (
    "Too large resource version"  # the version asked for is yet to come: the cluster was restored, or is another one
)
_LONGEST_SHOWN = 300  # characters of the server's own words


class Gone(Unavailable):
    """The asked-for resourceVersion or continue token is no longer known (410), or not yet: list again."""


class Rejected(Stalled):
    """The server will not answer this request until something changes; ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Status(msgspec.Struct):
    """The body of a refusal, and the object of an ERROR event: ``v1.Status``."""

    code: int = 0
    reason: str = ""
    message: str = ""


_decoder = msgspec.json.Decoder(Status)


def read_status(body: bytes) -> Status:
    """The refusal's own words; an empty status where the body is something else (a proxy's page, say)."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return Status()


def failure(status: int, body: bytes, headers: Mapping[str, str], what: str) -> Unavailable | Stalled:
    """The error for an answer of 400 and above; ``what`` says what was tried."""
    said = read_status(body)
    words = f"{what}: {status} {said.reason}".rstrip() + (f": {said.message[:_LONGEST_SHOWN]}" if said.message else "")
    match status:
        case 410:
            return Gone(words)
        case 504 if _FUTURE in said.message:
            return Gone(words)
        case 401:
            return Rejected(f"{words}: the credentials are not accepted; check the token or certificate", status)
        case 403:
            return Rejected(f"{words}: allow get, list and watch in the role, or leave the kind out", status)
        case 404:
            return Rejected(f"{words}: the cluster does not serve this kind", status)
        case 408 | 429:
            return Unavailable(words, retry_after=_retry_after(headers))
        case _ if status >= 500:  # noqa: PLR2004 - the class of server errors
            return Unavailable(words, retry_after=_retry_after(headers))
        case _:
            return Rejected(words, status)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Seconds only: API servers send no dates."""
    text = headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else None  # noqa: PLR2004
