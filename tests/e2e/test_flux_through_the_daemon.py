"""A cluster with Flux watched by a running daemon: what Flux applied is in the log, and what can't be told is said."""

from __future__ import annotations

import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.flux import FLUX, HELM_RELEASES, KUSTOMIZATIONS, FluxCluster, commit, revision
from tests.support.following import Follower, Record
from tests.support.kubeconfig import write_kubeconfig
from tests.support.process import daemon
from tests.support.workloads import DEPLOYMENTS, deployment

V1, V2, V3 = (f"ghcr.io/acme/shop:v{number}" for number in (1, 2, 3))


@pytest.fixture
async def fake() -> AsyncIterator[FakeKubernetes]:
    async with serve_kubernetes() as served:
        yield served


@pytest.fixture
def flux(fake: FakeKubernetes) -> FluxCluster:
    made = FluxCluster(fake.store)
    made.artifact("infra", revision("one"))
    made.kustomization("shop")
    made.deploy("shop", revision("one"), V1)
    return made


def write_config(tmp_path: Path, fake: FakeKubernetes, more: str = "") -> Path:
    write_kubeconfig(tmp_path / "kubeconfig", fake.url)
    path = tmp_path / "deploybridge.yaml"
    path.write_text(
        "data_dir: data\nlisten: 127.0.0.1:0\nmode: api\nlog: {format: json}\nobservers:\n"
        "  - kind: flux\n    name: eu\n    connection: {kubeconfig: ./kubeconfig, stall_after: 1s}\n" + more
    )
    return path


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Follower]:
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        yield Follower(http, bridge.url)


def said(record: Record) -> str:
    if record["kind"] != "observation.reported":
        return str(record["kind"])
    if record["backfilled"]:
        return "history"
    tags = "+".join(sorted(each["tag"] for each in record["artifacts"]))
    return f"{record['service']} {tags} {record['details']['phase']}".replace("  ", " ")


async def seen(log: Follower, words: str, count: int = 1) -> Record:
    """The ``count``-th event that says so."""
    found: list[Record] = []

    def wanted(record: Record) -> bool:
        if said(record) == words:
            found.append(record)
        return len(found) == count

    return await log.until(wanted)


async def details(log: Follower) -> dict[str, Any]:
    report: Any = await log.ready()
    found: dict[str, Any] = report["observers"]["eu"]["details"]
    return found


async def declare(log: Follower, image: str) -> str:
    body = {"service": "shop", "environment": "production", "artifacts": [image]}
    async with log.http.post(f"{log.url}/api/v1/intents", json=body) as answer:
        assert answer.status == 201, await answer.text()
        intent: str = (await answer.json())["id"]
        return intent


async def test_a_deployment_by_flux_is_told_from_its_beginning_to_its_end(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    async with running(write_config(tmp_path, fake)) as log:
        baseline = await seen(log, "shop v1 live")
        assert baseline["source"] == {"kind": "flux", "name": "eu", "revision": commit("one"), "path": None}
        past = log.records[log.records.index(baseline) - 1]
        assert (past["backfilled"], past["details"]["flux_revision"], past["artifacts"]) == (True, revision("one"), [])
        await log.kind("target.baseline")
        intent = await declare(log, V2)
        flux.artifact("infra", revision("two"))
        flux.annotate(KUSTOMIZATIONS, "shop", **{"event.toolkit.fluxcd.io/deploybridge-intent": intent})
        flux.attempt("shop", revision("two"))
        flux.apply(KUSTOMIZATIONS, "shop", "shop", V2)
        started = await seen(log, "shop v2 started")
        assert started["actor"] == "kustomize-controller"
        flux.workloads.complete("shop")
        flux.succeed("shop", "two", "shop")
        live = await seen(log, "shop v2 live")
        assert live["intent_id"] == intent
        assert set(live["details"]["legs"]) == {"noticed", "sync_started", "applied"}
        assert (await log.kind("deployment.succeeded"))["intent_id"] == intent


async def test_an_upgrade_that_fails_and_is_rolled_back_is_a_failed_deployment(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    flux.release("cart")
    flux.upgrade("cart", "1.0.0", "v1")
    flux.apply(HELM_RELEASES, "cart", "cart", "ghcr.io/acme/cart:c1")
    flux.workloads.complete("cart")
    flux.released("cart")
    async with running(write_config(tmp_path, fake)) as log:
        await seen(log, "cart c1 live")
        body = {"service": "cart", "environment": "production", "artifacts": ["ghcr.io/acme/cart:c2"]}
        async with log.http.post(f"{log.url}/api/v1/intents", json=body) as answer:
            assert answer.status == 201
        flux.upgrade("cart", "1.0.0", "v2")
        flux.apply(HELM_RELEASES, "cart", "cart", "ghcr.io/acme/cart:c2")
        await seen(log, "cart c2 started")
        flux.released("cart", "failed", "UpgradeFailed", "Helm upgrade failed: context deadline exceeded")
        failed = await seen(log, "cart c2 failed")
        assert "context deadline exceeded" in failed["details"]["reason"]
        await log.kind("deployment.failed")
        flux.apply(HELM_RELEASES, "cart", "cart", "ghcr.io/acme/cart:c1")
        flux.workloads.complete("cart")
        flux.rolled_back("cart", "Helm upgrade failed")
        await seen(log, "cart c1 live", 2)


async def test_which_flux_it_is_and_what_it_cannot_tell_is_said(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    for name, version in (("helm-controller", "v1.4.3"), ("kustomize-controller", "v1.7.2")):
        made = deployment(name, f"ghcr.io/fluxcd/{name}:{version}", namespace=FLUX)
        made["metadata"]["labels"] = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/version": "v2.7.3"}
        fake.store.create(DEPLOYMENTS, made, "flux")
    flux.kustomization("broken")
    flux.attempt("broken", revision("one"))
    flux.fail("broken", "BuildFailed", "no such directory")
    async with running(write_config(tmp_path, fake)) as log:
        await seen(log, "shop v1 live")
        found = await details(log)
        assert found["flux"]["distribution"] == "v2.7.3"
        assert found["flux"]["controllers"] == {"helm-controller": "v1.4.3", "kustomize-controller": "v1.7.2"}
        assert found["flux"]["apis"]["kustomizations"] == "v1"
        assert any("no Drifted condition" in limit for limit in found["flux"]["limits"])
        assert found["failing"]["examples"] == {"Kustomization flux-system/broken": "BuildFailed: no such directory"}


async def test_an_old_flux_is_read_by_the_api_that_it_serves(fake: FakeKubernetes, tmp_path: Path) -> None:
    old = "helm.toolkit.fluxcd.io/v2beta1/helmreleases"
    fake.kinds[old] = fake.kinds.pop(HELM_RELEASES)
    for gone in (KUSTOMIZATIONS, "image.toolkit.fluxcd.io/v1/imageupdateautomations"):
        del fake.kinds[gone]
    flux = FluxCluster(fake.store)
    fake.store.create(old, {"metadata": {"name": "shop", "namespace": FLUX}, "spec": {"targetNamespace": "production"}})
    obj = flux.get(old, "shop")
    obj["status"] = {
        "observedGeneration": 1,
        "lastAppliedRevision": "1.0.0",
        "lastAttemptedRevision": "1.0.0",
        "lastReleaseRevision": 1,
        "conditions": [{"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded"}],
    }
    fake.store.update(old, obj, status=True)
    flux.apply(HELM_RELEASES, "shop", "shop", V1)
    flux.workloads.complete("shop")
    async with running(write_config(tmp_path, fake)) as log:
        live = await seen(log, "shop v1 live")
        assert live["details"]["revision"] == "1.0.0"
        found = await details(log)
        assert found["flux"]["apis"] == found["flux"]["apis"] | {"helmreleases": "v2beta1", "kustomizations": None}
        assert any("keep no history" in limit for limit in found["flux"]["limits"])
        assert (await log.ready())["status"] == "ok", "that there are no Kustomizations is no fault"


async def test_a_cluster_without_flux_is_said_to_be_one(fake: FakeKubernetes, tmp_path: Path) -> None:
    for resource in [each for each in fake.kinds if ".toolkit.fluxcd.io" in each]:
        del fake.kinds[resource]
    async with running(write_config(tmp_path, fake)) as log:
        assert "install Flux there" in (await log.kind("source.lost"))["details"]["reason"]


async def test_workloads_that_may_not_be_read_leave_only_what_flux_names(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    fake.forbidden = {"deployments", "statefulsets", "daemonsets", "cronjobs"}
    flux.kustomization("cart", images=[{"name": "ghcr.io/acme/cart", "newTag": "c1"}])
    flux.attempt("cart", revision("one"))
    flux.succeed("cart", "one", "cart")
    async with running(write_config(tmp_path, fake)) as log:
        live = await seen(log, "cart c1 live")
        assert live["details"]["images_from"] == "spec.images"
        found = await details(log)
        assert found["without_images"] == {"count": 1, "examples": ["Kustomization flux-system/shop"]}
        assert "deployments is forbidden" in found["refused"]["deployments"]
        assert found["flux"]["controllers_not_told"] is not None
        assert (await log.ready())["status"] == "ok"
    assert {record["service"] for record in log.records} == {"cart", None}


@pytest.mark.usefixtures("flux")
async def test_kustomizations_that_may_not_be_read_lose_the_observer(fake: FakeKubernetes, tmp_path: Path) -> None:
    fake.forbidden = {"kustomizations"}
    async with running(write_config(tmp_path, fake)) as log:
        lost = await log.kind("source.lost")
        assert lost["details"]["feed"] == "kustomizations"
        assert "allow get, list and watch in the role" in lost["details"]["reason"]
        fake.forbidden = set()
        await log.kind("source.returned")
        await seen(log, "shop v1 live")


async def test_a_restart_adds_nothing_and_misses_nothing(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    config = write_config(tmp_path, fake)
    async with running(config) as log:
        await seen(log, "shop v1 live")
        await fake.watched("kustomizations")
        await fake.watched("deployments")
    flux.workloads.set_images("shop", V3, manager="kubectl-set")
    flux.apply(KUSTOMIZATIONS, "shop", "shop", V1)
    flux.workloads.complete("shop")
    async with running(config) as log:
        corrected = await seen(log, "shop v1 started")
        assert corrected["details"]["corrects"] == "images written by kubectl-set"
        await seen(log, "shop v1 live", 2)
    words = [said(record) for record in log.records if record["kind"] == "observation.reported"]
    assert words == ["history", "shop v1 live", "shop v3 started", "shop v1 started", "shop v1 live"]
    assert "source.lost" not in [record["kind"] for record in log.records]


@pytest.mark.parametrize("seed", range(2))
async def test_cut_connections_refusals_and_restarts_end_in_the_same_conclusions(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path, seed: int
) -> None:
    chance, config = random.Random(seed), write_config(tmp_path, fake)
    deeds = [
        lambda: None,
        fake.cut,
        lambda: fake.cut(within_a_line=True),
        fake.end,
        fake.bookmark,
        fake.repeat,
        lambda: fake.refuse("/kustomizations", 503, retry_after=1) if not fake.refusals else None,
        fake.store.compact,
    ]

    def go_wrong() -> None:
        fake.chunk_size = chance.choice([None, 1, 100])
        fake.gone_as_event = chance.random() < 0.5
        chance.choice(deeds)()

    for number in range(1, 4):
        image, name = f"ghcr.io/acme/shop:r{number}", f"r{number}"
        async with running(config) as log:
            await seen(log, "shop v1 live")
            intent = await declare(log, image)
            flux.artifact("infra", revision(name))
            flux.attempt("shop", revision(name))
            go_wrong()
            flux.apply(KUSTOMIZATIONS, "shop", "shop", image)
            go_wrong()
            flux.workloads.complete("shop")
            go_wrong()
            flux.succeed("shop", name, "shop")
            go_wrong()
            await seen(log, f"shop {name} live")
            succeeded = await log.kind("deployment.succeeded", number)
            assert succeeded["intent_id"] == intent
    kinds = [record["kind"] for record in log.records]
    assert "deployment.out_of_band" not in kinds
    assert kinds.count("source.lost") == kinds.count("source.returned")


async def test_a_daemon_killed_in_the_midst_of_deployments_concludes_what_one_that_lived_does(
    fake: FakeKubernetes, flux: FluxCluster, tmp_path: Path
) -> None:
    config = write_config(tmp_path, fake)
    image, name = "ghcr.io/acme/shop:r1", "r1"
    acts: list[Callable[[], None]] = [
        partial(flux.attempt, "shop", revision(name)),
        partial(flux.apply, KUSTOMIZATIONS, "shop", "shop", image),
        partial(flux.workloads.complete, "shop"),
        partial(flux.succeed, "shop", name, "shop"),
    ]
    for step, act in enumerate(acts):
        async with daemon(config) as process, aiohttp.ClientSession() as http:
            assert process.url, process.lines
            log = Follower(http, process.url)
            await seen(log, "shop v1 live")
            if step == 0:
                await declare(log, image)
            act()
            process.signal(signal.SIGKILL)
    async with running(config) as log:
        await seen(log, "shop r1 live")
        await log.kind("deployment.succeeded")
    kinds = [record["kind"] for record in log.records]
    words = [said(record) for record in log.records if record["kind"] == "observation.reported"]
    assert words == ["history", "shop v1 live", "shop r1 started", "shop r1 live"]
    assert not {"source.lost", "deployment.out_of_band", "drift.opened"} & set(kinds)
