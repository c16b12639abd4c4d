"""Logs of a given length, written by the real core and the real event log, and the questions asked of them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.eventlogs.sqlite import open_adapter
from benchmarks import daemon
from bridge.domain.events import Event
from bridge.domain.facts import ConfigChanged, Fact, IntentDeclared, ObservationReported
from bridge.domain.fleet import RULES_VERSION, Fleet
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target
from bridge.domain.policies import Policies
from bridge.formats.snapshot_v1 import encode_parts
from bridge.ports import Append, Snapshot

_TARGETS = [
    Target(f"service-{n:02d}", environment) for n in range(60) for environment in ("dev", "staging", "production")
]
_START = datetime(2024, 1, 1, tzinfo=UTC)
_BATCH = 2000  # events


def make(folder: Path, events: int) -> Path:
    """A configuration whose log holds about ``events`` events of 180 targets; made once and kept."""
    config = folder / "deploybridge.yaml"
    if not config.exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        print(f"writing a log of {events} events (once; kept in {folder}) ...", flush=True)
        asyncio.run(_fill(folder / "data" / "log.sqlite", events))
        daemon.config(folder)
    return config


async def _fill(path: Path, events: int) -> None:
    fleet, written, number, batch = Fleet(), 0, 0, list[Event]()
    batch += fleet.receive(ConfigChanged(digest="bench", policies=Policies()), at=_START).events
    async with open_adapter(path) as store:
        while written < events:
            target, at = _TARGETS[number % len(_TARGETS)], _START + timedelta(seconds=7 * number)
            for fact in _deployment(target, number, at):
                batch += fleet.receive(fact, at=at).events
            number += 1
            if len(batch) >= _BATCH:
                snapshot = Snapshot(RULES_VERSION, encode_parts(*fleet.take_changes()))
                written = await store.log.append(Append(batch, at, {}, snapshot))
                batch = []


def _deployment(target: Target, number: int, at: datetime) -> list[Fact]:
    image = (ImageRef(f"ghcr.io/acme/{target.service}", f"v{number}"),)
    intent = IntentDeclared(
        id=f"bench-{number}",
        model=Model.GITOPS,
        target=target,
        artifacts=image,
        declared_at=at,
        source=SourceRef("git", "infra", f"{number:040x}", f"apps/{target}.yaml"),
        actor="robot",
    )
    seen = ObservationReported(target=target, artifacts=image, phase=Phase.LIVE, source=SourceRef("http", "cluster"))
    return [intent, seen]


def compare_states(work: Path, small: int, large: int) -> None:
    """Print the median time of ``GET /state`` on both logs, at now and at a past time."""
    print("GET /api/v1/state, median of 100, 180 targets")
    medians = []
    for events in (small, large):
        config = make(work / f"log-{events}", events)
        with daemon.running(daemon.bridge(config), cwd=config.parent) as url:
            now = daemon.median_seconds(f"{url}/api/v1/state", 100)
            past = daemon.median_seconds(f"{url}/api/v1/state?at=2024-01-01T01:00:00Z", 100)
        medians.append(now)
        print(f"  {events} events: now {now * 1000:.1f} ms, at a past time {past * 1000:.1f} ms")
    print(f"  yardstick: the smaller log; ratio {medians[1] / medians[0]:.2f}")


def compare_exports(work: Path, events: int) -> None:
    """Print rows/s of ``export`` and of ``sqlite3 -csv`` over the same rows."""
    config = make(work / f"log-{events}", events)
    log = config.parent / "data" / "log.sqlite"
    yardstick = _seconds(["sqlite3", "-csv", str(log), "SELECT * FROM events"])
    print(f"export of {events} events")
    print(f"  yardstick: sqlite3 -csv, all columns: {yardstick:.2f} s")
    for form in ("jsonl", "csv"):
        ours = _seconds([sys.executable, "-m", "bridge", "export", "-c", str(config), "--format", form])
        print(f"  deploybridge export --format {form}: {ours:.2f} s, {yardstick / ours:.2f} of its rows/s")


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began
