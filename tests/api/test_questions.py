from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from bridge.api.questions import answer_compare, answer_state, export_lines, list_events
from bridge.domain.events import Event, EventKind
from bridge.domain.names import Model, Target
from bridge.domain.policies import Policies
from bridge.errors import Refused
from bridge.ports import EventQuery
from tests.support.events import agreed, at, drift, intent, lines_of, log_of, observed, succeeded
from tests.support.memory_log import MemoryLog

API = Model.API
CART = Target("cart", "production")
STAGING = Target("shop", "staging")


def many(count: int) -> list[Event]:
    return [intent(f"i{n}", f"v{n}", minute=n) for n in range(count)]


async def ask_state(
    events: Sequence[Event], minute: float, known: float | None = None, **filters: Any
) -> dict[str, Any]:
    keywords: dict[str, Any] = {"service": None, "environment": None, **filters}
    return await answer_state(
        await log_of(events),
        at=at(minute),
        known_at=at(minute if known is None else known),
        policies=Policies(),
        **keywords,
    )


async def ask_compare(events: Sequence[Event], **keywords: Any) -> dict[str, Any]:
    filters: dict[str, Any] = {"since": None, "until": None, "service": None, "environment": None, **keywords}
    return await answer_compare(await log_of(events), policies=Policies(), now=at(1000), **filters)


async def test_pages_of_events_follow_each_other_without_gap_or_overlap() -> None:
    log = await log_of(many(8))
    seen, sizes = [], []
    after: int | None = 0
    while after is not None:
        lines, after = await list_events(log, EventQuery(after=after), 3)
        seen += [msgspec.json.decode(line)["position"] for line in lines]
        sizes.append(len(lines))
    assert seen == list(range(1, 9))
    assert sizes == [3, 3, 2]


async def test_a_full_last_page_leads_to_an_empty_one() -> None:
    log = await log_of(many(3))
    _, cursor = await list_events(log, EventQuery(), 3)
    assert cursor == 3
    assert await list_events(log, EventQuery(after=3), 3) == ([], None)


async def test_the_state_has_every_key_in_the_shape_that_was_promised() -> None:
    events = [
        intent("a", "v1", minute=0),
        observed("v1", minute=1),
        intent("s", "v2", minute=2, model=API),
        observed("v2", minute=3, phase="progressing"),
    ]
    answer = await ask_state(events, 5)
    (told,) = answer.pop("targets")
    assert answer == {"at": "2026-03-02T12:05:00.000000Z", "known_at": "2026-03-02T12:05:00.000000Z"}
    image = {"repository": "ghcr.io/acme/shop", "tag": "v1", "digest": None}
    assert told["running"] == {
        "artifacts": [image],
        "since": "2026-03-02T12:01:00.000000Z",
        "observed_at": "2026-03-02T12:01:00.000000Z",
        "observer": "argocd",
        "confidence": None,
        "event_id": events[1].id,
        "position": 2,
    }
    assert told["declared"]["gitops"] == {
        "artifacts": [image],
        "declared_at": "2026-03-02T12:00:00.000000Z",
        "received_at": "2026-03-02T12:00:00.000000Z",
        "intent_id": "a",
        "actor": None,
        "source": {"kind": "git", "name": "infra", "revision": None, "path": None},
        "backfilled": False,
    }
    assert told["declared"]["api"]["intent_id"] == "s"
    assert told["rollout"]["phase"] == "progressing"
    rest = {key: told[key] for key in ("service", "environment", "governed_by", "observed", "in_sync", "models_agree")}
    assert rest == {
        "service": "shop",
        "environment": "production",
        "governed_by": "gitops",
        "observed": True,
        "in_sync": True,
        "models_agree": False,
    }
    assert (told["matched_by"], told["drift"]) == ("tag", None)
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


async def test_the_state_at_a_time_is_what_was_effective_then() -> None:
    events = [observed("v1", minute=0), observed("v2", minute=10)]
    for minute, tag in ((9.9, "v1"), (10, "v2")):
        (told,) = (await ask_state(events, minute))["targets"]
        assert told["running"]["artifacts"][0]["tag"] == tag


async def test_the_state_as_it_was_known_leaves_out_what_was_learned_later() -> None:
    events = [observed("v1", minute=0), observed("v2", minute=30, source_time=10)]
    (then,) = (await ask_state(events, 20, known=20))["targets"]
    (now,) = (await ask_state(events, 20, known=40))["targets"]
    assert then["running"]["artifacts"][0]["tag"] == "v1"
    assert now["running"]["artifacts"][0]["tag"] == "v2"
    assert now["running"]["since"] == "2026-03-02T12:10:00.000000Z"


async def test_targets_are_sorted_by_environment_and_service_and_filtered_exactly() -> None:
    shop = Target("shop", "production")
    events = [observed("v1", minute=n, target=target) for n, target in enumerate((STAGING, shop, CART))]
    names = [(told["environment"], told["service"]) for told in (await ask_state(events, 5))["targets"]]
    assert names == [("production", "cart"), ("production", "shop"), ("staging", "shop")]
    only = (await ask_state(events, 5, service="shop", environment="staging"))["targets"]
    assert [(told["environment"], told["service"]) for told in only] == [("staging", "shop")]


async def test_open_drift_says_since_when() -> None:
    (told,) = (await ask_state([observed("v1", minute=0), *drift(opened=7, since=2)], 10))["targets"]
    assert told["drift"] == {"since": "2026-03-02T12:02:00.000000Z"}


async def test_the_comparison_reads_the_log_and_says_what_it_was_asked() -> None:
    shadow, governing = intent("s", "v2", minute=9, model=API), intent("g", "v2", minute=11, declared=10)
    events = [shadow, governing, agreed(governing, shadow, minute=11), succeeded(governing, minute=12)]
    told = await ask_compare(events, since=at(0), environment="production")
    assert told["pairs"]["n"] == 1
    assert told["models"]["gitops"]["lead_time"]["p50"] == 120.0
    assert told["filters"] == {"service": None, "environment": "production"}
    assert told["range"] == {
        "definition": "range/1",
        "since": "2026-03-02T12:00:00.000000Z",
        "until": None,
        "reported_at": "2026-03-03T04:40:00.000000Z",
    }
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


async def test_the_comparison_knows_of_declarations_and_observations_before_its_range() -> None:
    events = [intent("g", "v1", minute=0), observed("v1", minute=1), intent("s", "v2", minute=20, model=API)]
    told = await ask_compare(events, since=at(10))
    assert told["models"]["api"]["intents"]["outcomes"]["unpaired"] == 1
    assert told["models"]["gitops"]["intents"]["n"] == 0


async def test_the_comparison_filters_by_service() -> None:
    events = [intent("a", "v1", minute=0), intent("b", "v1", minute=0, target=CART)]
    assert (await ask_compare(events))["models"]["gitops"]["intents"]["n"] == 2
    assert (await ask_compare(events, service="cart"))["models"]["gitops"]["intents"]["n"] == 1


async def test_an_empty_range_is_refused_and_names_the_field() -> None:
    with pytest.raises(Refused, match="is not after") as refused:
        await ask_compare([], since=at(10), until=at(10))
    assert refused.value.field == "until"


async def test_jsonl_is_the_records_as_they_are() -> None:
    log = await log_of(many(7))
    exported = b"".join([chunk async for chunk in export_lines(log, EventQuery(), "jsonl")])
    assert exported == b"".join(line + b"\n" for line in lines_of(many(7)))


async def test_every_chunk_of_an_export_ends_with_a_whole_line() -> None:
    for name in ("jsonl", "csv"):
        chunks = [chunk async for chunk in export_lines(await log_of(many(7)), EventQuery(), name)]
        assert len(chunks) > 1
        assert all(chunk.endswith(b"\n") for chunk in chunks)


async def test_csv_has_one_header_and_a_row_for_each_event_asked_for() -> None:
    chunks = export_lines(await log_of(many(7)), EventQuery(after=2), "csv")
    text = b"".join([chunk async for chunk in chunks]).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["position"] for row in rows] == ["3", "4", "5", "6", "7"]


async def test_an_export_of_nothing_is_an_empty_file_or_a_header_alone() -> None:
    none = EventQuery(kinds=frozenset({EventKind.SOURCE_LOST}))
    assert [chunk async for chunk in export_lines(await log_of(many(2)), none, "jsonl")] == []
    assert len([chunk async for chunk in export_lines(await log_of(many(2)), none, "csv")]) == 1


def test_an_unknown_export_format_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(Refused, match="jsonl, csv") as refused:
        export_lines(MemoryLog(), EventQuery(), "xml")
    assert refused.value.field == "format"


async def test_a_long_export_lets_the_loop_run_between_slices() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    log = await log_of(many(2000), chunk=2000)
    async with asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(count_turns())
        chunks = [chunk async for chunk in export_lines(log, EventQuery(), "jsonl")]
        counting.cancel()
    assert len(chunks) == 8
    assert turns >= len(chunks)
