"""The yardsticks: handlers that read JSON and answer JSON, and do nothing.

``bridge``: one such call on the bridge's own server, behind the checks, counters and problems that every call has.
``bare``: the HTTP library with nothing of ours.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import msgspec
from aiohttp import web

from bridge.api.app import build_app
from bridge.api.endpoint import Answer, Call, Endpoint, json_answer, read_json_body
from bridge.api.server import open_listener
from bridge.api.wiring import ApiWiring, HealthReport
from bridge.clock import SystemClock
from bridge.domain.policies import Policies
from bridge.formats.scopes import ScopeVerb
from bridge.ports import EventReader
from bridge.runtime.desired import DesiredState
from bridge.runtime.inbox import Inbox
from bridge.runtime.interpreter import collect_seldom, prefer_short_pauses
from bridge.runtime.noticing import Noticing
from bridge.runtime.tail import Tail
from bridge.telemetry.metrics import Metrics

PATH = "/api/v1/nothing"


async def _answer_bare(request: web.Request) -> web.Response:
    await request.json()
    return web.json_response({}, status=201)


async def _answer_bare_get(_request: web.Request) -> web.Response:
    return web.json_response({})


async def _answer(call: Call) -> web.StreamResponse:
    msgspec.json.decode(await read_json_body(call.request))
    return json_answer(b"{}", status=201)


_NOTHING = Endpoint(
    method="POST",
    path=PATH,
    handler=_answer,
    name="doNothing",
    summary="Read a body and answer.",
    verb=ScopeVerb.INTENTS_WRITE,
    answers={201: Answer("Nothing.")},
)


def _bare_app() -> web.Application:
    app = web.Application()
    app.router.add_post(PATH, _answer_bare)
    app.router.add_get(PATH, _answer_bare_get)
    return app


def _bridge_app() -> web.Application:
    inbox, clock = Inbox(), SystemClock()
    wiring = ApiWiring(
        inbox=inbox,
        tail=Tail(),
        reader=cast("EventReader", None),  # nothing is read
        clock=clock,
        metrics=Metrics(),
        tokens=tuple,
        health=lambda: HealthReport(ready=True, details={}),
        policies=Policies,
        desired=(desired := DesiredState()),
        notices=Noticing(inbox=inbox, clock=clock, on_recorded=desired.noticed),
        may_be_empty=lambda _environment: False,
        intents_allowed=lambda: True,
        hook=lambda _name: None,
        wake=lambda *_: (),
        version="0",
    )
    return build_app(wiring, [_NOTHING])


async def _serve(which: str) -> None:
    collect_seldom()
    prefer_short_pauses()
    if which == "bare":
        runner = web.AppRunner(_bare_app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    else:
        url = (await open_listener(_bridge_app(), "127.0.0.1", 0, drain_seconds=1)).url
    print(url, file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
