"""Full disks, killed processes, other programs on the file, files that are no log."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.eventlogs.sqlite import open_adapter, open_reader
from bridge.errors import InvariantBroken, Stalled, Unavailable
from bridge.ports import EventQuery
from tests.contracts.log_events import batch, collect, make_event

_ROOT = Path(__file__).parents[3]

_APPENDS_FOR_EVER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from adapters.eventlogs.sqlite import open_adapter
from tests.contracts.log_events import batch

async def main():
    async with open_adapter(Path(sys.argv[1])) as opened:
        position = (await opened.log.restore()).position
        while True:
            count = position % 7 + 1
            cursor = {"infra": str(position + count)}
            position = await opened.log.append(replace(batch(position + 1, count), cursors=cursor))
            print(position, flush=True)

asyncio.run(main())
"""

_FILLS_THE_DISK = """
import asyncio, resource, sys
from pathlib import Path
from adapters.eventlogs.sqlite import open_adapter
from bridge.errors import Unavailable
from tests.contracts.log_events import batch

async def main():
    async with open_adapter(Path(sys.argv[1])) as opened:
        await opened.log.append(batch(1, 10))
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
        position, refused = 10, 0
        while refused < 3:
            try:
                position = await opened.log.append(batch(position + 1, 20))
            except Unavailable as error:
                refused += 1
                print("refused", error, flush=True)
                assert await opened.reader.last_position() == position
                assert (await opened.log.restore()).position == position
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert await opened.log.append(batch(position + 1, 20)) == position + 20
        print("stored", position + 20, flush=True)

asyncio.run(main())
"""


def run_child(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=_ROOT, stdout=subprocess.PIPE, text=True)


async def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path, dice, acknowledged = tmp_path / "log.db", random.Random(20), 0
    for _ in range(6):
        child = run_child(_APPENDS_FOR_EVER, path)
        assert child.stdout is not None
        for _ in range(dice.randint(1, 60)):
            acknowledged = int(child.stdout.readline())
        child.kill()
        rest = child.stdout.read().split()  # acknowledged too, between our last look and the kill
        child.wait()
        child.stdout.close()
        acknowledged = max([acknowledged, *map(int, rest)])
        async with open_adapter(path) as opened:
            restored = await opened.log.restore()
            assert restored.position >= acknowledged
            assert restored.cursors == {"infra": str(restored.position)}
            proof = await opened.reader.verify()
            assert (proof.count, proof.broken) == (restored.position, None)


async def test_a_full_disk_leaves_the_log_whole_and_appends_go_on_when_there_is_room(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="needs a limit on file sizes, which this system does not have")
    path = tmp_path / "log.db"
    child = run_child(_FILLS_THE_DISK, path)
    output, _ = child.communicate()
    lines = output.splitlines()
    assert child.returncode == 0
    assert [line.split()[0] for line in lines] == ["refused", "refused", "refused", "stored"]
    assert "disk" in lines[0]
    assert str(path) in lines[0]
    async with open_reader(path) as reader:
        proof = await reader.verify()
        assert (proof.count, proof.broken) == (int(lines[-1].split()[1]), None)


async def test_a_second_writer_on_the_file_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as first, open_adapter(path) as second:
        await first.log.append(batch(1, 3))
        with pytest.raises(InvariantBroken, match="changed by another program"):
            await second.log.append(batch(4))
        assert await first.log.append(batch(4)) == 4
        assert (await first.reader.verify()).broken is None


async def test_a_lock_held_by_another_program_makes_the_append_wait_and_then_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path, busy_timeout=0.05) as opened:
        await opened.log.append(batch(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process holds"):
            await opened.log.append(batch(2))
        assert await opened.reader.last_position() == 1
        other.execute("ROLLBACK")
        other.close()
        assert await opened.log.append(batch(2)) == 2


async def test_readers_go_on_while_a_writer_is_inside_a_transaction(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        await opened.log.append(batch(1, 3))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO cursors VALUES ('infra', 'half done')")
        assert len(await collect(opened.reader.records(EventQuery()))) == 3
        assert await opened.reader.event(make_event(2).id) is not None
        other.execute("ROLLBACK")
        other.close()


async def test_a_reader_beside_a_running_writer_follows_it(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened, open_reader(path) as beside:
        for first in (1, 3):
            await opened.log.append(batch(first, 2))
            assert await beside.last_position() == first + 1
    async with open_reader(path) as alone:
        assert await alone.last_position() == 4


async def test_an_event_that_json_can_t_hold_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    async with open_adapter(tmp_path / "log.db") as opened:
        with pytest.raises(InvariantBroken, match="can't be written"):
            await opened.log.append(batch(1, details={"x": "\udcff"}))
        with pytest.raises(InvariantBroken, match="can't be written"):
            await opened.log.append(batch(1, details={"x": object()}))
        assert await opened.log.append(batch(1)) == 1


async def test_no_log_a_folder_and_other_files_are_told_apart(tmp_path: Path) -> None:
    text, foreign, newer = tmp_path / "text", tmp_path / "foreign.db", tmp_path / "newer.db"
    text.write_text("this is no database, and long enough to be told from an empty file" * 20)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()
    async with open_adapter(newer):
        pass
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for path, words in ((text, "no SQLite database"), (foreign, "another program"), (newer, "newer deploybridge")):
        for opening in (open_adapter(path), open_reader(path)):
            with pytest.raises(Stalled, match=words):
                async with opening:
                    pass
    with pytest.raises(Stalled, match="there is no event log at"):
        async with open_reader(tmp_path / "none.db"):
            pass
    with pytest.raises(Unavailable, match="its folder exists"):
        async with open_adapter(tmp_path / "no folder" / "log.db"):
            pass


async def test_a_log_of_an_older_version_is_not_read_before_the_daemon_has_brought_it_up(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    connection.close()
    with pytest.raises(Stalled, match="older version"):
        async with open_reader(path):
            pass


async def test_a_damaged_page_is_called_damage(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        await opened.log.append(batch(1, 200))
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(Stalled, match=r"damaged.*backup"):
        async with open_reader(path) as reader:
            await collect(reader.records(EventQuery()))


async def test_a_closed_reader_says_so_and_an_unfinished_read_does_not_hold_the_log_open(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_adapter(path) as opened:
        await opened.log.append(batch(1, 1500))
        chunks = opened.reader.records(EventQuery())
        assert len(await anext(chunks)) == 1000
    with pytest.raises(Unavailable, match="closed"):
        await anext(chunks)
    assert not path.with_name("log.db-wal").exists()


async def test_an_append_whose_caller_went_away_is_stored_or_not_and_the_next_goes_on_from_it(tmp_path: Path) -> None:
    async with open_adapter(tmp_path / "log.db") as opened:
        for _ in range(20):
            position = (await opened.log.restore()).position
            async with asyncio.TaskGroup() as tasks:
                left = tasks.create_task(opened.log.append(batch(position + 1, 3)))
                await asyncio.sleep(0)  # it is on its way to the thread
                left.cancel()
            after = (await opened.log.restore()).position
            assert after in {position, position + 3}
            assert await opened.log.append(batch(after + 1, 2)) == after + 2
        assert (await opened.reader.verify()).broken is None


async def test_an_append_that_follows_one_still_under_way_is_stored_behind_it(tmp_path: Path) -> None:
    async with open_adapter(tmp_path / "log.db") as opened:
        left = asyncio.ensure_future(opened.log.append(batch(1, 3)))
        await asyncio.sleep(0)
        behind = asyncio.ensure_future(opened.log.append(batch(4, 2)))
        left.cancel()
        assert await behind in {2, 5}
        assert (await opened.reader.verify()).broken is None
