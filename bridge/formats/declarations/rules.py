"""The rule language: which files of an infra repository declare which images for which targets.

``RuleSet`` answers for every changed path of a long history, so its answers by path are cached and its rules compiled once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from bridge.domain.names import ImageRef, Target, make_image, parse_name
from bridge.formats.declarations.catalog import FORMATS
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.found import Found
from bridge.formats.declarations.naming import as_name_settings, fill_template
from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.rule_settings import RuleSettings
from bridge.formats.declarations.yaml_text import Value, read_documents

__all__ = ["RuleSet", "RuleSettings"]

_REMEMBERED_PATHS = 65_536  # answers kept; a repository has fewer files, its history not many more
_MOST_DECLARATIONS = 10_000  # in one file, by one rule; far beyond any real one
_TEMPLATED_SUFFIXES = (".gotmpl", ".tpl")


class RuleSet:
    """All rules of one source, in the order of the configuration."""

    def __init__(self, rules: Sequence[RuleSettings]) -> None:
        self._rules = tuple(_Rule(settings) for settings in rules)
        written = [settings.model_dump(mode="json", by_alias=True) for settings in rules]
        self.digest = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
        self._matching = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_matching)
        self._containing = lru_cache(maxsize=_REMEMBERED_PATHS)(self._find_containing)

    def matches(self, path: str) -> bool:
        """Whether any rule reads the file at ``path`` (``/``-separated, from the root of the repository)."""
        return bool(self._matching(path))

    def may_contain(self, directory: str) -> bool:
        """Whether any file below ``directory`` ("" is the root) could match a rule."""
        return self._containing(directory)

    def read(self, path: str, data: bytes) -> tuple[Declaration, ...]:
        """What the file declares by every rule that matches its path, in the order of rules and of the file.

        Raises:
            Unreadable: the file can't be read as one of the rules says.
        """
        parsed: dict[bool, list[Value]] = {}
        found: list[Declaration] = []
        for rule, captures in self._matching(path):
            templated = rule.is_templated(path)
            if templated not in parsed:
                parsed[templated] = read_documents(data, templated=templated)
            found.extend(rule.declarations(path, captures, parsed[templated]))
        return tuple(found)

    def _find_matching(self, path: str) -> tuple[tuple[_Rule, Mapping[str, str]], ...]:
        matching = ((rule, rule.match(path)) for rule in self._rules)
        return tuple((rule, captures) for rule, captures in matching if captures is not None)

    def _find_containing(self, directory: str) -> bool:
        return any(rule.may_contain(directory) for rule in self._rules)


class _Rule:
    """One rule, compiled."""

    def __init__(self, settings: RuleSettings) -> None:
        self._settings = settings
        self._format = FORMATS[settings.format]
        self._patterns = tuple(PathPattern(text) for text in settings.patterns)
        self._ignored = tuple(PathPattern(text) for text in settings.ignore)
        self._environment = as_name_settings(settings.environment)
        self._service = as_name_settings(settings.service)
        self._strict = self._format.strict
        self._named: dict[str, Target | None] = {}
        self._repositories: dict[tuple[str, Target], str | None] = {}

    def match(self, path: str) -> Mapping[str, str] | None:
        """What the first pattern that matches captures; None where none does."""
        for pattern in self._patterns:
            if (captures := pattern.match(path)) is not None:
                return None if any(ignored.match(path) is not None for ignored in self._ignored) else captures
        return None

    def may_contain(self, directory: str) -> bool:
        return any(pattern.may_contain(directory) for pattern in self._patterns)

    def is_templated(self, path: str) -> bool:
        set_so = self._settings.templated
        return path.endswith(_TEMPLATED_SUFFIXES) if set_so is None else set_so

    def declarations(self, path: str, captures: Mapping[str, str], documents: list[Value]) -> Iterator[Declaration]:
        for number, found in enumerate(self._format.find(documents, self._settings)):
            if number >= _MOST_DECLARATIONS:
                msg = f"more than {_MOST_DECLARATIONS} images in one file"
                raise Unreadable(msg)
            target = self._target(path, captures, found)
            if target is None or not self._keeps(target.service):
                continue
            image = self._image(path, captures, target, found)
            if image is not None and self._keeps_image(image):
                yield Declaration(target, image, found.pointer)

    def _target(self, path: str, captures: Mapping[str, str], found: Found) -> Target | None:
        """The target's name; remembered where the path alone decides it, for a long history asks again and again."""
        if found.service is not None or found.namespace is not None or found.labels:
            return self._name(path, captures, found)
        if path not in self._named:
            if len(self._named) >= _REMEMBERED_PATHS:
                self._named.clear()
            self._named[path] = self._name(path, captures, found)
        return self._named[path]

    def _name(self, path: str, captures: Mapping[str, str], found: Found) -> Target | None:
        own = captures.get("service") if not self._settings.tags else None
        own = own or found.service or (_name_from_path(path, captures) if self._format.named_after_path else None)
        service = self._service.name_of(own, captures, path, found)
        environment = self._environment.name_of(captures.get("environment"), captures, path, found)
        if service is None or environment is None:
            return None
        try:
            return _make_target(service, environment)
        except ValueError as error:
            if self._strict:
                raise Unreadable(f"at {found.pointer}: {error}") from None
            return None

    def _image(self, path: str, captures: Mapping[str, str], target: Target, found: Found) -> ImageRef | None:
        try:
            return make_image(found.repository or self._repository(path, captures, target), found.tag, found.digest)
        except ValueError:
            if self._strict:
                raise Unreadable(f"at {found.pointer}: {_why_no_image(found)}") from None
            return None

    def _repository(self, path: str, captures: Mapping[str, str], target: Target) -> str | None:
        """What the rule says the repository is; remembered like the target's name."""
        if (path, target) not in self._repositories:
            if len(self._repositories) >= _REMEMBERED_PATHS:
                self._repositories.clear()
            self._repositories[path, target] = self._fill_repository(captures, target)
        return self._repositories[path, target]

    def _fill_repository(self, captures: Mapping[str, str], target: Target) -> str | None:
        repository = self._settings.repository
        if isinstance(repository, dict):
            repository = next((text for glob, text in repository.items() if fnmatchcase(target.service, glob)), None)
        if repository is None:
            return None
        return fill_template(repository, {**captures, "service": target.service, "environment": target.environment})

    def _keeps(self, service: str) -> bool:
        only, left_out = self._settings.only, self._settings.except_
        if not only and not left_out:
            return True
        return (not only or _any_matches(service, only)) and not _any_matches(service, left_out)

    def _keeps_image(self, image: ImageRef) -> bool:
        wanted = self._settings.images
        return not wanted or (image.repository is not None and _any_matches(image.repository, wanted))


@lru_cache(maxsize=_REMEMBERED_PATHS)
def _make_target(service: str, environment: str) -> Target:
    return Target(parse_name(service, "a service"), parse_name(environment, "an environment"))


def _any_matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _name_from_path(path: str, captures: Mapping[str, str]) -> str:
    """The nearest directory that is not itself a captured word, else the file's name up to its first dot."""
    *directories, file = path.split("/")
    taken = set(captures.values())
    return next((name for name in reversed(directories) if name not in taken), file.split(".", 1)[0] or file)


def _why_no_image(found: Found) -> str:
    """The reason without the value: what stands there may be a secret that the rule points at by mistake."""
    if found.tag is None and found.digest is None:
        return "the image names no version: expected repository:tag or repository@digest"
    try:
        make_image(None, found.tag, found.digest)
    except ValueError:
        expected = "a tag of up to 128 of A-Z a-z 0-9 _ . - or a digest such as sha256:<64 hex digits>"
        return f"the value is no image version: expected {expected}"
    return "the image repository is malformed: expected one such as ghcr.io/acme/shop"
