"""``POST /intents`` and ``GET /intents/{id}``: a pipeline declares what should run, and waits for what became of it.

The answer is sent after the intent is durable. A repetition appends nothing and is answered with the stored intent.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call, json_answer, read_json_body
from bridge.api.parameters import read_idempotency_key
from bridge.api.problems import IN_FLIGHT, KEY_REUSED, MODEL_NOT_IN_USE, NOT_FOUND, Problem
from bridge.api.waiting import wait_for_growth
from bridge.api.wiring import STOPPING
from bridge.domain.events import EventKind
from bridge.domain.names import ImageRef, Model
from bridge.domain.times import format_time
from bridge.errors import InvariantBroken
from bridge.formats.intent_v1 import IntentRequest, read_intent
from bridge.formats.scopes import ScopeVerb
from bridge.ports import EventQuery, RecordedEvent

KEYS_IN_FLIGHT = web.AppKey("keys_in_flight", set[str])  # ids of keyed intents between arrival and answer

_encode = msgspec.json.Encoder().encode


class IntentAnswer(msgspec.Struct):
    """What 201 and 200 hold alike. ``received_at`` null: the log's record has it."""

    id: str
    state: str
    final: bool
    service: str
    environment: str
    model: Model
    artifacts: tuple[ImageRef, ...]
    declared_at: str
    received_at: str | None
    position: int
    actor: str | None


async def declare_intent(call: Call) -> web.StreamResponse:
    """Take an intent: 201 when it is appended, 200 when the log has it already."""
    if not call.wiring.intents_allowed():
        detail = "The mode is gitops: intents are read from the infra repository only. Set `mode: both` or `mode: api`."
        raise Problem(MODEL_NOT_IN_USE, detail)
    key = read_idempotency_key(call.request)
    asked = read_intent(await read_json_body(call.request))
    call.client.require(ScopeVerb.INTENTS_WRITE, asked.target)
    intent_id = asked.identity(client=call.client.name, key=key)
    if key is None or intent_id is None:
        return await _submit(call, asked, intent_id, keyed=False)
    in_flight = call.request.app[KEYS_IN_FLIGHT]
    if intent_id in in_flight:
        detail = "A request with this Idempotency-Key is being recorded: repeat yours in a second for its answer."
        raise Problem(IN_FLIGHT, detail, "Idempotency-Key", {"Retry-After": "1"})
    in_flight.add(intent_id)
    try:
        return await _submit(call, asked, intent_id, keyed=True)
    finally:
        in_flight.discard(intent_id)


async def _submit(call: Call, asked: IntentRequest, intent_id: str | None, *, keyed: bool) -> web.Response:
    fact = asked.declare(intent_id=intent_id, client=call.client.name, at=call.wiring.clock.now())
    (outcome,) = await call.wiring.inbox.submit((fact,), wait=False)
    if not outcome.appended:
        return await _answer_replay(call, asked, outcome.event_id, keyed=keyed)
    assert outcome.position is not None, "what was appended has a position"
    answer = IntentAnswer(
        id=outcome.event_id,
        state="declared",
        final=False,
        service=fact.target.service,
        environment=fact.target.environment,
        model=fact.model,
        artifacts=fact.artifacts,
        declared_at=format_time(fact.declared_at),
        received_at=None if outcome.received_at is None else format_time(outcome.received_at),
        position=outcome.position,
        actor=fact.actor,
    )
    return json_answer(_encode(answer), status=201, headers={"Location": f"/api/v1/intents/{outcome.event_id}"})


async def _answer_replay(call: Call, asked: IntentRequest, intent_id: str, *, keyed: bool) -> web.Response:
    stored = await _stored_intent(call, intent_id)
    if stored is None or stored.event.target is None or stored.event.declared_at is None or stored.event.model is None:
        msg = f"the recorder says that intent {intent_id} is in the log, but the log has no such intent"
        raise InvariantBroken(msg)
    if keyed and stored.event.details.get("request_digest") != asked.digest:
        detail = (
            f"This Idempotency-Key declared intent {intent_id} with another body. "
            "Use a fresh key for another intent, or repeat the same body."
        )
        raise Problem(KEY_REUSED, detail, "Idempotency-Key")
    story = await questions.tell_intent(call.wiring.reader, intent_id, call.wiring.policies()) or {}
    answer = IntentAnswer(
        id=intent_id,
        state=str(story.get("state", "declared")),
        final=bool(story.get("final", False)),
        service=stored.event.target.service,
        environment=stored.event.target.environment,
        model=stored.event.model,
        artifacts=stored.event.artifacts,
        declared_at=format_time(stored.event.declared_at),
        received_at=format_time(stored.event.received_at),
        position=stored.position,
        actor=stored.event.actor,
    )
    return json_answer(_encode(answer), headers={"Location": f"/api/v1/intents/{intent_id}"})


async def tell_intent(call: Call) -> web.StreamResponse:
    """What became of an intent; with ``wait``, when that is final or the time is up.

    A waiter looks again only when its target has news: one index seek for each batch that was appended meanwhile.
    """
    intent_id = call.request.match_info["id"]
    wiring = call.wiring
    stored = await _stored_intent(call, intent_id)
    if stored is None:
        raise _no_such_intent(intent_id)
    ends_at = wiring.clock.monotonic() + (call.query.duration("wait") or timedelta()).total_seconds()
    while True:
        position = wiring.tail.position
        story = await questions.tell_intent(wiring.reader, intent_id, wiring.policies())
        if story is None:
            raise _no_such_intent(intent_id)
        if story["final"] or not await _wait_for_news(call, stored, position, ends_at):
            return json_answer(_encode(story))


async def _wait_for_news(call: Call, stored: RecordedEvent, position: int, ends_at: float) -> bool:
    """Whether an event of the intent's target was appended after ``position`` before the time was up."""
    stopping, clock = call.request.app[STOPPING], call.wiring.clock
    while (left := ends_at - clock.monotonic()) > 0:
        grown = await wait_for_growth(call.wiring, position, stopping, left)
        if grown is None:
            return False
        if await _has_news(call, stored, position, grown):
            return True
        position = grown
    return False


async def _stored_intent(call: Call, intent_id: str) -> RecordedEvent | None:
    stored = await call.wiring.reader.event(intent_id)
    if stored is None or stored.event.kind is not EventKind.INTENT_DECLARED:
        return None
    return stored


async def _has_news(call: Call, stored: RecordedEvent, after: int, up_to: int) -> bool:
    target = stored.event.target
    assert target is not None, "an intent has a target"
    query = EventQuery(after=after, up_to=up_to, service=target.service, environment=target.environment)
    async for chunk in call.wiring.reader.records(query, limit=1):
        if chunk:
            return True
    return False


def _no_such_intent(intent_id: str) -> Problem:
    return Problem(NOT_FOUND, f"The log has no intent {intent_id[:80]!r}. Was it declared to another bridge?", "id")
