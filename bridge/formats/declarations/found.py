"""What a format finds in a file, before the rule gives it a target: the parts of an image reference and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.go_templates import is_opaque
from bridge.formats.declarations.yaml_text import Value

_LONGEST_POINTER = 1024  # characters; it is kept with every intent
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/")


class Options(Protocol):
    """What of a rule's settings the formats themselves look at; see ``rule_settings`` for what they mean."""

    @property
    def tag(self) -> str | None:
        """Dotted path of the tag."""

    @property
    def image(self) -> str | None:
        """Dotted path of a whole reference."""

    @property
    def digest(self) -> str | None:
        """Dotted path of the digest."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Service: dotted path of its tag."""

    @property
    def repositories(self) -> Mapping[str, str]:
        """Service: dotted path of its image repository."""


@dataclass(frozen=True, slots=True)
class Found:
    """One image as written; at least one of ``tag`` and ``digest`` is there, nothing is checked yet.

    ``service``: the name that the format itself gives it, if it gives one. ``namespace`` and ``labels``: of the object around it.
    """

    pointer: str
    repository: str | None
    tag: str | None
    digest: str | None
    service: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Format:
    """One way to declare images in a file."""

    find: Callable[[list[Value], Options], Iterator[Found]]
    strict: bool = False  # reads only what its options point at: a malformed image there is an error, not passed over
    options: frozenset[str] = frozenset()  # those settings of a rule that are this format's own
    names_services: bool = True  # finds names for services, so that a rule need not
    has_objects: bool = False  # knows namespaces and labels
    named_after_path: bool = False  # an image without a name of its own is called after the file's directory


def known_text(value: Value) -> str | None:
    """The text of a scalar that says something: not null, empty, templated, encrypted or a collection."""
    return value if isinstance(value, str) and value and not is_opaque(value) else None


def split_reference(text: str) -> tuple[str | None, str | None, str | None]:
    """Cut ``repository:tag@digest`` into its parts, those that are there; nothing is checked."""
    name, _, digest = text.partition("@")
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon] or None, name[colon + 1 :] or None, digest or None
    return name or None, None, digest or None


def split_tag(text: str | None) -> tuple[str | None, str | None]:
    """A tag may carry its digest, as charts that know no digest are given it: ``1.4@sha256:…``."""
    tag, _, digest = (text or "").partition("@")
    return tag or None, digest or None


def step(pointer: str, key: str) -> str:
    """The pointer of ``key`` below ``pointer``; a key that holds other than letters, digits, ``_ - /`` is quoted.

    Raises:
        Unreadable: the pointer is longer than anything a deployment would need.
    """
    name = key if key and _BARE.issuperset(key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(pointer) + len(name) > _LONGEST_POINTER:
        msg = f"an image below a path of more than {_LONGEST_POINTER} characters"
        raise Unreadable(msg)
    return f"{pointer}.{name}" if pointer and not pointer.endswith(")") else pointer + name


def document_pointer(index: int) -> str:
    """Where the pointers of a document begin: nothing for the first, ``(2)`` for the second."""
    return f"({index + 1})" if index else ""
