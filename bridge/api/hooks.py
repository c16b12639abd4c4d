"""``POST /hooks/{name}``: what a Git host or another system posts.

A push is a hint to poll now; a report is a fact; a note of an artifact's publication or of an incident is kept beside the log.

The sender is checked over the raw body before anything of it is read, and learns nothing from a refusal. Deliveries are not
remembered: a hint repeated is one more poll that finds nothing, a report repeated is in the log already.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from aiohttp import web

from bridge.api.auth import GATEKEEPER, Client
from bridge.api.endpoint import LARGEST_BODY, Call, json_answer, refuse_codings
from bridge.api.problems import BODY_TOO_LARGE, NOT_FOUND, NOT_GENUINE, UNAVAILABLE, Problem
from bridge.api.wiring import Hook
from bridge.domain.facts import ObservationReported
from bridge.domain.side_notes import Incident
from bridge.errors import Refused
from bridge.formats.scopes import ScopeVerb
from bridge.ports import HookMessage, HookRequest
from bridge.redaction import redact

# GitHub sends up to 25 MB for a push of many commits. Only one body above the limit of the other calls is in memory at a time.
LARGEST_DELIVERY = 25 * 1024 * 1024  # bytes
LARGE_BODIES = web.AppKey("large_bodies", asyncio.Semaphore)
REFUSED = web.AppKey("refused", set[str])  # hooks whose last delivery was not genuine
_LARGE_BODY_SECONDS = 20.0  # Git hosts give up after 10 to 30
_NOT_GENUINE = "The signature or token of this delivery is missing or wrong."

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class _NotGenuine(Exception):  # noqa: N818 - never leaves this module
    pass


async def take_delivery(call: Call) -> web.StreamResponse:
    """Check who sent it, then wake sources and record reports: 202; 200 for a ping; 204 for events of no interest."""
    name = call.request.match_info["name"]
    hook = call.wiring.hook(name)
    if hook is None:
        raise Problem(NOT_FOUND, f"No hook {name[:80]!r} is configured under `hooks`.", "name")
    headers = {key.lower(): value for key, value in call.request.headers.items()}
    request = HookRequest(headers, await _read_body(call.request))
    try:
        # Secrets may stand in files, and a signature over megabytes takes a while: not on the loop.
        signed, message = await asyncio.to_thread(_examine, hook, request)
    except _NotGenuine:
        _note_refusal(call, hook)
        raise Problem(NOT_GENUINE, _NOT_GENUINE) from None
    except Refused:
        _count(call, hook, "unreadable")
        raise
    call.request.app[REFUSED].discard(hook.name)
    client = None if signed else call.request.app[GATEKEEPER].identify(call.request)
    if not signed:
        message = await asyncio.to_thread(hook.decoder.decode, request)
    if message is None:
        _count(call, hook, "ignored")
        return web.Response(status=204)
    recorded = await _record(call, client, message)
    told = bool(message.hints or message.reports or message.notes)
    woken = call.wiring.wake(hook.wakes, message.hints)
    matched = not message.hints or bool(woken)
    _count(call, hook, "taken" if matched else "unmatched")
    _note(hook, message, woken)
    answer = {"event": message.event, "woken": sorted(woken), "recorded": recorded, "noted": len(message.notes)}
    return json_answer(_encode(answer), status=202 if told else 200)


def _examine(hook: Hook, request: HookRequest) -> tuple[bool, HookMessage | None]:
    """Whether the hook has secrets, and what the request says if it is signed with one."""
    secrets = hook.read_secrets()
    if not secrets:
        return False, None
    if not hook.decoder.is_genuine(request, secrets):
        raise _NotGenuine
    return True, hook.decoder.decode(request)


async def _record(call: Call, client: Client | None, message: HookMessage) -> int:
    if not message.reports and not message.notes:
        return 0
    if client is not None:
        for report in message.reports:
            target = report.target if isinstance(report, ObservationReported) else None
            client.require(ScopeVerb.OBSERVATIONS_WRITE, target)
        for note in message.notes:
            client.require(ScopeVerb.OBSERVATIONS_WRITE, note.target if isinstance(note, Incident) else None)
    outcomes = await call.wiring.inbox.submit(message.reports, notes=message.notes, wait=False)
    return sum(outcome.appended for outcome in outcomes)


def _note(hook: Hook, message: HookMessage, woken: object) -> None:
    repositories = sorted({redact(each)[:200] for hint in message.hints for each in hint.repositories})[:4]
    if message.hints and not woken:
        log.info("hook_woke_nothing", hook=hook.name, sent=message.event[:80], repositories=repositories)
    else:
        log.debug("hook_taken", hook=hook.name, sent=message.event[:80], woken=woken)


def _note_refusal(call: Call, hook: Hook) -> None:
    """Count each; say it once until a genuine delivery comes, for strangers may send many."""
    _count(call, hook, "refused")
    refused = call.request.app[REFUSED]
    if hook.name not in refused:
        refused.add(hook.name)
        log.warning("hook_refused", hook=hook.name, meaning="a delivery was not signed with any of the hook's secrets")


def _count(call: Call, hook: Hook, outcome: str) -> None:
    call.wiring.metrics.hook(hook.name, outcome)


async def _read_body(request: web.Request) -> bytes:
    """The raw body: of any sender up to 1 MiB; beyond that only with its length announced, and one at a time."""
    refuse_codings(request)
    announced = request.content_length or 0
    if announced <= LARGEST_BODY:
        return await request.read()
    if announced > LARGEST_DELIVERY:
        raise Problem(BODY_TOO_LARGE, "The body is larger than 25 MiB, the most that a hook takes.")
    try:
        async with asyncio.timeout(_LARGE_BODY_SECONDS), request.app[LARGE_BODIES]:
            return await request.content.readexactly(announced)
    except asyncio.IncompleteReadError:
        raise ConnectionResetError from None
    except TimeoutError:
        detail = "A body above 1 MiB took too long, or waited too long for another one."
        raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "30"}) from None
