"""The Argo CD API to test against: list, stream and version over real HTTP, and what goes wrong with them, on command.

After ``server/application/application.go``, ``server/broadcast/broadcaster.go`` and ``argoproj/pkg: grpc/http/forwarders.go``:
frames of ``data: {json} `` and three newlines, a comment as a beat, everything ADDED at first, nothing to go on from, and events
that are dropped without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.applications import APPLICATIONS
from tests.support.fake_kubernetes.selectors import matches
from tests.support.fake_kubernetes.store import Entry, Object, Store


@dataclass(eq=False)
class Stream:
    """One open stream."""

    fake: FakeArgocd
    projects: frozenset[str]
    selector: str
    frames: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    transport: asyncio.Transport | None = None
    stalled: bool = False

    def sees(self, obj: Object) -> bool:
        return self.fake.may_see(obj, self.projects, self.selector)

    def tell(self, verb: str, obj: Object) -> None:
        self.frames.put_nowait(frame({"result": {"type": verb, "application": obj}}))

    def see(self, entry: Entry) -> None:
        if entry.resource != APPLICATIONS or not self.sees(entry.obj):
            return
        if self.fake.drops > 0:
            self.fake.drops -= 1
            return
        self.tell(entry.verb, entry.obj)


def frame(value: Object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b" \n\n\n"


@dataclass
class FakeArgocd:
    """Write to ``store``; break things by the methods and attributes below."""

    store: Store = field(default_factory=Store)
    url: str = ""
    version: str = "v3.1.4+c1467b8"
    tokens: set[str] = field(default_factory=lambda: {"t0p-s3cret"})
    hidden: set[str] = field(default_factory=set)  # projects that the token may not see: filtered, not refused
    refusals: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)  # used up in order
    drops: int = 0  # so many of the next events are lost
    chunk_size: int | None = None
    beat_after: float = 0.3  # seconds of silence; a real one beats after 15
    streams: list[Stream] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # --- faults on command -----------------------------------------------------------------------------------------

    def refuse(self, path: str, code: int, *, times: int = 1, retry_after: int | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.refusals += [(path, code, headers)] * times

    def cut(self, *, within_a_frame: bool = False) -> int:
        """Reset the connections of streams; perhaps after half a frame. Returns how many."""
        cut = [stream for stream in self.streams if stream.transport is not None]
        for stream in cut:
            assert stream.transport is not None
            if within_a_frame:
                half = b'data: {"result":{"type":"MODIF'
                stream.transport.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
                stream.transport.close()
            else:
                stream.transport.abort()
            stream.transport = None
        return len(cut)

    def end(self) -> None:
        for stream in self.streams:
            stream.frames.put_nowait(None)

    def stall(self) -> None:
        for stream in self.streams:
            stream.stalled = True

    def fail(self, message: str = "rpc error: code = Unavailable") -> None:
        """Send the error that ends a stream."""
        for stream in self.streams:
            stream.frames.put_nowait(frame({"error": {"grpc_code": 14, "http_code": 503, "message": message}}))
            stream.frames.put_nowait(None)

    def repeat(self) -> None:
        """Tell every stream the last two writes once more, in the wrong order."""
        told = [entry for entry in self.store.history if entry.resource == APPLICATIONS and entry.verb != "DELETED"][
            -2:
        ]
        for stream in self.streams:
            for entry in reversed(told):
                if stream.sees(entry.obj):
                    stream.tell(entry.verb, entry.obj)

    async def streamed(self, count: int = 1) -> None:
        """Return once so many streams are open."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.streams) >= count)

    # --- the server ------------------------------------------------------------------------------------------------

    def may_see(self, obj: Object, projects: frozenset[str], selector: str) -> bool:
        project = obj["spec"]["project"]
        return project not in self.hidden and (not projects or project in projects) and matches(obj, selector, "")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if request.path == "/api/version":
            return web.json_response({"Version": self.version})
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return refusal(401, "no session information")
        for index, (path, code, headers) in enumerate(self.refusals):
            if path in request.path_qs:
                del self.refusals[index]
                return refusal(code, "on command", headers)
        projects, selector = frozenset(request.query.getall("projects", [])), request.query.get("selector", "")
        if request.path == "/api/v1/applications":
            found = [obj for obj in self._applications() if self.may_see(obj, projects, selector)]
            metadata = {"resourceVersion": str(self.store.revision)}
            return web.json_response({"metadata": metadata, "items": found or None})
        if request.path == "/api/v1/stream/applications":
            if request.headers.get("Accept") != "text/event-stream":
                return refusal(400, "this fake streams events only")
            return await self._stream(request, Stream(self, projects, selector))
        return refusal(404, "Not Found")

    def _applications(self) -> list[Object]:
        objects = self.store.objects.get(APPLICATIONS, {})
        return [objects[key] for key in sorted(objects, key=lambda key: (key[1], key[0]))]

    async def _stream(self, request: web.Request, stream: Stream) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        for obj in self._applications():
            if stream.sees(obj):
                stream.tell("ADDED", obj)
        self.store.listeners.append(stream.see)
        try:
            await response.prepare(request)
            stream.transport = request.transport  # type: ignore[assignment]
            async with self._changed:
                self.streams.append(stream)
                self._changed.notify_all()
            with contextlib.suppress(ConnectionError):
                while (sent := await self._next(stream)) is not None:
                    if stream.stalled:
                        continue
                    size = self.chunk_size or len(sent)
                    for start in range(0, len(sent), size):
                        await response.write(sent[start : start + size])
                await response.write_eof()
        finally:
            self.store.listeners.remove(stream.see)
            async with self._changed:
                self.streams.remove(stream)
                self._changed.notify_all()
        return response

    async def _next(self, stream: Stream) -> bytes | None:
        try:
            async with asyncio.timeout(self.beat_after):
                return await stream.frames.get()
        except TimeoutError:
            return b":\n"


def refusal(code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": message, "code": 16, "message": message}, status=code, headers=headers)


@asynccontextmanager
async def serve_argocd(fake: FakeArgocd | None = None) -> AsyncIterator[FakeArgocd]:
    """A server on a free port of loopback."""
    fake = fake or FakeArgocd()
    app = web.Application()
    app.router.add_get("/{path:.*}", fake.answer)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        fake.end()
        await runner.cleanup()
