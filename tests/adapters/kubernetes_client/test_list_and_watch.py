"""List and watch against an API server that does what real ones do when it hurts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.kubernetes_client import (
    Batch,
    ConnectionSettings,
    Described,
    ListWatch,
    Metadata,
    Rejected,
    open_cluster,
)
from bridge.clock import SystemClock
from bridge.errors import Unavailable
from tests.support.fake_kubernetes.server import FakeKubernetes, serve_kubernetes
from tests.support.kubeconfig import write_kubeconfig
from tests.support.workloads import DEPLOYMENTS, Workloads

IMAGE = "ghcr.io/acme/shop:v1"


class Named(msgspec.Struct):
    metadata: Metadata


def describe(raw: bytes | msgspec.Raw) -> Described[str]:
    found = msgspec.json.decode(raw, type=Named).metadata
    return Described((found.namespace, found.name), found.uid, found.resource_version, found.name)


class Reading:
    """Reads batches on demand, and says what they told."""

    def __init__(self, watch: ListWatch[str]) -> None:
        self.watch = watch
        self.told: list[str] = []
        self.gaps: list[str] = []
        self.version: str | None = None
        self._batches: AsyncGenerator[Batch[str], None] | None = None

    async def more(self, cursor: str | None = None) -> Batch[str]:
        if self._batches is None:
            self._batches = self.watch.read(cursor)
        try:
            async with asyncio.timeout(10):
                batch = await anext(self._batches)
        except Exception:
            self._batches = None
            raise
        self.told += [f"{change.verb} {change.kept}" for change in batch.changes]
        self.gaps += [batch.gap] if batch.gap else []
        self.version = batch.version or self.version
        return batch

    async def until(self, *told: str) -> None:
        while not set(told) <= set(self.told):
            await self.more()

    async def close(self) -> None:
        if self._batches is not None:
            await self._batches.aclose()


@pytest.fixture
async def fake() -> AsyncIterator[FakeKubernetes]:
    async with serve_kubernetes() as served:
        yield served


@asynccontextmanager
async def reading(
    fake: FakeKubernetes, tmp_path: Path, *, selectors: Any = None, **settings: Any
) -> AsyncIterator[Reading]:
    path = write_kubeconfig(tmp_path / "kubeconfig", fake.url)
    async with open_cluster(ConnectionSettings(kubeconfig=path, **settings), SystemClock()) as cluster:
        watch = ListWatch(cluster, "/apis/apps/v1/deployments", describe, SystemClock(), selectors or {})
        made = Reading(watch)
        yield made
        await made.close()


@pytest.mark.parametrize("chunk_size", [1, 7, None])
async def test_pages_then_changes_each_told_once(fake: FakeKubernetes, tmp_path: Path, chunk_size: int | None) -> None:
    fake.page_limit, fake.chunk_size = 3, chunk_size
    cluster = Workloads(fake.store)
    for number in range(10):
        cluster.create(f"shop{number}", IMAGE)
    async with reading(fake, tmp_path) as read:
        while not (await read.more()).synced:
            pass
        assert read.told == [f"ADDED shop{number}" for number in range(10)]
        await read.more()
        cluster.edit("shop3", replicas=5)
        cluster.delete("shop4")
        await read.until("MODIFIED shop3", "DELETED shop4")
        fake.repeat()
        fake.bookmark()
        while read.version != str(fake.store.revision):
            await read.more()
        assert len(read.told) == 12
        assert sum("limit=" in request for request in fake.requests) == 4


async def test_an_expired_continue_token_starts_the_list_again(fake: FakeKubernetes, tmp_path: Path) -> None:
    fake.page_limit = 1
    cluster = Workloads(fake.store)
    for name in ("a", "b"):
        cluster.create(name, IMAGE)
    async with reading(fake, tmp_path) as read:
        await read.more()
        cluster.delete("a")
        fake.store.compact()
        with pytest.raises(Unavailable, match="410 Expired"):
            await read.more()
        await read.until("ADDED b", "DELETED a")
        assert read.told == ["ADDED a", "ADDED b", "DELETED a"]
        assert read.gaps == [], "nothing was told whole before: nothing follows on it"


@pytest.mark.parametrize("as_event", [True, False])
async def test_a_forgotten_version_is_a_gap_and_the_difference_is_told(
    fake: FakeKubernetes, tmp_path: Path, *, as_event: bool
) -> None:
    fake.gone_as_event = as_event
    cluster = Workloads(fake.store)
    for name in ("a", "b", "c"):
        cluster.create(name, IMAGE)
    async with reading(fake, tmp_path) as read:
        await read.until("ADDED a")
        await read.more()
        fake.stall()
        cluster.delete("a")
        cluster.edit("b", replicas=5)
        cluster.create("d", IMAGE)
        cluster.delete("c")
        cluster.create("c", IMAGE)
        fake.store.compact()
        fake.cut()
        with pytest.raises(Unavailable):
            await read.more()
        await read.until("DELETED a", "MODIFIED b", "ADDED d")
        assert read.told[3:] == ["MODIFIED b", "DELETED c", "ADDED c", "ADDED d", "DELETED a"]
        assert len(read.gaps) == 1
        assert "too old resource version" in read.gaps[0]


async def test_a_forgotten_version_is_no_gap_where_nothing_changed(fake: FakeKubernetes, tmp_path: Path) -> None:
    """An API server that was restarted knows nothing from before, and mostly there was nothing."""
    cluster = Workloads(fake.store)
    cluster.create("a", IMAGE)
    async with reading(fake, tmp_path) as read:
        await read.until("ADDED a")
        await read.more()
        fake.store.compact()
        fake.end()
        with pytest.raises(Unavailable, match="ended a watch at once"):
            await read.more()
        while read.version != str(fake.store.revision):
            await read.more()
        await read.more()
        cluster.create("b", IMAGE)
        await read.until("ADDED b")
        assert (read.told, read.gaps) == (["ADDED a", "ADDED b"], [])


async def test_an_ended_watch_goes_on_by_itself_and_a_silent_one_is_made_anew(
    fake: FakeKubernetes, tmp_path: Path
) -> None:
    cluster = Workloads(fake.store)
    cluster.create("a", IMAGE)
    async with reading(fake, tmp_path, stall_after=timedelta(seconds=1)) as read:
        await read.until("ADDED a")
        await read.more()
        cluster.edit("a", replicas=5)
        await read.until("MODIFIED a")
        fake.end()
        await read.more()
        cluster.create("b", IMAGE)
        await read.until("ADDED b")
        fake.stall()
        cluster.create("c", IMAGE)
        await read.until("ADDED c")
        assert read.gaps == []


async def test_after_a_restart_everything_since_the_cursor_is_told(fake: FakeKubernetes, tmp_path: Path) -> None:
    cluster = Workloads(fake.store)
    cluster.create("a", IMAGE)
    async with reading(fake, tmp_path) as read:
        await read.until("ADDED a")
        cursor = read.version
    cluster.create("b", IMAGE)
    cluster.delete("b")
    async with reading(fake, tmp_path) as read:
        await read.more(cursor)
        await read.until("ADDED b", "DELETED b")
        assert read.told == ["ADDED a", "ADDED b", "DELETED b"]
        assert read.gaps == []
    fake.store.compact()
    async with reading(fake, tmp_path) as read:
        await read.more(cursor)
        assert read.told == ["ADDED a"]
        assert len(read.gaps) == 1


async def test_a_cluster_restored_from_a_backup_is_a_gap_at_a_restart_and_while_it_is_watched(
    fake: FakeKubernetes, tmp_path: Path
) -> None:
    cluster = Workloads(fake.store)
    cluster.create("a", IMAGE)
    async with reading(fake, tmp_path, stall_after=timedelta(seconds=1)) as read:
        await read.more("999999")
        assert (read.told, len(read.gaps)) == (["ADDED a"], 1)
        await read.more()
        cluster.edit("a", replicas=5)
        await read.until("MODIFIED a")
        fake.store.go_back(10)
        cluster.create("b", IMAGE)
        fake.cut()
        with pytest.raises(Unavailable):
            await read.more()
        await read.until("ADDED b")
        assert "went back from version" in read.gaps[1]


async def test_selectors_are_the_servers_work(fake: FakeKubernetes, tmp_path: Path) -> None:
    cluster = Workloads(fake.store)
    cluster.create("a", IMAGE, labels={"team": "red"})
    cluster.create("b", IMAGE, labels={"team": "blue"})
    async with reading(fake, tmp_path, selectors={"labelSelector": "team=red"}) as read:
        await read.until("ADDED a")
        await read.more()
        cluster.label("b", team="red")
        cluster.label("a", team="blue")
        await read.until("ADDED b", "DELETED a")
        assert read.told == ["ADDED a", "ADDED b", "DELETED a"]


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (429, Unavailable, "429 TooManyRequests"),
        (503, Unavailable, "503 ServiceUnavailable"),
        (401, Rejected, "the credentials are not accepted"),
        (403, Rejected, "allow get, list and watch"),
        (404, Rejected, "does not serve this kind"),
    ],
)
async def test_a_refusal_says_what_happens_next(
    fake: FakeKubernetes, tmp_path: Path, code: int, error: type[Exception], said: str
) -> None:
    fake.refuse("/deployments", code, retry_after=7 if code == 429 else None)
    async with reading(fake, tmp_path) as read:
        with pytest.raises(error, match=said) as caught:
            await read.more()
        assert "t0p-s3cret" not in str(caught.value)
        if code == 429:
            assert isinstance(caught.value, Unavailable)
            assert caught.value.retry_after == timedelta(seconds=7)
        await read.more()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with serve_kubernetes() as fake:
        url = fake.url
    fake.url = url
    async with reading(fake, tmp_path) as read:
        with pytest.raises(Unavailable, match="GET /apis/apps/v1/deployments"):
            await read.more()


async def test_an_answer_that_is_no_list_is_unavailable(fake: FakeKubernetes, tmp_path: Path) -> None:
    fake.store.create(DEPLOYMENTS, {"metadata": {"name": "odd", "namespace": "x", "labels": {"a": 1}}})
    async with reading(fake, tmp_path) as read:
        with pytest.raises(Unavailable, match=r"labels"):
            await read.more()


async def test_tls_is_verified_against_the_kubeconfigs_authority(tmp_path: Path) -> None:
    from tests.support.certificates import make_certificate  # noqa: PLC0415 - skips without openssl

    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serve_kubernetes(tls=context) as fake:
        Workloads(fake.store).create("a", IMAGE)
        path = write_kubeconfig(tmp_path / "kubeconfig", fake.url, cluster={"certificate-authority": "certificate.pem"})
        async with open_cluster(ConnectionSettings(kubeconfig=path), SystemClock()) as cluster:
            assert await cluster.server_version() == "v1.34.0-fake"
        write_kubeconfig(path, fake.url)
        async with open_cluster(ConnectionSettings(kubeconfig=path), SystemClock()) as cluster:
            with pytest.raises(Unavailable, match="certificate"):
                await cluster.server_version()
