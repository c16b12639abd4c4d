"""The parts of an Application that are read; everything else is skipped while decoding and never becomes an object.

Field names are those of ``argo-cd/pkg/apis/application/v1alpha1/types.go``.
"""

from __future__ import annotations

import msgspec

from adapters.kubernetes_client import Metadata


class Parameter(msgspec.Struct, gc=False):
    """``helm.parameters[]``."""

    name: str = ""
    value: str = ""


class Helm(msgspec.Struct):
    """``source.helm``."""

    parameters: list[Parameter] | None = None


class Kustomize(msgspec.Struct):
    """``source.kustomize``."""

    images: list[str] | None = None


class Source(msgspec.Struct, rename="camel"):
    """One source, as it is declared or as it was synced."""

    repo_url: str = msgspec.field(name="repoURL", default="")
    path: str = ""
    chart: str = ""
    target_revision: str = ""
    helm: Helm | None = None
    kustomize: Kustomize | None = None


class Destination(msgspec.Struct, gc=False):
    """``spec.destination``: a cluster by name or by server, and the namespace where nothing else is said."""

    name: str = ""
    server: str = ""
    namespace: str = ""


class Spec(msgspec.Struct):
    """``spec``."""

    project: str = ""
    destination: Destination = msgspec.field(default_factory=Destination)
    source: Source | None = None
    sources: list[Source] | None = None


class ResourceResult(msgspec.Struct, rename="camel"):
    """What a sync did with one resource; ``images`` since Argo CD 3.1."""

    kind: str = ""
    status: str = ""
    hook_type: str = ""
    message: str = ""
    images: list[str] | None = None


class SyncResult(msgspec.Struct):
    """``operationState.syncResult``; the revision is empty where a sync failed before it knew one."""

    revision: str = ""
    revisions: list[str] | None = None
    resources: list[ResourceResult] | None = None


class Initiator(msgspec.Struct, gc=False):
    """Who began it."""

    username: str = ""
    automated: bool = False


class Info(msgspec.Struct, gc=False):
    """What whoever asked for a sync put beside it."""

    name: str = ""
    value: str = ""


class SyncOperation(msgspec.Struct, rename="camel"):
    """What was asked for. ``resources``: only these; ``source``: not the one that is declared (a rollback)."""

    revision: str = ""
    revisions: list[str] | None = None
    dry_run: bool = False
    resources: list[msgspec.Raw] | None = None
    auto_heal_attempts_count: int = 0
    sync_options: list[str] | None = None
    source: Source | None = None
    sources: list[Source] | None = None


class OperationRequest(msgspec.Struct, rename="camel"):
    """``operationState.operation``."""

    initiated_by: Initiator = msgspec.field(default_factory=Initiator)
    info: list[Info] | None = None
    sync: SyncOperation | None = None


class OperationState(msgspec.Struct, rename="camel"):
    """The last operation; the next one overwrites it."""

    phase: str = ""
    message: str = ""
    started_at: str = ""
    finished_at: str | None = None
    retry_count: int = 0
    operation: OperationRequest = msgspec.field(default_factory=OperationRequest)
    sync_result: SyncResult | None = None


class History(msgspec.Struct, rename="camel"):
    """One entry of ``status.history``: a full sync that succeeded. Ids grow by one."""

    id: int = 0
    revision: str = ""
    revisions: list[str] | None = None
    deploy_started_at: str | None = None
    deployed_at: str = ""
    source: Source | None = None
    sources: list[Source] | None = None
    initiated_by: Initiator = msgspec.field(default_factory=Initiator)


class SyncStatus(msgspec.Struct):
    """The comparison with Git: its revision may be one that was never deployed."""

    status: str = ""
    revision: str = ""
    revisions: list[str] | None = None


class HealthStatus(msgspec.Struct, rename="camel"):
    """``lastTransitionTime`` since Argo CD 3.0."""

    status: str = ""
    message: str = ""
    last_transition_time: str | None = None


class Summary(msgspec.Struct):
    """The images of all pods that there are now, old ones and sidecars too."""

    images: list[str] | None = None


class Status(msgspec.Struct, rename="camel"):
    """``status``."""

    sync: SyncStatus = msgspec.field(default_factory=SyncStatus)
    health: HealthStatus = msgspec.field(default_factory=HealthStatus)
    summary: Summary = msgspec.field(default_factory=Summary)
    operation_state: OperationState | None = None
    history: list[History] | None = None
    reconciled_at: str | None = None


class Finalized(Metadata):
    """Metadata with the finalizers, of which one says that an Application takes its workloads with it."""

    finalizers: list[str] | None = None


class ApplicationObject(msgspec.Struct):
    """One Application."""

    metadata: Finalized
    spec: Spec = msgspec.field(default_factory=Spec)
    status: Status = msgspec.field(default_factory=Status)
