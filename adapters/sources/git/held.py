"""Places that became opaque: encrypted, or filled in by a template, where a plain version stood. What they declared is held.

A place that was never plain is none of them: it declares nothing, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.sources.git.reading import FileRead, FileReader
from bridge.domain.names import Target
from bridge.formats.declarations.declaration import Declaration
from bridge.formats.declarations.rules import Inheritable


class HeldPlaces:
    """By path: the pointer of each place, and the blob in which it could be read last."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._places: dict[str, dict[str, str]] = {}
        self._reasons: dict[str, str] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._places

    def in_files(self) -> dict[str, dict[str, str]]:
        """All of them, as a cursor keeps them."""
        return {path: dict(places) for path, places in self._places.items()}

    def reason(self, path: str) -> str | None:
        """Why the first place of a file is held."""
        return self._reasons.get(path)

    def targets(self, path: str, declared: Iterable[Declaration]) -> tuple[Target, ...]:
        """Whose declarations in the file are held."""
        places = self._places.get(path, {})
        return tuple(sorted({one.target for one in declared if one.pointer in places}))

    def read(self, read: FileRead, before: Iterable[str], blob: str | None) -> FileRead:
        """The file with what it holds; ``before``: the pointers that declared something, in its version ``blob``."""
        here = {one.pointer for one in read.declarations}
        here.update(one.found.pointer for one in read.inheritable)
        missing = [pointer for pointer in dict.fromkeys(before) if pointer not in here]
        opaque = self._reader.opaque_places(read.path, read.blob, missing) if missing and read.blob else {}
        held = self._places.pop(read.path, {})
        self._reasons.pop(read.path, None)
        places = {pointer: known for pointer in opaque if (known := held.get(pointer, blob)) is not None}
        if not places:
            return read
        self._reasons[read.path] = opaque[next(iter(places))]
        return self._add(read, places)

    def restore(self, read: FileRead, places: Mapping[str, str]) -> FileRead:
        """The file with what it held where a cursor stands, as far as that is so in this version of it."""
        if read.unreadable is None and read.blob:
            opaque = self._reader.opaque_places(read.path, read.blob, places)
            places = {pointer: blob for pointer, blob in places.items() if pointer in opaque}
            if opaque:
                self._reasons[read.path] = next(iter(opaque.values()))
        return self._add(read, places) if places else read

    def _add(self, read: FileRead, places: Mapping[str, str]) -> FileRead:
        self._places[read.path] = dict(places)
        declared, inheritable = list(read.declarations), list[Inheritable](read.inheritable)
        for blob in dict.fromkeys(places.values()):
            old = self._reader.read(read.path, bytes.fromhex(blob))
            declared += [one for one in old.declarations if places.get(one.pointer) == blob]
            inheritable += [one for one in old.inheritable if places.get(one.found.pointer) == blob]
        return read._replace(declarations=tuple(declared), inheritable=tuple(inheritable))
