"""How long artifacts waited in the registry before they were live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bridge.domain.names import ImageRef
from bridge.domain.quantiles import summarize_seconds
from bridge.domain.side_notes import Publications


class PublishedTimes:
    """Accumulates the figure over deployments."""

    def __init__(self, publications: Publications) -> None:
        """``publications`` are those of the artifacts that will be added."""
        self._publications = publications
        self._seconds: list[float] = []
        self._excluded: Counter[str] = Counter()

    def add(self, artifacts: Sequence[ImageRef], live_at: datetime | None) -> None:
        """One deployment: what it made live, and when."""
        published_at = self._publications.published_at(artifacts)
        if published_at is None or live_at is None:
            self._excluded["publication_not_known" if published_at is None else "no_live_time"] += 1
            return
        seconds = (live_at - published_at).total_seconds()
        if seconds < 0:
            self._excluded["published_after_live"] += 1
        else:
            self._seconds.append(seconds)

    def report(self, *, nothing: str) -> dict[str, object]:
        """The figure; ``nothing`` says why there may be no deployment at all."""
        reason = "no publication is known of what was deployed" if self._excluded else nothing
        return {
            **summarize_seconds(self._seconds, nothing=reason),
            "excluded": dict(sorted(self._excluded.items())),
        }
