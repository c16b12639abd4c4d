"""What the observer relies on from an Argo CD: the fake must keep it always, a real one when it is named.

``DEPLOYBRIDGE_E2E_ARGOCD=https://HOST`` names one, with ``DEPLOYBRIDGE_E2E_ARGOCD_TOKEN`` (and ``DEPLOYBRIDGE_E2E_ARGOCD_CA``, a
file), and ``DEPLOYBRIDGE_E2E_KUBECONFIG`` the cluster that it runs in. ``DEPLOYBRIDGE_E2E_ARGOCD_NAMESPACE``, ``…_REPO`` and
``…_PATH`` say where its Applications are and which Helm chart is deployed (default: argocd; helm-guestbook of Argo CD's examples).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_socket
import yaml

from adapters.kubernetes_client import Change, ConnectionSettings, ListWatch, open_cluster
from adapters.observers.argocd.client import open_api
from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ApiSettings, ArgocdObserverSettings
from adapters.observers.argocd.stream import ListStream
from bridge import compose
from bridge.clock import SystemClock
from bridge.daemon import open_bridge
from bridge.errors import Stalled
from bridge.formats.configuration import SecretRef
from bridge.formats.mapping import TargetMap
from tests.contracts.argocd_at_hand import IMAGE, NAMESPACE, ArgocdAtHand
from tests.support.applications import Applications
from tests.support.fake_argocd.server import FakeArgocd, serve_argocd
from tests.support.fake_kubernetes.server import serve_kubernetes
from tests.support.following import Follower
from tests.support.kubeconfig import write_kubeconfig

REAL, KUBECONFIG = os.environ.get("DEPLOYBRIDGE_E2E_ARGOCD"), os.environ.get("DEPLOYBRIDGE_E2E_KUBECONFIG")
PATIENCE = 90.0 if REAL else 20.0  # seconds for a deployment to be through; the fake's is at once
V1, V2 = "v3", "v4"  # tags that are there, although nothing is pulled
reader = ApplicationReader(ArgocdObserverSettings(kind="argocd", name="argo"), TargetMap())

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(
    params=[
        "fake",
        pytest.param(
            "real",
            marks=pytest.mark.skipif(
                REAL is None or KUBECONFIG is None,
                reason="DEPLOYBRIDGE_E2E_ARGOCD and DEPLOYBRIDGE_E2E_KUBECONFIG name no Argo CD",
            ),
        ),
    ]
)
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ArgocdAtHand]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            cluster = await stack.enter_async_context(serve_kubernetes())
            argocd = await stack.enter_async_context(serve_argocd(FakeArgocd(cluster.store)))
            kubeconfig, fake = write_kubeconfig(tmp_path / "kubeconfig", cluster.url), Applications(cluster.store)
            (tmp_path / "token").write_text("t0p-s3cret")
            settings = ApiSettings(url=argocd.url, token=SecretRef(file=tmp_path / "token"))
        else:
            assert REAL is not None
            assert KUBECONFIG is not None
            kubeconfig, fake = Path(KUBECONFIG), None
            clusters = yaml.safe_load(kubeconfig.read_text())["clusters"]
            urls = [REAL, *(each["cluster"]["server"] for each in clusters)]
            hosts = [host for url in urls if (host := urlsplit(url).hostname)]
            pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", *hosts])
            authorities = os.environ.get("DEPLOYBRIDGE_E2E_ARGOCD_CA")
            settings = ApiSettings(
                url=REAL,
                token=SecretRef(env="DEPLOYBRIDGE_E2E_ARGOCD_TOKEN"),
                ca_file=Path(authorities) if authorities else None,
            )
        clock = SystemClock()
        opened = await stack.enter_async_context(
            open_cluster(ConnectionSettings(kubeconfig=kubeconfig, exec_plugins=True), clock)
        )
        api = await stack.enter_async_context(open_api(settings, clock))
        made = ArgocdAtHand(opened, kubeconfig, api, fake)
        await made.create(V1)
        try:
            yield made
        finally:
            with contextlib.suppress(Stalled):  # the test may have done it
                await made.delete()
            if fake is None:
                await made.remove_namespace()


def watching(hand: ArgocdAtHand, way: str) -> ListWatch[Application] | ListStream:
    if way == "cluster":
        return ListWatch(hand.cluster, hand.applications, reader.describe, SystemClock())
    settings = ArgocdObserverSettings(kind="argocd", name="argo", namespaces=(NAMESPACE,), api=hand.api.settings)
    return ListStream(hand.api, settings, reader.describe, SystemClock())


async def until(hand: ArgocdAtHand, way: str, wanted: Any) -> Application:
    """The first state of the Application that is wanted."""
    async with asyncio.timeout(PATIENCE), aclosing(watching(hand, way).read(None)) as batches:
        async for batch in batches:
            for change in batch.changes:
                if change.kept.key.name == hand.name and wanted(change):
                    return change.kept
    raise AssertionError("the watch ended")


def is_live(tag: str) -> Any:
    def wanted(change: Change[Application]) -> bool:
        app = change.kept
        done = app.operation is not None and app.operation.phase == "Succeeded" and app.health == "Healthy"
        return done and app.sync == "Synced" and app.override is not None and app.override.images[0].tag == tag

    return wanted


ways = pytest.mark.parametrize("way", ["cluster", "api"])


async def test_it_says_its_version(hand: ArgocdAtHand) -> None:
    assert (await hand.api.version()).startswith("Argo CD v")


@ways
async def test_a_deployed_application_shows_what_is_read_off_it(hand: ArgocdAtHand, way: str) -> None:
    app = await until(hand, way, is_live(V1))
    assert app.uid
    assert app.version
    assert app.cascades
    assert app.destination == f"argo/{hand.name}"
    assert app.health_since is not None
    assert app.reconciled is not None
    operation = app.operation
    assert operation is not None
    assert operation.automated
    assert operation.finished is not None
    assert operation.revisions == app.compared
    assert len(operation.revisions[0]) == 40
    assert [past.id for past in app.history] == list(range(len(app.history)))
    assert app.history[-1].started == operation.started
    assert [str(image) for image in app.history[-1].images] == [f"{IMAGE}:{V1}"]
    if app.tells_images:
        assert [str(image) for image in operation.images] == [f"{IMAGE}:{V1}"]


@ways
async def test_who_sets_a_parameter_is_known(hand: ArgocdAtHand, way: str) -> None:
    await until(hand, way, is_live(V1))
    await hand.set_tag(V2)
    app = await until(hand, way, is_live(V2))
    assert app.override is not None
    if app.override.manager is not None:  # not every API tells
        assert app.override.manager == "kubectl-patch"
        assert app.override.at is not None


@ways
async def test_a_deletion_is_told(hand: ArgocdAtHand, way: str) -> None:
    async with asyncio.timeout(PATIENCE), aclosing(watching(hand, way).read(None)) as batches:
        deleted = False
        async for batch in batches:
            words = [str(change.verb) for change in batch.changes if change.kept.key.name == hand.name]
            if "DELETED" in words:
                break
            if batch.synced and not deleted:
                deleted = True
                await hand.delete()


async def test_a_wrong_token_is_refused(hand: ArgocdAtHand, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    settings = hand.api.settings.model_copy(update={"token": SecretRef(file=tmp_path / "wrong")})
    async with open_api(settings, SystemClock()) as api:
        with pytest.raises(Stalled, match="the token is not accepted"):
            await api.get("/api/v1/applications", ())


@ways
async def test_an_override_is_in_the_log_from_its_declaration_to_its_end(
    hand: ArgocdAtHand, tmp_path: Path, way: str
) -> None:
    await until(hand, way, is_live(V1))
    settings = hand.api.settings
    token = f"{{file: '{settings.token.file}'}}" if settings.token.file else f"{{env: {settings.token.env}}}"
    authorities = f", ca_file: '{settings.ca_file}'" if settings.ca_file else ""
    ways_in = {
        "cluster": f"connection: {{kubeconfig: '{hand.kubeconfig.resolve()}', exec_plugins: true}}",
        "api": f"api: {{url: '{settings.url}', token: {token}{authorities}}}",
    }
    config = tmp_path / "deploybridge.yaml"
    config.write_text(
        "data_dir: data\nlisten: 127.0.0.1:0\nmode: api\nlog: {level: error}\nobservers:\n  - kind: argocd\n    name: argo\n"
        f"    {ways_in[way]}\n    namespaces: [{NAMESPACE}]\n"
        f"    mapping: [{{name: {hand.name}, service: guestbook, environment: contract}}]\n"
    )
    async with open_bridge(compose.load(config)) as bridge, aiohttp.ClientSession() as http:
        log = Follower(http, bridge.url)
        await log.kind("target.baseline")
        await bridged(log, hand)
        await hand.set_tag(V2)
        done = await log.kind("deployment.succeeded")
        assert done["artifacts"][0]["tag"] == V2
        intents = [record for record in log.records if record["kind"] == "intent.declared"]
        assert [each["source"]["kind"] for each in intents] == ["argocd-override"] * len(intents)


async def bridged(log: Follower, hand: ArgocdAtHand) -> None:
    """The bridge runs what Argo CD runs: the first report is in the log."""
    report = await log.ready()
    assert report["observers"]["argo"]["details"]["applications"] == 1, hand.name
