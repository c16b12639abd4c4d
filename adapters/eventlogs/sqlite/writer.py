"""The one writer of the file, synchronous: it lives on a thread of its own and is called from nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from adapters.eventlogs.sqlite import statements
from adapters.eventlogs.sqlite.checkpoints import Checkpoints
from adapters.eventlogs.sqlite.connections import open_for_checkpoints, open_for_writing
from adapters.eventlogs.sqlite.failures import failures_named
from adapters.eventlogs.sqlite.indexes import drop_indexes, make_indexes
from adapters.eventlogs.sqlite.notes import note_upsert
from adapters.eventlogs.sqlite.rows import EventRow, StoredId, Tail, chain_events, to_datetime, to_stored_id
from bridge.domain.events import Event
from bridge.domain.names import Target
from bridge.domain.noise import CommitCount
from bridge.errors import InvariantBroken
from bridge.formats.event_v1 import chain_hash
from bridge.ports import Append, Restored, Snapshot

# One statement for many rows: the interpreter's lock is let go once for each statement, and under load it takes up to a
# switch interval to get it back.
_ROWS_A_STATEMENT = 64
_PAGE = 4096  # bytes
_IDS_A_QUERY = 500  # below every build's limit of parameters
_NEARLY_EMPTY = 64  # events; the configuration's, and whatever else came before the first import
_IMPORT_BATCH = 512  # events that only a source at its first contact brings at once
_LONGEST_IMPORT = 300_000  # events; whoever declares meanwhile by API waits for the indexes, a second at most

TargetRow = tuple[int, str, str]


class Prepared(NamedTuple):
    """The rows of a batch, and what the writer knows once they are stored."""

    rows: Sequence[EventRow]
    tail: Tail
    target_ids: dict[Target, int]
    added: Sequence[TargetRow]


class Writer:
    """Holds the end of the log in memory; the file must agree with it at the start of each transaction."""

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._connection = open_for_writing(path, busy_timeout)
        self._imports = False  # whether the log has no indexes for now
        try:
            with failures_named("read the event log", path):
                self._tail = self._read_tail()
                self._target_ids = {
                    Target(service, environment): number
                    for number, service, environment in self._connection.execute(statements.TARGETS)
                }
            self._checkpoints = Checkpoints(open_for_checkpoints(path, busy_timeout))
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; the last connection also empties the write-ahead log."""
        with failures_named("close the event log", self.path):
            try:
                self._end_import()
            finally:
                self._checkpoints.close()
                self._connection.close()

    def restore(self) -> Restored:
        """What a start-up needs, as of one moment."""
        with failures_named("read the event log", self.path):
            cursors = dict(self._connection.execute(statements.CURSORS).fetchall())
            snapshot = self._connection.execute(statements.SNAPSHOT).fetchone()
            parts = dict(self._connection.execute(statements.PARTS).fetchall()) if snapshot else {}
        tail = self._tail
        return Restored(
            position=tail.position,
            cursors=cursors,
            snapshot=Snapshot(snapshot[0], parts) if snapshot else None,
            snapshot_position=snapshot[1] if snapshot else 0,
            received_at=None if tail.received_at is None else to_datetime(tail.received_at),
        )

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Which of ``ids`` are in the log."""
        with failures_named("read the event log", self.path):
            return _find_known(self._connection, ids)

    def prepare(self, batch: Append) -> Prepared:
        """Make the rows of a batch that is the next to be appended."""
        target_ids, added = self._number_targets(batch.events)
        rows, tail = chain_events(batch.events, batch.recorded_at, self._tail, target_ids)
        return Prepared(rows, tail, target_ids, added)

    def append(self, batch: Append, prepared: Prepared | None = None) -> int:
        """Store the batch in one transaction; whatever fails, the file and this object are as they were before."""
        rows, tail, target_ids, added = prepared or self.prepare(batch)
        alone = not (added or batch.cursors or batch.commits or batch.notes or batch.snapshot or self._imports)
        with failures_named("append to the event log", self.path):
            try:
                if alone and 0 < len(rows) <= _ROWS_A_STATEMENT:
                    self._insert(rows)  # a statement outside of a transaction is one
                else:
                    with self._transaction():
                        self._store(batch, rows, added, tail.position)
            except sqlite3.IntegrityError:
                self._expect_own_tail()
                raise
        self._tail, self._target_ids = tail, target_ids
        self._checkpoints.after_append(self._connection, self._pages_of(batch))
        return tail.position

    def _pages_of(self, batch: Append) -> int:
        """About how many an append writes: for each row its own and its id's, for each target some of indexes."""
        rows, targets = len(batch.events), min(len(batch.events), len(self._target_ids))
        parts = 0 if batch.snapshot is None else sum(map(len, batch.snapshot.parts.values())) // _PAGE
        return rows + rows // 2 + 3 * targets + parts

    def _store(self, batch: Append, rows: Sequence[EventRow], added: Sequence[TargetRow], position: int) -> None:
        self._expect_own_tail()
        self._suit_indexes(len(rows))
        self._connection.executemany(statements.INSERT_TARGET, added)
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            self._insert(rows[start : start + _ROWS_A_STATEMENT])
        self._connection.executemany(statements.UPSERT_CURSOR, batch.cursors.items())
        for source, counted in batch.commits.items():
            self._count(source, counted)
        for note in batch.notes:
            self._connection.execute(*note_upsert(note))
        if batch.snapshot is not None:
            self._store_snapshot(batch.snapshot, position)

    def _insert(self, rows: Sequence[EventRow]) -> None:
        self._connection.execute(statements.insert_events(len(rows)), list(chain.from_iterable(rows)))

    def _suit_indexes(self, coming: int) -> None:
        """Go without indexes while a first import fills an empty log, batch by batch; else have them."""
        position = self._tail.position
        if position <= _NEARLY_EMPTY and coming >= _IMPORT_BATCH:
            drop_indexes(self._connection)
            self._imports = True
        elif self._imports and (coming < _IMPORT_BATCH or position > _LONGEST_IMPORT):
            self._end_import()

    def _end_import(self) -> None:
        if self._imports:
            make_indexes(self._connection)
            self._imports = False

    def _count(self, source: str, counted: CommitCount) -> None:
        if counted.afresh:
            self._connection.execute(statements.DROP_TALLIES, (source,))
        tallies = counted.tallies.items()
        self._connection.executemany(
            statements.UPSERT_TALLY,
            ((source, *key, tally.commits, tally.landings, tally.lines) for key, tally in tallies),
        )

    def _number_targets(self, events: Sequence[Event]) -> tuple[dict[Target, int], list[TargetRow]]:
        fresh = dict.fromkeys(
            event.target for event in events if event.target is not None and event.target not in self._target_ids
        )
        if not fresh:
            return self._target_ids, []
        numbered = {target: number for number, target in enumerate(fresh, len(self._target_ids) + 1)}
        added = [(number, target.service, target.environment) for target, number in numbered.items()]
        return self._target_ids | numbered, added

    def _store_snapshot(self, snapshot: Snapshot, position: int) -> None:
        stored = self._connection.execute(statements.SNAPSHOT).fetchone()
        if stored and stored[0] != snapshot.rules:
            self._connection.execute(statements.DROP_PARTS)  # other rules can't read them; the first snapshot has all
        holds_for = position if snapshot.position is None else snapshot.position
        self._connection.execute(statements.UPSERT_SNAPSHOT, (snapshot.rules, holds_for))
        self._connection.executemany(statements.UPSERT_PART, snapshot.parts.items())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute(statements.BEGIN)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite has rolled back by itself where the disk is full
                self._connection.execute("ROLLBACK")
            raise

    def _expect_own_tail(self) -> None:
        found = self._connection.execute(statements.TAIL_POSITION).fetchone()
        position, hash_hex = (found[0], found[1].hex()) if found else (0, Tail().hash)
        if (position, hash_hex) != (self._tail.position, self._tail.hash):
            msg = (
                f"the event log {self.path} was changed by another program: it ends at position {position}, "
                f"expected was {self._tail.position}; run one daemon on it, and `deploybridge verify`"
            )
            raise InvariantBroken(msg)

    def _read_tail(self) -> Tail:
        row = self._connection.execute(statements.TAIL).fetchone()
        if row is None:
            return Tail()
        position, received_at, previous_hash, hash_bytes, body = row
        if chain_hash(previous_hash.hex(), body.encode()) != hash_bytes.hex():
            msg = (
                f"the last event of {self.path} (position {position}) does not have its hash: "
                "it was changed; run `deploybridge verify`"
            )
            raise InvariantBroken(msg)
        return Tail(position, received_at, hash_bytes.hex())


def _find_known(connection: sqlite3.Connection, ids: Sequence[str]) -> frozenset[str]:
    """Which of ``ids`` are in the log, as ``connection`` sees it."""
    stored = [to_stored_id(event_id) for event_id in ids]
    found: set[StoredId] = set()
    for start in range(0, len(stored), _IDS_A_QUERY):
        chunk = stored[start : start + _IDS_A_QUERY]
        query = statements.KNOWN.format(marks=",".join("?" * len(chunk)))
        found.update(stored_id for (stored_id,) in connection.execute(query, chunk))
    return frozenset(event_id for event_id, stored_id in zip(ids, stored, strict=True) if stored_id in found)
