"""An Argo CD watched by a running daemon, by the cluster and by its API: what it does is in the log, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.applications import Applications, helm
from tests.support.fake_argocd.server import FakeArgocd, serve_argocd
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.following import Follower, Record
from tests.support.kubeconfig import write_kubeconfig

V1, V2, V3 = (f"ghcr.io/acme/shop:v{number}" for number in (1, 2, 3))
HEAD = "data_dir: data\nlisten: 127.0.0.1:0\nlog: {format: json}\nobservers:\n  - kind: argocd\n    name: argo\n"


@dataclass
class Served:
    """An Argo CD and the way to it. ``cluster`` or ``api`` is there."""

    argo: Applications
    cluster: FakeKubernetes | None
    api: FakeArgocd | None
    folder: Path

    def config(self, more: str = "") -> Path:
        path = self.folder / "deploybridge.yaml"
        if self.cluster is not None:
            write_kubeconfig(self.folder / "kubeconfig", self.cluster.url)
            way = "    connection: {kubeconfig: ./kubeconfig}\n"
        else:
            assert self.api is not None
            (self.folder / "token").write_text("t0p-s3cret\n")
            way = f"    api: {{url: '{self.api.url}', token: {{file: ./token}}}}\n".replace("./", f"{self.folder}/")
        path.write_text(HEAD + way + more)
        return path

    async def followed(self) -> None:
        """Return once the daemon listens for changes."""
        if self.cluster is not None:
            await self.cluster.watched("applications")
        if self.api is not None:
            await self.api.streamed()

    def cut(self) -> None:
        if self.cluster is not None:
            self.cluster.cut()
        if self.api is not None:
            self.api.cut()


@pytest.fixture(params=["cluster", "api"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        cluster = api = None
        if request.param == "cluster":
            cluster = await stack.enter_async_context(serve_kubernetes())
            store = cluster.store
        else:
            api = await stack.enter_async_context(serve_argocd())
            store = api.store
        yield Served(Applications(store), cluster, api, tmp_path)


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Follower]:
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        yield Follower(http, bridge.url)


def said(record: Record) -> str:
    if record["kind"] != "observation.reported":
        return str(record["kind"])
    tags = "+".join(sorted(each["tag"] for each in record["artifacts"]))
    past = "once " if record["backfilled"] else ""
    return f"{past}{record['service']} {tags} {record['details']['phase']}".replace("  ", " ")


async def seen(log: Follower, words: str, count: int = 1) -> Record:
    found: list[Record] = []

    def wanted(record: Record) -> bool:
        if said(record) == words:
            found.append(record)
        return len(found) == count

    return await log.until(wanted)


def observations(log: Follower) -> list[str]:
    return [said(record) for record in log.records if record["kind"] == "observation.reported"]


async def test_a_deployment_is_told_from_its_beginning_to_its_end(served: Served) -> None:
    served.argo.create("shop")
    served.argo.deploy("shop", "a1", V1)
    async with running(served.config()) as log:
        baseline = await seen(log, "shop v1 live")
        assert baseline["environment"] == "production"
        assert baseline["source"] == {"kind": "argocd", "name": "argo", "revision": None, "path": None}
        await served.followed()
        served.argo.deploy("shop", "a2", V2)
        live = await seen(log, "shop v2 live")
        assert live["details"]["operation"]["revisions"] == ["a2"]
        report = await log.ready()
        details = report["observers"]["argo"]["details"]
        assert details["applications"] == 1
    assert observations(log) == ["shop v1 live", "shop v2 started", "shop v2 progressing", "shop v2 live"]
    assert "source.lost" not in [record["kind"] for record in log.records]


async def test_an_override_is_an_intent_that_succeeds_when_it_is_live(served: Served) -> None:
    served.argo.create("shop")
    served.argo.deploy("shop", "a1", V1)
    async with running(served.config()) as log:
        await seen(log, "shop v1 live")
        await served.followed()
        served.argo.set_source("shop", helm=helm(image__repository="ghcr.io/acme/shop", image__tag="v2"))
        served.argo.deploy("shop", "a1", V2)
        intent = await log.kind("intent.declared")
        assert (intent["model"], intent["source"]["kind"], intent["actor"]) == (
            "api",
            "argocd-override",
            "argocd-server",
        )
        done = await log.kind("deployment.succeeded")
        assert done["intent_id"] == intent["id"]


async def test_a_sync_that_fails_before_its_images_are_known_fails_the_intent_that_it_names(served: Served) -> None:
    served.argo.create("shop")
    served.argo.deploy("shop", "a1", V1)
    async with running(served.config()) as log:
        await seen(log, "shop v1 live")
        await served.followed()
        body = {"service": "shop", "environment": "production", "artifacts": [V2]}
        async with log.http.post(f"{log.url}/api/v1/intents", json=body) as answer:
            assert answer.status == 201, await answer.text()
        intent = await log.kind("intent.declared")
        served.argo.begin("shop", "a2", info=[{"name": "deploybridge/intent", "value": intent["id"]}])
        served.argo.finish("shop", "Error", "ComparisonError: helm template failed")
        failed = await log.kind("deployment.failed")
        assert failed["intent_id"] == intent["id"]
        assert failed["details"]["linked_by"] == "intent_id"
        report = await seen(log, "shop failed")
        assert report["details"]["reason"] == "ComparisonError: helm template failed"


async def test_the_history_is_in_the_log_once_and_a_restart_adds_nothing(served: Served) -> None:
    served.argo.create("shop")
    for revision, image in (("a1", V1), ("a2", V2), ("a3", V3)):
        served.argo.deploy("shop", revision, image)
    config = served.config()
    async with running(config) as log:
        await seen(log, "shop v3 live")
        await log.kind("target.baseline")
        await served.followed()
    told = observations(log)
    assert told == ["once shop live", "once shop live", "shop v3 live"]
    for _ in range(2):
        async with running(config) as log:
            await served.followed()
            await log.takes_observations()
            await seen(log, "other v1 live")
        assert [words for words in observations(log) if words != "other v1 live"] == told
        assert "source.lost" not in [record["kind"] for record in log.records]


async def test_what_was_deployed_while_the_bridge_was_away_is_in_the_log(served: Served) -> None:
    served.argo.create("shop")
    served.argo.deploy("shop", "a1", V1)
    config = served.config()
    async with running(config) as log:
        await seen(log, "shop v1 live")
        await served.followed()
        await log.takes_observations()
    served.argo.deploy("shop", "a2", V2)
    served.argo.deploy("shop", "a3", V3)
    async with running(config) as log:
        await seen(log, "shop v3 live")
    told = [words for words in observations(log) if "other" not in words]
    kinds = [record["kind"] for record in log.records]
    if served.cluster is not None:  # it goes on where it was
        rollout = ["started", "progressing", "live"]
        assert told == ["shop v1 live", *(f"shop {tag} {phase}" for tag in ("v2", "v3") for phase in rollout)]
        assert "source.lost" not in kinds
    else:
        assert told == ["shop v1 live", "once shop live", "shop v3 live"]
        assert kinds.count("source.lost") == kinds.count("source.returned") == 1


async def test_a_cut_connection_is_made_anew(served: Served) -> None:
    served.argo.create("shop")
    served.argo.deploy("shop", "a1", V1)
    async with running(served.config()) as log:
        await seen(log, "shop v1 live")
        await served.followed()
        served.cut()
        served.argo.deploy("shop", "a2", V2)
        await seen(log, "shop v2 live")
        served.argo.delete("shop")
        await seen(log, "shop gone")


async def test_a_refused_token_is_said_and_a_right_one_is_taken_at_once(tmp_path: Path) -> None:
    async with serve_argocd() as api:
        served = Served(Applications(api.store), None, api, tmp_path)
        served.argo.create("shop")
        served.argo.deploy("shop", "a0", V2)
        served.argo.deploy("shop", "a1", V1)
        api.tokens = {"another"}
        async with running(served.config()) as log:
            lost = await log.kind("source.lost")
            assert "the token is not accepted" in lost["details"]["reason"]
            assert "t0p-s3cret" not in str(lost)
            api.tokens = {"t0p-s3cret"}
            await log.kind("source.returned")
            await seen(log, "shop v1 live")
            assert observations(log) == ["once shop live", "shop v1 live"]
            details = (await log.ready())["observers"]["argo"]["details"]
            assert details["argocd"] == "Argo CD v3.1.4+c1467b8"
            assert any("while nobody listened" in each for each in details["cannot_tell"])


async def test_a_namespace_that_may_not_be_read_keeps_nobody_waiting_and_nothing_in_it_is_gone(tmp_path: Path) -> None:
    async with serve_kubernetes() as cluster:
        served = Served(Applications(cluster.store), cluster, None, tmp_path)
        served.argo.create("shop")
        served.argo.deploy("shop", "a1", V1)
        config = served.config("    namespaces: [argocd, teams]\n")
        async with running(config) as log:
            await seen(log, "shop v1 live")
            await served.followed()
        cluster.store.compact()
        cluster.refuse("/namespaces/argocd/", 403, times=1)
        async with running(config) as log:
            await log.kind("source.lost")
            await log.kind("source.returned")
            await log.takes_observations()
            await seen(log, "other v1 live")
        assert observations(log) == ["shop v1 live", "other v1 live"]


async def test_an_event_that_the_stream_drops_is_found_by_the_next_list_and_is_a_gap(tmp_path: Path) -> None:
    async with serve_argocd() as api:
        served = Served(Applications(api.store), None, api, tmp_path)
        served.argo.create("shop")
        served.argo.deploy("shop", "a1", V1)
        config = served.config()
        config.write_text(config.read_text().replace("/token}}", "/token}, relist_interval: 1s}"))
        async with running(config) as log:
            await seen(log, "shop v1 live")
            await api.streamed()
            api.drops = 1000
            served.argo.deploy("shop", "a2", V2)
            api.drops = 0
            served.argo.annotate("shop", note="something else that is told")
            await seen(log, "shop v2 live")


async def test_an_old_argo_cd_says_what_it_can_not_tell(tmp_path: Path) -> None:
    async with serve_kubernetes() as cluster:
        served = Served(Applications(cluster.store, images=False), cluster, None, tmp_path)
        served.argo.create("shop")
        served.argo.deploy("shop", "a1", V1)
        async with running(served.config()) as log:
            live = await seen(log, "shop v1 live")
            assert live["details"]["images_from"] == "summary"
            details = (await log.ready())["observers"]["argo"]["details"]
            assert [each.partition(":")[0] for each in details["cannot_tell"]] == [
                "which images a sync applied (since 3.1)"
            ]
            assert details["server"] == "Kubernetes v1.34.0-fake"


async def test_applications_of_other_projects_and_unmapped_ones_are_left_out_and_counted(served: Served) -> None:
    served.argo.create("shop")
    served.argo.create("cart", project="other")
    served.argo.create("search", namespace="staging")
    for name in ("shop", "cart", "search"):
        served.argo.deploy(name, "a1", V1)
    more = "    projects: [default]\n    mapping: [{namespace: production}]\n"
    async with running(served.config(more)) as log:
        await seen(log, "shop v1 live")
        unmapped = (await log.ready())["observers"]["argo"]["details"]["unmapped"]
        assert "argocd/search" in unmapped["examples"]
    assert {record["service"] for record in log.records if record["service"]} == {"shop"}
