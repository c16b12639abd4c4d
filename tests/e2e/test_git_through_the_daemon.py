"""A Git source inside a running daemon: landings arrive at once, and whatever happens to the repository loses and repeats none."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import Bridge, open_bridge
from tests.support.following import LIMIT, Follower
from tests.support.git_http import serve_git
from tests.support.git_reading import tag
from tests.support.git_repos import GitRepo, run_git
from tests.support.process import daemon

SHOP = "tags/production/shop"
SOURCE = """\
  - kind: git
    name: {name}
    url: {url}
    poll_interval: 1s
    history: {history}
    rules:
      - {{files: "{folder}/{{environment}}/{{service}}", format: keys, tag: tag, repository: "ghcr.io/acme/{{service}}"}}
"""
SECRET = "t0p-s3cret"


def source(url: Path | str, *, name: str = "infra", history: str = "all", folder: str = "tags", more: str = "") -> str:
    return SOURCE.format(url=url, name=name, history=history, folder=folder) + more


def write_config(tmp_path: Path, *sources: str) -> Path:
    path = tmp_path / "deploybridge.yaml"
    path.write_text("data_dir: data\nlisten: 127.0.0.1:0\nlog: {format: json}\nsources:\n" + "".join(sources))
    return path


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[tuple[Bridge, Follower]]:
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        yield bridge, Follower(http, bridge.url)


@pytest.fixture
def work(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "work")


@pytest.fixture
def remote(tmp_path: Path, work: GitRepo) -> Path:
    """A bare repository that ``work`` pushes to."""
    path = tmp_path / "infra.git"
    run_git(tmp_path, "init", "-q", "--bare", "-b", "main", str(path))
    work.git("remote", "add", "origin", str(path))
    return path


def push(work: GitRepo, *names: str, force: bool = False) -> None:
    for name in names:
        work.commit({SHOP: tag(name)})
    work.git("push", "-q", *(["--force"] if force else []), "origin", "main")


async def test_a_pushed_landing_is_in_the_log_at_once(work: GitRepo, remote: Path, tmp_path: Path) -> None:
    push(work, "v1")
    async with running(write_config(tmp_path, source(remote))) as (_, log):
        await log.declared("v1")
        await asyncio.to_thread(push, work, "v2", "v3")
        assert (await log.declared("v3"))["backfilled"] is False
        assert log.intents == ["production/shop v1", "production/shop v2", "production/shop v3"]


async def test_a_commit_in_a_mounted_clone_is_in_the_log_at_once(work: GitRepo, tmp_path: Path) -> None:
    work.commit({SHOP: tag("v1")})
    async with running(write_config(tmp_path, source(work.path))) as (_, log):
        await log.declared("v1")
        await asyncio.to_thread(work.commit, {SHOP: tag("v2")})
        await log.declared("v2")
        assert log.intents == ["production/shop v1", "production/shop v2"]


BRANCHES = """\
  - kind: git
    name: infra
    url: {url}
    branch: "env/{{environment}}"
    poll_interval: 1s
    rules:
      - {{files: "{{folder:a|b}}/{{service}}", format: keys, tag: tag, repository: "ghcr.io/acme/{{service}}"}}
"""


async def test_branches_come_land_disagree_and_go_while_the_daemon_runs(work: GitRepo, tmp_path: Path) -> None:
    def land(branch: str, **files: str) -> None:
        is_new = branch not in work.git("branch", "--format=%(refname:short)").split()
        work.git("checkout", "-q", *(["-b"] if is_new else []), branch)
        work.commit({f"{folder}/shop": tag(version) for folder, version in files.items()})

    land("env/dev", a="v1")
    async with running(write_config(tmp_path, BRANCHES.format(url=work.path))) as (_, log):
        await log.until(lambda record: record["environment"] == "dev")
        await asyncio.to_thread(land, "env/stage", a="v2")
        await log.declared("v2")
        await asyncio.to_thread(land, "env/stage", b="v3")
        declared = await log.declared("v3")
        assert (declared["environment"], declared["source"]["path"]) == ("stage", "env/stage:b/shop")
        await asyncio.to_thread(land, "env/dev", a="v4")
        await log.declared("v4")
        async with log.http.get(f"{log.url}/api/v1/state") as answer:
            disputed = {each["environment"]: each["disputed"] for each in (await answer.json())["targets"]}
        assert disputed == {
            "dev": [],
            "stage": [
                {"path": "env/stage:a/shop", "pointer": "tag", "artifact": "ghcr.io/acme/shop:v2"},
                {"path": "env/stage:b/shop", "pointer": "tag", "artifact": "ghcr.io/acme/shop:v3"},
            ],
        }
        async with log.http.get(f"{log.url}/api/v1/state?at={declared['recorded_at']}") as answer:
            assert {each["disputed"] for each in (await answer.json())["targets"]} == {None}, (
                "of the past it is not known"
            )
        await asyncio.to_thread(work.git, "branch", "-q", "-D", "env/stage")
        withdrawn = await log.kind("intent.withdrawn")
        assert (withdrawn["environment"], withdrawn["details"]) == ("stage", {"branch_deleted": "env/stage"})
        assert log.intents == [
            "dev/shop v1",
            "stage/shop v1",
            "stage/shop v2",
            "stage/shop v3",
            "dev/shop v4",
            "stage/shop -",
        ]


async def test_rewritten_deleted_and_replaced_history_neither_loses_nor_repeats_an_intent(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1", "v2")
    async with running(write_config(tmp_path, source(remote))) as (_, log):
        await log.declared("v2")
        await asyncio.to_thread(work.git, "reset", "-q", "--hard", "HEAD~1")
        await asyncio.to_thread(lambda: push(work, "v3", force=True))
        await log.declared("v3")
        assert (await log.kind("source.rewritten"))["details"]["merge_base"] == work.tip("HEAD~1")

        await asyncio.to_thread(run_git, remote, "update-ref", "-d", "refs/heads/main")
        assert "main" in (await log.kind("source.lost"))["details"]["reason"]
        assert (await log.ready())["status"] == "degraded"
        await asyncio.to_thread(push, work, "v4")
        await log.declared("v4")
        await log.kind("source.returned")
        assert (await log.ready())["status"] == "ok"

        await asyncio.to_thread(replace_remote, tmp_path, remote, ["v4", "v5"])
        await log.declared("v5")
        assert (await log.kind("source.rewritten", 2))["details"]["merge_base"] is None
    assert log.intents == [f"production/shop v{number}" for number in (1, 2, 3, 4, 5)]


def replace_remote(tmp_path: Path, remote: Path, names: list[str]) -> None:
    other = GitRepo(tmp_path / "other")
    other.clock += 86_400
    for name in names:
        other.commit({SHOP: tag(name), "unrelated": name})
    shutil.rmtree(remote)
    run_git(tmp_path, "clone", "-q", "--bare", str(other.path), str(remote))


async def test_a_mirror_that_was_cut_off_is_made_anew_at_the_next_start(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1", "v2")
    run_git(remote, "gc", "-q")
    config = write_config(tmp_path, source(remote))
    async with running(config) as (_, log):
        await log.declared("v2")
    packs = cut_off(tmp_path / "data" / "mirrors")
    push(work, "v3", "v4")
    async with running(config) as (_, log):
        await log.declared("v4")
        assert log.intents == [f"production/shop v{number}" for number in (1, 2, 3, 4)]
        assert (await log.ready())["status"] == "ok"
    assert packs > 0


def cut_off(mirrors: Path) -> int:
    packs = list(mirrors.rglob("*.pack"))
    for pack in packs:
        content = pack.read_bytes()
        pack.unlink()
        pack.write_bytes(content[: len(content) // 2])
    return len(packs)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("missing", "is not there"), ("empty", "is empty: push a first commit"), ("no branch", "has no branch 'main'")],
)
async def test_a_repository_that_can_t_be_read_yet_is_lost_with_its_reason_and_read_when_it_can_be(
    state: str, reason: str, work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    if state == "missing":
        shutil.rmtree(remote)
    if state == "no branch":
        work.commit({SHOP: tag("v0")})
        work.git("push", "-q", "origin", "main:other")
    async with running(write_config(tmp_path, source(remote))) as (_, log):
        assert reason in (await log.kind("source.lost"))["details"]["reason"]
        report = await log.ready()
        assert report["status"] == "degraded"
        assert reason in report["sources"]["infra"]["problem"]
        await log.takes_observations()
        if state == "missing":
            await asyncio.to_thread(run_git, tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
        await asyncio.to_thread(push, work, "v1")
        await log.declared("v1")
        await log.kind("source.returned")
        assert (await log.ready())["sources"]["infra"]["problem"] is None
    assert [record["kind"] for record in log.records].count("source.lost") == 1


async def test_a_server_that_asks_for_credentials_is_lost_until_the_configuration_has_them(
    work: GitRepo, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFRA_TOKEN", SECRET)
    push(work, "v1")
    async with serve_git(tmp_path, username="ci", password=SECRET) as base:
        url = f"{base}/{remote.name}"
        config = write_config(tmp_path, source(url))
        async with running(config) as (bridge, log):
            assert "asks for credentials" in (await log.kind("source.lost"))["details"]["reason"]
            assert "asks for credentials" in (await log.ready())["sources"]["infra"]["problem"]
            await log.takes_observations()
            credentials = "    credentials: {username: ci, password: {env: INFRA_TOKEN}}\n"
            await bridge.apply(compose.load(write_config(tmp_path, source(url, more=credentials))))
            await log.declared("v1")
            await log.kind("source.returned")
            await asyncio.to_thread(push, work, "v2")
            await log.declared("v2")
            assert SECRET not in json.dumps([log.records, await log.ready()])


async def test_a_file_that_does_not_parse_keeps_its_last_good_declaration_and_is_told_once(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1")
    async with running(write_config(tmp_path, source(remote))) as (_, log):
        await log.declared("v1")
        await asyncio.to_thread(work.commit, {SHOP: "tag: [\n", "tags/production/cart": tag("c1")})
        await asyncio.to_thread(work.commit, {SHOP: "tag: [[\n", "tags/production/cart": tag("c2")})
        await asyncio.to_thread(work.git, "push", "-q", "origin", "main")
        await log.declared("c2", "cart")
        lost = await log.kind("source.lost")
        assert lost["source"]["path"] == SHOP
        assert lost["details"]["unreadable"]
        async with log.http.get(f"{log.url}/api/v1/state?service=shop") as answer:
            (target,) = (await answer.json())["targets"]
        assert target["declared"]["gitops"]["artifacts"][0]["tag"] == "v1"
        await asyncio.to_thread(push, work, "v2")
        await log.declared("v2")
        assert (await log.kind("source.returned"))["source"]["path"] == SHOP
    kinds = [record["kind"] for record in log.records]
    assert (kinds.count("source.lost"), kinds.count("source.returned")) == (1, 1)


async def test_what_landed_while_the_daemon_was_down_is_read_at_its_start(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1")
    config = write_config(tmp_path, source(remote))
    names = ["v1"]
    for life in range(3):
        async with daemon(config) as process, aiohttp.ClientSession() as http:
            log = Follower(http, process.url)
            await log.declared(names[-1])
            await asyncio.to_thread(push, work, f"during-{life}")
            await log.declared(f"during-{life}")
            process.process.kill()
        await asyncio.to_thread(push, work, f"after-{life}", f"later-{life}")
        names += [f"during-{life}", f"after-{life}", f"later-{life}"]
    async with running(config) as (_, log):
        await log.declared(names[-1])
        assert log.intents == [f"production/shop {name}" for name in names]
        assert [record["backfilled"] for record in log.records if record["kind"] == "intent.declared"][1:] == [
            False
        ] * 9


async def test_rules_that_were_added_read_their_targets_from_the_history(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        work.commit({SHOP: tag(f"v{number}"), "copies/production/cart": tag(f"c{number}")})
    push(work)
    config = write_config(tmp_path, source(remote))
    async with daemon(config) as process, aiohttp.ClientSession() as http:
        log = Follower(http, process.url)
        await log.declared("v2")
        rule = '      - {files: "copies/{environment}/{service}", format: keys, tag: tag}\n'
        await asyncio.to_thread(write_config, tmp_path, source(remote, more=rule))
        assert (await log.declared("c2", "cart"))["backfilled"] is True
        await asyncio.to_thread(push, work, "v3")
        assert (await log.declared("v3"))["backfilled"] is False
    assert log.intents == [
        *("production/shop v1", "production/shop v2"),
        *("production/cart c1", "production/cart c2"),
        "production/shop v3",
    ]


@pytest.mark.parametrize(
    ("history", "intents"),
    [
        ("tip", ["production/shop v3"]),
        ('{since: "2023-11-14T22:15:20Z"}', ["production/shop v1", "production/shop v2", "production/shop v3"]),
        ("{since: 2023-12-01}", ["production/shop v3"]),
    ],
)
async def test_history_begins_where_it_was_asked_to(
    history: str, intents: list[str], work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1", "v2", "v3")
    async with running(write_config(tmp_path, source(remote, history=history))) as (_, log):
        await log.declared("v3")
        await asyncio.to_thread(push, work, "v4")
        await log.declared("v4")
    assert log.intents == [*intents, "production/shop v4"]


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts every connection and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        with suppress(ConnectionError):
            await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.close()


async def test_hosts_that_are_dead_or_silent_delay_neither_another_source_nor_the_end(
    work: GitRepo, remote: Path, tmp_path: Path
) -> None:
    push(work, "v1")
    async with silent_server() as port:
        config = write_config(
            tmp_path,
            source(f"http://127.0.0.1:{port}/infra.git", name="silent"),
            source("http://127.0.0.1:1/infra.git", name="dead"),
            source(remote),
        )
        async with daemon(config) as process, aiohttp.ClientSession() as http:
            log = Follower(http, process.url)
            await log.declared("v1")
            lost = await log.until(
                lambda record: record["kind"] == "source.lost" and record["source"]["name"] == "dead"
            )
            assert "can't be reached" in lost["details"]["reason"]
            await asyncio.to_thread(push, work, "v2")
            await log.declared("v2")
            report = await log.ready()
            assert "can't be reached" in report["sources"]["dead"]["problem"]
            assert report["sources"]["infra"]["problem"] is None
            process.signal(signal.SIGTERM)
            async with asyncio.timeout(LIMIT):
                assert await process.ended() == 0
