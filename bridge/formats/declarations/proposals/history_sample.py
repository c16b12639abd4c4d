"""A part of a repository's history as discovery looks at it: the files at the tip, and changes of files, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileMove:
    """One landing changed one file; None: it was not there before, or is gone."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class HistorySample:
    """``landings`` in all, ``landings_read`` of them were looked at; files by path, contents by opaque blob keys.

    ``read`` gives a content, None where it is missing or larger than any declaration.
    """

    url: str
    branch: str
    revision: str
    landings: int
    landings_read: int
    tip: Mapping[str, bytes]
    moves: Sequence[FileMove]
    read: Callable[[bytes], bytes | None]
