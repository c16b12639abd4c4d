"""THE composition room: settings in, open adapters and running tasks out. The only importer of ``adapters``.

Here is the writing half that every verb shares, and the verbs that need no daemon; ``bridge/daemon.py`` puts the API and the
sources around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

from adapters import catalog
from bridge.clock import Clock, SystemClock
from bridge.domain.events import Event
from bridge.domain.facts import ConfigChanged
from bridge.formats.declarations.proposals import discovery
from bridge.formats.declarations.proposals.discovery import Discovered
from bridge.formats.hook_settings import HookSettings
from bridge.ports import EventReader, HookDecoder, IntentSource, Observer
from bridge.runtime import replay
from bridge.runtime.desired import DesiredState
from bridge.runtime.health import HealthBoard
from bridge.runtime.inbox import Inbox
from bridge.runtime.intake import Intake, IntakeStatus
from bridge.runtime.lock import exclusive
from bridge.runtime.observing import ObserverStatus, Observing, cursor_key
from bridge.runtime.recorder import Recorder
from bridge.runtime.supervise import Crew, forever, task_group
from bridge.runtime.tail import Tail
from bridge.settings import AdapterSettings, Settings, load_settings
from bridge.telemetry.metrics import Metrics

_LOG = "log.sqlite"


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
    desired: DesiredState
    metrics: Metrics
    board: HealthBoard
    stack: AsyncExitStack  # closes what is opened when it is first needed
    shared: dict[str, object] = field(default_factory=dict)  # by kind of source: what all of that kind share
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


@asynccontextmanager
async def open_intake(
    core: Core, settings: BaseModel, on_progress: Callable[[IntakeStatus], None]
) -> AsyncIterator[Intake]:
    """Open one source and the intake that carries it to the inbox, from its cursor on."""
    kind: str = settings.kind  # type: ignore[attr-defined]  # every adapter's table has a kind
    adapter = catalog.import_adapter("source", kind)
    source: IntentSource
    async with core.opening:
        if kind not in core.shared:
            core.shared[kind] = await core.stack.enter_async_context(adapter.open_shared())
    shared = core.shared[kind]
    async with adapter.open_adapter(
        settings, data_dir=core.started.data_dir, clock=core.clock, shared=shared
    ) as source:
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


def open_decoders(settings: Settings) -> Iterator[tuple[HookSettings, HookDecoder]]:
    """The configured hooks, each with the decoder of its kind."""
    for each in settings.hooks:
        assert isinstance(each, HookSettings), "every hook's table is built on it"
        kind: str = each.kind  # type: ignore[attr-defined]  # every adapter's table has a kind
        yield each, catalog.import_adapter("hook", kind).open_decoder(each)


@asynccontextmanager
async def open_observing(
    core: Core, settings: BaseModel, on_progress: Callable[[ObserverStatus], None]
) -> AsyncIterator[Observing]:
    """Open one observer and what carries it to the inbox, each of its feeds from its cursor on."""
    kind: str = settings.kind  # type: ignore[attr-defined]  # every observer's table has a kind and a name
    adapter = catalog.import_adapter("observer", kind)
    reported = core.recorder.fleet.reported(settings.name)  # type: ignore[attr-defined]
    observer: Observer
    async with adapter.open_adapter(settings, clock=core.clock, reported=reported) as observer:
        stored = {feed.name: core.recorder.cursors.get(cursor_key(observer.name, feed.name)) for feed in observer.feeds}
        yield Observing(
            observer=observer,
            kind=kind,
            inbox=core.inbox,
            clock=core.clock,
            cursors={name: cursor for name, cursor in stored.items() if cursor is not None},
            lost=f"observer:{observer.name}" in core.recorder.fleet.lost_sources(),
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
        inbox, tail, metrics, desired = Inbox(), Tail(), Metrics(), DesiredState()

        def on_recorded(events: Sequence[Event], position: int, seconds: float) -> None:
            metrics.recorded(events, position=position, seconds=seconds)
            desired.recorded(events)

        recorder = Recorder(
            inbox=inbox,
            event_log=store.log,
            reader=store.reader,
            tail=tail,
            clock=clock,
            on_recorded=on_recorded,
            on_restored=desired.restored,
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
            desired=desired,
            metrics=metrics,
            board=HealthBoard(),
            stack=stack,
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
    targets: int  # that it declares now


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
                        targets=len(intake.standing()),
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


def discover(
    address: str, branch: str | None, credentials: Mapping[str, object], on_progress: Callable[[int, int | None], None]
) -> Discovered:
    """Propose rules for an infra repository, read-only. ``credentials``: the table of a Git source.

    Raises:
        Refused: the address or the branch is none.
        Stalled, Unavailable: the repository can't be read.
    """
    with catalog.import_adapter("source", "git").open_sample(address, branch, credentials, on_progress) as sample:
        return discovery.discover(sample, on_progress)
