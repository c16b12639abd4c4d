"""What a file of an infra repository declares: one image for one target, and where in the file it stands."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.names import ImageRef, Target

ANY_VERSION = "(inherited)"  # no legal tag
_LONGEST_REASON = 300  # characters; a reason is read by people and kept in the log


@dataclass(frozen=True, slots=True)
class Declaration:
    """One image that one place in a file declares.

    ``pointer`` is the path of the scalar that carries the version, such as ``images[0].newTag`` or ``web.image.tag``; it is
    unique within one file and one rule. The image's repository is None where only a tag is declared.

    ``level``: 0 for what is declared for the target itself; higher for what it inherits, the nearer the lower: a lower level
    replaces a higher one. ``part``: what says which image of the target is replaced, see ``found.Found``. ``renames``: the place
    gives another repository to the image that it replaces, whose version it takes; its own is ``ANY_VERSION``.
    """

    target: Target
    image: ImageRef
    pointer: str
    level: int = 0
    part: str | None = None
    renames: bool = False


class Unreadable(ValueError):  # noqa: N818 - named by what is true of the file
    """The file can't be read as its rule says; the text says where and why, is short, and never quotes a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…")
