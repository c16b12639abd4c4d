"""Declares one intent over HTTP and waits for its end; both outlive a bridge that is restarted meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import aiohttp
import msgspec

from bridge.cli.asking import Answer
from bridge.cli.http_calls import call, read_json
from bridge.clock import Clock
from bridge.errors import Unavailable

_RETRY_FOR = 60.0  # seconds a declaration is tried for; a restart takes a few
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds between attempts
_LONGEST_POLL = 5.0  # seconds one call waits for the end; between calls, what happened before it is shown


@dataclass(frozen=True, slots=True)
class Bridge:
    """The bridge that is asked."""

    session: aiohttp.ClientSession
    url: str
    clock: Clock
    tell: Callable[[str], None]  # a note for the person


async def declare(bridge: Bridge, body: Mapping[str, object], key: str) -> Answer:
    """``POST /intents``; the key makes the retries one intent.

    Raises:
        Refused: the bridge says the declaration must change.
        Unavailable: it could not be reached, or was busy, for a minute.
    """
    content = msgspec.json.encode(body)
    headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{key}"'}

    async def post() -> Answer:
        url = f"{bridge.url}/api/v1/intents"
        async with call(bridge.session, "POST", url, body=content, headers=headers) as response:
            return await read_json(response)

    return await _retry(bridge, post, until=bridge.clock.monotonic() + _RETRY_FOR)


async def wait_until_final(bridge: Bridge, intent: Answer, seconds: float) -> Answer:
    """Ask until nothing more is expected or the time is over; the last answer, final or not.

    Raises:
        Unavailable: the bridge could not be reached when the time was over.
    """
    until = bridge.clock.monotonic() + seconds
    told = None
    while True:
        left = max(until - bridge.clock.monotonic(), 0.0)
        answer = await _retry(bridge, partial(_look, bridge, intent, min(left, _LONGEST_POLL)), until=until)
        if (state := answer.get("state")) != told:
            bridge.tell(f"{state}: {answer.get('explanation') or intent['id']}")
            told = state
        if answer.get("final") or bridge.clock.monotonic() >= until:
            return answer


async def _look(bridge: Bridge, intent: Answer, wait: float) -> Answer:
    params = [("wait", f"{max(wait, 0.001):.3f}s")]
    async with call(bridge.session, "GET", f"{bridge.url}/api/v1/intents/{intent['id']}", params=params) as response:
        return await read_json(response)


async def _retry(bridge: Bridge, attempt: Callable[[], Awaitable[Answer]], *, until: float) -> Answer:
    pause, told = _FIRST_PAUSE, False
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            asked = error.retry_after.total_seconds() if error.retry_after else 0.0
            pause = max(pause, min(asked, _LONGEST_PAUSE))
            if bridge.clock.monotonic() + pause > until:
                raise
            if not told:
                bridge.tell(f"{error}; trying again")
                told = True
        await bridge.clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
