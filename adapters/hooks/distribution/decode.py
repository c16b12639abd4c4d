"""The envelope of a Distribution registry: a push of a manifest is the publication of an artifact.

Shape: distribution.github.io, "Work with notifications" (``application/vnd.docker.distribution.events.v2+json``). Layers are pushed
too, and pulls are told as well; the order of deliveries is not guaranteed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from adapters.hooks.distribution.settings import DistributionHookSettings
from bridge.domain.names import SourceRef, make_image
from bridge.domain.side_notes import Publication
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import read_time
from bridge.formats.signatures import presents_secret
from bridge.ports import HookMessage, HookRequest

_MANIFESTS = ("manifest", "image.index")  # a part of every media type of a manifest or an index of them


class _Target(msgspec.Struct):
    mediaType: str = ""  # noqa: N815 - as it is sent
    digest: str | None = None
    repository: str | None = None
    tag: str | None = None


class _Request(msgspec.Struct):
    host: str | None = None


class _Event(msgspec.Struct):
    action: str
    timestamp: str | None = None
    target: _Target = msgspec.field(default_factory=_Target)
    request: _Request | None = None


class _Envelope(msgspec.Struct):
    events: Annotated[list[_Event], msgspec.Meta(max_length=1000)]


_envelope = msgspec.json.Decoder(_Envelope)


class DistributionDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: DistributionHookSettings) -> None:
        """``settings`` may name the registry."""
        self._registry = settings.registry
        self._source = SourceRef("distribution", f"hook:{settings.name}")

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``Authorization``."""
        return presents_secret(request.headers, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """The publications among the events; None where there is none."""
        envelope = read_body(_envelope, request.headers, request.body)
        notes = tuple(note for event in envelope.events if (note := self._publication(event)) is not None)
        return HookMessage("push", notes=notes) if notes else None

    def _publication(self, event: _Event) -> Publication | None:
        target = event.target
        host = self._registry or (event.request.host if event.request is not None else None)
        is_manifest = any(word in target.mediaType for word in _MANIFESTS)
        if event.action != "push" or not is_manifest or not target.repository or not host or not event.timestamp:
            return None
        try:
            artifact = make_image(f"{host}/{target.repository}", target.tag or None, target.digest or None)
        except ValueError:
            return None
        at = read_time(event.timestamp, "events.timestamp")
        return Publication(artifact=artifact, published_at=at, source=self._source)
