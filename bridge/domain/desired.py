"""What should run by the API model: the standing intents, kept up to date from what is appended to the log.

A standing intent is the newest declaration of its target that was not withdrawn. It stands whatever became of it: an intent
that failed or was missed is still wished for, until the next one replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.names import ImageRef, Model, Phase, Target
from bridge.domain.target_state import IntentRecord


@dataclass(frozen=True, slots=True)
class StandingIntent:
    """What one target should run, and who wished it when."""

    target: Target
    intent_id: str
    artifacts: tuple[ImageRef, ...]
    declared_at: datetime
    actor: str | None


class Desired:
    """All targets of the API model. Only what is durable is fed to it, so that nobody is told of an intent that is not."""

    def __init__(self, standing: Mapping[Target, IntentRecord] | None = None) -> None:
        """Begin with what the fleet has, withdrawals included: they make their environments known."""
        self._by_environment: dict[str, dict[str, StandingIntent]] = {}
        self._unnoticed: dict[str, dict[str, StandingIntent]] = {}
        for target, record in (standing or {}).items():
            self._by_environment.setdefault(target.environment, {})
            if not record.withdrawal:
                intent = StandingIntent(target, record.id, record.artifacts, record.declared_at, record.actor)
                self._stand(intent, noticed=record.noticed)

    def follow(self, events: Iterable[Event]) -> set[str]:
        """Take in what was appended; the environments in which something else is desired now."""
        changed = set()
        for event in events:
            if event.target is None:
                continue
            if event.kind is EventKind.OBSERVATION_REPORTED:
                if event.intent_id is not None and event.details.get("phase") == Phase.NOTICED:
                    self.forget_unnoticed(event.target.environment, (event.intent_id,))
            elif event.track is Track.API:  # a belated one is of no track: it changes nothing of what stands
                assert event.model is Model.API
                self._change(event, event.target)
                changed.add(event.target.environment)
        return changed

    @property
    def environments(self) -> Collection[str]:
        """Those in which something was ever declared by API."""
        return self._by_environment.keys()

    def intents(self, environment: str | None) -> list[StandingIntent]:
        """What should run there (None: everywhere), by environment and service."""
        names = sorted(self._by_environment) if environment is None else [environment]
        found = (sorted(self._by_environment.get(name, {}).items()) for name in names)
        return [intent for services in found for _, intent in services]

    def unnoticed(self, environment: str | None) -> list[StandingIntent]:
        """Those that no CD system is known to have read, in no order."""
        names = list(self._unnoticed) if environment is None else [environment]
        return [intent for name in names for intent in self._unnoticed.get(name, {}).values()]

    def forget_unnoticed(self, environment: str, intent_ids: Iterable[str]) -> None:
        """They were noticed."""
        waiting = self._unnoticed.get(environment)
        if waiting is None:
            return
        for intent_id in intent_ids:
            waiting.pop(intent_id, None)
        if not waiting:
            del self._unnoticed[environment]

    def _change(self, event: Event, target: Target) -> None:
        services = self._by_environment.setdefault(target.environment, {})
        replaced = services.pop(target.service, None)
        if replaced is not None:
            self.forget_unnoticed(target.environment, (replaced.intent_id,))
        if event.kind is EventKind.INTENT_DECLARED:
            assert event.declared_at is not None
            self._stand(
                StandingIntent(target, event.id, event.artifacts, event.declared_at, event.actor), noticed=False
            )

    def _stand(self, intent: StandingIntent, *, noticed: bool) -> None:
        environment = intent.target.environment
        self._by_environment.setdefault(environment, {})[intent.target.service] = intent
        if not noticed:
            self._unnoticed.setdefault(environment, {})[intent.intent_id] = intent
