"""Notifications of the CNCF Distribution registry, and of registries built on it."""

from adapters.hooks.distribution.decode import DistributionDecoder
from adapters.hooks.distribution.settings import DistributionHookSettings

__all__ = ["DistributionHookSettings", "open_decoder"]


def open_decoder(settings: DistributionHookSettings) -> DistributionDecoder:
    """The decoder."""
    return DistributionDecoder(settings)
