"""Pushes as GitHub (and GitHub Enterprise Server) announces them."""

from adapters.hooks.github.decode import GithubDecoder
from adapters.hooks.github.settings import GithubHookSettings

__all__ = ["GithubHookSettings", "open_decoder"]


def open_decoder(settings: GithubHookSettings) -> GithubDecoder:
    """The decoder; nothing in the settings changes what a push means."""
    del settings
    return GithubDecoder()
