"""The table of a Flux hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import ReportingHookSettings


class FluxHookSettings(ReportingHookSettings):
    """A Provider of the type generic-hmac, or generic with a header ``Authorization`` in its Secret."""

    kind: Literal["flux"] = Field(description="flux")
    cluster: str = Field(
        default="", description="the cluster's name for the mapping, where the Alert's eventMetadata has no `cluster`"
    )
