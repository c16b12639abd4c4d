"""``GET /noise``, and what the comparison says of the commits."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient

from bridge.api.examples import NOISE
from bridge.domain.noise import CommitClass, CommitCount, Tally, TallyKey
from bridge.ports import Append
from tests.support.events import intent
from tests.support.fake_bridge import NOON, FakeBridge

Client = TestClient[Any, Any]


async def count(bridge: FakeBridge, source: str, week: str, *, kind: CommitClass, author: str, commits: int) -> None:
    tallies = {TallyKey(week, kind, author): Tally(commits, commits, commits * 2)}
    await bridge.log.append(Append([], NOON, cursors={source: "x"}, commits={source: CommitCount(tallies)}))


async def fill(bridge: FakeBridge) -> None:
    await count(bridge, "infra", "2026-02-16", kind=CommitClass.OTHER, author="Ada", commits=1)
    await count(bridge, "infra", "2026-02-23", kind=CommitClass.BUMP_BY_BOT, author="ci", commits=3)
    await count(bridge, "web", "2026-02-23", kind=CommitClass.BUMP_BY_HUMAN, author="Bo", commits=4)


async def ask(client: Client, path: str) -> dict[str, Any]:
    response = await client.get(f"/api/v1{path}")
    assert response.status == 200, await response.text()
    told: dict[str, Any] = await response.json()
    return told


async def test_noise_is_told_over_all_and_for_each_source(client: Client, bridge: FakeBridge) -> None:
    await fill(bridge)
    told = await ask(client, "/noise")
    assert (told["overall"]["commits"], told["overall"]["noise"]["share"]) == (8, 0.875)
    assert [(each["source"], each["noise"]["commits"]) for each in told["sources"]] == [("infra", 3), ("web", 4)]
    assert told["range"] == {
        "definition": "weeks/1", "from": None, "to": None, "reported_at": "2026-03-02T12:00:00.000000Z"
    }  # fmt: skip
    assert told["filters"] == {"source": None}
    assert {"weeks/1", "noise/1", "noise_free/1", "writers/1"} == told["definitions"].keys()


async def test_noise_can_be_asked_for_some_weeks_and_one_source(client: Client, bridge: FakeBridge) -> None:
    await fill(bridge)
    query = "?from=2026-02-17T00:00:00Z&to=2026-02-24T00:00:00%2B01:00&source=infra"
    told = await ask(client, f"/noise{query}")
    assert [each["week"] for each in told["overall"]["weeks"]] == ["2026-02-23"]
    assert [each["source"] for each in told["sources"]] == ["infra"]
    assert told["range"]["to"] == "2026-02-23T23:00:00.000000Z"
    assert told["filters"] == {"source": "infra"}
    assert (await ask(client, "/noise?source=nobody"))["sources"] == []


async def test_an_empty_log_has_no_shares(client: Client) -> None:
    told = await ask(client, "/noise")
    assert (told["overall"]["commits"], told["overall"]["share"], told["sources"]) == (0, None, [])


async def test_the_answer_has_the_shape_that_the_description_shows(client: Client, bridge: FakeBridge) -> None:
    await fill(bridge)
    assert shape_of(await ask(client, "/noise?source=infra"), NOISE) == []


def shape_of(told: Any, shown: Any, path: str = "") -> list[str]:
    """Where two JSON values have different keys; of lists the first items are compared."""
    if path == "/definitions":
        return []
    if isinstance(shown, dict):
        if not isinstance(told, dict) or told.keys() != shown.keys():
            return [path]
        return [each for key in shown for each in shape_of(told[key], shown[key], f"{path}/{key}")]
    if isinstance(shown, list):
        return shape_of(told[0], shown[0], f"{path}[]")
    return []


async def test_the_comparison_says_how_much_is_noise_and_who_could_write(client: Client, bridge: FakeBridge) -> None:
    await fill(bridge)
    await bridge.append([intent("g", "v1", minute=0)])
    told = await ask(client, "/compare")
    overall = told["noise"]["overall"]
    assert (overall["noise"]["commits"], overall["without_noise"]["commits"]) == (7, 1)
    assert [each["source"] for each in told["noise"]["sources"]] == ["infra", "web"]
    assert "weeks" not in overall
    (declared,) = told["write_access"]["sources"]
    assert (declared["source"], declared["bridge"]["access"]) == ("infra", "read")
    assert (declared["branch_writers"]["n"], declared["branch_writers"]["machines"]) == (2, 1)
    assert {"noise/1", "writers/1", "write_access/1"} <= told["definitions"].keys()


async def test_the_comparison_counts_the_weeks_of_its_range(client: Client, bridge: FakeBridge) -> None:
    await fill(bridge)
    told = await ask(client, "/compare?since=2026-02-20T00:00:00Z&until=2026-03-01T00:00:00Z")
    assert told["noise"]["overall"]["commits"] == 7
    assert told["noise"]["overall"]["first_week"] == "2026-02-23"
