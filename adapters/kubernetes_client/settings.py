"""How to reach and read a cluster; part of the table of every observer that talks to Kubernetes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from bridge.formats.configuration import Duration, SettingsModel

_SHORTEST_STALL = timedelta(seconds=1)


class ConnectionSettings(SettingsModel):
    """Where the cluster is and how to sign in: by default as a pod of it, with its service account."""

    kubeconfig: Path | None = Field(
        default=None, description="a kubeconfig file; default: in the cluster, with the pod's service account"
    )
    context: str | None = Field(default=None, description="the kubeconfig's context; default: its current one")
    exec_plugins: bool = Field(
        default=False, description="run the program that the kubeconfig names to get a credential (exec plugins)"
    )
    stall_after: Duration = Field(
        default=timedelta(seconds=90),
        description="a watch silent for so long is made anew; servers send a bookmark about every minute",
    )
    page_size: Annotated[int, Field(ge=1, le=5000)] = Field(
        default=500, description="objects asked for at once; fewer where they are large"
    )

    @field_validator("kubeconfig")
    @classmethod
    def _locate(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        context = info.context if isinstance(info.context, dict) else {}
        return None if path is None else Path(context.get("directory", "")) / path.expanduser()

    @field_validator("stall_after")
    @classmethod
    def _check_stall(cls, limit: timedelta) -> timedelta:
        if limit < _SHORTEST_STALL:
            msg = "expected at least 1s"
            raise ValueError(msg)
        return limit
