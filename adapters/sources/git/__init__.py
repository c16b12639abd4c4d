"""Intents from the landings of one branch of a Git repository, read with libgit2."""

from __future__ import annotations

import importlib

_HOMES = {
    "GitSourceSettings": ("settings", "GitSourceSettings"),
    "open_adapter": ("source", "open_source"),
    "open_sample": ("sampling", "open_sample"),
    "open_shared": ("shared", "open_shared"),
}


def __getattr__(name: str) -> object:
    """Import what is asked for: the process that reads long histories needs none of it, and is to start quickly."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
