"""The body of ``POST /observations``: what anything that deploys reports, turned into a fact."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec

from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, SourceRef, Target, parse_name
from bridge.domain.times import format_time, parse_time
from bridge.errors import Refused
from bridge.formats.json_body import ArtifactBody, Line, checked, decode_body, read_artifacts


class ObservationBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A report of what a target runs; ``artifacts`` may be left out or empty only for the phase ``gone``."""

    service: str
    environment: str
    artifacts: Annotated[list[str | ArtifactBody], msgspec.Meta(max_length=64)] = msgspec.field(default_factory=list)
    phase: Phase = Phase.LIVE
    source_time: Annotated[str, msgspec.Meta(max_length=64, examples=["2026-08-21T16:44:02Z"])] | None = None
    observer: Line | None = None
    actor: Line | None = None


@dataclass(frozen=True, slots=True)
class ObservationRequest:
    """A parsed and checked report; ``digest`` is the same for reports that say the same."""

    target: Target
    artifacts: tuple[ImageRef, ...]
    phase: Phase
    source_time: datetime | None
    observer: str | None
    actor: str | None
    digest: str = field(repr=False)

    def report(self, *, client: str, key: str | None) -> ObservationReported:
        """The fact; its identity is the client's ``key``, else the core derives it from what is new in it."""
        return ObservationReported(
            id=None if key is None else derive_id("observation", "http", client, key),
            target=self.target,
            artifacts=self.artifacts,
            phase=self.phase,
            source=SourceRef("http", self.observer or client),
            source_time=self.source_time,
            actor=self.actor,
            details={} if key is None else {"request_digest": self.digest},
        )


def read_observation(body: bytes) -> ObservationRequest:
    """Read the body of ``POST /observations``.

    Raises:
        Refused: it is no such body; ``field`` names the part and the text what was expected.
    """
    given = decode_body(OBSERVATION_DECODER, body)
    service = checked("service", _SERVICE, given.service)
    environment = checked("environment", _ENVIRONMENT, given.environment)
    artifacts = read_artifacts(given.artifacts)
    if not artifacts and given.phase is not Phase.GONE:
        msg = f"artifacts: expected at least one with the phase {given.phase.value}; only `gone` may name none"
        raise Refused(msg, field="artifacts")
    source_time = None if given.source_time is None else checked("source_time", parse_time, given.source_time)
    said = (service, environment, [str(image) for image in artifacts], given.phase, given.observer, given.actor)
    written = (*said, None if source_time is None else format_time(source_time))
    return ObservationRequest(
        target=Target(service, environment),
        artifacts=artifacts,
        phase=given.phase,
        source_time=source_time,
        observer=given.observer,
        actor=given.actor,
        digest=hashlib.sha256(msgspec.json.encode(written)).hexdigest(),
    )


OBSERVATION_DECODER = msgspec.json.Decoder(ObservationBody)
_SERVICE = partial(parse_name, what="a service name")
_ENVIRONMENT = partial(parse_name, what="an environment name")
