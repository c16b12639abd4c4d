"""Webhooks of GitHub (and GitHub Enterprise Server): pushes, deployment statuses, and packages of its container registry."""

from adapters.hooks.github.decode import GithubDecoder
from adapters.hooks.github.settings import GithubHookSettings

__all__ = ["GithubHookSettings", "open_decoder"]


def open_decoder(settings: GithubHookSettings) -> GithubDecoder:
    """The decoder."""
    return GithubDecoder(settings)
