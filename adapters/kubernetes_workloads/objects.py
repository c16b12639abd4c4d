"""The fields of workloads and pods that are read (``k8s.io/api`` apps/v1, batch/v1, core/v1); all others are skipped."""

from __future__ import annotations

import msgspec

from adapters.kubernetes_client import Metadata


class Container(msgspec.Struct, gc=False):
    """``v1.Container``."""

    name: str = ""
    image: str = ""


class PodSpec(msgspec.Struct, rename="camel"):
    """``v1.PodSpec``."""

    containers: list[Container] = []
    init_containers: list[Container] | None = None


class Template(msgspec.Struct):
    """``v1.PodTemplateSpec``."""

    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class Condition(msgspec.Struct, rename="camel", gc=False):
    """A condition of a Deployment or a Job."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_update_time: str | None = None
    last_transition_time: str | None = None


class RollingUpdate(msgspec.Struct, gc=False):
    """Of a StatefulSet."""

    partition: int | None = None


class UpdateStrategy(msgspec.Struct, rename="camel"):
    """Of a StatefulSet or a DaemonSet."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class JobSpec(msgspec.Struct):
    """``batch/v1.JobSpec``."""

    template: Template = msgspec.field(default_factory=Template)


class JobTemplate(msgspec.Struct):
    """``batch/v1.JobTemplateSpec``."""

    spec: JobSpec = msgspec.field(default_factory=JobSpec)


class WorkloadSpec(msgspec.Struct, rename="camel"):
    """The spec of every kind of workload: each has some of these fields."""

    replicas: int | None = None
    paused: bool = False
    progress_deadline_seconds: int | None = None
    template: Template | None = None
    job_template: JobTemplate | None = None
    update_strategy: UpdateStrategy | None = None


class WorkloadStatus(msgspec.Struct, rename="camel"):
    """The status of every kind of workload; counts that are 0 are left out by the server."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    ready_replicas: int = 0
    current_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: list[Condition] | None = None


class WorkloadObject(msgspec.Struct):
    """A Deployment, StatefulSet, DaemonSet, CronJob or Job."""

    metadata: Metadata
    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)
    status: WorkloadStatus = msgspec.field(default_factory=WorkloadStatus)


class ContainerStatus(msgspec.Struct, rename={"image_id": "imageID"}, gc=False):
    """``v1.ContainerStatus``."""

    name: str = ""
    image_id: str = ""


class PodStatus(msgspec.Struct, rename="camel"):
    """``v1.PodStatus``."""

    phase: str = ""
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class PodObject(msgspec.Struct):
    """A Pod."""

    metadata: Metadata
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)
