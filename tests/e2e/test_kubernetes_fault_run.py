"""The same life of a cluster, once watched in peace and once with everything going wrong: the log must tell the same."""

from __future__ import annotations

import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.following import Follower
from tests.support.kubeconfig import write_kubeconfig
from tests.support.process import all_events, daemon
from tests.support.workloads import Workloads

SERVICES = ("shop", "cart", "search")
BURSTS = 6
CONFIG = """\
data_dir: data
listen: 127.0.0.1:0
mode: api
log: {format: json}
observers:
  - kind: kubernetes
    name: eu
    connection: {kubeconfig: ./kubeconfig, stall_after: 1s}
    kinds: [deployments]
    pods: false
"""

Opener = Callable[[Path], Any]


@asynccontextmanager
async def in_process(config: Path) -> AsyncIterator[str]:
    async with open_bridge(compose.load(config)) as bridge:
        yield bridge.url


@asynccontextmanager
async def killed_at_the_end(config: Path) -> AsyncIterator[str]:
    async with daemon(config) as running:
        assert running.url, running.lines
        yield running.url
        running.signal(signal.SIGKILL)


@dataclass
class Life:
    """One run: the cluster, the bridge beside it, and a script that only ``seed`` decides."""

    fake: FakeKubernetes
    config: Path
    seed: int
    opener: Opener
    faults: random.Random | None = None  # None: everything goes well
    forgets: bool = False
    bursts: int = BURSTS
    http: aiohttp.ClientSession = field(init=False)
    _url: str = ""
    _bridge: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def live(self) -> list[dict[str, Any]]:
        """Live it, and return the log."""
        script, cluster = random.Random(self.seed), Workloads(self.fake.store)
        for service in SERVICES:
            cluster.create(service, image(service, 0))
            cluster.complete(service)
        async with aiohttp.ClientSession() as self.http:
            try:
                await self._start()
                for service in SERVICES:
                    await self._seen(service, 0)
                for burst in range(1, self.bursts + 1):
                    service = script.choice(SERVICES)
                    await self._declare(service, burst)
                    for act in self._acts(script, cluster, service, burst):
                        act()
                        await self._go_wrong()
                    await self._seen(service, burst)
                return await all_events(self.http, self._url)
            finally:
                await self._bridge.aclose()

    def _acts(self, script: random.Random, cluster: Workloads, service: str, burst: int) -> list[Callable[[], None]]:
        new, other = image(service, burst), image(service, 1000 + burst)
        acts: list[Callable[[], None]] = [lambda: cluster.set_images(service, new)]
        if script.random() < 0.4:
            acts.insert(0, lambda: cluster.set_images(service, other, manager="kubectl-set"))
        if script.random() < 0.4:
            acts.append(lambda: cluster.roll(service, updated=0, reason="ProgressDeadlineExceeded"))
        acts += [lambda: cluster.roll(service, updated=1)] * script.randint(0, 2)
        if script.random() < 0.3:
            acts.append(lambda: cluster.edit(service, replicas=3))
        acts.append(lambda: cluster.complete(service))
        if script.random() < 0.3:
            bystander = script.choice(SERVICES)
            acts.append(lambda: cluster.label(bystander, burst=str(burst)))
        return acts

    async def _go_wrong(self) -> None:
        if self.faults is None:
            return
        deeds: list[Callable[[], Awaitable[None] | object]] = [
            lambda: None,
            self.fake.cut,
            lambda: self.fake.cut(within_a_line=True),
            self.fake.end,
            self.fake.bookmark,
            self.fake.repeat,
            lambda: self._refuse(429),
            lambda: self._refuse(503),
            self._restart,
        ]
        if self.forgets:
            deeds += [self.fake.store.compact, self.fake.stall]
        self.fake.chunk_size = self.faults.choice([None, 1, 100, 4096])
        self.fake.gone_as_event = self.faults.random() < 0.5
        done = self.faults.choice(deeds)()
        if done is not None and hasattr(done, "__await__"):
            await done

    def _refuse(self, code: int) -> None:
        if not self.fake.refusals:  # several in a row only make the bridge more patient
            self.fake.refuse("/deployments", code, retry_after=1)

    async def _restart(self) -> None:
        await self._bridge.aclose()
        await self._start()

    async def _start(self) -> None:
        self._bridge = AsyncExitStack()
        self._url = await self._bridge.enter_async_context(self.opener(self.config))

    async def _declare(self, service: str, burst: int) -> None:
        body = {"service": service, "environment": "production", "artifacts": [image(service, burst)]}
        async with self.http.post(f"{self._url}/api/v1/intents", json=body) as answer:
            assert answer.status == 201, await answer.text()

    async def _seen(self, service: str, burst: int) -> None:
        """The log has caught up with the cluster."""
        live = {"kind": "observation.reported", "service": service, "phase": "live", "tag": f"v{burst}"}
        await Follower(self.http, self._url).until(lambda record: live.items() <= told(record).items())


def image(service: str, number: int) -> str:
    return f"ghcr.io/acme/{service}:v{number}"


def told(record: dict[str, Any]) -> dict[str, Any]:
    """What a record says, without when and where in the log."""
    tags = [each["tag"] for each in record["artifacts"]]
    said = {name: record[name] for name in ("kind", "service", "environment", "actor")}
    phase = record["details"].get("phase") if record["kind"] == "observation.reported" else None
    return said | {"tag": tags[0] if tags else None, "phase": phase}


def by_target(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Everything about each service, in its order."""
    return {name: [told(record) for record in records if record["service"] == name] for name in SERVICES}


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def lived(tmp_path: Path, seed: int, *, opener: Opener = in_process, **more: Any) -> list[dict[str, Any]]:
    async with serve_kubernetes() as fake:
        write_kubeconfig(tmp_path / "kubeconfig", fake.url)
        config = tmp_path / "deploybridge.yaml"
        config.write_text(CONFIG)
        return await Life(fake, config, seed, opener, **more).live()


@pytest.mark.parametrize("seed", range(3))
async def test_cut_connections_refusals_repetitions_and_restarts_change_nothing_in_the_log(
    tmp_path: Path, seed: int
) -> None:
    clean = await lived(made(tmp_path / "clean"), seed)
    broken = await lived(made(tmp_path / "broken"), seed, faults=random.Random(seed + 100))
    assert by_target(broken) == by_target(clean)


@pytest.mark.parametrize("seed", range(2))
async def test_what_a_cluster_forgets_costs_details_but_no_deployment(tmp_path: Path, seed: int) -> None:
    clean = await lived(made(tmp_path / "clean"), seed)
    broken = await lived(made(tmp_path / "broken"), seed, faults=random.Random(seed + 200), forgets=True)
    ended = {"deployment.succeeded", "deployment.superseded", "deployment.rolled_back", "target.baseline"}
    for service, events in by_target(clean).items():
        outcomes = [event for event in events if event["kind"] in ended]
        assert [event for event in by_target(broken)[service] if event["kind"] in ended] == outcomes
    kinds = [record["kind"] for record in broken]
    assert kinds.count("source.lost") == kinds.count("source.returned")


async def test_a_killed_daemon_tells_the_same_as_one_that_lived(tmp_path: Path) -> None:
    clean = await lived(made(tmp_path / "clean"), 7, bursts=3)
    broken = await lived(made(tmp_path / "broken"), 7, opener=killed_at_the_end, bursts=3, faults=random.Random(5))
    assert by_target(broken) == by_target(clean)
