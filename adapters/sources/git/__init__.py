"""Intents from the landings of one branch of a Git repository, read with libgit2."""

from adapters.sources.git.sampling import open_sample
from adapters.sources.git.settings import GitSourceSettings
from adapters.sources.git.shared import open_shared
from adapters.sources.git.source import open_source as open_adapter

__all__ = ["GitSourceSettings", "open_adapter", "open_sample", "open_shared"]
