"""Images as they stand in objects of a cluster."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bridge.domain.names import ImageRef, parse_image


class Image(NamedTuple):
    """The image of a container: as written, and read; ``reference`` is None where it can't be read."""

    text: str
    reference: ImageRef | None


@lru_cache(maxsize=16384)  # a fleet repeats its images; most events of a watch change none
def read_image(text: str) -> ImageRef | None:
    """An image of a container; without a tag or digest it is ``latest``, as the kubelet has it. None: it is no reference."""
    try:
        if "@" not in text and text.rfind(":") <= text.rfind("/"):
            return parse_image(f"{text}:latest")
        return parse_image(text)
    except ValueError:
        return None
