"""One entry of ``rules:``: which files are read how, for which targets. What needs no file is checked here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from bridge.domain.names import parse_name
from bridge.formats.configuration import SettingsModel
from bridge.formats.declarations.catalog import FORMATS
from bridge.formats.declarations.keys import parse_dotted
from bridge.formats.declarations.naming import NameSettings, as_name_settings, missing_words, template_words
from bridge.formats.declarations.path_patterns import PathPattern
from bridge.formats.declarations.regex import compile_pattern, words_of


def _known_format(name: str) -> str:
    if name not in FORMATS:
        msg = f"{name!r} is no format: expected one of {', '.join(sorted(FORMATS))}"
        raise ValueError(msg)
    return name


def _pattern(text: str) -> str:
    PathPattern(text)
    return text


def _dotted(text: str) -> str:
    parse_dotted(text)
    return text


def _expression(text: str) -> str:
    compile_pattern(text)
    return text


def _template(text: str) -> str:
    template_words(text)
    return text


FormatName = Annotated[str, AfterValidator(_known_format), WithJsonSchema({"type": "string", "enum": sorted(FORMATS)})]
Pattern = Annotated[str, AfterValidator(_pattern)]
DottedPath = Annotated[str, AfterValidator(_dotted)]
Expression = Annotated[str, AfterValidator(_expression)]
Template = Annotated[str, AfterValidator(_template)]

# While the rules of a source are checked: the words that its branches capture; None: it reads a single branch.
_BRANCH_WORDS: ContextVar[frozenset[str] | None] = ContextVar("branch_words", default=None)

_ALL_OPTIONS = frozenset[str]().union(*(known.options for known in FORMATS.values()))


@contextmanager
def rules_of_branches(words: frozenset[str] | None) -> Iterator[None]:
    """Rules that are checked meanwhile are those of several branches, whose names capture ``words``; None: of a single one."""
    token = _BRANCH_WORDS.set(words)
    try:
        yield
    finally:
        _BRANCH_WORDS.reset(token)


class RuleSettings(SettingsModel):
    """Which files are read in which format, and the targets that their images belong to."""

    files: Pattern | tuple[Pattern, ...] = Field(
        description="path patterns from the root of the repository: * and ? within a segment, ** any depth, {environment}, "
        "{service} and other {words} captured, {environment:dev|prod} only these; the first that matches counts"
    )
    format: FormatName = Field(description="how the files declare images")
    ignore: tuple[Pattern, ...] = Field(default=(), description="path patterns of files that are not read")
    environment: Template | NameSettings | None = Field(
        default=None,
        description="a word, a template of captured words, or where the name comes from; default: {environment} of `files` or "
        "`branch`",
    )
    service: Template | NameSettings | None = Field(
        default=None,
        description="the same for the service; default: {service} of `files`, else the name that the format finds",
    )
    repository: Template | dict[str, Template] | None = Field(
        default=None,
        description="the image repository where the file declares only a tag: a template of captured words and {service}, "
        "{environment}; or one for each glob of service names, the first that matches counts",
    )
    inherited_by: Pattern | tuple[Pattern, ...] = Field(
        default=(),
        description="path patterns: the files declare for every {environment} (and {service}) for which such a file exists, "
        "where no rule declares the image for it directly; words that `files` captures too must be the same",
    )
    only: tuple[str, ...] = Field(default=(), description="globs of service names: others are left out")
    except_: tuple[str, ...] = Field(default=(), alias="except", description="globs of service names that are left out")
    images: tuple[str, ...] = Field(
        default=(),
        description="globs of image repositories (* also matches /): images of others, or of none, are left out",
    )
    templated: bool | None = Field(
        default=None,
        description="blank out Go template actions before reading; default: for files that end in .gotmpl or .tpl",
    )
    tag: DottedPath | None = Field(
        default=None, description='keys: dotted path of the tag, such as image.tag or a.0."b.c"'
    )
    digest: DottedPath | None = Field(default=None, description="keys: dotted path of the digest")
    image: DottedPath | None = Field(default=None, description="keys: dotted path of a whole image reference")
    tags: dict[str, DottedPath] = Field(
        default_factory=dict, description="keys: one file for several services, service: dotted path of its tag"
    )
    repositories: dict[str, DottedPath] = Field(
        default_factory=dict,
        description="keys, with `tags`: service: dotted path of its image repository; where none stands, `repository` counts",
    )
    pattern: Expression | None = Field(
        default=None,
        description="regex: an expression of RE2 with named groups: image, or tag and digest, repository; service, environment",
    )
    charts: bool = Field(
        default=False,
        description="argocd, argocd-source, helm-release, auto: declare the pinned versions of Helm charts too",
    )

    @property
    def patterns(self) -> tuple[str, ...]:
        """``files`` as a list."""
        return (self.files,) if isinstance(self.files, str) else self.files

    @property
    def heirs(self) -> tuple[str, ...]:
        """``inherited_by`` as a list."""
        return (self.inherited_by,) if isinstance(self.inherited_by, str) else self.inherited_by

    def never_named_after(self, branch: str) -> str | None:
        """The pattern by which names come from the branch, where this branch does not match it."""
        patterns = (as_name_settings(naming).pattern for naming in (self.environment, self.service))
        return next((each for each in patterns if each and PathPattern(each).match(branch) is None), None)

    @field_validator("files")
    @classmethod
    def _some_files(cls, files: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not files:
            msg = "no path pattern: expected at least one"
            raise ValueError(msg)
        return files

    @model_validator(mode="after")
    def _options_of_the_format(self) -> RuleSettings:
        given = {option for option in _ALL_OPTIONS if getattr(self, option)}
        if extra := given - FORMATS[self.format].options:
            msg = f"`{'`, `'.join(sorted(extra))}`: no option of the format {self.format}"
            raise ValueError(msg)
        if self.format == "keys" and (bool(self.tags) + bool(self.image) + bool(self.tag or self.digest)) != 1:
            msg = "the format keys needs exactly one of `tag` (perhaps with `digest`), `image` and `tags`"
            raise ValueError(msg)
        if self.format == "regex" and self.pattern is None:
            msg = "the format regex needs `pattern`"
            raise ValueError(msg)
        if extra := self.repositories.keys() - self.tags.keys():
            msg = f"`repositories` names services that `tags` does not: {', '.join(sorted(extra))}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_can_be_had(self) -> RuleSettings:
        environment, service = as_name_settings(self.environment), as_name_settings(self.service)
        known, grouped = FORMATS[self.format], words_of(self.pattern)
        self._check_words(environment, "environment", has_own_name="environment" in grouped)
        self._check_words(
            service, "service", has_own_name=known.names_services or bool(self.tags) or "service" in grouped
        )
        if service.source == "suffix":
            msg = "`service`: the suffix names the environment: set `environment: {from: suffix, ...}`"
            raise ValueError(msg)
        needed = frozenset[str]().union(*(template_words(text) for text in self._repositories()))
        self._check_captured(needed - {"service", "environment"}, "repository")
        words = _BRANCH_WORDS.get()
        if words is not None and not any(
            naming.comes_from_branch(words, own) for naming, own in ((environment, "environment"), (service, "service"))
        ):
            msg = (
                "every branch would declare the same targets: capture {environment} in `branch`, or let `environment` or "
                "`service` use a word that `branch` captures, or `from: branch`"
            )
            raise ValueError(msg)
        return self

    def _check_words(self, naming: NameSettings, what: str, *, has_own_name: bool) -> None:
        known = FORMATS[self.format]
        lacks_object = naming.source in {"namespace", "label", "annotation"} and not known.has_objects
        if lacks_object or (naming.source == "key" and not known.has_keys):
            msg = f"`{what}`: files of the format {self.format} have no {naming.source}: expected `from: path`, a text or a capture"
            raise ValueError(msg)
        if naming.source == "default" and not has_own_name:
            self._check_captured({what}, what)
        self._check_captured(naming.words, what)
        for name in naming.fixed_names:
            try:
                parse_name(name, "a name")
            except ValueError as error:
                msg = f"`{what}`: {error}"
                raise ValueError(msg) from None
        if naming.source == "path" and naming.segment is not None:
            self._check_segment(naming.segment, what)

    def _check_segment(self, segment: int, what: str) -> None:
        for pattern in self.patterns:
            depth = len(pattern.split("/"))
            if "**" not in pattern and not -depth <= segment < depth:
                msg = f"`{what}` can't be had: {pattern!r} has no segment {segment}: expected {-depth} to {depth - 1}"
                raise ValueError(msg)

    def _check_captured(self, needed: frozenset[str] | set[str], what: str) -> None:
        for pattern in self.patterns:
            for heir in self.heirs or (None,):
                words = PathPattern(pattern).words | (PathPattern(heir).words if heir else frozenset())
                words |= _BRANCH_WORDS.get() or frozenset()
                if missing := missing_words(needed, words):
                    shown = f"{pattern!r} and {heir!r} do" if heir else f"{pattern!r} does"
                    msg = f"`{what}` can't be had: {shown} not capture {missing}; capture it in `files` or set `{what}`"
                    raise ValueError(msg)

    def _repositories(self) -> tuple[str, ...]:
        if isinstance(self.repository, str):
            return (self.repository,)
        return tuple((self.repository or {}).values())
