"""The other side of the polling contracts, byte for byte: Argo CD's ApplicationSet controller and the Flux Operator.

They send what the real ones send, and make of an answer what those make of it. Sources: argo-cd at 37ee009,
`applicationset/services/` (`plugin/plugin_service.go`, `internal/http/client.go`) and `applicationset/generators/plugin.go`;
flux-operator v0.58.1, `resourcesetinputprovider_controller.go`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

FLUX_LARGEST_BODY = 900 * 1024
FLUX_DEFAULT_LIMIT = 100


class PollError(Exception):
    """What the controller writes into its status; what it has stays as it is."""


@dataclass
class ApplicationSet:
    """One ApplicationSet with a plugin generator and ``goTemplate: true``, whose Applications are named by ``service``."""

    host: str
    port: int
    parameters: dict[str, object]
    token: str | None = None
    name: str = "web"
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)

    def request(self) -> bytes:
        """The request as the plugin service sends it."""
        asked = {"applicationSetName": self.name, "input": {"parameters": dict(sorted(self.parameters.items()))}}
        body = json.dumps(asked, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        head = (
            "POST /api/v1/getparams.execute HTTP/1.1\r\n"
            f"Host: {self.host}:{self.port}\r\n"
            "User-Agent: argocd-applicationset\r\n"
            f"Content-Length: {len(body)}\r\n"
        )
        if self.token is not None:
            head += f"Authorization: Bearer {self.token}\r\n"
        head += "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
        return head.encode() + body

    async def reconcile(self) -> None:
        """Ask, and make the Applications what the answer says: those that it does not name are deleted.

        Raises:
            PollError: with the text of the condition ``ErrorOccurred``; the Applications stay.
        """
        status, body = await exchange(self.host, self.port, self.request())
        if not 200 <= status <= 299:
            raise PollError(f"API error with status code {status}: {_message_of(body)}")
        try:
            answer = json.loads(body) if body else {}
        except ValueError as error:
            raise PollError(str(error)) from None
        generated = (answer.get("output") or {}).get("parameters") or []
        self.applications = {each["service"]: each for each in generated}


def _message_of(body: bytes) -> str:
    """Only these two members of a JSON error are shown to anybody."""
    try:
        said = json.loads(body)
    except ValueError:
        return body.decode()
    for member in ("message", "error"):
        if isinstance(said.get(member), str):
            return str(said[member])
    return ""


@dataclass
class InputProvider:
    """One ResourceSetInputProvider of type ExternalService."""

    host: str
    port: int
    path: str  # of spec.url, query included: it is asked for verbatim
    token: str | None = None
    limit: int = FLUX_DEFAULT_LIMIT
    exported: list[dict[str, Any]] = field(default_factory=list)

    def request(self) -> bytes:
        """The request as the operator sends it; it knows no ETags."""
        head = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUser-Agent: flux-operator/v0.58.1\r\n"
        head += "Accept: application/json\r\n"
        if self.token is not None:
            head += f"Authorization: Bearer {self.token}\r\n"
        return (head + "Accept-Encoding: gzip\r\n\r\n").encode()

    async def reconcile(self) -> None:
        """Ask, and export what the answer says, up to the limit; an empty list is exported too, and collects all.

        Raises:
            PollError: the reason of ``Ready=False``; what was exported stays.
        """
        status, body = await exchange(self.host, self.port, self.request())
        if not 200 <= status <= 299:
            raise PollError(f"{self.path} returned HTTP {status}")
        if len(body) > FLUX_LARGEST_BODY:
            raise PollError("the response is too large")
        inputs = json.loads(body).get("inputs")
        if inputs is None:
            raise PollError("the response has no inputs")
        ids = [each.get("id") for each in inputs]
        if not all(isinstance(each, str) and each for each in ids) or len(set(ids)) < len(ids):
            raise PollError("every input needs its own id, a string")
        self.exported = inputs[: self.limit]


async def exchange(host: str, port: int, request: bytes) -> tuple[int, bytes]:
    """Send these bytes and read one answer of a known length."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        assert "content-encoding" not in fields
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        return int(lines[0].split(" ")[1]), body
    finally:
        writer.close()
        await writer.wait_closed()
