"""Commit noise: what share of an infra repository's history says nothing but which image runs where.

Each commit of a branch's whole history is of one class, by what it changed against its first parent and by nothing that it
says about itself. Sources count commits as they read them; the figures here are sums over those counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

DEFINITIONS: Mapping[str, str] = {
    "noise/1": "Commits of the branch's whole history, merged ones included, by what they change against their first parent. "
    "bump_by_bot and bump_by_human: versions of images at declared places and nothing else; whether the author is a machine is "
    "told by the name. merge_of_bumps: a merge commit that brings in only such changes. mixed: such changes and others. other: "
    "the rest. landings: those of them that are on the first-parent line. lines: added plus removed, merge commits left out, "
    "for they show the same lines again. A commit belongs to the week (from Monday, UTC) of its committer's time.",
    "noise_free/1": "The same history without bump_by_bot, bump_by_human and merge_of_bumps: what would be left if images "
    "were declared by API calls.",
    "writers/1": "Distinct authors of the commits counted: every one of them, person or machine, was able to have the branch "
    "changed. only_bumps: those whose every commit is a bump or a merge of bumps.",
}

# Machine accounts as hosts and their tools name them: dependabot[bot], renovate, fluxcdbot, acme-ci, argocd-image-updater.
_MACHINE = re.compile(
    r"\[bot\]|(?:^|[^a-z])(?:bot|robot|ci|cd|automation|renovate|dependabot|jenkins|actions|updater|argocd|flux|fluxcd)"
    r"(?:$|[^a-z])|bot$",
    re.IGNORECASE,
)
_AUTHORS_NAMED = 50
_WEEK = 7  # days; day 1 of the calendar is a Monday


class CommitClass(StrEnum):
    """What a commit is, by its content."""

    BUMP_BY_BOT = "bump_by_bot"
    BUMP_BY_HUMAN = "bump_by_human"
    MERGE_OF_BUMPS = "merge_of_bumps"
    MIXED = "mixed"
    OTHER = "other"

    @property
    def is_noise(self) -> bool:
        """Whether the commit says nothing but which image runs where."""
        return self in _NOISE


_NOISE = frozenset({CommitClass.BUMP_BY_BOT, CommitClass.BUMP_BY_HUMAN, CommitClass.MERGE_OF_BUMPS})


class TallyKey(NamedTuple):
    """What commits are counted together; ``week`` is its Monday (``2026-08-17``), ``author`` the name, "" where there is none."""

    week: str
    kind: CommitClass
    author: str


@dataclass(slots=True)
class Tally:
    """How many; ``lines`` are those added plus those removed."""

    commits: int = 0
    landings: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class CommitCount:
    """What one batch adds to the count of a source. ``afresh``: the source is counted from its beginning again."""

    tallies: Mapping[TallyKey, Tally] = field(default_factory=dict)
    afresh: bool = False


def week_of(moment: datetime) -> str:
    """The Monday of the week that a UTC time lies in."""
    return _monday_before(moment.toordinal())


@lru_cache(maxsize=1024)  # commits of one day come together, and there are very many
def _monday_before(day: int) -> str:
    return date.fromordinal(max(day - (day - 1) % _WEEK, 1)).isoformat()


def is_machine(author: str, patterns: Sequence[str] = ()) -> bool:
    """Whether a name looks like a machine account's, or matches one of the globs that say so."""
    return _MACHINE.search(author) is not None or any(fnmatchcase(author, pattern) for pattern in patterns)


def summarize_noise(tallies: Iterable[tuple[TallyKey, Tally]]) -> dict[str, object]:
    """The figures over these counts, JSON-ready; shares are of the commits, null where there are none."""
    classes = {kind: Tally() for kind in CommitClass}
    weeks: dict[str, Counter[CommitClass]] = {}
    authors: dict[str, Counter[bool]] = {}
    for key, tally in tallies:
        _add(classes[key.kind], tally)
        weeks.setdefault(key.week, Counter())[key.kind] += tally.commits
        authors.setdefault(key.author, Counter())[key.kind.is_noise] += tally.commits
    everything = _sum(classes.values())
    left = _sum(tally for kind, tally in classes.items() if not kind.is_noise)
    return {
        "definition": "noise/1",
        **_figures(everything, everything),
        "classes": {kind.value: _figures(tally, everything) for kind, tally in classes.items()},
        "without": {"definition": "noise_free/1", **_figures(left, everything)},
        "writers": _writers(authors),
        "weeks": [{"week": week, **{kind.value: weeks[week][kind] for kind in CommitClass}} for week in sorted(weeks)],
    }


def _figures(part: Tally, whole: Tally) -> dict[str, object]:
    return {
        "commits": part.commits,
        "share": part.commits / whole.commits if whole.commits else None,
        "landings": part.landings,
        "lines": part.lines,
    }


def _writers(authors: Mapping[str, Counter[bool]]) -> dict[str, object]:
    named = sorted(authors, key=lambda author: (-authors[author].total(), author))
    return {
        "definition": "writers/1",
        "n": len(authors),
        "machines": sum(is_machine(author) for author in authors),
        "only_bumps": sum(not counts[False] for counts in authors.values()),
        "names": [
            {"author": author or None, "commits": authors[author].total(), "bumps": authors[author][True]}
            for author in named[:_AUTHORS_NAMED]
        ],
        "unnamed": max(len(named) - _AUTHORS_NAMED, 0),
    }


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        _add(total, tally)
    return total


def _add(total: Tally, tally: Tally) -> None:
    total.commits += tally.commits
    total.landings += tally.landings
    total.lines += tally.lines
