"""When Flux noticed a revision, and who wrote it.

Read are sources (GitRepository, OCIRepository, Bucket, HelmChart) and ImageUpdateAutomations. A source tells only of its newest
artifact; what it held before the bridge looked is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from adapters.kubernetes_client import Change, Described, Verb
from adapters.observers.flux.objects import AutomationObject, SourceObject
from adapters.observers.flux.reconciled import FluxKey
from adapters.observers.flux.revisions import Revision, parse_revision
from adapters.observers.flux.standing import read_time

_KEPT = 20  # revisions of one source, and pushes: a rollout is behind by a few at most
_ORIGIN = "org.opencontainers.image."


@dataclass(frozen=True, slots=True)
class Source:
    """What is kept of one source."""

    key: FluxKey
    revision: str | None
    updated: str | None  # when the artifact appeared, as the API wrote it
    origin: tuple[tuple[str, str], ...] = ()  # revision, source and created of an OCI artifact


@dataclass(frozen=True, slots=True)
class Push:
    """The last push of an ImageUpdateAutomation."""

    key: FluxKey
    commit: str | None
    at: str | None


class SourceReader:
    """Decodes the sources of one kind."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(SourceObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Source]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is no source.
        """
        found = self._decoder.decode(raw)
        metadata, artifact = found.metadata, found.status.artifact
        key = FluxKey(self._kind, metadata.namespace, metadata.name)
        if artifact is None:
            kept = Source(key, None, None)
        else:
            said = artifact.metadata or {}
            origin = tuple(
                (word, said[_ORIGIN + word][:200])
                for word in ("revision", "source", "created")
                if _ORIGIN + word in said
            )
            kept = Source(key, artifact.revision, artifact.last_update_time, origin)
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


class AutomationReader:
    """Decodes ImageUpdateAutomations."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(AutomationObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Push]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is none.
        """
        found = self._decoder.decode(raw)
        metadata, status = found.metadata, found.status
        key = FluxKey("ImageUpdateAutomation", metadata.namespace, metadata.name)
        kept = Push(key, status.last_push_commit, status.last_push_time)
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


@dataclass(slots=True)
class Noticed:
    """What is remembered of sources and pushes; bounded."""

    _sources: dict[FluxKey, dict[str, Source]] = field(default_factory=dict)
    _pushes: dict[str, Push] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change[Source]]) -> list[object]:
        """Take changes of sources in; they are no news by themselves."""
        for change in changes:
            source = change.kept
            if change.verb is Verb.DELETED:
                self._sources.pop(source.key, None)
            elif source.revision is not None:
                known = self._sources.setdefault(source.key, {})
                # A revision that comes back (a branch that was reset) was noticed anew.
                if next(reversed(known), None) != source.revision:
                    known.pop(source.revision, None)
                    known[source.revision] = source
                while len(known) > _KEPT:
                    del known[next(iter(known))]
        return []

    def apply_pushes(self, changes: Iterable[Change[Push]]) -> list[object]:
        """Take changes of automations in."""
        for change in changes:
            if change.verb is not Verb.DELETED and change.kept.commit:
                self._pushes[change.kept.commit] = change.kept
                while len(self._pushes) > _KEPT:
                    del self._pushes[next(iter(self._pushes))]
        return []

    def tell(self, source: FluxKey | None, revision: str | None) -> dict[str, object]:
        """What is known of how Flux came to know a revision, for an event."""
        if revision is None:
            return {}
        wanted = parse_revision(revision)
        details: dict[str, object] = {} if source is None else {"source": str(source)}
        artifact = self._find(source, wanted)
        if artifact is not None and artifact.origin:
            details["origin"] = dict(artifact.origin)
        push = self._pushes.get(wanted.commit) if wanted.commit is not None else None
        if push is not None:
            details["pushed_by"], details["pushed_at"] = str(push.key), push.at
        return details

    def noticed_at(self, source: FluxKey | None, revision: str | None) -> datetime | None:
        """When the revision appeared in its source."""
        found = self._find(source, parse_revision(revision)) if revision is not None else None
        return None if found is None else read_time(found.updated)

    def _find(self, source: FluxKey | None, wanted: Revision) -> Source | None:
        known = self._sources.get(source, {}) if source is not None else {}
        return next((each for text, each in known.items() if parse_revision(text).names(wanted)), None)
