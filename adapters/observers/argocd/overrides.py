"""Images that are set in an Application itself: Helm parameters and kustomize images, and who set them.

Where a CD system wrote them (an app of apps, an ApplicationSet), they were declared in Git and are read from there. Where somebody
else did, by Argo CD's API, its command line or kubectl, they are declared nowhere but here: that is the API model without a commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from adapters.kubernetes_client import ManagedFields
from adapters.observers.argocd.objects import ApplicationObject, Source
from bridge.domain.names import ImageRef, bundle, make_image
from bridge.formats.declarations.argo_sources import find_in_source
from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value

# Who writes Applications on behalf of Git. Argo CD Image Updater is none of them: in its `argocd` mode nothing is committed.
_GIT_MANAGERS = frozenset(
    {
        "argocd-controller",  # an app of apps
        "argocd-applicationset-controller",
        "kustomize-controller",
        "helm-controller",
        "flux-operator",
    }
)
_TRACKED = "argocd.argoproj.io/tracking-id"  # another Application applies this one
_Anything = msgspec.Raw
_NOTHING = msgspec.Raw(b"")


@dataclass(frozen=True, slots=True)
class Override:
    """Images that somebody set. ``manager`` and ``at`` as the server wrote them; None where it does not say."""

    images: tuple[ImageRef, ...]
    manager: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class _Options:
    """What ``find_in_source`` looks at; an Application's source has no options."""

    tag: str | None = None
    image: str | None = None
    digest: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    repositories: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    charts: bool = False


class _SourceFields(msgspec.Struct):
    helm: _Anything = msgspec.field(name="f:helm", default=_NOTHING)
    kustomize: _Anything = msgspec.field(name="f:kustomize", default=_NOTHING)


class _SpecFields(msgspec.Struct):
    source: _SourceFields = msgspec.field(name="f:source", default_factory=_SourceFields)
    sources: _Anything = msgspec.field(name="f:sources", default=_NOTHING)


class _OwnedFields(msgspec.Struct):
    spec: _SpecFields = msgspec.field(name="f:spec", default_factory=_SpecFields)


_owned = msgspec.json.Decoder(_OwnedFields)


def images_of(sources: Sequence[Source]) -> tuple[ImageRef, ...]:
    """The images that these sources set by themselves."""
    found: list[ImageRef] = []
    for source in sources:
        parameters = source.helm.parameters if source.helm is not None else None
        images = source.kustomize.images if source.kustomize is not None else None
        if parameters or images:
            said = tuple((each.name, each.value) for each in parameters or ())
            found += _read(said, tuple(images or ()))
    return bundle(found)


def find_override(found: ApplicationObject) -> Override | None:
    """The images that were set in the Application, and not by way of Git; None where there are none."""
    spec = found.spec
    images = images_of([*([spec.source] if spec.source is not None else ()), *(spec.sources or ())])
    if not images:
        return None
    metadata = found.metadata
    writer = _writer(metadata.managed_fields or ())
    if writer is None:
        owned = any(each.kind == "ApplicationSet" for each in metadata.owner_references or ())
        if owned or _TRACKED in (metadata.annotations or {}):
            return None
        return Override(images)
    return None if writer.manager in _GIT_MANAGERS else Override(images, writer.manager, writer.time)


@lru_cache(maxsize=16384)  # most events of a watch change none of them
def _read(parameters: tuple[tuple[str, str], ...], images: tuple[str, ...]) -> tuple[ImageRef, ...]:
    source: dict[str, Value] = {
        "helm": {"parameters": [{"name": name, "value": value} for name, value in parameters]},
        "kustomize": {"images": list(images)},
    }
    found = []
    try:
        for each in find_in_source(source, "", _Options(), NestedText()):
            try:
                found.append(make_image(each.repository, each.tag, each.digest))
            except ValueError:
                continue  # a parameter that is called like an image and is none
    except Unreadable:
        return ()
    return bundle(found)


def _writer(entries: Sequence[ManagedFields]) -> ManagedFields | None:
    """Who wrote parameters or images of the source last; several sources are one list, owned as a whole."""
    newest: ManagedFields | None = None
    for entry in entries:
        if (
            not entry.subresource
            and _owns_images(entry)
            and (newest is None or (entry.time or "") >= (newest.time or ""))
        ):
            newest = entry
    return newest


def _owns_images(entry: ManagedFields) -> bool:
    raw = bytes(entry.fields_v1)
    if b'"f:helm"' not in raw and b'"f:kustomize"' not in raw and b'"f:sources"' not in raw:
        return False
    try:
        spec = _owned.decode(raw).spec
    except msgspec.DecodeError:
        return False
    return any(map(bytes, (spec.source.helm, spec.source.kustomize, spec.sources)))
