"""Rules kept apart: no rule reads a file that another one was made for, or a base that environments inherit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.proposals.environment_words import BASES


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A rule, and the files of its group (its own, and those of rules like it)."""

    rule: Mapping[str, object]
    own: frozenset[str]

    @property
    def patterns(self) -> list[str]:
        """``files`` as a list."""
        files = self.rule["files"]
        return list(files) if isinstance(files, list) else [str(files)]


def keep_apart(draft: Draft, drafts: Sequence[Draft], left_out: Collection[str]) -> dict[str, object]:
    """The rule with what it ignores: whole patterns or folders where that takes no file of its own away, else single files."""
    matching = _Matching(draft.patterns)
    ignored: dict[str, None] = dict.fromkeys(_base_pattern(path) for path in sorted(left_out) if matching.match(path))
    own = {path for path in draft.own if matching.match(path)}
    foreign = {path for other in drafts if other.own is not draft.own for path in other.own - draft.own if matching.match(path)}
    for other in drafts:
        if other.own is draft.own or not foreign:
            continue
        for text in other.patterns:
            pattern = PathPattern(text)
            theirs = {path for path in foreign & other.own if pattern.match(path)}
            if theirs and not any(pattern.match(path) for path in own):
                ignored[text] = None
                foreign -= theirs
    ignored |= dict.fromkeys(_folders(foreign, own))
    return {**draft.rule, "ignore": list(ignored)} if ignored else dict(draft.rule)


class _Matching:
    def __init__(self, texts: Sequence[str]) -> None:
        self._patterns = [PathPattern(text) for text in texts]

    def match(self, path: str) -> bool:
        return any(pattern.match(path) is not None for pattern in self._patterns)


def _base_pattern(path: str) -> str:
    name = next(segment for segment in path.split("/") if segment.lower() in BASES)
    return f"**/{name}/**"


def _folders(foreign: Collection[str], own: Collection[str]) -> list[str]:
    """The files, by whole folders where none of the rule's own lies in them, and by one name where several folders have it."""
    taken = {path.rpartition("/")[0] for path in own}
    names = {path.rpartition("/")[2] for path in own}
    folders: defaultdict[str, list[str]] = defaultdict(list)
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(foreign):
        folder, _, name = path.rpartition("/")
        by_name[name].append(path)
        folders[folder].append(path)
    found: dict[str, None] = {}
    for folder, paths in folders.items():
        for path in paths:
            name = path.rpartition("/")[2]
            if name not in names and len(by_name[name]) > 1:
                found[f"**/{name}"] = None
            elif folder and folder not in taken and len(paths) > 1:
                found[f"{folder}/*"] = None
            else:
                found[path] = None
    return list(found)
