"""A CDEvent to a report, a publication or an incident.

Shapes: cdevents/spec 0.4.1 (``context.version``) and 0.5.1 (``context.specversion``); what is read is the same in both. The same
occurrence sent twice has the same source, id and timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from adapters.hooks.cdevents.settings import CdeventsHookSettings
from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.linking import INTENT_LABEL
from bridge.domain.names import ImageRef, Phase, Target
from bridge.domain.side_notes import Incident, Note, Publication
from bridge.errors import Refused
from bridge.formats.cloudevents import CloudEvent, read_cloudevents
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import HookReporter, read_time
from bridge.formats.mapping import Subject, TargetMap
from bridge.formats.purl import read_image_purl
from bridge.formats.signatures import presents_secret
from bridge.ports import HookMessage, HookRequest

_TYPE = re.compile(r"dev\.cdevents\.(?P<subject>[a-z]+)\.(?P<predicate>[a-z]+)\.[0-9]+\.[0-9]+\.[0-9]+\Z")
_VERSION = re.compile(r"0\.[45]\.[0-9]+\Z")
_RUNS = frozenset({"deployed", "upgraded", "rolledback"})
_BEGINS = frozenset({"detected", "reported"})
_LONGEST_TITLE = 300  # characters


class _Context(msgspec.Struct):
    id: str
    source: str
    type: str
    timestamp: str
    version: str | None = None  # 0.4
    specversion: str | None = None  # 0.5


class _Reference(msgspec.Struct):
    id: str
    source: str | None = None


class _Content(msgspec.Struct):
    environment: _Reference | None = None
    service: _Reference | None = None
    artifactId: str | None = None  # noqa: N815 - as it is sent
    description: str | None = None


class _Subject(msgspec.Struct):
    id: str
    source: str | None = None
    content: _Content = msgspec.field(default_factory=_Content)


class _CDEvent(msgspec.Struct):
    context: _Context
    subject: _Subject
    customData: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815


class _CustomData(msgspec.Struct, rename={"intent_id": INTENT_LABEL}):
    intent_id: str | None = None
    deploybridge: msgspec.Raw = msgspec.Raw(b"")


_cdevent = msgspec.json.Decoder(_CDEvent)
_custom_data = msgspec.json.Decoder(_CustomData)


class CdeventsDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: CdeventsHookSettings) -> None:
        """``settings`` map services and environments, where the names differ."""
        self._reporter = HookReporter("cdevents", settings)
        self._mapping = TargetMap(settings.mapping)

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``Authorization``."""
        return presents_secret(request.headers, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """What the events of the request say; None where none of them concerns a bridge."""
        reports: list[ObservationReported] = []
        notes: list[Note] = []
        types: list[str] = []
        for carried in read_cloudevents(request.headers, request.body):
            said = self._read(carried)
            if said is None:
                continue
            types.append(carried.type)
            if isinstance(said, ObservationReported):
                reports.append(said)
            else:
                notes.append(said)
        return HookMessage(types[0], (), tuple(reports), tuple(notes)) if types else None

    def _read(self, carried: CloudEvent) -> ObservationReported | Note | None:
        match = _TYPE.match(carried.type)
        if match is None:
            return None  # a custom event, or no CDEvent at all
        event = read_body(_cdevent, {}, carried.data)
        _expect_consistent(carried, event.context)
        custom = _read_custom(event)
        if bytes(custom.deploybridge):
            return None  # written by a bridge, perhaps by this one: taken for a fact it would run in a circle
        at = read_time(event.context.timestamp, "context.timestamp")
        predicate = match["predicate"]
        match match["subject"]:
            case "service" if predicate in _RUNS or predicate == "removed":
                return self._report(event, predicate, custom.intent_id)
            case "artifact" if predicate == "published":
                image = _image(event.subject.id, "subject.id")
                known = image is not None and image.repository is not None
                source = self._reporter.source
                return Publication(artifact=image, published_at=at, source=source) if image and known else None
            case "incident" if predicate in _BEGINS or predicate == "resolved":
                return self._incident(event, over=predicate == "resolved")
            case _:
                return None

    def _report(self, event: _CDEvent, predicate: str, intent_id: str | None) -> ObservationReported | None:
        content = event.subject.content
        if content.environment is None:
            return None
        removed = predicate == "removed"
        image = None if removed or content.artifactId is None else _image(content.artifactId, "artifactId")
        if image is None and not removed:
            return None
        return self._reporter.report(
            _subject_of(event.subject.id, content.environment),
            Phase.GONE if removed else Phase.LIVE,
            read_time(event.context.timestamp, "context.timestamp"),
            artifacts=() if image is None else (image,),
            intent_id=intent_id,
            details={"cdevent": f"{event.context.source} {event.context.id}", "predicate": predicate},
        )

    def _incident(self, event: _CDEvent, *, over: bool) -> Incident:
        at = read_time(event.context.timestamp, "context.timestamp")
        subject, content = event.subject, event.subject.content
        target: Target | None = None
        if content.service is not None and content.environment is not None:
            target = self._mapping.target_of(_subject_of(content.service.id, content.environment))
        source = self._reporter.source
        return Incident(
            id=derive_id("incident", source.name, subject.source or event.context.source, subject.id),
            title=(content.description or subject.id)[:_LONGEST_TITLE],
            started_at=at,
            ended_at=at if over else None,
            target=target,
            source=source,
        )


def _subject_of(service: str, environment: _Reference) -> Subject:
    return Subject(kind="service", name=service, namespace=environment.id, cluster=environment.source or "")


def _image(text: str, what: str) -> ImageRef | None:
    """The image; None for an artifact of another kind."""
    try:
        return read_image_purl(text)
    except ValueError as error:
        if text.startswith(("pkg:oci/", "pkg:docker/")):
            raise Refused(f"{what}: {error}", field=what) from None
        return None


def _read_custom(event: _CDEvent) -> _CustomData:
    """``customData`` may be anything: only an object can hold what concerns a bridge."""
    try:
        return _custom_data.decode(event.customData) if bytes(event.customData) else _CustomData()
    except (msgspec.MsgspecError, RecursionError):
        return _CustomData()


def _expect_consistent(carried: CloudEvent, context: _Context) -> None:
    version = context.specversion or context.version or ""
    if not _VERSION.match(version):
        field = "specversion" if context.version is None else "version"
        msg = f"context.{field}: CDEvents of version {version[:20]!r} are not read: expected 0.4.1 or 0.5.1"
        raise Refused(msg, field=f"context.{field}")
    for name, outer, inner in (
        ("id", carried.id, context.id),
        ("source", carried.source, context.source),
        ("type", carried.type, context.type),
    ):
        if outer != inner:
            msg = f"context.{name} is {inner[:80]!r}, but the CloudEvent around it says {outer[:80]!r}"
            raise Refused(msg, field=f"context.{name}")
