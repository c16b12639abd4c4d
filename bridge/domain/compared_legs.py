"""The legs of the deployments that a comparison counts: statements of observers, gathered for each intent as the log goes by.

Memory grows with the intents counted, and by a few reports for each target: one may tell of an intent that is read only later.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.domain.events import Event
from bridge.domain.legs import LEGS, Leg, LegBook, measure, shows_live, told_by, total
from bridge.domain.names import Target
from bridge.domain.quantiles import summarize_seconds

_REPORTS_KEPT = 8  # of a target
_PENDING_KEPT = 32  # intents of a target that a report may be about; older ones have been overtaken long ago


@dataclass(slots=True)
class LegLedger:
    """Feed it the log in order of position; then ask for the legs of an intent."""

    _books: dict[str, LegBook] = field(default_factory=dict)
    _pending: dict[Target, deque[LegBook]] = field(default_factory=dict)
    _reports: dict[Target, deque[Event]] = field(default_factory=dict)

    def declare(self, event: Event) -> None:
        """An intent that is counted."""
        assert event.target is not None
        self._books[event.id] = book = LegBook.of(event)
        self._pending.setdefault(event.target, deque(maxlen=_PENDING_KEPT)).append(book)

    def agree(self, gitops_intent: str, api_intent: str) -> None:
        """Two intents are one deployment: a report may name either."""
        for intent_id in (gitops_intent, api_intent):
            if (book := self._books.get(intent_id)) is not None:
                book.ids |= {gitops_intent, api_intent}

    def observe(self, event: Event) -> None:
        """A report tells of those pending intents that it is about, and of the one that it made a success."""
        assert event.target is not None
        if not shows_live(event) and not told_by(event):
            return
        self._reports.setdefault(event.target, deque(maxlen=_REPORTS_KEPT)).append(event)
        for book in self._pending.get(event.target, ()):
            book.read(event)

    def succeed(self, event: Event) -> None:
        """An intent was concluded to run: from then on reports tell of it until a later one runs."""
        book = self._books.get(event.intent_id or "")
        if book is None or event.target is None:
            return
        source = None
        for report in self._reports.get(event.target, ()):
            if report.id in event.causes:
                book.read(report)  # it may have come before the intent was read
                source = report.source
        book.live(event.source_time, source)
        pending = self._pending[event.target]
        while pending and book in pending and pending[0] is not book:
            pending.popleft()

    def legs_of(self, intent_id: str) -> dict[str, Leg]:
        """The legs of a counted intent."""
        return measure(self._books[intent_id].claims)


def report_legs(deployments: Iterable[dict[str, Leg]], *, nothing: str) -> dict[str, object]:
    """The figures over the deployments, JSON-ready; ``nothing`` says why there may be none."""
    counted = list(deployments)
    figures: dict[str, object] = {}
    for name, _, _ in LEGS:
        lengths = [legs[name].seconds for legs in counted]
        missing = Counter(legs[name].reason for legs in counted if legs[name].reason is not None)
        figures[name] = {
            **summarize_seconds(
                (each for each in lengths if each is not None), nothing="nobody told both ends" if counted else nothing
            ),
            "excluded": dict(sorted((reason or "", count) for reason, count in missing.items())),
        }
    totals = [total(legs.values()) for legs in counted]
    complete = [each for each in totals if each is not None]
    return {
        "n": len(counted),
        "complete": len(complete),
        "legs": figures,
        "total": summarize_seconds(complete, nothing="no deployment has every leg" if counted else nothing),
    }
