"""What a format finds in a file, before the rule gives it a target: the parts of an image reference and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.go_templates import is_opaque
from bridge.formats.declarations.yaml_text import Value

_LONGEST_POINTER = 1024  # characters; it is kept with every intent
MOST_IMAGES = 10_000  # in one file; far beyond any real one
LONGEST_TEXT = (
    4096  # characters of a name or a version; aliases can repeat a long text many times, so none is even searched
)
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

    @property
    def pattern(self) -> str | None:
        """A regular expression with named groups."""

    @property
    def charts(self) -> bool:
        """Whether pinned Helm charts are declared too."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the object around an image says of itself."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


_NOTHING_AROUND = Around()


@dataclass(frozen=True, slots=True)
class Found:
    """One image as written; at least one of ``tag`` and ``digest`` is there, nothing is checked yet.

    ``service`` and ``environment``: the names that the format itself gives, if it gives any. ``keys``: the names of the mappings
    around it, outermost first. ``part``: what an overlay would name to replace just this image, with a word before it for the sort
    of name (``image shop``, ``container web``).
    """

    pointer: str
    repository: str | None
    tag: str | None
    digest: str | None
    service: str | None = None
    around: Around = _NOTHING_AROUND
    environment: str | None = None
    keys: tuple[str, ...] = ()
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One way to declare images in a file: in its YAML or JSON documents (``find``), or in its text (``find_in_text``)."""

    find: Callable[[list[Value], Options], Iterator[Found]] | None = None
    find_in_text: Callable[[str, Options], Iterator[Found]] | None = None
    find_renames: Callable[[list[Value], Options], Iterator[Found]] | None = (
        None  # images that only get another repository than where they are inherited from: the only ones without a version
    )
    strict: bool = False  # reads only what its options point at: a malformed image there is an error, not passed over
    options: frozenset[str] = frozenset()  # those settings of a rule that are this format's own
    names_services: bool = True  # finds names for services, so that a rule need not
    has_objects: bool = False  # knows namespaces, labels and annotations
    has_keys: bool = False  # knows the names of the mappings around an image
    named_after_path: Callable[[str, Mapping[str, str]], str] | None = (
        None  # (path, captured words): names the nameless
    )


def known_text(value: Value) -> str | None:
    """The text of a scalar that says something: not null, empty, overlong, templated, encrypted or a collection."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and not is_opaque(value) else None


def check_number(images: int) -> None:
    """Refuse a file with more images than any file has.

    Raises:
        Unreadable: it has.
    """
    if images > MOST_IMAGES:
        msg = f"more than {MOST_IMAGES} images in one file"
        raise Unreadable(msg)


def split_reference(text: str) -> tuple[str | None, str | None, str | None]:
    """Cut ``repository:tag@digest`` into its parts, those that are there; nothing is checked."""
    name, _, digest = text.partition("@")
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon] or None, name[colon + 1 :] or None, digest or None
    return name or None, None, digest or None


def find_reference(text: str | None, pointer: str) -> Found | None:
    """An image written as one reference; None for one that names no version."""
    repository, tag, digest = split_reference(text) if text else (None, None, None)
    return Found(pointer, repository, tag, digest) if tag or digest else None


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
    return f"{pointer}.{name}" if pointer and not pointer.endswith((")", "|")) else pointer + name


def descend(value: Value, *path: str) -> Value:
    """What stands below ``value`` at a path of keys; None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def items_of(value: Value) -> list[Value]:
    """The items of a list; none for anything else."""
    return value if isinstance(value, list) else []


def texts_of(value: Value) -> dict[str, str]:
    """Those entries of a mapping that are known texts, such as labels."""
    entries = value.items() if isinstance(value, dict) else ()
    return {name: text for name, entry in entries if (text := known_text(entry))}


def name_from_directory(path: str, captures: Mapping[str, str]) -> str:
    """The nearest directory that is not itself a captured word, else the file's name up to its first dot."""
    *directories, file = path.split("/")
    taken = set(captures.values())
    return next((name for name in reversed(directories) if name not in taken), file.split(".", 1)[0] or file)


def document_pointer(index: int) -> str:
    """Where the pointers of a document begin: nothing for the first, ``(2)`` for the second."""
    return f"({index + 1})" if index else ""
