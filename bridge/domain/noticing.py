"""A CD system has read an intent: the report with the phase ``noticed``, recorded once for each intent.

It says nothing of what runs: it is told of no track, begins no observation, and moves no deadline. It is one leg of the way
from the declaration to what is live, and what somebody sees who waits for the intent.
"""

from __future__ import annotations

from bridge.domain.events import Event, EventKind, derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import DETAIL, tell
from bridge.domain.names import Model, Phase
from bridge.domain.target_state import IntentRecord
from bridge.domain.turn import Turn


def notice(turn: Turn, fact: ObservationReported) -> str:
    """Record the first report that the intent was noticed; nothing for a later one, or where no such intent is known.

    Returns the id of the report's event, or the one that it would have had.
    """
    record = _record_meant(turn, fact)
    about = fact.intent_id or "" if record is None else record.id
    fact_id = fact.id or notice_id(about)
    if fact.id is not None:
        turn.remember(fact.id)  # said again about a later intent, it must not look new
    if record is None or record.noticed:
        return fact_id
    record.noticed = True
    moment = min(fact.source_time or turn.at, turn.at)
    turn.remember(fact_id)
    turn.events.append(
        Event(
            id=fact_id,
            kind=EventKind.OBSERVATION_REPORTED,
            received_at=turn.at,
            target=turn.target,
            artifacts=fact.artifacts,
            source_time=fact.source_time,
            intent_id=record.id,
            actor=fact.actor,
            source=fact.source,
            details={DETAIL: tell(noticed=(moment, "report")), **fact.details, "phase": Phase.NOTICED.value},
        )
    )
    return fact_id


def notice_id(intent_id: str) -> str:
    """The id of the report that the intent was noticed, where its reporter gives none."""
    return derive_id("noticed", intent_id)


def _record_meant(turn: Turn, fact: ObservationReported) -> IntentRecord | None:
    """The intent that the report names; without a name, the newest that declares these artifacts (by API, where both do)."""
    for model in (Model.API, Model.GITOPS):
        mine = turn.state.of(model)
        for record in ([] if mine.standing is None else [mine.standing]) + mine.open[::-1]:
            if record.withdrawal:
                continue
            if fact.intent_id == record.id or (fact.intent_id is None and fact.artifacts == record.artifacts):
                return record
    return None
