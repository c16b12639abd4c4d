"""Harbor's ``PUSH_ARTIFACT``: the publication of an artifact.

Shape: goharbor.io, "Configure Webhook Notifications", payload format Default (2.x). A push without a tag has the digest as its tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from adapters.hooks.harbor.settings import HarborHookSettings
from bridge.domain.names import SourceRef, make_image, parse_image
from bridge.domain.side_notes import Publication
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import from_epoch
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


_webhook = msgspec.json.Decoder(_Webhook)


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
        told = read_body(_webhook, request.headers, request.body)
        if told.type != "PUSH_ARTIFACT":
            return None
        notes = tuple(
            note for each in told.event_data.resources if (note := self._publication(each, told.occur_at)) is not None
        )
        return HookMessage("PUSH_ARTIFACT", notes=notes) if notes else None

    def _publication(self, resource: _Resource, occur_at: int) -> Publication | None:
        url = resource.resource_url.removeprefix("https://").removeprefix("http://")
        try:
            written = parse_image(url)
            digest = resource.digest or written.digest
            artifact = make_image(written.repository, written.tag, digest)
        except ValueError:
            return None
        return Publication(artifact=artifact, published_at=from_epoch(occur_at, "occur_at"), source=self._source)
