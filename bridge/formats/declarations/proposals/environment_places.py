"""Where in each path the environment stands: as a directory, a file's name, a part of either, or nowhere.

Words come first (``environments/prod``, ``values-prod.yaml``, ``shop-dev``), then structure: what stands beside known environments
and is laid out like them is one too; so is the outer of two levels of folders whose inner ones recur.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bridge.formats.declarations.proposals.environment_words import BASES, CONTAINERS, names_environment, split_affix

_EXTENSION = re.compile(r"\.([^.]+)")
_FEWEST_INNER = 3  # different inner folders, before two levels are taken for tenants and their services


@dataclass(frozen=True, slots=True)
class Place:
    """The environment's name and the segment that holds it, between ``before`` and ``after``."""

    segment: int
    environment: str
    before: str = ""
    after: str = ""


def find_places(paths: Collection[str]) -> dict[str, Place]:
    """The place of the environment in every path that has one."""
    split = {path: tuple(path.split("/")) for path in paths}
    affixes = _used_affixes(split.values())
    places = {path: place for path, segments in split.items() if (place := _by_words(segments, affixes)) is not None}
    places |= _beside_known(split, places)
    return places | _two_levels({path: segments for path, segments in split.items() if path not in places})


def is_base(path: str) -> bool:
    """Whether a directory of the path says that environments inherit from it."""
    return any(segment.lower() in BASES for segment in path.split("/")[:-1])


def _by_words(segments: tuple[str, ...], affixes: Mapping[tuple[int, str], frozenset[str]]) -> Place | None:
    *directories, file = segments
    for index, name in enumerate(directories):
        if names_environment(name):
            return Place(index, name)
    stem = _stem(file)
    if names_environment(stem):
        return Place(len(directories), stem, "", file[len(stem) :])
    for index, name in enumerate(directories):
        if index and directories[index - 1].lower() in CONTAINERS and name.lower() not in BASES:
            return Place(index, name)
    for index, name in enumerate(directories):
        parts = split_affix(name)
        if parts is not None and name in affixes.get((index, parts[1]), ()):
            before, word, after = parts
            return Place(index, word, before, after)
    return _in_file_name(file, len(directories))


def _in_file_name(file: str, index: int) -> Place | None:
    stem = _stem(file)
    if (parts := split_affix(stem)) is not None:
        before, word, after = parts
        return Place(index, word, before, after + file[len(stem) :])
    for match in _EXTENSION.finditer(file):  # shop.prod.yaml, .env.production
        if names_environment(match[1]):
            return Place(index, match[1], file[: match.start(1)], file[match.end(1) :])
    return None


def _stem(file: str) -> str:
    name = file.lstrip(".")
    return name.partition(".")[0] or file


def _used_affixes(paths: Collection[tuple[str, ...]]) -> dict[tuple[int, str], frozenset[str]]:
    """(depth, word): the directories there that carry it, where it is a custom: two carry it, or the same name lives without it."""
    names: defaultdict[int, set[str]] = defaultdict(set)
    for segments in paths:
        for index, name in enumerate(segments[:-1]):
            names[index].add(name)
    carried: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for index, found in names.items():
        for name in found:
            if (parts := split_affix(name)) is not None:
                carried[index, parts[1]].add(name)
    return {
        (index, word): frozenset(found)
        for (index, word), found in carried.items()
        if len(found) > 1 or any(_without(name) in names[index] for name in found)
    }


def _without(name: str) -> str:
    before, _, after = split_affix(name) or ("", "", name)
    return (before + after).strip("-_.")


def _beside_known(split: Mapping[str, tuple[str, ...]], places: Mapping[str, Place]) -> dict[str, Place]:
    """Folders beside known environments that hold a file at the same place as they do."""
    layouts = {
        (place.segment, split[path][: place.segment], split[path][place.segment + 1 :])
        for path, place in places.items()
        if not place.before and not place.after
    }
    found: dict[str, Place] = {}
    for path, segments in split.items():
        if path in places:
            continue
        for index, name in enumerate(segments[:-1]):
            if (index, segments[:index], segments[index + 1 :]) in layouts and name.lower() not in BASES:
                found[path] = Place(index, name)
                break
    return found


def _two_levels(split: Mapping[str, tuple[str, ...]]) -> dict[str, Place]:
    """``services/<tenant>/<service>/values.yaml``: where some service lives in several tenants, the tenant is the environment."""
    inner: defaultdict[tuple[str, ...], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for segments in split.values():
        for index in range(len(segments) - 2):
            inner[segments[:index]][segments[index]].add(segments[index + 1])
    outer = {parent for parent, children in inner.items() if _recur(children)}
    found = {}
    for path, segments in split.items():
        index = next((index for index in range(len(segments) - 2) if segments[:index] in outer), None)
        if index is not None and segments[index].lower() not in BASES:
            found[path] = Place(index, segments[index])
    return found


def _recur(children: Mapping[str, set[str]]) -> bool:
    counts = Counter(name for names in children.values() for name in names)
    several = sum(len(names) > 1 for names in children.values())
    return len(counts) >= _FEWEST_INNER and several > 1 and max(counts.values()) > 1
