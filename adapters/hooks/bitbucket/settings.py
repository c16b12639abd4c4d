"""The table of a Bitbucket hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import HookSettings


class BitbucketHookSettings(HookSettings):
    """A webhook of a Bitbucket repository, project or workspace; trigger: repository push."""

    kind: Literal["bitbucket"] = Field(description="bitbucket")
