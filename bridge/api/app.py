"""The HTTP API as one aiohttp application: every call of the table behind its checks, every error as a problem.

The server that runs it decides where it listens; it needs no access log, for requests are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from bridge.api.auth import ANONYMOUS, GATEKEEPER, Gatekeeper
from bridge.api.calls import CALLS
from bridge.api.endpoint import LARGEST_BODY, Call, Endpoint
from bridge.api.hooks import LARGE_BODIES, REFUSED
from bridge.api.intents import KEYS_IN_FLIGHT
from bridge.api.openapi import DESCRIPTION, describe
from bridge.api.parameters import read_query
from bridge.api.prepared import KEPT_ANSWERS, KeptAnswers
from bridge.api.problems import INTERNAL, INVALID_PARAMETER, REJECTED, Problem, problem_of, respond
from bridge.api.streaming import cut_stream
from bridge.api.wiring import STOPPING, ApiWiring
from bridge.errors import DeploybridgeError, Refused

__all__ = ["ApiWiring", "build_app"]

_Served = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CLIENT_GONE = 499  # for the counters only; nginx's number for it
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a stranger can send any word

_ERROR_MEMBERS = web.AppKey("error_members", dict[str, str])

log = structlog.get_logger()


def build_app(wiring: ApiWiring, calls: Sequence[Endpoint] = CALLS) -> web.Application:
    """The application, with the whole table of calls or another.

    When it shuts down (or ``app[STOPPING]`` is set earlier) streams and long polls come to their end.
    """
    app = web.Application(middlewares=[_answering(wiring)], client_max_size=LARGEST_BODY)
    app[STOPPING] = asyncio.Event()
    app[KEYS_IN_FLIGHT] = set()
    app[DESCRIPTION] = msgspec.json.encode(describe(calls, wiring.version))
    app[REFUSED] = set()
    app[KEPT_ANSWERS] = KeptAnswers()
    app[_ERROR_MEMBERS] = {each.path: each.error_member for each in CALLS if each.error_member is not None}
    app[LARGE_BODIES] = asyncio.Semaphore(1)
    app[GATEKEEPER] = gatekeeper = Gatekeeper(wiring.tokens)
    for endpoint in calls:
        served = _guarded(endpoint, gatekeeper, wiring)
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, served)  # and HEAD
        else:
            app.router.add_route(endpoint.method, endpoint.path, served)
    app.on_shutdown.append(_end_streams)
    return app


async def _end_streams(app: web.Application) -> None:
    app[STOPPING].set()


def _guarded(endpoint: Endpoint, gatekeeper: Gatekeeper, wiring: ApiWiring) -> _Served:
    """The endpoint behind its checks: who calls, with which scope, with which parameters."""
    handler, verb, parameters = endpoint.handler, endpoint.verb, endpoint.parameters

    async def serve(request: web.Request) -> web.StreamResponse:
        client = ANONYMOUS
        if verb is not None:
            client = gatekeeper.identify(request)
            client.require(verb)
        return await handler(Call(request, client, read_query(request, parameters), wiring))

    return serve


def _answering(wiring: ApiWiring) -> Middleware:
    """The outermost layer: whatever is raised below becomes a problem, and every answer is counted."""
    clock, metrics = wiring.clock, wiring.metrics

    @web.middleware
    async def answer(request: web.Request, handler: _Served) -> web.StreamResponse:
        started = clock.monotonic()
        response: web.StreamResponse
        try:
            response = await handler(request)
        except ConnectionError:  # the client went away: nobody to answer, and nothing to report as an error
            response = cut_stream(request) or web.Response(status=_CLIENT_GONE)
        except Exception as error:  # noqa: BLE001 - the outermost layer: nothing may escape unanswered or unlogged
            response = _answer_failure(request, error)
        method = request.method if request.method in _METHODS else "other"
        metrics.http(method, _route(request), response.status, clock.monotonic() - started)
        return response

    return answer


def _answer_failure(request: web.Request, error: Exception) -> web.StreamResponse:
    match error:
        case Problem():
            problem = error
        case Refused() if request.method != "POST":
            problem = Problem(INVALID_PARAMETER, str(error), error.field)
        case DeploybridgeError() | web.HTTPException():
            problem = problem_of(error)
        case web.RequestPayloadError():
            problem = Problem(REJECTED, "The body was not sent as HTTP has it: its framing or length is wrong.")
        case _:
            problem = Problem(INTERNAL, "The bridge failed at this request; its own log of errors says why.")
    if problem.type.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.type.slug == INTERNAL.slug:
        log.error("request_failed", method=request.method, route=_route(request), exc_info=error)
    if (stream := cut_stream(request)) is not None:
        if problem.type.slug != INTERNAL.slug:
            log.warning("stream_cut", route=_route(request), reason=problem.detail)
        return stream
    return respond(problem, request.path, also_as=request.app[_ERROR_MEMBERS].get(_route(request)))


def _route(request: web.Request) -> str:
    """The pattern of the path, one for everything unknown: labels must stay few."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical
