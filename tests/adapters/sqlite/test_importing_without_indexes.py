"""A first import fills an empty log without indexes; nobody who reads or writes meanwhile can tell."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from adapters.eventlogs.sqlite import open_adapter, open_reader
from bridge.domain.events import EventKind
from bridge.ports import EventQuery
from tests.contracts.log_events import batch, second

_MANY = 600


def _indexes(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'events_by_%'")}
    connection.close()
    return found


async def test_an_import_into_an_empty_log_goes_without_indexes_until_its_last_batch(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        complete = _indexes(path)
        await opened.log.append(batch(1, _MANY))
        await opened.log.append(batch(_MANY + 1, _MANY))
        assert not _indexes(path)
        await opened.log.append(batch(2 * _MANY + 1, 3))
        assert _indexes(path) == complete
    async with open_reader(path) as reader:
        assert (await reader.verify()).broken is None


async def test_an_import_that_ends_with_a_large_batch_leaves_the_indexes_behind(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        complete = _indexes(path)
        await opened.log.append(batch(1, _MANY))
        assert not _indexes(path)
    assert _indexes(path) == complete


async def test_a_log_whose_import_was_broken_off_gets_its_indexes_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        complete = _indexes(path)
        await opened.log.append(batch(1, _MANY))
        copied = tmp_path / "copy.db"
        with sqlite3.connect(path) as live, sqlite3.connect(copied) as copy:
            live.backup(copy)
    assert not _indexes(copied)
    async with open_adapter(copied):
        assert _indexes(copied) == complete


async def test_a_later_large_batch_keeps_the_indexes(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        complete = _indexes(path)
        await opened.log.append(batch(1, 100))
        await opened.log.append(batch(101, _MANY))
        assert _indexes(path) == complete


async def test_questions_during_an_import_have_the_answers_that_they_have_after_it(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    queries = (
        EventQuery(service="shop"),
        EventQuery(kinds=frozenset({EventKind.INTENT_DECLARED})),
        EventQuery(service="shop", environment="production", after=10),
        EventQuery(since=second(50), until=second(60)),
    )

    async def answers() -> list[object]:
        found: list[object] = [
            [row async for chunk in opened.reader.records(query, limit=50) for row in chunk] for query in queries
        ]
        found.append(await opened.reader.states(at=second(100), known_at=second(200)))
        return found

    async with open_adapter(path) as opened:
        await opened.log.append(batch(1, _MANY))
        during = await answers()
        await opened.log.append(batch(_MANY + 1, 0))
        assert await answers() == during
        assert any(during)
