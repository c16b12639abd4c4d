"""Bitbucket's pushes: ``repo:push`` from Cloud, ``repo:refs_changed`` from Data Center; both sign in ``X-Hub-Signature``.

Cloud cuts ``changes[].commits`` to five, and they are not read at all. Data Center names the repository by project and slug;
older versions give no address, so the end of the configured ``url`` decides. Its connection test is not signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bridge.formats.hook_body import read_body, revision_or_none
from bridge.formats.signatures import is_signed
from bridge.ports import Hint, HookMessage, HookRequest

_PING = "diagnostics:ping"


class _Target(msgspec.Struct):
    hash: str | None = None


class _State(msgspec.Struct):
    """A branch or tag before or after; ``type`` is ``branch`` or ``tag``."""

    type: str
    name: str
    target: _Target = msgspec.field(default_factory=_Target)


class _CloudChange(msgspec.Struct):
    new: _State | None = None
    old: _State | None = None


class _CloudPush(msgspec.Struct):
    changes: list[_CloudChange]


class _Link(msgspec.Struct):
    href: str = ""


class _CloudLinks(msgspec.Struct):
    html: _Link = msgspec.field(default_factory=_Link)


class _CloudRepository(msgspec.Struct):
    full_name: str
    links: _CloudLinks = msgspec.field(default_factory=_CloudLinks)


class _CloudBody(msgspec.Struct):
    repository: _CloudRepository
    push: _CloudPush


class _Project(msgspec.Struct):
    key: str


class _ServerLinks(msgspec.Struct):
    clone: list[_Link] = []


class _ServerRepository(msgspec.Struct):
    slug: str
    project: _Project
    links: _ServerLinks = msgspec.field(default_factory=_ServerLinks)


class _Ref(msgspec.Struct):
    id: str


class _ServerChange(msgspec.Struct, rename={"to_hash": "toHash"}):
    ref: _Ref
    to_hash: str | None = None


class _ServerBody(msgspec.Struct):
    repository: _ServerRepository
    changes: list[_ServerChange]


_cloud = msgspec.json.Decoder(_CloudBody)
_server = msgspec.json.Decoder(_ServerBody)


class BitbucketDecoder:
    """Implements ``HookDecoder``."""

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``X-Hub-Signature``; a connection test, which does nothing, needs none."""
        if request.headers.get("x-event-key") == _PING:
            return True
        return is_signed(request.body, request.headers.get("x-hub-signature", ""), secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A push of either product, a connection test, or nothing."""
        match request.headers.get("x-event-key", ""):
            case "diagnostics:ping":
                return HookMessage(_PING)
            case "repo:push":
                cloud = read_body(_cloud, request.headers, request.body)
                return HookMessage("repo:push", tuple(_cloud_hints(cloud)))
            case "repo:refs_changed":
                server = read_body(_server, request.headers, request.body)
                return HookMessage("repo:refs_changed", tuple(_server_hints(server)))
            case _:
                return None


def _cloud_hints(body: _CloudBody) -> Iterator[Hint]:
    addresses = tuple(
        dict.fromkeys((body.repository.links.html.href, f"https://bitbucket.org/{body.repository.full_name}"))
    )
    for change in body.push.changes:
        state = change.new or change.old
        if state is not None:
            folder = "refs/heads/" if state.type == "branch" else "refs/tags/"
            revision = change.new.target.hash if change.new else None
            yield Hint(tuple(each for each in addresses if each), folder + state.name, revision)


def _server_hints(body: _ServerBody) -> Iterator[Hint]:
    repository = body.repository
    addresses = tuple(link.href for link in repository.links.clone if link.href)
    for change in body.changes:
        yield Hint(
            addresses or (f"{repository.project.key}/{repository.slug}",),
            change.ref.id,
            revision_or_none(change.to_hash),
        )
