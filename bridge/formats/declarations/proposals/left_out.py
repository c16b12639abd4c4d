"""Files that declare no environment's images by themselves: bases that environments inherit, and the defaults of charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bridge.formats.declarations.proposals.environment_words import BASES
from bridge.formats.declarations.proposals.seen_files import Recognised, SeenFile

_FEWEST_CHANGES = 3  # of the images of a chart's own file, from which on it is deployed from, and no mere default


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that no rule should read, and the path pattern by which rules ignore it."""

    recognised: Recognised
    pattern: str


def find_left_out(files: Sequence[SeenFile], placed: Collection[str], charts: Collection[str]) -> dict[str, LeftOut]:
    """By path. ``placed``: paths with an environment; ``charts``: folders of Helm charts.

    Where no path has an environment, the charts' own values are all there is, and they stay.
    """
    found: dict[str, str] = {}
    in_charts: dict[str, str] = {}
    for file in files:
        if file.path in placed:
            continue
        *folders, _ = file.segments
        if (base := next((name for name in folders if name.lower() in BASES), None)) is not None:
            found[file.path] = f"**/{base}/**"
        elif (
            placed
            and file.changes < _FEWEST_CHANGES
            and _is_default(file)
            and (chart := _chart_of(folders, charts)) is not None
        ):
            in_charts[file.path] = chart
    kept = {file.path for file in files} - found.keys() - in_charts.keys()
    known = {file.path: file.recognised for file in files}
    return {path: LeftOut(known[path], pattern) for path, pattern in (found | _by_parent(in_charts, kept)).items()}


def _is_default(file: SeenFile) -> bool:
    """Values, and what must be rendered; finished objects in a chart, such as an app of apps, are what runs."""
    return file.recognised.format == "helm-values" or file.recognised.templated


def _chart_of(folders: Sequence[str], charts: Collection[str]) -> str | None:
    above = ("/".join(folders[:depth]) for depth in range(1, len(folders) + 1))
    return next((folder for folder in above if folder in charts), None)


def _by_parent(in_charts: dict[str, str], kept: Collection[str]) -> dict[str, str]:
    """One pattern for a folder of charts, where nothing else of interest lies in it."""
    siblings: defaultdict[str, set[str]] = defaultdict(set)
    for chart in in_charts.values():
        siblings[chart.rpartition("/")[0]].add(chart)
    found = {}
    for path, chart in in_charts.items():
        parent = chart.rpartition("/")[0]
        wanted = [parent, chart] if parent and len(siblings[parent]) > 1 else [chart]
        free = (folder for folder in wanted if not any(each.startswith(folder + "/") for each in kept))
        folder = next(free, None)
        found[path] = path if folder is None else f"{folder}/**"
    return found
