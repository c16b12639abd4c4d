"""One observer's way in: feeds side by side, judged in one order; losses, returns and gaps in the log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.facts import Fact, ObservationReported, SourceLost, SourceReturned
from bridge.domain.names import Phase, SourceRef, Target, parse_image
from bridge.errors import DeploybridgeError, Stalled, Unavailable
from bridge.ports import FactOutcome, Feed, Sighting
from bridge.runtime.observing import Observing
from tests.support import scenarios
from tests.support.fake_clock import FakeClock


class ListInbox:
    """Implements ``ports.FactInbox``: keeps what came, with its cursor; ``full`` times it refuses."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.details: list[Any] = []
        self.cursors: dict[str, str] = {}
        self.full = 0
        self.grown = asyncio.Event()

    async def submit(
        self, facts: Sequence[Fact], *, source: str | None = None, cursor: str | None = None, wait: bool = True
    ) -> Sequence[FactOutcome]:
        assert wait
        await asyncio.sleep(0)
        if self.full:
            self.full -= 1
            raise Unavailable("the disk is full")
        for fact in facts:
            match fact:
                case SourceLost():
                    self.words.append("lost")
                case SourceReturned():
                    self.words.append("returned")
                case ObservationReported():
                    self.words.append(str(fact.artifacts[0].tag))
                case _:
                    raise AssertionError(fact)
            self.details.append(fact.details)
        if source is not None and cursor is not None:
            self.cursors[source] = cursor
        self.grown.set()
        return [FactOutcome(str(index), index, appended=True) for index, _ in enumerate(facts)]


Step = Sighting | DeploybridgeError


class ScriptedFeed:
    """Implements ``ports.Feed``: each read gives the next steps of a queue, up to an error."""

    def __init__(self, name: str, *, optional: bool = False) -> None:
        self.name, self.optional = name, optional
        self.steps: asyncio.Queue[Step] = asyncio.Queue()
        self.read_from: list[str | None] = []
        self.asked = 0

    async def read(self, cursor: str | None) -> AsyncGenerator[Sighting, None]:
        self.read_from.append(cursor)
        while True:
            self.asked += 1
            step = await self.steps.get()
            if isinstance(step, DeploybridgeError):
                raise step
            yield step


class ScriptedObserver:
    name = "eu"

    def __init__(self, *feeds: Feed) -> None:
        self.feeds: Sequence[Feed] = feeds

    def details(self) -> Mapping[str, object]:
        return {}


def sight(*tags: str, cursor: str | None = None, caught_up: bool = True, gap: str | None = None) -> Sighting:
    facts = [
        ObservationReported(
            target=Target("shop", "production"),
            artifacts=(parse_image(f"ghcr.io/acme/shop:{tag}"),),
            phase=Phase.LIVE,
            source=SourceRef("kubernetes", "eu"),
        )
        for tag in tags
    ]
    return Sighting(judge=lambda: facts, cursor=cursor, caught_up=caught_up, gap=gap)


class Run:
    def __init__(self, *feeds: ScriptedFeed, lost: bool = False) -> None:
        self.clock = FakeClock(scenarios.EPOCH)
        self.inbox = ListInbox()
        self.observing = Observing(
            observer=ScriptedObserver(*feeds),
            kind="kubernetes",
            inbox=self.inbox,
            clock=self.clock,
            cursors={},
            lost=lost,
            chance=random.Random(1),
        )

    async def until(self, *words: str) -> None:
        """Let time pass until the log says just that."""
        async with asyncio.timeout(10):
            while self.inbox.words != list(words):
                assert self.inbox.words == list(words)[: len(self.inbox.words)]
                await self.pass_time()

    async def pass_time(self, seconds: float = 2.0) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        await asyncio.sleep(0)


@asynccontextmanager
async def running(*feeds: ScriptedFeed, lost: bool = False) -> AsyncGenerator[Run, None]:
    run = Run(*feeds, lost=lost)
    task = asyncio.create_task(run.observing.run())
    try:
        yield run
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_blip_is_no_loss_and_a_feed_goes_on_from_its_recorded_cursor() -> None:
    feed = ScriptedFeed("deployments")
    async with running(feed) as run:
        for step in (sight("v1", cursor="1"), Unavailable("cut"), sight("v2", cursor="2")):
            feed.steps.put_nowait(step)
        await run.until("v1", "v2")
        assert feed.read_from == [None, "1"]
        assert run.inbox.cursors == {"observer:eu:deployments": "2"}
        assert run.observing.status.problem is None


async def test_a_feed_that_stays_away_is_a_loss_and_its_return_comes_before_what_it_saw() -> None:
    feed, other = ScriptedFeed("deployments"), ScriptedFeed("jobs")
    async with running(feed, other) as run:
        other.steps.put_nowait(sight())
        for step in (sight("v1"), Unavailable("cut"), Unavailable("no route"), Unavailable("no route")):
            feed.steps.put_nowait(step)
        await run.until("v1", "lost")
        assert run.inbox.details[1] == {"feed": "deployments", "reason": "no route"}
        other.steps.put_nowait(sight("v2"))
        await run.until("v1", "lost", "v2")
        assert run.observing.status.problem == "no route"
        feed.steps.put_nowait(sight("v3"))
        await run.until("v1", "lost", "v2", "returned", "v3")
        assert run.observing.status.problem is None


async def test_a_refusal_is_a_loss_at_once_but_not_of_an_optional_feed() -> None:
    feed, pods = ScriptedFeed("deployments"), ScriptedFeed("pods", optional=True)
    async with running(feed, pods) as run:
        pods.steps.put_nowait(Stalled("pods is forbidden"))
        feed.steps.put_nowait(sight("v1"))
        await run.until("v1")
        assert run.observing.status.feeds["pods"].problem == "pods is forbidden"
        assert run.observing.status.problem is None
        feed.steps.put_nowait(Stalled("deployments is forbidden"))
        await run.until("v1", "lost")


async def test_an_observer_lost_before_a_restart_returns_when_every_feed_is_back() -> None:
    feed, other = ScriptedFeed("deployments"), ScriptedFeed("jobs")
    async with running(feed, other, lost=True) as run:
        feed.steps.put_nowait(sight("v1"))
        await run.until("v1")
        other.steps.put_nowait(sight("v2"))
        await run.until("v1", "returned", "v2")


async def test_a_gap_is_a_loss_and_a_return_at_once() -> None:
    feed = ScriptedFeed("deployments")
    async with running(feed) as run:
        feed.steps.put_nowait(sight("v1"))
        feed.steps.put_nowait(sight("v2", gap="too old resource version"))
        await run.until("v1", "lost", "returned", "v2")
        assert run.inbox.details[1] == {"feed": "deployments", "reason": "too old resource version"}


async def test_what_the_log_can_not_take_now_is_kept_and_nothing_more_is_read() -> None:
    feed, other = ScriptedFeed("deployments"), ScriptedFeed("jobs")
    async with running(feed, other) as run:
        run.inbox.full = 3
        feed.steps.put_nowait(sight("v1", cursor="1"))
        feed.steps.put_nowait(sight("v2", cursor="2"))
        while run.observing.status.not_recorded is None:
            await run.pass_time(0)
        asked = feed.asked
        other.steps.put_nowait(sight("v3"))
        assert run.observing.status.problem == "what was seen could not be recorded: the disk is full"
        assert feed.asked == asked == 1
        async with asyncio.timeout(10):
            while len(run.inbox.words) < 3:
                await run.pass_time()
        assert run.inbox.words[0] == "v1"
        assert sorted(run.inbox.words) == ["v1", "v2", "v3"]
        assert run.observing.status.problem is None


async def test_a_cursor_alone_is_stored_now_and_then_only() -> None:
    feed = ScriptedFeed("deployments")
    async with running(feed) as run:
        for number in range(5):
            feed.steps.put_nowait(sight(cursor=str(number)))
        await run.pass_time(0)
        await run.pass_time(0)
        await run.pass_time(0)
        assert run.inbox.cursors == {"observer:eu:deployments": "0"}
        await run.pass_time(11)
        feed.steps.put_nowait(sight(cursor="9"))
        while run.inbox.cursors != {"observer:eu:deployments": "9"}:
            await run.pass_time(0)


@pytest.mark.parametrize("asked", [20.0, 500.0])
async def test_retry_after_is_honoured_within_a_minute(asked: float) -> None:
    feed = ScriptedFeed("deployments")
    async with running(feed) as run:
        feed.steps.put_nowait(Unavailable("429", retry_after=timedelta(seconds=asked)))
        await run.pass_time(15)
        assert len(feed.read_from) == 1
        await run.pass_time(50)
        await run.pass_time(0)
        assert len(feed.read_from) == 2
