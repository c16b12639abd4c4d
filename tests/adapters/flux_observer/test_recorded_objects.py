"""Objects as Flux wrote them, of several versions. Each says where it is from; fields that nobody reads are cut out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from adapters.kubernetes_workloads.containers import WorkloadKey
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.flux.helm_releases import HelmReleaseReader
from adapters.observers.flux.kustomizations import KustomizationReader
from adapters.observers.flux.reconciled import FluxKey, Reconciled
from adapters.observers.flux.sources import SourceReader
from adapters.observers.flux.standing import Stand
from bridge.domain.names import Target
from bridge.formats.mapping import TargetMap

# fluxcd/kustomize-controller, docs/spec/v1/kustomizations.md, "History" and "Inventory", of v1.9 (Apache-2.0).
KUSTOMIZATION_WITH_HISTORY = {
    "metadata": {"name": "podinfo", "namespace": "default", "uid": "1", "resourceVersion": "10", "generation": 1},
    "spec": {"sourceRef": {"kind": "GitRepository", "name": "podinfo"}, "targetNamespace": None, "kubeConfig": None},
    "status": {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 1,
                "reason": "ReconciliationSucceeded",
                "message": "Applied revision: v1.0.1@sha1:450796ddb2ab6724ee1cc32a4be56da032d1cca0",
                "lastTransitionTime": "2025-08-15T11:12:00Z",
            }
        ],
        "lastAppliedRevision": "v1.0.1@sha1:450796ddb2ab6724ee1cc32a4be56da032d1cca0",
        "lastAttemptedRevision": "v1.0.1@sha1:450796ddb2ab6724ee1cc32a4be56da032d1cca0",
        "inventory": {
            "entries": [
                {"id": "default_podinfo__Service", "v": "v1"},
                {"id": "default_podinfo_apps_Deployment", "v": "v1"},
                {"id": "default_podinfo_autoscaling_HorizontalPodAutoscaler", "v": "v2"},
            ]
        },
        "history": [
            {
                "digest": "sha256:43ad78c94b2655429d84f21488f29d7cca9cd45b7f54d2b27e16bbec8eff9228",
                "firstReconciled": "2025-08-15T10:11:00Z",
                "lastReconciled": "2025-08-15T11:12:00Z",
                "lastReconciledDuration": "2.818583s",
                "lastReconciledStatus": "ReconciliationSucceeded",
                "totalReconciliations": 2,
                "metadata": {"revision": "v1.0.1@sha1:450796ddb2ab6724ee1cc32a4be56da032d1cca0"},
            },
            {
                "digest": "sha256:ec8dbfe61777b65001190260cf873ffe454451bd2e464bd6f9a154cffcdcd7e5",
                "firstReconciled": "2025-07-14T13:10:00Z",
                "lastReconciled": "2025-08-15T10:00:00Z",
                "lastReconciledDuration": "49.813292s",
                "lastReconciledStatus": "HealthCheckFailed",
                "totalReconciliations": 120,
                "metadata": {"revision": "v1.0.0@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9"},
            },
        ],
    },
}

# weaveworks/weave-gitops, ui/lib/__tests__/utils.test.ts: a Kustomization of September 2022, before Flux 2.0.
KUSTOMIZATION_OF_2022 = {
    "metadata": {
        "name": "backend",
        "namespace": "default",
        "uid": "907093ec-5471-46f9-9953-b5b36f9f7859",
        "resourceVersion": "293089",
        "generation": 1,
        "labels": {"kustomize.toolkit.fluxcd.io/name": "kustomization-testdata"},
    },
    "spec": {"dependsOn": [{"name": "common"}], "sourceRef": {"kind": "GitRepository", "name": "webapp"}},
    "status": {
        "conditions": [
            {
                "lastTransitionTime": "2022-09-15T12:40:22Z",
                "message": "Applied revision: 6.2.0/79f81383288bf6542fcb5bdd8144b826b33b36e7",
                "reason": "ReconciliationSucceeded",
                "status": "True",
                "type": "Ready",
            }
        ],
        "inventory": {
            "entries": [
                {"id": "webapp_backend__Service", "v": "v1"},
                {"id": "webapp_backend_apps_Deployment", "v": "v1"},
                {"id": "webapp_backend_autoscaling_HorizontalPodAutoscaler", "v": "v2beta2"},
            ]
        },
        "lastAppliedRevision": "6.2.0/79f81383288bf6542fcb5bdd8144b826b33b36e7",
        "lastAttemptedRevision": "6.2.0/79f81383288bf6542fcb5bdd8144b826b33b36e7",
        "observedGeneration": 1,
    },
}

# The same file: a HelmRelease of v2beta1 while it was being released.
RELEASE_OF_2022 = {
    "metadata": {
        "annotations": {"reconcile.fluxcd.io/requestedAt": "2022-09-14T14:16:56.304148696Z"},
        "generation": 3,
        "name": "ww-gitops",
        "namespace": "flux-system",
        "resourceVersion": "17512",
        "uid": "2dd24865-4ae4-4a0e-9c78-3204a470be9f",
    },
    "spec": {
        "chart": {
            "spec": {
                "chart": "weave-gitops",
                "sourceRef": {"kind": "HelmRepository", "name": "ww-gitops"},
                "version": "*",
            }
        },
        "targetNamespace": "weave-gitops",
    },
    "status": {
        "conditions": [
            {
                "lastTransitionTime": "2022-09-14T14:17:20Z",
                "message": "Reconciliation in progress",
                "reason": "Progressing",
                "status": "Unknown",
                "type": "Ready",
            }
        ],
        "helmChart": "flux-system/flux-system-ww-gitops",
        "lastAttemptedRevision": "4.0.0",
        "lastAttemptedValuesChecksum": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "lastHandledReconcileAt": "2022-09-14T14:16:56.304148696Z",
        "lastReleaseRevision": 1,
        "observedGeneration": 3,
    },
}

# fluxcd/helm-controller, docs/spec/v2/helmreleases.md, "Debugging a HelmRelease" (Apache-2.0): its test failed, 2023-12-06.
RELEASE_WHOSE_TEST_FAILED = {
    "metadata": {"name": "podinfo", "namespace": "podinfo", "uid": "2", "resourceVersion": "20", "generation": 1},
    "spec": {"chartRef": {"kind": "OCIRepository", "name": "podinfo"}},
    "status": {
        "observedGeneration": 1,
        "conditions": [
            {
                "lastTransitionTime": "2023-12-06T18:23:21Z",
                "message": "Failed to install after 1 attempt(s)",
                "observedGeneration": 1,
                "reason": "RetriesExceeded",
                "status": "True",
                "type": "Stalled",
            },
            {
                "lastTransitionTime": "2023-12-06T18:23:21Z",
                "message": "Helm test failed for release podinfo/podinfo.v1 with chart podinfo@6.5.3: 1 error occurred:\n"
                "\t* pod podinfo-fault-test-a0tew failed\n\n",
                "observedGeneration": 1,
                "reason": "TestFailed",
                "status": "False",
                "type": "Ready",
            },
            {
                "lastTransitionTime": "2023-12-06T18:23:16Z",
                "message": "Helm install succeeded for release podinfo/podinfo.v1 with chart podinfo@6.5.3",
                "observedGeneration": 1,
                "reason": "InstallSucceeded",
                "status": "True",
                "type": "Released",
            },
        ],
        "history": [
            {
                "chartName": "podinfo",
                "chartVersion": "6.5.3",
                "configDigest": "sha256:2598fd0e8c65bae746c6686a61c2b2709f47ba8ed5c36450ae1c30aea9c88e9f",
                "digest": "sha256:24f31c6f2f3da97b217a794b5fb9234818296c971ff9f849144bf07438976e4d",
                "firstDeployed": "2023-12-06T18:23:12Z",
                "lastDeployed": "2023-12-06T18:23:12Z",
                "name": "podinfo",
                "namespace": "default",
                "status": "deployed",
                "testHooks": {"podinfo-fault-test-a0tew": {"phase": "Failed"}, "podinfo-grpc-test-rzg5v": {}},
                "version": 1,
            }
        ],
    },
}


def kustomization(obj: Any) -> Reconciled:
    return KustomizationReader("eu", TargetMap()).describe(json.dumps(obj).encode()).kept


def release(obj: Any) -> Reconciled:
    return HelmReleaseReader("eu", TargetMap()).describe(json.dumps(obj).encode()).kept


def test_a_kustomization_with_a_history_is_read() -> None:
    found = kustomization(KUSTOMIZATION_WITH_HISTORY)
    assert found.target == Target("podinfo", "default")
    assert found.standing.stand is Stand.SETTLED
    assert found.inventory == {WorkloadKey(Kind.DEPLOYMENT, "default", "podinfo")}
    assert [past.succeeded for past in found.history] == [True, False]
    assert found.deployed is found.history[0]
    assert (found.remote, found.is_new_attempt) == (False, False)


def test_a_kustomization_from_before_flux_2_is_read() -> None:
    found = kustomization(KUSTOMIZATION_OF_2022)
    assert found.target == Target("backend", "webapp"), "its workloads run there"
    assert found.standing.stand is Stand.SETTLED, "the condition tells no generation; the status does"
    assert found.applied == "6.2.0/79f81383288bf6542fcb5bdd8144b826b33b36e7"
    assert (found.history, found.deployed) == ((), None)
    assert found.depends_on == ("Kustomization default/common",)
    assert found.source == FluxKey("GitRepository", "default", "webapp")


def test_a_release_of_v2beta1_is_read() -> None:
    found = release(RELEASE_OF_2022)
    assert found.target == Target("ww-gitops", "weave-gitops")
    assert found.standing.stand is Stand.ACTING
    assert found.source == FluxKey("HelmChart", "flux-system", "flux-system-ww-gitops")
    assert found.inventory is None, "it is not told, which is not the same as empty"
    assert found.intent is None, "the token is a time"
    assert found.is_new_attempt


def test_a_release_whose_test_failed_has_failed_after_it_reached_the_cluster() -> None:
    found = release(RELEASE_WHOSE_TEST_FAILED)
    assert (found.standing.stand, found.standing.reached) == (Stand.FAILED, True)
    assert found.standing.reason is not None
    assert found.standing.reason.startswith("TestFailed: Helm test failed for release podinfo/podinfo.v1")
    assert found.history[0].version == 1


def test_an_oci_artifact_tells_where_its_content_is_from() -> None:
    """Shape: source-controller docs/spec/v1/ocirepositories.md, "Artifact"."""
    artifact = {
        "revision": "latest@sha256:457df0544ec2553176bbaaba70bf5b68af6c400eff510a401b8eba1b13f9a8ad",
        "lastUpdateTime": "2025-08-15T10:10:00Z",
        "metadata": {
            "org.opencontainers.image.revision": "6.1.8/b3b00fe35424a45d373bf4c7214178bc36fd7872",
            "org.opencontainers.image.source": "https://github.com/stefanprodan/podinfo.git",
            "other": "x",
        },
    }
    obj = {"metadata": {"name": "podinfo", "namespace": "apps"}, "status": {"artifact": artifact}}
    kept = SourceReader("OCIRepository").describe(json.dumps(obj).encode()).kept
    assert dict(kept.origin) == {
        "revision": "6.1.8/b3b00fe35424a45d373bf4c7214178bc36fd7872",
        "source": "https://github.com/stefanprodan/podinfo.git",
    }


@pytest.mark.parametrize("text", ["[]", '{"spec": {}}', '{"metadata": {}, "status": {"history": "no"}}', "{"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        KustomizationReader("eu", TargetMap()).describe(text.encode())


@pytest.mark.parametrize("key", ["a_b", "a_b_c_d_e", "", "__apps_Deployment_", "x_y_apps_ReplicaSet"])
def test_inventory_ids_that_name_no_workload_are_passed_over(key: str) -> None:
    obj = {"metadata": {"name": "x", "namespace": "y"}, "status": {"inventory": {"entries": [{"id": key}]}}}
    assert kustomization(obj).inventory == frozenset()


def test_a_message_with_a_password_in_a_url_loses_it() -> None:
    obj = json.loads(json.dumps(KUSTOMIZATION_WITH_HISTORY))
    said = {
        "type": "Ready",
        "status": "False",
        "reason": "BuildFailed",
        "message": "get https://ann:hunter2@git/x: 404",
    }
    obj["status"]["conditions"] = [said]
    reason = kustomization(obj).standing.reason
    assert reason is not None
    assert "hunter2" not in reason
