"""The table of a CDEvents hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import ReportingHookSettings


class CdeventsHookSettings(ReportingHookSettings):
    """Anything that sends CDEvents; the standard signs nothing: a secret is sent as ``Authorization: Bearer``."""

    kind: Literal["cdevents"] = Field(description="cdevents")
