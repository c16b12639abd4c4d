"""The nouns: target, image reference, model, phase, source."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from bridge.domain.values import value

_NAME = re.compile(r"[^\s/\x00-\x1f\x7f](?:[^\s\x00-\x1f\x7f]{0,251}[^\s/\x00-\x1f\x7f])?\Z")
# The grammar of distribution/reference: a host, path components, a tag, a digest.
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,128}\Z")
_LONGEST_REFERENCE = 512  # characters; OCI names stop at 255, digests at about 135


class Model(StrEnum):
    """Which of the two ways of declaring a deployment."""

    GITOPS = "gitops"  # read from the infra repository
    API = "api"  # declared by a pipeline's call

    @property
    def other(self) -> Model:
        """The model that this one is compared with."""
        return Model.API if self is Model.GITOPS else Model.GITOPS


class Phase(StrEnum):
    """How far a rollout is, as an observer reports it."""

    NOTICED = "noticed"  # the CD system has read the intent; it says nothing of what runs
    STARTED = "started"
    PROGRESSING = "progressing"
    LIVE = "live"
    FAILED = "failed"
    GONE = "gone"


def parse_name(text: str, what: str) -> str:
    """Check the name of a service or an environment: 1 to 253 printable characters without spaces.

    A slash may stand inside (``team/shop``), not at either end. ``what`` names the thing in the error.

    Raises:
        ValueError: it is not such a name.
    """
    if not _NAME.match(text):
        shown = text if len(text) <= 80 else text[:80] + "…"  # noqa: PLR2004 - enough to recognise it
        msg = f"{shown!r} is not {what}: expected 1 to 253 characters without spaces, no slash at either end"
        raise ValueError(msg)
    return text


@value(order=True)
class Target:
    """One service in one environment."""

    service: str
    environment: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.service}"


@value()
class ImageRef:
    """One OCI image reference as it was written; ``repository`` is None where only a tag is declared.

    At least one of ``tag`` and ``digest`` is there.
    """

    repository: str | None
    tag: str | None
    digest: str | None = None

    def __post_init__(self) -> None:
        if self.tag is None and self.digest is None:
            msg = f"{self.repository!r} names no version: expected a tag or a digest"
            raise ValueError(msg)

    def __str__(self) -> str:
        text = self.repository or ""
        if self.tag is not None:
            text += f":{self.tag}"
        if self.digest is not None:
            text += f"@{self.digest}"
        return text

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """A total order for bundles: by repository, tag, digest."""
        return (self.repository or "", self.tag or "", self.digest or "")

    @property
    def canonical_repository(self) -> str | None:
        """The repository with Docker Hub's defaults spelt out, for comparing; None where it is unknown."""
        if self.repository is None:
            return None
        first, slash, _ = self.repository.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            host, _, path = self.repository.partition("/")
        else:
            host, path = "docker.io", self.repository
        if host in {"docker.io", "index.docker.io", "registry-1.docker.io"}:
            host = "docker.io"
            path = path if "/" in path else f"library/{path}"
        return f"{host}/{path}"


@lru_cache(maxsize=4096)  # a fleet has few repositories, and a history names each of them very often
def _is_repository(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_REFERENCE and _REPOSITORY.match(text) is not None


def make_image(repository: str | None, tag: str | None, digest: str | None) -> ImageRef:
    """Check the three parts of an image reference and join them.

    Raises:
        ValueError: a part is malformed, or neither tag nor digest is given; the text says which and what was expected.
    """
    if repository is not None and not _is_repository(repository):
        msg = f"{repository[:80]!r} is not an image repository such as ghcr.io/acme/shop"
        raise ValueError(msg)
    if tag is not None and not _TAG.match(tag):
        msg = f"{tag[:80]!r} is not an image tag: expected up to 128 of A-Z a-z 0-9 _ . -"
        raise ValueError(msg)
    if digest is not None and not _DIGEST.match(digest):
        msg = f"{digest[:80]!r} is not a digest such as sha256:<64 hex digits>"
        raise ValueError(msg)
    return ImageRef(repository, tag, digest)


def parse_image(text: str) -> ImageRef:
    """Read ``repository:tag``, ``repository@digest``, ``repository:tag@digest`` or ``:tag`` (unknown repository).

    Raises:
        ValueError: it is no image reference, or it names neither a tag nor a digest.
    """
    if len(text) > _LONGEST_REFERENCE:
        msg = f"an image reference of {len(text)} characters is too long: at most {_LONGEST_REFERENCE}"
        raise ValueError(msg)
    name, at, digest = text.partition("@")
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        repository, tag = name[:colon], name[colon + 1 :]
    else:
        repository, tag = name, None
    if tag is None and not at:
        msg = f"{text!r} names no version: expected repository:tag, repository@digest or repository:tag@digest"
        raise ValueError(msg)
    return make_image(repository or None, tag, digest if at else None)


def bundle(artifacts: Iterable[ImageRef]) -> tuple[ImageRef, ...]:
    """A set of artifacts in its one written order, each once."""
    return tuple(sorted(dict.fromkeys(artifacts), key=lambda image: image.sort_key))


@value()
class SourceRef:
    """Where a fact came from: the kind and configured name of the source, and the place in it."""

    kind: str
    name: str
    revision: str | None = None  # a full commit hash, for Git
    path: str | None = None
