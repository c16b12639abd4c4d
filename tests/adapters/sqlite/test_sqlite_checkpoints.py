"""The write-ahead log is copied into the file while appends go on, and begins anew instead of growing for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.eventlogs.sqlite.checkpoints import Checkpoints
from adapters.eventlogs.sqlite.connections import open_for_checkpoints, open_for_reading, open_for_writing

PAGES = 20  # after which a copy is worth it in these tests
COUNT = "SELECT count(*) FROM cursors"


class Appender:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_for_writing(path, 5.0)
        self.checkpoints = Checkpoints(open_for_checkpoints(path, 5.0), worth_copying=PAGES)
        self.appended = 0

    def append(self) -> None:
        self.appended += 1
        self.connection.execute("INSERT INTO cursors VALUES (?, ?)", (str(self.appended), "x" * 3000))
        self.checkpoints.after_append(self.connection, 2)

    def times_begun_anew(self) -> int:
        """The checkpoint sequence number in the header of SQLite's write-ahead log; one for the first time around."""
        with self.path.with_name("log.db-wal").open("rb") as wal:
            return int.from_bytes(wal.read(16)[12:16], "big")

    def close(self) -> None:
        self.checkpoints.close()
        self.connection.close()


@pytest.fixture
def appender(tmp_path: Path) -> Iterator[Appender]:
    with closing(Appender(tmp_path / "log.db")) as appender:
        yield appender


def test_appends_go_on_while_the_log_is_copied_and_it_begins_anew(appender: Appender) -> None:
    appender.append()
    first = appender.times_begun_anew()
    while appender.times_begun_anew() < first + 3:
        appender.append()
    with closing(open_for_reading(appender.path, 5.0)) as reader:
        assert reader.execute(COUNT).fetchone() == (appender.appended,)


def test_a_reader_keeps_what_it_sees_and_holds_no_append_up(appender: Appender) -> None:
    appender.append()
    with closing(open_for_reading(appender.path, 5.0)) as reader:
        reader.execute("BEGIN")
        assert reader.execute(COUNT).fetchone() == (1,)
        for _ in range(10 * PAGES):
            appender.append()
        assert reader.execute(COUNT).fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute(COUNT).fetchone() == (appender.appended,)


def test_closing_leaves_everything_in_the_file(tmp_path: Path) -> None:
    appender = Appender(tmp_path / "log.db")
    for _ in range(3 * PAGES):
        appender.append()
    appender.close()
    assert not appender.path.with_name("log.db-wal").exists()
    with closing(sqlite3.connect(appender.path)) as connection:
        assert connection.execute(COUNT).fetchone() == (appender.appended,)
