"""The wire to one API server: requests and streams with the right credentials; every failure leaves as one of ours."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

import aiohttp
import msgspec

from adapters.kubernetes_client.answers import as_ours, read_chunks
from adapters.kubernetes_client.failures import failure
from adapters.kubernetes_client.kubeconfig import Access, find_access
from adapters.kubernetes_client.settings import ConnectionSettings
from bridge.clock import Clock
from bridge.errors import Unavailable

_CONNECT = 15.0  # seconds
_ANSWER = 60.0  # seconds of silence while an answer is read
_JITTER = 0.2
_LARGEST_ANSWER = 512 * 1024 * 1024  # bytes
_LARGEST_REFUSAL = 64 * 1024
_CHUNK = 256 * 1024
_UNAUTHORIZED = 401
_FIRST_ERROR = 400


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


@asynccontextmanager
async def open_cluster(settings: ConnectionSettings, clock: Clock) -> AsyncIterator[Cluster]:
    """Open a session. Nothing is read or asked yet: wrong credentials are said by each request, until they are right."""
    # A watch holds a connection for as long as it lasts: no limit of the pool may make one wait for another.
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"User-Agent": f"deploybridge/{version('deploybridge')}", "Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=_CHUNK) as session:
        yield Cluster(settings, session, clock)


class Cluster:
    """One API server. ``settings`` are kept for whoever lists and watches."""

    def __init__(
        self,
        settings: ConnectionSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.chance = chance or random.Random()  # noqa: S311 - it spreads load, it guards nothing
        self._access: Access | None = None
        self._session = session
        self._clock = clock

    async def server_version(self) -> str:
        """Such as ``v1.32.4``."""
        return msgspec.json.decode(await self.get("/version", {}), type=_Version).git_version

    async def get(self, path: str, params: Mapping[str, str]) -> bytes:
        """The body of a 200.

        Raises:
            Unavailable, Gone, Rejected: there is none.
            Stalled: the kubeconfig or the service account can't be used.
        """
        return await self.request("GET", path, params)

    async def request(
        self, method: str, path: str, params: Mapping[str, str], *, body: bytes | None = None, content_type: str = ""
    ) -> bytes:
        """One whole answer; ``content_type`` is that of ``body``."""
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=self._spread(_ANSWER))
        headers = {"Content-Type": content_type} if body is not None else {}
        async with self._answer(method, path, params, timeout, headers=headers, body=body) as answer:
            with as_ours(f"{method} {path}"):
                parts: list[bytes] = []
                size = 0
                async for chunk in answer.content.iter_any():
                    parts.append(chunk)
                    size += len(chunk)
                    if size > _LARGEST_ANSWER:
                        raise Unavailable(f"{method} {path}: the answer is larger than {_LARGEST_ANSWER} bytes")
                return b"".join(parts)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of an answer that goes on; one that is silent for ``silence`` seconds ends with TimeoutError."""
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=silence)
        async with self._answer("GET", path, params, timeout) as answer:
            yield read_chunks(answer, f"GET {path}")

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, per read
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        what = f"{method} {path}"
        again = True
        while True:
            access = await self._find_access()
            signed = {**(headers or {}), **await access.credentials.headers()}
            with as_ours(what):
                answer = await self._session.request(
                    method,
                    access.server + path,
                    params=params,
                    headers=signed,
                    data=body,
                    timeout=timeout,
                    allow_redirects=False,
                    ssl=access.tls if access.tls is not None else True,
                    server_hostname=access.server_name,
                    proxy=access.proxy,
                )
            try:
                if answer.status < _FIRST_ERROR:
                    yield answer
                    return
                with as_ours(what):
                    refusal = await answer.content.read(_LARGEST_REFUSAL)
                if not (answer.status == _UNAUTHORIZED and again and access.credentials.refused()):
                    if answer.status == _UNAUTHORIZED:
                        self._access = None  # the kubeconfig may hold other credentials by the next attempt
                    raise failure(answer.status, refusal, answer.headers, what)
                again = False  # the token has rotated: once more with the new one
            finally:
                answer.close()

    async def _find_access(self) -> Access:
        if self._access is None:
            loop = asyncio.get_running_loop()
            self._access = await loop.run_in_executor(None, find_access, self.settings, self._clock)
        return self._access

    def _spread(self, seconds: float) -> float:
        return seconds * self.chance.uniform(1 - _JITTER, 1 + _JITTER)
