"""Calls to a bridge: what its answers and its silence mean to the caller."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import msgspec

from bridge.errors import InvariantBroken, Refused, Unavailable
from bridge.settings_tables import is_loopback

_CONNECT_LIMIT = 5.0  # seconds; a bridge is near, or something is wrong
_SILENCE_LIMIT = 60.0  # seconds; four of the bridge's heartbeats
_BUSY = frozenset({409, 429, 502, 503, 504})  # the same call may succeed later
_LONGEST_DETAIL = 2000  # characters of an answer that is shown

Params = list[tuple[str, str]]


@asynccontextmanager
async def open_session(url: str, token: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that presents the token and gives up on a silent bridge.

    The environment's proxy is used, except for a bridge on this machine: no proxy could reach that.
    """
    headers = {"User-Agent": "deploybridge-cli"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_LIMIT, sock_read=_SILENCE_LIMIT)
    proxied = not is_loopback(urlsplit(url).hostname or "")
    async with aiohttp.ClientSession(headers=headers, timeout=limits, trust_env=proxied) as session:
        yield session


@asynccontextmanager
async def call(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    params: Params | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """One call whose answer is a success.

    Raises:
        Refused: the bridge says the call must change.
        Unavailable: nobody answers, or the bridge says to try again.
        InvariantBroken: the bridge says that it failed.
    """
    try:
        async with session.request(
            method, url, params=params, data=body, headers=dict(headers or {}), allow_redirects=False
        ) as response:
            if not response.ok or response.status >= 300:  # noqa: PLR2004 - a redirection is no answer of a bridge
                raise await _failure(response, url)
            yield response
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        said = (
            f"the bridge at {_origin(url)} can't be reached: {_reason(error)}; is `deploybridge serve` running there?"
        )
        raise Unavailable(said) from None


async def read_json(response: aiohttp.ClientResponse) -> dict[str, object]:
    """The JSON object of an answer.

    Raises:
        Refused: it is none, so that the other side is no bridge.
    """
    try:
        answer = msgspec.json.decode(await response.read())
    except msgspec.DecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused(f"{_origin(str(response.url))} answered, but not as a bridge does: check the URL")
    return answer


async def _failure(response: aiohttp.ClientResponse, url: str) -> Refused | Unavailable | InvariantBroken:
    said = _detail(await response.read()) or response.reason or "no reason given"
    text = f"the bridge at {_origin(url)} answered {response.status}: {said}"
    if response.status == 401:  # noqa: PLR2004
        return Refused(f"{text} (give a token in DEPLOYBRIDGE_TOKEN or --token-file)")
    if response.status in _BUSY:
        after = response.headers.get("Retry-After", "")
        return Unavailable(text, retry_after=timedelta(seconds=int(after)) if after.isdecimal() else None)
    if response.status >= 500:  # noqa: PLR2004
        return InvariantBroken(text)
    return Refused(text)


def _detail(body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    if not isinstance(problem, dict):
        return ""
    return str(problem.get("detail") or problem.get("title") or "")[:_LONGEST_DETAIL]


def _reason(error: Exception) -> str:
    """The system's own words where it has any: libraries wrap them in names of sockets and flags."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    return (cause.strerror if isinstance(cause, OSError) else None) or str(error) or type(error).__name__


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
