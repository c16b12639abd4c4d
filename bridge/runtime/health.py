"""What ``/readyz`` tells: whether the log can be written, and how each source is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.domain.names import Target
from bridge.domain.times import format_time
from bridge.ports import DeclaredPlace
from bridge.runtime.intake import IntakeStatus
from bridge.runtime.observing import ObserverStatus


@dataclass(frozen=True, slots=True)
class ObserverHealth:
    """An observer's status, and what it says of itself when asked."""

    status: ObserverStatus
    details: Callable[[], Mapping[str, object]]


@dataclass(slots=True)
class HealthBoard:
    """Kept up to date by the parts themselves; nothing here is stored."""

    sources: dict[str, IntakeStatus] = field(default_factory=dict)
    observers: dict[str, ObserverHealth] = field(default_factory=dict)
    config_problem: str | None = None  # why the newest configuration was refused; the one before it holds
    needs_restart: list[str] = field(default_factory=list)  # changed keys that only a restart applies

    def disputes(self) -> Mapping[Target, Sequence[DeclaredPlace]]:
        """The targets for which a source's own places disagree now."""
        return {each.target: each.places for status in self.sources.values() for each in status.disputes}

    def report(self) -> dict[str, object]:
        """JSON-ready, without secrets. A lost source or observer degrades the bridge; it stays ready, for everything else works."""
        problems = [self.config_problem, *(each.problem for each in self.sources.values())]
        problems += [each.status.problem for each in self.observers.values()]
        degraded = any(problem is not None for problem in problems)
        return {
            "status": "degraded" if degraded else "ok",
            "config": {"problem": self.config_problem, "needs_restart": self.needs_restart},
            "sources": {name: _source(status) for name, status in sorted(self.sources.items())},
            "observers": {name: _observer(health) for name, health in sorted(self.observers.items())},
        }


def _source(status: IntakeStatus) -> dict[str, object]:
    return {
        "caught_up": status.caught_up,
        "landings": status.landings,
        "revision": status.revision,
        "failures": status.failures,
        "problem": status.problem,
        "disputed": len(status.disputes),
        "succeeded_at": format_time(status.succeeded_at) if status.succeeded_at is not None else None,
    }


def _observer(health: ObserverHealth) -> dict[str, object]:
    status = health.status
    return {
        "kind": status.kind,
        "lost": status.lost,
        "observations": status.observations,
        "problem": status.problem,
        "seen_at": format_time(status.seen_at) if status.seen_at is not None else None,
        "feeds": {
            name: {
                "caught_up": feed.caught_up,
                "failures": feed.failures,
                "problem": feed.problem,
                "optional": feed.optional,
            }
            for name, feed in sorted(status.feeds.items())
        },
        "details": dict(health.details()),
    }
