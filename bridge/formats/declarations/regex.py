"""The format ``regex``: images in any text, by a regular expression with named groups.

The groups: ``image`` (a whole reference) or ``tag`` and ``digest``, ``repository``, and the names ``service`` and ``environment``.
``^`` and ``$`` are the ends of lines. The syntax is RE2's, whose time grows with the text and never explodes: no look-around and
no back-references. A pointer is the line and column of the version, from 1, columns in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]  # it has no stubs

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import Format, Found, Options, known_text, split_reference, split_tag

_GROUPS = frozenset({"image", "tag", "digest", "repository", "service", "environment"})
_VERSIONS = ("tag", "digest", "image")
_LARGEST_PROGRAM = 1 << 20  # bytes of memory for one expression
_MOST_MATCHES = 50_000


class _Match(Protocol):
    def group(self, group: int) -> bytes | None: ...

    def start(self, group: int) -> int: ...


class _Expression(Protocol):
    @property
    def groupindex(self) -> dict[bytes, int]: ...

    def finditer(self, text: bytes) -> Iterator[_Match]: ...


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> _Expression:
    """Compile a rule's expression.

    Raises:
        ValueError: it is none that RE2 knows, or its groups are not those of this format.
    """
    options = re2.Options()
    options.max_mem = _LARGEST_PROGRAM
    options.log_errors = False
    try:
        compiled = cast("_Expression", re2.compile(b"(?m)" + text.encode(), options))
        groups = _groups_of(compiled)
    except (re2.error, UnicodeError) as error:
        msg = (
            f"{text[:80]!r} is no expression of RE2 (which knows no look-around and no back-references): {_said(error)}"
        )
        raise ValueError(msg) from None
    if extra := groups - _GROUPS:
        msg = f"the groups {', '.join(sorted(extra))} mean nothing: expected {', '.join(sorted(_GROUPS))}"
        raise ValueError(msg)
    if groups.isdisjoint(_VERSIONS):
        msg = "no group that is a version: expected (?P<tag>…), (?P<digest>…) or (?P<image>…)"
        raise ValueError(msg)
    return compiled


def words_of(pattern: str | None) -> frozenset[str]:
    """The names among the groups: ``service``, ``environment`` or both."""
    return _groups_of(compile_pattern(pattern)) & {"service", "environment"} if pattern else frozenset()


def find(text: str, options: Options) -> Iterator[Found]:
    """The images that the expression finds, in the order of the text.

    Raises:
        Unreadable: it finds more than any file of declarations holds.
    """
    data = text.replace("\r\n", "\n").encode(errors="replace")  # for RE2, a `$` does not stand before a `\r`
    line, line_start, counted = 1, 0, 0
    expression = compile_pattern(options.pattern or "")
    groups = {name.decode(): index for name, index in expression.groupindex.items()}
    for number, match in enumerate(expression.finditer(data)):
        if number >= _MOST_MATCHES:
            msg = f"the pattern matches more than {_MOST_MATCHES} times"
            raise Unreadable(msg)
        found = {
            name: known_text(written.decode(errors="replace"))
            for name, index in groups.items()
            if (written := match.group(index))
        }
        group = next((name for name in _VERSIONS if found.get(name)), None)
        if group is None:
            continue
        start = match.start(groups[group])
        if breaks := data.count(b"\n", counted, start):
            line, line_start = line + breaks, data.rfind(b"\n", counted, start) + 1
        counted = max(counted, start)
        repository, tag, digest = split_reference(found.get("image") or "")
        if found.get("tag"):
            tag, digest = split_tag(found["tag"])
        yield Found(
            f"line {line}, column {start - line_start + 1}",
            found.get("repository") or repository,
            tag,
            found.get("digest") or digest,
            found.get("service"),
            environment=found.get("environment"),
        )


def _groups_of(compiled: _Expression) -> frozenset[str]:
    return frozenset(name.decode(errors="replace") for name in compiled.groupindex)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


FORMAT = Format(find_in_text=find, names_services=False, options=frozenset({"pattern"}))
