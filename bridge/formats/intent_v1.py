"""The body of ``POST /intents``: typed, bounded, and turned into the fact that it declares."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, NamedTuple

import msgspec

from bridge.domain.events import derive_id
from bridge.domain.facts import IntentDeclared
from bridge.domain.names import ImageRef, Model, SourceRef, Target, parse_name
from bridge.domain.times import format_time, parse_time
from bridge.formats.json_body import END, ArtifactBody, Line, LongLine, checked, decode_body, read_artifacts

_HASH = "^[0-9a-fA-F]{7,64}" + END
_WEB_LINK = r"^https?://[^\x00-\x20\x7f-\x9f]+" + END  # pages will show it: never javascript: or data:


class Reason(StrEnum):
    """Why a pipeline declares an intent."""

    RELEASE = "release"
    HOTFIX = "hotfix"
    ROLLBACK = "rollback"
    CONFIG = "config"  # the same code with another configuration
    FLUSH = "flush"  # a new pipeline declares what already runs, to start from a known record


class CommitBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One source commit that the artifacts contain; ``committed_at`` is RFC 3339 with a zone."""

    repository: LongLine
    sha: Annotated[str, msgspec.Meta(pattern=_HASH, examples=["b939f1d93084ff7b010b01ad29102d61534b26a6"])]
    committed_at: Annotated[str, msgspec.Meta(max_length=64, examples=["2026-08-21T16:40:39Z"])] | None = None


class PipelineBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The run that declares it. ``run_id`` identifies a repetition where no Idempotency-Key is sent."""

    name: Line | None = None
    run_id: Line | None = None
    url: (
        Annotated[str, msgspec.Meta(max_length=2048, pattern=_WEB_LINK, examples=["https://ci.example.org/runs/77"])]
        | None
    ) = None


class IntentBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A deploy intent as a pipeline writes it; each artifact is a reference or its parts."""

    service: str
    environment: str
    artifacts: Annotated[list[str | ArtifactBody], msgspec.Meta(min_length=1, max_length=64)]
    commits: Annotated[list[CommitBody], msgspec.Meta(max_length=500)] | None = None
    reason: Reason | None = None
    requested_by: Line | None = None
    pipeline: PipelineBody | None = None
    labels: Annotated[dict[Line, LongLine], msgspec.Meta(max_length=64)] | None = None


class IntentRequest(NamedTuple):
    """A parsed and checked body; ``digest`` is the same for bodies that say the same."""

    target: Target
    artifacts: tuple[ImageRef, ...]
    requested_by: str | None
    run_id: str | None
    details: dict[str, object]
    digest: str

    def declare(self, *, intent_id: str | None, client: str, at: datetime) -> IntentDeclared:
        """The fact: declared by ``client`` at ``at``."""
        return IntentDeclared(
            id=intent_id,
            model=Model.API,
            target=self.target,
            artifacts=self.artifacts,
            declared_at=at,
            source=SourceRef("api", client),
            actor=self.requested_by or client,
            details={**self.details, "request_digest": self.digest},
        )

    def identity(self, *, client: str, key: str | None) -> str | None:
        """The intent's id: by the client's key, else by its pipeline run, else None (the core derives it)."""
        if key is not None:
            return derive_id("intent", "api", client, "key", key)
        if self.run_id is None:
            return None
        target, artifacts = self.target, map(str, self.artifacts)
        return derive_id("intent", "api", client, "run", target.service, target.environment, *artifacts, self.run_id)


def read_intent(body: bytes) -> IntentRequest:
    """Read the body of ``POST /intents``.

    Raises:
        Refused: it is no such body; ``field`` names the part and the text what was expected.
    """
    given = decode_body(INTENT_DECODER, body)
    target = _target(given.service, given.environment)
    artifacts = read_artifacts(given.artifacts)
    details = _details(given)
    said = (target.service, target.environment, [str(image) for image in artifacts], details)
    digest = hashlib.sha256(_ENCODER.encode(said)).hexdigest()
    return IntentRequest(
        target=target,
        artifacts=artifacts,
        requested_by=given.requested_by,
        run_id=given.pipeline.run_id if given.pipeline is not None else None,
        details=details,
        digest=digest,
    )


_ENCODER = msgspec.json.Encoder(order="deterministic")  # whatever the order of the labels
INTENT_DECODER = msgspec.json.Decoder(IntentBody)
_SERVICE = partial(parse_name, what="a service name")
_ENVIRONMENT = partial(parse_name, what="an environment name")


@lru_cache(maxsize=4096)  # pipelines declare for the same targets again and again
def _target(service: str, environment: str) -> Target:
    return Target(checked("service", _SERVICE, service), checked("environment", _ENVIRONMENT, environment))


def _details(given: IntentBody) -> dict[str, object]:
    """What else the pipeline said, JSON-ready; only what it gave."""
    details: dict[str, object] = {}
    if given.commits:
        details["commits"] = [_commit(index, commit) for index, commit in enumerate(given.commits)]
    if given.reason is not None:
        details["reason"] = given.reason.value
    if given.requested_by is not None:
        details["requested_by"] = given.requested_by
    if given.pipeline is not None:
        pipeline = given.pipeline
        said = (("name", pipeline.name), ("run_id", pipeline.run_id), ("url", pipeline.url))
        details["pipeline"] = {name: text for name, text in said if text is not None}
    if given.labels:
        details["labels"] = given.labels
    return details


def _commit(index: int, commit: CommitBody) -> dict[str, object]:
    written: dict[str, object] = {"repository": commit.repository, "sha": commit.sha.lower()}
    if commit.committed_at is not None:
        moment = checked(f"commits[{index}].committed_at", parse_time, commit.committed_at)
        written["committed_at"] = format_time(moment)
    return written
