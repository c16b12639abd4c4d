"""What goes wrong, as RFC 9457 ``application/problem+json``: one table of types, one way to answer.

The ``type`` of a problem is stable; programs branch on it. ``detail`` is for people and may be reworded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from aiohttp import web

from bridge.errors import DeploybridgeError, Refused, Stalled, Unavailable

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row of the table: the last part of the ``type`` URI, the status and the title."""

    slug: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The stable identifier that programs compare."""
        return f"urn:deploybridge:problem:{self.slug}"


INVALID_BODY = ProblemType("invalid-body", 400, "The body is not what this call takes")
INVALID_PARAMETER = ProblemType("invalid-parameter", 400, "A query parameter is not what this call takes")
INVALID_HEADER = ProblemType("invalid-header", 400, "A header is not what this call takes")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A valid bearer token is needed")
NOT_GENUINE = ProblemType("not-genuine", 401, "The delivery does not prove where it comes from")
MISSING_SCOPE = ProblemType("missing-scope", 403, "The token lacks a scope")
FOREIGN_ORIGIN = ProblemType("foreign-origin", 403, "Without tokens only programs on this machine are served")
MODEL_NOT_IN_USE = ProblemType("model-not-in-use", 403, "This bridge takes no intents by API")
NOT_FOUND = ProblemType("not-found", 404, "There is no such thing")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "The path does not take this method")
IN_FLIGHT = ProblemType("idempotency-key-in-flight", 409, "A request with this key is being recorded")
BODY_TOO_LARGE = ProblemType("body-too-large", 413, "The body is too large")
ANSWER_TOO_LARGE = ProblemType("answer-too-large", 422, "The answer would be larger than the poller takes")
UNSUPPORTED_MEDIA_TYPE = ProblemType("unsupported-media-type", 415, "The body has a type or coding not taken here")
KEY_REUSED = ProblemType("idempotency-key-reused", 422, "The key was used with another body")
INTERNAL = ProblemType("internal", 500, "The bridge failed")
NOTHING_DECLARED = ProblemType("nothing-declared", 503, "Nothing is declared there, and nothing is not answered")
UNAVAILABLE = ProblemType("unavailable", 503, "The bridge can't do this at the moment")
REJECTED = ProblemType("rejected", 400, "The request was rejected")

PROBLEM_TYPES = (
    INVALID_BODY,
    INVALID_PARAMETER,
    INVALID_HEADER,
    REJECTED,
    UNAUTHENTICATED,
    NOT_GENUINE,
    MISSING_SCOPE,
    FOREIGN_ORIGIN,
    MODEL_NOT_IN_USE,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    IN_FLIGHT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    KEY_REUSED,
    ANSWER_TOO_LARGE,
    INTERNAL,
    NOTHING_DECLARED,
    UNAVAILABLE,
)

_BY_STATUS = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: BODY_TOO_LARGE, 415: UNSUPPORTED_MEDIA_TYPE}


@dataclass(slots=True, eq=False)
class Problem(Exception):  # noqa: N818 - named as the RFC names it
    """A problem to be answered; ``at_fault`` names the field, parameter or header and becomes the extension ``field``."""

    type: ProblemType
    detail: str
    at_fault: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail


def problem_of(error: DeploybridgeError | web.HTTPException) -> Problem:
    """How an error of ours, or of the HTTP server, is told to the caller."""
    match error:
        case Refused():
            return Problem(INVALID_BODY, str(error), error.field)
        case Unavailable():
            seconds = 1.0 if error.retry_after is None else error.retry_after.total_seconds()
            return Problem(UNAVAILABLE, str(error), headers={"Retry-After": str(max(1, math.ceil(seconds)))})
        case Stalled():
            return Problem(UNAVAILABLE, str(error))
        case web.HTTPException():
            return _http_problem(error)
        case _:
            return Problem(INTERNAL, "The bridge refuses to go on with this request; its log of errors says why.")


def respond(problem: Problem, path: str, *, also_as: str | None = None) -> web.Response:
    """The answer for ``problem``; ``path`` is the request's, given back as ``instance``.

    ``also_as`` is an extension member that repeats ``detail`` where the call's client looks for it.
    """
    body: dict[str, object] = {
        "type": problem.type.uri,
        "title": problem.type.title,
        "status": problem.type.status,
        "detail": problem.detail,
        "instance": path,
    }
    if also_as is not None:
        body[also_as] = problem.detail
    if problem.at_fault is not None:
        body["field"] = problem.at_fault
    return web.Response(
        body=msgspec.json.encode(body),
        status=problem.type.status,
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )


def _http_problem(error: web.HTTPException) -> Problem:
    kind = _BY_STATUS.get(error.status)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"This path takes {allowed}, not {error.method[:20]}."
        return Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        return Problem(NOT_FOUND, "There is nothing at this path; /openapi.json lists the paths there are.")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(BODY_TOO_LARGE, "The body is larger than 1 MiB, the most that is taken.")
    if kind is None:
        phrase = HTTPStatus(error.status).phrase
        slug = REJECTED.slug if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else INTERNAL.slug
        kind = ProblemType(slug, error.status, phrase)
    return Problem(kind, error.reason or kind.title)
