"""Applications of a fake Argo CD, moved along as its controller would: the shapes are those of Argo CD 3.1.

Written after ``argo-cd/pkg/apis/application/v1alpha1/types.go`` and ``controller/{sync,appcontroller}.go``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from tests.support.fake_kubernetes.store import Object, Store

APPLICATIONS = "argoproj.io/v1alpha1/applications"
REPOSITORY = "https://git.example.org/acme/infra.git"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
CONTROLLER = "argocd-application-controller"


def application(name: str, *, namespace: str = "production", metadata: Any = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "argocd", "finalizers": [FINALIZER], **(metadata or {})},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "source": {"repoURL": REPOSITORY, "path": f"apps/{name}", "targetRevision": "main"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            **spec,
        },
    }


def helm(**values: str) -> Object:
    """A source's ``helm``; ``image__tag`` is the parameter ``image.tag``."""
    return {"parameters": [{"name": name.replace("__", "."), "value": value} for name, value in values.items()]}


def results(*images: str, **more: Any) -> list[Object]:
    """One Deployment an image, beside a Service, as ``syncResult.resources`` has them."""
    service = {
        "group": "",
        "version": "v1",
        "kind": "Service",
        "namespace": "production",
        "name": "web",
        "status": "Synced",
    }
    made = [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "production",
            "name": image.rpartition("/")[2].partition(":")[0],
            "status": "Synced",
            "hookPhase": "Running",
            "syncPhase": "Sync",
            "message": "deployment.apps configured",
            "images": [image],
            **more,
        }
        for image in images
    ]
    return [service, *made]


@dataclass
class Applications:
    """Writes to the store; ``images`` False: an Argo CD before 3.1, which does not tell what a sync applied."""

    store: Store
    images: bool = True

    def create(self, name: str, *, manager: str = "argocd-server", **more: Any) -> None:
        self.store.create(APPLICATIONS, application(name, **more), manager)

    def get(self, name: str) -> Object:
        return copy.deepcopy(self.store.get(APPLICATIONS, ("argocd", name)))

    def edit(self, name: str, *, manager: str = "argocd-server", **spec: Any) -> None:
        app = self.get(name)
        app["spec"] |= spec
        self.store.update(APPLICATIONS, app, manager)

    def set_source(self, name: str, *, manager: str = "argocd-server", **source: Any) -> None:
        app = self.get(name)
        app["spec"]["source"] = {
            key: value for key, value in (app["spec"]["source"] | source).items() if value is not None
        }
        self.store.update(APPLICATIONS, app, manager)

    def annotate(self, name: str, **annotations: str) -> None:
        app = self.get(name)
        app["metadata"]["annotations"] = annotations
        self.store.update(APPLICATIONS, app, "kubectl-annotate")

    def delete(self, name: str) -> None:
        self.store.delete(APPLICATIONS, ("argocd", name))

    def status(self, name: str, **status: Any) -> None:
        app = self.get(name)
        app["status"] = app.get("status", {}) | status
        self.store.update(APPLICATIONS, app, CONTROLLER)

    # --- what the controller does ----------------------------------------------------------------------------------

    def begin(
        self, name: str, revision: str, *images: str, user: str | None = None, heals: bool = False, **sync: Any
    ) -> None:
        """A sync begins; ``images`` are those that it has applied so far."""
        by = {"username": user} if user else {"automated": True}
        asked: Object = {"revision": revision, **sync}
        if heals:
            asked |= {"autoHealAttemptsCount": 1, "resources": [{"group": "apps", "kind": "Deployment", "name": "web"}]}
        info = asked.pop("info", None)
        state: Object = {
            "phase": "Running",
            "message": "waiting for completion of hook",
            "startedAt": self.store.time(),
            "operation": {"initiatedBy": by, "sync": asked, "retry": {"limit": 5}, **({"info": info} if info else {})},
            "syncResult": {
                "revision": revision,
                "source": self.get(name)["spec"]["source"],
                "resources": self._results(images),
            },
        }
        self.status(name, operationState=state)

    def apply(self, name: str, *images: str) -> None:
        """The running sync has got further."""
        state = self._state(name)
        state["syncResult"]["resources"] = self._results(images)
        self.status(name, operationState=state)

    def finish(self, name: str, phase: str = "Succeeded", message: str = "successfully synced (all tasks run)") -> None:
        """The sync ends; a full one that succeeded enters the history first."""
        state = self._state(name)
        asked = state["operation"]["sync"]
        if phase == "Succeeded" and not asked.get("resources") and not asked.get("dryRun"):
            self._remember(name, state)
        self.status(name, operationState=state | {"phase": phase, "message": message, "finishedAt": self.store.time()})

    def look(
        self,
        name: str,
        health: str,
        *running: str,
        sync: str = "Synced",
        revision: str | None = None,
        message: str = "",
    ) -> None:
        """The controller compares again: what it finds, and the images of the pods that there are."""
        status = self.get(name).get("status", {})
        before = status.get("health", {})
        since = before.get("lastTransitionTime") if before.get("status") == health else self.store.time()
        compared = revision or status.get("operationState", {}).get("syncResult", {}).get("revision", "")
        now = self.store.time()
        self.status(
            name,
            reconciledAt=now,
            health={"status": health, "lastTransitionTime": since, **({"message": message} if message else {})},
            sync={"status": sync, "revision": compared},
            **({"summary": {"images": sorted(running)}} if running else {}),
        )

    def deploy(self, name: str, revision: str, *images: str, **more: Any) -> None:
        """A whole deployment that goes well."""
        self.look(name, "Healthy", sync="OutOfSync", revision=revision)
        self.begin(name, revision, *images, **more)
        self.finish(name)
        self.look(name, "Progressing", *images)
        self.look(name, "Healthy", *images)

    def _state(self, name: str) -> Object:
        state: Object = self.get(name)["status"]["operationState"]
        return state

    def _results(self, images: tuple[str, ...]) -> list[Object]:
        made = results(*images)
        if not self.images:
            for each in made:
                each.pop("images", None)
        return made

    def _remember(self, name: str, state: Object) -> None:
        history = self.get(name)["status"].get("history", [])
        entry = {
            "id": history[-1]["id"] + 1 if history else 0,
            "revision": state["syncResult"]["revision"],
            "deployStartedAt": state["startedAt"],
            "deployedAt": self.store.time(),
            "source": state["syncResult"]["source"],
            "initiatedBy": state["operation"]["initiatedBy"],
        }
        self.status(name, history=[*history, entry][-10:])
