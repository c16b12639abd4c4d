"""What should run by the API model, for CD systems that poll: ``GET /desired``, Argo CD's plugin generator, Flux's ExternalService.

Each answer is made once for a state and kept as bytes with its ETag, so that polling costs next to nothing. None is ever empty
unless that is allowed: a CD system takes an empty answer as the order to delete all that it made. Any error leaves it as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from aiohttp import web

from bridge.api.endpoint import Call, json_answer, read_json_body
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

_MOST_KEPT = 256  # answers; the oldest is made again when it is asked for


class Shape(NamedTuple):
    """One kind of answer: who takes it, as the log names the poller; how it is written; how large it may be."""

    poller: str
    encode: Callable[[Sequence[StandingIntent]], bytes]
    said_by: str
    largest: int | None = None  # bytes


_DESIRED = Shape("desired", encode_desired, "GET /api/v1/desired")
_PLUGIN = Shape("argocd-plugin", encode_plugin_output, "ApplicationSet plugin generator")
_FLUX = Shape("flux-operator", encode_flux_inputs, "Flux Operator ExternalService", LARGEST_FLUX_ANSWER)


class Scope(NamedTuple):
    """Which targets are asked for; None: all."""

    environment: str | None
    services: frozenset[str] | None

    def holds(self, intent: StandingIntent) -> bool:
        """Whether the intent's target is among them; its environment was looked at already."""
        return self.services is None or intent.target.service in self.services

    def __str__(self) -> str:
        where = "any environment" if self.environment is None else self.environment
        return where if self.services is None else f"{where} for {', '.join(sorted(self.services))[:200]}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer as bytes, true for one version of its environment."""

    version: int
    body: bytes
    etag: str


KEPT_ANSWERS = web.AppKey("kept_answers", dict[tuple[Shape, Scope], Prepared])


async def tell_desired(call: Call) -> web.StreamResponse:
    """The standing intents. With ``If-None-Match`` 304 where nothing changed; with ``wait`` too, only after that long."""
    scope = Scope(call.query.text("environment"), _services(call))
    prepared = _prepare(call, _DESIRED, scope)
    known = call.request.headers.get("If-None-Match")
    wait = call.query.duration("wait")
    if known is not None and wait and _is_known(known, prepared):
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
    if known is not None and _is_known(known, prepared):
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
    prepared = kept.get((shape, scope))
    if prepared is None or prepared.version != version:
        intents = [intent for intent in wiring.desired.intents(scope.environment) if scope.holds(intent)]
        prepared = _write(shape, scope, intents, version)
        if intents:  # an empty one is cheap to make, and whether it may be told can change with the configuration
            kept.pop((shape, scope), None)
            while len(kept) >= _MOST_KEPT:
                del kept[next(iter(kept))]
            kept[shape, scope] = prepared
        else:
            _refuse_emptiness(wiring, scope)
    return prepared


def _write(shape: Shape, scope: Scope, intents: Sequence[StandingIntent], version: int) -> Prepared:
    body = shape.encode(intents)
    if shape.largest is not None and len(body) > shape.largest:
        detail = (
            f"The answer for {scope} has {len(body)} bytes, and this poller takes at most {shape.largest}: "
            "divide the services among several providers with `&service=`."
        )
        raise Problem(ANSWER_TOO_LARGE, detail, "service")
    return Prepared(version, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


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
    carried = [each for each in call.wiring.desired.unnoticed(scope.environment) if scope.holds(each)]
    if carried:
        poller = SourceRef(shape.poller, call.client.name, path=by or None)
        call.wiring.notices.take(carried, poller=poller, said_by=shape.said_by)


def _is_known(if_none_match: str, prepared: Prepared) -> bool:
    """Whether the header names the answer's tag (RFC 9110, compared weakly: proxies may weaken it)."""
    if if_none_match == prepared.etag:
        return True
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return prepared.etag in tags or "*" in tags
