"""Answers that are read piece by piece as they come; foreign exceptions stop here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp

from bridge.errors import Unavailable
from bridge.redaction import redact


async def read_chunks(answer: aiohttp.ClientResponse, what: str) -> AsyncIterator[bytes]:
    """Whatever has come, as it comes.

    Raises:
        Unavailable: the connection broke.
        TimeoutError: nothing came for as long as the request allows; what that means the caller knows.
    """
    chunks = answer.content.iter_any().__aiter__()
    while True:
        with as_ours(what, silence_is=None):
            try:
                chunk = await chunks.__anext__()
            except StopAsyncIteration:
                return
        yield chunk


@contextmanager
def as_ours(what: str, silence_is: type[Unavailable] | None = Unavailable) -> Iterator[None]:
    """Name in what is raised what was tried; with ``silence_is`` None a TimeoutError passes, for it has its own meaning there."""
    try:
        yield
    except TimeoutError as error:
        if silence_is is None:
            raise
        raise silence_is(f"{what}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"{what}: {redact(str(error)) or type(error).__name__}") from error
