"""Who changes the file behind the log's back is refused by the database, or found by the proof."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from adapters.eventlogs.sqlite import open_adapter, open_reader
from bridge.errors import InvariantBroken
from bridge.formats.event_v1_chain import ChainProof
from bridge.ports import Append, Snapshot
from tests.contracts.log_events import batch, second


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        await opened.log.append(batch(1, 6))
        await opened.log.append(Append([], second(7), snapshot=Snapshot("1", {"a": "1"})))
    return path


def tamper(path: Path, *statements: str) -> None:
    """Do what a person with the file and time on their hands can do."""
    with sqlite3.connect(path) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def proof_of(path: Path) -> ChainProof:
    async with open_reader(path) as reader:
        return await reader.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET kind = 'x' WHERE position = 2",
        "DELETE FROM events WHERE position = 6",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE position = 3",
        "UPDATE events SET position = 9 WHERE position = 6",
        "UPDATE targets SET service = 'x'",
        "DELETE FROM targets",
    ],
)
async def test_the_database_refuses_to_change_or_delete(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert (await proof_of(path)).count == 6


@pytest.mark.parametrize(
    ("statement", "position", "reason"),
    [
        ("UPDATE events SET body = replace(body, 'v3', 'v4') WHERE position = 3", 3, "not that of the body"),
        ("UPDATE events SET hash = zeroblob(32) WHERE position = 4", 4, "not that of the body"),
        ("UPDATE events SET previous_hash = zeroblob(32) WHERE position = 4", 4, "previous_hash"),
        ("DELETE FROM events WHERE position = 3", 4, "position 3 was expected"),
        ("DELETE FROM events WHERE position = 1", 2, "position 1 was expected"),
        ("DELETE FROM events WHERE position > 4", 5, "cut off"),
        ("DELETE FROM events", 1, "cut off"),
        ("UPDATE events SET kind = 'drift.closed' WHERE position = 2", 2, "disagree with the body: kind"),
        ("UPDATE events SET intent_id = NULL, model = 'api' WHERE position = 5", 5, "model, intent_id"),
        ("UPDATE targets SET environment = 'staging'", 1, "disagree with the body: environment"),
        ("UPDATE events SET received_at = received_at + 1 WHERE position = 6", 6, "received_at"),
        ("UPDATE events SET id = 'other' WHERE position = 6", 6, "disagree with the body: id"),
    ],
)
async def test_the_proof_names_the_first_row_that_does_not_hold(
    path: Path, statement: str, position: int, reason: str
) -> None:
    tamper(path, statement)
    proof = await proof_of(path)
    assert proof.broken is not None
    assert proof.broken.position == position
    assert reason in proof.broken.reason
    assert proof.count <= position - 1


async def test_a_log_whose_last_event_was_changed_is_not_opened_for_writing(path: Path) -> None:
    tamper(path, "UPDATE events SET body = replace(body, 'v6', 'v7') WHERE position = 6")
    with pytest.raises(InvariantBroken, match=r"position 6.*deploybridge verify"):
        async with open_adapter(path):
            pass


async def test_a_body_that_can_t_be_read_is_named_and_not_returned(path: Path) -> None:
    tamper(path, "UPDATE events SET body = '{}' WHERE position = 2")
    async with open_reader(path) as reader:
        with pytest.raises(InvariantBroken, match="position 2"):
            await reader.event(_id_at(path, 2))


def _id_at(path: Path, position: int) -> str:
    connection = sqlite3.connect(path)
    (event_id,) = connection.execute("SELECT id FROM events WHERE position = ?", (position,)).fetchone()
    connection.close()
    return event_id.hex() if isinstance(event_id, bytes) else str(event_id)
