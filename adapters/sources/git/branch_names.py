"""Which branches a source reads: one by its name, or all whose names match a pattern. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.formats.declarations.path_patterns import PathPattern

HEADS = "refs/heads/"
_SPECIAL = re.compile(r"[{}*?]")
# What git-check-ref-format refuses, and the glob that a refspec would take for one.
_BAD_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(/|\Z)|(\A|/)[.-]|[./]\Z|\A/|\A@\Z")
_TOKENS = re.compile(r"\{[^{}]*\}|[*?]+")


class BranchNames:
    """``text`` as configured: a name, or a pattern in the words of path patterns (``env/{environment}``, ``release/*``)."""

    def __init__(self, text: str) -> None:
        """Raises ValueError: it is neither."""
        literal = _TOKENS.sub("x", text)
        if not text or _BAD_BRANCH.search(literal) or text.startswith("refs/"):
            msg = (
                f"{text[:80]!r} is not the name of a branch such as main or release/1.2 (without refs/heads/), "
                "nor a pattern such as env/{environment}"
            )
            raise ValueError(msg)
        self.text = text
        self._pattern = PathPattern(text) if _SPECIAL.search(text) else None
        self.prefix = text if self._pattern is None else _SPECIAL.split(text, maxsplit=1)[0]  # all names begin so

    @property
    def several(self) -> bool:
        """Whether it is a pattern, whatever matches it at the moment."""
        return self._pattern is not None

    @property
    def words(self) -> frozenset[str] | None:
        """What the names capture; None for a single branch."""
        return None if self._pattern is None else self._pattern.words

    def captured_from(self, branch: str) -> Mapping[str, str] | None:
        """The words that a branch's name captures; None for a branch that is not read."""
        if self._pattern is None:
            return {} if branch == self.text else None
        return self._pattern.match(branch) if branch.isprintable() else None  # no lone surrogates: it was UTF-8 once

    def among(self, refs: Mapping[str, bytes]) -> dict[str, bytes]:
        """The branches that are read, of all refs by their whole names, in order of their names."""
        names = (ref.removeprefix(HEADS) for ref in sorted(refs) if ref.startswith(HEADS))
        return {name: refs[HEADS + name] for name in names if self.captured_from(name) is not None}
