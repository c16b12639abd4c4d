"""What should run by the API model, for CD systems that poll: ``GET /desired``, Argo CD's plugin generator, Flux's ExternalService.

Each answer is made once for a state and kept as bytes with its ETag, so that polling costs next to nothing. None is ever empty
unless that is allowed: a CD system takes an empty answer as the order to delete all that it made. Any error leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from bridge.api.endpoint import Call, json_answer, read_json_body
from bridge.api.prepared import KEPT_ANSWERS, Prepared, Scope, Shape
from bridge.api.problems import (
    ANSWER_TOO_LARGE,
    INVALID_PARAMETER,
    MODEL_NOT_IN_USE,
    NOT_FOUND,
    NOTHING_DECLARED,
    UNAVAILABLE,
    Problem,
)
from bridge.api.waiting import first_of
from bridge.api.wiring import STOPPING, ApiWiring
from bridge.domain.desired import StandingIntent
from bridge.domain.names import SourceRef
from bridge.formats.desired_v1 import LARGEST_FLUX_ANSWER, encode_desired, encode_flux_inputs, encode_plugin_output
from bridge.formats.plugin_v1 import read_plugin_request

_DESIRED = Shape("desired", encode_desired, "GET /api/v1/desired")
_PLUGIN = Shape("argocd-plugin", encode_plugin_output, "ApplicationSet plugin generator")
_FLUX = Shape("flux-operator", encode_flux_inputs, "Flux Operator ExternalService", LARGEST_FLUX_ANSWER)


async def tell_desired(call: Call) -> web.StreamResponse:
    """The standing intents. With ``If-None-Match`` 304 where nothing changed; with ``wait`` too, only after that long."""
    scope = Scope(call.query.text("environment"), _services(call))
    prepared = _prepare(call, _DESIRED, scope)
    known = call.request.headers.get("If-None-Match")
    wait = call.query.duration("wait")
    if known is not None and wait and prepared.is_known(known):
        prepared = await _await_other(call, scope, prepared, wait)
    return _answer(call, _DESIRED, scope, prepared)


async def give_flux_inputs(call: Call) -> web.StreamResponse:
    """The same as a Flux Operator ``ResourceSetInputProvider`` of type ``ExternalService`` takes it."""
    environment = call.query.text("environment")
    if environment is None:
        detail = "environment: expected the environment whose services are the inputs, as `?environment=NAME`."
        raise Problem(INVALID_PARAMETER, detail, "environment")
    scope = Scope(environment, _services(call))
    return _answer(call, _FLUX, scope, _prepare(call, _FLUX, scope))


async def give_plugin_parameters(call: Call) -> web.StreamResponse:
    """The same as the plugin generator of an Argo CD ApplicationSet takes it."""
    asked = read_plugin_request(await read_json_body(call.request))
    scope = Scope(asked.environment, asked.services)
    prepared = _prepare(call, _PLUGIN, scope)
    _note_poll(call, _PLUGIN, scope, by=asked.application_set)
    return json_answer(prepared.body, headers={"ETag": prepared.etag})


def _answer(call: Call, shape: Shape, scope: Scope, prepared: Prepared) -> web.Response:
    if call.request.method == "GET":  # HEAD shows nothing
        _note_poll(call, shape, scope)
    known = call.request.headers.get("If-None-Match")
    headers = {"ETag": prepared.etag, "Cache-Control": "no-cache"}
    if known is not None and prepared.is_known(known):
        return web.Response(status=304, headers=headers)
    return json_answer(prepared.body, headers=headers)


def _services(call: Call) -> frozenset[str] | None:
    return frozenset(call.query.texts("service")) or None


def _prepare(call: Call, shape: Shape, scope: Scope) -> Prepared:
    """The present answer, made anew only where something else is desired now.

    Raises:
        Problem: there is nothing that may be answered.
    """
    wiring = call.wiring
    if not wiring.intents_allowed():
        detail = "The mode is gitops: nothing is desired by API. Set `mode: both` or `mode: api`."
        raise Problem(MODEL_NOT_IN_USE, detail)
    if not wiring.desired.loaded:
        detail = "The log is being read: what is desired is not known yet. Keep what you have."
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "1"})
    kept = call.request.app[KEPT_ANSWERS]
    version = wiring.desired.version(scope.environment)
    prepared = kept.get(shape, scope, version)
    if prepared is None:
        intents = [intent for intent in wiring.desired.intents(scope.environment) if scope.holds(intent)]
        prepared = Prepared.of(version, _write(shape, scope, intents))
        if intents:
            kept.keep(shape, scope, prepared)
        else:  # not kept: whether it may be told can change with the configuration
            _refuse_emptiness(wiring, scope)
    return prepared


def _write(shape: Shape, scope: Scope, intents: Sequence[StandingIntent]) -> bytes:
    body = shape.encode(intents)
    if shape.largest is not None and len(body) > shape.largest:
        detail = (
            f"The answer for {scope} has {len(body)} bytes, and this poller takes at most {shape.largest}: "
            "divide the services among several providers with `&service=`."
        )
        raise Problem(ANSWER_TOO_LARGE, detail, "service")
    return body


def _refuse_emptiness(wiring: ApiWiring, scope: Scope) -> None:
    """Raise, unless every environment asked for may be empty."""
    known = {*wiring.desired.environments, *wiring.policies().environments}
    if scope.environment is not None and scope.environment not in known:
        detail = (
            f"There is no environment {scope.environment[:80]!r}: nothing was ever declared there by API, "
            "and the configuration names no such one."
        )
        raise Problem(NOT_FOUND, detail, "environment")
    asked = known if scope.environment is None else {scope.environment}
    if asked and all(wiring.may_be_empty(environment) for environment in asked):
        return
    detail = (
        f"Nothing is declared by API in {scope}. An empty answer would make a CD system delete what it has: "
        "keep it. Where that is meant, set `may_be_empty: true` for the environment in the bridge's configuration."
    )
    raise Problem(NOTHING_DECLARED, detail, "environment")


async def _await_other(call: Call, scope: Scope, prepared: Prepared, wait: timedelta) -> Prepared:
    """The next answer that differs, or the same one when the time is up or the daemon ends."""
    stopping, clock, desired = call.request.app[STOPPING], call.wiring.clock, call.wiring.desired
    ends_at = clock.monotonic() + wait.total_seconds()
    etag = prepared.etag
    while prepared.etag == etag and not stopping.is_set() and (left := ends_at - clock.monotonic()) > 0:
        await first_of(desired.wait_beyond(scope.environment, prepared.version), stopping.wait(), clock.sleep(left))
        prepared = _prepare(call, _DESIRED, scope)
    return prepared


def _note_poll(call: Call, shape: Shape, scope: Scope, by: str | None = None) -> None:
    """The first poll that carries an intent is the moment at which its CD system noticed it."""
    transport = call.request.transport
    if transport is None or transport.is_closing():
        return  # it gave up while it waited: nobody reads the answer
    carried = [each for each in call.wiring.desired.unnoticed(scope.environment) if scope.holds(each)]
    if carried:
        poller = SourceRef(shape.poller, call.client.name, path=by or None)
        call.wiring.notices.take(carried, poller=poller, said_by=shape.said_by)
