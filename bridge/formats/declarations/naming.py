"""How a service or an environment gets its name: from the path, from what the format finds, or by a fixed text; then renamed.

A template is text with ``{word}`` for the words captured by the rule's path pattern.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field, model_validator

from bridge.formats.configuration import SettingsModel
from bridge.formats.declarations.found import Found

_WORD = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class NameSettings(SettingsModel):
    """Where a name comes from, and what is done to it: prefix and suffix are cut off first, then it is renamed."""

    source: Literal["default", "text", "path", "namespace", "label"] = Field(
        default="default",
        alias="from",
        description="default: the captured {service} or {environment}, else the name that the format finds; text: a template; "
        "path: a segment of the file's path; namespace, label: of the object (format manifests)",
    )
    text: str | None = Field(default=None, description="for `from: text`: a word, or a template of captured {words}")
    segment: int | None = Field(
        default=None, description="for `from: path`: which segment, 0 is the first, -1 the file's name"
    )
    label: str | None = Field(default=None, description="for `from: label`: the label's key")
    strip_prefix: str = Field(default="", description="cut off the beginning of the name where it is there")
    strip_suffix: str = Field(default="", description="cut off the end of the name where it is there")
    rename: dict[str, str] = Field(default_factory=dict, description="old name: new name")

    @model_validator(mode="after")
    def _its_own_option(self) -> NameSettings:
        for option, source in (("text", "text"), ("segment", "path"), ("label", "label")):
            if (getattr(self, option) is not None) != (self.source == source):
                msg = f"`{option}` and `from: {source}` belong together: expected both or neither"
                raise ValueError(msg)
        return self

    @property
    def words(self) -> frozenset[str]:
        """The captured words that the name needs."""
        return template_words(self.text) if self.text is not None else frozenset()

    def name_of(self, default: str | None, captures: Mapping[str, str], path: str, found: Found) -> str | None:
        """The name, or None where its source has none."""
        name = self._raw(default, captures, path, found)
        if name is None:
            return None
        name = name.removeprefix(self.strip_prefix).removesuffix(self.strip_suffix)
        return self.rename.get(name, name)

    def _raw(self, default: str | None, captures: Mapping[str, str], path: str, found: Found) -> str | None:
        name: str | None
        match self.source:
            case "default":
                name = default
            case "text":
                name = fill_template(self.text or "", captures)
            case "path":
                segments = path.split("/")
                at = self.segment or 0
                name = segments[at] if -len(segments) <= at < len(segments) else None
            case "namespace":
                name = found.namespace
            case _:  # label
                name = found.labels.get(self.label or "")
        return name


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
