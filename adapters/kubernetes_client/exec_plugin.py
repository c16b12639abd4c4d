"""Credentials from a program that the kubeconfig names (``client.authentication.k8s.io``); run only where settings allow it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from adapters.kubernetes_client.credentials import bearer
from bridge.clock import Clock
from bridge.domain.times import parse_time
from bridge.errors import Stalled, Unavailable

_LONGEST_RUN = 60.0  # seconds; a plugin may ask a cloud
_EARLY = 30.0  # seconds before its end that a credential is not used any more


class _CredentialStatus(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    expiration_timestamp: str | None = None


class _ExecCredential(msgspec.Struct):
    kind: str = ""
    status: _CredentialStatus = msgspec.field(default_factory=_CredentialStatus)


@dataclass(slots=True)
class ExecPlugin:
    """A program whose output is an ``ExecCredential`` with a token; kept until it expires or is refused."""

    command: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    api_version: str
    clock: Clock
    _token: str | None = field(default=None, init=False, repr=False)
    _good_until: float = field(default=float("inf"), init=False)

    async def headers(self) -> dict[str, str]:
        """Run the program unless its last token still holds."""
        if self._token is None or self.clock.now().timestamp() >= self._good_until:
            status = await self._run()
            if not status.token:
                more = " but a client certificate, which is not supported" if status.client_certificate_data else ""
                raise Stalled(f"the exec plugin {self.command!r} gave no token{more}")
            self._token, self._good_until = status.token, float("inf")
            if status.expiration_timestamp:
                self._good_until = parse_time(status.expiration_timestamp).timestamp() - _EARLY
        return bearer(self._token)

    def refused(self) -> bool:
        """Another run may give a better token."""
        self._token = None
        return True

    async def _run(self) -> _CredentialStatus:
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        env = {**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                self.command, *self.arguments, stdin=nothing, stdout=pipe, stderr=nothing, env=env
            )
        except OSError as error:
            raise Stalled(f"the exec plugin {self.command!r} can't be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(_LONGEST_RUN):
                output, _ = await process.communicate()
        except TimeoutError:
            raise Unavailable(f"the exec plugin {self.command!r} did not end within {_LONGEST_RUN:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise Unavailable(f"the exec plugin {self.command!r} failed with exit code {process.returncode}")
        try:
            return msgspec.json.decode(output, type=_ExecCredential).status
        except (msgspec.DecodeError, ValueError):
            raise Stalled(f"the exec plugin {self.command!r} printed no ExecCredential") from None
