"""Lines of a text file that look as if they pinned an image: a cheap first look, before anything is parsed.

It is what the report calls an image-looking change: broader than any format, so that nothing a rule should have covered stays unseen.
"""

from __future__ import annotations

import re

_LARGEST = 1_000_000  # bytes that are looked at; image declarations stand in small files
_PINNED = re.compile(
    rb"""^(?!\s*(?:\#|//))[^\n]*?(?:
        (?P<key>[\w.-]*(?:image|tag|newname|digest))["']?[ \t]*[:=][ \t]*["']?(?P<value>[A-Za-z0-9][\w./:@-]*)
        | [-"'][ \t]*["']?(?P<item>[a-z0-9][\w.-]*(?:/[\w.-]+)*(?::[\w.-]+)?@sha256:[0-9a-f]{64})
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_NO_VALUES = frozenset({b"true", b"false", b"null", b"yes", b"no", b"on", b"off"})
_IGNORED_KEYS = re.compile(rb"(?i)(?:donotchecktag|checktag|pull-?image|use-?tag)\Z")
_DOCUMENTATION = re.compile(r"(?:\A|/)(?:\.github|\.gitlab|\.circleci|docs?)/|\.(?:md|rst|txt|adoc|lock|svg|py|go|js|ts|patch|tf)\Z|lock\.json\Z", re.IGNORECASE)


def may_declare(path: str) -> bool:
    """Whether a path is worth a look: not documentation, source code, or the pipelines' own definitions."""
    return _DOCUMENTATION.search(path) is None


def image_words(data: bytes) -> frozenset[tuple[bytes, bytes]]:
    """The (key, value) pairs of a file that look like an image, a tag or a digest; a key of nothing is a list's item."""
    if len(data) > _LARGEST or b"\0" in data:
        return frozenset()
    found = set()
    for match in _PINNED.finditer(data):
        key, value = (match["key"], match["value"]) if match["item"] is None else (b"", match["item"])
        if value.lower() not in _NO_VALUES and not _IGNORED_KEYS.search(key):
            found.add((key, value))
    return frozenset(found)


def is_image_change(before: bytes, after: bytes) -> bool:
    """Whether some key kept its place and changed its value: something pinned was moved to another version."""
    was, now = image_words(before), image_words(after)
    if was == now:
        return False
    gone, new = was - now, now - was
    return bool({key for key, _ in gone} & {key for key, _ in new})
