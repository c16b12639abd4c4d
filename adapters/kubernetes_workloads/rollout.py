"""How far the rollout of a workload is, from its spec, its status and what is remembered of it.

The rules of ``kubectl rollout status`` (kubectl: polymorphichelpers/rollout_status.go), with one difference: what was once rolled
out stays so until its images change. Pods that crash, a scaling or a restart of the same images are health, not a deployment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.kubernetes_workloads.kinds import Kind
from adapters.kubernetes_workloads.objects import Condition, WorkloadObject
from bridge.domain.names import Phase
from bridge.domain.times import parse_time

_NO_DEADLINE = 2**31 - 1  # how the API writes that a Deployment has no progress deadline
_ROLLED_OUT = "NewReplicaSetAvailable"
_RESTING = frozenset(
    {"DeploymentPaused", "DeploymentResumed"}
)  # they replace the reason, and say nothing of the rollout


@dataclass(frozen=True, slots=True)
class Progress:
    """What a workload's status says by itself. ``seems_done``: good enough for one that was never seen before."""

    done: bool
    seems_done: bool
    noticed: bool  # the controller has seen this spec
    failed: bool = False
    reason: str | None = None
    at: datetime | None = None  # when the cluster says that it came to this

    def phase(self, *, was_live: bool, first_seen: bool) -> Phase:
        """``was_live``: it was rolled out with these very images; ``first_seen``: nothing is remembered of it."""
        if self.failed and not was_live:
            return Phase.FAILED
        if was_live or self.done or (first_seen and self.seems_done):
            return Phase.LIVE
        return Phase.PROGRESSING if self.noticed else Phase.STARTED


def read_progress(kind: Kind, workload: WorkloadObject) -> Progress:
    """Read the status of one workload."""
    match kind:
        case Kind.DEPLOYMENT:
            return _deployment(workload)
        case Kind.STATEFUL_SET:
            return _stateful_set(workload)
        case Kind.DAEMON_SET:
            return _daemon_set(workload)
        case Kind.CRON_JOB:
            return Progress(done=True, seems_done=True, noticed=True)  # the next run takes it: nothing rolls
        case Kind.JOB:
            return _job(workload)


def _deployment(workload: WorkloadObject) -> Progress:
    spec, status = workload.spec, workload.status
    wanted = 1 if spec.replicas is None else spec.replicas
    noticed = workload.metadata.generation <= status.observed_generation
    progressing, available = _condition(workload, "Progressing"), _condition(workload, "Available")
    reason = progressing.reason if progressing is not None else None
    has_deadline = spec.progress_deadline_seconds not in {None, _NO_DEADLINE}
    replaced = noticed and status.replicas == status.updated_replicas
    complete = (
        replaced
        and status.updated_replicas >= wanted
        and status.available_replicas >= status.updated_replicas
        and (available is None or available.status == "True")
    )
    settled = reason == _ROLLED_OUT or not has_deadline or spec.paused or reason in _RESTING
    failed = noticed and progressing is not None and progressing.reason == "ProgressDeadlineExceeded"
    refused = _condition(workload, "ReplicaFailure")
    if refused is not None and refused.status == "True" and not complete:
        reason = f"{refused.reason or 'ReplicaFailure'}: {refused.message[:200]}"
    return Progress(
        done=complete and settled,
        seems_done=replaced and (reason == _ROLLED_OUT or (complete and settled)),
        noticed=noticed,
        failed=failed,
        reason=reason,
        at=_time(progressing.last_update_time or progressing.last_transition_time) if progressing is not None else None,
    )


def _stateful_set(workload: WorkloadObject) -> Progress:
    """With a partition, or updated by hand, only a part of the pods may run the new images: no success before all do."""
    spec, status = workload.spec, workload.status
    wanted = 1 if spec.replicas is None else spec.replicas
    noticed = workload.metadata.generation <= status.observed_generation
    one_revision = status.current_revision == status.update_revision
    # Once all are updated the controller makes the new revision the current one and counts them as current only.
    replaced = noticed and (one_revision or status.updated_replicas >= max(wanted, status.replicas))
    strategy = spec.update_strategy
    reason = None
    if not replaced and strategy is not None:
        if strategy.type == "OnDelete":
            reason = "OnDelete: a pod is updated when somebody deletes it"
        elif strategy.rolling_update is not None and strategy.rolling_update.partition:
            reason = f"partition {strategy.rolling_update.partition}: only a part of the pods is updated"
    return Progress(
        done=replaced and status.ready_replicas >= wanted, seems_done=replaced, noticed=noticed, reason=reason
    )


def _daemon_set(workload: WorkloadObject) -> Progress:
    status, strategy = workload.status, workload.spec.update_strategy
    noticed = workload.metadata.generation <= status.observed_generation
    replaced = noticed and status.updated_number_scheduled >= status.desired_number_scheduled
    by_hand = not replaced and strategy is not None and strategy.type == "OnDelete"
    return Progress(
        done=replaced and status.number_available >= status.desired_number_scheduled,
        seems_done=replaced,
        noticed=noticed,
        reason="OnDelete: a pod is updated when somebody deletes it" if by_hand else None,
    )


def _job(workload: WorkloadObject) -> Progress:
    failed = _condition(workload, "Failed")
    if failed is not None and failed.status == "True":
        at = _time(failed.last_transition_time)
        return Progress(done=False, seems_done=False, noticed=True, failed=True, reason=failed.reason, at=at)
    complete = _condition(workload, "Complete")
    at = _time(complete.last_transition_time) if complete is not None else None
    return Progress(done=True, seems_done=True, noticed=True, at=at)


def _condition(workload: WorkloadObject, kind: str) -> Condition | None:
    return next((each for each in workload.status.conditions or () if each.type == kind), None)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None
