"""One source's way in: pass after pass, and what the log says when it is lost and when it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from bridge.domain.facts import Fact, IntentDeclared, SourceLost, SourceReturned
from bridge.domain.names import Model
from bridge.domain.noise import CommitCount
from bridge.errors import DeploybridgeError, Stalled, Unavailable
from bridge.ports import FactOutcome, Hint, SourceBatch, Standing
from bridge.runtime.intake import Intake
from tests.support import scenarios
from tests.support.fake_clock import FakeClock


class ListInbox:
    """Implements ``ports.FactInbox``: keeps what came, with its cursor."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.cursors: list[str | None] = []
        self.full = False

    async def submit(
        self,
        facts: Sequence[Fact],
        *,
        source: str | None = None,
        cursor: str | None = None,
        commits: CommitCount | None = None,
        wait: bool = True,
    ) -> Sequence[FactOutcome]:
        assert wait
        del source, commits  # the cursor tells enough here
        if self.full:
            raise Unavailable("the disk is full")
        first = len(self.facts) + 1
        self.facts += facts
        if cursor is not None:
            self.cursors.append(cursor)
        return [FactOutcome(str(number), number, appended=True) for number in range(first, len(self.facts) + 1)]


class ScriptedSource:
    """Implements ``ports.IntentSource``: each pass gives the next batches of the script, or raises what stands there."""

    name, model, poll_interval = "infra", Model.GITOPS, 30.0

    def __init__(self, *passes: list[SourceBatch] | DeploybridgeError) -> None:
        self._passes = list(passes)
        self.read_from: list[str | None] = []

    async def read(self, cursor: str | None, standing: Standing) -> AsyncIterator[SourceBatch]:
        assert standing == {}
        self.read_from.append(cursor)
        what = self._passes.pop(0)
        if isinstance(what, DeploybridgeError):
            raise what
        for batch in what:
            yield batch

    async def wait_for_change(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def is_meant_by(self, hint: Hint, *, named: bool) -> bool:
        raise AssertionError(hint, named)


def intake(source: ScriptedSource, *, lost: bool = False) -> tuple[Intake, ListInbox]:
    inbox = ListInbox()
    made = Intake(
        source=source,
        kind="git",
        inbox=inbox,
        clock=FakeClock(scenarios.EPOCH),
        cursor=None,
        standing=dict,
        lost=lost,
        chance=random.Random(1),
    )
    return made, inbox


def landing(tag: str) -> SourceBatch:
    fact = scenarios.steps({"facts": [{"at": "0:00", "intent": tag, "id": tag}]})[0].fact
    assert isinstance(fact, IntentDeclared)
    return SourceBatch([fact], cursor=f"after {tag}", landings=1, revision=tag)


async def test_each_pass_goes_on_from_the_cursor_of_the_last_recorded_batch() -> None:
    source = ScriptedSource([landing("v1"), landing("v2")], [landing("v3")])
    taking, inbox = intake(source)
    await taking.attempt()
    await taking.attempt()
    assert source.read_from == [None, "after v2"]
    assert inbox.cursors == ["after v1", "after v2", "after v3"]
    assert (taking.status.landings, taking.status.intents, taking.status.revision) == (3, 3, "v3")


async def test_one_failed_poll_is_no_loss_a_second_one_is_and_it_is_said_once() -> None:
    blip = Unavailable("no route to host")
    taking, inbox = intake(ScriptedSource(blip, blip, blip, blip))
    await taking.attempt()
    assert inbox.facts == []
    for _ in range(3):
        await taking.attempt()
    assert [type(fact) for fact in inbox.facts] == [SourceLost]
    assert taking.status.problem == "no route to host"


async def test_a_stalled_source_is_lost_at_once() -> None:
    taking, inbox = intake(ScriptedSource(Stalled("the branch is gone")))
    await taking.attempt()
    [fact] = inbox.facts
    assert isinstance(fact, SourceLost)
    assert fact.details == {"reason": "the branch is gone"}


@pytest.mark.parametrize("found", [[], [landing("v1")]], ids=["nothing new", "a landing"])
async def test_a_return_is_recorded_before_what_was_found(found: list[SourceBatch]) -> None:
    taking, inbox = intake(ScriptedSource(Stalled("gone"), found))
    await taking.attempt()
    await taking.attempt()
    assert [type(fact) for fact in inbox.facts] == [SourceLost, SourceReturned] + [IntentDeclared] * len(found)
    assert (taking.status.failures, taking.status.problem) == (0, None)


async def test_a_loss_that_the_last_daemon_recorded_is_ended_by_this_one() -> None:
    taking, inbox = intake(ScriptedSource([]), lost=True)
    await taking.attempt()
    assert [type(fact) for fact in inbox.facts] == [SourceReturned]


async def test_a_log_that_can_t_be_written_is_no_loss_of_the_source() -> None:
    source = ScriptedSource([landing("v1")], [landing("v1")], [landing("v1")], [landing("v1")])
    taking, inbox = intake(source)
    inbox.full = True
    for _ in range(3):
        await taking.attempt()
    assert taking.status.problem == "what was read could not be recorded: the disk is full"
    inbox.full = False
    await taking.attempt()
    assert [type(fact) for fact in inbox.facts] == [IntentDeclared]
    assert source.read_from == [None] * 4
    assert taking.status.problem is None


async def test_the_pause_grows_with_failures_and_falls_back_to_the_interval() -> None:
    blip = Unavailable("no route to host")
    taking, _ = intake(ScriptedSource(*[blip] * 12, []))
    pauses = []
    for _ in range(12):
        await taking.attempt()
        pauses.append(taking._pause())  # noqa: SLF001 - the rule itself; waiting for it would take hours
    assert pauses[0] < 2
    assert all(500 < pause < 700 for pause in pauses[10:])
    await taking.attempt()
    assert 27 <= taking._pause() <= 33  # noqa: SLF001


class GatedSource(ScriptedSource):
    """A source whose passes take as long as the test lets them, and which never notices a change by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.gate = asyncio.Semaphore(0)
        self.passes = 0

    async def read(self, cursor: str | None, standing: Standing) -> AsyncIterator[SourceBatch]:
        del cursor, standing
        self.passes += 1
        self.begun.put_nowait(self.passes)
        await self.gate.acquire()
        for batch in ():
            yield batch

    async def wait_for_change(self, seconds: float) -> None:
        await asyncio.sleep(seconds * 1000)


async def turns(count: int = 20) -> None:
    """Let everybody who can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_hint_ends_the_wait_and_hints_during_a_pass_cause_one_more() -> None:
    source = GatedSource()
    taking, _ = intake(source)
    async with asyncio.timeout(10):
        running = asyncio.create_task(taking.run())
        assert await source.begun.get() == 1
        source.gate.release()
        await turns()
        assert source.begun.empty(), "it waits"
        for _ in range(5):
            taking.hint()
        assert await source.begun.get() == 2
        for _ in range(5):
            taking.hint()
        source.gate.release()
        assert await source.begun.get() == 3
        source.gate.release()
        await turns()
        assert source.begun.empty(), "ten hints, two passes"
        running.cancel()
        await asyncio.wait([running])


async def test_a_hint_does_not_wait_for_the_end_of_a_long_pause_after_failures() -> None:
    source = GatedSource()
    taking, _ = intake(source)
    taking.status.problem, taking.status.failures = "no route to host", 12
    async with asyncio.timeout(10):
        running = asyncio.create_task(taking.run())
        source.gate.release()
        await source.begun.get()
        taking.hint()
        assert await source.begun.get() == 2
        running.cancel()
        await asyncio.wait([running])
