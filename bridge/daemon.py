"""The whole daemon as a context manager, so that tests and several bridges in one process use the same door as ``serve``.

Parts close in the order in which data flows: API, sources, inbox, recorder, log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import structlog
from pydantic import BaseModel

from bridge.api.app import build_app
from bridge.api.auth import Token
from bridge.api.server import Listener, open_listener
from bridge.api.wiring import ApiWiring, HealthReport, Hook
from bridge.clock import Clock, SystemClock
from bridge.compose import Core, open_core, open_decoders, open_intake, open_observing, record_config
from bridge.ports import Hint
from bridge.runtime.health import ObserverHealth
from bridge.runtime.intake import Intake, IntakeStatus
from bridge.runtime.noticing import Noticing
from bridge.runtime.observing import ObserverStatus
from bridge.runtime.supervise import Crew, forever, task_group
from bridge.settings import Mode, Settings, changed_keys, is_loopback

_ONLY_AT_START = frozenset({"data_dir", "listen", "log.format", "log.level", "shutdown_limit"})
_APART = 0.02  # seconds between the first polls of two sources: 300 begin within 6 s

log = structlog.get_logger()


def api_tokens(settings: Settings) -> tuple[Token, ...]:
    """The clients of the API as it checks them."""
    return tuple(Token(each.name, each.hash, each.parsed_scopes) for each in settings.tokens)


def bind_address(settings: Settings) -> tuple[str, int]:
    """Where to listen: as configured, but on loopback only while there are no tokens."""
    host, port = settings.listen_address
    return (host, port) if settings.tokens or is_loopback(host) else ("127.0.0.1", port)


@dataclass(slots=True, kw_only=True)
class Bridge:
    """A running bridge."""

    core: Core
    listener: Listener
    sources: Sources
    observers: Observers

    @property
    def url(self) -> str:
        """Where the API listens."""
        return self.listener.url

    async def apply(self, settings: Settings) -> None:
        """Let a changed configuration take effect, and record that it did."""
        core = self.core
        changed = changed_keys(core.settings, settings)
        if not changed:
            return
        waiting = [key for key in changed_keys(core.started, settings) if key in _ONLY_AT_START]
        core.board.needs_restart = waiting
        core.settings = settings
        await record_config(core, reason="reload", changed=changed, needs_restart=waiting)
        if any(key.partition(".")[0] in {"sources", "mode"} for key in changed):
            await self.sources.replace()
        if any(key.partition(".")[0] == "observers" for key in changed):
            await self.observers.replace()
        log.info("config_applied", changed=changed, needs_restart=waiting)


class Sources:
    """The running intakes; replaced as a whole when the configuration of the sources changes."""

    def __init__(self, core: Core, group: asyncio.TaskGroup) -> None:
        """Own the intake tasks of ``core`` in ``group``."""
        self._core = core
        self._crew = Crew(group)
        self._intakes: dict[str, Intake] = {}

    def start(self) -> None:
        """Begin to take every configured source in."""
        core = self._core
        core.board.sources.clear()
        if core.settings.mode is Mode.API:
            return
        for index, settings in enumerate(core.settings.sources):
            name = f"intake:{settings.name}"  # type: ignore[attr-defined]  # every source's table has a name
            self._crew.start(name, forever(name, self._take_in(settings, begin_after=index * _APART)))

    async def stop(self) -> None:
        """End every intake; what it submitted is still recorded."""
        await self._crew.stop()

    async def replace(self) -> None:
        """Stop them all and start those of the present configuration, each from its cursor."""
        await self.stop()
        self.start()

    async def _take_in(self, settings: BaseModel, *, begin_after: float) -> None:
        async with open_intake(self._core, settings, self._progressed) as intake:
            name = intake.source.name
            self._core.board.sources[name] = intake.status
            self._intakes[name] = intake
            try:
                await intake.run(begin_after=begin_after)
            finally:
                del self._intakes[name]

    def wake(self, names: Sequence[str], hints: Sequence[Hint]) -> list[str]:
        """Let the sources that a hint is meant for poll now, of those named (none: of all), and return their names."""
        woken = []
        for name, intake in self._intakes.items():
            if names and name not in names:
                continue
            if any(intake.source.is_meant_by(hint, named=bool(names)) for hint in hints):
                intake.hint()
                woken.append(name)
        return woken

    def _progressed(self, status: IntakeStatus) -> None:
        if status.problem is not None:
            self._core.metrics.source_failed(status.name)
        elif status.succeeded_at is not None:
            self._core.metrics.source_succeeded(status.name, status.succeeded_at)


class Observers:
    """The running observers; replaced as a whole when their configuration changes."""

    def __init__(self, core: Core, group: asyncio.TaskGroup) -> None:
        """Own the observers' tasks in ``group``."""
        self._core = core
        self._crew = Crew(group)

    def start(self) -> None:
        """Begin to take in what every configured observer sees."""
        self._core.board.observers.clear()
        for settings in self._core.settings.observers:
            name = f"observer:{settings.name}"  # type: ignore[attr-defined]  # every observer's table has a name
            self._crew.start(name, forever(name, self._take_in(settings)))

    async def stop(self) -> None:
        """End every observer; what it submitted is still recorded."""
        await self._crew.stop()

    async def replace(self) -> None:
        """Stop them all and start those of the present configuration, each from its cursors."""
        await self.stop()
        self.start()

    async def _take_in(self, settings: BaseModel) -> None:
        async with open_observing(self._core, settings, self._progressed) as observing:
            health = ObserverHealth(observing.status, observing.observer.details)
            self._core.board.observers[observing.observer.name] = health
            await observing.run()

    def _progressed(self, status: ObserverStatus) -> None:
        if status.problem is not None:
            self._core.metrics.source_failed(status.name)
        elif status.seen_at is not None:
            self._core.metrics.source_succeeded(status.name, status.seen_at)


@asynccontextmanager
async def open_bridge(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bridge]:
    """Run the whole daemon for as long as the context lasts; end it in order within ``shutdown_limit``.

    Raises:
        Refused, Unavailable, Stalled, InvariantBroken: it can't start, or a part of it failed for good.
    """
    limit = settings.shutdown_limit.total_seconds()
    async with open_core(settings, clock or SystemClock()) as core, task_group() as group:
        sources, observers = Sources(core, group), Observers(core, group)
        noticing = Noticing(inbox=core.inbox, clock=core.clock, on_recorded=core.desired.noticed)
        crew = Crew(group)
        app = build_app(_wiring(core, sources, noticing))
        listener = await open_listener(app, *bind_address(settings), drain_seconds=limit)
        try:
            crew.start("noticing", forever("noticing", noticing.run()))
            sources.start()
            observers.start()
            yield Bridge(core=core, listener=listener, sources=sources, observers=observers)
        finally:
            await listener.close()
            await crew.stop()
            await noticing.finish()
            await observers.stop()
            await sources.stop()


def _hooks(settings: Settings) -> dict[str, Hook]:
    return {
        each.name: Hook(name=each.name, decoder=decoder, read_secrets=each.read_secrets, wakes=each.wakes)
        for each, decoder in open_decoders(settings)
    }


def _wiring(core: Core, sources: Sources, noticing: Noticing) -> ApiWiring:
    def health() -> HealthReport:
        report = core.board.report()
        failure = core.recorder.failure
        report["log"] = {"position": core.tail.position, "waiting": core.inbox.depth, "problem": failure}
        report["mode"] = core.settings.mode.value
        report["version"] = version("deploybridge")
        if failure is not None:
            report["status"] = "unavailable"
        return HealthReport(ready=failure is None, details=report)

    checked = core.settings, api_tokens(core.settings)

    def tokens() -> tuple[Token, ...]:
        nonlocal checked
        if checked[0] is not core.settings:
            checked = core.settings, api_tokens(core.settings)
        return checked[1]  # the same object until the next reload, so that the API may remember whom it has verified

    opened = core.settings, _hooks(core.settings)

    def hook(name: str) -> Hook | None:
        nonlocal opened
        if opened[0] is not core.settings:
            opened = core.settings, _hooks(core.settings)
        return opened[1].get(name)

    return ApiWiring(
        inbox=core.inbox,
        tail=core.tail,
        reader=core.reader,
        clock=core.clock,
        metrics=core.metrics,
        tokens=tokens,
        health=health,
        policies=lambda: core.recorder.fleet.policies,
        desired=core.desired,
        notices=noticing,
        may_be_empty=lambda name: any(each.name == name and each.may_be_empty for each in core.settings.environments),
        intents_allowed=lambda: core.settings.mode is not Mode.GITOPS,
        hook=hook,
        wake=sources.wake,
        version=version("deploybridge"),
        disputes=core.board.disputes,
    )
