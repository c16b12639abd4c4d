"""``GET /compare``: the two models side by side on the same deployments."""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call, json_answer
from bridge.api.problems import INVALID_PARAMETER, Problem


async def compare_models(call: Call) -> web.StreamResponse:
    """The report over the time asked for; over the whole log by default."""
    since, until = call.query.time("since"), call.query.time("until")
    if since is not None and until is not None and until <= since:
        raise Problem(INVALID_PARAMETER, "until: expected a time after `since`; the range is empty.", "until")
    report = await questions.answer_compare(
        call.wiring.reader,
        since=since,
        until=until,
        service=call.query.text("service"),
        environment=call.query.text("environment"),
        policies=call.wiring.policies(),
        now=call.wiring.clock.now(),
    )
    return json_answer(msgspec.json.encode(report))
