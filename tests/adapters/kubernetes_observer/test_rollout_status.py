"""How far a rollout is, as ``kubectl rollout status`` judges it; statuses are those of kubernetes v1.34's own types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from adapters.kubernetes_workloads.kinds import Kind
from adapters.kubernetes_workloads.objects import WorkloadObject
from adapters.kubernetes_workloads.rollout import read_progress
from bridge.domain.names import Phase


def phase(
    kind: Kind,
    spec: dict[str, Any],
    status: dict[str, Any],
    *,
    generation: int = 2,
    was_live: bool = False,
    first: bool = False,
) -> Phase:
    seen = {"observedGeneration": 2, **status}
    obj = {"metadata": {"name": "x", "generation": generation}, "spec": spec, "status": seen}
    workload = msgspec.json.decode(msgspec.json.encode(obj), type=WorkloadObject)
    return read_progress(kind, workload).phase(was_live=was_live, first_seen=first)


def progressing(reason: str, status: str = "True") -> list[dict[str, str]]:
    return [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
        {"type": "Progressing", "status": status, "reason": reason, "lastUpdateTime": "2026-03-01T12:00:00Z"},
    ]


DONE = {
    "replicas": 3,
    "updatedReplicas": 3,
    "availableReplicas": 3,
    "conditions": progressing("NewReplicaSetAvailable"),
}
THREE = {"replicas": 3, "progressDeadlineSeconds": 600}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Phase.LIVE),
        ({"observedGeneration": 1}, Phase.STARTED),
        ({"updatedReplicas": 2}, Phase.PROGRESSING),
        ({"replicas": 4}, Phase.PROGRESSING),
        ({"availableReplicas": 2}, Phase.PROGRESSING),
        ({"conditions": progressing("ReplicaSetUpdated")}, Phase.PROGRESSING),
        ({"updatedReplicas": 1, "conditions": progressing("ProgressDeadlineExceeded", "False")}, Phase.FAILED),
        ({"updatedReplicas": 1, "conditions": progressing("DeploymentPaused", "Unknown")}, Phase.PROGRESSING),
        ({"conditions": progressing("DeploymentPaused", "Unknown")}, Phase.LIVE),
        ({"observedGeneration": 1, "conditions": progressing("ProgressDeadlineExceeded", "False")}, Phase.STARTED),
    ],
    ids=str,
)
def test_a_deployment_is_live_when_every_pod_is_new_and_available(change: dict[str, Any], expected: Phase) -> None:
    assert phase(Kind.DEPLOYMENT, THREE, {**DONE, **change}) is expected


def test_without_a_progress_deadline_the_counts_decide() -> None:
    counts = {key: value for key, value in DONE.items() if key != "conditions"}
    assert phase(Kind.DEPLOYMENT, {"replicas": 3}, counts) is Phase.LIVE
    assert phase(Kind.DEPLOYMENT, {"replicas": 3, "progressDeadlineSeconds": 2**31 - 1}, counts) is Phase.LIVE


def test_a_deployment_scaled_to_nothing_is_rolled_out() -> None:
    status = {"conditions": progressing("NewReplicaSetAvailable")}
    assert phase(Kind.DEPLOYMENT, {**THREE, "replicas": 0}, status) is Phase.LIVE


@pytest.mark.parametrize(
    "change", [{"availableReplicas": 0}, {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}], ids=str
)
def test_crashing_pods_and_scaling_undo_no_rollout(change: dict[str, Any]) -> None:
    status = {**DONE, **change}
    assert phase(Kind.DEPLOYMENT, THREE, status, was_live=True) is Phase.LIVE
    assert phase(Kind.DEPLOYMENT, THREE, status, first=True) is Phase.LIVE, "its controller says that it was rolled out"


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        (
            {"replicas": 2},
            {"replicas": 2, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"},
            Phase.LIVE,
        ),
        (
            {"replicas": 2},
            {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            Phase.PROGRESSING,
        ),
        (
            {"replicas": 2},
            {"replicas": 2, "readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"},
            Phase.PROGRESSING,
        ),
        (
            {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            Phase.PROGRESSING,
        ),
    ],
    ids=["all", "one of two", "not ready", "partition"],
)
def test_a_stateful_set_is_live_when_all_its_pods_are_of_one_revision_and_ready(
    spec: dict[str, Any], status: dict[str, Any], expected: Phase
) -> None:
    assert phase(Kind.STATEFUL_SET, spec, status) is expected


def test_a_daemon_set_is_live_when_every_node_has_the_new_pod() -> None:
    done = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
    assert phase(Kind.DAEMON_SET, {}, done) is Phase.LIVE
    assert phase(Kind.DAEMON_SET, {}, {**done, "updatedNumberScheduled": 2}) is Phase.PROGRESSING
    assert phase(Kind.DAEMON_SET, {}, {**done, "numberAvailable": 2}) is Phase.PROGRESSING
    assert phase(Kind.DAEMON_SET, {}, done, generation=3) is Phase.STARTED


def test_a_cron_job_rolls_nothing_and_a_job_may_fail() -> None:
    assert phase(Kind.CRON_JOB, {}, {}) is Phase.LIVE
    assert phase(Kind.JOB, {}, {"active": 1}) is Phase.LIVE
    failed = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
    assert phase(Kind.JOB, {}, {"conditions": failed}) is Phase.FAILED
