"""Gathers from the log what the story of one intent needs, asking for no more than its state leaves open.

An intent costs a few look-ups, each by an index, each about its target only and of a bounded number of events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.legs import Claim, LegBook, Moment, shows_live
from bridge.domain.matching import match_artifacts
from bridge.domain.names import Model, Phase, Target
from bridge.domain.outcomes import STATE_AFTER, IntentState, governing_model
from bridge.domain.policies import Policies
from bridge.domain.side_notes import Publications
from bridge.domain.state_view import TRACK_OF_MODEL, phase_of
from bridge.domain.story import Story, explain, tell_own, tell_paired, tell_unpaired
from bridge.formats.story_v1 import encode_story
from bridge.ports import EventQuery, EventReader, RecordedEvent

_LATEST = datetime(9999, 12, 31, tzinfo=UTC)  # as of the newest event
_PAGE = 64  # events; most questions are answered by the first few


async def tell_intent(reader: EventReader, intent_id: str, policies: Policies) -> dict[str, object] | None:
    """The intent's story, JSON-ready; None: there is no intent of that id."""
    recorded = await reader.event(intent_id)
    if recorded is None or recorded.event.kind is not EventKind.INTENT_DECLARED:
        return None
    asked = _Asked.of(reader, recorded)
    story = await _tell(asked, policies)
    story = replace(story, claims=await _gather_claims(asked, story))
    if story.state is IntentState.DECLARED and Moment.NOTICED in story.claims:
        story = replace(story, state=IntentState.NOTICED)
        story = replace(story, explanation=explain(story))
    target = asked.target
    # A report of another target may name the intent as well: it says nothing about it.
    about = EventQuery(intent_id=intent_id, service=target.service, environment=target.environment)
    records = [msgspec.json.decode(line) async for chunk in reader.records(about) for _, line in chunk]
    ran = story.ending.artifacts if story.ending is not None else asked.intent.artifacts
    published_at = Publications(await reader.publications(ran)).published_at(ran)
    return encode_story(story, recorded.position, records, published_at)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The intent that is asked about, and the questions about what came after it."""

    reader: EventReader
    position: int
    intent: Event
    target: Target
    model: Model

    @classmethod
    def of(cls, reader: EventReader, recorded: RecordedEvent) -> _Asked:
        event = recorded.event
        assert event.target is not None
        assert event.model is not None
        return cls(reader, recorded.position, event, event.target, event.model)

    async def conclusions(self) -> list[RecordedEvent]:
        """The conclusions about the intent that move its state, in order."""
        about = _each(self.reader, EventQuery(intent_id=self.intent.id, kinds=frozenset(STATE_AFTER)))
        return [recorded async for recorded in about]

    def later(
        self, *kinds: EventKind, model: Model | None = None, up_to: int | None = None
    ) -> AsyncIterator[RecordedEvent]:
        """The events of the target after the intent."""
        return _each(
            self.reader,
            EventQuery(
                after=self.position,
                up_to=up_to,
                service=self.target.service,
                environment=self.target.environment,
                kinds=frozenset(kinds),
                model=model,
            ),
        )

    async def withdrawal(self) -> RecordedEvent | None:
        """Where the source that declared the intent stopped declaring anything for the target."""
        source = self.intent.source
        async for recorded in self.later(EventKind.INTENT_WITHDRAWN, model=self.model):
            other = recorded.event.source
            if source is None or other is None or (other.kind, other.name) == (source.kind, source.name):
                return recorded
        return None

    async def successor(self) -> str | None:
        """The first intent declared later, in the same model, that was seen to run."""
        async for recorded in self.later(EventKind.DEPLOYMENT_SUCCEEDED, EventKind.TARGET_BASELINE):
            done = recorded.event.intent_id
            if done is None or done == self.intent.id:
                continue
            other = await self.reader.event(done)
            if other is not None and other.position > self.position and other.event.model is self.model:
                return done
        return None

    async def replacement(self) -> RecordedEvent | None:
        """The next intent of the same model for the target."""
        async for recorded in self.later(EventKind.INTENT_DECLARED, model=self.model):
            return recorded
        return None

    async def partner(self) -> str | None:
        """The other model's intent for the same deployment."""
        async for recorded in self.later(EventKind.MODELS_AGREED):
            details = recorded.event.details
            if details.get(f"{self.model}_intent") == self.intent.id:
                other = details.get(f"{self.model.other}_intent")
                return other if isinstance(other, str) else None
        return None


async def _tell(asked: _Asked, policies: Policies) -> Story:
    own = await asked.conclusions()
    if own:
        return await _tell_governing(asked, own, observed=True)
    states = await asked.reader.states(
        at=_LATEST, known_at=_LATEST, service=asked.target.service, environment=asked.target.environment
    )
    tracks = {state.track: state.recorded for state in states}
    observed = Track.RUNNING in tracks
    declared_by = frozenset(model for model, track in TRACK_OF_MODEL.items() if track in tracks)
    if governing_model(asked.target, declared_by, policies) is not asked.model:
        return await _tell_shadow(asked, observed=observed)
    standing = tracks.get(TRACK_OF_MODEL[asked.model])
    if standing is not None and standing.position < asked.position:
        # History that was read after newer declarations: it never stood, so nothing is ever concluded about it.
        return tell_own(asked.intent, [], observed=observed, successor=standing.event.id)
    return await _tell_governing(asked, own, observed=observed)


async def _tell_governing(asked: _Asked, own: list[RecordedEvent], *, observed: bool) -> Story:
    """Its conclusions tell it; what they leave open, a withdrawal or a later intent may have ended."""
    events = [recorded.event for recorded in own]
    story = tell_own(asked.intent, events, observed=observed)
    if story.final and story.state is not IntentState.SUPERSEDED:
        return story
    if (withdrawal := await asked.withdrawal()) is not None:
        merged = sorted([*own, withdrawal], key=lambda recorded: recorded.position)
        events = [recorded.event for recorded in merged]
    # Where nobody observes the target, no later intent can have been seen to run either.
    successor = await asked.successor() if observed else None
    return tell_own(asked.intent, events, observed=observed, successor=successor)


async def _tell_shadow(asked: _Asked, *, observed: bool) -> Story:
    partner_id = await asked.partner()
    partner = await asked.reader.event(partner_id) if partner_id is not None else None
    if partner is not None:
        governing = _Asked.of(asked.reader, partner)
        own = await governing.conclusions()
        return tell_paired(asked.intent, await _tell_governing(governing, own, observed=observed))
    replacing = await asked.replacement()
    live_at = await _first_live(asked, up_to=replacing.position if replacing is not None else None)
    # An observer's time before the declaration means that it ran before, whenever we learned of it.
    ran_since = asked.intent.declared_at or asked.intent.received_at
    ran_before = live_at < ran_since if live_at is not None else await _ran_before(asked)
    return tell_unpaired(
        asked.intent,
        ran_before=ran_before,
        live_at=None if ran_before else live_at,
        observed=observed,
        withdrawn=await asked.withdrawal() is not None,
        replaced_by=replacing.event.id if replacing is not None else None,
    )


async def _gather_claims(asked: _Asked, story: Story) -> Mapping[Moment, Claim]:
    """What observers said of the legs' ends: the report that made it a success, and the others about it in a page or so."""
    ids = [story.paired_with] if story.paired_with is not None else []
    if story.ending is not None and isinstance(shadow := story.ending.details.get("shadow"), dict):
        ids.append(str(shadow.get("intent_id")))
    book = LegBook.of(asked.intent, *ids)
    cause = await _cause_of(asked.reader, story)
    if cause is not None and cause.position < asked.position:
        book.read(cause.event)
    read, live_from = 0, cause.event.source if cause is not None else None
    async for recorded in asked.later(EventKind.OBSERVATION_REPORTED):
        read += 1
        about = book.read(recorded.event)
        if about and live_from is None and shows_live(recorded.event):
            live_from = recorded.event.source
        overtaken = (
            not about and shows_live(recorded.event) and cause is not None and recorded.position > cause.position
        )
        if overtaken or read >= _PAGE:
            break
    if cause is not None:
        book.read(cause.event)
    book.live(story.legs.live_at, live_from)
    return book.claims


async def _cause_of(reader: EventReader, story: Story) -> RecordedEvent | None:
    """The report from which the ending was concluded."""
    for event_id in story.ending.causes if story.ending is not None else ():
        recorded = await reader.event(event_id)
        if recorded is not None and recorded.event.kind is EventKind.OBSERVATION_REPORTED:
            return recorded
    return None


async def _first_live(asked: _Asked, *, up_to: int | None) -> datetime | None:
    """When the target was first seen to run the shadow's artifacts after it was declared."""
    async for recorded in asked.later(EventKind.OBSERVATION_REPORTED, up_to=up_to):
        event = recorded.event
        if event.backfilled:
            continue  # history: it ran before the intent, whenever it came to be known
        if shows_live(event) and match_artifacts(asked.intent.artifacts, event.artifacts).is_full:
            return event.source_time or event.received_at
    return None


async def _ran_before(asked: _Asked) -> bool:
    """Whether the target ran the shadow's artifacts already when it was declared."""
    states = await asked.reader.states(
        at=asked.intent.received_at,
        known_at=asked.intent.received_at,
        service=asked.target.service,
        environment=asked.target.environment,
    )
    return any(
        state.track is Track.RUNNING
        and phase_of(state.recorded.event) is Phase.LIVE
        and match_artifacts(asked.intent.artifacts, state.recorded.event.artifacts).is_full
        for state in states
    )


async def _each(reader: EventReader, query: EventQuery) -> AsyncIterator[RecordedEvent]:
    """In small pages, each read to its end: whoever stops early leaves nothing open and has decoded little in vain."""
    after: int | None = query.after
    while after is not None:
        page = [
            recorded async for chunk in reader.events(replace(query, after=after), limit=_PAGE) for recorded in chunk
        ]
        for recorded in page:
            yield recorded
        after = page[-1].position if len(page) == _PAGE else None
