"""Values: plain data that nobody changes once it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True)
def value(*, kw_only: bool = False, order: bool = False) -> Callable[[type[_T]], type[_T]]:
    """A dataclass that compares and hashes by its fields, and that the type checker holds frozen.

    At run time it is not: a frozen dataclass sets each field through ``object.__setattr__``, which triples what it costs to
    make one, and every fact makes half a dozen.
    """
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only, order=order)
