"""What the bridge counts about itself, for Prometheus; each bridge has its own registry, so several fit into one process.

Labels are bounded: kinds, models, outcomes, configured sources, and routes by pattern; never a service, a tag or a path.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from bridge.domain.events import CONCLUSION_KINDS, Event, EventKind
from bridge.domain.names import Model

# How an intent ended, by the conclusion that says so.
_OUTCOMES = {
    EventKind.DEPLOYMENT_SUCCEEDED: "succeeded",
    EventKind.DEPLOYMENT_FAILED: "failed",
    EventKind.DEPLOYMENT_LATE: "late",
    EventKind.DEPLOYMENT_MISSED: "missed",
    EventKind.DEPLOYMENT_SUPERSEDED: "superseded",
}
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)  # long polls fill the last
_APPEND_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)  # a disk's fsync is 0.1 to 20 ms
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_LEAD_SECONDS = (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 14400, 86400)  # the limits' defaults are among them


class Metrics:
    """The counters of one bridge. Every method is cheap, synchronous and never raises for what it is told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._make_log_metrics()
        self._make_edge_metrics()

    def _make_log_metrics(self) -> None:
        name, registry = "deploybridge", self.registry
        self._events = Counter("events", "Events appended to the log.", ["kind"], namespace=name, registry=registry)
        self._intents = Counter(
            "intents",
            "Intents declared, and what was concluded.",
            ["model", "outcome"],
            namespace=name,
            registry=registry,
        )
        self._lead = Histogram(
            "lead_time_seconds",
            "From an intent's declared time to its success; intents without a lead time are left out.",
            ["model"],
            namespace=name,
            registry=registry,
            buckets=_LEAD_SECONDS,
        )
        self._missed = Counter(
            "missed_deployments", "Intents that were not live in time.", namespace=name, registry=registry
        )
        self._drift = Gauge("drift_active", "Drift episodes that are open.", namespace=name, registry=registry)
        self._position = Gauge("log_position", "The newest position of the log.", namespace=name, registry=registry)
        self._append_seconds = Histogram(
            "append_seconds",
            "How long a batch took to become durable.",
            namespace=name,
            registry=registry,
            buckets=_APPEND_SECONDS,
        )
        self._append_events = Histogram(
            "append_events", "Events in a batch.", namespace=name, registry=registry, buckets=_BATCH_SIZES
        )

    def _make_edge_metrics(self) -> None:
        name, registry = "deploybridge", self.registry
        self._inbox = Gauge("inbox_facts", "Facts that wait for the recorder.", namespace=name, registry=registry)
        self._succeeded_at = Gauge(
            "source_last_success_timestamp_seconds",
            "When a source was last read to its end.",
            ["source"],
            namespace=name,
            registry=registry,
        )
        self._source_up = Gauge(
            "source_up", "1 while a source can be read, else 0.", ["source"], namespace=name, registry=registry
        )
        self._hooks = Counter(
            "hook_deliveries",
            "Deliveries to hooks: taken, unmatched, ignored, refused or unreadable.",
            ["hook", "outcome"],
            namespace=name,
            registry=registry,
        )
        self._http_requests = Counter(
            "http_requests", "Requests answered.", ["method", "route", "status"], namespace=name, registry=registry
        )
        self._http_seconds = Histogram(
            "http_request_seconds",
            "From a request's head to the end of its answer.",
            ["method", "route"],
            namespace=name,
            registry=registry,
            buckets=_REQUEST_SECONDS,
        )

    def recorded(self, events: Sequence[Event], position: int, seconds: float) -> None:
        """A batch became durable in ``seconds``; the log ends at ``position`` now."""
        self._position.set(position)
        self._append_seconds.observe(seconds)
        self._append_events.observe(len(events))
        for kind, count in Counts(event.kind for event in events).items():
            self._events.labels(kind.value).inc(count)
        declared = Counts(
            (event.model, event.backfilled) for event in events if event.kind is EventKind.INTENT_DECLARED
        )
        for (model, backfilled), count in declared.items():
            self._intents.labels(_model(model), "backfilled" if backfilled else "declared").inc(count)
        for event in events:
            if event.kind in CONCLUSION_KINDS:
                self._count_conclusion(event)

    def restored(self, *, position: int, open_drifts: int) -> None:
        """The log was read at start-up: gauges begin where it stands."""
        self._position.set(position)
        self._drift.set(open_drifts)

    def watch_inbox(self, depth: Callable[[], int]) -> None:
        """Ask ``depth`` at each scrape how many facts wait."""
        self._inbox.set_function(depth)

    def source_succeeded(self, name: str, at: datetime) -> None:
        """A source was read to its end at ``at``."""
        self._succeeded_at.labels(name).set(at.timestamp())
        self._source_up.labels(name).set(1)

    def source_failed(self, name: str) -> None:
        """A source can't be read."""
        self._source_up.labels(name).set(0)

    def hook(self, name: str, outcome: str) -> None:
        """A delivery to a configured hook."""
        self._hooks.labels(name, outcome).inc()

    def http(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is the pattern."""
        key = (method, route, status)
        found = self._requests.get(key)
        if found is None:
            found = (self._http_requests.labels(method, route, str(status)), self._http_seconds.labels(method, route))
            self._requests[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Every metric as OpenMetrics where ``accept`` asks for it, else as text 0.0.4; and the content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _count_conclusion(self, event: Event) -> None:
        model = _model(event.model)
        if event.kind is EventKind.DRIFT_OPENED:
            self._drift.inc()
        elif event.kind is EventKind.DRIFT_CLOSED:
            self._drift.dec()
        elif (outcome := _OUTCOMES.get(event.kind)) is not None:
            self._intents.labels(model, outcome).inc()
            if event.kind is EventKind.DEPLOYMENT_MISSED:
                self._missed.inc()
            lead = event.details.get("lead_seconds")
            if event.kind is EventKind.DEPLOYMENT_SUCCEEDED and isinstance(lead, int | float):
                self._lead.labels(model).observe(lead)


def _model(model: Model | None) -> str:
    return (model or Model.GITOPS).value
