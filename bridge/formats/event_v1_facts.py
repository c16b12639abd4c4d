"""A fact's event back into the fact, for replay: what the core was told, with the derived ids it settled on."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.events import Event, EventKind
from bridge.domain.facts import (
    ConfigChanged,
    Details,
    Fact,
    IntentDeclared,
    IntentWithdrawn,
    ObservationReported,
    SourceLost,
    SourceReturned,
    SourceRewritten,
)
from bridge.domain.names import Model, Phase, SourceRef, Target
from bridge.domain.policies import Policies


def to_fact(event: Event) -> Fact:
    """Restore the fact that ``event`` records.

    ``details`` loses the keys under which the event keeps parts of the fact: ``phase``, ``pushed`` and ``aside`` of an
    observation, ``targets`` of a loss and a return, ``digest`` and ``policies`` of a configuration.

    Raises:
        ValueError: it is a conclusion, or lacks a part that its fact must have; the text names the event and the part.
    """
    match event.kind:
        case EventKind.INTENT_DECLARED:
            return _declared(event)
        case EventKind.INTENT_WITHDRAWN:
            return _withdrawn(event)
        case EventKind.OBSERVATION_REPORTED:
            return _observation(event)
        case EventKind.SOURCE_LOST:
            return SourceLost(
                source=_source(event),
                model=event.model,
                targets=_targets(event),
                details=_without(event.details, "targets"),
            )
        case EventKind.SOURCE_RETURNED:
            return SourceReturned(
                source=_source(event),
                model=event.model,
                targets=_targets(event),
                details=_without(event.details, "targets"),
            )
        case EventKind.SOURCE_REWRITTEN:
            return SourceRewritten(id=event.id, source=_source(event), model=_model(event), details=event.details)
        case EventKind.CONFIG_CHANGED:
            return _config(event)
        case _:
            msg = f"event {event.id} is a conclusion ({event.kind}), no fact"
            raise ValueError(msg)


def _declared(event: Event) -> IntentDeclared:
    return IntentDeclared(
        id=event.id,
        model=_model(event),
        target=_target(event),
        artifacts=event.artifacts,
        previous_artifacts=event.previous_artifacts,
        declared_at=_declared_at(event),
        source=_source(event),
        actor=event.actor,
        backfilled=event.backfilled,
        details=event.details,
    )


def _withdrawn(event: Event) -> IntentWithdrawn:
    return IntentWithdrawn(
        id=event.id,
        model=_model(event),
        target=_target(event),
        previous_artifacts=event.previous_artifacts,
        declared_at=_declared_at(event),
        source=_source(event),
        actor=event.actor,
        backfilled=event.backfilled,
        details=event.details,
    )


def _observation(event: Event) -> ObservationReported:
    phase = event.details.get("phase")
    if phase not in list(Phase):
        raise _lacks(event, "details.phase")
    return ObservationReported(
        id=event.id,
        target=_target(event),
        artifacts=event.artifacts,
        phase=Phase(str(phase)),
        source=_source(event),
        source_time=event.source_time,
        actor=event.actor,
        intent_id=event.intent_id,
        pushed=event.details.get("pushed") is True,
        backfilled=event.backfilled,
        details=_without(event.details, "phase", "pushed", "aside"),
    )


def _config(event: Event) -> ConfigChanged:
    digest, policies = event.details.get("digest"), event.details.get("policies")
    if not isinstance(digest, str):
        raise _lacks(event, "details.digest")
    if not isinstance(policies, dict):
        raise _lacks(event, "details.policies")
    return ConfigChanged(
        digest=digest,
        policies=Policies.from_details(policies),
        details=_without(event.details, "digest", "policies"),
    )


def _targets(event: Event) -> tuple[Target, ...]:
    entries = event.details.get("targets", [])
    if not isinstance(entries, list | tuple):
        raise _lacks(event, "details.targets")
    try:
        return tuple(Target(entry["service"], entry["environment"]) for entry in entries)
    except (TypeError, KeyError):
        raise _lacks(event, "details.targets: service and environment of each") from None


def _target(event: Event) -> Target:
    if event.target is None:
        raise _lacks(event, "service and environment")
    return event.target


def _model(event: Event) -> Model:
    if event.model is None:
        raise _lacks(event, "model")
    return event.model


def _declared_at(event: Event) -> datetime:
    if event.declared_at is None:
        raise _lacks(event, "declared_at")
    return event.declared_at


def _source(event: Event) -> SourceRef:
    if event.source is None:
        raise _lacks(event, "source")
    return event.source


def _without(details: Details, *keys: str) -> Details:
    return {key: value for key, value in details.items() if key not in keys}


def _lacks(event: Event, part: str) -> ValueError:
    return ValueError(f"event {event.id} ({event.kind}) can't be read as its fact: {part} is missing or malformed")
