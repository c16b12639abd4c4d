"""The body of a webhook: JSON, or a form whose field ``payload`` holds the JSON, as GitHub and Gitea send by default.

Only the fields asked for are read; senders add new ones at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from bridge.errors import Refused

Body = TypeVar("Body")

_FORM = "application/x-www-form-urlencoded"
_NOTHING = frozenset({"0" * 40, "0" * 64})  # how Git hosts write that a reference is made or deleted


def read_body(decoder: msgspec.json.Decoder[Body], headers: Mapping[str, str], body: bytes) -> Body:
    """Decode the body of a delivery; ``headers`` have names in lower case.

    Raises:
        Refused: it is not JSON, or has not the fields that such an event has.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        body = _payload(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(f"the body is not what this event has: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the body is not JSON: {error}") from None
    except RecursionError:
        msg = "the body is nested too deeply"
        raise Refused(msg) from None


def revision_or_none(text: str | None) -> str | None:
    """A commit's hash; None for the zeros that stand for no commit."""
    return None if text is None or text in _NOTHING else text


def _payload(body: bytes) -> bytes:
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=8).get("payload", [])
    except ValueError:
        found = []
    if len(found) != 1:
        msg = "the body is a form without one field `payload`"
        raise Refused(msg)
    return found[0].encode("utf-8", "surrogateescape")
