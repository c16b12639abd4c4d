"""The table of a GitHub hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class GithubHookSettings(HookSettings):
    """A webhook of a GitHub repository, organization or app; content type JSON or form, event: push."""

    kind: Literal["github"] = Field(description="github")
