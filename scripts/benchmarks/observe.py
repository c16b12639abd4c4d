"""Watching a cluster: the first sync against ``json.loads`` over the same bytes, its memory, and a steady load of changes."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from adapters.kubernetes_client import ConnectionSettings, ListWatch, cluster, open_cluster
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.argocd.book import Book as ApplicationBook
from adapters.observers.argocd.decode import ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from adapters.observers.kubernetes.book import Book
from adapters.observers.kubernetes.settings import KubernetesObserverSettings
from adapters.observers.kubernetes.workloads import WorkloadReader
from benchmarks import daemon
from benchmarks.kubernetes_server import APPLICATIONS
from bridge import compose
from bridge.clock import SystemClock
from bridge.daemon import Bridge, open_bridge
from bridge.domain.names import SourceRef
from bridge.formats.mapping import TargetMap
from bridge.ports import EventQuery
from bridge.runtime.interpreter import collect_seldom, prefer_short_pauses
from bridge.telemetry.logging import configure_logging

_COUNT = 10_000
_RATE = 500  # changes a second
_PATH = "/apis/apps/v1/deployments"
_HERE = Path(__file__).parents[1]


def run(work: Path, seconds: int) -> None:
    """Print the figures."""
    folder = work / "observe"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with daemon.running([sys.executable, "-m", "benchmarks.kubernetes_server", str(_COUNT)], cwd=_HERE) as url:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(url)))
        # A process of its own each, so that the memory is that of the work.
        for what in ("Deployments", "Applications"):
            for measure in ("json", "sync"):
                command = [sys.executable, "-m", "benchmarks.observe", measure, str(kubeconfig), what]
                subprocess.run(command, cwd=_HERE, check=True)
        asyncio.run(_load(folder, url, seconds))


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
    }


# --- the first sync --------------------------------------------------------------------------------------------------


class _Kept(cluster.Cluster):
    """Keeps the answers, for the yardstick."""

    bodies: list[bytes]

    async def get(self, path: str, params: Mapping[str, str]) -> bytes:
        body = await super().get(path, params)
        self.bodies.append(body)
        return body


async def _sync(kubeconfig: Path, what: str, *, keep: bool) -> tuple[float, float, list[bytes]]:
    """Seconds on the clock and of CPU for list, decode and book; and the bytes."""
    connection = ConnectionSettings(kubeconfig=kubeconfig)
    async with open_cluster(connection, SystemClock()) as opened:
        bodies: list[bytes] = []
        if keep:
            opened.__class__ = _Kept
            opened.bodies = bodies  # type: ignore[attr-defined]
        await opened.server_version()
        path, describe, book, report, count = _parts(what, connection)
        watch: ListWatch[Any] = ListWatch(opened, path, describe, SystemClock())
        began, cpu = time.perf_counter(), time.process_time()
        async for batch in watch.read(None):
            book.apply(batch.changes)
            if batch.synced:
                break
        book.started = True
        facts = report(book.first_targets(followed_on=False))
        took = time.perf_counter() - began, time.process_time() - cpu
        assert len(facts) == count
        return *took, bodies


def _parts(what: str, connection: ConnectionSettings) -> tuple[str, Any, Any, Any, int]:
    """Where the objects are, who reads them, the book, how it reports, and how many facts there are to be."""
    if what == "Deployments":
        settings = KubernetesObserverSettings(kind="kubernetes", name="eu", connection=connection)
        book = Book(SourceRef("kubernetes", "eu"), "eu")
        return _PATH, WorkloadReader(Kind.DEPLOYMENT, settings, TargetMap()).describe, book, book.report, _COUNT
    argo = ArgocdObserverSettings(kind="argocd", name="argo", connection=connection)
    applications = ApplicationBook(SourceRef("argocd", "argo"))
    count = _COUNT // 2 * 10  # each with nine deployments of its history
    return (
        APPLICATIONS,
        ApplicationReader(argo, TargetMap()).describe,
        applications,
        _first_contact(applications),
        count,
    )


def _first_contact(book: ApplicationBook) -> Any:  # noqa: ANN401 - as the other book's
    return lambda targets: book.report(targets, {})


def _measure_sync(kubeconfig: Path, what: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu, _ = asyncio.run(_sync(kubeconfig, what, keep=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"  deploybridge: {wall:.2f} s on the clock (with the server's part), {cpu:.2f} s of CPU")
    print(f"  memory: {peak / 1024:.0f} MB at most, {(peak - before) / 1024:.0f} MB of it for {what}")


def _measure_json(kubeconfig: Path, what: str) -> None:
    _, cpu, bodies = asyncio.run(_sync(kubeconfig, what, keep=True))
    pages = [body for body in bodies if b'"items"' in body[:200]]
    began = time.process_time()
    for page in pages:
        json.loads(page)
    yardstick = time.process_time() - began
    size = sum(map(len, pages))
    count = _COUNT if what == "Deployments" else _COUNT // 2
    print(f"first sync of {count} {what} with managed fields: {size / 1e6:.0f} MB in {len(pages)} pages")
    print(f"  yardstick: json.loads over the same bytes: {yardstick:.2f} s of CPU")
    print(f"  deploybridge: {cpu / yardstick:.2f} of it (HTTP, decoding, mapping, owners, facts)")


# --- a steady load ---------------------------------------------------------------------------------------------------


async def _load(folder: Path, url: str, seconds: int) -> None:
    observers = (
        "mode: api\nobservers:\n  - kind: kubernetes\n    name: eu\n    connection: {kubeconfig: ./kubeconfig}\n"
        "    kinds: [deployments]\n    pods: false\n"
    )
    settings = compose.load(daemon.config(folder, observers))
    configure_logging("json", "error")
    prefer_short_pauses()
    collect_seldom()
    async with open_bridge(settings) as bridge, aiohttp.ClientSession() as http:
        # Config, then for each Deployment a report and a baseline.
        await _until(bridge, 1 + 2 * _COUNT)
        await asyncio.sleep(2)
        async with _lag() as lags, _durable(bridge) as stamps:
            cpu, began = time.process_time(), time.perf_counter()
            await http.get(f"{url}/start", params={"rate": _RATE, "seconds": seconds})
            target = bridge.core.tail.position + _RATE * seconds
            await _until(bridge, target)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
        delays = await _delays(bridge, stamps)
    print(f"{_RATE} changes a second for {seconds} s, each of them an observation in the log")
    print(f"  recorded {len(delays)} in {took:.1f} s; {cpu / took:.0%} of one core, log and API included")
    print(f"  from watch line to durable: median {_of(delays, 0.5):.1f} ms, p99 {_of(delays, 0.99):.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  memory: {peak:.0f} MB at most: the whole bridge with {_COUNT} Deployments, and this bench")
    print(
        f"  event loop held for at most {max(lags) * 1000:.1f} ms, p99 {_of([1000 * lag for lag in lags], 0.99):.1f} ms"
    )


async def _until(bridge: Bridge, position: int) -> None:
    async with asyncio.timeout(120):
        while (at := bridge.core.tail.position) < position:
            await bridge.core.tail.wait_beyond(at)


@asynccontextmanager
async def _lag() -> AsyncIterator[list[float]]:
    """How much later than asked for the loop comes back, each time."""
    lags: list[float] = []

    async def measure() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - began - 0.005)

    task = asyncio.create_task(measure())
    try:
        yield lags
    finally:
        task.cancel()


@asynccontextmanager
async def _durable(bridge: Bridge) -> AsyncIterator[list[tuple[int, float]]]:
    """When which position was durable."""
    stamps: list[tuple[int, float]] = []

    async def follow() -> None:
        at = bridge.core.tail.position
        while True:
            at = await bridge.core.tail.wait_beyond(at)
            stamps.append((at, time.time()))

    task = asyncio.create_task(follow())
    try:
        yield stamps
    finally:
        task.cancel()


async def _delays(bridge: Bridge, stamps: list[tuple[int, float]]) -> list[float]:
    """Milliseconds from the watch line, whose moment is the tag, to the moment at which the event was durable."""
    delays, index = [], 0
    async for rows in bridge.core.reader.events(EventQuery(after=1 + 2 * _COUNT)):
        for row in rows:
            tag = row.event.artifacts[0].tag if row.event.artifacts else None
            if row.event.kind != "observation.reported" or tag is None or not tag.startswith("t"):
                continue
            while index < len(stamps) - 1 and stamps[index][0] < row.position:
                index += 1
            delays.append((stamps[index][1] - float(tag[1:])) * 1000)
    return delays


def _of(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


if __name__ == "__main__":
    (_measure_json if sys.argv[1] == "json" else _measure_sync)(Path(sys.argv[2]), sys.argv[3])
