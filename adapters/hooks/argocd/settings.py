"""The table of an Argo CD hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import ReportingHookSettings


class ArgocdHookSettings(ReportingHookSettings):
    """Argo CD's notifications controller; it signs nothing: a secret is sent as ``Authorization: Bearer``."""

    kind: Literal["argocd"] = Field(description="argocd")
