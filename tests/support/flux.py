"""Flux's objects in a fake cluster, moved along as its controllers would.

Statuses after the API docs of kustomize-controller v1.9, helm-controller v1.6 and source-controller v1.9.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any

from tests.support.fake_kubernetes.store import Object, Store
from tests.support.workloads import DEPLOYMENTS, Workloads

KUSTOMIZATIONS = "kustomize.toolkit.fluxcd.io/v1/kustomizations"
HELM_RELEASES = "helm.toolkit.fluxcd.io/v2/helmreleases"
GIT_REPOSITORIES = "source.toolkit.fluxcd.io/v1/gitrepositories"
OCI_REPOSITORIES = "source.toolkit.fluxcd.io/v1/ocirepositories"
AUTOMATIONS = "image.toolkit.fluxcd.io/v1/imageupdateautomations"
FLUX = "flux-system"
_LABELS = {KUSTOMIZATIONS: "kustomize.toolkit.fluxcd.io", HELM_RELEASES: "helm.toolkit.fluxcd.io"}
_MANAGERS = {KUSTOMIZATIONS: "kustomize-controller", HELM_RELEASES: "helm-controller"}


def commit(name: str) -> str:
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


def revision(name: str) -> str:
    return f"main@sha1:{commit(name)}"


def content(text: str) -> str:
    return "sha256:" + sha256(text.encode()).hexdigest()


@dataclass
class FluxCluster:
    """Writes to the store of a fake cluster. Workloads run in ``production``; Flux's objects stand in ``flux-system``."""

    store: Store
    workloads: Workloads = field(init=False)

    def __post_init__(self) -> None:
        self.workloads = Workloads(self.store)

    # --- objects ---------------------------------------------------------------------------------------------------

    def kustomization(self, name: str, **spec: Any) -> None:
        source = {"kind": "GitRepository", "name": "infra"}
        wanted = {"interval": "10m", "prune": True, "wait": True, "sourceRef": source, "targetNamespace": "production"}
        metadata = {"name": name, "namespace": FLUX}
        self.store.create(KUSTOMIZATIONS, {"metadata": metadata, "spec": {**wanted, **spec}, "status": {}}, "flux")

    def release(self, name: str, **spec: Any) -> None:
        wanted = {"chartRef": {"kind": "OCIRepository", "name": name}, "targetNamespace": "production", **spec}
        self.store.create(
            HELM_RELEASES, {"metadata": {"name": name, "namespace": FLUX}, "spec": wanted, "status": {}}, "flux"
        )

    def get(self, resource: str, name: str) -> Object:
        return copy.deepcopy(self.store.get(resource, (FLUX, name)))

    def status(self, resource: str, name: str, **status: Any) -> None:
        obj = self.get(resource, name)
        generation = obj["metadata"]["generation"]
        obj["status"] = {**obj.get("status", {}), "observedGeneration": generation, **status}
        for condition in obj["status"].get("conditions", ()):
            condition.setdefault("observedGeneration", generation)
        self.store.update(resource, obj, _MANAGERS.get(resource, "source-controller"), status=True)

    def edit(self, resource: str, name: str, **spec: Any) -> None:
        obj = self.get(resource, name)
        obj["spec"] |= spec
        self.store.update(resource, obj, "kubectl-edit")

    def annotate(self, resource: str, name: str, **annotations: str) -> None:
        obj = self.get(resource, name)
        obj["metadata"].setdefault("annotations", {}).update(annotations)
        self.store.update(resource, obj, "flux-client-side-apply")

    def condition(self, status: str, reason: str, message: str = "", kind: str = "Ready") -> Object:
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": self.store.time(),
        }

    def artifact(self, name: str, text: str, resource: str = GIT_REPOSITORIES, **more: Any) -> None:
        """A source holds a new revision ready."""
        if (FLUX, name) not in self.store.objects.get(resource, {}):
            self.store.create(
                resource, {"metadata": {"name": name, "namespace": FLUX}, "spec": {}, "status": {}}, "flux"
            )
        artifact = {"revision": text, "digest": content(text), "lastUpdateTime": self.store.time(), **more}
        self.status(resource, name, artifact=artifact, conditions=[self.condition("True", "Succeeded")])

    def pushed(self, name: str, hash_: str) -> None:
        obj = {"metadata": {"name": name, "namespace": FLUX}, "spec": {}, "status": {}}
        self.store.create(AUTOMATIONS, obj, "flux")
        self.status(AUTOMATIONS, name, lastPushCommit=hash_, lastPushTime=self.store.time())

    # --- workloads -------------------------------------------------------------------------------------------------

    def apply(self, resource: str, owner: str, name: str, *images: str, **spec: Any) -> None:
        """A controller applies a Deployment."""
        group, manager = _LABELS[resource], _MANAGERS[resource]
        if ("production", name) in self.store.objects.get(DEPLOYMENTS, {}):
            self.workloads.set_images(name, *images, manager=manager)
        else:
            labels = {f"{group}/name": owner, f"{group}/namespace": FLUX}
            self.workloads.create(name, *images, manager=manager, labels=labels, **spec)

    # --- kustomize-controller --------------------------------------------------------------------------------------

    def attempt(self, name: str, text: str) -> None:
        progressing = [self.condition("Unknown", "Progressing", "Reconciliation in progress")]
        self.status(KUSTOMIZATIONS, name, lastAttemptedRevision=text, conditions=progressing)

    def fail(self, name: str, reason: str, message: str = "") -> None:
        self.status(KUSTOMIZATIONS, name, conditions=[self.condition("False", reason, message)])

    def succeed(self, name: str, manifests: str, *workloads: str) -> None:
        """Applied, pruned and healthy; the history keeps an entry for each pair of manifests and result."""
        before = self.get(KUSTOMIZATIONS, name)["status"]
        attempted, at, digest = before["lastAttemptedRevision"], self.store.time(), content(manifests)
        history = copy.deepcopy(before.get("history", []))
        entry = next((each for each in history if each["digest"] == digest), None)
        if entry is None:
            entry = {"digest": digest, "firstReconciled": at, "totalReconciliations": 0}
        else:
            history.remove(entry)
        entry |= {
            "lastReconciled": at,
            "lastReconciledDuration": "1.2s",
            "lastReconciledStatus": "ReconciliationSucceeded",
            "totalReconciliations": entry["totalReconciliations"] + 1,
            "metadata": {"revision": attempted},
        }
        entries = [{"id": f"production_{each}_apps_Deployment", "v": "v1"} for each in workloads]
        self.status(
            KUSTOMIZATIONS,
            name,
            lastAppliedRevision=attempted,
            history=[entry, *history][:5],
            inventory={"entries": entries} if workloads else before.get("inventory", {"entries": []}),
            conditions=[self.condition("True", "ReconciliationSucceeded", f"Applied revision: {attempted}")],
        )

    def deploy(self, name: str, text: str, *images: str) -> None:
        """A whole deployment of one workload of the same name by a Kustomization."""
        self.attempt(name, text)
        self.apply(KUSTOMIZATIONS, name, name, *images)
        self.workloads.complete(name)
        self.succeed(name, " ".join(images), name)

    # --- helm-controller -------------------------------------------------------------------------------------------

    def upgrade(self, name: str, chart: str, values: str) -> None:
        progressing = [self.condition("Unknown", "Progressing", "Running 'upgrade' action with timeout of 5m0s")]
        self.status(
            HELM_RELEASES,
            name,
            lastAttemptedRevision=chart,
            lastAttemptedConfigDigest=content(values),
            conditions=progressing,
        )

    def released(
        self, name: str, status: str = "deployed", reason: str = "UpgradeSucceeded", message: str = ""
    ) -> None:
        """The end of an upgrade, good or bad."""
        before = self.get(HELM_RELEASES, name)["status"]
        history = copy.deepcopy(before.get("history", []))
        if status == "deployed":
            for each in history:
                each["status"] = "superseded" if each["status"] == "deployed" else each["status"]
        snapshot = self._snapshot(
            name, history, status, before["lastAttemptedRevision"], before["lastAttemptedConfigDigest"]
        )
        ok = "True" if status == "deployed" else "False"
        conditions = [self.condition(ok, reason, message), self.condition(ok, reason, message, "Released")]
        self.status(HELM_RELEASES, name, history=[snapshot, *history], conditions=conditions)

    def rolled_back(self, name: str, failure: str) -> None:
        """The remediation of a failed upgrade: the last good release again, as a new one."""
        history = copy.deepcopy(self.get(HELM_RELEASES, name)["status"]["history"])
        good = next(each for each in history if each["status"] in {"deployed", "superseded"})
        good["status"] = "superseded"
        snapshot = self._snapshot(name, history, "deployed", good["chartVersion"], good["configDigest"])
        conditions = [
            self.condition("False", "UpgradeFailed", failure),
            self.condition(
                "True", "RollbackSucceeded", f"Helm rollback to previous release {name} succeeded", "Remediated"
            ),
        ]
        self.status(HELM_RELEASES, name, history=[snapshot, *history], conditions=conditions)

    def _snapshot(self, name: str, history: list[Object], status: str, chart: str, values: str) -> Object:
        version, at = max((each["version"] for each in history), default=0) + 1, self.store.time()
        return {
            "name": name,
            "namespace": "production",
            "version": version,
            "status": status,
            "chartName": name,
            "chartVersion": chart,
            "appVersion": chart,
            "configDigest": values,
            "digest": content(f"{version}{chart}{values}"),
            "firstDeployed": history[-1]["firstDeployed"] if history else at,
            "lastDeployed": at,
        }
