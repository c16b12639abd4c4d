"""What every hook of the configuration takes, whatever its kind; each kind's adapter adds ``kind`` and perhaps more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from bridge.formats.configuration import SecretRef, SettingsModel
from bridge.formats.mapping import MappingRule

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def _check_name(text: str) -> str:
    if not _NAME.match(text):
        msg = "expected 1 to 100 letters, digits, dots, dashes or underscores: it is a part of the hook's address"
        raise ValueError(msg)
    return text


class HookSettings(SettingsModel):
    """One sender of webhooks."""

    name: Annotated[str, AfterValidator(_check_name)] = Field(
        description="the last part of its address: /api/v1/hooks/NAME"
    )
    secrets: tuple[SecretRef, ...] = Field(
        default=(),
        max_length=2,
        description="what its deliveries are signed with; two while it is changed; none: a bearer token is needed instead",
    )
    wakes: tuple[str, ...] = Field(
        default=(),
        description="names of sources that poll at once; by default those whose `url` is the pushed repository",
    )

    def read_secrets(self) -> tuple[str, ...]:
        """Read them now; may block on a file.

        Raises:
            Stalled: one can't be read.
        """
        return tuple(secret.read() for secret in self.secrets)

    @field_validator("secrets")
    @classmethod
    def _locate_secrets(cls, secrets: tuple[SecretRef, ...], info: ValidationInfo) -> tuple[SecretRef, ...]:
        directory = Path((info.context if isinstance(info.context, dict) else {}).get("directory", ""))
        return tuple(
            secret if secret.file is None else secret.model_copy(update={"file": directory / secret.file.expanduser()})
            for secret in secrets
        )


class ReportingHookSettings(HookSettings):
    """A sender that reports what runs where."""

    mapping: tuple[MappingRule, ...] = Field(
        default=(),
        description="from the names that it uses to services and environments, as the observers have it; the first rule that "
        "matches counts",
    )
