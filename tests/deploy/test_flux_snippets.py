"""What Flux is told to post to the bridge, as config/flux has it (fields: notification-controller v1.9, api/v1beta3)."""

from __future__ import annotations

from typing import Any

import yaml

from tests.deploy.manifests import CONFIG, KUBERNETES, build_by_reading, one

KINDS = {
    "Bucket", "GitRepository", "Kustomization", "HelmRelease", "HelmChart", "HelmRepository", "ImageRepository",
    "ImagePolicy", "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator", "ExternalArtifact",
}  # fmt: skip


def read(name: str) -> Any:
    return yaml.safe_load((CONFIG / "flux" / name).read_text())


def test_the_provider_posts_signed_to_the_bridge_beside_flux() -> None:
    provider, kustomization = read("provider.yaml"), read("kustomization.yaml")
    assert provider["apiVersion"] == "notification.toolkit.fluxcd.io/v1beta3"
    spec = provider["spec"]
    assert set(spec) == {"type", "address", "timeout", "secretRef"}
    assert spec["type"] == "generic-hmac"
    service = one(build_by_reading(KUBERNETES / "flux"), "Service")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    assert spec["address"] == f"http://{host}:{service['spec']['ports'][0]['port']}/api/v1/hooks/flux"
    generated = {each["name"]: each for each in kustomization["secretGenerator"]}[spec["secretRef"]["name"]]
    assert generated["files"] == ["token=token.txt"], "generic-hmac reads the key `token`"
    assert generated["options"] == {"disableNameSuffixHash": True}, (
        "kustomize renames no reference in a custom resource"
    )


def test_the_alert_sends_what_the_bridge_reads() -> None:
    alert, provider, kustomization = read("alert.yaml"), read("provider.yaml"), read("kustomization.yaml")
    spec = alert["spec"]
    assert set(spec) == {"providerRef", "eventSeverity", "eventMetadata", "eventSources"}
    assert spec["providerRef"]["name"] == provider["metadata"]["name"]
    assert spec["eventSeverity"] == "info", "with error alone no success would be posted"
    kinds = [each["kind"] for each in spec["eventSources"]]
    assert set(kinds) <= KINDS
    assert {"GitRepository", "Kustomization", "HelmRelease"} <= set(kinds)
    assert set(kustomization["resources"]) == {"alert.yaml", "provider.yaml", "receiver.yaml"}


def test_the_receiver_wakes_flux_with_a_key_of_its_own() -> None:
    receiver, provider, kustomization = read("receiver.yaml"), read("provider.yaml"), read("kustomization.yaml")
    assert receiver["apiVersion"] == "notification.toolkit.fluxcd.io/v1"
    spec = receiver["spec"]
    assert set(spec) == {"type", "secretRef", "resources"}
    assert spec["type"] == "generic-hmac"
    assert spec["secretRef"]["name"] != provider["spec"]["secretRef"]["name"]
    generated = {each["name"]: each for each in kustomization["secretGenerator"]}[spec["secretRef"]["name"]]
    assert generated["files"] == ["token=receiver-token.txt"], "a Receiver reads the key `token`"
    assert generated["options"] == {"disableNameSuffixHash": True}
    for resource in spec["resources"]:
        assert {"apiVersion", "kind", "name"} <= set(resource)
        assert resource["kind"] in KINDS
