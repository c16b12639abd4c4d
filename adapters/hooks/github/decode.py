"""GitHub's webhooks: HMAC over the raw body in ``X-Hub-Signature-256``, the event in ``X-GitHub-Event``.

Of a ``push`` the zeros stand for a reference made or deleted; ``commits`` is cut off by GitHub and is not read at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from adapters.hooks.github.deployment import read_deployment_status
from adapters.hooks.github.package import read_package
from adapters.hooks.github.settings import GithubHookSettings
from bridge.domain.names import SourceRef
from bridge.formats.hook_body import read_body, revision_or_none
from bridge.formats.hook_reports import HookReporter
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

    def __init__(self, settings: GithubHookSettings) -> None:
        """``settings`` map deployments to targets and images."""
        self._settings = settings
        self._reporter = HookReporter("github", settings)

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``X-Hub-Signature-256``; the SHA-1 signature beside it is not looked at."""
        return is_signed(request.body, request.headers.get("x-hub-signature-256", ""), secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A push, a deployment's status, a package, a ping, or nothing."""
        event = request.headers.get("x-github-event", "")
        source: SourceRef = self._reporter.source
        match event:
            case "ping":
                return HookMessage("ping")
            case "push":
                return _read_push(request)
            case "deployment_status":
                report = read_deployment_status(request, self._reporter, self._settings.image)
                return None if report is None else HookMessage(event, (), (report,))
            case "package" | "registry_package":
                note = read_package(request, source)
                return None if note is None else HookMessage(event, notes=(note,))
            case _:
                return None


def _read_push(request: HookRequest) -> HookMessage:
    push = read_body(_push, request.headers, request.body)
    addresses = (push.repository.clone_url, push.repository.ssh_url, push.repository.html_url)
    hint = Hint(tuple(each for each in addresses if each), push.ref, revision_or_none(push.after))
    return HookMessage("push", (hint,))
