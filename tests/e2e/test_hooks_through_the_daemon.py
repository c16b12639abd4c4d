"""Push hints to a running daemon with a real Git server: a landing is in the log long before the next poll."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import Bridge, open_bridge
from tests.support.following import Follower
from tests.support.git_http import serve_git
from tests.support.git_reading import tag
from tests.support.git_repos import GitRepo, run_git
from tests.support.hook_deliveries import github

NEW = "new secret"
SHOP = "tags/production/shop"
CONFIG = """\
data_dir: data
listen: 127.0.0.1:0
log: {{format: json}}
sources:
  - kind: git
    name: infra
    url: {url}
    poll_interval: 24h
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
hooks:
  - {{kind: github, name: pushes, secrets: [{{file: old}}, {{file: new}}]{more}}}
"""


@asynccontextmanager
async def running(tmp_path: Path, url: str, more: str = "") -> AsyncIterator[tuple[Bridge, Follower]]:
    (tmp_path / "old").write_text("old secret\n")
    (tmp_path / "new").write_text(NEW + "\n")
    config = tmp_path / "deploybridge.yaml"
    config.write_text(CONFIG.format(url=url, more=more))
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        yield bridge, Follower(http, bridge.url)


@pytest.fixture
def work(tmp_path: Path) -> GitRepo:
    """A clone whose pushes go to ``git/acme/infra.git``."""
    repo = GitRepo(tmp_path / "work")
    remote = tmp_path / "git" / "acme" / "infra.git"
    remote.parent.mkdir(parents=True)
    run_git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    repo.git("remote", "add", "origin", str(remote))
    push(repo, "v1")
    return repo


def push(work: GitRepo, name: str) -> None:
    work.commit({SHOP: tag(name)})
    work.git("push", "-q", "origin", "main")


async def announce(
    log: Follower, url: str, *, secret: str = NEW, ref: str = "refs/heads/main"
) -> tuple[int, list[str]]:
    delivery = github(ref=ref, url=url)
    path = f"{log.url}/api/v1/hooks/pushes"
    async with log.http.post(path, data=io.BytesIO(delivery.data), headers=delivery.signed(secret)) as answer:
        return answer.status, (await answer.json()).get("woken", [])


async def test_a_hint_brings_the_landing_in_and_a_replay_brings_nothing(work: GitRepo, tmp_path: Path) -> None:
    async with serve_git(tmp_path / "git") as server:
        url = f"{server}/acme/infra.git"
        async with running(tmp_path, url) as (_, log):
            await log.declared("v1")
            for number, secret in ((2, "old secret"), (3, NEW)):
                await asyncio.to_thread(push, work, f"v{number}")
                assert await announce(log, url, secret=secret) == (202, ["infra"])
                await log.declared(f"v{number}")
            for _ in range(3):
                assert await announce(log, url) == (202, ["infra"])
            assert await announce(log, url, ref="refs/heads/feature") == (202, [])
            assert await announce(log, f"{server}/acme/other.git") == (202, [])
            assert (await announce(log, url, secret="guess"))[0] == 401
            await asyncio.to_thread(push, work, "v4")
            await announce(log, url)
            await log.declared("v4")
            assert log.intents == [f"production/shop v{number}" for number in (1, 2, 3, 4)]


async def test_a_hook_that_names_its_sources_needs_no_matching_address(work: GitRepo, tmp_path: Path) -> None:
    async with (
        serve_git(tmp_path / "git") as server,
        running(tmp_path, f"{server}/acme/infra.git", ", wakes: [infra]") as (_, log),
    ):
        await log.declared("v1")
        await asyncio.to_thread(push, work, "v2")
        assert await announce(log, "https://github.com/acme/mirrored.git") == (202, ["infra"])
        await log.declared("v2")


MANY = """\
data_dir: data
listen: 127.0.0.1:0
log: {{format: json}}
sources:
{sources}hooks:
  - {{kind: github, name: pushes, secrets: [{{file: old}}, {{file: new}}]}}
"""
ONE = """\
  - kind: git
    name: {name}
    url: {url}
    poll_interval: 24h
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
"""


async def test_a_host_that_accepts_and_never_answers_holds_up_no_landing_of_another(
    work: GitRepo, tmp_path: Path
) -> None:
    connected: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1", 0)
    async with serve_git(tmp_path / "git") as server, silent:
        port, url = silent.sockets[0].getsockname()[1], f"{server}/acme/infra.git"
        schemes = ["http", "ssh"]
        dead = "".join(
            ONE.format(name=f"dead-{number}", url=f"{schemes[number % 2]}://localhost:{port}/{number}.git")
            for number in range(30)
        )
        for name in ("old", "new"):
            (tmp_path / name).write_text(f"{name} secret")
        config = tmp_path / "deploybridge.yaml"
        config.write_text(MANY.format(sources=dead + ONE.format(name="infra", url=url)))
        async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
            log = Follower(http, bridge.url)
            await log.declared("v1")
            await asyncio.to_thread(push, work, "v2")
            assert await announce(log, url) == (202, ["infra"])
            await log.declared("v2")
            assert connected, "the silent host was tried"
            for writer in connected:  # so that no thread waits for it at the end
                writer.close()
            silent.close()
