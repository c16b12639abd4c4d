"""The table of a hook of a Distribution registry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class DistributionHookSettings(HookSettings):
    """An entry of the registry's ``notifications.endpoints``, whose ``headers`` hold ``Authorization: [Bearer <secret>]``."""

    kind: Literal["distribution"] = Field(description="distribution")
    registry: str | None = Field(
        default=None,
        description="the registry's name in image references, such as registry.example.org:5000; default: the host that the push "
        "was sent to",
    )
