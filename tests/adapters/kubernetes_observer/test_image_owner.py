"""Who wrote an image, from ``managedFields`` (shape: apimachinery meta/v1, FieldsV1)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from adapters.kubernetes_client import ManagedFields
from adapters.kubernetes_workloads.ownership import Hand, ImageOwner, find_image_owner


def entry(
    manager: str, time: str, *containers: str, operation: str = "Update", image: bool = True, **more: Any
) -> ManagedFields:
    fields = {
        f'k:{{"name":"{name}"}}': {".": {}, **({"f:image": {}} if image else {"f:env": {}})} for name in containers
    }
    spec = {"f:template": {"f:spec": {"f:containers": fields}}}
    if more.pop("cron", False):
        spec = {"f:jobTemplate": {"f:spec": spec}}
    raw = {"manager": manager, "operation": operation, "time": time, "fieldsV1": {"f:spec": spec}, **more}
    return msgspec.json.decode(json.dumps(raw), type=ManagedFields)


def test_the_newest_owner_of_an_image_of_the_service_is_who_changed_it() -> None:
    entries = [
        entry("argocd-controller", "2026-03-01T12:00:00Z", "web", operation="Apply"),
        entry("kubectl-set", "2026-03-01T12:05:00Z", "web"),
        entry("istio", "2026-03-01T12:06:00Z", "proxy"),
        entry("kubectl-edit", "2026-03-01T12:07:00Z", "web", image=False),
        entry("kube-controller-manager", "2026-03-01T12:08:00Z", "web", subresource="status"),
    ]
    assert find_image_owner(entries, ["web"]) == ImageOwner("kubectl-set", "Update", "2026-03-01T12:05:00Z")


def test_a_cron_jobs_images_stand_one_level_deeper() -> None:
    owner = find_image_owner([entry("kustomize-controller", "2026-03-01T12:00:00Z", "job", cron=True)], ["job"])
    assert owner is not None
    assert owner.hand is Hand.CD


def test_nobody_is_named_where_the_server_does_not_say() -> None:
    assert find_image_owner([], ["web"]) is None
    assert find_image_owner([entry("helm", "2026-03-01T12:00:00Z", "web", image=False)], ["web"]) is None
    odd = msgspec.json.decode(
        b'{"manager":"x","fieldsV1":{"f:spec":{"f:image":{},"f:template":3}}}', type=ManagedFields
    )
    assert find_image_owner([odd], ["web"]) is None


@pytest.mark.parametrize(
    ("manager", "hand"),
    [
        ("argocd-controller", Hand.CD),
        ("helm-controller", Hand.CD),
        ("kube-controller-manager", Hand.SYSTEM),
        ("kubectl", Hand.KUBECTL),
        ("kubectl-client-side-apply", Hand.KUBECTL),
        ("kubectlx", Hand.OTHER),
        ("Mozilla", Hand.OTHER),
    ],
)
def test_a_managers_name_tells_whose_hand_it_was(manager: str, hand: Hand) -> None:
    assert ImageOwner(manager, "Update", None).hand is hand
