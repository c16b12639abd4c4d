"""The other side of ``scripts/bench observe``: Deployments as a real cluster writes them, and as many changes a second as asked."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

DEPLOYMENTS = "/apis/apps/v1/deployments"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/applications"
_FIRST_VERSION = 100_000


def deployment(number: int, version: int, tag: str, generation: int = 3) -> dict[str, Any]:
    """About 5 KB of JSON, more than half of it managed fields, as kubectl shows it with ``--show-managed-fields``."""
    name, at = f"service-{number}", "2026-03-01T12:00:00Z"
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "team": f"team-{number % 20}"}
    environment = [{"name": f"SETTING_{index}", "value": f"value-{index}"} for index in range(12)]
    container = {
        "name": "main",
        "image": f"ghcr.io/acme/{name}:{tag}",
        "env": environment,
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    owned = {f'k:{{"name":"{each["name"]}"}}': {".": {}, "f:name": {}, "f:value": {}} for each in environment}
    main = {
        ".": {},
        "f:env": {".": {}, **owned},
        "f:image": {},
        "f:name": {},
        "f:resources": {"f:limits": {}, "f:requests": {}},
    }
    spec = {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': main}}}}
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "lastUpdateTime": at,
            "lastTransitionTime": at,
            "message": "x" * 60,
        }
        for kind, reason in (("Available", "MinimumReplicasAvailable"), ("Progressing", "NewReplicaSetAvailable"))
    ]
    status_fields = {f"f:{name}": {} for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
    managed = [
        {"manager": "argocd-controller", "operation": "Apply", "time": at, "fieldsType": "FieldsV1",
         "fieldsV1": {"f:metadata": {"f:labels": {f"f:{key}": {} for key in labels}}, "f:spec": spec}},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": at,
         "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {**status_fields, "f:conditions": {".": {}, **owned}}}},
        {"manager": "kubectl-annotate", "operation": "Update", "time": at, "fieldsType": "FieldsV1",
         "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:note": {}}}}},
    ]  # fmt: skip
    return {
        "metadata": {
            "name": name,
            "namespace": f"production-{number % 10}",
            "uid": f"00000000-0000-4000-8000-{number:012d}",
            "resourceVersion": str(version),
            "generation": generation,
            "creationTimestamp": at,
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": "3", "note": "n" * 400},
            "managedFields": managed,
        },
        "spec": {
            "replicas": 2,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "dnsPolicy": "ClusterFirst"},
            },
        },
        "status": {
            "observedGeneration": 3,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "conditions": conditions,
        },
    }


def application(number: int, version: int, tag: str) -> dict[str, Any]:
    """About 14 KB of JSON: ten deployments of history, twenty resources, and managed fields, as Argo CD 3.1 writes them."""
    name, at, revision = f"service-{number}", "2026-03-01T12:00:00Z", f"{number:040x}"
    source = {
        "repoURL": "https://git.example.org/acme/infra.git",
        "path": f"apps/{name}",
        "targetRevision": "main",
        "helm": {"parameters": [{"name": f"setting.{index}", "value": f"value-{index}"} for index in range(4)]},
    }
    destination = {"server": "https://kubernetes.default.svc", "namespace": f"production-{number % 10}"}
    by = {"automated": True}
    past = {"initiatedBy": by, "revision": revision, "source": source}
    days = [f"2026-02-{10 + index}T12:00:00Z" for index in range(9)] + [at]
    kinds = ["Deployment", "Service", "ConfigMap", "Ingress", "ServiceAccount"] * 4
    resources = [
        {
            "group": "apps",
            "version": "v1",
            "kind": kind,
            "namespace": destination["namespace"],
            "name": f"{name}-{index}",
        }
        for index, kind in enumerate(kinds)
    ]
    results = [
        {
            **each,
            "status": "Synced",
            "hookPhase": "Running",
            "syncPhase": "Sync",
            "message": f"{each['name']} configured",
        }
        | ({"images": [f"ghcr.io/acme/{each['name']}:{tag}"]} if each["kind"] == "Deployment" else {})
        for each in resources
    ]
    sync_status = {"f:status": {"f:health": {"f:status": {}}, "f:history": {}, "f:resources": {}, "f:reconciledAt": {}}}
    return {
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "uid": f"00000000-0000-4000-8001-{number:012d}",
            "resourceVersion": str(version),
            "generation": 900,
            "creationTimestamp": at,
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            "labels": {"app.kubernetes.io/name": name, "team": f"team-{number % 20}"},
            "managedFields": [
                {"manager": manager, "operation": "Update", "time": at, "fieldsType": "FieldsV1", "fieldsV1": fields}
                for manager, fields in (
                    ("argocd-controller", {"f:spec": {"f:source": {"f:helm": {"f:parameters": {}}}}}),
                    ("argocd-application-controller", sync_status),
                )
            ],
        },
        "spec": {"project": "default", "source": source, "destination": destination},
        "status": {
            "sync": {
                "status": "Synced",
                "revision": revision,
                "comparedTo": {"source": source, "destination": destination},
            },
            "health": {"status": "Healthy", "lastTransitionTime": at},
            "reconciledAt": at,
            "resources": [{**each, "status": "Synced"} for each in resources],
            "summary": {"images": [image for each in results for image in each.get("images", ())]},
            "operationState": {
                "phase": "Succeeded",
                "startedAt": at,
                "finishedAt": at,
                "operation": {"initiatedBy": by, "sync": {"revision": revision, "prune": True}},
                "syncResult": {"revision": revision, "source": source, "resources": results},
            },
            "history": [
                {**past, "id": index, "deployStartedAt": day, "deployedAt": day} for index, day in enumerate(days)
            ],
        },
    }


class Cluster:
    """Everything is rendered before anybody asks."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.applications = [
            json.dumps(application(number, 1000 + number, "v1")).encode() for number in range(count // 2)
        ]
        self.items = [json.dumps(deployment(number, 1000 + number, "v1")).encode() for number in range(count)]
        self.told = asyncio.Event()
        self.rate, self.seconds = 0, 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Every path; ``/start`` lets the changes begin."""
        if request.path == "/start":
            self.rate, self.seconds = int(request.query["rate"]), float(request.query["seconds"])
            self.told.set()
            return web.Response()
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.34.0-bench"})
        if "watch" in request.query:
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        items = {DEPLOYMENTS: self.items, APPLICATIONS: self.applications}.get(request.path, [])
        start, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or self.count)
        more = str(start + limit) if start + limit < len(items) else ""
        head = {"resourceVersion": str(_FIRST_VERSION), "continue": more}
        body = b'{"kind":"DeploymentList","metadata":' + json.dumps(head).encode() + b',"items":['
        return web.Response(
            body=body + b",".join(items[start : start + limit]) + b"]}", content_type="application/json"
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await self.told.wait()
        if request.path != DEPLOYMENTS:
            await asyncio.sleep(3600)
        began, version = time.perf_counter(), _FIRST_VERSION
        for index in range(int(self.rate * self.seconds)):
            await asyncio.sleep(max(0.0, began + index / self.rate - time.perf_counter()))
            version += 1
            changed = deployment(index % self.count, version, "NOW", generation=4 + index // self.count)
            # The tag is the moment at which the line is written: what comes later knows how long it took.
            line = json.dumps({"type": "MODIFIED", "object": changed}).replace(":NOW", f":t{time.time():.6f}")
            await response.write(line.encode() + b"\n")
        await asyncio.sleep(3600)
        return response


async def _serve(count: int) -> None:
    app = web.Application()
    cluster = Cluster(count)
    app.router.add_get("/{path:.*}", cluster.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
