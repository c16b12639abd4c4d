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
_STRANGERS = 2  # folders beside a known environment that are taken for others, for each that is known; and one more
_FEWEST_INNER = 3  # different inner folders, before two levels are taken for tenants and their services


@dataclass(frozen=True, slots=True)
class Place:
    """The environment's name and the segment that holds it, between ``before`` and ``after``."""

    segment: int
    environment: str
    before: str = ""
    after: str = ""


def find_places(paths: Collection[str], one_a_folder: Collection[str]) -> dict[str, Place]:
    """The place of the environment in every path that has one.

    ``one_a_folder``: those of the files that stand for all of their folder, as values and kustomizations do.
    """
    split = {path: tuple(path.split("/")) for path in paths}
    places = {path: place for path, segments in split.items() if (place := _whole_names(segments)) is not None}
    places |= _beside_known(split, places)
    places |= _two_levels({path: split[path] for path in one_a_folder if path not in places}, split, places)
    rest = {path: segments for path, segments in split.items() if path not in places}
    affixes = _used_affixes(split.values())
    return places | {
        path: place for path, segments in rest.items() if (place := _parts_of_names(segments, affixes)) is not None
    }


def _whole_names(segments: tuple[str, ...]) -> Place | None:
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
    return None


def _parts_of_names(segments: tuple[str, ...], affixes: Collection[tuple[int, str]]) -> Place | None:
    *directories, file = segments
    for index, name in enumerate(directories):
        parts = split_affix(name)
        if parts is not None and (index, name) in affixes:
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


def _used_affixes(paths: Collection[tuple[str, ...]]) -> frozenset[tuple[int, str]]:
    """(depth, directory) of those that carry a word where it is a custom: two carry it so, or the same name lives without it.

    A word stands before or after the name, by most: ``dev-ops-bot`` is no environment where there is ``shop-dev``.
    """
    names = {(index, name) for segments in paths for index, name in enumerate(segments[:-1])}
    carried: defaultdict[tuple[int, str, bool], set[str]] = defaultdict(set)
    for index, name in names:
        if (parts := split_affix(name)) is not None:
            carried[index, parts[1], bool(parts[0])].add(name)
    return frozenset(
        (index, name)
        for (index, word, follows), found in carried.items()
        if len(found) > len(carried.get((index, word, not follows), ()))
        and (len(found) > 1 or any((index, _without(name)) in names for name in found))
        for name in found
    )


def _without(name: str) -> str:
    before, _, after = split_affix(name) or ("", "", name)
    return (before + after).strip("-_.")


def _beside_known(split: Mapping[str, tuple[str, ...]], places: Mapping[str, Place]) -> dict[str, Place]:
    """Folders beside known environments that hold a file at the same place as they do."""
    layouts = Counter(
        _layout(split[path], place) for path, place in places.items() if not place.before and not place.after
    )
    strangers: Counter[tuple[int, tuple[str, ...], tuple[str, ...]]] = Counter()
    found: dict[str, Place] = {}
    for path, segments in split.items():
        if path in places:
            continue
        for index, name in enumerate(segments[:-1]):
            layout = index, segments[:index], segments[index + 1 :]
            if layout in layouts and name.lower() not in BASES:
                found[path] = Place(index, name)
                strangers[layout] += 1
                break
    return {
        path: place
        for path, place in found.items()
        if strangers[_layout(split[path], place)] <= 1 + _STRANGERS * layouts[_layout(split[path], place)]
    }


def _layout(segments: tuple[str, ...], place: Place) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    return place.segment, segments[: place.segment], segments[place.segment + 1 :]


def _two_levels(
    tellers: Mapping[str, tuple[str, ...]], split: Mapping[str, tuple[str, ...]], known: Collection[str]
) -> dict[str, Place]:
    """``services/<tenant>/<service>/values.yaml``: where services live in several tenants, the tenant is the environment.

    What else lies in the tenants' folders goes with them.
    """
    inner: defaultdict[tuple[str, ...], defaultdict[str, set[tuple[str, ...]]]] = defaultdict(lambda: defaultdict(set))
    for segments in tellers.values():
        for index in range(len(segments) - 2):
            inner[segments[:index]][segments[index]].add(segments[index + 1 :])
    outer = {parent for parent, children in inner.items() if _recur(children)}
    found = {}
    for path, segments in split.items():
        at = next((depth for depth in range(len(segments) - 1) if segments[:depth] in outer), None)
        if path not in known and at is not None and segments[at].lower() not in BASES:
            found[path] = Place(at, segments[at])
    return found


def _recur(children: Mapping[str, set[tuple[str, ...]]]) -> bool:
    """Whether the folders look like tenants: several services below several of them, and one at the same place in two or more."""
    counts = Counter(path for paths in children.values() for path in paths)
    folders = {path[0] for path in counts}
    several = sum(len({path[0] for path in paths}) > 1 for paths in children.values())
    return len(folders) >= _FEWEST_INNER and several > 1 and max(counts.values()) > 1
