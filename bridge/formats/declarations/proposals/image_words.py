"""Lines of a text file that look as if they pinned an image: a cheap first look, before anything is parsed.

It is what the report calls an image-looking change: broader than any format, so that nothing stays unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST_LINE = 2000  # bytes; longer ones are data
_KEY = re.compile(
    rb"""(?:[iI]mage|IMAGE|[tT]ag|TAG|newName|[dD]igest|DIGEST)["']?[ \t]*[:=][ \t]*["']?([A-Za-z0-9][\w./:@-]*)"""
)
_BEFORE_KEY = re.compile(rb"[\w.-]*\Z")
_ITEM = re.compile(rb"""["'\s]([a-z0-9][\w.-]*(?:/[\w.-]+)*(?::[\w.-]+)?@sha256:[0-9a-f]{64})""")
_COMMENT = re.compile(rb"\s*(?:#|//)")
_NO_VALUES = frozenset({b"true", b"false", b"null", b"yes", b"no", b"on", b"off"})
_NO_IMAGE = re.compile(rb"(?i)(?:checktag|etag|use-?tag|pull-?image)\Z")
_ENCRYPTED = b"ENC["  # SOPS: its values carry a `tag` of their own
_DOCUMENTATION = re.compile(
    r"(?:\A|/)(?:\.github|\.gitlab|\.circleci|docs?)/"
    r"|\.(?:md|rst|txt|adoc|lock|svg|png|py|go|js|ts|sh|patch)\Z|(?:lock|schema)\.json\Z",
    re.IGNORECASE,
)


def may_declare(path: str) -> bool:
    """Whether a path is worth a look: not documentation, source code, or the pipelines' own definitions."""
    return _DOCUMENTATION.search(path) is None


def has_image_words(data: bytes) -> bool:
    """Whether something in a file looks like an image, a tag or a digest."""
    return b"\0" not in data and (_KEY.search(data) is not None or _ITEM.search(data) is not None)


def is_image_change(before: bytes, after: bytes) -> bool:
    """Whether something pinned was moved to another version: a key that is there on both sides changed its value."""
    if b"\0" in before or b"\0" in after:
        return False
    was, now = set(before.splitlines()), set(after.splitlines())
    return bool(_pinned_keys(was - now) & _pinned_keys(now - was))


def _pinned_keys(lines: Iterable[bytes]) -> set[bytes]:
    """The keys of the lines that pin something; an item of a list without a key is pinned by nothing."""
    found = set()
    for line in lines:
        if len(line) > _LONGEST_LINE or _ENCRYPTED in line or _COMMENT.match(line):
            continue
        for match in _KEY.finditer(line):
            start = _BEFORE_KEY.search(line, 0, match.start())
            key = line[start.start() if start else match.start() : match.start(1)].rstrip(b"\"' \t:=")
            if match[1].lower() not in _NO_VALUES and not _NO_IMAGE.search(key):
                found.add(key)
        if not found and _ITEM.search(line):
            found.add(b"")
    return found
