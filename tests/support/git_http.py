"""A Git server over HTTP: ``git http-backend`` behind aiohttp on a free port, with basic authentication if asked."""

from __future__ import annotations

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web


@asynccontextmanager
async def serve_git(
    root: Path,
    *,
    username: str | None = None,
    password: str = "",
    status: int = 0,
    tls: ssl.SSLContext | None = None,
    protocol_2: bool = True,
    seen: list[str] | None = None,
    read_only: bool = False,
    moved: tuple[str, str] | None = None,
) -> AsyncIterator[str]:
    """Serve the repositories below ``root``; ``status`` answers everything with that code. Yields the base URL.

    ``protocol_2`` False is a server of the old protocol only; ``seen`` collects the method and path of each request;
    ``read_only`` refuses every push, as a host does for a deploy key without write access;
    ``moved`` redirects paths that begin with the first part to the second.
    """
    wanted = "Basic " + b64encode(f"{username}:{password}".encode()).decode()

    async def answer(request: web.Request) -> web.StreamResponse:
        if seen is not None:
            seen.append(f"{request.method} {request.path}")
        if status:
            return web.Response(status=status)
        if moved is not None and request.path.startswith(moved[0]):
            return web.Response(status=301, headers={"Location": moved[1] + request.path_qs.removeprefix(moved[0])})
        if read_only and "receive-pack" in request.path_qs:
            return web.Response(status=403)
        if username is not None and request.headers.get("Authorization") != wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await _backend(root, request, protocol_2=protocol_2)

    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{'https' if tls else 'http'}://{host}:{port}"
    finally:
        await runner.cleanup()


async def _backend(root: Path, request: web.Request, *, protocol_2: bool) -> web.Response:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", "") if protocol_2 else "",
    }
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(await request.read())
    head, _, body = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return web.Response(status=status, headers=headers, body=body)
