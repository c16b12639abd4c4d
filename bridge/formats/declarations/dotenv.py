"""Lines of ``NAME=value``, as in ``.env`` files: read like a mapping of texts.

``export`` before a name, comments, empty lines and quoted values (also over several lines) are as shells and Compose know them;
nothing is expanded.
"""

from __future__ import annotations

import re

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]{0,255})[ \t]*=[ \t]*(.*)\Z", re.DOTALL)


def read_dotenv(text: str) -> dict[str, str | None] | None:
    """The names with what they are set to; None for a text that holds anything else. A name set twice has its last value."""
    lines = text.replace("\r\n", "\n").split("\n")
    values: dict[str, str | None] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.match(line)
        if match is None:
            return None
        name, value = match.groups()
        if (quote := value[:1]) in {'"', "'"}:
            parts = [value[1:]]
            while quote not in parts[-1]:
                if number == len(lines):
                    return None
                parts.append(lines[number])
                number += 1
            value = "\n".join(parts).rpartition(quote)[0]
        else:
            value = _without_comment(value)
        values[name] = value or None
    return values or None


def _without_comment(value: str) -> str:
    """A comment begins with a ``#`` after a space, or right after the equals sign."""
    at = value.find("#")
    while at > 0 and value[at - 1] not in " \t":
        at = value.find("#", at + 1)
    return (value if at < 0 else value[:at]).rstrip()
