"""What a table of the configuration is made of: the frozen base model, durations, secrets by reference.

Adapters build their own settings on this; ``bridge/settings.py`` holds the machinery's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from bridge.errors import Stalled

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h|d|w))+\Z")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST_SECRET = 65536  # bytes; a key file, not a disk image


def parse_duration(value: object) -> timedelta:
    """Read ``30s``, ``15m``, ``24h``, ``1h30m``, ``500ms``, ``7d``; a bare number is refused, for it has no unit.

    Raises:
        ValueError: it is no such duration.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and _DURATION.match(value):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
        try:
            return timedelta(seconds=seconds)
        except OverflowError:
            pass
    msg = f"expected a duration with a unit such as 30s, 15m, 24h or 1h30m, got {value!r}"
    raise ValueError(msg)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$", "examples": ["30s", "15m", "24h"]}),
]


def refuse_repetitions(values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """For lists in which a value that stands twice is a slip; a validator for several fields.

    Raises:
        ValueError: one stands twice.
    """
    if len(set(values)) < len(values):
        msg = "one stands twice"
        raise ValueError(msg)
    return values


class SettingsModel(BaseModel):
    """A frozen table: unknown keys are refused, every field has its unit and default beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class SecretRef(SettingsModel):
    """Where a secret is: a file (trailing newline dropped) or an environment variable; never the secret itself."""

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretRef:
        if (self.file is None) == (self.env is None):
            msg = "expected exactly one of `file` (a path) and `env` (the name of an environment variable)"
            raise ValueError(msg)
        return self

    def read(self) -> str:
        """Read the secret now; a rotated file is seen at the next call.

        Raises:
            Stalled: the file can't be read or the variable is not set; the text names it, never its content.
        """
        if self.env is not None:
            if (value := os.environ.get(self.env)) is None:
                msg = f"the environment variable {self.env} that should hold a secret is not set"
                raise Stalled(msg)
            return value
        assert self.file is not None
        try:
            with self.file.open("rb") as handle:
                return handle.read(_LONGEST_SECRET).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            msg = f"the secret file {self.file} can't be read: {reason}"
            raise Stalled(msg) from None
