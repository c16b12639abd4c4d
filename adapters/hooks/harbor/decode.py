"""Harbor's pushes: the publication of an artifact, in either of Harbor's payload formats.

Shapes: goharbor.io, "Configure Webhook Notifications": Default (2.x), and CloudEvents (2.8 and newer), whose data is what Default
has as ``event_data``. A push without a tag has the digest as its tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from adapters.hooks.harbor.settings import HarborHookSettings
from bridge.domain.names import SourceRef, make_image, parse_image
from bridge.domain.side_notes import Publication
from bridge.errors import Refused
from bridge.formats.cloudevents import is_cloudevent, read_cloudevents
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import from_epoch, read_time
from bridge.formats.signatures import presents_secret
from bridge.ports import HookMessage, HookRequest


class _Resource(msgspec.Struct):
    resource_url: str
    digest: str | None = None
    tag: str | None = None


class _Data(msgspec.Struct):
    resources: Annotated[list[_Resource], msgspec.Meta(max_length=1000)] = []


class _Webhook(msgspec.Struct):
    type: str
    occur_at: int
    event_data: _Data = msgspec.field(default_factory=_Data)


_PUSHED, _PUSHED_AS_CLOUDEVENT = "PUSH_ARTIFACT", "harbor.artifact.pushed"

_webhook = msgspec.json.Decoder(_Webhook)
_data = msgspec.json.Decoder(_Data)


class HarborDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: HarborHookSettings) -> None:
        """Nothing in the settings changes what a push means."""
        self._source = SourceRef("harbor", f"hook:{settings.name}")

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``Authorization``."""
        return presents_secret(request.headers, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """The publications of a push; None for other events."""
        pushes = _pushes_as_cloudevents(request) if is_cloudevent(request.headers) else _pushes(request)
        notes = tuple(note for each, at in pushes if (note := self._publication(each, at)) is not None)
        return HookMessage(_PUSHED, notes=notes) if notes else None

    def _publication(self, resource: _Resource, at: datetime) -> Publication | None:
        url = resource.resource_url.removeprefix("https://").removeprefix("http://")
        try:
            written = parse_image(url)
            digest = resource.digest or written.digest
            artifact = make_image(written.repository, written.tag, digest)
        except ValueError:
            return None
        return Publication(artifact=artifact, published_at=at, source=self._source)


def _pushes(request: HookRequest) -> list[tuple[_Resource, datetime]]:
    told = read_body(_webhook, request.headers, request.body)
    if told.type != _PUSHED:
        return []
    at = from_epoch(told.occur_at, "occur_at")
    return [(each, at) for each in told.event_data.resources]


def _pushes_as_cloudevents(request: HookRequest) -> list[tuple[_Resource, datetime]]:
    found: list[tuple[_Resource, datetime]] = []
    for event in read_cloudevents(request.headers, request.body):
        if event.type != _PUSHED_AS_CLOUDEVENT:
            continue
        if event.time is None:
            raise Refused("time: missing, and a push is known by its time", field="time")
        at = read_time(event.time, "time")
        found += [(each, at) for each in read_body(_data, {}, event.data).resources]
    return found
