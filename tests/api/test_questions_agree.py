"""What the core concludes from any script of facts is told without fault, and every question gives the same answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from bridge.api.questions import answer_compare, answer_state, tell_intent
from bridge.domain.events import Event, EventKind
from bridge.domain.facts import ConfigChanged
from bridge.domain.fleet import Fleet
from bridge.domain.names import Model
from bridge.domain.policies import Policies
from bridge.ports import Append
from tests.support import scenarios
from tests.support.memory_log import MemoryLog
from tests.support.scripts import Said, Script, play, scripts

GOLDEN = scenarios.load()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scripts(longest=25))
def test_the_comparison_counts_what_the_stories_tell(script: Script) -> None:
    configured = [said.fact.policies for said in script if isinstance(said.fact, ConfigChanged)]
    asyncio.run(_answers_agree(play(Fleet(), script), configured[-1]))


@pytest.mark.parametrize("scenario", GOLDEN["scenarios"], ids=lambda scenario: scenario["name"])
async def test_the_answers_agree_on_every_golden_scenario(scenario: dict[str, Any]) -> None:
    limits = GOLDEN["settings"] | scenario.get("settings", {})
    policies = scenarios.policies(limits)
    script = [Said(scenarios.EPOCH, ConfigChanged(digest="golden", policies=policies))]
    script += [Said(step.at, step.fact) for step in scenarios.steps(scenario, limits)]
    configured = [said.fact.policies for said in script if isinstance(said.fact, ConfigChanged)]
    await _answers_agree(play(Fleet(), script), configured[-1])


async def _answers_agree(events: Sequence[Event], policies: Policies) -> None:
    log = MemoryLog()
    await log.append(Append(events, events[-1].received_at))
    stories = await _stories(log, events, policies)
    now = events[-1].received_at
    report: Any = await answer_compare(
        log, since=None, until=None, service=None, environment=None, policies=policies, now=now
    )
    for model in Model:
        told = [story for story in stories if story["model"] == model]
        figures = report["models"][model.value]
        outcomes = figures["intents"]["outcomes"]
        unpaired = [story for story in told if story["shadow"] and story["paired_with"] is None]
        assert figures["intents"]["n"] == sum(outcomes.values()) == len(told)
        states = Counter(story["state"] for story in told if story not in unpaired)
        assert {state: outcomes[state] for state in ("succeeded", "failed", "missed")} == {
            state: states[state] for state in ("succeeded", "failed", "missed")
        }
        lead = figures["lead_time"]
        assert lead["n"] + sum(lead["excluded"].values()) == outcomes["succeeded"]
    state: Any = await answer_state(log, at=now, known_at=now, service=None, environment=None, policies=policies)
    assert {(told["environment"], told["service"]) for told in state["targets"]} == _targets(events)
    for answer in (*stories, report, state):
        assert msgspec.json.decode(msgspec.json.encode(answer)) == answer


async def _stories(log: MemoryLog, events: Iterable[Event], policies: Policies) -> list[dict[str, Any]]:
    stories = []
    for event in events:
        if event.kind is EventKind.INTENT_DECLARED:
            story: Any = await tell_intent(log, event.id, policies)
            assert story is not None
            assert event.id == story["events"][0]["id"]
            stories.append(story)
    return stories


def _targets(events: Iterable[Event]) -> set[tuple[str, str]]:
    return {
        (event.target.environment, event.target.service)
        for event in events
        if event.target is not None and event.track is not None
    }
