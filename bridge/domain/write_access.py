"""Who had to be able to write, for the deployments to be declared: the price of each model in credentials.

Only what the log shows is counted: the authors of the landings that declared something in Git, the requesters of intents by API,
and, from the noise figures, the authors of all landings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bridge.domain.events import Event
from bridge.domain.names import Model

_SHOWN = 20  # names of each source, those with the most declarations first

# What the bridge itself needs of each model's source.
_BRIDGE = {
    Model.GITOPS: {"access": "read", "pushes": False},
    Model.API: {"access": "none", "pushes": False},
}


class WriteAccess:
    """Accumulates who declared, by source."""

    def __init__(self) -> None:
        self._actors: dict[tuple[Model, str, str], Counter[str]] = {}

    def add(self, event: Event) -> None:
        """Take in a declared intent of the range."""
        if event.model is None or event.source is None:
            return
        # By API the name is that of the client; who asked stands behind it.
        key = event.model, event.source.kind, event.source.name
        self._actors.setdefault(key, Counter())[event.actor or ""] += 1

    def report(self, branch_writers: Mapping[str, object]) -> list[dict[str, object]]:
        """One row a source, JSON-ready. ``branch_writers``: who could change each source's branch, where that was counted."""
        return [
            {
                "model": model.value,
                "kind": kind,
                "source": name,
                "bridge": _BRIDGE[model],
                "declared": actors.total(),
                "declared_by": len(actors.keys() - {""}),
                "unnamed": actors[""],
                "actors": [
                    {"actor": actor, "declared": count}
                    for actor, count in sorted(actors.items(), key=lambda each: (-each[1], each[0]))
                    if actor
                ][:_SHOWN],
                "branch_writers": branch_writers.get(name) if model is Model.GITOPS else None,
            }
            for (model, kind, name), actors in sorted(self._actors.items())
        ]
