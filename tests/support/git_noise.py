"""Commits counted from real repositories: by libgit2 alone and by the ``git`` program, which must give the same."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from adapters.sources.git.client import Mirror, set_up_caches
from adapters.sources.git.cursor import Cursor
from adapters.sources.git.passes import Reader
from bridge.domain.noise import CommitCount, Tally, TallyKey
from bridge.ports import SourceBatch
from tests.support.git_reading import make_settings

NEVER, ALWAYS = 1_000_000, 1  # landings from which on ``git`` is asked
Tallies = dict[TallyKey, Tally]


def add_up(batches: Iterable[SourceBatch]) -> Tallies:
    """The count that an event log holds after these batches."""
    tallies: Tallies = {}
    for batch in batches:
        add_count(tallies, batch.commits)
    return tallies


def add_count(tallies: Tallies, counted: CommitCount) -> None:
    """Add one count, or begin with it."""
    if counted.afresh:
        tallies.clear()
    for key, tally in counted.tallies.items():
        tallies.setdefault(key, Tally()).add(tally)


def count_by_libgit2(url: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Tallies:
    """The whole history, where no ``git`` is installed."""
    with monkeypatch.context() as without_git:
        without_git.setenv("PATH", str(data_dir / "nothing"))
        return _count(url, data_dir, NEVER, changes)


def count_by_git(url: Path, data_dir: Path, **changes: object) -> Tallies:
    """The whole history, as a process of its own reads a long one; here in this one, which is quicker."""
    return _count(url, data_dir, ALWAYS, changes)


def _count(url: Path, data_dir: Path, long: int, changes: dict[str, object]) -> Tallies:
    set_up_caches()
    settings = make_settings(str(url), changes)
    mirror = Mirror(settings, data_dir, threading.Event())
    try:
        reader = Reader(settings, mirror, long=long)
        tip = mirror.update()[settings.branch]
        cursor = Cursor(tip=tip.hex(), branch=settings.branch, rules="", history="all", backfill_until=tip.hex())
        return add_up(reader.read_history(cursor, tip))
    finally:
        mirror.close()


def classes_by_author(tallies: Tallies) -> dict[str, str]:
    """What each author's commits were: ``{"Ada": "bump_by_human", "Bo": "other 2"}``."""
    found: dict[str, list[str]] = {}
    for key, tally in sorted(tallies.items()):
        many = "" if tally.commits == 1 else f" {tally.commits}"
        found.setdefault(key.author, []).append(f"{key.kind}{many}")
    return {author: ", ".join(kinds) for author, kinds in found.items()}


def total(tallies: Tallies) -> Tally:
    """All of them together."""
    everything = Tally()
    for tally in tallies.values():
        everything.add(tally)
    return everything
