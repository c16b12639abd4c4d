"""What the Flux observer relies on from a cluster with Flux: the fake must keep it always, a real one when it is named.

``DEPLOYBRIDGE_E2E_KUBECONFIG=FILE`` names one. Without Flux's kinds in it these tests skip. A namespace of its own is made and
removed. The first test needs no controller: its Kustomization is suspended. The last lets a real Flux deploy
``DEPLOYBRIDGE_E2E_FLUX_OCI``, an OCI artifact with a Deployment in it and two of its tags, such as
  ``oci://ghcr.io/stefanprodan/manifests/podinfo 6.5.4 6.6.0``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.kubernetes_client import Rejected
from adapters.observers.flux.versions import FluxVersions
from bridge import compose
from bridge.daemon import open_bridge
from tests.contracts.cluster_at_hand import CLUSTERS, ClusterAtHand, open_hand
from tests.support.flux import content, revision
from tests.support.following import Follower, Record

V1, V2 = "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"
OCI = os.environ.get("DEPLOYBRIDGE_E2E_FLUX_OCI", "")
PATIENCE = 300.0  # seconds for a real Flux to fetch, apply and wait
MERGE = "application/merge-patch+json"
KUSTOMIZE, SOURCE = "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"


@pytest.fixture(params=CLUSTERS)
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClusterAtHand]:
    async with open_hand(request.param, tmp_path) as made:
        if await FluxVersions().find_api(made.cluster, KUSTOMIZE, "kustomizations") is None:
            pytest.skip("the cluster has no Flux: it serves no Kustomizations")
        yield made


class Flux:
    """Writes Flux's objects into the namespace at hand, by the versions that the cluster serves."""

    def __init__(self, hand: ClusterAtHand) -> None:
        self._hand, self._versions = hand, FluxVersions()

    async def path(self, group: str, resource: str) -> str:
        found = await self._versions.find_api(self._hand.cluster, group, resource)
        assert found is not None, f"the cluster serves no {resource}"
        return f"{found}/namespaces/{self._hand.namespace}/{resource}"

    async def create(self, group: str, resource: str, kind: str, name: str, spec: Any) -> None:
        path = await self.path(group, resource)
        version = path.split("/")[3]
        metadata = {"name": name, "namespace": self._hand.namespace}
        body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": spec}
        await self._hand.send("POST", path, body)

    async def patch(self, group: str, resource: str, name: str, patch: Any) -> None:
        path = await self.path(group, resource)
        await self._hand.send("PATCH", f"{path}/{name}", patch, content_type=MERGE)

    async def status(self, name: str, text: str, manifests: str) -> None:
        """What kustomize-controller writes when it is done."""
        path, at = await self.path(KUSTOMIZE, "kustomizations"), "2026-03-01T12:00:00Z"
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "ReconciliationSucceeded",
            "message": f"Applied revision: {text}",
            "lastTransitionTime": at,
            "observedGeneration": 1,
        }
        entry = {
            "digest": content(manifests),
            "firstReconciled": at,
            "lastReconciled": at,
            "lastReconciledDuration": "1s",
            "lastReconciledStatus": "ReconciliationSucceeded",
            "totalReconciliations": 1,
            "metadata": {"revision": text},
        }
        entries = [{"id": f"{self._hand.namespace}_{name}_apps_Deployment", "v": "v1"}]
        status = {
            "observedGeneration": 1,
            "conditions": [ready],
            "lastAppliedRevision": text,
            "lastAttemptedRevision": text,
            "history": [entry],
            "inventory": {"entries": entries},
        }
        await self._hand.send("PATCH", f"{path}/{name}/status", {"status": status}, content_type=MERGE)


def write_config(hand: ClusterAtHand, tmp_path: Path) -> Path:
    config = tmp_path / "deploybridge.yaml"
    config.write_text(
        "data_dir: data\nlisten: 127.0.0.1:0\nmode: api\nlog: {level: error}\nobservers:\n  - kind: flux\n    name: eu\n"
        f"    connection: {{kubeconfig: {hand.kubeconfig.resolve()}, exec_plugins: true}}\n"
        f"    namespaces: [{hand.namespace}]\n    mapping: [{{environment: production}}]\n"
    )
    return config


def said(record: Record) -> str:
    if record["kind"] != "observation.reported" or record["backfilled"]:
        return str(record["kind"])
    tags = " ".join(each["tag"] for each in record["artifacts"])
    return f"{record['service']} {tags} {record['details']['phase']}"


async def until(log: Follower, wanted: Callable[[Record], bool]) -> Record:
    """As ``Follower.until``, with the patience that a real Flux needs; what was told until then is in the failure."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await log.until(wanted)
                except TimeoutError:
                    continue
    except TimeoutError:
        told = "\n".join(f"{said(record)}: {record['details']}" for record in log.records)
        pytest.fail(f"it was not told within {PATIENCE:.0f} s; told was:\n{told}")


async def test_what_a_suspended_kustomization_applied_is_observed(hand: ClusterAtHand, tmp_path: Path) -> None:
    flux, labels = Flux(hand), {f"{KUSTOMIZE}/name": "shop", f"{KUSTOMIZE}/namespace": hand.namespace}
    source = {"kind": "GitRepository", "name": "nowhere"}
    spec = {"interval": "1h", "prune": False, "suspend": True, "path": "./", "sourceRef": source}
    await flux.create(KUSTOMIZE, "kustomizations", "Kustomization", "shop", spec)
    await hand.create("shop", V1, manager="kustomize-controller", **labels)
    await hand.complete("shop")
    await flux.status("shop", revision("one"), "one")
    async with open_bridge(compose.load(write_config(hand, tmp_path))) as bridge, aiohttp.ClientSession() as http:
        log = Follower(http, bridge.url)
        live = await until(log, lambda record: said(record) == "shop v1 live")
        assert live["details"]["images_from"] == "workloads"
        assert live["details"]["flux_revision"] == revision("one")
        assert live["details"]["suspended"] == [f"Kustomization {hand.namespace}/shop"]
        await hand.set_image("shop", V2, manager="kubectl-set")
        started = await until(log, lambda record: said(record) in {"shop v2 started", "shop v2 live"})
        assert started["actor"] == "kubectl-set"
        await hand.complete("shop")
        await until(log, lambda record: said(record) == "shop v2 live")
        await hand.delete("shop")
        await until(log, lambda record: said(record) == "shop  gone")


async def test_the_status_of_a_kustomization_is_a_subresource(hand: ClusterAtHand) -> None:
    """The generation moves with the spec only: readiness is judged by it."""
    flux = Flux(hand)
    spec = {
        "interval": "1h",
        "prune": False,
        "suspend": True,
        "sourceRef": {"kind": "GitRepository", "name": "nowhere"},
    }
    await flux.create(KUSTOMIZE, "kustomizations", "Kustomization", "shop", spec)
    await flux.status("shop", revision("one"), "one")
    path = f"{await flux.path(KUSTOMIZE, 'kustomizations')}/shop"
    assert b'"generation":1' in (await hand.cluster.get(path, {})).replace(b" ", b"")
    await flux.patch(KUSTOMIZE, "kustomizations", "shop", {"spec": {"interval": "2h"}})
    assert b'"generation":2' in (await hand.cluster.get(path, {})).replace(b" ", b"")


async def test_a_kind_that_is_not_served_is_refused_as_such(hand: ClusterAtHand) -> None:
    with pytest.raises(Rejected) as caught:
        await hand.cluster.get("/apis/kustomize.toolkit.fluxcd.io/v0/kustomizations", {})
    assert caught.value.status == 404


async def test_a_real_flux_deploys_and_the_log_follows(hand: ClusterAtHand, tmp_path: Path) -> None:
    if hand.fake is not None or not OCI:
        pytest.skip('needs a real Flux and DEPLOYBRIDGE_E2E_FLUX_OCI="oci://REPOSITORY TAG TAG"')
    url, first, second = OCI.split()
    flux = Flux(hand)
    await flux.create(
        SOURCE, "ocirepositories", "OCIRepository", "app", {"interval": "1m", "url": url, "ref": {"tag": first}}
    )
    reference = {"kind": "OCIRepository", "name": "app"}
    spec = {"interval": "1m", "prune": True, "wait": True, "sourceRef": reference, "targetNamespace": hand.namespace}
    async with open_bridge(compose.load(write_config(hand, tmp_path))) as bridge, aiohttp.ClientSession() as http:
        log = Follower(http, bridge.url)
        await flux.create(KUSTOMIZE, "kustomizations", "Kustomization", "app", {**spec, "path": "./"})
        live = await until(log, lambda record: said(record).endswith(" live"))
        assert live["details"]["flux_revision"].startswith(f"{first}@sha256:")
        assert live["actor"] == "kustomize-controller"
        await flux.patch(SOURCE, "ocirepositories", "app", {"spec": {"ref": {"tag": second}}})
        upgraded = await until(
            log,
            lambda record: (
                said(record).endswith(" live") and record["details"]["flux_revision"].startswith(f"{second}@sha256:")
            ),
        )
        assert {"noticed", "applied"} <= set(upgraded["details"]["legs"])
        assert upgraded["artifacts"] != live["artifacts"]
