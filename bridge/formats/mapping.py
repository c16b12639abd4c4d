"""From an object of a cluster to its target: which service it is, and in which environment.

One list of rules serves every observer; the first rule that matches an object counts, and an object that none matches is not
observed. A rule captures words from the object's name and namespace and from the cluster's name, in the language of the path
patterns of ``sources``, and makes names of them; without any rule the service is the label ``app.kubernetes.io/name``, else the
object's name, and the environment is the namespace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bridge.domain.names import Target, parse_name
from bridge.formats.configuration import SettingsModel
from bridge.formats.declarations.naming import fill_template, missing_words, template_words
from bridge.formats.declarations.path_patterns import PathPattern

NAME_LABEL = "app.kubernetes.io/name"

_OPTIONS = {"text": "text", "label": "label", "annotation": "annotation"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of an object when its target is looked for: a workload, an Application, a Kustomization, a HelmRelease.

    ``namespace`` is where its workloads run (for an Argo CD Application the destination's), ``cluster`` the observer's word for
    the cluster (for Argo CD the destination's name or server).
    """

    kind: str
    name: str
    namespace: str
    cluster: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def _pattern(text: str) -> str:
    if "/" in text:
        msg = f"{text!r} is not a name pattern: names of objects, namespaces and clusters hold no slash"
        raise ValueError(msg)
    PathPattern(text)
    return text


def _template(text: str) -> str:
    template_words(text)
    return text


NamePattern = Annotated[str, AfterValidator(_pattern)]
Template = Annotated[str, AfterValidator(_template)]


class MappedName(SettingsModel):
    """Where a name comes from, and what is done to it: prefix and suffix are cut off first, then it is renamed."""

    source: Literal["default", "text", "name", "namespace", "cluster", "label", "annotation"] = Field(
        default="default",
        alias="from",
        description="default: the captured {service} or {environment}, else for the service the label app.kubernetes.io/name or "
        "the object's name, for the environment the namespace; text: a template; name, namespace, cluster, label, annotation",
    )
    text: Template | None = Field(
        default=None, description="for `from: text`: a word, or a template of captured {words}"
    )
    label: str | None = Field(default=None, description="for `from: label`: the label's key")
    annotation: str | None = Field(default=None, description="for `from: annotation`: the annotation's key")
    strip_prefix: str = Field(default="", description="cut off the beginning of the name where it is there")
    strip_suffix: str = Field(default="", description="cut off the end of the name where it is there")
    rename: dict[str, str] = Field(default_factory=dict, description="old name: new name")

    @model_validator(mode="after")
    def _its_own_option(self) -> MappedName:
        for option, source in _OPTIONS.items():
            if (getattr(self, option) is not None) != (self.source == source):
                msg = f"`{option}` and `from: {source}` belong together: expected both or neither"
                raise ValueError(msg)
        return self

    @property
    def words(self) -> frozenset[str]:
        """The captured words that the name needs."""
        return template_words(self.text) if self.text is not None else frozenset()

    def name_of(self, default: str | None, words: Mapping[str, str], subject: Subject) -> str | None:
        """The name, or None where its source has none."""
        name: str | None
        match self.source:
            case "default":
                name = default
            case "text":
                name = fill_template(self.text or "", words)
            case "name" | "namespace" | "cluster":
                name = getattr(subject, self.source)
            case "label":
                name = subject.labels.get(self.label or "")
            case _:  # annotation
                name = subject.annotations.get(self.annotation or "")
        if not name:
            return None
        name = name.removeprefix(self.strip_prefix).removesuffix(self.strip_suffix)
        return self.rename.get(name, name)


class MappingRule(SettingsModel):
    """Which objects it is about, and the service and environment that they belong to."""

    name: NamePattern | None = Field(
        default=None,
        description="pattern of the object's name: * and ? any characters, {service}, {environment} and other {words} captured, "
        "{environment:dev|prod} only these",
    )
    namespace: NamePattern | None = Field(default=None, description="the same for the namespace")
    cluster: NamePattern | None = Field(default=None, description="the same for the cluster's name")
    labels: dict[str, str] = Field(
        default_factory=dict, description="labels that the object must have, key: glob of values"
    )
    service: Template | MappedName | None = Field(
        default=None, description="a word, a template of captured words, or where the name comes from"
    )
    environment: Template | MappedName | None = Field(default=None, description="the same for the environment")
    ignore: bool = Field(default=False, description="true: what it matches is not observed")

    @model_validator(mode="after")
    def _words_are_captured(self) -> MappingRule:
        captured: set[str] = set()
        for key in ("name", "namespace", "cluster"):
            words = _words_of(getattr(self, key))
            if again := captured & words:
                msg = f"`{key}` captures {{{min(again)}}} a second time: each word can come from one place only"
                raise ValueError(msg)
            captured |= words
        for what in ("service", "environment"):
            if missing := missing_words(_as_mapped(getattr(self, what)).words, captured):
                msg = f"`{what}` can't be had: no pattern of this rule captures {missing}"
                raise ValueError(msg)
        return self


class TargetMap:
    """The rules of one observer, compiled: from a subject to its target."""

    def __init__(self, rules: Sequence[MappingRule] = ()) -> None:
        """Without a rule the defaults hold for every object."""
        self._rules = [_Rule(rule) for rule in rules or (MappingRule(),)]

    def target_of(self, subject: Subject) -> Target | None:
        """The target; None where no rule matches, the rule says so, or a name that it needs is missing or can't be one."""
        for rule in self._rules:
            words = rule.match(subject)
            if words is not None:
                return rule.target(words, subject)
        return None


class _Rule:
    def __init__(self, settings: MappingRule) -> None:
        self._patterns = {
            key: PathPattern(text)
            for key in ("name", "namespace", "cluster")
            if (text := getattr(settings, key)) is not None
        }
        self._labels = settings.labels
        self._ignore = settings.ignore
        self._service = _as_mapped(settings.service)
        self._environment = _as_mapped(settings.environment)

    def match(self, subject: Subject) -> dict[str, str] | None:
        """The captured words, or None."""
        words: dict[str, str] = {}
        for key, pattern in self._patterns.items():
            found = pattern.match(getattr(subject, key))
            if found is None:
                return None
            words |= found
        for label, glob in self._labels.items():
            if (value := subject.labels.get(label)) is None or not fnmatchcase(value, glob):
                return None
        return words

    def target(self, words: Mapping[str, str], subject: Subject) -> Target | None:
        if self._ignore:
            return None
        own = words.get("service") or subject.labels.get(NAME_LABEL) or subject.name
        service = self._service.name_of(own, words, subject)
        environment = self._environment.name_of(words.get("environment") or subject.namespace, words, subject)
        if service is None or environment is None:
            return None
        try:
            return Target(parse_name(service, "a service name"), parse_name(environment, "an environment name"))
        except ValueError:
            return None


def _words_of(pattern: str | None) -> frozenset[str]:
    return frozenset() if pattern is None else PathPattern(pattern).words


def _as_mapped(value: str | MappedName | None) -> MappedName:
    if isinstance(value, str):
        return MappedName.model_validate({"from": "text", "text": value})
    return value or MappedName()
