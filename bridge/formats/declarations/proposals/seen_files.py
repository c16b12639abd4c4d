"""What discovery saw of one file: which format it is in, what that format found, and how often its images changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file's format, by its content. ``services``: the names that the format found, empty where it names none.

    ``options``: settings of the rule that the format needs, such as ``tags`` of the format ``keys``. ``also``: the formats
    that would find an image in it too, and must be kept away.
    """

    format: str
    templated: bool = False
    services: frozenset[str] = frozenset()
    options: Mapping[str, object] = field(default_factory=dict)
    also: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One path of the repository, at the tip or in its history. ``changes``: how often its images changed."""

    path: str
    recognised: Recognised
    changes: int = 0

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's directories and the file's name."""
        return tuple(self.path.split("/"))
