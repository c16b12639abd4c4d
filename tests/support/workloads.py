"""Workloads of a fake cluster, moved along as Kubernetes' controllers would: the shapes are those of a v1.34 API server."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tests.support.fake_kubernetes.store import Object, Store

DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS = "apps/v1/deployments", "apps/v1/statefulsets", "apps/v1/daemonsets"
CRON_JOBS, JOBS, PODS = "batch/v1/cronjobs", "batch/v1/jobs", "v1/pods"


def template(*images: str) -> Object:
    names = [image.rpartition("/")[2].partition(":")[0].partition("@")[0] for image in images]
    return {"spec": {"containers": [{"name": name, "image": image} for name, image in zip(names, images, strict=True)]}}


def deployment(
    name: str, *images: str, namespace: str = "production", labels: dict[str, str] | None = None, **spec: Any
) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    wanted = {"replicas": 2, "progressDeadlineSeconds": 600, "template": template(*images), **spec}
    return {"metadata": metadata, "spec": wanted}


def digest(text: str) -> str:
    return "sha256:" + sha256(text.encode()).hexdigest()


@dataclass
class Workloads:
    """Writes to the store of a fake cluster."""

    store: Store
    namespace: str = "production"

    def create(self, name: str, *images: str, manager: str = "argocd-controller", **more: Any) -> None:
        self.store.create(DEPLOYMENTS, deployment(name, *images, namespace=self.namespace, **more), manager)

    def get(self, name: str, resource: str = DEPLOYMENTS) -> Object:
        return copy.deepcopy(self.store.get(resource, (self.namespace, name)))

    def set_images(
        self, name: str, *images: str, manager: str = "argocd-controller", resource: str = DEPLOYMENTS
    ) -> None:
        obj = self.get(name, resource)
        obj["spec"]["template"] = template(*images)
        self.store.update(resource, obj, manager)

    def edit(self, name: str, resource: str = DEPLOYMENTS, manager: str = "kubectl-edit", **spec: Any) -> None:
        obj = self.get(name, resource)
        obj["spec"] |= spec
        self.store.update(resource, obj, manager)

    def label(self, name: str, **labels: str) -> None:
        obj = self.get(name)
        obj["metadata"]["labels"] = labels
        self.store.update(DEPLOYMENTS, obj, "kubectl-label")

    def delete(self, name: str, resource: str = DEPLOYMENTS) -> None:
        self.store.delete(resource, (self.namespace, name))

    def status(self, name: str, resource: str = DEPLOYMENTS, **status: Any) -> None:
        obj = self.get(name, resource)
        obj["status"] = {"observedGeneration": obj["metadata"]["generation"], **status}
        self.store.update(resource, obj, "kube-controller-manager", status=True)

    def roll(self, name: str, *, updated: int, reason: str = "ReplicaSetUpdated") -> None:
        """The controller has replaced some of the pods."""
        wanted = self.get(name)["spec"]["replicas"]
        counts = {"replicas": max(wanted, updated), "updatedReplicas": updated, "availableReplicas": wanted}
        self.status(name, **counts, conditions=self.conditions(reason))

    def complete(self, name: str) -> None:
        """All pods are new, and ready."""
        wanted = self.get(name)["spec"]["replicas"]
        counts = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted}
        self.status(name, **counts, conditions=self.conditions("NewReplicaSetAvailable"))

    def conditions(self, reason: str, *, available: bool = True) -> list[Object]:
        failed = reason == "ProgressDeadlineExceeded"
        at = self.store.time()
        return [
            {"type": "Available", "status": str(available), "reason": "MinimumReplicasAvailable", "lastUpdateTime": at},
            {"type": "Progressing", "status": str(not failed), "reason": reason, "lastUpdateTime": at},
        ]

    def pod(self, deployment: str, number: int, image: str, content: str, *, hashed: str = "5d4f") -> None:
        """A running pod of a Deployment whose image was pulled as ``content``."""
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": f"{deployment}-{hashed}",
            "uid": hashed,
            "controller": True,
        }
        container = image.rpartition("/")[2].partition(":")[0]
        pod = {
            "metadata": {
                "name": f"{deployment}-{hashed}-{number}",
                "namespace": self.namespace,
                "labels": {"pod-template-hash": hashed},
                "ownerReferences": [owner],
            },
            "spec": {"containers": [{"name": container, "image": image}]},
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": container, "imageID": f"{image.partition(':')[0]}@{digest(content)}"}],
            },
        }
        self.store.create(PODS, pod, "kube-controller-manager")
