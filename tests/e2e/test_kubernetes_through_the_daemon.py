"""A cluster watched by a running daemon: what its workloads do is in the log, and no broken connection loses any of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import Bridge, open_bridge
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.following import Follower, Record
from tests.support.kubeconfig import write_kubeconfig
from tests.support.workloads import Workloads, digest

V1, V2, V3 = (f"ghcr.io/acme/shop:v{number}" for number in (1, 2, 3))


@pytest.fixture
async def fake() -> AsyncIterator[FakeKubernetes]:
    async with serve_kubernetes() as served:
        yield served


@pytest.fixture
def cluster(fake: FakeKubernetes) -> Workloads:
    return Workloads(fake.store)


def write_config(tmp_path: Path, fake: FakeKubernetes, more: str = "") -> Path:
    write_kubeconfig(tmp_path / "kubeconfig", fake.url)
    path = tmp_path / "deploybridge.yaml"
    path.write_text(
        "data_dir: data\nlisten: 127.0.0.1:0\nlog: {format: json}\nobservers:\n"
        "  - kind: kubernetes\n    name: eu\n    connection: {kubeconfig: ./kubeconfig}\n" + more
    )
    return path


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[tuple[Bridge, Follower]]:
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        yield bridge, Follower(http, bridge.url)


def said(record: Record) -> str:
    """An observation in words: ``shop v2 live``."""
    if record["kind"] != "observation.reported":
        return str(record["kind"])
    tags = "+".join(sorted(each["tag"] for each in record["artifacts"]))
    return f"{record['service']} {tags} {record['details']['phase']}".replace("  ", " ")


async def seen(log: Follower, words: str, count: int = 1) -> Record:
    """The ``count``-th observation that says so."""
    found: list[Record] = []

    def wanted(record: Record) -> bool:
        if said(record) == words:
            found.append(record)
        return len(found) == count

    return await log.until(wanted)


def observations(log: Follower) -> list[str]:
    return [said(record) for record in log.records if record["kind"] == "observation.reported"]


async def test_a_rollout_is_told_from_its_beginning_to_its_end(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    cluster.pod("shop", 1, V1, "one")
    async with running(write_config(tmp_path, fake)) as (_, log):
        baseline = await seen(log, "shop v1 live")
        assert baseline["environment"] == "production"
        assert baseline["artifacts"][0]["digest"] == digest("one")
        await fake.watched("deployments")
        cluster.set_images("shop", V2)
        await seen(log, "shop v2 started")
        cluster.roll("shop", updated=1)
        await seen(log, "shop v2 progressing")
        cluster.complete("shop")
        live = await seen(log, "shop v2 live")
        assert live["actor"] == "argocd-controller"
        assert live["source"] == {"kind": "kubernetes", "name": "eu", "revision": None, "path": None}
        assert live["details"]["image_owner"]["hand"] == "cd"
    assert observations(log) == ["shop v1 live", "shop v2 started", "shop v2 progressing", "shop v2 live"]


async def test_a_change_by_hand_that_was_healed_at_once_is_in_the_log_with_who_did_it(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with running(write_config(tmp_path, fake)) as (_, log):
        await seen(log, "shop v1 live")
        await fake.watched("deployments")
        cluster.set_images("shop", V3, manager="kubectl-set")
        cluster.set_images("shop", V1, manager="argocd-controller")
        cluster.complete("shop")
        await seen(log, "shop v1 live", 2)
    by_hand = next(record for record in log.records if said(record) == "shop v3 started")
    assert by_hand["actor"] == "kubectl-set"
    assert by_hand["details"]["image_owner"]["hand"] == "kubectl"


async def test_a_restart_adds_nothing_and_misses_nothing_that_the_cluster_remembers(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    config = write_config(tmp_path, fake)
    async with running(config) as (_, log):
        await seen(log, "shop v1 live")
        await fake.watched("deployments")
        positions = await ready(log)
    async with running(config) as (_, log):
        await fake.watched("deployments")
        assert await ready(log) == positions
    cluster.set_images("shop", V3, manager="kubectl-set")
    cluster.set_images("shop", V1)
    cluster.complete("shop")
    async with running(config) as (_, log):
        await seen(log, "shop v1 live", 2)
    assert observations(log) == ["shop v1 live", "shop v3 started", "shop v1 started", "shop v1 live"]
    assert "source.lost" not in [record["kind"] for record in log.records]


async def test_what_the_cluster_forgot_while_the_bridge_was_away_is_a_gap_in_the_log(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    cluster.create("cart", V1)
    config = write_config(tmp_path, fake, "    kinds: [deployments]\n    pods: false\n")
    async with running(config) as (_, log):
        await seen(log, "cart v1 started")
        await fake.watched("deployments")
    cluster.delete("cart")
    fake.store.compact()
    async with running(config) as (_, log):
        await seen(log, "cart gone")
        kinds = [record["kind"] for record in log.records]
        assert kinds.count("source.lost") == kinds.count("source.returned") == 1
        assert (await log.kind("source.lost"))["details"]["feed"] == "deployments"


async def ready(log: Follower) -> int:
    report: Any = await log.ready()
    return int(report["log"]["position"])


@pytest.mark.parametrize("as_event", [True, False], ids=["an ERROR event", "an HTTP status"])
async def test_a_forgotten_version_lists_again_and_finds_what_was_deleted(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path, *, as_event: bool
) -> None:
    fake.gone_as_event = as_event
    for name in ("shop", "cart"):
        cluster.create(name, V1)
        cluster.complete(name)
    async with running(write_config(tmp_path, fake, "    kinds: [deployments]\n    pods: false\n")) as (_, log):
        await seen(log, "shop v1 live")
        await fake.watched("deployments")
        fake.stall()
        cluster.delete("cart")
        cluster.set_images("shop", V2)
        fake.store.compact()
        fake.cut()
        await seen(log, "shop v2 started")
        await seen(log, "cart gone")
        await log.kind("source.lost")
        await log.kind("source.returned")


async def test_pods_that_may_not_be_read_are_said_and_do_not_matter(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    fake.forbidden = {"pods"}
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with running(write_config(tmp_path, fake)) as (_, log):
        assert (await seen(log, "shop v1 live"))["artifacts"][0]["digest"] is None
        report = await log.ready()
        assert report["status"] == "ok"
        observer = report["observers"]["eu"]
        assert "pods is forbidden" in observer["feeds"]["pods"]["problem"]
        assert observer["details"]["server"] == "v1.34.0-fake"
    assert "source.lost" not in [record["kind"] for record in log.records]


async def test_a_kind_that_may_not_be_read_loses_the_observer_and_says_what_to_do(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    fake.forbidden = {"cronjobs"}
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with running(write_config(tmp_path, fake)) as (_, log):
        lost = await log.kind("source.lost")
        assert lost["details"]["feed"] == "cronjobs"
        assert "allow get, list and watch in the role" in lost["details"]["reason"]
        await seen(log, "shop v1 live")
        assert (await log.ready())["status"] == "degraded"
        fake.forbidden = set()
        await log.kind("source.returned")
        assert (await log.ready())["status"] == "ok"


@pytest.mark.parametrize("within_a_line", [False, True], ids=["between lines", "within a line"])
async def test_a_cut_connection_goes_on_where_it_was(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path, *, within_a_line: bool
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with running(write_config(tmp_path, fake)) as (_, log):
        await seen(log, "shop v1 live")
        await fake.watched("deployments")
        fake.cut(within_a_line=within_a_line)
        cluster.set_images("shop", V2)
        cluster.complete("shop")
        await seen(log, "shop v2 live")
    assert observations(log) == ["shop v1 live", "shop v2 started", "shop v2 live"]
    assert "source.lost" not in [record["kind"] for record in log.records]


async def test_a_rotated_token_is_read_again(fake: FakeKubernetes, cluster: Workloads, tmp_path: Path) -> None:
    fake.tokens = {"first"}
    cluster.create("shop", V1)
    cluster.complete("shop")
    config = write_config(tmp_path, fake)
    write_kubeconfig(tmp_path / "kubeconfig", fake.url, token_file="token")
    (tmp_path / "token").write_text("first\n")
    async with running(config) as (_, log):
        await seen(log, "shop v1 live")
        await fake.watched("deployments")
        fake.tokens = {"second"}
        (tmp_path / "token").write_text("second\n")
        fake.cut()
        cluster.set_images("shop", V2)
        await seen(log, "shop v2 started")
    assert "source.lost" not in [record["kind"] for record in log.records]


async def test_a_kubeconfig_that_is_not_there_yet_degrades_the_observer_only(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    config = write_config(tmp_path, fake)
    (tmp_path / "kubeconfig").unlink()
    async with running(config) as (_, log):
        assert "can't be read" in (await log.kind("source.lost"))["details"]["reason"]
        await log.takes_observations()
        assert (await log.ready())["status"] == "degraded"
        write_kubeconfig(tmp_path / "kubeconfig", fake.url)
        await log.kind("source.returned")
        await seen(log, "shop v1 started")


async def test_two_clusters_are_two_observers(fake: FakeKubernetes, cluster: Workloads, tmp_path: Path) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with serve_kubernetes() as other:
        Workloads(other.store).create("shop", V2)
        Workloads(other.store).complete("shop")
        write_kubeconfig(tmp_path / "other", other.url)
        more = (
            '    mapping: [{environment: "eu-production"}]\n'
            "  - kind: kubernetes\n    name: us\n    connection: {kubeconfig: ./other}\n"
            "    mapping: [{cluster: '{region}', environment: '{region}-production'}]\n"
        )
        async with running(write_config(tmp_path, fake, more)) as (_, log):
            assert (await seen(log, "shop v1 live"))["environment"] == "eu-production"
            assert (await seen(log, "shop v2 live"))["environment"] == "us-production"


async def test_the_daemon_ends_at_once_although_watches_are_open(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    async with running(write_config(tmp_path, fake)) as (_, log):
        await seen(log, "shop v1 started")
        await fake.watched("", count=6)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
async def test_what_kubectl_does_is_in_the_log_under_its_name(
    fake: FakeKubernetes, cluster: Workloads, tmp_path: Path
) -> None:
    cluster.create("shop", V1)
    cluster.complete("shop")
    async with running(write_config(tmp_path, fake)) as (_, log):
        await seen(log, "shop v1 live")
        await kubectl(tmp_path, "set", "image", "deployments/shop", f"shop={V2}")
        assert (await seen(log, "shop v2 started"))["actor"] == "kubectl-set"
        patch = '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "' + V3 + '"}]'
        await kubectl(tmp_path, "patch", "deployments", "shop", "--type=json", "-p", patch)
        assert (await seen(log, "shop v3 started"))["actor"] == "kubectl-patch"
        await kubectl(tmp_path, "delete", "deployments", "shop", "--wait=false")
        await seen(log, "shop gone")


async def kubectl(tmp_path: Path, *arguments: str) -> None:
    options = ["--kubeconfig", str(tmp_path / "kubeconfig"), "--cache-dir", str(tmp_path / "cache"), "-n", "production"]
    process = await asyncio.create_subprocess_exec(
        "kubectl", *options, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
