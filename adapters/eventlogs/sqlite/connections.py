"""Opening the file: pragmas, migrations, and the refusal of what is no event log."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from adapters.eventlogs.sqlite.failures import failures_named
from adapters.eventlogs.sqlite.indexes import make_indexes
from bridge.errors import Stalled

_APPLICATION_ID = 0x64_62_6C_67  # "dblg", in the file's header: this is an event log of ours
_WAL_LIMIT = 128 * 1024 * 1024  # bytes that the write-ahead log keeps after a burst
# Pages (512 MiB) after which an append copies it into the file by itself, should the checkpoints beside it not keep up.
_CHECKPOINT_AFTER = 131_072
_CACHE = -32 * 1024  # KiB of page cache for the writer; the indexes' hot pages fit


def open_for_writing(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open or make the log at ``path`` and bring its tables up to date.

    Raises:
        Unavailable: it can't be opened or written now.
        Stalled: the file is damaged, no event log, or of a newer version.
    """
    with failures_named("open the event log", path):
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        try:
            _refuse_foreign(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_AFTER}")
            connection.execute(f"PRAGMA cache_size = {_CACHE}")
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection)
            make_indexes(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_checkpoints(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open the log at ``path``, which its writer has opened, once more: to copy the write-ahead log into the file.

    Raises:
        Unavailable: it can't be opened now.
    """
    with failures_named("open the event log", path):
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection


def open_for_reading(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open the log at ``path`` read-only, also beside a running writer. Texts come as bytes.

    Raises:
        Unavailable: it can't be opened now.
        Stalled: there is no file, it is damaged, no event log, or of another version.
    """
    if not path.exists():
        msg = f"there is no event log at {path}: check data_dir in the configuration, or start the daemon once"
        raise Stalled(msg)
    with failures_named("open the event log", path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        try:
            _refuse_foreign(connection, path)
            _refuse_older(connection, path)
            connection.text_factory = bytes
        except BaseException:
            connection.close()
            raise
        return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != _APPLICATION_ID and (application or tables):
        msg = f"{path} is a database of another program, no event log: give another path"
        raise Stalled(msg)
    if (version := _version(connection)) > (known := len(_migrations())):
        msg = (
            f"the event log {path} is of version {version}, this program knows up to {known}: use a newer deploybridge"
        )
        raise Stalled(msg)


def _refuse_older(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) < len(_migrations()):
        msg = f"the event log {path} is of an older version: start the daemon once to bring it up to date"
        raise Stalled(msg)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrations() -> list[str]:
    folder = resources.files("adapters.eventlogs.sqlite") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [file.read_text(encoding="utf-8") for file in files]


def _migrate(connection: sqlite3.Connection) -> None:
    migrations = _migrations()
    while (version := _version(connection)) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:  # else another process was faster
                for statement in _statements(migrations[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> list[str]:
    # executescript would commit before it begins; a trigger's inner semicolons are told apart by SQLite itself.
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
