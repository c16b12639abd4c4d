"""Gitea's ``push``: the hex HMAC of the raw body in ``X-Gitea-Signature``; Forgejo and Gogs say the same under their own names.

The headers that imitate GitHub are sent too, so that a Gitea hook also works as one of kind github.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.formats.hook_body import read_body, revision_or_none
from bridge.formats.signatures import is_signed
from bridge.ports import Hint, HookMessage, HookRequest

_SIGNATURES = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature", "x-hub-signature-256")
_EVENTS = ("x-gitea-event", "x-forgejo-event", "x-gogs-event")


class _Repository(msgspec.Struct):
    clone_url: str
    ssh_url: str | None = None
    html_url: str | None = None


class _Push(msgspec.Struct):
    ref: str
    repository: _Repository
    after: str | None = None


_push = msgspec.json.Decoder(_Push)


class GiteaDecoder:
    """Implements ``HookDecoder``."""

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By the first signature that is there."""
        given = next((found for name in _SIGNATURES if (found := request.headers.get(name))), "")
        return is_signed(request.body, given, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A push, or nothing; Gitea's own test sends a push."""
        event = next((found for name in _EVENTS if (found := request.headers.get(name))), "")
        if event != "push":
            return None
        push = read_body(_push, request.headers, request.body)
        addresses = (push.repository.clone_url, push.repository.ssh_url, push.repository.html_url)
        hint = Hint(tuple(each for each in addresses if each), push.ref, revision_or_none(push.after))
        return HookMessage("push", (hint,))
