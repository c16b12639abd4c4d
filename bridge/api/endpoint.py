"""One call of the API: its row in the table of calls, and what its handler is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import msgspec
from aiohttp import web

from bridge.api.auth import Client
from bridge.api.parameters import Parameter, Query
from bridge.api.problems import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem, ProblemType
from bridge.api.wiring import ApiWiring
from bridge.formats.scopes import ScopeVerb

LARGEST_BODY = 1024 * 1024  # bytes


class Call(NamedTuple):
    """A request whose client and query were checked."""

    request: web.Request
    client: Client
    query: Query
    wiring: ApiWiring


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, as the description of the API shows it."""

    description: str
    example: object = None
    content_type: str | None = "application/json"  # None: no body
    headers: Mapping[str, str] = field(default_factory=dict)  # name to description


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the table of calls. ``verb`` None: open to everybody."""

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    verb: ScopeVerb | None
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: type[msgspec.Struct] | None = None
    body_example: object = None
    takes_key: bool = False  # Idempotency-Key
    error_member: str | None = None  # where this call's one client looks for the text of an error
    problems: tuple[ProblemType, ...] = ()  # beyond those that every call may answer


async def read_json_body(request: web.Request) -> bytes:
    """The bytes of a JSON body of at most 1 MiB, whether its length was announced or not.

    Raises:
        Problem: another media type, a coding (so that nothing here unpacks a bomb), or too large.
    """
    media_type = request.headers.get("Content-Type", "")
    if media_type != "application/json" and not _is_json(media_type):
        detail = f"Content-Type: expected application/json in UTF-8, got {media_type[:80]!r}."
        raise Problem(UNSUPPORTED_MEDIA_TYPE, detail, "Content-Type", {"Accept": "application/json"})
    refuse_codings(request)
    if (request.content_length or 0) > LARGEST_BODY:
        raise Problem(BODY_TOO_LARGE, "The body is larger than 1 MiB, the most that is taken.")
    return await request.read()


def refuse_codings(request: web.Request) -> None:
    """Refuse a packed body: nothing here unpacks a bomb."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        detail = f"Content-Encoding: bodies are taken as they are, not as {coding[:40]!r}."
        raise Problem(UNSUPPORTED_MEDIA_TYPE, detail, "Content-Encoding", {"Accept-Encoding": "identity"})


def json_answer(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer whose body is JSON already."""
    fields = {"Content-Type": "application/json"}
    if headers:
        fields.update(headers)
    return web.Response(body=body, status=status, headers=fields)


def _is_json(media_type: str) -> bool:
    essence, *parameters = media_type.split(";")
    if essence.strip().lower() != "application/json":
        return False
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            return False
    return True
