"""A cluster to hold the contract against, and the hand that changes it: the fake's, or the one that the environment names."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_socket
import yaml

from adapters.kubernetes_client import Cluster, ConnectionSettings, Rejected, open_cluster
from bridge.clock import SystemClock
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.kubeconfig import write_kubeconfig

REAL = os.environ.get("DEPLOYBRIDGE_E2E_KUBECONFIG")
CLUSTERS = [
    "fake",
    pytest.param("real", marks=pytest.mark.skipif(REAL is None, reason="DEPLOYBRIDGE_E2E_KUBECONFIG names no cluster")),
]

_MERGE = "application/merge-patch+json"


@dataclass
class ClusterAtHand:
    """``kubeconfig`` reaches it; everything happens in ``namespace``, which is made and removed here."""

    cluster: Cluster
    kubeconfig: Path
    fake: FakeKubernetes | None  # None: a real one
    namespace: str = field(default_factory=lambda: f"deploybridge-contract-{secrets.token_hex(4)}")

    @property
    def deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments"

    async def prepare(self) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.send("POST", "/api/v1/namespaces", body)

    async def remove(self) -> None:
        await self.cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}", {})

    async def send(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        content_type: str = "application/json",
        manager: str = "kubectl-create",
    ) -> dict[str, Any]:
        sent = json.dumps(body).encode()
        answer = await self.cluster.request(
            method, path, {"fieldManager": manager}, body=sent, content_type=content_type
        )
        said: dict[str, Any] = json.loads(answer)
        return said

    async def create(self, name: str, image: str, *, manager: str = "kubectl-create", **labels: str) -> dict[str, Any]:
        """A Deployment of no pods: nothing is pulled, and a controller calls it complete at once."""
        container = {"name": "main", "image": image}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "replicas": 0,
                "progressDeadlineSeconds": 600,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
            },
        }
        return await self.send("POST", self.deployments, body, manager=manager)

    async def set_image(self, name: str, image: str, *, manager: str = "kubectl-set") -> dict[str, Any]:
        containers = [{"name": "main", "image": image}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        content_type = "application/strategic-merge-patch+json"
        return await self.send("PATCH", f"{self.deployments}/{name}", patch, content_type=content_type, manager=manager)

    async def label(self, name: str, **labels: str) -> dict[str, Any]:
        patch = {"metadata": {"labels": labels}}
        return await self.send(
            "PATCH", f"{self.deployments}/{name}", patch, content_type=_MERGE, manager="kubectl-label"
        )

    async def complete(self, name: str) -> None:
        """What the controller writes, for an API server that has none; where there is one, both say the same."""
        generation = (await self.get(name))["metadata"]["generation"]
        at = "2026-03-01T12:00:00Z"
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": "",
                "lastUpdateTime": at,
                "lastTransitionTime": at,
            }
            for kind, reason in (("Available", "MinimumReplicasAvailable"), ("Progressing", "NewReplicaSetAvailable"))
        ]
        patch = {"status": {"observedGeneration": generation, "conditions": conditions}}
        path = f"{self.deployments}/{name}/status"
        await self.send("PATCH", path, patch, content_type=_MERGE, manager="kube-controller-manager")

    async def get(self, name: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await self.cluster.get(f"{self.deployments}/{name}", {}))
        return said

    async def delete(self, name: str) -> None:
        await self.cluster.request("DELETE", f"{self.deployments}/{name}", {})

    async def refused(self, status: int, method: str, path: str, body: Any, content_type: str) -> str:
        """The words with which the server refuses."""
        with pytest.raises(Rejected) as caught:
            await self.send(method, path, body, content_type=content_type)
        assert caught.value.status == status
        return str(caught.value)


@asynccontextmanager
async def open_hand(kind: str, folder: Path) -> AsyncIterator[ClusterAtHand]:
    """One of ``CLUSTERS``, with a namespace that is removed at the end."""
    async with AsyncExitStack() as stack:
        if kind == "fake":
            fake = await stack.enter_async_context(serve_kubernetes())
            kubeconfig = write_kubeconfig(folder / "kubeconfig", fake.url)
        else:
            assert REAL is not None
            fake, kubeconfig = None, Path(REAL)
            pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", *hosts_of(kubeconfig)])
        cluster = await stack.enter_async_context(open_cluster(settings(kubeconfig), SystemClock()))
        made = ClusterAtHand(cluster, kubeconfig, fake)
        await made.prepare()
        try:
            yield made
        finally:
            await made.remove()


def settings(kubeconfig: Path, **more: Any) -> ConnectionSettings:
    return ConnectionSettings(kubeconfig=kubeconfig, exec_plugins=True, **more)


def hosts_of(kubeconfig: Path) -> list[str]:
    clusters = yaml.safe_load(kubeconfig.read_text())["clusters"]
    return [host for each in clusters if (host := urlsplit(each["cluster"]["server"]).hostname)]
