"""Discovery: from a sample of a repository to rules, each with what it explains, and what none of them does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.names import Target
from bridge.formats.declarations.proposals.history_sample import HistorySample
from bridge.formats.declarations.proposals.image_words import has_image_words, is_image_change, may_declare
from bridge.formats.declarations.proposals.measuring import Bump, Measured, measure
from bridge.formats.declarations.proposals.recognising import recognise
from bridge.formats.declarations.proposals.rule_proposals import Proposal, propose_rules
from bridge.formats.declarations.proposals.seen_files import SeenFile

_MOST_BUMPS = 20_000  # that are read; beyond that every n-th is
_TRIED_VERSIONS = 3  # of a file, before it counts as one without a format
_PATTERN_SIGNS = frozenset("{}*?|")

Steps = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class RuleFound:
    """A proposed rule, the targets that it declares at the tip, and how many bumps it explains."""

    proposal: Proposal
    targets: Sequence[Target]
    bumps: int


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Files like ``files`` had so many image-looking changes that moved nothing a rule declares."""

    files: str
    changes: int
    example: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """The rules that explain most first; ``changes`` are the image-looking ones, of which rules see ``explained``.

    The others are in files that no rule reads (``uncovered``), or move nothing that is declared (``unmoved``): an entry without
    effect, a job's image, a place that the format doesn't know.
    """

    sample: HistorySample
    rules: Sequence[RuleFound]
    changes: int
    explained: int
    uncovered: Sequence[Unexplained]
    unmoved: Sequence[Unexplained]


def discover(sample: HistorySample, on_progress: Steps) -> Discovered:
    """Look through the sample, propose rules, and measure them on it."""
    bumps = _bumps(sample, on_progress)
    files = _seen_files(sample, bumps)
    proposals = propose_rules(files, _charts(sample))
    measured = measure([each.settings for each in proposals], sample.tip, bumps, sample.read)
    return _sum_up(sample, proposals, measured, len(bumps))


def _bumps(sample: HistorySample, on_progress: Steps) -> list[Bump]:
    found = []
    moves = [move for move in sample.moves if move.before and move.after and may_declare(move.path)]
    stride = max(1, len(moves) // _MOST_BUMPS)
    for done, move in enumerate(moves[::stride]):
        if done % 500 == 0:
            on_progress(done, len(moves) // stride)
        assert move.before is not None
        assert move.after is not None
        before, after = sample.read(move.before), sample.read(move.after)
        if before is not None and after is not None and is_image_change(before, after):
            found.append(Bump(move.path, move.before, move.after))
    return found


def _seen_files(sample: HistorySample, bumps: Sequence[Bump]) -> list[SeenFile]:
    """Every file, also of the past, in which a format finds images; the newest version that can be read says which."""
    changes = Counter(bump.path for bump in bumps)
    versions: defaultdict[str, dict[bytes, None]] = defaultdict(dict)
    for path, blob in sample.tip.items():
        if _can_be_named(path):
            versions[path][blob] = None
    for move in sample.moves:
        if _can_be_named(move.path):
            for blob in filter(None, (move.after, move.before)):
                if len(versions[move.path]) < _TRIED_VERSIONS:
                    versions[move.path][blob] = None
    found = []
    for path, blobs in sorted(versions.items()):
        for blob in blobs:
            data = sample.read(blob)
            if data is not None and has_image_words(data) and (known := recognise(path, data)) is not None:
                found.append(SeenFile(path, known, changes[path]))
                break
    return found


def _can_be_named(path: str) -> bool:
    """Whether a path pattern can name the file: its signs for captures and globs stand for nothing else."""
    return may_declare(path) and path.isprintable() and not _PATTERN_SIGNS.intersection(path)


def _charts(sample: HistorySample) -> frozenset[str]:
    paths = (*sample.tip, *(move.path for move in sample.moves))
    return frozenset(path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] == "Chart.yaml")


def _sum_up(sample: HistorySample, proposals: Sequence[Proposal], measured: Measured, changes: int) -> Discovered:
    rules = [
        RuleFound(proposal, sorted(each.targets), each.bumps)
        for proposal, each in zip(proposals, measured.rules, strict=True)
        if each.targets or each.bumps
    ]
    rules.sort(key=lambda rule: (-rule.bumps, -len(rule.targets), str(rule.proposal.rule["files"])))
    return Discovered(sample, rules, changes, measured.bumps, _group(measured.uncovered), _group(measured.unmoved))


def _group(changes: Mapping[str, int]) -> list[Unexplained]:
    """By folder and kind of file, the most changes first."""
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path, count in changes.items():
        folder, _, file = path.rpartition("/")
        dot = file.rfind(".")
        groups[f"{folder}/*{file[dot:] if dot > 0 else ''}" if folder else file][path] += count
    found = [
        Unexplained(files if len(paths) > 1 else paths.most_common(1)[0][0], paths.total(), paths.most_common(1)[0][0])
        for files, paths in groups.items()
    ]
    return sorted(found, key=lambda each: (-each.changes, each.files))
