"""From the files that declare images to the rules that read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.proposals.environment_places import Place, find_places
from bridge.formats.declarations.proposals.left_out import find_left_out
from bridge.formats.declarations.proposals.overlaps import Draft, keep_apart
from bridge.formats.declarations.proposals.path_shapes import (
    DEEP,
    ENVIRONMENT,
    WILD,
    Shape,
    is_generic,
    merge_depths,
    merge_shapes,
    shape_of,
)
from bridge.formats.declarations.proposals.seen_files import SeenFile
from bridge.formats.declarations.rules import RuleSettings

ASSUMED_ENVIRONMENT = "production"  # where no path names one, or only the others are named

# Each object, entry or file has a name of its own.
_NAMES_ITS_SERVICES = frozenset({"manifests", "helm-release", "argocd", "argocd-source", "setters"})
_ONE_A_FOLDER = frozenset({"kustomize", "helm-values", "keys"})
_MOST_CHOICES = 10  # environments that are written out
_COLLIDING = 0.25  # share of the names that stand in several folders, from which on the folder tells services apart
_FEWEST_OF_A_PREFIX = 0.6  # share of an environment's files that begin with the same word


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule, as the configuration has it, and why it is there."""

    rule: Mapping[str, object]
    settings: RuleSettings

    @property
    def assumes_environment(self) -> bool:
        """Whether no path names the environment."""
        return "environment" in self.rule


def propose_rules(files: Sequence[SeenFile], charts: Collection[str] = ()) -> list[Proposal]:
    """Rules for the files, in no particular order. ``charts``: the folders of Helm charts.

    Bases that environments inherit, and the defaults of charts, are left out: they have no environment.
    """
    one_a_folder = [
        file.path
        for file in files
        if file.recognised.format in _ONE_A_FOLDER and is_generic(file.segments[-1].partition(".")[0])
    ]
    places = find_places([file.path for file in files], one_a_folder)
    left_out = find_left_out(files, places, charts)
    kept = [file for file in files if file.path not in left_out]
    groups: defaultdict[tuple[str, str, bool], list[SeenFile]] = defaultdict(list)
    for file in kept:
        known = file.recognised
        groups[known.format, _options_key(file), file.path in places].append(file)
    drafts = []
    for (_, _, has_place), group in groups.items():
        own = {file.path: file.recognised for file in group}
        drafts += [Draft(rule, own) for rule in _rules_of(group, kept, places if has_place else {})]
    finished = [keep_apart(draft, drafts, left_out) for draft in drafts]
    return [Proposal(rule, RuleSettings.model_validate(rule)) for rule in finished]


def _options_key(file: SeenFile) -> str:
    """Files of the format keys are read by one rule if they have the same kind of options; `tags` may differ."""
    options = file.recognised.options
    return "tags" if "tags" in options else repr(sorted(options.items()))


def _rules_of(
    group: Sequence[SeenFile], everything: Sequence[SeenFile], places: Mapping[str, Place]
) -> list[dict[str, object]]:
    known = group[0].recognised
    deep = known.format in _NAMES_ITS_SERVICES
    has_tags = "tags" in known.options
    any_name = (".argocd-source*" if known.format == "argocd-source" else "*") if deep else None
    shapes = [shape_of(file.path, places.get(file.path), any_name=any_name) for file in group]
    shapes = merge_shapes(shapes, wild_heads=not deep and not has_tags and known.format != "kustomize")
    by_path = {file.path: file for file in group}
    if deep:
        shapes = [_told_apart(shape, by_path, places) for shape in merge_depths(shapes)]
    rules: dict[str, dict[str, object]] = {}
    for shape in sorted(shapes, key=lambda each: -_weight(each, by_path)):
        named = not has_tags and (not deep or (bool(shape.wild) and _collide(shape, shape.wild[-1], by_path, places)))
        rule: dict[str, object] = {
            "files": _patterns(shape, places, everything, captured=named),
            "format": known.format,
        }
        if not places:
            rule["environment"] = ASSUMED_ENVIRONMENT
        if any(by_path[path].recognised.templated and not path.endswith(".gotmpl") for path in shape.paths):
            rule["templated"] = True
        rule |= _options([by_path[path] for path in shape.paths])
        alike = repr({key: value for key, value in rule.items() if key != "files"})
        if alike in rules:
            rules[alike]["files"] = [*_listed(rules[alike]["files"]), *_listed(rule["files"])]
        else:
            rules[alike] = rule
    return list(rules.values())


def _weight(shape: Shape, by_path: Mapping[str, SeenFile]) -> int:
    return sum(1 + by_path[path].changes for path in shape.paths)


def _options(files: Iterable[SeenFile]) -> dict[str, object]:
    """The settings for the format; what several files have of `tags` and `repositories` is united."""
    united: dict[str, object] = {}
    for file in files:
        for name, value in file.recognised.options.items():
            if isinstance(value, dict):
                before = united.get(name)
                united[name] = dict(sorted({**(before if isinstance(before, dict) else {}), **value}.items()))
            else:
                united[name] = value
    return united


def _listed(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else [str(value)]


def _told_apart(shape: Shape, by_path: Mapping[str, SeenFile], places: Mapping[str, Place]) -> Shape:
    """Where only the folders tell objects apart, the folder in place of what stands for any depth, if all files have one."""
    if DEEP not in shape.parts or shape.wild:
        return shape
    at = shape.parts.index(DEEP)
    if any(path.count("/") <= at for path in shape.paths) or not _collide(shape, at, by_path, places):
        return shape
    return replace(shape, parts=(*shape.parts[:at], WILD, *shape.parts[at:]))


def _collide(shape: Shape, at: int, by_path: Mapping[str, SeenFile], places: Mapping[str, Place]) -> bool:
    """Whether the objects in different folders (segment ``at``) have the same names, so that only the folder tells them apart."""
    where: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for path in shape.paths:
        place = places.get(path)
        for service in by_path[path].recognised.services:
            where[place.environment if place else "", service].add(path.split("/")[at])
    return bool(where) and sum(len(found) > 1 for found in where.values()) > _COLLIDING * len(where)


def _patterns(
    shape: Shape, places: Mapping[str, Place], everything: Sequence[SeenFile], *, captured: bool
) -> str | list[str]:
    prefixed = _prefixes(shape, places) if captured else {}
    patterns = [
        _text(shape, captured=captured, only=environment, prefix=prefix)
        for environment, prefix in sorted(prefixed.items())
    ]
    patterns.append(_open_or_named(shape, everything, captured=captured))
    if all(any(PathPattern(text).match(path) for text in patterns[:-1]) for path in shape.paths):
        patterns.pop()
    return patterns[0] if len(patterns) == 1 else patterns


def _open_or_named(shape: Shape, everything: Sequence[SeenFile], *, captured: bool) -> str:
    """The pattern for any environment; only for those that were seen, where it would take others for environments too."""
    text = _text(shape, captured=captured)
    if shape.environment_at is None or len(shape.choices) > _MOST_CHOICES:
        return text
    pattern = PathPattern(text)
    for file in everything:
        if (
            file.path not in shape.paths
            and (words := pattern.match(file.path))
            and words["environment"] not in shape.choices
        ):
            return _text(shape, captured=captured, only="|".join(sorted(shape.choices)))
    return text


def _prefixes(shape: Shape, places: Mapping[str, Place]) -> dict[str, str]:
    """Environment: the word that its own files begin with, as in ``production/prod-shop.yaml``, where each has one of its own."""
    if WILD not in shape.parts[-2] or len(shape.choices) < 2 or shape.environment_at == len(shape.parts) - 1:  # noqa: PLR2004 - one could have no other
        return {}
    heads: defaultdict[str, list[str]] = defaultdict(list)
    for path in shape.paths:
        heads[places[path].environment].append(path.rpartition("/")[2])
    found: dict[str, str] = {}
    for environment, names in heads.items():
        words = [name.partition("-")[0] + "-" for name in names if "-" in name]
        common = max(set(words), key=lambda word: (words.count(word), word), default="")
        if len(names) > 1 and words.count(common) >= _FEWEST_OF_A_PREFIX * len(names):
            found[environment] = common
    return found if len(found) > 1 and len(set(found.values())) == len(found) else {}


def _text(shape: Shape, *, captured: bool, only: str | None = None, prefix: str = "") -> str:
    """The shape as a path pattern: the last part that varies is the service, where the path is to name it."""
    service_at = shape.wild[-1] if captured and shape.wild else None
    choices = sorted(shape.choices)
    affixed = shape.environment_at is not None and WILD in shape.parts[shape.environment_at]
    chosen = only or ("|".join(choices) if affixed else None)
    environment = "{environment:" + chosen + "}" if chosen else "{environment}"
    parts = []
    for index, part in enumerate(shape.parts):
        wild = "{service}" if index == service_at else "*"
        text = part.replace(WILD, prefix + wild if index == len(shape.parts) - 2 else wild)
        parts.append(text.replace(ENVIRONMENT, environment))
    *directories, head, tail = parts
    text = "/".join([*directories, head + tail])
    return text.removeprefix("*/") if text.startswith(f"*/{DEEP}/") else text
