"""The golden scenarios, through the whole daemon with an injected clock: what the HTTP API says was concluded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from bridge.domain.events import CONCLUSION_KINDS
from bridge.domain.facts import ConfigChanged
from bridge.domain.times import format_time
from tests.support import scenarios
from tests.support.fake_clock import FakeClock

GOLDEN = scenarios.load()


async def concluded(url: str) -> list[dict[str, Any]]:
    kinds = ",".join(sorted(CONCLUSION_KINDS))
    async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/events?limit=1000&kind={kinds}") as answer:
        assert answer.status == 200
        return (await answer.json())["events"]


@pytest.mark.parametrize("scenario", GOLDEN["scenarios"], ids=[each["name"] for each in GOLDEN["scenarios"]])
async def test_the_daemon_concludes_what_the_golden_set_says(scenario: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "deploybridge.yaml"
    path.write_text("mode: both\ndata_dir: data\nlisten: 127.0.0.1:0\n")
    clock = FakeClock(scenarios.EPOCH - scenarios.span("600:00"))
    settings = {**GOLDEN["settings"], **scenario.get("settings", {})}
    async with open_bridge(compose.load(path), clock=clock) as bridge:
        inbox = bridge.core.inbox
        await inbox.submit([ConfigChanged(digest="golden", policies=scenarios.policies(settings))])
        for step in scenarios.steps(scenario, settings):
            clock.move_to(step.at)
            await inbox.submit([] if step.fact is None else [step.fact])
        last = max([clock.now(), *(scenarios.moment(each["at"]) for each in scenario["concludes"])])
        clock.move_to(last)
        await inbox.submit([])
        events = await concluded(bridge.url)
    assert [each["kind"] for each in events] == [each["kind"] for each in scenario["concludes"]]
    for wanted, got in zip(scenario["concludes"], events, strict=True):
        assert scenarios.disagreements(wanted, got) == []
    assert all(each["recorded_at"] <= format_time(last) for each in events)
