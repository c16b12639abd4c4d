"""How a service or an environment gets its name: from the path, from what the format finds, or by a fixed text; then renamed.

A template is text with ``{word}`` for the words captured by the rule's path pattern, and by the branch's where several are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from bridge.formats.configuration import SettingsModel
from bridge.formats.declarations.found import Found
from bridge.formats.declarations.path_patterns import PathPattern

_WORD = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class NameSettings(SettingsModel):
    """Where a name comes from, and what is done to it: prefix and suffix are cut off first, then it is renamed."""

    source: Literal["default", "text", "path", "namespace", "label", "annotation", "key", "branch", "suffix"] = Field(
        default="default",
        alias="from",
        description="default: the captured {service} or {environment}, else the name that the format finds; text: a template; "
        "path: a segment of the file's path; namespace, label, annotation: of the object around the image; key: one of the "
        "keys above the image (values files); branch: the branch that is read; suffix: the end of the service's name "
        "(for environments), which is cut off there",
    )
    text: str | None = Field(default=None, description="for `from: text`: a word, or a template of captured {words}")
    segment: int | None = Field(
        default=None,
        description="for `from: path` and `from: key`: which segment or key, 0 is the first, -1 the file's name or the last key",
    )
    label: str | None = Field(default=None, description="for `from: label`: the label's key")
    annotation: str | None = Field(default=None, description="for `from: annotation`: the annotation's key")
    pattern: str | None = Field(
        default=None,
        description="for `from: branch`: a pattern that captures {name}, such as env/{name}; default: the whole name",
    )
    suffixes: dict[str, str] = Field(
        default_factory=dict, description='for `from: suffix`: suffix: environment, such as {"-dev": dev}'
    )
    otherwise: str | None = Field(
        default=None, description="for `from: suffix`: the environment of services without any; default: left out"
    )
    strip_prefix: str = Field(default="", description="cut off the beginning of the name where it is there")
    strip_suffix: str = Field(default="", description="cut off the end of the name where it is there")
    rename: dict[str, str] = Field(default_factory=dict, description="old name: new name")

    @model_validator(mode="after")
    def _its_own_options(self) -> NameSettings:
        for option, sources, is_needed in _OPTIONS:
            given = bool(getattr(self, option)) or (option == "segment" and self.segment is not None)
            if (given and self.source not in sources) or (is_needed and not given and self.source in sources):
                pairs = " or ".join(f"`from: {source}`" for source in sources)
                msg = f"`{option}` and {pairs} belong together: expected both or neither"
                raise ValueError(msg)
        if self.pattern is not None and PathPattern(self.pattern).words != {"name"}:
            msg = f"`pattern`: {self.pattern!r} does not capture {{name}} and nothing else"
            raise ValueError(msg)
        return self

    @property
    def words(self) -> frozenset[str]:
        """The captured words that the name needs."""
        return template_words(self.text) if self.text is not None else frozenset()

    def comes_from_branch(self, words: frozenset[str], own: str) -> bool:
        """Whether the name differs from branch to branch, whose names capture ``words``; ``own``: the word of the default."""
        return self.source == "branch" or bool(self.words & words) or (self.source == "default" and own in words)

    @property
    def fixed_names(self) -> tuple[str, ...]:
        """The names that it can give and that no file decides, as they are called in the log."""
        given = [*self.suffixes.values(), *([] if self.otherwise is None else [self.otherwise])]
        if self.text is not None and not self.words:
            given.append(self._stripped(self.text))
        return (*map(self.renamed, given), *self.rename.values())

    def name_of(
        self, default: str | None, captures: Mapping[str, str], path: str, found: Found, branch: str | None = None
    ) -> str | None:
        """The name as it is before renaming, or None where its source has none."""
        name = self._raw(default, captures, path, found, branch)
        return None if name is None else self._stripped(name)

    def renamed(self, name: str) -> str:
        """What the name is called in the log."""
        return self.rename.get(name, name) if self.rename else name

    def split(self, service: str) -> tuple[str, str | None]:
        """For ``from: suffix``: the service without the suffix, and the environment; the longest suffix counts."""
        for suffix in sorted(self.suffixes, key=len, reverse=True):
            if service.endswith(suffix) and service != suffix:
                return service.removesuffix(suffix), self.suffixes[suffix]
        return service, self.otherwise

    def _stripped(self, name: str) -> str:
        return name.removeprefix(self.strip_prefix).removesuffix(self.strip_suffix)

    def _raw(
        self, default: str | None, captures: Mapping[str, str], path: str, found: Found, branch: str | None
    ) -> str | None:
        name: str | None
        match self.source:
            case "default":
                name = default
            case "text":
                name = fill_template(self.text or "", captures)
            case "path":
                name = _segment(path.split("/"), self.segment or 0)
            case "key":
                name = _segment(found.keys, self.segment or 0)
            case "namespace":
                name = found.around.namespace
            case "label":
                name = found.around.labels.get(self.label or "")
            case "annotation":
                name = found.around.annotations.get(self.annotation or "")
            case "branch":
                captured = PathPattern(self.pattern).match(branch) if self.pattern and branch else None
                name = (captured["name"] if captured else None) if self.pattern else branch
            case _:  # suffix: `split` names it
                name = None
        return name


# option, the sources that it belongs to, whether they need it
_OPTIONS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("text", ("text",), True),
    ("segment", ("path", "key"), True),
    ("label", ("label",), True),
    ("annotation", ("annotation",), True),
    ("pattern", ("branch",), False),
    ("suffixes", ("suffix",), True),
    ("otherwise", ("suffix",), False),
)


def _segment(segments: Sequence[str], at: int) -> str | None:
    return segments[at] if -len(segments) <= at < len(segments) else None


def as_name_settings(value: str | NameSettings | None) -> NameSettings:
    """A plain text is a template; nothing is the default."""
    if isinstance(value, str):
        return NameSettings.model_validate({"from": "text", "text": value})
    return value or NameSettings()


def template_words(text: str) -> frozenset[str]:
    """The words that a template needs.

    Raises:
        ValueError: a brace that belongs to no ``{word}``.
    """
    if "{" in (rest := _WORD.sub("", text)) or "}" in rest:
        msg = f"{text!r} is not a template: expected captured words in braces, such as {{service}}"
        raise ValueError(msg)
    return frozenset(_WORD.findall(text))


def fill_template(text: str, words: Mapping[str, str]) -> str:
    """Put the words in; those that the template needs were checked when the rule was."""
    return _WORD.sub(lambda match: words[match[1]], text) if "{" in text else text


def missing_words(needed: Collection[str], captured: Collection[str]) -> str:
    """The words that a pattern does not capture, for an error; empty where it captures all."""
    return ", ".join(f"{{{word}}}" for word in sorted(set(needed) - set(captured)))
