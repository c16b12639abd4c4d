"""What proves to an API server who asks. A token may rotate under us: it is read again, at the latest when it was refused."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.clock import Clock
from bridge.errors import Stalled
from bridge.formats.configuration import SecretRef

_REREAD_AFTER = 60.0  # seconds; the kubelet rotates a service account's token when 80 of 100 parts of its life are over


class Credentials(Protocol):
    """Asked before each request."""

    async def headers(self) -> dict[str, str]:
        """The headers that sign in.

        Raises:
            Stalled: they can't be had; the text never holds a secret.
        """

    def refused(self) -> bool:
        """They were answered with 401. Whether other ones may be had now."""


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """A token, a user name with a password, or nothing (a client certificate, say)."""

    values: dict[str, str]

    async def headers(self) -> dict[str, str]:
        """Always the same."""
        return self.values

    def refused(self) -> bool:
        """There are no others."""
        return False


class TokenFile:
    """A token in a file that somebody rotates."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._secret = SecretRef(file=path)
        self._clock = clock
        self._token: str | None = None
        self._read_at = 0.0

    async def headers(self) -> dict[str, str]:
        """The token of at most a minute ago."""
        at = self._clock.monotonic()
        if self._token is None or at - self._read_at >= _REREAD_AFTER:
            self._token, self._read_at = self._secret.read().strip(), at
            if not self._token:
                raise Stalled(f"the token file {self._secret.file} is empty")
        return bearer(self._token)

    def refused(self) -> bool:
        """The file may hold a new one already."""
        self._token = None
        return True


def bearer(token: str) -> dict[str, str]:
    """The header of a token.

    Raises:
        Stalled: the text could break out of the header.
    """
    if not token.isascii() or not token.isprintable():
        raise Stalled("the token for the cluster holds characters that no token has")
    return {"Authorization": f"Bearer {token}"}


def basic(username: str, password: str) -> dict[str, str]:
    """The header of a user name and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
