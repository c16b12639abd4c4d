"""Path patterns: which files a rule reads, and the words it captures from their paths.

``*`` is any run of characters within a segment, ``?`` one, ``**`` as a whole segment any depth, also none; ``{word}`` captures at
least one character of a segment, ``{word:a|b*}`` only one of these globs. The same word twice must be the same text.
Everything else stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([^{}/]+))?\}|(\*+)|(\?)|([{}])|([^{}*?]+)")


class PathPattern:
    """One compiled pattern. Paths are relative to the repository's root and ``/``-separated."""

    def __init__(self, text: str) -> None:
        segments = text.split("/")
        if not all(segments) or any(segment in {".", ".."} for segment in segments):
            msg = f"{text!r} is not a path pattern: expected a/b/c without empty, . or .. segments"
            raise ValueError(msg)
        self.text = text
        words: set[str] = set()
        self._path = re.compile(_path_expression(text, segments, words) + r"\Z")
        self.words = frozenset(words)  # what it captures
        self._segments = [None if segment == "**" else _segment_matcher(text, segment) for segment in segments]

    def match(self, path: str) -> Mapping[str, str] | None:
        """The captured words, or None where the pattern does not match."""
        found = self._path.match(path)
        return found.groupdict() if found else None

    def may_contain(self, directory: str) -> bool:
        """Whether some path below ``directory`` ("" is the root) could match."""
        states = self._closure({0})
        for name in directory.split("/") if directory else ():
            moved: set[int] = set()
            for state in states:
                if state < len(self._segments):
                    matcher = self._segments[state]
                    if matcher is None:
                        moved.add(state)
                    elif matcher.match(name):
                        moved.add(state + 1)
            states = self._closure(moved)
        return any(state < len(self._segments) for state in states)

    def _closure(self, states: set[int]) -> set[int]:
        """The states and those after a ``**`` that stands for no segment at all; one at the very end needs a segment."""
        reached = set(states)
        for state in range(len(self._segments) - 1):
            if state in reached and self._segments[state] is None:
                reached.add(state + 1)
        return reached


def _path_expression(text: str, segments: list[str], words: set[str]) -> str:
    parts: list[str] = []
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        if segment == "**":
            parts.append(".+" if index == last else "(?:[^/]+/)*")
        else:
            parts.append(_segment_expression(text, segment, words) + ("" if index == last else "/"))
    return "".join(parts)


def _segment_matcher(text: str, segment: str) -> re.Pattern[str]:
    return re.compile(_segment_expression(text, segment, set()) + r"\Z")


def _segment_expression(text: str, segment: str, words: set[str]) -> str:
    parts: list[str] = []
    for word, choices, stars, question, brace, literal in _TOKEN.findall(segment):
        if word:
            parts.append(_capture(word, choices, words))
        elif stars == "*":
            parts.append("[^/]*")
        elif stars:
            msg = f"{text!r} is not a path pattern: ** must be a whole segment, as in a/**/b"
            raise ValueError(msg)
        elif brace:
            msg = (
                f"{text!r} is not a path pattern: expected captures such as {{environment}} or {{environment:dev|prod}}"
            )
            raise ValueError(msg)
        else:
            parts.append("[^/]" if question else re.escape(literal))
    return "".join(parts)


def _capture(word: str, choices: str, words: set[str]) -> str:
    if word in words:
        return f"(?P={word})"
    words.add(word)
    allowed = "|".join(_glob(choice) for choice in choices.split("|")) if choices else "[^/]+"
    return f"(?P<{word}>{allowed})"


def _glob(text: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in text)
