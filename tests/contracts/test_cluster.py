"""What the observers rely on from a Kubernetes API server: the fake must keep it always, a real one when it is named.

``DEPLOYBRIDGE_E2E_KUBECONFIG=FILE`` names one; its current context is used. A namespace of its own is made and removed; nothing
else is touched, and no image is pulled. The user needs to make namespaces, and to do all with Deployments in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import pytest

from adapters.kubernetes_client import (
    Batch,
    Change,
    ListWatch,
    open_cluster,
)
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.kubernetes.settings import KubernetesObserverSettings
from adapters.observers.kubernetes.workloads import Workload, WorkloadReader
from bridge import compose
from bridge.clock import SystemClock
from bridge.daemon import open_bridge
from bridge.formats.mapping import TargetMap
from tests.contracts.cluster_at_hand import CLUSTERS, ClusterAtHand, open_hand, settings
from tests.support.following import Follower

V1, V2 = "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"
PATIENCE = 30.0  # seconds for a real cluster to tell of a change


@pytest.fixture(params=CLUSTERS)
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClusterAtHand]:
    async with open_hand(request.param, tmp_path) as made:
        yield made


def watching(hand: ClusterAtHand, **selectors: str) -> ListWatch[Workload]:
    made = KubernetesObserverSettings(kind="kubernetes", name="eu")
    reader = WorkloadReader(Kind.DEPLOYMENT, made, TargetMap())
    return ListWatch(hand.cluster, hand.deployments, reader.describe, SystemClock(), selectors)


def words(change: Change[Workload]) -> str:
    return f"{change.verb} {change.kept.key.name} {' '.join(image.text.rpartition(':')[2] for image in change.kept.images)}"


class Told:
    """Collects what a watch tells. A controller may write in between: only changes of images, beginnings and ends are kept."""

    def __init__(self, hand: ClusterAtHand, cursor: str | None = None, **selectors: str) -> None:
        self._batches = watching(hand, **selectors).read(cursor)
        self.words: list[str] = []
        self.gaps: list[str] = []
        self.version: str | None = None
        self.kept: Workload | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._batches.aclose()

    async def more(self) -> Batch[Workload]:
        async with asyncio.timeout(PATIENCE):
            batch = await anext(self._batches)
        for change in batch.changes:
            if change.verb != "MODIFIED" or change.before is None or change.before.images != change.kept.images:
                self.words.append(words(change))
            self.kept = change.kept
        self.gaps += [batch.gap] if batch.gap else []
        self.version = batch.version or self.version
        return batch

    async def state(self) -> None:
        while not (await self.more()).synced:
            pass

    async def until(self, said: str) -> None:
        while said not in self.words:
            await self.more()


async def test_a_list_comes_in_pages_and_misses_nothing(hand: ClusterAtHand) -> None:
    for number in range(5):
        await hand.create(f"shop-{number}", V1)
    async with open_cluster(settings(hand.kubeconfig, page_size=2), SystemClock()) as small:
        watch = ListWatch(small, hand.deployments, watching(hand).describe, SystemClock())
        names: list[str] = []
        pages = 0
        async with aclosing(watch.read(None)) as batches:
            async for batch in batches:
                pages += 1
                names += [change.kept.key.name for change in batch.changes]
                if batch.synced:
                    break
    assert names == [f"shop-{number}" for number in range(5)]
    assert pages == 3


async def test_a_watch_tells_each_change_once_and_in_order(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1)
    async with Told(hand) as told:
        await told.state()
        await hand.set_image("shop", V2)
        await hand.create("cart", V1)
        await hand.delete("cart")
        await told.until("DELETED cart v1")
        assert told.words == ["ADDED shop v1", "MODIFIED shop v2", "ADDED cart v1", "DELETED cart v1"]


async def test_what_happened_since_a_version_is_told_after_a_restart(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1)
    async with Told(hand) as told:
        await told.state()
        cursor = told.version
    await hand.set_image("shop", V2)
    await hand.set_image("shop", V1)
    await hand.delete("shop")
    async with Told(hand, cursor) as told:
        await told.until("DELETED shop v1")
        assert told.words == ["ADDED shop v1", "MODIFIED shop v2", "MODIFIED shop v1", "DELETED shop v1"]
        assert told.gaps == []


async def test_a_version_that_is_no_longer_known_is_a_gap(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1)
    if hand.fake is not None:
        hand.fake.store.compact()
    async with Told(hand, "1") as told:
        await told.state()
        if hand.fake is None and not told.gaps:
            pytest.skip("this API server still knows its first version")
        assert told.words == ["ADDED shop v1"]
        assert len(told.gaps) == 1


async def test_a_version_that_is_yet_to_come_is_a_gap(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1)
    async with Told(hand, "999999999999") as told:
        await told.state()
        assert told.words == ["ADDED shop v1"]
        assert len(told.gaps) == 1


async def test_a_label_selector_lets_objects_come_and_go(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1, team="red")
    await hand.create("cart", V1, team="blue")
    async with Told(hand, labelSelector="team=red") as told:
        await told.state()
        await hand.label("cart", team="red")
        await hand.label("shop", team="blue")
        await told.until("DELETED shop v1")
        assert told.words == ["ADDED shop v1", "ADDED cart v1", "DELETED shop v1"]


async def test_stale_writes_and_failed_tests_are_refused(hand: ClusterAtHand) -> None:
    stale = await hand.create("shop", V1)
    await hand.label("shop", team="red")
    path = f"{hand.deployments}/shop"
    said = await hand.refused(409, "PUT", path, stale, "application/json")
    assert "has been modified" in said
    patch = [{"op": "test", "path": "/spec/replicas", "value": 5}]
    await hand.refused(422, "PATCH", path, patch, "application/json-patch+json")


async def test_the_owner_of_an_image_is_who_wrote_it_last(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1, manager="argocd-controller")
    async with Told(hand) as told:
        await told.state()
        assert told.kept is not None
        assert told.kept.owner is not None
        assert told.kept.owner.manager == "argocd-controller"
        await hand.set_image("shop", V2, manager="kubectl-set")
        await told.until("MODIFIED shop v2")
        assert told.kept.owner is not None
        assert told.kept.owner.manager == "kubectl-set"
        assert told.kept.owner.time is not None


async def test_the_generation_moves_with_the_spec_only(hand: ClusterAtHand) -> None:
    created = await hand.create("shop", V1)
    labelled = await hand.label("shop", team="red")
    await hand.complete("shop")
    changed = await hand.set_image("shop", V2)
    generations = [each["metadata"]["generation"] for each in (created, labelled, changed)]
    assert generations == [1, 1, 2]


async def test_objects_are_what_the_reader_expects(hand: ClusterAtHand) -> None:
    await hand.create("shop", V1)
    await hand.complete("shop")
    described = watching(hand).describe(msgspec.json.encode(await hand.get("shop")))
    assert described.key == (hand.namespace, "shop")
    assert described.uid
    assert described.version
    assert described.kept.progress.noticed


async def test_a_deployment_is_in_the_log_from_its_beginning_to_its_end(hand: ClusterAtHand, tmp_path: Path) -> None:
    config = tmp_path / "deploybridge.yaml"
    config.write_text(
        "data_dir: data\nlisten: 127.0.0.1:0\nmode: api\nlog: {level: error}\nobservers:\n  - kind: kubernetes\n    name: eu\n"
        f"    connection: {{kubeconfig: {hand.kubeconfig.resolve()}, exec_plugins: true}}\n"
        f"    namespaces: [{hand.namespace}]\n    kinds: [deployments]\n    mapping: [{{environment: production}}]\n"
    )
    await hand.create("shop", V1)
    await hand.complete("shop")
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        log = Follower(http, bridge.url)
        await log.until(lambda record: said(record) == "shop v1 live")
        body = {"service": "shop", "environment": "production", "artifacts": [V2]}
        async with http.post(f"{bridge.url}/api/v1/intents", json=body) as answer:
            assert answer.status == 201, await answer.text()
        await hand.set_image("shop", V2, manager="kubectl-set")
        started = await log.until(lambda record: said(record) in {"shop v2 started", "shop v2 live"})
        assert started["actor"] == "kubectl-set"
        await hand.complete("shop")
        await log.kind("deployment.succeeded")
        await hand.delete("shop")
        await log.until(lambda record: said(record) == "shop  gone")


def said(record: dict[str, Any]) -> str:
    if record["kind"] != "observation.reported":
        return str(record["kind"])
    tags = " ".join(each["tag"] for each in record["artifacts"])
    return f"{record['service']} {tags} {record['details']['phase']}"
