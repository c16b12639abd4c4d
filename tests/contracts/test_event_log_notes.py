"""What every event log promises of the notes that it keeps beside the events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from bridge.domain.names import ImageRef, SourceRef, Target
from bridge.domain.side_notes import Incident, Publication, Publications
from bridge.errors import InvariantBroken
from bridge.ports import Append, IncidentQuery
from tests.contracts.log_events import make_event, second

REGISTRY = SourceRef("harbor", "hook:harbor")
DIGEST, OTHER = "sha256:" + "0b" * 32, "sha256:" + "0c" * 32
SHOP = ImageRef("ghcr.io/acme/shop", "v2", DIGEST)


def published(at: int, artifact: ImageRef = SHOP) -> Publication:
    return Publication(artifact=artifact, published_at=second(at), source=REGISTRY)


def incident(name: str = "one", began: int = 10, ended: int | None = None, target: Target | None = None) -> Incident:
    return Incident(
        id=name,
        title="Too many errors",
        started_at=second(began),
        ended_at=None if ended is None else second(ended),
        target=target,
        source=SourceRef("alertmanager", "hook:alerts"),
    )


async def when(opened: Any, *artifacts: ImageRef) -> Any:
    return Publications(await opened.reader.publications(artifacts)).published_at(artifacts)


async def test_a_publication_is_found_by_digest_and_by_tag(opened: Any) -> None:
    await opened.log.append(Append((), second(99), notes=(published(5),)))
    assert await when(opened, ImageRef("mirror.example.org/shop", None, DIGEST)) == second(5), "whatever it is called"
    assert await when(opened, ImageRef("ghcr.io/acme/shop", "v2")) == second(5)
    assert await when(opened, ImageRef("ghcr.io/acme/shop", "v2", OTHER)) is None, "the tag was moved"
    assert await when(opened, ImageRef("ghcr.io/acme/other", "v2")) is None
    assert await when(opened, ImageRef(None, "v2")) is None
    assert await when(opened) is None


async def test_of_several_artifacts_the_last_publication_counts_and_one_unknown_hides_it(opened: Any) -> None:
    worker = ImageRef("docker.io/library/worker", "v2")
    await opened.log.append(Append((), second(99), notes=(published(5), published(7, worker))))
    assert await when(opened, SHOP, ImageRef("worker", "v2")) == second(7)
    assert await when(opened, SHOP, ImageRef("stranger", "v2")) is None


async def test_a_publication_told_again_keeps_the_earliest_time(place: Any) -> None:
    for told in (7, 5, 9):
        async with place.open() as opened:
            await opened.log.append(Append((), second(99), notes=(published(told),)))
    async with place.open() as opened:
        assert await when(opened, SHOP) == second(5)
        moved = published(8, replace(SHOP, digest=OTHER))
        await opened.log.append(Append((), second(99), notes=(moved,)))
        assert await when(opened, ImageRef("ghcr.io/acme/shop", "v2")) is None, "nobody knows which one ran"
        assert await when(opened, SHOP) == second(5)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_an_incident_ends_up_the_same_in_every_order(opened: Any, order: tuple[int, ...]) -> None:
    shop = Target("shop", "production")
    told = [incident(began=10), incident(began=12, target=shop), incident(began=20, ended=20)]
    for number in (*order, *order):
        await opened.log.append(Append((), second(99), notes=(told[number],)))
    assert await opened.reader.incidents(IncidentQuery()) == [incident(began=10, ended=20, target=shop)]


async def test_incidents_are_asked_for_by_time_and_target_newest_first(opened: Any) -> None:
    shop, web = Target("shop", "production"), Target("web", "staging")
    notes = (
        incident("past", 10, 20, shop),
        incident("now", 15, None, shop),
        incident("other", 15, 40, web),
        incident("homeless", 30),
    )
    await opened.log.append(Append((), second(99), notes=notes))

    async def names(**asked: Any) -> list[str]:
        return [each.id for each in await opened.reader.incidents(IncidentQuery(**asked))]

    assert await names() == ["homeless", "now", "other", "past"]
    assert await names(since=second(20)) == ["homeless", "now", "other"], "what ended then is over"
    assert await names(until=second(15)) == ["past"]
    assert await names(since=second(12), until=second(13)) == ["past"]
    assert await names(service="shop") == ["now", "past"]
    assert await names(environment="staging") == ["other"]
    assert await names(limit=2) == ["homeless", "now"]


async def test_a_refused_batch_leaves_no_note(opened: Any) -> None:
    event = make_event(1)
    await opened.log.append(Append([event], second(9)))
    with pytest.raises(InvariantBroken):
        await opened.log.append(Append([event], second(9) + timedelta(seconds=1), notes=(published(5), incident())))
    assert await when(opened, SHOP) is None
    assert await opened.reader.incidents(IncidentQuery()) == []
