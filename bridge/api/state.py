"""``GET /state``: what each target ran, and was meant to run, at a time, by what was known at another."""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call, json_answer


async def tell_state(call: Call) -> web.StreamResponse:
    """The state of every target that the filters let through."""
    now = call.wiring.clock.now()
    known_at = call.query.time("known_at") or now
    is_present = call.query.time("at") is None and call.query.time("known_at") is None
    answer = await questions.answer_state(
        call.wiring.reader,
        at=call.query.time("at") or known_at,
        known_at=known_at,
        service=call.query.text("service"),
        environment=call.query.text("environment"),
        policies=call.wiring.policies(),
        disputes=call.wiring.disputes() if is_present else None,
    )
    return json_answer(msgspec.json.encode(answer))
