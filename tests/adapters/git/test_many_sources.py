"""Many sources share few threads: a slow host delays its own, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.sources.git import open_adapter, open_shared
from adapters.sources.git.workers import FIRST_CONTACTS, PASSES, PASSES_OF_A_HOST, Workers
from bridge.clock import SystemClock
from tests.support.git_http import serve_git
from tests.support.git_reading import make_settings, tag, told
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers()
    yield made
    made.close()


async def turns(count: int = 20) -> None:
    """Let everybody who can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


class Passes:
    """Passes that hold their turn until they are told to end."""

    def __init__(self, workers: Workers, tasks: asyncio.TaskGroup) -> None:
        self._workers = workers
        self._tasks = tasks
        self.begun: list[str] = []
        self.end = asyncio.Event()

    def start(self, host: str, *, first: bool = False) -> None:
        self._tasks.create_task(self._run(host, first=first))

    async def _run(self, host: str, *, first: bool) -> None:
        async with self._workers.a_pass(self._workers.lane(host), first=first):
            self.begun.append(host)
            await self.end.wait()


async def test_a_host_takes_its_share_of_the_turns_and_no_more(workers: Workers) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        passes = Passes(workers, tasks)
        for _ in range(50):
            passes.start("slow.example.org")
        for number in range(5):
            passes.start(f"{number}.example.org")
        await turns()
        assert passes.begun.count("slow.example.org") == PASSES_OF_A_HOST
        assert len(set(passes.begun)) == 6, "everybody else began"
        passes.end.set()
    assert passes.begun.count("slow.example.org") == 50


async def test_all_hosts_together_are_bounded_and_first_contacts_leave_room_for_polls(workers: Workers) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        passes = Passes(workers, tasks)
        for number in range(30):
            passes.start(f"new-{number}.example.org", first=True)
        await turns()
        assert len(passes.begun) == FIRST_CONTACTS
        for number in range(30):
            passes.start(f"old-{number}.example.org")
        await turns()
        assert len(passes.begun) == PASSES
        passes.end.set()
    assert len(passes.begun) == 60


async def test_a_cancelled_pass_keeps_its_turn_until_its_step_has_ended(workers: Workers) -> None:
    begun, gate = threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        gate.wait()

    async def hang() -> None:
        lane = workers.lane("slow.example.org")
        async with workers.a_pass(lane, first=False):
            await lane.call(step)

    try:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for _ in range(PASSES_OF_A_HOST):
                begun.clear()
                hanging = asyncio.create_task(hang())
                await asyncio.to_thread(begun.wait)
                hanging.cancel()
                await asyncio.wait([hanging])
            passes = Passes(workers, tasks)
            passes.start("slow.example.org")
            await turns()
            assert passes.begun == [], "the threads are busy still"
            gate.set()
            passes.end.set()
        assert passes.begun == ["slow.example.org"]
    finally:
        gate.set()


async def test_steps_of_a_source_never_overlap(workers: Workers) -> None:
    lane, at_once, most = workers.lane("h"), 0, 0

    def step() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        threading.Event().wait(0.002)
        at_once -= 1

    for _ in range(20):
        task = asyncio.create_task(lane.call(step))
        await asyncio.sleep(0)
        task.cancel()
        await lane.call(step)
        lane.finish(step)
    await lane.call(step)
    assert most == 1


async def test_a_server_that_never_answers_delays_no_other_on_the_same_machine(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    repo.commit({PATH: tag("v1")})
    asked, over = 0, asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await over.wait()
        writer.close()

    async with asyncio.timeout(20), AsyncExitStack() as stack:
        silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        good = await stack.enter_async_context(serve_git(tmp_path))
        shared = await stack.enter_async_context(open_shared())

        async def read(url: str, name: str) -> list[str]:
            opening = open_adapter(
                make_settings(url, {"name": name}), data_dir=tmp_path / "data", clock=SystemClock(), shared=shared
            )
            async with opening as source:
                return told([fact async for batch in source.read(None, {}) for fact in batch.facts])

        waits = [asyncio.create_task(read(f"http://127.0.0.1:{port}/{each}", f"silent-{each}")) for each in range(20)]
        while not asked:
            await turns()
        assert await read(f"{good}/infra/.git", "good") == ["production/shop v1"]
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        over.set()
        silent.close()


async def test_fifty_local_sources_see_their_landings_at_once_with_few_threads(tmp_path: Path) -> None:
    repos = [GitRepo(tmp_path / f"infra-{number}") for number in range(50)]
    for repo in repos:
        repo.commit({PATH: tag("v1")})
    before = threading.active_count()
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        shared = await stack.enter_async_context(open_shared())
        sources, cursors = [], []
        for repo in repos:
            settings = make_settings(str(repo.path), {"name": repo.path.name})
            opening = open_adapter(settings, data_dir=tmp_path / "data", clock=SystemClock(), shared=shared)
            source = await stack.enter_async_context(opening)
            cursors.append([batch.cursor async for batch in source.read(None, {})][-1])
            sources.append(source)
        waits = [asyncio.create_task(source.wait_for_change(600.0)) for source in sources]
        await turns()
        await asyncio.to_thread(repos[7].commit, {PATH: tag("v2")})
        await waits[7]
        assert not any(wait.done() for wait in waits[:7] + waits[8:]), "nobody else is woken"
        assert threading.active_count() - before < PASSES + 20
        facts = [fact async for batch in sources[7].read(cursors[7], {}) for fact in batch.facts]
        assert told(facts) == ["production/shop v2"]
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
