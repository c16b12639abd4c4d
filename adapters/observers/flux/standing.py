"""What Flux's conditions mean for a deployment: it rests, it acts, or it failed, and how far it got.

Reasons: kustomize-controller api/v1/condition_types.go (and fluxcd/pkg apis/meta), helm-controller api/v2/condition_types.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.observers.flux.objects import Condition
from bridge.domain.times import parse_time
from bridge.redaction import redact

_LONGEST_MESSAGE = 300

# Failures of what had reached the cluster; before all others nothing was changed, or it is not known what.
_REACHED = frozenset(
    {
        "HealthCheckFailed",
        "PruneFailed",
        "InstallFailed",
        "UpgradeFailed",
        "TestFailed",
        "RollbackFailed",
        "RollbackSucceeded",
        "UninstallFailed",
        "UninstallSucceeded",
    }
)
_STILL_AT_IT = frozenset({"Progressing", "ProgressingWithRetry", "HealthCheckCanceled"})
_WAITS = frozenset({"DependencyNotReady"})


class Stand(StrEnum):
    """Whether Flux is done with an object."""

    SETTLED = "settled"  # it does nothing now: done, suspended, waiting for another, or rolled back
    ACTING = "acting"  # it has not seen the newest spec, or is at work
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """``reached``: a failure came after the cluster was changed. ``at``: since when the condition says so."""

    stand: Stand
    reason: str | None = None
    at: datetime | None = None
    reached: bool = False
    waits: bool = False
    rolled_back: bool = False


def read_standing(
    conditions: Sequence[Condition], *, generation: int, observed_generation: int, suspended: bool
) -> Standing:
    """Judge the conditions of a Kustomization or HelmRelease; what was observed of an older spec says nothing of this one."""
    if suspended:
        return Standing(Stand.SETTLED, "suspended")
    ready = find_condition(conditions, "Ready")
    if ready is None:
        return Standing(Stand.ACTING)
    at, reason = read_time(ready.last_transition_time), describe(ready)
    if 0 < (ready.observed_generation or observed_generation) < generation:
        return Standing(Stand.ACTING, "the newest spec was not reconciled yet")
    if ready.status == "True":
        return Standing(Stand.SETTLED, at=at)
    if ready.status != "False" or ready.reason in _STILL_AT_IT:
        return Standing(Stand.ACTING, reason, at)
    if ready.reason in _WAITS:
        return Standing(Stand.SETTLED, reason, at, waits=True)
    remediated = find_condition(conditions, "Remediated")
    if remediated is not None and remediated.status == "True" and remediated.reason == "RollbackSucceeded":
        return Standing(
            Stand.SETTLED, describe(remediated), read_time(remediated.last_transition_time), rolled_back=True
        )
    return Standing(Stand.FAILED, reason, at, reached=ready.reason in _REACHED)


def find_condition(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of one type."""
    return next((each for each in conditions if each.type == kind), None)


def describe(condition: Condition) -> str:
    """Reason and message, cut to what an event may hold."""
    words = f"{condition.reason}: {condition.message}" if condition.message else condition.reason
    return redact(words)[:_LONGEST_MESSAGE]


def read_time(text: str | None) -> datetime | None:
    """A time as the API writes it; None where there is none."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None
