"""What ``/readyz`` tells: whether the log can be written, and how each source is doing."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.domain.times import format_time
from bridge.runtime.intake import IntakeStatus


@dataclass(slots=True)
class HealthBoard:
    """Kept up to date by the parts themselves; nothing here is stored."""

    sources: dict[str, IntakeStatus] = field(default_factory=dict)
    config_problem: str | None = None  # why the newest configuration was refused; the one before it holds
    needs_restart: list[str] = field(default_factory=list)  # changed keys that only a restart applies

    def report(self) -> dict[str, object]:
        """JSON-ready, without secrets. A lost source degrades the bridge; it stays ready, for everything else works."""
        degraded = self.config_problem is not None or any(each.problem is not None for each in self.sources.values())
        return {
            "status": "degraded" if degraded else "ok",
            "config": {"problem": self.config_problem, "needs_restart": self.needs_restart},
            "sources": {name: _source(status) for name, status in sorted(self.sources.items())},
        }


def _source(status: IntakeStatus) -> dict[str, object]:
    return {
        "caught_up": status.caught_up,
        "landings": status.landings,
        "revision": status.revision,
        "failures": status.failures,
        "problem": status.problem,
        "succeeded_at": format_time(status.succeeded_at) if status.succeeded_at is not None else None,
    }
