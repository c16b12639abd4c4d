"""THE composition room: settings in, open adapters and running tasks out. The only importer of ``adapters``.

``open_bridge`` is the whole daemon as a context manager, so that tests and several bridges in one process use the same door
as ``serve``. Parts close in the order in which data flows: API, sources, inbox, recorder, log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import structlog
from pydantic import BaseModel

from adapters import catalog
from bridge.api.app import build_app
from bridge.api.auth import Token
from bridge.api.server import Listener, open_listener
from bridge.api.wiring import ApiWiring, HealthReport
from bridge.clock import Clock, SystemClock
from bridge.domain.facts import ConfigChanged
from bridge.ports import EventReader, IntentSource
from bridge.runtime import replay
from bridge.runtime.health import HealthBoard
from bridge.runtime.inbox import Inbox
from bridge.runtime.intake import Intake, IntakeStatus
from bridge.runtime.lock import exclusive
from bridge.runtime.recorder import Recorder
from bridge.runtime.supervise import Crew, forever, task_group
from bridge.runtime.tail import Tail
from bridge.settings import AdapterSettings, Mode, Settings, changed_keys, is_loopback, load_settings
from bridge.telemetry.metrics import Metrics

_ONLY_AT_START = frozenset({"data_dir", "listen", "log.format", "log.level", "shutdown_limit"})

_LOG = "log.sqlite"

log = structlog.get_logger()


def adapter_settings() -> AdapterSettings:
    """The configuration tables of all adapters, by role and kind."""
    return catalog.import_settings()


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        Refused: with every error in it, line by line.
    """
    return load_settings(path, adapter_settings())


def _log_adapter() -> ModuleType:
    return catalog.import_adapter("eventlog", "sqlite")


def open_reader(settings: Settings) -> AbstractAsyncContextManager[EventReader]:
    """The log for reading only, beside a running daemon or without one."""
    opened: AbstractAsyncContextManager[EventReader] = _log_adapter().open_reader(settings.data_dir / _LOG)
    return opened


def api_tokens(settings: Settings) -> tuple[Token, ...]:
    """The clients of the API as it checks them."""
    return tuple(Token(each.name, each.hash, each.parsed_scopes) for each in settings.tokens)


def bind_address(settings: Settings) -> tuple[str, int]:
    """Where to listen: as configured, but on loopback only while there are no tokens."""
    host, port = settings.listen_address
    return (host, port) if settings.tokens or is_loopback(host) else ("127.0.0.1", port)


@dataclass(slots=True, kw_only=True)
class Core:
    """The writing half of a bridge: log, recorder and the door to them."""

    started: Settings  # what the log, the mirrors and the port were opened by; it holds until a restart
    settings: Settings
    clock: Clock
    inbox: Inbox
    reader: EventReader
    tail: Tail
    recorder: Recorder
    metrics: Metrics
    board: HealthBoard
    tokens: tuple[Token, ...]


@dataclass(slots=True, kw_only=True)
class Bridge:
    """A running bridge."""

    core: Core
    listener: Listener
    sources: Sources

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
        core.settings, core.tokens = settings, api_tokens(settings)
        await record_config(core, reason="reload", changed=changed, needs_restart=waiting)
        if any(key.partition(".")[0] in {"sources", "mode"} for key in changed):
            await self.sources.replace()
        log.info("config_applied", changed=changed, needs_restart=waiting)


class Sources:
    """The running intakes; replaced as a whole when the configuration of the sources changes."""

    def __init__(self, core: Core, group: asyncio.TaskGroup) -> None:
        """Own the intake tasks of ``core`` in ``group``."""
        self._core = core
        self._crew = Crew(group)

    def start(self) -> None:
        """Begin to take every configured source in."""
        core = self._core
        core.board.sources.clear()
        if core.settings.mode is Mode.API:
            return
        for settings in core.settings.sources:
            name = f"intake:{settings.name}"  # type: ignore[attr-defined]  # every source's table has a name
            self._crew.start(name, forever(name, self._take_in(settings)))

    async def stop(self) -> None:
        """End every intake; what it submitted is still recorded."""
        await self._crew.stop()

    async def replace(self) -> None:
        """Stop them all and start those of the present configuration, each from its cursor."""
        await self.stop()
        self.start()

    async def _take_in(self, settings: BaseModel) -> None:
        async with open_intake(self._core, settings, self._progressed) as intake:
            self._core.board.sources[intake.source.name] = intake.status
            await intake.run()

    def _progressed(self, status: IntakeStatus) -> None:
        if status.problem is not None:
            self._core.metrics.source_failed(status.name)
        elif status.succeeded_at is not None:
            self._core.metrics.source_succeeded(status.name, status.succeeded_at)


@asynccontextmanager
async def open_intake(
    core: Core, settings: BaseModel, on_progress: Callable[[IntakeStatus], None]
) -> AsyncIterator[Intake]:
    """Open one source and the intake that carries it to the inbox, from its cursor on."""
    kind: str = settings.kind  # type: ignore[attr-defined]  # every adapter's table has a kind
    adapter = catalog.import_adapter("source", kind)
    source: IntentSource
    async with adapter.open_adapter(settings, data_dir=core.started.data_dir, clock=core.clock) as source:
        yield Intake(
            source=source,
            kind=kind,
            inbox=core.inbox,
            clock=core.clock,
            cursor=core.recorder.cursors.get(source.name),
            standing=lambda: core.recorder.fleet.standing(source.model, source.name),
            lost=f"{source.model}:{source.name}" in core.recorder.fleet.lost_sources(),
            on_progress=on_progress,
        )


@asynccontextmanager
async def open_core(settings: Settings, clock: Clock) -> AsyncIterator[Core]:
    """Hold the data directory, open the log, rebuild the fleet and record; what was submitted is recorded before the exit.

    Raises:
        Refused: another process holds the data directory.
        Unavailable, Stalled, InvariantBroken: the log can't be opened.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(exclusive(settings.data_dir))
        store = await stack.enter_async_context(_log_adapter().open_adapter(settings.data_dir / _LOG))
        inbox, tail, metrics = Inbox(), Tail(), Metrics()
        recorder = Recorder(
            inbox=inbox,
            event_log=store.log,
            reader=store.reader,
            tail=tail,
            clock=clock,
            on_recorded=lambda events, position, seconds: metrics.recorded(events, position=position, seconds=seconds),
        )
        await recorder.restore()
        metrics.restored(position=tail.position, open_drifts=recorder.fleet.drifting())
        metrics.watch_inbox(lambda: inbox.depth)
        core = Core(
            started=settings,
            settings=settings,
            clock=clock,
            inbox=inbox,
            reader=store.reader,
            tail=tail,
            recorder=recorder,
            metrics=metrics,
            board=HealthBoard(),
            tokens=api_tokens(settings),
        )
        async with task_group() as group:
            crew = Crew(group)
            recording = group.create_task(recorder.run(), name="recorder")
            crew.start("deadlines", forever("deadlines", recorder.ring_deadlines()))
            try:
                await record_config(core, reason="start", changed=[], needs_restart=[])
                yield core
            finally:
                inbox.close()
                await asyncio.wait({recording})
                await crew.stop()


async def record_config(core: Core, *, reason: str, changed: list[str], needs_restart: list[str]) -> None:
    """Record the rules that hold from now on; nothing, if the log has them already."""
    details = {"reason": reason, "changed": changed, "needs_restart": needs_restart}
    fact = ConfigChanged(digest=core.settings.digest(), policies=core.settings.policies(), details=details)
    await core.inbox.submit([fact])


@asynccontextmanager
async def open_bridge(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bridge]:
    """Run the whole daemon for as long as the context lasts; end it in order within ``shutdown_limit``.

    Raises:
        Refused, Unavailable, Stalled, InvariantBroken: it can't start, or a part of it failed for good.
    """
    limit = settings.shutdown_limit.total_seconds()
    async with open_core(settings, clock or SystemClock()) as core, task_group() as group:
        sources = Sources(core, group)
        listener = await open_listener(build_app(_wiring(core)), *bind_address(settings), drain_seconds=limit)
        try:
            sources.start()
            yield Bridge(core=core, listener=listener, sources=sources)
        finally:
            await listener.close()
            await sources.stop()


def _wiring(core: Core) -> ApiWiring:
    def health() -> HealthReport:
        report = core.board.report()
        failure = core.recorder.failure
        report["log"] = {"position": core.tail.position, "waiting": core.inbox.depth, "problem": failure}
        report["mode"] = core.settings.mode.value
        report["version"] = version("deploybridge")
        if failure is not None:
            report["status"] = "unavailable"
        return HealthReport(ready=failure is None, details=report)

    return ApiWiring(
        inbox=core.inbox,
        tail=core.tail,
        reader=core.reader,
        clock=core.clock,
        metrics=core.metrics,
        tokens=lambda: core.tokens,
        health=health,
        policies=lambda: core.recorder.fleet.policies,
        intents_allowed=lambda: core.settings.mode is not Mode.GITOPS,
        version=version("deploybridge"),
    )


# --- without a daemon ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What one source gave."""

    source: str
    landings: int
    intents: int
    withdrawn: int
    unreadable: int
    seconds: float
    tip: str | None
    error: str | None


async def import_once(settings: Settings, on_progress: Callable[[IntakeStatus], None]) -> list[ImportSummary]:
    """Catch up with every source once. One that can't be read is summed up with its error; the others go on.

    Raises:
        Refused: a daemon runs on the same data directory.
    """
    summaries = []
    async with open_core(settings, SystemClock()) as core:
        for each in settings.sources:
            async with open_intake(core, each, on_progress) as intake:
                began = core.clock.monotonic()
                await intake.attempt()
                status = intake.status
                summaries.append(
                    ImportSummary(
                        source=status.name,
                        landings=status.landings,
                        intents=status.intents,
                        withdrawn=status.withdrawn,
                        unreadable=status.unreadable,
                        seconds=round(core.clock.monotonic() - began, 3),
                        tip=status.revision,
                        error=status.problem,
                    )
                )
    return summaries


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Whether the chain holds; else the first position that does not, and why."""

    ok: bool
    events: int
    last_hash: str
    broken_at: int | None
    reason: str | None


async def verify_log(settings: Settings, on_progress: Callable[[int, int | None], None]) -> VerifyResult:
    """Prove that nothing in the log was changed or cut out."""
    async with _log_adapter().open_reader(settings.data_dir / _LOG) as reader:
        proof = await reader.verify(on_progress)
    broken = proof.broken
    return VerifyResult(
        ok=broken is None,
        events=proof.count,
        last_hash=proof.last_hash,
        broken_at=None if broken is None else broken.position,
        reason=None if broken is None else broken.reason,
    )


async def replay_check(settings: Settings, on_progress: Callable[[int, int | None], None]) -> replay.ReplayResult:
    """Prove that the log's facts lead to the log's conclusions."""
    async with open_reader(settings) as reader:
        return await replay.check(reader, on_progress)
