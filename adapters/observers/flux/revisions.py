"""The revisions that Flux writes, of every shape: what they name, and the commit where it is one.

``main@sha1:…``, ``refs/heads/main@sha1:…``, ``v1.0.1@sha1:…`` and ``sha1:…`` (Git), ``latest@sha256:…`` (OCI), ``main/…`` and
``6.1.8/…`` (before Flux 2.0), ``6.6.1`` and ``6.6.1+0cc9a8446c95`` (charts). Source: fluxcd/pkg git/git.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGEST = re.compile(
    r"(?:(?P<ref>.+)@)?(?P<algorithm>sha1|sha256|sha384|sha512):(?P<hex>[0-9a-f]{40,128})\Z", re.DOTALL
)
_LEGACY = re.compile(r"(?P<ref>.+)/(?P<hex>[0-9a-f]{64}|[0-9a-f]{40})\Z", re.DOTALL)
_CHART = re.compile(r"(?P<ref>[^+]+)\+(?P<hex>[0-9a-f]{12})\Z")
_SHA1 = 40  # hex digits


@dataclass(frozen=True, slots=True)
class Revision:
    """``ref`` is a branch, a tag or a chart version; ``digest`` the hex digits of the content (12 of them for OCI charts)."""

    text: str
    ref: str | None
    algorithm: str | None = None
    digest: str | None = None

    @property
    def commit(self) -> str | None:
        """The whole hash of a Git commit."""
        return self.digest if self.algorithm == "sha1" else None

    def names(self, other: Revision) -> bool:
        """Whether both are the same content: by digest, where one may be cut short; by text where there is none."""
        if self.digest is None or other.digest is None:
            return self.text == other.text
        return self.digest.startswith(other.digest) or other.digest.startswith(self.digest)


def parse_revision(text: str) -> Revision:
    """Read any revision; what has no known shape (free text of a pipeline, say) is a name without a digest."""
    if (found := _DIGEST.match(text)) is not None:
        return Revision(text, found["ref"], found["algorithm"], found["hex"])
    if (found := _LEGACY.match(text)) is not None:
        return Revision(text, found["ref"], "sha1" if len(found["hex"]) == _SHA1 else "sha256", found["hex"])
    if (found := _CHART.match(text)) is not None:
        return Revision(text, found["ref"], "sha256", found["hex"])
    return Revision(text, text)
