"""What the observer of Flux is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from adapters.kubernetes_client import ConnectionSettings
from adapters.kubernetes_workloads.containers import ContainerSettings
from adapters.kubernetes_workloads.kinds import Kind
from bridge.formats.configuration import SettingsModel, refuse_repetitions
from bridge.formats.mapping import MappingRule

_LASTING = tuple(kind for kind in Kind if kind is not Kind.JOB)


class FluxObserverSettings(SettingsModel):
    """One cluster in which Flux runs."""

    kind: Literal["flux"] = Field(description="flux")
    name: str = Field(
        min_length=1, max_length=100, description="the observer's name in the log; keep it, the cursors hang on it"
    )
    cluster: str | None = Field(default=None, description="the cluster's name for the mapping; default: `name`")
    connection: ConnectionSettings = Field(
        default=ConnectionSettings(), description="where the cluster is and how to sign in; default: in the cluster"
    )
    namespaces: tuple[str, ...] = Field(
        default=(), description="only Flux objects and workloads in these; default: all, which needs a ClusterRole"
    )
    flux_namespace: str = Field(
        default="flux-system", min_length=1, description="where Flux's controllers run; read for their versions"
    )
    workloads: tuple[Kind, ...] = Field(
        default=_LASTING,
        description="what Flux applies, read for the images: deployments, statefulsets, daemonsets, cronjobs, jobs; [] for none: "
        "then only images that a Kustomization or HelmRelease itself names are known",
    )
    containers: ContainerSettings = Field(default=ContainerSettings(), description="which containers count")
    mapping: tuple[MappingRule, ...] = Field(
        default=(),
        description="from Kustomizations and HelmReleases to services and environments; the first rule that matches counts",
    )

    _each_once = field_validator("namespaces", "workloads")(refuse_repetitions)

    @property
    def cluster_name(self) -> str:
        """The cluster's name as the mapping sees it."""
        return self.cluster or self.name
