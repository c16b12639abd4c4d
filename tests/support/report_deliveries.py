"""What CD systems, registries and alerting post: the documented shape of each, with some of the fields that are not read.

Hosts, people and hashes are made up. Each says which document has the shape.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import yaml

from adapters import catalog
from bridge.ports import HookDecoder, HookMessage, HookRequest

TIP = "b939f1d93084ff7b010b01ad29102d61534b26a6"
DIGEST = "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
TEMPLATE = Path(__file__).parents[2] / "config" / "argocd" / "notifications.yaml"
JSON = {"Content-Type": "application/json"}


def decoder(kind: str, **settings: Any) -> HookDecoder:
    table = {"kind": kind, "name": "cd", **settings}
    made = catalog.import_settings()["hook", kind].model_validate(table)
    opened: HookDecoder = catalog.import_adapter("hook", kind).open_decoder(made)
    return opened


def request(headers: dict[str, str], body: Any) -> HookRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HookRequest({name.lower(): value for name, value in headers.items()}, data)


def decode(kind: str, body: Any, headers: dict[str, str] | None = None, **settings: Any) -> HookMessage | None:
    return decoder(kind, **settings).decode(request({**JSON, **(headers or {})}, body))


def application(**status: Any) -> dict[str, Any]:
    """An Application of Argo CD 3.x after a sync: argo-cd ``pkg/apis/application/v1alpha1/types.go``."""
    state = {
        "phase": "Succeeded",
        "message": "successfully synced (all tasks run)",
        "startedAt": "2026-03-02T12:01:00Z",
        "finishedAt": "2026-03-02T12:01:20Z",
        "operation": {
            "initiatedBy": {"username": "ada", "automated": False},
            "info": [{"name": "deploybridge/intent", "value": "intent-1"}],
            "sync": {"revision": TIP, "prune": True},
        },
        "syncResult": {
            "revision": TIP,
            "resources": [
                {"kind": "Job", "name": "migrate", "syncPhase": "PreSync", "images": ["ghcr.io/acme/migrate:v2"]},
                {"kind": "Service", "name": "shop", "syncPhase": "Sync", "status": "Synced"},
                {
                    "kind": "Deployment",
                    "name": "shop",
                    "syncPhase": "Sync",
                    "status": "Synced",
                    "images": ["ghcr.io/acme/shop:v2"],
                },
            ],
        },
    }
    made: dict[str, Any] = {
        "metadata": {
            "name": "shop-production",
            "namespace": "argocd",
            "labels": {"team": "shop"},
            "annotations": {"a": 'quoted "text"'},
        },
        "spec": {
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "source": {"repoURL": "https://git.example.org/acme/infra.git", "path": "apps/shop"},
        },
        "status": {
            "sync": {"status": "Synced", "revision": TIP},
            "health": {"status": "Healthy", "lastTransitionTime": "2026-03-02T12:02:00Z"},
            "summary": {"images": ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"]},
            "reconciledAt": "2026-03-02T12:00:50Z",
            "operationState": state,
        },
    }
    made = copy.deepcopy(made)
    for key, value in status.items():
        if isinstance(value, dict) and isinstance(made["status"].get(key), dict):
            made["status"][key] |= value
        else:
            made["status"][key] = value
    return made


def notify(app: dict[str, Any]) -> bytes:
    """Fill in the notification template of config/argocd as Go would: its only actions are ``toJson`` of a field."""
    cm = yaml.safe_load(TEMPLATE.read_text())
    body = yaml.safe_load(cm["data"]["template.deploybridge"])["webhook"]["deploybridge"]["body"]

    def fill(match: re.Match[str]) -> str:
        value: Any = {"app": app}
        for part in match["path"].strip(".").split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return json.dumps(value)

    filled, count = re.subn(r"\{\{ toJson (?P<path>[.\w]+) \}\}", fill, body)
    assert count == body.count("{{"), "an action that is not understood"
    return filled.encode()


def flux(kind: str = "Kustomization", **changes: Any) -> dict[str, Any]:
    """fluxcd/pkg ``apis/event/v1beta1`` as a generic Provider posts it (Flux 2.9)."""
    return {
        "involvedObject": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": kind,
            "namespace": "production",
            "name": "shop",
            "uid": "7d0c7a4e-0000-4000-8000-000000000000",
            "resourceVersion": "365594",
        },
        "severity": "info",
        "timestamp": "2026-03-02T12:03:00Z",
        "reason": "ReconciliationSucceeded",
        "message": "Reconciliation finished in 436.49ms, next run in 10m0s",
        "metadata": {"revision": f"main@sha1:{TIP}", "commit_status": "update", "deploybridge-intent": "intent-1"},
        "reportingController": "kustomize-controller",
        "reportingInstance": "kustomize-controller-7c7b47f5f-8bhrp",
        **changes,
    }


def cdevent(type: str = "service.upgraded", version: str = "0.5.1", **content: Any) -> dict[str, Any]:  # noqa: A002 - CDEvents' word
    """cdevents/spec, conformance examples: 0.5.1, and 0.4.1 with its other names."""
    older = version.startswith("0.4")
    context = {
        "version" if older else "specversion": version,
        "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
        "source": "/ci/acme",
        "type": f"dev.cdevents.{type}.0.{2 if older else 3}.0",
        "timestamp": "2026-03-02T12:04:05.315384Z",
    }
    said = {
        "environment": {"id": "production", "source": "/ci/acme"},
        "artifactId": f"pkg:oci/shop@{DIGEST.replace(':', '%3A')}?repository_url=ghcr.io%2Facme%2Fshop&tag=v2",
    }
    subject: dict[str, Any] = {"id": "shop", "source": "/ci/acme", "content": {**said, **content}}
    return {"context": context, "subject": subject | ({"type": type.partition(".")[0]} if older else {})}


def carried(event: dict[str, Any]) -> dict[str, str]:
    """The headers of the binary mode."""
    context = event["context"]
    return {
        "ce-specversion": "1.0",
        "ce-id": context["id"],
        "ce-source": context["source"],
        "ce-type": context["type"],
        "ce-time": context["timestamp"],
    }


def enveloped(event: dict[str, Any]) -> dict[str, Any]:
    """The envelope of the structured mode."""
    headers = carried(event)
    return {name.removeprefix("ce-"): value for name, value in headers.items()} | {
        "datacontenttype": "application/json",
        "data": event,
    }


def deployment_status(state: str = "success", payload: Any = None) -> dict[str, Any]:
    """docs.github.com, "Webhook events and payloads", deployment_status (2026)."""
    return {
        "action": "created",
        "deployment_status": {
            "id": 67890,
            "state": state,
            "creator": {"login": "ci-bot"},
            "description": "It went wrong" if state == "failure" else "",
            "environment": "production",
            "created_at": "2026-03-02T12:05:00Z",
            "updated_at": "2026-03-02T12:05:00Z",
        },
        "deployment": {
            "id": 12345,
            "sha": TIP,
            "ref": "main",
            "task": "deploy",
            "payload": {} if payload is None else payload,
            "environment": "production",
            "created_at": "2026-03-02T12:04:00Z",
            "creator": {"login": "ada"},
        },
        "repository": {"name": "Shop", "full_name": "Acme/Shop", "owner": {"login": "Acme"}},
        "sender": {"login": "ci-bot"},
    }


def package(key: str = "package") -> dict[str, Any]:
    """docs.github.com, "Webhook events and payloads", package and registry_package (2026)."""
    return {
        "action": "published",
        key: {
            "name": "shop",
            "namespace": "acme",
            "package_type": "CONTAINER",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-03-02T11:59:00Z",
            "package_version": {
                "version": DIGEST,
                "package_url": "ghcr.io/acme/shop:v2",
                "created_at": "2026-03-02T11:59:00Z",
                "container_metadata": {"tag": {"name": "v2", "digest": DIGEST}},
            },
        },
        "repository": {"full_name": "acme/shop"},
    }


def distribution(action: str = "push", media_type: str = "application/vnd.oci.image.index.v1+json") -> dict[str, Any]:
    """distribution.github.io, "Work with notifications" (v3): an envelope."""
    target = {"mediaType": media_type, "size": 1234, "digest": DIGEST, "repository": "acme/shop", "tag": "v2"}
    return {
        "events": [
            {
                "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
                "timestamp": "2026-03-02T11:59:00.123456789Z",
                "action": action,
                "target": target | {"url": f"https://registry.example.org/v2/acme/shop/manifests/{DIGEST}"},
                "request": {"id": "1", "addr": "192.0.2.1", "host": "registry.example.org:5000", "method": "PUT"},
                "actor": {"name": "ada"},
            }
        ]
    }


def harbor(tag: str = "v2") -> dict[str, Any]:
    """goharbor.io, "Configure Webhook Notifications", payload format Default (2.x)."""
    url = f"harbor.example.org/acme/shop{'@' if tag == DIGEST else ':'}{tag}"
    return {
        "type": "PUSH_ARTIFACT",
        "occur_at": 1772452740,  # 2026-03-02T11:59:00Z
        "operator": "ada",
        "event_data": {
            "resources": [{"digest": DIGEST, "tag": tag, "resource_url": url}],
            "repository": {"name": "shop", "namespace": "acme", "repo_full_name": "acme/shop", "repo_type": "private"},
        },
    }


def harbor_cloudevent(tag: str = "v2") -> dict[str, Any]:
    """The same page, payload format CloudEvents (2.8)."""
    told = harbor(tag)
    return {
        "specversion": "1.0",
        "id": "66e18103-09c1-41f6-982f-37df223f3eeb",
        "requestid": "51c0b694-0168-4f3c-b0db-282565455d7b",
        "source": "/projects/2/webhook/policies/15",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": "2026-03-02T11:59:00Z",
        "data": told["event_data"],
        "operator": told["operator"],
    }


def alerts(status: str = "firing", ended: str = "0001-01-01T00:00:00Z") -> dict[str, Any]:
    """prometheus.io, "Alerting: configuration", webhook_config: version 4."""
    labels = {"alertname": "ErrorRate", "service": "shop", "environment": "production", "severity": "page"}
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ErrorRate"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "bridge",
        "groupLabels": {"alertname": "ErrorRate"},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org:9093",
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": {"summary": "Too many errors in shop"},
                "startsAt": "2026-03-02T12:06:00.828123456Z",
                "endsAt": ended,
                "generatorURL": "http://prometheus.example.org/graph",
                "fingerprint": "1a30ba71cca2921f",
            }
        ],
    }
