"""CDEvents 0.4 and 0.5 as CloudEvents: services deployed and removed, artifacts published, incidents."""

from adapters.hooks.cdevents.decode import CdeventsDecoder
from adapters.hooks.cdevents.settings import CdeventsHookSettings

__all__ = ["CdeventsHookSettings", "open_decoder"]


def open_decoder(settings: CdeventsHookSettings) -> CdeventsDecoder:
    """The decoder."""
    return CdeventsDecoder(settings)
