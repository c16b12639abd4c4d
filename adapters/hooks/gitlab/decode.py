"""GitLab's push: the secret itself in ``X-Gitlab-Token``, not a signature; so TLS is what keeps it.

``commits`` holds at most 20 and is not read at all. System hooks say ``push`` and ``repository_update`` in the body.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.formats.hook_body import read_body, revision_or_none
from bridge.formats.signatures import is_one_of
from bridge.ports import Hint, HookMessage, HookRequest


class _Project(msgspec.Struct):
    git_http_url: str
    git_ssh_url: str | None = None
    web_url: str | None = None


class _Change(msgspec.Struct):
    ref: str
    after: str | None = None


class _Push(msgspec.Struct):
    project: _Project
    event_name: str | None = None
    ref: str | None = None
    after: str | None = None
    changes: list[_Change] = []


class _SystemEvent(msgspec.Struct):
    event_name: str | None = None


_push = msgspec.json.Decoder(_Push)
_system_event = msgspec.json.Decoder(_SystemEvent)


class GitlabDecoder:
    """Implements ``HookDecoder``."""

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``X-Gitlab-Token``."""
        return is_one_of(request.headers.get("x-gitlab-token", ""), secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A push, or nothing; GitLab's own test sends a push."""
        event = request.headers.get("x-gitlab-event", "")
        if event == "System Hook":
            told = read_body(_system_event, request.headers, request.body).event_name
            if told not in {"push", "repository_update"}:
                return None
        elif event != "Push Hook":
            return None
        push = read_body(_push, request.headers, request.body)
        project = push.project
        addresses = tuple(each for each in (project.git_http_url, project.git_ssh_url, project.web_url) if each)
        changes = push.changes or [_Change(push.ref, push.after)] if push.ref else push.changes
        hints = [Hint(addresses, change.ref, revision_or_none(change.after)) for change in changes]
        return HookMessage(push.event_name or "push", tuple(hints) or (Hint(addresses),))
