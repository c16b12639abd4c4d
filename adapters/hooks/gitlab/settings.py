"""The table of a Gitlab hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class GitlabHookSettings(HookSettings):
    """A webhook of a GitLab project or group, or a system hook; trigger: push events."""

    kind: Literal["gitlab"] = Field(description="gitlab")
