"""The figures of commit noise, over the counts that sources keep. The classes are those of ``noise``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time

from bridge.domain.noise import CommitClass, Tally, TallyKey, is_machine

# A changed meaning gets a new number, so that a kept report can be read by its own definitions.
DEFINITIONS: Mapping[str, str] = {
    "weeks/1": "A commit belongs to the week (from Monday, UTC) of its committer's time, and the week to the range if its Monday, "
    "at midnight, is in the range; the other weeks are left out whole. first_week and last_week are Mondays, of the weeks that "
    "have commits.",
    "noise/1": "Commits of the branch's whole history as far as the source reads it, merged ones included, by what they change "
    "against their first parent; messages count for nothing. bump_by_bot and bump_by_human: versions of images at declared places, "
    "with their mentions in the same files, and nothing else; whether the author is a machine is told by the name. "
    "merge_of_bumps: a merge commit that brings in only such changes. mixed: such changes and others. other: the rest. noise: the "
    "first three together. landings: those of them that are on the first-parent line. lines: added plus removed, merge commits "
    "left out, for they show the same lines again.",
    "noise_free/1": "The same history without its noise: what would be left if images were declared by API calls. Shares are of "
    "all commits.",
    "writers/1": "Distinct author names of the landings counted: each of them, person or machine, could change the branch, by "
    "pushing or by having something merged. machines: those whose name, or the source's setting, says so. only_bumps: those whose "
    "every commit is noise. unnamed: landings without an author's name. authors: names of all commits, merged ones included. "
    "not_listed: names beyond the first 50.",
}

_NAMES_LISTED = 50

SourceTally = tuple[str, TallyKey, Tally]  # the source's name, and one of its counts


class NoiseReport:
    """The figures of every source and over all; weeks whose Monday lies outside the range are left out."""

    def __init__(
        self, rows: Iterable[SourceTally], *, since: datetime | None = None, until: datetime | None = None
    ) -> None:
        by_source: dict[str, list[tuple[TallyKey, Tally]]] = {}
        for source, key, tally in rows:
            if tally.commits and _is_in_range(key.week, since, until):  # none are left of some that were rewritten
                by_source.setdefault(source, []).append((key, tally))
        self._overall = summarize_noise([each for tallies in by_source.values() for each in tallies])
        self._sources = {source: summarize_noise(by_source[source]) for source in sorted(by_source)}

    def in_full(self) -> dict[str, object]:
        """JSON-ready, with each week and the names of writers."""
        return self._report(())

    def in_short(self) -> dict[str, object]:
        """JSON-ready, the sums only."""
        return {"definition": "weeks/1", **self._report(("weeks", "writers"))}

    def writers(self) -> dict[str, object]:
        """Who could change the branch, by source, JSON-ready."""
        return {source: figures["writers"] for source, figures in self._sources.items()}

    def _report(self, without: Sequence[str]) -> dict[str, object]:
        def shown(figures: Mapping[str, object]) -> dict[str, object]:
            return {name: value for name, value in figures.items() if name not in without}

        return {
            "overall": shown(self._overall),
            "sources": [{"source": source, **shown(figures)} for source, figures in self._sources.items()],
        }


def summarize_noise(tallies: Sequence[tuple[TallyKey, Tally]]) -> dict[str, object]:
    """The figures over these counts, JSON-ready; shares are of all commits, null where there are none."""
    classes = {kind: Tally() for kind in CommitClass}
    weeks: dict[str, Counter[CommitClass]] = {}
    for key, tally in tallies:
        classes[key.kind].add(tally)
        weeks.setdefault(key.week, Counter())[key.kind] += tally.commits
    everything = _sum(classes.values())
    noise = _sum(tally for kind, tally in classes.items() if kind.is_noise)
    left = _sum(tally for kind, tally in classes.items() if not kind.is_noise)
    return {
        "definition": "noise/1",
        "first_week": min(weeks, default=None),
        "last_week": max(weeks, default=None),
        **_figures(everything, everything),
        "classes": {kind.value: _figures(tally, everything) for kind, tally in classes.items()},
        "noise": _figures(noise, everything),
        "without_noise": {"definition": "noise_free/1", **_figures(left, everything)},
        "writers": _writers(tallies),
        "weeks": [{"week": week, **{kind.value: weeks[week][kind] for kind in CommitClass}} for week in sorted(weeks)],
    }


def _is_in_range(week: str, since: datetime | None, until: datetime | None) -> bool:
    monday = datetime.combine(date.fromisoformat(week), time(), UTC)
    return (since is None or since <= monday) and (until is None or monday < until)


def _figures(part: Tally, whole: Tally) -> dict[str, object]:
    return {
        "commits": part.commits,
        "share": part.commits / whole.commits if whole.commits else None,
        "landings": part.landings,
        "lines": part.lines,
    }


def _writers(tallies: Iterable[tuple[TallyKey, Tally]]) -> dict[str, object]:
    authors: dict[str, dict[CommitClass, Tally]] = {}
    for key, tally in tallies:
        authors.setdefault(key.author, {}).setdefault(key.kind, Tally()).add(tally)
    nameless = _sum(authors.pop("", {}).values())
    total = {author: _sum(kinds.values()) for author, kinds in authors.items()}
    writers = sorted(
        (author for author in authors if total[author].landings), key=lambda author: (-total[author].landings, author)
    )
    return {
        "definition": "writers/1",
        "n": len(writers),
        "machines": sum(_is_machine(author, authors[author]) for author in writers),
        "only_bumps": sum(all(kind.is_noise for kind in authors[author]) for author in writers),
        "unnamed": nameless.landings,
        "authors": len(authors),
        "names": [
            {
                "author": author,
                "machine": _is_machine(author, authors[author]),
                "landings": total[author].landings,
                "commits": total[author].commits,
                "noise": _sum(tally for kind, tally in authors[author].items() if kind.is_noise).commits,
            }
            for author in writers[:_NAMES_LISTED]
        ],
        "not_listed": max(len(writers) - _NAMES_LISTED, 0),
    }


def _is_machine(author: str, kinds: Mapping[CommitClass, Tally]) -> bool:
    """The source knows its ``machines`` and has classed their bumps; of one without bumps only the name is known here."""
    return CommitClass.BUMP_BY_BOT in kinds or is_machine(author)


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total
