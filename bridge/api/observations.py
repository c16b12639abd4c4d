"""``POST /observations``: anything that deploys reports here what runs."""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.api.endpoint import Call, json_answer, read_json_body
from bridge.api.parameters import read_idempotency_key
from bridge.api.problems import KEY_REUSED, Problem
from bridge.formats.observation_v1 import ObservationRequest, read_observation
from bridge.formats.scopes import ScopeVerb
from bridge.ports import FactOutcome

_encode = msgspec.json.Encoder().encode


async def report_observation(call: Call) -> web.StreamResponse:
    """Take a report: 201 when it was news and is durable, 200 when it says what this observer said last."""
    key = read_idempotency_key(call.request)
    asked = read_observation(await read_json_body(call.request))
    call.client.require(ScopeVerb.OBSERVATIONS_WRITE, asked.target)
    (outcome,) = await call.wiring.inbox.submit((asked.report(client=call.client.name, key=key),), wait=False)
    if key is not None and not outcome.appended:
        await _refuse_reused_key(call, asked, outcome)
    answer = {"id": outcome.event_id, "position": outcome.position, "appended": outcome.appended}
    return json_answer(_encode(answer), status=201 if outcome.appended else 200)


async def _refuse_reused_key(call: Call, asked: ObservationRequest, outcome: FactOutcome) -> None:
    stored = await call.wiring.reader.event(outcome.event_id)
    if stored is not None and stored.event.details.get("request_digest") != asked.digest:
        detail = f"This Idempotency-Key reported observation {outcome.event_id} with another body. Use a fresh key."
        raise Problem(KEY_REUSED, detail, "Idempotency-Key")
