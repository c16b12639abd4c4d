"""``package`` and ``registry_package``: an image was pushed to GitHub's container registry.

Shape: docs.github.com, "Webhook events and payloads" (2026). ``package_url`` is the image with its tag; the digest is the version,
and stands beside the tag in ``container_metadata`` as well. A push of several tags is several events.
"""

from __future__ import annotations

import msgspec

from bridge.domain.names import SourceRef, make_image, parse_image
from bridge.domain.side_notes import Publication
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import time_or_none
from bridge.ports import HookRequest


class _Tag(msgspec.Struct):
    name: str | None = None
    digest: str | None = None


class _Metadata(msgspec.Struct):
    tag: _Tag | None = None


class _Version(msgspec.Struct):
    version: str = ""
    package_url: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    container_metadata: _Metadata | None = None


class _Package(msgspec.Struct):
    name: str
    package_type: str
    namespace: str | None = None
    package_version: _Version | None = None
    updated_at: str | None = None
    created_at: str | None = None


class _Event(msgspec.Struct):
    action: str
    package: _Package | None = None
    registry_package: _Package | None = None


_event = msgspec.json.Decoder(_Event)
_REGISTRY = "ghcr.io"


def read_package(request: HookRequest, source: SourceRef) -> Publication | None:
    """The publication; None for other packages, other actions, and images whose repository or time is not told."""
    event = read_body(_event, request.headers, request.body)
    package = event.package or event.registry_package
    if package is None or event.action not in {"published", "updated"} or package.package_type.upper() != "CONTAINER":
        return None
    version = package.package_version
    if version is None:
        return None
    tag = (version.container_metadata.tag if version.container_metadata is not None else None) or _Tag()
    told = version.created_at or version.updated_at or package.updated_at or package.created_at
    published_at = time_or_none(told, "package_version.created_at")
    repository, written_tag = _written(version.package_url, package)
    digest = tag.digest or (version.version if ":" in version.version else None)
    try:
        artifact = make_image(repository, tag.name or written_tag, digest)
    except ValueError:
        return None
    if published_at is None or artifact.repository is None:
        return None
    return Publication(artifact=artifact, published_at=published_at, source=source)


def _written(url: str | None, package: _Package) -> tuple[str | None, str | None]:
    """Repository and tag of ``package_url``; else the repository by its parts."""
    if url:
        try:
            image = parse_image(url)
        except ValueError:
            return url, None  # without a tag it is the repository
        return image.repository, image.tag
    return (f"{_REGISTRY}/{package.namespace}/{package.name}".lower() if package.namespace else None), None
