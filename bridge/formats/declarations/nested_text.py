"""Documents inside documents: a scalar that is itself YAML or JSON, such as inline patches and Argo CD's ``helm.values``.

The pointer of something inside is the scalar's own, a ``|``, and the pointer within it: ``spec.source.helm.values|image.tag``.
"""

from __future__ import annotations

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.go_templates import is_opaque
from bridge.formats.declarations.yaml_text import LARGEST_FILE, Value, parse_documents


class NestedText:
    """Reads the texts inside one file. Aliases can repeat a text a thousand times, so what is read is counted."""

    def __init__(self) -> None:
        self._left = LARGEST_FILE  # characters; without aliases a file holds no more

    def read(self, text: Value, pointer: str, *, must_hold: str = "") -> tuple[list[Value], str]:
        """The text's documents, and where their pointers begin; none for a text that is filled in elsewhere, or lacks a word.

        A text that only holds variables or template actions here and there is read: the rest of it is known.

        Raises:
            Unreadable: it is no YAML, or all texts of the file together exceed the budget.
        """
        if not isinstance(text, str):
            return [], pointer
        self._left -= len(text)
        if self._left < 0:
            msg = f"at {pointer}: more than {LARGEST_FILE} characters of text inside the file, aliases counted"
            raise Unreadable(msg)
        if must_hold not in text:
            return [], pointer
        try:
            return parse_documents(text), f"{pointer}|"
        except Unreadable as error:
            if is_opaque(text):
                return [], pointer
            msg = f"at {pointer}: {error}"
            raise Unreadable(msg) from None
