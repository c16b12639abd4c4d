"""What the observer of a cluster's workloads is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from adapters.kubernetes_client import ConnectionSettings
from adapters.kubernetes_workloads.containers import ContainerSettings
from adapters.kubernetes_workloads.kinds import Kind
from bridge.formats.configuration import SettingsModel, refuse_repetitions
from bridge.formats.mapping import MappingRule


class KubernetesObserverSettings(SettingsModel):
    """One cluster whose workloads are watched."""

    kind: Literal["kubernetes"] = Field(description="kubernetes")
    name: str = Field(
        min_length=1, max_length=100, description="the observer's name in the log; keep it, the cursors hang on it"
    )
    cluster: str | None = Field(default=None, description="the cluster's name for the mapping; default: `name`")
    connection: ConnectionSettings = Field(
        default=ConnectionSettings(), description="where the cluster is and how to sign in; default: in the cluster"
    )
    namespaces: tuple[str, ...] = Field(default=(), description="only these; default: all, which needs a ClusterRole")
    selector: str | None = Field(default=None, description="a label selector of workloads, such as team=shop")
    kinds: tuple[Kind, ...] = Field(
        default=tuple(Kind), min_length=1, description="deployments, statefulsets, daemonsets, cronjobs, jobs"
    )
    pods: bool = Field(
        default=True, description="read pods for the digests that really run; goes on without where it is not allowed"
    )
    containers: ContainerSettings = Field(default=ContainerSettings(), description="which containers count")
    mapping: tuple[MappingRule, ...] = Field(
        default=(), description="from workloads to services and environments; the first rule that matches counts"
    )

    _each_once = field_validator("namespaces", "kinds")(refuse_repetitions)

    @property
    def cluster_name(self) -> str:
        """The cluster's name as the mapping sees it."""
        return self.cluster or self.name
