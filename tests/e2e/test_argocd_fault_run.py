"""The same life of an Argo CD, once watched in peace and once with everything going wrong: the log must tell the same."""

from __future__ import annotations

import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.applications import Applications
from tests.support.fake_argocd.server import FakeArgocd, serve_argocd
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.following import Follower
from tests.support.kubeconfig import write_kubeconfig
from tests.support.process import all_events, daemon

SERVICES = ("shop", "cart", "search")
BURSTS = 5
HEAD = "data_dir: data\nlisten: 127.0.0.1:0\nmode: api\nlog: {format: json}\nobservers:\n  - kind: argocd\n    name: argo\n"
ENDED = {"deployment.succeeded", "deployment.superseded", "deployment.rolled_back", "target.baseline"}

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


def image(service: str, number: int) -> str:
    return f"ghcr.io/acme/{service}:v{number}"


@dataclass
class Life:
    """One run: the Argo CD, the bridge beside it, and a script that only ``seed`` decides."""

    fake: FakeKubernetes | FakeArgocd
    config: Path
    seed: int
    opener: Opener
    faults: random.Random | None = None  # None: everything goes well
    bursts: int = BURSTS
    http: aiohttp.ClientSession = field(init=False)
    _url: str = ""
    _bridge: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def live(self) -> list[dict[str, Any]]:
        """Live it, and return the log."""
        script, argo = random.Random(self.seed), Applications(self.fake.store)
        for service in SERVICES:
            argo.create(service)
            argo.deploy(service, "r0", image(service, 0))
        async with aiohttp.ClientSession() as self.http:
            try:
                await self._start()
                for service in SERVICES:
                    await self._seen(service, 0)
                for burst in range(1, self.bursts + 1):
                    service = script.choice(SERVICES)
                    await self._declare(service, burst)
                    for act in self._acts(script, argo, service, burst):
                        act()
                        await self._go_wrong()
                    await self._seen(service, burst)
                return await all_events(self.http, self._url)
            finally:
                await self._bridge.aclose()

    def _acts(self, script: random.Random, argo: Applications, service: str, burst: int) -> list[Callable[[], None]]:
        new, revision = image(service, burst), f"r{burst}"
        acts: list[Callable[[], None]] = []
        if script.random() < 0.4:
            acts.append(lambda: argo.look(service, "Healthy", sync="OutOfSync", revision=revision))
        if script.random() < 0.3:
            acts += [lambda: argo.begin(service, revision, new), lambda: argo.finish(service, "Failed", "no")]
        acts += [lambda: argo.begin(service, revision), lambda: argo.apply(service, new), lambda: argo.finish(service)]
        if script.random() < 0.4:
            acts.append(lambda: argo.look(service, "Progressing", new))
        if script.random() < 0.3:
            acts.append(lambda: argo.look(service, "Degraded", new, message="deadline"))
        acts.append(lambda: argo.look(service, "Healthy", new))
        if script.random() < 0.3:
            bystander = script.choice(SERVICES)
            acts.append(lambda: argo.annotate(bystander, burst=str(burst)))
        return acts

    async def _go_wrong(self) -> None:
        if self.faults is None:
            return
        fake = self.fake
        deeds: list[Callable[[], object]] = [lambda: None, fake.cut, fake.end, fake.repeat, self._refuse]
        fake.chunk_size = self.faults.choice([None, 1, 100, 4096])
        if isinstance(fake, FakeArgocd):
            deeds += [lambda: fake.cut(within_a_frame=True), fake.fail, fake.stall, self._drop]
        else:
            fake.gone_as_event = self.faults.random() < 0.5
            deeds += [lambda: fake.cut(within_a_line=True), fake.bookmark]
        if self.faults.random() < 0.15:
            await self._bridge.aclose()
            await self._start()
        else:
            self.faults.choice(deeds)()

    def _drop(self) -> None:
        assert isinstance(self.fake, FakeArgocd)
        self.fake.drops = 1

    def _refuse(self) -> None:
        if not self.fake.refusals:  # several in a row only make the bridge more patient
            self.fake.refuse("/applications", 503, retry_after=1)

    async def _start(self) -> None:
        self._bridge = AsyncExitStack()
        self._url = await self._bridge.enter_async_context(self.opener(self.config))

    async def _declare(self, service: str, burst: int) -> None:
        body = {"service": service, "environment": "production", "artifacts": [image(service, burst)]}
        async with self.http.post(f"{self._url}/api/v1/intents", json=body) as answer:
            assert answer.status == 201, await answer.text()

    async def _seen(self, service: str, burst: int) -> None:
        """The log has caught up with Argo CD."""
        live = {"kind": "observation.reported", "service": service, "phase": "live", "tag": f"v{burst}"}
        await Follower(self.http, self._url).until(lambda record: live.items() <= told(record).items())


def told(record: dict[str, Any]) -> dict[str, Any]:
    """What a record says, without when and where in the log."""
    tags = [each["tag"] for each in record["artifacts"]]
    said = {name: record[name] for name in ("kind", "service", "environment", "actor", "backfilled")}
    phase = record["details"].get("phase") if record["kind"] == "observation.reported" else None
    return said | {"tag": tags[0] if tags else None, "phase": phase}


def by_target(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Everything about each service, in its order."""
    return {name: [told(record) for record in records if record["service"] == name] for name in SERVICES}


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def lived(folder: Path, way: str, seed: int, *, opener: Opener = in_process, **more: Any) -> list[dict[str, Any]]:
    config = folder / "deploybridge.yaml"
    if way == "cluster":
        async with serve_kubernetes() as cluster:
            write_kubeconfig(folder / "kubeconfig", cluster.url)
            config.write_text(f"{HEAD}    connection: {{kubeconfig: ./kubeconfig, stall_after: 1s}}\n")
            return await Life(cluster, config, seed, opener, **more).live()
    async with serve_argocd() as api:
        (folder / "token").write_text("t0p-s3cret")
        said = f"url: '{api.url}', token: {{file: '{folder}/token'}}, stall_after: 1s, relist_interval: 1s"
        config.write_text(f"{HEAD}    api: {{{said}}}\n")
        return await Life(api, config, seed, opener, **more).live()


@pytest.mark.parametrize("seed", range(3))
async def test_cut_connections_refusals_repetitions_and_restarts_change_nothing_in_the_log(
    tmp_path: Path, seed: int
) -> None:
    clean = await lived(made(tmp_path / "clean"), "cluster", seed)
    broken = await lived(made(tmp_path / "broken"), "cluster", seed, faults=random.Random(seed + 100))
    assert by_target(broken) == by_target(clean)


@pytest.mark.parametrize("seed", range(2))
async def test_what_the_api_never_told_costs_details_but_no_deployment(tmp_path: Path, seed: int) -> None:
    clean = await lived(made(tmp_path / "clean"), "api", seed)
    broken = await lived(made(tmp_path / "broken"), "api", seed, faults=random.Random(seed + 200))
    for service, events in by_target(clean).items():
        outcomes = [event for event in events if event["kind"] in ENDED]
        assert [event for event in by_target(broken)[service] if event["kind"] in ENDED] == outcomes
    kinds = [record["kind"] for record in broken]
    assert kinds.count("source.lost") == kinds.count("source.returned")


@pytest.mark.parametrize("way", ["cluster", "api"])
async def test_a_killed_daemon_ends_in_the_same_conclusions(tmp_path: Path, way: str) -> None:
    clean = await lived(made(tmp_path / "clean"), way, 7, bursts=3)
    broken = await lived(made(tmp_path / "broken"), way, 7, opener=killed_at_the_end, bursts=3, faults=random.Random(5))
    for service, events in by_target(clean).items():
        outcomes = [event for event in events if event["kind"] in ENDED]
        assert [event for event in by_target(broken)[service] if event["kind"] in ENDED] == outcomes
