"""Rules kept apart: no rule reads a file that another one was made for, or a base that environments inherit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.proposals.left_out import LeftOut
from bridge.formats.declarations.proposals.seen_files import Recognised

_CAPTURE = re.compile(r"\{[a-z_]+(?::([^{}]+))?\}")


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A rule, and the files of its group (its own, and those of rules like it)."""

    rule: Mapping[str, object]
    own: Mapping[str, Recognised]

    @property
    def patterns(self) -> list[str]:
        """``files`` as a list."""
        files = self.rule["files"]
        return list(files) if isinstance(files, list) else [str(files)]


def keep_apart(draft: Draft, drafts: Sequence[Draft], left_out: Mapping[str, LeftOut]) -> dict[str, object]:
    """The rule with what it ignores: whole patterns or folders where that takes no file of its own away, else single files."""
    matching = _Matching(draft.patterns)
    ignored: dict[str, None] = dict.fromkeys(
        left_out[path].pattern
        for path in sorted(left_out)
        if _misreads(draft, left_out[path].recognised) and matching.match(path)
    )
    own = {path for path in draft.own if matching.match(path)}
    foreign = {
        path
        for other in drafts
        if other.own is not draft.own
        for path, known in other.own.items()
        if path not in draft.own and _misreads(draft, known) and matching.match(path)
    }
    for other in drafts:
        if other.own is draft.own or not foreign:
            continue
        for text in other.patterns:
            pattern = PathPattern(text)
            theirs = {path for path in foreign & other.own.keys() if pattern.match(path)}
            if theirs and not any(pattern.match(path) for path in own):
                ignored[text] = None
                foreign -= theirs
    ignored |= dict.fromkeys(_folders(foreign, own))
    globs = dict.fromkeys(map(_as_glob, ignored))
    return {**draft.rule, "ignore": list(globs)} if globs else dict(draft.rule)


def _misreads(draft: Draft, known: Recognised) -> bool:
    return known.format == draft.rule["format"] or draft.rule["format"] in known.also


class _Matching:
    def __init__(self, texts: Sequence[str]) -> None:
        self._patterns = [PathPattern(text) for text in texts]

    def match(self, path: str) -> bool:
        return any(pattern.match(path) is not None for pattern in self._patterns)


def _as_glob(text: str) -> str:
    """The pattern without captures where they say nothing: nobody uses what they would capture."""
    return _CAPTURE.sub(lambda match: match[0] if "|" in (match[1] or "") else match[1] or "*", text)


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
