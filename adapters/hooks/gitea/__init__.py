"""Pushes as Gitea, Forgejo and Gogs announce them."""

from adapters.hooks.gitea.decode import GiteaDecoder
from adapters.hooks.gitea.settings import GiteaHookSettings

__all__ = ["GiteaHookSettings", "open_decoder"]


def open_decoder(settings: GiteaHookSettings) -> GiteaDecoder:
    """The decoder; nothing in the settings changes what a push means."""
    del settings
    return GiteaDecoder()
