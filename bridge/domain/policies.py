"""What is judged by which limits: the governing model and the deadlines, for each environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.domain.names import Model

_LIMITS = ("late_after", "missed_after", "out_of_band_grace", "pairing_window")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits of one environment.

    ``governed_by`` None: the only model that declared the target; GitOps where both did.
    """

    governed_by: Model | None = None
    late_after: timedelta = timedelta(minutes=15)
    missed_after: timedelta = timedelta(hours=24)
    out_of_band_grace: timedelta = timedelta(minutes=5)
    pairing_window: timedelta = timedelta(minutes=60)

    def to_details(self) -> dict[str, object]:
        """The limits as JSON-ready values, durations in seconds."""
        return {
            "governed_by": None if self.governed_by is None else self.governed_by.value,
            **{name: getattr(self, name).total_seconds() for name in _LIMITS},
        }

    @classmethod
    def from_details(cls, details: Mapping[str, object]) -> Policy:
        """Read back what ``to_details`` wrote; a limit that an older version did not write keeps its default.

        Raises:
            ValueError: a value is not of the written kind; the text names it.
        """
        governed_by = details.get("governed_by")
        limits = {name: _duration(name, details[name]) for name in _LIMITS if name in details}
        return cls(governed_by=None if governed_by is None else Model(str(governed_by)), **limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policy of every environment: a default, and those that differ from it."""

    default: Policy = Policy()
    environments: dict[str, Policy] = field(default_factory=dict)

    def policy_of(self, environment: str) -> Policy:
        """The limits that hold in ``environment``."""
        return self.environments.get(environment, self.default)

    def to_details(self) -> dict[str, object]:
        """All policies as JSON-ready values: what a ``config.changed`` event keeps under ``policies``."""
        return {
            "default": self.default.to_details(),
            "environments": {name: policy.to_details() for name, policy in self.environments.items()},
        }

    @classmethod
    def from_details(cls, details: Mapping[str, object]) -> Policies:
        """Read back what ``to_details`` wrote.

        Raises:
            ValueError: a value is not of the written kind; the text names it.
        """
        environments = _mapping("environments", details.get("environments", {}))
        return cls(
            default=Policy.from_details(_mapping("default", details.get("default", {}))),
            environments={name: Policy.from_details(_mapping(name, policy)) for name, policy in environments.items()},
        )


def _mapping(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        msg = f"policies: {name} is not a mapping"
        raise ValueError(msg)  # noqa: TRY004 - one error type for every malformed record
    return value


def _duration(name: str, seconds: object) -> timedelta:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        msg = f"policies: {name} is not a number of seconds"
        raise ValueError(msg)  # noqa: TRY004 - one error type for every malformed record
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        msg = f"policies: {name} is not a duration: {seconds} seconds"
        raise ValueError(msg) from None
