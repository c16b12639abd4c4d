"""Waiting ends with a landing in a local repository, and after the given time anywhere."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.sources.git import open_adapter
from tests.support.fake_clock import FakeClock
from tests.support.git_reading import ReadingMaker, make_settings, tag
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"
LONG = 600.0  # seconds; far beyond the test's own limit


@pytest.mark.parametrize("branch", ["main", "team/main"])
async def test_a_landing_ends_the_wait(branch: str, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("checkout", "-q", "-B", branch)
    log = reading(branch=branch)
    async with log.open() as source, asyncio.timeout(20):
        await log.catch_up(source)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(source.wait_for_change(LONG))
            await asyncio.sleep(0)  # let it begin
            await asyncio.to_thread(repo.commit, {PATH: tag("v2")})
        assert waiting.done()


async def test_a_landing_between_the_pass_and_the_wait_is_not_missed(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    log = reading()
    async with log.open() as source, asyncio.timeout(20):
        await log.catch_up(source)
        repo.commit({PATH: tag("v2")})
        await source.wait_for_change(LONG)


async def test_packed_refs_and_a_deleted_branch_end_the_wait(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("checkout", "-q", "-b", "elsewhere")
    repo.git("pack-refs", "--all")
    log = reading()
    async with log.open() as source, asyncio.timeout(20):
        await log.catch_up(source)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(source.wait_for_change(LONG))
            await asyncio.to_thread(repo.git, "branch", "-D", "main")


async def test_without_a_change_the_wait_lasts_as_long_as_asked(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit({PATH: tag("v1")})
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    for url in (str(repo.path), "https://git.example.org/infra.git"):
        async with open_adapter(make_settings(url), data_dir=tmp_path / "d", clock=clock) as source:
            if url == str(repo.path):
                async for _ in source.read(None, {}):
                    pass
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(source.wait_for_change(30.0))
                for _ in range(10):  # turns of the loop, in which a wait that returns at once would end
                    await asyncio.sleep(0)
                assert not waiting.done()
                clock.move_to(clock.now() + timedelta(seconds=31))


async def test_a_vanished_directory_is_waited_for_and_a_cancelled_wait_ends(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({PATH: tag("v1")})
    log = reading()
    async with log.open() as source, asyncio.timeout(20):
        await log.catch_up(source)
        shutil.rmtree(repo.path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await source.wait_for_change(LONG)
