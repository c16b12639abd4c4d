"""The table of a Harbor hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class HarborHookSettings(HookSettings):
    """A webhook policy of a project: type HTTP, payload format Default, event "Artifact pushed"; the secret is its auth header."""

    kind: Literal["harbor"] = Field(description="harbor")
