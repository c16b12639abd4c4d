"""Go template actions in YAML (helmfile's ``*.gotmpl``, Helm templates) blanked out, so that the rest can be read.

What can't be known without running the template declares nothing:
- everything between ``{{ if }}``, ``{{ range }}``, ``{{ with }}``, ``{{ define }}`` or ``{{ block }}`` and its ``{{ end }}``
  is left out;
- an action alone on its line is left out; one among other text becomes a mark, and a scalar that holds the mark is
  ``is_opaque``. Line numbers stay what they were.
"""

from __future__ import annotations

import re

from bridge.formats.declarations.declaration import Unreadable

TEMPLATED = "\ue000"  # a private-use character: legal in YAML, in no image reference
_ACTION = re.compile(r"\{\{-?\s*(if|range|with|define|block|end)?\b")


def is_opaque(text: str) -> bool:
    """Whether a value is filled in or decrypted elsewhere: a template, ``${VARIABLE}``, or a SOPS ``ENC[...]``."""
    return TEMPLATED in text or "{{" in text or "${" in text or text.startswith("ENC[")


def blank_templates(text: str) -> str:
    """Replace every template action, keeping the number of lines.

    Raises:
        Unreadable: an action or a block is not closed.
    """
    parts: list[str] = []
    position = depth = block_start = 0
    while (start := text.find("{{", position)) >= 0:
        end = _end_of_action(text, start)
        match = _ACTION.match(text, start)
        word = match[1] if match else None
        if depth == 0:
            parts.append(text[position:start])
            block_start = start
        if word == "end":
            depth = max(0, depth - 1)
        elif word is not None:
            depth += 1
        if depth == 0:
            parts.append(TEMPLATED + "\n" * text.count("\n", block_start, end))
        position = end
    if depth:
        msg = f"line {_line(text, block_start)}: a template block without its end"
        raise Unreadable(msg)
    parts.append(text[position:])
    return "\n".join(map(_without_lone_mark, "".join(parts).split("\n"))) if len(parts) > 1 else text


def _end_of_action(text: str, start: int) -> int:
    closing = "*/" if text.startswith(("/*", "- /*"), start + 2) else ""
    inside = text.find(closing, start + 2) if closing else start
    end = text.find("}}", inside) if inside >= 0 else -1
    if end < 0:
        msg = f"line {_line(text, start)}: a template action without its closing braces"
        raise Unreadable(msg)
    return end + 2


def _without_lone_mark(line: str) -> str:
    return line if line.strip(" \t\r" + TEMPLATED) else ""


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
