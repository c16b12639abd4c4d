"""The event that records an accepted fact of one target."""

from __future__ import annotations

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.facts import IntentDeclared, IntentWithdrawn, ObservationReported
from bridge.domain.names import Model, Phase
from bridge.domain.target_state import Artifacts, Seen
from bridge.domain.turn import Turn

_TRACK_OF = {Model.GITOPS: Track.GITOPS, Model.API: Track.API}


def intent_event(
    turn: Turn,
    fact: IntentDeclared | IntentWithdrawn,
    fact_id: str,
    kind: EventKind,
    previous: Artifacts,
    *,
    belated: bool,
) -> Event:
    """Record a declaration or a withdrawal; a belated one is told of no track, for it changes nothing of what stands."""
    turn.remember(fact_id)
    track = _TRACK_OF[fact.model]
    return Event(
        id=fact_id,
        kind=kind,
        received_at=turn.at,
        target=turn.target,
        model=fact.model,
        artifacts=fact.artifacts if isinstance(fact, IntentDeclared) else (),
        previous_artifacts=previous,
        declared_at=fact.declared_at,
        intent_id=fact_id,
        actor=fact.actor,
        backfilled=fact.backfilled,
        source=fact.source,
        details=fact.details,
        track=None if belated else track,
        effective_at=None if belated else turn.effective(track, fact.declared_at),
    )


def observation_event(turn: Turn, fact: ObservationReported, seen: Seen, *, aside: bool) -> Event:
    """Record a report, and what the one before it showed; one that stands aside is told of no track."""
    track = Track.RUNNING if fact.phase in {Phase.LIVE, Phase.GONE} else Track.ROLLOUT
    flags = {"pushed": fact.pushed, "aside": aside}
    current = turn.state.current
    return Event(
        id=seen.id,
        kind=EventKind.OBSERVATION_REPORTED,
        received_at=turn.at,
        target=turn.target,
        artifacts=fact.artifacts,
        previous_artifacts=current.artifacts if current is not None else (),
        source_time=fact.source_time,
        intent_id=fact.intent_id,
        actor=fact.actor,
        source=fact.source,
        details={**fact.details, "phase": fact.phase.value} | {name: True for name, holds in flags.items() if holds},
        track=None if aside else track,
        effective_at=None if aside else turn.effective(track, seen.live_at),
    )


def past_event(turn: Turn, fact: ObservationReported, fact_id: str) -> Event:
    """Record what a history says ran once; it is a state of the target only before anybody observed it."""
    turn.remember(fact_id)
    told = fact.phase is Phase.LIVE and bool(fact.artifacts) and turn.state.observed_from is None
    claimed = min(fact.source_time or turn.at, turn.at)
    return Event(
        id=fact_id,
        kind=EventKind.OBSERVATION_REPORTED,
        received_at=turn.at,
        target=turn.target,
        artifacts=fact.artifacts,
        source_time=fact.source_time,
        actor=fact.actor,
        backfilled=True,
        source=fact.source,
        details={**fact.details, "phase": fact.phase.value},
        track=Track.RUNNING if told else None,
        effective_at=turn.effective(Track.RUNNING, claimed) if told else None,
    )
