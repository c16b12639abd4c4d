"""Pushes as GitLab announces them."""

from adapters.hooks.gitlab.decode import GitlabDecoder
from adapters.hooks.gitlab.settings import GitlabHookSettings

__all__ = ["GitlabHookSettings", "open_decoder"]


def open_decoder(settings: GitlabHookSettings) -> GitlabDecoder:
    """The decoder; nothing in the settings changes what a push means."""
    del settings
    return GitlabDecoder()
