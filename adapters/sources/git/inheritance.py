"""Base files and their heirs through history: what a base declares is declared for whoever inherits at the same landing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.formats.declarations.declaration import Declaration
from bridge.formats.declarations.rules import Heir, Inheritable, RuleSet


class Inheritance:
    """All base files that can be read, and all files whose existence makes an heir. Tell it of a landing, then ``settle``."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._files: dict[Heir, set[str]] = {}
        self._bases: dict[str, tuple[tuple[Declaration, ...], tuple[Inheritable, ...]]] = {}
        self._changed_rules: set[int] = set()
        self._changed_bases: set[str] = set()

    def saw(self, path: str, *, exists: bool) -> None:
        """A tracked file changed, came or went."""
        for heir in self._rules.heirs_at(path):
            files = self._files.setdefault(heir, set())
            existed = bool(files)
            if exists:
                files.add(path)
            else:
                files.discard(path)
            if not files:
                del self._files[heir]
            if existed != bool(files):
                self._changed_rules.add(heir.rule)

    def put(self, path: str, direct: tuple[Declaration, ...], inheritable: tuple[Inheritable, ...]) -> None:
        """What a file declares itself, and what others inherit from it."""
        if inheritable:
            self._bases[path] = direct, inheritable
        elif self._bases.pop(path, None) is None:
            return
        self._changed_bases.add(path)

    def pointers_in(self, path: str) -> Iterator[str]:
        """The places of a base file that others inherit."""
        return (image.found.pointer for image in self._bases.get(path, ((), ()))[1])

    def settle(self) -> Iterator[tuple[str, tuple[Declaration, ...]]]:
        """The base files that declare something else since the last landing: path, and everything declared there."""
        changed, rules = self._changed_bases, self._changed_rules
        self._changed_bases, self._changed_rules = set(), set()
        if rules:
            changed |= {path for path, (_, images) in self._bases.items() if any(one.rule in rules for one in images)}
        for path in sorted(changed & self._bases.keys()):
            direct, images = self._bases[path]
            yield path, direct + self._rules.inherit(images, self._files)
