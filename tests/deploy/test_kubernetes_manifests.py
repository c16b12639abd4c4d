"""The bridge in a cluster, as config/kubernetes has it: it builds, every reference holds, and it may do no more than it must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from adapters.kubernetes_workloads.kinds import PATHS, Kind
from bridge import compose
from bridge.settings import Settings
from tests.deploy.manifests import (
    CLUSTER_WIDE,
    KUBECTL,
    KUBERNETES,
    OVERLAYS,
    Manifest,
    build_by_reading,
    build_with_kubectl,
    one,
    pod,
)

SCHEMAS = ("1.30", "1.34")  # the oldest that is held to, and a newer
READING = {"get", "list", "watch"}
FLUX_RESOURCES = {
    ("kustomize.toolkit.fluxcd.io", "kustomizations"),
    ("helm.toolkit.fluxcd.io", "helmreleases"),
    ("source.toolkit.fluxcd.io", "gitrepositories"),
    ("source.toolkit.fluxcd.io", "ocirepositories"),
    ("source.toolkit.fluxcd.io", "buckets"),
    ("source.toolkit.fluxcd.io", "helmcharts"),
    ("image.toolkit.fluxcd.io", "imageupdateautomations"),
}

Build = Callable[[Path], list[Manifest]]


@pytest.fixture(
    params=[
        pytest.param(build_with_kubectl, marks=pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl")),
        build_by_reading,
    ],
    ids=["kubectl", "read"],
)
def build(request: pytest.FixtureRequest) -> Build:
    chosen: Build = request.param
    return chosen


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, build: Build) -> list[Manifest]:
    return build(KUBERNETES / request.param)


def load(manifests: list[Manifest], folder: Path) -> Settings:
    path = folder / "deploybridge.yaml"
    path.write_text(one(manifests, "ConfigMap")["data"]["deploybridge.yaml"])
    return compose.load(path)


def test_there_is_a_way_to_run_alone_beside_argo_cd_and_beside_flux() -> None:
    assert OVERLAYS == ["alone", "argocd", "flux"]


@pytest.mark.parametrize("version", SCHEMAS)
def test_every_manifest_is_what_kubernetes_expects(manifests: list[Manifest], version: str) -> None:
    for each in manifests:
        kubernetes_validate.validate(each, version, strict=True)


def test_every_file_is_part_of_what_is_built() -> None:
    for path in KUBERNETES.glob("*/*.yaml"):
        if path.name != "kustomization.yaml":
            assert path.name in (path.parent / "kustomization.yaml").read_text(), path


def test_every_reference_holds(manifests: list[Manifest]) -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in manifests}
    spec, workload = pod(manifests), one(manifests, "StatefulSet")
    container = spec["containers"][0]
    assert ("ServiceAccount", spec["serviceAccountName"]) in names
    for volume in spec["volumes"]:
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in names
    claims = {each["metadata"]["name"] for each in workload["spec"]["volumeClaimTemplates"]}
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == claims | {each["name"] for each in spec["volumes"]}
    ports = {each["name"] for each in container["ports"]}
    assert {each["targetPort"] for each in one(manifests, "Service")["spec"]["ports"]} <= ports
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert one(manifests, "Service")["spec"]["selector"].items() <= labels.items()
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for policy in (each for each in manifests if each["kind"] == "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items(), "it is about the bridge only"


def test_everything_is_in_one_namespace_and_bound_to_its_account(manifests: list[Manifest]) -> None:
    namespaces = {each["metadata"]["namespace"] for each in manifests if each["kind"] not in CLUSTER_WIDE}
    assert len(namespaces) == 1
    roles = {each["metadata"]["name"] for each in manifests if each["kind"] == "ClusterRole"}
    bindings = [each for each in manifests if each["kind"] == "ClusterRoleBinding"]
    assert {each["roleRef"]["name"] for each in bindings} == roles
    for binding in bindings:
        subject = {"kind": "ServiceAccount", "name": "deploybridge", "namespace": next(iter(namespaces))}
        assert binding["subjects"] == [subject]


def test_the_pod_keeps_to_the_restricted_profile_and_writes_only_to_its_volumes(manifests: list[Manifest]) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards, "Restricted"; and a root file system that is read-only."""
    spec = pod(manifests)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert {next(key for key in each if key != "name") for each in spec["volumes"]} <= {
        "configMap",
        "secret",
        "emptyDir",
    }
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"memory"} <= set(container["resources"]["limits"])
        writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
        assert writable == {"/var/lib/deploybridge", "/tmp"}  # noqa: S108 - a volume


def test_there_is_never_a_second_daemon_for_one_log(manifests: list[Manifest]) -> None:
    assert one(manifests, "StatefulSet")["spec"]["replicas"] == 1


def test_the_configuration_is_right_and_fits_the_pod(manifests: list[Manifest], tmp_path: Path) -> None:
    settings = load(manifests, tmp_path)
    container = pod(manifests)["containers"][0]
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert str(settings.data_dir) in mounts
    assert container["args"] == ["serve", "-c", "/etc/deploybridge/deploybridge.yaml"]
    assert "/etc/deploybridge" in mounts
    assert str(settings.listen).endswith(f":{container['ports'][0]['containerPort']}")
    assert settings.tokens, "it listens to the cluster: nobody may come in without a token"


def test_it_may_read_what_its_observers_watch_and_nothing_else(manifests: list[Manifest], tmp_path: Path) -> None:
    granted: set[tuple[str, str]] = set()
    for role in (each for each in manifests if each["kind"] in {"ClusterRole", "Role"}):
        for rule in role["rules"]:
            assert set(rule["verbs"]) == READING
            granted |= {(group, resource) for group in rule["apiGroups"] for resource in rule["resources"]}
    needed: set[tuple[str, str]] = set()
    for observer in load(manifests, tmp_path).observers:
        needed |= read_by(observer)
    assert granted == needed


def read_by(observer: Any) -> set[tuple[str, str]]:
    match observer.kind:
        case "kubernetes":
            pods = {("", "pods")} if observer.pods else set()
            return {workloads(kind) for kind in observer.kinds} | pods
        case "flux":
            return {workloads(kind) for kind in observer.workloads} | FLUX_RESOURCES
        case "argocd":
            return {("argoproj.io", "applications")}
        case kind:
            raise AssertionError(f"say here what an observer of kind {kind} reads")


def workloads(kind: Kind) -> tuple[str, str]:
    return PATHS[kind].split("/")[2], kind.value
