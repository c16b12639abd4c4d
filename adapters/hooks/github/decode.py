"""GitHub's ``push``: HMAC over the raw body in ``X-Hub-Signature-256``; zeros stand for a reference made or deleted.

``commits`` is cut off by GitHub and is not read at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.formats.hook_body import read_body, revision_or_none
from bridge.formats.signatures import is_signed
from bridge.ports import Hint, HookMessage, HookRequest


class _Repository(msgspec.Struct):
    clone_url: str
    ssh_url: str | None = None
    html_url: str | None = None


class _Push(msgspec.Struct):
    ref: str
    repository: _Repository
    after: str | None = None


_push = msgspec.json.Decoder(_Push)


class GithubDecoder:
    """Implements ``HookDecoder``."""

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``X-Hub-Signature-256``; the SHA-1 signature beside it is not looked at."""
        return is_signed(request.body, request.headers.get("x-hub-signature-256", ""), secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A push, a ping, or nothing."""
        event = request.headers.get("x-github-event", "")
        if event == "ping":
            return HookMessage("ping")
        if event != "push":
            return None
        push = read_body(_push, request.headers, request.body)
        addresses = (push.repository.clone_url, push.repository.ssh_url, push.repository.html_url)
        hint = Hint(tuple(each for each in addresses if each), push.ref, revision_or_none(push.after))
        return HookMessage("push", (hint,))
