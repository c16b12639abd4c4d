"""``GET /noise``: which share of the infra repositories' commits says nothing but which image runs where."""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call, json_answer
from bridge.api.problems import INVALID_PARAMETER, Problem


async def tell_noise(call: Call) -> web.StreamResponse:
    """The figures over the weeks asked for; over all history by default."""
    since, until = call.query.time("from"), call.query.time("to")
    if since is not None and until is not None and until <= since:
        raise Problem(INVALID_PARAMETER, "to: expected a time after `from`; the range is empty.", "to")
    report = await questions.answer_noise(
        call.wiring.reader, since=since, until=until, source=call.query.text("source"), now=call.wiring.clock.now()
    )
    return json_answer(msgspec.json.encode(report))
