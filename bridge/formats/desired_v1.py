"""What should run, as each kind of poller takes it: our own JSON, Argo CD's plugin generator, Flux Operator's ExternalService.

The same intents give the same bytes, so that a hash of them is an ETag. Every tag is a string, also one that looks like a number:
without ``goTemplate`` Argo CD would print a number in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bridge.domain.desired import StandingIntent
from bridge.domain.names import ImageRef
from bridge.domain.times import format_time

LARGEST_FLUX_ANSWER = 900 * 1024  # bytes; the Flux Operator takes no larger one


class DesiredTarget(msgspec.Struct):
    """One target of ``GET /desired``; every key is always there."""

    service: str
    environment: str
    intent_id: str
    artifacts: tuple[ImageRef, ...]
    declared_at: str
    actor: str | None


class TemplateArtifact(msgspec.Struct):
    """One artifact as text for templates: what is not named is empty, for a null would be printed."""

    image: str  # the whole reference, as declared
    repository: str
    tag: str
    digest: str


class TemplateParameters(msgspec.Struct):
    """One target for a template. Of a bundle, the single values are those that all its artifacts share, else empty."""

    id: str  # the service once more: the Flux Operator wants such a key, unique in the answer
    service: str
    environment: str
    intent: str
    declared_at: str
    image: str
    repository: str
    tag: str
    digest: str
    images: list[str]
    artifacts: list[TemplateArtifact]


_encode = msgspec.json.Encoder().encode


def encode_desired(intents: Sequence[StandingIntent]) -> bytes:
    """The body of ``GET /desired``."""
    targets = [
        DesiredTarget(
            service=intent.target.service,
            environment=intent.target.environment,
            intent_id=intent.intent_id,
            artifacts=intent.artifacts,
            declared_at=format_time(intent.declared_at),
            actor=intent.actor,
        )
        for intent in intents
    ]
    return _encode({"schema": "desired/1", "targets": targets})


def encode_plugin_output(intents: Sequence[StandingIntent]) -> bytes:
    """What Argo CD's ApplicationSet plugin generator takes."""
    return _encode({"output": {"parameters": [_parameters(intent) for intent in intents]}})


def encode_flux_inputs(intents: Sequence[StandingIntent]) -> bytes:
    """What the Flux Operator's ExternalService takes; the intents are of one environment."""
    return _encode({"inputs": [_parameters(intent) for intent in intents]})


def _parameters(intent: StandingIntent) -> TemplateParameters:
    artifacts = [_artifact(image) for image in intent.artifacts]
    return TemplateParameters(
        id=intent.target.service,
        service=intent.target.service,
        environment=intent.target.environment,
        intent=intent.intent_id,
        declared_at=format_time(intent.declared_at),
        image=_shared(each.image for each in artifacts),
        repository=_shared(each.repository for each in artifacts),
        tag=_shared(each.tag for each in artifacts),
        digest=_shared(each.digest for each in artifacts),
        images=[each.image for each in artifacts],
        artifacts=artifacts,
    )


def _artifact(image: ImageRef) -> TemplateArtifact:
    return TemplateArtifact(str(image), image.repository or "", image.tag or "", image.digest or "")


def _shared(texts: Iterable[str]) -> str:
    found = set(texts)
    return found.pop() if len(found) == 1 else ""
