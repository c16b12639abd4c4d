"""What a repository declared, landing by landing, told by plain git and a reader of its files: what an import is compared with.

The rules of a target's value are written down here a second time: files that name the same repository are one declaration, the one
that was changed last counts; what is copied or moved keeps the landing at which it was changed; a file that can't be read
declares what it last did.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.other_yaml import NotYaml

Reference = tuple[str | None, str | None, str | None]  # repository, tag, digest
Key = tuple[str, str]  # environment, service
Read = Callable[[str, bytes], Iterable[tuple[Key, Reference]]]
Rule = tuple[re.Pattern[str], Read]  # the paths, and what is read at each
Declared = frozenset[Reference]

_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}\Z")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*\Z")


@dataclass
class Place:
    key: Key
    reference: Reference
    changed: int
    rank: tuple[int, str, int]


@dataclass(frozen=True)
class Landing:
    revision: str
    changes: Sequence[tuple[str, str | None]]  # path, blob; None: it is gone, or no file any more


def landings(clone: Path) -> list[Landing]:
    """The first-parent line, oldest first."""
    words = ("log", "--first-parent", "--reverse", "--root", "--raw", "-z", "--no-abbrev", "--no-renames")
    out = run(clone, *words, "--diff-merges=first-parent", "--format=%x01%H", "HEAD").decode(errors="backslashreplace")
    found = []
    for block in out.split("\1")[1:]:
        revision, _, raw = block.partition("\0")
        tokens = raw.replace("\n:", ":").split("\0")
        changes = []
        for head, path in zip(tokens[::2], tokens[1::2], strict=False):
            _, mode, _, blob, _ = head.lstrip("\n").split(" ")
            changes.append((path, blob if mode.startswith("100") else None))
        found.append(Landing(revision.strip(), changes))
    return found


def history(clone: Path, rules: Sequence[Rule]) -> Iterator[tuple[str, dict[Key, Declared]]]:
    """Each landing that moved what some target is declared to run, with what they run from then on (nothing: withdrawn)."""
    line = landings(clone)
    tracked = [
        (
            at,
            landing.revision,
            [(path, blob, matching) for path, blob in landing.changes if (matching := _matching(path, rules))],
        )
        for at, landing in enumerate(line)
    ]
    contents = blobs(clone, {blob for _, _, changes in tracked for _, blob, _ in changes if blob is not None})
    state = _State()
    for at, revision, changes in tracked:
        if changes and (moved := state.land(at, changes, contents)):
            yield revision, moved


def blobs(clone: Path, names: Iterable[str]) -> dict[str, bytes]:
    asked = sorted(names)
    out = io.BytesIO(run(clone, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in asked).encode()))
    found = {}
    for name in asked:
        head = out.readline()
        found[name] = out.read(int(head.split()[-1]))
        out.readline()
    return found


def run(clone: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    command = ["git", "--git-dir", str(clone), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def canonical(reference: Reference) -> Reference:
    """Docker Hub's names have several spellings."""
    repository, tag, digest = reference
    if repository is None:
        return reference
    host, slash, rest = repository.partition("/")
    if slash and host in {"docker.io", "index.docker.io"}:
        repository = rest
    return repository.removeprefix("library/"), tag, digest


def is_image(reference: Reference) -> bool:
    """Whether a registry could hold it."""
    repository, tag, digest = reference
    return bool(
        (tag or digest)
        and (repository is None or _REPOSITORY.match(repository))
        and (tag is None or _TAG.match(tag))
        and (digest is None or _DIGEST.match(digest))
    )


def _matching(path: str, rules: Sequence[Rule]) -> list[tuple[int, Read]]:
    return [(number, read) for number, (pattern, read) in enumerate(rules) if pattern.fullmatch(path)]


class _State:
    def __init__(self) -> None:
        self.files: dict[str, list[Place]] = {}
        self.declared: dict[Key, Declared] = {}

    def land(
        self, at: int, changes: Sequence[tuple[str, str | None, list[tuple[int, Read]]]], contents: Mapping[str, bytes]
    ) -> dict[Key, Declared]:
        before: defaultdict[Key, list[Place]] = defaultdict(list)
        now: dict[str, list[Place]] = {}
        for path, blob, readers in changes:
            try:
                found = [] if blob is None else [pair for _, read in readers for pair in read(path, contents[blob])]
            except NotYaml:
                continue
            if blob is None and path in self.files and not found:
                found = []
            now[path] = [
                Place(key, reference, at, (readers[0][0], path, index))
                for index, (key, reference) in enumerate(found)
                if is_image(reference)
            ]
        keys = {place.key for path in now for place in (*self.files.get(path, ()), *now[path])}
        for place in (place for places in self.files.values() for place in places if place.key in keys):
            before[place.key].append(place)
        for path, places in now.items():
            _keep_age(places, self.files.get(path, []), before)
            self.files[path] = places
        return {key: value for key in keys if (value := self._moved(key)) is not None}

    def _moved(self, key: Key) -> Declared | None:
        places = [place for each in self.files.values() for place in each if place.key == key]
        value = frozenset(map(canonical, decide(places)))
        if value == self.declared.get(key, frozenset()):
            return None
        self.declared[key] = value
        return value


def _keep_age(places: Sequence[Place], old: Sequence[Place], before: Mapping[Key, Sequence[Place]]) -> None:
    known = {(place.key, place.reference[0], nth): place for place, nth in _numbered(old)}
    for place, nth in _numbered(places):
        same = known.get((place.key, place.reference[0], nth))
        if same is not None:
            place.changed = same.changed if same.reference == place.reference else place.changed
        else:
            copies = [each.changed for each in before[place.key] if each.reference == place.reference]
            place.changed = max(copies, default=place.changed)


def _numbered(places: Sequence[Place]) -> Iterator[tuple[Place, int]]:
    seen: defaultdict[tuple[Key, str | None], int] = defaultdict(int)
    for place in places:
        yield place, seen[place.key, place.reference[0]]
        seen[place.key, place.reference[0]] += 1


def decide(places: Sequence[Place]) -> list[Reference]:
    """One reference a repository: that of the place changed last, made exact by those that agree."""
    slots: defaultdict[str | None, list[Place]] = defaultdict(list)
    for place in places:
        slots[canonical(place.reference)[0]].append(place)
    if None in slots and len(slots) == 2:
        nameless = slots.pop(None)
        next(iter(slots.values())).extend(nameless)
    return [_exact(slot) for slot in slots.values()]


def _exact(slot: Sequence[Place]) -> Reference:
    repository, tag, digest = min(slot, key=lambda place: (-place.changed, place.rank)).reference
    others = [place.reference for place in sorted(slot, key=lambda place: place.rank)]
    repository = repository or next((each[0] for each in others if each[0]), None)
    digest = digest or next((each[2] for each in others if each[2] and each[1] == tag), None)
    return repository, tag, digest
