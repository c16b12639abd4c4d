"""The table of an Argo CD hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import ReportingHookSettings


class ArgocdHookSettings(ReportingHookSettings):
    """Argo CD's notifications controller; it signs nothing: a secret is sent as ``Authorization: Bearer``."""

    kind: Literal["argocd"] = Field(description="argocd")
    cluster: str = Field(default="", description="the name, for the mapping, of the cluster that Argo CD runs in")
    clusters: dict[str, str] = Field(
        default_factory=dict,
        description="names, for the mapping, of the clusters that Applications deploy to, as the observer's: "
        "destination name or server: name; default: the destination's name, else the host of its server",
    )
