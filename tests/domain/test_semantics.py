"""The golden scenarios, through the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bridge.domain.events import CONCLUSION_KINDS, Event
from bridge.domain.facts import ConfigChanged
from bridge.domain.fleet import Fleet
from bridge.domain.times import format_time
from bridge.domain.turn import image_details
from tests.support import scenarios

GOLDEN = scenarios.load()


@dataclass
class Run:
    fleet: Fleet
    events: list[Event]


def play(scenario: dict[str, Any]) -> Run:
    settings = {**GOLDEN["settings"], **scenario.get("settings", {})}
    fleet = Fleet()
    at = scenarios.EPOCH
    config = ConfigChanged(digest="golden", policies=scenarios.policies(settings))
    events = fleet.receive(config, at=at - scenarios.span("600:00")).events
    for step in scenarios.steps(scenario, settings):
        at = step.at
        events += fleet.tick(at) if step.fact is None else fleet.receive(step.fact, at=at).events
    events += fleet.tick(max([at, *(scenarios.moment(each["at"]) for each in scenario["concludes"])]))
    return Run(fleet, events)


def record(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "received_at": format_time(event.received_at),
        "artifacts": image_details(event.artifacts),
        "details": event.details,
        "actor": event.actor,
        "model": event.model.value if event.model else None,
        "service": event.target.service if event.target else None,
    }


@pytest.mark.parametrize("scenario", GOLDEN["scenarios"], ids=[each["name"] for each in GOLDEN["scenarios"]])
def test_the_core_concludes_what_the_golden_set_says(scenario: dict[str, Any]) -> None:
    concluded = [record(e) for e in play(scenario).events if e.kind in CONCLUSION_KINDS]
    assert [each["kind"] for each in concluded] == [each["kind"] for each in scenario["concludes"]]
    for wanted, got in zip(scenario["concludes"], concluded, strict=True):
        assert scenarios.disagreements(wanted, got) == []
