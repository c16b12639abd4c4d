from __future__ import annotations

from datetime import UTC, datetime

from bridge.domain.events import EventKind
from bridge.telemetry.metrics import Metrics
from tests.support.events import concluded, intent, noted, succeeded


def shown(metrics: Metrics) -> list[str]:
    body, _ = metrics.exposition("")
    return [line for line in body.decode().splitlines() if not line.startswith("#")]


def test_what_is_recorded_is_counted_by_kind_model_and_outcome() -> None:
    metrics = Metrics()
    about = intent("i", "v1", minute=0)
    events = [about, concluded(EventKind.DEPLOYMENT_MISSED, about, minute=30), succeeded(about, minute=40)]
    metrics.recorded(events, 3, 0.002)
    lines = shown(metrics)
    assert 'deploybridge_events_total{kind="deployment.missed"} 1.0' in lines
    assert 'deploybridge_intents_total{model="gitops",outcome="declared"} 1.0' in lines
    assert 'deploybridge_intents_total{model="gitops",outcome="missed"} 1.0' in lines
    assert "deploybridge_missed_deployments_total 1.0" in lines
    assert 'deploybridge_lead_time_seconds_sum{model="gitops"} 2400.0' in lines
    assert "deploybridge_log_position 3.0" in lines


def test_intents_from_history_are_counted_apart() -> None:
    metrics = Metrics()
    metrics.recorded([intent("i", "v1", minute=0, backfilled=True)], 1, 0.002)
    assert 'deploybridge_intents_total{model="gitops",outcome="backfilled"} 1.0' in shown(metrics)


def test_open_drift_episodes_go_up_and_down_from_what_was_restored() -> None:
    metrics = Metrics()
    metrics.restored(position=7, open_drifts=2)
    metrics.recorded([noted(EventKind.DRIFT_CLOSED, minute=1)], 8, 0.002)
    assert "deploybridge_drift_active 1.0" in shown(metrics)


def test_two_bridges_in_one_process_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.http("GET", "/", 200, 0.1)
    assert any("http_requests_total{" in line for line in shown(one))
    assert not any("http_requests_total{" in line for line in shown(two))


def test_sources_and_the_inbox_are_shown_as_they_are() -> None:
    metrics = Metrics()
    metrics.watch_inbox(lambda: 12)
    metrics.source_succeeded("infra", datetime(2026, 3, 2, 12, tzinfo=UTC))
    metrics.source_failed("mirror")
    lines = shown(metrics)
    assert "deploybridge_inbox_facts 12.0" in lines
    assert 'deploybridge_source_last_success_timestamp_seconds{source="infra"} 1.7724528e+09' in lines
    assert 'deploybridge_source_up{source="infra"} 1.0' in lines
    assert 'deploybridge_source_up{source="mirror"} 0.0' in lines
