"""The table of an Alertmanager hook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.formats.hook_settings import ReportingHookSettings


class AlertmanagerHookSettings(ReportingHookSettings):
    """A receiver with a ``webhook_configs`` entry; its ``http_config.authorization.credentials`` are the secret."""

    kind: Literal["alertmanager"] = Field(description="alertmanager")
