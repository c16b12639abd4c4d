"""Events of Flux's notification-controller, from providers of the types generic and generic-hmac."""

from adapters.hooks.flux.decode import FluxDecoder
from adapters.hooks.flux.settings import FluxHookSettings

__all__ = ["FluxHookSettings", "open_decoder"]


def open_decoder(settings: FluxHookSettings) -> FluxDecoder:
    """The decoder."""
    return FluxDecoder(settings)
