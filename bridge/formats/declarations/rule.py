"""One rule, compiled: which files it reads, and what the images found there declare for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TypeAlias, cast

from bridge.domain.names import ImageRef, Target, make_image, parse_name
from bridge.formats.declarations.catalog import FORMATS
from bridge.formats.declarations.declaration import ANY_VERSION, Declaration, Unreadable
from bridge.formats.declarations.found import MOST_IMAGES, Found, Options, check_number
from bridge.formats.declarations.naming import as_name_settings, fill_template
from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.rule_settings import RuleSettings
from bridge.formats.declarations.yaml_text import Value

_Find: TypeAlias = "Callable[[list[Value] | str, Options], Iterator[Found]]"  # given what the format reads
_REMEMBERED_PATHS = 65_536  # names kept; a repository has fewer files, its history not many more
_TEMPLATED_SUFFIXES = (".gotmpl", ".tpl")


class Rule:
    """One rule, compiled."""

    def __init__(
        self, settings: RuleSettings, branch: str | None, words: Mapping[str, str], *, inherits: bool = False
    ) -> None:
        """``words``: what the branch's name captures; a path that captures one of them must have the same text there.

        ``inherits``: there are rules from which what this one reads may inherit, so that it may rename too.
        """
        self._settings = settings
        self._branch = branch
        self._words = words
        self._format = FORMATS[settings.format]
        self._patterns = tuple(PathPattern(text) for text in settings.patterns)
        self._ignored = tuple(PathPattern(text) for text in settings.ignore)
        self._heirs = tuple(PathPattern(text) for text in settings.heirs)
        self._environment = as_name_settings(settings.environment)
        self._service = as_name_settings(settings.service)
        self.reads_text = self._format.find_in_text is not None  # it wants a file's text and not its documents
        self._find = cast("_Find", self._format.find_in_text or self._format.find)
        self._find_renames = self._format.find_renames if inherits else None
        self._strict = self._format.strict
        self._names_vary = self._format.has_objects or self.reads_text
        self._named: dict[str, Target | None] = {}
        self._repositories: dict[tuple[str, Target], str | None] = {}

    @property
    def is_inherited(self) -> bool:
        """Whether its files declare for others, see ``inherited_by``, and not for themselves."""
        return bool(self._heirs)

    def match(self, path: str) -> Mapping[str, str] | None:
        """What the first pattern that matches captures; None where none does."""
        for pattern in self._patterns:
            if (captures := self._with_words(pattern.match(path))) is not None:
                return None if any(ignored.match(path) is not None for ignored in self._ignored) else captures
        return None

    def match_heir(self, path: str) -> Mapping[str, str] | None:
        """What the first pattern of heirs that matches captures; None where none does."""
        found = (self._with_words(heir.match(path)) for heir in self._heirs)
        return next((captures for captures in found if captures is not None), None)

    def _with_words(self, captures: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """What path and branch capture together; None where they disagree."""
        if captures is None or not self._words:
            return captures
        together = {**self._words, **captures}
        return together if all(together[word] == text for word, text in self._words.items()) else None

    def may_contain(self, directory: str) -> bool:
        """Whether it looks at any file below the directory."""
        return any(pattern.may_contain(directory) for pattern in (*self._patterns, *self._heirs))

    def is_templated(self, path: str) -> bool:
        """Whether Go template actions are blanked out before reading."""
        set_so = self._settings.templated
        return path.endswith(_TEMPLATED_SUFFIXES) if set_so is None else set_so

    def find(self, content: list[Value] | str) -> Iterator[Found]:
        """What the file holds; ``content`` is its text where the rule ``reads_text``, else its documents.

        Raises:
            Unreadable: it is malformed for the format, or holds too many images.
        """
        for number, found in enumerate(self._find(content, self._settings)):
            if number >= MOST_IMAGES:
                check_number(number + 1)
            yield found
        yield from self._renames(content)

    def _renames(self, content: list[Value] | str) -> Iterator[Found]:
        if self._find_renames is not None and isinstance(content, list):
            yield from self._find_renames(content, self._settings)

    def declarations(self, path: str, captures: Mapping[str, str], content: list[Value] | str) -> Iterator[Declaration]:
        """What the found images declare for the file's own targets; those that are left out or name no target don't."""
        for number, found in enumerate(self._find(content, self._settings)):
            if number >= MOST_IMAGES:
                check_number(number + 1)
            target = self._target(path, captures, found)
            if target is None or not self._keeps(target.service):
                continue
            image = self._image(found, self._repository(path, captures, target))
            if image is not None and self._keeps_image(image):
                yield Declaration(target, image, found.pointer, 0, found.part)
        for found in self._renames(content):
            renaming = self.bequeath(path, captures, found, 0)
            if renaming is not None:
                yield renaming

    def bequeath(self, path: str, captures: Mapping[str, str], found: Found, level: int) -> Declaration | None:
        """The same for an heir, whose captured words are among ``captures``."""
        target = self._name(path, captures, found)
        if target is None or not self._keeps(target.service):
            return None
        if found.tag is None and found.digest is None:
            named = replace(found, tag="any")
            image = self._image(named, None)
            if image is None or not self._keeps_image(image):
                return None
            anything = ImageRef(image.repository, ANY_VERSION)
            return Declaration(target, anything, found.pointer, level, found.part, renames=True)
        image = self._image(found, self._fill_repository(captures, target))
        if image is None or not self._keeps_image(image):
            return None
        return Declaration(target, image, found.pointer, level, found.part)

    def _target(self, path: str, captures: Mapping[str, str], found: Found) -> Target | None:
        """The target's name; remembered where the path alone decides it, for a long history asks again and again."""
        if self._names_vary or found.service is not None or found.keys:
            return self._name(path, captures, found)
        if path not in self._named:
            if len(self._named) >= _REMEMBERED_PATHS:
                self._named.clear()
            self._named[path] = self._name(path, captures, found)
        return self._named[path]

    def _name(self, path: str, captures: Mapping[str, str], found: Found) -> Target | None:
        own = captures.get("service") if not self._settings.tags else None
        after_path = self._format.named_after_path
        own = own or found.service or (after_path(path, captures) if after_path else None)
        service = self._service.name_of(own, captures, path, found, self._branch)
        if service is not None and self._environment.source == "suffix":
            service, environment = self._environment.split(service)
        else:
            default = captures.get("environment") or found.environment
            environment = self._environment.name_of(default, captures, path, found, self._branch)
        if service is None or environment is None:
            return None
        try:
            return _make_target(self._service.renamed(service), self._environment.renamed(environment))
        except ValueError as error:
            if self._strict:
                raise Unreadable(f"at {found.pointer}: {error}") from None
            return None

    def _image(self, found: Found, repository: str | None) -> ImageRef | None:
        try:
            return make_image(found.repository or repository, found.tag, found.digest)
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
