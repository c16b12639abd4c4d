"""Pushes as Bitbucket Cloud and Bitbucket Data Center (Server) announce them."""

from adapters.hooks.bitbucket.decode import BitbucketDecoder
from adapters.hooks.bitbucket.settings import BitbucketHookSettings

__all__ = ["BitbucketHookSettings", "open_decoder"]


def open_decoder(settings: BitbucketHookSettings) -> BitbucketDecoder:
    """The decoder; nothing in the settings changes what a push means."""
    del settings
    return BitbucketDecoder()
