"""An Argo CD to hold the contract against, and the hand that changes it: the fake's, or the one that the environment names.

The hand writes Applications by the Kubernetes API. Nothing but one Application and its destination namespace is made, and both are
removed; its Deployment has no pods, so that nothing is pulled.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.kubernetes_client import Cluster
from adapters.observers.argocd.client import ArgoApi
from tests.support.applications import Applications, helm

REPOSITORY = os.environ.get("DEPLOYBRIDGE_E2E_ARGOCD_REPO", "https://github.com/argoproj/argocd-example-apps.git")
CHART = os.environ.get("DEPLOYBRIDGE_E2E_ARGOCD_PATH", "helm-guestbook")
NAMESPACE = os.environ.get("DEPLOYBRIDGE_E2E_ARGOCD_NAMESPACE", "argocd")
IMAGE = "gcr.io/google-samples/gb-frontend"
FINALIZER = "resources-finalizer.argocd.argoproj.io"


@dataclass
class ArgocdAtHand:
    """``kubeconfig`` and ``api`` are two ways to the same one."""

    cluster: Cluster
    kubeconfig: Path
    api: ArgoApi
    fake: Applications | None  # None: a real one
    name: str = field(default_factory=lambda: f"deploybridge-contract-{secrets.token_hex(4)}")

    @property
    def applications(self) -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"

    async def create(self, tag: str) -> None:
        """An Application of the tag, which Argo CD deploys by itself."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.name, "namespace": NAMESPACE, "finalizers": [FINALIZER]},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": self.name},
                "source": {"repoURL": REPOSITORY, "path": CHART, "targetRevision": "HEAD", "helm": self._helm(tag)},
                "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
            },
        }
        await self._send("POST", self.applications, body, "application/json", "kubectl-create")
        self._deploy(tag)

    async def set_tag(self, tag: str) -> None:
        """Somebody overrides the parameter, and Argo CD deploys it."""
        patch = {"spec": {"source": {"helm": self._helm(tag)}}}
        await self._send(
            "PATCH", f"{self.applications}/{self.name}", patch, "application/merge-patch+json", "kubectl-patch"
        )
        self._deploy(tag)

    async def get(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await self.cluster.get(f"{self.applications}/{self.name}", {}))
        return said

    async def delete(self) -> None:
        await self.cluster.request("DELETE", f"{self.applications}/{self.name}", {})

    async def remove_namespace(self) -> None:
        await self.cluster.request("DELETE", f"/api/v1/namespaces/{self.name}", {})

    def _helm(self, tag: str) -> dict[str, Any]:
        return helm(image__repository=IMAGE, image__tag=tag, replicaCount="0")

    def _deploy(self, tag: str) -> None:
        """What a real Argo CD does by itself."""
        if self.fake is not None:
            self.fake.deploy(self.name, "a" * 40, f"{IMAGE}:{tag}")

    async def _send(self, method: str, path: str, body: Any, content_type: str, manager: str) -> None:
        sent = json.dumps(body).encode()
        await self.cluster.request(method, path, {"fieldManager": manager}, body=sent, content_type=content_type)
