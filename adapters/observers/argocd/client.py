"""The wire to the Argo CD API: requests and streams with the token; every failure leaves as one of ours."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

import aiohttp
import msgspec

from adapters.kubernetes_client.answers import as_ours, read_chunks
from adapters.observers.argocd.settings import ApiSettings
from bridge.clock import Clock
from bridge.errors import Stalled, Unavailable

_CONNECT = 15.0  # seconds
_ANSWER = 60.0  # seconds of silence while an answer is read
_LARGEST_ANSWER = 512 * 1024 * 1024  # bytes
_LARGEST_REFUSAL = 64 * 1024
_CHUNK = 256 * 1024
_LONGEST_SHOWN = 300  # characters of the server's own words
_FIRST_ERROR = 400
_REFUSED = frozenset({401, 403})

Parameters = Sequence[tuple[str, str]]


class _Version(msgspec.Struct):
    version: str = msgspec.field(name="Version", default="")


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""


_version = msgspec.json.Decoder(_Version)
_refusal = msgspec.json.Decoder(_Refusal)


@asynccontextmanager
async def open_api(settings: ApiSettings, clock: Clock) -> AsyncIterator[ArgoApi]:
    """Open a session. Nothing is read or asked yet: a wrong token is said by each request, until it is right."""
    headers = {"User-Agent": f"deploybridge/{version('deploybridge')}", "Accept-Encoding": "identity"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=_CHUNK) as session:
        yield ArgoApi(settings, session, clock)


class ArgoApi:
    """One argocd-server. The token is read before each request: a rotated one is seen at the next."""

    def __init__(self, settings: ApiSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.settings = settings
        self.chance = random.Random()  # noqa: S311 - it spreads load, it guards nothing
        self.clock = clock
        self._session = session
        self._tls: ssl.SSLContext | None = None

    async def version(self) -> str:
        """Such as ``v3.1.4+abc``."""
        try:
            said = _version.decode(await self.get("/api/version", ())).version
        except msgspec.DecodeError as error:
            raise Unavailable(f"GET {self.settings.url}/api/version: this is no Argo CD: {error}") from error
        return f"Argo CD {said}"

    async def get(self, path: str, params: Parameters) -> bytes:
        """The body of a 200.

        Raises:
            Unavailable, Stalled: there is none.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=_ANSWER)
        async with self._answer(path, params, timeout, "application/json") as answer:
            with as_ours(f"GET {path}"):
                parts: list[bytes] = []
                size = 0
                async for chunk in answer.content.iter_any():
                    parts.append(chunk)
                    size += len(chunk)
                    if size > _LARGEST_ANSWER:
                        raise Unavailable(f"GET {path}: the answer is larger than {_LARGEST_ANSWER} bytes")
                return b"".join(parts)

    @asynccontextmanager
    async def stream(self, path: str, params: Parameters, *, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of an event stream; one that is silent for ``silence`` seconds ends with TimeoutError."""
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=silence)
        async with self._answer(path, params, timeout, "text/event-stream") as answer:
            yield read_chunks(answer, f"GET {path}")

    @asynccontextmanager
    async def _answer(
        self,
        path: str,
        params: Parameters,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, per read
        accept: str,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        token = self.settings.token.read().strip()
        if not token or not token.isascii() or not token.isprintable():
            raise Stalled("the token for the Argo CD API is empty or holds characters that no token has")
        headers = {"Authorization": f"Bearer {token}", "Accept": accept}
        what = f"GET {path}"
        with as_ours(what):
            answer = await self._session.get(
                self.settings.url + path,
                params=list(params),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                ssl=await self._authorities() or True,
            )
        try:
            if answer.status != 200:  # noqa: PLR2004 - a redirect leads to a login page, not to Applications
                with as_ours(what):
                    said = await answer.content.read(_LARGEST_REFUSAL)
                raise _failure(answer.status, said, answer.headers, what)
            yield answer
        finally:
            answer.close()

    async def _authorities(self) -> ssl.SSLContext | None:
        path = self.settings.ca_file
        if path is not None and self._tls is None:
            loop = asyncio.get_running_loop()
            try:
                self._tls = await loop.run_in_executor(None, lambda: ssl.create_default_context(cafile=str(path)))
            except (OSError, ssl.SSLError) as error:
                raise Stalled(f"the authorities in {path} can't be read: {error.strerror or error}") from error
        return self._tls


def _failure(status: int, body: bytes, headers: Mapping[str, str], what: str) -> Unavailable | Stalled:
    """The error for an answer that is no 200; ``what`` says what was tried."""
    try:
        said = _refusal.decode(body)
        words = said.message or said.error
    except msgspec.DecodeError:
        words = ""
    text = f"{what}: {status}" + (f": {words[:_LONGEST_SHOWN]}" if words else "")
    if status in _REFUSED:
        return Stalled(f"{text}: the token is not accepted; it must belong to an account that may `get` applications")
    if status < _FIRST_ERROR:
        return Stalled(f"{text}: a redirect; give the address that argocd-server itself is reached by")
    if status >= 500 or status in {408, 429}:  # noqa: PLR2004 - the class of server errors
        after = headers.get("Retry-After", "")
        known = after.isascii() and after.isdigit() and len(after) < 6  # noqa: PLR2004
        return Unavailable(text, retry_after=timedelta(seconds=int(after)) if known else None)
    return Stalled(text)
