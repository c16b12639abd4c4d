"""The rule language: which files of an infra repository declare which images for which targets.

``RuleSet`` answers for every changed path of a long history, so its answers by path are cached and its rules compiled once.
A file whose rule says ``inherited_by`` declares nothing by itself: ``read_base`` gives what it would pass on, and ``inherit``
what an heir gets of that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.found import Found
from bridge.formats.declarations.opaque_places import opaque_places
from bridge.formats.declarations.rule import Rule
from bridge.formats.declarations.rule_settings import RuleSettings
from bridge.formats.declarations.yaml_text import Value, read_documents, read_text

__all__ = ["Heir", "Inheritable", "RuleSet", "RuleSettings"]

_REMEMBERED_PATHS = 65_536  # answers kept; a repository has fewer files, its history not many more
_Way: TypeAlias = tuple[bool, bool]  # of reading a file: as text instead of documents; with Go templates blanked out
_Matching: TypeAlias = tuple[tuple[int, Mapping[str, str], _Way], ...]
_Contents: TypeAlias = dict[_Way, "list[Value] | str"]
Words: TypeAlias = tuple[tuple[str, str], ...]  # captured, in order of the words


@dataclass(frozen=True, slots=True)
class Inheritable:
    """An image in a base file: declared for nobody until there is an heir. ``rule``: the index of its rule."""

    rule: int
    path: str
    captures: Mapping[str, str]
    found: Found


@dataclass(frozen=True, slots=True, order=True)
class Heir:
    """Something that inherits by the rule of that index: the words captured from the path of its file."""

    rule: int
    words: Words


class RuleSet:
    """All rules of one source, in the order of the configuration. ``branch`` and the ``words`` it captures: for names."""

    def __init__(
        self, rules: Sequence[RuleSettings], branch: str | None = None, words: Mapping[str, str] | None = None
    ) -> None:
        inherits = any(settings.heirs for settings in rules)
        self._rules = tuple(Rule(settings, branch, words or {}, inherits=inherits) for settings in rules)
        written = [settings.model_dump(mode="json", by_alias=True) for settings in rules]
        self.digest = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
        self.inherits = inherits
        self._matching = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_matching)
        self._bases = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_bases)
        self._heirs = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_heirs)
        self._containing = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_containing)

    def matches(self, path: str) -> bool:
        """Whether any rule looks at the file at ``path`` (``/``-separated, from the root of the repository)."""
        return bool(self._matching(path)) or (self.inherits and bool(self._bases(path) or self._heirs(path)))

    def reads(self, path: str) -> bool:
        """Whether any rule reads what the file says: an heir's file may only have to exist."""
        return bool(self._matching(path)) or self.is_base(path)

    def first_reader(self, path: str) -> int:
        """The index of the first rule that reads what the file says, which is its precedence; of none: how many there are."""
        return min((found[0] for found in (*self._matching(path), *self._bases(path))), default=len(self._rules))

    def may_contain(self, directory: str) -> bool:
        """Whether any file below ``directory`` ("" is the root) could match a rule."""
        return self._containing(directory)

    def read(self, path: str, data: bytes) -> tuple[Declaration, ...]:
        """What the file declares by every rule that matches its path, in the order of rules and of the file.

        Raises:
            Unreadable: the file can't be read as one of the rules says.
        """
        declared: list[Declaration] = []
        contents: _Contents = {}
        for index, captures, way in self._matching(path):
            if way not in contents:
                contents[way] = _read_content(data, way)
            declared += self._rules[index].declarations(path, captures, contents[way])
        return tuple(declared)

    def keeps_words(self, path: str) -> bool:
        """Whether another word in the place of a version changes nothing but the version: not so for expressions over text."""
        return not any(reads_text for _, _, (reads_text, _) in self._matching(path))

    def opaque_places(self, path: str, data: bytes, pointers: Collection[str]) -> dict[str, str]:
        """Those of the pointers at which the file holds what is filled in or decrypted elsewhere, each with the reason."""
        found: dict[str, str] = {}
        ways = dict.fromkeys(templated for _, _, (_, templated) in (*self._matching(path), *self._bases(path)))
        for templated in ways:
            try:
                found |= opaque_places(read_documents(data, templated=templated), pointers)
            except Unreadable:
                continue  # it is text for its rule, which could read it
        return found

    def is_base(self, path: str) -> bool:
        """Whether others inherit from the file."""
        return self.inherits and bool(self._bases(path))

    def read_base(self, path: str, data: bytes) -> tuple[Inheritable, ...]:
        """What others inherit from the file; errors as of ``read``."""
        return tuple(
            Inheritable(index, path, captures, found)
            for index, captures, way in self._bases(path)
            for found in self._rules[index].find(_read_content(data, way))
        )

    def heirs_at(self, path: str) -> tuple[Heir, ...]:
        """Who inherits because this file exists."""
        return self._heirs(path) if self.inherits else ()

    def inherit(self, inheritable: Iterable[Inheritable], heirs: Iterable[Heir]) -> tuple[Declaration, ...]:
        """What the heirs are declared to run; the order is that of the file, then of the heirs."""
        by_rule: dict[int, list[dict[str, str]]] = {}
        for heir in sorted(heirs):
            by_rule.setdefault(heir.rule, []).append(dict(heir.words))
        declared = (one for image in inheritable for one in self._bequeath(image, by_rule.get(image.rule, ())))
        return tuple(dict.fromkeys(declared))

    def _bequeath(self, image: Inheritable, heirs: Iterable[dict[str, str]]) -> Iterator[Declaration]:
        for words in heirs:
            if all(words.get(word, text) == text for word, text in image.captures.items()):
                captures = {**image.captures, **words}
                declared = self._rules[image.rule].bequeath(image.path, captures, image.found, image.rule + 1)
                if declared is not None:
                    yield declared

    def _find_matching(self, path: str) -> _Matching:
        return tuple(found for found in self._find_readers(path) if not self._rules[found[0]].is_inherited)

    def _find_bases(self, path: str) -> _Matching:
        return tuple(found for found in self._find_readers(path) if self._rules[found[0]].is_inherited)

    def _find_readers(self, path: str) -> Iterator[tuple[int, Mapping[str, str], _Way]]:
        for index, rule in enumerate(self._rules):
            if (captures := rule.match(path)) is not None:
                yield index, captures, (rule.reads_text, rule.is_templated(path))

    def _find_heirs(self, path: str) -> tuple[Heir, ...]:
        matching = ((index, rule.match_heir(path)) for index, rule in enumerate(self._rules))
        return tuple(Heir(index, tuple(sorted(words.items()))) for index, words in matching if words is not None)

    def _find_containing(self, directory: str) -> bool:
        return any(rule.may_contain(directory) for rule in self._rules)


def _read_content(data: bytes, way: _Way) -> list[Value] | str:
    reads_text, templated = way
    return read_text(data, templated=templated) if reads_text else read_documents(data, templated=templated)
