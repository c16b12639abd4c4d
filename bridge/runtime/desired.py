"""What should run by the API model, kept in memory beside the recorder, with versions that whoever polls can wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence

from bridge.domain.desired import Desired, StandingIntent
from bridge.domain.events import Event
from bridge.domain.fleet import Fleet
from bridge.domain.names import Model


class DesiredState:
    """Implements what the API reads (``api.wiring.DesiredReader``); the recorder tells it what is durable."""

    def __init__(self) -> None:
        """Start unloaded: nobody may be answered before the log is read."""
        self._desired: Desired | None = None
        self._version = 0
        self._versions: dict[str, int] = {}
        self._changed: dict[str | None, asyncio.Event] = {}

    # --- fed by the recorder -------------------------------------------------------------------------------------------

    def restored(self, fleet: Fleet) -> None:
        """Begin anew from the fleet as the log has it."""
        known = set() if self._desired is None else set(self._desired.environments)
        self._desired = Desired(fleet.standing_intents(Model.API))
        self._move_on(known | set(self._desired.environments))

    def recorded(self, events: Iterable[Event]) -> None:
        """Take in a durable batch, and wake who waits for what it changes."""
        if self._desired is not None and (changed := self._desired.follow(events)):
            self._move_on(changed)

    def noticed(self, intents: Iterable[StandingIntent]) -> None:
        """They need not be told as noticed any more, whether that was news or not."""
        if self._desired is not None:
            for intent in intents:
                self._desired.forget_unnoticed(intent.target.environment, (intent.intent_id,))

    def _move_on(self, environments: Collection[str]) -> None:
        self._version += 1
        for environment in environments:
            self._versions[environment] = self._version
        for waited in (None, *environments):
            if (event := self._changed.pop(waited, None)) is not None:
                event.set()

    # --- read by the API -----------------------------------------------------------------------------------------------

    @property
    def loaded(self) -> bool:
        """See the protocol."""
        return self._desired is not None

    @property
    def environments(self) -> Collection[str]:
        """See the protocol."""
        return () if self._desired is None else self._desired.environments

    def version(self, environment: str | None) -> int:
        """See the protocol."""
        return self._version if environment is None else self._versions.get(environment, 0)

    def intents(self, environment: str | None) -> Sequence[StandingIntent]:
        """See the protocol."""
        return () if self._desired is None else self._desired.intents(environment)

    def unnoticed(self, environment: str | None) -> Sequence[StandingIntent]:
        """See the protocol."""
        return () if self._desired is None else self._desired.unnoticed(environment)

    async def wait_beyond(self, environment: str | None, version: int) -> None:
        """See the protocol."""
        while self.version(environment) <= version:
            await self._changed.setdefault(environment, asyncio.Event()).wait()
