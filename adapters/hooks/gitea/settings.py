"""The table of a Gitea hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class GiteaHookSettings(HookSettings):
    """A webhook of a Gitea or Forgejo repository, organization or instance; trigger: push."""

    kind: Literal["gitea"] = Field(description="gitea")
