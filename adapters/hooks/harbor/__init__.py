"""Webhooks of a Harbor project."""

from adapters.hooks.harbor.decode import HarborDecoder
from adapters.hooks.harbor.settings import HarborHookSettings

__all__ = ["HarborHookSettings", "open_decoder"]


def open_decoder(settings: HarborHookSettings) -> HarborDecoder:
    """The decoder."""
    return HarborDecoder(settings)
