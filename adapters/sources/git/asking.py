"""Where branches stand on a server: one small HTTP request and no thread (Git's protocol version 2, ls-refs).

Only the answer to an idle poll comes from here. Whatever is unusual (an older protocol, a refusal, a redirect, an untrusted
certificate, a missing branch) is left to the pass by libgit2, which explains it. A host that can't be reached is told here.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp

from adapters.sources.git.branch_names import HEADS
from adapters.sources.git.settings import GitSourceSettings
from bridge.errors import Unavailable
from bridge.redaction import redact

_QUESTIONS_OF_A_HOST = 4  # at a time
_SECONDS = aiohttp.ClientTimeout(
    total=60.0, sock_connect=15.0, sock_read=30.0
)  # as of a fetch; a question is answered at once
_KEEP_SECONDS = 90  # an idle connection, and a name's address; polls are usually 30 s apart
_LARGEST_ANSWER = 64 * 1024  # bytes; a prefix that matches more branches than that is left to libgit2
_LARGEST_LIST = 1024 * 1024  # bytes, where several branches are asked for; some ten thousand
_MOST_HAVES = 256  # that are named in a request; what the others share with them is sent again
_LARGEST_PACK = 4 * 1024 * 1024  # bytes; what is more is no landing or two
_HASH = 20  # bytes; repositories of SHA-256 are left to libgit2
_MOVED = frozenset({301, 302, 307, 308})
_ADVERTISEMENT = "/info/refs?service=git-upload-pack"
_VERSION = {"Git-Protocol": "version=2", "User-Agent": "git/2 deploybridge"}
_REQUEST = {
    **_VERSION,
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": "application/x-git-upload-pack-result",
}
_FAR = (aiohttp.ClientConnectionError, asyncio.TimeoutError, TimeoutError, OSError)


class Connections:
    """The connections of all sources, kept between polls; and how many questions a host is asked at once."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._authorities: dict[Path, ssl.SSLContext] = {}

    def turn(self, host: str) -> asyncio.Semaphore:
        """Whose holder may ask ``host``."""
        return self._hosts.setdefault(host, asyncio.Semaphore(_QUESTIONS_OF_A_HOST))

    async def trust(self, ca_file: Path | None) -> ssl.SSLContext | bool:
        """Which certificates are good: those of the file's authorities, or of the system's."""
        if ca_file is None:
            return True
        if ca_file not in self._authorities:
            made = await asyncio.to_thread(ssl.create_default_context, cafile=str(ca_file))
            self._authorities[ca_file] = made
        return self._authorities[ca_file]


@asynccontextmanager
async def open_connections() -> AsyncIterator[Connections]:
    """No cookies, no proxies, and no limit but that of a host."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_SECONDS, ttl_dns_cache=_KEEP_SECONDS)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=_SECONDS) as session:
        yield Connections(session)


class Question:
    """Asks about the branches of one source; of one that is not reached over http(s) nothing can be told."""

    def __init__(self, settings: GitSourceSettings, host: str, connections: Connections) -> None:
        self._settings = settings
        self._host = host
        self._connections = connections
        self._possible = settings.url.scheme in {"http", "https"}
        self._address: str | None = None  # where the server takes requests, once it said that it speaks version 2
        self._wants_password = False
        self._branches = settings.branches
        self._largest = _LARGEST_LIST if self._branches.several else _LARGEST_ANSWER
        prefix = f"ref-prefix {HEADS}{self._branches.prefix}\n".encode()
        lines = (b"command=ls-refs\n", b"agent=deploybridge\n", None, prefix)
        self._body = b"".join(b"0001" if line is None else _packet(line) for line in lines) + b"0000"

    async def tips(self) -> dict[str, bytes] | None:
        """The branches' newest commits, in order of their names; None: it can't be told here, or there is none.

        Raises:
            Unavailable: the host does not answer.
        """
        if not self._possible:
            return None
        try:
            async with self._connections.turn(self._host):
                if self._address is None:
                    await self._look_up()
                return None if self._address is None else await self._ask(self._address)
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return None
        except _FAR as error:
            text = redact(" ".join(str(error).split()))[:200] or "no answer in time"
            raise Unavailable(f"{self._settings.url} can't be reached ({text}): it is tried again") from None
        except aiohttp.ClientError:
            return None

    async def pack(self, tips: Collection[bytes], haves: Collection[bytes]) -> bytes | None:
        """What the tips have and the others have not, as one pack; None: it is much, or can't be had in this way."""
        if self._address is None or any(len(tip) != _HASH for tip in tips):
            return None
        wanted = [f"want {tip.hex()}\n".encode() for tip in tips]
        wanted += [f"have {have.hex()}\n".encode() for have in sorted(haves)[:_MOST_HAVES]]
        wanted.append(b"done\n")
        body = _packet(b"command=fetch\n") + b"0001" + b"".join(map(_packet, (b"no-progress\n", *wanted))) + b"0000"
        try:
            async with self._connections.turn(self._host):
                status, _, answer = await self._call("POST", self._address, body, largest=_LARGEST_PACK)
        except (aiohttp.ClientError, *_FAR):
            return None  # the pass fetches, and tells what is wrong
        return _unwrap(answer) if status == 200 else None  # noqa: PLR2004 - OK

    async def _look_up(self) -> None:
        """Find where requests go, and whether the server speaks version 2."""
        base = self._settings.url.address.rstrip("/")
        status, url, answer = await self._call("GET", base + _ADVERTISEMENT, None)
        if status in _MOVED and url.startswith(_origin(base)) and url.endswith(_ADVERTISEMENT):
            base = url.removesuffix(_ADVERTISEMENT)  # GitLab adds a `.git` that was left out
            status, url, answer = await self._call("GET", url, None)
        if status == 401 and self._settings.credentials.password is not None:  # noqa: PLR2004 - Unauthorized
            self._wants_password = True
            status, url, answer = await self._call("GET", base + _ADVERTISEMENT, None)
        if status != 200:  # noqa: PLR2004 - OK
            return
        lines = list(_packets(answer))
        speaks = b"version 2" in lines and any(line.startswith(b"ls-refs") for line in lines)
        self._possible = speaks and url.endswith(_ADVERTISEMENT)
        if self._possible:
            self._address = url.removesuffix(_ADVERTISEMENT) + "/git-upload-pack"

    async def _ask(self, address: str) -> dict[str, bytes] | None:
        try:
            status, _, answer = await self._call("POST", address, self._body, largest=self._largest)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):  # it was kept for too long: once more, afresh
            status, _, answer = await self._call("POST", address, self._body, largest=self._largest)
        if status != 200:  # noqa: PLR2004 - OK
            self._address = None
            return None
        return self._branches.among(_refs_in(answer)) or None

    async def _call(
        self, method: str, url: str, body: bytes | None, *, largest: int = _LARGEST_ANSWER
    ) -> tuple[int, str, bytes]:
        """Status, address (of a redirect: where it leads) and body."""
        credentials = self._settings.credentials
        headers = dict(_VERSION if body is None else _REQUEST)
        if self._wants_password and credentials.password is not None:
            secret = await asyncio.to_thread(credentials.password.read)
            signed = b64encode(f"{credentials.username or 'git'}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {signed}"
        trusted = await self._connections.trust(credentials.ca_file)
        async with self._connections.session.request(
            method,
            url,
            data=body,
            headers=headers,
            ssl=trusted,
            allow_redirects=False,
        ) as response:
            answer = bytearray()
            async for piece in response.content.iter_any():
                answer += piece
                if len(answer) > largest:
                    response.close()
                    return 413, url, b""
            moved_to = response.headers.get("Location") if response.status in _MOVED else None
            return response.status, url if moved_to is None else urljoin(url, moved_to), bytes(answer)


def _origin(address: str) -> str:
    """Scheme, host and port: nothing is sent elsewhere, credentials least of all."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/"


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _packets(data: bytes, *, strip: bool = True) -> Iterator[bytes]:
    """The contents of Git's packets, as lines without newline; what is no packet ends them."""
    at = 0
    while at + 4 <= len(data):
        try:
            size = int(data[at : at + 4], 16)
        except ValueError:
            return
        if size >= 4:  # noqa: PLR2004 - below are the marks between parts, without content
            yield data[at + 4 : at + size].removesuffix(b"\n") if strip else data[at + 4 : at + size]
        at += max(size, 4)


def _refs_in(answer: bytes) -> Mapping[str, bytes]:
    """The refs of an answer to ``ls-refs``, by name; what is no ref is left out."""
    refs: dict[str, bytes] = {}
    for line in _packets(answer):
        oid, _, name = line.partition(b" ")
        if name and (found := _object_id(oid)) is not None:
            refs[name.partition(b" ")[0].decode("utf-8", "surrogateescape")] = found
    return refs


def _unwrap(answer: bytes) -> bytes | None:
    """The pack in an answer to ``fetch``: after its heading, pieces marked 1; progress is marked 2, an error 3."""
    packets = _packets(answer, strip=False)
    if next(packets, b"") != b"packfile\n":
        return None
    pack = bytearray()
    for packet in packets:
        if packet[:1] == b"\x01":
            pack += packet[1:]
        elif packet[:1] == b"\x03":
            return None
    return bytes(pack)


def _object_id(text: bytes) -> bytes | None:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
